//! Tests of the crate from outside: parity of its two computations, laws, kinds.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod kinds;
mod laws;
mod parity;
mod sample;
