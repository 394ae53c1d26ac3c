//! Journey features: one number about one person's journeys, as of a day.
//!
//! The number is a function of the person's events in total order, of what is asked, and
//! of the day. [`JourneyFeature::value`] is that function and the only one: histories that
//! were read at once give it their columns, and a live profile gives it the events it has
//! so far, so that both say the same to the bit, in any order of arrival.

use std::num::NonZeroU32;
use std::sync::Arc;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use throng_event::{AsOf, Calendar, Day, Instant};

use crate::histories::{Events, Histories};
use crate::next_step::NextStepModel;
use crate::numbers::{real, share};
use crate::pattern::{Pattern, follows};
use crate::view::{Cut, Cutter, Period, Repeats, Scope};

/// What is asked of one person's journeys.
#[derive(Debug, Clone)]
pub struct JourneyFeature {
    /// How far one journey goes; touchpoints that follow their like count again.
    pub extent: JourneyExtent,
    /// How many local days are seen, that of `as_of` the last; all where there is none.
    /// Journeys are cut as if there were nothing before.
    pub n_days: Option<NonZeroU32>,
    /// What is wanted of the journeys.
    pub measure: JourneyMeasure,
}

/// How far one journey goes, as [`Scope`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JourneyExtent {
    /// Each session is one.
    Session {
        /// The longest gap inside a session.
        gap_us: i64,
    },
    /// Each local day with any event is one.
    Day,
    /// All of the history that is seen is one.
    History,
}

/// What is wanted of somebody's journeys.
#[derive(Debug, Clone)]
pub enum JourneyMeasure {
    /// How many follow a pattern; 0 where there are none.
    Count(Pattern),
    /// 1 where any follows a pattern, else 0.
    Any(Pattern),
    /// The share that follow a pattern; nothing where there are none.
    Share(Pattern),
    /// How probable some touchpoints are, taken together, as the next one of the last
    /// journey, as if it were still under way; nothing where there is none.
    NextStep {
        /// The touchpoints, each once.
        labels: Vec<u32>,
        /// What came next in everybody's journeys.
        model: Arc<NextStepModel>,
    },
}

/// One person's events in total order: when each happened, and its touchpoint's label.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Ascending.
    pub occurred_at: &'a [i64],
    /// As many.
    pub labels: &'a [u32],
}

/// Events of one person that are looked at, the newest of those in the window: what a
/// person does in years. Nothing is asked of a machine that sends millions, and a live
/// profile pays for each event again with every new one.
const EVENTS_MAX: usize = 1 << 16;

impl JourneyExtent {
    /// Returns the cut of journeys that go so far.
    #[must_use]
    pub fn cut(self, calendar: &Calendar) -> Cut<'_> {
        let scope = match self {
            Self::Session { gap_us } => Scope::Session { gap_us },
            Self::Day => Scope::Day(calendar),
            Self::History => Scope::History,
        };
        Cut { scope, repeats: Repeats::Keep }
    }
}

impl JourneyFeature {
    /// Returns the value as of a day; nothing where it has no meaning.
    ///
    /// # Panics
    /// When the columns of the history do not fit each other, which is a mistake of the
    /// caller's.
    #[must_use]
    pub fn value(&self, history: History<'_>, calendar: &Calendar, as_of: AsOf) -> Option<f64> {
        assert_eq!(history.occurred_at.len(), history.labels.len(), "every event has a time and a label");
        let events = seen(history, self.period(calendar, as_of));
        let cut = self.extent.cut(calendar);
        match &self.measure {
            JourneyMeasure::Count(pattern) => Some(real(followed(events, cut, pattern).0)),
            JourneyMeasure::Any(pattern) => Some(f64::from(u8::from(followed(events, cut, pattern).0 > 0))),
            JourneyMeasure::Share(pattern) => {
                let (n_followed, n_journeys) = followed(events, cut, pattern);
                (n_journeys > 0).then(|| share(n_followed, n_journeys))
            }
            JourneyMeasure::NextStep { labels, model } => {
                let start = last_journey(events, cut)?;
                let journey = &events.touchpoint[start..];
                Some(labels.iter().map(|label| model.probability(journey, *label)).sum())
            }
        }
    }

    /// Returns the value of every profile of some histories, by its number.
    #[must_use]
    pub fn values(&self, histories: &Histories, calendar: &Calendar, as_of: AsOf) -> Vec<Option<f64>> {
        let value = |profile_idx: usize| {
            let Events { occurred_at, touchpoint: labels, .. } = histories.events(profile_idx);
            self.value(History { occurred_at, labels }, calendar, as_of)
        };
        (0..histories.n_profiles()).into_par_iter().map(value).collect()
    }

    /// Returns the instants that are seen.
    #[must_use]
    pub fn period(&self, calendar: &Calendar, as_of: AsOf) -> Period {
        let first = |n_days: NonZeroU32| {
            let before = i64::from(as_of.day.0) - i64::from(n_days.get());
            calendar.start(Day(i32::try_from(before + 1).unwrap_or(i32::MIN)))
        };
        Period { from: self.n_days.map_or(Period::ALWAYS.from, first), ..period_until(as_of) }
    }
}

/// Returns all of time up to a day.
#[must_use]
pub fn period_until(as_of: AsOf) -> Period {
    // The end of a day is the first instant of the next.
    Period { from: Period::ALWAYS.from, to: Instant(as_of.end.0.saturating_sub(1)) }
}

/// Returns the newest events of a period.
fn seen(history: History<'_>, period: Period) -> Events<'_> {
    let start = history.occurred_at.partition_point(|at| *at < period.from.0);
    let end = history.occurred_at.partition_point(|at| *at <= period.to.0).max(start);
    let rows = start.max(end.saturating_sub(EVENTS_MAX))..end;
    let touchpoint = &history.labels[rows.clone()];
    Events { occurred_at: &history.occurred_at[rows], touchpoint, session: &[], value: &[] }
}

/// Returns how many journeys follow a pattern, and how many there are.
fn followed(events: Events<'_>, cut: Cut<'_>, pattern: &Pattern) -> (u64, u64) {
    let mut follows = follows(pattern);
    let (mut n_followed, mut n_journeys) = (0, 0);
    if events.len() > 0 {
        Cutter::default().journeys(cut, 0, events, &mut |journey| {
            n_journeys += 1;
            n_followed += u64::from(follows(journey.labels));
        });
    }
    (n_followed, n_journeys)
}

/// Returns where the last journey begins.
fn last_journey(events: Events<'_>, cut: Cut<'_>) -> Option<usize> {
    let mut n_last = None;
    if events.len() > 0 {
        Cutter::default().journeys(cut, 0, events, &mut |journey| n_last = Some(journey.labels.len()));
    }
    // Repeats count again, so that a journey has as many touchpoints as events.
    n_last.map(|n_last| events.len() - n_last)
}
