//! The population discovery looks at, read from the derived tables: everybody, or, where they are
//! too many to be held in memory, some that are drawn by the hash of their ids.
//!
//! The customers with the smallest hashes are drawn (a bottom-k sample, Cohen and Kaplan 2007): so
//! many exactly, whatever the order of rows, and nearly the same ones each time, so that former and
//! current personas have most of their drawn members in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use datafusion::common::cast::as_string_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use throng_event::{AsOf, Currency};
use throng_feature::FeatureDefinition;
use throng_persona::{FeatureColumn, Population, Revenue, TraitColumn, Values};
use throng_profile::ProfileId;

use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::rows::Rows;
use crate::tables::{FEATURES, PROFILES, TRAITS};

/// Traits with more different values than this are names and addresses, not groups.
const TRAIT_VALUES_MAX: usize = 50;
/// Traits that describe personas; a source with hundreds of traits has few that matter.
const TRAITS_MAX: usize = 64;

/// Customers whose features, traits and memberships discovery holds in memory at once.
///
/// A customer with 50 features takes about 2 KB on the way through preparation, clusters and claims,
/// so that these stay below half a gigabyte. More would hardly say more: the smallest persona that is
/// told has 6,000 of them, a share is known to a tenth of a percent, and borders are sought on
/// 4,000. What is said of personas is counted on everybody all the same.
pub(crate) const PROFILES_DRAWN_MAX: usize = 200_000;

/// Whom a discovery looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// All customers.
    Everybody,
    /// Those whose key is this or less.
    UpTo(i64),
}

impl Drawn {
    /// Draws at most so many of the profiles that have features.
    pub(crate) async fn of(context: &SessionContext, n_max: usize) -> Result<Self, EngineError> {
        context.register_udf(draw_key());
        if usize::try_from(n_profiles(context).await?).is_ok_and(|n_profiles| n_profiles <= n_max) {
            return Ok(Self::Everybody);
        }
        let query = format!(
            "SELECT max(key) AS first FROM (SELECT draw_key(profile_id) AS key FROM features ORDER BY key LIMIT {n_max})"
        );
        Ok(Self::UpTo(first(&collect(context, &query).await?)?))
    }

    /// Returns the condition of SQL that only they fulfil, for a table with a `profile_id`.
    pub(crate) fn condition(self) -> String {
        match self {
            Self::Everybody => "true".to_owned(),
            Self::UpTo(key) => format!("draw_key(profile_id) <= {key}"),
        }
    }
}

/// Draws at most so many of some profiles, as [`Drawn::of`] does.
pub(crate) fn drawn_of(mut ids: Vec<ProfileId>, n_max: usize) -> Vec<ProfileId> {
    if ids.len() > n_max {
        ids.sort_by_cached_key(|id| key_of(id.as_str()));
        ids.truncate(n_max);
    }
    ids
}

/// Returns how many profiles have features.
pub(crate) async fn n_profiles(context: &SessionContext) -> Result<u64, EngineError> {
    let n_profiles = first(&collect(context, "SELECT count(*) AS first FROM features").await?)?;
    Ok(u64::try_from(n_profiles).unwrap_or(0))
}

fn first(rows: &RecordBatch) -> Result<i64, EngineError> {
    let values = Rows(rows).integers("first").map_err(|error| EngineError::table("read", FEATURES, error))?;
    Ok(values.first().copied().flatten().unwrap_or(0))
}

/// Returns the SQL function `draw_key(profile_id)`: the first 63 bits of the hash of the id.
fn draw_key() -> ScalarUDF {
    let implementation = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let keys = as_string_array(&arrays[0])?.iter().map(|id| id.map(key_of));
        Ok(ColumnarValue::Array(Arc::new(keys.collect::<Int64Array>()) as ArrayRef))
    };
    create_udf("draw_key", vec![DataType::Utf8], DataType::Int64, Volatility::Immutable, Arc::new(implementation))
}

fn key_of(id: &str) -> i64 {
    let hash = blake3::hash(id.as_bytes());
    let (first, _) = hash.as_bytes().split_at(8);
    first.iter().fold(0, |key, byte| (key << 8 | i64::from(*byte)) & i64::MAX)
}

/// Reads features, traits and revenue of those drawn of the profiles that have features.
pub(crate) async fn read_population(
    context: &SessionContext,
    definitions: &[FeatureDefinition],
    (as_of, currency): (AsOf, Option<Currency>),
    drawn: Drawn,
) -> Result<Population, EngineError> {
    let drawn = drawn.condition();
    let features = collect(context, &format!("SELECT * FROM features WHERE {drawn} ORDER BY profile_id")).await?;
    let read = |table: &'static str| move |error: ArrowError| EngineError::table("read", table, error);
    let profiles: Vec<ProfileId> = Rows(&features)
        .words("profile_id")
        .map_err(read(FEATURES))?
        .iter()
        .filter_map(|text| ProfileId::parse(text))
        .collect();
    let mut columns = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let values = values(&features, &definition.name).map_err(read(FEATURES))?;
        columns.push(FeatureColumn { definition: definition.clone(), values });
    }
    let query = format!("SELECT profile_id, name, value FROM traits WHERE {drawn} ORDER BY name, profile_id");
    let traits = collect(context, &query).await?;
    let traits = trait_columns(&traits, &profiles).map_err(read(TRAITS))?;
    let revenue = match currency {
        None => None,
        Some(currency) => {
            let query = format!("SELECT profile_id, revenue_minor FROM profiles WHERE {drawn} ORDER BY profile_id");
            let rows = collect(context, &query).await?;
            revenue(&rows, &profiles, currency).map_err(read(PROFILES))?
        }
    };
    Ok(Population { as_of, profiles, features: columns, traits, revenue, histories: None, lookback: None })
}

/// Returns the population of features computed for a day, about which nothing else is known.
pub(crate) fn population_of(
    features: &RecordBatch,
    definitions: &[FeatureDefinition],
    as_of: AsOf,
) -> Result<Population, ArrowError> {
    let ids = Rows(features).words("profile_id")?;
    let columns = definitions.iter().map(|definition| {
        let values = values(features, &definition.name)?;
        Ok(FeatureColumn { definition: definition.clone(), values })
    });
    Ok(Population {
        as_of,
        profiles: ids.iter().filter_map(|text| ProfileId::parse(text)).collect(),
        features: columns.collect::<Result<_, ArrowError>>()?,
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    })
}

fn values(features: &RecordBatch, name: &str) -> Result<Values, ArrowError> {
    let Some(column) = features.column_by_name(name) else {
        return Err(ArrowError::SchemaError(format!("no column {name}; run `throng discover` again")));
    };
    if column.data_type() == &DataType::Float64 {
        let numbers = column.as_primitive::<Float64Type>();
        return Ok(Values::Numbers(numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect()));
    }
    let texts = text_column(features, name)?;
    Ok(Values::Categories(texts.iter().map(|text| text.map(str::to_owned)).collect()))
}

fn trait_columns(rows: &RecordBatch, profiles: &[ProfileId]) -> Result<Vec<TraitColumn>, ArrowError> {
    let rows = Rows(rows);
    let (ids, names, values) = (rows.words("profile_id")?, rows.words("name")?, rows.words("value")?);
    let position: BTreeMap<&str, usize> =
        profiles.iter().enumerate().map(|(idx, profile)| (profile.as_str(), idx)).collect();
    let mut columns: BTreeMap<&str, Vec<Option<String>>> = BTreeMap::new();
    for (row, name) in names.iter().enumerate() {
        if let Some(idx) = position.get(ids[row].as_str()) {
            columns.entry(name).or_insert_with(|| vec![None; profiles.len()])[*idx] = Some(values[row].clone());
        }
    }
    let groups = |values: &Vec<Option<String>>| {
        let mut distinct: Vec<&String> = values.iter().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.len() <= TRAIT_VALUES_MAX
    };
    let kept = columns.into_iter().filter(|(_, values)| groups(values)).take(TRAITS_MAX);
    Ok(kept.map(|(name, values)| TraitColumn { name: name.to_owned(), values }).collect())
}

fn revenue(rows: &RecordBatch, profiles: &[ProfileId], currency: Currency) -> Result<Option<Revenue>, ArrowError> {
    let rows = Rows(rows);
    let ids = rows.words("profile_id")?;
    let minor = rows.integers("revenue_minor")?;
    if minor.iter().all(Option::is_none) {
        return Ok(None);
    }
    let of_profile: BTreeMap<&str, i64> =
        ids.iter().zip(minor).map(|(id, minor)| (id.as_str(), minor.unwrap_or(0))).collect();
    let minor = profiles.iter().map(|profile| of_profile.get(profile.as_str()).copied().unwrap_or(0)).collect();
    Ok(Some(Revenue { minor, currency }))
}
