//! Soft membership: how much of each cluster a row has, and how much of none, such that of the rows
//! that are 65 % of a cluster 65 % come from it.
//!
//! A partition into nearest centroids says too little for that: its borders cut through the
//! overlap, so its clusters look narrower than they are, and where widths or sizes differ the
//! borders lie in the wrong place. So a mixture is refined from it ([`mixture`]). Which widths it
//! has, and whether its tails are normal or longer, is chosen by the likelihood of rows left out
//! (Smyth 2000): too few numbers are wrong, and too many are too sure of themselves. A mixture that
//! wandered off to other groups than the partition's is not taken. On planted mixtures of unequal
//! widths, sizes and correlations the expected calibration error is about 0.01, with long tails too;
//! where a twentieth of the rows are outliers among the clusters it is not: see
//! `examples/calibration_trial.rs`. Averaging over bootstrap refits was tried and gained nothing
//! over the choice of widths.
//!
//! The last column is *unassigned*. Each component has a flat companion that is as dense as the
//! component at its `reach`, the squared distance that all but a chosen share of its own rows stay
//! within. So a row keeps `r / (1 + density at reach / density)` of each cluster: nearly all of it
//! inside, half at the reach, nothing far away; the rest is unassigned. The reach is extrapolated
//! from the inner three quarters of the rows, since outliers of the fit are no part of a cluster.

pub(crate) mod cholesky;
mod hybrid;
mod mixture;
mod row;
mod squared;

use std::collections::BTreeMap;

use rand::Rng;
use rayon::prelude::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator, ParallelSliceMut};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::LearnError;
use crate::k_means::KMeans;
use crate::matrix::{Matrix, check_row};
use crate::number::real;
use crate::random::{generator, sampled_rows};
use crate::state::{State, StateReader, StateWriter, require};
use crate::statistics::quantile_of_sorted;
use crate::tree::bins::require_no_infinity;
use mixture::{CHUNK_N_ROWS, Component, Expectation, Family, Patience, expect, refine};
use row::{Mixture, left_to_right, log_tails};

pub use hybrid::{HybridAnchor, HybridModel, HybridParams, HybridPrediction, HybridRows, HybridScratch, RowPrediction};
pub use mixture::Shape;
pub(crate) use mixture::normalise as softmax;
pub(crate) use row::fill_rest;
pub use row::{MembershipAnchor, MembershipScratch};

/// What the caller chooses about membership.
///
/// ```
/// use throng_learn::{KMeansParams, Matrix, MembershipParams};
///
/// let matrix = Matrix::new(1, vec![0.0, 0.1, 0.2, 0.3, 9.0, 9.1, 9.2])?;
/// let params = KMeansParams { n_clusters: 2, n_init: 4, n_iter_max: 50, tolerance: 1e-4, seed: 7 };
/// let model = params.fit(&matrix)?;
/// let membership = MembershipParams { reach_share: 0.99 }.fit(&model, &matrix)?;
/// let found = membership.predict_proba(&Matrix::new(1, vec![9.1, 60.0])?)?;
/// assert!(found.row(0)[1] > 0.7);
/// assert!(found.row(1)[2] > 0.99);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MembershipParams {
    /// Share of each cluster's own rows within its reach, between 0.5 and 1 (0.99, say).
    pub reach_share: f64,
}

/// A fitted mixture around the centroids of a k-means model.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipModel {
    model: KMeans,
    reach_share: f64,
    family: Family,
    components: Vec<Component>,
    /// For each component the squared distance at which a row is as much outside as inside.
    reaches: Vec<f64>,
    /// The logarithms of the unnormalised densities there; they follow from the others.
    reach_tails: Vec<f64>,
    agreement: f64,
}

/// Memberships of many rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Memberships {
    n_columns: usize,
    values: Vec<f64>,
}

/// Degrees of freedom that are tried: normal tails, somewhat longer ones, long ones.
const FREEDOMS: [Option<f64>; 3] = [None, Some(10.0), Some(4.0)];
const SHAPES: [Shape; 5] = [Shape::Common, Shape::Round, Shape::Diagonal, Shape::Tied, Shape::Full];
/// Rows that a mixture is fitted to and that one is chosen on: time grows with them, and a full
/// covariance of 50 columns has a good estimate from so many.
const N_ROWS_FIT_MAX: usize = 20_000;
const N_ROWS_CHOICE_MAX: usize = 2_000;
/// Rows per cluster below which nothing but one common width is tried: there is nothing to choose on.
const N_ROWS_CHOICE_MIN: usize = 30;
/// Share of the rows whose largest membership must be their own cluster; below it the mixture
/// describes other groups. Planted clusters of unequal widths and sizes keep 0.8 and more on average.
const AGREEMENT_MIN: f64 = 0.7;
const PATIENCE: Patience = Patience { n_iter_max: 100, gain_min: 1e-6 };
/// For the choice it is enough to be near the end.
const PATIENCE_CHOICE: Patience = Patience { n_iter_max: 20, gain_min: 1e-4 };
/// Seed of the rows drawn for the fit and the choice; fixed, so that memberships follow from the
/// clusters alone.
const SEED: u64 = 0;

impl MembershipParams {
    /// Fits the mixture to the rows of `matrix` around the centroids of `model`.
    pub fn fit(&self, model: &KMeans, matrix: &Matrix) -> Result<MembershipModel, LearnError> {
        if !(0.5 < self.reach_share && self.reach_share < 1.0) {
            return Err(LearnError::InvalidParameter {
                parameter: "reach_share",
                found: self.reach_share,
                allowed: "between 0.5 and 1",
            });
        }
        if matrix.n_rows() == 0 {
            return Err(LearnError::TooFewRows { attempt: "fit memberships", n_rows: 0, n_rows_needed: 1 });
        }
        model.distances(&matrix.take(&[0]))?;
        let drawn;
        let matrix = if matrix.n_rows() > N_ROWS_FIT_MAX {
            drawn = matrix.take(&sampled_rows(matrix.n_rows(), N_ROWS_FIT_MAX, SEED));
            &drawn
        } else {
            matrix
        };
        let labels = model.predict(matrix)?;
        let partition = (labels.as_slice(), model.n_clusters());
        let (family, components) = chosen(matrix, partition).ok_or(LearnError::InvalidParameter {
            parameter: "matrix",
            found: f64::NAN,
            allowed: "values whose squares can be summed",
        })?;
        let found = expect(matrix, &components, family);
        let least = family.squared_quantile(self.reach_share, matrix.n_columns());
        let reaches = self.reaches(&found, least, model.n_clusters());
        let agreement = agreement(&found, &labels);
        let reach_share = self.reach_share;
        let reach_tails = log_tails(family, &reaches, matrix.n_columns());
        Ok(MembershipModel { model: model.clone(), reach_share, family, components, reaches, reach_tails, agreement })
    }

    /// The cube root of a squared distance is nearly normal (Wilson and Hilferty 1931), whose
    /// quantile follows from the median and the upper quartile. No reach is below `least`, that of
    /// a cluster that is as its component says.
    fn reaches(&self, found: &Expectation, least: f64, n_clusters: usize) -> Vec<f64> {
        let quantile = Normal::standard().inverse_cdf(self.reach_share);
        let mut roots: Vec<Vec<f64>> = vec![Vec::new(); n_clusters];
        for (row, squared) in
            found.responsibilities.chunks_exact(n_clusters).zip(found.squared.chunks_exact(n_clusters))
        {
            let own = greatest(row);
            roots[own].push(squared[own].cbrt());
        }
        let reach = |mut roots: Vec<f64>| {
            roots.sort_by(f64::total_cmp);
            let (Some(middle), Some(upper)) = (quantile_of_sorted(&roots, 0.5), quantile_of_sorted(&roots, 0.75))
            else {
                return least;
            };
            let deviation = (upper - middle) / UPPER_QUARTILE;
            (middle + quantile * deviation).powi(3).max(least)
        };
        roots.into_iter().map(reach).collect()
    }
}

/// The upper quartile of the standard normal distribution.
const UPPER_QUARTILE: f64 = 0.674_489_750_196_082;

/// Returns the family whose mixture gives rows left out the greatest likelihood, and its
/// components fitted to all rows; of those that stay with the partition. If none does, the widths
/// of the partition itself.
fn chosen(matrix: &Matrix, partition: (&[usize], usize)) -> Option<(Family, Vec<Component>)> {
    for family in by_likelihood(matrix, partition) {
        let Some(components) = refine(matrix, partition, family, PATIENCE) else { continue };
        if agreement(&expect(matrix, &components, family), partition.0) >= AGREEMENT_MIN {
            return Some((family, components));
        }
    }
    let family = Family { shape: Shape::Common, freedom: None };
    let unrefined = Patience { n_iter_max: 0, ..PATIENCE };
    Some((family, refine(matrix, partition, family, unrefined)?))
}

/// Returns the families, the likeliest first; of equal ones that with the fewest numbers.
fn by_likelihood(matrix: &Matrix, (labels, n_clusters): (&[usize], usize)) -> Vec<Family> {
    if matrix.n_rows() < N_ROWS_CHOICE_MIN * n_clusters {
        return vec![Family { shape: Shape::Common, freedom: None }];
    }
    let rows = sampled_rows(matrix.n_rows(), N_ROWS_CHOICE_MAX, SEED);
    let mut generator = generator(SEED, 1);
    let (first, second): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|_| generator.random_bool(0.5));
    let halves = [&first, &second].map(|rows| {
        let labels: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
        (matrix.take(rows), labels)
    });
    let families: Vec<Family> =
        SHAPES.iter().flat_map(|&shape| FREEDOMS.map(|freedom| Family { shape, freedom })).collect();
    let mut scored: Vec<Scored> = families
        .par_iter()
        .filter_map(|&family| {
            let mut scored = Scored { family, whole: 0.0, trimmed: 0.0, of_shape: f64::NEG_INFINITY };
            for (fitted, left_out) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
                let components = refine(&fitted.0, (&fitted.1, n_clusters), family, PATIENCE_CHOICE)?;
                let found = expect(&left_out.0, &components, family);
                scored.whole += found.log_likelihood();
                scored.trimmed += found.log_likelihood_trimmed();
            }
            Some(scored)
        })
        .collect();
    for shape in SHAPES {
        let own = scored.iter_mut().filter(|scored| scored.family.shape == shape);
        let own: Vec<&mut Scored> = own.collect();
        let of_shape = own.iter().map(|scored| scored.trimmed).fold(f64::NEG_INFINITY, f64::max);
        own.into_iter().for_each(|scored| scored.of_shape = of_shape);
    }
    scored.sort_by(|a, b| b.of_shape.total_cmp(&a.of_shape).then(b.whole.total_cmp(&a.whole)));
    scored.into_iter().map(|scored| scored.family).collect()
}

/// How well a family describes rows left out.
struct Scored {
    family: Family,
    /// By all of them, which the tails are chosen by.
    whole: f64,
    /// Without the least likely ones, and the best of the shape: which the shape is chosen by.
    /// Otherwise a mixture that spends a component on a few outliers would win over one that
    /// describes the clusters.
    trimmed: f64,
    of_shape: f64,
}

fn agreement(found: &Expectation, labels: &[usize]) -> f64 {
    let n_clusters = found.responsibilities.len() / labels.len();
    let rows = found.responsibilities.chunks_exact(n_clusters).zip(labels);
    real(rows.filter(|(row, label)| greatest(row) == **label).count()) / real(labels.len())
}

/// Returns the position of the greatest value; of equal ones the first.
pub(crate) fn greatest(values: &[f64]) -> usize {
    let mut greatest_idx = 0;
    for (idx, value) in values.iter().enumerate() {
        if *value > values[greatest_idx] {
            greatest_idx = idx;
        }
    }
    greatest_idx
}

impl MembershipModel {
    /// Returns the model whose clusters these are memberships of.
    #[must_use]
    pub fn k_means(&self) -> &KMeans {
        &self.model
    }

    /// Returns which widths the mixture has.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.family.shape
    }

    /// Returns the degrees of freedom of its tails; `None` for normal ones.
    #[must_use]
    pub fn freedom(&self) -> Option<f64> {
        self.family.freedom
    }

    /// Returns the share of the rows that each cluster brings forth.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        self.components.iter().map(|component| component.share).collect()
    }

    /// Returns the share of the fitted rows whose largest membership, of the clusters, is that of
    /// the nearest centroid. Where clusters differ in width or size it is below 1, because the
    /// border lies nearer to the narrow or small one than half way.
    #[must_use]
    pub fn agreement(&self) -> f64 {
        self.agreement
    }

    /// Returns the memberships of each row: `n_rows` by `n_clusters + 1`, the last being
    /// *unassigned*. They are not negative, and added from left to right they give exactly 1.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        matrix.require_columns(self.model.centroids().n_columns())?;
        matrix.require_finite()?;
        let n_columns = self.components.len() + 1;
        let mut values = vec![0.0; matrix.n_rows() * n_columns];
        let mixture = self.mixture();
        values.par_chunks_mut(CHUNK_N_ROWS * n_columns).enumerate().for_each(|(chunk_idx, values)| {
            let mut scratch = MembershipScratch::default();
            for (idx, values) in values.chunks_exact_mut(n_columns).enumerate() {
                mixture.memberships(matrix.row(chunk_idx * CHUNK_N_ROWS + idx), values, &mut scratch);
            }
        });
        Ok(Memberships { n_columns, values })
    }

    /// Writes the memberships of one row, the same as in a matrix, into `shares`: one for each cluster,
    /// the last being *unassigned*.
    pub fn predict_proba_row(
        &self,
        row: &[f32],
        shares: &mut [f64],
        scratch: &mut MembershipScratch,
    ) -> Result<(), LearnError> {
        self.check_row(row, shares)?;
        self.mixture().memberships(row, shares, scratch);
        Ok(())
    }

    /// Computes what others need of a row that they differ from in a few columns.
    pub fn anchor(&self, row: &[f32], anchor: &mut MembershipAnchor) -> Result<(), LearnError> {
        check_row(row, self.model.centroids().n_columns())?;
        anchor.solved.fill(row, &self.components);
        Ok(())
    }

    /// As [`MembershipModel::predict_proba_row`], the sooner the later the first column stands in which the
    /// row is another than that of an anchor that this model made.
    pub fn predict_proba_beside(
        &self,
        anchor: &MembershipAnchor,
        row: &[f32],
        shares: &mut [f64],
        scratch: &mut MembershipScratch,
    ) -> Result<(), LearnError> {
        self.check_row(row, shares)?;
        let (expected, found) = (row.len(), anchor.solved.row.len());
        if expected != found {
            return Err(LearnError::ShapeMismatch { what: "the anchor", expected, found });
        }
        self.mixture().memberships_beside(anchor, row, shares, scratch);
        Ok(())
    }

    fn check_row(&self, row: &[f32], shares: &[f64]) -> Result<(), LearnError> {
        check_row(row, self.model.centroids().n_columns())?;
        let (expected, found) = (self.components.len() + 1, shares.len());
        if expected != found {
            return Err(LearnError::ShapeMismatch { what: "the list of shares", expected, found });
        }
        Ok(())
    }

    /// Returns the memberships of rows some of whose values are missing: what the known values say
    /// of them, which is the mixture with the missing columns summed out. A row without any known
    /// value has each cluster's share of the rows.
    pub fn predict_proba_partial(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        matrix.require_columns(self.model.centroids().n_columns())?;
        require_no_infinity(matrix)?;
        let n_columns = self.components.len() + 1;
        let mut values = vec![0.0; matrix.n_rows() * n_columns];
        let known = |row: &[f32]| -> Vec<usize> { (0..row.len()).filter(|&column| !row[column].is_nan()).collect() };
        // Rows that know the same columns share a mixture.
        let mut patterns: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (row_idx, row) in matrix.rows().enumerate() {
            patterns.entry(known(row)).or_default().push(row_idx);
        }
        let full = self.family.squared_quantile(self.reach_share, matrix.n_columns());
        let mut scratch = MembershipScratch::default();
        for (columns, row_idxs) in patterns {
            if columns.len() == matrix.n_columns() {
                // Nothing is missing, so nothing is summed out: the mixture as it is.
                let mixture = self.mixture();
                for row_idx in row_idxs {
                    let values = &mut values[row_idx * n_columns..(row_idx + 1) * n_columns];
                    mixture.memberships(matrix.row(row_idx), values, &mut scratch);
                }
                continue;
            }
            let marginals = self.components.iter().map(|component| component.marginal(&columns, self.family));
            let components: Vec<Component> =
                marginals.collect::<Option<_>>().ok_or(LearnError::NotFinite { row: row_idxs[0], column: 0 })?;
            let nothing_known = columns.is_empty();
            let scale =
                if nothing_known { 1.0 } else { self.family.squared_quantile(self.reach_share, columns.len()) / full };
            let unbounded = if nothing_known { f64::INFINITY } else { 1.0 };
            let reaches: Vec<f64> = self.reaches.iter().map(|reach| reach * scale * unbounded).collect();
            let reach_tails = log_tails(self.family, &reaches, columns.len());
            let mixture = Mixture { family: self.family, components: &components, reach_tails: &reach_tails };
            for row_idx in row_idxs {
                let row: Vec<f32> = columns.iter().map(|&column| matrix.row(row_idx)[column]).collect();
                let values = &mut values[row_idx * n_columns..(row_idx + 1) * n_columns];
                mixture.memberships(&row, values, &mut scratch);
            }
        }
        Ok(Memberships { n_columns, values })
    }

    fn mixture(&self) -> Mixture<'_> {
        Mixture { family: self.family, components: &self.components, reach_tails: &self.reach_tails }
    }
}

impl Memberships {
    /// Returns rows of `n_columns` shares, each row divided by its total, which is above 0, so that
    /// added from left to right they give exactly 1.
    pub(crate) fn normalised(n_columns: usize, mut values: Vec<f64>) -> Memberships {
        for row in values.chunks_exact_mut(n_columns) {
            let total = left_to_right(row);
            for value in row.iter_mut() {
                *value /= total;
            }
            let Some((last, others)) = row.split_last_mut() else { continue };
            if left_to_right(others) > 1.0 {
                // Rounding only, as in `append_memberships`.
                let shrink = 1.0 - 2.0 * f64::EPSILON * real(n_columns);
                for value in others.iter_mut() {
                    *value *= shrink;
                }
            }
            *last = 1.0 - left_to_right(others);
        }
        Memberships { n_columns, values }
    }

    /// Returns the memberships of rows that each belong wholly to one of `n_clusters` clusters.
    pub fn of_labels(labels: &[usize], n_clusters: usize) -> Result<Memberships, LearnError> {
        let n_columns = n_clusters + 1;
        let mut values = vec![0.0; labels.len() * n_columns];
        for (row, &label) in values.chunks_exact_mut(n_columns).zip(labels) {
            if label >= n_clusters {
                let found = real(label);
                return Err(LearnError::InvalidParameter { parameter: "label", found, allowed: "below n_clusters" });
            }
            row[label] = 1.0;
        }
        Ok(Memberships { n_columns, values })
    }

    /// Returns the memberships whose rows of `n_columns` lie one after another in `values`.
    pub(crate) fn from_values(n_columns: usize, values: Vec<f64>) -> Memberships {
        debug_assert_eq!(values.len() % n_columns, 0);
        Memberships { n_columns, values }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    /// Returns the number of columns: the clusters and *unassigned*.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns the memberships of one row.
    #[must_use]
    pub fn row(&self, row_idx: usize) -> &[f64] {
        let start = row_idx * self.n_columns;
        &self.values[start..start + self.n_columns]
    }

    /// Returns the memberships row by row.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.n_columns)
    }
}

impl State for MembershipModel {
    fn write(&self, writer: &mut StateWriter) {
        self.model.write(writer);
        self.reach_share.write(writer);
        self.family.write(writer);
        self.components.write(writer);
        self.reaches.write(writer);
        self.agreement.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (model, reach_share): (KMeans, f64) = State::read(reader)?;
        let (family, components): (Family, Vec<Component>) = State::read(reader)?;
        let (reaches, agreement): (Vec<f64>, f64) = State::read(reader)?;
        let (n_clusters, n_columns) = (model.n_clusters(), model.centroids().n_columns());
        require(0.5 < reach_share && reach_share < 1.0, "the share within reach")?;
        require(components.len() == n_clusters, "the number of components")?;
        require(components.iter().all(|component| component.n_columns() == n_columns), "the centre of a component")?;
        require(reaches.len() == n_clusters && reaches.iter().all(|reach| *reach >= 0.0), "a reach")?;
        let reach_tails = log_tails(family, &reaches, n_columns);
        Ok(Self { model, reach_share, family, components, reaches, reach_tails, agreement })
    }
}
