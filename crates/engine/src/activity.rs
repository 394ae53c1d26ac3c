//! When customers do things: events by hour and weekday, of everybody and of each persona.

use throng_event::Instant;
use throng_persona::PersonaId;

use crate::context::for_each_batch;
use crate::derive::timestamp_literal;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rows::Rows;
use crate::tables::MEMBERSHIPS;

/// Microseconds of a quarter of an hour.
const QUARTER_US: i64 = 900 * Instant::SECOND;

/// Events by weekday, 0 for Monday, and hour of the day, both local to the home.
pub type Week = [[u64; 24]; 7];

/// When everybody and the customers of each persona do things.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// Of everybody, with and without a persona.
    pub everybody: Week,
    /// Of the customers of each persona that has any events.
    pub personas: Vec<(PersonaId, Week)>,
}

impl Engine {
    /// Counts the events up to the day of the newest discovery by local hour and weekday, each for whom its
    /// customer counts.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where there are no events or no personas.
    pub fn activity(&self) -> Result<Activity, EngineError> {
        let book = self.persona_book()?;
        let calendar = &self.home.config().calendar;
        self.runtime.block_on(async {
            let view = self.view().await?;
            if !view.context.table_exist(MEMBERSHIPS).unwrap_or(false) {
                return Err(EngineError::Missing {
                    what: "there are no personas to count events of".to_owned(),
                    todo: "run `throng discover`".to_owned(),
                });
            }
            // Clocks all over the world differ by whole quarters of an hour.
            let query = format!(
                "SELECT m.persona_id, e.us - (e.us % {QUARTER_US} + {QUARTER_US}) % {QUARTER_US} AS quarter, \
                 count(*) AS n FROM (SELECT profile_of(user_id, anonymous_id) AS profile_id, \
                 CAST(occurred_at AS BIGINT) AS us FROM events WHERE occurred_at < {}) e \
                 LEFT JOIN memberships m ON m.profile_id = e.profile_id WHERE e.profile_id IS NOT NULL GROUP BY 1, 2",
                timestamp_literal(calendar.as_of(book.as_of).end)
            );
            let mut activity = Activity::default();
            let mut take = |rows: &arrow::array::RecordBatch| {
                let rows = Rows(rows);
                let (ids, quarters, n) = (rows.texts("persona_id")?, rows.integers("quarter")?, rows.counts("n")?);
                for ((id, quarter), n) in ids.into_iter().zip(quarters).zip(n) {
                    let (day, hour) = calendar.local(Instant(quarter.unwrap_or(0)));
                    let id = id.and_then(|id| id.parse().ok());
                    activity.note(id, (usize::from(day.weekday()), usize::from(hour)), n);
                }
                Ok(())
            };
            for_each_batch(&view.context, &query, &mut take).await?;
            activity.personas.sort_by(|(a, _), (b, _)| a.cmp(b));
            Ok(activity)
        })
    }
}

impl Activity {
    fn note(&mut self, persona: Option<PersonaId>, (weekday, hour): (usize, usize), n: u64) {
        self.everybody[weekday][hour] += n;
        let Some(persona) = persona else { return };
        let known = self.personas.iter().position(|(id, _)| *id == persona);
        let place = known.unwrap_or_else(|| {
            self.personas.push((persona, Week::default()));
            self.personas.len() - 1
        });
        self.personas[place].1[weekday][hour] += n;
    }
}
