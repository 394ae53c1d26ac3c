//! The rule of the choice, on candidates already judged. It is stated in words in `selection.rs`.

use crate::selection::{Candidate, Refusal, SelectionParams};

/// Least mean Jaccard similarity of every cluster: below, Hennig (2007) sees no pattern.
pub const JACCARD_MIN: f64 = 0.6;
/// Least adjusted Rand index beside it: two halves of a round cloud, cut along unrelated lines, can
/// reach a Jaccard similarity of 0.6; noise in five columns reaches this about once in fifteen times
/// (and is then held back by the tests), in ten columns hardly ever.
pub const ADJUSTED_RAND_MIN: f64 = 0.6;
/// Adjusted Rand index from which one weak cluster among good ones is forgiven.
pub const ADJUSTED_RAND_SUFFICIENT: f64 = 0.8;
/// Mean Jaccard similarity below which a cluster dissolves (Hennig 2007).
pub const JACCARD_DISSOLVED: f64 = 0.5;
/// Size of the test against the references.
pub const SIGNIFICANCE: f64 = 0.05;

impl Candidate {
    fn jaccard_min(&self) -> f64 {
        self.jaccard.iter().copied().fold(1.0, f64::min)
    }

    fn stable(&self) -> bool {
        let pattern = self.jaccard_min() >= JACCARD_MIN && self.adjusted_rand >= ADJUSTED_RAND_MIN;
        pattern || self.adjusted_rand >= ADJUSTED_RAND_SUFFICIENT
    }

    pub(super) fn distinct(&self) -> bool {
        self.p_value <= SIGNIFICANCE
    }

    fn shared(&self) -> bool {
        self.p_value_independent <= SIGNIFICANCE
    }

    fn undissolved(&self) -> bool {
        self.jaccard_min() >= JACCARD_DISSOLVED && self.adjusted_rand >= JACCARD_DISSOLVED
    }
}

/// Applies the rule to the judged candidates; returns the position of the chosen one.
pub(super) fn decide(candidates: &[Candidate], params: &SelectionParams) -> Result<usize, Refusal> {
    let passing = |passes: fn(&Candidate) -> bool| -> Vec<usize> {
        let large = |idx: usize| candidates[idx].share_min >= params.share_min;
        let all = 0..candidates.len();
        all.filter(|&idx| large(idx) && passes(&candidates[idx])).collect()
    };
    let stable_and_distinct = passing(|candidate| candidate.stable() && candidate.distinct());
    let stable_and_shared = passing(|candidate| candidate.stable() && candidate.shared());
    let undissolved = passing(|candidate| candidate.undissolved() && candidate.distinct());
    let excess = |idx: usize| candidates[idx].excess;
    let silhouette = |idx: usize| candidates[idx].silhouette;
    if let Some(idx) = highest(&stable_and_distinct, excess) {
        return Ok(idx);
    }
    if let Some(best) = highest(&stable_and_shared, silhouette) {
        let least = silhouette(best) - params.silhouette_slack;
        let within = stable_and_shared.iter().rev().find(|&&idx| silhouette(idx) >= least);
        return Ok(within.copied().unwrap_or(best));
    }
    highest(&undissolved, excess).ok_or_else(|| refusal(candidates, params))
}

/// Returns the candidate with the highest score; of equals the one with fewer clusters.
fn highest(idxs: &[usize], score: impl Fn(usize) -> f64) -> Option<usize> {
    let mut best: Option<usize> = None;
    for &idx in idxs {
        if best.is_none_or(|best| score(idx) > score(best)) {
            best = Some(idx);
        }
    }
    best
}

fn refusal(candidates: &[Candidate], params: &SelectionParams) -> Refusal {
    let found = |candidate: &&Candidate| candidate.stable() && (candidate.distinct() || candidate.shared());
    let too_small = candidates.iter().filter(found);
    if let Some(largest) = too_small.max_by(|a, b| a.share_min.total_cmp(&b.share_min)) {
        return Refusal::ClustersTooSmall {
            n_clusters: largest.n_clusters,
            share_min: largest.share_min,
            share_needed: params.share_min,
        };
    }
    let nearest = candidates.iter().max_by(|a, b| a.adjusted_rand.total_cmp(&b.adjusted_rand));
    let Some(nearest) = nearest else {
        let n_clusters = *params.n_clusters.start();
        return Refusal::TooFewDistinctRows { n_clusters };
    };
    let like_noise = |candidate: &Candidate| !candidate.distinct() && !candidate.shared();
    if candidates.iter().all(like_noise) {
        return Refusal::NotDistinctFromReference {
            n_clusters: nearest.n_clusters,
            jaccard_min: nearest.jaccard_min(),
            adjusted_rand: nearest.adjusted_rand,
            silhouette: nearest.silhouette,
            silhouette_reference: nearest.silhouette_reference,
            p_value: nearest.p_value,
        };
    }
    Refusal::NoStableStructure {
        n_clusters: nearest.n_clusters,
        jaccard_min: nearest.jaccard_min(),
        adjusted_rand: nearest.adjusted_rand,
    }
}
