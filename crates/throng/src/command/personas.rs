//! `throng personas`: the personas of the newest discovery, with their evidence.
#![expect(clippy::let_underscore_must_use, reason = "writing to a String cannot fail")]

use std::fmt::Write as _;

use anyhow::bail;
use owo_colors::OwoColorize;
use throng_engine::{BookOutcome, DiscoverRequest, Engine, PersonaBook};
use throng_feature::FeatureDefinition;
use throng_learn::Interval;
use throng_persona::{Claim, ClaimKind, History, Persona, Refusal};

use super::{activity, compare, map, notes, reliability, write_file};
use crate::arguments::{
    ContinuumWanted, Format, PersonasCommand, PersonasExportArguments, PersonasShowArguments, PersonasValidateArguments,
};
use crate::failure::Usage;
use crate::format::{NO_BREAK, clean, count, counted, day, money, share, wrapped};
use crate::home::Session;
use crate::output::{Align, Grid, Output};
use crate::wire::{BookDocument, HistoryDocument, ValidationDocument};
use crate::wording::{Wording, advice, confidence, drawn};

pub(super) fn run(session: &Session<'_>, command: PersonasCommand) -> anyhow::Result<()> {
    let (output, mut engine) = (session.output, session.engine()?);
    let book = || engine.persona_book();
    let features = &engine.home().config().features;
    match command {
        PersonasCommand::List => list(output, &book()?),
        PersonasCommand::Show(arguments) => show(output, &book()?, features, &arguments),
        PersonasCommand::Export(arguments) => export(output, &book()?, features, &arguments),
        PersonasCommand::Validate(arguments) => validate(output, &engine, &arguments),
        PersonasCommand::Reliability => reliability::run(output, &engine),
        PersonasCommand::History => history(output, &engine.persona_history()?),
        PersonasCommand::Compare(arguments) => compare::run(output, &engine, &arguments),
        PersonasCommand::Map(arguments) => map::run(output, &engine, &arguments),
        PersonasCommand::Activity => activity::run(output, &engine),
        PersonasCommand::Note(arguments) => notes::add(output, &mut engine, &arguments),
        PersonasCommand::Notes(arguments) => notes::list(output, &engine, &arguments),
    }
}

/// Returns all personas of a book.
pub(super) fn shown(book: &PersonaBook) -> Vec<&Persona> {
    match &book.outcome {
        BookOutcome::Found(personas) => personas.iter().collect(),
        BookOutcome::Refused(_) => Vec::new(),
    }
}

/// Returns the personas as a table.
pub(super) fn list_grid(personas: &[Persona]) -> Grid {
    let mut grid = Grid::new(&[
        ("id", Align::Whole),
        ("persona", Align::Left),
        ("customers", Align::Right),
        ("share", Align::Right),
        ("of revenue", Align::Right),
        ("revenue", Align::Right),
        ("stability", Align::Whole),
    ]);
    for persona in personas {
        let (of_revenue, revenue) = persona.revenue.map_or_else(
            || ("–".to_owned(), "–".to_owned()),
            |revenue| {
                let total = throng_event::Money { minor: revenue.minor, currency: revenue.currency };
                (share(revenue.share), money(total))
            },
        );
        grid.row([
            persona.id.as_str(),
            &persona.name,
            &count(persona.n_profiles),
            &share(persona.share),
            &of_revenue,
            &revenue,
            persona.confidence().as_str(),
        ]);
    }
    grid
}

fn list(output: Output<'_>, book: &PersonaBook) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        output.json(&BookDocument::of(book, &shown(book)))?;
        return Ok(());
    }
    match &book.outcome {
        BookOutcome::Found(personas) => output.grid(&list_grid(personas))?,
        BookOutcome::Refused(refusal) => output.text(&refused(refusal, output.prose_width()))?,
    }
    Ok(())
}

fn refused(refusal: &Refusal, width: usize) -> String {
    let mut text = wrapped(&format!("No personas were found. {}", refusal.text), width, 0);
    for line in advice(refusal) {
        text.push('\n');
        text.push_str(&wrapped(&format!("• {line}"), width, 2));
    }
    text
}

fn show(
    output: Output<'_>,
    book: &PersonaBook,
    features: &[FeatureDefinition],
    arguments: &PersonasShowArguments,
) -> anyhow::Result<()> {
    let personas = if arguments.personas.is_empty() {
        shown(book)
    } else {
        arguments.personas.iter().map(|wanted| find(book, wanted)).collect::<anyhow::Result<_>>()?
    };
    let wording = Wording::new(features);
    match (output.format(), &book.outcome) {
        (Format::Json, _) => output.json(&BookDocument::of(book, &personas))?,
        (_, BookOutcome::Refused(refusal)) => output.text(&refused(refusal, output.prose_width()))?,
        (Format::Markdown, _) => output.text(&markdown(book, &personas, wording))?,
        (Format::Text, _) => {
            let pages: Vec<String> =
                personas.iter().map(|persona| page(book, persona, wording, output.prose_width())).collect();
            output.text(&pages.join("\n"))?;
        }
    }
    Ok(())
}

/// Returns the persona somebody means by an id, a name, or a part of one name only.
///
/// # Errors
/// [`Usage`] when there is none or more than one.
pub(super) fn find<'a>(book: &'a PersonaBook, wanted: &str) -> anyhow::Result<&'a Persona> {
    let personas = shown(book);
    let lower = wanted.to_lowercase();
    // A sub-kind goes by its id only: its name tells it from the others of its persona.
    if let Some(kind) = book.sub_kinds.iter().find(|kind| kind.id.as_str() == lower) {
        return Ok(kind);
    }
    let exact = |persona: &&&Persona| persona.id.as_str() == lower || persona.name.to_lowercase() == lower;
    if let Some(persona) = personas.iter().find(exact) {
        return Ok(persona);
    }
    let parts: Vec<&&Persona> =
        personas.iter().filter(|persona| persona.name.to_lowercase().contains(&lower)).collect();
    if let [persona] = parts[..] {
        return Ok(persona);
    }
    let known: Vec<String> = personas.iter().map(|persona| format!("{} ({})", persona.id, persona.name)).collect();
    let hint =
        if known.is_empty() { "run `throng discover`".to_owned() } else { format!("there are: {}", known.join(", ")) };
    let what = match parts.len() {
        0 => format!("no persona is called {wanted:?}"),
        n_parts => format!("{n_parts} personas are called {wanted:?}"),
    };
    bail!(Usage { what, hint })
}

/// Kinds of claims under the headings they are shown under, in order.
pub(crate) const SECTIONS: [(&str, ClaimKind); 5] = [
    ("How to tell them", ClaimKind::Rule),
    ("What sets them apart", ClaimKind::Distinction),
    ("What they cost", ClaimKind::Cost),
    ("Next to the persona most like them", ClaimKind::Nearest),
    ("Who they are", ClaimKind::Demographic),
];

/// Prints every discovery and what became of the personas.
fn history(output: Output<'_>, history: &History) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        let entries: Vec<HistoryDocument> = history.entries().iter().map(HistoryDocument::of).collect();
        output.json(&entries)?;
        return Ok(());
    }
    if history.entries().is_empty() {
        output.text("No personas have been looked for yet: run `throng discover`.")?;
    }
    for entry in history.entries() {
        output.text(&wrapped(&clean(&entry.sentence()), output.prose_width(), 0))?;
        for event in &entry.events {
            output.text(&wrapped(&format!("• {}", clean(&event.sentence())), output.prose_width(), 2))?;
        }
    }
    Ok(())
}

/// Prints how well personas predict.
fn validate(output: Output<'_>, engine: &Engine, arguments: &PersonasValidateArguments) -> anyhow::Result<()> {
    let request = DiscoverRequest {
        as_of: arguments.as_of,
        personas: None,
        seed: arguments.seed,
        continuum: arguments.continuum.map(ContinuumWanted::continuum),
        method: arguments.method,
        now: None,
    };
    let validation = engine.validate_personas(&request, arguments.days)?;
    if output.format() == Format::Json {
        output.json(&ValidationDocument::of(&validation))?;
        return Ok(());
    }
    output.text(&format!(
        "{} known on {}, and what they did in the {} days after",
        counted(u64::try_from(validation.n_profiles).unwrap_or(u64::MAX), "customer"),
        day(validation.as_of),
        validation.n_days
    ))?;
    if let Err(refusal) = &validation.personas {
        return Ok(output.text(&refused(refusal, output.prose_width()))?);
    }
    let columns = [
        ("of", Align::Whole),
        ("customers grouped by", Align::Left),
        ("explained", Align::Right),
        ("95 %", Align::Right),
        ("more than RFM", Align::Right),
        ("95 %", Align::Right),
    ];
    let mut grid = Grid::new(&columns);
    let range = |interval: Interval| format!("{} to {}", points(interval.low), points(interval.high));
    for outcome in &validation.outcomes {
        match &outcome.groupings {
            Err(error) => grid.row([outcome.what, &format!("cannot be judged: {error}"), "", "", "", ""]),
            Ok(groupings) => {
                for (idx, grouping) in groupings.iter().enumerate() {
                    let (gain, gain_range) = match idx {
                        0 => (String::new(), String::new()),
                        _ => (points(grouping.gain.estimate), range(grouping.gain)),
                    };
                    let what = if idx == 0 { outcome.what } else { "" };
                    let explained = points(grouping.explained.estimate);
                    grid.row([what, &grouping.name, &explained, &range(grouping.explained), &gain, &gain_range]);
                }
            }
        }
    }
    output.grid(&grid)?;
    output.note(
        "Shares of the deviance explained on customers left out of the fit, in per cent; 0 is no better than the mean.",
    );
    Ok(())
}

fn points(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// Returns everything about a persona, or a sub-kind, as lines for a terminal.
pub(super) fn page(book: &PersonaBook, persona: &Persona, wording: Wording<'_>, width: usize) -> String {
    let mut text = String::new();
    let name = format!("{} · {}", persona.id, clean(&persona.name));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", name.bold().cyan());
    let _ = writeln!(text, "{}\n", wrapped(&clean(&persona.summary), width, 0));
    // A sub-kind is held against its persona.
    let whole = persona.id.parent().map_or_else(String::new, |parent| format!(" of {parent}"));
    let mut facts = vec![format!("{} ({}{whole})", counted(persona.n_profiles, "customer"), share(persona.share))];
    if let Some(revenue) = persona.revenue {
        let total = throng_event::Money { minor: revenue.minor, currency: revenue.currency };
        facts.push(format!("{} ({} of the revenue{whole})", money(total), share(revenue.share)));
    }
    let _ = writeln!(text, "  {}", facts.join("  ·  "));
    let word = persona.confidence();
    if let Some(negative) = persona.negative() {
        let _ = writeln!(text, "  {}", wrapped(&clean(&negative.sentence), width - 2, 2).yellow());
    }
    let stability = format!("{} ({}): {}", word.as_str(), share(persona.stability), confidence(word));
    let _ = writeln!(text, "  {}", wrapped(&stability, width - 2, 2));
    for (heading, kind) in SECTIONS {
        let claims: Vec<&Claim> = persona.claims.iter().filter(|claim| claim.kind == kind).collect();
        if claims.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n  {}", heading.bold());
        for claim in claims {
            let statement = wrapped(&clean(&claim.statement), width - 4, 4);
            let _ = writeln!(text, "  • {statement}");
            let _ = writeln!(text, "    {}", wrapped(&evidence(claim, wording), width - 4, 4).dimmed());
        }
    }
    for (position, kind) in book.kinds_within(&persona.id).enumerate() {
        if position == 0 {
            let _ = writeln!(text, "\n  {}", "Kinds within it".bold());
        }
        let name = format!("{} · {}", kind.id, clean(&kind.name));
        let _ = writeln!(text, "  • {}", name.bold());
        let _ = writeln!(text, "    {}", wrapped(&clean(&kind.summary), width - 4, 4));
    }
    if !persona.exemplars.is_empty() {
        let ids: Vec<String> = persona.exemplars.iter().map(|id| clean(id.as_str())).collect();
        let _ = writeln!(text, "\n  {}", "Typical customers".bold());
        let _ = writeln!(text, "    {}", wrapped(&ids.join(", "), width - 4, 4));
    }
    text
}

/// Returns what a claim rests on, in a line.
fn evidence(claim: &Claim, wording: Wording<'_>) -> String {
    let (inside, outside) = wording.values(claim);
    let evidence = &claim.evidence;
    let parts = [
        match &claim.against {
            Some(other) => format!("{inside} against {outside} of {other}"),
            None => format!("{inside} against {outside}"),
        },
        format!("95 %: {}", wording.interval(claim)),
        format!("{} effect", evidence.effect.word()),
        format!("n = {} and {}", count(evidence.n_persona), count(evidence.n_rest)),
    ];
    // Lines are broken between the parts, never within one.
    parts.map(|part| clean(&part).replace(' ', NO_BREAK)).join(" · ")
}

fn markdown(book: &PersonaBook, personas: &[&Persona], wording: Wording<'_>) -> String {
    let mut text = format!("# Personas as of {}\n", day(book.as_of));
    if let Some(drawn) = drawn(book) {
        let _ = writeln!(text, "\n{drawn}");
    }
    for persona in personas {
        let _ = writeln!(text, "\n## {} ({})\n", plain(&persona.name), persona.id);
        let _ = writeln!(text, "{}\n", plain(&persona.summary));
        let _ = writeln!(text, "- Customers: {} ({})", count(persona.n_profiles), share(persona.share));
        if let Some(revenue) = persona.revenue {
            let total = throng_event::Money { minor: revenue.minor, currency: revenue.currency };
            let _ = writeln!(text, "- Revenue: {} ({} of all)", money(total), share(revenue.share));
        }
        let stability = persona.confidence();
        let _ = writeln!(text, "- Stability: {} ({})", share(persona.stability), stability.as_str());
        let _ =
            writeln!(text, "\n| what is said | persona | the others | 95 % interval | effect | customers | claim |");
        let _ = writeln!(text, "|---|---|---|---|---|---|---|");
        for claim in &persona.claims {
            let (inside, outside) = wording.values(claim);
            let _ = writeln!(
                text,
                "| {} | {inside} | {outside} | {} | {} | {} | `{}` |",
                plain(&claim.statement),
                wording.interval(claim),
                claim.evidence.effect.word(),
                count(claim.evidence.n_persona),
                claim.id
            );
        }
        for (position, kind) in book.kinds_within(&persona.id).enumerate() {
            let heading = if position == 0 { "\nKinds within it:\n\n" } else { "" };
            let _ = writeln!(text, "{heading}- **{}** ({}): {}", plain(&kind.name), kind.id, plain(&kind.summary));
        }
        let ids: Vec<String> = persona.exemplars.iter().map(|id| format!("`{}`", clean(id.as_str()))).collect();
        if !ids.is_empty() {
            let _ = writeln!(text, "\nTypical customers: {}", ids.join(", "));
        }
    }
    text
}

/// Returns a text from data so that Markdown takes it as text.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in clean(text).chars() {
        if matches!(character, '|' | '<' | '>' | '*' | '_' | '`' | '[' | ']' | '#' | '\\') {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

fn export(
    output: Output<'_>,
    book: &PersonaBook,
    features: &[FeatureDefinition],
    arguments: &PersonasExportArguments,
) -> anyhow::Result<()> {
    let personas = shown(book);
    let document = match output.format() {
        Format::Markdown => markdown(book, &personas, Wording::new(features)),
        // Text is for reading, an export for keeping: it is JSON unless it is Markdown.
        Format::Text | Format::Json => {
            let mut json = serde_json::to_string_pretty(&BookDocument::of(book, &personas))?;
            json.push('\n');
            json
        }
    };
    match &arguments.output {
        None => output.raw(document.as_bytes())?,
        Some(path) => {
            write_file(path, document.as_bytes())?;
            output.note(&format!("{} personas are in {}", personas.len(), path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_cannot_break_out_of_markdown() {
        assert_eq!(plain("a|b <b>"), "a\\|b \\<b\\>");
        assert_eq!(plain("50 % of spend"), "50 % of spend");
    }
}
