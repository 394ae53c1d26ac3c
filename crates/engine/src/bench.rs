//! The fold and the histories of a plain Parquet file, as the benchmarks run them: one
//! row per event with a person's number, no home and no identities.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field as ArrowField, Int32Type, Schema, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::ParquetReadOptions;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::statistics::Statistics;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use throng_event::{Calendar, Day, Field};
use throng_feature::FeatureDefinition;
use throng_journey::{EventColumns, EventPart, Histories};

use crate::context::{bare_session, explain};
use crate::engine::write_parquet;
use crate::error::EngineError;
use crate::features::{FeatureRun, plain};
use crate::rows::named_batch;

/// Reads events from `input`, computes `definitions` as of the end of `day` in UTC and
/// writes one row per profile to `output`. Columns are named `ts` (the time), `event`,
/// and otherwise as the property of a field; `user` is the number of the profile.
///
/// # Errors
/// When the file cannot be read, has no such columns, or the result cannot be written.
#[expect(clippy::wildcard_enum_match_arm, reason = "a plain file has few of the fields")]
pub fn fold_parquet(
    input: &Path,
    output: &Path,
    definitions: &[FeatureDefinition],
    day: Day,
    threads: NonZeroUsize,
) -> Result<(), EngineError> {
    let calendar = Calendar::utc();
    let run = FeatureRun::new(definitions, None, &calendar, calendar.as_of(day))?;
    let failed = |error: datafusion::error::DataFusionError| EngineError::Query(explain(&error));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build();
    let runtime = runtime.map_err(|source| EngineError::io("start threads for", input, source))?;
    runtime.block_on(async {
        let context = bare_session(threads.get())?;
        let rows = context
            .read_parquet(input.to_string_lossy().as_ref(), ParquetReadOptions::default())
            .await
            .map_err(failed)?;
        let nothing = || lit(datafusion::common::ScalarValue::Null);
        let mut arguments: Vec<Expr> = vec![plain("ts"), lit(0_i64), lit(true), nothing(), nothing()];
        for form in run.compiled.fields() {
            arguments.push(match &form.field {
                Field::Name => plain("event"),
                Field::Property(name) => plain(name),
                other => return Err(EngineError::Catalogue(format!("a plain file has no field {other}"))),
            });
        }
        let folded = run.fold(rows, plain("user_id"), arguments).await?;
        let mut columns: Vec<(String, ArrayRef)> = vec![("user_id".to_owned(), Arc::clone(folded.column(0)))];
        let names = folded.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        columns.extend(names.into_iter().zip(folded.columns().iter().cloned()).skip(1));
        let named = named_batch(columns).map_err(|error| EngineError::Query(error.to_string()))?;
        write_parquet(output, &named)?;
        Ok(())
    })
}

/// The columns of a plain file that histories are made of, all of them without gaps.
const HISTORY_COLUMNS: [&str; 3] = ["user_id", "ts", "event"];

/// Rows that are decoded at once: their columns fit the cache of a core.
const ROWS_DECODED: usize = 1 << 16;

/// What can be wrong with a plain file.
type PlainError = Box<dyn std::error::Error + Send + Sync>;

/// Returns the histories of a plain file: `user_id` is the number of a profile, `ts` the
/// time and `event` the touchpoint; the order of rows breaks ties. Groups of rows are
/// read on all threads at the same time.
///
/// # Errors
/// When the file cannot be read, has no such columns, or has gaps in them.
pub fn histories_of_parquet(input: &Path) -> Result<Histories, EngineError> {
    let failed = |error: PlainError| EngineError::Query(format!("cannot read {}: {error}", input.display()));
    let metadata = plain_metadata(input).map_err(failed)?;
    let n_profiles = n_profiles(&metadata).map_err(failed)?;
    let part = |group_idx: usize| part(input, &metadata, group_idx, n_profiles);
    let groups = (0..metadata.metadata().num_row_groups()).into_par_iter();
    let parts: Vec<EventPart> = groups.map(part).collect::<Result<_, PlainError>>().map_err(failed)?;
    Histories::from_parts(n_profiles, &parts).map_err(|error| failed(error.into()))
}

/// Returns what a file says about itself, with its events to be read as codes.
fn plain_metadata(input: &Path) -> Result<ArrowReaderMetadata, PlainError> {
    let metadata = ArrowReaderMetadata::load(&File::open(input)?, ArrowReaderOptions::new())?;
    let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let coded = |field: &Arc<ArrowField>| {
        if field.name() == "event" {
            Arc::new(field.as_ref().clone().with_data_type(codes.clone()))
        } else {
            Arc::clone(field)
        }
    };
    let schema = Schema::new(metadata.schema().fields().iter().map(coded).collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?)
}

/// Returns one more than the largest number of a profile, as the file says itself.
fn n_profiles(metadata: &ArrowReaderMetadata) -> Result<usize, PlainError> {
    let columns = metadata.parquet_schema().columns();
    let column_idx = columns.iter().position(|column| column.name() == HISTORY_COLUMNS[0]);
    let column_idx = column_idx.ok_or("there is no column user_id")?;
    let mut n_profiles = 0;
    for group in metadata.metadata().row_groups() {
        let Some(Statistics::Int64(numbers)) = group.column(column_idx).statistics() else {
            return Err("it does not say how large the integers in user_id are".into());
        };
        let largest = numbers.max_opt().ok_or("it does not say how large the integers in user_id are")?;
        n_profiles = n_profiles.max(usize::try_from(*largest)? + 1);
    }
    Ok(n_profiles)
}

/// Reads one group of rows.
fn part(
    input: &Path,
    metadata: &ArrowReaderMetadata,
    group_idx: usize,
    n_profiles: usize,
) -> Result<EventPart, PlainError> {
    // Each group has a file of its own: threads must not share a place in it.
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(input)?, metadata.clone())
        .with_row_groups(vec![group_idx])
        .with_projection(ProjectionMask::columns(metadata.parquet_schema(), HISTORY_COLUMNS))
        .with_batch_size(ROWS_DECODED)
        .build()?;
    let mut part = EventPart::new(n_profiles);
    let mut names = Vec::new();
    for rows in reader {
        push(&mut part, &mut names, &rows?)?;
    }
    part.set_names(names);
    Ok(part)
}

fn push(part: &mut EventPart, names: &mut Vec<String>, rows: &RecordBatch) -> Result<(), PlainError> {
    let column = |name: &str| {
        let column = rows.column_by_name(name).ok_or_else(|| format!("there is no column {name}"))?;
        if column.null_count() > 0 { Err(format!("{name} has gaps")) } else { Ok(column) }
    };
    let whole = CastOptions { safe: false, ..CastOptions::default() };
    let profiles: UInt32Array =
        cast_with_options(column("user_id")?, &DataType::UInt32, &whole)?.as_primitive().clone();
    let times = column("ts")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or("ts is no time in microseconds")?;
    let events = column("event")?.as_dictionary_opt::<Int32Type>().ok_or("event is no text")?;
    let texts = events.values().as_string_opt::<i32>().ok_or("event is no text")?;
    let mut codes: Vec<u32> = Vec::with_capacity(texts.len());
    for text in texts.iter().map(Option::unwrap_or_default) {
        let known = names.iter().position(|name| name == text);
        let place = known.unwrap_or_else(|| {
            names.push(text.to_owned());
            names.len() - 1
        });
        codes.push(u32::try_from(place)?);
    }
    let code = |key: &i32| usize::try_from(*key).ok().and_then(|key| codes.get(key).copied());
    let touchpoint: Option<Vec<u32>> = events.keys().values().iter().map(code).collect();
    part.push(&EventColumns {
        profile: profiles.values(),
        occurred_at: times.values(),
        event_key: None,
        touchpoint: &touchpoint.ok_or("event has a code without a text")?,
        session: None,
        value: None,
    });
    Ok(())
}
