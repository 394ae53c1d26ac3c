//! Which features clusters are found by, and how much each of them counts.
//!
//! What people do makes personas; what they say they are only describes them. A persona of "women
//! between 45 and 54" would be an answer we put in ourselves.

use std::collections::BTreeMap;

use throng_feature::SignalCategory;
use throng_learn::{ColumnTransform, LearnError, Matrix, RobustScaler, RobustScalerParams};

use crate::format::{quoted, share};
use crate::number::{real_count, single};
use crate::sense::{Theme, theme};
use crate::{FeatureColumn, FeatureUse, Population, Values};

/// Share of the profiles for which a feature must be known.
const COVERAGE_MIN: f64 = 0.5;

/// Share of the known values that may be one and the same.
const SAME_VALUE_MAX: f64 = 0.975;

/// Values of a category that get a column of their own, the most frequent ones, and the share of
/// the profiles each must have.
const ONE_HOT_VALUES_MAX: usize = 6;
const ONE_HOT_SHARE_MIN: f64 = 0.05;

/// What a one-hot column counts beside a number: a yes or no jumps by several standard deviations
/// where a number moves, and would cut the customers along it.
const ONE_HOT_VOTE: f64 = 0.5;

/// Where scaled values are drawn in, in robust standard deviations.
const CLIP: f32 = 3.0;

/// A column of the matrix in which clusters are found.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelColumn {
    /// The feature's name.
    pub feature: String,
    /// For a category, the value the column is 1 for.
    pub value: Option<String>,
    /// What the scaled column is multiplied by.
    pub multiplier: f64,
}

/// The features of a population as clusters are found in them.
pub(crate) struct Columns {
    pub(crate) columns: Vec<ModelColumn>,
    pub(crate) uses: Vec<FeatureUse>,
    themes: Vec<Theme>,
}

impl Columns {
    /// Returns no columns, for a population of nobody.
    pub(crate) fn none() -> Self {
        Self { columns: Vec::new(), uses: Vec::new(), themes: Vec::new() }
    }

    /// Returns the columns worth clustering by, all of multiplier 1, and why others are not.
    pub(crate) fn chosen(population: &Population) -> Self {
        let mut chosen = Self::none();
        for feature in &population.features {
            let found = columns_of(feature);
            chosen.uses.push(FeatureUse {
                name: feature.definition.name.clone(),
                transform: None,
                vote: 0.0,
                left_out: found.as_ref().err().cloned(),
            });
            for column in found.unwrap_or_default() {
                chosen.columns.push(column);
                chosen.themes.push(theme(&feature.definition));
            }
        }
        chosen
    }

    /// Fits the scaler, and sets the multipliers so that every theme has its votes.
    pub(crate) fn fit(&mut self, population: &Population) -> Result<RobustScaler, LearnError> {
        let raw = raw_matrix(&self.columns, population)?;
        let scaler = RobustScalerParams { clip: CLIP }.fit(&raw)?;
        let squares: Vec<f64> = self
            .columns
            .iter()
            .zip(scaler.columns())
            .map(|(column, scaling)| scaling.weight.powi(2) * if column.value.is_some() { ONE_HOT_VOTE } else { 1.0 })
            .collect();
        let mut theme_squares: BTreeMap<Theme, f64> = BTreeMap::new();
        for (theme, square) in self.themes.iter().zip(&squares) {
            *theme_squares.entry(*theme).or_default() += square;
        }
        for ((column, theme), square) in self.columns.iter_mut().zip(&self.themes).zip(&squares) {
            let in_theme = theme_squares.get(theme).copied().unwrap_or(0.0);
            if in_theme <= 0.0 {
                continue;
            }
            // A theme with few columns is not blown up: a column has one vote at most.
            let votes = theme.votes().min(in_theme);
            let own = if column.value.is_some() { ONE_HOT_VOTE } else { 1.0 };
            column.multiplier = (own * votes / in_theme).sqrt();
            let vote = square * votes / in_theme;
            if let Some(used) = self.uses.iter_mut().find(|used| used.name == column.feature) {
                used.vote += vote;
            }
        }
        self.finish_uses(&scaler);
        Ok(scaler)
    }

    /// Turns votes into shares of all votes and tells the transforms.
    fn finish_uses(&mut self, scaler: &RobustScaler) {
        let total: f64 = self.uses.iter().map(|used| used.vote).sum();
        for used in &mut self.uses {
            let position = self.columns.iter().position(|column| column.feature == used.name);
            let Some(position) = position else { continue };
            used.vote = if total > 0.0 { used.vote / total } else { 0.0 };
            used.transform = Some(match (&self.columns[position].value, scaler.columns()[position].transform) {
                (Some(_), _) => "one column for each frequent value".to_owned(),
                (None, ColumnTransform::Identity) => "as it is".to_owned(),
                (None, ColumnTransform::SignedLog { .. }) => "logarithm".to_owned(),
            });
        }
    }
}

/// Returns the population's values, scaled and multiplied: the space in which distances are taken.
pub(crate) fn scaled_matrix(
    columns: &[ModelColumn],
    scaler: &RobustScaler,
    population: &Population,
) -> Result<Matrix, LearnError> {
    let scaled = scaler.transform(&raw_matrix(columns, population)?)?;
    let multipliers: Vec<f32> = columns.iter().map(|column| single(column.multiplier)).collect();
    let mut values = Vec::with_capacity(scaled.values().len());
    for row in scaled.rows() {
        values.extend(row.iter().zip(&multipliers).map(|(value, multiplier)| value * multiplier));
    }
    Matrix::new(columns.len(), values)
}

fn raw_matrix(columns: &[ModelColumn], population: &Population) -> Result<Matrix, LearnError> {
    let missing = || vec![f32::NAN; population.profiles.len()];
    let mut raw = Vec::new();
    for column in columns {
        let feature = population.features.iter().find(|feature| feature.definition.name == column.feature);
        raw.push(match (feature.map(|feature| &feature.values), &column.value) {
            (Some(Values::Numbers(numbers)), None) => numbers.iter().map(|number| single(*number)).collect(),
            (Some(Values::Categories(categories)), Some(value)) => categories
                .iter()
                .map(|known| known.as_ref().map_or(f32::NAN, |known| f32::from(u8::from(known == value))))
                .collect(),
            // A feature that later data lack is missing for everybody, hence the median.
            (Some(Values::Numbers(_)), Some(_)) | (Some(Values::Categories(_)), None) | (None, _) => missing(),
        });
    }
    Matrix::from_columns(&raw)
}

/// Returns the columns a feature is clustered by, or why it is not.
fn columns_of(feature: &FeatureColumn) -> Result<Vec<ModelColumn>, String> {
    match feature.definition.category {
        SignalCategory::Stated | SignalCategory::Demographic => {
            return Err("describes personas, but does not make them".to_owned());
        }
        SignalCategory::Behavioural
        | SignalCategory::Transactional
        | SignalCategory::Contextual
        | SignalCategory::Sentiment => {}
    }
    let n_known = match &feature.values {
        Values::Numbers(numbers) => numbers.iter().filter(|number| !number.is_nan()).count(),
        Values::Categories(categories) => categories.iter().flatten().count(),
    };
    let coverage = real_count(n_known) / real_count(feature.values.len());
    if coverage < COVERAGE_MIN {
        return Err(format!("known for only {} of the customers", share(coverage)));
    }
    let column = |value| ModelColumn { feature: feature.definition.name.clone(), value, multiplier: 1.0 };
    match &feature.values {
        Values::Numbers(numbers) => {
            let (value, n_same) = most_frequent_number(numbers);
            let same = real_count(n_same) / real_count(n_known);
            if same > SAME_VALUE_MAX {
                return Err(format!("the same for {} of the customers ({value})", share(same)));
            }
            Ok(vec![column(None)])
        }
        Values::Categories(categories) => {
            let frequent = frequent_categories(categories, n_known);
            if let Some((value, same)) = frequent.iter().find(|(_, same)| *same > SAME_VALUE_MAX) {
                return Err(format!("the same for {} of the customers ({})", share(*same), quoted(value)));
            }
            if frequent.is_empty() {
                return Err(format!("no value is shared by {} of the customers", share(ONE_HOT_SHARE_MIN)));
            }
            Ok(frequent.into_iter().map(|(value, _)| column(Some(value.to_owned()))).collect())
        }
    }
}

/// Returns the most frequent known number and how often it occurs; of equal ones the least.
fn most_frequent_number(numbers: &[f64]) -> (f64, usize) {
    let mut known: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let mut most = (0.0, 0);
    let mut start = 0;
    while start < known.len() {
        let n_same = known[start..].iter().take_while(|number| **number <= known[start]).count();
        if n_same > most.1 {
            most = (known[start], n_same);
        }
        start += n_same;
    }
    most
}

/// Returns the values that enough profiles have, with their shares of the known ones.
fn frequent_categories(categories: &[Option<String>], n_known: usize) -> Vec<(&str, f64)> {
    let mut n_by_value: BTreeMap<&str, usize> = BTreeMap::new();
    for value in categories.iter().flatten() {
        *n_by_value.entry(value).or_default() += 1;
    }
    let shares = n_by_value.into_iter().map(|(value, n)| (value, real_count(n) / real_count(n_known)));
    let mut frequent: Vec<(&str, f64)> = shares.filter(|(_, share)| *share >= ONE_HOT_SHARE_MIN).collect();
    frequent.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    frequent.truncate(ONE_HOT_VALUES_MAX);
    frequent
}
