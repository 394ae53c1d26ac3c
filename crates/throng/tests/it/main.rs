//! What the command line promises, tested on the real binary in folders of its own.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod audit;
mod chain;
mod datasets;
mod duckdb;
mod failures;
mod imports;
mod journeys;
mod logs;
mod printing;
mod sources;
mod support;
