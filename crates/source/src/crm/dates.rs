//! Dates as the exports of one file write them.
//!
//! `03/04/2024` is read the same way in a whole file: as the dates say whose day
//! exceeds twelve. Where none does, a date between slashes has the month first and one
//! between hyphens or points the day first, as [`throng_event::Instant::parse`] takes them.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use throng_event::Instant;

use crate::TableSample;
use crate::table::Clock;

/// Reads the dates of one file.
pub(super) struct Dates {
    clock: Clock,
    order: Order,
}

/// What stands first in a date that ends in its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Day,
    Month,
    Unsaid,
}

impl Dates {
    /// Learns the order of day and month from the first rows of a file.
    pub(super) fn of(sample: Option<&TableSample>, zone: &TimeZone) -> Self {
        let (mut n_day, mut n_month) = (0_usize, 0_usize);
        for sample in sample.into_iter() {
            for column in 0..sample.columns().len() {
                for (first, second) in sample.cells(column).filter_map(|(_, text)| leading_parts(text)) {
                    n_day += usize::from(first > 12 && second <= 12);
                    n_month += usize::from(second > 12 && first <= 12);
                }
            }
        }
        let order = match n_day.cmp(&n_month) {
            std::cmp::Ordering::Greater => Order::Day,
            std::cmp::Ordering::Less => Order::Month,
            std::cmp::Ordering::Equal => Order::Unsaid,
        };
        Self { clock: Clock::new(None, zone.clone()), order }
    }

    /// Returns the instant a text names.
    pub(super) fn read(&self, text: &str) -> Option<Instant> {
        let text = twenty_four_hours(text);
        let ordered = self.ordered(&text);
        self.clock.read_usual(&ordered).or_else(|| self.clock.read_usual(&text))
    }

    /// Writes a date that ends in its year between the marks that say its order.
    fn ordered<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mark = match self.order {
            Order::Day => ".",
            Order::Month => "/",
            Order::Unsaid => return Cow::Borrowed(text),
        };
        if leading_parts(text).is_none() {
            return Cow::Borrowed(text);
        }
        let (date, time) = text.split_at(text.find([' ', 'T']).unwrap_or(text.len()));
        Cow::Owned(date.replace(['/', '-'], mark) + time)
    }
}

/// Returns the first two numbers of a date that ends in its year and whose marks leave the order open.
fn leading_parts(text: &str) -> Option<(u8, u8)> {
    let date = text.split([' ', 'T', ',']).next()?;
    let mark = date.chars().find(|mark| matches!(mark, '/' | '-'))?;
    let mut parts = date.split(mark);
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    let year_long = matches!(year.len(), 2 | 4) && year.bytes().all(|byte| byte.is_ascii_digit());
    let short = |part: &str| (1..=2).contains(&part.len()).then(|| part.parse::<u8>().ok())?;
    (year_long && parts.next().is_none()).then_some((short(first)?, short(second)?))
}

/// Writes `3:04 PM` as `15:04`.
fn twenty_four_hours(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let half = text.len().checked_sub(2).and_then(|at| text.get(at..)).unwrap_or_default();
    let afternoon = half.eq_ignore_ascii_case("pm");
    if !afternoon && !half.eq_ignore_ascii_case("am") {
        return Cow::Borrowed(text);
    }
    let clock = text[..text.len() - 2].trim_end();
    let Some((date, time)) = clock.rsplit_once(' ') else {
        return Cow::Borrowed(text);
    };
    let (hour, rest) = time.split_once(':').unwrap_or((time, "00"));
    match hour.parse::<u8>() {
        Ok(hour @ 1..=12) => {
            let hour = hour % 12 + if afternoon { 12 } else { 0 };
            Cow::Owned(format!("{} {hour:02}:{rest}", date.trim_end_matches(',')))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(column: &[&str], text: &str, expected: Option<&str>) {
        let table = format!("id;at\n{}\n", column.iter().map(|cell| format!("1;{cell}\n")).collect::<String>());
        let sample = crate::sample_table(table.as_bytes()).unwrap();
        let read = Dates::of(Some(&sample), &TimeZone::UTC).read(text).map(|instant| instant.to_string());
        assert_eq!(read.as_deref(), expected, "{text} among {column:?}");
    }

    #[test]
    fn day_and_month_are_told_apart_by_the_whole_file() {
        check(&["25/12/2023", "1/2/2024"], "03/04/2024", Some("2024-04-03T00:00:00Z"));
        check(&["12/25/2023", "1/2/2024"], "03/04/2024 10:30", Some("2024-03-04T10:30:00Z"));
        check(&["12-25-2023"], "03-04-2024", Some("2024-03-04T00:00:00Z"));
        check(&["2024-03-25"], "2024-03-04 10:30", Some("2024-03-04T10:30:00Z"));
    }

    #[test]
    fn a_file_that_leaves_it_open_is_read_by_its_marks() {
        check(&["1/2/2024"], "03/04/2024", Some("2024-03-04T00:00:00Z"));
        check(&["1-2-2024"], "03-04-2024", Some("2024-04-03T00:00:00Z"));
        check(&["1.2.2024"], "03.04.2024", Some("2024-04-03T00:00:00Z"));
    }

    #[test]
    fn a_date_against_the_order_of_its_file_is_read_as_it_can_be() {
        check(&["25/12/2023"], "03/25/2024", Some("2024-03-25T00:00:00Z"));
        check(&["12/25/2023"], "25/03/2024", Some("2024-03-25T00:00:00Z"));
    }

    #[test]
    fn hours_of_the_afternoon_are_read() {
        check(&[], "3/14/2024 3:04 PM", Some("2024-03-14T15:04:00Z"));
        check(&[], "3/14/2024, 12:04 am", Some("2024-03-14T00:04:00Z"));
        check(&[], "13:04 PM", None);
    }
}
