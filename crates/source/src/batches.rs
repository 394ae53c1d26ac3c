//! Parquet data as Arrow batches, from anything that can be read and searched.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};

use crate::SourceError;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// The batches of one Parquet file.
pub(crate) struct Batches<R> {
    input: R,
    table: String,
    decoder: ParquetPushDecoder,
    schema: SchemaRef,
}

impl<R: Read + Seek> Batches<R> {
    /// Opens a file for the columns named, all of them when none are.
    pub(crate) fn open(mut input: R, table: &str, columns: &[&str]) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Parquet { table: table.to_owned(), source };
        let length = input.seek(SeekFrom::End(0)).map_err(|source| SourceError::Read { rows: 0, source })?;
        let metadata = guarded(|| read_metadata(&mut input, length)).map_err(failed)?;
        let builder = guarded(|| ParquetPushDecoderBuilder::try_new_decoder(Arc::new(metadata))).map_err(failed)?;
        let mask = if columns.is_empty() {
            ProjectionMask::all()
        } else {
            ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied())
        };
        let names = |name: &str| columns.is_empty() || columns.contains(&name);
        let schema = builder.schema();
        let kept: Vec<_> = schema.fields().iter().filter(|field| names(field.name())).cloned().collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(kept));
        let decoder = guarded(|| builder.with_batch_size(BATCH_ROWS).with_projection(mask).build()).map_err(failed)?;
        Ok(Self { input, table: table.to_owned(), decoder, schema })
    }

    /// Returns the columns that are read.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the next batch, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        guarded(|| self.decode()).map_err(|source| SourceError::Parquet { table: self.table.clone(), source })
    }

    fn decode(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        loop {
            match self.decoder.try_decode()? {
                DecodeResult::Data(batch) => return Ok(Some(batch)),
                DecodeResult::Finished => return Ok(None),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = read_range(&mut self.input, &range)?;
                        self.decoder.push_range(range, bytes.into())?;
                    }
                }
            }
        }
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
