//! A model says the same after it was stored and read, and the same of one profile as of all, to the bit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::{ProptestConfig, any, proptest};
use throng_feature::{FeatureDefinition, FeatureValue};
use throng_persona::{
    Continuum, DiscoveryParams, Histories, Method, Model, Outcome, PersonaCount, PersonaError, Population, Scorer,
    ScorerScratch, Teller, Values, discover,
};

use crate::partial::{Early, shop};
use crate::shop::{Chance, found, planted};

const METHODS: [Method; 6] =
    [Method::Auto, Method::KMeans, Method::Mixture, Method::Ward, Method::Hdbscan, Method::Factorisation];

/// Returns the model of a discovery, `None` when it was refused.
fn model_by(method: Method, population: &Population, personas: PersonaCount) -> Option<Model> {
    let params = DiscoveryParams { method, continuum: Continuum::Cut, ..DiscoveryParams::new(personas, 3) };
    match discover(population, &params).unwrap().outcome {
        Outcome::Found(found) => Some(found.model),
        Outcome::Refused(_) => None,
    }
}

/// Returns the same customers, most of whom have changed in some features: to the value of somebody else,
/// to one far out, to an unknown one, or to a category nobody had.
fn changed(population: &Population, chance: &mut Chance) -> Population {
    let mut changed = population.clone();
    let n_profiles = population.profiles.len();
    for feature in &mut changed.features {
        for row in 0..n_profiles {
            let other = (row * 7 + 3) % n_profiles;
            let draw = chance.share();
            match &mut feature.values {
                Values::Numbers(numbers) if draw < 0.2 => numbers[row] = numbers[other],
                Values::Numbers(numbers) if draw < 0.3 => numbers[row] = numbers[other].abs() * 1e3 * chance.share(),
                Values::Numbers(numbers) if draw < 0.4 => numbers[row] = f64::NAN,
                Values::Categories(known) if draw < 0.2 => known[row] = Some("a fridge".to_owned()),
                Values::Categories(known) if draw < 0.4 => known[row] = None,
                Values::Numbers(_) | Values::Categories(_) => {}
            }
        }
    }
    changed
}

/// Returns a row as the catalogue gives it.
pub(crate) fn row_of(population: &Population, row: usize) -> Vec<FeatureValue> {
    let value = |values: &Values| match values {
        Values::Numbers(numbers) if numbers[row].is_nan() => FeatureValue::Missing,
        Values::Numbers(numbers) => FeatureValue::Number(numbers[row]),
        Values::Categories(known) => known[row].clone().map_or(FeatureValue::Missing, FeatureValue::Category),
    };
    population.features.iter().map(|feature| value(&feature.values)).collect()
}

pub(crate) fn definitions(population: &Population) -> Vec<FeatureDefinition> {
    population.features.iter().map(|feature| feature.definition.clone()).collect()
}

/// Checks that the model says the same of these customers after a round trip, and one by one.
fn check(model: &Model, population: &Population) {
    let bytes = model.state();
    let again = Model::from_state(&bytes).unwrap();
    assert!(again.state() == bytes);
    let expected = model.memberships(population).unwrap();
    assert!(again.memberships(population).unwrap() == expected);
    let scorer = Scorer::new(Arc::new(again), &definitions(population)).unwrap();
    let mut scratch = ScorerScratch::default();
    for (row, expected) in expected.rows().iter().enumerate() {
        let days = population.histories.as_ref().map(|histories| histories.days[row]);
        let scored = scorer.score(&row_of(population, row), days, &mut scratch).unwrap();
        let bits = |shares: &[f64]| shares.iter().map(|share| share.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(scored.shares), bits(&expected.shares), "row {row}");
        assert_eq!(scored.unassigned.to_bits(), expected.unassigned.to_bits());
        assert_eq!((scored.assigned, scored.by), (expected.assigned, expected.by));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn model_of_any_method_is_the_same_stored_and_row_by_row(
        n_profiles in 120..260_usize,
        n_personas in 2..5_usize,
        seed in any::<u32>(),
    ) {
        let (population, _) = planted(n_profiles, u64::from(seed));
        let mut chance = Chance(u64::from(seed) + 1);
        for method in METHODS {
            let personas = match method {
                Method::Hdbscan | Method::Auto => PersonaCount::Auto { max: 6 },
                Method::KMeans | Method::Mixture | Method::Ward | Method::Factorisation => PersonaCount::Exactly(n_personas),
            };
            // A refusal is no model; the tests of single methods see to it that each finds some.
            if let Some(model) = model_by(method, &population, personas) {
                check(&model, &population);
                check(&model, &changed(&population, &mut chance));
            }
        }
    }
}

#[test]
fn every_method_has_a_model_to_store() {
    let (mut population, _) = planted(300, 6);
    for method in METHODS {
        // The habits of `factorisation_tells_customers_by_their_habits` are not below 0.
        if method == Method::Factorisation {
            population.features.truncate(6);
        }
        let personas = if method == Method::Hdbscan { PersonaCount::Auto { max: 6 } } else { PersonaCount::Exactly(3) };
        check(&model_by(method, &population, personas).unwrap_or_else(|| panic!("{method:?} finds none")), &population);
    }
}

#[test]
fn partial_histories_are_scored_by_the_stored_ensemble() {
    let population = shop(3000, Early::Little, 1);
    let discovery = crate::partial::find(&population);
    let model = &found(&discovery).model;
    let today = population.histories.as_ref().unwrap().days.clone();
    let told = model.memberships(&population).unwrap();
    assert!(told.rows().iter().any(|row| row.by == Teller::Hybrid));
    check(model, &population);
    let changed = changed(&population, &mut Chance(5));
    check(model, &Population { histories: Some(Histories { days: today, earlier: Vec::new() }), ..changed });
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let (population, _) = planted(150, 1);
    let bytes = model_by(Method::Auto, &population, PersonaCount::Auto { max: 6 }).unwrap().state();
    let refused = |bytes: &[u8], reason: &str| {
        let error = Model::from_state(bytes).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(b"", "no stored model");
    refused(b"PAR1 and more of a table", "no stored model");
    refused(&bytes[..30], "no stored model");
    refused(&bytes[..bytes.len() - 1], "changed or cut off");
    refused(&[bytes.as_slice(), b"\n"].concat(), "changed or cut off");
    let mut newer = bytes.clone();
    newer[8] = 2;
    refused(&newer, "format 2");
    for at in 9..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(Model::from_state(&damaged).is_err(), "byte {at}");
    }
}

/// Bytes of the mark, the format and the hash.
const HEAD_N_BYTES: usize = 41;

#[test]
fn forged_models_are_refused_or_harmless() {
    let (population, _) = planted(150, 1);
    let others = changed(&population, &mut Chance(3));
    for method in [Method::Auto, Method::KMeans, Method::Hdbscan] {
        let bytes = model_by(method, &population, PersonaCount::Auto { max: 6 }).unwrap().state();
        let parts = &bytes[HEAD_N_BYTES..];
        let mut n_refused = 0;
        for at in (0..parts.len()).step_by(1 + parts.len() / 300) {
            for byte in [0, 1, parts[at] ^ 1, parts[at] ^ 0x80, 0xff] {
                let mut forged = parts.to_vec();
                forged[at] = byte;
                let hash = blake3::hash(&forged);
                let forged = [&bytes[..9], hash.as_bytes(), &forged].concat();
                match Model::from_state(&forged) {
                    // Whatever it says, it says without a panic.
                    Ok(model) => drop(model.memberships(&others)),
                    Err(error) => {
                        assert!(matches!(error, PersonaError::DamagedModel { .. }), "{error}");
                        n_refused += 1;
                    }
                }
            }
        }
        assert!(n_refused > 50, "{method:?}: {n_refused}");
    }
}

#[test]
fn catalogue_without_a_feature_of_the_model_is_refused() {
    let (population, _) = planted(150, 1);
    let model = Arc::new(model_by(Method::Auto, &population, PersonaCount::Auto { max: 6 }).unwrap());
    let definitions = definitions(&population);
    let error = Scorer::new(Arc::clone(&model), &definitions[1..]).unwrap_err();
    assert_eq!(error, PersonaError::MissingFeature("orders_all".to_owned()));
    let scorer = Scorer::new(Arc::clone(&model), &definitions).unwrap();
    assert!(scorer.score(&row_of(&population, 0)[1..], None, &mut ScorerScratch::default()).is_err());
    // Another order of the catalogue gives the same shares.
    let backwards: Vec<FeatureDefinition> = definitions.iter().rev().cloned().collect();
    let mirrored = Scorer::new(model, &backwards).unwrap();
    let (mut first, mut second) = (ScorerScratch::default(), ScorerScratch::default());
    let row = row_of(&population, 0);
    let reversed: Vec<FeatureValue> = row.iter().rev().cloned().collect();
    assert_eq!(scorer.score(&row, None, &mut first), mirrored.score(&reversed, None, &mut second));
}

/// Models of the first format, kept to be read for ever, one of each method and one with an ensemble. They
/// were written by `UPDATE_SAMPLES=1 cargo test -p throng-persona kept_samples`.
#[test]
fn kept_samples_can_still_be_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let (mut population, _) = planted(150, 6);
    population.features.truncate(6);
    let mut said = String::new();
    for method in METHODS {
        let personas = if method == Method::Hdbscan { PersonaCount::Auto { max: 6 } } else { PersonaCount::Exactly(3) };
        let fitted = || model_by(method, &population, personas).unwrap_or_else(|| panic!("{method:?} finds none"));
        said += &sample(&folder.join(format!("model-1-{}.bin", method.as_str())), fitted, &population);
    }
    let newcomers = shop(1200, Early::Little, 1);
    let fitted = || found(&crate::partial::find(&newcomers)).model.clone();
    said += &sample(&folder.join("model-1-ensemble.bin"), fitted, &newcomers);
    expect![[r#"
        model-1-auto
          0.0000 0.9891 0.0000 unassigned 0.0109 is Some(1) by mixture
          0.9675 0.0000 0.0000 unassigned 0.0325 is Some(0) by mixture
          0.0000 0.0000 0.9947 unassigned 0.0053 is Some(2) by mixture
        model-1-k-means
          0.0000 0.9991 0.0000 unassigned 0.0009 is Some(1) by mixture
          0.9943 0.0000 0.0000 unassigned 0.0057 is Some(0) by mixture
          0.0000 0.0000 0.9994 unassigned 0.0006 is Some(2) by mixture
        model-1-mixture
          0.0000 0.9991 0.0000 unassigned 0.0009 is Some(1) by mixture
          0.9943 0.0000 0.0000 unassigned 0.0057 is Some(0) by mixture
          0.0000 0.0000 0.9994 unassigned 0.0006 is Some(2) by mixture
        model-1-ward
          0.0000 0.9991 0.0000 unassigned 0.0009 is Some(1) by mixture
          0.9943 0.0000 0.0000 unassigned 0.0057 is Some(0) by mixture
          0.0000 0.0000 0.9994 unassigned 0.0006 is Some(2) by mixture
        model-1-hdbscan
          0.0000 0.9991 0.0000 unassigned 0.0009 is Some(1) by mixture
          0.9943 0.0000 0.0000 unassigned 0.0057 is Some(0) by mixture
          0.0000 0.0000 0.9994 unassigned 0.0006 is Some(2) by mixture
        model-1-factorisation
          0.0000 0.9991 0.0000 unassigned 0.0009 is Some(1) by mixture
          0.9943 0.0000 0.0000 unassigned 0.0057 is Some(0) by mixture
          0.0000 0.0000 0.9994 unassigned 0.0006 is Some(2) by mixture
        model-1-ensemble
          0.0000 0.9999 0.0000 unassigned 0.0000 is Some(1) by hybrid
          0.9998 0.0001 0.0001 unassigned 0.0000 is Some(0) by hybrid
          0.0007 0.0021 0.9954 unassigned 0.0018 is Some(2) by hybrid
    "#]]
    .assert_eq(&said);
}

/// Returns what a kept model says of the last customers.
fn sample(path: &Path, fitted: impl FnOnce() -> Model, population: &Population) -> String {
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, fitted().state()).unwrap();
    }
    let model = Model::from_state(&std::fs::read(path).unwrap()).unwrap();
    let memberships = model.memberships(population).unwrap();
    let mut said = format!("{}\n", path.file_stem().unwrap().display());
    for row in memberships.rows().iter().rev().take(3) {
        let shares: Vec<String> = row.shares.iter().map(|share| format!("{share:.4}")).collect();
        let (unassigned, by) = (row.unassigned, row.by.as_str());
        said += &format!("  {} unassigned {unassigned:.4} is {:?} by {by}\n", shares.join(" "), row.assigned);
    }
    said
}
