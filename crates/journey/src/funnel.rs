//! Funnels: how many profiles take the given steps in order and in time.
//!
//! The meaning is that of ClickHouse's `windowFunnel`: of each profile, the longest
//! prefix of the steps that occurs in order, within the window counted from the
//! first step, from whichever first step it goes furthest. Other touchpoints may lie
//! between. One touchpoint serves one step, also where its label fits several.

use crate::Touchpoints;
use crate::statistics::{count, median_seconds, share};
use crate::touchpoints::position;

/// One step of a funnel and who reached it.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelStep {
    /// Profiles that reached it.
    pub n_profiles: u64,
    /// Share of the profiles that reached the first step; 0 when nobody did.
    pub conversion_from_start: f64,
    /// Share of the profiles that reached the step before; 0 when nobody did.
    pub conversion_from_previous: f64,
    /// Median time from the step before; `None` for the first step and where nobody came.
    pub median_seconds: Option<f64>,
}

/// Ordered steps and the share that reaches each.
#[derive(Debug, Clone, PartialEq)]
pub struct Funnel {
    /// The steps, first one first; no step has more profiles than the one before.
    pub steps: Vec<FunnelStep>,
    /// Profiles looked at, with and without the first step.
    pub n_profiles: u64,
}

/// Returns how many profiles get how far through `steps`, each step given as the
/// labels that fulfil it; the window's end is included.
///
/// Times between steps are those of the first touchpoints that complete a profile's
/// longest prefix: from the latest start that allows it, each step at its earliest.
#[must_use]
pub fn funnel(touchpoints: &Touchpoints<'_>, steps: &[Vec<u32>], window_us: i64) -> Funnel {
    let fulfilled = steps_by_label(touchpoints, steps);
    let mut reached = vec![0_u64; steps.len()];
    let mut gaps_us: Vec<Vec<i64>> = vec![Vec::new(); steps.len()];
    let mut walk = Walk::new(steps.len());
    for profile_idx in 0..touchpoints.n_profiles() {
        let (times, labels) = touchpoints.profile(profile_idx);
        walk.clear();
        for (occurred_at, label) in times.iter().zip(labels) {
            for step_idx in &fulfilled[position(*label)] {
                walk.take(*step_idx, *occurred_at, window_us);
            }
        }
        for (step_idx, occurred_at) in walk.furthest.iter().enumerate() {
            reached[step_idx] += 1;
            if step_idx > 0 {
                gaps_us[step_idx].push(occurred_at.saturating_sub(walk.furthest[step_idx - 1]));
            }
        }
    }
    let n_start = reached.first().copied().unwrap_or_default();
    let mut funnel = Funnel { steps: Vec::new(), n_profiles: count(touchpoints.n_profiles()) };
    for (step_idx, gaps_us) in gaps_us.iter_mut().enumerate() {
        funnel.steps.push(FunnelStep {
            n_profiles: reached[step_idx],
            conversion_from_start: share(reached[step_idx], n_start),
            conversion_from_previous: share(reached[step_idx], reached[step_idx.saturating_sub(1)]),
            median_seconds: median_seconds(gaps_us),
        });
    }
    funnel
}

/// Returns the steps each label fulfils, last step first, so that a touchpoint does
/// not continue the chain it has just begun.
fn steps_by_label(touchpoints: &Touchpoints<'_>, steps: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut fulfilled = vec![Vec::new(); touchpoints.n_labels()];
    for (step_idx, labels) in steps.iter().enumerate().rev() {
        let mut labels = labels.clone();
        labels.sort_unstable();
        labels.dedup();
        for label in labels {
            fulfilled[position(label)].push(step_idx);
        }
    }
    fulfilled
}

/// How far one profile has come.
struct Walk {
    /// For every step reached, the times of the chain up to it that started last.
    chains: Vec<Vec<i64>>,
    /// The times of the chain that first came furthest.
    furthest: Vec<i64>,
}

impl Walk {
    fn new(n_steps: usize) -> Self {
        Self { chains: vec![Vec::new(); n_steps], furthest: Vec::new() }
    }

    fn clear(&mut self) {
        self.chains.iter_mut().for_each(Vec::clear);
        self.furthest.clear();
    }

    /// Takes in a touchpoint that fulfils a step.
    fn take(&mut self, step_idx: usize, occurred_at: i64, window_us: i64) {
        let (before, from_here) = self.chains.split_at_mut(step_idx);
        let chain = &mut from_here[0];
        let prefix = match before.last() {
            None => [].as_slice(),
            Some(prefix) if prefix.first().is_some_and(|start| occurred_at.saturating_sub(*start) <= window_us) => {
                prefix
            }
            Some(_) => return,
        };
        let start = prefix.first().unwrap_or(&occurred_at);
        if chain.first().is_some_and(|standing| standing >= start) {
            // A later start leaves more of the window; of equal ones the chain that
            // stands has come here earlier.
            return;
        }
        chain.clear();
        chain.extend_from_slice(prefix);
        chain.push(occurred_at);
        if chain.len() > self.furthest.len() {
            self.furthest.clone_from(chain);
        }
    }
}
