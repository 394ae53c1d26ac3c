//! Choosing the number of clusters, or saying that there are none.
//!
//! The rule: **the number of clusters is the number of parts that borders leave, where every border
//! and every part passes three tests; no border, no clusters.**
//! 1. *Border*: along some direction, rows at the border are clearly less than half as dense as in the
//!    middle of either side, on rows that the border was not sought on (`parting.rs`, `valley.rs`).
//! 2. *Structure*: references with the same columns and correlations but without groups do not show as
//!    sure a border when searched in the same way (a Monte Carlo test of size [`SIGNIFICANCE`]); asked of
//!    all rows, and of parts of them with repeated values. Flags and small counts are spread out before
//!    borders are sought (`lumps.rs`), for their gaps are no borders.
//! 3. *Stability*: every part comes back when the search is run again on some of the rows, with a mean
//!    Jaccard similarity of at least [`JACCARD_STABLE`] (Hennig 2007) and a mean adjusted Rand index of
//!    at least [`ADJUSTED_RAND_MIN`]. As long as that fails, the least sure border is taken back.
//!
//! Rows far from all others are set aside first and stay without a cluster, and a part needs
//! `share_min` of the rows, so outliers make no cluster.
//!
//! The usual indices stand beside the rule in the evidence table, but have no vote in it. All of them
//! compare partitions with each other, so they must name a number even where there is nothing; and
//! each is led astray by something usual: the silhouette, the gap and k-means' own stability by
//! clusters of unequal size, Caliński–Harabasz and the round mixture's BIC by stretched ones.
//!
//! Data without borders may still be cut the same way each time: "good customers and bad". That is no
//! finding, so the answer is a refusal that carries the dimensions along which rows vary. A caller who
//! wants a cut all the same asks for it ([`Continuum::Cut`]): of the k-means candidates whose clusters
//! are a pattern ([`JACCARD_MIN`]), whose silhouette exceeds that of independent columns (a single
//! skewed column can be cut the same way each time too, but that is no grouping of the rows), and
//! whose silhouette is at most `silhouette_slack` below the highest, the largest. It is called
//! [`Separation::Gradual`].

mod comparison;
mod evidence;
mod kinds;
mod lumps;
mod rule;

use std::ops::RangeInclusive;

use crate::dimensions::{Dimension, dimensions};
use crate::error::LearnError;
use crate::k_means::{KMeans, KMeansParams};
use crate::matrix::Matrix;
use crate::number::real;
use crate::parting::BorderTest;
use crate::projection::Projection;
use crate::random::{derived_seed, sampled_rows};
use crate::selection::comparison::compare_with_references;
use crate::selection::evidence::candidates;
use crate::selection::kinds::{Kinds, NoKinds, find_kinds, labelled_sample};
use crate::selection::rule::decide_cut;

pub use rule::{ADJUSTED_RAND_MIN, JACCARD_MIN, JACCARD_STABLE, SIGNIFICANCE};

/// Restarts of a resample's or reference's fit at most: there are many of them, and with greedy
/// seeding the best of three is seldom improved on.
const REFIT_N_INIT_MAX: usize = 3;
/// Rows, and resamples of them, for the evidence table where it does not decide.
const EVIDENCE_N_ROWS_MAX: usize = 1000;
const EVIDENCE_N_RESAMPLES_MAX: usize = 5;
/// Dimensions a selection tells of at most.
const N_DIMENSIONS_MAX: usize = 5;

/// What the caller chooses about the selection.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionParams {
    /// Numbers of clusters to try; the least is at least 2.
    pub n_clusters: RangeInclusive<usize>,
    /// How each is fitted; `n_clusters` is replaced.
    pub fit: KMeansParams,
    /// Rows below which nothing is tried.
    pub n_rows_min: usize,
    /// Least share of the rows in every cluster; a group of 10 rows or fewer is never one.
    pub share_min: f64,
    /// What is done where rows do not fall into groups.
    pub continuum: Continuum,
    /// How much silhouette may be given up for more clusters where a continuum is cut; 0 takes the
    /// highest silhouette.
    pub silhouette_slack: f64,
    /// Number of resamples for stability, at least 1; fewer are drawn where the answer is certain.
    pub n_resamples: usize,
    /// Number of reference matrices, at least 19 (fewer cannot reach a 5 % test); fewer are drawn where
    /// the answer is certain.
    pub n_references: usize,
    /// Rows up to which borders or centroids are sought on all of them; above, on a sample of that
    /// many, from which the centroids then settle among all rows.
    pub n_rows_judged_max: usize,
    /// Rows sampled, of the data and of each reference, for the test against references.
    pub n_rows_reference_max: usize,
}

/// What is done where rows do not fall into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuum {
    /// It is said so.
    Refused,
    /// It is cut, if it can be cut the same way each time.
    Cut,
}

/// How one number of clusters fared: the fit of k-means with it, or where it is the chosen number, the
/// chosen clusters. All but those on a sample, in the space of the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Mean silhouette, from -1 to 1 (Rousseeuw 1987).
    pub silhouette: f64,
    /// The same with distances to centroids (Hruschka et al. 2004).
    pub silhouette_simplified: f64,
    /// Variance between over variance within; higher is better (Caliński and Harabasz 1974).
    pub calinski_harabasz: f64,
    /// Width over distance to the worst neighbour; lower is better (Davies and Bouldin 1979).
    pub davies_bouldin: f64,
    /// Gap statistic; the least number is meant whose gap is not exceeded by the next one's less its
    /// error (Tibshirani et al. 2001).
    pub gap: f64,
    /// Standard error of the gap.
    pub gap_error: f64,
    /// Bayesian information criterion of a round mixture; lower is better (Pelleg and Moore 2000).
    pub bic: f64,
    /// Prediction strength; the greatest number is meant with 0.8 or more (Tibshirani and Walther 2005).
    pub prediction_strength: f64,
    /// For each cluster, its mean Jaccard similarity under resampling.
    pub jaccard: Vec<f64>,
    /// Mean adjusted Rand index under resampling.
    pub adjusted_rand: f64,
    /// Sum of the squared distances to the centroids.
    pub inertia: f64,
    /// Share of the rows in the smallest cluster.
    pub share_min: f64,
    /// How its silhouette compares with references; taken only where a continuum is cut.
    pub comparison: Option<Comparison>,
}

/// How a candidate's silhouette compares with those of references.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Mean silhouette of references with the same columns and correlations but without groups.
    pub silhouette_reference: f64,
    /// Excess of the silhouette over theirs, in standard deviations of theirs; both on samples of the
    /// same size.
    pub excess: f64,
    /// Share of the references, the data counted among them, whose greatest standing over all
    /// numbers of clusters is at least this candidate's (Westfall and Young 1993).
    pub p_value: f64,
    /// The same with independent columns as references.
    pub p_value_independent: f64,
}

/// Whether the clusters have gaps between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separation {
    /// There are borders between them where rows are few.
    Distinct,
    /// A continuum that is cut the same way each time, but not at gaps.
    Gradual,
}

/// Why no number of clusters was chosen.
#[derive(Debug, Clone, PartialEq)]
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
    /// There are no separate kinds, or fewer than asked for; rows vary along dimensions.
    NoSeparateKinds {
        /// Number of kinds found, 1 where there are no borders at all.
        n_kinds: usize,
        /// The surest border that did not pass.
        border: BorderTest,
        /// Along what rows vary, the leading dimension first.
        dimensions: Vec<Dimension>,
    },
    /// Clusters were found, but do not come back when rows are resampled.
    NoStableStructure {
        /// The number of clusters that came nearest (highest adjusted Rand index).
        n_clusters: usize,
        /// Its least Jaccard similarity.
        jaccard_min: f64,
        /// Its adjusted Rand index.
        adjusted_rand: f64,
    },
    /// A cut comes back, but one cluster in every candidate is smaller than asked.
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

/// The chosen clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Number of clusters.
    pub n_clusters: usize,
    /// Whether they have gaps between them.
    pub separation: Separation,
    /// The space in which they are told apart; that of the columns as they are for a gradual cut.
    pub projection: Projection,
    /// The centroids in that space, settled among all rows but those set aside; clusters are in the
    /// order of the candidate's `jaccard`.
    pub model: KMeans,
    /// The cluster of every row; `None` for rows too far from all. Where clusters differ in shape, rows
    /// near a border may be of another cluster than the nearest centroid's: every cluster has a
    /// covariance of its own here.
    pub labels: Vec<Option<usize>>,
    /// The tests of the borders between them in the order they were drawn; none for a gradual cut.
    pub borders: Vec<BorderTest>,
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

/// Chooses the number of clusters of the rows of `matrix`, which must be finite.
///
/// It is the number of parts that are separated by borders where rows are few, on rows that the border
/// was not sought on and more surely than in references without groups, and that come back when the
/// search is repeated on some of the rows. Where there are none, the answer is a refusal with the
/// dimensions along which rows vary, or if the caller asks for it, a cut that comes back.
///
/// ```
/// use throng_learn::{Continuum, KMeansParams, Matrix, SelectionParams, Separation, select_k};
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
///     continuum: Continuum::Refused,
/// };
/// let selection = select_k(&Matrix::new(1, values.collect())?, &params)?;
/// let choice = selection.outcome.expect("three groups far apart");
/// assert_eq!(choice.n_clusters, 3);
/// assert_eq!(choice.separation, Separation::Distinct);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn select_k(matrix: &Matrix, params: &SelectionParams) -> Result<Selection, LearnError> {
    let sample = match judged_sample(matrix, params)? {
        Ok(sample) => sample,
        Err(refusal) => return Ok(refused(refusal)),
    };
    match (find_kinds(matrix, &sample, params)?, params.continuum) {
        (Ok(kinds), _) => with_kinds(matrix, kinds, params),
        (Err(_), Continuum::Cut) => cut(matrix, &sample, params),
        (Err(no_kinds), Continuum::Refused) => without_kinds(&sample, no_kinds, params),
    }
}

/// Looks for separate kinds, as [`select_k`] does; `None` where there are none, which is not looked into
/// any further.
pub fn select_kinds(matrix: &Matrix, params: &SelectionParams) -> Result<Option<Selection>, LearnError> {
    let sample = match judged_sample(matrix, params)? {
        Ok(sample) => sample,
        Err(refusal) => return Ok(Some(refused(refusal))),
    };
    match find_kinds(matrix, &sample, params)? {
        Ok(kinds) => with_kinds(matrix, kinds, params).map(Some),
        Err(_) => Ok(None),
    }
}

/// Chooses how finely a continuum is cut, as [`select_k`] does where there are no separate kinds, but
/// without looking for any: for rows that are known to have none, in whatever space they are placed.
pub fn select_cut(matrix: &Matrix, params: &SelectionParams) -> Result<Selection, LearnError> {
    match judged_sample(matrix, params)? {
        Ok(sample) => cut(matrix, &sample, params),
        Err(refusal) => Ok(refused(refusal)),
    }
}

/// Returns the rows that borders or centroids are sought on.
fn judged_sample(matrix: &Matrix, params: &SelectionParams) -> Result<Result<Matrix, Refusal>, LearnError> {
    check(params)?;
    matrix.require_finite()?;
    let n_rows_needed = params.n_rows_min.max(*params.n_clusters.start());
    if matrix.n_rows() < n_rows_needed {
        let n_rows = matrix.n_rows();
        return Ok(Err(Refusal::TooFewRows { n_rows, n_rows_needed }));
    }
    let seed = derived_seed(params.fit.seed, STREAM_SAMPLE);
    Ok(Ok(matrix.take(&sampled_rows(matrix.n_rows(), params.n_rows_judged_max, seed))))
}

/// Returns the selection of separate kinds.
fn with_kinds(matrix: &Matrix, kinds: Kinds, params: &SelectionParams) -> Result<Selection, LearnError> {
    let seed = derived_seed(params.fit.seed, STREAM_EVIDENCE);
    let row_idxs = labelled_sample(&kinds, EVIDENCE_N_ROWS_MAX, seed);
    let projected = kinds.projection.transform(&matrix.take(&row_idxs))?;
    let (_, mut candidates) =
        candidates(&projected, Some(&kinds.model), params.n_resamples.min(EVIDENCE_N_RESAMPLES_MAX), params)?;
    let n_clusters = kinds.model.n_clusters();
    if let Some(chosen) = candidates.iter_mut().find(|candidate| candidate.n_clusters == n_clusters) {
        chosen.jaccard = kinds.stability.jaccard;
        chosen.adjusted_rand = kinds.stability.adjusted_rand;
        chosen.inertia = kinds.model.inertia();
        chosen.share_min = kinds.model.share_min();
    }
    let choice = Choice {
        n_clusters,
        separation: Separation::Distinct,
        projection: kinds.projection,
        model: kinds.model,
        labels: kinds.labels,
        borders: kinds.borders,
    };
    Ok(Selection { candidates, outcome: Ok(choice) })
}

/// Returns the selection of a gradual cut, or the refusal of it.
fn cut(matrix: &Matrix, sample: &Matrix, params: &SelectionParams) -> Result<Selection, LearnError> {
    let (mut models, mut candidates) = candidates(sample, None, params.n_resamples, params)?;
    if candidates.is_empty() {
        return Ok(refused(Refusal::TooFewDistinctRows { n_clusters: *params.n_clusters.start() }));
    }
    compare_with_references(matrix, &mut candidates, params)?;
    let at = match decide_cut(&candidates, params) {
        Ok(at) => at,
        Err(refusal) => return Ok(Selection { candidates, outcome: Err(refusal) }),
    };
    let sought = models.swap_remove(at);
    let n_clusters = sought.n_clusters();
    let model = if sample.n_rows() < matrix.n_rows() {
        KMeansParams { n_clusters, ..params.fit }.fit_from(matrix, sought.centroids())?
    } else {
        sought
    };
    let choice = Choice {
        n_clusters,
        separation: Separation::Gradual,
        projection: Projection::identity(matrix.n_columns()),
        labels: model.labels().iter().map(|&label| Some(label)).collect(),
        model,
        borders: Vec::new(),
    };
    Ok(Selection { candidates, outcome: Ok(choice) })
}

/// Returns the refusal with its evidence.
fn without_kinds(sample: &Matrix, no_kinds: NoKinds, params: &SelectionParams) -> Result<Selection, LearnError> {
    let seed = derived_seed(params.fit.seed, STREAM_EVIDENCE);
    let judged = sample.take(&sampled_rows(sample.n_rows(), EVIDENCE_N_ROWS_MAX, seed));
    let n_resamples = params.n_resamples.min(EVIDENCE_N_RESAMPLES_MAX);
    let (_, candidates) = candidates(&judged, None, n_resamples, params)?;
    if candidates.is_empty() {
        return Ok(refused(Refusal::TooFewDistinctRows { n_clusters: *params.n_clusters.start() }));
    }
    let refusal = match no_kinds {
        NoKinds::NoBorder { n_groups, border } => {
            Refusal::NoSeparateKinds { n_kinds: n_groups, border, dimensions: dimensions(sample, N_DIMENSIONS_MAX)? }
        }
        NoKinds::Unstable { n_groups, stability } => Refusal::NoStableStructure {
            n_clusters: n_groups,
            jaccard_min: stability.jaccard_min(),
            adjusted_rand: stability.adjusted_rand,
        },
    };
    Ok(Selection { candidates, outcome: Err(refusal) })
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
const STREAM_KINDS: u64 = 4;
const STREAM_EVIDENCE: u64 = 5;
const STREAM_GAP: u64 = 6;

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
