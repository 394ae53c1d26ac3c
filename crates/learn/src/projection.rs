//! Projections: the linear space in which clusters are told apart.

use crate::error::LearnError;
use crate::linear::{along, dot};
use crate::matrix::Matrix;
use crate::number::single;

/// A linear map of the columns to the space in which clusters are told apart by distance.
///
/// ```
/// use throng_learn::{Matrix, Projection};
///
/// let matrix = Matrix::new(2, vec![1.0, 2.0])?;
/// assert_eq!(Projection::identity(2).transform(&matrix)?, matrix);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    n_columns: usize,
    /// Subtracted from a row first.
    centre: Vec<f64>,
    /// Weights of the columns in each dimension; none for the columns as they are.
    directions: Vec<Vec<f64>>,
}

impl Projection {
    /// Returns the projection that leaves rows of `n_columns` as they are.
    #[must_use]
    pub fn identity(n_columns: usize) -> Projection {
        Projection { n_columns, centre: Vec::new(), directions: Vec::new() }
    }

    pub(crate) fn new(centre: Vec<f64>, directions: Vec<Vec<f64>>) -> Projection {
        assert!(!directions.is_empty());
        Projection { n_columns: centre.len(), centre, directions }
    }

    /// Returns the projection for columns that were moved by `centre` and divided by `spread` before
    /// this one.
    pub(crate) fn rescaled(&self, centre: &[f64], spread: &[f64]) -> Projection {
        let moved = self.centre.iter().zip(centre).zip(spread);
        let divided =
            |direction: &Vec<f64>| direction.iter().zip(spread).map(|(entry, spread)| entry / spread).collect();
        Projection {
            n_columns: self.n_columns,
            centre: moved.map(|((own, centre), spread)| centre + own * spread).collect(),
            directions: self.directions.iter().map(divided).collect(),
        }
    }

    /// Returns the number of columns it takes.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns the weight of every column in each dimension; empty when rows are left as they are.
    #[must_use]
    pub fn directions(&self) -> &[Vec<f64>] {
        &self.directions
    }

    /// Returns the rows in that space.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        matrix.require_columns(self.n_columns)?;
        if self.directions.is_empty() {
            return Ok(matrix.clone());
        }
        let offsets: Vec<f64> = self.directions.iter().map(|direction| dot(&self.centre, direction)).collect();
        let mut values = Vec::with_capacity(matrix.n_rows() * self.directions.len());
        for row in matrix.rows() {
            let pairs = self.directions.iter().zip(&offsets);
            values.extend(pairs.map(|(direction, offset)| single(along(row, direction) - offset)));
        }
        Matrix::new(self.directions.len(), values)
    }
}
