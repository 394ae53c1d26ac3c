//! The rules of identity resolution: blocked values, limits, priority, shared ids.
//!
//! The first three are those of Segment Unify (blocked values, limit per kind and
//! period, priority). The fourth stops what they let through: an id that is seen with
//! many people is nobody's, though each of them alone keeps within the limits.

use std::collections::BTreeMap;

use throng_event::{IdentityKind, Instant};

/// How identities are linked; an argument, for a home says it in its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityRules {
    /// Values that stand for nobody.
    pub blocked: BlockedValues,
    /// How many values of a kind one profile may have. Kinds that are not named have
    /// no limit. External ids are counted apart for every kind of their own (`crm:`).
    pub limits: BTreeMap<IdentityKind, IdentityLimit>,
    /// The kinds, the most telling first; those not named follow in their usual order.
    pub priority: Vec<IdentityKind>,
    /// An id that was seen with more than this many ids of one kind is shared: it links
    /// nobody and stays a profile of its own for the events it carries alone. Counted
    /// are ids of kinds more telling than its own by `priority`, and of its own kind
    /// (of external ids: the same kind of their own), by the events alone, whatever was
    /// decided. User ids are never shared, and a merge by decision joins shared ids too.
    pub shared_above: u32,
    /// The least probability at which a proposed link is taken, none to take none.
    pub proposed_min: Option<f64>,
}

/// How many values of a kind one profile may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityLimit {
    /// The most values; 0 for ids that link nobody.
    pub values_max: u32,
    /// Within which time.
    pub period: Period,
}

/// Within which time values are counted, by when they were first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// In all.
    Ever,
    /// In any 365 days.
    Annually,
    /// In any 30 days.
    Monthly,
    /// In any 7 days.
    Weekly,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 4] = [Self::Ever, Self::Annually, Self::Monthly, Self::Weekly];

    /// Returns the period's name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ever => "ever",
            Self::Annually => "annually",
            Self::Monthly => "monthly",
            Self::Weekly => "weekly",
        }
    }

    /// Returns the period of a name, `None` for others.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == name)
    }

    /// Returns the period's length in microseconds, `None` where it has no end.
    pub(crate) fn length(self) -> Option<i64> {
        match self {
            Self::Ever => None,
            Self::Annually => Some(365 * Instant::DAY),
            Self::Monthly => Some(30 * Instant::DAY),
            Self::Weekly => Some(7 * Instant::DAY),
        }
    }
}

/// Values of any kind that stand for nobody: many people at once, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedValues {
    /// In lower case, ascending.
    words: Vec<String>,
    /// In lower case, with `*` and `?`.
    patterns: Vec<String>,
    /// The bytes of the longest word, beyond which no word is looked up.
    word_bytes_max: usize,
}

/// After Segment Unify's blocked values and the lists of Mixpanel and Amplitude.
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

/// An id seen with more ids than this is shared, unless a home says otherwise. A large
/// family or a small office keeps below it; a kiosk or a call centre does not.
const SHARED_ABOVE: u32 = 10;
/// Values of a kind that is not a user id, as Segment allows them.
const VALUES_MAX: u32 = 5;

impl IdentityRules {
    /// Returns the rules a home starts with: one user id and five values of every other
    /// kind ever, the usual priority, shared above ten, no proposed link. Of cookies five
    /// in a week: browsers forget them, and who comes back for a year has dozens.
    #[must_use]
    pub fn standard() -> Self {
        let limit = |kind: IdentityKind| IdentityLimit {
            values_max: if kind == IdentityKind::UserId { 1 } else { VALUES_MAX },
            period: if kind == IdentityKind::AnonymousId { Period::Weekly } else { Period::Ever },
        };
        Self {
            blocked: BlockedValues::standard(),
            limits: IdentityKind::ALL.into_iter().map(|kind| (kind, limit(kind))).collect(),
            priority: IdentityKind::ALL.to_vec(),
            shared_above: SHARED_ABOVE,
            proposed_min: None,
        }
    }

    /// Returns the place of a kind in the priority, 0 for the most telling.
    pub(crate) fn rank(&self, kind: IdentityKind) -> usize {
        let named = self.priority.iter().position(|other| *other == kind);
        named.unwrap_or(self.priority.len() + kind as usize)
    }

    /// Returns kind and value of the id an event with these ids belongs to: the user
    /// id, or what stands in the place of the anonymous id; `None` when it has neither
    /// or they stand for nobody.
    pub(crate) fn carrier<'a>(
        &self,
        user_id: Option<&'a str>,
        anonymous_id: Option<&'a str>,
    ) -> Option<(IdentityKind, &'a str)> {
        let user = user_id.filter(|id| !self.blocked.contains(id)).map(|id| (IdentityKind::UserId, id));
        user.or_else(|| {
            anonymous_id.map(throng_event::Identity::of_anonymous_id).filter(|(_, id)| !self.blocked.contains(id))
        })
    }
}

/// Whether a value says anything: none of the words for "nobody" a home starts with.
pub(crate) fn usable(value: &str) -> bool {
    let value = value.trim();
    let blank = value.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    !blank && !BLOCKED.iter().any(|word| word.eq_ignore_ascii_case(value))
}

impl BlockedValues {
    /// Returns the values every home starts with: the words that mean "nobody".
    #[must_use]
    pub fn standard() -> Self {
        Self::new(BLOCKED)
    }

    /// Returns the given values; one with `*` (any characters) or `?` (one character)
    /// is a pattern. Case does not matter, nor does white space around an id. The empty
    /// id and ids of zeros and dashes (the zero UUID) are blocked always.
    ///
    /// ```
    /// use throng_profile::BlockedValues;
    /// let blocked = BlockedValues::new(["null", "test*@example.com"]);
    /// for nobody in ["", " ", "NULL", "0", "00000000-0000-0000-0000-000000000000", "test7@example.com"] {
    ///     assert!(blocked.contains(nobody));
    /// }
    /// assert!(!blocked.contains("1007"));
    /// ```
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let lower = values.into_iter().map(|value| value.trim().to_ascii_lowercase());
        let (patterns, mut words): (Vec<String>, Vec<String>) = lower.partition(|value| value.contains(['*', '?']));
        words.sort_unstable();
        words.dedup();
        let word_bytes_max = words.iter().map(String::len).max().unwrap_or(0);
        Self { words, patterns, word_bytes_max }
    }

    /// Returns these values and the given ones.
    #[must_use]
    pub fn and<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Self {
        let own: Vec<&str> = self.words.iter().chain(&self.patterns).map(String::as_str).collect();
        Self::new(own.into_iter().chain(values.into_iter().collect::<Vec<&str>>()))
    }

    /// Whether a value stands for nobody.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        let value = value.trim();
        let lower = || value.bytes().map(|byte| byte.to_ascii_lowercase());
        value.bytes().all(|byte| matches!(byte, b'0' | b'-'))
            || value.len() <= self.word_bytes_max
                && self.words.binary_search_by(|word| word.bytes().cmp(lower())).is_ok()
            || self.patterns.iter().any(|pattern| matches(pattern, value))
    }
}

/// Whether a pattern in lower case covers all of a text, in any case.
///
/// The last `*` takes as little as it can and gives way when the rest does not fit:
/// at most pattern × text steps, no recursion.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern_rest, mut text_rest) = (pattern.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (mut pattern_next, mut text_next) = (pattern_rest.clone(), text_rest.clone());
        match (pattern_next.next(), text_next.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern_next.clone(), text_rest.clone()));
                pattern_rest = pattern_next;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found.to_ascii_lowercase() => {
                (pattern_rest, text_rest) = (pattern_next, text_next);
                continue;
            }
            (None | Some(_), None | Some(_)) => {}
        }
        let Some((after_star, mut behind)) = retry.take() else { return false };
        if behind.next().is_none() {
            return false;
        }
        (pattern_rest, text_rest) = (after_star.clone(), behind.clone());
        retry = Some((after_star, behind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_word_is_blocked_in_any_case() {
        let blocked = BlockedValues::standard();
        for word in BLOCKED {
            assert!(blocked.contains(word), "{word}");
            assert!(blocked.contains(&format!(" {} ", word.to_uppercase())), "{word}");
        }
        for id in ["1007", "ann", "nulls", "-12", "none@example.com", "0a"] {
            assert!(!blocked.contains(id), "{id}");
        }
    }

    #[test]
    fn a_pattern_covers_the_whole_value() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(BlockedValues::new([pattern]).contains(text), expected, "{pattern} on {text}");
        };
        check("test*", "Test-7", true);
        check("test*", "test", true);
        check("test*", "a test", false);
        check("*@example.com", "ann@example.com", true);
        check("*@example.com", "ann@example.com.de", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("??", "é7", true);
        check("??", "7", false);
        check("*", "anything", true);
        check(&"*a".repeat(50), &"a".repeat(49), false);
    }

    #[test]
    fn a_kind_the_priority_does_not_name_comes_after_those_it_does() {
        let rules = IdentityRules { priority: vec![IdentityKind::Phone], ..IdentityRules::standard() };
        let mut kinds = IdentityKind::ALL;
        kinds.sort_by_key(|kind| rules.rank(*kind));
        assert_eq!(kinds[..3], [IdentityKind::Phone, IdentityKind::UserId, IdentityKind::Email]);
    }

    #[test]
    fn a_period_is_found_by_its_name() {
        for period in Period::ALL {
            assert_eq!(Period::from_name(period.as_str()), Some(period));
        }
        assert_eq!(Period::from_name("daily"), None);
    }
}
