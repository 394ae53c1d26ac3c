//! Conversions between counts and floats, each with the reason why it is safe.
//! They stand here so that no other file needs a cast.

/// Returns a count as `u64`.
pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Returns the float nearest to a sum of whole numbers.
pub(crate) fn real(whole: i128) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts are exact below 2^53; sums of money are shown, not summed on"
    )]
    let real = whole as f64;
    real
}

/// Returns a count as a float.
pub(crate) fn real_count(n: usize) -> f64 {
    real(i128::try_from(n).unwrap_or(i128::MAX))
}

/// Returns the `f32` nearest to a feature's value.
pub(crate) fn single(value: f64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clusters are found in f32; finite values stay finite by the bound"
    )]
    let single = value.clamp(-3.0e38, 3.0e38) as f32;
    single
}

/// Returns the greatest whole number not above a value; beyond its range the outermost one.
pub(crate) fn floor(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates and NaN becomes 0")]
    let floor = value.floor() as i64;
    floor
}
