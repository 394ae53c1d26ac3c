//! First prototypes: some of the rows.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use crate::clustering::chunks::CHUNK_N_ROWS;
use crate::error::LearnError;
use crate::k_prototypes::Prototypes;
use crate::k_prototypes::mixed::MixedMatrix;

/// Returns the prototypes of Cao, Liang and Bai (2009): first the row of greatest density, then those
/// whose distance from the chosen ones times their density is greatest; of equals the first.
pub(super) fn cao_start(rows: &MixedMatrix, n_clusters: usize, gamma: f64) -> Result<Prototypes, LearnError> {
    let densities = rows.densities();
    let mut chosen = vec![position_of_greatest(densities.iter().copied())];
    let mut nearest = vec![f64::INFINITY; rows.n_rows()];
    while chosen.len() < n_clusters {
        keep_nearer(rows, &chosen, gamma, &mut nearest);
        let scores = nearest.iter().zip(&densities).map(|(distance, density)| distance * density);
        let farthest = position_of_greatest(scores);
        if nearest[farthest] <= 0.0 {
            return Err(LearnError::TooFewDistinctRows { n_clusters, n_distinct: chosen.len() });
        }
        chosen.push(farthest);
    }
    Ok(Prototypes::of_rows(rows, &chosen))
}

/// Returns prototypes drawn with a probability proportional to their distance from those before.
pub(super) fn drawn_start(
    rows: &MixedMatrix,
    n_clusters: usize,
    gamma: f64,
    generator: &mut ChaCha8Rng,
) -> Result<Prototypes, LearnError> {
    let mut chosen = vec![generator.random_range(0..rows.n_rows())];
    let mut nearest = vec![f64::INFINITY; rows.n_rows()];
    while chosen.len() < n_clusters {
        keep_nearer(rows, &chosen, gamma, &mut nearest);
        let mut total = 0.0;
        let mut cumulative = Vec::with_capacity(nearest.len());
        for distance in &nearest {
            total += distance;
            cumulative.push(total);
        }
        if total <= 0.0 {
            return Err(LearnError::TooFewDistinctRows { n_clusters, n_distinct: chosen.len() });
        }
        let target = generator.random::<f64>() * total;
        chosen.push(cumulative.partition_point(|&sum| sum <= target).min(rows.n_rows() - 1));
    }
    Ok(Prototypes::of_rows(rows, &chosen))
}

/// Lowers every row's distance where the last chosen row is nearer.
fn keep_nearer(rows: &MixedMatrix, chosen: &[usize], gamma: f64, nearest: &mut [f64]) {
    let last = Prototypes::of_rows(rows, &chosen[chosen.len() - 1..]);
    nearest.par_iter_mut().with_min_len(CHUNK_N_ROWS).enumerate().for_each(|(row_idx, nearest)| {
        let distance = last.distance(0, rows.numeric().row(row_idx), rows.categories(row_idx), gamma);
        *nearest = nearest.min(distance);
    });
}

fn position_of_greatest(values: impl Iterator<Item = f64>) -> usize {
    let mut greatest = (0, f64::NEG_INFINITY);
    for (position, value) in values.enumerate() {
        if value > greatest.1 {
            greatest = (position, value);
        }
    }
    greatest.0
}
