//! K-prototypes: k-means for rows that have categories beside their numbers (Huang 1998). A cluster's
//! prototype is the mean of its rows' numbers and the most frequent of their categories; a row is as
//! far from it as the squared distance of the numbers plus `γ` for each category that differs.
//!
//! The first start is that of Cao, Liang and Bai (2009): the row whose categories are the most
//! frequent, then rows far from those chosen and yet of frequent categories. Further starts draw rows
//! with a probability proportional to their distance (Arthur and Vassilvitskii 2007). All prototypes
//! move at once after each assignment, so the order of the rows does not matter. Sums are taken over
//! fixed chunks and combined in order: the bytes do not depend on the number of threads.

mod mixed;
mod refine;
mod start;

use std::cmp::Ordering;

use crate::clustering::check::{require_positive, require_rows};
use crate::clustering::chunks::sum_chunks;
use crate::error::LearnError;
use crate::k_prototypes::refine::{Restart, nearest_rows, refine};
use crate::k_prototypes::start::{cao_start, drawn_start};
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::generator;

pub use mixed::MixedMatrix;

/// How much a differing category counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CategoryWeight {
    /// Half the mean standard deviation of the numeric columns, as Huang proposes; 1 if all of them
    /// are constant.
    HalfDeviation,
    /// As much as this squared distance, above 0.
    Fixed(f64),
}

/// What the caller chooses about a k-prototypes fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KPrototypesParams {
    /// Number of clusters, at least 1.
    pub n_clusters: usize,
    /// How much a differing category counts.
    pub category_weight: CategoryWeight,
    /// Number of starts, at least 1; the least cost wins.
    pub n_init: usize,
    /// Number of refinements after which a start stops even if it still moves, at least 1.
    pub n_iter_max: usize,
    /// Seed of the starts after the first, which leaves nothing to chance.
    pub seed: u64,
}

/// A fitted k-prototypes model. Clusters are numbered from the largest to the smallest.
///
/// ```
/// use throng_learn::{CategoryWeight, KPrototypesParams, Matrix, MixedMatrix};
///
/// let numbers = Matrix::new(1, vec![0.0, 0.2, 0.1, 0.2, 0.1])?;
/// let rows = MixedMatrix::new(numbers, &[vec![7, 7, 3, 3, 3]])?;
/// let params = KPrototypesParams {
///     n_clusters: 2,
///     category_weight: CategoryWeight::HalfDeviation,
///     n_init: 1,
///     n_iter_max: 50,
///     seed: 1,
/// };
/// let model = params.fit(&rows)?;
/// assert_eq!(model.labels(), &[1, 1, 0, 0, 0]);
/// assert_eq!(model.modes(0), &[3]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KPrototypes {
    prototypes: Prototypes,
    gamma: f64,
    labels: Vec<usize>,
    sizes: Vec<usize>,
    cost: f64,
    n_iter: usize,
}

/// The middle of each cluster.
#[derive(Debug, Clone, PartialEq)]
struct Prototypes {
    means: Matrix,
    /// The most frequent category of each categorical column, cluster after cluster.
    modes: Vec<u32>,
}

impl KPrototypesParams {
    /// Fits the model to the rows.
    pub fn fit(&self, rows: &MixedMatrix) -> Result<KPrototypes, LearnError> {
        require_positive(&[("n_clusters", self.n_clusters), ("n_init", self.n_init), ("n_iter_max", self.n_iter_max)])?;
        require_rows("fit k-prototypes", rows.numeric(), self.n_clusters)?;
        let gamma = self.gamma(rows)?;
        let mut best: Option<Restart> = None;
        for start_idx in 0..self.n_init {
            let prototypes = if start_idx == 0 {
                cao_start(rows, self.n_clusters, gamma)?
            } else {
                let stream = u64::try_from(start_idx).unwrap_or(u64::MAX);
                drawn_start(rows, self.n_clusters, gamma, &mut generator(self.seed, stream))?
            };
            let restart = refine(rows, prototypes, gamma, self.n_iter_max)?;
            let is_better = best.as_ref().is_none_or(|best| restart.cost < best.cost);
            // Equal cost: the earlier start.
            if is_better && !restart.sizes.contains(&0) {
                best = Some(restart);
            }
        }
        match best {
            Some(restart) => Ok(KPrototypes::from_restart(restart, gamma)),
            None => Err(LearnError::EmptyCluster { n_clusters: self.n_clusters }),
        }
    }

    fn gamma(&self, rows: &MixedMatrix) -> Result<f64, LearnError> {
        match self.category_weight {
            CategoryWeight::HalfDeviation => {
                let half = deviation_mean(rows.numeric()) / 2.0;
                Ok(if half > 0.0 { half } else { 1.0 })
            }
            CategoryWeight::Fixed(gamma) if gamma > 0.0 && gamma.is_finite() => Ok(gamma),
            CategoryWeight::Fixed(gamma) => Err(LearnError::InvalidParameter {
                parameter: "category_weight",
                found: gamma,
                allowed: "finite and above 0",
            }),
        }
    }
}

/// Returns the mean standard deviation of the columns.
fn deviation_mean(matrix: &Matrix) -> f64 {
    let n_rows = real(matrix.n_rows());
    let n_columns = matrix.n_columns();
    let sums = |term: &(dyn Fn(usize, f64) -> f64 + Sync)| {
        sum_chunks(matrix, n_columns, |_, chunk, sums| {
            for row in chunk.chunks_exact(n_columns) {
                for (column_idx, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += term(column_idx, f64::from(value));
                }
            }
        })
    };
    let means: Vec<f64> = sums(&|_, value| value).iter().map(|sum| sum / n_rows).collect();
    let squares = sums(&|column_idx, value| (value - means[column_idx]).powi(2));
    squares.iter().map(|square| (square / n_rows).sqrt()).sum::<f64>() / real(n_columns)
}

impl KPrototypes {
    /// Renumbers the clusters by size, then by prototype.
    fn from_restart(restart: Restart, gamma: f64) -> KPrototypes {
        let prototypes = restart.prototypes;
        let n_clusters = restart.sizes.len();
        let mut order: Vec<usize> = (0..n_clusters).collect();
        order.sort_by(|&a, &b| {
            restart.sizes[b].cmp(&restart.sizes[a]).then_with(|| prototypes.compare(a, b)).then(a.cmp(&b))
        });
        let mut new_label = vec![0; n_clusters];
        for (label, &old) in order.iter().enumerate() {
            new_label[old] = label;
        }
        KPrototypes {
            labels: restart.labels.iter().map(|&old| new_label[old]).collect(),
            sizes: order.iter().map(|&old| restart.sizes[old]).collect(),
            prototypes: Prototypes {
                means: prototypes.means.take(&order),
                modes: order.iter().flat_map(|&old| prototypes.modes(old)).copied().collect(),
            },
            gamma,
            cost: restart.cost,
            n_iter: restart.n_iter,
        }
    }

    /// Returns the number of clusters.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.sizes.len()
    }

    /// Returns the means of the numeric columns, one row per cluster.
    #[must_use]
    pub fn means(&self) -> &Matrix {
        &self.prototypes.means
    }

    /// Returns the most frequent category of each categorical column in a cluster.
    #[must_use]
    pub fn modes(&self, cluster: usize) -> &[u32] {
        self.prototypes.modes(cluster)
    }

    /// Returns the cluster of each fitted row.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the number of fitted rows in each cluster, none of them 0.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Returns how much a differing category counts.
    #[must_use]
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Returns the sum of the fitted rows' distances from their prototypes.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost
    }

    /// Returns how many refinements the winning start took.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Returns the cluster whose prototype is nearest to each row; of equally near ones the
    /// one whose mean, or else mode, is smaller. A category never seen differs from all prototypes.
    pub fn predict(&self, rows: &MixedMatrix) -> Result<Vec<usize>, LearnError> {
        rows.numeric().require_columns(self.prototypes.means.n_columns())?;
        let expected = self.prototypes.n_categorical();
        if rows.n_categorical() != expected {
            let found = rows.n_categorical();
            return Err(LearnError::ShapeMismatch { what: "the list of categorical columns", expected, found });
        }
        rows.numeric().require_finite()?;
        Ok(nearest_rows(rows, &self.prototypes, self.gamma).into_iter().map(|(label, _)| label).collect())
    }
}

impl Prototypes {
    /// Returns prototypes equal to the given rows.
    fn of_rows(rows: &MixedMatrix, row_idxs: &[usize]) -> Prototypes {
        Prototypes {
            means: rows.numeric().take(row_idxs),
            modes: row_idxs.iter().flat_map(|&row_idx| rows.categories(row_idx)).copied().collect(),
        }
    }

    fn n_categorical(&self) -> usize {
        self.modes.len() / self.means.n_rows()
    }

    fn modes(&self, cluster: usize) -> &[u32] {
        let n_categorical = self.n_categorical();
        &self.modes[cluster * n_categorical..(cluster + 1) * n_categorical]
    }

    fn distance(&self, cluster: usize, numbers: &[f32], categories: &[u32], gamma: f64) -> f64 {
        let pairs = numbers.iter().zip(self.means.row(cluster));
        let squared: f64 = pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
        let n_differing = categories.iter().zip(self.modes(cluster)).filter(|(a, b)| a != b).count();
        squared + gamma * real(n_differing)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let pairs = self.means.row(a).iter().zip(self.means.row(b));
        let by_mean = pairs.map(|(x, y)| x.total_cmp(y)).find(|ordering| ordering.is_ne());
        by_mean.unwrap_or(Ordering::Equal).then_with(|| self.modes(a).cmp(self.modes(b)))
    }
}
