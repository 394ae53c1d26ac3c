//! Two groups side by side: how far shares differ, and whether that is more than chance
//! over all rows together.

use statrs::function::erf::erfc;
use throng_journey::LogRank;
use throng_learn::{Confidence, Proportion, benjamini_hochberg, proportion_difference};

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Those that count.
    pub n: u64,
    /// All.
    pub of: u64,
}

/// How much larger the first of two shares is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The first share less the second.
    pub estimate: f64,
    /// Its interval at 95 %, after Newcombe (1998).
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How probable so large a difference is where there is none: the two-proportion
    /// test with the pooled share, two-sided.
    pub p_value: f64,
    /// The share of false discoveries among all rows at least as sure (Benjamini and
    /// Hochberg 1995).
    pub q_value: f64,
}

/// How many times as fast something happens in the first of two groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRatio {
    /// The ratio of the rates, estimated in one step from the log-rank test (Peto 1977); near 1
    /// it is that of proportional hazards, far from it nearer to 1 than that.
    pub estimate: f64,
    /// Its interval at 95 %.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How probable so large a difference is where there is none: the log-rank test, two-sided.
    pub p_value: f64,
}

/// Returns how the rates of two groups differ; `None` where it happened to too few.
#[must_use]
pub fn rate_ratio(found: LogRank, n_ended: u64) -> Option<RateRatio> {
    if n_ended < N_MIN || found.variance <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    let distance = found.n_ended as f64 - found.n_expected;
    let (logarithm, half_width) = (distance / found.variance, NORMAL_95 / found.variance.sqrt());
    Some(RateRatio {
        estimate: logarithm.exp(),
        low: (logarithm - half_width).exp(),
        high: (logarithm + half_width).exp(),
        p_value: erfc(distance.abs() / found.variance.sqrt() / std::f64::consts::SQRT_2).clamp(0.0, 1.0),
    })
}

/// The normal quantile of a confidence of 95 %, two-sided.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The share of false discoveries at which a difference is taken for one.
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Customers of both groups together that a row needs, and customers that each group
/// needs: the normal approximation fails below it, and so few say nothing. What is left out does not depend on the difference.
const N_MIN: u64 = 10;

const CONFIDENCE: f64 = 0.95;

impl Share {
    /// Returns the share; 0 of nobody.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub fn value(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.n as f64 / self.of as f64 }
    }

    fn proportion(self) -> Option<Proportion> {
        Proportion::new(usize::try_from(self.n).ok()?, usize::try_from(self.of).ok()?).ok()
    }
}

impl Difference {
    /// Returns whether the difference is more than chance, false discoveries over all rows held
    /// down to 5 %.
    #[must_use]
    pub fn significant(&self) -> bool {
        self.q_value <= FALSE_DISCOVERY_RATE
    }
}

/// Returns the difference of every pair of shares; `None` where too few are counted in both
/// together, or nobody could be.
#[must_use]
pub fn differences(pairs: &[(Share, Share)]) -> Vec<Option<Difference>> {
    let mut found: Vec<Option<Difference>> = pairs.iter().map(|pair| difference(pair.0, pair.1)).collect();
    let p_values: Vec<f64> = found.iter().flatten().map(|difference| difference.p_value).collect();
    // A p-value of ours lies within 0 and 1.
    let adjusted = benjamini_hochberg(&p_values).unwrap_or(p_values);
    for (difference, q_value) in found.iter_mut().flatten().zip(adjusted) {
        difference.q_value = q_value;
    }
    found
}

fn difference(first: Share, second: Share) -> Option<Difference> {
    if first.n + second.n < N_MIN || first.of.min(second.of) < N_MIN {
        return None;
    }
    let confidence = Confidence::new(CONFIDENCE).ok()?;
    let interval = proportion_difference(first.proportion()?, second.proportion()?, confidence);
    let p_value = p_value(first, second);
    Some(Difference { estimate: interval.estimate, low: interval.low, high: interval.high, p_value, q_value: p_value })
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn p_value(first: Share, second: Share) -> f64 {
    let pooled = Share { n: first.n + second.n, of: first.of + second.of }.value();
    let error = (pooled * (1.0 - pooled) * (1.0 / first.of as f64 + 1.0 / second.of as f64)).sqrt();
    let distance = (first.value() - second.value()).abs();
    if error > 0.0 { erfc(distance / error / std::f64::consts::SQRT_2).clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(n: u64, of: u64) -> Share {
        Share { n, of }
    }

    #[test]
    fn a_difference_is_tested_as_in_the_textbook() {
        // Agresti, Categorical Data Analysis (2002), table 3.1: aspirin and heart attacks,
        // 189 of 11,034 and 104 of 11,037: z is 5.001.
        let [Some(found)] = differences(&[(share(189, 11_034), share(104, 11_037))])[..] else { panic!() };
        assert!((found.estimate - 0.0077).abs() < 5e-5, "{found:?}");
        assert!((found.p_value - 5.7e-7).abs() < 1e-8, "{found:?}");
        assert!(found.low < found.estimate && found.estimate < found.high && found.significant());
    }

    #[test]
    fn many_rows_are_held_to_more_than_one_is() {
        let pair = (share(60, 1_000), share(40, 1_000));
        assert!(differences(&[pair])[0].unwrap().significant());
        let mut pairs = vec![(share(50, 1_000), share(50, 1_000)); 30];
        pairs.push(pair);
        assert!(!differences(&pairs)[30].unwrap().significant());
    }

    #[test]
    fn rates_are_compared_as_in_the_textbook() {
        // Freireich et al. 1963: 9 ended, 19.25 expected, variance 6.257; chi-squared is 16.79.
        let found = LogRank { n_ended: 9, n_expected: 19.2505, variance: 6.2570 };
        let ratio = rate_ratio(found, 30).unwrap();
        assert!((ratio.p_value - 4.17e-5).abs() < 1e-6, "{ratio:?}");
        // Peto's ratio is exp(-1.638).
        assert!((ratio.estimate - 0.1943).abs() < 5e-4, "{ratio:?}");
        assert!(ratio.low < ratio.estimate && ratio.estimate < ratio.high && ratio.high < 1.0);
        assert_eq!(rate_ratio(found, 9), None);
        assert_eq!(rate_ratio(LogRank { variance: 0.0, ..found }, 30), None);
    }

    #[test]
    fn nothing_is_said_of_too_few_and_of_nobody() {
        for pair in [
            (share(4, 100), share(5, 100)),
            (share(0, 1), share(90, 100)),
            (share(0, 0), share(50, 100)),
            (share(0, 0), share(0, 0)),
        ] {
            assert_eq!(differences(&[pair]), [None]);
        }
        let [Some(all)] = differences(&[(share(50, 50), share(70, 70))])[..] else { panic!() };
        assert!((all.p_value - 1.0).abs() < 1e-12);
    }
}
