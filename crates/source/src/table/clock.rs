//! Times as tables write them.

use jiff::civil::Time;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use throng_event::Instant;

/// Forms that exports use beside those [`Instant::parse`] reads.
const FURTHER_FORMS: [&str; 6] = [
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%a, %d %b %Y %H:%M:%S %z",
];
/// Units of Unix time a mapping can name, in microseconds.
const UNITS: [(&str, i64); 3] =
    [("unix-seconds", Instant::SECOND), ("unix-milliseconds", 1_000), ("unix-microseconds", 1)];

/// Reads the times of one column.
pub(crate) struct Clock {
    form: Form,
    zone: TimeZone,
    /// The last text and its time: the lines of one order repeat it.
    last: (String, Option<Instant>),
}

enum Form {
    Usual,
    Unix(i64),
    Pattern(String),
}

impl Clock {
    pub(crate) fn new(format: Option<&str>, zone: TimeZone) -> Self {
        let unit = |format: &str| UNITS.iter().find(|(name, _)| *name == format).map(|(_, unit)| *unit);
        let form = match (format, format.and_then(unit)) {
            (None, _) => Form::Usual,
            (Some(_), Some(unit)) => Form::Unix(unit),
            (Some(pattern), None) => Form::Pattern(pattern.to_owned()),
        };
        Self { form, zone, last: (String::new(), None) }
    }

    /// Returns the time a text names.
    pub(crate) fn read(&mut self, text: &str) -> Option<Instant> {
        if self.last.0 != text {
            let instant = match &self.form {
                Form::Usual => self.read_usual(text),
                Form::Unix(unit) => {
                    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
                    whole.parse::<i64>().ok().and_then(|number| number.checked_mul(*unit)).map(Instant)
                }
                Form::Pattern(pattern) => self.read_pattern(pattern, text),
            };
            self.last = (text.to_owned(), instant);
        }
        self.last.1
    }

    /// Returns the time a text names in one of the usual forms.
    pub(crate) fn read_usual(&self, text: &str) -> Option<Instant> {
        let usual = Instant::parse(text, &self.zone);
        usual.or_else(|| FURTHER_FORMS.iter().find_map(|pattern| self.read_pattern(pattern, text)))
    }

    fn read_pattern(&self, pattern: &str, text: &str) -> Option<Instant> {
        let parts = BrokenDownTime::parse(pattern, text).ok()?;
        if parts.offset().is_some() {
            return Some(Instant(parts.to_timestamp().ok()?.as_microsecond()));
        }
        let civil = parts.to_date().ok()?.to_datetime(parts.to_time().unwrap_or(Time::midnight()));
        let timestamp = self.zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(Instant(timestamp.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Option<&str>, text: &str, expected: Option<&str>) {
        let read = Clock::new(format, TimeZone::UTC).read(text).map(|instant| instant.to_string());
        assert_eq!(read.as_deref(), expected, "{text} by {format:?}");
    }

    #[test]
    fn times_are_read_by_their_format() {
        check(None, "2025-10-07 09:50:26 +0200", Some("2025-10-07T07:50:26Z"));
        check(None, "1 Mar 2024 10:00:00", Some("2024-03-01T10:00:00Z"));
        check(Some("%d/%m/%Y %H:%M"), "01/02/2024 10:30", Some("2024-02-01T10:30:00Z"));
        check(Some("%d/%m/%Y"), "01/02/2024", Some("2024-02-01T00:00:00Z"));
        check(Some("%Y%m%d"), "20160913", Some("2016-09-13T00:00:00Z"));
        check(Some("unix-seconds"), "12", Some("1970-01-01T00:00:12Z"));
        check(Some("unix-milliseconds"), "1709287200000.0", Some("2024-03-01T10:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        check(None, "soon", None);
        check(Some("%d/%m/%Y"), "2024-01-01", None);
        check(Some("%nonsense"), "2024-01-01", None);
        check(Some("unix-seconds"), "99999999999999999", None);
    }
}
