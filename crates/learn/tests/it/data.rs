//! Seeded matrices with a known truth.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use throng_learn::{KMeansParams, LearnError, Matrix};

pub(crate) fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn normal(generator: &mut ChaCha8Rng) -> f64 {
    generator.sample(StandardNormal)
}

/// Returns a matrix of values drawn independently.
pub(crate) fn noise(shape: (usize, usize), seed: u64, draw: fn(&mut ChaCha8Rng) -> f64) -> Matrix {
    let mut generator = generator(seed);
    let values = (0..shape.0 * shape.1).map(|_| draw(&mut generator) as f32);
    Matrix::new(shape.1, values.collect()).unwrap()
}

/// Returns round normal blobs of deviation 1, rows in turn, and the blob of each row. The centres
/// are drawn with the given deviation.
pub(crate) fn blobs(shape: (usize, usize), n_blobs: usize, separation: f64, seed: u64) -> (Matrix, Vec<usize>) {
    let mut generator = generator(seed);
    let centres: Vec<f64> = (0..n_blobs * shape.1).map(|_| separation * normal(&mut generator)).collect();
    let truth: Vec<usize> = (0..shape.0).map(|row_idx| row_idx % n_blobs).collect();
    let mut values = Vec::with_capacity(shape.0 * shape.1);
    for &blob in &truth {
        for centre in &centres[blob * shape.1..(blob + 1) * shape.1] {
            values.push((centre + normal(&mut generator)) as f32);
        }
    }
    (Matrix::new(shape.1, values).unwrap(), truth)
}

pub(crate) fn k_means(n_clusters: usize, seed: u64) -> KMeansParams {
    KMeansParams { n_clusters, n_init: 5, n_iter_max: 100, tolerance: 0.0, seed }
}

/// Returns 60 rows of two columns around three centres, by arithmetic only: what other libraries make
/// of them is known.
pub(crate) fn known() -> Matrix {
    let centres = [[0.0_f32, 0.0], [20.0, 5.0], [8.0, 25.0]];
    let values = (0..120_usize).map(|idx| {
        let (row_idx, column_idx) = (idx / 2, idx % 2);
        let offset = (row_idx * 7919 + column_idx * 104_729) % 1009;
        centres[row_idx % 3][column_idx] + offset as f32 / 100.0
    });
    Matrix::new(2, values.collect()).unwrap()
}

/// Checks that something is refused, and how.
pub(crate) fn check_refused<Value: std::fmt::Debug>(outcome: Result<Value, LearnError>, message: &str) {
    assert_eq!(outcome.unwrap_err().to_string(), message);
}
