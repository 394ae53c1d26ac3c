//! Parity: one history, whatever its way through the lake, gives the same bits.
//!
//! Random histories are written in random chunks and orders, folded in batch with
//! several numbers of threads, through partial and final aggregation, and event by
//! event with the live accumulators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use throng_event::{Calendar, Currency, Day, Event, Instant};
use throng_feature::{Catalogue, Compiled, FeatureDefinition, FeatureValue, ProfileState};
use throng_profile::IdentityRules;
use throng_testkit::random_events;
use url::Url;

use crate::config::Config;
use crate::context::{collect, session};
use crate::event_table::{Chunk, EventRows, Promoted, read_events};
use crate::features::{Division, FeatureRun};
use crate::people::People;
use crate::store::Store;
use crate::tables::EVENTS;

const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "America/St_Johns"];

fn definitions() -> Vec<FeatureDefinition> {
    Config::features_from_toml(include_str!("parity.toml")).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as the functions under test take it")]
fn currency() -> Option<Currency> {
    Some("EUR".parse().unwrap())
}

/// The history with every id once, as admission leaves it.
fn admitted(seed: u64, n: usize) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    random_events(seed, n).into_iter().filter(|event| seen.insert(event.id.clone())).collect()
}

/// Writes a history to a lake in chunks of some size.
async fn lake(folder: &std::path::Path, mut events: Vec<Event>, chunk: usize) -> Store {
    let store = Store::new(Url::from_directory_path(folder).unwrap(), BTreeMap::new());
    let mut promoted = Promoted::default();
    while !events.is_empty() {
        let mut rows = EventRows::default();
        events.drain(events.len().saturating_sub(chunk)..).for_each(|event| rows.push(&event, event.id.key()));
        let mut chunk = Chunk::default();
        chunk.push_all(rows.finish());
        store.append(EVENTS, vec![chunk.finish(&mut promoted).unwrap()]).await.unwrap();
    }
    store
}

async fn view(store: &Store, threads: usize) -> (SessionContext, Arc<People>) {
    let context = session(store, threads).await.unwrap();
    let people = Arc::new(People::read(&context, &IdentityRules::standard()).await.unwrap());
    (context, people)
}

/// The features of everybody as text, floats as bits: equal texts are equal bits.
fn bits(rows: &RecordBatch, people: &People) -> BTreeMap<String, Vec<String>> {
    let (ids, rows) = crate::features::by_number(rows, &people.ids()).unwrap();
    let mut features: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in &rows.columns()[1..] {
        for (row, id) in ids.iter().enumerate() {
            features.entry(id.clone()).or_default().push(cell(column, row));
        }
    }
    features
}

fn cell(column: &arrow::array::ArrayRef, row: usize) -> String {
    use arrow::array::{Array, AsArray};
    if column.is_null(row) {
        return "missing".to_owned();
    }
    match column.as_primitive_opt::<arrow::datatypes::Float64Type>() {
        Some(numbers) => format!("{:016x}", numbers.value(row).to_bits()),
        None => format!("text {}", column.as_string::<i32>().value(row)),
    }
}

fn live(events: &[Event], people: &People, calendar: &Calendar, day: Day) -> BTreeMap<String, Vec<String>> {
    let compiled = Compiled::new(&Catalogue::new(definitions(), currency()).unwrap());
    let as_of = calendar.as_of(day);
    let mut states: BTreeMap<u32, ProfileState> = BTreeMap::new();
    for event in events.iter().rev().filter(|event| event.occurred_at < as_of.end) {
        if let Some(number) = people.number_of(event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            states.entry(number).or_insert_with(|| ProfileState::new(&compiled)).update(event, calendar);
        }
    }
    let text = |value: FeatureValue| match value {
        FeatureValue::Missing => "missing".to_owned(),
        FeatureValue::Number(number) => format!("{:016x}", number.to_bits()),
        FeatureValue::Category(category) => format!("text {category}"),
    };
    let evaluated = states.into_iter().map(|(number, state)| {
        let values = state.evaluate(as_of).into_iter().map(text).collect();
        (people.id(number).to_owned(), values)
    });
    evaluated.collect()
}

async fn check_parity(seed: u64) {
    let events = admitted(seed, 300);
    let calendar = Calendar::new(ZONES[usize::try_from(seed).unwrap() % ZONES.len()]).unwrap();
    let mut days: Vec<Day> = events.iter().map(|event| calendar.local(event.occurred_at).0).collect();
    days.sort_unstable();
    // The last day, and one in the past.
    for day in [days[days.len() - 1], days[days.len() / 2]] {
        let mut answers = Vec::new();
        for (threads, chunk) in [(1, events.len()), (2, 70), (5, 11)] {
            let folder = tempfile::tempdir().unwrap();
            let store = lake(folder.path(), events.clone(), chunk).await;
            let (context, people) = view(&store, threads).await;
            let run = FeatureRun::new(&definitions(), currency(), &calendar, calendar.as_of(day)).unwrap();
            let batch = run.fold_lake(&context, &people, currency()).await.unwrap();
            answers.push((format!("batch, {threads} threads, chunks of {chunk}"), bits(&batch, &people)));
            answers.push(("event by event".to_owned(), live(&events, &people, &calendar, day)));
        }
        let (_, expected) = &answers[0];
        assert!(!expected.is_empty());
        for (way, answer) in &answers {
            assert_eq!(answer, expected, "seed {seed}, as of {day}: {way}");
        }
    }
}

#[tokio::test]
async fn every_way_through_the_lake_gives_the_same_bits() {
    for seed in 0..6 {
        check_parity(seed).await;
    }
}

#[tokio::test]
async fn partial_and_final_aggregation_gives_the_same_bits() {
    for seed in 10..13 {
        let events = admitted(seed, 400);
        let folder = tempfile::tempdir().unwrap();
        let store = lake(folder.path(), events.clone(), 60).await;
        let calendar = Calendar::utc();
        let day = events.iter().map(|event| calendar.local(event.occurred_at).0).max().unwrap();
        let run = FeatureRun::new(&definitions(), currency(), &calendar, calendar.as_of(day)).unwrap();
        let (context, people) = view(&store, 1).await;
        let single = run.fold_lake(&context, &people, currency()).await.unwrap();
        let (context, people) = view(&store, 4).await;
        let run = FeatureRun { division: Division::Aggregated, ..run };
        let double = run.fold_lake(&context, &people, currency()).await.unwrap();
        assert_eq!(bits(&single, &people), bits(&double, &people), "seed {seed}");
    }
}

#[tokio::test]
async fn events_read_back_as_they_were_written() {
    for seed in 20..24 {
        let mut events = admitted(seed, 200);
        let folder = tempfile::tempdir().unwrap();
        let store = lake(folder.path(), events.clone(), 37).await;
        let (context, _) = view(&store, 2).await;
        let rows = collect(&context, "SELECT * FROM events").await.unwrap();
        let mut read = read_events(&rows).unwrap();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        read.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(read, events, "seed {seed}");
    }
}

#[tokio::test]
async fn the_table_says_its_format_to_foreign_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = lake(folder.path(), admitted(1, 5), 5).await;
    let delta = store.open(EVENTS).await.unwrap().unwrap();
    let configuration = delta.snapshot().unwrap().metadata().configuration().clone();
    assert_eq!(configuration.get("throng.format").map(String::as_str), Some("1"));
    assert!(delta.version().is_some());
    assert!(events_are_instants(&store).await);
}

async fn events_are_instants(store: &Store) -> bool {
    let (context, _) = view(store, 1).await;
    let rows = collect(&context, "SELECT occurred_at FROM events").await.unwrap();
    crate::people::times(&rows, "occurred_at").unwrap().iter().flatten().all(|us| Instant(us) > Instant(0))
}
