//! Who is who in the lake: the identity graph folded from the events, and the
//! number every profile has while a command runs.

use arrow::array::{Array, AsArray, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_event::{EventKey, Identity, Instant};
use throng_profile::{
    Decision, GroupStatement, Groups, IdentityGraph, IdentityRules, Observation, ProfileId, Proposal, Resolution,
    Verdict,
};

use crate::context::{collect, for_each_batch};
use crate::error::EngineError;
use crate::event_table::{external_id_lists, text_column, usize_of};
use crate::rows::Rows;
use crate::tables::{IDENTITY_DECISIONS, IDENTITY_PROPOSALS};

/// Every profile of the lake, numbered in the order of its id, and the accounts they
/// belong to.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) resolution: Resolution,
    pub(crate) groups: Groups,
}

impl People {
    /// Reads all identities of the lake, what was decided about them and what is proposed.
    pub(crate) async fn read(context: &SessionContext, rules: &IdentityRules) -> Result<Self, EngineError> {
        let (mut graph, mut groups) = (IdentityGraph::new(rules.clone()), Groups::new(rules.clone()));
        let query = "SELECT user_id, anonymous_id, CASE WHEN kind = 'alias' THEN previous_id END AS previous_id, \
                     external_ids, group_id, occurred_at, event_key FROM events";
        let mut take = |rows: &RecordBatch| observe(rows, &mut graph, &mut groups);
        for_each_batch(context, query, &mut take).await?;
        let decisions = read_decisions(context).await?;
        let proposals = read_proposals(context, rules).await?;
        Ok(Self { resolution: graph.resolve(&decisions, &proposals), groups })
    }

    /// Returns how many profiles there are.
    pub(crate) fn n_profiles(&self) -> usize {
        self.resolution.n_profiles()
    }

    /// Returns the id of a profile by its number.
    pub(crate) fn id(&self, number: u32) -> &str {
        self.resolution.written_id(number)
    }

    /// Returns the id of every profile, by its number.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.resolution.profile_ids().collect()
    }

    /// Returns the number of the profile an event with these ids belongs to.
    pub(crate) fn number_of(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<u32> {
        self.resolution.number(user_id, anonymous_id)
    }

    /// Returns the number of a profile.
    pub(crate) fn position(&self, profile: &ProfileId) -> Option<u32> {
        let number = self.resolution.number_of(&profile.identity())?;
        (self.resolution.profile_id(number) == *profile).then_some(number)
    }

    /// Returns the number of every row of two id columns.
    pub(crate) fn numbers(&self, users: &StringArray, devices: &StringArray) -> Vec<Option<u32>> {
        users.iter().zip(devices).map(|(user, device)| self.number_of(user, device)).collect()
    }
}

fn observe(rows: &RecordBatch, graph: &mut IdentityGraph, groups: &mut Groups) -> Result<(), ArrowError> {
    let text = |name: &str| text_column(rows, name);
    let (users, devices, previous) = (text("user_id")?, text("anonymous_id")?, text("previous_id")?);
    let of_accounts = text("group_id")?;
    let lists: ListArray = external_id_lists(rows)?;
    let external_ids = lists.values().as_string::<i32>();
    let times: TimestampMicrosecondArray = times(rows, "occurred_at")?;
    let keys: &Int64Array = rows
        .column_by_name("event_key")
        .map_or_else(|| unreachable_column("event_key"), |column| Ok(column.as_primitive::<Int64Type>()))?;
    fn value(column: &StringArray, row: usize) -> Option<&str> {
        column.is_valid(row).then(|| column.value(row))
    }
    for row in 0..rows.num_rows() {
        let (occurred_at, key) = (Instant(times.value(row)), EventKey(keys.value(row)));
        let (user_id, anonymous_id) = (value(&users, row), value(&devices, row));
        let observation = Observation { user_id, anonymous_id, previous_id: value(&previous, row), occurred_at, key };
        let offsets = lists.value_offsets();
        let listed = if lists.is_null(row) { 0..0 } else { usize_of(offsets[row])..usize_of(offsets[row + 1]) };
        graph.observe(&observation, listed.filter_map(|id| Identity::parts(external_ids.value(id))));
        if let Some(group_id) = value(&of_accounts, row) {
            groups.observe(&GroupStatement { user_id, anonymous_id, group_id, occurred_at, key });
        }
    }
    Ok(())
}

/// Returns what was decided, in the order it was decided in.
pub(crate) async fn read_decisions(context: &SessionContext) -> Result<Vec<Decision>, EngineError> {
    if !context.table_exist(IDENTITY_DECISIONS).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let rows = collect(context, "SELECT * FROM identity_decisions ORDER BY number").await?;
    let read = || -> Result<Vec<Decision>, ArrowError> {
        let table = Rows(&rows);
        let (verdicts, first, second) = (table.words("verdict")?, table.words("a")?, table.words("b")?);
        let at = times(&rows, "decided_at")?;
        let decision = |row: usize| {
            Some(Decision {
                verdict: Verdict::from_name(&verdicts[row])?,
                a: Identity::parse(&first[row])?,
                b: Identity::parse(&second[row])?,
                at: Instant(at.value(row)),
            })
        };
        Ok((0..rows.num_rows()).filter_map(decision).collect())
    };
    read().map_err(|error| EngineError::table("read", IDENTITY_DECISIONS, error))
}

/// Returns the links that are proposed, where the rules have any of them count.
pub(crate) async fn read_proposals(
    context: &SessionContext,
    rules: &IdentityRules,
) -> Result<Vec<Proposal>, EngineError> {
    if rules.proposed_min.is_none() || !context.table_exist(IDENTITY_PROPOSALS).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let rows = collect(context, "SELECT a, b, probability FROM identity_proposals ORDER BY a, b").await?;
    let read = || -> Result<Vec<Proposal>, ArrowError> {
        let table = Rows(&rows);
        let (first, second, probabilities) = (table.words("a")?, table.words("b")?, table.numbers("probability")?);
        let proposal = |row: usize| {
            let (a, b) = (Identity::parse(&first[row])?, Identity::parse(&second[row])?);
            Some(Proposal { a, b, probability: probabilities[row]? })
        };
        Ok((0..rows.num_rows()).filter_map(proposal).collect())
    };
    read().map_err(|error| EngineError::table("read", IDENTITY_PROPOSALS, error))
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
