//! Rows of Arrow batches become the columns of the batch kernel.
//!
//! Rows arrive in any order, each with the number of its profile. They are scattered
//! over buckets by that number, so that sorting and folding a bucket stays within the
//! processor's cache, and texts become codes of one dictionary per field.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowDictionaryKeyType, DataType, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type,
};
use arrow::error::ArrowError;
use throng_event::{Decimal, Field, Value};
use throng_feature::{Compiled, FieldForm, NO_CODE, NO_NUMBER, ValueForm};

use crate::event_table::{attribute_field, attribute_from_json};

/// Buckets of one partition: with 10 million rows a bucket takes about 7 MB.
pub(crate) const BUCKETS: usize = 64;

/// The texts of one field, each with a code, in the order they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    #[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
    codes: std::collections::HashMap<String, u32, foldhash::fast::FixedState>,
    pub(crate) texts: Vec<String>,
}

impl Dictionary {
    /// Takes in the texts of another dictionary and returns the new code of each.
    pub(crate) fn recode(&mut self, other: &Self) -> Vec<u32> {
        other.texts.iter().map(|text| self.code(text)).collect()
    }

    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        // Codes are given one by one; 2^32 texts would not fit in memory.
        let code = u32::try_from(self.texts.len()).unwrap_or(NO_CODE);
        self.codes.insert(text.to_owned(), code);
        self.texts.push(text.to_owned());
        code
    }
}

/// Values of one field.
#[derive(Debug)]
pub(crate) enum Cells {
    Codes(Vec<u32>),
    Numbers(Vec<i64>),
}

impl Cells {
    fn new(form: ValueForm) -> Self {
        match form {
            ValueForm::Text => Self::Codes(Vec::new()),
            ValueForm::Number => Self::Numbers(Vec::new()),
        }
    }

    pub(crate) fn push(&mut self, from: &Self, idx: usize) {
        match (self, from) {
            (Self::Codes(mine), Self::Codes(theirs)) => mine.push(theirs[idx]),
            (Self::Numbers(mine), Self::Numbers(theirs)) => mine.push(theirs[idx]),
            (Self::Codes(_), Self::Numbers(_)) | (Self::Numbers(_), Self::Codes(_)) => {}
        }
    }
}

/// The rows of some profiles.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// The profile's number divided by [`BUCKETS`].
    pub(crate) group: Vec<u32>,
    pub(crate) occurred_at: Vec<i64>,
    pub(crate) key: Vec<i64>,
    /// Product lines of each row; empty when no field is per product.
    pub(crate) n_lines: Vec<u32>,
    /// One entry per field; per row, or per line for fields of product lines.
    pub(crate) fields: Vec<Cells>,
}

/// Everything gathered by one partition.
#[derive(Debug)]
pub(crate) struct Gathered {
    forms: Vec<FieldForm>,
    with_lines: bool,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) dictionaries: Vec<Dictionary>,
}

/// The columns a row consists of, by position among the arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments;

impl Arguments {
    pub(crate) const OCCURRED_AT: usize = 0;
    pub(crate) const KEY: usize = 1;
    /// Whether amounts are in the catalogue's currency.
    pub(crate) const IN_CURRENCY: usize = 2;
    pub(crate) const PRODUCTS: usize = 3;
    pub(crate) const OTHER: usize = 4;
    /// The fields follow, one argument each, in the order of `Compiled::fields`.
    pub(crate) const FIELDS: usize = 5;
}

impl Gathered {
    pub(crate) fn new(compiled: &Compiled) -> Self {
        let forms = compiled.fields().to_vec();
        let bucket = || Bucket {
            group: Vec::new(),
            occurred_at: Vec::new(),
            key: Vec::new(),
            n_lines: Vec::new(),
            fields: forms.iter().map(|form| Cells::new(form.form)).collect(),
        };
        Self {
            with_lines: forms.iter().any(|form| form.field.per_product()),
            buckets: (0..BUCKETS).map(|_| bucket()).collect(),
            dictionaries: forms.iter().map(|_| Dictionary::default()).collect(),
            forms,
        }
    }

    /// Takes in a batch: `arguments` as [`Arguments`] says, `groups` the profile of each row.
    pub(crate) fn extend(&mut self, arguments: &[ArrayRef], groups: &[usize]) -> Result<(), ArrowError> {
        let occurred_at = instants(&arguments[Arguments::OCCURRED_AT])?;
        let keys = cast(&arguments[Arguments::KEY], &DataType::Int64)?;
        let keys = keys.as_primitive::<Int64Type>();
        let bucket_of: Vec<u8> = groups.iter().map(|group| u8::try_from(group % BUCKETS).unwrap_or(0)).collect();
        for (row, group) in groups.iter().enumerate() {
            let bucket = &mut self.buckets[usize::from(bucket_of[row])];
            bucket.group.push(u32::try_from(group / BUCKETS).unwrap_or(u32::MAX));
            bucket.occurred_at.push(occurred_at[row]);
            bucket.key.push(if keys.is_valid(row) { keys.value(row) } else { 0 });
        }
        let lines = if self.with_lines { Some(Lines::of(&arguments[Arguments::PRODUCTS])?) } else { None };
        if let Some(lines) = &lines {
            for (row, bucket) in bucket_of.iter().enumerate() {
                self.buckets[usize::from(*bucket)].n_lines.push(lines.n_lines(row));
            }
        }
        let in_currency = arguments[Arguments::IN_CURRENCY].as_boolean();
        for idx in 0..self.forms.len() {
            match &lines {
                Some(lines) if self.forms[idx].field.per_product() => {
                    self.extend_lines(idx, lines, &bucket_of, in_currency)?;
                }
                _ => self.extend_rows(idx, arguments, &bucket_of, in_currency)?,
            }
        }
        Ok(())
    }

    /// Takes in a field of which every row has one value.
    fn extend_rows(
        &mut self,
        idx: usize,
        arguments: &[ArrayRef],
        bucket_of: &[u8],
        in_currency: &BooleanArray,
    ) -> Result<(), ArrowError> {
        let (form, dictionary) = (&self.forms[idx], &mut self.dictionaries[idx]);
        let mut cells = cells(&arguments[Arguments::FIELDS + idx], form, dictionary)?;
        if let Some((part, name)) = attribute_field(&form.field) {
            let other = &arguments[Arguments::OTHER];
            fill_from_json(&mut cells, other, |text| attribute_from_json(text, part, name), dictionary)?;
        }
        for (row, bucket) in bucket_of.iter().enumerate() {
            if form.field == Field::Amount && !in_currency.value(row) {
                blank(&mut cells, row..row + 1);
            }
            self.buckets[usize::from(*bucket)].fields[idx].push(&cells, row);
        }
        Ok(())
    }

    /// Takes in a field of which every product line has one value.
    fn extend_lines(
        &mut self,
        idx: usize,
        lines: &Lines,
        bucket_of: &[u8],
        in_currency: &BooleanArray,
    ) -> Result<(), ArrowError> {
        let (form, dictionary) = (&self.forms[idx], &mut self.dictionaries[idx]);
        let mut cells = lines.cells(form, dictionary)?;
        let money = matches!(form.field, Field::ProductAmount | Field::ProductDiscount);
        for (row, bucket) in bucket_of.iter().enumerate() {
            if money && !in_currency.value(row) {
                blank(&mut cells, lines.range(row));
            }
            let field = &mut self.buckets[usize::from(*bucket)].fields[idx];
            lines.range(row).for_each(|line| field.push(&cells, line));
        }
        Ok(())
    }

    pub(crate) fn forms(&self) -> &[FieldForm] {
        &self.forms
    }

    /// Returns the values of a field that another partition wrote, numbers already in
    /// the kernel's units.
    pub(crate) fn decode(&mut self, field_idx: usize, values: &ArrayRef) -> Result<Cells, ArrowError> {
        let dictionary = &mut self.dictionaries[field_idx];
        match self.forms[field_idx].form {
            ValueForm::Text => Ok(Cells::Codes(codes(values, dictionary)?)),
            ValueForm::Number => {
                let numbers = values.as_primitive::<Int64Type>().iter();
                Ok(Cells::Numbers(numbers.map(|number| number.unwrap_or(NO_NUMBER)).collect()))
            }
        }
    }

    /// Returns the bytes held, for the engine's memory accounting.
    pub(crate) fn size(&self) -> usize {
        let rows: usize = self.buckets.iter().map(|bucket| bucket.group.capacity()).sum();
        rows * (20 + 8 * self.forms.len())
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn instants(column: &ArrayRef) -> Result<Vec<i64>, ArrowError> {
    let micros = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
    let naive = match column.data_type() {
        // The instant is what counts; dropping the zone's name must not shift it.
        DataType::Timestamp(unit, Some(_)) => {
            cast(&cast(column, &DataType::Timestamp(*unit, Some("UTC".into())))?, &micros)?
        }
        _ => cast(column, &micros)?,
    };
    let numbers = cast(&naive, &DataType::Int64)?;
    Ok(numbers.as_primitive::<Int64Type>().values().to_vec())
}

fn blank(cells: &mut Cells, range: std::ops::Range<usize>) {
    match cells {
        Cells::Codes(codes) => codes[range].fill(NO_CODE),
        Cells::Numbers(numbers) => numbers[range].fill(NO_NUMBER),
    }
}

/// The product lines of a batch.
struct Lines {
    offsets: Vec<usize>,
    lines: StructArray,
}

impl Lines {
    fn of(products: &ArrayRef) -> Result<Self, ArrowError> {
        if products.data_type() == &DataType::Null {
            let empty = RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()));
            return Ok(Self { offsets: vec![0; products.len() + 1], lines: StructArray::from(empty) });
        }
        let list = products.as_list_opt::<i32>();
        let list =
            list.ok_or_else(|| ArrowError::CastError(format!("products are {}, not a list", products.data_type())))?;
        let mut offsets = Vec::with_capacity(list.len() + 1);
        offsets.push(0);
        let mut kept = Vec::new();
        for row in 0..list.len() {
            if list.is_valid(row) {
                let (first, end) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
                kept.extend(first..end);
            }
            offsets.push(kept.len());
        }
        let indices = arrow::array::Int32Array::from(kept);
        let lines = arrow::compute::take(list.values(), &indices, None)?;
        Ok(Self { offsets, lines: lines.as_struct().clone() })
    }

    fn n_lines(&self, row: usize) -> u32 {
        u32::try_from(self.offsets[row + 1] - self.offsets[row]).unwrap_or(0)
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest of the fields of product lines")]
    fn cells(&self, form: &FieldForm, dictionary: &mut Dictionary) -> Result<Cells, ArrowError> {
        let name = match form.field {
            Field::ProductId => "product_id",
            Field::ProductCategory => "category",
            Field::ProductBrand => "brand",
            Field::ProductQuantity => "quantity",
            Field::ProductAmount => "amount_minor",
            _ => "discount_minor",
        };
        match self.lines.column_by_name(name) {
            Some(column) => cells(column, form, dictionary),
            None => Ok(match form.form {
                ValueForm::Text => Cells::Codes(vec![NO_CODE; self.lines.len()]),
                ValueForm::Number => Cells::Numbers(vec![NO_NUMBER; self.lines.len()]),
            }),
        }
    }
}

fn cells(column: &ArrayRef, form: &FieldForm, dictionary: &mut Dictionary) -> Result<Cells, ArrowError> {
    match form.form {
        ValueForm::Text => Ok(Cells::Codes(codes(column, dictionary)?)),
        ValueForm::Number => Ok(Cells::Numbers(numbers(column, one(&form.field))?)),
    }
}

/// Returns what a whole number counts: money stands in minor units already, other
/// whole numbers become millionths.
fn one(field: &Field) -> i64 {
    if matches!(field, Field::Amount | Field::ProductAmount | Field::ProductDiscount) { 1 } else { Decimal::ONE }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn codes(column: &ArrayRef, dictionary: &mut Dictionary) -> Result<Vec<u32>, ArrowError> {
    fn keyed<K: ArrowDictionaryKeyType>(
        column: &ArrayRef,
        dictionary: &mut Dictionary,
    ) -> Result<Vec<u32>, ArrowError> {
        let keyed = column.as_dictionary::<K>();
        let of_value = codes(keyed.values(), dictionary)?;
        let code = |key: Option<usize>| key.map_or(NO_CODE, |key| of_value[key]);
        Ok(keyed.keys_iter().map(code).collect())
    }
    let mut intern = |texts: &mut dyn Iterator<Item = Option<&str>>| -> Vec<u32> {
        let (mut last, mut last_code) = ("", None);
        let mut code_of = |text: Option<&str>| text.map_or(NO_CODE, |text| dictionary.code(text));
        let mut result = Vec::with_capacity(column.len());
        for text in texts {
            // Sorted and clustered columns repeat themselves.
            let code = match (text, last_code) {
                (Some(text), Some(code)) if text == last => code,
                _ => code_of(text),
            };
            if let Some(text) = text {
                (last, last_code) = (text, Some(code));
            }
            result.push(code);
        }
        result
    };
    match column.data_type() {
        DataType::Utf8 => Ok(intern(&mut column.as_string::<i32>().iter())),
        DataType::Utf8View => Ok(intern(&mut column.as_string_view().iter())),
        DataType::LargeUtf8 => Ok(intern(&mut column.as_string::<i64>().iter())),
        DataType::Null => Ok(vec![NO_CODE; column.len()]),
        DataType::Dictionary(key, _) => match key.as_ref() {
            DataType::Int8 => keyed::<Int8Type>(column, dictionary),
            DataType::Int16 => keyed::<Int16Type>(column, dictionary),
            DataType::Int32 => keyed::<Int32Type>(column, dictionary),
            DataType::UInt8 => keyed::<UInt8Type>(column, dictionary),
            DataType::UInt16 => keyed::<UInt16Type>(column, dictionary),
            DataType::UInt32 => keyed::<UInt32Type>(column, dictionary),
            _ => codes(&cast(column, &DataType::Utf8)?, dictionary),
        },
        DataType::Boolean => {
            let flags = column.as_boolean().iter();
            Ok(flags.map(|flag| flag.map_or(NO_CODE, |flag| dictionary.code(&Value::Bool(flag).to_string()))).collect())
        }
        DataType::Decimal128(_, _) => {
            let decimals = cast(column, &DataType::Decimal128(20, 6))?;
            let decimals = decimals.as_primitive::<Decimal128Type>().iter();
            let text = |number: i128| Decimal(i64::try_from(number).unwrap_or(i64::MAX)).to_string();
            Ok(decimals.map(|number| number.map_or(NO_CODE, |number| dictionary.code(&text(number)))).collect())
        }
        DataType::Timestamp(_, _) => {
            let valid: Vec<bool> = (0..column.len()).map(|row| column.is_valid(row)).collect();
            let instants = instants(column)?.into_iter().zip(valid);
            let mut text = |us: i64| dictionary.code(&throng_event::Instant(us).to_string());
            Ok(instants.map(|(us, valid)| if valid { text(us) } else { NO_CODE }).collect())
        }
        _ => codes(&cast(column, &DataType::Utf8)?, dictionary),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn numbers(column: &ArrayRef, one: i64) -> Result<Vec<i64>, ArrowError> {
    let whole = |number: i64| number.checked_mul(one);
    Ok(match column.data_type() {
        DataType::Float64 | DataType::Float32 => {
            let floats = cast(column, &DataType::Float64)?;
            let floats = floats.as_primitive::<Float64Type>().iter();
            floats.map(|number| number.and_then(Decimal::from_f64).map_or(NO_NUMBER, |decimal| decimal.0)).collect()
        }
        DataType::Decimal128(_, _) => {
            let decimals = cast(column, &DataType::Decimal128(20, 6))?;
            let decimals = decimals.as_primitive::<Decimal128Type>().iter();
            decimals.map(|number| number.and_then(|number| i64::try_from(number).ok()).unwrap_or(NO_NUMBER)).collect()
        }
        DataType::Boolean => {
            let flags = column.as_boolean().iter();
            flags.map(|flag| flag.map_or(NO_NUMBER, |flag| i64::from(flag) * Decimal::ONE)).collect()
        }
        data_type if data_type.is_integer() => {
            let integers = cast(column, &DataType::Int64)?;
            let integers = integers.as_primitive::<Int64Type>().iter();
            integers.map(|number| number.and_then(whole).unwrap_or(NO_NUMBER)).collect()
        }
        // Texts and times are no numbers.
        _ => vec![NO_NUMBER; column.len()],
    })
}

/// Fills what the promoted column does not have from the JSON column `other`.
fn fill_from_json(
    cells: &mut Cells,
    other: &ArrayRef,
    value: impl Fn(&str) -> Option<Value>,
    dictionary: &mut Dictionary,
) -> Result<(), ArrowError> {
    if other.null_count() == other.len() || other.data_type() == &DataType::Null {
        return Ok(());
    }
    let other = cast(other, &DataType::Utf8)?;
    let other: &StringArray = other.as_string::<i32>();
    for (row, text) in other.iter().enumerate() {
        let Some(text) = text else { continue };
        match cells {
            Cells::Codes(codes) if codes[row] == NO_CODE => {
                codes[row] = value(text).map_or(NO_CODE, |value| dictionary.code(&value.to_string()));
            }
            Cells::Numbers(numbers) if numbers[row] == NO_NUMBER => {
                numbers[row] = match value(text) {
                    Some(Value::Number(number)) => number.0,
                    Some(Value::Bool(flag)) => i64::from(flag) * Decimal::ONE,
                    Some(Value::Instant(_) | Value::Text(_) | Value::Json(_)) | None => NO_NUMBER,
                };
            }
            Cells::Codes(_) | Cells::Numbers(_) => {}
        }
    }
    Ok(())
}

impl Cells {
    /// Returns the values at some places, in that order.
    pub(crate) fn take(&self, order: &[u32]) -> Self {
        let place = |idx: &u32| usize::try_from(*idx).unwrap_or(usize::MAX);
        match self {
            Self::Codes(codes) => Self::Codes(order.iter().map(|idx| codes[place(idx)]).collect()),
            Self::Numbers(numbers) => Self::Numbers(order.iter().map(|idx| numbers[place(idx)]).collect()),
        }
    }
}
