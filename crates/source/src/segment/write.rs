//! Events as Segment messages, and what they need to be read back exactly.
//!
//! Every field stands where the Spec has it, so that other programs understand it. What
//! the Spec has no place for, or what reading would take for something else, is said
//! once more under `integrations.Throng`, the place the Spec leaves to single tools; the
//! reader believes that part. Written and read again, an event is the same event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use throng_event::{Attributes, Decimal, Draft, Event, EventKind, Identity, Instant, Money, ProductLine, Value};

/// Dots in a name that reading makes of nested objects.
const DOTS_MAX: usize = 2;

/// What the Spec has no place for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Exact {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    products: Vec<Line>,
    properties: BTreeMap<String, Typed>,
    context: BTreeMap<String, Typed>,
    traits: BTreeMap<String, Typed>,
}

/// A product line; numbers as they are kept, millionths and minor units.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: String,
    name: Option<String>,
    category: Option<String>,
    brand: Option<String>,
    quantity: i64,
    amount_minor: Option<i64>,
    discount_minor: Option<i64>,
}

/// A value with its type.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Typed {
    Bool(bool),
    Number(i64),
    Instant(i64),
    Text(String),
    Json(String),
}

/// Returns an event as one line of JSON, a message of the Segment Spec.
///
/// ```
/// use throng_event::{Calendar, Instant, Limits, PersonalData};
/// use throng_source::{Import, Taken, read_segment, write_segment};
///
/// let personal = PersonalData::default();
/// let limits = Limits { source: "web".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal };
/// let import = Import { limits: &limits, calendar: &Calendar::utc(), currency: None };
/// let read = |text: &str| {
///     let mut events = Vec::new();
///     read_segment(text.as_bytes(), import, &mut |taken| {
///         events.extend(if let Taken::Event { event, .. } = taken { Some(*event) } else { None });
///         Ok(())
///     })
///     .unwrap();
///     events
/// };
/// let line = r#"{"type":"track","event":"Signed Up","userId":7,"timestamp":"2024-03-01T10:00:00Z","messageId":"m1"}"#;
/// let events = read(line);
/// assert_eq!(read(&write_segment(&events[0])), events);
/// ```
#[must_use]
pub fn write_segment(event: &Event) -> String {
    let mut message = Map::new();
    let mut text = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            message.insert(name.to_owned(), Json::from(value));
        }
    };
    text("type", Some(event.kind.as_str()));
    text("messageId", Some(&event.id.0));
    text("userId", event.user_id.as_deref());
    text("anonymousId", event.anonymous_id.as_deref());
    text("groupId", event.group_id.as_deref());
    text("previousId", event.previous_id.as_deref());
    text("event", (event.kind == EventKind::Track).then_some(event.name.as_str()));
    text("timestamp", Some(&event.occurred_at.to_string()));
    text("receivedAt", Some(&event.received_at.to_string()));
    text("channel", event.channel.as_deref());
    let mut properties = nested(&event.properties);
    if let Some(money) = event.money {
        properties.entry("total").or_insert_with(|| number(major(money)));
        properties.entry("currency").or_insert_with(|| Json::from(money.currency.to_string()));
    }
    if !event.products.is_empty() {
        properties.insert("products".to_owned(), event.products.iter().map(product).collect());
    }
    for (name, part) in
        [("properties", properties), ("context", nested(&event.context)), ("traits", nested(&event.traits))]
    {
        if !part.is_empty() {
            message.insert(name.to_owned(), Json::Object(part));
        }
    }
    let exact = serde_json::to_value(Exact::of(event)).unwrap_or_default();
    message.insert("integrations".to_owned(), json!({ "All": true, "Throng": exact }));
    Json::Object(message).to_string()
}

/// Returns attributes as objects within objects, as their names say.
fn nested(attributes: &Attributes) -> Map<String, Json> {
    let mut object = Map::new();
    for (name, value) in attributes {
        let value = match value {
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(decimal) => number(*decimal),
            Value::Instant(instant) => Json::from(instant.to_string()),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        };
        let mut place = &mut object;
        let mut parts = name.splitn(DOTS_MAX + 1, '.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value);
                break;
            }
            let inner = place.entry(part).or_insert_with(|| Json::Object(Map::new()));
            // A name that is also the beginning of another keeps its own value.
            let Json::Object(inner) = inner else { break };
            place = inner;
        }
    }
    object
}

/// Returns an amount in units of its currency.
fn major(money: Money) -> Decimal {
    Decimal(money.minor.saturating_mul(Decimal::ONE / 10_i64.pow(money.currency.exponent())))
}

fn number(decimal: Decimal) -> Json {
    serde_json::from_str(&decimal.to_string()).unwrap_or_default()
}

fn product(line: &ProductLine) -> Json {
    let mut object = Map::new();
    object.insert("product_id".to_owned(), Json::from(line.product_id.as_str()));
    for (name, text) in [("name", &line.name), ("category", &line.category), ("brand", &line.brand)] {
        object.extend(text.as_ref().map(|text| (name.to_owned(), Json::from(text.as_str()))));
    }
    object.insert("quantity".to_owned(), number(line.quantity));
    Json::Object(object)
}

impl Exact {
    fn of(event: &Event) -> Self {
        let line = |line: &ProductLine| Line {
            id: line.product_id.clone(),
            name: line.name.clone(),
            category: line.category.clone(),
            brand: line.brand.clone(),
            quantity: line.quantity.0,
            amount_minor: line.amount_minor,
            discount_minor: line.discount_minor,
        };
        let typed =
            |attributes: &Attributes| attributes.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Self {
            name: Some(event.name.clone()),
            channel: event.channel.clone(),
            sent_at: event.sent_at.map(|instant| instant.0),
            amount_minor: event.money.map(|money| money.minor),
            currency: event.money.map(|money| money.currency.to_string()),
            rating: event.rating.map(|rating| rating.0),
            text: event.text.clone(),
            external_ids: event.external_ids.iter().map(Identity::to_string).collect(),
            products: event.products.iter().map(line).collect(),
            properties: typed(&event.properties),
            context: typed(&event.context),
            traits: typed(&event.traits),
        }
    }
}

/// Puts what an export of ours says exactly in the place of what the Spec's fields gave.
pub(super) fn apply_exact(integrations: &str, draft: &mut Draft) {
    #[derive(Deserialize)]
    struct Integrations {
        #[serde(rename = "Throng")]
        exact: Option<Exact>,
    }
    // Other tools write other things there.
    let Ok(Integrations { exact: Some(exact) }) = serde_json::from_str(integrations) else { return };
    let untyped = |attributes: BTreeMap<String, Typed>| -> Attributes {
        attributes.into_iter().map(|(name, value)| (name, value.into())).collect()
    };
    let line = |line: Line| ProductLine {
        product_id: line.id,
        name: line.name,
        category: line.category,
        brand: line.brand,
        quantity: Decimal(line.quantity),
        amount_minor: line.amount_minor,
        discount_minor: line.discount_minor,
    };
    let currency = exact.currency.and_then(|code| code.parse().ok());
    draft.name = exact.name;
    draft.channel = exact.channel;
    draft.money = exact.amount_minor.zip(currency).map(|(minor, currency)| Money { minor, currency });
    draft.rating = exact.rating.map(Decimal);
    draft.text = exact.text;
    draft.external_ids = exact.external_ids.iter().filter_map(|id| Identity::parse(id)).collect();
    draft.products = exact.products.into_iter().map(line).collect();
    draft.properties = untyped(exact.properties);
    draft.context = untyped(exact.context);
    draft.traits = untyped(exact.traits);
    draft.sent_at = exact.sent_at.map(Instant);
    // The time was corrected for the source's clock when the event was admitted first;
    // admission will do so again.
    if let (Some(occurred_at), Some(sent_at), Some(received_at)) = (draft.occurred_at, draft.sent_at, draft.received_at)
    {
        let skew = received_at.0.saturating_sub(sent_at.0);
        draft.occurred_at = Some(Instant(occurred_at.0.saturating_sub(skew)));
    }
}

impl From<&Value> for Typed {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.0),
            Value::Instant(instant) => Self::Instant(instant.0),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Json(text) => Self::Json(text.clone()),
        }
    }
}

impl From<Typed> for Value {
    fn from(typed: Typed) -> Self {
        match typed {
            Typed::Bool(flag) => Self::Bool(flag),
            Typed::Number(millionths) => Self::Number(Decimal(millionths)),
            Typed::Instant(us) => Self::Instant(Instant(us)),
            Typed::Text(text) => Self::text(text),
            Typed::Json(text) => Self::Json(text),
        }
    }
}
