//! Ward's agglomeration (1963): clusters within clusters, so that any of them can be opened into its
//! sub-kinds. Starting from single rows, the two clusters are merged whose union adds the least to
//! the inertia, until one is left.
//!
//! The merges are found along a chain of nearest neighbours (Murtagh 1983; Müllner 2011), with
//! distances computed from centroids and weights when they are needed: for `n` leaves that takes
//! time `n²` but memory `n` only, where a table of distances would take `n²` of both. Above a bound
//! on the rows the leaves are micro-clusters, k-means centroids with the number of their rows as
//! weight (as in BIRCH; Zhang, Ramakrishnan and Livny 1996).
//!
//! To open one cluster of any other method, fit its rows alone and `cut`.

mod chain;
mod leaves;

use crate::agglomerative::chain::nearest_neighbour_chain;
use crate::agglomerative::leaves::Leaves;
use crate::clustering::check::{require_positive, require_rows};
use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;
use crate::state::{State, StateReader, StateWriter, invalid, require};

/// Most leaves of a dendrogram: with 20 columns that takes about seven seconds.
const N_LEAVES_MAX: usize = 32_768;

/// What the caller chooses about an agglomeration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgglomerativeParams {
    /// Number of clusters that `labels` and `predict` speak of, at least 1; `cut` gives any other.
    pub n_clusters: usize,
    /// Number of rows up to which each row is a leaf, at most 32 768 (5 000, say).
    pub n_rows_max: usize,
    /// Number of leaves above it, at least `n_clusters` and at most 32 768 (500, say).
    pub n_micro_clusters: usize,
    /// Seed of the micro-clusters; nothing else is left to chance.
    pub seed: u64,
}

/// One step of an agglomeration. Leaves are nodes `0..n_leaves`, the merge at position `i` makes node
/// `n_leaves + i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The lower-numbered node merged.
    pub first: usize,
    /// The other one.
    pub second: usize,
    /// Square root of twice the inertia that the merge adds; the distance, for two single rows.
    pub height: f64,
    /// Number of rows in the new node.
    pub n_rows: usize,
}

/// A fitted agglomeration. Clusters are numbered from the largest to the smallest, equally large
/// ones by their first row.
///
/// ```
/// use throng_learn::{AgglomerativeParams, Matrix};
///
/// let matrix = Matrix::new(1, vec![0.0, 1.0, 10.0, 11.5, 30.0])?;
/// let params = AgglomerativeParams { n_clusters: 2, n_rows_max: 1000, n_micro_clusters: 100, seed: 1 };
/// let model = params.fit(&matrix)?;
/// assert_eq!(model.labels(), &[0, 0, 0, 0, 1]);
/// assert_eq!(model.cut(3)?, &[0, 0, 1, 1, 2]);
/// assert_eq!(model.merges()[1].height, 1.5);
/// assert_eq!(model.predict(&Matrix::new(1, vec![25.0])?)?, vec![1]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Agglomerative {
    leaves: Leaves,
    merges: Vec<Merge>,
    n_clusters: usize,
    labels: Vec<usize>,
    leaf_labels: Vec<usize>,
}

impl AgglomerativeParams {
    /// Fits the dendrogram to the rows of `matrix`, all of which must be finite.
    pub fn fit(&self, matrix: &Matrix) -> Result<Agglomerative, LearnError> {
        require_positive(&[("n_clusters", self.n_clusters), ("n_rows_max", self.n_rows_max)])?;
        for (parameter, value) in [("n_rows_max", self.n_rows_max), ("n_micro_clusters", self.n_micro_clusters)] {
            if value > N_LEAVES_MAX {
                let found = real(value);
                return Err(LearnError::InvalidParameter { parameter, found, allowed: "at most 32768" });
            }
        }
        if self.n_micro_clusters < self.n_clusters {
            return Err(LearnError::InvalidParameter {
                parameter: "n_micro_clusters",
                found: real(self.n_micro_clusters),
                allowed: "at least n_clusters",
            });
        }
        require_rows("agglomerate", matrix, self.n_clusters)?;
        let leaves = if matrix.n_rows() <= self.n_rows_max {
            Leaves::rows(matrix)
        } else {
            Leaves::micro_clusters(matrix, self.n_micro_clusters, self.seed)?
        };
        let merges = dendrogram(&leaves, nearest_neighbour_chain(&leaves));
        let mut model =
            Agglomerative { leaves, merges, n_clusters: self.n_clusters, labels: Vec::new(), leaf_labels: Vec::new() };
        model.leaf_labels = model.cut_leaves(self.n_clusters)?;
        model.labels = model.of_rows(&model.leaf_labels);
        Ok(model)
    }
}

impl Agglomerative {
    /// Returns the number of columns it reads.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.leaves.n_columns()
    }

    /// Returns the number of clusters that `labels` and `predict` speak of.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// Returns the cluster of each fitted row.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the number of leaves: the fitted rows, or the micro-clusters that stand for them.
    #[must_use]
    pub fn n_leaves(&self) -> usize {
        self.leaves.n_leaves()
    }

    /// Returns the merges from the lowest to the highest, one less than there are leaves.
    #[must_use]
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Returns the cluster of each fitted row when the dendrogram is cut into `n_clusters`. What is
    /// one cluster of the cut into fewer is opened, the others stay as they are.
    pub fn cut(&self, n_clusters: usize) -> Result<Vec<usize>, LearnError> {
        require_positive(&[("n_clusters", n_clusters)])?;
        Ok(self.of_rows(&self.cut_leaves(n_clusters)?))
    }

    /// Returns for each row the cluster of the leaf nearest to it.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        let leaf_idxs = self.leaves.nearest(matrix)?;
        Ok(leaf_idxs.into_iter().map(|leaf_idx| self.leaf_labels[leaf_idx]).collect())
    }

    fn of_rows(&self, leaf_labels: &[usize]) -> Vec<usize> {
        self.leaves.leaf_of_row().iter().map(|&leaf_idx| leaf_labels[leaf_idx]).collect()
    }

    fn cut_leaves(&self, n_clusters: usize) -> Result<Vec<usize>, LearnError> {
        if self.merges.len() + 1 < self.n_leaves() {
            return Err(invalid("the dendrogram, which no state keeps,"));
        }
        // Equal leaves cannot be told apart, so their merges are never undone.
        let n_equal = self.merges.iter().filter(|merge| merge.height <= 0.0).count();
        let n_distinct = self.n_leaves() - n_equal;
        if n_clusters > n_distinct {
            return Err(LearnError::TooFewDistinctRows { n_clusters, n_distinct });
        }
        let mut forest = Forest::new(self.n_leaves());
        for merge in &self.merges[..self.n_leaves() - n_clusters] {
            forest.join(merge.first, merge.second);
        }
        let roots: Vec<usize> = (0..self.n_leaves()).map(|leaf_idx| forest.root(leaf_idx)).collect();
        Ok(self.leaves.numbered_by_size(&roots))
    }
}

/// Sorts the merges by height and numbers their nodes.
fn dendrogram(leaves: &Leaves, mut pairs: Vec<chain::Pair>) -> Vec<Merge> {
    // Stable: of equal heights the one found first, so that parts come before wholes.
    pairs.sort_by(|a, b| a.height.total_cmp(&b.height));
    let n_leaves = leaves.n_leaves();
    let mut forest = Forest::new(n_leaves);
    let mut n_rows: Vec<usize> = leaves.weights().to_vec();
    pairs
        .into_iter()
        .map(|pair| {
            let (a, b) = (forest.root(pair.first), forest.root(pair.second));
            forest.join(a, b);
            n_rows.push(n_rows[a] + n_rows[b]);
            Merge { first: a.min(b), second: a.max(b), height: pair.height, n_rows: n_rows[a] + n_rows[b] }
        })
        .collect()
}

/// Nodes and the node each has become part of; joining two makes a new one.
struct Forest {
    parents: Vec<usize>,
}

impl Forest {
    fn new(n_leaves: usize) -> Forest {
        Forest { parents: (0..n_leaves).collect() }
    }

    fn root(&mut self, node: usize) -> usize {
        let mut root = node;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        let mut below = node;
        while self.parents[below] != root {
            below = std::mem::replace(&mut self.parents[below], root);
        }
        root
    }

    fn join(&mut self, first: usize, second: usize) {
        let node = self.parents.len();
        self.parents.push(node);
        self.parents[first] = node;
        self.parents[second] = node;
    }
}

/// What it takes to predict: the points of the leaves and their clusters. The dendrogram is of the rows
/// it was fitted to, and is not kept.
impl State for Agglomerative {
    fn write(&self, writer: &mut StateWriter) {
        self.leaves.points().write(writer);
        self.n_clusters.write(writer);
        writer.items(&self.leaf_labels);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (points, n_clusters) = State::read(reader)?;
        let leaves = Leaves::of_points(points);
        let leaf_labels: Vec<usize> = reader.items(leaves.n_leaves())?;
        require(leaf_labels.iter().all(|label| *label < n_clusters), "the cluster of a leaf")?;
        Ok(Agglomerative { leaves, merges: Vec::new(), n_clusters, labels: Vec::new(), leaf_labels })
    }
}
