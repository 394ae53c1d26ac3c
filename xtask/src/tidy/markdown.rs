//! Rules about Markdown: what it points at exists.

use super::Violation;
use super::tree::Tree;

/// Folders whose files are named in prose with their path from the root.
const NAMED_FROM_ROOT: &[&str] = &[".ci/", "crates/", "docs/", "xtask/"];

/// Tells of the past, when files had other names.
const HISTORY: &str = "CHANGELOG.md";

/// Adds the violations in the Markdown file at `path`.
pub(super) fn check(tree: &Tree, path: &str, text: &str, violations: &mut Vec<Violation>) {
    let mut fenced = false;
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Between backticks stands code, outside of them prose.
        for (idx, part) in text.split('`').enumerate() {
            if idx % 2 == 1 {
                if path != HISTORY && !code_path_exists(tree, part) {
                    let what = format!("there is no {part}");
                    violations.push(Violation::new(path, line, what, "name a file that exists"));
                }
                continue;
            }
            for target in link_targets(part) {
                if !link_resolves(tree, path, target) {
                    let what = format!("the link {target} leads nowhere");
                    violations.push(Violation::new(path, line, what, "name a file that exists"));
                }
            }
        }
    }
}

/// Returns false if `code` is the path of a file of ours that is not there.
fn code_path_exists(tree: &Tree, code: &str) -> bool {
    let is_path = NAMED_FROM_ROOT.iter().any(|folder| code.starts_with(folder))
        && code.chars().all(|letter| letter.is_alphanumeric() || "./_-".contains(letter));
    !is_path || tree.holds(code)
}

/// Returns the targets of the inline links `[text](target)` and the link definitions
/// `[name]: target` in `prose`. A text in backticks has been cut away before.
fn link_targets(prose: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (idx, mark) in prose.match_indices("](") {
        let rest = &prose[idx + mark.len()..];
        if let Some((target, _)) = rest.split_once([')', ' ']) {
            targets.push(target);
        }
    }
    if prose.starts_with('[')
        && let Some((_, target)) = prose.split_once("]: ")
        && let Some(target) = target.split_whitespace().next()
    {
        targets.push(target);
    }
    targets
}

fn link_resolves(tree: &Tree, path: &str, target: &str) -> bool {
    let foreign = target.contains("://") || target.starts_with("mailto:");
    let file = target.split('#').next().unwrap_or(target);
    if foreign || file.is_empty() {
        return true;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    tree.holds(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let files = [(path, text), ("LICENSE", ""), ("docs/guide.md", ""), ("docs/a/b.png", "")];
        let mut violations = Vec::new();
        super::check(&Tree::of(&files), path, text, &mut violations);
        let found: Vec<(usize, &str)> =
            violations.iter().map(|violation| (violation.line, violation.what.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn relative_links_resolve() {
        for target in ["LICENSE", "docs/guide.md#start", "./docs/a/b.png", "docs", "docs/a/", "#top"] {
            check("README.md", &format!("See [this]({target})."), &[]);
        }
        check("docs/a/c.md", "[1](../guide.md) [2](b.png) [3](../../LICENSE)", &[]);
        check("README.md", "[site](https://example.org/x) [mail](mailto:a@example.org)", &[]);
    }

    #[test]
    fn broken_links_are_found_with_their_line() {
        let lost = "the link docs/lost.md leads nowhere";
        check(
            "README.md",
            "One.\n[a](LICENSE) and [b](docs/lost.md#x)",
            &[(2, "the link docs/lost.md#x leads nowhere")],
        );
        check("README.md", "![picture](docs/lost.md \"title\")", &[(1, lost)]);
        check("README.md", "[`code`](docs/lost.md)", &[(1, lost)]);
        check("README.md", "[name]: docs/lost.md", &[(1, lost)]);
        check("README.md", "[out](../LICENSE)", &[(1, "the link ../LICENSE leads nowhere")]);
    }

    #[test]
    fn code_is_no_link() {
        check("README.md", "`[a](lost.md)`\n```\n[a](lost.md)\n```\n", &[]);
    }

    #[test]
    fn files_named_in_backticks_exist() {
        check("STYLE.md", "As in `docs/guide.md` and `docs/lost.md`.", &[(1, "there is no docs/lost.md")]);
        check("STYLE.md", "In `crates/*/src`, `docs/<name>.md` and `target/demo`.", &[]);
        check("CHANGELOG.md", "Once there was `docs/lost.md`.", &[]);
    }
}
