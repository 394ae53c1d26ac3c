//! The exponential function of values that are not positive, in a form that compilers turn into
//! vector instructions.
//!
//! `x = n·ln 2 + r` with `|r| ≤ ln 2 / 2` (Cody and Waite 1980: ln 2 in two parts, the first short
//! enough that `n` times it is exact); `e^r` by the Taylor polynomial of degree 7, whose error is
//! below `r⁸/8! < 6e-9`; times `2^n` by putting `n` into the exponent. The relative error is below
//! `2.5e-7` (two units in the last place), tested over the whole range.

/// Below this `e^x` is no normal `f32` and 0 is returned.
const LEAST: f32 = -87.0;
/// 1.5 · 2²³: a value added to it is rounded to a whole number, which the low bits then hold.
const ROUNDER: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Returns `e^x` for `x ≤ 0`.
#[inline]
pub(super) fn exponential(x: f32) -> f32 {
    let bounded = if x > LEAST { x } else { LEAST };
    let rounded = bounded * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = (bounded - n * LN_2_HIGH) - n * LN_2_LOW;
    let tail = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0))));
    let power = 1.0 + r * (1.0 + r * (0.5 + r * tail));
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    if x > LEAST { power * scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::exponential;

    #[test]
    fn error_stays_below_two_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for step in 0..870_000_u32 {
            let x = -1e-4 * f64::from(step);
            let x = crate::number::single(x);
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exponential(x)) - exact).abs() / exact);
        }
        assert!(worst < 2.5e-7, "{worst}");
    }

    #[test]
    fn ends_are_exact() {
        assert_eq!(exponential(0.0).to_bits(), 1.0_f32.to_bits());
        assert_eq!(exponential(-88.0).to_bits(), 0.0_f32.to_bits());
        assert_eq!(exponential(f32::NEG_INFINITY).to_bits(), 0.0_f32.to_bits());
    }
}
