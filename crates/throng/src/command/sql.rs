//! `throng sql`: any question to the tables, answered as a table, JSON or Parquet.

use anyhow::Context;
use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::JsonArray;
use serde_json::json;

use super::check_folder_of;
use crate::arguments::{Format, SqlArguments};
use crate::format::counted;
use crate::home::Session;
use crate::output::{Align, Grid};
use crate::rows::Rows;
use crate::world::Stopwatch;

pub(super) fn run(session: &Session<'_>, arguments: &SqlArguments) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let stopwatch = Stopwatch::start();
    if let Some(path) = &arguments.output {
        check_folder_of(path)?;
        let n_rows = engine.query_to_parquet(&arguments.query, path)?;
        if session.output.format() == Format::Json {
            session.output.json(&json!({ "path": path, "n_rows": n_rows }))?;
        } else {
            let n_rows = u64::try_from(n_rows).unwrap_or(u64::MAX);
            session.output.text(&format!("{} are in {}", counted(n_rows, "row"), path.display()))?;
        }
        return Ok(());
    }
    let rows = engine.query(&arguments.query)?;
    if session.output.format() == Format::Json {
        session.output.raw(&json_rows(&rows)?)?;
        return Ok(());
    }
    session.output.records(&grid(&rows)?)?;
    let n_rows = u64::try_from(rows.num_rows()).unwrap_or(u64::MAX);
    let seconds = stopwatch.seconds();
    session.output.note(&format!("{} in {seconds:.2} s", counted(n_rows, "row")));
    Ok(())
}

/// Rows that are handed on to somebody who asks from elsewhere.
const ROWS_MAX: usize = 10_000;

/// Answers a query that only reads, with the first of its rows.
pub(super) fn answer(session: &Session<'_>, query: &str) -> anyhow::Result<()> {
    let rows = session.engine()?.read_query(query, ROWS_MAX)?;
    session.output.raw(&json_rows(&rows)?)?;
    Ok(())
}

/// Returns the rows as a table; numbers stand to the right.
pub(super) fn grid(rows: &RecordBatch) -> anyhow::Result<Grid> {
    let schema = rows.schema();
    let columns: Vec<(&str, Align)> = schema
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), if field.data_type().is_numeric() { Align::Right } else { Align::Whole }))
        .collect();
    let mut grid = Grid::new(&columns);
    for cells in Rows(rows).cells()? {
        grid.row(cells);
    }
    Ok(grid)
}

/// Returns the rows as one JSON array of objects, nulls written out.
pub(super) fn json_rows(rows: &RecordBatch) -> anyhow::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    writer.write(rows).context("cannot write the rows as JSON")?;
    writer.finish().context("cannot write the rows as JSON")?;
    let mut bytes = writer.into_inner();
    if bytes.is_empty() {
        bytes.extend_from_slice(b"[]");
    }
    bytes.push(b'\n');
    Ok(bytes)
}
