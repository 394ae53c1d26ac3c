//! From groups to clusters anyone can be assigned to: the space that tells the groups apart best
//! (Fisher 1936, Rao 1948), where the common covariance within groups is a unit ball, and the
//! centroids in it. Groups and space settle together: rows go to the nearest centroid there, which
//! moves the space.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::distance::PackedPoints;
use crate::eigen::eigen;
use crate::error::LearnError;
use crate::linear::{Factor, Square, add_product, covariance_within, dot, finish, group_means, shrunk, zeros};
use crate::matrix::Matrix;
use crate::number::real;
use crate::projection::Projection;

/// Rounds of settling; the groups come from valleys, so few rows move.
const N_ROUNDS: usize = 5;
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
    means: Vec<Vec<f64>>,
    factor: Factor,
    /// Squared distance from the nearest mean, in deviations of all columns, beyond which a row is
    /// of no group.
    squared_max: f64,
}

impl Discriminant {
    /// Fits the space to groups of the rows of `matrix`, at least two of them.
    pub(crate) fn fit(matrix: &Matrix, labels: &[usize], n_groups: usize) -> Result<Discriminant, LearnError> {
        let mut labels = labels.to_vec();
        let mut found = Discriminant::of(matrix, &labels, n_groups)?;
        for _ in 0..N_ROUNDS {
            let moved = found.predict(matrix)?;
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
        let within = shrunk(covariance_within(matrix, &groups, &means), matrix.n_rows());
        let factor = Factor::new(&within);
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
        let mut fitted = Discriminant { projection, centroids, means, factor, squared_max: f64::INFINITY };
        fitted.squared_max = fitted.reach(matrix);
        Ok(fitted)
    }

    /// Returns the nearest group of every row.
    pub(crate) fn predict(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        let packed = PackedPoints::new(&self.centroids);
        Ok(self.projection.transform(matrix)?.rows().map(|row| packed.nearest(row).0).collect())
    }

    /// Returns whether each row is near enough to a group to be of it.
    pub(crate) fn within_reach(&self, matrix: &Matrix) -> Vec<bool> {
        matrix.rows().map(|row| self.squared_distance(row) <= self.squared_max).collect()
    }

    /// Returns the squared distance to the nearest mean in deviations of all columns.
    fn squared_distance(&self, row: &[f32]) -> f64 {
        let squared = self.means.iter().map(|mean| {
            let away: Vec<f64> = row.iter().zip(mean).map(|(&value, mean)| f64::from(value) - mean).collect();
            let whitened = self.factor.whitened(&away);
            dot(&whitened, &whitened)
        });
        squared.fold(f64::INFINITY, f64::min)
    }

    /// Returns the squared distance that all but [`BEYOND_SHARE`] of normal rows stay within; its scale
    /// is taken from the quartiles, which outliers do not move, and is wider for heavier tails.
    fn reach(&self, matrix: &Matrix) -> f64 {
        let mut squared: Vec<f64> = matrix.rows().map(|row| self.squared_distance(row)).collect();
        squared.sort_by(f64::total_cmp);
        let Ok(normal) = ChiSquared::new(real(matrix.n_columns())) else { return f64::INFINITY };
        let scale = [0.5, 0.75, 0.9].map(|share| {
            let at = crate::number::position(share * real(squared.len()), squared.len() - 1);
            squared[at] / normal.inverse_cdf(share)
        });
        normal.inverse_cdf(1.0 - BEYOND_SHARE) * scale.into_iter().fold(0.0, f64::max)
    }
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
