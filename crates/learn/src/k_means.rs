//! K-means: `k` centroids such that the rows lie near one of them.
//!
//! Seeding is greedy k-means++ (Arthur and Vassilvitskii 2007, with twice the candidates per
//! step that scikit-learn draws), refinement is Lloyd's (1982) with a bound that spares most
//! distances (Hamerly 2010), and the best of several restarts is kept. The sums of the clusters are
//! exact and every distance is computed by the same operations on every processor, so the bytes of
//! the answer depend neither on the threads nor on the machine. For rows beyond memory there are
//! passes ([`KMeansPass`]) and mini-batches ([`MiniBatchKMeans`]).

mod exact;
mod init;
mod lloyd;
mod mini_batch;
mod pass;
mod sums;

use rayon::prelude::{IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator, ParallelSlice};

use crate::distance::PackedPoints;
use crate::error::LearnError;
use crate::matrix::{Matrix, check_row};
use crate::number::real;
use crate::random::derived_seed;
use crate::state::{State, StateReader, StateWriter, require};

pub use mini_batch::{MiniBatchKMeans, MiniBatchKMeansParams};
pub use pass::{KMeansPass, KMeansStep};

/// What the caller chooses about a k-means fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KMeansParams {
    /// Number of clusters, at least 1.
    pub n_clusters: usize,
    /// Number of restarts from different seedings, at least 1; the least inertia wins.
    pub n_init: usize,
    /// Number of refinements after which a restart stops even if it still moves, at least 1.
    pub n_iter_max: usize,
    /// Summed squared movement of the centroids, relative to the mean variance of the columns,
    /// at or below which a restart has converged.
    pub tolerance: f64,
    /// Seed of all chance in the fit.
    pub seed: u64,
}

/// Rows from which on restarts run one after the other, all threads on one: more restarts at a time
/// would need as many times the memory.
const N_ROWS_ONE_BY_ONE: usize = 1 << 16;

/// A fitted k-means model. Clusters are numbered from the largest to the smallest.
///
/// ```
/// use throng_learn::{KMeansParams, Matrix};
///
/// let matrix = Matrix::new(1, vec![0.0, 0.1, 0.2, 9.0, 9.1])?;
/// let params = KMeansParams { n_clusters: 2, n_init: 4, n_iter_max: 50, tolerance: 1e-4, seed: 7 };
/// let model = params.fit(&matrix)?;
/// assert_eq!(model.labels(), &[0, 0, 0, 1, 1]);
/// assert_eq!(model.predict(&Matrix::new(1, vec![8.0])?)?, vec![1]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    centroids: Matrix,
    packed: PackedPoints,
    labels: Vec<usize>,
    sizes: Vec<usize>,
    inertia: f64,
    n_iter: usize,
}

impl KMeansParams {
    /// Fits the model to the rows of `matrix`, all of which must be finite.
    pub fn fit(&self, matrix: &Matrix) -> Result<KMeans, LearnError> {
        self.check(matrix)?;
        let restart = |restart_idx: usize| {
            let stream = u64::try_from(restart_idx).unwrap_or(u64::MAX);
            let restart = lloyd::run_restart(matrix, self, derived_seed(self.seed, stream))?;
            Ok((!restart.sizes.contains(&0)).then_some((restart_idx, restart)))
        };
        let best = if matrix.n_rows() < N_ROWS_ONE_BY_ONE {
            (0..self.n_init).into_par_iter().map(restart).try_reduce(|| None, |a, b| Ok(better(a, b)))?
        } else {
            (0..self.n_init).map(restart).try_fold(None, |a, b| Ok(better(a, b?)))?
        };
        match best {
            Some((_, restart)) => Ok(KMeans::from_restart(restart)),
            None => Err(LearnError::EmptyCluster { n_clusters: self.n_clusters }),
        }
    }

    /// Fits the model by refining the given centroids, without seeding or restarts: to carry a fit
    /// over to more or newer rows.
    pub fn fit_from(&self, matrix: &Matrix, centroids: &Matrix) -> Result<KMeans, LearnError> {
        self.check_size(matrix)?;
        centroids.require_columns(matrix.n_columns())?;
        self.check_centroids(centroids)?;
        KMeans::of_populated(lloyd::refine(matrix, self, centroids.clone())?)
    }

    /// Fits the model to rows that need not be in memory nor on one machine, by refining the given
    /// centroids: `go_through` is handed a fresh [`KMeansPass`] for each iteration and returns it
    /// after all rows, in blocks and in any order, by itself or merged from several.
    ///
    /// The centroids, sizes and inertia are those of [`KMeansParams::fit_from`] on the same rows,
    /// bit for bit. The model has no labels: `predict` gives those of any block.
    pub fn fit_passes<E: From<LearnError>>(
        &self,
        centroids: &Matrix,
        mut go_through: impl FnMut(KMeansPass) -> Result<KMeansPass, E>,
    ) -> Result<KMeans, E> {
        self.check_parameters()?;
        self.check_centroids(centroids)?;
        let mut current = centroids.clone();
        let (mut n_iter, mut movement_max, mut resting) = (0, 0.0, false);
        let last = loop {
            let step = go_through(KMeansPass::new(&current)?)?.evaluate();
            let n_rows = step.sizes.iter().sum::<usize>();
            if n_rows < self.n_clusters {
                let n_rows_needed = self.n_clusters;
                return Err(LearnError::TooFewRows { attempt: "fit k-means", n_rows, n_rows_needed }.into());
            }
            if n_iter == 0 {
                movement_max = self.tolerance * step.mean_variance;
            }
            let settled = n_iter > 0 && step.movement <= 0.0;
            if resting || settled || n_iter == self.n_iter_max {
                break step;
            }
            resting = step.movement <= movement_max;
            current = step.centroids;
            n_iter += 1;
        };
        let (sizes, inertia) = (last.sizes, last.inertia);
        let restart = lloyd::Restart { centroids: current, labels: Vec::new(), sizes, inertia, n_iter };
        Ok(KMeans::of_populated(restart)?)
    }

    fn check_centroids(&self, centroids: &Matrix) -> Result<(), LearnError> {
        centroids.require_finite()?;
        if centroids.n_rows() != self.n_clusters {
            return Err(LearnError::ShapeMismatch {
                what: "the list of centroids",
                expected: self.n_clusters,
                found: centroids.n_rows(),
            });
        }
        Ok(())
    }

    fn check(&self, matrix: &Matrix) -> Result<(), LearnError> {
        self.check_size(matrix)?;
        require_finite(matrix)
    }

    fn check_size(&self, matrix: &Matrix) -> Result<(), LearnError> {
        self.check_parameters()?;
        if matrix.n_rows() < self.n_clusters {
            return Err(LearnError::TooFewRows {
                attempt: "fit k-means",
                n_rows: matrix.n_rows(),
                n_rows_needed: self.n_clusters,
            });
        }
        Ok(())
    }

    fn check_parameters(&self) -> Result<(), LearnError> {
        check_parameters(&[("n_clusters", self.n_clusters), ("n_init", self.n_init), ("n_iter_max", self.n_iter_max)])?;
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(LearnError::InvalidParameter {
                parameter: "tolerance",
                found: self.tolerance,
                allowed: "finite and not negative",
            });
        }
        Ok(())
    }
}

/// Checks that every count is at least 1.
fn check_parameters(counts: &[(&'static str, usize)]) -> Result<(), LearnError> {
    match counts.iter().find(|(_, count)| *count == 0) {
        None => Ok(()),
        Some(&(parameter, _)) => Err(LearnError::InvalidParameter { parameter, found: 0.0, allowed: "at least 1" }),
    }
}

/// A restart and which it is, if it kept every cluster populated.
type Attempt = Option<(usize, lloyd::Restart)>;

/// Returns the attempt of less inertia; of equals the earlier.
fn better(a: Attempt, b: Attempt) -> Attempt {
    match (a, b) {
        (Some(a), Some(b)) => {
            let order = a.1.inertia.total_cmp(&b.1.inertia).then(a.0.cmp(&b.0));
            Some(if order.is_le() { a } else { b })
        }
        (a, b) => a.or(b),
    }
}

/// As [`Matrix::require_finite`], on all threads.
fn require_finite(matrix: &Matrix) -> Result<(), LearnError> {
    let finite = matrix.values().par_chunks(lloyd::CHUNK_N_ROWS * matrix.n_columns()).all(lloyd::all_finite);
    if finite { Ok(()) } else { matrix.require_finite() }
}

impl KMeans {
    fn of_populated(restart: lloyd::Restart) -> Result<KMeans, LearnError> {
        if restart.sizes.contains(&0) {
            return Err(LearnError::EmptyCluster { n_clusters: restart.sizes.len() });
        }
        Ok(KMeans::from_restart(restart))
    }

    /// Renumbers the clusters by size, then by centroid, so that the numbers mean something and
    /// do not depend on which seed point came first.
    fn from_restart(restart: lloyd::Restart) -> KMeans {
        let n_clusters = restart.sizes.len();
        let mut order: Vec<usize> = (0..n_clusters).collect();
        order.sort_by(|&a, &b| {
            let by_size = restart.sizes[b].cmp(&restart.sizes[a]);
            by_size.then_with(|| {
                let pairs = restart.centroids.row(a).iter().zip(restart.centroids.row(b));
                pairs.map(|(x, y)| x.total_cmp(y)).find(|ordering| ordering.is_ne()).unwrap_or(a.cmp(&b))
            })
        });
        let mut new_label = vec![0; n_clusters];
        for (label, &old) in order.iter().enumerate() {
            new_label[old] = label;
        }
        let centroids = restart.centroids.take(&order);
        let mut labels = restart.labels;
        labels.par_iter_mut().for_each(|label| *label = new_label[*label]);
        KMeans {
            packed: PackedPoints::new(&centroids),
            centroids,
            labels,
            sizes: order.iter().map(|&old| restart.sizes[old]).collect(),
            inertia: restart.inertia,
            n_iter: restart.n_iter,
        }
    }

    /// Returns the centroids, one row per cluster.
    #[must_use]
    pub fn centroids(&self) -> &Matrix {
        &self.centroids
    }

    /// Returns the number of clusters.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.sizes.len()
    }

    /// Returns the cluster of each fitted row; none if the rows went by in passes.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the number of fitted rows in each cluster, none of them 0.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Returns the sum of the squared distances of the fitted rows to their centroids.
    #[must_use]
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Returns how many refinements the winning restart took.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Returns the fitted rows' share in the smallest cluster.
    #[must_use]
    pub fn share_min(&self) -> f64 {
        let size_min = self.sizes.iter().copied().min().unwrap_or(0);
        real(size_min) / real(self.sizes.iter().sum())
    }

    /// Returns the cluster nearest to each row; of equally near ones the first.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        matrix.require_columns(self.centroids.n_columns())?;
        require_finite(matrix)?;
        Ok(lloyd::nearest_rows(matrix, &self.packed))
    }

    /// Returns the cluster nearest to one row, the same as in a matrix. `squared` is scratch space.
    pub fn predict_row(&self, row: &[f32], squared: &mut Vec<f32>) -> Result<usize, LearnError> {
        check_row(row, self.centroids.n_columns())?;
        squared.clear();
        squared.resize(self.n_clusters(), 0.0);
        self.packed.squared_distances(row, squared);
        let mut nearest = 0;
        for (cluster, distance) in squared.iter().enumerate() {
            if *distance < squared[nearest] {
                nearest = cluster;
            }
        }
        Ok(nearest)
    }

    /// Returns the Euclidean distances of each row to each centroid: `n_rows` by `n_clusters`.
    pub fn distances(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        matrix.require_columns(self.centroids.n_columns())?;
        matrix.require_finite()?;
        let mut distances = vec![0.0_f32; matrix.n_rows() * self.n_clusters()];
        for (row, target) in matrix.rows().zip(distances.chunks_exact_mut(self.n_clusters())) {
            self.packed.squared_distances(row, target);
            for distance in target {
                *distance = distance.sqrt();
            }
        }
        Matrix::new(self.n_clusters(), distances)
    }
}

/// Without the labels of the fitted rows.
impl State for KMeans {
    fn write(&self, writer: &mut StateWriter) {
        self.centroids.write(writer);
        self.sizes.write(writer);
        self.inertia.write(writer);
        self.n_iter.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (centroids, sizes): (Matrix, Vec<usize>) = State::read(reader)?;
        require(!sizes.is_empty() && sizes.len() == centroids.n_rows(), "the sizes of clusters")?;
        let (inertia, n_iter) = State::read(reader)?;
        Ok(KMeans { packed: PackedPoints::new(&centroids), centroids, labels: Vec::new(), sizes, inertia, n_iter })
    }
}
