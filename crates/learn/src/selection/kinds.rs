//! Separate kinds: groups with borders between them, that come back when rows are left out.

use rand::seq::SliceRandom;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::alignment::{adjusted_rand_index, align};
use crate::discriminant::Discriminant;
use crate::error::LearnError;
use crate::k_means::{KMeans, KMeansParams};
use crate::matrix::Matrix;
use crate::number::{position, real, single};
use crate::outlying::inlying_rows;
use crate::parting::{BorderTest, PartingParams};
use crate::projection::Projection;
use crate::random::{derived_seed, generator, sampled_rows};
use crate::selection::lumps::spread;
use crate::selection::rule::{ADJUSTED_RAND_MIN, JACCARD_STABLE};
use crate::selection::{STREAM_KINDS, SelectionParams};
use crate::stability::{Stability, best_jaccards};

/// Share of the rows in a resample. They are drawn without replacement: a row drawn twice is its own
/// nearest neighbour, and a group of its own. Half the rows would starve small groups.
const RESAMPLE_SHARE: f64 = 0.8;
/// Most rows in a resample: of 2000, a group of one row in sixty is too few to be found again.
const RESAMPLE_N_ROWS_MAX: usize = 4000;
/// Stream of the chance that lumps are spread out by, beside those of the resamples.
const STREAM_LUMPS: u64 = 1;
/// Resamples between two looks at whether the answer is certain already.
const RESAMPLES_PER_LOOK: usize = 5;
/// Similarity from which it is: the resamples still to come could hardly bring it down.
const CERTAIN: f64 = 0.95;
/// Share of a column's values that its spread is taken from, and what it is for a normal column.
const SPREAD_SHARES: (f64, f64) = (0.05, 0.95);
const SPREAD_NORMAL: f64 = 3.29;

/// Groups that are separate kinds.
pub(super) struct Kinds {
    pub(super) model: KMeans,
    pub(super) projection: Projection,
    /// The cluster of each row; `None` for one that is too far from all.
    pub(super) labels: Vec<Option<usize>>,
    pub(super) stability: Stability,
    pub(super) borders: Vec<BorderTest>,
}

/// Why there are no separate kinds.
pub(super) enum NoKinds {
    /// There are no borders, or fewer than asked for; the surest that was not passed.
    NoBorder { n_groups: usize, border: BorderTest },
    /// There are, but the groups do not come back.
    Unstable { n_groups: usize, stability: Stability },
}

/// Looks for separate kinds among the rows of `matrix`, those of `sample` at first.
pub(super) fn find_kinds(
    matrix: &Matrix,
    sample: &Matrix,
    params: &SelectionParams,
) -> Result<Result<Kinds, NoKinds>, LearnError> {
    let seed = derived_seed(params.fit.seed, STREAM_KINDS);
    let standard = Standard::of(sample);
    let sample = standard.transform(sample)?;
    let rows = sample.take(&inlying_rows(&sample, seed));
    let searched = spread(&rows, derived_seed(seed, STREAM_LUMPS))?;
    let mut parting_params = PartingParams {
        n_groups_max: *params.n_clusters.end(),
        share_min: params.share_min,
        n_references: params.n_references,
        n_rows_reference_max: params.n_rows_reference_max,
        seed,
    };
    let mut unstable = None;
    loop {
        let parting = parting_params.fit(&searched)?;
        let n_groups = parting.n_groups;
        if n_groups < *params.n_clusters.start() {
            let border = parting.next;
            return Ok(Err(unstable.unwrap_or(NoKinds::NoBorder { n_groups, border })));
        }
        let found = Discriminant::fit(&rows, &parting.labels, n_groups)?;
        let Settled { model, labels, order } = settled(&standard.transform(matrix)?, &found, params)?;
        let stability = kinds_stability((&rows, &searched), &found, &parting_params, params.n_resamples)?;
        // Clusters of the model are numbered by size.
        let jaccard = order.iter().map(|&group| stability.jaccard[group]).collect();
        let stability = Stability { jaccard, ..stability };
        if stable(&stability) {
            let projection = standard.undone(&found.projection);
            return Ok(Ok(Kinds { model, projection, labels, stability, borders: parting.borders }));
        }
        unstable.get_or_insert(NoKinds::Unstable { n_groups, stability });
        // The border drawn last is the least sure: without it the others may hold.
        parting_params.n_groups_max = n_groups - 1;
    }
}

fn stable(stability: &Stability) -> bool {
    stability.jaccard_min() >= JACCARD_STABLE && stability.adjusted_rand >= ADJUSTED_RAND_MIN
}

/// Groups settled among all rows.
struct Settled {
    model: KMeans,
    /// Each row's cluster.
    labels: Vec<Option<usize>>,
    /// For each cluster, the group it was.
    order: Vec<usize>,
}

/// Returns the model settled among all rows within reach, every row's cluster, and for each of the
/// model's clusters the group it was.
fn settled(matrix: &Matrix, found: &Discriminant, params: &SelectionParams) -> Result<Settled, LearnError> {
    let groups = found.predict_within_reach(matrix);
    let kept: Vec<usize> = (0..matrix.n_rows()).filter(|&row_idx| groups[row_idx].is_some()).collect();
    let projected = found.projection.transform(&matrix.take(&kept))?;
    let n_groups = found.centroids.n_rows();
    let fit = KMeansParams { n_clusters: n_groups, ..params.fit };
    let model = fit.fit_from(&projected, &found.centroids)?;
    // The model numbers its clusters by size.
    let kept_groups: Vec<usize> = groups.iter().copied().flatten().collect();
    let mut label_of: Vec<usize> = (0..n_groups).collect();
    for (label, group) in align(model.labels(), &kept_groups)?.into_iter().enumerate() {
        label_of[group.unwrap_or(label)] = label;
    }
    let labels = groups.into_iter().map(|group| group.map(|group| label_of[group])).collect();
    let mut order = vec![0; n_groups];
    for (group, &label) in label_of.iter().enumerate() {
        order[label] = group;
    }
    Ok(Settled { model, labels, order })
}

/// Returns how well the groups come back when the whole search is run again on some of the rows.
fn kinds_stability(
    (rows, searched): (&Matrix, &Matrix),
    found: &Discriminant,
    params: &PartingParams,
    n_resamples: usize,
) -> Result<Stability, LearnError> {
    let n_groups = found.centroids.n_rows();
    let labels = found.predict(rows);
    let n_taken = position(RESAMPLE_SHARE * real(rows.n_rows()), RESAMPLE_N_ROWS_MAX);
    let round = |stream: usize| -> Result<(Vec<f64>, f64), LearnError> {
        let seed = derived_seed(params.seed, 1000 + u64::try_from(stream).unwrap_or(u64::MAX));
        let mut order: Vec<usize> = (0..rows.n_rows()).collect();
        order.shuffle(&mut generator(seed, 0));
        order.truncate(n_taken);
        let resample = rows.take(&order);
        let parting =
            PartingParams { n_groups_max: n_groups, n_references: 0, seed, ..*params }.fit(&searched.take(&order))?;
        let refit = match parting.n_groups {
            0 | 1 => vec![0; rows.n_rows()],
            n_found => Discriminant::fit(&resample, &parting.labels, n_found)?.predict(rows),
        };
        Ok((best_jaccards(&labels, &refit, n_groups)?, adjusted_rand_index(&labels, &refit)?))
    };
    let mut rounds: Vec<(Vec<f64>, f64)> = Vec::new();
    loop {
        let end = (rounds.len() + RESAMPLES_PER_LOOK).min(n_resamples);
        let more: Vec<(Vec<f64>, f64)> = (rounds.len()..end).into_par_iter().map(round).collect::<Result<_, _>>()?;
        rounds.extend(more);
        let stability = Stability::mean_of(&rounds, n_groups);
        let certain = stability.jaccard_min() >= CERTAIN && stability.adjusted_rand >= CERTAIN;
        if certain || rounds.len() >= n_resamples {
            return Ok(stability);
        }
    }
}

/// Columns brought to a like spread, by quantiles that a few extreme rows do not move.
struct Standard {
    centre: Vec<f64>,
    spread: Vec<f64>,
}

impl Standard {
    fn of(matrix: &Matrix) -> Standard {
        let (mut centre, mut spread) = (Vec::new(), Vec::new());
        for column_idx in 0..matrix.n_columns() {
            let mut column = matrix.column(column_idx);
            column.sort_by(f32::total_cmp);
            let at = |share: f64| f64::from(column[position(share * real(column.len()), column.len() - 1)]);
            let range = (at(SPREAD_SHARES.1) - at(SPREAD_SHARES.0)) / SPREAD_NORMAL;
            let mean = column.iter().map(|&value| f64::from(value)).sum::<f64>() / real(column.len());
            let square: f64 = column.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
            let deviation = (square / real(column.len())).sqrt();
            centre.push(at(0.5));
            spread.push([range, deviation].into_iter().find(|&spread| spread > 0.0).unwrap_or(1.0));
        }
        Standard { centre, spread }
    }

    fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        let mut values = Vec::with_capacity(matrix.values().len());
        for row in matrix.rows() {
            let scales = self.centre.iter().zip(&self.spread);
            values.extend(
                row.iter().zip(scales).map(|(&value, (centre, spread))| single((f64::from(value) - centre) / spread)),
            );
        }
        Matrix::new(matrix.n_columns(), values)
    }

    /// Returns a projection of standardised columns as one of the columns themselves.
    fn undone(&self, projection: &Projection) -> Projection {
        projection.rescaled(&self.centre, &self.spread)
    }
}

/// Returns a sample of at most `n_rows_max` of the rows that have a cluster.
pub(super) fn labelled_sample(kinds: &Kinds, n_rows_max: usize, seed: u64) -> Vec<usize> {
    let labelled: Vec<usize> = (0..kinds.labels.len()).filter(|&row_idx| kinds.labels[row_idx].is_some()).collect();
    let taken = sampled_rows(labelled.len(), n_rows_max, seed);
    taken.into_iter().map(|at| labelled[at]).collect()
}
