//! Tests of the crate from outside: parity with batch, restarts, readers.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod checkpoint;
mod crash;
mod journeys;
mod parity;
mod readers;
mod sample;
mod shifts;
