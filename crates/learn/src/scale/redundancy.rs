//! Columns that say the same share their votes.
//!
//! How *alike* two columns are is `s = (r² − ½) / ½` of their correlation `r`, and 0 where r² is
//! below ½: the part of what they say that is common, once common by more than half. A column has
//! `m = Σ s^32` near copies, itself among them, and its vote is `1 / (m · Σ s / m)`, the inner sum
//! over all columns with the `m` of each.
//!
//! So five copies have one vote together, and their number changes no other column's vote; a block of
//! `n` equally alike columns has `n / (1 + (n − 1) s)` votes; and a small change of the data makes a
//! small change of the votes, which groups joined above a threshold do not.
//!
//! Groups of samples make columns correlate, too: two groups six standard deviations apart give every
//! column that tells them apart a correlation of 0.9 with every other. Those are the columns that
//! matter, and would vote less than noise. Hence `r` is the lesser of the plain correlation and the
//! *local* one. For that, samples are cut into eight slices by the sum `u` of both columns; in each
//! but the outermost, the variance of `u` is compared with that of a normal variable in such a slice;
//! the least of these is what the variance of `u` would be without groups. Against the variance of
//! the difference it gives the correlation back: the plain one for normal columns, 0.6 at most for
//! columns that two groups alone make alike, and 0.8 for three. Where slices have no width (flags,
//! small counts) the plain correlation is all there is.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::number::real;
use crate::reference::correlations;

/// Squared correlation above which columns begin to share a vote.
const ALIKE_FROM: f64 = 0.5;
/// Power of the likeness that counts near copies: 0.03 of a copy at a likeness of 0.9.
const COPY_POWER: i32 = 32;
/// Slices of a local correlation: three groups leave at least one of the inner ones within a group.
const N_SLICES: usize = 8;
/// Samples a slice needs for its variance to mean something.
const SLICE_N_ROWS_MIN: usize = 10;
/// Share of a column's variance below which a slice has no width but that of rounding.
const WIDTH_MIN: f64 = 1e-6;

/// A column's vote beside columns that say the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SharedVote {
    /// From 0 to 1; 1 for a column that says something of its own.
    pub(crate) vote: f64,
    /// The column it shares most with, the first of equals; `None` if it shares with none.
    pub(crate) with: Option<usize>,
}

/// Returns the votes of columns without missing values. Columns made from one source never share:
/// they have split its vote before.
pub(crate) fn shared_votes(columns: &[Vec<f64>], sources: &[usize]) -> Vec<SharedVote> {
    assert_eq!(columns.len(), sources.len(), "every column has a source");
    let mut alike = correlations(columns);
    for (first, row) in alike.iter_mut().enumerate() {
        for (second, value) in row.iter_mut().enumerate() {
            *value = if first == second {
                1.0
            } else if sources[first] == sources[second] {
                0.0
            } else {
                likeness(*value, [&columns[first], &columns[second]])
            };
        }
    }
    let n_copies: Vec<f64> =
        alike.iter().map(|row| row.iter().map(|likeness| likeness.powi(COPY_POWER)).sum()).collect();
    let vote = |(column, row): (usize, &Vec<f64>)| {
        let sum: f64 = row.iter().zip(&n_copies).map(|(likeness, copies)| likeness / copies).sum();
        let others = row.iter().enumerate().filter(|(other, likeness)| *other != column && **likeness > 0.0);
        let most = others.rev().max_by(|a, b| a.1.total_cmp(b.1));
        SharedVote { vote: 1.0 / (n_copies[column] * sum), with: most.map(|(other, _)| other) }
    };
    alike.iter().enumerate().map(vote).collect()
}

/// Returns how alike two columns of the given correlation are, 0 to 1.
fn likeness(correlation: f64, columns: [&[f64]; 2]) -> f64 {
    let of = |correlation: f64| ((correlation.powi(2) - ALIKE_FROM) / (1.0 - ALIKE_FROM)).clamp(0.0, 1.0);
    if of(correlation) <= 0.0 {
        return 0.0;
    }
    of(local_correlation(correlation, columns).map_or(correlation, |local| local.clamp(0.0, correlation.abs())))
}

/// Returns the absolute correlation that the slices show; `None` where they have no width.
fn local_correlation(correlation: f64, columns: [&[f64]; 2]) -> Option<f64> {
    let n_rows = columns[0].len();
    if n_rows < N_SLICES * SLICE_N_ROWS_MIN {
        return None;
    }
    let [first, second] = columns.map(standardised);
    let mut sums: Vec<f64> = first.zip(second).map(|(a, b)| a + b * correlation.signum()).collect();
    sums.sort_by(f64::total_cmp);
    let slices = (0..N_SLICES).map(|slice| &sums[slice * n_rows / N_SLICES..(slice + 1) * n_rows / N_SLICES]);
    let ratios = slices.zip(normal_slices()).map(|(slice, normal)| moments(slice).1 / normal);
    let common = ratios.skip(1).take(N_SLICES - 2).fold(f64::INFINITY, f64::min);
    if common < WIDTH_MIN {
        return None;
    }
    let apart = 2.0 * (1.0 - correlation.abs());
    Some((common - apart) / (common + apart))
}

/// Returns the variances of a standard normal variable within slices of equal probability.
fn normal_slices() -> [f64; N_SLICES] {
    let normal = Normal::standard();
    let share = 1.0 / real(N_SLICES);
    std::array::from_fn(|slice| {
        let borders = [slice, slice + 1].map(|border| normal.inverse_cdf(real(border) * share));
        let [low, high] = borders.map(|border| normal.pdf(border));
        // At an infinite border the product of border and density is 0.
        let [low_term, high_term] =
            borders.map(|border| if border.is_finite() { border * normal.pdf(border) } else { 0.0 });
        1.0 + (low_term - high_term) / share - ((low - high) / share).powi(2)
    })
}

fn standardised(column: &[f64]) -> impl Iterator<Item = f64> {
    let (mean, variance) = moments(column);
    column.iter().map(move |value| (value - mean) / variance.sqrt())
}

/// Returns the mean and the variance of at least one value.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / real(values.len());
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / real(values.len()))
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand_distr::StandardNormal;

    use super::shared_votes;
    use crate::random::generator;

    /// Returns a column that correlates by about `correlation` with `base`.
    fn like(base: &[f64], correlation: f64, stream: u64) -> Vec<f64> {
        let mut generator = generator(5, stream);
        let own = (1.0 - correlation * correlation).sqrt();
        base.iter().map(|value| correlation * value + own * generator.sample::<f64, _>(StandardNormal)).collect()
    }

    fn votes(columns: &[Vec<f64>]) -> Vec<f64> {
        let sources: Vec<usize> = (0..columns.len()).collect();
        shared_votes(columns, &sources).iter().map(|shared| shared.vote).collect()
    }

    #[test]
    fn copies_share_one_vote_and_change_no_other() {
        let base = like(&[0.0; 4000], 0.0, 0);
        let (near, apart) = (like(&base, 0.85, 1), like(&base, 0.0, 2));
        let alone = votes(&[base.clone(), near.clone(), apart.clone()]);
        let turned: Vec<f64> = base.iter().map(|value| 7.0 - 3.0 * value).collect();
        let five = votes(&[base.clone(), base.clone(), turned, base.clone(), base.clone(), near, apart]);
        assert!((five[..5].iter().sum::<f64>() - alone[0]).abs() < 1e-9, "{five:?} {alone:?}");
        assert!((five[5] - alone[1]).abs() < 1e-9);
        assert!((five[6] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_block_votes_the_less_the_more_it_is_alike() {
        let base = like(&[0.0; 20_000], 0.0, 0);
        let block = |correlation: f64| -> f64 {
            let columns: Vec<Vec<f64>> = (1..6).map(|stream| like(&base, f64::sqrt(correlation), stream)).collect();
            votes(&columns).iter().sum()
        };
        let found = [0.0, 0.69, 0.8, 0.9, 0.95, 0.999].map(block);
        // n / (1 + (n − 1) s), or a little more, as the least of six slices is taken.
        for (found, expected) in found.iter().zip([5.0, 5.0, 2.36, 1.44, 1.19, 1.0]) {
            assert!((found / expected - 1.05).abs() < 0.07, "{found} is not {expected}");
        }
    }

    #[test]
    fn columns_that_tell_groups_apart_keep_their_votes() {
        let check = |groups: &[u32], votes_min: f64| {
            let centres = groups.iter().cycle().map(|group| 6.0 * f64::from(*group));
            let columns: Vec<Vec<f64>> = (1..6)
                .map(|stream| like(&[0.0; 6000], 0.0, stream).iter().zip(centres.clone()).map(|(a, b)| a + b).collect())
                .collect();
            let found: f64 = votes(&columns).iter().sum();
            assert!(found > votes_min, "{groups:?}: {found}");
        };
        check(&[0, 1], 4.9);
        check(&[0, 1, 1, 1], 4.9);
        check(&[0, 1, 2], 2.0);
    }

    #[test]
    fn copied_flags_share_one_vote() {
        let flag: Vec<f64> = (0..400).map(|idx| f64::from(u8::from(idx % 3 == 0))).collect();
        let other: Vec<f64> = (0..400).map(|idx| f64::from(u8::from(idx % 2 == 0))).collect();
        let found = votes(&[flag.clone(), other, flag]);
        assert!((found[0] + found[2] - 1.0).abs() < 1e-9 && (found[1] - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn columns_of_one_source_do_not_share() {
        let base = like(&[0.0; 100], 0.0, 0);
        let shared = shared_votes(&[base.clone(), base.clone(), base], &[0, 0, 1]);
        assert_eq!(shared.iter().map(|shared| shared.with).collect::<Vec<_>>(), [Some(2), Some(2), Some(0)]);
        let [first, second, third] = [0, 1, 2].map(|idx| shared[idx].vote);
        assert!((first - 0.6).abs() < 1e-9 && (second - 0.6).abs() < 1e-9 && (third - 0.25).abs() < 1e-9);
    }
}
