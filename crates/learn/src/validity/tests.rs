//! Validity on outcomes whose cause is known, and against statsmodels.

use rand::Rng;

use super::fitting::fit;
use super::{Response, Validity, ValidityParams};
use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::real;
use crate::random::generator;
use crate::statistics::Confidence;

const RESPONSES: [Response; 4] = [Response::Occurrence, Response::Count, Response::Amount, Response::PositiveAmount];

fn params() -> ValidityParams {
    ValidityParams { n_folds: 5, ridge: 1.0, confidence: Confidence::new(0.95).unwrap(), seed: 3 }
}

/// Returns outcomes of the kind, which are greater in group 1, and the groups.
fn planted(response: Response, n_rows: usize, seed: u64) -> (Vec<f64>, Vec<usize>) {
    let mut generator = generator(seed, 0);
    let groups: Vec<usize> = (0..n_rows).map(|_| generator.random_range(0..2)).collect();
    let outcomes = groups.iter().map(|&group| {
        let (often, chance): (f64, f64) = (generator.random(), generator.random());
        let buys = often < 0.2 + 0.5 * real(group);
        match response {
            Response::Occurrence => f64::from(u8::from(buys)),
            Response::Count => (-3.0 * (1.0 + real(group)) * chance.ln()).floor(),
            Response::Amount => {
                if buys {
                    -50.0 * chance.ln()
                } else {
                    0.0
                }
            }
            Response::PositiveAmount => -50.0 * (1.0 + 3.0 * real(group)) * chance.ln() + 1.0,
        }
    });
    (outcomes.collect(), groups)
}

fn evaluate(groups: &[&[usize]], outcomes: &[f64], response: Response) -> Result<Validity, LearnError> {
    let partitions: Vec<Matrix> = groups.iter().map(|groups| Matrix::of_labels(groups, 8).unwrap()).collect();
    params().evaluate(&partitions.iter().collect::<Vec<_>>(), outcomes, response)
}

#[test]
fn cause_explains_and_chance_does_not() {
    for response in RESPONSES {
        let (outcomes, groups) = planted(response, 2000, 7);
        let mut generator = generator(8, 0);
        let chance: Vec<usize> = (0..2000).map(|_| generator.random_range(0..8)).collect();
        let found = evaluate(&[&chance, &groups], &outcomes, response).unwrap();
        let [of_chance, of_cause] = [found.partitions[0], found.partitions[1]];
        assert!(of_cause.explained.low > 0.05, "{response:?}: {of_cause:?}");
        assert!(of_chance.explained.estimate < 0.005, "{response:?}: {of_chance:?}");
        assert!(of_chance.explained.low <= 0.0, "{response:?}: {of_chance:?}");
        assert!(of_cause.gain.low > 0.0, "{response:?}: {of_cause:?}");
        assert!(of_chance.gain.estimate.abs() < 1e-12);
        assert!(found.null_deviance > 0.0);
    }
}

#[test]
fn unit_of_an_amount_does_not_matter() {
    for response in [Response::Amount, Response::PositiveAmount] {
        let (outcomes, groups) = planted(response, 500, 2);
        let pence: Vec<f64> = outcomes.iter().map(|value| value * 100.0).collect();
        let found = evaluate(&[&groups], &outcomes, response).unwrap().partitions[0].explained;
        let in_pence = evaluate(&[&groups], &pence, response).unwrap().partitions[0].explained;
        assert!((found.estimate - in_pence.estimate).abs() < 1e-6, "{response:?}: {found:?} {in_pence:?}");
    }
}

#[test]
fn interval_holds_the_long_run_value_about_as_often_as_it_says() {
    let (outcomes, groups) = planted(Response::Count, 20_000, 100);
    let truth = evaluate(&[&groups], &outcomes, Response::Count).unwrap().partitions[0].explained.estimate;
    let held = (0..60).filter(|&seed| {
        let (outcomes, groups) = planted(Response::Count, 600, seed);
        let found = evaluate(&[&groups], &outcomes, Response::Count).unwrap().partitions[0].explained;
        found.low <= truth && truth <= found.high
    });
    let held = held.count();
    assert!((52..=60).contains(&held), "{held} of 60");
}

/// Checks the fitted means of two groups, which are those groups' means where the ridge vanishes.
#[test]
fn fit_without_a_ridge_gives_the_means_of_the_groups() {
    for response in RESPONSES {
        let (outcomes, groups) = planted(response, 400, 5);
        let partition = Matrix::of_labels(&groups, 2).unwrap();
        let rows: Vec<usize> = (0..400).collect();
        let fitted = fit(&partition, &rows, &outcomes, response, 1e-9).unwrap();
        for group in 0..2 {
            let own: Vec<f64> = rows.iter().filter(|&&row| groups[row] == group).map(|&row| outcomes[row]).collect();
            let expected = own.iter().sum::<f64>() / real(own.len());
            let row: Vec<f32> = if group == 0 { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
            let found = fitted.mean(&row, response);
            assert!((found - expected).abs() < 1e-4 * expected, "{response:?} {group}: {found} {expected}");
        }
    }
}

#[test]
fn deviances_are_those_of_scikit_learn() {
    let check = |response: Response, outcome: f64, mean: f64, expected: f64| {
        let found = response.deviance(outcome, mean);
        assert!((found - expected).abs() < 1e-9, "{response:?}: {found}");
    };
    // mean_tweedie_deviance of powers 1, 1.5 and 2; twice the log loss.
    check(Response::Count, 3.0, 2.0, 0.432_790_648_648_986);
    check(Response::Amount, 3.0, 2.0, 0.285_729_163_179_934);
    check(Response::Amount, 0.0, 2.0, 5.656_854_249_492_38);
    check(Response::PositiveAmount, 3.0, 2.0, 0.189_069_783_783_671);
    check(Response::Occurrence, 1.0, 0.25, 2.772_588_722_239_781);
}

#[test]
fn outcomes_that_nothing_can_be_said_of_are_refused() {
    let groups: Vec<usize> = (0..100).map(|row| row % 2).collect();
    let refused =
        |outcomes: &[f64], response: Response| evaluate(&[&groups], outcomes, response).unwrap_err().to_string();
    for response in RESPONSES {
        assert!(refused(&[0.0; 100], response).contains("above 0"), "{response:?}");
        assert!(refused(&[1.0; 100], response).contains("different"), "{response:?}");
    }
    let with = |value: f64| {
        let mut outcomes = planted(Response::PositiveAmount, 100, 1).0;
        outcomes[7] = value;
        outcomes
    };
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        for response in RESPONSES {
            assert!(evaluate(&[&groups], &with(value), response).is_err(), "{value} {response:?}");
        }
    }
    assert!(refused(&with(1.5), Response::Count).contains("0, 1, 2"));
    assert!(refused(&with(2.0), Response::Occurrence).contains("0 or 1"));
    let mut once = vec![0.0; 100];
    once[3] = 1.0;
    assert!(refused(&once, Response::Occurrence).contains("every fold"));
}

#[test]
fn bad_parameters_are_refused() {
    let (outcomes, groups) = planted(Response::Count, 100, 1);
    let partition = Matrix::of_labels(&groups, 2).unwrap();
    let refused = |params: ValidityParams| params.evaluate(&[&partition], &outcomes, Response::Count).is_err();
    assert!(!refused(params()));
    assert!(refused(ValidityParams { n_folds: 1, ..params() }));
    assert!(refused(ValidityParams { n_folds: 101, ..params() }));
    assert!(refused(ValidityParams { n_folds: 50, ..params() }));
    assert!(refused(ValidityParams { ridge: 0.0, ..params() }));
    assert!(params().evaluate(&[], &outcomes, Response::Count).is_err());
    assert!(params().evaluate(&[&partition], &outcomes[1..], Response::Count).is_err());
    let unknown = Matrix::new(1, vec![f32::NAN; 100]).unwrap();
    assert!(params().evaluate(&[&unknown], &outcomes, Response::Count).is_err());
    assert!(Matrix::of_labels(&[2], 2).is_err());
}
