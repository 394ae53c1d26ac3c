//! Times as they stand: in the future, at the date of an unset clock, or days only.

use throng_event::{Day, Instant};

use super::clock::{SourceHours, read_hours};
use super::finding::{Finding, Severity};
use super::scope::Scope;
use super::words::{counted, percent, quoted, share, thousands, timestamp};
use crate::error::EngineError;

/// Days that systems show when a date is missing: the earliest that admission takes,
/// the turn of the millennium, and the epoch of Apple's clocks (2001-01-01).
const DEFAULT_DAYS: [&str; 4] = ["1990-01-01", "1999-12-31", "2000-01-01", "2001-01-01"];
/// A default date stands alone; a real history goes on in the days around it.
const LONELY_DAYS: i32 = 30;
/// At even activity one time in 86,400 is exactly midnight; one in twenty is a date
/// that was turned into a time.
const MIDNIGHT_SHARE_MIN: f64 = 0.05;
/// Fewer events at midnight than these may be a nightly job.
const MIDNIGHT_EVENTS_MIN: u64 = 20;
/// Above this share a source simply tells days; below, it mixes days and times.
const MIDNIGHT_SHARE_ALL: f64 = 0.99;
/// Events in the future shift `as_of`, so that few are critical.
const FUTURE_SHARE_CRITICAL: f64 = 0.01;

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str = "events in the future, dates a clock shows that was never set, days without hours";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    findings.extend(future(scope).await?);
    findings.extend(default_days(scope).await?);
    let hours = read_hours(scope).await?;
    findings.extend(hours.iter().filter_map(only_days));
    Ok(findings)
}

async fn future(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    if scope.last <= scope.now {
        return Ok(None);
    }
    let condition = format!("occurred_at > {}", timestamp(scope.now));
    let count = scope.rows(&format!("SELECT count(*) AS n FROM events WHERE {condition}")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "future-events",
        severity: Severity::of_share(count, scope.n_events, FUTURE_SHARE_CRITICAL, 0.0),
        title: format!("{} happened after now", counted(count, "event")),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Everything is seen from the day of the last event: one in the future makes every customer look lapsed.",
        todo: "Correct the clock or the time zone of their source, or set --as-of until it is mended.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, occurred_at FROM events WHERE {condition} ORDER BY occurred_at DESC, event_id"
        ),
    }))
}

async fn default_days(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let latest = DEFAULT_DAYS.iter().filter_map(|day| Day::parse(day)).max().map_or(0, |day| day.0);
    let end = Instant(i64::from(latest + LONELY_DAYS + 1) * Instant::DAY);
    let query = format!(
        "SELECT CAST(CAST(occurred_at AS DATE) AS INT) AS day, count(*) AS n FROM events \
         WHERE occurred_at < {} GROUP BY 1 ORDER BY 1",
        timestamp(end)
    );
    let rows = scope.rows(&query).await?;
    let (days, counts) = (rows.integers("day")?, rows.counts("n")?);
    let (mut lonely, mut count) = (Vec::new(), 0);
    for text in DEFAULT_DAYS {
        let Some(default) = Day::parse(text) else { continue };
        let near = |day: &i64| (day - i64::from(default.0)).abs() <= i64::from(LONELY_DAYS);
        let around = days.iter().flatten().filter(|day| near(day)).count();
        let own = days.iter().position(|day| *day == Some(i64::from(default.0)));
        if let (Some(own), 1) = (own, around) {
            lonely.push(format!("DATE '{text}'"));
            count += counts[own];
        }
    }
    let condition = format!("CAST(occurred_at AS DATE) IN ({})", lonely.join(", "));
    Ok((!lonely.is_empty() && scope.span_days > 1).then(|| Finding {
        code: "default-dates",
        severity: Severity::Warning,
        title: format!("{} on a date that stands for a missing one", counted(count, "event")),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "A date such as 1990-01-01 or 2000-01-01 with nothing around it is a default, not a day; it makes histories years too long.",
        todo: "Leave the time out where it is not known, so that the row is quarantined instead.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, occurred_at FROM events WHERE {condition} ORDER BY occurred_at, event_id"
        ),
    }))
}

fn only_days(hours: &SourceHours) -> Option<Finding> {
    let (count, whole) = (hours.n_midnight, hours.n_events);
    if count < MIDNIGHT_EVENTS_MIN || share(count, whole) < MIDNIGHT_SHARE_MIN {
        return None;
    }
    let all = share(count, whole) >= MIDNIGHT_SHARE_ALL;
    let what = if all { "tells days, not hours" } else { "mixes times with bare days" };
    Some(Finding {
        code: "only-days",
        severity: if all { Severity::Note } else { Severity::Warning },
        title: format!(
            "The source {} {what}: {} of its {} events are at midnight to the second",
            quoted(&hours.source),
            percent(share(count, whole)),
            thousands(whole)
        ),
        count,
        whole,
        of: "events of the source",
        examples: Vec::new(),
        why: "Hours, sessions and the order of what happens within a day mean nothing where only the day is known.",
        todo: "Export the time as well, or leave out features of hours and sessions for this source.".to_owned(),
        query: format!(
            "SELECT event_id, event, occurred_at FROM events WHERE source = {} \
             AND CAST(occurred_at AS BIGINT) % 900000000 = 0 ORDER BY occurred_at, event_id",
            super::words::literal(&hours.source)
        ),
    })
}
