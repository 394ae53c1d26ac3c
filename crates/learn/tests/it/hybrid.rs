//! The ensemble is right about complete rows, honest about partial ones, and says so.

use proptest::prelude::{ProptestConfig, any, proptest};
use rand::Rng;
use throng_learn::{
    BoostingParams, CalibrationParams, Confidence, HybridAnchor, HybridModel, HybridParams, HybridRows, HybridScratch,
    LearnError, LogisticParams, Matrix, MembershipAnchor, MembershipParams, MembershipScratch, align,
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

/// Checks that rows are told one by one, and beside another row, as in a matrix.
fn check_rows(model: &HybridModel, matrix: &Matrix) {
    let bits = |shares: &[f64]| shares.iter().map(|share| share.to_bits()).collect::<Vec<_>>();
    let expected = model.predict(matrix).unwrap();
    let of_mixture = model.mixture().predict_proba_partial(matrix).unwrap();
    let complete = |row: &[f32]| row.iter().all(|value| !value.is_nan());
    let mut shares = vec![0.0; of_mixture.n_columns()];
    let (mut scratch, mut space) = (HybridScratch::default(), MembershipScratch::default());
    let (mut anchor, mut solved) = (HybridAnchor::default(), MembershipAnchor::default());
    for (row_idx, row) in matrix.rows().enumerate() {
        let before = matrix.row(row_idx.saturating_sub(1));
        model.anchor(before, &mut anchor).unwrap();
        for beside in [false, true] {
            let asked = match beside {
                true => model.ask_beside(&anchor, row, &mut scratch),
                false => model.ask_row(row, &mut scratch),
            };
            let (least, more) = (asked.unwrap().to_vec(), model.weights()[0]);
            let told = model.tell_row(of_mixture.row(row_idx), &mut scratch).unwrap();
            assert_eq!(bits(told.memberships()), bits(expected.memberships.row(row_idx)));
            assert_eq!(told.confidence().to_bits(), expected.confidence[row_idx].to_bits());
            assert_eq!(told.assigned(), expected.assigned[row_idx]);
            for (share, least) in told.memberships().iter().zip(&least) {
                assert!((least - 1e-12..=least + more + 1e-12).contains(share));
            }
        }
        if complete(row) {
            model.mixture().predict_proba_row(row, &mut shares, &mut space).unwrap();
            assert_eq!(bits(&shares), bits(of_mixture.row(row_idx)));
        }
        if complete(row) && complete(before) {
            model.mixture().anchor(before, &mut solved).unwrap();
            model.mixture().predict_proba_beside(&solved, row, &mut shares, &mut space).unwrap();
            assert_eq!(bits(&shares), bits(of_mixture.row(row_idx)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn rows_are_told_one_by_one_as_in_a_matrix(n_columns in 1..21_usize, n_clusters in 2..5_usize, seed in any::<u32>()) {
        // Correlated columns of unequal widths, so that any shape of components may be chosen.
        let (blobs, _) = blobs((500, n_columns), n_clusters, 2.0, u64::from(seed));
        let mixed = blobs.rows().flat_map(|row| (0..row.len()).map(|at| row[at] + 0.7 * row[at / 2]));
        let matrix = Matrix::new(n_columns, mixed.collect()).unwrap();
        let model = fit(&matrix, n_clusters);
        let mut generator = generator(u64::from(seed));
        // Each row is the one before but for some values, of which some are missing.
        let mut rows: Vec<f32> = matrix.row(0).to_vec();
        for row_idx in 1..60 {
            let share: f64 = generator.random();
            for column in 0..n_columns {
                let before = rows[(row_idx - 1) * n_columns + column];
                let other = if row_idx % 4 == 3 { f32::NAN } else { matrix.row(row_idx)[column] };
                rows.push(if generator.random_bool(share) { other } else { before });
            }
        }
        check_rows(&model, &Matrix::new(n_columns, rows).unwrap());
        check_rows(&model, &matrix.take(&(0..20).collect::<Vec<_>>()));
    }
}
