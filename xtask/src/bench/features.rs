//! `cargo xtask bench features`: ours beside DuckDB, in the same run, on the same
//! file, with checksums that must agree.
//!
//! A machine has fast and slow minutes, so engines take turns and the ratio is
//! taken within a round; seconds of one day are never compared with another's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use super::measurement::{Measurement, differences, median};
use super::{N_ROUNDS_DEFAULT, data_folder, find_kit, peer, python, row, warm};
use crate::arguments::{Arguments, UsageError};
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// What the peer kit's generator and its DuckDB script import.
const PACKAGES: &[&str] = &["duckdb", "numpy", "polars", "psutil", "pyarrow"];

/// The size: 10 million events of 200 thousand users.
const N_ROWS_DEFAULT: u64 = 10_000_000;

/// What the caller chose.
pub(super) struct Options {
    n_rows: u64,
    n_rounds: usize,
    peers: Option<PathBuf>,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_rows = arguments.value("--rows")?.unwrap_or(N_ROWS_DEFAULT);
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        let peers = arguments.value("--peers")?;
        arguments.finish()?;
        if n_rows == 0 || n_rounds == 0 {
            return Err(UsageError::new("--rows and --rounds are at least 1".to_owned()));
        }
        Ok(Options { n_rows, n_rounds, peers })
    }
}

/// One round: both engines on the same file, one right after the other.
struct Round {
    peer: Measurement,
    ours: Measurement,
}

/// Measures, prints the table and fails if any checksum differs.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    let kit = find_kit(place, options.peers.as_deref(), "b_features.py")?;
    let data = data_folder(place)?;
    let mut steps = Steps::new();
    let program = steps.require("build the benchmark", || {
        // Named together with the binary, the dependencies are those of the demo and the tests.
        let selection =
            ["--package", "throng-engine", "--example", "bench_features", "--package", "throng", "--bin", "throng"];
        Cargo::new(&place.root).release(&selection, "examples/bench_features")
    })?;
    let python = steps.require("set up the peers", || python(place, PACKAGES))?;
    let peer = |script: &str| peer(&python, &kit, &data, script);
    let events = steps.require("make the events", || {
        let n_rows = options.n_rows.to_string();
        let printed = process::capture(peer("gen.py").args(["events", &n_rows]))?;
        warm(Path::new(printed.trim()))
    })?;
    let mut rounds = Vec::with_capacity(options.n_rounds);
    for idx in 0..options.n_rounds {
        let round = steps.require(&format!("round {}", idx + 1), || {
            let mut theirs = peer("b_features.py");
            theirs.args(["--engine", "duckdb", "--n"]).arg(options.n_rows.to_string());
            let mut ours = Command::new(&program);
            ours.arg("--events").arg(&events);
            ours.arg("--out").arg(data.join("features_throng.parquet"));
            take_turns(idx, &mut theirs, &mut ours)
        })?;
        rounds.push(round);
    }
    say::heading("result");
    report(&rounds)
}

/// Runs both engines; each goes first in every other round, so that neither always
/// finds the machine as the other left it.
fn take_turns(idx: usize, theirs: &mut Command, ours: &mut Command) -> anyhow::Result<Round> {
    let measure = |command: &mut Command| -> anyhow::Result<Measurement> {
        let measurement = Measurement::parse(&process::capture(command)?)?;
        let Measurement { engine, seconds, peak_mb, .. } = &measurement;
        say::line(&format!("{engine}: {seconds:.3} s, {peak_mb:.0} MB"));
        Ok(measurement)
    };
    if idx.is_multiple_of(2) {
        let peer = measure(theirs)?;
        Ok(Round { peer, ours: measure(ours)? })
    } else {
        let ours = measure(ours)?;
        Ok(Round { peer: measure(theirs)?, ours })
    }
}

fn report(rounds: &[Round]) -> anyhow::Result<()> {
    let Some(first) = rounds.first() else { bail!("there was no round") };
    let head = [String::new(), format!("{} s", first.peer.engine), format!("{} s", first.ours.engine)];
    let mut rows = vec![[head.as_slice(), &["times as fast".to_owned()]].concat()];
    for (idx, round) in rounds.iter().enumerate() {
        let (peer, ours) = (round.peer.seconds, round.ours.seconds);
        rows.push(row(&format!("round {}", idx + 1), [peer, ours, peer / ours], 3));
    }
    let of = |pick: fn(&Round) -> f64| rounds.iter().map(pick).collect::<Vec<f64>>();
    let seconds = [of(|round| round.peer.seconds), of(|round| round.ours.seconds)];
    let ratios = of(|round| round.peer.seconds / round.ours.seconds);
    rows.push(row("median", [median(&seconds[0]), median(&seconds[1]), median(&ratios)], 3));
    let peaks = [of(|round| round.peer.peak_mb), of(|round| round.ours.peak_mb)];
    let peaks = peaks.map(|peaks| peaks.into_iter().fold(0.0, f64::max));
    rows.push(row("peak memory MB", peaks, 0));
    say::line(&say::table(&rows));
    let mut n_differing = 0;
    for (idx, round) in rounds.iter().enumerate() {
        let differing = differences(&round.peer, &round.ours);
        if !differing.is_empty() {
            say::heading(&format!("checksums that differ in round {}", idx + 1));
            say::line(&say::table(&differing));
            n_differing += differing.len();
        }
    }
    if n_differing > 0 {
        bail!("{n_differing} checksums differ between the engines");
    }
    say::line(&format!("\nall {} checksums agree in every round", first.peer.checksums.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Measurement, Round, report};

    fn round(peer_rows: f64, our_rows: f64) -> Round {
        let measurement = |engine: &str, rows: f64| Measurement {
            engine: engine.to_owned(),
            seconds: 2.0,
            peak_mb: 100.0,
            checksums: [("rows".to_owned(), rows)].into(),
        };
        Round { peer: measurement("duckdb", peer_rows), ours: measurement("throng", our_rows) }
    }

    #[test]
    fn equal_checksums_pass() {
        report(&[round(5.0, 5.0), round(5.0, 5.0)]).unwrap();
    }

    #[test]
    fn one_differing_round_fails_the_command() {
        let error = report(&[round(5.0, 5.0), round(5.0, 6.0)]).unwrap_err();
        assert_eq!(error.to_string(), "1 checksums differ between the engines");
    }
}
