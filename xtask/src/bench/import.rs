//! `cargo xtask bench import`: files into a home, beside DuckDB reading the same
//! files in the same run, with row counts and sums that must agree.
//!
//! The files are the peer kit's Segment messages, and a CSV of the same events. Each
//! run is a process of its own; the engines take turns and ratios are taken within a
//! round, because a machine has fast and slow minutes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::measurement::{Line, Measurement, differences, median};
use super::{N_ROUNDS_DEFAULT, data_folder, find_kit, peer, python, warm};
use crate::arguments::{Arguments, UsageError};
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// What the kit's generator and our own script import.
const PACKAGES: &[&str] = &["duckdb", "numpy"];

/// The issue's size: about 740 MB of NDJSON.
const N_EVENTS_DEFAULT: u64 = 1_000_000;

/// Threads for either engine, so that a ratio means the same on larger machines.
const N_THREADS: &str = "2";

/// The issue's aim, as a share of the speed at which DuckDB fills a table.
const SPEED_AIM: f64 = 0.5;

/// What each engine's numbers include.
const WHAT_IS_MEASURED: &str = "
throng          the whole process: start, reading, admission, each event once, the lake written as Delta
DuckDB table    the statement alone: CREATE TABLE t AS SELECT * FROM the file, into memory, types found by DuckDB
DuckDB Parquet  the statement alone: COPY (SELECT * FROM the file) TO a Parquet file with Snappy
times …         DuckDB's seconds over throng's in the same round: 1 is as fast, 0.5 half as fast;
                the same of processor seconds is less disturbed by what else the machine does
processor s     user and system seconds of all threads; processors: how many were busy on average
peak MB         the largest resident memory of the process, Python's own for DuckDB included
All have 2 threads and the file in the machine's cache; CSV is read with a mapping that keeps every column.";

/// What the caller chose.
#[derive(Debug)]
pub(super) struct Options {
    n_events: u64,
    n_rounds: usize,
    binary: Option<PathBuf>,
    peers: Option<PathBuf>,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_events = arguments.value("--events")?.unwrap_or(N_EVENTS_DEFAULT);
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        let binary = arguments.value("--binary")?;
        let peers = arguments.value("--peers")?;
        arguments.finish()?;
        if n_events == 0 || n_rounds == 0 {
            return Err(UsageError::new("--events and --rounds are at least 1".to_owned()));
        }
        Ok(Options { n_events, n_rounds, binary, peers })
    }
}

/// Who reads the file, and into what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Throng,
    DuckdbTable,
    DuckdbParquet,
}

impl Engine {
    /// All of them, in the order of a [`Round`].
    const ALL: [Engine; 3] = [Engine::Throng, Engine::DuckdbTable, Engine::DuckdbParquet];

    fn name(self) -> &'static str {
        match self {
            Engine::Throng => "throng",
            Engine::DuckdbTable => "DuckDB table",
            Engine::DuckdbParquet => "DuckDB Parquet",
        }
    }
}

/// The events in one form.
struct Input {
    name: &'static str,
    /// What `throng import` calls the form.
    form: &'static str,
    file: PathBuf,
    mapping: Option<PathBuf>,
}

/// What one process took and made.
#[derive(Debug)]
struct Run {
    measurement: Measurement,
    processor_s: f64,
    output_mb: f64,
}

/// One run of each of [`Engine::ALL`], in that order.
type Round = [Run; 3];

/// The programs and folders of all runs.
struct Bench {
    binary: PathBuf,
    python: PathBuf,
    script: PathBuf,
    data: PathBuf,
}

/// Measures, prints the tables and fails if the engines read different rows.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    if !cfg!(unix) {
        bail!("processor seconds and memory are measured as Unix tells them: run it on Linux or macOS");
    }
    let kit = find_kit(place, options.peers.as_deref(), "gen.py")?;
    let data = data_folder(place)?;
    let mut steps = Steps::new();
    let binary = match &options.binary {
        Some(binary) => {
            let found = binary.canonicalize().ok().filter(|path| path.is_file());
            found.with_context(|| format!("there is no program {}: name throng with --binary", binary.display()))?
        }
        None => {
            let release = || Cargo::new(&place.root).release(&["--package", "throng"], "throng");
            steps.require("build throng", release)?
        }
    };
    let python = steps.require("set up the peers", || python(place, PACKAGES))?;
    let bench = Bench { binary, python, script: place.root.join("xtask/src/bench/import.py"), data };
    let inputs = steps.require("make the events", || make_inputs(place, options, &bench, &kit))?;
    let mut measured = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let mut rounds = Vec::with_capacity(options.n_rounds);
        for idx in 0..options.n_rounds {
            let name = format!("{}, round {}", input.name, idx + 1);
            rounds.push(steps.require(&name, || take_turns(idx, |engine| bench.measure(engine, input)))?);
        }
        measured.push((input, rounds));
    }
    let mut n_differing = 0;
    for (input, rounds) in &measured {
        let file = fs::metadata(&input.file).with_context(|| format!("cannot look at {}", input.file.display()))?;
        let size = Size { n_events: exact(options.n_events)?, file_mb: exact(file.len() / 1_000)? / 1e3 };
        say::heading(&format!("{}: {} events, {:.0} MB", input.name, options.n_events, size.file_mb));
        say::line(&report(rounds, size));
        let differing = disagreements(rounds, size.n_events);
        if !differing.is_empty() {
            say::heading(&format!("{}: what the engines disagree on", input.name));
            say::line(&say::table(&differing));
        }
        n_differing += differing.len();
    }
    say::line(WHAT_IS_MEASURED);
    if n_differing > 0 {
        bail!("{n_differing} counts or sums differ between the engines");
    }
    say::line("\nrow counts and sums of price and quantity agree in every round");
    Ok(())
}

/// Makes the two files, or finds them made, and reads each once.
fn make_inputs(place: &Place, options: &Options, bench: &Bench, kit: &Path) -> anyhow::Result<[Input; 2]> {
    let mut generator = peer(&bench.python, kit, &bench.data, "gen.py");
    let printed = process::capture(generator.arg("ndjson").arg(options.n_events.to_string()))?;
    let messages = PathBuf::from(printed.trim());
    let table = messages.with_extension("csv");
    if !table.is_file() {
        let mut write = bench.script("csv");
        process::capture(write.arg(&messages).arg(&table))?;
    }
    let mapping = place.root.join("xtask/src/bench/import.toml");
    Ok([
        Input { name: "NDJSON", form: "segment", file: warm(&messages)?, mapping: None },
        Input { name: "CSV", form: "table", file: warm(&table)?, mapping: Some(mapping) },
    ])
}

impl Bench {
    fn script(&self, mode: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(mode);
        command
    }

    /// Runs `engine` on `input` in a process of its own.
    fn measure(&self, engine: Engine, input: &Input) -> anyhow::Result<Run> {
        let mut command = match engine {
            Engine::Throng => {
                let home = self.data.join("import_home");
                if home.exists() {
                    fs::remove_dir_all(&home).with_context(|| format!("cannot delete {}", home.display()))?;
                }
                let mut command = self.script("throng");
                command.arg(&self.binary).arg(N_THREADS).arg(home).arg(input.form).arg(&input.file);
                command.args(&input.mapping);
                command
            }
            Engine::DuckdbTable => {
                let mut command = self.script("duckdb-table");
                command.arg(N_THREADS).arg(&input.file);
                command
            }
            Engine::DuckdbParquet => {
                let mut command = self.script("duckdb-parquet");
                command.arg(N_THREADS).arg(&input.file).arg(self.data.join("import_duckdb.parquet"));
                command
            }
        };
        let run = Run::parse(&process::capture(&mut command)?)?;
        let Measurement { seconds, peak_mb, .. } = &run.measurement;
        let processor_s = run.processor_s;
        say::line(&format!("{}: {seconds:.2} s, processor {processor_s:.2} s, {peak_mb:.0} MB", engine.name()));
        Ok(run)
    }
}

impl Run {
    fn parse(output: &str) -> anyhow::Result<Run> {
        let line = Line::parse(output)?;
        Ok(Run {
            measurement: Measurement::of(&line)?,
            processor_s: line.number("processor_s")?,
            output_mb: line.number("output_mb")?,
        })
    }
}

/// Runs every engine once; each goes first in every third round, so that none always
/// finds the machine as the same other one left it.
fn take_turns(idx: usize, mut measure: impl FnMut(Engine) -> anyhow::Result<Run>) -> anyhow::Result<Round> {
    let [a, b, c] = Engine::ALL;
    Ok(match idx % 3 {
        0 => [measure(a)?, measure(b)?, measure(c)?],
        1 => {
            let (b, c) = (measure(b)?, measure(c)?);
            [measure(a)?, b, c]
        }
        _ => {
            let c = measure(c)?;
            [measure(a)?, measure(b)?, c]
        }
    })
}

/// How much the engines were given to read.
#[derive(Clone, Copy)]
struct Size {
    n_events: f64,
    file_mb: f64,
}

/// Returns the seconds of every round with their ratios, then what each engine used,
/// as medians over the rounds.
fn report(rounds: &[Round], size: Size) -> String {
    let head =
        ["", "throng s", "DuckDB table s", "DuckDB Parquet s", "times table", "times Parquet", "processor times table"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut columns: [Vec<f64>; 6] = Default::default();
    for (idx, round) in rounds.iter().enumerate() {
        let [ours, table, parquet] = round.each_ref().map(|run| run.measurement.seconds);
        let [our_processor, processor, _] = round.each_ref().map(|run| run.processor_s);
        let values = [ours, table, parquet, table / ours, parquet / ours, processor / our_processor];
        rows.push(super::row(&format!("round {}", idx + 1), values, 2));
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    let medians = columns.map(|column| median(&column));
    rows.push(super::row("median", medians, 2));
    let speed = medians[3];
    let verdict = if speed >= SPEED_AIM { "reached" } else { "missed" };
    format!(
        "{}\n\n{}\n\n{speed:.2} of the speed at which DuckDB fills a table; the aim, {SPEED_AIM}, is {verdict}",
        say::table(&rows),
        say::table(&used(rounds, size))
    )
}

fn used(rounds: &[Round], size: Size) -> Vec<Vec<String>> {
    let head = ["median", "rows/s", "MB/s", "processor s", "processors", "peak MB", "output MB"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (idx, engine) in Engine::ALL.into_iter().enumerate() {
        let of = |pick: fn(&Run) -> f64| median(&rounds.iter().map(|round| pick(&round[idx])).collect::<Vec<f64>>());
        let seconds = of(|run| run.measurement.seconds);
        rows.push(vec![
            engine.name().to_owned(),
            format!("{:.0}", size.n_events / seconds),
            format!("{:.1}", size.file_mb / seconds),
            format!("{:.2}", of(|run| run.processor_s)),
            format!("{:.2}", of(|run| run.processor_s / run.measurement.seconds)),
            format!("{:.0}", of(|run| run.measurement.peak_mb)),
            format!("{:.1}", of(|run| run.output_mb)),
        ]);
    }
    rows
}

/// Returns a row (round, engine, what, expected, got) for each sum that differs from
/// DuckDB's table and for each count that is not that of the events.
fn disagreements(rounds: &[Round], n_events: f64) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (idx, round) in rounds.iter().enumerate() {
        let [_, reference, _] = round;
        for (engine, run) in Engine::ALL.into_iter().zip(round) {
            let place = [format!("round {}", idx + 1), engine.name().to_owned()];
            let n_rows = run.measurement.checksums.get("n_rows").copied();
            if n_rows != Some(n_events) {
                let got = n_rows.map_or("missing".to_owned(), |n| n.to_string());
                rows.push([place.as_slice(), &["events".to_owned(), n_events.to_string(), got]].concat());
            }
            let differing = differences(&reference.measurement, &run.measurement);
            rows.extend(differing.into_iter().map(|row| [place.as_slice(), &row].concat()));
        }
    }
    rows
}

/// Returns `n` as a float, of which every count that is taken here is one.
fn exact(n: u64) -> anyhow::Result<f64> {
    let small = u32::try_from(n).with_context(|| format!("{n} is more than this benchmark counts"))?;
    Ok(f64::from(small))
}

#[cfg(test)]
mod tests {
    use super::{Engine, Options, Round, Run, Size, disagreements, report, take_turns};
    use crate::arguments::Arguments;

    const LINE: &str = r#"{"engine": "duckdb", "seconds": 2, "processor_s": 3, "peak_rss_mb": 90, "output_mb": 7.5, "quality": {"n_rows": 100, "price": 12.5}}"#;

    fn round(throng: &str) -> Round {
        [throng, LINE, LINE].map(|line| Run::parse(line).unwrap())
    }

    #[test]
    fn report_takes_ratios_within_a_round_and_their_median() {
        let ours = |s: u32| {
            LINE.replace("\"seconds\": 2, \"processor_s\": 3", &format!("\"seconds\": {s}, \"processor_s\": 5"))
        };
        let rounds = [4, 2, 8].map(|s| round(&ours(s)));
        let text = report(&rounds, Size { n_events: 100.0, file_mb: 10.0 });
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[3], ["round", "3", "8.00", "2.00", "2.00", "0.25", "0.25", "0.60"]);
        assert_eq!(lines[4], ["median", "4.00", "2.00", "2.00", "0.50", "0.50", "0.60"]);
        assert_eq!(lines[7], ["throng", "25", "2.5", "5.00", "1.25", "90", "7.5"]);
        assert!(text.ends_with("0.50 of the speed at which DuckDB fills a table; the aim, 0.5, is reached"), "{text}");
    }

    #[test]
    fn missed_aim_is_said() {
        let rounds = [round(&LINE.replace("\"seconds\": 2", "\"seconds\": 5"))];
        let text = report(&rounds, Size { n_events: 100.0, file_mb: 10.0 });
        assert!(text.ends_with("0.40 of the speed at which DuckDB fills a table; the aim, 0.5, is missed"), "{text}");
    }

    #[test]
    fn lost_events_and_other_sums_are_disagreements() {
        fn check(throng: &str, n_events: f64, expected: &[[&str; 5]]) {
            assert_eq!(disagreements(&[round(throng)], n_events), expected.to_vec(), "{throng}");
        }
        check(LINE, 100.0, &[]);
        check(&LINE.replace("12.5", "12.7"), 100.0, &[["round 1", "throng", "price", "12.5", "12.7"]]);
        check(
            &LINE.replace("\"n_rows\": 100", "\"n_rows\": 99"),
            100.0,
            &[["round 1", "throng", "events", "100", "99"], ["round 1", "throng", "n_rows", "100", "99"]],
        );
        let all = Engine::ALL.map(|engine| ["round 1", engine.name(), "events", "101", "100"]);
        check(LINE, 101.0, &all);
    }

    #[test]
    fn line_without_processor_seconds_is_refused() {
        let error = Run::parse(&LINE.replace("processor_s", "cpu")).unwrap_err().to_string();
        assert!(error.starts_with("no number \"processor_s\""), "{error}");
    }

    #[test]
    fn every_engine_goes_first_in_turn_and_keeps_its_place() {
        let mut firsts = Vec::new();
        for idx in 0..3 {
            let mut order = Vec::new();
            let round = take_turns(idx, |engine| {
                order.push(engine);
                Run::parse(&LINE.replace("duckdb", engine.name()))
            });
            let names = round.unwrap().map(|run| run.measurement.engine);
            assert_eq!(names, Engine::ALL.map(|engine| engine.name().to_owned()));
            firsts.push(order[0]);
        }
        assert_eq!(firsts, Engine::ALL);
    }

    #[test]
    fn options_are_read_and_empty_runs_refused() {
        let parse = |line: &str| {
            Options::parse(Arguments::new(line.split_whitespace().map(str::to_owned).collect()))
                .map_err(|error| error.to_string())
        };
        let options = parse("--rounds 1 --events=20 --binary ./throng").unwrap();
        assert_eq!((options.n_events, options.n_rounds), (20, 1));
        assert_eq!(options.binary.unwrap().to_str(), Some("./throng"));
        assert_eq!(parse("").unwrap().n_events, 1_000_000);
        assert_eq!(parse("--rounds 0").unwrap_err(), "--events and --rounds are at least 1");
        assert_eq!(parse("--rows 5").unwrap_err(), "\"--rows\" was not expected");
    }
}
