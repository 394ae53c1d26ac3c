//! `--customers`: who is behind a row, on the screen or in a file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use throng_profile::ProfileId;

use super::super::{check_folder_of, write_file};
use super::answer::Answer;
use super::asked::{Asked, Group};
use crate::arguments::Format;
use crate::failure::Usage;
use crate::format::{clean, counted};

/// Ids shown on a screen; a file takes all.
const SHOWN_MAX: usize = 20;

/// How a file is written.
#[derive(Clone, Copy)]
enum Form {
    Csv,
    Parquet,
}

/// The customers of one group.
struct Listed<'a> {
    group: &'a Group,
    key: String,
    ids: Vec<&'a ProfileId>,
}

/// Lists the customers behind one row of the answer for each group; `answer` is given how
/// many rows are wanted, where that differs from what was typed.
pub(super) fn list<'g>(
    asked: &'g Asked<'_>,
    wanted: &str,
    out: Option<&Path>,
    answer: &dyn Fn(&'g Group, Option<usize>) -> anyhow::Result<Answer<'g>>,
) -> anyhow::Result<()> {
    let file = out.map(|path| Ok::<_, anyhow::Error>((path, form(path)?))).transpose()?;
    let mut listed = Vec::new();
    let mut missing = None;
    for group in asked.groups() {
        match of_group(asked, group, wanted, answer) {
            Ok(found) => listed.push(found),
            // A row of one group need not be there in the other.
            Err(error) => missing = Some(error),
        }
    }
    if let (true, Some(error)) = (listed.is_empty(), missing) {
        return Err(error);
    }
    if let Some((path, form)) = file {
        let bytes = match form {
            Form::Csv => comma_separated(&listed).context("cannot write the customers")?,
            Form::Parquet => parquet(&listed)?,
        };
        write_file(path, &bytes)?;
    }
    print(asked, &listed, out)
}

fn of_group<'g>(
    asked: &'g Asked<'_>,
    group: &'g Group,
    wanted: &str,
    answer: &dyn Fn(&'g Group, Option<usize>) -> anyhow::Result<Answer<'g>>,
) -> anyhow::Result<Listed<'g>> {
    // Rows as shown first, so that "(other)" is what it is there; then all of them.
    let shown = answer(group, None)?;
    let listed = |answer: &Answer<'_>| {
        let opening = answer.opening(wanted)?;
        let members = (opening.profiles)();
        let id = |number: u32| asked.profiles.get(usize::try_from(number).ok()?);
        Ok(Listed { group, key: opening.key.clone(), ids: members.iter().filter_map(id).collect() })
    };
    listed(&shown).or_else(|error: anyhow::Error| listed(&answer(group, Some(usize::MAX))?).map_err(|_| error))
}

fn print(asked: &Asked<'_>, listed: &[Listed<'_>], out: Option<&Path>) -> anyhow::Result<()> {
    let output = asked.session.output;
    if output.format() == Format::Json {
        let groups = listed.iter().map(|listed| {
            json!({
                "name": listed.group.name,
                "persona": listed.group.persona,
                "key": listed.key,
                "n_customers": listed.ids.len(),
                "customers": listed.ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
            })
        });
        output.json(&json!({ "groups": groups.collect::<Vec<_>>(), "path": out }))?;
        return Ok(());
    }
    for listed in listed {
        let n_customers = u64::try_from(listed.ids.len()).unwrap_or(u64::MAX);
        let verb = if n_customers == 1 { "is" } else { "are" };
        output.heading(&format!(
            "{} of {} {verb} behind {}",
            counted(n_customers, "customer"),
            listed.group.name,
            clean(&listed.key)
        ))?;
        if out.is_some() {
            continue;
        }
        let shown: Vec<String> = listed.ids.iter().take(SHOWN_MAX).map(|id| clean(id.as_str())).collect();
        if !shown.is_empty() {
            output.text(&shown.join("\n"))?;
        }
        if listed.ids.len() > SHOWN_MAX {
            output.note(&format!("… and {} more; --out FILE.csv takes all", listed.ids.len() - SHOWN_MAX));
        }
    }
    if let Some(path) = out {
        output.text(&format!("They are in {}", path.display()))?;
    }
    Ok(())
}

fn form(path: &Path) -> anyhow::Result<Form> {
    check_folder_of(path)?;
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    match extension.as_deref() {
        Some("csv") => Ok(Form::Csv),
        Some("parquet") => Ok(Form::Parquet),
        Some(_) | None => {
            let what = format!("cannot tell how to write {path:?}");
            bail!(Usage { what, hint: "end its name with .csv or .parquet".to_owned() })
        }
    }
}

fn comma_separated(listed: &[Listed<'_>]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["profile_id", "selection", "row"])?;
    for listed in listed {
        for id in &listed.ids {
            writer.write_record([id.as_str(), &listed.group.name, &listed.key])?;
        }
    }
    Ok(writer.into_inner()?)
}

fn parquet(listed: &[Listed<'_>]) -> anyhow::Result<Vec<u8>> {
    let column = |text: fn(&Listed<'_>, usize) -> String| -> ArrayRef {
        let rows = listed.iter().flat_map(|listed| (0..listed.ids.len()).map(move |idx| text(listed, idx)));
        Arc::new(rows.map(Some).collect::<StringArray>())
    };
    let rows = RecordBatch::try_from_iter([
        ("profile_id", column(|listed, idx| listed.ids[idx].as_str().to_owned())),
        ("selection", column(|listed, _| listed.group.name.clone())),
        ("row", column(|listed, _| listed.key.clone())),
    ])
    .context("cannot write the customers")?;
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).context("cannot write the customers")?;
    writer.write(&rows).context("cannot write the customers")?;
    writer.into_inner().context("cannot write the customers")
}
