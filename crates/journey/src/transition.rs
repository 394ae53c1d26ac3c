//! Transitions: what follows what, a first-order chain with a start and an end.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::interner::{Interner, pair, unpair};
use crate::numbers::{code, count, median_seconds, percentile_seconds, position, share};
use crate::profile_set::ProfileSet;
use crate::view::{Cut, Journey, View};

/// Where a journey is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Before its first touchpoint.
    Start,
    /// At a touchpoint of this label.
    Label(u32),
    /// After its last touchpoint.
    End,
}

/// A step from one state to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// How often it was taken.
    pub n_transitions: u64,
    /// Profiles that took it at least once.
    pub n_profiles: u64,
    /// Share of all steps out of `from`.
    pub share_out: f64,
    /// Share of all steps into `to`.
    pub share_in: f64,
    /// Median time it took; `None` out of the start and into the end.
    pub median_seconds: Option<f64>,
    /// The time that 95 % of its steps did not exceed; `None` as the median.
    pub p95_seconds: Option<f64>,
}

/// How often journeys came to a label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visits {
    /// The label.
    pub label: u32,
    /// How often; equals the transitions into the label and those out of it.
    pub n_visits: u64,
    /// Time from it to the next touchpoint, all visits together; nothing is known of
    /// the time after the last touchpoint of a journey.
    pub dwell_us: i128,
    /// Share of all time between touchpoints that was spent here: the stationary
    /// distribution of the semi-Markov process that starts anew when it has ended.
    pub dwell_share: f64,
}

/// All transitions that occurred.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionMatrix {
    /// By `from` (start first, labels by name), then most frequent first, then by
    /// the name of `to` (end last).
    pub transitions: Vec<Transition>,
    /// The labels that occurred, by name.
    pub visits: Vec<Visits>,
    /// All journeys; equals the transitions out of the start and into the end.
    pub n_sessions: u64,
}

impl TransitionMatrix {
    /// Returns the transitions out of a state, most frequent first.
    pub fn out_of(&self, from: State) -> impl Iterator<Item = &Transition> {
        self.transitions.iter().filter(move |transition| transition.from == from)
    }
}

/// States as numbers whose order is that of names: 0 the start, then labels from 1,
/// then the end.
const START: u32 = 0;
const END: u32 = u32::MAX;

fn state(number: u32) -> State {
    match number {
        START => State::Start,
        END => State::End,
        label => State::Label(label - 1),
    }
}

/// Gives every step of a journey with the time it took.
fn steps(journey: Journey<'_>, mut take: impl FnMut(u64, Option<i64>)) {
    let mut before: Option<(u32, i64)> = None;
    for (label, at) in journey.labels.iter().zip(journey.times) {
        match before {
            None => take(pair(START, label + 1), None),
            Some((from, from_at)) => take(pair(from, label + 1), Some(at.saturating_sub(from_at))),
        }
        before = Some((label + 1, *at));
    }
    if let Some((from, _)) = before {
        take(pair(from, END), None);
    }
}

/// Returns how journeys go from touchpoint to touchpoint.
///
/// Beside the answer it takes 20 bytes a transition while it runs, for the medians.
#[must_use]
pub fn transitions(view: &View<'_>, cut: Cut<'_>) -> TransitionMatrix {
    let mut tally = Tally::default();
    for part in view.fold_journeys(cut, Tally::default, |tally, journey| tally.take(journey)) {
        tally.join(part);
    }
    let mut gaps = Gaps::of(&tally);
    let mut edges: Vec<(u32, Reverse<u64>, u32, u32)> = Vec::with_capacity(tally.counts.len());
    for ((edge, key), counts) in (0..).zip(tally.edges.keys()).zip(&tally.counts) {
        let (from, to) = unpair(*key);
        edges.push((from, Reverse(counts.n_transitions), to, edge));
    }
    edges.sort_unstable();
    let n_into = tally.by_state_after();
    let mut matrix = TransitionMatrix { transitions: Vec::new(), visits: Vec::new(), n_sessions: tally.n_sessions };
    for out in edges.chunk_by(|a, b| a.0 == b.0) {
        let n_visits = out.iter().map(|(_, Reverse(n_transitions), _, _)| n_transitions).sum();
        let mut dwell_us = 0;
        for (from, Reverse(n_transitions), to, edge) in out {
            let gaps_us = gaps.edge(*edge);
            dwell_us += gaps_us.iter().map(|gap_us| i128::from(*gap_us)).sum::<i128>();
            matrix.transitions.push(Transition {
                from: state(*from),
                to: state(*to),
                n_transitions: *n_transitions,
                n_profiles: tally.counts[position(*edge)].n_profiles,
                share_out: share(*n_transitions, n_visits),
                share_in: share(*n_transitions, n_into[&state(*to)]),
                median_seconds: median_seconds(gaps_us),
                p95_seconds: percentile_seconds(gaps_us, 95),
            });
        }
        if let State::Label(label) = state(out[0].0) {
            matrix.visits.push(Visits { label, n_visits, dwell_us, dwell_share: 0.0 });
        }
    }
    let dwell_us: i128 = matrix.visits.iter().map(|visits| visits.dwell_us).sum();
    for visits in &mut matrix.visits {
        visits.dwell_share = ratio(visits.dwell_us, dwell_us);
    }
    matrix
}

/// Returns who took a transition at least once: as many as its [`Transition::n_profiles`].
#[must_use]
pub fn transition_profiles(view: &View<'_>, cut: Cut<'_>, from: State, to: State) -> ProfileSet {
    view.profiles_of(cut, |journey| {
        let mut taken = false;
        steps(journey, |key, _| {
            let (before, after) = unpair(key);
            taken |= state(before) == from && state(after) == to;
        });
        taken
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share of sums of times, to be read by people")]
fn ratio(part: i128, whole: i128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[derive(Default, Clone)]
struct Counts {
    n_transitions: u64,
    n_profiles: u64,
    /// The profile that took it last, plus one: profiles come one after the other.
    profile_last: u64,
}

/// The transitions of some journeys.
#[derive(Default)]
struct Tally {
    /// Each transition by its two states.
    edges: Interner,
    counts: Vec<Counts>,
    /// For every step between two touchpoints, its transition and how long it took.
    edge_of: Vec<u32>,
    gap_us: Vec<i64>,
    n_sessions: u64,
}

impl Tally {
    fn take(&mut self, journey: Journey<'_>) {
        let profile = u64::from(journey.profile) + 1;
        self.n_sessions += 1;
        steps(journey, |key, gap_us| {
            let edge = self.edges.intern(key);
            if position(edge) == self.counts.len() {
                self.counts.push(Counts::default());
            }
            let counts = &mut self.counts[position(edge)];
            counts.n_transitions += 1;
            counts.n_profiles += u64::from(counts.profile_last != profile);
            counts.profile_last = profile;
            if let Some(gap_us) = gap_us {
                self.edge_of.push(edge);
                self.gap_us.push(gap_us);
            }
        });
    }

    /// Takes in the journeys of other profiles.
    fn join(&mut self, other: Self) {
        let mut number = Vec::with_capacity(other.counts.len());
        for (key, counts) in other.edges.keys().iter().zip(other.counts) {
            let edge = self.edges.intern(*key);
            self.counts.resize_with(self.edges.keys().len(), Counts::default);
            self.counts[position(edge)].n_transitions += counts.n_transitions;
            self.counts[position(edge)].n_profiles += counts.n_profiles;
            number.push(edge);
        }
        self.edge_of.extend(other.edge_of.iter().map(|edge| number[position(*edge)]));
        self.gap_us.extend(other.gap_us);
        self.n_sessions += other.n_sessions;
    }

    fn by_state_after(&self) -> BTreeMap<State, u64> {
        let mut n_into = BTreeMap::new();
        for (key, counts) in self.edges.keys().iter().zip(&self.counts) {
            *n_into.entry(state(unpair(*key).1)).or_default() += counts.n_transitions;
        }
        n_into
    }
}

/// The times of all steps, those of one transition together.
struct Gaps {
    offsets: Vec<usize>,
    gap_us: Vec<i64>,
}

impl Gaps {
    fn of(tally: &Tally) -> Self {
        let mut offsets = vec![0; tally.counts.len() + 1];
        for edge in &tally.edge_of {
            offsets[position(*edge) + 1] += 1;
        }
        for edge_idx in 0..tally.counts.len() {
            offsets[edge_idx + 1] += offsets[edge_idx];
        }
        let mut next = offsets.clone();
        let mut sorted = vec![0; tally.gap_us.len()];
        for (edge, gap_us) in tally.edge_of.iter().zip(&tally.gap_us) {
            let slot = &mut next[position(*edge)];
            sorted[*slot] = *gap_us;
            *slot += 1;
        }
        debug_assert_eq!(offsets.last().map(|n_gaps| count(*n_gaps)), Some(count(sorted.len())));
        Self { offsets, gap_us: sorted }
    }

    fn edge(&mut self, edge: u32) -> &mut [i64] {
        let edge_idx = position(edge);
        debug_assert_eq!(code(edge_idx), edge);
        &mut self.gap_us[self.offsets[edge_idx]..self.offsets[edge_idx + 1]]
    }
}
