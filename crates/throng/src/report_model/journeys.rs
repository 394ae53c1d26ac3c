//! The ways customers take: everybody's and each persona's, looked at in the same way.
//!
//! Every number is an answer of the crate `journey` over a view, as `throng journeys` gives it.

mod curves;
mod flow;
mod rings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use throng_engine::{Engine, JourneyBook, PersonaBook};
use throng_event::{Day, Instant};
use throng_journey::{
    Cut, Entries, Funnel, FunnelOptions, PathOptions, Repeats, Scope, State, StepOrder, TransitionMatrix, View, Window,
    funnel, paths, sessions_have_steps, transitions,
};
use throng_persona::{Persona, PersonaId};

use super::numbers;
use crate::format::duration;
use crate::report::{FunnelStep, JourneyOverview, JourneySection, PathLine, TransitionLine, Transitions};
use curves::Group;

/// Paths, and steps of a path; the page shows about as many.
const PATHS_MAX: usize = 6;
const STEPS_MAX: usize = 6;

/// Touchpoints in a transition table that can still be read on a phone.
const TRANSITION_STEPS_MAX: usize = 8;

/// Transitions told one by one.
const STRONGEST_MAX: usize = 12;

/// Everybody's journeys, and each persona's.
pub(super) struct Journeys {
    pub(super) overview: JourneyOverview,
    pub(super) sections: BTreeMap<PersonaId, JourneySection>,
}

/// How journeys are looked at: the same for everybody and for each persona, so that they compare.
struct Question<'a> {
    cut: Cut<'a>,
    /// What journeys are called.
    journeys: &'static str,
    /// Where flows begin; none when there are no journeys.
    anchor: Option<u32>,
    /// The funnel of throng.toml, where all its steps have happened.
    funnel: Option<(&'a [String], FunnelOptions<'a>)>,
}

/// Returns the journeys of everybody and of every persona that has any; `None` when nobody did anything.
pub(super) fn read(
    engine: &Engine,
    book: &PersonaBook,
    (personas, span): (&[Persona], (Day, Day)),
) -> anyhow::Result<Option<Journeys>> {
    let (journeys, profiles) = engine.journeys(Some(book.as_of))?;
    let view = journeys.view();
    if view.n_active_profiles() == 0 {
        return Ok(None);
    }
    let config = engine.home().config();
    let gap_us = i64::from(config.session_gap_minutes.get()) * 60 * Instant::SECOND;
    let window_us = i64::from(config.funnel_days).saturating_mul(Instant::DAY);
    let labels = config.funnel.iter().map(|step| journeys.labels(step).ok()).collect();
    let question = Question::of(&view, gap_us, (&config.funnel, labels, window_us));
    let (everybody, reached) = section(&view, &question, None);
    let own = |persona: &Persona| Ok(journeys.select(&numbers(&profiles, &engine.members(&persona.id)?)));
    let books = personas.iter().map(own).collect::<anyhow::Result<Vec<JourneyBook>>>()?;
    let mut sections = BTreeMap::new();
    for (persona, book) in personas.iter().zip(&books) {
        let (section, _) = section(&book.view(), &question, reached.as_ref());
        if section.n_journeys > 0 {
            sections.insert(persona.id.clone(), section);
        }
    }
    let mut groups = vec![Group { persona_idx: None, name: "Everybody".to_owned(), view }];
    for (persona_idx, (persona, book)) in personas.iter().zip(&books).enumerate() {
        groups.push(Group { persona_idx: Some(persona_idx), name: persona.name.clone(), view: book.view() });
    }
    let days = journeys.days(&config.calendar);
    let period_days = curves::period_days(i64::from(span.1.0) - i64::from(span.0.0) + 1);
    let goal = journeys.goal(&config.funnel);
    let overview = JourneyOverview {
        everybody,
        retention: curves::retention_of(&groups, days, period_days),
        arrival: goal.map(|(name, goal)| curves::arrival(&groups, (days, period_days), (&name, &goal))),
    };
    Ok(Some(Journeys { overview, sections }))
}

impl<'a> Question<'a> {
    /// Returns the question that suits everybody's journeys.
    ///
    /// The labels are those of the funnel's steps, unless one never happened.
    fn of(
        view: &View<'_>,
        gap_us: i64,
        (steps, labels, window_us): (&'a [String], Option<Vec<Vec<u32>>>, i64),
    ) -> Self {
        let session = Cut { scope: Scope::Session { gap_us }, repeats: Repeats::Collapse };
        let (cut, journeys) = if sessions_have_steps(view, gap_us) {
            (session, "sessions")
        } else {
            // Whose every visit is one event differ by how often they come: repeats are the journey.
            (Cut { scope: Scope::History, repeats: Repeats::Keep }, "histories")
        };
        let labels = labels.filter(|labels| labels.len() > 1);
        let anchor = flow::anchor(view, cut, labels.as_ref().and_then(|labels| labels.first()?.first().copied()));
        let funnel = labels.map(|labels| {
            let options = FunnelOptions {
                steps: labels,
                order: StepOrder::Ordered,
                window: Window::Clock { window_us },
                exclusions: Vec::new(),
                entries: Entries::Once,
            };
            (steps, options)
        });
        Self { cut, journeys, anchor, funnel }
    }
}

/// Returns the journeys of a view, and how its funnel went; everybody's funnel stands beside it where given.
fn section(view: &View<'_>, question: &Question<'_>, everybody: Option<&Funnel>) -> (JourneySection, Option<Funnel>) {
    let found = paths(view, &PathOptions { cut: question.cut, steps_max: STEPS_MAX, top: PATHS_MAX, goal: &[] });
    let lines = found.paths.iter().map(|path| {
        let mut steps: Vec<String> = path.labels.iter().map(|label| name(view, *label)).collect();
        if path.continues {
            steps.push("…".to_owned());
        }
        PathLine { steps, n_journeys: path.n_sessions, share: path.share }
    });
    let reached = question.funnel.as_ref().map(|(steps, options)| (*steps, funnel(view, options)));
    let section = JourneySection {
        journeys: question.journeys,
        n_journeys: found.n_sessions,
        paths: lines.collect(),
        rings: rings::read(view, question.cut, found.n_sessions),
        flow: question.anchor.and_then(|anchor| flow::read(view, question.cut, anchor)),
        funnel: reached.as_ref().map_or_else(Vec::new, |(steps, funnel)| funnel_steps(steps, funnel, everybody)),
        transitions: transitions_of(
            view,
            &transitions(view, Cut { scope: question.cut.scope, repeats: Repeats::Keep }),
        ),
    };
    (section, reached.map(|(_, funnel)| funnel))
}

fn name(view: &View<'_>, label: u32) -> String {
    view.histories().name(label).to_owned()
}

/// Returns the steps of a funnel to which anybody came.
fn funnel_steps(names: &[String], funnel: &Funnel, everybody: Option<&Funnel>) -> Vec<FunnelStep> {
    if funnel.steps.first().is_none_or(|first| first.n_profiles == 0) {
        return Vec::new();
    }
    let steps = names.iter().zip(&funnel.steps).enumerate();
    let step = |(step_idx, (label, step)): (usize, (&String, &throng_journey::FunnelStep))| {
        let n_before = step_idx.checked_sub(1).map_or(step.n_profiles, |before| funnel.steps[before].n_profiles);
        let bounds = step.from_previous_bounds;
        FunnelStep {
            label: label.clone(),
            n_customers: step.n_profiles,
            from_start: step.conversion_from_start,
            from_previous: if step_idx == 0 { 1.0 } else { step.conversion_from_previous },
            from_previous_bounds: (bounds.low, bounds.high),
            n_lost: n_before - step.n_profiles,
            median_time: step.median_seconds.map(duration),
            everybody: everybody.map(|everybody| everybody.steps[step_idx].conversion_from_start),
        }
    };
    steps.map(step).collect()
}

/// Returns what follows what among the most frequent touchpoints.
fn transitions_of(view: &View<'_>, matrix: &TransitionMatrix) -> Option<Transitions> {
    let mut visits = matrix.visits.clone();
    // Visits are in the order of names and the sort is stable.
    visits.sort_by_key(|visits| std::cmp::Reverse(visits.n_visits));
    visits.truncate(TRANSITION_STEPS_MAX);
    if visits.len() < 2 {
        return None;
    }
    let labels: Vec<u32> = visits.iter().map(|visits| visits.label).collect();
    let mut table = Transitions {
        steps: labels.iter().map(|label| name(view, *label)).collect(),
        shares: vec![vec![0.0; labels.len()]; labels.len()],
        other: vec![0.0; labels.len()],
        stopped: vec![0.0; labels.len()],
        strongest: Vec::new(),
    };
    let position = |state: State| match state {
        State::Label(label) => labels.iter().position(|other| *other == label),
        State::Start | State::End => None,
    };
    let mut told = Vec::new();
    for transition in &matrix.transitions {
        let Some(from) = position(transition.from) else { continue };
        match (position(transition.to), transition.to) {
            (Some(to), _) => {
                table.shares[from][to] = transition.share_out;
                told.push((transition, from, to));
            }
            (None, State::End) => table.stopped[from] = transition.share_out,
            (None, State::Start | State::Label(_)) => table.other[from] += transition.share_out,
        }
    }
    // The matrix is in the order of names and the sort is stable.
    told.sort_by_key(|(transition, _, _)| std::cmp::Reverse(transition.n_transitions));
    let line = |(transition, from, to): &(&throng_journey::Transition, usize, usize)| TransitionLine {
        from: table.steps[*from].clone(),
        to: table.steps[*to].clone(),
        n_transitions: transition.n_transitions,
        n_customers: transition.n_profiles,
        share_out: transition.share_out,
        share_in: transition.share_in,
        median_time: transition.median_seconds.map(duration),
    };
    table.strongest = told.iter().take(STRONGEST_MAX).map(line).collect();
    Some(table)
}
