//! How often the right number of clusters is chosen, over seeds, families and sizes, and how well the
//! clusters agree with what was planted.
//!
//! `cargo run --release -p throng-learn --example selection_trial -- SEEDS N_ROWS[,N_ROWS…] [FAMILY…]`
//!
//! `SEEDS` is a number, for the seeds from 0 on, or a range as in `1000..1100`. Seeds run beside each
//! other, so seconds are those of a machine that is busy. Behind each line are the seeds that went
//! wrong and the number of clusters found there, and behind a `~` those that stay below an adjusted
//! Rand index of 0.95 where the best possible partition reaches it.

#![expect(clippy::disallowed_methods, reason = "it reads the clock to say how long a selection takes")]
#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(clippy::cast_precision_loss, reason = "its numbers are small")]

use std::error::Error;
use std::ops::Range;
use std::time::Instant;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use throng_learn::{Continuum, KMeansParams, LearnError, Matrix, SelectionParams, adjusted_rand_index, select_k};
use throng_testkit::{PlantedRows, RowFamily};

/// The adjusted Rand index that is asked for where the best possible partition reaches it.
const AGREEMENT_MIN: f64 = 0.95;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seeds = seeds(&arguments.next().unwrap_or_else(|| "5".to_owned()))?;
    let sizes = arguments.next().unwrap_or_else(|| "2000".to_owned());
    let wanted: Vec<String> = arguments.collect();
    println!("family            rows  right  refused  ARI≥.95/able  ARI mean  ARI min  of outliers  seconds");
    for family in RowFamily::CLUSTERED.into_iter().chain(RowFamily::STRUCTURELESS) {
        let name = format!("{family:?}");
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        for size in sizes.split(',') {
            let n_rows = size.parse()?;
            let trials: Result<Vec<Trial>, LearnError> =
                seeds.clone().into_par_iter().map(|seed| Trial::run(family, n_rows, seed)).collect();
            println!("{}", line(family, n_rows, &trials?));
        }
    }
    Ok(())
}

fn seeds(text: &str) -> Result<Range<u64>, Box<dyn Error>> {
    Ok(match text.split_once("..") {
        Some((first, end)) => first.parse()?..end.parse()?,
        None => 0..text.parse()?,
    })
}

/// What one seed shows.
struct Trial {
    seed: u64,
    seconds: f64,
    /// Clusters found; 0 where the answer was a refusal.
    n_found: usize,
    /// Found clusters most of whose rows are outliers.
    n_of_outliers: usize,
    /// Agreement with the truth; `None` where the answer was a refusal.
    index: Option<f64>,
    /// Whether the best possible partition agrees well enough.
    able: bool,
}

impl Trial {
    fn run(family: RowFamily, n_rows: usize, seed: u64) -> Result<Trial, LearnError> {
        let rows = family.draw(n_rows, seed);
        let matrix = Matrix::new(rows.n_columns, rows.values.clone())?;
        let start = Instant::now();
        let selection = select_k(&matrix, &params(seed))?;
        let seconds = start.elapsed().as_secs_f64();
        let able = family.n_clusters() > 0 && agreement(&rows, &rows.bayes_labels)? >= AGREEMENT_MIN;
        let mut trial = Trial { seed, seconds, n_found: 0, n_of_outliers: 0, index: None, able };
        if let Ok(choice) = selection.outcome {
            trial.n_found = choice.n_clusters;
            trial.index = Some(agreement(&rows, &choice.labels)?);
            if family.n_clusters() > 0 {
                trial.n_of_outliers = n_of_outliers(&rows, &choice.labels, choice.n_clusters);
            }
        }
        Ok(trial)
    }

    fn reaches(&self) -> bool {
        self.index.is_some_and(|index| index >= AGREEMENT_MIN)
    }
}

fn line(family: RowFamily, n_rows: usize, trials: &[Trial]) -> String {
    let n_right = trials.iter().filter(|trial| trial.n_found == family.n_clusters()).count();
    let n_refused = trials.iter().filter(|trial| trial.n_found == 0).count();
    let n_able = trials.iter().filter(|trial| trial.able).count();
    let n_reached = trials.iter().filter(|trial| trial.able && trial.reaches()).count();
    let n_of_outliers: usize = trials.iter().map(|trial| trial.n_of_outliers).sum();
    let indices: Vec<f64> = trials.iter().filter_map(|trial| trial.index).collect();
    let mean = indices.iter().sum::<f64>() / indices.len().max(1) as f64;
    let least = indices.iter().copied().fold(1.0, f64::min);
    let seconds = trials.iter().map(|trial| trial.seconds).sum::<f64>() / trials.len().max(1) as f64;
    let mut apart: Vec<String> = Vec::new();
    for trial in trials {
        if trial.n_found != family.n_clusters() {
            apart.push(format!("{}:{}", trial.seed, trial.n_found));
        } else if trial.able && !trial.reaches() {
            apart.push(format!("{}~{:.2}", trial.seed, trial.index.unwrap_or(0.0)));
        }
    }
    let name = format!("{family:?}");
    format!(
        "{name:16}{n_rows:>6}{n_right:>7}{n_refused:>9}{n_reached:>9}/{n_able:<4}{mean:>10.3}{least:>9.3}{n_of_outliers:>13}{seconds:>9.2}  {}",
        apart.join(" ")
    )
}

/// Returns the number of clusters most of whose rows are outliers.
fn n_of_outliers(rows: &PlantedRows, labels: &[Option<usize>], n_clusters: usize) -> usize {
    let mut balance = vec![0_i64; n_clusters];
    for (truth, own) in rows.labels.iter().zip(labels) {
        if let Some(own) = own {
            balance[*own] += if truth.is_none() { 1 } else { -1 };
        }
    }
    balance.into_iter().filter(|&balance| balance > 0).count()
}

/// Returns the adjusted Rand index with the truth, over the rows that belong to a cluster; a row left
/// unassigned is a cluster of its own kind.
fn agreement(rows: &PlantedRows, labels: &[Option<usize>]) -> Result<f64, LearnError> {
    let mut truth = Vec::new();
    let mut found = Vec::new();
    for (label, own) in rows.labels.iter().zip(labels) {
        if let Some(label) = label {
            truth.push(*label);
            found.push(own.map_or(0, |own| own + 1));
        }
    }
    if truth.is_empty() {
        return Ok(0.0);
    }
    adjusted_rand_index(&truth, &found)
}

fn params(seed: u64) -> SelectionParams {
    SelectionParams {
        n_clusters: 2..=10,
        fit: KMeansParams { n_clusters: 2, n_init: 4, n_iter_max: 100, tolerance: 1e-4, seed },
        n_rows_min: 100,
        share_min: 0.01,
        continuum: Continuum::Refused,
        silhouette_slack: 0.0,
        n_resamples: 20,
        n_references: 19,
        n_rows_judged_max: 4000,
        n_rows_reference_max: 600,
    }
}
