//! Silhouette (Rousseeuw 1987): how much nearer each row is to its own cluster than to the next.
//! 1 is far apart, 0 is on the border, negative is misplaced.

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use crate::distance::PackedPoints;
use crate::error::LearnError;
use crate::k_means::KMeans;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::sampled_rows;

/// What the caller chooses about the silhouette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SilhouetteParams {
    /// Rows up to which it is exact; above, that many are sampled, as time grows with the square.
    pub n_rows_max: usize,
    /// Seed of the sample.
    pub seed: u64,
}

/// Mean silhouettes of a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// Mean over all rows used, from -1 to 1.
    pub mean: f64,
    /// Mean over the rows of each cluster; `None` where none of its rows was used.
    pub by_cluster: Vec<Option<f64>>,
    /// Number of rows used.
    pub n_rows: usize,
}

/// Returns the silhouette of the partition `labels` of the rows of `matrix`.
///
/// A row alone in its cluster counts 0, as does every row of a partition with one cluster.
pub fn silhouette(matrix: &Matrix, labels: &[usize], params: &SilhouetteParams) -> Result<Silhouette, LearnError> {
    if labels.len() != matrix.n_rows() {
        return Err(LearnError::ShapeMismatch {
            what: "the list of labels",
            expected: matrix.n_rows(),
            found: labels.len(),
        });
    }
    matrix.require_finite()?;
    let n_clusters = labels.iter().max().map_or(0, |label| label + 1);
    let mut row_idxs = sampled_rows(matrix.n_rows(), params.n_rows_max, params.seed);
    // Rows of one cluster side by side, so that the sums below run over slices.
    row_idxs.sort_by_key(|&row_idx| (labels[row_idx], row_idx));
    let sample = matrix.take(&row_idxs);
    let sample_labels: Vec<usize> = row_idxs.iter().map(|&row_idx| labels[row_idx]).collect();
    let starts: Vec<usize> =
        (0..=n_clusters).map(|label| sample_labels.partition_point(|&other| other < label)).collect();
    let packed = PackedPoints::new(&sample);
    let positions: Vec<usize> = (0..sample.n_rows()).collect();
    let values: Vec<f64> = positions
        .par_iter()
        .map_init(
            || vec![0.0_f32; sample.n_rows()],
            |distances, &position| {
                packed.squared_distances(sample.row(position), distances);
                for distance in distances.iter_mut() {
                    *distance = distance.sqrt();
                }
                row_silhouette(distances, &starts, sample_labels[position])
            },
        )
        .collect();
    Ok(summarise(&values, &sample_labels, n_clusters))
}

/// Returns the silhouette with distances to centroids in place of mean distances to rows
/// (Hruschka et al. 2004); linear in the rows, so all of them are used.
pub fn simplified_silhouette(matrix: &Matrix, model: &KMeans) -> Result<Silhouette, LearnError> {
    let distances = model.distances(matrix)?;
    let labels = model.predict(matrix)?;
    let values: Vec<f64> = distances
        .rows()
        .zip(&labels)
        .map(|(row, &label)| {
            let others = row.iter().enumerate().filter(|&(other, _)| other != label);
            let next = others.fold(f64::INFINITY, |least, (_, &distance)| least.min(f64::from(distance)));
            contrast(f64::from(row[label]), next)
        })
        .collect();
    Ok(summarise(&values, &labels, model.n_clusters()))
}

/// Returns one row's silhouette, given its distances to all rows sorted by cluster.
fn row_silhouette(distances: &[f32], starts: &[usize], own: usize) -> f64 {
    let mut within = 0.0;
    let mut next = f64::INFINITY;
    for label in 0..starts.len() - 1 {
        let cluster = &distances[starts[label]..starts[label + 1]];
        if cluster.is_empty() {
            continue;
        }
        let sum: f64 = cluster.iter().map(|&distance| f64::from(distance)).sum();
        if label != own {
            next = next.min(sum / real(cluster.len()));
        } else if cluster.len() > 1 {
            within = sum / real(cluster.len() - 1);
        } else {
            return 0.0;
        }
    }
    contrast(within, next)
}

fn contrast(within: f64, next: f64) -> f64 {
    let greater = within.max(next);
    if next.is_infinite() || greater <= 0.0 {
        return 0.0;
    }
    (next - within) / greater
}

fn summarise(values: &[f64], labels: &[usize], n_clusters: usize) -> Silhouette {
    let mut sums = vec![0.0_f64; n_clusters];
    let mut sizes = vec![0_usize; n_clusters];
    for (&value, &label) in values.iter().zip(labels) {
        sums[label] += value;
        sizes[label] += 1;
    }
    let by_cluster = sums.iter().zip(&sizes);
    Silhouette {
        mean: values.iter().sum::<f64>() / real(values.len().max(1)),
        by_cluster: by_cluster.map(|(sum, &size)| (size > 0).then(|| sum / real(size))).collect(),
        n_rows: values.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::{SilhouetteParams, silhouette, simplified_silhouette};
    use crate::k_means::KMeansParams;
    use crate::matrix::Matrix;

    #[test]
    fn four_points_on_a_line_give_the_value_worked_by_hand() {
        let matrix = Matrix::new(1, vec![0.0, 1.0, 4.0, 6.0]).unwrap();
        let params = SilhouetteParams { n_rows_max: 10, seed: 0 };
        let found = silhouette(&matrix, &[0, 0, 1, 1], &params).unwrap();
        // (b - a) / max(a, b) with a, b = (1, 5), (1, 4), (2, 3.5), (2, 5.5).
        let by_hand = [4.0 / 5.0, 3.0 / 4.0, 1.5 / 3.5, 3.5 / 5.5];
        let mean = by_hand.iter().sum::<f64>() / 4.0;
        assert!((found.mean - mean).abs() < 1e-7);
        let second = found.by_cluster[1].unwrap();
        assert!((second - f64::midpoint(by_hand[2], by_hand[3])).abs() < 1e-7);
    }

    #[test]
    fn simplified_value_is_taken_from_distances_to_centroids() {
        let matrix = Matrix::new(1, vec![0.0, 1.0, 4.0, 6.0]).unwrap();
        let params = KMeansParams { n_clusters: 2, n_init: 3, n_iter_max: 20, tolerance: 0.0, seed: 1 };
        let model = params.fit(&matrix).unwrap();
        let found = simplified_silhouette(&matrix, &model).unwrap();
        // Centroids at 0.5 and 5, so own and next are (0.5, 5), (0.5, 4), (1, 3.5), (1, 5.5).
        let mean = (4.5 / 5.0 + 3.5 / 4.0 + 2.5 / 3.5 + 4.5 / 5.5) / 4.0;
        assert!((found.mean - mean).abs() < 1e-6);
        assert_eq!(found.n_rows, 4);
    }

    #[test]
    fn lonely_row_and_single_cluster_count_zero() {
        let matrix = Matrix::new(1, vec![0.0, 1.0, 9.0]).unwrap();
        let params = SilhouetteParams { n_rows_max: 10, seed: 0 };
        let found = silhouette(&matrix, &[0, 0, 1], &params).unwrap();
        assert_eq!(found.by_cluster[1], Some(0.0));
        let found = silhouette(&matrix, &[0, 0, 0], &params).unwrap();
        assert!(found.mean.abs() < 1e-12);
    }
}
