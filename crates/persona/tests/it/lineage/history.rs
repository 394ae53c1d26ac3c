//! The history says what became of personas, and keeps ids from coming back.

use throng_persona::{
    Baseline, Drift, DriftParams, History, HistoryEntry, Lineage, LineageParams, Occasion, PersonaError, Previous,
    discover, rediscover,
};

use super::market::{A, B, C, D, ELSEWHERE, Group, market, params, previous, remember};
use crate::shop::{found, structureless};

/// Discovers in one market after another, as the engine does.
fn remembered(markets: &[&[Group]]) -> History {
    let mut history = History::default();
    let mut former: Option<Previous> = None;
    for (idx, groups) in markets.iter().enumerate() {
        let seed = u64::try_from(idx).unwrap() + 1;
        let population = market(groups, seed);
        let (discovery, lineage) = match &former {
            None => {
                let discovery = discover(&population, &params(seed)).unwrap();
                let lineage = Lineage::first(&discovery);
                (discovery, lineage)
            }
            Some(former) => rediscover(&population, &params(seed), former, &LineageParams::new()).unwrap(),
        };
        remember(&mut history, &population, &discovery, &lineage);
        if let Some(baseline) = Baseline::of(&population, &discovery).unwrap() {
            let memberships = found(&discovery).memberships.clone();
            former = Some(Previous { baseline, memberships, ids_used: history.ids_used() });
        }
    }
    history
}

#[test]
fn a_history_reads_from_first_to_last() {
    let newcomers = (600..680, ELSEWHERE);
    let history = remembered(&[&[A, B, C, D], &[A, B, D], &[(0..20, A.1)], &[A, B, D, newcomers]]);
    let mut text = String::new();
    for entry in history.entries() {
        text.push_str(&entry.sentence());
        text.push('\n');
        for event in &entry.events {
            text.push_str(&format!("- {}\n", event.sentence()));
        }
    }
    expect_test::expect![[r#"
        Version 1, as of 2022-01-08: 4 personas among 540 customers; 4 new.
        - p1 “New quiet visitors” is new, with 37 % of all customers.
        - p2 “Long-standing engaged visitors” is new, with 28 % of all customers.
        - p3 “Lapsed visitors” is new, with 18 % of all customers.
        - p4 “Night-time visitors” is new, with 17 % of all customers.
        Version 2, as of 2022-01-08: 3 personas among 440 customers; 1 gone and 3 still there. 99 % of the customers known both times stayed in their persona.
        - p3 “Lapsed visitors” is gone; of its customers, 100 % are not known any more. Its id will not be given again.
        - p1 “New quiet visitors” is still there (99 % of its known customers are still in it) and has grown from 37 % to 45 % of all customers.
        - p2 “Long-standing engaged visitors” is still there (99 % of its known customers are still in it) and has grown from 28 % to 34 % of all customers.
        - p4 “Night-time visitors” is still there (99 % of its known customers are still in it) and has grown from 17 % to 20 % of all customers.
        Version 3, as of 2022-01-08: no personas among 20 customers. 20 customers are too few: at least 100 are needed to tell groups from chance. Import a longer history or more of your sources.
        - No personas were found this time. p1, p2 and p4 keep their ids until the next discovery that finds any.
        Version 4, as of 2022-01-08: 4 personas among 520 customers; 1 new and 3 still there. Over 99 % of the customers known both times stayed in their persona.
        - p5 “Night-time visitors, group 2” is new, with 15 % of all customers; of its customers, 100 % were not known before.
        - p1 “New quiet visitors” is still there (100 % of its known customers are still in it) and has shrunk from 45 % to 38 % of all customers.
        - p2 “Long-standing engaged visitors” is still there (100 % of its known customers are still in it) and has shrunk from 34 % to 29 % of all customers.
        - p4 “Night-time visitors” is still there (99 % of its known customers are still in it) and has shrunk from 20 % to 17 % of all customers.
    "#]].assert_eq(&text);
}

#[test]
fn an_id_that_was_gone_never_comes_back() {
    let history = remembered(&[&[A, B, C, D], &[A, B, D], &[A, B, C, D]]);
    let ids: Vec<Vec<&str>> = history
        .entries()
        .iter()
        .map(|entry| entry.personas.iter().map(|persona| persona.id.as_str()).collect())
        .collect();
    assert_eq!(ids, [vec!["p1", "p2", "p3", "p4"], vec!["p1", "p2", "p4"], vec!["p1", "p2", "p5", "p4"]]);
}

#[test]
fn entries_that_do_not_follow_are_refused() {
    let history = remembered(&[&[A, B, C, D], &[A, B, D]]);
    let entries = history.entries().to_vec();
    assert_eq!(History::new(entries.clone()), Ok(history));
    let check = |entries: Vec<HistoryEntry>, expected: &str| match History::new(entries) {
        Err(PersonaError::InvalidHistory { problem, .. }) => assert_eq!(problem, expected),
        other => panic!("{other:?}"),
    };
    check(entries[1..].to_vec(), "it has not the next number");
    check(vec![entries[0].clone(), entries[0].clone()], "it has not the next number");
    let mut twice = entries.clone();
    twice[1].personas[1].id = twice[1].personas[0].id.clone();
    check(twice, "two of its personas have one id");
    let back = HistoryEntry { version: 3, ..entries[0].clone() };
    check(entries.into_iter().chain([back]).collect(), "one of its personas has an id that was gone");
}

#[test]
fn drift_is_remembered_in_short() {
    let before = market(&[A, B, C], 1);
    let discovery = discover(&before, &params(1)).unwrap();
    let former = previous(&before, &discovery);
    let after = market(&[A, (200..350, [14.0, 0.0, 24.0, 9.0]), C], 2);
    let (again, lineage) = rediscover(&after, &params(2), &former, &LineageParams::new()).unwrap();
    let drift = Drift::of(&after, Some(&found(&again).memberships), &former.baseline, DriftParams::new()).unwrap();
    let occasion = Occasion { as_of: after.as_of.day, seed: 2, n_profiles: 450 };
    let entry = History::default().entry(occasion, &again, &lineage, Some(&drift));
    expect_test::expect!["Version 1, as of 2022-01-08: 3 personas among 450 customers; 3 still there. 99 % of the customers known both times stayed in their persona. 2 of 4 features have drifted, 2 of them so far that it calls for action: feature_2 (0.57) and feature_3 (0.57)."].assert_eq(&entry.sentence());
}

#[test]
fn refusals_before_any_persona_are_remembered_too() {
    let nothing = structureless(400, 8);
    let discovery = discover(&nothing, &params(1)).unwrap();
    let lineage = Lineage::first(&discovery);
    assert!(lineage.events.is_empty());
    let mut history = History::default();
    remember(&mut history, &nothing, &discovery, &lineage);
    assert_eq!(history.last_found(), None);
    assert_eq!(history.next_version(), 2);
    assert!(
        history.entries()[0].sentence().starts_with("Version 1, as of 2022-01-08: no personas among 400 customers.")
    );
}
