//! Ward's agglomeration makes the merges that always taking the least distance makes, also when leaves
//! stand for many rows.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use throng_learn::{Agglomerative, AgglomerativeParams, LearnError, Matrix, adjusted_rand_index};

use crate::data::{blobs, check_refused, known};

fn params(n_clusters: usize) -> AgglomerativeParams {
    AgglomerativeParams { n_clusters, n_rows_max: 10_000, n_micro_clusters: 60, seed: 1 }
}

/// Returns the heights found by always merging the two clusters that add the least inertia.
fn heights_by_search(matrix: &Matrix) -> Vec<f64> {
    let mut clusters: Vec<(f64, Vec<f64>)> =
        matrix.rows().map(|row| (1.0, row.iter().map(|&value| f64::from(value)).collect())).collect();
    let mut heights = Vec::new();
    while clusters.len() > 1 {
        let mut best = (f64::INFINITY, 0, 0);
        for a in 0..clusters.len() {
            for b in 0..a {
                let ((weight_a, mean_a), (weight_b, mean_b)) = (&clusters[a], &clusters[b]);
                let squared: f64 = mean_a.iter().zip(mean_b).map(|(x, y)| (x - y).powi(2)).sum();
                let height = 2.0 * weight_a * weight_b / (weight_a + weight_b) * squared;
                if height < best.0 {
                    best = (height, a, b);
                }
            }
        }
        let (height, a, b) = best;
        let (weight_a, mean_a) = clusters.remove(a);
        let (weight_b, mean_b) = &mut clusters[b];
        for (value, other) in mean_b.iter_mut().zip(mean_a) {
            *value = (*value * *weight_b + other * weight_a) / (*weight_b + weight_a);
        }
        *weight_b += weight_a;
        heights.push(height.sqrt());
    }
    heights
}

/// Checks what every dendrogram keeps.
fn check_dendrogram(model: &Agglomerative, n_rows: usize) {
    let merges = model.merges();
    let n_leaves = model.n_leaves();
    assert_eq!(merges.len() + 1, n_leaves);
    assert!(merges.is_sorted_by(|a, b| a.height <= b.height));
    let mut used = vec![false; n_leaves + merges.len()];
    for (merge_idx, merge) in merges.iter().enumerate() {
        assert!(merge.first < merge.second);
        assert!(merge.second < n_leaves + merge_idx);
        for node in [merge.first, merge.second] {
            assert!(!used[node]);
            used[node] = true;
        }
    }
    assert_eq!(merges.last().map_or(n_rows, |merge| merge.n_rows), n_rows);
}

proptest! {
    #[test]
    fn heights_are_those_of_the_plain_search(
        values in proptest::collection::vec(-1000.0..1000.0_f32, 6..90),
    ) {
        let matrix = Matrix::new(3, values[..values.len() / 3 * 3].to_vec()).unwrap();
        let model = params(1).fit(&matrix).unwrap();
        check_dendrogram(&model, matrix.n_rows());
        let expected = heights_by_search(&matrix);
        for (merge, expected) in model.merges().iter().zip(&expected) {
            prop_assert!((merge.height - expected).abs() <= 1e-3 * (1.0 + expected), "{merge:?} {expected}");
        }
    }

    #[test]
    fn finer_cuts_only_open_clusters(
        values in proptest::collection::vec(-9..9_i8, 20..80),
        n_rows_max in 1..60_usize,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let matrix = Matrix::new(2, values[..values.len() / 2 * 2].to_vec()).unwrap();
        let Ok(model) = (AgglomerativeParams { n_rows_max, ..params(1) }).fit(&matrix) else {
            prop_assert!(false, "one cluster can always be made");
            return Ok(());
        };
        check_dendrogram(&model, matrix.n_rows());
        let mut coarse = model.cut(1).unwrap();
        for n_clusters in 2..=matrix.n_rows() {
            let fine = match model.cut(n_clusters) {
                Ok(fine) => fine,
                Err(error) => {
                    prop_assert_eq!(error, LearnError::TooFewDistinctRows { n_clusters, n_distinct: n_clusters - 1 });
                    break;
                }
            };
            let mut above = vec![None; n_clusters];
            for (&fine, &coarse) in fine.iter().zip(&coarse) {
                prop_assert_eq!(*above[fine].get_or_insert(coarse), coarse);
            }
            prop_assert!(above.iter().all(Option::is_some));
            coarse = fine;
        }
    }
}

#[test]
fn dendrogram_is_that_of_scipy() {
    let matrix = known();
    let model = params(4).fit(&matrix).unwrap();
    // scipy 1.17: the last rows of linkage(rows, "ward").
    let last = &model.merges()[55..];
    let expected = [(18.050_898_87, 20), (19.539_933_36, 20), (91.586_214_05, 40), (115.027_288_29, 60)];
    for (merge, (height, n_rows)) in last.iter().zip(expected) {
        assert!((merge.height - height).abs() < 1e-4, "{merge:?}");
        assert_eq!(merge.n_rows, n_rows);
    }
    let sizes: Vec<usize> = (0..4).map(|label| model.labels().iter().filter(|&&l| l == label).count()).collect();
    assert_eq!(sizes, [20, 20, 15, 5]);
}

#[test]
fn micro_clusters_give_nearly_the_clusters_of_the_rows() {
    let (matrix, truth) = blobs((3_000, 5), 6, 5.0, 4);
    let rows = params(6).fit(&matrix).unwrap();
    let micro = AgglomerativeParams { n_rows_max: 500, ..params(6) }.fit(&matrix).unwrap();
    assert_eq!((rows.n_leaves(), micro.n_leaves()), (3_000, 60));
    for model in [&rows, &micro] {
        let agreement = adjusted_rand_index(&truth, model.labels()).unwrap();
        assert!(agreement > 0.98, "{agreement}");
    }
    // The last merges add as much inertia.
    let (rows, micro) = (&rows.merges()[2_994..], &micro.merges()[54..]);
    for (a, b) in rows.iter().zip(micro) {
        assert!((a.height - b.height).abs() < 0.05 * a.height, "{a:?} {b:?}");
    }
}

#[test]
fn few_different_rows_are_leaves_of_their_own() {
    let matrix = Matrix::new(1, [1.0_f32, 2.0, 10.0].repeat(40)).unwrap();
    let params = AgglomerativeParams { n_rows_max: 50, n_micro_clusters: 20, ..params(2) };
    let model = params.fit(&matrix).unwrap();
    assert_eq!(model.n_leaves(), 3);
    assert_eq!(&model.labels()[..3], &[0, 0, 1]);
}

#[test]
fn impossible_agglomerations_are_errors() {
    let matrix = Matrix::new(1, vec![1.0, 1.0, 2.0]).unwrap();
    check_refused(
        AgglomerativeParams { n_rows_max: 40_000, ..params(1) }.fit(&matrix),
        "parameter n_rows_max is 40000, but must be at most 32768",
    );
    check_refused(
        AgglomerativeParams { n_micro_clusters: 1, ..params(2) }.fit(&matrix),
        "parameter n_micro_clusters is 1, but must be at least n_clusters",
    );
    check_refused(params(3).fit(&matrix), "cannot make 3 clusters of 2 different rows");
    let model = params(2).fit(&matrix).unwrap();
    check_refused(model.cut(0), "parameter n_clusters is 0, but must be at least 1");
    check_refused(model.cut(3), "cannot make 3 clusters of 2 different rows");
}
