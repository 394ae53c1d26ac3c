//! Which of the groupings that numerics found become personas, and of a continuum, how finely it is cut.

use throng_learn::{Candidate, KMeans, Matrix, Projection, Refusal, Selection, SelectionParams, select_cut};

use super::method::Division;
use super::{SHARE_MIN, Separation, attempted};
use crate::PersonaError;

/// What a grouping must hold to be counted on: every cluster valid and stable (Hennig 2007), and
/// the whole coming back too.
pub(super) const LASTING_JACCARD_MIN: f64 = 0.75;
pub(super) const LASTING_ADJUSTED_RAND_MIN: f64 = 0.75;

/// How well separated a more detailed grouping must be, as a share of the best silhouette.
const SILHOUETTE_SHARE_MIN: f64 = 0.5;

/// The clusters that become personas.
pub(super) struct Choice {
    pub(super) projection: Projection,
    /// The centroids.
    pub(super) model: KMeans,
    /// Each row's cluster; outliers have none.
    pub(super) labels: Vec<Option<usize>>,
    /// Mean Jaccard similarity of each cluster under resampling.
    pub(super) jaccard: Vec<f64>,
    pub(super) separation: Separation,
    /// How rows are given to clusters, the fitted ones and any others.
    pub(super) division: Division,
}

impl Choice {
    pub(super) fn of(choice: throng_learn::Choice, jaccard: Vec<f64>, separation: Separation) -> Self {
        let throng_learn::Choice { projection, model, labels, .. } = choice;
        Self { projection, model, labels, jaccard, separation, division: Division::usual(separation) }
    }
}

/// Returns the groups between which borders were found, or why there are none.
pub(super) fn uncut(selection: Selection) -> Result<Choice, Refusal> {
    let jaccard = selection.chosen().map(|candidate| candidate.jaccard.clone()).unwrap_or_default();
    selection.outcome.map(|choice| Choice::of(choice, jaccard, Separation::Distinct))
}

/// Returns the cut of a continuum, if there is one all of whose clusters are stable; `placed` are the
/// rows in the space of the projection.
///
/// How finely is decided here: where the silhouette peaks above 2, the number is the data's own. Where
/// it is best for 2, as on any continuum ("good customers and bad", which nobody can act on), the most
/// detailed cut is taken; as long as every single cluster comes back, more of them say more.
///
/// Without borders and without stability there is nothing: such a cut is one of many.
pub(super) fn cut(
    selection: Selection,
    (placed, projection): (&Matrix, Projection),
    params: &SelectionParams,
) -> Result<Result<Choice, Refusal>, PersonaError> {
    let choice = match selection.outcome {
        Ok(choice) => choice,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let stable: Vec<&Candidate> = selection.candidates.iter().filter(|candidate| lasting(candidate)).collect();
    // Of equal silhouettes the fewer clusters, as `max_by` keeps the last of equals.
    let peak = stable.iter().rev().max_by(|a, b| a.silhouette.total_cmp(&b.silhouette));
    let chosen = peak.and_then(|peak| {
        if peak.n_clusters > 2 {
            return Some(*peak);
        }
        let separate = |candidate: &&&Candidate| candidate.silhouette >= SILHOUETTE_SHARE_MIN * peak.silhouette;
        stable.iter().rev().find(separate).copied()
    });
    let mut candidates = selection.candidates.iter();
    let Some(chosen) = chosen.or_else(|| candidates.find(|candidate| candidate.n_clusters == choice.n_clusters)) else {
        return Ok(Err(Refusal::TooFewDistinctRows { n_clusters: choice.n_clusters }));
    };
    if !lasting(chosen) {
        let (n_clusters, adjusted_rand) = (chosen.n_clusters, chosen.adjusted_rand);
        let jaccard_min = chosen.jaccard_min();
        return Ok(Err(Refusal::NoStableStructure { n_clusters, jaccard_min, adjusted_rand }));
    }
    let gradual =
        |choice, jaccard| Choice { projection: projection.clone(), ..Choice::of(choice, jaccard, Separation::Gradual) };
    if chosen.n_clusters == choice.n_clusters {
        return Ok(Ok(gradual(choice, chosen.jaccard.clone())));
    }
    // Fitted as it was judged; large populations are judged on a sample, so a plain fit would give
    // another model.
    let n_clusters = chosen.n_clusters..=chosen.n_clusters;
    let selection = attempted(
        "fit the chosen number of clusters",
        select_cut(placed, &SelectionParams { n_clusters, ..params.clone() }),
    )?;
    let jaccard = selection.candidates.into_iter().next().map(|candidate| candidate.jaccard).unwrap_or_default();
    Ok(selection.outcome.map(|choice| gradual(choice, jaccard)))
}

/// Whether every cluster of a grouping can be expected to come back.
fn lasting(candidate: &Candidate) -> bool {
    let each = candidate.jaccard.iter().all(|jaccard| *jaccard >= LASTING_JACCARD_MIN);
    each && candidate.adjusted_rand >= LASTING_ADJUSTED_RAND_MIN && candidate.share_min >= SHARE_MIN
}
