//! Retention, stickiness, lifecycle and survival against their definitions.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng_event::{Calendar, Day, Instant};
use throng_journey::{
    Bracket, Days, ProfileSet, Stage, SurvivalOptions, kaplan_meier, lifecycle, log_rank, retained_profiles, retention,
    stage_profiles, stickiness, survival,
};

use crate::model::{Rows, SECOND, histories, in_order, length, rows, small};

/// The seconds of the model, taken as days.
fn in_days(rows: &Rows) -> Rows {
    let row = |row: &(i64, i64, u32, u32, i64)| (row.0 * 86_400 + row.1 * 3_600, row.1, row.2, row.3, row.4);
    rows.iter().map(|own| own.iter().map(row).collect()).collect()
}

/// The days on which each profile was active, up to the last.
fn active(rows: &Rows, last: i32) -> Vec<BTreeSet<i32>> {
    let day = |row: &(i64, i64, u32, u32, i64)| i32::try_from(row.0).unwrap();
    rows.iter().map(|own| own.iter().map(day).filter(|day| *day <= last).collect()).collect()
}

fn number(count: usize) -> f64 {
    small(i64::try_from(count).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn who_is_retained_was_active_within_the_bracket(
        rows in rows(), last in 0_i32..45, span_days in 1_u32..10, first in 0_u32..12, more in prop::option::of(0_u32..8),
    ) {
        let (histories, calendar) = (histories(&in_days(&rows)), Calendar::utc());
        let days = Days { calendar: &calendar, last: Day(last) };
        let bracket = Bracket { first, last: more.map(|more| first + more) };
        let found = retention(&histories.all(), days, span_days, &[bracket]);
        let active = active(&rows, last);
        let firsts: Vec<(u32, i32)> = (0..).zip(&active).filter_map(|(profile, days)| Some((profile, *days.first()?))).collect();
        let span = i32::try_from(span_days).unwrap();
        let start = |day: i32| (0..span).map(|back| day - back).find(|day| (day + 3).rem_euclid(span) == 0).unwrap();
        let starts: BTreeSet<i32> = firsts.iter().map(|(_, first)| start(*first)).collect();
        prop_assert_eq!(found.rows.iter().map(|row| row.from.0).collect::<Vec<_>>(), starts.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(length(found.all.n_profiles), firsts.len());
        let mut n_known_all = 0;
        for row in &found.rows {
            let members: Vec<&(u32, i32)> = firsts.iter().filter(|(_, first)| start(*first) == row.from.0).collect();
            prop_assert_eq!(length(row.n_profiles), members.len());
            let age = |first: i32, day: i32| u32::try_from(day - first).unwrap();
            let known: Vec<_> = members.iter().filter(|(_, first)| age(*first, last) >= bracket.last.unwrap_or(bracket.first)).collect();
            let within = |first: i32, day: i32| {
                age(first, day) >= bracket.first && bracket.last.is_none_or(|last| age(first, day) <= last)
            };
            let came_back = |member: &&&&(u32, i32)| {
                active[usize::try_from(member.0).unwrap()].iter().any(|day| within(member.1, *day))
            };
            let retained: ProfileSet = known.iter().filter(came_back).map(|member| member.0).collect();
            prop_assert_eq!(length(row.retained[0].n_known), known.len());
            prop_assert_eq!(row.retained[0].n_retained, retained.len());
            prop_assert_eq!(retained_profiles(&histories.all(), days, row.from, span_days, bracket), retained);
            n_known_all += row.retained[0].n_known;
        }
        prop_assert_eq!(found.all.retained[0].n_known, n_known_all);
    }

    #[test]
    fn stickiness_is_active_days_over_all_days_of_those_active(rows in rows(), last in 0_i32..45, window in 1_u32..30) {
        let (histories, calendar) = (histories(&in_days(&rows)), Calendar::utc());
        let found = stickiness(&histories.all(), Days { calendar: &calendar, last: Day(last) }, window);
        let from = last - i32::try_from(window).unwrap();
        let n_days: Vec<usize> =
            active(&rows, last).iter().map(|days| days.iter().filter(|day| **day > from).count()).filter(|n| *n > 0).collect();
        prop_assert_eq!(length(found.n_active), n_days.len());
        for (n, n_profiles) in (1..).zip(&found.n_profiles_by_days) {
            prop_assert_eq!(length(*n_profiles), n_days.iter().filter(|days| **days == n).count());
        }
        let mean = number(n_days.iter().sum()) / f64::from(window);
        prop_assert!((found.daily_active_mean - mean).abs() < 1e-9);
        let expected = if n_days.is_empty() { 0.0 } else { mean / number(n_days.len()) };
        prop_assert!((found.stickiness - expected).abs() < 1e-9);
    }

    #[test]
    fn stages_add_up_to_those_active_now_and_before(rows in rows(), last in 0_i32..45, span_days in 1_u32..8, n_spans in 0_u32..6) {
        let (histories, calendar) = (histories(&in_days(&rows)), Calendar::utc());
        let days = Days { calendar: &calendar, last: Day(last) };
        let found = lifecycle(&histories.all(), days, span_days, n_spans);
        let span = i32::try_from(span_days).unwrap();
        let active = active(&rows, last);
        prop_assert_eq!(found.len(), usize::try_from(n_spans).unwrap());
        for (back, row) in (0..n_spans).rev().zip(&found) {
            prop_assert_eq!(row.from.0, last - (i32::try_from(back).unwrap() + 1) * span + 1);
            let in_span = |days: &BTreeSet<i32>, from: i32| days.range(from..from + span).next().is_some();
            let of = |stage: Stage| -> ProfileSet {
                let is = |days: &BTreeSet<i32>| {
                    let (now, before) = (in_span(days, row.from.0), in_span(days, row.from.0 - span));
                    let ever_before = days.range(..row.from.0).next().is_some();
                    match stage {
                        Stage::New => now && !ever_before,
                        Stage::Current => now && before,
                        Stage::Resurrected => now && !before && ever_before,
                        Stage::Dormant => !now && before,
                    }
                };
                (0..).zip(&active).filter(|(_, days)| is(days)).map(|(profile, _)| profile).collect()
            };
            let stages = [
                (Stage::New, row.n_new), (Stage::Current, row.n_current),
                (Stage::Resurrected, row.n_resurrected), (Stage::Dormant, row.n_dormant),
            ];
            for (stage, n_profiles) in stages {
                let profiles = of(stage);
                prop_assert_eq!(n_profiles, profiles.len());
                prop_assert_eq!(stage_profiles(&histories.all(), days, span_days, back, stage), profiles);
            }
            let n_active = active.iter().filter(|days| in_span(days, row.from.0)).count();
            prop_assert_eq!(length(row.n_new + row.n_current + row.n_resurrected), n_active);
        }
    }

    #[test]
    fn survival_is_a_product_over_the_ends_there_are(rows in rows(), as_of in 0_i64..45) {
        let histories = histories(&rows);
        let (start, end) = ([histories.label("view").unwrap()], [histories.label("order").unwrap()]);
        let options = SurvivalOptions { starts: &start, ends: &end, as_of: Instant(as_of * SECOND) };
        let found = survival(&histories.all(), options);
        let mut spans: Vec<(i64, bool)> = Vec::new();
        for own in &rows {
            let own: Vec<_> = in_order(own).into_iter().filter(|row| row.0 <= as_of).collect();
            let Some(start) = own.iter().position(|row| row.2 == 0) else { continue };
            let end = own[start..].iter().find(|row| row.2 == 2);
            spans.push((end.map_or(as_of, |row| row.0) - own[start].0, end.is_some()));
        }
        let times: BTreeSet<i64> = spans.iter().filter(|(_, ended)| *ended).map(|(span, _)| *span).collect();
        prop_assert_eq!(length(found.n_profiles), spans.len());
        prop_assert_eq!(length(found.n_ended), spans.iter().filter(|(_, ended)| *ended).count());
        prop_assert_eq!(found.steps.len(), times.len());
        let (mut share, mut before) = (1.0, 1.0);
        for (step, at) in found.steps.iter().zip(times) {
            let n_at_risk = spans.iter().filter(|(span, _)| *span >= at).count();
            let n_ended = spans.iter().filter(|span| **span == (at, true)).count();
            share *= 1.0 - number(n_ended) / number(n_at_risk);
            prop_assert_eq!((step.at_us, length(step.n_at_risk), length(step.n_ended)), (at * SECOND, n_at_risk, n_ended));
            prop_assert!((step.survival - share).abs() < 1e-12);
            prop_assert!(step.survival <= before && 0.0 <= step.bounds.low && step.bounds.high <= 1.0);
            prop_assert!(step.bounds.low <= step.survival + 1e-12 && step.survival <= step.bounds.high + 1e-12);
            before = step.survival;
        }
    }
}

/// The remission times of leukaemia patients under 6-mercaptopurine (Freireich et al.
/// 1963), the textbooks' example, with the published estimates and standard errors.
#[test]
fn the_textbooks_example_comes_out() {
    let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(|weeks| (weeks, true));
    let lost = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(|weeks| (weeks, false));
    let found = kaplan_meier([ended.as_slice(), lost.as_slice()].concat());
    let published = [(6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)];
    let errors = [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135];
    assert_eq!(found.steps.len(), published.len());
    for ((step, (weeks, survival)), error) in found.steps.iter().zip(published).zip(errors) {
        assert_eq!(step.at_us, weeks);
        assert!((step.survival - survival).abs() < 6e-4, "{step:?}");
        // The interval's upper end on the scale of the logarithm of the hazard.
        let hazard = step.survival.ln().abs();
        let width = 1.96 * error / (step.survival * hazard);
        assert!((step.bounds.high - step.survival.powf((-width).exp())).abs() < 5e-3, "{step:?}");
    }
    assert_eq!(found.median_us, Some(23));
}

#[test]
fn nobody_and_one_survive_as_they_should() {
    assert_eq!(kaplan_meier(Vec::new()).steps, []);
    let one = kaplan_meier(vec![(5, true)]);
    assert_eq!((one.steps[0].survival, one.median_us), (0.0, Some(5)));
}

/// Remission in weeks under 6-mercaptopurine and under placebo (Freireich et al. 1963);
/// `false` is lost sight of.
const TREATED: [(i64, bool); 21] = [
    (6, true),
    (6, true),
    (6, true),
    (7, true),
    (10, true),
    (13, true),
    (16, true),
    (22, true),
    (23, true),
    (6, false),
    (9, false),
    (10, false),
    (11, false),
    (17, false),
    (19, false),
    (20, false),
    (25, false),
    (32, false),
    (32, false),
    (34, false),
    (35, false),
];
const PLACEBO: [i64; 21] = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];

#[test]
fn the_log_rank_test_gives_the_published_numbers() {
    // Kleinbaum and Klein, Survival Analysis (2012): 9 and 19.25 expected, chi-squared 16.79.
    let placebo = PLACEBO.map(|weeks| (weeks, true));
    let found = log_rank(&TREATED, &placebo).unwrap();
    assert_eq!(found.n_ended, 9);
    assert!((found.n_expected - 19.25).abs() < 0.005, "{found:?}");
    let distance = 9.0 - found.n_expected;
    assert!((distance * distance / found.variance - 16.79).abs() < 0.005, "{found:?}");
    let turned = log_rank(&placebo, &TREATED).unwrap();
    assert!((turned.n_expected - 10.75).abs() < 0.005 && (turned.variance - found.variance).abs() < 1e-12);
}

#[test]
fn nothing_is_compared_where_nothing_ended_while_both_waited() {
    assert_eq!(log_rank(&[], &[]), None);
    assert_eq!(log_rank(&[(5, false)], &[(7, false)]), None);
    assert_eq!(log_rank(&[(5, true)], &[]), None);
    assert_eq!(log_rank(&[(5, false)], &[(7, true)]), None, "the first is lost sight of before");
}

proptest! {
    #[test]
    fn a_group_compared_with_itself_ends_as_expected(
        spans in prop::collection::vec((0_i64..20, any::<bool>()), 1..30),
    ) {
        if let Some(found) = log_rank(&spans, &spans) {
            prop_assert!((small(i64::try_from(found.n_ended).unwrap()) - found.n_expected).abs() < 1e-9);
        }
    }
}
