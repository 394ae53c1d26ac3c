//! Starting other programs: shown before they run, waited for, and turned into an
//! error that names the whole command when they fail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::place;
use crate::say;

/// Cargo, as it is started at one workspace's root.
pub(crate) struct Cargo {
    root: PathBuf,
    settings: Vec<(&'static str, OsString)>,
}

impl Cargo {
    /// Returns the cargo of the workspace at `root`.
    pub(crate) fn new(root: &Path) -> Cargo {
        Cargo { root: root.to_owned(), settings: Vec::new() }
    }

    /// Gives every later command the environment variable `name`.
    pub(crate) fn set(&mut self, name: &'static str, value: OsString) {
        self.settings.push((name, value));
    }

    /// Returns the command `cargo ARGUMENTS`, behaving as if typed into a shell.
    ///
    /// `cargo run` tells this program about the xtask package through variables.
    /// Some build scripts (ring's, for one) watch these, so passing them on would
    /// rebuild everything above such a crate whenever one goes from xtask to a
    /// shell or back.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(place::variable("CARGO").unwrap_or("cargo".into()));
        for name in place::variable_names(&PACKAGE_VARIABLES) {
            command.env_remove(name);
        }
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// Builds what `selection` names as it is released, cargo's own progress on the
    /// terminal, and returns the path of `program`, given as it stands in that folder.
    pub(crate) fn release(&self, selection: &[&str], program: &str) -> anyhow::Result<PathBuf> {
        run(&mut self.command(&[&["build", "--release"], selection].concat()))?;
        let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        Ok(self.target_folder()?.join("release").join(program))
    }

    /// Returns the folder that cargo builds in.
    fn target_folder(&self) -> anyhow::Result<PathBuf> {
        let mut command = self.command(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value =
            serde_json::from_str(&capture(&mut command)?).context("cannot read the output of `cargo metadata`")?;
        let folder = metadata.get("target_directory").and_then(Value::as_str);
        folder.map(PathBuf::from).context("`cargo metadata` names no target folder")
    }
}

/// How the variables start by which cargo describes one package to its programs.
const PACKAGE_VARIABLES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// Runs `command` with its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    say::line(&format!("$ {shown}"));
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to standard output.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("cannot read the output of `{shown}`"))
}

/// Returns whether `command` can be started and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns `command` as one would type it with its program on the path.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let mut words = vec![quote(&program.to_string_lossy())];
    words.extend(command.get_args().map(|word| quote(&word.to_string_lossy())));
    words.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{Cargo, run, show};

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("target/release/throng");
        command.args(["journeys", "funnel", "Order Completed", "it's"]);
        assert_eq!(show(&command), r"throng journeys funnel 'Order Completed' 'it'\''s'");
    }

    #[test]
    fn failed_command_is_named_in_the_error() {
        let mut command = Cargo::new(Path::new(".")).command(&["no-such-subcommand"]);
        let error = run(&mut command).unwrap_err().to_string();
        assert!(error.contains("no-such-subcommand` ended with"), "{error}");
    }

    #[test]
    fn missing_program_is_named_in_the_error() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }

    #[test]
    fn cargo_hears_of_settings_and_not_of_this_package() {
        let mut cargo = Cargo::new(Path::new("."));
        cargo.set("THRONG_TEST_PYTHON", "python".into());
        let command = cargo.command(&["test"]);
        let value = |name: &str| command.get_envs().find(|(key, _)| *key == name).map(|(_, value)| value);
        assert_eq!(value("CARGO_MANIFEST_DIR"), Some(None));
        assert_eq!(value("CARGO_PKG_NAME"), Some(None));
        assert_eq!(value("THRONG_TEST_PYTHON"), Some(Some("python".as_ref())));
    }
}
