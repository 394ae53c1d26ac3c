//! Squared Euclidean distances from one row to many points: the inner loop of the crate.
//!
//! Points are packed eight abreast, so that the compiler turns the loop over lanes into vector
//! instructions. Differences are squared directly instead of expanding `‖x‖² − 2x·c + ‖c‖²`: that
//! costs one more instruction per value, but nothing cancels in `f32`, and because no fused or
//! processor-specific instruction is chosen at run time, every machine gets the same bits.

use crate::matrix::Matrix;

/// Points computed side by side; two vectors of four on the plainest 64-bit processors.
const N_LANES: usize = 8;

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

    /// Returns the nearest point and its squared distance; of equally near ones the first.
    pub(crate) fn nearest(&self, row: &[f32]) -> (usize, f32) {
        let mut nearest_idx = 0;
        let mut nearest = f32::INFINITY;
        for (group_idx, group) in self.values.chunks_exact(self.n_columns).enumerate() {
            let squared = squared_distances(row, group);
            for (lane, &distance) in squared.iter().enumerate() {
                if distance < nearest {
                    nearest = distance;
                    nearest_idx = group_idx * N_LANES + lane;
                }
            }
        }
        (nearest_idx, nearest)
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

#[cfg(test)]
mod tests {
    use super::PackedPoints;
    use crate::matrix::Matrix;

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
            let least = expected.iter().copied().fold(f32::INFINITY, f32::min);
            let first = expected.iter().position(|&distance| distance <= least);
            assert_eq!(Some(packed.nearest(&row).0), first);
        }
    }
}
