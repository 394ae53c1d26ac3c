//! Personas keep their identity: what is planted between two discoveries is told, and nothing else.

mod drift;
mod history;
mod market;
mod sub_kinds;

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use throng_learn::adjusted_rand_index;
use throng_persona::{
    Basis, Claim, Continuity, Continuum, DiscoveryParams, DriftParams, Kept, Lineage, LineageKind, LineageParams,
    Outcome, PersonaCount, PersonaError, PersonaId, Previous, Teller, carry_over, discover, recompute, rediscover,
};

use crate::shop::{find, found, planted, structureless};
use market::{A, B, C, D, ELSEWHERE, Group, market, n_changes, params, previous, told, twice};

fn check(before: &[Group], after: &[Group], expected: &str) {
    let (_, lineage) = twice(before, after);
    assert_eq!(told(&lineage), expected, "{:#?}", lineage.sentences());
}

#[test]
fn what_stays_persists() {
    check(&[A, B, C, D], &[A, B, C, D], "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3\npersisted p4 > p4");
}

#[test]
fn a_planted_birth_is_told() {
    let newcomers = (600..720, ELSEWHERE);
    check(
        &[A, B, C, D],
        &[A, B, C, D, newcomers],
        "born > p5\npersisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3\npersisted p4 > p4",
    );
}

#[test]
fn a_planted_death_is_told() {
    check(&[A, B, C, D], &[A, B, D], "died p3 >\npersisted p1 > p1\npersisted p2 > p2\npersisted p4 > p4");
}

#[test]
fn a_split_in_halves_retires_the_id() {
    let halves = [(0..100, [-4.0, -7.0, 0.0, 14.0]), (100..200, [0.0, 0.0, -14.0, -14.0])];
    let [first, second] = halves;
    check(
        &[A, B, C, D],
        &[first, second, B, C, D],
        "persisted p2 > p2\npersisted p3 > p3\npersisted p4 > p4\nsplit p1 > p5 p6",
    );
}

#[test]
fn a_part_that_breaks_off_leaves_the_id_to_the_rest() {
    let (rest, part) = ((0..120, A.1), (120..200, ELSEWHERE));
    check(
        &[A, B, C, D],
        &[rest, part, B, C, D],
        "persisted p2 > p2\npersisted p3 > p3\npersisted p4 > p4\nsplit p1 > p1 p5",
    );
}

#[test]
fn a_merger_of_equals_retires_both_ids() {
    let merged = (0..350, [7.0, 0.0, 7.0, 0.0]);
    check(&[A, B, C, D], &[merged, C, D], "merged p1 p2 > p5\npersisted p3 > p3\npersisted p4 > p4");
}

#[test]
fn what_is_absorbed_leaves_the_id_to_the_larger() {
    let absorbed = (350..450, A.1);
    check(&[A, B, C, D], &[A, B, absorbed, D], "merged p1 p3 > p1\npersisted p2 > p2\npersisted p4 > p4");
}

#[test]
fn customers_who_move_on_leave_their_persona_where_it_was() {
    // Everybody of C behaves as B does by now, and others have taken their place.
    let (moved, newcomers) = ((350..450, B.1), (600..700, C.1));
    check(&[A, B, C], &[A, B, moved, newcomers], "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
}

#[test]
fn other_customers_are_recognised_by_their_centroids() {
    let others = [(1000..1200, A.1), (1200..1350, B.1), (1350..1450, C.1)];
    let (_, lineage) = twice(&[A, B, C], &others);
    assert_eq!(told(&lineage), "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
    assert!(lineage.events.iter().all(|event| event.basis == Basis::Centroids && event.jaccard.is_none()));
    assert!(lineage.sentences()[0].starts_with("No customer in a persona was known both times"), "{lineage:#?}");
}

#[test]
fn a_growing_market_keeps_its_personas() {
    let [a, b, c] = [(1000..1600, A.1), (1600..2050, B.1), (2050..2350, C.1)];
    check(&[A, B, C], &[A, B, C, a, b, c], "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
}

#[test]
fn splits_and_mergers_that_retire_ids_read_as_sentences() {
    let halves = [(0..100, [-4.0, -7.0, 0.0, 14.0]), (100..200, [0.0, 0.0, -14.0, -14.0])];
    let [first, second] = halves;
    let merged = (200..450, [7.0, 7.0, 14.0, 0.0]);
    let (_, lineage) = twice(&[A, B, (350..450, C.1), D], &[first, second, merged, D]);
    let sentences: Vec<String> = lineage.events.iter().map(throng_persona::LineageEvent::sentence).collect();
    expect_test::expect![[r#"
        p1 “New quiet visitors” split: of its known customers, 50 % are in p6 “New visitors” and 50 % are in p7 “Recent quiet visitors”. No part is large enough to go on as p1; the id will not be given again.
        p2 “Long-standing engaged visitors” and p3 “Lapsed visitors” merged into p5 “Long-standing visitors”; its known customers come 59 % from p2 and 40 % from p3. None is large enough to go on under its id; the ids will not be given again.
        p4 “Night-time visitors” is still there (99 % of its known customers are still in it), with 16 % of all customers."#]].assert_eq(&sentences.join("\n"));
}

#[test]
fn lineages_read_as_sentences() {
    let (rest, part, newcomers) = ((0..140, A.1), (140..200, ELSEWHERE), (600..690, [14.0, -14.0, 0.0, -14.0]));
    let (_, lineage) = twice(&[A, B, C, D], &[rest, part, B, D, newcomers]);
    expect_test::expect![[r#"
        440 customers were known both times; 86 % of those who were in a persona are still in the same one (adjusted Rand index 0.79).
        There are 5 personas now instead of 4 (silhouettes 0.74 and 0.86).
        p1 “New quiet visitors” split: of its known customers, 70 % are still in p1 and 30 % are in p6 “Long-standing quiet night-time visitors”.
        p5 “Recent visitors” is new, with 17 % of all customers; of its customers, 100 % were not known before.
        p3 “Lapsed visitors” is gone; of its customers, 100 % are not known any more. Its id will not be given again.
        p2 “Long-standing engaged visitors” is still there (99 % of its known customers are still in it), with 28 % of all customers.
        p4 “Night-time visitors” is still there (98 % of its known customers are still in it), with 17 % of all customers.
        p2 keeps its name “Long-standing engaged visitors”; found today, it would be called “Long-standing visitors”.
        p1 keeps its name “New quiet visitors”; found today, it would be called “Quiet visitors”.
        p4 keeps its name “Night-time visitors”; found today, it would be called “Lapsed night-time visitors”."#]].assert_eq(&lineage.sentences().join("\n"));
}

#[test]
fn another_seed_on_the_same_data_gives_the_same_personas() {
    let (population, _) = planted(300, 1);
    let first = find(&population, 3);
    let former = previous(&population, &first);
    for seed in [4, 5, 1_000] {
        let params = DiscoveryParams::new(PersonaCount::Auto { max: 6 }, seed);
        let (again, lineage) = rediscover(&population, &params, &former, &LineageParams::new()).unwrap();
        let key = |discovery| -> Vec<(PersonaId, String)> {
            found(discovery).personas.iter().map(|persona| (persona.id.clone(), persona.name.clone())).collect()
        };
        assert_eq!(key(&again), key(&first));
        assert_eq!(n_changes(&lineage), 0, "{:#?}", lineage.sentences());
        let labels = |discovery| -> Vec<usize> {
            found(discovery).memberships.rows().iter().map(|row| row.assigned.unwrap_or(99)).collect()
        };
        assert!(adjusted_rand_index(&labels(&first), &labels(&again)).unwrap() >= 0.98);
    }
}

/// Three kinds that run into each other, so that every fit puts the borders elsewhere.
fn overlapping(seed: u64) -> throng_persona::Population {
    let [a, b, c] = [(0..200, [0.0; 4]), (200..350, [2.0, 0.0, 2.0, 0.0]), (350..500, [0.0, 2.0, 2.0, 2.0])];
    market(&[a, b, c], seed)
}

fn labels(discovery: &throng_persona::Discovery) -> Vec<usize> {
    found(discovery).memberships.rows().iter().map(|row| row.assigned.unwrap_or(99)).collect()
}

fn exactly(seed: u64) -> DiscoveryParams {
    DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(3), seed) }
}

#[test]
fn the_former_grouping_is_kept_while_it_is_as_good() {
    let population = overlapping(1);
    let first = discover(&population, &exactly(1)).unwrap();
    let former = previous(&population, &first);
    let mut n_other = 0;
    for seed in 2..8 {
        let fresh = discover(&population, &exactly(seed)).unwrap();
        n_other += usize::from(labels(&fresh) != labels(&first));
        let (again, lineage) = rediscover(&population, &exactly(seed), &former, &LineageParams::new()).unwrap();
        let agreement = adjusted_rand_index(&labels(&first), &labels(&again)).unwrap();
        assert!(agreement >= 0.98, "{agreement}");
        assert!(matches!(lineage.continuity.unwrap().grouping, Some(Kept::Both | Kept::Former)));
    }
    assert!(n_other > 0, "chance alone would put some borders elsewhere");
}

#[test]
fn a_former_grouping_that_fits_no_longer_gives_way() {
    // What was two has met halfway, and what was one has come apart: three all the same.
    let before = market(&[(0..150, [0.0; 4]), (150..300, [7.0, 7.0, 0.0, 0.0]), (300..600, [0.0, 0.0, 14.0, 14.0])], 1);
    let former = previous(&before, &discover(&before, &exactly(1)).unwrap());
    let after = market(
        &[(0..300, [3.5, 3.5, 0.0, 0.0]), (300..450, [0.0, 0.0, 9.0, 19.0]), (450..600, [0.0, 0.0, 19.0, 9.0])],
        2,
    );
    let (_, lineage) = rediscover(&after, &exactly(2), &former, &LineageParams::new()).unwrap();
    assert_eq!(told(&lineage), "merged p2 p3 > p4\nsplit p1 > p5 p6");
    let continuity = lineage.continuity.unwrap();
    assert_eq!(continuity.grouping, Some(Kept::Fresh), "{}", continuity.sentence());
    let (refined, fresh) = continuity.inertias.unwrap();
    assert!(refined > 1.2 * fresh, "{}", continuity.sentence());
}

#[test]
fn decisions_about_the_former_grouping_read_as_sentences() {
    let continuity = |number: Kept, grouping: Option<Kept>| Continuity {
        n_former: 4,
        n_fresh: if number == Kept::Both { 4 } else { 5 },
        number,
        silhouettes: (number != Kept::Both).then_some((0.412, 0.408)),
        grouping,
        inertias: grouping.map(|_| (1_004.0, 1_000.0)),
        adjusted_rand: grouping.map(|_| 0.913),
    };
    let mut text = String::new();
    for (number, grouping) in [
        (Kept::Both, Some(Kept::Both)),
        (Kept::Both, Some(Kept::Former)),
        (Kept::Both, Some(Kept::Fresh)),
        (Kept::Former, Some(Kept::Both)),
        (Kept::Fresh, None),
    ] {
        text.push_str(&continuity(number, grouping).sentence());
        text.push('\n');
    }
    expect_test::expect![[r#"
        The former grouping, refined on today's customers, and a fresh one are the same.
        The former grouping, refined on today's customers, was kept: it is as good as a fresh one (it has 1.004 times the spread within groups; adjusted Rand index 0.91).
        A fresh grouping was taken: the former one, refined on today's customers, is not as good (it has 1.004 times the spread within groups; adjusted Rand index 0.91).
        The number of personas stays 4, which is as good as 5, the choice of a fresh look (silhouettes 0.41 and 0.41). The former grouping, refined on today's customers, and a fresh one are the same.
        There are 5 personas now instead of 4 (silhouettes 0.41 and 0.41).
    "#]].assert_eq(&text);
}

#[test]
fn ids_change_in_personas_claims_memberships_and_model_alike() {
    let newcomers = (450..800, D.1);
    let (discovery, _) = twice(&[A, B, C], &[A, B, C, newcomers.clone()]);
    let population = market(&[A, B, C, newcomers], 2);
    let found = found(&discovery);
    let ids: Vec<PersonaId> = found.personas.iter().map(|persona| persona.id.clone()).collect();
    assert_eq!(ids.iter().map(PersonaId::as_str).collect::<Vec<_>>(), ["p4", "p1", "p2", "p3"], "the largest first");
    assert_eq!(found.memberships.personas(), ids);
    assert_eq!(found.model.memberships(&population).unwrap(), found.memberships);
    for persona in &found.personas {
        let right = |claim: &Claim| {
            let again = recompute(&claim.measure, &population, &found.memberships, &persona.id, claim.against.as_ref())
                .unwrap();
            again == claim.evidence && claim.id == claim.measure.claim_id(&persona.id, claim.against.as_ref())
        };
        assert!(persona.claims.iter().all(right), "{:#?}", persona.claims);
    }
    let names: BTreeSet<&str> = found.personas.iter().map(|persona| persona.name.as_str()).collect();
    assert_eq!(names.len(), 4);
}

#[test]
fn a_refusal_suspends_the_personas_and_kills_none() {
    let population = market(&[A, B, C], 1);
    let first = discover(&population, &params(1)).unwrap();
    let former = previous(&population, &first);
    for nothing in [structureless(400, 8), structureless(0, 8), market(&[(0..30, A.1)], 1)] {
        let (refused, lineage) = rediscover(&nothing, &params(1), &former, &LineageParams::new()).unwrap();
        assert!(matches!(refused.outcome, Outcome::Refused(_)));
        assert_eq!(told(&lineage), "suspended p1 p2 p3 >");
    }
    let later = market(&[A, B, C], 5);
    let (_, lineage) = rediscover(&later, &params(2), &former, &LineageParams::new()).unwrap();
    assert_eq!(told(&lineage), "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
}

#[test]
fn ids_of_the_dead_are_not_given_again() {
    let population = market(&[A, B, C], 1);
    let mut former = previous(&population, &discover(&population, &params(1)).unwrap());
    former
        .ids_used
        .extend(["p7", "p5", "custom", "p99999999999999999999999"].map(|id| id.parse::<PersonaId>().unwrap()));
    let after = market(&[A, B, C, D], 2);
    let (_, lineage) = rediscover(&after, &params(2), &former, &LineageParams::new()).unwrap();
    assert_eq!(told(&lineage), "born > p8\npersisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
}

#[test]
fn a_kept_name_says_what_it_would_be_today() {
    let population = market(&[A, B, C], 1);
    let mut former = previous(&population, &discover(&population, &params(1)).unwrap());
    former.baseline.personas[1].name = "Our Sunday people".to_owned();
    let (discovery, lineage) = rediscover(&market(&[A, B, C], 2), &params(2), &former, &LineageParams::new()).unwrap();
    assert_eq!(found(&discovery).personas[1].name, "Our Sunday people");
    let kept: Vec<&str> = lineage.names_kept.iter().map(|kept| kept.name.as_str()).collect();
    assert_eq!(kept, ["Our Sunday people"]);
}

#[test]
fn a_former_discovery_that_contradicts_itself_is_an_error() {
    let population = market(&[A, B, C], 1);
    let first = discover(&population, &params(1)).unwrap();
    let mut former = previous(&population, &first);
    former.baseline.personas[0].centroid[0] = f64::NAN;
    let result = carry_over(first.clone(), &former, &population, &LineageParams::new());
    assert!(matches!(result, Err(PersonaError::PreviousContradicts)));
    former.baseline.personas[0].centroid.pop();
    let result = carry_over(first.clone(), &former, &population, &LineageParams::new());
    assert!(matches!(result, Err(PersonaError::PreviousContradicts)));
    let mut former = previous(&population, &first);
    former.baseline.personas.pop();
    let result = carry_over(first.clone(), &former, &population, &LineageParams::new());
    assert!(matches!(result, Err(PersonaError::PreviousContradicts)));
    let former = previous(&population, &first);
    let other = market(&[A, B], 1);
    let result = carry_over(first, &former, &other, &LineageParams::new());
    assert!(matches!(result, Err(PersonaError::OtherPopulation { .. })));
}

#[test]
fn features_that_are_gone_leave_members_to_decide() {
    let population = market(&[A, B, C], 1);
    let former = previous(&population, &discover(&population, &params(1)).unwrap());
    let mut after = market(&[A, B, C], 2);
    for feature in &mut after.features {
        feature.definition.name = format!("other_{}", feature.definition.name);
    }
    let (_, lineage) = rediscover(&after, &params(2), &former, &LineageParams::new()).unwrap();
    assert_eq!(told(&lineage), "persisted p1 > p1\npersisted p2 > p2\npersisted p3 > p3");
    assert!(lineage.events.iter().all(|event| event.basis == Basis::Members && event.moved.is_none()));
}

/// Every share is one, flows sum to 1, each persona is told of once on either side.
fn holds(lineage: &Lineage, former: &Previous, current: &[PersonaId]) {
    for event in &lineage.events {
        for persona in event.former.iter().chain(&event.current) {
            let sum: f64 = persona.flows.iter().map(|flow| flow.share).sum::<f64>() + persona.unknown;
            assert!((sum - 1.0).abs() < 1e-12, "{persona:#?}");
        }
        assert!(!event.sentence().is_empty());
    }
    let told = |former: bool| {
        let sides = lineage.events.iter().flat_map(|event| if former { &event.former } else { &event.current });
        sides.map(|persona| persona.id.clone()).collect::<BTreeSet<PersonaId>>()
    };
    let before: BTreeSet<PersonaId> = former.baseline.personas.iter().map(|persona| persona.id.clone()).collect();
    assert_eq!(told(true), before);
    assert_eq!(told(false), current.iter().cloned().collect());
    let born: Vec<&PersonaId> = current.iter().filter(|id| !before.contains(id)).collect();
    assert!(born.iter().all(|id| !former.ids_used.contains(id)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_change_of_members_is_told_wholly(
        moves in proptest::collection::vec((0..450_usize, 0..5_usize), 0..500),
        gone in 0..450_usize,
        seed in 0..1000_u64,
    ) {
        use throng_persona::{Membership, Memberships};
        let population = market(&[A, B, C], seed);
        let first = discover_once();
        let former = previous(&market(&[A, B, C], 1), first);
        // Memberships are moved about among former personas and nobody; some customers are new.
        let mut rows = former.memberships.rows().to_vec();
        let moved = |row: &Membership, to: usize| Membership {
            profile: row.profile.clone(),
            shares: (0..3).map(|idx| f64::from(u8::from(idx == to))).collect(),
            unassigned: f64::from(u8::from(to >= 3)),
            assigned: (to < 3).then_some(to),
            by: Teller::Mixture,
        };
        for (row, to) in moves {
            rows[row] = moved(&rows[row], to);
        }
        rows.truncate(gone);
        let memberships = Memberships::new(former.memberships.personas().to_vec(), rows).unwrap();
        let former = Previous { memberships, ..former };
        let current = discover_once().clone();
        let (carried, lineage) = carry_over(current, &former, &market(&[A, B, C], 1), &LineageParams::new()).unwrap();
        let ids: Vec<PersonaId> = found(&carried).personas.iter().map(|persona| persona.id.clone()).collect();
        holds(&lineage, &former, &ids);
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
        prop_assert!(population.profiles.len() == 450);
        let steadiness = lineage.steadiness.unwrap();
        prop_assert!(steadiness.stayed.is_none_or(|stayed| (0.0..=1.0).contains(&stayed)));
    }

    #[test]
    fn lineage_follows_personas_that_are_numbered_anew(order in proptest::sample::select(vec![[0, 1, 2], [2, 0, 1], [1, 0, 2], [2, 1, 0]])) {
        use throng_persona::{Membership, Memberships};
        let population = market(&[A, B, C], 1);
        let former = previous(&population, discover_once());
        // The same former personas, listed in another order.
        let personas: Vec<_> = order.iter().map(|idx: &usize| former.baseline.personas[*idx].clone()).collect();
        let rows = former.memberships.rows().iter().map(|row| Membership {
            profile: row.profile.clone(),
            shares: order.iter().map(|idx| row.shares[*idx]).collect(),
            unassigned: row.unassigned,
            assigned: row.assigned.and_then(|assigned| order.iter().position(|idx| *idx == assigned)),
            by: row.by,
        });
        let ids = personas.iter().map(|persona| persona.id.clone()).collect();
        let turned = Previous {
            memberships: Memberships::new(ids, rows.collect()).unwrap(),
            baseline: throng_persona::Baseline { personas, ..former.baseline.clone() },
            ids_used: former.ids_used.clone(),
        };
        let carry = |former: &Previous| {
            carry_over(discover_once().clone(), former, &population, &LineageParams::new()).unwrap()
        };
        let ((straight, lineage), (other, other_lineage)) = (carry(&former), carry(&turned));
        prop_assert_eq!(straight, other);
        prop_assert_eq!(told(&lineage), told(&other_lineage));
    }
}

/// The discovery in the plain market, made once for all.
fn discover_once() -> &'static throng_persona::Discovery {
    static ONCE: std::sync::OnceLock<throng_persona::Discovery> = std::sync::OnceLock::new();
    ONCE.get_or_init(|| discover(&market(&[A, B, C], 1), &params(1)).unwrap())
}

#[test]
fn one_persona_alone_can_be_carried_over() {
    use throng_persona::{Membership, Memberships};
    let population = market(&[A, B, C], 1);
    let former = previous(&population, discover_once());
    let rows = former.memberships.rows().iter().map(|row| Membership {
        profile: row.profile.clone(),
        shares: vec![f64::from(u8::from(row.assigned == Some(0)))],
        unassigned: f64::from(u8::from(row.assigned != Some(0))),
        assigned: row.assigned.filter(|assigned| *assigned == 0),
        by: row.by,
    });
    let mut baseline = former.baseline.clone();
    baseline.personas.truncate(1);
    let alone = Previous {
        memberships: Memberships::new(vec![baseline.personas[0].id.clone()], rows.collect()).unwrap(),
        baseline,
        ids_used: former.ids_used,
    };
    let (_, lineage) = rediscover(&population, &params(1), &alone, &LineageParams::new()).unwrap();
    assert_eq!(told(&lineage), "born > p4\nborn > p5\npersisted p1 > p1");
}

#[test]
fn words_of_lineages_are_read_back() {
    for kind in ["split", "merged", "born", "died", "persisted", "suspended"] {
        assert_eq!(LineageKind::parse(kind).unwrap().as_str(), kind);
    }
    for basis in ["members", "centroids", "nothing"] {
        assert_eq!(Basis::parse(basis).unwrap().as_str(), basis);
    }
    assert!(LineageKind::parse("Split").is_err());
    for kept in ["both", "former", "fresh"] {
        assert_eq!(Kept::parse(kept).unwrap().as_str(), kept);
    }
    assert!(Basis::parse("").is_err());
    assert!(Kept::parse("neither").is_err());
}

#[test]
fn personas_that_customers_leave_raise_an_alarm() {
    let (stay, leave) = ((0..80, A.1), (80..200, B.1));
    let (_, lineage) = twice(&[A, B, C], &[stay, leave, B, C]);
    expect_test::expect![
        "p1: 60 % of the customers it had, and who are still known, are not in it any more (calls for action)."
    ]
    .assert_eq(&lineage.steadiness.unwrap().alarms(DriftParams::new()).join("\n"));
}
