//! Choosing the number of clusters, or saying that there are none.
//!
//! Every `k` in the range is fitted and judged on three things:
//! 1. **stability**: do its clusters come back in bootstrap resamples (Hennig 2007)?
//! 2. **silhouette**: are its clusters apart (Rousseeuw 1987)?
//! 3. **separation**: are they further apart than in reference data that has the same columns and
//!    the same correlations, but no groups? (A gap statistic, Tibshirani et al. 2001, on the
//!    silhouette, against a reference that is hard to beat; see `reference.rs`.)
//!
//! The rule:
//! - A candidate is *stable* when every cluster's mean Jaccard similarity is at least
//!   [`JACCARD_MIN`] and the mean adjusted Rand index at least [`ADJUSTED_RAND_MIN`], or when the
//!   latter is at least [`ADJUSTED_RAND_SUFFICIENT`]. Clusters must also reach the asked share.
//! - A candidate is *distinct* when its silhouette exceeds the references' by more standard
//!   deviations than the greatest such excess, over all `k`, of nearly all references (a Monte Carlo
//!   test of size [`SIGNIFICANCE`] that counts the looking at many `k`; Westfall and Young 1993).
//! - Of the candidates both stable and distinct, the one with the greatest excess is chosen. The
//!   plain silhouette would nearly always say two, as it falls with `k` even where there is nothing
//!   to find; the excess takes that fall out.
//! - Otherwise the data may be a continuum that can be cut the same way each time. A candidate is
//!   *shared* when its silhouette passes the same test against data whose columns are independent:
//!   a single skewed column can be cut the same way each time too, but that is no grouping of the
//!   rows. How finely to cut is a matter of use: of the candidates stable and shared whose silhouette
//!   is at most `silhouette_slack` below the highest, the largest is chosen, and called *gradual*.
//! - Otherwise a distinct candidate whose clusters at least do not dissolve ([`JACCARD_DISSOLVED`])
//!   will do. If there is none either, the answer is a refusal with the numbers it rests on.

mod comparison;
mod rule;

use std::ops::RangeInclusive;

use crate::error::LearnError;
use crate::k_means::{KMeans, KMeansParams};
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::{derived_seed, sampled_rows};
use crate::selection::comparison::compare_with_references;
use crate::selection::rule::decide;
use crate::silhouette::{SilhouetteParams, silhouette};
use crate::stability::{StabilityParams, stability};

pub use rule::{ADJUSTED_RAND_MIN, ADJUSTED_RAND_SUFFICIENT, JACCARD_DISSOLVED, JACCARD_MIN, SIGNIFICANCE};

/// Restarts of a resample's or reference's fit at most: there are many of them, and with greedy
/// seeding the best of three is seldom improved on.
const REFIT_N_INIT_MAX: usize = 3;

/// What the caller chooses about the selection.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionParams {
    /// Numbers of clusters to try; the least is at least 2.
    pub n_clusters: RangeInclusive<usize>,
    /// How each is fitted; `n_clusters` is replaced.
    pub fit: KMeansParams,
    /// Rows below which nothing is tried.
    pub n_rows_min: usize,
    /// Least share of the rows in every cluster.
    pub share_min: f64,
    /// How much silhouette may be given up for more clusters where the data are a continuum; 0 takes
    /// the highest silhouette.
    pub silhouette_slack: f64,
    /// Number of bootstrap resamples for stability, at least 1.
    pub n_resamples: usize,
    /// Number of reference matrices, at least 19 (fewer cannot reach a 5 % test).
    pub n_references: usize,
    /// Rows up to which centroids are sought, and silhouette and stability taken, on all of them;
    /// above, on a sample of that many, from which the centroids then settle among all rows.
    pub n_rows_judged_max: usize,
    /// Rows sampled, of the data and of each reference, for the test of separation.
    pub n_rows_reference_max: usize,
}

/// How one number of clusters fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Mean silhouette, from -1 to 1.
    pub silhouette: f64,
    /// Mean silhouette of the structureless references.
    pub silhouette_reference: f64,
    /// Excess of the silhouette over the references', in standard deviations of theirs; both on
    /// samples of the same size.
    pub excess: f64,
    /// Share of the references, the data counted among them, whose greatest standing over all
    /// numbers of clusters is at least this candidate's.
    pub p_value: f64,
    /// The same with independent columns as references.
    pub p_value_independent: f64,
    /// For each cluster, its mean Jaccard similarity under resampling.
    pub jaccard: Vec<f64>,
    /// Mean adjusted Rand index under resampling.
    pub adjusted_rand: f64,
    /// Sum of the squared distances to the centroids.
    pub inertia: f64,
    /// Share of the rows in the smallest cluster.
    pub share_min: f64,
}

/// Whether the clusters have gaps between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separation {
    /// Further apart than in data of the same columns and correlations without groups.
    Distinct,
    /// A continuum that is cut the same way each time, but not at gaps.
    Gradual,
}

/// Why no number of clusters was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// There are too few rows to tell.
    TooFewRows {
        /// Rows given.
        n_rows: usize,
        /// Rows needed.
        n_rows_needed: usize,
    },
    /// There are too few different rows for even the least number of clusters.
    TooFewDistinctRows {
        /// The least number of clusters tried.
        n_clusters: usize,
    },
    /// The columns have something in common, but no clusters come back when rows are resampled.
    NoStableStructure {
        /// The number of clusters that came nearest (highest adjusted Rand index).
        n_clusters: usize,
        /// Its least Jaccard similarity.
        jaccard_min: f64,
        /// Its adjusted Rand index.
        adjusted_rand: f64,
    },
    /// The rows are no further apart than in references without groups, nor than in independent
    /// columns.
    NotDistinctFromReference {
        /// The number of clusters that came nearest (highest adjusted Rand index).
        n_clusters: usize,
        /// Its least Jaccard similarity.
        jaccard_min: f64,
        /// Its adjusted Rand index.
        adjusted_rand: f64,
        /// Its silhouette.
        silhouette: f64,
        /// The references' silhouette.
        silhouette_reference: f64,
        /// Its p-value against them.
        p_value: f64,
    },
    /// Clusters come back, but one in every candidate is smaller than asked.
    ClustersTooSmall {
        /// The stable number of clusters with the greatest smallest share.
        n_clusters: usize,
        /// That share.
        share_min: f64,
        /// The share asked for.
        share_needed: f64,
    },
}

/// The outcome of a selection, with everything it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// All numbers of clusters that could be fitted, in ascending order.
    pub candidates: Vec<Candidate>,
    /// The number of clusters and the model, or why there is none.
    pub outcome: Result<Choice, Refusal>,
}

/// The chosen number of clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Whether they have gaps between them.
    pub separation: Separation,
    /// The model fitted to all rows; its clusters are in the order of the candidate's `jaccard`.
    pub model: KMeans,
}

impl Selection {
    /// Returns the candidate of the chosen number of clusters.
    #[must_use]
    pub fn chosen(&self) -> Option<&Candidate> {
        let choice = self.outcome.as_ref().ok()?;
        let mut candidates = self.candidates.iter();
        candidates.find(|candidate| candidate.n_clusters == choice.n_clusters)
    }
}

/// Chooses the number of clusters of the rows of `matrix`, which must be finite and scaled.
///
/// Of the numbers whose clusters come back in bootstrap resamples (Hennig 2007), the one whose
/// silhouette most exceeds that of references with the same columns and correlations but without
/// groups; if none exceeds it, but the clusters are more than chance in independent columns, the
/// highest silhouette; otherwise a refusal.
///
/// ```
/// use throng_learn::{KMeansParams, Matrix, SelectionParams, Separation, select_k};
///
/// let values = (0..250_u16).map(|idx| f32::from(idx % 3) * 10.0 + f32::from(idx * idx % 101) * 0.02);
/// let fit = KMeansParams { n_clusters: 2, n_init: 3, n_iter_max: 50, tolerance: 1e-4, seed: 7 };
/// let params = SelectionParams {
///     n_clusters: 2..=5,
///     fit,
///     n_rows_min: 100,
///     share_min: 0.05,
///     silhouette_slack: 0.0,
///     n_resamples: 5,
///     n_references: 19,
///     n_rows_judged_max: 2000,
///     n_rows_reference_max: 300,
/// };
/// let selection = select_k(&Matrix::new(1, values.collect())?, &params)?;
/// let choice = selection.outcome.expect("three groups far apart");
/// assert_eq!(choice.n_clusters, 3);
/// assert_eq!(choice.separation, Separation::Distinct);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn select_k(matrix: &Matrix, params: &SelectionParams) -> Result<Selection, LearnError> {
    check(params)?;
    matrix.require_finite()?;
    let n_rows_needed = params.n_rows_min.max(*params.n_clusters.start());
    if matrix.n_rows() < n_rows_needed {
        let n_rows = matrix.n_rows();
        return Ok(refused(Refusal::TooFewRows { n_rows, n_rows_needed }));
    }
    let seed = derived_seed(params.fit.seed, STREAM_SAMPLE);
    let row_idxs = sampled_rows(matrix.n_rows(), params.n_rows_judged_max, seed);
    let sample = matrix.take(&row_idxs);
    let mut models = Vec::new();
    let mut candidates = Vec::new();
    for n_clusters in params.n_clusters.clone() {
        match fit_and_judge(matrix, &sample, n_clusters, params) {
            Ok((model, candidate)) => {
                models.push(model);
                candidates.push(candidate);
            }
            Err(error) if out_of_rows(&error) => break,
            Err(error) => return Err(error),
        }
    }
    if candidates.is_empty() {
        let n_clusters = *params.n_clusters.start();
        return Ok(refused(Refusal::TooFewDistinctRows { n_clusters }));
    }
    compare_with_references(matrix, &mut candidates, params)?;
    let outcome = decide(&candidates, params).map(|candidate_idx| Choice {
        n_clusters: candidates[candidate_idx].n_clusters,
        separation: if candidates[candidate_idx].distinct() { Separation::Distinct } else { Separation::Gradual },
        model: models.swap_remove(candidate_idx),
    });
    Ok(Selection { candidates, outcome })
}

fn refused(refusal: Refusal) -> Selection {
    Selection { candidates: Vec::new(), outcome: Err(refusal) }
}

fn check(params: &SelectionParams) -> Result<(), LearnError> {
    let wrong = |parameter, found, allowed| LearnError::InvalidParameter { parameter, found, allowed };
    let least = *params.n_clusters.start();
    if least < 2 || params.n_clusters.is_empty() {
        return Err(wrong("n_clusters", real(least), "a range that starts at 2 or above"));
    }
    if params.n_resamples == 0 {
        return Err(wrong("n_resamples", 0.0, "at least 1"));
    }
    if 1.0 / real(params.n_references + 1) > SIGNIFICANCE {
        return Err(wrong("n_references", real(params.n_references), "at least 19"));
    }
    if !(0.0..=0.5).contains(&params.share_min) {
        return Err(wrong("share_min", params.share_min, "between 0 and 0.5"));
    }
    if params.silhouette_slack.is_nan() || params.silhouette_slack < 0.0 {
        return Err(wrong("silhouette_slack", params.silhouette_slack, "not negative"));
    }
    let n_rows_least = params.n_rows_judged_max.min(params.n_rows_reference_max);
    if n_rows_least < *params.n_clusters.end() {
        return Err(wrong(
            "n_rows_judged_max, n_rows_reference_max",
            real(n_rows_least),
            "at least the greatest number of clusters",
        ));
    }
    Ok(())
}

/// Separate streams of chance, so that more resamples do not change the references.
const STREAM_SAMPLE: u64 = 1;
const STREAM_STABILITY: u64 = 2;
const STREAM_REFERENCE: u64 = 3;

fn fit_and_judge(
    matrix: &Matrix,
    sample: &Matrix,
    n_clusters: usize,
    params: &SelectionParams,
) -> Result<(KMeans, Candidate), LearnError> {
    let fit = KMeansParams { n_clusters, ..params.fit };
    let sought = fit.fit(sample)?;
    let model = if sample.n_rows() < matrix.n_rows() { fit.fit_from(matrix, sought.centroids())? } else { sought };
    let silhouette_params = SilhouetteParams { n_rows_max: params.n_rows_judged_max, seed: fit.seed };
    let stability_params = StabilityParams {
        n_resamples: params.n_resamples,
        refit: refit(&params.fit, derived_seed(fit.seed, STREAM_STABILITY)),
    };
    let stability = stability(sample, &model, &stability_params)?;
    let labels = model.predict(sample)?;
    let candidate = Candidate {
        n_clusters,
        silhouette: silhouette(sample, &labels, &silhouette_params)?.mean,
        silhouette_reference: 0.0,
        excess: 0.0,
        p_value: 1.0,
        p_value_independent: 1.0,
        jaccard: stability.jaccard,
        adjusted_rand: stability.adjusted_rand,
        inertia: model.inertia(),
        share_min: model.share_min(),
    };
    Ok((model, candidate))
}

fn refit(fit: &KMeansParams, seed: u64) -> KMeansParams {
    KMeansParams { n_init: fit.n_init.min(REFIT_N_INIT_MAX), seed, ..*fit }
}

/// Whether the rows, or those of a resample, are too few or too alike for this many clusters.
fn out_of_rows(error: &LearnError) -> bool {
    matches!(
        error,
        LearnError::TooFewRows { .. } | LearnError::TooFewDistinctRows { .. } | LearnError::EmptyCluster { .. }
    )
}
