//! HDBSCAN*: clusters of any shape as regions denser than what lies between them, and noise for the
//! rest (Campello, Moulavi and Sander 2013; Campello et al. 2015; McInnes and Healy 2017).
//!
//! A row's core distance is that of its `min_samples`-th nearest row, itself included. Two rows are
//! as far apart as the greatest of their distance and their core distances (mutual reachability).
//! The minimum spanning tree of that gives the hierarchy; clusters of fewer than `min_cluster_size`
//! rows are only rows falling out of a larger one (the condensed tree); and the clusters chosen are
//! those that last longest as the density `λ = 1 / distance` rises (excess of mass). The whole is
//! never one cluster: where nothing separates, nothing is found.
//!
//! Merges of equal height happen at once here, whatever the order of the rows, so that equal rows
//! always share a label. The tree takes time `n²` and memory `n`, since distances are computed when
//! they are needed. Above `n_rows_max` it is built on a sample and the other rows are predicted.

mod condensed;
mod spanning_tree;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::clustering::check::{require_positive, require_rows};
use crate::clustering::chunks::map_chunks;
use crate::clustering::columns::Columns;
use crate::error::LearnError;
use crate::hdbscan::condensed::CondensedTree;
use crate::hdbscan::spanning_tree::{core_distances, spanning_tree};
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::sampled_rows;
use crate::state::{State, StateReader, StateWriter, require};

/// Rows predicted together.
const CHUNK_N_ROWS: usize = 64;
/// Most rows of a tree: with 20 columns that takes about twenty-five seconds.
const TREE_N_ROWS_MAX: usize = 65_536;

/// What the caller chooses about HDBSCAN*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HdbscanParams {
    /// Rows that make a cluster, at least 2.
    pub min_cluster_size: usize,
    /// Rows within a row's core distance, itself included, at least 1; more make more noise.
    pub min_samples: usize,
    /// Rows the tree is built on, at most 65 536 (10 000, say); of more a sample is drawn.
    pub n_rows_max: usize,
    /// Seed of the sample; nothing else is left to chance.
    pub seed: u64,
}

/// What is said of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Its cluster; `None` for noise.
    pub label: Option<usize>,
    /// How far into the cluster it is, from 0 to 1; 0 for noise.
    pub strength: f64,
    /// How much sparser its place is than the densest of the cluster it falls out of, from 0 to 1
    /// (GLOSH, Campello et al. 2015); near 1 for an outlier.
    pub outlier_score: f64,
}

/// A fitted HDBSCAN* model. Clusters are numbered from the largest to the smallest.
///
/// ```
/// use throng_learn::{HdbscanParams, Matrix};
///
/// let matrix = Matrix::new(1, vec![0.0, 0.1, 0.2, 25.0, 9.0, 9.1, 9.2, 9.3])?;
/// let params = HdbscanParams { min_cluster_size: 3, min_samples: 2, n_rows_max: 10_000, seed: 1 };
/// let model = params.fit(&matrix)?;
/// let labels = model.labels();
/// assert_eq!(&labels[..4], &[Some(1), Some(1), Some(1), None]);
/// assert_eq!(&labels[4..], &[Some(0); 4]);
/// let found = model.approximate_predict(&Matrix::new(1, vec![9.15, 30.0])?)?;
/// assert_eq!((found[0].label, found[1].label), (Some(0), None));
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Hdbscan {
    params: HdbscanParams,
    n_columns: usize,
    rows: Columns,
    /// Squared, one for each row of the tree.
    core_distances: Vec<f32>,
    tree: CondensedTree,
    labels: Vec<Option<usize>>,
    predictions: Vec<Prediction>,
}

impl HdbscanParams {
    /// Fits the model to the rows of `matrix`, all of which must be finite.
    pub fn fit(&self, matrix: &Matrix) -> Result<Hdbscan, LearnError> {
        require_positive(&[("min_samples", self.min_samples)])?;
        if self.min_cluster_size < 2 {
            let found = real(self.min_cluster_size);
            let parameter = "min_cluster_size";
            return Err(LearnError::InvalidParameter { parameter, found, allowed: "at least 2" });
        }
        let n_rows_needed = self.min_cluster_size.max(self.min_samples);
        if !(n_rows_needed..=TREE_N_ROWS_MAX).contains(&self.n_rows_max) {
            return Err(LearnError::InvalidParameter {
                parameter: "n_rows_max",
                found: real(self.n_rows_max),
                allowed: "at least min_cluster_size and min_samples, at most 65536",
            });
        }
        require_rows("fit HDBSCAN", matrix, n_rows_needed)?;
        let drawn = sampled_rows(matrix.n_rows(), self.n_rows_max, self.seed);
        let sample = matrix.take(&drawn);
        let rows = Columns::new(&sample);
        let core_distances = core_distances(&sample, &rows, self.min_samples);
        let edges = spanning_tree(&rows, &core_distances);
        let tree = CondensedTree::new(sample.n_rows(), &edges, self.min_cluster_size);
        let mut model = Hdbscan {
            params: *self,
            n_columns: matrix.n_columns(),
            rows,
            core_distances,
            tree,
            labels: Vec::new(),
            predictions: Vec::new(),
        };
        model.predictions = if sample.n_rows() == matrix.n_rows() {
            (0..matrix.n_rows()).into_par_iter().map(|row_idx| model.tree.row(row_idx)).collect()
        } else {
            model.approximate_predict(matrix)?
        };
        model.labels = model.predictions.iter().map(|prediction| prediction.label).collect();
        Ok(model)
    }
}

impl Hdbscan {
    /// Returns what was chosen.
    #[must_use]
    pub fn params(&self) -> HdbscanParams {
        self.params
    }

    /// Returns the number of columns it reads.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns the number of clusters, which may be 0.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.tree.n_clusters()
    }

    /// Returns the cluster of each fitted row; `None` for noise.
    #[must_use]
    pub fn labels(&self) -> &[Option<usize>] {
        &self.labels
    }

    /// Returns what is said of each fitted row.
    #[must_use]
    pub fn predictions(&self) -> &[Prediction] {
        &self.predictions
    }

    /// Returns how long each cluster lasts as the density rises, between 0 and 1: its excess of mass
    /// relative to that of a cluster whose rows all stay until the greatest density.
    #[must_use]
    pub fn persistences(&self) -> Vec<f64> {
        self.tree.persistences()
    }

    /// Returns what is to be said of each row, as if it were added to the fitted tree at its nearest
    /// row by mutual reachability, without changing the tree.
    pub fn approximate_predict(&self, matrix: &Matrix) -> Result<Vec<Prediction>, LearnError> {
        matrix.require_columns(self.n_columns)?;
        matrix.require_finite()?;
        Ok(map_chunks(matrix, CHUNK_N_ROWS, |chunk, predictions| {
            let mut squared = vec![0.0; self.rows.n_rows()];
            for row in chunk.chunks_exact(self.n_columns) {
                self.rows.squared_distances(row, 0, &mut squared);
                predictions.push(self.predict_row(&squared));
            }
        }))
    }

    fn predict_row(&self, squared: &[f32]) -> Prediction {
        let core = spanning_tree::kth_least(squared, self.params.min_samples);
        let mut nearest = (f32::INFINITY, f32::INFINITY, 0);
        for (row_idx, (&distance, &other)) in squared.iter().zip(&self.core_distances).enumerate() {
            let reachability = distance.max(other).max(core);
            if (reachability, distance) < (nearest.0, nearest.1) {
                nearest = (reachability, distance, row_idx);
            }
        }
        self.tree.joining(nearest.2, f64::from(nearest.0).sqrt())
    }
}

crate::state_of_fields!(HdbscanParams { min_cluster_size, min_samples, n_rows_max, seed });

/// With the rows of the tree, which is what it predicts by, and without what was said of the fitted rows.
impl State for Hdbscan {
    fn write(&self, writer: &mut StateWriter) {
        self.params.write(writer);
        self.rows.write(writer);
        writer.items(&self.core_distances);
        self.tree.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (params, rows): (HdbscanParams, Columns) = State::read(reader)?;
        let core_distances = reader.items(rows.n_rows())?;
        let tree = CondensedTree::read(reader)?;
        require(tree.n_rows() == rows.n_rows(), "the rows of a tree")?;
        require((1..=rows.n_rows()).contains(&params.min_samples), "the rows within a core distance")?;
        let (labels, predictions) = (Vec::new(), Vec::new());
        Ok(Hdbscan { params, n_columns: rows.n_columns(), rows, core_distances, tree, labels, predictions })
    }
}
