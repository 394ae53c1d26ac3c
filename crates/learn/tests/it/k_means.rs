//! K-means rests where it should, recovers what was planted, and says what it cannot do.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use throng_learn::{KMeans, KMeansParams, LearnError, Matrix, adjusted_rand_index};

use crate::data::{blobs, k_means};

/// Checks that no row is nearer to another centroid and that every centroid is its rows' mean.
fn check_at_rest(matrix: &Matrix, model: &KMeans) {
    assert_eq!(model.predict(matrix).unwrap(), model.labels());
    let distances = model.distances(matrix).unwrap();
    for (row, &label) in distances.rows().zip(model.labels()) {
        assert!(row.iter().all(|&distance| row[label] <= distance));
    }
    let mut inertia = 0.0;
    for label in 0..model.n_clusters() {
        let own: Vec<usize> = (0..matrix.n_rows()).filter(|&row_idx| model.labels()[row_idx] == label).collect();
        assert_eq!(own.len(), model.sizes()[label]);
        let own = matrix.take(&own);
        for (column_idx, &centre) in model.centroids().row(label).iter().enumerate() {
            let column = own.column(column_idx);
            let sum: f64 = column.iter().map(|&value| f64::from(value)).sum();
            assert!((sum / column.len() as f64 - f64::from(centre)).abs() < 1e-5);
            let squares = column.iter().map(|&v| (f64::from(v) - f64::from(centre)).powi(2));
            inertia += squares.sum::<f64>();
        }
    }
    assert!((inertia - model.inertia()).abs() <= 1e-9 * (1.0 + inertia));
}

proptest! {
    #[test]
    fn fit_comes_to_rest_with_no_cluster_empty(
        values in proptest::collection::vec(-20..20_i16, 24..120),
        n_clusters in 1..6_usize,
        seed in 0..1000_u64,
    ) {
        let values: Vec<f32> = values.into_iter().map(f32::from).collect();
        let n_values = values.len() / 2 * 2;
        let matrix = Matrix::new(2, values[..n_values].to_vec()).unwrap();
        match k_means(n_clusters, seed).fit(&matrix) {
            Ok(model) => {
                check_at_rest(&matrix, &model);
                prop_assert!(model.sizes().iter().all(|&size| size > 0));
                prop_assert!(model.sizes().is_sorted_by(|a, b| a >= b));
            }
            Err(error) => {
                let n_distinct = distinct(&matrix);
                prop_assert!(n_distinct < n_clusters, "{error} with {n_distinct} different rows");
                prop_assert_eq!(error, LearnError::TooFewDistinctRows { n_clusters, n_distinct });
            }
        }
    }
}

fn distinct(matrix: &Matrix) -> usize {
    let mut rows: Vec<Vec<u32>> = matrix.rows().map(|row| row.iter().map(|value| value.to_bits()).collect()).collect();
    rows.sort();
    rows.dedup();
    rows.len()
}

#[test]
fn planted_blobs_are_recovered() {
    let check = |n_blobs: usize, separation: f64, ari_min: f64| {
        for seed in 0..5 {
            let (matrix, truth) = blobs((1500, 6), n_blobs, separation, seed);
            let model = k_means(n_blobs, seed).fit(&matrix).unwrap();
            let ari = adjusted_rand_index(&truth, model.labels()).unwrap();
            assert!(ari >= ari_min, "{n_blobs} blobs, seed {seed}: {ari}");
        }
    };
    check(3, 6.0, 0.99);
    check(8, 5.0, 0.97);
    check(4, 2.0, 0.7);
}

#[test]
fn every_row_can_be_its_own_cluster() {
    let matrix = Matrix::new(1, vec![5.0, 1.0, 3.0]).unwrap();
    let model = k_means(3, 1).fit(&matrix).unwrap();
    assert_eq!(model.sizes(), &[1, 1, 1]);
    assert!(model.inertia() < 1e-12);
}

#[test]
fn cluster_that_loses_its_rows_takes_the_farthest_one() {
    let matrix = Matrix::new(1, vec![0.0, 1.0, 2.0, 10.0]).unwrap();
    let far_away = Matrix::new(1, vec![1.0, 1000.0]).unwrap();
    let model = k_means(2, 1).fit_from(&matrix, &far_away).unwrap();
    assert_eq!(model.labels(), &[0, 0, 0, 1]);
    let all_the_same = Matrix::new(1, vec![3.0, 3.0, 3.0]).unwrap();
    let model = k_means(3, 1).fit_from(&matrix, &all_the_same).unwrap();
    check_at_rest(&matrix, &model);
    assert!(!model.sizes().contains(&0));
}

#[test]
fn fit_from_carries_a_fit_over_to_more_rows() {
    let (matrix, truth) = blobs((4000, 5), 4, 5.0, 3);
    let sample: Vec<usize> = (0..400).collect();
    let params = k_means(4, 9);
    let small = params.fit(&matrix.take(&sample)).unwrap();
    let whole = params.fit_from(&matrix, small.centroids()).unwrap();
    check_at_rest(&matrix, &whole);
    assert!(adjusted_rand_index(&truth, whole.labels()).unwrap() > 0.97);
}

#[test]
fn impossible_fits_are_errors() {
    let matrix = Matrix::new(2, vec![0.0, 0.0, 1.0, 1.0]).unwrap();
    let check = |matrix: &Matrix, params: KMeansParams, message: &str| {
        let error = params.fit(matrix).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    let params = k_means(2, 0);
    check(
        &Matrix::new(2, vec![0.0, 0.0, f32::NAN, 1.0]).unwrap(),
        params,
        "value at row 1, column 0 is not a finite number",
    );
    check(&matrix, k_means(3, 0), "cannot fit k-means on 2 rows; at least 3 are needed");
    check(&Matrix::new(1, vec![4.0; 10]).unwrap(), params, "cannot make 2 clusters of 1 different rows");
    check(&matrix, KMeansParams { n_init: 0, ..params }, "parameter n_init is 0, but must be at least 1");
    check(
        &matrix,
        KMeansParams { tolerance: f64::NAN, ..params },
        "parameter tolerance is NaN, but must be finite and not negative",
    );
    let model = params.fit(&matrix).unwrap();
    let narrow = Matrix::new(1, vec![0.0]).unwrap();
    assert!(model.predict(&narrow).is_err());
    assert!(model.distances(&narrow).is_err());
    assert!(params.fit_from(&matrix, &narrow).is_err());
    assert_eq!(Matrix::new(0, Vec::new()), Err(LearnError::NoColumns));
    assert!(Matrix::new(2, vec![1.0]).is_err());
    assert!(Matrix::from_columns(&[vec![1.0], vec![1.0, 2.0]]).is_err());
}
