//! Paths and transitions against brute force.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use throng_event::Instant;
use throng_journey::{
    Histories, PathOptions, Period, ProfileSet, State, path_profiles, paths, transition_profiles, transitions,
};

use crate::model::{
    NaiveJourney, SECOND, calendar, histories, in_order, journeys, length, median, repeats, rows, scope, small,
};

/// How many journeys took a path, which profiles, how long, and how many reached the goal.
type Takers = (u64, BTreeSet<u32>, Vec<i64>, u64);

/// Who took a transition, and the seconds it took.
type Taking = (u32, Option<i64>);

fn takers(expected: &[NaiveJourney], steps_max: usize, goal: &str) -> BTreeMap<(Vec<&'static str>, bool), Takers> {
    let mut counts: BTreeMap<(Vec<&str>, bool), Takers> = BTreeMap::new();
    for journey in expected {
        let names = journey.steps.iter().map(|(_, name)| *name).take(steps_max).collect();
        let takers = counts.entry((names, journey.steps.len() > steps_max)).or_default();
        takers.0 += 1;
        takers.1.insert(journey.profile);
        takers.2.push(journey.seconds);
        takers.3 += u64::from(journey.steps.iter().any(|(_, name)| *name == goal));
    }
    counts
}

fn state_name(histories: &Histories, state: State) -> String {
    match state {
        State::Start => "(start)".to_owned(),
        State::Label(label) => histories.name(label).to_owned(),
        State::End => "(end)".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn paths_are_the_counted_journeys(
        rows in rows(), scope in scope(), repeats in repeats(), steps_max in 1_usize..5, top in 0_usize..6,
    ) {
        let (histories, calendar) = (histories(&rows), calendar());
        let goal = [histories.label("order").unwrap()];
        let options = PathOptions { cut: scope.cut(repeats, &calendar), steps_max, top, goal: &goal };
        let found = paths(&histories.all(), &options);
        let expected = journeys(&rows, scope, repeats, &calendar);
        let mut ranked: Vec<_> = takers(&expected, steps_max, "order").into_iter().collect();
        ranked.sort_by(|a, b| (b.1.0, b.1.1.len()).cmp(&(a.1.0, a.1.1.len())).then(a.0.cmp(&b.0)));
        prop_assert_eq!(found.paths.len(), top.min(ranked.len()));
        for (path, (steps, takers)) in found.paths.iter().zip(&ranked) {
            let names: Vec<&str> = path.labels.iter().map(|label| histories.name(*label)).collect();
            prop_assert_eq!((names, path.continues), (steps.0.clone(), steps.1));
            prop_assert_eq!((path.n_sessions, path.n_converted), (takers.0, takers.3));
            prop_assert_eq!(length(path.n_profiles), takers.1.len());
            prop_assert_eq!(path.median_seconds, median(takers.2.clone()));
            let profiles: ProfileSet = takers.1.iter().copied().collect();
            prop_assert_eq!(path_profiles(&histories.all(), &options, path), profiles);
        }
        let left = &ranked[found.paths.len()..];
        prop_assert_eq!(length(found.remainder.n_paths), left.len());
        prop_assert_eq!(found.remainder.n_sessions, left.iter().map(|(_, takers)| takers.0).sum::<u64>());
        prop_assert_eq!(found.remainder.n_converted, left.iter().map(|(_, takers)| takers.3).sum::<u64>());
        prop_assert_eq!(length(found.n_sessions), expected.len());
        let shares: f64 = found.paths.iter().map(|path| path.share).sum::<f64>() + found.remainder.share;
        prop_assert!(found.n_sessions == 0 || (shares - 1.0).abs() < 1e-9);
        prop_assert_eq!(length(found.n_profiles), rows.iter().filter(|own| !own.is_empty()).count());
    }

    #[test]
    fn transitions_are_the_counted_pairs(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(repeats, &calendar);
        let matrix = transitions(&histories.all(), cut);
        let mut counts: BTreeMap<(String, String), Vec<Taking>> = BTreeMap::new();
        for NaiveJourney { profile, steps, .. } in journeys(&rows, scope, repeats, &calendar) {
            let name = |idx: usize| steps.get(idx).map_or("(end)", |(_, name)| name).to_owned();
            counts.entry(("(start)".to_owned(), name(0))).or_default().push((profile, None));
            for idx in 0..steps.len() {
                let gap = steps.get(idx + 1).map(|(after, _)| after - steps[idx].0);
                counts.entry((name(idx), name(idx + 1))).or_default().push((profile, gap));
            }
        }
        prop_assert_eq!(matrix.transitions.len(), counts.len());
        for transition in &matrix.transitions {
            let (from, to) = (state_name(&histories, transition.from), state_name(&histories, transition.to));
            let steps = &counts[&(from.clone(), to.clone())];
            prop_assert_eq!(length(transition.n_transitions), steps.len());
            let mut gaps: Vec<i64> = steps.iter().filter_map(|(_, gap)| *gap).collect();
            prop_assert_eq!(transition.median_seconds, median(gaps.clone()));
            gaps.sort_unstable();
            let p95 = (gaps.len() * 95).div_ceil(100).checked_sub(1).map(|rank| small(gaps[rank]));
            prop_assert_eq!(transition.p95_seconds, p95);
            let profiles: ProfileSet = steps.iter().map(|(profile, _)| *profile).collect();
            prop_assert_eq!(transition.n_profiles, profiles.len());
            prop_assert_eq!(transition_profiles(&histories.all(), cut, transition.from, transition.to), profiles);
            let whole = |same: &dyn Fn(&(String, String)) -> bool| {
                counts.iter().filter(|(key, _)| same(key)).map(|(_, steps)| steps.len()).sum::<usize>()
            };
            let share = |whole: usize| small(i64::try_from(steps.len()).unwrap()) / small(i64::try_from(whole).unwrap());
            prop_assert!((transition.share_out - share(whole(&|key| key.0 == from))).abs() < 1e-12);
            prop_assert!((transition.share_in - share(whole(&|key| key.1 == to))).abs() < 1e-12);
        }
    }

    #[test]
    fn what_comes_to_a_touchpoint_leaves_it(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let matrix = transitions(&histories.all(), scope.cut(repeats, &calendar));
        let into = |state: State| matrix.transitions.iter().filter(|t| t.to == state).map(|t| t.n_transitions).sum::<u64>();
        let out = |state: State| matrix.out_of(state).map(|t| t.n_transitions).sum::<u64>();
        prop_assert_eq!(out(State::Start), matrix.n_sessions);
        prop_assert_eq!(into(State::End), matrix.n_sessions);
        let mut n_visits = 0;
        for visits in &matrix.visits {
            prop_assert_eq!(into(State::Label(visits.label)), visits.n_visits);
            prop_assert_eq!(out(State::Label(visits.label)), visits.n_visits);
            n_visits += visits.n_visits;
        }
        let steps = journeys(&rows, scope, repeats, &calendar);
        prop_assert_eq!(length(n_visits), steps.iter().map(|journey| journey.steps.len()).sum::<usize>());
        let dwell: i128 = matrix.visits.iter().map(|visits| visits.dwell_us).sum();
        let spans = steps.iter().map(|journey| journey.steps[journey.steps.len() - 1].0 - journey.steps[0].0);
        prop_assert_eq!(dwell, i128::from(spans.sum::<i64>() * SECOND));
    }

    #[test]
    fn a_view_sees_what_histories_made_of_it_alone_would(
        rows in rows(), scope in scope(), repeats in repeats(),
        members in prop::collection::btree_set(0_u32..10, 0..8), from in 0_i64..40, n_seconds in 0_i64..40,
    ) {
        let (all, calendar) = (histories(&rows), calendar());
        let profiles: ProfileSet = members.iter().copied().collect();
        let period = Period { from: Instant(from * SECOND), to: Instant((from + n_seconds) * SECOND) };
        let seen = |(profile, own): (u32, &Vec<_>)| {
            let mut own = in_order(own);
            own.retain(|row| members.contains(&profile) && (from..=from + n_seconds).contains(&row.0));
            own
        };
        let part = histories(&(0..).zip(&rows).map(seen).collect());
        let cut = scope.cut(repeats, &calendar);
        let view = all.select(Some(&profiles), period);
        prop_assert_eq!(transitions(&view, cut), transitions(&part.all(), cut));
        let options = PathOptions { cut, steps_max: 3, top: 4, goal: &[] };
        prop_assert_eq!(paths(&view, &options), paths(&part.all(), &options));
        let n_members = members.iter().filter(|member| usize::try_from(**member).unwrap() < rows.len()).count();
        prop_assert_eq!(length(view.n_profiles()), n_members);
    }

    #[test]
    fn the_order_of_rows_does_not_matter_when_keys_differ(rows in rows(), seed in 0_usize..1000) {
        let distinct = |own: &Vec<(i64, i64, u32, u32, i64)>| {
            (0..).zip(own).map(|(key, row)| (row.0, key, row.2, row.3, row.4)).collect::<Vec<_>>()
        };
        let rows: Vec<_> = rows.iter().map(distinct).collect();
        let mut turned = rows.clone();
        for own in &mut turned {
            let n_rows = own.len();
            own.rotate_left(if n_rows == 0 { 0 } else { seed % n_rows });
        }
        prop_assert_eq!(histories(&turned), histories(&rows));
    }
}
