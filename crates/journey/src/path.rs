//! Paths: which sequences of touchpoints are trodden most.

use std::cmp::Reverse;
use std::ops::Range;

use crate::statistics::{count, share};
use crate::touchpoints::Journeys;
use crate::{Repeats, Scope, Touchpoints};

/// What counts as a path and how many are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathOptions {
    /// How far a journey goes.
    pub scope: Scope,
    /// What becomes of repeated touchpoints.
    pub repeats: Repeats,
    /// Steps of a path that are told apart; what follows only shows as
    /// [`Path::continues`]. At least one.
    pub steps_max: usize,
    /// How many paths are listed.
    pub top: usize,
}

/// One sequence of touchpoints and who took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The labels, first step first.
    pub labels: Vec<u32>,
    /// Whether further steps follow that were cut off.
    pub continues: bool,
    /// Journeys of this path: sessions, or histories when the scope is the history.
    pub n_sessions: u64,
    /// Profiles that took it at least once.
    pub n_profiles: u64,
    /// Share of all journeys.
    pub share: f64,
}

/// What is not listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Remainder {
    /// Different paths.
    pub n_paths: u64,
    /// Their journeys.
    pub n_sessions: u64,
    /// Their share of all journeys.
    pub share: f64,
}

/// The most trodden paths and the rest; their sessions add up to `n_sessions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Most sessions first, then most profiles, then by the labels' names.
    pub paths: Vec<Path>,
    /// The paths that are not listed.
    pub remainder: Remainder,
    /// All journeys.
    pub n_sessions: u64,
    /// Profiles with at least one touchpoint.
    pub n_profiles: u64,
}

/// Returns the most trodden paths.
///
/// # Panics
/// When `steps_max` is 0.
#[must_use]
pub fn paths(touchpoints: &Touchpoints<'_>, options: &PathOptions) -> Paths {
    assert!(options.steps_max > 0, "a path has at least one step");
    let journeys = touchpoints.journeys(options.scope, options.repeats);
    let groups = group(&journeys, options.steps_max);
    let n_sessions = count(journeys.ranges.len());
    let mut ranked: Vec<&Group<'_>> = groups.iter().collect();
    // The groups stand in the order of names, and the sort is stable.
    ranked.sort_by_key(|group| (Reverse(group.n_sessions), Reverse(group.n_profiles)));
    let listed = &ranked[..options.top.min(ranked.len())];
    let n_listed: u64 = listed.iter().map(|group| group.n_sessions).sum();
    let path = |group: &&Group<'_>| Path {
        labels: group.steps.iter().map(|step| touchpoints.by_rank(*step)).collect(),
        continues: group.continues,
        n_sessions: group.n_sessions,
        n_profiles: group.n_profiles,
        share: share(group.n_sessions, n_sessions),
    };
    let profiles_in = |profile_idx: &usize| !touchpoints.profile(*profile_idx).0.is_empty();
    Paths {
        paths: listed.iter().map(path).collect(),
        remainder: Remainder {
            n_paths: count(ranked.len() - listed.len()),
            n_sessions: n_sessions - n_listed,
            share: share(n_sessions - n_listed, n_sessions),
        },
        n_sessions,
        n_profiles: count((0..touchpoints.n_profiles()).filter(profiles_in).count()),
    }
}

/// The journeys of one path.
struct Group<'a> {
    steps: &'a [u32],
    continues: bool,
    n_sessions: u64,
    n_profiles: u64,
}

/// Returns the paths in the order of their steps.
fn group(journeys: &Journeys, steps_max: usize) -> Vec<Group<'_>> {
    let cut = |steps: &Range<usize>| {
        let end = steps.end.min(steps.start + steps_max);
        (&journeys.steps[steps.start..end], end < steps.end)
    };
    let mut order: Vec<&(usize, Range<usize>)> = journeys.ranges.iter().collect();
    order.sort_unstable_by(|a, b| cut(&a.1).cmp(&cut(&b.1)).then(a.0.cmp(&b.0)));
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut profile_before = None;
    for (profile_idx, range) in order {
        let (steps, continues) = cut(range);
        match groups.last_mut() {
            Some(group) if group.steps == steps && group.continues == continues => {
                group.n_sessions += 1;
                // Within a path the journeys stand by profile.
                group.n_profiles += u64::from(profile_before != Some(profile_idx));
            }
            _ => groups.push(Group { steps, continues, n_sessions: 1, n_profiles: 1 }),
        }
        profile_before = Some(profile_idx);
    }
    groups
}
