//! Tables derived from the events for people to query: identities, profiles, traits.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, StringBuilder, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::cast::as_string_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use throng_event::{AsOf, Currency, Instant};
use throng_profile::Traits;

use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of, read_events};
use crate::people::People;
use crate::rows::{batch, instants, integers, texts};
use crate::store::Store;
use crate::tables::{IDENTITIES, PROFILES, TRAITS};

/// Returns the SQL function `profile_number(user_id, anonymous_id)`: the number of
/// the profile an event belongs to, null for events of nobody.
pub(crate) fn profile_number(people: Arc<People>) -> ScalarUDF {
    let implementation = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (users, devices) = (as_string_array(&arrays[0])?, as_string_array(&arrays[1])?);
        let numbers: UInt32Array = people.numbers(users, devices).into_iter().collect();
        Ok(ColumnarValue::Array(Arc::new(numbers) as ArrayRef))
    };
    let ids = vec![DataType::Utf8, DataType::Utf8];
    create_udf("profile_number", ids, DataType::UInt32, Volatility::Immutable, Arc::new(implementation))
}

/// Returns the SQL function `profile_of(user_id, anonymous_id)`: the id of the profile
/// an event belongs to.
pub(crate) fn profile_of(people: Arc<People>) -> ScalarUDF {
    let implementation = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (users, devices) = (as_string_array(&arrays[0])?, as_string_array(&arrays[1])?);
        let numbers = people.numbers(users, devices);
        let ids: StringArray = numbers.into_iter().map(|number| number.map(|number| people.id(number))).collect();
        Ok(ColumnarValue::Array(Arc::new(ids) as ArrayRef))
    };
    let ids = vec![DataType::Utf8, DataType::Utf8];
    create_udf("profile_of", ids, DataType::Utf8, Volatility::Immutable, Arc::new(implementation))
}

/// Writes the tables `identities`, `profiles` and `traits` as of a day.
pub(crate) async fn write_people(
    store: &Store,
    context: &SessionContext,
    people: &Arc<People>,
    as_of: AsOf,
    currency: Option<Currency>,
) -> Result<(), EngineError> {
    let failed = |table: &str| {
        let table = table.to_owned();
        move |error: ArrowError| EngineError::table("write", &table, error)
    };
    store.replace(IDENTITIES, vec![identities(people).map_err(failed(IDENTITIES))?]).await?;
    let revenue = currency.map_or_else(
        || "CAST(NULL AS BIGINT)".to_owned(),
        |currency| format!("coalesce(sum(CASE WHEN currency = '{currency}' THEN amount_minor END), 0)"),
    );
    let query = format!(
        "SELECT profile_of(user_id, anonymous_id) AS profile_id, count(*) AS n_events, min(occurred_at) AS first_seen_at, \
         max(occurred_at) AS last_seen_at, {revenue} AS revenue_minor FROM events \
         WHERE occurred_at < {} GROUP BY 1 HAVING profile_id IS NOT NULL ORDER BY 1",
        timestamp_literal(as_of.end)
    );
    let profiles = collect(context, &query).await?;
    store.replace(PROFILES, vec![plain_texts(&profiles).map_err(failed(PROFILES))?]).await?;
    let traits = read_traits(context, people, as_of).await?;
    store.replace(TRAITS, vec![trait_rows(people, &traits).map_err(failed(TRAITS))?]).await
}

/// Returns an instant as SQL.
pub(crate) fn timestamp_literal(instant: Instant) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", instant.0)
}

/// Text views of the reader become plain texts, which Delta stores.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
pub(crate) fn plain_texts(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
        let array = match column.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8)?,
            DataType::UInt32 | DataType::UInt64 => cast(column, &DataType::Int64)?,
            _ => Arc::clone(column),
        };
        Ok((field.name().clone(), array))
    });
    crate::rows::named_batch(columns.collect::<Result<_, ArrowError>>()?)
}

fn identities(people: &People) -> Result<RecordBatch, ArrowError> {
    let resolution = &people.resolution;
    let (mut profiles, mut kinds) = (StringBuilder::new(), StringBuilder::new());
    let (mut values, mut links) = (StringBuilder::new(), StringBuilder::new());
    let (mut linked_at, mut keys) = (Vec::new(), Vec::new());
    for (number, profile) in (0..).zip(resolution.profile_ids()) {
        for identity in resolution.identities(number) {
            let link = resolution.link_of(&identity);
            let proof = link.as_ref().and_then(|link| link.proof);
            profiles.append_value(profile);
            kinds.append_value(identity.kind.as_str());
            values.append_value(&identity.value);
            links.append_option(link.map(|link| link.kind.as_str()));
            linked_at.push(proof.map(|proof| proof.occurred_at.0));
            keys.push(proof.map(|proof| proof.key.0));
        }
    }
    batch(vec![
        ("profile_id", Arc::new(profiles.finish())),
        ("kind", Arc::new(kinds.finish())),
        ("value", Arc::new(values.finish())),
        ("link", Arc::new(links.finish())),
        ("linked_at", instants(linked_at)),
        ("link_event_key", integers(keys)),
    ])
}

/// Folds the stated traits of every profile, by its number.
pub(crate) async fn read_traits(
    context: &SessionContext,
    people: &People,
    as_of: AsOf,
) -> Result<BTreeMap<u32, Traits>, EngineError> {
    let schema =
        context.table(crate::tables::EVENTS).await.map_err(|error| EngineError::Query(error.strip_backtrace()))?;
    let columns = schema.schema().fields().iter().map(|field| field.name().clone());
    let columns: Vec<String> =
        columns.filter(|column| attribute_of(column).is_some_and(|(part, _)| part == Part::Traits)).collect();
    let stated: Vec<String> = columns.iter().map(|column| format!("\"{column}\" IS NOT NULL")).collect();
    let stated = if stated.is_empty() { "false".to_owned() } else { stated.join(" OR ") };
    let listed: String = columns.iter().map(|column| format!(", \"{column}\"")).collect();
    let query = format!(
        "SELECT event_id, kind, event, user_id, anonymous_id, occurred_at, other{listed} FROM events \
         WHERE kind <> 'group' AND occurred_at < {} AND ({stated} OR other LIKE '%\"traits\":%')",
        timestamp_literal(as_of.end)
    );
    let rows = collect(context, &query).await?;
    let events = read_events(&rows).map_err(|error| EngineError::table("read", crate::tables::EVENTS, error))?;
    let mut traits: BTreeMap<u32, Traits> = BTreeMap::new();
    for event in &events {
        if let Some(number) = people.number_of(event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            traits.entry(number).or_default().update(event);
        }
    }
    Ok(traits)
}

fn trait_rows(people: &People, traits: &BTreeMap<u32, Traits>) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<(&str, &str, String, i64)> = traits
        .iter()
        .flat_map(|(number, traits)| {
            let profile = people.id(*number);
            traits.iter().map(move |(name, stated)| (profile, name, stated.value.to_string(), stated.occurred_at.0))
        })
        .collect();
    batch(vec![
        ("profile_id", texts(rows.iter().map(|row| Some(row.0)))),
        ("name", texts(rows.iter().map(|row| Some(row.1)))),
        ("value", texts(rows.iter().map(|row| Some(row.2.as_str())))),
        ("stated_at", instants(rows.iter().map(|row| Some(row.3)))),
    ])
}
