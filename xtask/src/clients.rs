//! What the tests of real clients need beside Python: Node with their packages, and a browser.
//!
//! A program that is missing is installed by `apt-get` where that is there and allowed to; anywhere
//! else the error says what to install.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::place;
use crate::process;

/// The Python packages of the clients.
pub(crate) const PYTHON_PACKAGES: &[&str] = &["segment-analytics-python", "rudder-sdk-python"];

/// What judges the server by its document. The version is fixed, for another asks other things.
pub(crate) const JUDGE_PACKAGES: &[&str] = &["schemathesis==4.32.5"];

/// Returns `folder` with the packages that `manifest` pins installed in it.
pub(crate) fn node(folder: &Path, manifest: &Path) -> anyhow::Result<PathBuf> {
    node_programs()?;
    let installed = folder.join("package.json");
    let wanted = fs::read(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    if folder.join("node_modules").is_dir() && fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(folder.to_owned());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Noted at the end: an installation that was cut off is made again.
    let beside = folder.join("installing");
    fs::create_dir_all(&beside).with_context(|| format!("cannot make {}", beside.display()))?;
    fs::write(beside.join("package.json"), &wanted).context("cannot write package.json")?;
    let mut install = Command::new("npm");
    install.current_dir(&beside).args(["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]);
    process::run(&mut install).context("cannot install Node packages")?;
    let modules = folder.join("node_modules");
    if modules.exists() {
        fs::remove_dir_all(&modules).context("cannot remove the former packages")?;
    }
    fs::rename(beside.join("node_modules"), &modules).context("cannot move the packages into place")?;
    fs::rename(beside.join("package.json"), &installed).context("cannot move package.json into place")?;
    Ok(folder.to_owned())
}

/// Makes sure that there is Node with its packager.
pub(crate) fn node_programs() -> anyhow::Result<()> {
    program(&["node"], "nodejs")?;
    program(&["npm"], "npm").map(drop)
}

/// Returns a Chromium, or Chrome.
pub(crate) fn chromium() -> anyhow::Result<PathBuf> {
    program(&["chromium", "chromium-browser", "google-chrome", "chrome"], "chromium")
}

/// Makes sure that there is the server of Redis.
pub(crate) fn redis() -> anyhow::Result<()> {
    program(&["redis-server"], "redis-server").map(drop)
}

/// Returns the whole path of the first of some programs that can be started, or installs a package that has one.
///
/// Whole, since not everything that is told of a program looks along `PATH` for it.
fn program(names: &[&str], package: &str) -> anyhow::Result<PathBuf> {
    let find = || {
        let folders = place::variable("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
        let mut candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.find(|path| path.is_file() && process::succeeds(Command::new(path).arg("--version")))
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    if process::succeeds(Command::new("apt-get").arg("--version")) {
        let mut update = Command::new("apt-get");
        process::run(update.args(["update", "--quiet"])).with_context(|| format!("cannot install {package}"))?;
        let mut install = Command::new("apt-get");
        install.args(["install", "--yes", "--quiet", "--no-install-recommends", package]);
        process::run(install.env("DEBIAN_FRONTEND", "noninteractive"))
            .with_context(|| format!("cannot install {package}"))?;
    }
    match find() {
        Some(found) => Ok(found),
        None => bail!("there is no {}: install {package}", names.join(" or ")),
    }
}
