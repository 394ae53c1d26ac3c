//! Comparing the candidates' silhouettes with those of references without groups.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::{derived_seed, generator, sampled_rows};
use crate::reference::{Reference, permuted_columns};
use crate::selection::{Candidate, Comparison, STREAM_REFERENCE, SelectionParams, out_of_rows, refit};
use crate::silhouette::{SilhouetteParams, silhouette};

/// Standard deviation of the silhouettes that is assumed at least: with few references the estimate
/// can be too small, and a difference below this means nothing to anybody.
const DEVIATION_MIN: f64 = 0.002;

/// Fills in how the candidates compare with references.
pub(super) fn compare_with_references(
    matrix: &Matrix,
    candidates: &mut [Candidate],
    params: &SelectionParams,
) -> Result<(), LearnError> {
    let seed = derived_seed(params.fit.seed, STREAM_REFERENCE);
    let row_idxs = sampled_rows(matrix.n_rows(), params.n_rows_reference_max, seed);
    let sample = matrix.take(&row_idxs);
    let reference = Reference::fit(&sample, seed)?;
    let sizes: Vec<usize> = candidates.iter().map(|c| c.n_clusters).collect();
    let n_references = u64::try_from(params.n_references).unwrap_or(u64::MAX);
    // Stream 0 is the data, fitted and measured like a reference; then the references of the first
    // kind, then those of the second.
    let rounds: Vec<Vec<Option<f64>>> = (0..=2 * n_references)
        .into_par_iter()
        .map(|stream| {
            let mut generator = generator(seed, stream);
            let drawn = match stream {
                0 => sample.clone(),
                _ if stream <= n_references => reference.draw(&mut generator)?,
                _ => permuted_columns(&sample, &mut generator)?,
            };
            silhouettes(&drawn, &sizes, &refit(&params.fit, derived_seed(seed, stream)))
        })
        .collect::<Result<_, LearnError>>()?;
    let (own, references) = (&rounds[0], &rounds[1..]);
    let (correlated, independent) = references.split_at(params.n_references);
    let correlated = standings(own, correlated);
    let independent = standings(own, independent);
    for ((candidate, correlated), independent) in candidates.iter_mut().zip(correlated).zip(independent) {
        candidate.comparison = Some(Comparison {
            silhouette_reference: correlated.mean,
            excess: correlated.excess,
            p_value: correlated.p_value,
            p_value_independent: independent.p_value,
        });
    }
    Ok(())
}

/// Where the data stand among references, for one number of clusters.
struct Standing {
    /// Mean silhouette of the references.
    mean: f64,
    /// Excess of the data's silhouette, in standard deviations of the references'.
    excess: f64,
    p_value: f64,
}

/// Returns where the data stand for each number of clusters, from one list of silhouettes per round.
fn standings(own: &[Option<f64>], references: &[Vec<Option<f64>>]) -> Vec<Standing> {
    let n_rounds = references.len() + 1;
    let mut greatest = vec![f64::NEG_INFINITY; n_rounds];
    let mut own_standing = vec![f64::NEG_INFINITY; own.len()];
    let mut standings = Vec::with_capacity(own.len());
    for (idx, &own) in own.iter().enumerate() {
        let others: Vec<Option<f64>> = references.iter().map(|round| round[idx]).collect();
        let others_known: Vec<f64> = others.iter().copied().flatten().collect();
        let all: Vec<f64> = own.into_iter().chain(others_known.iter().copied()).collect();
        // The test treats the data as one of the rounds, which makes it exact; the excess does not,
        // as the data's own value would limit it.
        let (mean, deviation) = mean_and_deviation(&all);
        let standing_of = |value: Option<f64>| match value {
            Some(value) => (value - mean) / deviation,
            None => f64::NEG_INFINITY,
        };
        own_standing[idx] = standing_of(own);
        for (greatest, value) in greatest.iter_mut().zip([own].into_iter().chain(others)) {
            *greatest = greatest.max(standing_of(value));
        }
        let (mean, deviation) = mean_and_deviation(&others_known);
        standings.push(Standing { mean, excess: own.map_or(0.0, |own| (own - mean) / deviation), p_value: 1.0 });
    }
    for (standing, own) in standings.iter_mut().zip(own_standing) {
        let n_as_great = greatest.iter().filter(|&&other| other >= own).count();
        standing.p_value = real(n_as_great) / real(n_rounds);
    }
    standings
}

/// Returns the silhouette for each number of clusters; `None` where it cannot be fitted.
fn silhouettes(matrix: &Matrix, sizes: &[usize], fit: &KMeansParams) -> Result<Vec<Option<f64>>, LearnError> {
    let everything = SilhouetteParams { n_rows_max: matrix.n_rows(), seed: fit.seed };
    let mut values = Vec::with_capacity(sizes.len());
    for &n_clusters in sizes {
        let fitted = KMeansParams { n_clusters, ..*fit }.fit(matrix);
        values.push(match fitted {
            Ok(model) => Some(silhouette(matrix, model.labels(), &everything)?.mean),
            Err(error) if out_of_rows(&error) => None,
            Err(error) => return Err(error),
        });
    }
    Ok(values)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n_values = real(values.len().max(1));
    let mean = values.iter().sum::<f64>() / n_values;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (square / (n_values - 1.0).max(1.0)).sqrt();
    (mean, deviation.max(DEVIATION_MIN))
}
