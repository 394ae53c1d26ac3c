//! What a catalogue says of features about journeys: their words, and no more.
//!
//! A journey is the order of a person's touchpoints, which the fold does not look at; it
//! leaves these features missing. Whoever knows journeys (the crate `journey`) finds
//! their values and puts them into their place, so that a catalogue, its names and its
//! order are one wherever features are computed, stored and read.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::propose::words::window_phrase;
use crate::{FeatureError, FeatureKind, Window};

/// What is wanted of the journeys that follow a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternMeasure {
    /// How many they are. None, or no journey at all: 0.
    Count,
    /// 1 where there is any, else 0.
    Any,
    /// Their share in all journeys. No journey: missing.
    Share,
}

/// How far one journey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JourneyScope {
    /// Each session is a journey.
    Session {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Each local day with any event is a journey.
    Day,
    /// All of the window is one journey.
    History,
}

/// What a feature about journeys is called where nobody has said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyWords {
    /// For its definition's phrase.
    pub phrase: String,
    /// For its definition's description.
    pub description: String,
    /// For its definition's unit.
    pub unit: &'static str,
}

impl FeatureKind {
    /// Returns the words of a feature about journeys, `None` for any other.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are folded")]
    pub fn journey_words(&self, window: Window) -> Option<JourneyWords> {
        let lately = window_phrase(window);
        let (phrase, description, unit) = match self {
            Self::Pattern { pattern, measure, within } => {
                let (route, plural) = (pattern.replace("->", "→"), within.plural());
                match (measure, within) {
                    (PatternMeasure::Count, _) => {
                        let phrase = format!("{plural}{lately} that follow {route}");
                        (phrase, format!("How many {plural}{lately} follow {route}."), within.unit())
                    }
                    (PatternMeasure::Any, JourneyScope::History) => {
                        let phrase = format!("followed {route}{lately}");
                        let what = format!("Whether all that happened{lately}, taken as one journey, follows {route}.");
                        (phrase, what, "share")
                    }
                    (PatternMeasure::Any, JourneyScope::Session { .. } | JourneyScope::Day) => {
                        let phrase = format!("followed {route} in one of their {plural}{lately}");
                        (phrase, format!("Whether any of the {plural}{lately} follows {route}."), "share")
                    }
                    (PatternMeasure::Share, _) => {
                        let phrase = format!("share of {plural}{lately} that follow {route}");
                        (phrase, format!("Share of the {plural}{lately} that follow {route}."), "share")
                    }
                }
            }
            Self::NextStep { touchpoint, within } => {
                let phrase = format!("probability that “{touchpoint}” comes next");
                let before = match within {
                    JourneyScope::Session { .. } => format!("those of the last session{lately}"),
                    JourneyScope::Day => format!("those of the last active day{lately}"),
                    JourneyScope::History => format!("all that happened{lately}"),
                };
                (phrase, format!("How probable “{touchpoint}” is as the next step after {before}."), "share")
            }
            _ => return None,
        };
        Some(JourneyWords { phrase, description, unit })
    }
}

impl PatternMeasure {
    /// Every measure, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Count, Self::Any, Self::Share];

    /// Returns the name in a catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Any => "any",
            Self::Share => "share",
        }
    }
}

impl fmt::Display for PatternMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PatternMeasure {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == text).ok_or_else(|| FeatureError::Unknown {
            what: "a measure of a pattern",
            text: text.to_owned(),
            expected: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

impl JourneyScope {
    /// Returns the name in a catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session { .. } => "session",
            Self::Day => "day",
            Self::History => "history",
        }
    }

    /// Returns the scope of a name, the gap being that of sessions.
    ///
    /// # Errors
    /// [`FeatureError::Unknown`] when there is none.
    pub fn parse(text: &str, gap_minutes: NonZeroU32) -> Result<Self, FeatureError> {
        match text {
            "session" => Ok(Self::Session { gap_minutes }),
            "day" => Ok(Self::Day),
            "history" => Ok(Self::History),
            _ => Err(FeatureError::Unknown {
                what: "an extent of a journey",
                text: text.to_owned(),
                expected: "session, day, history".to_owned(),
            }),
        }
    }

    /// Returns what journeys of this extent are called, in the plural.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Session { .. } => "sessions",
            Self::Day => "days",
            Self::History => "whole journeys",
        }
    }

    /// Returns what they are counted in.
    fn unit(self) -> &'static str {
        match self {
            Self::Session { .. } | Self::Day => self.plural(),
            Self::History => "journeys",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_counted_and_when() {
        let within = JourneyScope::Session { gap_minutes: NonZeroU32::MIN };
        let words = |measure| {
            let kind = FeatureKind::Pattern { pattern: "cart -> end".to_owned(), measure, within };
            let words = kind.journey_words(Window::days(90)).unwrap();
            format!("{} | {} | {}", words.phrase, words.description, words.unit)
        };
        let expected = [
            "sessions in the last 90 days that follow cart → end | \
             How many sessions in the last 90 days follow cart → end. | sessions",
            "followed cart → end in one of their sessions in the last 90 days | \
             Whether any of the sessions in the last 90 days follows cart → end. | share",
            "share of sessions in the last 90 days that follow cart → end | \
             Share of the sessions in the last 90 days that follow cart → end. | share",
        ];
        assert_eq!(PatternMeasure::ALL.map(words), expected);
        let next = FeatureKind::NextStep { touchpoint: "Order".to_owned(), within: JourneyScope::History };
        let words = next.journey_words(Window::All).unwrap();
        assert_eq!(words.phrase, "probability that “Order” comes next");
        assert_eq!(words.description, "How probable “Order” is as the next step after all that happened.");
        let whole = |measure| {
            let within = JourneyScope::History;
            let kind = FeatureKind::Pattern { pattern: "cart -> end".to_owned(), measure, within };
            let words = kind.journey_words(Window::days(90)).unwrap();
            format!("{} | {} | {}", words.phrase, words.description, words.unit)
        };
        let expected = [
            "whole journeys in the last 90 days that follow cart → end | \
             How many whole journeys in the last 90 days follow cart → end. | journeys",
            "followed cart → end in the last 90 days | \
             Whether all that happened in the last 90 days, taken as one journey, follows cart → end. | share",
            "share of whole journeys in the last 90 days that follow cart → end | \
             Share of the whole journeys in the last 90 days that follow cart → end. | share",
        ];
        assert_eq!(PatternMeasure::ALL.map(whole), expected);
        assert_eq!(FeatureKind::Count.journey_words(Window::All), None);
    }

    #[test]
    fn every_name_round_trips_and_others_are_answered_with_these() {
        for measure in PatternMeasure::ALL {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        let gap_minutes = NonZeroU32::MIN;
        for scope in [JourneyScope::Session { gap_minutes }, JourneyScope::Day, JourneyScope::History] {
            assert_eq!(JourneyScope::parse(scope.as_str(), gap_minutes), Ok(scope));
        }
        let message = "most".parse::<PatternMeasure>().unwrap_err().to_string();
        assert!(message.contains("\"most\"") && message.contains("any"), "{message}");
        let message = JourneyScope::parse("week", gap_minutes).unwrap_err().to_string();
        assert!(message.contains("\"week\"") && message.contains("history"), "{message}");
    }
}
