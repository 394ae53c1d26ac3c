//! What every check sees: the tables, who is who, and how much there is.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;
use throng_event::{Calendar, Currency, Instant};

use super::{AuditSubject, MEMORY_BYTES_MAX};
use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of};
use crate::people::People;
use crate::rows::Rows;
use crate::tables::{EVENTS, IMPORTS, QUARANTINE};

/// The profile an event belongs to, in SQL.
pub(super) const PROFILE: &str = "profile_of(user_id, anonymous_id)";

/// The tables and what is known of them before any check.
pub(super) struct Scope<'a> {
    context: SessionContext,
    pub(super) people: &'a People,
    pub(super) calendar: &'a Calendar,
    pub(super) currency: Option<Currency>,
    pub(super) now: Instant,
    pub(super) span_days: u32,
    /// The columns of `events`, in their order.
    columns: Vec<(String, DataType)>,
    pub(super) n_events: u64,
    pub(super) n_profiles: u64,
    pub(super) n_sources: u64,
    pub(super) n_quarantined: u64,
    /// Rows of files that became events or are in quarantine.
    pub(super) n_rows: u64,
    pub(super) last: Instant,
}

impl<'a> Scope<'a> {
    pub(super) async fn new(subject: &AuditSubject<'a>) -> Result<Self, EngineError> {
        let context = bounded(subject.context).await?;
        let table = context.table(EVENTS).await.map_err(|error| EngineError::Query(error.strip_backtrace()))?;
        let fields = table.schema().fields().iter();
        let columns = fields.map(|field| (field.name().clone(), field.data_type().clone())).collect();
        let config = subject.home.config();
        let (first, last) = subject.span;
        let mut scope = Self {
            context,
            people: subject.people,
            calendar: &config.calendar,
            currency: config.currency,
            now: subject.now,
            span_days: u32::try_from(last.0 - first.0 + 1).unwrap_or(1),
            columns,
            n_events: 0,
            n_profiles: super::words::number(subject.people.n_profiles()),
            n_sources: 0,
            n_quarantined: 0,
            n_rows: 0,
            last: Instant(0),
        };
        let counts = "SELECT count(*) AS n_events, count(DISTINCT source) AS n_sources, \
                      CAST(max(occurred_at) AS BIGINT) AS last FROM events";
        let counts = scope.rows(counts).await?;
        scope.n_events = counts.count("n_events")?;
        scope.n_sources = counts.count("n_sources")?;
        scope.last = Instant(counts.integers("last")?.first().copied().flatten().unwrap_or(0));
        if scope.has_table(QUARANTINE) {
            scope.n_quarantined = scope.rows("SELECT count(*) AS n FROM quarantine").await?.count("n")?;
        }
        let imported = if scope.has_table(IMPORTS) {
            scope.rows("SELECT coalesce(sum(rows_new), 0) AS n FROM imports").await?.count("n")?
        } else {
            0
        };
        scope.n_rows = imported.max(scope.n_events) + scope.n_quarantined;
        Ok(scope)
    }

    /// Runs a query.
    pub(super) async fn rows(&self, query: &str) -> Result<Answer, EngineError> {
        Ok(Answer(collect(&self.context, query).await?))
    }

    /// Runs a query and hands on its rows as they come.
    pub(super) async fn stream(
        &self,
        query: &str,
        take: &mut (dyn FnMut(&RecordBatch) -> Result<(), EngineError> + Send),
    ) -> Result<(), EngineError> {
        use futures::StreamExt;
        let failed = |error: datafusion::error::DataFusionError| EngineError::Query(crate::context::explain(&error));
        let frame = self.context.sql(query).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        while let Some(rows) = stream.next().await {
            take(&rows.map_err(failed)?)?;
        }
        Ok(())
    }

    /// Returns whether a table was ever written.
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.context.table_exist(table).unwrap_or(false)
    }

    /// Returns whether events have a column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.type_of(column).is_some()
    }

    /// Returns the type of a column, `None` when events have no such column.
    pub(super) fn type_of(&self, column: &str) -> Option<&DataType> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, data_type)| data_type)
    }

    /// Returns the promoted columns of a part with their types, in their order.
    pub(super) fn columns_of(&self, of: Part) -> Vec<(&str, &DataType)> {
        let columns = self.columns.iter().map(|(name, data_type)| (name.as_str(), data_type));
        columns.filter(|(name, _)| attribute_of(name).is_some_and(|(part, _)| part == of)).collect()
    }

    /// Returns the SQL of the first of these columns that has a value, `None` when
    /// events have none of them.
    pub(super) fn first_of(&self, columns: &[&str]) -> Option<String> {
        let there = columns.iter().filter(|column| self.has(column));
        let texts: Vec<String> = there.map(|column| format!("CAST(\"{column}\" AS VARCHAR)")).collect();
        match texts.len() {
            0 => None,
            1 => texts.into_iter().next(),
            _ => Some(format!("coalesce({})", texts.join(", "))),
        }
    }
}

/// Returns a session over the same tables that may hold only so much in memory and
/// spills the rest.
async fn bounded(context: &SessionContext) -> Result<SessionContext, EngineError> {
    let failed = |error: datafusion::error::DataFusionError| EngineError::Query(error.strip_backtrace());
    let pool = Arc::new(FairSpillPool::new(MEMORY_BYTES_MAX));
    let runtime = RuntimeEnvBuilder::from_runtime_env(&context.runtime_env()).with_memory_pool(pool);
    let runtime = runtime.build_arc().map_err(failed)?;
    let session = SessionContext::new_with_config_rt(context.copied_config(), runtime);
    for table in crate::tables::TABLES {
        if context.table_exist(table.name).unwrap_or(false) {
            let provider = context.table_provider(table.name).await.map_err(failed)?;
            session.register_table(table.name, provider).map_err(failed)?;
        }
    }
    if let Some(function) = context.state().scalar_functions().get("profile_of") {
        session.register_udf(function.as_ref().clone());
    }
    Ok(session)
}

/// The rows a query answers with.
pub(super) struct Answer(pub(super) RecordBatch);

impl Answer {
    pub(super) fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Returns a column as texts, null as the empty one.
    pub(super) fn words(&self, name: &str) -> Result<Vec<String>, EngineError> {
        Rows(&self.0).words(name).map_err(unreadable)
    }

    pub(super) fn integers(&self, name: &str) -> Result<Vec<Option<i64>>, EngineError> {
        Rows(&self.0).integers(name).map_err(unreadable)
    }

    /// Returns a column as counts, null as 0.
    pub(super) fn counts(&self, name: &str) -> Result<Vec<u64>, EngineError> {
        Rows(&self.0).counts(name).map_err(unreadable)
    }

    /// Returns the count in the first row, 0 without rows.
    pub(super) fn count(&self, name: &str) -> Result<u64, EngineError> {
        Ok(self.counts(name)?.first().copied().unwrap_or(0))
    }
}

fn unreadable(error: arrow::error::ArrowError) -> EngineError {
    EngineError::Query(error.to_string())
}
