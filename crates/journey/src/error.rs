//! What a caller can have asked for that is not there or does not fit.

/// What a caller can have asked for that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JourneyError {
    /// A step that names no label.
    #[error("cannot find the touchpoint {name:?}; the most similar are {similar:?}")]
    UnknownLabel {
        /// What was asked for.
        name: String,
        /// Labels that share a word with it, at most five, by name.
        similar: Vec<String>,
    },
    /// More events than rows can be numbered.
    #[error("cannot hold {n_events} events in one set of histories; at most {n_events_max} fit")]
    TooManyEvents {
        /// How many were given.
        n_events: usize,
        /// How many fit.
        n_events_max: usize,
    },
    /// A pattern that cannot be read.
    #[error("cannot read the pattern {pattern:?} at character {place}: {what}")]
    Pattern {
        /// The whole pattern.
        pattern: String,
        /// The character at which reading stopped, counted from 1.
        place: usize,
        /// What was found and what was expected.
        what: String,
    },
    /// Numbers that are not those of a model of next steps.
    #[error("cannot make a model of next steps of its numbers: {what}")]
    NextStepCounts {
        /// What is wrong with them.
        what: String,
    },
    /// A definition of a feature that cannot be bound to what happened.
    #[error("feature {feature:?}: {what}")]
    Feature {
        /// Its name.
        feature: String,
        /// What is wrong with it, where, and what to do.
        what: String,
    },
}
