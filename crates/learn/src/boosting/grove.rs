//! Trees laid out for prediction: all of one depth, splits level by level and leaves in a list, so that
//! the way down is arithmetic on positions and waits for no guess of a processor.

use crate::number::{index, label};

/// Trees of one depth. A leaf that lies higher stands in for all that would lie below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grove {
    depth: usize,
    /// Tree by tree `2^depth - 1` splits: those of node `i` lead to the nodes `2i + 1` and `2i + 2`.
    splits: Vec<Split>,
    /// Tree by tree `2^depth` leaves.
    leaves: Vec<f64>,
    /// For each column up to the last that a tree looks at, the trees that do, ascending.
    trees_of: Vec<Vec<u32>>,
}

/// Values from the threshold on go to the second node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    pub(crate) column: u32,
    pub(crate) threshold: f32,
    /// Whether a missing value goes there, too.
    pub(crate) missing_second: bool,
}

impl Grove {
    pub(crate) fn new(depth: usize) -> Grove {
        Grove { depth, splits: Vec::new(), leaves: Vec::new(), trees_of: Vec::new() }
    }

    /// Appends a split of the tree at hand.
    pub(crate) fn push_split(&mut self, split: Split) {
        self.splits.push(split);
        let (tree, column) = (label(self.leaves.len() >> self.depth), index(split.column));
        self.trees_of.resize_with(self.trees_of.len().max(column + 1), Vec::new);
        if self.trees_of[column].last() != Some(&tree) {
            self.trees_of[column].push(tree);
        }
    }

    /// Appends a node below a leaf, whose ways lead to the same.
    pub(crate) fn push_nothing(&mut self) {
        self.splits.push(Split { column: 0, threshold: 0.0, missing_second: false });
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

    /// Adds the values of a row in tree after tree to the scores, so many to each.
    pub(crate) fn add_to(&self, scores: &mut [f64], row: &[f32], n_trees_each: usize) {
        // Hardly any row lacks a value, and looking for one at every split costs half as much again.
        let lacks = row.iter().any(|value| value.is_nan());
        if self.depth == 3 && !lacks {
            return self.add_three_deep(scores, row, n_trees_each);
        }
        for (class, score) in scores.iter_mut().enumerate() {
            let trees = class * n_trees_each..(class + 1) * n_trees_each;
            *score = if lacks {
                trees.fold(*score, |sum, tree| sum + self.value(tree, row))
            } else {
                let second = |split: Split| row[index(split.column)] >= split.threshold;
                trees.fold(*score, |sum, tree| sum + self.leaf(tree, second))
            };
        }
    }

    /// The same of trees of depth three, which most are: where their number is known there is nothing to
    /// check on the way down.
    fn add_three_deep(&self, scores: &mut [f64], row: &[f32], n_trees_each: usize) {
        let (splits, leaves) = (self.splits.as_chunks::<7>().0, self.leaves.as_chunks::<8>().0);
        let second = |split: Split| usize::from(row[index(split.column)] >= split.threshold);
        for (class, score) in scores.iter_mut().enumerate() {
            let trees = class * n_trees_each..(class + 1) * n_trees_each;
            for (splits, leaves) in splits[trees.clone()].iter().zip(&leaves[trees]) {
                let first = second(splits[0]);
                let next = second(splits[1 + first]);
                let last = second(splits[3 + 2 * first + next]);
                *score += leaves[4 * first + 2 * next + last];
            }
        }
    }

    fn value(&self, tree: usize, row: &[f32]) -> f64 {
        self.leaf(tree, |split| {
            let value = row[index(split.column)];
            value >= split.threshold || value.is_nan() && split.missing_second
        })
    }

    /// Returns the leaf of a tree that is come to where each split says whether to go to the second node.
    #[inline(always)]
    fn leaf(&self, tree: usize, second: impl Fn(Split) -> bool) -> f64 {
        let n_leaves = 1 << self.depth;
        let n_splits = n_leaves - 1;
        let first = tree * n_splits;
        let splits = &self.splits[first..first + n_splits];
        let mut node = 0;
        for _ in 0..self.depth {
            node = 2 * node + 1 + usize::from(second(splits[node]));
        }
        self.leaves[tree * n_leaves + node - n_splits]
    }
}
