//! `throng journeys next`: what comes after some touchpoints, and how often such a
//! prediction is right about customers it was not learned from.

use std::rc::Rc;

use serde_json::json;
use throng_engine::Share;
use throng_journey::{NextStepModel, Pattern, Repeats, State, held_out_accuracy, pattern_profiles};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::{arrows, state_name, totals};
use crate::arguments::NextArguments;
use crate::format::{clean, count, share};
use crate::output::Align;

pub(super) fn run(asked: &Asked<'_>, arguments: &NextArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Keep);
    let mut prefix = Vec::with_capacity(arguments.prefix.len());
    for name in &arguments.prefix {
        // The first of several names would do as well as any: one is meant.
        prefix.extend(asked.labels(name)?.into_iter().take(1));
    }
    asked.answer(arguments.top, |group, top| answer(group, arguments, (&prefix, journeys), top))
}

fn answer<'g>(
    group: &'g Group,
    arguments: &NextArguments,
    (prefix, journeys): (&[u32], Journeys<'g>),
    top: usize,
) -> anyhow::Result<Answer<'g>> {
    let book = &group.book;
    let view = book.view();
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let model = NextStepModel::fit(&view, journeys.cut, size(arguments.order));
    let names: Vec<&str> = prefix.iter().map(|label| book.name(*label)).collect();
    // Without a prefix, what journeys begin with.
    let so_far: Vec<State> = match prefix {
        [] => vec![State::Start],
        prefix => prefix.iter().map(|label| State::Label(*label)).collect(),
    };
    let mut rows = Vec::new();
    for prediction in model.predict_proba(prefix) {
        let next = prediction.next;
        let name = state_name(book, next);
        let cells =
            vec![Cell::text(name), Cell::Share(Some(prediction.probability)), Cell::Bar(prediction.probability)];
        let pattern = Rc::new(Pattern::steps(&[so_far.as_slice(), &[next]].concat())?);
        let row = Row::new(name, cells);
        rows.push(row.opens(move || pattern_profiles(&book.view(), journeys.cut, &pattern)));
    }
    let right = held_out_accuracy(&view, journeys.cut, size(arguments.order), size(arguments.after));
    let accuracy = right.filter(|right| right.n_steps > 0).map(|right| Share { n: right.n_right, of: right.n_steps });
    let note = match accuracy {
        None => "There are too few customers to say how often this is right.".to_owned(),
        Some(right) => format!(
            "The first guess is right for {} of {} steps of the customers who came last, a third, learned from the \
             others; steps after at least {}.",
            share(right.value()),
            count(right.of),
            crate::format::counted(u64::from(arguments.after), "touchpoint"),
        ),
    };
    let heading = match names.as_slice() {
        [] => format!("What the {} of {} begin with", journeys.plural, group.name),
        names => format!("What comes after {}, {}", clean(&arrows(names)), group.name),
    };
    let table = Table {
        title: None,
        json: "next",
        columns: vec![
            Column::name("next", "name"),
            Column::number("probability", "probability"),
            Column::shown("", Align::Whole),
        ],
        rows,
        beside: Beside::Apart,
        shown_max: top,
        notes: vec![note],
    };
    let totals = totals([
        ("unit", json!(journeys.unit)),
        ("prefix", json!(names)),
        ("order", json!(arguments.order)),
        ("accuracy", json!(accuracy.map(Share::value))),
        ("n_steps_tested", json!(accuracy.map(|right| right.of))),
    ]);
    Ok(Answer { title: "What comes next".to_owned(), heading, totals, tables: vec![table] })
}
