//! Every question against an independent, quadratic and obvious reading of random
//! histories, the laws by which counts add up, and the bounds.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "it/bounds.rs"]
mod bounds;
#[path = "it/chances.rs"]
mod chances;
#[path = "it/features.rs"]
mod features;
#[path = "it/flows.rs"]
mod flows;
#[path = "it/funnels.rs"]
mod funnels;
#[path = "it/lives.rs"]
mod lives;
#[path = "it/model.rs"]
mod model;
#[path = "it/parity.rs"]
mod parity;
#[path = "it/paths.rs"]
mod paths;
#[path = "it/patterns.rs"]
mod patterns;
#[path = "it/troubles.rs"]
mod troubles;
