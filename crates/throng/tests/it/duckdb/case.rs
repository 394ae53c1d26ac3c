//! A case that all questions are asked of: histories, how they are cut, and what each
//! question asks; at random, or of a real log.

use proptest::prelude::*;
use throng_event::{Calendar, Instant};
use throng_journey::{Cut, Entries, EventColumns, Histories, Occurrence, Period, Repeats, Scope, StepOrder};

use super::{Rows, SECOND};

/// Names whose order is not the order in which they are given, one of them twice; their
/// first letters differ, so that a journey can be written as a word.
const NAMES: [&str; 5] = ["view", "add", "order", "browse", "view"];

/// Two nights before the clocks of Berlin are put forward.
const BASE_DAY: i32 = 19_811;
pub(super) const ZONES: [&str; 3] = ["Europe/Berlin", "UTC", "America/St_Johns"];

/// Patterns and the same as regular expressions over first letters.
const PATTERNS: [[&str; 2]; 6] = [
    ["view -> add", "va"],
    ["view -> [^order|browse]* -> end", "v[va]*[$]"],
    ["start -> .{2,3} -> end", r"[\^][vaob]{2,3}[$]"],
    ["add+ -> (view | browse -> order)", "a+(v|bo)"],
    ["[view|add] -> .* -> order", "[va][vaob]*o"],
    ["start -> browse? -> view", r"[\^]b?v"],
];

#[derive(Debug, Clone, Copy)]
pub(super) enum AnyScope {
    Gap(i64),
    Day,
    Source,
    History,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) names: Vec<String>,
    /// Patterns and the same as regular expressions over first letters of names.
    pub(super) patterns: &'static [[&'static str; 2]],
    pub(super) rows: Rows,
    /// Whether the source has sessions, and values.
    pub(super) has: (bool, bool),
    pub(super) chosen: Option<Vec<bool>>,
    /// In seconds.
    pub(super) period: Option<(i64, i64)>,
    pub(super) scope: AnyScope,
    pub(super) repeats: Repeats,
    pub(super) zone: usize,
    pub(super) funnel: Question,
    /// Steps at most, and paths listed.
    pub(super) path: (usize, usize),
    pub(super) goal: Vec<usize>,
    pub(super) channels: Vec<Option<usize>>,
    pub(super) flow: (Vec<usize>, Occurrence, usize, usize, usize),
    pub(super) life: Life,
    pub(super) starts: Vec<usize>,
    /// In seconds: of help, of looking back, and half a life of credit.
    pub(super) spans: (i64, i64, i64),
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) steps: Vec<Vec<usize>>,
    pub(super) order: StepOrder,
    /// Seconds; `None` for the journey.
    pub(super) window: Option<i64>,
    pub(super) exclusions: Vec<(usize, Option<usize>)>,
    pub(super) entries: Entries,
}

#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) last_day: i32,
    pub(super) cohort_days: u32,
    pub(super) span_days: u32,
    pub(super) n_spans: u32,
    pub(super) window_days: u32,
    pub(super) brackets: Vec<(u32, Option<u32>)>,
}

pub(super) fn second() -> impl Strategy<Value = i64> {
    let midnight = i64::from(BASE_DAY) * 86_400;
    prop_oneof![
        4 => (0_i64..40).prop_map(move |second| midnight + 82_780 + second),
        2 => (0_i64..8, 0_i64..4).prop_map(move |(day, hour)| midnight + day * 86_400 + 79_200 + hour * 3_600),
        1 => (0_i64..40 * 86_400).prop_map(move |second| midnight + second),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let row = || (second(), 0_i64..3, 0_u32..5, 0_u32..3, -3_i64..9);
    let own = prop_oneof![1 => prop::collection::vec(row(), 0..2), 3 => prop::collection::vec(row(), 2..14)];
    let rows = prop::collection::vec(own, 0..8);
    let scope = prop_oneof![
        Just(AnyScope::History),
        Just(AnyScope::Source),
        Just(AnyScope::Day),
        (0_i64..12).prop_map(AnyScope::Gap),
        Just(AnyScope::Gap(7_200)),
    ];
    let names = || prop::collection::vec(0_usize..4, 0..3);
    let seen = (
        rows,
        any::<(bool, bool)>(),
        prop::option::weighted(0.3, prop::collection::vec(prop::bool::weighted(0.7), 8)),
        prop::option::weighted(0.3, (second(), second())),
        scope,
        prop_oneof![Just(Repeats::Keep), Just(Repeats::Collapse)],
        0..ZONES.len(),
    );
    let flow =
        (names(), prop_oneof![Just(Occurrence::First), Just(Occurrence::Last)], 0_usize..4, 0_usize..4, 0_usize..4);
    let asked = (
        question(),
        (1_usize..6, prop_oneof![0_usize..4, Just(usize::MAX)]),
        prop::collection::vec(0_usize..4, 1..3),
        prop::collection::vec(prop::option::weighted(0.7, 0_usize..3), 4),
        flow,
        life(),
        names(),
        (0_i64..100, prop_oneof![0_i64..40, Just(400_000)], 1_i64..50),
    );
    (seen, asked).prop_map(|(seen, asked)| Case {
        names: NAMES.map(str::to_owned).to_vec(),
        patterns: &PATTERNS,
        rows: seen.0,
        has: seen.1,
        chosen: seen.2,
        period: seen.3,
        scope: seen.4,
        repeats: seen.5,
        zone: seen.6,
        funnel: asked.0,
        path: asked.1,
        goal: asked.2,
        channels: asked.3,
        flow: asked.4,
        life: asked.5,
        starts: asked.6,
        spans: asked.7,
    })
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let steps = prop::collection::vec(prop::collection::vec(0_usize..4, 1..3), 1..4);
    let order = prop_oneof![Just(StepOrder::Ordered), Just(StepOrder::Strict), Just(StepOrder::Any)];
    let window = prop_oneof![2 => (0_i64..30).prop_map(Some), 1 => Just(Some(200_000)), 1 => Just(None)];
    let exclusion = (0_usize..4, prop::option::of(0_usize..2));
    let exclusions = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(exclusion, 1..3)];
    let entries = prop_oneof![Just(Entries::Once), Just(Entries::Each)];
    (steps, order, window, exclusions, entries).prop_map(|(steps, order, window, exclusions, entries)| Question {
        steps,
        order,
        window,
        exclusions,
        entries,
    })
}

pub(super) fn life() -> impl Strategy<Value = Life> {
    let bracket =
        (0_u32..9, prop::option::of(0_u32..6)).prop_map(|(first, more)| (first, more.map(|more| first + more)));
    (
        -2_i32..45,
        prop_oneof![Just(1_u32), Just(7), Just(5)],
        1_u32..9,
        0_u32..8,
        1_u32..31,
        prop::collection::vec(bracket, 1..4),
    )
        .prop_map(|(age, cohort_days, span_days, n_spans, window_days, brackets)| Life {
            last_day: BASE_DAY + age,
            cohort_days,
            span_days,
            n_spans,
            window_days,
            brackets,
        })
}

impl Case {
    pub(super) fn is_chosen(&self, profile: usize) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen[profile])
    }

    pub(super) fn period(&self) -> Period {
        let of = |(from, to): (i64, i64)| Period { from: Instant(from * SECOND), to: Instant(to * SECOND) };
        self.period.map_or(Period::ALWAYS, of)
    }

    pub(super) fn as_of(&self) -> Instant {
        Instant((i64::from(self.life.last_day) * 86_400 + 82_800) * SECOND)
    }

    pub(super) fn histories(&self) -> Histories {
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (profile, own) in (0..).zip(&self.rows) {
            for (second, key, label, session, value) in own {
                columns.0.push(profile);
                columns.1.push(second * SECOND);
                columns.2.push(*key);
                columns.3.push(*label);
                columns.4.push(*session);
                columns.5.push(*value);
            }
        }
        let columns = EventColumns {
            profile: &columns.0,
            occurred_at: &columns.1,
            event_key: Some(&columns.2),
            touchpoint: &columns.3,
            session: self.has.0.then_some(&columns.4),
            value: self.has.1.then_some(&columns.5),
        };
        Histories::new(&columns, self.rows.len(), &self.names).unwrap()
    }

    pub(super) fn cut<'a>(&self, calendar: &'a Calendar) -> Cut<'a> {
        let scope = match self.scope {
            AnyScope::Gap(seconds) => Scope::Session { gap_us: seconds * SECOND },
            AnyScope::Day => Scope::Day(calendar),
            AnyScope::Source => Scope::Source,
            AnyScope::History => Scope::History,
        };
        Cut { scope, repeats: self.repeats }
    }
}
