//! Times as tables write them.

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time, date};
use jiff::fmt::rfc2822;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use throng_event::{Decimal, Instant};

/// Forms that exports use beside those [`Instant::parse`] and RFC 2822 read.
const FURTHER_FORMS: [&str; 24] = [
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%d-%b-%Y",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %H:%M",
    "%b %d, %Y, %I:%M:%S %p",
    "%b %d, %Y, %I:%M %p",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y, %I:%M:%S %p",
    "%m/%d/%Y, %I:%M %p",
];
/// Bytes of a written time at most; longer texts are not tried in every form.
const TEXT_BYTES_MAX: usize = 48;
/// The form of times that spreadsheets number.
pub(crate) const EXCEL_DAYS: &str = "excel-days";
/// Units of Unix time a mapping can name, in microseconds.
const UNITS: [(&str, i64); 3] =
    [("unix-seconds", Instant::SECOND), ("unix-milliseconds", 1_000), ("unix-microseconds", 1)];

/// Reads the times of one column.
#[derive(Clone)]
pub(crate) struct Clock {
    form: Form,
    zone: TimeZone,
    /// The last text and its time: the lines of one order repeat it.
    last: (String, Option<Instant>),
}

#[derive(Clone)]
enum Form {
    Usual,
    Unix(i64),
    /// Days since 1899-12-30, the day that makes the numbers of all later dates right
    /// although Excel counts a 29th of February 1900.
    Excel,
    Pattern(String),
}

impl Clock {
    pub(crate) fn new(format: Option<&str>, zone: TimeZone) -> Self {
        let unit = |format: &str| UNITS.iter().find(|(name, _)| *name == format).map(|(_, unit)| *unit);
        let form = match (format, format.and_then(unit)) {
            (None, _) => Form::Usual,
            (Some(EXCEL_DAYS), _) => Form::Excel,
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
                Form::Excel => self.read_days(text),
                Form::Pattern(pattern) => self.read_pattern(pattern, text),
            };
            self.last = (text.to_owned(), instant);
        }
        self.last.1
    }

    /// Returns the time a text of another column names: a table writes its times alike,
    /// but not always.
    pub(crate) fn read_alike(&self, text: &str) -> Option<Instant> {
        let alike = match &self.form {
            Form::Pattern(pattern) => self.read_pattern(pattern, text),
            Form::Excel => self.read_days(text),
            Form::Usual | Form::Unix(_) => None,
        };
        alike.or_else(|| self.read_usual(text))
    }

    /// Returns the time a text names in one of the usual forms.
    pub(crate) fn read_usual(&self, text: &str) -> Option<Instant> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let usual = Instant::parse(text, &self.zone);
        let mail = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
        usual
            .or_else(|| Some(Instant(mail()?.as_microsecond())))
            .or_else(|| FURTHER_FORMS.iter().find_map(|pattern| self.read_pattern(pattern, text)))
    }

    /// Returns the time of a number of days, to the second.
    fn read_days(&self, text: &str) -> Option<Instant> {
        let seconds = Decimal::parse(text)?.0.checked_mul(86_400)?.checked_add(500_000)?.div_euclid(1_000_000);
        let start = date(1899, 12, 30).to_datetime(Time::midnight());
        self.in_zone(start.checked_add(SignedDuration::from_secs(seconds)).ok()?)
    }

    fn read_pattern(&self, pattern: &str, text: &str) -> Option<Instant> {
        let parts = BrokenDownTime::parse(pattern, text).ok()?;
        if parts.offset().is_some() {
            return Some(Instant(parts.to_timestamp().ok()?.as_microsecond()));
        }
        let civil = parts.to_date().ok()?.to_datetime(parts.to_time().unwrap_or(Time::midnight()));
        self.in_zone(civil)
    }

    fn in_zone(&self, civil: DateTime) -> Option<Instant> {
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
    fn dates_in_their_written_forms_are_the_same_day() {
        let forms = [
            "2024-01-05",
            "2024-01-05 00:00:00",
            "2024-01-05T00:00:00Z",
            "2024-01-05T00:00:00.000000Z",
            "2024-01-05T01:00:00+0100",
            "2024-01-05 00:00:00.123 +0000",
            "05.01.2024 00:00",
            "1/5/2024",
            "1/5/2024 12:00 AM",
            "2024/01/05",
            "2024/01/05 00:00:00",
            "5 Jan 2024",
            "5 January 2024",
            "05-Jan-2024",
            "Jan 5, 2024",
            "January 5, 2024",
            "Jan 5, 2024, 12:00:00 AM",
            "1704412800",
            "1704412800000",
            "1704412800000000",
            "Fri, 05 Jan 2024 00:00:00 +0000",
            "Fri, 5 Jan 2024 00:00:00 GMT",
        ];
        for text in forms {
            let read = Clock::new(None, TimeZone::UTC).read(text).map(|instant| instant.0 / Instant::SECOND);
            assert_eq!(read, Some(1_704_412_800), "{text}");
        }
        check(Some(EXCEL_DAYS), "45296", Some("2024-01-05T00:00:00Z"));
        check(Some(EXCEL_DAYS), "45296.520833333336", Some("2024-01-05T12:30:00Z"));
    }

    #[test]
    fn other_columns_are_read_like_the_column_of_the_time() {
        let read = |format| Clock::new(Some(format), TimeZone::UTC).read_alike("02/01/2024").unwrap().to_string();
        assert_eq!(read("%d/%m/%Y"), "2024-01-02T00:00:00Z");
        assert_eq!(read("unix-seconds"), "2024-02-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        check(None, "soon", None);
        check(Some("%d/%m/%Y"), "2024-01-01", None);
        check(Some("%nonsense"), "2024-01-01", None);
        check(Some("unix-seconds"), "99999999999999999", None);
        check(Some(EXCEL_DAYS), "99999999999", None);
        check(Some(EXCEL_DAYS), "12,5", None);
        check(None, &"1 ".repeat(1_000), None);
    }
}
