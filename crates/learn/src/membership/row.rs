//! One row at a time: its memberships in a mixture, without memory of their own.

use crate::membership::cholesky::Lanes;
use crate::membership::mixture::{Component, Family, normalise};
use crate::membership::squared::{SolvedRow, squared_beside, squared_of_all};
use crate::number::real;

/// What turns a row into memberships, in some or all columns.
pub(super) struct Mixture<'a> {
    pub(super) family: Family,
    pub(super) components: &'a [Component],
    /// For each component, of its density at its reach.
    pub(super) reach_tails: &'a [f64],
}

/// Space that memberships are computed in, made once for many rows.
#[derive(Debug, Clone, Default)]
pub struct MembershipScratch {
    squared: Vec<f64>,
    differences: Vec<Lanes>,
}

/// What was computed of one row, for the memberships of others that differ from it in a few columns.
#[derive(Debug, Clone, Default)]
pub struct MembershipAnchor {
    pub(super) solved: SolvedRow,
}

/// Returns the logarithms of unnormalised densities at squared distances in so many columns.
pub(super) fn log_tails(family: Family, squared: &[f64], n_columns: usize) -> Vec<f64> {
    squared.iter().map(|squared| family.log_tail(*squared, n_columns)).collect()
}

impl Mixture<'_> {
    pub(super) fn memberships(&self, row: &[f32], values: &mut [f64], scratch: &mut MembershipScratch) {
        let MembershipScratch { squared, differences } = scratch;
        squared.resize(self.components.len(), 0.0);
        squared_of_all(row, self.components, differences, squared);
        self.tell(row.len(), squared, values);
    }

    /// As [`Mixture::memberships`], by what is known of another row of as many columns.
    pub(super) fn memberships_beside(
        &self,
        anchor: &MembershipAnchor,
        row: &[f32],
        values: &mut [f64],
        scratch: &mut MembershipScratch,
    ) {
        let MembershipScratch { squared, differences } = scratch;
        squared.resize(self.components.len(), 0.0);
        squared_beside(row, self.components, &anchor.solved, (differences, squared));
        self.tell(row.len(), squared, values);
    }

    /// Fills in memberships by squared distances, which become the logarithms of densities.
    fn tell(&self, n_columns: usize, tails: &mut [f64], values: &mut [f64]) {
        let last = values.len() - 1;
        let shares = &mut values[..last];
        for ((share, tail), component) in shares.iter_mut().zip(tails.iter_mut()).zip(self.components) {
            // Widths that nobody fitted, read from a state, may overflow: such a row is out of reach.
            let squared = if tail.is_nan() { f64::INFINITY } else { *tail };
            *tail = self.family.log_tail(squared, n_columns);
            *share = component.log_density(*tail);
        }
        normalise(shares);
        for ((share, tail), reach_tail) in shares.iter_mut().zip(tails.iter()).zip(self.reach_tails) {
            *share /= 1.0 + (reach_tail - *tail).exp();
        }
        fill_rest(values);
    }
}

/// Sets the last of `values` to what the others, whose sum is at most 1 but for rounding, leave of 1.
pub(crate) fn fill_rest(values: &mut [f64]) {
    let n_values = values.len();
    let Some((rest, shares)) = values.split_last_mut() else { return };
    let mut assigned = left_to_right(shares);
    if assigned > 1.0 {
        // Rounding only: over k clusters, the two sums of k - 1 additions, the division and
        // the product are together off by less than k + 1 epsilons.
        let shrink = 1.0 - 2.0 * f64::EPSILON * real(n_values);
        for share in shares.iter_mut() {
            *share *= shrink;
        }
        assigned = left_to_right(shares);
    }
    assert!(assigned <= 1.0);
    // 1 - a is off by at most a quarter of an ulp of 1, so a + (1 - a) rounds to exactly 1.
    *rest = 1.0 - assigned;
}

pub(super) fn left_to_right(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}
