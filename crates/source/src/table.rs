//! Tables: rows of text, JSON objects, Parquet or a workbook, read through a mapping.

mod blocks;
mod clock;
mod delimited;
mod infer;
mod json_rows;
mod orders;
mod ordinals;
mod parquet_rows;
mod plan;
mod row;
mod sample;
mod workbook_rows;

use std::io::{BufRead, Read, Seek};

use throng_event::Problem;

use crate::decode::decode;
use crate::import::Intake;
use crate::{Blocks, Import, Mapping, SourceError, StopReason, Taken, Tally, decompress};
use delimited::Delimited;
use json_rows::{JsonRows, read_object};
use orders::Orders;
use parquet_rows::ParquetRows;
use plan::{Line, Plan};
use workbook_rows::Workbook;

pub(crate) use blocks::{RowBlock, Rows};
pub(crate) use clock::{Clock, EXCEL_DAYS};
pub(crate) use infer::{plain_number, plain_value, truth};
pub(crate) use ordinals::Ordinals;
pub(crate) use row::{Columns, Row, is_absent};
pub use sample::{TableSample, sample_parquet_table, sample_table, sample_workbook_table};

/// The forms a table comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// Cells between commas, semicolons, tabs or bars.
    Delimited,
    /// JSON objects: lines, or one list.
    Json,
    /// Parquet; read by [`read_parquet_table`].
    Parquet,
    /// A workbook of Excel (XLSX); read by [`read_workbook_table`].
    Workbook,
}

impl TableForm {
    /// Returns the form that begins with these bytes (of the plain data, eight are enough).
    /// Every zip archive is taken for a workbook; reading it tells.
    ///
    /// ```
    /// use throng_source::TableForm;
    /// assert_eq!(TableForm::of(b"PAR1...."), TableForm::Parquet);
    /// assert_eq!(TableForm::of(b"\n{\"a\":1}"), TableForm::Json);
    /// assert_eq!(TableForm::of(b"id,name"), TableForm::Delimited);
    /// ```
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(b"PAR1") {
            return Self::Parquet;
        }
        if head.starts_with(b"PK\x03\x04") {
            return Self::Workbook;
        }
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        if matches!(head.first(), Some(b'{' | b'[')) { Self::Json } else { Self::Delimited }
    }
}

/// Rows of a table, one after the other.
pub(crate) trait RowSource {
    /// Returns the columns known before the first row.
    fn columns(&self) -> &Columns;

    /// Reads the next row into `row`.
    fn next(&mut self, row: &mut Row, columns: &mut Columns) -> Result<Step, SourceError>;
}

/// What reading on gave.
pub(crate) enum Step {
    /// A row.
    Row,
    /// A record that is no row: what is wrong, and the record.
    Bad(Vec<Problem>, String),
    /// Nothing; the table is at its end.
    End,
}

/// Reads a table of text or JSON, packed or plain, in UTF-8, UTF-16 or Windows-1252,
/// through a mapping.
///
/// Rows without an id of their own get one from their content and from how often
/// that content came before, so a file read twice gives the same events and rows
/// that are alike in one file stay apart. Rows of one order become one event;
/// events of orders come when their order is closed, later than rows beside them.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on, the mapping names a column that
/// is not there, or the sink refuses.
pub fn read_table(
    input: impl Read,
    mapping: &Mapping,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut source = open(input)?;
    let known = if source.form == TableForm::Json { mapping.required_columns() } else { mapping.columns() };
    check_columns(&known, source.rows.columns())?;
    read_rows(source.rows.as_mut(), mapping, import, sink)
}

/// Returns a table of text or JSON to be cut into blocks, `None` where it has to be read from its
/// beginning to its end, see [`read_table`].
///
/// # Errors
/// As [`read_table`].
pub fn table_blocks<'a>(
    input: impl Read + 'a,
    mapping: &Mapping,
    import: Import<'_>,
) -> Result<Option<Blocks<'a>>, SourceError> {
    if mapping.order.is_some() {
        return Ok(None);
    }
    let source = open(input)?;
    let known = if source.form == TableForm::Json { mapping.required_columns() } else { mapping.columns() };
    check_columns(&known, source.rows.columns())?;
    Rows::new(source.rows, mapping, import).map(|rows| Some(Blocks::of_rows(rows)))
}

/// Reads a Parquet table through a mapping, see [`read_table`].
///
/// # Errors
/// [`SourceError`] when the input cannot be read on, the mapping names a column that
/// is not there, or the sink refuses.
pub fn read_parquet_table(
    input: impl Read + Seek,
    mapping: &Mapping,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut rows = ParquetRows::new(input)?;
    check_columns(&mapping.columns(), rows.columns())?;
    read_rows(&mut rows, mapping, import, sink)
}

/// Reads a sheet of a workbook (XLSX) through a mapping, see [`read_table`].
///
/// The columns are named by the first row of the sheet with two filled cells; what
/// stands above is a title. Memory is bounded by what a workbook may unpack to:
/// 256 MiB for all but its sheets, and 1 MiB for one cell; a sheet may have 1 GiB.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or is larger than that, the mapping
/// names a column that is not there, or the sink refuses.
pub fn read_workbook_table(
    input: impl Read + Seek,
    mapping: &Mapping,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut workbook = Workbook::open(input)?;
    let sheet = workbook.sheet(mapping.sheet.as_deref())?;
    let mut rows = workbook.rows(&sheet)?;
    check_columns(&mapping.columns(), rows.columns())?;
    read_rows(&mut rows, mapping, import, sink)
}

/// Reads rows that were put aside, from their `raw` text; rows are numbered as the
/// records come. All rows of one file are to be given at once, for rows that are
/// alike are told apart by their number.
///
/// # Errors
/// [`SourceError::Stopped`] when the sink refuses.
pub fn read_quarantined_rows(
    records: impl IntoIterator<Item: AsRef<str>>,
    mapping: &Mapping,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut rows = Records { records: records.into_iter(), columns: Columns::default() };
    read_rows(&mut rows, mapping, import, sink)
}

/// Rows that were put aside.
struct Records<I> {
    records: I,
    columns: Columns,
}

impl<I: Iterator<Item: AsRef<str>>> RowSource for Records<I> {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn next(&mut self, row: &mut Row, columns: &mut Columns) -> Result<Step, SourceError> {
        Ok(match self.records.next() {
            Some(record) => read_object(record.as_ref().as_bytes(), row, columns),
            None => Step::End,
        })
    }
}

/// A table of text or JSON that has been opened.
pub(crate) struct Opened<'a> {
    form: TableForm,
    pub(crate) rows: Box<dyn RowSource + 'a>,
}

/// Opens a table of text or JSON, packed or plain.
pub(crate) fn open<'a>(input: impl Read + 'a) -> Result<Opened<'a>, SourceError> {
    let failed = |error| SourceError::from_read(error, 0);
    let mut input = decompress(input).and_then(decode).map_err(failed)?;
    let mut head = Vec::with_capacity(64);
    input.by_ref().take(64).read_to_end(&mut head).map_err(failed)?;
    let form = TableForm::of(&head);
    let whole: Box<dyn BufRead + 'a> = Box::new(std::io::Cursor::new(head).chain(input));
    let rows: Box<dyn RowSource + 'a> = match form {
        TableForm::Delimited => Box::new(Delimited::new(whole)?),
        TableForm::Json => Box::new(JsonRows::new(whole)?),
        TableForm::Parquet => {
            let reason = "it is Parquet, which is read without being packed again".to_owned();
            return Err(SourceError::Form { form: "a table of text", reason });
        }
        TableForm::Workbook => {
            let reason = "it is a zip archive; unpack it, unless it is a workbook packed once more".to_owned();
            return Err(SourceError::Form { form: "a table of text", reason });
        }
    };
    Ok(Opened { form, rows })
}

fn read_rows(
    source: &mut dyn RowSource,
    mapping: &Mapping,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let mut columns = source.columns().clone();
    let mut plan = Plan::new(mapping, import, &mut columns)?;
    let mut orders = Orders::new();
    let mut ordinals = Ordinals::new();
    let mut row = Row::default();
    loop {
        match source.next(&mut row, &mut columns).map_err(|error| error.after(intake.rows()))? {
            Step::End => break,
            Step::Bad(problems, raw) => {
                let number = intake.next_row();
                intake.put_aside(number, problems, raw)?;
            }
            Step::Row => {
                intake.next_row();
                let line = plan.line(&row);
                if line.order.is_some() {
                    orders.take(line, &plan, &mut intake, || row.to_raw(&columns))?;
                } else {
                    let content = || ordinals.content(&row, &columns);
                    take_alone(line, (&row, &columns), &plan, content, &mut intake)?;
                }
            }
        }
    }
    orders.finish(&plan, &mut intake)?;
    Ok(intake.finish())
}

/// Takes a row that is an event by itself; one without an id gets it from its content.
fn take_alone(
    line: Line,
    (row, columns): (&Row, &Columns),
    plan: &Plan,
    content: impl FnOnce() -> Vec<u8>,
    intake: &mut Intake<'_>,
) -> Result<(), SourceError> {
    let mut draft = line.draft;
    if draft.id.is_none() {
        draft.content = content();
    }
    plan.name_person(&mut draft);
    let of_product = line.product.as_ref().and_then(|product| product.amount_minor);
    let money = line.currency.and_then(|currency| {
        let of_row = line.amount.map(|amount| throng_event::Money::from_major(amount, currency));
        of_row.or(of_product.map(|minor| throng_event::Money { minor, currency }))
    });
    plan.complete(&mut draft, line.product.into_iter().collect(), money);
    let number = intake.rows();
    intake.take(number, draft, line.mended, || row.to_raw(columns))
}

fn check_columns(named: &[&str], columns: &Columns) -> Result<(), SourceError> {
    let Some(column) = named.iter().find(|name| !columns.contains(name)) else {
        return Ok(());
    };
    Err(SourceError::UnknownColumn {
        column: (*column).to_owned(),
        available: columns.names().to_vec(),
        suggestion: closest(column, columns.names()),
    })
}

/// Returns the name most alike, if any is alike enough to be meant.
fn closest(name: &str, names: &[String]) -> Option<String> {
    let distances = names.iter().map(|other| (distance(&name.to_lowercase(), &other.to_lowercase()), other));
    let (distance, closest) = distances.min()?;
    // A third of the letters may differ.
    (distance * 3 <= name.chars().count().max(3)).then(|| closest.clone())
}

/// Returns how many letters are to be changed, added or left out (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (idx, from) in left.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = idx + 1;
        for (column, to) in right.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = costs[column + 1];
            costs[column + 1] = changed.min(costs[column] + 1).min(diagonal + 1);
        }
    }
    costs[right.len()]
}

#[cfg(test)]
mod tests;
