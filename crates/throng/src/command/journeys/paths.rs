//! `throng journeys paths`: the most frequent paths, what they lead to, and the rest.

use std::rc::Rc;

use serde_json::json;
use throng_journey::{Path, PathOptions, Repeats, other_path_profiles, path_profiles, paths};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::{arrows, totals};
use crate::arguments::PathsArguments;
use crate::format::{count, counted};
use crate::output::Align;

pub(super) fn run(asked: &Asked<'_>, arguments: &PathsArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Collapse);
    let goal = asked.all_labels(&arguments.goal)?;
    let steps_max = usize::try_from(arguments.steps).unwrap_or(usize::MAX);
    asked.answer(arguments.top, |group, top| {
        let options = PathOptions { cut: journeys.cut, steps_max, top, goal: &goal };
        Ok(answer(group, journeys, options))
    })
}

fn answer<'g>(group: &'g Group, journeys: Journeys<'_>, options: PathOptions<'g>) -> Answer<'g> {
    let book = &group.book;
    let found = paths(&book.view(), &options);
    let mut columns = vec![
        Column::number(journeys.plural, "n_journeys"),
        Column::number("share", "share"),
        Column::number("customers", "n_customers"),
    ];
    if !options.goal.is_empty() {
        columns.push(Column::number("reach the goal", "share_converted"));
    }
    columns.extend([Column::number("median time", "median_seconds"), Column::shown("path", Align::Left)]);
    let listed: Rc<[Path]> = found.paths.clone().into();
    let mut rows = Vec::with_capacity(listed.len() + 1);
    for (idx, path) in listed.iter().enumerate() {
        let mut steps: Vec<&str> = path.labels.iter().map(|label| book.name(*label)).collect();
        let names = json!(steps);
        if path.continues {
            steps.push("…");
        }
        let key = arrows(&steps);
        let cells = cells(&options, (path.n_sessions, path.share, path.n_converted), Some(path));
        let cells =
            [cells, vec![Cell::Seconds(path.median_seconds.filter(|_| path.labels.len() > 1)), Cell::text(&key)]]
                .concat();
        let row = Row::new(key, cells).with("steps", names).with("continues", path.continues);
        let listed = Rc::clone(&listed);
        let row = row.compared(path.n_profiles, found.n_profiles);
        rows.push(row.opens(move || path_profiles(&book.view(), &options, &listed[idx])));
    }
    let rest = &found.remainder;
    if rest.n_paths > 0 {
        let mut cells = cells(&options, (rest.n_sessions, rest.share, rest.n_converted), None);
        cells.extend([Cell::text(""), Cell::text(format!("({} other paths)", count(rest.n_paths)))]);
        let row = Row::new("(other)", cells).only_shown();
        rows.push(row.opens(move || other_path_profiles(&book.view(), &options, &listed)));
    }
    let n_other = rest.n_paths;
    let heading = format!(
        "Paths of {}: {} {} of {}",
        group.name,
        count(found.n_sessions),
        if found.n_sessions == 1 { journeys.unit } else { journeys.plural },
        counted(found.n_profiles, "customer")
    );
    let other = json!({
        "n_paths": n_other,
        "n_journeys": rest.n_sessions,
        "share": rest.share,
    });
    let beside = Beside::Ranked("customers who take the path");
    let table = Table { title: None, json: "paths", columns, rows, beside, shown_max: usize::MAX, notes: Vec::new() };
    let totals = totals([
        ("unit", json!(journeys.unit)),
        ("n_journeys", json!(found.n_sessions)),
        ("n_customers", json!(found.n_profiles)),
        ("other", other),
    ]);
    Answer { title: "Paths".to_owned(), heading, totals, tables: vec![table] }
}

fn cells(options: &PathOptions<'_>, (n, share, n_converted): (u64, f64, u64), path: Option<&Path>) -> Vec<Cell> {
    let customers = path.map_or_else(|| Cell::text(""), |path| Cell::Count(path.n_profiles));
    let mut cells = vec![Cell::Count(n), Cell::Share(Some(share)), customers];
    if !options.goal.is_empty() {
        cells.push(Cell::Share(Some(throng_engine::Share { n: n_converted, of: n }.value())));
    }
    cells
}
