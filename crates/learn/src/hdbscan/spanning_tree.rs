//! Core distances and the minimum spanning tree of mutual reachability, by Prim's method (1957) with
//! distances computed row by row: time `n²`, memory `n`.

use crate::clustering::chunks::map_chunks;
use crate::clustering::columns::Columns;
use crate::matrix::Matrix;

/// Rows whose distances are on the stack at once.
const BLOCK_N_ROWS: usize = 512;
/// Rows whose core distances are found together.
const CORE_CHUNK_N_ROWS: usize = 64;

/// An edge of the spanning tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) first: usize,
    pub(super) second: usize,
    /// Mutual reachability, squared.
    pub(super) squared: f32,
}

/// Returns the squared core distance of each row.
pub(super) fn core_distances(matrix: &Matrix, rows: &Columns, min_samples: usize) -> Vec<f32> {
    map_chunks(matrix, CORE_CHUNK_N_ROWS, |chunk, cores| {
        let mut squared = vec![0.0; rows.n_rows()];
        for row in chunk.chunks_exact(matrix.n_columns()) {
            rows.squared_distances(row, 0, &mut squared);
            cores.push(kth_least(&squared, min_samples));
        }
    })
}

/// Returns the `k`-th least of the values, of which there are at least `k`.
pub(super) fn kth_least(values: &[f32], k: usize) -> f32 {
    let mut least = vec![f32::INFINITY; k];
    for &value in values {
        if value >= least[k - 1] {
            continue;
        }
        let at = least.partition_point(|&other| other <= value);
        least[at..].rotate_right(1);
        least[at] = value;
    }
    least[k - 1]
}

/// Returns the edges of the minimum spanning tree, in the order in which rows are reached.
pub(super) fn spanning_tree(rows: &Columns, core_distances: &[f32]) -> Vec<Edge> {
    let mut outside = Outside::new(rows, core_distances);
    let mut edges = Vec::with_capacity(core_distances.len().saturating_sub(1));
    let mut point = vec![0.0; rows.n_columns()];
    let mut at = 0;
    while outside.names.len() > 1 {
        outside.rows.read_row(at, &mut point);
        let (name, core) = (outside.names[at], outside.core_distances[at]);
        outside.remove(at);
        at = outside.reach(&point, name, core);
        edges.push(Edge { first: outside.from[at], second: outside.names[at], squared: outside.nearest[at] });
    }
    edges
}

/// The rows that the tree has not reached, without gaps, and how near it is to each.
struct Outside {
    rows: Columns,
    core_distances: Vec<f32>,
    names: Vec<usize>,
    nearest: Vec<f32>,
    from: Vec<usize>,
}

impl Outside {
    fn new(rows: &Columns, core_distances: &[f32]) -> Outside {
        let n_rows = core_distances.len();
        Outside {
            rows: rows.clone(),
            core_distances: core_distances.to_vec(),
            names: (0..n_rows).collect(),
            nearest: vec![f32::INFINITY; n_rows],
            from: vec![0; n_rows],
        }
    }

    fn remove(&mut self, at: usize) {
        self.rows.swap_remove(at);
        self.core_distances.swap_remove(at);
        self.names.swap_remove(at);
        self.nearest.swap_remove(at);
        self.from.swap_remove(at);
    }

    /// Lowers the distances of all rows to the tree, now that it has reached `name`, and returns the
    /// position of the nearest; of equally near ones the first row. One thread does it: a step takes
    /// microseconds, and waiting for another thread takes longer.
    fn reach(&mut self, point: &[f32], name: usize, core: f32) -> usize {
        let mut best = 0;
        let mut least = f32::INFINITY;
        let mut squared = [0.0_f32; BLOCK_N_ROWS];
        let blocks = self.nearest.chunks_mut(BLOCK_N_ROWS).zip(self.from.chunks_mut(BLOCK_N_ROWS)).enumerate();
        for (block_idx, (nearest, from)) in blocks {
            let first = block_idx * BLOCK_N_ROWS;
            let squared = &mut squared[..nearest.len()];
            self.rows.squared_distances(point, first, squared);
            let rows = squared.iter().zip(&self.core_distances[first..]);
            for ((&distance, &other), (nearest, from)) in rows.zip(nearest.iter_mut().zip(from)) {
                let reachability = distance.max(other).max(core);
                let nearer = reachability < *nearest;
                *nearest = if nearer { reachability } else { *nearest };
                *from = if nearer { name } else { *from };
            }
            let block_least = nearest.iter().copied().fold(f32::INFINITY, f32::min);
            if block_least > least {
                continue;
            }
            for (&distance, at) in nearest.iter().zip(first..) {
                if distance < least || (distance <= least && self.names[at] < self.names[best]) {
                    least = distance;
                    best = at;
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::kth_least;

    #[test]
    fn kth_least_counts_equal_values() {
        let values = [3.0, 1.0, 2.0, 1.0, 5.0];
        let found: Vec<f32> = (1..=5).map(|k| kth_least(&values, k)).collect();
        assert_eq!(found, [1.0, 1.0, 2.0, 3.0, 5.0]);
    }
}
