//! Reference data without groups, to compare real data with.
//!
//! "Is there structure?" depends on what one would see without it. Independent columns answer whether
//! there is anything in common at all ([`permuted_columns`]), but say nothing of groups: any
//! correlation beats them. A Gaussian of the same covariance is too weak for skewed columns: the tail
//! alone beats it. So a [`Reference`] keeps
//! - the correlations of the columns, by a Gaussian copula, and
//! - the shape of each column, but without its valleys: the histogram of its continuous part is
//!   replaced by the nearest one with a single peak. Repeated values (zeros, small counts) stay, as
//!   filling the gaps between whole numbers would make the reference less lumpy than the data. The
//!   price: two modes of a column of small counts stay too, and the test errs towards "no groups".
//!
//! The copula's own correlations are found by trial: repeated values and bent columns weaken a
//! correlation, so that of the normal scores is only where the search starts (Cario and Nelson
//! 1997, "NORTA").
//!
//! What such data cannot show is groups: gaps between modes, or columns that go together
//! differently in different places.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{position, real, single};
use crate::random::generator;

/// A value that makes up at least this share of a column is kept as it is.
const ATOM_SHARE_MIN: f64 = 0.02;
/// Added to the diagonal of the correlation before factoring: columns may be copies of each other.
const RIDGE: f64 = 1e-6;

/// Trials in the search for the copula's correlations; each leaves a small part of the error.
const N_TRIALS: usize = 4;
/// Rows per trial, at least: the error of a correlation is then about 0.015.
const TRIAL_N_ROWS: usize = 4000;
/// Bound of the copula's correlations, which keeps the search from running away where a correlation
/// cannot be reached.
const CORRELATION_BOUND: f64 = 0.99;

/// A distribution with the columns and correlations of a matrix, but without groups.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    n_rows: usize,
    /// For each column its values in ascending order, one per row.
    quantiles: Vec<Vec<f32>>,
    /// Lower triangle of the Cholesky factor, row after row.
    factor: Vec<Vec<f64>>,
}

impl Reference {
    /// Returns the reference for `matrix`, whose values are finite.
    pub(crate) fn fit(matrix: &Matrix, seed: u64) -> Result<Reference, LearnError> {
        let columns: Vec<Vec<f32>> = (0..matrix.n_columns()).map(|column_idx| matrix.column(column_idx)).collect();
        let scores: Vec<Vec<f64>> = columns.iter().map(|column| normal_scores(column)).collect();
        let target = matrix_correlations(matrix);
        let mut latent = correlations(&scores);
        let mut reference = Reference {
            n_rows: matrix.n_rows(),
            factor: cholesky(&latent),
            quantiles: columns.into_iter().map(single_peaked).collect(),
        };
        for _ in 0..N_TRIALS {
            let found = reference.trial_correlations(seed)?;
            for (row_idx, row) in latent.iter_mut().enumerate() {
                for (column_idx, value) in row.iter_mut().enumerate() {
                    let error = target[row_idx][column_idx] - found[row_idx][column_idx];
                    *value = (*value + error).clamp(-CORRELATION_BOUND, CORRELATION_BOUND);
                }
            }
            reference.factor = cholesky(&latent);
        }
        Ok(reference)
    }

    /// Returns the mean correlations of a few draws, the same ones in every trial.
    fn trial_correlations(&self, seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
        let n_draws = TRIAL_N_ROWS.div_ceil(self.n_rows.max(1));
        let mut generator = generator(seed, 0);
        let n_columns = self.quantiles.len();
        let mut mean = vec![vec![0.0; n_columns]; n_columns];
        for _ in 0..n_draws {
            let drawn = matrix_correlations(&self.draw(&mut generator)?);
            for (total, part) in mean.iter_mut().flatten().zip(drawn.iter().flatten()) {
                *total += part / real(n_draws);
            }
        }
        Ok(mean)
    }

    /// Draws a matrix of the same shape.
    pub(crate) fn draw(&self, generator: &mut ChaCha8Rng) -> Result<Matrix, LearnError> {
        let n_columns = self.quantiles.len();
        let mut latent = vec![Vec::with_capacity(self.n_rows); n_columns];
        let mut independent = vec![0.0_f64; n_columns];
        for _ in 0..self.n_rows {
            for value in &mut independent {
                *value = generator.sample(StandardNormal);
            }
            for (column, factor) in latent.iter_mut().zip(&self.factor) {
                let terms = factor.iter().zip(&independent);
                column.push(terms.map(|(a, b)| a * b).sum::<f64>());
            }
        }
        let columns: Vec<Vec<f32>> = latent
            .iter()
            .zip(&self.quantiles)
            .map(|(latent, quantiles)| {
                let mut column = vec![0.0; self.n_rows];
                for (rank, row_idx) in ascending(latent).into_iter().enumerate() {
                    column[row_idx] = quantiles[rank];
                }
                column
            })
            .collect();
        Matrix::from_columns(&columns)
    }
}

/// Returns the matrix with each column's values in an order of its own: the same columns, but nothing
/// that they have in common.
pub(crate) fn permuted_columns(matrix: &Matrix, generator: &mut ChaCha8Rng) -> Result<Matrix, LearnError> {
    let columns: Vec<Vec<f32>> = (0..matrix.n_columns())
        .map(|column_idx| {
            let mut column = matrix.column(column_idx);
            column.shuffle(generator);
            column
        })
        .collect();
    Matrix::from_columns(&columns)
}

/// Returns the positions of `values` in ascending order of value, then of position.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    order
}

/// Returns each value's normal score; equal values share the score of their middle rank.
fn normal_scores(column: &[f32]) -> Vec<f64> {
    let values: Vec<f64> = column.iter().map(|&value| f64::from(value)).collect();
    let order = ascending(&values);
    let normal = Normal::standard();
    let mut scores = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let same = order[start..].partition_point(|&row_idx| values[row_idx] <= value);
        let middle = real(start) + real(same) / 2.0;
        let score = normal.inverse_cdf(middle / real(values.len()));
        for &row_idx in &order[start..start + same] {
            scores[row_idx] = score;
        }
        start += same;
    }
    scores
}

fn matrix_correlations(matrix: &Matrix) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..matrix.n_columns())
        .map(|column_idx| matrix.column(column_idx).into_iter().map(f64::from).collect())
        .collect();
    correlations(&columns)
}

/// Returns the Pearson correlations of the columns; a constant column correlates with none.
pub(crate) fn correlations(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let standardised: Vec<Vec<f64>> = columns.iter().map(|column| unit_length(column)).collect();
    let n_columns = columns.len();
    let mut table = vec![vec![0.0; n_columns]; n_columns];
    for first in 0..n_columns {
        table[first][first] = 1.0;
        for second in 0..first {
            let pairs = standardised[first].iter().zip(&standardised[second]);
            let correlation: f64 = pairs.map(|(a, b)| a * b).sum();
            table[first][second] = correlation;
            table[second][first] = correlation;
        }
    }
    table
}

fn unit_length(column: &[f64]) -> Vec<f64> {
    let mean = column.iter().sum::<f64>() / real(column.len().max(1));
    let square: f64 = column.iter().map(|value| (value - mean).powi(2)).sum();
    let length = square.sqrt();
    column.iter().map(|value| if length > 0.0 { (value - mean) / length } else { 0.0 }).collect()
}

/// Returns the lower Cholesky factor of a correlation matrix, with a ridge on its diagonal.
fn cholesky(correlations: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(correlations.len());
    for (row_idx, correlation) in correlations.iter().enumerate() {
        let mut row: Vec<f64> = Vec::with_capacity(row_idx + 1);
        for (column_idx, above) in factor.iter().enumerate() {
            let known: f64 = row.iter().zip(above).map(|(a, b)| a * b).sum();
            row.push((correlation[column_idx] - known) / above[column_idx]);
        }
        let known: f64 = row.iter().map(|value| value * value).sum();
        row.push((1.0 + RIDGE - known).max(RIDGE).sqrt());
        factor.push(row);
    }
    factor
}

/// Returns the column's values in ascending order, its continuous part redrawn from the
/// single-peaked histogram nearest to its own.
fn single_peaked(mut column: Vec<f32>) -> Vec<f32> {
    column.sort_by(f32::total_cmp);
    let n_atom_min = position(ATOM_SHARE_MIN * real(column.len()), column.len()).max(2);
    let mut atoms: Vec<f32> = Vec::new();
    let mut continuous: Vec<f32> = Vec::new();
    for run in column.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
        if run.len() >= n_atom_min {
            atoms.extend_from_slice(run);
        } else {
            continuous.extend_from_slice(run);
        }
    }
    let (Some(&least), Some(&greatest)) = (continuous.first(), continuous.last()) else {
        return atoms;
    };
    let least = f64::from(least);
    let span = f64::from(greatest) - least;
    // Rice's rule for the number of bins.
    let n_bins = position(2.0 * real(continuous.len()).cbrt(), continuous.len()).max(1);
    let mut counts = vec![0.0_f64; n_bins];
    for &value in &continuous {
        let share = if span > 0.0 { (f64::from(value) - least) / span } else { 0.0 };
        counts[position(share * real(n_bins), n_bins - 1)] += 1.0;
    }
    let width = span / real(n_bins);
    let heights = nearest_single_peak(&counts);
    atoms.extend(histogram_quantiles(&heights, least, width, continuous.len()));
    atoms.sort_by(f32::total_cmp);
    atoms
}

/// Returns `n_values` evenly spaced quantiles of a histogram that starts at `least`.
fn histogram_quantiles(heights: &[f64], least: f64, width: f64, n_values: usize) -> Vec<f32> {
    let total: f64 = heights.iter().sum();
    let mut quantiles = Vec::with_capacity(n_values);
    let mut bin = 0;
    let mut below = 0.0;
    for value_idx in 0..n_values {
        let target = (real(value_idx) + 0.5) / real(n_values) * total;
        while bin + 1 < heights.len() && below + heights[bin] < target {
            below += heights[bin];
            bin += 1;
        }
        let share = if heights[bin] > 0.0 { (target - below) / heights[bin] } else { 0.5 };
        quantiles.push(single(least + (real(bin) + share.min(1.0)) * width));
    }
    quantiles
}

/// Returns the sequence that rises to one peak and falls after it with the least squared difference
/// from `counts`; of equally near ones that with the earlier peak.
fn nearest_single_peak(counts: &[f64]) -> Vec<f64> {
    let mut best = (f64::INFINITY, Vec::new());
    for peak in 0..counts.len() {
        let mut heights = rising(&counts[..=peak]);
        let reversed: Vec<f64> = counts[peak + 1..].iter().rev().copied().collect();
        heights.extend(rising(&reversed).into_iter().rev());
        let pairs = heights.iter().zip(counts);
        let error: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        if error < best.0 {
            best = (error, heights);
        }
    }
    best.1
}

/// Returns the nearest sequence that never falls: neighbours that fall are pooled to their mean
/// (Ayer et al. 1955).
fn rising(counts: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &count in counts {
        let mut pool = (count, 1);
        while let Some(&(sum, size)) = pools.last() {
            if sum * real(pool.1) <= pool.0 * real(size) {
                break;
            }
            pool = (pool.0 + sum, pool.1 + size);
            pools.pop();
        }
        pools.push(pool);
    }
    let heights = pools.iter();
    heights.flat_map(|&(sum, size)| std::iter::repeat_n(sum / real(size), size)).collect()
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand_distr::StandardNormal;

    use super::{Reference, matrix_correlations, nearest_single_peak, single_peaked};
    use crate::matrix::Matrix;
    use crate::number::single;
    use crate::random::generator;

    #[test]
    fn valley_is_filled_and_a_single_peak_is_kept() {
        let check = |counts: &[f64], expected: &[f64]| {
            assert_eq!(nearest_single_peak(counts), expected);
        };
        check(&[1.0, 4.0, 2.0], &[1.0, 4.0, 2.0]);
        check(&[5.0, 3.0, 1.0], &[5.0, 3.0, 1.0]);
        check(&[8.0, 0.0, 4.0], &[8.0, 2.0, 2.0]);
        check(&[4.0, 0.0, 8.0], &[2.0, 2.0, 8.0]);
    }

    #[test]
    fn repeated_values_stay_and_the_size_is_kept() {
        let mut column = vec![0.0_f32; 60];
        column.extend((0..40_u8).map(|idx| 5.0 + f32::from(idx)));
        let peaked = single_peaked(column);
        assert_eq!(peaked.len(), 100);
        assert_eq!(peaked.iter().filter(|&&value| value == 0.0).count(), 60);
        assert!(peaked.iter().all(|&value| value == 0.0 || value >= 5.0));
    }

    #[test]
    fn drawn_columns_are_correlated_like_the_data() {
        let check = |column: fn(f64) -> f64| {
            let mut generator = generator(3, 0);
            let mut draw = || -> f64 { generator.sample(StandardNormal) };
            let mut values = Vec::new();
            for _ in 0..600 {
                let (common, own, other) = (draw(), draw(), draw());
                for value in [common, 0.8 * common + 0.6 * own, -0.6 * common + 0.8 * other] {
                    values.push(single(column(value)));
                }
            }
            let matrix = Matrix::new(3, values).unwrap();
            let reference = Reference::fit(&matrix, 9).unwrap();
            let data = matrix_correlations(&matrix);
            let drawn = reference.trial_correlations(10).unwrap();
            for (a, b) in data.iter().flatten().zip(drawn.iter().flatten()) {
                assert!((a - b).abs() < 0.05, "{data:?} {drawn:?}");
            }
        };
        check(|value| value);
        check(|value| value.exp());
        check(|value| (1.0 + value).round().max(0.0));
    }
}
