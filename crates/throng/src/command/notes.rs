//! `throng personas note` and `throng personas notes`: what was heard, beside what was counted.

use serde_json::json;
use throng_engine::{Engine, Note};

use super::personas::find;
use crate::arguments::{Format, PersonasNoteArguments, PersonasShowArguments};
use crate::format::clean;
use crate::output::{Align, Grid, Output};
use crate::wire::rfc_3339;
use crate::world;

pub(super) fn add(output: Output<'_>, engine: &mut Engine, arguments: &PersonasNoteArguments) -> anyhow::Result<()> {
    let persona = find(&engine.persona_book()?, &arguments.persona)?.id.clone();
    let note = Note { persona, text: arguments.text.clone(), source: arguments.source.clone(), noted_at: world::now() };
    engine.add_note(&note)?;
    if output.format() == Format::Json {
        output.json(&json!({ "persona": note.persona.as_str(), "noted_at": rfc_3339(note.noted_at) }))?;
    } else {
        output.text(&format!("noted, of {}", note.persona))?;
    }
    Ok(())
}

pub(super) fn list(output: Output<'_>, engine: &Engine, arguments: &PersonasShowArguments) -> anyhow::Result<()> {
    let mut notes = engine.notes()?;
    if !arguments.personas.is_empty() {
        let book = engine.persona_book()?;
        let wanted: Vec<_> = arguments
            .personas
            .iter()
            .map(|wanted| find(&book, wanted).map(|persona| persona.id.clone()))
            .collect::<anyhow::Result<_>>()?;
        notes.retain(|note| wanted.contains(&note.persona));
    }
    if output.format() == Format::Json {
        let notes = notes.iter().map(|note| {
            json!({
                "persona": note.persona.as_str(),
                "text": note.text,
                "source": note.source,
                "noted_at": rfc_3339(note.noted_at),
            })
        });
        output.json(&notes.collect::<Vec<_>>())?;
        return Ok(());
    }
    if notes.is_empty() {
        output.note("There are no notes; `throng personas note` keeps one.");
        return Ok(());
    }
    let mut grid =
        Grid::new(&[("persona", Align::Whole), ("noted", Align::Whole), ("note", Align::Left), ("from", Align::Left)]);
    for note in &notes {
        let source = clean(note.source.as_deref().unwrap_or_default());
        grid.row([note.persona.as_str(), &note.noted_at.to_string(), &clean(&note.text), &source]);
    }
    output.grid(&grid)?;
    Ok(())
}
