//! What a pass over the rows leaves behind: each cluster's rows, summed exactly, and how many they
//! are. From that, and nothing else, come the next centroids.

use crate::k_means::exact::ExactSums;
use crate::matrix::Matrix;
use crate::number::{count, real, single};

/// Sums and counts of the rows of each cluster, or how they changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClusterSums {
    pub(super) sums: ExactSums,
    pub(super) sizes: Vec<i64>,
}

impl ClusterSums {
    /// Returns the sums of no rows around `centroids`.
    pub(super) fn zero(centroids: &Matrix) -> ClusterSums {
        let n_clusters = centroids.n_rows();
        let magnitude = centroids.values().iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        ClusterSums { sums: ExactSums::zero(n_clusters, centroids.n_columns(), magnitude), sizes: vec![0; n_clusters] }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, cluster: usize, row: &[f32]) {
        self.sums.add(cluster, row);
        self.sizes[cluster] += 1;
    }

    #[inline(always)]
    pub(super) fn subtract(&mut self, cluster: usize, row: &[f32]) {
        self.sums.subtract(cluster, row);
        self.sizes[cluster] -= 1;
    }

    pub(super) fn merge(&mut self, other: ClusterSums) {
        self.sums.merge(other.sums);
        for (size, part) in self.sizes.iter_mut().zip(&other.sizes) {
            *size += part;
        }
    }

    /// Returns whether some cluster has no rows.
    pub(super) fn any_empty(&self) -> bool {
        self.sizes.contains(&0)
    }

    /// Gives each empty cluster a row: those farthest from their centroids, at most one of each
    /// cluster that can spare one. `farthest` holds each cluster's farthest row and its distance.
    pub(super) fn repair_empty(&mut self, farthest: &[Option<FarthestRow>]) {
        let mut donors: Vec<(usize, &FarthestRow)> =
            farthest.iter().enumerate().filter_map(|(cluster, row)| Some((cluster, row.as_ref()?))).collect();
        donors.retain(|&(cluster, _)| self.sizes[cluster] > 1);
        donors.sort_by(|(_, a), (_, b)| b.order(a));
        let empty: Vec<usize> = (0..self.sizes.len()).filter(|&cluster| self.sizes[cluster] == 0).collect();
        for (cluster, (donor, farthest)) in empty.into_iter().zip(donors) {
            self.subtract(donor, &farthest.row);
            self.add(cluster, &farthest.row);
        }
    }

    /// Returns the means; a cluster without rows keeps its former centroid.
    pub(super) fn means(&self, former: &Matrix) -> Vec<Vec<f64>> {
        let mean = |(cluster, former): (usize, &[f32])| {
            let size = self.sizes[cluster];
            if size == 0 {
                return former.iter().map(|&value| f64::from(value)).collect();
            }
            let sums = self.sums.group(cluster);
            sums.into_iter().map(|sum| sum / real(count(size))).collect()
        };
        former.rows().enumerate().map(mean).collect()
    }

    /// Returns the variance of a column, averaged over the columns, given the means of the clusters
    /// and the inertia around the `former` centroids that the rows were assigned to: the scatter
    /// within clusters and between them (Huygens), so that no pass over the rows is needed.
    pub(super) fn mean_variance(&self, former: &Matrix, means: &[Vec<f64>], inertia: f64) -> f64 {
        let n_columns = former.n_columns();
        let n_rows: f64 = self.sizes.iter().map(|&size| real(count(size))).sum();
        let mut middle = vec![0.0; n_columns];
        for (mean, &size) in means.iter().zip(&self.sizes) {
            for (middle, mean) in middle.iter_mut().zip(mean) {
                *middle += mean * real(count(size)) / n_rows;
            }
        }
        let mut scatter = inertia;
        for ((mean, &size), former) in means.iter().zip(&self.sizes).zip(former.rows()) {
            for ((mean, middle), &former) in mean.iter().zip(&middle).zip(former) {
                let (between, moved) = (mean - middle, mean - f64::from(former));
                scatter += real(count(size)) * (between * between - moved * moved);
            }
        }
        scatter.max(0.0) / n_rows / real(n_columns)
    }
}

/// Returns the means as centroids.
pub(super) fn centroids(means: &[Vec<f64>], n_columns: usize) -> Matrix {
    let values = means.iter().flatten().map(|&value| single(value)).collect();
    // The means of finite rows are finite, and there is one per cluster and column.
    Matrix::new(n_columns, values).unwrap_or_else(|_| unreachable!("there is a column"))
}

/// Returns how far each centroid moved.
pub(super) fn movements(former: &Matrix, moved: &Matrix) -> Vec<f64> {
    let squared = |(former, moved): (&[f32], &[f32])| -> f64 {
        former.iter().zip(moved).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
    };
    former.rows().zip(moved.rows()).map(squared).map(f64::sqrt).collect()
}

/// A row and its squared distance to its centroid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FarthestRow {
    pub(super) squared: f32,
    pub(super) row: Vec<f32>,
}

impl FarthestRow {
    /// Compares by distance, then by the values: rows that are equal in both are the same row.
    fn order(&self, other: &FarthestRow) -> std::cmp::Ordering {
        let values = || {
            let pairs = self.row.iter().zip(&other.row);
            pairs.map(|(a, b)| a.total_cmp(b)).find(|ordering| ordering.is_ne())
        };
        let by_distance = self.squared.total_cmp(&other.squared);
        by_distance.then_with(|| values().unwrap_or(std::cmp::Ordering::Equal))
    }

    /// Keeps the farther of two.
    pub(super) fn keep(farthest: &mut Option<FarthestRow>, candidate: FarthestRow) {
        if farthest.as_ref().is_none_or(|kept| candidate.order(kept).is_gt()) {
            *farthest = Some(candidate);
        }
    }
}
