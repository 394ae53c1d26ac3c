//! What this crate promises, tested from outside: the laws every learner keeps, and what each of
//! them finds in data whose truth is known.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a test stops where it fails, and its numbers are small"
)]

mod agglomerative;
mod clustering;
mod data;
mod factorisation;
mod hdbscan;
mod hybrid;
mod k_means;
mod k_prototypes;
mod laws;
mod membership;
mod mixture;
mod preparation;
mod scale;
mod selection;
mod state;
