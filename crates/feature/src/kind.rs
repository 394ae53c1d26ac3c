//! The kinds of feature: what is computed, when it is 0 and when it is missing.
//!
//! A feature never invents a number. "Nothing happened" is 0 for what is counted
//! or added up, and [`Missing`](crate::FeatureValue::Missing) for what would need
//! at least one event to exist (a mean, a first value, a share of nothing).
//! Values a field does not have are skipped; they are no value of their own.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use throng_event::Field;

use crate::{FeatureError, Filter, JourneyScope, PatternMeasure, ValueSource, Window};

/// The gap that ends a session by custom (Google Analytics), in minutes.
pub const SESSION_GAP_MINUTES: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// What a feature computes from the events it sees.
///
/// Money comes out in major units of the catalogue's currency, times in the unit
/// each kind names. Instants differ by elapsed time, days and hours are local.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureKind {
    /// How many events. Nothing: 0.
    Count,
    /// The total of a number. Nothing: 0.
    Sum {
        /// The field that is added up.
        of: Field,
    },
    /// The mean of a number, over the events or lines that have it. Nothing: missing.
    Mean {
        /// The field that is averaged.
        of: Field,
    },
    /// The smallest number. Nothing: missing.
    Min {
        /// The field that is compared.
        of: Field,
    },
    /// The largest number. Nothing: missing.
    Max {
        /// The field that is compared.
        of: Field,
    },
    /// How many different values. Nothing: 0.
    Distinct {
        /// Where the values come from.
        of: ValueSource,
    },
    /// The value seen most often; of several, the one whose text sorts first. Nothing: missing.
    MostFrequent {
        /// Where the values come from.
        of: ValueSource,
    },
    /// The earliest value in the total order of events. Nothing: missing.
    First {
        /// The field whose value is kept.
        of: Field,
        /// As which type it is read; the other type is no value.
        form: ValueForm,
    },
    /// The latest value in the total order of events. Nothing: missing.
    Last {
        /// The field whose value is kept.
        of: Field,
        /// As which type it is read; the other type is no value.
        form: ValueForm,
    },
    /// Days from the last event to the end of the day of `as_of`. Nothing: missing.
    Recency,
    /// Days from the first event to the end of the day of `as_of`. Nothing: missing.
    Tenure,
    /// Days from the first event to the last. One event: 0. Nothing: missing.
    Span,
    /// The share of one value among all values. No values, or weights that do not
    /// add up to more than 0: missing. Weights may be negative (returns), so a
    /// weighted share may leave 0 to 1.
    Share {
        /// The field whose values are divided.
        of: Field,
        /// The value whose share it is.
        value: String,
        /// The number each value counts with; 1 when absent. It belongs to the
        /// product lines exactly when `of` does.
        weight: Option<Field>,
    },
    /// How mixed the values are: Shannon entropy in bits. One value: 0. Nothing: missing.
    Entropy {
        /// Where the values come from.
        of: ValueSource,
    },
    /// How often the value differs from the value before it, in total order. Nothing: 0.
    Switches {
        /// Where the values come from.
        of: ValueSource,
    },
    /// Switches per pair of consecutive values. Fewer than two values: missing.
    SwitchRate {
        /// Where the values come from.
        of: ValueSource,
    },
    /// How many sessions. Nothing: 0. A session holds the events of the window that
    /// no gap over the limit separates; what lies before the window is not seen.
    Sessions {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Seconds within all sessions together. Nothing: 0.
    SessionTime {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Seconds a session takes on average. Nothing: missing.
    SessionLengthMean {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Days from the end of a session to the start of the next, on average.
    /// Fewer than two sessions: missing.
    SessionGapMean {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// The coefficient of variation (standard deviation of all intervals over their
    /// mean): 0 is clockwork, 1 is chance. Fewer than two intervals, or intervals
    /// that are all 0: missing.
    Regularity {
        /// Between what the intervals lie.
        of: Pace,
    },
    /// Events of the window against what the longer window lets expect: 1 is steady,
    /// above 1 is more of late. `(recent + 1) / (longer · window / history + 1)`,
    /// where `history` is the longer window cut at the first event in it, at least
    /// `window` days, so that a newcomer is not taken for a riser. The added 1 keeps
    /// single events from looking like trends. Nothing in the longer window: missing.
    Trend {
        /// The window that says what is usual; longer than the feature's own.
        longer: Window,
    },
    /// One total over another. The terms of each side are added up, each in its own unit.
    Ratio {
        /// What is divided.
        numerator: Vec<Term>,
        /// By what.
        denominator: Vec<Term>,
        /// What a denominator of 0 gives.
        empty: WhenEmpty,
    },
    /// The share of events in some hours of the day. Nothing: missing.
    HourShare {
        /// The first hour, 0 to 23.
        from: u8,
        /// The hour after the last, 0 to 24; before `from` when the hours wrap midnight.
        to: u8,
    },
    /// The share of events on some days of the week. Nothing: missing.
    DayOfWeekShare {
        /// The weekdays.
        days: Weekdays,
    },
    /// How many local days have an event. Nothing: 0.
    ActiveDays,
    /// The journeys that follow a pattern; the fold leaves it missing.
    Pattern {
        /// The pattern, as the crate `journey` reads it.
        pattern: String,
        /// What is wanted of them.
        measure: PatternMeasure,
        /// How far one goes.
        within: JourneyScope,
    },
    /// How probable a touchpoint is as the next one of the last journey, after what came
    /// next in everybody's; the fold leaves it missing, and so is it without a journey.
    NextStep {
        /// The touchpoint's name.
        touchpoint: String,
        /// How far a journey goes.
        within: JourneyScope,
    },
}

impl FeatureKind {
    /// Returns the name of the kind, without its parameters.
    #[must_use]
    pub fn name(&self) -> KindName {
        match self {
            Self::Count => KindName::Count,
            Self::Sum { .. } => KindName::Sum,
            Self::Mean { .. } => KindName::Mean,
            Self::Min { .. } => KindName::Min,
            Self::Max { .. } => KindName::Max,
            Self::Distinct { .. } => KindName::Distinct,
            Self::MostFrequent { .. } => KindName::MostFrequent,
            Self::First { .. } => KindName::First,
            Self::Last { .. } => KindName::Last,
            Self::Recency => KindName::Recency,
            Self::Tenure => KindName::Tenure,
            Self::Span => KindName::Span,
            Self::Share { .. } => KindName::Share,
            Self::Entropy { .. } => KindName::Entropy,
            Self::Switches { .. } => KindName::Switches,
            Self::SwitchRate { .. } => KindName::SwitchRate,
            Self::Sessions { .. } => KindName::Sessions,
            Self::SessionTime { .. } => KindName::SessionTime,
            Self::SessionLengthMean { .. } => KindName::SessionLengthMean,
            Self::SessionGapMean { .. } => KindName::SessionGapMean,
            Self::Regularity { .. } => KindName::Regularity,
            Self::Trend { .. } => KindName::Trend,
            Self::Ratio { .. } => KindName::Ratio,
            Self::HourShare { .. } => KindName::HourShare,
            Self::DayOfWeekShare { .. } => KindName::DayOfWeekShare,
            Self::ActiveDays => KindName::ActiveDays,
            Self::Pattern { .. } => KindName::Pattern,
            Self::NextStep { .. } => KindName::NextStep,
        }
    }

    /// Returns whether the feature is about journeys, which the fold does not look at:
    /// it leaves it missing, for others to put a value into its place.
    #[must_use]
    pub fn of_journeys(&self) -> bool {
        matches!(self, Self::Pattern { .. } | Self::NextStep { .. })
    }

    /// Returns whether the feature is a category rather than a number.
    #[must_use]
    pub fn categorical(&self) -> bool {
        matches!(
            self,
            Self::MostFrequent { .. }
                | Self::First { form: ValueForm::Text, .. }
                | Self::Last { form: ValueForm::Text, .. }
        )
    }
}

/// As which type the value of a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueForm {
    /// As the text it is shown with, whatever its type.
    Text,
    /// As a number; true and false are 1 and 0, texts are no numbers.
    Number,
}

/// Between what the intervals of a regularity lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Between consecutive active days, in days.
    ActiveDays,
    /// Between consecutive events, in whole seconds.
    Events,
}

/// One part of a ratio: a quantity of some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// What is added up.
    pub quantity: Quantity,
    /// Of which events. The feature's own filter must pass them too; where only one of
    /// the two names events, these are meant, whatever their kind.
    pub filter: Filter,
}

/// What a term of a ratio adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// Events.
    Count,
    /// A number, in its own unit.
    Sum {
        /// The field that is added up.
        of: Field,
    },
    /// Sessions.
    Sessions {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Seconds within sessions.
    SessionTime {
        /// The longest gap within a session, in minutes.
        gap_minutes: NonZeroU32,
    },
    /// Local days with an event.
    ActiveDays,
}

/// What a ratio is when its denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenEmpty {
    /// Missing.
    Missing,
    /// 0.
    Zero,
    /// The numerator: a denominator below 1 counts as 1.
    AtLeastOne,
}

/// A set of weekdays that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weekdays(u8);

/// Names of the weekdays, Monday first.
pub(crate) const WEEKDAY_NAMES: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Weekdays {
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(0b110_0000);

    /// Returns the set of weekdays with these English names, in lower case.
    ///
    /// ```
    /// use throng_feature::Weekdays;
    /// assert_eq!(Weekdays::from_names(["saturday", "sunday"]), Ok(Weekdays::WEEKEND));
    /// ```
    ///
    /// # Errors
    /// [`FeatureError::Unknown`] when a name is no weekday or there is none.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, FeatureError> {
        let unknown = |text: &str| FeatureError::Unknown {
            what: "a weekday",
            text: text.to_owned(),
            expected: WEEKDAY_NAMES.join(", "),
        };
        let mut bits = 0;
        for name in names {
            let weekday = WEEKDAY_NAMES.iter().position(|known| *known == name).ok_or_else(|| unknown(name))?;
            bits |= 1 << weekday;
        }
        if bits == 0 { Err(unknown("")) } else { Ok(Self(bits)) }
    }

    /// Returns the names of the weekdays in the set, Monday first.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        (0..7_u8).zip(WEEKDAY_NAMES).filter(|(weekday, _)| self.contains(*weekday)).map(|(_, name)| name).collect()
    }

    /// Returns whether a weekday (0 for Monday to 6 for Sunday) is in the set.
    #[must_use]
    pub fn contains(self, weekday: u8) -> bool {
        self.0 >> weekday & 1 == 1
    }
}

/// The name of a kind of feature, as it is written in a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are those of FeatureKind, described there")]
pub enum KindName {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    Distinct,
    MostFrequent,
    First,
    Last,
    Recency,
    Tenure,
    Span,
    Share,
    Entropy,
    Switches,
    SwitchRate,
    Sessions,
    SessionTime,
    SessionLengthMean,
    SessionGapMean,
    Regularity,
    Trend,
    Ratio,
    HourShare,
    DayOfWeekShare,
    ActiveDays,
    Pattern,
    NextStep,
}

impl KindName {
    /// Every kind with its name in a catalogue.
    const NAMES: [(Self, &str); 28] = [
        (Self::Count, "count"),
        (Self::Sum, "sum"),
        (Self::Mean, "mean"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Distinct, "distinct"),
        (Self::MostFrequent, "most_frequent"),
        (Self::First, "first"),
        (Self::Last, "last"),
        (Self::Recency, "recency"),
        (Self::Tenure, "tenure"),
        (Self::Span, "span"),
        (Self::Share, "share"),
        (Self::Entropy, "entropy"),
        (Self::Switches, "switches"),
        (Self::SwitchRate, "switch_rate"),
        (Self::Sessions, "sessions"),
        (Self::SessionTime, "session_time"),
        (Self::SessionLengthMean, "session_length_mean"),
        (Self::SessionGapMean, "session_gap_mean"),
        (Self::Regularity, "regularity"),
        (Self::Trend, "trend"),
        (Self::Ratio, "ratio"),
        (Self::HourShare, "hour_share"),
        (Self::DayOfWeekShare, "day_of_week_share"),
        (Self::ActiveDays, "active_days"),
        (Self::Pattern, "pattern"),
        (Self::NextStep, "next_step"),
    ];

    /// Returns every kind, in the order of declaration.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(kind, _)| kind)
    }

    /// Returns the name in a catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KindName {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| FeatureError::Unknown {
            what: "a kind of feature",
            text: text.to_owned(),
            expected: Self::NAMES.map(|(_, name)| name).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_that_round_trips() {
        for kind in KindName::all() {
            assert!(!kind.as_str().is_empty(), "{kind:?}");
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("median".parse::<KindName>().unwrap_err().to_string().contains("most_frequent"));
    }

    #[test]
    fn a_set_of_weekdays_is_never_empty() {
        assert!(Weekdays::from_names([]).is_err());
        assert!(Weekdays::from_names(["Monday"]).is_err());
        assert_eq!(Weekdays::WEEKEND.names(), ["saturday", "sunday"]);
        assert_eq!(Weekdays::from_names(WEEKDAY_NAMES).unwrap().names(), WEEKDAY_NAMES);
    }

    #[test]
    fn sessions_end_after_half_an_hour_by_custom() {
        assert_eq!(SESSION_GAP_MINUTES.get(), 30);
    }
}
