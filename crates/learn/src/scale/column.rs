//! One column's scaling: which transform, which centre, which spread.

use crate::number::real;
use crate::scale::{ColumnScaling, TAIL_RATIO_MAX};
use crate::statistics::quantile_of_sorted;

/// What the values of a column are replaced by before centring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColumnTransform {
    /// Nothing: they stay as they are.
    Identity,
    /// `sign(x) · ln(1 + |x| / unit)`.
    SignedLog {
        /// The value, in the column's own unit, around which the logarithm sets in.
        unit: f64,
    },
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

/// Interquartile range of a standard normal variable.
const NORMAL_INTERQUARTILE_RANGE: f64 = 1.349;

impl ColumnTransform {
    pub(super) fn apply(self, value: f64) -> f64 {
        match self {
            ColumnTransform::Identity => value,
            ColumnTransform::SignedLog { unit } => (value.abs() / unit).ln_1p().copysign(value),
        }
    }

    pub(super) fn invert(self, transformed: f64) -> f64 {
        match self {
            ColumnTransform::Identity => transformed,
            ColumnTransform::SignedLog { unit } => (transformed.abs().exp_m1() * unit).copysign(transformed),
        }
    }
}

impl ColumnScaling {
    pub(super) fn fit(column: &[f32], column_idx: usize) -> ColumnScaling {
        let mut sorted: Vec<f64> =
            column.iter().filter(|value| !value.is_nan()).map(|&value| f64::from(value)).collect();
        sorted.sort_by(f64::total_cmp);
        let tail_ratio = tail_ratio(&sorted);
        let transform = choose_transform(&sorted, tail_ratio);
        // The transform is increasing, so what was sorted stays sorted.
        let transformed: Vec<f64> = sorted.iter().map(|&value| transform.apply(value)).collect();
        let (spread, spread_kind) = spread(&transformed);
        ColumnScaling {
            transform,
            centre: quantile_of_sorted(&transformed, 0.5).unwrap_or(0.0),
            spread,
            spread_kind,
            weight: 1.0,
            group: column_idx,
            tail_ratio,
            n_missing: column.len() - sorted.len(),
        }
    }

    /// Returns the scaled and clipped value, without the weight; a missing one gives 0.
    pub(super) fn scale(&self, value: f32, clip: f32) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        let transformed = self.transform.apply(f64::from(value));
        let clip = f64::from(clip);
        ((transformed - self.centre) / self.spread).clamp(-clip, clip)
    }
}

fn choose_transform(sorted: &[f64], tail_ratio_before: f64) -> ColumnTransform {
    if tail_ratio_before <= TAIL_RATIO_MAX {
        return ColumnTransform::Identity;
    }
    let mut sizes: Vec<f64> = sorted.iter().map(|value| value.abs()).collect();
    sizes.retain(|&size| size > 0.0);
    sizes.sort_by(f64::total_cmp);
    let Some(unit) = quantile_of_sorted(&sizes, 0.1) else {
        return ColumnTransform::Identity;
    };
    let transform = ColumnTransform::SignedLog { unit };
    let transformed: Vec<f64> = sorted.iter().map(|&value| transform.apply(value)).collect();
    if tail_ratio(&transformed) < tail_ratio_before { transform } else { ColumnTransform::Identity }
}

/// Returns how far the farther of the 1st and 99th percentile lies from the median, in robust
/// standard deviations; where most values are one value, among the others.
fn tail_ratio(sorted: &[f64]) -> f64 {
    let ratio = |sorted: &[f64]| {
        let at = |share| quantile_of_sorted(sorted, share).unwrap_or(0.0);
        let sigma = (at(0.75) - at(0.25)) / NORMAL_INTERQUARTILE_RANGE;
        let middle = at(0.5);
        let tail = (at(0.99) - middle).max(middle - at(0.01));
        if sigma > 0.0 { Some(tail / sigma) } else { None }
    };
    let middle = quantile_of_sorted(sorted, 0.5).unwrap_or(0.0);
    let first = sorted.partition_point(|&value| value < middle);
    let last = sorted.partition_point(|&value| value <= middle);
    if last - first > sorted.len() / 2 {
        let others = [&sorted[..first], &sorted[last..]].concat();
        return ratio(&others).unwrap_or(0.0);
    }
    ratio(sorted).unwrap_or(0.0)
}

fn spread(sorted: &[f64]) -> (f64, Spread) {
    let at = |share| quantile_of_sorted(sorted, share).unwrap_or(0.0);
    let by_quartiles = (at(0.75) - at(0.25)) / NORMAL_INTERQUARTILE_RANGE;
    let (low, high) = (at(0.01), at(0.99));
    let trimmed = deviation(sorted.iter().map(|value| value.clamp(low, high)));
    let plain = deviation(sorted.iter().copied());
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

fn deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let n_values = real(values.len().max(1));
    let mean = values.clone().sum::<f64>() / n_values;
    let square: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (square / n_values).sqrt()
}
