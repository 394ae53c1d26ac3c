//! Rules about manifests: which crate may depend on which, which may name a fenced
//! library, and that versions and lints stand in one place, the workspace.

use toml::{Table, Value};

use super::Violation;
use super::sources::FENCED;
use super::tree::Tree;

/// The rooms of ARCHITECTURE.md: each crate and the crates it depends on. The table
/// is exact; an edge that is gone from a manifest goes from here too.
const EDGES: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("source", &["event"]),
    ("profile", &["event"]),
    ("feature", &["event"]),
    ("journey", &["event", "profile", "feature"]),
    ("learn", &[]),
    ("persona", &["event", "profile", "feature", "learn"]),
    ("live", &["event", "profile", "feature", "journey", "persona"]),
    ("engine", &["event", "source", "profile", "feature", "journey", "learn", "persona", "live"]),
    ("server", &["event", "source", "profile", "feature", "persona", "live"]),
    ("testkit", &["event"]),
    (
        "throng",
        &[
            "event", "source", "profile", "feature", "journey", "learn", "persona", "live", "engine", "server",
            "testkit",
        ],
    ),
];

/// What any crate's tests may use beside the crate's own dependencies.
const FOR_TESTS: &[&str] = &["testkit"];

/// Adds the violations in the manifests of the workspace's crates.
pub(super) fn check(tree: &Tree, violations: &mut Vec<Violation>) {
    for (path, text) in tree.texts_ending("/Cargo.toml") {
        let name = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", name, _] => *name,
            ["xtask", _] => "xtask",
            _ => continue,
        };
        match text.parse::<Table>() {
            Ok(table) => Manifest { path, name, text, table }.check(violations),
            Err(_) => {
                violations.push(Violation::new(path, 1, "no valid TOML", "see what cargo says"));
            }
        }
    }
}

struct Manifest<'tree> {
    path: &'tree str,
    name: &'tree str,
    text: &'tree str,
    table: Table,
}

impl Manifest<'_> {
    fn check(&self, violations: &mut Vec<Violation>) {
        let edges = EDGES.iter().find(|(name, _)| *name == self.name).map(|(_, edges)| *edges);
        if edges.is_none() && self.name != "xtask" {
            let remedy = "add it to the rooms of ARCHITECTURE.md and to xtask/src/tidy/edges.rs";
            violations.push(self.violation(self.name, "a crate without a room", remedy));
        }
        let edges = edges.unwrap_or_default();
        self.check_edges("dependencies", edges, violations);
        self.check_edges("build-dependencies", edges, violations);
        self.check_edges("dev-dependencies", &[edges, FOR_TESTS].concat(), violations);
        for edge in edges {
            if !self.dependencies("dependencies").any(|(key, _)| crate_name(key) == Some(*edge)) {
                let what = format!("{} does not depend on {edge}", self.name);
                let remedy = "drop the edge from xtask/src/tidy/edges.rs";
                violations.push(self.violation("[dependencies]", &what, remedy));
            }
        }
        let lints = self.table.get("lints").and_then(|lints| lints.get("workspace"));
        if lints != Some(&Value::Boolean(true)) {
            let remedy = "add `[lints]` with `workspace = true`";
            violations.push(self.violation("[lints]", "not the workspace's lints", remedy));
        }
    }

    fn check_edges(&self, section: &str, allowed: &[&str], violations: &mut Vec<Violation>) {
        for (key, value) in self.dependencies(section) {
            if let Some(other) = crate_name(key)
                && !allowed.contains(&other)
            {
                let what = format!("{} depends on {other}", self.name);
                let remedy = "turn the edge around or argue for it in ARCHITECTURE.md and xtask/src/tidy/edges.rs";
                violations.push(self.violation(key, &what, remedy));
            }
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                let what = format!("{key} has a version of its own");
                let remedy = "write `workspace = true` and the version into the workspace's table";
                violations.push(self.violation(key, &what, remedy));
            }
            for (library, crates, why) in FENCED {
                let family = format!("{}-", library.replace('_', "-"));
                let named = key == *library || key.starts_with(&family);
                if named && !crates.contains(&self.name) {
                    let what = format!("{} depends on {key} ({why})", self.name);
                    violations.push(self.violation(key, &what, "move what needs it to a crate that may"));
                }
            }
        }
    }

    fn dependencies(&self, section: &str) -> impl Iterator<Item = (&str, &Value)> {
        let table = self.table.get(section).and_then(Value::as_table);
        table.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns a violation at the first line that starts with `start`, or at line 1.
    fn violation(&self, start: &str, what: &str, remedy: &str) -> Violation {
        let idx = self.text.lines().position(|line| line.starts_with(start)).unwrap_or(0);
        Violation::new(self.path, idx + 1, what, remedy)
    }
}

/// Returns the folder of the crate of ours that is depended on as `key`.
fn crate_name(key: &str) -> Option<&str> {
    if key == "throng" { Some(key) } else { key.strip_prefix("throng-") }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn check(path: &str, manifest: &str, expected: &[(usize, &str)]) {
        let mut violations = Vec::new();
        super::check(&Tree::of(&[(path, manifest)]), &mut violations);
        assert_eq!(violations.len(), expected.len(), "{violations:#?}");
        for (violation, (line, what)) in violations.iter().zip(expected) {
            assert_eq!(violation.line, *line, "{violation}");
            assert!(violation.what.starts_with(what), "{violation}");
        }
    }

    #[test]
    fn edges_are_exactly_those_of_the_table() {
        let event = "throng-event.workspace = true\n";
        let own = format!("{LINTS}[dependencies]\n{event}");
        check("crates/profile/Cargo.toml", &own, &[]);
        let upward = format!("{own}throng-engine.workspace = true\n");
        check("crates/profile/Cargo.toml", &upward, &[(5, "profile depends on engine")]);
        let missing = format!("{LINTS}[dependencies]\n");
        check("crates/profile/Cargo.toml", &missing, &[(3, "profile does not depend on event")]);
    }

    #[test]
    fn tests_may_use_the_testkit() {
        let testkit = "throng-testkit.workspace = true\n";
        check("crates/event/Cargo.toml", &format!("{LINTS}[dev-dependencies]\n{testkit}"), &[]);
        let normal = format!("{LINTS}[dependencies]\n{testkit}");
        check("crates/event/Cargo.toml", &normal, &[(4, "event depends on testkit")]);
    }

    #[test]
    fn unknown_crate_has_no_room() {
        check("crates/cellar/Cargo.toml", LINTS, &[(1, "a crate without a room")]);
    }

    #[test]
    fn fenced_libraries_are_refused() {
        let manifest = format!("{LINTS}[dev-dependencies]\ndatafusion-common.workspace = true\n");
        check("crates/learn/Cargo.toml", &manifest, &[(4, "learn depends on datafusion-common")]);
        let manifest = format!("{LINTS}[dependencies]\nserde_json.workspace = true\n");
        check("crates/learn/Cargo.toml", &manifest, &[(4, "learn depends on serde_json")]);
        check("xtask/Cargo.toml", &manifest, &[]);
    }

    #[test]
    fn versions_and_lints_stand_in_the_workspace() {
        let manifest = "[lints.rust]\nunsafe_code = \"warn\"\n[dependencies]\ncsv = \"1.4\"\n";
        let expected = [(4, "csv has a version of its own"), (1, "not the workspace's lints")];
        check("crates/learn/Cargo.toml", manifest, &expected);
    }

    #[test]
    fn broken_manifest_is_reported() {
        check("crates/learn/Cargo.toml", "[dependencies\n", &[(1, "no valid TOML")]);
    }
}
