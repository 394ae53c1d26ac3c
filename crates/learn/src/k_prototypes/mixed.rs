//! Rows of numbers and categories.

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;

/// Most codes of a categorical column: each cluster counts every one of them.
const N_CODES_MAX: u32 = 4_096;

/// Rows that have numbers and, beside them, categories by code. A missing category is one more
/// category, and takes a code of its own.
///
/// ```
/// use throng_learn::{Matrix, MixedMatrix};
///
/// let rows = MixedMatrix::new(Matrix::new(1, vec![0.5, 1.5])?, &[vec![0, 2], vec![1, 1]])?;
/// assert_eq!(rows.categories(1), &[2, 1]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MixedMatrix {
    numeric: Matrix,
    /// Number of codes of each categorical column, the greatest plus one.
    n_codes: Vec<usize>,
    /// Row after row.
    codes: Vec<u32>,
}

impl MixedMatrix {
    /// Returns rows with the given numbers and categorical columns, which may be none. Codes are
    /// below 4 096 and best without gaps. Rows of categories only have one constant number.
    pub fn new(numeric: Matrix, categorical: &[Vec<u32>]) -> Result<MixedMatrix, LearnError> {
        let n_rows = numeric.n_rows();
        let mut n_codes = Vec::with_capacity(categorical.len());
        for column in categorical {
            if column.len() != n_rows {
                let what = "a categorical column";
                return Err(LearnError::ShapeMismatch { what, expected: n_rows, found: column.len() });
            }
            let greatest = column.iter().copied().max().unwrap_or(0);
            if greatest >= N_CODES_MAX {
                return Err(LearnError::InvalidParameter {
                    parameter: "category",
                    found: f64::from(greatest),
                    allowed: "below 4096",
                });
            }
            n_codes.push(usize::try_from(greatest).unwrap_or(0) + 1);
        }
        let codes = (0..n_rows).flat_map(|row_idx| categorical.iter().map(move |column| column[row_idx])).collect();
        Ok(MixedMatrix { numeric, n_codes, codes })
    }

    /// Returns the numbers.
    #[must_use]
    pub fn numeric(&self) -> &Matrix {
        &self.numeric
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.numeric.n_rows()
    }

    /// Returns the number of categorical columns.
    #[must_use]
    pub fn n_categorical(&self) -> usize {
        self.n_codes.len()
    }

    /// Returns the categories of one row.
    #[must_use]
    pub fn categories(&self, row_idx: usize) -> &[u32] {
        let n_categorical = self.n_codes.len();
        &self.codes[row_idx * n_categorical..(row_idx + 1) * n_categorical]
    }

    /// Returns where the counts of each categorical column start when all codes of all columns are
    /// counted one after another, and at the end how many there are.
    pub(super) fn code_starts(&self) -> Vec<usize> {
        let mut starts = vec![0];
        for n_codes in &self.n_codes {
            starts.push(starts.last().copied().unwrap_or(0) + n_codes);
        }
        starts
    }

    /// Returns the share of the rows that have the same category as each row, averaged over the
    /// categorical columns; 1 if there are none.
    pub(super) fn densities(&self) -> Vec<f64> {
        if self.n_codes.is_empty() {
            return vec![1.0; self.n_rows()];
        }
        let starts = self.code_starts();
        let mut counts = vec![0.0; starts[self.n_codes.len()]];
        for row_idx in 0..self.n_rows() {
            for (&code, start) in self.categories(row_idx).iter().zip(&starts) {
                counts[start + position_of(code)] += 1.0;
            }
        }
        let scale = real(self.n_rows()) * real(self.n_codes.len());
        (0..self.n_rows())
            .map(|row_idx| {
                let codes = self.categories(row_idx).iter().zip(&starts);
                codes.map(|(&code, start)| counts[start + position_of(code)]).sum::<f64>() / scale
            })
            .collect()
    }
}

/// Returns a code as a position.
pub(super) fn position_of(code: u32) -> usize {
    usize::try_from(code).unwrap_or(usize::MAX)
}
