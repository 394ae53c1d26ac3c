//! `throng journeys transitions`: what follows what, how long it takes, and with a goal,
//! how likely it is from each touchpoint and what would be lost without it.

use serde_json::json;
use throng_journey::{
    MarkovChain, Repeats, State, TransitionMatrix, touchpoint_profiles, transition_profiles, transitions,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::{arrows, state_name, totals};
use crate::arguments::TransitionsArguments;

/// Touchpoints whose removal is worked out: each is a solution of the whole chain.
const REMOVED_MAX: usize = 50;

pub(super) fn run(asked: &Asked<'_>, arguments: &TransitionsArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Keep);
    let from = arguments.from.as_deref().map(|name| asked.labels(name)).transpose()?;
    let goal = asked.all_labels(&arguments.goal)?;
    asked.answer(arguments.top, |group, top| {
        let book = &group.book;
        let matrix = transitions(&book.view(), journeys.cut);
        let mut tables = vec![edges(group, journeys, &matrix, (from.as_deref(), top))];
        if !goal.is_empty() {
            tables.push(chances(group, &matrix, &goal, top));
        }
        let totals = totals([("unit", json!(journeys.unit)), ("n_journeys", json!(matrix.n_sessions))]);
        let heading = format!("What follows what, {}, by {}", group.name, journeys.unit);
        Ok(Answer { title: format!("What follows what, by {}", journeys.unit), heading, totals, tables })
    })
}

fn edges<'g>(
    group: &'g Group,
    journeys: Journeys<'g>,
    matrix: &TransitionMatrix,
    (from, top): (Option<&[u32]>, usize),
) -> Table<'g> {
    let book = &group.book;
    let n_active = book.view().n_active_profiles();
    let wanted = |state: State| match (from, state) {
        (None, _) => true,
        (Some(labels), State::Label(label)) => labels.contains(&label),
        (Some(_), State::Start | State::End) => false,
    };
    let mut ranked: Vec<_> = matrix.transitions.iter().filter(|transition| wanted(transition.from)).collect();
    // The matrix is in the order of names and the sort is stable.
    ranked.sort_by_key(|transition| std::cmp::Reverse(transition.n_transitions));
    let rows = ranked.into_iter().map(|transition| {
        let (from, to) = (transition.from, transition.to);
        let (from_name, to_name) = (state_name(book, from), state_name(book, to));
        let cells = vec![
            Cell::text(from_name),
            Cell::text(to_name),
            Cell::Count(transition.n_transitions),
            Cell::Count(transition.n_profiles),
            Cell::Share(Some(transition.share_out)),
            Cell::Share(Some(transition.share_in)),
            Cell::Seconds(transition.median_seconds),
            Cell::Seconds(transition.p95_seconds),
        ];
        let row = Row::new(arrows(&[from_name, to_name]), cells).compared(transition.n_profiles, n_active);
        row.opens(move || transition_profiles(&book.view(), journeys.cut, from, to))
    });
    Table {
        title: None,
        json: "transitions",
        columns: vec![
            Column::name("from", "from"),
            Column::name("to", "to"),
            Column::number("times", "n_transitions"),
            Column::number("customers", "n_customers"),
            Column::number("of what follows", "share_out"),
            Column::number("of what leads there", "share_in"),
            Column::number("median time", "median_seconds"),
            Column::number("95 % within", "p95_seconds"),
        ],
        rows: rows.collect(),
        beside: Beside::Ranked("customers who go so"),
        shown_max: top,
        notes: Vec::new(),
    }
}

fn chances<'g>(group: &'g Group, matrix: &TransitionMatrix, goal: &[u32], top: usize) -> Table<'g> {
    let book = &group.book;
    let chain = MarkovChain::new(matrix, goal);
    let mut visits: Vec<_> = matrix.visits.iter().filter(|visits| !goal.contains(&visits.label)).collect();
    visits.sort_by_key(|visits| std::cmp::Reverse(visits.n_visits));
    visits.truncate(REMOVED_MAX);
    let labels: Vec<u32> = visits.iter().map(|visits| visits.label).collect();
    let conversions: std::collections::BTreeMap<u32, f64> = chain.conversions().into_iter().collect();
    let mut rows = Vec::new();
    for (visits, effect) in visits.iter().zip(chain.removal_effects(&labels)) {
        let label = visits.label;
        let cells = vec![
            Cell::text(book.name(label)),
            Cell::Count(visits.n_visits),
            Cell::Share(conversions.get(&label).copied()),
            Cell::Share(Some(effect.effect)),
            Cell::Share(Some(visits.dwell_share)),
        ];
        rows.push((
            effect.effect,
            Row::new(book.name(label), cells).opens(move || touchpoint_profiles(&book.view(), label)),
        ));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let share = crate::format::share(chain.conversion());
    Table {
        title: Some("How likely the goal is from here, and what would be lost without it".to_owned()),
        json: "chances",
        columns: vec![
            Column::name("touchpoint", "name"),
            Column::number("visits", "n_visits"),
            Column::number("reaches the goal", "conversion"),
            Column::number("lost without it", "removal_effect"),
            Column::number("of the time", "dwell_share"),
        ],
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        beside: Beside::Apart,
        shown_max: top,
        notes: vec![format!(
            "Of all journeys {share} reach the goal by the chain of transitions (Markov, first order); lost without a \
             touchpoint is the part of these that would not, were everybody to stop where it comes (Anderl et al. 2016)."
        )],
    }
}
