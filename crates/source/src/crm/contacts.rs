//! Contacts: people, what is known of them and whose account they belong to.

use std::io::Read;

use throng_event::{Attributes, Draft, EventKind, Value};

use super::accounts::KNOWN_AT;
use super::read_records;
use super::record::{Record, contact_id};
use crate::rows::{column_names, plain_name};
use crate::{Head, Import, SourceError, StopReason, Taken, Tally};

const IDS: [&str; 5] = ["Record ID", "Contact ID", "Contact ID (18)", "Id", "Vid"];
/// Columns of people, of contacts as of leads.
pub(super) const EMAILS: [&str; 3] = ["Email", "Email Address", "Work email"];
pub(super) const PHONES: [&str; 4] = ["Phone", "Phone Number", "Mobile Phone Number", "Mobile Phone"];
const TRAITS: [(&str, &[&str]); 10] = [
    ("email", &EMAILS),
    ("phone", &PHONES),
    ("name", &["Name", "Full Name"]),
    ("first_name", &["First Name"]),
    ("last_name", &["Last Name"]),
    ("title", &["Job Title", "Title"]),
    ("company", &["Associated Company", "Account Name", "Company name", "Company"]),
    ("city", &["City", "Mailing City"]),
    ("state", &["State/Region", "State", "Mailing State"]),
    ("country", &["Country/Region", "Country", "Mailing Country"]),
];

/// Reads contacts, one a row, as identify messages in the account they belong to.
///
/// Facts are dated when the record last changed, or when it was made where that is not
/// said. A record that changed is told again by a later export.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_crm_contacts(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    read_records(input, import, sink, |record| vec![draft_of(record)])
}

/// Returns why a file is a table of contacts.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let columns = column_names(head);
    let any = |names: &[&str]| names.iter().any(|name| columns.contains(&plain_name(name)));
    let person = any(&EMAILS) && any(&["First Name", "Last Name", "Full Name"]);
    let of_crm = any(&["Lifecycle Stage", "Contact ID", "Contact owner", "Account ID", "Associated Company"]);
    let of_others = any(&["Deal Stage", "StageName", "Lead ID", "Ticket ID", "Subject", "Lineitem name"]);
    let said = person && of_crm && !of_others && any(&KNOWN_AT);
    said.then(|| "it has columns for a person's name, e-mail address and place in a CRM".to_owned())
}

fn draft_of(record: &mut Record<'_>) -> Draft {
    let mut draft = Draft {
        content: record.content("contact"),
        kind: Some(EventKind::Identify),
        external_ids: record.text(&IDS).map(contact_id).into_iter().collect(),
        group_id: record.account(),
        occurred_at: record.instant(&KNOWN_AT),
        ..Draft::default()
    };
    if draft.occurred_at.is_none() {
        draft.problems.extend(record.unreadable_time());
    }
    draft.traits = traits_of(record);
    record.rest(&mut draft.traits);
    draft
}

/// Reads who a person is.
pub(super) fn traits_of(record: &mut Record<'_>) -> Attributes {
    let mut traits = Attributes::new();
    record.texts(&TRAITS, &mut traits);
    let parts = ["first_name", "last_name"].iter().filter_map(|name| traits.get(name)).map(Value::to_string);
    let name = parts.collect::<Vec<_>>().join(" ");
    if !name.is_empty() {
        traits.insert_if_absent("name", Value::text(name));
    }
    traits
}
