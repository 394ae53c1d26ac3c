//! Scaling is robust, free of units, and reports what it did.

use proptest::prelude::{prop_assert, proptest};
use throng_learn::{ColumnTransform, Matrix, RobustScaler, RobustScalerParams, Spread, yeo_johnson_lambda};

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
fn the_first_transform_that_suffices_is_taken() {
    let check = |draw: fn(f64, f64) -> f64, expected: fn(&ColumnTransform) -> bool| {
        let mut generator = generator(4);
        let values = (0..4000).map(|_| {
            let (first, second) = (normal(&mut generator), normal(&mut generator));
            draw(first, second) as f32
        });
        let scaler = fit(&column(values.collect()));
        assert!(expected(&scaler.columns()[0].transform), "{:?}", scaler.columns()[0].transform);
    };
    check(|z, _| z, |transform| matches!(transform, ColumnTransform::Identity));
    check(|z, _| (1.2 * z).exp(), |transform| matches!(transform, ColumnTransform::SignedLog { .. }));
    // Far from 0, a logarithm bends nothing.
    check(|z, _| 900.0 + (1.2 * z).exp(), |transform| matches!(transform, ColumnTransform::YeoJohnson { .. }));
    check(|z, _| 900.0 - z.exp(), |transform| matches!(transform, ColumnTransform::YeoJohnson { .. }));
    // Nor does one power bend two tails.
    check(|z, other| 900.0 + z / other, |transform| matches!(transform, ColumnTransform::NormalScores { .. }));
}

/// Figures of scikit-learn 1.9.1's `PowerTransformer(standardize=False)`.
#[test]
fn power_is_that_of_scikit_learn() {
    let check = |values: &[f64], lambda: f64| {
        let found = yeo_johnson_lambda(values).unwrap();
        assert!((found - lambda).abs() < 1e-6, "{found} is not {lambda}");
    };
    let powers: Vec<f64> = (0..12).map(|power| f64::from(1 << power)).collect();
    check(&powers, -0.037_976_170_490_388_94);
    check(&[0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0], -0.194_055_258_528_739_9);
    check(&[-40.0, -12.0, -7.0, -5.0, -3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 0.8, 1.0], 2.014_452_471_929_966_6);
    let exponential: Vec<f64> = (0..200).map(|idx| -(1.0 - (f64::from(idx) + 0.5) / 200.0).ln()).collect();
    check(&exponential, -0.793_085_372_005_491_5);
    let tilted: Vec<f64> = (0..101).map(|idx| ((f64::from(idx) - 30.0) / 10.0).powi(3) / 10.0).collect();
    check(&tilted, 0.215_430_910_140_806_76);
    check(&[3.0, 3.0, 3.0], 1.0);
    assert!(yeo_johnson_lambda(&[1.0]).is_err());
    assert!(yeo_johnson_lambda(&[1.0, f64::NAN]).is_err());
}

#[test]
fn transforms_of_nothing_are_none() {
    for values in [&[][..], &[f64::NAN]] {
        assert_eq!(ColumnTransform::signed_log(values), None);
        assert_eq!(ColumnTransform::yeo_johnson(values), None);
        assert_eq!(ColumnTransform::normal_scores(values), None);
    }
    assert_eq!(ColumnTransform::signed_log(&[0.0, 0.0]), None);
    assert_eq!(ColumnTransform::yeo_johnson(&[1.0, 2.0, 2.0, 2.0, 2.0, 3.0]), None);
}

#[test]
fn normal_scores_are_the_quantiles_of_middle_ranks() {
    let scores = ColumnTransform::normal_scores(&[5.0, 1.0, 5.0, 9.0]).unwrap();
    // Middle ranks 1/8, 1/2 and 7/8.
    for (value, score) in [(1.0, -1.150_349), (5.0, 0.0), (9.0, 1.150_349), (7.0, 0.575_175), (-9.0, -1.150_349)] {
        assert!((scores.apply(value) - score).abs() < 1e-6, "{value}: {}", scores.apply(value));
    }
    assert!((scores.invert(0.575_175) - 7.0).abs() < 1e-5);
    let normal_column: Vec<f64> = noise((50_000, 1), 6, normal).values().iter().map(|&v| f64::from(v)).collect();
    let scores = ColumnTransform::normal_scores(&normal_column).unwrap();
    for value in [-2.5, -1.0, 0.3, 2.0] {
        assert!((scores.apply(value) - value).abs() < 0.06, "{value}: {}", scores.apply(value));
    }
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
    let votes: Vec<f64> = scaler.columns().iter().map(|column| column.weight.powi(2)).collect();
    assert!((votes[0] - votes[2]).abs() < 1e-6 && (votes[1] - 1.0).abs() < 1e-9 && votes[3] <= 0.0, "{votes:?}");
    assert!((votes[0] + votes[2] + votes[4] - 1.0).abs() < 0.05, "{votes:?}");
}

#[test]
fn infinite_values_and_senseless_clips_are_errors() {
    let error = RobustScalerParams { clip: CLIP }.fit(&column(vec![1.0, f32::INFINITY])).unwrap_err();
    assert_eq!(error.to_string(), "value at row 1, column 0 is not a finite number");
    assert!(RobustScalerParams { clip: 0.0 }.fit(&column(vec![1.0])).is_err());
    let scaler = fit(&column(vec![1.0, 2.0]));
    assert!(scaler.transform(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
}

/// Returns the three transforms of a column, as far as there are any.
fn transforms(values: &[f64]) -> Vec<ColumnTransform> {
    let fits = [ColumnTransform::signed_log, ColumnTransform::yeo_johnson, ColumnTransform::normal_scores];
    fits.into_iter().filter_map(|fit| fit(values)).collect()
}

proptest! {
    #[test]
    fn transforms_keep_order(
        values in proptest::collection::vec(-1e4..1e4_f64, 3..60),
        others in proptest::collection::vec(-1e5..1e5_f64, 2..20),
    ) {
        let mut others = others;
        others.sort_by(f64::total_cmp);
        for transform in transforms(&values) {
            for pair in others.windows(2) {
                prop_assert!(transform.apply(pair[0]) <= transform.apply(pair[1]), "{transform:?} {pair:?}");
            }
        }
    }

    #[test]
    fn unit_and_origin_of_a_column_without_tails_do_not_matter(
        values in proptest::collection::vec(-1.0..1.0_f64, 20..200),
        factor in 0.01..100.0_f64,
        origin in -10.0..10.0_f64,
    ) {
        let plain: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        let moved: Vec<f32> = plain.iter().map(|&v| ((f64::from(v) + origin) * factor) as f32).collect();
        let (plain, moved) = (column(plain), column(moved));
        let (first, second) = (fit(&plain), fit(&moved));
        if [&first, &second].iter().all(|scaler| scaler.columns()[0].transform == ColumnTransform::Identity) {
            let (first, second) = (first.transform(&plain).unwrap(), second.transform(&moved).unwrap());
            for (a, b) in first.values().iter().zip(second.values()) {
                prop_assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }

    /// The transform of the wild column may be another one only where the clean one is at the border.
    #[test]
    fn one_wild_value_hardly_moves_the_others(
        seed in 0..1000_u64,
        row_idx in 0..500_usize,
        wild in proptest::sample::select(vec![-1e30_f32, -1e6, 1e6, 1e30]),
        heavy in proptest::bool::ANY,
    ) {
        let draw = if heavy { |g: &mut _| (1.2 * normal(g)).exp() } else { |g: &mut _| 5.0 + normal(g) };
        let clean = noise((500, 1), seed, draw);
        let mut values = clean.values().to_vec();
        values[row_idx] = wild;
        let (scaler, upset) = (fit(&clean), fit(&column(values.clone())));
        let (first, second) = (scaler.transform(&clean).unwrap(), upset.transform(&column(values)).unwrap());
        for other in (0..500).filter(|other| *other != row_idx) {
            let change = (first.row(other)[0] - second.row(other)[0]).abs();
            prop_assert!(change < 0.1, "row {other} moves by {change}");
        }
        prop_assert!(second.row(row_idx)[0].abs() <= CLIP);
    }

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
