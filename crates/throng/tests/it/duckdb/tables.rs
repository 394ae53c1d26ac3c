//! The tables that the statements read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use throng_journey::{Entries, Occurrence, Repeats, StepOrder};

use super::SECOND;
use super::case::{AnyScope, Case, Question, ZONES};

/// One row of an answer, the case first.
pub(super) type Answer = Vec<Value>;

/// The tables that the statements read, by name, with their columns.
pub(super) struct Tables(pub(super) BTreeMap<&'static str, (&'static str, Vec<Answer>)>);

impl Tables {
    pub(super) fn new() -> Self {
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

    fn names(&mut self, table: &'static str, (id, case): (usize, &Case), names: &[usize]) {
        let names: BTreeSet<usize> = names.iter().copied().collect();
        for name in names {
            self.push(table, json!([id, case.names[name]]));
        }
    }

    pub(super) fn case(&mut self, id: usize, case: &Case) {
        for (profile, own) in case.rows.iter().enumerate() {
            if case.is_chosen(profile) {
                self.push("chosen", json!([id, profile]));
            }
            for (place, (second, key, label, session, value)) in own.iter().enumerate() {
                let name = &case.names[usize::try_from(*label).unwrap()];
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
        self.names("goal", (id, case), &case.goal);
        self.names("support", (id, case), &case.starts);
        self.push("friction", json!([id, case.spans.0 * SECOND]));
        for (name, channel) in case.channels.iter().enumerate() {
            if let Some(channel) = channel {
                self.push("channel", json!([id, channel, case.names[name]]));
            }
        }
        self.push("attribution", json!([id, case.spans.1 * SECOND, case.spans.2 * SECOND]));
        self.funnel(id, case);
        let (anchor, occurrence, n_before, n_after, top) = &case.flow;
        self.push("flow", json!([id, *occurrence == Occurrence::Last, n_before, n_after, top]));
        self.names("anchor", (id, case), anchor);
        for (nr, [_, regexp]) in case.patterns.iter().enumerate() {
            self.push("pattern", json!([id, nr, regexp]));
        }
        let life = &case.life;
        let days = json!([id, life.last_day, life.cohort_days, life.span_days, life.n_spans, life.window_days]);
        self.push("life", days);
        for (nr, (first, last)) in life.brackets.iter().enumerate() {
            self.push("bracket", json!([id, nr, first, last]));
        }
        self.push("lasting", json!([id, case.as_of().0]));
        self.names("survival_start", (id, case), &case.starts);
        self.names("survival_end", (id, case), &case.goal);
    }

    fn funnel(&mut self, id: usize, case: &Case) {
        let question: &Question = &case.funnel;
        let order = match question.order {
            StepOrder::Ordered => "ordered",
            StepOrder::Strict => "strict",
            StepOrder::Any => "any",
        };
        let entries = if question.entries == Entries::Once { "once" } else { "each" };
        let window_us = question.window.map(|seconds| seconds * SECOND);
        self.push("funnel", json!([id, question.steps.len(), order, window_us.is_none(), window_us, entries]));
        for (step, names) in question.steps.iter().enumerate() {
            let names: BTreeSet<usize> = names.iter().copied().collect();
            for name in names {
                self.push("funnel_step", json!([id, step, case.names[name]]));
            }
        }
        for (name, after_step) in &question.exclusions {
            // Steps in any order know no place of an exclusion.
            let after_step = after_step.filter(|_| question.order != StepOrder::Any);
            self.push("exclusion", json!([id, after_step, case.names[*name]]));
        }
    }
}
