//! Indices of a partition: numbers that have been proposed to choose the number of clusters by.
//! They are evidence beside the rule of `selection.rs`; each of them alone misleads somewhere.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::error::LearnError;
use crate::k_means::{KMeans, KMeansParams};
use crate::linear::group_means;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::random::{derived_seed, generator};

/// Times the rows are halved for the prediction strength.
const N_HALVINGS: u64 = 2;
/// Reference matrices of the gap statistic; its error is printed beside it.
const N_GAP_REFERENCES: u64 = 5;

/// What a partition looks like.
struct Shape {
    /// Squared distances to the centroids, summed by cluster.
    squared: Vec<f64>,
    /// Distances to the centroids, averaged by cluster.
    distance_mean: Vec<f64>,
    means: Vec<Vec<f64>>,
    sizes: Vec<usize>,
}

impl Shape {
    fn of(matrix: &Matrix, labels: &[usize]) -> Result<Shape, LearnError> {
        if labels.len() != matrix.n_rows() {
            let (expected, found) = (matrix.n_rows(), labels.len());
            return Err(LearnError::ShapeMismatch { what: "the list of labels", expected, found });
        }
        matrix.require_finite()?;
        let n_clusters = labels.iter().max().map_or(0, |label| label + 1);
        let groups: Vec<Option<usize>> = labels.iter().map(|&label| Some(label)).collect();
        let (means, sizes) = group_means(matrix, &groups, n_clusters);
        let mut squared = vec![0.0; n_clusters];
        let mut distance_mean = vec![0.0; n_clusters];
        for (row, &label) in matrix.rows().zip(labels) {
            let distance = squared_distance(row, &means[label]);
            squared[label] += distance;
            distance_mean[label] += distance.sqrt() / real(sizes[label]);
        }
        Ok(Shape { squared, distance_mean, means, sizes })
    }
}

fn squared_distance(row: &[f32], mean: &[f64]) -> f64 {
    row.iter().zip(mean).map(|(&value, mean)| (f64::from(value) - mean).powi(2)).sum()
}

/// Returns the variance between clusters over that within, per degree of freedom (Caliński and
/// Harabasz 1974); higher is better, and 0 for one cluster.
pub fn calinski_harabasz(matrix: &Matrix, labels: &[usize]) -> Result<f64, LearnError> {
    let shape = Shape::of(matrix, labels)?;
    let n_clusters = shape.sizes.iter().filter(|&&size| size > 0).count();
    let within: f64 = shape.squared.iter().sum();
    if n_clusters < 2 || within <= 0.0 || matrix.n_rows() <= n_clusters {
        return Ok(0.0);
    }
    let whole = Shape::of(matrix, &vec![0; labels.len()])?;
    let between = whole.squared[0] - within;
    Ok(between / real(n_clusters - 1) / (within / real(matrix.n_rows() - n_clusters)))
}

/// Returns how wide clusters are beside the distance to the neighbour they are most mixed with,
/// averaged over them (Davies and Bouldin 1979); lower is better.
pub fn davies_bouldin(matrix: &Matrix, labels: &[usize]) -> Result<f64, LearnError> {
    let shape = Shape::of(matrix, labels)?;
    let filled: Vec<usize> = (0..shape.sizes.len()).filter(|&label| shape.sizes[label] > 0).collect();
    let mut sum = 0.0;
    for &label in &filled {
        let mut worst = 0.0_f64;
        for &other in filled.iter().filter(|&&other| other != label) {
            let pairs = shape.means[label].iter().zip(&shape.means[other]);
            let apart = pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let width = shape.distance_mean[label] + shape.distance_mean[other];
            worst = worst.max(if apart > 0.0 { width / apart } else { f64::INFINITY });
        }
        sum += worst;
    }
    Ok(sum / real(filled.len().max(1)))
}

/// Returns the Bayesian information criterion of the round normal mixture that the partition stands
/// for (Pelleg and Moore 2000): −2 log likelihood plus the price of its parameters; lower is better.
pub fn partition_bic(matrix: &Matrix, labels: &[usize]) -> Result<f64, LearnError> {
    let shape = Shape::of(matrix, labels)?;
    let (n_rows, n_columns) = (real(matrix.n_rows()), real(matrix.n_columns()));
    let sizes: Vec<f64> = shape.sizes.iter().filter(|&&size| size > 0).map(|&size| real(size)).collect();
    let n_clusters = real(sizes.len());
    let freedom = n_columns * (n_rows - n_clusters).max(1.0);
    let variance = (shape.squared.iter().sum::<f64>() / freedom).max(f64::MIN_POSITIVE);
    let shares: f64 = sizes.iter().map(|size| size * (size / n_rows).ln()).sum();
    let log_likelihood = shares - 0.5 * n_rows * n_columns * (std::f64::consts::TAU * variance).ln() - 0.5 * freedom;
    let n_parameters = (n_clusters - 1.0) + n_clusters * n_columns + 1.0;
    Ok(n_parameters * n_rows.ln() - 2.0 * log_likelihood)
}

/// Returns the prediction strength (Tibshirani and Walther 2005): the rows are halved, both halves
/// clustered, and in the worst cluster of one half the share of pairs counted that the other half's
/// centroids keep together; averaged over halvings. From 0.8 a number of clusters is supported.
pub fn prediction_strength(matrix: &Matrix, fit: &KMeansParams) -> Result<f64, LearnError> {
    let mut sum = 0.0;
    for halving in 0..N_HALVINGS {
        let mut order: Vec<usize> = (0..matrix.n_rows()).collect();
        order.shuffle(&mut generator(fit.seed, halving));
        let (first, second) = order.split_at(order.len() / 2);
        let (first, second) = (matrix.take(first), matrix.take(second));
        let models: Vec<KMeans> = [&first, &second]
            .into_iter()
            .zip(1_u64..)
            .map(|(half, stream)| KMeansParams { seed: derived_seed(fit.seed, 8 * halving + stream), ..*fit }.fit(half))
            .collect::<Result<_, _>>()?;
        let strength = |half: &Matrix, own: &KMeans, other: &KMeans| -> Result<f64, LearnError> {
            Ok(pairs_kept(own.labels(), &other.predict(half)?, fit.n_clusters))
        };
        sum += strength(&first, &models[0], &models[1])? + strength(&second, &models[1], &models[0])?;
    }
    Ok(sum / (2.0 * real(usize::try_from(N_HALVINGS).unwrap_or(1))))
}

/// Returns for the worst cluster of `own` the share of its pairs of rows that share a label in `other`.
fn pairs_kept(own: &[usize], other: &[usize], n_clusters: usize) -> f64 {
    let mut both = vec![vec![0_usize; n_clusters]; n_clusters];
    for (&label, &other) in own.iter().zip(other) {
        both[label][other] += 1;
    }
    let shares = both.iter().map(|counts| {
        let pairs = |size: usize| real(size) * (real(size) - 1.0) / 2.0;
        let all = pairs(counts.iter().sum());
        if all > 0.0 { counts.iter().map(|&count| pairs(count)).sum::<f64>() / all } else { 1.0 }
    });
    shares.fold(1.0, f64::min)
}

/// The gap of one number of clusters, and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gap {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

/// Returns the gap statistic for each model (Tibshirani, Walther and Hastie 2001): how much lower the
/// logarithm of its inertia is than that of fits to uniform data in the same box. The box lies along
/// the columns, which are expected to be whitened or of like spread.
pub(crate) fn gaps(matrix: &Matrix, models: &[KMeans], fit: &KMeansParams) -> Result<Vec<Gap>, LearnError> {
    let mut low = vec![f32::INFINITY; matrix.n_columns()];
    let mut high = vec![f32::NEG_INFINITY; matrix.n_columns()];
    for row in matrix.rows() {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(row) {
            (*low, *high) = (low.min(value), high.max(value));
        }
    }
    let mut logs: Vec<Vec<f64>> = vec![Vec::new(); models.len()];
    for reference in 0..N_GAP_REFERENCES {
        let mut generator = generator(fit.seed, reference);
        let mut values = Vec::with_capacity(matrix.values().len());
        for _ in 0..matrix.n_rows() {
            for (&low, &high) in low.iter().zip(&high) {
                values.push(low + (high - low) * single(generator.random::<f64>()));
            }
        }
        let drawn = Matrix::new(matrix.n_columns(), values)?;
        for (logs, model) in logs.iter_mut().zip(models) {
            let fit = KMeansParams { n_clusters: model.n_clusters(), ..*fit };
            // A box without extent in all columns cannot be parted; it says nothing then.
            logs.push(fit.fit(&drawn).map_or(0.0, |fitted| logarithm(fitted.inertia())));
        }
    }
    Ok(logs.iter().zip(models).map(|(logs, model)| gap(logs, logarithm(model.inertia()))).collect())
}

fn gap(logs: &[f64], own: f64) -> Gap {
    let n_references = real(logs.len());
    let mean = logs.iter().sum::<f64>() / n_references;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / n_references;
    Gap { value: mean - own, error: (variance * (1.0 + 1.0 / n_references)).sqrt() }
}

fn logarithm(inertia: f64) -> f64 {
    inertia.max(f64::MIN_POSITIVE).ln()
}

#[cfg(test)]
mod tests {
    use super::{calinski_harabasz, davies_bouldin, pairs_kept, partition_bic, prediction_strength};
    use crate::k_means::KMeansParams;
    use crate::matrix::Matrix;

    fn line() -> Matrix {
        Matrix::new(1, vec![0.0, 2.0, 10.0, 12.0]).unwrap()
    }

    #[test]
    fn indices_are_as_worked_by_hand() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        // Within 4, between 100: 100 / (4 / 2).
        close(calinski_harabasz(&line(), &[0, 0, 1, 1]).unwrap(), 50.0);
        // Both one wide, ten apart.
        close(davies_bouldin(&line(), &[0, 0, 1, 1]).unwrap(), 0.2);
        close(calinski_harabasz(&line(), &[0, 0, 0, 0]).unwrap(), 0.0);
        assert!(calinski_harabasz(&line(), &[0, 0]).is_err());
    }

    #[test]
    fn criterion_prefers_the_planted_number() {
        let values: Vec<f32> =
            (0..120_u16).map(|idx| f32::from(idx % 2) * 9.0 + f32::from(idx * 37 % 101) * 0.01).collect();
        let matrix = Matrix::new(1, values).unwrap();
        let two: Vec<usize> = (0..120).map(|idx| idx % 2).collect();
        let one = vec![0; 120];
        assert!(partition_bic(&matrix, &two).unwrap() < partition_bic(&matrix, &one).unwrap());
        let params = KMeansParams { n_clusters: 2, n_init: 2, n_iter_max: 20, tolerance: 0.0, seed: 1 };
        assert!(prediction_strength(&matrix, &params).unwrap() > 0.99);
    }

    #[test]
    fn worst_cluster_counts_for_prediction() {
        // Of the second cluster's three pairs one is kept.
        let found = pairs_kept(&[0, 0, 1, 1, 1], &[0, 0, 0, 1, 1], 2);
        assert!((found - 1.0 / 3.0).abs() < 1e-12);
    }
}
