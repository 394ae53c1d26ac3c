//! Histories: what many profiles did, sorted once and kept for any number of questions.
//!
//! Four to five columns, one profile's events together and in total order, touchpoints
//! as codes: 12 bytes an event, 4 more with sessions of the source's own and 8 more with
//! values. Codes are given in the order of names, so that comparing codes compares names
//! and no answer depends on the order in which names were met.

mod part;
mod sort;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use crate::JourneyError;
use crate::numbers::{code, position};
use crate::profile_set::ProfileSet;
use crate::view::{Period, View};

use part::Piece;
use sort::{Source, sort};

pub use part::EventPart;

/// Events as the caller has them, in any order: one row is one event.
#[derive(Debug, Clone, Copy)]
pub struct EventColumns<'a> {
    /// Whose event it is, by number.
    pub profile: &'a [u32],
    /// When it happened, in microseconds.
    pub occurred_at: &'a [i64],
    /// What orders events of one instant; without it, rows are taken in their order.
    pub event_key: Option<&'a [i64]>,
    /// What happened, by its position in the names.
    pub touchpoint: &'a [u32],
    /// The source's own session, where it has them.
    pub session: Option<&'a [u32]>,
    /// What it was worth, in minor units, where it is known.
    pub value: Option<&'a [i64]>,
}

/// The events of many profiles, each profile's together and in total order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histories {
    /// Where each profile's events begin, and at last where they all end.
    offsets: Vec<usize>,
    occurred_at: Vec<i64>,
    touchpoint: Vec<u32>,
    /// Empty where the source has none.
    session: Vec<u32>,
    /// Empty where values are not known.
    value: Vec<i64>,
    /// The names of touchpoints, ascending; a code is a position in them.
    names: Vec<String>,
}

/// One profile's events, or those of a period, in total order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Events<'a> {
    pub(crate) occurred_at: &'a [i64],
    pub(crate) touchpoint: &'a [u32],
    pub(crate) session: &'a [u32],
    pub(crate) value: &'a [i64],
}

/// Rows are numbered by 32 bits while they are sorted: half the memory of 64, and more
/// events than fit a machine with 64 GB.
const N_EVENTS_MAX: usize = 4_000_000_000;

/// How many names an error shows; more would bury them.
const SIMILAR_MAX: usize = 5;

impl Histories {
    /// Returns the histories of `n_profiles` profiles. Ties of equal times go by the
    /// event's key, then by its row; names that are equal are one touchpoint.
    ///
    /// # Errors
    /// [`JourneyError::TooManyEvents`] beyond four thousand million events.
    ///
    /// # Panics
    /// When the columns do not fit each other, which is a mistake of the caller's.
    pub fn new(columns: &EventColumns<'_>, n_profiles: usize, names: &[String]) -> Result<Self, JourneyError> {
        let mut part = EventPart::new(n_profiles);
        part.set_names(names.to_vec());
        part.push(columns);
        Self::from_parts(n_profiles, &[part])
    }

    /// Returns the histories of `n_profiles` profiles whose events were read in parts;
    /// the rows of a part come before those of the next.
    ///
    /// # Errors
    /// [`JourneyError::TooManyEvents`] beyond four thousand million events.
    ///
    /// # Panics
    /// When the parts do not fit each other, which is a mistake of the caller's.
    pub fn from_parts(n_profiles: usize, parts: &[EventPart]) -> Result<Self, JourneyError> {
        let n_events = parts.iter().flat_map(|part| &part.pieces).map(Piece::len).sum();
        if n_events > N_EVENTS_MAX {
            return Err(JourneyError::TooManyEvents { n_events, n_events_max: N_EVENTS_MAX });
        }
        let (names, sources) = dictionary(parts);
        Ok(sort(n_profiles, &sources, names))
    }

    /// Returns how many profiles there are, those without events included.
    #[must_use]
    pub fn n_profiles(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns how many events there are.
    #[must_use]
    pub fn n_events(&self) -> usize {
        self.touchpoint.len()
    }

    /// Returns the names of touchpoints, ascending; labels are positions in them.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the name of a label.
    #[must_use]
    pub fn name(&self, label: u32) -> &str {
        &self.names[position(label)]
    }

    /// Returns the label of a name, ignoring case when no name is exactly so.
    ///
    /// # Errors
    /// [`JourneyError::UnknownLabel`] when there is none.
    pub fn label(&self, name: &str) -> Result<u32, JourneyError> {
        find_label(&self.names, name)
    }

    /// Returns the view of everybody at all times.
    #[must_use]
    pub fn all(&self) -> View<'_> {
        View::new(self, None, Period::ALWAYS)
    }

    /// Returns the view of some profiles, or of a period, or both; nothing is copied.
    #[must_use]
    pub fn select<'a>(&'a self, profiles: Option<&'a ProfileSet>, period: Period) -> View<'a> {
        View::new(self, profiles, period)
    }

    pub(crate) fn events(&self, profile_idx: usize) -> Events<'_> {
        let rows = self.offsets[profile_idx]..self.offsets[profile_idx + 1];
        let events = Events {
            occurred_at: &self.occurred_at,
            touchpoint: &self.touchpoint,
            session: &self.session,
            value: &self.value,
        };
        events.part(rows)
    }

    /// Returns ranges of profiles with about equally many events, all profiles in order.
    pub(crate) fn parts(&self) -> Vec<Range<usize>> {
        parts(&self.offsets)
    }
}

/// Returns the label of a name among the names of some histories, ignoring case when no
/// name is exactly so.
///
/// # Errors
/// [`JourneyError::UnknownLabel`] when there is none.
pub fn find_label(names: &[String], name: &str) -> Result<u32, JourneyError> {
    let exact = names.iter().position(|other| other == name);
    let alike = || names.iter().position(|other| other.eq_ignore_ascii_case(name));
    if let Some(label) = exact.or_else(alike) {
        return Ok(code(label));
    }
    let words = |text: &str| text.to_lowercase().split([' ', '_', '-']).map(str::to_owned).collect::<Vec<_>>();
    let wanted = words(name);
    let similar = names.iter().filter(|other| words(other).iter().any(|word| wanted.contains(word)));
    Err(JourneyError::UnknownLabel { name: name.to_owned(), similar: similar.take(SIMILAR_MAX).cloned().collect() })
}

/// Returns the labels that a name stands for: the touchpoint of that name, else those that
/// rules made of it, as `Order Completed (web)` of `Order Completed`.
///
/// # Errors
/// [`JourneyError::UnknownLabel`] when nothing is called so.
pub fn find_labels(names: &[String], name: &str) -> Result<Vec<u32>, JourneyError> {
    find_label(names, name).map(|label| vec![label]).or_else(|error| {
        let begins = format!("{} (", name.to_lowercase());
        let parts = (0_u32..).zip(names).filter(|(_, other)| other.to_lowercase().starts_with(&begins));
        let parts: Vec<u32> = parts.map(|(label, _)| label).collect();
        if parts.is_empty() { Err(error) } else { Ok(parts) }
    })
}

impl EventColumns<'_> {
    /// Returns some of the rows.
    fn rows(&self, rows: Range<usize>) -> Self {
        Self {
            profile: &self.profile[rows.clone()],
            occurred_at: &self.occurred_at[rows.clone()],
            event_key: self.event_key.map(|keys| &keys[rows.clone()]),
            touchpoint: &self.touchpoint[rows.clone()],
            session: self.session.map(|sessions| &sessions[rows.clone()]),
            value: self.value.map(|values| &values[rows]),
        }
    }

    fn lengths(&self) -> [usize; 5] {
        let n_events = self.profile.len();
        [
            self.occurred_at.len(),
            self.touchpoint.len(),
            self.event_key.map_or(n_events, <[i64]>::len),
            self.session.map_or(n_events, <[u32]>::len),
            self.value.map_or(n_events, <[i64]>::len),
        ]
    }
}

impl<'a> Events<'a> {
    /// Returns the events at some positions; absent columns stay absent.
    pub(crate) fn part(self, rows: Range<usize>) -> Self {
        Self {
            occurred_at: &self.occurred_at[rows.clone()],
            touchpoint: &self.touchpoint[rows.clone()],
            session: self.session.get(rows.clone()).unwrap_or_default(),
            value: self.value.get(rows).unwrap_or_default(),
        }
    }

    pub(crate) fn len(self) -> usize {
        self.touchpoint.len()
    }
}

/// Parts that threads may work on at the same time: enough for the largest machines to
/// be busy, few enough that joining their answers does not show.
const N_PARTS: usize = 16;

fn parts(offsets: &[usize]) -> Vec<Range<usize>> {
    let n_events = offsets.last().copied().unwrap_or_default();
    let border = |part_idx: usize| match part_idx {
        0 => 0,
        N_PARTS => offsets.len() - 1,
        _ => offsets.partition_point(|offset| *offset < n_events / N_PARTS * part_idx).min(offsets.len() - 1),
    };
    (0..N_PARTS).map(|part_idx| border(part_idx)..border(part_idx + 1)).collect()
}

/// Returns the different names in order, and the pieces of all parts with the code of
/// each name of their part.
fn dictionary(parts: &[EventPart]) -> (Vec<String>, Vec<Source<'_>>) {
    let mut sorted: Vec<&str> = Vec::new();
    for part in parts {
        sorted.extend(part.names().iter().map(String::as_str));
        // Parts mostly name the same touchpoints.
        sorted.sort_unstable();
        sorted.dedup();
    }
    let mut sources = Vec::new();
    for part in parts {
        let place = |name: &String| code(sorted.partition_point(|other| *other < name.as_str()));
        let codes: Arc<[u32]> = part.names().iter().map(place).collect();
        sources.extend(part.pieces.iter().map(|piece| Source { piece, codes: Arc::clone(&codes) }));
    }
    (sorted.into_iter().map(str::to_owned).collect(), sources)
}
