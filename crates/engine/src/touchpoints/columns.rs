//! The columns of the table of events in which sources write pages, campaigns and
//! sessions, and the touchpoints of the rows of a batch.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;

use super::{Needs, Occurrence, RuledKind, TouchpointRule, needs, page, touchpoint};
use crate::context::explain;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::tables::EVENTS;

/// Where pages are written: by Segment and all that follow it, Google Analytics, and
/// tables of web servers. The first with a value counts.
const PAGE_COLUMNS: [&str; 8] =
    ["c_page__path", "p_path", "c_page__url", "p_url", "p_page_location", "p_page_path", "p_page", "p_page_url"];

/// Where whole addresses are written, which may name a campaign.
const ADDRESS_COLUMNS: [&str; 4] = ["c_page__url", "p_url", "p_page_location", "p_page_url"];

/// Where campaigns are written.
const CAMPAIGN_COLUMNS: [&str; 5] =
    ["c_campaign__name", "p_utm_campaign", "p_campaign_name", "p_campaign", "p_campaign_id"];

/// Where the source's own sessions are written.
pub(crate) const SESSION_COLUMNS: [&str; 8] = [
    "c_session__id",
    "c_session_id",
    "c_sessionId",
    "p_session_id",
    "p_sessionId",
    "p_ga_session_id",
    "p__session_id",
    "p_session",
];

/// Returns SQL for the first of some columns with a text in it, null where the table has
/// none of them.
pub(crate) async fn first_of(context: &SessionContext, columns: &[&str]) -> Result<String, EngineError> {
    let events = context.table(EVENTS).await.map_err(|error| EngineError::Query(explain(&error)))?;
    let there: Vec<String> = columns
        .iter()
        .filter(|column| events.schema().fields().iter().any(|field| field.name() == *column))
        .map(|column| format!("nullif(arrow_cast(\"{column}\", 'Utf8'), '')"))
        .collect();
    Ok(match there.as_slice() {
        [] => "arrow_cast(NULL, 'Utf8')".to_owned(),
        [column] => column.clone(),
        columns => format!("coalesce({})", columns.join(", ")),
    })
}

/// Returns SQL for what rules look at, as the columns `channel`, `page`, `address` and `campaign`.
pub(crate) async fn looked_at(context: &SessionContext, needs: Needs) -> Result<String, EngineError> {
    let mut columns = String::new();
    if needs.channel {
        columns.push_str(", channel");
    }
    if needs.place {
        let (pages, addresses) = (first_of(context, &PAGE_COLUMNS).await?, first_of(context, &ADDRESS_COLUMNS).await?);
        let campaigns = first_of(context, &CAMPAIGN_COLUMNS).await?;
        columns.push_str(&format!(", {pages} AS page, {addresses} AS address, {campaigns} AS campaign"));
    }
    Ok(columns)
}

/// Numbers of texts or of combinations of them.
#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
type Codes<K> = std::collections::HashMap<K, u32, foldhash::fast::FixedState>;

/// Gives events their touchpoints, batch after batch: every combination of what the
/// rules look at is named once.
#[derive(Debug)]
pub(crate) struct NamedColumns<'a> {
    rules: &'a [TouchpointRule],
    needs: Needs,
    texts: Codes<String>,
    /// The touchpoint of each combination of texts.
    combinations: Codes<[u32; 5]>,
    codes: Codes<String>,
    /// Touchpoints by the numbers they are given.
    pub(crate) names: Vec<String>,
    pub(crate) kinds: BTreeMap<String, RuledKind>,
}

/// Texts, and combinations of them, that are told apart at a time: some hundred megabytes.
/// Addresses may be as many as events; beyond it all are met anew, which costs only time.
const TEXTS_MAX: usize = 1 << 20;

/// The number of an absent text.
const ABSENT: u32 = 0;

impl<'a> NamedColumns<'a> {
    /// Starts with nothing.
    pub(crate) fn new(rules: &'a [TouchpointRule]) -> Self {
        Self {
            rules,
            needs: needs(rules),
            texts: Codes::default(),
            combinations: Codes::default(),
            codes: Codes::default(),
            names: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// Returns the columns that a query must select beside `event`, for [`Self::numbers`].
    pub(crate) async fn selected(&self, context: &SessionContext) -> Result<String, EngineError> {
        looked_at(context, self.needs).await
    }

    /// Returns a number for every session's id; sessions without one are one.
    pub(crate) fn sessions(&mut self, ids: &StringArray) -> Vec<u32> {
        ids.iter().map(|id| id.map_or(ABSENT, |id| text_number(&mut self.texts, id))).collect()
    }

    /// Returns the number of every row's touchpoint, `None` for rows without an event's name.
    pub(crate) fn numbers(&mut self, rows: &RecordBatch) -> Result<Vec<Option<u32>>, ArrowError> {
        let events = text_column(rows, "event")?;
        if self.rules.is_empty() {
            return Ok(events.iter().map(|event| Some(number(&mut self.codes, &mut self.names, event?))).collect());
        }
        let columns =
            [events, text_column(rows, "channel")?, text_column(rows, "campaign")?, text_column(rows, "page")?];
        let addresses = text_column(rows, "address")?;
        if self.texts.len() > TEXTS_MAX || self.combinations.len() > TEXTS_MAX {
            self.texts = Codes::default();
            self.combinations = Codes::default();
        }
        let mut numbers = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            if columns[0].is_null(row) {
                numbers.push(None);
                continue;
            }
            let mut key = [ABSENT; 5];
            for (part, column) in key.iter_mut().zip(columns.iter().chain([&addresses])) {
                *part = value(column, row).map_or(ABSENT, |text| text_number(&mut self.texts, text));
            }
            let named = match self.combinations.get(&key) {
                Some(named) => *named,
                None => {
                    let named = self.name([&columns[0], &columns[1], &columns[2], &columns[3]], &addresses, row);
                    self.combinations.insert(key, named);
                    named
                }
            };
            numbers.push(Some(named));
        }
        Ok(numbers)
    }

    fn name(
        &mut self,
        [events, channels, campaigns, pages]: [&StringArray; 4],
        addresses: &StringArray,
        row: usize,
    ) -> u32 {
        let page = value(pages, row).map(page::clean);
        let campaign = value(campaigns, row).map(str::to_owned);
        let campaign = campaign.or_else(|| value(addresses, row).and_then(page::campaign));
        let occurrence = Occurrence {
            event: events.value(row),
            channel: value(channels, row),
            campaign: campaign.as_deref(),
            page: page.as_deref(),
        };
        let (name, kind) = touchpoint(self.rules, occurrence);
        if let Some(kind) = kind {
            add_kind(&mut self.kinds, name.clone(), kind);
        }
        number(&mut self.codes, &mut self.names, &name)
    }
}

/// Gives a name a kind, unless a rule before has given it one.
pub(crate) fn add_kind(kinds: &mut BTreeMap<String, RuledKind>, name: String, kind: RuledKind) {
    kinds.entry(name).and_modify(|known| *known = kind.min(*known)).or_insert(kind);
}

fn value(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn text_number(texts: &mut Codes<String>, text: &str) -> u32 {
    if let Some(number) = texts.get(text) {
        return *number;
    }
    let number = u32::try_from(texts.len() + 1).unwrap_or(u32::MAX);
    texts.insert(text.to_owned(), number);
    number
}

/// Returns the number of a name, a new one when it was not seen before.
pub(crate) fn number(codes: &mut Codes<String>, names: &mut Vec<String>, name: &str) -> u32 {
    if let Some(number) = codes.get(name) {
        return *number;
    }
    let number = u32::try_from(names.len()).unwrap_or(u32::MAX);
    codes.insert(name.to_owned(), number);
    names.push(name.to_owned());
    number
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{TouchpointRule, add_kind, touchpoint};
    use crate::touchpoints::{Occurrence, TouchpointKind};

    #[test]
    fn name_of_several_rules_has_the_kind_of_the_first_whichever_is_met_first() {
        let rule = |event: &str, kind| TouchpointRule {
            name: "Visit".to_owned(),
            kind,
            events: vec![event.to_owned()],
            ..TouchpointRule::default()
        };
        let rules = [
            rule("walk in", None),
            rule("drive in", Some(TouchpointKind::Offline)),
            rule("click", Some(TouchpointKind::Paid)),
        ];
        for order in [["walk in", "drive in", "click"], ["click", "drive in", "walk in"]] {
            let mut kinds = BTreeMap::new();
            for event in order {
                let (name, kind) = touchpoint(&rules, Occurrence { event, ..Occurrence::default() });
                kind.into_iter().for_each(|kind| add_kind(&mut kinds, name.clone(), kind));
            }
            assert_eq!(kinds["Visit"].1, TouchpointKind::Offline);
        }
    }
}
