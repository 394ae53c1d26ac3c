//! Histories that grow: events as they arrive, one by one, late ones and repeated ones
//! among them, and profiles that turn out to be one person.
//!
//! What has been added is kept in total order, so that the order of arrival leaves no
//! trace: the histories made of it are, bit for bit, those that [`Histories::new`] makes
//! of the same events at once, and so is every answer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::JourneyError;
use crate::histories::{EventColumns, Histories};
use crate::numbers::code;

/// One event as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// When it happened, in microseconds.
    pub occurred_at: i64,
    /// What orders events of one instant, and tells an event from another.
    pub event_key: i64,
    /// What happened.
    pub touchpoint: &'a str,
    /// The source's own session, where it has them.
    pub session: Option<u32>,
    /// What it was worth, in minor units, where it is known.
    pub value: Option<i64>,
}

/// The events of many profiles so far, each once: about 60 bytes an event.
#[derive(Debug, Clone, Default)]
pub struct GrowingHistories {
    /// By profile, instant and key: all events in the order of histories.
    events: BTreeMap<(u32, i64, i64), Touch>,
    /// The number of every name that was met, in the order of meeting.
    numbers: BTreeMap<Arc<str>, u32>,
    /// The names by their numbers.
    names: Vec<Arc<str>>,
}

/// What is kept of an event beside its place.
#[derive(Debug, Clone, Copy)]
struct Touch {
    touchpoint: u32,
    session: Option<u32>,
    value: Option<i64>,
}

/// The label of a touchpoint that has none: it is another than all that have one.
pub const UNNAMED: u32 = u32::MAX - 2;

impl GrowingHistories {
    /// Returns histories without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event of a profile and returns whether it is new: an event of the same
    /// profile, instant and key is the same event, and the first to arrive stands.
    pub fn add(&mut self, profile: u32, arrival: Arrival<'_>) -> bool {
        let place = (profile, arrival.occurred_at, arrival.event_key);
        if self.events.contains_key(&place) {
            return false;
        }
        let touchpoint = match self.numbers.get(arrival.touchpoint) {
            Some(touchpoint) => *touchpoint,
            None => {
                let touchpoint = code(self.names.len());
                let name: Arc<str> = arrival.touchpoint.into();
                self.names.push(Arc::clone(&name));
                self.numbers.insert(name, touchpoint);
                touchpoint
            }
        };
        self.events.insert(place, Touch { touchpoint, session: arrival.session, value: arrival.value });
        true
    }

    /// Gives all events of one profile to another: both are one person. What both have
    /// counts once; who had the events has none any more.
    pub fn merge(&mut self, from: u32, into: u32) {
        if from == into {
            return;
        }
        let moved: Vec<((u32, i64, i64), Touch)> = self.events.extract_if(places_of(from), |_, _| true).collect();
        for ((_, occurred_at, event_key), touch) in moved {
            self.events.entry((into, occurred_at, event_key)).or_insert(touch);
        }
    }

    /// Returns the events of one profile as they are now, in total order: their instants,
    /// and their touchpoints as labels of some names, ascending; [`UNNAMED`] for a
    /// touchpoint that is not among them.
    #[must_use]
    pub fn history(&self, profile: u32, names: &[String]) -> (Vec<i64>, Vec<u32>) {
        let label = |touch: &Touch| {
            let name = &self.names[crate::numbers::position(touch.touchpoint)];
            names.binary_search_by(|other| other.as_str().cmp(name)).map_or(UNNAMED, code)
        };
        self.events.range(places_of(profile)).map(|((_, occurred_at, _), touch)| (*occurred_at, label(touch))).unzip()
    }

    /// Returns the histories of the first `n_profiles` profiles as they are now; sessions
    /// and values are known where any event has them.
    ///
    /// # Errors
    /// As [`Histories::new`].
    pub fn histories(&self, n_profiles: u32) -> Result<Histories, JourneyError> {
        let seen = || self.events.range(..(n_profiles, i64::MIN, i64::MIN));
        let profile: Vec<u32> = seen().map(|(place, _)| place.0).collect();
        let occurred_at: Vec<i64> = seen().map(|(place, _)| place.1).collect();
        let event_key: Vec<i64> = seen().map(|(place, _)| place.2).collect();
        let touchpoint: Vec<u32> = seen().map(|(_, touch)| touch.touchpoint).collect();
        let session: Vec<u32> = seen().map(|(_, touch)| touch.session.unwrap_or_default()).collect();
        let value: Vec<i64> = seen().map(|(_, touch)| touch.value.unwrap_or_default()).collect();
        let names: Vec<String> = self.names.iter().map(|name| (**name).to_owned()).collect();
        let columns = EventColumns {
            profile: &profile,
            occurred_at: &occurred_at,
            event_key: Some(&event_key),
            touchpoint: &touchpoint,
            session: seen().any(|(_, touch)| touch.session.is_some()).then_some(session.as_slice()),
            value: seen().any(|(_, touch)| touch.value.is_some()).then_some(value.as_slice()),
        };
        Histories::new(&columns, crate::numbers::position(n_profiles), &names)
    }
}

/// Returns where the events of a profile stand.
fn places_of(profile: u32) -> RangeInclusive<(u32, i64, i64)> {
    (profile, i64::MIN, i64::MIN)..=(profile, i64::MAX, i64::MAX)
}
