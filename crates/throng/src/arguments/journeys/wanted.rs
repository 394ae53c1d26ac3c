//! The words and lengths of time that the commands about journeys take.

use std::str::FromStr;

use clap::ValueEnum;
use throng_event::Instant;

/// How far a journey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeWanted {
    /// One visit.
    Session,
    /// One day.
    Day,
    /// All a customer ever did.
    History,
    /// A session of the data's source.
    Source,
}

/// What becomes of repeated touchpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RepeatsWanted {
    /// They count.
    Keep,
    /// They are one.
    Collapse,
}

/// A length of time in microseconds, written as `45s`, `30m`, `12h`, `7d` or `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a time is written as 45s, 30m, 12h, 7d or 2w".to_owned();
        let unit_place = text.char_indices().next_back().map_or(0, |(place, _)| place);
        let (number, unit) = text.split_at(unit_place);
        let unit_us = match unit {
            "s" => Instant::SECOND,
            "m" => 60 * Instant::SECOND,
            "h" => 3_600 * Instant::SECOND,
            "d" => Instant::DAY,
            "w" => 7 * Instant::DAY,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        number.checked_mul(unit_us).map(Self).ok_or_else(wrong)
    }
}

/// How long a funnel may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// So long from the first step to the last.
    Span(Span),
    /// Within one journey.
    Scope(ScopeWanted),
}

impl FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(scope) = ScopeWanted::from_str(text, true) {
            return Ok(Self::Scope(scope));
        }
        let span = text.parse().map(Self::Span);
        span.map_err(|_| "say a time such as 7d or 12h, or session, day, history or source".to_owned())
    }
}

/// In which order steps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderWanted {
    /// Others may lie between.
    Ordered,
    /// None may.
    Strict,
    /// Any order.
    Any,
}

/// How often a customer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntriesWanted {
    /// By the best attempt.
    Once,
    /// With each.
    Every,
}

/// What is credited with conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CreditedWanted {
    /// Each touchpoint.
    Touchpoint,
    /// Each channel.
    Channel,
    /// Each campaign.
    Campaign,
    /// Owned, earned, paid, offline.
    Kind,
}

/// How credit is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelWanted {
    /// All to the first touch.
    First,
    /// All to the last.
    Last,
    /// The same to each.
    Linear,
    /// 40 % to the first, 40 % to the last.
    Position,
    /// By how recent it was.
    TimeDecay,
    /// By what would be lost without it.
    Markov,
    /// By what it adds, over all orders.
    Shapley,
}

/// Days after the first touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BracketWanted {
    /// The first.
    pub(crate) first: u32,
    /// The last; none for ever after.
    pub(crate) last: Option<u32>,
}

impl FromStr for BracketWanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "days are written as 7, 8-30 or 31-".to_owned();
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let bracket = match text.split_once('-') {
            None => Self { first: number(text)?, last: Some(number(text)?) },
            Some((first, "")) => Self { first: number(first)?, last: None },
            Some((first, last)) => Self { first: number(first)?, last: Some(number(last)?) },
        };
        if bracket.last.is_some_and(|last| last < bracket.first) { Err(wrong()) } else { Ok(bracket) }
    }
}

/// Whom an accuracy is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeldOutWanted {
    /// The third who came last.
    Newest,
    /// The third whose ids come last.
    Ids,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_wrong_ones_refused() {
        for (text, us) in [("45s", 45 * Instant::SECOND), ("30m", 1_800 * Instant::SECOND), ("2w", 14 * Instant::DAY)] {
            assert_eq!(text.parse(), Ok(Span(us)));
        }
        for text in ["", "7", "d", "-1d", "0d", "7 days", "9999999999999d", "7ä"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("7d".parse(), Ok(Within::Span(Span(7 * Instant::DAY))));
        assert_eq!("Session".parse(), Ok(Within::Scope(ScopeWanted::Session)));
        assert!("week".parse::<Within>().is_err());
    }

    #[test]
    fn brackets_are_read_and_wrong_ones_refused() {
        for (text, first, last) in [("7", 7, Some(7)), ("8-30", 8, Some(30)), ("31-", 31, None)] {
            assert_eq!(text.parse(), Ok(BracketWanted { first, last }));
        }
        for text in ["", "-", "-7", "9-8", "a", "1-2-3"] {
            assert!(text.parse::<BracketWanted>().is_err(), "{text}");
        }
    }
}
