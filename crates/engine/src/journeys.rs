//! Journeys out of the lake: touchpoints of everybody, of one persona, or of all others.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_journey::{
    Funnel, PathOptions, Paths, Repeats, Scope, Touchpoints, TransitionMatrix, funnel, paths, transitions,
};

use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::people::{People, times};

/// The touchpoints of every profile, sorted once and kept for any number of questions.
#[derive(Debug)]
pub struct JourneyBook {
    /// Where each profile's touchpoints begin; one more than there are profiles.
    offsets: Vec<usize>,
    occurred_at: Vec<i64>,
    label: Vec<u32>,
    names: Vec<String>,
}

impl JourneyBook {
    /// Reads what people did (tracked events, pages and screens) up to an instant.
    pub(crate) async fn read(context: &SessionContext, people: &People, end_us: i64) -> Result<Self, EngineError> {
        let query = "SELECT user_id, anonymous_id, event, occurred_at, event_key FROM events \
                     WHERE kind IN ('track', 'page', 'screen')";
        let rows = collect(context, query).await?;
        Self::of(&rows, people, end_us).map_err(|error| EngineError::Query(error.to_string()))
    }

    fn of(rows: &RecordBatch, people: &People, end_us: i64) -> Result<Self, ArrowError> {
        let (users, devices) = (text_column(rows, "user_id")?, text_column(rows, "anonymous_id")?);
        let events = text_column(rows, "event")?;
        let times = times(rows, "occurred_at")?;
        let keys = rows.column_by_name("event_key").map(|column| column.as_primitive::<Int64Type>());
        let mut names: Vec<&str> = events.iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        let mut touches: Vec<(u32, i64, i64, u32)> = Vec::with_capacity(rows.num_rows());
        for (row, profile) in people.numbers(&users, &devices).into_iter().enumerate() {
            let Some(profile) = profile else { continue };
            if times.value(row) >= end_us || events.is_null(row) {
                continue;
            }
            let label = names.binary_search(&events.value(row)).ok().and_then(|label| u32::try_from(label).ok());
            let key = keys.map_or(0, |keys| keys.value(row));
            touches.extend(label.map(|label| (profile, times.value(row), key, label)));
        }
        touches.sort_unstable();
        let mut offsets = vec![0; people.n_profiles() + 1];
        for touch in &touches {
            offsets[index(touch.0) + 1] += 1;
        }
        for profile in 1..offsets.len() {
            offsets[profile] += offsets[profile - 1];
        }
        Ok(Self {
            offsets,
            occurred_at: touches.iter().map(|touch| touch.1).collect(),
            label: touches.iter().map(|touch| touch.3).collect(),
            names: names.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Returns the book of some profiles only, by their numbers in ascending order.
    #[must_use]
    pub fn select(&self, profiles: &[u32]) -> Self {
        let mut part = Self { offsets: vec![0], occurred_at: Vec::new(), label: Vec::new(), names: self.names.clone() };
        for profile in profiles {
            let rows = self.offsets[index(*profile)]..self.offsets[index(*profile) + 1];
            part.occurred_at.extend_from_slice(&self.occurred_at[rows.clone()]);
            part.label.extend_from_slice(&self.label[rows]);
            part.offsets.push(part.label.len());
        }
        part
    }

    fn touchpoints(&self) -> Touchpoints<'_> {
        Touchpoints::new(&self.offsets, &self.occurred_at, &self.label, &self.names)
    }

    /// Returns the event names, the labels' texts.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the most trodden paths within sessions, repeats collapsed.
    #[must_use]
    pub fn paths(&self, gap_us: i64, steps_max: usize, top: usize) -> Paths {
        let options = PathOptions { scope: Scope::Session { gap_us }, repeats: Repeats::Collapse, steps_max, top };
        paths(&self.touchpoints(), &options)
    }

    /// Returns the paths over whole histories, repeats collapsed: for shops whose
    /// every visit is one event, sessions have no steps.
    #[must_use]
    pub fn history_paths(&self, steps_max: usize, top: usize) -> Paths {
        let options = PathOptions { scope: Scope::History, repeats: Repeats::Collapse, steps_max, top };
        paths(&self.touchpoints(), &options)
    }

    /// Returns the steps from touchpoint to touchpoint over whole histories.
    #[must_use]
    pub fn transitions(&self) -> TransitionMatrix {
        transitions(&self.touchpoints(), Scope::History, Repeats::Keep)
    }

    /// Returns a funnel over event names.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when an event of that name never happened.
    pub fn funnel(&self, steps: &[String], window_us: i64) -> Result<Funnel, EngineError> {
        let touchpoints = self.touchpoints();
        let mut labels = Vec::with_capacity(steps.len());
        for step in steps {
            let label = touchpoints.label(step).map_err(|error| EngineError::Missing {
                what: error.to_string(),
                todo: format!("use one of: {}", self.names.join(", ")),
            })?;
            labels.push(vec![label]);
        }
        Ok(funnel(&touchpoints, &labels, window_us))
    }
}

/// Profile numbers are indexes into vectors that are in memory.
fn index(profile: u32) -> usize {
    usize::try_from(profile).unwrap_or(usize::MAX)
}
