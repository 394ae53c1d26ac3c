//! One message on the wire and what it says.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use throng_event::{Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind, Value};

use super::{commerce, write};
use crate::Import;
use crate::attributes::{Facts, Members, date_texts, flatten, flatten_members_of, members_of, scalar_text};
use crate::plain_json::{Json, Scan};

/// Bytes of the longest word that stands for no id (`undefined`, `(not set)`).
const ABSENT_WORD_BYTES_MAX: usize = 9;

/// The common fields of a message, and of a batch around messages.
///
/// Every field is taken as it stands and read afterwards: a user id may be a
/// number, and a field of the wrong type must not cost the message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Json<'a>>,
    message_id: Option<Json<'a>>,
    user_id: Option<Json<'a>>,
    anonymous_id: Option<Json<'a>>,
    group_id: Option<Json<'a>>,
    previous_id: Option<Json<'a>>,
    event: Option<Json<'a>>,
    name: Option<Json<'a>>,
    timestamp: Option<Json<'a>>,
    original_timestamp: Option<Json<'a>>,
    sent_at: Option<Json<'a>>,
    received_at: Option<Json<'a>>,
    channel: Option<Json<'a>>,
    #[serde(borrow)]
    context: Option<Facts<'a>>,
    #[serde(borrow)]
    properties: Option<Facts<'a>>,
    #[serde(borrow)]
    traits: Option<Facts<'a>>,
    pub(super) batch: Option<Json<'a>>,
    integrations: Option<Json<'a>>,
}

/// What the messages of a batch share.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch<'a> {
    #[serde(borrow)]
    pub(super) sent_at: Option<&'a RawValue>,
    pub(super) received_at: Option<&'a RawValue>,
    pub(super) context: Option<&'a RawValue>,
    #[serde(skip)]
    pub(super) call: Option<SegmentCall>,
}

/// What a server knows of a call of Segment's HTTP API that its messages do not say, or that it
/// does not believe them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentCall {
    /// When the call arrived, by the server's clock.
    pub received_at: Instant,
    /// The kind of messages without one: what the path says (`/v1/track`).
    pub kind: Option<EventKind>,
}

impl<'a> Message<'a> {
    /// Reads a message of plain JSON; `None` leaves a text to the general parser, which
    /// would read the same.
    pub(super) fn plain(text: &'a str) -> Option<Self> {
        let mut scan = Scan::new(text);
        let mut message = Self::default();
        let mut known = 0_u32;
        let mut more = scan.open()?;
        while more {
            let name = scan.name()?;
            let bit = if let Some((bit, facts)) = message.facts_of(name) {
                *facts = match scan.peek()? {
                    b'{' => Some(Facts::Members(scan.members()?)),
                    // What is neither there nor an object is not plain.
                    _ => (scan.value()?.get() == "null").then_some(None)?,
                };
                bit
            } else {
                let value = scan.value()?;
                let Some((bit, field)) = message.field(name) else {
                    more = scan.another()?;
                    continue;
                };
                *field = (value.get() != "null").then_some(value);
                bit
            };
            // A field that is written twice is an error.
            if known & 1 << bit != 0 {
                return None;
            }
            known |= 1 << bit;
            more = scan.another()?;
        }
        scan.at_end().then_some(message)
    }

    /// Returns the object of a name, with a number of its own.
    fn facts_of(&mut self, name: &str) -> Option<(u32, &mut Option<Facts<'a>>)> {
        Some(match name {
            "context" => (0, &mut self.context),
            "properties" => (1, &mut self.properties),
            "traits" => (2, &mut self.traits),
            _ => return None,
        })
    }

    /// Returns the field of a name, with a number of its own.
    fn field(&mut self, name: &str) -> Option<(u32, &mut Option<Json<'a>>)> {
        Some(match name {
            "type" => (3, &mut self.kind),
            "messageId" => (4, &mut self.message_id),
            "userId" => (5, &mut self.user_id),
            "anonymousId" => (6, &mut self.anonymous_id),
            "groupId" => (7, &mut self.group_id),
            "previousId" => (8, &mut self.previous_id),
            "event" => (9, &mut self.event),
            "name" => (10, &mut self.name),
            "timestamp" => (11, &mut self.timestamp),
            "originalTimestamp" => (12, &mut self.original_timestamp),
            "sentAt" => (13, &mut self.sent_at),
            "receivedAt" => (14, &mut self.received_at),
            "channel" => (15, &mut self.channel),
            "batch" => (16, &mut self.batch),
            "integrations" => (17, &mut self.integrations),
            _ => return None,
        })
    }

    /// Returns the draft of this message; what is fatal stands in the draft's problems.
    pub(super) fn draft(
        mut self,
        batch: Option<&Batch<'_>>,
        record: &[u8],
        import: Import<'_>,
        mended: &mut Vec<Problem>,
    ) -> Draft {
        let message_id = id("messageId", self.message_id, mended);
        // A short id may be a word for none, and then the content is what tells messages apart.
        let told_apart = message_id.as_ref().is_some_and(|id| id.trim().len() > ABSENT_WORD_BYTES_MAX);
        let mut draft = Draft {
            id: message_id,
            content: if told_apart { Vec::new() } else { record.to_vec() },
            user_id: id("userId", self.user_id, mended),
            anonymous_id: id("anonymousId", self.anonymous_id, mended),
            group_id: id("groupId", self.group_id, mended),
            previous_id: id("previousId", self.previous_id, mended),
            ..Draft::default()
        };
        let call = batch.and_then(|batch| batch.call);
        draft.kind = call.and_then(|call| call.kind);
        let filled = self
            .read_kind(&mut draft)
            .and_then(|()| self.read_times(batch, import, &mut draft, mended))
            .and_then(|()| self.read_context(batch, &mut draft))
            .and_then(|()| self.read_facts(import, &mut draft, mended));
        for attributes in [&mut draft.context, &mut draft.properties, &mut draft.traits] {
            date_texts(attributes);
        }
        draft.channel = self.channel(&draft);
        if let Some(integrations) = self.integrations.filter(|raw| raw.get().contains("\"Throng\"")) {
            write::apply_exact(integrations.get(), &mut draft);
        }
        draft.problems.extend(filled.err());
        if let Some(call) = call.filter(|_| !told_apart) {
            // Two calls that say the same are two events; only an id says that they are one.
            draft.content.extend_from_slice(&call.received_at.0.to_le_bytes());
        }
        draft
    }

    fn read_kind(&self, draft: &mut Draft) -> Result<(), Problem> {
        let Some(kind) = self.kind.and_then(scalar_text) else {
            return Ok(());
        };
        let usual = EventKind::from_name(&kind);
        draft.kind = usual.or_else(|| EventKind::from_name(&kind.trim().to_ascii_lowercase()));
        if draft.kind.is_none() {
            return Err(Problem::new(ProblemKind::UnknownKind, &kind));
        }
        Ok(())
    }

    /// `timestamp` is what Segment computed from the three other times; only where it
    /// is missing is the source's clock still to be corrected, and admission does so
    /// when it is given both the time of sending and of receiving.
    fn read_times(
        &self,
        batch: Option<&Batch<'_>>,
        import: Import<'_>,
        draft: &mut Draft,
        mended: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let mut lenient =
            |own: Option<Json<'_>>, outer: Option<&RawValue>| match time(own.or(outer.map(Json::from)), import) {
                Ok(instant) => instant,
                Err(problem) => {
                    mended.push(problem);
                    None
                }
            };
        let sent_at = lenient(self.sent_at, batch.and_then(|batch| batch.sent_at));
        let received_at = lenient(self.received_at, batch.and_then(|batch| batch.received_at));
        let timestamp = time(self.timestamp, import)?;
        let original = time(self.original_timestamp, import)?;
        draft.received_at = received_at;
        draft.occurred_at = timestamp.or(original);
        if let Some(call) = batch.and_then(|batch| batch.call) {
            // Nobody has corrected the source's clock yet, and only ours is trusted.
            draft.received_at = Some(call.received_at);
            draft.sent_at = sent_at;
            draft.occurred_at = draft.occurred_at.or(Some(call.received_at));
            return Ok(());
        }
        if timestamp.is_none() && original.is_some() {
            draft.sent_at = sent_at;
        }
        // A message without a time of its own happened when it arrived, or was sent.
        draft.occurred_at = draft.occurred_at.or(received_at).or(sent_at);
        Ok(())
    }

    fn read_context(&mut self, batch: Option<&Batch<'_>>, draft: &mut Draft) -> Result<(), Problem> {
        let own = self.context.take().and_then(Facts::members);
        let shared = batch.and_then(|batch| batch.context).and_then(|context| members_of(context.into()));
        for Members(mut entries) in [own, shared].into_iter().flatten() {
            // The traits of a context describe the person an identify message is about.
            if draft.kind == Some(EventKind::Identify)
                && let Some(idx) = entries.iter().position(|(name, _)| name == "traits")
            {
                let (_, traits) = entries.remove(idx);
                flatten(traits, &mut draft.traits)?;
            }
            if let Some(idx) = entries.iter().position(|(name, _)| name == "externalIds") {
                draft.external_ids.extend(external_ids(entries.remove(idx).1));
            }
            flatten_members_of(Members(entries), &mut draft.context)?;
        }
        if draft.group_id.is_none()
            && let Some(Value::Text(group_id)) = draft.context.get("groupId")
        {
            draft.group_id = Some(group_id.to_string());
        }
        Ok(())
    }

    /// Reads traits, properties and what the e-commerce events carry.
    fn read_facts(&mut self, import: Import<'_>, draft: &mut Draft, mended: &mut Vec<Problem>) -> Result<(), Problem> {
        if let Some(traits) = self.traits.take() {
            // The message's own traits go before those of its context.
            let of_context = std::mem::take(&mut draft.traits);
            traits.flatten(&mut draft.traits)?;
            for (name, value) in of_context {
                draft.traits.insert_if_absent(name, value);
            }
        }
        match draft.kind {
            Some(EventKind::Track) => draft.name = self.event.or(self.name).and_then(scalar_text).map(Cow::into_owned),
            Some(EventKind::Page | EventKind::Screen) => {
                if let Some(name) = self.name.and_then(scalar_text).filter(|name| !name.is_empty()) {
                    draft.properties.insert("name", Value::text(name));
                }
            }
            Some(EventKind::Identify | EventKind::Group | EventKind::Alias) | None => {}
        }
        match self.properties.take() {
            Some(Facts::Members(members)) => commerce::read_members(members, import.currency, draft, mended),
            Some(other) => other.flatten(&mut draft.properties),
            None => Ok(()),
        }
    }

    fn channel(&self, draft: &Draft) -> Option<String> {
        if let Some(channel) = self.channel.and_then(scalar_text).filter(|channel| !channel.is_empty()) {
            return Some(channel.into_owned());
        }
        if let Some(Value::Text(channel)) = draft.context.get("channel") {
            return Some(channel.to_string());
        }
        match draft.context.get("library.name") {
            Some(Value::Text(library)) => channel_of_library(library).map(str::to_owned),
            _ => None,
        }
    }
}

/// One of `context.externalIds` (Segment Unify); `collection` and `encoding` say nothing
/// more about people.
#[derive(Deserialize)]
struct ExternalId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    collection: Option<Cow<'a, str>>,
}

/// Returns the external ids of a context's list; what is none of a person is left out.
fn external_ids(list: Json<'_>) -> Vec<Identity> {
    let listed = serde_json::from_str::<Vec<ExternalId<'_>>>(list.get()).unwrap_or_default();
    let of_people = listed.into_iter().filter(|id| id.collection.as_deref().is_none_or(|name| name == "users"));
    let read = of_people.filter_map(|id| {
        let (kind, value) = (id.kind?, id.id.and_then(scalar_text)?);
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        Some(match kind.as_ref() {
            "email" => Identity::new(IdentityKind::Email, value),
            "phone" => Identity::new(IdentityKind::Phone, value),
            "ios.id" | "android.id" | "ios.idfa" | "android.idfa" => Identity::new(IdentityKind::Device, value),
            // These have fields of their own.
            "user_id" | "anonymous_id" => return None,
            kind => Identity::new(IdentityKind::External, &format!("{kind}:{value}")),
        })
    });
    read.collect()
}

/// Returns the channel a library serves, as its name says it.
fn channel_of_library(library: &str) -> Option<&'static str> {
    // The two that most messages come from.
    if matches!(library, "analytics.js" | "@segment/analytics-next") {
        return Some("web");
    }
    let library = library.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| library.contains(word));
    if names(&["node", "python", "ruby", "php", "java-", "golang", "-go", "net"]) {
        return Some("server");
    }
    if names(&["ios", "android", "swift", "kotlin", "flutter", "react-native", "unity"]) {
        return Some("app");
    }
    names(&["js", "javascript", "analytics-next", "browser"]).then_some("web")
}

fn id(field: &str, raw: Option<Json<'_>>, mended: &mut Vec<Problem>) -> Option<String> {
    let raw = raw?;
    let text = scalar_text(raw);
    if text.is_none() {
        mended
            .push(Problem::new(ProblemKind::Unreadable, &format!("{field} is neither text nor number: {}", raw.get())));
    }
    text.map(Cow::into_owned)
}

fn time(raw: Option<Json<'_>>, import: Import<'_>) -> Result<Option<Instant>, Problem> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let text = scalar_text(raw).unwrap_or(Cow::Borrowed(raw.get()));
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Instant::parse(&text, import.calendar.zone()) {
        Some(instant) => Ok(Some(instant)),
        None => Err(Problem::new(ProblemKind::InvalidTime, &text)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Message;

    fn any_member() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            Just("type"),
            Just("messageId"),
            Just("userId"),
            Just("event"),
            Just("name"),
            Just("timestamp"),
            Just("context"),
            Just("properties"),
            Just("traits"),
            Just("batch"),
            Just("integrations"),
            Just("else"),
        ];
        let value = prop_oneof![
            Just("null"),
            Just("\"u 1\""),
            Just("-1.5e3"),
            Just("[1, {}]"),
            Just("{}"),
            Just("{\"a\" : {\"b\":[true]}, \"c\":\"\\n\"}"),
            Just("\"\""),
            Just("x"),
        ];
        (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
    }

    proptest! {
        #[test]
        fn plain_message_is_read_as_the_general_parser_reads_it(
            members in proptest::collection::vec(any_member(), 0..6),
        ) {
            let text = format!("{{{}}}", members.join(", "));
            if let Some(message) = Message::plain(&text) {
                let expected: Message<'_> = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(format!("{message:?}"), format!("{expected:?}"));
            }
        }
    }

    #[test]
    fn usual_message_is_plain_and_one_with_a_field_written_twice_is_not() {
        let usual = r#"{"type":"track","userId":null,"context":null,"properties":{"a":"\n"},"else":[{}]}"#;
        assert!(Message::plain(usual).is_some());
        for text in
            [r#"{"type":null,"type":"track"}"#, r#"{"traits":{},"traits":{}}"#, r#"{"traits":[]}"#, "[]", "{} {}"]
        {
            assert!(Message::plain(text).is_none(), "{text}");
        }
    }
}
