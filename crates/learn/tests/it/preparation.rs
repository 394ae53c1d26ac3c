//! Columns are taken apart into parts that have a fair vote each, whatever they hold.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use rand::Rng;
use throng_learn::{
    ColumnKind, ColumnTransform, DropReason, LearnError, Matrix, Missing, PartKind, Preparation, PreparationParams,
};

use crate::data::{generator, noise, normal};

const PARAMS: PreparationParams = PreparationParams { clip: 3.0, missing: Missing::Typical };
const TOLD: PreparationParams = PreparationParams { clip: 3.0, missing: Missing::Told };
/// 2/π, the vote of a yes or no.
const FLAG: f64 = std::f64::consts::FRAC_2_PI;

fn fit(columns: &[Vec<f32>], kinds: &[ColumnKind]) -> Preparation {
    PARAMS.fit(&Matrix::from_columns(columns).unwrap(), kinds).unwrap()
}

fn kinds(preparation: &Preparation) -> Vec<PartKind> {
    preparation.parts().iter().map(|part| part.kind).collect()
}

/// Checks the parts that one column is taken apart into, and its vote.
fn check_parts(params: PreparationParams, values: &[f32], expected: (&[PartKind], f64)) {
    let matrix = Matrix::new(1, values.to_vec()).unwrap();
    let preparation = params.fit(&matrix, &[ColumnKind::Number]).unwrap();
    assert_eq!(kinds(&preparation), expected.0, "{values:?}");
    assert!((preparation.votes()[0] - expected.1).abs() < 1e-9, "{:?}", preparation.votes());
}

#[test]
fn a_number_is_taken_apart_by_what_it_holds() {
    let counting = |n_zeros: usize, n_others: usize| -> Vec<f32> {
        let others = (0..n_others).map(|idx| 1.0 + idx as f32);
        std::iter::repeat_n(0.0, n_zeros).chain(others).collect()
    };
    check_parts(PARAMS, &counting(0, 9), (&[PartKind::Value], 1.0));
    check_parts(PARAMS, &counting(30, 30), (&[PartKind::Value], 1.0));
    check_parts(PARAMS, &counting(31, 30), (&[PartKind::Whether, PartKind::Amount], FLAG / 2.0 + 0.5));
    check_parts(PARAMS, &counting(31, 19), (&[PartKind::Whether], FLAG));
    check_parts(PARAMS, &[3.0, 5.0, 3.0, 3.0], (&[PartKind::Value], FLAG));
}

#[test]
fn missing_values_are_typical_and_told_when_asked_for() {
    let mut values: Vec<f32> = (0..40).map(|idx| idx as f32).collect();
    values.extend([f32::NAN; 10]);
    check_parts(PARAMS, &values, (&[PartKind::Value], 1.0));
    check_parts(TOLD, &values, (&[PartKind::Value, PartKind::Missing], 1.0 + FLAG / 2.0));
    check_parts(TOLD, &values[..42], (&[PartKind::Value], 1.0));
    let matrix = Matrix::new(1, values).unwrap();
    let preparation = TOLD.fit(&matrix, &[ColumnKind::Number]).unwrap();
    let prepared = preparation.transform(&matrix).unwrap();
    let (known, missing) = (prepared.row(3), prepared.row(45));
    assert!(missing[0].abs() < 1e-9 && missing[1] > known[1] + 1.0);
    // The mean of the known is not 0 for everybody: nobody is a silent 0.
    assert!((preparation.parts()[0].scaling.centre - 19.5).abs() < 1e-9);
}

#[test]
fn whether_and_how_much_are_told_apart() {
    let mut generator = generator(3);
    let values: Vec<f32> = (0..2000)
        .map(|_| if generator.random::<f64>() < 0.7 { 0.0 } else { (3.0 + 1.5 * normal(&mut generator)).exp() as f32 })
        .collect();
    let preparation = fit(&[values], &[ColumnKind::Number]);
    let amount = &preparation.parts()[1].scaling;
    assert!(matches!(amount.transform, ColumnTransform::SignedLog { .. }), "{amount:?}");
    let row = |value: f32| preparation.transform_row(&[value]).unwrap();
    let (none, little, typical, much) = (row(0.0), row(2.0), row(20.0), row(200.0));
    assert!(none[0] < little[0] && little[0] - typical[0] < 1e-9 && typical[0] - much[0] < 1e-9);
    assert!(none[1].abs() < 1e-9 && typical[1].abs() < 0.1 && little[1] < -0.5 && much[1] > 0.5);
}

#[test]
fn a_category_has_one_vote_however_many_levels_it_has() {
    for n_levels in 1..=6_usize {
        let values: Vec<f32> = (0..600).map(|idx| (idx % (n_levels + 1)) as f32).collect();
        let preparation = fit(&[values], &[ColumnKind::Category { n_levels }]);
        assert_eq!(preparation.parts().len(), n_levels);
        assert!((preparation.votes()[0] - FLAG).abs() < 1e-9, "{n_levels}: {:?}", preparation.votes());
        let prepared = preparation.transform_row(&[f32::NAN]).unwrap();
        assert!(prepared.iter().all(|value| value.abs() < 1e-9), "an unknown category is none of them");
    }
}

#[test]
fn two_levels_are_as_far_apart_as_any_two() {
    let values: Vec<f32> = (0..1000).map(|idx| [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0][idx % 10]).collect();
    let preparation = fit(&[values], &[ColumnKind::Category { n_levels: 3 }]);
    let rows: Vec<Vec<f32>> = [0.0, 1.0, 2.0, 3.0].map(|level| preparation.transform_row(&[level]).unwrap()).into();
    let distance = |a: usize, b: usize| rows[a].iter().zip(&rows[b]).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let pair = distance(0, 1);
    for (a, b, expected) in [(0, 2, pair), (1, 2, pair), (0, 3, pair / 2.0), (2, 3, pair / 2.0)] {
        assert!((distance(a, b) - expected).abs() < 1e-4, "{a} {b}: {} is not {expected}", distance(a, b));
    }
}

#[test]
fn columns_that_say_nothing_are_dropped_with_the_reason() {
    let columns = [vec![0.1; 30], vec![f32::NAN; 30], (0..30).map(|idx| idx as f32).collect(), vec![2.0; 30]];
    let number = ColumnKind::Number;
    let preparation = fit(&columns, &[number, number, number, ColumnKind::Category { n_levels: 5 }]);
    let dropped: Vec<(usize, DropReason)> =
        preparation.dropped().iter().map(|drop| (drop.column, drop.reason)).collect();
    assert_eq!(dropped, [(0, DropReason::Constant), (1, DropReason::Unknown), (3, DropReason::Constant)]);
    assert_eq!(kinds(&preparation), [PartKind::Value]);
    assert_eq!(preparation.parts()[0].column, 2);
    let nothing = PARAMS.fit(&Matrix::new(1, vec![1.0, 1.0]).unwrap(), &[number]);
    assert_eq!(nothing, Err(LearnError::NoColumns));
}

#[test]
fn five_copies_vote_as_one() {
    let base = noise((500, 2), 5, normal);
    let (first, second) = (base.column(0), base.column(1));
    let alone = fit(&[first.clone(), second.clone()], &[ColumnKind::Number; 2]).votes();
    let mut columns = vec![first; 5];
    columns.push(second);
    let votes = fit(&columns, &[ColumnKind::Number; 6]).votes();
    assert!((votes[..5].iter().sum::<f64>() - alone[0]).abs() < 1e-6, "{votes:?}");
    assert!((votes[5] - alone[1]).abs() < 1e-6);
}

#[test]
fn factors_multiply_votes() {
    let base = noise((100, 2), 5, normal);
    let preparation = fit(&[base.column(0), base.column(1)], &[ColumnKind::Number; 2]);
    let reweighted = preparation.clone().reweighted(&[4.0, 0.0]).unwrap();
    assert!((reweighted.votes()[0] - 4.0).abs() < 1e-9 && reweighted.votes()[1] <= 0.0);
    let (before, after) = (preparation.transform(&base).unwrap(), reweighted.transform(&base).unwrap());
    assert!((after.row(3)[0] - 2.0 * before.row(3)[0]).abs() < 1e-5);
    for wrong in [&[1.0][..], &[1.0, -1.0], &[f64::NAN, 1.0], &[1.0, f64::INFINITY]] {
        assert!(preparation.clone().reweighted(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn bad_input_is_an_error() {
    let matrix = Matrix::new(1, vec![1.0, f32::INFINITY]).unwrap();
    assert!(matches!(PARAMS.fit(&matrix, &[ColumnKind::Number]), Err(LearnError::NotFinite { row: 1, column: 0 })));
    let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
    assert!(PARAMS.fit(&matrix, &[]).is_err());
    assert!(PreparationParams { clip: 0.0, ..PARAMS }.fit(&matrix, &[ColumnKind::Number]).is_err());
    let preparation = PARAMS.fit(&matrix, &[ColumnKind::Number]).unwrap();
    assert!(preparation.transform_row(&[1.0, 2.0]).is_err());
    assert!(preparation.transform(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
}

/// Columns of every kind, drawn from a seed.
fn mixed(n_rows: usize, seed: u64) -> (Matrix, [ColumnKind; 5]) {
    let mut generator = generator(seed);
    let mut values = Vec::new();
    for _ in 0..n_rows {
        let heavy = (1.5 * normal(&mut generator)).exp();
        let rare = if generator.random::<f64>() < 0.8 { 0.0 } else { heavy * 3.0 };
        let holey = if generator.random::<f64>() < 0.2 { f64::NAN } else { normal(&mut generator) };
        let level = (4.0 * generator.random::<f64>()).floor();
        values.extend([normal(&mut generator), heavy, rare, holey, level].map(|value| value as f32));
    }
    let number = ColumnKind::Number;
    (Matrix::new(5, values).unwrap(), [number, number, number, number, ColumnKind::Category { n_levels: 3 }])
}

/// Returns which transform each part has.
fn transforms(preparation: &Preparation) -> Vec<std::mem::Discriminant<ColumnTransform>> {
    preparation.parts().iter().map(|part| std::mem::discriminant(&part.scaling.transform)).collect()
}

proptest! {
    #[test]
    fn row_by_row_is_the_same_as_all_at_once(seed in 0..1000_u64) {
        let (first, kinds) = mixed(300, seed);
        let (second, _) = mixed(50, seed + 1);
        let preparation = TOLD.fit(&first, &kinds).unwrap();
        prop_assert_eq!(&preparation, &TOLD.fit(&first, &kinds).unwrap());
        for matrix in [&first, &second] {
            let prepared = preparation.transform(matrix).unwrap();
            for (row, expected) in matrix.rows().zip(prepared.rows()) {
                prop_assert_eq!(&preparation.transform_row(row).unwrap(), expected);
            }
            prop_assert!(prepared.values().iter().all(|value| value.is_finite() && value.abs() <= 3.0));
        }
    }

    #[test]
    fn one_wild_row_hardly_moves_the_others(
        seed in 0..1000_u64,
        wild in proptest::sample::select(vec![-1e30_f32, -1e6, 1e6, 1e30]),
    ) {
        let (clean, kinds) = mixed(600, seed);
        let mut values = clean.values().to_vec();
        values[..4].fill(wild);
        let upset = Matrix::new(5, values).unwrap();
        let (first, second) = (PARAMS.fit(&clean, &kinds).unwrap(), PARAMS.fit(&upset, &kinds).unwrap());
        prop_assert_eq!(self::kinds(&first), self::kinds(&second));
        // Where the tail is at the very border, one value may choose another transform.
        if transforms(&first) != transforms(&second) {
            return Ok(());
        }
        let (first, second) = (first.transform(&clean).unwrap(), second.transform(&upset).unwrap());
        for (row_idx, (first, second)) in first.rows().zip(second.rows()).enumerate().skip(1) {
            for (a, b) in first.iter().zip(second) {
                prop_assert!((a - b).abs() < 0.15, "row {row_idx} moves from {a} to {b}");
            }
        }
    }
}
