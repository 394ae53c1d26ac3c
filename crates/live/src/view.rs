//! What a reader sees of a profile, of a shift, and of the server itself.

use throng_event::{Day, Identity, Instant};
use throng_feature::FeatureValue;
use throng_persona::PersonaId;
use throng_profile::ProfileId;

use crate::{LiveError, Offset};

/// One person as of now.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileView {
    /// The profile.
    pub id: ProfileId,
    /// Its identities, ascending, each with when it was first seen.
    pub identities: Vec<(Identity, Option<Instant>)>,
    /// How many events it has.
    pub n_events: u64,
    /// When the first of them happened.
    pub first_at: Option<Instant>,
    /// When the last of them happened.
    pub last_at: Option<Instant>,
    /// The local day whose end the features are as of.
    pub as_of: Day,
    /// The features, in the order of the catalogue.
    pub features: Vec<(String, FeatureValue)>,
    /// Which persona it counts for; `None` where no model is live.
    pub standing: Option<Standing>,
}

/// Which persona a profile counts for, and how much it belongs to each.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The persona it counts for; `None` for none of them.
    pub persona: Option<PersonaId>,
    /// That persona's name.
    pub name: Option<String>,
    /// Since when.
    pub since: Instant,
    /// The share in every persona of the model.
    pub shares: Vec<(PersonaId, f64)>,
    /// The share that belongs to none.
    pub unassigned: f64,
    /// The version of the model that says so.
    pub model: String,
}

/// The place of a shift among all shifts: the record that tipped it, and which of that
/// record's shifts it is. Written `offset-index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShiftId {
    /// The record of the log.
    pub offset: Offset,
    /// From 0.
    pub index: u32,
}

/// Someone counts for another persona than before.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Its place.
    pub id: ShiftId,
    /// Who.
    pub profile: ProfileId,
    /// When the event that tipped it arrived, or time did.
    pub at: Instant,
    /// The persona before; `None` for none of them, or nothing yet.
    pub from: Option<PersonaId>,
    /// The persona now; `None` for none of them.
    pub to: Option<PersonaId>,
    /// The share in the persona now.
    pub share: f64,
    /// What tipped it.
    pub cause: Cause,
    /// The features that moved it, the most telling first, in words.
    pub because: Vec<Because>,
    /// What would take it back, in words.
    pub reversed_by: Option<String>,
    /// The version of the model.
    pub model: String,
}

/// What tipped a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An event: its id and its name.
    Event {
        /// Its id.
        id: String,
        /// What happened.
        name: String,
    },
    /// Nothing happened, for so long that it says something.
    Silence,
    /// Another model looks at it.
    Model,
}

/// One reason of a shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Because {
    /// The feature.
    pub feature: String,
    /// The reason as a sentence: "3 support tickets in 7 days (was 0)".
    pub sentence: String,
    /// What it adds to the change in log-odds between the two personas.
    pub contribution: f64,
}

/// How a shadow model divides everybody beside the live one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringComparison {
    /// The version of the live model.
    pub live: String,
    /// The version of the shadow model.
    pub shadow: String,
    /// The personas of the live model.
    pub live_personas: Vec<PersonaId>,
    /// The personas of the shadow model.
    pub shadow_personas: Vec<PersonaId>,
    /// For each persona of the live model, how many profiles the shadow model counts for each of
    /// its own; in both the last is none.
    pub n_profiles: Vec<Vec<u64>>,
    /// Profiles that the two have not looked at yet.
    pub n_waiting: u64,
}

/// Which shifts are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShiftFilter {
    /// Those behind this place; from the first on where absent.
    pub after: Option<ShiftId>,
    /// Those into one of these personas; any where empty.
    pub to: Vec<PersonaId>,
    /// Those out of one of these personas; any where empty.
    pub from: Vec<PersonaId>,
    /// Those of one profile.
    pub profile: Option<ProfileId>,
}

/// Which of a profile's events are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Not before this instant.
    pub start: Option<Instant>,
    /// Before this instant.
    pub end: Option<Instant>,
    /// Of these names; of any where empty.
    pub include: Vec<String>,
    /// Of none of these names.
    pub exclude: Vec<String>,
    /// At most so many.
    pub limit: usize,
    /// Which come first.
    pub order: EventOrder,
}

/// In which order events are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventOrder {
    /// The latest first.
    #[default]
    Newest,
    /// The earliest first.
    Oldest,
}

/// What a start began with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// The offset of the checkpoint; 0 for none.
    pub checkpoint: Offset,
    /// Records of the log that were applied.
    pub n_replayed: u64,
    /// Why a checkpoint that is there could not be used.
    pub unused: Option<String>,
}

/// How the server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Behind the last record on disk.
    pub end: Offset,
    /// Behind the last record that is in every profile.
    pub applied: Offset,
    /// Behind the last record that is in the lake.
    pub stored: Offset,
    /// Bytes of events and messages that wait to be written.
    pub waiting_bytes: usize,
    /// Profiles there are.
    pub n_profiles: u64,
    /// Bytes of memory that profiles take, estimated.
    pub memory: u64,
    /// Profiles that time has passed by and that wait to be looked at again.
    pub n_stale: u64,
    /// The version of the live model.
    pub model: Option<String>,
    /// Behind the last record of the checkpoint that a start would go on from.
    pub checkpoint: Offset,
    /// Why the last checkpoint could not be written, if it could not.
    pub checkpoint_failure: Option<String>,
    /// Why no more events are taken, if they are not.
    pub failure: Option<String>,
}

impl ShiftFilter {
    /// Returns whether a shift is asked for.
    #[must_use]
    pub fn passes(&self, shift: &Shift) -> bool {
        let among = |wanted: &[PersonaId], found: Option<&PersonaId>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
        };
        self.after.is_none_or(|after| shift.id > after)
            && among(&self.to, shift.to.as_ref())
            && among(&self.from, shift.from.as_ref())
            && self.profile.as_ref().is_none_or(|profile| *profile == shift.profile)
    }
}

impl std::fmt::Display for ShiftId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.offset.0, self.index)
    }
}

impl std::str::FromStr for ShiftId {
    type Err = LiveError;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, LiveError> {
        let parts = text.split_once('-').and_then(|(offset, index)| Some((offset.parse().ok()?, index.parse().ok()?)));
        let (offset, index) = parts.ok_or_else(|| LiveError::ShiftId(text.to_owned()))?;
        Ok(Self { offset: Offset(offset), index })
    }
}
