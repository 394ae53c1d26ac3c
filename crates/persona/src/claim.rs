//! The statements of a persona and what each rests on.
//!
//! Everything here can be made from plain data, so that stored claims can be read back, shown
//! and verified by anybody who has the tables.

use std::fmt;

use crate::number::real;
use crate::{Effect, Interval, PersonaError, PersonaId, Rule};

/// The stable key of a claim within one fit, such as `p1.orders_90d`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub String);

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One statement of a persona.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its key.
    pub id: ClaimId,
    /// Which part of the persona's description it belongs to.
    pub kind: ClaimKind,
    /// What is measured.
    pub measure: Measure,
    /// The persona it is compared with; `None` for everybody else, the unassigned included.
    pub against: Option<PersonaId>,
    /// The words, with the numbers of the evidence in them.
    pub statement: String,
    /// What the statement is computed from.
    pub evidence: Evidence,
}

/// The part of a description a claim belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// How many they are.
    Size,
    /// What they bring in.
    Revenue,
    /// By which few conditions they can be told.
    Rule,
    /// What sets them apart from the others in what they do.
    Distinction,
    /// What tells them from the persona that is nearest to them.
    Nearest,
    /// What makes them cost more than they bring.
    Cost,
    /// Who they say they are.
    Demographic,
}

impl ClaimKind {
    const WORDS: [(Self, &'static str); 7] = [
        (Self::Size, "size"),
        (Self::Revenue, "revenue"),
        (Self::Rule, "rule"),
        (Self::Distinction, "distinction"),
        (Self::Nearest, "nearest"),
        (Self::Cost, "cost"),
        (Self::Demographic, "demographic"),
    ];

    /// Returns the word the kind is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        meaning(&Self::WORDS, "a kind of claim", text)
    }
}

/// What a claim measures, inside the persona and among those it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Share of all customers.
    Size,
    /// Share of all revenue.
    RevenueShare,
    /// Share of profiles that fulfil a rule.
    RuleShare {
        /// The rule.
        rule: Rule,
    },
    /// The same among the profiles the rule was not sought in.
    RuleShareHeldOut {
        /// The rule.
        rule: Rule,
    },
    /// Means of a numeric feature, compared as a ratio.
    MeanRatio {
        /// The feature's name.
        feature: String,
    },
    /// Means of a numeric feature, compared as a difference.
    MeanDifference {
        /// The feature's name.
        feature: String,
    },
    /// Share of profiles whose categorical feature has one value, among those where it is known.
    CategoryShare {
        /// The feature's name.
        feature: String,
        /// The value.
        value: String,
    },
    /// Share of profiles that stated one value of a trait, among those that stated any.
    TraitShare {
        /// The trait's name.
        name: String,
        /// The value.
        value: String,
    },
}

impl Measure {
    /// Returns the word the measure is stored under, without its subject and value.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::RevenueShare => "revenue_share",
            Self::RuleShare { .. } => "rule_share",
            Self::RuleShareHeldOut { .. } => "rule_share_held_out",
            Self::MeanRatio { .. } => "mean_ratio",
            Self::MeanDifference { .. } => "mean_difference",
            Self::CategoryShare { .. } => "category_share",
            Self::TraitShare { .. } => "trait_share",
        }
    }

    /// Returns the feature or trait that is measured, if it is one.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Size | Self::RevenueShare | Self::RuleShare { .. } | Self::RuleShareHeldOut { .. } => None,
            Self::MeanRatio { feature } | Self::MeanDifference { feature } | Self::CategoryShare { feature, .. } => {
                Some(feature)
            }
            Self::TraitShare { name, .. } => Some(name),
        }
    }

    /// Returns the value or the rule whose share is measured, if it is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::CategoryShare { value, .. } | Self::TraitShare { value, .. } => Some(value),
            Self::RuleShare { rule } | Self::RuleShareHeldOut { rule } => Some(rule.as_str()),
            Self::Size | Self::RevenueShare | Self::MeanRatio { .. } | Self::MeanDifference { .. } => None,
        }
    }

    /// Returns the measure stored under a word, a subject and a value.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] when the three do not go together.
    ///
    /// ```
    /// use throng_persona::Measure;
    ///
    /// let measure = Measure::from_parts("trait_share", Some("age"), Some("45-54"))?;
    /// assert_eq!((measure.as_str(), measure.subject()), ("trait_share", Some("age")));
    /// # Ok::<(), throng_persona::PersonaError>(())
    /// ```
    pub fn from_parts(word: &str, subject: Option<&str>, value: Option<&str>) -> Result<Self, PersonaError> {
        match (word, subject, value) {
            ("size", None, None) => Ok(Self::Size),
            ("revenue_share", None, None) => Ok(Self::RevenueShare),
            ("rule_share", None, Some(rule)) => Ok(Self::RuleShare { rule: rule.parse()? }),
            ("rule_share_held_out", None, Some(rule)) => Ok(Self::RuleShareHeldOut { rule: rule.parse()? }),
            ("mean_ratio", Some(feature), None) => Ok(Self::MeanRatio { feature: feature.to_owned() }),
            ("mean_difference", Some(feature), None) => Ok(Self::MeanDifference { feature: feature.to_owned() }),
            ("category_share", Some(feature), Some(value)) => {
                Ok(Self::CategoryShare { feature: feature.to_owned(), value: value.to_owned() })
            }
            ("trait_share", Some(name), Some(value)) => {
                Ok(Self::TraitShare { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(PersonaError::UnknownWord { what: "a measure with its subject", text: word.to_owned() }),
        }
    }

    /// Returns the claim's key for one persona, or for one beside another: `p1.orders_90d`,
    /// `p1-p2.orders_90d`.
    ///
    /// A value that cannot stand in a key as it is contributes its letters and digits and the
    /// start of its hash, so that two values never share a key. A persona has one rule at most.
    #[must_use]
    pub fn claim_id(&self, persona: &PersonaId, against: Option<&PersonaId>) -> ClaimId {
        let about = against.map_or_else(|| persona.to_string(), |other| format!("{persona}-{other}"));
        let subject = match self.subject() {
            None => self.as_str().to_owned(),
            // A feature may be called what a measure without one is called.
            Some(subject @ ("size" | "revenue_share" | "rule_share" | "rule_share_held_out")) => {
                format!("{subject}-feature")
            }
            Some(subject) => slug(subject),
        };
        match self {
            Self::CategoryShare { value, .. } | Self::TraitShare { value, .. } => {
                ClaimId(format!("{about}.{subject}.{}", slug(value)))
            }
            Self::Size
            | Self::RevenueShare
            | Self::RuleShare { .. }
            | Self::RuleShareHeldOut { .. }
            | Self::MeanRatio { .. }
            | Self::MeanDifference { .. } => ClaimId(format!("{about}.{subject}")),
        }
    }
}

/// The longest part of a claim's key that is taken from a name in the data.
const SLUG_LENGTH_MAX: usize = 40;

fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let slug: String = text.chars().take(SLUG_LENGTH_MAX).map(plain).collect();
    if slug == text {
        return slug;
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("{}-{}", slug.trim_matches('_'), &hash[..6])
}

/// What a claim is computed from, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The measure inside the persona: a mean, or a share between 0 and 1.
    pub persona_value: f64,
    /// The same among those it is compared with.
    pub rest_value: f64,
    /// Profiles inside the persona with a known value.
    pub n_persona: u64,
    /// Profiles it is compared with that have a known value.
    pub n_rest: u64,
    /// How far apart the two groups are.
    pub effect: Effect,
    /// 95 % interval of the contrast.
    pub interval: Interval,
    /// A query over the home's tables whose one row is `persona, rest, n_persona, n_rest`.
    pub query: String,
}

impl Evidence {
    /// Returns, of a share, the part of those who have it that the persona makes up: the precision
    /// of a rule, whose recall is `persona_value`. `None` when nobody has it.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let inside = self.persona_value * real(i128::from(self.n_persona));
        let all = inside + self.rest_value * real(i128::from(self.n_rest));
        (all > 0.0).then(|| inside / all)
    }
}

pub(crate) fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    // Each table lists every variant; the empty word would be a mistake of ours.
    let found = words.iter().find(|(candidate, _)| *candidate == value);
    assert!(found.is_some(), "a word table must list every variant");
    found.map_or("", |(_, word)| word)
}

pub(crate) fn meaning<T: Copy>(words: &[(T, &'static str)], what: &'static str, text: &str) -> Result<T, PersonaError> {
    let found = words.iter().find(|(_, word)| *word == text);
    found.map(|(value, _)| *value).ok_or_else(|| PersonaError::UnknownWord { what, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_are_read_back() {
        for (kind, word) in ClaimKind::WORDS {
            assert_eq!((kind.as_str(), ClaimKind::parse(word)), (word, Ok(kind)));
        }
        assert!(ClaimKind::parse("Size").unwrap_err().to_string().contains("\"Size\""));
    }

    #[test]
    fn keys_of_different_values_differ() {
        let persona = PersonaId::at(0);
        let id = |value: &str| {
            let measure = Measure::TraitShare { name: "age".to_owned(), value: value.to_owned() };
            measure.claim_id(&persona, None).0
        };
        assert_eq!(id("45-54"), "p1.age.45-54");
        let size = Measure::MeanRatio { feature: "size".to_owned() };
        assert_ne!(size.claim_id(&persona, None), Measure::Size.claim_id(&persona, None));
        assert_eq!(size.claim_id(&persona, Some(&PersonaId::at(1))).0, "p1-p2.size-feature");
        let odd = ["65+", "65 ", "65_", "A", "a", "\u{202e}", ""].map(id);
        let distinct: std::collections::BTreeSet<&String> = odd.iter().collect();
        assert_eq!(distinct.len(), odd.len(), "{odd:?}");
        assert!(id(&"x".repeat(10_000)).len() < 64);
    }
}
