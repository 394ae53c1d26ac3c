//! Transitions: what follows what, a first-order chain with a start and an end.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use crate::interner::{Interner, pair, unpair};
use crate::numbers::{median_seconds, percentile_seconds, position, share};
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
fn steps(journey: Journey<'_>, mut take: impl FnMut(u32, u32, Option<i64>)) {
    let mut before = (START, 0);
    for (label, at) in journey.labels.iter().zip(journey.times) {
        let (from, from_at) = before;
        take(from, label + 1, (from != START).then(|| at.saturating_sub(from_at)));
        before = (label + 1, *at);
    }
    take(before.0, END, None);
}

/// Returns how journeys go from touchpoint to touchpoint.
///
/// Beside the answer it takes 8 bytes a transition while it runs, for the medians, and
/// 12 more in the parts that threads are at.
#[must_use]
pub fn transitions(view: &View<'_>, cut: Cut<'_>) -> TransitionMatrix {
    let tally = Tally::of(view, cut);
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
            let times = &tally.times[position(*edge)];
            dwell_us += times.sum_us;
            matrix.transitions.push(Transition {
                from: state(*from),
                to: state(*to),
                n_transitions: *n_transitions,
                n_profiles: tally.counts[position(*edge)].n_profiles,
                share_out: share(*n_transitions, n_visits),
                share_in: share(*n_transitions, n_into[&state(*to)]),
                median_seconds: times.median_seconds,
                p95_seconds: times.p95_seconds,
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
        steps(journey, |before, after, _| taken |= state(before) == from && state(after) == to);
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

/// Numbers for transitions: where touchpoints are few, by a table of all pairs.
struct Edges {
    /// The number of each pair of states plus one, 0 for one not seen; empty where there
    /// would be too many.
    cells: Vec<u32>,
    /// States: a side of the table.
    n_states: usize,
    seen: Interner,
}

/// The most pairs of states in a table: it stays in the nearest cache.
const N_CELLS_MAX: usize = 1 << 12;

impl Edges {
    fn new(n_labels: usize) -> Self {
        let n_states = n_labels.saturating_add(2);
        let n_cells = n_states.saturating_mul(n_states);
        let cells = if n_cells <= N_CELLS_MAX { vec![0; n_cells] } else { Vec::new() };
        Self { cells, n_states, seen: Interner::default() }
    }

    fn number(&mut self, from: u32, to: u32) -> u32 {
        // The end is the last state of the table.
        let cell_idx = position(from) * self.n_states + position(to).min(self.n_states - 1);
        match self.cells.get_mut(cell_idx) {
            None => self.seen.intern(pair(from, to)),
            Some(cell) => {
                if *cell == 0 {
                    *cell = self.seen.intern(pair(from, to)) + 1;
                }
                *cell - 1
            }
        }
    }
}

/// The transitions of the journeys of some profiles.
struct Part {
    edges: Edges,
    counts: Vec<Counts>,
    /// For every step between two touchpoints, its transition and how long it took.
    edge_of: Vec<u32>,
    gap_us: Vec<i64>,
    n_sessions: u64,
}

impl Part {
    fn new(n_labels: usize) -> Self {
        let (counts, edge_of, gap_us) = (Vec::new(), Vec::new(), Vec::new());
        Self { edges: Edges::new(n_labels), counts, edge_of, gap_us, n_sessions: 0 }
    }

    fn take(&mut self, journey: Journey<'_>) {
        self.n_sessions += 1;
        steps(journey, |from, to, gap_us| {
            let edge = self.edges.number(from, to);
            self.count(edge, journey.profile);
            if let Some(gap_us) = gap_us {
                self.edge_of.push(edge);
                self.gap_us.push(gap_us);
            }
        });
    }

    fn count(&mut self, edge: u32, profile: u32) {
        if position(edge) == self.counts.len() {
            self.counts.push(Counts::default());
        }
        let counts = &mut self.counts[position(edge)];
        let profile = u64::from(profile) + 1;
        counts.n_transitions += 1;
        counts.n_profiles += u64::from(counts.profile_last != profile);
        counts.profile_last = profile;
    }
}

/// The transitions of all journeys.
struct Tally {
    /// Each transition by its two states.
    edges: Interner,
    counts: Vec<Counts>,
    times: Vec<Times>,
    n_sessions: u64,
}

/// The times of all steps of a transition.
#[derive(Default, Clone)]
struct Times {
    sum_us: i128,
    median_seconds: Option<f64>,
    p95_seconds: Option<f64>,
}

impl Tally {
    fn of(view: &View<'_>, cut: Cut<'_>) -> Self {
        let n_labels = view.histories().names().len();
        let keep = |part: Part| (Gaps::of(&part), part.edges.seen, part.counts, part.n_sessions);
        let parts = view.fold_journeys_into(cut, || Part::new(n_labels), Part::take, keep);
        let (mut edges, mut counts) = (Interner::default(), Vec::new());
        // Each transition, and where in which part its times are.
        let mut places: Vec<(u32, usize, u32)> = Vec::new();
        for (part_idx, (_, seen, part_counts, _)) in parts.iter().enumerate() {
            for ((own, key), part_counts) in (0..).zip(seen.keys()).zip(part_counts) {
                let edge = edges.intern(*key);
                counts.resize_with(edges.keys().len(), Counts::default);
                counts[position(edge)].n_transitions += part_counts.n_transitions;
                counts[position(edge)].n_profiles += part_counts.n_profiles;
                places.push((edge, part_idx, own));
            }
        }
        places.sort_unstable();
        let of_edges: Vec<&[(u32, usize, u32)]> = places.chunk_by(|a, b| a.0 == b.0).collect();
        let times = |places: &&[(u32, usize, u32)]| {
            let gaps_us = places.iter().map(|(_, part_idx, own)| parts[*part_idx].0.edge(*own));
            Times::of(&mut gaps_us.collect::<Vec<_>>().concat())
        };
        let times = of_edges.par_iter().map(times).collect();
        Self { edges, counts, times, n_sessions: parts.iter().map(|(_, _, _, n_sessions)| n_sessions).sum() }
    }

    fn by_state_after(&self) -> BTreeMap<State, u64> {
        let mut n_into = BTreeMap::new();
        for (key, counts) in self.edges.keys().iter().zip(&self.counts) {
            *n_into.entry(state(unpair(*key).1)).or_default() += counts.n_transitions;
        }
        n_into
    }
}

impl Times {
    fn of(gaps_us: &mut [i64]) -> Self {
        Self {
            sum_us: gaps_us.iter().map(|gap_us| i128::from(*gap_us)).sum(),
            median_seconds: median_seconds(gaps_us),
            p95_seconds: percentile_seconds(gaps_us, 95),
        }
    }
}

/// The times of a part's steps, those of one transition together.
struct Gaps {
    offsets: Vec<usize>,
    gap_us: Vec<i64>,
}

impl Gaps {
    fn of(part: &Part) -> Self {
        let mut offsets = vec![0; part.counts.len() + 1];
        for edge in &part.edge_of {
            offsets[position(*edge) + 1] += 1;
        }
        for edge_idx in 0..part.counts.len() {
            offsets[edge_idx + 1] += offsets[edge_idx];
        }
        let mut next = offsets.clone();
        let mut sorted = vec![0; part.gap_us.len()];
        for (edge, gap_us) in part.edge_of.iter().zip(&part.gap_us) {
            let slot = &mut next[position(*edge)];
            sorted[*slot] = *gap_us;
            *slot += 1;
        }
        Self { offsets, gap_us: sorted }
    }

    fn edge(&self, edge: u32) -> &[i64] {
        &self.gap_us[self.offsets[position(edge)]..self.offsets[position(edge) + 1]]
    }
}
