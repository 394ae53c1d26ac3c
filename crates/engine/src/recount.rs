//! Claims counted on everybody, in passes over the tables, a few features at a time.
//!
//! Discovery makes claims with it where it looked at some of the customers only, and `throng verify`
//! checks them with it. What is counted comes from a view `counted`: the persona of every customer
//! beside their features, either as the model says or as the tables do.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::prelude::{DataFrame, SessionContext};
use throng_event::{AsOf, Currency};
use throng_feature::FeatureDefinition;
use throng_persona::{Measure, PersonaId, Population, Revenue, Tally, TraitColumn};

use crate::context::for_each_batch;
use crate::error::EngineError;
use crate::population::population_of;
use crate::rows::Rows;
use crate::scoring::failed;

/// Features gathered in one pass. A mean keeps a number of every customer until its claims are told,
/// so this bounds memory by 32 bytes a customer, at the price of more passes.
const FEATURES_AT_ONCE: usize = 4;

/// The view that is counted.
const COUNTED: &str = "counted";

/// Everybody, and what their columns mean.
pub(crate) struct Everybody<'a> {
    pub(crate) context: &'a SessionContext,
    pub(crate) personas: &'a [PersonaId],
    pub(crate) definitions: &'a [FeatureDefinition],
    pub(crate) as_of: AsOf,
    pub(crate) currency: Option<Currency>,
}

/// The rows of one pass, and what is counted in them.
struct Pass {
    query: String,
    features: BTreeSet<String>,
    /// The name of the trait in the column `value`.
    stated: Option<String>,
    measures: Vec<Measure>,
}

impl Everybody<'_> {
    /// Counts each measure on the rows of `counted`: `profile_id`, `persona_id` and the features.
    pub(crate) async fn tally(
        &self,
        counted: DataFrame,
        measures: Vec<Measure>,
        take: &mut (dyn FnMut(&Tally) -> Result<(), EngineError> + Send),
    ) -> Result<(), EngineError> {
        self.context.register_table(COUNTED, counted.into_view()).map_err(failed)?;
        for pass in passes(measures) {
            let new = |measure: Measure| Tally::new(measure, self.personas);
            let mut tallies: Vec<Tally> = pass.measures.iter().cloned().map(new).collect();
            let mut update = |rows: &RecordBatch| {
                let (population, assigned) = self.piece(&pass, rows)?;
                let mut tallies = tallies.iter_mut();
                let updated = tallies.try_for_each(|tally| tally.update(&population, &assigned));
                updated.map_err(|error| ArrowError::ExternalError(Box::new(error)))
            };
            for_each_batch(self.context, &pass.query, &mut update).await?;
            tallies.iter().try_for_each(&mut *take)?;
        }
        self.context.deregister_table(COUNTED).map_err(failed)?;
        Ok(())
    }

    /// Returns the customers of some rows, and the persona each counts for.
    fn piece(&self, pass: &Pass, rows: &RecordBatch) -> Result<(Population, Vec<Option<usize>>), ArrowError> {
        let definitions = self.definitions.iter().filter(|definition| pass.features.contains(&definition.name));
        let mut population = population_of(rows, &definitions.cloned().collect::<Vec<_>>(), self.as_of)?;
        if let Some(name) = &pass.stated {
            population.traits.push(TraitColumn { name: name.clone(), values: Rows(rows).texts("value")? });
        }
        if let (Some(currency), Some(_)) = (self.currency, rows.column_by_name("revenue_minor")) {
            let minor = Rows(rows).integers("revenue_minor")?.into_iter().map(|minor| minor.unwrap_or(0));
            population.revenue = Some(Revenue { minor: minor.collect(), currency });
        }
        let position = |id: &str| self.personas.iter().position(|persona| persona.as_str() == id);
        let assigned = Rows(rows).texts("persona_id")?.iter().map(|id| id.as_deref().and_then(position)).collect();
        Ok((population, assigned))
    }
}

/// Divides measures among as few passes as the bound of features allows.
fn passes(measures: Vec<Measure>) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    let of_counted = |pass: &Pass| pass.query.is_empty();
    for measure in measures {
        match &measure {
            Measure::RevenueShare => passes.push(Pass {
                query: format!(
                    "SELECT c.profile_id, c.persona_id, r.revenue_minor FROM {COUNTED} AS c \
                     JOIN profiles AS r ON r.profile_id = c.profile_id"
                ),
                features: BTreeSet::new(),
                stated: None,
                measures: vec![measure],
            }),
            Measure::TraitShare { name, .. } => {
                let same = |pass: &&mut Pass| pass.stated.as_ref() == Some(name);
                if let Some(pass) = passes.iter_mut().find(same) {
                    pass.measures.push(measure);
                    continue;
                }
                passes.push(Pass {
                    query: format!(
                        "SELECT c.profile_id, c.persona_id, t.value FROM {COUNTED} AS c \
                         JOIN traits AS t ON t.profile_id = c.profile_id AND t.name = '{}'",
                        name.replace('\'', "''")
                    ),
                    features: BTreeSet::new(),
                    stated: Some(name.clone()),
                    measures: vec![measure],
                });
            }
            Measure::Size
            | Measure::RuleShare { .. }
            | Measure::RuleShareHeldOut { .. }
            | Measure::MeanRatio { .. }
            | Measure::MeanDifference { .. }
            | Measure::CategoryShare { .. } => {
                let wanted: BTreeSet<String> = measure.features().into_iter().map(str::to_owned).collect();
                let fits =
                    |pass: &&mut Pass| of_counted(pass) && pass.features.union(&wanted).count() <= FEATURES_AT_ONCE;
                match passes.iter_mut().find(fits) {
                    Some(pass) => {
                        pass.features.extend(wanted);
                        pass.measures.push(measure);
                    }
                    None => passes.push(Pass {
                        query: String::new(),
                        features: wanted,
                        stated: None,
                        measures: vec![measure],
                    }),
                }
            }
        }
    }
    for pass in passes.iter_mut().filter(|pass| pass.query.is_empty()) {
        let columns = pass.features.iter().map(|name| format!(", \"{}\"", name.replace('"', "\"\"")));
        pass.query = format!("SELECT profile_id, persona_id{} FROM {COUNTED}", columns.collect::<String>());
    }
    passes
}
