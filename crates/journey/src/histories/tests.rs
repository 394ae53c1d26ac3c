//! Histories against a plain sort of all rows: whole, in parts, with and without columns
//! that a source may lack.

use proptest::prelude::*;

use super::*;

/// One event: whose, when, its key, and what; sessions and values are made of the rest.
type Event = (u32, i64, i64, usize);

const NAMES: [&str; 4] = ["view", "add", "order", "add"];

/// Beyond the number of buckets, so that several profiles share one.
const N_PROFILES: usize = 3_000;

fn session(event: &Event) -> u32 {
    event.0 ^ u32::from(event.2 > 0)
}

fn value(event: &Event) -> i64 {
    event.1 * 10 + event.2
}

/// Whether there are keys, sessions and values, as a piece says it.
type Has = [bool; 3];

fn push(part: &mut EventPart, events: &[Event], has: Has, names: &[String]) {
    let place = |name: usize| code(names.iter().position(|other| other == NAMES[name]).unwrap());
    let keys: Vec<i64> = events.iter().map(|event| event.2).collect();
    let sessions: Vec<u32> = events.iter().map(session).collect();
    let values: Vec<i64> = events.iter().map(value).collect();
    part.push(&EventColumns {
        profile: &events.iter().map(|event| event.0).collect::<Vec<_>>(),
        occurred_at: &events.iter().map(|event| event.1).collect::<Vec<_>>(),
        event_key: has[0].then_some(&keys),
        touchpoint: &events.iter().map(|event| place(event.3)).collect::<Vec<_>>(),
        session: has[1].then_some(&sessions),
        value: has[2].then_some(&values),
    });
}

/// The rows in order: a stable sort, so that ties stay as they were.
fn expected(events: &[Event], has: Has) -> Histories {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| (event.0, event.1, if has[0] { event.2 } else { 0 }));
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    names.sort();
    names.dedup();
    let place = |event: &Event| code(names.iter().position(|name| name == NAMES[event.3]).unwrap());
    let before = |profile: usize| sorted.iter().filter(|event| position(event.0) < profile).count();
    Histories {
        offsets: (0..=N_PROFILES).map(before).collect(),
        occurred_at: sorted.iter().map(|event| event.1).collect(),
        touchpoint: sorted.iter().map(place).collect(),
        session: if has[1] { sorted.iter().map(session).collect() } else { Vec::new() },
        value: if has[2] { sorted.iter().map(value).collect() } else { Vec::new() },
        names,
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let profile = prop_oneof![0..4_u32, 0..code(N_PROFILES), Just(code(N_PROFILES) - 1)];
    prop::collection::vec((profile, 0..6_i64, -3..3_i64, 0..NAMES.len()), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_with_names_of_their_own_make_the_histories_of_a_plain_sort(
        events in events(), cuts in prop::collection::vec(0..120_usize, 0..5), has: Has, turned: bool,
    ) {
        let mut borders: Vec<usize> = cuts.into_iter().map(|cut| cut.min(events.len())).collect();
        borders.extend([0, events.len()]);
        borders.sort_unstable();
        let mut parts = Vec::new();
        for (part_idx, pair) in borders.windows(2).enumerate() {
            let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
            names.rotate_left(part_idx % NAMES.len());
            let mut part = EventPart::new(N_PROFILES);
            // Of two pushes one may be empty.
            let (first, second) = events[pair[0]..pair[1]].split_at(if turned { 0 } else { (pair[1] - pair[0]) / 2 });
            push(&mut part, first, has, &names);
            push(&mut part, second, has, &names);
            part.set_names(names);
            parts.push(part);
        }
        let found = Histories::from_parts(N_PROFILES, &parts).unwrap();
        prop_assert_eq!(found, expected(&events, has));
    }
}

#[test]
fn no_parts_make_histories_without_events() {
    let found = Histories::from_parts(3, &[]).unwrap();
    assert_eq!((found.n_profiles(), found.n_events(), found.names().len()), (3, 0, 0));
    assert_eq!(Histories::from_parts(0, &[EventPart::new(0)]).unwrap().n_profiles(), 0);
}

#[test]
fn a_part_counts_its_touchpoints() {
    let names: Vec<String> = ["order", "view", "add"].map(str::to_owned).to_vec();
    let mut part = EventPart::new(N_PROFILES);
    let has = [false; 3];
    push(&mut part, &[(7, 0, 0, 0), (2, 1, 0, 1), (7, 0, 0, 0)], has, &names);
    part.set_names(names);
    assert_eq!(part.counts(), [0, 2, 1]);
}

#[test]
fn more_rows_than_a_piece_holds_are_sorted_as_one() {
    let n_rows = 600_000_u32;
    let profile: Vec<u32> = (0..n_rows).map(|row| row % 7).collect();
    let occurred_at: Vec<i64> = (0..n_rows).map(|row| i64::from(n_rows - row) / 3).collect();
    let touchpoint = vec![0; profile.len()];
    let columns = EventColumns {
        profile: &profile,
        occurred_at: &occurred_at,
        event_key: None,
        touchpoint: &touchpoint,
        session: None,
        value: None,
    };
    let found = Histories::new(&columns, 7, &["view".to_owned()]).unwrap();
    let mut expected: Vec<(u32, i64)> = profile.into_iter().zip(occurred_at).collect();
    expected.sort_unstable();
    let times: Vec<i64> = expected.into_iter().map(|(_, at)| at).collect();
    assert_eq!(found.occurred_at, times);
}
