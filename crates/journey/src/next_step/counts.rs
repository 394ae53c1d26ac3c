//! A model of next steps as plain numbers, to be kept and made again from them.
//!
//! A model is counts and nothing else; its probabilities are quotients taken when it is
//! asked. So the numbers are whole, and what is made of them again says the same to the bit.

use super::{AFTER, BEFORE, Contexts, EMPTY, NextStepModel};
use crate::JourneyError;
use crate::interner::unpair;
use crate::numbers::{code, position};

/// The numbers of a [`NextStepModel`]. Touchpoints are labels: positions in the names of
/// the histories it was fitted to, which are to be kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStepCounts {
    /// The most touchpoints of a context.
    pub order_max: u32,
    /// Contexts but the empty one, numbered from 1: each is a context that came before
    /// (0 for the empty one) and the touchpoint that stands before that one.
    pub contexts: Vec<(u32, u32)>,
    /// What followed which context how often: context, touchpoint, count; ascending.
    pub followers: Vec<(u32, u32, u64)>,
}

/// More touchpoints than a context of any use has.
const ORDER_MAX: u32 = 1_000;

impl NextStepModel {
    /// Returns the model as numbers.
    #[must_use]
    pub fn counts(&self) -> NextStepCounts {
        let contexts = self.contexts.longer.keys().iter().map(|key| unpair(*key)).collect();
        let mut followers = Vec::with_capacity(self.followers.len());
        for context in 0..code(self.contexts.n_contexts()) {
            followers.extend(self.followers_of(context).iter().map(|(next, n_next)| (context, *next, *n_next)));
        }
        NextStepCounts { order_max: code(self.order_max), contexts, followers }
    }

    /// Returns the model of some numbers, `n_names` being how many touchpoints have names.
    ///
    /// # Errors
    /// [`JourneyError::NextStepCounts`] when they are not those of a model.
    pub fn from_counts(counts: &NextStepCounts, n_names: usize) -> Result<Self, JourneyError> {
        let refused = |what: &str| Err(JourneyError::NextStepCounts { what: what.to_owned() });
        if counts.order_max > ORDER_MAX {
            return refused("its contexts are too long");
        }
        let named = |label: u32| position(label) < n_names;
        let mut contexts = Contexts::default();
        for (number, (shorter, before)) in (1_u32..).zip(&counts.contexts) {
            if *shorter >= number {
                return refused("a context is made of one that comes after it");
            }
            if !named(*before) && *before != BEFORE {
                return refused("a context has a touchpoint without a name");
            }
            if contexts.add(*shorter, *before) != number {
                return refused("a context comes twice");
            }
        }
        // What follows any context follows the empty one, which comes first.
        let n_ever = counts.followers.partition_point(|(context, _, _)| *context == EMPTY);
        let ever = &counts.followers[..n_ever];
        let mut n_all = 0_u64;
        let mut last = None;
        for (context, next, n_next) in &counts.followers {
            if position(*context) >= contexts.n_contexts() || (!named(*next) && *next != AFTER) {
                return refused("something without a name follows, or follows no context");
            }
            if last.replace((*context, *next)).is_some_and(|last| last >= (*context, *next)) {
                return refused("what follows is not ascending");
            }
            if ever.binary_search_by_key(next, |(_, follower, _)| *follower).is_err() {
                return refused("something follows a context that follows nothing");
            }
            match n_all.checked_add(*n_next) {
                Some(sum) if *n_next > 0 => n_all = sum,
                _ => return refused("something follows no times or too many"),
            }
        }
        Ok(Self::of(position(counts.order_max), contexts, &counts.followers))
    }
}
