//! The far ends: one profile with nearly everything, very many touchpoints, ties of the
//! clock, histories of one event, and selections of nobody.

use throng_journey::{
    Cut, EventColumns, Histories, JourneyError, PathOptions, Period, ProfileSet, Repeats, Scope, paths, transitions,
};

fn histories(profile: &[u32], occurred_at: &[i64], touchpoint: &[u32], names: &[String]) -> Histories {
    let columns = EventColumns { profile, occurred_at, event_key: None, touchpoint, session: None, value: None };
    let n_profiles = profile.iter().max().map_or(0, |last| usize::try_from(*last).unwrap() + 1);
    Histories::new(&columns, n_profiles, names).unwrap()
}

const WHOLE: Cut<'static> = Cut { scope: Scope::History, repeats: Repeats::Keep };

#[test]
fn nothing_answers_with_nothing() {
    let empty = histories(&[], &[], &[], &[]);
    let found = paths(&empty.all(), &PathOptions { cut: WHOLE, steps_max: 3, top: 5, goal: &[] });
    assert_eq!((found.n_sessions, found.n_profiles, found.paths.len()), (0, 0, 0));
    assert_eq!(transitions(&empty.all(), WHOLE).transitions, []);
}

#[test]
fn a_selection_of_nobody_answers_with_nothing() {
    let some = histories(&[0, 1], &[5, 6], &[0, 0], &["a".to_owned()]);
    let nobody = ProfileSet::new();
    let view = some.select(Some(&nobody), Period::ALWAYS);
    assert_eq!((view.n_profiles(), transitions(&view, WHOLE).n_sessions), (0, 0));
}

#[test]
fn events_of_one_instant_stay_in_the_order_of_their_keys() {
    let names = ["a", "b", "c"].map(str::to_owned);
    let columns = EventColumns {
        profile: &[0, 0, 0],
        occurred_at: &[7, 7, 7],
        event_key: Some(&[3, -1, 2]),
        touchpoint: &[0, 1, 2],
        session: None,
        value: None,
    };
    let tied = Histories::new(&columns, 1, &names).unwrap();
    let found = paths(&tied.all(), &PathOptions { cut: WHOLE, steps_max: 9, top: 1, goal: &[] });
    assert_eq!(found.paths[0].labels, [1, 2, 0]);
}

#[test]
fn a_million_touchpoints_and_one_profile_with_everything_are_counted() {
    let n_events = 1_000_000_u32;
    let names: Vec<String> = (0..n_events).map(|number| format!("/page/{number:07}")).collect();
    let profile = vec![0; names.len()];
    let times: Vec<i64> = (0..i64::from(n_events)).rev().collect();
    let touchpoint: Vec<u32> = (0..n_events).collect();
    let one = histories(&profile, &times, &touchpoint, &names);
    let found = transitions(&one.all(), WHOLE);
    assert_eq!(found.transitions.len(), names.len() + 1);
    assert_eq!(found.visits.len(), names.len());
    let found = paths(&one.all(), &PathOptions { cut: WHOLE, steps_max: 2, top: 1, goal: &[] });
    assert_eq!(
        (found.paths[0].labels.as_slice(), found.paths[0].continues),
        ([n_events - 1, n_events - 2].as_slice(), true)
    );
}

#[test]
fn the_ends_of_time_are_in_every_period_and_no_span_overflows() {
    let names = ["a", "b"].map(str::to_owned);
    let far = histories(&[0, 0], &[i64::MIN, i64::MAX], &[0, 1], &names);
    assert_eq!(transitions(&far.all(), WHOLE).n_sessions, 1);
    let sessions = Cut { scope: Scope::Session { gap_us: 10 }, repeats: Repeats::Keep };
    assert_eq!(transitions(&far.select(None, Period::ALWAYS), sessions).n_sessions, 2);
}

#[test]
fn equal_names_are_one_touchpoint() {
    let doubled = histories(&[0, 0], &[1, 2], &[0, 1], &["a", "a"].map(str::to_owned));
    assert_eq!(doubled.names(), ["a"]);
    assert_eq!(transitions(&doubled.all(), WHOLE).visits[0].n_visits, 2);
}

#[test]
fn a_label_is_found_by_name_and_an_unknown_one_gets_its_like() {
    fn check(name: &str, expected: Result<u32, &[&str]>) {
        let names = ["Order Completed", "Product Viewed", "order cancelled"].map(str::to_owned);
        let found = match histories(&[], &[], &[], &names).label(name) {
            Ok(label) => Ok(label),
            Err(JourneyError::UnknownLabel { similar, .. }) => Err(similar),
            Err(
                error @ (JourneyError::TooManyEvents { .. }
                | JourneyError::Pattern { .. }
                | JourneyError::NextStepCounts { .. }
                | JourneyError::Feature { .. }),
            ) => panic!("{error}"),
        };
        assert_eq!(found, expected.map_err(|names| names.iter().map(|&name| name.to_owned()).collect()));
    }
    check("Product Viewed", Ok(1));
    check("product viewed", Ok(1));
    check("Order Refunded", Err(&["Order Completed", "order cancelled"]));
    check("Xyz", Err(&[]));
}

#[test]
fn touchpoints_that_never_happen_change_no_transition() {
    // So few touchpoints have a table of all pairs, so many have none.
    let names = |n_names: u32| (0..n_names).map(|number| format!("{number:03}")).collect::<Vec<_>>();
    let profile: Vec<u32> = (0..500).map(|row| row / 100).collect();
    let times: Vec<i64> = (0..500).map(|row| row * row % 97).collect();
    let touchpoint: Vec<u32> = (0..500).map(|row| row * row % 11 % 7).collect();
    let few = histories(&profile, &times, &touchpoint, &names(7));
    let many = histories(&profile, &times, &touchpoint, &names(900));
    let found = transitions(&few.all(), WHOLE);
    assert!(found.transitions.len() > 30);
    assert_eq!(found, transitions(&many.all(), WHOLE));
}
