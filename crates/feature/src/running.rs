//! A fold that is kept while events of its profile keep coming: the next one costs what it changes
//! and not what the history is long.
//!
//! It is as of one day. An event that is later than all before, and not after that day, is pushed
//! into the fold of every reading that sees it; the summaries are those of the kernel, to the bit.
//! Anything else (a late event, another day, other carriers) needs the kernel again.

use std::ops::Range;

use throng_event::{AsOf, Day};

use crate::bound::{Bound, codes, numbers};
use crate::fold::{self, ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Tally, Total};
use crate::kernel::row_clock;
use crate::number::count;
use crate::plan::{CodeSource, Level, Measure, Plan, Question, Reading, Wanted};
use crate::read::clock_text;

/// The fold of one profile as of one day, ready for its next event.
///
/// Made by [`HistoryFold::start`](crate::HistoryFold::start), brought on by
/// [`HistoryFold::extend`](crate::HistoryFold::extend).
#[derive(Debug, Clone)]
pub struct RunningFold {
    pub(crate) as_of: AsOf,
    /// The place of the last event; [`None`] without events.
    pub(crate) last: Option<(i64, i64)>,
    /// For every reading of the plan.
    folds: Vec<Running>,
}

/// What is kept of one signal in one window.
#[derive(Debug, Clone)]
enum Running {
    Total { n: u64, sum: i128 },
    Decayed { past: Total, day: i32, n: u64, sum: i128 },
    Days(DayFold),
    Extremes(Option<(i64, i64)>),
    Times(Option<(i64, i64)>),
    NumberEnds(Option<(i64, i64)>),
    CodeEnds(Option<(u32, u32)>),
    Sessions(SessionFold),
    Intervals(IntervalFold),
    Changes(ChangeFold),
    Tally(Box<RunningTally>),
}

#[derive(Debug, Clone, Default)]
struct RunningTally {
    /// How often each code came, ascending by code.
    counts: Vec<(u32, u64)>,
    /// Of these counts; what it costs is spent when one of them changed.
    summary: Tally,
}

/// One unit that a selection passes, and the row it is of.
#[derive(Clone, Copy)]
struct Unit {
    row: usize,
    unit: usize,
}

impl RunningFold {
    /// Returns the day that it is as of.
    #[must_use]
    pub fn day(&self) -> Day {
        self.as_of.day
    }

    /// Returns about how many bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_tally = |fold: &Running| match fold {
            Running::Tally(tally) => size_of::<RunningTally>() + tally.counts.capacity() * size_of::<(u32, u64)>(),
            Running::Total { .. }
            | Running::Decayed { .. }
            | Running::Days(_)
            | Running::Extremes(_)
            | Running::Times(_)
            | Running::NumberEnds(_)
            | Running::CodeEnds(_)
            | Running::Sessions(_)
            | Running::Intervals(_)
            | Running::Changes(_) => 0,
        };
        size_of::<Self>()
            + self.folds.capacity() * size_of::<Running>()
            + self.folds.iter().map(of_tally).sum::<usize>()
    }

    /// Returns the fold of no events.
    pub(crate) fn new(plan: &Plan, as_of: AsOf) -> Self {
        let folds = plan.readings.iter().map(|reading| Running::new(plan, reading)).collect();
        Self { as_of, last: None, folds }
    }

    /// Pushes rows, in total order and behind all that were pushed, into every reading that sees
    /// them.
    pub(crate) fn push(&mut self, bound: &Bound<'_>, rows: Range<usize>) {
        let as_of = self.as_of;
        let columns = &bound.columns;
        let days = &columns.day[rows.clone()];
        let end = rows.start + days.partition_point(|day| *day <= as_of.day.0);
        for (reading, fold) in bound.plan.readings.iter().zip(&mut self.folds) {
            let before = reading.window.day_before(as_of).0;
            let start = rows.start + days.partition_point(|day| *day <= before);
            if start < end {
                fold.push_rows(bound, reading, start..end, as_of);
            }
        }
    }

    /// Fills in the summary of every reading.
    pub(crate) fn summaries(&self, summaries: &mut Vec<Summary>, readings: &[Reading]) {
        summaries.clear();
        summaries.extend(self.folds.iter().zip(readings).map(|(fold, reading)| fold.summary(reading, self.as_of)));
    }
}

impl Running {
    fn new(plan: &Plan, reading: &Reading) -> Self {
        let measure = plan.signals[reading.signal].measure;
        match reading.question {
            Question::Total => Self::Total { n: 0, sum: 0 },
            Question::Decayed { .. } => Self::Decayed { past: Total::default(), day: 0, n: 0, sum: 0 },
            Question::Days => Self::Days(DayFold::default()),
            Question::Extremes => Self::Extremes(None),
            Question::Times => Self::Times(None),
            Question::Ends if matches!(measure, Measure::NumberEnds { .. }) => Self::NumberEnds(None),
            Question::Ends => Self::CodeEnds(None),
            Question::Sessions { gap_us } => Self::Sessions(SessionFold::new(gap_us)),
            Question::Intervals => Self::Intervals(IntervalFold::default()),
            Question::Changes => Self::Changes(ChangeFold::default()),
            Question::Tally { .. } => Self::Tally(Box::default()),
        }
    }

    fn push_rows(&mut self, bound: &Bound<'_>, reading: &Reading, rows: Range<usize>, as_of: AsOf) {
        let signal = &bound.plan.signals[reading.signal];
        let (mask, level) = (&bound.masks[signal.selection], bound.plan.selections[signal.selection].level);
        let mut changed = false;
        let mut push = |unit: Unit| {
            changed = true;
            self.push_unit(bound, (reading, signal.measure), unit, as_of);
        };
        match level {
            Level::Events => mask.each(rows, |row| push(Unit { row, unit: row })),
            Level::Lines => {
                for row in rows {
                    mask.each(bound.units(level, row..row + 1), |unit| push(Unit { row, unit }));
                }
            }
        }
        if changed
            && let Self::Tally(tally) = self
            && let Question::Tally { wanted } = reading.question
        {
            tally.summarise(bound, (signal.measure, wanted));
        }
    }

    fn push_unit(&mut self, bound: &Bound<'_>, (reading, measure): (&Reading, Measure), at: Unit, as_of: AsOf) {
        let columns = &bound.columns;
        let Unit { row, unit } = at;
        let amount = || match measure {
            Measure::Sum { field } => i128::from(numbers(columns, field)[unit]),
            Measure::Count
            | Measure::Extremes { .. }
            | Measure::Times
            | Measure::Tally { .. }
            | Measure::NumberEnds { .. }
            | Measure::TextEnds { .. }
            | Measure::Instants
            | Measure::Sequence { .. } => 0,
        };
        match self {
            Self::Total { n, sum } => {
                *n += 1;
                *sum += amount();
            }
            Self::Decayed { past, day, n, sum } => {
                if *day != columns.day[row] {
                    *past = decayed(reading, (*past, *day, *n, *sum), as_of);
                    (*day, *n, *sum) = (columns.day[row], 0, 0);
                }
                *n += 1;
                *sum += amount();
            }
            Self::Days(days) => days.push(columns.day[row]),
            Self::Times(times) => widen(times, columns.occurred_at[row]),
            Self::Sessions(sessions) => sessions.push(columns.occurred_at[row]),
            Self::Intervals(intervals) => intervals.push(columns.occurred_at[row]),
            Self::Extremes(extremes) => {
                if let Measure::Extremes { field } = measure {
                    let number = numbers(columns, field)[unit];
                    let (min, max) = extremes.unwrap_or((number, number));
                    *extremes = Some((min.min(number), max.max(number)));
                }
            }
            Self::NumberEnds(ends) => {
                if let Measure::NumberEnds { field } = measure {
                    widen(ends, numbers(columns, field)[unit]);
                }
            }
            Self::CodeEnds(ends) => {
                if let Measure::TextEnds { field } = measure {
                    widen(ends, codes(columns, field).0[unit]);
                }
            }
            Self::Changes(changes) => {
                if let Measure::Sequence { of } = measure {
                    changes.push(code_of(bound, of, at));
                }
            }
            Self::Tally(tally) => {
                if let Measure::Tally { of } = measure {
                    tally.push(code_of(bound, of, at));
                }
            }
        }
    }

    fn summary(&self, reading: &Reading, as_of: AsOf) -> Summary {
        match self {
            Self::Total { n, sum } => Summary::Total(Total::new(*n, *sum)),
            Self::Decayed { past, day, n, sum } => Summary::Total(decayed(reading, (*past, *day, *n, *sum), as_of)),
            Self::Days(days) => Summary::Days(*days),
            Self::Extremes(extremes) => Summary::Extremes(*extremes),
            Self::Times(times) => Summary::Times(*times),
            Self::NumberEnds(ends) => Summary::NumberEnds(*ends),
            Self::CodeEnds(ends) => Summary::CodeEnds(*ends),
            Self::Sessions(sessions) => Summary::Sessions(*sessions),
            Self::Intervals(intervals) => Summary::Intervals(*intervals),
            Self::Changes(changes) => Summary::Changes(changes.finish()),
            Self::Tally(tally) => Summary::Tally(tally.summary),
        }
    }
}

impl RunningTally {
    fn push(&mut self, code: u32) {
        match self.counts.binary_search_by_key(&code, |(known, _)| *known) {
            Ok(place) => self.counts[place].1 += 1,
            Err(place) => self.counts.insert(place, (code, 1)),
        }
    }

    fn summarise(&mut self, bound: &Bound<'_>, (measure, wanted): (Measure, Wanted)) {
        self.summary = Tally { n_distinct: count(self.counts.len()), ..Tally::default() };
        if wanted.entropy {
            let mut sorted: Vec<u64> = self.counts.iter().map(|(_, count)| *count).collect();
            self.summary.entropy = fold::entropy(&mut sorted);
        }
        let Measure::Tally { of } = measure else { return };
        if wanted.most_frequent {
            let counts = self.counts.iter().copied();
            self.summary.most_frequent = match of {
                CodeSource::Field(field) => {
                    let dictionary = codes(&bound.columns, field).1;
                    fold::most_frequent(counts, |code| dictionary[crate::number::index(code)].as_str())
                }
                CodeSource::Hour => fold::most_frequent(counts, |code| code),
                CodeSource::Weekday | CodeSource::Day => fold::most_frequent(counts, |code| clock_text(of, code)),
            };
        }
    }
}

/// Returns the decayed total with the day that is not over.
fn decayed(reading: &Reading, (past, day, n, sum): (Total, i32, u64, i128), as_of: AsOf) -> Total {
    let mut total = past;
    if n > 0
        && let Question::Decayed { half_life_days } = reading.question
    {
        total.add_day(i64::from(as_of.day.0) - i64::from(day), half_life_days, Total::new(n, sum));
    }
    total
}

fn code_of(bound: &Bound<'_>, of: CodeSource, at: Unit) -> u32 {
    match of {
        CodeSource::Field(field) => codes(&bound.columns, field).0[at.unit],
        CodeSource::Hour | CodeSource::Weekday | CodeSource::Day => row_clock(bound, of, at.row),
    }
}

/// Takes the next value as the last one, and as the first where there is none.
fn widen<T: Copy>(ends: &mut Option<(T, T)>, next: T) {
    *ends = Some((ends.map_or(next, |(first, _)| first), next));
}
