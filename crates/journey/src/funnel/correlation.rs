//! Which touchpoints go together with going through a funnel, or with leaving it.
//!
//! Only counts and effects: whether an effect is more than chance, over all touchpoints
//! together, is for whoever has the statistics (Benjamini and Hochberg 1995).

use std::collections::BTreeMap;

use crate::funnel::{FunnelOptions, attempts};
use crate::numbers::share;
use crate::view::View;

/// Attempts with and without a touchpoint, and how many of each completed the funnel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// The touchpoint; never one that fulfils a step.
    pub label: u32,
    /// Attempts that have it between the first step and completion, or the end of the
    /// window. Who completes early has less time to meet anything: compare like with
    /// like before calling it a cause.
    pub n_with: u64,
    /// Of these, completed.
    pub n_with_converted: u64,
    /// Attempts that do not have it.
    pub n_without: u64,
    /// Of these, completed.
    pub n_without_converted: u64,
    /// Share completed with it less share completed without it.
    pub effect: f64,
}

/// Returns the correlation of every touchpoint that any attempt met, by name.
#[must_use]
pub fn funnel_correlations(view: &View<'_>, options: &FunnelOptions<'_>) -> Vec<Correlation> {
    let n_steps = options.steps.len();
    let parts = attempts(view, options, Tally::default, |tally, attempt| {
        let converted = u64::from(attempt.times.len() == n_steps);
        tally.n_entries += 1;
        tally.n_converted += converted;
        tally.met.clear();
        tally.met.extend_from_slice(attempt.seen);
        tally.met.sort_unstable();
        tally.met.dedup();
        for label in &tally.met {
            let (n_with, n_with_converted) = tally.with.entry(*label).or_default();
            *n_with += 1;
            *n_with_converted += converted;
        }
    });
    let mut tally = Tally::default();
    for part in parts {
        tally.n_entries += part.n_entries;
        tally.n_converted += part.n_converted;
        for (label, counts) in part.with {
            let own = tally.with.entry(label).or_default();
            *own = (own.0 + counts.0, own.1 + counts.1);
        }
    }
    let fulfils = |label: &u32| options.steps.iter().any(|labels| labels.contains(label));
    let mut correlations = Vec::new();
    for (label, (n_with, n_with_converted)) in tally.with {
        if fulfils(&label) {
            continue;
        }
        let (n_without, n_without_converted) = (tally.n_entries - n_with, tally.n_converted - n_with_converted);
        let effect = share(n_with_converted, n_with) - share(n_without_converted, n_without);
        correlations.push(Correlation { label, n_with, n_with_converted, n_without, n_without_converted, effect });
    }
    correlations
}

#[derive(Debug, Default)]
struct Tally {
    n_entries: u64,
    n_converted: u64,
    /// Attempts that met each touchpoint, and those of them that converted.
    with: BTreeMap<u32, (u64, u64)>,
    /// What the present attempt met.
    met: Vec<u32>,
}
