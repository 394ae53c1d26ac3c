//! Scaling that heavy tails, missing values and copied columns do not upset.
//!
//! Each column goes through the same steps:
//! 1. **Transform**, where its tails are heavy ([`transform`] says when and by what).
//! 2. **Centre** on the median.
//! 3. **Divide** by the interquartile range over 1.349, which is the standard deviation of a normal
//!    column. Where that is less than half the standard deviation between the 1st and the 99th
//!    percentile (mostly one value), by the latter; where that is 0 too, by the plain one.
//! 4. **Clip** at the caller's bound.
//! 5. **Weigh**, so that copied columns do not vote twice in a squared distance ([`redundancy`] says
//!    how). Constant columns have the weight 0.
//!
//! Missing values (NaN) become the median, which is 0 after scaling.

mod column;
mod redundancy;
mod transform;
mod yeo_johnson;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::single;

pub use column::{ColumnScaling, Spread};
pub(crate) use redundancy::shared_votes;
pub use transform::ColumnTransform;
pub use yeo_johnson::yeo_johnson_lambda;

/// Rows, evenly spread, over which correlations are taken: their error is then below 0.01, and the
/// time for many columns stays short.
const CORRELATION_N_ROWS_MAX: usize = 20_000;

/// What the caller chooses about scaling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustScalerParams {
    /// Scaled values beyond this many robust standard deviations are drawn in to it (4, say).
    pub clip: f32,
}

/// A fitted scaler: what is done to each column of numbers.
///
/// [`Preparation`](crate::Preparation) also takes apart what is no plain number.
///
/// ```
/// use throng_learn::{Matrix, RobustScalerParams};
///
/// let matrix = Matrix::new(1, vec![1.0, 2.0, 3.0, 4.0, f32::NAN])?;
/// let scaler = RobustScalerParams { clip: 4.0 }.fit(&matrix)?;
/// let scaled = scaler.transform(&matrix)?;
/// assert_eq!(scaled.row(4), &[0.0]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RobustScaler {
    clip: f32,
    columns: Vec<ColumnScaling>,
}

impl RobustScalerParams {
    /// Fits the scaler to the columns of `matrix`, in which NaN means missing.
    pub fn fit(&self, matrix: &Matrix) -> Result<RobustScaler, LearnError> {
        require_scalable(matrix, self.clip)?;
        let mut columns: Vec<ColumnScaling> = (0..matrix.n_columns())
            .into_par_iter()
            .map(|column_idx| ColumnScaling::fit(matrix.rows().map(|row| f64::from(row[column_idx]))))
            .collect();
        let scaled: Vec<Vec<f64>> = (0..columns.len())
            .into_par_iter()
            .map(|column_idx| {
                let rows = rows_for_correlation(matrix);
                rows.map(|row| columns[column_idx].scale(f64::from(row[column_idx]), self.clip)).collect()
            })
            .collect();
        let sources: Vec<usize> = (0..columns.len()).collect();
        for (column, shared) in columns.iter_mut().zip(shared_votes(&scaled, &sources)) {
            column.weight *= shared.vote.sqrt();
            column.shares_with = shared.with;
        }
        Ok(RobustScaler { clip: self.clip, columns })
    }
}

impl RobustScaler {
    /// Returns what is done to each column.
    #[must_use]
    pub fn columns(&self) -> &[ColumnScaling] {
        &self.columns
    }

    /// Returns the scaled and weighted matrix; it has no missing values.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        matrix.require_columns(self.columns.len())?;
        let mut values = Vec::with_capacity(matrix.values().len());
        for row in matrix.rows() {
            for (&value, column) in row.iter().zip(&self.columns) {
                values.push(single(column.scale(f64::from(value), self.clip) * column.weight));
            }
        }
        Matrix::new(self.columns.len(), values)
    }

    /// Returns the value in the column's own unit that is scaled to `scaled`: a centroid's, say.
    /// A constant column has one value only.
    #[must_use]
    pub fn inverse(&self, column_idx: usize, scaled: f32) -> f64 {
        let column = &self.columns[column_idx];
        if column.weight <= 0.0 {
            return column.transform.invert(column.centre);
        }
        let transformed = f64::from(scaled) / column.weight * column.spread + column.centre;
        column.transform.invert(transformed)
    }
}

/// Returns the rows over which correlations are taken.
pub(crate) fn rows_for_correlation(matrix: &Matrix) -> impl Iterator<Item = &[f32]> {
    matrix.rows().step_by(matrix.n_rows().div_ceil(CORRELATION_N_ROWS_MAX).max(1))
}

/// Returns an error for a clip that is no bound, or for infinite values.
pub(crate) fn require_scalable(matrix: &Matrix, clip: f32) -> Result<(), LearnError> {
    if !(clip > 0.0 && clip.is_finite()) {
        return Err(LearnError::InvalidParameter {
            parameter: "clip",
            found: f64::from(clip),
            allowed: "finite and above 0",
        });
    }
    match matrix.values().iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(value_idx) => {
            Err(LearnError::NotFinite { row: value_idx / matrix.n_columns(), column: value_idx % matrix.n_columns() })
        }
    }
}
