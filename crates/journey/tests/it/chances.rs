//! Markov chains, attribution and next steps: against solutions by elimination, against
//! every order of channels, and on real logs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use throng_event::Instant;
use throng_journey::{
    AttributionMethod, AttributionOptions, Cut, EventColumns, Histories, MarkovChain, NextStepModel, Repeats, Scope,
    State, TransitionMatrix, attribute, transitions,
};

use crate::model::{NAMES, Rows, SECOND, calendar, histories, in_order, length, repeats, rows, scope, small};

const WHOLE: Cut<'static> = Cut { scope: Scope::History, repeats: Repeats::Keep };

/// The probability of reaching the goal from the start, by following the chain for so
/// long that what is still under way does not count.
fn followed(matrix: &TransitionMatrix, goal: u32, removed: Option<u32>) -> f64 {
    let mut here: BTreeMap<State, f64> = [(State::Start, 1.0)].into();
    let mut reached = 0.0;
    for _ in 0..4_000 {
        let mut next: BTreeMap<State, f64> = BTreeMap::new();
        for (state, probability) in here {
            if removed.is_some_and(|removed| state == State::Label(removed)) {
                continue;
            }
            for transition in matrix.out_of(state) {
                let onward = probability * transition.share_out;
                if transition.to == State::Label(goal) {
                    reached += onward;
                } else if transition.to != State::End {
                    *next.entry(transition.to).or_default() += onward;
                }
            }
        }
        here = next;
    }
    reached
}

/// The channels that led to one conversion, the oldest first, with the seconds between
/// each and the last of them.
type NaiveWay = (Vec<(usize, i64)>, bool, i64);

/// The ways of all profiles with the goal "order" and one channel for each other name.
fn ways(rows: &Rows, lookback: i64) -> Vec<NaiveWay> {
    let mut ways = Vec::new();
    for own in rows {
        let own = in_order(own);
        let mut from = 0;
        let goals = (0..own.len()).filter(|idx| own[*idx].2 == 2).chain([own.len()]);
        for goal in goals.collect::<Vec<usize>>() {
            let conversion = own.get(goal);
            let recent = |row: &&(i64, i64, u32, u32, i64)| conversion.is_none_or(|goal| goal.0 - row.0 <= lookback);
            let touched: Vec<_> = own[from..goal].iter().filter(recent).collect();
            let last = touched.last().map_or(0, |row| row.0);
            let channels = touched.iter().map(|row| (usize::try_from(row.2).unwrap(), last - row.0)).collect();
            if conversion.is_some() || !touched.is_empty() {
                ways.push((channels, conversion.is_some(), conversion.map_or(0, |goal| goal.4)));
            }
            from = goal + 1;
        }
    }
    ways
}

fn options(histories: &Histories, lookback: i64, method: AttributionMethod) -> AttributionOptions {
    // The goal's own place among the names stays without a channel.
    let channel = |name: &&str| if *name == "order" { Vec::new() } else { vec![histories.label(name).unwrap()] };
    AttributionOptions {
        goal: vec![histories.label("order").unwrap()],
        channels: NAMES.iter().map(channel).collect(),
        lookback_us: lookback * SECOND,
        method,
    }
}

fn weights(method: AttributionMethod, way: &[(usize, i64)]) -> Vec<f64> {
    let n_steps = way.len();
    let weight = |(idx, (_, age)): (usize, &(usize, i64))| match method {
        AttributionMethod::First => f64::from(u8::from(idx == 0)),
        AttributionMethod::Last => f64::from(u8::from(idx + 1 == n_steps)),
        AttributionMethod::Linear => 1.0,
        AttributionMethod::Position if n_steps < 3 => 0.5,
        AttributionMethod::Position if idx == 0 || idx + 1 == n_steps => 0.4,
        AttributionMethod::Position => 0.2 / small(i64::try_from(n_steps - 2).unwrap()),
        AttributionMethod::TimeDecay { half_life_us } => 0.5_f64.powf(small(*age) * 1e6 / small(half_life_us)),
        AttributionMethod::MarkovRemoval | AttributionMethod::Shapley { .. } => f64::NAN,
    };
    let weights: Vec<f64> = way.iter().enumerate().map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn by_rule() -> impl Strategy<Value = AttributionMethod> {
    prop_oneof![
        Just(AttributionMethod::First),
        Just(AttributionMethod::Last),
        Just(AttributionMethod::Linear),
        Just(AttributionMethod::Position),
        (1_i64..20).prop_map(|seconds| AttributionMethod::TimeDecay { half_life_us: seconds * SECOND })
    ]
}

/// The conversion rate of the ways that use only some channels.
fn worth(ways: &[NaiveWay], allowed: &BTreeSet<usize>) -> f64 {
    let inside = |(way, _, _): &&NaiveWay| !way.is_empty() && way.iter().all(|(channel, _)| allowed.contains(channel));
    let n_ways = ways.iter().filter(inside).count();
    let n_converted = ways.iter().filter(inside).filter(|(_, converted, _)| *converted).count();
    if n_ways == 0 { 0.0 } else { small(i64::try_from(n_converted).unwrap()) / small(i64::try_from(n_ways).unwrap()) }
}

fn orders(channels: &[usize]) -> Vec<Vec<usize>> {
    if channels.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (idx, first) in channels.iter().enumerate() {
        let rest = [&channels[..idx], &channels[idx + 1..]].concat();
        all.extend(orders(&rest).into_iter().map(|order| [&[*first], order.as_slice()].concat()));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn conversion_and_removal_are_what_following_the_chain_gives(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let matrix = transitions(&histories.all(), scope.cut(repeats, &calendar));
        let goal = histories.label("order").unwrap();
        let chain = MarkovChain::new(&matrix, &[goal]);
        let whole = followed(&matrix, goal, None);
        prop_assert!((chain.conversion() - whole).abs() < 1e-6, "{} {whole}", chain.conversion());
        for label in (0..4).filter(|label| *label != goal) {
            let effects = chain.removal_effects(&[label]);
            prop_assert_eq!(effects.len(), usize::from(matrix.visits.iter().any(|visits| visits.label == label)));
            let expected = if whole > 0.0 { 1.0 - followed(&matrix, goal, Some(label)) / whole } else { 0.0 };
            prop_assert!(effects.iter().all(|effect| (effect.effect - expected).abs() < 1e-5));
        }
    }

    #[test]
    fn rules_divide_every_conversion_among_its_touchpoints(rows in rows(), lookback in 0_i64..40, method in by_rule()) {
        let histories = histories(&rows);
        let found = attribute(&histories.all(), &options(&histories, lookback, method));
        let mut credits = vec![(0.0, 0.0); NAMES.len()];
        let (mut n_conversions, mut value, mut unattributed) = (0, 0, (0.0, 0.0));
        for (way, _, worth) in ways(&rows, lookback).iter().filter(|(_, converted, _)| *converted) {
            n_conversions += 1;
            value += worth;
            if way.is_empty() {
                unattributed = (unattributed.0 + 1.0, unattributed.1 + small(*worth));
            }
            for ((channel, _), weight) in way.iter().zip(weights(method, way)) {
                credits[*channel].0 += weight;
                credits[*channel].1 += weight * small(*worth);
            }
        }
        prop_assert_eq!((found.n_conversions, found.value), (n_conversions, value));
        prop_assert!((found.unattributed.conversions - unattributed.0).abs() < 1e-9);
        prop_assert!((found.unattributed.value - unattributed.1).abs() < 1e-9);
        for (credit, expected) in found.credits.iter().zip(credits) {
            prop_assert!((credit.conversions - expected.0).abs() < 1e-9);
            prop_assert!((credit.value - expected.1).abs() < 1e-9);
        }
    }

    #[test]
    fn shapley_is_the_mean_over_all_orders(rows in rows(), lookback in 0_i64..40, seed: u64) {
        let histories = histories(&rows);
        let found = attribute(&histories.all(), &options(&histories, lookback, AttributionMethod::Shapley { seed }));
        let ways = ways(&rows, lookback);
        let orders = orders(&[0, 1, 3]);
        let mut added = [0.0; 4];
        for order in &orders {
            let mut before = BTreeSet::new();
            for channel in order {
                let worth_before = worth(&ways, &before);
                before.insert(*channel);
                added[*channel] += (worth(&ways, &before) - worth_before) / small(i64::try_from(orders.len()).unwrap());
            }
        }
        let whole = worth(&ways, &[0, 1, 3].into());
        let attributed = ways.iter().filter(|(way, converted, _)| *converted && !way.is_empty()).count();
        for (credit, added) in found.credits.iter().zip(added) {
            let expected = if whole > 0.0 { added / whole * small(i64::try_from(attributed).unwrap()) } else { 0.0 };
            prop_assert!((credit.conversions - expected).abs() < 1e-9, "{found:?} {added}");
        }
    }

    #[test]
    fn every_method_hands_out_all_conversions(rows in rows(), lookback in 0_i64..40, method in prop_oneof![
        by_rule(), Just(AttributionMethod::MarkovRemoval), Just(AttributionMethod::Shapley { seed: 5 })
    ]) {
        let histories = histories(&rows);
        let found = attribute(&histories.all(), &options(&histories, lookback, method));
        let sum: f64 = found.credits.iter().map(|credit| credit.conversions).sum();
        let all = small(i64::try_from(found.n_conversions).unwrap());
        prop_assert!((sum + found.unattributed.conversions - all).abs() < 1e-9);
        let value: f64 = found.credits.iter().map(|credit| credit.value).sum();
        prop_assert!((value + found.unattributed.value - small(found.value)).abs() < 1e-9);
    }

    #[test]
    fn predictions_are_a_distribution_and_know_what_they_saw(rows in rows(), repeats in repeats(), order_max in 0_usize..4) {
        let histories = histories(&rows);
        let cut = Cut { scope: Scope::History, repeats };
        let model = NextStepModel::fit(&histories.all(), cut, order_max);
        let seen: BTreeSet<u32> = rows.iter().flatten().map(|row| histories.label(NAMES[usize::try_from(row.2).unwrap()]).unwrap()).collect();
        for labels in [vec![], vec![0], vec![1, 2], vec![3, 3, 0, 1]] {
            let predictions = model.predict_proba(&labels);
            prop_assert_eq!(predictions.len(), if seen.is_empty() { 0 } else { seen.len() + 1 });
            let sum: f64 = predictions.iter().map(|prediction| prediction.probability).sum();
            prop_assert!(predictions.is_empty() || (sum - 1.0).abs() < 1e-9);
            prop_assert!(predictions.iter().all(|prediction| prediction.probability > 0.0));
        }
        let accuracy = model.accuracy(&histories.all(), cut, 0);
        prop_assert!(accuracy.n_right <= accuracy.n_steps);
    }
}

/// Thirteen channels are more than are taken exactly; their credits by sampling are the
/// exact ones of twelve and one that nobody ever used.
#[test]
fn sampled_orders_are_near_the_exact_values_and_say_how_near() {
    let names: Vec<String> = (0..13).map(|number| format!("channel {number:02}")).chain(["order".to_owned()]).collect();
    let mut rows = (Vec::new(), Vec::new(), Vec::new());
    for profile in 0..600_u32 {
        for step in 0..3 {
            rows.0.push(profile);
            rows.1.push(i64::from(step));
            rows.2.push((profile * 7 + profile / 5 * step) % 12);
        }
        if (profile * profile / 3) % 7 < 2 + profile % 3 {
            rows.0.push(profile);
            rows.1.push(9);
            rows.2.push(13);
        }
    }
    let columns = EventColumns {
        profile: &rows.0,
        occurred_at: &rows.1,
        event_key: None,
        touchpoint: &rows.2,
        session: None,
        value: None,
    };
    let histories = Histories::new(&columns, 600, &names).unwrap();
    let credits = |n_channels: u32, seed: u64| {
        let options = AttributionOptions {
            goal: vec![13],
            channels: (0..n_channels).map(|channel| vec![channel]).collect(),
            lookback_us: 100,
            method: AttributionMethod::Shapley { seed },
        };
        attribute(&histories.all(), &options).credits
    };
    let (exact, sampled) = (credits(12, 1), credits(13, 1));
    assert_eq!(credits(13, 1), sampled);
    assert_ne!(credits(13, 2), sampled);
    for (exact, sampled) in exact.iter().zip(&sampled) {
        assert!(exact.conversions_error == 0.0 && sampled.conversions_error > 0.0);
        assert!(
            (exact.conversions - sampled.conversions).abs() < 5.0 * sampled.conversions_error,
            "{exact:?} {sampled:?}"
        );
    }
    assert!(sampled[12].conversions.abs() < 1e-9);
}

/// Reads a log of cases: as many columns as the file has, the cases in its order.
fn cases(text: &str) -> (Vec<u32>, Vec<i64>, Vec<u32>, Vec<String>) {
    let (mut numbers, mut names): (BTreeMap<&str, u32>, Vec<String>) = (BTreeMap::new(), Vec::new());
    let (mut profile, mut times, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let (case, name, at) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let n_cases = u32::try_from(numbers.len()).unwrap();
        profile.push(*numbers.entry(case).or_insert(n_cases));
        times.push(Instant::parse_rfc3339(&format!("{}Z", at.replace(' ', "T"))).unwrap().0);
        let label = names.iter().position(|other| other == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        labels.push(u32::try_from(label).unwrap());
    }
    (profile, times, labels, names)
}

/// The published protocol: the last third of the cases, in the order of the log, is
/// predicted from the others, each step after at least two, the end included.
#[test]
fn the_next_step_of_real_cases_is_known_as_well_as_published() {
    #[expect(clippy::disallowed_methods, reason = "where the data lies is up to who runs the tests")]
    let named = std::env::var("THRONG_TEST_DATASETS");
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/datasets");
    let folder = named.map_or_else(|_| beside(), |folder| Path::new(&folder).to_owned());
    let folder = folder.join("process_journeys");
    for (file, published) in [("helpdesk.csv", 0.813), ("bpi_12_w.csv.zst", 0.687)] {
        let Ok(bytes) = std::fs::read(folder.join(file)) else {
            println!("skipped: there is no {file} in {}", folder.display());
            continue;
        };
        let bytes = if file.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).unwrap() } else { bytes };
        let (profile, times, labels, names) = cases(std::str::from_utf8(&bytes).unwrap());
        let n_cases = usize::try_from(*profile.iter().max().unwrap()).unwrap() + 1;
        let columns = EventColumns {
            profile: &profile,
            occurred_at: &times,
            event_key: None,
            touchpoint: &labels,
            session: None,
            value: None,
        };
        let histories = Histories::new(&columns, n_cases, &names).unwrap();
        let first_held_out = u32::try_from(n_cases * 2 / 3).unwrap();
        let learned = (0..first_held_out).collect();
        let held_out = (first_held_out..u32::try_from(n_cases).unwrap()).collect();
        let view = |profiles| histories.select(Some(profiles), throng_journey::Period::ALWAYS);
        let model = NextStepModel::fit(&view(&learned), WHOLE, 3);
        let accuracy = model.accuracy(&view(&held_out), WHOLE, 2);
        let share = small(i64::try_from(accuracy.n_right).unwrap()) / small(i64::try_from(accuracy.n_steps).unwrap());
        println!("{file}: {share:.5} of {} steps", length(accuracy.n_steps));
        assert!(share >= published, "{file}: {share}");
    }
}
