//! Runs the binary, and shares one simulated shop among the tests that only read it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own with a home in it.
pub(crate) struct Shop {
    folder: TempDir,
}

/// Returns the program, away from the environment of whoever runs the tests.
pub(crate) fn throng() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
    command.env_remove("THRONG_HOME").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

impl Shop {
    /// Makes an empty home.
    pub(crate) fn empty() -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        shop.run(["init"]);
        shop
    }

    /// Makes a home with simulated customers imported.
    pub(crate) fn simulated() -> Self {
        let shop = Self::empty();
        shop.run(["import", "segment", simulated_events().to_str().unwrap()]);
        shop
    }

    /// Makes a home with simulated customers and personas.
    pub(crate) fn discovered() -> Self {
        let shop = Self::simulated();
        shop.run(["features", "propose"]);
        shop.run(["discover", "--continuum", "cut"]);
        shop
    }

    /// Returns the folder beside the home.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the home.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file beside the home.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Returns the program with words, standing beside the home.
    pub(crate) fn command<T: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = T>) -> Command {
        let mut command = throng();
        command.current_dir(self.folder()).arg("--home").arg(self.home()).args(words);
        command
    }

    /// Runs a command that must succeed and returns what it printed.
    pub(crate) fn run<T: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = T>) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--format json` and returns its document.
    pub(crate) fn json<T: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = T>) -> Value {
        let mut command = self.command(words);
        let output = command.args(["--format", "json"]).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must fail with this status and returns what it complained.
    pub(crate) fn fail<T: AsRef<OsStr>>(&self, status: i32, words: impl IntoIterator<Item = T>) -> String {
        let output = self.command(words).output().unwrap();
        let complaint = errors(&output);
        assert_eq!(output.status.code(), Some(status), "{complaint}");
        assert!(complaint.contains("error: "), "{complaint}");
        complaint
    }

    /// Returns what a query of one number answers.
    pub(crate) fn number(&self, query: &str) -> u64 {
        let rows = self.json(["sql", query]);
        let row = rows[0].as_object().unwrap();
        row.values().next().and_then(Value::as_u64).unwrap()
    }
}

/// Returns what a process said on standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns a shop with personas that no test changes.
pub(crate) fn shared() -> &'static Shop {
    static SHARED: OnceLock<Shop> = OnceLock::new();
    SHARED.get_or_init(Shop::discovered)
}

/// Returns the messages of a small simulated shop, made once.
pub(crate) fn simulated_events() -> PathBuf {
    static SIMULATED: OnceLock<TempDir> = OnceLock::new();
    let folder = SIMULATED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let words = ["simulate", "--customers", "500", "--personas", "4", "--seed", "7", "--days", "180", "-o"];
        let output = throng().args(words).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        folder
    });
    folder.path().join("events.ndjson")
}

/// Returns where tests find what is not part of the repository, if whoever runs them says so.
pub(crate) fn provided(variable: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where foreign data and programs lie is up to who runs the tests")]
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}
