//! Quantiles, plain and weighted.

use crate::error::LearnError;
use crate::number::{position, real};
use crate::statistics::require_values;

/// Returns the quantile at `share` (0 to 1) of at least one value, interpolated linearly between
/// neighbours (type 7 of Hyndman and Fan 1996, as R and `NumPy` do).
///
/// ```
/// assert_eq!(throng_learn::quantile(&[4.0, 1.0, 3.0, 2.0], 0.5)?, 2.5);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn quantile(values: &[f64], share: f64) -> Result<f64, LearnError> {
    require_values("a quantile", values, 1)?;
    require_share(share)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, share).ok_or(LearnError::TooFewValues {
        statistic: "a quantile",
        n_values: 0,
        n_values_needed: 1,
    })
}

/// Returns the median of at least one value.
pub fn median(values: &[f64]) -> Result<f64, LearnError> {
    quantile(values, 0.5)
}

/// Returns the quantile of ascending values; `None` if there are none.
pub(crate) fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * real(last);
    let below = position(at, last);
    let above = (below + 1).min(last);
    let fraction = at - real(below);
    Some(sorted[below] + fraction * (sorted[above] - sorted[below]))
}

/// Returns the least value such that values up to it carry at least `share` of the total weight.
/// Weights are not negative and not all 0.
pub fn weighted_quantile(values: &[f64], weights: &[f64], share: f64) -> Result<f64, LearnError> {
    require_values("a weighted quantile", values, 1)?;
    require_share(share)?;
    if weights.len() != values.len() {
        return Err(LearnError::ShapeMismatch {
            what: "the list of weights",
            expected: values.len(),
            found: weights.len(),
        });
    }
    let total: f64 = weights.iter().sum();
    let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
    if !(least >= 0.0 && total > 0.0 && total.is_finite()) {
        return Err(LearnError::InvalidParameter {
            parameter: "weights",
            found: if least >= 0.0 { total } else { least },
            allowed: "finite, not negative, and not all 0",
        });
    }
    let mut order: Vec<usize> = (0..values.len()).filter(|&idx| weights[idx] > 0.0).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut below = 0.0;
    let mut reached = values[order[0]];
    for idx in order {
        reached = values[idx];
        below += weights[idx];
        if below >= share * total {
            break;
        }
    }
    Ok(reached)
}

/// Returns the least value such that values up to it carry at least half of the total weight.
pub fn weighted_median(values: &[f64], weights: &[f64]) -> Result<f64, LearnError> {
    weighted_quantile(values, weights, 0.5)
}

fn require_share(share: f64) -> Result<(), LearnError> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(LearnError::InvalidParameter { parameter: "share", found: share, allowed: "between 0 and 1" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{quantile, weighted_median, weighted_quantile};
    use crate::number::{position, real};

    #[test]
    fn quantile_interpolates_as_r_does() {
        let check = |values: &[f64], share: f64, expected: f64| {
            let found = quantile(values, share).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        };
        check(&[1.0, 2.0, 3.0, 4.0, 10.0], 0.25, 2.0);
        check(&[10.0, 1.0, 4.0, 2.0], 0.9, 8.2);
        check(&[7.0], 0.3, 7.0);
        check(&[1.0, 2.0], 1.0, 2.0);
    }

    #[test]
    fn weight_decides_the_weighted_median() {
        assert!((weighted_median(&[1.0, 2.0, 9.0], &[1.0, 1.0, 5.0]).unwrap() - 9.0).abs() < 1e-12);
        assert!((weighted_median(&[1.0, 2.0, 9.0], &[0.0, 1.0, 0.5]).unwrap() - 2.0).abs() < 1e-12);
        assert!(weighted_median(&[1.0], &[0.0]).is_err());
        assert!(weighted_median(&[1.0, 2.0], &[2.0, -1.0]).is_err());
        assert!(weighted_median(&[1.0, 2.0], &[2.0]).is_err());
        assert!(quantile(&[], 0.5).is_err());
        assert!(quantile(&[1.0], 1.1).is_err());
        assert!(quantile(&[f64::NAN], 0.5).is_err());
    }

    proptest! {
        #[test]
        fn whole_weights_are_repetitions(
            pairs in proptest::collection::vec((-50..50_i32, 0..4_usize), 1..20),
            share in 0.01..0.99_f64,
        ) {
            let values: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
            let weights: Vec<f64> = pairs.iter().map(|pair| real(pair.1)).collect();
            let mut repeated: Vec<f64> = pairs
                .iter()
                .flat_map(|pair| std::iter::repeat_n(f64::from(pair.0), pair.1))
                .collect();
            repeated.sort_by(f64::total_cmp);
            if let Some(last) = repeated.len().checked_sub(1) {
                let rank = position((share * real(repeated.len())).ceil(), last + 1);
                let expected = repeated[rank.saturating_sub(1).min(last)];
                let found = weighted_quantile(&values, &weights, share).unwrap();
                prop_assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}
