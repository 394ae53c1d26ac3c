//! Three computations, one answer: the live state and the histories of a live server
//! against the kernel over columns.
//!
//! The centre of the crate. Whatever the events, their order of arrival, the way they were
//! divided among states that were merged, and the day that is asked about, all give the
//! same bits.

use proptest::prelude::*;
use throng_event::{AsOf, Calendar, Day, Event, Instant};
use throng_feature::{
    Catalogue, ColumnsBuilder, Compiled, FeatureMatrix, FeatureValue, History, HistoryFold, HistoryScratch,
    ProfileState, RunningFold, Scratch,
};

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

/// Every shard is the history of one carrier, and its events come twice.
fn histories(
    fold: &mut HistoryFold,
    compiled: &Compiled,
    shards: &[Vec<Event>],
    calendar: &Calendar,
    as_of: AsOf,
) -> Vec<FeatureValue> {
    let mut histories = vec![History::default(); shards.len()];
    for (history, shard) in histories.iter_mut().zip(shards) {
        for event in shard.iter().chain(shard) {
            fold.add(history, (event, None), calendar);
        }
        assert_eq!(history.n_events(), shard.len());
    }
    let mut matrix = FeatureMatrix::new(compiled);
    let mut scratch = HistoryScratch::default();
    let histories: Vec<&History> = histories.iter().collect();
    // The memory of a former profile leaves no trace.
    fold.fold(&histories[1..], as_of, &mut scratch, &mut matrix);
    fold.fold(&histories, as_of, &mut scratch, &mut matrix);
    (0..compiled.n_features()).map(|column| matrix.value(1, column).unwrap()).collect()
}

/// One carrier, event by event, from a fold that is kept while it can be.
fn running(
    fold: &mut HistoryFold,
    compiled: &Compiled,
    events: &[Event],
    calendar: &Calendar,
    as_of: AsOf,
) -> Vec<FeatureValue> {
    let (mut history, mut scratch) = (History::default(), HistoryScratch::default());
    let mut running = fold.start(&[&history], as_of, &mut scratch);
    for event in events {
        fold.add(&mut history, (event, None), calendar);
        if !fold.extend(&mut running, &mut scratch) && !fold.mend(&mut running, (&[&history], 100), &mut scratch) {
            running = fold.start(&[&history], as_of, &mut scratch);
        }
    }
    let mut matrix = FeatureMatrix::new(compiled);
    fold.evaluate(&mut running, &mut scratch, &mut matrix);
    (0..compiled.n_features()).map(|column| matrix.value(0, column).unwrap()).collect()
}

/// Several carriers, event by event, from a fold that goes on from day to day, so many days behind the
/// latest event.
fn moving(
    fold: &mut HistoryFold,
    compiled: &Compiled,
    (events, n_shards): (&[Event], usize),
    calendar: &Calendar,
    (as_of, n_days_behind): (AsOf, i32),
) -> Vec<FeatureValue> {
    let (mut histories, mut scratch) = (vec![History::default(); n_shards], HistoryScratch::default());
    let first = calendar.as_of(Day(as_of.day.0 - 400));
    let mut running = fold.start(&histories.iter().collect::<Vec<_>>(), first, &mut scratch);
    let mut go_on = |fold: &HistoryFold, histories: &[History], running: &mut RunningFold, day: Day| {
        let histories: Vec<&History> = histories.iter().collect();
        if day > running.day() && !fold.advance(running, &histories, calendar.as_of(day), &mut scratch) {
            *running = fold.start(&histories, calendar.as_of(day), &mut scratch);
        }
    };
    let mut scratch = HistoryScratch::default();
    for (idx, event) in events.iter().enumerate() {
        let day = calendar.local(event.occurred_at).0;
        go_on(fold, &histories, &mut running, Day(day.0 - n_days_behind).min(as_of.day));
        fold.add(&mut histories[idx * 7 % n_shards], (event, None), calendar);
        if !fold.extend(&mut running, &mut scratch) {
            let histories: Vec<&History> = histories.iter().collect();
            assert!(fold.mend(&mut running, (&histories, usize::MAX), &mut scratch));
        }
    }
    go_on(fold, &histories, &mut running, as_of.day);
    let mut matrix = FeatureMatrix::new(compiled);
    fold.evaluate(&mut running, &mut scratch, &mut matrix);
    (0..compiled.n_features()).map(|column| matrix.value(0, column).unwrap()).collect()
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
    let mut fold = HistoryFold::new(&compiled);
    for (events, batch) in profiles.iter().zip(batch) {
        let mut shards = vec![Vec::new(); n_shards];
        for (idx, event) in events.iter().enumerate() {
            shards[idx * 7 % n_shards].push(event.clone());
        }
        let live = live(&compiled, &shards, calendar, as_of);
        let folded = histories(&mut fold, &compiled, &shards, calendar, as_of);
        let mut in_order = events.clone();
        in_order.sort_by_key(Event::position);
        let as_they_came = running(&mut fold, &compiled, events, calendar, as_of);
        let one_by_one = running(&mut fold, &compiled, &in_order, calendar, as_of);
        // Some overtake others on the way, by a little and by more than is kept ready.
        let mut late = in_order.clone();
        late.chunks_mut(5).for_each(<[Event]>::reverse);
        late.chunks_mut(40).skip(1).step_by(3).for_each(<[Event]>::reverse);
        let mut moving =
            |events, n_days_behind| moving(&mut fold, &compiled, (events, n_shards), calendar, (as_of, n_days_behind));
        let (in_time, behind) = (moving(&in_order, 0), moving(&in_order, 3));
        let (late, late_behind) = (moving(&late, 0), moving(&late, 3));
        for (idx, definition) in catalogue.definitions().iter().enumerate() {
            let [live, folded, batch] = [&live, &folded, &batch].map(|values| [values[idx].clone()]);
            for running in [&as_they_came, &one_by_one, &in_time, &behind, &late, &late_behind] {
                assert_eq!(bits(&[running[idx].clone()]), bits(&batch), "running, not {batch:?}: {definition:?}");
            }
            assert_eq!(bits(&live), bits(&batch), "{live:?} is not {batch:?}: {definition:?}");
            assert_eq!(bits(&folded), bits(&batch), "{folded:?} is not {batch:?}: {definition:?}");
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
        profiles in prop::collection::vec(events(300), 1..3),
        calendar in calendar(),
        day in day(),
    ) {
        check(&catalogue_of_every_kind(), &profiles, (&calendar, calendar.as_of(day)), 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_weighed_by_age_agrees_from_day_to_day(
        profiles in prop::collection::vec(events(120), 1..3),
        calendar in calendar(),
        day in day(),
        n_shards in 1_usize..4,
    ) {
        let all = catalogue_of_every_kind();
        let unweighed = all.definitions().iter().filter(|definition| definition.half_life_days.is_none()).cloned();
        let catalogue = Catalogue::new(unweighed.collect(), all.currency()).unwrap();
        check(&catalogue, &profiles, (&calendar, calendar.as_of(day)), n_shards);
    }
}

#[test]
fn equal_times_are_ordered_by_the_key() {
    let at = Instant(20_000 * Instant::DAY);
    let tied: Vec<Event> = (0..20)
        .map(|idx| Event {
            channel: Some(["web", "app", "store"][idx % 3].to_owned()),
            ..event(&format!("tied-{idx}"), "View", at)
        })
        .collect();
    let calendar = Calendar::utc();
    check(&catalogue_of_every_kind(), &[tied], (&calendar, calendar.as_of(Day(20_000))), 4);
}

#[test]
fn a_kept_fold_takes_in_what_is_next_and_nothing_else() {
    let compiled = Compiled::new(&catalogue_of_every_kind());
    let calendar = Calendar::utc();
    let at = |day: i64, number: u8| event(&format!("e{number}"), "Order", Instant(day * Instant::DAY));
    let as_of = calendar.as_of(Day(100));
    let (mut fold, mut history) = (HistoryFold::new(&compiled), History::default());
    let mut scratch = HistoryScratch::default();
    let mut running = fold.start(&[&history], as_of, &mut scratch);
    let mut extends = |event: &Event| {
        fold.add(&mut history, (event, None), &calendar);
        fold.extend(&mut running, &mut scratch)
    };
    assert!(extends(&at(90, 1)) && extends(&at(99, 2)) && extends(&at(100, 3)));
    assert!(!extends(&at(100, 3)), "it is there already");
    assert!(!extends(&at(98, 4)), "it is late");
    assert!(!extends(&at(101, 5)), "it is of tomorrow");
}
