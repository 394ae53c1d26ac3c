//! The `events` table: one row per admitted event, readable by any engine.
//!
//! The canonical fields are typed columns. Properties, context and traits get
//! columns of their own as they are discovered (`p_NAME`, `c_NAME`, `t_NAME`), up to
//! [`PROMOTED_COLUMNS_MAX`]; what has none, or does not fit its column's type, stays
//! in the JSON column `other`. Reading gives back exactly what was written.

mod chunk;
mod read;
mod rest;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, TimeUnit};
use throng_event::Field;

pub(crate) use chunk::{Chunk, EventColumns};
pub(crate) use read::{AttributeColumn, attribute_from_json, external_id_lists, read_events, text_column, usize_of};
pub(crate) use write::EventRows;

/// The name of the table.
pub(crate) const EVENTS: &str = "events";

/// Columns given to properties, context and traits together. Parquet readers and
/// people both cope with a few hundred columns; rarer names stay in `other`.
const PROMOTED_COLUMNS_MAX: usize = 256;

/// Decimals of [`throng_event::Decimal`] need 19 digits, six of them after the point.
const DECIMAL: DataType = DataType::Decimal128(20, 6);

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn product_fields() -> Fields {
    Fields::from(vec![
        ArrowField::new("product_id", DataType::Utf8, true),
        ArrowField::new("name", DataType::Utf8, true),
        ArrowField::new("category", DataType::Utf8, true),
        ArrowField::new("brand", DataType::Utf8, true),
        ArrowField::new("quantity", DECIMAL, true),
        ArrowField::new("amount_minor", DataType::Int64, true),
        ArrowField::new("discount_minor", DataType::Int64, true),
    ])
}

fn products_type() -> DataType {
    DataType::List(Arc::new(ArrowField::new("element", DataType::Struct(product_fields()), true)))
}

fn external_ids_type() -> DataType {
    DataType::List(Arc::new(ArrowField::new("element", DataType::Utf8, true)))
}

/// The columns every event has, in order; promoted columns and `other` follow.
fn canonical_fields() -> Vec<ArrowField> {
    let text = |name: &str| ArrowField::new(name, DataType::Utf8, true);
    let time = |name: &str| ArrowField::new(name, timestamp(), true);
    vec![
        text("event_id"),
        ArrowField::new("event_key", DataType::Int64, true),
        text("kind"),
        text("event"),
        text("user_id"),
        text("anonymous_id"),
        ArrowField::new("external_ids", external_ids_type(), true),
        text("group_id"),
        text("previous_id"),
        time("occurred_at"),
        time("sent_at"),
        time("received_at"),
        text("source"),
        text("channel"),
        ArrowField::new("amount_minor", DataType::Int64, true),
        text("currency"),
        ArrowField::new("products", products_type(), true),
        text("text"),
        ArrowField::new("rating", DECIMAL, true),
        text("other"),
    ]
}

/// Which of the three attribute maps of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Properties,
    Context,
    Traits,
}

impl Part {
    const ALL: [Self; 3] = [Self::Properties, Self::Context, Self::Traits];

    /// The prefix of promoted columns.
    fn prefix(self) -> &'static str {
        match self {
            Self::Properties => "p_",
            Self::Context => "c_",
            Self::Traits => "t_",
        }
    }

    /// The key in the JSON column.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Context => "context",
            Self::Traits => "traits",
        }
    }
}

/// Returns the column an attribute gets when it is promoted, `None` for names that
/// would need quoting in SQL or could not be told back: dots become `__`.
pub(crate) fn column_name(part: Part, name: &str) -> Option<String> {
    let plain = !name.is_empty()
        && !name.contains("__")
        && !name.starts_with('_')
        && !name.ends_with('_')
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
    // "a_.b" and "a._b" would both become "a___b".
    let ambiguous = name.contains("_.") || name.contains("._");
    (plain && !ambiguous).then(|| format!("{}{}", part.prefix(), name.replace('.', "__")))
}

/// Returns the part and name a promoted column stands for.
pub(crate) fn attribute_of(column: &str) -> Option<(Part, String)> {
    Part::ALL
        .into_iter()
        .find_map(|part| column.strip_prefix(part.prefix()).map(|name| (part, name.replace("__", "."))))
}

/// Returns the attribute a question's field is about, `None` for canonical fields.
pub(crate) fn attribute_field(field: &Field) -> Option<(Part, &str)> {
    match field {
        Field::Property(name) => Some((Part::Properties, name)),
        Field::Context(name) => Some((Part::Context, name)),
        Field::Trait(name) => Some((Part::Traits, name)),
        Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount => None,
    }
}

/// Returns the type a column is written as: readers may show texts as views.
fn stored_type(read_as: &DataType) -> DataType {
    if matches!(read_as, DataType::Utf8View | DataType::LargeUtf8) { DataType::Utf8 } else { read_as.clone() }
}

/// The promoted columns of the table, by column name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promoted(BTreeMap<String, DataType>);

impl Promoted {
    /// Returns the promoted columns of a table's schema.
    pub(crate) fn of(schema: &Schema) -> Self {
        let fields = schema.fields().iter().filter(|field| attribute_of(field.name()).is_some());
        Self(fields.map(|field| (field.name().clone(), stored_type(field.data_type()))).collect())
    }

    pub(crate) fn contains(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// Whether a column differs from one there is only by case, which Delta forbids.
    fn collides(&self, column: &str) -> bool {
        self.0.keys().any(|name| name != column && name.eq_ignore_ascii_case(column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promoted_column_leads_back_to_its_attribute() {
        for name in ["country", "device.type", "productId", "a_b.c"] {
            let column = column_name(Part::Context, name).unwrap();
            assert_eq!(attribute_of(&column), Some((Part::Context, name.to_owned())));
        }
    }

    /// Without a bound a million names would take as many lists.
    #[test]
    fn names_of_attributes_make_a_chunk_heavy_and_the_next_starts_light() {
        let mut rows = EventRows::default();
        let mut event = throng_testkit::random_events(1, 1).remove(0);
        for number in 0..3_000 {
            event.properties.insert(format!("n{number}"), throng_event::Value::Bool(true));
        }
        rows.push(&event, event.id.fingerprint().key());
        assert!(rows.weight() > 6_000, "{}", rows.weight());
        assert!(rows.alike().weight() <= 2 * PROMOTED_COLUMNS_MAX);
    }

    /// A column of one text is not put together value by value.
    #[test]
    fn texts_that_are_the_same_in_all_rows_or_in_some_are_read_back() {
        let mut events = throng_testkit::random_events(1, 300);
        let mut chunk = Chunk::default();
        for (part, some) in events.chunks_mut(100).enumerate() {
            let mut rows = EventRows::default();
            for (number, event) in some.iter_mut().enumerate() {
                event.id = throng_event::EventId(format!("{part}/{number}"));
                let text = throng_event::Value::text;
                event.properties.insert("everywhere", text("the same"));
                event.properties.insert("as_long", text(["ab", "ba"][number % 2]));
                event.properties.insert("of_its_part", text(["x", "yy", "z"][part]));
                event.properties.insert("empty", text(""));
                if number % 2 == 0 {
                    event.properties.insert("in_some", text("the same"));
                }
                rows.push(event, event.id.key());
            }
            // What is not new is none of the chunk's.
            chunk.push(rows.finish(), (0..100).map(|number| number % 10 != 3).collect());
        }
        let mut read = read_events(&chunk.finish(&mut Promoted::default()).unwrap()).unwrap();
        let new = |event: &throng_event::Event| !event.id.0.ends_with('3');
        let mut expected: Vec<_> = events.into_iter().filter(new).collect();
        expected.sort_by(|a, b| a.id.cmp(&b.id));
        read.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(read, expected);
    }

    #[test]
    fn names_that_could_not_be_told_back_stay_in_json() {
        for name in ["", "a b", "a__b", "_a", "a_", "a_.b", "größe", "x\"y"] {
            assert_eq!(column_name(Part::Properties, name), None, "{name}");
        }
    }
}
