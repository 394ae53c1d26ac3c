//! Delta tables on any object store: a local folder by default, S3, GCS or Azure by URL.
//!
//! The store is the only place that writes tables. A write is one commit of the
//! Delta protocol: readers see all of it or nothing, and a process that dies in the
//! middle leaves files that no commit names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{DataFrame, SessionContext};
use deltalake::delta_datafusion::planner::DeltaPlanner;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{StructType, Transaction};
use deltalake::logstore::{
    ObjectStoreFactory, ObjectStoreRef, StorageConfig, logstore_factories, object_store_factories,
};
use deltalake::operations::write::{SchemaMode, WriteBuilder};
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::stream;
use object_store::path::Path;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use url::Url;

use crate::context::bare_session;
use crate::error::EngineError;

/// The version of the layout of every table this binary writes, kept as a table
/// property so that a foreign reader sees it too.
const TABLE_FORMAT: &str = "1";
const TABLE_FORMAT_PROPERTY: &str = "throng.format";

/// Files that are read as fast together as one by one …
const SMALL_BYTES: i64 = 16 << 20;
/// … so many of them are worth the work of writing them again …
pub(crate) const SMALL_FILES: usize = 64;
/// … as files of so many bytes.
const COMPACTED_BYTES: NonZeroU64 = NonZeroU64::new(64 << 20).unwrap();

/// What putting files together made of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// The version whose files they were.
    pub(crate) from: u64,
    /// The version that has the same rows in fewer files.
    pub(crate) to: u64,
}

/// Where the tables are.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: Url,
    options: BTreeMap<String, String>,
}

/// Opens S3, GCS and Azure locations with the `object_store` crate's own options
/// (`aws_region`, `google_service_account`, …), from the configuration or the
/// process's environment.
#[derive(Debug)]
struct CloudFactory;

impl ObjectStoreFactory for CloudFactory {
    fn parse_url_opts(&self, url: &Url, config: &StorageConfig) -> Result<(ObjectStoreRef, Path), DeltaTableError> {
        let (store, path) = object_store::parse_url_opts(url, config.raw.clone())?;
        Ok((Arc::new(store), path))
    }
}

/// The schemes of [`CloudFactory`].
const CLOUD_SCHEMES: [&str; 6] = ["s3", "s3a", "gs", "az", "abfs", "abfss"];

/// Columns of which no two values are alike: a dictionary would be made and thrown away.
const UNIQUE_COLUMNS: [&str; 3] = ["event_id", "event_key", "quarantine_id"];

/// Texts of a column that are looked at to guess how many different ones there are.
const TEXTS_SAMPLED: usize = 2_048;

/// Bytes of a dictionary, beyond which a column goes on without one (the default of Parquet).
const DICTIONARY_BYTES_MAX: usize = 1 << 20;

/// Returns how Parquet files of rows like these are written. Minima and maxima are kept by chunk
/// of a column, and not of texts: rows are sorted by person, so those of a page say nothing about
/// what people ask for, and the first and last text of a hundred thousand say nothing either.
/// Times almost all differ, as the columns named above do.
fn writer_properties(schema: &Schema, sample: Option<&RecordBatch>) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        let texts = sample.and_then(|rows| rows.column_by_name(field.name())?.as_string_opt::<i32>());
        let unique = UNIQUE_COLUMNS.contains(&field.name().as_str())
            || matches!(field.data_type(), DataType::Timestamp(..) | DataType::Binary)
            || texts.is_some_and(mostly_differ);
        if unique {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if matches!(field.data_type(), DataType::Utf8 | DataType::Binary) {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    properties.build()
}

/// Whether a dictionary of a column's texts would not be worth what it takes to make: it would
/// be too long, or have an entry for every few rows.
fn mostly_differ(texts: &StringArray) -> bool {
    let n_texts = texts.len() - texts.null_count();
    if n_texts < 2 * TEXTS_SAMPLED {
        return false;
    }
    let sampled: Vec<&str> = texts.iter().flatten().step_by(n_texts / TEXTS_SAMPLED).collect();
    let n_bytes = sampled.iter().map(|text| text.len() + size_of::<u32>()).sum::<usize>() / sampled.len();
    let n_different = sampled.iter().collect::<BTreeSet<_>>().len();
    // Of n texts drawn from d that are as frequent, n * n / (2 * d) are drawn again.
    let n_again = (sampled.len() - n_different).max(1);
    let guess = sampled.len() * sampled.len() / (2 * n_again);
    guess * n_bytes > DICTIONARY_BYTES_MAX || guess * 4 > n_texts
}

impl Store {
    /// Returns the store at a folder URL. Nothing is touched yet.
    pub(crate) fn new(root: Url, options: BTreeMap<String, String>) -> Self {
        let local =
            Url::parse("file://").ok().and_then(|url| logstore_factories().get(&url).map(|entry| entry.clone()));
        for scheme in CLOUD_SCHEMES {
            if let (Ok(url), Some(log)) = (Url::parse(&format!("{scheme}://")), local.clone()) {
                object_store_factories().insert(url.clone(), Arc::new(CloudFactory));
                logstore_factories().insert(url, log);
            }
        }
        Self { root, options }
    }

    fn url(&self, table: &str) -> Url {
        let mut url = self.root.clone();
        // A folder URL takes path segments; only mailto: and its like do not.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(table);
        }
        url
    }

    /// Returns the folder of a table in a local lake.
    fn folder(&self, table: &str) -> Option<PathBuf> {
        self.url(table).to_file_path().ok()
    }

    fn builder(&self, table: &str) -> Result<DeltaTableBuilder, EngineError> {
        let error = |source: DeltaTableError| EngineError::table("open", table, source);
        let builder = DeltaTableBuilder::from_url(self.url(table)).map_err(error)?;
        Ok(builder.with_storage_options(self.options.clone().into_iter().collect()))
    }

    /// Returns a table's newest snapshot, `None` when it was never written.
    pub(crate) async fn open(&self, table: &str) -> Result<Option<DeltaTable>, EngineError> {
        // A local table without a folder is an error to Delta, and an empty table to us.
        if self.folder(table).is_some_and(|folder| !folder.exists()) {
            return Ok(None);
        }
        match self.builder(table)?.load().await {
            Ok(delta) => Ok(Some(delta)),
            Err(DeltaTableError::NotATable(_) | DeltaTableError::InvalidTableLocation(_)) => Ok(None),
            Err(source) => Err(EngineError::table("open", table, source)),
        }
    }

    /// Appends rows, creating the table when it is new and adding columns it lacks.
    pub(crate) async fn append(&self, table: &str, batches: Vec<RecordBatch>) -> Result<(), EngineError> {
        self.write(table, batches, SaveMode::Append).await
    }

    /// Appends rows in the name of an application, whose own version the commit carries (the
    /// Delta protocol's `txn`); returns the version of the table.
    pub(crate) async fn append_as(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        (application, version): (&str, i64),
    ) -> Result<Option<u64>, EngineError> {
        let Some(first) = batches.first() else { return Ok(None) };
        let schema = first.schema();
        let properties = writer_properties(&schema, Some(first));
        let delta = self.opened(table, &schema).await?;
        let commit = CommitProperties::default()
            .with_create_checkpoint(true)
            .with_application_transaction(Transaction::new(application, version));
        let written = delta
            .write(batches)
            .with_writer_properties(properties)
            .with_save_mode(SaveMode::Append)
            .with_schema_mode(SchemaMode::Merge)
            .with_commit_properties(commit)
            .await
            .map_err(|source| EngineError::table("write", table, source))?;
        Ok(written.version())
    }

    /// Writes the small files of a table again as few larger ones, when they have become many; rows
    /// stay, and earlier versions stay readable. Others may append meanwhile.
    pub(crate) async fn compact(&self, table: &str) -> Result<Option<Compacted>, EngineError> {
        let error = |source: DeltaTableError| EngineError::table("compact", table, source);
        let Some(delta) = self.open(table).await? else { return Ok(None) };
        let snapshot = delta.snapshot().map_err(error)?;
        let n_small = snapshot.log_data().iter().filter(|file| file.size() < SMALL_BYTES).count();
        let (Some(from), true) = (delta.version(), n_small >= SMALL_FILES) else { return Ok(None) };
        let properties = writer_properties(&snapshot.snapshot().arrow_schema(), None);
        let mut state = bare_session(1)?.state();
        // Texts are written as the columns they were read from.
        state.config_mut().options_mut().execution.parquet.schema_force_view_types = false;
        let session = SessionStateBuilder::new_from_existing(state).with_query_planner(DeltaPlanner::new());
        let compacted = delta
            .optimize()
            .with_target_size(COMPACTED_BYTES)
            .with_max_concurrent_tasks(1)
            .with_session_state(Arc::new(session.build()))
            .with_writer_properties(properties)
            .with_commit_properties(CommitProperties::default().with_create_checkpoint(true))
            .await;
        let (compacted, _) = compacted.map_err(error)?;
        Ok(compacted.version().filter(|to| *to > from).map(|to| Compacted { from, to }))
    }

    /// Replaces all rows and the columns; earlier versions stay readable by time travel.
    pub(crate) async fn replace(&self, table: &str, batches: Vec<RecordBatch>) -> Result<(), EngineError> {
        self.write(table, batches, SaveMode::Overwrite).await
    }

    /// Replaces all rows and the columns by those of a frame, which are computed while they are
    /// written and never in memory together. One commit, as everywhere.
    pub(crate) async fn replace_from(
        &self,
        table: &str,
        context: &SessionContext,
        rows: DataFrame,
    ) -> Result<(), EngineError> {
        let schema = SchemaRef::clone(rows.schema().inner());
        let delta = self.opened(table, &schema).await?;
        // Delta plans a write with nodes of its own, which our session has no planner for.
        let session = SessionStateBuilder::new_from_existing(context.state()).with_query_planner(DeltaPlanner::new());
        let write = delta
            .write(Vec::new())
            .with_input_plan(rows.into_unoptimized_plan())
            .with_session_state(Arc::new(session.build()));
        self.commit(table, write.with_writer_properties(writer_properties(&schema, None)), SaveMode::Overwrite).await
    }

    /// Replaces all rows by those of a stream, which are written as they come and never held
    /// together. When the stream ends in an error, nothing is replaced.
    pub(crate) async fn replace_streamed(
        &self,
        table: &str,
        rows: SendableRecordBatchStream,
    ) -> Result<(), EngineError> {
        let error = |source: DataFusionError| EngineError::table("write", table, source);
        let schema = rows.schema();
        let once = Arc::new(Once { schema: schema.clone(), rows: Mutex::new(Some(rows)) });
        let source = StreamingTable::try_new(schema.clone(), vec![once]).map_err(error)?;
        let plan = LogicalPlanBuilder::scan(table, provider_as_source(Arc::new(source)), None);
        let plan = plan.and_then(LogicalPlanBuilder::build).map_err(error)?;
        let delta = self.opened(table, &schema).await?;
        let write = delta.write(Vec::new()).with_input_plan(plan);
        self.commit(table, write.with_writer_properties(writer_properties(&schema, None)), SaveMode::Overwrite).await
    }

    async fn write(&self, table: &str, batches: Vec<RecordBatch>, mode: SaveMode) -> Result<(), EngineError> {
        let Some(first) = batches.first() else {
            return Ok(());
        };
        let schema = first.schema();
        let properties = writer_properties(&schema, Some(first));
        let delta = self.opened(table, &schema).await?;
        self.commit(table, delta.write(batches).with_writer_properties(properties), mode).await
    }

    /// Returns a table's newest snapshot, after making it when it was never written.
    async fn opened(&self, table: &str, schema: &SchemaRef) -> Result<DeltaTable, EngineError> {
        match self.open(table).await? {
            Some(delta) => Ok(delta),
            None => self.create(table, schema).await,
        }
    }

    async fn commit(&self, table: &str, write: WriteBuilder, mode: SaveMode) -> Result<(), EngineError> {
        let error = |source: DeltaTableError| EngineError::table("write", table, source);
        let schema_mode = if mode == SaveMode::Append { SchemaMode::Merge } else { SchemaMode::Overwrite };
        write
            .with_save_mode(mode)
            .with_schema_mode(schema_mode)
            .with_commit_properties(CommitProperties::default().with_create_checkpoint(true))
            .await
            .map_err(error)?;
        Ok(())
    }

    async fn create(&self, table: &str, schema: &SchemaRef) -> Result<DeltaTable, EngineError> {
        let error = |source: DeltaTableError| EngineError::table("create", table, source);
        let fields: StructType =
            schema.as_ref().try_into_kernel().map_err(|source| EngineError::table("create", table, source))?;
        if let Some(folder) = self.folder(table) {
            std::fs::create_dir_all(&folder).map_err(|source| EngineError::io("create", folder, source))?;
        }
        let delta = self.builder(table)?.build().map_err(error)?;
        delta
            .create()
            .with_table_name(table)
            .with_columns(fields.fields().cloned())
            .with_raise_if_key_not_exists(false)
            .with_configuration([(TABLE_FORMAT_PROPERTY, Some(TABLE_FORMAT))])
            .await
            .map_err(error)
    }

    /// Registers a table under its name, when it exists.
    pub(crate) async fn register(&self, context: &SessionContext, table: &str) -> Result<bool, EngineError> {
        let Some(delta) = self.open(table).await? else {
            return Ok(false);
        };
        let provider = delta.table_provider().await.map_err(|source| EngineError::table("read", table, source))?;
        delta
            .update_datafusion_session(&context.state())
            .map_err(|source| EngineError::table("read", table, source))?;
        context.register_table(table, provider).map_err(|source| EngineError::table("read", table, source))?;
        Ok(true)
    }
}

/// Rows that can be taken once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let twice = || DataFusionError::Execution("the rows were taken already".to_owned());
        rows.unwrap_or_else(|| {
            let schema = self.schema.clone();
            Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(async move { Err(twice()) })))
        })
    }
}
