//! Flows around a step: where journeys come from and where they go, column by column,
//! as a Sankey picture needs it.
//!
//! Nothing is left out: what is not among the most frequent of its column is *other*,
//! where journeys begin and where they stop are nodes too. So at every node what enters
//! is what leaves.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::profile_set::ProfileSet;
use crate::view::{Cut, Journey, View};

/// Which occurrence of the anchor in a journey is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// The first.
    First,
    /// The last.
    Last,
}

/// What a flow is.
#[derive(Debug, Clone, Copy)]
pub struct FlowOptions<'a> {
    /// What a journey is.
    pub cut: Cut<'a>,
    /// The touchpoints that a journey must hold; empty for the start of every journey,
    /// which then is its first touchpoint, or with [`Occurrence::Last`] its last.
    pub anchor: &'a [u32],
    /// Which of them counts.
    pub occurrence: Occurrence,
    /// Columns before the anchor.
    pub n_before: usize,
    /// Columns after the anchor.
    pub n_after: usize,
    /// Touchpoints told apart in a column, the most frequent; the rest is *other*.
    pub top: usize,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The journey begins in the next column.
    Start,
    /// A touchpoint.
    Label(u32),
    /// Any touchpoint that is not among the most frequent of the column.
    Other,
    /// The journey has ended in the column before: the drop-off.
    End,
}

/// A place in a column; the anchor's column is 0, those before it are negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// The column.
    pub column: i32,
    /// What stands there.
    pub place: Place,
}

/// How many journeys pass a node, or go from one node to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passing<T> {
    /// The node or the edge.
    pub at: T,
    /// Journeys.
    pub n_sessions: u64,
    /// Profiles, each once.
    pub n_profiles: u64,
}

/// The flow of all journeys that hold the anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// By column; in a column most journeys first, then by name, other and ends last.
    pub nodes: Vec<Passing<Node>>,
    /// From a node to one in the next column, by the order of nodes.
    pub edges: Vec<Passing<(Node, Node)>>,
    /// Journeys that hold the anchor: as many as stand in column 0.
    pub n_sessions: u64,
    /// Journeys that do not.
    pub n_without: u64,
}

/// Returns the flow of journeys before and after a step.
#[must_use]
pub fn flow(view: &View<'_>, options: &FlowOptions<'_>) -> Flow {
    let told_apart = told_apart(view, options);
    let parts =
        view.fold_journeys(options.cut, Tally::default, |tally, journey| match track(options, &told_apart, journey) {
            Some(track) => tally.take(journey.profile, &track),
            None => tally.n_without += 1,
        });
    let mut tally = Tally::default();
    for part in parts {
        tally.join(part);
    }
    let mut nodes: Vec<Passing<Node>> = tally.nodes.iter().map(|(at, counts)| counts.of(*at)).collect();
    let last = |place: Place| match place {
        Place::Start | Place::Label(_) => 0,
        Place::Other => 1,
        Place::End => 2,
    };
    let rank = |node: &Passing<Node>| (node.at.column, last(node.at.place), Reverse(node.n_sessions), node.at.place);
    nodes.sort_by_key(rank);
    let order: BTreeMap<Node, usize> = nodes.iter().enumerate().map(|(idx, node)| (node.at, idx)).collect();
    let mut edges: Vec<Passing<(Node, Node)>> = tally.edges.iter().map(|(at, counts)| counts.of(*at)).collect();
    edges.sort_by_key(|edge| (order[&edge.at.0], order[&edge.at.1]));
    let n_sessions = nodes.iter().filter(|node| node.at.column == 0).map(|node| node.n_sessions).sum();
    Flow { nodes, edges, n_sessions, n_without: tally.n_without }
}

/// Returns who passes a node: as many as its [`Passing::n_profiles`].
#[must_use]
pub fn flow_node_profiles(view: &View<'_>, options: &FlowOptions<'_>, node: Node) -> ProfileSet {
    let told_apart = told_apart(view, options);
    let passes = |track: Vec<Node>| track.contains(&node);
    view.profiles_of(options.cut, |journey| track(options, &told_apart, journey).is_some_and(passes))
}

/// Returns who goes from one node to another of the next column.
#[must_use]
pub fn flow_edge_profiles(view: &View<'_>, options: &FlowOptions<'_>, from: Node, to: Node) -> ProfileSet {
    let told_apart = told_apart(view, options);
    let goes = |track: Vec<Node>| track.windows(2).any(|pair| pair == [from, to]);
    view.profiles_of(options.cut, |journey| track(options, &told_apart, journey).is_some_and(goes))
}

/// Returns the nodes that a journey passes, those not told apart as they are.
fn raw_track(options: &FlowOptions<'_>, journey: Journey<'_>) -> Option<Vec<Node>> {
    let is_anchor = |label: &u32| options.anchor.is_empty() || options.anchor.contains(label);
    let anchor_idx = match options.occurrence {
        Occurrence::First => journey.labels.iter().position(is_anchor),
        Occurrence::Last => journey.labels.iter().rposition(is_anchor),
    }?;
    let first_idx = anchor_idx.saturating_sub(options.n_before);
    let end_idx = journey.labels.len().min(anchor_idx + options.n_after + 1);
    let mut column = -i32::try_from(anchor_idx - first_idx).unwrap_or(i32::MAX);
    let mut track = Vec::with_capacity(end_idx - first_idx + 2);
    if anchor_idx < options.n_before {
        track.push(Node { column: column - 1, place: Place::Start });
    }
    for label in &journey.labels[first_idx..end_idx] {
        track.push(Node { column, place: Place::Label(*label) });
        column += 1;
    }
    if end_idx - anchor_idx <= options.n_after {
        track.push(Node { column, place: Place::End });
    }
    Some(track)
}

fn track(options: &FlowOptions<'_>, told_apart: &BTreeSet<Node>, journey: Journey<'_>) -> Option<Vec<Node>> {
    let mut track = raw_track(options, journey)?;
    for node in &mut track {
        if matches!(node.place, Place::Label(_)) && !told_apart.contains(node) {
            node.place = Place::Other;
        }
    }
    Some(track)
}

/// Returns the touchpoints that are told apart, by column: the most journeys, then by name.
fn told_apart(view: &View<'_>, options: &FlowOptions<'_>) -> BTreeSet<Node> {
    let parts = view.fold_journeys(options.cut, BTreeMap::<Node, u64>::new, |counts, journey| {
        for node in raw_track(options, journey).into_iter().flatten() {
            *counts.entry(node).or_default() += 1;
        }
    });
    let mut counts: BTreeMap<Node, u64> = BTreeMap::new();
    for (node, n_sessions) in parts.into_iter().flatten() {
        *counts.entry(node).or_default() += n_sessions;
    }
    let labels = counts.into_iter().filter(|(node, _)| matches!(node.place, Place::Label(_)));
    let mut ranked: Vec<(i32, Reverse<u64>, Place)> =
        labels.map(|(node, n_sessions)| (node.column, Reverse(n_sessions), node.place)).collect();
    ranked.sort_unstable();
    let by_column = ranked.chunk_by(|a, b| a.0 == b.0).flat_map(|column| column.iter().take(options.top));
    by_column.map(|(column, _, place)| Node { column: *column, place: *place }).collect()
}

/// What is counted of one node or edge.
#[derive(Debug, Default, Clone)]
struct Counts {
    n_sessions: u64,
    n_profiles: u64,
    profile_last: Option<u32>,
}

impl Counts {
    fn take(&mut self, profile: u32) {
        self.n_sessions += 1;
        self.n_profiles += u64::from(self.profile_last != Some(profile));
        self.profile_last = Some(profile);
    }

    fn join(&mut self, other: &Self) {
        self.n_sessions += other.n_sessions;
        self.n_profiles += other.n_profiles;
    }

    fn of<T>(&self, at: T) -> Passing<T> {
        Passing { at, n_sessions: self.n_sessions, n_profiles: self.n_profiles }
    }
}

#[derive(Debug, Default)]
struct Tally {
    nodes: BTreeMap<Node, Counts>,
    edges: BTreeMap<(Node, Node), Counts>,
    n_without: u64,
}

impl Tally {
    fn take(&mut self, profile: u32, track: &[Node]) {
        for node in track {
            self.nodes.entry(*node).or_default().take(profile);
        }
        for pair in track.windows(2) {
            self.edges.entry((pair[0], pair[1])).or_default().take(profile);
        }
    }

    fn join(&mut self, other: Self) {
        for (node, counts) in other.nodes {
            self.nodes.entry(node).or_default().join(&counts);
        }
        for (edge, counts) in other.edges {
            self.edges.entry(edge).or_default().join(&counts);
        }
        self.n_without += other.n_without;
    }
}
