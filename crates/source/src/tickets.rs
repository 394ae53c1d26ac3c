//! Support tickets: Zendesk's JSON, and tables of Zendesk, Freshdesk, Intercom and their like.
//!
//! Zendesk's incremental export (`/api/v2/incremental/tickets/cursor.json`) is pages of
//! `{"tickets": […], "end_of_stream": …}`; its account export is one ticket a line, with
//! `comments`. A ticket says several things that happened:
//!
//! | event | when | id |
//! |---|---|---|
//! | Ticket Opened | created | of the ticket |
//! | Ticket Commented, of the requester in public | the comment's time | of the comment |
//! | Ticket Solved | its solving where the export says so, else the last change | of the ticket, and of the solving's time where known |
//! | Ticket Rated | the last change | of the ticket and the score |
//!
//! Incremental pages repeat a ticket whenever it changes. Its opening is one event all
//! the same, as the first page told it; and as a solved ticket is closed days later
//! without anyone doing anything, both count as one solving unless times tell them apart.
//!
//! The person is the requester: by id (the company's own, `external_id`, before
//! Zendesk's), with e-mail and telephone as external ids; where nothing but a name is
//! known, the name within this source.

mod names;
mod ticket;

use std::io::{BufRead, Cursor, Read};

use serde_json::value::RawValue;
use throng_event::{Problem, ProblemKind};

use crate::fields::{Fields, Object};
use crate::frames::{Frame, Frames};
use crate::head::Head;
use crate::import::{Intake, raw_text};
use crate::rows::NamedRows;
use crate::table::{Clock, TableForm};
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};
use ticket::Ticket;

/// Bytes looked at to tell JSON from a table.
const FORM_BYTES: u64 = 64;

/// Reads support tickets, packed or plain: pages of Zendesk's incremental export, one
/// ticket a line, a list of tickets, or a table with a ticket a row.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_tickets(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let mut input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut head = Vec::new();
    input.by_ref().take(FORM_BYTES).read_to_end(&mut head).map_err(|error| intake.read_error(error))?;
    let form = TableForm::of(&head);
    let whole = Cursor::new(head).chain(input);
    let clock = Clock::new(None, import.calendar.zone().clone());
    match form {
        TableForm::Json => read_json(whole, &clock, &mut intake)?,
        TableForm::Delimited | TableForm::Parquet | TableForm::Workbook => read_table(whole, &clock, &mut intake)?,
    }
    Ok(intake.finish())
}

/// Returns why a file holds support tickets, if it does.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    if let Some(object) = &head.object {
        let pages = object.get("tickets").is_some_and(serde_json::Value::is_array);
        if pages && (object.contains_key("end_of_stream") || object.contains_key("next_page") || object.len() == 1) {
            return Some("its pages have tickets, as Zendesk's incremental export".to_owned());
        }
        let ticket = head.has_members(&["id", "created_at", "requester_id", "status", "subject"]);
        return ticket.then(|| "its objects have subject, status and requester_id, as Zendesk's tickets".to_owned());
    }
    let has = |names: &[&str]| {
        let plain = |name: &str| crate::rows::plain_name(name);
        names.iter().any(|name| head.header.iter().any(|cell| plain(cell) == plain(name)))
    };
    let about = has(&names::SUBJECT) || has(&names::DESCRIPTION);
    let of_tickets = head.header.iter().any(|cell| cell.contains("ticket") || cell.starts_with("requester"))
        || (has(&["conversation id"]) && has(&names::SCORE));
    let person = has(&names::USER_ID) || has(&names::EMAIL) || has(&names::NAME);
    (of_tickets && about && person && has(&names::STATUS) && has(&names::CREATED_AT))
        .then(|| "its columns are those of support tickets: subject, status, requester and time of creation".to_owned())
}

fn read_table(input: impl Read, clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut rows = NamedRows::new(input)?;
    while let Some(row) = rows.next(intake)? {
        let ticket = Ticket::of_fields(Fields::of_row(&row));
        let (drafts, mended) = ticket.drafts(&intake.import.limits.source, clock);
        intake.take_all(row.number, drafts, [row.mended(), mended].concat(), || row.raw())?;
    }
    Ok(())
}

fn read_json(input: impl BufRead, clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        match frame {
            Frame::Whole(record) => take_record(record, clock, intake)?,
            Frame::TooLong(beginning) => {
                let problem = Problem::new(ProblemKind::TooLarge, "a page or ticket longer than any may be");
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], raw_text(beginning))?;
            }
        }
    }
    Ok(())
}

/// Takes one ticket, or a page of them; a page itself is no row.
fn take_record(record: &[u8], clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let object = match Object::parse(record) {
        Ok(object) => object,
        Err(problem) => return put_aside(record, problem, intake),
    };
    let Some(tickets) = object.get(&["tickets"]) else {
        return take_ticket(&object, record, clock, intake);
    };
    let Ok(tickets) = serde_json::from_str::<Vec<&RawValue>>(tickets.get()) else {
        return put_aside(record, Problem::new(ProblemKind::Unreadable, "the tickets of the page are no list"), intake);
    };
    for ticket in tickets {
        let record = ticket.get().as_bytes();
        match Object::of(ticket) {
            Some(object) => take_ticket(&object, record, clock, intake)?,
            None => put_aside(record, Problem::new(ProblemKind::Unreadable, "the ticket is no JSON object"), intake)?,
        }
    }
    Ok(())
}

fn take_ticket(object: &Object<'_>, record: &[u8], clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    match Ticket::of_object(object) {
        Ok(ticket) => {
            let (drafts, mended) = ticket.drafts(&intake.import.limits.source, clock);
            let row = intake.next_row();
            intake.take_all(row, drafts, mended, || raw_text(record))
        }
        Err(problem) => put_aside(record, problem, intake),
    }
}

fn put_aside(record: &[u8], problem: Problem, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let row = intake.next_row();
    intake.put_aside(row, vec![problem], raw_text(record))
}

#[cfg(test)]
mod tests;
