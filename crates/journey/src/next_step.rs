//! The next step: a Markov model of variable order over touchpoints, that says how
//! probable each touchpoint, or the end of the journey, is after those seen.
//!
//! Prediction by partial matching (Cleary and Witten 1984): counts of what followed the
//! last touchpoints, as many of them as are found, mixed with the counts of shorter
//! contexts by the weights of Witten and Bell (1991): a context is trusted the less the
//! more different touchpoints have followed it.

mod counts;

use crate::histories::Histories;
use crate::interner::{Interner, pair, unpair};
use crate::numbers::{count, position, real};
use crate::profile_set::ProfileSet;
use crate::transition::State;
use crate::view::{Cut, Journey, View};

pub use counts::NextStepCounts;

/// How probable a next step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The touchpoint, or the end of the journey.
    pub next: State,
    /// Its probability.
    pub probability: f64,
}

/// How often the most probable next step was the one taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextStepAccuracy {
    /// Steps predicted, ends of journeys included.
    pub n_steps: u64,
    /// Of these, right.
    pub n_right: u64,
}

/// A fitted model of next steps.
#[derive(Debug, Clone)]
pub struct NextStepModel {
    order_max: usize,
    contexts: Contexts,
    /// Where the followers of each context begin, and at last where they end.
    offsets: Vec<usize>,
    /// What followed, ascending in each context, and how often.
    followers: Vec<(u32, u64)>,
    /// How often anything followed each context.
    n_times: Vec<u64>,
}

/// Contexts and followers learned in one part of the profiles; what is new beyond it
/// and therefore rare is not learned. About a gigabyte for all parts at worst.
const N_PAIRS_MAX: usize = 2_000_000;

/// The context of no touchpoint.
const EMPTY: u32 = 0;

/// What stands before the first touchpoint and after the last; more than any label.
const BEFORE: u32 = u32::MAX - 1;
const AFTER: u32 = u32::MAX;

impl NextStepModel {
    /// Returns the model of the journeys in a view, with contexts of up to `order_max`
    /// touchpoints; three are good for most, longer ones learn by heart.
    #[must_use]
    pub fn fit(view: &View<'_>, cut: Cut<'_>, order_max: usize) -> Self {
        let mut tally = Tally::default();
        for part in view.fold_journeys(cut, Tally::default, |tally, journey| tally.take(journey, order_max)) {
            tally.join(&part);
        }
        let pairs = tally.pairs.keys().iter().map(|key| unpair(*key)).zip(&tally.counts);
        let mut sorted: Vec<(u32, u32, u64)> =
            pairs.map(|((context, next), n_times)| (context, next, *n_times)).collect();
        sorted.sort_unstable();
        Self::of(order_max, tally.contexts, &sorted)
    }

    /// Returns the model of what followed which context how often, ascending.
    fn of(order_max: usize, contexts: Contexts, sorted: &[(u32, u32, u64)]) -> Self {
        let n_contexts = contexts.n_contexts();
        let mut offsets = vec![0; n_contexts + 1];
        let mut n_times = vec![0; n_contexts];
        for (context, _, n_next) in sorted {
            offsets[position(*context) + 1] += 1;
            n_times[position(*context)] += n_next;
        }
        for context_idx in 0..n_contexts {
            offsets[context_idx + 1] += offsets[context_idx];
        }
        let followers = sorted.iter().map(|(_, next, n_next)| (*next, *n_next)).collect();
        Self { order_max, contexts, offsets, followers, n_times }
    }

    /// Returns how probable one touchpoint is after a journey so far: to the bit what
    /// [`Self::predict_proba`] says of it, without asking for the others; 0 for what
    /// never followed anything.
    #[must_use]
    pub fn probability(&self, labels: &[u32], next: u32) -> f64 {
        let ever = self.followers_of(EMPTY);
        if ever.binary_search_by_key(&next, |(follower, _)| *follower).is_err() {
            return 0.0;
        }
        let mut probability = real(count(ever.len())).recip();
        for context in self.contexts_of(labels) {
            let followers = self.followers_of(context);
            let found = followers.binary_search_by_key(&next, |(follower, _)| *follower);
            let n_next = found.map_or(0, |place| followers[place].1);
            probability = self.mixed(context, n_next, probability);
        }
        probability
    }

    /// Returns what follows a journey so far, most probable first, then by name, the end
    /// last; all that ever followed anything, their probabilities adding up to 1.
    #[must_use]
    pub fn predict_proba(&self, labels: &[u32]) -> Vec<Prediction> {
        let ever = self.followers_of(EMPTY);
        let n_ever = real(count(ever.len()));
        let mut probabilities: Vec<f64> = ever.iter().map(|_| n_ever.recip()).collect();
        for context in self.contexts_of(labels) {
            let mut counted = self.followers_of(context).iter().peekable();
            for ((next, _), probability) in ever.iter().zip(&mut probabilities) {
                let n_next = counted.next_if(|(follower, _)| follower == next).map_or(0, |(_, n_next)| *n_next);
                *probability = self.mixed(context, n_next, *probability);
            }
        }
        let mut predictions: Vec<Prediction> = Vec::with_capacity(ever.len());
        for ((next, _), probability) in ever.iter().zip(probabilities) {
            let next = if *next == AFTER { State::End } else { State::Label(*next) };
            predictions.push(Prediction { next, probability });
        }
        // By name already, and the sort is stable.
        predictions.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        predictions
    }

    /// Returns the most probable next step, `None` when nothing was ever learned.
    #[must_use]
    pub fn predict(&self, labels: &[u32]) -> Option<State> {
        self.predict_proba(labels).first().map(|prediction| prediction.next)
    }

    /// Returns how often the model is right about the steps of journeys after at least
    /// `n_before` touchpoints. The view must be of the histories it was fitted to, or of
    /// others with the same names.
    #[must_use]
    pub fn accuracy(&self, view: &View<'_>, cut: Cut<'_>, n_before: usize) -> NextStepAccuracy {
        let start = || NextStepAccuracy { n_steps: 0, n_right: 0 };
        let parts = view.fold_journeys(cut, start, |accuracy, journey| {
            for idx in n_before..=journey.labels.len() {
                let next = journey.labels.get(idx).map_or(State::End, |label| State::Label(*label));
                accuracy.n_steps += 1;
                accuracy.n_right += u64::from(self.predict(&journey.labels[..idx]) == Some(next));
            }
        });
        let sum = |of: fn(&NextStepAccuracy) -> u64| parts.iter().map(of).sum();
        NextStepAccuracy { n_steps: sum(|part| part.n_steps), n_right: sum(|part| part.n_right) }
    }

    /// Returns whether the labels of some histories are those the model was fitted to,
    /// so far as it knows: none is beyond their names.
    #[must_use]
    pub fn fits(&self, histories: &Histories) -> bool {
        self.followers_of(EMPTY).iter().all(|(next, _)| *next == AFTER || position(*next) < histories.names().len())
    }

    /// Returns the contexts that a journey ends with and that were met, the shortest first.
    fn contexts_of(&self, labels: &[u32]) -> impl Iterator<Item = u32> {
        let mut longer = backwards(labels).take(self.order_max);
        std::iter::successors(Some(EMPTY), move |known| {
            longer.next().and_then(|label| self.contexts.find(*known, label))
        })
    }

    /// Returns the probability of what followed a context so many times, given its
    /// probability after the shorter one.
    fn mixed(&self, context: u32, n_next: u64, probability: f64) -> f64 {
        let weight = real(count(self.followers_of(context).len()));
        if weight == 0.0 {
            // There was no room for what followed it.
            return probability;
        }
        (real(n_next) + weight * probability) / (real(self.n_times[position(context)]) + weight)
    }

    fn followers_of(&self, context: u32) -> &[(u32, u64)] {
        let context_idx = position(context);
        &self.followers[self.offsets[context_idx]..self.offsets[context_idx + 1]]
    }
}

/// Returns how often a model is right about profiles it was not fitted to: those whose
/// first event is among the last third, fitted to the others. `None` where there are too
/// few profiles to hold any out.
#[must_use]
pub fn held_out_accuracy(view: &View<'_>, cut: Cut<'_>, order_max: usize, n_before: usize) -> Option<NextStepAccuracy> {
    let parts = view.fold(Vec::new, |firsts, profile, events| firsts.push((events.occurred_at[0], profile)));
    let mut firsts: Vec<(i64, u32)> = parts.into_iter().flatten().collect();
    firsts.sort_unstable();
    let (learned, held_out) = firsts.split_at(firsts.len() * 2 / 3);
    if learned.is_empty() || held_out.is_empty() {
        return None;
    }
    let set = |part: &[(i64, u32)]| part.iter().map(|(_, profile)| *profile).collect::<ProfileSet>();
    let (learned, held_out) = (set(learned), set(held_out));
    let model = NextStepModel::fit(&view.of(&learned), cut, order_max);
    Some(model.accuracy(&view.of(&held_out), cut, n_before))
}

/// Returns the labels from the last back to the first, then what stands before it.
fn backwards(labels: &[u32]) -> impl Iterator<Item = u32> {
    labels.iter().rev().copied().chain([BEFORE])
}

/// Contexts, each made of a shorter one and the touchpoint before that.
#[derive(Debug, Clone, Default)]
struct Contexts {
    /// Context `n` is key `n - 1`; the empty one has none.
    longer: Interner,
}

impl Contexts {
    fn n_contexts(&self) -> usize {
        self.longer.keys().len() + 1
    }

    fn add(&mut self, context: u32, before: u32) -> u32 {
        self.longer.intern(pair(context, before)) + 1
    }

    fn find(&self, context: u32, before: u32) -> Option<u32> {
        self.longer.find(pair(context, before)).map(|number| number + 1)
    }
}

#[derive(Debug, Default)]
struct Tally {
    contexts: Contexts,
    /// What followed which context.
    pairs: Interner,
    counts: Vec<u64>,
}

impl Tally {
    fn take(&mut self, journey: Journey<'_>, order_max: usize) {
        for idx in 0..=journey.labels.len() {
            let next = journey.labels.get(idx).copied().unwrap_or(AFTER);
            let mut context = EMPTY;
            if !self.count(context, next, 1) {
                continue;
            }
            for before in backwards(&journey.labels[..idx]).take(order_max) {
                context = self.contexts.add(context, before);
                if !self.count(context, next, 1) {
                    break;
                }
            }
        }
    }

    /// Counts a follower and returns whether there was room for it.
    fn count(&mut self, context: u32, next: u32, n_times: u64) -> bool {
        let key = pair(context, next);
        if self.counts.len() >= N_PAIRS_MAX && self.pairs.find(key).is_none() {
            return false;
        }
        let number = position(self.pairs.intern(key));
        if number == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[number] += n_times;
        true
    }

    /// Takes in what followed in the journeys of other profiles.
    fn join(&mut self, other: &Self) {
        let mut number = vec![EMPTY];
        for key in other.contexts.longer.keys() {
            let (shorter, before) = unpair(*key);
            number.push(self.contexts.add(number[position(shorter)], before));
        }
        for (key, n_times) in other.pairs.keys().iter().zip(&other.counts) {
            let (context, next) = unpair(*key);
            let joined = position(self.pairs.intern(pair(number[position(context)], next)));
            self.counts.resize(self.pairs.keys().len(), 0);
            self.counts[joined] += n_times;
        }
    }
}
