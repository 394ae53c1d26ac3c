//! The page of the server, built from `dashboard/` by Node: what is built is compiled into the binary, so
//! it comes first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::clients::node_programs;
use crate::process;

/// Packages that were installed, as the lock file stood then.
const INSTALLED: &str = "node_modules/.installed-lock.json";

/// Installs what the page is built with, builds it and returns the folder of the sources.
pub(crate) fn build(root: &Path) -> anyhow::Result<PathBuf> {
    node_programs()?;
    let folder = root.join("dashboard");
    let lock = fs::read(folder.join("package-lock.json")).context("cannot read dashboard/package-lock.json")?;
    let installed = folder.join(INSTALLED);
    if !fs::read(&installed).is_ok_and(|known| known == lock) {
        npm(&folder, &["ci", "--no-audit", "--no-fund"]).context("cannot install what the dashboard is built with")?;
        fs::write(&installed, &lock).with_context(|| format!("cannot write {}", installed.display()))?;
    }
    npm(&folder, &["run", "build", "--silent"])?;
    Ok(folder)
}

/// Checks the page's types and runs the tests of what it computes.
pub(crate) fn test(folder: &Path) -> anyhow::Result<()> {
    npm(folder, &["run", "check", "--silent"])?;
    npm(folder, &["test", "--silent"])
}

fn npm(folder: &Path, words: &[&str]) -> anyhow::Result<()> {
    process::run(Command::new("npm").current_dir(folder).args(words))
}
