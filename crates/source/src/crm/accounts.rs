//! Accounts, or companies: facts about whom the people of a deal belong to.

use std::io::Read;

use throng_event::{Draft, EventKind};

use super::read_records;
use super::record::{Record, account_id};
use crate::rows::{column_names, plain_name};
use crate::{Head, Import, SourceError, StopReason, Taken, Tally};

const IDS: [&str; 5] = ["Record ID", "Company ID", "Account ID", "Account ID (18)", "Id"];
const NAMES: [&str; 3] = ["Company name", "Account Name", "Name"];
/// When the record last changed, for its facts are those of that day; else when it was made.
pub(super) const KNOWN_AT: [&str; 7] = [
    "Last Modified Date",
    "Last Modified",
    "System Modstamp",
    "Updated at",
    "Create Date",
    "Created Date",
    "Created at",
];
/// Columns that only accounts have.
const FACTS: [&str; 7] =
    ["Industry", "Annual Revenue", "Number of Employees", "Employees", "Company Domain Name", "Website", "Website URL"];
const TRAITS: [(&str, &[&str]); 8] = [
    ("name", &NAMES),
    ("industry", &["Industry"]),
    ("website", &["Website", "Website URL", "Company Domain Name"]),
    ("phone", &["Phone", "Phone Number"]),
    ("city", &["City", "Billing City"]),
    ("state", &["State/Region", "State", "Billing State"]),
    ("country", &["Country/Region", "Country", "Billing Country"]),
    ("type", &["Type", "Account Type"]),
];

/// Reads accounts, or companies, one a row, as group messages.
///
/// The account's number is the group, or its name where it has none; its facts are the
/// traits of the group, dated when the record last changed. A record that changed is
/// told again by a later export. Nobody is named, so the external id `account:…` stands
/// in for the account itself.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_crm_accounts(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    read_records(input, import, sink, |record| vec![draft_of(record)])
}

/// Returns why a file is a table of accounts.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let columns = column_names(head);
    let count = |names: &[&str]| names.iter().filter(|name| columns.contains(&plain_name(name))).count();
    let of_others = count(&["Email", "First Name", "Last Name", "Deal Stage", "StageName", "Stage", "Lead Status"]);
    // Salesforce calls the name of every record `Name`; the number of one is `Id`.
    let named = count(&NAMES[..2]) > 0 || columns.contains("name") && columns.contains("id");
    let said = named && of_others == 0 && count(&FACTS) >= 2 && count(&KNOWN_AT) > 0;
    said.then(|| "it has columns for an account, such as its industry, website or number of employees".to_owned())
}

fn draft_of(record: &mut Record<'_>) -> Draft {
    let id = record.text(&IDS).or_else(|| record.text(&NAMES)).map(str::to_owned);
    let mut draft = Draft {
        content: record.content("account"),
        kind: Some(EventKind::Group),
        external_ids: id.as_deref().map(account_id).into_iter().collect(),
        occurred_at: record.instant(&KNOWN_AT),
        ..Draft::default()
    };
    if draft.occurred_at.is_none() {
        draft.problems.extend(record.unreadable_time());
    }
    draft.group_id = id;
    record.texts(&TRAITS, &mut draft.traits);
    record.rest(&mut draft.traits);
    draft
}
