//! Touchpoints by themselves: how often each occurs and whom it reaches.

use std::cmp::Reverse;

use crate::numbers::{code, position};
use crate::profile_set::ProfileSet;
use crate::view::View;

/// How often a touchpoint occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchpointCount {
    /// The touchpoint.
    pub label: u32,
    /// Its events, repeats included.
    pub n_events: u64,
    /// Profiles with at least one.
    pub n_profiles: u64,
    /// The sum of their values, in minor units; 0 where values are not known.
    pub value: i64,
}

/// Returns the touchpoints that occur in a view, most events first, then by name.
#[must_use]
pub fn touchpoint_counts(view: &View<'_>) -> Vec<TouchpointCount> {
    let n_labels = view.histories().names().len();
    let nothing = |label: usize| Tally {
        count: TouchpointCount { label: code(label), n_events: 0, n_profiles: 0, value: 0 },
        profile_last: None,
    };
    let start = || (0..n_labels).map(nothing).collect::<Vec<_>>();
    let parts = view.fold(start, |tallies, profile, events| {
        for (idx, label) in events.touchpoint.iter().enumerate() {
            let tally = &mut tallies[position(*label)];
            tally.count.n_events += 1;
            tally.count.n_profiles += u64::from(tally.profile_last != Some(profile));
            tally.count.value = tally.count.value.saturating_add(events.value.get(idx).copied().unwrap_or_default());
            tally.profile_last = Some(profile);
        }
    });
    let mut counts: Vec<TouchpointCount> = start().into_iter().map(|tally| tally.count).collect();
    for part in parts {
        for (own, other) in counts.iter_mut().zip(part) {
            own.n_events += other.count.n_events;
            own.n_profiles += other.count.n_profiles;
            own.value = own.value.saturating_add(other.count.value);
        }
    }
    counts.retain(|count| count.n_events > 0);
    // By name already, and the sort is stable.
    counts.sort_by_key(|count| Reverse(count.n_events));
    counts
}

/// Returns who has a touchpoint: as many as its [`TouchpointCount::n_profiles`].
#[must_use]
pub fn touchpoint_profiles(view: &View<'_>, label: u32) -> ProfileSet {
    let parts = view.fold(Vec::new, |profiles, profile, events| {
        if events.touchpoint.contains(&label) {
            profiles.push(profile);
        }
    });
    parts.into_iter().flatten().collect()
}

#[derive(Debug, Clone)]
struct Tally {
    count: TouchpointCount,
    profile_last: Option<u32>,
}
