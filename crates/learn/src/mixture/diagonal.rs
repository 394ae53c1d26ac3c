//! Components whose columns vary independently: one variance per column.

use crate::mixture::block::{BLOCK_N_ROWS, Block, Lane, sum, weighted_moments};

/// Rows whose squared distances stay in registers while the columns pass.
const TILE_N_ROWS: usize = 32;

/// One component, in the form the loops need.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Diagonal {
    /// Mean, less the centre of the blocks.
    pub(super) mean: Vec<f32>,
    /// One over the variance.
    pub(super) precision: Vec<f32>,
}

impl Diagonal {
    /// Writes each row's squared distance from the mean in units of the variances.
    pub(super) fn squared_distances(&self, block: &Block, squared: &mut Lane) {
        for tile in 0..BLOCK_N_ROWS / TILE_N_ROWS {
            let rows = tile * TILE_N_ROWS..(tile + 1) * TILE_N_ROWS;
            let mut sums = [0.0_f32; TILE_N_ROWS];
            for ((column, &mean), &precision) in block.columns.iter().zip(&self.mean).zip(&self.precision) {
                for (sum, &value) in sums.iter_mut().zip(&column[rows.clone()]) {
                    let distance = value - mean;
                    *sum += distance * distance * precision;
                }
            }
            squared[rows].copy_from_slice(&sums);
        }
    }

    /// Adds the weighted rows of a block: the weight, then each column's distances from the mean,
    /// then their squares.
    pub(super) fn accumulate(&self, block: &Block, weights: &Lane, sums: &mut [f64]) {
        let total = sum(weights);
        if total <= 0.0 {
            return;
        }
        sums[0] += total;
        let (firsts, seconds) = sums[1..].split_at_mut(self.mean.len());
        let sums = firsts.iter_mut().zip(seconds);
        for ((column, &mean), (first, second)) in block.columns.iter().zip(&self.mean).zip(sums) {
            let moments = weighted_moments(weights, column, mean);
            *first += moments.0;
            *second += moments.1;
        }
    }
}
