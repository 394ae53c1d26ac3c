//! Rows laid out column after column, so that the distances of one row to many are computed side by
//! side. Differences are squared directly: nothing cancels, and the distance from a to b has the
//! bits of that from b to a.

use crate::matrix::Matrix;
use crate::state::require;

/// Rows measured together; their partial sums stay in the nearest cache.
const BLOCK_N_ROWS: usize = 1024;

/// A matrix, column after column. Rows can be dropped; the last one then takes the place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    columns: Vec<Vec<f32>>,
}

impl Columns {
    pub(crate) fn new(matrix: &Matrix) -> Columns {
        let columns = (0..matrix.n_columns()).map(|column_idx| matrix.column(column_idx));
        Columns { columns: columns.collect() }
    }

    /// Returns the rows whose columns, all equally long, are given.
    pub(crate) fn from_columns(columns: Vec<Vec<f32>>) -> Columns {
        Columns { columns }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// Writes the squared distances from `point` to the rows from `start` on into `squared`.
    pub(crate) fn squared_distances(&self, point: &[f32], start: usize, squared: &mut [f32]) {
        for (block_idx, target) in squared.chunks_mut(BLOCK_N_ROWS).enumerate() {
            let first = start + block_idx * BLOCK_N_ROWS;
            target.fill(0.0);
            for (column, &value) in self.columns.iter().zip(point) {
                let others = &column[first..first + target.len()];
                for (sum, &other) in target.iter_mut().zip(others) {
                    let difference = value - other;
                    *sum += difference * difference;
                }
            }
        }
    }

    /// Copies row `row_idx` into `row`.
    pub(crate) fn read_row(&self, row_idx: usize, row: &mut [f32]) {
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = column[row_idx];
        }
    }

    /// Replaces row `row_idx`.
    pub(crate) fn write_row(&mut self, row_idx: usize, row: &[f32]) {
        for (&value, column) in row.iter().zip(&mut self.columns) {
            column[row_idx] = value;
        }
    }

    /// Drops row `row_idx`; the last row takes its place.
    pub(crate) fn swap_remove(&mut self, row_idx: usize) {
        for column in &mut self.columns {
            column.swap_remove(row_idx);
        }
    }
}

crate::state_of_fields!(Columns { columns }, |read| {
    let n_rows = read.n_rows();
    require(n_rows > 0 && read.columns.iter().all(|column| column.len() == n_rows), "the columns of rows")
});
