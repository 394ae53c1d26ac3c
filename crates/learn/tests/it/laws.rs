//! Laws that every learner keeps: same seed, same bytes; no matter how many threads; no matter the
//! order of the rows, copies of a column, or a column that says nothing. (That inputs stay as they
//! are is in the signatures: all of them borrow.)

use rand::seq::SliceRandom;
use rayon::ThreadPoolBuilder;
use throng_learn::{
    Confidence, KMeans, Matrix, MembershipParams, RobustScalerParams, Selection, SilhouetteParams, StabilityParams,
    adjusted_rand_index, mean_ratio_bootstrap, select_k, silhouette, stability,
};

use crate::data::{blobs, generator, k_means, noise, normal};
use crate::selection::params;

/// Everything that is learnt from one matrix, to be compared as a whole.
#[derive(Debug, PartialEq)]
struct Learnt {
    scaled: Matrix,
    model: KMeans,
    memberships: Vec<u64>,
    silhouette: u64,
    stability: Vec<u64>,
    selection: Selection,
    ratio: [u64; 3],
}

fn learn(matrix: &Matrix, seed: u64) -> Learnt {
    let scaler = RobustScalerParams { clip: 4.0 }.fit(matrix).unwrap();
    let scaled = scaler.transform(matrix).unwrap();
    let model = k_means(4, seed).fit(&scaled).unwrap();
    let membership = MembershipParams { reach_share: 0.99 }.fit(&model, &scaled).unwrap();
    let memberships = membership.predict_proba(&scaled).unwrap();
    let silhouette_params = SilhouetteParams { n_rows_max: 300, seed };
    let stability_params = StabilityParams { n_resamples: 3, refit: k_means(4, seed) };
    let stability = stability(&scaled, &model, &stability_params).unwrap();
    let column: Vec<f64> = matrix.column(0).iter().map(|&v| f64::from(v).exp()).collect();
    let confidence = Confidence::new(0.9).unwrap();
    let (first, second) = column.split_at(500);
    let ratio = mean_ratio_bootstrap(first, &second[..500], confidence, 100, seed).unwrap();
    let mean = silhouette(&scaled, model.labels(), &silhouette_params).unwrap().mean;
    Learnt {
        memberships: memberships.rows().flatten().map(|share| share.to_bits()).collect(),
        silhouette: mean.to_bits(),
        stability: stability.jaccard.iter().map(|value| value.to_bits()).collect(),
        selection: select_k(&scaled, &params(seed)).unwrap(),
        ratio: [ratio.estimate, ratio.low, ratio.high].map(f64::to_bits),
        scaled,
        model,
    }
}

/// More than two chunks of rows, and not a whole number of them.
fn matrix() -> Matrix {
    blobs((10_001, 5), 4, 1.0, 17).0
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let matrix = matrix();
    let first = learn(&matrix, 5);
    assert!(first == learn(&matrix, 5));
    let other = learn(&matrix, 6);
    assert!(first.silhouette != other.silhouette);
    assert!(first.stability != other.stability);
    assert!(first.ratio != other.ratio);
}

#[test]
fn number_of_threads_does_not_change_a_bit() {
    let matrix = matrix();
    let with = |n_threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| learn(&matrix, 5))
    };
    let single = with(1);
    assert!(single == with(2));
    assert!(single == with(5));
}

#[test]
fn order_of_the_rows_does_not_change_the_clusters() {
    for seed in 0..5 {
        let (matrix, _) = blobs((900, 4), 4, 6.0, seed);
        let mut order: Vec<usize> = (0..900).collect();
        order.shuffle(&mut generator(seed + 100));
        let shuffled = matrix.take(&order);
        let scaler = RobustScalerParams { clip: 4.0 };
        let (first, second) = (scaler.fit(&matrix).unwrap(), scaler.fit(&shuffled).unwrap());
        assert_eq!(first.columns().len(), second.columns().len());
        let first = first.transform(&matrix).unwrap();
        let second = second.transform(&shuffled).unwrap();
        assert_eq!(first.take(&order), second);
        let first = k_means(4, seed).fit(&first).unwrap();
        let second = k_means(4, seed).fit(&second).unwrap();
        let expected: Vec<usize> = order.iter().map(|&idx| first.labels()[idx]).collect();
        let ari = adjusted_rand_index(&expected, second.labels()).unwrap();
        assert!((ari - 1.0).abs() < 1e-12, "seed {seed}: {ari}");
    }
}

/// Checks that adding a column changes neither distances nor clusters.
fn check_added_column(added: impl Fn(&Matrix) -> Vec<f32>) {
    let (matrix, _) = blobs((600, 4), 3, 2.0, 30);
    let mut columns: Vec<Vec<f32>> = (0..4).map(|idx| matrix.column(idx)).collect();
    columns.push(added(&matrix));
    let wider = Matrix::from_columns(&columns).unwrap();
    let scale = |matrix: &Matrix| {
        let scaler = RobustScalerParams { clip: 4.0 }.fit(matrix).unwrap();
        scaler.transform(matrix).unwrap()
    };
    let (plain, wider) = (scale(&matrix), scale(&wider));
    let first = k_means(3, 2).fit(&plain).unwrap();
    let second = k_means(3, 2).fit(&wider).unwrap();
    assert_eq!(first.labels(), second.labels());
    let first = first.distances(&plain).unwrap();
    let second = second.distances(&wider).unwrap();
    for (a, b) in first.values().iter().zip(second.values()) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn copied_column_has_no_second_vote() {
    check_added_column(|matrix| matrix.column(2));
    check_added_column(|matrix| matrix.column(0).iter().map(|value| 5.0 - 3.0 * value).collect());
}

#[test]
fn constant_or_missing_column_is_ignored() {
    check_added_column(|matrix| vec![7.5; matrix.n_rows()]);
    check_added_column(|matrix| vec![f32::NAN; matrix.n_rows()]);
}

#[test]
fn large_silhouette_sample_approaches_the_exact_value() {
    let matrix = noise((3000, 3), 8, normal);
    let model = k_means(3, 8).fit(&matrix).unwrap();
    let of = |n_rows_max| {
        let params = SilhouetteParams { n_rows_max, seed: 1 };
        silhouette(&matrix, model.labels(), &params).unwrap()
    };
    let (exact, sampled) = (of(3000), of(1500));
    assert_eq!((exact.n_rows, sampled.n_rows), (3000, 1500));
    assert!((exact.mean - sampled.mean).abs() < 0.02);
    for (a, b) in exact.by_cluster.iter().zip(&sampled.by_cluster) {
        assert!((a.unwrap() - b.unwrap()).abs() < 0.05);
    }
}
