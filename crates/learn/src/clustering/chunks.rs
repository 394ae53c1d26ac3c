//! Sums over rows, taken by several threads and yet always the same: rows go in fixed chunks, and the
//! chunks' sums are added in their order.

use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice};

use crate::matrix::Matrix;

/// Rows whose sums are taken together, on one thread. Fixed, so that sums do not depend on the
/// threads; large enough that handing out a chunk costs nothing.
pub(crate) const CHUNK_N_ROWS: usize = 4096;
/// Chunks whose sums are in memory at the same time: enough for as many threads.
pub(crate) const GROUP_N_CHUNKS: usize = 64;

/// Returns `n_sums` sums over all rows. `add` is given the first row of a chunk, the chunk's values
/// and its sums so far.
pub(crate) fn sum_chunks(matrix: &Matrix, n_sums: usize, add: impl Fn(usize, &[f32], &mut [f64]) + Sync) -> Vec<f64> {
    let mut total = vec![0.0; n_sums];
    let chunk_n_values = CHUNK_N_ROWS * matrix.n_columns();
    for (group_idx, group) in matrix.values().chunks(GROUP_N_CHUNKS * chunk_n_values).enumerate() {
        let start = group_idx * GROUP_N_CHUNKS * CHUNK_N_ROWS;
        let chunks = group.par_chunks(chunk_n_values).enumerate().map(|(chunk_idx, chunk)| {
            let mut sums = vec![0.0; n_sums];
            add(start + chunk_idx * CHUNK_N_ROWS, chunk, &mut sums);
            sums
        });
        for sums in chunks.collect::<Vec<Vec<f64>>>() {
            add_all(&mut total, &sums);
        }
    }
    total
}

/// Returns what `append` says of chunks of `chunk_n_rows` rows, one after another.
pub(crate) fn map_chunks<Value: Send>(
    matrix: &Matrix,
    chunk_n_rows: usize,
    append: impl Fn(&[f32], &mut Vec<Value>) + Sync,
) -> Vec<Value> {
    let chunks = matrix.values().par_chunks(chunk_n_rows * matrix.n_columns()).map(|chunk| {
        let mut values = Vec::new();
        append(chunk, &mut values);
        values
    });
    chunks.collect::<Vec<Vec<Value>>>().into_iter().flatten().collect()
}

/// Adds each part to its total.
pub(crate) fn add_all(totals: &mut [f64], parts: &[f64]) {
    for (total, part) in totals.iter_mut().zip(parts) {
        *total += part;
    }
}
