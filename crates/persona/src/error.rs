//! What can go wrong when finding or checking personas, said so that the caller can act on it.
//!
//! Too little data or no structure is not an error: it is a [`Refusal`](crate::Refusal), an answer.

use throng_learn::LearnError;

/// Everything this crate refuses to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PersonaError {
    /// A column of the population does not have one value per profile.
    #[error("cannot read column {column:?}: it has {found} values for {expected} profiles")]
    ColumnLength {
        /// The column's name.
        column: String,
        /// Profiles in the population.
        expected: usize,
        /// Values in the column.
        found: usize,
    },
    /// Two columns share one name, so a claim could not say which it rests on.
    #[error("cannot tell two columns named {0:?} apart")]
    RepeatedColumn(String),
    /// A numeric column holds an infinite value.
    #[error("cannot use column {column:?}: the value of profile {profile:?} is infinite")]
    Infinite {
        /// The column's name.
        column: String,
        /// The profile that has the value.
        profile: String,
    },
    /// The parameters ask for a number of personas that cannot be.
    #[error("cannot look for {0} personas: at least 2 and at most 12 can be told apart")]
    PersonaCount(usize),
    /// A signal category has a weight that cannot be.
    #[error("cannot weigh signal categories by {0}: weights are from 0 to 100, and one of them is above 0")]
    CategoryWeight(String),
    /// A method makes no sense for these data, or for what was asked of it.
    #[error("cannot divide customers by {method}: {reason}")]
    Method {
        /// The method's word.
        method: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// A text is no persona id.
    #[error("cannot read {0:?} as a persona id: ids are lower-case letters and digits, such as p1")]
    InvalidPersonaId(String),
    /// A stored word belongs to a newer version or was edited by hand.
    #[error("cannot read {text:?} as {what}")]
    UnknownWord {
        /// What the word should have named.
        what: &'static str,
        /// The word.
        text: String,
    },
    /// A text is no rule, or a rule has too many conditions or a threshold that is no number.
    #[error("cannot read {0:?} as a rule: rules are one to three conditions joined by AND, such as \"orders\" >= 3")]
    InvalidRule(String),
    /// A membership row breaks its invariant.
    #[error("cannot take the memberships of profile {profile:?}: {problem}")]
    InvalidMembership {
        /// The profile the row belongs to.
        profile: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The memberships and the population are not about the same profiles.
    #[error("cannot compare memberships of {n_memberships} profiles with a population of {n_profiles} others")]
    OtherPopulation {
        /// Rows of the memberships.
        n_memberships: usize,
        /// Profiles of the population.
        n_profiles: usize,
    },
    /// A claim names a column, value or persona that the data does not have.
    #[error("cannot recompute a claim about {what} {name:?}: there is no such {what}")]
    Unknown {
        /// Kind of thing that is missing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A claim rests on too few values to have an interval.
    #[error("cannot recompute a claim about {subject:?}: {n_persona} and {n_rest} known values are too few")]
    TooFewValues {
        /// What the claim is about.
        subject: String,
        /// Known values inside the persona.
        n_persona: u64,
        /// Known values outside.
        n_rest: u64,
    },
    /// The memberships kept of a former discovery are of other personas than those kept of it, or a
    /// centroid is in other features.
    #[error("cannot compare with the last discovery: what is kept of its personas does not go together")]
    PreviousContradicts,
    /// A history does not follow from what came before.
    #[error("cannot take version {version} into the history of personas: {problem}")]
    InvalidHistory {
        /// The version that does not fit.
        version: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Bytes are no stored model, or were changed since it was written.
    #[error("cannot read the model: {reason}")]
    DamagedModel {
        /// What is wrong with them.
        reason: &'static str,
        /// What part of it is not what it may be, where that is known.
        #[source]
        source: Option<LearnError>,
    },
    /// A stored model has a form that this version does not know.
    #[error("cannot read a model of format {found}: this version reads format {known}; run `throng discover` again")]
    OtherModelFormat {
        /// The format it has.
        found: u8,
        /// The one that is known.
        known: u8,
    },
    /// A model reads a feature that it is not given.
    #[error("cannot score with this model: it reads the feature {0:?}, which the catalogue does not have")]
    MissingFeature(String),
    /// The numerics refused; the parameters or our use of them are at fault.
    #[error("cannot {attempt}")]
    Learn {
        /// What was attempted.
        attempt: &'static str,
        /// What the numerics say.
        #[source]
        source: LearnError,
    },
}
