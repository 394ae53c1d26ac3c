//! Lloyd's refinement (1982): assign every row to its nearest centroid, move every centroid to the
//! mean of its rows, repeat. A cluster that loses its last row takes the row farthest from its
//! centroid, as scikit-learn does.

use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut};

use crate::distance::PackedPoints;
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::k_means::init::seed_centroids;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::random::generator;

/// Rows whose sums are taken together. Fixed, so that sums do not depend on the threads; large
/// enough that handing out a chunk costs nothing, small enough that 100,000 rows keep 16 busy.
pub(super) const CHUNK_N_ROWS: usize = 4096;

/// The outcome of one restart, clusters in the order of their seeding.
#[derive(Debug)]
pub(super) struct Restart {
    pub(super) centroids: Matrix,
    pub(super) labels: Vec<usize>,
    pub(super) sizes: Vec<usize>,
    pub(super) inertia: f64,
    pub(super) n_iter: usize,
}

/// Seeds and refines once.
pub(super) fn run_restart(matrix: &Matrix, params: &KMeansParams, seed: u64) -> Result<Restart, LearnError> {
    let mut generator = generator(seed, 0);
    let centroids = seed_centroids(matrix, params.n_clusters, &mut generator)?;
    refine(matrix, params, centroids)
}

/// Refines the given centroids until they rest.
pub(super) fn refine(matrix: &Matrix, params: &KMeansParams, mut centroids: Matrix) -> Result<Restart, LearnError> {
    let movement_max = params.tolerance * mean_variance(matrix);
    let mut labels: Vec<usize> = Vec::new();
    let mut n_iter = 0;
    loop {
        let (new_labels, mut squared) = nearest_rows(matrix, &PackedPoints::new(&centroids));
        let settled = new_labels == labels;
        labels = new_labels;
        if settled || n_iter == params.n_iter_max {
            break;
        }
        let mut sums = ClusterSums::of(matrix, &labels, params.n_clusters);
        sums.repair_empty(matrix, &mut labels, &mut squared);
        let moved = sums.centroids(&centroids)?;
        let movement = squared_movement(&centroids, &moved);
        centroids = moved;
        n_iter += 1;
        if movement <= movement_max {
            labels = nearest_rows(matrix, &PackedPoints::new(&centroids)).0;
            break;
        }
    }
    let mut sizes = vec![0; params.n_clusters];
    for &label in &labels {
        sizes[label] += 1;
    }
    let inertia = inertia(matrix, &centroids, &labels);
    Ok(Restart { centroids, labels, sizes, inertia, n_iter })
}

/// Returns every row's nearest point and its squared distance.
pub(super) fn nearest_rows(matrix: &Matrix, points: &PackedPoints) -> (Vec<usize>, Vec<f32>) {
    let mut labels = vec![0_usize; matrix.n_rows()];
    let mut squared = vec![0.0_f32; matrix.n_rows()];
    matrix
        .values()
        .par_chunks(CHUNK_N_ROWS * matrix.n_columns())
        .zip(labels.par_chunks_mut(CHUNK_N_ROWS))
        .zip(squared.par_chunks_mut(CHUNK_N_ROWS))
        .for_each(|((values, labels), squared)| {
            let rows = values.chunks_exact(matrix.n_columns());
            for ((row, label), squared) in rows.zip(labels).zip(squared) {
                (*label, *squared) = points.nearest(row);
            }
        });
    (labels, squared)
}

/// Sums and counts of the rows of each cluster.
struct ClusterSums {
    n_columns: usize,
    sums: Vec<f64>,
    sizes: Vec<usize>,
}

impl ClusterSums {
    fn zero(n_clusters: usize, n_columns: usize) -> ClusterSums {
        ClusterSums { n_columns, sums: vec![0.0; n_clusters * n_columns], sizes: vec![0; n_clusters] }
    }

    fn of(matrix: &Matrix, labels: &[usize], n_clusters: usize) -> ClusterSums {
        let n_columns = matrix.n_columns();
        let chunks: Vec<ClusterSums> = matrix
            .values()
            .par_chunks(CHUNK_N_ROWS * n_columns)
            .zip(labels.par_chunks(CHUNK_N_ROWS))
            .map(|(values, labels)| {
                let mut sums = ClusterSums::zero(n_clusters, n_columns);
                for (row, &label) in values.chunks_exact(n_columns).zip(labels) {
                    sums.add(row, label, 1.0);
                    sums.sizes[label] += 1;
                }
                sums
            })
            .collect();
        let mut total = ClusterSums::zero(n_clusters, n_columns);
        for chunk in chunks {
            for (sum, part) in total.sums.iter_mut().zip(chunk.sums) {
                *sum += part;
            }
            for (size, part) in total.sizes.iter_mut().zip(chunk.sizes) {
                *size += part;
            }
        }
        total
    }

    fn add(&mut self, row: &[f32], label: usize, sign: f64) {
        let start = label * self.n_columns;
        let sums = &mut self.sums[start..start + self.n_columns];
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += sign * f64::from(value);
        }
    }

    /// Gives each empty cluster the row farthest from its centroid (of equals the first) whose
    /// cluster can spare it.
    fn repair_empty(&mut self, matrix: &Matrix, labels: &mut [usize], squared: &mut [f32]) {
        for empty in 0..self.sizes.len() {
            if self.sizes[empty] > 0 {
                continue;
            }
            let mut farthest: Option<usize> = None;
            for row_idx in 0..labels.len() {
                let spare = self.sizes[labels[row_idx]] > 1;
                let farther = farthest.is_none_or(|idx| squared[row_idx] > squared[idx]);
                if spare && farther {
                    farthest = Some(row_idx);
                }
            }
            let Some(row_idx) = farthest else { return };
            let former = labels[row_idx];
            self.add(matrix.row(row_idx), former, -1.0);
            self.sizes[former] -= 1;
            self.add(matrix.row(row_idx), empty, 1.0);
            self.sizes[empty] += 1;
            labels[row_idx] = empty;
            squared[row_idx] = 0.0;
        }
    }

    /// Returns the means; a cluster that stayed empty keeps its former centroid.
    fn centroids(&self, former: &Matrix) -> Result<Matrix, LearnError> {
        let mut values = former.values().to_vec();
        for (label, centroid) in values.chunks_exact_mut(self.n_columns).enumerate() {
            if self.sizes[label] == 0 {
                continue;
            }
            let start = label * self.n_columns;
            for (value, sum) in centroid.iter_mut().zip(&self.sums[start..]) {
                *value = single(sum / real(self.sizes[label]));
            }
        }
        Matrix::new(self.n_columns, values)
    }
}

fn squared_movement(former: &Matrix, moved: &Matrix) -> f64 {
    let pairs = former.values().iter().zip(moved.values());
    pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

/// Returns the sum of squared distances to the assigned centroids, in `f64` throughout.
fn inertia(matrix: &Matrix, centroids: &Matrix, labels: &[usize]) -> f64 {
    let chunks: Vec<f64> = matrix
        .values()
        .par_chunks(CHUNK_N_ROWS * matrix.n_columns())
        .zip(labels.par_chunks(CHUNK_N_ROWS))
        .map(|(values, labels)| {
            let mut sum = 0.0_f64;
            for (row, &label) in values.chunks_exact(matrix.n_columns()).zip(labels) {
                for (&value, &centre) in row.iter().zip(centroids.row(label)) {
                    sum += (f64::from(value) - f64::from(centre)).powi(2);
                }
            }
            sum
        })
        .collect();
    chunks.iter().sum()
}

/// Returns the variance of a column, averaged over the columns.
fn mean_variance(matrix: &Matrix) -> f64 {
    let n_rows = real(matrix.n_rows());
    let mut sums = vec![0.0_f64; matrix.n_columns()];
    let mut squares = vec![0.0_f64; matrix.n_columns()];
    for row in matrix.rows() {
        for (column_idx, &value) in row.iter().enumerate() {
            sums[column_idx] += f64::from(value);
            squares[column_idx] += f64::from(value).powi(2);
        }
    }
    let variances = sums.iter().zip(&squares).map(|(sum, square)| (square / n_rows - (sum / n_rows).powi(2)).max(0.0));
    variances.sum::<f64>() / real(matrix.n_columns())
}
