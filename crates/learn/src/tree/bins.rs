//! A matrix with every column cut into at most 255 ranges: what trees are grown on.
//!
//! One byte per value makes the search for a split a pass over a histogram (Ke et al. 2017,
//! LightGBM). A column of no more than 255 different values loses nothing. Cuts are the shortest
//! decimals between two neighbouring values, since people read them.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{real, single};

/// The range of a missing value.
pub(crate) const MISSING: u8 = u8::MAX;
/// Ranges of known values; one byte less the missing one.
pub(crate) const N_RANGES_MAX: usize = MISSING as usize;

/// The columns of a matrix as positions of ranges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bins {
    pub(crate) n_rows: usize,
    /// For each column its cuts, ascending: range `i` ends before cut `i`, the last is open.
    pub(crate) cuts: Vec<Vec<f32>>,
    /// For each column the range of each row.
    pub(crate) columns: Vec<Vec<u8>>,
}

impl Bins {
    /// Cuts the columns of `matrix`; a missing value is one that is not a number.
    pub(crate) fn of(matrix: &Matrix) -> Result<Bins, LearnError> {
        require_no_infinity(matrix)?;
        let binned: Vec<(Vec<f32>, Vec<u8>)> = (0..matrix.n_columns())
            .into_par_iter()
            .map(|column_idx| {
                let values = matrix.column(column_idx);
                let cuts = cuts(values.iter().copied().filter(|value| !value.is_nan()).collect());
                let ranges = values.iter().map(|value| range(*value, &cuts)).collect();
                (cuts, ranges)
            })
            .collect();
        let (cuts, columns) = binned.into_iter().unzip();
        Ok(Bins { n_rows: matrix.n_rows(), cuts, columns })
    }
}

/// Returns the position of the first infinite value as an error; missing ones are welcome.
pub(crate) fn require_no_infinity(matrix: &Matrix) -> Result<(), LearnError> {
    match matrix.values().iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(at) => Err(LearnError::NotFinite { row: at / matrix.n_columns(), column: at % matrix.n_columns() }),
    }
}

fn range(value: f32, cuts: &[f32]) -> u8 {
    if value.is_nan() {
        return MISSING;
    }
    // At most 254 cuts, so the position fits below `MISSING`.
    u8::try_from(cuts.partition_point(|cut| *cut <= value)).unwrap_or(MISSING)
}

fn cuts(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let n_values = values.len();
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() <= N_RANGES_MAX {
        return distinct.windows(2).map(|pair| short_decimal(pair[0], pair[1])).collect();
    }
    let mut cuts: Vec<f32> = Vec::with_capacity(N_RANGES_MAX);
    for part in 1..N_RANGES_MAX {
        let below = values[part * n_values / N_RANGES_MAX - 1];
        let next = values.partition_point(|value| *value <= below);
        if next < n_values {
            cuts.push(short_decimal(below, values[next]));
        }
    }
    cuts.dedup();
    cuts
}

/// Returns the decimal of the fewest digits above `low` and not above `high`, the one nearest to
/// the middle of them if there are several; `high` itself where `f32` cannot tell them apart.
pub(crate) fn short_decimal(low: f32, high: f32) -> f32 {
    let (below, above) = (f64::from(low), f64::from(high));
    let middle = f64::midpoint(below, above);
    let exponent_max = below.abs().max(above.abs()).log10().ceil();
    for n_digits in 0..DIGITS_MAX {
        let exponent = exponent_max - real(n_digits);
        // Powers of ten below 1 are not exact; dividing by their inverse is.
        let round = |value: f64, to: fn(f64) -> f64| {
            if exponent >= 0.0 {
                let unit = 10_f64.powf(exponent);
                to(value / unit) * unit
            } else {
                let unit = 10_f64.powf(-exponent);
                to(value * unit) / unit
            }
        };
        for candidate in [round(middle, f64::round), round(above, f64::floor)] {
            let candidate = single(candidate);
            if low < candidate && candidate <= high {
                return candidate;
            }
        }
    }
    high
}

/// Digits that tell any two values of `f32` apart.
const DIGITS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::{Bins, MISSING, short_decimal};
    use crate::matrix::Matrix;

    #[test]
    fn cut_is_the_shortest_decimal_above_the_lower_value() {
        let check = |low: f32, high: f32, expected: f32| {
            let found = short_decimal(low, high);
            assert!((found - expected).abs() <= expected.abs() * 1e-6, "{low} {high}: {found}");
        };
        check(3.0, 4.0, 4.0);
        check(0.0, 1.0, 1.0);
        check(-1.0, 0.0, 0.0);
        check(3.127, 3.391, 3.3);
        check(118.0, 234.0, 200.0);
        check(0.012, 0.013, 0.013);
        check(-4.0, -3.0, -3.0);
        check(1.0, 1.000_000_1, 1.000_000_1);
    }

    #[test]
    fn few_different_values_are_all_told_apart_and_missing_is_its_own() {
        let bins = Bins::of(&Matrix::new(1, vec![2.0, f32::NAN, 1.0, 5.0, 2.0]).unwrap()).unwrap();
        assert_eq!(bins.columns, [[1, MISSING, 0, 2, 1]]);
        assert_eq!(bins.cuts, [[2.0, 4.0]]);
    }

    #[test]
    fn many_different_values_are_cut_into_equal_parts() {
        let values: Vec<f32> = (0..10_000_u16).rev().map(f32::from).collect();
        let bins = Bins::of(&Matrix::new(1, values).unwrap()).unwrap();
        assert_eq!(bins.cuts[0].len(), 254);
        let mut sizes = vec![0_usize; 255];
        for range in &bins.columns[0] {
            sizes[usize::from(*range)] += 1;
        }
        assert!(sizes.iter().all(|size| (25..=55).contains(size)), "{sizes:?}");
    }

    #[test]
    fn mostly_equal_values_are_cut_where_they_differ() {
        let values: Vec<f32> = (0..10_000_u16).map(|row| f32::from(row.saturating_sub(9_000))).collect();
        let bins = Bins::of(&Matrix::new(1, values).unwrap()).unwrap();
        assert!(bins.cuts[0].len() > 20);
        assert!(bins.cuts[0].windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(bins.columns[0][9_000], 0);
        assert_eq!(bins.columns[0][9_001], 1);
    }

    #[test]
    fn infinite_value_is_an_error() {
        assert!(Bins::of(&Matrix::new(1, vec![0.0, f32::INFINITY]).unwrap()).is_err());
    }
}
