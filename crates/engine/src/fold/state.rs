//! Gathered rows on their way from a partial to a final aggregation.
//!
//! One list column per kernel column: instants, keys, product lines, then the fields
//! (texts as texts, numbers in the kernel's units). Codes do not travel, for every
//! partition numbers its texts in its own order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StringArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Int64Type, UInt32Type};
use arrow::error::ArrowError;
use datafusion::logical_expr::utils::format_state_name;
use throng_feature::{Compiled, NO_CODE, NO_NUMBER, ValueForm};

use super::gather::{BUCKETS, Cells, Gathered};
use super::index;

fn list_field(name: &str, item: DataType) -> FieldRef {
    Arc::new(ArrowField::new(name, DataType::List(Arc::new(ArrowField::new("item", item, true))), true))
}

/// Returns the columns of the state.
pub(super) fn fields(name: &str, compiled: &Compiled) -> Vec<FieldRef> {
    let named = |part: &str| format_state_name(name, part);
    let mut fields = vec![
        list_field(&named("occurred_at"), DataType::Int64),
        list_field(&named("key"), DataType::Int64),
        list_field(&named("n_lines"), DataType::UInt32),
    ];
    for (idx, form) in compiled.fields().iter().enumerate() {
        let item = if form.form == ValueForm::Text { DataType::Utf8 } else { DataType::Int64 };
        fields.push(list_field(&named(&format!("field_{idx}")), item));
    }
    fields
}

/// Where the values of one profile are: its bucket and the places in it.
type Places = Vec<(usize, Vec<u32>)>;

/// Returns the gathered rows as one list per profile and column.
pub(super) fn write(gathered: Gathered, n_groups: usize) -> Vec<ArrayRef> {
    let mut rows: Places = (0..n_groups).map(|group| (group % BUCKETS, Vec::new())).collect();
    let mut lines = rows.clone();
    for (bucket_idx, bucket) in gathered.buckets.iter().enumerate() {
        let mut line = 0_u32;
        for (row, group) in bucket.group.iter().enumerate() {
            let profile = index(*group) * BUCKETS + bucket_idx;
            rows[profile].1.push(u32::try_from(row).unwrap_or(u32::MAX));
            let n_lines = bucket.n_lines.get(row).copied().unwrap_or(0);
            lines[profile].1.extend(line..line + n_lines);
            line += n_lines;
        }
    }
    let buckets = &gathered.buckets;
    let numbers = |get: &dyn Fn(usize, usize) -> i64| -> ArrayRef {
        Arc::new(flatten(&rows, get).into_iter().collect::<Int64Array>())
    };
    let no_lines: Places = rows.iter().map(|(bucket, _)| (*bucket, Vec::new())).collect();
    let with_lines = buckets.iter().any(|bucket| !bucket.n_lines.is_empty());
    let counted = if with_lines { &rows } else { &no_lines };
    let counts: UInt32Array = flatten(counted, &|bucket, row| buckets[bucket].n_lines[row]).into_iter().collect();
    let mut columns = vec![
        list(&rows, numbers(&|bucket, row| buckets[bucket].occurred_at[row])),
        list(&rows, numbers(&|bucket, row| buckets[bucket].key[row])),
        list(counted, Arc::new(counts)),
    ];
    for (idx, form) in gathered.forms().iter().enumerate() {
        let places = if form.field.per_product() { &lines } else { &rows };
        let texts = &gathered.dictionaries[idx].texts;
        let values: ArrayRef = match form.form {
            ValueForm::Text => {
                let text = |bucket: usize, at: usize| match &buckets[bucket].fields[idx] {
                    Cells::Codes(codes) if codes[at] != NO_CODE => Some(texts[index(codes[at])].as_str()),
                    Cells::Codes(_) | Cells::Numbers(_) => None,
                };
                Arc::new(flatten(places, &text).into_iter().collect::<StringArray>())
            }
            ValueForm::Number => {
                let number = |bucket: usize, at: usize| match &buckets[bucket].fields[idx] {
                    Cells::Numbers(numbers) if numbers[at] != NO_NUMBER => Some(numbers[at]),
                    Cells::Codes(_) | Cells::Numbers(_) => None,
                };
                Arc::new(flatten(places, &number).into_iter().collect::<Int64Array>())
            }
        };
        columns.push(list(places, values));
    }
    columns
}

fn flatten<T>(places: &Places, get: &dyn Fn(usize, usize) -> T) -> Vec<T> {
    places.iter().flat_map(|(bucket, at)| at.iter().map(|at| get(*bucket, index(*at)))).collect()
}

fn list(places: &Places, values: ArrayRef) -> ArrayRef {
    let offsets = OffsetBuffer::from_lengths(places.iter().map(|(_, at)| at.len()));
    let item = Arc::new(ArrowField::new("item", values.data_type().clone(), true));
    Arc::new(ListArray::new(item, offsets, values, None))
}

/// Takes in rows written by another partition.
pub(super) fn read(gathered: &mut Gathered, columns: &[ArrayRef], groups: &[usize]) -> Result<(), ArrowError> {
    let lists: Vec<&ListArray> = columns.iter().map(|column| column.as_list::<i32>()).collect();
    let occurred_at = lists[0].values().as_primitive::<Int64Type>();
    let keys = lists[1].values().as_primitive::<Int64Type>();
    let n_lines = lists[2].values().as_primitive::<UInt32Type>();
    let mut cells = Vec::with_capacity(lists.len() - 3);
    for (idx, list) in lists[3..].iter().enumerate() {
        cells.push(gathered.decode(idx, list.values())?);
    }
    for (row, group) in groups.iter().enumerate() {
        let range = |column: usize| {
            let offsets = lists[column].value_offsets();
            usize::try_from(offsets[row]).unwrap_or(0)..usize::try_from(offsets[row + 1]).unwrap_or(0)
        };
        let bucket = &mut gathered.buckets[group % BUCKETS];
        let local = u32::try_from(group / BUCKETS).unwrap_or(u32::MAX);
        bucket.group.extend(range(0).map(|_| local));
        bucket.occurred_at.extend_from_slice(&occurred_at.values()[range(0)]);
        bucket.key.extend_from_slice(&keys.values()[range(1)]);
        bucket.n_lines.extend_from_slice(&n_lines.values()[range(2)]);
        for (idx, cells) in cells.iter().enumerate() {
            for at in range(idx + 3) {
                bucket.fields[idx].push(cells, at);
            }
        }
    }
    Ok(())
}
