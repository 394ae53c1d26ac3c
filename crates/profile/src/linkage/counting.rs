//! Counts that the mixture is fitted to: how many candidate pairs have each pattern,
//! and how many of all pairs are at each level.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::blocking::{SkippedBlocks, for_each_pair};
use super::comparison::{Comparison, Level, N_COMPARISONS, N_LEVELS, Pattern};
use super::mixture::{Counts, Levels};
use super::records::{RecordIdx, RecordSet};

/// The pairs drawn for each comparison. A level that one stranger in 10,000 pairs
/// reaches is then seen 20 times; what is rarer counts as about that rare.
const N_DRAWN_PAIRS: u32 = 200_000;

/// The pairs a level was seen in at least: "not seen" is not "impossible".
const N_SEEN_MIN: f64 = 0.5;

/// Returns the counts of a set of records with the number of candidate pairs and the
/// blocks left out.
pub(crate) fn count(records: &RecordSet, seed: u64) -> (Counts, u64, Vec<SkippedBlocks>) {
    let mut patterns: BTreeMap<Pattern, u64> = BTreeMap::new();
    let mut n_candidates = 0;
    let skipped = for_each_pair(records, &mut |a, b| {
        *patterns.entry(Pattern::of(records, a, b)).or_default() += 1;
        n_candidates += 1;
    });
    let patterns = patterns.into_iter().map(|(pattern, n)| (pattern, real(n))).collect();
    (Counts { n_pairs: real(records.n_pairs()), levels: level_counts(records, seed), patterns }, n_candidates, skipped)
}

/// Returns how many of all pairs are at each level.
///
/// Exact agreement, the rarest and weightiest level, follows from the frequencies of
/// the values without chance; the others are estimated from random pairs.
fn level_counts(records: &RecordSet, seed: u64) -> Levels {
    let mut levels = [[0.0; N_LEVELS]; N_COMPARISONS];
    for comparison in Comparison::ALL {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(comparison.idx() as u64);
        let present: Vec<RecordIdx> =
            (0..records.n_records()).filter(|record| comparison.present(records, *record)).collect();
        let n_pairs = n_pairs_of(present.len() as u64);
        let mut seen = [0_u64; N_LEVELS];
        let mut look = |a: RecordIdx, b: RecordIdx| {
            if let Some(level) = comparison.level(records, a, b) {
                seen[level.idx()] += 1;
            }
        };
        let of_levels = &mut levels[comparison.idx()];
        if n_pairs <= u64::from(N_DRAWN_PAIRS) {
            for (idx, a) in present.iter().enumerate() {
                present[idx + 1..].iter().for_each(|b| look(*a, *b));
            }
            *of_levels = seen.map(real);
            continue;
        }
        for _ in 0..N_DRAWN_PAIRS {
            let (a, b) = two_of(&present, &mut generator);
            look(a, b);
        }
        let n_exact = comparison.column(records).frequencies().iter().map(|n| n_pairs_of(u64::from(*n))).sum();
        scale_up(comparison, &seen, (n_pairs, n_exact), of_levels);
    }
    levels
}

fn scale_up(
    comparison: Comparison,
    seen: &[u64; N_LEVELS],
    (n_pairs, n_exact): (u64, u64),
    levels: &mut [f64; N_LEVELS],
) {
    let n_comparable = real(seen.iter().sum()) / f64::from(N_DRAWN_PAIRS) * real(n_pairs);
    let inexact = || comparison.levels().iter().filter(|level| **level != Level::Exact);
    let n_seen: f64 = inexact().map(|level| real(seen[level.idx()]).max(N_SEEN_MIN)).sum();
    let n_inexact = (n_comparable - real(n_exact)).max(0.0);
    for level in inexact() {
        levels[level.idx()] = real(seen[level.idx()]).max(N_SEEN_MIN) / n_seen * n_inexact;
    }
    levels[Level::Exact.idx()] = real(n_exact);
}

/// Draws two different records of at least two.
fn two_of(present: &[RecordIdx], generator: &mut ChaCha8Rng) -> (RecordIdx, RecordIdx) {
    let a = generator.random_range(0..present.len());
    let b = generator.random_range(0..present.len() - 1);
    (present[a], present[if b < a { b } else { b + 1 }])
}

fn n_pairs_of(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

#[expect(clippy::cast_precision_loss, reason = "numbers of pairs need no more than 53 bits of precision")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}
