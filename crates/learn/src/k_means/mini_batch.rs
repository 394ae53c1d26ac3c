//! Mini-batch k-means (Sculley 2010): centroids follow small samples of the rows, each at a rate
//! that falls with the rows it has seen. Much less work than full passes, for a little more inertia.

use rand::Rng;

use crate::distance::PackedPoints;
use crate::error::LearnError;
use crate::k_means::init::seed_centroids;
use crate::k_means::lloyd::{assigned, nearest_rows};
use crate::k_means::pass::squared_distance;
use crate::k_means::{KMeans, check_parameters, require_finite};
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::random::generator;

/// What the caller chooses about a mini-batch fit.
///
/// ```
/// use throng_learn::{Matrix, MiniBatchKMeansParams};
///
/// let values = (0..4000_u16).map(|idx| f32::from(idx % 2 * 10 + idx % 7)).collect();
/// let params = MiniBatchKMeansParams { n_clusters: 2, n_init: 3, batch_n_rows: 256, n_batches_max: 50, seed: 7 };
/// let model = params.fit(&Matrix::new(1, values)?)?;
/// assert!((model.centroids().row(0)[0] - model.centroids().row(1)[0]).abs() > 9.0);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiniBatchKMeansParams {
    /// Number of clusters, at least 1.
    pub n_clusters: usize,
    /// Number of seedings on different samples, at least 1; the one of least inertia on a further
    /// sample is followed.
    pub n_init: usize,
    /// Rows in a batch, at least 1 (1024, say).
    pub batch_n_rows: usize,
    /// Batches after which the fit ends even if the inertia still falls, at least 1.
    pub n_batches_max: usize,
    /// Seed of all chance in the fit.
    pub seed: u64,
}

/// Centroids that follow the rows they are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct MiniBatchKMeans {
    centroids: Matrix,
    /// Rows each centroid has seen.
    n_seen: Vec<usize>,
}

/// Rows of the sample that is seeded on, in batches and at least per cluster (as scikit-learn).
const SEEDING_N_BATCHES: usize = 3;
/// Batches without a new least smoothed inertia after which the fit ends (as scikit-learn).
const N_BATCHES_WITHOUT_GAIN: usize = 10;

impl MiniBatchKMeansParams {
    /// Fits the centroids to batches drawn from the rows of `matrix`, then assigns all rows to them.
    pub fn fit(&self, matrix: &Matrix) -> Result<KMeans, LearnError> {
        let batch = ("batch_n_rows", self.batch_n_rows);
        let counts = [("n_clusters", self.n_clusters), ("n_init", self.n_init), batch];
        check_parameters(&counts)?;
        check_parameters(&[("n_batches_max", self.n_batches_max)])?;
        if matrix.n_rows() < self.n_clusters {
            return Err(LearnError::TooFewRows {
                attempt: "fit k-means",
                n_rows: matrix.n_rows(),
                n_rows_needed: self.n_clusters,
            });
        }
        require_finite(matrix)?;
        let mut model = MiniBatchKMeans::new(&self.seeded(matrix)?)?;
        let mut generator = generator(self.seed, 1);
        let (mut smoothed, mut least, mut n_without_gain) = (None, f64::INFINITY, 0);
        // scikit-learn's weight of one batch in the smoothed inertia.
        let weight = (2.0 * real(self.batch_n_rows) / (real(matrix.n_rows()) + 1.0)).min(1.0);
        for _ in 0..self.n_batches_max {
            let drawn: Vec<usize> =
                (0..self.batch_n_rows).map(|_| generator.random_range(0..matrix.n_rows())).collect();
            let inertia = model.follow(&matrix.take(&drawn));
            let now = smoothed.map_or(inertia, |former: f64| former + (inertia - former) * weight);
            smoothed = Some(now);
            n_without_gain = if now < least { 0 } else { n_without_gain + 1 };
            least = least.min(now);
            if n_without_gain == N_BATCHES_WITHOUT_GAIN {
                break;
            }
        }
        let restart = assigned(matrix, model.centroids)?;
        if restart.sizes.contains(&0) {
            return Err(LearnError::EmptyCluster { n_clusters: self.n_clusters });
        }
        Ok(KMeans::from_restart(restart))
    }

    /// Returns the best of several seedings, each on its own sample, judged by another one.
    fn seeded(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        let n_rows = (SEEDING_N_BATCHES * self.batch_n_rows.max(self.n_clusters)).min(matrix.n_rows());
        let sample = |generator: &mut rand_chacha::ChaCha8Rng| {
            let all = n_rows == matrix.n_rows();
            let drawn: Vec<usize> =
                (0..n_rows).map(|idx| if all { idx } else { generator.random_range(0..matrix.n_rows()) }).collect();
            matrix.take(&drawn)
        };
        let judge = sample(&mut generator(self.seed, 0));
        let mut best: Option<(f64, Matrix)> = None;
        for (_, stream) in (0..self.n_init).zip(2_u64..) {
            let mut generator = generator(self.seed, stream);
            let (centroids, _) = seed_centroids(&sample(&mut generator), self.n_clusters, &mut generator)?;
            let inertia = batch_inertia(&judge, &centroids).1;
            if best.as_ref().is_none_or(|(least, _)| inertia < *least) {
                best = Some((inertia, centroids));
            }
        }
        best.map(|(_, centroids)| centroids).ok_or(LearnError::EmptyCluster { n_clusters: self.n_clusters })
    }
}

impl MiniBatchKMeans {
    /// Returns the model that starts from `centroids`, no row seen yet.
    pub fn new(centroids: &Matrix) -> Result<MiniBatchKMeans, LearnError> {
        centroids.require_finite()?;
        if centroids.n_rows() == 0 {
            return Err(LearnError::TooFewRows { attempt: "start mini-batches", n_rows: 0, n_rows_needed: 1 });
        }
        Ok(MiniBatchKMeans { n_seen: vec![0; centroids.n_rows()], centroids: centroids.clone() })
    }

    /// Lets the centroids follow the rows of a batch.
    pub fn partial_fit(&mut self, batch: &Matrix) -> Result<(), LearnError> {
        batch.require_columns(self.centroids.n_columns())?;
        batch.require_finite()?;
        self.follow(batch);
        Ok(())
    }

    /// Returns the centroids as they are now, one row per cluster.
    #[must_use]
    pub fn centroids(&self) -> &Matrix {
        &self.centroids
    }

    /// Follows a batch and returns the mean squared distance of its rows before that.
    fn follow(&mut self, batch: &Matrix) -> f64 {
        let n_columns = batch.n_columns();
        let (labels, inertia) = batch_inertia(batch, &self.centroids);
        let mut sums = vec![0.0_f64; self.centroids.values().len()];
        let mut sizes = vec![0_usize; self.n_seen.len()];
        for (row, &label) in batch.rows().zip(&labels) {
            sizes[label] += 1;
            for (sum, &value) in sums[label * n_columns..].iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        let mut values = self.centroids.values().to_vec();
        for (label, centroid) in values.chunks_exact_mut(n_columns).enumerate() {
            self.n_seen[label] += sizes[label];
            if sizes[label] == 0 {
                continue;
            }
            // Every row moves it by the reciprocal of the rows seen so far: all together, at once.
            for (value, sum) in centroid.iter_mut().zip(&sums[label * n_columns..]) {
                let pull = sum - real(sizes[label]) * f64::from(*value);
                *value = single(f64::from(*value) + pull / real(self.n_seen[label]));
            }
        }
        if let Ok(centroids) = Matrix::new(n_columns, values) {
            self.centroids = centroids;
        }
        inertia / real(batch.n_rows().max(1))
    }
}

/// Returns the nearest centroid to each row, and the sum of the squared distances.
fn batch_inertia(batch: &Matrix, centroids: &Matrix) -> (Vec<usize>, f64) {
    let labels = nearest_rows(batch, &PackedPoints::new(centroids));
    let squared = batch.rows().zip(&labels).map(|(row, &label)| squared_distance(row, centroids.row(label)));
    let inertia = squared.sum();
    (labels, inertia)
}
