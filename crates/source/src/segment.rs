//! Messages of the Segment Spec: lines, a list, or batches of them.
//!
//! Common fields follow `spec/common.md` of the Segment documentation; RudderStack's
//! export differs in places (`originalTimestamp`, a top-level `channel`), and both
//! are read. A message that names no channel gets one from the library that sent it.

mod commerce;
mod message;
mod write;

use std::io::Read;

use serde_json::value::RawValue;
use throng_event::{Problem, ProblemKind};

use crate::frames::{Frame, Frames};
use crate::import::{Intake, raw_text};
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};
pub use message::SegmentCall;
use message::{Batch, Message};

pub(crate) use commerce::read_members;
pub use write::write_segment;

/// Reads Segment messages, packed or plain: one a line, a JSON list of them, or lines and objects
/// of the form `{"batch": […]}` whose `context` and `sentAt` hold for every message.
///
/// The order of the input is the order of the outcomes. A line that is no message
/// is put aside with its text, and reading goes on.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
///
/// ```
/// use throng_event::{Calendar, Instant, Limits, PersonalData};
/// use throng_source::{Import, Taken, read_segment};
///
/// let personal = PersonalData::default();
/// let limits = Limits { source: "web".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal };
/// let import = Import { limits: &limits, calendar: &Calendar::utc(), currency: None };
/// let line = r#"{"type":"track","event":"Signed Up","userId":7,"timestamp":"2024-03-01T10:00:00Z"}"#;
/// let mut names = Vec::new();
/// let tally = read_segment(line.as_bytes(), import, &mut |taken| {
///     if let Taken::Event { event, .. } = taken {
///         names.push(event.name);
///     }
///     Ok(())
/// })
/// .unwrap();
/// assert_eq!((tally.rows_read, names), (1, vec!["Signed Up".to_owned()]));
/// ```
pub fn read_segment(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        take_frame(frame, &mut intake)?;
    }
    Ok(intake.finish())
}

/// Takes one record of the input.
pub(crate) fn take_frame(frame: Frame<'_>, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    match frame {
        Frame::Whole(record) => take_record(record, None, intake),
        Frame::TooLong(beginning) => {
            let problem = Problem::new(ProblemKind::TooLarge, "a message longer than any may be");
            let row = intake.next_row();
            intake.put_aside(row, vec![problem], raw_text(beginning))
        }
    }
}

/// Reads the body of one call of Segment's HTTP API, unpacked: a message, or a batch of them.
///
/// Differs from [`read_segment`] in what the call says: see [`SegmentCall`]. The clock of the
/// source is corrected by `received_at − (sentAt − timestamp)` (Segment Spec: Common fields).
///
/// # Errors
/// [`SourceError`] when the sink refuses; a body that is no message is put aside as a whole.
pub fn read_segment_call(
    body: &[u8],
    call: SegmentCall,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    take_record(body, Some(call), &mut intake)?;
    Ok(intake.finish())
}

/// Bytes that the messages of one batch may take over together: 2,500 messages, which no
/// library sends at once, with the 32 KB that Segment allows for each.
const SHARED_BYTES_MAX: usize = 80 << 20;

/// Takes one line: a message or a batch of them.
fn take_record(record: &[u8], call: Option<SegmentCall>, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let message = match parse(record) {
        Ok(message) => message,
        Err(problem) => {
            let row = intake.next_row();
            return intake.put_aside(row, vec![problem], raw_text(record));
        }
    };
    let Some(batch) = message.batch else {
        let alone = call.map(|call| Batch { call: Some(call), ..Batch::default() });
        return take_message(message, alone.as_ref(), record, intake);
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(batch.get()) else {
        let problem = Problem::new(ProblemKind::Unreadable, "the batch is no list");
        let row = intake.next_row();
        return intake.put_aside(row, vec![problem], raw_text(record));
    };
    // Every message takes over what they share, and is put aside with it.
    let Ok(mut shared) = serde_json::from_slice::<Batch<'_>>(record) else {
        let problem = Problem::new(ProblemKind::Unreadable, "what its messages share is written twice");
        let row = intake.next_row();
        return intake.put_aside(row, vec![problem], raw_text(record));
    };
    shared.call = call;
    let values = [shared.context, shared.sent_at, shared.received_at];
    let n_shared = values.into_iter().flatten().map(|value| value.get().len()).sum::<usize>();
    if n_shared.saturating_mul(items.len()) > SHARED_BYTES_MAX {
        let said = format!("{} messages that share {n_shared} bytes", items.len());
        let row = intake.next_row();
        return intake.put_aside(row, vec![Problem::new(ProblemKind::TooLarge, &said)], raw_text(record));
    }
    for item in items {
        let item_bytes = item.get().as_bytes();
        match parse(item_bytes) {
            Ok(inner) => take_message(inner, Some(&shared), item_bytes, intake)?,
            Err(problem) => {
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], raw_text(item_bytes))?;
            }
        }
    }
    Ok(())
}

fn parse(record: &[u8]) -> Result<Message<'_>, Problem> {
    let unreadable = |detail: &str| Problem::new(ProblemKind::Unreadable, detail);
    let text = str::from_utf8(record).map_err(|error| unreadable(&error.to_string()))?;
    if !text.trim_start().starts_with('{') {
        return Err(unreadable("the message is no JSON object"));
    }
    match Message::plain(text) {
        Some(message) => Ok(message),
        None => serde_json::from_str(text).map_err(|error| unreadable(&error.to_string())),
    }
}

fn take_message(
    message: Message<'_>,
    batch: Option<&Batch<'_>>,
    record: &[u8],
    intake: &mut Intake<'_>,
) -> Result<(), SourceError> {
    let row = intake.next_row();
    let mut mended = Vec::new();
    let draft = message.draft(batch, record, intake.import, &mut mended);
    intake.take(row, draft, mended, || raw_text(&with_batch(record, batch)))
}

/// Returns a record that says the same when it is read alone.
fn with_batch(record: &[u8], batch: Option<&Batch<'_>>) -> Vec<u8> {
    let Some(batch) = batch else {
        return record.to_vec();
    };
    let shared = [("context", batch.context), ("sentAt", batch.sent_at), ("receivedAt", batch.received_at)];
    if shared.iter().all(|(_, value)| value.is_none()) {
        return record.to_vec();
    }
    let mut whole = b"{\"batch\":[".to_vec();
    whole.extend_from_slice(record);
    whole.push(b']');
    for (name, value) in shared {
        if let Some(value) = value {
            whole.extend_from_slice(format!(",\"{name}\":{}", value.get()).as_bytes());
        }
    }
    whole.push(b'}');
    whole
}

#[cfg(test)]
mod tests;
