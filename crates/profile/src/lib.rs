//! Who: which identities are one person, what is known of them, when they were here.
//!
//! Everything is a function of the *set* of events: [`IdentityGraph`], [`Groups`] and
//! [`Traits`] are folded event by event or chunk by chunk, in any order, and
//! [`merge`](IdentityGraph::merge) is associative and commutative exactly.
//! Raw identities stay as the sources sent them; the profile they belong to is found
//! by a [`Resolution`] at reading time under [`IdentityRules`], so a merge can be undone
//! by replaying less, or by a [`Decision`].

mod graph;
mod groups;
mod growing;
mod identity;
mod intern;
mod linkage;
mod resolution;
mod rules;
mod session;
mod traits;

pub use graph::{IdentityGraph, IdentityRow, LinkRow, Observation, RowError};
pub use groups::{Belonging, GroupStatement, Groups};
pub use growing::{Changes, GrowingResolution, Move};
pub use identity::{Decision, Link, LinkKind, ProfileId, Proof, Proposal, Refusal, RefusedLink, Verdict};
pub use linkage::blocking::{BlockingRule, SkippedBlocks};
pub use linkage::comparison::{Comparison, Level};
pub use linkage::records::RecordSet;
pub use linkage::{LevelWeight, LinkageModel, ProposedLink, Record, RecordField, Weight, WeightReason};
pub use resolution::Resolution;
pub use rules::{BlockedValues, IdentityLimit, IdentityRules, Period};
pub use session::sessions;
pub use traits::{StatedTrait, Traits};
