//! The fitted model of personas as a function of the query engine: how much every customer belongs to
//! each, computed batch by batch over the `features` table, so that nobody has to be in memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, cast, create_udf};
use datafusion::prelude::{DataFrame, SessionContext};
use rayon::ThreadPool;
use throng_event::AsOf;
use throng_feature::FeatureDefinition;
use throng_learn::Matrix;
use throng_persona::{Membership, Memberships, Model, PersonaError, Population};

use crate::book::membership_rows;
use crate::context::explain;
use crate::error::EngineError;
use crate::features::plain;
use crate::population::population_of;
use crate::rows::named_batch;
use crate::tables::FEATURES;

/// A model, and what is needed to read its features from columns.
#[derive(Debug)]
pub(crate) struct Scoring {
    pub(crate) model: Model,
    /// Of the model's features, in its order.
    definitions: Vec<FeatureDefinition>,
    as_of: AsOf,
    /// Where the arithmetic runs: the engine's threads hand their batches to it.
    pool: Arc<ThreadPool>,
}

impl Scoring {
    pub(crate) fn new(model: Model, catalogue: &[FeatureDefinition], as_of: AsOf, pool: Arc<ThreadPool>) -> Self {
        let of = |name: &String| catalogue.iter().find(|definition| definition.name == *name).cloned();
        let definitions = model.columns.iter().filter_map(|column| of(&column.feature)).collect();
        Self { model, definitions, as_of, pool }
    }

    /// Returns the arguments of a function of customers: their id and the model's features.
    pub(crate) fn arguments(&self) -> Vec<Expr> {
        let mut arguments = vec![cast(plain("profile_id"), DataType::Utf8)];
        let columns = self.model.columns.iter().zip(&self.definitions);
        arguments.extend(columns.map(|(column, definition)| {
            let data_type = if column.levels.is_empty() { DataType::Float64 } else { DataType::Utf8 };
            cast(plain(&definition.name), data_type)
        }));
        arguments
    }

    /// Returns the points that centroids settle among, of the customers in a batch of arguments.
    pub(crate) fn settling_points(&self, arguments: &[ArrayRef]) -> DataFusionResult<Matrix> {
        let population = self.population(arguments)?;
        self.pool.install(|| self.model.settling_points(&population)).map_err(external)
    }

    /// Returns the rows of the table `memberships`, of everybody who has features.
    pub(crate) async fn memberships(self: Arc<Self>, context: &SessionContext) -> Result<DataFrame, EngineError> {
        let output = self.output()?;
        self.columns_of(context, ("throng_memberships", output), Self::membership_columns).await
    }

    /// Returns the persona of everybody who has features, beside their features.
    pub(crate) async fn counted(self: Arc<Self>, context: &SessionContext) -> Result<DataFrame, EngineError> {
        let features = context.table(FEATURES).await.map_err(failed)?;
        let names = features.schema().fields().iter().map(|field| field.name().clone());
        let names: Vec<String> = names.filter(|name| name != "profile_id").collect();
        let function = Arc::clone(&self).function(("throng_memberships", self.output()?), Self::membership_columns);
        let scored = self.asked(context, &function, names.iter().map(|name| plain(name)).collect()).await?;
        let mut columns = vec![plain("profile_id"), get_field(plain("m"), "persona_id").alias("persona_id")];
        columns.extend(names.iter().map(|name| plain(name)));
        scored.select(columns).map_err(failed)
    }

    /// Returns the id of everybody who has features, and columns that follow from these.
    pub(crate) async fn columns_of(
        self: Arc<Self>,
        context: &SessionContext,
        (name, output): (&str, Fields),
        compute: impl Fn(&Self, &Population) -> DataFusionResult<StructArray> + Send + Sync + 'static,
    ) -> Result<DataFrame, EngineError> {
        let function = Arc::clone(&self).function((name, output.clone()), compute);
        // Fields taken one by one would have the function called for each.
        let computed = self.asked(context, &function, Vec::new()).await?;
        let computed = computed.unnest_columns(&["m"]).map_err(failed)?;
        let mut columns = vec![plain("profile_id")];
        columns.extend(output.iter().map(|field| plain(&format!("m.{}", field.name())).alias(field.name())));
        computed.select(columns).map_err(failed)
    }

    /// Returns everybody's id, what a function of their features says as the struct `m`, and other columns.
    async fn asked(
        &self,
        context: &SessionContext,
        function: &ScalarUDF,
        others: Vec<Expr>,
    ) -> Result<DataFrame, EngineError> {
        let features = context.table(FEATURES).await.map_err(failed)?;
        let said = function.call(self.arguments()).alias("m");
        let mut columns = vec![cast(plain("profile_id"), DataType::Utf8).alias("profile_id"), said];
        columns.extend(others);
        features.select(columns).map_err(failed)
    }

    /// Returns the function `name(profile_id, …)` of customers: a struct of columns.
    fn function(
        self: Arc<Self>,
        (name, output): (&str, Fields),
        compute: impl Fn(&Self, &Population) -> DataFusionResult<StructArray> + Send + Sync + 'static,
    ) -> ScalarUDF {
        let mut inputs = vec![DataType::Utf8];
        inputs.extend(self.model.columns.iter().map(|column| match column.levels.len() {
            0 => DataType::Float64,
            _ => DataType::Utf8,
        }));
        let implementation = move |arguments: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            let population = self.population(&arrays)?;
            let columns = self.pool.install(|| compute(&self, &population))?;
            Ok(ColumnarValue::Array(Arc::new(columns) as ArrayRef))
        };
        create_udf(name, inputs, DataType::Struct(output), Volatility::Immutable, Arc::new(implementation))
    }

    /// Returns the columns of the table `memberships` but the first.
    fn membership_columns(&self, population: &Population) -> DataFusionResult<StructArray> {
        let memberships = self.model.memberships(population).map_err(external)?;
        Ok(StructArray::from(without_profiles(&membership_rows(&memberships)?)?))
    }

    fn output(&self) -> Result<Fields, EngineError> {
        let nobody: Vec<Membership> = Vec::new();
        let nobody = Memberships::new(self.model.personas.clone(), nobody)?;
        let rows = membership_rows(&nobody).and_then(|rows| without_profiles(&rows));
        let rows = rows.map_err(|error| EngineError::Query(error.to_string()))?;
        Ok(rows.schema().fields().clone())
    }

    fn population(&self, arguments: &[ArrayRef]) -> DataFusionResult<Population> {
        let names = self.definitions.iter().map(|definition| definition.name.clone());
        let names = std::iter::once("profile_id".to_owned()).chain(names);
        let rows = named_batch(names.zip(arguments.iter().cloned()).collect())?;
        Ok(population_of(&rows, &self.definitions, self.as_of)?)
    }
}

fn without_profiles(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    rows.project(&(1..rows.num_columns()).collect::<Vec<_>>())
}

pub(crate) fn external(error: PersonaError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

pub(crate) fn failed(error: DataFusionError) -> EngineError {
    EngineError::Query(explain(&error))
}
