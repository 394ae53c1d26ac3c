//! How well k-means finds planted groups when columns share their votes in different ways.
//!
//! Two to four groups in five columns, beside thirty columns of noise, or beside twenty copies of one
//! column of noise. Prints the mean adjusted Rand index over seeds: without sharing, with the plain
//! `1 / Σ r²`, and as [`RobustScaler`](throng_learn::RobustScaler) does it.
//!
//! `cargo run --release -p throng-learn --example redundancy`

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an example prints, and its numbers are small"
)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use throng_learn::{KMeansParams, LearnError, Matrix, RobustScalerParams, adjusted_rand_index};

const N_ROWS: usize = 600;
const N_SEEDS: u64 = 20;
const N_INFORMATIVE: usize = 5;

/// What stands beside the columns that tell the groups apart.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Noise(usize),
    Copies(usize),
}

fn main() -> Result<(), LearnError> {
    println!("groups  apart  beside      no sharing  1/sum r2   ours");
    for n_groups in [2, 3, 4] {
        for apart in [3.0, 4.0, 6.0, 9.0] {
            for beside in [Beside::Noise(30), Beside::Copies(20)] {
                let [plain, squares, ours] = agreements(n_groups, apart, beside)?;
                println!("{n_groups:6}  {apart:5}  {beside:?}  {plain:10.3}  {squares:8.3}  {ours:5.3}");
            }
        }
    }
    Ok(())
}

/// Returns the mean adjusted Rand indices without sharing, with plain squares, and with ours.
fn agreements(n_groups: usize, apart: f64, beside: Beside) -> Result<[f64; 3], LearnError> {
    let mut found = [0.0; 3];
    for seed in 0..N_SEEDS {
        let (matrix, truth) = planted(n_groups, apart, beside, seed)?;
        for (total, matrix) in found.iter_mut().zip(scaled(&matrix)?) {
            *total += agreement(&matrix, &truth, n_groups, seed)? / N_SEEDS as f64;
        }
    }
    Ok(found)
}

/// Returns groups at random corners of the informative columns, and what stands beside them. Two
/// groups differ in all columns, which makes these the most alike.
fn planted(n_groups: usize, apart: f64, beside: Beside, seed: u64) -> Result<(Matrix, Vec<usize>), LearnError> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut corners = vec![generator.random_range(0..32_u32)];
    while corners.len() < n_groups {
        let corner = if n_groups == 2 { 31 - corners[0] } else { generator.random_range(0..32_u32) };
        if !corners.contains(&corner) {
            corners.push(corner);
        }
    }
    let truth: Vec<usize> = (0..N_ROWS).map(|row_idx| row_idx % n_groups).collect();
    let mut values: Vec<f32> = Vec::new();
    for group in &truth {
        let mut normal = || generator.sample::<f64, _>(StandardNormal);
        for column in 0..N_INFORMATIVE {
            let high = f64::from((corners[*group] >> column) & 1);
            values.push((apart * high + normal()) as f32);
        }
        match beside {
            Beside::Noise(n_columns) => values.extend((0..n_columns).map(|_| normal() as f32)),
            Beside::Copies(n_columns) => {
                let common = normal();
                values.extend((0..n_columns).map(|_| (common + 0.1 * normal()) as f32));
            }
        }
    }
    Ok((Matrix::new(values.len() / N_ROWS, values)?, truth))
}

/// Returns the scaled matrix without sharing, with plain squares, and as the scaler has it.
fn scaled(matrix: &Matrix) -> Result<[Matrix; 3], LearnError> {
    let scaler = RobustScalerParams { clip: 4.0 }.fit(matrix)?;
    let ours = scaler.transform(matrix)?;
    let undone: Vec<f64> = scaler.columns().iter().map(|column| 1.0 / column.weight).collect();
    let plain = multiplied(&ours, &undone)?;
    let squares = multiplied(&plain, &by_squares(&plain))?;
    Ok([plain, squares, ours])
}

fn multiplied(matrix: &Matrix, factors: &[f64]) -> Result<Matrix, LearnError> {
    let values = matrix.rows().flat_map(|row| row.iter().zip(factors).map(|(value, factor)| value * *factor as f32));
    Matrix::new(matrix.n_columns(), values.collect())
}

/// Returns the weights whose squares are `1 / Σ r²`.
fn by_squares(matrix: &Matrix) -> Vec<f64> {
    let columns: Vec<Vec<f64>> = (0..matrix.n_columns())
        .map(|column_idx| {
            let column = matrix.column(column_idx);
            let mean = column.iter().map(|value| f64::from(*value)).sum::<f64>() / column.len() as f64;
            let centred: Vec<f64> = column.iter().map(|value| f64::from(*value) - mean).collect();
            let length = centred.iter().map(|value| value * value).sum::<f64>().sqrt();
            centred.iter().map(|value| value / length).collect()
        })
        .collect();
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().powi(2);
    columns.iter().map(|column| 1.0 / columns.iter().map(|other| square(column, other)).sum::<f64>().sqrt()).collect()
}

fn agreement(matrix: &Matrix, truth: &[usize], n_clusters: usize, seed: u64) -> Result<f64, LearnError> {
    let params = KMeansParams { n_clusters, n_init: 5, n_iter_max: 100, tolerance: 0.0, seed };
    adjusted_rand_index(truth, params.fit(matrix)?.labels())
}
