//! `cargo xtask lint`: everything that can be said about the sources without
//! running them.

use anyhow::bail;

use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;
use crate::tidy;

/// Runs the three checks, all of them even if one fails.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    check(place, &Cargo::new(&place.root), &mut steps);
    say::heading("summary");
    say::line(&steps.summary());
    let failed = steps.failed();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Takes the three checks as steps of a longer command.
pub(crate) fn check(place: &Place, cargo: &Cargo, steps: &mut Steps) {
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.attempt("tidy", || tidy::run(place));
    steps.attempt("fmt", || process::run(&mut cargo.command(&["fmt", "--all", "--check"])));
    steps.attempt("clippy", || process::run(&mut cargo.command(&clippy)));
}
