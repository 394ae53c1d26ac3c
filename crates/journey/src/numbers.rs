//! Shares, quantiles and intervals, and what lies between codes and positions.

use throng_event::Instant;

/// Returns the share of a part in a whole, 0 when there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { real(part) / real(whole) }
}

/// Returns a count as a number with a fraction.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// Returns microseconds in seconds.
#[expect(clippy::cast_precision_loss, reason = "differences of instants below 2^53 µs, 285 years, are exact")]
pub(crate) fn seconds(span_us: i64) -> f64 {
    span_us as f64 / Instant::SECOND as f64
}

/// Returns a length as a count.
pub(crate) fn count(len: usize) -> u64 {
    // usize has at most 64 bits on every platform Rust knows.
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Returns a code as an index.
pub(crate) fn position(code: u32) -> usize {
    // usize has at least 32 bits wherever this runs.
    usize::try_from(code).unwrap_or(usize::MAX)
}

/// Returns an index as a code: rows and names are numbered by 32 bits throughout.
pub(crate) fn code(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Returns the median of microseconds in seconds, `None` of nothing; the mean of the
/// middle two when there is no middle one.
pub(crate) fn median_seconds(spans_us: &mut [i64]) -> Option<f64> {
    if spans_us.is_empty() {
        return None;
    }
    let even = spans_us.len().is_multiple_of(2);
    let (below, upper, _) = spans_us.select_nth_unstable(spans_us.len() / 2);
    let lower = if even { below.iter().max().copied().unwrap_or(*upper) } else { *upper };
    Some(f64::midpoint(seconds(lower), seconds(*upper)))
}

/// Returns the smallest of the spans that so many hundredths of them do not exceed,
/// in seconds; `None` of nothing.
pub(crate) fn percentile_seconds(spans_us: &mut [i64], hundredths: usize) -> Option<f64> {
    // The nearest rank: an observed value, so that the largest of few is not invented.
    let rank = (spans_us.len() * hundredths).div_ceil(100).checked_sub(1)?;
    let (_, span_us, _) = spans_us.select_nth_unstable(rank);
    Some(seconds(*span_us))
}

/// The ends of an interval of confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The normal quantile of a confidence of 95 %, two-sided.
pub(crate) const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Returns Wilson's score interval (1927) of a share at 95 %; all of 0 to 1 when there
/// is no whole.
pub(crate) fn wilson(part: u64, whole: u64) -> Bounds {
    if whole == 0 {
        return Bounds { low: 0.0, high: 1.0 };
    }
    let (n, share) = (real(whole), share(part, whole));
    let squared = NORMAL_95 * NORMAL_95;
    let middle = share + squared / (2.0 * n);
    let half_width = NORMAL_95 * (share * (1.0 - share) / n + squared / (4.0 * n * n)).sqrt();
    let scale = 1.0 + squared / n;
    // The ends are exact in theory at 0 and 1; rounding must not show.
    Bounds {
        low: ((middle - half_width) / scale).clamp(0.0, share),
        high: ((middle + half_width) / scale).clamp(share, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_the_middle_of_the_sorted(mut spans in prop::collection::vec(0_i64..100_000_000, 1..30)) {
            let median = median_seconds(&mut spans);
            spans.sort_unstable();
            let (low, high) = (spans[(spans.len() - 1) / 2], spans[spans.len() / 2]);
            let expected = f64::midpoint(seconds(low), seconds(high));
            prop_assert!(median.is_some_and(|median| (median - expected).abs() < 1e-9));
        }

        #[test]
        fn a_percentile_is_the_least_that_covers_its_share(
            mut spans in prop::collection::vec(0_i64..50, 1..40), hundredths in 1_usize..=100,
        ) {
            let found = percentile_seconds(&mut spans, hundredths).unwrap();
            let covers = |span: i64| spans.iter().filter(|other| **other <= span).count() * 100 >= hundredths * spans.len();
            let expected = (0..50).find(|span| spans.contains(span) && covers(*span)).unwrap();
            prop_assert!((found - seconds(expected)).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_has_no_median_and_no_percentile() {
        assert_eq!(median_seconds(&mut []), None);
        assert_eq!(percentile_seconds(&mut [], 90), None);
    }

    #[test]
    fn wilson_gives_newcombes_published_cases() {
        // Newcombe 1998, table I.
        for (part, whole, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)] {
            let found = wilson(part, whole);
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
        }
        assert_eq!(wilson(0, 0), Bounds { low: 0.0, high: 1.0 });
    }
}
