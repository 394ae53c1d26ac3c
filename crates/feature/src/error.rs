//! What a caller of this crate can get wrong or be given wrong.

use thiserror::Error;

/// Why a catalogue, a text or a stored state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FeatureError {
    /// A definition asks for something that cannot be computed; its author must act.
    #[error("cannot use feature {name:?}: {reason}")]
    Definition {
        /// The name of the feature as it was given.
        name: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Two definitions have one name; their author must act.
    #[error("cannot use feature {name:?}: the name is taken by an earlier definition")]
    DuplicateName {
        /// The repeated name.
        name: String,
    },
    /// A text names no kind, window, category, value source or weekday.
    #[error("cannot read {text:?} as {what}; expected {expected}")]
    Unknown {
        /// What was to be read.
        what: &'static str,
        /// The text as it was given.
        text: String,
        /// The texts that would have been understood.
        expected: String,
    },
    /// A stored state was written by another catalogue or version; refold the profile's events.
    #[error("cannot restore profile state: it was written for another catalogue or format")]
    StateOfOtherCatalogue,
    /// A stored state is damaged; refold the profile's events.
    #[error("cannot restore profile state: {reason} at byte {offset}")]
    DamagedState {
        /// What was found.
        reason: &'static str,
        /// Where reading stopped.
        offset: usize,
    },
}
