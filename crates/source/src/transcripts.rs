//! Conversations in their own words: WhatsApp exports, JSON turns, mailboxes.
//!
//! | form | a record | person | events |
//! |---|---|---|---|
//! | WhatsApp's text export | a message, over any number of lines | its author | Message Received |
//! | JSON turns | a conversation, or one turn | the conversation's customer | Message Received from the customer, Message Sent by an agent |
//! | mbox | a message | its sender (of a sent one its receiver) | E-mail Received, E-mail Sent |
//!
//! What the customer said is the event's text; what an agent said is only a property,
//! `message`, for it says nothing about the customer's mind.

mod mailbox;
mod turns;
mod whatsapp;

use std::io::{Cursor, Read};

use crate::decode::decode;
use crate::head::Head;
use crate::import::Intake;
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};

/// Bytes looked at to tell the forms apart and, in a chat, days from months.
const HEAD_BYTES: u64 = 1 << 18;

/// What a mailbox begins with.
const MAILBOX: &str = "From ";

/// Reads transcripts, packed or plain, in whichever of the three forms they come.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_transcripts(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let mut input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| intake.read_error(error))?;
    if head.trim_ascii_start().starts_with(MAILBOX.as_bytes()) {
        // The parts of a message say their encodings themselves.
        mailbox::read(Cursor::new(head).chain(input), &mut intake)?;
        return Ok(intake.finish());
    }
    let mut input = decode(Cursor::new(head).chain(input)).map_err(|error| intake.read_error(error))?;
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| intake.read_error(error))?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let whole = Cursor::new(head).chain(input);
    if is_json(&text) {
        turns::read(whole, &mut intake)?;
    } else {
        whatsapp::read(whole, &text, &mut intake)?;
    }
    Ok(intake.finish())
}

/// Returns why a file is a transcript, if it is one.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    if head.text.trim_start().starts_with(MAILBOX) {
        return mailbox::recognise(&head.text);
    }
    if let Some(object) = &head.object {
        return turns::recognise(object);
    }
    whatsapp::recognise(&head.text)
}

/// Whether a text opens with JSON; a chat's line may open with a bracket too, and a digit behind it.
fn is_json(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let behind = text.strip_prefix('[').map(str::trim_start);
    text.starts_with('{') || behind.is_some_and(|behind| behind.starts_with(['{', '[', ']', '"']))
}

#[cfg(test)]
mod tests;
