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
//! Why not the plain `1 / Σ r²`: groups of samples make columns correlate, too. Two groups 3 standard
//! deviations apart give two columns a correlation of 0.69, and columns that tell them apart must not
//! vote less than noise that nothing correlates with.

use crate::reference::correlations;

/// Squared correlation above which columns begin to share a vote.
const ALIKE_FROM: f64 = 0.5;
/// Power of the likeness that counts near copies: 0.03 of a copy at a likeness of 0.9.
const COPY_POWER: i32 = 32;

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
                ((value.powi(2) - ALIKE_FROM) / (1.0 - ALIKE_FROM)).clamp(0.0, 1.0)
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
        // n / (1 + (n − 1) s)
        for (found, expected) in found.iter().zip([5.0, 5.0, 2.36, 1.44, 1.19, 1.0]) {
            assert!((found - expected).abs() < 0.06, "{found} is not {expected}");
        }
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
