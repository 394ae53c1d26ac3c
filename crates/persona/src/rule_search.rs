//! The rule of a persona: the best path of a shallow tree, with thresholds people would choose.
//!
//! A tree is grown for one persona against everybody else (`throng_learn`). Its best path is then
//! put in round numbers: every threshold is moved to the roundest value near it that loses nothing
//! to speak of, and conditions that add nothing are dropped. A third of the customers takes no part
//! in any of this; on them the rule is checked.

use throng_learn::{DecisionTreeParams, LearnError, Matrix, Side};

use crate::evidence::Groups;
use crate::number::{real_count, single};
use crate::query::held_out;
use crate::round::round_values;
use crate::rule::CONDITIONS_MAX;
use crate::sense::said;
use crate::telling::frequent_values;
use crate::{Bound, Condition, PersonaError, Population, Rule, Values};

/// The most customers a rule is sought in; more move no threshold by a readable step.
const N_ROWS_MAX: usize = 20_000;

/// Members and others needed on either side of the split; with fewer, the rule is sought in all
/// and checked on nobody.
const N_EACH_MIN: usize = 20;

/// Rows a leaf of the tree holds at least.
const LEAF_ROWS_MIN: usize = 10;

/// The most values of a category that conditions are made of, the most frequent ones.
const VALUES_MAX: usize = 6;

/// What a condition must add to the F1 score to be told, and what a rounder threshold may lose.
const CONDITION_GAIN_MIN: f64 = 0.01;
const ROUNDING_LOSS_MAX: f64 = 0.005;

/// Sweeps over the thresholds; each depends on the others.
const N_SWEEPS: usize = 2;

/// The columns rules are made of, prepared once for all personas.
pub(crate) struct RuleSearch<'a> {
    population: &'a Population,
    /// The feature of each column and, of categories, the value.
    columns: Vec<(usize, Option<&'a str>)>,
    /// Rows that take part in the search.
    sought: Vec<usize>,
}

impl<'a> RuleSearch<'a> {
    pub(crate) fn new(population: &'a Population) -> Self {
        let mut columns: Vec<(usize, Option<&str>)> = Vec::new();
        for (feature_idx, feature) in population.features.iter().enumerate() {
            // Rules say what people do, so that one can act when they do it.
            if said(&feature.definition) {
                continue;
            }
            match &feature.values {
                Values::Numbers(_) => columns.push((feature_idx, None)),
                Values::Categories(categories) => {
                    let values = frequent_values(categories).into_iter().take(VALUES_MAX);
                    columns.extend(values.map(|value| (feature_idx, Some(value))));
                }
            }
        }
        let sought = (0..population.profiles.len()).filter(|&row| !held_out(&population.profiles[row])).collect();
        Self { population, columns, sought }
    }

    /// Returns the rule of a persona and whether it can be checked on customers it was not sought
    /// in; `None` when nothing sets the persona apart.
    pub(crate) fn rule(&self, group: &Groups<'_>) -> Result<Option<(Rule, Check)>, PersonaError> {
        let inside = group.inside();
        if self.columns.is_empty() {
            return Ok(None);
        }
        let n_sought = self.sought.iter().filter(|&&row| inside[row]).count();
        let n_held_out = inside.iter().filter(|inside| **inside).count() - n_sought;
        let enough = |n_inside: usize, n: usize| n_inside >= N_EACH_MIN && n - n_inside >= N_EACH_MIN;
        let split = enough(n_sought, self.sought.len()) && enough(n_held_out, inside.len() - self.sought.len());
        let (rows, check) = if split {
            (thinned(&self.sought), Check::HeldOut)
        } else {
            (thinned(&(0..inside.len()).collect::<Vec<_>>()), Check::Nobody)
        };
        let labels: Vec<usize> = rows.iter().map(|&row| usize::from(inside[row])).collect();
        let columns: Vec<Vec<f32>> = self.columns.iter().map(|column| self.values(*column, &rows)).collect();
        let matrix = Matrix::from_columns(&columns).map_err(failed)?;
        let params = DecisionTreeParams { depth_max: CONDITIONS_MAX, leaf_rows_min: LEAF_ROWS_MIN };
        let tree = params.fit(&matrix, &labels).map_err(failed)?;
        let Some(path) = tree.best_rule(1) else { return Ok(None) };
        let conditions = path.conditions.iter().map(|condition| self.condition(condition)).collect();
        let sample = Sample { population: self.population, rows: &rows, inside: &inside };
        let rule = sample.polished(conditions)?;
        Ok(rule.map(|rule| (rule, check)))
    }

    fn values(&self, (feature_idx, value): (usize, Option<&str>), rows: &[usize]) -> Vec<f32> {
        match (&self.population.features[feature_idx].values, value) {
            (Values::Numbers(numbers), _) => rows.iter().map(|&row| single(numbers[row])).collect(),
            (Values::Categories(categories), Some(value)) => {
                rows.iter().map(|&row| indicator(categories[row].as_deref(), value)).collect()
            }
            (Values::Categories(_), None) => vec![f32::NAN; rows.len()],
        }
    }

    fn condition(&self, condition: &throng_learn::Condition) -> Condition {
        let (feature_idx, value) = self.columns[condition.column];
        let feature = self.population.features[feature_idx].definition.name.clone();
        let threshold = f64::from(condition.threshold);
        let bound = match (value, condition.side) {
            (None, Side::AtLeast) => Bound::AtLeast(threshold),
            (None, Side::Below) => Bound::Below(threshold),
            (Some(value), Side::AtLeast) => Bound::Is(value.to_owned()),
            (Some(value), Side::Below) => Bound::IsNot(value.to_owned()),
        };
        Condition { feature, bound }
    }
}

/// On whom a rule can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// On the customers that took no part in the search.
    HeldOut,
    /// On nobody: there are too few.
    Nobody,
}

/// The rows a rule is sought in.
struct Sample<'a> {
    population: &'a Population,
    rows: &'a [usize],
    inside: &'a [bool],
}

impl Sample<'_> {
    /// Returns the rule in round numbers, without conditions that add nothing.
    fn polished(&self, mut conditions: Vec<Condition>) -> Result<Option<Rule>, PersonaError> {
        for _ in 0..N_SWEEPS {
            for position in 0..conditions.len() {
                conditions[position] = self.rounded(&conditions, position)?;
            }
        }
        while conditions.len() > 1 {
            let score = self.score(&conditions)?;
            let mut shorter: Option<(f64, Vec<Condition>)> = None;
            for position in 0..conditions.len() {
                let mut without = conditions.clone();
                without.remove(position);
                let candidate = self.score(&without)?;
                if candidate > score - CONDITION_GAIN_MIN && shorter.as_ref().is_none_or(|best| candidate > best.0) {
                    shorter = Some((candidate, without));
                }
            }
            let Some((_, without)) = shorter else { break };
            conditions = without;
        }
        if self.score(&conditions)? > 0.0 { Rule::new(conditions).map(Some) } else { Ok(None) }
    }

    /// Returns the condition with the roundest threshold that is as good as any near it.
    fn rounded(&self, conditions: &[Condition], position: usize) -> Result<Condition, PersonaError> {
        let condition = &conditions[position];
        let (Bound::AtLeast(threshold) | Bound::Below(threshold)) = &condition.bound else {
            return Ok(condition.clone());
        };
        let feature = self.population.feature(&condition.feature)?;
        let mut scored: Vec<(f64, Condition)> = Vec::new();
        // The roundest first, and of equally round ones the nearest.
        for value in round_values(*threshold, feature) {
            let bound = match condition.bound {
                Bound::AtLeast(_) => Bound::AtLeast(value),
                Bound::Below(_) | Bound::Is(_) | Bound::IsNot(_) => Bound::Below(value),
            };
            let moved = Condition { feature: condition.feature.clone(), bound };
            let mut candidate = conditions.to_vec();
            candidate[position] = moved.clone();
            scored.push((self.score(&candidate)?, moved));
        }
        let best = scored.iter().map(|(score, _)| *score).fold(0.0, f64::max);
        let found = scored.into_iter().find(|(score, _)| *score >= best - ROUNDING_LOSS_MAX);
        Ok(found.map_or_else(|| condition.clone(), |(_, condition)| condition))
    }

    /// Returns the harmonic mean of precision and recall (van Rijsbergen 1979).
    fn score(&self, conditions: &[Condition]) -> Result<f64, PersonaError> {
        let mut fits = vec![true; self.rows.len()];
        for condition in conditions {
            let values = &self.population.feature(&condition.feature)?.values;
            for (fit, &row) in fits.iter_mut().zip(self.rows) {
                *fit = *fit && condition.holds(values, row);
            }
        }
        let (mut n_members, mut n_fits, mut n_both) = (0, 0, 0);
        for (fit, &row) in fits.iter().zip(self.rows) {
            n_members += usize::from(self.inside[row]);
            n_fits += usize::from(*fit);
            n_both += usize::from(*fit && self.inside[row]);
        }
        if n_both == 0 {
            return Ok(0.0);
        }
        Ok(2.0 * real_count(n_both) / real_count(n_members + n_fits))
    }
}

fn indicator(known: Option<&str>, value: &str) -> f32 {
    match known {
        None => f32::NAN,
        Some(known) if known == value => 1.0,
        Some(_) => 0.0,
    }
}

/// Returns at most [`N_ROWS_MAX`] of the rows, evenly spread over them.
fn thinned(rows: &[usize]) -> Vec<usize> {
    let step = rows.len().div_ceil(N_ROWS_MAX).max(1);
    rows.iter().copied().step_by(step).collect()
}

fn failed(source: LearnError) -> PersonaError {
    PersonaError::Learn { attempt: "seek a rule for a persona", source }
}
