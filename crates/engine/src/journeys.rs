//! Journeys out of the lake: touchpoints of everybody, of one persona, of any audience,
//! in any period.
//!
//! A [`JourneyBook`] holds the histories once; [`JourneyBook::view`] is what every
//! question of the crate `journey` takes, and every answer is plain data.

mod difference;
mod known;
mod selection;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use rayon::prelude::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelDrainRange, ParallelIterator};
use throng_event::{Calendar, Currency, Day};
use throng_journey::{
    Cut, Days, Entries, EventColumns, EventPart, Funnel, FunnelOptions, Histories, JourneyError, PathOptions, Paths,
    Period, ProfileSet, Repeats, Scope, StepOrder, TouchpointKind, TouchpointRule, TransitionMatrix, View, Window,
    find_labels, funnel, paths, touchpoint_counts, transitions,
};

use crate::context::for_each_batch;
use crate::derive::timestamp_literal;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::people::{People, times};
use crate::touchpoints::{NamedColumns, SESSION_COLUMNS, TouchpointSummary, add_kind, first_of};
use throng_event::AsOf;

pub use difference::{Difference, RateRatio, Share, differences, rate_ratio};
pub use known::{KnownProperty, KnownValue};

/// What is read of journeys, where it differs from the configuration.
#[derive(Debug, Clone, Default)]
pub struct JourneyRequest {
    /// The day whose end is the last seen; the day of the last event when absent.
    pub as_of: Option<Day>,
    /// What events are called; as configured when absent.
    pub rules: Option<Vec<TouchpointRule>>,
    /// Whether the source's own sessions are wanted.
    pub source_sessions: bool,
}

/// What reading needs to know.
pub(crate) struct Reading<'a> {
    pub(crate) rules: &'a [TouchpointRule],
    pub(crate) source_sessions: bool,
    /// The currency of values; without it there are none.
    pub(crate) currency: Option<Currency>,
    pub(crate) as_of: AsOf,
}

/// The histories of every profile, sorted once and kept for any number of questions.
#[derive(Debug, Clone)]
pub struct JourneyBook {
    histories: Arc<Histories>,
    kinds: Arc<BTreeMap<String, TouchpointKind>>,
    /// Whose; everybody's where there is none.
    profiles: Option<ProfileSet>,
    period: Period,
    last: Day,
}

/// Touchpoints of different names that are held: a million names take as much memory as
/// several million events. The rarest beyond it are one touchpoint.
const NAMES_MAX: usize = 1_000_000;

/// What is the goal of most homes, the first of these that happens.
const USUAL_GOALS: [&str; 4] = ["Order Completed", "purchase", "Checkout Completed", "Signed Up"];

/// What the rarest touchpoints are called where there are too many.
const RARE: &str = "(rare touchpoints)";

impl JourneyBook {
    /// Reads what people did (tracked events, pages and screens) up to the end of a day.
    pub(crate) async fn read(
        context: &SessionContext,
        people: &People,
        reading: &Reading<'_>,
    ) -> Result<Self, EngineError> {
        // Sessions have numbers of one list; names are told apart by every worker for itself.
        let n_workers = if reading.source_sessions { 1 } else { rayon::current_num_threads() };
        let mut workers: Vec<Worker<'_>> = (0..n_workers).map(|_| Worker::new(reading, people)).collect();
        let looked_at = NamedColumns::new(reading.rules).selected(context).await?;
        let session = if reading.source_sessions {
            format!(", {} AS session", first_of(context, &SESSION_COLUMNS).await?)
        } else {
            String::new()
        };
        let value = reading.currency.map_or_else(String::new, |currency| {
            format!(", CASE WHEN currency = '{currency}' THEN amount_minor END AS value")
        });
        let query = format!(
            "SELECT user_id, anonymous_id, event, occurred_at, event_key{looked_at}{session}{value} FROM events \
             WHERE kind IN ('track', 'page', 'screen') AND occurred_at < {}",
            timestamp_literal(reading.as_of.end)
        );
        let mut waiting = Vec::with_capacity(n_workers);
        for_each_batch(context, &query, &mut |rows| {
            waiting.push(rows.clone());
            if waiting.len() == n_workers { take(&mut workers, &mut waiting) } else { Ok(()) }
        })
        .await?;
        take(&mut workers, &mut waiting).map_err(|error| EngineError::Query(error.to_string()))?;
        book(workers, people.n_profiles(), reading)
    }

    /// Returns the book of some profiles only, by their numbers, of those it is of
    /// already; the histories are shared.
    #[must_use]
    pub fn select(&self, profiles: &[u32]) -> Self {
        self.select_set(&profiles.iter().copied().collect())
    }

    /// Returns the book of the members of a set only.
    #[must_use]
    pub fn select_set(&self, profiles: &ProfileSet) -> Self {
        let profiles = self.profiles.as_ref().map_or_else(|| profiles.clone(), |own| own.intersection(profiles));
        Self { profiles: Some(profiles), ..self.clone() }
    }

    /// Returns the book of a period, both days included; without a day it is open.
    #[must_use]
    pub fn within(&self, calendar: &Calendar, since: Option<Day>, until: Option<Day>) -> Self {
        let from = since.map_or(self.period.from, |day| calendar.start(day).max(self.period.from));
        let end = |day| Days { calendar, last: day }.end();
        let to = until.map_or(self.period.to, |day| end(day).min(self.period.to));
        let last = until.map_or(self.last, |day| day.min(self.last));
        Self { period: Period { from, to }, last, ..self.clone() }
    }

    /// Returns what the book sees.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.histories.select(self.profiles.as_ref(), self.period)
    }

    /// Returns the last day that is seen.
    #[must_use]
    pub fn last_day(&self) -> Day {
        self.last
    }

    /// Returns the days that are seen, for questions about retention.
    #[must_use]
    pub fn days<'a>(&self, calendar: &'a Calendar) -> Days<'a> {
        Days { calendar, last: self.last }
    }

    /// Returns the names of touchpoints, the labels' texts.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.histories.names()
    }

    /// Returns the name of a label.
    #[must_use]
    pub fn name(&self, label: u32) -> &str {
        self.histories.name(label)
    }

    /// Returns the kind that a rule gave a touchpoint.
    #[must_use]
    pub fn kind(&self, label: u32) -> Option<TouchpointKind> {
        self.kinds.get(self.name(label)).copied()
    }

    /// Returns the touchpoints that occur, most events first, then by name.
    #[must_use]
    pub fn touchpoints(&self) -> Vec<TouchpointSummary> {
        let counts = touchpoint_counts(&self.view());
        let summary = |count: throng_journey::TouchpointCount| TouchpointSummary {
            label: count.label,
            name: self.name(count.label).to_owned(),
            kind: self.kind(count.label),
            n_events: count.n_events,
            n_profiles: count.n_profiles,
        };
        counts.into_iter().map(summary).collect()
    }

    /// Returns the mean value in minor units of the events of some touchpoints that have
    /// one; `None` where none has.
    #[must_use]
    pub fn mean_value(&self, labels: &[u32]) -> Option<f64> {
        let counts = touchpoint_counts(&self.view());
        let own = counts.iter().filter(|count| labels.contains(&count.label));
        let (n_valued, value) =
            own.fold((0, 0), |sum: (u64, i64), count| (sum.0 + count.n_events, sum.1.saturating_add(count.value)));
        #[expect(clippy::cast_precision_loss, reason = "money and counts to be read by people, below 2^53")]
        (n_valued > 0 && value != 0).then(|| value as f64 / n_valued as f64)
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

    /// Returns the labels that a name stands for: the touchpoint of that name, else those
    /// that rules made of it, as `Order Completed (web)` of `Order Completed`.
    ///
    /// # Errors
    /// [`JourneyError::UnknownLabel`] when nothing of that name ever happened.
    pub fn labels(&self, name: &str) -> Result<Vec<u32>, JourneyError> {
        find_labels(self.names(), name)
    }

    /// Returns the goal where none is named: the last step of a funnel, else what is one in most homes.
    #[must_use]
    pub fn goal(&self, funnel: &[String]) -> Option<(String, Vec<u32>)> {
        let mut usual = funnel.last().map(String::as_str).into_iter().chain(USUAL_GOALS);
        usual.find_map(|name| Some((name.to_owned(), self.labels(name).ok()?)))
    }

    /// Returns a funnel over names of touchpoints.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nothing of a step's name ever happened.
    pub fn funnel(&self, steps: &[String], window_us: i64) -> Result<Funnel, EngineError> {
        let steps = steps.iter().map(|step| {
            self.labels(step).map_err(|error| EngineError::Missing {
                what: error.to_string(),
                todo: "`throng journeys touchpoints` lists what there is".to_owned(),
            })
        });
        let options = FunnelOptions {
            steps: steps.collect::<Result<_, EngineError>>()?,
            order: StepOrder::Ordered,
            window: Window::Clock { window_us },
            exclusions: Vec::new(),
            entries: Entries::Once,
        };
        Ok(funnel(&self.view(), &options))
    }
}

/// Has every worker take one of the batches that wait, all at the same time.
fn take(workers: &mut [Worker<'_>], waiting: &mut Vec<RecordBatch>) -> Result<(), ArrowError> {
    workers.par_iter_mut().zip(waiting.par_drain(..)).try_for_each(|(worker, rows)| worker.take(&rows))
}

/// One of those that read histories at the same time, and what it has read.
struct Worker<'a> {
    people: &'a People,
    names: NamedColumns<'a>,
    sessions: NamedColumns<'a>,
    part: EventPart,
    rows: Columns,
}

/// The columns of rows that are not in the part yet.
#[derive(Default)]
struct Columns {
    profile: Vec<u32>,
    occurred_at: Vec<i64>,
    event_key: Vec<i64>,
    touchpoint: Vec<u32>,
    /// Empty unless wanted.
    session: Vec<u32>,
    /// Empty where there is no currency.
    value: Vec<i64>,
}

/// Rows that go into a part together: a few megabytes.
const ROWS_PUSHED: usize = 1 << 17;

impl<'a> Worker<'a> {
    fn new(reading: &Reading<'a>, people: &'a People) -> Self {
        Self {
            people,
            names: NamedColumns::new(reading.rules),
            sessions: NamedColumns::new(&[]),
            part: EventPart::new(people.n_profiles()),
            rows: Columns::default(),
        }
    }

    fn take(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        let (users, devices) = (text_column(rows, "user_id")?, text_column(rows, "anonymous_id")?);
        let times = times(rows, "occurred_at")?;
        let integers = |name: &str| rows.column_by_name(name).map(|column| column.as_primitive::<Int64Type>());
        let (keys, values) = (integers("event_key"), integers("value"));
        let sessions = match rows.column_by_name("session") {
            Some(_) => Some(self.sessions.sessions(&text_column(rows, "session")?)),
            None => None,
        };
        let touchpoints = self.names.numbers(rows)?;
        let own = &mut self.rows;
        // The events of a profile lie together within a day: mostly the next is of the same.
        let (mut ids, mut number) = ((None, None), None);
        for (row, row_ids) in users.iter().zip(&devices).enumerate() {
            if row_ids != ids {
                ids = row_ids;
                number = self.people.number_of(ids.0, ids.1);
            }
            let Some((number, touchpoint)) = number.zip(touchpoints[row]) else { continue };
            own.profile.push(number);
            own.occurred_at.push(times.value(row));
            own.event_key.push(keys.map_or(0, |keys| keys.value(row)));
            own.touchpoint.push(touchpoint);
            if let Some(sessions) = &sessions {
                own.session.push(sessions[row]);
            }
            if let Some(values) = values {
                own.value.push(if values.is_valid(row) { values.value(row) } else { 0 });
            }
        }
        if own.profile.len() >= ROWS_PUSHED {
            self.push();
        }
        Ok(())
    }

    fn push(&mut self) {
        let rows = &mut self.rows;
        self.part.push(&EventColumns {
            profile: &rows.profile,
            occurred_at: &rows.occurred_at,
            event_key: Some(&rows.event_key),
            touchpoint: &rows.touchpoint,
            session: Some(rows.session.as_slice()).filter(|session| !session.is_empty()),
            value: Some(rows.value.as_slice()).filter(|value| !value.is_empty()),
        });
        rows.profile.clear();
        rows.occurred_at.clear();
        rows.event_key.clear();
        rows.touchpoint.clear();
        rows.session.clear();
        rows.value.clear();
    }
}

fn book(workers: Vec<Worker<'_>>, n_profiles: usize, reading: &Reading<'_>) -> Result<JourneyBook, EngineError> {
    let mut kinds = BTreeMap::new();
    let mut parts = Vec::with_capacity(workers.len());
    for mut worker in workers {
        worker.push();
        for (name, kind) in worker.names.kinds {
            add_kind(&mut kinds, name, kind);
        }
        worker.part.set_names(worker.names.names);
        parts.push(worker.part);
    }
    keep_frequent(&mut parts, NAMES_MAX);
    let histories = Histories::from_parts(n_profiles, &parts).map_err(|error| EngineError::Query(error.to_string()))?;
    Ok(JourneyBook {
        histories: Arc::new(histories),
        kinds: Arc::new(kinds.into_iter().map(|(name, (_, kind))| (name, kind)).collect()),
        profiles: None,
        period: Period::ALWAYS,
        last: reading.as_of.day,
    })
}

/// Gives all names but the most frequent (then the first by name) one common name.
fn keep_frequent(parts: &mut [EventPart], n_max: usize) {
    if parts.iter().map(|part| part.names().len()).sum::<usize>() <= n_max {
        return;
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, n_events) in parts.iter().flat_map(|part| part.names().iter().zip(part.counts())) {
        *counts.entry(name).or_default() += n_events;
    }
    let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
    // By name already, and the sort is stable.
    ranked.sort_by_key(|(_, n_events)| Reverse(*n_events));
    let rare: BTreeSet<String> = ranked.iter().skip(n_max).map(|(name, _)| (*name).to_owned()).collect();
    for part in parts {
        let common = |name: &String| if rare.contains(name) { RARE } else { name }.to_owned();
        part.set_names(part.names().iter().map(common).collect());
    }
}
