//! Small helpers to build and read the rows of derived tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use arrow::error::ArrowError;

use crate::event_table::text_column;

/// A named column on its way into a batch.
pub(crate) type Column = (&'static str, ArrayRef);

pub(crate) fn batch(columns: Vec<Column>) -> Result<RecordBatch, ArrowError> {
    named_batch(columns.into_iter().map(|(name, array)| (name.to_owned(), array)).collect())
}

pub(crate) fn named_batch(columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
}

pub(crate) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub(crate) fn integers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

pub(crate) fn counts(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    integers(values.into_iter().map(|count| i64::try_from(count).ok()))
}

pub(crate) fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

pub(crate) fn instants(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// Reads a batch column by column.
pub(crate) struct Rows<'a>(pub(crate) &'a RecordBatch);

impl Rows<'_> {
    fn column(&self, name: &str) -> Result<ArrayRef, ArrowError> {
        let column = self.0.column_by_name(name);
        column.cloned().ok_or_else(|| ArrowError::SchemaError(format!("the table has no column {name}")))
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<Option<String>>, ArrowError> {
        self.column(name)?;
        Ok(text_column(self.0, name)?.iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// A text that is never null in what this binary writes.
    pub(crate) fn words(&self, name: &str) -> Result<Vec<String>, ArrowError> {
        Ok(self.texts(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    pub(crate) fn integers(&self, name: &str) -> Result<Vec<Option<i64>>, ArrowError> {
        let column = cast(&self.column(name)?, &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().iter().collect())
    }

    pub(crate) fn counts(&self, name: &str) -> Result<Vec<u64>, ArrowError> {
        let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        Ok(self.integers(name)?.into_iter().map(count).collect())
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, ArrowError> {
        let column = cast(&self.column(name)?, &DataType::Float64)?;
        Ok(column.as_primitive::<Float64Type>().iter().collect())
    }
}
