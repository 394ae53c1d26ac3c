//! What this crate promises, tested from outside: the laws every learner keeps, and what each of
//! them finds in data whose truth is known.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a test stops where it fails, and its numbers are small"
)]

mod data;
mod hybrid;
mod k_means;
mod laws;
mod membership;
mod scale;
mod selection;
