//! K-means beyond memory: each pass over everybody is an aggregation of the query engine.
//!
//! `throng_k_means` is an aggregate function whose accumulator is a [`KMeansPass`]. Between a partial
//! and a final aggregation travel its exact sums, a few kilobytes, so that batches, partitions and
//! machines may divide the rows as they like: the centroids are those of Lloyd's refinement in
//! memory, bit for bit.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::as_binary_array;
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::prelude::DataFrame;
use throng_learn::{KMeans, KMeansParams, KMeansPass, LearnError, Matrix};
use throng_persona::PersonaError;
use tokio::runtime::Runtime;

use crate::error::EngineError;
use crate::scoring::{Scoring, failed};

/// Refinement among everybody rests where that among some does.
const N_ITER_MAX: usize = 100;
const TOLERANCE: f64 = 1e-4;

/// Refines the centroids of a model among the customers whose features are the rows of `features`.
/// `None` where a cluster is left with nobody.
pub(crate) fn settle(
    scoring: &Arc<Scoring>,
    features: &DataFrame,
    runtime: &Runtime,
) -> Result<Option<KMeans>, EngineError> {
    let centroids = scoring.model.membership.k_means().centroids();
    let refined = refinement(centroids.n_rows()).fit_passes(centroids, |pass| {
        runtime.block_on(go_through(features.clone(), scoring, &pass)).map_err(Interrupted::Engine)
    });
    match refined {
        Ok(k_means) => Ok(Some(k_means)),
        Err(Interrupted::Learn(LearnError::EmptyCluster { .. })) => Ok(None),
        Err(Interrupted::Learn(source)) => {
            Err(PersonaError::Learn { attempt: "refine the personas among everybody", source }.into())
        }
        Err(Interrupted::Engine(error)) => Err(error),
    }
}

/// Returns how far centroids are refined.
pub(crate) fn refinement(n_clusters: usize) -> KMeansParams {
    KMeansParams { n_clusters, n_init: 1, n_iter_max: N_ITER_MAX, tolerance: TOLERANCE, seed: 0 }
}

/// Why passes ended early.
enum Interrupted {
    Learn(LearnError),
    Engine(EngineError),
}

impl From<LearnError> for Interrupted {
    fn from(error: LearnError) -> Self {
        Self::Learn(error)
    }
}

/// Returns a pass around the same centroids after all rows.
async fn go_through(features: DataFrame, scoring: &Arc<Scoring>, pass: &KMeansPass) -> Result<KMeansPass, EngineError> {
    let function = KMeansFunction::new(Arc::clone(scoring), pass.centroids().clone());
    let call = AggregateUDF::from(function).call(scoring.arguments()).alias("pass");
    let rows = features.aggregate(Vec::new(), vec![call]).map_err(failed)?.collect().await.map_err(failed)?;
    let states = rows.iter().map(|rows| as_binary_array(rows.column(0)));
    let mut passed = pass.clone();
    for states in states {
        for state in states.map_err(failed)?.iter().flatten() {
            passed.merge(&of_state(pass.centroids(), state).map_err(failed)?);
        }
    }
    Ok(passed)
}

fn of_state(centroids: &Matrix, state: &[u8]) -> DataFusionResult<KMeansPass> {
    KMeansPass::from_state(centroids, state).map_err(external)
}

fn external(error: LearnError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// One pass of k-means around given centroids, over customers in the space of a model.
#[derive(Debug, Clone)]
struct KMeansFunction {
    scoring: Arc<Scoring>,
    centroids: Matrix,
    signature: Signature,
}

impl KMeansFunction {
    fn new(scoring: Arc<Scoring>, centroids: Matrix) -> Self {
        Self { scoring, centroids, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl PartialEq for KMeansFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.scoring, &other.scoring) && self.centroids == other.centroids
    }
}

impl Eq for KMeansFunction {}

impl Hash for KMeansFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.centroids.values().iter().for_each(|value| value.to_bits().hash(state));
    }
}

impl AggregateUDFImpl for KMeansFunction {
    fn name(&self) -> &'static str {
        "throng_k_means"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let pass = KMeansPass::new(&self.centroids).map_err(external)?;
        Ok(Box::new(KMeansAccumulator { scoring: Arc::clone(&self.scoring), pass }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "pass"), DataType::Binary, false))])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The pass of one partition.
#[derive(Debug)]
struct KMeansAccumulator {
    scoring: Arc<Scoring>,
    pass: KMeansPass,
}

impl Accumulator for KMeansAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        if values.first().is_none_or(|column| column.is_empty()) {
            return Ok(());
        }
        self.pass.update(&self.scoring.settling_points(values)?).map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for state in as_binary_array(&states[0])?.iter().flatten() {
            self.pass.merge(&of_state(self.pass.centroids(), state)?);
        }
        Ok(())
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.pass.state())))
    }

    fn size(&self) -> usize {
        // Exact sums are a few words for each cluster and column.
        size_of_val(self) + self.pass.state().len()
    }
}
