//! How far apart two groups are, and how sure that is.

use crate::PersonaError;
use crate::claim::{meaning, word};

/// How far apart two groups are, on a scale without units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The scale.
    pub kind: EffectKind,
    /// The value; positive when the persona has more.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_are_read_back() {
        for (kind, word) in EffectKind::WORDS {
            assert_eq!((kind.as_str(), EffectKind::parse(word)), (word, Ok(kind)));
        }
        for (contrast, word) in Contrast::WORDS {
            assert_eq!((contrast.as_str(), Contrast::parse(word)), (word, Ok(contrast)));
        }
    }

    #[test]
    fn effects_are_called_by_their_size() {
        let word = |kind: EffectKind, value: f64| Effect { kind, value, low: value, high: value }.word();
        assert_eq!(word(EffectKind::CliffsDelta, -0.5), "large");
        assert_eq!(word(EffectKind::DifferenceOfShares, 0.2), "small");
        assert_eq!(word(EffectKind::RatioOfShares, 2.2), "medium");
        assert_eq!(word(EffectKind::RatioOfShares, 1.05), "negligible");
    }
}
