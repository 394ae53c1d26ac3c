//! Statistics of one or two groups of values: where they lie, how they differ, and how sure that is.

mod effect;
mod interval;
mod multiplicity;
mod quantile;

use crate::error::LearnError;

pub use effect::{cliffs_delta, standardised_mean_difference};
pub use interval::{
    Confidence, Interval, Proportion, mean_difference, mean_ratio, mean_ratio_bootstrap, proportion_difference,
};
pub use multiplicity::benjamini_hochberg;
pub(crate) use quantile::quantile_of_sorted;
pub use quantile::{median, quantile, weighted_median, weighted_quantile};

use crate::number::real;

/// Returns the arithmetic mean of at least one value.
pub fn mean(values: &[f64]) -> Result<f64, LearnError> {
    require_values("a mean", values, 1)?;
    Ok(values.iter().sum::<f64>() / real(values.len()))
}

/// Mean and unbiased variance of at least two values.
pub(crate) struct Moments {
    pub(crate) n_values: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    pub(crate) fn of(statistic: &'static str, values: &[f64]) -> Result<Moments, LearnError> {
        require_values(statistic, values, 2)?;
        let n_values = real(values.len());
        let mean = mean(values)?;
        let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Ok(Moments { n_values, mean, variance: square / (n_values - 1.0) })
    }

    /// Returns the squared standard error of the mean.
    pub(crate) fn squared_error(&self) -> f64 {
        self.variance / self.n_values
    }
}

/// Returns an error unless there are enough values, all of them finite.
pub(crate) fn require_values(
    statistic: &'static str,
    values: &[f64],
    n_values_needed: usize,
) -> Result<(), LearnError> {
    if values.len() < n_values_needed {
        return Err(LearnError::TooFewValues { statistic, n_values: values.len(), n_values_needed });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(LearnError::NotFinite { row, column: 0 }),
        None => Ok(()),
    }
}
