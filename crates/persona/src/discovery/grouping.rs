//! Into which groups customers fall, by the usual method: those between which there are borders, or a
//! cut of the continuum.

use std::ops::RangeInclusive;

use throng_learn::{
    Continuum, KMeansParams, Matrix, Preparation, Projection, Selection, SelectionParams, select_cut, select_k,
    select_kinds,
};

use super::choice::{Choice, cut, uncut};
use super::{
    Borders, Candidate, DiscoveryParams, Method, N_INIT, N_ITER_MAX, N_PROFILES_MIN, N_RESAMPLES, N_ROWS_JUDGED_MAX,
    SHARE_MIN, TOLERANCE, attempted,
};
use crate::foresight::foretelling;
use crate::{Foretold, ModelColumn, PersonaError, Population};

/// References, and the rows these are judged on.
const N_REFERENCES: usize = 19;
const N_ROWS_REFERENCE_MAX: usize = 600;

/// The groups by the usual method, or why there are none, and what that rests on.
pub(super) struct Grouped {
    pub(super) candidates: Vec<Candidate>,
    pub(super) usual: Result<Choice, throng_learn::Refusal>,
    pub(super) foretold: Option<Foretold>,
}

/// Returns the groups.
pub(super) fn grouped(
    population: &Population,
    (columns, scaler, matrix): (&[ModelColumn], &Preparation, &Matrix),
    (params, n_clusters): (&DiscoveryParams, RangeInclusive<usize>),
    borders: Borders,
) -> Result<Grouped, PersonaError> {
    let selection_params = selection_params(n_clusters, params);
    let foretelling = || match params.method {
        Method::Auto | Method::KMeans => foretelling(population, (columns, scaler, matrix), params.seed),
        Method::Mixture | Method::Ward | Method::Hdbscan | Method::Factorisation => Ok(None),
    };
    let mut space = if borders == Borders::Last { foretelling()? } else { None };
    if space.is_none() {
        let attempt = "look for clusters";
        let uncut_selection = match params.continuum {
            Continuum::Refused => Some(attempted(attempt, select_k(matrix, &selection_params))?),
            Continuum::Cut => attempted(attempt, select_kinds(matrix, &selection_params))?,
        };
        if let Some(selection) = uncut_selection {
            return Ok(Grouped { candidates: candidates(&selection), usual: uncut(selection), foretold: None });
        }
        if borders == Borders::First {
            space = foretelling()?;
        }
    }
    let (projection, foretold) = space.unzip();
    let projection = projection.unwrap_or_else(|| Projection::identity(matrix.n_columns()));
    let placed = attempted("place customers", projection.transform(matrix))?;
    let selection = attempted("cut a continuum", select_cut(&placed, &selection_params))?;
    let candidates = candidates(&selection);
    Ok(Grouped { candidates, usual: cut(selection, (&placed, projection), &selection_params)?, foretold })
}

fn selection_params(n_clusters: RangeInclusive<usize>, params: &DiscoveryParams) -> SelectionParams {
    let seed = params.seed;
    SelectionParams {
        n_clusters,
        // `n_clusters` of the fit is replaced by each that is tried.
        fit: KMeansParams { n_clusters: 2, n_init: N_INIT, n_iter_max: N_ITER_MAX, tolerance: TOLERANCE, seed },
        n_rows_min: N_PROFILES_MIN,
        share_min: SHARE_MIN,
        continuum: params.continuum,
        // Detail is weighed in `choose`, by stability.
        silhouette_slack: 0.0,
        n_resamples: N_RESAMPLES,
        n_references: N_REFERENCES,
        n_rows_judged_max: N_ROWS_JUDGED_MAX,
        n_rows_reference_max: N_ROWS_REFERENCE_MAX,
    }
}

/// Returns how the numbers that were tried fared, none of them chosen yet.
fn candidates(selection: &Selection) -> Vec<Candidate> {
    let tried = selection.candidates.iter().map(|candidate| Candidate {
        n_personas: candidate.n_clusters,
        silhouette: candidate.silhouette,
        silhouette_reference: candidate.comparison.map(|comparison| comparison.silhouette_reference),
        stability_min: candidate.jaccard.iter().copied().fold(1.0, f64::min),
        adjusted_rand: candidate.adjusted_rand,
        share_min: candidate.share_min,
        chosen: false,
    });
    tried.collect()
}
