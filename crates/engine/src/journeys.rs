//! Journeys out of the lake: touchpoints of everybody, of one persona, or of all others.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_journey::{
    Cut, Entries, EventColumns, Funnel, FunnelOptions, Histories, PathOptions, Paths, Period, ProfileSet, Repeats,
    Scope, StepOrder, TransitionMatrix, View, Window, funnel, paths, transitions,
};

use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::people::{People, times};

/// The histories of every profile, sorted once and kept for any number of questions.
#[derive(Debug, Clone)]
pub struct JourneyBook {
    histories: Arc<Histories>,
    /// Whose; everybody's where there is none.
    profiles: Option<ProfileSet>,
}

impl JourneyBook {
    /// Reads what people did (tracked events, pages and screens) up to an instant.
    pub(crate) async fn read(context: &SessionContext, people: &People, end_us: i64) -> Result<Self, EngineError> {
        let query = "SELECT user_id, anonymous_id, event, occurred_at, event_key FROM events \
                     WHERE kind IN ('track', 'page', 'screen')";
        let rows = collect(context, query).await?;
        Self::of(&rows, people, end_us)
    }

    fn of(rows: &RecordBatch, people: &People, end_us: i64) -> Result<Self, EngineError> {
        let unreadable = |error: ArrowError| EngineError::Query(error.to_string());
        let users = text_column(rows, "user_id").map_err(unreadable)?;
        let devices = text_column(rows, "anonymous_id").map_err(unreadable)?;
        let events = text_column(rows, "event").map_err(unreadable)?;
        let times = times(rows, "occurred_at").map_err(unreadable)?;
        let keys = rows.column_by_name("event_key").map(|column| column.as_primitive::<Int64Type>());
        let mut names: Vec<&str> = events.iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        let (mut profile, mut occurred_at, mut event_key, mut touchpoint) = (vec![], vec![], vec![], vec![]);
        for (row, number) in people.numbers(&users, &devices).into_iter().enumerate() {
            let Some(number) = number else { continue };
            if times.value(row) >= end_us || events.is_null(row) {
                continue;
            }
            let label = names.binary_search(&events.value(row)).ok().and_then(|label| u32::try_from(label).ok());
            let Some(label) = label else { continue };
            profile.push(number);
            occurred_at.push(times.value(row));
            event_key.push(keys.map_or(0, |keys| keys.value(row)));
            touchpoint.push(label);
        }
        let columns = EventColumns {
            profile: &profile,
            occurred_at: &occurred_at,
            event_key: Some(&event_key),
            touchpoint: &touchpoint,
            session: None,
            value: None,
        };
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let histories = Histories::new(&columns, people.n_profiles(), &names)
            .map_err(|error| EngineError::Query(error.to_string()))?;
        Ok(Self { histories: Arc::new(histories), profiles: None })
    }

    /// Returns the book of some profiles only, by their numbers; the histories are shared.
    #[must_use]
    pub fn select(&self, profiles: &[u32]) -> Self {
        Self { histories: Arc::clone(&self.histories), profiles: Some(profiles.iter().copied().collect()) }
    }

    /// Returns what the book sees.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.histories.select(self.profiles.as_ref(), Period::ALWAYS)
    }

    /// Returns the event names, the labels' texts.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.histories.names()
    }

    /// Returns the most trodden paths within sessions, repeats collapsed.
    #[must_use]
    pub fn paths(&self, gap_us: i64, steps_max: usize, top: usize) -> Paths {
        let cut = Cut { scope: Scope::Session { gap_us }, repeats: Repeats::Collapse };
        paths(&self.view(), &PathOptions { cut, steps_max, top, goal: &[] })
    }

    /// Returns the paths over whole histories, repeats collapsed: for shops whose
    /// every visit is one event, sessions have no steps.
    #[must_use]
    pub fn history_paths(&self, steps_max: usize, top: usize) -> Paths {
        let cut = Cut { scope: Scope::History, repeats: Repeats::Collapse };
        paths(&self.view(), &PathOptions { cut, steps_max, top, goal: &[] })
    }

    /// Returns the steps from touchpoint to touchpoint over whole histories.
    #[must_use]
    pub fn transitions(&self) -> TransitionMatrix {
        transitions(&self.view(), Cut { scope: Scope::History, repeats: Repeats::Keep })
    }

    /// Returns a funnel over event names.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when an event of that name never happened.
    pub fn funnel(&self, steps: &[String], window_us: i64) -> Result<Funnel, EngineError> {
        let mut labels = Vec::with_capacity(steps.len());
        for step in steps {
            let label = self.histories.label(step).map_err(|error| EngineError::Missing {
                what: error.to_string(),
                todo: format!("use one of: {}", self.names().join(", ")),
            })?;
            labels.push(vec![label]);
        }
        let options = FunnelOptions {
            steps: labels,
            order: StepOrder::Ordered,
            window: Window::Clock { window_us },
            exclusions: Vec::new(),
            entries: Entries::Once,
        };
        Ok(funnel(&self.view(), &options))
    }
}
