//! Projections: the linear space in which clusters are told apart, and the one they are drawn in.

use std::num::NonZeroUsize;

use crate::eigen::eigen;
use crate::error::LearnError;
use crate::linear::{covariance_within, dot, group_means};
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
    /// The weights of [`LANES`] dimensions side by side, for each column in turn; then those of the next.
    lanes: Vec<[f64; LANES]>,
}

/// Dimensions whose sums grow together: each by itself would wait for its last addition.
const LANES: usize = 8;

impl Projection {
    /// Returns the projection that leaves rows of `n_columns` as they are.
    #[must_use]
    pub fn identity(n_columns: usize) -> Projection {
        Projection::of(n_columns, Vec::new(), Vec::new())
    }

    /// Returns the projection onto the leading principal components of the rows of `matrix` (Pearson 1901), at
    /// most `n_max`, each with its share of the variance: of all projections onto so many dimensions it keeps
    /// distances between rows best. In each direction the entry of greatest size is positive.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use throng_learn::{Matrix, Projection};
    ///
    /// let values = (0..50_u8).flat_map(|idx| [f32::from(idx), 2.0 * f32::from(idx), f32::from(idx % 3)]);
    /// let matrix = Matrix::new(3, values.collect())?;
    /// let (projection, shares) = Projection::principal(&matrix, NonZeroUsize::MIN.saturating_add(1))?;
    /// assert_eq!(projection.transform(&matrix)?.n_columns(), 2);
    /// assert!(shares[0] > 0.99);
    /// # Ok::<(), throng_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// [`LearnError`] where `matrix` has no rows, or a value that is not finite.
    pub fn principal(matrix: &Matrix, n_max: NonZeroUsize) -> Result<(Projection, Vec<f64>), LearnError> {
        matrix.require_finite()?;
        let everybody = vec![Some(0); matrix.n_rows()];
        let (mut means, _) = group_means(matrix, &everybody, 1);
        let found = eigen(&covariance_within(matrix, &everybody, &means));
        let total: f64 = found.values.iter().map(|value| value.max(0.0)).sum();
        let share = |value: &f64| value.max(0.0) / total.max(f64::MIN_POSITIVE);
        let shares = found.values.iter().take(n_max.get()).map(share).collect();
        let directions = found.vectors.into_iter().take(n_max.get()).collect();
        Ok((Projection::new(means.swap_remove(0), directions), shares))
    }

    pub(crate) fn new(centre: Vec<f64>, directions: Vec<Vec<f64>>) -> Projection {
        assert!(!directions.is_empty());
        Projection::of(centre.len(), centre, directions)
    }

    fn of(n_columns: usize, centre: Vec<f64>, directions: Vec<Vec<f64>>) -> Projection {
        let offsets = directions.iter().map(|direction| dot(&centre, direction)).collect();
        let weights = |block: &[Vec<f64>], column: usize| {
            std::array::from_fn(|lane| block.get(lane).map_or(0.0, |direction: &Vec<f64>| direction[column]))
        };
        let blocks = directions.chunks(LANES);
        let lanes = blocks.flat_map(|block| (0..n_columns).map(move |column| weights(block, column))).collect();
        Projection { n_columns, centre, directions, offsets, lanes }
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
        let blocks = placed.chunks_mut(LANES).zip(self.offsets.chunks(LANES));
        for ((placed, offsets), lanes) in blocks.zip(self.lanes.chunks_exact(self.n_columns)) {
            let mut sums = [-0.0; LANES];
            for (value, weights) in row.iter().zip(lanes) {
                let value = f64::from(*value);
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
            }
            for ((placed, offset), sum) in placed.iter_mut().zip(offsets).zip(sums) {
                *placed = single(sum - offset);
            }
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use proptest::prelude::{prop_assert, proptest};

    use super::Projection;
    use crate::linear::along;
    use crate::number::single;
    use crate::{LearnError, Matrix};

    fn squared_distance(first: &[f32], second: &[f32]) -> f64 {
        first.iter().zip(second).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    }

    proptest! {
        #[test]
        fn principal_components_keep_what_they_say(
            rows in proptest::collection::vec(proptest::array::uniform4(-5.0_f32..5.0), 3..40),
        ) {
            let matrix = Matrix::new(4, rows.concat()).unwrap();
            let every = NonZeroUsize::new(9).unwrap();
            let (whole, shares) = Projection::principal(&matrix, every).unwrap();
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(shares.is_sorted_by(|a, b| a >= b));
            // With all of its dimensions it is a rotation.
            let turned = whole.transform(&matrix).unwrap();
            let (plane, _) = Projection::principal(&matrix, NonZeroUsize::new(2).unwrap()).unwrap();
            let drawn = plane.transform(&matrix).unwrap();
            let (mut of_all, mut of_plane) = (0.0, 0.0);
            for first in 0..matrix.n_rows() {
                for second in 0..first {
                    let distance = squared_distance(matrix.row(first), matrix.row(second));
                    let after = squared_distance(turned.row(first), turned.row(second));
                    prop_assert!((distance - after).abs() < 1e-3 * (1.0 + distance));
                    of_all += distance;
                    of_plane += squared_distance(drawn.row(first), drawn.row(second));
                }
            }
            prop_assert!((of_plane / of_all - shares[0] - shares[1]).abs() < 1e-3);
        }
    }

    #[test]
    fn a_row_lies_where_it_does_in_each_direction_by_itself() {
        let values = (0..35_u16).map(|idx| f32::from(idx * 37 % 91) / 7.0 - 6.0).collect();
        let matrix = Matrix::new(5, values).unwrap();
        let direction = |seed: u8| (0..5).map(|column| f64::from(seed * 5 + column).sin()).collect();
        let (centre, directions): (Vec<f64>, Vec<Vec<f64>>) = (vec![0.5; 5], (0..11).map(direction).collect());
        let projection = Projection::new(centre, directions.clone());
        let found = projection.transform(&matrix).unwrap();
        for (row, found) in matrix.rows().zip(found.rows()) {
            let alone = directions.iter().zip(&projection.offsets);
            let alone: Vec<f32> = alone.map(|(direction, offset)| single(along(row, direction) - offset)).collect();
            assert_eq!(found, alone);
        }
    }

    #[test]
    fn rows_that_are_all_the_same_have_no_direction() {
        let matrix = Matrix::new(2, vec![1.0; 6]).unwrap();
        let (projection, shares) = Projection::principal(&matrix, NonZeroUsize::MIN).unwrap();
        assert_eq!((shares, projection.transform(&matrix).unwrap().values()), (vec![0.0], &[0.0; 3][..]));
        let nobody = Matrix::new(2, vec![f32::NAN; 2]).unwrap();
        assert!(matches!(Projection::principal(&nobody, NonZeroUsize::MIN), Err(LearnError::NotFinite { .. })));
    }
}
