//! Rules about single Rust files: what they open with, how long they are, what they
//! must not contain; and that none is forgotten by its crate.

use super::Violation;
use super::scan::Scan;
use super::tree::Tree;

/// The most lines of a file without its tests, and with them.
const N_LINES_MAX: usize = 500;
const N_LINES_WITH_TESTS_MAX: usize = 800;

/// What code must not contain, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("#[ignore", "make the test run everywhere or delete it"),
    ("#[should_panic", "return an error and check it"),
    ("#[allow(", "use #[expect(…, reason = \"…\")]"),
    ("#![allow(", "use #![expect(…, reason = \"…\")]"),
    ("todo!(", "write it"),
    ("unimplemented!(", "write it"),
];

/// Libraries that only some crates may name, and the reason.
pub(super) const FENCED: &[(&str, &[&str], &str)] = &[
    ("datafusion", &["engine"], "the query engine stops at engine"),
    ("deltalake", &["engine"], "the tables' format stops at engine"),
    (
        "serde_json",
        &["source", "engine", "server", "throng", "testkit", "xtask"],
        "types below are not Serialize; wire forms live in source, engine and server",
    ),
];

/// Adds the violations in the Rust file at `path`.
pub(super) fn check(path: &str, text: &str, violations: &mut Vec<Violation>) {
    let scan = Scan::of(text);
    if path.rsplit('/').next() == Some("mod.rs") {
        let remedy = "name the file after its module, beside the module's folder";
        violations.push(Violation::new(path, 1, "a file called mod.rs", remedy));
    }
    if !text.starts_with("//!") {
        let remedy = "open with `//!`: what the file holds and why it exists";
        violations.push(Violation::new(path, 1, "no file header", remedy));
    }
    check_length(path, &scan, violations);
    for (line, code) in scan.code_lines() {
        for (forbidden, remedy) in FORBIDDEN {
            if code.contains(forbidden) {
                violations.push(Violation::new(path, line, format!("`{forbidden}`"), *remedy));
            }
        }
        check_fences(path, line, code, violations);
    }
    for (line, comment) in scan.comment_lines() {
        check_to_dos(path, line, comment, violations);
    }
}

/// Returns the name of the crate's folder that the file at `path` belongs to.
fn crate_of(path: &str) -> &str {
    let inside = path.strip_prefix("crates/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside)
}

fn check_length(path: &str, scan: &Scan, violations: &mut Vec<Violation>) {
    let n_lines = scan.code.lines().count();
    let tests_at = scan.code.lines().position(|line| line.trim() == "#[cfg(test)]");
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    let n_without_tests = if is_test { 0 } else { tests_at.unwrap_or(n_lines) };
    let remedy = "cut the file where a concept has a name";
    if n_without_tests > N_LINES_MAX {
        let what = format!("{n_without_tests} lines without tests, {N_LINES_MAX} are allowed");
        violations.push(Violation::new(path, N_LINES_MAX + 1, what, remedy));
    } else if n_lines > N_LINES_WITH_TESTS_MAX {
        let what = format!("{n_lines} lines, {N_LINES_WITH_TESTS_MAX} are allowed with tests");
        violations.push(Violation::new(path, N_LINES_WITH_TESTS_MAX + 1, what, remedy));
    }
}

fn check_fences(path: &str, line: usize, code: &str, violations: &mut Vec<Violation>) {
    let words = code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    for word in words {
        for (library, crates, why) in FENCED {
            let rest = word.strip_prefix(library);
            let named = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
            if named && !crates.contains(&crate_of(path)) {
                let what = format!("{} names {word} ({why})", crate_of(path));
                violations.push(Violation::new(path, line, what, "move the code to a crate that may"));
            }
        }
    }
}

fn check_to_dos(path: &str, line: usize, comment: &str, violations: &mut Vec<Violation>) {
    for (idx, mark) in comment.match_indices("TODO") {
        let rest = comment[idx + mark.len()..].strip_prefix("(#");
        let digits = rest.and_then(|rest| rest.split_once(')')).map(|(number, _)| number);
        let numbered = digits.is_some_and(|digits| digits.parse::<u32>().is_ok());
        if !numbered {
            let remedy = "name the issue, as in (#12), or do it";
            violations.push(Violation::new(path, line, "an open end without an issue", remedy));
        }
    }
}

/// Adds a violation for each source file that no `mod` line makes part of its crate:
/// such a file is not compiled, and its tests do not run.
pub(super) fn check_listed(tree: &Tree, violations: &mut Vec<Violation>) {
    for (path, _) in tree.texts_ending(".rs") {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        let Some(module) = name.strip_suffix(".rs") else { continue };
        let folder_name = folder.rsplit('/').next().unwrap_or(folder);
        let is_root = match folder_name {
            "src" => matches!(module, "lib" | "main"),
            // Cargo takes each file of these folders as a program of its own.
            "tests" | "examples" | "benches" | "bin" => true,
            _ => matches!(module, "main" | "build"),
        };
        if is_root {
            continue;
        }
        let parents = [format!("{folder}/lib.rs"), format!("{folder}/main.rs"), format!("{folder}.rs")];
        let listed = parents
            .iter()
            .filter_map(|parent| tree.text(parent))
            .any(|text| Scan::of(text).code_lines().any(|(_, line)| declares(line, module)));
        // What tests and examples share is named by its path.
        let by_path = |line: &str| line.starts_with("#[path") && line.contains(&format!("{folder_name}/{name}\""));
        if !listed && !tree.texts_ending(".rs").any(|(_, text)| text.lines().any(by_path)) {
            let what = format!("no `mod {module};` makes this file part of its crate");
            violations.push(Violation::new(path, 1, what, "add the line or delete the file"));
        }
    }
}

fn declares(line: &str, module: &str) -> bool {
    let declared = line.trim().strip_suffix(';').and_then(|line| line.strip_suffix(module));
    declared.is_some_and(|before| before == "mod " || before.ends_with(" mod "))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{Violation, check_listed};

    /// Checks that the file at `path` breaks exactly the rules that start with `expected`,
    /// each given with its line.
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let mut violations = Vec::new();
        super::check(path, text, &mut violations);
        check_same(&violations, expected);
    }

    fn check_same(violations: &[Violation], expected: &[(usize, &str)]) {
        assert_eq!(violations.len(), expected.len(), "{violations:#?}");
        for (violation, (line, what)) in violations.iter().zip(expected) {
            assert_eq!(violation.line, *line, "{violation}");
            assert!(violation.what.starts_with(what), "{violation}");
        }
    }

    #[test]
    fn file_opens_with_its_header() {
        check("crates/event/src/a.rs", "//! What it holds.\nfn f() {}\n", &[]);
        check("crates/event/src/a.rs", "// A comment.\nfn f() {}\n", &[(1, "no file header")]);
        check("xtask/src/a.rs", "", &[(1, "no file header")]);
    }

    #[test]
    fn file_called_mod_is_refused() {
        check("crates/event/src/a/mod.rs", "//! A.\n", &[(1, "a file called mod.rs")]);
        check("crates/event/src/a/model.rs", "//! A.\n", &[]);
    }

    #[test]
    fn file_stays_short() {
        let file = |n_code: usize, n_tests: usize| {
            let code = "fn f() {}\n".repeat(n_code - 1);
            let tests = if n_tests == 0 { String::new() } else { "\n".repeat(n_tests - 1) };
            format!("//! A.\n{code}{}{tests}", if n_tests == 0 { "" } else { "#[cfg(test)]\n" })
        };
        check("crates/a/src/a.rs", &file(500, 0), &[]);
        check("crates/a/src/a.rs", &file(501, 0), &[(501, "501 lines without tests")]);
        check("crates/a/src/a.rs", &file(500, 300), &[]);
        check("crates/a/src/a.rs", &file(500, 301), &[(801, "801 lines,")]);
        check("crates/a/src/a.rs", &file(501, 1), &[(501, "501 lines without tests")]);
        check("crates/a/tests/it/a.rs", &file(800, 0), &[]);
        check("crates/a/src/a/tests.rs", &file(800, 0), &[]);
        check("crates/a/tests/it/a.rs", &file(801, 0), &[(801, "801 lines,")]);
    }

    #[test]
    fn unfinished_and_skipped_code_is_refused() {
        let text = "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn f() {\n    todo!()\n}\n";
        check("crates/event/src/a.rs", text, &[(3, "`#[ignore`"), (5, "`todo!(`")]);
        let text = "//! A.\n#![allow(dead_code)]\n#[should_panic]\nfn f() { unimplemented!() }\n";
        let expected = [(2, "`#![allow(`"), (3, "`#[should_panic`"), (4, "`unimplemented!(`")];
        check("crates/event/src/a.rs", text, &expected);
        check("crates/event/src/a.rs", "//! No todo!() here.\nconst A: &str = \"todo!()\";\n", &[]);
    }

    #[test]
    fn libraries_stay_behind_their_fences() {
        let text = "//! As `datafusion` does.\nuse datafusion::prelude::col;\nuse serde_json::Value;\n";
        let both = [(2, "feature names datafusion"), (3, "feature names serde_json")];
        check("crates/feature/src/a.rs", text, &both);
        check("crates/engine/src/a.rs", text, &[]);
        check("crates/throng/src/a.rs", text, &[(2, "throng names datafusion")]);
        let text = "//! A.\nuse datafusion_common::Result;\nlet datafusions = 2;\n";
        check("crates/persona/tests/it.rs", text, &[(2, "persona names datafusion_common")]);
    }

    #[test]
    fn open_ends_name_an_issue() {
        let mark = "TODO";
        let file = |rest: &str| format!("//! A.\n// {mark}{rest}\nfn f() {{}}\n");
        check("crates/event/src/a.rs", &file("(#12): count twice"), &[]);
        for rest in [": later", "", "(#)", "(#x): later", "(12): later"] {
            check("crates/event/src/a.rs", &file(rest), &[(2, "an open end")]);
        }
    }

    #[test]
    fn every_file_is_part_of_its_crate() {
        let files = [
            ("crates/a/src/lib.rs", "mod listed;\n// mod lost;\n"),
            ("crates/a/src/listed.rs", "#[cfg(test)]\npub(crate) mod tests;\nmod inner;\n"),
            ("crates/a/src/listed/inner.rs", ""),
            ("crates/a/src/listed/tests.rs", ""),
            ("crates/a/src/lost.rs", ""),
            ("crates/a/tests/it.rs", "mod parity;\n"),
            ("crates/a/tests/it/parity.rs", ""),
            ("crates/a/tests/it/forgotten.rs", ""),
            ("crates/a/examples/bench.rs", ""),
            ("crates/b/tests/it/main.rs", "mod case;\n"),
            ("crates/b/tests/it/case.rs", ""),
        ];
        let mut violations = Vec::new();
        check_listed(&Tree::of(&files), &mut violations);
        let paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/lost.rs", "crates/a/tests/it/forgotten.rs"]);
    }
}
