//! Gaussian mixture: the density of the rows as a weighted sum of bells, so that clusters may be
//! stretched and of different sizes, memberships are probabilities, and a row can be too far out
//! for any of them.
//!
//! Fitted by expectation and maximisation (Dempster, Laird and Rubin 1977) with densities in
//! logarithms, the best of several starts (McLachlan and Peel 2000, §2.12): the first from a k-means
//! fit, the others from its seeding. As in scikit-learn, a floor is added to every variance, so that
//! no bell collapses onto equal rows.
//!
//! Rows pass in blocks that fit the nearest cache, both steps at once, in `f32` about the centre of
//! the columns; each block's sums go to `f64`. Chunks of rows are fixed and combined in order: the
//! bytes of the answer do not depend on the number of threads.

mod block;
mod diagonal;
mod exponential;
mod full;
mod kernel;
mod state;

use crate::clustering::check::{require_not_negative, require_positive, require_rows};
use crate::clustering::chunks::sum_chunks;
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::matrix::Matrix;
use crate::membership::Memberships;
use crate::mixture::block::Block;
use crate::mixture::full::triangular;
use crate::mixture::kernel::Kernel;
use crate::number::{real, single};
use crate::random::derived_seed;

/// Refinements of the k-means fit that the first start is made of; it need not be at rest.
const FIRST_START_N_ITER_MAX: usize = 50;
/// Refinements for the others: k-means at rest is nearly the same each time, and may be far from the
/// best mixture where clusters are stretched.
const OTHER_START_N_ITER_MAX: usize = 1;
/// Least covariance floor: its inverse must be an `f32`.
const COVARIANCE_FLOOR_MIN: f64 = 1e-30;

/// Greatest value that can be fitted: the sum of a block's squares must be an `f32`.
const VALUE_MAX: f32 = 1e15;

/// How the columns of one component vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covariance {
    /// Each by itself: bells are stretched along the columns only.
    Diagonal,
    /// Together: bells are stretched in any direction. Costs the square of the columns.
    Full,
}

/// What the caller chooses about a Gaussian mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianMixtureParams {
    /// Number of components, at least 1.
    pub n_components: usize,
    /// How the columns of one component vary.
    pub covariance: Covariance,
    /// Added to every variance, above 0 (1e-6 for scaled columns, say).
    pub covariance_floor: f64,
    /// Number of starts, at least 1; the greatest likelihood wins.
    pub n_init: usize,
    /// Number of steps after which a start stops even if it still gains, at least 1.
    pub n_iter_max: usize,
    /// Gain in mean log-likelihood per row below which a start has converged (1e-3, say).
    pub tolerance: f64,
    /// Seed of all chance in the fit.
    pub seed: u64,
}

/// A fitted Gaussian mixture. Components are numbered from the heaviest to the lightest.
///
/// ```
/// use throng_learn::{Covariance, GaussianMixtureParams, Matrix};
///
/// let matrix = Matrix::new(1, vec![0.0, 0.1, 0.2, 9.0, 9.1])?;
/// let params = GaussianMixtureParams {
///     n_components: 2,
///     covariance: Covariance::Diagonal,
///     covariance_floor: 1e-6,
///     n_init: 2,
///     n_iter_max: 100,
///     tolerance: 1e-4,
///     seed: 7,
/// };
/// let model = params.fit(&matrix)?;
/// assert_eq!(model.labels(), &[0, 0, 0, 1, 1]);
/// assert!((model.mean(1)[0] - 9.05).abs() < 1e-5);
/// let scores = model.score_samples(&Matrix::new(1, vec![0.1, 30.0])?)?;
/// assert!(scores[1] < scores[0] - 100.0);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    components: Components,
    kernel: Kernel,
    labels: Vec<usize>,
    log_likelihood: f64,
    n_iter: usize,
    convergence: Convergence,
}

/// Whether a fit came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convergence {
    /// The last step gained less than the tolerance.
    Converged,
    /// The steps allowed were used up first.
    StoppedAtMax,
}

/// Weights, means and covariances.
#[derive(Debug, Clone, PartialEq)]
struct Components {
    covariance: Covariance,
    n_columns: usize,
    weights: Vec<f64>,
    means: Vec<f64>,
    /// For each component its variances, or the lower triangle of its covariance.
    spreads: Vec<f64>,
}

/// The outcome of one start.
struct Start {
    components: Components,
    log_likelihood: f64,
    n_iter: usize,
    convergence: Convergence,
}

impl GaussianMixtureParams {
    /// Fits the mixture to the rows of `matrix`, all of which must be finite.
    pub fn fit(&self, matrix: &Matrix) -> Result<GaussianMixture, LearnError> {
        self.check(matrix)?;
        let moments = ColumnMoments::of(matrix);
        let mut best: Option<Start> = None;
        for start_idx in 0..self.n_init {
            let stream = u64::try_from(start_idx).unwrap_or(u64::MAX);
            let k_means = KMeansParams {
                n_clusters: self.n_components,
                n_init: 1,
                n_iter_max: if start_idx == 0 { FIRST_START_N_ITER_MAX } else { OTHER_START_N_ITER_MAX },
                tolerance: 1e-4,
                seed: derived_seed(self.seed, stream),
            };
            let clusters = k_means.fit(matrix)?;
            let round = self.round(clusters.centroids(), &moments);
            let kernel = Kernel::new(&round, &moments.centre);
            let sums = kernel.pass_labelled(matrix, clusters.labels());
            let components = kernel.maximise(&sums, &round, self.covariance_floor);
            let start = self.climb(matrix, &moments.centre, components);
            // Equal likelihood: the earlier start.
            if best.as_ref().is_none_or(|best| start.log_likelihood > best.log_likelihood) {
                best = Some(start);
            }
        }
        match best {
            Some(start) => GaussianMixture::from_start(matrix, &moments.centre, start),
            None => Err(LearnError::InvalidParameter { parameter: "n_init", found: 0.0, allowed: "at least 1" }),
        }
    }

    /// Fits the mixture from the components of a former fit: to carry it over to more or newer rows.
    pub fn fit_from(&self, matrix: &Matrix, former: &GaussianMixture) -> Result<GaussianMixture, LearnError> {
        self.check(matrix)?;
        matrix.require_columns(former.components.n_columns)?;
        self.require_components(former.n_components())?;
        if former.components.covariance != self.covariance {
            return Err(LearnError::ShapeMismatch {
                what: "the covariance of the former components",
                expected: self.covariance.n_values(matrix.n_columns()),
                found: former.components.covariance.n_values(matrix.n_columns()),
            });
        }
        let centre = ColumnMoments::of(matrix).centre;
        let start = self.climb(matrix, &centre, former.components.clone());
        GaussianMixture::from_start(matrix, &centre, start)
    }

    /// Fits the mixture from the given means, with equal weights and the variances of the columns.
    pub fn fit_from_means(&self, matrix: &Matrix, means: &Matrix) -> Result<GaussianMixture, LearnError> {
        self.check(matrix)?;
        means.require_finite()?;
        means.require_columns(matrix.n_columns())?;
        self.require_components(means.n_rows())?;
        let moments = ColumnMoments::of(matrix);
        let start = self.climb(matrix, &moments.centre, self.round(means, &moments));
        GaussianMixture::from_start(matrix, &moments.centre, start)
    }

    fn require_components(&self, found: usize) -> Result<(), LearnError> {
        if found == self.n_components {
            return Ok(());
        }
        Err(LearnError::ShapeMismatch { what: "the list of first components", expected: self.n_components, found })
    }

    fn check(&self, matrix: &Matrix) -> Result<(), LearnError> {
        require_positive(&[
            ("n_components", self.n_components),
            ("n_init", self.n_init),
            ("n_iter_max", self.n_iter_max),
        ])?;
        require_not_negative("tolerance", self.tolerance)?;
        if !(self.covariance_floor >= COVARIANCE_FLOOR_MIN && self.covariance_floor.is_finite()) {
            return Err(LearnError::InvalidParameter {
                parameter: "covariance_floor",
                found: self.covariance_floor,
                allowed: "finite and at least 1e-30",
            });
        }
        require_rows("fit a Gaussian mixture", matrix, self.n_components)?;
        match matrix.values().iter().find(|value| value.abs() > VALUE_MAX) {
            None => Ok(()),
            Some(&value) => Err(LearnError::InvalidParameter {
                parameter: "matrix",
                found: f64::from(value),
                allowed: "without values beyond 1e15",
            }),
        }
    }

    /// Returns components of equal weight around the given means.
    fn round(&self, means: &Matrix, moments: &ColumnMoments) -> Components {
        let n_columns = means.n_columns();
        let mut spread = vec![0.0; self.covariance.n_values(n_columns)];
        for (column_idx, variance) in moments.variances.iter().enumerate() {
            let at = match self.covariance {
                Covariance::Diagonal => column_idx,
                Covariance::Full => triangular(column_idx, column_idx),
            };
            spread[at] = variance + self.covariance_floor;
        }
        Components {
            covariance: self.covariance,
            n_columns,
            weights: vec![1.0 / real(self.n_components); self.n_components],
            means: means.values().iter().map(|&value| f64::from(value)).collect(),
            spreads: spread.repeat(self.n_components),
        }
    }

    /// Takes steps until they no longer gain.
    fn climb(&self, matrix: &Matrix, centre: &[f32], mut components: Components) -> Start {
        let n_rows = real(matrix.n_rows());
        let mut former = f64::NEG_INFINITY;
        let mut convergence = Convergence::StoppedAtMax;
        let mut n_iter = 0;
        while n_iter < self.n_iter_max {
            let kernel = Kernel::new(&components, centre);
            let pass = kernel.pass(matrix);
            let log_likelihood = pass.log_likelihood / n_rows;
            components = kernel.maximise(&pass, &components, self.covariance_floor);
            n_iter += 1;
            if (log_likelihood - former).abs() < self.tolerance {
                convergence = Convergence::Converged;
                break;
            }
            former = log_likelihood;
        }
        let log_likelihood = Kernel::new(&components, centre).log_likelihood(matrix);
        Start { components, log_likelihood, n_iter, convergence }
    }
}

impl GaussianMixture {
    fn from_start(matrix: &Matrix, centre: &[f32], start: Start) -> Result<GaussianMixture, LearnError> {
        let components = start.components.sorted();
        let kernel = Kernel::new(&components, centre);
        let mut model = GaussianMixture {
            components,
            kernel,
            labels: Vec::new(),
            log_likelihood: start.log_likelihood,
            n_iter: start.n_iter,
            convergence: start.convergence,
        };
        model.labels = model.predict(matrix)?;
        Ok(model)
    }

    /// Returns the number of components.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.components.weights.len()
    }

    /// Returns the number of columns it reads.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.components.n_columns
    }

    /// Returns the share of the rows that each component accounts for.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.components.weights
    }

    /// Returns the mean of a component, one value per column.
    #[must_use]
    pub fn mean(&self, component: usize) -> &[f64] {
        self.components.mean(component)
    }

    /// Returns the covariance of a component: the variance of each column for the diagonal shape,
    /// the whole matrix row after row for the full one.
    #[must_use]
    pub fn covariance(&self, component: usize) -> Vec<f64> {
        let spread = self.components.spread(component);
        let n_columns = self.components.n_columns;
        match self.components.covariance {
            Covariance::Diagonal => spread.to_vec(),
            Covariance::Full => (0..n_columns * n_columns)
                .map(|idx| (idx / n_columns, idx % n_columns))
                .map(|(row, column)| spread[triangular(row.max(column), row.min(column))])
                .collect(),
        }
    }

    /// Returns the likeliest component of each fitted row.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the logarithm of the fitted rows' likelihood, summed over the rows.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Returns how many steps the winning start took.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Returns whether the winning start came to rest.
    #[must_use]
    pub fn convergence(&self) -> Convergence {
        self.convergence
    }

    /// Returns the number of free parameters.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        let n_columns = self.components.n_columns;
        let n_own = n_columns + self.components.covariance.n_values(n_columns);
        self.n_components() * n_own + self.n_components() - 1
    }

    /// Returns the Bayesian information criterion on the fitted rows (Schwarz 1978); less is better.
    #[must_use]
    pub fn bic(&self) -> f64 {
        real(self.n_parameters()) * real(self.labels.len()).ln() - 2.0 * self.log_likelihood
    }

    /// Returns the Akaike information criterion on the fitted rows (1974); less is better.
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * real(self.n_parameters()) - 2.0 * self.log_likelihood
    }

    /// Returns the likeliest component of each row; of equally likely ones the first.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        self.check(matrix)?;
        Ok(self.kernel.read_rows(matrix, Block::append_likeliest))
    }

    /// Returns the probability of each component for each row: `n_rows` by `n_components`, each row
    /// adding up to exactly 1 from left to right.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        self.check(matrix)?;
        let shares = self.kernel.read_rows(matrix, Block::append_shares);
        Ok(Memberships::normalised(self.n_components(), shares))
    }

    /// Returns the log density of each row under the mixture: the lower, the farther out the row is.
    pub fn score_samples(&self, matrix: &Matrix) -> Result<Vec<f64>, LearnError> {
        self.check(matrix)?;
        Ok(self.kernel.read_rows(matrix, Block::append_log_likelihoods))
    }

    fn check(&self, matrix: &Matrix) -> Result<(), LearnError> {
        matrix.require_columns(self.components.n_columns)?;
        matrix.require_finite()
    }
}

impl Covariance {
    /// Returns how many values describe the covariance of one component.
    fn n_values(self, n_columns: usize) -> usize {
        match self {
            Covariance::Diagonal => n_columns,
            Covariance::Full => triangular(n_columns, 0),
        }
    }
}

impl Components {
    fn mean(&self, component: usize) -> &[f64] {
        &self.means[component * self.n_columns..(component + 1) * self.n_columns]
    }

    fn mean_mut(&mut self, component: usize) -> &mut [f64] {
        &mut self.means[component * self.n_columns..(component + 1) * self.n_columns]
    }

    fn spread(&self, component: usize) -> &[f64] {
        let n_values = self.covariance.n_values(self.n_columns);
        &self.spreads[component * n_values..(component + 1) * n_values]
    }

    fn spread_mut(&mut self, component: usize) -> &mut [f64] {
        let n_values = self.covariance.n_values(self.n_columns);
        &mut self.spreads[component * n_values..(component + 1) * n_values]
    }

    /// Returns the components from the heaviest to the lightest, equally heavy ones by their means.
    fn sorted(self) -> Components {
        let mut order: Vec<usize> = (0..self.weights.len()).collect();
        order.sort_by(|&a, &b| {
            let by_weight = self.weights[b].total_cmp(&self.weights[a]);
            let pairs = self.mean(a).iter().zip(self.mean(b));
            let by_mean = pairs.map(|(x, y)| x.total_cmp(y)).find(|ordering| ordering.is_ne());
            by_weight.then(by_mean.unwrap_or(a.cmp(&b)))
        });
        Components {
            weights: order.iter().map(|&component| self.weights[component]).collect(),
            means: order.iter().flat_map(|&component| self.mean(component)).copied().collect(),
            spreads: order.iter().flat_map(|&component| self.spread(component)).copied().collect(),
            covariance: self.covariance,
            n_columns: self.n_columns,
        }
    }
}

/// Where the columns lie and how they vary.
struct ColumnMoments {
    centre: Vec<f32>,
    variances: Vec<f64>,
}

impl ColumnMoments {
    fn of(matrix: &Matrix) -> ColumnMoments {
        let n_rows = real(matrix.n_rows());
        let means = column_sums(matrix, |_, value| value);
        let centre: Vec<f32> = means.iter().map(|sum| single(sum / n_rows)).collect();
        let squares = column_sums(matrix, |column_idx, value| (value - f64::from(centre[column_idx])).powi(2));
        ColumnMoments { variances: squares.iter().map(|sum| sum / n_rows).collect(), centre }
    }
}

fn column_sums(matrix: &Matrix, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    sum_chunks(matrix, matrix.n_columns(), |_, chunk, sums| {
        for row in chunk.chunks_exact(matrix.n_columns()) {
            for (column_idx, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                *sum += term(column_idx, f64::from(value));
            }
        }
    })
}
