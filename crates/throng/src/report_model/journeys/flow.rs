//! Where journeys go from one touchpoint on, for a Sankey picture.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use throng_journey::{Cut, Flow, FlowOptions, Node, Occurrence, PathOptions, Place, View, flow, paths};

use super::name;
use crate::report::{FlowEdge, FlowNode, FlowPlace, JourneyFlow};

/// Columns after the anchor: as many as find room on a phone, with words beside each node.
const N_AFTER: usize = 3;

/// Touchpoints told apart in a column; with the others and those who stopped, a column has two nodes more.
const TOP: usize = 4;

/// The share of journeys that goes on from an anchor worth a picture.
const SHARE_GOING_ON_MIN: f64 = 0.5;

/// Touchpoints tried as anchors, each a walk over all journeys.
const N_ANCHORS_TRIED: usize = 6;

/// Returns where flows begin: at the funnel's first step, or where journeys hardly go on from
/// there (a campaign sent is often all of its session), at the most common first touchpoint
/// from which they do.
pub(super) fn anchor(view: &View<'_>, cut: Cut<'_>, funnel_first: Option<u32>) -> Option<u32> {
    let firsts = paths(view, &PathOptions { cut, steps_max: 1, top: usize::MAX, goal: &[] });
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for path in &firsts.paths {
        if let Some(label) = path.labels.first() {
            *counts.entry(*label).or_default() += path.n_sessions;
        }
    }
    let mut ranked: Vec<(u32, u64)> = counts.into_iter().collect();
    // By name already, and the sort is stable.
    ranked.sort_by_key(|(_, n_sessions)| Reverse(*n_sessions));
    let ranked = ranked.into_iter().map(|(label, _)| label);
    let tried: Vec<u32> = funnel_first.into_iter().chain(ranked).take(N_ANCHORS_TRIED).collect();
    let goes_on =
        |label: &&u32| share_going_on(&flow(view, &options(cut, std::slice::from_ref(*label)))) >= SHARE_GOING_ON_MIN;
    tried.iter().find(goes_on).or(tried.first()).copied()
}

/// Returns the flow from a touchpoint on; `None` where no journey holds it.
pub(super) fn read(view: &View<'_>, cut: Cut<'_>, anchor: u32) -> Option<JourneyFlow> {
    let found = flow(view, &options(cut, &[anchor]));
    if found.n_sessions == 0 {
        return None;
    }
    let positions: BTreeMap<Node, usize> = found.nodes.iter().enumerate().map(|(idx, node)| (node.at, idx)).collect();
    let nodes = found.nodes.iter().map(|node| {
        let (place, label) = match node.at.place {
            Place::Label(label) => (FlowPlace::Touchpoint, name(view, label)),
            Place::Other => (FlowPlace::Other, "other".to_owned()),
            // Nothing before the anchor is asked for.
            Place::Start | Place::End => (FlowPlace::Stopped, "stopped".to_owned()),
        };
        FlowNode {
            column: usize::try_from(node.at.column).unwrap_or_default(),
            place,
            label,
            n_journeys: node.n_sessions,
            n_customers: node.n_profiles,
        }
    });
    let edges = found.edges.iter().map(|edge| FlowEdge {
        from: positions[&edge.at.0],
        to: positions[&edge.at.1],
        n_journeys: edge.n_sessions,
        n_customers: edge.n_profiles,
    });
    Some(JourneyFlow {
        anchor: name(view, anchor),
        n_journeys: found.n_sessions,
        n_without: found.n_without,
        nodes: nodes.collect(),
        edges: edges.collect(),
    })
}

fn options<'a>(cut: Cut<'a>, anchor: &'a [u32]) -> FlowOptions<'a> {
    FlowOptions { cut, anchor, occurrence: Occurrence::First, n_before: 0, n_after: N_AFTER, top: TOP }
}

fn share_going_on(flow: &Flow) -> f64 {
    let stopped = flow.nodes.iter().find(|node| node.at == Node { column: 1, place: Place::End });
    let n_stopped = stopped.map_or(0, |stopped| stopped.n_sessions);
    super::super::part(flow.n_sessions - n_stopped, flow.n_sessions)
}
