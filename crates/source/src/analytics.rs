//! What the readers of analytics exports share: the way from a record to its drafts.
//!
//! Every one of them reads JSON objects: lines, a list, the `results` of an API's
//! answer, or rows of Parquet, which are written as the JSON object they are, so that
//! one reader serves both and a row put aside can be read again. Members are taken
//! from a record one by one, and what no one took stays a property: nothing is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use serde_json::value::RawValue;
use throng_event::{Attributes, Decimal, Draft, Instant, Problem, ProblemKind, Value};

use crate::attributes::{self, Members, compact, date_texts, scalar_text};
use crate::batches::Batches;
use crate::frames::{Frame, Frames};
use crate::import::{Intake, raw_text};
use crate::table::is_absent;
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};

/// Rows of Parquet that are text at one time; a row may be a session of a thousand hits.
const ROWS_AT_ONCE: usize = 64;
/// Bytes of their text, as many as a record of JSON may have.
const ROWS_BYTES_MAX: usize = 16 << 20;

/// What one record makes.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) mended: Vec<Problem>,
}

impl Made {
    pub(crate) fn one(draft: Draft, mended: Vec<Problem>) -> Self {
        Self { drafts: vec![draft], mended }
    }
}

/// Makes the drafts of one record; its problem puts the record aside.
pub(crate) type Maker<'m> = &'m dyn Fn(Fields<'_>, Import<'_>) -> Result<Made, Problem>;

/// Imports JSON input of which every record is made into drafts in one way.
pub(crate) fn import_records(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    maker: Maker<'_>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    read_records(input, &mut intake, maker)?;
    Ok(intake.finish())
}

/// Imports the rows of a Parquet file, see [`import_records`].
pub(crate) fn import_parquet_records(
    input: impl Read + Seek,
    table: &str,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    maker: Maker<'_>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    read_parquet_records(input, table, &mut intake, maker)?;
    Ok(intake.finish())
}

/// Reads every record of JSON input, packed or plain.
pub(crate) fn read_records(input: impl Read, intake: &mut Intake<'_>, maker: Maker<'_>) -> Result<(), SourceError> {
    let input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        take_frame(frame, intake, maker)?;
    }
    Ok(())
}

/// Takes one record of the input.
pub(crate) fn take_frame(frame: Frame<'_>, intake: &mut Intake<'_>, maker: Maker<'_>) -> Result<(), SourceError> {
    match frame {
        Frame::Whole(record) => take_record(record, intake, maker),
        Frame::TooLong(beginning) => {
            let problem = Problem::new(ProblemKind::TooLarge, "a record longer than any may be");
            let row = intake.next_row();
            intake.put_aside(row, vec![problem], raw_text(beginning))
        }
    }
}

/// Reads every row of a Parquet file as the JSON object it is.
fn read_parquet_records(
    input: impl Read + Seek,
    table: &str,
    intake: &mut Intake<'_>,
    maker: Maker<'_>,
) -> Result<(), SourceError> {
    let failed = |error: ArrowError| SourceError::Parquet { table: table.to_owned(), source: error.into() };
    let mut batches = Batches::open(input, table, &[])?;
    while let Some(batch) = batches.next()? {
        let mut start = 0;
        while start < batch.num_rows() {
            let mut rows = batch.slice(start, ROWS_AT_ONCE.min(batch.num_rows() - start));
            if n_text_bytes(&rows) > ROWS_BYTES_MAX {
                rows = rows.slice(0, 1);
            }
            start += rows.num_rows();
            let n_bytes = n_text_bytes(&rows);
            if n_bytes > ROWS_BYTES_MAX {
                let problem = Problem::new(ProblemKind::TooLarge, "a record longer than any may be");
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], format!("\"{n_bytes} bytes of text\""))?;
                continue;
            }
            let mut lines = Vec::new();
            let mut writer = LineDelimitedWriter::new(&mut lines);
            let rows = in_utc(&rows).map_err(failed)?;
            writer.write(&rows).and_then(|()| writer.finish()).map_err(failed)?;
            batches.spend(lines.len() + rows.num_rows())?;
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                take_record(line, intake, maker)?;
            }
        }
    }
    Ok(())
}

/// Returns about how many bytes the text of some rows has: that of their texts and names.
fn n_text_bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter().zip(rows.schema_ref().fields());
    columns.map(|(column, field)| field.name().len() * rows.num_rows() + n_bytes_of(column)).sum()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is of one length")]
fn n_bytes_of(column: &ArrayRef) -> usize {
    let of_range = |values: &ArrayRef, range: Range<usize>| n_bytes_of(&values.slice(range.start, range.len()));
    let of_offsets = |values: &ArrayRef, offsets: &[i32]| match offsets {
        // Offsets are checked to grow, from zero on, when the column is made.
        [first, .., last] => of_range(values, first.unsigned_abs() as usize..last.unsigned_abs() as usize),
        _ => 0,
    };
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => column.as_binary_view().lengths().map(|length| 2 * length as usize).sum(),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            of_offsets(list.values(), list.value_offsets())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            of_offsets(&entries, map.value_offsets())
        }
        DataType::Struct(fields) => {
            let of_names = fields.iter().map(|field| field.name().len()).sum::<usize>() * column.len();
            column.as_struct().columns().iter().map(n_bytes_of).sum::<usize>() + of_names
        }
        _ => 8 * column.len(),
    }
}

/// Returns a batch whose times name UTC as their zone: they are points in time whatever the
/// zone they are shown in, and names of zones cannot be written.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let data_type = utc_type(column.data_type());
        columns.push(cast(column, &data_type)?);
        fields.push(Field::new(field.name(), data_type, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type has no zone")]
fn utc_type(data_type: &DataType) -> DataType {
    let inner = |field: &Field| Arc::new(field.clone().with_data_type(utc_type(field.data_type())));
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(field) => DataType::List(inner(field)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| inner(field)).collect()),
        other => other.clone(),
    }
}

fn take_record(record: &[u8], intake: &mut Intake<'_>, maker: Maker<'_>) -> Result<(), SourceError> {
    let fields = match Fields::read(record) {
        Ok(fields) => fields,
        Err(problem) => {
            let row = intake.next_row();
            return intake.put_aside(row, vec![problem], raw_text(record));
        }
    };
    let answer = fields.get("results").filter(|results| results.get().starts_with('['));
    let Some(Ok(results)) = answer.map(|results| serde_json::from_str::<Vec<&RawValue>>(results.get())) else {
        return take_fields(fields, record, intake, maker);
    };
    for result in results {
        let record = result.get().as_bytes();
        match Fields::read(record) {
            Ok(fields) => take_fields(fields, record, intake, maker)?,
            Err(problem) => {
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], raw_text(record))?;
            }
        }
    }
    Ok(())
}

/// Makes the drafts of one record and takes them in.
pub(crate) fn take_fields(
    fields: Fields<'_>,
    record: &[u8],
    intake: &mut Intake<'_>,
    maker: Maker<'_>,
) -> Result<(), SourceError> {
    let row = intake.next_row();
    match maker(fields, intake.import) {
        Ok(mut made) => {
            for draft in &mut made.drafts {
                for attributes in [&mut draft.context, &mut draft.properties, &mut draft.traits] {
                    date_texts(attributes);
                }
            }
            intake.take_all(row, made.drafts, made.mended, || raw_text(record))
        }
        Err(problem) => intake.put_aside(row, vec![problem], raw_text(record)),
    }
}

/// The members of an object that have not been taken yet.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads the bytes of one object.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, Problem> {
        let unreadable = |detail: &str| Problem::new(ProblemKind::Unreadable, detail);
        let text = str::from_utf8(record).map_err(|error| unreadable(&error.to_string()))?;
        if !text.trim_start().starts_with('{') {
            return Err(unreadable("the record is no JSON object"));
        }
        let members: Members<'a> = serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self(members.0))
    }

    /// Returns the members of a value, none of one that is no object.
    pub(crate) fn of(raw: Option<&'a RawValue>) -> Self {
        Self(raw.and_then(attributes::members).map_or_else(Vec::new, |members| members.0))
    }

    /// Returns a member without taking it.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, raw)| *raw)
    }

    /// Returns what a member says, without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(said)
    }

    /// Returns a member's number, without taking it.
    pub(crate) fn number(&self, name: &str) -> Option<Decimal> {
        Decimal::parse(&self.peek(name)?)
    }

    /// Takes a member.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let idx = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(idx).1)
    }

    /// Takes what a member says as text or number. What says nothing is gone; what is
    /// of another type stays among the members, to become a property.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.get(name)?;
        let text = said(raw);
        if text.is_some() || scalar_text(raw).is_some() || raw.get() == "null" {
            self.take(name);
        }
        text.map(Cow::into_owned)
    }

    /// Takes an object's members; what is no object stays.
    pub(crate) fn object(&mut self, name: &str) -> Self {
        match self.get(name) {
            Some(raw) if raw.get().starts_with('{') => Self::of(self.take(name)),
            _ => Self(Vec::new()),
        }
    }

    /// Takes a list's values; what is no list stays.
    pub(crate) fn list(&mut self, name: &str) -> Vec<&'a RawValue> {
        let values = self.get(name).and_then(list);
        if values.is_some() {
            self.take(name);
        }
        values.unwrap_or_default()
    }

    /// Removes members that have been read where they stood.
    pub(crate) fn leave_out(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_ref()));
    }

    /// Takes the members of a list of (name, place) to their places.
    pub(crate) fn place(&mut self, places: &[(&str, &str)], attributes: &mut Attributes) -> Result<(), Problem> {
        for (name, place) in places {
            if let Some(raw) = self.take(name) {
                put((*place).to_owned(), raw, attributes)?;
            }
        }
        Ok(())
    }

    /// Places all that is left under its own names behind a prefix, nested names with dots.
    pub(crate) fn rest(self, prefix: &str, attributes: &mut Attributes) -> Result<(), Problem> {
        let mut rest = Attributes::new();
        attributes::flatten_members_of(Members(self.0), &mut rest)?;
        for (name, value) in rest {
            let absent = matches!(&value, Value::Text(text) if is_absent(text));
            if !absent {
                attributes.insert_if_absent(format!("{prefix}{name}"), value);
            }
        }
        Ok(())
    }

    /// Returns the members that are left and say something, by name.
    pub(crate) fn into_said(self) -> BTreeMap<String, &'a RawValue> {
        let says = |raw: &RawValue| match raw.get() {
            "null" | "[]" | "{}" => false,
            _ => scalar_text(raw).is_none_or(|text| !is_absent(text.trim())),
        };
        self.0.into_iter().filter(|(_, raw)| says(raw)).map(|(name, raw)| (name.into_owned(), raw)).collect()
    }

    /// Returns the members that are left.
    pub(crate) fn into_members(self) -> Members<'a> {
        Members(self.0)
    }
}

/// Adds one value, unless it is a text that means nothing.
pub(crate) fn put(name: String, raw: &RawValue, attributes: &mut Attributes) -> Result<(), Problem> {
    if scalar_text(raw).is_some_and(|text| is_absent(text.trim())) {
        return Ok(());
    }
    attributes::insert(name, raw, attributes)
}

/// Returns what a JSON text or number says, `None` for what means nothing and all else.
fn said(raw: &RawValue) -> Option<Cow<'_, str>> {
    scalar_text(raw).filter(|text| !is_absent(text.trim()))
}

/// Returns the values of a list: as JSON writes it, or as `BigQuery` writes lists to
/// Parquet, wrapped in `list` and `element`.
fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    let raw = match attributes::members(raw).map(|members| members.0).as_deref() {
        Some([(name, inner)]) if name == "list" => *inner,
        _ => raw,
    };
    let values: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let unwrapped =
        values.into_iter().map(|value| match attributes::members(value).map(|members| members.0).as_deref() {
            Some([(name, inner)]) if name == "element" || name == "item" => *inner,
            _ => value,
        });
    Some(unwrapped.collect())
}

/// Returns the instant a text names, UTC where it says no zone, with fractions of Unix seconds.
pub(crate) fn utc_time(text: &str) -> Result<Instant, Problem> {
    let zone = jiff::tz::TimeZone::UTC;
    let of_fraction = || {
        let number = Decimal::parse(text)?;
        // Decimals are millionths: of seconds they are microseconds.
        Instant::from_unix(number.0 / Decimal::ONE).map(|whole| {
            let seconds = whole.0 == (number.0 / Decimal::ONE).saturating_mul(Instant::SECOND);
            if seconds { Instant(number.0) } else { whole }
        })
    };
    let instant = Instant::parse(text, &zone).or_else(of_fraction);
    instant.ok_or_else(|| Problem::new(ProblemKind::InvalidTime, text))
}

/// Takes a time that a record can do without; what is none is noted.
pub(crate) fn lenient_time(fields: &mut Fields<'_>, name: &str, mended: &mut Vec<Problem>) -> Option<Instant> {
    let text = fields.text(name)?;
    utc_time(&text).map_err(|problem| mended.push(problem)).ok()
}

/// Adds a text to bytes so that no two lists of texts give the same bytes.
pub(crate) fn add_part(content: &mut Vec<u8>, part: &str) {
    content.extend_from_slice(&(part.len() as u64).to_le_bytes());
    content.extend_from_slice(part.as_bytes());
}

/// Adds attributes to bytes, whatever the order they were written in.
pub(crate) fn add_attributes(content: &mut Vec<u8>, attributes: &Attributes) {
    for (name, value) in attributes {
        add_part(content, name);
        add_part(content, &value.to_string());
    }
}

/// Keeps what products say beyond their lines (variant, list, promotion) as one property.
pub(crate) fn further(
    products: &[&RawValue],
    (id, of_line): (&str, &[&str]),
    properties: &mut Attributes,
) -> Result<(), Problem> {
    let mut kept = Vec::new();
    for product in products {
        let mut product = Fields::of(Some(product));
        let named = product.get(id).filter(|raw| said(raw).is_some());
        product.leave_out(of_line);
        let mut rest = product.into_said();
        if !rest.is_empty() {
            rest.extend(named.map(|named| (id.to_owned(), named)));
            kept.push(compact(&serde_json::to_string(&rest).unwrap_or_default())?);
        }
    }
    if !kept.is_empty() {
        properties.insert("items", Value::Json(format!("[{}]", kept.join(","))));
    }
    Ok(())
}

/// Makes amounts and quantities negative: the goods and the money go back.
pub(crate) fn turn_back(draft: &mut Draft) {
    let negative = |number: i64| -number.saturating_abs();
    if let Some(money) = &mut draft.money {
        money.minor = negative(money.minor);
    }
    for line in &mut draft.products {
        line.quantity = Decimal(negative(line.quantity.0));
        line.amount_minor = line.amount_minor.map(negative);
    }
}

/// Ids that programs send for no one in particular; each would make one person of thousands
/// (the lists of Mixpanel and Amplitude).
const NOBODY: [&str; 18] = [
    "anon",
    "anonymous",
    "nil",
    "none",
    "null",
    "n/a",
    "na",
    "undefined",
    "unknown",
    "<nil>",
    "-1",
    "true",
    "false",
    "[]",
    "{}",
    "lmy47d",
    "nan",
    "(not set)",
];

/// Returns an id, `None` for what is no one's.
pub(crate) fn somebody(id: Option<String>) -> Option<String> {
    let id = id?;
    let text = id.trim();
    let zeros = text.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    let nobody = NOBODY.iter().any(|word| text.eq_ignore_ascii_case(word));
    if zeros || nobody { None } else { Some(text.to_owned()) }
}

/// Removes ids of devices that are no device's: limited ad tracking writes zeros.
pub(crate) fn keep_real_devices(context: &mut Attributes) {
    for name in ["device.id", "device.advertisingId"] {
        let real = context.get(name).is_none_or(|value| somebody(Some(value.to_string())).is_some());
        if !real {
            context.remove(name);
        }
    }
}

/// Returns the channel of a platform's name.
pub(crate) fn channel(platform: &str) -> String {
    match platform.trim().to_ascii_lowercase().as_str() {
        "web" | "desktop" | "mobile web" => "web".to_owned(),
        "ios" | "android" | "ipados" | "tvos" | "mobile" => "app".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
