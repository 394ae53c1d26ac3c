//! Soft membership: how much of each cluster a row has, and how much of none.
//!
//! The method is a mixture with one round component per fitted centroid. The squared distance `D`
//! of a cluster's own rows to their centroid is treated as a scaled chi-square variable whose mean
//! `m` and degrees of freedom `ν` are matched to what was seen (Satterthwaite 1946, Welch):
//! `ν = 2m² / var(D)`. For a round normal cluster `ν` is the number of columns and this is the usual
//! mixture; when columns within a cluster are correlated `ν` is smaller and memberships softer,
//! where the usual mixture would be sure of everything. The log density at `D` is then
//! `log share − ν/2 · (log m + D/m)`, and responsibilities `r` are its normalised exponentials.
//!
//! The last column is *unassigned*. Each component has a flat companion that is as dense as the
//! component at its `reach`, the squared distance that all but a chosen share of its own rows stay
//! within. So a row keeps `r / (1 + exp(ν/2 · (D − reach)/m))` of each cluster: nearly all of it
//! inside, half at the reach, nothing far away; the rest is unassigned.

use crate::error::LearnError;
use crate::k_means::KMeans;
use crate::matrix::Matrix;
use crate::number::{position, real};

/// What the caller chooses about membership.
///
/// The method is a mixture of round components around the centroids, whose squared distances are
/// treated as scaled chi-square variables with matched mean and degrees of freedom; what lies beyond
/// the distances seen in a component itself goes to *unassigned*.
///
/// ```
/// use throng_learn::{KMeansParams, Matrix, MembershipParams};
///
/// let matrix = Matrix::new(1, vec![0.0, 0.1, 0.2, 0.3, 9.0, 9.1, 9.2])?;
/// let params = KMeansParams { n_clusters: 2, n_init: 4, n_iter_max: 50, tolerance: 1e-4, seed: 7 };
/// let model = params.fit(&matrix)?;
/// let membership = MembershipParams { reach_share: 0.99 }.fit(&model, &matrix)?;
/// let found = membership.predict_proba(&Matrix::new(1, vec![9.1, 60.0])?)?;
/// assert!(found.row(0)[1] > 0.7);
/// assert!(found.row(1)[2] > 0.99);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MembershipParams {
    /// Share of each cluster's own rows within its reach, between 0.5 and 1 (0.99, say).
    pub reach_share: f64,
}

/// A fitted mixture around the centroids of a k-means model.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipModel {
    model: KMeans,
    components: Vec<Component>,
}

/// One cluster's part in the mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Share of the rows.
    pub share: f64,
    /// Mean squared distance of its rows to the centroid.
    pub squared_mean: f64,
    /// Degrees of freedom of that distance.
    pub freedom: f64,
    /// Squared distance at which a row is as much outside as inside.
    pub reach: f64,
}

/// Memberships of many rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Memberships {
    n_columns: usize,
    values: Vec<f64>,
}

/// Least mean squared distance, relative to that of all clusters together: a cluster of equal rows
/// has none, and would claim nothing but its exact centroid.
const SQUARED_MEAN_SHARE_MIN: f64 = 1e-3;
/// Rows of the pooled estimate that each cluster's degrees of freedom are shrunk by: the variance of
/// a few squared distances says little.
const PRIOR_N_ROWS: f64 = 20.0;

impl MembershipParams {
    /// Fits the mixture to the rows of `matrix` around the centroids of `model`.
    pub fn fit(&self, model: &KMeans, matrix: &Matrix) -> Result<MembershipModel, LearnError> {
        if !(0.5 < self.reach_share && self.reach_share < 1.0) {
            return Err(LearnError::InvalidParameter {
                parameter: "reach_share",
                found: self.reach_share,
                allowed: "between 0.5 and 1",
            });
        }
        if matrix.n_rows() == 0 {
            return Err(LearnError::TooFewRows { attempt: "fit memberships", n_rows: 0, n_rows_needed: 1 });
        }
        let labels = model.predict(matrix)?;
        let distances = model.distances(matrix)?;
        let mut squared: Vec<Vec<f64>> = vec![Vec::new(); model.n_clusters()];
        for (row, &label) in distances.rows().zip(&labels) {
            squared[label].push(f64::from(row[label]).powi(2));
        }
        let pooled = Pooled::of(&squared);
        let components = squared.into_iter().map(|squared| self.component(squared, &pooled, matrix.n_rows())).collect();
        Ok(MembershipModel { model: model.clone(), components })
    }

    fn component(&self, mut squared: Vec<f64>, pooled: &Pooled, n_rows: usize) -> Component {
        let n_own = real(squared.len());
        // A cluster nobody is in any more keeps a trace, so that its logarithm is finite.
        let share = n_own.max(0.5) / real(n_rows);
        let (mean, variance) = mean_and_variance(&squared);
        let squared_mean = mean.max(SQUARED_MEAN_SHARE_MIN * pooled.mean).max(f64::MIN_POSITIVE);
        let relative = variance / squared_mean.powi(2);
        let weighted = n_own * relative + PRIOR_N_ROWS * pooled.relative_variance;
        let freedom = 2.0 * (n_own + PRIOR_N_ROWS) / weighted.max(f64::MIN_POSITIVE);
        squared.sort_by(f64::total_cmp);
        let last = squared.len().saturating_sub(1);
        let at = position((self.reach_share * real(last)).ceil(), last);
        let own_reach = squared.get(at).copied().unwrap_or(0.0);
        Component {
            share,
            squared_mean,
            freedom: freedom.min(FREEDOM_MAX),
            // At least twice the mean: the reach of a tiny cluster is no evidence.
            reach: own_reach.max(2.0 * squared_mean),
        }
    }
}

/// Bound of the degrees of freedom, reached when all of a cluster's rows are equally far out.
const FREEDOM_MAX: f64 = 1e3;

/// What is known of squared distances over all clusters.
struct Pooled {
    mean: f64,
    /// Variance within clusters relative to the squared mean of each.
    relative_variance: f64,
}

impl Pooled {
    fn of(squared: &[Vec<f64>]) -> Pooled {
        let n_rows = real(squared.iter().map(Vec::len).sum());
        let mean = squared.iter().flatten().sum::<f64>() / n_rows;
        let mut relative = 0.0;
        for cluster in squared {
            let (own_mean, variance) = mean_and_variance(cluster);
            if own_mean > 0.0 {
                relative += real(cluster.len()) / n_rows * variance / own_mean.powi(2);
            }
        }
        Pooled { mean, relative_variance: relative }
    }
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n_values = real(values.len().max(1));
    let mean = values.iter().sum::<f64>() / n_values;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, square / n_values)
}

impl MembershipModel {
    /// Returns the parts of the mixture, one per cluster.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Returns the model whose clusters these are memberships of.
    #[must_use]
    pub fn k_means(&self) -> &KMeans {
        &self.model
    }

    /// Returns the memberships of each row: `n_rows` by `n_clusters + 1`, the last being
    /// *unassigned*. They are not negative, and added from left to right they give exactly 1.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        let distances = self.model.distances(matrix)?;
        let mut values = Vec::with_capacity(matrix.n_rows() * (self.components.len() + 1));
        for row in distances.rows() {
            self.append_memberships(row, &mut values);
        }
        Ok(Memberships { n_columns: self.components.len() + 1, values })
    }

    fn append_memberships(&self, distances: &[f32], values: &mut Vec<f64>) {
        let start = values.len();
        let mut greatest = f64::NEG_INFINITY;
        for (&distance, component) in distances.iter().zip(&self.components) {
            let log_density = component.log_density(f64::from(distance).powi(2));
            greatest = greatest.max(log_density);
            values.push(log_density);
        }
        let mut total = 0.0;
        for value in &mut values[start..] {
            *value = (*value - greatest).exp();
            total += *value;
        }
        let row = distances.iter().zip(&self.components);
        for (value, (&distance, component)) in values[start..].iter_mut().zip(row) {
            *value = *value / total * component.share_inside(f64::from(distance).powi(2));
        }
        let mut assigned: f64 = left_to_right(&values[start..]);
        if assigned > 1.0 {
            // Rounding only: over k clusters, the two sums of k - 1 additions, the division and
            // the product are together off by less than k + 1 epsilons.
            let shrink = 1.0 - 2.0 * f64::EPSILON * real(distances.len() + 1);
            for value in &mut values[start..] {
                *value *= shrink;
            }
            assigned = left_to_right(&values[start..]);
        }
        assert!(assigned <= 1.0);
        // 1 - a is off by at most a quarter of an ulp of 1, so a + (1 - a) rounds to exactly 1.
        values.push(1.0 - assigned);
    }
}

fn left_to_right(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

impl Component {
    fn log_density(&self, squared: f64) -> f64 {
        let scale = self.squared_mean;
        // Where all rows lie on their centroids any other row is infinitely far from each of
        // them; a finite bound keeps the differences of logarithms numbers.
        (self.share.ln() - self.freedom / 2.0 * (scale.ln() + squared / scale)).max(f64::MIN)
    }

    fn share_inside(&self, squared: f64) -> f64 {
        let beyond = self.freedom / 2.0 * (squared - self.reach) / self.squared_mean;
        1.0 / (1.0 + beyond.exp())
    }
}

impl Memberships {
    /// Returns rows of `n_columns` shares, each row divided by its total, which is above 0, so that
    /// added from left to right they give exactly 1.
    pub(crate) fn normalised(n_columns: usize, mut values: Vec<f64>) -> Memberships {
        for row in values.chunks_exact_mut(n_columns) {
            let total = left_to_right(row);
            for value in row.iter_mut() {
                *value /= total;
            }
            let Some((last, others)) = row.split_last_mut() else { continue };
            if left_to_right(others) > 1.0 {
                // Rounding only, as in `append_memberships`.
                let shrink = 1.0 - 2.0 * f64::EPSILON * real(n_columns);
                for value in others.iter_mut() {
                    *value *= shrink;
                }
            }
            *last = 1.0 - left_to_right(others);
        }
        Memberships { n_columns, values }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    /// Returns the number of columns: the clusters and *unassigned*.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns the memberships of one row.
    #[must_use]
    pub fn row(&self, row_idx: usize) -> &[f64] {
        let start = row_idx * self.n_columns;
        &self.values[start..start + self.n_columns]
    }

    /// Returns the memberships row by row.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.n_columns)
    }
}
