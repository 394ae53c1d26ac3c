//! `throng journeys loops` and `typical`: where customers go round in circles, and the
//! journey that stands for the others.

use serde_json::json;
use throng_journey::{
    Circle, CircleCount, Path, PathOptions, Repeats, circle_profiles, circles, path_profiles, typical_journey,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::{arrows, totals};
use crate::arguments::{LoopsArguments, TypicalArguments};
use crate::format::{count, quantity};
use crate::output::Align;

pub(super) fn run(asked: &Asked<'_>, arguments: &LoopsArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Collapse);
    asked.answer(arguments.top, |group, top| Ok(answer(group, journeys, top)))
}

fn answer<'g>(group: &'g Group, journeys: Journeys<'g>, top: usize) -> Answer<'g> {
    let book = &group.book;
    let found = circles(&book.view(), journeys.cut);
    let n_active = book.view().n_active_profiles();
    let row = |count: &CircleCount| {
        let circle = count.circle;
        let key = match circle {
            Circle::Loop(label) => arrows(&[book.name(label), "…", book.name(label)]),
            Circle::BackAndForth(from, over) => arrows(&[book.name(from), book.name(over), book.name(from)]),
        };
        let cells = vec![
            Cell::Count(count.n_times),
            Cell::Count(count.n_sessions),
            Cell::Count(count.n_profiles),
            Cell::Share(Some(throng_engine::Share { n: count.n_profiles, of: n_active }.value())),
            Cell::Seconds(count.median_seconds),
            Cell::text(&key),
        ];
        let row = Row::new(key, cells).compared(count.n_profiles, n_active);
        row.opens(move || circle_profiles(&book.view(), journeys.cut, circle))
    };
    let table = |title: &str, json, words, counts: &[CircleCount]| Table {
        title: Some(title.to_owned()),
        json,
        columns: vec![
            Column::number("times", "n_times"),
            Column::number(journeys.plural, "n_journeys"),
            Column::number("customers", "n_customers"),
            Column::number("of customers", "share_of_customers"),
            Column::number("median time", "median_seconds"),
            Column::shown(words, Align::Left),
        ],
        rows: counts.iter().map(row).collect(),
        beside: Beside::Ranked("customers who go so"),
        shown_max: top,
        notes: Vec::new(),
    };
    let heading = format!("Circles in the journeys of {}, by {}", group.name, journeys.unit);
    let totals = totals([("unit", json!(journeys.unit)), ("n_customers", json!(n_active))]);
    let tables = vec![
        table("To and fro", "back_and_forths", "there and straight back", &found.back_and_forths),
        table("Loops", "loops", "back to", &found.loops),
    ];
    Answer { title: format!("Circles, by {}", journeys.unit), heading, totals, tables }
}

/// Steps of journeys that the typical one is compared by.
const STEPS_COMPARED: usize = 64;

pub(super) fn typical(asked: &Asked<'_>, arguments: &TypicalArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Collapse);
    asked.answer(usize::MAX, |group, _| Ok(typical_answer(asked, group, journeys)))
}

fn typical_answer<'g>(asked: &'g Asked<'_>, group: &'g Group, journeys: Journeys<'g>) -> Answer<'g> {
    let book = &group.book;
    let found = typical_journey(&book.view(), journeys.cut);
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let mut customer = None;
    if let Some(typical) = &found {
        let steps: Vec<&str> = typical.labels.iter().map(|label| book.name(*label)).collect();
        let path = Path {
            labels: typical.labels.clone(),
            continues: false,
            n_sessions: 0,
            n_profiles: 0,
            share: 0.0,
            n_converted: 0,
            median_seconds: None,
        };
        let options = PathOptions { cut: journeys.cut, steps_max: STEPS_COMPARED, top: 0, goal: &[] };
        // Longer journeys were compared by their first steps only.
        let longer = Path { continues: true, ..path.clone() };
        let profiles = path_profiles(&book.view(), &options, &path);
        let profiles = profiles.union(&path_profiles(&book.view(), &options, &longer));
        let key = arrows(&steps);
        let row = Row::new(key.clone(), vec![Cell::Count(profiles.len()), Cell::text(key)]).with("steps", json!(steps));
        rows.push(row.opens(move || profiles.clone()));
        customer = usize::try_from(typical.profile).ok().and_then(|number| asked.profiles.get(number));
        notes.push(format!(
            "Somebody's own journey{}, the nearest to {} of {} {} that were compared: on average {} steps would have to \
             be put in, left out or exchanged to make it another.",
            customer.map_or_else(String::new, |id| format!(" ({})", id.as_str())),
            count(typical.n_compared),
            count(typical.n_sessions),
            journeys.plural,
            quantity(typical.distance_mean),
        ));
    }
    let table = Table {
        title: None,
        json: "journeys",
        columns: vec![Column::number("customers", "n_customers"), Column::shown("journey", Align::Left)],
        rows,
        beside: Beside::Apart,
        shown_max: usize::MAX,
        notes,
    };
    let totals = totals([
        ("unit", json!(journeys.unit)),
        ("customer", json!(customer.map(throng_profile::ProfileId::as_str))),
        ("n_journeys", json!(found.as_ref().map(|typical| typical.n_sessions))),
        ("n_compared", json!(found.as_ref().map(|typical| typical.n_compared))),
        ("distance_mean", json!(found.as_ref().map(|typical| typical.distance_mean))),
    ]);
    let title = format!("The typical {}", journeys.unit);
    Answer { heading: format!("{title} of {}", group.name), title, totals, tables: vec![table] }
}
