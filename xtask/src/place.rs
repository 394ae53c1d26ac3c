//! Where things are: the workspace, the user's cache folder, what stands beside
//! the workspace. The only file here that reads the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folders that the commands work in.
pub(crate) struct Place {
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// What is worth keeping between runs and between clones.
    pub(crate) cache: PathBuf,
}

impl Place {
    /// Finds the workspace that this command belongs to and the user's cache.
    pub(crate) fn find() -> anyhow::Result<Place> {
        // Cargo sets the variable when it runs this program; the value baked in
        // at compile time serves when the program is started by hand.
        let manifest = variable("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent();
        let root = root.with_context(|| format!("{} has no folder above", manifest.display()))?;
        let cache = match (variable("XDG_CACHE_HOME"), variable("HOME")) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, Some(home)) => Path::new(&home).join(".cache"),
            (None, None) => root.join("target/cache"),
        };
        Ok(Place { root: root.to_owned(), cache: cache.join("throng") })
    }

    /// Returns the folder `name` that stands beside the workspace, if it exists.
    pub(crate) fn beside(&self, name: &str) -> Option<PathBuf> {
        let folder = self.root.join("..").join(name).canonicalize().ok()?;
        folder.is_dir().then_some(folder)
    }

    /// Returns `path` as a person at the workspace's root would write it.
    pub(crate) fn relative<'path>(&self, path: &'path Path) -> &'path Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// Returns the environment variable `name` unless it is unset or empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the names of the environment variables that start with one of `prefixes`.
pub(crate) fn variable_names(prefixes: &[&str]) -> Vec<OsString> {
    let starts = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_str().is_some_and(starts)).collect()
}
