//! Events to rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Array, Decimal128Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StructBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use arrow::error::ArrowError;
use serde_json::{Map, Value as Json};
use throng_event::{Attributes, Event, Instant, Value};

use super::{
    DECIMAL, PROMOTED_COLUMNS_MAX, Part, Promoted, canonical_fields, column_name, product_fields, timestamp, value_type,
};

/// Returns the events as one batch of rows, promoting attributes on the way.
///
/// Rows are sorted by person and time, so that a person's events lie together.
/// `promoted` holds the table's columns before and after.
pub(crate) fn write_events(events: &mut [Event], promoted: &mut Promoted) -> Result<RecordBatch, ArrowError> {
    events.sort_by(|a, b| {
        let person = |event: &Event| (event.user_id.clone(), event.anonymous_id.clone());
        person(a).cmp(&person(b)).then_with(|| a.position().cmp(&b.position())).then_with(|| a.id.cmp(&b.id))
    });
    promote(events, promoted);
    let mut fields = canonical_fields();
    let mut columns = canonical_columns(events);
    for (column, data_type) in &promoted.0 {
        let Some((part, name)) = super::attribute_of(column) else { continue };
        fields.push(ArrowField::new(column, data_type.clone(), true));
        columns.push(attribute_column(events, part, &name, data_type)?);
    }
    columns
        .insert(fields.iter().position(|field| field.name() == "other").unwrap_or(0), other_column(events, promoted));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn part(event: &Event, part: Part) -> &Attributes {
    match part {
        Part::Properties => &event.properties,
        Part::Context => &event.context,
        Part::Traits => &event.traits,
    }
}

/// How many values of an attribute have each type, by the type's written name.
type TypeCounts = BTreeMap<String, (u64, DataType)>;

/// Gives columns to the attributes of these events, the most frequent first.
fn promote(events: &[Event], promoted: &mut Promoted) {
    let mut counts: BTreeMap<(Part, &str), TypeCounts> = BTreeMap::new();
    for event in events {
        for of in Part::ALL {
            for (name, value) in part(event, of) {
                let Some(data_type) = value_type(value) else { continue };
                let types = counts.entry((of, name)).or_default();
                types.entry(data_type.to_string()).or_insert((0, data_type)).0 += 1;
            }
        }
    }
    let mut candidates: Vec<(u64, String, DataType)> = counts
        .into_iter()
        .filter_map(|((of, name), types)| {
            let column = column_name(of, name)?;
            let n_values = types.values().map(|(count, _)| count).sum();
            // Ties go to the type that sorts first by its written name.
            let (_, data_type) = types.into_values().rev().max_by_key(|(count, _)| *count)?;
            Some((n_values, column, data_type))
        })
        .collect();
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    for (_, column, data_type) in candidates {
        let room = promoted.0.len() < PROMOTED_COLUMNS_MAX;
        if room && !promoted.contains(&column) && !promoted.collides(&column) {
            promoted.0.insert(column, data_type);
        }
    }
}

fn canonical_columns(events: &[Event]) -> Vec<ArrayRef> {
    fn text<'a>(events: &'a [Event], get: impl Fn(&'a Event) -> Option<&'a str>) -> ArrayRef {
        Arc::new(events.iter().map(get).collect::<StringArray>())
    }
    let time = |get: fn(&Event) -> Option<Instant>| -> ArrayRef {
        let array: TimestampMicrosecondArray = events.iter().map(|event| get(event).map(|instant| instant.0)).collect();
        Arc::new(array.with_timezone("UTC"))
    };
    let currencies: Vec<Option<String>> =
        events.iter().map(|event| event.money.map(|money| money.currency.to_string())).collect();
    let keys: Int64Array = events.iter().map(|event| Some(event.id.key().0)).collect();
    let amounts: Int64Array = events.iter().map(|event| event.money.map(|money| money.minor)).collect();
    let ratings: Decimal128Array = events.iter().map(|event| event.rating.map(|rating| i128::from(rating.0))).collect();
    vec![
        text(events, |event| Some(&event.id.0)),
        Arc::new(keys),
        text(events, |event| Some(event.kind.as_str())),
        text(events, |event| Some(&event.name)),
        text(events, |event| event.user_id.as_deref()),
        text(events, |event| event.anonymous_id.as_deref()),
        external_ids_column(events),
        text(events, |event| event.group_id.as_deref()),
        text(events, |event| event.previous_id.as_deref()),
        time(|event| Some(event.occurred_at)),
        time(|event| event.sent_at),
        time(|event| Some(event.received_at)),
        text(events, |event| Some(&event.source)),
        text(events, |event| event.channel.as_deref()),
        Arc::new(amounts),
        Arc::new(currencies.into_iter().collect::<StringArray>()),
        products_column(events),
        text(events, |event| event.text.as_deref()),
        Arc::new(ratings.with_data_type(DECIMAL)),
    ]
}

fn external_ids_column(events: &[Event]) -> ArrayRef {
    let field = ArrowField::new("element", DataType::Utf8, true);
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(field);
    for event in events {
        for id in &event.external_ids {
            list.values().append_value(id.to_string());
        }
        list.append(!event.external_ids.is_empty());
    }
    Arc::new(list.finish())
}

fn products_column(events: &[Event]) -> ArrayRef {
    let builders = StructBuilder::from_fields(product_fields(), events.len());
    let field = ArrowField::new("element", DataType::Struct(product_fields()), true);
    let mut list = ListBuilder::new(builders).with_field(field);
    for event in events {
        for line in &event.products {
            let row = list.values();
            let texts =
                [Some(line.product_id.as_str()), line.name.as_deref(), line.category.as_deref(), line.brand.as_deref()];
            for (idx, text) in texts.into_iter().enumerate() {
                if let Some(builder) = row.field_builder::<StringBuilder>(idx) {
                    builder.append_option(text);
                }
            }
            if let Some(builder) = row.field_builder::<Decimal128Builder>(4) {
                builder.append_value(i128::from(line.quantity.0));
            }
            for (idx, amount) in [(5, line.amount_minor), (6, line.discount_minor)] {
                if let Some(builder) = row.field_builder::<Int64Builder>(idx) {
                    builder.append_option(amount);
                }
            }
            row.append(true);
        }
        list.append(!event.products.is_empty());
    }
    Arc::new(list.finish())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn attribute_column(events: &[Event], of: Part, name: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let values = || events.iter().map(|event| part(event, of).get(name));
    Ok(match data_type {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::new();
            for value in values() {
                builder.append_option(if let Some(Value::Bool(flag)) = value { Some(*flag) } else { None });
            }
            Arc::new(builder.finish())
        }
        DataType::Decimal128(_, _) => {
            let numbers = values()
                .map(|value| if let Some(Value::Number(number)) = value { Some(i128::from(number.0)) } else { None });
            Arc::new(numbers.collect::<Decimal128Array>().with_precision_and_scale(20, 6)?)
        }
        DataType::Timestamp(_, _) => {
            let instants =
                values().map(|value| if let Some(Value::Instant(instant)) = value { Some(instant.0) } else { None });
            let array: TimestampMicrosecondArray = instants.collect();
            Arc::new(array.with_data_type(timestamp()))
        }
        _ => {
            let texts = values().map(|value| if let Some(Value::Text(text)) = value { Some(text) } else { None });
            Arc::new(texts.collect::<StringArray>())
        }
    })
}

/// The attributes without a column of their own and type, as JSON.
fn other_column(events: &[Event], promoted: &Promoted) -> ArrayRef {
    let rest = events.iter().map(|event| {
        let mut parts = Map::new();
        for of in Part::ALL {
            let unplaced = part(event, of).iter().filter(|(name, value)| !has_place(promoted, of, name, value));
            let object: Map<String, Json> = unplaced.map(|(name, value)| (name.clone(), to_json(value))).collect();
            if !object.is_empty() {
                parts.insert(of.key().to_owned(), Json::Object(object));
            }
        }
        (!parts.is_empty()).then(|| Json::Object(parts).to_string())
    });
    Arc::new(rest.collect::<StringArray>())
}

fn has_place(promoted: &Promoted, of: Part, name: &str, value: &Value) -> bool {
    let column = column_name(of, name).and_then(|column| promoted.0.get(&column));
    column.is_some() && column == value_type(value).as_ref()
}

/// Numbers are written as JSON numbers; instants and nested JSON, which JSON has no
/// scalar for, as objects with one key.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => Json::Bool(*flag),
        // An object keeps all 19 digits, a JSON number would pass through a float.
        Value::Number(number) => serde_json::json!({ "$number": number.to_string() }),
        Value::Instant(instant) => serde_json::json!({ "$instant": instant.0 }),
        Value::Text(text) => Json::String(text.clone()),
        Value::Json(text) => serde_json::json!({ "$json": text }),
    }
}
