//! The path: what customers actually did, one touchpoint after the other.
//!
//! [`Histories`] hold the events of many profiles, sorted once; a [`View`] of them is
//! some profiles in some period. Every question walks a view in the same way, so that
//! paths, transitions, funnels and whoever stands behind their numbers always agree.
//! All counts add up: paths listed and not listed to the sessions there are, transitions
//! out of a touchpoint to its visits, what enters a step to what leaves it. No answer
//! depends on the number of threads; ties go by the names of touchpoints.
//!
//! ```
//! use throng_journey::{Cut, EventColumns, Histories, PathOptions, Repeats, Scope, paths};
//! let names = ["Order Completed", "Product Viewed"].map(str::to_owned);
//! // Two profiles: one views twice and orders, the other only views.
//! let columns = EventColumns {
//!     profile: &[0, 1, 0, 0],
//!     occurred_at: &[0, 5, 10, 20],
//!     event_key: None,
//!     touchpoint: &[1, 1, 1, 0],
//!     session: None,
//!     value: None,
//! };
//! let histories = Histories::new(&columns, 2, &names)?;
//! let cut = Cut { scope: Scope::History, repeats: Repeats::Collapse };
//! let options = PathOptions { cut, steps_max: 5, top: 10, goal: &[0] };
//! let found = paths(&histories.all(), &options);
//! assert_eq!(found.paths[1].labels, [1, 0]);
//! assert_eq!(found.paths[1].n_converted, 1);
//! # Ok::<(), throng_journey::JourneyError>(())
//! ```

mod attribution;
mod circle;
mod error;
mod feature;
mod flow;
mod friction;
mod funnel;
mod growing;
mod histories;
mod interner;
mod journey_features;
mod markov;
mod next_step;
mod numbers;
mod page;
mod path;
mod pattern;
mod profile_set;
mod retention;
mod rule;
mod survival;
mod touchpoint;
mod transition;
mod typical;
mod view;

pub use attribution::{Attribution, AttributionMethod, AttributionOptions, Credit, attribute, credited_profiles};
pub use circle::{Circle, CircleCount, Circles, circle_profiles, circles};
pub use error::JourneyError;
pub use feature::{History, JourneyExtent, JourneyFeature, JourneyMeasure, period_until};
pub use flow::{Flow, FlowOptions, Node, Occurrence, Passing, Place, flow, flow_edge_profiles, flow_node_profiles};
pub use friction::{Friction, FrictionOptions, Frictions, Trouble, friction_profiles, frictions};
pub use funnel::{
    Correlation, Entries, Entry, Exclusion, Funnel, FunnelOptions, FunnelStep, Instead, Reached, StepOrder, Window,
    funnel, funnel_correlations, funnel_entries, funnel_profiles, instead_profiles,
};
pub use growing::{Arrival, GrowingHistories, UNNAMED};
pub use histories::{EventColumns, EventPart, Histories, find_label, find_labels};
pub use journey_features::{JourneyFeatures, NextStepModels};
pub use markov::{MarkovChain, RemovalEffect};
pub use next_step::{NextStepAccuracy, NextStepCounts, NextStepModel, Prediction, held_out_accuracy};
pub use numbers::Bounds;
pub use page::{campaign_of, clean_page};
pub use path::{
    Path, PathOptions, Paths, Remainder, other_path_profiles, path_profiles, paths, session_steps, sessions_have_steps,
};
pub use pattern::{Pattern, PatternCount, pattern_count, pattern_profiles};
pub use profile_set::ProfileSet;
pub use retention::{
    Bracket, Days, LifecycleRow, Retained, Retention, RetentionRow, Stage, Stickiness, lifecycle, retained_profiles,
    retention, stage_profiles, stickiness,
};
pub use rule::{
    Circumstances, RuleNeeds, RuledKind, TouchpointKind, TouchpointRule, Written, rule_needs, touchpoint, touchpoint_of,
};
pub use survival::{
    LogRank, Outcome, Survival, SurvivalOptions, SurvivalStep, kaplan_meier, log_rank, survival, survival_profiles,
    survival_spans,
};
pub use touchpoint::{TouchpointCount, touchpoint_counts, touchpoint_profiles};
pub use transition::{State, Transition, TransitionMatrix, Visits, transition_profiles, transitions};
pub use typical::{TypicalJourney, typical_journey};
pub use view::{Cut, Period, Repeats, Scope, View};
