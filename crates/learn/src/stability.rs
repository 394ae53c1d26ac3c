//! Stability under resampling: clusters that are there for a reason come back when the rows are
//! drawn anew (Hennig 2007, "Cluster-wise assessment of cluster stability").
//!
//! Each resample is fitted from a cold start. A warm start from the first centroids would be
//! quicker, but it would hide that another resting place was as good, which is what instability is.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::alignment::{adjusted_rand_index, column_sums, overlaps, row_sums};
use crate::error::LearnError;
use crate::k_means::{KMeans, KMeansParams};
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::{derived_seed, generator, resampled_rows};

/// What the caller chooses about the stability check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StabilityParams {
    /// Number of bootstrap resamples, at least 1.
    pub n_resamples: usize,
    /// How each resample is fitted; `n_clusters` is taken from the model. The seed is that of the
    /// resamples too.
    pub refit: KMeansParams,
}

/// How well a partition survives resampling.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// For each cluster, the Jaccard similarity with its most similar cluster in a refit, averaged
    /// over the resamples. Below 0.5 it dissolves, from 0.6 it is a pattern, from 0.75 it is stable
    /// (Hennig 2007).
    pub jaccard: Vec<f64>,
    /// Adjusted Rand index between the partition and the refits, averaged over the resamples.
    pub adjusted_rand: f64,
}

impl Stability {
    /// Returns the least similarity over the clusters.
    #[must_use]
    pub fn jaccard_min(&self) -> f64 {
        self.jaccard.iter().copied().fold(1.0, f64::min)
    }

    /// Averages the similarities and the adjusted Rand index of every round.
    pub(crate) fn mean_of(rounds: &[(Vec<f64>, f64)], n_clusters: usize) -> Stability {
        let n_rounds = real(rounds.len());
        let jaccard_of = |label: usize| rounds.iter().map(|round| round.0[label]).sum::<f64>();
        Stability {
            jaccard: (0..n_clusters).map(|label| jaccard_of(label) / n_rounds).collect(),
            adjusted_rand: rounds.iter().map(|round| round.1).sum::<f64>() / n_rounds,
        }
    }
}

/// Returns how well the clusters of `model` come back when the rows of `matrix` are resampled with
/// replacement, refitted and all rows assigned anew.
pub fn stability(matrix: &Matrix, model: &KMeans, params: &StabilityParams) -> Result<Stability, LearnError> {
    if params.n_resamples == 0 {
        return Err(LearnError::InvalidParameter { parameter: "n_resamples", found: 0.0, allowed: "at least 1" });
    }
    let labels = model.predict(matrix)?;
    let n_resamples = u64::try_from(params.n_resamples).unwrap_or(u64::MAX);
    let rounds: Vec<(Vec<f64>, f64)> = (0..n_resamples)
        .into_par_iter()
        .map(|stream| {
            let mut generator = generator(params.refit.seed, 2 * stream);
            let resample = matrix.take(&resampled_rows(matrix.n_rows(), &mut generator));
            let refit = KMeansParams {
                n_clusters: model.n_clusters(),
                seed: derived_seed(params.refit.seed, 2 * stream + 1),
                ..params.refit
            };
            let refit_labels = refit.fit(&resample)?.predict(matrix)?;
            let jaccard = best_jaccards(&labels, &refit_labels, model.n_clusters())?;
            Ok((jaccard, adjusted_rand_index(&labels, &refit_labels)?))
        })
        .collect::<Result<_, LearnError>>()?;
    Ok(Stability::mean_of(&rounds, model.n_clusters()))
}

/// Returns for each cluster of `labels` the greatest Jaccard similarity with a cluster of `other`;
/// 0 for a cluster without rows.
pub(crate) fn best_jaccards(labels: &[usize], other: &[usize], n_clusters: usize) -> Result<Vec<f64>, LearnError> {
    let table = overlaps(labels, other)?;
    let sizes = row_sums(&table);
    let other_sizes = column_sums(&table);
    let mut best = vec![0.0_f64; n_clusters];
    for (label, common) in table.iter().enumerate() {
        for (other_label, &both) in common.iter().enumerate() {
            let either = sizes[label] + other_sizes[other_label] - both;
            if either > 0.0 {
                best[label] = best[label].max(both / either);
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::best_jaccards;

    #[test]
    fn jaccard_is_common_rows_over_all_rows_of_both() {
        let found = best_jaccards(&[0, 0, 0, 1, 1], &[1, 1, 0, 0, 0], 3).unwrap();
        let expected = [2.0 / 3.0, 2.0 / 3.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
