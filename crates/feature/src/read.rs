//! Values of an event, read once and without copies: what a batch column holds of one row.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};
use throng_event::{Currency, Day, Decimal, Event, EventKey, Field, ProductLine, Value};

use crate::ValueForm;
use crate::columns::NO_NUMBER;
use crate::number::{code, index};
use crate::plan::{CodeSource, FieldForm, Level, Plan, Predicate, Selection};

/// The values of one event for the fields of a plan.
pub(crate) struct Row<'e> {
    pub(crate) occurred_at: i64,
    pub(crate) key: i64,
    pub(crate) day: Day,
    pub(crate) hour: u8,
    pub(crate) n_lines: u32,
    cells: SmallVec<[Cells<'e>; 12]>,
}

/// The values of one field: one for the event, or one for every line.
pub(crate) enum Cells<'e> {
    Texts(SmallVec<[Option<Cow<'e, str>>; 1]>),
    Numbers(SmallVec<[Option<i64>; 1]>),
}

impl<'e> Row<'e> {
    /// Reads an event, of this key, that happened at a local day and hour.
    pub(crate) fn read(plan: &Plan, (event, key): (&'e Event, EventKey), (day, hour): (Day, u8)) -> Self {
        let cells = plan.fields.iter().map(|field| read(field, event, plan.currency));
        Self {
            occurred_at: event.occurred_at.0,
            key: key.0,
            day,
            hour,
            n_lines: code(event.products.len()),
            cells: cells.collect(),
        }
    }

    /// Returns the values of a field.
    pub(crate) fn cells(&self, field: usize) -> &Cells<'e> {
        &self.cells[field]
    }

    /// Returns the text of a field for the event, or for one of its lines.
    pub(crate) fn text(&self, field: usize, unit: u32) -> Option<&str> {
        match &self.cells[field] {
            Cells::Texts(texts) => texts[index(unit)].as_deref(),
            Cells::Numbers(_) => unreachable!("field {field} is planned as a text"),
        }
    }

    /// Returns the number of a field for the event, or for one of its lines.
    pub(crate) fn number(&self, field: usize, unit: u32) -> Option<i64> {
        match &self.cells[field] {
            Cells::Numbers(numbers) => numbers[index(unit)],
            Cells::Texts(_) => unreachable!("field {field} is planned as a number"),
        }
    }

    /// Returns the units a selection passes: 0 for the event, or its lines by position.
    pub(crate) fn units(&self, plan: &Plan, selection: &Selection) -> Vec<u32> {
        let holds = |predicate: &usize, unit: u32| self.holds(plan, &plan.predicates[*predicate], unit);
        let (on_lines, on_event): (Vec<usize>, Vec<usize>) =
            selection.predicates.iter().partition(|predicate| plan.per_line(&plan.predicates[**predicate]));
        if !on_event.iter().all(|predicate| holds(predicate, 0)) {
            return Vec::new();
        }
        let mut lines = (0..self.n_lines).filter(|line| on_lines.iter().all(|predicate| holds(predicate, *line)));
        match selection.level {
            Level::Lines => lines.collect(),
            Level::Events if on_lines.is_empty() || lines.next().is_some() => vec![0],
            Level::Events => Vec::new(),
        }
    }

    fn holds(&self, plan: &Plan, predicate: &Predicate, unit: u32) -> bool {
        match predicate {
            Predicate::OneOf { field, texts } => {
                self.text(*field, unit).is_some_and(|text| texts.iter().any(|known| known == text))
            }
            Predicate::Present { field } => match plan.fields[*field].form {
                ValueForm::Text => self.text(*field, unit).is_some(),
                ValueForm::Number => self.number(*field, unit).is_some(),
            },
            Predicate::Hours { bits } => bits >> self.hour & 1 == 1,
            Predicate::Weekdays { days } => days.contains(self.day.weekday()),
        }
    }
}

/// Returns the code the clock gives, or the field that has a text.
pub(crate) fn clock_code(source: CodeSource, day: Day, hour: u8) -> Result<u32, usize> {
    match source {
        CodeSource::Field(field) => Err(field),
        CodeSource::Hour => Ok(u32::from(hour)),
        CodeSource::Weekday => Ok(u32::from(day.weekday())),
        CodeSource::Day => Ok(day.0.cast_unsigned()),
    }
}

/// Returns the text of a clock's code, `None` for a field's, whose dictionary knows it.
pub(crate) fn clock_text(source: CodeSource, clock_code: u32) -> Option<String> {
    match source {
        CodeSource::Field(_) => None,
        CodeSource::Hour => Some(format!("{clock_code:02}")),
        CodeSource::Weekday => {
            Some(crate::kind::WEEKDAY_NAMES.get(index(clock_code)).copied().unwrap_or_default().to_owned())
        }
        CodeSource::Day => Some(Day(clock_code.cast_signed()).to_string()),
    }
}

fn read<'e>(field: &FieldForm, event: &'e Event, currency: Option<Currency>) -> Cells<'e> {
    let lines = event.products.iter();
    match (field.form, field.field.per_product()) {
        (ValueForm::Text, false) => Cells::Texts(smallvec![text(&field.field, event)]),
        (ValueForm::Text, true) => Cells::Texts(lines.map(|line| line_text(&field.field, line)).collect()),
        (ValueForm::Number, false) => Cells::Numbers(smallvec![kept(number(&field.field, event, currency))]),
        (ValueForm::Number, true) => {
            let ours = in_currency(event, currency);
            Cells::Numbers(lines.map(|line| kept(line_number(&field.field, line, ours))).collect())
        }
    }
}

/// The one integer that means "none" in a column means it everywhere.
fn kept(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number != NO_NUMBER)
}

/// Whether the event's money can be added to that of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Money {
    Ours,
    Foreign,
}

fn in_currency(event: &Event, currency: Option<Currency>) -> Money {
    match (event.money, currency) {
        (Some(money), Some(currency)) if money.currency != currency => Money::Foreign,
        (_, _) => Money::Ours,
    }
}

fn text<'e>(field: &Field, event: &'e Event) -> Option<Cow<'e, str>> {
    match field {
        Field::Name => Some(Cow::Borrowed(&event.name)),
        Field::Kind => Some(Cow::Borrowed(event.kind.as_str())),
        Field::Source => Some(Cow::Borrowed(&event.source)),
        Field::Channel => event.channel.as_deref().map(Cow::Borrowed),
        Field::Currency => event.money.map(|money| Cow::Owned(money.currency.to_string())),
        Field::Rating => event.rating.map(|rating| Cow::Owned(rating.to_string())),
        Field::Property(name) => event.properties.get(name).map(shown),
        Field::Context(name) => event.context.get(name).map(shown),
        Field::Trait(name) => event.traits.get(name).map(shown),
        Field::Amount
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount => None,
    }
}

fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Json(text) => Cow::Borrowed(text),
        Value::Bool(_) | Value::Number(_) | Value::Instant(_) => Cow::Owned(value.to_string()),
    }
}

fn line_text<'e>(field: &Field, line: &'e ProductLine) -> Option<Cow<'e, str>> {
    match field {
        Field::ProductId => Some(Cow::Borrowed(&line.product_id)),
        Field::ProductCategory => line.category.as_deref().map(Cow::Borrowed),
        Field::ProductBrand => line.brand.as_deref().map(Cow::Borrowed),
        Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount
        | Field::Property(_)
        | Field::Context(_)
        | Field::Trait(_) => None,
    }
}

fn number(field: &Field, event: &Event, currency: Option<Currency>) -> Option<i64> {
    match field {
        Field::Amount if in_currency(event, currency) == Money::Ours => event.money.map(|money| money.minor),
        Field::Rating => event.rating.map(|rating| rating.0),
        Field::Property(name) => event.properties.get(name).and_then(numeric),
        Field::Context(name) => event.context.get(name).and_then(numeric),
        Field::Trait(name) => event.traits.get(name).and_then(numeric),
        Field::Amount
        | Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Currency
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount => None,
    }
}

fn numeric(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Some(number.0),
        Value::Bool(flag) => Some(i64::from(*flag) * Decimal::ONE),
        Value::Instant(_) | Value::Text(_) | Value::Json(_) => None,
    }
}

fn line_number(field: &Field, line: &ProductLine, money: Money) -> Option<i64> {
    match field {
        Field::ProductQuantity => Some(line.quantity.0),
        Field::ProductAmount if money == Money::Ours => line.amount_minor,
        Field::ProductDiscount if money == Money::Ours => line.discount_minor,
        Field::ProductAmount
        | Field::ProductDiscount
        | Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::Property(_)
        | Field::Context(_)
        | Field::Trait(_) => None,
    }
}
