//! Tests of the linker as a whole, on invented populations with a known truth, and
//! of the mixture on counts made from known probabilities.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::comparison::{Comparison, Level, N_COMPARISONS, N_LEVELS, Pattern};
use super::mixture::{Counts, Kind, Mixture};
use super::synthetic::{Noise, name, population};
use super::*;

const SEED: u64 = 7;

/// How many proposed links there are and how many are right, how many pairs of records
/// are one person's, and, for the links of each band of probability, the sum of the
/// probabilities with the number of right ones.
struct Outcome {
    n_links: f64,
    n_right: f64,
    n_true: f64,
    bands: BTreeMap<u32, (f64, f64, f64)>,
}

fn outcome(n_records: usize, seed: u64) -> Outcome {
    let population = population(n_records, seed);
    let truth: BTreeMap<ProfileId, u64> =
        population.iter().map(|(record, person)| (record.id.clone(), *person)).collect();
    let mut of_person: BTreeMap<u64, f64> = BTreeMap::new();
    truth.values().for_each(|person| *of_person.entry(*person).or_default() += 1.0);
    let records = RecordSet::new(population.into_iter().map(|(record, _)| record).collect());
    let model = LinkageModel::fit(&records, SEED);
    let n_true = of_person.values().map(|n| n * (n - 1.0) / 2.0).sum();
    let mut outcome = Outcome { n_links: 0.0, n_right: 0.0, n_true, bands: BTreeMap::new() };
    if std::env::args().any(|a| a == "--nocapture") {
        for w in model.level_weights() {
            println!(
                "{:?} {:?} m {:.4} h {:.4} u {:.6} bits {:.2}",
                w.comparison, w.level, w.m, w.household, w.u, w.bits
            );
        }
        println!(
            "{:?} match {} household {} candidates {} of {} skipped {:?}",
            model.n_iterations(),
            model.match_share() * model.n_pairs as f64,
            model.household_share() * model.n_pairs as f64,
            model.n_candidates,
            model.n_pairs,
            model.skipped
        );
    }
    let mut shown = 0;
    for link in model.propose(&records, 0.01) {
        let right = if truth[&link.a] == truth[&link.b] { 1.0 } else { 0.0 };
        if right == 0.0 && link.probability > 0.95 && shown < 12 {
            shown += 1;
            println!(
                "{:.4} {:?}",
                link.probability,
                link.weights.iter().map(|w| format!("{:?} {:.1}", w.reason, w.bits)).collect::<Vec<_>>()
            );
        }
        if link.probability >= 0.95 {
            outcome.n_links += 1.0;
            outcome.n_right += right;
        }
        let band =
            [0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999].iter().filter(|edge| link.probability >= **edge).count();
        let (n, expected, found) = outcome.bands.entry(u32::try_from(band).unwrap()).or_default();
        *n += 1.0;
        *expected += link.probability;
        *found += right;
    }
    println!(
        "links {} right {} true {} precision {:.4} recall {:.4}",
        outcome.n_links,
        outcome.n_right,
        outcome.n_true,
        outcome.n_right / outcome.n_links,
        outcome.n_right / outcome.n_true
    );
    for (b, (n, e, f)) in &outcome.bands {
        println!("band {b}: n {n} expected {e:.1} found {f}");
    }
    outcome
}

#[test]
fn links_above_the_threshold_are_right() {
    for seed in 2..5 {
        outcome(4_000, seed);
    }
    let outcome = outcome(4_000, 1);
    assert!(outcome.n_right / outcome.n_links >= 0.98);
}
