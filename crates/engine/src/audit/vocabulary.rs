//! Names that drift: events that appear, vanish or are spelled twice.
//!
//! Whether silence means that an event is gone depends on how often it was seen: of the
//! weeks it was alive it was active in a share p, so that s silent weeks in a row have
//! the chance (1 − p)^s. Counting weeks and not events keeps bursts from looking regular.

use std::collections::BTreeMap;

use throng_event::Instant;

use super::finding::{Finding, Severity};
use super::property;
use super::scope::Scope;
use super::words::{counted, day, literal, number, percent, quoted, share};
use crate::error::EngineError;

/// Event names whose weeks are read: a tracking plan has a few hundred, and names that
/// carry data have no weeks worth reading.
pub(super) const NAMES_MAX: usize = 500;
/// Names that are compared by their spelling.
const SPELLINGS_MAX: usize = 5_000;
const WEEK_US: i64 = 7 * Instant::DAY;
/// Weeks at the edge of silence that have to have it, all but one, before its absence
/// means anything: two months.
const WEEKS_REGULAR: i64 = 8;
/// At the edge it is at least half as frequent as in all its weeks, or it faded.
const FADED: f64 = 0.5;
/// Silent weeks: a month outlasts holidays and pauses of campaigns.
const WEEKS_SILENT_MIN: i64 = 4;
/// Events at the ends of a source's history that may have a wrong date.
const STRAY_SHARE: f64 = 0.002;
/// The chance of such a silence, were nothing wrong: one in ten thousand, for hundreds
/// of names are looked at.
const SILENCE_CHANCE_MAX: f64 = 1e-4;

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str =
    "names spelled twice, events and properties that appear, vanish, change type or go missing";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let names = event_names(scope).await?;
    let mut findings = Vec::new();
    findings.extend(too_many(scope, &names));
    findings.extend(spelled_twice(scope, &names));
    findings.extend(drift(scope).await?);
    findings.extend(property::check(scope, &names).await?);
    Ok(findings)
}

/// Returns event names and how many events have them, the most frequent first.
async fn event_names(scope: &Scope<'_>) -> Result<Vec<(String, u64)>, EngineError> {
    let query = format!("SELECT event, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {SPELLINGS_MAX}");
    let rows = scope.rows(&query).await?;
    Ok(rows.words("event")?.into_iter().zip(rows.counts("n")?).collect())
}

fn too_many(scope: &Scope<'_>, names: &[(String, u64)]) -> Option<Finding> {
    if names.len() <= NAMES_MAX {
        return None;
    }
    let count = names[NAMES_MAX..].iter().map(|(_, n)| n).sum();
    let more = if names.len() == SPELLINGS_MAX { "at least " } else { "" };
    Some(Finding {
        code: "names-carry-data",
        severity: Severity::Warning,
        title: format!("There are {more}{} of events", counted(number(names.len()), "different name")),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "A name with a product or an id in it makes every event a kind of its own, and none is counted with its like.",
        todo: "Put what varies into properties and keep one name for one kind of event.".to_owned(),
        query: "SELECT event, count(*) AS n_events FROM events GROUP BY 1 ORDER BY 2, 1".to_owned(),
    })
}

/// Returns the letters and digits of a name in lower case: what stays when only the
/// way of writing differs.
pub(super) fn spelling(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns the groups of names that differ in writing only, each with its most frequent
/// name first.
fn same_spelling(names: &[(String, u64)]) -> Vec<Vec<&(String, u64)>> {
    let mut groups: BTreeMap<String, Vec<&(String, u64)>> = BTreeMap::new();
    for name in names {
        groups.entry(spelling(&name.0)).or_default().push(name);
    }
    groups
        .into_iter()
        .filter(|(spelling, group)| !spelling.is_empty() && group.len() > 1)
        .map(|(_, group)| group)
        .collect()
}

fn spelled_twice(scope: &Scope<'_>, names: &[(String, u64)]) -> Vec<Finding> {
    let finding = |group: Vec<&(String, u64)>| {
        let count = group[1..].iter().map(|(_, n)| n).sum();
        let whole = group.iter().map(|(_, n)| n).sum();
        let written: Vec<String> = group.iter().take(4).map(|(name, _)| quoted(name)).collect();
        let literals: Vec<String> = group.iter().map(|(name, _)| literal(name)).collect();
        Finding {
            code: "event-spelled-twice",
            severity: Severity::of_share(count, scope.n_events, 2.0, 0.001),
            title: format!("One event has several names: {}", written.join(", ")),
            count,
            whole,
            of: "events of these names",
            examples: Vec::new(),
            why: "Features and funnels count one of the names and miss the others.",
            todo: format!("Send {} everywhere, and map the other names to it at import.", quoted(&group[0].0)),
            query: format!(
                "SELECT event, source, count(*) AS n_events, min(occurred_at) AS first, max(occurred_at) AS last \
                 FROM events WHERE event IN ({}) GROUP BY 1, 2 ORDER BY n_events DESC, event, source",
                literals.join(", ")
            ),
        }
    };
    same_spelling(names).into_iter().map(finding).collect()
}

/// The weeks in which something was seen, numbered since 1970, in order.
#[derive(Debug, Default)]
struct Weeks(Vec<(i64, u64)>);

impl Weeks {
    /// Returns the weeks of nearly all events: a few with a wrong date do not begin a
    /// history and do not end it.
    fn without_strays(self) -> Self {
        let all = self.n_events();
        let (mut kept, mut before) = (Vec::new(), 0);
        for (week, n) in self.0 {
            let stray = share(before + n, all) < STRAY_SHARE || share(all - before, all) < STRAY_SHARE;
            before += n;
            if !stray {
                kept.push((week, n));
            }
        }
        Self(kept)
    }

    fn first(&self) -> i64 {
        self.0.first().map_or(0, |(week, _)| *week)
    }

    fn last(&self) -> i64 {
        self.0.last().map_or(0, |(week, _)| *week)
    }

    fn n_events(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    /// Whether it stopped: it was regular to its last week and is silent for too long.
    fn stopped(&self, end: i64) -> bool {
        self.regular(self.last() - WEEKS_REGULAR + 1..=self.last()) && self.unlikely(end - self.last())
    }

    /// Whether it began: it was regular from its first week on, long after the start.
    fn began(&self, start: i64) -> bool {
        self.regular(self.first()..=self.first() + WEEKS_REGULAR - 1) && self.unlikely(self.first() - start)
    }

    /// Whether nearly every one of these weeks has it, as often as the others: what
    /// fades out, week by week, has not stopped.
    fn regular(&self, weeks: std::ops::RangeInclusive<i64>) -> bool {
        let near = self.0.iter().filter(|(week, _)| weeks.contains(week));
        let (n_active, n_events) = near.fold((0_u64, 0), |(weeks, events), (_, n)| (weeks + 1, events + n));
        let n_weeks = WEEKS_REGULAR.unsigned_abs();
        let usual = share(self.n_events(), self.n_weeks());
        n_active + 1 >= n_weeks && share(n_events, n_weeks) >= usual * FADED
    }

    /// Returns how many weeks there are from the first to the last.
    fn n_weeks(&self) -> u64 {
        u64::try_from(self.last() - self.first() + 1).unwrap_or(1)
    }

    /// Returns the share of the weeks between the first and the last that have it.
    fn share_active(&self) -> f64 {
        share(number(self.0.len()), self.n_weeks())
    }

    /// Whether so many weeks without it are too many for chance.
    fn unlikely(&self, n_silent: i64) -> bool {
        // One week more than was seen: of eight active weeks in eight it is not certain
        // that every week is.
        let active = share(number(self.0.len()), self.n_weeks() + 1);
        let silent = i32::try_from(n_silent).unwrap_or(i32::MAX);
        n_silent >= WEEKS_SILENT_MIN && (1.0 - active).powi(silent) < SILENCE_CHANCE_MAX
    }
}

async fn drift(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let week = format!("CAST(occurred_at AS BIGINT) / {WEEK_US}");
    let query = format!("SELECT source, {week} AS week, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 1, 2");
    let rows = scope.rows(&query).await?;
    let (sources, weeks, counts) = (rows.words("source")?, rows.integers("week")?, rows.counts("n")?);
    let mut of_source: BTreeMap<String, Weeks> = BTreeMap::new();
    for (row, source) in sources.into_iter().enumerate() {
        of_source.entry(source).or_default().0.push((weeks[row].unwrap_or(0), counts[row]));
    }
    let of_source: BTreeMap<String, Weeks> =
        of_source.into_iter().map(|(source, weeks)| (source, weeks.without_strays())).collect();
    let query = format!(
        "SELECT e.source, e.event, {week} AS week, count(*) AS n FROM \
         (SELECT event, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {NAMES_MAX}) AS top \
         JOIN events AS e ON e.event = top.event GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    );
    let rows = scope.rows(&query).await?;
    let (sources, events) = (rows.words("source")?, rows.words("event")?);
    let (weeks, counts) = (rows.integers("week")?, rows.counts("n")?);
    let mut of_event: BTreeMap<(String, String), Weeks> = BTreeMap::new();
    for (row, key) in sources.into_iter().zip(events).enumerate() {
        of_event.entry(key).or_default().0.push((weeks[row].unwrap_or(0), counts[row]));
    }
    let last = of_source.values().map(Weeks::last).max().unwrap_or(0);
    let stopped = of_source.iter().filter(|(_, weeks)| weeks.stopped(last));
    let mut findings: Vec<Finding> =
        stopped.map(|(source, weeks)| source_stopped(scope, source, weeks, last)).collect();
    for ((source, event), weeks) in &of_event {
        let Some(all) = of_source.get(source) else { continue };
        if weeks.stopped(all.last()) {
            findings.push(vanished(scope, (source.as_str(), event.as_str()), weeks, all.last()));
        }
        if weeks.began(all.first()) {
            findings.push(appeared(scope, (source.as_str(), event.as_str()), weeks));
        }
    }
    Ok(findings)
}

/// Returns the day a week begins with.
fn first_day(week: i64) -> String {
    day(Instant(week.saturating_mul(WEEK_US)))
}

fn source_stopped(scope: &Scope<'_>, source: &str, weeks: &Weeks, last: i64) -> Finding {
    Finding {
        code: "source-stopped",
        severity: Severity::Warning,
        title: format!(
            "The source {} is silent since the week of {}, {} before the end",
            quoted(source),
            first_day(weeks.last()),
            counted(u64::try_from(last - weeks.last()).unwrap_or(0), "week")
        ),
        count: weeks.n_events(),
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Customers of this source look lapsed although only their data stopped.",
        todo: "Import its newer exports, or look back from its last day: --as-of.".to_owned(),
        query: weeks_query(&format!("source = {}", literal(source))),
    }
}

fn weeks_query(condition: &str) -> String {
    format!(
        "SELECT date_bin(INTERVAL '7 days', occurred_at) AS week, count(*) AS n_events FROM events \
         WHERE {condition} GROUP BY 1 ORDER BY 1 DESC"
    )
}

fn vanished(scope: &Scope<'_>, (source, event): (&str, &str), weeks: &Weeks, last: i64) -> Finding {
    Finding {
        code: "event-vanished",
        severity: Severity::Warning,
        title: format!(
            "{} is not seen in {} since the week of {}, though it was in {} of its weeks until then: {} without it",
            quoted(event),
            quoted(source),
            first_day(weeks.last()),
            percent(weeks.share_active()),
            counted(u64::try_from(last - weeks.last()).unwrap_or(0), "week")
        ),
        count: weeks.n_events(),
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Either customers stopped doing it or the tracker stopped saying so, and features cannot tell which.",
        todo: "Ask what changed in that week; if the event was renamed, map both names to one.".to_owned(),
        query: weeks_query(&format!("source = {} AND event = {}", literal(source), literal(event))),
    }
}

fn appeared(scope: &Scope<'_>, (source, event): (&str, &str), weeks: &Weeks) -> Finding {
    Finding {
        code: "event-appeared",
        severity: Severity::Note,
        title: format!(
            "{} is seen in {} only from the week of {} on",
            quoted(event),
            quoted(source),
            first_day(weeks.first())
        ),
        count: weeks.n_events(),
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Over a window that begins before, customers of the early weeks seem not to do it.",
        todo: "Use windows that begin after, or leave the event out of the features.".to_owned(),
        query: weeks_query(&format!("source = {} AND event = {}", literal(source), literal(event))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(active: impl IntoIterator<Item = i64>) -> Weeks {
        Weeks(active.into_iter().map(|week| (week, 3)).collect())
    }

    #[test]
    fn silence_is_judged_by_how_regular_it_was_before() {
        assert!(weeks(0..20).stopped(23 + 1));
        assert!(!weeks(0..20).stopped(22));
        assert!(weeks(20..40).began(0));
        let every_third = || weeks((0..20).map(|week| week * 3));
        assert!(!every_third().stopped(80));
        assert!(!weeks(1..4).stopped(100));
    }

    #[test]
    fn what_fades_out_has_not_stopped() {
        let fading = Weeks((0..40).map(|week| (week, u64::try_from(41 - week).unwrap())).collect());
        assert!(!fading.stopped(60));
    }

    #[test]
    fn stray_dates_do_not_make_a_history() {
        let weeks = Weeks(vec![(0, 1), (1_000, 900), (1_001, 900), (3_000, 1)]).without_strays();
        assert_eq!((weeks.first(), weeks.last()), (1_000, 1_001));
    }

    #[test]
    fn names_are_the_same_when_only_the_writing_differs() {
        let names = ["Order Completed", "order_completed", "orderCompleted", "Order Refunded", "…", "?"];
        let names: Vec<(String, u64)> = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
        let groups = same_spelling(&names);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].len(), 3);
    }
}
