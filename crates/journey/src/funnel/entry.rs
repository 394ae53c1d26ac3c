//! Who entered a funnel and when: where whatever else is known of customers is joined.

use crate::funnel::{FunnelOptions, attempts};
use crate::view::View;

/// One attempt that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub profile: u32,
    /// When it took its first step.
    pub entered_at: i64,
    /// Steps taken: at least one.
    pub n_reached: usize,
}

/// Returns every attempt that counts, by profile, those of one in the order of time.
#[must_use]
pub fn funnel_entries(view: &View<'_>, options: &FunnelOptions<'_>) -> Vec<Entry> {
    let parts = attempts(view, options, Vec::new, |entries, attempt| {
        let n_reached = attempt.times.len();
        entries.extend(attempt.times.first().map(|at| Entry { profile: attempt.profile, entered_at: *at, n_reached }));
    });
    parts.into_iter().flatten().collect()
}
