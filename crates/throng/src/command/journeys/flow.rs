//! `throng journeys flow`: what comes before and after a step, column by column, with
//! whatever is rare as "(other)" and drop-off as "(end)".

use serde_json::json;
use throng_engine::{JourneyBook, Share};
use throng_journey::{
    FlowOptions, Node, Occurrence, Place, ProfileSet, Repeats, flow, flow_edge_profiles, flow_node_profiles,
    touchpoint_profiles,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group, Journeys};
use super::totals;
use crate::arguments::FlowArguments;
use crate::format::{count, share};
use crate::output::Align;

/// Ways from node to node that are shown; the picture has them all.
const EDGES_SHOWN_MAX: usize = 12;

pub(super) fn run(asked: &Asked<'_>, arguments: &FlowArguments) -> anyhow::Result<()> {
    let journeys = asked.journeys(&arguments.cut, Repeats::Collapse);
    let anchor = arguments.anchor.as_deref().map_or(Ok(Vec::new()), |name| asked.labels(name))?;
    let steps = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    // Nothing comes before the beginning, nor after the end.
    let at_edge = |outside: bool, n: u32| if anchor.is_empty() && outside { 0 } else { steps(n) };
    let options = FlowOptions {
        cut: journeys.cut,
        anchor: &anchor,
        occurrence: if arguments.anchor_last { Occurrence::Last } else { Occurrence::First },
        n_before: at_edge(!arguments.anchor_last, arguments.before),
        n_after: at_edge(arguments.anchor_last, arguments.after),
        top: arguments.top,
    };
    let anchored = arguments.anchor.as_deref();
    asked.answer(EDGES_SHOWN_MAX, |group, _| Ok(answer(group, (anchored, journeys), options)))
}

fn answer<'g>(
    group: &'g Group,
    (anchor, journeys): (Option<&str>, Journeys<'_>),
    options: FlowOptions<'g>,
) -> Answer<'g> {
    let book = &group.book;
    let found = flow(&book.view(), &options);
    let n_customers = match options.anchor {
        [] => book.view().n_active_profiles(),
        labels => {
            let each = labels.iter().map(|label| touchpoint_profiles(&book.view(), *label));
            each.fold(ProfileSet::new(), |all, own| all.union(&own)).len()
        }
    };
    let part = |n: u64| Share { n, of: found.n_sessions }.value();
    let nodes = found.nodes.iter().map(|node| {
        let at = node.at;
        let cells = vec![
            Cell::text(column_name(at.column)),
            Cell::text(place_name(book, at.place)),
            Cell::Count(node.n_sessions),
            Cell::Share(Some(part(node.n_sessions))),
            Cell::Count(node.n_profiles),
            Cell::Bar(part(node.n_sessions)),
        ];
        let row = Row::new(node_key(book, at), cells).with("column", at.column).compared(node.n_profiles, n_customers);
        row.opens(move || flow_node_profiles(&book.view(), &options, at))
    });
    let mut edges: Vec<_> = found.edges.iter().collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.n_sessions));
    let ways = edges.into_iter().map(|edge| {
        let (from, to) = edge.at;
        let (from_key, to_key) = (node_key(book, from), node_key(book, to));
        let row = Row::new(
            format!("{from_key} → {to_key}"),
            vec![
                Cell::text(from_key),
                Cell::text(to_key),
                Cell::Count(edge.n_sessions),
                Cell::Share(Some(part(edge.n_sessions))),
                Cell::Count(edge.n_profiles),
            ],
        );
        let row = row.compared(edge.n_profiles, n_customers);
        row.opens(move || flow_edge_profiles(&book.view(), &options, from, to))
    });
    let around = anchor.map_or_else(
        || if options.n_before > 0 { "the end of journeys".to_owned() } else { "the beginning of journeys".to_owned() },
        |anchor| anchor.to_owned(),
    );
    let heading = format!(
        "Flow around {around} of {}: {} {} ({} of all)",
        group.name,
        count(found.n_sessions),
        if found.n_sessions == 1 { journeys.unit } else { journeys.plural },
        share(Share { n: found.n_sessions, of: found.n_sessions + found.n_without }.value()),
    );
    let totals = totals([
        ("unit", json!(journeys.unit)),
        ("anchor", json!(anchor)),
        ("n_journeys", json!(found.n_sessions)),
        ("n_without", json!(found.n_without)),
    ]);
    Answer {
        title: format!("Flow around {around}"),
        heading,
        totals,
        tables: vec![node_table(nodes.collect(), journeys), edge_table(ways.collect(), journeys)],
    }
}

fn node_table<'g>(rows: Vec<Row<'g>>, journeys: Journeys<'_>) -> Table<'g> {
    Table {
        title: None,
        json: "nodes",
        columns: vec![
            Column::shown("step", Align::Whole),
            Column::name("touchpoint", "name"),
            Column::number(journeys.plural, "n_journeys"),
            Column::number("share", "share"),
            Column::number("customers", "n_customers"),
            Column::shown("", Align::Whole),
        ],
        rows,
        beside: Beside::Ordered("customers who pass"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}

fn edge_table<'g>(rows: Vec<Row<'g>>, journeys: Journeys<'_>) -> Table<'g> {
    Table {
        title: Some("The ways between".to_owned()),
        json: "edges",
        columns: vec![
            Column::name("from", "from"),
            Column::name("to", "to"),
            Column::number(journeys.plural, "n_journeys"),
            Column::number("share", "share"),
            Column::number("customers", "n_customers"),
        ],
        rows,
        beside: Beside::Ranked("customers who go so"),
        shown_max: EDGES_SHOWN_MAX,
        notes: Vec::new(),
    }
}

fn column_name(column: i32) -> String {
    match column {
        0 => "here".to_owned(),
        before if before < 0 => format!("{} before", -before),
        after => format!("{after} after"),
    }
}

fn place_name(book: &JourneyBook, place: Place) -> &str {
    match place {
        Place::Start => "(start)",
        Place::Label(label) => book.name(label),
        Place::Other => "(other)",
        Place::End => "(end)",
    }
}

/// Returns a node as `+1: Order Completed`.
fn node_key(book: &JourneyBook, node: Node) -> String {
    let name = place_name(book, node.place);
    if node.column == 0 { format!("0: {name}") } else { format!("{:+}: {name}", node.column) }
}
