//! `cargo xtask bench live`: what a server bears and how fast it is, in three parts.
//!
//! The core by itself, without HTTP and without a disk, on one thread: an event, the features
//! of its person and the shares in the personas, beside what one would write by hand or take
//! instead (a Python dict, river, Redis), in turns and in the same run. Then the whole server
//! over its real endpoints, with `throng load` on the same machine: as fast as it goes until
//! all profiles are there, and 5,000 events a second one by one. Last, how long it takes until
//! a server that was killed is ready again.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use self::server::{Home, Server};
use super::measurement::{Line, median};
use super::{N_ROUNDS_DEFAULT, data_folder, find_kit, peer, python};
use crate::arguments::{Arguments, UsageError};
use crate::clients;
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// What the kit's script imports.
const PACKAGES: &[&str] = &["hiredis", "numpy", "pyarrow", "redis", "river"];
/// What stands beside ours, and of how many events, for they differ by tenfold and more.
const PEERS: [(&str, &str); 3] = [("pydict-score", "200000"), ("river-kmeans", "50000"), ("redis-pipe", "200000")];

/// Events of the core, and people there are: of the core as many as give each 50 events, as many
/// as a discovery wants to see; of the server so many that it takes minutes and not hours.
const N_EVENTS_DEFAULT: u64 = 1_000_000;
const EVENTS_EACH: u64 = 50;
const N_PROFILES_DEFAULT: u64 = 200_000;
/// Events until everybody has come to the shop of `throng load`: nine visits in twelve are of
/// somebody new, and each has nearly seven events; one more is for chance.
const EVENTS_UNTIL_ALL: u64 = 10;

/// What the caller chose.
#[derive(Debug)]
pub(super) struct Options {
    n_events: u64,
    n_profiles: u64,
    n_rounds: usize,
    binary: Option<PathBuf>,
    peers: Option<PathBuf>,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_events = arguments.value("--events")?.unwrap_or(N_EVENTS_DEFAULT);
        let n_profiles = arguments.value("--profiles")?.unwrap_or(N_PROFILES_DEFAULT);
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        let (binary, peers) = (arguments.value("--binary")?, arguments.value("--peers")?);
        arguments.finish()?;
        if n_events < 2 * EVENTS_EACH || n_profiles == 0 || n_rounds == 0 {
            let message = "--events is at least 100, --profiles and --rounds at least 1";
            return Err(UsageError::new(message.to_owned()));
        }
        Ok(Options { n_events, n_profiles, n_rounds, binary, peers })
    }
}

/// Measures and prints everything.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    say::line(&machine());
    let data = data_folder(place)?;
    let mut steps = Steps::new();
    let (throng, core) = steps.require("build throng and the benchmark", || build(place, options))?;
    let peers = steps.optional("set up the peers", || {
        let kit = find_kit(place, options.peers.as_deref(), "d_stream.py")?;
        Ok((python(place, PACKAGES)?, kit))
    });
    // Without it the peers that need it are left out.
    _ = steps.optional("set up Redis", clients::redis);
    let mut table = CoreTable::default();
    for round_idx in 0..options.n_rounds {
        steps.require(&format!("round {}, the core", round_idx + 1), || {
            let (n_events, n_people) = (options.n_events.to_string(), (options.n_events / EVENTS_EACH).to_string());
            table.note(&process::capture(Command::new(&core).args([n_events, n_people]))?)
        })?;
        let Some((python, kit)) = &peers else { continue };
        for (engine, n_events) in PEERS {
            if table.left_out.contains(&engine) {
                continue;
            }
            let asked = steps.optional(&format!("round {}, {engine}", round_idx + 1), || {
                let mut command = peer(python, kit, &data, "d_stream.py");
                table.note(&process::capture(command.args(["--engine", engine, "--n", n_events]))?)
            });
            if asked.is_none() {
                table.left_out.push(engine);
            }
        }
    }
    let folder = data.join("live");
    let home = steps.require("make a home with personas", || Home::make(&throng, &folder))?;
    serve(&mut steps, &home, options)?;
    say::heading("the core by itself, one thread");
    table.print(options)?;
    say::heading("how long each step took");
    say::line(&steps.summary());
    fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))
}

fn build(place: &Place, options: &Options) -> anyhow::Result<(PathBuf, PathBuf)> {
    let cargo = Cargo::new(&place.root);
    let example = ["--package", "throng-live", "--example", "score_bench"];
    match &options.binary {
        Some(binary) => Ok((binary.clone(), cargo.release(&example, "examples/score_bench")?)),
        None => {
            let core = cargo.release(&example, "examples/score_bench")?;
            let folder = core.parent().and_then(Path::parent).context("the benchmark stands in no target folder")?;
            process::run(&mut cargo.command(&["build", "--release", "--package", "throng"]))?;
            Ok((folder.join(format!("throng{}", std::env::consts::EXE_SUFFIX)), core))
        }
    }
}

/// Measures the server: filling, one by one, and the start after a kill.
fn serve(steps: &mut Steps, home: &Home, options: &Options) -> anyhow::Result<()> {
    let server = steps.require("start the server", || Server::start(home))?;
    let n_profiles = options.n_profiles.to_string();
    let n_events = (options.n_profiles * EVENTS_UNTIL_ALL).to_string();
    steps.require("events in batches of 100, as fast as it goes", || {
        server.load(home, &["--events", &n_events, "--profiles", &n_profiles, "--every", "10"])
    })?;
    steps.require("wait until they are in all profiles", || server.wait_until_applied())?;
    say::line(&server.figures()?);
    steps.require("5,000 events a second one by one, with readers", || {
        let beside = ["--reads", "200", "--until-readable", "100", "--read-key", &home.read_key];
        let alone = ["--rate", "5000", "--batch", "1", "--seconds", "20", "--connections", "64", "--returning"];
        server.load(home, &[&alone[..], &beside, &["--profiles", &n_profiles]].concat())
    })?;
    steps.require("wait until they are in all profiles", || server.wait_until_applied())?;
    say::line(&server.figures()?);
    server.kill()?;
    let server = steps.require("start again after the kill, until it is ready", || Server::start(home))?;
    say::line(&server.figures()?);
    Ok(())
}

/// Events a second of each engine, round by round.
#[derive(Default)]
struct CoreTable {
    rates: Vec<(String, Vec<f64>)>,
    /// The last line of ours.
    own: Option<Line>,
    left_out: Vec<&'static str>,
}

const OWN: &str = "throng";

impl CoreTable {
    fn note(&mut self, output: &str) -> anyhow::Result<()> {
        let line = Line::parse(output)?;
        let (engine, rate) = (line.text("engine")?, line.number("n")? / line.number("seconds")?);
        say::line(&format!("{engine}: {rate:.0} events/s, {:.0} MB", line.number("peak_rss_mb")?));
        if engine == OWN {
            self.own = Some(line);
        }
        match self.rates.iter_mut().find(|(known, _)| *known == engine) {
            Some((_, rates)) => rates.push(rate),
            None => self.rates.push((engine, vec![rate])),
        }
        Ok(())
    }

    fn rows(&self, n_rounds: usize) -> Vec<Vec<String>> {
        let mut head = vec!["events/s".to_owned()];
        head.extend((1..=n_rounds).map(|round| format!("round {round}")));
        head.extend(["median", "ours is so many times as fast"].map(str::to_owned));
        let own = self.rates.iter().find(|(engine, _)| engine == OWN).map(|(_, rates)| rates.as_slice());
        let mut rows = vec![head];
        for (engine, rates) in self.rates.iter().filter(|(_, rates)| rates.len() == n_rounds) {
            let mut row = vec![engine.clone()];
            row.extend(rates.iter().map(|rate| format!("{rate:.0}")));
            row.push(format!("{:.0}", median(rates)));
            // Within a round, for the machine is not the same in all.
            let ratios: Vec<f64> = own.unwrap_or_default().iter().zip(rates).map(|(own, rate)| own / rate).collect();
            row.push(format!("{:.2}", median(&ratios)));
            rows.push(row);
        }
        rows
    }

    fn print(&self, options: &Options) -> anyhow::Result<()> {
        let own = self.own.as_ref().context("ours was not measured")?;
        let figure = |name: &str| own.number(name);
        say::line(&format!(
            "{} events of {} people, {} features, {} personas; peers of {}",
            options.n_events,
            options.n_events / EVENTS_EACH,
            figure("features")?,
            figure("personas")?,
            PEERS.map(|(engine, n_events)| format!("{n_events} ({engine})")).join(", "),
        ));
        say::line(&say::table(&self.rows(options.n_rounds)));
        say::line(&format!(
            "ours in the last round: {} events/s in the first half (histories under 90 days: the ensemble), {} in the \
             second; {} shifts explained; {} bytes a profile by the growth of the resident set, of which {} are counted \
             as histories and states",
            figure("first_half_per_s")?,
            figure("second_half_per_s")?,
            figure("shifts")?,
            figure("bytes_per_profile")?,
            figure("counted_bytes_per_profile")?,
        ));
        if !self.left_out.is_empty() {
            say::line(&format!("left out, see above: {}", self.left_out.join(", ")));
        }
        Ok(())
    }
}

/// Returns what the measurements were made on.
fn machine() -> String {
    let read = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_owned()))
    };
    let unknown = || "unknown".to_owned();
    let model = read("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let memory = read("/proc/meminfo", "MemTotal").unwrap_or_else(unknown);
    let n_processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| unknown());
    format!("machine: {n_processors} x {model}, memory {memory}; load before: {}", load.trim())
}

#[cfg(test)]
mod tests {
    use super::{CoreTable, Options};
    use crate::arguments::Arguments;

    #[test]
    fn options_are_read_and_empty_runs_refused() {
        let parse = |line: &str| {
            Options::parse(Arguments::new(line.split_whitespace().map(str::to_owned).collect()))
                .map(|options| (options.n_events, options.n_profiles, options.n_rounds))
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse("--events 1000 --rounds=1"), Ok((1_000, 200_000, 1)));
        assert_eq!(parse("--profiles 7"), Ok((1_000_000, 7, 3)));
        assert!(parse("--rounds 0").is_err());
        assert!(parse("--profiles 0").is_err());
        assert_eq!(parse("--fast"), Err("\"--fast\" was not expected".to_owned()));
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_what_was_left_out_has_no_row() {
        let mut table = CoreTable::default();
        let line = |engine: &str, seconds: f64| {
            format!(r#"{{"engine": "{engine}", "n": 100, "seconds": {seconds}, "peak_rss_mb": 9}}"#)
        };
        for (engine, seconds) in [("throng", 1.0), ("river", 4.0), ("redis", 2.0), ("throng", 2.0), ("river", 8.0)] {
            table.note(&line(engine, seconds)).unwrap();
        }
        let rows = table.rows(2);
        assert_eq!(rows[1], ["throng", "100", "50", "75", "1.00"]);
        assert_eq!(rows[2], ["river", "25", "12", "19", "4.00"]);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn a_run_without_ours_is_an_error() {
        let options = Options { n_events: 100, n_profiles: 1, n_rounds: 1, binary: None, peers: None };
        assert!(CoreTable::default().print(&options).is_err());
    }
}
