//! Greedy k-means++ seeding (Arthur and Vassilvitskii 2007): each next seed point is drawn with a
//! probability proportional to its squared distance from the seed points so far; of several
//! candidates the one that leaves the least inertia is taken. Plain k-means++ needs many more
//! restarts for the same inertia.
//!
//! Seed points are rows, and where clusters overlap a bad set of them looks as good as any until it is
//! refined. So where there are many rows, several sets are refined on some of them, and the best
//! centroids are where all rows start from (Bradley and Fayyad 1998).

use fearless_simd::{Level, Simd, dispatch};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut};

use crate::distance::{PackedPoints, TILE_N_ROWS, Tile};
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::k_means::lloyd::{CHUNK_N_ROWS, assigned};
use crate::matrix::Matrix;
use crate::number::{position, real};
use crate::random::{derived_seed, generator, sampled_rows};

/// Rows that starts are refined on: at least so many, and so many for each cluster.
const SAMPLE_N_ROWS_MIN: usize = 8192;
const SAMPLE_N_ROWS_PER_CLUSTER: usize = 256;
/// All rows are so many times as many at least, or the starts would cost more than what they save.
const SAMPLES_MIN: usize = 8;
/// Starts that are refined: when four in ten come to rest in a bad place, one fit in 250 does.
const N_STARTS: usize = 6;

/// Returns the centroids that refinement starts from.
pub(super) fn first_centroids(matrix: &Matrix, params: &KMeansParams, seed: u64) -> Result<Matrix, LearnError> {
    let (seeds, inertia) = seed_centroids(matrix, params.n_clusters, &mut generator(seed, 0))?;
    let sample_n_rows = SAMPLE_N_ROWS_MIN.max(SAMPLE_N_ROWS_PER_CLUSTER * params.n_clusters);
    if matrix.n_rows() < SAMPLES_MIN * sample_n_rows {
        return Ok(seeds);
    }
    let sample = matrix.take(&sampled_rows(matrix.n_rows(), sample_n_rows, derived_seed(seed, 1)));
    let starts = KMeansParams { n_init: N_STARTS, seed: derived_seed(seed, 2), ..*params };
    // The sample may hold too few different rows, and where few rows lie far from all others, none of
    // them: the seeds of all rows are better then.
    let Ok(refined) = starts.fit(&sample) else { return Ok(seeds) };
    let refined = assigned(matrix, refined.centroids().clone())?;
    Ok(if refined.inertia < inertia { refined.centroids } else { seeds })
}

/// Returns `n_clusters` rows of `matrix` as first centroids, and the inertia around them.
pub(super) fn seed_centroids(
    matrix: &Matrix,
    n_clusters: usize,
    generator: &mut ChaCha8Rng,
) -> Result<(Matrix, f64), LearnError> {
    let n_rows = matrix.n_rows();
    // Twice scikit-learn's number of candidates: a pass is dominated by reading the rows, and bad
    // starts, which cost a whole restart, become rarer.
    let n_candidates = 2 * (2 + position(real(n_clusters).ln(), n_rows));
    let mut chosen = vec![generator.random_range(0..n_rows)];
    let mut nearest = vec![f32::INFINITY; n_rows];
    let mut totals = keep_nearer(matrix, chosen[0], &mut nearest);
    while chosen.len() < n_clusters {
        let total: f64 = totals.iter().sum();
        if total <= 0.0 {
            // Every row coincides with a seed point, so the seed points are all rows there are.
            return Err(LearnError::TooFewDistinctRows { n_clusters, n_distinct: chosen.len() });
        }
        let candidates: Vec<usize> =
            (0..n_candidates).map(|_| drawn_row(generator.random::<f64>() * total, &totals, &nearest)).collect();
        let best = best_candidate(matrix, &candidates, &nearest);
        totals = keep_nearer(matrix, best, &mut nearest);
        chosen.push(best);
    }
    Ok((matrix.take(&chosen), totals.iter().sum()))
}

/// Returns the row at which the running sum of `nearest` exceeds `target`, of the rows that add
/// anything the last if none does; `totals` are the sums of its chunks.
fn drawn_row(mut target: f64, totals: &[f64], nearest: &[f32]) -> usize {
    let mut drawn = 0;
    for ((chunk_idx, chunk), &total) in nearest.chunks(CHUNK_N_ROWS).enumerate().zip(totals) {
        if total <= 0.0 {
            continue;
        }
        // The sum of a chunk and the running sum inside it are rounded differently, so a target near
        // the chunk's end may be passed by neither; its last row that adds anything then stands.
        let inside = target < total;
        if !inside {
            target -= total;
        }
        for (row_idx, &squared) in chunk.iter().enumerate() {
            if squared > 0.0 {
                drawn = chunk_idx * CHUNK_N_ROWS + row_idx;
                target -= if inside { f64::from(squared) } else { 0.0 };
            }
            if inside && target < 0.0 {
                break;
            }
        }
        if inside {
            break;
        }
    }
    drawn
}

/// Returns the candidate row that leaves the least inertia; of equals the first drawn.
fn best_candidate(matrix: &Matrix, candidates: &[usize], nearest: &[f32]) -> usize {
    let points = PackedPoints::new(&matrix.take(candidates));
    let level = Level::new();
    let partial: Vec<Vec<f64>> = matrix
        .values()
        .par_chunks(CHUNK_N_ROWS * matrix.n_columns())
        .zip(nearest.par_chunks(CHUNK_N_ROWS))
        .map(|(values, nearest)| dispatch!(level, simd => inertias(simd, values, nearest, &points)))
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

/// Returns what inertia each point would leave of a chunk.
#[inline(always)]
fn inertias<S: Simd>(simd: S, values: &[f32], nearest: &[f32], points: &PackedPoints) -> Vec<f64> {
    let n_columns = values.len() / nearest.len();
    let mut tile = Tile::new(n_columns);
    let mut squared = vec![[0.0_f32; TILE_N_ROWS]; points.n_points()];
    let mut sums = vec![[0.0_f64; TILE_N_ROWS]; points.n_points()];
    for (values, nearest) in values.chunks(TILE_N_ROWS * n_columns).zip(nearest.chunks(TILE_N_ROWS)) {
        tile.load_block(simd, values);
        points.squared_of_tile(simd, &tile, &mut squared);
        for (sums, squared) in sums.iter_mut().zip(&squared) {
            for ((sum, &squared), &so_far) in sums.iter_mut().zip(squared).zip(nearest) {
                *sum += f64::from(if squared < so_far { squared } else { so_far });
            }
        }
    }
    sums.iter().map(|lanes| lanes.iter().sum()).collect()
}

/// Lowers every row's squared distance to the nearest seed point where `row_idx` is nearer, and
/// returns the sums of the chunks.
fn keep_nearer(matrix: &Matrix, row_idx: usize, nearest: &mut [f32]) -> Vec<f64> {
    let points = PackedPoints::new(&matrix.take(&[row_idx]));
    let level = Level::new();
    let chunks = matrix.values().par_chunks(CHUNK_N_ROWS * matrix.n_columns());
    let sums = chunks
        .zip(nearest.par_chunks_mut(CHUNK_N_ROWS))
        .map(|(values, nearest)| dispatch!(level, simd => keep_nearer_of_chunk(simd, values, nearest, &points)));
    sums.collect()
}

#[inline(always)]
fn keep_nearer_of_chunk<S: Simd>(simd: S, values: &[f32], nearest: &mut [f32], points: &PackedPoints) -> f64 {
    let n_columns = values.len() / nearest.len();
    let mut tile = Tile::new(n_columns);
    let mut squared = [[0.0_f32; TILE_N_ROWS]];
    let mut sums = [0.0_f64; TILE_N_ROWS];
    for (values, nearest) in values.chunks(TILE_N_ROWS * n_columns).zip(nearest.chunks_mut(TILE_N_ROWS)) {
        tile.load_block(simd, values);
        points.squared_of_tile(simd, &tile, &mut squared);
        for ((so_far, &squared), sum) in nearest.iter_mut().zip(&squared[0]).zip(&mut sums) {
            *so_far = if squared < *so_far { squared } else { *so_far };
            *sum += f64::from(*so_far);
        }
    }
    sums.iter().sum()
}
