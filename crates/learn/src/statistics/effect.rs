//! Effect sizes: how different two groups are, free of units.

use crate::error::LearnError;
use crate::number::real;
use crate::statistics::{Moments, require_values};

/// Returns Cliff's delta (1993): the probability that a value of `first` exceeds one of `second`,
/// less the probability of the reverse. From -1 to 1; 0.15, 0.33 and 0.47 are commonly read as
/// small, medium and large. Takes O(n log n).
///
/// ```
/// assert_eq!(throng_learn::cliffs_delta(&[3.0, 4.0], &[1.0, 2.0])?, 1.0);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn cliffs_delta(first: &[f64], second: &[f64]) -> Result<f64, LearnError> {
    require_values("Cliff's delta", first, 1)?;
    require_values("Cliff's delta", second, 1)?;
    let mut sorted_first = first.to_vec();
    let mut sorted_second = second.to_vec();
    sorted_first.sort_by(f64::total_cmp);
    sorted_second.sort_by(f64::total_cmp);
    let mut n_below = 0;
    let mut n_not_above = 0;
    let mut difference = 0.0;
    for value in sorted_first {
        while n_below < sorted_second.len() && sorted_second[n_below] < value {
            n_below += 1;
        }
        while n_not_above < sorted_second.len() && sorted_second[n_not_above] <= value {
            n_not_above += 1;
        }
        // Both are whole numbers, so the sum is exact.
        difference += real(n_below) - real(sorted_second.len() - n_not_above);
    }
    Ok(difference / (real(first.len()) * real(second.len())))
}

/// Returns the difference of the means of `first` and `second` in units of the root mean square of
/// their standard deviations (Cohen's d with equal weights, as for covariate balance; Austin 2009).
/// Two groups of one value each, and of the same, differ by 0; of different ones, infinitely.
pub fn standardised_mean_difference(first: &[f64], second: &[f64]) -> Result<f64, LearnError> {
    let first = Moments::of("a standardised mean difference", first)?;
    let second = Moments::of("a standardised mean difference", second)?;
    let difference = first.mean - second.mean;
    if difference.abs() <= 0.0 {
        return Ok(0.0);
    }
    Ok(difference / f64::midpoint(first.variance, second.variance).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{cliffs_delta, standardised_mean_difference};
    use crate::number::real;

    #[test]
    fn standardised_difference_is_worked_by_hand() {
        let check = |first: &[f64], second: &[f64], expected: f64| {
            let found = standardised_mean_difference(first, second).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        };
        check(&[1.0, 3.0], &[0.0, 2.0], 1.0 / 2.0_f64.sqrt());
        check(&[2.0, 2.0], &[2.0, 2.0], 0.0);
        assert!(standardised_mean_difference(&[1.0], &[1.0, 2.0]).is_err());
    }

    proptest! {
        #[test]
        fn delta_equals_the_count_over_all_pairs(
            first in proptest::collection::vec(-5..5_i32, 1..30),
            second in proptest::collection::vec(-5..5_i32, 1..30),
        ) {
            let mut sum = 0;
            for a in &first {
                for b in &second {
                    sum += (a - b).signum();
                }
            }
            let expected = f64::from(sum) / real(first.len() * second.len());
            let as_real = |values: &[i32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
            let found = cliffs_delta(&as_real(&first), &as_real(&second)).unwrap();
            prop_assert!((found - expected).abs() < 1e-12);
        }
    }
}
