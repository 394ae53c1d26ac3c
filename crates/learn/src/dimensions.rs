//! Dimensions: along what rows vary, where they do not fall into groups. Principal components of the
//! correlations (Hotelling 1933), so that no column counts more for its unit.

use crate::eigen::eigen;
use crate::error::LearnError;
use crate::linear::{dot, zeros};
use crate::matrix::Matrix;
use crate::number::real;

/// One dimension along which rows vary.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Its share of the columns' variance.
    pub share: f64,
    /// Each column's correlation with it; the greatest is positive.
    pub loadings: Vec<f64>,
}

/// Returns the leading dimensions of the rows of `matrix`, at most `n_max`; a constant column has no
/// part in any.
///
/// ```
/// use throng_learn::{Matrix, dimensions};
///
/// let values = (0..50_u16).flat_map(|idx| [f32::from(idx), -2.0 * f32::from(idx), f32::from(idx * idx % 7)]);
/// let found = dimensions(&Matrix::new(3, values.collect())?, 2)?;
/// assert!(found[0].share > 0.6);
/// assert!(found[0].loadings[0] * found[0].loadings[1] < -0.9);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn dimensions(matrix: &Matrix, n_max: usize) -> Result<Vec<Dimension>, LearnError> {
    matrix.require_finite()?;
    let correlations = correlations(matrix);
    let found = eigen(&correlations);
    let total: f64 = (0..correlations.len()).map(|idx| correlations[idx][idx]).sum();
    let pairs = found.values.iter().zip(&found.vectors).take(n_max).filter(|&(&value, _)| value > 0.0);
    Ok(pairs
        .map(|(value, vector)| Dimension {
            share: value / total.max(f64::MIN_POSITIVE),
            loadings: vector.iter().map(|entry| entry * value.sqrt()).collect(),
        })
        .collect())
}

fn correlations(matrix: &Matrix) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..matrix.n_columns())
        .map(|column_idx| {
            let column = matrix.column(column_idx);
            let mean = column.iter().map(|&value| f64::from(value)).sum::<f64>() / real(column.len().max(1));
            let away: Vec<f64> = column.iter().map(|&value| f64::from(value) - mean).collect();
            let length = dot(&away, &away).sqrt();
            away.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
        })
        .collect();
    let mut table = zeros(columns.len());
    for (first, a) in columns.iter().enumerate() {
        for (second, b) in columns[..=first].iter().enumerate() {
            let correlation = dot(a, b);
            table[first][second] = correlation;
            table[second][first] = correlation;
        }
    }
    table
}
