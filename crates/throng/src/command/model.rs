//! `throng model`: the models that were kept, which of them is live, and what another would change.

use throng_engine::{Engine, FittedModel, ModelEntry, ModelRole, ModelVersion};
use throng_persona::{ModelComparison, PersonaId};

use crate::arguments::{Format, ModelCommand, Shadow};
use crate::format::{clean, count, counted, day, share, wrapped};
use crate::home::Session;
use crate::output::{Align, Grid, Output};
use crate::wire::{ComparisonDocument, ModelDocument, RolesDocument, WholeModelDocument, rfc_3339};
use crate::world;

pub(super) fn run(session: &Session<'_>, command: ModelCommand) -> anyhow::Result<()> {
    let mut engine = session.engine()?;
    let (output, now) = (session.output, Some(world::now()));
    match command {
        ModelCommand::List => list(output, &engine.models()?),
        ModelCommand::Show(arguments) => show(output, &engine.model(arguments.version)?),
        ModelCommand::Promote(arguments) => {
            engine.promote_model(arguments.version, now)?;
            roles(output, &engine, &format!("{} is live now", arguments.version))
        }
        ModelCommand::Rollback => {
            let version = engine.roll_back_model(now)?;
            roles(output, &engine, &format!("{version} is live again"))
        }
        ModelCommand::Shadow(arguments) => {
            let Shadow(version) = arguments.version;
            engine.shadow_model(version, now)?;
            let told = version.map(|version| format!("{version} scores beside the live model, silently"));
            roles(output, &engine, &told.unwrap_or_else(|| "no model scores beside the live one".to_owned()))
        }
        ModelCommand::Compare(arguments) => {
            let versions = (arguments.first, arguments.second);
            compare(output, versions, &engine.compare_models(versions.0, versions.1)?)
        }
    }
}

/// Says which model is live, where it is not that of the newest discovery.
pub(super) fn print_waiting(output: Output<'_>, engine: &Engine) -> anyhow::Result<()> {
    let models = engine.models()?;
    let live = models.iter().find(|entry| entry.role == Some(ModelRole::Live));
    if let (Some(live), Some(newest)) = (live, models.last())
        && live.version != newest.version
    {
        let (live, newest) = (live.version, newest.version);
        output.note(&format!(
            "The live model is {live}, that of these personas {newest}: see `throng model compare {live} {newest}`, \
             and `throng model promote {newest}`"
        ));
    }
    Ok(())
}

fn list(output: Output<'_>, models: &[ModelEntry]) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        output.json(&models.iter().map(ModelDocument::of).collect::<Vec<_>>())?;
        return Ok(());
    }
    if models.is_empty() {
        output.text("There is no model yet: `throng discover` keeps one when it finds personas.")?;
        return Ok(());
    }
    let mut grid = Grid::new(&[
        ("model", Align::Whole),
        ("", Align::Whole),
        ("made", Align::Whole),
        ("as of", Align::Whole),
        ("method", Align::Whole),
        ("customers", Align::Right),
        ("personas", Align::Left),
    ]);
    for entry in models {
        let names: Vec<String> =
            entry.personas.iter().map(|persona| format!("{} {}", persona.id, persona.name)).collect();
        grid.row([
            entry.version.to_string().as_str(),
            entry.role.map_or("", ModelRole::as_str),
            &made(entry),
            &entry.as_of.to_string(),
            entry.method.as_str(),
            &count(entry.n_profiles),
            &names.join("; "),
        ]);
    }
    Ok(output.grid(&grid)?)
}

/// Returns the minute at which a model was made, in Coordinated Universal Time.
fn made(entry: &ModelEntry) -> String {
    let written = entry.made_at.and_then(rfc_3339).unwrap_or_else(|| "–".to_owned());
    written.split_at_checked("2024-12-31T23:59".len()).map_or(written.clone(), |(minute, _)| minute.replace('T', " "))
}

fn show(output: Output<'_>, fitted: &FittedModel) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        output.json(&WholeModelDocument::of(fitted))?;
        return Ok(());
    }
    let entry = &fitted.entry;
    let role = entry.role.map_or_else(String::new, |role| format!(", {}", role.as_str()));
    output.heading(&format!("{}{role}", entry.version))?;
    output.text(&format!(
        "made {} from {} as of {}, seed {}, method {}",
        made(entry),
        counted(entry.n_profiles, "customer"),
        day(entry.as_of),
        entry.seed,
        entry.method.as_str()
    ))?;
    let currency = fitted.currency.map_or_else(|| "no currency".to_owned(), |currency| currency.to_string());
    output.text(&format!(
        "days and hours in {}, {currency}, sessions end after {} minutes",
        fitted.calendar.name(),
        fitted.session_gap_minutes
    ))?;
    output.text("")?;
    let mut grid = Grid::new(&[("persona", Align::Whole), ("name", Align::Left), ("customers", Align::Right)]);
    for persona in &entry.personas {
        grid.row([persona.id.as_str(), &persona.name, &count(persona.n_profiles)]);
    }
    output.grid(&grid)?;
    let names: Vec<&str> = fitted.features.iter().map(|definition| definition.name.as_str()).collect();
    let n_features = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let reads = format!("It reads {}: {}", counted(n_features, "feature"), clean(&names.join(", ")));
    Ok(output.text(&wrapped(&reads, output.prose_width(), 0))?)
}

fn roles(output: Output<'_>, engine: &Engine, told: &str) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        let models = engine.models()?;
        let with = |role: ModelRole| models.iter().find(|entry| entry.role == Some(role));
        let version = |role: ModelRole| with(role).map(|entry| entry.version.to_string());
        output.json(&RolesDocument { live: version(ModelRole::Live), shadow: version(ModelRole::Shadow) })?;
        return Ok(());
    }
    Ok(output.text(told)?)
}

fn compare(
    output: Output<'_>,
    (first, second): (ModelVersion, ModelVersion),
    comparison: &ModelComparison,
) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        output.json(&ComparisonDocument::of((first.to_string(), second.to_string()), comparison))?;
        return Ok(());
    }
    output.text(&format!(
        "Of {}, {} count for the same persona by {first} and by {second}; {} go elsewhere.",
        counted(comparison.n_scored(), "customer"),
        share(comparison.agreement),
        count(comparison.n_moved())
    ))?;
    output.text(&format!(
        "Adjusted Rand index {:.3}: 1 is the same groups, 0 what chance gives.",
        comparison.adjusted_rand
    ))?;
    output.heading(&format!("\nFrom the personas of {first} (down) to those of {second} (across)"))?;
    let word = |id: Option<&PersonaId>| id.map_or_else(|| "none".to_owned(), PersonaId::to_string);
    let across: Vec<String> = (0..=comparison.second.len()).map(|idx| word(comparison.second.get(idx))).collect();
    let mut columns = vec![("", Align::Whole)];
    columns.extend(across.iter().map(|name| (name.as_str(), Align::Right)));
    let mut grid = Grid::new(&columns);
    for (idx, row) in comparison.n_profiles.iter().enumerate() {
        let mut cells = vec![word(comparison.first.get(idx))];
        cells.extend(row.iter().map(|n| if *n == 0 { String::new() } else { count(*n) }));
        grid.row(cells);
    }
    output.grid(&grid)?;
    if !comparison.share_differences.is_empty() {
        let each = comparison.share_differences.iter();
        let each: Vec<String> = each.map(|(id, difference)| format!("{id} {}", share(*difference))).collect();
        output.text(&format!("The shares differ on average by: {}", each.join(", ")))?;
    }
    if comparison.examples.is_empty() {
        return Ok(());
    }
    output.heading("\nFor example")?;
    let mut grid = Grid::new(&[
        ("customer", Align::Whole),
        (&format!("by {first}"), Align::Whole),
        (&format!("by {second}"), Align::Whole),
    ]);
    for example in comparison.examples.iter().take(EXAMPLES_SHOWN) {
        let side = |(id, of): &(Option<PersonaId>, f64)| format!("{} ({})", word(id.as_ref()), share(*of));
        grid.row([example.profile.as_str(), &side(&example.first), &side(&example.second)]);
    }
    Ok(output.grid(&grid)?)
}

/// Examples that are shown; JSON has all of them.
const EXAMPLES_SHOWN: usize = 10;
