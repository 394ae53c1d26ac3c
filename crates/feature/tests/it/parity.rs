//! Two computations, one answer: the live state against the kernel over columns.
//!
//! The centre of the crate. Whatever the events, their order of arrival, the way they were
//! divided among states that were merged, and the day that is asked about, both give the
//! same bits.

use proptest::prelude::*;
use throng_event::{AsOf, Calendar, Event};
use throng_feature::{Catalogue, ColumnsBuilder, Compiled, FeatureMatrix, FeatureValue, ProfileState, Scratch};

use crate::sample::{bits, calendar, catalogue, catalogue_of_every_kind, day, event, events};

fn live(compiled: &Compiled, shards: &[Vec<Event>], calendar: &Calendar, as_of: AsOf) -> Vec<FeatureValue> {
    let mut whole = ProfileState::new(compiled);
    for shard in shards {
        let mut state = ProfileState::new(compiled);
        for event in shard {
            state.update(event, calendar);
        }
        // Every shard comes from storage, as it would after a restart.
        whole.merge(&ProfileState::from_state(compiled, &state.state()).unwrap());
    }
    whole.evaluate(as_of)
}

fn batch(compiled: &Compiled, profiles: &[&[Event]], calendar: &Calendar, as_of: AsOf) -> Vec<Vec<FeatureValue>> {
    let mut builder = ColumnsBuilder::new(compiled, calendar);
    let runs: Vec<_> = profiles.iter().map(|events| builder.push_profile(*events)).collect();
    let bound = compiled.bind(builder.columns());
    // Folded as two workers would, each with its own matrix and memory.
    let mut matrix = FeatureMatrix::new(compiled);
    let mut second = FeatureMatrix::new(compiled);
    let (mut scratch, mut second_scratch) = (Scratch::new(), Scratch::new());
    for (idx, run) in runs.iter().enumerate() {
        if idx < runs.len() / 2 {
            bound.fold(run.clone(), as_of, &mut scratch, &mut matrix);
        } else {
            bound.fold(run.clone(), as_of, &mut second_scratch, &mut second);
        }
    }
    matrix.append(&second);
    assert_eq!(matrix.n_rows(), profiles.len());
    (0..profiles.len())
        .map(|row| (0..compiled.n_features()).map(|column| matrix.value(row, column).unwrap()).collect())
        .collect()
}

fn check(catalogue: &Catalogue, profiles: &[Vec<Event>], (calendar, as_of): (&Calendar, AsOf), n_shards: usize) {
    let compiled = Compiled::new(catalogue);
    let profile_slices: Vec<&[Event]> = profiles.iter().map(Vec::as_slice).collect();
    let batch = batch(&compiled, &profile_slices, calendar, as_of);
    for (events, batch) in profiles.iter().zip(batch) {
        let mut shards = vec![Vec::new(); n_shards];
        for (idx, event) in events.iter().enumerate() {
            shards[idx * 7 % n_shards].push(event.clone());
        }
        let live = live(&compiled, &shards, calendar, as_of);
        for ((definition, live), batch) in catalogue.definitions().iter().zip(&live).zip(&batch) {
            let (live, batch) = ([live.clone()], [batch.clone()]);
            assert_eq!(bits(&live), bits(&batch), "{live:?} is not {batch:?}: {definition:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_catalogues_agree(
        catalogue in catalogue(12),
        profiles in prop::collection::vec(events(40), 0..5),
        calendar in calendar(),
        day in day(),
        n_shards in 1_usize..5,
    ) {
        check(&catalogue, &profiles, (&calendar, calendar.as_of(day)), n_shards);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_agrees(
        profiles in prop::collection::vec(events(120), 1..3),
        calendar in calendar(),
        day in day(),
    ) {
        check(&catalogue_of_every_kind(), &profiles, (&calendar, calendar.as_of(day)), 3);
    }
}

#[test]
fn equal_times_are_ordered_by_the_key() {
    let at = throng_event::Instant(20_000 * throng_event::Instant::DAY);
    let tied: Vec<Event> = (0..20)
        .map(|idx| Event {
            channel: Some(["web", "app", "store"][idx % 3].to_owned()),
            ..event(&format!("tied-{idx}"), "View", at)
        })
        .collect();
    let calendar = Calendar::utc();
    check(&catalogue_of_every_kind(), &[tied], (&calendar, calendar.as_of(throng_event::Day(20_000))), 4);
}
