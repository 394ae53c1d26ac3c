//! `throng journeys next`: what comes after some touchpoints, and how often such a
//! prediction is right about customers it was not learned from.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::json;
use throng_engine::Share;
use throng_journey::{
    NextStepAccuracy, NextStepModel, PathOptions, Pattern, ProfileSet, Repeats, State, View, held_out_accuracy,
    other_path_profiles, pattern_profiles,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::{arrows, state_name, totals};
use crate::arguments::{HeldOutWanted, NextArguments};
use crate::format::{clean, count, share};
use crate::output::Align;

pub(super) fn run(asked: &Asked<'_>, arguments: &NextArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Keep);
    let mut prefix = Vec::with_capacity(arguments.prefix.len());
    for name in &arguments.prefix {
        // The first of several names would do as well as any: one is meant.
        prefix.extend(asked.labels(name)?.into_iter().take(1));
    }
    asked.answer(arguments.top, |group, top| answer((asked, group), arguments, (&prefix, journeys), top))
}

fn answer<'g>(
    (asked, group): (&Asked<'_>, &'g Group),
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
    let sizes = (size(arguments.order), size(arguments.after));
    let right = match arguments.held_out {
        HeldOutWanted::Newest => held_out_accuracy(&view, journeys.cut, sizes.0, sizes.1),
        HeldOutWanted::Ids => last_ids_accuracy(asked, &view, journeys, sizes),
    };
    let accuracy = right.filter(|right| right.n_steps > 0).map(|right| Share { n: right.n_right, of: right.n_steps });
    let note = accuracy_in_words(accuracy, arguments);
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
    let mut tables = vec![table];
    if asked.compares() {
        tables.push(went_on(asked, group, &so_far, journeys)?);
    }
    let totals = totals([
        ("unit", json!(journeys.unit)),
        ("prefix", json!(names)),
        ("order", json!(arguments.order)),
        ("accuracy", json!(accuracy.map(Share::value))),
        ("n_steps_tested", json!(accuracy.map(|right| right.of))),
    ]);
    Ok(Answer { title: "What comes next".to_owned(), heading, totals, tables })
}

/// Touchpoints that two groups are compared by, the most frequent of both: each is looked for in
/// all journeys.
const COMPARED_MAX: usize = 30;

/// Returns how many of the customers who come so far go on with each touchpoint, once at least.
fn went_on<'g>(
    asked: &Asked<'_>,
    group: &'g Group,
    so_far: &[State],
    journeys: Journeys<'g>,
) -> anyhow::Result<Table<'g>> {
    let book = &group.book;
    let mut n_events: BTreeMap<u32, u64> = BTreeMap::new();
    for touchpoint in asked.groups().iter().flat_map(|group| group.book.touchpoints()) {
        *n_events.entry(touchpoint.label).or_default() += touchpoint.n_events;
    }
    let mut labels: Vec<(u32, u64)> = n_events.into_iter().collect();
    // By name already, and the sort is stable.
    labels.sort_by_key(|(_, n_events)| Reverse(*n_events));
    let nexts = labels.into_iter().take(COMPARED_MAX).map(|(label, _)| State::Label(label)).chain([State::End]);
    let of = pattern_profiles(&book.view(), journeys.cut, &Pattern::steps(so_far)?).len();
    let mut rows = Vec::new();
    for next in nexts {
        let pattern = Pattern::steps(&[so_far, &[next]].concat())?;
        let profiles = pattern_profiles(&book.view(), journeys.cut, &pattern);
        let name = state_name(book, next);
        let row = Row::new(name, vec![Cell::text(name), Cell::Count(profiles.len())]);
        rows.push(row.compared(profiles.len(), of).opens(move || profiles.clone()));
    }
    Ok(Table {
        title: Some("Who goes on so".to_owned()),
        json: "went_on",
        columns: vec![Column::name("next", "name"), Column::number("customers", "n_customers")],
        rows,
        beside: Beside::Ranked("of customers who come so far"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    })
}

fn accuracy_in_words(accuracy: Option<Share>, arguments: &NextArguments) -> String {
    match accuracy {
        None => "There are too few customers to say how often this is right.".to_owned(),
        Some(right) => format!(
            "The first guess is right for {} of {} steps of the customers {}, a third, learned from the others; steps \
             after at least {}.",
            share(right.value()),
            count(right.of),
            match arguments.held_out {
                HeldOutWanted::Newest => "who came last",
                HeldOutWanted::Ids => "whose ids come last",
            },
            crate::format::counted(u64::from(arguments.after), "touchpoint"),
        ),
    }
}

/// Returns how often a model is right about the third of the customers whose ids come last,
/// numbers in them taken as numbers.
fn last_ids_accuracy(
    asked: &Asked<'_>,
    view: &View<'_>,
    journeys: Journeys<'_>,
    (order_max, n_before): (usize, usize),
) -> Option<NextStepAccuracy> {
    let everybody = PathOptions { cut: journeys.cut, steps_max: 1, top: 0, goal: &[] };
    let active = other_path_profiles(view, &everybody, &[]);
    let mut ids: Vec<(u32, &str)> = Vec::new();
    for number in active.iter() {
        let id = usize::try_from(number).ok().and_then(|number| asked.profiles.get(number));
        ids.push((number, id.map_or("", |id| id.as_str())));
    }
    ids.sort_by(|a, b| natural(a.1).cmp(&natural(b.1)).then(a.1.cmp(b.1)));
    let (learned, held_out) = ids.split_at(ids.len() * 2 / 3);
    if learned.is_empty() || held_out.is_empty() {
        return None;
    }
    let set = |part: &[(u32, &str)]| part.iter().map(|(number, _)| *number).collect::<ProfileSet>();
    let (learned, held_out) = (set(learned), set(held_out));
    let model = NextStepModel::fit(&view.of(&learned), journeys.cut, order_max);
    Some(model.accuracy(&view.of(&held_out), journeys.cut, n_before))
}

/// Returns an id in parts that compare as people count: `c10` is after `c9`.
fn natural(id: &str) -> Vec<(String, u128)> {
    let mut parts: Vec<(String, u128)> = vec![(String::new(), 0)];
    let mut in_number = false;
    for letter in id.chars() {
        let digit = letter.to_digit(10);
        if digit.is_none() && in_number {
            parts.push((String::new(), 0));
        }
        in_number = digit.is_some();
        if let Some((text, number)) = parts.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(u128::from(digit)),
                None => text.push(letter),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_in_which_people_count() {
        let mut ids = ["u:10", "u:9", "u:a2b10", "u:a2b9", "d:7", "u:"];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(ids, ["d:7", "u:", "u:9", "u:10", "u:a2b9", "u:a2b10"]);
    }
}
