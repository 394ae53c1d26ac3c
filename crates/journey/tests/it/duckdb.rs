//! Every count against SQL that was written independently and is run by DuckDB: all
//! random cases in one process, each case's options as rows of tables.
//!
//! Cases have ties of time, names given twice, long gaps, a change of the clock, profiles
//! with one event and with none, sources without sessions or values, and see some
//! profiles and some period only. The statements are in `tests/duckdb`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use throng_event::{Calendar, Day, Instant};
use throng_journey::{
    AttributionMethod, AttributionOptions, Bracket, Circle, Cut, Days, Entries, EventColumns, Exclusion, FlowOptions,
    FrictionOptions, FunnelOptions, Histories, Occurrence, PathOptions, Pattern, Period, Place, ProfileSet, Repeats,
    Scope, State, StepOrder, SurvivalOptions, View, Window, attribute, circles, credited_profiles, flow, frictions,
    funnel, funnel_correlations, instead_profiles, lifecycle, paths, pattern_count, retention, stickiness, survival,
    touchpoint_counts, transitions,
};

use crate::model::{Rows, SECOND};

/// Names whose order is not the order in which they are given, one of them twice; their
/// first letters differ, so that a journey can be written as a word.
const NAMES: [&str; 5] = ["view", "add", "order", "browse", "view"];

/// Two nights before the clocks of Berlin are put forward.
const BASE_DAY: i32 = 19_811;
const ZONES: [&str; 3] = ["Europe/Berlin", "UTC", "America/St_Johns"];
const N_CASES: usize = 1_000;
/// Rows that every statement must have at least, so that none is asked of nothing.
const N_ROWS_MIN: usize = 50;

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
enum AnyScope {
    Gap(i64),
    Day,
    Source,
    History,
}

#[derive(Debug, Clone)]
struct Case {
    rows: Rows,
    /// Whether the source has sessions, and values.
    has: (bool, bool),
    chosen: Option<Vec<bool>>,
    /// In seconds.
    period: Option<(i64, i64)>,
    scope: AnyScope,
    repeats: Repeats,
    zone: usize,
    funnel: Question,
    /// Steps at most, and paths listed.
    path: (usize, usize),
    goal: Vec<usize>,
    channels: Vec<Option<usize>>,
    flow: (Vec<usize>, Occurrence, usize, usize, usize),
    life: Life,
    starts: Vec<usize>,
    /// In seconds: of help, of looking back, and half a life of credit.
    spans: (i64, i64, i64),
}

#[derive(Debug, Clone)]
struct Question {
    steps: Vec<Vec<usize>>,
    order: StepOrder,
    /// Seconds; `None` for the journey.
    window: Option<i64>,
    exclusions: Vec<(usize, Option<usize>)>,
    entries: Entries,
}

#[derive(Debug, Clone)]
struct Life {
    last_day: i32,
    cohort_days: u32,
    span_days: u32,
    n_spans: u32,
    window_days: u32,
    brackets: Vec<(u32, Option<u32>)>,
}

fn second() -> impl Strategy<Value = i64> {
    let midnight = i64::from(BASE_DAY) * 86_400;
    prop_oneof![
        4 => (0_i64..40).prop_map(move |second| midnight + 82_780 + second),
        2 => (0_i64..8, 0_i64..4).prop_map(move |(day, hour)| midnight + day * 86_400 + 79_200 + hour * 3_600),
        1 => (0_i64..40 * 86_400).prop_map(move |second| midnight + second),
    ]
}

fn case() -> impl Strategy<Value = Case> {
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

fn question() -> impl Strategy<Value = Question> {
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

fn life() -> impl Strategy<Value = Life> {
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

/// One row of an answer, the case first.
type Answer = Vec<Value>;

/// The tables that the statements read, by name, with their columns.
struct Tables(BTreeMap<&'static str, (&'static str, Vec<Answer>)>);

impl Tables {
    fn new() -> Self {
        let columns = [
            (
                "event",
                "case_id INT, profile INT, at_us BIGINT, key BIGINT, place INT, label VARCHAR, session INT, value BIGINT",
            ),
            ("chosen", "case_id INT, profile INT"),
            (
                "cut",
                "case_id INT, from_us BIGINT, to_us BIGINT, scope VARCHAR, gap_us BIGINT, collapsed BOOL, zone VARCHAR",
            ),
            ("path_option", "case_id INT, steps_max BIGINT, top BIGINT"),
            ("goal", "case_id INT, label VARCHAR"),
            ("support", "case_id INT, label VARCHAR"),
            ("friction", "case_id INT, help_us BIGINT"),
            ("channel", "case_id INT, channel INT, label VARCHAR"),
            ("attribution", "case_id INT, lookback_us BIGINT, half_life_us BIGINT"),
            (
                "funnel",
                "case_id INT, n_steps INT, step_order VARCHAR, by_journey BOOL, window_us BIGINT, entries VARCHAR",
            ),
            ("funnel_step", "case_id INT, step INT, label VARCHAR"),
            ("exclusion", "case_id INT, after_step INT, label VARCHAR"),
            ("flow", "case_id INT, at_last BOOL, n_before INT, n_after INT, top INT"),
            ("anchor", "case_id INT, label VARCHAR"),
            ("pattern", "case_id INT, nr INT, regexp VARCHAR"),
            ("life", "case_id INT, last_day INT, cohort_days INT, span_days INT, n_spans INT, window_days INT"),
            ("bracket", "case_id INT, nr INT, from_age INT, to_age INT"),
            ("lasting", "case_id INT, as_of BIGINT"),
            ("survival_start", "case_id INT, label VARCHAR"),
            ("survival_end", "case_id INT, label VARCHAR"),
        ];
        Self(columns.into_iter().map(|(name, columns)| (name, (columns, Vec::new()))).collect())
    }

    fn push(&mut self, table: &'static str, row: Value) {
        self.0.get_mut(table).unwrap().1.push(row.as_array().unwrap().clone());
    }

    fn names(&mut self, table: &'static str, id: usize, names: &[usize]) {
        let names: std::collections::BTreeSet<usize> = names.iter().copied().collect();
        for name in names {
            self.push(table, json!([id, NAMES[name]]));
        }
    }

    fn case(&mut self, id: usize, case: &Case) {
        for (profile, own) in case.rows.iter().enumerate() {
            if case.is_chosen(profile) {
                self.push("chosen", json!([id, profile]));
            }
            for (place, (second, key, label, session, value)) in own.iter().enumerate() {
                let name = NAMES[usize::try_from(*label).unwrap()];
                let (session, value) = (case.has.0.then_some(session), case.has.1.then_some(value));
                self.push("event", json!([id, profile, second * SECOND, key, place, name, session, value]));
            }
        }
        let period = case.period();
        let (scope, gap_us) = match case.scope {
            AnyScope::Gap(seconds) => ("gap", seconds * SECOND),
            AnyScope::Day => ("day", 0),
            AnyScope::Source => ("source", 0),
            AnyScope::History => ("history", 0),
        };
        self.push(
            "cut",
            json!([id, period.from.0, period.to.0, scope, gap_us, case.repeats == Repeats::Collapse, ZONES[case.zone]]),
        );
        self.push("path_option", json!([id, case.path.0, case.path.1.min(1_000)]));
        self.names("goal", id, &case.goal);
        self.names("support", id, &case.starts);
        self.push("friction", json!([id, case.spans.0 * SECOND]));
        for (name, channel) in case.channels.iter().enumerate() {
            if let Some(channel) = channel {
                self.push("channel", json!([id, channel, NAMES[name]]));
            }
        }
        self.push("attribution", json!([id, case.spans.1 * SECOND, case.spans.2 * SECOND]));
        self.funnel(id, &case.funnel);
        let (anchor, occurrence, n_before, n_after, top) = &case.flow;
        self.push("flow", json!([id, *occurrence == Occurrence::Last, n_before, n_after, top]));
        self.names("anchor", id, anchor);
        for (nr, [_, regexp]) in PATTERNS.iter().enumerate() {
            self.push("pattern", json!([id, nr, regexp]));
        }
        let life = &case.life;
        let days = json!([id, life.last_day, life.cohort_days, life.span_days, life.n_spans, life.window_days]);
        self.push("life", days);
        for (nr, (first, last)) in life.brackets.iter().enumerate() {
            self.push("bracket", json!([id, nr, first, last]));
        }
        self.push("lasting", json!([id, case.as_of().0]));
        self.names("survival_start", id, &case.starts);
        self.names("survival_end", id, &case.goal);
    }

    fn funnel(&mut self, id: usize, question: &Question) {
        let order = match question.order {
            StepOrder::Ordered => "ordered",
            StepOrder::Strict => "strict",
            StepOrder::Any => "any",
        };
        let entries = if question.entries == Entries::Once { "once" } else { "each" };
        let window_us = question.window.map(|seconds| seconds * SECOND);
        self.push("funnel", json!([id, question.steps.len(), order, window_us.is_none(), window_us, entries]));
        for (step, names) in question.steps.iter().enumerate() {
            let names: std::collections::BTreeSet<usize> = names.iter().copied().collect();
            for name in names {
                self.push("funnel_step", json!([id, step, NAMES[name]]));
            }
        }
        for (name, after_step) in &question.exclusions {
            // Steps in any order know no place of an exclusion.
            let after_step = after_step.filter(|_| question.order != StepOrder::Any);
            self.push("exclusion", json!([id, after_step, NAMES[*name]]));
        }
    }
}

impl Case {
    fn is_chosen(&self, profile: usize) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen[profile])
    }

    fn period(&self) -> Period {
        let of = |(from, to): (i64, i64)| Period { from: Instant(from * SECOND), to: Instant(to * SECOND) };
        self.period.map_or(Period::ALWAYS, of)
    }

    fn as_of(&self) -> Instant {
        Instant((i64::from(self.life.last_day) * 86_400 + 82_800) * SECOND)
    }

    fn histories(&self) -> Histories {
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
        Histories::new(&columns, self.rows.len(), &NAMES.map(str::to_owned)).unwrap()
    }

    fn cut<'a>(&self, calendar: &'a Calendar) -> Cut<'a> {
        let scope = match self.scope {
            AnyScope::Gap(seconds) => Scope::Session { gap_us: seconds * SECOND },
            AnyScope::Day => Scope::Day(calendar),
            AnyScope::Source => Scope::Source,
            AnyScope::History => Scope::History,
        };
        Cut { scope, repeats: self.repeats }
    }
}

/// The answers of the kernels, by statement.
struct Answers<'a> {
    case: &'a Case,
    id: usize,
    histories: &'a Histories,
    view: View<'a>,
    cut: Cut<'a>,
    calendar: &'a Calendar,
    found: &'a mut BTreeMap<&'static str, Vec<Answer>>,
}

impl Answers<'_> {
    fn push(&mut self, statement: &'static str, row: Value) {
        let row = row.as_array().unwrap().iter().cloned();
        self.found.entry(statement).or_default().push([json!(self.id)].into_iter().chain(row).collect());
    }

    fn labels(&self, names: &[usize]) -> Vec<u32> {
        names.iter().map(|name| self.histories.label(NAMES[*name]).unwrap()).collect()
    }

    fn state(&self, state: State) -> String {
        match state {
            State::Start => "(start)".to_owned(),
            State::Label(label) => self.histories.name(label).to_owned(),
            State::End => "(end)".to_owned(),
        }
    }

    fn paths(&mut self) {
        let goal = self.labels(&self.case.goal);
        let (steps_max, top) = self.case.path;
        let found = paths(&self.view, &PathOptions { cut: self.cut, steps_max, top, goal: &goal });
        let listed: u64 = found.paths.iter().map(|path| path.n_sessions).sum();
        assert_eq!(listed + found.remainder.n_sessions, found.n_sessions, "listed and not listed are all");
        for (rank, path) in (1..).zip(&found.paths) {
            let names: Vec<&str> = path.labels.iter().map(|label| self.histories.name(*label)).collect();
            let counts = (path.n_sessions, path.n_profiles, path.n_converted);
            let row =
                json!([rank, names, path.continues, counts.0, counts.1, counts.2, path.share, path.median_seconds]);
            self.push("paths", row);
        }
        let rest = found.remainder;
        if rest.n_paths > 0 {
            let row = json!([0, null, null, rest.n_sessions, rest.n_paths, rest.n_converted, rest.share, null]);
            self.push("paths", row);
        }
        for count in touchpoint_counts(&self.view) {
            let name = self.histories.name(count.label);
            self.push("touchpoints", json!([name, count.n_events, count.n_profiles, count.value]));
        }
    }

    fn transitions(&mut self) {
        let matrix = transitions(&self.view, self.cut);
        for edge in &matrix.transitions {
            let states = (self.state(edge.from), self.state(edge.to));
            let shares = (edge.share_out, edge.share_in);
            let seconds = (edge.median_seconds, edge.p95_seconds);
            let row = json!([
                states.0,
                states.1,
                edge.n_transitions,
                edge.n_profiles,
                shares.0,
                shares.1,
                seconds.0,
                seconds.1
            ]);
            self.push("transitions", row);
        }
        for visits in &matrix.visits {
            let sum = |of: &dyn Fn(&State, &State) -> bool| -> u64 {
                let edges = matrix.transitions.iter().filter(|edge| of(&edge.from, &edge.to));
                edges.map(|edge| edge.n_transitions).sum()
            };
            let here = State::Label(visits.label);
            assert_eq!(sum(&|from, _| *from == here), visits.n_visits, "what leaves a touchpoint");
            assert_eq!(sum(&|_, to| *to == here), visits.n_visits, "what comes to a touchpoint");
            let dwell_us = i64::try_from(visits.dwell_us).unwrap();
            let row = json!([self.histories.name(visits.label), visits.n_visits, dwell_us, visits.dwell_share]);
            self.push("visits", row);
        }
        let found = circles(&self.view, self.cut);
        for count in found.loops.iter().chain(&found.back_and_forths) {
            let (label, over) = match count.circle {
                Circle::Loop(label) => (label, None),
                Circle::BackAndForth(label, over) => (label, Some(self.histories.name(over))),
            };
            let (name, counts) = (self.histories.name(label), (count.n_times, count.n_sessions, count.n_profiles));
            self.push("circles", json!([name, over, counts.0, counts.1, counts.2, count.median_seconds]));
        }
        for (nr, [text, _]) in PATTERNS.iter().enumerate() {
            let count = pattern_count(&self.view, self.cut, &Pattern::parse(text, self.histories).unwrap());
            if count.n_sessions_all > 0 {
                self.push("patterns", json!([nr, count.n_sessions, count.n_profiles, count.n_sessions_all]));
            }
        }
    }

    fn funnel(&mut self) {
        let question = &self.case.funnel;
        let exclusion = |(name, after_step): &(usize, Option<usize>)| Exclusion {
            labels: self.labels(&[*name]),
            after_step: *after_step,
        };
        let options = FunnelOptions {
            steps: question.steps.iter().map(|names| self.labels(names)).collect(),
            order: question.order,
            window: question
                .window
                .map_or(Window::Journey(self.cut.scope), |seconds| Window::Clock { window_us: seconds * SECOND }),
            exclusions: question.exclusions.iter().map(exclusion).collect(),
            entries: question.entries,
        };
        let found = funnel(&self.view, &options);
        let n_chosen = (0..self.case.rows.len()).filter(|profile| self.case.is_chosen(*profile)).count();
        assert_eq!(found.n_profiles, u64::try_from(n_chosen).unwrap());
        let timed =
            question.entries == Entries::Once && question.order != StepOrder::Any && question.exclusions.is_empty();
        for (step_idx, step) in found.steps.iter().enumerate() {
            if found.steps[0].n_entries > 0 {
                self.push("funnel", json!([step_idx, step.n_profiles, step.n_entries]));
            }
            let lost: u64 = step.instead.iter().map(|instead| instead.n_entries).sum();
            let onward = found.steps.get(step_idx + 1).map_or(step.n_entries, |next| next.n_entries);
            assert_eq!(step.n_entries, onward + lost, "who enters a step goes on or is lost");
            for instead in &step.instead {
                let behind = instead_profiles(&self.view, &options, step_idx, instead.next).len();
                self.push("funnel_instead", json!([step_idx, self.state(instead.next), instead.n_entries, behind]));
            }
            if let (true, Some(median)) = (timed, step.median_seconds) {
                self.push("funnel_seconds", json!([step_idx, median, step.p90_seconds]));
            }
        }
        for found in funnel_correlations(&self.view, &options) {
            let (with, without) =
                ((found.n_with, found.n_with_converted), (found.n_without, found.n_without_converted));
            self.push("correlations", json!([self.histories.name(found.label), with.0, with.1, without.0, without.1]));
        }
    }

    fn flow(&mut self) {
        let (anchor, occurrence, n_before, n_after, top) = self.case.flow.clone();
        let anchor = self.labels(&anchor);
        let options = FlowOptions { cut: self.cut, anchor: &anchor, occurrence, n_before, n_after, top };
        let found = flow(&self.view, &options);
        let place = |place: Place| match place {
            Place::Start => "(start)".to_owned(),
            Place::Label(label) => self.histories.name(label).to_owned(),
            Place::Other => "(other)".to_owned(),
            Place::End => "(end)".to_owned(),
        };
        let nodes: Vec<Value> = found
            .nodes
            .iter()
            .map(|node| json!([node.at.column, place(node.at.place), node.n_sessions, node.n_profiles]))
            .collect();
        let edges: Vec<Value> = found
            .edges
            .iter()
            .map(|edge| {
                let (from, to) = edge.at;
                json!([from.column, place(from.place), place(to.place), edge.n_sessions, edge.n_profiles])
            })
            .collect();
        nodes.into_iter().for_each(|row| self.push("flow_nodes", row));
        edges.into_iter().for_each(|row| self.push("flow_edges", row));
        if found.n_sessions + found.n_without > 0 {
            self.push("flow_without", json!([found.n_without]));
        }
    }

    fn friction(&mut self) {
        let (goal, support) = (self.labels(&self.case.goal), self.labels(&self.case.starts));
        let help_us = self.case.spans.0 * SECOND;
        let found = frictions(&self.view, &FrictionOptions { cut: self.cut, goal: &goal, support: &support, help_us });
        for step in &found.steps {
            let counts = json!([
                self.histories.name(step.label),
                step.n_sessions,
                step.n_profiles,
                step.n_lost,
                step.n_profiles_lost,
                step.n_profiles_gone,
                step.n_circling,
                step.n_helped,
                step.onward
            ]);
            self.push("friction_steps", counts);
        }
    }

    fn days(&mut self) {
        let life = &self.case.life;
        let days = Days { calendar: self.calendar, last: Day(life.last_day) };
        let bracket = |(first, last): &(u32, Option<u32>)| Bracket { first: *first, last: *last };
        let brackets: Vec<Bracket> = life.brackets.iter().map(bracket).collect();
        let found = retention(&self.view, days, life.cohort_days, &brackets);
        let all = Some(&found.all).filter(|all| all.n_profiles > 0);
        let rows = found.rows.iter().map(|row| (Some(row.from.0), row)).chain(all.map(|row| (None, row)));
        for (from, row) in rows {
            for (nr, retained) in row.retained.iter().enumerate() {
                self.push("retention", json!([from, nr, row.n_profiles, retained.n_known, retained.n_retained]));
            }
        }
        for (back, row) in (0..).zip(lifecycle(&self.view, days, life.span_days, life.n_spans).iter().rev()) {
            let counts = [row.n_new, row.n_current, row.n_resurrected, row.n_dormant];
            if counts != [0; 4] {
                self.push("lifecycle", json!([back, counts[0], counts[1], counts[2], counts[3]]));
            }
        }
        let by_days = stickiness(&self.view, days, life.window_days).n_profiles_by_days;
        for (n_days, n_profiles) in (1..).zip(by_days).filter(|(_, n_profiles)| *n_profiles > 0) {
            self.push("stickiness", json!([n_days, n_profiles]));
        }
        let (starts, ends) = (self.labels(&self.case.starts), self.labels(&self.case.goal));
        let found = survival(&self.view, SurvivalOptions { starts: &starts, ends: &ends, as_of: self.case.as_of() });
        for step in found.steps {
            self.push("survival", json!([step.at_us, step.n_at_risk, step.n_ended, step.survival]));
        }
    }

    fn attribution(&mut self) {
        let methods = [
            ("first", AttributionMethod::First),
            ("last", AttributionMethod::Last),
            ("linear", AttributionMethod::Linear),
            ("position", AttributionMethod::Position),
            ("decay", AttributionMethod::TimeDecay { half_life_us: self.case.spans.2 * SECOND }),
        ];
        let of_channel = |channel: usize| -> Vec<usize> {
            (0..4).filter(|name| self.case.channels[*name] == Some(channel)).collect()
        };
        for (name, method) in methods {
            let options = AttributionOptions {
                goal: self.labels(&self.case.goal),
                channels: (0..3).map(|channel| self.labels(&of_channel(channel))).collect(),
                lookback_us: self.case.spans.1 * SECOND,
                method,
            };
            let found = attribute(&self.view, &options);
            for (channel, credit) in found.credits.iter().enumerate() {
                let behind = credited_profiles(&self.view, &options, channel).len();
                if behind > 0 {
                    self.push("credits", json!([name, channel, credit.conversions, credit.value, behind]));
                }
            }
            if found.n_conversions > 0 && name == "first" {
                #[expect(clippy::cast_possible_truncation, reason = "counts and small sums")]
                let (n_alone, value_alone) = (found.unattributed.conversions as i64, found.unattributed.value as i64);
                self.push("unattributed", json!([found.n_conversions, found.value, n_alone, value_alone]));
            }
        }
    }
}

fn ask(python: &PathBuf, tables: &Tables) -> BTreeMap<String, Vec<Answer>> {
    let given: Vec<Value> = tables.0.iter().map(|(name, (columns, rows))| json!([name, columns, rows])).collect();
    let steps = [
        (None, include_str!("../duckdb/journeys.sql")),
        (None, include_str!("../duckdb/attempts.sql")),
        (None, include_str!("../duckdb/flow.sql")),
        (None, include_str!("../duckdb/friction.sql")),
        (None, include_str!("../duckdb/days.sql")),
        (None, include_str!("../duckdb/attribution.sql")),
        (Some("touchpoints"), include_str!("../duckdb/touchpoints.sql")),
        (Some("paths"), include_str!("../duckdb/paths.sql")),
        (Some("transitions"), include_str!("../duckdb/transitions.sql")),
        (Some("visits"), include_str!("../duckdb/visits.sql")),
        (Some("circles"), include_str!("../duckdb/circles.sql")),
        (Some("patterns"), include_str!("../duckdb/patterns.sql")),
        (Some("funnel"), include_str!("../duckdb/funnel.sql")),
        (Some("funnel_instead"), include_str!("../duckdb/funnel_instead.sql")),
        (Some("funnel_seconds"), include_str!("../duckdb/funnel_seconds.sql")),
        (Some("correlations"), include_str!("../duckdb/correlations.sql")),
        (Some("flow_nodes"), include_str!("../duckdb/flow_nodes.sql")),
        (Some("flow_edges"), include_str!("../duckdb/flow_edges.sql")),
        (Some("flow_without"), include_str!("../duckdb/flow_without.sql")),
        (Some("friction_steps"), include_str!("../duckdb/friction_steps.sql")),
        (Some("retention"), include_str!("../duckdb/retention.sql")),
        (Some("lifecycle"), include_str!("../duckdb/lifecycle.sql")),
        (Some("stickiness"), include_str!("../duckdb/stickiness.sql")),
        (Some("survival"), include_str!("../duckdb/survival.sql")),
        (Some("credits"), include_str!("../duckdb/credits.sql")),
        (Some("unattributed"), include_str!("../duckdb/unattributed.sql")),
    ];
    let asked = json!({ "lake": null, "tables": given, "steps": steps });
    let mut child = Command::new(python)
        .args(["-c", include_str!("../duckdb/ask.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // What is read before anything is answered fits no pipe, and nothing is answered before.
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the statements must run");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the rows of each case, in an order that does not look at fractions.
fn by_case(rows: &[Answer]) -> BTreeMap<u64, Vec<Answer>> {
    let mut cases: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
    for row in rows {
        cases.entry(row[0].as_u64().unwrap()).or_default().push(row.clone());
    }
    for own in cases.values_mut() {
        own.sort_by_cached_key(|row| {
            row.iter().filter(|cell| !cell.is_f64()).map(Value::to_string).collect::<Vec<_>>()
        });
    }
    cases
}

fn same(ours: &[Answer], theirs: &[Answer]) -> bool {
    let same_row = |own: &Answer, other: &Answer| {
        own.len() == other.len() && own.iter().zip(other).all(|(own, other)| alike(own, other))
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(own, other)| same_row(own, other))
}

fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(own), Some(other)) if ours.is_f64() || theirs.is_f64() => {
            (own - other).abs() <= 1e-9 * own.abs().max(other.abs()).max(1.0)
        }
        _ => ours == theirs,
    }
}

#[test]
fn every_count_is_that_of_sql_written_independently() {
    #[expect(clippy::disallowed_methods, reason = "where a foreign program lies is up to who runs the tests")]
    let python = std::env::var_os("THRONG_TEST_PYTHON").filter(|python| !python.is_empty());
    let Some(python) = python.map(PathBuf::from) else {
        eprintln!("skipped: THRONG_TEST_PYTHON is not set");
        return;
    };
    let calendars = ZONES.map(|zone| Calendar::new(zone).unwrap());
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Case> = (0..N_CASES).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
    let (mut tables, mut found) = (Tables::new(), BTreeMap::new());
    for (id, case) in cases.iter().enumerate() {
        tables.case(id, case);
        let histories = case.histories();
        let chosen: ProfileSet = (0..)
            .take(case.rows.len())
            .filter(|profile| case.is_chosen(crate::model::length(u64::from(*profile))))
            .collect();
        let view = histories.select(case.chosen.is_some().then_some(&chosen), case.period());
        let calendar = &calendars[case.zone];
        let cut = case.cut(calendar);
        let mut answers = Answers { case, id, histories: &histories, view, cut, calendar, found: &mut found };
        answers.paths();
        answers.transitions();
        answers.funnel();
        answers.flow();
        answers.friction();
        answers.days();
        answers.attribution();
    }
    let expected = ask(&python, &tables);
    for (statement, theirs) in &expected {
        let ours = found.get(statement.as_str()).map(Vec::as_slice).unwrap_or_default();
        assert!(ours.len() >= N_ROWS_MIN, "{statement} is asked of too little: {} rows", ours.len());
        let (ours, theirs) = (by_case(ours), by_case(theirs));
        for (id, case) in (0..).zip(&cases) {
            let [own, other] = [&ours, &theirs].map(|rows| rows.get(&id).map(Vec::as_slice).unwrap_or_default());
            assert!(same(own, other), "{statement} of case {id}\nours   {own:?}\ntheirs {other:?}\n{case:?}");
        }
    }
    let asked: Vec<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), asked, "every answer is compared");
}
