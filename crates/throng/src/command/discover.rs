//! `throng discover`: looks for personas and shows on what grounds there are so many.

use throng_engine::{BookOutcome, DiscoverRequest, PersonaBook, Rediscovery};
use throng_persona::{Candidate, DriftParams, Method, Persona, PersonaCount};

use super::model::print_waiting;
use super::personas::{list_grid, shown};
use crate::arguments::{ContinuumWanted, DiscoverArguments, Format, PersonasWanted};
use crate::format::{clean, counted, day, share, wrapped};
use crate::home::Session;
use crate::output::{Align, Grid, Output, Steps};
use crate::wire::BookDocument;
use crate::wording::{advice, drawn};
use crate::world;

/// The most personas looked for when the configuration names a number and the caller says auto.
const PERSONAS_AUTO_MAX: usize = 8;

pub(super) fn run(session: &Session<'_>, arguments: &DiscoverArguments) -> anyhow::Result<()> {
    let mut engine = session.engine()?;
    let configured = match engine.home().config().personas {
        PersonaCount::Auto { max } => max,
        PersonaCount::Exactly(_) => PERSONAS_AUTO_MAX,
    };
    let personas = arguments.personas.map(|wanted| match wanted {
        PersonasWanted::Auto => PersonaCount::Auto { max: configured },
        PersonasWanted::Exactly(n_personas) => PersonaCount::Exactly(n_personas),
    });
    let request = DiscoverRequest {
        as_of: arguments.as_of,
        personas,
        seed: arguments.seed,
        continuum: arguments.continuum.map(ContinuumWanted::continuum),
        method: arguments.method,
        now: Some(world::now()),
    };
    let mut steps = Steps::new(session.output);
    let made = engine.discover(&request, &mut |step| steps.begin(step))?;
    steps.finish();
    let book = engine.persona_book()?;
    if session.output.format() == Format::Json {
        session.output.json(&BookDocument::of(&book, &shown(&book)))?;
        return Ok(());
    }
    print(session.output, &book)?;
    print_changes(session.output, &made)?;
    if let BookOutcome::Found(_) = &book.outcome {
        print_waiting(session.output, &engine)?;
    }
    session.output.note(match &book.outcome {
        BookOutcome::Found(_) => "Next: throng personas show, throng journeys paths, throng report -o personas.html",
        BookOutcome::Refused(_) => "Next: throng features list, throng quarantine list",
    });
    Ok(())
}

/// Prints what a discovery found and what it rests on.
pub(super) fn print(output: Output<'_>, book: &PersonaBook) -> anyhow::Result<()> {
    let width = output.prose_width();
    let n_used = book.features_used.iter().filter(|used| used.left_out.is_none()).count();
    output.text(&format!(
        "{} as of {}, compared by {n_used} of {} features",
        counted(book.n_profiles, "customer"),
        day(book.as_of),
        book.features_used.len()
    ))?;
    if let Some(drawn) = drawn(book) {
        output.text(&wrapped(&drawn, width, 0))?;
    }
    if book.method != Method::Auto {
        output.text(&format!("divided {}, not at borders of our own finding", book.method.phrase()))?;
    }
    if !book.candidates.is_empty() {
        output.heading("\nHow many personas")?;
        output.grid(&candidates_grid(&book.candidates))?;
    }
    match &book.outcome {
        BookOutcome::Found(personas) => {
            if let Some(separation) = book.separation {
                output.text(&wrapped(separation.sentence(), width, 0))?;
            }
            if let Some(foretold) = &book.foretold {
                output.text(&wrapped(foretold, width, 0))?;
            }
            output.heading("\nPersonas")?;
            output.grid(&list_grid(personas))?;
            if let Some(line) = of_none(personas, book.n_unassigned()) {
                output.text(&line)?;
            }
        }
        BookOutcome::Refused(refusal) => {
            output.heading("\nNo personas")?;
            output.text(&wrapped(&refusal.text, width, 0))?;
            for line in advice(refusal) {
                output.text(&wrapped(&format!("• {line}"), width, 2))?;
            }
        }
    }
    Ok(())
}

/// Prints what became of the personas since the discovery before, and how far customers have moved.
pub(super) fn print_changes(output: Output<'_>, made: &Rediscovery) -> anyhow::Result<()> {
    let Some(drift) = &made.drift else { return Ok(()) };
    let width = output.prose_width();
    output.heading("\nSince the last time")?;
    let mut lines = made.lineage.sentences();
    lines.extend(made.lineage.steadiness.iter().flat_map(|steadiness| steadiness.alarms(DriftParams::new())));
    lines.extend(drift.sentences());
    for line in lines {
        output.text(&wrapped(&format!("• {}", clean(&line)), width, 2))?;
    }
    Ok(())
}

fn candidates_grid(candidates: &[Candidate]) -> Grid {
    let mut grid = Grid::new(&[
        ("", Align::Whole),
        ("personas", Align::Right),
        ("silhouette", Align::Right),
        ("without groups", Align::Right),
        ("stability", Align::Right),
        ("agreement", Align::Right),
        ("smallest", Align::Right),
    ]);
    for candidate in candidates {
        grid.row([
            if candidate.chosen { "→" } else { "" },
            &candidate.n_personas.to_string(),
            &decimal(candidate.silhouette),
            &decimal(candidate.silhouette_reference.unwrap_or(f64::NAN)),
            &decimal(candidate.stability_min),
            &decimal(candidate.adjusted_rand),
            &share(candidate.share_min),
        ]);
    }
    grid
}

/// Returns a number with two decimals; what was not computed as a dash.
fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "–".to_owned() }
}

/// Share of the revenue from which on those who belong to no persona are told with theirs.
const REVENUE_SHARE_TOLD: f64 = 0.01;

/// Returns how many belong to no persona, in a sentence, and what they bring: a handful of customers
/// unlike all others may be the largest.
fn of_none(personas: &[Persona], n_unassigned: Option<u64>) -> Option<String> {
    let n_unassigned = n_unassigned.filter(|n| *n > 0)?;
    let (bring, belong) = if n_unassigned == 1 { ("brings", "belongs") } else { ("bring", "belong") };
    let shares = personas.iter().map(|persona| persona.revenue.as_ref().map(|revenue| revenue.share));
    let left = shares.sum::<Option<f64>>().map(|assigned| 1.0 - assigned);
    let left = left.filter(|left| *left >= REVENUE_SHARE_TOLD);
    let money = left.map_or_else(String::new, |left| format!(", who {bring} {} of the revenue,", share(left)));
    Some(format!("{}{money} {belong} to none of them", counted(n_unassigned, "customer")))
}
