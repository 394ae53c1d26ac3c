//! The population discovery looks at, read from the derived tables.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
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

/// Reads features, traits and revenue of every profile that has features.
pub(crate) async fn read_population(
    context: &SessionContext,
    definitions: &[FeatureDefinition],
    as_of: AsOf,
    currency: Option<Currency>,
) -> Result<Population, EngineError> {
    let features = collect(context, "SELECT * FROM features ORDER BY profile_id").await?;
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
    let traits = collect(context, "SELECT profile_id, name, value FROM traits ORDER BY name, profile_id").await?;
    let traits = trait_columns(&traits, &profiles).map_err(read(TRAITS))?;
    let revenue = match currency {
        None => None,
        Some(currency) => {
            let rows = collect(context, "SELECT profile_id, revenue_minor FROM profiles ORDER BY profile_id").await?;
            revenue(&rows, &profiles, currency).map_err(read(PROFILES))?
        }
    };
    Ok(Population { as_of, profiles, features: columns, traits, revenue, histories: None })
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
