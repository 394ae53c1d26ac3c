//! The columns of the table of events in which sources write pages, campaigns and
//! sessions, and the touchpoints of the rows of a batch: those that
//! [`throng_journey::touchpoint_of`] gives the events of the rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_journey::{Circumstances, RuleNeeds, RuledKind, TouchpointRule, Written, rule_needs, touchpoint};

use crate::context::explain;
use crate::error::EngineError;
use crate::event_table::{AttributeColumn, Part, attribute_from_json, column_name, text_column};
use crate::tables::EVENTS;

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

/// Returns those columns that the table of events has.
async fn existing(context: &SessionContext, columns: impl Iterator<Item = String>) -> Result<Vec<String>, EngineError> {
    let events = context.table(EVENTS).await.map_err(|error| EngineError::Query(explain(&error)))?;
    Ok(columns.filter(|column| events.schema().fields().iter().any(|field| field.name() == column)).collect())
}

/// Returns SQL for the first of some columns with a text in it, null where the table has
/// none of them.
pub(crate) async fn first_of(context: &SessionContext, columns: &[&str]) -> Result<String, EngineError> {
    let there = existing(context, columns.iter().map(|column| (*column).to_owned())).await?;
    let there: Vec<String> =
        there.iter().map(|column| format!("nullif(arrow_cast(\"{column}\", 'Utf8'), '')")).collect();
    Ok(match there.as_slice() {
        [] => "arrow_cast(NULL, 'Utf8')".to_owned(),
        [column] => column.clone(),
        columns => format!("coalesce({})", columns.join(", ")),
    })
}

/// Returns SQL for the first of some places with a text in it, of those that have a column of
/// their own.
pub(super) async fn first_written(context: &SessionContext, places: &[Written]) -> Result<String, EngineError> {
    let columns: Vec<String> = places.iter().filter_map(|place| column_of(*place)).collect();
    first_of(context, &columns.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Numbers of texts or of combinations of them.
#[expect(clippy::disallowed_types, reason = "only looked up, never iterated")]
type Codes<K> = std::collections::HashMap<K, u32, foldhash::fast::FixedState>;

/// Gives events their touchpoints, batch after batch: every combination of what the
/// rules look at is named once.
#[derive(Debug)]
pub(crate) struct NamedColumns<'a> {
    rules: &'a [TouchpointRule],
    needs: RuleNeeds,
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
            needs: rule_needs(rules),
            texts: Codes::default(),
            combinations: Codes::default(),
            codes: Codes::default(),
            names: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// Returns the columns that a query must select beside `event`, for [`Self::numbers`].
    pub(crate) async fn selected(&self, context: &SessionContext) -> Result<String, EngineError> {
        let mut columns = String::new();
        if self.needs.channel {
            columns.push_str(", channel");
        }
        if self.needs.place {
            let places = Written::PAGES.iter().chain(&Written::CAMPAIGNS);
            let wanted = places.filter_map(|place| column_of(*place)).chain(["other".to_owned()]);
            let there = existing(context, wanted).await?;
            there.iter().for_each(|column| columns.push_str(&format!(", \"{column}\"")));
        }
        Ok(columns)
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
        let channels = text_column(rows, "channel")?;
        let places = if self.needs.place { Some(Places::of(rows)?) } else { None };
        if self.texts.len() > TEXTS_MAX || self.combinations.len() > TEXTS_MAX {
            self.texts = Codes::default();
            self.combinations = Codes::default();
        }
        let mut numbers = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let Some(event) = value(&events, row) else {
                numbers.push(None);
                continue;
            };
            let [page, address, campaign] = places.as_ref().map_or([None, None, None], |places| places.texts(row));
            let circumstances = Circumstances {
                event,
                channel: value(&channels, row),
                campaign: campaign.as_deref(),
                page: page.as_deref(),
                address: address.as_deref(),
            };
            numbers.push(Some(self.number(circumstances)));
        }
        Ok(numbers)
    }

    /// Returns the number of what an event is called in such circumstances.
    fn number(&mut self, circumstances: Circumstances<'_>) -> u32 {
        let Circumstances { event, channel, campaign, page, address } = circumstances;
        let texts = [Some(event), channel, campaign, page, address];
        let key = texts.map(|text| text.map_or(ABSENT, |text| text_number(&mut self.texts, text)));
        if let Some(named) = self.combinations.get(&key) {
            return *named;
        }
        let (name, kind) = touchpoint(self.rules, circumstances);
        if let Some(kind) = kind {
            add_kind(&mut self.kinds, name.clone(), kind);
        }
        let named = number(&mut self.codes, &mut self.names, &name);
        self.combinations.insert(key, named);
        named
    }
}

/// The columns of a batch that pages, addresses and campaigns are written in.
struct Places {
    /// Each place once.
    columns: Vec<(Written, Option<AttributeColumn>)>,
    /// The positions in these of pages, addresses and campaigns, in the order that they count.
    ranked: [Vec<usize>; 3],
    /// What has no column of its own and type.
    other: StringArray,
}

impl Places {
    fn of(rows: &RecordBatch) -> Result<Self, ArrowError> {
        let wanted = [&Written::PAGES[..], &Written::ADDRESSES, &Written::CAMPAIGNS];
        let mut columns: Vec<(Written, Option<AttributeColumn>)> = Vec::new();
        for place in wanted.into_iter().flatten() {
            if columns.iter().all(|(known, _)| known != place) {
                let column = column_of(*place).and_then(|column| rows.column_by_name(&column));
                columns.push((*place, column.map(AttributeColumn::of).transpose()?));
            }
        }
        let ranked = wanted.map(|places| {
            places.iter().filter_map(|place| columns.iter().position(|(known, _)| known == place)).collect()
        });
        Ok(Self { columns, ranked, other: text_column(rows, "other")? })
    }

    /// Returns the page, the address and the campaign of a row.
    fn texts(&self, row: usize) -> [Option<Cow<'_, str>>; 3] {
        self.ranked.each_ref().map(|ranked| ranked.iter().find_map(|position| self.text(&self.columns[*position], row)))
    }

    /// Returns what is written at a place: in its column, or where what does not fit one is.
    fn text<'c>(&'c self, (place, column): &'c (Written, Option<AttributeColumn>), row: usize) -> Option<Cow<'c, str>> {
        match column {
            Some(AttributeColumn::Texts(texts)) if texts.is_valid(row) => {
                Some(Cow::Borrowed(texts.value(row))).filter(|text| !text.is_empty())
            }
            Some(AttributeColumn::Others(values)) if values[row].is_some() => {
                values[row].as_ref().and_then(Written::text)
            }
            Some(_) | None => self.left_over(*place, row),
        }
    }

    fn left_over(&self, place: Written, row: usize) -> Option<Cow<'_, str>> {
        let other = value(&self.other, row)?;
        let (part, name) = attribute(place);
        // What does not hold the name is not worth being read.
        if !other.contains(name) {
            return None;
        }
        let left_over = attribute_from_json(other, part, name)?;
        Written::text(&left_over).map(|text| Cow::Owned(text.into_owned()))
    }
}

fn attribute(place: Written) -> (Part, &'static str) {
    match place {
        Written::Context(name) => (Part::Context, name),
        Written::Property(name) => (Part::Properties, name),
    }
}

fn column_of(place: Written) -> Option<String> {
    let (part, name) = attribute(place);
    column_name(part, name)
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
mod tests;
