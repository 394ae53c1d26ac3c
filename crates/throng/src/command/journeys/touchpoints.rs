//! `throng journeys touchpoints`: what there is on the way, and rules for better names.

use serde_json::{Map, json};
use throng_engine::{Engine, touchpoints_to_toml};
use throng_journey::touchpoint_profiles;

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group};
use super::totals;
use crate::arguments::{Format, TouchpointsArguments};
use crate::format::{count, counted};
use crate::home::Session;
use crate::output::Align;

pub(super) fn list(asked: &Asked<'_>, arguments: &TouchpointsArguments) -> anyhow::Result<()> {
    asked.answer(arguments.top, |group, top| Ok(answer(group, top)))
}

fn answer(group: &Group, top: usize) -> Answer<'_> {
    let book = &group.book;
    let found = book.touchpoints();
    let n_active = book.view().n_active_profiles();
    let n_events: u64 = found.iter().map(|touchpoint| touchpoint.n_events).sum();
    let part = |n: u64, of: u64| throng_engine::Share { n, of }.value();
    let kinds = found.iter().any(|touchpoint| touchpoint.kind.is_some());
    let mut columns = vec![Column::name("touchpoint", "name")];
    if kinds {
        columns.push(Column::name("kind", "kind"));
    }
    columns.extend([
        Column::number("events", "n_events"),
        Column::number("share", "share"),
        Column::number("customers", "n_customers"),
        Column::number("of customers", "share_of_customers"),
        Column::shown("", Align::Whole),
    ]);
    let n_left = found.len().saturating_sub(top);
    let rows = found.iter().take(top).map(|touchpoint| {
        let label = touchpoint.label;
        let of_customers = part(touchpoint.n_profiles, n_active);
        let mut cells = vec![Cell::text(&touchpoint.name)];
        if kinds {
            cells.push(Cell::text(touchpoint.kind.map_or("", |kind| kind.as_str())));
        }
        cells.extend([
            Cell::Count(touchpoint.n_events),
            Cell::Share(Some(part(touchpoint.n_events, n_events))),
            Cell::Count(touchpoint.n_profiles),
            Cell::Share(Some(of_customers)),
            Cell::Bar(of_customers),
        ]);
        let row = Row::new(&touchpoint.name, cells).compared(touchpoint.n_profiles, n_active);
        row.opens(move || touchpoint_profiles(&book.view(), label))
    });
    let notes = if n_left == 0 { Vec::new() } else { vec![format!("{n_left} rarer touchpoints; --top shows more")] };
    let heading =
        format!("Touchpoints of {}: {} of {}", group.name, counted(n_events, "event"), counted(n_active, "customer"));
    let table = Table {
        title: None,
        json: "touchpoints",
        columns,
        rows: rows.collect(),
        beside: Beside::Ranked("customers who have it"),
        shown_max: usize::MAX,
        notes,
    };
    let totals = totals([
        ("n_events", json!(n_events)),
        ("n_customers", json!(n_active)),
        ("n_touchpoints", json!(found.len())),
    ]);
    Answer { title: "Touchpoints".to_owned(), heading, totals, tables: vec![table] }
}

/// Prints rules that the data suggest.
pub(super) fn propose(session: &Session<'_>, engine: &Engine) -> anyhow::Result<()> {
    let rules = engine.propose_touchpoints()?;
    let output = session.output;
    if output.format() == Format::Json {
        let rules = rules.iter().map(|rule| {
            json!({
                "name": rule.name,
                "kind": rule.kind.map(|kind| kind.as_str()),
                "events": rule.events,
                "channels": rule.channels,
                "campaigns": rule.campaigns,
                "pages": rule.pages,
            })
        });
        let mut document = Map::new();
        document.insert("touchpoints".to_owned(), rules.collect());
        output.json(&document)?;
        return Ok(());
    }
    if rules.is_empty() {
        output.text(
            "The names of the events say it all: no pages, campaigns or several channels to tell them apart by.",
        )?;
        return Ok(());
    }
    let text = touchpoints_to_toml(&rules);
    match output.format() {
        Format::Markdown => output.text(&format!("```toml\n{text}```"))?,
        Format::Text | Format::Json => output.raw(text.as_bytes())?,
    }
    let n_rules = u64::try_from(rules.len()).unwrap_or(u64::MAX);
    output.note(&format!(
        "{} rules; edit them and paste them at the end of throng.toml, or: throng journeys touchpoints --propose >> {}",
        count(n_rules),
        engine.home().root().join(throng_engine::CONFIG_FILE).display()
    ));
    Ok(())
}
