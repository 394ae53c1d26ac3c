//! K-prototypes rests where it should, uses both kinds of columns, and is no worse than other
//! libraries.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use throng_learn::{
    CategoryWeight, KPrototypes, KPrototypesParams, LearnError, Matrix, MixedMatrix, adjusted_rand_index,
};

use crate::data::{blobs, check_refused, generator, known, normal};

fn params(n_clusters: usize) -> KPrototypesParams {
    let category_weight = CategoryWeight::HalfDeviation;
    KPrototypesParams { n_clusters, category_weight, n_init: 10, n_iter_max: 100, seed: 1 }
}

/// Returns how far a row is from the prototype of a cluster.
fn distance(model: &KPrototypes, rows: &MixedMatrix, row_idx: usize, cluster: usize) -> f64 {
    let numbers = rows.numeric().row(row_idx).iter().zip(model.means().row(cluster));
    let squared: f64 = numbers.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    let categories = rows.categories(row_idx).iter().zip(model.modes(cluster));
    squared + model.gamma() * categories.filter(|(a, b)| a != b).count() as f64
}

/// Checks that every row is with its nearest prototype, every prototype in the middle of its rows.
fn check_at_rest(model: &KPrototypes, rows: &MixedMatrix) {
    let mut cost = 0.0;
    for (row_idx, &label) in model.labels().iter().enumerate() {
        let own = distance(model, rows, row_idx, label);
        cost += own;
        for other in 0..model.n_clusters() {
            assert!(own <= distance(model, rows, row_idx, other));
        }
    }
    assert!((cost - model.cost()).abs() <= 1e-9 * (1.0 + cost));
    for label in 0..model.n_clusters() {
        let own: Vec<usize> = (0..rows.n_rows()).filter(|&row_idx| model.labels()[row_idx] == label).collect();
        assert_eq!(own.len(), model.sizes()[label]);
        let numbers = rows.numeric().take(&own);
        for (column_idx, &mean) in model.means().row(label).iter().enumerate() {
            let sum: f64 = numbers.column(column_idx).iter().map(|&value| f64::from(value)).sum();
            assert!((sum / own.len() as f64 - f64::from(mean)).abs() < 1e-5);
        }
        for (column_idx, &mode) in model.modes(label).iter().enumerate() {
            let count = |code: u32| own.iter().filter(|&&row_idx| rows.categories(row_idx)[column_idx] == code).count();
            assert!((0..20).all(|code| count(code) < count(mode) || (count(code) == count(mode) && code >= mode)));
        }
    }
}

proptest! {
    #[test]
    fn fit_comes_to_rest_with_no_cluster_empty(
        rows in proptest::collection::vec((-20..20_i8, 0..4_u32, 0..3_u32), 12..80),
        n_clusters in 1..5_usize,
        seed in 0..1000_u64,
    ) {
        let numbers = rows.iter().map(|row| f32::from(row.0)).collect();
        let first: Vec<u32> = rows.iter().map(|row| row.1).collect();
        let second: Vec<u32> = rows.iter().map(|row| row.2).collect();
        let mixed = MixedMatrix::new(Matrix::new(1, numbers).unwrap(), &[first, second]).unwrap();
        match (KPrototypesParams { seed, ..params(n_clusters) }).fit(&mixed) {
            Ok(model) => {
                check_at_rest(&model, &mixed);
                prop_assert!(model.sizes().iter().all(|&size| size > 0));
                prop_assert!(model.sizes().is_sorted_by(|a, b| a >= b));
                prop_assert_eq!(model.predict(&mixed).unwrap(), model.labels());
            }
            Err(error) => {
                let mut distinct = rows.clone();
                distinct.sort_unstable();
                distinct.dedup();
                let n_distinct = distinct.len();
                prop_assert_eq!(error, LearnError::TooFewDistinctRows { n_clusters, n_distinct });
                prop_assert!(n_distinct < n_clusters);
            }
        }
    }
}

/// The known rows divided by `scale`, with two categories.
fn known_mixed(scale: f32) -> MixedMatrix {
    let numbers = Matrix::new(2, known().values().iter().map(|value| value / scale).collect()).unwrap();
    let first = (0..60_u32).map(|idx| idx % 3 + u32::from(idx % 7 == 0)).collect();
    let second = (0..60_u32).map(|idx| idx * 5 % 4).collect();
    MixedMatrix::new(numbers, &[first, second]).unwrap()
}

#[test]
fn cost_is_no_greater_than_that_of_the_kmodes_library() {
    // kmodes 0.12: KPrototypes, the best of 90 starts.
    let check = |n_clusters: usize, scale: f32, gamma: f64, cost: f64| {
        let model = params(n_clusters).fit(&known_mixed(scale)).unwrap();
        assert!((model.gamma() - gamma).abs() < 1e-5, "{}", model.gamma());
        assert!(model.cost() <= cost * 1.001, "{} {cost}", model.cost());
    };
    check(3, 1.0, 4.931_073_68, 1_290.283_697);
    check(4, 10.0, 0.493_107_37, 33.710_785);
}

#[test]
fn categories_tell_apart_what_numbers_cannot() {
    let mut generator = generator(2);
    let numbers: Vec<f32> = (0..400).map(|_| normal(&mut generator) as f32).collect();
    let truth: Vec<usize> = (0..400).map(|idx| idx % 4).collect();
    // Three columns that agree, but for one row in nine.
    let column = |shift: usize| -> Vec<u32> {
        (0..400_usize).map(|idx| if (idx + shift).is_multiple_of(9) { 0 } else { (idx % 4) as u32 }).collect()
    };
    let columns = [column(0), column(3), column(6)];
    let rows = MixedMatrix::new(Matrix::new(1, numbers).unwrap(), &columns).unwrap();
    let params = KPrototypesParams { category_weight: CategoryWeight::Fixed(4.0), ..params(4) };
    let model = params.fit(&rows).unwrap();
    let agreement = adjusted_rand_index(&truth, model.labels()).unwrap();
    assert!(agreement > 0.95, "{agreement}");
}

#[test]
fn rows_of_categories_only_have_one_constant_number() {
    let constant = Matrix::new(1, vec![0.0; 6]).unwrap();
    let rows = MixedMatrix::new(constant, &[vec![0, 0, 0, 1, 1, 1], vec![5, 5, 2, 3, 3, 3]]).unwrap();
    let model = params(2).fit(&rows).unwrap();
    assert_eq!(model.labels(), &[0, 0, 0, 1, 1, 1]);
    assert_eq!((model.modes(0), model.modes(1)), ([0, 5].as_slice(), [1, 3].as_slice()));
}

#[test]
fn first_start_leaves_nothing_to_chance() {
    let rows = known_mixed(10.0);
    let with = |seed: u64| KPrototypesParams { n_init: 1, seed, ..params(4) }.fit(&rows).unwrap();
    assert_eq!(with(1), with(2));
}

#[test]
fn rows_without_categories_are_clustered_as_by_k_means() {
    let (matrix, truth) = blobs((400, 3), 4, 6.0, 7);
    let rows = MixedMatrix::new(matrix, &[]).unwrap();
    let model = params(4).fit(&rows).unwrap();
    assert!(adjusted_rand_index(&truth, model.labels()).unwrap() > 0.99);
    assert!(model.modes(0).is_empty());
}

#[test]
fn category_never_seen_differs_from_all() {
    let model = params(3).fit(&known_mixed(1.0)).unwrap();
    let rows = MixedMatrix::new(known(), &[vec![4_000; 60], vec![4_001; 60]]).unwrap();
    let plain: Vec<usize> = (0..60).map(|row_idx| model.predict(&rows).unwrap()[row_idx]).collect();
    assert_eq!(plain, model.labels());
}

#[test]
fn impossible_fits_are_errors() {
    let numbers = || Matrix::new(1, vec![1.0, 2.0, 3.0]).unwrap();
    check_refused(
        MixedMatrix::new(numbers(), &[vec![1, 2]]),
        "a categorical column has 2 entries where 3 are expected",
    );
    check_refused(
        MixedMatrix::new(numbers(), &[vec![1, 2, 4_096]]),
        "parameter category is 4096, but must be below 4096",
    );
    let rows = MixedMatrix::new(numbers(), &[vec![1, 2, 3]]).unwrap();
    for gamma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let weighted = KPrototypesParams { category_weight: CategoryWeight::Fixed(gamma), ..params(2) };
        check_refused(
            weighted.fit(&rows),
            &format!("parameter category_weight is {gamma}, but must be finite and above 0"),
        );
    }
    check_refused(params(4).fit(&rows), "cannot fit k-prototypes on 3 rows; at least 4 are needed");
    let model = params(2).fit(&rows).unwrap();
    let fewer = MixedMatrix::new(numbers(), &[]).unwrap();
    check_refused(model.predict(&fewer), "the list of categorical columns has 0 entries where 1 are expected");
}
