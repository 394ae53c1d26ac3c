//! The folds: points of a window in, a summary of integers out.
//!
//! Live state and batch kernel both push their points through these, in total order
//! where order matters, so equal events give equal summaries. Nothing here depends on
//! where the points come from or on what codes stand for.

use std::num::NonZeroU32;

use crate::number::{float_of, float_of_count, float_of_total};

/// What is known of one signal in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Summary {
    /// How many and how much; a weight may have been applied to each day.
    Total(Total),
    /// Active days.
    Days(DayFold),
    /// Smallest and largest; none when there is no number.
    Extremes(Option<(i64, i64)>),
    /// First and last instant.
    Times(Option<(i64, i64)>),
    /// Distribution of codes.
    Tally(Tally),
    /// First and last number.
    NumberEnds(Option<(i64, i64)>),
    /// First and last code.
    CodeEnds(Option<(u32, u32)>),
    /// Sessions.
    Sessions(SessionFold),
    /// Intervals between events.
    Intervals(IntervalFold),
    /// Changes of a code.
    Changes(ChangeFold),
}

/// A count and a sum, rounded once each from the exact integers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Total {
    pub(crate) n: f64,
    pub(crate) sum: f64,
}

impl Total {
    /// Returns the total of a whole window.
    pub(crate) fn new(n: u64, sum: i128) -> Self {
        Self { n: float_of_count(n), sum: float_of_total(sum) }
    }

    /// Adds a day that is so many days old. Days must come in ascending order, for
    /// adding floats depends on it.
    pub(crate) fn add_day(&mut self, age_days: i64, half_life_days: NonZeroU32, day: Self) {
        let weight = (-float_of(age_days) / f64::from(half_life_days.get())).exp2();
        self.n += weight * day.n;
        self.sum += weight * day.sum;
    }
}

/// Days with events, from days in ascending order with repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DayFold {
    pub(crate) n: u64,
    pub(crate) first: i32,
    pub(crate) last: i32,
    /// The sum of the squared intervals.
    pub(crate) squares: i128,
}

impl DayFold {
    #[inline]
    pub(crate) fn push(&mut self, day: i32) {
        if self.n == 0 {
            *self = Self { n: 1, first: day, last: day, squares: 0 };
        } else if self.last != day {
            let interval = i128::from(day) - i128::from(self.last);
            self.squares += interval * interval;
            self.n += 1;
            self.last = day;
        }
    }
}

/// Intervals between events in whole seconds, from instants in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IntervalFold {
    /// How many events.
    pub(crate) n: u64,
    last: i64,
    /// The sum of the intervals.
    pub(crate) sum: i128,
    /// The sum of the squared intervals.
    pub(crate) squares: i128,
}

impl IntervalFold {
    #[inline]
    pub(crate) fn push(&mut self, occurred_at: i64) {
        if self.n > 0 {
            let interval = (i128::from(occurred_at) - i128::from(self.last)) / 1_000_000;
            self.sum += interval;
            self.squares += interval * interval;
        }
        self.n += 1;
        self.last = occurred_at;
    }
}

/// Sessions, from instants in ascending order.
///
/// Sums wrap instead of failing: admission keeps instants within the years a calendar
/// knows, and on anything else the two computations are still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionFold {
    gap_us: i64,
    last: i64,
    /// How many sessions.
    pub(crate) n: u64,
    /// Microseconds within sessions.
    pub(crate) within_us: i64,
    /// Microseconds between sessions.
    pub(crate) between_us: i64,
}

impl SessionFold {
    pub(crate) fn new(gap_us: i64) -> Self {
        Self { gap_us, last: 0, n: 0, within_us: 0, between_us: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, occurred_at: i64) {
        let gap = occurred_at.wrapping_sub(self.last);
        self.last = occurred_at;
        if self.n == 0 {
            self.n = 1;
        } else if gap > self.gap_us {
            self.n += 1;
            self.between_us = self.between_us.wrapping_add(gap);
        } else {
            self.within_us = self.within_us.wrapping_add(gap);
        }
    }
}

/// Changes, from codes in total order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ChangeFold {
    /// How many values.
    pub(crate) n: u64,
    last: u32,
    /// How many differ from the one before.
    pub(crate) n_changes: u64,
}

impl ChangeFold {
    #[inline]
    pub(crate) fn push(&mut self, code: u32) {
        self.n_changes += u64::from(self.n > 0 && self.last != code);
        self.n += 1;
        self.last = code;
    }

    /// Returns the fold without the last code, whose number differs between dictionaries.
    pub(crate) fn finish(self) -> Self {
        Self { last: 0, ..self }
    }
}

/// A distribution of codes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Tally {
    /// How many different codes.
    pub(crate) n_distinct: u64,
    /// Entropy in bits, where it was wanted.
    pub(crate) entropy: f64,
    /// The code seen most often, where it was wanted and there is one.
    pub(crate) most_frequent: Option<u32>,
}

/// Returns the Shannon entropy of a distribution in bits (Shannon 1948), 0 for at most
/// one value. The counts are sorted first, so that the sum of floats, which depends on
/// the order, depends on the counts alone.
pub(crate) fn entropy(counts: &mut [u64]) -> f64 {
    if counts.len() < 2 {
        return 0.0;
    }
    counts.sort_unstable_by(|left, right| right.cmp(left));
    let total = float_of_total(counts.iter().map(|count| i128::from(*count)).sum());
    counts.iter().fold(0.0, |bits, count| {
        let share = float_of_count(*count) / total;
        bits - share * share.log2()
    })
}

/// Returns the code with the highest count; of several, the one whose text sorts first.
pub(crate) fn most_frequent<T: Ord>(counts: impl Iterator<Item = (u32, u64)>, text: impl Fn(u32) -> T) -> Option<u32> {
    let mut best: Option<(u32, u64)> = None;
    for (code, count) in counts {
        let better = match best {
            None => true,
            Some((best_code, best_count)) => {
                count > best_count || (count == best_count && text(code) < text(best_code))
            }
        };
        if better {
            best = Some((code, count));
        }
    }
    best.map(|(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn entropy_is_0_for_one_value_and_1_bit_for_two_alike() {
        assert!(close(entropy(&mut []), 0.0));
        assert!(close(entropy(&mut [7]), 0.0));
        assert!(close(entropy(&mut [3, 3]), 1.0));
        assert!(close(entropy(&mut [1, 1, 1, 1]), 2.0));
    }

    #[test]
    fn a_gap_of_exactly_the_limit_stays_in_the_session() {
        let mut sessions = SessionFold::new(30);
        [0, 10, 40, 71, 171].into_iter().for_each(|at| sessions.push(at));
        assert_eq!((sessions.n, sessions.within_us, sessions.between_us), (3, 40, 131));
    }

    #[test]
    fn a_tie_goes_to_the_text_that_sorts_first() {
        let texts = ["web", "app", "store"];
        let best = most_frequent([(0, 2), (1, 2), (2, 1)].into_iter(), |code| texts[usize::try_from(code).unwrap()]);
        assert_eq!(best, Some(1));
        assert_eq!(most_frequent(std::iter::empty(), |code| code), None);
    }

    #[test]
    fn repeated_days_and_equal_codes_count_once() {
        let mut days = DayFold::default();
        [3, 3, 5, 5, 9].into_iter().for_each(|day| days.push(day));
        assert_eq!((days.n, days.first, days.last, days.squares), (3, 3, 9, 20));
        let mut changes = ChangeFold::default();
        [7, 7, 8, 7].into_iter().for_each(|code| changes.push(code));
        assert_eq!((changes.n, changes.n_changes), (4, 2));
    }
}
