//! Typed columns of one batch.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use throng_event::{Decimal, Instant};

use crate::SourceError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Number,
    Time,
    Text,
}

impl Form {
    fn data_type(self) -> (DataType, &'static str) {
        match self {
            Self::Whole => (DataType::Int64, "whole number"),
            Self::Number => (DataType::Float64, "number"),
            Self::Time => (DataType::Timestamp(TimeUnit::Microsecond, None), "time"),
            Self::Text => (DataType::Utf8, "text"),
        }
    }
}

/// The columns of one batch, in the order they were asked for.
pub(super) struct Table<'a> {
    name: &'a str,
    names: Vec<&'static str>,
    columns: Vec<ArrayRef>,
    n_rows: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        batch: &RecordBatch,
        name: &'a str,
        columns: &[(&'static str, Form)],
    ) -> Result<Self, SourceError> {
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, form) in columns {
            let (data_type, expected) = form.data_type();
            let array = batch.column_by_name(column).and_then(|array| cast(array, &data_type).ok());
            let fault = || SourceError::Schema { table: name.to_owned(), column: (*column).to_owned(), expected };
            arrays.push(array.ok_or_else(fault)?);
        }
        let names = columns.iter().map(|(name, _)| *name).collect();
        Ok(Self { name, names, columns: arrays, n_rows: batch.num_rows() })
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(super) fn whole(&self, column: usize, idx: usize) -> Option<i64> {
        let array = self.columns[column].as_primitive::<Int64Type>();
        array.is_valid(idx).then(|| array.value(idx))
    }

    /// Returns a number, `Err` with its text when it has no place among decimals.
    pub(super) fn number(&self, column: usize, idx: usize) -> Result<Option<Decimal>, String> {
        let array = self.columns[column].as_primitive::<Float64Type>();
        if array.is_null(idx) {
            return Ok(None);
        }
        let number = array.value(idx);
        Decimal::from_f64(number).map(Some).ok_or_else(|| format!("{}: {number}", self.names[column]))
    }

    pub(super) fn text(&self, column: usize, idx: usize) -> Option<&str> {
        let array = self.columns[column].as_string::<i32>();
        array.is_valid(idx).then(|| array.value(idx)).filter(|text| !text.is_empty())
    }

    /// Returns the instant of a local time.
    pub(super) fn local_time(&self, column: usize, idx: usize, zone: &TimeZone) -> Option<Instant> {
        let array = self.columns[column].as_primitive::<TimestampMicrosecondType>();
        if array.is_null(idx) {
            return None;
        }
        let civil = Timestamp::from_microsecond(array.value(idx)).ok()?.to_zoned(TimeZone::UTC).datetime();
        let timestamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(Instant(timestamp.as_microsecond()))
    }

    /// Returns a row as JSON object from column to text.
    pub(super) fn raw(&self, idx: usize) -> String {
        let cells = self.names.iter().zip(&self.columns).map(|(name, column)| {
            let text = if column.is_null(idx) { None } else { array_value_to_string(column, idx).ok() };
            ((*name).to_owned(), serde_json::Value::from(text))
        });
        serde_json::Value::Object(cells.collect()).to_string()
    }
}
