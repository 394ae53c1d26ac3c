//! Small dense linear algebra on rows of `f32` with sums in `f64`: covariances, whitening, projecting.

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{real, single};

/// A square matrix, row after row.
pub(crate) type Square = Vec<Vec<f64>>;

pub(crate) fn zeros(n: usize) -> Square {
    vec![vec![0.0; n]; n]
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the value of one row along a direction.
pub(crate) fn along(row: &[f32], direction: &[f64]) -> f64 {
    row.iter().zip(direction).map(|(&value, weight)| f64::from(value) * weight).sum()
}

/// Returns every row's value along a direction.
pub(crate) fn projected(matrix: &Matrix, direction: &[f64]) -> Vec<f64> {
    matrix.rows().map(|row| along(row, direction)).collect()
}

/// Returns every row's values along several directions, at least one.
pub(crate) fn transformed(matrix: &Matrix, directions: &[Vec<f64>]) -> Result<Matrix, LearnError> {
    let mut values = Vec::with_capacity(matrix.n_rows() * directions.len());
    for row in matrix.rows() {
        values.extend(directions.iter().map(|direction| single(along(row, direction))));
    }
    Matrix::new(directions.len(), values)
}

/// Returns the means of the columns within each group, and the size of each; rows without a group
/// are passed over.
pub(crate) fn group_means(matrix: &Matrix, groups: &[Option<usize>], n_groups: usize) -> (Vec<Vec<f64>>, Vec<usize>) {
    let mut means = vec![vec![0.0; matrix.n_columns()]; n_groups];
    let mut sizes = vec![0_usize; n_groups];
    for (row, group) in matrix.rows().zip(groups) {
        let Some(group) = *group else { continue };
        sizes[group] += 1;
        for (sum, &value) in means[group].iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    for (mean, &size) in means.iter_mut().zip(&sizes) {
        for sum in mean {
            *sum /= real(size.max(1));
        }
    }
    (means, sizes)
}

/// Returns the covariance of the columns within groups, pooled over them.
pub(crate) fn covariance_within(matrix: &Matrix, groups: &[Option<usize>], means: &[Vec<f64>]) -> Square {
    let n_columns = matrix.n_columns();
    let mut scatter = zeros(n_columns);
    let mut away = vec![0.0; n_columns];
    let mut n_rows = 0_usize;
    for (row, group) in matrix.rows().zip(groups) {
        let Some(group) = *group else { continue };
        n_rows += 1;
        for ((away, &value), mean) in away.iter_mut().zip(row).zip(&means[group]) {
            *away = f64::from(value) - mean;
        }
        add_product(&mut scatter, &away);
    }
    finish(&mut scatter, real(n_rows.saturating_sub(means.len()).max(1)));
    scatter
}

/// Adds the product of a vector with itself to the lower triangle.
pub(crate) fn add_product(scatter: &mut Square, away: &[f64]) {
    for (row_idx, row) in scatter.iter_mut().enumerate() {
        let factor = away[row_idx];
        for (sum, other) in row[..=row_idx].iter_mut().zip(away) {
            *sum += factor * other;
        }
    }
}

/// Divides the lower triangle, and mirrors it.
pub(crate) fn finish(scatter: &mut Square, divisor: f64) {
    let n = scatter.len();
    let lower: Square = std::mem::take(scatter);
    let entry = |row: usize, column: usize| lower[row.max(column)][row.min(column)] / divisor;
    scatter.extend((0..n).map(|row| (0..n).map(|column| entry(row, column)).collect()));
}

/// Shrinks a covariance estimated from `n_rows` towards its diagonal, by the columns' number beside
/// the rows': with few rows, chance correlations would be taken for the shape of the clusters.
pub(crate) fn shrunk(mut covariance: Square, n_rows: usize) -> Square {
    let n_columns = covariance.len();
    let kept = real(n_rows) / real(n_rows + n_columns).max(1.0);
    let mean: f64 = (0..n_columns).map(|idx| covariance[idx][idx]).sum::<f64>() / real(n_columns.max(1));
    for (row_idx, row) in covariance.iter_mut().enumerate() {
        for (column_idx, value) in row.iter_mut().enumerate() {
            if row_idx == column_idx {
                // A column that does not vary within groups would else be infinitely telling.
                *value = value.max(VARIANCE_SHARE_MIN * mean).max(f64::MIN_POSITIVE);
            } else {
                *value *= kept;
            }
        }
    }
    covariance
}

/// Least variance of a column within groups, as a share of the columns' mean.
const VARIANCE_SHARE_MIN: f64 = 1e-4;

/// The lower Cholesky factor of a covariance, for distances in its deviations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factor(Square);

/// Returns an entry of a vector in deviations, by the factor's row and the entries before it.
fn whitened_entry(row: &[f64], value: f64, solved: &[f64]) -> f64 {
    let (own, before) = row.split_last().map_or((1.0, &[][..]), |(own, before)| (*own, before));
    (value - dot(before, solved)) / own
}

impl Factor {
    /// Factors a covariance; a direction without variance gets a trace of it.
    pub(crate) fn new(covariance: &Square) -> Factor {
        let mut factor: Square = Vec::with_capacity(covariance.len());
        for (row_idx, entries) in covariance.iter().enumerate() {
            let mut row: Vec<f64> = Vec::with_capacity(row_idx + 1);
            for (column_idx, above) in factor.iter().enumerate() {
                let known = dot(&row, above);
                row.push((entries[column_idx] - known) / above[column_idx]);
            }
            let own = entries[row_idx];
            let left = own - dot(&row, &row);
            row.push(left.max(1e-9 * own).max(f64::MIN_POSITIVE).sqrt());
            factor.push(row);
        }
        Factor(factor)
    }

    /// Returns `vector` in deviations: its squared length is the squared Mahalanobis distance.
    pub(crate) fn whitened(&self, vector: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(vector.len());
        for (row, &value) in self.0.iter().zip(vector) {
            solved.push(whitened_entry(row, value, &solved));
        }
        solved
    }

    /// Returns the squared length of `vector` in deviations, or what of it is enough for it and `penalty`
    /// together to reach `limit`. `whitened` is room to work in.
    pub(crate) fn squared_length_within(
        &self,
        vector: &[f64],
        (penalty, limit): (f64, f64),
        whitened: &mut Vec<f64>,
    ) -> f64 {
        whitened.clear();
        let mut squared = 0.0;
        for (row, &value) in self.0.iter().zip(vector) {
            let entry = whitened_entry(row, value, whitened);
            whitened.push(entry);
            squared += entry * entry;
            // A sum of squares only grows.
            if squared + penalty >= limit {
                break;
            }
        }
        squared
    }

    /// Returns the logarithm of the covariance's determinant.
    pub(crate) fn log_determinant(&self) -> f64 {
        self.0.iter().enumerate().map(|(idx, row)| 2.0 * row[idx].ln()).sum()
    }

    /// Returns the inverse of the covariance applied to `vector`.
    pub(crate) fn solve(&self, vector: &[f64]) -> Vec<f64> {
        self.transposed_solve(&self.whitened(vector))
    }

    /// Returns the direction in columns whose values are those of `vector` in deviations.
    pub(crate) fn transposed_solve(&self, vector: &[f64]) -> Vec<f64> {
        let mut solved = vector.to_vec();
        for idx in (0..solved.len()).rev() {
            solved[idx] /= self.0[idx][idx];
            let value = solved[idx];
            for (before, factor) in solved[..idx].iter_mut().zip(&self.0[idx]) {
                *before -= factor * value;
            }
        }
        solved
    }
}

#[cfg(test)]
mod tests {
    use super::Factor;

    #[test]
    fn solving_undoes_the_covariance() {
        let factor = Factor::new(&vec![vec![4.0, 2.0], vec![2.0, 3.0]]);
        let solved = factor.solve(&[8.0, 7.0]);
        // 4·1.25 + 2·1.5 = 8 and 2·1.25 + 3·1.5 = 7.
        assert!((solved[0] - 1.25).abs() < 1e-12);
        assert!((solved[1] - 1.5).abs() < 1e-12);
        let whitened = factor.whitened(&[8.0, 7.0]);
        let squared: f64 = whitened.iter().map(|value| value * value).sum();
        assert!((squared - (8.0 * 1.25 + 7.0 * 1.5)).abs() < 1e-12);
    }

    #[test]
    fn squared_length_is_cut_short_only_where_it_reaches_the_limit() {
        let factor = Factor::new(&vec![vec![4.0, 2.0], vec![2.0, 3.0]]);
        let (mut room, vector) = (Vec::new(), [8.0, 7.0]);
        let whole = factor.squared_length_within(&vector, (1.0, f64::INFINITY), &mut room);
        let whitened = factor.whitened(&vector);
        assert_eq!(whole.to_bits(), (whitened[0] * whitened[0] + whitened[1] * whitened[1]).to_bits());
        // The first entry alone is 16.
        assert_eq!(factor.squared_length_within(&vector, (1.0, 17.0), &mut room).to_bits(), 16.0_f64.to_bits());
        let more = factor.squared_length_within(&vector, (1.0, 17.1), &mut room);
        assert_eq!(more.to_bits(), whole.to_bits());
    }
}
