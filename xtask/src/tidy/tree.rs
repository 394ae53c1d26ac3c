//! The files of the workspace, read once: all their names, and the text of those
//! that have rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context;

/// Folders that hold nothing of ours: build output, version control, packages of
/// the web client.
const FOREIGN_FOLDERS: &[&str] = &[".git", "artifacts", "dist", "fuzz", "node_modules", "target"];

/// How the names of files end whose text is looked at.
const TEXT_ENDINGS: &[&str] = &[".rs", ".md", ".toml", "Cargo.lock"];

/// Paths are relative to the root and use `/` everywhere.
#[derive(Debug, Default)]
pub(super) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the workspace at `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Tree> {
        let mut tree = Tree::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// Returns a tree of `files`, each a path and a text.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let texts: BTreeMap<String, String> = files.iter().map(own).collect();
        Tree { paths: texts.keys().cloned().collect(), texts }
    }

    /// Returns the text of the file at `path`.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Returns path and text of every file whose name ends with `ending`.
    pub(super) fn texts_ending(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter().filter(move |(path, _)| path.ends_with(ending));
        texts.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns how many files have a text.
    pub(super) fn n_texts(&self) -> usize {
        self.texts.len()
    }

    /// Returns whether `path` is a file or a folder that holds one.
    pub(super) fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let below = self.paths.range(folder.clone()..).next();
        path.is_empty() || self.paths.contains(path) || below.is_some_and(|path| path.starts_with(&folder))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let shown = folder.display();
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {shown}"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {shown}"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().with_context(|| format!("cannot list {shown}"))?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                if !FOREIGN_FOLDERS.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
                continue;
            }
            if TEXT_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(entry.path());
                let text = text.with_context(|| format!("cannot read {path} as text"))?;
                self.texts.insert(path.clone(), text);
            }
            self.paths.insert(path);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn folders_exist_by_what_they_hold() {
        let tree = Tree::of(&[("crates/event/src/lib.rs", ""), ("crates/event-log.md", "")]);
        for path in ["", "crates", "crates/event", "crates/event/", "crates/event/src/lib.rs"] {
            assert!(tree.holds(path), "{path:?}");
        }
        for path in ["crate", "crates/even", "crates/event/src/lib.rs/", "docs"] {
            assert!(!tree.holds(path), "{path:?}");
        }
    }
}
