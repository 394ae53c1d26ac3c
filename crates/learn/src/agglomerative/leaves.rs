//! What an agglomeration starts from: single rows, or micro-clusters that stand for many.

use crate::clustering::chunks::map_chunks;
use crate::clustering::columns::Columns;
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::sampled_rows;

/// Rows per micro-cluster that k-means sees; the others only join the nearest.
const SAMPLE_N_ROWS_PER_LEAF: usize = 20;
/// Refinements of the micro-clusters, which need not be at rest.
const LEAF_N_ITER_MAX: usize = 20;
/// Rows whose nearest leaves are found together.
const CHUNK_N_ROWS: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaves {
    n_columns: usize,
    /// The points that rows are nearest to.
    points: Columns,
    /// The means of the leaves' rows, one after another.
    means: Vec<f64>,
    /// Number of rows of each leaf.
    weights: Vec<usize>,
    leaf_of_row: Vec<usize>,
}

impl Leaves {
    /// Makes every row a leaf.
    pub(super) fn rows(matrix: &Matrix) -> Leaves {
        Leaves {
            n_columns: matrix.n_columns(),
            points: Columns::new(matrix),
            means: matrix.values().iter().map(|&value| f64::from(value)).collect(),
            weights: vec![1; matrix.n_rows()],
            leaf_of_row: (0..matrix.n_rows()).collect(),
        }
    }

    /// Makes leaves of the clusters that k-means finds in a sample.
    pub(super) fn micro_clusters(matrix: &Matrix, n_leaves: usize, seed: u64) -> Result<Leaves, LearnError> {
        let sample = matrix.take(&sampled_rows(matrix.n_rows(), SAMPLE_N_ROWS_PER_LEAF * n_leaves, seed));
        let params = KMeansParams {
            n_clusters: n_leaves.min(sample.n_rows()),
            n_init: 1,
            n_iter_max: LEAF_N_ITER_MAX,
            tolerance: 1e-4,
            seed,
        };
        let model = match params.fit(&sample) {
            // Few different rows: each of them is a leaf.
            Err(LearnError::TooFewDistinctRows { n_distinct, .. }) if n_distinct > 0 => {
                KMeansParams { n_clusters: n_distinct, ..params }.fit(&sample)?
            }
            fitted => fitted?,
        };
        let n_columns = matrix.n_columns();
        let mut leaves = Leaves {
            n_columns,
            points: Columns::new(model.centroids()),
            means: Vec::new(),
            weights: vec![0; model.n_clusters()],
            leaf_of_row: Vec::new(),
        };
        leaves.leaf_of_row = leaves.nearest(matrix)?;
        // A leaf without rows keeps its point, as if it had one there.
        let mut sums = vec![0.0; model.n_clusters() * n_columns];
        for (row, &leaf_idx) in matrix.rows().zip(&leaves.leaf_of_row) {
            leaves.weights[leaf_idx] += 1;
            for (sum, &value) in sums[leaf_idx * n_columns..].iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for (leaf_idx, sums) in sums.chunks_exact_mut(n_columns).enumerate() {
            let weight = leaves.weights[leaf_idx];
            for (sum, &point) in sums.iter_mut().zip(model.centroids().row(leaf_idx)) {
                *sum = if weight > 0 { *sum / real(weight) } else { f64::from(point) };
            }
        }
        leaves.means = sums;
        Ok(leaves)
    }

    /// Returns leaves of which nothing is known but the points that rows are nearest to.
    pub(super) fn of_points(points: Columns) -> Leaves {
        let weights = vec![0; points.n_rows()];
        Leaves { n_columns: points.n_columns(), points, means: Vec::new(), weights, leaf_of_row: Vec::new() }
    }

    pub(super) fn points(&self) -> &Columns {
        &self.points
    }

    pub(super) fn n_leaves(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    /// Returns the number of rows of each leaf.
    pub(super) fn weights(&self) -> &[usize] {
        &self.weights
    }

    pub(super) fn leaf_of_row(&self) -> &[usize] {
        &self.leaf_of_row
    }

    /// Returns the leaf nearest to each row; of equally near ones the first.
    pub(super) fn nearest(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        matrix.require_columns(self.n_columns)?;
        matrix.require_finite()?;
        Ok(map_chunks(matrix, CHUNK_N_ROWS, |chunk, nearest| {
            let mut squared = vec![0.0; self.points.n_rows()];
            for row in chunk.chunks_exact(self.n_columns) {
                self.points.squared_distances(row, 0, &mut squared);
                let least = squared.iter().copied().fold(f32::INFINITY, f32::min);
                nearest.push(squared.iter().position(|&distance| distance <= least).unwrap_or(0));
            }
        }))
    }

    /// Returns the cluster number of each leaf, given for each leaf what it is part of: from the most
    /// rows to the fewest, equally large ones by their first row.
    pub(super) fn numbered_by_size(&self, roots: &[usize]) -> Vec<usize> {
        let n_roots = roots.iter().max().map_or(0, |root| root + 1);
        let mut n_rows = vec![0_usize; n_roots];
        let mut first_row = vec![usize::MAX; n_roots];
        for (row_idx, &leaf_idx) in self.leaf_of_row.iter().enumerate() {
            let root = roots[leaf_idx];
            n_rows[root] += 1;
            first_row[root] = first_row[root].min(row_idx);
        }
        let mut order: Vec<usize> = roots.to_vec();
        order.sort_unstable();
        order.dedup();
        order.sort_by(|&a, &b| n_rows[b].cmp(&n_rows[a]).then(first_row[a].cmp(&first_row[b])).then(a.cmp(&b)));
        let mut number = vec![0; n_roots];
        for (label, &root) in order.iter().enumerate() {
            number[root] = label;
        }
        roots.iter().map(|&root| number[root]).collect()
    }
}
