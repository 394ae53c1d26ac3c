//! Lloyd's refinement (1982): assign every row to its nearest centroid, move every centroid to the
//! mean of its rows, repeat.
//!
//! After the first assignment most rows cannot have changed sides, and it can be told without their
//! values. Each row keeps one number, its *slack*: how much farther the second nearest centroid was
//! than the nearest when the row was last looked at (Hamerly 2010, his two bounds made one). Every
//! time the centroids move, the slack shrinks by no more than what the row's own centroid moved and
//! the most any other moved. As long as some slack is left, the row stays; rounding is provided for,
//! so the labels are exactly those that computing every distance would give.
//!
//! The sums of the clusters are exact (see [`ExactSums`](crate::k_means::exact::ExactSums)), so only
//! rows that change sides are taken from one sum and added to the other, without any drift.

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut};

use crate::distance::{PackedPoints, TILE_N_ROWS, Tile};
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::k_means::exact::{ExactSums, RealSums};
use crate::k_means::init::first_centroids;
use crate::k_means::pass::{KMeansPass, squared_distance};
use crate::k_means::sums::{ClusterSums, FarthestRow, centroids, movements};
use crate::matrix::Matrix;
use crate::number::{count, index, label, real, single};

/// Rows that a thread takes at a time. Large enough that handing out a chunk costs nothing, small
/// enough that 100,000 rows keep 16 busy and that a chunk stays in a core's cache.
pub(super) const CHUNK_N_ROWS: usize = 4096;

/// The outcome of one restart, clusters in the order of their seeding.
#[derive(Debug)]
pub(super) struct Restart {
    pub(super) centroids: Matrix,
    pub(super) labels: Vec<usize>,
    pub(super) sizes: Vec<usize>,
    pub(super) inertia: f64,
    pub(super) n_iter: usize,
}

/// Seeds and refines once.
pub(super) fn run_restart(matrix: &Matrix, params: &KMeansParams, seed: u64) -> Result<Restart, LearnError> {
    refine(matrix, params, first_centroids(matrix, params, seed)?)
}

/// Refines the given centroids until they rest. Whether all values are finite is seen on the way.
pub(super) fn refine(matrix: &Matrix, params: &KMeansParams, mut current: Matrix) -> Result<Restart, LearnError> {
    let mut assignment = Assignment::new(matrix.n_rows(), params.n_clusters);
    let mut clusters = ClusterSums::zero(&current);
    let mut movement_max = 0.0;
    let mut n_iter = 0;
    let mut resting = false;
    loop {
        let (changes, n_changed) = assignment.renew(matrix, &current)?;
        clusters.merge(changes);
        let settled = n_changed == 0 && !clusters.any_empty();
        if resting || settled || n_iter == params.n_iter_max {
            break;
        }
        if n_iter == 0 && params.tolerance > 0.0 {
            let inertia = inertia(matrix, &current, &assignment.standings);
            movement_max = params.tolerance * clusters.mean_variance(&current, &clusters.means(&current), inertia);
        }
        let moved = if clusters.any_empty() {
            let mut repaired = clusters.clone();
            repaired.repair_empty(&farthest_rows(matrix, &current));
            centroids(&repaired.means(&current), matrix.n_columns())
        } else {
            centroids(&clusters.means(&current), matrix.n_columns())
        };
        let movements = movements(&current, &moved);
        assignment.loosen(&movements);
        current = moved;
        n_iter += 1;
        resting = movements.iter().map(|moved| moved * moved).sum::<f64>() <= movement_max;
    }
    Ok(assignment.finished(matrix, current, &clusters, n_iter))
}

/// Assigns all rows to the given centroids.
pub(super) fn assigned(matrix: &Matrix, centroids: Matrix) -> Result<Restart, LearnError> {
    let mut assignment = Assignment::new(matrix.n_rows(), centroids.n_rows());
    let (clusters, _) = assignment.renew(matrix, &centroids)?;
    Ok(assignment.finished(matrix, centroids, &clusters, 0))
}

/// Every row's nearest centroid, and what is known about how safe that is.
struct Assignment {
    standings: Vec<Standing>,
    /// Slack that the rows of each cluster have lost so far.
    lost: Vec<f64>,
    /// Whether all values are known to be finite.
    finite: bool,
}

/// What is known of a row. As large as a `usize`, so that the labels are made where the standings lie
/// and no other memory is needed for them.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Standing {
    /// `n_clusters` before the first assignment.
    label: u32,
    /// The row's slack when it was last looked at, plus what its cluster's slack had lost by then: a
    /// row is safe while this is greater than what the cluster's slack has lost by now.
    slack: f32,
}

/// Share by which slack is counted as lost too much, against rounding of the losses and the slacks.
const LOSS_EXCESS: f64 = 1.0 / 65_536.0;

/// Slack that is no slack: squares of differences below 2^-63 vanish in `f32`.
const SLACK_MIN: f32 = 1e-17;

impl Assignment {
    fn new(n_rows: usize, n_clusters: usize) -> Assignment {
        Assignment {
            standings: vec![Standing { label: label(n_clusters), slack: 0.0 }; n_rows],
            lost: vec![0.0; n_clusters],
            finite: false,
        }
    }

    /// Notes how far the centroids moved.
    fn loosen(&mut self, movements: &[f64]) {
        for (own, lost) in self.lost.iter_mut().enumerate() {
            let others = movements.iter().enumerate().filter(|&(other, _)| other != own);
            let most = others.map(|(_, &moved)| moved).fold(0.0, f64::max);
            *lost += (movements[own] + most) * (1.0 + LOSS_EXCESS);
        }
    }

    /// Assigns every row that may have changed sides to its nearest centroid; of equally near ones
    /// the first. Returns how the clusters' sums change, and how many rows changed sides.
    fn renew(&mut self, matrix: &Matrix, centroids: &Matrix) -> Result<(ClusterSums, usize), LearnError> {
        let n_columns = matrix.n_columns();
        let points = PackedPoints::new(centroids);
        let lost = self.lost.iter().map(|&lost| rounded_up(lost)).chain([f32::INFINITY]).collect();
        let view = View { points: &points, lost, margin: rounding_margin(n_columns) };
        let level = Level::new();
        let nothing = || (ClusterSums::zero(centroids), 0, true);
        let (changes, n_changed, finite) = matrix
            .values()
            .par_chunks(CHUNK_N_ROWS * n_columns)
            .zip(self.standings.par_chunks_mut(CHUNK_N_ROWS))
            .fold(nothing, |(mut changes, n_changed, finite), (values, standings)| {
                let finite = finite && (self.finite || all_finite(values));
                let n_more = dispatch!(level, simd => view.renew_chunk(simd, (values, standings), &mut changes));
                (changes, n_changed + n_more, finite)
            })
            .reduce(nothing, |(mut changes, n_changed, finite), (more, n_more, more_finite)| {
                changes.merge(more);
                (changes, n_changed + n_more, finite && more_finite)
            });
        if !finite {
            matrix.require_finite()?;
        }
        self.finite = true;
        Ok((changes, n_changed))
    }

    /// Returns the assignment to the given centroids as the outcome.
    fn finished(self, matrix: &Matrix, centroids: Matrix, clusters: &ClusterSums, n_iter: usize) -> Restart {
        let sizes = clusters.sizes.iter().map(|&size| count(size)).collect();
        let inertia = inertia(matrix, &centroids, &self.standings);
        let labels = self.standings.into_iter().map(|standing| index(standing.label)).collect();
        Restart { centroids, labels, sizes, inertia, n_iter }
    }
}

/// Returns whether all values are finite.
#[inline(always)]
pub(super) fn all_finite(values: &[f32]) -> bool {
    // Bits of magnitudes are ordered as magnitudes are, and what is not finite comes last.
    let greatest = values.iter().fold(0, |greatest: u32, value| greatest.max(value.to_bits() & 0x7fff_ffff));
    greatest < f32::INFINITY.to_bits()
}

/// The centroids as the rows of one assignment see them.
struct View<'points> {
    points: &'points PackedPoints,
    /// Slack lost by each cluster; infinite for the rows that have none yet.
    lost: Vec<f32>,
    /// Share of the distances by which a slack must be reduced for rounding.
    margin: f32,
}

impl View<'_> {
    #[inline(always)]
    fn renew_chunk<S: Simd>(
        &self,
        simd: S,
        (values, standings): (&[f32], &mut [Standing]),
        changes: &mut ClusterSums,
    ) -> usize {
        let n_columns = values.len() / standings.len();
        let mut unsafe_rows = [0_u32; CHUNK_N_ROWS];
        let n_unsafe = self.find_unsafe(standings, &mut unsafe_rows);
        let mut n_changed = 0;
        let mut tile = Tile::new(n_columns);
        for row_idxs in unsafe_rows[..n_unsafe].chunks(TILE_N_ROWS) {
            let row = |row_idx: u32| &values[index(row_idx) * n_columns..][..n_columns];
            let last = row_idxs.len() - 1;
            tile.load(simd, std::array::from_fn(|lane| row(row_idxs[lane.min(last)])));
            let nearest = self.points.nearest_two(simd, &tile);
            let mut lane_slacks = [0.0_f32; TILE_N_ROWS];
            for (slack, (&squared, &next)) in lane_slacks.iter_mut().zip(nearest.squared.iter().zip(&nearest.next)) {
                let (near, far) = (squared.sqrt(), next.sqrt());
                *slack = (far - near) - (far + near) * self.margin - SLACK_MIN;
            }
            for (lane, &row_idx) in row_idxs.iter().enumerate() {
                let row_idx = index(row_idx);
                let standing = &mut standings[row_idx];
                let (former, label) = (standing.label, nearest.label[lane]);
                let lost = self.lost[index(label)];
                let total = lane_slacks[lane] + lost;
                // Less what rounding may have added to either.
                standing.slack = total - (total.abs() + 4.0 * lost) * f32::EPSILON;
                if label != former {
                    self.change_sides(&values[row_idx * n_columns..][..n_columns], former, label, changes);
                    standing.label = label;
                    n_changed += 1;
                }
            }
        }
        n_changed
    }

    /// Writes the positions of the rows that may have changed sides and returns how many they are.
    #[inline(always)]
    fn find_unsafe(&self, standings: &[Standing], unsafe_rows: &mut [u32; CHUNK_N_ROWS]) -> usize {
        let mut n_unsafe = 0;
        let last = self.lost.len() - 1;
        for (row_idx, &Standing { label, slack }) in (0..).zip(standings) {
            // Written always and counted when it holds: cheaper than a branch nobody can predict.
            unsafe_rows[n_unsafe] = row_idx;
            // Not a number where a distance was infinite: never safe.
            let safe = slack > self.lost[index(label).min(last)];
            n_unsafe += usize::from(!safe);
        }
        n_unsafe
    }

    #[inline(always)]
    fn change_sides(&self, row: &[f32], former: u32, label: u32, changes: &mut ClusterSums) {
        if index(former) < self.points.n_points() {
            changes.subtract(index(former), row);
        }
        changes.add(index(label), row);
    }
}

/// Returns the share of two distances that their difference must exceed for rounding not to have
/// changed which is less. A squared distance has at most one rounding more than three per column's
/// term and one per addition, so a distance is off by at most (d + 5) / 2 roundings of 2^-24; twice
/// that for the two distances and as much again for what is computed here.
fn rounding_margin(n_columns: usize) -> f32 {
    single(real(n_columns + 8)) * f32::EPSILON
}

/// Returns the least `f32` that is certainly not less.
fn rounded_up(value: f64) -> f32 {
    single(value * (1.0 + 2.0 * f64::from(f32::EPSILON)))
}

/// Returns every row's nearest point; of equally near ones the first.
pub(super) fn nearest_rows(matrix: &Matrix, points: &PackedPoints) -> Vec<usize> {
    let mut labels = vec![0_usize; matrix.n_rows()];
    let level = Level::new();
    let chunks = matrix.values().par_chunks(CHUNK_N_ROWS * matrix.n_columns());
    chunks.zip(labels.par_chunks_mut(CHUNK_N_ROWS)).for_each(|(values, labels)| {
        dispatch!(level, simd => nearest_of_chunk(simd, values, points, labels));
    });
    labels
}

#[inline(always)]
fn nearest_of_chunk<S: Simd>(simd: S, values: &[f32], points: &PackedPoints, labels: &mut [usize]) {
    let n_columns = values.len() / labels.len();
    let mut tile = Tile::new(n_columns);
    for (values, labels) in values.chunks(TILE_N_ROWS * n_columns).zip(labels.chunks_mut(TILE_N_ROWS)) {
        tile.load_block(simd, values);
        let nearest = points.nearest_two(simd, &tile);
        for (label, &found) in labels.iter_mut().zip(&nearest.label) {
            *label = index(found);
        }
    }
}

/// Returns each cluster's farthest row.
fn farthest_rows(matrix: &Matrix, centroids: &Matrix) -> Vec<Option<FarthestRow>> {
    let chunks = matrix.values().par_chunks(CHUNK_N_ROWS * matrix.n_columns());
    let farthest = || vec![None; centroids.n_rows()];
    chunks
        .map(|values| {
            let Ok(mut pass) = KMeansPass::new(centroids) else { return farthest() };
            pass.update_values(values);
            pass.into_farthest()
        })
        .reduce(farthest, |mut kept, candidates| {
            for (kept, candidate) in kept.iter_mut().zip(candidates) {
                if let Some(candidate) = candidate {
                    FarthestRow::keep(kept, candidate);
                }
            }
            kept
        })
}

/// Returns the sum of squared distances to the assigned centroids: each in `f64`, their sum exact.
fn inertia(matrix: &Matrix, centroids: &Matrix, standings: &[Standing]) -> f64 {
    let n_columns = matrix.n_columns();
    let level = Level::new();
    let nothing = || ExactSums::zero(1, 1, 1.0);
    let sum = matrix
        .values()
        .par_chunks(CHUNK_N_ROWS * n_columns)
        .zip(standings.par_chunks(CHUNK_N_ROWS))
        .fold(nothing, |mut sum, (values, standings)| {
            let mut reals = RealSums::zero();
            dispatch!(level, _simd => {
                for (row, standing) in values.chunks_exact(n_columns).zip(standings) {
                    reals.add(squared_distance(row, centroids.row(index(standing.label))));
                }
            });
            sum.add_reals(&reals);
            sum
        })
        .reduce(nothing, |mut sum, other| {
            sum.merge(other);
            sum
        });
    sum.group(0)[0]
}
