//! A continuum is cut where what customers do next differs, and kinds are kinds whatever they do.

use std::sync::Arc;

use throng_learn::{Continuum, Response, Sequel};
use throng_persona::{
    Discovery, DiscoveryParams, Lookback, Outcome, PersonaCount, Population, Separation, Values, discover,
};

use crate::shop::{found, planted, structureless};

/// The feature that says how often customers come, of those of a structureless shop.
const TELLING: usize = 2;

fn numbers(population: &Population, feature_idx: usize) -> &[f64] {
    let Values::Numbers(numbers) = &population.features[feature_idx].values else { panic!("a number") };
    numbers
}

/// Returns an earlier look at other customers, who came the oftener the higher the telling feature was.
fn lookback() -> Arc<Lookback> {
    let population = structureless(800, 11);
    let values = numbers(&population, TELLING).iter().map(|value| ((value - 30.0) / 5.0).max(0.0).round()).collect();
    let sequels = vec![("orders".to_owned(), Sequel { values, response: Response::Count })];
    Arc::new(Lookback { population, n_days: 90, sequels })
}

fn cut(population: &Population) -> Discovery {
    let personas = PersonaCount::Exactly(3);
    discover(population, &DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(personas, 5) }).unwrap()
}

fn count(values: &[f64]) -> f64 {
    f64::from(u32::try_from(values.len()).unwrap())
}

/// Returns the share of a feature's variance that lies between the personas.
fn between(population: &Population, discovery: &Discovery, feature_idx: usize) -> f64 {
    let found = found(discovery);
    let values = numbers(population, feature_idx);
    let mean = values.iter().sum::<f64>() / count(values);
    let all: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let of = |persona: usize| -> f64 {
        let rows = found.memberships.rows().iter().zip(values);
        let own: Vec<f64> = rows.filter(|(row, _)| row.assigned == Some(persona)).map(|(_, value)| *value).collect();
        let own_mean = own.iter().sum::<f64>() / count(&own);
        count(&own) * (own_mean - mean).powi(2)
    };
    (0..found.personas.len()).map(of).sum::<f64>() / all
}

#[test]
fn a_continuum_is_cut_where_what_comes_next_differs() {
    let population = Population { lookback: Some(lookback()), ..structureless(900, 12) };
    let discovery = cut(&population);
    assert_eq!(discovery.separation, Some(Separation::Gradual));
    let telling = between(&population, &discovery, TELLING);
    assert!(telling > 0.6, "{telling}");
    for other in (0..population.features.len()).filter(|other| *other != TELLING) {
        let other = between(&population, &discovery, other);
        assert!(other < telling / 2.0, "{other} beside {telling}");
    }
    let foretold = discovery.foretold.as_ref().expect("what the cut rests on");
    assert!(foretold.explained[0].1.expect("orders are foretold").low > 0.3);
    // The model says of the same customers what was found.
    let found = found(&discovery);
    assert_eq!(found.model.memberships(&population).unwrap(), found.memberships);
}

#[test]
fn what_nothing_foretells_cuts_nothing() {
    let mut blind = (*lookback()).clone();
    let values = (0..800_u16).map(|row| f64::from(row * 31 % 5)).collect();
    blind.sequels = vec![("orders".to_owned(), Sequel { values, response: Response::Count })];
    let population = structureless(900, 12);
    let alone = cut(&population);
    let beside = cut(&Population { lookback: Some(Arc::new(blind)), ..population });
    assert_eq!(alone, beside);
    assert_eq!(beside.foretold, None);
}

#[test]
fn borders_do_not_move_for_what_comes_next() {
    let (population, _) = planted(600, 4);
    let (earlier, _) = planted(600, 5);
    let values = numbers(&earlier, 0).to_vec();
    let sequels = vec![("orders".to_owned(), Sequel { values, response: Response::Count })];
    let alone = cut(&population);
    assert!(matches!(alone.outcome, Outcome::Found(_)));
    let lookback = Some(Arc::new(Lookback { population: earlier, n_days: 90, sequels }));
    assert_eq!(cut(&Population { lookback, ..population }), alone);
}
