//! One column's scaling: which transform, which centre, which spread.

use crate::number::{position, real};
use crate::scale::transform::{ColumnTransform, NORMAL_INTERQUARTILE_RANGE, choose_transform, tails};
use crate::state::require;
use crate::statistics::quantile_of_sorted;

/// What is done to one column, and what was seen in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnScaling {
    /// What its values are replaced by first.
    pub transform: ColumnTransform,
    /// Median of the transformed values; of a column with two values, the mean.
    pub centre: f64,
    /// What the centred values are divided by; 1 for a constant column.
    pub spread: f64,
    /// How that was estimated.
    pub spread_kind: Spread,
    /// What the clipped values are multiplied by: the square root of the column's vote in a squared
    /// distance.
    pub weight: f64,
    /// The column it shares its vote with most; `None` if it votes alone.
    pub shares_with: Option<usize>,
    /// Tail ratio before the transform.
    pub tail_ratio: f64,
    /// Number of missing values seen.
    pub n_missing: usize,
}

/// How the spread of a column was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Interquartile range over 1.349.
    InterquartileRange,
    /// Standard deviation after drawing in what lies outside the 1st and 99th percentile.
    TrimmedDeviation,
    /// Plain standard deviation.
    Deviation,
    /// The column has one value; its spread is taken as 1 and its weight as 0.
    Constant,
}

impl ColumnScaling {
    /// Returns the scaling of values, in which NaN means missing.
    pub(crate) fn fit(values: impl Iterator<Item = f64>) -> ColumnScaling {
        let mut n_missing = 0;
        let mut sorted: Vec<f64> = Vec::with_capacity(values.size_hint().0);
        for value in values {
            if value.is_nan() { n_missing += 1 } else { sorted.push(value) }
        }
        sorted.sort_by(f64::total_cmp);
        let (transform, tail_ratio) = choose_transform(&sorted);
        // The transform is increasing, so what was sorted stays sorted.
        for value in &mut sorted {
            *value = transform.apply(*value);
        }
        let (spread, spread_kind) = spread(&sorted);
        let centre = quantile_of_sorted(&sorted, 0.5).unwrap_or(0.0);
        let weight = if spread_kind == Spread::Constant { 0.0 } else { 1.0 };
        ColumnScaling { transform, centre, spread, spread_kind, weight, shares_with: None, tail_ratio, n_missing }
    }

    /// Returns the scaling of a column with two values at most: mean 0 and standard deviation 1.
    pub(crate) fn fit_two_valued(values: impl ExactSizeIterator<Item = f64> + Clone) -> ColumnScaling {
        let known: Vec<f64> = values.clone().filter(|value| !value.is_nan()).collect();
        let varies = known.iter().any(|value| value.total_cmp(&known[0]).is_ne());
        let (mean, deviation) = moments(known.iter().copied());
        let (spread, spread_kind) =
            if varies && deviation > 0.0 { (deviation, Spread::Deviation) } else { (1.0, Spread::Constant) };
        ColumnScaling {
            transform: ColumnTransform::Identity,
            centre: mean,
            spread,
            spread_kind,
            weight: if spread_kind == Spread::Constant { 0.0 } else { 1.0 },
            shares_with: None,
            tail_ratio: 0.0,
            n_missing: values.len() - known.len(),
        }
    }

    /// Returns the scaled and clipped value, without the weight; a missing one gives 0.
    pub(crate) fn scale(&self, value: f64, clip: f32) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        let clip = f64::from(clip);
        ((self.transform.apply(value) - self.centre) / self.spread).clamp(-clip, clip)
    }
}

fn spread(sorted: &[f64]) -> (f64, Spread) {
    let by_quartiles = (quartile(sorted, 0.75) - quartile(sorted, 0.25)) / NORMAL_INTERQUARTILE_RANGE;
    let (low, high) = tails(sorted).unwrap_or((0.0, 0.0));
    let (_, trimmed) = moments(sorted.iter().map(|value| value.clamp(low, high)));
    let (_, plain) = moments(sorted.iter().copied());
    let constant = sorted.first() >= sorted.last();
    if constant {
        (1.0, Spread::Constant)
    } else if by_quartiles > 0.0 && by_quartiles >= trimmed / 2.0 {
        (by_quartiles, Spread::InterquartileRange)
    } else if trimmed > 0.0 {
        (trimmed, Spread::TrimmedDeviation)
    } else if plain > 0.0 {
        (plain, Spread::Deviation)
    } else {
        // Different values whose difference is lost in the squares: too close to tell apart.
        (1.0, Spread::Constant)
    }
}

/// Ranks on either side that a quartile is averaged over, as a share of all. One value more moves a
/// plain quartile by the gap to the next value, whatever it is; it moves the average by a share of
/// the few gaps there are.
const QUARTILE_HALF_WIDTH: f64 = 0.025;

/// Returns the mean of the values around a quartile, or where they are too few for that, the quartile.
fn quartile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let rank = |share: f64| position((share * real(last)).round(), last);
    let around = sorted.get(rank(share - QUARTILE_HALF_WIDTH)..=rank(share + QUARTILE_HALF_WIDTH)).unwrap_or(&[]);
    if around.len() < 3 {
        return quantile_of_sorted(sorted, share).unwrap_or(0.0);
    }
    // Against the first, for values so large that their sum is none.
    around[0] + around.iter().map(|value| (value - around[0]) / real(around.len())).sum::<f64>()
}

/// Returns the mean and the standard deviation, both 0 of no values.
fn moments(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n_values = real(values.len().max(1));
    let mean = values.clone().sum::<f64>() / n_values;
    let square: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (square / n_values).sqrt())
}

crate::state_of_variants!(Spread, "a kind of spread", {
    0 => Spread::InterquartileRange,
    1 => Spread::TrimmedDeviation,
    2 => Spread::Deviation,
    3 => Spread::Constant,
});

crate::state_of_fields!(
    ColumnScaling { transform, centre, spread, spread_kind, weight, shares_with, tail_ratio, n_missing },
    |scaling| require(scaling.spread > 0.0 && scaling.weight >= 0.0, "the scaling of a column")
);
