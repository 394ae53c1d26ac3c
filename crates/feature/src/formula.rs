//! From summaries to values: the only place where features become floats.
//!
//! Both computations end here, with equal summaries, and so with equal bits.

use throng_event::AsOf;

use crate::WhenEmpty;
use crate::fold::{ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Tally, Total};
use crate::number::{float_of, float_of_count, float_of_total};
use crate::plan::{Amount, CodeSource, Formula};

/// A value whose category is still a code of the computation's own dictionary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// A number.
    Number(f64),
    /// A category, as a code of its source.
    Code(CodeSource, u32),
    /// No value.
    Missing,
}

/// Microseconds of a day.
const DAY_US: f64 = 86_400e6;
/// Microseconds of a second.
const SECOND_US: f64 = 1e6;

/// Returns the value of a formula over the summaries of all readings.
pub(crate) fn evaluate(formula: &Formula, summaries: &[Summary], as_of: AsOf) -> Outcome {
    let of = Summaries(summaries);
    match formula {
        Formula::Count { total } => Outcome::Number(of.total(*total).n),
        Formula::Sum { total, unit } => Outcome::Number(of.total(*total).sum / unit),
        Formula::Mean { total, unit } => {
            let total = of.total(*total);
            quotient(total.sum / unit, total.n)
        }
        Formula::Min { extremes, unit } => in_unit(of.numbers(*extremes).map(|(min, _)| min), *unit),
        Formula::Max { extremes, unit } => in_unit(of.numbers(*extremes).map(|(_, max)| max), *unit),
        Formula::FirstNumber { ends, unit } => in_unit(of.numbers(*ends).map(|(first, _)| first), *unit),
        Formula::LastNumber { ends, unit } => in_unit(of.numbers(*ends).map(|(_, last)| last), *unit),
        Formula::FirstText { ends, of: source } => category(*source, of.codes(*ends).map(|(first, _)| first)),
        Formula::LastText { ends, of: source } => category(*source, of.codes(*ends).map(|(_, last)| last)),
        Formula::Distinct { tally } => Outcome::Number(float_of_count(of.tally(*tally).n_distinct)),
        Formula::Entropy { tally } => {
            let tally = of.tally(*tally);
            if tally.n_distinct == 0 { Outcome::Missing } else { Outcome::Number(tally.entropy) }
        }
        Formula::MostFrequent { tally, of: source } => category(*source, of.tally(*tally).most_frequent),
        Formula::CountShare { part, whole } => quotient(of.total(*part).n, of.total(*whole).n),
        Formula::SumShare { part, whole } => quotient(of.total(*part).sum, of.total(*whole).sum),
        Formula::Switches { changes } => Outcome::Number(float_of_count(of.changes(*changes).n_changes)),
        Formula::SwitchRate { changes } => {
            let changes = of.changes(*changes);
            quotient(float_of_count(changes.n_changes), float_of_count(changes.n.saturating_sub(1)))
        }
        Formula::Ratio { numerator, denominator, empty } => ratio(of.amount(numerator), of.amount(denominator), *empty),
        Formula::Elsewhere => Outcome::Missing,
        Formula::Recency { .. }
        | Formula::Tenure { .. }
        | Formula::Span { .. }
        | Formula::Sessions { .. }
        | Formula::SessionTime { .. }
        | Formula::SessionLengthMean { .. }
        | Formula::SessionGapMean { .. }
        | Formula::DayRegularity { .. }
        | Formula::EventRegularity { .. }
        | Formula::Trend { .. }
        | Formula::ActiveDays { .. } => evaluate_time(formula, of, as_of),
    }
}

/// The formulas over times alone.
fn evaluate_time(formula: &Formula, of: Summaries<'_>, as_of: AsOf) -> Outcome {
    match formula {
        Formula::Recency { times } => days_between(of.times(*times).map(|(_, last)| (last, as_of.end.0))),
        Formula::Tenure { times } => days_between(of.times(*times).map(|(first, _)| (first, as_of.end.0))),
        Formula::Span { times } => days_between(of.times(*times)),
        Formula::Sessions { sessions } => Outcome::Number(float_of_count(of.sessions(*sessions).n)),
        Formula::SessionTime { sessions } => Outcome::Number(float_of(of.sessions(*sessions).within_us) / SECOND_US),
        Formula::SessionLengthMean { sessions } => {
            let sessions = of.sessions(*sessions);
            quotient(float_of(sessions.within_us) / SECOND_US, float_of_count(sessions.n))
        }
        Formula::SessionGapMean { sessions } => {
            let sessions = of.sessions(*sessions);
            quotient(float_of(sessions.between_us) / DAY_US, float_of_count(sessions.n.saturating_sub(1)))
        }
        Formula::DayRegularity { days } => {
            let days = of.days(*days);
            variation(days.n, i128::from(days.last) - i128::from(days.first), days.squares)
        }
        Formula::EventRegularity { intervals } => {
            let intervals = of.intervals(*intervals);
            variation(intervals.n, intervals.sum, intervals.squares)
        }
        Formula::Trend { recent, usual, usual_days, n_days, n_days_usual } => {
            let history = history_days(of.days(*usual_days), as_of, *n_days_usual).max(i64::from(*n_days));
            trend(of.total(*recent).n, of.total(*usual).n, f64::from(*n_days) / float_of(history))
        }
        Formula::ActiveDays { days } => Outcome::Number(float_of_count(of.days(*days).n)),
        Formula::Count { .. }
        | Formula::Sum { .. }
        | Formula::Mean { .. }
        | Formula::Min { .. }
        | Formula::Max { .. }
        | Formula::Distinct { .. }
        | Formula::Entropy { .. }
        | Formula::MostFrequent { .. }
        | Formula::FirstNumber { .. }
        | Formula::LastNumber { .. }
        | Formula::FirstText { .. }
        | Formula::LastText { .. }
        | Formula::CountShare { .. }
        | Formula::SumShare { .. }
        | Formula::Switches { .. }
        | Formula::SwitchRate { .. }
        | Formula::Ratio { .. }
        | Formula::Elsewhere => unreachable!("{formula:?} looks at more than times"),
    }
}

/// Returns a part of a whole that is above 0; a share of nothing is missing. Decayed
/// weights can underflow to 0, which is nothing, too.
fn quotient(part: f64, whole: f64) -> Outcome {
    if whole > 0.0 { finite(part / whole) } else { Outcome::Missing }
}

/// A quotient by a subnormal weight can leave the range of floats; then there is no value.
fn finite(number: f64) -> Outcome {
    if number.is_finite() { Outcome::Number(number) } else { Outcome::Missing }
}

fn ratio(numerator: f64, denominator: f64, empty: WhenEmpty) -> Outcome {
    match empty {
        WhenEmpty::AtLeastOne => finite(numerator / denominator.max(1.0)),
        WhenEmpty::Zero if denominator == 0.0 => Outcome::Number(0.0),
        WhenEmpty::Missing if denominator == 0.0 => Outcome::Missing,
        WhenEmpty::Zero | WhenEmpty::Missing => finite(numerator / denominator),
    }
}

fn in_unit(number: Option<i64>, unit: f64) -> Outcome {
    number.map_or(Outcome::Missing, |number| Outcome::Number(float_of(number) / unit))
}

fn category(source: CodeSource, code: Option<u32>) -> Outcome {
    code.map_or(Outcome::Missing, |code| Outcome::Code(source, code))
}

fn days_between(times: Option<(i64, i64)>) -> Outcome {
    times.map_or(Outcome::Missing, |(from, to)| Outcome::Number(float_of(to.wrapping_sub(from)) / DAY_US))
}

/// Returns the coefficient of variation of the `n − 1` intervals between n points:
/// sqrt(m Σx² − (Σx)²) / Σx for m intervals, exact up to the root.
fn variation(n_points: u64, sum: i128, squares: i128) -> Outcome {
    if n_points < 3 || sum == 0 {
        return Outcome::Missing;
    }
    let spread = i128::from(n_points - 1).saturating_mul(squares).saturating_sub(sum.saturating_mul(sum));
    finite(float_of_total(spread).max(0.0).sqrt() / float_of_total(sum))
}

/// Returns how many days of the longer window have a history: from its first event on.
fn history_days(days: DayFold, as_of: AsOf, n_days: Option<u32>) -> i64 {
    let since_first = i64::from(as_of.day.0) - i64::from(days.first) + 1;
    n_days.map_or(since_first, |n_days| since_first.min(i64::from(n_days)))
}

fn trend(recent: f64, usual: f64, share_of_history: f64) -> Outcome {
    if usual > 0.0 { Outcome::Number((recent + 1.0) / (usual * share_of_history + 1.0)) } else { Outcome::Missing }
}

/// The summaries of all readings. The planner gives every formula readings whose
/// question has the summary it needs; anything else is our own mistake.
#[derive(Clone, Copy)]
struct Summaries<'s>(&'s [Summary]);

/// Returns the contents of one variant of a summary.
macro_rules! expect_summary {
    ($summaries:expr, $reading:expr, $($pattern:pat => $value:expr),+) => {
        match $summaries.0[$reading] {
            $($pattern => $value,)+
            other => unreachable!("reading {} is {other:?}", $reading),
        }
    };
}

impl Summaries<'_> {
    fn total(self, reading: usize) -> Total {
        expect_summary!(self, reading, Summary::Total(total) => total)
    }

    fn days(self, reading: usize) -> DayFold {
        expect_summary!(self, reading, Summary::Days(days) => days)
    }

    fn times(self, reading: usize) -> Option<(i64, i64)> {
        expect_summary!(self, reading, Summary::Times(times) => times)
    }

    fn numbers(self, reading: usize) -> Option<(i64, i64)> {
        expect_summary!(self, reading, Summary::Extremes(pair) => pair, Summary::NumberEnds(pair) => pair)
    }

    fn codes(self, reading: usize) -> Option<(u32, u32)> {
        expect_summary!(self, reading, Summary::CodeEnds(pair) => pair)
    }

    fn tally(self, reading: usize) -> Tally {
        expect_summary!(self, reading, Summary::Tally(tally) => tally)
    }

    fn sessions(self, reading: usize) -> SessionFold {
        expect_summary!(self, reading, Summary::Sessions(sessions) => sessions)
    }

    fn intervals(self, reading: usize) -> IntervalFold {
        expect_summary!(self, reading, Summary::Intervals(intervals) => intervals)
    }

    fn changes(self, reading: usize) -> ChangeFold {
        expect_summary!(self, reading, Summary::Changes(changes) => changes)
    }

    /// Adds up the terms of one side of a ratio, in their order.
    fn amount(self, terms: &[Amount]) -> f64 {
        terms.iter().fold(0.0, |sum, term| {
            sum + match term {
                Amount::Count { total } => self.total(*total).n,
                Amount::Sum { total, unit } => self.total(*total).sum / unit,
                Amount::Sessions { sessions } => float_of_count(self.sessions(*sessions).n),
                Amount::SessionTime { sessions } => float_of(self.sessions(*sessions).within_us) / SECOND_US,
                Amount::ActiveDays { days } => float_of_count(self.days(*days).n),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(outcome: Outcome) -> Option<f64> {
        match outcome {
            Outcome::Number(number) => Some(number),
            Outcome::Code(..) | Outcome::Missing => None,
        }
    }

    #[test]
    fn an_empty_denominator_is_what_the_definition_says() {
        assert_eq!(number(ratio(3.0, 0.0, WhenEmpty::Missing)), None);
        assert_eq!(number(ratio(3.0, 0.0, WhenEmpty::Zero)), Some(0.0));
        assert_eq!(number(ratio(3.0, 0.0, WhenEmpty::AtLeastOne)), Some(3.0));
        assert_eq!(number(ratio(3.0, 0.5, WhenEmpty::AtLeastOne)), Some(3.0));
        assert_eq!(number(ratio(3.0, 2.0, WhenEmpty::Missing)), Some(1.5));
    }

    #[test]
    fn equal_intervals_do_not_vary() {
        assert_eq!(number(variation(4, 21, 3 * 49)), Some(0.0));
        assert_eq!(number(variation(2, 7, 49)), None);
        assert_eq!(number(variation(3, 0, 0)), None);
        // Intervals 1 and 3: mean 2, standard deviation 1.
        assert_eq!(number(variation(3, 4, 10)), Some(0.5));
    }

    #[test]
    fn a_steady_history_has_a_trend_of_1() {
        assert_eq!(number(trend(30.0, 365.0, 30.0 / 365.0)), Some(1.0));
        assert_eq!(number(trend(0.0, 0.0, 0.1)), None);
        assert!(number(trend(0.0, 100.0, 0.1)).is_some_and(|trend| trend < 0.1));
    }
}
