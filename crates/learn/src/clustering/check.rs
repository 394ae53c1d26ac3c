//! Checks that several methods make of their parameters.

use crate::error::LearnError;
use crate::matrix::Matrix;

/// Returns an error unless each of the named counts is at least 1.
pub(crate) fn require_positive(counts: &[(&'static str, usize)]) -> Result<(), LearnError> {
    for &(parameter, value) in counts {
        if value == 0 {
            return Err(LearnError::InvalidParameter { parameter, found: 0.0, allowed: "at least 1" });
        }
    }
    Ok(())
}

/// Returns an error unless the value is finite and not negative.
pub(crate) fn require_not_negative(parameter: &'static str, value: f64) -> Result<(), LearnError> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(LearnError::InvalidParameter { parameter, found: value, allowed: "finite and not negative" })
}

/// Returns an error unless there are enough rows, all of them finite.
pub(crate) fn require_rows(attempt: &'static str, matrix: &Matrix, n_rows_needed: usize) -> Result<(), LearnError> {
    if matrix.n_rows() < n_rows_needed {
        return Err(LearnError::TooFewRows { attempt, n_rows: matrix.n_rows(), n_rows_needed });
    }
    matrix.require_finite()
}
