//! Shares of customers by time since their first touch: who comes back, and who has reached the goal.

use throng_event::Instant;
use throng_journey::{Bracket, Days, Survival, SurvivalOptions, SurvivalStep, View, retention, survival};

use crate::report::{Arrival, CurveLine, CurvePoint, Curves};

/// Customers a point rests on at least: of fewer, one coming back moves a share by five hundredths.
const N_KNOWN_MIN: u64 = 20;

/// Lengths of a period, in days: weeks, four weeks (each has the same weekdays), quarters of such.
const PERIODS_DAYS: [u32; 3] = [7, 28, 91];

/// Periods on one picture.
const N_PERIODS: u32 = 12;

/// Periods may cover at least this part of the time there is.
const SPAN_PART: i64 = 3;

/// Points of a line to the goal; there may be as many steps as customers.
const N_ARRIVAL_POINTS: u32 = 28;

/// Years in days; all first touches make one row.
const SPAN_DAYS: u32 = 36_600;

/// Some customers and what they are called.
pub(super) struct Group<'a> {
    pub(super) persona_idx: Option<usize>,
    pub(super) name: String,
    pub(super) view: View<'a>,
}

/// Returns the length of a period that suits so many days of data.
pub(super) fn period_days(n_days: i64) -> u32 {
    let covers = |days: &u32| i64::from(*days) * i64::from(N_PERIODS) * SPAN_PART >= n_days;
    PERIODS_DAYS.into_iter().find(covers).unwrap_or(PERIODS_DAYS[PERIODS_DAYS.len() - 1])
}

/// Returns the shares of customers who come back in each period after the day of the first touch.
pub(super) fn retention_of(groups: &[Group<'_>], days: Days<'_>, period_days: u32) -> Curves {
    let bracket = |period: u32| Bracket { first: (period - 1) * period_days + 1, last: Some(period * period_days) };
    let brackets: Vec<Bracket> = (1..=N_PERIODS).map(bracket).collect();
    let lines = groups.iter().map(|group| {
        let all = retention(&group.view, days, SPAN_DAYS, &brackets).all;
        let retained = brackets.iter().zip(&all.retained).take_while(|(_, retained)| retained.n_known >= N_KNOWN_MIN);
        let points = retained.map(|(bracket, retained)| CurvePoint {
            day: bracket.first + period_days - 1,
            share: retained.share,
            low: retained.bounds.low,
            high: retained.bounds.high,
            n_known: retained.n_known,
        });
        line(group, all.n_profiles, points.collect())
    });
    Curves { period_days, lines: lines.collect() }
}

/// Returns the shares of customers to whom the goal has happened by some days after their
/// first touch, after Kaplan and Meier.
pub(super) fn arrival(
    groups: &[Group<'_>],
    (days, period_days): (Days<'_>, u32),
    (name, goal): (&str, &[u32]),
) -> Arrival {
    let options = SurvivalOptions { starts: &[], ends: goal, as_of: days.end() };
    let step_days = period_days * N_PERIODS / N_ARRIVAL_POINTS;
    let lines = groups.iter().map(|group| {
        let found = survival(&group.view, options);
        let points = (1..=N_ARRIVAL_POINTS).map_while(|idx| arrived(&found, idx * step_days, step_days));
        line(group, found.n_profiles, points.collect())
    });
    Arrival { goal: name.to_owned(), curves: Curves { period_days: step_days, lines: lines.collect() } }
}

/// Returns to how many it has happened by a day; `None` where too few are known for so long.
///
/// How many are known is told by the first time after that day at which it happens to somebody,
/// and where there is none by the last time, which is also where a line ends.
fn arrived(found: &Survival, day: u32, step_days: u32) -> Option<CurvePoint> {
    let at_us = |day: u32| i64::from(day) * Instant::DAY;
    let passed = found.steps.partition_point(|step| step.at_us <= at_us(day));
    let since_former = |step: &&SurvivalStep| step.at_us > at_us(day - step_days);
    let known = found.steps.get(passed).or_else(|| found.steps.last().filter(since_former))?;
    let n_known = known.n_at_risk;
    if n_known < N_KNOWN_MIN {
        return None;
    }
    let last = passed.checked_sub(1).map(|idx| found.steps[idx]);
    let (share, low, high) =
        last.map_or((0.0, 0.0, 0.0), |step| (1.0 - step.survival, 1.0 - step.bounds.high, 1.0 - step.bounds.low));
    Some(CurvePoint { day, share, low, high, n_known })
}

fn line(group: &Group<'_>, n_customers: u64, points: Vec<CurvePoint>) -> CurveLine {
    CurveLine { persona_idx: group.persona_idx, name: group.name.clone(), n_customers, points }
}
