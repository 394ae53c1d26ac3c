//! The fold of one profile's rows, as loops over slices.
//!
//! What to do is decided once for every reading and profile; the loops then only add,
//! compare and count. Distributions use an array of counts indexed by code with a list
//! of the codes touched, so nothing is hashed and clearing costs what was touched.

use std::borrow::Cow;
use std::ops::Range;

use throng_event::{AsOf, Day};

use crate::bound::{Bound, codes, numbers};
use crate::fold::{self, ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Tally, Total};
use crate::formula::{Outcome, evaluate};
use crate::mask::Mask;
use crate::number::{code, count, index};
use crate::plan::{CodeSource, Measure, Plan, Question, Reading, Signal, Wanted};
use crate::read::{clock_code, clock_text};
use crate::value::Cell;
use crate::{FeatureMatrix, Window};

/// Memory the kernel uses again for every profile; each thread has its own.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) summaries: Vec<Summary>,
    windows: Vec<(Window, Range<usize>)>,
    tally: TallyScratch,
}

#[derive(Debug, Default)]
struct TallyScratch {
    /// A count for every code; all 0 between tallies.
    counts: Vec<u32>,
    /// The codes whose count is not 0.
    touched: Vec<u32>,
    /// The counts alone, to be sorted.
    sorted: Vec<u64>,
    /// The days counted by ordinal.
    days: Vec<i32>,
}

impl Scratch {
    /// Returns empty memory; it grows as it is used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Folds a run of rows and appends the profile's features to a matrix.
pub(crate) fn fold(
    bound: &Bound<'_>,
    rows: Range<usize>,
    as_of: AsOf,
    scratch: &mut Scratch,
    matrix: &mut FeatureMatrix,
) {
    scratch.windows.clear();
    scratch.summaries.clear();
    for reading in &bound.plan.readings {
        let rows = window_rows(bound.columns.day, &rows, reading.window, as_of, &mut scratch.windows);
        let summary = summarise(bound, reading, rows, as_of, &mut scratch.tally);
        scratch.summaries.push(summary);
    }
    evaluate_row(&bound.plan, &scratch.summaries, as_of, &|field| codes(&bound.columns, field).1, matrix);
}

/// Appends the features that follow from the summaries of all readings to a matrix.
pub(crate) fn evaluate_row<'d>(
    plan: &Plan,
    summaries: &[Summary],
    as_of: AsOf,
    dictionary: &dyn Fn(usize) -> &'d [String],
    matrix: &mut FeatureMatrix,
) {
    matrix.push_row(plan.features.iter().map(|feature| match evaluate(&feature.formula, summaries, as_of) {
        Outcome::Number(number) => Cell::Number(number),
        Outcome::Code(source, code) => Cell::Text(text(dictionary, source, code)),
        Outcome::Missing => Cell::Missing,
    }));
}

fn text<'d>(dictionary: &dyn Fn(usize) -> &'d [String], source: CodeSource, code: u32) -> Cow<'d, str> {
    match source {
        CodeSource::Field(field) => Cow::Borrowed(&dictionary(field)[index(code)]),
        CodeSource::Hour | CodeSource::Weekday | CodeSource::Day => {
            Cow::Owned(clock_text(source, code).unwrap_or_default())
        }
    }
}

/// Returns the rows of a window, looked up once for every window and profile.
fn window_rows(
    day: &[i32],
    rows: &Range<usize>,
    window: Window,
    as_of: AsOf,
    known: &mut Vec<(Window, Range<usize>)>,
) -> Range<usize> {
    if let Some((_, rows)) = known.iter().find(|(known, _)| *known == window) {
        return rows.clone();
    }
    let run = &day[rows.clone()];
    debug_assert!(run.is_sorted(), "days never decrease within a profile");
    let end = match run.last() {
        Some(last) if *last > as_of.day.0 => run.partition_point(|day| *day <= as_of.day.0),
        _ => run.len(),
    };
    let before = window.day_before(as_of).0;
    let start = run[..end].partition_point(|day| *day <= before);
    let found = rows.start + start..rows.start + end;
    known.push((window, found.clone()));
    found
}

fn summarise(
    bound: &Bound<'_>,
    reading: &Reading,
    rows: Range<usize>,
    as_of: AsOf,
    tally: &mut TallyScratch,
) -> Summary {
    let Signal { selection, measure } = bound.plan.signals[reading.signal];
    let units = bound.units(bound.plan.selections[selection].level, rows.clone());
    let (mask, columns) = (&bound.masks[selection], &bound.columns);
    match reading.question {
        Question::Total => {
            let (n, sum) = total(bound, mask, units, measure);
            Summary::Total(Total::new(n, sum))
        }
        Question::Decayed { half_life_days } => {
            let mut decayed = Total::default();
            let mut start = rows.start;
            for same_day in columns.day[rows].chunk_by(|left, right| left == right) {
                let day_rows = start..start + same_day.len();
                start = day_rows.end;
                let day_units = bound.units(bound.plan.selections[selection].level, day_rows);
                let (n, sum) = total(bound, mask, day_units, measure);
                let age_days = i64::from(as_of.day.0) - i64::from(same_day[0]);
                if n > 0 {
                    decayed.add_day(age_days, half_life_days, Total::new(n, sum));
                }
            }
            Summary::Total(decayed)
        }
        Question::Days => {
            let mut days = DayFold::default();
            mask.each(units, |row| days.push(columns.day[row]));
            Summary::Days(days)
        }
        Question::Times => {
            let (first, last) = (mask.first(units.clone()), mask.last(units));
            Summary::Times(first.zip(last).map(|(first, last)| (columns.occurred_at[first], columns.occurred_at[last])))
        }
        Question::Sessions { gap_us } => {
            let mut sessions = SessionFold::new(gap_us);
            mask.each(units, |row| sessions.push(columns.occurred_at[row]));
            Summary::Sessions(sessions)
        }
        Question::Intervals => {
            let mut intervals = IntervalFold::default();
            mask.each(units, |row| intervals.push(columns.occurred_at[row]));
            Summary::Intervals(intervals)
        }
        Question::Extremes => Summary::Extremes(extremes(bound, mask, units, measure)),
        Question::Ends => ends(bound, mask, units, measure),
        Question::Changes => Summary::Changes(changes(bound, mask, units, measure)),
        Question::Tally { wanted } => Summary::Tally(tally.summarise(bound, mask, units, (measure, wanted))),
    }
}

fn total(bound: &Bound<'_>, mask: &Mask, units: Range<usize>, measure: Measure) -> (u64, i128) {
    let n = mask.count(units.clone());
    match measure {
        Measure::Sum { field } => (n, sum(numbers(&bound.columns, field), mask, units)),
        Measure::Count
        | Measure::Extremes { .. }
        | Measure::Times
        | Measure::Tally { .. }
        | Measure::NumberEnds { .. }
        | Measure::TextEnds { .. }
        | Measure::Instants
        | Measure::Sequence { .. } => (n, 0),
    }
}

/// Adds up exactly. The halves are added apart: neither can overflow for 2^31 values,
/// and a processor adds several 64-bit integers at once, but no 128-bit ones.
fn sum(values: &[i64], mask: &Mask, units: Range<usize>) -> i128 {
    let (mut high, mut low) = (0_i64, 0_i64);
    mask.each(units, |unit| {
        high += values[unit] >> 32;
        low += values[unit] & 0xffff_ffff;
    });
    (i128::from(high) << 32) + i128::from(low)
}

fn extremes(bound: &Bound<'_>, mask: &Mask, units: Range<usize>, measure: Measure) -> Option<(i64, i64)> {
    let Measure::Extremes { field } = measure else {
        unreachable!("{measure:?} keeps no extremes");
    };
    let values = numbers(&bound.columns, field);
    // A value is present, and i64::MIN never is one, so the largest tells whether any was seen.
    let (mut min, mut max) = (i64::MAX, i64::MIN);
    mask.each(units, |unit| {
        min = min.min(values[unit]);
        max = max.max(values[unit]);
    });
    (max != i64::MIN).then_some((min, max))
}

fn ends(bound: &Bound<'_>, mask: &Mask, units: Range<usize>, measure: Measure) -> Summary {
    let ends = mask.first(units.clone()).zip(mask.last(units));
    match measure {
        Measure::NumberEnds { field } => {
            let values = numbers(&bound.columns, field);
            Summary::NumberEnds(ends.map(|(first, last)| (values[first], values[last])))
        }
        Measure::TextEnds { field } => {
            let (codes, _) = codes(&bound.columns, field);
            Summary::CodeEnds(ends.map(|(first, last)| (codes[first], codes[last])))
        }
        Measure::Count
        | Measure::Sum { .. }
        | Measure::Extremes { .. }
        | Measure::Times
        | Measure::Tally { .. }
        | Measure::Instants
        | Measure::Sequence { .. } => unreachable!("{measure:?} keeps no ends"),
    }
}

fn changes(bound: &Bound<'_>, mask: &Mask, units: Range<usize>, measure: Measure) -> ChangeFold {
    let Measure::Sequence { of } = measure else {
        unreachable!("{measure:?} keeps no sequence");
    };
    let mut changes = ChangeFold::default();
    match of {
        CodeSource::Field(field) => {
            let (codes, _) = codes(&bound.columns, field);
            mask.each(units, |unit| changes.push(codes[unit]));
        }
        CodeSource::Hour | CodeSource::Weekday | CodeSource::Day => {
            mask.each(units, |row| changes.push(row_clock(bound, of, row)));
        }
    }
    changes.finish()
}

pub(crate) fn row_clock(bound: &Bound<'_>, of: CodeSource, row: usize) -> u32 {
    clock_code(of, Day(bound.columns.day[row]), bound.columns.hour[row]).unwrap_or(0)
}

impl TallyScratch {
    fn summarise(
        &mut self,
        bound: &Bound<'_>,
        mask: &Mask,
        units: Range<usize>,
        (measure, wanted): (Measure, Wanted),
    ) -> Tally {
        let Measure::Tally { of } = measure else {
            unreachable!("{measure:?} keeps no tally");
        };
        match of {
            CodeSource::Field(field) => {
                let (codes, dictionary) = codes(&bound.columns, field);
                self.count_codes(mask, units, dictionary.len(), |unit| codes[unit]);
                self.finish(wanted, |code| code, |code| dictionary[index(code)].as_str())
            }
            CodeSource::Hour => {
                self.count_codes(mask, units, 24, |row| u32::from(bound.columns.hour[row]));
                self.finish(wanted, |code| code, |code| code)
            }
            CodeSource::Weekday => {
                self.count_codes(mask, units, 7, |row| row_clock(bound, of, row));
                self.finish(wanted, |code| code, |code| clock_text(of, code))
            }
            CodeSource::Day => {
                self.count_days(mask, units, bound.columns.day);
                let days = std::mem::take(&mut self.days);
                let code = |ordinal: u32| days[index(ordinal)].cast_unsigned();
                let tally = self.finish(wanted, code, |ordinal| clock_text(of, code(ordinal)));
                self.days = days;
                tally
            }
        }
    }

    fn count_codes(&mut self, mask: &Mask, units: Range<usize>, n_codes: usize, code: impl Fn(usize) -> u32) {
        if self.counts.len() < n_codes {
            self.counts.resize(n_codes, 0);
        }
        mask.each(units, |unit| {
            let code = code(unit);
            let count = &mut self.counts[index(code)];
            if *count == 0 {
                self.touched.push(code);
            }
            *count += 1;
        });
    }

    /// Counts days, which stand in order, by their ordinal: an array by day would be as
    /// long as the profile's history.
    fn count_days(&mut self, mask: &Mask, units: Range<usize>, day: &[i32]) {
        self.days.clear();
        mask.each(units, |row| {
            if self.days.last() != Some(&day[row]) {
                self.touched.push(code(self.days.len()));
                self.days.push(day[row]);
                if self.counts.len() < self.days.len() {
                    self.counts.push(0);
                }
            }
            self.counts[self.days.len() - 1] += 1;
        });
    }

    /// Summarises what was counted and clears it.
    fn finish<T: Ord>(&mut self, wanted: Wanted, code: impl Fn(u32) -> u32, text: impl Fn(u32) -> T) -> Tally {
        let counted = |touched: &u32| u64::from(self.counts[index(*touched)]);
        let mut tally = Tally { n_distinct: count(self.touched.len()), entropy: 0.0, most_frequent: None };
        if wanted.entropy {
            self.sorted.clear();
            self.sorted.extend(self.touched.iter().map(counted));
            tally.entropy = fold::entropy(&mut self.sorted);
        }
        if wanted.most_frequent {
            let counts = self.touched.iter().map(|touched| (*touched, counted(touched)));
            tally.most_frequent = fold::most_frequent(counts, text).map(code);
        }
        for touched in self.touched.drain(..) {
            self.counts[index(touched)] = 0;
        }
        tally
    }
}
