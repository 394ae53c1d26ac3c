//! Conversions between counts, positions and floats, each with the reason why it is safe.
//! They stand here so that no other file needs a cast.

/// Returns a count as `f64`.
pub(crate) fn real(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows and columns in memory stay far below 2^53")]
    let real = count as f64;
    real
}

/// Returns the nearest `f32`; values beyond its range become infinite.
pub(crate) fn single(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "matrices are f32 by design, sums are f64")]
    let single = value as f32;
    single
}

/// Returns the whole part of `value`, limited to `0..=last`.
pub(crate) fn position(value: f64, last: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, negative and NaN become 0, and `last` bounds the rest"
    )]
    let position = value as usize;
    position.min(last)
}

/// Returns a 32-bit number as a position.
pub(crate) fn index(number: u32) -> usize {
    // Positions have at least 32 bits on every machine this runs on.
    number as usize
}

/// Returns a position as a 32-bit label; positions beyond become the greatest label.
pub(crate) fn label(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Returns `whole`, which is not negative, times 2 to the power of `exponent + shift`, rounded towards zero.
pub(crate) fn digit_real(whole: i128, exponent: i32, shift: usize) -> f64 {
    assert!(whole >= 0);
    let n_bits = i128::BITS - whole.leading_zeros();
    // What `f64` cannot hold is cut off, so that the cast below is exact.
    let dropped = n_bits.saturating_sub(f64::MANTISSA_DIGITS);
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits are left")]
    let mantissa = (whole >> dropped) as f64;
    let shift = i32::try_from(shift).unwrap_or(i32::MAX / 4);
    let power = exponent + shift + dropped.cast_signed();
    mantissa * 2.0_f64.powi(power)
}

/// Returns a number of rows, which is not negative, as a count.
pub(crate) fn count(n_rows: i64) -> usize {
    usize::try_from(n_rows).unwrap_or(0)
}
