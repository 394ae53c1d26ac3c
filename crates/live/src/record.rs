//! What stands in the log, and how it is stored: a byte that says what it is, and its body.

use serde::{Deserialize, Serialize};
use throng_event::{Event, EventKey, Fingerprint, Identity, Instant};
use throng_profile::{Decision, Proposal, Verdict};

use crate::LiveError;
use crate::codec::{decode, decode_id, encode};

const EVENT: u8 = 1;
const KNOWN: u8 = 2;
const TICK: u8 = 3;
const SCORING: u8 = 4;
const DECISION: u8 = 5;
const PROPOSALS: u8 = 6;

/// The place of a record in the log, from 0 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

/// One record of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An event that arrived here.
    Event(Box<Event>),
    /// An event that the lake had before the log.
    Known(Box<Event>),
    /// Time went on; what depends on it is brought up to this instant, so much at a time.
    Tick(Instant),
    /// From here on these models score.
    Scoring(Scoring),
    /// The next of the decisions about identities.
    Decision(Box<Decision>),
    /// The links that are proposed from here on, in place of those before.
    Proposals(Vec<Proposal>),
}

/// Which models score, by their versions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scoring {
    /// The one that people are told by; `None` to know features only.
    pub live: Option<String>,
    /// One that scores silently beside it.
    pub shadow: Option<String>,
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub offset: Offset,
    /// What it is.
    pub record: Record,
    /// Of an event, its key: to find it is to hash its id.
    pub(crate) key: EventKey,
}

impl Entry {
    /// Returns a record in its place.
    #[must_use]
    pub fn new(offset: Offset, record: Record) -> Self {
        let key = record.event().map_or(EventKey(0), |event| event.id.key());
        Self { offset, record, key }
    }
}

/// A message that was not admitted, kept to be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The configured source that sent it.
    pub source: String,
    /// The form it came in, as files of it are called, for whoever reads it again.
    pub form: String,
    /// When it came, microseconds.
    pub received_at: i64,
    /// The reason's stable name.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// The message as it came, or its beginning.
    pub raw: String,
}

/// A record as it will stand in the log: made by whoever brings it, so that the one thread that
/// writes has only to look up and append.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    pub(crate) record: Record,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Prepared {
    /// Returns a record in its stored form.
    ///
    /// # Errors
    /// [`LiveError::Encode`] for one that has none.
    pub fn new(record: Record) -> Result<Self, LiveError> {
        let (bytes, fingerprint) = (record.to_bytes()?, record.event().map(|event| event.id.fingerprint()));
        Ok(Self { record, bytes, fingerprint })
    }

    /// Returns the bytes it takes in the log.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Record {
    /// Returns the event, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) | Self::Known(event) => Some(event),
            Self::Tick(_) | Self::Scoring(_) | Self::Decision(_) | Self::Proposals(_) => None,
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, LiveError> {
        match self {
            Self::Event(event) => encode(event, vec![EVENT]),
            Self::Known(event) => encode(event, vec![KNOWN]),
            Self::Tick(now) => Ok([&[TICK], now.0.to_be_bytes().as_slice()].concat()),
            Self::Scoring(scoring) => stored(scoring, vec![SCORING]),
            Self::Decision(decision) => stored(&StoredDecision::of(decision), vec![DECISION]),
            Self::Proposals(proposals) => stored(&stored_proposals(proposals), vec![PROPOSALS]),
        }
    }

    /// Returns the id of the event that is stored as these bytes, `None` where they are no event.
    pub(crate) fn event_id(bytes: &[u8]) -> Result<Option<&str>, LiveError> {
        match bytes.split_first() {
            Some((&(EVENT | KNOWN), body)) => decode_id(body).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, LiveError> {
        match bytes.split_first() {
            Some((&EVENT, body)) => Ok(Self::Event(Box::new(decode(body)?))),
            Some((&KNOWN, body)) => Ok(Self::Known(Box::new(decode(body)?))),
            Some((&TICK, body)) => Ok(Self::Tick(Instant(number(body)?.cast_signed()))),
            Some((&SCORING, body)) => Ok(Self::Scoring(read_stored(body)?)),
            Some((&DECISION, body)) => {
                let decision = read_stored::<StoredDecision>(body)?.decision();
                let decision = decision.ok_or_else(|| LiveError::Damaged("a decision about nobody".to_owned()))?;
                Ok(Self::Decision(Box::new(decision)))
            }
            Some((&PROPOSALS, body)) => Ok(Self::Proposals(proposals(&read_stored::<Vec<StoredProposal>>(body)?)?)),
            _ => Err(LiveError::Damaged("a record of an unknown kind".to_owned())),
        }
    }
}

/// A decision about identities as it is stored, in the log and in checkpoints.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredDecision {
    splits: bool,
    /// As identities are written.
    a: String,
    b: String,
    /// Microseconds.
    at: i64,
}

impl StoredDecision {
    pub(crate) fn of(decision: &Decision) -> Self {
        let splits = decision.verdict == Verdict::Split;
        Self { splits, a: decision.a.to_string(), b: decision.b.to_string(), at: decision.at.0 }
    }

    /// Returns the decision; `None` when its ends write no identities.
    pub(crate) fn decision(&self) -> Option<Decision> {
        let verdict = if self.splits { Verdict::Split } else { Verdict::Merge };
        Some(Decision { verdict, a: Identity::parse(&self.a)?, b: Identity::parse(&self.b)?, at: Instant(self.at) })
    }
}

/// A proposed link as it is stored, in the log and in checkpoints.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredProposal {
    /// As identities are written.
    a: String,
    b: String,
    probability: f64,
}

pub(crate) fn stored_proposals(proposals: &[Proposal]) -> Vec<StoredProposal> {
    let one = |of: &Proposal| StoredProposal { a: of.a.to_string(), b: of.b.to_string(), probability: of.probability };
    proposals.iter().map(one).collect()
}

/// Returns the proposals that were stored.
pub(crate) fn proposals(stored: &[StoredProposal]) -> Result<Vec<Proposal>, LiveError> {
    let one = |stored: &StoredProposal| {
        let (a, b) = (Identity::parse(&stored.a)?, Identity::parse(&stored.b)?);
        Some(Proposal { a, b, probability: stored.probability })
    };
    let all: Option<Vec<Proposal>> = stored.iter().map(one).collect();
    all.ok_or_else(|| LiveError::Damaged("a proposal about nobody".to_owned()))
}

/// Appends the stored form of a value to some bytes.
pub(crate) fn stored<T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, LiveError> {
    postcard::to_extend(value, bytes).map_err(|error| LiveError::Encode(error.to_string()))
}

/// Reads what [`stored`] wrote.
pub(crate) fn read_stored<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, LiveError> {
    postcard::from_bytes(bytes).map_err(|error| LiveError::Damaged(error.to_string()))
}

pub(crate) fn number(bytes: &[u8]) -> Result<u64, LiveError> {
    let bytes = bytes.try_into().map_err(|_| LiveError::Damaged("a number that is not of 8 bytes".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}
