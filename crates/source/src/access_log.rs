//! Access logs of Apache and Nginx, in the common and the combined form.
//!
//! A line follows the Apache documentation of `mod_log_config`:
//! `host ident user [time] "request" status bytes`, in the combined form with
//! `"referer" "user agent"` behind it, and what Nginx installations add: the address
//! behind a proxy (`"$http_x_forwarded_for"`) and the seconds the answer took.
//!
//! Every line is an event, for a line left out could not be counted:
//!
//! | line | event |
//! |---|---|
//! | GET of a page, answered with it (200 to 299, or 304 "not modified") | Page Viewed |
//! | status 400 and above | Request Failed |
//! | all else: pictures, scripts, redirects, forms sent, calls of an interface | Resource Requested |
//!
//! The person is the user the server knew, else one made of address and browser: a
//! hash, so that no address stands where an id does. The address itself is context.

mod line;

use std::borrow::Cow;
use std::io::Read;

use throng_event::{Attributes, Decimal, Draft, EventKind, Problem, ProblemKind, Value};

use crate::head::Head;
use crate::import::{Intake, raw_text};
use crate::lines::{Line, Lines};
use crate::table::{Clock, Ordinals};
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};
use line::Request;

/// Bytes of one line; servers refuse requests beyond 8 KiB and log several such fields.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Lines looked at to recognise a log.
const HEAD_LINES: usize = 20;
/// How the time is written.
const TIME_FORMAT: &str = "%d/%b/%Y:%H:%M:%S %z";
/// File endings that are a page.
const PAGE_ENDINGS: [&str; 10] = ["html", "htm", "xhtml", "shtml", "php", "asp", "aspx", "jsp", "cgi", "do"];
/// Letters and digits of a file ending at the most; what is longer is part of a name.
const ENDING_LENGTH_MAX: usize = 5;
/// Parameters of a page's address that name the campaign.
const CAMPAIGN: [(&str, &str); 5] = [
    ("utm_campaign", "campaign.name"),
    ("utm_source", "campaign.source"),
    ("utm_medium", "campaign.medium"),
    ("utm_term", "campaign.term"),
    ("utm_content", "campaign.content"),
];

/// Reads an access log, packed or plain.
///
/// A line's id is its text and the how-many-th of its like it is, for a page asked for
/// twice in a second is logged twice; a log read twice gives the same events.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_access_log(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut lines = Lines::new(input, LINE_BYTES_MAX);
    let mut ordinals = Ordinals::new();
    let mut clock = Clock::new(Some(TIME_FORMAT), import.calendar.zone().clone());
    while let Some(line) = lines.next().map_err(|error| intake.read_error(error))? {
        let (bytes, whole) = match line {
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Whole(bytes) => (bytes, true),
            Line::TooLong(bytes) => (bytes, false),
        };
        let row = intake.next_row();
        if !whole {
            let problem = Problem::new(ProblemKind::TooLarge, "a line longer than any may be");
            intake.put_aside(row, vec![problem], raw_text(bytes))?;
            continue;
        }
        let text = String::from_utf8_lossy(bytes);
        match Request::parse(&text) {
            Ok(request) => {
                let mut draft = draft(&request, import, &mut clock);
                draft.content = ordinals.content_of(bytes);
                // Only text that had to be mended is a copy.
                let mended = match text {
                    Cow::Borrowed(_) => Vec::new(),
                    Cow::Owned(_) => vec![Problem::new(ProblemKind::Unreadable, "bytes that are no UTF-8")],
                };
                intake.take(row, draft, mended, || raw_text(bytes))?;
            }
            Err(problem) => intake.put_aside(row, vec![problem], raw_text(bytes))?,
        }
    }
    Ok(intake.finish())
}

/// Returns why a file is an access log, if it is one.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let lines: Vec<&str> = head.text.lines().filter(|line| !line.trim().is_empty()).take(HEAD_LINES).collect();
    let n_read = lines.iter().filter(|line| Request::parse(line).is_ok()).count();
    // The last line may be cut off, and one in four may be anything.
    (n_read > 0 && n_read * 4 >= lines.len() * 3)
        .then(|| "its lines are those of a web server's access log: address, [time], \"request\", status".to_owned())
}

fn draft(request: &Request<'_>, import: Import<'_>, clock: &mut Clock) -> Draft {
    let mut draft = Draft { channel: Some("web".to_owned()), ..Draft::default() };
    draft.occurred_at = clock.read(request.time);
    if draft.occurred_at.is_none() {
        draft.problems.push(Problem::new(ProblemKind::InvalidTime, request.time));
    }
    match request.user {
        Some(user) => draft.user_id = Some(user.to_owned()),
        None => draft.anonymous_id = Some(visitor(request, import)),
    }
    let page = request.target.as_deref().map(|target| {
        let (path, search) = address(target, &mut draft.context);
        read_campaign(search, &mut draft.context);
        is_page(path)
    });
    let shown = request.method.as_deref() == Some("GET") && matches!(request.status, 200..=299 | 304);
    if page == Some(true) && shown {
        draft.kind = Some(EventKind::Page);
    } else {
        draft.kind = Some(EventKind::Track);
        let name = if request.status >= 400 { "Request Failed" } else { "Resource Requested" };
        draft.name = Some(name.to_owned());
    }
    let mut context = |name: &str, value: Option<&str>| set(&mut draft.context, name, value);
    context("page.referrer", request.referrer.as_deref());
    context("ip", Some(request.address()));
    context("userAgent", request.agent.as_deref());
    let properties = &mut draft.properties;
    set(properties, "method", request.method.as_deref());
    set(properties, "request", request.unreadable.as_deref());
    set(properties, "further", request.further.as_deref());
    let numbers = [
        ("status", Decimal::from_integer(i64::from(request.status))),
        ("bytes", request.bytes.and_then(Decimal::from_integer)),
        ("seconds", request.seconds),
    ];
    for (name, number) in numbers {
        properties.extend(number.map(|number| (name.to_owned(), Value::Number(number))));
    }
    draft
}

fn set(attributes: &mut Attributes, name: &str, value: Option<&str>) {
    attributes.extend(value.map(|value| (name.to_owned(), Value::text(value))));
}

/// Returns the id of an address and a browser, hashed with the home's key if it has one.
fn visitor(request: &Request<'_>, import: Import<'_>) -> String {
    let key = import.limits.personal.key.as_ref();
    let mut hasher = key.map_or_else(blake3::Hasher::new, blake3::Hasher::new_keyed);
    for part in [request.address(), "\0", request.agent.as_deref().unwrap_or_default()] {
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Notes the page's address and returns its path and what stands behind the question mark.
fn address<'a>(target: &'a str, context: &mut Attributes) -> (&'a str, &'a str) {
    let mut path = target;
    if let Some((_, rest)) = target.split_once("://") {
        // Asked of a proxy, the target is the whole address.
        set(context, "page.url", Some(target));
        path = rest.find(['/', '?']).map_or("/", |start| &rest[start..]);
    }
    let (path, search) = path.split_once('?').unwrap_or((path, ""));
    set(context, "page.path", Some(path));
    if !search.is_empty() {
        set(context, "page.search", Some(&format!("?{search}")));
    }
    (path, search)
}

fn read_campaign(search: &str, context: &mut Attributes) {
    for parameter in search.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if let Some((_, field)) = CAMPAIGN.iter().find(|(parameter, _)| *parameter == name)
            && !value.is_empty()
        {
            set(context, field, Some(&unescaped(value)));
        }
    }
}

/// Returns a parameter's value as it was meant: `%41` is a byte, `+` a space (URL Standard).
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, behind @ ..] = rest {
        match (first, line::hexadecimal(behind)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a path is one of a page: its last part has no file ending, or a page's.
fn is_page(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let Some((_, ending)) = last.rsplit_once('.') else {
        return true;
    };
    let well = (1..=ENDING_LENGTH_MAX).contains(&ending.len())
        && ending.starts_with(|first: char| first.is_ascii_alphabetic())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    !well || PAGE_ENDINGS.iter().any(|page| ending.eq_ignore_ascii_case(page))
}

#[cfg(test)]
mod tests;
