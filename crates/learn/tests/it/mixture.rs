//! The Gaussian mixture never loses likelihood, agrees with the formulas and with scikit-learn, and
//! finds what was planted.

use proptest::prelude::{prop_assert, proptest};
use throng_learn::{
    Convergence, Covariance, GaussianMixture, GaussianMixtureParams, KMeansParams, LearnError, Matrix,
    adjusted_rand_index,
};

use crate::data::{blobs, check_refused, generator, known, normal};

fn params(n_components: usize, covariance: Covariance) -> GaussianMixtureParams {
    GaussianMixtureParams {
        n_components,
        covariance,
        covariance_floor: 1e-6,
        n_init: 3,
        n_iter_max: 200,
        tolerance: 1e-6,
        seed: 1,
    }
}

const SHAPES: [Covariance; 2] = [Covariance::Diagonal, Covariance::Full];

/// Returns the log density of a row by the textbook's formula, in `f64` throughout.
fn log_density(model: &GaussianMixture, covariance: Covariance, row: &[f32]) -> f64 {
    let n_columns = row.len();
    let mut total = 0.0;
    for component in 0..model.n_components() {
        let mut difference: Vec<f64> =
            row.iter().zip(model.mean(component)).map(|(&value, mean)| f64::from(value) - mean).collect();
        let spread = model.covariance(component);
        let mut table = vec![vec![0.0; n_columns]; n_columns];
        for (row_idx, row) in table.iter_mut().enumerate() {
            match covariance {
                Covariance::Diagonal => row[row_idx] = spread[row_idx],
                Covariance::Full => row.copy_from_slice(&spread[row_idx * n_columns..(row_idx + 1) * n_columns]),
            }
        }
        // Gauss's elimination gives the determinant and the squared distance.
        let (mut log_determinant, mut squared) = (0.0, 0.0);
        for pivot in 0..n_columns {
            log_determinant += table[pivot][pivot].ln();
            squared += difference[pivot].powi(2) / table[pivot][pivot];
            let (above, rows) = table.split_at_mut(pivot + 1);
            for (row, below) in rows.iter_mut().zip(pivot + 1..) {
                let factor = row[pivot] / above[pivot][pivot];
                difference[below] -= factor * difference[pivot];
                for (value, other) in row.iter_mut().zip(&above[pivot]) {
                    *value -= factor * other;
                }
            }
        }
        let log_circle = n_columns as f64 * std::f64::consts::TAU.ln();
        total += model.weights()[component] * (-0.5 * (log_circle + log_determinant + squared)).exp();
    }
    total.ln()
}

#[test]
fn log_density_is_that_of_the_formula() {
    for covariance in SHAPES {
        for place in [0.0, 3_000.0] {
            let (matrix, _) = blobs((700, 4), 3, 1.5, 5);
            let moved: Vec<f32> = matrix.values().iter().map(|value| value + place).collect();
            let matrix = Matrix::new(4, moved).unwrap();
            let model = params(3, covariance).fit(&matrix).unwrap();
            let scores = model.score_samples(&matrix).unwrap();
            for (row, score) in matrix.rows().zip(&scores) {
                let expected = log_density(&model, covariance, row);
                assert!((score - expected).abs() < 2e-4 * (1.0 + expected.abs() / 10.0), "{score} {expected}");
            }
            let total: f64 = scores.iter().sum();
            assert!((total - model.log_likelihood()).abs() < 1e-6 * total.abs());
        }
    }
}

#[test]
fn fit_agrees_with_scikit_learn() {
    let check = |covariance, log_likelihood: f64, bic: f64, aic: f64, first: [f64; 3]| {
        let matrix = known();
        let params = GaussianMixtureParams { tolerance: 0.0, n_iter_max: 40, ..params(3, covariance) };
        let model = params.fit_from_means(&matrix, &matrix.take(&[0, 1, 2])).unwrap();
        assert_eq!((model.n_iter(), model.convergence()), (40, Convergence::StoppedAtMax));
        assert!((model.log_likelihood() - log_likelihood).abs() < 1e-3, "{}", model.log_likelihood());
        assert!((model.bic() - bic).abs() < 2e-3, "{}", model.bic());
        assert!((model.aic() - aic).abs() < 2e-3, "{}", model.aic());
        // The component in the lower right.
        let found = (0..3).find(|&component| model.mean(component)[0] > 20.0).unwrap();
        let variance = model.covariance(found)[0];
        for (a, b) in [model.mean(found)[0], model.mean(found)[1], variance].iter().zip(first) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    };
    // scikit-learn 1.9: GaussianMixture from the same start, 40 steps.
    let diagonal = [24.810_481_41, 9.758_497_67, 8.731_840_07];
    check(Covariance::Diagonal, -364.810_186_97, 786.941_197_81, 757.620_373_94, diagonal);
    let full = [24.810_474_01, 9.758_496_82, 8.731_944_42];
    check(Covariance::Full, -364.174_627_27, 797.953_112_08, 762.349_254_52, full);
}

proptest! {
    #[test]
    fn no_step_loses_likelihood(
        values in proptest::collection::vec(-30..30_i16, 40..160),
        n_components in 1..5_usize,
        full in 0..2_usize,
    ) {
        let values: Vec<f32> = values.into_iter().map(|value| f32::from(value) / 4.0).collect();
        let n_values = values.len() / 2 * 2;
        let matrix = Matrix::new(2, values[..n_values].to_vec()).unwrap();
        let means = matrix.take(&(0..n_components).collect::<Vec<usize>>());
        let mut former = f64::NEG_INFINITY;
        for n_iter_max in 1..12 {
            let params = GaussianMixtureParams {
                n_iter_max,
                tolerance: 0.0,
                covariance_floor: 1e-3,
                ..params(n_components, SHAPES[full])
            };
            let model = params.fit_from_means(&matrix, &means).unwrap();
            // The floor moves each step a little off the maximum.
            let slack = 0.02 * matrix.n_rows() as f64;
            prop_assert!(model.log_likelihood() >= former - slack, "{former} {}", model.log_likelihood());
            former = model.log_likelihood();
        }
        prop_assert!(former.is_finite());
    }

    #[test]
    fn probabilities_add_up_to_one(
        values in proptest::collection::vec(-1e4..1e4_f32, 30..90),
        n_components in 1..6_usize,
        far in -1e20..1e20_f32,
    ) {
        let mut matrix = values;
        matrix.truncate(matrix.len() / 3 * 3);
        let matrix = Matrix::new(3, matrix).unwrap();
        let model = params(n_components, Covariance::Diagonal).fit(&matrix).unwrap();
        let far = Matrix::new(3, vec![far, -far, 1.0]).unwrap();
        for rows in [&matrix, &far] {
            let probabilities = model.predict_proba(rows).unwrap();
            let labels = model.predict(rows).unwrap();
            for (row, label) in probabilities.rows().zip(labels) {
                prop_assert!(row.iter().fold(0.0, |sum, share| sum + share).to_bits() == 1.0_f64.to_bits(), "{row:?}");
                prop_assert!(row.iter().all(|&share| (0.0..=row[label] + 1e-6).contains(&share)), "{row:?}");
            }
            prop_assert!(model.score_samples(rows).unwrap().iter().all(|score| score.is_finite()));
        }
    }
}

/// Returns two long thin clusters side by side, along the diagonal.
fn cigars(n_rows: usize) -> (Matrix, Vec<usize>) {
    let mut generator = generator(8);
    let mut values = Vec::new();
    let truth: Vec<usize> = (0..n_rows).map(|row_idx| row_idx % 2).collect();
    for &label in &truth {
        let (along, across) = (2.0 * normal(&mut generator), 0.3 * normal(&mut generator));
        let offset = 2.0 * label as f64;
        values.push((along + across + offset) as f32);
        values.push((along - across - offset) as f32);
    }
    (Matrix::new(2, values).unwrap(), truth)
}

#[test]
fn full_covariance_finds_stretched_clusters_that_round_ones_miss() {
    let (matrix, truth) = cigars(1_000);
    let agreement = |labels: &[usize]| adjusted_rand_index(&truth, labels).unwrap();
    let full = GaussianMixtureParams { n_init: 10, ..params(2, Covariance::Full) }.fit(&matrix).unwrap();
    assert!(agreement(full.labels()) > 0.99, "{}", agreement(full.labels()));
    let k_means = KMeansParams { n_clusters: 2, n_init: 10, n_iter_max: 100, tolerance: 0.0, seed: 1 };
    assert!(agreement(k_means.fit(&matrix).unwrap().labels()) < 0.5);
}

#[test]
fn planted_weights_means_and_variances_are_found() {
    let mut generator = generator(4);
    let mut values = Vec::new();
    for row_idx in 0..20_000 {
        let (mean, deviation) = if row_idx % 10 < 7 { (-1.0, 0.5) } else { (3.0, 2.0) };
        values.push((mean + deviation * normal(&mut generator)) as f32);
    }
    let matrix = Matrix::new(1, values).unwrap();
    for covariance in SHAPES {
        let model = params(2, covariance).fit(&matrix).unwrap();
        assert_eq!(model.convergence(), Convergence::Converged);
        let found = [
            model.weights()[0],
            model.mean(0)[0],
            model.covariance(0)[0],
            model.weights()[1],
            model.mean(1)[0],
            model.covariance(1)[0],
        ];
        for (a, b) in found.iter().zip([0.7, -1.0, 0.25, 0.3, 3.0, 4.0]) {
            assert!((a - b).abs() < 0.03 * b.abs().max(1.0), "{found:?}");
        }
    }
}

#[test]
fn information_criterion_is_least_at_the_planted_number() {
    let (matrix, _) = blobs((900, 3), 3, 4.0, 2);
    for covariance in SHAPES {
        let bics: Vec<f64> = (1..7).map(|k| params(k, covariance).fit(&matrix).unwrap().bic()).collect();
        let least = bics.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(bics.iter().position(|&bic| bic <= least), Some(2), "{bics:?}");
    }
}

#[test]
fn fit_carried_over_is_at_rest_at_once() {
    let (matrix, _) = blobs((600, 4), 3, 2.0, 9);
    for covariance in SHAPES {
        let params = GaussianMixtureParams { tolerance: 1e-5, ..params(3, covariance) };
        let first = params.fit(&matrix).unwrap();
        let second = params.fit_from(&matrix, &first).unwrap();
        assert!(second.n_iter() <= 2, "{}", second.n_iter());
        assert!(second.log_likelihood() >= first.log_likelihood() - 1e-2);
        assert_eq!(first.labels(), second.labels());
    }
}

#[test]
fn component_without_rows_keeps_its_place() {
    let matrix = Matrix::new(1, (0..50_u8).map(|idx| f32::from(idx) / 50.0).collect()).unwrap();
    let means = Matrix::new(1, vec![0.5, 1e6]).unwrap();
    let model = params(2, Covariance::Diagonal).fit_from_means(&matrix, &means).unwrap();
    assert!((model.mean(1)[0] - 1e6).abs() < 1e-3);
    assert!(model.weights()[1] < 1e-12);
    assert!(model.log_likelihood().is_finite());
}

#[test]
fn equal_columns_and_rows_are_held_apart_from_nothing_by_the_floor() {
    let matrix = Matrix::new(2, vec![1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]).unwrap();
    for covariance in SHAPES {
        let model = params(2, covariance).fit(&matrix).unwrap();
        assert!(model.log_likelihood().is_finite());
        assert_eq!(model.labels()[0], model.labels()[1]);
        assert!(model.covariance(0)[0] >= 1e-6);
    }
}

#[test]
fn impossible_fits_are_errors() {
    let matrix = Matrix::new(2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.5]).unwrap();
    let valid = params(2, Covariance::Diagonal);
    check_refused(
        GaussianMixtureParams { covariance_floor: 0.0, ..valid }.fit(&matrix),
        "parameter covariance_floor is 0, but must be finite and at least 1e-30",
    );
    check_refused(
        GaussianMixtureParams { tolerance: f64::NAN, ..valid }.fit(&matrix),
        "parameter tolerance is NaN, but must be finite and not negative",
    );
    check_refused(
        GaussianMixtureParams { n_iter_max: 0, ..valid }.fit(&matrix),
        "parameter n_iter_max is 0, but must be at least 1",
    );
    check_refused(
        params(4, Covariance::Full).fit(&matrix),
        "cannot fit a Gaussian mixture on 3 rows; at least 4 are needed",
    );
    check_refused(
        valid.fit(&Matrix::new(1, vec![0.0, 1.0, -1_073_741_824.0 * 2_097_152.0]).unwrap()),
        "parameter matrix is -2251799813685248, but must be without values beyond 1e15",
    );
    let model = valid.fit(&matrix).unwrap();
    check_refused(
        params(3, Covariance::Diagonal).fit_from(&matrix, &model),
        "the list of first components has 2 entries where 3 are expected",
    );
    assert!(matches!(
        params(2, Covariance::Full).fit_from(&matrix, &model),
        Err(LearnError::ShapeMismatch { expected: 3, found: 2, .. })
    ));
    check_refused(
        valid.fit_from_means(&matrix, &Matrix::new(2, vec![0.0, f32::NAN, 1.0, 1.0]).unwrap()),
        "value at row 0, column 1 is not a finite number",
    );
}
