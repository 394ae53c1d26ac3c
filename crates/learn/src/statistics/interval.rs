//! Confidence intervals for differences and ratios of means and proportions.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::error::LearnError;
use crate::number::real;
use crate::random::{generator, resampled_rows};
use crate::statistics::{Moments, mean, quantile_of_sorted, require_values};

/// How often an interval is to cover the truth: a share between 0 and 1, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Returns the confidence of the given share (0.95, say).
    pub fn new(share: f64) -> Result<Confidence, LearnError> {
        if 0.0 < share && share < 1.0 {
            return Ok(Confidence(share));
        }
        Err(LearnError::InvalidParameter {
            parameter: "confidence",
            found: share,
            allowed: "between 0 and 1, exclusive",
        })
    }

    /// Returns the share.
    #[must_use]
    pub fn share(self) -> f64 {
        self.0
    }

    /// Returns the probability below the upper end of a two-sided interval.
    fn upper_probability(self) -> f64 {
        f64::midpoint(1.0, self.0)
    }

    pub(crate) fn normal_quantile(self) -> f64 {
        Normal::standard().inverse_cdf(self.upper_probability())
    }
}

/// An estimate and the interval around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate; it lies within the interval.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

crate::state_of_fields!(Interval { estimate, low, high });

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    n_successes: usize,
    n_trials: usize,
}

/// Returns the difference of the means of `first` and `second` with Welch's interval (1947), which
/// does not suppose equal variances.
pub fn mean_difference(first: &[f64], second: &[f64], confidence: Confidence) -> Result<Interval, LearnError> {
    let first = Moments::of("a difference of means", first)?;
    let second = Moments::of("a difference of means", second)?;
    let (first_error, second_error) = (first.squared_error(), second.squared_error());
    let squared_error = first_error + second_error;
    let estimate = first.mean - second.mean;
    let freedom = squared_error.powi(2)
        / (first_error.powi(2) / (first.n_values - 1.0) + second_error.powi(2) / (second.n_values - 1.0));
    // Two groups without spread leave 0/0 here, and nothing to be unsure of.
    let critical = match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if squared_error > 0.0 => student.inverse_cdf(confidence.upper_probability()),
        Ok(_) | Err(_) => 0.0,
    };
    let half_width = critical * squared_error.sqrt();
    Ok(Interval { estimate, low: estimate - half_width, high: estimate + half_width })
}

/// Returns how many times the mean of `second` the mean of `first` is, with the interval of its
/// logarithm by the delta method. Both means must be above 0.
pub fn mean_ratio(first: &[f64], second: &[f64], confidence: Confidence) -> Result<Interval, LearnError> {
    let first = Moments::of("a ratio of means", first)?;
    let second = Moments::of("a ratio of means", second)?;
    require_positive(first.mean)?;
    require_positive(second.mean)?;
    let squared_error = first.squared_error() / first.mean.powi(2) + second.squared_error() / second.mean.powi(2);
    let half_width = confidence.normal_quantile() * squared_error.sqrt();
    let estimate = first.mean / second.mean;
    Ok(Interval { estimate, low: estimate * (-half_width).exp(), high: estimate * half_width.exp() })
}

/// Returns how many times the mean of `second` the mean of `first` is, with the percentile interval
/// of `n_resamples` bootstrap resamples of both groups (Efron 1979). No shape is supposed, but the
/// mean of `second` must be above 0 and no value negative; resamples in which the denominator
/// vanishes are left out.
pub fn mean_ratio_bootstrap(
    first: &[f64],
    second: &[f64],
    confidence: Confidence,
    n_resamples: usize,
    seed: u64,
) -> Result<Interval, LearnError> {
    require_values("a ratio of means", first, 2)?;
    require_values("a ratio of means", second, 2)?;
    for &value in first.iter().chain(second) {
        if value < 0.0 {
            return Err(LearnError::InvalidParameter { parameter: "values", found: value, allowed: "not negative" });
        }
    }
    let denominator = mean(second)?;
    require_positive(denominator)?;
    let estimate = mean(first)? / denominator;
    let streams = u64::try_from(n_resamples).unwrap_or(u64::MAX);
    let resampled: Vec<f64> = (0..streams)
        .into_par_iter()
        .map(|stream| {
            let mut generator = generator(seed, stream);
            let mut resampled_mean = |values: &[f64]| {
                let rows = resampled_rows(values.len(), &mut generator);
                rows.iter().map(|&row_idx| values[row_idx]).sum::<f64>() / real(values.len())
            };
            resampled_mean(first) / resampled_mean(second)
        })
        .collect();
    let mut ratios = resampled;
    ratios.retain(|ratio| ratio.is_finite());
    ratios.sort_by(f64::total_cmp);
    let upper = confidence.upper_probability();
    let low = quantile_of_sorted(&ratios, 1.0 - upper);
    let high = quantile_of_sorted(&ratios, upper);
    let (Some(low), Some(high)) = (low, high) else {
        return Err(LearnError::TooFewValues {
            statistic: "a bootstrap interval",
            n_values: ratios.len(),
            n_values_needed: 1,
        });
    };
    Ok(Interval { estimate, low: low.min(estimate), high: high.max(estimate) })
}

fn require_positive(mean: f64) -> Result<(), LearnError> {
    if mean > 0.0 {
        return Ok(());
    }
    Err(LearnError::InvalidParameter { parameter: "mean", found: mean, allowed: "above 0 in both groups of a ratio" })
}

impl Proportion {
    /// Returns `n_successes` of `n_trials`, which is at least 1 and not less.
    pub fn new(n_successes: usize, n_trials: usize) -> Result<Proportion, LearnError> {
        if n_trials == 0 {
            return Err(LearnError::TooFewValues { statistic: "a proportion", n_values: 0, n_values_needed: 1 });
        }
        if n_successes > n_trials {
            return Err(LearnError::InvalidParameter {
                parameter: "n_successes",
                found: real(n_successes),
                allowed: "at most the number of trials",
            });
        }
        Ok(Proportion { n_successes, n_trials })
    }

    /// Returns the share of successes.
    #[must_use]
    pub fn share(self) -> f64 {
        real(self.n_successes) / real(self.n_trials)
    }

    /// Returns the share with Wilson's score interval (1927), which stays within 0 and 1 and is good
    /// for small numbers.
    #[must_use]
    pub fn interval(self, confidence: Confidence) -> Interval {
        let n_trials = real(self.n_trials);
        let share = self.share();
        let squared = confidence.normal_quantile().powi(2);
        let middle = share + squared / (2.0 * n_trials);
        let inner = share * (1.0 - share) / n_trials + squared / (4.0 * n_trials.powi(2));
        let half_width = squared.sqrt() * inner.sqrt();
        let scale = 1.0 + squared / n_trials;
        // The ends are exact in theory where no or every trial succeeds; rounding must not show.
        Interval {
            estimate: share,
            low: ((middle - half_width) / scale).clamp(0.0, share),
            high: ((middle + half_width) / scale).clamp(share, 1.0),
        }
    }
}

/// Returns the difference of two independent proportions with Newcombe's hybrid score interval
/// (1998, method 10), which combines their Wilson intervals.
#[must_use]
pub fn proportion_difference(first: Proportion, second: Proportion, confidence: Confidence) -> Interval {
    let (a, b) = (first.interval(confidence), second.interval(confidence));
    let estimate = a.estimate - b.estimate;
    Interval {
        estimate,
        low: estimate - (a.estimate - a.low).hypot(b.high - b.estimate),
        high: estimate + (a.high - a.estimate).hypot(b.estimate - b.low),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Confidence, Interval, Proportion, mean_difference, mean_ratio, mean_ratio_bootstrap, proportion_difference,
    };

    const FIRST: [f64; 6] = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9];
    const SECOND: [f64; 6] = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5];

    fn check(found: Interval, expected: [f64; 3], tolerance: f64) {
        let found = [found.estimate, found.low, found.high];
        for (found_value, expected_value) in found.iter().zip(expected) {
            let difference = (found_value - expected_value).abs();
            assert!(difference < tolerance, "{found:?} is not {expected:?}");
        }
    }

    fn confidence() -> Confidence {
        Confidence::new(0.95).unwrap()
    }

    #[test]
    fn wilson_and_newcombe_equal_newcombes_published_cases() {
        // Newcombe 1998a, table I: 81/263, 15/148, 0/20, 1/29.
        let wilson = |n_successes, n_trials, expected| {
            let proportion = Proportion::new(n_successes, n_trials).unwrap();
            check(proportion.interval(confidence()), expected, 5e-5);
        };
        wilson(81, 263, [0.30798, 0.2553, 0.3662]);
        wilson(15, 148, [0.10135, 0.0624, 0.1605]);
        wilson(0, 20, [0.0, 0.0, 0.1611]);
        wilson(1, 29, [0.03448, 0.0061, 0.1718]);
        // Newcombe 1998b, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10.
        let newcombe = |first: (usize, usize), second: (usize, usize), expected| {
            let first = Proportion::new(first.0, first.1).unwrap();
            let second = Proportion::new(second.0, second.1).unwrap();
            check(proportion_difference(first, second, confidence()), expected, 5e-5);
        };
        newcombe((56, 70), (48, 80), [0.2, 0.0524, 0.3339]);
        newcombe((9, 10), (3, 10), [0.6, 0.1705, 0.8090]);
        newcombe((10, 10), (0, 10), [1.0, 0.6075, 1.0]);
    }

    #[test]
    fn welch_interval_equals_that_worked_by_the_formula() {
        // Means 21 and 23.366667, variances 15.724 and 4.482667, so a standard error of 1.835151
        // and 7.636562 degrees of freedom. Student's table has 2.3646 at 7 and 2.3060 at 8.
        let found = mean_difference(&FIRST, &SECOND, confidence()).unwrap();
        let critical = (found.high - found.estimate) / 1.835_151;
        assert!((found.estimate + 2.366_667).abs() < 1e-6);
        assert!(2.306_0 < critical && critical < 2.364_6, "{critical}");
        // Interpolated in the reciprocal of the degrees of freedom, as tables are.
        let at = (1.0 / 7.636_562 - 1.0 / 8.0) / (1.0 / 7.0 - 1.0 / 8.0);
        assert!((critical - (2.306_0 + at * (2.364_6 - 2.306_0))).abs() < 5e-4);
        assert!((found.high + found.low - 2.0 * found.estimate).abs() < 1e-9);
        let flat = mean_difference(&[1.0, 1.0], &[3.0, 3.0], confidence()).unwrap();
        check(flat, [-2.0, -2.0, -2.0], 1e-12);
    }

    #[test]
    fn ratio_interval_is_symmetric_in_the_logarithm_and_near_the_bootstrap() {
        let found = mean_ratio(&FIRST, &SECOND, confidence()).unwrap();
        let product = found.low * found.high;
        assert!((product - found.estimate.powi(2)).abs() < 1e-9);
        let bootstrap = mean_ratio_bootstrap(&FIRST, &SECOND, confidence(), 2000, 5).unwrap();
        assert!((bootstrap.low - found.low).abs() < 0.04);
        assert!((bootstrap.high - found.high).abs() < 0.04);
    }

    #[test]
    fn welch_interval_covers_the_truth_as_often_as_it_says() {
        use rand::Rng;
        let mut generator = crate::random::generator(11, 0);
        let mut n_covered = 0;
        for _ in 0..1000 {
            let mut draw = |n_values: usize, scale: f64| -> Vec<f64> {
                let values = (0..n_values).map(|_| scale * generator.random::<f64>());
                values.collect()
            };
            let first = draw(20, 1.0);
            let second = draw(40, 4.0);
            let found = mean_difference(&first, &second, confidence()).unwrap();
            if found.low <= -1.5 && -1.5 <= found.high {
                n_covered += 1;
            }
        }
        assert!((930..=970).contains(&n_covered), "{n_covered} of 1000");
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(Confidence::new(1.0).is_err());
        assert!(Confidence::new(f64::NAN).is_err());
        assert!(Proportion::new(1, 0).is_err());
        assert!(Proportion::new(3, 2).is_err());
        assert!(mean_difference(&[1.0], &[1.0, 2.0], confidence()).is_err());
        assert!(mean_ratio(&[1.0, 2.0], &[0.0, 0.0], confidence()).is_err());
        assert!(mean_ratio(&[f64::NAN, 2.0], &[1.0, 2.0], confidence()).is_err());
        assert!(mean_ratio_bootstrap(&[1.0, -2.0], &[1.0, 2.0], confidence(), 10, 0).is_err());
        assert!(mean_ratio_bootstrap(&[1.0, 2.0], &[1.0, 2.0], confidence(), 0, 0).is_err());
    }
}
