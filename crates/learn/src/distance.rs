//! Squared Euclidean distances from rows to points: the inner loop of the crate.
//!
//! Two layouts serve two shapes of work. One row and many points: points are packed eight abreast
//! and the compiler turns the loop over lanes into vector instructions. Many rows and few points
//! (k-means): sixteen rows are turned into a [`Tile`] of columns, one lane per row, and each point's
//! values are spread over the lanes; the nearest point is then found for sixteen rows at once.
//!
//! Differences are squared directly instead of expanding `‖x‖² − 2x·c + ‖c‖²`: that costs one more
//! instruction per value, but nothing cancels in `f32`. In either layout a distance is summed over
//! the columns in order, by one subtraction, one multiplication and one addition each, never fused.
//! So every machine gets the same bits, however wide its vectors, and the wide ones are used.

use fearless_simd::{Select, Simd, SimdBase, f32x4, f32x16, u32x16};

use crate::matrix::Matrix;
use crate::number::index;

/// Points computed side by side; two vectors of four on the plainest 64-bit processors.
const N_LANES: usize = 8;

/// Rows computed side by side: one vector of the widest processors, two or four of the others.
pub(crate) const TILE_N_ROWS: usize = 16;

/// Points whose distances to a tile are summed together: as many sums as fit the registers of
/// processors with vectors of eight.
const QUAD_N_POINTS: usize = 4;

/// Points packed for distance computations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedPoints {
    n_points: usize,
    n_columns: usize,
    /// Groups of eight points; inside a group, column after column, eight values each.
    /// Lanes without a point are infinitely far away.
    values: Vec<[f32; N_LANES]>,
}

impl PackedPoints {
    /// Returns the rows of `points`, packed.
    pub(crate) fn new(points: &Matrix) -> PackedPoints {
        let n_points = points.n_rows();
        let n_columns = points.n_columns();
        let n_groups = n_points.div_ceil(N_LANES);
        let mut values = vec![[f32::INFINITY; N_LANES]; n_groups * n_columns];
        for (point_idx, point) in points.rows().enumerate() {
            let group = (point_idx / N_LANES) * n_columns;
            for (column_idx, &value) in point.iter().enumerate() {
                values[group + column_idx][point_idx % N_LANES] = value;
            }
        }
        PackedPoints { n_points, n_columns, values }
    }

    /// Returns the number of points.
    pub(crate) fn n_points(&self) -> usize {
        self.n_points
    }

    /// Returns the nearest point to each row of a tile, and how far it and the second nearest are.
    #[inline(always)]
    pub(crate) fn nearest_two<S: Simd>(&self, simd: S, tile: &Tile) -> NearestTwo {
        let infinity = f32x16::splat(simd, f32::INFINITY);
        let mut nearest = NearestTwoLanes { label: u32x16::splat(simd, 0), squared: infinity, next: infinity };
        let mut label = 0;
        for group in self.values.chunks_exact(self.n_columns) {
            nearest.consider(simd, label, quad_squared::<S, 0>(simd, tile, group));
            label += QUAD_LABELS;
            // Every other half of a group may be empty.
            if index(label) < self.n_points {
                nearest.consider(simd, label, quad_squared::<S, QUAD_N_POINTS>(simd, tile, group));
            }
            label += QUAD_LABELS;
        }
        let mut lanes = NearestTwo::default();
        nearest.label.store_slice(&mut lanes.label);
        nearest.squared.store_slice(&mut lanes.squared);
        nearest.next.store_slice(&mut lanes.next);
        lanes
    }

    /// Writes the squared distances from each row of a tile to point after point.
    #[inline(always)]
    pub(crate) fn squared_of_tile<S: Simd>(&self, simd: S, tile: &Tile, squared: &mut [[f32; TILE_N_ROWS]]) {
        debug_assert_eq!(squared.len(), self.n_points);
        for (group, targets) in self.values.chunks_exact(self.n_columns).zip(squared.chunks_mut(N_LANES)) {
            let (first, second) = targets.split_at_mut(targets.len().min(QUAD_N_POINTS));
            for (lanes, target) in quad_squared::<S, 0>(simd, tile, group).iter().zip(first) {
                lanes.store_slice(target);
            }
            if !second.is_empty() {
                for (lanes, target) in quad_squared::<S, QUAD_N_POINTS>(simd, tile, group).iter().zip(second) {
                    lanes.store_slice(target);
                }
            }
        }
    }

    /// Writes the squared distance from `row` to every point into `squared`.
    pub(crate) fn squared_distances(&self, row: &[f32], squared: &mut [f32]) {
        debug_assert_eq!(squared.len(), self.n_points);
        let groups = self.values.chunks_exact(self.n_columns);
        for (group, target) in groups.zip(squared.chunks_mut(N_LANES)) {
            let lanes = squared_distances(row, group);
            target.copy_from_slice(&lanes[..target.len()]);
        }
    }
}

fn squared_distances(row: &[f32], group: &[[f32; N_LANES]]) -> [f32; N_LANES] {
    let mut squared = [0.0_f32; N_LANES];
    for (&value, lanes) in row.iter().zip(group) {
        for (sum, &lane) in squared.iter_mut().zip(lanes) {
            let difference = value - lane;
            *sum += difference * difference;
        }
    }
    squared
}

/// [`QUAD_N_POINTS`] as a label.
const QUAD_LABELS: u32 = 4;

/// Sixteen rows, turned: one array of lanes per column.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    columns: Vec<[f32; TILE_N_ROWS]>,
}

/// The nearest point to each row of a tile; of equally near ones the first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NearestTwo {
    pub(crate) label: [u32; TILE_N_ROWS],
    pub(crate) squared: [f32; TILE_N_ROWS],
    /// Squared distance of the second nearest.
    pub(crate) next: [f32; TILE_N_ROWS],
}

impl Tile {
    pub(crate) fn new(n_columns: usize) -> Tile {
        Tile { columns: vec![[0.0; TILE_N_ROWS]; n_columns] }
    }

    /// Loads up to sixteen rows that lie one after another.
    #[inline(always)]
    pub(crate) fn load_block<S: Simd>(&mut self, simd: S, values: &[f32]) {
        let n_columns = self.columns.len();
        let last = values.len() / n_columns - 1;
        self.load(simd, std::array::from_fn(|lane| &values[lane.min(last) * n_columns..][..n_columns]));
    }

    /// Turns sixteen rows into columns, four rows and four columns at a time. Where there are fewer
    /// rows, one is named repeatedly.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(&mut self, simd: S, rows: [&[f32]; TILE_N_ROWS]) {
        let (quads, _) = rows.as_chunks::<4>();
        for (quad_idx, rows) in quads.iter().enumerate() {
            let first_lane = quad_idx * 4;
            let [a, b, c, d] = rows.map(|row| row.as_chunks::<4>());
            let (columns, columns_rest) = self.columns.as_chunks_mut::<4>();
            for ((((columns, a), b), c), d) in columns.iter_mut().zip(a.0).zip(b.0).zip(c.0).zip(d.0) {
                let turned = turn([a, b, c, d].map(|values| f32x4::from_slice(simd, values)));
                for (column, lanes) in columns.iter_mut().zip(turned) {
                    lanes.store_slice(&mut column[first_lane..first_lane + 4]);
                }
            }
            for ((((column, &a), &b), &c), &d) in columns_rest.iter_mut().zip(a.1).zip(b.1).zip(c.1).zip(d.1) {
                column[first_lane..first_lane + 4].copy_from_slice(&[a, b, c, d]);
            }
        }
    }
}

/// Returns the columns of four rows of four.
#[inline(always)]
fn turn<S: Simd>([a, b, c, d]: [f32x4<S>; 4]) -> [f32x4<S>; 4] {
    let (low, high) = (a.zip_low(c), a.zip_high(c));
    let (other_low, other_high) = (b.zip_low(d), b.zip_high(d));
    [low.zip_low(other_low), low.zip_high(other_low), high.zip_low(other_high), high.zip_high(other_high)]
}

struct NearestTwoLanes<S: Simd> {
    label: u32x16<S>,
    squared: f32x16<S>,
    next: f32x16<S>,
}

impl<S: Simd> NearestTwoLanes<S> {
    /// Takes four more points into account, the first of which is called `label`.
    #[inline(always)]
    fn consider(&mut self, simd: S, label: u32, quad: [f32x16<S>; QUAD_N_POINTS]) {
        for (label, squared) in (label..).zip(quad) {
            let nearer = squared.simd_lt(self.squared);
            let loser = nearer.select(self.squared, squared);
            self.next = loser.simd_lt(self.next).select(loser, self.next);
            self.squared = nearer.select(squared, self.squared);
            self.label = nearer.select(u32x16::splat(simd, label), self.label);
        }
    }
}

/// Returns the squared distances of a tile's rows to four points of a group, from lane `FIRST` on.
#[inline(always)]
fn quad_squared<S: Simd, const FIRST: usize>(
    simd: S,
    tile: &Tile,
    group: &[[f32; N_LANES]],
) -> [f32x16<S>; QUAD_N_POINTS] {
    let mut squared = [f32x16::splat(simd, 0.0); QUAD_N_POINTS];
    for (column, points) in tile.columns.iter().zip(group) {
        let values = f32x16::from_slice(simd, column);
        for (point_idx, sum) in squared.iter_mut().enumerate() {
            let difference = values - f32x16::splat(simd, points[FIRST + point_idx]);
            *sum += difference * difference;
        }
    }
    squared
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::{PackedPoints, TILE_N_ROWS, Tile};
    use crate::matrix::Matrix;
    use crate::number::index;

    #[test]
    fn every_point_is_measured_and_the_first_of_equals_is_nearest() {
        for n_points in [1_usize, 7, 8, 9, 17] {
            let repeated = [0.0_f32, 1.0, 2.0, 3.0, 4.0].into_iter().cycle();
            let values = repeated.take(n_points * 3).collect();
            let points = Matrix::new(3, values).unwrap();
            let packed = PackedPoints::new(&points);
            let row = [1.0_f32, 2.0, 0.0];
            let expected: Vec<f32> =
                points.rows().map(|point| point.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum()).collect();
            let mut squared = vec![0.0; n_points];
            packed.squared_distances(&row, &mut squared);
            assert_eq!(squared, expected);
            let mut sorted = expected.clone();
            sorted.sort_by(f32::total_cmp);
            let next = sorted.get(1).copied().unwrap_or(f32::INFINITY);
            let first = expected.iter().position(|&distance| distance <= sorted[0]).unwrap();
            let mut tile = Tile::new(3);
            let mut of_tile = vec![[0.0; TILE_N_ROWS]; n_points];
            let nearest = dispatch!(Level::new(), simd => {
                tile.load_block(simd, &row);
                packed.squared_of_tile(simd, &tile, &mut of_tile);
                packed.nearest_two(simd, &tile)
            });
            for lane in [0, TILE_N_ROWS - 1] {
                assert_eq!(of_tile.iter().map(|lanes| lanes[lane]).collect::<Vec<_>>(), expected);
                assert_eq!(index(nearest.label[lane]), first);
                assert_eq!((nearest.squared[lane], nearest.next[lane]), (sorted[0], next));
            }
        }
    }
}
