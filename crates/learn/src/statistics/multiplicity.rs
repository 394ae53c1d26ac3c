//! Looking at many things at once.

use crate::error::LearnError;
use crate::number::real;

/// Returns the p-values adjusted so that rejecting those at or below `q` keeps the expected share of
/// false rejections at `q` (Benjamini and Hochberg 1995), in the order given.
///
/// ```
/// let adjusted = throng_learn::benjamini_hochberg(&[0.5, 0.01])?;
/// assert_eq!(adjusted, vec![0.5, 0.02]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, LearnError> {
    if let Some(&wrong) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(LearnError::InvalidParameter { parameter: "p_values", found: wrong, allowed: "between 0 and 1" });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, &idx) in order.iter().enumerate().rev() {
        least = least.min(p_values[idx] * real(p_values.len()) / real(rank + 1));
        adjusted[idx] = least;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::benjamini_hochberg;

    #[test]
    fn adjusted_values_equal_those_of_r() {
        // R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05, 0.9), "BH") and a case with ties.
        let check = |p_values: &[f64], expected: &[f64]| {
            let found = benjamini_hochberg(p_values).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
            }
        };
        check(&[0.01, 0.02, 0.03, 0.04, 0.05, 0.9], &[0.06, 0.06, 0.06, 0.06, 0.06, 0.9]);
        check(&[0.9, 0.001, 0.001, 0.04], &[0.9, 0.002, 0.002, 0.16 / 3.0]);
        check(&[], &[]);
        assert!(benjamini_hochberg(&[0.1, 1.2]).is_err());
        assert!(benjamini_hochberg(&[f64::NAN]).is_err());
    }
}
