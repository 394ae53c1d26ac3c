//! The typical journey: the medoid of a sample, the journey that the others resemble
//! most under the edit distance of Levenshtein (1966). A journey that someone took,
//! where an average would be one that nobody did.

use std::collections::BTreeMap;

use crate::numbers::{count, real};
use crate::view::{Cut, View};

/// Journeys compared with each other: the work grows with its square, and medoids of
/// samples of a few hundred hardly differ.
const SAMPLE_MAX: usize = 400;

/// Steps of a journey that are compared: the work grows with its square, too.
const STEPS_MAX: usize = 64;

/// A journey that stands for the others.
#[derive(Debug, Clone, PartialEq)]
pub struct TypicalJourney {
    /// Its touchpoints, at most 64.
    pub labels: Vec<u32>,
    /// Whose journey it is; of several that took the same steps the first.
    pub profile: u32,
    /// Journeys that were compared.
    pub n_compared: u64,
    /// All journeys.
    pub n_sessions: u64,
    /// Mean edit distance to those compared, in steps put in, left out or exchanged.
    pub distance_mean: f64,
}

/// Returns the medoid of about 400 journeys, taken at equal intervals from all in the
/// order of profiles and time; `None` when there is no journey. Of equally good ones it
/// is the shortest, then the first by name.
#[must_use]
pub fn typical_journey(view: &View<'_>, cut: Cut<'_>) -> Option<TypicalJourney> {
    let n_by_part = view.fold_journeys(cut, || 0_usize, |n_sessions, _| *n_sessions += 1);
    let n_sessions: usize = n_by_part.iter().sum();
    let interval = n_sessions.div_ceil(SAMPLE_MAX).max(1);
    let sample = || (0_usize, BTreeMap::<(usize, Vec<u32>), (u64, u32)>::new());
    let parts = view.fold_journeys(cut, sample, |(n_seen, variants), journey| {
        if n_seen.is_multiple_of(interval) {
            let labels = journey.labels[..journey.labels.len().min(STEPS_MAX)].to_vec();
            variants.entry((labels.len(), labels)).or_insert((0, journey.profile)).0 += 1;
        }
        *n_seen += 1;
    });
    let mut variants: BTreeMap<(usize, Vec<u32>), (u64, u32)> = BTreeMap::new();
    for (variant, (n_times, profile)) in parts.into_iter().flat_map(|(_, variants)| variants) {
        variants.entry(variant).or_insert((0, profile)).0 += n_times;
    }
    let n_compared = variants.values().map(|(n_times, _)| n_times).sum();
    let mut best: Option<(u64, &Vec<u32>, u32)> = None;
    for ((_, labels), (_, profile)) in &variants {
        let distance = variants.iter().map(|((_, other), (n_times, _))| edit_distance(labels, other) * n_times).sum();
        if best.is_none_or(|(least, _, _)| distance < least) {
            best = Some((distance, labels, *profile));
        }
    }
    best.map(|(distance, labels, profile)| TypicalJourney {
        labels: labels.clone(),
        profile,
        n_compared,
        n_sessions: count(n_sessions),
        distance_mean: real(distance) / real(n_compared),
    })
}

/// Returns how many labels must be put in, left out or exchanged to make one list the other.
fn edit_distance(left: &[u32], right: &[u32]) -> u64 {
    let mut row: Vec<u64> = (0..=count(right.len())).collect();
    for (above, own) in (1..).zip(left) {
        let mut diagonal = row[0];
        row[0] = above;
        for (idx, other) in right.iter().enumerate() {
            let exchanged = diagonal + u64::from(own != other);
            diagonal = row[idx + 1];
            row[idx + 1] = exchanged.min(diagonal + 1).min(row[idx] + 1);
        }
    }
    row[right.len()]
}
