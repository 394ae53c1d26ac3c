//! `throng import`: files become events, and every row is accounted for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;
use throng_engine::{
    Engine, ImportEffect, ImportForm, ImportReport, ImportRequest, MappingChoice, choose_mapping, detect_form, files_at,
};
use throng_event::{Instant, ProblemKind};
use throng_source::Form;

use super::check_readable;
use crate::arguments::{self, Format, ImportArguments};
use crate::failure::{self, Usage};
use crate::format::{clean, count, counted, duration, share, wrapped};
use crate::home::Session;
use crate::output::{Align, Grid, ImportBar, Output, rate};
use crate::world;

/// Clocks of sources may run ahead of ours by so much.
const CLOCK_AHEAD_MAX: i64 = Instant::DAY;

pub(super) fn run(session: &Session<'_>, arguments: &ImportArguments) -> anyhow::Result<()> {
    if let Some(mapping) = &arguments.mapping {
        check_readable(mapping)?;
    }
    let mut engine = session.engine()?;
    let mut done: Vec<(Prepared, ImportReport, f64)> = Vec::new();
    let mut failed: Vec<PathBuf> = Vec::new();
    for path in &arguments.paths {
        for file in files_at(path)? {
            check_readable(&file)?;
            let whole = if file == *path { None } else { Some(path.as_path()) };
            let earlier: Vec<MappingChoice> = done.iter().filter_map(|(file, ..)| file.mapping.clone()).collect();
            let imported = prepare(session.output, &engine, (&file, whole), arguments, &earlier).and_then(|prepared| {
                let (report, seconds) = import(session.output, &mut engine, &prepared)?;
                Ok((prepared, report, seconds))
            });
            match imported {
                Ok(one) => {
                    if session.output.format() != Format::Json {
                        print(session.output, &one.0, &one.1, one.2)?;
                    }
                    done.push(one);
                }
                // One bad file of a folder does not keep the others out.
                Err(error) if whole.is_some() => {
                    failure::report(&error);
                    failed.push(file);
                }
                Err(error) => return Err(error),
            }
        }
    }
    if session.output.format() != Format::Json && done.len() > 1 {
        print_all(session.output, &done)?;
    }
    if session.output.format() == Format::Json {
        let documents: Vec<_> =
            done.iter().map(|(prepared, report, seconds)| document(prepared, report, *seconds)).collect();
        session.output.json(&json!({ "imports": documents }))?;
    } else if arguments.dry_run {
        session.output.note("\nNothing was written, this was a dry run.");
    } else if engine.home().config().features.is_empty() {
        session.output.note("\nNext: throng features propose");
    } else {
        session.output.note("\nNext: throng discover");
    }
    if !failed.is_empty() {
        let names: Vec<String> = failed.iter().map(|file| clean(&file.display().to_string())).collect();
        bail!(
            "{} not imported: {}",
            counted(u64::try_from(failed.len()).unwrap_or(u64::MAX), "file"),
            names.join(", ")
        );
    }
    Ok(())
}

/// One file with what is known of it before it is read.
pub(super) struct Prepared {
    request: ImportRequest,
    /// The mapping of a table.
    mapping: Option<MappingChoice>,
}

/// Imports a data set that needs no mapping, for `throng demo`.
pub(super) fn import_known(
    session: &Session<'_>,
    engine: &mut Engine,
    path: &Path,
    form: ImportForm,
) -> anyhow::Result<()> {
    check_readable(path)?;
    let request = ImportRequest {
        path: path.to_owned(),
        source: source_name(path, &form),
        form,
        currency: None,
        latest: Instant(world::now().0 + CLOCK_AHEAD_MAX),
        effect: ImportEffect::Write,
    };
    let prepared = Prepared { request, mapping: None };
    let (report, seconds) = import(session.output, engine, &prepared)?;
    print(session.output, &prepared, &report, seconds)
}

/// Settles what a file is and how it is read. `whole` is the folder or pattern it is
/// part of, `earlier` are the mappings of the files before.
fn prepare(
    output: Output<'_>,
    engine: &Engine,
    (path, whole): (&Path, Option<&Path>),
    arguments: &ImportArguments,
    earlier: &[MappingChoice],
) -> anyhow::Result<Prepared> {
    let form = match arguments.form {
        arguments::ImportForm::Auto => {
            let (form, why) = detect_form(path)?;
            output.note(&format!("{} is read as {}: {why}", clean(&path.display().to_string()), form.as_str()));
            form
        }
        arguments::ImportForm::Form(form) => form,
    };
    if form != Form::Table && arguments.mapping.is_some() {
        let what = format!("{path:?} is read as {}, which takes no mapping", form.as_str());
        bail!(Usage { what, hint: "leave --mapping out, or say `throng import table`".to_owned() });
    }
    let mut mapping = None;
    let form = if form == Form::Table {
        let today = engine.home().config().calendar.local(world::now()).0;
        let choice = choose_mapping(engine.home(), path, arguments.mapping.as_deref(), (today, earlier))?;
        let form = ImportForm::Table(Box::new(choice.mapping.clone()));
        mapping = Some(choice);
        form
    } else {
        ImportForm::Known(form)
    };
    let effect = if arguments.dry_run { ImportEffect::DryRun } else { ImportEffect::Write };
    if let Some(choice) = &mapping {
        tell_mapping(output, engine, choice, effect)?;
    }
    let request = ImportRequest {
        path: path.to_owned(),
        source: arguments.source.clone().unwrap_or_else(|| source_name(whole.unwrap_or(path), &form)),
        form,
        currency: arguments.currency,
        latest: Instant(world::now().0 + CLOCK_AHEAD_MAX),
        effect,
    };
    Ok(Prepared { request, mapping })
}

/// Shows a proposed mapping, and keeps it for the next file of that name.
fn tell_mapping(
    output: Output<'_>,
    engine: &Engine,
    choice: &MappingChoice,
    effect: ImportEffect,
) -> anyhow::Result<()> {
    let path = choice.path.display();
    let name = choice.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(unsure) = &choice.proposed else {
        if choice.path.exists() {
            output.note(&format!("mapping: {path}"));
        } else {
            output.note("mapping: that of the table before, which has the same columns");
            if effect == ImportEffect::Write {
                engine.home().write_mapping(&name, &choice.text)?;
            }
        }
        return Ok(());
    };
    match effect {
        ImportEffect::Write => {
            let written = engine.home().write_mapping(&name, &choice.text)?;
            output.note(&format!("a mapping was proposed and written to {}:\n", written.display()));
        }
        ImportEffect::DryRun => output.note("the proposed mapping:\n"),
    }
    let lines: Vec<String> = choice.text.lines().map(|line| format!("    {}", clean(line))).collect();
    output.note(&lines.join("\n"));
    if !unsure.is_empty() {
        output.note("\nTo check in it:");
        for note in unsure {
            output.note(&wrapped(&format!("• {}", clean(&note.to_string())), output.prose_width(), 2));
        }
    }
    output.note("");
    Ok(())
}

/// Returns the name of a source: the file's or folder's, up to its first dot; of a
/// pattern what stands before its first wildcard.
fn source_name(path: &Path, form: &ImportForm) -> String {
    if matches!(form, ImportForm::Known(Form::CompleteJourney)) {
        return form.as_str().to_owned();
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split(['.', '*', '?', '[']).find(|part| !part.is_empty()).unwrap_or(form.as_str());
    stem.trim_end_matches(['-', '_']).to_owned()
}

fn import(output: Output<'_>, engine: &mut Engine, prepared: &Prepared) -> anyhow::Result<(ImportReport, f64)> {
    let path = &prepared.request.path;
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {path:?}"))?;
    let n_bytes = metadata.is_file().then_some(metadata.len());
    let bar = ImportBar::new(output, &prepared.request.source, n_bytes);
    let report = engine.import(&prepared.request, &mut |progress| bar.show(progress.n_bytes, progress.n_rows));
    let seconds = bar.finish();
    Ok((report?, seconds))
}

fn document(prepared: &Prepared, report: &ImportReport, seconds: f64) -> serde_json::Value {
    let by_kind = |counts: &std::collections::BTreeMap<ProblemKind, u64>| -> serde_json::Value {
        counts.iter().map(|(kind, n_rows)| (kind.reason().to_owned(), json!(n_rows))).collect()
    };
    json!({
        "path": prepared.request.path,
        "form": prepared.request.form.as_str(),
        "source": prepared.request.source,
        "dry_run": prepared.request.effect == ImportEffect::DryRun,
        "mapping": prepared.mapping.as_ref().map(|choice| json!({
            "path": choice.path,
            "proposed": choice.proposed.is_some(),
            "text": choice.text,
            "unsure": choice.proposed.iter().flatten().map(ToString::to_string).collect::<Vec<_>>(),
        })),
        "rows_read": report.tally.rows_read,
        "rows_new": report.rows_new,
        "rows_repeated": report.rows_repeated,
        "rows_quarantined": report.tally.rows_quarantined,
        "events_new": report.events_new,
        "events_repeated": report.events_repeated,
        "quarantined_new": report.quarantined_new,
        "quarantined_by_reason": by_kind(&report.tally.quarantined),
        "mended_by_reason": by_kind(&report.tally.mended),
        "seconds": seconds,
    })
}

fn print(output: Output<'_>, prepared: &Prepared, report: &ImportReport, seconds: f64) -> anyhow::Result<()> {
    let tally = &report.tally;
    let path = clean(&prepared.request.path.display().to_string());
    output.heading(&format!("{path} ({})", prepared.request.form.as_str()))?;
    let mut grid =
        Grid::new(&[("", Align::Whole), ("rows", Align::Right), ("", Align::Right), ("events", Align::Right)]);
    let of_read = |n_rows: u64| part(n_rows, tally.rows_read);
    let line =
        |n_rows: u64, n_events: Option<u64>| [count(n_rows), of_read(n_rows), n_events.map(count).unwrap_or_default()];
    let mut row = |name: &str, cells: [String; 3]| {
        let [n_rows, share, n_events] = cells;
        grid.row([name, &n_rows, &share, &n_events]);
    };
    row("read", [count(tally.rows_read), String::new(), String::new()]);
    row("new", line(report.rows_new, Some(report.events_new)));
    row("known already", line(report.rows_repeated, Some(report.events_repeated)));
    row("quarantined", line(tally.rows_quarantined, None));
    output.grid(&grid)?;
    reasons(output, "quarantined", &tally.quarantined)?;
    reasons(output, "mended", &tally.mended)?;
    if tally.rows_read > 0 && tally.rows_quarantined == tally.rows_read {
        output.note(&format!("Nothing in it became an event; is it really {}?", prepared.request.form.as_str()));
    }
    output.text(&format!("{}, {} a second", duration(seconds), counted(rate(tally.rows_read, seconds), "row")))?;
    Ok(())
}

/// Shows what several files came to.
fn print_all(output: Output<'_>, done: &[(Prepared, ImportReport, f64)]) -> anyhow::Result<()> {
    let n_files = u64::try_from(done.len()).unwrap_or(u64::MAX);
    output.heading(&format!("\nAll {}", counted(n_files, "file")))?;
    let sum = |of: fn(&ImportReport) -> u64| done.iter().map(|(_, report, _)| of(report)).sum::<u64>();
    let mut grid = Grid::new(&[("", Align::Whole), ("rows", Align::Right), ("events", Align::Right)]);
    grid.row(["read", &count(sum(|report| report.tally.rows_read)), ""]);
    grid.row(["new", &count(sum(|report| report.rows_new)), &count(sum(|report| report.events_new))]);
    let repeated = [sum(|report| report.rows_repeated), sum(|report| report.events_repeated)].map(count);
    grid.row(["known already", &repeated[0], &repeated[1]]);
    grid.row(["quarantined", &count(sum(|report| report.tally.rows_quarantined)), ""]);
    output.grid(&grid)?;
    Ok(())
}

fn part(n: u64, of: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    let part = n as f64 / of as f64;
    if of == 0 { String::new() } else { share(part) }
}

fn reasons(
    output: Output<'_>,
    heading: &str,
    counts: &std::collections::BTreeMap<ProblemKind, u64>,
) -> anyhow::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let mut grid = Grid::new(&[(heading, Align::Whole), ("rows", Align::Right), ("what to do", Align::Left)]);
    let mut ranked: Vec<(&ProblemKind, &u64)> = counts.iter().collect();
    ranked.sort_by_key(|(kind, n_rows)| (std::cmp::Reverse(**n_rows), **kind));
    for (kind, n_rows) in ranked {
        grid.row([kind.reason(), &count(*n_rows), kind.advice()]);
    }
    output.grid(&grid)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_after_its_file() {
        for (path, name) in [
            ("a/orders.csv.zst", "orders"),
            ("events", "events"),
            (".hidden.csv", "hidden"),
            ("a/orders-*.csv", "orders"),
            ("a/*", "segment"),
        ] {
            assert_eq!(source_name(Path::new(path), &ImportForm::Known(Form::Segment)), name);
        }
        assert_eq!(source_name(Path::new("x.whl"), &ImportForm::Known(Form::CompleteJourney)), "complete-journey");
    }
}
