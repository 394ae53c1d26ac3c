//! Admission: what a source says becomes an event, and what is wrong is said.
//!
//! Dirty data is not an error. A draft that lacks what an event cannot do without
//! is rejected with the [`Problem`] that says why; everything else is admitted, and
//! what was mended on the way is noted.

use std::fmt;

use crate::{Attributes, Draft, Event, EventId, EventKind, Identity, IdentityKind, Instant, PersonalData, Value};

/// What admission needs to know; all of it is an argument, nothing is read from the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The name of the configured source.
    pub source: String,
    /// Events before this instant are rejected: clocks that were never set.
    pub earliest: Instant,
    /// Events at or after this instant are rejected: clocks that run ahead.
    pub latest: Instant,
    /// How what is personal is kept.
    pub personal: PersonalData,
}

/// Ids longer than this are cut by no one and kept by no one: they are mistakes.
/// Segment allows 100 characters for a message id; e-mail addresses reach 254.
const ID_BYTES_MAX: usize = 512;
/// Names longer than this are free text in the wrong column.
const NAME_BYTES_MAX: usize = 256;
/// Attributes of one map; Segment Unify drops what is above 300.
const ATTRIBUTES_MAX: usize = 1_000;
/// Bytes of one text value; a review or transcript fits, a file does not.
const TEXT_BYTES_MAX: usize = 65_536;
/// External ids of one event; more are a list in the wrong place.
const EXTERNAL_IDS_MAX: usize = 32;
/// Product lines of one event; the largest real invoices have about 1,100.
pub const PRODUCTS_MAX: usize = 10_000;

/// What can be wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The form itself could not be read: broken JSON, ragged row, invalid UTF-8.
    Unreadable,
    /// Neither a user id nor an anonymous id.
    MissingIdentity,
    /// No time of occurrence.
    MissingTime,
    /// A time that cannot be read.
    InvalidTime,
    /// A time before the earliest or after the latest that is plausible.
    ImplausibleTime,
    /// No kind of message, or one that does not exist.
    UnknownKind,
    /// A track message without an event name.
    MissingName,
    /// A number that cannot be read or has no place in the range.
    InvalidNumber,
    /// A currency that is no three-letter code, or an amount without any.
    InvalidCurrency,
    /// Something longer or larger than its bound.
    TooLarge,
    /// A line that belongs to an order already closed.
    LateLine,
    /// The source's clock was wrong and has been corrected.
    ClockSkew,
}

impl ProblemKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 12] = [
        Self::Unreadable,
        Self::MissingIdentity,
        Self::MissingTime,
        Self::InvalidTime,
        Self::ImplausibleTime,
        Self::UnknownKind,
        Self::MissingName,
        Self::InvalidNumber,
        Self::InvalidCurrency,
        Self::TooLarge,
        Self::LateLine,
        Self::ClockSkew,
    ];

    /// Returns the stable name used in tables, counts and on the command line.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::MissingIdentity => "missing-identity",
            Self::MissingTime => "missing-time",
            Self::InvalidTime => "invalid-time",
            Self::ImplausibleTime => "implausible-time",
            Self::UnknownKind => "unknown-kind",
            Self::MissingName => "missing-name",
            Self::InvalidNumber => "invalid-number",
            Self::InvalidCurrency => "invalid-currency",
            Self::TooLarge => "too-large",
            Self::LateLine => "late-line",
            Self::ClockSkew => "clock-skew",
        }
    }

    /// Returns what a person can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreadable => "repair the file or export it again",
            Self::MissingIdentity => "send a user id or an anonymous id; guests without either cannot be told apart",
            Self::MissingTime => "map the column that says when it happened",
            Self::InvalidTime => "correct the mapping's time column or its format",
            Self::ImplausibleTime => "check the clock or the unit of the time column",
            Self::UnknownKind => "use track, identify, page, screen, group or alias",
            Self::MissingName => "name the event in the mapping or in the message",
            Self::InvalidNumber => "check the decimal separator and the column's contents",
            Self::InvalidCurrency => "set a three-letter currency in the mapping",
            Self::TooLarge => "check that columns are not shifted; send files elsewhere and their address here",
            Self::LateLine => "sort the file so that the lines of one order stand together",
            Self::ClockSkew => "nothing; the time was corrected by the time of sending and receiving",
        }
    }
}

/// One thing wrong with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// What was seen, for people: the offending value, shortened.
    pub detail: String,
}

/// Characters of an offending value that are shown.
const DETAIL_CHARS_MAX: usize = 120;

impl Problem {
    /// Returns a problem with the offending value shortened for showing.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: &str) -> Self {
        let mut shown: String = detail.chars().take(DETAIL_CHARS_MAX).collect();
        if shown.len() < detail.len() {
            shown.push('…');
        }
        Self { kind, detail: shown }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.reason(), self.detail)
    }
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is an event; what was mended on the way is noted.
    Admitted(Box<Event>, Vec<Problem>),
    /// It cannot be an event; the first problem is the reason.
    Rejected(Vec<Problem>),
}

/// Turns a draft into an event, or says why it cannot be one.
///
/// The time of occurrence is corrected for the source's clock when the source says
/// when it sent the message and a trusted clock says when it arrived:
/// `received_at − (sent_at − occurred_at)` (Segment Spec: Common fields).
/// A message without id gets one from its kind and content, so reading it again
/// gives the same id.
#[must_use]
pub fn admit(draft: Draft, limits: &Limits) -> Admission {
    let mut noted = Vec::new();
    match check(draft, limits, &mut noted) {
        Ok(event) => Admission::Admitted(Box::new(event), noted),
        Err(problem) => {
            noted.insert(0, problem);
            Admission::Rejected(noted)
        }
    }
}

fn check(mut draft: Draft, limits: &Limits, noted: &mut Vec<Problem>) -> Result<Event, Problem> {
    let reject = |kind, detail: &str| Err(Problem::new(kind, detail));
    if !draft.problems.is_empty() {
        return Err(draft.problems.remove(0));
    }
    let Some(kind) = draft.kind else {
        return reject(ProblemKind::UnknownKind, "the message has no kind");
    };
    let external_ids = external_ids(&mut draft, &limits.personal, noted);
    let user_id = present(draft.user_id).map(|id| limits.personal.id(id));
    let anonymous_id = present(draft.anonymous_id).map(|id| limits.personal.id(id));
    let stands_in = || external_ids.first().map(Identity::to_string);
    let anonymous_id = if user_id.is_none() { anonymous_id.or_else(stands_in) } else { anonymous_id };
    if user_id.is_none() && anonymous_id.is_none() {
        return reject(ProblemKind::MissingIdentity, "neither a user id nor an anonymous id");
    }
    for attributes in [&mut draft.context, &mut draft.properties, &mut draft.traits] {
        limits.personal.protect(attributes);
    }
    let anonymous_id = match kind {
        // The traits of a group message are the account's.
        EventKind::Group => anonymous_id,
        EventKind::Track | EventKind::Identify | EventKind::Page | EventKind::Screen | EventKind::Alias => {
            limits.personal.protect_names(&mut draft.traits, anonymous_id)
        }
    };
    let name = present(draft.name).or_else(|| kind.default_name().map(str::to_owned));
    let Some(name) = name else {
        return reject(ProblemKind::MissingName, "a track message without an event name");
    };
    let Some(occurred_at) = draft.occurred_at else {
        return reject(ProblemKind::MissingTime, "no time of occurrence");
    };
    let occurred_at = correct_clock(occurred_at, draft.sent_at, draft.received_at, noted);
    if occurred_at < limits.earliest || occurred_at >= limits.latest {
        return reject(ProblemKind::ImplausibleTime, &occurred_at.to_string());
    }
    let id = present(draft.id).unwrap_or_else(|| content_id(kind, &limits.source, &draft.content));
    let group_id = present(draft.group_id);
    let previous_id = present(draft.previous_id).map(|id| limits.personal.id(id));
    let ids = [Some(&id), user_id.as_ref(), anonymous_id.as_ref(), group_id.as_ref(), previous_id.as_ref()];
    if let Some(long) = ids.into_iter().flatten().find(|id| id.len() > ID_BYTES_MAX) {
        return reject(ProblemKind::TooLarge, long);
    }
    if name.len() > NAME_BYTES_MAX {
        return reject(ProblemKind::TooLarge, &name);
    }
    if draft.products.len() > PRODUCTS_MAX {
        return reject(ProblemKind::TooLarge, &format!("{} product lines", draft.products.len()));
    }
    Ok(Event {
        id: EventId(id),
        kind,
        name,
        user_id,
        anonymous_id,
        external_ids,
        group_id,
        previous_id,
        occurred_at,
        sent_at: draft.sent_at,
        received_at: draft.received_at.unwrap_or(occurred_at),
        source: limits.source.clone(),
        channel: present(draft.channel),
        context: bounded(draft.context, noted),
        properties: bounded(draft.properties, noted),
        traits: bounded(draft.traits, noted),
        money: draft.money,
        products: draft.products,
        text: present(draft.text).map(|text| shorten(text, noted)),
        rating: draft.rating,
    })
}

/// Attributes that name a device every program on it reports alike.
const DEVICE_IDS: [&str; 2] = ["device.id", "device.advertisingId"];

/// Returns the external ids of a draft in their one form: those it brings, and those
/// among its traits and in its context. The traits of a group message are the account's.
fn external_ids(draft: &mut Draft, personal: &PersonalData, noted: &mut Vec<Problem>) -> Vec<Identity> {
    let mut ids = std::mem::take(&mut draft.external_ids);
    if draft.kind != Some(EventKind::Group) {
        let traits = ["email", "phone"].map(|name| draft.traits.get(name));
        let of_context = ["traits.email", "traits.phone"].map(|name| draft.context.get(name));
        let kinds = [IdentityKind::Email, IdentityKind::Phone];
        for (kind, value) in kinds.into_iter().cycle().zip(traits.into_iter().chain(of_context)) {
            ids.extend(value.map(|value| Identity::new(kind, &value.to_string())));
        }
    }
    let devices = DEVICE_IDS.iter().filter_map(|name| draft.context.get(name));
    ids.extend(devices.map(|value| Identity::new(IdentityKind::Device, &value.to_string())));
    let mut well: Vec<Identity> = ids.into_iter().filter_map(|id| in_one_form(id, personal)).collect();
    well.sort_unstable();
    well.dedup();
    if well.len() > EXTERNAL_IDS_MAX {
        noted.push(Problem::new(ProblemKind::TooLarge, &format!("{} external ids", well.len())));
        well.truncate(EXTERNAL_IDS_MAX);
    }
    well
}

/// Returns an external id as it is kept, `None` for what is none of its kind.
fn in_one_form(id: Identity, personal: &PersonalData) -> Option<Identity> {
    let value = match id.kind {
        IdentityKind::Email => personal.email(&id.value)?,
        IdentityKind::Phone => personal.phone(&id.value)?,
        IdentityKind::External | IdentityKind::Device => present(Some(id.value))?,
        // These have fields of their own.
        IdentityKind::UserId | IdentityKind::AnonymousId => return None,
    };
    (value.len() <= ID_BYTES_MAX).then_some(Identity { kind: id.kind, value })
}

/// Differences below this are the network, not the clock.
const SKEW_NOTED: i64 = 60 * Instant::SECOND;

fn correct_clock(
    occurred_at: Instant,
    sent_at: Option<Instant>,
    received_at: Option<Instant>,
    noted: &mut Vec<Problem>,
) -> Instant {
    let (Some(sent_at), Some(received_at)) = (sent_at, received_at) else {
        return occurred_at;
    };
    let skew = received_at.0.saturating_sub(sent_at.0);
    if skew.abs() > SKEW_NOTED {
        noted.push(Problem::new(ProblemKind::ClockSkew, &format!("{} s", skew / Instant::SECOND)));
    }
    Instant(occurred_at.0.saturating_add(skew))
}

/// What programs write where there is nothing, and the bytes of the longest.
const ABSENT_WORDS: [&str; 4] = ["null", "undefined", "nan", "(not set)"];
const ABSENT_BYTES_MAX: usize = 9;

/// Returns the text without surrounding space, `None` for what means "absent".
fn present(text: Option<String>) -> Option<String> {
    let text = text?;
    let trimmed = text.trim();
    let absent = trimmed.is_empty()
        || trimmed.len() <= ABSENT_BYTES_MAX && ABSENT_WORDS.iter().any(|word| trimmed.eq_ignore_ascii_case(word));
    match (absent, trimmed.len() == text.len()) {
        (true, _) => None,
        (false, true) => Some(text),
        (false, false) => Some(trimmed.to_owned()),
    }
}

fn content_id(kind: EventKind, source: &str, content: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [kind.as_str().as_bytes(), source.as_bytes(), content] {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        hasher.update(&part.len().to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize().to_hex();
    format!("content-{}", &hash[..32])
}

fn bounded(mut attributes: Attributes, noted: &mut Vec<Problem>) -> Attributes {
    if attributes.len() > ATTRIBUTES_MAX {
        noted.push(Problem::new(ProblemKind::TooLarge, &format!("{} attributes", attributes.len())));
        attributes.truncate(ATTRIBUTES_MAX);
    }
    for value in attributes.values_mut() {
        // Half a JSON text is no JSON text, so what is cut becomes text.
        let long = match value {
            Value::Text(text) if text.len() > TEXT_BYTES_MAX => std::mem::take(text).into_string(),
            Value::Json(text) if text.len() > TEXT_BYTES_MAX => std::mem::take(text),
            Value::Bool(_) | Value::Number(_) | Value::Instant(_) | Value::Text(_) | Value::Json(_) => continue,
        };
        *value = Value::text(shorten(long, noted));
    }
    attributes
}

fn shorten(mut text: String, noted: &mut Vec<Problem>) -> String {
    if text.len() > TEXT_BYTES_MAX {
        noted.push(Problem::new(ProblemKind::TooLarge, &format!("text of {} bytes", text.len())));
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits() -> Limits {
        Limits {
            source: "shop".to_owned(),
            earliest: Instant(0),
            latest: Instant(4_000_000_000_000_000),
            personal: PersonalData::default(),
        }
    }

    fn draft() -> Draft {
        Draft {
            kind: Some(EventKind::Track),
            name: Some("Order Completed".to_owned()),
            user_id: Some("u1".to_owned()),
            occurred_at: Some(Instant(1_700_000_000_000_000)),
            content: b"row 1".to_vec(),
            ..Draft::default()
        }
    }

    fn check_rejected(draft: Draft, kind: ProblemKind) {
        match admit(draft, &limits()) {
            Admission::Rejected(problems) => assert_eq!(problems[0].kind, kind),
            Admission::Admitted(event, _) => panic!("admitted {event:?}"),
        }
    }

    fn admitted(draft: Draft) -> (Event, Vec<Problem>) {
        match admit(draft, &limits()) {
            Admission::Admitted(event, problems) => (*event, problems),
            Admission::Rejected(problems) => panic!("rejected {problems:?}"),
        }
    }

    #[test]
    fn what_an_event_cannot_do_without_is_required() {
        check_rejected(Draft { user_id: Some("  null ".to_owned()), ..draft() }, ProblemKind::MissingIdentity);
        check_rejected(Draft { occurred_at: None, ..draft() }, ProblemKind::MissingTime);
        check_rejected(Draft { name: None, ..draft() }, ProblemKind::MissingName);
        check_rejected(Draft { kind: None, ..draft() }, ProblemKind::UnknownKind);
        check_rejected(Draft { occurred_at: Some(Instant(-1)), ..draft() }, ProblemKind::ImplausibleTime);
        check_rejected(Draft { user_id: Some("x".repeat(600)), ..draft() }, ProblemKind::TooLarge);
    }

    #[test]
    fn the_same_content_gets_the_same_id() {
        let (first, _) = admitted(draft());
        let (again, _) = admitted(draft());
        let (other, _) = admitted(Draft { content: b"row 2".to_vec(), ..draft() });
        assert_eq!(first.id, again.id);
        assert_ne!(first.id, other.id);
    }

    #[test]
    fn a_wrong_clock_is_corrected_and_noted() {
        let hour = 3_600 * Instant::SECOND;
        let occurred_at = Instant(1_700_000_000_000_000);
        let ahead = Draft {
            occurred_at: Some(Instant(occurred_at.0 + hour)),
            sent_at: Some(Instant(occurred_at.0 + hour)),
            received_at: Some(occurred_at),
            ..draft()
        };
        let (event, problems) = admitted(ahead);
        assert_eq!(event.occurred_at, occurred_at);
        assert_eq!(problems[0].kind, ProblemKind::ClockSkew);
    }

    #[test]
    fn external_ids_are_found_and_one_of_them_stands_in_for_a_cookie() {
        let text = |text: &str| Value::text(text);
        let by_mail = Draft {
            user_id: None,
            traits: Attributes::from([("email".to_owned(), text("Ann@Example.com"))]),
            context: Attributes::from([("device.id".to_owned(), text("D1"))]),
            external_ids: vec![Identity::new(IdentityKind::External, "crm:7")],
            ..draft()
        };
        let (event, _) = admitted(by_mail.clone());
        let ids: Vec<String> = event.external_ids.iter().map(Identity::to_string).collect();
        assert_eq!(ids, ["e:ann@example.com", "x:crm:7", "d:D1"]);
        assert_eq!(event.anonymous_id.as_deref(), Some("e:ann@example.com"));
        let (known, _) = admitted(Draft { user_id: Some("u1".to_owned()), ..by_mail.clone() });
        assert_eq!(known.anonymous_id, None);
        let (of_account, _) =
            admitted(Draft { kind: Some(EventKind::Group), anonymous_id: Some("c".to_owned()), ..by_mail });
        assert!(of_account.external_ids.iter().all(|id| id.kind != IdentityKind::Email));
    }

    #[test]
    fn no_address_is_kept_in_the_clear_where_a_key_is_set() {
        let keyed = Limits { personal: PersonalData { calling_code: None, key: Some([1; 32]) }, ..limits() };
        let text = |text: &str| Value::text(text);
        let by_mail = Draft {
            user_id: Some("Ann@Example.com".to_owned()),
            traits: Attributes::from([("email".to_owned(), text("ann@example.com"))]),
            properties: Attributes::from([("billing.Phone".to_owned(), text("+49301234567"))]),
            context: Attributes::from([("ip".to_owned(), text("192.0.2.7"))]),
            ..draft()
        };
        let Admission::Admitted(event, _) = admit(by_mail, &keyed) else { panic!("rejected") };
        let shown = format!("{event:?}");
        assert!(!shown.to_lowercase().contains("ann@") && !shown.contains("1234567"), "{shown}");
        assert!(!shown.contains("192.0.2.7"), "{shown}");
        assert_eq!(event.user_id.as_deref(), Some(event.external_ids[0].value.as_str()));
    }

    #[test]
    fn people_have_no_names_where_a_key_is_set_and_accounts_do() {
        let keyed = Limits { personal: PersonalData { calling_code: None, key: Some([1; 32]) }, ..limits() };
        let named = |name: &str, kind| Draft {
            kind: Some(kind),
            user_id: None,
            anonymous_id: Some(format!("chat/{name}")),
            traits: Attributes::from([("name".to_owned(), Value::text(name)), ("plan".to_owned(), Value::text("Ann"))]),
            ..draft()
        };
        let read = |name: &str, kind| match admit(named(name, kind), &keyed) {
            Admission::Admitted(event, _) => event,
            Admission::Rejected(problems) => panic!("{problems:?}"),
        };
        let event = read("Ann Lee", EventKind::Track);
        assert!(!format!("{event:?}").contains("Lee"), "{event:?}");
        assert_eq!(event.traits.get("plan"), Some(&Value::text("Ann")));
        // The same name, however it is written, stays one person and one name.
        let again = read(&event.traits.get("name").unwrap().to_string(), EventKind::Track);
        assert_eq!((&again.anonymous_id, &again.traits), (&event.anonymous_id, &event.traits));
        assert_eq!(read("ANN lee ", EventKind::Track).traits, event.traits);
        assert_eq!(read("Ann Lee", EventKind::Group).traits.get("name"), Some(&Value::text("Ann Lee")));
        let open = admit(named("Ann Lee", EventKind::Track), &limits());
        assert!(format!("{open:?}").contains("chat/Ann Lee"), "{open:?}");
    }

    #[test]
    fn oversized_values_are_cut_at_a_character_and_noted() {
        let text = "é".repeat(TEXT_BYTES_MAX);
        let (event, problems) = admitted(Draft { text: Some(text), ..draft() });
        assert_eq!(event.text.unwrap().len(), TEXT_BYTES_MAX);
        assert_eq!(problems[0].kind, ProblemKind::TooLarge);
    }

    proptest! {
        #[test]
        fn any_text_is_admitted_or_rejected_with_a_reason(id in ".*", name in ".*", user in ".*") {
            let odd = Draft { id: Some(id), name: Some(name), user_id: Some(user), ..draft() };
            match admit(odd, &limits()) {
                Admission::Admitted(event, _) => prop_assert!(!event.name.is_empty()),
                Admission::Rejected(problems) => prop_assert!(!problems.is_empty()),
            }
        }
    }
}
