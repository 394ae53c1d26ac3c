//! What kind of number an outcome is, and with it the link, the variance and the deviance.

use crate::error::LearnError;
use crate::number::real;

/// What kind of outcome is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Response {
    /// Whether something happens: 0 or 1. Bernoulli with the logit link.
    Occurrence,
    /// How often: 0, 1, 2 and so on. Poisson with the log link; the deviance explained is the same
    /// however much counts vary beyond Poisson's variance, so this is the quasi-likelihood too.
    Count,
    /// How much, not negative, with any share of exact noughts: revenue. Tweedie of power 1.5 with
    /// the log link, a Poisson number of Gamma amounts (Jørgensen 1987).
    Amount,
    /// How much, above 0: revenue of those who buy. Gamma with the log link; with `Occurrence` of
    /// buying at all the two parts of a hurdle model.
    PositiveAmount,
}

/// Linear predictors beyond which a mean is no longer a number worth having.
const LINEAR_MAX: f64 = 30.0;
/// Least distance of a probability from 0 and 1: a row that happens although it was called
/// impossible would have infinite deviance.
const PROBABILITY_MIN: f64 = 1e-9;

impl Response {
    /// Returns an error unless all outcomes are of this kind and there is something to predict.
    pub(crate) fn check(self, outcomes: &[f64]) -> Result<(), LearnError> {
        let (fits, allowed): (fn(f64) -> bool, _) = match self {
            Response::Occurrence => (|value| value.total_cmp(&0.0).is_eq() || value.total_cmp(&1.0).is_eq(), "0 or 1"),
            Response::Count => (
                |value| value >= 0.0 && value.is_finite() && value.fract().total_cmp(&0.0).is_eq(),
                "0, 1, 2 and so on",
            ),
            Response::Amount => (|value| value >= 0.0 && value.is_finite(), "finite and not negative"),
            Response::PositiveAmount => (|value| value > 0.0 && value.is_finite(), "finite and above 0"),
        };
        if let Some(&found) = outcomes.iter().find(|value| !fits(**value)) {
            return Err(LearnError::InvalidParameter { parameter: "outcome", found, allowed });
        }
        let (least, greatest) = outcomes
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
        if greatest <= 0.0 {
            let allowed = "above 0 for some row; where nothing happens nothing can be predicted";
            return Err(LearnError::InvalidParameter { parameter: "outcomes", found: greatest, allowed });
        }
        if greatest <= least {
            let allowed = "different for some rows; where all are equal nothing can be predicted";
            return Err(LearnError::InvalidParameter { parameter: "outcomes", found: greatest, allowed });
        }
        Ok(())
    }

    /// Returns the mean of the outcomes, or an error if it allows no deviance.
    pub(crate) fn mean(self, outcomes: &[f64]) -> Result<f64, LearnError> {
        let mean = outcomes.iter().sum::<f64>() / real(outcomes.len());
        let certain = self == Response::Occurrence && mean >= 1.0;
        if mean > 0.0 && !certain {
            return Ok(mean);
        }
        let allowed = "varied in every fold; there are too few rows with another outcome for so many folds";
        Err(LearnError::InvalidParameter { parameter: "outcomes", found: mean, allowed })
    }

    /// Returns the linear predictor of a mean.
    pub(crate) fn link(self, mean: f64) -> f64 {
        match self {
            Response::Occurrence => (mean / (1.0 - mean)).ln(),
            Response::Count | Response::Amount | Response::PositiveAmount => mean.ln(),
        }
    }

    /// Returns the mean at a linear predictor.
    pub(crate) fn mean_at(self, linear: f64) -> f64 {
        let linear = linear.clamp(-LINEAR_MAX, LINEAR_MAX);
        match self {
            Response::Occurrence => (1.0 / (1.0 + (-linear).exp())).clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN),
            Response::Count | Response::Amount | Response::PositiveAmount => linear.exp(),
        }
    }

    /// Returns the weight of a row in the next step of the fit, and its residual in the units of
    /// the linear predictor (Fisher scoring).
    pub(crate) fn weight_and_residual(self, outcome: f64, mean: f64) -> (f64, f64) {
        match self {
            Response::Occurrence => {
                let weight = mean * (1.0 - mean);
                (weight, (outcome - mean) / weight)
            }
            Response::Count => (mean, (outcome - mean) / mean),
            Response::Amount => (mean.sqrt(), (outcome - mean) / mean),
            Response::PositiveAmount => (1.0, (outcome - mean) / mean),
        }
    }

    /// Returns the deviance of one outcome.
    pub(crate) fn deviance(self, outcome: f64, mean: f64) -> f64 {
        let log_term = |value: f64, of: f64| if value > 0.0 { value * (value / of).ln() } else { 0.0 };
        match self {
            Response::Occurrence => 2.0 * (log_term(outcome, mean) + log_term(1.0 - outcome, 1.0 - mean)),
            Response::Count => 2.0 * (log_term(outcome, mean) - (outcome - mean)),
            // The general form at power 1.5, put together: no difference of large numbers is left.
            Response::Amount => 4.0 * (outcome.sqrt() - mean.sqrt()).powi(2) / mean.sqrt(),
            Response::PositiveAmount => 2.0 * ((outcome - mean) / mean - (outcome / mean).ln()),
        }
    }
}
