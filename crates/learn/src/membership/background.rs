//! What belongs to no cluster: a background as dense everywhere in the box of the rows (Banfield and
//! Raftery 1993), for rows scattered among the clusters.

use crate::matrix::Matrix;
use crate::membership::mixture::mean_variance;

/// What belongs to no cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Background {
    /// Share of the rows.
    share: f64,
    /// For each column the logarithm of the width of the box.
    log_widths: Vec<f64>,
}

/// Share of the background at first, and at most: more are no exceptions but another kind of rows,
/// which a mixture of bells describes badly.
const SHARE_FIRST: f64 = 0.05;
const SHARE_MAX: f64 = 0.1;
/// Least share, so that its logarithm is finite.
const SHARE_MIN: f64 = 1e-9;

/// The squared width of what is spread evenly, in its variances.
const EVEN_SQUARE_PER_VARIANCE: f64 = 12.0;

impl Background {
    /// Returns the background of the box of the rows, of no share yet. No column counts as narrower
    /// than one that is spread evenly and varies as the columns do on average: in a column that hardly
    /// varies, the background would be denser than any round component.
    pub(super) fn of(matrix: &Matrix) -> Background {
        let n_columns = matrix.n_columns();
        let mut least = vec![f64::INFINITY; n_columns];
        let mut greatest = vec![f64::NEG_INFINITY; n_columns];
        for row in matrix.rows() {
            for ((least, greatest), &value) in least.iter_mut().zip(&mut greatest).zip(row) {
                *least = least.min(f64::from(value));
                *greatest = greatest.max(f64::from(value));
            }
        }
        let width_min = (EVEN_SQUARE_PER_VARIANCE * mean_variance(matrix).max(f64::MIN_POSITIVE)).sqrt();
        let widths = greatest.iter().zip(&least).map(|(greatest, least)| (greatest - least).max(width_min).ln());
        Background { share: 0.0, log_widths: widths.collect() }
    }

    /// Returns the background as it is in `columns` alone.
    pub(super) fn marginal(&self, columns: &[usize]) -> Background {
        Background { share: self.share, log_widths: columns.iter().map(|&column| self.log_widths[column]).collect() }
    }

    /// Returns the logarithm of its share times its density, the same for each row.
    pub(super) fn log_density(&self) -> f64 {
        if self.share <= 0.0 {
            return f64::NEG_INFINITY;
        }
        (self.share.ln() - self.log_widths.iter().sum::<f64>()).max(-1e300)
    }

    /// Returns the background with the share that it starts with.
    pub(super) fn first(self) -> Background {
        Background { share: SHARE_FIRST, ..self }
    }

    /// Returns the background whose share is what the components leave.
    pub(super) fn renewed(&self, taken: f64) -> Background {
        Background { share: (1.0 - taken).clamp(SHARE_MIN, SHARE_MAX), log_widths: self.log_widths.clone() }
    }
}
