//! What the values of a column look like.

use std::collections::BTreeSet;

use throng_event::Decimal;

use super::names;
use crate::table::{Clock, plain_number, truth};
use crate::{DecimalMark, TableSample, number};

/// The habits of one column, as far as the sample shows them.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) idx: usize,
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) n_rows: usize,
    pub(super) n_filled: usize,
    pub(super) n_distinct: usize,
    pub(super) n_numbers: usize,
    pub(super) n_fractions: usize,
    pub(super) n_negative: usize,
    pub(super) n_bools: usize,
    pub(super) n_times: usize,
    /// Numbers that are a Unix time of the last decades.
    pub(super) n_unix: usize,
    /// Numbers that are a date without separators, such as 20160913.
    pub(super) n_compact_dates: usize,
    /// Numbers that are a day of the last decades as spreadsheets count them.
    pub(super) n_excel_days: usize,
    pub(super) n_bytes: usize,
    /// Whether the numbers go up by one from row to row.
    pub(super) counts_rows: bool,
}

/// The Unix seconds of 1990 and 2100: a number outside is no time of a customer.
const UNIX_SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// The days of 1990 and 2100 in a spreadsheet, which counts from 1899-12-30.
const EXCEL_DAYS: std::ops::Range<i64> = 32_874..73_051;

impl Profile {
    pub(super) fn of(sample: &TableSample, idx: usize, mark: DecimalMark) -> Self {
        let name = sample.columns()[idx].clone();
        let mut profile = Self {
            idx,
            words: names::words(&name),
            name,
            n_rows: sample.n_rows(),
            n_filled: 0,
            n_distinct: 0,
            n_numbers: 0,
            n_fractions: 0,
            n_negative: 0,
            n_bools: 0,
            n_times: 0,
            n_unix: 0,
            n_compact_dates: 0,
            n_excel_days: 0,
            n_bytes: 0,
            counts_rows: false,
        };
        let clock = Clock::new(None, jiff::tz::TimeZone::UTC);
        let mut distinct = BTreeSet::new();
        let mut former: Option<Decimal> = None;
        let mut n_following = 0;
        for (_, text) in sample.cells(idx) {
            profile.n_filled += 1;
            profile.n_bytes += text.len();
            distinct.insert(text);
            let number = plain_number(text, mark).or_else(|| written_amount(text, mark));
            if let (Some(former), Some(number)) = (former, number) {
                n_following += usize::from(number.0.checked_sub(former.0) == Some(Decimal::ONE));
            }
            former = number;
            profile.count(text, number, &clock);
        }
        profile.n_distinct = distinct.len();
        profile.counts_rows = profile.n_filled > 2 && n_following + 1 == profile.n_filled;
        profile
    }

    fn count(&mut self, text: &str, number: Option<Decimal>, clock: &Clock) {
        self.n_bools += usize::from(text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
        if let Some(number) = number {
            self.n_numbers += 1;
            self.n_fractions += usize::from(number.0 % Decimal::ONE != 0);
            self.n_negative += usize::from(number.0 < 0);
            self.n_excel_days += usize::from(EXCEL_DAYS.contains(&(number.0 / Decimal::ONE)));
        }
        match text.parse::<i64>() {
            Ok(whole) => {
                let seconds = throng_event::Instant::from_unix(whole).map(|at| at.0 / throng_event::Instant::SECOND);
                self.n_unix += usize::from(seconds.is_some_and(|seconds| UNIX_SECONDS.contains(&seconds)));
                let dated = text.len() == 8 && Clock::new(Some("%Y%m%d"), jiff::tz::TimeZone::UTC).read(text).is_some();
                self.n_compact_dates += usize::from(dated && (text.starts_with("19") || text.starts_with("20")));
            }
            // A text with neither digit nor separator is no time; most columns end here.
            Err(_) if text.len() < 6 || !text.bytes().any(|byte| byte.is_ascii_digit()) => {}
            Err(_) => self.n_times += usize::from(number.is_none() && clock.read_usual(text).is_some()),
        }
    }

    /// Whether nearly all filled cells are of a kind.
    pub(super) fn mostly(&self, n_of_kind: usize) -> bool {
        self.n_filled > 0 && n_of_kind * 100 >= self.n_filled * 95
    }

    pub(super) fn all(&self, n_of_kind: usize) -> bool {
        self.n_filled > 0 && n_of_kind == self.n_filled
    }

    /// Whether at least so many per cent of the rows have a value.
    pub(super) fn filled(&self, per_cent: usize) -> bool {
        self.n_filled > 0 && self.n_filled * 100 >= self.n_rows * per_cent
    }

    pub(super) fn numeric(&self) -> bool {
        self.mostly(self.n_numbers)
    }

    /// Whether the values could be ids: no times, no truth values, no fractions.
    pub(super) fn identifying(&self) -> bool {
        let varied = self.n_distinct >= 2.min(self.n_rows) && (self.n_distinct > 5 || self.n_rows < 50);
        varied && self.whole_words()
    }

    /// Whether the values may be identifiers, by their looks: no fractions, times or flags.
    pub(super) fn whole_words(&self) -> bool {
        self.n_fractions == 0 && !self.mostly(self.n_times) && !self.mostly(self.n_bools) && self.n_filled > 0
    }

    /// Whether every filled cell is different.
    pub(super) fn unique(&self) -> bool {
        self.n_distinct == self.n_filled
    }
}

/// What stands around the digits of an amount.
const AROUND_AMOUNTS: [char; 8] = ['$', '€', '£', '¥', '₹', '(', ')', ' '];

/// Returns the number of a text that has the signs of an amount.
fn written_amount(text: &str, mark: DecimalMark) -> Option<Decimal> {
    if text.len() < 30 && text.contains(AROUND_AMOUNTS) { number::parse(text, mark) } else { None }
}

/// Returns the mark of decimals the numbers of a table are written with.
pub(crate) fn decimal_mark(sample: &TableSample) -> DecimalMark {
    let (mut n_point, mut n_comma) = (0_usize, 0_usize);
    for idx in 0..sample.columns().len() {
        for (_, text) in sample.cells(idx).take(1_000) {
            let text = text.trim_matches(AROUND_AMOUNTS);
            let only = |mark: char, other: char| text.matches(mark).count() == 1 && !text.contains(other);
            // Three digits behind the mark may be thousands: they say nothing.
            let digits = text.rsplit(['.', ',']).next().map_or(0, str::len);
            if digits == 3 || !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') || text.len() > 20 {
                continue;
            }
            n_point += usize::from(only('.', ',') && plain_number(text, DecimalMark::Point).is_some());
            n_comma += usize::from(only(',', '.') && plain_number(text, DecimalMark::Comma).is_some());
        }
    }
    if n_comma > n_point { DecimalMark::Comma } else { DecimalMark::Point }
}

/// Whether a column of texts names truth values in words.
pub(super) fn truth_words(sample: &TableSample, profile: &Profile) -> bool {
    profile.n_distinct == 2
        && profile.n_numbers == 0
        && sample.cells(profile.idx).all(|(_, text)| truth(text).is_some())
}
