//! `throng journeys retention` and `lifecycle`: who comes back, and in which stage of
//! life customers are.

use anyhow::bail;
use serde_json::json;
use throng_event::{Day, Instant};
use throng_journey::{
    Bracket, Days, LifecycleRow, Retained, Retention, RetentionRow, Stage, lifecycle, retained_profiles, retention,
    stage_profiles, stickiness,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group};
use super::totals;
use crate::arguments::{LifecycleArguments, RetentionArguments, Span};
use crate::failure::Usage;
use crate::format::{counted, quantity, share};
use crate::output::Align;

/// Returns whole days.
fn days_of(span: Span, option: &str) -> anyhow::Result<u32> {
    let whole = (span.0 % Instant::DAY == 0).then_some(span.0 / Instant::DAY);
    match whole.and_then(|days| u32::try_from(days).ok()).filter(|days| *days <= DAYS_MAX) {
        Some(days) => Ok(days),
        None => {
            let what = format!("{option} takes whole days, at most {DAYS_MAX}");
            bail!(Usage { what, hint: "say 7d, 28d or 52w".to_owned() })
        }
    }
}

/// Ten years: what is longer is no row any more.
const DAYS_MAX: u32 = 3_660;

pub(super) fn run(asked: &Asked<'_>, arguments: &RetentionArguments) -> anyhow::Result<()> {
    let span_days = days_of(arguments.every, "--every")?;
    let brackets: Vec<Bracket> =
        arguments.brackets.iter().map(|wanted| Bracket { first: wanted.first, last: wanted.last }).collect();
    let calendar = &asked.engine.home().config().calendar;
    asked.answer(arguments.top, |group, top| {
        let days = group.book.days(calendar);
        let found = retention(&group.book.view(), days, span_days, &brackets);
        let table = if asked.compares() {
            by_bracket(group, days, &found, &brackets)
        } else {
            by_first_touch(group, (days, span_days), &found, (&brackets, top))
        };
        let heading = format!(
            "Who comes back, {}: {} by the days of their first touch",
            group.name,
            counted(found.all.n_profiles, "customer")
        );
        let totals = totals([("n_customers", json!(found.all.n_profiles)), ("every_days", json!(span_days))]);
        Ok(Answer { title: "Who comes back".to_owned(), heading, totals, tables: vec![table] })
    })
}

/// Returns a bracket as it was typed: `8-30`.
fn bracket_name(bracket: Bracket) -> String {
    match bracket.last {
        Some(last) if last == bracket.first => format!("{last}"),
        Some(last) => format!("{}-{last}", bracket.first),
        None => format!("{}-", bracket.first),
    }
}

fn by_first_touch<'g>(
    group: &'g Group,
    (days, span_days): (Days<'g>, u32),
    found: &Retention,
    (brackets, top): (&[Bracket], usize),
) -> Table<'g> {
    let mut columns = vec![Column::name("first touch from", "from"), Column::number("customers", "n_customers")];
    columns.extend(brackets.iter().map(|bracket| {
        let name = bracket_name(*bracket);
        let title = if bracket.last == Some(bracket.first) { format!("day {name}") } else { format!("days {name}") };
        Column::shown(&title, Align::Right)
    }));
    let n_skipped = found.rows.len().saturating_sub(top);
    let row = |name: String, row: &RetentionRow, span: u32| {
        let mut cells = vec![Cell::text(&name), Cell::Count(row.n_profiles)];
        cells.extend(row.retained.iter().map(|retained| Cell::Share((retained.n_known > 0).then_some(retained.share))));
        let from = row.from;
        let mut line = Row::new(name.clone(), cells).with("retained", documents(brackets, &row.retained));
        for bracket in brackets {
            let bracket = *bracket;
            let key = format!("{name} → {}", bracket_name(bracket));
            line = line.opens_as(key, move || retained_profiles(&group.book.view(), days, from, span, bracket));
        }
        line
    };
    let mut rows: Vec<Row<'g>> =
        found.rows.iter().skip(n_skipped).map(|cohort| row(cohort.from.to_string(), cohort, span_days)).collect();
    rows.push(row("all".to_owned(), &found.all, u32::MAX));
    let mut notes = vec![
        "Of the customers known for long enough; a dash where none is yet. Any event on a day counts as coming back."
            .to_owned(),
    ];
    if n_skipped > 0 {
        notes.push(format!("{n_skipped} older rows; --top shows more"));
    }
    Table { title: None, json: "rows", columns, rows, beside: Beside::Apart, shown_max: usize::MAX, notes }
}

fn documents(brackets: &[Bracket], retained: &[Retained]) -> serde_json::Value {
    let one = |(bracket, retained): (&Bracket, &Retained)| {
        json!({
            "days": bracket_name(*bracket),
            "n_known": retained.n_known,
            "n_retained": retained.n_retained,
            "share": retained.share,
            "low": retained.bounds.low,
            "high": retained.bounds.high,
        })
    };
    brackets.iter().zip(retained).map(one).collect()
}

/// Returns everybody's retention, one row for each bracket: what two groups are compared by.
fn by_bracket<'g>(group: &'g Group, days: Days<'g>, found: &Retention, brackets: &[Bracket]) -> Table<'g> {
    let from = found.all.from;
    let rows = brackets.iter().zip(&found.all.retained).map(|(bracket, retained)| {
        let bracket = *bracket;
        let name = format!("days {}", bracket_name(bracket));
        let cells = vec![
            Cell::text(&name),
            Cell::Count(retained.n_known),
            Cell::Count(retained.n_retained),
            Cell::Share((retained.n_known > 0).then_some(retained.share)),
        ];
        let row = Row::new(name, cells).compared(retained.n_retained, retained.n_known);
        let key = format!("all → {}", bracket_name(bracket));
        row.opens_as(key, move || retained_profiles(&group.book.view(), days, from, u32::MAX, bracket))
    });
    Table {
        title: None,
        json: "rows",
        columns: vec![
            Column::name("days after the first touch", "days"),
            Column::number("known", "n_known"),
            Column::number("came back", "n_retained"),
            Column::number("share", "share"),
        ],
        rows: rows.collect(),
        beside: Beside::Ordered("customers who come back"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}

/// Days of the window in which it is said how often customers come.
const STICKINESS_DAYS: u32 = 28;

pub(super) fn lifecycle_of(asked: &Asked<'_>, arguments: &LifecycleArguments) -> anyhow::Result<()> {
    let span_days = days_of(arguments.every, "--every")?;
    let calendar = &asked.engine.home().config().calendar;
    asked.answer(usize::MAX, |group, _| {
        let book = &group.book;
        let days = book.days(calendar);
        let found = lifecycle(&book.view(), days, span_days, arguments.top);
        // Spans before anybody came say nothing.
        let n_empty = found.iter().take_while(|row| nobody(row)).count();
        let n_rows = found.len();
        let rows = found.iter().enumerate().skip(n_empty).map(|(idx, row)| {
            let back = u32::try_from(n_rows - 1 - idx).unwrap_or(u32::MAX);
            stages_row(group, (days, span_days, back), row)
        });
        let sticky = stickiness(&book.view(), days, STICKINESS_DAYS);
        let note = format!(
            "Of those active in the last {STICKINESS_DAYS} days, {} are on an average day ({} of {}).",
            share(sticky.stickiness),
            quantity(sticky.daily_active_mean),
            counted(sticky.n_active, "customer"),
        );
        let table = Table {
            title: None,
            json: "spans",
            columns: stage_columns(),
            rows: rows.collect(),
            beside: Beside::Apart,
            shown_max: usize::MAX,
            notes: vec![note],
        };
        let mut tables = vec![table];
        if asked.compares() {
            tables.push(stayed(group, (days, span_days), &found));
        }
        let heading = format!("Stages of life of {}, {} at a time", group.name, counted(u64::from(span_days), "day"));
        let totals = totals([
            ("every_days", json!(span_days)),
            ("stickiness", json!(sticky.stickiness)),
            ("daily_active_mean", json!(sticky.daily_active_mean)),
            ("n_active", json!(sticky.n_active)),
        ]);
        Ok(Answer { title: "Stages of life".to_owned(), heading, totals, tables })
    })
}

fn nobody(row: &LifecycleRow) -> bool {
    row.n_new + row.n_current + row.n_resurrected + row.n_dormant == 0
}

fn stage_columns() -> Vec<Column> {
    vec![
        Column::name("from", "from"),
        Column::number("active", "n_active"),
        Column::number("new", "n_new"),
        Column::number("current", "n_current"),
        Column::number("resurrected", "n_resurrected"),
        Column::number("dormant", "n_dormant"),
        Column::number("stayed", "stayed"),
    ]
}

/// Returns who stayed from each span to the next, spans counted back from the last, which two
/// groups seen until different days have in common: what they are compared by.
fn stayed<'g>(group: &'g Group, (days, span_days): (Days<'g>, u32), found: &[LifecycleRow]) -> Table<'g> {
    let row = |(back, row): (u32, &LifecycleRow)| {
        let name = match back {
            0 => "the last".to_owned(),
            back => format!("{back} before"),
        };
        let before = row.n_current + row.n_dormant;
        let row =
            Row::new(name.clone(), vec![Cell::text(name), Cell::Count(row.n_current)]).compared(row.n_current, before);
        row.opens(move || stage_profiles(&group.book.view(), days, span_days, back, Stage::Current))
    };
    Table {
        title: Some(format!("Who stayed, by spans of {}", counted(u64::from(span_days), "day"))),
        json: "stayed",
        columns: vec![Column::name("span", "span"), Column::number("stayed", "n_stayed")],
        rows: (0..).zip(found.iter().rev()).map(row).collect(),
        beside: Beside::Ordered("customers, of those active in the span before"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}

fn stages_row<'g>(group: &'g Group, (days, span_days, back): (Days<'g>, u32, u32), row: &LifecycleRow) -> Row<'g> {
    let from: Day = row.from;
    let before = row.n_current + row.n_dormant;
    let stayed = throng_engine::Share { n: row.n_current, of: before };
    let cells = vec![
        Cell::text(from.to_string()),
        Cell::Count(row.n_new + row.n_current + row.n_resurrected),
        Cell::Count(row.n_new),
        Cell::Count(row.n_current),
        Cell::Count(row.n_resurrected),
        Cell::Count(row.n_dormant),
        Cell::Share((before > 0).then_some(stayed.value())),
    ];
    let mut line = Row::new(from.to_string(), cells);
    for (name, stage) in [
        ("new", Stage::New),
        ("current", Stage::Current),
        ("resurrected", Stage::Resurrected),
        ("dormant", Stage::Dormant),
    ] {
        let key = format!("{from} → {name}");
        line = line.opens_as(key, move || stage_profiles(&group.book.view(), days, span_days, back, stage));
    }
    line
}
