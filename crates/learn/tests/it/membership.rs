//! Memberships add up, are calibrated, and leave strangers unassigned.

use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, proptest};
use throng_learn::{
    CalibrationParams, Confidence, Matrix, MembershipModel, MembershipParams, RobustScalerParams, Shape,
};

use crate::data::{blobs, generator, k_means, normal};

const PARAMS: MembershipParams = MembershipParams { reach_share: 0.99 };

fn fit(matrix: &Matrix, n_clusters: usize) -> MembershipModel {
    let model = k_means(n_clusters, 3).fit(matrix).unwrap();
    PARAMS.fit(&model, matrix).unwrap()
}

fn matrices() -> impl Strategy<Value = (usize, Vec<i16>)> {
    (1..5_usize, 10..60_usize).prop_flat_map(|(n_columns, n_rows)| {
        let values = proptest::collection::vec(-9..9_i16, n_columns * n_rows);
        (Just(n_columns), values)
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn rows_are_not_negative_and_add_up_to_exactly_one(
        (n_columns, values) in matrices(),
        n_clusters in 1..7_usize,
        stretch in 0.01..30.0_f32,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let matrix = Matrix::new(n_columns, values).unwrap();
        if let Ok(model) = k_means(n_clusters, 1).fit(&matrix) {
            let model = PARAMS.fit(&model, &matrix).unwrap();
            let elsewhere = matrix.values().iter().map(|value| value * stretch);
            let elsewhere = Matrix::new(n_columns, elsewhere.collect()).unwrap();
            let memberships = model.predict_proba(&elsewhere).unwrap();
            prop_assert_eq!(memberships.n_rows(), matrix.n_rows());
            prop_assert_eq!(memberships.n_columns(), n_clusters + 1);
            for row in memberships.rows() {
                prop_assert!(row.iter().all(|&share| (0.0..=1.0).contains(&share)));
                let sum = row.iter().fold(0.0_f64, |sum, share| sum + share);
                prop_assert!(sum.to_bits() == 1.0_f64.to_bits(), "{sum}");
            }
        }
    }
}

#[test]
fn strangers_to_clusters_of_equal_rows_are_unassigned() {
    let model = fit(&Matrix::new(1, vec![-3.0, -3.0, 7.0, 7.0]).unwrap(), 2);
    let found = model.predict_proba(&Matrix::new(1, vec![7.0, 1.0]).unwrap()).unwrap();
    assert!(found.row(0)[2] < 0.2, "{:?}", found.row(0));
    assert_eq!(found.row(1), [0.0, 0.0, 1.0]);
}

#[test]
fn centre_belongs_middle_is_shared_and_stranger_is_unassigned() {
    let mut generator = generator(12);
    let mut values = Vec::new();
    for row_idx in 0..2000 {
        let centre = if row_idx % 2 == 0 { -4.0 } else { 4.0 };
        values.push((centre + normal(&mut generator)) as f32);
        values.push(normal(&mut generator) as f32);
    }
    let model = fit(&Matrix::new(2, values).unwrap(), 2);
    let centroids = model.k_means().centroids();
    let left = usize::from(centroids.row(0)[0] > 0.0);
    let probes = Matrix::new(2, vec![-4.0, 0.0, 0.0, 0.0, 40.0, 40.0, -4.0, 12.0]).unwrap();
    let found = model.predict_proba(&probes).unwrap();
    assert!(found.row(0)[left] > 0.97, "{:?}", found.row(0));
    assert!((found.row(1)[0] - found.row(1)[1]).abs() < 0.1, "{:?}", found.row(1));
    assert!(found.row(2)[2] > 0.999, "{:?}", found.row(2));
    assert!(found.row(3)[2] > 0.95, "{:?}", found.row(3));
}

/// Rows that are so-and-so much of a cluster come from it about so often.
#[test]
fn memberships_are_calibrated_on_overlapping_blobs() {
    let mut generator = generator(21);
    let mut values = Vec::new();
    let mut truth = Vec::new();
    for row_idx in 0..6000_usize {
        let right = row_idx % 2;
        truth.push(right);
        values.push((2.4 * right as f64 + normal(&mut generator)) as f32);
        for _ in 0..3 {
            values.push(normal(&mut generator) as f32);
        }
    }
    let matrix = Matrix::new(4, values).unwrap();
    let model = fit(&matrix, 2);
    let right = usize::from(model.k_means().centroids().row(1)[0] > 1.2);
    let found = model.predict_proba(&matrix).unwrap();
    for bin in 0..5 {
        let (low, high) = (f64::from(bin) / 5.0, f64::from(bin + 1) / 5.0);
        let mut claimed = 0.0;
        let mut came = 0.0;
        let mut n_rows = 0.0;
        for (row, &truth) in found.rows().zip(&truth) {
            let share = row[right] / (row[0] + row[1]);
            if low <= share && share < high {
                claimed += share;
                came += truth as f64;
                n_rows += 1.0;
            }
        }
        let error = (claimed - came) / n_rows;
        assert!(error.abs() < 0.12, "{low} to {high}: off by {error} over {n_rows} rows");
    }
}

/// Rows held out, of two clusters of which one is twice as wide: the border half way between the
/// centroids would be wrong by a tenth and more.
#[test]
fn memberships_of_a_wide_and_a_narrow_cluster_are_calibrated() {
    let mut generator = generator(31);
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for row_idx in 0..8000_usize {
        let right = row_idx % 2;
        for column in 0..4 {
            let centre = if column == 0 { 3.5 * right as f64 } else { 0.0 };
            values.push((centre + (0.7 + 0.7 * right as f64) * normal(&mut generator)) as f32);
        }
        truth.push(right);
    }
    let matrix = Matrix::new(4, values).unwrap();
    let (fitted, held_out): (Vec<usize>, Vec<usize>) = (0..8000).partition(|row| row % 4 < 2);
    let model = fit(&matrix.take(&fitted), 2);
    assert_ne!(model.shape(), Shape::Common);
    assert!((0.8..0.99).contains(&model.agreement()), "{}", model.agreement());
    let right = usize::from(model.k_means().centroids().row(1)[0] > 1.7);
    let found = model.predict_proba(&matrix.take(&held_out)).unwrap();
    let truth: Vec<Option<usize>> =
        held_out.iter().map(|&row| Some(if truth[row] == 1 { right } else { 1 - right })).collect();
    let judge = CalibrationParams { n_bins: 10, confidence: Confidence::new(0.95).unwrap() };
    let calibration = judge.evaluate_largest(&found, &truth).unwrap();
    assert!(calibration.expected_error < 0.03, "{calibration:?}");
}

#[test]
fn what_is_known_of_a_row_decides_and_nothing_known_gives_the_shares() {
    let (matrix, _) = blobs((900, 3), 3, 4.0, 14);
    let model = fit(&matrix, 3);
    let whole = model.predict_proba(&matrix).unwrap();
    assert_eq!(whole, model.predict_proba_partial(&matrix).unwrap());
    let nan = f32::NAN;
    let centre = model.k_means().centroids().row(1);
    let rows = vec![nan, nan, nan, centre[0], centre[1], nan, 1e4, nan, nan];
    let found = model.predict_proba_partial(&Matrix::new(3, rows).unwrap()).unwrap();
    for (share, expected) in found.row(0).iter().zip(model.shares()) {
        assert!((share - expected).abs() < 1e-9, "{:?}", found.row(0));
    }
    assert!(found.row(1)[1] > 0.5, "{:?}", found.row(1));
    assert!(found.row(2)[3] > 0.99, "{:?}", found.row(2));
    assert!(model.predict_proba_partial(&Matrix::new(3, vec![f32::INFINITY; 3]).unwrap()).is_err());
    assert!(model.predict_proba_partial(&Matrix::new(2, vec![nan; 2]).unwrap()).is_err());
}

#[test]
fn few_of_its_own_rows_are_unassigned() {
    let check = |n_columns: usize, n_clusters: usize| {
        let (matrix, _) = blobs((2000, n_columns), n_clusters, 2.0, 6);
        let scaler = RobustScalerParams { clip: 4.0 }.fit(&matrix).unwrap();
        let matrix = scaler.transform(&matrix).unwrap();
        let found = fit(&matrix, n_clusters).predict_proba(&matrix).unwrap();
        let unassigned: f64 = found.rows().map(|row| row[n_clusters]).sum();
        assert!(unassigned / 2000.0 < 0.1, "{n_columns}: {}", unassigned / 2000.0);
        let half = found.rows().filter(|row| row[n_clusters] > 0.5).count();
        assert!(half < 60, "{n_columns}: {half}");
    };
    check(2, 3);
    check(8, 4);
    check(30, 5);
}

#[test]
fn reach_outside_its_range_is_an_error() {
    let (matrix, _) = blobs((50, 2), 2, 4.0, 1);
    let model = k_means(2, 1).fit(&matrix).unwrap();
    for reach_share in [0.5, 1.0, f64::NAN] {
        assert!(MembershipParams { reach_share }.fit(&model, &matrix).is_err());
    }
    let narrow = Matrix::new(1, vec![1.0]).unwrap();
    assert!(PARAMS.fit(&model, &narrow).is_err());
}
