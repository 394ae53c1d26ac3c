//! What a feature is made from: which events, which values, how it is described.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use throng_event::Field;

use crate::{FeatureError, FeatureKind, Window};

/// One feature: what it is computed from and how people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureDefinition {
    /// Unique in its catalogue: a lower-case letter, then lower-case letters, digits, underscores.
    pub name: String,
    /// What is computed.
    pub kind: FeatureKind,
    /// From which events.
    pub filter: Filter,
    /// From which days.
    pub window: Window,
    /// The days after which an event counts half; only for kinds that add up
    /// (count, sum, mean, share, hour and weekday share, ratio of counts and sums).
    pub half_life_days: Option<NonZeroU32>,
    /// One sentence that says what the number means.
    pub description: String,
    /// The words a claim is built with: "orders in the last 90 days".
    pub phrase: String,
    /// What is counted: "orders", "days", "GBP", "share".
    pub unit: String,
    /// Which of the signals about a person it belongs to.
    pub category: SignalCategory,
}

/// Which events a feature sees: those of the set for which every equality holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// By name or kind.
    pub events: EventSet,
    /// By value: the field has exactly this text. On a field of the product lines
    /// it holds for the single line; an event is seen when one of its lines passes
    /// all of them, and values of lines are taken from the lines that pass.
    pub equals: Vec<(Field, String)>,
}

impl Filter {
    /// Returns the filter that passes everything a person does: track, page and screen messages.
    #[must_use]
    pub fn behaviour() -> Self {
        Self { events: EventSet::Behaviour, equals: Vec::new() }
    }

    /// Returns the filter that passes the events of one name.
    #[must_use]
    pub fn named(event: &str) -> Self {
        Self { events: EventSet::Named(vec![event.to_owned()]), equals: Vec::new() }
    }
}

/// A set of events, by name or by kind of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSet {
    /// Messages of the kinds track, page and screen: what someone did.
    Behaviour,
    /// Messages of every kind, also those that only say who someone is.
    Every,
    /// Messages with one of these event names, of whatever kind.
    Named(Vec<String>),
}

/// Where the values of a feature come from.
///
/// ```
/// use throng_event::Field;
/// use throng_feature::ValueSource;
/// assert_eq!("hour_of_day".parse(), Ok(ValueSource::HourOfDay));
/// assert_eq!("channel".parse(), Ok(ValueSource::Field(Field::Channel)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueSource {
    /// `hour_of_day`: the local hour, as a text "00" to "23".
    HourOfDay,
    /// `day_of_week`: the local weekday, as a text "monday" to "sunday".
    DayOfWeek,
    /// `day`: the local day, as a text such as "2024-12-31".
    Day,
    /// A field of the event, or of each of its product lines.
    Field(Field),
}

/// The names of the sources that are no field.
const CLOCK_SOURCES: [(&str, ValueSource); 3] =
    [("hour_of_day", ValueSource::HourOfDay), ("day_of_week", ValueSource::DayOfWeek), ("day", ValueSource::Day)];

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HourOfDay => f.write_str("hour_of_day"),
            Self::DayOfWeek => f.write_str("day_of_week"),
            Self::Day => f.write_str("day"),
            Self::Field(field) => write!(f, "{field}"),
        }
    }
}

impl FromStr for ValueSource {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        if let Some((_, source)) = CLOCK_SOURCES.iter().find(|(name, _)| *name == text) {
            return Ok(source.clone());
        }
        text.parse::<Field>().map(Self::Field).map_err(|unknown| FeatureError::Unknown {
            what: "a value source",
            text: text.to_owned(),
            expected: format!("hour_of_day, day_of_week, day, or a field ({unknown})"),
        })
    }
}

/// Which of the signals about a person a feature belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalCategory {
    /// What someone does.
    Behavioural,
    /// What someone buys and pays.
    Transactional,
    /// Where, when and with what someone does it.
    Contextual,
    /// What someone feels.
    Sentiment,
    /// What someone told us they want.
    Stated,
    /// Who someone is.
    Demographic,
}

impl SignalCategory {
    /// Every category, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Behavioural, Self::Transactional, Self::Contextual, Self::Sentiment, Self::Stated, Self::Demographic];

    /// Returns the name used in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Behavioural => "behavioural",
            Self::Transactional => "transactional",
            Self::Contextual => "contextual",
            Self::Sentiment => "sentiment",
            Self::Stated => "stated",
            Self::Demographic => "demographic",
        }
    }
}

impl fmt::Display for SignalCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SignalCategory {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        Self::ALL.into_iter().find(|category| category.as_str() == text).ok_or_else(|| FeatureError::Unknown {
            what: "a signal category",
            text: text.to_owned(),
            expected: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_round_trips() {
        for category in SignalCategory::ALL {
            assert_eq!(category.to_string().parse(), Ok(category));
        }
        for (name, source) in CLOCK_SOURCES {
            assert_eq!(name.parse(), Ok(source.clone()));
            assert_eq!(source.to_string(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = "mood".parse::<SignalCategory>().unwrap_err().to_string();
        assert!(message.contains("\"mood\"") && message.contains("sentiment"), "{message}");
        let message = "hour".parse::<ValueSource>().unwrap_err().to_string();
        assert!(message.contains("hour_of_day"), "{message}");
    }
}
