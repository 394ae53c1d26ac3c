//! Events one by one, in any order and repeated, under numbers of profiles that turn out
//! to be one person, against the same events at once: the same bits.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng_journey::{
    Arrival, Cut, Entries, EventColumns, FunnelOptions, GrowingHistories, Histories, PathOptions, Repeats, Scope,
    StepOrder, Window, funnel, paths, transitions,
};

use crate::model::{NAMES, Rows, SECOND, calendar, length, repeats, rows, scope};

/// An event on its way: whose, its place among that profile's, whether under the number
/// of another profile, and whether both are found to be one once it has come.
type Delivery = (u32, usize, bool, bool);

fn delivered() -> impl Strategy<Value = (Rows, Vec<Delivery>, Vec<usize>)> {
    rows().prop_flat_map(|rows| {
        let mut places = Vec::new();
        for (profile, own) in (0..).zip(&rows) {
            places.extend((0..own.len()).map(|place| (profile, place)));
        }
        let n_places = places.len();
        let again = prop::collection::vec(0..n_places.max(1), 0..n_places / 2 + 1);
        let ends = prop::collection::vec(0..=n_places, 0..4);
        let order = Just(places).prop_shuffle();
        let asides = prop::collection::vec((any::<bool>(), prop::bool::weighted(0.2)), n_places * 2 + 1);
        (Just(rows), order, again, asides, ends).prop_map(|(rows, mut order, again, asides, ends)| {
            let repeated: Vec<_> = again.iter().filter_map(|place| order.get(*place).copied()).collect();
            order.extend(repeated);
            let deliveries = order.into_iter().zip(asides);
            let deliveries = deliveries.map(|((profile, place), (aside, merged))| (profile, place, aside, merged));
            (rows, deliveries.collect(), ends)
        })
    })
}

/// The key of an event: no two are equal, and their order is not that of places.
fn key(profile: u32, place: usize) -> i64 {
    let number = i64::from(profile) * 100 + i64::try_from(place).unwrap();
    number * 7_919 % 10_007
}

fn add(histories: &mut GrowingHistories, rows: &Rows, n_profiles: u32, (profile, place, aside, merged): Delivery) {
    let (second, _, label, session, value) = rows[length(u64::from(profile))][place];
    let other = profile + n_profiles;
    let arrival = Arrival {
        occurred_at: second * SECOND,
        event_key: key(profile, place),
        touchpoint: NAMES[usize::try_from(label).unwrap()],
        session: Some(session),
        value: Some(value),
    };
    histories.add(if aside { other } else { profile }, arrival);
    if merged {
        histories.merge(other, profile);
    }
}

/// The histories of some events at once, each once, in the order of profiles and places.
fn at_once(rows: &Rows, places: &BTreeSet<(u32, usize)>) -> Histories {
    let row = |(profile, place): &(u32, usize)| rows[length(u64::from(*profile))][*place];
    let column =
        |of: fn((i64, i64, u32, u32, i64)) -> i64| places.iter().map(|place| of(row(place))).collect::<Vec<_>>();
    let code = |of: fn((i64, i64, u32, u32, i64)) -> u32| places.iter().map(|place| of(row(place))).collect::<Vec<_>>();
    let mut met: Vec<u32> = places.iter().map(|place| row(place).2).collect();
    met.sort_unstable();
    met.dedup();
    let names: Vec<String> = met.iter().map(|name| NAMES[usize::try_from(*name).unwrap()].to_owned()).collect();
    let touchpoint = |place| u32::try_from(met.partition_point(|name| *name < row(place).2)).unwrap();
    let columns = EventColumns {
        profile: &places.iter().map(|(profile, _)| *profile).collect::<Vec<_>>(),
        occurred_at: &column(|row| row.0 * SECOND),
        event_key: Some(&places.iter().map(|(profile, place)| key(*profile, *place)).collect::<Vec<_>>()),
        touchpoint: &places.iter().map(touchpoint).collect::<Vec<_>>(),
        session: Some(&code(|row| row.3)),
        value: Some(&column(|row| row.4)),
    };
    Histories::new(&columns, rows.len(), &names).unwrap()
}

/// Checks that both ways give the same histories and the same answers.
fn check(one_by_one: &Histories, at_once: &Histories, cut: Cut<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!(one_by_one, at_once);
    let [live, batch] = [one_by_one, at_once].map(|histories| transitions(&histories.all(), cut));
    prop_assert_eq!(live, batch);
    let options = PathOptions { cut, steps_max: 3, top: 5, goal: &[0] };
    let [live, batch] = [one_by_one, at_once].map(|histories| paths(&histories.all(), &options));
    prop_assert_eq!(live, batch);
    let n_labels = u32::try_from(at_once.names().len()).unwrap();
    for order in [StepOrder::Ordered, StepOrder::Strict, StepOrder::Any] {
        for entries in [Entries::Once, Entries::Each] {
            let options = FunnelOptions {
                steps: (0..n_labels.min(3)).rev().map(|label| vec![label]).collect(),
                order,
                window: Window::Clock { window_us: 15 * SECOND },
                exclusions: Vec::new(),
                entries,
            };
            let [live, batch] = [one_by_one, at_once].map(|histories| funnel(&histories.all(), &options));
            prop_assert_eq!(live, batch);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn events_one_by_one_give_what_they_give_at_once(
        (rows, deliveries, ends) in delivered(), scope in scope(), repeats in repeats(),
    ) {
        let n_profiles = u32::try_from(rows.len()).unwrap();
        let (mut histories, mut come) = (GrowingHistories::new(), BTreeSet::new());
        let calendar = calendar();
        let cut = scope.cut(repeats, &calendar);
        for (n_come, delivery) in (1..).zip(&deliveries) {
            add(&mut histories, &rows, n_profiles, *delivery);
            come.insert((delivery.0, delivery.1));
            if ends.contains(&n_come) || n_come == deliveries.len() {
                // Whoever asks now knows that both numbers are one person.
                let mut known = histories.clone();
                (0..n_profiles).for_each(|profile| known.merge(profile + n_profiles, profile));
                check(&known.histories(n_profiles).unwrap(), &at_once(&rows, &come), cut)?;
            }
        }
    }
}

fn arrival(second: i64, event_key: i64, touchpoint: &str) -> Arrival<'_> {
    Arrival { occurred_at: second * SECOND, event_key, touchpoint, session: None, value: None }
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let mut histories = GrowingHistories::new();
    assert!(histories.add(0, arrival(5, 1, "view")));
    assert!(!histories.add(0, arrival(5, 1, "view")));
    assert!(histories.add(0, arrival(5, 2, "view")), "another event of the same instant");
    assert!(histories.add(1, arrival(5, 1, "view")), "another profile's");
    assert_eq!(histories.histories(2).unwrap().n_events(), 3);
}

#[test]
fn who_was_merged_has_no_events_and_a_profile_merged_with_itself_keeps_them() {
    let mut histories = GrowingHistories::new();
    histories.add(0, arrival(5, 1, "view"));
    histories.add(1, arrival(5, 1, "view"));
    histories.add(1, arrival(6, 2, "order"));
    histories.merge(1, 0);
    histories.merge(0, 0);
    histories.merge(7, 0);
    let found = paths(
        &histories.histories(2).unwrap().all(),
        &PathOptions { cut: Cut { scope: Scope::History, repeats: Repeats::Keep }, steps_max: 5, top: 5, goal: &[] },
    );
    assert_eq!((found.n_profiles, found.paths[0].labels.len()), (1, 2));
}

#[test]
fn profiles_beyond_those_asked_for_are_not_seen() {
    let mut histories = GrowingHistories::new();
    histories.add(0, arrival(5, 1, "view"));
    histories.add(u32::MAX, arrival(5, 1, "view"));
    assert_eq!(histories.histories(1).unwrap().n_events(), 1);
    assert_eq!(histories.histories(0).unwrap().n_events(), 0);
    assert_eq!(GrowingHistories::new().histories(3).unwrap().n_profiles(), 3);
}
