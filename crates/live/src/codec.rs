//! The stored form of an event in the log: Postcard (its wire format 1.0) of the structs
//! here, behind one byte that says which form it is. Field order is the format; a change
//! is a new form with a number of its own, and the old one stays readable.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use throng_event::{
    Attributes, Decimal, Event, EventId, EventKind, Identity, IdentityKind, Instant, Money, ProductLine, Value,
};

use crate::LiveError;

/// The form written now.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredEvent<'a> {
    id: Cow<'a, str>,
    kind: u8,
    name: Cow<'a, str>,
    user_id: Option<Cow<'a, str>>,
    anonymous_id: Option<Cow<'a, str>>,
    external_ids: Vec<(u8, Cow<'a, str>)>,
    group_id: Option<Cow<'a, str>>,
    previous_id: Option<Cow<'a, str>>,
    occurred_at: i64,
    sent_at: Option<i64>,
    received_at: i64,
    source: Cow<'a, str>,
    channel: Option<Cow<'a, str>>,
    context: StoredAttributes<'a>,
    properties: StoredAttributes<'a>,
    traits: StoredAttributes<'a>,
    money: Option<(i64, Cow<'a, str>)>,
    products: Vec<StoredLine<'a>>,
    text: Option<Cow<'a, str>>,
    rating: Option<i64>,
}

type StoredAttributes<'a> = Vec<(Cow<'a, str>, StoredValue<'a>)>;

#[derive(Serialize, Deserialize)]
enum StoredValue<'a> {
    Bool(bool),
    Number(i64),
    Instant(i64),
    Text(Cow<'a, str>),
    Json(Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
struct StoredLine<'a> {
    product_id: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    category: Option<Cow<'a, str>>,
    brand: Option<Cow<'a, str>>,
    quantity: i64,
    amount_minor: Option<i64>,
    discount_minor: Option<i64>,
}

/// Every kind of event, by its stored number. Never reordered.
const KINDS: [EventKind; 6] =
    [EventKind::Track, EventKind::Identify, EventKind::Page, EventKind::Screen, EventKind::Group, EventKind::Alias];

/// Appends the stored form of an event.
pub(crate) fn encode(event: &Event, bytes: Vec<u8>) -> Result<Vec<u8>, LiveError> {
    let mut bytes = bytes;
    bytes.push(FORM);
    postcard::to_extend(&stored(event), bytes).map_err(|error| LiveError::Encode(error.to_string()))
}

/// Reads the stored form of an event.
pub(crate) fn decode(bytes: &[u8]) -> Result<Event, LiveError> {
    let stored: StoredEvent<'_> = postcard::from_bytes(body(bytes)?).map_err(|error| damaged(&error.to_string()))?;
    event(stored).ok_or_else(|| damaged("a record that no event was written as"))
}

/// Reads of the stored form of an event its id, which stands first.
pub(crate) fn decode_id(bytes: &[u8]) -> Result<&str, LiveError> {
    postcard::take_from_bytes(body(bytes)?).map(|(id, _)| id).map_err(|error| damaged(&error.to_string()))
}

/// Returns what stands behind the byte of the form.
fn body(bytes: &[u8]) -> Result<&[u8], LiveError> {
    match bytes.split_first() {
        Some((&FORM, body)) => Ok(body),
        Some((form, _)) => Err(damaged(&format!("a record of form {form}; this version reads form {FORM}"))),
        None => Err(damaged("an empty record")),
    }
}

fn damaged(what: &str) -> LiveError {
    LiveError::Damaged(what.to_owned())
}

fn stored(event: &Event) -> StoredEvent<'_> {
    fn text(text: &str) -> Cow<'_, str> {
        Cow::Borrowed(text)
    }
    fn texts(value: Option<&String>) -> Option<Cow<'_, str>> {
        value.map(|value| Cow::Borrowed(value.as_str()))
    }
    StoredEvent {
        id: text(&event.id.0),
        kind: position(&KINDS, event.kind),
        name: text(&event.name),
        user_id: texts(event.user_id.as_ref()),
        anonymous_id: texts(event.anonymous_id.as_ref()),
        external_ids: event
            .external_ids
            .iter()
            .map(|id| (position(&IdentityKind::ALL, id.kind), text(&id.value)))
            .collect(),
        group_id: texts(event.group_id.as_ref()),
        previous_id: texts(event.previous_id.as_ref()),
        occurred_at: event.occurred_at.0,
        sent_at: event.sent_at.map(|at| at.0),
        received_at: event.received_at.0,
        source: text(&event.source),
        channel: texts(event.channel.as_ref()),
        context: stored_attributes(&event.context),
        properties: stored_attributes(&event.properties),
        traits: stored_attributes(&event.traits),
        money: event.money.as_ref().map(|money| (money.minor, text(money.currency.as_str()))),
        products: event.products.iter().map(stored_line).collect(),
        text: texts(event.text.as_ref()),
        rating: event.rating.map(|rating| rating.0),
    }
}

/// Returns the stored number of a word of a closed list.
fn position<T: PartialEq>(all: &[T], one: T) -> u8 {
    let found = all.iter().position(|other| *other == one).unwrap_or(0);
    u8::try_from(found).unwrap_or(0)
}

fn stored_attributes(attributes: &Attributes) -> StoredAttributes<'_> {
    let value = |value| match value {
        &Value::Bool(flag) => StoredValue::Bool(flag),
        &Value::Number(Decimal(number)) => StoredValue::Number(number),
        &Value::Instant(Instant(at)) => StoredValue::Instant(at),
        Value::Text(text) => StoredValue::Text(Cow::Borrowed(text.as_str())),
        Value::Json(json) => StoredValue::Json(Cow::Borrowed(json.as_ref())),
    };
    attributes.iter().map(|(name, found)| (Cow::Borrowed(name), value(found))).collect()
}

fn stored_line(line: &ProductLine) -> StoredLine<'_> {
    StoredLine {
        product_id: Cow::Borrowed(&line.product_id),
        name: line.name.as_deref().map(Cow::Borrowed),
        category: line.category.as_deref().map(Cow::Borrowed),
        brand: line.brand.as_deref().map(Cow::Borrowed),
        quantity: line.quantity.0,
        amount_minor: line.amount_minor,
        discount_minor: line.discount_minor,
    }
}

fn event(stored: StoredEvent<'_>) -> Option<Event> {
    let texts = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned);
    let external_ids = stored
        .external_ids
        .into_iter()
        .map(|(kind, value)| Some(Identity::new(*IdentityKind::ALL.get(usize::from(kind))?, &value)));
    let money = match stored.money {
        Some((minor, currency)) => Some(Money { minor, currency: currency.parse().ok()? }),
        None => None,
    };
    Some(Event {
        id: EventId(stored.id.into_owned()),
        kind: *KINDS.get(usize::from(stored.kind))?,
        name: stored.name.into_owned(),
        user_id: texts(stored.user_id),
        anonymous_id: texts(stored.anonymous_id),
        external_ids: external_ids.collect::<Option<_>>()?,
        group_id: texts(stored.group_id),
        previous_id: texts(stored.previous_id),
        occurred_at: Instant(stored.occurred_at),
        sent_at: stored.sent_at.map(Instant),
        received_at: Instant(stored.received_at),
        source: stored.source.into_owned(),
        channel: texts(stored.channel),
        context: attributes(stored.context),
        properties: attributes(stored.properties),
        traits: attributes(stored.traits),
        money,
        products: stored.products.into_iter().map(line).collect(),
        text: texts(stored.text),
        rating: stored.rating.map(Decimal),
    })
}

fn attributes(stored: StoredAttributes<'_>) -> Attributes {
    let value = |value| match value {
        StoredValue::Bool(flag) => Value::Bool(flag),
        StoredValue::Number(number) => Value::Number(Decimal(number)),
        StoredValue::Instant(at) => Value::Instant(Instant(at)),
        StoredValue::Text(text) => Value::text(text),
        StoredValue::Json(json) => Value::Json(json.into_owned()),
    };
    let mut attributes = Attributes::new();
    attributes.reserve(stored.len());
    attributes.extend(stored.into_iter().map(|(name, found)| (compact_str::CompactString::from(name), value(found))));
    attributes
}

fn line(stored: StoredLine<'_>) -> ProductLine {
    let texts = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned);
    ProductLine {
        product_id: stored.product_id.into_owned(),
        name: texts(stored.name),
        category: texts(stored.category),
        brand: texts(stored.brand),
        quantity: Decimal(stored.quantity),
        amount_minor: stored.amount_minor,
        discount_minor: stored.discount_minor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_as_it_was() {
        for event in (0..20).flat_map(|seed| throng_testkit::random_events(seed, 100)) {
            let bytes = encode(&event, Vec::new()).unwrap();
            assert_eq!(decode(&bytes).unwrap(), event);
        }
    }

    #[test]
    fn a_damaged_record_is_an_error_and_never_a_panic() {
        let event = throng_testkit::random_events(3, 5).remove(4);
        let bytes = encode(&event, Vec::new()).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x55;
            // Another text is still a text; nothing else is asked of it.
            drop(decode(&changed));
        }
    }
}
