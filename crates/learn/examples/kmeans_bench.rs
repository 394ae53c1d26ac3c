//! Measures k-means on a matrix in a file of NumPy's (`.npy`, `f32`, rows after one another).
//!
//! `fit DATA INIT N_ITER` refines the centroids of a second such file exactly so often and prints
//! one line of JSON in the form of the peer kit, memory and processor seconds included.
//! `seeds DATA N_CLUSTERS N_SEEDS` fits once for each seed, with our own seeding and no restart,
//! and prints the inertias. `RAYON_NUM_THREADS` says how many threads there are. Needs Linux.
//! `cargo xtask bench discovery` runs it beside its peers.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]
#![expect(clippy::panic, reason = "a benchmark fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "bench/matrix_file.rs"]
mod matrix_file;

use std::fs;
use std::time::Instant;

use throng_learn::KMeansParams;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["fit", data, init, n_iter] => fit(data, init, n_iter.parse().unwrap()),
        ["seeds", data, n_clusters, n_seeds] => seeds(data, n_clusters.parse().unwrap(), n_seeds.parse().unwrap()),
        _ => panic!("fit DATA INIT N_ITER, or seeds DATA N_CLUSTERS N_SEEDS"),
    }
}

fn fit(data: &str, init: &str, n_iter_max: usize) {
    let (matrix, init) = (matrix_file::read(data), matrix_file::read(init));
    let params = KMeansParams { n_clusters: init.n_rows(), n_init: 1, n_iter_max, tolerance: 0.0, seed: 0 };
    // Threads are started before the clock is, as the peers' are when they are imported.
    rayon::join(|| (), || ());
    let base_mb = status_mb("VmRSS:");
    let processor = processor_seconds();
    let start = Instant::now();
    let model = params.fit_from(&matrix, &init).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let processor = processor_seconds() - processor;
    let peak_mb = status_mb("VmHWM:");
    println!(
        "{{\"task\":\"A.kmeans\",\"engine\":\"throng\",\"n\":\"{}x{}\",\"seconds\":{seconds:.6},\"cpu_s\":{processor:.3},\
         \"base_mb\":{base_mb:.1},\"peak_rss_mb\":{peak_mb:.1},\"quality\":{{\"iters\":{},\"inertia\":{:.3}}}}}",
        matrix.n_rows(),
        matrix.n_columns(),
        model.n_iter(),
        model.inertia()
    );
}

fn seeds(data: &str, n_clusters: usize, n_seeds: u64) {
    let matrix = matrix_file::read(data);
    let mut inertias = Vec::new();
    let start = Instant::now();
    for seed in 0..n_seeds {
        let params = KMeansParams { n_clusters, n_init: 1, n_iter_max: 300, tolerance: 1e-4, seed };
        inertias.push(format!("{:.3}", params.fit(&matrix).unwrap().inertia()));
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{{\"engine\":\"throng\",\"seconds\":{seconds:.3},\"inertias\":[{}]}}", inertias.join(","));
}

/// Returns a size in MB that the system knows of this process.
fn status_mb(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Returns the seconds that all threads of this process have been on a processor.
fn processor_seconds() -> f64 {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.map(|thread| {
        let times = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        times.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    });
    nanoseconds.sum::<f64>() / 1e9
}
