//! Lumps: repeated values, which are no groups.
//!
//! A flag has two heaps with nothing between them, and so have zeros and ones of a count. No
//! border is surer, whatever the rows are, and a search that stops at the surest one would stop
//! there. So borders are sought where lumps are spread out, at random but with their order kept:
//! a column of few values as a normal column that was cut into them, any other value over the gap to
//! its neighbours as far as [`SPREAD_MAX`]. What is left are gaps that several values on either side
//! agree on. Flags that go together still give groups away, as the sum of their spread values
//! has two heaps where a single one has none.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::random::generator;

/// A column of which this many values make up [`FEW_SHARE`] of the rows is one of few values.
const FEW_VALUES_MAX: usize = 12;
const FEW_SHARE: f64 = 0.95;
/// How far a value is spread to either side at most, in deviations of its column: a gap of twice
/// that is no border.
const SPREAD_MAX: f64 = 0.35;

/// Returns the rows with their lumps spread out.
pub(super) fn spread(matrix: &Matrix, seed: u64) -> Result<Matrix, LearnError> {
    let mut columns = Vec::with_capacity(matrix.n_columns());
    for column_idx in 0..matrix.n_columns() {
        let stream = u64::try_from(column_idx).unwrap_or(u64::MAX);
        columns.push(spread_column(&matrix.column(column_idx), &mut generator(seed, stream)));
    }
    Matrix::from_columns(&columns)
}

fn spread_column(column: &[f32], generator: &mut ChaCha8Rng) -> Vec<f32> {
    let runs = Runs::of(column);
    let few = runs.are_few();
    let deviation = deviation(column);
    let normal = Normal::standard();
    let mut spread = vec![0.0; column.len()];
    for (run_idx, run) in runs.0.iter().enumerate() {
        for &row_idx in &run.row_idxs {
            let chance: f64 = generator.random();
            spread[row_idx] = single(if few {
                let rank = real(run.n_below) + chance * real(run.row_idxs.len());
                deviation * normal.inverse_cdf((rank + 0.5) / real(column.len() + 1))
            } else {
                let half = |other: Option<&Run>| {
                    other.map_or(0.0, |other| (other.value - run.value).abs() / 2.0).min(SPREAD_MAX * deviation)
                };
                let below = half(run_idx.checked_sub(1).map(|idx| &runs.0[idx]));
                let above = half(runs.0.get(run_idx + 1));
                run.value - below + chance * (below + above)
            });
        }
    }
    spread
}

/// Rows of one value.
struct Run {
    value: f64,
    row_idxs: Vec<usize>,
    /// Rows of lower values.
    n_below: usize,
}

/// The values of a column, ascending.
struct Runs(Vec<Run>);

impl Runs {
    fn of(column: &[f32]) -> Runs {
        let mut order: Vec<usize> = (0..column.len()).collect();
        order.sort_by(|&a, &b| column[a].total_cmp(&column[b]).then(a.cmp(&b)));
        let mut runs: Vec<Run> = Vec::new();
        for (n_below, row_idx) in order.into_iter().enumerate() {
            let value = f64::from(column[row_idx]);
            match runs.last_mut().filter(|run| run.value.total_cmp(&value).is_eq()) {
                Some(run) => run.row_idxs.push(row_idx),
                None => runs.push(Run { value, row_idxs: vec![row_idx], n_below }),
            }
        }
        Runs(runs)
    }

    fn are_few(&self) -> bool {
        let mut sizes: Vec<usize> = self.0.iter().map(|run| run.row_idxs.len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let n_rows: usize = sizes.iter().sum();
        let n_frequent: usize = sizes.iter().take(FEW_VALUES_MAX).sum();
        real(n_frequent) >= FEW_SHARE * real(n_rows) && n_rows > 2 * FEW_VALUES_MAX
    }
}

fn deviation(column: &[f32]) -> f64 {
    let mean = column.iter().map(|&value| f64::from(value)).sum::<f64>() / real(column.len().max(1));
    let square: f64 = column.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
    (square / real(column.len().max(1))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{deviation, spread_column};
    use crate::random::generator;

    fn check_order(column: &[f32]) -> Vec<f32> {
        let spread = spread_column(column, &mut generator(1, 0));
        for (a, spread_a) in column.iter().zip(&spread) {
            for (b, spread_b) in column.iter().zip(&spread) {
                assert!(a >= b || spread_a <= spread_b, "{a} and {b} became {spread_a} and {spread_b}");
            }
        }
        spread
    }

    /// Returns the widest gap between neighbours, in deviations, of the inner 98 % of the values.
    fn widest_gap(mut values: Vec<f32>) -> f64 {
        values.sort_by(f32::total_cmp);
        let deviation = deviation(&values);
        let inner = &values[values.len() / 100..values.len() - values.len() / 100];
        inner.windows(2).map(|pair| f64::from(pair[1] - pair[0]) / deviation).fold(0.0, f64::max)
    }

    #[test]
    fn flags_and_counts_lose_their_gaps_and_keep_their_order() {
        let flags: Vec<f32> = (0..500_u16).map(|idx| f32::from(u8::from(idx % 3 == 0))).collect();
        assert!(widest_gap(check_order(&flags)) < 0.2);
        let counts: Vec<f32> = (0..500_u16).map(|idx| f32::from(idx * 7 % 40)).collect();
        assert!(widest_gap(check_order(&counts)) < 0.2);
    }

    #[test]
    fn gaps_wider_than_a_step_stay() {
        let values: Vec<f32> = (0..500_u16).map(|idx| f32::from(idx % 20) + f32::from(idx % 2) * 100.0).collect();
        assert!(widest_gap(check_order(&values)) > 0.8);
    }
}
