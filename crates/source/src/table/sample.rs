//! The first rows of a table, for proposing how to read it.

use std::io::{Read, Seek};

use throng_event::Problem;

use super::parquet_rows::ParquetRows;
use super::row::{Columns, Row};
use super::workbook_rows::Workbook;
use super::{RowSource, Step, open};
use crate::SourceError;

/// Rows looked at: enough to see a column's habits, quick enough to wait for.
const SAMPLE_ROWS: usize = 20_000;
/// Bytes of the rows looked at; rows of a kilobyte are wide ones.
const SAMPLE_BYTES_MAX: usize = 64 << 20;

/// The first rows of a table.
#[derive(Debug, Clone)]
pub struct TableSample {
    columns: Columns,
    rows: Vec<Row>,
    /// The sheet, of a workbook.
    pub(crate) sheet: Option<String>,
    /// What is wrong with the first record that is no row.
    pub(crate) unreadable: Option<Problem>,
}

impl TableSample {
    /// Returns the names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.columns.names()
    }

    /// Returns how many rows were looked at.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the filled cells of a column with the positions of their rows.
    pub(crate) fn cells(&self, column: usize) -> impl Iterator<Item = (usize, &str)> {
        self.rows.iter().enumerate().filter_map(move |(idx, row)| Some((idx, row.get(column)?)))
    }

    /// Returns one cell.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.get(column)
    }
}

/// Reads the first rows of a table of text or JSON, packed or plain.
///
/// # Errors
/// [`SourceError`] when the input cannot be read or is no table.
pub fn sample_table(input: impl Read) -> Result<TableSample, SourceError> {
    let mut opened = open(input)?;
    sample(opened.rows.as_mut())
}

/// Reads the first rows of a Parquet table.
///
/// # Errors
/// [`SourceError`] when the input cannot be read or is no Parquet.
pub fn sample_parquet_table(input: impl Read + Seek) -> Result<TableSample, SourceError> {
    sample(&mut ParquetRows::new(input)?)
}

/// Reads the first rows of a sheet of a workbook: the one named, or the first that is not empty.
///
/// # Errors
/// [`SourceError`] when the input cannot be read, is no workbook or larger than
/// [`crate::read_workbook_table`] says, or has no such sheet.
pub fn sample_workbook_table(input: impl Read + Seek, sheet: Option<&str>) -> Result<TableSample, SourceError> {
    let mut workbook = Workbook::open(input)?;
    let sheet = workbook.sheet(sheet)?;
    let sampled = sample(&mut workbook.rows(&sheet)?)?;
    Ok(TableSample { sheet: Some(sheet), ..sampled })
}

fn sample(source: &mut dyn RowSource) -> Result<TableSample, SourceError> {
    let mut columns = source.columns().clone();
    let mut rows = Vec::new();
    let mut row = Row::default();
    let (mut n_bytes, mut unreadable) = (0, None);
    // Records that are no rows count as well, or a file of nothing else would be read to its end.
    for _ in 0..SAMPLE_ROWS {
        if n_bytes >= SAMPLE_BYTES_MAX {
            break;
        }
        match source.next(&mut row, &mut columns)? {
            Step::Row => {
                n_bytes += row.n_bytes();
                rows.push(row.clone());
            }
            Step::Bad(problems, raw) => {
                n_bytes += raw.len();
                unreadable = unreadable.or(problems.into_iter().next());
            }
            Step::End => break,
        }
    }
    Ok(TableSample { columns, rows, sheet: None, unreadable })
}
