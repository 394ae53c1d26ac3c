//! K-means rests where it should, recovers what was planted, and says what it cannot do.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rand::seq::SliceRandom;
use throng_learn::{
    KMeans, KMeansParams, KMeansPass, LearnError, Matrix, MiniBatchKMeans, MiniBatchKMeansParams, adjusted_rand_index,
};

use crate::data::{blobs, generator, k_means, normal};

/// Checks that no row is nearer to another centroid and that every centroid is its rows' mean.
fn check_at_rest(matrix: &Matrix, model: &KMeans) {
    let (predicted, distances) = (model.predict(matrix).unwrap(), model.distances(matrix).unwrap());
    for ((row, &label), predicted) in distances.rows().zip(model.labels()).zip(predicted) {
        assert!(row.iter().all(|&distance| row[label] <= distance));
        // Clusters are numbered by size once a fit is at rest: of equally near ones another may come first then.
        assert!(predicted == label || row[predicted] <= row[label]);
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

/// Returns 65,536 rows in nine round clusters on a grid, so near each other that they overlap.
fn grid() -> Matrix {
    let mut generator = generator(1);
    let mut values = Vec::new();
    for row_idx in 0..65_536_u32 {
        for place in [row_idx % 3, row_idx / 3 % 3] {
            values.push((3.5 * f64::from(place) + normal(&mut generator)) as f32);
        }
    }
    Matrix::new(2, values).unwrap()
}

#[test]
fn no_seed_leaves_many_rows_in_a_bad_place() {
    let matrix = grid();
    let fit = |seed: u64| KMeansParams { n_init: 1, tolerance: 1e-4, ..k_means(9, seed) }.fit(&matrix).unwrap();
    let inertias: Vec<f64> = (0..20).map(|seed| fit(seed).inertia()).collect();
    let least = inertias.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(inertias.iter().all(|&inertia| inertia <= 1.001 * least), "{inertias:?}");
}

#[test]
fn few_far_rows_among_many_are_not_lost() {
    let mut values = grid().values().to_vec();
    values[..6].fill(1e6);
    let matrix = Matrix::new(2, values).unwrap();
    for seed in 0..5 {
        let params = KMeansParams { n_init: 1, ..k_means(2, seed) };
        assert_eq!(params.fit(&matrix).unwrap().sizes(), &[65_533, 3]);
    }
}

#[test]
fn many_rows_give_the_same_bytes_on_any_number_of_threads() {
    let matrix = grid();
    let with = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| k_means(9, 3).fit(&matrix)).unwrap()
    };
    let single = with(1);
    assert!(single == with(2));
    assert!(single == with(5));
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

/// Lloyd's method as it stands in the textbook: all distances, fresh sums.
/// `None` where a cluster was empty on the way, which a textbook leaves to the reader.
fn textbook(matrix: &Matrix, mut centroids: Vec<Vec<f32>>, n_iter: usize) -> Option<Vec<Vec<f32>>> {
    for _ in 0..n_iter {
        let mut sums = vec![(0_u32, vec![0.0_f64; matrix.n_columns()]); centroids.len()];
        for row in matrix.rows() {
            let squared = |centroid: &Vec<f32>| {
                let pairs = row.iter().zip(centroid);
                pairs.fold(0.0_f32, |sum, (a, b)| sum + (a - b) * (a - b))
            };
            let squared: Vec<f32> = centroids.iter().map(squared).collect();
            let least = squared.iter().copied().fold(f32::INFINITY, f32::min);
            let nearest = squared.iter().position(|&distance| distance <= least).unwrap();
            sums[nearest].0 += 1;
            for (sum, &value) in sums[nearest].1.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        if sums.iter().any(|(size, _)| *size == 0) {
            return None;
        }
        for (centroid, (size, sums)) in centroids.iter_mut().zip(sums) {
            *centroid = sums.iter().map(|sum| (sum / f64::from(size)) as f32).collect();
        }
    }
    Some(centroids)
}

proptest! {
    #[test]
    fn bounds_and_running_sums_change_no_bit(
        values in proptest::collection::vec(-300..300_i16, 60..400),
        n_clusters in 1..11_usize,
        n_iter_max in 1..12_usize,
    ) {
        // Multiples of an eighth, whose sums are exact in `f64` too.
        let values: Vec<f32> = values[..values.len() / 3 * 3].iter().map(|&value| f32::from(value) / 8.0).collect();
        let matrix = Matrix::new(3, values).unwrap();
        let first = matrix.take(&(0..n_clusters).collect::<Vec<_>>());
        let expected = textbook(&matrix, first.rows().map(<[f32]>::to_vec).collect(), n_iter_max);
        let params = KMeansParams { n_iter_max, ..k_means(n_clusters, 0) };
        // Repair of clusters that become empty is another test's.
        if let (Ok(model), Some(mut expected)) = (params.fit_from(&matrix, &first), expected) {
            let mut found: Vec<Vec<f32>> = model.centroids().rows().map(<[f32]>::to_vec).collect();
            let order = |a: &Vec<f32>, b: &Vec<f32>| a.partial_cmp(b).unwrap();
            found.sort_by(order);
            expected.sort_by(order);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn cut_order_and_owner_of_the_blocks_leave_the_same_state(
        bits in proptest::collection::vec(any::<u32>(), 4..200),
        cuts in proptest::collection::vec(0..50_usize, 0..6),
        seed in 0..1000_u64,
    ) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|value| value.is_finite()).collect();
        let matrix = Matrix::new(2, values[..values.len() / 2 * 2].to_vec()).unwrap();
        let centroids = Matrix::new(2, vec![0.0, 0.0, 1.0, -1.0, 1e20, 3.0]).unwrap();
        let mut whole = KMeansPass::new(&centroids).unwrap();
        whole.update(&matrix).unwrap();
        let mut order: Vec<usize> = (0..matrix.n_rows()).collect();
        order.shuffle(&mut generator(seed));
        let mut parts = vec![KMeansPass::new(&centroids).unwrap(); 3];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(order.len())).chain([0, order.len()]).collect();
        cuts.sort_unstable();
        for (part_idx, cut) in cuts.windows(2).enumerate() {
            parts[part_idx % 3].update(&matrix.take(&order[cut[0]..cut[1]])).unwrap();
        }
        let mut merged = KMeansPass::from_state(&centroids, &parts[2].state()).unwrap();
        merged.merge(&parts[0]);
        merged.merge(&parts[1]);
        prop_assert_eq!(merged.state(), whole.state());
        prop_assert_eq!(merged.evaluate(), whole.evaluate());
    }
}

/// Fits by passes over blocks of `block_n_rows`, on two workers whose states are merged.
fn fit_passes(params: &KMeansParams, matrix: &Matrix, centroids: &Matrix, block_n_rows: usize) -> KMeans {
    let rows: Vec<usize> = (0..matrix.n_rows()).rev().collect();
    let fitted = params.fit_passes(centroids, |mut pass| -> Result<KMeansPass, LearnError> {
        let mut worker = pass.clone();
        for (block_idx, block) in rows.chunks(block_n_rows).enumerate() {
            let pass = if block_idx % 2 == 0 { &mut pass } else { &mut worker };
            pass.update(&matrix.take(block))?;
        }
        pass.merge(&worker);
        Ok(pass)
    });
    fitted.unwrap()
}

#[test]
fn passes_over_blocks_are_the_fit_in_memory_bit_for_bit() {
    for (n_blobs, n_columns, separation, tolerance) in [(3, 2, 0.5, 0.0), (8, 20, 1.1, 0.0), (9, 7, 0.3, 1e-3)] {
        let (matrix, _) = blobs((9001, n_columns), n_blobs, separation, 11);
        let first = matrix.take(&(0..n_blobs).map(|blob| 5 * blob).collect::<Vec<_>>());
        let params = KMeansParams { n_iter_max: 40, tolerance, ..k_means(n_blobs, 0) };
        let in_memory = params.fit_from(&matrix, &first).unwrap();
        for block_n_rows in [1000, 9001] {
            let by_passes = fit_passes(&params, &matrix, &first, block_n_rows);
            assert_eq!(by_passes.centroids(), in_memory.centroids());
            assert_eq!(by_passes.sizes(), in_memory.sizes());
            assert_eq!(by_passes.inertia().to_bits(), in_memory.inertia().to_bits());
            assert_eq!(by_passes.n_iter(), in_memory.n_iter());
            assert_eq!(by_passes.predict(&matrix).unwrap(), in_memory.labels());
        }
    }
}

#[test]
fn passes_repair_empty_clusters_as_in_memory() {
    let matrix = Matrix::new(1, vec![0.0, 1.0, 2.0, 10.0, 11.0]).unwrap();
    let far_away = Matrix::new(1, vec![1.0, 1000.0, 2000.0]).unwrap();
    let in_memory = k_means(3, 1).fit_from(&matrix, &far_away).unwrap();
    assert_eq!(&fit_passes(&k_means(3, 1), &matrix, &far_away, 2).centroids(), &in_memory.centroids());
}

#[test]
fn states_that_no_pass_wrote_are_refused() {
    let centroids = Matrix::new(1, vec![0.0, 5.0]).unwrap();
    let mut pass = KMeansPass::new(&centroids).unwrap();
    pass.update(&Matrix::new(1, vec![1.0, 2.0]).unwrap()).unwrap();
    let state = pass.state();
    let check = |bytes: &[u8], what: &'static str| {
        assert_eq!(KMeansPass::from_state(&centroids, bytes), Err(LearnError::InvalidState { what }));
    };
    check(&state[..state.len() - 1], "the length");
    check(&[state.as_slice(), &[0]].concat(), "the length");
    let mut broken = state.clone();
    broken[7] = 0xff;
    check(&broken, "a digit of a sum");
    let sizes_at = 3 * 19 * 8;
    broken = state.clone();
    broken[sizes_at + 7] = 0xff;
    check(&broken, "a number of rows");
    broken = state;
    broken[sizes_at + 8..sizes_at + 12].copy_from_slice(&f32::NAN.to_le_bytes());
    check(&broken, "a farthest row");
    assert!(KMeansPass::new(&Matrix::new(1, Vec::new()).unwrap()).is_err());
    assert!(pass.update(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
    assert!(pass.update(&Matrix::new(1, vec![f32::NAN]).unwrap()).is_err());
    let nothing = k_means(2, 0).fit_passes(&centroids, Ok::<_, LearnError>).unwrap_err();
    assert_eq!(nothing.to_string(), "cannot fit k-means on 0 rows; at least 2 are needed");
}

fn mini_batches(n_clusters: usize, seed: u64) -> MiniBatchKMeansParams {
    MiniBatchKMeansParams { n_clusters, n_init: 3, batch_n_rows: 512, n_batches_max: 200, seed }
}

#[test]
fn mini_batches_find_planted_blobs_with_little_more_inertia() {
    for seed in 0..5 {
        let (matrix, truth) = blobs((20_000, 6), 5, 5.0, seed);
        let model = mini_batches(5, seed).fit(&matrix).unwrap();
        assert!(adjusted_rand_index(&truth, model.labels()).unwrap() > 0.97);
        let full = k_means(5, seed).fit(&matrix).unwrap();
        assert!(model.inertia() <= 1.02 * full.inertia(), "{} {}", model.inertia(), full.inertia());
        assert_eq!(model, mini_batches(5, seed).fit(&matrix).unwrap());
        assert_eq!(model.predict(&matrix).unwrap(), model.labels());
    }
}

#[test]
fn partial_fit_moves_each_centroid_to_the_mean_of_its_rows_so_far() {
    let mut model = MiniBatchKMeans::new(&Matrix::new(1, vec![0.0, 10.0]).unwrap()).unwrap();
    model.partial_fit(&Matrix::new(1, vec![1.0, 2.0]).unwrap()).unwrap();
    assert_eq!(model.centroids().values(), &[1.5, 10.0]);
    model.partial_fit(&Matrix::new(1, vec![3.0, 12.0]).unwrap()).unwrap();
    assert_eq!(model.centroids().values(), &[2.0, 12.0]);
    assert!(model.partial_fit(&Matrix::new(1, vec![f32::INFINITY]).unwrap()).is_err());
    assert!(MiniBatchKMeans::new(&Matrix::new(1, Vec::new()).unwrap()).is_err());
}

#[test]
fn impossible_mini_batches_are_errors() {
    let matrix = Matrix::new(1, vec![0.0, 1.0]).unwrap();
    let check = |params: MiniBatchKMeansParams, message: &str| {
        assert_eq!(params.fit(&matrix).unwrap_err().to_string(), message);
    };
    let params = mini_batches(2, 0);
    check(mini_batches(3, 0), "cannot fit k-means on 2 rows; at least 3 are needed");
    check(MiniBatchKMeansParams { batch_n_rows: 0, ..params }, "parameter batch_n_rows is 0, but must be at least 1");
    check(MiniBatchKMeansParams { n_batches_max: 0, ..params }, "parameter n_batches_max is 0, but must be at least 1");
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
    let broken = Matrix::new(2, vec![0.0, 0.0, 1.0, f32::INFINITY]).unwrap();
    assert_eq!(params.fit_from(&broken, &matrix), Err(LearnError::NotFinite { row: 1, column: 1 }));
    assert_eq!(Matrix::new(0, Vec::new()), Err(LearnError::NoColumns));
    assert!(Matrix::new(2, vec![1.0]).is_err());
    assert!(Matrix::from_columns(&[vec![1.0], vec![1.0, 2.0]]).is_err());
}
