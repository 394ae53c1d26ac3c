//! A view of histories: whose, and when; and how histories are cut into journeys.
//!
//! Every question walks a view by [`View::fold`] or [`View::fold_journeys`], so that all
//! of them see the same profiles, the same events and the same journeys.

use std::ops::Range;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use throng_event::{Calendar, Instant};
use throng_profile::sessions;

use crate::histories::{Events, Histories};
use crate::numbers::{code, count, position};
use crate::profile_set::ProfileSet;

/// A span of time. Events outside it are not seen at all: journeys are cut, first
/// touches found and funnels entered as if there were nothing before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first instant.
    pub from: Instant,
    /// The last instant.
    pub to: Instant,
}

impl Period {
    /// All of time.
    pub const ALWAYS: Self = Self { from: Instant(i64::MIN), to: Instant(i64::MAX) };
}

/// How far one journey goes.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Each session is a journey; a gap of more microseconds than this parts sessions.
    Session {
        /// The longest gap inside a session.
        gap_us: i64,
    },
    /// Each calendar day with any event is a journey.
    Day(&'a Calendar),
    /// Each session of the source's own is a journey, also where several run at the same
    /// time; they are in the order of their beginnings. Without such sessions, each
    /// history is one.
    Source,
    /// The whole history of a profile is one journey.
    History,
}

/// What becomes of a touchpoint that follows its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It counts again.
    Keep,
    /// It is taken as one with the first of its run.
    Collapse,
}

/// What a journey is.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// How far it goes.
    pub scope: Scope<'a>,
    /// What becomes of repeated touchpoints.
    pub repeats: Repeats,
}

/// Some profiles of some histories in some period, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    histories: &'a Histories,
    profiles: Option<&'a ProfileSet>,
    period: Period,
}

/// One journey; never empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journey<'a> {
    pub(crate) profile: u32,
    /// Its touchpoints, one or more.
    pub(crate) labels: &'a [u32],
    /// When each began.
    pub(crate) times: &'a [i64],
    /// From its first event to its last, also where the last is taken as a repeat.
    pub(crate) duration_us: i64,
}

impl<'a> View<'a> {
    pub(crate) fn new(histories: &'a Histories, profiles: Option<&'a ProfileSet>, period: Period) -> Self {
        Self { histories, profiles, period }
    }

    /// Returns the histories that are viewed.
    #[must_use]
    pub fn histories(&self) -> &'a Histories {
        self.histories
    }

    /// Returns the view of other profiles in the same period.
    #[must_use]
    pub fn of(&self, profiles: &'a ProfileSet) -> Self {
        Self { profiles: Some(profiles), ..*self }
    }

    /// Returns how many profiles have any event in the period.
    #[must_use]
    pub fn n_active_profiles(&self) -> u64 {
        self.fold(|| 0, |n_profiles, _, _| *n_profiles += 1).into_iter().sum()
    }

    /// Returns how many profiles are viewed, those without events included.
    #[must_use]
    pub fn n_profiles(&self) -> u64 {
        let n_profiles = self.histories.n_profiles();
        self.profiles.map_or(count(n_profiles), |profiles| {
            count(profiles.iter().take_while(|profile| position(*profile) < n_profiles).count())
        })
    }

    /// Walks every profile with events in the period and returns what was gathered in
    /// each part, in the order of profiles; parts depend on the histories only, so that
    /// the answer does not depend on the number of threads.
    pub(crate) fn fold<T: Send>(
        &self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, u32, Events<'a>) + Sync,
    ) -> Vec<T> {
        self.fold_into(start, take, |gathered| gathered)
    }

    fn fold_into<T, U: Send>(
        &self,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, u32, Events<'a>) + Sync,
        keep: impl Fn(T) -> U + Sync,
    ) -> Vec<U> {
        let walk = |profiles: Range<usize>| {
            let mut gathered = start();
            for profile_idx in profiles {
                let profile = code(profile_idx);
                if self.profiles.is_some_and(|profiles| !profiles.contains(profile)) {
                    continue;
                }
                let events = self.within(self.histories.events(profile_idx));
                if events.len() > 0 {
                    take(&mut gathered, profile, events);
                }
            }
            keep(gathered)
        };
        self.histories.parts().into_par_iter().map(walk).collect()
    }

    /// Walks every journey, as [`View::fold`] does every profile.
    pub(crate) fn fold_journeys<T: Send>(
        &self,
        cut: Cut<'_>,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, Journey<'_>) + Sync,
    ) -> Vec<T> {
        self.fold_journeys_into(cut, start, take, |gathered| gathered)
    }

    /// Walks every journey, and makes of what was gathered in a part what is kept of it.
    pub(crate) fn fold_journeys_into<T, U: Send>(
        &self,
        cut: Cut<'_>,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, Journey<'_>) + Sync,
        keep: impl Fn(T) -> U + Sync,
    ) -> Vec<U> {
        self.fold_into(
            || (start(), Cutter::default()),
            |(gathered, cutter), profile, events| {
                cutter.journeys(cut, profile, events, &mut |journey| take(gathered, journey));
            },
            |(gathered, _)| keep(gathered),
        )
    }

    /// Returns the profiles for whose journey a test holds, once at least.
    pub(crate) fn profiles_of(&self, cut: Cut<'_>, holds: impl Fn(Journey<'_>) -> bool + Sync) -> ProfileSet {
        let parts = self.fold_journeys(cut, Vec::new, |profiles, journey| {
            if profiles.last() != Some(&journey.profile) && holds(journey) {
                profiles.push(journey.profile);
            }
        });
        parts.into_iter().flatten().collect()
    }

    fn within(&self, events: Events<'a>) -> Events<'a> {
        if self.period == Period::ALWAYS {
            return events;
        }
        let start = events.occurred_at.partition_point(|at| *at < self.period.from.0);
        let end = events.occurred_at.partition_point(|at| *at <= self.period.to.0);
        events.part(start..end.max(start))
    }
}

impl Journey<'_> {
    /// Returns the time from one touchpoint to a later one.
    pub(crate) fn span_us(&self, from_idx: usize, to_idx: usize) -> i64 {
        self.times[to_idx].saturating_sub(self.times[from_idx])
    }
}

/// Cuts histories into journeys, one after the other; the lists are kept for the next.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    labels: Vec<u32>,
    times: Vec<i64>,
    /// Events in the order of the source's sessions, where several ran at once.
    apart: Apart,
}

#[derive(Debug, Default)]
struct Apart {
    order: Vec<(usize, usize)>,
    labels: Vec<u32>,
    times: Vec<i64>,
    sessions: Vec<u32>,
}

/// What is cut.
#[derive(Clone, Copy)]
struct Whole<'a> {
    profile: u32,
    events: Events<'a>,
    repeats: Repeats,
}

impl Cutter {
    /// Gives every journey of a profile, in the order of their beginnings.
    pub(crate) fn journeys(
        &mut self,
        cut: Cut<'_>,
        profile: u32,
        events: Events<'_>,
        take: &mut impl FnMut(Journey<'_>),
    ) {
        let whole = Whole { profile, events, repeats: cut.repeats };
        match cut.scope {
            Scope::History => self.runs(whole, |_, _| false, take),
            Scope::Session { gap_us } => {
                for rows in sessions(events.occurred_at, gap_us) {
                    self.run(whole, rows, take);
                }
            }
            Scope::Day(calendar) => {
                let day = |idx: usize| calendar.local(Instant(events.occurred_at[idx])).0;
                self.runs(whole, |a, b| day(a) != day(b), take);
            }
            Scope::Source if events.session.is_empty() => {
                self.runs(whole, |_, _| false, take);
            }
            Scope::Source => {
                let mut apart = std::mem::take(&mut self.apart);
                let events = apart.order(events);
                let sessions = events.session;
                self.runs(Whole { events, ..whole }, |a, b| sessions[a] != sessions[b], take);
                self.apart = apart;
            }
        }
    }

    /// Gives the runs of events between which `parted` does not hold.
    fn runs(&mut self, whole: Whole<'_>, parted: impl Fn(usize, usize) -> bool, take: &mut impl FnMut(Journey<'_>)) {
        let mut start = 0;
        for end in 1..=whole.events.len() {
            if end == whole.events.len() || parted(end - 1, end) {
                self.run(whole, start..end, take);
                start = end;
            }
        }
    }

    /// Gives one journey.
    fn run(&mut self, whole: Whole<'_>, rows: Range<usize>, take: &mut impl FnMut(Journey<'_>)) {
        let run = whole.events.part(rows);
        let (first, last) = (run.occurred_at[0], run.occurred_at[run.len() - 1]);
        let (labels, times) = match whole.repeats {
            Repeats::Keep => (run.touchpoint, run.occurred_at),
            Repeats::Collapse => self.collapse(run),
        };
        take(Journey { profile: whole.profile, labels, times, duration_us: last.saturating_sub(first) });
    }

    fn collapse(&mut self, run: Events<'_>) -> (&[u32], &[i64]) {
        self.labels.clear();
        self.times.clear();
        for (label, at) in run.touchpoint.iter().zip(run.occurred_at) {
            if self.labels.last() != Some(label) {
                self.labels.push(*label);
                self.times.push(*at);
            }
        }
        (&self.labels, &self.times)
    }
}

impl Apart {
    /// Returns events with each session's together, sessions by their beginnings.
    fn order<'b>(&'b mut self, events: Events<'b>) -> Events<'b> {
        let mut first_of = std::collections::BTreeMap::new();
        self.order.clear();
        for (idx, session) in events.session.iter().enumerate() {
            self.order.push((*first_of.entry(*session).or_insert(idx), idx));
        }
        if self.order.is_sorted() {
            return events;
        }
        self.order.sort_unstable();
        let order = self.order.iter().map(|(_, idx)| *idx);
        self.labels = order.clone().map(|idx| events.touchpoint[idx]).collect();
        self.times = order.clone().map(|idx| events.occurred_at[idx]).collect();
        self.sessions = order.map(|idx| events.session[idx]).collect();
        // Values play no part in journeys.
        Events { occurred_at: &self.times, touchpoint: &self.labels, session: &self.sessions, value: &[] }
    }
}
