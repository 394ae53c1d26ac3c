//! A shallow decision tree, to say in a few conditions what sets one class of rows apart.
//!
//! Splits are those of CART (Breiman, Friedman, Olshen and Stone 1984): the decrease of the Gini
//! impurity, every class weighing the same however few its rows are. A missing value goes to the
//! side where it separates the classes better, and the condition says so. Splits are searched over
//! at most 255 ranges per column.

pub(crate) mod bins;
mod rule;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;
use bins::{Bins, MISSING, N_RANGES_MAX};

pub use rule::{Condition, Rule, RuleScore, Side};

/// What the caller chooses about a decision tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionTreeParams {
    /// Most conditions on the way to a leaf, 1 to 8; people read three.
    pub depth_max: usize,
    /// Least rows in a leaf, at least 1.
    pub leaf_rows_min: usize,
}

/// A fitted decision tree.
///
/// ```
/// use throng_learn::{DecisionTreeParams, Matrix};
///
/// let matrix = Matrix::new(2, vec![1.0, 5.0, 2.0, 1.0, 8.0, 4.0, 9.0, 2.0])?;
/// let tree = DecisionTreeParams { depth_max: 3, leaf_rows_min: 1 }.fit(&matrix, &[0, 0, 1, 1])?;
/// assert_eq!(tree.predict(&Matrix::new(2, vec![7.0, 7.0])?)?, vec![1]);
/// let rule = tree.best_rule(1).ok_or("a rule")?;
/// assert_eq!(rule.text(&["orders", "returns"]), "orders ≥ 5");
/// assert_eq!((rule.score.precision, rule.score.recall), (1.0, 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionTree {
    n_columns: usize,
    /// Rows of each class.
    totals: Vec<usize>,
    /// The root first, a parent before its children.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    /// Fitted rows of each class.
    counts: Vec<usize>,
    /// Conditions on the way here.
    conditions: Vec<Condition>,
    /// The condition of the second child, and both children; `None` for a leaf.
    split: Option<(Condition, [usize; 2])>,
}

/// The greatest depth; 255 leaves are no longer read by anybody.
const DEPTH_MAX: usize = 8;
/// Decrease of impurity, as a share of the node's weight, below which a split is rounding.
const DECREASE_MIN: f64 = 1e-9;

impl DecisionTreeParams {
    /// Fits a tree that tells the classes `labels` of the rows of `matrix` apart. Classes are
    /// numbered from 0; those in between without rows are allowed.
    pub fn fit(&self, matrix: &Matrix, labels: &[usize]) -> Result<DecisionTree, LearnError> {
        self.check(matrix, labels)?;
        let bins = Bins::of(matrix)?;
        let n_classes = labels.iter().max().map_or(0, |last| last + 1);
        let mut totals = vec![0; n_classes];
        for &label in labels {
            totals[label] += 1;
        }
        let weights = totals.iter().map(|&total: &usize| if total == 0 { 0.0 } else { 1.0 / real(total) }).collect();
        let grower = Grower { bins, labels, weights, leaf_rows_min: self.leaf_rows_min };
        let root = Node { counts: totals.clone(), conditions: Vec::new(), split: None };
        let mut nodes = vec![root];
        let mut level: Vec<(usize, Vec<usize>)> = vec![(0, (0..matrix.n_rows()).collect())];
        for _ in 0..self.depth_max {
            let mut next = Vec::new();
            for (node_idx, rows) in level {
                let Some(condition) = grower.best_condition(&rows, &nodes[node_idx].counts) else { continue };
                let (second, first): (Vec<usize>, Vec<usize>) =
                    rows.iter().partition(|&&row| condition.holds(matrix.row(row)));
                let children = [nodes.len(), nodes.len() + 1];
                let missing_seen = rows.iter().any(|&row| matrix.row(row)[condition.column].is_nan());
                let missing_holds = missing_seen && !condition.missing_holds;
                let opposite = Condition { side: Side::Below, missing_holds, ..condition };
                for (rows, condition) in [(first, opposite), (second, condition)] {
                    let conditions = rule::narrowed(&nodes[node_idx].conditions, condition);
                    let node = Node { counts: grower.counts(&rows), conditions, split: None };
                    next.push((nodes.len(), rows));
                    nodes.push(node);
                }
                nodes[node_idx].split = Some((condition, children));
            }
            level = next;
        }
        Ok(DecisionTree { n_columns: matrix.n_columns(), totals, nodes })
    }

    fn check(&self, matrix: &Matrix, labels: &[usize]) -> Result<(), LearnError> {
        if !(1..=DEPTH_MAX).contains(&self.depth_max) {
            let found = real(self.depth_max);
            return Err(LearnError::InvalidParameter { parameter: "depth_max", found, allowed: "1 to 8" });
        }
        if self.leaf_rows_min == 0 {
            return Err(LearnError::InvalidParameter { parameter: "leaf_rows_min", found: 0.0, allowed: "at least 1" });
        }
        require_labels(matrix, labels)
    }
}

/// Returns an error unless there is one class for each of at least one row, and the classes are not
/// so many that a table of them is unreasonable.
pub(crate) fn require_labels(matrix: &Matrix, labels: &[usize]) -> Result<(), LearnError> {
    if labels.len() != matrix.n_rows() {
        let (expected, found) = (matrix.n_rows(), labels.len());
        return Err(LearnError::ShapeMismatch { what: "the list of classes", expected, found });
    }
    let Some(&last) = labels.iter().max() else {
        return Err(LearnError::TooFewRows { attempt: "tell classes apart", n_rows: 0, n_rows_needed: 1 });
    };
    if last >= N_CLASSES_MAX {
        let found = real(last);
        return Err(LearnError::InvalidParameter { parameter: "labels", found, allowed: "below 256" });
    }
    Ok(())
}

/// Most classes: tables are made of them for every range of every column.
const N_CLASSES_MAX: usize = 256;

struct Grower<'a> {
    bins: Bins,
    labels: &'a [usize],
    /// Weight of a row of each class.
    weights: Vec<f64>,
    leaf_rows_min: usize,
}

impl Grower<'_> {
    fn counts(&self, rows: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.weights.len()];
        for &row in rows {
            counts[self.labels[row]] += 1;
        }
        counts
    }

    /// Returns the condition that decreases the impurity of `rows` most; of equal ones that of the
    /// first column, then of the lowest cut. `None` if there is none or nothing to tell apart.
    fn best_condition(&self, rows: &[usize], counts: &[usize]) -> Option<Condition> {
        if rows.len() < 2 * self.leaf_rows_min || counts.iter().filter(|&&count| count > 0).count() < 2 {
            return None;
        }
        let found: Vec<Option<(f64, Condition)>> = (0..self.bins.columns.len())
            .into_par_iter()
            .map(|column| self.best_of_column(column, rows, counts))
            .collect();
        let mut best: Option<(f64, Condition)> = None;
        for candidate in found.into_iter().flatten() {
            if best.as_ref().is_none_or(|best| candidate.0 > best.0) {
                best = Some(candidate);
            }
        }
        let weight: f64 = counts.iter().zip(&self.weights).map(|(&count, weight)| real(count) * weight).sum();
        let least = self.purity(counts) + DECREASE_MIN * weight;
        best.filter(|(purity, _)| *purity > least).map(|(_, condition)| condition)
    }

    fn best_of_column(&self, column: usize, rows: &[usize], counts: &[usize]) -> Option<(f64, Condition)> {
        let n_classes = self.weights.len();
        let mut table = vec![0_usize; (N_RANGES_MAX + 1) * n_classes];
        let ranges = &self.bins.columns[column];
        for &row in rows {
            table[usize::from(ranges[row]) * n_classes + self.labels[row]] += 1;
        }
        let missing = &table[usize::from(MISSING) * n_classes..];
        let any_missing = missing.iter().any(|&count| count > 0);
        let mut below = vec![0; n_classes];
        let mut best: Option<(f64, Condition)> = None;
        for (range, &threshold) in self.bins.cuts[column].iter().enumerate() {
            let own = &table[range * n_classes..(range + 1) * n_classes];
            for (sum, count) in below.iter_mut().zip(own) {
                *sum += count;
            }
            for missing_holds in [false, true] {
                if missing_holds && !any_missing {
                    continue;
                }
                let first: Vec<usize> = match missing_holds {
                    true => below.clone(),
                    false => below.iter().zip(missing).map(|(sum, count)| sum + count).collect(),
                };
                let second: Vec<usize> = counts.iter().zip(&first).map(|(all, count)| all - count).collect();
                let n_first: usize = first.iter().sum();
                if n_first < self.leaf_rows_min || rows.len() - n_first < self.leaf_rows_min {
                    continue;
                }
                let purity = self.purity(&first) + self.purity(&second);
                if best.as_ref().is_none_or(|best| purity > best.0) {
                    best = Some((purity, Condition { column, side: Side::AtLeast, threshold, missing_holds }));
                }
            }
        }
        best
    }

    /// Returns the weight of the rows less their Gini impurity; greater is purer.
    fn purity(&self, counts: &[usize]) -> f64 {
        let (mut sum, mut squares) = (0.0, 0.0);
        for (&count, weight) in counts.iter().zip(&self.weights) {
            let weight = real(count) * weight;
            sum += weight;
            squares += weight * weight;
        }
        if sum > 0.0 { squares / sum } else { 0.0 }
    }
}

impl DecisionTree {
    /// Returns the class of each row: of its leaf, the class whose share of all its rows is largest.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<usize>, LearnError> {
        matrix.require_columns(self.n_columns)?;
        Ok(matrix.rows().map(|row| self.class_of(&self.nodes[self.leaf(row)])).collect())
    }

    /// Returns the leaves of a class as rules, the best first (greatest F1; of equal ones the first
    /// leaf). A row fulfils at most one of them.
    #[must_use]
    pub fn rules(&self, class: usize) -> Vec<Rule> {
        let leaves = self.nodes.iter().filter(|node| node.split.is_none() && !node.conditions.is_empty());
        let own = leaves.filter(|node| self.class_of(node) == class);
        let mut rules: Vec<Rule> = own.filter_map(|node| self.rule(node, class)).collect();
        rules.sort_by(|a, b| b.score.f1().total_cmp(&a.score.f1()));
        rules
    }

    /// Returns the one rule that describes a class best: of all nodes, leaves or not, the one of
    /// the greatest F1; of equal ones the one with fewest conditions. `None` if nothing was found
    /// that sets the class apart.
    #[must_use]
    pub fn best_rule(&self, class: usize) -> Option<Rule> {
        let mut best: Option<Rule> = None;
        // A parent comes before its children, so of equals the shorter is kept.
        for node in self.nodes.iter().filter(|node| !node.conditions.is_empty()) {
            let Some(rule) = self.rule(node, class).filter(|_| self.class_of(node) == class) else { continue };
            if best.as_ref().is_none_or(|best| rule.score.f1() > best.score.f1()) {
                best = Some(rule);
            }
        }
        best
    }

    fn rule(&self, node: &Node, class: usize) -> Option<Rule> {
        let score = RuleScore::of(*node.counts.get(class)?, node.counts.iter().sum(), self.totals[class]);
        Some(Rule { conditions: node.conditions.clone(), score })
    }

    fn leaf(&self, row: &[f32]) -> usize {
        let mut node_idx = 0;
        while let Some((condition, children)) = &self.nodes[node_idx].split {
            node_idx = children[usize::from(condition.holds(row))];
        }
        node_idx
    }

    /// Of equal shares the first class.
    fn class_of(&self, node: &Node) -> usize {
        let mut best = (0, 0.0);
        for (class, (&count, &total)) in node.counts.iter().zip(&self.totals).enumerate() {
            let share = real(count) / real(total.max(1));
            if share > best.1 {
                best = (class, share);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::{DecisionTree, DecisionTreeParams};
    use crate::error::LearnError;
    use crate::matrix::Matrix;

    fn fit(columns: &[Vec<f32>], labels: &[usize]) -> DecisionTree {
        let params = DecisionTreeParams { depth_max: 3, leaf_rows_min: 1 };
        params.fit(&Matrix::from_columns(columns).unwrap(), labels).unwrap()
    }

    /// Checks the text and the counts of the best rule of class 1.
    fn check(columns: &[Vec<f32>], labels: &[usize], expected: &str) {
        let tree = fit(columns, labels);
        let found = tree.best_rule(1).map(|rule| rule.text(&["a", "b"]));
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn two_conditions_are_found_where_one_does_not_do() {
        let a = vec![0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let b = vec![0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
        check(&[a, b], &[0, 0, 0, 1, 1, 0], "a ≥ 1 and b ≥ 1");
    }

    #[test]
    fn conditions_on_one_column_are_narrowed() {
        check(&[vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], &[0, 0, 1, 1, 0, 0, 0], "a ≥ 3 and a < 5");
    }

    #[test]
    fn missing_value_goes_with_its_class() {
        let nan = f32::NAN;
        check(&[vec![1.0, 1.0, 4.0, nan, nan]], &[0, 0, 1, 1, 1], "a ≥ 3 or unknown");
        check(&[vec![1.0, 1.0, 4.0, nan, nan]], &[1, 1, 0, 1, 1], "a < 3 or unknown");
        check(&[vec![1.0, 1.0, 4.0, nan, nan]], &[0, 0, 1, 0, 0], "a ≥ 3");
    }

    #[test]
    fn rare_class_weighs_as_much_as_a_frequent_one() {
        let a: Vec<f32> = (0..100_u8).map(f32::from).collect();
        let labels: Vec<usize> = (0..100).map(|row| usize::from(row >= 96 || row == 50)).collect();
        let params = DecisionTreeParams { depth_max: 1, leaf_rows_min: 1 };
        let tree = params.fit(&Matrix::new(1, a).unwrap(), &labels).unwrap();
        let rule = tree.best_rule(1).unwrap();
        assert_eq!(rule.text(&["a"]), "a ≥ 96");
        assert_eq!((rule.score.n_rows, rule.score.n_own), (4, 4));
        assert!((rule.score.recall - 0.8).abs() < 1e-12);
    }

    #[test]
    fn leaves_of_a_class_are_disjoint_and_best_first() {
        let tree = fit(&[vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], &[1, 0, 0, 1, 1, 0, 0]);
        let rules = tree.rules(1);
        let texts: Vec<String> = rules.iter().map(|rule| rule.text(&["a"])).collect();
        assert_eq!(texts, ["a ≥ 4 and a < 6", "a < 2"]);
    }

    #[test]
    fn small_leaf_is_not_made() {
        let matrix = Matrix::new(1, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let params = DecisionTreeParams { depth_max: 3, leaf_rows_min: 3 };
        let tree = params.fit(&matrix, &[1, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(tree.best_rule(1).unwrap().score.n_rows, 3);
        assert_eq!(tree.nodes.len(), 3);
    }

    #[test]
    fn nothing_to_tell_apart_gives_no_rule() {
        let one_class = fit(&[vec![1.0, 2.0]], &[1, 1]);
        assert_eq!(one_class.best_rule(1), None);
        assert_eq!(one_class.predict(&Matrix::new(1, vec![3.0]).unwrap()).unwrap(), [1]);
        let equal_rows = fit(&[vec![1.0, 1.0]], &[0, 1]);
        assert_eq!(equal_rows.best_rule(1), None);
        assert_eq!(fit(&[vec![1.0, 2.0]], &[0, 1]).best_rule(7), None);
        let unknown = fit(&[vec![f32::NAN, f32::NAN]], &[0, 1]);
        assert_eq!(unknown.best_rule(1), None);
    }

    #[test]
    fn bad_input_is_refused() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let params = DecisionTreeParams { depth_max: 3, leaf_rows_min: 1 };
        let fit = |params: DecisionTreeParams, labels: &[usize]| params.fit(&matrix, labels).map(|_| ());
        assert!(matches!(fit(params, &[0]), Err(LearnError::ShapeMismatch { .. })));
        assert!(fit(params, &[0, 256]).is_err());
        assert!(fit(DecisionTreeParams { depth_max: 0, ..params }, &[0, 1]).is_err());
        assert!(fit(DecisionTreeParams { depth_max: 9, ..params }, &[0, 1]).is_err());
        assert!(fit(DecisionTreeParams { leaf_rows_min: 0, ..params }, &[0, 1]).is_err());
        assert!(params.fit(&Matrix::new(1, vec![f32::INFINITY]).unwrap(), &[0]).is_err());
        assert!(params.fit(&Matrix::new(1, Vec::new()).unwrap(), &[]).is_err());
        let tree = params.fit(&matrix, &[0, 1]).unwrap();
        assert!(tree.predict(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
    }
}
