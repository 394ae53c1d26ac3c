//! Parquet data as Arrow batches, from anything that can be read and searched.
//!
//! What is held is one row group, packed, and of its unpacked pages those that a batch needs.
//! Texts are views into their page, so that one that is long and repeated is held once.

mod pages;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};

use crate::SourceError;
use pages::Pages;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;
/// Rows of one batch where texts repeat the beginnings of those before them: each is made anew
/// and may be as long as its page.
const REPEATING_BATCH_ROWS: usize = 64;
/// Bytes that the repeating texts of a column may be made into for one batch; pages of eight
/// mebibytes are in reach, and most writers end theirs at one.
const REPEATED_BYTES_MAX: u64 = 1 << 29;
/// Bytes that the columns of one row group may unpack to together; most writers begin the
/// next at a tenth of it.
const GROUP_BYTES_MAX: u64 = 1 << 32;
/// Bytes one byte of the file may unpack to. One row that tells a customer and a time takes
/// about four bytes at the least, and is a few hundred to a few thousand as text.
const RATIO_MAX: u64 = 10_000;
/// Rows a byte of the file may stand for; see above, a row that tells anything takes four bytes.
/// Of nothing, or of one row again and again, a few megabytes hold thousands of millions.
const ROWS_PER_BYTE_MAX: u64 = 4;
/// Rows that any file may have.
const ROWS_FREE: u64 = 1 << 24;
/// Bytes that any file may unpack to; small ones may hold nothing but repetitions.
const BYTES_FREE: u64 = 1 << 28;

/// The batches of one Parquet file.
pub(crate) struct Batches<R> {
    input: R,
    table: String,
    decoder: ParquetPushDecoder,
    schema: SchemaRef,
    /// Bytes of the file.
    length: u64,
    /// Where columns begin.
    starts: BTreeSet<u64>,
    /// Bytes of text that may still be made of the file.
    n_left: u64,
    /// Rows of a batch.
    batch_rows: usize,
}

impl<R: Read + Seek> Batches<R> {
    /// Opens a file for the columns named, all of them when none are.
    pub(crate) fn open(mut input: R, table: &str, columns: &[&str]) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Parquet { table: table.to_owned(), source };
        let length = input.seek(SeekFrom::End(0)).map_err(|source| SourceError::Read { rows: 0, source })?;
        let metadata = guarded(|| read_metadata(&mut input, length)).map_err(failed)?;
        let starts = guarded(|| Ok(column_starts(&metadata))).map_err(failed)?;
        check_rows(&metadata, table, length)?;
        let batch_rows = if repeats_beginnings(&metadata) { REPEATING_BATCH_ROWS } else { BATCH_ROWS };
        let metadata = guarded(|| with_views(Arc::new(metadata))).map_err(failed)?;
        let builder = guarded(|| Ok(ParquetPushDecoderBuilder::new_with_metadata(metadata))).map_err(failed)?;
        let mask = if columns.is_empty() {
            ProjectionMask::all()
        } else {
            ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied())
        };
        let names = |name: &str| columns.is_empty() || columns.contains(&name);
        let schema = builder.schema();
        let kept: Vec<_> = schema.fields().iter().filter(|field| names(field.name())).cloned().collect();
        let schema = Arc::new(Schema::new(kept));
        let decoder = guarded(|| builder.with_batch_size(batch_rows).with_projection(mask).build()).map_err(failed)?;
        let n_left = length.saturating_mul(RATIO_MAX).saturating_add(BYTES_FREE);
        Ok(Self { input, table: table.to_owned(), decoder, schema, length, starts, n_left, batch_rows })
    }

    /// Returns the columns that are read.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the next batch, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        guarded(|| self.decode()).map_err(|source| SourceError::Parquet { table: self.table.clone(), source })
    }

    /// Counts bytes of text made of the file: of a file made for it, pages of nothing but
    /// repetitions, they would never end.
    pub(crate) fn spend(&mut self, n_bytes: usize) -> Result<(), SourceError> {
        match self.n_left.checked_sub(n_bytes as u64) {
            Some(n_left) => self.n_left = n_left,
            None => {
                let reason = format!("{} unpacks to more than {RATIO_MAX} times its size", self.table);
                return Err(SourceError::Form { form: "Parquet", reason });
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        loop {
            match self.decoder.try_decode()? {
                DecodeResult::Data(batch) => return Ok(Some(batch)),
                DecodeResult::Finished => return Ok(None),
                DecodeResult::NeedsData(ranges) => self.read_group(ranges)?,
            }
        }
    }

    /// Hands the columns of a row group to the decoder.
    fn read_group(&mut self, ranges: Vec<Range<u64>>) -> Result<(), ParquetError> {
        let refused = |said: String| Err(ParquetError::General(said));
        let lengths = ranges.iter().map(|range| range.end.saturating_sub(range.start));
        if lengths.fold(0, u64::saturating_add) > self.length {
            return refused("columns that lie upon each other".to_owned());
        }
        let mut pages = Pages::default();
        for range in ranges {
            let bytes = read_range(&mut self.input, &range)?;
            if self.starts.contains(&range.start) {
                pages.add(&bytes);
            }
            if pages.n_unpacked > GROUP_BYTES_MAX {
                return refused(format!("a row group of more than {} MiB", GROUP_BYTES_MAX >> 20));
            }
            if pages.n_repeating.saturating_mul(self.batch_rows as u64) > REPEATED_BYTES_MAX {
                return refused("pages of texts that repeat each other, larger than any may be".to_owned());
            }
            self.decoder.push_range(range, bytes.into())?;
        }
        Ok(())
    }
}

fn column_starts(metadata: &ParquetMetaData) -> BTreeSet<u64> {
    metadata.row_groups().iter().flat_map(|group| group.columns()).map(|column| column.byte_range().0).collect()
}

/// Says where a file has more rows than can say anything.
fn check_rows(metadata: &ParquetMetaData, table: &str, length: u64) -> Result<(), SourceError> {
    let groups = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
    let n_rows = groups.fold(0, u64::saturating_add);
    if n_rows <= length.saturating_mul(ROWS_PER_BYTE_MAX).saturating_add(ROWS_FREE) {
        return Ok(());
    }
    let reason = format!("{table} has {n_rows} rows in {length} bytes, too many to say anything");
    Err(SourceError::Form { form: "Parquet", reason })
}

/// Whether texts of some column repeat the beginnings of those before them. A page that does
/// so without its file saying it is refused by its size.
fn repeats_beginnings(metadata: &ParquetMetaData) -> bool {
    let mut columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    columns.any(|column| column.encodings().any(|encoding| encoding == Encoding::DELTA_BYTE_ARRAY))
}

/// Returns the metadata with texts and bytes as views, and dictionaries and lists in their plain form.
fn with_views(metadata: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata, ParquetError> {
    let as_written = ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new())?;
    let schema = as_written.schema();
    let fields: Vec<_> = schema.fields().iter().map(|field| viewed(field)).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new().with_schema(schema))
}

fn viewed(field: &Field) -> Arc<Field> {
    Arc::new(field.clone().with_data_type(viewed_type(field.data_type())))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is of one length")]
fn viewed_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, values) => viewed_type(values),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            DataType::List(viewed(field))
        }
        DataType::Map(field, sorted) => DataType::Map(viewed(field), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| viewed(field)).collect()),
        other => other.clone(),
    }
}

/// Calls the decoder, for which damaged data is an error at most places and an
/// assertion at some (a bit width of 200, for instance). Dirty data must not end the
/// program, so such an end is made an error; the decoder is not used again after it.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let damaged = |_| Err(ParquetError::General("the decoder gave up on damaged data".to_owned()));
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(damaged)
}

fn read_metadata(input: &mut (impl Read + Seek), length: u64) -> Result<ParquetMetaData, ParquetError> {
    check_footer(input, length)?;
    let mut decoder = ParquetMetaDataPushDecoder::try_new(length)?;
    loop {
        match decoder.try_decode()? {
            DecodeResult::Data(metadata) => return Ok(metadata),
            DecodeResult::Finished => return Err(ParquetError::General("the file has no metadata".to_owned())),
            DecodeResult::NeedsData(ranges) => {
                for range in ranges {
                    let bytes = read_range(input, &range)?;
                    decoder.push_range(range, bytes.into())?;
                }
            }
        }
    }
}

/// Bytes at the end of a file: how many of metadata stand before them, and who made it.
const FOOTER_BYTES: u64 = 8;

/// Says where the end of a file points before its beginning, at which the decoder stumbles.
fn check_footer(input: &mut (impl Read + Seek), length: u64) -> Result<(), ParquetError> {
    let Some(start) = length.checked_sub(FOOTER_BYTES) else { return Ok(()) };
    let footer = read_range(input, &(start..length))?;
    let n_metadata = footer.iter().take(4).rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if n_metadata <= start {
        return Ok(());
    }
    let said = format!("its end says that {n_metadata} bytes of metadata stand before it, and the file has {length}");
    Err(ParquetError::General(said))
}

/// Returns the bytes of a range; the decoder checks ranges against the file's length.
fn read_range(input: &mut (impl Read + Seek), range: &Range<u64>) -> Result<Vec<u8>, ParquetError> {
    let external = |error: io::Error| ParquetError::External(Box::new(error));
    input.seek(SeekFrom::Start(range.start)).map_err(external)?;
    let length = range.end.saturating_sub(range.start);
    let mut bytes = Vec::new();
    // Grown as bytes come: a damaged file may ask for more than there is.
    let n_read = input.take(length).read_to_end(&mut bytes).map_err(external)?;
    if n_read as u64 == length {
        return Ok(bytes);
    }
    Err(ParquetError::EOF(format!("{length} bytes at {} of which {n_read} are there", range.start)))
}
