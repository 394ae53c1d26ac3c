//! The canonical event: one thing that happened, whoever reported it.

use std::fmt;

use crate::{Attributes, Decimal, Identity, Instant, Money};

/// The six kinds of message a source sends (Segment Spec).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Someone did something.
    Track,
    /// Someone is described by traits.
    Identify,
    /// Someone saw a page.
    Page,
    /// Someone saw a screen of an app.
    Screen,
    /// Someone belongs to an account.
    Group,
    /// Two identities are one person.
    Alias,
}

impl EventKind {
    /// Returns the kind's name on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// Returns the kind of a wire name, `None` for others.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    /// Returns the event name a message without one of its own gets.
    #[must_use]
    pub fn default_name(self) -> Option<&'static str> {
        match self {
            Self::Track => None,
            Self::Identify => Some("Identified"),
            Self::Page => Some("Page Viewed"),
            Self::Screen => Some("Screen Viewed"),
            Self::Group => Some("Account Joined"),
            Self::Alias => Some("Identity Aliased"),
        }
    }
}

/// The unique key of a message, chosen by its source (`messageId`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub String);

impl EventId {
    /// Returns the fixed-size hash that breaks ties of time, see [`EventKey`].
    #[must_use]
    pub fn key(&self) -> EventKey {
        self.fingerprint().key()
    }

    /// Returns the hash by which ids are known again.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

/// The first 128 bits of the BLAKE3 hash of an event id, least significant byte first: of 10^12
/// ids no two have the same but with a chance of 10^-15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Returns the fingerprint of an id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
        Self(u128::from_le_bytes(bytes))
    }

    /// Returns its first half.
    #[must_use]
    pub fn key(self) -> EventKey {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0.to_le_bytes()[..8]);
        EventKey(i64::from_le_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first 64 bits of the BLAKE3 hash of an event id, as a signed integer.
///
/// The total order of events is (`occurred_at`, `EventKey`). The key orders; it
/// does not identify: once-only admission compares whole ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub i64);

/// One product of an order, a cart or a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductLine {
    /// The source's product or stock-keeping id.
    pub product_id: String,
    /// What it is called.
    pub name: Option<String>,
    /// What kind of product it is.
    pub category: Option<String>,
    /// Who makes it.
    pub brand: Option<String>,
    /// How many; negative when they come back.
    pub quantity: Decimal,
    /// What the whole line cost after discounts, minor units of the event's currency.
    pub amount_minor: Option<i64>,
    /// What was taken off the whole line, minor units, not negative.
    pub discount_minor: Option<i64>,
}

/// What a source says happened, before admission: anything may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// The source's id of the message; admission makes one from `content` when absent.
    pub id: Option<String>,
    /// Bytes that are equal exactly when two messages without id are the same one.
    pub content: Vec<u8>,
    /// Which kind of message.
    pub kind: Option<EventKind>,
    /// The name of what happened.
    pub name: Option<String>,
    /// The known person.
    pub user_id: Option<String>,
    /// The device or cookie.
    pub anonymous_id: Option<String>,
    /// Other ids of the person, as the source writes them; admission brings them to one
    /// form and adds those it finds among the traits and in the context.
    pub external_ids: Vec<Identity>,
    /// The account, for group messages and events in an account's context.
    pub group_id: Option<String>,
    /// The earlier identity, for alias messages.
    pub previous_id: Option<String>,
    /// When it happened, by the clock of the source.
    pub occurred_at: Option<Instant>,
    /// When the source sent it, by the same clock.
    pub sent_at: Option<Instant>,
    /// When it reached a server whose clock is trusted.
    pub received_at: Option<Instant>,
    /// Where it came from: web, app, store, e-mail, …
    pub channel: Option<String>,
    /// Circumstances: page, campaign, device, locale.
    pub context: Attributes,
    /// Facts about the event.
    pub properties: Attributes,
    /// Facts about the person or account.
    pub traits: Attributes,
    /// What was paid (negative: paid back).
    pub money: Option<Money>,
    /// What it was about.
    pub products: Vec<ProductLine>,
    /// What was said: a review, a ticket, a message.
    pub text: Option<String>,
    /// A rating on the source's own scale.
    pub rating: Option<Decimal>,
    /// What the source noticed while reading; carried into the admission.
    pub problems: Vec<crate::Problem>,
}

/// Something that happened at one instant; immutable once admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique; a second event of this id changes nothing.
    pub id: EventId,
    /// Which kind of message.
    pub kind: EventKind,
    /// What happened; never empty.
    pub name: String,
    /// The known person. One of this and `anonymous_id` is present.
    pub user_id: Option<String>,
    /// The device or cookie; of an event that has neither user id nor cookie, the first
    /// of its external ids, written with its prefix.
    pub anonymous_id: Option<String>,
    /// Other ids of the person, ascending: e-mail, phone, device and whatever a source
    /// calls its own.
    pub external_ids: Vec<Identity>,
    /// The account.
    pub group_id: Option<String>,
    /// The earlier identity of an alias.
    pub previous_id: Option<String>,
    /// When it happened, corrected for the source's clock.
    pub occurred_at: Instant,
    /// When the source sent it, by its own clock.
    pub sent_at: Option<Instant>,
    /// When it reached us; `occurred_at` where a history does not say.
    pub received_at: Instant,
    /// The name of the configured source.
    pub source: String,
    /// Where it came from: web, app, store, e-mail, …
    pub channel: Option<String>,
    /// Circumstances.
    pub context: Attributes,
    /// Facts about the event.
    pub properties: Attributes,
    /// Facts about the person or account.
    pub traits: Attributes,
    /// What was paid.
    pub money: Option<Money>,
    /// What it was about.
    pub products: Vec<ProductLine>,
    /// What was said.
    pub text: Option<String>,
    /// A rating on the source's own scale.
    pub rating: Option<Decimal>,
}

impl Event {
    /// Returns the position of this event in the total order of events.
    #[must_use]
    pub fn position(&self) -> (Instant, EventKey) {
        (self.occurred_at, self.id.key())
    }
}
