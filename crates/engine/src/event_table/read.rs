//! Rows to events: the inverse of writing.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use serde_json::Value as Json;
use throng_event::{
    Attributes, Currency, Decimal, Event, EventId, EventKind, Identity, Instant, Money, ProductLine, Value,
};

use super::{DECIMAL, Part, attribute_of, timestamp};

/// Returns a text column of a batch whatever text type the reader chose, all null
/// when the batch has no such column.
pub(crate) fn text_column(batch: &RecordBatch, name: &str) -> Result<StringArray, ArrowError> {
    Ok(column_as(batch, name, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn column_as(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match batch.column_by_name(name) {
        Some(column) => cast(column, data_type),
        None => Ok(arrow::array::new_null_array(data_type, batch.num_rows())),
    }
}

fn text(column: &StringArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Returns the events of a batch of the `events` table, in the order of its rows.
///
/// # Errors
/// When a column has a type that cannot be read as what it should hold.
pub(crate) fn read_events(batch: &RecordBatch) -> Result<Vec<Event>, ArrowError> {
    let texts = |name: &str| text_column(batch, name);
    let times = |name: &str| -> Result<TimestampMicrosecondArray, ArrowError> {
        Ok(column_as(batch, name, &timestamp())?.as_primitive::<TimestampMicrosecondType>().clone())
    };
    let (ids, kinds, names) = (texts("event_id")?, texts("kind")?, texts("event")?);
    let people = [texts("user_id")?, texts("anonymous_id")?, texts("group_id")?, texts("previous_id")?];
    let clocks = [times("occurred_at")?, times("sent_at")?, times("received_at")?];
    let (sources, channels, bodies) = (texts("source")?, texts("channel")?, texts("text")?);
    let amounts: Int64Array = column_as(batch, "amount_minor", &DataType::Int64)?.as_primitive::<Int64Type>().clone();
    let currencies = texts("currency")?;
    let ratings: Decimal128Array = column_as(batch, "rating", &DECIMAL)?.as_primitive::<Decimal128Type>().clone();
    let mut products = read_products(batch)?;
    let mut external_ids = read_external_ids(batch)?;
    let mut attributes = read_attributes(batch)?;
    let instant =
        |column: &TimestampMicrosecondArray, row: usize| column.is_valid(row).then(|| Instant(column.value(row)));
    let mut events = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let unreadable = |what: &str| ArrowError::InvalidArgumentError(format!("row {row} has no {what}"));
        let occurred_at = instant(&clocks[0], row).ok_or_else(|| unreadable("occurred_at"))?;
        let currency = text(&currencies, row).and_then(|code| code.parse::<Currency>().ok());
        let amount = amounts.is_valid(row).then(|| amounts.value(row));
        let [properties, context, traits] = std::mem::take(&mut attributes[row]);
        events.push(Event {
            id: EventId(text(&ids, row).ok_or_else(|| unreadable("event_id"))?),
            kind: text(&kinds, row).and_then(|kind| EventKind::from_name(&kind)).ok_or_else(|| unreadable("kind"))?,
            name: text(&names, row).ok_or_else(|| unreadable("event"))?,
            user_id: text(&people[0], row),
            anonymous_id: text(&people[1], row),
            external_ids: std::mem::take(&mut external_ids[row]),
            group_id: text(&people[2], row),
            previous_id: text(&people[3], row),
            occurred_at,
            sent_at: instant(&clocks[1], row),
            received_at: instant(&clocks[2], row).unwrap_or(occurred_at),
            source: text(&sources, row).unwrap_or_default(),
            channel: text(&channels, row),
            context,
            properties,
            traits,
            money: amount.zip(currency).map(|(minor, currency)| Money { minor, currency }),
            products: std::mem::take(&mut products[row]),
            text: text(&bodies, row),
            rating: ratings.is_valid(row).then(|| decimal(ratings.value(row))),
        });
    }
    Ok(events)
}

/// What was written came from an `i64`; a foreign writer's larger number is cut.
pub(super) fn decimal(millionths: i128) -> Decimal {
    Decimal(i64::try_from(millionths).unwrap_or(if millionths < 0 { i64::MIN } else { i64::MAX }))
}

/// Returns the column of external ids, written; empty lists where there is none.
pub(crate) fn external_id_lists(batch: &RecordBatch) -> Result<ListArray, ArrowError> {
    Ok(column_as(batch, "external_ids", &super::external_ids_type())?.as_list::<i32>().clone())
}

fn read_external_ids(batch: &RecordBatch) -> Result<Vec<Vec<Identity>>, ArrowError> {
    let lists = external_id_lists(batch)?;
    let written = lists.values().as_string::<i32>();
    let read = (0..lists.len()).map(|row| {
        let offsets = lists.value_offsets();
        let ids = if lists.is_null(row) { 0..0 } else { usize_of(offsets[row])..usize_of(offsets[row + 1]) };
        ids.filter_map(|id| Identity::parse(written.value(id))).collect()
    });
    Ok(read.collect())
}

fn read_products(batch: &RecordBatch) -> Result<Vec<Vec<ProductLine>>, ArrowError> {
    let lists: ListArray = column_as(batch, "products", &super::products_type())?.as_list::<i32>().clone();
    let mut rows = Vec::with_capacity(batch.num_rows());
    let lines = lists.values().as_struct();
    let texts = |idx: usize| lines.column(idx).as_string::<i32>();
    let (ids, names, categories, brands) = (texts(0), texts(1), texts(2), texts(3));
    let quantities = lines.column(4).as_primitive::<Decimal128Type>();
    let amounts = lines.column(5).as_primitive::<Int64Type>();
    let discounts = lines.column(6).as_primitive::<Int64Type>();
    let minor = |column: &Int64Array, line: usize| column.is_valid(line).then(|| column.value(line));
    for row in 0..lists.len() {
        if lists.is_null(row) {
            rows.push(Vec::new());
            continue;
        }
        let offsets = lists.value_offsets();
        let (first, end) = (usize_of(offsets[row]), usize_of(offsets[row + 1]));
        let read = |line: usize| ProductLine {
            product_id: text(ids, line).unwrap_or_default(),
            name: text(names, line),
            category: text(categories, line),
            brand: text(brands, line),
            quantity: decimal(quantities.value(line)),
            amount_minor: minor(amounts, line),
            discount_minor: minor(discounts, line),
        };
        rows.push((first..end).map(read).collect());
    }
    Ok(rows)
}

/// Offsets of Arrow lists are never negative.
pub(crate) fn usize_of(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

fn read_attributes(batch: &RecordBatch) -> Result<Vec<[Attributes; 3]>, ArrowError> {
    let mut rows: Vec<[Attributes; 3]> = vec![<[Attributes; 3]>::default(); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some((part, name)) = attribute_of(field.name()) else { continue };
        for (row, value) in values(column)?.into_iter().enumerate() {
            if let Some(value) = value {
                rows[row][part as usize].insert(name.as_str(), value);
            }
        }
    }
    let other = text_column(batch, "other")?;
    for (row, text) in other.iter().enumerate() {
        let Some(Ok(Json::Object(parts))) = text.map(serde_json::from_str::<Json>) else { continue };
        for part in Part::ALL {
            let Some(Json::Object(object)) = parts.get(part.key()) else { continue };
            rows[row][part as usize].extend(object.iter().map(|(name, json)| (name.as_str(), from_json(json))));
        }
    }
    Ok(rows)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn values(column: &ArrayRef) -> Result<Vec<Option<Value>>, ArrowError> {
    Ok(match column.data_type() {
        DataType::Boolean => {
            let flags: &BooleanArray = column.as_boolean();
            flags.iter().map(|flag| flag.map(Value::Bool)).collect()
        }
        DataType::Decimal128(_, _) => {
            let numbers = cast(column, &DECIMAL)?;
            numbers
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|number| number.map(|n| Value::Number(decimal(n))))
                .collect()
        }
        DataType::Timestamp(_, _) => {
            let instants = cast(column, &timestamp())?;
            let instants = instants.as_primitive::<TimestampMicrosecondType>();
            instants.iter().map(|instant| instant.map(|us| Value::Instant(Instant(us)))).collect()
        }
        _ => {
            let texts = cast(column, &DataType::Utf8)?;
            texts.as_string::<i32>().iter().map(|text| text.map(Value::text)).collect()
        }
    })
}

/// The column of one attribute, read without a copy where it is of texts.
pub(crate) enum AttributeColumn {
    Texts(StringArray),
    Others(Vec<Option<Value>>),
}

impl AttributeColumn {
    /// Reads a column of any type.
    pub(crate) fn of(column: &ArrayRef) -> Result<Self, ArrowError> {
        if matches!(column.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
            return Ok(Self::Texts(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()));
        }
        values(column).map(Self::Others)
    }
}

fn from_json(json: &Json) -> Value {
    if let Json::Object(object) = json {
        if let Some(number) = object.get("$number").and_then(Json::as_str).and_then(Decimal::parse) {
            return Value::Number(number);
        }
        if let Some(instant) = object.get("$instant").and_then(Json::as_i64) {
            return Value::Instant(Instant(instant));
        }
        if let Some(text) = object.get("$json").and_then(Json::as_str) {
            return Value::Json(text.to_owned());
        }
    }
    match json {
        Json::Bool(flag) => Value::Bool(*flag),
        Json::String(text) => Value::text(text),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => Value::Json(json.to_string()),
    }
}

/// Returns one attribute from the text of the JSON column `other`.
pub(crate) fn attribute_from_json(other: &str, part: Part, name: &str) -> Option<Value> {
    let json: Json = serde_json::from_str(other).ok()?;
    json.get(part.key())?.get(name).map(from_json)
}
