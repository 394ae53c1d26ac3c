//! What a path through a tree says: conditions, and how well they pick a class out.

use std::fmt::Write;

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;
use crate::tree::require_labels;

/// Which side of a threshold a value lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Below the threshold.
    Below,
    /// At the threshold or above it.
    AtLeast,
}

/// One condition on a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// The column it looks at.
    pub column: usize,
    /// Where its value must lie.
    pub side: Side,
    /// The threshold: the shortest decimal that separates the fitted rows.
    pub threshold: f32,
    /// Whether a missing value fulfils it. Where the fit saw none, it does on neither side.
    pub missing_holds: bool,
}

/// Conditions, all of which hold, and how well they describe a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The conditions, at most one on each side of a column.
    pub conditions: Vec<Condition>,
    /// How well they describe the class on the fitted rows, which flatters them somewhat; see
    /// [`Rule::score_on`].
    pub score: RuleScore,
}

/// How well a rule picks a class out of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleScore {
    /// Share of the rows it holds for that are of the class; 0 where it holds for none.
    pub precision: f64,
    /// Share of the class's rows it holds for; 0 where the class has none.
    pub recall: f64,
    /// Rows it holds for.
    pub n_rows: usize,
    /// Rows of the class among them.
    pub n_own: usize,
}

impl RuleScore {
    /// Returns the score from the rows it holds for and those of the class.
    pub(crate) fn of(n_own: usize, n_rows: usize, n_class: usize) -> RuleScore {
        let precision = real(n_own) / real(n_rows.max(1));
        RuleScore { precision, recall: real(n_own) / real(n_class.max(1)), n_rows, n_own }
    }

    /// Returns the harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }
}

impl Condition {
    /// Returns whether the row fulfils the condition.
    #[must_use]
    pub fn holds(&self, row: &[f32]) -> bool {
        let value = row[self.column];
        if value.is_nan() {
            return self.missing_holds;
        }
        match self.side {
            Side::Below => value < self.threshold,
            Side::AtLeast => value >= self.threshold,
        }
    }
}

impl Rule {
    /// Returns whether the row fulfils all conditions.
    #[must_use]
    pub fn holds(&self, row: &[f32]) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// Returns how well the rule picks `class` out of rows it may not have been fitted to.
    pub fn score_on(&self, matrix: &Matrix, labels: &[usize], class: usize) -> Result<RuleScore, LearnError> {
        require_labels(matrix, labels)?;
        let last = self.conditions.iter().map(|condition| condition.column).max().unwrap_or(0);
        if last >= matrix.n_columns() {
            let (expected, found) = (last + 1, matrix.n_columns());
            return Err(LearnError::ShapeMismatch { what: "a row of the matrix", expected, found });
        }
        let (mut n_own, mut n_rows, mut n_class) = (0, 0, 0);
        for (row, &label) in matrix.rows().zip(labels) {
            let (holds, own) = (self.holds(row), label == class);
            n_rows += usize::from(holds);
            n_class += usize::from(own);
            n_own += usize::from(holds && own);
        }
        Ok(RuleScore::of(n_own, n_rows, n_class))
    }

    /// Returns the rule in words and signs, `names` being those of the columns.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> String {
        let mut text = String::new();
        for condition in &self.conditions {
            let join = if text.is_empty() { "" } else { " and " };
            let name = names.get(condition.column).copied().unwrap_or("?");
            let sign = match condition.side {
                Side::Below => "<",
                Side::AtLeast => "≥",
            };
            let unknown = if condition.missing_holds && self.has_no_other(condition) { " or unknown" } else { "" };
            // Writing to a text cannot fail.
            write!(text, "{join}{name} {sign} {}{unknown}", condition.threshold).unwrap_or_default();
        }
        text
    }

    /// A missing value that fulfils one condition on its column fails the rule if another excludes it.
    fn has_no_other(&self, condition: &Condition) -> bool {
        self.conditions.iter().all(|other| other.column != condition.column || other.missing_holds)
    }
}

/// Returns `conditions` and `condition`, keeping the narrower of two on one side of a column.
pub(crate) fn narrowed(conditions: &[Condition], condition: Condition) -> Vec<Condition> {
    let mut narrowed = conditions.to_vec();
    let same = |other: &&mut Condition| other.column == condition.column && other.side == condition.side;
    match narrowed.iter_mut().find(same) {
        // Splitting rows that are already below 7 cuts them below 7; so the later one is narrower.
        Some(other) => {
            *other = Condition { missing_holds: other.missing_holds && condition.missing_holds, ..condition };
        }
        None => match narrowed.iter().position(|other| other.column == condition.column) {
            // The other side of a column is told beside it, the lower threshold first.
            Some(at) if condition.side == Side::AtLeast => narrowed.insert(at, condition),
            Some(at) => narrowed.insert(at + 1, condition),
            None => narrowed.push(condition),
        },
    }
    narrowed
}
