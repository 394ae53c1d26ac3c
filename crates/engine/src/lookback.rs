//! Looking back: how customers looked on an earlier day, and what they did in the days after it.
//!
//! Discovery cuts a continuum by it ([`Lookback`]), and validation holds personas against it.

use std::collections::BTreeSet;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use throng_event::{AsOf, Currency, Day};
use throng_learn::{Response, Sequel};
use throng_persona::Lookback;

use crate::context::collect;
use crate::derive::timestamp_literal;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::population::population_of;
use crate::rows::Rows;
use crate::tables::{EVENTS, FEATURES};

/// Days whose deeds say what features are good for: a quarter, as validation has it by default.
pub(crate) const N_DAYS: i32 = 90;

/// What customers did before and after the day, one value each.
pub(crate) struct Deeds {
    pub(crate) profiles: BTreeSet<String>,
    pub(crate) days_since: Vec<f64>,
    pub(crate) n_before: Vec<f64>,
    pub(crate) money_before: Vec<f64>,
    pub(crate) n_after: Vec<f64>,
    pub(crate) money_after: Vec<f64>,
    pub(crate) silent_after: Vec<f64>,
}

impl Engine {
    /// Returns how customers looked a quarter before a day, and what they did until it; `None` where
    /// nobody was known by then.
    pub(crate) async fn lookback(&self, view: &View, as_of: AsOf) -> Result<Option<Lookback>, EngineError> {
        let earlier = self.calendar().as_of(Day(as_of.day.0 - N_DAYS));
        let features = self.feature_rows(view, earlier).await?;
        self.lookback_on(view, (earlier, as_of), &features).await
    }

    /// Returns the same from the features on the earlier day.
    pub(crate) async fn lookback_on(
        &self,
        view: &View,
        (earlier, as_of): (AsOf, AsOf),
        features: &RecordBatch,
    ) -> Result<Option<Lookback>, EngineError> {
        let config = self.home.config();
        let deeds = deeds(view, (earlier, as_of), config.currency).await?;
        if deeds.profiles.is_empty() {
            return Ok(None);
        }
        let failed = |error| EngineError::table("compute", FEATURES, error);
        let features = known(features, &deeds).map_err(failed)?;
        let population = population_of(&features, &config.features, earlier).map_err(failed)?;
        let sequel = |name: &str, values, response| (name.to_owned(), Sequel { values, response });
        let sequels = vec![
            sequel("revenue", deeds.money_after, Response::Amount),
            sequel("orders", deeds.n_after, Response::Count),
            sequel("silence", deeds.silent_after, Response::Occurrence),
        ];
        Ok(Some(Lookback { population, n_days: N_DAYS.unsigned_abs(), sequels }))
    }
}

/// Returns what everybody known by the end of a day did until then and after.
pub(crate) async fn deeds(
    view: &View,
    (as_of, after): (AsOf, AsOf),
    currency: Option<Currency>,
) -> Result<Deeds, EngineError> {
    // Without a currency every event counts, and none has a price.
    let (order, amount) = currency.map_or_else(
        || ("true".to_owned(), "0".to_owned()),
        |code| {
            (
                format!("currency = '{code}' AND amount_minor > 0"),
                format!("CASE WHEN currency = '{code}' THEN amount_minor ELSE 0 END"),
            )
        },
    );
    let (until, end) = (timestamp_literal(as_of.end), timestamp_literal(after.end));
    let count = |condition: &str| format!("sum(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let query = format!(
        "SELECT profile_of(user_id, anonymous_id) AS profile_id, \
         coalesce(CAST(max(CASE WHEN occurred_at < {until} AND {order} THEN occurred_at END) AS BIGINT), 0) AS last_at, \
         {} AS n_before, sum(CASE WHEN occurred_at < {until} THEN {amount} ELSE 0 END) AS money_before, \
         {} AS n_after, sum(CASE WHEN occurred_at >= {until} THEN {amount} ELSE 0 END) AS money_after, \
         {} AS active_after FROM events WHERE occurred_at < {end} GROUP BY 1 \
         HAVING profile_id IS NOT NULL AND min(occurred_at) < {until} ORDER BY 1",
        count(&format!("occurred_at < {until} AND {order}")),
        count(&format!("occurred_at >= {until} AND {order}")),
        count(&format!("occurred_at >= {until}")),
    );
    let rows = collect(&view.context, &query).await?;
    let read = |error| EngineError::table("read", EVENTS, error);
    let rows = Rows(&rows);
    let numbers = |name: &str| -> Result<Vec<f64>, EngineError> {
        let values = rows.integers(name).map_err(read)?;
        #[expect(clippy::cast_precision_loss, reason = "amounts and counts of one customer are below 2^53")]
        Ok(values.into_iter().map(|value| value.unwrap_or(0) as f64).collect())
    };
    let last = numbers("last_at")?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this era are below 2^53")]
    let end_us = as_of.end.0 as f64;
    Ok(Deeds {
        profiles: rows.words("profile_id").map_err(read)?.into_iter().collect(),
        days_since: last.iter().map(|at| end_us - at).collect(),
        n_before: numbers("n_before")?,
        money_before: numbers("money_before")?,
        n_after: numbers("n_after")?,
        // More paid back than paid is no revenue.
        money_after: numbers("money_after")?.into_iter().map(|minor| (minor / 100.0).max(0.0)).collect(),
        silent_after: numbers("active_after")?.iter().map(|n| f64::from(u8::from(*n <= 0.0))).collect(),
    })
}

/// Returns the rows of those who were known.
pub(crate) fn known(features: &RecordBatch, deeds: &Deeds) -> Result<RecordBatch, arrow::error::ArrowError> {
    let ids = text_column(features, "profile_id")?;
    let known: BooleanArray =
        (0..ids.len()).map(|row| Some(ids.is_valid(row) && deeds.profiles.contains(ids.value(row)))).collect();
    filter_record_batch(features, &known)
}
