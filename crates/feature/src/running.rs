//! A fold that is kept while events of its profile keep coming: the next one costs what it changes
//! and not what the history is long.
//!
//! It is as of one day. An event that is later than all before, and not after that day, is pushed
//! into the fold of every reading that sees it; the summaries are those of the kernel, to the bit.
//! On a later day windows that an event has left are folded again from the rows that are still in
//! them, which are read from where the longest of them begins.
//!
//! Whoever had a late event may have more, for what several connections bring overtakes itself. So
//! from then on what was known some events ago is kept too, and a late event behind that costs the few
//! rows since. Anything else (an event of long ago, other carriers) needs the whole history again.

use std::num::NonZeroU32;
use std::ops::Range;

use smallvec::SmallVec;
use throng_event::{AsOf, Day};

use crate::fold::{self, ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Tally, Total};
use crate::history::Cursor;
use crate::number::{count, index};
use crate::plan::{CodeSource, Measure, Plan, Question, Wanted};
use crate::read::clock_text;
use crate::routes::{Rows, Unit, has_left};

/// The fold of one profile as of one day, ready for its next event.
///
/// Made by [`HistoryFold::start`](crate::HistoryFold::start), brought on by
/// [`HistoryFold::extend`](crate::HistoryFold::extend).
#[derive(Debug, Clone)]
pub struct RunningFold {
    pub(crate) as_of: AsOf,
    /// The place of the last event; [`None`] without events.
    pub(crate) last: Option<(i64, i64)>,
    /// Where the longest window begins in the history of each carrier.
    pub(crate) starts: Vec<Cursor>,
    folds: Folds,
    /// What it was some events ago, for late ones.
    pub(crate) earlier: Option<Box<Earlier>>,
}

/// What a fold was behind an event that is some events ago.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// The place of that event.
    pub(crate) last: (i64, i64),
    /// Where the events behind it begin in the history of each carrier.
    pub(crate) rests: Vec<Cursor>,
    folds: Folds,
}

/// What is kept of all readings, those of one kind in a list: so many profiles are kept that what
/// an event costs is how much of this has to come from afar.
#[derive(Debug, Clone)]
struct Folds {
    /// A history of 2^32 units takes gigabytes, so none is as long.
    counts: Box<[u32]>,
    sums: Box<[(u64, i128)]>,
    ends: Box<[Option<(i64, i64)>]>,
    code_ends: Box<[Option<(u32, u32)>]>,
    days: Box<[DayFold]>,
    sessions: Box<[SessionFold]>,
    tallies: Box<[RunningTally]>,
    decayed: Box<[Decayed]>,
    intervals: Box<[IntervalFold]>,
    changes: Box<[ChangeFold]>,
}

/// Where the fold of a reading is kept, and what is pushed into it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    Count {
        place: usize,
    },
    Sum {
        place: usize,
        field: usize,
    },
    Extremes {
        place: usize,
        field: usize,
    },
    Times {
        place: usize,
    },
    NumberEnds {
        place: usize,
        field: usize,
    },
    CodeEnds {
        place: usize,
        field: usize,
    },
    Days {
        place: usize,
    },
    Sessions {
        place: usize,
    },
    Tally {
        place: usize,
        of: CodeSource,
        wanted: Wanted,
    },
    /// Without a field what is summed is 0.
    Decayed {
        place: usize,
        field: Option<usize>,
        half_life_days: NonZeroU32,
    },
    Intervals {
        place: usize,
    },
    Changes {
        place: usize,
        of: CodeSource,
    },
}

/// Where the folds of a plan are kept, and what they are without events.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// For every reading.
    pub(crate) slots: Vec<Slot>,
    empty: Folds,
}

/// A total of days that are over, and of the last.
#[derive(Debug, Clone, Copy, Default)]
struct Decayed {
    past: Total,
    day: i32,
    n: u64,
    sum: i128,
}

#[derive(Debug, Clone, Default)]
struct RunningTally {
    /// How often each code came, ascending by code.
    counts: Vec<(u32, u32)>,
    /// Of these counts; [`None`] when one of them has changed since.
    summary: Option<Tally>,
}

/// Whether a row that left a window could be taken out of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakenOut {
    Yes,
    /// What is in the window has to be folded again.
    No,
}

impl Shape {
    pub(crate) fn new(plan: &Plan) -> Self {
        fn put<T>(list: &mut Vec<T>, empty: T) -> usize {
            list.push(empty);
            list.len() - 1
        }
        let (mut counts, mut sums, mut ends, mut code_ends, mut days) = (vec![], vec![], vec![], vec![], vec![]);
        let (mut sessions, mut tallies, mut decayed, mut intervals, mut changes) =
            (vec![], vec![], vec![], vec![], vec![]);
        let mut slot = |question: Question, measure: Measure| match (question, measure) {
            (Question::Total, Measure::Count) => Slot::Count { place: put(&mut counts, 0) },
            (Question::Total, Measure::Sum { field }) => Slot::Sum { place: put(&mut sums, (0, 0)), field },
            (Question::Extremes, Measure::Extremes { field }) => Slot::Extremes { place: put(&mut ends, None), field },
            (Question::Times, Measure::Times) => Slot::Times { place: put(&mut ends, None) },
            (Question::Ends, Measure::NumberEnds { field }) => Slot::NumberEnds { place: put(&mut ends, None), field },
            (Question::Ends, Measure::TextEnds { field }) => Slot::CodeEnds { place: put(&mut code_ends, None), field },
            (Question::Days, Measure::Count) => Slot::Days { place: put(&mut days, DayFold::default()) },
            (Question::Sessions { gap_us }, Measure::Instants) => {
                Slot::Sessions { place: put(&mut sessions, SessionFold::new(gap_us)) }
            }
            (Question::Tally { wanted }, Measure::Tally { of }) => {
                Slot::Tally { place: put(&mut tallies, RunningTally::default()), of, wanted }
            }
            (Question::Decayed { half_life_days }, Measure::Count) => {
                Slot::Decayed { place: put(&mut decayed, Decayed::default()), field: None, half_life_days }
            }
            (Question::Decayed { half_life_days }, Measure::Sum { field }) => {
                Slot::Decayed { place: put(&mut decayed, Decayed::default()), field: Some(field), half_life_days }
            }
            (Question::Intervals, Measure::Instants) => {
                Slot::Intervals { place: put(&mut intervals, IntervalFold::default()) }
            }
            (Question::Changes, Measure::Sequence { of }) => {
                Slot::Changes { place: put(&mut changes, ChangeFold::default()), of }
            }
            (question, measure) => unreachable!("{question:?} is not asked of {measure:?}"),
        };
        let readings = plan.readings.iter().map(|reading| (reading.question, plan.signals[reading.signal].measure));
        let slots = readings.map(|(question, measure)| slot(question, measure)).collect();
        let empty = Folds {
            counts: counts.into(),
            sums: sums.into(),
            ends: ends.into(),
            code_ends: code_ends.into(),
            days: days.into(),
            sessions: sessions.into(),
            tallies: tallies.into(),
            decayed: decayed.into(),
            intervals: intervals.into(),
            changes: changes.into(),
        };
        Self { slots, empty }
    }
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
        let of_cursors = |cursors: &Vec<Cursor>| cursors.capacity() * size_of::<Cursor>();
        let of_earlier = |earlier: &Earlier| size_of::<Earlier>() + earlier.folds.memory() + of_cursors(&earlier.rests);
        let earlier = self.earlier.as_deref().map_or(0, of_earlier);
        size_of::<Self>() + self.folds.memory() + of_cursors(&self.starts) + earlier
    }

    /// Returns the fold of no events.
    pub(crate) fn new(shape: &Shape, as_of: AsOf) -> Self {
        Self { as_of, last: None, starts: Vec::new(), folds: shape.empty.clone(), earlier: None }
    }

    /// Forgets all events.
    pub(crate) fn clear(&mut self, shape: &Shape, as_of: AsOf) {
        (self.as_of, self.last, self.earlier) = (as_of, None, None);
        self.starts.clear();
        shape.slots.iter().for_each(|slot| self.folds.forget(*slot, shape));
    }

    /// Pushes some of these rows, in total order and behind all that were pushed, into every reading
    /// that sees them.
    pub(crate) fn push(&mut self, rows: Rows<'_>, some: Range<usize>) {
        self.folds.push_where((rows, some), self.as_of, |_, _| true);
    }

    /// Keeps what it is now, behind the event of a place, for late ones; `rests` begin behind that event.
    pub(crate) fn keep_earlier(&mut self, last: (i64, i64), rests: Vec<Cursor>) {
        self.earlier = Some(Box::new(Earlier { last, rests, folds: self.folds.clone() }));
    }

    /// Becomes what it was behind the last of the first rows, which are behind what it was
    /// [earlier](Self::earlier).
    pub(crate) fn go_back(&mut self, rows: Rows<'_>, first: Range<usize>) {
        if let Some(earlier) = &mut self.earlier {
            earlier.folds.push_where((rows, first), self.as_of, |_, _| true);
            self.folds.become_as(&earlier.folds);
        }
    }

    /// Goes on to a later day; `rows` are all that the longest window saw, and all behind them.
    pub(crate) fn advance(&mut self, rows: Rows<'_>, as_of: AsOf, left: &mut Vec<bool>) {
        debug_assert!(!rows.routes.any_ages, "what is weighed by age is another every day");
        let (days, shape) = ((self.as_of.day, as_of.day), &rows.routes.shape);
        left.clear();
        left.resize(shape.slots.len(), false);
        let n_seen = rows.decoded.day.partition_point(|day| *day <= days.0.0);
        for row in (0..n_seen).filter(|row| rows.routes.any_leaves(rows.day(*row), days)) {
            rows.each(row, |step, unit| {
                let left = &mut left[step.reading];
                if !*left && has_left(rows.plan.readings[step.reading].window, rows.day(row), days) {
                    *left = self.folds.take_out(rows, step.slot, unit) == TakenOut::No;
                }
            });
        }
        (self.as_of, self.earlier) = (as_of, None);
        // The rows before are in no window that lacks any.
        let mut first = days.0.0.saturating_add(1);
        for (idx, reading) in rows.plan.readings.iter().enumerate().filter(|(idx, _)| left[*idx]) {
            self.folds.forget(shape.slots[idx], shape);
            first = first.min(reading.window.day_before(as_of).0.saturating_add(1));
        }
        let some = rows.decoded.day.partition_point(|day| *day < first)..rows.decoded.day.len();
        self.folds.push_where((rows, some), as_of, |reading, day| left[reading] || day > days.0.0);
    }

    /// Fills in the summary of every reading; `texts` are those of a field's codes.
    pub(crate) fn summaries<'d>(
        &mut self,
        summaries: &mut Vec<Summary>,
        shape: &Shape,
        texts: &dyn Fn(usize) -> &'d [String],
    ) {
        summaries.clear();
        let as_of = self.as_of;
        summaries.extend(shape.slots.iter().map(|slot| self.folds.summary(*slot, as_of, texts)));
    }
}

impl Folds {
    fn memory(&self) -> usize {
        let of_tally = |tally: &RunningTally| tally.counts.capacity() * size_of::<(u32, u32)>();
        size_of_val(&*self.counts)
            + size_of_val(&*self.sums)
            + size_of_val(&*self.ends)
            + size_of_val(&*self.code_ends)
            + size_of_val(&*self.days)
            + size_of_val(&*self.sessions)
            + size_of_val(&*self.tallies)
            + size_of_val(&*self.decayed)
            + size_of_val(&*self.intervals)
            + size_of_val(&*self.changes)
            + self.tallies.iter().map(of_tally).sum::<usize>()
    }

    /// Becomes as another one of the same shape, and keeps the memory.
    fn become_as(&mut self, other: &Self) {
        let Self { counts, sums, ends, code_ends, days, sessions, tallies, decayed, intervals, changes } = self;
        counts.clone_from(&other.counts);
        sums.clone_from(&other.sums);
        ends.clone_from(&other.ends);
        code_ends.clone_from(&other.code_ends);
        days.clone_from(&other.days);
        sessions.clone_from(&other.sessions);
        tallies.clone_from(&other.tallies);
        decayed.clone_from(&other.decayed);
        intervals.clone_from(&other.intervals);
        changes.clone_from(&other.changes);
    }

    /// Pushes those of some rows that are until a day into those readings that see them and lack them.
    #[inline]
    fn push_where(&mut self, (rows, some): (Rows<'_>, Range<usize>), as_of: AsOf, lacks: impl Fn(usize, i32) -> bool) {
        let windows = rows.routes.windows.iter().map(|window| window.day_before(as_of).0);
        let days_before: SmallVec<[i32; 8]> = windows.collect();
        let n_until = rows.decoded.day.partition_point(|day| *day <= as_of.day.0);
        for row in some.start..some.end.min(n_until) {
            let day = rows.day(row);
            rows.each(row, |step, unit| {
                if day > days_before[step.window] && lacks(step.reading, day) {
                    self.push(rows, step.slot, unit, as_of);
                }
            });
        }
    }

    /// Forgets all events of a reading, and keeps the memory.
    fn forget(&mut self, slot: Slot, shape: &Shape) {
        match slot {
            Slot::Count { place } => self.counts[place] = 0,
            Slot::Sum { place, .. } => self.sums[place] = (0, 0),
            Slot::Extremes { place, .. } | Slot::Times { place } | Slot::NumberEnds { place, .. } => {
                self.ends[place] = None;
            }
            Slot::CodeEnds { place, .. } => self.code_ends[place] = None,
            Slot::Days { place } => self.days[place] = DayFold::default(),
            Slot::Sessions { place } => self.sessions[place] = shape.empty.sessions[place],
            Slot::Tally { place, .. } => {
                self.tallies[place].counts.clear();
                self.tallies[place].summary = None;
            }
            Slot::Decayed { place, .. } => self.decayed[place] = Decayed::default(),
            Slot::Intervals { place } => self.intervals[place] = IntervalFold::default(),
            Slot::Changes { place, .. } => self.changes[place] = ChangeFold::default(),
        }
    }

    /// Takes out what was pushed first, where what is left follows from what is kept.
    fn take_out(&mut self, rows: Rows<'_>, slot: Slot, at: Unit) -> TakenOut {
        match slot {
            Slot::Count { place } => self.counts[place] -= 1,
            Slot::Sum { place, field } => {
                let (n, sum) = &mut self.sums[place];
                *n -= 1;
                *sum -= i128::from(rows.number(field, at));
            }
            Slot::Tally { place, of, .. } => self.tallies[place].take_out(rows.code(of, at)),
            Slot::Extremes { .. }
            | Slot::Times { .. }
            | Slot::NumberEnds { .. }
            | Slot::CodeEnds { .. }
            | Slot::Days { .. }
            | Slot::Sessions { .. }
            | Slot::Decayed { .. }
            | Slot::Intervals { .. }
            | Slot::Changes { .. } => return TakenOut::No,
        }
        TakenOut::Yes
    }

    #[inline]
    fn push(&mut self, rows: Rows<'_>, slot: Slot, at: Unit, as_of: AsOf) {
        match slot {
            Slot::Count { place } => self.counts[place] += 1,
            Slot::Sum { place, field } => {
                let (n, sum) = &mut self.sums[place];
                *n += 1;
                *sum += i128::from(rows.number(field, at));
            }
            Slot::Extremes { place, field } => {
                let number = rows.number(field, at);
                let (min, max) = self.ends[place].unwrap_or((number, number));
                self.ends[place] = Some((min.min(number), max.max(number)));
            }
            Slot::Times { place } => widen(&mut self.ends[place], rows.occurred_at(at)),
            Slot::NumberEnds { place, field } => widen(&mut self.ends[place], rows.number(field, at)),
            Slot::CodeEnds { place, field } => widen(&mut self.code_ends[place], rows.text(field, at)),
            Slot::Days { place } => self.days[place].push(rows.day(at.row)),
            Slot::Sessions { place } => self.sessions[place].push(rows.occurred_at(at)),
            Slot::Tally { place, of, .. } => self.tallies[place].push(rows.code(of, at)),
            Slot::Decayed { place, field, half_life_days } => {
                let (total, day) = (&mut self.decayed[place], rows.day(at.row));
                if total.day != day {
                    *total = Decayed { past: total.decayed(half_life_days, as_of), day, n: 0, sum: 0 };
                }
                total.n += 1;
                total.sum += field.map_or(0, |field| i128::from(rows.number(field, at)));
            }
            Slot::Intervals { place } => self.intervals[place].push(rows.occurred_at(at)),
            Slot::Changes { place, of } => self.changes[place].push(rows.code(of, at)),
        }
    }

    #[inline]
    fn summary<'d>(&mut self, slot: Slot, as_of: AsOf, texts: &dyn Fn(usize) -> &'d [String]) -> Summary {
        match slot {
            Slot::Count { place } => Summary::Total(Total::new(u64::from(self.counts[place]), 0)),
            Slot::Sum { place, .. } => Summary::Total(Total::new(self.sums[place].0, self.sums[place].1)),
            Slot::Extremes { place, .. } => Summary::Extremes(self.ends[place]),
            Slot::Times { place } => Summary::Times(self.ends[place]),
            Slot::NumberEnds { place, .. } => Summary::NumberEnds(self.ends[place]),
            Slot::CodeEnds { place, .. } => Summary::CodeEnds(self.code_ends[place]),
            Slot::Days { place } => Summary::Days(self.days[place]),
            Slot::Sessions { place } => Summary::Sessions(self.sessions[place]),
            Slot::Tally { place, of, wanted } => Summary::Tally(self.tallies[place].summary(of, wanted, texts)),
            Slot::Decayed { place, half_life_days, .. } => {
                Summary::Total(self.decayed[place].decayed(half_life_days, as_of))
            }
            Slot::Intervals { place } => Summary::Intervals(self.intervals[place]),
            Slot::Changes { place, .. } => Summary::Changes(self.changes[place].finish()),
        }
    }
}

impl RunningTally {
    fn push(&mut self, code: u32) {
        match self.counts.binary_search_by_key(&code, |(known, _)| *known) {
            Ok(place) => self.counts[place].1 += 1,
            Err(place) => self.counts.insert(place, (code, 1)),
        }
        self.summary = None;
    }

    fn take_out(&mut self, code: u32) {
        if let Ok(place) = self.counts.binary_search_by_key(&code, |(known, _)| *known) {
            self.counts[place].1 -= 1;
            if self.counts[place].1 == 0 {
                self.counts.remove(place);
            }
        }
        self.summary = None;
    }

    /// What it costs is spent when a count has changed.
    fn summary<'d>(&mut self, of: CodeSource, wanted: Wanted, texts: &dyn Fn(usize) -> &'d [String]) -> Tally {
        if let Some(known) = self.summary {
            return known;
        }
        let mut summary = Tally { n_distinct: count(self.counts.len()), ..Tally::default() };
        if wanted.entropy {
            let mut sorted: SmallVec<[u64; 16]> = self.counts.iter().map(|(_, count)| u64::from(*count)).collect();
            summary.entropy = fold::entropy(&mut sorted);
        }
        if wanted.most_frequent {
            let counts = self.counts.iter().map(|(code, count)| (*code, u64::from(*count)));
            summary.most_frequent = match of {
                CodeSource::Field(field) => {
                    let dictionary = texts(field);
                    fold::most_frequent(counts, |code| dictionary[index(code)].as_str())
                }
                CodeSource::Hour => fold::most_frequent(counts, |code| code),
                CodeSource::Weekday | CodeSource::Day => fold::most_frequent(counts, |code| clock_text(of, code)),
            };
        }
        self.summary = Some(summary);
        summary
    }
}

impl Decayed {
    /// Returns the total with the day that is not over.
    fn decayed(&self, half_life_days: NonZeroU32, as_of: AsOf) -> Total {
        let mut total = self.past;
        if self.n > 0 {
            let age_days = i64::from(as_of.day.0) - i64::from(self.day);
            total.add_day(age_days, half_life_days, Total::new(self.n, self.sum));
        }
        total
    }
}

/// Takes the next value as the last one, and as the first where there is none.
fn widen<T: Copy>(ends: &mut Option<(T, T)>, next: T) {
    *ends = Some((ends.map_or(next, |(first, _)| first), next));
}
