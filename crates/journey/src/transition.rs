//! Transitions: what follows what, a first-order chain with a start and an end.

use std::cmp::Reverse;

use crate::statistics::{count, median_seconds, share};
use crate::touchpoints::{Journeys, position};
use crate::{Repeats, Scope, Touchpoints};

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
    /// Share of all steps out of `from`.
    pub share_out: f64,
    /// Median time it took; `None` out of the start and into the end.
    pub median_seconds: Option<f64>,
}

/// How often journeys came to a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visits {
    /// The label.
    pub label: u32,
    /// How often; equals the transitions into the label and those out of it.
    pub n_visits: u64,
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

/// A transition of one journey; states are numbered so that their order is the order
/// of names: 0 the start, then the ranks of labels from 1, then the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    from: u32,
    to: u32,
    gap_us: i64,
}

const START: u32 = 0;
const END: u32 = u32::MAX;

/// Returns how journeys go from touchpoint to touchpoint.
#[must_use]
pub fn transitions(touchpoints: &Touchpoints<'_>, scope: Scope, repeats: Repeats) -> TransitionMatrix {
    let journeys = touchpoints.journeys(scope, repeats);
    let mut steps = steps(&journeys);
    steps.sort_unstable();
    let state = |number: u32| match number {
        START => State::Start,
        END => State::End,
        number => State::Label(touchpoints.by_rank(number - 1)),
    };
    let mut rows: Vec<(u32, Reverse<u64>, u32, Option<f64>)> = Vec::new();
    let mut gaps_us = Vec::new();
    for run in steps.chunk_by(|a, b| (a.from, a.to) == (b.from, b.to)) {
        let (from, to) = (run[0].from, run[0].to);
        gaps_us.clear();
        if from != START && to != END {
            gaps_us.extend(run.iter().map(|step| step.gap_us));
        }
        rows.push((from, Reverse(count(run.len())), to, median_seconds(&mut gaps_us)));
    }
    rows.sort_by_key(|(from, n_transitions, to, _)| (*from, *n_transitions, *to));
    let mut matrix =
        TransitionMatrix { transitions: Vec::new(), visits: Vec::new(), n_sessions: count(journeys.ranges.len()) };
    for out in rows.chunk_by(|a, b| a.0 == b.0) {
        let n_visits = out.iter().map(|(_, Reverse(n_transitions), _, _)| n_transitions).sum();
        if let State::Label(label) = state(out[0].0) {
            matrix.visits.push(Visits { label, n_visits });
        }
        for (from, Reverse(n_transitions), to, median_seconds) in out {
            matrix.transitions.push(Transition {
                from: state(*from),
                to: state(*to),
                n_transitions: *n_transitions,
                share_out: share(*n_transitions, n_visits),
                median_seconds: *median_seconds,
            });
        }
    }
    matrix
}

fn steps(journeys: &Journeys) -> Vec<Step> {
    let mut steps = Vec::with_capacity(journeys.steps.len() + journeys.ranges.len());
    for (_, range) in &journeys.ranges {
        let mut from = START;
        let mut before_at = 0;
        for step_idx in range.clone() {
            let (to, occurred_at) = (journeys.steps[step_idx] + 1, journeys.occurred_at[step_idx]);
            steps.push(Step { from, to, gap_us: occurred_at.saturating_sub(before_at) });
            (from, before_at) = (to, occurred_at);
        }
        steps.push(Step { from, to: END, gap_us: 0 });
    }
    // A rank is a position in the names, so a rank plus one never is the end's number.
    debug_assert!(steps.iter().all(|step| step.from != END && position(step.from) < position(END)));
    steps
}
