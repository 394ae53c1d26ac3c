//! Non-negative factorisation: never negative, never worse after a step, as good as scikit-learn's.

use proptest::prelude::{prop_assert, proptest};
use rand::Rng;
use throng_learn::{FactorisationParams, Matrix};

use crate::data::{check_refused, generator, known};

fn params(n_components: usize) -> FactorisationParams {
    FactorisationParams { n_components, n_iter_max: 2_000, tolerance: 1e-10 }
}

/// Returns the sum of squared differences between rows and loadings times components.
fn reconstruction_error(matrix: &Matrix, loadings: &Matrix, components: &Matrix) -> f64 {
    let mut error = 0.0;
    for (row, loadings) in matrix.rows().zip(loadings.rows()) {
        for (column_idx, &value) in row.iter().enumerate() {
            let pairs = loadings.iter().zip(components.rows());
            let said: f64 = pairs.map(|(&loading, row)| f64::from(loading) * f64::from(row[column_idx])).sum();
            error += (f64::from(value) - said).powi(2);
        }
    }
    error
}

proptest! {
    #[test]
    fn everything_is_positive_and_steps_only_gain(
        values in proptest::collection::vec(0..40_u8, 40..120),
        n_components in 1..4_usize,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let matrix = Matrix::new(4, values[..values.len() / 4 * 4].to_vec()).unwrap();
        let mut former = f64::INFINITY;
        for n_iter_max in [1, 2, 4, 8, 16, 32] {
            let params = FactorisationParams { n_iter_max, tolerance: 0.0, ..params(n_components) };
            let model = params.fit(&matrix).unwrap();
            let loadings = model.transform(&matrix).unwrap();
            prop_assert!(model.components().values().iter().chain(loadings.values()).all(|&value| value >= 0.0));
            for component in model.components().rows() {
                let total: f64 = component.iter().map(|&value| f64::from(value)).sum();
                prop_assert!((total - 1.0).abs() < 1e-5, "{total}");
            }
            let error = reconstruction_error(&matrix, &loadings, model.components());
            prop_assert!((error - model.reconstruction_error()).abs() <= 1e-3 * (1.0 + error));
            prop_assert!(error <= former * 1.0001 + 1e-3, "{former} {error}");
            former = error;
            for row in model.predict_proba(&matrix).unwrap().rows() {
                let total: f64 = row.iter().map(|&share| f64::from(share)).sum();
                prop_assert!((total - 1.0).abs() < 1e-6 || total.to_bits() == 0, "{total}");
            }
        }
    }
}

#[test]
fn error_is_that_of_scikit_learn() {
    let check = |matrix: &Matrix, n_components: usize, expected: f64| {
        let found = params(n_components).fit(matrix).unwrap().reconstruction_error();
        assert!((found - expected).abs() <= 1e-5 * expected, "{found} {expected}");
    };
    // scikit-learn 1.9: NMF, the best of 21 starts run to rest.
    check(&known(), 1, 5_317.872_62);
    let values = (0..180_usize).map(|idx| {
        let (row_idx, column_idx) = (idx / 6, idx % 6);
        let count = (row_idx * (column_idx + 3) * 31 + column_idx * 17) % 11;
        count as f32 * if column_idx % 3 == row_idx % 3 { 1.0 } else { 0.25 }
    });
    check(&Matrix::new(6, values.collect()).unwrap(), 3, 357.821_345);
}

#[test]
fn planted_habits_and_their_shares_are_found() {
    let habits = [[6.0, 3.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 5.0, 4.0, 0.0], [2.0, 0.0, 0.0, 0.0, 1.0, 7.0]];
    let mut generator = generator(3);
    let mut values = Vec::new();
    let mut planted = Vec::new();
    for row_idx in 0..600 {
        let mut shares: [f64; 3] = std::array::from_fn(|_| generator.random::<f64>());
        // Some rows have one habit only, without which no factorisation is unique.
        if row_idx % 3 == 0 {
            shares = std::array::from_fn(|habit| if habit == row_idx / 3 % 3 { 1.0 } else { 0.0 });
        }
        let total: f64 = shares.iter().sum();
        planted.push(shares.map(|share| share / total));
        for column_idx in 0..6 {
            let level: f64 = shares.iter().zip(&habits).map(|(share, habit)| share * habit[column_idx]).sum();
            values.push(level as f32);
        }
    }
    let matrix = Matrix::new(6, values).unwrap();
    let model = params(3).fit(&matrix).unwrap();
    let shares = model.predict_proba(&matrix).unwrap();
    // Which component is which habit: by its greatest column.
    let of_habit = [0, 3, 5].map(|column_idx| {
        let weight = |component: &usize| model.components().row(*component)[column_idx];
        (0..3).max_by(|a, b| weight(a).total_cmp(&weight(b))).unwrap()
    });
    for (planted, found) in planted.iter().zip(shares.rows()) {
        for (habit, &component) in of_habit.iter().enumerate() {
            let difference = planted[habit] - f64::from(found[component]);
            assert!(difference.abs() < 0.02, "{planted:?} {found:?}");
        }
    }
}

#[test]
fn row_that_has_nothing_belongs_to_nobody() {
    let matrix = Matrix::new(2, vec![3.0, 0.0, 0.0, 2.0, 0.0, 0.0, 4.0, 0.0]).unwrap();
    let model = params(2).fit(&matrix).unwrap();
    assert_eq!(model.labels()[2], None);
    assert_eq!(model.labels()[0], model.labels()[3]);
    assert!(model.labels()[1].is_some());
    assert_eq!(model.predict_proba(&matrix).unwrap().row(2), &[0.0, 0.0]);
}

#[test]
fn impossible_factorisations_are_errors() {
    let matrix = Matrix::new(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    check_refused(params(3).fit(&matrix), "parameter n_components is 3, but must be at most the number of columns");
    let negative = Matrix::new(2, vec![1.0, 2.0, -3.0, 4.0]).unwrap();
    let message = "parameter matrix is -3, but must be without negative values";
    check_refused(params(1).fit(&negative), message);
    let model = params(1).fit(&matrix).unwrap();
    check_refused(model.transform(&negative), message);
    check_refused(model.predict_proba(&negative), message);
    check_refused(
        params(1).fit(&Matrix::new(2, vec![0.0; 8]).unwrap()),
        "parameter matrix is 0, but must be more than zeros throughout",
    );
    check_refused(
        params(1).fit(&Matrix::new(1_025, vec![1.0; 2_050]).unwrap()),
        "parameter the number of columns is 1025, but must be at most 1024",
    );
    check_refused(
        FactorisationParams { tolerance: -1.0, ..params(1) }.fit(&matrix),
        "parameter tolerance is -1, but must be finite and not negative",
    );
}
