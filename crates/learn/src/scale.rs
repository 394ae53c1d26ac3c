//! Scaling that heavy tails, missing values and copied columns do not upset.
//!
//! Each column goes through the same steps:
//! 1. **Transform.** Its *tail ratio* is how far the 1st or 99th percentile, whichever is farther,
//!    lies from the median, in robust standard deviations (2.3 for a normal column, 4.8 for an
//!    exponential one). Above `TAIL_RATIO_MAX` the column is replaced by
//!    `sign(x) · ln(1 + |x| / unit)`, if that lowers the ratio. The unit is the 10th percentile of
//!    the absolute values that are not 0, so the answer is the same in cents and in euros. In a
//!    column more than half of which is one value, the ratio is taken over the other values.
//! 2. **Centre** on the median.
//! 3. **Divide** by the interquartile range over 1.349, which is the standard deviation of a normal
//!    column. Where that is less than half the standard deviation between the 1st and the 99th
//!    percentile (mostly one value), by the latter; where that is 0 too, by the plain one.
//! 4. **Clip** at the caller's bound.
//! 5. **Weigh.** Columns whose scaled values correlate more than `CORRELATION_MAX` form a group of
//!    `m` with the weight `1/√m` each, so that a copied column does not vote twice in a squared
//!    distance. Constant columns have the weight 0.
//!
//! Missing values (NaN) become the median, which is 0 after scaling.

mod column;

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::reference::correlations;

pub use column::{ColumnTransform, Spread};

/// Tail ratio above which a logarithm is tried: between a normal (2.3) and an exponential column
/// (4.8).
const TAIL_RATIO_MAX: f64 = 4.0;
/// Absolute correlation above which two columns say the same.
const CORRELATION_MAX: f64 = 0.9;
/// Rows, evenly spread, over which correlations are taken: their error is then below 0.01, and the
/// time for many columns stays short.
const CORRELATION_N_ROWS_MAX: usize = 20_000;

/// What the caller chooses about scaling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustScalerParams {
    /// Scaled values beyond this many robust standard deviations are drawn in to it (4, say).
    pub clip: f32,
}

/// A fitted scaler: what is done to each column.
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

/// What is done to one column, and what was seen in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnScaling {
    /// What its values are replaced by first.
    pub transform: ColumnTransform,
    /// Median of the transformed values.
    pub centre: f64,
    /// What the centred values are divided by; 1 for a constant column.
    pub spread: f64,
    /// How that was estimated.
    pub spread_kind: Spread,
    /// What the clipped values are multiplied by, from 0 to 1.
    pub weight: f64,
    /// First column of the group that shares one vote; the column itself if it is alone.
    pub group: usize,
    /// Tail ratio before the transform.
    pub tail_ratio: f64,
    /// Number of missing values seen.
    pub n_missing: usize,
}

impl RobustScalerParams {
    /// Fits the scaler to the columns of `matrix`, in which NaN means missing.
    pub fn fit(&self, matrix: &Matrix) -> Result<RobustScaler, LearnError> {
        if !(self.clip > 0.0 && self.clip.is_finite()) {
            return Err(LearnError::InvalidParameter {
                parameter: "clip",
                found: f64::from(self.clip),
                allowed: "finite and above 0",
            });
        }
        if let Some(value_idx) = matrix.values().iter().position(|value| value.is_infinite()) {
            return Err(LearnError::NotFinite {
                row: value_idx / matrix.n_columns(),
                column: value_idx % matrix.n_columns(),
            });
        }
        let columns = (0..matrix.n_columns())
            .map(|column_idx| ColumnScaling::fit(&matrix.column(column_idx), column_idx))
            .collect();
        let mut scaler = RobustScaler { clip: self.clip, columns };
        scaler.share_votes(matrix);
        Ok(scaler)
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
                let scaled = column.scale(value, self.clip);
                values.push(single(scaled * column.weight));
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

    /// Sets the weights: groups of correlated columns share one vote.
    fn share_votes(&mut self, matrix: &Matrix) {
        let stride = matrix.n_rows().div_ceil(CORRELATION_N_ROWS_MAX).max(1);
        let scaled: Vec<Vec<f64>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column_idx, column)| {
                let rows = matrix.rows().step_by(stride);
                rows.map(|row| column.scale(row[column_idx], self.clip)).collect()
            })
            .collect();
        let correlations = correlations(&scaled);
        // Joined through any chain of correlated columns; the first column names the group.
        for (column_idx, row) in correlations.iter().enumerate() {
            for (other, correlation) in row[..column_idx].iter().enumerate() {
                if correlation.abs() > CORRELATION_MAX {
                    self.join_groups(column_idx, other);
                }
            }
        }
        let groups: Vec<usize> = self.columns.iter().map(|column| column.group).collect();
        for column in &mut self.columns {
            let n_members = groups.iter().filter(|&&group| group == column.group).count();
            column.weight = match column.spread_kind {
                Spread::Constant => 0.0,
                Spread::InterquartileRange | Spread::TrimmedDeviation | Spread::Deviation => {
                    1.0 / real(n_members).sqrt()
                }
            };
        }
    }

    fn join_groups(&mut self, first: usize, second: usize) {
        let (first, second) = (self.columns[first].group, self.columns[second].group);
        let (least, greatest) = (first.min(second), first.max(second));
        for column in &mut self.columns {
            if column.group == greatest {
                column.group = least;
            }
        }
    }
}
