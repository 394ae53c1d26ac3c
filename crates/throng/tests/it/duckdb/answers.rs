//! The answers of the kernels, as the rows that the statements answer with.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use throng_event::{Calendar, Day};
use throng_journey::{
    AttributionMethod, AttributionOptions, Bracket, Circle, Cut, Days, Entries, Exclusion, FlowOptions,
    FrictionOptions, FunnelOptions, Histories, PathOptions, Pattern, Place, State, StepOrder, SurvivalOptions, View,
    Window, attribute, circles, credited_profiles, flow, frictions, funnel, funnel_correlations, instead_profiles,
    lifecycle, paths, pattern_count, retention, stickiness, survival, touchpoint_counts, transitions,
};

use super::SECOND;
use super::case::Case;
use super::tables::Answer;

/// The answers of the kernels, by statement.
pub(super) struct Answers<'a> {
    pub(super) case: &'a Case,
    pub(super) id: usize,
    pub(super) histories: &'a Histories,
    pub(super) view: View<'a>,
    pub(super) cut: Cut<'a>,
    pub(super) calendar: &'a Calendar,
    pub(super) found: &'a mut BTreeMap<&'static str, Vec<Answer>>,
}

impl Answers<'_> {
    fn push(&mut self, statement: &'static str, row: Value) {
        let row = row.as_array().unwrap().iter().cloned();
        self.found.entry(statement).or_default().push([json!(self.id)].into_iter().chain(row).collect());
    }

    fn labels(&self, names: &[usize]) -> Vec<u32> {
        names.iter().map(|name| self.histories.label(&self.case.names[*name]).unwrap()).collect()
    }

    fn state(&self, state: State) -> String {
        match state {
            State::Start => "(start)".to_owned(),
            State::Label(label) => self.histories.name(label).to_owned(),
            State::End => "(end)".to_owned(),
        }
    }

    pub(super) fn paths(&mut self) {
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

    pub(super) fn transitions(&mut self) {
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
        for (nr, [text, _]) in self.case.patterns.iter().enumerate() {
            let count = pattern_count(&self.view, self.cut, &Pattern::parse(text, self.histories).unwrap());
            if count.n_sessions_all > 0 {
                self.push("patterns", json!([nr, count.n_sessions, count.n_profiles, count.n_sessions_all]));
            }
        }
    }

    pub(super) fn funnel(&mut self) {
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

    pub(super) fn flow(&mut self) {
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

    pub(super) fn friction(&mut self) {
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

    pub(super) fn days(&mut self) {
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

    pub(super) fn attribution(&mut self) {
        let methods = [
            ("first", AttributionMethod::First),
            ("last", AttributionMethod::Last),
            ("linear", AttributionMethod::Linear),
            ("position", AttributionMethod::Position),
            ("decay", AttributionMethod::TimeDecay { half_life_us: self.case.spans.2 * SECOND }),
        ];
        let of_channel = |channel: usize| -> Vec<usize> {
            (0..self.case.channels.len()).filter(|name| self.case.channels[*name] == Some(channel)).collect()
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
