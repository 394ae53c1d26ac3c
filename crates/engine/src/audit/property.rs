//! Properties that drift: those that appear, vanish, go missing in a share of events, are
//! spelled twice, or change between text and number.
//!
//! How full a property is, is read week by week for every event name. A step is where
//! the weeks before and after differ most, provided that the four weeks on either side
//! of it differ as much: slow change, such as more customers with an account, is no step.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use serde_json::Value as Json;
use throng_event::Instant;

use super::finding::{Finding, Severity};
use super::scope::Scope;
use super::vocabulary::spelling;
use super::words::{counted, day, literal, percent, quoted, share, shortened, timestamp};
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of, column_name, text_column};

/// Event names whose properties are looked at: the rest is too rare for weeks.
const NAMES_MAX: usize = 100;
const WEEK_US: i64 = 7 * Instant::DAY;
/// Weeks on either side of a step, as for silence.
const STEP_WEEKS_MIN: usize = 4;
/// Events on either side of a step: the share of 50 is known to ±14 points.
const STEP_EVENTS_MIN: u64 = 50;
/// A step of fewer points happens by what customers do.
const STEP_MIN: f64 = 0.3;
/// A property is there in half of the events, and gone in all but one in twenty: late
/// messages of old app versions keep coming.
const PRESENT_MIN: f64 = 0.5;
const GONE_MAX: f64 = 0.05;
/// Values of another type than their column's: one in a hundred, and a handful, is a
/// program that writes them so.
const TYPE_SHARE_MIN: f64 = 0.01;
const TYPE_VALUES_MIN: u64 = 5;
/// Names remembered while the JSON column is streamed: names beyond are data, not names.
const JSON_NAMES_MAX: usize = 10_000;

pub(super) async fn check(scope: &Scope<'_>, names: &[(String, u64)]) -> Result<Vec<Finding>, EngineError> {
    let mut findings = spelled_twice(scope).await?;
    findings.extend(steps(scope, names).await?);
    findings.extend(types(scope).await?);
    Ok(findings)
}

/// Returns the name in the source of a promoted column.
fn attribute(column: &str) -> String {
    attribute_of(column).map_or_else(|| column.to_owned(), |(_, name)| name)
}

async fn spelled_twice(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (column, _) in scope.columns_of(Part::Properties) {
        groups.entry(spelling(&attribute(column))).or_default().push(column);
    }
    let mut findings = Vec::new();
    for columns in groups.into_values().filter(|columns| columns.len() > 1) {
        let counts: Vec<String> = columns.iter().map(|column| format!("count(\"{column}\") AS \"{column}\"")).collect();
        let rows = scope.rows(&format!("SELECT {} FROM events", counts.join(", "))).await?;
        let mut counted = Vec::new();
        for column in &columns {
            counted.push((rows.count(column)?, *column));
        }
        counted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let written: Vec<String> = counted.iter().map(|(_, column)| quoted(&attribute(column))).collect();
        findings.push(Finding {
            code: "property-spelled-twice",
            severity: Severity::Warning,
            title: format!("One property has several names: {}", written.join(", ")),
            count: counted[1..].iter().map(|(n, _)| n).sum(),
            whole: counted.iter().map(|(n, _)| n).sum(),
            of: "events with one of them",
            examples: Vec::new(),
            why: "Features read one of the names and miss the others.",
            todo: format!("Send {} everywhere.", written[0]),
            query: format!(
                "SELECT source, event, {} FROM events GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2",
                counts.join(", ")
            ),
        });
    }
    Ok(findings)
}

/// How full a property is in one week of one event.
#[derive(Debug, Clone, Copy)]
struct Week {
    number: i64,
    n_events: u64,
    n_filled: u64,
}

/// Where the share of events that have a property changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    /// The first week after it.
    week: i64,
    before: f64,
    after: f64,
}

/// Returns the largest step in weeks that are in order, `None` without one.
fn largest_step(weeks: &[Week]) -> Option<Step> {
    let sum = |weeks: &[Week]| {
        weeks.iter().fold((0, 0), |(events, filled), week| (events + week.n_events, filled + week.n_filled))
    };
    let filled = |(events, filled): (u64, u64)| share(filled, events);
    let mut largest: Option<Step> = None;
    for split in STEP_WEEKS_MIN..(weeks.len() + 1).saturating_sub(STEP_WEEKS_MIN) {
        let (before, after) = (sum(&weeks[..split]), sum(&weeks[split..]));
        if before.0 < STEP_EVENTS_MIN || after.0 < STEP_EVENTS_MIN {
            continue;
        }
        let near =
            filled(sum(&weeks[split - STEP_WEEKS_MIN..split])) - filled(sum(&weeks[split..split + STEP_WEEKS_MIN]));
        let step = Step { week: weeks[split].number, before: filled(before), after: filled(after) };
        let height = |step: &Step| (step.before - step.after).abs();
        let larger = largest.as_ref().is_none_or(|other| height(&step) > height(other));
        if height(&step) >= STEP_MIN && near.abs() >= STEP_MIN && larger {
            largest = Some(step);
        }
    }
    largest
}

async fn steps(scope: &Scope<'_>, names: &[(String, u64)]) -> Result<Vec<Finding>, EngineError> {
    let columns: Vec<&str> = scope.columns_of(Part::Properties).into_iter().map(|(column, _)| column).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = columns.iter().map(|column| format!("count(\"{column}\") AS \"{column}\"")).collect();
    let names: Vec<String> = names.iter().take(NAMES_MAX).map(|(name, _)| literal(name)).collect();
    let query = format!(
        "SELECT event, CAST(occurred_at AS BIGINT) / {WEEK_US} AS week, count(*) AS n, {} FROM events \
         WHERE event IN ({}) GROUP BY 1, 2 ORDER BY 1, 2",
        counts.join(", "),
        names.join(", ")
    );
    let rows = scope.rows(&query).await?;
    let (events, weeks, n_events) = (rows.words("event")?, rows.integers("week")?, rows.counts("n")?);
    let mut findings = Vec::new();
    for column in columns {
        let filled = rows.counts(column)?;
        let mut start = 0;
        while start < events.len() {
            let end = (start..events.len()).find(|row| events[*row] != events[start]).unwrap_or(events.len());
            let week =
                |row: usize| Week { number: weeks[row].unwrap_or(0), n_events: n_events[row], n_filled: filled[row] };
            let of_event: Vec<Week> = (start..end).map(week).collect();
            if let Some(step) = largest_step(&of_event) {
                findings.extend(stepped(&events[start], column, &of_event, step));
            }
            start = end;
        }
    }
    Ok(findings)
}

fn stepped(event: &str, column: &str, weeks: &[Week], step: Step) -> Option<Finding> {
    let property = quoted(&attribute(column));
    let since = Instant(step.week.saturating_mul(WEEK_US));
    let later = weeks.iter().filter(|week| week.number >= step.week);
    let (whole, filled) = later.fold((0, 0), |sum, week| (sum.0 + week.n_events, sum.1 + week.n_filled));
    let fill = format!("{} before, {} since", percent(step.before), percent(step.after));
    let (code, severity, title, missing) = if step.before >= PRESENT_MIN && step.after < GONE_MAX {
        let title = format!("{property} vanished from {} in the week of {} ({fill})", quoted(event), day(since));
        ("property-vanished", Severity::Warning, title, "IS NULL")
    } else if step.before > step.after {
        let title =
            format!("{property} is missing from more of {} since the week of {} ({fill})", quoted(event), day(since));
        ("property-missing-since", Severity::Warning, title, "IS NULL")
    } else if step.before < GONE_MAX && step.after >= PRESENT_MIN {
        let title = format!("{property} appeared in {} in the week of {} ({fill})", quoted(event), day(since));
        ("property-appeared", Severity::Note, title, "IS NOT NULL")
    } else {
        return None;
    };
    Some(Finding {
        code,
        severity,
        title,
        count: if missing == "IS NULL" { whole - filled } else { filled },
        whole,
        of: "events of this name since then",
        examples: Vec::new(),
        why: "A feature of this property compares customers of two times by what the tracker said, not by what they did.",
        todo:
            "Ask what was released in that week; fill the gap from another system, or use a window on one side of it."
                .to_owned(),
        query: format!(
            "SELECT event_id, source, occurred_at FROM events WHERE event = {} AND occurred_at >= {} \
             AND \"{column}\" {missing} ORDER BY occurred_at, event_id",
            literal(event),
            timestamp(since)
        ),
    })
}

/// What a value of the JSON column is.
fn shape(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(object) if object.contains_key("$number") => "a number",
        Json::Object(object) if object.contains_key("$instant") => "a time",
        Json::Object(_) => "an object or list",
    }
}

/// Returns what a promoted column holds, in the words of [`shape`].
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; texts come in several of them")]
fn held(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "a truth value",
        DataType::Decimal128(_, _) => "a number",
        DataType::Timestamp(_, _) => "a time",
        _ => "a text",
    }
}

/// Counts values in the JSON column whose name has a column of another type.
async fn types(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut counts: BTreeMap<(String, &'static str), (u64, String)> = BTreeMap::new();
    let mut take = |rows: &arrow::array::RecordBatch| {
        let texts = text_column(rows, "other").map_err(|error| EngineError::Query(error.to_string()))?;
        for text in texts.iter().flatten() {
            count_shapes(scope, text, &mut counts);
        }
        Ok(())
    };
    scope.stream("SELECT other FROM events WHERE other IS NOT NULL", &mut take).await?;
    let mut findings = Vec::new();
    counts.retain(|_, (count, _)| *count >= TYPE_VALUES_MIN);
    for ((column, shape), (count, value)) in counts {
        let usual = scope.rows(&format!("SELECT count(\"{column}\") AS n FROM events")).await?.count("n")?;
        if share(count, usual + count) >= TYPE_SHARE_MIN {
            findings.push(changed_type(&column, shape, &value, (count, usual + count)));
        }
    }
    Ok(findings)
}

fn count_shapes(scope: &Scope<'_>, text: &str, counts: &mut BTreeMap<(String, &'static str), (u64, String)>) {
    let Ok(Json::Object(parts)) = serde_json::from_str::<Json>(text) else { return };
    for of in [Part::Properties, Part::Context, Part::Traits] {
        let Some(Json::Object(attributes)) = parts.get(of.key()) else { continue };
        for (name, value) in attributes {
            let Some(column) = column_name(of, name) else { continue };
            // A value of the column's own type only came before the column.
            if scope.type_of(&column).is_none_or(|data_type| held(data_type) == shape(value)) {
                continue;
            }
            let key = (column, shape(value));
            if counts.len() >= JSON_NAMES_MAX && !counts.contains_key(&key) {
                continue;
            }
            let seen = counts.entry(key).or_default();
            seen.0 += 1;
            let shown = value.to_string();
            // The least in the order of letters: the same whichever comes first.
            if seen.1.is_empty() || shown < seen.1 {
                seen.1 = shown;
            }
        }
    }
}

fn changed_type(column: &str, shape: &str, value: &str, (count, whole): (u64, u64)) -> Finding {
    /// Characters of a value in a title.
    const VALUE_CHARS_MAX: usize = 40;
    let name = attribute(column);
    Finding {
        code: "property-changes-type",
        severity: Severity::Warning,
        title: format!(
            "{} is {shape} in {} and something else in the others, for instance {}",
            quoted(&name),
            counted(count, "event"),
            shortened(value, VALUE_CHARS_MAX)
        ),
        count,
        whole,
        of: "events that have it",
        examples: Vec::new(),
        why: "A column has one type; the other values stay in JSON, where no feature sees them.",
        todo: "Send one type everywhere: numbers without quotes, currency signs or words.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, occurred_at, other FROM events WHERE \"{column}\" IS NULL \
             AND other LIKE {} ORDER BY occurred_at, event_id",
            literal(&format!("%\"{name}\":%"))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(shares: &[u64]) -> Vec<Week> {
        (0..).zip(shares).map(|(number, filled)| Week { number, n_events: 100, n_filled: *filled }).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let step = largest_step(&weeks(&[90, 88, 91, 92, 90, 1, 0, 2, 0, 1])).unwrap();
        assert_eq!(step.week, 5);
        assert!(step.before > 0.85 && step.after < 0.05);
    }

    #[test]
    fn slow_change_is_no_step() {
        let slow: Vec<u64> = (0..40).map(|week| 10 + 2 * week).collect();
        assert_eq!(largest_step(&weeks(&slow)), None);
        assert_eq!(largest_step(&weeks(&[50, 60, 40, 55, 45, 52, 48, 60, 41])), None);
        assert_eq!(largest_step(&weeks(&[90, 0])), None);
        assert_eq!(largest_step(&[]), None);
    }
}
