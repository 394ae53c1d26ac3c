//! The path: what customers actually did, one touchpoint after the other.
//!
//! Input are columns ([`Touchpoints`]): the touchpoints of many profiles, each
//! profile's together and in the total order of events. From them come the most
//! trodden [`paths`], the first-order [`transitions`] and [`funnel`]s. All counts add
//! up: paths listed and not listed to the sessions there are, transitions out of a
//! touchpoint to its visits, each funnel step to no more than the one before.
//! No answer depends on the codes of the labels; ties go by the labels' names.
//!
//! ```
//! use throng_journey::{PathOptions, Repeats, Scope, Touchpoints, funnel, paths};
//! let names = ["Product Viewed", "Order Completed"].map(str::to_owned);
//! // Two profiles: one views twice and orders, the other only views.
//! let touchpoints = Touchpoints::new(&[0, 3, 4], &[0, 10, 20, 0], &[0, 0, 1, 0], &names);
//! let options = PathOptions { scope: Scope::History, repeats: Repeats::Collapse, steps_max: 5, top: 10 };
//! assert_eq!(paths(&touchpoints, &options).paths[1].labels, [0, 1]);
//! assert_eq!(funnel(&touchpoints, &[vec![0], vec![1]], 100).steps[1].n_profiles, 1);
//! ```

mod funnel;
mod path;
mod statistics;
mod touchpoints;
mod transition;

pub use funnel::{Funnel, FunnelStep, funnel};
pub use path::{Path, PathOptions, Paths, Remainder, paths};
pub use touchpoints::{JourneyError, Repeats, Scope, Touchpoints};
pub use transition::{State, Transition, TransitionMatrix, Visits, transitions};
