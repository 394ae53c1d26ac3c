//! Features out of the lake: one row per profile, by `throng_fold`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::Column as ColumnName;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{AggregateUDF, Expr, col, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use throng_event::{AsOf, Calendar, Currency, Field};
use throng_feature::{Catalogue, Compiled, FeatureDefinition};

use crate::context::{explain, session};
use crate::derive::profile_number;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_table::{attribute_field, column_name};
use crate::fold::{FoldFunction, fold_rows};
use crate::people::People;
use crate::rows::{Rows, named_batch, texts};
use crate::tables::{EVENTS, FEATURES};

impl Engine {
    /// Returns of how many customers each feature is known, by its name, as of the newest discovery; of none that
    /// was not computed then.
    ///
    /// # Errors
    /// [`EngineError`] when the table cannot be read.
    pub fn n_known(&self) -> Result<BTreeMap<String, u64>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            if !context.table_exist(FEATURES).unwrap_or(false) {
                return Ok(BTreeMap::new());
            }
            let features = context.table(FEATURES).await.map_err(failed)?;
            let computed = |name: &&String| features.schema().has_column_with_unqualified_name(name);
            let names = self.home.config().features.iter().map(|definition| &definition.name);
            let names: Vec<String> = names.filter(computed).cloned().collect();
            let counts = names.iter().map(|name| count(plain(name)).alias(name)).collect();
            let counted = features.aggregate(Vec::new(), counts).map_err(failed)?.collect().await.map_err(failed)?;
            let Some(counted) = counted.first() else { return Ok(BTreeMap::new()) };
            let read = |error| EngineError::table("read", FEATURES, error);
            let mut known = BTreeMap::new();
            for name in names {
                let n_known = Rows(counted).integers(&name).map_err(read)?.first().copied().flatten().unwrap_or(0);
                known.insert(name, u64::try_from(n_known).unwrap_or(0));
            }
            Ok(known)
        })
    }
}

/// A catalogue ready to be computed as of a day.
pub(crate) struct FeatureRun {
    pub(crate) compiled: Compiled,
    pub(crate) calendar: Calendar,
    pub(crate) as_of: AsOf,
    pub(crate) division: Division,
}

/// How rows are divided among threads before they are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Division {
    /// As they come; the threads' buckets are brought together and folded once.
    Gathered,
    /// By the query engine's partial and final aggregation, as on a cluster.
    #[cfg_attr(not(test), expect(dead_code, reason = "the way of a cluster, compared with the other in tests"))]
    Aggregated,
}

impl FeatureRun {
    pub(crate) fn new(
        definitions: &[FeatureDefinition],
        currency: Option<Currency>,
        calendar: &Calendar,
        as_of: AsOf,
    ) -> Result<Self, EngineError> {
        if definitions.is_empty() {
            return Err(EngineError::Missing {
                what: "throng.toml has no features".to_owned(),
                todo: "run `throng features propose` to have a catalogue written from the data".to_owned(),
            });
        }
        let catalogue = Catalogue::new(definitions.to_vec(), currency)
            .map_err(|error| EngineError::Catalogue(error.to_string()))?;
        Ok(Self {
            compiled: Compiled::new(&catalogue),
            calendar: calendar.clone(),
            as_of,
            division: Division::Gathered,
        })
    }

    /// Folds the events of the lake: one row per profile number, in any order.
    pub(crate) async fn fold_lake(
        &self,
        context: &SessionContext,
        people: &Arc<People>,
        currency: Option<Currency>,
    ) -> Result<RecordBatch, EngineError> {
        let profile = profile_number(Arc::clone(people)).call(vec![col("user_id"), col("anonymous_id")]);
        self.fold_events(context, profile, currency).await
    }

    /// Folds the events of the lake up to the day, `number` saying whose each is.
    pub(crate) async fn fold_events(
        &self,
        context: &SessionContext,
        number: Expr,
        currency: Option<Currency>,
    ) -> Result<RecordBatch, EngineError> {
        let events = context.table(EVENTS).await.map_err(failed)?;
        let arguments = self.lake_arguments(&events, currency);
        let events = events.filter(col("occurred_at").lt(instant(self.as_of.end.0))).map_err(failed)?;
        self.fold(events, number, arguments).await
    }

    /// Folds any rows into `profile` and one column per feature, in any order.
    ///
    /// `profile` says whose a row is, `arguments` are as `fold::gather::Arguments` lists them.
    pub(crate) async fn fold(
        &self,
        rows: DataFrame,
        profile: Expr,
        arguments: Vec<Expr>,
    ) -> Result<RecordBatch, EngineError> {
        let mut columns = vec![profile.alias("profile")];
        let names: Vec<String> = (0..arguments.len()).map(|idx| format!("a{idx}")).collect();
        columns.extend(arguments.into_iter().zip(&names).map(|(argument, name)| argument.alias(name)));
        let rows = rows.select(columns).and_then(|rows| rows.filter(plain("profile").is_not_null())).map_err(failed)?;
        let function = FoldFunction::new(self.compiled.clone(), self.calendar.clone(), self.as_of);
        match self.division {
            Division::Gathered => {
                let (profiles, features) = fold_rows(&function, rows).await.map_err(failed)?;
                let mut columns: Vec<(String, ArrayRef)> = vec![("profile".to_owned(), Arc::new(profiles))];
                let names = features.column_names().into_iter().map(str::to_owned);
                columns.extend(names.zip(features.columns().iter().cloned()));
                named_batch(columns).map_err(|error| EngineError::Query(error.to_string()))
            }
            Division::Aggregated => {
                let frame = aggregate(function, rows, &names).map_err(failed)?;
                let schema = Arc::new(frame.schema().as_arrow().clone());
                let batches = frame.collect().await.map_err(failed)?;
                arrow::compute::concat_batches(&schema, &batches).map_err(|error| EngineError::Query(error.to_string()))
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other field is an attribute")]
    fn lake_arguments(&self, events: &DataFrame, currency: Option<Currency>) -> Vec<Expr> {
        let schema = events.schema();
        let has = |column: &str| schema.has_column_with_unqualified_name(column);
        let in_currency = match currency {
            Some(currency) => {
                datafusion::prelude::coalesce(vec![col("currency").eq(lit(currency.to_string())), lit(true)])
            }
            None => lit(true),
        };
        let lines = self.compiled.fields().iter().any(|form| form.field.per_product());
        let attributes = self.compiled.fields().iter().any(|form| attribute_field(&form.field).is_some());
        let mut arguments = vec![
            col("occurred_at"),
            col("event_key"),
            in_currency,
            if lines { col("products") } else { null() },
            if attributes { col("other") } else { null() },
        ];
        for form in self.compiled.fields() {
            arguments.push(match &form.field {
                Field::Name => col("event"),
                Field::Kind => col("kind"),
                Field::Source => col("source"),
                Field::Channel => col("channel"),
                Field::Amount => col("amount_minor"),
                Field::Currency => col("currency"),
                Field::Rating => col("rating"),
                field => {
                    let column = attribute_field(field).and_then(|(part, name)| column_name(part, name));
                    column.filter(|column| has(column)).map_or_else(null, |column| plain(&column))
                }
            });
        }
        arguments
    }
}

pub(crate) fn plain(name: &str) -> Expr {
    Expr::Column(ColumnName::from_name(name))
}

fn failed(error: datafusion::error::DataFusionError) -> EngineError {
    EngineError::Query(explain(&error))
}

/// Returns the fold as an aggregation of the query engine.
fn aggregate(
    function: FoldFunction,
    rows: DataFrame,
    arguments: &[String],
) -> Result<DataFrame, datafusion::error::DataFusionError> {
    let output = function.output();
    let inputs = arguments.iter().map(|name| plain(name)).collect();
    let fold = AggregateUDF::from(function).call(inputs).alias("features");
    let folded = rows.aggregate(vec![plain("profile")], vec![fold])?;
    let mut columns = vec![plain("profile")];
    columns.extend(output.iter().map(|field| get_field(plain("features"), field.name().as_str()).alias(field.name())));
    folded.select(columns)
}

fn null() -> Expr {
    lit(datafusion::common::ScalarValue::Null)
}

fn instant(us: i64) -> Expr {
    lit(datafusion::common::ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())))
}

/// Returns the rows of a fold by ascending number, with the id of that number.
pub(crate) fn by_number(rows: &RecordBatch, ids: &[&str]) -> Result<(Vec<String>, RecordBatch), ArrowError> {
    let order = arrow::compute::sort_to_indices(rows.column(0), None, None)?;
    let columns: Result<Vec<_>, _> =
        rows.columns().iter().map(|column| arrow::compute::take(column, &order, None)).collect();
    let sorted = RecordBatch::try_new(rows.schema(), columns?)?;
    let numbers = arrow::compute::cast(sorted.column(0), &DataType::UInt32)?;
    let numbers = numbers.as_primitive::<arrow::datatypes::UInt32Type>();
    let ids = numbers.values().iter().map(|number| ids[usize::try_from(*number).unwrap_or(usize::MAX)].to_owned());
    Ok((ids.collect(), sorted))
}

/// Returns the rows of a fold as they are stored: a column of ids of this name,
/// `as_of`, and one column per feature.
pub(crate) fn dated(
    folded: &RecordBatch,
    (name, ids): (&str, &[&str]),
    as_of: AsOf,
) -> Result<RecordBatch, ArrowError> {
    let (ids, rows) = by_number(folded, ids)?;
    let days: Date32Array = ids.iter().map(|_| Some(as_of.day.0)).collect();
    let mut columns: Vec<(String, ArrayRef)> =
        vec![(name.to_owned(), texts(ids.iter().map(|id| Some(id.as_str())))), ("as_of".to_owned(), Arc::new(days))];
    let schema = rows.schema();
    let features = schema.fields().iter().zip(rows.columns()).skip(1);
    columns.extend(features.map(|(field, column)| (field.name().clone(), Arc::clone(column))));
    named_batch(columns)
}
