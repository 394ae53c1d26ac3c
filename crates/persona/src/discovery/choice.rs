//! Which of the groupings that numerics found become personas, and of a continuum, how finely it is cut.

use throng_learn::{KMeans, Matrix, Projection, Selection, SelectionParams, select_k};

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

/// Returns the grouping that becomes personas, if there is one.
///
/// Where `select_k` finds borders between groups, those groups are the personas. Otherwise customers
/// are a continuum, and where its cut was asked for, one all of whose clusters are stable is taken. How
/// finely is decided here: where the silhouette peaks above 2, the number is the data's own. Where it
/// is best for 2, as on any continuum ("good customers and bad", which nobody can act on), the most
/// detailed cut is taken; as long as every single cluster comes back, more of them say more.
///
/// Without borders and without stability there is nothing: such a cut is one of many.
pub(super) fn choose(
    selection: Selection,
    matrix: &Matrix,
    params: &SelectionParams,
) -> Result<Result<Choice, throng_learn::Refusal>, PersonaError> {
    let jaccard_found = selection.chosen().map(|candidate| candidate.jaccard.clone()).unwrap_or_default();
    let choice = match selection.outcome {
        Ok(choice) => choice,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if choice.separation == throng_learn::Separation::Distinct {
        return Ok(Ok(Choice::of(choice, jaccard_found, Separation::Distinct)));
    }
    let stable: Vec<&throng_learn::Candidate> =
        selection.candidates.iter().filter(|candidate| lasting(candidate)).collect();
    // Of equal silhouettes the fewer clusters, as `max_by` keeps the last of equals.
    let peak = stable.iter().rev().max_by(|a, b| a.silhouette.total_cmp(&b.silhouette));
    let chosen = peak.and_then(|peak| {
        if peak.n_clusters > 2 {
            return Some(*peak);
        }
        let separate =
            |candidate: &&&throng_learn::Candidate| candidate.silhouette >= SILHOUETTE_SHARE_MIN * peak.silhouette;
        stable.iter().rev().find(separate).copied()
    });
    let mut candidates = selection.candidates.iter();
    let Some(chosen) = chosen.or_else(|| candidates.find(|candidate| candidate.n_clusters == choice.n_clusters)) else {
        return Ok(Err(throng_learn::Refusal::TooFewDistinctRows { n_clusters: choice.n_clusters }));
    };
    if !lasting(chosen) {
        let (n_clusters, adjusted_rand) = (chosen.n_clusters, chosen.adjusted_rand);
        let jaccard_min = chosen.jaccard_min();
        return Ok(Err(throng_learn::Refusal::NoStableStructure { n_clusters, jaccard_min, adjusted_rand }));
    }
    if chosen.n_clusters == choice.n_clusters {
        return Ok(Ok(Choice::of(choice, chosen.jaccard.clone(), Separation::Gradual)));
    }
    // Fitted as it was judged; large populations are judged on a sample, so a plain fit would give
    // another model.
    let n_clusters = chosen.n_clusters..=chosen.n_clusters;
    let selection = attempted(
        "fit the chosen number of clusters",
        select_k(matrix, &SelectionParams { n_clusters, ..params.clone() }),
    )?;
    let jaccard = selection.candidates.into_iter().next().map(|candidate| candidate.jaccard).unwrap_or_default();
    Ok(selection.outcome.map(|choice| Choice::of(choice, jaccard, Separation::Gradual)))
}

/// Whether every cluster of a grouping can be expected to come back.
fn lasting(candidate: &throng_learn::Candidate) -> bool {
    let each = candidate.jaccard.iter().all(|jaccard| *jaccard >= LASTING_JACCARD_MIN);
    each && candidate.adjusted_rand >= LASTING_ADJUSTED_RAND_MIN && candidate.share_min >= SHARE_MIN
}
