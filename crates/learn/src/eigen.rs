//! Symmetric matrices: eigenvalues by cyclic Jacobi rotations (1846; Golub and Van Loan, §8.5).
//! Slow beside blocked methods, but exact to the last bits for small matrices, without a library,
//! and in a fixed order of operations.

use crate::number::real;

/// Sweeps over all pairs; convergence is quadratic, and 6 to 10 are usual.
const N_SWEEPS_MAX: usize = 60;

/// Eigenvalues in descending order, each with its unit vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    /// One vector per value; its entry of greatest size is positive.
    pub(crate) vectors: Vec<Vec<f64>>,
}

/// Returns the eigenvalues and eigenvectors of a symmetric matrix.
pub(crate) fn eigen(symmetric: &[Vec<f64>]) -> Eigen {
    let n = symmetric.len();
    let mut matrix = symmetric.to_vec();
    // Row `i` becomes the i-th eigenvector.
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|row| (0..n).map(|column| if row == column { 1.0 } else { 0.0 }).collect()).collect();
    let total: f64 = matrix.iter().flatten().map(|value| value * value).sum();
    for _ in 0..N_SWEEPS_MAX {
        let mut off = 0.0;
        for (row_idx, row) in matrix.iter().enumerate() {
            off += row[..row_idx].iter().map(|value| value * value).sum::<f64>();
        }
        if off <= f64::EPSILON.powi(2) * total * real(n) {
            break;
        }
        for first in 0..n {
            for second in first + 1..n {
                rotate(&mut matrix, &mut vectors, first, second);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]).then(a.cmp(&b)));
    Eigen {
        values: order.iter().map(|&idx| matrix[idx][idx]).collect(),
        vectors: order.iter().map(|&idx| oriented(&vectors[idx])).collect(),
    }
}

/// Rotates the plane of two axes so that the entry between them vanishes.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], first: usize, second: usize) {
    let between = matrix[first][second];
    if between.abs() <= f64::MIN_POSITIVE {
        return;
    }
    let theta = (matrix[second][second] - matrix[first][first]) / (2.0 * between);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[first], row[second]) =
            (cosine * row[first] - sine * row[second], sine * row[first] + cosine * row[second]);
    }
    rotate_rows(matrix, (first, second), (cosine, sine));
    rotate_rows(vectors, (first, second), (cosine, sine));
}

fn rotate_rows(rows: &mut [Vec<f64>], (first, second): (usize, usize), (cosine, sine): (f64, f64)) {
    let (head, tail) = rows.split_at_mut(second);
    for (a, b) in head[first].iter_mut().zip(&mut tail[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

/// Returns the vector or its opposite, such that its greatest entry (of equals the first) is positive.
fn oriented(vector: &[f64]) -> Vec<f64> {
    let mut greatest = 0.0_f64;
    for &value in vector {
        if value.abs() > greatest.abs() {
            greatest = value;
        }
    }
    let sign = if greatest < 0.0 { -1.0 } else { 1.0 };
    vector.iter().map(|value| sign * value).collect()
}

#[cfg(test)]
mod tests {
    use super::eigen;

    #[test]
    fn two_by_two_is_as_worked_by_hand() {
        let found = eigen(&[vec![2.0, 1.0], vec![1.0, 2.0]]);
        assert!((found.values[0] - 3.0).abs() < 1e-12);
        assert!((found.values[1] - 1.0).abs() < 1e-12);
        let half = 0.5_f64.sqrt();
        assert!((found.vectors[0][0] - half).abs() < 1e-12);
        assert!((found.vectors[0][1] - half).abs() < 1e-12);
    }

    #[test]
    fn values_and_vectors_give_the_matrix_back() {
        let n = 12;
        let entry = |row: usize, column: usize| {
            let (low, high) = (row.min(column), row.max(column));
            f64::from(u32::try_from((low * 7 + high * 13) % 11).unwrap()) - 5.0
        };
        let matrix: Vec<Vec<f64>> = (0..n).map(|row| (0..n).map(|column| entry(row, column)).collect()).collect();
        let found = eigen(&matrix);
        for row in 0..n {
            for column in 0..n {
                let parts = found.values.iter().zip(&found.vectors);
                let sum: f64 = parts.map(|(value, vector)| value * vector[row] * vector[column]).sum();
                assert!((sum - matrix[row][column]).abs() < 1e-10);
            }
        }
    }
}
