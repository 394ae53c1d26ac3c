//! The query engine: one DataFusion session over the tables of a home.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

use crate::error::EngineError;
use crate::store::Store;
use crate::tables::TABLES;

/// Returns a session that sees every table of the store.
///
/// Names keep their case (`p_productId` needs no quotes).
pub(crate) async fn session(store: &Store, threads: usize) -> Result<SessionContext, EngineError> {
    let context = bare_session(threads)?;
    for table in TABLES {
        store.register(&context, table.name).await?;
    }
    Ok(context)
}

/// Bytes in which rows are sorted before they go to disk.
const SORT_BYTES_MAX: usize = 256 << 20;
/// Rows of a batch that is sorted: of the longest a quarantine holds, 16 MiB.
const SORT_ROWS: usize = 128;

/// Returns a session without tables, for sorting rows that may be many and long.
pub(crate) fn sorting_session() -> Result<SessionContext, EngineError> {
    let context = bare_session(1)?;
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(SORT_BYTES_MAX, 1.0).build_arc();
    let runtime = runtime.map_err(|error| EngineError::Query(error.to_string()))?;
    Ok(SessionContext::new_with_config_rt(context.copied_config().with_batch_size(SORT_ROWS), runtime))
}

/// Returns a session without tables.
pub(crate) fn bare_session(threads: usize) -> Result<SessionContext, EngineError> {
    let mut config = SessionConfig::new().with_target_partitions(threads).with_information_schema(true);
    config.options_mut().sql_parser.enable_ident_normalization = false;
    // An aggregation by person has nearly as many groups as a partition has people:
    // state is kept once, in the partition that owns the person.
    config.options_mut().optimizer.repartition_file_min_size = 1024 * 1024;
    let runtime = RuntimeEnvBuilder::new().build_arc().map_err(|error| EngineError::Query(error.to_string()))?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Runs a query and returns its rows as one batch.
pub(crate) async fn collect(context: &SessionContext, query: &str) -> Result<RecordBatch, EngineError> {
    let failed = |error: datafusion::error::DataFusionError| EngineError::Query(explain(&error));
    let frame = context.sql(query).await.map_err(failed)?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(failed)?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    concat_batches(&schema, &batches).map_err(|error| EngineError::Query(error.to_string()))
}

/// Runs a query that may only read and returns the first of its rows as one batch.
pub(crate) async fn first_rows(
    context: &SessionContext,
    query: &str,
    n_rows_max: usize,
) -> Result<RecordBatch, EngineError> {
    let failed = |error: datafusion::error::DataFusionError| EngineError::Query(explain(&error));
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(query, reading).await.and_then(|frame| frame.limit(0, Some(n_rows_max)));
    let frame = frame.map_err(failed)?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(failed)?;
    concat_batches(&schema, &batches).map_err(|error| EngineError::Query(error.to_string()))
}

/// Runs a query whose rows are taken one batch after the other by [`next`].
pub(crate) async fn stream(context: &SessionContext, query: &str) -> Result<SendableRecordBatchStream, EngineError> {
    let failed = |error: datafusion::error::DataFusionError| EngineError::Query(explain(&error));
    context.sql(query).await.map_err(failed)?.execute_stream().await.map_err(failed)
}

/// Returns the next rows of a query, `None` at its end.
pub(crate) async fn next(stream: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>, EngineError> {
    stream.next().await.transpose().map_err(|error| EngineError::Query(explain(&error)))
}

/// Runs a query and hands on its rows batch by batch, for results that may be large.
pub(crate) async fn for_each_batch(
    context: &SessionContext,
    query: &str,
    take: &mut (dyn FnMut(&RecordBatch) -> Result<(), ArrowError> + Send),
) -> Result<(), EngineError> {
    let mut stream = stream(context, query).await?;
    while let Some(rows) = next(&mut stream).await? {
        take(&rows).map_err(|error| EngineError::Query(error.to_string()))?;
    }
    Ok(())
}

/// Returns the part of DataFusion's message that is about the query.
pub(crate) fn explain(error: &datafusion::error::DataFusionError) -> String {
    error.strip_backtrace()
}
