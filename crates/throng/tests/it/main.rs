//! What the command line promises, tested on the real binary in folders of its own.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod audit;
mod chain;
mod dashboard;
mod datasets;
mod duckdb;
mod failures;
mod imports;
mod journeys;
mod load;
mod logs;
mod models;
mod pictures;
mod printing;
mod serving;
mod sources;
mod support;
