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
