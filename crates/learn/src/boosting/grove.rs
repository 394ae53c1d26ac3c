//! Trees laid out for prediction: all of one depth, splits level by level and leaves in a list, so that
//! the way down is arithmetic on positions and waits for no guess of a processor.

use crate::number::{index, label};

/// Trees of one depth. A leaf that lies higher stands in for all that would lie below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grove {
    depth: usize,
    /// Tree by tree `2^depth - 1` splits: those of node `i` lead to the nodes `2i + 1` and `2i + 2`.
    splits: Vec<Split>,
    /// For each of them, whether a missing value goes to the second node.
    missing_second: Vec<bool>,
    /// Tree by tree `2^depth` leaves.
    leaves: Vec<f64>,
    /// For each column up to the last that a tree looks at, the trees that do, ascending.
    trees_of: Vec<Vec<u32>>,
}

/// Values from the threshold on go to the second node.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Split {
    threshold: f32,
    column: u32,
}

impl Grove {
    pub(crate) fn new(depth: usize) -> Grove {
        Grove { depth, splits: Vec::new(), missing_second: Vec::new(), leaves: Vec::new(), trees_of: Vec::new() }
    }

    /// Appends a split of the tree at hand.
    pub(crate) fn push_split(&mut self, (column, threshold): (usize, f32), missing_second: bool) {
        self.splits.push(Split { threshold, column: label(column) });
        self.missing_second.push(missing_second);
        let tree = label(self.leaves.len() >> self.depth);
        self.trees_of.resize_with(self.trees_of.len().max(column + 1), Vec::new);
        if self.trees_of[column].last() != Some(&tree) {
            self.trees_of[column].push(tree);
        }
    }

    /// Appends a node below a leaf, whose ways lead to the same.
    pub(crate) fn push_nothing(&mut self) {
        self.splits.push(Split { threshold: 0.0, column: 0 });
        self.missing_second.push(false);
    }

    /// Appends the leaves of the tree at hand.
    pub(crate) fn push_leaves(&mut self, values: impl Iterator<Item = f64>) {
        self.leaves.extend(values);
    }

    /// Appends the values of a row in tree after tree.
    pub(crate) fn append_values(&self, row: &[f32], values: &mut Vec<f64>) {
        values.extend((0..self.leaves.len() >> self.depth).map(|tree| self.value(tree, row)));
    }

    /// Puts the values of a row in place of those of another, which differs from it in a column.
    pub(crate) fn renew_values(&self, row: &[f32], column: usize, values: &mut [f64]) {
        for tree in self.trees_of.get(column).into_iter().flatten() {
            values[index(*tree)] = self.value(index(*tree), row);
        }
    }

    fn value(&self, tree: usize, row: &[f32]) -> f64 {
        let n_leaves = 1 << self.depth;
        let n_splits = n_leaves - 1;
        let first = tree * n_splits;
        let splits = &self.splits[first..first + n_splits];
        let mut node = 0;
        for _ in 0..self.depth {
            let Split { threshold, column } = splits[node];
            let value = row[index(column)];
            let second = value >= threshold || value.is_nan() && self.missing_second[first + node];
            node = 2 * node + 1 + usize::from(second);
        }
        self.leaves[tree * n_leaves + node - n_splits]
    }

    /// Adds the values of a row in tree after tree to the scores, each in its turn.
    pub(crate) fn add_to(&self, scores: &mut [f64], row: &[f32]) {
        // Hardly any row lacks a value, and looking for one at every split costs half as much again.
        if row.iter().any(|value| value.is_nan()) {
            self.add(scores, |split, at| {
                let value = row[index(split.column)];
                value >= split.threshold || value.is_nan() && self.missing_second[at]
            });
        } else {
            self.add(scores, |split, _| row[index(split.column)] >= split.threshold);
        }
    }

    #[inline(always)]
    fn add(&self, scores: &mut [f64], second: impl Fn(Split, usize) -> bool) {
        let n_leaves = 1 << self.depth;
        let n_splits = n_leaves - 1;
        for (round_idx, leaves) in self.leaves.chunks_exact(n_leaves * scores.len()).enumerate() {
            let first_tree = round_idx * scores.len();
            for (tree_idx, (score, leaves)) in scores.iter_mut().zip(leaves.chunks_exact(n_leaves)).enumerate() {
                let first = (first_tree + tree_idx) * n_splits;
                let splits = &self.splits[first..first + n_splits];
                let mut node = 0;
                for _ in 0..self.depth {
                    node = 2 * node + 1 + usize::from(second(splits[node], first + node));
                }
                *score += leaves[node - n_splits];
            }
        }
    }
}
