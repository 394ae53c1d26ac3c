//! The laws of all clustering methods, each run on every one of them.

use rand::seq::SliceRandom;
use rayon::ThreadPoolBuilder;
use throng_learn::{
    AgglomerativeParams, CategoryWeight, Clustering, Clusters, Covariance, FactorisationParams, GaussianMixtureParams,
    HdbscanParams, KMeansParams, KPrototypesParams, LearnError, Matrix, MixedMatrix, adjusted_rand_index,
};

use crate::data::{check_refused, generator, normal};

type Labels = Vec<Option<usize>>;
type Fit = Box<dyn Fn(&Matrix) -> Result<Found, LearnError> + Send + Sync>;
type Predict = Box<dyn Fn(&Matrix) -> Result<Labels, LearnError>>;

/// What a method found.
struct Found {
    n_clusters: usize,
    labels: Labels,
    /// The whole fitted model, every number in full.
    written: String,
    predict: Predict,
}

/// A method, whatever its types.
struct Learner {
    name: &'static str,
    fit: Fit,
}

impl Learner {
    fn new<Method>(name: &'static str, method: Method, rows: fn(&Matrix) -> Method::Rows) -> Learner
    where
        Method: Clustering + Send + Sync + 'static,
        Method::Fitted: std::fmt::Debug + 'static,
        Method::Rows: 'static,
    {
        let fit = move |matrix: &Matrix| {
            let model = method.fit(&rows(matrix))?;
            Ok(Found {
                n_clusters: model.n_clusters(),
                labels: model.labels(),
                written: format!("{model:?}"),
                predict: Box::new(move |matrix| model.predict(&rows(matrix))),
            })
        };
        Learner { name, fit: Box::new(fit) }
    }
}

fn k_means(n_clusters: usize) -> KMeansParams {
    KMeansParams { n_clusters, n_init: 3, n_iter_max: 50, tolerance: 1e-4, seed: 3 }
}

fn mixture(n_components: usize, covariance: Covariance) -> GaussianMixtureParams {
    let (covariance_floor, n_init, n_iter_max, tolerance) = (1e-6, 2, 60, 1e-4);
    GaussianMixtureParams { n_components, covariance, covariance_floor, n_init, n_iter_max, tolerance, seed: 3 }
}

fn agglomerative(n_clusters: usize, n_rows_max: usize) -> AgglomerativeParams {
    AgglomerativeParams { n_clusters, n_rows_max, n_micro_clusters: 40, seed: 3 }
}

fn hdbscan(n_rows_max: usize) -> HdbscanParams {
    HdbscanParams { min_cluster_size: 20, min_samples: 5, n_rows_max, seed: 3 }
}

fn k_prototypes(n_clusters: usize) -> KPrototypesParams {
    let category_weight = CategoryWeight::HalfDeviation;
    KPrototypesParams { n_clusters, category_weight, n_init: 4, n_iter_max: 50, seed: 3 }
}

/// The same numbers, and one category that says nothing.
fn mixed(matrix: &Matrix) -> MixedMatrix {
    MixedMatrix::new(matrix.clone(), &[vec![1; matrix.n_rows()]]).unwrap()
}

fn same(matrix: &Matrix) -> Matrix {
    matrix.clone()
}

/// The methods that are told the number of clusters.
fn told_learners(n_clusters: usize) -> Vec<Learner> {
    let factorisation = FactorisationParams { n_components: n_clusters, n_iter_max: 200, tolerance: 1e-6 };
    vec![
        Learner::new("k-means", k_means(n_clusters), same),
        Learner::new("diagonal mixture", mixture(n_clusters, Covariance::Diagonal), same),
        Learner::new("full mixture", mixture(n_clusters, Covariance::Full), same),
        Learner::new("factorisation", factorisation, same),
        Learner::new("agglomerative", agglomerative(n_clusters, 10_000), same),
        Learner::new("agglomerative of micro-clusters", agglomerative(n_clusters, 50), same),
        Learner::new("k-prototypes", k_prototypes(n_clusters), mixed),
    ]
}

fn learners() -> Vec<Learner> {
    let mut learners = told_learners(4);
    learners.push(Learner::new("HDBSCAN", hdbscan(10_000), same));
    learners.push(Learner::new("HDBSCAN of a sample", hdbscan(300), same));
    learners
}

/// Returns four kinds of rows, each high in two columns of its own and low in the others, never
/// negative; and the kind of each row.
fn planted(n_rows: usize, seed: u64) -> (Matrix, Vec<usize>) {
    let mut generator = generator(seed);
    let truth: Vec<usize> = (0..n_rows).map(|row_idx| row_idx % 4).collect();
    let mut values = Vec::with_capacity(8 * n_rows);
    for &kind in &truth {
        for column_idx in 0..8 {
            let level = if column_idx / 2 == kind { 10.0 } else { 1.0 };
            values.push((level + 0.3 * normal(&mut generator)).max(0.0) as f32);
        }
    }
    (Matrix::new(8, values).unwrap(), truth)
}

/// Returns the agreement of two labellings, noise counting as one more cluster.
fn agreement(first: &[Option<usize>], second: &[Option<usize>]) -> f64 {
    let plain = |labels: &[Option<usize>]| -> Vec<usize> {
        labels.iter().map(|label| label.map_or(0, |label| label + 1)).collect()
    };
    adjusted_rand_index(&plain(first), &plain(second)).unwrap()
}

#[test]
fn planted_clusters_are_found() {
    for seed in 0..3 {
        let (matrix, truth) = planted(600, seed);
        let truth: Labels = truth.into_iter().map(Some).collect();
        for learner in learners() {
            let found = (learner.fit)(&matrix).unwrap();
            let agreement = agreement(&truth, &found.labels);
            assert_eq!(found.n_clusters, 4, "{}", learner.name);
            assert!(agreement >= 0.95, "{} seed {seed}: {agreement}", learner.name);
        }
    }
}

#[test]
fn refit_gives_the_same_bytes_on_any_number_of_threads() {
    // More than one chunk of rows, and not a whole number of them.
    let (matrix, _) = planted(4_500, 7);
    for learner in learners() {
        let with = |n_threads: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| (learner.fit)(&matrix).map(|found| found.written)).unwrap()
        };
        let single = with(1);
        assert!(single == with(1), "{}", learner.name);
        assert!(single == with(2), "{}", learner.name);
        assert!(single == with(5), "{}", learner.name);
    }
}

#[test]
fn predicting_the_fitted_rows_gives_their_labels() {
    let (planted, _) = planted(500, 11);
    let mut generator = generator(12);
    let overlapping: Vec<f32> = (0..1_500).map(|_| (3.0 + normal(&mut generator)).max(0.0) as f32).collect();
    for matrix in [planted, Matrix::new(5, overlapping).unwrap()] {
        for learner in learners() {
            let found = (learner.fit)(&matrix).unwrap();
            assert_eq!(found.labels.len(), matrix.n_rows(), "{}", learner.name);
            assert_eq!((found.predict)(&matrix).unwrap(), found.labels, "{}", learner.name);
            let known = found.labels.iter().flatten().all(|&label| label < found.n_clusters);
            assert!(known, "{}", learner.name);
        }
    }
}

#[test]
fn equal_rows_get_equal_labels() {
    // On a grid, where many distances are equal, each row three times.
    let values: Vec<f32> = (0..600_usize).map(|idx| ((idx * 7919 + idx / 5 * 31) % 7) as f32).collect();
    let rows = Matrix::new(4, values).unwrap();
    let thrice: Vec<usize> = (0..450).map(|idx| idx % 150).collect();
    let matrix = rows.take(&thrice);
    for learner in learners() {
        let found = (learner.fit)(&matrix).unwrap();
        for row_idx in 0..150 {
            assert_eq!(found.labels[row_idx], found.labels[row_idx + 150], "{}", learner.name);
            assert_eq!(found.labels[row_idx], found.labels[row_idx + 300], "{}", learner.name);
        }
    }
}

/// Checks that the clusters of the changed rows are those of the rows.
fn check_unchanged(skipped: &[&str], change: impl Fn(&Matrix) -> Matrix) {
    let (matrix, _) = planted(400, 21);
    let changed = change(&matrix);
    for learner in learners() {
        if skipped.contains(&learner.name) {
            continue;
        }
        let (first, second) = ((learner.fit)(&matrix).unwrap(), (learner.fit)(&changed).unwrap());
        let agreement = agreement(&first.labels, &second.labels);
        // What is drawn as a sample may differ in its noise.
        assert!(agreement > 0.98, "{}: {agreement}", learner.name);
    }
}

#[test]
fn place_and_unit_of_the_rows_do_not_matter() {
    let each = |matrix: &Matrix, change: fn(f32) -> f32| {
        Matrix::new(matrix.n_columns(), matrix.values().iter().map(|&value| change(value)).collect()).unwrap()
    };
    check_unchanged(&["factorisation"], |matrix| each(matrix, |value| value - 64.0));
    check_unchanged(&[], |matrix| each(matrix, |value| value * 4.0));
    check_unchanged(&[], |matrix| each(matrix, |value| value / 1024.0));
}

#[test]
fn order_of_the_rows_only_names_the_clusters() {
    let (matrix, _) = planted(400, 31);
    let mut order: Vec<usize> = (0..400).collect();
    order.shuffle(&mut generator(32));
    let shuffled = matrix.take(&order);
    for learner in learners() {
        let first = (learner.fit)(&matrix).unwrap();
        let second = (learner.fit)(&shuffled).unwrap();
        let expected: Labels = order.iter().map(|&row_idx| first.labels[row_idx]).collect();
        let agreement = agreement(&expected, &second.labels);
        let agreement_min = if learner.name == "HDBSCAN of a sample" { 0.95 } else { 1.0 - 1e-12 };
        assert!(agreement >= agreement_min, "{}: {agreement}", learner.name);
    }
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (matrix, _) = planted(100, 41);
        let mut values = matrix.values().to_vec();
        values[8 * 60 + 3] = value;
        let spoilt = Matrix::new(8, values).unwrap();
        for learner in learners() {
            let message = "value at row 60, column 3 is not a finite number";
            check_refused((learner.fit)(&spoilt).map(|found| found.written), message);
            let found = (learner.fit)(&matrix).unwrap();
            check_refused((found.predict)(&spoilt), message);
        }
    }
}

#[test]
fn too_few_rows_and_other_columns_are_refused() {
    let (matrix, _) = planted(100, 51);
    let three = matrix.take(&[0, 1, 2]);
    let none = matrix.take(&[]);
    let narrow = Matrix::new(2, vec![1.0; 20]).unwrap();
    for learner in learners() {
        for rows in [&three, &none] {
            let error = (learner.fit)(rows).map(|found| found.written).unwrap_err();
            assert!(matches!(error, LearnError::TooFewRows { .. }), "{}: {error}", learner.name);
        }
        let found = (learner.fit)(&matrix).unwrap();
        let error = (found.predict)(&narrow).unwrap_err();
        assert!(matches!(error, LearnError::ShapeMismatch { .. }), "{}: {error}", learner.name);
        assert_eq!((found.predict)(&none).unwrap(), Labels::new(), "{}", learner.name);
    }
}

#[test]
fn no_clusters_are_refused() {
    let (matrix, _) = planted(100, 61);
    for learner in told_learners(0) {
        let error = (learner.fit)(&matrix).map(|found| found.written).unwrap_err();
        let message = error.to_string();
        assert!(message.ends_with("is 0, but must be at least 1"), "{}: {message}", learner.name);
    }
}

#[test]
fn more_clusters_than_different_rows_are_refused() {
    let matrix = Matrix::new(8, [[1.0_f32; 8], [2.0; 8], [4.0; 8]].concat().repeat(30)).unwrap();
    for learner in told_learners(4) {
        if learner.name == "factorisation" {
            // Components are no groups of rows: they may outnumber them.
            continue;
        }
        let error = (learner.fit)(&matrix).map(|found| found.written).unwrap_err();
        assert_eq!(error, LearnError::TooFewDistinctRows { n_clusters: 4, n_distinct: 3 }, "{}", learner.name);
    }
}
