//! The statements of a persona and what each rests on.
//!
//! Everything here can be made from plain data, so that stored claims can be read back, shown
//! and verified by anybody who has the tables.

use std::fmt;

use crate::{PersonaError, PersonaId};

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
    /// What sets them apart from the others in what they do.
    Distinction,
    /// Who they say they are.
    Demographic,
}

impl ClaimKind {
    const WORDS: [(Self, &'static str); 4] = [
        (Self::Size, "size"),
        (Self::Revenue, "revenue"),
        (Self::Distinction, "distinction"),
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

/// What a claim measures, inside the persona and among all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Share of all customers.
    Size,
    /// Share of all revenue.
    RevenueShare,
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
            Self::Size | Self::RevenueShare => None,
            Self::MeanRatio { feature } | Self::MeanDifference { feature } | Self::CategoryShare { feature, .. } => {
                Some(feature)
            }
            Self::TraitShare { name, .. } => Some(name),
        }
    }

    /// Returns the value whose share is measured, if it is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::CategoryShare { value, .. } | Self::TraitShare { value, .. } => Some(value),
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

    /// Returns the claim's key for one persona.
    ///
    /// A value that cannot stand in a key as it is contributes its letters and digits and the
    /// start of its hash, so that two values never share a key.
    #[must_use]
    pub fn claim_id(&self, persona: &PersonaId) -> ClaimId {
        let subject = self.subject().map_or_else(|| self.as_str().to_owned(), slug);
        match self.value() {
            None => ClaimId(format!("{persona}.{subject}")),
            Some(value) => ClaimId(format!("{persona}.{subject}.{}", slug(value))),
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
    /// The same among everybody else, the unassigned included.
    pub rest_value: f64,
    /// Profiles inside the persona with a known value.
    pub n_persona: u64,
    /// Profiles outside with a known value.
    pub n_rest: u64,
    /// How far apart the two groups are.
    pub effect: Effect,
    /// 95 % interval of the contrast.
    pub interval: Interval,
    /// A query over the home's tables whose one row is `persona, rest, n_persona, n_rest`.
    pub query: String,
}

/// How far apart two groups are, on a scale without units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The scale.
    pub kind: EffectKind,
    /// The value; positive when the persona has more.
    pub value: f64,
}

/// A scale for the distance between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectKind {
    /// How much more often a member has more than another than less (Cliff 1993), −1 to 1.
    CliffsDelta,
    /// Share inside minus share outside, −1 to 1. For shares this is Cliff's delta.
    DifferenceOfShares,
    /// Share of the revenue over share of the customers, 1 where they bring in as much as anybody.
    RatioOfShares,
}

impl EffectKind {
    const WORDS: [(Self, &'static str); 3] = [
        (Self::CliffsDelta, "cliffs_delta"),
        (Self::DifferenceOfShares, "difference_of_shares"),
        (Self::RatioOfShares, "ratio_of_shares"),
    ];

    /// Returns the word the scale is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        meaning(&Self::WORDS, "a kind of effect", text)
    }
}

impl Effect {
    /// Returns the effect's size in a word: large, medium, small or negligible.
    ///
    /// The bounds are those of Romano et al. (2006) for Cliff's delta.
    #[must_use]
    pub fn word(self) -> &'static str {
        let size = match self.kind {
            EffectKind::CliffsDelta | EffectKind::DifferenceOfShares => self.value.abs(),
            // A ratio r between two groups is as telling as the difference (r − 1) / (r + 1).
            EffectKind::RatioOfShares => ((self.value - 1.0) / (self.value + 1.0)).abs(),
        };
        match size {
            size if size >= 0.474 => "large",
            size if size >= 0.33 => "medium",
            size if size >= 0.147 => "small",
            _ => "negligible",
        }
    }
}

/// A 95 % interval and what it is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// What lies in it.
    pub contrast: Contrast,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Returns whether the interval leaves out "no difference".
    #[must_use]
    pub fn excludes_no_effect(self) -> bool {
        let none = match self.contrast {
            Contrast::Ratio => 1.0,
            Contrast::Difference => 0.0,
            Contrast::Share => return true,
        };
        self.high < none || none < self.low
    }
}

/// What an interval is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contrast {
    /// The persona's value over the value of the rest.
    Ratio,
    /// The persona's value minus the value of the rest.
    Difference,
    /// The persona's value itself.
    Share,
}

impl Contrast {
    const WORDS: [(Self, &'static str); 3] =
        [(Self::Ratio, "ratio"), (Self::Difference, "difference"), (Self::Share, "share")];

    /// Returns the word the contrast is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        meaning(&Self::WORDS, "a contrast", text)
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
        for (kind, word) in EffectKind::WORDS {
            assert_eq!((kind.as_str(), EffectKind::parse(word)), (word, Ok(kind)));
        }
        for (contrast, word) in Contrast::WORDS {
            assert_eq!((contrast.as_str(), Contrast::parse(word)), (word, Ok(contrast)));
        }
        assert!(ClaimKind::parse("Size").unwrap_err().to_string().contains("\"Size\""));
    }

    #[test]
    fn keys_of_different_values_differ() {
        let persona = PersonaId::at(0);
        let id = |value: &str| {
            let measure = Measure::TraitShare { name: "age".to_owned(), value: value.to_owned() };
            measure.claim_id(&persona).0
        };
        assert_eq!(id("45-54"), "p1.age.45-54");
        let odd = ["65+", "65 ", "65_", "A", "a", "\u{202e}", ""].map(id);
        let distinct: std::collections::BTreeSet<&String> = odd.iter().collect();
        assert_eq!(distinct.len(), odd.len(), "{odd:?}");
        assert!(id(&"x".repeat(10_000)).len() < 64);
    }

    #[test]
    fn effects_are_called_by_their_size() {
        let word = |kind: EffectKind, value: f64| Effect { kind, value }.word();
        assert_eq!(word(EffectKind::CliffsDelta, -0.5), "large");
        assert_eq!(word(EffectKind::DifferenceOfShares, 0.2), "small");
        assert_eq!(word(EffectKind::RatioOfShares, 2.2), "medium");
        assert_eq!(word(EffectKind::RatioOfShares, 1.05), "negligible");
    }
}
