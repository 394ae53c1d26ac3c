//! WhatsApp's text export of a chat.
//!
//! `12/03/2024, 10:15 - Ann: text` on Android, `[12.03.24, 10:15:01] Ann: text` on iOS,
//! in the order and clock of the telephone's language, with invisible marks of direction
//! between. Lines without such an opening go on with the message before.
//!
//! A file does not say whether `03/04` is in March or April. It is decided once, from
//! the beginning of the file: by days above 12, else by the order in which the file's
//! dates go forward, else day first, which is then noted on the first event. Times are
//! those of the home's time zone.
//!
//! A chat does not say who of its authors is the company either: every author is a
//! person, a telephone number as such, a name within this source. Lines the chat wrote
//! itself (encryption, members who joined, calls missed) have no author and are put aside.

use std::io::BufRead;

use jiff::civil::{Date, DateTime, Time};
use throng_event::{Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind, Value};

use crate::SourceError;
use crate::import::{Intake, raw_text};
use crate::lines::{Line, Lines};
use crate::table::Ordinals;

/// Bytes of one message; WhatsApp itself takes 65,536 characters.
const MESSAGE_BYTES_MAX: usize = 1 << 19;
/// Lines that must open a message for a file to be recognised, and the share among the first lines.
const OPENINGS_MIN: usize = 2;
const HEAD_LINES: usize = 50;
/// Characters of an author's name; what is longer is a line of the chat itself with a colon in it.
const AUTHOR_CHARS_MAX: usize = 100;
/// Marks of direction that WhatsApp puts between the words.
const MARKS: [char; 8] =
    ['\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{2068}', '\u{2069}', '\u{feff}'];

/// The order of the three numbers of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DateOrder {
    Day,
    Month,
    Year,
}

/// What a line opens a message with.
struct Opening<'a> {
    date: [u16; 3],
    time: Time,
    rest: &'a str,
}

/// A message that is being read.
#[derive(Default)]
struct Message {
    raw: String,
    too_long: bool,
}

pub(super) fn read(input: impl BufRead, head: &str, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let (order, mut noted) = match date_order(head) {
        Some(order) => (order, Vec::new()),
        None => {
            let said = "days and months of the chat cannot be told apart; read as day, month, year";
            (DateOrder::Day, vec![Problem::new(ProblemKind::InvalidTime, said)])
        }
    };
    let mut ordinals = Ordinals::new();
    let mut lines = Lines::new(input, MESSAGE_BYTES_MAX);
    let mut message = Message::default();
    while let Some(line) = lines.next().map_err(|error| intake.read_error(error))? {
        let (bytes, too_long) = match line {
            Line::Whole(bytes) => (bytes, false),
            Line::TooLong(bytes) => (bytes, true),
        };
        let text = String::from_utf8_lossy(bytes);
        if opening(&text).is_some() {
            std::mem::take(&mut message).take(order, (&mut noted, &mut ordinals), intake)?;
        } else if !message.raw.is_empty() {
            message.raw.push('\n');
        }
        message.too_long |= too_long || message.raw.len() + text.len() > MESSAGE_BYTES_MAX;
        if !message.too_long || message.raw.is_empty() {
            message.raw.push_str(&text);
        }
    }
    message.take(order, (&mut noted, &mut ordinals), intake)
}

/// Returns why a text is a chat, if it is one.
pub(super) fn recognise(head: &str) -> Option<String> {
    let lines: Vec<&str> = head.lines().filter(|line| !line.trim().is_empty()).take(HEAD_LINES).collect();
    let n_openings = lines.iter().filter(|line| opening(line).is_some_and(|opening| !opening.rest.is_empty())).count();
    let first = lines.first().is_some_and(|line| opening(line).is_some());
    let well = first && (n_openings >= OPENINGS_MIN.min(lines.len())) && n_openings * 5 >= lines.len();
    well.then(|| {
        let order = match date_order(head) {
            Some(DateOrder::Day) => "day, month, year",
            Some(DateOrder::Month) => "month, day, year",
            Some(DateOrder::Year) => "year, month, day",
            None => "taken as day, month, year, for the file does not tell",
        };
        format!("its lines open with a date, a time and a name, as WhatsApp's chats; dates are {order}")
    })
}

impl Message {
    /// Hands on what has been read of one message; nothing at all is no record.
    fn take(
        self,
        order: DateOrder,
        (noted, ordinals): (&mut Vec<Problem>, &mut Ordinals),
        intake: &mut Intake<'_>,
    ) -> Result<(), SourceError> {
        if self.raw.trim().is_empty() {
            return Ok(());
        }
        let row = intake.next_row();
        let aside = |kind, detail: &str| vec![Problem::new(kind, detail)];
        let raw = || raw_text(self.raw.as_bytes());
        if self.too_long {
            return intake.put_aside(row, aside(ProblemKind::TooLarge, "a message longer than any may be"), raw());
        }
        let Some(opening) = opening(&self.raw) else {
            return intake.put_aside(row, aside(ProblemKind::Unreadable, "no date and time before the text"), raw());
        };
        let Some((author, said)) = author_of(opening.rest) else {
            return intake.put_aside(row, aside(ProblemKind::MissingIdentity, "a line of the chat itself"), raw());
        };
        let mut draft = draft(&author, &said, &intake.import.limits.source);
        match date(opening.date, order) {
            Some(date) => {
                let local =
                    intake.import.calendar.zone().to_ambiguous_timestamp(DateTime::from_parts(date, opening.time));
                draft.occurred_at = local.compatible().ok().map(|timestamp| Instant(timestamp.as_microsecond()));
            }
            None => draft.problems.push(Problem::new(ProblemKind::InvalidTime, &self.raw)),
        }
        // Messages have no ids, and people say "ok" twice in a minute.
        let [first, second, third] = opening.date;
        let stamp = format!("{first}/{second}/{third} {}\0{author}\0{said}", opening.time);
        draft.content = ordinals.content_of(stamp.as_bytes());
        intake.take(row, draft, std::mem::take(noted), raw)
    }
}

fn draft(author: &str, said: &str, source: &str) -> Draft {
    let mut draft = Draft {
        kind: Some(EventKind::Track),
        name: Some("Message Received".to_owned()),
        channel: Some("chat".to_owned()),
        ..Draft::default()
    };
    let n_digits = author.bytes().filter(u8::is_ascii_digit).count();
    if author.starts_with('+') && n_digits >= 7 && !author.contains(char::is_alphabetic) {
        draft.external_ids.push(Identity::new(IdentityKind::Phone, author));
    } else {
        draft.anonymous_id = Some(format!("{source}/{author}"));
        draft.traits.insert("name", Value::text(author));
    }
    let said = said.strip_suffix("<This message was edited>").unwrap_or(said).trim();
    let property = match said {
        "This message was deleted" | "You deleted this message" => Some("deleted"),
        _ if is_attachment(said) => Some("attachment"),
        _ => None,
    };
    match property {
        Some(name) => draft.properties.insert(name, Value::text(said)),
        None => draft.text = Some(said.to_owned()),
    }
    draft
}

/// Whether what was said is a picture, a recording or a file, which the export leaves out.
fn is_attachment(said: &str) -> bool {
    if said.contains('\n') {
        return false;
    }
    let omitted = ["image", "video", "audio", "sticker", "GIF", "document", "Contact card"];
    let named = said.strip_suffix(" omitted").is_some_and(|what| omitted.iter().any(|word| what.ends_with(word)));
    named || said.ends_with("(file attached)") || (said.starts_with('<') && said.ends_with('>'))
}

/// Returns author and text, `None` for a line the chat wrote itself.
fn author_of(rest: &str) -> Option<(String, String)> {
    let (author, said) =
        rest.split_once(": ").or_else(|| rest.split_once(":\n")).or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    let unmarked = |text: &str| text.replace(MARKS, "").replace(['\u{a0}', '\u{202f}'], " ");
    let author = unmarked(author);
    let author = author.trim().trim_start_matches('~').trim();
    let odd = author.is_empty() || author.contains(['\n', '"', '“']) || author.chars().count() > AUTHOR_CHARS_MAX;
    let marked = said.starts_with('\u{200e}');
    let said = unmarked(said);
    // On iOS the chat's own lines stand behind a name and a mark, as files do.
    let own = marked && !is_attachment(said.trim());
    (!odd && !own).then(|| (author.to_owned(), said.trim().to_owned()))
}

/// Returns the order of dates a text shows, `None` where it does not.
fn date_order(head: &str) -> Option<DateOrder> {
    let dates: Vec<[u16; 3]> = head.lines().filter_map(opening).map(|opening| opening.date).collect();
    if dates.iter().any(|date| date[0] > 31) {
        return Some(DateOrder::Year);
    }
    let n_above = |idx: usize| dates.iter().filter(|date| date[idx] > 12).count();
    // A chat goes forward: read the wrong way round, its dates would jump.
    let n_back = |order| {
        let read: Vec<Option<Date>> = dates.iter().map(|numbers| date(*numbers, order)).collect();
        read.windows(2).filter(|pair| pair[1] < pair[0]).count()
    };
    match (n_above(0).cmp(&n_above(1)), n_back(DateOrder::Day).cmp(&n_back(DateOrder::Month))) {
        (std::cmp::Ordering::Greater, _) | (std::cmp::Ordering::Equal, std::cmp::Ordering::Less) => {
            Some(DateOrder::Day)
        }
        (std::cmp::Ordering::Less, _) | (std::cmp::Ordering::Equal, std::cmp::Ordering::Greater) => {
            Some(DateOrder::Month)
        }
        (std::cmp::Ordering::Equal, std::cmp::Ordering::Equal) => None,
    }
}

fn date(numbers: [u16; 3], order: DateOrder) -> Option<Date> {
    let [first, second, third] = numbers;
    let (year, month, day) = match order {
        DateOrder::Day => (third, second, first),
        DateOrder::Month => (third, first, second),
        DateOrder::Year => (first, second, third),
    };
    let year = if year < 100 { year + 2_000 } else { year };
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Returns what a line opens a message with, `None` where it opens none.
fn opening(line: &str) -> Option<Opening<'_>> {
    let text = line.trim_start_matches(MARKS);
    let (text, closing) = match text.strip_prefix('[') {
        Some(inner) => (inner, "]"),
        None => (text, " - "),
    };
    let (first, text) = number(text)?;
    let separator = text.chars().next().filter(|mark| matches!(mark, '/' | '.' | '-'))?;
    let (second, text) = number(text[1..].trim_start_matches(' '))?;
    let text = text.strip_prefix(separator)?.trim_start_matches(' ');
    let (third, text) = number(text)?;
    let text = text.trim_start_matches('.').trim_start_matches(',').strip_prefix(spaces)?.trim_start_matches(spaces);
    let (hour, text) = number(text)?;
    let (minute, mut text) = number(text.strip_prefix([':', '.'])?)?;
    let mut second_of_minute = 0;
    if let Some((seconds, rest)) = text.strip_prefix([':', '.']).and_then(number) {
        (second_of_minute, text) = (seconds, rest);
    }
    let (half, text) = half_of_day(text);
    let rest = text.strip_prefix(closing)?;
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(Half::Morning) => hour % 12,
        Some(Half::Afternoon) => hour % 12 + 12,
    };
    let small = |number: u16| i8::try_from(number).ok();
    let time = Time::new(small(hour)?, small(minute)?, small(second_of_minute)?, 0).ok()?;
    Some(Opening { date: [first, second, third], time, rest: rest.trim_start_matches(' ') })
}

enum Half {
    Morning,
    Afternoon,
}

/// Returns the half of the day a text begins with, written in any of the usual ways.
fn half_of_day(text: &str) -> (Option<Half>, &str) {
    let trimmed = text.trim_start_matches(spaces);
    let mut said = String::new();
    let mut end = 0;
    for (idx, character) in trimmed.char_indices() {
        match character.to_ascii_lowercase() {
            letter @ ('a' | 'p' | 'm') if said.len() < 2 => said.push(letter),
            '.' if !said.is_empty() => {}
            // "a. m." stands in Spanish and Portuguese.
            other if said.len() == 1 && spaces(other) => {}
            _ => break,
        }
        end = idx + character.len_utf8();
    }
    match said.as_str() {
        "am" => (Some(Half::Morning), &trimmed[end..]),
        "pm" => (Some(Half::Afternoon), &trimmed[end..]),
        _ => (None, text),
    }
}

fn spaces(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{202f}')
}

/// Returns the number of at most four digits a text begins with, and what follows.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number = if end <= 4 { text[..end].parse().ok()? } else { return None };
    Some((number, &text[end..]))
}
