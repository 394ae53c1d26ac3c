//! One pass of k-means over rows that come in blocks, from anywhere, in any order: k-means beyond
//! memory, or on several machines.
//!
//! A pass is an accumulator: every worker makes one from the centroids, updates it with its blocks,
//! and the states are merged. Sums are exact, so neither the cut into blocks nor the order of
//! merging shows in the result, and a fit by passes is the fit in memory, bit for bit.

use fearless_simd::{Level, Simd, dispatch};

use crate::distance::{NearestTwo, PackedPoints, TILE_N_ROWS, Tile};
use crate::error::LearnError;
use crate::k_means::exact::{ExactSums, RealSums};
use crate::k_means::lloyd::CHUNK_N_ROWS;
use crate::k_means::sums::{ClusterSums, FarthestRow, centroids, movements};
use crate::matrix::Matrix;
use crate::number::{count, index};

/// What one pass over the rows found out about the clusters around given centroids.
///
/// ```
/// use throng_learn::{KMeansPass, Matrix};
///
/// let centroids = Matrix::new(1, vec![0.0, 10.0])?;
/// let mut first = KMeansPass::new(&centroids)?;
/// first.update(&Matrix::new(1, vec![1.0, 8.0])?)?;
/// let mut second = KMeansPass::new(&centroids)?;
/// second.update(&Matrix::new(1, vec![3.0])?)?;
/// second.merge(&KMeansPass::from_state(&centroids, &first.state())?);
/// let step = second.evaluate();
/// assert_eq!(step.centroids.values(), &[2.0, 8.0]);
/// assert_eq!((step.sizes, step.inertia), (vec![2, 1], 14.0));
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansPass {
    centroids: Matrix,
    points: PackedPoints,
    clusters: ClusterSums,
    /// Squared distances.
    inertia: ExactSums,
    farthest: Vec<Option<FarthestRow>>,
}

/// Where a pass leads.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansStep {
    /// The means of the rows of each cluster. A cluster without rows has taken over a far row of
    /// another one; where none could spare one it stays where it was.
    pub centroids: Matrix,
    /// Sum over the clusters of the squared distance from the former centroid to the new one.
    pub movement: f64,
    /// Number of rows nearest to each former centroid.
    pub sizes: Vec<usize>,
    /// Sum of the squared distances of the rows to the former centroids.
    pub inertia: f64,
    /// Variance of a column over all rows, averaged over the columns; 0 without rows.
    pub mean_variance: f64,
}

impl KMeansPass {
    /// Returns the pass around `centroids`, no row seen yet.
    pub fn new(centroids: &Matrix) -> Result<KMeansPass, LearnError> {
        centroids.require_finite()?;
        let n_clusters = centroids.n_rows();
        if n_clusters == 0 {
            return Err(LearnError::TooFewRows { attempt: "start a k-means pass", n_rows: 0, n_rows_needed: 1 });
        }
        Ok(KMeansPass {
            points: PackedPoints::new(centroids),
            clusters: ClusterSums::zero(centroids),
            inertia: ExactSums::zero(1, 1, 1.0),
            farthest: vec![None; n_clusters],
            centroids: centroids.clone(),
        })
    }

    /// Returns the centroids the pass is around.
    #[must_use]
    pub fn centroids(&self) -> &Matrix {
        &self.centroids
    }

    /// Assigns the rows of a block to their nearest centroids.
    pub fn update(&mut self, block: &Matrix) -> Result<(), LearnError> {
        block.require_columns(self.centroids.n_columns())?;
        block.require_finite()?;
        self.update_values(block.values());
        Ok(())
    }

    /// As [`KMeansPass::update`], of rows known to be finite and to fit.
    pub(super) fn update_values(&mut self, values: &[f32]) {
        dispatch!(Level::new(), simd => self.update_tiles(simd, values));
    }

    #[inline(always)]
    fn update_tiles<S: Simd>(&mut self, simd: S, values: &[f32]) {
        let n_columns = self.centroids.n_columns();
        let mut tile = Tile::new(n_columns);
        for chunk in values.chunks(CHUNK_N_ROWS * n_columns) {
            let mut reals = RealSums::zero();
            for values in chunk.chunks(TILE_N_ROWS * n_columns) {
                tile.load_block(simd, values);
                let nearest = self.points.nearest_two(simd, &tile);
                self.update_rows(values, &nearest, &mut reals);
            }
            self.inertia.add_reals(&reals);
        }
    }

    #[inline(always)]
    fn update_rows(&mut self, values: &[f32], nearest: &NearestTwo, reals: &mut RealSums) {
        let found = nearest.label.into_iter().zip(nearest.squared);
        for (row, (label, squared)) in values.chunks_exact(self.centroids.n_columns()).zip(found) {
            let cluster = index(label);
            self.clusters.add(cluster, row);
            reals.add(squared_distance(row, self.centroids.row(cluster)));
            if self.farthest[cluster].as_ref().is_none_or(|kept| squared >= kept.squared) {
                FarthestRow::keep(&mut self.farthest[cluster], FarthestRow { squared, row: row.to_vec() });
            }
        }
    }

    /// Adds what another pass around the same centroids has seen.
    pub fn merge(&mut self, other: &KMeansPass) {
        assert_eq!(self.centroids, other.centroids, "passes around different centroids do not merge");
        self.clusters.merge(other.clusters.clone());
        self.inertia.merge(other.inertia.clone());
        for (kept, candidate) in self.farthest.iter_mut().zip(&other.farthest) {
            if let Some(candidate) = candidate {
                FarthestRow::keep(kept, candidate.clone());
            }
        }
    }

    /// Returns where the rows seen so far lead.
    #[must_use]
    pub fn evaluate(&self) -> KMeansStep {
        let mut clusters = self.clusters.clone();
        let inertia = self.inertia.group(0)[0];
        let n_rows: i64 = clusters.sizes.iter().sum();
        let mean_variance = match n_rows {
            0 => 0.0,
            _ => clusters.mean_variance(&self.centroids, &clusters.means(&self.centroids), inertia),
        };
        if clusters.any_empty() {
            clusters.repair_empty(&self.farthest);
        }
        let moved = centroids(&clusters.means(&self.centroids), self.centroids.n_columns());
        KMeansStep {
            movement: movements(&self.centroids, &moved).iter().map(|moved| moved * moved).sum(),
            centroids: moved,
            sizes: self.clusters.sizes.iter().map(|&size| count(size)).collect(),
            inertia,
            mean_variance,
        }
    }

    /// Returns each cluster's farthest row.
    pub(super) fn into_farthest(self) -> Vec<Option<FarthestRow>> {
        self.farthest
    }

    /// Returns the state as bytes: the same for the same rows, however they came.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.clusters.sums.append_state(&mut bytes);
        self.inertia.append_state(&mut bytes);
        for (size, farthest) in self.clusters.sizes.iter().zip(&self.farthest) {
            bytes.extend(size.to_le_bytes());
            // A cluster has a farthest row exactly when it has a row.
            if let Some(FarthestRow { squared, row }) = farthest {
                bytes.extend(squared.to_le_bytes());
                bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        bytes
    }

    /// Returns the pass around `centroids` whose state is `bytes`.
    pub fn from_state(centroids: &Matrix, bytes: &[u8]) -> Result<KMeansPass, LearnError> {
        let mut pass = KMeansPass::new(centroids)?;
        let n_columns = centroids.n_columns();
        let mut reader = Reader { bytes };
        let sums = reader.take(ExactSums::state_n_bytes(centroids.n_rows(), n_columns))?;
        pass.clusters.sums.read_state(sums)?;
        pass.inertia.read_state(reader.take(ExactSums::state_n_bytes(1, 1))?)?;
        for (size, farthest) in pass.clusters.sizes.iter_mut().zip(&mut pass.farthest) {
            *size = i64::from_le_bytes(reader.array()?);
            if !(0..=N_ROWS_MAX).contains(size) {
                return Err(LearnError::InvalidState { what: "a number of rows" });
            }
            if *size > 0 {
                let squared = reader.single()?;
                let row = (0..n_columns).map(|_| reader.single()).collect::<Result<_, _>>()?;
                *farthest = Some(FarthestRow { squared, row });
            }
        }
        if !reader.bytes.is_empty() {
            return Err(LearnError::InvalidState { what: "the length" });
        }
        Ok(pass)
    }
}

/// Rows that the exact sums have room for.
const N_ROWS_MAX: i64 = 1 << 40;

/// The rest of a state's bytes.
struct Reader<'bytes> {
    bytes: &'bytes [u8],
}

impl<'bytes> Reader<'bytes> {
    fn take(&mut self, n_bytes: usize) -> Result<&'bytes [u8], LearnError> {
        let split = self.bytes.split_at_checked(n_bytes);
        let (taken, rest) = split.ok_or(LearnError::InvalidState { what: "the length" })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LearnError> {
        let array = self.take(N)?.try_into();
        array.map_err(|_| LearnError::InvalidState { what: "the length" })
    }

    fn single(&mut self) -> Result<f32, LearnError> {
        let value = f32::from_le_bytes(self.array()?);
        if value.is_nan() {
            return Err(LearnError::InvalidState { what: "a farthest row" });
        }
        Ok(value)
    }
}

/// Returns the squared distance of a row to its centroid in `f64`.
#[inline(always)]
pub(super) fn squared_distance(row: &[f32], centroid: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 4];
    let (row, row_rest) = row.as_chunks::<4>();
    let (centroid, centroid_rest) = centroid.as_chunks::<4>();
    for (values, centres) in row.iter().zip(centroid) {
        for ((sum, &value), &centre) in sums.iter_mut().zip(values).zip(centres) {
            let difference = f64::from(value) - f64::from(centre);
            *sum += difference * difference;
        }
    }
    for ((sum, &value), &centre) in sums.iter_mut().zip(row_rest).zip(centroid_rest) {
        let difference = f64::from(value) - f64::from(centre);
        *sum += difference * difference;
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
