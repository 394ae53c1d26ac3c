//! What the report page shows of journeys, as plain data: the ways of everybody and of each persona,
//! looked at in the same way, so that their pictures can be held side by side.

use serde::Serialize;

/// The ways everybody takes, and how personas differ in coming back.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JourneyOverview {
    /// Everybody's.
    pub(crate) everybody: JourneySection,
    /// Who comes back after the first touch.
    pub(crate) retention: Curves,
    /// Who has reached the goal by when; none without a goal.
    pub(crate) arrival: Option<Arrival>,
}

/// How long it takes to the goal.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Arrival {
    /// The goal in words.
    pub(crate) goal: String,
    /// Who has reached it by when.
    pub(crate) curves: Curves,
}

/// The ways some customers take.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JourneySection {
    /// What one journey is, several of them: "sessions" or "histories".
    pub(crate) journeys: &'static str,
    /// Journeys the numbers rest on.
    pub(crate) n_journeys: u64,
    /// The most frequent paths.
    pub(crate) paths: Vec<PathLine>,
    /// How they begin.
    pub(crate) rings: JourneyRings,
    /// Where journeys go from the anchor on; none where none holds it.
    pub(crate) flow: Option<JourneyFlow>,
    /// The funnel; empty where none is defined or nobody came to its first step.
    pub(crate) funnel: Vec<FunnelStep>,
    /// What follows what; none of fewer than two touchpoints.
    pub(crate) transitions: Option<Transitions>,
}

/// One path.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PathLine {
    /// The steps in order.
    pub(crate) steps: Vec<String>,
    /// Journeys that took it.
    pub(crate) n_journeys: u64,
    /// Their share of all these journeys, 0 to 1.
    pub(crate) share: f64,
}

/// How journeys begin: the tree of their first touchpoints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JourneyRings {
    /// All journeys.
    pub(crate) n_journeys: u64,
    /// The touchpoints that arcs name, by number.
    pub(crate) touchpoints: Vec<String>,
    /// Ring by ring; in a ring in the order of what they follow.
    pub(crate) arcs: Vec<RingArc>,
}

/// Journeys that begin with the same touchpoints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RingArc {
    /// Steps before the last of them.
    pub(crate) ring: usize,
    /// The last of them, by number; none for all that are too rare to be told apart.
    pub(crate) touchpoint: Option<usize>,
    /// Journeys laid out before these.
    pub(crate) n_before: u64,
    /// Journeys.
    pub(crate) n_journeys: u64,
    /// The touchpoints in words.
    pub(crate) steps: Vec<String>,
}

/// Journeys from their first visit of a touchpoint on, step by step.
/// What enters a node leaves it, but in the last column and where journeys stop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JourneyFlow {
    /// The touchpoint in words.
    pub(crate) anchor: String,
    /// Journeys that hold it.
    pub(crate) n_journeys: u64,
    /// Journeys that do not.
    pub(crate) n_without: u64,
    /// By column; in a column from the top to the bottom.
    pub(crate) nodes: Vec<FlowNode>,
    /// Each from a node to one in the next column, in the order of nodes.
    pub(crate) edges: Vec<FlowEdge>,
}

/// Where journeys are after some steps.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FlowNode {
    /// Steps after the anchor.
    pub(crate) column: usize,
    /// What is there.
    pub(crate) place: FlowPlace,
    /// The same in words.
    pub(crate) label: String,
    /// Journeys.
    pub(crate) n_journeys: u64,
    /// Their customers, each once.
    pub(crate) n_customers: u64,
}

/// What stands in a column of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FlowPlace {
    /// A touchpoint.
    Touchpoint,
    /// All touchpoints that are too rare to be told apart.
    Other,
    /// Journeys that ended in the column before.
    Stopped,
}

/// Journeys that go from one node to the next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FlowEdge {
    /// The position of the node they leave.
    pub(crate) from: usize,
    /// The position of the node they enter.
    pub(crate) to: usize,
    /// Journeys.
    pub(crate) n_journeys: u64,
    /// Their customers, each once.
    pub(crate) n_customers: u64,
}

/// One step of a funnel.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FunnelStep {
    /// The step in words.
    pub(crate) label: String,
    /// Customers who reached it.
    pub(crate) n_customers: u64,
    /// Their share of those at the first step, 0 to 1.
    pub(crate) from_start: f64,
    /// Their share of those at the step before, 0 to 1; 1 at the first.
    pub(crate) from_previous: f64,
    /// Its interval at 95 %.
    pub(crate) from_previous_bounds: (f64, f64),
    /// Customers of the step before who got no further.
    pub(crate) n_lost: u64,
    /// The median time from the step before, in words.
    pub(crate) median_time: Option<String>,
    /// Everybody's share of those at the first step; none where this is everybody's.
    pub(crate) everybody: Option<f64>,
}

/// What follows what, among the touchpoints visited most.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Transitions {
    /// The touchpoints; rows and columns of `shares`.
    pub(crate) steps: Vec<String>,
    /// Of all departures from the row's touchpoint, the share that goes to the column's, 0 to 1.
    pub(crate) shares: Vec<Vec<f64>>,
    /// For each row, the share that goes to any touchpoint not listed.
    pub(crate) other: Vec<f64>,
    /// For each row, the share after which nothing follows.
    pub(crate) stopped: Vec<f64>,
    /// The transitions between them that are taken most, most frequent first.
    pub(crate) strongest: Vec<TransitionLine>,
}

/// One transition.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TransitionLine {
    /// From where.
    pub(crate) from: String,
    /// To where.
    pub(crate) to: String,
    /// How often.
    pub(crate) n_transitions: u64,
    /// Customers who took it at least once.
    pub(crate) n_customers: u64,
    /// Its share of all departures from where it comes.
    pub(crate) share_out: f64,
    /// Its share of all arrivals where it goes.
    pub(crate) share_in: f64,
    /// The median time it takes, in words.
    pub(crate) median_time: Option<String>,
}

/// Shares of customers by days since their first touch, a line for everybody and for each persona.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Curves {
    /// Days from one point to the next.
    pub(crate) period_days: u32,
    /// Everybody first, then the personas in their order.
    pub(crate) lines: Vec<CurveLine>,
}

/// One group of customers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CurveLine {
    /// The position of the persona; none for everybody.
    pub(crate) persona_idx: Option<usize>,
    /// What they are called.
    pub(crate) name: String,
    /// How many they are.
    pub(crate) n_customers: u64,
    /// By days, ascending; ends where too few are known for so long.
    pub(crate) points: Vec<CurvePoint>,
}

/// A share after some time.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CurvePoint {
    /// Days since the first touch, the last of the period.
    pub(crate) day: u32,
    /// The share, 0 to 1.
    pub(crate) share: f64,
    /// The least it could be, at 95 %.
    pub(crate) low: f64,
    /// The most it could be.
    pub(crate) high: f64,
    /// Customers known for so long.
    pub(crate) n_known: u64,
}
