//! Exports of customer-relationship systems: deals, accounts, contacts and leads.
//!
//! One row is one record as it is at the time of the export, in the columns of HubSpot
//! ("Record ID", "Deal Stage", "Create Date") or of Salesforce (`Id`, `StageName`,
//! `CreatedDate`), or in those of a lead funnel such as Olist's (`mql_id`,
//! `won_date`). Columns that mean nothing here become properties or traits.
//!
//! Records are numbered within one system only, so a contact is the external id
//! `contact:…` and a lead `lead:…`, beside its e-mail address. Only where a column
//! calls a lead's number its own (`mql_id`) is it the user id. What is known of an
//! account and nobody in it is told of the external id `account:…`, which stands for
//! the account itself; the account is the event's group.

pub(crate) mod accounts;
pub(crate) mod contacts;
mod dates;
pub(crate) mod deals;
pub(crate) mod leads;
mod record;

use std::io::Read;

use throng_event::Draft;

use crate::import::Intake;
use crate::rows::{NamedRows, peek};
use crate::table::sample_table;
use crate::{DecimalMark, Import, SourceError, StopReason, Taken, Tally};
use dates::Dates;
use record::{Habits, Record};

pub use accounts::read_crm_accounts;
pub use contacts::read_crm_contacts;
pub use deals::read_crm_deals;
pub use leads::read_crm_leads;

/// Bytes looked at to learn how a file writes dates and numbers: thousands of rows.
const HEAD_BYTES: u64 = 1 << 18;

/// Reads a table of records, each of which makes the drafts that `drafts_of` says.
fn read_records(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    drafts_of: impl Fn(&mut Record<'_>) -> Vec<Draft>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let (head, input) = peek(input, HEAD_BYTES).map_err(|error| intake.read_error(error))?;
    // A head that is no table is refused below, with the reason.
    let sample = sample_table(head.as_slice()).ok();
    let habits = Habits {
        dates: Dates::of(sample.as_ref(), import.calendar.zone()),
        mark: sample.as_ref().map_or(DecimalMark::Point, crate::proposal::decimal_mark),
        import,
    };
    let mut rows = NamedRows::new(input)?;
    while let Some(row) = rows.next(&mut intake)? {
        let mut record = Record::new(&row, &habits);
        let drafts = drafts_of(&mut record);
        intake.take_all(row.number, drafts, record.into_mended(), || row.raw())?;
    }
    Ok(intake.finish())
}

#[cfg(test)]
mod tests;
