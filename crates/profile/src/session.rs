//! Sessions: runs of one profile's events with no gap over a limit.

use std::ops::Range;

/// Returns the sessions of ascending times as ranges of their positions, in order.
///
/// Two neighbours belong to one session when the second follows at most `gap_us`
/// after the first, so events at one instant are never parted. The ranges cover
/// every position exactly once.
///
/// # Panics
/// When the times are not ascending, which is a mistake of the caller's.
///
/// ```
/// assert_eq!(throng_profile::sessions(&[0, 5, 20, 30, 31], 10), [0..2, 2..5]);
/// ```
#[must_use]
pub fn sessions(times: &[i64], gap_us: i64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (idx, pair) in times.windows(2).enumerate() {
        assert!(pair[0] <= pair[1], "times of one profile are ascending");
        if pair[1].saturating_sub(pair[0]) > gap_us {
            ranges.push(start..idx + 1);
            start = idx + 1;
        }
    }
    if !times.is_empty() {
        ranges.push(start..times.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_events_make_no_session() {
        assert!(sessions(&[], 10).is_empty());
    }

    #[test]
    fn a_gap_of_exactly_the_limit_joins() {
        assert_eq!(sessions(&[0, 10], 10), vec![0..2]);
        assert_eq!(sessions(&[0, 11], 10), vec![0..1, 1..2]);
    }

    proptest! {
        #[test]
        fn sessions_cover_all_and_are_parted_by_gaps_only(
            mut times in prop::collection::vec(0_i64..500, 0..60), gap_us in 0_i64..30,
        ) {
            times.sort_unstable();
            let ranges = sessions(&times, gap_us);
            let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..times.len()).collect::<Vec<_>>());
            for range in &ranges {
                prop_assert!(times[range.clone()].windows(2).all(|pair| pair[1] - pair[0] <= gap_us));
            }
            for pair in ranges.windows(2) {
                prop_assert!(times[pair[1].start] - times[pair[0].end - 1] > gap_us);
            }
        }
    }
}
