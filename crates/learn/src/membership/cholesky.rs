//! The triangular factor of a symmetric positive matrix, with which small systems are solved.

use crate::error::LearnError;
use crate::number::real;
use crate::state::{State, StateReader, StateWriter, require};

/// Rows that are solved side by side: two vectors of most processors, which wait for each other less.
pub(crate) const N_LANES: usize = 8;

/// A value for each of some rows.
pub(crate) type Lanes = [f64; N_LANES];

/// `L` of `A = L Lᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cholesky {
    n: usize,
    /// Row after row; only the lower triangle is used.
    lower: Vec<f64>,
    /// The same for solving; the rows that fill up the last panel are those of the unit matrix.
    panels: Vec<Panel>,
}

/// Some rows of the factor, side by side.
#[derive(Debug, Clone, PartialEq)]
struct Panel {
    /// The columns before the diagonal, and those of its own rows with nothing from the diagonal upwards.
    columns: Vec<Lanes>,
    diagonal: Lanes,
}

impl Panel {
    fn new(lower: &[f64], n: usize, panel: usize) -> Panel {
        let first = panel * N_LANES;
        let entry = |row: usize, column: usize| if column < row && row < n { lower[row * n + column] } else { 0.0 };
        let lanes = |column: usize| std::array::from_fn(|lane| entry(first + lane, column));
        let diagonal = |row: usize| if row < n { lower[row * n + row] } else { 1.0 };
        Panel {
            columns: (0..first + N_LANES).map(lanes).collect(),
            diagonal: std::array::from_fn(|lane| diagonal(first + lane)),
        }
    }

    /// Adds what some panels of columns before the diagonal, from `first` on, contribute to the sums of
    /// its rows.
    ///
    /// The sum of every row is taken in the order of the columns, so it has the same bits however many
    /// rows grow together, and wherever it is interrupted.
    #[inline(always)]
    fn add(&self, sums: &mut Lanes, first: usize, solved: &[Lanes]) {
        let columns = &self.columns[first * N_LANES..(first + solved.len()) * N_LANES];
        for (column, value) in columns.iter().zip(solved.as_flattened()) {
            add_column(sums, column, *value);
        }
    }

    /// Replaces the values of its rows by the solution; `sums` are those of all columns before.
    #[inline(always)]
    fn solve(&self, mut sums: Lanes, own: &mut Lanes) {
        let within = &self.columns[self.columns.len() - N_LANES..];
        for (lane, column) in within.iter().enumerate() {
            own[lane] = (own[lane] - sums[lane]) / self.diagonal[lane];
            add_column(&mut sums, column, own[lane]);
        }
    }
}

#[inline(always)]
fn add_column(sums: &mut Lanes, column: &Lanes, value: f64) {
    for (sum, entry) in sums.iter_mut().zip(column) {
        *sum += entry * value;
    }
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
        Some(Cholesky::of_factor(matrix, n))
    }

    fn of_factor(lower: Vec<f64>, n: usize) -> Cholesky {
        let panels = (0..n.div_ceil(N_LANES)).map(|panel| Panel::new(&lower, n, panel)).collect();
        Cholesky { n, lower, panels }
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

    /// Returns the number of rows.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Replaces the values of one panel of rows by the solution of `L x = b`, those of all panels before
    /// being replaced already. Values that fill up the last panel are 0, and stay it.
    #[inline(always)]
    pub(crate) fn half_solve_panel(&self, panel: usize, values: &mut [Lanes]) {
        self.half_solve_panel_from((0, [0.0; N_LANES]), panel, values);
    }

    /// As [`Cholesky::half_solve_panel`], where the sums of the panels before the first are known.
    #[inline(always)]
    pub(crate) fn half_solve_panel_from(&self, (first, known): (usize, Lanes), panel: usize, values: &mut [Lanes]) {
        let (solved, rest) = values.split_at_mut(panel);
        let mut sums = known;
        self.panels[panel].add(&mut sums, first, &solved[first..]);
        self.panels[panel].solve(sums, &mut rest[0]);
    }

    /// As [`Cholesky::half_solve_panel`], and appends the sums before each panel of columns up to its own.
    #[inline(always)]
    pub(crate) fn half_solve_panel_noting(&self, panel: usize, values: &mut [Lanes], noted: &mut Vec<Lanes>) {
        let (solved, rest) = values.split_at_mut(panel);
        let mut sums = [0.0; N_LANES];
        for first in 0..panel {
            noted.push(sums);
            self.panels[panel].add(&mut sums, first, &solved[first..=first]);
        }
        noted.push(sums);
        self.panels[panel].solve(sums, &mut rest[0]);
    }

    /// Replaces `b` by the solution of `L x = b`.
    pub(crate) fn half_solve(&self, b: &mut [f64]) {
        let mut values = vec![[0.0; N_LANES]; self.panels.len()];
        values.as_flattened_mut()[..self.n].copy_from_slice(b);
        (0..self.panels.len()).for_each(|panel| self.half_solve_panel(panel, &mut values));
        b.copy_from_slice(&values.as_flattened()[..self.n]);
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

/// The lower triangle; the rest of the square is of no meaning.
impl State for Cholesky {
    fn write(&self, writer: &mut StateWriter) {
        self.n.write(writer);
        for row in 0..self.n {
            writer.items(&self.lower[row * self.n..=row * self.n + row]);
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let n = usize::read(reader)?;
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for row in 0..n {
            let entries: Vec<f64> = reader.items(row + 1)?;
            require(entries[row] > 0.0, "the factor of a covariance")?;
            rows.push(entries);
        }
        let mut lower = vec![0.0; n * n];
        for (row, entries) in rows.iter().enumerate() {
            lower[row * n..=row * n + row].copy_from_slice(entries);
        }
        Ok(Cholesky::of_factor(lower, n))
    }
}

#[cfg(test)]
mod tests {
    use super::{Cholesky, real};

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
    fn panel_by_panel_has_the_bits_of_row_by_row() {
        let n = 17;
        let lower = |row: usize, column: usize| real((7 * row + 3 * column) % 11) * 0.37 - 1.0;
        let mut matrix = vec![0.0; n * n];
        for row in 0..n {
            for column in 0..n {
                let products = (0..=row.min(column)).map(|inner| lower(row, inner) * lower(column, inner));
                let ridge = if row == column { 3.0 } else { 0.0 };
                matrix[row * n + column] = products.sum::<f64>() + ridge;
            }
        }
        let cholesky = Cholesky::of(matrix, n).unwrap();
        let mut found: Vec<f64> = (0..n).map(|row| lower(row, 5)).collect();
        let mut expected = found.clone();
        for row in 0..n {
            let entries = &cholesky.lower[row * n..row * n + row];
            let sum: f64 = entries.iter().zip(&expected).map(|(entry, value)| entry * value).sum();
            expected[row] = (expected[row] - sum) / cholesky.lower[row * n + row];
        }
        cholesky.half_solve(&mut found);
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected));
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
