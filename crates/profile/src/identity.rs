//! The links between identities, and the profile ids that are made of identities.

use std::fmt;

use throng_event::{EventKey, Identity, IdentityKind, Instant};

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

    /// Returns the id an identity writes, which the caller knows to be one.
    pub(crate) fn written(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the profile id a text writes, `None` when it has no known prefix or
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

impl AsRef<str> for ProfileId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of the event that proves something. Proofs are ordered as events are; the
/// event is found by both fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proof {
    /// When the event happened.
    pub occurred_at: Instant,
    /// Its place among events of that instant.
    pub key: EventKey,
}

/// Why two identities are taken for one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// One event carried both.
    SeenTogether,
    /// An alias message said so.
    Aliased,
    /// Someone decided so.
    Stated,
    /// They are alike enough, says a probabilistic linker.
    Proposed,
}

impl LinkKind {
    /// Returns the kind's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeenTogether => "seen-together",
            Self::Aliased => "aliased",
            Self::Stated => "stated",
            Self::Proposed => "proposed",
        }
    }
}

/// One reason to take two identities for one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The previous id of an alias; otherwise the later of the two in their order, so
    /// mostly the less telling.
    pub from: Identity,
    /// The user id of an alias; otherwise the other of the two.
    pub to: Identity,
    /// Why.
    pub kind: LinkKind,
    /// The earliest event that says so; none for what no event says, the stated and
    /// the proposed.
    pub proof: Option<Proof>,
}

/// What someone decided about two identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// They are one person, whatever the limits say.
    Merge,
    /// What links them directly does not count.
    Split,
}

impl Verdict {
    /// Returns the verdict's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Split => "split",
        }
    }

    /// Returns the verdict of a name, `None` for others.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Merge, Self::Split].into_iter().find(|verdict| verdict.as_str() == name)
    }
}

/// One entry of the list of decisions, which only grows: of several about one pair the
/// last of the list holds. Split after merge therefore leaves what was before, unless
/// events link the two directly.
///
/// A decision about an identity that no event names waits until one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is decided.
    pub verdict: Verdict,
    /// One identity.
    pub a: Identity,
    /// The other.
    pub b: Identity,
    /// When; a merge is applied after the events until then.
    pub at: Instant,
}

/// A link that a probabilistic linker proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// One identity.
    pub a: Identity,
    /// The other.
    pub b: Identity,
    /// How probable it is that they are one person, 0 to 1.
    pub probability: f64,
}

/// Why a link is not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// One of its identities is shared by many.
    Shared,
    /// The profile would have too many values of this kind.
    Limit(IdentityKind),
    /// An earlier alias has taken the previous id.
    AliasedBefore,
    /// Someone decided to split the two.
    Split,
}

impl Refusal {
    /// Returns the reason in plain words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared by many",
            Self::Limit(IdentityKind::UserId) => "too many user ids",
            Self::Limit(IdentityKind::Email) => "too many e-mail addresses",
            Self::Limit(IdentityKind::Phone) => "too many phone numbers",
            Self::Limit(IdentityKind::External) => "too many external ids",
            Self::Limit(IdentityKind::Device) => "too many devices",
            Self::Limit(IdentityKind::AnonymousId) => "too many anonymous ids",
            Self::AliasedBefore => "aliased before",
            Self::Split => "split by decision",
        }
    }
}

/// A link that is not applied, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedLink {
    /// The link.
    pub link: Link,
    /// Why not.
    pub reason: Refusal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_device_of_one_value_are_two_profiles() {
        let ids = IdentityKind::ALL.map(|kind| ProfileId::of(&Identity::new(kind, "7")));
        for (idx, id) in ids.iter().enumerate() {
            assert!(!ids[..idx].contains(id));
            assert_eq!(ProfileId::parse(id.as_str()).as_ref(), Some(id));
            assert_eq!(&ProfileId::of(&id.identity()), id);
        }
    }

    #[test]
    fn a_text_without_prefix_or_value_is_no_profile_id() {
        for text in ["", "7", "u:", "a:", "z:7"] {
            assert_eq!(ProfileId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_verdict_is_found_by_its_name() {
        for verdict in [Verdict::Merge, Verdict::Split] {
            assert_eq!(Verdict::from_name(verdict.as_str()), Some(verdict));
        }
        assert_eq!(Verdict::from_name("maybe"), None);
    }
}
