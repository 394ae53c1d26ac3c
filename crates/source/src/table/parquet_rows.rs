//! Tables of Parquet: every cell as the text it would have in a text table.

use std::io::{Read, Seek};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use throng_event::Instant;

use super::row::{COLUMNS_MAX, CellKind, Columns, Row};
use super::{RowSource, Step};
use crate::SourceError;
use crate::batches::Batches;

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
                fill(row, columns, self.next_idx).map_err(failed)?;
                self.next_idx += 1;
                return Ok(Step::Row);
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
        DataType::Dictionary(_, values) => plain(&cast(column, values)?),
        // Times with a zone are points in time; their zone is only how they are shown.
        DataType::Timestamp(_, Some(zone)) => {
            cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(zone.clone())))
        }
        _ => Ok(column.clone()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is written as it is shown")]
fn fill(row: &mut Row, columns: &[ArrayRef], idx: usize) -> Result<(), ArrowError> {
    let options = FormatOptions::new();
    for column in columns {
        if column.is_null(idx) {
            row.push(CellKind::Absent, "");
            continue;
        }
        let kind = kind_of(column.data_type());
        match column.data_type() {
            DataType::Utf8 => row.push(kind, column.as_string::<i32>().value(idx)),
            DataType::LargeUtf8 => row.push(kind, column.as_string::<i64>().value(idx)),
            DataType::Utf8View => row.push(kind, column.as_string_view().value(idx)),
            DataType::Timestamp(_, Some(_)) => {
                let instant = Instant(column.as_primitive::<TimestampMicrosecondType>().value(idx));
                row.push(kind, &instant.to_string());
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let text = ArrayFormatter::try_new(column, &options)?.value(idx).to_string();
                // An id that went through a float is the id still.
                row.push(kind, text.strip_suffix(".0").unwrap_or(&text));
            }
            _ => row.push(kind, &ArrayFormatter::try_new(column, &options)?.value(idx).to_string()),
        }
    }
    Ok(())
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
