//! Which features clusters are found by, and how much each of them counts.
//!
//! What people do makes personas; what they say they are only describes them. A persona of "women
//! between 45 and 54" would be an answer we put in ourselves.
//!
//! A feature's vote, its part of a squared distance, is made in three steps:
//! 1. one vote for each feature, less for a category, shared with features that say the same
//!    ([`Preparation`]);
//! 2. scaled down where the features of a theme have more votes than the theme ([`Theme::votes`]);
//! 3. multiplied by the weight of its signal category ([`CategoryWeights`]).

use std::collections::BTreeMap;

use throng_feature::SignalCategory;
use throng_learn::{
    ColumnKind, ColumnTransform, LearnError, Matrix, Missing, Part, PartKind, Preparation, PreparationParams,
};

use crate::format::{quoted, share};
use crate::number::{real_count, single};
use crate::sense::{Theme, theme};
use crate::{FeatureColumn, FeatureUse, PersonaError, Population, Values};

/// Share of the profiles for which a feature must be known.
const COVERAGE_MIN: f64 = 0.5;

/// Share of the known values that may be one and the same.
const SAME_VALUE_MAX: f64 = 0.975;

/// Values of a category that get a column of their own, the most frequent ones, and the share of
/// the profiles each must have.
const LEVELS_MAX: usize = 6;
const LEVEL_SHARE_MIN: f64 = 0.05;

/// How features are prepared. Values are drawn in at three robust standard deviations, so that no
/// single customer makes a persona. What is not known counts as typical: features unknown for more
/// than half are left out, and for the rest "never measured" would make personas of our own gaps.
const PREPARATION: PreparationParams = PreparationParams { clip: 3.0, missing: Missing::Typical };

/// The greatest weight of a signal category: beyond, the others might as well be left out.
const WEIGHT_MAX: f64 = 100.0;

/// How much features count by what they speak of, beside the votes they have anyway.
///
/// What people are or say about themselves has no weight here, as it never makes personas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoryWeights {
    /// Weight of what someone does.
    pub behavioural: f64,
    /// Weight of what someone buys and pays.
    pub transactional: f64,
    /// Weight of where, when and with what someone does it.
    pub contextual: f64,
    /// Weight of what someone feels.
    pub sentiment: f64,
}

impl CategoryWeights {
    /// Every category counts the same.
    pub const EQUAL: Self = Self { behavioural: 1.0, transactional: 1.0, contextual: 1.0, sentiment: 1.0 };

    /// Returns an error unless every weight is from 0 to 100, and one of them above 0.
    pub(crate) fn check(&self) -> Result<(), PersonaError> {
        let weights = [self.behavioural, self.transactional, self.contextual, self.sentiment];
        if let Some(weight) = weights.iter().find(|weight| !(0.0..=WEIGHT_MAX).contains(*weight)) {
            return Err(PersonaError::CategoryWeight(weight.to_string()));
        }
        if weights.iter().all(|weight| *weight <= 0.0) {
            return Err(PersonaError::CategoryWeight("0 for every category".to_owned()));
        }
        Ok(())
    }

    /// Returns the weight of a category; `None` where features only describe.
    fn of(&self, category: SignalCategory) -> Option<f64> {
        match category {
            SignalCategory::Behavioural => Some(self.behavioural),
            SignalCategory::Transactional => Some(self.transactional),
            SignalCategory::Contextual => Some(self.contextual),
            SignalCategory::Sentiment => Some(self.sentiment),
            SignalCategory::Stated | SignalCategory::Demographic => None,
        }
    }
}

/// A feature that clusters are found by.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelColumn {
    /// The feature's name.
    pub feature: String,
    /// For a category, the values that count, the most frequent first; all others count as one.
    /// Empty for a number.
    pub levels: Vec<String>,
}

/// The features of a population as clusters are found in them.
pub(crate) struct Columns {
    pub(crate) columns: Vec<ModelColumn>,
    pub(crate) uses: Vec<FeatureUse>,
    themes: Vec<Theme>,
    weights: Vec<f64>,
}

impl Columns {
    /// Returns what each column of the scaled matrix is of, in words.
    pub(crate) fn phrases(&self, scaler: &Preparation, population: &Population) -> Vec<String> {
        let phrase = |column: &ModelColumn| {
            let mut features = population.features.iter().map(|feature| &feature.definition);
            let definition = features.find(|definition| definition.name == column.feature);
            definition.map_or_else(|| column.feature.replace('_', " "), |definition| definition.phrase.clone())
        };
        scaler.parts().iter().map(|part| self.columns.get(part.column).map_or_else(String::new, phrase)).collect()
    }

    /// Returns no columns, for a population of nobody.
    pub(crate) fn none() -> Self {
        Self { columns: Vec::new(), uses: Vec::new(), themes: Vec::new(), weights: Vec::new() }
    }

    /// Returns the columns worth clustering by, and why others are not.
    pub(crate) fn chosen(population: &Population, weights: &CategoryWeights) -> Self {
        let mut chosen = Self::none();
        for feature in &population.features {
            let found = column_of(feature, weights);
            chosen.uses.push(FeatureUse {
                name: feature.definition.name.clone(),
                transform: None,
                vote: 0.0,
                left_out: found.as_ref().err().cloned(),
            });
            if let Ok((column, weight)) = found {
                chosen.columns.push(column);
                chosen.themes.push(theme(&feature.definition));
                chosen.weights.push(weight);
            }
        }
        chosen
    }

    /// Fits the preparation, in which every theme has its votes, and every category its weight.
    pub(crate) fn fit(&mut self, population: &Population) -> Result<Preparation, LearnError> {
        let kind = |column: &ModelColumn| match column.levels.len() {
            0 => ColumnKind::Number,
            n_levels => ColumnKind::Category { n_levels },
        };
        let kinds: Vec<ColumnKind> = self.columns.iter().map(kind).collect();
        let preparation = PREPARATION.fit(&raw_matrix(&self.columns, population)?, &kinds)?;
        let mut theme_votes: BTreeMap<Theme, f64> = BTreeMap::new();
        for (theme, vote) in self.themes.iter().zip(preparation.votes()) {
            *theme_votes.entry(*theme).or_default() += vote;
        }
        // A theme with few columns is not blown up: a column has one vote at most.
        let factors: Vec<f64> = self
            .themes
            .iter()
            .zip(&self.weights)
            .map(|(theme, weight)| {
                let found = theme_votes.get(theme).copied().unwrap_or(0.0);
                if found > 0.0 { weight * theme.votes().min(found) / found } else { 0.0 }
            })
            .collect();
        let preparation = preparation.reweighted(&factors)?;
        self.finish_uses(&preparation);
        Ok(preparation)
    }

    /// Tells each feature's share of all votes and its transform.
    fn finish_uses(&mut self, preparation: &Preparation) {
        let votes = preparation.votes();
        let total: f64 = votes.iter().sum();
        for (column_idx, column) in self.columns.iter().enumerate() {
            let Some(used) = self.uses.iter_mut().find(|used| used.name == column.feature) else { continue };
            let parts: Vec<&Part> = preparation.parts().iter().filter(|part| part.column == column_idx).collect();
            used.vote = if total > 0.0 { votes[column_idx] / total } else { 0.0 };
            if parts.is_empty() {
                used.left_out = Some("its values differ too little to be told apart".to_owned());
            } else {
                used.transform = Some(in_words(&parts));
            }
        }
    }
}

/// Returns how a column is used.
fn in_words(parts: &[&Part]) -> String {
    let has = |kind: PartKind| parts.iter().find(|part| part.kind == kind);
    if let Some(value) = has(PartKind::Value) {
        return transform_in_words(&value.scaling.transform).to_owned();
    }
    if let Some(amount) = has(PartKind::Amount) {
        return format!("whether, and how much ({})", transform_in_words(&amount.scaling.transform));
    }
    if has(PartKind::Whether).is_some() {
        return "whether".to_owned();
    }
    "one column for each frequent value".to_owned()
}

fn transform_in_words(transform: &ColumnTransform) -> &'static str {
    match transform {
        ColumnTransform::Identity => "as it is",
        ColumnTransform::SignedLog { .. } => "logarithm",
        ColumnTransform::YeoJohnson { .. } => "power",
        ColumnTransform::NormalScores { .. } => "rank",
    }
}

/// Returns the population's values, prepared: the space in which distances are taken.
pub(crate) fn scaled_matrix(
    columns: &[ModelColumn],
    scaler: &Preparation,
    population: &Population,
) -> Result<Matrix, LearnError> {
    scaler.transform(&raw_matrix(columns, population)?)
}

/// Returns a column for each feature: its numbers, or the positions of its levels.
pub(crate) fn raw_matrix(columns: &[ModelColumn], population: &Population) -> Result<Matrix, LearnError> {
    let missing = || vec![f32::NAN; population.profiles.len()];
    let mut raw = Vec::new();
    for column in columns {
        let feature = population.features.iter().find(|feature| feature.definition.name == column.feature);
        raw.push(match feature.map(|feature| &feature.values) {
            Some(Values::Numbers(numbers)) if column.levels.is_empty() => {
                numbers.iter().map(|number| single(*number)).collect()
            }
            Some(Values::Categories(categories)) if !column.levels.is_empty() => {
                categories.iter().map(|known| level(&column.levels, known.as_deref())).collect()
            }
            // A feature that later data lack is missing for everybody, hence typical.
            Some(Values::Numbers(_) | Values::Categories(_)) | None => missing(),
        });
    }
    Matrix::from_columns(&raw)
}

/// Returns the position of a value among the levels; one after the last for any other.
pub(crate) fn level(levels: &[String], known: Option<&str>) -> f32 {
    let Some(known) = known else { return f32::NAN };
    single(real_count(levels.iter().position(|level| level == known).unwrap_or(levels.len())))
}

/// Returns the column a feature is clustered by and its category's weight, or why it is not.
fn column_of(feature: &FeatureColumn, weights: &CategoryWeights) -> Result<(ModelColumn, f64), String> {
    let weight = weights.of(feature.definition.category);
    let weight = weight.ok_or_else(|| "describes personas, but does not make them".to_owned())?;
    if weight <= 0.0 {
        return Err(format!("{} features have the weight 0", feature.definition.category.as_str()));
    }
    let n_known = match &feature.values {
        Values::Numbers(numbers) => numbers.iter().filter(|number| !number.is_nan()).count(),
        Values::Categories(categories) => categories.iter().flatten().count(),
    };
    let coverage = real_count(n_known) / real_count(feature.values.len());
    if coverage < COVERAGE_MIN {
        return Err(format!("known for only {} of the customers", share(coverage)));
    }
    let mut levels = Vec::new();
    match &feature.values {
        Values::Numbers(numbers) => {
            let (value, n_same) = most_frequent_number(numbers);
            let same = real_count(n_same) / real_count(n_known);
            if same > SAME_VALUE_MAX {
                return Err(format!("the same for {} of the customers ({value})", share(same)));
            }
        }
        Values::Categories(categories) => {
            let frequent = frequent_categories(categories, n_known);
            if let Some((value, same)) = frequent.iter().find(|(_, same)| *same > SAME_VALUE_MAX) {
                return Err(format!("the same for {} of the customers ({})", share(*same), quoted(value)));
            }
            if frequent.is_empty() {
                return Err(format!("no value is shared by {} of the customers", share(LEVEL_SHARE_MIN)));
            }
            levels.extend(frequent.into_iter().map(|(value, _)| value.to_owned()));
        }
    }
    Ok((ModelColumn { feature: feature.definition.name.clone(), levels }, weight))
}

/// Returns the most frequent known number and how often it occurs, as exactly as clusters are found;
/// of equal ones the least.
fn most_frequent_number(numbers: &[f64]) -> (f64, usize) {
    let mut known: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let mut most = (0.0, 0);
    let mut start = 0;
    while start < known.len() {
        let n_same = known[start..].iter().take_while(|number| single(**number) <= single(known[start])).count();
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
    let mut frequent: Vec<(&str, f64)> = shares.filter(|(_, share)| *share >= LEVEL_SHARE_MIN).collect();
    frequent.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    frequent.truncate(LEVELS_MAX);
    frequent
}
