//! The server over a real port.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

mod analytics;
mod client;
mod clients;
mod document;
mod hostile;
mod page;
mod personas;
mod profile_api;
mod properties;
mod segment;
mod stream;
mod webhook;
mod work;
