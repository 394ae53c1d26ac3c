//! Two models asked about everybody: each reads the features as they were defined when it was made.
//!
//! Where those are the definitions of today, the table `features` has them; else both models' features are
//! folded from the events anew, as of the same day. Memberships are computed in pieces, so that only
//! features and labels of everybody are in memory.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::compute::{sort_to_indices, take_record_batch};
use arrow::error::ArrowError;
use throng_event::{AsOf, Day};
use throng_feature::FeatureDefinition;
use throng_persona::{Histories, Memberships, Model, ModelComparison, ModelTally};

use crate::context::collect;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::features::{FeatureRun, dated};
use crate::model_roles::ModelVersion;
use crate::model_store::{FittedModel, read_model};
use crate::population::population_of;
use crate::rows::Rows;
use crate::tables::FEATURES;

/// Customers scored at a time: their features and shares take some 20 MB.
pub(crate) const PIECE_N_ROWS: usize = 10_000;

impl Engine {
    /// Returns who goes from which persona of one model to which of another, among everybody, as of the day
    /// that the table `features` is of.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where there is no such model, or nobody has features.
    pub fn compare_models(&self, first: ModelVersion, second: ModelVersion) -> Result<ModelComparison, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads.get()).build();
        let io = |error| EngineError::io("start threads for", self.home.root(), std::io::Error::other(error));
        let pool = pool.map_err(io)?;
        let (models, rows, (as_of, days)) = self.runtime.block_on(async {
            let view = self.view().await?;
            let models =
                [read_model(&view.context, Some(first)).await?, read_model(&view.context, Some(second)).await?];
            let as_of = self.calendar().as_of(featured_day(&view).await?);
            let rows = self.rows_for(&view, &models, as_of).await?;
            let days = self.history_days(&view, as_of).await?;
            Ok::<_, EngineError>((models, rows, (as_of, days)))
        })?;
        let [first, second] = models.each_ref().map(|fitted| fitted.model.personas.clone());
        let mut tally = ModelTally::new(first, second);
        let n_rows = rows[0].num_rows();
        for start in (0..n_rows).step_by(PIECE_N_ROWS) {
            let mut found = Vec::new();
            for (fitted, rows) in models.iter().zip(&rows) {
                let piece = rows.slice(start, PIECE_N_ROWS.min(rows.num_rows().saturating_sub(start)));
                let scored = || scored((&fitted.model, &fitted.features), (&piece, &days), as_of);
                found.push(pool.install(scored)?);
            }
            tally.take(&found[0], &found[1])?;
        }
        Ok(tally.comparison()?)
    }

    /// Returns everybody's features as each model reads them, in the order of the profiles.
    async fn rows_for(
        &self,
        view: &View,
        models: &[FittedModel; 2],
        as_of: AsOf,
    ) -> Result<[RecordBatch; 2], EngineError> {
        if models.iter().all(|fitted| self.reads_today(fitted)) {
            let rows = collect(&view.context, "SELECT * FROM features ORDER BY profile_id").await?;
            return Ok([rows.clone(), rows]);
        }
        let [first, second] = models;
        Ok([self.folded(view, first, as_of.day).await?, self.folded(view, second, as_of.day).await?])
    }

    /// Returns whether a model reads features as the home has them now.
    pub(crate) fn reads_today(&self, fitted: &FittedModel) -> bool {
        let config = self.home.config();
        // Features of journeys are each model's own.
        fitted.journeys.is_none()
            && fitted.features.iter().all(|definition| config.features.contains(definition))
            && (fitted.currency, fitted.calendar.name()) == (config.currency, config.calendar.name())
    }

    /// Returns everybody's features on a day as a model reads them, in the order of the profiles.
    pub(crate) async fn folded(&self, view: &View, fitted: &FittedModel, day: Day) -> Result<RecordBatch, EngineError> {
        let as_of = fitted.calendar.as_of(day);
        let run = FeatureRun::new(&fitted.features, fitted.currency, &fitted.calendar, as_of)?;
        let folded = run.fold_lake(&view.context, &view.people, fitted.currency).await?;
        let journeys = (fitted.journeys.as_ref(), &fitted.calendar, as_of);
        let folded = self.fill_journeys_by(view, folded, journeys).await?;
        let sorted = dated(&folded, ("profile_id", &view.people.ids()), as_of).and_then(|rows| {
            let order = sort_to_indices(rows.column(0), None, None)?;
            take_record_batch(&rows, &order)
        });
        sorted.map_err(|error| EngineError::table("compute", FEATURES, error))
    }

    /// Returns how many whole days before a day everybody's first event was.
    pub(crate) async fn history_days(&self, view: &View, as_of: AsOf) -> Result<BTreeMap<String, u32>, EngineError> {
        let first = self.first_days(view, as_of).await?;
        let since = |(id, first): (String, Day)| (id, u32::try_from(as_of.day.0 - first.0).unwrap_or(0));
        Ok(first.into_iter().map(since).collect())
    }
}

/// Returns what a model that reads these features says of the profiles in rows of them, who have been known
/// for so many days.
pub(crate) fn scored(
    (model, features): (&Model, &[FeatureDefinition]),
    (rows, days): (&RecordBatch, &BTreeMap<String, u32>),
    as_of: AsOf,
) -> Result<Memberships, EngineError> {
    let failed = |error: ArrowError| EngineError::table("read", FEATURES, error);
    let mut population = population_of(rows, features, as_of).map_err(failed)?;
    let known = population.profiles.iter().map(|profile| days.get(profile.as_str()).copied().unwrap_or(0));
    population.histories = Some(Histories { days: known.collect(), earlier: Vec::new() });
    Ok(model.memberships(&population)?)
}

/// Returns the day that the table `features` is of.
async fn featured_day(view: &View) -> Result<Day, EngineError> {
    let nobody = || EngineError::Missing {
        what: "nobody's features were computed yet".to_owned(),
        todo: "run `throng discover`".to_owned(),
    };
    if !view.context.table_exist(FEATURES).unwrap_or(false) {
        return Err(nobody());
    }
    let rows = collect(&view.context, "SELECT CAST(max(as_of) AS INT) AS day FROM features").await?;
    let days = Rows(&rows).integers("day").map_err(|error| EngineError::table("read", FEATURES, error))?;
    let day = days.first().copied().flatten().and_then(|day| i32::try_from(day).ok());
    day.map(Day).ok_or_else(nobody)
}
