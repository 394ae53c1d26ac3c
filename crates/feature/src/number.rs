//! Conversions between number types, each with the reason it is safe.

/// Returns the float nearest to a count.
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53, where floats are exact")]
pub(crate) fn float_of_count(count: u64) -> f64 {
    count as f64
}

/// Returns the float nearest to a total; the one rounding a sum undergoes.
pub(crate) fn float_of_total(total: i128) -> f64 {
    // The nearest float is the same, and the processor finds it at once.
    i64::try_from(total).map_or_else(|_| float_of_wide_total(total), float_of)
}

/// Apart, so that no compiler makes one conversion of the two.
#[cold]
#[inline(never)]
#[expect(clippy::cast_precision_loss, reason = "evaluation is where integers become floats")]
fn float_of_wide_total(total: i128) -> f64 {
    total as f64
}

/// Returns the float nearest to a number of a column or an elapsed time.
#[expect(clippy::cast_precision_loss, reason = "evaluation is where integers become floats")]
pub(crate) fn float_of(number: i64) -> f64 {
    number as f64
}

/// Returns a code as a position; memory is addressed with at least 32 bits here.
pub(crate) fn index(code: u32) -> usize {
    usize::try_from(code).unwrap_or(usize::MAX)
}

/// Returns a position as a code; dictionaries and lines of a batch are numbered with 32 bits.
pub(crate) fn code(index: usize) -> u32 {
    let code = u32::try_from(index).unwrap_or(u32::MAX);
    assert!(code != u32::MAX, "a batch numbers its texts and lines with 32 bits");
    code
}

/// Returns a length as a count.
pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
