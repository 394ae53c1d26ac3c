//! Friction, touchpoints and the rest of paths against brute force, and who is behind
//! their numbers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng_journey::{
    AttributionMethod, AttributionOptions, FrictionOptions, NextStepModel, Outcome, PathOptions, Pattern, Period,
    ProfileSet, State, SurvivalOptions, Trouble, credited_profiles, friction_profiles, frictions, held_out_accuracy,
    other_path_profiles, path_profiles, paths, pattern_profiles, survival, survival_profiles, touchpoint_counts,
    touchpoint_profiles, transition_profiles,
};

use crate::model::{NaiveJourney, SECOND, calendar, histories, in_order, journeys, repeats, rows, scope};

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

/// A journey up to its goal, and whether it arrived.
fn way(journey: &NaiveJourney) -> (Vec<&'static str>, bool) {
    let names = journey.steps.iter().map(|(_, name)| *name);
    let on_the_way: Vec<&str> = names.clone().take_while(|name| *name != "order").collect();
    let arrived = names.count() > on_the_way.len();
    (on_the_way, arrived)
}

fn circles(names: &[&str], name: &str) -> bool {
    let places: Vec<usize> = (0..names.len()).filter(|place| names[*place] == name).collect();
    places.windows(2).any(|pair| pair[0] + 1 < pair[1])
}

/// Whether a customer asks for help within so many seconds after a journey first comes to a name.
fn helped(own: &[crate::model::Row], journey: &NaiveJourney, name: &str, seconds: i64) -> bool {
    let first = journey.steps.iter().find(|(_, other)| *other == name).unwrap().0;
    let named = |row: &crate::model::Row| crate::model::NAMES[usize::try_from(row.2).unwrap()];
    own.iter().any(|row| named(row) == "browse" && first < row.0 && row.0 - first <= seconds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn friction_is_what_brute_force_finds(rows in rows(), scope in scope(), repeats in repeats(), soon in 0_i64..20) {
        let (histories, calendar) = (histories(&rows), calendar());
        let label = |name: &str| histories.label(name).unwrap();
        let (goal, support) = ([label("order")], [label("browse")]);
        let options = FrictionOptions { cut: scope.cut(repeats, &calendar), goal: &goal, support: &support, help_us: soon * SECOND };
        let view = histories.all();
        let found = frictions(&view, &options);
        let all = journeys(&rows, scope, repeats, &calendar);
        let arrived: BTreeSet<u32> = all.iter().filter(|journey| way(journey).1).map(|journey| journey.profile).collect();
        prop_assert_eq!(found.n_sessions, count(all.len()));
        prop_assert_eq!(found.n_arrived, count(all.iter().filter(|journey| way(journey).1).count()));
        for step in &found.steps {
            let name = histories.name(step.label);
            let here: Vec<&NaiveJourney> = all.iter().filter(|journey| way(journey).0.contains(&name)).collect();
            let who = |holds: &dyn Fn(&NaiveJourney) -> bool| -> (u64, BTreeSet<u32>) {
                let those = here.iter().filter(|journey| holds(journey));
                (count(those.clone().count()), those.map(|journey| journey.profile).collect())
            };
            let own = |journey: &NaiveJourney| &rows[usize::try_from(journey.profile).unwrap()];
            let lost = who(&|journey| !way(journey).1 && way(journey).0.last() == Some(&name));
            let circling = who(&|journey| circles(&way(journey).0, name));
            let helped = who(&|journey| helped(own(journey), journey, name, soon));
            let any = who(&|_| true);
            prop_assert_eq!(step.n_sessions, any.0);
            prop_assert_eq!(step.n_profiles, count(any.1.len()));
            prop_assert_eq!(step.n_lost, lost.0);
            prop_assert_eq!(step.n_profiles_lost, count(lost.1.len()));
            prop_assert_eq!(step.n_profiles_gone, count(lost.1.difference(&arrived).count()));
            prop_assert_eq!(step.n_circling, circling.0);
            prop_assert_eq!(step.n_helped, helped.0);
            for (trouble, expected) in
                [(Trouble::Any, any), (Trouble::Lost, lost), (Trouble::Circling, circling), (Trouble::Helped, helped)]
            {
                let profiles = friction_profiles(&view, &options, step.label, trouble);
                prop_assert_eq!(profiles.iter().collect::<BTreeSet<u32>>(), expected.1);
            }
        }
        let n_lost: u64 = found.steps.iter().map(|step| step.n_lost).sum();
        prop_assert_eq!(n_lost + found.n_arrived, found.n_sessions);
    }

    #[test]
    fn touchpoints_are_counted_with_their_values(rows in rows()) {
        let histories = histories(&rows);
        let counts = touchpoint_counts(&histories.all());
        prop_assert!(counts.windows(2).all(|pair| pair[0].n_events >= pair[1].n_events));
        for found in &counts {
            let is = |row: &&crate::model::Row| crate::model::NAMES[usize::try_from(row.2).unwrap()] == histories.name(found.label);
            let own: Vec<_> = rows.iter().flatten().filter(is).collect();
            prop_assert_eq!(found.n_events, count(own.len()));
            prop_assert_eq!(found.value, own.iter().map(|row| row.4).sum::<i64>());
            let profiles = touchpoint_profiles(&histories.all(), found.label);
            prop_assert_eq!(found.n_profiles, profiles.len());
            for (profile, own) in (0..).zip(&rows) {
                prop_assert_eq!(profiles.contains(profile), own.iter().any(|row| is(&row)));
            }
        }
        prop_assert_eq!(counts.iter().map(|found| found.n_events).sum::<u64>(), count(rows.iter().flatten().count()));
    }

    #[test]
    fn who_took_a_listed_path_or_another_are_all_who_did_anything(rows in rows(), scope in scope(), top in 0_usize..4) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(throng_journey::Repeats::Keep, &calendar);
        let options = PathOptions { cut, steps_max: 2, top, goal: &[] };
        let view = histories.all();
        let found = paths(&view, &options);
        let others = other_path_profiles(&view, &options, &found.paths);
        prop_assert_eq!(others.is_empty(), found.remainder.n_paths == 0);
        let listed = found.paths.iter().map(|path| path_profiles(&view, &options, path));
        let all = listed.fold(others, |all, profiles| all.union(&profiles));
        prop_assert_eq!(all.len(), view.n_active_profiles());
        let everything = PathOptions { top: usize::MAX, ..options };
        let rest = paths(&view, &everything).paths.split_off(found.paths.len());
        let expected = rest.iter().map(|path| path_profiles(&view, &everything, path));
        prop_assert_eq!(other_path_profiles(&view, &options, &found.paths), expected.fold(ProfileSet::new(), |all, set| all.union(&set)));
    }

    #[test]
    fn who_is_credited_has_the_channel_before_a_conversion(rows in rows(), lookback in 0_i64..40) {
        let histories = histories(&rows);
        let label = |name: &str| histories.label(name).unwrap();
        let options = AttributionOptions {
            goal: vec![label("order")],
            channels: vec![vec![label("view")], vec![label("browse")]],
            lookback_us: lookback * SECOND,
            method: AttributionMethod::Linear,
        };
        for (channel_idx, name) in ["view", "browse"].into_iter().enumerate() {
            let found = credited_profiles(&histories.all(), &options, channel_idx);
            for (profile, own) in (0..).zip(&rows) {
                let own = in_order(own);
                let named = |row: &crate::model::Row| crate::model::NAMES[usize::try_from(row.2).unwrap()];
                let credited = own.iter().enumerate().filter(|(_, row)| named(row) == "order").any(|(goal_idx, goal)| {
                    let before = own[..goal_idx].iter().rev().take_while(|row| named(row) != "order");
                    before.into_iter().any(|row| named(row) == name && goal.0 - row.0 <= lookback)
                });
                prop_assert_eq!(found.contains(profile), credited);
            }
        }
    }

    #[test]
    fn those_who_ended_and_those_who_last_are_those_who_started(rows in rows(), second in 0_i64..40) {
        let histories = histories(&rows);
        let label = |name: &str| histories.label(name).unwrap();
        let (starts, ends) = ([label("view")], [label("order")]);
        let as_of = throng_event::Instant(second * SECOND);
        let options = SurvivalOptions { starts: &starts, ends: &ends, as_of };
        let view = histories.all();
        let found = survival(&view, options);
        let [ended, lasting] = [Outcome::Ended, Outcome::Lasting].map(|outcome| survival_profiles(&view, options, outcome));
        prop_assert_eq!((ended.len(), lasting.len()), (found.n_ended, found.n_profiles - found.n_ended));
        prop_assert!(ended.intersection(&lasting).is_empty());
    }

    #[test]
    fn a_pattern_of_two_states_is_their_transition(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(repeats, &calendar);
        let view = histories.all();
        let label = |name: &str| State::Label(histories.label(name).unwrap());
        for (from, to) in [(State::Start, label("add")), (label("view"), label("order")), (label("add"), State::End)] {
            let pattern = Pattern::steps(&[from, to]).unwrap();
            prop_assert_eq!(pattern_profiles(&view, cut, &pattern), transition_profiles(&view, cut, from, to));
        }
    }

    #[test]
    fn accuracy_is_measured_on_those_who_came_last(rows in rows(), scope in scope()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(throng_journey::Repeats::Keep, &calendar);
        let mut firsts: Vec<(i64, u32)> =
            (0..).zip(&rows).filter_map(|(profile, own)| Some((own.iter().map(|row| row.0).min()?, profile))).collect();
        firsts.sort_unstable();
        let held_out = firsts.split_off(firsts.len() * 2 / 3);
        let set = |part: &[(i64, u32)]| part.iter().map(|(_, profile)| *profile).collect::<ProfileSet>();
        let (learned, held_out) = (set(&firsts), set(&held_out));
        let expected = (!learned.is_empty() && !held_out.is_empty()).then(|| {
            let model = NextStepModel::fit(&histories.select(Some(&learned), Period::ALWAYS), cut, 2);
            model.accuracy(&histories.select(Some(&held_out), Period::ALWAYS), cut, 1)
        });
        prop_assert_eq!(held_out_accuracy(&histories.all(), cut, 2, 1), expected);
    }
}
