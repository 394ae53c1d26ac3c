//! Synthetic customers with known personas, and random events for property tests.
//!
//! [`simulate`] plants personas in a shop with a web site, an app and stores, and
//! writes what its sources would have sent as Segment messages, with the truth beside
//! it: who is of which persona, who left, who is a robot. The behaviour of a persona's
//! customers differs from one to the next and overlaps with that of others, so finding
//! them again is work. [`random_events`] makes small, nasty histories instead: ties,
//! repeats, refunds, nights of daylight saving.
//!
//! The same parameters give the same bytes, and the first customers of a larger
//! simulation are those of a smaller one: each draws from a random stream of their own.

mod behaviour;
mod delivery;
mod dice;
mod habits;
mod message;
mod phrases;
mod plan;
mod planted;
mod planted_rows;
mod purchase;
mod random_events;
mod robot;
mod shop;
mod simulation;

pub use delivery::Tally;
pub use planted::PERSONAS_MAX;
pub use planted_rows::{PlantedRows, RowFamily};
pub use random_events::random_events;
pub use simulation::{CustomerTruth, MessageOrder, Simulation, SimulationParams, simulate};
