//! Events to rows: columns grow while events are taken in, and are put in order at the end.
//!
//! An event is taken apart as it arrives, so that a chunk of 200,000 needs the room of
//! its values and not of 200,000 maps. An attribute's values are kept as a sparse list
//! until the chunk is full; only then is it known which type they mostly have and
//! whether they get a column of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Decimal128Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StructBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use arrow::error::ArrowError;
use serde_json::{Map, Value as Json};
use throng_event::{Attributes, Event, Identity, Instant, Money, ProductLine, Value};

use super::{
    DECIMAL, PROMOTED_COLUMNS_MAX, Part, Promoted, canonical_fields, column_name, product_fields, timestamp, value_type,
};

/// Positions of names, looked up for every attribute of every event.
#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
type Places = std::collections::HashMap<String, usize, foldhash::fast::FixedState>;

/// Events on their way to becoming rows of the `events` table.
#[derive(Debug, Default)]
pub(crate) struct EventRows {
    rows: Vec<Row>,
    places: [Places; 3],
    attributes: Vec<Attribute>,
    n_product_lines: usize,
}

/// The canonical fields of one event.
#[derive(Debug)]
struct Row {
    /// Of `id`, computed once.
    key: i64,
    id: String,
    kind: &'static str,
    name: String,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    external_ids: Vec<Identity>,
    group_id: Option<String>,
    previous_id: Option<String>,
    occurred_at: Instant,
    sent_at: Option<Instant>,
    received_at: Instant,
    source: Arc<str>,
    channel: Option<String>,
    money: Option<Money>,
    products: Vec<ProductLine>,
    text: Option<String>,
    rating: Option<i128>,
}

/// One attribute's values, with the rows they belong to, in the order of arrival.
#[derive(Debug)]
struct Attribute {
    part: Part,
    name: String,
    values: Vec<(u32, Value)>,
}

/// No value of an attribute in this row.
const ABSENT: u32 = u32::MAX;

impl EventRows {
    /// Takes in one event.
    pub(crate) fn push(&mut self, event: Event) {
        let Ok(row) = u32::try_from(self.rows.len()) else {
            unreachable!("a chunk is committed long before it has 2^32 events");
        };
        let parts = [event.properties, event.context, event.traits];
        for ((part, attributes), places) in Part::ALL.into_iter().zip(parts).zip(&mut self.places) {
            take_apart(row, (part, attributes), places, &mut self.attributes);
        }
        self.n_product_lines += event.products.len();
        // Events of one import share their source.
        let source = match self.rows.last() {
            Some(last) if *last.source == *event.source => Arc::clone(&last.source),
            _ => Arc::from(event.source),
        };
        self.rows.push(Row {
            key: event.id.key().0,
            id: event.id.0,
            kind: event.kind.as_str(),
            name: event.name,
            user_id: event.user_id,
            anonymous_id: event.anonymous_id,
            external_ids: event.external_ids,
            group_id: event.group_id,
            previous_id: event.previous_id,
            occurred_at: event.occurred_at,
            sent_at: event.sent_at,
            received_at: event.received_at,
            source,
            channel: event.channel,
            money: event.money,
            products: event.products,
            text: event.text,
            rating: event.rating.map(|rating| i128::from(rating.0)),
        });
    }

    /// Returns how much has been taken in: events and product lines.
    pub(crate) fn weight(&self) -> usize {
        self.rows.len() + self.n_product_lines
    }

    /// Returns the events as one batch of rows, promoting attributes on the way.
    ///
    /// Rows are sorted by person and time, so that a person's events lie together.
    /// `promoted` holds the table's columns before and after.
    pub(crate) fn finish(mut self, promoted: &mut Promoted) -> Result<RecordBatch, ArrowError> {
        promote(&self.attributes, promoted);
        let order = self.order();
        let mut ranks = vec![0; order.len()];
        for (rank, row) in order.iter().enumerate() {
            ranks[*row as usize] = rank;
        }
        let mut fields = canonical_fields();
        let rows: Vec<&Row> = order.iter().map(|row| &self.rows[*row as usize]).collect();
        let mut columns = canonical_columns(&rows);
        let mut rest: Vec<Map<String, Json>> = vec![Map::new(); rows.len()];
        let mut placed: BTreeMap<String, ArrayRef> = BTreeMap::new();
        // By part and name, for `other` to be the same text whatever came first.
        self.attributes.sort_by(|a, b| (a.part, &a.name).cmp(&(b.part, &b.name)));
        for attribute in &self.attributes {
            let column = column_name(attribute.part, &attribute.name);
            let data_type = column.as_ref().and_then(|column| promoted.0.get(column));
            for (row, value) in &attribute.values {
                if data_type.is_none() || value_type(value).as_ref() != data_type {
                    add_to_rest(&mut rest[ranks[*row as usize]], attribute, value);
                }
            }
            if let (Some(column), Some(data_type)) = (column, data_type) {
                placed.insert(column, attribute.column(data_type, &ranks)?);
            }
        }
        for (column, data_type) in &promoted.0 {
            fields.push(ArrowField::new(column, data_type.clone(), true));
            let array = placed.remove(column);
            columns.push(array.unwrap_or_else(|| arrow::array::new_null_array(data_type, rows.len())));
        }
        let rest =
            rest.into_iter().map(|parts| if parts.is_empty() { None } else { serde_json::to_string(&parts).ok() });
        let place = fields.iter().position(|field| field.name() == "other").unwrap_or(0);
        columns.insert(place, Arc::new(rest.collect::<StringArray>()));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }

    /// Returns the rows by person and time; the first bytes of a person's id decide
    /// almost always, and comparing them as a number costs a tenth of comparing texts.
    fn order(&self) -> Vec<u32> {
        fn beginning(id: Option<&str>) -> u64 {
            let mut bytes = [0; 8];
            let id = id.unwrap_or_default().as_bytes();
            let n_bytes = id.len().min(8);
            bytes[..n_bytes].copy_from_slice(&id[..n_bytes]);
            u64::from_be_bytes(bytes)
        }
        let numbers = 0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mut order: Vec<(u64, u32)> =
            numbers.zip(&self.rows).map(|(number, row)| (beginning(row.user_id.as_deref()), number)).collect();
        order.sort_unstable_by(|a, b| {
            let full = |number: u32| {
                let row = &self.rows[number as usize];
                (&row.user_id, &row.anonymous_id, row.occurred_at, row.key, &row.id)
            };
            a.0.cmp(&b.0).then_with(|| full(a.1).cmp(&full(b.1)))
        });
        order.into_iter().map(|(_, number)| number).collect()
    }
}

/// Moves the attributes of an event to their lists.
fn take_apart(row: u32, (part, attributes): (Part, Attributes), places: &mut Places, lists: &mut Vec<Attribute>) {
    for (name, value) in attributes {
        let place = match places.get(&name) {
            Some(place) => *place,
            None => {
                lists.push(Attribute { part, name: name.clone(), values: Vec::new() });
                places.insert(name, lists.len() - 1);
                lists.len() - 1
            }
        };
        lists[place].values.push((row, value));
    }
}

/// Gives columns to the attributes, the most frequent first.
fn promote(attributes: &[Attribute], promoted: &mut Promoted) {
    let mut candidates: Vec<(usize, String, DataType)> = attributes
        .iter()
        .filter_map(|attribute| {
            let column = column_name(attribute.part, &attribute.name)?;
            let mut counts: [(usize, Option<DataType>); 4] = Default::default();
            for (_, value) in &attribute.values {
                let slot = match value {
                    Value::Bool(_) => 0,
                    Value::Number(_) => 1,
                    Value::Instant(_) => 2,
                    Value::Text(_) => 3,
                    Value::Json(_) => continue,
                };
                counts[slot].0 += 1;
                if counts[slot].1.is_none() {
                    counts[slot].1 = value_type(value);
                }
            }
            let n_values = counts.iter().map(|(n_values, _)| n_values).sum();
            // Of two types that are as frequent the last of the list is taken: text holds anything.
            let (_, data_type) = counts.into_iter().max_by_key(|(n_values, _)| *n_values)?;
            let data_type = data_type?;
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

fn canonical_columns(rows: &[&Row]) -> Vec<ArrayRef> {
    fn text<'a>(rows: &[&'a Row], get: impl Fn(&'a Row) -> Option<&'a str>) -> ArrayRef {
        text_array(rows.len(), || rows.iter().map(|row| get(row)))
    }
    let time = |get: fn(&Row) -> Option<Instant>| -> ArrayRef {
        let array: TimestampMicrosecondArray = rows.iter().map(|row| get(row).map(|instant| instant.0)).collect();
        Arc::new(array.with_timezone("UTC"))
    };
    let currencies: Vec<Option<String>> =
        rows.iter().map(|row| row.money.map(|money| money.currency.to_string())).collect();
    let keys: Int64Array = rows.iter().map(|row| Some(row.key)).collect();
    let amounts: Int64Array = rows.iter().map(|row| row.money.map(|money| money.minor)).collect();
    let ratings: Decimal128Array = rows.iter().map(|row| row.rating).collect();
    vec![
        text(rows, |row| Some(&row.id)),
        Arc::new(keys),
        text(rows, |row| Some(row.kind)),
        text(rows, |row| Some(&row.name)),
        text(rows, |row| row.user_id.as_deref()),
        text(rows, |row| row.anonymous_id.as_deref()),
        external_ids_column(rows),
        text(rows, |row| row.group_id.as_deref()),
        text(rows, |row| row.previous_id.as_deref()),
        time(|row| Some(row.occurred_at)),
        time(|row| row.sent_at),
        time(|row| Some(row.received_at)),
        text(rows, |row| Some(&row.source)),
        text(rows, |row| row.channel.as_deref()),
        Arc::new(amounts),
        Arc::new(currencies.into_iter().collect::<StringArray>()),
        products_column(rows),
        text(rows, |row| row.text.as_deref()),
        Arc::new(ratings.with_data_type(DECIMAL)),
    ]
}

/// Returns texts as a column; they are gone through twice, for room that is right from
/// the beginning is not copied to a larger place again and again.
fn text_array<'a, I: Iterator<Item = Option<&'a str>>>(n_rows: usize, texts: impl Fn() -> I) -> ArrayRef {
    let n_bytes = texts().flatten().map(str::len).sum();
    let mut builder = StringBuilder::with_capacity(n_rows, n_bytes);
    texts().for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

fn external_ids_column(rows: &[&Row]) -> ArrayRef {
    let field = ArrowField::new("element", DataType::Utf8, true);
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in rows {
        for id in &row.external_ids {
            list.values().append_value(id.to_string());
        }
        list.append(!row.external_ids.is_empty());
    }
    Arc::new(list.finish())
}

fn products_column(rows: &[&Row]) -> ArrayRef {
    let builders = StructBuilder::from_fields(product_fields(), rows.len());
    let field = ArrowField::new("element", DataType::Struct(product_fields()), true);
    let mut list = ListBuilder::new(builders).with_field(field);
    for row in rows {
        for line in &row.products {
            let place = list.values();
            let texts =
                [Some(line.product_id.as_str()), line.name.as_deref(), line.category.as_deref(), line.brand.as_deref()];
            for (idx, text) in texts.into_iter().enumerate() {
                if let Some(builder) = place.field_builder::<StringBuilder>(idx) {
                    builder.append_option(text);
                }
            }
            if let Some(builder) = place.field_builder::<Decimal128Builder>(4) {
                builder.append_value(i128::from(line.quantity.0));
            }
            for (idx, amount) in [(5, line.amount_minor), (6, line.discount_minor)] {
                if let Some(builder) = place.field_builder::<Int64Builder>(idx) {
                    builder.append_option(amount);
                }
            }
            place.append(true);
        }
        list.append(!row.products.is_empty());
    }
    Arc::new(list.finish())
}

impl Attribute {
    /// Returns the values of this type as a column, in the order of the ranks.
    #[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are texts")]
    fn column(&self, data_type: &DataType, ranks: &[usize]) -> Result<ArrayRef, ArrowError> {
        let mut places = vec![ABSENT; ranks.len()];
        for (place, (row, _)) in (0..).zip(&self.values) {
            places[ranks[*row as usize]] = place;
        }
        let values = places.iter().map(|place| self.values.get(*place as usize).map(|(_, value)| value));
        Ok(match data_type {
            DataType::Boolean => {
                let flags = values.map(|value| if let Some(Value::Bool(flag)) = value { Some(*flag) } else { None });
                Arc::new(flags.collect::<BooleanArray>())
            }
            DataType::Decimal128(_, _) => {
                let numbers = values.map(|value| match value {
                    Some(Value::Number(number)) => Some(i128::from(number.0)),
                    _ => None,
                });
                Arc::new(numbers.collect::<Decimal128Array>().with_precision_and_scale(20, 6)?)
            }
            DataType::Timestamp(_, _) => {
                let instants =
                    values.map(|value| if let Some(Value::Instant(instant)) = value { Some(instant.0) } else { None });
                Arc::new(instants.collect::<TimestampMicrosecondArray>().with_data_type(timestamp()))
            }
            _ => {
                let texts = || {
                    let values = places.iter().map(|place| self.values.get(*place as usize));
                    values
                        .map(|value| if let Some((_, Value::Text(text))) = value { Some(text.as_str()) } else { None })
                };
                text_array(places.len(), texts)
            }
        })
    }
}

/// Adds a value without a column of its own and type to a row's JSON.
fn add_to_rest(parts: &mut Map<String, Json>, attribute: &Attribute, value: &Value) {
    let part = parts.entry(attribute.part.key()).or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(object) = part {
        object.insert(attribute.name.clone(), to_json(value));
    }
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
