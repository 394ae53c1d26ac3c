//! Journey features: against the questions that ask the same of everybody, events one by
//! one against all at once, models made again of their numbers, and the far ends.

use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::prelude::*;
use throng_event::{AsOf, Calendar, Day};
use throng_journey::{
    Arrival, EventColumns, GrowingHistories, Histories, History, JourneyError, JourneyExtent, JourneyFeature,
    JourneyMeasure, NextStepCounts, NextStepModel, Pattern, ProfileSet, State, UNNAMED, pattern_count,
    pattern_profiles, period_until,
};

use crate::model::{NAMES, Rows, SECOND, length, rows};

/// Seconds of the random histories become hours, so that they span days.
const UNIT: i64 = 3_600 * SECOND;

/// Every event of the rows, its key its own: profile, instant, key, name.
fn arrivals(rows: &Rows) -> Vec<(u32, i64, i64, &'static str)> {
    let mut arrivals = Vec::new();
    for (profile, own) in (0_u32..).zip(rows) {
        for (place, row) in (0_i64..).zip(own) {
            let key = (i64::from(profile) * 100 + place) * 7_919 % 10_007;
            arrivals.push((profile, row.0 * UNIT, key, NAMES[usize::try_from(row.2).unwrap()]));
        }
    }
    arrivals
}

fn at_once(arrivals: &[(u32, i64, i64, &str)], n_profiles: usize) -> Histories {
    let names = NAMES.map(str::to_owned);
    let code = |name: &str| u32::try_from(NAMES.iter().position(|other| *other == name).unwrap()).unwrap();
    let columns = EventColumns {
        profile: &arrivals.iter().map(|arrival| arrival.0).collect::<Vec<_>>(),
        occurred_at: &arrivals.iter().map(|arrival| arrival.1).collect::<Vec<_>>(),
        event_key: Some(&arrivals.iter().map(|arrival| arrival.2).collect::<Vec<_>>()),
        touchpoint: &arrivals.iter().map(|arrival| code(arrival.3)).collect::<Vec<_>>(),
        session: None,
        value: None,
    };
    Histories::new(&columns, n_profiles, &names).unwrap()
}

fn one_by_one(arrivals: &[(u32, i64, i64, &str)]) -> GrowingHistories {
    let mut histories = GrowingHistories::new();
    for (profile, occurred_at, event_key, touchpoint) in arrivals {
        let arrival =
            Arrival { occurred_at: *occurred_at, event_key: *event_key, touchpoint, session: None, value: None };
        histories.add(*profile, arrival);
    }
    histories
}

fn extent() -> impl Strategy<Value = JourneyExtent> {
    prop_oneof![
        Just(JourneyExtent::History),
        Just(JourneyExtent::Day),
        (0_i64..6).prop_map(|hours| JourneyExtent::Session { gap_us: hours * UNIT })
    ]
}

const PATTERNS: [&str; 5] = ["view", "add -> [^order]* -> end", "start -> [view|browse]+ -> add", "end", ". -> order"];

/// A pattern, how far journeys go, how many days are seen, and the day.
fn asked() -> impl Strategy<Value = (&'static str, JourneyExtent, Option<NonZeroU32>, Day)> {
    let n_days = prop_oneof![Just(None), (1_u32..3).prop_map(NonZeroU32::new)];
    (prop::sample::select(PATTERNS.to_vec()), extent(), n_days, (-1_i32..3).prop_map(Day))
}

fn bits(values: &[Option<f64>]) -> Vec<Option<u64>> {
    values.iter().map(|value| value.map(f64::to_bits)).collect()
}

fn model(histories: &Histories, extent: JourneyExtent, as_of: AsOf) -> Arc<NextStepModel> {
    let calendar = Calendar::utc();
    let view = histories.select(None, period_until(as_of));
    Arc::new(NextStepModel::fit(&view, extent.cut(&calendar), 2))
}

/// Every measure, over the touchpoints of some histories.
fn measures(histories: &Histories, text: &str, model: &Arc<NextStepModel>) -> [JourneyMeasure; 4] {
    let pattern = Pattern::parse(text, histories).unwrap();
    let labels = ["add", "order"].map(|name| histories.label(name).unwrap()).to_vec();
    [
        JourneyMeasure::Count(pattern.clone()),
        JourneyMeasure::Any(pattern.clone()),
        JourneyMeasure::Share(pattern),
        JourneyMeasure::NextStep { labels, model: Arc::clone(model) },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn patterns_say_of_each_what_is_said_of_all((text, extent, n_days, day) in asked(), rows in rows()) {
        let (calendar, histories) = (Calendar::utc(), at_once(&arrivals(&rows), rows.len()));
        let (as_of, cut) = (calendar.as_of(day), extent.cut(&calendar));
        let pattern = Pattern::parse(text, &histories).unwrap();
        let feature = |measure| JourneyFeature { extent, n_days, measure };
        let count = feature(JourneyMeasure::Count(pattern.clone()));
        let period = count.period(&calendar, as_of);
        let any = feature(JourneyMeasure::Any(pattern.clone())).values(&histories, &calendar, as_of);
        let share = feature(JourneyMeasure::Share(pattern.clone())).values(&histories, &calendar, as_of);
        let followers = pattern_profiles(&histories.select(None, period), cut, &pattern);
        for (profile, n_followed) in (0_u32..).zip(count.values(&histories, &calendar, as_of)) {
            let only: ProfileSet = [profile].into_iter().collect();
            let expected = pattern_count(&histories.select(Some(&only), period), cut, &pattern);
            let place = usize::try_from(profile).unwrap();
            let real = |n: u64| f64::from(u32::try_from(n).unwrap());
            prop_assert_eq!(n_followed, Some(real(expected.n_sessions)));
            prop_assert_eq!(any[place], Some(f64::from(u8::from(followers.contains(profile)))));
            prop_assert_eq!(share[place], (expected.n_sessions_all > 0).then_some(expected.share));
        }
    }

    #[test]
    fn the_next_step_is_predicted_from_the_last_journey((_, extent, n_days, day) in asked(), rows in rows()) {
        let (calendar, histories) = (Calendar::utc(), at_once(&arrivals(&rows), rows.len()));
        let as_of = calendar.as_of(day);
        let model = model(&histories, extent, as_of);
        let labels = vec![histories.label("order").unwrap()];
        let order = State::Label(labels[0]);
        let feature = JourneyFeature { extent, n_days, measure: JourneyMeasure::NextStep { labels, model: Arc::clone(&model) } };
        let period = feature.period(&calendar, as_of);
        for (own, value) in rows.iter().zip(feature.values(&histories, &calendar, as_of)) {
            let profile = [own.clone()];
            let mut seen = arrivals(&profile.to_vec());
            let place = rows.iter().position(|other| std::ptr::eq(other, own)).unwrap();
            let keys = arrivals(&rows).into_iter().filter(|arrival| length(u64::from(arrival.0)) == place);
            seen.iter_mut().zip(keys).for_each(|(event, keyed)| event.2 = keyed.2);
            seen.retain(|event| event.1 >= period.from.0 && event.1 <= period.to.0);
            seen.sort_by_key(|event| (event.1, event.2));
            let mut last: Vec<u32> = Vec::new();
            for (idx, event) in seen.iter().enumerate() {
                let before = idx.checked_sub(1).map(|before| seen[before].1);
                let parted = before.is_some_and(|before| match extent {
                    JourneyExtent::History => false,
                    JourneyExtent::Day => before.div_euclid(24 * UNIT) != event.1.div_euclid(24 * UNIT),
                    JourneyExtent::Session { gap_us } => event.1 - before > gap_us,
                });
                if parted {
                    last.clear();
                }
                last.push(histories.label(event.3).unwrap());
            }
            let predicted = model.predict_proba(&last);
            let predicted = predicted.iter().find(|prediction| prediction.next == order);
            let expected = predicted.map_or(0.0, |prediction| prediction.probability);
            prop_assert_eq!(value.map(f64::to_bits), (!last.is_empty()).then_some(expected.to_bits()));
        }
    }

    #[test]
    fn events_one_by_one_in_any_order_give_the_bits_of_all_at_once(
        (text, extent, n_days, day) in asked(),
        (rows, shuffled) in rows().prop_flat_map(|rows| { let events = arrivals(&rows); (Just(rows), Just(events).prop_shuffle()) }),
    ) {
        let calendar = Calendar::utc();
        let as_of = calendar.as_of(day);
        let (batch, live) = (at_once(&arrivals(&rows), rows.len()), one_by_one(&shuffled));
        let fitted = model(&batch, extent, as_of);
        let names = batch.names();
        for measure in measures(&batch, text, &fitted) {
            let feature = JourneyFeature { extent, n_days, measure };
            let one = |profile: u32| {
                let (occurred_at, labels) = live.history(profile, names);
                feature.value(History { occurred_at: &occurred_at, labels: &labels }, &calendar, as_of)
            };
            let live: Vec<Option<f64>> = (0..u32::try_from(rows.len()).unwrap()).map(one).collect();
            prop_assert_eq!(bits(&live), bits(&feature.values(&batch, &calendar, as_of)));
        }
    }

    #[test]
    fn a_model_made_of_its_numbers_says_the_same_to_the_bit(rows in rows(), order_max in 0_usize..4) {
        let (calendar, histories) = (Calendar::utc(), at_once(&arrivals(&rows), rows.len()));
        let model = NextStepModel::fit(&histories.all(), JourneyExtent::Day.cut(&calendar), order_max);
        let counts = model.counts();
        let again = NextStepModel::from_counts(&counts, histories.names().len()).unwrap();
        prop_assert_eq!(again.counts(), counts);
        for labels in [vec![], vec![0], vec![1, 2], vec![3, 3, 0, 1], vec![UNNAMED, 2], vec![2, UNNAMED]] {
            let predicted = model.predict_proba(&labels);
            prop_assert_eq!(&again.predict_proba(&labels), &predicted);
            for prediction in predicted {
                if let State::Label(label) = prediction.next {
                    let probability = again.probability(&labels, label);
                    prop_assert_eq!(probability.to_bits(), prediction.probability.to_bits());
                }
            }
        }
    }
}

#[test]
fn nobody_seen_in_the_window_has_a_count_and_no_share_and_no_next_step() {
    let histories = at_once(&[(0, 0, 1, "view"), (0, UNIT, 2, "order")], 2);
    let calendar = Calendar::utc();
    let as_of = calendar.as_of(Day(9));
    let fitted = model(&histories, JourneyExtent::History, as_of);
    let values = measures(&histories, "view -> order", &fitted).map(|measure| {
        let feature = JourneyFeature { extent: JourneyExtent::History, n_days: NonZeroU32::new(3), measure };
        feature.values(&histories, &calendar, as_of)
    });
    for profile in 0..2 {
        assert_eq!(values.each_ref().map(|own| own[profile]), [Some(0.0), Some(0.0), None, None]);
    }
}

#[test]
fn what_the_model_never_saw_has_no_probability_and_tells_nothing_of_what_follows() {
    let histories = at_once(&[(0, 0, 1, "view"), (0, UNIT, 2, "order"), (1, 0, 3, "view")], 2);
    let fitted = model(&histories, JourneyExtent::History, Calendar::utc().as_of(Day(9)));
    let order = histories.label("order").unwrap();
    assert_eq!(fitted.probability(&[], histories.label("add").unwrap()).to_bits(), 0.0_f64.to_bits());
    assert_eq!(fitted.probability(&[order], UNNAMED).to_bits(), 0.0_f64.to_bits());
    // A step without a name is another than the first, and nothing more is known of it.
    let after = |labels: &[u32]| fitted.probability(labels, order);
    assert_eq!(after(&[UNNAMED]).to_bits(), after(&[UNNAMED, UNNAMED]).to_bits());
    assert_ne!(after(&[UNNAMED]).to_bits(), after(&[]).to_bits());
}

#[test]
fn numbers_that_are_no_models_are_refused() {
    fn check(counts: &NextStepCounts, expected: &str) {
        match NextStepModel::from_counts(counts, 2) {
            Err(JourneyError::NextStepCounts { what }) => assert!(what.contains(expected), "{what}"),
            other => panic!("{other:?} where {expected:?} was expected"),
        }
    }
    let good = NextStepCounts { order_max: 2, contexts: vec![(0, 1), (1, 0)], followers: vec![(0, 1, 2), (1, 1, 1)] };
    assert!(NextStepModel::from_counts(&good, 2).is_ok());
    check(&NextStepCounts { order_max: u32::MAX, ..good.clone() }, "too long");
    check(&NextStepCounts { contexts: vec![(1, 1), (1, 0)], ..good.clone() }, "comes after");
    check(&NextStepCounts { contexts: vec![(0, 7), (1, 0)], ..good.clone() }, "without a name");
    check(&NextStepCounts { contexts: vec![(0, 1), (0, 1)], ..good.clone() }, "twice");
    check(&NextStepCounts { followers: vec![(0, 7, 2)], ..good.clone() }, "without a name");
    check(&NextStepCounts { followers: vec![(9, 1, 2)], ..good.clone() }, "no context");
    check(&NextStepCounts { followers: vec![(0, 1, 2), (0, 1, 2)], ..good.clone() }, "ascending");
    check(&NextStepCounts { followers: vec![(0, 1, 2), (1, 0, 2)], ..good.clone() }, "follows nothing");
    check(&NextStepCounts { followers: vec![(0, 1, 0)], ..good.clone() }, "no times");
    check(&NextStepCounts { followers: vec![(0, 0, u64::MAX), (0, 1, 1)], ..good }, "too many");
}

/// One profile with nearly everything, each event another touchpoint: only its newest
/// events are looked at, and one touchpoint is asked for without the million others.
#[test]
fn a_profile_with_everything_is_looked_at_as_far_as_the_bound() {
    let n_events = 1_000_000_u32;
    let names: Vec<String> = (0..n_events).map(|number| format!("/page/{number:07}")).collect();
    let columns = EventColumns {
        profile: &vec![0; names.len()],
        occurred_at: &(0..i64::from(n_events)).collect::<Vec<_>>(),
        event_key: None,
        touchpoint: &(0..n_events).collect::<Vec<_>>(),
        session: None,
        value: None,
    };
    let histories = Histories::new(&columns, 1, &names).unwrap();
    let calendar = Calendar::utc();
    let as_of = calendar.as_of(Day(1));
    let fitted = model(&histories, JourneyExtent::History, as_of);
    let value = |measure| {
        JourneyFeature { extent: JourneyExtent::Session { gap_us: 0 }, n_days: None, measure }
            .values(&histories, &calendar, as_of)[0]
    };
    let any = Pattern::parse_with(".", |_| Ok(0)).unwrap();
    // Each event is a journey of its own; so many of them are the newest 65,536.
    assert_eq!(value(JourneyMeasure::Count(any)), Some(65_536.0));
    let first = Pattern::parse("/page/0000000", &histories).unwrap();
    assert_eq!(value(JourneyMeasure::Any(first)), Some(0.0));
    let last = Pattern::parse("/page/0999999", &histories).unwrap();
    assert_eq!(value(JourneyMeasure::Any(last)), Some(1.0));
    // What came after the model was full is not learned; the first page was.
    let labels = vec![0];
    let likely = value(JourneyMeasure::NextStep { labels, model: fitted }).unwrap();
    assert!(likely > 0.0 && likely < 1e-3, "{likely}");
}
