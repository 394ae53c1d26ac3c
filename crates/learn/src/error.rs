//! What can go wrong when learning, said so that the caller can act on it.

use thiserror::Error;

/// Everything this crate refuses to do; all of it is for the caller to mend.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LearnError {
    /// Two inputs that belong together differ in size.
    #[error("{what} has {found} entries where {expected} are expected")]
    ShapeMismatch {
        /// The input that does not fit.
        what: &'static str,
        /// The size it should have.
        expected: usize,
        /// The size it has.
        found: usize,
    },
    /// A matrix was asked for without a single column.
    #[error("cannot make a matrix without columns")]
    NoColumns,
    /// A value is missing or infinite where the learner needs a number.
    #[error("value at row {row}, column {column} is not a finite number")]
    NotFinite {
        /// Row of the first such value.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// There are fewer rows than the learner needs.
    #[error("cannot {attempt} on {n_rows} rows; at least {n_rows_needed} are needed")]
    TooFewRows {
        /// What was attempted.
        attempt: &'static str,
        /// Rows given.
        n_rows: usize,
        /// Rows needed.
        n_rows_needed: usize,
    },
    /// There are fewer different rows than clusters.
    #[error("cannot make {n_clusters} clusters of {n_distinct} different rows")]
    TooFewDistinctRows {
        /// Clusters asked for.
        n_clusters: usize,
        /// Different rows found.
        n_distinct: usize,
    },
    /// No restart kept every cluster populated.
    #[error("cannot keep {n_clusters} clusters populated in any restart")]
    EmptyCluster {
        /// Clusters asked for.
        n_clusters: usize,
    },
    /// A statistic was asked of too few values.
    #[error("cannot compute {statistic} from {n_values} values; at least {n_values_needed} are needed")]
    TooFewValues {
        /// The statistic.
        statistic: &'static str,
        /// Values given.
        n_values: usize,
        /// Values needed.
        n_values_needed: usize,
    },
    /// The bytes of an accumulator's state are not such a state.
    #[error("cannot read the state: {what} is not what it may be")]
    InvalidState {
        /// What does not fit.
        what: &'static str,
    },
    /// A parameter lies outside what the method allows.
    #[error("parameter {parameter} is {found}, but must be {allowed}")]
    InvalidParameter {
        /// The parameter's name.
        parameter: &'static str,
        /// The value given.
        found: f64,
        /// What is allowed, in words.
        allowed: &'static str,
    },
}
