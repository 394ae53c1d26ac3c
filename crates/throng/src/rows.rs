//! Reads the answer of a query column by column.

use anyhow::Context;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The rows of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a>(pub(crate) &'a RecordBatch);

impl Rows<'_> {
    fn column(self, name: &str, data_type: &DataType) -> anyhow::Result<ArrayRef> {
        let column = self.0.column_by_name(name).with_context(|| format!("the answer has no column {name:?}"))?;
        cast(column, data_type).with_context(|| format!("cannot read the column {name:?} as {data_type}"))
    }

    /// Returns a column as texts.
    pub(crate) fn texts(self, name: &str) -> anyhow::Result<Vec<Option<String>>> {
        let column = self.column(name, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// Returns a column as texts, null as the empty one.
    pub(crate) fn words(self, name: &str) -> anyhow::Result<Vec<String>> {
        Ok(self.texts(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Returns a column as whole numbers.
    pub(crate) fn integers(self, name: &str) -> anyhow::Result<Vec<Option<i64>>> {
        let column = self.column(name, &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().iter().collect())
    }

    /// Returns a column as counts, null as 0.
    pub(crate) fn counts(self, name: &str) -> anyhow::Result<Vec<u64>> {
        let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        Ok(self.integers(name)?.into_iter().map(count).collect())
    }

    /// Returns a column as numbers; `None` when it holds none.
    pub(crate) fn numbers(self, name: &str) -> Option<Vec<Option<f64>>> {
        let column = self.0.column_by_name(name)?;
        if !column.data_type().is_numeric() {
            return None;
        }
        let column = cast(column, &DataType::Float64).ok()?;
        Some(column.as_primitive::<Float64Type>().iter().collect())
    }

    /// Returns every row as the texts of its cells, null as the empty one.
    ///
    /// # Errors
    /// When a value cannot be written.
    pub(crate) fn cells(self) -> anyhow::Result<Vec<Vec<String>>> {
        let options = FormatOptions::default().with_display_error(true);
        let formatters = self.0.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>()?;
        let rows = 0..self.0.num_rows();
        Ok(rows.map(|row| formatters.iter().map(|formatter| formatter.value(row).to_string()).collect()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, StringArray};

    use super::*;

    #[test]
    fn columns_are_read_whatever_their_width() {
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int32Array::from(vec![Some(7), None]))),
            ("name", Arc::new(StringArray::from(vec![None, Some("a")]))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        let rows = Rows(&batch);
        assert_eq!(rows.counts("n").unwrap(), [7, 0]);
        assert_eq!(rows.words("name").unwrap(), ["", "a"]);
        assert_eq!(rows.numbers("name"), None);
        assert_eq!(rows.cells().unwrap(), [["7", ""], ["", "a"]]);
        assert!(rows.counts("missing").is_err());
    }
}
