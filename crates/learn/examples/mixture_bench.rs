//! Measures the diagonal Gaussian mixture on a matrix in a file of NumPy's (`.npy`, `f32`).
//!
//! `mixture_bench DATA MEANS N_ITER` takes exactly so many steps from the means in a second such file,
//! equal weights and the columns' variances, and prints one line of JSON with the log-likelihood per
//! row. `RAYON_NUM_THREADS` says how many threads there are. `cargo xtask bench discovery` runs it
//! beside scikit-learn, which starts from the same and takes the same steps.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]
#![expect(clippy::panic, reason = "a benchmark fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "bench/matrix_file.rs"]
mod matrix_file;

use std::time::Instant;

use throng_learn::{Covariance, GaussianMixtureParams};

/// That of the peer.
const COVARIANCE_FLOOR: f64 = 1e-6;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [data, means, n_iter] = words.as_slice() else { panic!("expected: DATA MEANS N_ITER") };
    let (matrix, means) = (matrix_file::read(data), matrix_file::read(means));
    let params = GaussianMixtureParams {
        n_components: means.n_rows(),
        covariance: Covariance::Diagonal,
        covariance_floor: COVARIANCE_FLOOR,
        n_init: 1,
        n_iter_max: n_iter.parse().unwrap(),
        tolerance: 0.0,
        seed: 0,
    };
    // Threads are started before the clock is, as the peer's are when it is imported.
    rayon::join(|| (), || ());
    let start = Instant::now();
    let model = params.fit_from_means(&matrix, &means).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let per_row = model.log_likelihood() / f64::from(u32::try_from(matrix.n_rows()).unwrap());
    println!(
        "{{\"engine\":\"throng\",\"seconds\":{seconds:.6},\"iters\":{},\"log_likelihood\":{per_row:.9}}}",
        model.n_iter()
    );
}
