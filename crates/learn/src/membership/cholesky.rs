//! The triangular factor of a symmetric positive matrix, with which small systems are solved.

use crate::number::real;

/// `L` of `A = L Lᵀ`, row after row; only the lower triangle is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cholesky {
    n: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Returns the factor of the `n` by `n` matrix whose lower triangle stands in `matrix`, or
    /// `None` if it is not positive.
    pub(crate) fn of(mut matrix: Vec<f64>, n: usize) -> Option<Cholesky> {
        debug_assert_eq!(matrix.len(), n * n);
        for row in 0..n {
            for column in 0..=row {
                let mut sum = matrix[row * n + column];
                for inner in 0..column {
                    sum -= matrix[row * n + inner] * matrix[column * n + inner];
                }
                if row > column {
                    matrix[row * n + column] = sum / matrix[column * n + column];
                } else if sum > 0.0 && sum.is_finite() {
                    matrix[row * n + row] = sum.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Cholesky { n, lower: matrix })
    }

    /// Returns the factor after adding as much to the diagonal as it takes to make it positive.
    pub(crate) fn of_nearly_positive(matrix: &[f64], n: usize) -> Option<Cholesky> {
        let trace: f64 = (0..n).map(|idx| matrix[idx * n + idx].abs()).sum();
        let mut added = 0.0;
        for _ in 0..N_ATTEMPTS {
            let mut raised = matrix.to_vec();
            for idx in 0..n {
                raised[idx * n + idx] += added;
            }
            if let Some(cholesky) = Cholesky::of(raised, n) {
                return Some(cholesky);
            }
            added = (10.0 * added).max(1e-12 * trace / real(n)).max(f64::MIN_POSITIVE);
        }
        None
    }

    /// Returns the factor of the rows and columns of `A` at `kept`.
    pub(crate) fn restricted(&self, kept: &[usize]) -> Option<Cholesky> {
        let line = |row: usize| &self.lower[row * self.n..=row * self.n + row];
        let entry = |a: usize, b: usize| line(a).iter().zip(line(b)).map(|(a, b)| a * b).sum::<f64>();
        let matrix: Vec<f64> = kept.iter().flat_map(|&a| kept.iter().map(move |&b| entry(a, b))).collect();
        Cholesky::of_nearly_positive(&matrix, kept.len())
    }

    /// Replaces `b` by the solution of `L x = b`.
    pub(crate) fn half_solve(&self, b: &mut [f64]) {
        for row in 0..self.n {
            let lower = &self.lower[row * self.n..row * self.n + row];
            let sum: f64 = lower.iter().zip(b.iter()).map(|(entry, value)| entry * value).sum();
            b[row] = (b[row] - sum) / self.lower[row * self.n + row];
        }
    }

    /// Replaces `b` by the solution of `A x = b`.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        self.half_solve(b);
        for row in (0..self.n).rev() {
            let below = b.iter().enumerate().skip(row + 1);
            let sum: f64 = below.map(|(below, value)| self.lower[below * self.n + row] * value).sum();
            b[row] = (b[row] - sum) / self.lower[row * self.n + row];
        }
    }

    /// Returns half the logarithm of the determinant.
    pub(crate) fn half_log_determinant(&self) -> f64 {
        (0..self.n).map(|idx| self.lower[idx * self.n + idx].ln()).sum()
    }
}

/// Attempts at raising the diagonal, tenfold each: from rounding up to more than the trace.
const N_ATTEMPTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::Cholesky;

    #[test]
    fn solution_solves_the_system() {
        let matrix = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        let cholesky = Cholesky::of(matrix, 3).unwrap();
        let mut solution = [11.0, 21.0, 25.0];
        cholesky.solve(&mut solution);
        for (found, expected) in solution.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{solution:?}");
        }
        // det = 4 * (30 - 9) - 2 * (12 - 3) + 1 * (6 - 5) = 67
        assert!((cholesky.half_log_determinant() - 0.5 * 67.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn restriction_keeps_the_entries() {
        let matrix = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        let kept = Cholesky::of(matrix, 3).unwrap().restricted(&[0, 2]).unwrap();
        // det of [[4, 1], [1, 6]]
        assert!((kept.half_log_determinant() - 0.5 * 23.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn matrix_without_an_inverse_is_raised_until_it_has_one() {
        let flat = vec![1.0, 0.0, 1.0, 1.0];
        assert_eq!(Cholesky::of(flat.clone(), 2), None);
        assert!(Cholesky::of_nearly_positive(&flat, 2).is_some());
        assert!(Cholesky::of_nearly_positive(&[0.0], 1).is_some());
        assert_eq!(Cholesky::of_nearly_positive(&[f64::NAN], 1), None);
    }
}
