//! Projections: the linear space in which clusters are told apart.

use crate::error::LearnError;
use crate::linear::{along, dot};
use crate::matrix::Matrix;
use crate::number::single;
use crate::state::{State, StateReader, StateWriter, require};

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
    /// Where the centre lies in each dimension; follows from the others.
    offsets: Vec<f64>,
}

impl Projection {
    /// Returns the projection that leaves rows of `n_columns` as they are.
    #[must_use]
    pub fn identity(n_columns: usize) -> Projection {
        Projection::of(n_columns, Vec::new(), Vec::new())
    }

    pub(crate) fn new(centre: Vec<f64>, directions: Vec<Vec<f64>>) -> Projection {
        assert!(!directions.is_empty());
        Projection::of(centre.len(), centre, directions)
    }

    fn of(n_columns: usize, centre: Vec<f64>, directions: Vec<Vec<f64>>) -> Projection {
        let offsets = directions.iter().map(|direction| dot(&centre, direction)).collect();
        Projection { n_columns, centre, directions, offsets }
    }

    /// Returns the projection for columns that were moved by `centre` and divided by `spread` before
    /// this one.
    pub(crate) fn rescaled(&self, centre: &[f64], spread: &[f64]) -> Projection {
        let moved = self.centre.iter().zip(centre).zip(spread);
        let divided =
            |direction: &Vec<f64>| direction.iter().zip(spread).map(|(entry, spread)| entry / spread).collect();
        let centre = moved.map(|((own, centre), spread)| centre + own * spread).collect();
        Projection::of(self.n_columns, centre, self.directions.iter().map(divided).collect())
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

    /// Returns the number of dimensions of the space.
    #[must_use]
    pub fn n_dimensions(&self) -> usize {
        if self.directions.is_empty() { self.n_columns } else { self.directions.len() }
    }

    /// Returns the rows in that space.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        matrix.require_columns(self.n_columns)?;
        if self.directions.is_empty() {
            return Ok(matrix.clone());
        }
        let mut values = vec![0.0; matrix.n_rows() * self.directions.len()];
        for (row, placed) in matrix.rows().zip(values.chunks_exact_mut(self.directions.len())) {
            self.place(row, placed);
        }
        Matrix::new(self.directions.len(), values)
    }

    /// Writes where one row lies in that space, the same as in a matrix, into `placed`: a value for each
    /// dimension.
    pub fn transform_row_into(&self, row: &[f32], placed: &mut [f32]) -> Result<(), LearnError> {
        for (expected, found) in [(self.n_columns, row.len()), (self.n_dimensions(), placed.len())] {
            if expected != found {
                return Err(LearnError::ShapeMismatch { what: "the row", expected, found });
            }
        }
        if self.directions.is_empty() {
            placed.copy_from_slice(row);
        } else {
            self.place(row, placed);
        }
        Ok(())
    }

    fn place(&self, row: &[f32], placed: &mut [f32]) {
        for ((value, direction), offset) in placed.iter_mut().zip(&self.directions).zip(&self.offsets) {
            *value = single(along(row, direction) - offset);
        }
    }
}

impl State for Projection {
    fn write(&self, writer: &mut StateWriter) {
        self.n_columns.write(writer);
        self.centre.write(writer);
        self.directions.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (n_columns, (centre, directions)): (usize, (Vec<f64>, Vec<Vec<f64>>)) = State::read(reader)?;
        let of_all = |values: &Vec<f64>| values.len() == n_columns;
        let identity = directions.is_empty() && centre.is_empty();
        let mixed = !directions.is_empty() && of_all(&centre) && directions.iter().all(of_all);
        require(n_columns > 0 && (identity || mixed), "a projection")?;
        Ok(Projection::of(n_columns, centre, directions))
    }
}
