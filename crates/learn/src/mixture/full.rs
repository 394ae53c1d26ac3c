//! Components whose columns vary together: a whole covariance matrix each, used through the inverse
//! of its Cholesky factor.

use crate::mixture::block::{BLOCK_N_ROWS, Block, Lane, product_sum, sum};
use crate::number::single;

/// One component, in the form the loops need.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Full {
    /// Mean, less the centre of the blocks.
    pub(super) mean: Vec<f32>,
    /// The inverse of the covariance's lower Cholesky factor, row after row up to the diagonal.
    pub(super) whitening: Vec<f32>,
}

impl Full {
    /// Returns the component and half the logarithm of its covariance's determinant.
    pub(super) fn new(mean: Vec<f32>, covariance: &[f64]) -> (Full, f64) {
        let n_columns = mean.len();
        let factor = cholesky(covariance, n_columns);
        let half_log_determinant = (0..n_columns).map(|idx| factor[triangular(idx, idx)].ln()).sum();
        let whitening = inverse(&factor, n_columns).into_iter().map(single).collect();
        (Full { mean, whitening }, half_log_determinant)
    }

    /// Writes each row's squared Mahalanobis distance from the mean.
    pub(super) fn squared_distances(&self, block: &Block, squared: &mut Lane) {
        let distances = self.distances(block);
        *squared = [0.0; BLOCK_N_ROWS];
        for row in 0..self.mean.len() {
            let mut whitened = [0.0_f32; BLOCK_N_ROWS];
            let start = triangular(row, 0);
            for (distance, &coefficient) in distances.iter().zip(&self.whitening[start..=start + row]) {
                for (sum, &value) in whitened.iter_mut().zip(distance) {
                    *sum += coefficient * value;
                }
            }
            for (sum, &value) in squared.iter_mut().zip(&whitened) {
                *sum += value * value;
            }
        }
    }

    /// Adds the weighted rows of a block: the weight, then each column's distances from the mean,
    /// then the products of each two columns' distances, row after row up to the diagonal.
    pub(super) fn accumulate(&self, block: &Block, weights: &Lane, sums: &mut [f64]) {
        let total = sum(weights);
        if total <= 0.0 {
            return;
        }
        sums[0] += total;
        let distances = self.distances(block);
        let (firsts, products) = sums[1..].split_at_mut(self.mean.len());
        for (row, (distance, first)) in distances.iter().zip(firsts).enumerate() {
            let mut weighted = [0.0_f32; BLOCK_N_ROWS];
            for ((target, &weight), &value) in weighted.iter_mut().zip(weights).zip(distance) {
                *target = weight * value;
            }
            *first += sum(&weighted);
            let start = triangular(row, 0);
            for (other, product) in distances.iter().zip(&mut products[start..=start + row]) {
                *product += product_sum(&weighted, other);
            }
        }
    }

    fn distances(&self, block: &Block) -> Vec<Lane> {
        let mut distances = block.columns.clone();
        for (distance, &mean) in distances.iter_mut().zip(&self.mean) {
            for value in distance {
                *value -= mean;
            }
        }
        distances
    }
}

/// Returns where entry (`row`, `column`) of a lower triangle stands when its rows lie one after
/// another.
pub(super) fn triangular(row: usize, column: usize) -> usize {
    row * (row + 1) / 2 + column
}

/// Returns the lower Cholesky factor of a covariance matrix given by its lower triangle. A pivot
/// that rounding leaves without a positive value is replaced by a trace of its variance.
fn cholesky(covariance: &[f64], n_columns: usize) -> Vec<f64> {
    let mut factor = vec![0.0; covariance.len()];
    for row in 0..n_columns {
        for column in 0..row {
            let rows = (triangular(row, 0)..triangular(row, column)).zip(triangular(column, 0)..);
            let known: f64 = rows.map(|(a, b)| factor[a] * factor[b]).sum();
            let at = triangular(row, column);
            factor[at] = (covariance[at] - known) / factor[triangular(column, column)];
        }
        let known: f64 = (triangular(row, 0)..triangular(row, row)).map(|at| factor[at] * factor[at]).sum();
        let variance = covariance[triangular(row, row)];
        factor[triangular(row, row)] = (variance - known).max(PIVOT_SHARE_MIN * variance).sqrt();
    }
    factor
}

/// Least share of a column's variance that is its own: `f64` cannot tell less.
const PIVOT_SHARE_MIN: f64 = 1e-13;

/// Returns the inverse of a lower triangle.
fn inverse(factor: &[f64], n_columns: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; factor.len()];
    for column in 0..n_columns {
        inverse[triangular(column, column)] = 1.0 / factor[triangular(column, column)];
        for row in column + 1..n_columns {
            let between = column..row;
            let known: f64 = between.map(|idx| factor[triangular(row, idx)] * inverse[triangular(idx, column)]).sum();
            inverse[triangular(row, column)] = -known / factor[triangular(row, row)];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::{cholesky, inverse, triangular};

    #[test]
    fn whitening_turns_the_covariance_into_the_identity() {
        let covariance = [4.0, 2.0, 5.0, -1.0, 0.5, 3.0];
        let factor = cholesky(&covariance, 3);
        let whitening = inverse(&factor, 3);
        let entry = |row: usize, column: usize| covariance[triangular(row.max(column), row.min(column))];
        let whiten = |a: usize, b: usize| -> f64 {
            let pairs = (0..=a).flat_map(|c| (0..=b).map(move |d| (c, d)));
            pairs.map(|(c, d)| whitening[triangular(a, c)] * entry(c, d) * whitening[triangular(b, d)]).sum()
        };
        for a in 0..3 {
            for b in 0..3 {
                let found = whiten(a, b);
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((found - expected).abs() < 1e-12_f64, "{a} {b} {found}");
            }
        }
    }
}
