//! Survival: how long it takes until something happens, of those to whom it has not
//! happened yet as well: the estimator of Kaplan and Meier (1958) with the variance of
//! Greenwood (1926); and whether it takes two groups equally long, by the log-rank test of
//! Mantel (1966).

use throng_event::Instant;

use crate::histories::Events;
use crate::numbers::{Bounds, NORMAL_95, count, real};
use crate::profile_set::ProfileSet;
use crate::view::View;

/// From what to what time is taken.
#[derive(Debug, Clone, Copy)]
pub struct SurvivalOptions<'a> {
    /// Time begins with the first of these touchpoints; empty for the first of any.
    pub starts: &'a [u32],
    /// It ends with the first of these after it.
    pub ends: &'a [u32],
    /// Whom it has not ended for by now is known to have lasted until now.
    pub as_of: Instant,
}

/// Whether something has happened to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has.
    Ended,
    /// It has not yet.
    Lasting,
}

/// A time at which something ended, and who is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurvivalStep {
    /// The time since the start.
    pub at_us: i64,
    /// Profiles known to have lasted until then.
    pub n_at_risk: u64,
    /// Profiles for whom it ended then.
    pub n_ended: u64,
    /// The share that lasts longer.
    pub survival: f64,
    /// Its interval at 95 %, on the scale of the logarithm of the cumulative hazard
    /// (Kalbfleisch and Prentice 1980), so that it stays within 0 and 1.
    pub bounds: Bounds,
}

/// How long it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Survival {
    /// Every time at which something ended, ascending.
    pub steps: Vec<SurvivalStep>,
    /// Profiles that started.
    pub n_profiles: u64,
    /// Profiles for whom it ended.
    pub n_ended: u64,
    /// The first time at which no more than half last longer; `None` while more do.
    pub median_us: Option<i64>,
}

/// Returns how long it takes from one touchpoint to another.
#[must_use]
pub fn survival(view: &View<'_>, options: SurvivalOptions<'_>) -> Survival {
    kaplan_meier(survival_spans(view, options))
}

/// Returns the time of every profile that started, with whether it ended then or was only
/// known to have lasted until then.
#[must_use]
pub fn survival_spans(view: &View<'_>, options: SurvivalOptions<'_>) -> Vec<(i64, bool)> {
    let parts = view.fold(Vec::new, |spans, _, events| spans.extend(span(options, events)));
    parts.into_iter().flatten().collect()
}

/// Returns for whom it ended, or of those who started, for whom it has not.
#[must_use]
pub fn survival_profiles(view: &View<'_>, options: SurvivalOptions<'_>, outcome: Outcome) -> ProfileSet {
    let parts = view.fold(Vec::new, |profiles, profile, events| {
        let Some((_, ended)) = span(options, events) else { return };
        if ended == (outcome == Outcome::Ended) {
            profiles.push(profile);
        }
    });
    parts.into_iter().flatten().collect()
}

/// Returns the time of one profile and whether it ended; `None` where it has not started.
fn span(options: SurvivalOptions<'_>, events: Events<'_>) -> Option<(i64, bool)> {
    let seen = events.occurred_at.partition_point(|at| *at <= options.as_of.0);
    let events = events.part(0..seen);
    let is_start = |label: &u32| options.starts.is_empty() || options.starts.contains(label);
    let start = events.touchpoint.iter().position(is_start)?;
    let end = events.touchpoint[start + 1..].iter().position(|label| options.ends.contains(label));
    let end_at = end.map(|end| events.occurred_at[start + 1 + end]);
    Some((end_at.unwrap_or(options.as_of.0).saturating_sub(events.occurred_at[start]), end_at.is_some()))
}

/// Returns the survival of times, each with whether it ended then or was only known to
/// have lasted until then. Who is lost sight of at the time of an end was at risk of it.
#[must_use]
pub fn kaplan_meier(mut spans: Vec<(i64, bool)>) -> Survival {
    spans.sort_unstable();
    let mut survival = Survival { steps: Vec::new(), n_profiles: count(spans.len()), n_ended: 0, median_us: None };
    let (mut share, mut hazard_variance) = (1.0, 0.0);
    let mut n_at_risk = survival.n_profiles;
    for tied in spans.chunk_by(|a, b| a.0 == b.0) {
        let n_ended = count(tied.iter().filter(|(_, ended)| *ended).count());
        if n_ended > 0 {
            let n_left = n_at_risk - n_ended;
            share *= real(n_left) / real(n_at_risk);
            hazard_variance += real(n_ended) / (real(n_at_risk) * real(n_left));
            let bounds = bounds(share, hazard_variance);
            survival.steps.push(SurvivalStep { at_us: tied[0].0, n_at_risk, n_ended, survival: share, bounds });
            survival.n_ended += n_ended;
            // A half made of several fractions may come out a little more.
            if share <= 0.5 + 1e-12 && survival.median_us.is_none() {
                survival.median_us = Some(tied[0].0);
            }
        }
        n_at_risk -= count(tied.len());
    }
    survival
}

/// How far the ends in the first of two groups are from what they would be if it took both
/// equally long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogRank {
    /// Ends in the first group.
    pub n_ended: u64,
    /// Ends to be expected in it, were there no difference.
    pub n_expected: f64,
    /// The variance of their difference, ties taken into account.
    pub variance: f64,
}

/// Compares two groups at every time at which something ended in either; times as in
/// [`kaplan_meier`]. `None` where nothing ended while both were waiting: there is nothing
/// to compare.
#[must_use]
pub fn log_rank(first: &[(i64, bool)], second: &[(i64, bool)]) -> Option<LogRank> {
    let mark = |spans: &[(i64, bool)], own: bool| spans.iter().map(move |(at, ended)| (*at, *ended, own)).collect();
    let (mut all, others): (Vec<(i64, bool, bool)>, Vec<_>) = (mark(first, true), mark(second, false));
    all.extend(others);
    all.sort_unstable();
    let (mut n_at_risk, mut n_own) = (count(all.len()), count(first.len()));
    let mut found = LogRank { n_ended: 0, n_expected: 0.0, variance: 0.0 };
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let n_ended = count(tied.iter().filter(|(_, ended, _)| *ended).count());
        if n_ended > 0 {
            found.n_ended += count(tied.iter().filter(|(_, ended, own)| *ended && *own).count());
            let part = real(n_own) / real(n_at_risk);
            found.n_expected += real(n_ended) * part;
            if n_at_risk > 1 {
                let without_repeats = real(n_at_risk - n_ended) / real(n_at_risk - 1);
                found.variance += real(n_ended) * part * (1.0 - part) * without_repeats;
            }
        }
        n_at_risk -= count(tied.len());
        n_own -= count(tied.iter().filter(|(_, _, own)| *own).count());
    }
    (found.variance > 0.0).then_some(found)
}

/// Returns the interval of a share that lasts, from Greenwood's sum.
fn bounds(share: f64, hazard_variance: f64) -> Bounds {
    if share <= 0.0 {
        // Nobody lasts: the variance is not defined, and there is nothing below.
        return Bounds { low: 0.0, high: 0.0 };
    }
    let width = (NORMAL_95 * hazard_variance.sqrt() / share.ln().abs()).exp();
    Bounds { low: share.powf(width), high: share.powf(width.recip()) }
}
