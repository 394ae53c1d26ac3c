//! Deals, or opportunities: opened, moved from stage to stage, won or lost.

use std::io::Read;

use throng_event::{Attributes, Draft, EventKind, Identity, IdentityKind, Instant, Value};

use super::read_records;
use super::record::{Record, account_id, contact_id};
use crate::rows::{column_names, plain_name};
use crate::{Head, Import, SourceError, StopReason, Taken, Tally};

const IDS: [&str; 5] = ["Record ID", "Deal ID", "Opportunity ID", "Opportunity ID (18)", "Id"];
const STAGES: [&str; 3] = ["Deal Stage", "StageName", "Stage"];
const AMOUNTS: [&str; 3] = ["Amount", "Deal Amount", "Amount in company currency"];
const CURRENCIES: [&str; 5] =
    ["Currency", "Deal Currency Code", "CurrencyIsoCode", "Amount Currency", "Opportunity Currency"];
const CREATED: [&str; 4] = ["Create Date", "Created Date", "Created at", "Date created"];
const CLOSED: [&str; 4] = ["Close Date", "Closed Date", "Closed at", "won_date"];
const WON: [&str; 4] = ["Is Closed Won", "Is Won", "Won", "Is deal closed won"];
const LOST: [&str; 2] = ["Is Closed Lost", "Is Lost"];
const OVER: [&str; 3] = ["Is Closed", "Is Deal Closed", "Closed"];
const CONTACTS: [&str; 5] =
    ["Primary Contact ID", "Associated Contact IDs (Primary)", "Associated Contact IDs", "Contact ID", "Contact IDs"];
const EMAILS: [&str; 5] = ["Contact Email", "Primary Contact Email", "Associated Email", "Email", "Contact: Email"];
const PHONES: [&str; 2] = ["Contact Phone", "Contact: Phone"];
/// A lead's number in a funnel of its own.
const LEADS: [&str; 1] = ["mql_id"];
/// What never changes about a deal and goes with each of its events.
const LASTING: [(&str, &[&str]); 5] = [
    ("deal_name", &["Deal Name", "Opportunity Name", "Name"]),
    ("pipeline", &["Pipeline", "Record Type"]),
    ("deal_type", &["Deal Type", "Opportunity Type", "Type"]),
    ("lead_source", &["Lead Source", "Original Source Type", "Original Traffic Source"]),
    ("account_name", &["Associated Company", "Account Name", "Company name"]),
];
/// What the columns begin with that say when a deal entered a stage.
const ENTERED: &str = "dateentered";

/// What became of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Won,
    Lost,
}

/// Reads deals, or opportunities, one a row.
///
/// A row makes `Deal Created`, a `Deal Stage Changed` for each column that says when a
/// stage was entered, and `Deal Won` (with the amount as money) or `Deal Lost` at the
/// closing date. The closing date of an open deal is a hope and makes no event. What
/// the row says of the deal as it is now goes with its last event, not with the
/// earlier ones, when it was not yet so. The person is the contact; a deal that names
/// none is told of its account, which then stands in as the external id `account:…`.
///
/// Whether `03/04/2024` is in March or in April is decided once for the file by the
/// dates at its beginning whose day exceeds twelve; where none does, the month comes
/// first between slashes and the day between hyphens.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_crm_deals(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    read_records(input, import, sink, drafts_of)
}

/// Returns why a file is a table of deals.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let columns = column_names(head);
    let all = |names: &[&str]| names.iter().all(|name| columns.contains(&plain_name(name)));
    let any = |names: &[&str]| names.iter().any(|name| columns.contains(&plain_name(name)));
    if all(&["mql_id", "won_date"]) {
        return Some("it has columns for a lead (mql_id) and when it was won (won_date)".to_owned());
    }
    let of_deals = any(&["Deal Name", "Opportunity Name", "Deal ID", "Opportunity ID", "Deal Stage", "StageName"]);
    let said = of_deals && any(&STAGES) && any(&CLOSED) && any(&[&AMOUNTS[..], &CREATED[..], &OVER[..]].concat());
    said.then(|| "it has columns for a deal, its stage and when it closes".to_owned())
}

fn drafts_of(record: &mut Record<'_>) -> Vec<Draft> {
    let deal = Deal::read(record);
    let mut drafts: Vec<Draft> =
        deal.created_at.map(|at| deal.draft("Deal Created", "created", at)).into_iter().collect();
    let mut last_at = deal.created_at;
    for (column, text) in record.beginning_with(ENTERED) {
        let Some(at) = record.instant_of(text) else { continue };
        let stage = stage_of_column(column);
        let mut draft = deal.draft("Deal Stage Changed", &format!("stage/{stage}"), at);
        draft.properties.insert("stage", Value::text(stage));
        last_at = last_at.max(Some(at));
        drafts.push(draft);
    }
    drafts.sort_by_key(|draft| draft.occurred_at);
    // An open deal that only says when it is to be won keeps that as a fact.
    let outcome = deal.outcome;
    let closed_at = if outcome == Outcome::Open { None } else { record.instant(&CLOSED).or(last_at) };
    if let Some(at) = closed_at {
        let at = behind(at, last_at);
        let (name, ending) = if outcome == Outcome::Won { ("Deal Won", "won") } else { ("Deal Lost", "lost") };
        let mut draft = deal.draft(name, ending, at);
        draft.money = deal.money.filter(|_| outcome == Outcome::Won);
        drafts.push(draft);
    }
    if drafts.is_empty() {
        // Nothing says when: admission says so, or that what was said cannot be read.
        let draft = Draft { occurred_at: None, ..deal.draft("Deal Created", "created", Instant(0)) };
        drafts.push(Draft { problems: record.unreadable_time().into_iter().collect(), ..draft });
    }
    if let Some(last) = drafts.last_mut() {
        for (name, value) in &deal.present {
            last.properties.insert_if_absent(name, value.clone());
        }
        record.rest(&mut last.properties);
    }
    drafts
}

/// What one row says of a deal.
struct Deal {
    id: Option<String>,
    ids: String,
    content: Vec<u8>,
    user_id: Option<String>,
    external_ids: Vec<Identity>,
    account: Option<String>,
    created_at: Option<Instant>,
    outcome: Outcome,
    money: Option<throng_event::Money>,
    lasting: Attributes,
    /// What holds at the time of the export.
    present: Attributes,
}

impl Deal {
    fn read(record: &mut Record<'_>) -> Self {
        let lead = record.text(&LEADS);
        // A funnel without numbers for deals has one deal a lead.
        let id = record.text(&IDS).or(lead).map(str::to_owned);
        let mut external_ids = record.contact_ids(&EMAILS, &PHONES);
        external_ids.extend(record.text(&CONTACTS).map(contact_id));
        external_ids.extend(record.text(&["Associated Contact"]).and_then(address_within));
        let account = record.account();
        if external_ids.is_empty() && lead.is_none() {
            external_ids.extend(account.as_deref().map(account_id));
        }
        let (mut lasting, mut present) = (Attributes::new(), Attributes::new());
        record.texts(&LASTING, &mut lasting);
        if let Some(id) = &id {
            lasting.insert("deal_id", Value::text(id.clone()));
        }
        record.texts(&[("stage", &STAGES)], &mut present);
        let outcome = outcome(record, present.get("stage"));
        let currency = record.text(&CURRENCIES);
        let amount = record.number(&AMOUNTS);
        present.extend(amount.map(|amount| ("amount".to_owned(), Value::Number(amount))));
        let money = amount.filter(|_| outcome == Outcome::Won).and_then(|amount| record.money(amount, currency));
        present.extend(currency.map(|code| ("currency".to_owned(), Value::text(code))));
        Self {
            ids: id.as_deref().map(|id| record.event_id("deal", id)).unwrap_or_default(),
            id,
            content: record.content("deal"),
            user_id: lead.map(str::to_owned),
            external_ids,
            account,
            created_at: record.instant(&CREATED),
            outcome,
            money,
            lasting,
            present,
        }
    }

    fn draft(&self, name: &str, ending: &str, at: Instant) -> Draft {
        let mut content = self.content.clone();
        content.extend_from_slice(ending.as_bytes());
        Draft {
            id: self.id.as_ref().map(|_| format!("{}#{ending}", self.ids)),
            content,
            kind: Some(EventKind::Track),
            name: Some(name.to_owned()),
            user_id: self.user_id.clone(),
            external_ids: self.external_ids.clone(),
            group_id: self.account.clone(),
            occurred_at: Some(at),
            properties: self.lasting.clone(),
            ..Draft::default()
        }
    }
}

/// Returns what became of a deal, from what says so and else from the words of its stage.
fn outcome(record: &mut Record<'_>, stage: Option<&Value>) -> Outcome {
    let (won, lost, over) = (record.truth(&WON), record.truth(&LOST), record.truth(&OVER));
    match (won, lost, over) {
        (Some(true), _, _) => return Outcome::Won,
        (_, Some(true), _) | (Some(false), _, Some(true)) => return Outcome::Lost,
        (_, _, Some(false)) => return Outcome::Open,
        _ => {}
    }
    match stage {
        Some(stage) => outcome_of_stage(&stage.to_string()),
        // A table of deals with the date on which each was won.
        None if record.text(&["won_date"]).is_some() => Outcome::Won,
        None => Outcome::Open,
    }
}

fn outcome_of_stage(stage: &str) -> Outcome {
    let plain = plain_name(stage);
    let words: Vec<String> = stage.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let says = |word: &str| words.iter().any(|said| said == word) || plain == format!("closed{word}");
    match (says("lost"), says("won")) {
        (true, _) => Outcome::Lost,
        (false, true) => Outcome::Won,
        (false, false) => Outcome::Open,
    }
}

/// Returns the stage a column is about: `Date entered "Closed won (Sales Pipeline)"`.
fn stage_of_column(column: &str) -> String {
    let quoted = column.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map(|(stage, _)| stage);
    let skipped = column.char_indices().filter(|(_, letter)| letter.is_alphanumeric()).nth(ENTERED.len());
    let behind = skipped.map_or(column, |(at, _)| &column[at..]);
    let stage = quoted.unwrap_or(behind).trim().trim_matches('"');
    match stage.rsplit_once('(') {
        Some((name, pipeline)) if pipeline.ends_with(')') && !name.trim().is_empty() => name.trim().to_owned(),
        _ => stage.to_owned(),
    }
}

/// Returns the closing time behind what came before it: a date without an hour names
/// the beginning of its day, and what was opened that day was closed later.
fn behind(closed_at: Instant, last_at: Option<Instant>) -> Instant {
    match last_at {
        Some(last) if closed_at <= last && last.0 - closed_at.0 < Instant::DAY => Instant(last.0.saturating_add(1)),
        _ => closed_at,
    }
}

/// Returns the e-mail address in a text like `Ann Smith (ann@example.com)`.
fn address_within(text: &str) -> Option<Identity> {
    let address = text.split(|c: char| c.is_whitespace() || "()<>;,".contains(c)).find(|part| part.contains('@'))?;
    Some(Identity::new(IdentityKind::Email, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_say_what_became_of_a_deal() {
        for (stage, expected) in [
            ("closedwon", Outcome::Won),
            ("Closed Won", Outcome::Won),
            ("Won - paid", Outcome::Won),
            ("Closed lost", Outcome::Lost),
            ("closedlost", Outcome::Lost),
            ("Wonderful lead", Outcome::Open),
            ("Negotiation/Review", Outcome::Open),
        ] {
            assert_eq!(outcome_of_stage(stage), expected, "{stage}");
        }
    }

    #[test]
    fn columns_name_the_stage_that_was_entered() {
        for (column, expected) in [
            ("Date entered \"Closed won (Sales Pipeline)\"", "Closed won"),
            ("Date entered Qualified to buy", "Qualified to buy"),
            ("date_entered_closedwon", "closedwon"),
            ("Date entered", "Date entered"),
        ] {
            assert_eq!(stage_of_column(column), expected);
        }
    }
}
