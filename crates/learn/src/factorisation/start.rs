//! The first components: non-negative double singular value decomposition (Boutsidis and Gallopoulos
//! 2008). Each singular pair is split by sign and the heavier part kept; what would be 0 becomes a
//! trace of the mean, as in the authors' variant "a", since a factor at 0 moves slowly.
//!
//! The right singular vectors are the eigenvectors of the columns' products, found by Jacobi's
//! rotations (1846): slow for very many columns, but exact and the same on every machine.

use crate::clustering::chunks::sum_chunks;
use crate::matrix::Matrix;
use crate::number::real;

/// Sweeps of rotations; convergence is quadratic and takes fewer than ten.
const N_SWEEPS_MAX: usize = 30;
/// Share of the mean that stands where a component would be 0.
const FILL: f64 = 0.01;

/// Returns the first components, one after another, each of length 1 before filling.
pub(super) fn first_components(matrix: &Matrix, n_components: usize) -> Vec<f64> {
    let n_columns = matrix.n_columns();
    let vectors = eigenvectors(column_products(matrix), n_columns);
    let leading = &vectors[..n_components.min(n_columns)];
    let squares = sign_squares(matrix, leading);
    let mut components = Vec::with_capacity(n_components * n_columns);
    for (vector, (positive, negative)) in leading.iter().zip(squares) {
        let part = |sign: f64| -> Vec<f64> { vector.iter().map(|&value| (sign * value).max(0.0)).collect() };
        let length = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
        let (above, below) = (part(1.0), part(-1.0));
        let kept = if positive * length(&above) >= negative * length(&below) { above } else { below };
        let fill = FILL * kept.iter().sum::<f64>().max(f64::MIN_POSITIVE) / real(n_columns);
        components.extend(kept.into_iter().map(|value| value.max(fill)));
    }
    components
}

/// Returns the products of each two columns, summed over the rows.
fn column_products(matrix: &Matrix) -> Vec<f64> {
    let n_columns = matrix.n_columns();
    sum_chunks(matrix, n_columns * n_columns, |_, chunk, products| {
        for row in chunk.chunks_exact(n_columns) {
            for (sums, &value) in products.chunks_exact_mut(n_columns).zip(row) {
                for (sum, &other) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value) * f64::from(other);
                }
            }
        }
    })
}

/// Returns for each vector the squares of the rows' products with it, the positive and the negative
/// ones apart.
fn sign_squares(matrix: &Matrix, vectors: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let sums = sum_chunks(matrix, 2 * vectors.len(), |_, chunk, squares| {
        for row in chunk.chunks_exact(matrix.n_columns()) {
            for (vector, squares) in vectors.iter().zip(squares.chunks_exact_mut(2)) {
                let product: f64 = row.iter().zip(vector).map(|(&value, weight)| f64::from(value) * weight).sum();
                squares[0] += product.max(0.0).powi(2);
                squares[1] += product.min(0.0).powi(2);
            }
        }
    });
    sums.chunks_exact(2).map(|squares| (squares[0], squares[1])).collect()
}

/// Returns the eigenvectors of a symmetric matrix, those of the greatest eigenvalues first.
fn eigenvectors(mut values: Vec<f64>, n_columns: usize) -> Vec<Vec<f64>> {
    let mut vectors: Vec<Vec<f64>> = (0..n_columns)
        .map(|row| (0..n_columns).map(|column| if row == column { 1.0 } else { 0.0 }).collect())
        .collect();
    let scale: f64 = values.iter().map(|value| value * value).sum();
    for _ in 0..N_SWEEPS_MAX {
        let mut off_diagonal = 0.0;
        for p in 0..n_columns {
            for q in p + 1..n_columns {
                off_diagonal += values[p * n_columns + q].powi(2);
                rotate(&mut values, &mut vectors, (p, q));
            }
        }
        if off_diagonal <= 1e-28 * scale {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n_columns).collect();
    let eigenvalue = |idx: usize| values[idx * n_columns + idx];
    order.sort_by(|&a, &b| eigenvalue(b).total_cmp(&eigenvalue(a)).then(a.cmp(&b)));
    order.into_iter().map(|idx| vectors[idx].clone()).collect()
}

/// Turns the plane of two axes, the lower one first, so that their product becomes 0.
fn rotate(values: &mut [f64], vectors: &mut [Vec<f64>], (p, q): (usize, usize)) {
    let n_columns = vectors.len();
    let at = |row: usize, column: usize| row * n_columns + column;
    let product = values[at(p, q)];
    if product.abs() <= f64::MIN_POSITIVE {
        return;
    }
    let theta = (values[at(q, q)] - values[at(p, p)]) / (2.0 * product);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for idx in 0..n_columns {
        let (a, b) = (values[at(idx, p)], values[at(idx, q)]);
        values[at(idx, p)] = cosine * a - sine * b;
        values[at(idx, q)] = sine * a + cosine * b;
    }
    for idx in 0..n_columns {
        let (a, b) = (values[at(p, idx)], values[at(q, idx)]);
        values[at(p, idx)] = cosine * a - sine * b;
        values[at(q, idx)] = sine * a + cosine * b;
    }
    let (before, from_second) = vectors.split_at_mut(q);
    for (a, b) in before[p].iter_mut().zip(&mut from_second[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::eigenvectors;

    #[test]
    fn eigenvectors_are_only_stretched() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let vectors = eigenvectors(matrix.to_vec(), 3);
        let mut former = f64::INFINITY;
        for vector in &vectors {
            let image: Vec<f64> =
                matrix.chunks(3).map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect();
            let eigenvalue: f64 = image.iter().zip(vector).map(|(a, b)| a * b).sum();
            assert!(eigenvalue <= former);
            former = eigenvalue;
            for (a, b) in image.iter().zip(vector) {
                assert!((a - eigenvalue * b).abs() < 1e-12, "{vectors:?}");
            }
        }
    }
}
