//! `cargo xtask tidy`: the rules of STYLE.md and ARCHITECTURE.md that a machine can
//! check. It is also a test, so that no change passes without it.
//!
//! The rules are pure functions of a [`Tree`] held in memory; each has tests on
//! small invented trees that break it.

mod edges;
mod markdown;
mod names;
mod scan;
mod sources;
mod tree;

use std::fmt;

use anyhow::bail;

use crate::place::Place;
use crate::say;
use tree::Tree;

/// The most packages that `Cargo.lock` may list, the workspace's own included.
///
/// Each one is compiled by every newcomer. Raise the number in a change of its own
/// that says what the new packages are worth.
const N_PACKAGES_MAX: usize = 570;

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    what: String,
    remedy: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { path, line, what, remedy } = self;
        write!(formatter, "{path}:{line}: {what}, {remedy}")
    }
}

/// Checks the workspace and prints every violation.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    let tree = Tree::read(&place.root)?;
    let violations = check(&tree);
    for violation in &violations {
        say::line(&violation.to_string());
    }
    if !violations.is_empty() {
        bail!("tidy found {} places that break a rule", violations.len());
    }
    say::line(&format!("{} files are tidy", tree.n_texts()));
    Ok(())
}

/// Returns all violations in `tree`, by path and line.
fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.texts_ending(".rs") {
        sources::check(path, text, &mut violations);
        names::check(path, text, &mut violations);
    }
    sources::check_listed(tree, &mut violations);
    edges::check(tree, &mut violations);
    for (path, text) in tree.texts_ending(".md") {
        markdown::check(tree, path, text, &mut violations);
    }
    check_lock(tree, &mut violations);
    violations.sort();
    violations.dedup();
    violations
}

fn check_lock(tree: &Tree, violations: &mut Vec<Violation>) {
    let Some(text) = tree.text("Cargo.lock") else { return };
    let n_packages = text.lines().filter(|line| *line == "[[package]]").count();
    if n_packages > N_PACKAGES_MAX {
        violations.push(Violation::new(
            "Cargo.lock",
            1,
            format!("{n_packages} packages, {N_PACKAGES_MAX} are allowed"),
            "do without the new one or raise the ceiling in xtask/src/tidy.rs with its reason",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::{N_PACKAGES_MAX, Tree, check};
    use crate::place::Place;

    #[test]
    fn the_workspace_is_tidy() {
        let place = Place::find().unwrap();
        let violations = check(&Tree::read(&place.root).unwrap());
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn lock_file_has_a_ceiling() {
        let count = |n_packages: usize| {
            let lock = "[[package]]\nname = \"a\"\n".repeat(n_packages);
            check(&Tree::of(&[("Cargo.lock", &lock)])).len()
        };
        assert_eq!(count(N_PACKAGES_MAX), 0);
        assert_eq!(count(N_PACKAGES_MAX + 1), 1);
    }

    #[test]
    fn violation_names_place_fault_and_remedy() {
        let tree = Tree::of(&[("README.md", "# Throng\n\nSee [the guide](docs/guide.md).\n")]);
        let lines: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        let expected = "README.md:3: the link docs/guide.md leads nowhere, name a file that exists";
        assert_eq!(lines, [expected]);
    }
}
