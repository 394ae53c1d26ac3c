//! Latencies counted in buckets whose width grows with the value.
//!
//! As HDR histograms do (Gil Tene, hdrhistogram.org): every power of two is divided into the
//! same number of equal buckets, so each value is known to within a fixed share of itself, in
//! constant memory and whatever its size.

/// Buckets of each power of two: a bucket is no wider than this part of its values, 1.6 %.
const PARTS: u64 = 64;
/// Powers of two within [`PARTS`].
const PARTS_LOG2: u32 = PARTS.ilog2();
/// Buckets for every number of 64 bits: the smallest have one each.
const N_BUCKETS: usize = ((64 - PARTS_LOG2 + 1) as usize) << PARTS_LOG2;

/// How often each latency was seen; microseconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    n_values: u64,
    max: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; N_BUCKETS], n_values: 0, max: 0 }
    }

    pub(super) fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.n_values += 1;
        self.max = self.max.max(value);
    }

    pub(super) fn n_values(&self) -> u64 {
        self.n_values
    }

    /// Returns the largest value, exactly; 0 of none.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// Returns a value that so many of a thousand do not exceed: the upper end of the bucket in
    /// which the smallest such value lies, so at most 1.6 % above it. 0 of none.
    pub(super) fn per_mille(&self, wanted: u64) -> u64 {
        let rank = self.n_values.saturating_mul(wanted).div_ceil(1_000).max(1);
        let mut n_within = 0;
        for (idx, count) in self.counts.iter().enumerate() {
            n_within += count;
            if n_within >= rank {
                return upper_end(idx).min(self.max);
            }
        }
        self.max
    }
}

/// Returns the bucket of a value: of the largest [`PARTS_LOG2`] + 1 digits of its binary form.
fn bucket(value: u64) -> usize {
    let shift = (value | (PARTS - 1)).ilog2().saturating_sub(PARTS_LOG2);
    let idx = (u64::from(shift) << PARTS_LOG2) + (value >> shift);
    usize::try_from(idx).unwrap_or(N_BUCKETS - 1)
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    // From the second power on, the first digit of a bucket's number is that of the values.
    let shift = (bucket >> PARTS_LOG2).saturating_sub(1);
    let first = bucket - (shift << PARTS_LOG2);
    // The last bucket ends with the last number.
    (u128::from(first + 1) << shift).saturating_sub(1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [u64; 12] = [0, 1, 63, 64, 65, 127, 128, 1_000, 65_535, 1_000_003, u64::MAX / 3, u64::MAX];

    #[test]
    fn a_bucket_holds_its_values_and_none_is_wider_than_said() {
        for value in SIZES {
            let idx = bucket(value);
            let first = idx.checked_sub(1).map_or(0, |before| upper_end(before) + 1);
            assert!((first..=upper_end(idx)).contains(&value), "{value} in {first}..={}", upper_end(idx));
            assert!(upper_end(idx) - first <= first / PARTS, "{value} in {first}..={}", upper_end(idx));
        }
        assert_eq!(bucket(u64::MAX), N_BUCKETS - 1);
    }

    #[test]
    fn shares_are_those_of_the_sorted_values_but_for_the_width_of_a_bucket() {
        let mut histogram = Histogram::new();
        let values: Vec<u64> = (1..=10_000).map(|number: u64| number * number / 7).collect();
        values.iter().rev().for_each(|value| histogram.record(*value));
        for per_mille in [1, 500, 900, 990, 999, 1_000] {
            let exact = values[usize::try_from(per_mille * 10).unwrap() - 1];
            let told = histogram.per_mille(per_mille);
            assert!((exact..=exact + exact / PARTS).contains(&told), "{per_mille}: {told} for {exact}");
        }
        assert_eq!((histogram.max(), histogram.n_values()), (values[9_999], 10_000));
    }

    #[test]
    fn nothing_was_seen_at_first() {
        let histogram = Histogram::new();
        assert_eq!((histogram.per_mille(990), histogram.max(), histogram.n_values()), (0, 0, 0));
    }
}
