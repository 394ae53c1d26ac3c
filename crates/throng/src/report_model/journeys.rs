//! The ways a persona's customers take.

use std::collections::BTreeMap;

use throng_engine::{Engine, JourneyBook, PersonaBook};
use throng_event::Instant;
use throng_journey::State;
use throng_persona::{Persona, PersonaId};

use super::Members;
use crate::report::{FunnelStep, JourneySection, PathLine, Transitions};

/// Paths, and steps of a path; the page shows about as many.
const PATHS_MAX: usize = 6;
const STEPS_MAX: usize = 6;

/// Touchpoints in a transition table that can still be read.
const TRANSITION_STEPS_MAX: usize = 8;

/// Returns the journeys of every persona that has any.
pub(super) fn read(
    engine: &Engine,
    book: &PersonaBook,
    personas: &[Persona],
) -> anyhow::Result<BTreeMap<PersonaId, JourneySection>> {
    let (journeys, profiles) = engine.journeys(Some(book.as_of))?;
    let members = Members::of(book);
    let mut sections = BTreeMap::new();
    for persona in personas {
        let own = journeys.select(&members.numbers(&profiles, &persona.id));
        let section = section(engine, &own);
        if section.n_sessions > 0 {
            sections.insert(persona.id.clone(), section);
        }
    }
    Ok(sections)
}

fn section(engine: &Engine, journeys: &JourneyBook) -> JourneySection {
    let gap_us = i64::from(engine.home().config().session_gap_minutes.get()) * 60 * Instant::SECOND;
    let paths = journeys.paths(gap_us, STEPS_MAX, PATHS_MAX);
    let lines = paths.paths.iter().map(|path| {
        let mut steps: Vec<String> = path.labels.iter().map(|label| name(journeys, *label)).collect();
        if path.continues {
            steps.push("…".to_owned());
        }
        PathLine { steps, n_sessions: path.n_sessions, share: path.share }
    });
    JourneySection {
        n_sessions: paths.n_sessions,
        paths: lines.collect(),
        funnel: funnel(engine, journeys),
        transitions: transitions(journeys),
    }
}

fn name(journeys: &JourneyBook, label: u32) -> String {
    let name = usize::try_from(label).ok().and_then(|label| journeys.names().get(label));
    name.cloned().unwrap_or_default()
}

/// Returns the funnel of throng.toml; none when there is none, or its events never happened.
fn funnel(engine: &Engine, journeys: &JourneyBook) -> Vec<FunnelStep> {
    let config = engine.home().config();
    if config.funnel.len() < 2 {
        return Vec::new();
    }
    let window_us = i64::from(config.funnel_days).saturating_mul(Instant::DAY);
    let Ok(funnel) = journeys.funnel(&config.funnel, window_us) else { return Vec::new() };
    let steps = config.funnel.iter().zip(funnel.steps).enumerate();
    let step = |(step_idx, (label, step)): (usize, (&String, throng_journey::FunnelStep))| FunnelStep {
        label: label.clone(),
        n_customers: step.n_profiles,
        from_start: step.conversion_from_start,
        from_previous: if step_idx == 0 { 1.0 } else { step.conversion_from_previous },
    };
    steps.map(step).collect()
}

/// Returns what follows what among the most frequent touchpoints.
fn transitions(journeys: &JourneyBook) -> Option<Transitions> {
    let matrix = journeys.transitions();
    let mut visits = matrix.visits.clone();
    // Visits are in the order of names and the sort is stable.
    visits.sort_by_key(|visits| std::cmp::Reverse(visits.n_visits));
    visits.truncate(TRANSITION_STEPS_MAX);
    if visits.len() < 2 {
        return None;
    }
    let labels: Vec<u32> = visits.iter().map(|visits| visits.label).collect();
    let mut shares = vec![vec![0.0; labels.len()]; labels.len()];
    for transition in &matrix.transitions {
        let position = |state: State| match state {
            State::Label(label) => labels.iter().position(|other| *other == label),
            State::Start | State::End => None,
        };
        if let (Some(from), Some(to)) = (position(transition.from), position(transition.to)) {
            shares[from][to] = transition.share_out;
        }
    }
    Some(Transitions { steps: labels.iter().map(|label| name(journeys, *label)).collect(), shares })
}
