//! The walk along one profile's touchpoints that finds its attempts at a funnel.
//!
//! Once a profile, in order: for every number of steps the chain that started last is
//! kept, for a later start leaves more of the window; a chain is replaced only by one
//! that started later, so each keeps its steps at their earliest. Exclusions and strict
//! order end chains that wait at the place in question, and touch no other.

use crate::funnel::{Entries, FunnelOptions, StepOrder};
use crate::numbers::position;
use crate::transition::State;
use crate::view::Journey;

/// One attempt that counts; it has reached the first step at least.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) profile: u32,
    /// When it reached each step.
    pub(super) times: &'a [i64],
    /// What came directly after the last step reached, in the journey or history.
    pub(super) next: State,
    /// Touchpoints from the first step on: to the last step when complete, else to the
    /// end of the window.
    pub(super) seen: &'a [u32],
}

/// What touchpoints mean to a funnel, by label.
#[derive(Debug)]
pub(super) struct Roles {
    n_steps: usize,
    order: StepOrder,
    /// The steps that each label fulfils, last step first, so that a touchpoint does
    /// not continue the chain it has just begun.
    steps: Vec<Vec<usize>>,
    /// The steps after which each label ends an attempt.
    excluded_after: Vec<Vec<usize>>,
}

impl Roles {
    pub(super) fn of(options: &FunnelOptions<'_>, n_labels: usize) -> Self {
        let n_steps = options.steps.len();
        let mut roles = Self {
            n_steps,
            order: options.order,
            steps: vec![Vec::new(); n_labels],
            excluded_after: vec![Vec::new(); n_labels],
        };
        for (step_idx, labels) in options.steps.iter().enumerate().rev() {
            for label in labels {
                let steps = &mut roles.steps[position(*label)];
                if steps.last() != Some(&step_idx) {
                    steps.push(step_idx);
                }
            }
        }
        for exclusion in &options.exclusions {
            // Who has taken the last step waits for nothing.
            let waiting = 0..n_steps.saturating_sub(1);
            let after: Vec<usize> = match exclusion.after_step {
                Some(step_idx) if options.order != StepOrder::Any => {
                    waiting.filter(|waiting| *waiting == step_idx).collect()
                }
                Some(_) | None => waiting.collect(),
            };
            for label in &exclusion.labels {
                roles.excluded_after[position(*label)].extend(&after);
            }
        }
        roles
    }
}

/// A chain of steps taken: the positions of their touchpoints.
type Chain = Vec<usize>;

/// Finds the attempts of one profile after the other.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    roles: &'a Roles,
    window_us: i64,
    entries: Entries,
    /// For every number of steps, the chain of as many that started last.
    chains: Vec<Chain>,
    /// In any order: when each step was taken last.
    latest: Vec<Option<usize>>,
    furthest: Chain,
    /// The attempt that came furthest of the journeys so far.
    best: Kept,
}

#[derive(Debug, Default)]
struct Kept {
    times: Vec<i64>,
    next: Option<State>,
    seen: Vec<u32>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(roles: &'a Roles, window_us: i64, entries: Entries) -> Self {
        Self {
            roles,
            window_us,
            entries,
            chains: vec![Vec::new(); roles.n_steps],
            latest: vec![None; roles.n_steps],
            furthest: Vec::new(),
            best: Kept::default(),
        }
    }

    /// Takes in one journey of a profile; attempts do not go beyond it.
    pub(super) fn journey(&mut self, journey: Journey<'_>, take: &mut impl FnMut(Attempt<'_>)) {
        if self.entries == Entries::Each {
            self.each(journey, take);
            return;
        }
        self.furthest.clear();
        match self.roles.order {
            StepOrder::Any => self.furthest_in_any_order(journey),
            StepOrder::Ordered | StepOrder::Strict => self.furthest_in_order(journey),
        }
        if self.furthest.len() > self.best.times.len() {
            let attempt = self.attempt(journey, &self.furthest);
            self.best.next = Some(attempt.next);
            self.best.seen.clear();
            self.best.seen.extend_from_slice(attempt.seen);
            self.best.times.clear();
            self.best.times.extend(self.furthest.iter().map(|idx| journey.times[*idx]));
        }
    }

    /// Gives the attempt that counts for a profile whose journeys were all taken in.
    pub(super) fn finish(&mut self, profile: u32, take: &mut impl FnMut(Attempt<'_>)) {
        if let Some(next) = self.best.next.take() {
            take(Attempt { profile, times: &self.best.times, next, seen: &self.best.seen });
            self.best.times.clear();
        }
    }

    /// Returns the attempt of a chain; its times are left to the caller.
    fn attempt<'b>(&self, journey: Journey<'b>, chain: &[usize]) -> Attempt<'b> {
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let end = if chain.len() == self.roles.n_steps {
            last + 1
        } else {
            let in_time = |at: &i64| at.saturating_sub(journey.times[first]) <= self.window_us;
            first + journey.times[first..].partition_point(in_time)
        };
        Attempt {
            profile: journey.profile,
            times: &[],
            next: journey.labels.get(last + 1).map_or(State::End, |label| State::Label(*label)),
            seen: &journey.labels[first..end],
        }
    }

    fn furthest_in_order(&mut self, journey: Journey<'_>) {
        self.chains.iter_mut().for_each(Vec::clear);
        for (idx, label) in journey.labels.iter().enumerate() {
            let steps = &self.roles.steps[position(*label)];
            for step_idx in steps {
                self.extend(journey, *step_idx, idx);
            }
            for step_idx in &self.roles.excluded_after[position(*label)] {
                // A chain that the touchpoint itself continued has left this place, and
                // one that it began or continued to here waits from now on.
                if self.chains[*step_idx].last() != Some(&idx) {
                    self.chains[*step_idx].clear();
                }
            }
            if self.roles.order == StepOrder::Strict {
                self.chains.iter_mut().filter(|chain| chain.last() != Some(&idx)).for_each(Vec::clear);
            }
            if self.furthest.len() == self.roles.n_steps {
                // The first to come furthest counts.
                return;
            }
        }
    }

    /// Continues the chain before a step with the touchpoint at `idx`.
    fn extend(&mut self, journey: Journey<'_>, step_idx: usize, idx: usize) {
        let window_us = self.window_us;
        let (before, from_here) = self.chains.split_at_mut(step_idx);
        let chain = &mut from_here[0];
        let prefix = match before.last() {
            None => [].as_slice(),
            Some(prefix) if prefix.first().is_some_and(|start| journey.span_us(*start, idx) <= window_us) => prefix,
            Some(_) => return,
        };
        let start = prefix.first().unwrap_or(&idx);
        // In strict order a chain that stands is about to end here; so it is where the
        // touchpoint is excluded after the step that it fulfils.
        let excluded = self.roles.excluded_after[position(journey.labels[idx])].contains(&step_idx);
        let stands = self.roles.order == StepOrder::Ordered && !excluded;
        if stands && chain.first().is_some_and(|standing| journey.times[*standing] >= journey.times[*start]) {
            // A later start leaves more of the window; of equal ones the chain that
            // stands has come here earlier.
            return;
        }
        chain.clear();
        chain.extend_from_slice(prefix);
        chain.push(idx);
        if chain.len() > self.furthest.len() {
            self.furthest.clone_from(chain);
        }
    }

    /// Looks back from every touchpoint that fulfils a step: the steps taken last within
    /// the window are as many as any attempt has that ends here.
    fn furthest_in_any_order(&mut self, journey: Journey<'_>) {
        self.latest.fill(None);
        let mut chain: Chain = Vec::new();
        for (idx, label) in journey.labels.iter().enumerate() {
            if !self.roles.excluded_after[position(*label)].is_empty() {
                self.latest.fill(None);
            }
            let steps = &self.roles.steps[position(*label)];
            if steps.is_empty() {
                continue;
            }
            for step_idx in steps {
                self.latest[*step_idx] = Some(idx);
            }
            chain.clear();
            let in_time = |start: &usize| journey.span_us(*start, idx) <= self.window_us;
            chain.extend(self.latest.iter().flatten().copied().filter(in_time));
            if chain.len() > self.furthest.len() {
                chain.sort_unstable();
                self.furthest.clone_from(&chain);
            }
            if self.furthest.len() == self.roles.n_steps {
                return;
            }
        }
    }

    /// Gives every attempt of a journey, one after the other.
    fn each(&self, journey: Journey<'_>, take: &mut impl FnMut(Attempt<'_>)) {
        let mut chain: Chain = Vec::new();
        let mut taken: Vec<usize> = Vec::new();
        let mut times = Vec::new();
        for (idx, label) in journey.labels.iter().enumerate() {
            let role = position(*label);
            let fits = self.fitting(role, &taken);
            let late = chain.first().is_some_and(|start| journey.span_us(*start, idx) > self.window_us);
            let excluded = match self.roles.order {
                StepOrder::Any => !self.roles.excluded_after[role].is_empty(),
                StepOrder::Strict => fits.is_empty(),
                StepOrder::Ordered => {
                    fits.is_empty() && taken.last().is_some_and(|last| self.roles.excluded_after[role].contains(last))
                }
            };
            if !chain.is_empty() && (late || excluded) {
                self.give(journey, &chain, &mut times, take);
                chain.clear();
                taken.clear();
            }
            let fits = self.fitting(role, &taken);
            chain.extend(fits.iter().map(|_| idx));
            taken.extend(fits);
            if !chain.is_empty() && chain.len() == self.roles.n_steps {
                self.give(journey, &chain, &mut times, take);
                chain.clear();
                taken.clear();
            }
        }
        if !chain.is_empty() {
            self.give(journey, &chain, &mut times, take);
        }
    }

    /// Returns the steps that a touchpoint adds to those taken.
    fn fitting(&self, role: usize, taken: &[usize]) -> Vec<usize> {
        let fits = |step_idx: &usize| match self.roles.order {
            StepOrder::Any => !taken.contains(step_idx),
            StepOrder::Ordered | StepOrder::Strict => *step_idx == taken.len(),
        };
        self.roles.steps[role].iter().copied().filter(fits).collect()
    }

    fn give(&self, journey: Journey<'_>, chain: &[usize], times: &mut Vec<i64>, take: &mut impl FnMut(Attempt<'_>)) {
        times.clear();
        times.extend(chain.iter().map(|idx| journey.times[*idx]));
        take(Attempt { times, ..self.attempt(journey, chain) });
    }
}
