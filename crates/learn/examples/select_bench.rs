//! Measures the choice of the number of clusters, 2 to 10, on a matrix in a file of NumPy's:
//! `select_bench DATA` prints one line of JSON in the form of the peer kit. Stability and the test
//! of separation are included, with the settings that personas are discovered with.
//! `cargo xtask bench discovery` runs it beside scikit-learn's silhouettes.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "bench/matrix_file.rs"]
mod matrix_file;

use std::time::Instant;

use throng_learn::{KMeansParams, SelectionParams, select_k};

fn main() {
    let matrix = matrix_file::read(&std::env::args().nth(1).unwrap());
    let params = SelectionParams {
        n_clusters: 2..=10,
        fit: KMeansParams { n_clusters: 2, n_init: 4, n_iter_max: 100, tolerance: 1e-4, seed: 7 },
        n_rows_min: 100,
        share_min: 0.03,
        silhouette_slack: 0.0,
        n_resamples: 20,
        n_references: 19,
        n_rows_judged_max: 4000,
        n_rows_reference_max: 600,
        continuum: throng_learn::Continuum::Refused,
    };
    let start = Instant::now();
    let selection = select_k(&matrix, &params).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let chosen = selection.outcome.map_or(0, |choice| choice.n_clusters);
    println!("{{\"engine\":\"throng\",\"seconds\":{seconds:.6},\"quality\":{{\"best_k\":{chosen}}}}}");
}
