//! What heavy-tailed columns are replaced by, and which of them need it.
//!
//! A column's *tail ratio* is how far the 1st or 99th percentile, whichever is farther, lies from the
//! median, in robust standard deviations: 2.3 for a normal column, 4.8 for an exponential one. Up to
//! `TAIL_RATIO_MAX` the column stays as it is. Above, the first of these that brings the ratio down
//! to it is taken, and the one with the least ratio when none does:
//! 1. the signed logarithm: it keeps 0 where it is, and distances become ratios, which people
//!    understand;
//! 2. Yeo–Johnson ([`crate::yeo_johnson_lambda`]): it bends either tail, but not both;
//! 3. normal scores: they fit anything, and come last because they close the gaps between groups.
//!
//! Where more than half of a column is one value, all of this looks at its other values. Every
//! transform keeps order, and gives the same answer in cents and in euros.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::LearnError;
use crate::number::{position, real};
use crate::scale::yeo_johnson::{bend, lambda_of, unbend};
use crate::state::{State, StateReader, StateWriter, invalid, require};
use crate::statistics::quantile_of_sorted;

/// Tail ratio above which a column is transformed: between a normal (2.3) and an exponential column
/// (4.8).
const TAIL_RATIO_MAX: f64 = 4.0;
/// Share of the values in either tail.
const TAIL_SHARE: f64 = 0.01;
/// Interquartile range of a standard normal variable.
pub(super) const NORMAL_INTERQUARTILE_RANGE: f64 = 1.349;
/// Values, evenly spread over the ranks, that normal scores are kept for: the scores between two of
/// them then differ by less than a tenth but in the outermost hundredth of the rows.
const N_KNOTS_MAX: usize = 512;
/// Values, evenly spread over the ranks, that λ is estimated from.
const N_VALUES_LAMBDA_MAX: usize = 4096;

/// What the values of a column are replaced by before centring.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnTransform {
    /// Nothing: they stay as they are.
    Identity,
    /// `sign(x) · ln(1 + |x| / unit)`.
    SignedLog {
        /// The value, in the column's own unit, around which the logarithm sets in.
        unit: f64,
    },
    /// Yeo–Johnson of `(x − centre) / unit`.
    YeoJohnson {
        /// Median of the column.
        centre: f64,
        /// Its robust standard deviation.
        unit: f64,
        /// The exponent; 1 changes nothing.
        lambda: f64,
    },
    /// The normal quantile of the value's rank, linear between knots and level beyond them.
    NormalScores {
        /// Values with their scores, both ascending.
        knots: Vec<(f64, f64)>,
    },
}

impl ColumnTransform {
    /// Returns the signed logarithm for a column; its unit is the 10th percentile of the absolute
    /// values that are not 0. `None` if there are none.
    #[must_use]
    pub fn signed_log(values: &[f64]) -> Option<ColumnTransform> {
        let sizes = values.iter().map(|value| value.abs()).filter(|size| *size > 0.0);
        let unit = quantile_of_sorted(&ascending(sizes), 0.1)?;
        Some(ColumnTransform::SignedLog { unit })
    }

    /// Returns the Yeo–Johnson transform for a column, missing values left out. `None` if half of it
    /// is one value.
    ///
    /// λ is estimated from the values between the 1st and the 99th percentile, others drawn in to
    /// them: the likelihood is not robust, and one wild value would choose λ alone.
    #[must_use]
    pub fn yeo_johnson(values: &[f64]) -> Option<ColumnTransform> {
        let sorted = ascending(values.iter().copied());
        let at = |share| quantile_of_sorted(&sorted, share);
        let (centre, unit) = (at(0.5)?, (at(0.75)? - at(0.25)?) / NORMAL_INTERQUARTILE_RANGE);
        if unit <= 0.0 {
            return None;
        }
        let (low, high) = tails(&sorted)?;
        let spread: Vec<f64> = evenly_spread(&sorted, N_VALUES_LAMBDA_MAX)
            .map(|position| (sorted[position].clamp(low, high) - centre) / unit)
            .collect();
        Some(ColumnTransform::YeoJohnson { centre, unit, lambda: lambda_of(&spread) })
    }

    /// Returns the normal scores of a column, missing values left out. `None` if it has no values.
    ///
    /// Equal values share the score of their middle rank.
    #[must_use]
    pub fn normal_scores(values: &[f64]) -> Option<ColumnTransform> {
        let sorted = ascending(values.iter().copied());
        let normal = Normal::standard();
        let mut knots: Vec<(f64, f64)> = Vec::new();
        for position in evenly_spread(&sorted, N_KNOTS_MAX) {
            let value = sorted[position];
            if knots.last().is_some_and(|(last, _)| *last >= value) {
                continue;
            }
            let first = sorted.partition_point(|&other| other < value);
            let last = sorted.partition_point(|&other| other <= value);
            knots.push((value, normal.inverse_cdf(real(first + last) / (2.0 * real(sorted.len())))));
        }
        if knots.is_empty() { None } else { Some(ColumnTransform::NormalScores { knots }) }
    }

    /// Returns what a value is replaced by.
    #[must_use]
    pub fn apply(&self, value: f64) -> f64 {
        match self {
            ColumnTransform::Identity => value,
            ColumnTransform::SignedLog { unit } => (value.abs() / unit).ln_1p().copysign(value),
            ColumnTransform::YeoJohnson { centre, unit, lambda } => bend((value - centre) / unit, *lambda),
            ColumnTransform::NormalScores { knots } => interpolated(knots, value, |knot| *knot),
        }
    }

    /// Returns the value that is replaced by `transformed`; where several are, one of them.
    #[must_use]
    pub fn invert(&self, transformed: f64) -> f64 {
        match self {
            ColumnTransform::Identity => transformed,
            ColumnTransform::SignedLog { unit } => (transformed.abs().exp_m1() * unit).copysign(transformed),
            ColumnTransform::YeoJohnson { centre, unit, lambda } => unbend(transformed, *lambda) * unit + centre,
            ColumnTransform::NormalScores { knots } => interpolated(knots, transformed, |knot| (knot.1, knot.0)),
        }
    }
}

/// Returns the transform for a column in ascending order, and its tail ratio before.
pub(super) fn choose_transform(sorted: &[f64]) -> (ColumnTransform, f64) {
    let varied = varied(sorted);
    let before = tail_ratio(&varied);
    let mut best = (ColumnTransform::Identity, before);
    for candidate in [ColumnTransform::signed_log, ColumnTransform::yeo_johnson, ColumnTransform::normal_scores] {
        if best.1 <= TAIL_RATIO_MAX {
            break;
        }
        let Some(transform) = candidate(&varied) else { continue };
        // Every transform is increasing, so what was sorted stays sorted.
        let transformed: Vec<f64> = varied.iter().map(|&value| transform.apply(value)).collect();
        let after = tail_ratio(&transformed);
        // A ratio of 0 has no middle half to be measured by: the transform has squeezed it away.
        if after > 0.0 && after < best.1 {
            best = (transform, after);
        }
    }
    (best.0, before)
}

/// Returns the values that are not the median, if more than half are; otherwise all of them.
fn varied(sorted: &[f64]) -> Vec<f64> {
    let middle = quantile_of_sorted(sorted, 0.5).unwrap_or(0.0);
    let first = sorted.partition_point(|&value| value < middle);
    let last = sorted.partition_point(|&value| value <= middle);
    if last - first > sorted.len() / 2 {
        return [&sorted[..first], &sorted[last..]].concat();
    }
    sorted.to_vec()
}

/// Returns how far the farther of the 1st and 99th percentile lies from the median, in robust
/// standard deviations; 0 where half of the values are one.
fn tail_ratio(sorted: &[f64]) -> f64 {
    let at = |share| quantile_of_sorted(sorted, share).unwrap_or(0.0);
    let sigma = (at(0.75) - at(0.25)) / NORMAL_INTERQUARTILE_RANGE;
    let middle = at(0.5);
    let tail = tails(sorted).map_or(0.0, |(low, high)| (high - middle).max(middle - low));
    if sigma > 0.0 { tail / sigma } else { 0.0 }
}

/// Returns the 1st and the 99th percentile, but never the outermost value of three or more: a single
/// wild one shall not choose the transform.
pub(super) fn tails(sorted: &[f64]) -> Option<(f64, f64)> {
    let outermost = if sorted.len() < 3 { 0.0 } else { 1.0 / real(sorted.len() - 1) };
    let share = outermost.max(TAIL_SHARE);
    Some((quantile_of_sorted(sorted, share)?, quantile_of_sorted(sorted, 1.0 - share)?))
}

fn ascending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Returns all positions, or `n_max` of them at the middles of equal stretches.
fn evenly_spread(sorted: &[f64], n_max: usize) -> impl Iterator<Item = usize> {
    let n_values = sorted.len();
    let n_taken = n_values.min(n_max);
    (0..n_taken).map(move |idx| {
        if n_taken == n_values {
            return idx;
        }
        position((real(idx) + 0.5) * real(n_values) / real(n_taken), n_values - 1)
    })
}

/// Returns the second of a pair for its first: linear between knots, level beyond them.
fn interpolated(knots: &[(f64, f64)], at: f64, pair: fn(&(f64, f64)) -> (f64, f64)) -> f64 {
    let above = knots.partition_point(|knot| pair(knot).0 <= at);
    match (above.checked_sub(1).map(|below| pair(&knots[below])), knots.get(above).map(pair)) {
        (Some(below), Some(above)) => below.1 + (at - below.0) / (above.0 - below.0) * (above.1 - below.1),
        (Some(outermost), None) | (None, Some(outermost)) => outermost.1,
        (None, None) => at,
    }
}

impl State for ColumnTransform {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            ColumnTransform::Identity => writer.byte(0),
            ColumnTransform::SignedLog { unit } => {
                writer.byte(1);
                unit.write(writer);
            }
            ColumnTransform::YeoJohnson { centre, unit, lambda } => {
                writer.byte(2);
                writer.items(&[*centre, *unit, *lambda]);
            }
            ColumnTransform::NormalScores { knots } => {
                writer.byte(3);
                knots.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (transform, fits) = match reader.byte()? {
            0 => (ColumnTransform::Identity, true),
            1 => {
                let unit = f64::read(reader)?;
                (ColumnTransform::SignedLog { unit }, unit > 0.0)
            }
            2 => {
                let [centre, unit, lambda] = State::read(reader)?;
                (ColumnTransform::YeoJohnson { centre, unit, lambda }, unit > 0.0)
            }
            3 => {
                let knots: Vec<(f64, f64)> = State::read(reader)?;
                let ascending = knots.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
                let some = !knots.is_empty();
                (ColumnTransform::NormalScores { knots }, some && ascending)
            }
            _ => return Err(invalid("a transform")),
        };
        require(fits, "a transform")?;
        Ok(transform)
    }
}
