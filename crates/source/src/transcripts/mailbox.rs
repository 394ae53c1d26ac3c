//! Mailboxes in the mbox form (RFC 4155), messages after RFC 5322.
//!
//! A message begins at a line `From ` with a time, behind a blank one. Only its beginning is kept:
//! attachments stand behind what was written.
//!
//! The person is the sender. A mailbox does not say whose it is; Gmail's export marks
//! what its owner sent (`X-Gmail-Labels`), and of such a message the first receiver is
//! the person. In other mailboxes the company's own messages show as one busy sender.
//! Quoted lines, the line that opens a quotation, and signatures are left out.

use std::io::BufRead;

use mail_parser::{Address, Message, MessageParser};
use throng_event::{Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind, Value};

use crate::SourceError;
use crate::import::{Intake, raw_text};
use crate::lines::{Line, Lines};
use crate::table::Clock;

/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes of one line; RFC 5322 allows 998, HTML comes in longer ones.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Receivers of one message that become a property.
const RECEIVERS_MAX: usize = 20;
/// The time of the line that opens a message.
const ENVELOPE_TIME: &str = "%a %b %d %H:%M:%S %Y";

/// The message that is being read.
#[derive(Default)]
struct Pending {
    raw: Vec<u8>,
    cut: bool,
}

pub(super) fn read(input: impl BufRead, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut lines = Lines::new(input, LINE_BYTES_MAX);
    let mut pending = Pending::default();
    let mut behind_blank = true;
    while let Some(line) = lines.next().map_err(|error| intake.read_error(error))? {
        let (Line::Whole(bytes) | Line::TooLong(bytes)) = line;
        if behind_blank && opens_message(bytes) {
            std::mem::take(&mut pending).take(intake)?;
        }
        behind_blank = bytes.is_empty();
        pending.cut |= pending.raw.len() + bytes.len() >= MESSAGE_BYTES_MAX;
        if !pending.cut {
            pending.raw.extend_from_slice(bytes);
            pending.raw.push(b'\n');
        }
    }
    pending.take(intake)
}

/// Whether a line is `From`, a sender and a time. The time is asked for because not every
/// program marks lines of a text that begin with "From ".
fn opens_message(line: &[u8]) -> bool {
    let clock =
        |word: &[u8]| word.len() >= 5 && word[2] == b':' && word.iter().all(|byte| b"0123456789:".contains(byte));
    line.starts_with(b"From ") && line.split(|byte| *byte == b' ').skip(2).any(clock)
}

/// Returns why a text is a mailbox, if it is one.
pub(super) fn recognise(head: &str) -> Option<String> {
    let headers = head.lines().skip(1).take_while(|line| !line.is_empty());
    let from = headers.into_iter().any(|line| line.to_ascii_lowercase().starts_with("from:"));
    from.then(|| "it opens with \"From \" and the headers of a message, as a mailbox (mbox)".to_owned())
}

impl Pending {
    fn take(self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        if self.raw.trim_ascii().is_empty() {
            return Ok(());
        }
        let row = intake.next_row();
        let end = self.raw.iter().position(|byte| *byte == b'\n').unwrap_or(self.raw.len());
        let (envelope, message) = self.raw.split_at(end);
        let mended = if self.cut {
            let said = format!("only the first {MESSAGE_BYTES_MAX} bytes of the message are read");
            vec![Problem::new(ProblemKind::TooLarge, &said)]
        } else {
            Vec::new()
        };
        match MessageParser::default().parse(&message[1.min(message.len())..]) {
            Some(parsed) => {
                let draft = draft(&parsed, &String::from_utf8_lossy(envelope), message, intake);
                intake.take(row, draft, mended, || raw_text(&self.raw))
            }
            None => {
                let problem = Problem::new(ProblemKind::Unreadable, "no headers of a message");
                intake.put_aside(row, vec![problem], raw_text(&self.raw))
            }
        }
    }
}

fn draft(message: &Message<'_>, envelope: &str, raw: &[u8], intake: &Intake<'_>) -> Draft {
    let mut draft = Draft {
        // Unique wherever the message turns up: two mailboxes with it count it once.
        id: message.message_id().map(|id| format!("e-mail/{id}")),
        content: raw.to_vec(),
        kind: Some(EventKind::Track),
        channel: Some("e-mail".to_owned()),
        ..Draft::default()
    };
    draft.occurred_at = match message.date().filter(|date| date.is_valid()) {
        Some(date) => date.to_timestamp().checked_mul(Instant::SECOND).map(Instant),
        None => envelope_time(envelope, intake),
    };
    let text = message.body_text(0).map(|body| own_words(&body)).filter(|text| !text.is_empty());
    let labels = message.header_raw("X-Gmail-Labels").unwrap_or_default();
    let sent = labels.split(',').any(|label| label.trim() == "Sent");
    if sent {
        draft.name = Some("E-mail Sent".to_owned());
        draft.properties.extend(text.map(|text| ("message".to_owned(), Value::text(text))));
    } else {
        draft.name = Some("E-mail Received".to_owned());
        draft.text = text;
    }
    let person = if sent { message.to() } else { message.from() };
    if let Some(address) = person.and_then(Address::first) {
        let email = address.address().unwrap_or_default();
        draft.external_ids.push(Identity::new(IdentityKind::Email, email));
        draft.traits.extend(address.name().map(|name| ("name".to_owned(), Value::text(name))));
    }
    let to: Vec<&str> = message.to().into_iter().flat_map(Address::iter).filter_map(|to| to.address()).collect();
    let listed = to[..to.len().min(RECEIVERS_MAX)].join(", ");
    let facts = [
        ("subject", message.subject()),
        ("to", Some(listed.as_str()).filter(|listed| !listed.is_empty())),
        ("in_reply_to", message.in_reply_to().as_text()),
    ];
    for (name, text) in facts {
        draft.properties.extend(text.map(|text| (name.to_owned(), Value::text(text))));
    }
    draft
}

/// Returns the time of the line that opens a message: `From ann@example.com Tue Mar 12 10:00:00 2024`.
fn envelope_time(envelope: &str, intake: &Intake<'_>) -> Option<Instant> {
    let (_, behind) = envelope.strip_prefix("From ")?.trim_start().split_once(' ')?;
    let words: Vec<&str> = behind.split_whitespace().take(5).collect();
    Clock::new(Some(ENVELOPE_TIME), intake.import.calendar.zone().clone()).read(&words.join(" "))
}

/// Returns what the sender wrote, without what was quoted and the signature.
fn own_words(body: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in body.lines() {
        let line = line.trim_end();
        if line == "--" || line.starts_with("-----Original Message-----") {
            break;
        }
        // Mailboxes write a line that begins with "From " behind a mark of quotation.
        let own = if line.starts_with(">From ") { &line[1..] } else { line };
        if !own.starts_with('>') {
            kept.push(own);
            continue;
        }
        // "On 12 March 2024 Ann wrote:" opens the quotation.
        while kept.last().is_some_and(|last| last.is_empty()) {
            kept.pop();
        }
        let opens = |last: &&str| last.ends_with(':') && last.contains(|letter: char| letter.is_ascii_digit());
        if kept.last().is_some_and(opens) {
            kept.pop();
        }
    }
    kept.join("\n").trim().to_owned()
}
