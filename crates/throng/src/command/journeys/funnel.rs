//! `throng journeys funnel`: how many take steps in time, what the others did instead,
//! what goes together with it, and how groups of customers differ.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::bail;
use serde_json::json;
use throng_engine::Share;
use throng_event::Instant;
use throng_journey::{
    Entries, Exclusion, Funnel, FunnelOptions, FunnelStep, ProfileSet, Reached, StepOrder, Window, funnel,
    funnel_profiles, instead_profiles,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group};
use super::correlation::correlations;
use super::{state_name, totals};
use crate::arguments::{EntriesWanted, FunnelArguments, OrderWanted, ScopeWanted, Within};
use crate::failure::Usage;
use crate::format::{clean, count, counted, duration};
use crate::output::Align;

/// The funnel that was asked for.
struct Question<'a> {
    names: Vec<String>,
    options: Rc<FunnelOptions<'a>>,
    /// In words: `within 7 days`.
    window: String,
    within_days: Option<i64>,
    top: usize,
}

pub(super) fn run(asked: &Asked<'_>, arguments: &FunnelArguments) -> anyhow::Result<()> {
    let question = question(asked, arguments)?;
    let breakdown = arguments.by.as_deref().map(|by| parts(asked, by)).transpose()?;
    asked.answer(arguments.top, |group, _| {
        let found = funnel(&group.book.view(), &question.options);
        let mut tables = vec![steps(group, &question, &found)];
        if let Some(parts) = &breakdown {
            tables.push(broken_down(group, &question, parts));
        }
        tables.push(instead(group, &question, &found));
        if arguments.correlations {
            tables.extend(correlations(asked, group, (&question.options, question.top))?);
        }
        let heading = format!("Funnel of {}, {}", group.name, question.window);
        let totals = totals([
            ("within_days", json!(question.within_days)),
            ("within", json!(question.window)),
            ("n_customers", json!(found.n_profiles)),
        ]);
        Ok(Answer { title: format!("Funnel, {}", question.window), heading, totals, tables })
    })
}

fn question<'a>(asked: &'a Asked<'_>, arguments: &FunnelArguments) -> anyhow::Result<Question<'a>> {
    let config = asked.engine.home().config();
    let names: Vec<String> = match arguments.steps.as_slice() {
        [] => config.funnel.clone(),
        steps => steps.iter().map(|step| step.trim().to_owned()).collect(),
    };
    if names.len() < 2 {
        let what = "a funnel needs at least two steps".to_owned();
        let hint = "name them as in `throng journeys funnel First Second`, or as funnel in throng.toml".to_owned();
        bail!(Usage { what, hint });
    }
    let steps = names.iter().map(|name| asked.labels(name)).collect::<anyhow::Result<_>>()?;
    let exclusions =
        arguments.exclude.iter().map(|name| Ok(Exclusion { labels: asked.labels(name)?, after_step: None }));
    let (window, words, within_days) = match arguments.within {
        None => {
            let days = i64::from(config.funnel_days);
            let words = format!("within {}", counted(u64::from(config.funnel_days), "day"));
            (Window::Clock { window_us: days.saturating_mul(Instant::DAY) }, words, Some(days))
        }
        Some(Within::Span(span)) => {
            #[expect(clippy::cast_precision_loss, reason = "a time to be read by people")]
            let words = format!("within {}", duration(span.0 as f64 / Instant::SECOND as f64));
            let whole_days = (span.0 % Instant::DAY == 0).then_some(span.0 / Instant::DAY);
            (Window::Clock { window_us: span.0 }, words, whole_days)
        }
        Some(Within::Scope(scope)) => {
            let word = match scope {
                ScopeWanted::Session => "one session",
                ScopeWanted::Day => "one day",
                ScopeWanted::History => "the whole history",
                ScopeWanted::Source => "one session of the source",
            };
            (Window::Journey(asked.scope(scope, asked.gap_us(arguments.gap))), format!("within {word}"), None)
        }
    };
    let options = FunnelOptions {
        steps,
        order: match arguments.order {
            OrderWanted::Ordered => StepOrder::Ordered,
            OrderWanted::Strict => StepOrder::Strict,
            OrderWanted::Any => StepOrder::Any,
        },
        window,
        exclusions: exclusions.collect::<anyhow::Result<_>>()?,
        entries: match arguments.entries {
            EntriesWanted::Once => Entries::Once,
            EntriesWanted::Every => Entries::Each,
        },
    };
    Ok(Question { names, options: Rc::new(options), window: words, within_days, top: arguments.top })
}

fn steps<'g>(group: &'g Group, question: &Question<'g>, found: &Funnel) -> Table<'g> {
    let book = &group.book;
    let each = question.options.entries == Entries::Each;
    let mut columns = vec![Column::name("step", "step")];
    if each {
        columns.push(Column::number("attempts", "n_attempts"));
    }
    columns.extend([
        Column::number("customers", "n_customers"),
        Column::number("of start", "from_start"),
        Column::number("of before", "from_previous"),
        Column::number("95 %", "from_previous_bounds"),
        Column::number("median time", "median_seconds"),
        Column::number("90 % within", "p90_seconds"),
        Column::number("lost", "n_lost"),
        Column::shown("", Align::Whole),
    ]);
    let mut rows = Vec::with_capacity(found.steps.len());
    let mut n_before = found.n_profiles;
    for (step_idx, (name, step)) in question.names.iter().zip(&found.steps).enumerate() {
        let mut cells = vec![Cell::text(name)];
        if each {
            cells.push(Cell::Count(step.n_entries));
        }
        let n_lost: u64 = step.instead.iter().map(|instead| instead.n_entries).sum();
        let first = step_idx == 0;
        cells.extend([
            Cell::Count(step.n_profiles),
            Cell::Share(Some(step.conversion_from_start)),
            if first { Cell::text("") } else { Cell::Share(Some(step.conversion_from_previous)) },
            if first { Cell::text("") } else { Cell::Range(step.from_previous_bounds) },
            if first { Cell::text("") } else { Cell::Seconds(step.median_seconds) },
            if first { Cell::text("") } else { Cell::Seconds(step.p90_seconds) },
            if step_idx + 1 < found.steps.len() { Cell::Count(n_lost) } else { Cell::text("") },
            Cell::Bar(step.conversion_from_start),
        ]);
        let reached = Rc::clone(&question.options);
        let lost = Rc::clone(&question.options);
        let row = numbers(Row::new(name, cells), step, n_lost).compared(step.n_profiles, n_before);
        let row = row.opens(move || funnel_profiles(&book.view(), &reached, step_idx, Reached::AtLeast));
        rows.push(row.opens_as(format!("{name} → lost"), move || {
            funnel_profiles(&book.view(), &lost, step_idx, Reached::NoFurther)
        }));
        n_before = step.n_profiles;
    }
    Table {
        title: None,
        json: "steps",
        columns,
        rows,
        beside: Beside::Ordered("customers, of the step before"),
        shown_max: usize::MAX,
        notes: vec![format!("of {}", counted(found.n_profiles, "customer"))],
    }
}

/// Adds to JSON what a first step leaves blank on the screen.
fn numbers<'g>(row: Row<'g>, step: &FunnelStep, n_lost: u64) -> Row<'g> {
    row.with("from_start_bounds", json!([step.from_start_bounds.low, step.from_start_bounds.high]))
        .with("n_lost", n_lost)
        .with("from_previous", step.conversion_from_previous)
        .with("median_seconds", json!(step.median_seconds))
        .with("p90_seconds", json!(step.p90_seconds))
}

fn instead<'g>(group: &'g Group, question: &Question<'g>, found: &Funnel) -> Table<'g> {
    let book = &group.book;
    let mut rows = Vec::new();
    for (step_idx, (name, step)) in question.names.iter().zip(&found.steps).enumerate() {
        let n_lost: u64 = step.instead.iter().map(|instead| instead.n_entries).sum();
        for instead in step.instead.iter().take(question.top) {
            let next = instead.next;
            let next_name = state_name(book, next);
            let part = Share { n: instead.n_entries, of: n_lost }.value();
            let cells =
                vec![Cell::text(name), Cell::text(next_name), Cell::Count(instead.n_entries), Cell::Share(Some(part))];
            let options = Rc::clone(&question.options);
            let key = format!("{name} → {next_name}");
            let row = Row::new(key, cells);
            rows.push(row.opens(move || instead_profiles(&book.view(), &options, step_idx, next)));
        }
        let n_other: u64 = step.instead.iter().skip(question.top).map(|instead| instead.n_entries).sum();
        if n_other > 0 {
            rows.push(other(group, question, (step_idx, name), (n_other, n_lost), step));
        }
    }
    Table {
        title: Some("What those did next who went no further".to_owned()),
        json: "instead",
        columns: vec![
            Column::name("after", "after"),
            Column::name("instead", "next"),
            Column::number(if question.options.entries == Entries::Each { "attempts" } else { "customers" }, "n"),
            Column::number("of those lost", "share"),
        ],
        rows,
        beside: Beside::Apart,
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}

fn other<'g>(
    group: &'g Group,
    question: &Question<'g>,
    (step_idx, name): (usize, &str),
    (n_other, n_lost): (u64, u64),
    step: &FunnelStep,
) -> Row<'g> {
    let book = &group.book;
    let rest: Vec<_> = step.instead.iter().skip(question.top).map(|instead| instead.next).collect();
    let options = Rc::clone(&question.options);
    let part = Share { n: n_other, of: n_lost }.value();
    let cells = vec![Cell::text(name), Cell::text("(other)"), Cell::Count(n_other), Cell::Share(Some(part))];
    Row::new(format!("{name} → (other)"), cells).opens(move || {
        let profiles = rest.iter().map(|next| instead_profiles(&book.view(), &options, step_idx, *next));
        profiles.fold(ProfileSet::new(), |all, profiles| all.union(&profiles))
    })
}

/// Values of a property that are told apart; the rest is "(other)".
const PARTS_MAX: usize = 8;

/// Returns the customers by persona, or by the value of a property.
fn parts(asked: &Asked<'_>, by: &str) -> anyhow::Result<Vec<(String, ProfileSet)>> {
    let set = |numbers: Vec<u32>| numbers.into_iter().collect::<ProfileSet>();
    if by == "persona" {
        return Ok(asked.by_persona()?.into_iter().map(|(name, numbers)| (name, set(numbers))).collect());
    }
    let mut by_value: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, value) in asked.engine.property(by, Some(asked.first().last_day()))? {
        by_value.entry(value).or_default().push(id);
    }
    let mut ranked: Vec<(String, Vec<String>)> = by_value.into_iter().collect();
    // By value already, and the sort is stable.
    ranked.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let rest = ranked.split_off(ranked.len().min(PARTS_MAX));
    let mut parts: Vec<(String, ProfileSet)> =
        ranked.into_iter().map(|(value, ids)| (clean(&value), set(asked.numbers(&ids)))).collect();
    if !rest.is_empty() {
        let ids: Vec<String> = rest.into_iter().flat_map(|(_, ids)| ids).collect();
        parts.push(("(other)".to_owned(), set(asked.numbers(&ids))));
    }
    Ok(parts)
}

/// Returns the share of each part that reaches each step.
fn broken_down<'g>(group: &'g Group, question: &Question<'g>, parts: &[(String, ProfileSet)]) -> Table<'g> {
    let mut columns = vec![Column::name("customers", "name"), Column::number("all", "n_customers")];
    columns.extend(question.names.iter().enumerate().map(|(step_idx, name)| {
        let title = if step_idx == 0 { name.clone() } else { format!("→ {name}") };
        Column::shown(&title, Align::Right)
    }));
    columns.push(Column::number("whole way", "conversion"));
    let mut rows = Vec::with_capacity(parts.len());
    for (name, profiles) in parts {
        let book = group.book.select_set(profiles);
        let found = funnel(&book.view(), &question.options);
        let reached: Vec<u64> = found.steps.iter().map(|step| step.n_profiles).collect();
        let mut cells = vec![Cell::text(name), Cell::Count(found.n_profiles)];
        cells.extend(found.steps.iter().enumerate().map(|(step_idx, step)| {
            if step_idx == 0 {
                Cell::text(count(step.n_profiles))
            } else {
                Cell::Share((found.steps[step_idx - 1].n_entries > 0).then_some(step.conversion_from_previous))
            }
        }));
        let last = found.steps.last().filter(|_| reached.first().is_some_and(|n| *n > 0));
        cells.push(Cell::Share(last.map(|step| step.conversion_from_start)));
        let conversions: Vec<f64> = found.steps.iter().map(|step| step.conversion_from_previous).collect();
        let row = Row::new(name, cells).with("n_reached", json!(reached)).with("from_previous", json!(conversions));
        let options = Rc::clone(&question.options);
        let last_idx = question.names.len() - 1;
        rows.push(row.opens(move || funnel_profiles(&book.view(), &options, last_idx, Reached::AtLeast)));
    }
    Table {
        title: Some("By part".to_owned()),
        json: "by",
        columns,
        rows,
        beside: Beside::Apart,
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}
