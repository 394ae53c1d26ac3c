//! The chain of transitions as a Markov chain that ends in success or in nothing:
//! how likely it is to succeed, and how much of that is lost without a touchpoint.
//!
//! The removal effect is that of Anderl et al. (2016): all steps into a touchpoint lead
//! to nothing instead.

use std::collections::BTreeMap;

use crate::numbers::share;
use crate::transition::{State, TransitionMatrix};

/// A Markov chain over states, with counts for probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkovChain {
    /// Steps out of each state but the end and the goal, by number of the state.
    steps: Vec<Vec<(usize, f64)>>,
    /// The labels of states, from number 1; the start is 0.
    labels: Vec<u32>,
    /// The number of success, and of nothing.
    goal: usize,
    nothing: usize,
}

/// How much of the success is lost without a touchpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemovalEffect {
    /// The touchpoint.
    pub label: u32,
    /// The share of the conversion that is lost, 0 to 1.
    pub effect: f64,
}

/// Rounds after which an iteration stops whatever is left to gain: chains in which one
/// stays for thousands of steps are the only ones to come so far.
const N_ROUNDS_MAX: usize = 100_000;

/// An iteration is done when no probability moves more than this.
const TOLERANCE: f64 = 1e-14;

impl MarkovChain {
    /// Returns the chain of a matrix in which any touchpoint of `goal` ends in success.
    #[must_use]
    pub fn new(matrix: &TransitionMatrix, goal: &[u32]) -> Self {
        let mut counts: BTreeMap<(State, State), u64> = BTreeMap::new();
        for transition in &matrix.transitions {
            counts.insert((transition.from, transition.to), transition.n_transitions);
        }
        Self::of(&counts, goal)
    }

    /// Returns the chain of counted steps in which any label of `goal` ends in success.
    pub(crate) fn of(counts: &BTreeMap<(State, State), u64>, goal: &[u32]) -> Self {
        let mut labels: Vec<u32> = Vec::new();
        for state in counts.keys().flat_map(|(from, to)| [from, to]) {
            if let State::Label(label) = state {
                labels.push(*label);
            }
        }
        labels.sort_unstable();
        labels.dedup();
        labels.retain(|label| !goal.contains(label));
        let (goal_number, nothing) = (labels.len() + 1, labels.len() + 2);
        let number = |state: State| match state {
            State::Start => 0,
            State::End => nothing,
            State::Label(label) => labels.binary_search(&label).map_or(goal_number, |idx| idx + 1),
        };
        let mut out: Vec<BTreeMap<usize, u64>> = vec![BTreeMap::new(); labels.len() + 1];
        for ((from, to), n_transitions) in counts {
            if let Some(out) = out.get_mut(number(*from)) {
                *out.entry(number(*to)).or_default() += n_transitions;
            }
        }
        let mut steps = Vec::with_capacity(out.len());
        for out in out {
            let n_out = out.values().sum();
            steps.push(out.into_iter().map(|(to, n_transitions)| (to, share(n_transitions, n_out))).collect());
        }
        Self { steps, labels, goal: goal_number, nothing }
    }

    /// Returns the probability of success from the start.
    #[must_use]
    pub fn conversion(&self) -> f64 {
        self.solve(None)[0]
    }

    /// Returns the probability of success from every label but those of the goal, by name.
    #[must_use]
    pub fn conversions(&self) -> Vec<(u32, f64)> {
        self.labels.iter().copied().zip(self.solve(None)[1..].iter().copied()).collect()
    }

    /// Returns what is lost without each of some labels, in their order; labels that do
    /// not occur, or belong to the goal, are left out, and nothing is lost where nothing
    /// succeeds. Each is a solution of its own.
    #[must_use]
    pub fn removal_effects(&self, labels: &[u32]) -> Vec<RemovalEffect> {
        let whole = self.conversion();
        let mut effects = Vec::with_capacity(labels.len());
        for label in labels {
            let Ok(idx) = self.labels.binary_search(label) else { continue };
            let without = self.solve(Some(idx + 1))[0];
            let effect = if whole > 0.0 { (1.0 - without / whole).clamp(0.0, 1.0) } else { 0.0 };
            effects.push(RemovalEffect { label: *label, effect });
        }
        effects
    }

    /// Returns the probability of success from every state, by iteration after Gauss and
    /// Seidel from nothing upwards, which converges to the least solution: states that
    /// can go round for ever have not succeeded.
    fn solve(&self, removed: Option<usize>) -> Vec<f64> {
        let mut solution = vec![0.0; self.nothing + 1];
        solution[self.goal] = 1.0;
        for _ in 0..N_ROUNDS_MAX {
            let mut moved: f64 = 0.0;
            // Backwards, for journeys mostly go from the first states to the last.
            for (state, steps) in self.steps.iter().enumerate().rev() {
                if removed == Some(state) {
                    continue;
                }
                let stays: f64 = steps.iter().filter(|(to, _)| *to == state).map(|(_, share)| share).sum();
                let onward: f64 =
                    steps.iter().filter(|(to, _)| *to != state).map(|(to, share)| share * solution[*to]).sum();
                let new = if stays < 1.0 { onward / (1.0 - stays) } else { 0.0 };
                moved = moved.max((new - solution[state]).abs());
                solution[state] = new;
            }
            if moved <= TOLERANCE {
                break;
            }
        }
        solution
    }
}
