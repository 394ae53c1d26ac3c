//! A fold that is kept while events of its profile keep coming: the next one costs what it changes
//! and not what the history is long.
//!
//! It is as of one day. An event that is later than all before, and not after that day, is pushed
//! into the fold of every reading that sees it; the summaries are those of the kernel, to the bit.
//! On a later day windows that an event has left are folded again from the rows that are still in
//! them, which are read from where the longest of them begins. Anything else (a late event, an
//! earlier day, other carriers) needs the whole history again.

use smallvec::SmallVec;
use throng_event::{AsOf, Day};

use crate::fold::{self, ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Tally, Total};
use crate::history::Cursor;
use crate::number::{count, index};
use crate::plan::{CodeSource, Measure, Plan, Question, Reading, Wanted};
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
    /// For every reading of the plan.
    folds: Vec<Running>,
}

/// What is kept of one signal in one window. Most are totals and take no more memory than these need:
/// what an event costs is how much of it has to come from afar.
#[derive(Debug, Clone)]
enum Running {
    Total { n: u64, sum: i128 },
    Decayed(Box<Decayed>),
    Days(Box<DayFold>),
    Extremes(Option<(i64, i64)>),
    Times(Option<(i64, i64)>),
    NumberEnds(Option<(i64, i64)>),
    CodeEnds(Option<(u32, u32)>),
    Sessions(Box<SessionFold>),
    Intervals(Box<IntervalFold>),
    Changes(ChangeFold),
    Tally(Box<RunningTally>),
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
    counts: Vec<(u32, u64)>,
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

impl RunningFold {
    /// Returns the day that it is as of.
    #[must_use]
    pub fn day(&self) -> Day {
        self.as_of.day
    }

    /// Returns about how many bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let apart = |fold: &Running| match fold {
            Running::Tally(tally) => size_of::<RunningTally>() + tally.counts.capacity() * size_of::<(u32, u64)>(),
            Running::Decayed(_) => size_of::<Decayed>(),
            Running::Days(_) => size_of::<DayFold>(),
            Running::Sessions(_) => size_of::<SessionFold>(),
            Running::Intervals(_) => size_of::<IntervalFold>(),
            Running::Total { .. }
            | Running::Extremes(_)
            | Running::Times(_)
            | Running::NumberEnds(_)
            | Running::CodeEnds(_)
            | Running::Changes(_) => 0,
        };
        size_of::<Self>()
            + self.folds.capacity() * size_of::<Running>()
            + self.folds.iter().map(apart).sum::<usize>()
            + self.starts.capacity() * size_of::<Cursor>()
    }

    /// Returns the fold of no events.
    pub(crate) fn new(plan: &Plan, as_of: AsOf) -> Self {
        let folds = plan.readings.iter().map(|reading| Running::new(plan, reading)).collect();
        Self { as_of, last: None, starts: Vec::new(), folds }
    }

    /// Forgets all events.
    pub(crate) fn clear(&mut self, plan: &Plan, as_of: AsOf) {
        (self.as_of, self.last) = (as_of, None);
        self.starts.clear();
        self.folds.iter_mut().zip(&plan.readings).for_each(|(fold, reading)| fold.clear(plan, reading));
    }

    /// Pushes rows, in total order and behind all that were pushed, into every reading that sees
    /// them.
    pub(crate) fn push(&mut self, rows: Rows<'_>) {
        self.push_where((rows, i32::MIN), |_, _| true);
    }

    /// Goes on to a later day; `rows` are all that the longest window saw, and all behind them.
    pub(crate) fn advance(&mut self, rows: Rows<'_>, as_of: AsOf, left: &mut Vec<bool>) {
        debug_assert!(!rows.routes.any_ages, "what is weighed by age is another every day");
        let days = (self.as_of.day, as_of.day);
        left.clear();
        left.resize(self.folds.len(), false);
        let n_seen = rows.decoded.day.partition_point(|day| *day <= days.0.0);
        for row in (0..n_seen).filter(|row| rows.routes.any_leaves(rows.day(*row), days)) {
            rows.each(row, |idx, unit| {
                let reading = &rows.plan.readings[idx];
                if !left[idx] && has_left(reading.window, rows.day(row), days) {
                    left[idx] = self.folds[idx].take_out(rows, reading, unit) == TakenOut::No;
                }
            });
        }
        self.as_of = as_of;
        // The rows before are in no window that lacks any.
        let mut first = days.0.0.saturating_add(1);
        for (idx, reading) in rows.plan.readings.iter().enumerate().filter(|(idx, _)| left[*idx]) {
            self.folds[idx].clear(rows.plan, reading);
            first = first.min(reading.window.day_before(as_of).0.saturating_add(1));
        }
        self.push_where((rows, first), |reading, day| left[reading] || day > days.0.0);
    }

    /// Pushes rows from a day on into those readings that see them and lack them.
    fn push_where(&mut self, (rows, first): (Rows<'_>, i32), lacks: impl Fn(usize, i32) -> bool) {
        let as_of = self.as_of;
        let days = &rows.decoded.day;
        for row in days.partition_point(|day| *day < first)..days.partition_point(|day| *day <= as_of.day.0) {
            let day = rows.day(row);
            rows.each(row, |idx, unit| {
                let reading = &rows.plan.readings[idx];
                if day > reading.window.day_before(as_of).0 && lacks(idx, day) {
                    self.folds[idx].push(rows, reading, unit, as_of);
                }
            });
        }
    }

    /// Fills in the summary of every reading; `texts` are those of a field's codes.
    pub(crate) fn summaries<'d>(
        &mut self,
        summaries: &mut Vec<Summary>,
        plan: &Plan,
        texts: &dyn Fn(usize) -> &'d [String],
    ) {
        summaries.clear();
        let as_of = self.as_of;
        let folds = self.folds.iter_mut().zip(&plan.readings);
        summaries.extend(folds.map(|(fold, reading)| fold.summary((plan, reading), as_of, texts)));
    }
}

impl Running {
    fn new(plan: &Plan, reading: &Reading) -> Self {
        let measure = plan.signals[reading.signal].measure;
        match reading.question {
            Question::Total => Self::Total { n: 0, sum: 0 },
            Question::Decayed { .. } => Self::Decayed(Box::default()),
            Question::Days => Self::Days(Box::default()),
            Question::Extremes => Self::Extremes(None),
            Question::Times => Self::Times(None),
            Question::Ends if matches!(measure, Measure::NumberEnds { .. }) => Self::NumberEnds(None),
            Question::Ends => Self::CodeEnds(None),
            Question::Sessions { gap_us } => Self::Sessions(Box::new(SessionFold::new(gap_us))),
            Question::Intervals => Self::Intervals(Box::default()),
            Question::Changes => Self::Changes(ChangeFold::default()),
            Question::Tally { .. } => Self::Tally(Box::default()),
        }
    }

    /// Forgets all events, and keeps the memory.
    fn clear(&mut self, plan: &Plan, reading: &Reading) {
        match (self, reading.question) {
            (Self::Tally(tally), _) => {
                tally.counts.clear();
                tally.summary = None;
            }
            (Self::Days(days), _) => **days = DayFold::default(),
            (Self::Sessions(sessions), Question::Sessions { gap_us }) => **sessions = SessionFold::new(gap_us),
            (Self::Intervals(intervals), _) => **intervals = IntervalFold::default(),
            (other, _) => *other = Self::new(plan, reading),
        }
    }

    /// Takes out what was pushed first, where what is left follows from what is kept.
    fn take_out(&mut self, rows: Rows<'_>, reading: &Reading, at: Unit) -> TakenOut {
        match (self, rows.plan.signals[reading.signal].measure) {
            (Self::Total { n, sum }, measure) => {
                *n -= 1;
                *sum -= amount(rows, measure, at);
                TakenOut::Yes
            }
            (Self::Tally(tally), Measure::Tally { of }) => {
                tally.take_out(rows.code(of, at));
                TakenOut::Yes
            }
            _ => TakenOut::No,
        }
    }

    #[inline]
    fn push(&mut self, rows: Rows<'_>, reading: &Reading, at: Unit, as_of: AsOf) {
        let measure = rows.plan.signals[reading.signal].measure;
        let (day, occurred_at) = (rows.decoded.day[at.row], rows.decoded.occurred_at[at.row]);
        match (self, measure) {
            (Self::Total { n, sum }, _) => {
                *n += 1;
                *sum += amount(rows, measure, at);
            }
            (Self::Decayed(total), _) => {
                if total.day != day {
                    **total = Decayed { past: total.decayed(reading, as_of), day, n: 0, sum: 0 };
                }
                total.n += 1;
                total.sum += amount(rows, measure, at);
            }
            (Self::Days(days), _) => days.push(day),
            (Self::Times(times), _) => widen(times, occurred_at),
            (Self::Sessions(sessions), _) => sessions.push(occurred_at),
            (Self::Intervals(intervals), _) => intervals.push(occurred_at),
            (Self::Extremes(extremes), Measure::Extremes { field }) => {
                let number = rows.number(field, at);
                let (min, max) = extremes.unwrap_or((number, number));
                *extremes = Some((min.min(number), max.max(number)));
            }
            (Self::NumberEnds(ends), Measure::NumberEnds { field }) => widen(ends, rows.number(field, at)),
            (Self::CodeEnds(ends), Measure::TextEnds { field }) => widen(ends, rows.text(field, at)),
            (Self::Changes(changes), Measure::Sequence { of }) => changes.push(rows.code(of, at)),
            (Self::Tally(tally), Measure::Tally { of }) => tally.push(rows.code(of, at)),
            (other, measure) => unreachable!("{measure:?} is not kept as {other:?}"),
        }
    }

    fn summary<'d>(
        &mut self,
        (plan, reading): (&Plan, &Reading),
        as_of: AsOf,
        texts: &dyn Fn(usize) -> &'d [String],
    ) -> Summary {
        match self {
            Self::Total { n, sum } => Summary::Total(Total::new(*n, *sum)),
            Self::Decayed(total) => Summary::Total(total.decayed(reading, as_of)),
            Self::Days(days) => Summary::Days(**days),
            Self::Extremes(extremes) => Summary::Extremes(*extremes),
            Self::Times(times) => Summary::Times(*times),
            Self::NumberEnds(ends) => Summary::NumberEnds(*ends),
            Self::CodeEnds(ends) => Summary::CodeEnds(*ends),
            Self::Sessions(sessions) => Summary::Sessions(**sessions),
            Self::Intervals(intervals) => Summary::Intervals(**intervals),
            Self::Changes(changes) => Summary::Changes(changes.finish()),
            Self::Tally(tally) => match (reading.question, plan.signals[reading.signal].measure) {
                (Question::Tally { wanted }, Measure::Tally { of }) => Summary::Tally(tally.summary(of, wanted, texts)),
                (question, measure) => unreachable!("{question:?} is not asked of {measure:?}"),
            },
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
            let mut sorted: SmallVec<[u64; 16]> = self.counts.iter().map(|(_, count)| *count).collect();
            summary.entropy = fold::entropy(&mut sorted);
        }
        if wanted.most_frequent {
            let counts = self.counts.iter().copied();
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

/// Returns what a unit adds to a sum.
#[inline]
fn amount(rows: Rows<'_>, measure: Measure, at: Unit) -> i128 {
    match measure {
        Measure::Sum { field } => i128::from(rows.number(field, at)),
        Measure::Count
        | Measure::Extremes { .. }
        | Measure::Times
        | Measure::Tally { .. }
        | Measure::NumberEnds { .. }
        | Measure::TextEnds { .. }
        | Measure::Instants
        | Measure::Sequence { .. } => 0,
    }
}

impl Decayed {
    /// Returns the total with the day that is not over.
    fn decayed(&self, reading: &Reading, as_of: AsOf) -> Total {
        let mut total = self.past;
        if self.n > 0
            && let Question::Decayed { half_life_days } = reading.question
        {
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
