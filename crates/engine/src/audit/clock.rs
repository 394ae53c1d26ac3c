//! Clocks: how far those of the sources are off, and time zones that slipped.
//!
//! A time zone read wrongly moves a whole source by hours. It shows in three ways: its
//! day has the shape of another source's day, some hours off; its people are awake at
//! night; or events are received whole hours after they happened. A slip of an hour
//! shows in the last way only: days of people an hour apart look alike.

use std::collections::BTreeMap;

use throng_event::Instant;

use super::finding::{Finding, Severity};
use super::scope::Scope;
use super::words::{counted, literal, percent, quoted, share};
use crate::error::EngineError;

/// When a source's events happen, in the home's time zone.
pub(super) struct SourceHours {
    pub(super) source: String,
    pub(super) n_events: u64,
    /// Events at midnight to the microsecond, in the home's time zone or UTC.
    pub(super) n_midnight: u64,
    /// The other events by local hour.
    pub(super) hours: [u64; 24],
}

/// Events of a day's shape that is not chance: each hour has a few dozen.
const SHAPE_EVENTS_MIN: u64 = 500;
/// The shapes of two days agree when they correlate as the same shop's weeks do.
const SHAPE_CORRELATION_MIN: f64 = 0.9;
/// The shift has to explain what no shift does not.
const SHAPE_GAIN_MIN: f64 = 0.25;
/// People sleep: histories of shops have 5 to 12 % of their events from 0 to 6 o'clock,
/// evenly spread scripts 25 %.
const NIGHT_SHARE_MIN: f64 = 0.4;
const NIGHT_HOURS: usize = 6;
/// What admission notes as clock skew: more than the network takes.
const SKEW_US: i64 = 60 * Instant::SECOND;
/// One phone in two hundred with a wrong clock is usual.
const SKEW_SHARE_MIN: f64 = 0.005;
/// Skews beyond ten days are all alike.
const SKEW_MINUTES_MAX: i64 = 14_400;
/// Deliveries this late or later may be shifts; the largest time zone is 14 hours.
const SHIFT_SECONDS: std::ops::RangeInclusive<i64> = 1_800..=52_200;
/// Seconds around a whole hour: by chance one late delivery in twenty is so close.
const SHIFT_TOLERANCE_SECONDS: i64 = 90;
/// Fewer than these at a whole hour may be chance.
const SHIFT_EVENTS_MIN: u64 = 50;
/// Ten times the share that chance gives.
const SHIFT_SHARE_MIN: f64 = 0.5;

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str =
    "clocks that are wrong, time zones that slipped, events received before they happened";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = skews(scope).await?;
    findings.extend(too_early(scope).await?);
    findings.extend(whole_hours(scope).await?);
    let hours = read_hours(scope).await?;
    findings.extend(slips(&hours));
    findings.extend(hours.iter().filter_map(nights));
    Ok(findings)
}

/// Reads when the events of every source happen, the largest source first.
pub(super) async fn read_hours(scope: &Scope<'_>) -> Result<Vec<SourceHours>, EngineError> {
    // A quarter of an hour is the finest step in which the world's time zones differ, so
    // that the calendar is asked once a quarter and not once an event.
    let query = "SELECT source, CAST(occurred_at AS BIGINT) / 900000000 AS quarter, count(*) AS n, \
                 sum(CASE WHEN CAST(occurred_at AS BIGINT) % 900000000 = 0 THEN 1 ELSE 0 END) AS n_exact \
                 FROM events GROUP BY 1, 2";
    let rows = scope.rows(query).await?;
    let (sources, quarters) = (rows.words("source")?, rows.integers("quarter")?);
    let (counts, exact) = (rows.counts("n")?, rows.counts("n_exact")?);
    let mut by_source: BTreeMap<&str, SourceHours> = BTreeMap::new();
    for (row, source) in sources.iter().enumerate() {
        let entry = by_source.entry(source).or_insert_with(|| SourceHours {
            source: source.clone(),
            n_events: 0,
            n_midnight: 0,
            hours: [0; 24],
        });
        let quarter = Instant(quarters[row].unwrap_or(0).saturating_mul(900 * Instant::SECOND));
        let (day, hour) = scope.calendar.local(quarter);
        let midnight = scope.calendar.start(day) == quarter || quarter.0 % Instant::DAY == 0;
        let n_midnight = if midnight { exact[row] } else { 0 };
        entry.n_events += counts[row];
        entry.n_midnight += n_midnight;
        entry.hours[usize::from(hour).min(23)] += counts[row] - n_midnight;
    }
    let mut hours: Vec<SourceHours> = by_source.into_values().collect();
    // Sources are in the order of names and the sort is stable.
    hours.sort_by_key(|hours| std::cmp::Reverse(hours.n_events));
    Ok(hours)
}

/// Compares every source with the larger ones.
fn slips(sources: &[SourceHours]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut larger = [0_u64; 24];
    for source in sources {
        let well_known = |hours: &[u64; 24]| hours.iter().sum::<u64>() >= SHAPE_EVENTS_MIN;
        if well_known(&larger)
            && well_known(&source.hours)
            && let Some(shift) = best_shift(&source.hours, &larger)
        {
            findings.push(slip(source, shift));
        }
        for (sum, n) in larger.iter_mut().zip(source.hours) {
            *sum += n;
        }
    }
    findings
}

/// Returns by how many hours a day is later than another, when that explains it.
fn best_shift(hours: &[u64; 24], reference: &[u64; 24]) -> Option<i32> {
    let shifted = |shift: i32| {
        let place = |hour: usize| (hour + usize::try_from(shift.rem_euclid(24)).unwrap_or(0)) % 24;
        let moved: Vec<u64> = (0..24).map(|hour| hours[place(hour)]).collect();
        correlation(&moved, reference)
    };
    let unmoved = shifted(0);
    let (shift, best) = (-11..=12)
        .map(|shift| (shift, shifted(shift)))
        .fold((0, unmoved), |best, other| if other.1 > best.1 { other } else { best });
    (best >= SHAPE_CORRELATION_MIN && best - unmoved >= SHAPE_GAIN_MIN).then_some(shift)
}

/// Returns Pearson's correlation, 0 where one side does not vary.
#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^53")]
fn correlation(a: &[u64], b: &[u64]) -> f64 {
    let n = a.len().min(b.len()) as f64;
    let mean = |values: &[u64]| values.iter().sum::<u64>() as f64 / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (*a as f64 - mean_a, *b as f64 - mean_b);
        both += a * b;
        own_a += a * a;
        own_b += b * b;
    }
    let spread = (own_a * own_b).sqrt();
    if spread > 0.0 { both / spread } else { 0.0 }
}

fn hours_query(source: &str) -> String {
    format!(
        "SELECT date_part('hour', occurred_at) AS hour_utc, count(*) AS n FROM events WHERE source = {} \
         GROUP BY 1 ORDER BY 1",
        literal(source)
    )
}

fn slip(hours: &SourceHours, shift: i32) -> Finding {
    let direction = if shift > 0 { "later" } else { "earlier" };
    let n = u64::from(shift.unsigned_abs());
    Finding {
        code: "time-zone-slip",
        severity: Severity::Warning,
        title: format!(
            "The day of the source {} looks like that of the others, {} {direction}",
            quoted(&hours.source),
            counted(n, "hour")
        ),
        count: hours.n_events,
        whole: hours.n_events,
        of: "events of the source",
        examples: Vec::new(),
        why: "Times read in the wrong zone put what one customer did in two sources into the wrong order.",
        todo: format!(
            "Check the time zone of its export: times that are {} {direction} than the truth need the zone in the mapping.",
            counted(n, "hour")
        ),
        query: hours_query(&hours.source),
    }
}

fn nights(hours: &SourceHours) -> Option<Finding> {
    let all: u64 = hours.hours.iter().sum();
    let night: u64 = hours.hours[..NIGHT_HOURS].iter().sum();
    if all < SHAPE_EVENTS_MIN || share(night, all) < NIGHT_SHARE_MIN {
        return None;
    }
    let of_window = |start: usize| (start..start + NIGHT_HOURS).map(|hour| hours.hours[hour % 24]).sum::<u64>();
    let quietest = (0..24).min_by_key(|start| of_window(*start)).unwrap_or(0);
    Some(Finding {
        code: "night-activity",
        severity: Severity::Warning,
        title: format!(
            "{} of the events of the source {} fall between 0 and 6 o'clock; its quiet hours begin at {quietest}",
            percent(share(night, all)),
            quoted(&hours.source)
        ),
        count: night,
        whole: all,
        of: "events of the source",
        examples: Vec::new(),
        why: "People sleep at night: either the time zone is wrong, or these are not people.",
        todo: "Check time_zone in throng.toml and the zone of the export; if both are right, look for scripts."
            .to_owned(),
        query: hours_query(&hours.source),
    })
}

const SKEW: &str = "(CAST(received_at AS BIGINT) - CAST(sent_at AS BIGINT))";

/// How far the clocks of one source are off.
#[derive(Default)]
struct Skews {
    n_skewed: u64,
    /// Minutes, ascending, and how many events are off by so many.
    minutes: Vec<(i64, u64)>,
}

async fn skews(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let query = format!(
        "SELECT source, greatest(least(CAST(round({SKEW} / 60000000.0) AS BIGINT), {SKEW_MINUTES_MAX}), -{SKEW_MINUTES_MAX}) \
         AS minutes, count(*) AS n, sum(CASE WHEN abs({SKEW}) > {SKEW_US} THEN 1 ELSE 0 END) AS n_skewed \
         FROM events WHERE sent_at IS NOT NULL AND received_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let rows = scope.rows(&query).await?;
    let (sources, minutes) = (rows.words("source")?, rows.integers("minutes")?);
    let (counts, skewed) = (rows.counts("n")?, rows.counts("n_skewed")?);
    let mut by_source: BTreeMap<&str, Skews> = BTreeMap::new();
    for (row, source) in sources.iter().enumerate() {
        let entry = by_source.entry(source).or_default();
        entry.n_skewed += skewed[row];
        entry.minutes.push((minutes[row].unwrap_or(0), counts[row]));
    }
    let finding = |(source, Skews { n_skewed: count, minutes }): (&str, Skews)| {
        let whole = minutes.iter().map(|(_, n)| n).sum();
        let median = quantile(&minutes, 2);
        if share(count, whole) < SKEW_SHARE_MIN {
            return None;
        }
        Some(Finding {
            code: "clock-skew",
            severity: if median == 0 { Severity::Note } else { Severity::Warning },
            title: format!(
                "Clocks of the source {} are off by more than a minute in {} of the events \
                 that tell when they were sent (the middle one by {median} min, half between {} and {} min)",
                quoted(source),
                percent(share(count, whole)),
                quantile(&minutes, 1),
                quantile(&minutes, 3)
            ),
            count,
            whole,
            of: "events that tell when they were sent",
            examples: Vec::new(),
            why: "Times were corrected by when events were sent and received, which is right only where both are.",
            todo: "Nothing where these are phones; where it is a server, set its clock.".to_owned(),
            query: format!(
                "SELECT event_id, event, sent_at, received_at, {SKEW} / 1000000 AS skew_seconds FROM events \
                 WHERE source = {} AND abs({SKEW}) > {SKEW_US} ORDER BY abs({SKEW}) DESC, event_id",
                literal(source)
            ),
        })
    };
    Ok(by_source.into_iter().filter_map(finding).collect())
}

/// Returns a quartile of values that are counted, in ascending order.
fn quantile(counted: &[(i64, u64)], quarter: u64) -> i64 {
    let all: u64 = counted.iter().map(|(_, n)| n).sum();
    let mut seen = 0;
    for (value, n) in counted {
        seen += n;
        if seen * 4 >= all * quarter {
            return *value;
        }
    }
    0
}

async fn too_early(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let condition = "occurred_at > received_at + INTERVAL '60 seconds'";
    let count = scope.rows(&format!("SELECT count(*) AS n FROM events WHERE {condition}")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "received-before-occurred",
        severity: Severity::of_share(count, scope.n_events, 0.05, 0.0),
        title: format!("{} received before they happened", counted(count, "event")),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "One of two clocks is wrong, and without the time of sending nothing can say which.",
        todo: "Send `sentAt` with every message, so that the clock of the device can be corrected.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, occurred_at, received_at FROM events WHERE {condition} \
             ORDER BY occurred_at, event_id"
        ),
    }))
}

async fn whole_hours(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let delay = "((CAST(received_at AS BIGINT) - CAST(occurred_at AS BIGINT)) / 1000000)";
    let off = format!("abs({delay} - CAST(round({delay} / 3600.0) AS BIGINT) * 3600) <= {SHIFT_TOLERANCE_SECONDS}");
    let far = format!("abs({delay}) BETWEEN {} AND {}", SHIFT_SECONDS.start(), SHIFT_SECONDS.end());
    let query = format!(
        "SELECT source, CAST(round({delay} / 3600.0) AS BIGINT) AS hours, count(*) AS n, \
         sum(CASE WHEN {off} THEN 1 ELSE 0 END) AS n_whole FROM events WHERE {far} GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let rows = scope.rows(&query).await?;
    let (sources, hours) = (rows.words("source")?, rows.integers("hours")?);
    let (counts, n_whole) = (rows.counts("n")?, rows.counts("n_whole")?);
    let mut far_of: BTreeMap<&str, u64> = BTreeMap::new();
    for (source, n) in sources.iter().zip(&counts) {
        *far_of.entry(source).or_default() += n;
    }
    let mut findings = Vec::new();
    for (row, source) in sources.iter().enumerate() {
        let (count, whole) = (n_whole[row], far_of[source.as_str()]);
        if count < SHIFT_EVENTS_MIN || share(count, whole) < SHIFT_SHARE_MIN {
            continue;
        }
        let hours = hours[row].unwrap_or(0);
        findings.push(Finding {
            code: "whole-hour-shift",
            severity: Severity::Warning,
            title: format!(
                "{} of the source {} were received exactly {} after they happened",
                counted(count, "event"),
                quoted(source),
                if hours.abs() == 1 { format!("{hours} hour") } else { format!("{hours} hours") }
            ),
            count,
            whole,
            of: "late events of the source",
            examples: Vec::new(),
            why: "Delays are not whole hours: a time zone was lost on the way.",
            todo: "Write times with their offset (2024-03-01T10:00:00+01:00), or name the zone in the mapping."
                .to_owned(),
            query: format!(
                "SELECT event_id, event, occurred_at, received_at FROM events WHERE source = {} AND {far} AND {off} \
                 ORDER BY occurred_at, event_id",
                literal(source)
            ),
        });
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shop's day: quiet at night, busiest in the evening.
    const DAY: [u64; 24] = [9, 5, 3, 2, 2, 4, 10, 22, 40, 55, 62, 66, 70, 64, 60, 58, 62, 75, 95, 110, 115, 98, 60, 25];

    fn moved(shift: usize) -> [u64; 24] {
        std::array::from_fn(|hour| DAY[(hour + 24 - shift) % 24])
    }

    #[test]
    fn a_shift_is_told_in_hours() {
        assert_eq!(best_shift(&moved(5), &DAY), Some(5));
        assert_eq!(best_shift(&moved(24 - 8), &DAY), Some(-8));
    }

    #[test]
    fn days_that_are_alike_have_not_slipped() {
        assert_eq!(best_shift(&DAY, &DAY), None);
        assert_eq!(best_shift(&[100; 24], &DAY), None);
    }

    #[test]
    fn quartiles_are_values_that_occur() {
        let minutes = [(-3, 1), (0, 2), (5, 1)];
        assert_eq!([1, 2, 3].map(|quarter| quantile(&minutes, quarter)), [-3, 0, 0]);
        assert_eq!(quantile(&[], 2), 0);
    }
}
