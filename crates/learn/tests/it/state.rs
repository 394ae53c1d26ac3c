//! Every fitted model is the same after it was written to bytes and read back, and bytes that are no
//! state are refused or at least cannot make it panic.

use std::fmt::Debug;

use throng_learn::{
    AgglomerativeParams, BoostingParams, ColumnKind, Covariance, FactorisationParams, GaussianMixtureParams,
    HdbscanParams, HybridModel, HybridParams, HybridRows, LearnError, LogisticParams, Matrix, MembershipParams,
    Missing, Preparation, PreparationParams, Projection, State, StateReader, StateWriter,
};

use crate::data::{blobs, k_means, noise, normal};

fn bytes_of(model: &impl State) -> Vec<u8> {
    let mut writer = StateWriter::default();
    model.write(&mut writer);
    writer.into_bytes()
}

fn read<Model: State>(bytes: &[u8]) -> Result<Model, LearnError> {
    let mut reader = StateReader::new(bytes);
    let model = Model::read(&mut reader)?;
    reader.finish()?;
    Ok(model)
}

/// Checks that a model says the same after a round trip, and that damage is refused or does no harm:
/// `say` writes down what a model says, of other rows than it was fitted to.
fn check<Model: State, Said: PartialEq + Debug>(model: &Model, say: impl Fn(&Model) -> Said) {
    let bytes = bytes_of(model);
    let again: Model = read(&bytes).unwrap();
    assert!(say(&again) == say(model));
    assert!(bytes_of(&again) == bytes);
    assert!(read::<Model>(&bytes[..bytes.len() - 1]).is_err());
    assert!(read::<Model>(&[bytes.as_slice(), &[0]].concat()).is_err());
    // All of a short state, and of a long one the beginning, where the shape stands, and a part of the rest.
    let step = (bytes.len() / 300).max(1);
    for at in (0..bytes.len().min(60)).chain((0..bytes.len()).step_by(step)) {
        for changed in [0, 1, bytes[at] ^ 1, bytes[at] ^ 0x80, 0x7f, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = changed;
            if let Ok(other) = read::<Model>(&damaged) {
                say(&other);
            }
        }
    }
}

/// Rows to fit to, and others to judge.
fn rows() -> (Matrix, Matrix) {
    (blobs((240, 4), 3, 4.0, 7).0, noise((40, 4), 8, |generator| 4.0 * normal(generator)))
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn k_means_keeps_its_centroids() {
    let (fitted, others) = rows();
    let model = k_means(3, 1).fit(&fitted).unwrap();
    check(&model, |model| (model.predict(&others), model.distances(&others), model.sizes().to_vec()));
    assert_eq!(read::<throng_learn::KMeans>(&bytes_of(&model)).unwrap().labels(), &[] as &[usize]);
}

#[test]
fn gaussian_mixtures_keep_their_components() {
    let (fitted, others) = rows();
    for covariance in [Covariance::Diagonal, Covariance::Full] {
        let (n_components, covariance_floor, n_init, n_iter_max, tolerance) = (3, 1e-6, 2, 60, 1e-4);
        let params = GaussianMixtureParams {
            n_components,
            covariance,
            covariance_floor,
            n_init,
            n_iter_max,
            tolerance,
            seed: 3,
        };
        let model = params.fit(&fitted).unwrap();
        check(&model, |model| {
            let shares = model.predict_proba(&others);
            (model.predict(&others), shares.map(|shares| shares.rows().flat_map(bits).collect::<Vec<_>>()))
        });
    }
}

#[test]
fn ward_keeps_its_leaves_and_no_dendrogram() {
    let (fitted, others) = rows();
    for n_rows_max in [1_000, 100] {
        let params = AgglomerativeParams { n_clusters: 3, n_rows_max, n_micro_clusters: 40, seed: 3 };
        let model = params.fit(&fitted).unwrap();
        check(&model, |model| model.predict(&others));
        let again: throng_learn::Agglomerative = read(&bytes_of(&model)).unwrap();
        assert!(model.cut(2).is_ok());
        assert!(again.cut(2).is_err());
    }
}

#[test]
fn hdbscan_keeps_its_tree() {
    let (fitted, others) = rows();
    let params = HdbscanParams { min_cluster_size: 20, min_samples: 5, n_rows_max: 200, seed: 3 };
    let model = params.fit(&fitted).unwrap();
    check(&model, |model| {
        let found = model.approximate_predict(&others).unwrap();
        found.iter().map(|found| (found.label, bits(&[found.strength, found.outlier_score]))).collect::<Vec<_>>()
    });
}

#[test]
fn factorisation_keeps_its_components() {
    let positive = |matrix: &Matrix| {
        Matrix::new(matrix.n_columns(), matrix.values().iter().map(|value| value.abs()).collect()).unwrap()
    };
    let (fitted, others) = rows();
    let (fitted, others) = (positive(&fitted), positive(&others));
    let model = FactorisationParams { n_components: 3, n_iter_max: 200, tolerance: 1e-6 }.fit(&fitted).unwrap();
    check(&model, |model| (model.predict(&others), model.transform(&others)));
}

#[test]
fn memberships_keep_their_mixture() {
    // Round and long groups, so that different widths are chosen.
    let long = |matrix: Matrix| {
        let stretched = matrix.rows().flat_map(|row| {
            let [a, b, c, d] = [row[0], row[1], row[2], row[3]];
            [a, b + 2.0 * a, c, d * 0.2]
        });
        Matrix::new(4, stretched.collect()).unwrap()
    };
    let mut shapes = std::collections::BTreeSet::new();
    for (fitted, others) in [rows(), (long(rows().0), rows().1)] {
        let k_means = k_means(3, 1).fit(&fitted).unwrap();
        let model = MembershipParams { reach_share: 0.99 }.fit(&k_means, &fitted).unwrap();
        shapes.insert(model.shape());
        check(&model, |model| {
            let shares = model.predict_proba(&others).unwrap();
            shares.rows().flat_map(bits).collect::<Vec<_>>()
        });
    }
    assert!(shapes.len() > 1, "{shapes:?}");
}

#[test]
fn ensembles_keep_all_members() {
    let (fitted, others) = rows();
    let k_means = k_means(3, 1).fit(&fitted).unwrap();
    let mixture = MembershipParams { reach_share: 0.99 }.fit(&k_means, &fitted).unwrap();
    let params = HybridParams {
        logistic: LogisticParams { penalty: 1.0, n_iter_max: 50 },
        boosting: BoostingParams { n_rounds_max: 6, learning_rate: 0.2, depth_max: 3, leaf_rows_min: 10, seed: 1 },
        n_rows_max: 200,
        sureness_min: 0.5,
        seed: 1,
    };
    let model: HybridModel = params.fit(&mixture, &fitted).unwrap();
    let partial = others.values().iter().enumerate().map(|(idx, value)| if idx % 3 == 0 { f32::NAN } else { *value });
    let partial = Matrix::new(4, partial.collect()).unwrap();
    check(&model, |model| {
        let found = model.predict_early(HybridRows { placed: &partial, inputs: &partial }).unwrap();
        (found.memberships.rows().flat_map(bits).collect::<Vec<_>>(), bits(&found.confidence), found.assigned)
    });
}

#[test]
fn preparation_keeps_every_kind_of_part() {
    let heavy: Vec<f32> = (0..400_u16).map(|row| f32::from(row).powi(5)).collect();
    let rare: Vec<f32> = (0..400_u16).map(|row| if row % 3 == 0 { f32::from(row) } else { 0.0 }).collect();
    let level: Vec<f32> = (0..400_u16).map(|row| f32::from(row % 3)).collect();
    let partial: Vec<f32> = (0..400_u16).map(|row| if row % 5 == 0 { f32::NAN } else { f32::from(row) }).collect();
    let bent: Vec<f32> = (0..400_u16).map(|row| ((f32::from(row) - 200.0) / 30.0).sinh()).collect();
    let same = vec![1.0; 400];
    let matrix = Matrix::from_columns(&[heavy, rare, level, partial, bent, same]).unwrap();
    let mut kinds = [ColumnKind::Number; 6];
    kinds[2] = ColumnKind::Category { n_levels: 3 };
    let model: Preparation = PreparationParams { clip: 3.0, missing: Missing::Told }.fit(&matrix, &kinds).unwrap();
    check(&model, |model| {
        let prepared = model.transform(&matrix).map(|prepared| prepared.values().to_vec());
        (prepared.map(|values| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()), model.votes().len())
    });
    assert_eq!(read::<Preparation>(&bytes_of(&model)).unwrap(), model);
}

#[test]
fn projections_keep_their_directions() {
    let identity = Projection::identity(3);
    assert_eq!(read::<Projection>(&bytes_of(&identity)).unwrap(), identity);
    check(&identity, |projection| projection.transform(&Matrix::new(3, vec![1.0, 2.0, 3.0]).unwrap()).is_ok());
}
