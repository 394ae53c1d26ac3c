//! Rules, neighbours, costs and names: true, checked on others, and the same from another sample.

use std::collections::BTreeSet;

use throng_persona::{
    Claim, ClaimKind, Found, Measure, Memberships, Persona, PersonaId, Population, Rule, recompute, rename,
};

use crate::market::{COSTS, market, taken};
use crate::shop::{Chance, find, found, planted};

fn rule(persona: &Persona) -> Option<(&Rule, &Claim)> {
    persona.claims.iter().find_map(|claim| match &claim.measure {
        Measure::RuleShare { rule } => Some((rule, claim)),
        Measure::Size
        | Measure::RevenueShare
        | Measure::RuleShareHeldOut { .. }
        | Measure::MeanRatio { .. }
        | Measure::MeanDifference { .. }
        | Measure::CategoryShare { .. }
        | Measure::TraitShare { .. } => None,
    })
}

fn read(found: &Found) -> String {
    let mut text = String::new();
    for persona in &found.personas {
        text.push_str(&format!("{} {}\n{}\n", persona.id, persona.name, persona.summary));
        for claim in &persona.claims {
            let told = [ClaimKind::Rule, ClaimKind::Nearest, ClaimKind::Cost].contains(&claim.kind);
            if told {
                text.push_str(&format!("- {}: {}\n", claim.id, claim.statement));
            }
        }
    }
    text
}

#[test]
fn a_market_reads_as_a_marketer_would_say_it() {
    let (population, _) = market(600, 1);
    let discovery = find(&population, 3);
    expect_test::expect![[r#"
        p1 Frequent Grocery shoppers
        200 of 600 customers, who bring 79 % of the revenue: last order 7 days ago on average, the others 115 days; 4.6× as many orders as the others (29 vs 6.3); 49 % of their spend is on Grocery, the others 24 %.
        - p1.rule_share: last order less than 15 days ago and less than 20 % of the full price taken off: 97 % of the customers it fits belong here, and it fits all of those who do
        - p1.rule_share_held_out: checked on 180 customers the rule was not made from: 93 % of those it fits belong here, and it fits all of those who do
        - p1-p3.discount_share: 5 % of the full price taken off, “Deal-seeking shoppers” 35 %
        - p1-p3.recency: last order 7 days ago on average, “Deal-seeking shoppers” 26 days
        p2 Lapsed one-time buyers
        156 of 600 customers, who bring 2 % of the revenue: last order 249 days ago on average, the others 19 days; 93 % fewer orders than the others (1.3 vs 18); order value: €39.29 on average, 25 % less than the others (€52.53).
        - p2.rule_share: last order at least 70 days ago: 99 % of the customers it fits belong here, and it fits 99 % of those who do
        - p2.rule_share_held_out: checked on 180 customers the rule was not made from: 98 % of those it fits belong here, and it fits 98 % of those who do
        - p2-p4.orders: 80 % fewer orders than “Evening Wine shoppers” (1.3 vs 6.2)
        - p2-p4.wine: 11 % of their spend is on Wine, “Evening Wine shoppers” 60 %
        p3 Deal-seeking shoppers
        119 of 600 customers, who bring 11 % of the revenue: order value: €34.39 on average, 35 % less than the others (€52.72); main channel: app for 80 % of them, 14 % of the others; 11 % of their spend is on Wine, the others 19 %. They cost more than the others (35 % of the full price taken off, the others 7 %) and bring less: 11 % of the revenue from 20 % of the customers.
        - p3.rule_share: at least 20 % of the full price taken off: 98 % of the customers it fits belong here, and it fits all of those who do
        - p3.rule_share_held_out: checked on 180 customers the rule was not made from: 95 % of those it fits belong here, and it fits all of those who do
        - p3.discount_share: 35 % of the full price taken off, the others 7 %
        - p3-p4.discount_share: 35 % of the full price taken off, “Evening Wine shoppers” 6 %
        - p3-p4.wine: 11 % of their spend is on Wine, “Evening Wine shoppers” 60 %
        p4 Evening Wine shoppers
        80 of 600 customers, who bring 6 % of the revenue: 60 % of their spend is on Wine, the others 11 %; 70 % of visits in the evening, the others 26 %; 9 % of their spend is on Grocery, the others 36 %.
        - p4.rule_share: at least 40 % of spend on Wine: all of the customers it fits belong here, and it fits 95 % of those who do
        - p4.rule_share_held_out: checked on 180 customers the rule was not made from: all of those it fits belong here, and it fits 90 % of those who do
        - p4-p3.discount_share: 6 % of the full price taken off, “Deal-seeking shoppers” 35 %
        - p4-p3.wine: 60 % of their spend is on Wine, “Deal-seeking shoppers” 11 %
        p5 Help-seeking shoppers
        42 of 600 customers, who bring 2 % of the revenue: 14 % of their spend is on Grocery, the others 34 %; order value: €66.49 on average, 39 % more than the others (€47.77); main channel: web for 95 % of them, 49 % of the others. They cost more than the others (refunds per order: 0.6, the others 0.04; 13× as many support tickets as the others (3 vs 0.2)) and bring less: 2 % of the revenue from 7 % of the customers.
        - p5.rule_share: refunds per order of at least 0.2: all of the customers it fits belong here, and it fits 95 % of those who do
        - p5.rule_share_held_out: checked on 180 customers the rule was not made from: all of those it fits belong here, and it fits all of those who do
        - p5.refund_rate: refunds per order: 0.6, the others 0.04
        - p5.tickets: 13× as many support tickets as the others (3 vs 0.2)
        - p5-p1.grocery: 14 % of their spend is on Grocery, “Frequent Grocery shoppers” 49 %
        - p5-p1.recency: last order 30 days ago on average, “Frequent Grocery shoppers” 7 days
    "#]].assert_eq(&read(found(&discovery)));
}

#[test]
fn precision_and_recall_are_those_of_a_plain_count() {
    let (population, _) = market(600, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    for (persona_idx, persona) in found.personas.iter().enumerate() {
        let (rule, claim) = rule(persona).unwrap();
        let inside: Vec<bool> = found.memberships.rows().iter().map(|row| row.assigned == Some(persona_idx)).collect();
        let fits = rule.fits(&population).unwrap();
        let n_both = inside.iter().zip(&fits).filter(|(inside, fits)| **inside && **fits).count();
        let ratio = |n: usize, of: &[bool]| {
            let n_all = of.iter().filter(|counts| **counts).count();
            f64::from(u32::try_from(n).unwrap()) / f64::from(u32::try_from(n_all).unwrap())
        };
        assert!((claim.evidence.persona_value - ratio(n_both, &inside)).abs() < 1e-12);
        assert!((claim.evidence.precision().unwrap() - ratio(n_both, &fits)).abs() < 1e-12);
    }
}

#[test]
fn rules_hold_where_they_were_not_sought() {
    let (population, _) = market(900, 2);
    let discovery = find(&population, 3);
    for persona in &found(&discovery).personas {
        let (rule, claim) = rule(persona).unwrap();
        assert!(rule.conditions().len() <= 3);
        let held_out = persona.claims.iter().find(|claim| claim.id.0.ends_with(".rule_share_held_out")).unwrap();
        assert_eq!(held_out.measure, Measure::RuleShareHeldOut { rule: rule.clone() });
        let n = |claim: &Claim| claim.evidence.n_persona + claim.evidence.n_rest;
        assert_eq!((n(claim), n(held_out)), (900, 270));
        for evidence in [&claim.evidence, &held_out.evidence] {
            assert!(evidence.persona_value > 0.8, "{}", claim.statement);
            assert!(evidence.precision().unwrap() > 0.8, "{}", claim.statement);
        }
    }
}

#[test]
fn neighbours_are_told_apart_by_name() {
    let (population, _) = market(600, 1);
    let discovery = find(&population, 3);
    let personas = &found(&discovery).personas;
    for persona in personas {
        let nearest = persona.nearest().unwrap();
        let other = personas.iter().find(|other| other.id == *nearest).unwrap();
        assert_ne!(other.id, persona.id);
        for claim in persona.claims.iter().filter(|claim| claim.kind == ClaimKind::Nearest) {
            assert_eq!(claim.against.as_ref(), Some(nearest));
            assert!(claim.statement.contains(&format!("“{}”", other.name)), "{}", claim.statement);
            assert!(claim.evidence.query.contains(&format!("m.persona_id = '{nearest}'")));
            assert_eq!(claim.evidence.n_persona, persona.n_profiles);
            assert_eq!(claim.evidence.n_rest, other.n_profiles);
        }
    }
}

#[test]
fn renamed_personas_are_renamed_everywhere() {
    let (population, _) = market(600, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let mut personas = found.personas.clone();
    let ids: Vec<PersonaId> = (0..personas.len()).map(|idx| PersonaId::at(20 - idx)).collect();
    let called: Vec<(PersonaId, String)> = ids.iter().map(|id| (id.clone(), format!("The {id}"))).collect();
    rename(&mut personas, &called, population.as_of.day);
    let memberships = Memberships::new(ids, found.memberships.rows().to_vec()).unwrap();
    for (persona, former) in personas.iter().zip(&found.personas) {
        for (claim, former_claim) in persona.claims.iter().zip(&former.claims) {
            let evidence =
                recompute(&claim.measure, &population, &memberships, &persona.id, claim.against.as_ref()).unwrap();
            assert_eq!(evidence, claim.evidence);
            assert!(claim.id.0.starts_with(persona.id.as_str()), "{}", claim.id);
            assert_eq!(claim.statement.contains("“The p"), former_claim.kind == ClaimKind::Nearest);
        }
    }
}

/// Returns the personas called negative, by the kind most of their members are of.
fn negative_kinds(population: &Population, kinds: &[usize]) -> BTreeSet<usize> {
    let discovery = find(population, 3);
    let found = found(&discovery);
    let mut negative = BTreeSet::new();
    for (persona_idx, persona) in found.personas.iter().enumerate() {
        let Some(found_negative) = persona.negative() else { continue };
        let effects: f64 = found_negative.reasons.iter().map(|claim| claim.evidence.effect.value).sum();
        assert!((found_negative.score - (effects - found_negative.value.unwrap_or(0.0))).abs() < 1e-12);
        assert!(persona.summary.ends_with(&found_negative.sentence));
        let members = found.memberships.rows().iter().zip(kinds);
        let mut n_by_kind = [0; 5];
        for (_, kind) in members.filter(|(row, _)| row.assigned == Some(persona_idx)) {
            n_by_kind[*kind] += 1;
        }
        negative.insert((0..5).max_by_key(|kind| n_by_kind[*kind]).unwrap());
    }
    negative
}

#[test]
fn who_costs_more_than_they_bring_is_said() {
    let (population, kinds) = market(600, 1);
    assert_eq!(negative_kinds(&population, &kinds), BTreeSet::from([1, 2]));
}

#[test]
fn nobody_is_negative_without_signals_of_cost() {
    let (mut population, kinds) = market(600, 1);
    population.features.retain(|feature| !COSTS.contains(&feature.definition.name.as_str()));
    assert_eq!(negative_kinds(&population, &kinds), BTreeSet::new());
    let (population, kinds) = planted(300, 1);
    assert_eq!(negative_kinds(&population, &kinds), BTreeSet::new());
}

#[test]
fn who_costs_much_and_brings_more_is_not_negative() {
    let (mut population, kinds) = market(600, 1);
    for (minor, kind) in population.revenue.as_mut().unwrap().minor.iter_mut().zip(&kinds) {
        if *kind == 2 {
            *minor *= 20;
        }
    }
    assert_eq!(negative_kinds(&population, &kinds), BTreeSet::from([1]));
}

#[test]
fn costs_count_where_revenue_is_unknown() {
    let (mut population, kinds) = market(600, 1);
    population.revenue = None;
    assert_eq!(negative_kinds(&population, &kinds), BTreeSet::from([1, 2]));
}

#[test]
fn another_seed_gives_the_same_ids_and_names() {
    for population in [market(600, 1).0, planted(300, 1).0] {
        let called = |seed: u64| -> Vec<(String, String)> {
            let discovery = find(&population, seed);
            let personas = found(&discovery).personas.iter();
            personas.map(|persona| (persona.id.to_string(), persona.name.clone())).collect()
        };
        assert_eq!(called(1), called(99));
    }
}

/// Returns, for each persona, the positions in the first population of its members.
fn members(found: &Found, origin: &[usize]) -> Vec<BTreeSet<usize>> {
    let mut members = vec![BTreeSet::new(); found.personas.len()];
    for (row, original) in found.memberships.rows().iter().zip(origin) {
        if let Some(persona_idx) = row.assigned {
            members[persona_idx].insert(*original);
        }
    }
    members
}

fn jaccard(first: &BTreeSet<usize>, second: &BTreeSet<usize>) -> f64 {
    let n = |count: usize| f64::from(u32::try_from(count).unwrap());
    n(first.intersection(second).count()) / n(first.union(second).count())
}

#[test]
fn names_agree_wherever_members_agree() {
    let (population, _) = market(600, 5);
    let all: Vec<usize> = (0..600).collect();
    let discovery = find(&population, 1);
    let whole = found(&discovery);
    let mut pairs = Vec::new();
    for seed in 200..204 {
        let mut chance = Chance(seed);
        let mut draw = || usize::try_from(crate::shop::whole((chance.share() * 600.0).floor())).unwrap();
        let drawn: Vec<usize> = all.iter().map(|_| draw()).collect();
        let seen: BTreeSet<usize> = drawn.iter().copied().collect();
        let discovery = find(&taken(&population, &drawn), seed);
        let resampled = found(&discovery);
        let theirs = members(resampled, &drawn);
        for (persona, own) in whole.personas.iter().zip(members(whole, &all)) {
            let own: BTreeSet<usize> = own.intersection(&seen).copied().collect();
            let same = resampled.personas.iter().zip(&theirs).filter(|(_, theirs)| jaccard(&own, theirs) >= 0.85);
            pairs.extend(same.map(|(other, _)| (persona.name.clone(), other.name.clone())));
        }
    }
    assert!(pairs.len() >= 18, "only {} of 20 personas were found again", pairs.len());
    pairs.retain(|(name, other)| name != other);
    // An effect can lie on any bound there is; of 20 names one may do so.
    assert!(pairs.len() <= 1, "{pairs:#?}");
}
