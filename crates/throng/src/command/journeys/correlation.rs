//! What goes together with completing a funnel: touchpoints met on the way, and what was
//! known of customers when they entered. One family of tests, false discoveries held down
//! over all of it.

use serde_json::json;
use throng_engine::{Difference, Share, differences};
use throng_journey::{Correlation, Entries, FunnelOptions, ProfileSet, funnel_correlations, funnel_entries};

use super::answer::{Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group};
use crate::format::clean;
use crate::output::Align;

/// Correlations that are shown at least.
const CORRELATIONS_MIN: usize = 10;

/// A value of a property, and how many completed with it and with another.
struct Valued {
    property: String,
    value: String,
    profiles: ProfileSet,
    with: Share,
    without: Share,
}

/// Returns what goes together with completing, in two tables, the largest differences first.
pub(super) fn correlations<'g>(
    asked: &Asked<'_>,
    group: &'g Group,
    (options, top): (&FunnelOptions<'g>, usize),
) -> anyhow::Result<[Table<'g>; 2]> {
    let met = funnel_correlations(&group.book.view(), options);
    let valued = valued(asked, group, options)?;
    let of_met = met.iter().map(shares);
    let of_valued = valued.iter().map(|valued| (valued.with, valued.without));
    let pairs: Vec<(Share, Share)> = of_met.chain(of_valued).collect();
    let mut found = differences(&pairs);
    let of_valued = found.split_off(met.len());
    let shown_max = top.max(CORRELATIONS_MIN);
    let touchpoints = sure(met.into_iter().zip(found)).into_iter().map(|(met, difference)| {
        let (name, (with, without)) = (group.book.name(met.label), shares(&met));
        row(format!("with {name}"), vec![Cell::text(name)], (with, without), difference)
    });
    let properties = sure(valued.into_iter().zip(of_valued)).into_iter().map(|(valued, difference)| {
        let (property, value) = (clean(&valued.property), clean(&valued.value));
        let key = format!("{property} = {value}");
        let cells = vec![Cell::text(property), Cell::text(value)];
        let profiles = valued.profiles;
        row(key, cells, (valued.with, valued.without), difference).opens(move || profiles.clone())
    });
    let table = |title: &str, json, mut columns: Vec<Column>, (n, rows): (&str, Vec<Row<'g>>), note: &str| {
        columns.extend([
            Column::number(n, "n_with"),
            Column::number("complete with", "with"),
            Column::number("without", "without"),
            Column::shown("points", Align::Right),
        ]);
        let notes = vec![note.to_owned()];
        Table { title: Some(title.to_owned()), json, columns, rows, beside: Beside::Apart, shown_max, notes }
    };
    Ok([
        table(
            "What goes together with completing it",
            "correlations",
            vec![Column::name("touchpoint", "name")],
            ("attempts with it", touchpoints.collect()),
            "More than chance, false discoveries held down to 5 % over touchpoints and properties; no causes: who \
             completes early has less time to meet anything.",
        ),
        table(
            "What was known when they entered",
            "properties",
            vec![Column::name("property", "property"), Column::name("value", "value")],
            ("customers", properties.collect()),
            "The value at the first step or last before it; against customers with another value. A range has about a \
             quarter of the customers; what is known of the same customers twice is told once. More than chance, as \
             above; no causes.",
        ),
    ])
}

fn shares(met: &Correlation) -> (Share, Share) {
    let with = Share { n: met.n_with_converted, of: met.n_with };
    (with, Share { n: met.n_without_converted, of: met.n_without })
}

/// Returns what differs by more than chance, the largest differences first.
fn sure<T>(tested: impl Iterator<Item = (T, Option<Difference>)>) -> Vec<(T, Difference)> {
    let mut sure: Vec<(T, Difference)> =
        tested.filter_map(|(what, found)| Some((what, found.filter(Difference::significant)?))).collect();
    sure.sort_by(|a, b| b.1.estimate.abs().total_cmp(&a.1.estimate.abs()));
    sure
}

fn row<'g>(key: String, mut cells: Vec<Cell>, (with, without): (Share, Share), found: Difference) -> Row<'g> {
    cells.extend([
        Cell::Count(with.of),
        Cell::Share(Some(with.value())),
        Cell::Share(Some(without.value())),
        Cell::text(format!("{:+.1}", found.estimate * 100.0)),
    ]);
    let row = Row::new(key, cells).with("effect", found.estimate);
    row.with("bounds", json!([found.low, found.high])).with("q_value", found.q_value)
}

/// Returns how many customers completed with each value of each property that was known when
/// they entered, by the attempt that counts where each counts once.
fn valued(asked: &Asked<'_>, group: &Group, options: &FunnelOptions<'_>) -> anyhow::Result<Vec<Valued>> {
    let options = FunnelOptions { entries: Entries::Once, ..options.clone() };
    let entries = funnel_entries(&group.book.view(), &options);
    let moments: Vec<(u32, i64)> = entries.iter().map(|entry| (entry.profile, entry.entered_at)).collect();
    let complete = entries.iter().filter(|entry| entry.n_reached == options.steps.len());
    let complete: ProfileSet = complete.map(|entry| entry.profile).collect();
    let share = |profiles: &ProfileSet| Share { n: profiles.intersection(&complete).len(), of: profiles.len() };
    let mut found: Vec<Valued> = Vec::new();
    for property in asked.engine.known_at(&moments, Some(group.book.last_day()))? {
        for value in property.values {
            // One thing told twice, as by a channel and the program that only it has, is tested once.
            if found.iter().any(|other| other.property != property.name && other.profiles == value.profiles) {
                continue;
            }
            let without = share(&property.profiles.difference(&value.profiles));
            let with = share(&value.profiles);
            let (property, name) = (property.name.clone(), value.name);
            found.push(Valued { property, value: name, profiles: value.profiles, with, without });
        }
    }
    Ok(found)
}
