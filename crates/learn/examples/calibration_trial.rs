//! Expected calibration error of memberships on planted mixtures with overlap, on rows the model
//! was not fitted to, against the component each row was drawn from.
//!
//! `cargo run --release -p throng-learn --example calibration_trial [seeds]`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a trial stops where it fails, prints its table, and its numbers are small"
)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, StandardNormal};
use throng_learn::{CalibrationParams, Confidence, KMeansParams, Matrix, MembershipParams, RobustScalerParams, assign};

const N_HELD_OUT: usize = 6000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Round,
    Widths,
    Sizes,
    Correlated,
    LongTails,
    Outliers,
}

struct Planted {
    matrix: Matrix,
    /// The component of each row; `None` for outliers.
    truth: Vec<Option<usize>>,
}

fn normal(generator: &mut ChaCha8Rng) -> f64 {
    generator.sample(StandardNormal)
}

/// Returns rows of `n_clusters` components whose nearest centres are `separation` deviations apart.
fn planted(kind: Kind, n_rows: usize, (n_columns, n_clusters): (usize, usize), separation: f64, seed: u64) -> Planted {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut centres: Vec<Vec<f64>> =
        (0..n_clusters).map(|_| (0..n_columns).map(|_| normal(&mut generator)).collect()).collect();
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let mut least = f64::INFINITY;
    for (idx, centre) in centres.iter().enumerate() {
        for other in &centres[..idx] {
            least = least.min(distance(centre, other));
        }
    }
    centres.iter_mut().flatten().for_each(|value| *value *= separation / least);
    let part = |idx: usize| idx as f64 / (n_clusters - 1) as f64;
    let mixing: Vec<Vec<f64>> = (0..n_clusters)
        .map(|_| {
            let mut mixing = Vec::new();
            for row in 0..n_columns {
                let own = |column| f64::from(u8::from(row == column));
                let mut line: Vec<f64> = (0..n_columns)
                    .map(|column| {
                        own(column) + if kind == Kind::Correlated { 0.4 * normal(&mut generator) } else { 0.0 }
                    })
                    .collect();
                let length = line.iter().map(|value| value * value).sum::<f64>().sqrt();
                line.iter_mut().for_each(|value| *value /= length);
                mixing.extend(line);
            }
            mixing
        })
        .collect();
    let widths: Vec<f64> =
        (0..n_clusters).map(|idx| if kind == Kind::Widths { 0.6 + 0.9 * part(idx) } else { 1.0 }).collect();
    let weights: Vec<f64> =
        (0..n_clusters).map(|idx| if kind == Kind::Sizes { 4_f64.powf(part(idx)) } else { 1.0 }).collect();
    let total: f64 = weights.iter().sum();
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        if kind == Kind::Outliers && generator.random_bool(0.05) {
            values.extend((0..n_columns).map(|_| generator.random_range(-8.0..8.0) as f32));
            truth.push(None);
            continue;
        }
        let mut left = generator.random_range(0.0..total);
        let mut cluster = 0;
        while cluster + 1 < n_clusters && left >= weights[cluster] {
            left -= weights[cluster];
            cluster += 1;
        }
        let chi: f64 = generator.sample(ChiSquared::new(5.0).unwrap());
        let stretch = if kind == Kind::LongTails { (3.0 / chi).sqrt() } else { 1.0 };
        let noise: Vec<f64> = (0..n_columns).map(|_| stretch * widths[cluster] * normal(&mut generator)).collect();
        for (line, centre) in mixing[cluster].chunks_exact(n_columns).zip(&centres[cluster]) {
            let mixed: f64 = line.iter().zip(&noise).map(|(a, b)| a * b).sum();
            values.push((centre + mixed) as f32);
        }
        truth.push(Some(cluster));
    }
    Planted { matrix: Matrix::new(n_columns, values).unwrap(), truth }
}

/// What one seed shows.
struct Trial {
    largest: f64,
    clusters: f64,
    agreement: f64,
    right_by_centroid: f64,
    right_by_membership: f64,
    unassigned: f64,
    shape: String,
}

fn trial(kind: Kind, (n_rows, shape, separation): (usize, (usize, usize), f64), seed: u64) -> Trial {
    let n_clusters = shape.1;
    let planted = planted(kind, n_rows + N_HELD_OUT, shape, separation, seed);
    // Outliers are clipped before clusters are looked for; distances to them are nobody's.
    let scaler = RobustScalerParams { clip: 4.0 }.fit(&planted.matrix).unwrap();
    let matrix =
        if kind == Kind::Outliers { scaler.transform(&planted.matrix).unwrap() } else { planted.matrix.clone() };
    let fitted = matrix.take(&(0..n_rows).collect::<Vec<_>>());
    let held_out = matrix.take(&(n_rows..n_rows + N_HELD_OUT).collect::<Vec<_>>());
    let params = KMeansParams { n_clusters, n_init: 8, n_iter_max: 200, tolerance: 1e-6, seed };
    let k_means = params.fit(&fitted).unwrap();
    let model = MembershipParams { reach_share: 0.99 }.fit(&k_means, &fitted).unwrap();
    let memberships = model.predict_proba(&held_out).unwrap();
    let nearest = k_means.predict(&held_out).unwrap();
    // The cluster that each component is found in.
    let mut overlap = vec![vec![0.0; n_clusters]; n_clusters];
    for (truth, &label) in planted.truth.iter().zip(k_means.labels()) {
        if let Some(component) = truth {
            overlap[*component][label] += 1.0;
        }
    }
    let cluster_of = assign(&overlap).unwrap();
    let truth: Vec<Option<usize>> =
        planted.truth[n_rows..].iter().map(|truth| truth.and_then(|component| cluster_of[component])).collect();
    let judge = CalibrationParams { n_bins: 10, confidence: Confidence::new(0.95).unwrap() };
    let largest = judge.evaluate_largest(&memberships, &truth).unwrap().expected_error;
    let per_cluster = (0..n_clusters).map(|cluster| judge.evaluate_cluster(&memberships, &truth, cluster).unwrap());
    let clusters = per_cluster.map(|found| found.expected_error).sum::<f64>() / n_clusters as f64;
    let share = |count: usize| count as f64 / N_HELD_OUT as f64;
    let right = |of: &dyn Fn(usize) -> usize| share((0..N_HELD_OUT).filter(|&row| truth[row] == Some(of(row))).count());
    let best = |row: usize| {
        let row = &memberships.row(row)[..n_clusters];
        (0..n_clusters).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
    };
    Trial {
        largest,
        clusters,
        agreement: model.agreement(),
        right_by_centroid: right(&|row| nearest[row]),
        right_by_membership: right(&best),
        unassigned: memberships.rows().map(|row| row[n_clusters]).sum::<f64>() / N_HELD_OUT as f64,
        shape: format!(
            "{:?}{}",
            model.shape(),
            model.freedom().map_or(String::new(), |freedom| format!(" t{freedom}"))
        ),
    }
}

fn main() {
    let n_seeds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    println!("seeds 0..{n_seeds}, {N_HELD_OUT} held-out rows; error of the largest membership: mean (worst)");
    println!(
        "kind         rows  columns k  error          per cluster  agreement  right: centroid, membership  unassigned  mixtures"
    );
    for kind in [Kind::Round, Kind::Widths, Kind::Sizes, Kind::Correlated, Kind::LongTails, Kind::Outliers] {
        for case in [(400, (5, 3), 2.5), (1000, (10, 5), 2.8), (4000, (6, 4), 2.5), (4000, (20, 6), 3.0)] {
            let trials: Vec<Trial> = (0..n_seeds).map(|seed| trial(kind, case, seed)).collect();
            let mean = |of: &dyn Fn(&Trial) -> f64| trials.iter().map(of).sum::<f64>() / trials.len() as f64;
            let worst = trials.iter().map(|trial| trial.largest).fold(0.0, f64::max);
            let mut shapes: Vec<String> = trials.iter().map(|trial| trial.shape.clone()).collect();
            shapes.sort();
            shapes.dedup();
            println!(
                "{:<12} {:>4}  {:>7} {}  {:.3} ({:.3})  {:>11.3}  {:>9.2}  {:>15.3}, {:>10.3}  {:>10.3}  {}",
                format!("{kind:?}"),
                case.0,
                case.1.0,
                case.1.1,
                mean(&|trial| trial.largest),
                worst,
                mean(&|trial| trial.clusters),
                mean(&|trial| trial.agreement),
                mean(&|trial| trial.right_by_centroid),
                mean(&|trial| trial.right_by_membership),
                mean(&|trial| trial.unassigned),
                shapes.join(", "),
            );
        }
    }
}
