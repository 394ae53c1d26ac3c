//! The fold over a plain Parquet file, as the benchmark runs it: one row per event
//! with a person's number, no home and no identities.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::ParquetReadOptions;
use throng_event::{Calendar, Day, Field};
use throng_feature::FeatureDefinition;

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
