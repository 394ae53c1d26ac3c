//! What was known of customers at a moment: the properties of what they did then, and
//! those last known from before.
//!
//! Nothing from after the moment is looked at, so that what came of it cannot explain it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use throng_event::Day;
use throng_journey::ProfileSet;

use crate::context::{collect, explain};
use crate::derive::timestamp_literal;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::event_table::attribute_of;
use crate::rows::{batch, instants, integers, texts};
use crate::tables::EVENTS;
use crate::touchpoints::SESSION_COLUMNS;

/// A column of `events` and what was known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProperty {
    /// The column's name.
    pub name: String,
    /// Of whom anything was known.
    pub profiles: ProfileSet,
    /// Its values, or ranges of values.
    pub values: Vec<KnownValue>,
}

/// A value of a property, or a range of values, and of whom it was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownValue {
    /// The value as text, `2 to 7` for a range.
    pub name: String,
    /// Of whom it was known.
    pub profiles: ProfileSet,
}

/// Values of a property that are told apart, those of most customers; and numbers that
/// are taken one by one and not as ranges.
const VALUES_MAX: usize = 8;

/// Texts with more different values are names of single things and tell no groups apart.
const TEXTS_MAX: usize = 1_000;

/// Ranges that numbers are divided into, each with as many customers as the others.
const N_RANGES: usize = 4;

/// Columns that one query looks at: each holds a value for every customer while it runs.
const COLUMNS_AT_ONCE: usize = 16;

/// Columns of every event that may tell customers apart; the others name, date or list.
const TELLING: [&str; 5] = ["source", "channel", "amount_minor", "currency", "rating"];

impl Engine {
    /// Returns what was known of profiles, each at a moment of its own in microseconds; the
    /// numbers are those of [`Engine::journeys`]. Columns in the order of the table, without
    /// those of which nothing was known.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn known_at(&self, moments: &[(u32, i64)], as_of: Option<Day>) -> Result<Vec<KnownProperty>, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, as_of).await?;
            let columns = telling_columns(&view).await?;
            register(&view, moments)?;
            let mut known = Vec::new();
            for columns in columns.chunks(COLUMNS_AT_ONCE) {
                let rows = collect(&view.context, &query(columns, &timestamp_literal(as_of.end))).await?;
                let read = |error: arrow::error::ArrowError| EngineError::table("read", EVENTS, error);
                let numbers = cast(rows.column(0), &DataType::Int64).map_err(read)?;
                for ((name, _), column) in columns.iter().zip(&rows.columns()[1..]) {
                    known.extend(property(name, &numbers, column).map_err(read)?);
                }
            }
            Ok(known)
        })
    }
}

/// Returns the columns that may tell customers apart, each with whether it holds numbers.
async fn telling_columns(view: &View) -> Result<Vec<(String, bool)>, EngineError> {
    let events = view.context.table(EVENTS).await.map_err(|error| EngineError::Query(explain(&error)))?;
    let mut columns = Vec::new();
    for field in events.schema().fields() {
        let name = field.name().as_str();
        let telling = TELLING.contains(&name) || attribute_of(name).is_some();
        if !telling || SESSION_COLUMNS.contains(&name) {
            continue;
        }
        let kind = field.data_type();
        let worded = matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Boolean);
        if worded || kind.is_numeric() {
            columns.push((name.to_owned(), kind.is_numeric()));
        }
    }
    Ok(columns)
}

/// Makes the moments a table of the session.
fn register(view: &View, moments: &[(u32, i64)]) -> Result<(), EngineError> {
    let moments_of = batch(vec![
        ("number", integers(moments.iter().map(|(number, _)| Some(i64::from(*number))))),
        ("profile_id", texts(moments.iter().map(|(number, _)| Some(view.people.id(*number))))),
        ("moment", instants(moments.iter().map(|(_, at)| Some(*at)))),
    ]);
    let moments_of = moments_of.map_err(|error| EngineError::table("read", EVENTS, error))?;
    let registered = view.context.register_batch("moments", moments_of);
    registered.map(|_| ()).map_err(|error| EngineError::Query(explain(&error)))
}

fn query(columns: &[(String, bool)], end: &str) -> String {
    let (mut read, mut last) = (String::new(), String::new());
    for (idx, (name, is_number)) in columns.iter().enumerate() {
        let (name, kind) = (name.replace('"', "\"\""), if *is_number { "Float64" } else { "Utf8" });
        read.push_str(&format!(", arrow_cast(\"{name}\", '{kind}') AS v{idx}"));
        last.push_str(&format!(
            ", last_value(v{idx} ORDER BY occurred_at, event_key) FILTER (WHERE v{idx} IS NOT NULL) AS v{idx}"
        ));
    }
    format!(
        "SELECT moments.number{last} FROM ( \
           SELECT profile_of(user_id, anonymous_id) AS profile_id, occurred_at, event_key{read} FROM events \
           WHERE occurred_at < {end}) AS told \
         JOIN moments ON moments.profile_id = told.profile_id AND told.occurred_at <= moments.moment \
         GROUP BY moments.number ORDER BY moments.number"
    )
}

/// Returns what is known of one column by the numbers of profiles; `None` of nothing, and of texts
/// that name single things.
fn property(
    name: &str,
    numbers: &ArrayRef,
    column: &ArrayRef,
) -> Result<Option<KnownProperty>, arrow::error::ArrowError> {
    let numbers = numbers.as_primitive::<Int64Type>();
    let profile = |row: usize| u32::try_from(numbers.value(row)).unwrap_or(u32::MAX);
    let rows = (0..column.len()).filter(|row| column.is_valid(*row));
    let mut values = if column.data_type().is_numeric() {
        let column = cast(column, &DataType::Float64)?;
        let column = column.as_primitive::<Float64Type>();
        ranges(rows.map(|row| (column.value(row), profile(row))).filter(|(value, _)| value.is_finite()).collect())
    } else {
        let column = cast(column, &DataType::Utf8)?;
        let column = column.as_string::<i32>();
        let mut by_value: BTreeMap<&str, ProfileSet> = BTreeMap::new();
        for row in rows {
            by_value.entry(column.value(row)).or_default().insert(profile(row));
        }
        if by_value.len() > TEXTS_MAX {
            return Ok(None);
        }
        by_value.into_iter().map(|(name, profiles)| KnownValue { name: name.to_owned(), profiles }).collect()
    };
    let profiles = values.iter().fold(ProfileSet::new(), |all, value| all.union(&value.profiles));
    // By value already, and the sort is stable.
    values.sort_by_key(|value| Reverse(value.profiles.len()));
    values.truncate(VALUES_MAX);
    Ok((!profiles.is_empty()).then(|| KnownProperty { name: name.to_owned(), profiles, values }))
}

/// Returns numbers one by one where there are few, else in ranges of about as many customers.
fn ranges(mut known: Vec<(f64, u32)>) -> Vec<KnownValue> {
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let same: Vec<&[(f64, u32)]> = known.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()).collect();
    let mut parts: BTreeMap<usize, Vec<(f64, u32)>> = BTreeMap::new();
    let mut n_before = 0;
    for (idx, equal) in same.iter().enumerate() {
        // Equal numbers stay together: in the range in which the first of them is.
        let place = if same.len() <= VALUES_MAX { idx } else { n_before * N_RANGES / known.len() };
        parts.entry(place).or_default().extend_from_slice(equal);
        n_before += equal.len();
    }
    let named = |part: Vec<(f64, u32)>| {
        let (low, high) = (part[0].0, part[part.len() - 1].0);
        let name = if low.total_cmp(&high).is_eq() { format!("{low}") } else { format!("{low} to {high}") };
        KnownValue { name, profiles: part.into_iter().map(|(_, profile)| profile).collect() }
    };
    parts.into_values().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{numbers, texts};

    fn names(values: &[KnownValue]) -> Vec<(&str, u64)> {
        values.iter().map(|value| (value.name.as_str(), value.profiles.len())).collect()
    }

    #[test]
    fn few_numbers_are_told_one_by_one_and_many_in_quarters() {
        let few = ranges((0..100).map(|profile| (f64::from(profile % 3), profile)).collect());
        assert_eq!(names(&few), [("0", 34), ("1", 33), ("2", 33)]);
        let many = ranges((0..100).map(|profile| (f64::from(profile), profile)).collect());
        assert_eq!(names(&many), [("0 to 24", 25), ("25 to 49", 25), ("50 to 74", 25), ("75 to 99", 25)]);
        assert_eq!(ranges(Vec::new()), []);
    }

    #[test]
    fn equal_numbers_stay_in_one_range() {
        // Ninety profiles have nothing, ten each another number.
        let known = (0..100).map(|profile| (f64::from(profile.max(89) - 89), profile)).collect();
        let found = ranges(known);
        assert_eq!(names(&found), [("0", 90), ("1 to 10", 10)]);
    }

    #[test]
    fn texts_that_name_single_things_are_left_out_and_many_values_are_cut_off() {
        let ids = |n: i64| integers((0..n).map(Some));
        let words = |n: i64, n_values: i64| texts((0..n).map(|row| Some(format!("v{}", row % n_values))));
        let known = |n: i64, n_values: i64| property("p_x", &ids(n), &words(n, n_values)).unwrap();
        assert_eq!(known(1_500, 1_001), None);
        let found = known(1_500, 1_000).unwrap();
        assert_eq!((found.values.len(), found.profiles.len()), (VALUES_MAX, 1_500));
        let nothing = numbers((0..5).map(|_| None));
        assert_eq!(property("p_x", &ids(5), &nothing).unwrap(), None);
    }
}
