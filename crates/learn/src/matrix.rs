//! The one matrix of this crate: rows of `f32`, one sample per row.
//! Values are `f32` because features carry no more than that; sums over them are `f64`.

use std::slice::ChunksExact;

use crate::error::LearnError;
use crate::state::{State, StateReader, StateWriter};

/// A dense row-major matrix: `n_rows` samples by `n_columns` features.
///
/// ```
/// use throng_learn::Matrix;
///
/// let matrix = Matrix::new(2, vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(matrix.n_rows(), 2);
/// assert_eq!(matrix.row(1), &[3.0, 4.0]);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    n_columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// Returns the matrix whose rows of `n_columns` lie one after another in `values`.
    pub fn new(n_columns: usize, values: Vec<f32>) -> Result<Matrix, LearnError> {
        if n_columns == 0 {
            return Err(LearnError::NoColumns);
        }
        let n_rows = values.len() / n_columns;
        if n_rows * n_columns != values.len() {
            return Err(LearnError::ShapeMismatch {
                what: "the last row of the matrix",
                expected: n_columns,
                found: values.len() - n_rows * n_columns,
            });
        }
        Ok(Matrix { n_columns, values })
    }

    /// Returns the matrix made of `columns`, each holding one value per row.
    pub fn from_columns(columns: &[Vec<f32>]) -> Result<Matrix, LearnError> {
        let first = columns.first().ok_or(LearnError::NoColumns)?;
        let n_rows = first.len();
        for column in columns {
            if column.len() != n_rows {
                return Err(LearnError::ShapeMismatch { what: "a column", expected: n_rows, found: column.len() });
            }
        }
        let values = (0..n_rows).flat_map(|row_idx| columns.iter().map(move |column| column[row_idx])).collect();
        Matrix::new(columns.len(), values)
    }

    /// Returns one column per class, 1 where a row is of it and 0 elsewhere.
    pub fn of_labels(labels: &[usize], n_classes: usize) -> Result<Matrix, LearnError> {
        let mut values = vec![0.0; labels.len() * n_classes];
        for (row_idx, &label) in labels.iter().enumerate() {
            if label >= n_classes {
                return Err(LearnError::ShapeMismatch {
                    what: "the list of classes",
                    expected: label + 1,
                    found: n_classes,
                });
            }
            values[row_idx * n_classes + label] = 1.0;
        }
        Matrix::new(n_classes, values)
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    /// Returns the number of features, at least 1.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns one sample.
    #[must_use]
    pub fn row(&self, row_idx: usize) -> &[f32] {
        let start = row_idx * self.n_columns;
        &self.values[start..start + self.n_columns]
    }

    /// Returns the samples in order.
    pub fn rows(&self) -> ChunksExact<'_, f32> {
        self.values.chunks_exact(self.n_columns)
    }

    /// Returns a copy of one feature's values, one per sample.
    #[must_use]
    pub fn column(&self, column_idx: usize) -> Vec<f32> {
        assert!(column_idx < self.n_columns);
        self.rows().map(|row| row[column_idx]).collect()
    }

    /// Returns all values, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the matrix of the given rows, in the given order; a row may be taken repeatedly.
    #[must_use]
    pub fn take(&self, row_idxs: &[usize]) -> Matrix {
        let mut values = Vec::with_capacity(row_idxs.len() * self.n_columns);
        for &row_idx in row_idxs {
            values.extend_from_slice(self.row(row_idx));
        }
        Matrix { n_columns: self.n_columns, values }
    }

    /// Returns the position of the first missing or infinite value as an error.
    pub(crate) fn require_finite(&self) -> Result<(), LearnError> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value_idx) => {
                Err(LearnError::NotFinite { row: value_idx / self.n_columns, column: value_idx % self.n_columns })
            }
        }
    }

    /// Returns an error unless the matrix has `n_columns` columns.
    pub(crate) fn require_columns(&self, n_columns: usize) -> Result<(), LearnError> {
        if self.n_columns == n_columns {
            return Ok(());
        }
        Err(LearnError::ShapeMismatch { what: "a row of the matrix", expected: n_columns, found: self.n_columns })
    }
}

/// Returns an error unless a row has `n_columns` values, all of them finite.
pub(crate) fn check_row(row: &[f32], n_columns: usize) -> Result<(), LearnError> {
    if row.len() != n_columns {
        return Err(LearnError::ShapeMismatch { what: "the row", expected: n_columns, found: row.len() });
    }
    match row.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(column) => Err(LearnError::NotFinite { row: 0, column }),
    }
}

impl State for Matrix {
    fn write(&self, writer: &mut StateWriter) {
        self.n_columns.write(writer);
        self.values.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        Matrix::new(usize::read(reader)?, Vec::read(reader)?)
    }
}
