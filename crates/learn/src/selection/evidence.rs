//! The evidence table: what the usual indices say of every number of clusters.

use crate::error::LearnError;
use crate::indices::{calinski_harabasz, davies_bouldin, gaps, partition_bic, prediction_strength};
use crate::k_means::{KMeans, KMeansParams};
use crate::matrix::Matrix;
use crate::random::derived_seed;
use crate::selection::{Candidate, STREAM_GAP, STREAM_STABILITY, SelectionParams, out_of_rows, refit};
use crate::silhouette::{SilhouetteParams, silhouette, simplified_silhouette};
use crate::stability::{StabilityParams, stability};

/// Fits and judges every number of clusters on the rows of `sample`. The fit of the
/// number of `chosen` starts from it.
pub(super) fn candidates(
    sample: &Matrix,
    chosen: Option<&KMeans>,
    n_resamples: usize,
    params: &SelectionParams,
) -> Result<(Vec<KMeans>, Vec<Candidate>), LearnError> {
    let mut models = Vec::new();
    let mut candidates = Vec::new();
    for n_clusters in params.n_clusters.clone() {
        let fit = KMeansParams { n_clusters, ..params.fit };
        let fitted = match chosen.filter(|chosen| chosen.n_clusters() == n_clusters) {
            Some(chosen) => fit.fit_from(sample, chosen.centroids()),
            None => fit.fit(sample),
        };
        let judged = fitted.and_then(|model| Ok((judge(sample, &model, n_resamples, params)?, model)));
        match judged {
            Ok((candidate, model)) => {
                models.push(model);
                candidates.push(candidate);
            }
            Err(error) if out_of_rows(&error) => break,
            Err(error) => return Err(error),
        }
    }
    let fit = refit(&params.fit, derived_seed(params.fit.seed, STREAM_GAP));
    let gaps = gaps(sample, &models, &fit)?;
    for (candidate, gap) in candidates.iter_mut().zip(gaps) {
        candidate.gap = gap.value;
        candidate.gap_error = gap.error;
    }
    Ok((models, candidates))
}

fn judge(
    sample: &Matrix,
    model: &KMeans,
    n_resamples: usize,
    params: &SelectionParams,
) -> Result<Candidate, LearnError> {
    let labels = model.labels();
    let everything = SilhouetteParams { n_rows_max: sample.n_rows(), seed: params.fit.seed };
    let again = refit(&params.fit, derived_seed(params.fit.seed, STREAM_STABILITY));
    let stability = stability(sample, model, &StabilityParams { n_resamples, refit: again })?;
    let strength_fit = KMeansParams { n_clusters: model.n_clusters(), ..again };
    Ok(Candidate {
        n_clusters: model.n_clusters(),
        silhouette: silhouette(sample, labels, &everything)?.mean,
        silhouette_simplified: simplified_silhouette(sample, model)?.mean,
        calinski_harabasz: calinski_harabasz(sample, labels)?,
        davies_bouldin: davies_bouldin(sample, labels)?,
        gap: 0.0,
        gap_error: 0.0,
        bic: partition_bic(sample, labels)?,
        prediction_strength: prediction_strength(sample, &strength_fit)?,
        jaccard: stability.jaccard,
        adjusted_rand: stability.adjusted_rand,
        inertia: model.inertia(),
        share_min: model.share_min(),
        comparison: None,
    })
}
