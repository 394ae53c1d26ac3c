//! The ensemble is right about complete rows, honest about partial ones, and says so.

use rand::Rng;
use throng_learn::{
    BoostingParams, CalibrationParams, Confidence, HybridModel, HybridParams, HybridRows, LearnError, LogisticParams,
    Matrix, MembershipParams, align,
};

use crate::data::{blobs, generator, k_means};

const PARAMS: HybridParams = HybridParams {
    logistic: LogisticParams { penalty: 1.0, n_iter_max: 100 },
    boosting: BoostingParams { n_rounds_max: 60, learning_rate: 0.2, depth_max: 3, leaf_rows_min: 20, seed: 1 },
    n_rows_max: 2000,
    sureness_min: 0.5,
    seed: 1,
};

fn fit(matrix: &Matrix, n_clusters: usize) -> HybridModel {
    let k_means = k_means(n_clusters, 3).fit(matrix).unwrap();
    let model = MembershipParams { reach_share: 0.99 }.fit(&k_means, matrix).unwrap();
    PARAMS.fit(&model, matrix).unwrap()
}

#[test]
fn rows_with_half_of_their_values_are_calibrated() {
    let (matrix, truth) = blobs((4000, 6), 3, 1.6, 4);
    let (fitted, held_out): (Vec<usize>, Vec<usize>) = (0..4000).partition(|row| row % 4 < 2);
    let model = fit(&matrix.take(&fitted), 3);
    let mut generator = generator(5);
    let values = matrix.take(&held_out).values().to_vec();
    let partial = values.into_iter().map(|value| if generator.random_bool(0.5) { f32::NAN } else { value });
    let found = model.predict(&Matrix::new(6, partial.collect()).unwrap()).unwrap();
    // Blobs are as large as each other, so clusters are matched by what complete rows say.
    let complete = model.predict(&matrix.take(&held_out)).unwrap();
    let labels: Vec<usize> = complete.assigned.iter().map(|label| label.unwrap_or(0)).collect();
    let truth: Vec<usize> = held_out.iter().map(|&row| truth[row]).collect();
    let matched = align(&labels, &truth).unwrap();
    let truth: Vec<Option<usize>> = truth.iter().map(|blob| matched.iter().position(|to| *to == Some(*blob))).collect();
    let judge = CalibrationParams { n_bins: 10, confidence: Confidence::new(0.95).unwrap() };
    let calibration = judge.evaluate_largest(&found.memberships, &truth).unwrap();
    assert!(calibration.expected_error < 0.04, "{calibration:?}");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&found.confidence) < mean(&complete.confidence));
}

#[test]
fn strangers_and_blank_rows_are_not_assigned() {
    let (matrix, _) = blobs((1200, 4), 3, 4.0, 9);
    let model = fit(&matrix, 3);
    let mut rows = vec![f32::NAN; 4];
    rows.extend([1e4_f32; 4]);
    rows.extend(matrix.row(0));
    let found = model.predict(&Matrix::new(4, rows).unwrap()).unwrap();
    assert_eq!(found.assigned[0], None, "{:?}", found.memberships.row(0));
    assert_eq!(found.assigned[1], None, "{:?} {:?}", found.memberships.row(1), found.confidence);
    assert!(found.assigned[2].is_some(), "{:?}", found.memberships.row(2));
    assert!(found.confidence[1] < found.confidence[2]);
    assert!(
        found
            .memberships
            .rows()
            .all(|row| row.iter().fold(0.0, |sum, share| sum + share).to_bits() == 1.0_f64.to_bits())
    );
}

#[test]
fn same_seed_gives_the_same_bytes_with_any_number_of_threads() {
    let (matrix, _) = blobs((600, 4), 3, 2.0, 11);
    let with = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit(&matrix, 3).predict(&matrix).unwrap())
    };
    assert!(with(1) == with(2));
}

#[test]
fn bad_input_is_refused() {
    let (matrix, _) = blobs((300, 2), 2, 4.0, 1);
    let k_means = k_means(2, 1).fit(&matrix).unwrap();
    let model = MembershipParams { reach_share: 0.99 }.fit(&k_means, &matrix).unwrap();
    for params in [
        HybridParams { n_rows_max: 0, ..PARAMS },
        HybridParams { sureness_min: 1.1, ..PARAMS },
        HybridParams { sureness_min: f64::NAN, ..PARAMS },
    ] {
        assert!(params.fit(&model, &matrix).is_err());
    }
    let hybrid = PARAMS.fit(&model, &matrix).unwrap();
    assert!(hybrid.predict(&Matrix::new(1, vec![1.0]).unwrap()).is_err());
    assert!(hybrid.predict(&Matrix::new(2, vec![1.0, f32::INFINITY]).unwrap()).is_err());
}

#[test]
fn early_looks_teach_what_the_mixture_cannot_know() {
    let (matrix, _) = blobs((3000, 4), 3, 4.0, 6);
    let k_means = k_means(3, 3).fit(&matrix).unwrap();
    let model = MembershipParams { reach_share: 0.99 }.fit(&k_means, &matrix).unwrap();
    let labels: Vec<Option<usize>> = k_means.labels().iter().copied().map(Some).collect();
    // Early, all that a row has is a third of what it will be: the mixture sees one cluster in the middle.
    let early = Matrix::new(4, matrix.values().iter().map(|value| value / 3.0).collect()).unwrap();
    // Clusters come in turn, so every third row would be a cluster of its own.
    let (fitted, held_out): (Vec<usize>, Vec<usize>) = (0..3000).partition(|row| row % 4 > 0);
    let (fit_rows, judged_rows) = (early.take(&fitted), early.take(&held_out));
    let rows = HybridRows { placed: &fit_rows, inputs: &fit_rows };
    let fit_labels: Vec<Option<usize>> = fitted.iter().map(|&row| labels[row]).collect();
    let hybrid = PARAMS.fit_early(&model, rows, &fit_labels).unwrap();
    let [mixture, logistic, trees] = hybrid.weights();
    assert!(mixture < 0.1 && (mixture + logistic + trees - 1.0).abs() < 1e-12, "{:?}", hybrid.weights());
    let found = hybrid.predict_early(HybridRows { placed: &judged_rows, inputs: &judged_rows }).unwrap();
    let alone = model.predict_proba(&judged_rows).unwrap();
    let truth: Vec<Option<usize>> = held_out.iter().map(|&row| labels[row]).collect();
    let judge = CalibrationParams { n_bins: 10, confidence: Confidence::new(0.95).unwrap() };
    let hybrid = judge.evaluate_largest(&found.memberships, &truth).unwrap();
    assert!(hybrid.expected_error < 0.03, "{hybrid:?}");
    assert!(hybrid.brier < judge.evaluate_largest(&alone, &truth).unwrap().brier);
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let (matrix, _) = blobs((300, 2), 2, 4.0, 7);
    let model = MembershipParams { reach_share: 0.99 }.fit(&k_means(2, 3).fit(&matrix).unwrap(), &matrix).unwrap();
    let rows = HybridRows { placed: &matrix, inputs: &matrix };
    let too_few = PARAMS.fit_early(&model, rows, &[Some(0)]).unwrap_err();
    assert!(matches!(too_few, LearnError::ShapeMismatch { .. }), "{too_few}");
    let too_great = PARAMS.fit_early(&model, rows, &[Some(2); 300]).unwrap_err();
    assert!(matches!(too_great, LearnError::InvalidParameter { .. }), "{too_great}");
}
