//! Local days and hours of one time zone, quick enough to ask for every event.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Instant;

/// A calendar day in the home's time zone, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Returns the weekday, 0 for Monday to 6 for Sunday (1970-01-01 was a Thursday).
    #[must_use]
    pub fn weekday(self) -> u8 {
        // rem_euclid(7) lies in 0..7.
        u8::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)
    }

    /// Returns the day a text of the form `2024-12-31` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.trim().parse().ok()?;
        let days = date.since(Date::constant(1970, 1, 1)).ok()?.get_days();
        Some(Self(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::from(self.0) * 86_400;
        match Timestamp::from_second(seconds) {
            Ok(timestamp) => write!(f, "{}", timestamp.to_zoned(TimeZone::UTC).date()),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

/// The end of a local day: results as of it see that day and all before, nothing after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The last day that is seen.
    pub day: Day,
    /// The first instant that is not seen any more: the start of the next day.
    pub end: Instant,
}

/// A text that names no time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTimeZone(pub String);

impl fmt::Display for UnknownTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown time zone {:?}; use a name such as Europe/Berlin or UTC", self.0)
    }
}

impl std::error::Error for UnknownTimeZone {}

/// The local days and hours of one time zone, daylight saving included.
///
/// Offsets are unfolded once into a sorted table, for a look-up through the full
/// rules costs more than folding an event.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    name: String,
    /// Spans of one offset, ascending.
    offsets: Vec<Offset>,
}

/// The offset of a zone from some instant on.
#[derive(Debug, Clone, Copy)]
struct Offset {
    /// The first microsecond it holds.
    start_us: i64,
    /// What is added to an instant to get local time, in microseconds.
    offset_us: i64,
    /// The local day just before. A clock turned back over midnight would otherwise
    /// give a later instant an earlier day; days never decrease here, so the repeated
    /// minutes count to the later day.
    day_min: i32,
}

/// Rules are unfolded up to here (2100-01-01); later instants keep the last offset.
const UNFOLDED_UNTIL_S: i64 = 4_102_444_800;

impl Calendar {
    /// Returns the calendar of an IANA time zone such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`UnknownTimeZone`] when the bundled database has no zone of that name.
    pub fn new(name: &str) -> Result<Self, UnknownTimeZone> {
        let zone = if name == "UTC" {
            TimeZone::UTC
        } else {
            TimeZone::get(name).map_err(|_| UnknownTimeZone(name.to_owned()))?
        };
        let first = zone.to_offset(Timestamp::MIN).seconds();
        let mut offsets =
            vec![Offset { start_us: i64::MIN, offset_us: i64::from(first) * Instant::SECOND, day_min: i32::MIN }];
        for transition in zone.following(Timestamp::MIN) {
            let start = transition.timestamp();
            if start.as_second() > UNFOLDED_UNTIL_S {
                break;
            }
            let offset_us = i64::from(transition.offset().seconds()) * Instant::SECOND;
            let start_us = start.as_microsecond();
            let before = offsets.last().map_or(0, |last| last.offset_us);
            let (Day(day_min), _) = local_time(start_us - 1, before);
            offsets.push(Offset { start_us, offset_us, day_min });
        }
        Ok(Self { zone, name: name.to_owned(), offsets })
    }

    /// Returns the calendar of Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
            name: "UTC".to_owned(),
            offsets: vec![Offset { start_us: i64::MIN, offset_us: 0, day_min: i32::MIN }],
        }
    }

    /// Returns the zone, for reading local times.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns the zone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the local day and the local hour (0 to 23) of an instant.
    #[must_use]
    pub fn local(&self, instant: Instant) -> (Day, u8) {
        let idx = self.offsets.partition_point(|offset| offset.start_us <= instant.0) - 1;
        let offset = self.offsets[idx];
        let (day, hour) = local_time(instant.0, offset.offset_us);
        (Day(day.0.max(offset.day_min)), hour)
    }

    /// Returns the first instant of a local day.
    #[must_use]
    pub fn start(&self, day: Day) -> Instant {
        let midnight = i64::from(day.0) * Instant::DAY;
        // The offset in force at the answer; a guess by the offset before it can be
        // one transition off, so both neighbours are tried, the earliest match wins.
        self.offsets
            .iter()
            .map(|offset| Instant((midnight - offset.offset_us).max(offset.start_us)))
            .filter(|instant| self.local(*instant).0 >= day)
            .min()
            .unwrap_or(Instant(midnight))
    }

    /// Returns the end of a local day as the point results are computed for.
    #[must_use]
    pub fn as_of(&self, day: Day) -> AsOf {
        AsOf { day, end: self.start(Day(day.0 + 1)) }
    }
}

/// Returns the day and hour a clock with a fixed offset shows.
fn local_time(instant_us: i64, offset_us: i64) -> (Day, u8) {
    let local = instant_us.saturating_add(offset_us);
    let day = local.div_euclid(Instant::DAY);
    let hour = local.rem_euclid(Instant::DAY) / (3_600 * Instant::SECOND);
    // Any i64 of microseconds is less than 2^27 days away; the hour is below 24.
    (Day(i32::try_from(day).unwrap_or(i32::MAX)), u8::try_from(hour).unwrap_or(23))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_day_of_daylight_saving_has_23_or_25_hours() {
        let berlin = Calendar::new("Europe/Berlin").unwrap();
        let hours = |day: &str| {
            let day = Day::parse(day).unwrap();
            (berlin.start(Day(day.0 + 1)).0 - berlin.start(day).0) / (3_600 * Instant::SECOND)
        };
        assert_eq!(hours("2024-03-30"), 24);
        assert_eq!(hours("2024-03-31"), 23);
        assert_eq!(hours("2024-10-27"), 25);
    }

    #[test]
    fn days_never_decrease_where_the_clock_goes_back_over_midnight() {
        // St. John's turned its clocks back at one minute past midnight until 2011.
        let st_johns = Calendar::new("America/St_Johns").unwrap();
        let midnight = st_johns.start(Day::parse("2007-11-04").unwrap());
        let minute = 60 * Instant::SECOND;
        let days: Vec<Day> = (-60..120).map(|n| st_johns.local(Instant(midnight.0 + n * minute)).0).collect();
        assert!(days.is_sorted(), "{days:?}");
        assert_eq!(days[0].to_string(), "2007-11-03");
        assert_eq!(days[60].to_string(), "2007-11-04");
    }

    #[test]
    fn an_unknown_zone_is_named_in_the_error() {
        assert!(Calendar::new("Mars/Olympus").unwrap_err().to_string().contains("Mars/Olympus"));
    }

    #[test]
    fn days_are_written_as_dates() {
        let day = Day::parse("2024-12-31").unwrap();
        assert_eq!(day.to_string(), "2024-12-31");
        assert_eq!(day.weekday(), 1);
        assert_eq!(Day::parse("2024-13-01"), None);
    }

    proptest! {
        #[test]
        fn table_agrees_with_the_rules(second in -1_000_000_000_i64..4_000_000_000, zone in 0_usize..5) {
            let name = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"][zone];
            let calendar = Calendar::new(name).unwrap();
            let local = Timestamp::from_second(second).unwrap().to_zoned(calendar.zone().clone());
            let (day, hour) = calendar.local(Instant(second * Instant::SECOND));
            prop_assert_eq!(day.to_string(), local.date().to_string());
            prop_assert_eq!(i8::try_from(hour).unwrap(), local.hour());
            let start = calendar.start(day);
            prop_assert_eq!(calendar.local(start).0, day);
            prop_assert_eq!(calendar.local(Instant(start.0 - 1)).0, Day(day.0 - 1));
        }
    }
}
