//! Leads: people who showed interest, where they came from and what became of them.

use std::io::Read;

use throng_event::{Draft, EventKind, Identity, IdentityKind, Value};

use super::contacts::traits_of;
use super::read_records;
use super::record::{Record, contact_id};
use crate::rows::{column_names, plain_name};
use crate::{Head, Import, SourceError, StopReason, Taken, Tally};

const IDS: [&str; 3] = ["Lead ID", "Record ID", "Id"];
/// A lead's number in a funnel of its own.
const OWN_IDS: [&str; 1] = ["mql_id"];
const CREATED: [&str; 5] = ["first_contact_date", "Create Date", "Created Date", "Created at", "Date created"];
const CONVERTED: [&str; 2] = ["Converted Date", "Became a customer date"];
const SOURCES: [&str; 5] = ["Lead Source", "origin", "Original Source", "Original Traffic Source", "Source"];

/// Reads leads, one a row.
///
/// A row makes `Lead Created`, with what is known of the person as traits, and `Lead
/// Converted` where it says when. Dates are read as [`crate::read_crm_deals`] reads them.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_crm_leads(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    read_records(input, import, sink, drafts_of)
}

/// Returns why a file is a table of leads.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let columns = column_names(head);
    let any = |names: &[&str]| names.iter().any(|name| columns.contains(&plain_name(name)));
    if columns.contains("mqlid") && columns.contains("firstcontactdate") {
        return Some("it has columns for a lead (mql_id) and its first contact (first_contact_date)".to_owned());
    }
    let of_leads = any(&["Lead ID", "Lead Status", "Is Converted", "Converted Date"]);
    let of_others = any(&["Deal Stage", "StageName", "Lifecycle Stage", "Contact ID"]);
    let said = of_leads && !of_others && any(&["Lead Source", "Lead Status", "Status"]) && any(&CREATED);
    said.then(|| "it has columns for a lead, where it came from and when".to_owned())
}

fn drafts_of(record: &mut Record<'_>) -> Vec<Draft> {
    let own_id = record.text(&OWN_IDS);
    let lead_id = record.text(&IDS);
    let id = own_id.or(lead_id).map(|id| record.event_id("lead", id));
    let lead = lead_id.map(|id| Identity::new(IdentityKind::External, &format!("lead:{id}")));
    let contact = record.text(&["Converted Contact ID", "ConvertedContactId"]).map(contact_id);
    let account = record.text(&["Converted Account ID"]).map(str::to_owned);
    let created_at = record.instant(&CREATED);
    let converted_at = record.instant(&CONVERTED);
    let mut draft = Draft {
        id: id.as_ref().map(|id| format!("{id}#created")),
        content: record.content("lead"),
        kind: Some(EventKind::Track),
        name: Some("Lead Created".to_owned()),
        user_id: own_id.map(str::to_owned),
        external_ids: lead.into_iter().collect(),
        occurred_at: created_at,
        ..Draft::default()
    };
    record.texts(&[("lead_source", &SOURCES)], &mut draft.properties);
    if let Some(id) = own_id.or(lead_id) {
        draft.properties.insert("lead_id", Value::text(id));
    }
    draft.traits = traits_of(record);
    let converted = converted_at.map(|at| Draft {
        id: id.map(|id| format!("{id}#converted")),
        content: [&draft.content[..], b"converted"].concat(),
        name: Some("Lead Converted".to_owned()),
        external_ids: draft.external_ids.iter().cloned().chain(contact).collect(),
        group_id: account,
        occurred_at: Some(at),
        ..draft.clone()
    });
    if created_at.is_none() {
        draft.problems.extend(record.unreadable_time());
    }
    let mut drafts = vec![draft];
    drafts.extend(converted);
    // What the row says of the lead as it is now goes with its last event.
    if let Some(last) = drafts.last_mut() {
        record.rest(&mut last.properties);
    }
    drafts
}
