//! New customers are told by how today's looked early: better than by the mixture, as surely as is
//! said, or not at all.

use throng_event::{Calendar, Day};
use throng_persona::{
    COMPLETE_HISTORY_DAYS, Continuum, Discovery, DiscoveryParams, Histories, PersonaCount, Population, Teller, Values,
    Verdict, discover,
};

use crate::market::taken;
use crate::shop::{Chance, found, planted};

const TODAY: i32 = 19_000;
const DAYS_AGO: i32 = 90;

/// How customers looked early.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Early {
    /// They had done little, and what they had done was not yet typical.
    Little,
    /// As they look today.
    AsToday,
}

/// Returns a shop in which the last tenth of the customers are new, all of them as they were known 90
/// days ago.
pub(crate) fn shop(n_profiles: usize, early: Early, seed: u64) -> Population {
    let (mut population, _) = planted(n_profiles, seed);
    let n_known = n_profiles - n_profiles / 10;
    let mut chance = Chance(seed + 1);
    let days: Vec<u32> = (0..n_profiles)
        .map(|row| {
            if row < n_known { 100 + u32::try_from(row % 160).unwrap() } else { 20 + u32::try_from(row % 60).unwrap() }
        })
        .collect();
    let seen: Vec<usize> = (0..n_known).collect();
    let mut look = taken(&population, &seen);
    look.profiles = population.profiles[..n_known].to_vec();
    look.as_of = Calendar::utc().as_of(Day(TODAY - DAYS_AGO));
    let days_then: Vec<u32> = days[..n_known].iter().map(|days| days - DAYS_AGO.unsigned_abs()).collect();
    if early == Early::Little {
        little(&mut look, &days_then, &mut chance);
        little(&mut population, &days, &mut chance);
    }
    look.histories = Some(Histories { days: days_then, earlier: Vec::new() });
    population.histories = Some(Histories { days, earlier: vec![look] });
    population
}

/// Makes those who are new look new: few orders, and shares of little.
fn little(population: &mut Population, days: &[u32], chance: &mut Chance) {
    for (feature_idx, feature) in population.features.iter_mut().enumerate() {
        let Values::Numbers(numbers) = &mut feature.values else { continue };
        for (number, days) in numbers.iter_mut().zip(days).filter(|(_, days)| **days < COMPLETE_HISTORY_DAYS) {
            *number = match feature_idx {
                0 => (*number * f64::from(*days) / 365.0).max(1.0).round(),
                2 => number.min(f64::from(*days)),
                3..=5 => chance.near(*number, 0.25).clamp(0.0, 1.0),
                _ => *number,
            };
        }
    }
}

pub(crate) fn find(population: &Population) -> Discovery {
    let params = DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(3), 1) };
    discover(population, &params).unwrap()
}

#[test]
fn new_customers_are_told_by_the_ensemble_where_it_is_better() {
    let population = shop(3000, Early::Little, 1);
    let discovery = find(&population);
    let found = found(&discovery);
    let reliability = &found.model.partial.as_ref().unwrap().reliability;
    let Verdict::Hybrid { gain, weights } = reliability.verdict else { panic!("{:?}", reliability.verdict) };
    assert!(gain.low > 0.0 && (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let (mixture, hybrid) = (reliability.early_mixture.as_ref().unwrap(), reliability.early_hybrid.as_ref().unwrap());
    assert!(hybrid.log_loss < mixture.log_loss);
    assert!(hybrid.accuracy.low > hybrid.accuracy_of_largest, "{hybrid:?}");
    assert!(hybrid.expected_error < 0.05, "{hybrid:?}");
    let days = &population.histories.as_ref().unwrap().days;
    for (row, days) in found.memberships.rows().iter().zip(days) {
        assert_eq!(row.by == Teller::Hybrid, *days < COMPLETE_HISTORY_DAYS);
        let sum = row.shares.iter().sum::<f64>() + row.unassigned;
        assert_eq!(sum.to_bits(), 1.0_f64.to_bits());
    }
    // The same of the same customers, and the mixture's word where no history is known.
    assert_eq!(found.model.memberships(&population).unwrap(), found.memberships);
    let unknown = found.model.memberships(&Population { histories: None, ..population.clone() }).unwrap();
    assert!(unknown.rows().iter().all(|row| row.by == Teller::Mixture));
    assert_eq!(find(&population), discovery);
}

#[test]
fn ensemble_that_is_no_better_is_not_used() {
    // Few to learn from, and nothing to learn: new customers look as all others do.
    let population = shop(700, Early::AsToday, 2);
    let discovery = find(&population);
    let found = found(&discovery);
    let reliability = &found.model.partial.as_ref().unwrap().reliability;
    assert!(matches!(reliability.verdict, Verdict::Mixture { .. }), "{:?}", reliability.verdict);
    assert!(reliability.verdict.sentence().contains("not better"));
    assert!(found.memberships.rows().iter().all(|row| row.by == Teller::Mixture));
}

#[test]
fn persona_of_newcomers_keeps_its_members() {
    let mut population = shop(1500, Early::AsToday, 2);
    // Whoever orders seldom is new, in the look and today: nobody known for long is like them.
    let Values::Numbers(orders) = &population.features[0].values else { panic!("orders are numbers") };
    let seldom: Vec<bool> = orders.iter().map(|orders| *orders < 3.0).collect();
    let histories = population.histories.as_mut().unwrap();
    histories.days.iter_mut().zip(&seldom).filter(|(_, seldom)| **seldom).for_each(|(days, _)| *days = 30);
    let discovery = find(&population);
    let found = found(&discovery);
    assert_eq!(found.personas.len(), 3);
    let rows = found.memberships.rows();
    // Whoever happens to order as seldom as they do, but is of another kind, is no newcomer's like.
    let seldom = &seldom;
    let of = |persona: usize| (0..rows.len()).filter(move |row| seldom[*row] && rows[*row].assigned == Some(persona));
    let newcomers: Vec<usize> = of((0..3).max_by_key(|persona| of(*persona).count()).unwrap()).collect();
    assert!(newcomers.len() > 490, "{}", newcomers.len());
    assert!(newcomers.iter().all(|row| rows[*row].by == Teller::Mixture));
}

#[test]
fn nothing_is_learnt_from_a_few() {
    let population = shop(200, Early::Little, 3);
    let discovery = find(&population);
    let reliability = &found(&discovery).model.partial.as_ref().unwrap().reliability;
    let Verdict::TooFew { n_fitted, n_judged } = reliability.verdict else { panic!("{:?}", reliability.verdict) };
    assert!(n_fitted < 200 && n_judged < 100);
    assert!(reliability.early_hybrid.is_none());
}

#[test]
fn where_nobody_was_looked_at_earlier_nothing_is_said() {
    let mut population = shop(300, Early::Little, 4);
    population.histories.as_mut().unwrap().earlier.clear();
    assert!(found(&find(&population)).model.partial.is_none());
    population.histories.as_mut().unwrap().days.pop();
    assert!(population.check().is_err());
}

#[test]
fn complete_histories_are_judged_on_customers_held_out() {
    let discovery = find(&shop(3000, Early::AsToday, 5));
    let reliability = &found(&discovery).model.partial.as_ref().unwrap().reliability;
    assert_eq!(reliability.n_days_ago, [90]);
    let diagram = reliability.complete.as_ref().unwrap();
    // A third of those who were known for 90 days then.
    assert!((300..700).contains(&diagram.n_profiles), "{}", diagram.n_profiles);
    assert!(diagram.accuracy.estimate > 0.95 && diagram.expected_error < 0.05, "{diagram:?}");
    assert!(diagram.agreement.is_empty());
}
