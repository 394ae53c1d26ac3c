//! Features about journeys of a home: fitted to its lake, or as they were kept with a model,
//! and their columns put into their places among those of the fold.
//!
//! Touchpoints are looked up among all that ever happened, also after the day that is
//! asked about, so that a pattern means the same on every day.

mod form;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};
use arrow::error::ArrowError;
use throng_event::{AsOf, Calendar, Day, Instant};
use throng_feature::{FeatureDefinition, FeatureValue, JourneyStatistics, SESSION_GAP_MINUTES};
use throng_journey::{GrowingHistories, Histories, History, JourneyError, JourneyFeatures, session_steps};

use crate::config::Config;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::journeys::{JourneyBook, Reading};
use crate::rows::numbers;
use crate::tables::FEATURES;

pub(crate) use form::JourneyFeaturesForm;

impl Engine {
    /// Returns what computes the features about journeys as of a day, `None` where the
    /// catalogue has none.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events, [`EngineError::Catalogue`] when a
    /// definition names what never happened.
    pub fn journey_features(&self, as_of: Option<Day>) -> Result<Option<JourneyFeatures>, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, as_of).await?;
            self.fit_journeys(&view, &self.home.config().features, as_of).await
        })
    }

    /// Fits the features about journeys among some definitions to everybody's journeys up to a day.
    pub(crate) async fn fit_journeys(
        &self,
        view: &View,
        definitions: &[FeatureDefinition],
        as_of: AsOf,
    ) -> Result<Option<JourneyFeatures>, EngineError> {
        if !of_journeys(definitions) {
            return Ok(None);
        }
        let book = self.touchpoints(view).await?;
        let fitted = JourneyFeatures::fit(definitions, book.view().histories(), (self.calendar(), as_of));
        fitted.map(Some).map_err(refused)
    }

    /// Puts the columns about journeys into the rows of a fold of the catalogue as of a day.
    pub(crate) async fn fill_journeys(
        &self,
        view: &View,
        folded: RecordBatch,
        as_of: AsOf,
    ) -> Result<RecordBatch, EngineError> {
        let features = self.fit_journeys(view, &self.home.config().features, as_of).await?;
        self.fill_journeys_by(view, folded, (features.as_ref(), self.calendar(), as_of)).await
    }

    /// Puts the columns about journeys into the rows of a fold of the same definitions.
    pub(crate) async fn fill_journeys_by(
        &self,
        view: &View,
        folded: RecordBatch,
        (features, calendar, as_of): (Option<&JourneyFeatures>, &Calendar, AsOf),
    ) -> Result<RecordBatch, EngineError> {
        let Some(features) = features else { return Ok(folded) };
        let histories = self.touchpoints(view).await?.view().histories();
        let filled = fill(features, &folded, histories, (calendar, as_of));
        filled.map_err(|error| EngineError::table("compute", FEATURES, error))
    }

    /// Returns what everybody's journeys look like, for proposals.
    pub(crate) async fn journey_statistics(&self, view: &View) -> Result<JourneyStatistics, EngineError> {
        let book = self.touchpoints(view).await?;
        let gap_us = i64::from(SESSION_GAP_MINUTES.get()) * 60 * Instant::SECOND;
        let (n_sessions, n_steps) = session_steps(&book.view(), gap_us);
        Ok(JourneyStatistics { names: book.names().to_vec(), n_sessions, n_steps })
    }

    /// Returns the touchpoints of everybody at all times.
    async fn touchpoints<'v>(&self, view: &'v View) -> Result<&'v JourneyBook, EngineError> {
        if let Some(book) = view.touchpoints.get() {
            return Ok(book);
        }
        let as_of = self.as_of(view, None).await?;
        let rules = &self.home.config().touchpoints;
        let reading = Reading { rules, source_sessions: false, currency: None, as_of };
        let book = JourneyBook::read(&view.context, &view.people, &reading).await?;
        // Whoever came first has read the same.
        Ok(view.touchpoints.get_or_init(|| book))
    }
}

/// Whether any of some definitions is about journeys.
pub(crate) fn of_journeys(definitions: &[FeatureDefinition]) -> bool {
    definitions.iter().any(|definition| definition.kind.of_journeys())
}

/// Returns the rows of a fold with the columns of everybody's journeys in their places.
fn fill(
    features: &JourneyFeatures,
    folded: &RecordBatch,
    histories: &Histories,
    moment: (&Calendar, AsOf),
) -> Result<RecordBatch, ArrowError> {
    let profiles = cast(folded.column(0), &DataType::UInt32)?;
    let profiles = profiles.as_primitive::<UInt32Type>();
    let mut columns = folded.columns().to_vec();
    for (position, values) in features.columns(histories, moment) {
        let of_row = |profile: &u32| usize::try_from(*profile).ok().and_then(|place| values.get(place).copied()?);
        // The profile stands first.
        columns[position + 1] = numbers(profiles.values().iter().map(of_row));
    }
    RecordBatch::try_new(folded.schema(), columns)
}

/// Puts the values about journeys into those of live profiles, from histories to which
/// every event was added by itself.
pub(crate) fn fill_live(
    config: &Config,
    (growing, n_profiles): (&GrowingHistories, usize),
    as_of: AsOf,
    live: &mut BTreeMap<u32, Vec<FeatureValue>>,
) -> Result<(), EngineError> {
    let histories = growing.histories(u32::try_from(n_profiles).unwrap_or(u32::MAX));
    let histories = histories.map_err(|error| EngineError::Query(error.to_string()))?;
    let features = JourneyFeatures::fit(&config.features, &histories, (&config.calendar, as_of)).map_err(refused)?;
    drop(histories);
    for (profile, values) in live {
        let (occurred_at, labels) = growing.history(*profile, features.names());
        let history = History { occurred_at: &occurred_at, labels: &labels };
        for (position, value) in features.values(history, &config.calendar, as_of) {
            values[position] = value;
        }
    }
    Ok(())
}

fn refused(error: JourneyError) -> EngineError {
    EngineError::Catalogue(error.to_string())
}
