//! `throng journeys pattern`: how many journeys follow a pattern, and who.

use std::rc::Rc;

use serde_json::json;
use throng_engine::JourneyBook;
use throng_journey::{JourneyError, Pattern, Repeats, pattern_count, pattern_profiles};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::totals;
use crate::arguments::PatternArguments;
use crate::failure::Usage;
use crate::format::{clean, counted};

pub(super) fn run(asked: &Asked<'_>, arguments: &PatternArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Keep);
    let pattern = Rc::new(parse(&arguments.pattern, asked.first())?);
    asked.answer(usize::MAX, |group, _| Ok(answer(group, (&arguments.pattern, &pattern), journeys)))
}

/// Reads a pattern over the touchpoints of a book.
///
/// # Errors
/// [`Usage`] when it is not written as patterns are, or names what never happened.
pub(super) fn parse(text: &str, book: &JourneyBook) -> anyhow::Result<Pattern> {
    Pattern::parse(text, book.view().histories()).map_err(|error| {
        let hint = match &error {
            JourneyError::Pattern { .. } => "`throng journeys pattern --help` says how patterns are written",
            JourneyError::UnknownLabel { .. }
            | JourneyError::TooManyEvents { .. }
            | JourneyError::NextStepCounts { .. }
            | JourneyError::Feature { .. } => "`throng journeys touchpoints` lists what there is",
        };
        Usage { what: error.to_string(), hint: hint.to_owned() }.into()
    })
}

fn answer<'g>(group: &'g Group, (text, pattern): (&str, &Rc<Pattern>), journeys: Journeys<'g>) -> Answer<'g> {
    let book = &group.book;
    let found = pattern_count(&book.view(), journeys.cut, pattern);
    let n_active = book.view().n_active_profiles();
    let cells = vec![
        Cell::Count(found.n_sessions),
        Cell::Share(Some(found.share)),
        Cell::Count(found.n_profiles),
        Cell::Share(Some(throng_engine::Share { n: found.n_profiles, of: n_active }.value())),
        Cell::Count(found.n_entered),
        Cell::Share((found.n_entered > 0).then_some(found.conversion)),
        Cell::Seconds(found.median_seconds),
    ];
    let pattern = Rc::clone(pattern);
    let row = Row::new(text, cells).compared(found.n_profiles, n_active);
    let row = row.opens(move || pattern_profiles(&book.view(), journeys.cut, &pattern));
    let table = Table {
        title: None,
        json: "patterns",
        columns: vec![
            Column::number(journeys.plural, "n_journeys"),
            Column::number("share", "share"),
            Column::number("customers", "n_customers"),
            Column::number("of customers", "share_of_customers"),
            Column::number("entered", "n_entered"),
            Column::number("went through", "conversion"),
            Column::number("median time", "median_seconds"),
        ],
        rows: vec![row],
        beside: Beside::Ordered("customers who follow it"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    };
    let n_all = if found.n_sessions_all == 1 { journeys.unit } else { journeys.plural };
    let heading = format!(
        "{} in the {} {n_all} of {}, {}",
        clean(text),
        crate::format::count(found.n_sessions_all),
        group.name,
        counted(n_active, "customer")
    );
    let totals = totals([("unit", json!(journeys.unit)), ("n_journeys_all", json!(found.n_sessions_all))]);
    Answer { title: format!("{text} in journeys, by {}", journeys.unit), heading, totals, tables: vec![table] }
}
