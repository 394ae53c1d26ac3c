//! HDBSCAN* finds odd shapes, leaves noise alone, and agrees with scikit-learn.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use throng_learn::{HdbscanParams, Matrix, adjusted_rand_index};

use crate::data::{blobs, check_refused, generator, known, noise, normal};

fn params(min_cluster_size: usize, min_samples: usize) -> HdbscanParams {
    HdbscanParams { min_cluster_size, min_samples, n_rows_max: 10_000, seed: 1 }
}

/// Returns labels as numbers, noise last.
fn plain(labels: &[Option<usize>]) -> Vec<usize> {
    labels.iter().map(|label| label.unwrap_or(99)).collect()
}

/// Returns two half rings that hold each other, and the ring of each row.
fn half_rings(n_rows: usize) -> (Matrix, Vec<usize>) {
    let mut generator = generator(6);
    let mut values = Vec::new();
    let truth: Vec<usize> = (0..n_rows).map(|row_idx| row_idx % 2).collect();
    for (row_idx, &ring) in truth.iter().enumerate() {
        let angle = std::f64::consts::PI * (row_idx / 2) as f64 / (n_rows / 2) as f64;
        let (x, y) = if ring == 0 { (angle.cos(), angle.sin()) } else { (1.0 - angle.cos(), 0.5 - angle.sin()) };
        values.push((x + 0.05 * normal(&mut generator)) as f32);
        values.push((y + 0.05 * normal(&mut generator)) as f32);
    }
    (Matrix::new(2, values).unwrap(), truth)
}

#[test]
fn half_rings_are_told_apart() {
    let (matrix, truth) = half_rings(600);
    let model = params(15, 5).fit(&matrix).unwrap();
    assert_eq!(model.n_clusters(), 2);
    let agreement = adjusted_rand_index(&truth, &plain(model.labels())).unwrap();
    assert!(agreement > 0.97, "{agreement}");
    assert!(model.persistences().iter().all(|persistence| (0.0..=1.0).contains(persistence)));
}

#[test]
fn rows_between_clusters_are_noise_and_score_as_outliers() {
    let (clusters, _) = blobs((600, 2), 3, 20.0, 3);
    let mut values = clusters.values().to_vec();
    let centre = [values[0] + 15.0, values[1] + 15.0];
    for offset in 0..5_u8 {
        values.extend(centre.map(|value| value + 8.0 * f32::from(offset)));
    }
    let matrix = Matrix::new(2, values).unwrap();
    let model = params(20, 5).fit(&matrix).unwrap();
    assert_eq!(model.n_clusters(), 3);
    for prediction in &model.predictions()[600..] {
        assert_eq!(prediction.label, None);
        assert!(prediction.strength < 1e-12);
        assert!(prediction.outlier_score > 0.9, "{prediction:?}");
    }
    let inside = &model.predictions()[..600];
    let mean = |value: fn(f64, f64) -> f64| {
        inside.iter().map(|inside| value(inside.strength, inside.outlier_score)).sum::<f64>() / 600.0
    };
    assert!(mean(|_, score| score) < 0.5);
    assert!(mean(|strength, _| strength) > 0.4);
}

#[test]
fn labels_are_those_of_scikit_learn() {
    let matrix = known();
    let model = params(5, 3).fit(&matrix).unwrap();
    // scikit-learn 1.9: HDBSCAN(min_cluster_size=5, min_samples=3).
    let mut expected = Vec::new();
    for row_idx in 0..60 {
        let upper_left = [0, 6, 12, 39, 45];
        expected.push(if row_idx % 3 > 0 {
            row_idx % 3
        } else if upper_left.contains(&row_idx) {
            4
        } else {
            3
        });
    }
    let agreement = adjusted_rand_index(&expected, &plain(model.labels())).unwrap();
    assert!(agreement > 1.0 - 1e-12, "{agreement} {:?}", model.labels());
}

#[test]
fn noise_without_clusters_gives_none_of_them() {
    let matrix = noise((400, 6), 2, normal);
    let model = params(40, 10).fit(&matrix).unwrap();
    assert_eq!(model.n_clusters(), 0);
    assert!(model.labels().iter().all(Option::is_none));
    assert!(model.persistences().is_empty());
}

#[test]
fn equal_rows_alone_are_no_clusters_but_far_groups_of_them_are() {
    let one = Matrix::new(1, vec![2.0; 50]).unwrap();
    assert_eq!(params(5, 5).fit(&one).unwrap().n_clusters(), 0);
    let two = Matrix::new(1, [vec![2.0; 30], vec![5.0; 20]].concat()).unwrap();
    let model = params(5, 5).fit(&two).unwrap();
    assert_eq!(model.n_clusters(), 2);
    assert_eq!(model.labels()[0], Some(0));
    assert_eq!(model.labels()[49], Some(1));
    assert!(model.predictions().iter().all(|found| found.strength > 0.999 && found.outlier_score < 0.001));
}

#[test]
fn new_rows_join_their_nearest_cluster_or_none() {
    let (matrix, truth) = blobs((900, 3), 3, 10.0, 5);
    let fitted: Vec<usize> = (0..600).collect();
    let others: Vec<usize> = (600..900).collect();
    let model = params(20, 5).fit(&matrix.take(&fitted)).unwrap();
    let found = model.approximate_predict(&matrix.take(&others)).unwrap();
    let assigned: Vec<usize> = (0..300).filter(|&idx| found[idx].label.is_some()).collect();
    assert!(assigned.len() > 250, "{}", assigned.len());
    let labels: Vec<usize> = assigned.iter().map(|&idx| found[idx].label.unwrap()).collect();
    let truth: Vec<usize> = assigned.iter().map(|&idx| truth[600 + idx]).collect();
    assert!(adjusted_rand_index(&truth, &labels).unwrap() > 0.99);
    let far = model.approximate_predict(&Matrix::new(3, vec![1e3, -1e3, 1e3]).unwrap()).unwrap();
    assert_eq!(far[0].label, None);
    assert!(far[0].outlier_score > 0.99);
}

proptest! {
    #[test]
    fn every_cluster_is_large_enough_and_every_score_in_range(
        values in proptest::collection::vec(-12..12_i8, 24..160),
        min_cluster_size in 2..6_usize,
        min_samples in 1..6_usize,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let matrix = Matrix::new(2, values[..values.len() / 2 * 2].to_vec()).unwrap();
        let model = params(min_cluster_size, min_samples).fit(&matrix).unwrap();
        let mut sizes = vec![0; model.n_clusters()];
        for (label, prediction) in model.labels().iter().zip(model.predictions()) {
            prop_assert_eq!(*label, prediction.label);
            prop_assert!((0.0..=1.0).contains(&prediction.strength));
            prop_assert!((0.0..=1.0).contains(&prediction.outlier_score));
            if let Some(label) = label {
                sizes[*label] += 1;
            }
        }
        prop_assert!(sizes.iter().all(|&size| size >= min_cluster_size), "{sizes:?}");
        prop_assert!(sizes.is_sorted_by(|a, b| a >= b));
        prop_assert!(sizes.len() != 1, "the whole is never one cluster");
    }

    #[test]
    fn order_of_tied_rows_does_not_change_a_label(
        values in proptest::collection::vec(-4..4_i8, 24..120),
        turn in 1..12_usize,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let matrix = Matrix::new(2, values[..values.len() / 2 * 2].to_vec()).unwrap();
        let mut order: Vec<usize> = (0..matrix.n_rows()).collect();
        order.rotate_left(turn);
        order.swap(0, 5);
        let first = params(3, 3).fit(&matrix).unwrap();
        let second = params(3, 3).fit(&matrix.take(&order)).unwrap();
        let expected: Vec<usize> = order.iter().map(|&row_idx| plain(first.labels())[row_idx]).collect();
        let agreement = adjusted_rand_index(&expected, &plain(second.labels())).unwrap();
        prop_assert!(agreement > 1.0 - 1e-12, "{agreement}");
    }
}

#[test]
fn impossible_fits_are_errors() {
    let matrix = Matrix::new(1, vec![1.0, 2.0, 3.0]).unwrap();
    check_refused(params(1, 1).fit(&matrix), "parameter min_cluster_size is 1, but must be at least 2");
    check_refused(params(2, 0).fit(&matrix), "parameter min_samples is 0, but must be at least 1");
    check_refused(params(2, 4).fit(&matrix), "cannot fit HDBSCAN on 3 rows; at least 4 are needed");
    for n_rows_max in [1, 70_000] {
        let message = format!(
            "parameter n_rows_max is {n_rows_max}, but must be at least min_cluster_size and min_samples, at most 65536"
        );
        check_refused(HdbscanParams { n_rows_max, ..params(2, 2) }.fit(&matrix), &message);
    }
}
