//! Measures the linker on invented populations: one JSON object a line, with records,
//! candidate pairs, seconds, precision and recall at a probability of 0.95.
//!
//! Recall is of all pairs of one person, those included that have next to nothing in
//! common; `recall_blocking` is how many of them were compared at all. Run it with
//! `cargo run --release -p throng-profile --example linkage_bench [RECORDS]...`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]

#[path = "../src/linkage/synthetic.rs"]
mod synthetic;

use std::collections::BTreeMap;
use std::time::Instant;

use throng_profile::{LinkageModel, ProfileId, Record, RecordField, RecordSet};

const PROBABILITY_MIN: f64 = 0.95;

fn main() {
    let mut sizes: Vec<usize> = std::env::args().skip(1).map(|size| size.parse().unwrap()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    for n_records in sizes {
        measure(n_records);
    }
}

fn measure(n_records: usize) {
    let population = synthetic::population(n_records, 11);
    let truth: BTreeMap<ProfileId, u64> =
        population.iter().map(|(record, person)| (record.id.clone(), *person)).collect();
    let mut n_of_person: BTreeMap<u64, u32> = BTreeMap::new();
    truth.values().for_each(|person| *n_of_person.entry(*person).or_default() += 1);
    let n_true: u32 = n_of_person.values().map(|n| n * (n - 1) / 2).sum();
    let records: Vec<Record> = population.into_iter().map(|(record, _)| record).collect();

    let start = Instant::now();
    let records = RecordSet::new(records);
    let prepared_s = start.elapsed().as_secs_f64();
    let model = LinkageModel::fit(&records, 7);
    let fitted_s = start.elapsed().as_secs_f64();
    let links = model.propose(&records, PROBABILITY_MIN);
    let seconds = start.elapsed().as_secs_f64();

    let right = |a: &ProfileId, b: &ProfileId| truth[a] == truth[b];
    let count = |links: &[throng_profile::ProposedLink]| {
        u32::try_from(links.iter().filter(|link| right(&link.a, &link.b)).count()).unwrap()
    };
    let n_right = count(&links);
    let n_compared = count(&model.propose(&records, 0.0));
    println!(
        "{{\"records\":{},\"pairs\":{},\"seconds\":{seconds:.3},\"prepare_s\":{prepared_s:.3},\"fit_s\":{:.3},\
         \"propose_s\":{:.3},\"links\":{},\"precision\":{:.4},\"recall\":{:.4},\"recall_blocking\":{:.4},\
         \"iterations\":{}}}",
        records.ids().len(),
        model.n_candidates,
        fitted_s - prepared_s,
        seconds - fitted_s,
        links.len(),
        f64::from(n_right) / f64::from(u32::try_from(links.len()).unwrap()),
        f64::from(n_right) / f64::from(n_true),
        f64::from(n_compared) / f64::from(n_true),
        model.n_iterations().map_or("null".to_owned(), |n| n.to_string()),
    );
}
