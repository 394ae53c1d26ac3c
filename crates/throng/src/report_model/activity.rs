//! When customers come: by weekday and hour, and month by month, in the home's time zone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use throng_engine::{Engine, PersonaBook};
use throng_event::{Calendar, Day, Instant};
use throng_persona::{Persona, PersonaId};

use super::part;
use crate::report::{Month, MonthActivity, WeekActivity};
use crate::rows::Rows;

/// When one persona's customers come.
pub(super) struct Activity {
    /// Weekday and hour; none when the data only knows days.
    pub(super) week: Option<WeekActivity>,
    /// Month by month; none of a single month.
    pub(super) months: Option<MonthActivity>,
}

/// What is counted, in words and in SQL.
struct Unit {
    word: &'static str,
    condition: &'static str,
}

const ORDERS: Unit = Unit { word: "orders", condition: "event = 'Order Completed'" };
const EVENTS: Unit = Unit { word: "events", condition: "kind IN ('track', 'page', 'screen')" };

/// Offsets of time zones are whole quarters of an hour, so counts by quarter are enough
/// to know local hours.
const QUARTER_US: i64 = 900 * Instant::SECOND;

/// The most months that can be read side by side.
const MONTHS_MAX: usize = 36;

/// Counts of one persona; months are counted from year 0.
#[derive(Default)]
struct Counts {
    week: [[u64; 24]; 7],
    months: BTreeMap<i32, u64>,
}

/// Returns when the customers of every persona come.
pub(super) fn read(
    engine: &Engine,
    book: &PersonaBook,
    personas: &[Persona],
) -> anyhow::Result<BTreeMap<PersonaId, Activity>> {
    let ordered = engine.query("SELECT count(*) AS n FROM events WHERE event = 'Order Completed'")?;
    let unit = if Rows(&ordered).counts("n")?.first().is_some_and(|n| *n > 0) { ORDERS } else { EVENTS };
    let calendar = &engine.home().config().calendar;
    let end = Engine::instant_sql(calendar.as_of(book.as_of).end);
    let answer = engine.query(&format!(
        "SELECT m.persona_id AS persona_id, e.quarter AS quarter, count(*) AS n FROM (SELECT \
         profile_of(user_id, anonymous_id) AS profile_id, arrow_cast(occurred_at, 'Int64') / {QUARTER_US} AS quarter \
         FROM events WHERE {} AND occurred_at < {end}) e JOIN memberships m ON e.profile_id = m.profile_id \
         GROUP BY m.persona_id, e.quarter",
        unit.condition
    ))?;
    let rows = Rows(&answer);
    let (ids, quarters, counts) = (rows.words("persona_id")?, rows.integers("quarter")?, rows.counts("n")?);
    let mut by_persona: BTreeMap<&str, Counts> = BTreeMap::new();
    for ((id, quarter), n) in ids.iter().zip(&quarters).zip(&counts) {
        if let Some(quarter) = quarter {
            by_persona.entry(id).or_default().add(calendar, Instant(quarter * QUARTER_US), *n);
        }
    }
    let n_customers = book.n_profiles;
    let activity = |persona: &Persona| {
        let own = by_persona.get(persona.id.as_str())?;
        let rest = by_persona.iter().filter(|(id, _)| **id != persona.id.as_str()).map(|(_, counts)| counts);
        let groups =
            Groups { own, rest: &sum(rest), n_own: persona.n_profiles, n_rest: n_customers - persona.n_profiles };
        Some((persona.id.clone(), Activity { week: week(own, &unit), months: groups.months(&unit) }))
    };
    Ok(personas.iter().filter_map(activity).collect())
}

impl Counts {
    fn add(&mut self, calendar: &Calendar, instant: Instant, n: u64) {
        let (day, hour) = calendar.local(instant);
        self.week[usize::from(day.weekday())][usize::from(hour)] += n;
        if let Some(month) = month_of(day) {
            *self.months.entry(month).or_default() += n;
        }
    }
}

fn sum<'a>(all: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut sum = Counts::default();
    for counts in all {
        for (month, n) in &counts.months {
            *sum.months.entry(*month).or_default() += n;
        }
    }
    sum
}

fn month_of(day: Day) -> Option<i32> {
    let date: Date = day.to_string().parse().ok()?;
    Some(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
}

fn month_label(month: i32) -> String {
    let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX);
    let date = i8::try_from(month.rem_euclid(12) + 1).ok().and_then(|month| Date::new(year, month, 1).ok());
    date.map_or_else(|| month.to_string(), |date| date.strftime("%b %Y").to_string())
}

/// Returns the week of a persona, unless everything falls into one hour: then the data
/// says days and no hours.
fn week(counts: &Counts, unit: &Unit) -> Option<WeekActivity> {
    let hours_used = (0..24).filter(|hour| counts.week.iter().any(|day| day[*hour] > 0)).count();
    (hours_used > 1).then(|| WeekActivity { unit: unit.word.to_owned(), counts: counts.week })
}

/// A persona beside everybody else.
struct Groups<'a> {
    own: &'a Counts,
    rest: &'a Counts,
    n_own: u64,
    n_rest: u64,
}

impl Groups<'_> {
    fn months(&self, unit: &Unit) -> Option<MonthActivity> {
        let months = || self.own.months.keys().chain(self.rest.months.keys());
        let (first, last) = (*months().min()?, *months().max()?);
        if first == last {
            return None;
        }
        let n_of = |counts: &Counts, month: i32| counts.months.get(&month).copied().unwrap_or(0);
        let mut listed: Vec<Month> = (first..=last)
            .rev()
            .take(MONTHS_MAX)
            .map(|month| Month {
                label: month_label(month),
                persona: part(n_of(self.own, month), self.n_own),
                rest: part(n_of(self.rest, month), self.n_rest),
            })
            .collect();
        listed.reverse();
        Some(MonthActivity { unit: format!("{} per customer", unit.word), months: listed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instants: &[(&str, u64)], zone: &str) -> Counts {
        let calendar = Calendar::new(zone).unwrap();
        let mut counts = Counts::default();
        for (text, n) in instants {
            counts.add(&calendar, Instant::parse(text, &jiff::tz::TimeZone::UTC).unwrap(), *n);
        }
        counts
    }

    #[test]
    fn hours_and_months_are_those_of_the_zone() {
        let counts = counts(&[("2024-06-30T22:15:00Z", 3)], "Europe/Berlin");
        // A Monday in Berlin, still Sunday in UTC.
        assert_eq!(counts.week[0][0], 3);
        assert_eq!(counts.months.keys().map(|month| month_label(*month)).collect::<Vec<_>>(), ["Jul 2024"]);
    }

    #[test]
    fn months_have_no_gaps_and_days_alone_make_no_week() {
        let own = counts(&[("2024-01-05", 2), ("2024-03-05", 4)], "UTC");
        assert!(week(&own, &ORDERS).is_none());
        let rest = counts(&[("2024-02-05", 5)], "UTC");
        let months = Groups { own: &own, rest: &rest, n_own: 2, n_rest: 5 }.months(&ORDERS).unwrap();
        let labels: Vec<&str> = months.months.iter().map(|month| month.label.as_str()).collect();
        assert_eq!(labels, ["Jan 2024", "Feb 2024", "Mar 2024"]);
        assert!((months.months[2].persona - 2.0).abs() < 1e-12);
        assert!((months.months[1].rest - 1.0).abs() < 1e-12);
    }
}
