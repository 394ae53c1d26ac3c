//! The rule of the cut through a continuum, on candidates already judged. It is stated in words in
//! `selection.rs`.

use crate::selection::{Candidate, Refusal, SelectionParams};

/// Least mean Jaccard similarity of every cluster for it to be called stable (Hennig 2007).
pub const JACCARD_STABLE: f64 = 0.75;
/// Least mean Jaccard similarity of every cluster of a cut: below, Hennig (2007) sees no pattern.
pub const JACCARD_MIN: f64 = 0.6;
/// Least adjusted Rand index beside it: two halves of a round cloud, cut along unrelated lines, can
/// reach a Jaccard similarity of 0.6; noise in five columns reaches this about once in fifteen times
/// (and is then held back by the tests), in ten columns hardly ever.
pub const ADJUSTED_RAND_MIN: f64 = 0.6;
/// Size of the tests against references.
pub const SIGNIFICANCE: f64 = 0.05;

impl Candidate {
    /// Returns the least Jaccard similarity of a cluster under resampling.
    #[must_use]
    pub fn jaccard_min(&self) -> f64 {
        self.jaccard.iter().copied().fold(1.0, f64::min)
    }

    fn stable(&self) -> bool {
        self.jaccard_min() >= JACCARD_MIN && self.adjusted_rand >= ADJUSTED_RAND_MIN
    }

    fn shared(&self) -> bool {
        self.comparison.is_some_and(|comparison| comparison.p_value_independent <= SIGNIFICANCE)
    }
}

/// Applies the rule; returns the position of the chosen candidate.
pub(super) fn decide_cut(candidates: &[Candidate], params: &SelectionParams) -> Result<usize, Refusal> {
    let held = |candidate: &Candidate| candidate.stable() && candidate.shared();
    let passing: Vec<usize> = (0..candidates.len())
        .filter(|&idx| candidates[idx].share_min >= params.share_min && held(&candidates[idx]))
        .collect();
    let silhouette = |idx: usize| candidates[idx].silhouette;
    // Of equal silhouettes the fewer clusters.
    let best = passing.iter().copied().rev().max_by(|&a, &b| silhouette(a).total_cmp(&silhouette(b)));
    if let Some(best) = best {
        let least = silhouette(best) - params.silhouette_slack;
        let finest = passing.iter().copied().rev().find(|&idx| silhouette(idx) >= least);
        return Ok(finest.unwrap_or(best));
    }
    let too_small = candidates.iter().filter(|candidate| held(candidate));
    if let Some(largest) = too_small.max_by(|a, b| a.share_min.total_cmp(&b.share_min)) {
        return Err(Refusal::ClustersTooSmall {
            n_clusters: largest.n_clusters,
            share_min: largest.share_min,
            share_needed: params.share_min,
        });
    }
    let nearest = candidates.iter().max_by(|a, b| a.adjusted_rand.total_cmp(&b.adjusted_rand));
    let Some(nearest) = nearest else {
        return Err(Refusal::TooFewDistinctRows { n_clusters: *params.n_clusters.start() });
    };
    Err(Refusal::NoStableStructure {
        n_clusters: nearest.n_clusters,
        jaccard_min: nearest.jaccard_min(),
        adjusted_rand: nearest.adjusted_rand,
    })
}
