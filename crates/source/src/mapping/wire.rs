//! The mapping as TOML writes it, and the checks on the way in.

use std::collections::BTreeMap;

use serde::Deserialize;
use throng_event::{Calendar, Decimal, EventKind};

use super::{
    AmountColumn, AmountPer, AmountUnit, AnswerColumns, ColumnType, Condition, DecimalMark, EventRule, Mapping,
    PersonOf, ProductColumns, Target, Term,
};
use crate::SourceError;
use crate::table::is_absent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    table: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: String,
    event: Option<toml::Value>,
    sheet: Option<String>,
    id: Option<String>,
    person: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    group_id: Option<String>,
    time: toml::Value,
    time_format: Option<String>,
    time_zone: Option<String>,
    order: Option<String>,
    refund: Option<String>,
    currency: Option<toml::Value>,
    channel: Option<toml::Value>,
    rating: Option<String>,
    text: Option<String>,
    decimal: Option<String>,
    product: Option<Product>,
    amount: Option<Amount>,
    #[serde(default)]
    when: Vec<When>,
    #[serde(default)]
    properties: BTreeMap<String, toml::Value>,
    #[serde(default)]
    traits: BTreeMap<String, toml::Value>,
    answer: Option<Answer>,
    ignore: Option<Ignore>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    id: Option<String>,
    name: Option<String>,
    category: Option<String>,
    brand: Option<String>,
    quantity: Option<String>,
    price: Option<String>,
    amount: Option<String>,
    discount: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    column: String,
    unit: Option<String>,
    per: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    column: String,
    event: String,
    equals: Option<String>,
    starts_with: Option<String>,
    ends_with: Option<String>,
    contains: Option<String>,
    below: Option<toml::Value>,
    above: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    question: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {
    columns: Vec<String>,
}

/// The event that Segment's e-commerce spec pairs with the completed order.
const REFUND: (&str, &str) = ("Order Completed", "Order Refunded");

/// Returns what an event is called by custom when it is undone.
pub(super) fn usual_refund(event: &Term) -> Option<&'static str> {
    matches!(event, Term::Constant(name) if name == REFUND.0).then_some(REFUND.1)
}

/// The longest name admission takes for one.
const EVENT_NAME_BYTES_MAX: usize = 256;

pub(super) fn parse(text: &str) -> Result<Mapping, SourceError> {
    let file: File = toml::from_str(text).map_err(|error| fault(error.to_string().trim_end()))?;
    let table = file.table;
    let kind = EventKind::from_name(&table.kind).ok_or_else(|| {
        fault(&format!("table.kind is {:?}; use track, identify, page, screen, group or alias", table.kind))
    })?;
    let person = person(&table)?;
    let event = table.event.map(|value| term("event", &value)).transpose()?;
    if event.is_none() && kind == EventKind::Track {
        return Err(fault("table.event is missing; write event = \"…\" or event = { column = \"…\" }"));
    }
    let zone = table.time_zone.as_deref().map(Calendar::new).transpose();
    zone.map_err(|error| fault(&format!("table.time_zone: {error}")))?;
    if let Some(name) = &table.refund
        && (name.len() > EVENT_NAME_BYTES_MAX || name.trim() != name || (!name.is_empty() && is_absent(name)))
    {
        return Err(fault(&format!("table.refund is {name:?}, which cannot be the name of an event")));
    }
    let refund = match table.refund {
        Some(name) => Some(name).filter(|name| !name.is_empty()),
        None => event.as_ref().and_then(usual_refund).map(str::to_owned),
    };
    Ok(Mapping {
        kind,
        event,
        sheet: table.sheet,
        id: table.id,
        person,
        user_id: table.user_id,
        anonymous_id: table.anonymous_id,
        group_id: table.group_id,
        time: time(table.time)?,
        time_format: table.time_format,
        time_zone: table.time_zone,
        order: table.order,
        refund,
        currency: table.currency.map(|value| currency(&value)).transpose()?,
        channel: table.channel.map(|value| term("channel", &value)).transpose()?,
        rating: table.rating,
        text: table.text,
        decimal: choice("decimal", table.decimal, &[(".", DecimalMark::Point), (",", DecimalMark::Comma)])?,
        product: table.product.map(product),
        amount: table.amount.map(amount).transpose()?,
        when: table.when.into_iter().map(rule).collect::<Result<_, _>>()?,
        properties: targets("properties", table.properties)?,
        traits: targets("traits", table.traits)?,
        answer: table.answer.map(|answer| AnswerColumns { question: answer.question, value: answer.value }),
        ignore: table.ignore.map(|ignore| ignore.columns).unwrap_or_default(),
    })
}

fn person(table: &Table) -> Result<PersonOf, SourceError> {
    let person = choice("person", table.person.clone(), &[("columns", PersonOf::Columns), ("row", PersonOf::Row)])?;
    let named = table.user_id.is_some() || table.anonymous_id.is_some();
    match (person, named, table.order.is_some()) {
        (PersonOf::Columns, false, _) => Err(fault(
            "table.user_id is missing, and so is table.anonymous_id; one of them must name a column, \
             or write person = \"row\" if each row is a person of its own",
        )),
        (PersonOf::Row, true, _) => Err(fault("table.person is \"row\", so no column can name the person")),
        (PersonOf::Row, _, true) => Err(fault("table.person is \"row\", so rows cannot be put together to orders")),
        (person, _, _) => Ok(person),
    }
}

fn fault(reason: &str) -> SourceError {
    SourceError::Mapping { reason: reason.to_owned() }
}

/// Returns the choice a text names, the first of them when there is no text.
fn choice<T: Copy>(key: &str, text: Option<String>, choices: &[(&str, T)]) -> Result<T, SourceError> {
    let Some(text) = text else {
        return Ok(choices[0].1);
    };
    choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        fault(&format!("table.{key} is {text:?}; use {}", names.join(" or ")))
    })
}

fn term(key: &str, value: &toml::Value) -> Result<Term, SourceError> {
    if let Some(text) = value.as_str() {
        return Ok(Term::Constant(text.to_owned()));
    }
    let parts = value.as_table().filter(|parts| parts.keys().all(|name| name == "column" || name == "prefix"));
    let column = parts.and_then(|parts| parts.get("column")?.as_str());
    let prefix = parts.map_or(Some(""), |parts| parts.get("prefix").map_or(Some(""), toml::Value::as_str));
    match (column, prefix) {
        (Some(column), Some(prefix)) => Ok(Term::Column { column: column.to_owned(), prefix: prefix.to_owned() }),
        _ => Err(fault(&format!(
            "table.{key} must be a text or {{ column = \"…\", prefix = \"…\" }}, the prefix optional"
        ))),
    }
}

fn currency(value: &toml::Value) -> Result<Term, SourceError> {
    let term = term("currency", value)?;
    if let Term::Constant(code) = &term
        && code.parse::<throng_event::Currency>().is_err()
    {
        return Err(fault(&format!("table.currency is {code:?}; use a three-letter code such as EUR")));
    }
    Ok(term)
}

/// A bare text names the column here, for a time that is the same in every row is rare.
fn time(value: toml::Value) -> Result<Term, SourceError> {
    if let toml::Value::String(column) = value {
        return Ok(Term::Column { column, prefix: String::new() });
    }
    match value.get("constant").and_then(toml::Value::as_str) {
        Some(constant) => Ok(Term::Constant(constant.to_owned())),
        None => Err(fault("table.time must be the name of a column or { constant = \"2024-12-31\" }")),
    }
}

fn product(product: Product) -> ProductColumns {
    ProductColumns {
        id: product.id,
        name: product.name,
        category: product.category,
        brand: product.brand,
        quantity: product.quantity,
        price: product.price,
        amount: product.amount,
        discount: product.discount,
    }
}

fn amount(amount: Amount) -> Result<AmountColumn, SourceError> {
    let units = [("major", AmountUnit::Major), ("minor", AmountUnit::Minor), ("micro", AmountUnit::Micro)];
    Ok(AmountColumn {
        column: amount.column,
        unit: choice("amount.unit", amount.unit, &units)?,
        per: choice("amount.per", amount.per, &[("row", AmountPer::Row), ("order", AmountPer::Order)])?,
    })
}

fn rule(when: When) -> Result<EventRule, SourceError> {
    let number = |value: toml::Value| {
        Decimal::parse(&value.to_string()).ok_or_else(|| {
            fault(&format!("the rule for {:?} in table.when compares with {value}, which is no number", when.column))
        })
    };
    let conditions = [
        when.equals.map(Condition::Equals),
        when.starts_with.map(Condition::StartsWith),
        when.ends_with.map(Condition::EndsWith),
        when.contains.map(Condition::Contains),
        when.below.map(number).transpose()?.map(Condition::Below),
        when.above.map(number).transpose()?.map(Condition::Above),
    ];
    let mut conditions = conditions.into_iter().flatten();
    match (conditions.next(), conditions.next()) {
        (Some(condition), None) => Ok(EventRule { column: when.column, condition, event: when.event }),
        _ => Err(fault(&format!(
            "the rule for {:?} in table.when needs one of equals, starts_with, ends_with, contains, below, above",
            when.column
        ))),
    }
}

/// The names of the ways to read a column.
pub(super) const READINGS: [(&str, ColumnType); 5] = [
    ("auto", ColumnType::Auto),
    ("text", ColumnType::Text),
    ("number", ColumnType::Number),
    ("bool", ColumnType::Bool),
    ("time", ColumnType::Time),
];

fn targets(key: &str, values: BTreeMap<String, toml::Value>) -> Result<BTreeMap<String, Target>, SourceError> {
    let mut targets = BTreeMap::new();
    for (column, value) in values {
        let place = format!("{key}.{column:?}");
        let target = match value.as_str() {
            Some(name) => Target { name: name.to_owned(), reading: ColumnType::Auto },
            None => {
                let name = value.get("name").and_then(toml::Value::as_str);
                let reading = value.get("type").and_then(toml::Value::as_str);
                if name.is_none() && reading.is_none() {
                    return Err(fault(&format!("table.{place} must be a name or {{ name = \"…\", type = \"…\" }}")));
                }
                let reading = choice(&place, reading.map(str::to_owned), &READINGS)?;
                Target { name: name.unwrap_or(&column).to_owned(), reading }
            }
        };
        targets.insert(column, target);
    }
    Ok(targets)
}
