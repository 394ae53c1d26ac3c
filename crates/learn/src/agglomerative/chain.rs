//! The nearest-neighbour chain (Benzécri 1982; Murtagh 1983): walk from a cluster to its nearest, on
//! to the nearest of that, until two are nearest to each other; merge them, and walk on from where
//! the chain then ends. Ward's distance is reducible, so the same merges come out as by always
//! taking the least distance, only in another order.

use crate::agglomerative::leaves::Leaves;
use crate::clustering::columns::Columns;
use crate::number::{real, single};

/// Clusters whose distances are on the stack at once.
const BLOCK_N_CLUSTERS: usize = 512;

/// Two clusters that were merged, each named by one of its leaves.
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) height: f64,
}

/// Returns the merges in the order in which they are found.
pub(super) fn nearest_neighbour_chain(leaves: &Leaves) -> Vec<Pair> {
    let mut clusters = Clusters::new(leaves);
    let mut pairs = Vec::with_capacity(leaves.n_leaves().saturating_sub(1));
    // Clusters are named by one of their leaves.
    let mut chain: Vec<usize> = Vec::new();
    while clusters.names.len() > 1 {
        let last = match chain.last() {
            Some(&last) => last,
            None => {
                chain.push(clusters.names[0]);
                clusters.names[0]
            }
        };
        let former = chain.len().checked_sub(2).map(|at| chain[at]);
        let nearest = clusters.nearest(last, former);
        if Some(nearest) == former {
            chain.truncate(chain.len() - 2);
            pairs.push(clusters.merge(nearest, last));
        } else {
            chain.push(nearest);
        }
    }
    pairs
}

/// The clusters that are left, without gaps.
struct Clusters {
    centroids: Columns,
    weights: Vec<f32>,
    names: Vec<usize>,
    /// Position of each name in the lists above.
    positions: Vec<usize>,
    n_columns: usize,
    exact_centroids: Vec<f64>,
    exact_weights: Vec<f64>,
}

/// A cluster and how far it is; the lesser name wins between equals.
#[derive(Clone, Copy)]
struct Neighbour {
    distance: f32,
    name: usize,
}

impl Neighbour {
    fn or(self, other: Neighbour) -> Neighbour {
        let nearer = other.distance < self.distance;
        let equal = other.distance <= self.distance && other.name < self.name;
        if nearer || equal { other } else { self }
    }
}

impl Clusters {
    fn new(leaves: &Leaves) -> Clusters {
        let means: Vec<f32> = leaves.means().iter().map(|&value| single(value)).collect();
        let rows: Vec<Vec<f32>> = (0..leaves.n_columns())
            .map(|column_idx| means.iter().skip(column_idx).step_by(leaves.n_columns()).copied().collect())
            .collect();
        // A leaf without rows weighs as much as one row.
        let exact_weights: Vec<f64> = leaves.weights().iter().map(|&weight| real(weight.max(1))).collect();
        Clusters {
            centroids: Columns::from_columns(rows),
            weights: exact_weights.iter().map(|&weight| single(weight)).collect(),
            names: (0..leaves.n_leaves()).collect(),
            positions: (0..leaves.n_leaves()).collect(),
            n_columns: leaves.n_columns(),
            exact_centroids: leaves.means().to_vec(),
            exact_weights,
        }
    }

    /// Returns the nearest other cluster; of equally near ones the former, then the least name.
    fn nearest(&self, name: usize, former: Option<usize>) -> usize {
        let position = self.positions[name];
        let mut point = vec![0.0; self.n_columns];
        self.centroids.read_row(position, &mut point);
        let nearest = self.nearest_other(position, &point);
        let Some(former) = former else { return nearest.name };
        let at = self.positions[former];
        let mut squared = [0.0_f32];
        self.centroids.squared_distances(&point, at, &mut squared);
        let distance = self.ward(position, at, squared[0]);
        if distance <= nearest.distance { former } else { nearest.name }
    }

    /// Returns the nearest other cluster. One thread does it: a step takes microseconds, and waiting
    /// for another thread takes longer.
    fn nearest_other(&self, position: usize, point: &[f32]) -> Neighbour {
        let mut nearest = Neighbour { distance: f32::INFINITY, name: usize::MAX };
        let mut squared = [0.0_f32; BLOCK_N_CLUSTERS];
        let own = self.weights[position];
        let own_name = self.names[position];
        for start in (0..self.names.len()).step_by(BLOCK_N_CLUSTERS) {
            let n_clusters = BLOCK_N_CLUSTERS.min(self.names.len() - start);
            let squared = &mut squared[..n_clusters];
            self.centroids.squared_distances(point, start, squared);
            for (distance, &weight) in squared.iter_mut().zip(&self.weights[start..]) {
                *distance *= own * weight / (own + weight);
            }
            if (start..start + n_clusters).contains(&position) {
                squared[position - start] = f32::INFINITY;
            }
            let least = squared.iter().copied().fold(f32::INFINITY, f32::min);
            if least <= nearest.distance {
                let names = &self.names[start..start + n_clusters];
                let others = names.iter().zip(squared.iter()).filter(|&(&name, _)| name != own_name);
                nearest = others.fold(nearest, |nearest, (&name, &distance)| nearest.or(Neighbour { distance, name }));
            }
        }
        nearest
    }

    fn ward(&self, first: usize, second: usize, squared: f32) -> f32 {
        let (a, b) = (self.weights[first], self.weights[second]);
        squared * (a * b / (a + b))
    }

    /// Merges two clusters into one of the second's name.
    fn merge(&mut self, first: usize, second: usize) -> Pair {
        let (a, b) = (self.exact_weights[first], self.exact_weights[second]);
        let mut squared = 0.0;
        let mut merged = vec![0.0_f32; self.n_columns];
        for (column_idx, merged) in merged.iter_mut().enumerate() {
            let from = self.exact_centroids[first * self.n_columns + column_idx];
            let to = &mut self.exact_centroids[second * self.n_columns + column_idx];
            squared += (from - *to).powi(2);
            // The mean of two equal values is that value, to the last bit.
            *to += (from - *to) * (a / (a + b));
            *merged = single(*to);
        }
        self.exact_weights[second] = a + b;
        let position = self.positions[second];
        self.centroids.write_row(position, &merged);
        self.weights[position] = single(a + b);
        self.remove(first);
        Pair { first, second, height: (2.0 * a * b / (a + b) * squared).sqrt() }
    }

    fn remove(&mut self, name: usize) {
        let position = self.positions[name];
        self.centroids.swap_remove(position);
        self.weights.swap_remove(position);
        self.names.swap_remove(position);
        if let Some(&moved) = self.names.get(position) {
            self.positions[moved] = position;
        }
    }
}
