//! `throng journeys`: paths, transitions and funnels, of everybody or of one persona.

use std::num::NonZeroU32;

use anyhow::bail;
use serde_json::json;
use throng_engine::{Engine, EngineError, JourneyBook, PersonaBook};
use throng_event::Instant;
use throng_journey::{Funnel, Paths, State};
use throng_persona::Persona;

use super::personas::find;
use crate::arguments::{Format, FunnelArguments, JourneyArguments, JourneysCommand};
use crate::failure::Usage;
use crate::format::{clean, count, counted, duration, share};
use crate::home::Session;
use crate::output::{Align, Grid};
use crate::report_model::Members;

/// Steps of a path that are shown.
const STEPS_MAX: usize = 6;

pub(super) fn run(session: &Session, command: JourneysCommand) -> anyhow::Result<()> {
    let engine = session.engine()?;
    match command {
        JourneysCommand::Paths(arguments) => paths(session, &engine, &arguments),
        JourneysCommand::Transitions(arguments) => transitions(session, &engine, &arguments),
        JourneysCommand::Funnel(arguments) => funnel(session, &engine, &arguments),
    }
}

/// Touchpoints of those who were asked about, and who that is.
struct Asked {
    journeys: JourneyBook,
    persona: Option<Persona>,
}

impl Asked {
    fn read(engine: &Engine, wanted: Option<&str>) -> anyhow::Result<Self> {
        let book = match (wanted, engine.persona_book()) {
            (_, Ok(book)) => Some(book),
            (None, Err(EngineError::Missing { .. })) => None,
            (_, Err(error)) => return Err(error.into()),
        };
        let (journeys, profiles) = engine.journeys(book.as_ref().map(|book| book.as_of))?;
        let Some((wanted, book)) = wanted.zip(book) else {
            return Ok(Self { journeys, persona: None });
        };
        let persona = find(&book, wanted)?.clone();
        let journeys = journeys.select(&Self::members(&book, &profiles, &persona));
        Ok(Self { journeys, persona: Some(persona) })
    }

    fn members(book: &PersonaBook, profiles: &[throng_profile::ProfileId], persona: &Persona) -> Vec<u32> {
        Members::of(book).numbers(profiles, &persona.id)
    }

    fn whom(&self) -> String {
        let persona = self.persona.as_ref();
        persona
            .map_or_else(|| "all customers".to_owned(), |persona| format!("{} · {}", persona.id, clean(&persona.name)))
    }

    fn persona_id(&self) -> Option<&str> {
        self.persona.as_ref().map(|persona| persona.id.as_str())
    }

    fn name(&self, label: u32) -> &str {
        usize::try_from(label).ok().and_then(|label| self.journeys.names().get(label)).map_or("", String::as_str)
    }
}

fn paths(session: &Session, engine: &Engine, arguments: &JourneyArguments) -> anyhow::Result<()> {
    let asked = Asked::read(engine, arguments.persona.as_deref())?;
    let found = if arguments.history {
        asked.journeys.history_paths(STEPS_MAX, arguments.top)
    } else {
        asked.journeys.paths(gap_us(engine), STEPS_MAX, arguments.top)
    };
    let unit = if arguments.history { "history" } else { "session" };
    if session.output.format() == Format::Json {
        session.output.json(&paths_document(&asked, &found, unit))?;
        return Ok(());
    }
    let plural = if arguments.history { "histories" } else { "sessions" };
    session.output.heading(&format!(
        "Paths of {}: {} {plural} of {}",
        asked.whom(),
        count(found.n_sessions),
        counted(found.n_profiles, "customer")
    ))?;
    let mut grid = Grid::new(&[
        (plural, Align::Right),
        ("share", Align::Right),
        ("customers", Align::Right),
        ("path", Align::Left),
    ]);
    for path in &found.paths {
        let mut steps: Vec<&str> = path.labels.iter().map(|label| asked.name(*label)).collect();
        if path.continues {
            steps.push("…");
        }
        grid.row([&count(path.n_sessions), &share(path.share), &count(path.n_profiles), &steps.join(" → ")]);
    }
    session.output.grid(&grid)?;
    if found.remainder.n_paths > 0 {
        let rest = &found.remainder;
        let n_paths = counted(rest.n_paths, "other path");
        session.output.text(&format!("{n_paths} with {} of the {plural}", share(rest.share)))?;
    }
    Ok(())
}

fn paths_document(asked: &Asked, found: &Paths, unit: &str) -> serde_json::Value {
    let paths: Vec<_> = found
        .paths
        .iter()
        .map(|path| {
            json!({
                "steps": path.labels.iter().map(|label| asked.name(*label)).collect::<Vec<_>>(),
                "continues": path.continues,
                "n_journeys": path.n_sessions,
                "n_customers": path.n_profiles,
                "share": path.share,
            })
        })
        .collect();
    json!({
        "persona": asked.persona_id(),
        "unit": unit,
        "n_journeys": found.n_sessions,
        "n_customers": found.n_profiles,
        "paths": paths,
        "other": {
            "n_paths": found.remainder.n_paths,
            "n_journeys": found.remainder.n_sessions,
            "share": found.remainder.share,
        },
    })
}

fn transitions(session: &Session, engine: &Engine, arguments: &JourneyArguments) -> anyhow::Result<()> {
    let asked = Asked::read(engine, arguments.persona.as_deref())?;
    let matrix = asked.journeys.transitions();
    let name = |state: State| match state {
        State::Start => "(start)",
        State::Label(label) => asked.name(label),
        State::End => "(end)",
    };
    if session.output.format() == Format::Json {
        let transitions: Vec<_> = matrix
            .transitions
            .iter()
            .map(|transition| {
                json!({
                    "from": name(transition.from),
                    "to": name(transition.to),
                    "n_transitions": transition.n_transitions,
                    "share_out": transition.share_out,
                    "median_seconds": transition.median_seconds,
                })
            })
            .collect();
        let document = json!({
            "persona": asked.persona_id(),
            "n_journeys": matrix.n_sessions,
            "transitions": transitions,
        });
        session.output.json(&document)?;
        return Ok(());
    }
    session.output.heading(&format!("What follows what, {}", asked.whom()))?;
    let mut grid = Grid::new(&[
        ("from", Align::Whole),
        ("to", Align::Whole),
        ("times", Align::Right),
        ("of what follows", Align::Right),
        ("median time", Align::Right),
    ]);
    let mut ranked: Vec<_> = matrix.transitions.iter().collect();
    // The matrix is in the order of names and the sort is stable.
    ranked.sort_by_key(|transition| std::cmp::Reverse(transition.n_transitions));
    let n_left = ranked.len().saturating_sub(arguments.top);
    for transition in ranked.into_iter().take(arguments.top) {
        grid.row([
            name(transition.from),
            name(transition.to),
            &count(transition.n_transitions),
            &share(transition.share_out),
            &transition.median_seconds.map(duration).unwrap_or_default(),
        ]);
    }
    session.output.grid(&grid)?;
    if n_left > 0 {
        session.output.note(&format!("{n_left} rarer transitions; --top shows more"));
    }
    Ok(())
}

fn funnel(session: &Session, engine: &Engine, arguments: &FunnelArguments) -> anyhow::Result<()> {
    let config = engine.home().config();
    let steps: Vec<String> = match arguments.steps.as_slice() {
        [] => config.funnel.clone(),
        steps => steps.iter().map(|step| step.trim().to_owned()).collect(),
    };
    if steps.len() < 2 {
        let what = "a funnel needs at least two steps".to_owned();
        bail!(Usage { what, hint: "name them with --steps 'First,Second', or as funnel in throng.toml".to_owned() });
    }
    let days = arguments.within_days.map_or(config.funnel_days, NonZeroU32::get);
    let asked = Asked::read(engine, arguments.persona.as_deref())?;
    check_steps(&asked, &steps)?;
    let found = asked.journeys.funnel(&steps, i64::from(days).saturating_mul(Instant::DAY))?;
    if session.output.format() == Format::Json {
        session.output.json(&funnel_document(&asked, &steps, days, &found))?;
        return Ok(());
    }
    session.output.heading(&format!("Funnel of {}, within {}", asked.whom(), counted(u64::from(days), "day")))?;
    let mut grid = Grid::new(&[
        ("step", Align::Whole),
        ("customers", Align::Right),
        ("from start", Align::Right),
        ("from step before", Align::Right),
        ("median time", Align::Right),
        ("", Align::Whole),
    ]);
    for (name, step) in steps.iter().zip(&found.steps) {
        grid.row([
            name,
            &count(step.n_profiles),
            &share(step.conversion_from_start),
            &share(step.conversion_from_previous),
            &step.median_seconds.map(duration).unwrap_or_default(),
            &bar(step.conversion_from_start),
        ]);
    }
    session.output.grid(&grid)?;
    session.output.text(&format!("of {}", counted(found.n_profiles, "customer")))?;
    Ok(())
}

/// Checks that every step has a name that occurs.
fn check_steps(asked: &Asked, steps: &[String]) -> anyhow::Result<()> {
    let names = asked.journeys.names();
    let unknown = steps.iter().find(|step| !names.iter().any(|name| name.to_lowercase() == step.to_lowercase()));
    match unknown {
        None => Ok(()),
        Some(step) => {
            let what = format!("nothing called {step:?} ever happened");
            bail!(Usage { what, hint: format!("what happened is called: {}", names.join(", ")) })
        }
    }
}

fn funnel_document(asked: &Asked, steps: &[String], days: u32, found: &Funnel) -> serde_json::Value {
    let steps: Vec<_> = steps
        .iter()
        .zip(&found.steps)
        .map(|(name, step)| {
            json!({
                "step": name,
                "n_customers": step.n_profiles,
                "from_start": step.conversion_from_start,
                "from_previous": step.conversion_from_previous,
                "median_seconds": step.median_seconds,
            })
        })
        .collect();
    json!({
        "persona": asked.persona_id(),
        "within_days": days,
        "n_customers": found.n_profiles,
        "steps": steps,
    })
}

/// Characters of a whole bar.
const BAR_LENGTH: f64 = 20.0;

/// Returns a share as a bar of text.
fn bar(share: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 20; NaN becomes 0")]
    let n_blocks = (share.clamp(0.0, 1.0) * BAR_LENGTH).round() as usize;
    "█".repeat(n_blocks)
}

/// Returns the gap that parts sessions, in microseconds.
pub(super) fn gap_us(engine: &Engine) -> i64 {
    i64::from(engine.home().config().session_gap_minutes.get()) * 60 * Instant::SECOND
}
