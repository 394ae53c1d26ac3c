//! `throng quarantine`: rows that were not admitted, and a second chance for them.

use anyhow::bail;
use serde_json::json;
use throng_engine::{QuarantineRow, ReadmitRequest};
use throng_event::{Instant, ProblemKind};

use super::check_readable;
use crate::arguments::{Format, QuarantineCommand, QuarantineListArguments, ReadmitArguments};
use crate::failure::Usage;
use crate::format::{count, counted, shortened};
use crate::home::Session;
use crate::output::{Align, Grid};
use crate::world;

pub(super) fn run(session: &Session<'_>, command: QuarantineCommand) -> anyhow::Result<()> {
    match command {
        QuarantineCommand::List(arguments) => list(session, &arguments),
        QuarantineCommand::Readmit(arguments) => readmit(session, arguments),
    }
}

/// Returns the kind a reason names.
fn known_reason(reason: &str) -> anyhow::Result<ProblemKind> {
    let found = ProblemKind::ALL.into_iter().find(|kind| kind.reason() == reason);
    let Some(kind) = found else {
        let known = ProblemKind::ALL.map(ProblemKind::reason).join(", ");
        bail!(Usage { what: format!("{reason:?} is no reason"), hint: format!("the reasons are {known}") });
    };
    Ok(kind)
}

fn list(session: &Session<'_>, arguments: &QuarantineListArguments) -> anyhow::Result<()> {
    if let Some(reason) = &arguments.reason {
        known_reason(reason)?;
    }
    let engine = session.engine()?;
    let quarantine = engine.quarantine(arguments.reason.as_deref(), arguments.limit)?;
    let n_rows = quarantine.n_rows();
    if session.output.format() == Format::Json {
        let document = json!({
            "n_rows": n_rows,
            "by_reason": quarantine.by_reason,
            "rows": quarantine.rows.iter().map(document).collect::<Vec<_>>(),
        });
        session.output.json(&document)?;
        return Ok(());
    }
    if n_rows == 0 {
        session.output.text("the quarantine is empty")?;
        return Ok(());
    }
    let mut grid = Grid::new(&[("reason", Align::Whole), ("rows", Align::Right), ("what to do", Align::Left)]);
    for (reason, n_rows) in &quarantine.by_reason {
        let advice = ProblemKind::ALL.into_iter().find(|kind| kind.reason() == reason).map_or("", ProblemKind::advice);
        grid.row([reason, &count(*n_rows), advice]);
    }
    session.output.grid(&grid)?;
    let mut grid = Grid::new(&[
        ("file", Align::Whole),
        ("row", Align::Right),
        ("reason", Align::Whole),
        ("seen", Align::Left),
        ("record", Align::Left),
    ]);
    for row in &quarantine.rows {
        let detail = shortened(&row.detail, RECORD_LENGTH_MAX);
        let raw = shortened(&row.raw, RECORD_LENGTH_MAX);
        grid.row([&row.path, &count(row.row), &row.reason, &detail, &raw]);
    }
    session.output.grid(&grid)?;
    let n_shown = u64::try_from(quarantine.rows.len()).unwrap_or(u64::MAX);
    if n_shown < n_rows {
        session.output.note(&format!("{} of {} rows; --limit shows more", count(n_shown), count(n_rows)));
    }
    session.output.note("After a correction of the mapping: throng quarantine readmit --mapping FILE");
    Ok(())
}

/// Characters of a record that are shown in a table; JSON has all of it.
const RECORD_LENGTH_MAX: usize = 100;

fn document(row: &QuarantineRow) -> serde_json::Value {
    json!({
        "id": row.id,
        "source": row.source,
        "path": row.path,
        "form": row.form,
        "row": row.row,
        "reason": row.reason,
        "detail": row.detail,
        "raw": row.raw,
    })
}

fn readmit(session: &Session<'_>, arguments: ReadmitArguments) -> anyhow::Result<()> {
    if let Some(reason) = &arguments.reason {
        known_reason(reason)?;
    }
    if let Some(mapping) = &arguments.mapping {
        check_readable(mapping)?;
    }
    let mut engine = session.engine()?;
    // As at import, clocks of sources may run a day ahead.
    let latest = Instant(world::now().0 + Instant::DAY);
    let request = ReadmitRequest { reason: arguments.reason, mapping: arguments.mapping, latest };
    let readmission = engine.readmit(&request)?;
    if session.output.format() == Format::Json {
        let document = json!({
            "n_rows": readmission.n_rows,
            "rows_new": readmission.rows_new,
            "rows_repeated": readmission.rows_repeated,
            "events_new": readmission.events_new,
            "n_left": readmission.n_left,
        });
        session.output.json(&document)?;
        return Ok(());
    }
    session.output.text(&format!(
        "{} read again, {} new, {} left in quarantine",
        counted(readmission.n_rows, "row"),
        counted(readmission.events_new, "event"),
        counted(readmission.n_left, "row")
    ))?;
    Ok(())
}
