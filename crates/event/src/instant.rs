//! Points in time, in microseconds, and the forms they are written in.

use std::borrow::Cow;
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
        if let Some(instant) = parse_utc(text.as_bytes()) {
            return Some(instant);
        }
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_unix(number);
        }
        // jiff reads offsets as +01:00; exports also write +0100 and " UTC".
        let text = text.strip_suffix(" UTC").map_or(Cow::Borrowed(text), |head| Cow::Owned(format!("{head}Z")));
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Self(timestamp.as_microsecond()));
        }
        let civil = text.parse::<DateTime>().ok().or_else(|| parse_regional(&text))?;
        let timestamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(Self(timestamp.as_microsecond()))
    }

    /// Returns the instant an RFC 3339 text names: a full date and time with its offset.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let other = || text.parse::<Timestamp>().ok().map(|timestamp| Self(timestamp.as_microsecond()));
        parse_utc(text.as_bytes()).or_else(other)
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

/// Reads `YYYY-MM-DDTHH:MM:SS[.f…]Z`, up to six decimals: the form almost every time of
/// every product comes in, at a tenth of the price of a parser of all forms.
/// Returns `None` for all else, also for a leap second, which is left to that parser.
fn parse_utc(text: &[u8]) -> Option<Instant> {
    let (civil, rest) = text.split_at_checked(19)?;
    let fraction = match rest {
        [b'Z'] => &[],
        [b'.', fraction @ .., b'Z'] if (1..=6).contains(&fraction.len()) => fraction,
        _ => return None,
    };
    let separated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separated.iter().any(|(place, byte)| civil[*place] != *byte) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(&civil[..4])?, number(&civil[5..7])?, number(&civil[8..10])?);
    let (hour, minute, second) = (number(&civil[11..13])?, number(&civil[14..16])?, number(&civil[17..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let n_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=n_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let century_days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = century_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let places = u32::try_from(6 - fraction.len()).ok()?;
    Some(Instant(seconds * Instant::SECOND + number(fraction)? * 10_i64.pow(places)))
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
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

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

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_the_parser_of_all_forms_reads_it(
            (year, month, day) in (0_i32..=9999, 0_u8..=13, 0_u8..=32),
            (hour, minute, second) in (0_u8..=24, 0_u8..=60, 0_u8..=60),
            fraction in "(\\.[0-9]{0,7})?",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z");
            let expected = text.parse::<Timestamp>().ok().map(|timestamp| Instant(timestamp.as_microsecond()));
            if let Some(instant) = parse_utc(text.as_bytes()) {
                prop_assert_eq!(Some(instant), expected, "{}", text);
            } else {
                prop_assert!(expected.is_none() || fraction.len() > 7 || second == 60, "{}", text);
            }
        }
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
