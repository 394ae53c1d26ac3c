//! Who: which identities are one person, what is known of them, when they were here.
//!
//! Everything is a function of the *set* of events: [`IdentityGraph`] and [`Traits`]
//! are folded event by event or chunk by chunk, in any order, and
//! [`merge`](IdentityGraph::merge) is associative and commutative exactly.
//! Raw identities stay as the sources sent them; the profile they belong to is found
//! by a [`Resolution`] at reading time, so a merge can be undone by replaying less.

mod graph;
mod identity;
mod linkage;
mod resolution;
mod session;
mod traits;

pub use graph::{IdentityGraph, Observation};
pub use identity::{Link, LinkKind, ProfileId, Proof, usable};
pub use linkage::blocking::{BlockingRule, SkippedBlocks};
pub use linkage::comparison::{Comparison, Level};
pub use linkage::records::RecordSet;
pub use linkage::{LevelWeight, LinkageModel, ProposedLink, Record, RecordField, Weight, WeightReason};
pub use resolution::Resolution;
pub use session::sessions;
pub use traits::{StatedTrait, Traits};
