//! A mapping fitted to the columns of one table, and what it makes of a row.

use compact_str::CompactString;
use throng_event::{Calendar, Currency, Decimal, Draft, EventKind, Money, Problem, ProblemKind, ProductLine, Value};

use super::clock::Clock;
use super::row::{CellKind, Columns, Row};
use crate::mapping::{
    AmountPer, AmountUnit, ColumnType, Condition, DecimalMark, Mapping, PersonOf, STATED, Target, Term,
};
use crate::proposal::snake_case;
use crate::{Import, SourceError, number};

/// A mapping whose columns are positions.
#[derive(Clone)]
pub(super) struct Plan {
    kind: EventKind,
    event: Option<Source>,
    person: PersonOf,
    id: Option<usize>,
    user_id: Option<usize>,
    anonymous_id: Option<usize>,
    group_id: Option<usize>,
    time: Source,
    clock: Clock,
    order: Option<usize>,
    refund: Option<String>,
    currency: Option<Source>,
    channel: Option<Source>,
    rating: Option<usize>,
    text: Option<usize>,
    mark: DecimalMark,
    product: Option<Product>,
    amount: Option<(usize, AmountUnit, AmountPer)>,
    when: Vec<(usize, Condition, String)>,
    properties: Vec<Fact>,
    traits: Vec<Fact>,
    answer: Option<(usize, usize)>,
    fallback_currency: Option<Currency>,
    source_name: String,
}

#[derive(Clone)]
enum Source {
    Constant(String),
    Column(usize, String),
}

/// A column that becomes a property or trait.
#[derive(Clone)]
struct Fact {
    idx: usize,
    name: CompactString,
    reading: ColumnType,
    /// Whether the column before becomes the same.
    again: bool,
}

#[derive(Clone)]
struct Product {
    id: Option<usize>,
    name: Option<usize>,
    category: Option<usize>,
    brand: Option<usize>,
    quantity: Option<usize>,
    price: Option<usize>,
    amount: Option<usize>,
    discount: Option<usize>,
}

/// What one row says; the rows of an order are put together before admission.
pub(super) struct Line {
    /// All but products and money.
    pub(super) draft: Draft,
    pub(super) product: Option<ProductLine>,
    /// What the row itself says was paid.
    pub(super) amount: Option<Decimal>,
    pub(super) currency: Option<Currency>,
    pub(super) order: Option<String>,
    pub(super) mended: Vec<Problem>,
    /// Bytes of the texts of the row.
    pub(super) n_bytes: usize,
}

impl Plan {
    /// Fits a mapping to columns, adding those the mapping names.
    pub(super) fn new(mapping: &Mapping, import: Import<'_>, columns: &mut Columns) -> Result<Self, SourceError> {
        let mut at = |name: &String| columns.position(name);
        let product = mapping.product.as_ref().map(|product| Product {
            id: product.id.as_ref().map(&mut at),
            name: product.name.as_ref().map(&mut at),
            category: product.category.as_ref().map(&mut at),
            brand: product.brand.as_ref().map(&mut at),
            quantity: product.quantity.as_ref().map(&mut at),
            price: product.price.as_ref().map(&mut at),
            amount: product.amount.as_ref().map(&mut at),
            discount: product.discount.as_ref().map(&mut at),
        });
        let zone = match &mapping.time_zone {
            Some(name) => Calendar::new(name).map_err(|error| SourceError::Mapping { reason: error.to_string() })?,
            None => import.calendar.clone(),
        };
        Ok(Self {
            kind: mapping.kind,
            person: mapping.person,
            event: mapping.event.as_ref().map(|term| Source::new(term, &mut at)),
            id: mapping.id.as_ref().map(&mut at),
            user_id: mapping.user_id.as_ref().map(&mut at),
            anonymous_id: mapping.anonymous_id.as_ref().map(&mut at),
            group_id: mapping.group_id.as_ref().map(&mut at),
            time: Source::new(&mapping.time, &mut at),
            clock: Clock::new(mapping.time_format.as_deref(), zone.zone().clone()),
            order: mapping.order.as_ref().map(&mut at),
            refund: mapping.refund.clone(),
            currency: mapping.currency.as_ref().map(|term| Source::new(term, &mut at)),
            channel: mapping.channel.as_ref().map(|term| Source::new(term, &mut at)),
            rating: mapping.rating.as_ref().map(&mut at),
            text: mapping.text.as_ref().map(&mut at),
            mark: mapping.decimal,
            product,
            amount: mapping.amount.as_ref().map(|amount| (at(&amount.column), amount.unit, amount.per)),
            when: mapping
                .when
                .iter()
                .map(|rule| (at(&rule.column), rule.condition.clone(), rule.event.clone()))
                .collect(),
            properties: by_name(mapping.properties.iter().map(|(column, target)| (at(column), target))),
            traits: by_name(mapping.traits.iter().map(|(column, target)| (at(column), target))),
            answer: mapping.answer.as_ref().map(|answer| (at(&answer.question), at(&answer.value))),
            fallback_currency: import.currency,
            source_name: import.limits.source.clone(),
        })
    }

    /// Whether a row has an id.
    pub(super) fn names(&self, row: &Row) -> bool {
        self.id.is_some_and(|idx| row.get(idx).is_some())
    }

    /// Names the person of a row that is one, by the row's id or by what makes its content.
    pub(super) fn name_person(&self, draft: &mut Draft) {
        if self.person == PersonOf::Row {
            let by_content = || format!("{}/row-{}", self.source_name, &blake3::hash(&draft.content).to_hex()[..32]);
            draft.anonymous_id = Some(draft.id.clone().unwrap_or_else(by_content));
        }
    }

    pub(super) fn amount_per(&self) -> AmountPer {
        self.amount.as_ref().map_or(AmountPer::Row, |(_, _, per)| *per)
    }

    /// Returns what a row says; what is fatal stands in the draft's problems.
    pub(super) fn line(&mut self, row: &Row) -> Line {
        let mut line = Line {
            draft: Draft { kind: Some(self.kind), ..Draft::default() },
            product: None,
            amount: None,
            currency: None,
            order: text(row, self.order),
            mended: row.mended.clone(),
            n_bytes: row.n_text_bytes(),
        };
        let draft = &mut line.draft;
        draft.name = self.event_name(row);
        // Ids of two tables must not meet, for an event's id is unique in the whole lake.
        draft.id = self.id.and_then(|idx| row.get(idx)).map(|id| [&self.source_name, "/", id].concat());
        draft.user_id = text(row, self.user_id);
        draft.anonymous_id = text(row, self.anonymous_id);
        draft.group_id = text(row, self.group_id);
        draft.channel = self.channel.as_ref().and_then(|channel| channel.text(row));
        draft.text = text(row, self.text);
        self.read_time(row, draft);
        self.read_facts(row, &mut line);
        self.read_answer(row, &mut line.draft);
        if let Err(problem) = self.read_amounts(row, &mut line) {
            line.draft.problems.push(problem);
        }
        line
    }

    fn event_name(&self, row: &Row) -> Option<String> {
        let holds = |(idx, condition, _): &&(usize, Condition, String)| {
            row.get(*idx).is_some_and(|text| self.holds(condition, text))
        };
        match self.when.iter().find(holds) {
            Some((_, _, event)) => Some(event.clone()),
            None => self.event.as_ref().and_then(|event| event.text(row)),
        }
    }

    fn holds(&self, condition: &Condition, text: &str) -> bool {
        match condition {
            Condition::Equals(other) => text == other,
            Condition::StartsWith(start) => text.starts_with(start.as_str()),
            Condition::EndsWith(end) => text.ends_with(end.as_str()),
            Condition::Contains(part) => text.contains(part.as_str()),
            Condition::Below(bound) => number::parse(text, self.mark).is_some_and(|number| number < *bound),
            Condition::Above(bound) => number::parse(text, self.mark).is_some_and(|number| number > *bound),
        }
    }

    fn read_time(&mut self, row: &Row, draft: &mut Draft) {
        let (time, kind) = match &self.time {
            Source::Constant(time) => (time.as_str(), CellKind::Time),
            Source::Column(idx, _) => match row.get(*idx) {
                Some(time) => (time, row.kind(*idx)),
                None => return,
            },
        };
        // What is a time in the table itself is not written in any column's way.
        let in_itself = if kind == CellKind::Time { self.clock.read_usual(time) } else { None };
        draft.occurred_at = in_itself.or_else(|| self.clock.read(time));
        if draft.occurred_at.is_none() {
            draft.problems.push(Problem::new(ProblemKind::InvalidTime, time));
        }
    }

    /// Reads properties, traits and the rating; none of them costs the row.
    fn read_facts(&self, row: &Row, line: &mut Line) {
        for (facts, attributes) in
            [(&self.properties, &mut line.draft.properties), (&self.traits, &mut line.draft.traits)]
        {
            attributes.reserve(facts.len().min(ATTRIBUTES_USUAL_MAX));
            for Fact { idx, name, reading, again } in facts {
                let Some(text) = row.get(*idx) else { continue };
                let (value, well) = self.value(text, row.kind(*idx), *reading);
                if !well {
                    line.mended.push(Problem::new(misread(*reading), &format!("{name}: {text}")));
                }
                if *again {
                    attributes.insert(name.clone(), value);
                } else {
                    attributes.push(name.clone(), value);
                }
            }
        }
        if let Some(text) = self.rating.and_then(|idx| row.get(idx)) {
            line.draft.rating = number::parse(text, self.mark);
            if line.draft.rating.is_none() {
                line.mended.push(Problem::new(ProblemKind::InvalidNumber, text));
            }
        }
    }

    /// Reads a survey's answer: a trait named after its question.
    fn read_answer(&self, row: &Row, draft: &mut Draft) {
        let Some((question, answer)) = self.answer else { return };
        let Some(question) = row.get(question) else {
            draft.problems.push(Problem::new(ProblemKind::MissingName, "an answer without its question"));
            return;
        };
        // Who gave no answer was asked all the same, and stated nothing.
        if let Some(text) = row.get(answer) {
            let (value, _) = self.value(text, row.kind(answer), ColumnType::Auto);
            draft.traits.insert(stated_name(question), value);
        }
    }

    /// Returns the value of a cell and whether it is of the type it should be.
    fn value(&self, text: &str, kind: CellKind, reading: ColumnType) -> (Value, bool) {
        let as_text = || Value::text(text);
        let read = match (reading, kind) {
            (ColumnType::Text, _) => return (as_text(), true),
            (ColumnType::Auto, CellKind::Json) => return (Value::Json(text.to_owned()), true),
            (ColumnType::Auto, CellKind::Text | CellKind::Absent) => {
                return (super::infer::plain_value(text, self.mark).unwrap_or_else(as_text), true);
            }
            (ColumnType::Number, _) => number::parse(text, self.mark).map(Value::Number),
            (ColumnType::Auto, CellKind::Number) => number::parse(text, DecimalMark::Point).map(Value::Number),
            (ColumnType::Bool, _) | (ColumnType::Auto, CellKind::Bool) => super::infer::truth(text).map(Value::Bool),
            (ColumnType::Time, _) | (ColumnType::Auto, CellKind::Time) => {
                self.clock.read_alike(text).map(Value::Instant)
            }
        };
        let well = read.is_some();
        (read.unwrap_or_else(as_text), well)
    }

    /// Reads money and product; a wrong number among them costs the row, for an
    /// order with a part missing is worse than an order put aside.
    fn read_amounts(&self, row: &Row, line: &mut Line) -> Result<(), Problem> {
        if self.product.is_none() && self.amount.is_none() {
            return Ok(());
        }
        line.currency = self.fallback_currency;
        if let Some(code) = self.currency.as_ref().and_then(|currency| currency.text(row)) {
            line.currency = code.parse().ok();
            if line.currency.is_none() {
                line.mended.push(Problem::new(ProblemKind::InvalidCurrency, &code));
            }
        }
        if let Some((idx, unit, _)) = self.amount {
            line.amount = self.number(row, Some(idx))?.map(|amount| in_major(amount, unit, line.currency));
        }
        if let Some(columns) = &self.product {
            line.product = self.product(row, columns, line.currency)?;
        }
        let paid = line.amount.is_some() || self.product.as_ref().is_some_and(|columns| columns.costs(row));
        if paid
            && line.currency.is_none()
            && line.mended.iter().all(|problem| problem.kind != ProblemKind::InvalidCurrency)
        {
            line.mended.push(Problem::new(ProblemKind::InvalidCurrency, "an amount without a currency"));
        }
        Ok(())
    }

    fn product(
        &self,
        row: &Row,
        columns: &Product,
        currency: Option<Currency>,
    ) -> Result<Option<ProductLine>, Problem> {
        let name = text(row, columns.name);
        let Some(product_id) = text(row, columns.id).or_else(|| name.clone()) else {
            return Ok(None);
        };
        let quantity = self.number(row, columns.quantity)?.unwrap_or(Decimal(Decimal::ONE));
        let discount = self.number(row, columns.discount)?.map(|discount| Decimal(discount.0.saturating_abs()));
        let amount =
            match self.number(row, columns.amount)? {
                Some(amount) => Some(amount),
                None => match self.number(row, columns.price)? {
                    Some(price) => {
                        let amount = number::times(price, quantity)
                            .and_then(|amount| number::minus(amount, discount.unwrap_or_default()));
                        Some(amount.ok_or_else(|| {
                            Problem::new(ProblemKind::InvalidNumber, &format!("{price} × {quantity}"))
                        })?)
                    }
                    None => None,
                },
            };
        let minor = |amount: Option<Decimal>| Some(Money::from_major(amount?, currency?).minor);
        Ok(Some(ProductLine {
            product_id,
            name,
            category: text(row, columns.category),
            brand: text(row, columns.brand),
            quantity,
            amount_minor: minor(amount),
            discount_minor: minor(discount),
        }))
    }

    fn number(&self, row: &Row, idx: Option<usize>) -> Result<Option<Decimal>, Problem> {
        let Some((idx, text)) = idx.and_then(|idx| Some((idx, row.get(idx)?))) else {
            return Ok(None);
        };
        let mark = if row.kind(idx) == CellKind::Number { DecimalMark::Point } else { self.mark };
        match number::parse(text, mark) {
            Some(number) => Ok(Some(number)),
            None => Err(Problem::new(ProblemKind::InvalidNumber, text)),
        }
    }

    /// Completes the draft of a whole event: money, products and the name of what goes back.
    pub(super) fn complete(&self, draft: &mut Draft, products: Vec<ProductLine>, money: Option<Money>) {
        let minor = money.map_or(0, |money| money.minor);
        let goods_back = products.iter().all(|line| line.quantity.0 < 0) && !products.is_empty();
        if let Some(refund) = &self.refund
            && (minor < 0 || minor == 0 && goods_back)
        {
            draft.name = Some(refund.clone());
        }
        draft.products = products;
        draft.money = money;
    }
}

/// Attributes that there is room for before any is read: of thousands of columns a row may fill few.
const ATTRIBUTES_USUAL_MAX: usize = 64;

/// Returns columns in the order of their attributes, in which attributes are kept: of two for one
/// attribute the later stays the later.
fn by_name<'m>(targets: impl Iterator<Item = (usize, &'m Target)>) -> Vec<Fact> {
    let fact = |(idx, target): (usize, &Target)| Fact {
        idx,
        name: CompactString::from(&target.name),
        reading: target.reading,
        again: false,
    };
    let mut facts: Vec<Fact> = targets.map(fact).collect();
    facts.sort_by(|a, b| a.name.cmp(&b.name));
    for place in 1..facts.len() {
        facts[place].again = facts[place].name == facts[place - 1].name;
    }
    facts
}

impl Product {
    fn costs(&self, row: &Row) -> bool {
        [self.price, self.amount].into_iter().flatten().any(|idx| row.get(idx).is_some())
    }
}

impl Source {
    fn new(term: &Term, at: &mut impl FnMut(&String) -> usize) -> Self {
        match term {
            Term::Constant(text) => Self::Constant(text.clone()),
            Term::Column { column, prefix } => Self::Column(at(column), prefix.clone()),
        }
    }

    fn text(&self, row: &Row) -> Option<String> {
        match self {
            Self::Constant(text) => Some(text.clone()),
            Self::Column(idx, prefix) => row.get(*idx).map(|text| [prefix, text].concat()),
        }
    }
}

fn text(row: &Row, idx: Option<usize>) -> Option<String> {
    row.get(idx?).map(str::to_owned)
}

/// Bytes of a question in the name of a trait; longer ones are told apart within as many.
const QUESTION_BYTES_MAX: usize = 128;

/// Returns the name of the trait that holds the answers to a question.
fn stated_name(question: &str) -> String {
    let plain = snake_case(question);
    let name = if plain.is_empty() { question } else { &plain };
    format!("{STATED}{}", &name[..name.floor_char_boundary(QUESTION_BYTES_MAX)])
}

fn misread(reading: ColumnType) -> ProblemKind {
    match reading {
        ColumnType::Time => ProblemKind::InvalidTime,
        ColumnType::Auto | ColumnType::Text | ColumnType::Number | ColumnType::Bool => ProblemKind::InvalidNumber,
    }
}

fn in_major(amount: Decimal, unit: AmountUnit, currency: Option<Currency>) -> Decimal {
    let divisor = match unit {
        AmountUnit::Major => 1,
        AmountUnit::Minor => 10_i64.pow(currency.map_or(2, Currency::exponent)),
        AmountUnit::Micro => Decimal::ONE,
    };
    Decimal(amount.0 / divisor)
}
