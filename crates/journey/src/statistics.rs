//! Medians and shares, the only floats of this crate.

use throng_event::Instant;

/// Returns the share of a part in a whole, 0 when there is no whole.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns a length as a count.
pub(crate) fn count(len: usize) -> u64 {
    // usize has at most 64 bits on every platform Rust knows.
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Returns the median of microseconds in seconds, `None` of nothing; the mean of the
/// middle two when there is no middle one.
#[expect(clippy::cast_precision_loss, reason = "differences of instants below 2^53 µs, 285 years, are exact")]
pub(crate) fn median_seconds(gaps_us: &mut [i64]) -> Option<f64> {
    if gaps_us.is_empty() {
        return None;
    }
    let even = gaps_us.len().is_multiple_of(2);
    let (below, upper, _) = gaps_us.select_nth_unstable(gaps_us.len() / 2);
    let lower = if even { below.iter().max().copied().unwrap_or(*upper) } else { *upper };
    Some((lower as f64 + *upper as f64) / 2.0 / Instant::SECOND as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_the_middle_of_the_sorted(mut gaps in prop::collection::vec(0_i64..100_000_000, 1..30)) {
            let median = median_seconds(&mut gaps);
            gaps.sort_unstable();
            let (low, high) = (gaps[(gaps.len() - 1) / 2], gaps[gaps.len() / 2]);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let expected = (low + high) as f64 / 2e6;
            prop_assert!(median.is_some_and(|median| (median - expected).abs() < 1e-9));
        }
    }

    #[test]
    fn nothing_has_no_median_and_no_share() {
        assert_eq!(median_seconds(&mut []), None);
        assert!(share(0, 0).abs() < f64::EPSILON);
    }
}
