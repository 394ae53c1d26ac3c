//! Tables of JSON objects: lines, or one list.
//!
//! Rows name their columns themselves, so the columns are known only in the end;
//! the first rows are read ahead to know most of them.

use std::collections::VecDeque;
use std::io::BufRead;

use serde_json::value::RawValue;
use throng_event::{Attributes, Problem, ProblemKind, Value};

use super::row::{COLUMNS_MAX, CellKind, Columns, Row, raw_string};
use super::{RowSource, Step};
use crate::SourceError;
use crate::attributes::flatten;
use crate::frames::{Frame, Frames};

/// Rows read ahead to learn the columns.
const AHEAD_ROWS: usize = 1_000;
/// Bytes of the rows read ahead; a thousand usual rows have one of them.
const AHEAD_BYTES_MAX: usize = 32 << 20;

/// The rows of a table of JSON objects.
pub(super) struct JsonRows<R> {
    frames: Frames<R>,
    columns: Columns,
    ahead: VecDeque<(Row, Step)>,
}

impl<R: BufRead> JsonRows<R> {
    pub(super) fn new(input: R) -> Result<Self, SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let mut rows =
            Self { frames: Frames::new(input).map_err(failed)?, columns: Columns::default(), ahead: VecDeque::new() };
        let mut columns = Columns::default();
        let mut n_bytes = 0;
        while rows.ahead.len() < AHEAD_ROWS && n_bytes < AHEAD_BYTES_MAX {
            let mut row = Row::default();
            let step = rows.read(&mut row, &mut columns)?;
            if matches!(step, Step::End) {
                break;
            }
            n_bytes += row.n_bytes();
            rows.ahead.push_back((row, step));
        }
        rows.columns = columns;
        Ok(rows)
    }

    fn read(&mut self, row: &mut Row, columns: &mut Columns) -> Result<Step, SourceError> {
        let frame = self.frames.next().map_err(|error| SourceError::from_read(error, 0))?;
        Ok(match frame {
            None => Step::End,
            Some(Frame::Whole(record)) => read_object(record, row, columns),
            Some(Frame::TooLong(beginning)) => {
                let problem = Problem::new(ProblemKind::TooLarge, "a record longer than any may be");
                Step::Bad(vec![problem], raw_string(beginning))
            }
        })
    }
}

impl<R: BufRead> RowSource for JsonRows<R> {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn next(&mut self, row: &mut Row, columns: &mut Columns) -> Result<Step, SourceError> {
        match self.ahead.pop_front() {
            Some((read, step)) => {
                *row = read;
                Ok(step)
            }
            None => self.read(row, columns),
        }
    }
}

/// Reads one JSON object as a row; columns it is the first to name are added.
pub(super) fn read_object(record: &[u8], row: &mut Row, columns: &mut Columns) -> Step {
    row.clear();
    match object(record) {
        Ok(attributes) => match fill(attributes, row, columns) {
            Ok(()) => Step::Row,
            Err(problem) => Step::Bad(vec![problem], raw_string(record)),
        },
        Err(problem) => Step::Bad(vec![problem], raw_string(record)),
    }
}

fn object(record: &[u8]) -> Result<Attributes, Problem> {
    let unreadable = |detail: &str| Problem::new(ProblemKind::Unreadable, detail);
    let text = str::from_utf8(record).map_err(|error| unreadable(&error.to_string()))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?;
    if !raw.get().starts_with('{') {
        return Err(unreadable("the record is no JSON object"));
    }
    let mut attributes = Attributes::new();
    flatten(raw, &mut attributes)?;
    Ok(attributes)
}

fn fill(attributes: Attributes, row: &mut Row, columns: &mut Columns) -> Result<(), Problem> {
    for (name, value) in attributes {
        if columns.len() >= COLUMNS_MAX && !columns.contains(&name) {
            return Err(Problem::new(ProblemKind::TooLarge, &format!("more than {COLUMNS_MAX} columns")));
        }
        let kind = match &value {
            Value::Bool(_) => CellKind::Bool,
            Value::Number(_) => CellKind::Number,
            Value::Instant(_) => CellKind::Time,
            Value::Text(_) => CellKind::Text,
            Value::Json(_) => CellKind::Json,
        };
        row.set(columns.position(&name), kind, &value.to_string());
    }
    Ok(())
}
