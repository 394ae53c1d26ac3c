//! Scaling is robust, free of units, and reports what it did.

use proptest::prelude::{prop_assert, proptest};
use throng_learn::{ColumnTransform, Matrix, RobustScaler, RobustScalerParams, Spread};

use crate::data::{generator, noise, normal};

const CLIP: f32 = 4.0;

fn fit(matrix: &Matrix) -> RobustScaler {
    RobustScalerParams { clip: CLIP }.fit(matrix).unwrap()
}

fn column(values: Vec<f32>) -> Matrix {
    Matrix::new(1, values).unwrap()
}

fn is_log(scaler: &RobustScaler) -> bool {
    matches!(scaler.columns()[0].transform, ColumnTransform::SignedLog { .. })
}

#[test]
fn only_heavy_tails_are_logged() {
    let check = |draw: fn(f64, f64) -> f64, logged: bool| {
        let mut generator = generator(4);
        let values = (0..4000).map(|_| {
            let (first, second) = (normal(&mut generator), normal(&mut generator));
            draw(first, second) as f32
        });
        let scaler = fit(&column(values.collect()));
        assert_eq!(is_log(&scaler), logged, "{:?}", scaler.columns()[0]);
    };
    check(|z, _| z, false);
    check(|z, _| 100.0 + z, false);
    check(|z, _| if z > 0.0 { 1.0 } else { 0.0 }, false);
    check(|z, _| (1.2 * z).exp(), true);
    check(|z, _| (1.0 + 1.5 * z).exp().round(), true);
    check(|z, other| z / other, true);
    // Mostly zero, and what is not has a heavy tail.
    check(|z, other| if other < 0.4 { 0.0 } else { (1.5 * z).exp() }, true);
    check(|z, other| if other < 0.4 { 0.0 } else { 9.0 + z }, false);
}

#[test]
fn normal_column_gets_median_zero_and_spread_one() {
    let matrix = noise((5000, 1), 8, |generator| 30.0 + 7.0 * normal(generator));
    let scaler = fit(&matrix);
    let found = &scaler.columns()[0];
    assert!((found.centre - 30.0).abs() < 0.5);
    assert!((found.spread - 7.0).abs() < 0.3);
    assert_eq!(found.spread_kind, Spread::InterquartileRange);
    assert!((found.weight - 1.0).abs() < 1e-12);
}

#[test]
fn outliers_are_clipped_and_do_not_move_the_rest() {
    let mut values = noise((1000, 1), 2, normal).values().to_vec();
    let clean = fit(&column(values.clone()));
    values[7] = 1e9;
    let matrix = column(values);
    let scaler = fit(&matrix);
    assert!((scaler.columns()[0].spread - clean.columns()[0].spread).abs() < 0.02);
    assert!((scaler.transform(&matrix).unwrap().row(7)[0] - CLIP).abs() < 1e-6);
}

#[test]
fn rare_and_missing_values_are_scaled_too() {
    let check = |values: &[f32], spread_kind: Spread, n_missing: usize| {
        let matrix = column(values.to_vec());
        let scaler = fit(&matrix);
        let found = &scaler.columns()[0];
        assert_eq!(found.spread_kind, spread_kind);
        assert_eq!(found.n_missing, n_missing);
        let scaled = scaler.transform(&matrix).unwrap();
        assert!(scaled.values().iter().all(|value| value.abs() <= CLIP));
        for (&value, &scaled) in values.iter().zip(scaled.values()) {
            assert!(!value.is_nan() || scaled.abs() < 1e-12);
        }
    };
    let mut tenth = vec![0.0; 100];
    tenth[..10].fill(1.0);
    check(&tenth, Spread::TrimmedDeviation, 0);
    let mut single = vec![0.0; 1000];
    single[3] = 1.0;
    check(&single, Spread::Deviation, 0);
    check(&[5.0; 20], Spread::Constant, 0);
    check(&[f32::NAN; 4], Spread::Constant, 4);
    check(&[f32::NAN, 1.0, 2.0, 3.0, 4.0], Spread::InterquartileRange, 1);
    check(&[], Spread::Constant, 0);
}

#[test]
fn columns_that_say_the_same_share_one_vote() {
    let base = noise((800, 3), 5, normal);
    let columns = [
        base.column(0),
        base.column(1),
        base.column(0).iter().map(|value| 3.0 - 2.0 * value).collect(),
        vec![1.0; 800],
        base.column(0).iter().zip(base.column(2)).map(|(a, b)| a + 0.1 * b).collect(),
    ];
    let scaler = fit(&Matrix::from_columns(&columns).unwrap());
    let shares: Vec<bool> = scaler.columns().iter().map(|column| column.shares_with.is_some()).collect();
    assert_eq!(shares, [true, false, true, false, true]);
    let third = 1.0 / 3.0_f64.sqrt();
    for (column, weight) in scaler.columns().iter().zip([third, 1.0, third, 0.0, third]) {
        assert!((column.weight - weight).abs() < 0.01, "{} is not {weight}", column.weight);
    }
}

#[test]
fn infinite_values_and_senseless_clips_are_errors() {
    let error = RobustScalerParams { clip: CLIP }.fit(&column(vec![1.0, f32::INFINITY])).unwrap_err();
    assert_eq!(error.to_string(), "value at row 1, column 0 is not a finite number");
    assert!(RobustScalerParams { clip: 0.0 }.fit(&column(vec![1.0])).is_err());
    let scaler = fit(&column(vec![1.0, 2.0]));
    assert!(scaler.transform(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
}

proptest! {
    #[test]
    fn unit_of_a_column_does_not_matter(
        values in proptest::collection::vec(-3.0..8.0_f64, 20..200),
        factor in 0.01..100.0_f64,
    ) {
        let heavy: Vec<f32> = values.iter().map(|value| value.exp() as f32).collect();
        let rescaled: Vec<f32> = heavy.iter().map(|&v| (f64::from(v) * factor) as f32).collect();
        let (first, second) = (column(heavy), column(rescaled));
        let (first_scaler, second_scaler) = (fit(&first), fit(&second));
        // At the very threshold, rounding may decide otherwise.
        if is_log(&first_scaler) == is_log(&second_scaler) {
            let first = first_scaler.transform(&first).unwrap();
            let second = second_scaler.transform(&second).unwrap();
            for (a, b) in first.values().iter().zip(second.values()) {
                prop_assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }

    #[test]
    fn inverse_gives_back_what_was_not_clipped(
        values in proptest::collection::vec(-6.0..9.0_f64, 5..100),
    ) {
        let heavy: Vec<f32> = values.iter().map(|value| value.exp() as f32).collect();
        let matrix = column(heavy);
        let scaler = fit(&matrix);
        let scaled = scaler.transform(&matrix).unwrap();
        for (&value, &scaled) in matrix.values().iter().zip(scaled.values()) {
            if scaled.abs() < CLIP * 0.999 {
                let back = scaler.inverse(0, scaled);
                let spread = scaler.columns()[0].spread;
                let scale = f64::from(value).abs().max(spread);
                prop_assert!((back - f64::from(value)).abs() < 1e-3 * scale.max(1e-3), "{value} {back}");
            }
        }
    }
}
