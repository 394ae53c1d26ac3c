//! Assign every row to its nearest prototype, move every prototype to the middle of its rows, repeat.

use rayon::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::clustering::chunks::{CHUNK_N_ROWS, sum_chunks};
use crate::error::LearnError;
use crate::k_prototypes::Prototypes;
use crate::k_prototypes::mixed::{MixedMatrix, position_of};
use crate::matrix::Matrix;
use crate::number::single;

/// The outcome of one start.
pub(super) struct Restart {
    pub(super) prototypes: Prototypes,
    pub(super) labels: Vec<usize>,
    pub(super) sizes: Vec<usize>,
    pub(super) cost: f64,
    pub(super) n_iter: usize,
}

/// Refines the prototypes until no row changes its cluster.
pub(super) fn refine(
    rows: &MixedMatrix,
    mut prototypes: Prototypes,
    gamma: f64,
    n_iter_max: usize,
) -> Result<Restart, LearnError> {
    let n_clusters = prototypes.means.n_rows();
    let mut labels: Vec<usize> = Vec::new();
    let mut n_iter = 0;
    loop {
        let (new_labels, mut distances): (Vec<usize>, Vec<f64>) =
            nearest_rows(rows, &prototypes, gamma).into_iter().unzip();
        let settled = new_labels == labels;
        labels = new_labels;
        let mut sizes = sizes(&labels, n_clusters);
        if settled || n_iter == n_iter_max {
            let cost = distances.chunks(CHUNK_N_ROWS).map(|chunk| chunk.iter().sum::<f64>()).sum();
            return Ok(Restart { prototypes, labels, sizes, cost, n_iter });
        }
        fill_empty(&mut labels, &mut distances, &mut sizes);
        prototypes = middles(rows, &labels, &prototypes)?;
        n_iter += 1;
    }
}

/// Returns the nearest prototype of each row and how far it is; of equally near ones the first.
pub(super) fn nearest_rows(rows: &MixedMatrix, prototypes: &Prototypes, gamma: f64) -> Vec<(usize, f64)> {
    let nearest = |row_idx: usize| {
        let (numbers, categories) = (rows.numeric().row(row_idx), rows.categories(row_idx));
        let mut nearest = (0, f64::INFINITY);
        for cluster in 0..prototypes.means.n_rows() {
            let distance = prototypes.distance(cluster, numbers, categories, gamma);
            // Equally near: the smaller prototype, whatever number its cluster has by now.
            if distance.total_cmp(&nearest.1).then_with(|| prototypes.compare(cluster, nearest.0)).is_lt() {
                nearest = (cluster, distance);
            }
        }
        nearest
    };
    (0..rows.n_rows()).into_par_iter().with_min_len(CHUNK_N_ROWS).map(nearest).collect()
}

fn sizes(labels: &[usize], n_clusters: usize) -> Vec<usize> {
    let mut sizes = vec![0; n_clusters];
    for &label in labels {
        sizes[label] += 1;
    }
    sizes
}

/// Gives each empty cluster the row farthest from its prototype (of equals the first) whose cluster
/// can spare it.
fn fill_empty(labels: &mut [usize], distances: &mut [f64], sizes: &mut [usize]) {
    for empty in 0..sizes.len() {
        if sizes[empty] > 0 {
            continue;
        }
        let mut farthest: Option<usize> = None;
        for row_idx in 0..labels.len() {
            let farther = farthest.is_none_or(|farthest| distances[row_idx] > distances[farthest]);
            if farther && sizes[labels[row_idx]] > 1 {
                farthest = Some(row_idx);
            }
        }
        let Some(row_idx) = farthest else { return };
        sizes[labels[row_idx]] -= 1;
        sizes[empty] += 1;
        labels[row_idx] = empty;
        distances[row_idx] = 0.0;
    }
}

/// Returns the means and most frequent categories of the clusters; an empty one keeps its former.
fn middles(rows: &MixedMatrix, labels: &[usize], former: &Prototypes) -> Result<Prototypes, LearnError> {
    let n_columns = rows.numeric().n_columns();
    let starts = rows.code_starts();
    // For each cluster its size, the sums of its numbers, and the counts of its categories.
    let n_sums = 1 + n_columns + starts[rows.n_categorical()];
    let sums = sum_chunks(rows.numeric(), n_sums * former.means.n_rows(), |start, chunk, sums| {
        for (offset, row) in chunk.chunks_exact(n_columns).enumerate() {
            let row_idx = start + offset;
            let own = &mut sums[labels[row_idx] * n_sums..(labels[row_idx] + 1) * n_sums];
            own[0] += 1.0;
            for (sum, &value) in own[1..].iter_mut().zip(row) {
                *sum += f64::from(value);
            }
            let counts = &mut own[1 + n_columns..];
            for (&code, code_start) in rows.categories(row_idx).iter().zip(&starts) {
                counts[code_start + position_of(code)] += 1.0;
            }
        }
    });
    let mut means = former.means.values().to_vec();
    let mut modes = former.modes.clone();
    let n_categorical = rows.n_categorical();
    for (cluster, own) in sums.chunks_exact(n_sums).enumerate() {
        if own[0] <= 0.0 {
            continue;
        }
        for (mean, sum) in means[cluster * n_columns..(cluster + 1) * n_columns].iter_mut().zip(&own[1..]) {
            *mean = single(sum / own[0]);
        }
        let counts = &own[1 + n_columns..];
        for column_idx in 0..n_categorical {
            modes[cluster * n_categorical + column_idx] = mode(&counts[starts[column_idx]..starts[column_idx + 1]]);
        }
    }
    Ok(Prototypes { means: Matrix::new(n_columns, means)?, modes })
}

/// Returns the code counted most often; of equals the least.
fn mode(counts: &[f64]) -> u32 {
    let mut mode = (0, 0.0);
    for (code, &count) in (0_u32..).zip(counts) {
        if count > mode.1 {
            mode = (code, count);
        }
    }
    mode.0
}
