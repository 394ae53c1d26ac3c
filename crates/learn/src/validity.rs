//! Predictive validity: how much of what rows do later a partition made before accounts for.
//!
//! A generalised linear model (McCullagh and Nelder 1989) with the memberships as its only columns
//! is fitted to all folds but one and judged on that one. The deviance it explains there is the
//! share by which its deviance falls below that of the mean of the other folds; 0 says that the
//! partition is no use, and a partition into too many groups falls below 0. Partitions are judged on
//! the same folds, so that their differences are those of the same rows.
//!
//! The intervals take the rows' deviances as independent draws (the delta method for a ratio of two
//! means); that the folds share most of their fitted rows is not in them.

mod family;
mod fitting;

use rand::seq::SliceRandom;

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::generator;
use crate::statistics::{Confidence, Interval};
use fitting::fit;

pub use family::Response;

/// What the caller chooses about the cross-validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidityParams {
    /// Number of folds, 2 to 100 (10, say).
    pub n_folds: usize,
    /// Penalty on the squared coefficients, above 0 (1, say): as if so many rows said that a group
    /// is like the mean of all.
    pub ridge: f64,
    /// Confidence of the intervals.
    pub confidence: Confidence,
    /// Seed of the folds.
    pub seed: u64,
}

/// How partitions compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Validity {
    /// One entry per partition, in their order.
    pub partitions: Vec<PartitionValidity>,
    /// Deviance per row of the mean alone, out of sample.
    pub null_deviance: f64,
    /// Number of rows.
    pub n_rows: usize,
}

/// How one partition fares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartitionValidity {
    /// Share of the deviance it explains out of sample; at most 1, and negative where it misleads.
    pub explained: Interval,
    /// How much more than the first partition it explains.
    pub gain: Interval,
}

const N_FOLDS_MAX: usize = 100;
/// Rows that each fold needs, for the mean of the others to be one.
const FOLD_N_ROWS_MIN: usize = 5;

impl ValidityParams {
    /// Returns how much of `outcomes` each of `partitions` explains. A partition is a matrix of one
    /// row per outcome and one column per group: memberships, or ones and noughts
    /// ([`Matrix::of_labels`]).
    ///
    /// ```
    /// use throng_learn::{Confidence, Matrix, Response, ValidityParams};
    ///
    /// let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
    /// let other: Vec<usize> = (0..200).map(|row| usize::from(row % 3 == 0)).collect();
    /// let n_orders: Vec<f64> = (0..200_u8).map(|row| f64::from(row % 2 * 4 + row % 5)).collect();
    /// let params = ValidityParams { n_folds: 10, ridge: 1.0, confidence: Confidence::new(0.95)?, seed: 1 };
    /// let partitions = [Matrix::of_labels(&labels, 2)?, Matrix::of_labels(&other, 2)?];
    /// let found = params.evaluate(&[&partitions[0], &partitions[1]], &n_orders, Response::Count)?;
    /// assert!(found.partitions[0].explained.low > 0.3);
    /// assert!(found.partitions[1].gain.high < 0.0);
    /// # Ok::<(), throng_learn::LearnError>(())
    /// ```
    pub fn evaluate(
        &self,
        partitions: &[&Matrix],
        outcomes: &[f64],
        response: Response,
    ) -> Result<Validity, LearnError> {
        self.check(partitions, outcomes)?;
        response.check(outcomes)?;
        let folds = self.folds(outcomes.len());
        let null = self.null_deviances(outcomes, &folds, response)?;
        let null_sum: f64 = null.iter().sum();
        if null_sum <= 0.0 {
            // The mean of the others is right about every row: there is nothing to explain.
            return Err(LearnError::InvalidParameter { parameter: "outcomes", found: outcomes[0], allowed: "varied" });
        }
        let mut deviances: Vec<Vec<f64>> = Vec::with_capacity(partitions.len());
        for partition in partitions {
            deviances.push(self.deviances(partition, outcomes, &folds, response)?);
        }
        let gain = |from: &[f64], to: &[f64]| -> Interval {
            let fallen: Vec<f64> = from.iter().zip(to).map(|(from, to)| from - to).collect();
            ratio_of_means(&fallen, &null, self.confidence)
        };
        let of_partition =
            |own: &Vec<f64>| PartitionValidity { explained: gain(&null, own), gain: gain(&deviances[0], own) };
        Ok(Validity {
            partitions: deviances.iter().map(of_partition).collect(),
            null_deviance: null_sum / real(outcomes.len()),
            n_rows: outcomes.len(),
        })
    }

    fn check(&self, partitions: &[&Matrix], outcomes: &[f64]) -> Result<(), LearnError> {
        if !(2..=N_FOLDS_MAX).contains(&self.n_folds) {
            let found = real(self.n_folds);
            return Err(LearnError::InvalidParameter { parameter: "n_folds", found, allowed: "2 to 100" });
        }
        if !(self.ridge > 0.0 && self.ridge.is_finite()) {
            let found = self.ridge;
            return Err(LearnError::InvalidParameter { parameter: "ridge", found, allowed: "finite and above 0" });
        }
        let (n_rows, n_rows_needed) = (outcomes.len(), FOLD_N_ROWS_MIN * self.n_folds);
        if n_rows < n_rows_needed {
            return Err(LearnError::TooFewRows { attempt: "cross-validate", n_rows, n_rows_needed });
        }
        if partitions.is_empty() {
            return Err(LearnError::ShapeMismatch { what: "the list of partitions", expected: 1, found: 0 });
        }
        for partition in partitions {
            if partition.n_rows() != n_rows {
                let (expected, found) = (n_rows, partition.n_rows());
                return Err(LearnError::ShapeMismatch { what: "a partition", expected, found });
            }
            partition.require_finite()?;
        }
        Ok(())
    }

    /// Returns the fold of each row; folds differ by one row at most.
    fn folds(&self, n_rows: usize) -> Vec<usize> {
        let mut folds: Vec<usize> = (0..n_rows).map(|row| row % self.n_folds).collect();
        folds.shuffle(&mut generator(self.seed, 0));
        folds
    }

    fn null_deviances(&self, outcomes: &[f64], folds: &[usize], response: Response) -> Result<Vec<f64>, LearnError> {
        let mut means = Vec::with_capacity(self.n_folds);
        for fold in 0..self.n_folds {
            let others: Vec<f64> =
                outcomes.iter().zip(folds).filter(|(_, own)| **own != fold).map(|(value, _)| *value).collect();
            means.push(response.mean(&others)?);
        }
        Ok(outcomes.iter().zip(folds).map(|(&outcome, &fold)| response.deviance(outcome, means[fold])).collect())
    }

    fn deviances(
        &self,
        partition: &Matrix,
        outcomes: &[f64],
        folds: &[usize],
        response: Response,
    ) -> Result<Vec<f64>, LearnError> {
        let mut deviances = vec![0.0; outcomes.len()];
        for fold in 0..self.n_folds {
            let rows: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] != fold).collect();
            let model = fit(partition, &rows, outcomes, response, self.ridge)?;
            for row in (0..folds.len()).filter(|&row| folds[row] == fold) {
                deviances[row] = response.deviance(outcomes[row], model.mean(partition.row(row), response));
            }
        }
        Ok(deviances)
    }
}

/// Returns the coefficients of the columns in a model of the outcomes of all rows.
pub(crate) fn fitted_coefficients(
    matrix: &Matrix,
    outcomes: &[f64],
    response: Response,
    ridge: f64,
) -> Result<Vec<f64>, LearnError> {
    let rows: Vec<usize> = (0..matrix.n_rows()).collect();
    Ok(fit(matrix, &rows, outcomes, response, ridge)?.into_coefficients())
}

/// Returns the ratio of two means over the same rows, with the interval of the delta method.
fn ratio_of_means(above: &[f64], below: &[f64], confidence: Confidence) -> Interval {
    let n_rows = real(above.len());
    let denominator = below.iter().sum::<f64>() / n_rows;
    let estimate = above.iter().sum::<f64>() / n_rows / denominator;
    let residuals = above.iter().zip(below).map(|(above, below)| (above - estimate * below) / denominator);
    let variance = residuals.map(|residual| residual * residual).sum::<f64>() / (n_rows - 1.0);
    let half_width = confidence.normal_quantile() * (variance / n_rows).sqrt();
    Interval { estimate, low: estimate - half_width, high: estimate + half_width }
}

#[cfg(test)]
mod tests;
