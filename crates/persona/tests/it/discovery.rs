//! What is planted is found; what is not there is not.

use std::collections::BTreeSet;

use throng_learn::adjusted_rand_index;
use throng_persona::{
    CategoryWeights, DiscoveryParams, Membership, Memberships, Outcome, PersonaCount, PersonaError, PersonaId,
    RefusalReason, Teller, Values, discover,
};

use crate::shop::{find, found, planted, structureless};

#[test]
fn planted_personas_are_recovered() {
    let (population, kinds) = planted(300, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let none = found.personas.len();
    let assigned: Vec<usize> = found.memberships.rows().iter().map(|row| row.assigned.unwrap_or(none)).collect();
    let agreement = adjusted_rand_index(&kinds, &assigned).unwrap();
    assert_eq!(found.personas.len(), 3, "{:?}", discovery.candidates);
    assert!(agreement > 0.9, "adjusted Rand index {agreement}");
    let chosen: Vec<usize> =
        discovery.candidates.iter().filter(|tried| tried.chosen).map(|tried| tried.n_personas).collect();
    assert_eq!(chosen, [3]);
}

#[test]
fn the_largest_persona_comes_first_and_sizes_add_up() {
    let (population, _) = planted(300, 2);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let sizes: Vec<u64> = found.personas.iter().map(|persona| persona.n_profiles).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    let n_unassigned = u64::try_from(found.memberships.n_unassigned()).unwrap();
    assert_eq!(sizes.iter().sum::<u64>() + n_unassigned, 300);
    let ids: Vec<&str> = found.personas.iter().map(|persona| persona.id.as_str()).collect();
    assert_eq!(ids, ["p1", "p2", "p3"], "{:#?}", discovery.candidates);
}

#[test]
fn names_are_distinct_and_say_what_sets_apart() {
    let (population, _) = planted(300, 1);
    let discovery = find(&population, 3);
    let names: Vec<&str> = found(&discovery).personas.iter().map(|persona| persona.name.as_str()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    expect_test::expect![[r#"
        Frequent big-basket Grocery shoppers
        Lapsed one-time buyers
        Night-time Wine shoppers on mobile"#]]
    .assert_eq(&names.join("\n"));
}

#[test]
fn shares_sum_to_one_in_any_order() {
    let (population, _) = planted(300, 4);
    let discovery = find(&population, 3);
    for row in found(&discovery).memberships.rows() {
        let mut shares = row.shares.clone();
        shares.push(row.unassigned);
        let forwards: f64 = shares.iter().sum();
        let backwards: f64 = shares.iter().rev().sum();
        assert_eq!((forwards.to_bits(), backwards.to_bits()), (1.0_f64.to_bits(), 1.0_f64.to_bits()));
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}

#[test]
fn the_model_gives_the_same_memberships_again() {
    let (population, _) = planted(300, 5);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    assert_eq!(found.model.memberships(&population).unwrap(), found.memberships);
}

#[test]
fn a_customer_unlike_all_others_is_unassigned() {
    let (population, _) = planted(300, 5);
    let discovery = find(&population, 3);
    let mut strange = population.clone();
    for feature in &mut strange.features {
        if let Values::Numbers(numbers) = &mut feature.values {
            numbers[0] = if feature.definition.name == "recency" { 5_000.0 } else { 900.0 };
        }
    }
    let row = &found(&discovery).model.memberships(&strange).unwrap().rows()[0].clone();
    assert_eq!(row.assigned, None, "{row:?}");
}

#[test]
fn exemplars_belong_to_their_persona() {
    let (population, _) = planted(300, 6);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    for (persona_idx, persona) in found.personas.iter().enumerate() {
        assert_eq!(persona.exemplars.len(), 5);
        for exemplar in &persona.exemplars {
            let row = found.memberships.rows().iter().find(|row| row.profile == *exemplar).unwrap();
            assert_eq!(row.assigned, Some(persona_idx));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let (population, _) = planted(300, 7);
    assert_eq!(find(&population, 9), find(&population, 9));
}

#[test]
fn every_feature_says_how_it_was_used() {
    let (population, _) = planted(300, 7);
    let discovery = find(&population, 9);
    let mut uses = String::new();
    for used in &discovery.features_used {
        let how = used.left_out.as_deref().or(used.transform.as_deref()).unwrap_or("");
        uses.push_str(&format!("{}: {:.2} {how}\n", used.name, used.vote));
    }
    expect_test::expect![[r#"
        orders_all: 0.19 as it is
        basket_mean: 0.19 as it is
        recency: 0.19 as it is
        grocery_share: 0.10 as it is
        wine_share: 0.10 logarithm
        night_share: 0.10 logarithm
        rating_mean: 0.00 known for only 26 % of the customers
        constant: 0.00 the same for 100 % of the customers (7)
        device: 0.12 one column for each frequent value
    "#]]
    .assert_eq(&uses);
    let votes: f64 = discovery.features_used.iter().map(|used| used.vote).sum();
    assert!((votes - 1.0).abs() < 1e-9);
}

/// Returns the votes and the reasons for being left out of `recency`, `night_share` and `device`.
fn used_with(weights: CategoryWeights) -> Vec<(f64, Option<String>)> {
    let (population, _) = planted(300, 7);
    let params = DiscoveryParams { weights, ..DiscoveryParams::new(PersonaCount::Exactly(3), 9) };
    let uses = discover(&population, &params).unwrap().features_used;
    let used = |name: &str| uses.iter().find(|used| used.name == name).unwrap();
    ["recency", "night_share", "device"].map(|name| (used(name).vote, used(name).left_out.clone())).to_vec()
}

#[test]
fn categories_count_by_their_weights() {
    let ratio = |used: &[(f64, Option<String>)]| used[1].0 / used[0].0;
    let equal = used_with(CategoryWeights::EQUAL);
    let heavier = used_with(CategoryWeights { contextual: 3.0, ..CategoryWeights::EQUAL });
    assert!((ratio(&heavier) / ratio(&equal) - 3.0).abs() < 1e-6);
    let without = used_with(CategoryWeights { contextual: 0.0, ..CategoryWeights::EQUAL });
    for idx in [1, 2] {
        assert_eq!(without[idx], (0.0, Some("contextual features have the weight 0".to_owned())));
    }
}

#[test]
fn how_much_is_told_apart_from_whether() {
    let (mut population, _) = planted(300, 7);
    let returns = (0..300_i16).map(|idx| if idx % 3 > 0 { 0.0 } else { f64::from(idx % 50 + 1) });
    population.features[6].values = Values::Numbers(returns.collect());
    let flags = (0..300_i16).map(|idx| f64::from(idx % 2));
    population.features[7].values = Values::Numbers(flags.collect());
    let uses = find(&population, 9).features_used;
    assert_eq!(uses[6].transform.as_deref(), Some("whether, and how much (as it is)"));
    assert_eq!(uses[7].transform.as_deref(), Some("as it is"));
    assert!(uses[6].vote > uses[7].vote && uses[7].vote > 0.0, "{uses:?}");
}

#[test]
fn structureless_customers_are_refused() {
    for seed in 0..3 {
        let discovery = find(&structureless(300, seed), seed);
        let Outcome::Refused(refusal) = discovery.outcome else {
            panic!("seed {seed} gave {:?}", discovery.candidates);
        };
        assert_eq!(refusal.reason, RefusalReason::NoSeparateKinds, "{}", refusal.text);
        assert_eq!(discovery.separation, None);
        assert!(!discovery.candidates.is_empty(), "what was tried is shown");
    }
}

#[test]
fn few_customers_are_refused_in_plain_words() {
    for n_profiles in [0, 1, 99] {
        let (population, _) = planted(n_profiles, 1);
        let Outcome::Refused(refusal) = find(&population, 1).outcome else { panic!("{n_profiles} were accepted") };
        assert_eq!(refusal.reason, RefusalReason::TooFewCustomers);
        assert!(
            refusal.text.starts_with(&format!("{n_profiles} customers are too few: at least 100")),
            "{}",
            refusal.text
        );
    }
}

#[test]
fn customers_without_differences_are_refused() {
    let (mut population, _) = planted(200, 1);
    population.features.retain(|feature| ["constant", "rating_mean"].contains(&feature.definition.name.as_str()));
    let Outcome::Refused(refusal) = find(&population, 1).outcome else { panic!("nothing to compare was accepted") };
    assert_eq!(refusal.reason, RefusalReason::NothingToCompare);
    assert!(refusal.text.starts_with("No feature is known"), "{}", refusal.text);
}

#[test]
fn what_the_caller_got_wrong_is_an_error() {
    let (population, _) = planted(200, 1);
    for n_personas in [0, 1, 13] {
        for personas in [PersonaCount::Exactly(n_personas), PersonaCount::Auto { max: n_personas }] {
            let error = discover(&population, &DiscoveryParams::new(personas, 1)).unwrap_err();
            assert_eq!(error, PersonaError::PersonaCount(n_personas));
        }
    }
    let params = DiscoveryParams::new(PersonaCount::Exactly(3), 1);
    for wrong in [-1.0, 100.5, f64::NAN, f64::INFINITY] {
        let weights = CategoryWeights { sentiment: wrong, ..CategoryWeights::EQUAL };
        let error = discover(&population, &DiscoveryParams { weights, ..params }).unwrap_err();
        assert_eq!(error, PersonaError::CategoryWeight(wrong.to_string()));
    }
    let weights = CategoryWeights { behavioural: 0.0, transactional: 0.0, contextual: 0.0, sentiment: 0.0 };
    assert!(matches!(
        discover(&population, &DiscoveryParams { weights, ..params }),
        Err(PersonaError::CategoryWeight(_))
    ));
    let mut short = population.clone();
    short.profiles.pop();
    assert!(matches!(discover(&short, &params), Err(PersonaError::ColumnLength { .. })));
    let mut repeated = population.clone();
    repeated.features.push(repeated.features[0].clone());
    assert_eq!(discover(&repeated, &params), Err(PersonaError::RepeatedColumn("orders_all".to_owned())));
    let mut infinite = population;
    infinite.features[0].values = Values::Numbers(vec![f64::INFINITY; 200]);
    assert!(matches!(discover(&infinite, &params), Err(PersonaError::Infinite { .. })));
}

#[test]
fn stored_memberships_are_checked() {
    let (population, _) = planted(1, 1);
    let row = |shares: Vec<f64>, unassigned: f64, assigned: Option<usize>| Membership {
        profile: population.profiles[0].clone(),
        shares,
        unassigned,
        assigned,
        by: Teller::Mixture,
    };
    let personas = || vec![PersonaId::at(0), "p2".parse().unwrap()];
    assert!(Memberships::new(personas(), vec![row(vec![0.25, 0.5], 0.25, Some(1))]).is_ok());
    for wrong in [
        row(vec![0.5], 0.5, Some(0)),
        row(vec![0.5, 0.25], 0.5, Some(0)),
        row(vec![1.5, -0.5], 0.0, Some(0)),
        row(vec![f64::NAN, 0.5], 0.5, Some(0)),
        row(vec![0.5, 0.25], 0.25, Some(2)),
    ] {
        assert!(Memberships::new(personas(), vec![wrong.clone()]).is_err(), "{wrong:?}");
    }
    for text in ["", "P1", "1p", "p-1", "p1'", &"p".repeat(33)] {
        assert!(text.parse::<PersonaId>().is_err(), "{text}");
    }
}
