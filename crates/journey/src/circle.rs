//! Circles: where journeys come back to a touchpoint, and where they go to and fro.
//!
//! A loop is a return to a touchpoint after others (A → … → A); the shortest of them,
//! over one other touchpoint (A → B → A), is a back-and-forth. A touchpoint that follows
//! itself is a repeat and no loop.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::numbers::{median_seconds, position};
use crate::profile_set::ProfileSet;
use crate::view::{Cut, Journey, View};

/// A return to a touchpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circle {
    /// From a touchpoint over any others back to it.
    Loop(u32),
    /// From the first touchpoint to the second and straight back.
    BackAndForth(u32, u32),
}

/// How often a circle was walked.
#[derive(Debug, Clone, PartialEq)]
pub struct CircleCount {
    /// The circle.
    pub circle: Circle,
    /// How often it was walked.
    pub n_times: u64,
    /// Journeys that hold it.
    pub n_sessions: u64,
    /// Profiles that walked it at least once.
    pub n_profiles: u64,
    /// Median time from leaving to coming back.
    pub median_seconds: Option<f64>,
}

/// Loops and back-and-forths, each most frequent first, then by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Circles {
    /// Returns to a touchpoint over any others.
    pub loops: Vec<CircleCount>,
    /// Returns over one other touchpoint; each is also a loop.
    pub back_and_forths: Vec<CircleCount>,
}

/// Returns all circles. Each return counts once: from the visit before it.
#[must_use]
pub fn circles(view: &View<'_>, cut: Cut<'_>) -> Circles {
    let n_labels = view.histories().names().len();
    let start = || (Finder::new(n_labels), BTreeMap::new(), 0_u64);
    let parts = view.fold_journeys(cut, start, |(finder, tally, n_sessions), journey| {
        *n_sessions += 1;
        finder.find(journey, |circle, span_us| {
            let counts: &mut Counts = tally.entry(circle).or_default();
            counts.n_sessions += u64::from(counts.session_last != *n_sessions);
            counts.n_profiles += u64::from(counts.profile_last != Some(journey.profile));
            (counts.session_last, counts.profile_last) = (*n_sessions, Some(journey.profile));
            counts.spans_us.push(span_us);
            counts.n_times += 1;
        });
    });
    let mut all: BTreeMap<Circle, Counts> = BTreeMap::new();
    for (circle, counts) in parts.into_iter().flat_map(|(_, tally, _)| tally) {
        let own = all.entry(circle).or_default();
        own.n_times += counts.n_times;
        own.n_sessions += counts.n_sessions;
        own.n_profiles += counts.n_profiles;
        own.spans_us.extend(counts.spans_us);
    }
    let mut circles = Circles { loops: Vec::new(), back_and_forths: Vec::new() };
    for (circle, mut counts) in all {
        let Counts { n_times, n_sessions, n_profiles, .. } = counts;
        let median_seconds = median_seconds(&mut counts.spans_us);
        let list = match circle {
            Circle::Loop(_) => &mut circles.loops,
            Circle::BackAndForth(..) => &mut circles.back_and_forths,
        };
        list.push(CircleCount { circle, n_times, n_sessions, n_profiles, median_seconds });
    }
    // By name already, and the sort is stable.
    circles.loops.sort_by_key(|count| Reverse(count.n_times));
    circles.back_and_forths.sort_by_key(|count| Reverse(count.n_times));
    circles
}

/// Returns who walked a circle: as many as its [`CircleCount::n_profiles`].
#[must_use]
pub fn circle_profiles(view: &View<'_>, cut: Cut<'_>, circle: Circle) -> ProfileSet {
    let n_labels = view.histories().names().len();
    let start = || (Finder::new(n_labels), Vec::new());
    let parts = view.fold_journeys(cut, start, |(finder, profiles), journey| {
        let mut walked = false;
        finder.find(journey, |other, _| walked |= other == circle);
        if walked {
            profiles.push(journey.profile);
        }
    });
    parts.into_iter().flat_map(|(_, profiles)| profiles).collect()
}

#[derive(Debug, Default)]
struct Counts {
    n_times: u64,
    n_sessions: u64,
    n_profiles: u64,
    session_last: u64,
    profile_last: Option<u32>,
    spans_us: Vec<i64>,
}

/// Finds circles; the list is kept for the next journey.
#[derive(Debug)]
struct Finder {
    /// Where each label was seen last in the journey.
    seen: Vec<Option<usize>>,
}

impl Finder {
    fn new(n_labels: usize) -> Self {
        Self { seen: vec![None; n_labels] }
    }

    fn find(&mut self, journey: Journey<'_>, mut take: impl FnMut(Circle, i64)) {
        for (idx, label) in journey.labels.iter().enumerate() {
            let before = self.seen[position(*label)].replace(idx);
            let Some(before) = before.filter(|before| before + 1 < idx) else { continue };
            let span_us = journey.span_us(before, idx);
            take(Circle::Loop(*label), span_us);
            if before + 2 == idx {
                take(Circle::BackAndForth(*label, journey.labels[before + 1]), span_us);
            }
        }
        for label in journey.labels {
            self.seen[position(*label)] = None;
        }
    }
}
