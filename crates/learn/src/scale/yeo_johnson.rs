//! The power transform of Yeo and Johnson (2000, "A new family of power transformations to improve
//! normality or symmetry"), and the exponent λ that makes values most normal.
//!
//! `((x + 1)^λ − 1) / λ` for `x ≥ 0`, and `−((1 − x)^(2 − λ) − 1) / (2 − λ)` below. λ is that of the
//! greatest normal likelihood, found by Brent's method without derivatives (Brent 1973, chapter 5).

use crate::error::LearnError;
use crate::number::real;
use crate::statistics::require_values;

/// Where λ is looked for: 1 changes nothing, and 5 to either side bends more than any real column
/// asks for.
const LAMBDA_MIN: f64 = -4.0;
const LAMBDA_MAX: f64 = 6.0;
/// How exactly λ is found, and the steps it may take; golden sections alone would need 45.
const LAMBDA_TOLERANCE: f64 = 1e-8;
const N_STEPS_MAX: usize = 100;
/// Exponents below are taken as 0, where the power becomes a logarithm.
const EXPONENT_MIN: f64 = 1e-12;

/// Returns the Yeo–Johnson exponent, from −4 to 6, of the greatest normal likelihood for at least two
/// values, as scikit-learn's `PowerTransformer` estimates it.
///
/// ```
/// let doubling: Vec<f64> = (0..12).map(|power| f64::from(1 << power)).collect();
/// let lambda = throng_learn::yeo_johnson_lambda(&doubling)?;
/// assert!(lambda.abs() < 0.1, "the logarithm is nearest");
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn yeo_johnson_lambda(values: &[f64]) -> Result<f64, LearnError> {
    require_values("a Yeo–Johnson exponent", values, 2)?;
    Ok(lambda_of(values))
}

/// Returns the exponent for finite values; 1 where they are all equal.
pub(super) fn lambda_of(values: &[f64]) -> f64 {
    let n_values = real(values.len().max(1));
    // The derivative's share of the likelihood is this times λ − 1.
    let stretch: f64 = values.iter().map(|value| value.abs().ln_1p().copysign(*value)).sum();
    let loss = |lambda: f64| {
        let mean = values.iter().map(|value| bend(*value, lambda)).sum::<f64>() / n_values;
        let square: f64 = values.iter().map(|value| (bend(*value, lambda) - mean).powi(2)).sum();
        0.5 * n_values * (square / n_values).ln() - (lambda - 1.0) * stretch
    };
    if loss(1.0).is_finite() { least(loss, LAMBDA_MIN, LAMBDA_MAX) } else { 1.0 }
}

/// Returns the transformed value.
pub(super) fn bend(value: f64, lambda: f64) -> f64 {
    let exponent = if value >= 0.0 { lambda } else { 2.0 - lambda };
    let log = value.abs().ln_1p();
    let size = if exponent.abs() < EXPONENT_MIN { log } else { (exponent * log).exp_m1() / exponent };
    size.copysign(value)
}

/// Returns the value that is transformed to `bent`; infinite where no value is.
pub(super) fn unbend(bent: f64, lambda: f64) -> f64 {
    let exponent = if bent >= 0.0 { lambda } else { 2.0 - lambda };
    let size = bent.abs();
    let log = if exponent.abs() < EXPONENT_MIN {
        size
    } else if exponent * size <= -1.0 {
        // A negative exponent has a ceiling.
        f64::INFINITY
    } else {
        (exponent * size).ln_1p() / exponent
    };
    log.exp_m1().copysign(bent)
}

/// Returns where `loss` is least between `low` and `high`: a parabola through the three best points
/// where it can be trusted, a golden section where not.
fn least(loss: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = (3.0 - 5.0_f64.sqrt()) / 2.0;
    let start = low + golden * (high - low);
    // The best point, the second best, and the second best before that.
    let (mut best, mut second, mut third) = (start, start, start);
    let start_loss = loss(start);
    let (mut best_loss, mut second_loss, mut third_loss) = (start_loss, start_loss, start_loss);
    let (mut step, mut step_before) = (0.0_f64, 0.0_f64);
    for _ in 0..N_STEPS_MAX {
        let middle = f64::midpoint(low, high);
        let tolerance = LAMBDA_TOLERANCE * (best.abs() + 1.0);
        if (best - middle).abs() <= 2.0 * tolerance - (high - low) / 2.0 {
            break;
        }
        let (up, down) = ((best - second) * (best_loss - third_loss), (best - third) * (best_loss - second_loss));
        let parabola = ((best - third) * down - (best - second) * up) / (2.0 * (up - down));
        let inside = best + parabola > low + tolerance && best + parabola < high - tolerance;
        let trusted = parabola.is_finite() && inside && parabola.abs() < step_before.abs() / 2.0;
        step_before = step;
        if trusted {
            step = parabola;
        } else {
            step_before = if best >= middle { low - best } else { high - best };
            step = golden * step_before;
        }
        let tried = best + if step.abs() >= tolerance { step } else { tolerance.copysign(step) };
        let tried_loss = loss(tried);
        if tried_loss <= best_loss {
            if tried >= best {
                low = best
            } else {
                high = best
            }
            (third, third_loss) = (second, second_loss);
            (second, second_loss) = (best, best_loss);
            (best, best_loss) = (tried, tried_loss);
            continue;
        }
        if tried < best {
            low = tried
        } else {
            high = tried
        }
        if tried_loss <= second_loss || second.to_bits() == best.to_bits() {
            (third, third_loss) = (second, second_loss);
            (second, second_loss) = (tried, tried_loss);
        } else if tried_loss <= third_loss || [best, second].map(f64::to_bits).contains(&third.to_bits()) {
            (third, third_loss) = (tried, tried_loss);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{bend, least, unbend};

    #[test]
    fn least_is_found_inside_and_at_the_border() {
        let check = |loss: fn(f64) -> f64, expected: f64| {
            let found = least(loss, -4.0, 6.0);
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        };
        check(|x| (x - 0.3).powi(2), 0.3);
        check(|x| (x + 2.0).abs(), -2.0);
        check(|x| (x - 5.9).powi(4) + 0.01 * (x - 5.9).powi(2), 5.9);
        check(|x| x.exp() - 2.0 * x, 2.0_f64.ln());
        check(|x| x, -4.0);
        check(|x| -x, 6.0);
    }

    proptest! {
        #[test]
        fn bending_keeps_order_and_can_be_undone(
            pair in (-50.0..50.0_f64, 0.001..10.0_f64),
            lambda in -4.0..6.0_f64,
        ) {
            let (low, high) = (pair.0, pair.0 + pair.1);
            prop_assert!(bend(low, lambda) <= bend(high, lambda));
            let back = unbend(bend(low, lambda), lambda);
            // A negative exponent squeezes large values together, and what is lost is lost.
            let exponent = if low >= 0.0 { lambda } else { 2.0 - lambda };
            prop_assert!(exponent < -1.0 || (back - low).abs() < 1e-6 * (1.0 + low.abs()), "{low} {back}");
        }
    }
}
