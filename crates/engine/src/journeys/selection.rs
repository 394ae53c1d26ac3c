//! Whose journeys: audiences by a condition over features, and customers by a property.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use throng_event::{AsOf, Day};
use throng_journey::TouchpointRule;
use throng_profile::ProfileId;

use super::{JourneyBook, JourneyRequest, Reading};
use crate::context::{collect, session};
use crate::derive::timestamp_literal;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::tables::{EVENTS, FEATURES};
use crate::touchpoints::propose;

impl Engine {
    /// Reads the touchpoints of everybody, with the id of every profile by its number.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn journeys(&self, as_of: Option<Day>) -> Result<(JourneyBook, Vec<ProfileId>), EngineError> {
        self.journeys_for(&JourneyRequest { as_of, ..JourneyRequest::default() })
    }

    /// Reads touchpoints as [`Self::journeys`], by other rules or with the source's sessions.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn journeys_for(&self, request: &JourneyRequest) -> Result<(JourneyBook, Vec<ProfileId>), EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, request.as_of).await?;
            let config = self.home.config();
            let reading = Reading {
                rules: request.rules.as_deref().unwrap_or(&config.touchpoints),
                source_sessions: request.source_sessions,
                currency: config.currency,
                as_of,
            };
            let book = JourneyBook::read(&view.context, &view.people, &reading).await?;
            let numbers = 0..u32::try_from(view.people.n_profiles()).unwrap_or(u32::MAX);
            Ok((book, numbers.map(|number| view.people.resolution.profile_id(number)).collect()))
        })
    }

    /// Returns rules for touchpoints that the data suggest.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn propose_touchpoints(&self) -> Result<Vec<TouchpointRule>, EngineError> {
        self.runtime.block_on(async { propose(&self.view().await?.context).await })
    }

    /// Returns the ids of the profiles for which a SQL condition over the columns of
    /// `features` holds.
    ///
    /// # Errors
    /// [`EngineError::Missing`] before the first discovery, [`EngineError::Query`] with what
    /// is wrong in the condition.
    pub fn audience(&self, condition: &str) -> Result<Vec<String>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            if !context.table_exist(FEATURES).unwrap_or(false) {
                return Err(EngineError::Missing {
                    what: "an audience is chosen by features, and none are computed yet".to_owned(),
                    todo: "run `throng features propose` and `throng discover`".to_owned(),
                });
            }
            let query = format!("SELECT profile_id FROM features WHERE (\n{condition}\n)");
            texts(&collect(&context, &query).await?, 0).map(|ids| ids.into_iter().flatten().collect())
        })
    }

    /// Returns a property of every profile that has it, with the profile's id, ascending: a
    /// column of `features`, or of the first event of the profile with a value in that column.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there is no such column.
    pub fn property(&self, name: &str, as_of: Option<Day>) -> Result<Vec<(String, String)>, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, as_of).await?;
            let Some(query) = property_query(&view, name, as_of).await? else {
                return Err(EngineError::Missing {
                    what: format!("neither the features nor the events have a column {name:?}"),
                    todo: "`throng sql 'DESCRIBE events'` lists the columns of events".to_owned(),
                });
            };
            let rows = collect(&view.context, &query).await?;
            let (ids, values) = (texts(&rows, 0)?, texts(&rows, 1)?);
            Ok(ids.into_iter().zip(values).filter_map(|(id, value)| id.zip(value)).collect())
        })
    }
}

/// Returns the query for a property; `None` where no table has it.
async fn property_query(view: &View, name: &str, as_of: AsOf) -> Result<Option<String>, EngineError> {
    let context = &view.context;
    let quoted = name.replace('"', "\"\"");
    for table in [FEATURES, EVENTS] {
        if !context.table_exist(table).unwrap_or(false) {
            continue;
        }
        let columns = context.table(table).await.map_err(|error| EngineError::Query(error.strip_backtrace()))?;
        if !columns.schema().fields().iter().any(|field| field.name() == name) {
            continue;
        }
        return Ok(Some(if table == FEATURES {
            format!("SELECT profile_id, \"{quoted}\" AS value FROM features WHERE \"{quoted}\" IS NOT NULL ORDER BY 1")
        } else {
            format!(
                "SELECT profile_of(user_id, anonymous_id) AS profile_id, \
                 first_value(\"{quoted}\" ORDER BY occurred_at, event_key) AS value FROM events \
                 WHERE \"{quoted}\" IS NOT NULL AND occurred_at < {} GROUP BY 1 HAVING profile_id IS NOT NULL ORDER BY 1",
                timestamp_literal(as_of.end)
            )
        }));
    }
    Ok(None)
}

/// Returns a column as texts.
fn texts(rows: &RecordBatch, column_idx: usize) -> Result<Vec<Option<String>>, EngineError> {
    let column =
        cast(rows.column(column_idx), &DataType::Utf8).map_err(|error| EngineError::Query(error.to_string()))?;
    let column = column.as_string::<i32>();
    Ok((0..column.len()).map(|row| column.is_valid(row).then(|| column.value(row).to_owned())).collect())
}
