//! How often the right number of clusters is chosen, over seeds, families and sizes.
//!
//! `cargo run --release -p throng-learn --example selection_trial -- N_SEEDS N_ROWS[,N_ROWS…] [FAMILY…]`

#![expect(clippy::disallowed_methods, reason = "it reads the clock to say how long a selection takes")]
#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(clippy::cast_precision_loss, reason = "its numbers are small")]

use std::error::Error;
use std::time::Instant;

use throng_learn::{Continuum, KMeansParams, Matrix, SelectionParams, Separation, adjusted_rand_index, select_k};
use throng_testkit::{PlantedRows, RowFamily};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let n_seeds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let sizes = arguments.next().unwrap_or_else(|| "2000".to_owned());
    let wanted: Vec<String> = arguments.collect();
    println!("family            rows  right  refused  gradual  ARI≥.95/able  ARI mean  ARI min  seconds");
    for family in RowFamily::CLUSTERED.into_iter().chain(RowFamily::STRUCTURELESS) {
        let name = format!("{family:?}");
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        for size in sizes.split(',') {
            println!("{}", line(family, size.parse()?, n_seeds)?);
        }
    }
    Ok(())
}

fn line(family: RowFamily, n_rows: usize, n_seeds: u64) -> Result<String, Box<dyn Error>> {
    let (mut n_right, mut n_refused, mut n_gradual, mut n_able, mut n_reached) = (0, 0, 0, 0, 0);
    let mut indices = Vec::new();
    let mut wrong = Vec::new();
    let mut seconds = 0.0;
    for seed in 0..n_seeds {
        let rows = family.draw(n_rows, seed);
        let matrix = Matrix::new(rows.n_columns, rows.values.clone())?;
        let start = Instant::now();
        let selection = select_k(&matrix, &params(seed))?;
        seconds += start.elapsed().as_secs_f64();
        let n_found = selection.outcome.as_ref().map_or(0, |choice| choice.n_clusters);
        if n_found == family.n_clusters() {
            n_right += 1;
        } else {
            wrong.push(format!("{seed}:{n_found}"));
        }
        let bayes = agreement(&rows, &rows.bayes_labels)?;
        let able = bayes >= 0.95 && family.n_clusters() > 0;
        n_able += usize::from(able);
        match selection.outcome {
            Err(_) => n_refused += 1,
            Ok(choice) => {
                n_gradual += usize::from(choice.separation == Separation::Gradual);
                let index = agreement(&rows, &choice.labels)?;
                n_reached += usize::from(able && index >= 0.95);
                indices.push(index);
            }
        }
    }
    let mean = indices.iter().sum::<f64>() / indices.len().max(1) as f64;
    let least = indices.iter().copied().fold(1.0, f64::min);
    let seconds = seconds / n_seeds as f64;
    let name = format!("{family:?}");
    Ok(format!(
        "{name:16}{n_rows:>6}{n_right:>7}{n_refused:>9}{n_gradual:>9}{n_reached:>9}/{n_able:<4}{mean:>10.3}{least:>9.3}{seconds:>9.2}  {}",
        wrong.join(" ")
    ))
}

/// Returns the adjusted Rand index with the truth, over the rows that belong to a cluster; a row left
/// unassigned is a cluster of its own kind.
fn agreement(rows: &PlantedRows, labels: &[Option<usize>]) -> Result<f64, Box<dyn Error>> {
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
    Ok(adjusted_rand_index(&truth, &found)?)
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
