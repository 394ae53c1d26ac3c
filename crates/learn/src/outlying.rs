//! Rows far from all others, to be set aside before groups are sought.
//!
//! A row is set aside when its few nearest neighbours are much farther than other rows' are
//! (Ramaswamy, Rastogi and Shim 2000), by the outer fence of the logarithms (Tukey 1977). A group,
//! however small, keeps: its rows have each other. Scattered rows do not.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::distance::PackedPoints;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::sampled_rows;

/// How many-th nearest neighbour is measured: a group of fewer rows than this is no group.
const N_NEAR: usize = 5;
/// Rows neighbours are sought among; time grows with their number.
const N_ROWS_COMPARED_MAX: usize = 2000;
/// Interquartile ranges beyond the upper quartile where a row is set aside.
const FENCE: f64 = 3.0;
/// Where it is at least, as a multiple of the upper quartile of the squared distances: with many columns all distances are alike.
const FENCE_FACTOR_MIN: f64 = 4.0;
/// Most rows set aside, as a share: more are no exceptions, but a heavy tail.
pub(crate) const SHARE_MAX: f64 = 0.1;

/// Returns the rows of `matrix` to be kept, in order; its columns are of like spread.
pub(crate) fn inlying_rows(matrix: &Matrix, seed: u64) -> Vec<usize> {
    let n_rows = matrix.n_rows();
    let compared = sampled_rows(n_rows, N_ROWS_COMPARED_MAX, seed);
    if compared.len() <= 4 * N_NEAR {
        return (0..n_rows).collect();
    }
    let packed = PackedPoints::new(&matrix.take(&compared));
    let distances: Vec<f64> = (0..n_rows)
        .into_par_iter()
        .map_init(
            || vec![0.0_f32; compared.len()],
            |squared, row_idx| {
                packed.squared_distances(matrix.row(row_idx), squared);
                if let Ok(own) = compared.binary_search(&row_idx) {
                    squared[own] = f32::INFINITY;
                }
                let (_, near, _) = squared.select_nth_unstable_by(N_NEAR - 1, f32::total_cmp);
                f64::from(*near)
            },
        )
        .collect();
    let mut ascending = distances.clone();
    ascending.sort_by(f64::total_cmp);
    let at = |share: f64| ascending[crate::number::position(share * real(n_rows), n_rows - 1)];
    let (low, high) = (at(0.25), at(0.75));
    if low <= 0.0 {
        // More than a quarter of the rows have doubles: there is no scale to call others far by.
        return (0..n_rows).collect();
    }
    let fence = (high.ln() + FENCE * (high / low).ln()).exp().max(FENCE_FACTOR_MIN * high);
    let bound = fence.max(at(1.0 - SHARE_MAX));
    (0..n_rows).filter(|&row_idx| distances[row_idx] <= bound).collect()
}

#[cfg(test)]
mod tests {
    use super::inlying_rows;
    use crate::matrix::Matrix;

    #[test]
    fn scattered_row_goes_and_small_group_stays() {
        let mut values: Vec<f32> = (0..200_u16).map(|idx| f32::from(idx) * 0.01).collect();
        values.extend((0..10_u16).map(|idx| 30.0 + f32::from(idx) * 0.01));
        values.push(90.0);
        let matrix = Matrix::new(1, values).unwrap();
        assert_eq!(inlying_rows(&matrix, 1), (0..210).collect::<Vec<_>>());
    }
}
