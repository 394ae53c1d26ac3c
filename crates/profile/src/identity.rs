//! Identities, the links between them, and the profile ids that are made of them.

use std::fmt;

use throng_event::{EventId, EventKey, Identity, IdentityKind, Instant};

/// The key of a resolved person: their canonical identity, readable and stable.
///
/// `u:` and the user id when the person is known, otherwise the most telling of the
/// other ids with the prefix of its kind ([`IdentityKind::prefix`]).
///
/// ```
/// use throng_event::Identity;
/// use throng_profile::ProfileId;
/// let id = ProfileId::of(&Identity::user("42"));
/// assert_eq!(id.as_str(), "u:42");
/// assert_eq!(id.identity(), Identity::user("42"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId(String);

impl ProfileId {
    /// Returns the id of the profile whose canonical identity this is.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self::from_parts(identity.kind, &identity.value)
    }

    pub(crate) fn from_parts(kind: IdentityKind, value: &str) -> Self {
        let mut text = String::with_capacity(value.len() + 2);
        text.push_str(kind.prefix());
        text.push_str(value);
        Self(text)
    }

    /// Returns the profile id a text writes, `None` when it has neither prefix or
    /// nothing behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Identity::parts(text).map(|_| Self(text.to_owned()))
    }

    /// Returns the canonical identity.
    #[must_use]
    pub fn identity(&self) -> Identity {
        // The constructors put a prefix in front; a canonical id is never empty behind it.
        Identity::parse(&self.0).unwrap_or_else(|| Identity::anonymous(&self.0))
    }

    /// Returns the id as it is written in tables and addresses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The event that proves a link. Proofs are ordered as events are; the id breaks
/// the ties of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proof {
    /// When the event happened.
    pub occurred_at: Instant,
    /// Its place among events of that instant.
    pub key: EventKey,
    /// Its id.
    pub event_id: EventId,
}

/// Why two identities are taken for one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// One event carried both.
    SeenTogether,
    /// An alias message said so.
    Aliased,
}

impl LinkKind {
    /// Returns the kind's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeenTogether => "seen-together",
            Self::Aliased => "aliased",
        }
    }
}

/// One reason to take two identities for one person, with the earliest event that
/// proves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The identity that is attached: a device, or the previous id of an alias.
    pub from: Identity,
    /// The user id it is attached to.
    pub user_id: String,
    /// Why.
    pub kind: LinkKind,
    /// The earliest event that says so.
    pub proof: Proof,
}

/// Values that stand for "nobody": they are many people at once and never link
/// (after Segment Unify's blocked values and the lists of Mixpanel and Amplitude).
const BLOCKED: [&str; 21] = [
    "-1",
    "[]",
    "{}",
    "<nil>",
    "anon",
    "anonymous",
    "default",
    "false",
    "guest",
    "invalid",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "true",
    "undefined",
    "unidentified",
    "unknown",
    "(not set)",
];

/// Whether an id can stand for one person: not empty, not all zeros and dashes
/// (the zero UUID), not one of the words that mean "nobody", in any case.
///
/// ```
/// assert!(throng_profile::usable("1007"));
/// for nobody in ["", " ", "null", "Anonymous", "-1", "0", "00000000-0000-0000-0000-000000000000"] {
///     assert!(!throng_profile::usable(nobody));
/// }
/// ```
#[must_use]
pub fn usable(id: &str) -> bool {
    let id = id.trim();
    let blank = id.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    // The longest blocked word has 12 bytes; real ids are mostly longer.
    let blocked = id.len() <= 12 && BLOCKED.iter().any(|word| word.eq_ignore_ascii_case(id));
    !blank && !blocked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blocked_word_is_short_enough_to_be_looked_up() {
        for word in BLOCKED {
            assert!(word.len() <= 12, "{word}");
            assert!(!usable(word), "{word}");
            assert!(!usable(&word.to_uppercase()), "{word}");
        }
    }

    #[test]
    fn a_user_and_a_device_of_one_value_are_two_profiles() {
        let (user, device) = (ProfileId::of(&Identity::user("7")), ProfileId::of(&Identity::anonymous("7")));
        assert_ne!(user, device);
        for id in [user, device] {
            assert_eq!(ProfileId::parse(id.as_str()), Some(id.clone()));
            assert_eq!(ProfileId::of(&id.identity()), id);
        }
    }

    #[test]
    fn a_text_without_prefix_or_value_is_no_profile_id() {
        for text in ["", "7", "u:", "a:", "z:7"] {
            assert_eq!(ProfileId::parse(text), None, "{text}");
        }
    }
}
