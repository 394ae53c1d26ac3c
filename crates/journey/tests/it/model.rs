//! Random histories, and how they are cut into journeys, read in the slowest way.

use proptest::prelude::*;
use throng_event::{Calendar, Instant};
use throng_journey::{Cut, EventColumns, Histories, Repeats, Scope};

/// Names whose order is not the order in which they are given.
pub(crate) const NAMES: [&str; 4] = ["view", "add", "order", "browse"];

/// One event: second, key, name (a position in [`NAMES`]), session, value.
pub(crate) type Row = (i64, i64, u32, u32, i64);

/// The events of every profile, in any order.
pub(crate) type Rows = Vec<Vec<Row>>;

/// The touchpoints of one journey: second and name.
pub(crate) type Steps = Vec<(i64, &'static str)>;

pub(crate) const SECOND: i64 = 1_000_000;

/// The columns that histories are made of; profiles' rows are interleaved.
pub(crate) fn histories(rows: &Rows) -> Histories {
    let n_rows_max = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row_idx in 0..n_rows_max {
        for (profile, own) in (0..).zip(rows) {
            let Some((second, key, label, session, value)) = own.get(row_idx) else { continue };
            columns.0.push(profile);
            columns.1.push(second * SECOND);
            columns.2.push(*key);
            columns.3.push(*label);
            columns.4.push(*session);
            columns.5.push(*value);
        }
    }
    let columns = EventColumns {
        profile: &columns.0,
        occurred_at: &columns.1,
        event_key: Some(&columns.2),
        touchpoint: &columns.3,
        session: Some(&columns.4),
        value: Some(&columns.5),
    };
    Histories::new(&columns, rows.len(), &NAMES.map(str::to_owned)).unwrap()
}

/// Histories in which instants, keys and sessions often coincide.
pub(crate) fn rows() -> impl Strategy<Value = Rows> {
    let row = (0_i64..40, 0_i64..3, 0_u32..4, 0_u32..3, 0_i64..5);
    prop::collection::vec(prop::collection::vec(row, 0..12), 0..8)
}

/// The rows of one profile in total order: the place of a row is the last to decide.
pub(crate) fn in_order(rows: &[Row]) -> Vec<Row> {
    let mut placed: Vec<(usize, Row)> = rows.iter().copied().enumerate().collect();
    placed.sort_by_key(|(place, row)| (row.0, row.1, *place));
    placed.into_iter().map(|(_, row)| row).collect()
}

/// A scope that can be made at random.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyScope {
    Gap(i64),
    Day,
    Source,
    History,
}

impl AnyScope {
    pub(crate) fn cut(self, repeats: Repeats, calendar: &Calendar) -> Cut<'_> {
        let scope = match self {
            Self::Gap(seconds) => Scope::Session { gap_us: seconds * SECOND },
            Self::Day => Scope::Day(calendar),
            Self::Source => Scope::Source,
            Self::History => Scope::History,
        };
        Cut { scope, repeats }
    }
}

pub(crate) fn scope() -> impl Strategy<Value = AnyScope> {
    prop_oneof![
        Just(AnyScope::History),
        Just(AnyScope::Source),
        Just(AnyScope::Day),
        (0_i64..12).prop_map(AnyScope::Gap)
    ]
}

pub(crate) fn repeats() -> impl Strategy<Value = Repeats> {
    prop_oneof![Just(Repeats::Keep), Just(Repeats::Collapse)]
}

/// One journey: whose, its steps, and the seconds from its first event to its last.
#[derive(Debug, Clone)]
pub(crate) struct NaiveJourney {
    pub(crate) profile: u32,
    pub(crate) steps: Steps,
    pub(crate) seconds: i64,
}

/// The journeys of all profiles, cut the slow way.
pub(crate) fn journeys(rows: &Rows, scope: AnyScope, repeats: Repeats, calendar: &Calendar) -> Vec<NaiveJourney> {
    let mut found = Vec::new();
    for (profile, own) in (0..).zip(rows) {
        let own = in_order(own);
        let mut runs: Vec<Vec<Row>> = Vec::new();
        for row in own {
            let day = |row: &Row| calendar.local(Instant(row.0 * SECOND)).0;
            let joins = |run: &Vec<Row>| {
                let last = run.last().unwrap();
                match scope {
                    AnyScope::Gap(seconds) => row.0 - last.0 <= seconds,
                    AnyScope::Day => day(last) == day(&row),
                    AnyScope::Source => last.3 == row.3,
                    AnyScope::History => true,
                }
            };
            let place = match scope {
                AnyScope::Source => runs.iter().position(joins),
                AnyScope::Gap(_) | AnyScope::Day | AnyScope::History => {
                    runs.last().filter(|run| joins(run)).map(|_| runs.len() - 1)
                }
            };
            match place {
                Some(place) => runs[place].push(row),
                None => runs.push(vec![row]),
            }
        }
        for run in runs {
            let seconds = run[run.len() - 1].0 - run[0].0;
            let mut steps: Steps = Vec::new();
            for (second, _, label, _, _) in run {
                let name = NAMES[usize::try_from(label).unwrap()];
                if repeats == Repeats::Keep || steps.last().is_none_or(|(_, before)| *before != name) {
                    steps.push((second, name));
                }
            }
            found.push(NaiveJourney { profile, steps, seconds });
        }
    }
    found
}

/// A calendar whose days change within the seconds of the random histories.
pub(crate) fn calendar() -> Calendar {
    Calendar::utc()
}

pub(crate) fn median(mut seconds: Vec<i64>) -> Option<f64> {
    seconds.sort_unstable();
    let (low, high) = (seconds.get(seconds.len().saturating_sub(1) / 2)?, seconds.get(seconds.len() / 2)?);
    Some(small(low + high) / 2.0)
}

pub(crate) fn small(number: i64) -> f64 {
    f64::from(i32::try_from(number).unwrap())
}

pub(crate) fn length(count: u64) -> usize {
    usize::try_from(count).unwrap()
}
