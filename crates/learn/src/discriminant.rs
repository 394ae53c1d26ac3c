//! From groups to clusters anyone can be assigned to. Every group is a normal cluster of its own share,
//! mean and covariance, the latter drawn towards the common one as far as it is little known
//! (regularised discriminant analysis, Friedman 1989); rows go to the most probable, which moves the
//! groups, until they rest (classification EM, Celeux and Govaert 1992).
//!
//! Beside it, the linear space that tells the groups apart best (Fisher 1936, Rao 1948), where the
//! common covariance is a unit ball, and the centroids in it.

use rayon::prelude::{ParallelIterator, ParallelSlice};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::eigen::eigen;
use crate::error::LearnError;
use crate::linear::{Factor, Square, add_product, covariance_within, finish, group_means, shrunk, zeros};
use crate::matrix::Matrix;
use crate::number::real;
use crate::projection::Projection;

/// Rows assigned by one thread at a time.
const CHUNK_N_ROWS: usize = 4096;
/// Rounds of settling; the groups come from valleys, so few rows move.
const N_ROUNDS: usize = 5;
/// Rows per column that the common covariance counts beside a group's own.
const COMMON_ROWS_PER_COLUMN: f64 = 10.0;
/// Share of a normal group's own rows that would be called too far from it.
const BEYOND_SHARE: f64 = 1e-4;
/// Between-group variance of a dimension, as a share of the first's, below which it tells nothing.
const SHARE_MIN: f64 = 1e-6;

/// Groups of rows in the space that tells them apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Discriminant {
    pub(crate) projection: Projection,
    /// One row per group, in the projection's space.
    pub(crate) centroids: Matrix,
    clusters: Vec<Cluster>,
    /// Squared distance from its cluster's mean, in the cluster's deviations, beyond which a row is of
    /// none.
    squared_max: f64,
}

/// A normal cluster.
#[derive(Debug, Clone, PartialEq)]
struct Cluster {
    mean: Vec<f64>,
    factor: Factor,
    /// What is added to the squared distance for the cluster's size and extent.
    penalty: f64,
}

impl Discriminant {
    /// Fits the space to groups of the rows of `matrix`, at least two of them.
    pub(crate) fn fit(matrix: &Matrix, labels: &[usize], n_groups: usize) -> Result<Discriminant, LearnError> {
        let mut labels = labels.to_vec();
        let mut found = Discriminant::of(matrix, &labels, n_groups)?;
        for _ in 0..N_ROUNDS {
            let moved = found.predict(matrix);
            let emptied = (0..n_groups).any(|group| !moved.contains(&group));
            if emptied || moved == labels {
                break;
            }
            labels = moved;
            found = Discriminant::of(matrix, &labels, n_groups)?;
        }
        Ok(found)
    }

    fn of(matrix: &Matrix, labels: &[usize], n_groups: usize) -> Result<Discriminant, LearnError> {
        let groups: Vec<Option<usize>> = labels.iter().map(|&label| Some(label)).collect();
        let (means, sizes) = group_means(matrix, &groups, n_groups);
        let within = covariance_within(matrix, &groups, &means);
        let factor = Factor::new(&shrunk(within.clone(), matrix.n_rows()));
        let n_rows = real(matrix.n_rows());
        let mut centre = vec![0.0; matrix.n_columns()];
        for (mean, &size) in means.iter().zip(&sizes) {
            for (sum, value) in centre.iter_mut().zip(mean) {
                *sum += value * real(size) / n_rows;
            }
        }
        let found = eigen(&between(&means, &centre, &factor));
        let least = SHARE_MIN * found.values.first().copied().unwrap_or(0.0);
        let kept = found.values.iter().zip(&found.vectors).take(n_groups - 1);
        let directions: Vec<Vec<f64>> = kept
            .enumerate()
            .filter(|&(idx, (&value, _))| idx == 0 || value > least)
            .map(|(_, (_, vector))| factor.transposed_solve(vector))
            .collect();
        let projection = Projection::new(centre, directions);
        let rows = Matrix::new(
            matrix.n_columns(),
            means.iter().flatten().map(|&value| crate::number::single(value)).collect(),
        )?;
        let centroids = projection.transform(&rows)?;
        let clusters = (0..n_groups).map(|group| {
            let own: Vec<Option<usize>> = labels.iter().map(|&label| (label == group).then_some(0)).collect();
            let covariance = covariance_within(matrix, &own, &means[group..=group]);
            let factor = Factor::new(&shrunk(drawn_towards(covariance, &within, sizes[group]), matrix.n_rows()));
            let penalty = factor.log_determinant() - 2.0 * (real(sizes[group]) / n_rows).ln();
            Cluster { mean: means[group].clone(), factor, penalty }
        });
        let clusters = clusters.collect();
        let mut fitted = Discriminant { projection, centroids, clusters, squared_max: f64::INFINITY };
        fitted.squared_max = fitted.reach(matrix);
        Ok(fitted)
    }

    /// Returns the most probable group of every row.
    pub(crate) fn predict(&self, matrix: &Matrix) -> Vec<usize> {
        matrix.rows().map(|row| self.most_probable(row).0).collect()
    }

    /// Returns the most probable group of every row, `None` for a row too far from it.
    pub(crate) fn predict_within_reach(&self, matrix: &Matrix) -> Vec<Option<usize>> {
        let chunk = CHUNK_N_ROWS * matrix.n_columns();
        let chunks = matrix.values().par_chunks(chunk);
        chunks
            .flat_map_iter(|values| {
                values.chunks_exact(matrix.n_columns()).map(|row| {
                    let (group, squared) = self.most_probable(row);
                    (squared <= self.squared_max).then_some(group)
                })
            })
            .collect()
    }

    /// Returns the most probable group of a row, and the squared distance from its mean.
    fn most_probable(&self, row: &[f32]) -> (usize, f64) {
        let mut best = (0, f64::INFINITY, f64::INFINITY);
        let (mut away, mut whitened) = (Vec::with_capacity(row.len()), Vec::with_capacity(row.len()));
        for (group, cluster) in self.clusters.iter().enumerate() {
            away.clear();
            away.extend(row.iter().zip(&cluster.mean).map(|(&value, mean)| f64::from(value) - mean));
            let squared = cluster.factor.squared_length_within(&away, (cluster.penalty, best.1), &mut whitened);
            if squared + cluster.penalty < best.1 {
                best = (group, squared + cluster.penalty, squared);
            }
        }
        (best.0, best.2)
    }

    /// Returns the squared distance that all but [`BEYOND_SHARE`] of normal rows stay within; its scale
    /// is taken from the quartiles, which outliers do not move, and is wider for heavier tails.
    fn reach(&self, matrix: &Matrix) -> f64 {
        let mut squared: Vec<f64> = matrix.rows().map(|row| self.most_probable(row).1).collect();
        squared.sort_by(f64::total_cmp);
        let Ok(normal) = ChiSquared::new(real(matrix.n_columns())) else { return f64::INFINITY };
        let scale = [0.5, 0.75, 0.9].map(|share| {
            let at = crate::number::position(share * real(squared.len()), squared.len() - 1);
            squared[at] / normal.inverse_cdf(share)
        });
        normal.inverse_cdf(1.0 - BEYOND_SHARE) * scale.into_iter().fold(0.0, f64::max)
    }
}

/// Returns a group's covariance drawn towards the common one.
fn drawn_towards(mut own: Square, common: &Square, n_rows: usize) -> Square {
    let n_common = COMMON_ROWS_PER_COLUMN * real(common.len());
    let weight = n_common / (n_common + real(n_rows));
    for (own, common) in own.iter_mut().flatten().zip(common.iter().flatten()) {
        *own += weight * (common - *own);
    }
    own
}

/// Returns the covariance of the group means in deviations, every group counting the same: weighting
/// by size would hide a small group's dimension.
fn between(means: &[Vec<f64>], centre: &[f64], factor: &Factor) -> Square {
    let mut scatter = zeros(centre.len());
    for mean in means {
        let away: Vec<f64> = mean.iter().zip(centre).map(|(a, b)| a - b).collect();
        add_product(&mut scatter, &factor.whitened(&away));
    }
    finish(&mut scatter, real(means.len()));
    scatter
}
