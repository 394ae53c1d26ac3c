//! How long it takes to score one profile with a model of 40 features and 5 personas, and what of it.
//!
//! `cargo run --release -p throng-persona --example score_trial`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a trial stops where it fails, and prints what it found")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use throng_event::{Calendar, Day, Identity};
use throng_feature::{FeatureDefinition, FeatureKind, FeatureValue, Filter, SignalCategory, Window};
use throng_learn::{MembershipParams, MembershipScratch, Projection};
use throng_persona::{
    Continuum, DiscoveryParams, Division, FeatureColumn, Model, Outcome, PersonaCount, Population, Scorer,
    ScorerScratch, Separation, Values, discover,
};
use throng_profile::ProfileId;

const N_PROFILES: usize = 6_000;
const N_FEATURES: usize = 40;
const N_KINDS: usize = 5;
/// Rows scored in a round: few, so that they lie in the cache as a row does that was just computed, and a
/// round ends before another process has its turn.
const N_SCORED: usize = 200;
const N_ROUNDS: usize = 400;
/// How neighbouring features hang together, kind by kind: no two have one covariance.
const TOGETHER: [f64; N_KINDS] = [0.9, -0.9, 0.0, 0.6, -0.6];

/// A stream of numbers that looks random (SplitMix64; Steele et al. 2014).
struct Chance(u64);

impl Chance {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()) / 4_294_967_296.0
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}

/// Returns customers of five kinds: a third of the features is money with a long tail, a third mostly 0,
/// and a third bell-shaped; neighbours among them hang together.
fn population() -> Population {
    let mut chance = Chance(1);
    let centres: Vec<Vec<f64>> =
        (0..N_KINDS).map(|_| (0..N_FEATURES).map(|_| 2.0 * chance.normal()).collect()).collect();
    let mut columns = vec![Vec::new(); N_FEATURES];
    for profile in 0..N_PROFILES {
        let centre = &centres[profile % N_KINDS];
        let mut common = 0.0;
        for (at, column) in columns.iter_mut().enumerate() {
            let together = TOGETHER[profile % N_KINDS];
            common = together * common + (1.0 - together * together).sqrt() * chance.normal();
            let place = centre[at] + common;
            column.push(match at % 3 {
                0 => (0.7 * place + 3.0).exp(),
                1 if place < 0.5 => 0.0,
                1 => place.round(),
                _ => place,
            });
        }
    }
    let features = columns.into_iter().enumerate().map(|(at, numbers)| {
        let definition = FeatureDefinition {
            name: format!("feature_{at}"),
            kind: FeatureKind::Count,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: format!("feature {at}"),
            unit: String::new(),
            category: SignalCategory::Behavioural,
        };
        FeatureColumn { definition, values: Values::Numbers(numbers) }
    });
    Population {
        as_of: Calendar::utc().as_of(Day(19_000)),
        profiles: (0..N_PROFILES).map(|at| ProfileId::of(&Identity::user(&at.to_string()))).collect(),
        features: features.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    }
}

/// Returns the nanoseconds that one call takes, the least mean of several rounds.
fn nanoseconds(mut each_row: impl FnMut(usize)) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..N_ROUNDS {
        #[expect(clippy::disallowed_methods, reason = "a trial of speed reads the clock")]
        let start = Instant::now();
        (0..N_SCORED).for_each(&mut each_row);
        least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(N_SCORED).unwrap()));
    }
    least
}

fn time(name: &str, model: &Model, rows: &[Vec<FeatureValue>], definitions: &[FeatureDefinition]) {
    let scorer = Scorer::new(Arc::new(model.clone()), definitions).unwrap();
    let mut scratch = ScorerScratch::default();
    let whole = nanoseconds(|row| {
        black_box(scorer.score(black_box(&rows[row]), None, &mut scratch).unwrap());
    });
    let number = |value: &FeatureValue| match value {
        #[expect(clippy::cast_possible_truncation, reason = "rows are f32 by design")]
        FeatureValue::Number(number) => *number as f32,
        FeatureValue::Category(_) | FeatureValue::Missing => f32::NAN,
    };
    let raw: Vec<Vec<f32>> = rows.iter().map(|row| row.iter().map(number).collect()).collect();
    let (n_parts, n_dimensions) = (model.scaler.parts().len(), model.projection.n_dimensions());
    let (mut prepared, mut placed) = (vec![0.0; n_parts], vec![0.0; n_dimensions]);
    let preparation = nanoseconds(|row| model.scaler.transform_row_into(black_box(&raw[row]), &mut prepared).unwrap());
    let projection = nanoseconds(|_| model.projection.transform_row_into(black_box(&prepared), &mut placed).unwrap());
    let mut shares = vec![0.0; model.membership.k_means().n_clusters() + 1];
    let mut own = MembershipScratch::default();
    let mixture =
        nanoseconds(|_| model.membership.predict_proba_row(black_box(&placed), &mut shares, &mut own).unwrap());
    println!(
        "{name}: {} personas, {n_parts} parts, {n_dimensions} dimensions, {:?} widths, freedom {:?}\n  {whole:.0} ns a row: preparation {preparation:.0}, projection {projection:.0}, mixture {mixture:.0}",
        model.personas.len(),
        model.membership.shape(),
        model.membership.freedom()
    );
}

fn main() {
    let population = population();
    let definitions: Vec<FeatureDefinition> =
        population.features.iter().map(|feature| feature.definition.clone()).collect();
    let number = |feature: &FeatureColumn, row: usize| match &feature.values {
        Values::Numbers(numbers) => FeatureValue::Number(numbers[row]),
        Values::Categories(_) => FeatureValue::Missing,
    };
    let rows: Vec<Vec<FeatureValue>> =
        (0..N_PROFILES).map(|row| population.features.iter().map(|feature| number(feature, row)).collect()).collect();
    let params =
        DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(N_KINDS), 1) };
    let Outcome::Found(found) = discover(&population, &params).unwrap().outcome else { return };
    time("as discovered", &found.model, &rows, &definitions);
    // Without a projection: a mixture over all parts, of whatever widths are the likeliest, and the nearest
    // centroid.
    let raw: Vec<f32> = rows
        .iter()
        .flatten()
        .map(|value| match value {
            #[expect(clippy::cast_possible_truncation, reason = "rows are f32 by design")]
            FeatureValue::Number(number) => *number as f32,
            FeatureValue::Category(_) | FeatureValue::Missing => f32::NAN,
        })
        .collect();
    let scaled = found.model.scaler.transform(&throng_learn::Matrix::new(N_FEATURES, raw).unwrap()).unwrap();
    let k_means =
        throng_learn::KMeansParams { n_clusters: N_KINDS, n_init: 4, n_iter_max: 50, tolerance: 1e-4, seed: 1 };
    let k_means = k_means.fit(&scaled).unwrap();
    let membership = MembershipParams { reach_share: 0.99 }.fit(&k_means, &scaled).unwrap();
    let model = Model {
        projection: Projection::identity(scaled.n_columns()),
        membership,
        clusters: (0..N_KINDS).collect(),
        personas: (0..N_KINDS).map(throng_persona::PersonaId::at).collect(),
        separation: Separation::Gradual,
        division: Division::Nearest,
        ..found.model
    };
    time("over all parts", &model, &rows, &definitions);
}
