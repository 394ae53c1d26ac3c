//! What happened: the canonical event, its ids, instants, amounts and admission.
//!
//! Every source turns its own form into [`Draft`]s; [`admit`] turns a draft into
//! an [`Event`] and a list of [`Problem`]s. Nothing here reads a clock, a file or
//! the environment, and nothing is serializable: stored and wire forms belong to
//! `engine` and `source`.

mod admission;
mod attributes;
mod calendar;
mod decimal;
mod event;
mod field;
mod identity;
mod instant;
mod money;
mod seal;

pub use admission::{Admission, Limits, PRODUCTS_MAX, Problem, ProblemKind, admit};
pub use attributes::{Attributes, Value};
pub use calendar::{AsOf, Calendar, Day, UnknownTimeZone};
pub use decimal::Decimal;
pub use event::{Draft, Event, EventId, EventKey, EventKind, Fingerprint, ProductLine};
pub use field::{Field, UnknownField};
pub use identity::{Identity, IdentityKind, PersonalData};
pub use instant::Instant;
pub use money::{Currency, Money};
pub use seal::Seal;
