//! Conversations as JSON: a list of turns with speaker, text and time.
//!
//! `{"conversation_id": …, "turns": [{"role": "customer", "text": …, "timestamp": …}]}`,
//! with the names that exports of contact centres and chat tools use instead, or one
//! turn a record that names its conversation. Times are instants, or seconds
//! (`_ms`: milliseconds) from the beginning the conversation names.
//!
//! The customer is whom the conversation names; where it names nobody, each
//! conversation is a person of its own, so that nothing said is lost. Whose role no
//! word tells is the customer where another speaker is the agent, and the agent where
//! another is the customer; where nobody can be told, all are taken for customers.

use std::io::BufRead;

use serde_json::{Map, Value as Json};
use throng_event::{Decimal, Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind, Value};

use crate::SourceError;
use crate::fields::Object;
use crate::frames::{Frame, Frames};
use crate::import::{Intake, check_drafts, raw_text};
use crate::table::Clock;

const CONVERSATION: [&str; 6] = ["conversation_id", "call_id", "session_id", "chat_id", "thread_id", "id"];
const TURNS: [&str; 5] = ["turns", "messages", "utterances", "segments", "transcript"];
const ROLE: [&str; 7] = ["role", "speaker", "from", "author", "sender", "participant", "speaker_label"];
const TEXT: [&str; 6] = ["text", "content", "message", "body", "utterance", "transcript"];
const TIME: [&str; 7] = ["timestamp", "time", "created_at", "sent_at", "date", "start_time", "start"];
const OFFSET: [&str; 4] = ["start", "offset", "start_time", "offset_seconds"];
const OFFSET_MS: [&str; 3] = ["start_ms", "offset_ms", "begin_offset_millis"];
const BEGINNING: [&str; 7] = ["started_at", "start_time", "start", "created_at", "timestamp", "date", "time"];
const PERSON: [&str; 5] = ["customer_id", "user_id", "contact_id", "caller_id", "client_id"];
const EMAIL: [&str; 4] = ["customer_email", "user_email", "contact_email", "email"];
const PHONE: [&str; 6] = ["customer_phone", "phone", "phone_number", "caller_number", "from_number", "caller"];
const CUSTOMERS: [&str; 14] = [
    "customer", "user", "caller", "client", "visitor", "contact", "guest", "enduser", "consumer", "lead", "human",
    "inbound", "patient", "buyer",
];
const AGENTS: [&str; 16] = [
    "agent",
    "assistant",
    "support",
    "rep",
    "representative",
    "operator",
    "staff",
    "bot",
    "ivr",
    "system",
    "admin",
    "advisor",
    "employee",
    "outbound",
    "seller",
    "company",
];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Customer,
    Agent,
    Unknown,
}

pub(super) fn read(input: impl BufRead, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let clock = Clock::new(None, intake.import.calendar.zone().clone());
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        let row = intake.next_row();
        match frame {
            Frame::Whole(record) => match Object::parse(record) {
                Ok(object) => {
                    let drafts = drafts(&object, &intake.import.limits.source, &clock);
                    intake.take_all(row, drafts, Vec::new(), || raw_text(record))?;
                }
                Err(problem) => intake.put_aside(row, vec![problem], raw_text(record))?,
            },
            Frame::TooLong(beginning) => {
                let problem = Problem::new(ProblemKind::TooLarge, "a conversation longer than any may be");
                intake.put_aside(row, vec![problem], raw_text(beginning))?;
            }
        }
    }
    Ok(())
}

/// Returns why an object is a conversation or a turn, if it is one.
pub(super) fn recognise(object: &Map<String, Json>) -> Option<String> {
    let turn = |object: &Map<String, Json>| {
        let text = |names: &[&str]| names.iter().any(|name| object.get(*name).is_some_and(Json::is_string));
        text(&ROLE) && text(&TEXT)
    };
    let turns = TURNS.iter().filter_map(|name| object.get(*name)?.as_array()?.first()?.as_object());
    if turns.into_iter().any(turn) {
        return Some("its objects have a list of turns, each with a speaker and a text".to_owned());
    }
    let named = CONVERSATION[..4].iter().any(|name| object.contains_key(*name));
    (named && turn(object)).then(|| "its objects are turns with conversation, speaker and text".to_owned())
}

/// Returns the events of a conversation, or of the one turn a record is.
fn drafts(conversation: &Object<'_>, source: &str, clock: &Clock) -> Vec<Draft> {
    let base = base(conversation, source);
    let id = conversation.text(&CONVERSATION);
    let Some(turns) = conversation.list(&TURNS) else {
        let role = role_of(conversation);
        let role = if role == Role::Unknown { Role::Customer } else { role };
        // A turn's own id is not its conversation's.
        let own = conversation.text(&["message_id", "turn_id", "utterance_id"]);
        return vec![turn(conversation, (role, own, None), &base, source, clock)];
    };
    if let Err(problem) = check_drafts(&base, turns.len()) {
        return vec![Draft { problems: vec![problem], ..Draft::default() }];
    }
    let beginning = conversation.text(&BEGINNING).and_then(|text| clock.read_usual(&text));
    let turns: Vec<Object<'_>> = turns.into_iter().filter_map(Object::of).collect();
    let roles: Vec<Role> = turns.iter().map(role_of).collect();
    let unknown =
        if roles.contains(&Role::Customer) && !roles.contains(&Role::Agent) { Role::Agent } else { Role::Customer };
    let mut drafts = Vec::with_capacity(turns.len());
    for (idx, (object, role)) in turns.iter().zip(roles).enumerate() {
        let role = if role == Role::Unknown { unknown } else { role };
        let own = object.text(&["message_id", "turn_id", "id"]).or_else(|| id.as_ref().map(|_| idx.to_string()));
        let mut draft = turn(object, (role, own, beginning), &base, source, clock);
        draft.content.extend_from_slice(&(idx as u64).to_le_bytes());
        drafts.push(draft);
    }
    drafts
}

fn turn(
    object: &Object<'_>,
    (role, own_id, beginning): (Role, Option<String>, Option<Instant>),
    base: &Draft,
    source: &str,
    clock: &Clock,
) -> Draft {
    let mut draft = base.clone();
    let said = object.text(&TEXT);
    let property = |name: &str| base.properties.get(name).map(ToString::to_string);
    match (property("conversation_id"), own_id) {
        (Some(conversation), Some(own)) => draft.id = Some(format!("{source}/{conversation}/{own}")),
        (None, Some(own)) => draft.id = Some(format!("{source}/{own}")),
        (conversation, None) => {
            let time = object.text(&TIME).or_else(|| object.text(&OFFSET_MS));
            for part in [conversation, time, object.text(&ROLE), said.clone()] {
                draft.content.extend_from_slice(part.as_deref().unwrap_or_default().as_bytes());
                draft.content.push(0);
            }
        }
    }
    match read_time(object, beginning, clock) {
        Ok(occurred_at) => draft.occurred_at = occurred_at,
        Err(problem) => draft.problems.push(problem),
    }
    if let Some(speaker) = object.text(&ROLE) {
        draft.properties.insert("role", Value::text(speaker));
    }
    draft.name = Some(if role == Role::Agent { "Message Sent" } else { "Message Received" }.to_owned());
    if role == Role::Agent {
        draft.properties.extend(said.map(|said| ("message".to_owned(), Value::text(said))));
    } else {
        draft.text = said;
    }
    draft
}

/// Returns what the events of a conversation have in common: the person and where it was.
fn base(conversation: &Object<'_>, source: &str) -> Draft {
    let mut draft = Draft { kind: Some(EventKind::Track), ..Draft::default() };
    let customer = conversation.object(&["customer", "user", "contact", "caller"]);
    let nested = |names: &[&str]| customer.as_ref().and_then(|customer| customer.text(names));
    draft.user_id = conversation.text(&PERSON).or_else(|| nested(&["id", "user_id", "customer_id"]));
    let email = conversation.text(&EMAIL).or_else(|| nested(&["email"]));
    let phone = conversation.text(&PHONE).or_else(|| nested(&["phone", "phone_number"]));
    draft.external_ids.extend(email.map(|email| Identity::new(IdentityKind::Email, &email)));
    draft.external_ids.extend(phone.map(|phone| Identity::new(IdentityKind::Phone, &phone)));
    let id = conversation.text(&CONVERSATION);
    if draft.user_id.is_none() {
        // An address or number that admission cannot read would leave nobody.
        draft.anonymous_id = id.as_ref().map(|id| format!("{source}/{id}"));
    }
    let called = conversation.get(&["call_id"]).is_some();
    let channel = conversation.text(&["channel", "medium"]);
    draft.channel = Some(channel.unwrap_or_else(|| if called { "phone" } else { "chat" }.to_owned()));
    draft.properties.extend(id.map(|id| ("conversation_id".to_owned(), Value::text(id))));
    draft
}

fn role_of(turn: &Object<'_>) -> Role {
    let mut words = ["role", "speaker_role", "direction"].into_iter().chain(ROLE);
    let named = words.find_map(|name| {
        let said = crate::rows::plain_name(&turn.text(&[name])?);
        let said = said.trim_end_matches(|last: char| last.is_ascii_digit());
        if CUSTOMERS.contains(&said) {
            return Some(Role::Customer);
        }
        AGENTS.contains(&said).then_some(Role::Agent)
    });
    named.unwrap_or(Role::Unknown)
}

/// Returns when a turn was said: its own time, or its distance from the beginning.
fn read_time(turn: &Object<'_>, beginning: Option<Instant>, clock: &Clock) -> Result<Option<Instant>, Problem> {
    let text = turn.text(&TIME);
    if let Some(instant) = text.as_ref().and_then(|text| clock.read_usual(text)) {
        return Ok(Some(instant));
    }
    let after = |names: &[&str], unit: i64| {
        let number = Decimal::parse(&turn.text(names)?)?;
        beginning?.0.checked_add(number.0.checked_mul(unit)?).map(Instant)
    };
    // A decimal counts millionths: of seconds they are microseconds.
    let milliseconds = || {
        after(&OFFSET_MS, 1).and_then(|instant| {
            let beginning = beginning?;
            Some(Instant(beginning.0 + (instant.0 - beginning.0) / 1_000))
        })
    };
    match (after(&OFFSET, 1).or_else(milliseconds), text) {
        (Some(instant), _) => Ok(Some(instant)),
        (None, Some(text)) if Decimal::parse(&text).is_none() => Err(Problem::new(ProblemKind::InvalidTime, &text)),
        // A distance from a beginning nobody named.
        (None, _) => Ok(beginning.filter(|_| turn.text(&OFFSET).is_none() && turn.text(&OFFSET_MS).is_none())),
    }
}
