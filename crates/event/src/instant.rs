//! Points in time, in microseconds, and the forms they are written in.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Microseconds in one second.
    pub const SECOND: i64 = 1_000_000;
    /// Microseconds in one day of 24 hours.
    pub const DAY: i64 = 86_400 * Self::SECOND;

    /// Returns the instant a text names, or `None` when it names none.
    ///
    /// Understood are RFC 3339 (`2024-03-01T10:00:00.5+01:00`), the same with a
    /// space, a local date or date-time (taken in `zone`), `12/31/2010 8:26` and
    /// `31.12.2010 08:26`, and Unix seconds, milliseconds or microseconds. A date
    /// with slashes is month first unless its first part exceeds 12.
    ///
    /// ```
    /// use throng_event::Instant;
    /// let utc = jiff::tz::TimeZone::UTC;
    /// assert_eq!(Instant::parse("1970-01-02", &utc), Some(Instant(86_400_000_000)));
    /// assert_eq!(Instant::parse("1970-01-01T01:00:00+01:00", &utc), Some(Instant(0)));
    /// assert_eq!(Instant::parse("yesterday", &utc), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_unix(number);
        }
        // jiff reads offsets as +01:00; exports also write +0100 and " UTC".
        let text = text.strip_suffix(" UTC").map_or_else(|| text.to_owned(), |head| format!("{head}Z"));
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Self(timestamp.as_microsecond()));
        }
        let civil = text.parse::<DateTime>().ok().or_else(|| parse_regional(&text))?;
        let timestamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(Self(timestamp.as_microsecond()))
    }

    /// Returns the instant of a Unix number, its unit guessed from its size:
    /// seconds below 10^11, milliseconds below 10^14, microseconds above.
    /// Numbers below 10^8 (1973) are refused, for they are rarely times.
    #[must_use]
    pub fn from_unix(number: i64) -> Option<Self> {
        match number {
            100_000_000..=99_999_999_999 => Some(Self(number * 1_000_000)),
            100_000_000_000..=99_999_999_999_999 => Some(Self(number * 1_000)),
            100_000_000_000_000..=99_999_999_999_999_999 => Some(Self(number)),
            _ => None,
        }
    }

    /// Returns days from `earlier` to `self`, 24 hours each.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 µs, which is 285 years")]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / Self::DAY as f64
    }
}

/// Reads `M/D/Y H:MM[:SS]`, `D.M.Y H:MM[:SS]` and `D-M-Y H:MM[:SS]`, the time optional.
fn parse_regional(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "0:00"));
    let separator = date.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let mut parts = date.split(separator).map(|part| part.parse::<i16>());
    let (first, second, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if parts.next().is_some() {
        return None;
    }
    let year = if (0..100).contains(&year) { year + 2000 } else { year };
    let month_first = separator == '/' && first <= 12;
    let (month, day) = if month_first { (first, second) } else { (second, first) };
    let mut clock = time.split(':');
    let hour = clock.next()?.parse().ok()?;
    let minute = clock.next().unwrap_or("0").parse().ok()?;
    let second = clock.next().unwrap_or("0").split('.').next()?.parse().ok()?;
    DateTime::new(year, month.try_into().ok()?, day.try_into().ok()?, hour, minute, second, 0).ok()
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let parsed = Instant::parse(text, &TimeZone::UTC).map(|instant| instant.to_string());
        assert_eq!(parsed.as_deref(), expected, "{text}");
    }

    #[test]
    fn twelve_written_forms_are_read() {
        check("2024-03-01T10:00:00Z", Some("2024-03-01T10:00:00Z"));
        check("2024-03-01 10:00:00+01:00", Some("2024-03-01T09:00:00Z"));
        check("2025-10-07 09:50:26 +0200", None);
        check("2024-03-01 10:00:00 UTC", Some("2024-03-01T10:00:00Z"));
        check("2024-03-01 10:00:00", Some("2024-03-01T10:00:00Z"));
        check("2024-03-01", Some("2024-03-01T00:00:00Z"));
        check("12/1/2010 8:26", Some("2010-12-01T08:26:00Z"));
        check("31/12/2010 8:26", Some("2010-12-31T08:26:00Z"));
        check("01.12.2010 08:26:30", Some("2010-12-01T08:26:30Z"));
        check("01-12-2010", Some("2010-12-01T00:00:00Z"));
        check("1709287200", Some("2024-03-01T10:00:00Z"));
        check("1709287200000", Some("2024-03-01T10:00:00Z"));
        check("1709287200000000", Some("2024-03-01T10:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "abc", "13/13/2010", "2024-02-30", "12", "1/2", "1/2/3/4"] {
            check(text, None);
        }
    }

    #[test]
    fn local_times_follow_daylight_saving() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let winter = Instant::parse("2024-01-01 00:00:00", &berlin).unwrap();
        let summer = Instant::parse("2024-07-01 00:00:00", &berlin).unwrap();
        assert_eq!(winter.to_string(), "2023-12-31T23:00:00Z");
        assert_eq!(summer.to_string(), "2024-06-30T22:00:00Z");
    }
}
