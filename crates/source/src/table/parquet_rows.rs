//! Tables of Parquet: every cell as the text it would have in a text table.

use std::fmt::{self, Write};
use std::io::{Read, Seek};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use throng_event::{Instant, Problem, ProblemKind};

use super::row::{COLUMNS_MAX, CellKind, Columns, Row, raw_string};
use super::{RowSource, Step};
use crate::SourceError;
use crate::batches::Batches;

/// Bytes of the texts of one row, as many as a record of JSON may have.
const ROW_BYTES_MAX: usize = 16 << 20;

/// The rows of a Parquet file.
pub(super) struct ParquetRows<R> {
    batches: Batches<R>,
    columns: Columns,
    batch: Option<(RecordBatch, Vec<ArrayRef>)>,
    next_idx: usize,
}

impl<R: Read + Seek> ParquetRows<R> {
    pub(super) fn new(input: R) -> Result<Self, SourceError> {
        let batches = Batches::open(input, "the table", &[])?;
        let fields = batches.schema().fields();
        if fields.len() > COLUMNS_MAX {
            let reason = format!("it has {} columns, more than {COLUMNS_MAX}", fields.len());
            return Err(SourceError::Form { form: "a Parquet table", reason });
        }
        let columns = Columns::from_header(fields.iter().map(|field| field.name().as_str()));
        Ok(Self { batches, columns, batch: None, next_idx: 0 })
    }
}

impl<R: Read + Seek> RowSource for ParquetRows<R> {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn next(&mut self, row: &mut Row, _columns: &mut Columns) -> Result<Step, SourceError> {
        loop {
            if let Some((batch, columns)) = &self.batch
                && self.next_idx < batch.num_rows()
            {
                row.clear();
                let filled = fill(row, columns, self.next_idx).map_err(failed)?;
                self.next_idx += 1;
                self.batches.spend(row.n_text_bytes() + columns.len())?;
                return Ok(match filled {
                    Filled::Whole => Step::Row,
                    Filled::TooLong => {
                        let problem = Problem::new(ProblemKind::TooLarge, "a row longer than any may be");
                        let beginning = (0..self.columns.len()).filter_map(|idx| row.get(idx)).collect::<Vec<_>>();
                        Step::Bad(vec![problem], raw_string(beginning.join(",").as_bytes()))
                    }
                });
            }
            let Some(batch) = self.batches.next()? else {
                return Ok(Step::End);
            };
            let columns: Result<Vec<_>, _> = batch.columns().iter().map(plain).collect();
            self.batch = Some((batch, columns.map_err(failed)?));
            self.next_idx = 0;
        }
    }
}

fn failed(error: ArrowError) -> SourceError {
    SourceError::Parquet { table: "the table".to_owned(), source: error.into() }
}

/// Returns a column in the type its cells are written from.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is written as it is shown")]
fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        // Times with a zone are points in time; their zone is only how they are shown.
        DataType::Timestamp(_, Some(zone)) => {
            cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(zone.clone())))
        }
        _ => Ok(column.clone()),
    }
}

enum Filled {
    Whole,
    /// Up to a cell for which there is no room.
    TooLong,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is written as it is shown")]
fn fill(row: &mut Row, columns: &[ArrayRef], idx: usize) -> Result<Filled, ArrowError> {
    let options = FormatOptions::new();
    for column in columns {
        if column.is_null(idx) {
            row.push(CellKind::Text, "");
            continue;
        }
        let kind = kind_of(column.data_type());
        let mut room = Room { text: String::new(), n_left: ROW_BYTES_MAX - row.n_text_bytes() };
        let written = match column.data_type() {
            DataType::Utf8View => room.write_str(column.as_string_view().value(idx)),
            DataType::Timestamp(_, Some(_)) => {
                let instant = Instant(column.as_primitive::<TimestampMicrosecondType>().value(idx));
                write!(room, "{instant}")
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let text = ArrayFormatter::try_new(column, &options)?.value(idx).to_string();
                // An id that went through a float is the id still.
                room.write_str(text.strip_suffix(".0").unwrap_or(&text))
            }
            _ => write!(room, "{}", ArrayFormatter::try_new(column, &options)?.value(idx)),
        };
        row.push(kind, &room.text);
        if written.is_err() {
            return Ok(Filled::TooLong);
        }
    }
    Ok(Filled::Whole)
}

/// Text of no more bytes than there is room for; of one piece that is longer, its beginning.
struct Room {
    text: String,
    n_left: usize,
}

impl Write for Room {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fitting = &piece[..piece.floor_char_boundary(self.n_left)];
        self.text.push_str(fitting);
        self.n_left -= fitting.len();
        if fitting.len() == piece.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is written as it is shown")]
fn kind_of(data_type: &DataType) -> CellKind {
    if data_type.is_numeric() {
        return CellKind::Number;
    }
    match data_type {
        DataType::Boolean => CellKind::Bool,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => CellKind::Time,
        _ => CellKind::Text,
    }
}
