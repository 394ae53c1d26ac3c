//! Touchpoints of the rows of the lake: the names that the rules give, and rules that the
//! data suggest.

mod columns;
mod proposal;

use throng_journey::TouchpointKind;

pub(crate) use columns::{NamedColumns, SESSION_COLUMNS, add_kind, first_of};
pub(crate) use proposal::propose;

/// How often a touchpoint occurs and whom it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchpointSummary {
    /// Its label.
    pub label: u32,
    /// Its name.
    pub name: String,
    /// To whom it belongs, as the rule says that names it.
    pub kind: Option<TouchpointKind>,
    /// Events.
    pub n_events: u64,
    /// Profiles with at least one.
    pub n_profiles: u64,
}
