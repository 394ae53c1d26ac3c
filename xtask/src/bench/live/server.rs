//! A home with personas, and the server on it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process;
use crate::say;

/// A home with the features and the personas of a simulated shop, and with keys.
pub(super) struct Home {
    throng: PathBuf,
    folder: PathBuf,
    key: String,
    pub(super) read_key: String,
}

/// A server that runs, until it is dropped.
pub(super) struct Server {
    child: Child,
    address: String,
}

/// More requests than any machine makes: what is measured is the server and not its limit.
const REQUESTS_PER_SECOND: &str = "[server]\nrequests_per_second = 1000000\n";
/// How often it is asked how far the server is.
const ASK_EVERY: Duration = Duration::from_millis(100);

impl Home {
    /// Makes it anew.
    pub(super) fn make(throng: &Path, folder: &Path) -> anyhow::Result<Home> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        let simulated = folder.join("simulated");
        let home = folder.join("home");
        let throng_at = |words: &[&str]| {
            let mut command = Command::new(throng);
            command.arg("--home").arg(&home).arg("--quiet").args(words);
            command
        };
        let mut simulate = throng_at(&["simulate", "--customers", "1000", "--personas", "5", "--seed", "7", "-o"]);
        process::run(simulate.arg(&simulated))?;
        process::run(&mut throng_at(&["init"]))?;
        process::run(throng_at(&["import", "segment"]).arg(simulated.join("events.ndjson")))?;
        process::run(&mut throng_at(&["features", "propose"]))?;
        process::run(&mut throng_at(&["discover", "--continuum", "cut", "--personas", "5"]))?;
        let key = process::capture(&mut throng_at(&["keys", "add", "load", "--role", "ingest"]))?;
        let read_key = process::capture(&mut throng_at(&["keys", "add", "reader", "--role", "read"]))?;
        let config = home.join("throng.toml");
        let text = fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
        let raised = text.replacen("[server]\n", REQUESTS_PER_SECOND, 1);
        if raised == text {
            bail!("{} has no [server] to raise the limit in", config.display());
        }
        fs::write(&config, raised).with_context(|| format!("cannot write {}", config.display()))?;
        let (key, read_key) = (key.trim().to_owned(), read_key.trim().to_owned());
        Ok(Home { throng: throng.to_owned(), folder: home, key, read_key })
    }
}

impl Server {
    /// Starts it and waits until it is ready.
    pub(super) fn start(home: &Home) -> anyhow::Result<Server> {
        let mut command = Command::new(&home.throng);
        command.arg("--home").arg(&home.folder).args(["serve", "--listen", "127.0.0.1:0"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let mut server = Server { child, address: String::new() };
        let output = server.child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read what the server says")?;
        let address = line.trim().strip_prefix("listening on http://");
        address.context("the server did not start")?.clone_into(&mut server.address);
        while !server.get("/readyz")?.starts_with("HTTP/1.1 200") {
            std::thread::sleep(ASK_EVERY);
        }
        Ok(server)
    }

    /// Sends it events as `throng load` does.
    pub(super) fn load(&self, home: &Home, words: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(&home.throng);
        command.args(["load", &format!("http://{}", self.address), "--key", &home.key, "--threads", "1"]).args(words);
        process::run(&mut command)
    }

    pub(super) fn wait_until_applied(&self) -> anyhow::Result<()> {
        while self.metric("throng_records_lag")? > 0 {
            std::thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    /// Returns how many profiles there are and what memory they take.
    pub(super) fn figures(&self) -> anyhow::Result<String> {
        let profiles = self.metric("throng_profiles")?;
        let counted = self.metric("throng_profiles_memory_bytes")?;
        let resident = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let resident = resident.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown");
        Ok(format!(
            "{profiles} profiles; resident {}; histories and states {counted} bytes, {} a profile",
            resident.trim(),
            counted / profiles.max(1)
        ))
    }

    /// Ends it at once, as a crash would.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        say::line("kill -9");
        self.child.kill().and_then(|()| self.child.wait()).map(drop).context("cannot kill the server")
    }

    fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let text = self.get("/metrics")?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).with_context(|| format!("the server does not say {name}"))
    }

    /// Returns what is answered, head and body.
    fn get(&self, path: &str) -> anyhow::Result<String> {
        let attempt = || format!("cannot ask the server for {path}");
        let mut stream = TcpStream::connect(&self.address).with_context(attempt)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).with_context(attempt)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(attempt)?;
        Ok(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
