//! Who is who in the lake: the identity graph folded from the events, and the
//! number every profile has while a command runs.

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_event::{EventKey, Instant};
use throng_profile::{IdentityGraph, Observation, ProfileId, Resolution, usable};

use crate::context::collect;
use crate::error::EngineError;
use crate::event_table::text_column;

/// Maps never iterated, so their order cannot reach a result.
#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
type Lookup = std::collections::HashMap<String, u32, foldhash::fast::FixedState>;

/// Every profile of the lake, numbered in the order of its id.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) profiles: Vec<ProfileId>,
    pub(crate) resolution: Resolution,
    users: Lookup,
    devices: Lookup,
}

impl People {
    /// Reads all identities of the lake.
    pub(crate) async fn read(context: &SessionContext) -> Result<Self, EngineError> {
        let graph = read_graph(context).await?;
        let resolution = graph.resolve();
        let pairs = collect(context, "SELECT DISTINCT user_id, anonymous_id FROM events").await?;
        Self::number(resolution, &pairs).map_err(|error| EngineError::Query(error.to_string()))
    }

    fn number(resolution: Resolution, pairs: &RecordBatch) -> Result<Self, ArrowError> {
        let users = text_column(pairs, "user_id")?;
        let devices = text_column(pairs, "anonymous_id")?;
        let rows = users.iter().zip(&devices);
        let mut profiles: Vec<ProfileId> =
            rows.clone().filter_map(|(user, device)| resolution.profile(user, device)).collect();
        profiles.sort_unstable();
        profiles.dedup();
        let (mut by_user, mut by_device) = (Lookup::default(), Lookup::default());
        for (user, device) in rows {
            let Some(profile) = resolution.profile(user, device) else { continue };
            let Ok(position) = profiles.binary_search(&profile) else { continue };
            let number =
                u32::try_from(position).map_err(|_| ArrowError::ComputeError("more than 2^32 profiles".to_owned()))?;
            match (user.filter(|id| usable(id)), device) {
                (Some(user), _) => by_user.insert(user.to_owned(), number),
                (None, Some(device)) => by_device.insert(device.to_owned(), number),
                (None, None) => None,
            };
        }
        Ok(Self { profiles, resolution, users: by_user, devices: by_device })
    }

    /// Returns the number of the profile an event with these ids belongs to.
    pub(crate) fn number_of(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<u32> {
        let by_user = user_id.filter(|id| usable(id)).and_then(|id| self.users.get(id));
        by_user.or_else(|| anonymous_id.and_then(|id| self.devices.get(id))).copied()
    }

    /// Returns the number of a profile.
    pub(crate) fn position(&self, profile: &ProfileId) -> Option<u32> {
        self.profiles.binary_search(profile).ok().and_then(|position| u32::try_from(position).ok())
    }

    /// Returns the number of every row of two id columns.
    pub(crate) fn numbers(&self, users: &StringArray, devices: &StringArray) -> Vec<Option<u32>> {
        users.iter().zip(devices).map(|(user, device)| self.number_of(user, device)).collect()
    }
}

async fn read_graph(context: &SessionContext) -> Result<IdentityGraph, EngineError> {
    let query = "SELECT user_id, anonymous_id, CASE WHEN kind = 'alias' THEN previous_id END AS previous_id, \
                 occurred_at, event_key, event_id FROM events \
                 WHERE user_id IS NOT NULL AND (anonymous_id IS NOT NULL OR previous_id IS NOT NULL)";
    let rows = collect(context, query).await?;
    fold_graph(&rows).map_err(|error| EngineError::Query(error.to_string()))
}

fn fold_graph(rows: &RecordBatch) -> Result<IdentityGraph, ArrowError> {
    let text = |name: &str| text_column(rows, name);
    let (users, devices, previous, ids) =
        (text("user_id")?, text("anonymous_id")?, text("previous_id")?, text("event_id")?);
    let times: TimestampMicrosecondArray = times(rows, "occurred_at")?;
    let keys: &Int64Array = rows
        .column_by_name("event_key")
        .map_or_else(|| unreachable_column("event_key"), |c| Ok(c.as_primitive::<Int64Type>()))?;
    let mut graph = IdentityGraph::default();
    let value = |column: &StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    for row in 0..rows.num_rows() {
        graph.observe(&Observation {
            user_id: value(&users, row).as_deref(),
            anonymous_id: value(&devices, row).as_deref(),
            previous_id: value(&previous, row).as_deref(),
            occurred_at: Instant(times.value(row)),
            key: EventKey(keys.value(row)),
            event_id: ids.value(row),
        });
    }
    Ok(graph)
}

fn unreachable_column<T>(name: &str) -> Result<T, ArrowError> {
    Err(ArrowError::SchemaError(format!("the events have no column {name}")))
}

/// Returns a column of times in microseconds.
pub(crate) fn times(rows: &RecordBatch, name: &str) -> Result<TimestampMicrosecondArray, ArrowError> {
    let Some(column) = rows.column_by_name(name) else { return unreachable_column(name) };
    let zone = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
    Ok(cast(column, &zone)?.as_primitive::<TimestampMicrosecondType>().clone())
}
