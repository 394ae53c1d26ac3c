//! Two groups of values compared: means or shares, effect, interval, probability.
//!
//! What is compared is in [`crate::evidence`]; how, is in `throng_learn`. Here the two meet.

use statrs::function::erf::erfc;
use throng_learn::{Confidence, LearnError, Proportion, mean_difference, mean_ratio, proportion_difference};

use crate::delta::cliffs_delta;
use crate::evidence::Hits;
use crate::number::{real, real_count};
use crate::{Contrast, Effect, EffectKind, Interval};

/// How often the intervals of claims are to cover the truth.
const CONFIDENCE: f64 = 0.95;

/// Half the width of a normal 95 % interval, in standard errors.
pub(crate) const CRITICAL_Z: f64 = 1.959_963_984_540_054;

/// A persona's values beside those of the rest.
pub(crate) struct Comparison {
    pub(crate) persona_value: f64,
    pub(crate) rest_value: f64,
    pub(crate) effect: Effect,
    pub(crate) interval: Interval,
    /// Two-sided probability of a contrast this far from none, by the normal approximation.
    pub(crate) p_value: f64,
}

/// Compares the means of two groups of numbers.
pub(crate) fn compare_numbers(persona: &[f64], rest: &[f64], contrast: Contrast) -> Result<Comparison, LearnError> {
    let confidence = Confidence::new(CONFIDENCE)?;
    let difference = mean_difference(persona, rest, confidence)?;
    let interval = match contrast {
        Contrast::Ratio => mean_ratio(persona, rest, confidence)?,
        Contrast::Difference | Contrast::Share => difference,
    };
    Ok(Comparison {
        persona_value: mean(persona),
        rest_value: mean(rest),
        effect: cliffs_delta(persona, rest),
        interval: Interval { contrast, low: interval.low, high: interval.high },
        p_value: p_value(difference.estimate, difference.high),
    })
}

/// Compares how often two groups have one value.
pub(crate) fn compare_shares(persona: Hits, rest: Hits) -> Result<Comparison, LearnError> {
    let confidence = Confidence::new(CONFIDENCE)?;
    let (persona, rest) = (proportion(persona)?, proportion(rest)?);
    let difference = proportion_difference(persona, rest, confidence);
    // The end that faces zero decides; the interval of shares is not symmetric.
    let facing = if difference.estimate > 0.0 { difference.low } else { difference.high };
    Ok(Comparison {
        persona_value: persona.share(),
        rest_value: rest.share(),
        effect: Effect {
            kind: EffectKind::DifferenceOfShares,
            value: difference.estimate,
            low: difference.low,
            high: difference.high,
        },
        interval: Interval { contrast: Contrast::Difference, low: difference.low, high: difference.high },
        p_value: p_value(difference.estimate, 2.0 * difference.estimate - facing),
    })
}

/// Compares a persona's share of the revenue with its share of the customers.
///
/// `sums` are the exact totals of the persona and the rest; the interval is that of the ratio of
/// the mean revenues, carried over to the share, which grows with it.
pub(crate) fn compare_revenue(sums: [i128; 2], persona: &[f64], rest: &[f64]) -> Result<Comparison, LearnError> {
    let total = real(sums[0] + sums[1]);
    let ratio = mean_ratio(persona, rest, Confidence::new(CONFIDENCE)?)?;
    let difference = mean_difference(persona, rest, Confidence::new(CONFIDENCE)?)?;
    let (n_persona, n_rest) = (real_count(persona.len()), real_count(rest.len()));
    let share = |ratio: f64| n_persona * ratio / (n_persona * ratio + n_rest);
    let persona_value = real(sums[0]) / total;
    let expected = n_persona / (n_persona + n_rest);
    let (low, high) = (share(ratio.low).min(persona_value), share(ratio.high).max(persona_value));
    Ok(Comparison {
        persona_value,
        rest_value: real(sums[1]) / total,
        effect: Effect {
            kind: EffectKind::RatioOfShares,
            value: persona_value / expected,
            low: low / expected,
            high: high / expected,
        },
        interval: Interval { contrast: Contrast::Share, low, high },
        p_value: p_value(difference.estimate, difference.high),
    })
}

/// Returns the interval of a share of `n`.
pub(crate) fn share_interval(n_hit: u64, n: u64) -> Result<(f64, f64), LearnError> {
    let interval = proportion(Hits { n, n_hit })?.interval(Confidence::new(CONFIDENCE)?);
    Ok((interval.low, interval.high))
}

/// Returns Spearman's correlation of two columns over the rows where both are known.
///
/// Ranks are taken within each column; a missing value counts as the middle rank, which pulls the
/// correlation towards 0 and never makes one up.
pub(crate) fn rank_correlation(first: &[f64], second: &[f64]) -> f64 {
    let (mut product, mut first_square, mut second_square) = (0.0, 0.0, 0.0);
    for (x, y) in first.iter().zip(second) {
        product += x * y;
        first_square += x * x;
        second_square += y * y;
    }
    let scale = (first_square * second_square).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

/// Returns the ranks of the values about their middle: ties share one rank, missing values are 0.
pub(crate) fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&row_idx| !values[row_idx].is_nan()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let middle = (real_count(order.len()) - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&row_idx| values[row_idx] <= values[order[start]]).count();
        let rank = real_count(start) + (real_count(tied) - 1.0) / 2.0;
        for &row_idx in &order[start..start + tied] {
            ranks[row_idx] = rank - middle;
        }
        start += tied;
    }
    ranks
}

fn proportion(hits: Hits) -> Result<Proportion, LearnError> {
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Proportion::new(size(hits.n_hit), size(hits.n))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / real_count(values.len())
}

/// Returns the probability of a contrast as far from 0 as `estimate`, given the interval's end
/// that lies `CRITICAL_Z` standard errors beyond it.
fn p_value(estimate: f64, end: f64) -> f64 {
    let error = (end - estimate).abs() / CRITICAL_Z;
    if error <= 0.0 {
        // Both groups are constant: they differ for sure or not at all.
        return if estimate.abs() > 0.0 { 0.0 } else { 1.0 };
    }
    erfc((estimate / error).abs() / std::f64::consts::SQRT_2).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_a_rank_and_missing_values_stand_in_the_middle() {
        assert_eq!(centred_ranks(&[10.0, f64::NAN, 30.0, 10.0]), vec![-0.5, 0.0, 1.0, -0.5]);
        assert_eq!(centred_ranks(&[f64::NAN]), vec![0.0]);
    }

    #[test]
    fn rank_correlation_sees_order_and_not_size() {
        let first = centred_ranks(&[1.0, 2.0, 3.0, 400.0]);
        let second = centred_ranks(&[0.1, 0.2, 0.3, 0.4]);
        assert!((rank_correlation(&first, &second) - 1.0).abs() < 1e-12);
        let reversed: Vec<f64> = second.iter().map(|rank| -rank).collect();
        assert!((rank_correlation(&first, &reversed) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_constant_groups_do_not_differ() {
        let compared = compare_numbers(&[2.0, 2.0], &[2.0, 2.0, 2.0], Contrast::Difference).unwrap();
        assert!((compared.p_value - 1.0).abs() < 1e-12);
        assert!(!compared.interval.excludes_no_effect());
    }

    #[test]
    fn a_share_of_revenue_lies_in_its_interval() {
        let compared = compare_revenue([500, 500], &[200.0, 300.0], &[100.0, 150.0, 250.0]).unwrap();
        assert!((compared.persona_value - 0.5).abs() < 1e-12);
        assert!((compared.effect.value - 1.25).abs() < 1e-12);
        assert!(compared.interval.low < 0.5 && 0.5 < compared.interval.high);
    }
}
