//! Predictive validity: whether personas as of a day say anything about what customers do after it.
//!
//! Personas are looked for among the features as of that day, and nothing later. What customers
//! did in the days that follow is then explained, out of sample, by their memberships, and beside it
//! by what a user would have otherwise: quintiles of recency, frequency and money (RFM), and plain
//! k-means on the same features, standardised, with as many clusters as there are personas. Personas are
//! taken alone, by degree, and opened into their sub-kinds, which are about as many groups as the
//! quintiles; what a cut learns of the future it learns from the days before the day. The
//! quintiles are fifteen groups of three kinds that add up; the RFM score has as many groups as there
//! are personas. Whether personas say anything that recency, frequency and money do not is seen where
//! both explain more than RFM alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_event::Day;
use throng_learn::{Confidence, Interval, KMeansParams, LearnError, Matrix, Response, ValidityParams};
use throng_persona::{
    DiscoveryParams, Memberships, Opened, Outcome, Population, Refusal, Separation, Values, discover, open,
};
use throng_profile::ProfileId;

use crate::engine::{DiscoverRequest, Engine};
use crate::error::EngineError;
use crate::lookback::{Deeds, deeds, known};
use crate::population::population_of;
use crate::tables::FEATURES;

/// Folds of the cross-validation, the confidence of its intervals, and the pull of a group towards
/// the mean of all, in customers.
const N_FOLDS: usize = 10;
const CONFIDENCE: f64 = 0.95;
const RIDGE: f64 = 1.0;
/// Parts that recency, frequency and money are each divided into, by custom.
const N_QUANTILES: usize = 5;
/// A share below this is as good as none.
const SHARE_MIN: f64 = 0.001;
/// As scikit-learn has it by default, but with as many restarts as personas get.
const K_MEANS: KMeansParams = KMeansParams { n_clusters: 2, n_init: 10, n_iter_max: 300, tolerance: 1e-4, seed: 0 };

/// How well personas predict.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The day whose end the personas are taken at.
    pub as_of: Day,
    /// The days after it that are predicted.
    pub n_days: u32,
    /// Customers who were known by then.
    pub n_profiles: usize,
    /// How many personas there were, and whether there are borders between them; or why there were none.
    pub personas: Result<(usize, Option<Separation>), Refusal>,
    /// What was predicted.
    pub outcomes: Vec<ValidatedOutcome>,
}

/// How well one thing is predicted.
#[derive(Debug, Clone)]
pub struct ValidatedOutcome {
    /// What is predicted, in words.
    pub what: &'static str,
    /// The ways to group customers, or why the outcome tells nothing.
    pub groupings: Result<Vec<ValidatedGrouping>, LearnError>,
}

/// How well one way to group customers predicts.
#[derive(Debug, Clone)]
pub struct ValidatedGrouping {
    /// What the groups are, in words.
    pub name: String,
    /// The share of the deviance it explains out of sample.
    pub explained: Interval,
    /// How much more than RFM quintiles.
    pub gain: Interval,
}

impl Engine {
    /// Says how well personas as of a day predict what customers do in the `n_days` after it. Nothing is
    /// written.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events, or when no such day lies in the history.
    pub fn validate_personas(&self, request: &DiscoverRequest, n_days: u32) -> Result<Validation, EngineError> {
        let config = self.home.config();
        self.runtime.block_on(async {
            let view = self.view().await?;
            let last = self.as_of(&view, None).await?.day;
            let latest = Day(last.0.saturating_sub(i32::try_from(n_days).unwrap_or(i32::MAX)));
            let day = request.as_of.unwrap_or(latest);
            if day > latest {
                return Err(EngineError::Missing {
                    what: format!("the history ends on {last}, less than {n_days} days after {day}"),
                    todo: format!("give --as-of {latest} or an earlier day, or fewer --days"),
                });
            }
            let as_of = self.calendar().as_of(day);
            let after = self.calendar().as_of(Day(day.0 + i32::try_from(n_days).unwrap_or(i32::MAX)));
            let deeds = deeds(&view, (as_of, after), config.currency).await?;
            let features = self.feature_rows(&view, as_of).await?;
            let features = known(&features, &deeds).map_err(|error| EngineError::table("compute", FEATURES, error))?;
            let mut population = population_of(&features, &config.features, as_of)
                .map_err(|error| EngineError::table("compute", FEATURES, error))?;
            population.lookback = self.lookback(&view, as_of).await?.map(Arc::new);
            let params = DiscoveryParams {
                personas: request.personas.unwrap_or(config.personas),
                seed: request.seed.unwrap_or(config.seed),
                weights: config.weights,
                continuum: request.continuum.unwrap_or(config.continuum),
                method: request.method.unwrap_or(config.method),
            };
            judged(&population, &deeds, &params, (day, n_days))
        })
    }
}

fn judged(
    population: &Population,
    deeds: &Deeds,
    params: &DiscoveryParams,
    (as_of, n_days): (Day, u32),
) -> Result<Validation, EngineError> {
    let n_profiles = population.profiles.len();
    let discovery = discover(population, params)?;
    let found = match discovery.outcome {
        Outcome::Found(found) => found,
        Outcome::Refused(refusal) => {
            return Ok(Validation { as_of, n_days, n_profiles, personas: Err(refusal), outcomes: Vec::new() });
        }
    };
    let failed = |source| EngineError::Persona(throng_persona::PersonaError::Learn { attempt: "validate", source });
    let n_personas = found.personas.len();
    let shares = found.memberships.rows().iter().flat_map(|row| {
        #[expect(clippy::cast_possible_truncation, reason = "shares need no more than an f32 holds")]
        row.shares.iter().chain([&row.unassigned]).map(|share| *share as f32).collect::<Vec<_>>()
    });
    let personas = Matrix::new(n_personas + 1, shares.collect()).map_err(failed)?;
    let degrees = degrees(&found.memberships).map_err(failed)?;
    let rfm = rfm(deeds).map_err(failed)?;
    let opened = open(population, &found.memberships, params)?;
    let n_sub_kinds: usize = opened.iter().map(|opened| opened.kinds.len()).sum();
    let sub_kinds = sub_kinds(&found.memberships, &opened).map_err(failed)?;
    let both = beside(&rfm, &degrees).map_err(failed)?;
    let score = rfm_score(deeds, n_personas).map_err(failed)?;
    let matrix = standardised(population).map_err(failed)?;
    let k_means = KMeansParams { n_clusters: n_personas, seed: params.seed, ..K_MEANS }.fit(&matrix);
    let clusters = k_means.and_then(|model| Matrix::of_labels(model.labels(), n_personas)).map_err(failed)?;
    let names = [
        "RFM quintiles".to_owned(),
        format!("RFM score, {n_personas} groups"),
        format!("k-means, {n_personas} clusters"),
        format!("{n_personas} personas"),
        format!("{n_personas} personas by degree"),
        format!("{n_personas} personas and their {n_sub_kinds} sub-kinds"),
        "RFM quintiles and personas".to_owned(),
    ];
    let confidence = Confidence::new(CONFIDENCE).map_err(failed)?;
    let validity = ValidityParams { n_folds: N_FOLDS, ridge: RIDGE, confidence, seed: params.seed };
    let outcome = |what, outcomes: &[f64], response| {
        let evaluated =
            validity.evaluate(&[&rfm, &score, &clusters, &personas, &degrees, &sub_kinds, &both], outcomes, response);
        let groupings = evaluated.map(|validity| {
            let pairs = names.iter().zip(validity.partitions);
            pairs
                .map(|(name, own)| ValidatedGrouping { name: name.clone(), explained: own.explained, gain: own.gain })
                .collect()
        });
        ValidatedOutcome { what, groupings }
    };
    let outcomes = vec![
        outcome("revenue", &deeds.money_after, Response::Amount),
        outcome("orders", &deeds.n_after, Response::Count),
        outcome("silence", &deeds.silent_after, Response::Occurrence),
    ];
    Ok(Validation { as_of, n_days, n_profiles, personas: Ok((n_personas, discovery.separation)), outcomes })
}

/// Returns recency, frequency and money as ones and noughts, five columns each.
fn rfm(deeds: &Deeds) -> Result<Matrix, LearnError> {
    let scores = [&deeds.days_since, &deeds.n_before, &deeds.money_before].map(|values| quintiles(values));
    let n_rows = deeds.days_since.len();
    let mut values = vec![0.0_f32; n_rows * 3 * N_QUANTILES];
    for (row, target) in values.chunks_exact_mut(3 * N_QUANTILES).enumerate() {
        for (measure, scores) in scores.iter().enumerate() {
            target[measure * N_QUANTILES + scores[row]] = 1.0;
        }
    }
    Matrix::new(3 * N_QUANTILES, values)
}

/// Returns how far every customer is towards each persona: the logarithms of the shares, in their
/// proportions (Aitchison's centred log-ratio, 1986). A share says who counts for what; of two near one
/// centre, this says which is nearer.
fn degrees(memberships: &Memberships) -> Result<Matrix, LearnError> {
    let mut values = Vec::new();
    for row in memberships.rows() {
        let logarithms: Vec<f64> =
            row.shares.iter().chain([&row.unassigned]).map(|share| share.max(SHARE_MIN).ln()).collect();
        #[expect(clippy::cast_precision_loss, reason = "personas are few")]
        let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
        #[expect(clippy::cast_possible_truncation, reason = "logarithms of shares need no more than an f32 holds")]
        values.extend(logarithms.iter().map(|value| (value - mean) as f32));
    }
    Matrix::new(memberships.personas().len() + 1, values)
}

/// Returns everybody's sub-kind, or persona where that is not opened or none of its kinds is theirs.
fn sub_kinds(memberships: &Memberships, opened: &[Opened]) -> Result<Matrix, LearnError> {
    let n_personas = memberships.personas().len();
    // Personas first, then nobody's, then the kinds of each persona.
    let mut labels: Vec<usize> = memberships.rows().iter().map(|row| row.assigned.unwrap_or(n_personas)).collect();
    let row_of: BTreeMap<&ProfileId, usize> =
        memberships.rows().iter().enumerate().map(|(row_idx, row)| (&row.profile, row_idx)).collect();
    let mut n_groups = n_personas + 1;
    for opened in opened {
        for row in opened.memberships.rows() {
            if let (Some(kind), Some(row_idx)) = (row.assigned, row_of.get(&row.profile)) {
                labels[*row_idx] = n_groups + kind;
            }
        }
        n_groups += opened.kinds.len();
    }
    Matrix::of_labels(&labels, n_groups)
}

/// Returns two partitions as one, side by side.
fn beside(first: &Matrix, second: &Matrix) -> Result<Matrix, LearnError> {
    let rows = first.rows().zip(second.rows());
    let values = rows.flat_map(|(first, second)| first.iter().chain(second).copied()).collect();
    Matrix::new(first.n_columns() + second.n_columns(), values)
}

/// Returns the sum of the three scores, by rank in as many groups as are asked for: what RFM says with
/// no more groups than there are personas.
fn rfm_score(deeds: &Deeds, n_groups: usize) -> Result<Matrix, LearnError> {
    let [recency, frequency, money] =
        [&deeds.days_since, &deeds.n_before, &deeds.money_before].map(|values| quintiles(values));
    // Long ago is a low score; five parts each, so the sums are whole numbers below 13.
    let scores = recency.iter().zip(&frequency).zip(&money).map(|((recency, frequency), money)| {
        u8::try_from(N_QUANTILES - 1 - recency + frequency + money).map_or(0.0, f64::from)
    });
    Matrix::of_labels(&quantiles(&scores.collect::<Vec<f64>>(), n_groups), n_groups)
}

/// Returns the fifth each value lies in by rank; equal values lie in one.
fn quintiles(values: &[f64]) -> Vec<usize> {
    quantiles(values, N_QUANTILES)
}

fn quantiles(values: &[f64], n_parts: usize) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let of = |value: f64| sorted.partition_point(|other| *other < value) * n_parts / sorted.len().max(1);
    values.iter().map(|value| of(*value).min(n_parts - 1)).collect()
}

/// Returns the numbers of a population with mean 0 and deviation 1, what is not known being 0.
fn standardised(population: &Population) -> Result<Matrix, LearnError> {
    let mut columns: Vec<Vec<f32>> = Vec::new();
    for feature in &population.features {
        let Values::Numbers(values) = &feature.values else { continue };
        let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        #[expect(clippy::cast_precision_loss, reason = "customers are fewer than 2^53")]
        let n_known = known.len().max(1) as f64;
        let mean = known.iter().sum::<f64>() / n_known;
        let deviation = (known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n_known).sqrt();
        if deviation > 0.0 {
            let scaled = |value: &f64| if value.is_finite() { (value - mean) / deviation } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, reason = "k-means takes no more than an f32 holds")]
            columns.push(values.iter().map(|value| scaled(value) as f32).collect());
        }
    }
    Matrix::from_columns(&columns)
}

#[cfg(test)]
mod tests {
    use super::quintiles;

    #[test]
    fn equal_values_are_in_one_fifth() {
        assert_eq!(quintiles(&[5.0, 1.0, 2.0, 3.0, 4.0]), [4, 0, 1, 2, 3]);
        assert_eq!(quintiles(&[0.0, 0.0, 0.0, 1.0]), [0, 0, 0, 3]);
        assert_eq!(quintiles(&[]), Vec::<usize>::new());
    }
}
