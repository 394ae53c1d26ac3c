//! Drift: how far a distribution has moved from the one it is measured against.
//!
//! The measure is the population stability index, `Σ (q − p) · ln(q / p)` over bins that hold equal
//! parts of the reference; it is the symmetrised Kullback–Leibler divergence (Jeffreys 1946) as
//! credit scoring uses it (Siddiqi 2006: below 0.1 no change, from 0.25 a shift). Every bin gets half
//! a count more, so that an empty one does not make the index infinite (Krichevsky and Trofimov
//! 1981). Missing values have a bin of their own: a feature that goes silent has drifted.
//!
//! Samples of one distribution differ too. If nothing changed, the index is about
//! `(1/n + 1/m) · χ²` with one degree of freedom less than there are bins (Yurdakul 2018);
//! [`stability_index_by_chance`] gives the bound that follows.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::error::LearnError;
use crate::number::real;
use crate::statistics::quantile_of_sorted;

/// What is added to every bin before shares are taken.
const SMOOTHING: f64 = 0.5;
/// Values, evenly spread, between which cuts are laid: their places are then right to a thousandth,
/// and sorting takes no time. All values are counted.
const CUTS_N_VALUES_MAX: usize = 200_000;

/// A distribution of one number, kept as counts between its own quantiles: plain data, to be
/// stored, and compared with later values.
///
/// ```
/// use throng_learn::QuantileBins;
///
/// let bins = QuantileBins::fit(&[1.0, 2.0, 3.0, 4.0, f64::NAN], 4)?;
/// assert_eq!(bins.counts(), &[1, 1, 1, 1, 1]);
/// assert_eq!(bins.counts_of(&[0.0, 9.0, f64::NAN]), [1, 0, 0, 1, 1]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileBins {
    low: f64,
    high: f64,
    cuts: Vec<f64>,
    counts: Vec<u64>,
}

impl QuantileBins {
    /// Returns the distribution of `values`, NaN meaning missing, in at most `n_bins` bins that hold
    /// about equally many. Where one value is so frequent that it fills several, they are one.
    pub fn fit(values: &[f64], n_bins: usize) -> Result<QuantileBins, LearnError> {
        if n_bins < 2 {
            return Err(LearnError::InvalidParameter {
                parameter: "n_bins",
                found: real(n_bins),
                allowed: "at least 2",
            });
        }
        if let Some(row) = values.iter().position(|value| value.is_infinite()) {
            return Err(LearnError::NotFinite { row, column: 0 });
        }
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if sorted.is_empty() {
            return Err(LearnError::TooFewValues { statistic: "a distribution", n_values: 0, n_values_needed: 1 });
        }
        let low = sorted.iter().copied().fold(f64::INFINITY, f64::min);
        let high = sorted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let stride = sorted.len().div_ceil(CUTS_N_VALUES_MAX);
        sorted = sorted.into_iter().step_by(stride).collect();
        sorted.sort_by(f64::total_cmp);
        let mut cuts: Vec<f64> = Vec::with_capacity(n_bins - 1);
        for cut_idx in 1..n_bins {
            let cut = quantile_of_sorted(&sorted, real(cut_idx) / real(n_bins)).unwrap_or(high);
            // A cut at the highest value would leave an empty bin behind it.
            if cut < high && cuts.last().is_none_or(|last| *last < cut) {
                cuts.push(cut);
            }
        }
        let mut bins = QuantileBins { low, high, cuts, counts: Vec::new() };
        bins.counts = bins.counts_of(values);
        Ok(bins)
    }

    /// Returns the distribution made of stored parts: the least and the greatest value, the cuts
    /// between bins, and the counts of all bins with that of the missing values last.
    pub fn from_parts(low: f64, high: f64, cuts: Vec<f64>, counts: Vec<u64>) -> Result<QuantileBins, LearnError> {
        if counts.len() != cuts.len() + 2 {
            return Err(LearnError::ShapeMismatch {
                what: "the list of counts",
                expected: cuts.len() + 2,
                found: counts.len(),
            });
        }
        let mut former = low;
        for (cut_idx, &cut) in cuts.iter().enumerate() {
            // The first cut may be the least value, when that is frequent.
            let ascending = if cut_idx == 0 { former <= cut } else { former < cut };
            if !ascending {
                return Err(LearnError::InvalidParameter { parameter: "cuts", found: cut, allowed: "ascending" });
            }
            former = cut;
        }
        let ends = low.is_finite() && high.is_finite() && (former < high || (cuts.is_empty() && former <= high));
        if !ends {
            return Err(LearnError::InvalidParameter {
                parameter: "high",
                found: high,
                allowed: "finite and above every cut",
            });
        }
        Ok(QuantileBins { low, high, cuts, counts })
    }

    /// Returns the least and the greatest value seen.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Returns the greatest value of each bin but the last, which has no end.
    #[must_use]
    pub fn cuts(&self) -> &[f64] {
        &self.cuts
    }

    /// Returns how many values each bin holds; the last count is that of missing values.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns how many of other values fall into each bin; the last count is that of missing ones.
    #[must_use]
    pub fn counts_of(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; self.cuts.len() + 2];
        for &value in values {
            let bin = if value.is_nan() { self.cuts.len() + 1 } else { self.bin(value) };
            counts[bin] += 1;
        }
        counts
    }

    /// Returns where a value stands among those seen, from 0 (none is less) to 1 (none is greater),
    /// linearly within a bin. Equal values stand in the middle of their bin; a missing one stands in
    /// the middle of all. It does not matter in which unit, or on which monotone scale, values are.
    #[must_use]
    pub fn position(&self, value: f64) -> f64 {
        let n_known: u64 = self.counts[..=self.cuts.len()].iter().sum();
        if value.is_nan() || n_known == 0 {
            return 0.5;
        }
        let bin = self.bin(value);
        let from = if bin == 0 { self.low } else { self.cuts[bin - 1] };
        let to = self.cuts.get(bin).copied().unwrap_or(self.high);
        let within = if to > from { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { outside(value, from) };
        let below: u64 = self.counts[..bin].iter().sum();
        (count(below) + within * count(self.counts[bin])) / count(n_known)
    }

    fn bin(&self, value: f64) -> usize {
        self.cuts.partition_point(|cut| *cut < value)
    }
}

/// Returns the place beside a bin of one single value: before it, in its middle, or behind it.
fn outside(value: f64, only: f64) -> f64 {
    if value < only {
        0.0
    } else if value > only {
        1.0
    } else {
        0.5
    }
}

/// Returns the population stability index of two lists of counts over the same bins, smoothed:
/// 0 when the shares are equal. Either list may sum to 0, which says nothing: the index is small.
///
/// ```
/// use throng_learn::population_stability_index;
///
/// assert_eq!(population_stability_index(&[50, 50], &[50, 50])?, 0.0);
/// assert!(population_stability_index(&[500, 500], &[900, 100])? > 0.8);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn population_stability_index(reference: &[u64], current: &[u64]) -> Result<f64, LearnError> {
    if reference.len() != current.len() {
        return Err(LearnError::ShapeMismatch {
            what: "the list of current counts",
            expected: reference.len(),
            found: current.len(),
        });
    }
    let (reference, current) = (smoothed_shares(reference), smoothed_shares(current));
    Ok(reference.iter().zip(&current).map(|(p, q)| (q - p) * (q / p).ln()).sum())
}

/// Returns the index that two samples of the same distribution exceed with the probability
/// `significance`, for so many bins and values.
pub fn stability_index_by_chance(
    n_bins: usize,
    n_reference: u64,
    n_current: u64,
    significance: f64,
) -> Result<f64, LearnError> {
    if !(0.0 < significance && significance < 1.0) {
        return Err(LearnError::InvalidParameter {
            parameter: "significance",
            found: significance,
            allowed: "between 0 and 1",
        });
    }
    if n_reference == 0 || n_current == 0 {
        return Ok(f64::INFINITY);
    }
    if n_bins < 2 {
        return Ok(0.0);
    }
    let invalid = |_| LearnError::InvalidParameter { parameter: "n_bins", found: real(n_bins), allowed: "at least 2" };
    let distribution = ChiSquared::new(real(n_bins - 1)).map_err(invalid)?;
    Ok(distribution.inverse_cdf(1.0 - significance) * (1.0 / count(n_reference) + 1.0 / count(n_current)))
}

fn smoothed_shares(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().map(|n| count(*n)).sum::<f64>() + SMOOTHING * real(counts.len());
    counts.iter().map(|n| (count(*n) + SMOOTHING) / total).collect()
}

fn count(n: u64) -> f64 {
    real(usize::try_from(n).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    use super::{QuantileBins, population_stability_index, stability_index_by_chance};
    use crate::random::generator;
    use rand::Rng;

    #[test]
    fn the_index_is_that_of_the_formula_worked_by_hand() {
        // Shares after smoothing: 10.5/21 each, and 5.5/21 with 15.5/21.
        let found = population_stability_index(&[10, 10], &[5, 15]).unwrap();
        let (p, q, r) = (10.5 / 21.0, 5.5 / 21.0, 15.5 / 21.0);
        let expected: f64 = (q - p) * f64::ln(q / p) + (r - p) * f64::ln(r / p);
        assert!((found - expected).abs() < 1e-12, "{found}");
    }

    #[test]
    fn lists_of_unequal_length_are_refused() {
        assert!(population_stability_index(&[1], &[1, 2]).is_err());
    }

    #[test]
    fn a_frequent_value_has_one_bin() {
        let mut values = vec![0.0; 70];
        values.extend((1..=30).map(f64::from));
        let bins = QuantileBins::fit(&values, 10).unwrap();
        assert_eq!(bins.counts()[0], 70);
        assert_eq!(bins.counts().iter().sum::<u64>(), 100);
        assert!((bins.position(0.0) - 0.35).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_distribution_is_refused() {
        assert!(QuantileBins::fit(&[], 10).is_err());
        assert!(QuantileBins::fit(&[f64::NAN], 10).is_err());
        assert!(QuantileBins::fit(&[1.0, f64::INFINITY], 10).is_err());
        assert!(QuantileBins::fit(&[1.0, 2.0], 1).is_err());
    }

    #[test]
    fn stored_parts_that_make_no_distribution_are_refused() {
        for (low, high, cuts, counts) in [
            (0.0, 1.0, vec![0.5], vec![1, 1]),
            (0.0, 1.0, vec![0.5, 0.5], vec![1, 1, 1, 0]),
            (0.6, 1.0, vec![0.5], vec![1, 1, 0]),
            (0.0, 0.5, vec![0.5], vec![1, 1, 0]),
            (0.0, f64::INFINITY, vec![0.5], vec![1, 1, 0]),
            (0.0, 1.0, vec![f64::NAN], vec![1, 1, 0]),
        ] {
            assert!(QuantileBins::from_parts(low, high, cuts.clone(), counts).is_err(), "{low} {high} {cuts:?}");
        }
    }

    #[test]
    fn a_bound_of_chance_holds_as_often_as_it_says() {
        let mut beyond = 0;
        let n_rounds = 400;
        for round in 0..n_rounds {
            let mut generator = generator(11, round);
            let mut sample = |n: usize| (0..n).map(|_| generator.random_range(0.0..1.0)).collect::<Vec<f64>>();
            let bins = QuantileBins::fit(&sample(600), 10).unwrap();
            let current = bins.counts_of(&sample(300));
            let index = population_stability_index(&bins.counts()[..10], &current[..10]).unwrap();
            beyond += u64::from(index > stability_index_by_chance(10, 600, 300, 0.05).unwrap());
        }
        // 20 are expected of 400; 10 to 32 is 2.5 standard deviations around it.
        assert!((8..=34).contains(&beyond), "{beyond} of {n_rounds}");
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = proptest::prop_oneof![
            4 => (-20..20_i32).prop_map(f64::from),
            2 => -1e9..1e9_f64,
            1 => proptest::strategy::Just(f64::NAN),
            2 => proptest::strategy::Just(0.0),
        ];
        proptest::collection::vec(value, 1..200)
    }

    proptest! {
        #[test]
        fn every_value_is_counted_and_positions_keep_order(mut values in values(), n_bins in 2_usize..20) {
            values.push(1.0);
            let bins = QuantileBins::fit(&values, n_bins).unwrap();
            prop_assert_eq!(bins.counts().iter().sum::<u64>(), u64::try_from(values.len()).unwrap());
            prop_assert!(bins.cuts().len() < n_bins);
            let (low, high) = bins.range();
            let again =
                QuantileBins::from_parts(low, high, bins.cuts().to_vec(), bins.counts().to_vec()).unwrap();
            prop_assert_eq!(&again, &bins);
            values.retain(|value| !value.is_nan());
            values.sort_by(f64::total_cmp);
            let positions: Vec<f64> = values.iter().map(|value| bins.position(*value)).collect();
            prop_assert!(positions.is_sorted());
            prop_assert!(positions.iter().all(|position| (0.0..=1.0).contains(position)));
        }

        #[test]
        fn the_index_is_symmetric_not_negative_and_blind_to_the_order_of_bins(
            pairs in proptest::collection::vec((0..1000_u64, 0..1000_u64), 1..20),
        ) {
            let (reference, current): (Vec<u64>, Vec<u64>) = pairs.iter().copied().unzip();
            let index = population_stability_index(&reference, &current).unwrap();
            let back = population_stability_index(&current, &reference).unwrap();
            prop_assert!(index >= 0.0 && index.is_finite());
            prop_assert!((index - back).abs() < 1e-9);
            let (turned, turned_current): (Vec<u64>, Vec<u64>) = pairs.iter().rev().copied().unzip();
            let turned = population_stability_index(&turned, &turned_current).unwrap();
            prop_assert!((index - turned).abs() < 1e-9);
        }
    }
}
