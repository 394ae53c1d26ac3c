//! Times the diagonal Gaussian mixture on a file of numbers, from given means, for a fixed number of
//! steps: to be set beside another implementation on the same input.
//!
//! Arguments: a file of row-major little-endian `f32`, the number of columns, the number of
//! components, the number of steps, a file with the first means in the same form. Prints seconds
//! and the log-likelihood per row.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example prints what it timed")]

use std::error::Error;
use std::time::Instant;

use throng_learn::{Covariance, GaussianMixtureParams, Matrix};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rows_path, n_columns, n_components, n_iter, means_path] = arguments.as_slice() else {
        return Err("expected: rows_file n_columns n_components n_iterations means_file".into());
    };
    let n_columns = n_columns.parse()?;
    let matrix = read_matrix(rows_path, n_columns)?;
    let means = read_matrix(means_path, n_columns)?;
    let params = GaussianMixtureParams {
        n_components: n_components.parse()?,
        covariance: Covariance::Diagonal,
        covariance_floor: 1e-6,
        n_init: 1,
        n_iter_max: n_iter.parse()?,
        tolerance: 0.0,
        seed: 0,
    };
    let started_at = Instant::now();
    let model = params.fit_from_means(&matrix, &means)?;
    let seconds = started_at.elapsed().as_secs_f64();
    let per_row = model.log_likelihood() / f64::from(u32::try_from(matrix.n_rows())?);
    println!("seconds {seconds:.4} log_likelihood_per_row {per_row:.9} n_iter {}", model.n_iter());
    Ok(())
}

fn read_matrix(path: &str, n_columns: usize) -> Result<Matrix, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{path} is not a list of 4-byte numbers").into());
    }
    Ok(Matrix::new(n_columns, numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())?)
}
