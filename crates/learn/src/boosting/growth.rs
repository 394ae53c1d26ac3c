//! One round of boosting: a tree per class, grown on histograms of gradients.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::boosting::BoostingParams;
use crate::boosting::grove::{Grove, Split};
use crate::error::LearnError;
use crate::membership::{Memberships, softmax};
use crate::number::label;
use crate::state::{State, StateReader, StateWriter, invalid, require};
use crate::tree::bins::{Bins, MISSING, N_RANGES_MAX};

/// Penalty on the squared values of leaves.
const PENALTY: f64 = 1.0;
/// Gain below which a split is rounding.
const GAIN_MIN: f64 = 1e-9;

/// A regression tree, the root first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    Leaf { value: f64 },
    Split { cut: Cut, children: [usize; 2] },
}

/// A split: ranges above `range` and values from `threshold` on go to the second child.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    column: usize,
    range: u8,
    threshold: f32,
    missing_second: bool,
}

impl Cut {
    /// Returns whether a row of this range goes to the second child.
    fn second(&self, range: u8) -> bool {
        if range == MISSING { self.missing_second } else { range > self.range }
    }
}

impl Tree {
    /// Returns the value of the row with these ranges.
    pub(crate) fn value_of(&self, range: impl Fn(usize) -> u8) -> f64 {
        let mut node_idx = 0;
        loop {
            match &self.nodes[node_idx] {
                Node::Leaf { value } => return *value,
                Node::Split { cut, children } => node_idx = children[usize::from(cut.second(range(cut.column)))],
            }
        }
    }

    /// Returns the most splits on the way to a leaf.
    pub(crate) fn depth(&self) -> usize {
        let mut depths = vec![0; self.nodes.len()];
        for (node_idx, node) in self.nodes.iter().enumerate() {
            if let Node::Split { children, .. } = node {
                children.iter().for_each(|child| depths[*child] = depths[node_idx] + 1);
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Appends the tree to those laid out for prediction, as if every leaf lay at this depth.
    pub(crate) fn lay_out(&self, depth: usize, grove: &mut Grove) {
        let mut level = vec![0];
        for _ in 0..depth {
            let mut next = Vec::with_capacity(2 * level.len());
            for node_idx in level {
                match &self.nodes[node_idx] {
                    Node::Split { cut, children } => {
                        let Cut { column, threshold, missing_second, .. } = *cut;
                        grove.push_split(Split { column: label(column), threshold, missing_second });
                        next.extend(children);
                    }
                    Node::Leaf { .. } => {
                        grove.push_nothing();
                        next.extend([node_idx; 2]);
                    }
                }
            }
            level = next;
        }
        let value = |node_idx: usize| match &self.nodes[node_idx] {
            Node::Leaf { value } => *value,
            Node::Split { .. } => unreachable!("no leaf lies deeper"),
        };
        grove.push_leaves(level.into_iter().map(value));
    }
}

/// What trees are grown on.
pub(crate) struct Growth<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) rows: &'a [usize],
    pub(crate) params: BoostingParams,
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    curvature: f64,
    n_rows: usize,
}

impl Sums {
    fn plus(self, other: Sums) -> Sums {
        Sums {
            gradient: self.gradient + other.gradient,
            curvature: self.curvature + other.curvature,
            n_rows: self.n_rows + other.n_rows,
        }
    }

    fn minus(self, other: Sums) -> Sums {
        Sums {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            n_rows: self.n_rows - other.n_rows,
        }
    }

    fn gain(self) -> f64 {
        self.gradient * self.gradient / (self.curvature + PENALTY)
    }
}

impl Growth<'_> {
    /// Returns a tree for each class that decreases the loss at `scores`.
    pub(crate) fn round(&self, scores: &[f64], targets: &Memberships) -> Vec<Tree> {
        let n_classes = targets.n_columns();
        let mut shares = scores.to_vec();
        for shares in shares.chunks_exact_mut(n_classes) {
            softmax(shares);
        }
        (0..n_classes)
            .into_par_iter()
            .map(|class| {
                let row_sums: Vec<Sums> = (0..self.bins.n_rows)
                    .map(|row| {
                        let share = shares[row * n_classes + class];
                        let gradient = share - targets.row(row)[class];
                        Sums { gradient, curvature: share * (1.0 - share), n_rows: 1 }
                    })
                    .collect();
                self.tree(&row_sums)
            })
            .collect()
    }

    fn tree(&self, row_sums: &[Sums]) -> Tree {
        let total = |rows: &[usize]| rows.iter().fold(Sums::default(), |sum, &row| sum.plus(row_sums[row]));
        let leaf =
            |sums: Sums| Node::Leaf { value: -self.params.learning_rate * sums.gradient / (sums.curvature + PENALTY) };
        let all = total(self.rows);
        let mut nodes = vec![leaf(all)];
        let mut level = vec![(0, self.rows.to_vec(), all)];
        for _ in 0..self.params.depth_max {
            let mut next = Vec::new();
            for (node_idx, rows, sums) in level {
                let Some(cut) = self.best_cut(&rows, sums, row_sums) else { continue };
                let ranges = &self.bins.columns[cut.column];
                let (second, first): (Vec<usize>, Vec<usize>) =
                    rows.into_iter().partition(|&row| cut.second(ranges[row]));
                let children = [nodes.len(), nodes.len() + 1];
                for rows in [first, second] {
                    let sums = total(&rows);
                    next.push((nodes.len(), rows, sums));
                    nodes.push(leaf(sums));
                }
                nodes[node_idx] = Node::Split { cut, children };
            }
            level = next;
        }
        Tree { nodes }
    }

    /// Returns the cut of the greatest gain; of equal ones the first column's lowest.
    fn best_cut(&self, rows: &[usize], sums: Sums, row_sums: &[Sums]) -> Option<Cut> {
        if rows.len() < 2 * self.params.leaf_rows_min {
            return None;
        }
        let mut best: Option<(f64, Cut)> = None;
        for (column, ranges) in self.bins.columns.iter().enumerate() {
            let mut table = [Sums::default(); N_RANGES_MAX + 1];
            for &row in rows {
                let cell = &mut table[usize::from(ranges[row])];
                *cell = cell.plus(row_sums[row]);
            }
            let found = self.best_of_column(column, sums, &table);
            if found.is_some_and(|found| best.is_none_or(|best| found.0 > best.0)) {
                best = found;
            }
        }
        best.map(|(_, cut)| cut)
    }

    fn best_of_column(&self, column: usize, sums: Sums, table: &[Sums]) -> Option<(f64, Cut)> {
        let missing = table[usize::from(MISSING)];
        let mut below = Sums::default();
        let mut best: Option<(f64, Cut)> = None;
        for ((range, &threshold), own) in (0_u8..).zip(&self.bins.cuts[column]).zip(table) {
            below = below.plus(*own);
            for (first, missing_second) in [(below, true), (below.plus(missing), false)] {
                let second = sums.minus(first);
                if first.n_rows.min(second.n_rows) < self.params.leaf_rows_min {
                    continue;
                }
                let gain = first.gain() + second.gain() - sums.gain();
                if gain > best.map_or(GAIN_MIN, |best| best.0) {
                    best = Some((gain, Cut { column, range, threshold, missing_second }));
                }
            }
        }
        best
    }
}

impl Tree {
    /// Returns the number above all columns it looks at.
    pub(crate) fn n_inputs(&self) -> usize {
        let columns = self.nodes.iter().filter_map(|node| match node {
            Node::Leaf { .. } => None,
            Node::Split { cut, .. } => Some(cut.column),
        });
        columns.max().map_or(0, |column| column + 1)
    }
}

crate::state_of_fields!(Cut { column, range, threshold, missing_second });
crate::state_of_fields!(Tree { nodes }, |tree| {
    // A child comes after its parent, so that every way down ends.
    let leads_on = |(node_idx, node): (usize, &Node)| match node {
        Node::Leaf { .. } => true,
        Node::Split { children, .. } => children.iter().all(|child| (node_idx + 1..tree.nodes.len()).contains(child)),
    };
    require(!tree.nodes.is_empty() && tree.nodes.iter().enumerate().all(leads_on), "a tree")
});

impl State for Node {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            Node::Leaf { value } => {
                writer.byte(0);
                value.write(writer);
            }
            Node::Split { cut, children } => {
                writer.byte(1);
                cut.write(writer);
                children.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(Node::Leaf { value: State::read(reader)? }),
            1 => Ok(Node::Split { cut: State::read(reader)?, children: State::read(reader)? }),
            _ => Err(invalid("a tree")),
        }
    }
}
