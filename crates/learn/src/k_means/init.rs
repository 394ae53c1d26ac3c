//! Greedy k-means++ seeding (Arthur and Vassilvitskii 2007): each next seed point is drawn with a
//! probability proportional to its squared distance from the seed points so far; of several
//! candidates the one that leaves the least inertia is taken. Plain k-means++ needs many more
//! restarts for the same inertia.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut};

use crate::distance::PackedPoints;
use crate::error::LearnError;
use crate::k_means::lloyd::CHUNK_N_ROWS;
use crate::matrix::Matrix;
use crate::number::{position, real};

/// Returns `n_clusters` rows of `matrix` as first centroids.
pub(super) fn seed_centroids(
    matrix: &Matrix,
    n_clusters: usize,
    generator: &mut ChaCha8Rng,
) -> Result<Matrix, LearnError> {
    let n_rows = matrix.n_rows();
    // scikit-learn's number of candidates.
    let n_candidates = 2 + position(real(n_clusters).ln(), n_rows);
    let mut chosen = vec![generator.random_range(0..n_rows)];
    let mut nearest = vec![f32::INFINITY; n_rows];
    keep_nearer(matrix, chosen[0], &mut nearest);
    while chosen.len() < n_clusters {
        let mut total = 0.0_f64;
        let cumulative: Vec<f64> = nearest
            .iter()
            .map(|&squared| {
                total += f64::from(squared);
                total
            })
            .collect();
        if total <= 0.0 {
            // Every row coincides with a seed point, so the seed points are all rows there are.
            return Err(LearnError::TooFewDistinctRows { n_clusters, n_distinct: chosen.len() });
        }
        let candidates: Vec<usize> = (0..n_candidates)
            .map(|_| {
                let target = generator.random::<f64>() * total;
                let row_idx = cumulative.partition_point(|&sum| sum <= target);
                row_idx.min(n_rows - 1)
            })
            .collect();
        let best = best_candidate(matrix, &candidates, &nearest);
        keep_nearer(matrix, best, &mut nearest);
        chosen.push(best);
    }
    Ok(matrix.take(&chosen))
}

/// Returns the candidate row that leaves the least inertia; of equals the first drawn.
fn best_candidate(matrix: &Matrix, candidates: &[usize], nearest: &[f32]) -> usize {
    let packed = PackedPoints::new(&matrix.take(candidates));
    let chunk_values = CHUNK_N_ROWS * matrix.n_columns();
    let partial: Vec<Vec<f64>> = matrix
        .values()
        .par_chunks(chunk_values)
        .zip(nearest.par_chunks(CHUNK_N_ROWS))
        .map(|(values, nearest)| {
            let mut inertia = vec![0.0_f64; candidates.len()];
            let mut squared = vec![0.0_f32; candidates.len()];
            for (row, &so_far) in values.chunks_exact(matrix.n_columns()).zip(nearest) {
                packed.squared_distances(row, &mut squared);
                for (sum, &distance) in inertia.iter_mut().zip(&squared) {
                    *sum += f64::from(distance.min(so_far));
                }
            }
            inertia
        })
        .collect();
    let inertia_of = |idx: usize| partial.iter().map(|chunk| chunk[idx]).sum::<f64>();
    let mut best = (candidates[0], inertia_of(0));
    for (idx, &candidate) in candidates.iter().enumerate().skip(1) {
        let inertia = inertia_of(idx);
        if inertia < best.1 {
            best = (candidate, inertia);
        }
    }
    best.0
}

/// Lowers every row's squared distance to the nearest seed point where `row_idx` is nearer.
fn keep_nearer(matrix: &Matrix, row_idx: usize, nearest: &mut [f32]) {
    let packed = PackedPoints::new(&matrix.take(&[row_idx]));
    let chunk_values = CHUNK_N_ROWS * matrix.n_columns();
    matrix.values().par_chunks(chunk_values).zip(nearest.par_chunks_mut(CHUNK_N_ROWS)).for_each(|(values, nearest)| {
        for (row, so_far) in values.chunks_exact(matrix.n_columns()).zip(nearest) {
            *so_far = so_far.min(packed.nearest(row).1);
        }
    });
}
