//! Live is batch: whoever submits what in which order, and however often the server is
//! stopped, everybody has the features that a fold over the set of events gives.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use throng_event::{Day, Event, Identity};
use throng_feature::{ColumnsBuilder, Compiled, FeatureMatrix, FeatureValue, Scratch};
use throng_live::{Decided, Live, Submission};
use throng_profile::{Decision, IdentityGraph, Proposal, Verdict};
use throng_testkit::random_events;

use crate::sample::{RUNTIME, calendar, catalogue, open, rules, settings, submit};

/// Everybody's events, each once, by profile.
pub(crate) fn people<'e>(events: &'e [Event], decided: &Decided) -> BTreeMap<String, Vec<&'e Event>> {
    let mut graph = IdentityGraph::new(rules());
    let mut once: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in events {
        once.entry(&event.id.0).or_insert(event);
    }
    once.values().for_each(|event| graph.update(event));
    let resolution = graph.resolve(&decided.decisions, &decided.proposals);
    let mut people: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in once.into_values() {
        if let Some(number) = resolution.number(event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            people.entry(resolution.profile_id(number).to_string()).or_default().push(event);
        }
    }
    people
}

/// What batch says of everybody: by profile, the bits of the features as text.
pub(crate) fn batch(events: &[Event], decided: &Decided, day: Day) -> BTreeMap<String, Vec<String>> {
    let people = people(events, decided);
    let (catalogue, calendar) = (catalogue(), calendar());
    let compiled = Compiled::new(&catalogue);
    let mut builder = ColumnsBuilder::new(&compiled, &calendar);
    let runs: Vec<_> = people.values().map(|events| builder.push_profile(events.iter().copied())).collect();
    let bound = compiled.bind(builder.columns());
    let mut matrix = FeatureMatrix::new(&compiled);
    let mut scratch = Scratch::new();
    runs.into_iter().for_each(|rows| bound.fold(rows, calendar.as_of(day), &mut scratch, &mut matrix));
    let values = |row| (0..compiled.n_features()).map(|column| matrix.value(row, column).unwrap()).collect();
    people.into_keys().enumerate().map(|(row, id)| (id, bits(values(row)))).collect()
}

pub(crate) fn bits(values: Vec<FeatureValue>) -> Vec<String> {
    let text = |value: FeatureValue| match value {
        FeatureValue::Number(number) => format!("{:016x}", number.to_bits()),
        FeatureValue::Category(text) => text,
        FeatureValue::Missing => "-".to_owned(),
    };
    values.into_iter().map(text).collect()
}

pub(crate) fn live(live: &Live, day: Day) -> BTreeMap<String, Vec<String>> {
    live.with_core(|core| core.features_of_all(day).map(|(id, values)| (id.to_string(), bits(values))).collect())
}

/// A day within the histories, and one behind them.
pub(crate) fn days(events: &[Event]) -> [Day; 2] {
    let mut days: Vec<Day> = events.iter().map(|event| calendar().local(event.occurred_at).0).collect();
    days.sort_unstable();
    [days[days.len() / 2], Day(days[days.len() - 1].0 + 3)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_order_chunks_and_restarts_give_what_batch_gives(
        seed in 0_u64..1_000_000,
        n_events in 1_usize..180,
        chunk in 1_usize..60,
        n_sessions in 1_usize..4,
        turn in 0_usize..180,
    ) {
        let mut events = random_events(seed, n_events);
        events.rotate_left(turn % n_events);
        let folder = tempfile::tempdir().unwrap();
        let per_session = events.len().div_ceil(n_sessions);
        for session in events.chunks(per_session) {
            let server = open(folder.path());
            session.chunks(chunk).for_each(|events| _ = submit(&server, events.to_vec()));
            drop(server);
        }
        let server = open(folder.path());
        for day in days(&events) {
            prop_assert_eq!(live(&server, day), batch(&events, &Decided::default(), day));
        }
    }
}

#[test]
fn callers_at_the_same_time_lose_nothing_and_count_once() {
    let events = random_events(77, 300);
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path());
    let receipts = RUNTIME.block_on(async {
        // Every event is sent three times, by callers that do not wait for each other.
        let calls = (0..3)
            .flat_map(|_| events.chunks(7))
            .map(|events| server.submit(Submission { events: events.to_vec(), refused: Vec::new() }));
        futures::future::join_all(calls).await
    });
    let receipts: Vec<_> = receipts.into_iter().map(Result::unwrap).collect();
    let n_distinct = events.iter().map(|event| &event.id).collect::<BTreeSet<_>>().len();
    assert_eq!(receipts.iter().map(|receipt| receipt.admitted).sum::<usize>(), n_distinct);
    assert_eq!(receipts.iter().map(|receipt| receipt.repeated).sum::<usize>(), 900 - n_distinct);
    drop(server);
    let server = open(folder.path());
    let day = days(&events)[1];
    assert_eq!(live(&server, day), batch(&events, &Decided::default(), day));
}

/// Events of which every other one is of people that the rest never meets, and who they are by themselves.
fn strangers(seed: u64) -> (Vec<Event>, Vec<Identity>) {
    let mut events = random_events(seed, 200);
    for event in events.iter_mut().step_by(2) {
        event.id.0.push('x');
        event.user_id.iter_mut().chain(&mut event.anonymous_id).for_each(|id| id.push('x'));
        event.external_ids.clear();
        event.previous_id = None;
    }
    let people = people(&events, &Decided::default()).into_keys().map(|id| Identity::parse(&id).unwrap()).collect();
    (events, people)
}

#[test]
fn a_decision_to_merge_counts_here_as_in_batch() {
    let (events, people) = strangers(5);
    let (a, b) = (people[0].clone(), people[people.len() - 1].clone());
    let merge = Decision { verdict: Verdict::Merge, a, b, at: throng_event::Instant(0) };
    let decided = Decided { decisions: vec![merge], ..Decided::default() };
    let folder = tempfile::tempdir().unwrap();
    let server = Live::open(settings(folder.path(), decided.clone())).unwrap();
    submit(&server, events.clone());
    let day = days(&events)[1];
    let merged = batch(&events, &decided, day);
    assert_eq!(merged.len(), people.len() - 1);
    assert_eq!(live(&server, day), merged);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proposed_counts_here_as_in_batch(
        seed in 0_u64..1_000_000,
        lists in prop::collection::vec(prop::collection::vec((0_usize..64, 0_usize..64, 0.8_f64..1.0), 0..12), 1..4),
        starts_anew in any::<bool>(),
    ) {
        let (events, people) = strangers(seed);
        let person = |idx: usize| people[idx % people.len()].clone();
        let proposal = |&(a, b, probability): &(usize, usize, f64)| Proposal { a: person(a), b: person(b), probability };
        let folder = tempfile::tempdir().unwrap();
        let mut decided = Decided::default();
        let mut server = Live::open(settings(folder.path(), decided.clone())).unwrap();
        // What is proposed changes as events come in, and while nobody serves.
        for (list, events) in lists.iter().zip(events.chunks(events.len().div_ceil(lists.len()))) {
            submit(&server, events.to_vec());
            decided.proposals = list.iter().map(proposal).collect();
            if starts_anew {
                server.checkpoint().unwrap();
                drop(server);
                server = Live::open(settings(folder.path(), decided.clone())).unwrap();
            } else {
                RUNTIME.block_on(server.reconcile(&decided, Vec::new())).unwrap();
            }
        }
        let day = days(&events)[1];
        let expected = batch(&events, &decided, day);
        prop_assert_eq!(live(&server, day), expected.clone());
        drop(server);
        drop(std::fs::remove_file(folder.path().join("checkpoint")));
        let server = Live::open(settings(folder.path(), decided)).unwrap();
        prop_assert_eq!(live(&server, day), expected, "the log alone says the same");
    }
}
