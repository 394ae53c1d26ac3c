//! One pass over the rows: responsibilities of every component, and the sums the next parameters are
//! made of. Rows go in fixed chunks to the threads, and the chunks' sums are added in order.

use crate::clustering::chunks::{CHUNK_N_ROWS, map_chunks, sum_chunks};
use crate::matrix::Matrix;
use crate::mixture::block::{BLOCK_N_ROWS, Block, Lane};
use crate::mixture::diagonal::Diagonal;
use crate::mixture::full::{Full, triangular};
use crate::mixture::{Components, Covariance};
use crate::number::{real, single};

/// The components in the form the loops need.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    /// What is taken off every row first, so that `f32` carries the differences that matter.
    centre: Vec<f32>,
    /// Logarithm of each component's weight over the volume of its bell.
    log_scales: Vec<f64>,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Diagonal(Vec<Diagonal>),
    Full(Vec<Full>),
}

/// What a pass found.
pub(super) struct Pass {
    pub(super) log_likelihood: f64,
    /// For each component its weight, first and second moments, about the kernel's own means.
    sums: Vec<f64>,
}

impl Kernel {
    pub(super) fn new(components: &Components, centre: &[f32]) -> Kernel {
        let n_columns = centre.len();
        let log_circle = real(n_columns) / 2.0 * std::f64::consts::TAU.ln();
        let mut log_scales = Vec::with_capacity(components.weights.len());
        let mut diagonals = Vec::new();
        let mut fulls = Vec::new();
        for (component, &weight) in components.weights.iter().enumerate() {
            let mean: Vec<f32> = components
                .mean(component)
                .iter()
                .zip(centre)
                .map(|(&mean, &middle)| single(mean - f64::from(middle)))
                .collect();
            let spread = components.spread(component);
            let half_log_determinant = match components.covariance {
                Covariance::Diagonal => {
                    let precision = spread.iter().map(|variance| single(1.0 / variance)).collect();
                    diagonals.push(Diagonal { mean, precision });
                    spread.iter().map(|variance| variance.ln()).sum::<f64>() / 2.0
                }
                Covariance::Full => {
                    let (full, half_log_determinant) = Full::new(mean, spread);
                    fulls.push(full);
                    half_log_determinant
                }
            };
            log_scales.push(weight.ln() - log_circle - half_log_determinant);
        }
        let shape = match components.covariance {
            Covariance::Diagonal => Shape::Diagonal(diagonals),
            Covariance::Full => Shape::Full(fulls),
        };
        Kernel { centre: centre.to_vec(), log_scales, shape }
    }

    /// Returns what is taken off every row.
    pub(super) fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// Returns the log-likelihood of the rows, and their sums weighted by responsibility.
    pub(super) fn pass(&self, matrix: &Matrix) -> Pass {
        self.sum_blocks(matrix, |block, _| {
            self.respond(block);
            block.log_likelihood()
        })
    }

    /// Returns the sums of rows that belong to one component each.
    pub(super) fn pass_labelled(&self, matrix: &Matrix, labels: &[usize]) -> Pass {
        self.sum_blocks(matrix, |block, start| {
            block.shares.fill([0.0; BLOCK_N_ROWS]);
            for (row_idx, &label) in labels[start..start + block.n_rows()].iter().enumerate() {
                block.shares[label][row_idx] = 1.0;
            }
            0.0
        })
    }

    /// Returns the log-likelihood of the rows.
    pub(super) fn log_likelihood(&self, matrix: &Matrix) -> f64 {
        let sums = sum_chunks(matrix, 1, |_, chunk, sums| {
            self.each_block(chunk, |block, _| {
                self.respond(block);
                sums[0] += block.log_likelihood();
            });
        });
        sums[0]
    }

    /// Returns for each row what `append` reads off the blocks: shares, or log densities.
    pub(super) fn read_rows<Value: Send>(
        &self,
        matrix: &Matrix,
        append: impl Fn(&Block, &mut Vec<Value>) + Sync,
    ) -> Vec<Value> {
        map_chunks(matrix, CHUNK_N_ROWS, |chunk, values| {
            self.each_block(chunk, |block, _| {
                self.respond(block);
                append(block, values);
            });
        })
    }

    fn sum_blocks(&self, matrix: &Matrix, respond: impl Fn(&mut Block, usize) -> f64 + Sync) -> Pass {
        let n_sums = 1 + self.log_scales.len() * self.n_component_sums();
        let mut sums = sum_chunks(matrix, n_sums, |start, chunk, sums| {
            self.each_block(chunk, |block, offset| {
                sums[0] += respond(block, start + offset);
                self.accumulate(block, &mut sums[1..]);
            });
        });
        let log_likelihood = sums[0];
        sums.remove(0);
        Pass { log_likelihood, sums }
    }

    fn each_block(&self, chunk: &[f32], mut visit: impl FnMut(&mut Block, usize)) {
        let n_columns = self.centre.len();
        let mut block = Block::new(n_columns, self.log_scales.len());
        for (block_idx, rows) in chunk.chunks(BLOCK_N_ROWS * n_columns).enumerate() {
            block.read(rows, &self.centre);
            visit(&mut block, block_idx * BLOCK_N_ROWS);
        }
    }

    fn n_component_sums(&self) -> usize {
        let n_columns = self.centre.len();
        match self.shape {
            Shape::Diagonal(_) => 1 + 2 * n_columns,
            Shape::Full(_) => 1 + n_columns + triangular(n_columns, 0),
        }
    }

    fn respond(&self, block: &mut Block) {
        let mut squared: Lane = [0.0; BLOCK_N_ROWS];
        for (component, &log_scale) in self.log_scales.iter().enumerate() {
            match &self.shape {
                Shape::Diagonal(components) => components[component].squared_distances(block, &mut squared),
                Shape::Full(components) => components[component].squared_distances(block, &mut squared),
            }
            block.write_log_densities(component, &squared, single(log_scale));
        }
        block.normalise();
    }

    fn accumulate(&self, block: &Block, sums: &mut [f64]) {
        let parts = sums.chunks_exact_mut(self.n_component_sums());
        for (component, (share, sums)) in block.shares.iter().zip(parts).enumerate() {
            match &self.shape {
                Shape::Diagonal(components) => components[component].accumulate(block, share, sums),
                Shape::Full(components) => components[component].accumulate(block, share, sums),
            }
        }
    }

    /// Returns the mean of a component as the loops see it: rounded to `f32` about the centre.
    fn mean(&self, component: usize, column_idx: usize) -> f64 {
        let mean = match &self.shape {
            Shape::Diagonal(components) => components[component].mean[column_idx],
            Shape::Full(components) => components[component].mean[column_idx],
        };
        f64::from(self.centre[column_idx]) + f64::from(mean)
    }

    /// Returns the components that a pass speaks for. One that has lost all its rows keeps its former
    /// bell and a trace of weight.
    pub(super) fn maximise(&self, pass: &Pass, former: &Components, floor: f64) -> Components {
        let n_columns = self.centre.len();
        let mut components = former.clone();
        let n_sums = self.n_component_sums();
        let total: f64 = pass.sums.iter().step_by(n_sums).sum();
        for (component, sums) in pass.sums.chunks_exact(n_sums).enumerate() {
            let weight = sums[0];
            components.weights[component] = (weight / total).max(WEIGHT_MIN);
            if weight <= WEIGHT_MIN * total {
                continue;
            }
            let moments: Vec<f64> = sums[1..].iter().map(|sum| sum / weight).collect();
            let (shift, seconds) = moments.split_at(n_columns);
            for (column_idx, mean) in components.mean_mut(component).iter_mut().enumerate() {
                *mean = self.mean(component, column_idx) + shift[column_idx];
            }
            let spread = components.spread_mut(component);
            match self.shape {
                Shape::Diagonal(_) => write_variances(spread, shift, seconds, floor),
                Shape::Full(_) => write_covariance(spread, shift, seconds, floor),
            }
        }
        let total: f64 = components.weights.iter().sum();
        for weight in &mut components.weights {
            *weight /= total;
        }
        components
    }
}

/// Moves second moments from the former mean to the new one.
fn write_variances(spread: &mut [f64], shift: &[f64], seconds: &[f64], floor: f64) {
    for ((variance, second), shift) in spread.iter_mut().zip(seconds).zip(shift) {
        *variance = (second - shift * shift).max(0.0) + floor;
    }
}

/// Moves the lower triangle of second moments from the former mean to the new one.
fn write_covariance(spread: &mut [f64], shift: &[f64], seconds: &[f64], floor: f64) {
    for row in 0..shift.len() {
        for column in 0..row {
            let at = triangular(row, column);
            spread[at] = seconds[at] - shift[row] * shift[column];
        }
        let at = triangular(row, row);
        spread[at] = (seconds[at] - shift[row] * shift[row]).max(0.0) + floor;
    }
}

/// Share of the rows below which a component has none.
const WEIGHT_MIN: f64 = 1e-15;
