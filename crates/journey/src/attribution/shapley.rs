//! Shapley values of channels: exact over all coalitions while there are few channels,
//! over sampled orders where there are many.
//!
//! The worth of a coalition is the conversion rate of the ways that use its channels
//! only. Sampling is that of Castro et al. (2009): in each sampled order every channel
//! adds what it adds to those before it; the mean of what it adds is unbiased, and its
//! spread gives the standard error. Credits of one order add up to the whole, so do the
//! means.

use std::collections::BTreeMap;

use crate::attribution::{Outcome, Way};
use crate::interner::mix;
use crate::numbers::{count, position, real, share};

/// Channels of which all coalitions are looked at: 4,096 of them.
const N_EXACT_MAX: usize = 12;

/// Orders that are sampled: the standard error is about a hundredth of the spread of
/// what a channel adds.
const N_ORDERS: usize = 10_000;

/// Channels on one way, and how many such ways converted, of how many.
type Counts = (Vec<u32>, u64, u64);

/// Returns each channel's share of the whole worth and its standard error.
pub(super) fn shares(ways: &BTreeMap<Way, u64>, n_channels: usize, seed: u64) -> Vec<(f64, f64)> {
    let sets = by_set(ways);
    let added = if n_channels <= N_EXACT_MAX { exact(&sets, n_channels) } else { sampled(&sets, n_channels, seed) };
    let whole: f64 = added.iter().map(|(mean, _)| mean).sum();
    let part = |(mean, error): (f64, f64)| if whole > 0.0 { (mean / whole, error / whole) } else { (0.0, 0.0) };
    added.into_iter().map(part).collect()
}

fn by_set(ways: &BTreeMap<Way, u64>) -> Vec<Counts> {
    let mut sets: BTreeMap<Vec<u32>, (u64, u64)> = BTreeMap::new();
    for ((channels, outcome), n_times) in ways {
        let mut set = channels.clone();
        set.sort_unstable();
        set.dedup();
        let counts = sets.entry(set).or_default();
        counts.0 += if *outcome == Outcome::Conversion { *n_times } else { 0 };
        counts.1 += n_times;
    }
    sets.into_iter().map(|(set, (n_converted, n_ways))| (set, n_converted, n_ways)).collect()
}

fn exact(sets: &[Counts], n_channels: usize) -> Vec<(f64, f64)> {
    let mut counts = vec![(0_u64, 0_u64); 1 << n_channels];
    for (set, n_converted, n_ways) in sets {
        let coalition = set.iter().fold(0, |coalition, channel| coalition | (1 << channel));
        let own: &mut (u64, u64) = &mut counts[coalition];
        *own = (own.0 + n_converted, own.1 + n_ways);
    }
    // Sums over all subsets, one channel after the other.
    for channel_idx in 0..n_channels {
        for coalition in 0..counts.len() {
            if (coalition >> channel_idx) & 1 == 1 {
                let without = counts[coalition ^ (1 << channel_idx)];
                let own = &mut counts[coalition];
                *own = (own.0 + without.0, own.1 + without.1);
            }
        }
    }
    let worth: Vec<f64> = counts.iter().map(|(n_converted, n_ways)| share(*n_converted, *n_ways)).collect();
    let mut added = vec![(0.0, 0.0); n_channels];
    for (channel_idx, added) in added.iter_mut().enumerate() {
        for coalition in (0..worth.len()).filter(|coalition| (coalition >> channel_idx) & 1 == 0) {
            let n_before = coalition.count_ones();
            added.0 += (worth[coalition | (1 << channel_idx)] - worth[coalition]) * order_share(n_before, n_channels);
        }
    }
    added
}

/// Returns the share of the orders of all channels in which given ones come first, and a
/// given one right after them: |S|! (n - |S| - 1)! / n!.
fn order_share(n_before: u32, n_channels: usize) -> f64 {
    let n = real(count(n_channels));
    let mut share = 1.0 / n;
    for idx in 0..n_before {
        share *= f64::from(idx + 1) / (n - 1.0 - f64::from(idx));
    }
    share
}

fn sampled(sets: &[Counts], n_channels: usize, seed: u64) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..n_channels).collect();
    let mut sums = vec![(0.0, 0.0); n_channels];
    let mut place = vec![0; n_channels];
    let mut state = seed;
    for _ in 0..N_ORDERS {
        shuffle(&mut order, &mut state);
        for (idx, channel_idx) in order.iter().enumerate() {
            place[*channel_idx] = idx;
        }
        // A set of channels is complete when the last of them has come.
        let mut complete = vec![(0_u64, 0_u64); n_channels];
        for (set, n_converted, n_ways) in sets {
            if let Some(last) = set.iter().map(|channel| place[position(*channel)]).max() {
                complete[last] = (complete[last].0 + n_converted, complete[last].1 + n_ways);
            }
        }
        let (mut before, mut counts) = (0.0, (0, 0));
        for (channel_idx, own) in order.iter().zip(complete) {
            counts = (counts.0 + own.0, counts.1 + own.1);
            let worth = share(counts.0, counts.1);
            let sums = &mut sums[*channel_idx];
            *sums = (sums.0 + (worth - before), sums.1 + (worth - before).powi(2));
            before = worth;
        }
    }
    let n_orders = real(count(N_ORDERS));
    let estimate = |(sum, squares): (f64, f64)| {
        let mean = sum / n_orders;
        let variance = (squares / n_orders - mean * mean).max(0.0) * n_orders / (n_orders - 1.0);
        (mean, (variance / n_orders).sqrt())
    };
    sums.into_iter().map(estimate).collect()
}

/// Puts items into a random order (Fisher and Yates); the stream is splitmix64.
fn shuffle(items: &mut [usize], state: &mut u64) {
    for idx in (1..items.len()).rev() {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The bias of the remainder is below 2^-50 for any number of channels.
        let other = usize::try_from(mix(*state) % (count(idx) + 1)).unwrap_or_default();
        items.swap(idx, other);
    }
}
