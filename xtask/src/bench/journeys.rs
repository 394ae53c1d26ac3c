//! `cargo xtask bench journeys`: a funnel, the paths and the transitions of events, ours
//! beside `ClickHouse` (chdb), `DuckDB` and Polars in the same run, and a second question
//! over the histories that the first one sorted.
//!
//! Engines take turns and ratios are taken within a round. Answers must be the same.
//! Ours takes events of one profile and one time in the order of the file; the peers sort
//! by time alone and take them as they come. So transitions must agree in number with
//! all of them, and one by one with one at least.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use super::measurement::{Line, median};
use super::{N_ROUNDS_DEFAULT, data_folder, find_kit, peer, python, row, warm};
use crate::arguments::{Arguments, UsageError};
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// What the peer kit's generator and its journey script import.
const PACKAGES: &[&str] = &["chdb", "duckdb", "numpy", "polars", "psutil", "pyarrow"];

/// The issue's size: 10 million events of 200 thousand profiles.
const N_EVENTS_DEFAULT: u64 = 10_000_000;

/// The questions as the kit calls them, and the peers that answer each; of `DuckDB`'s two
/// ways to find paths the quicker one.
const QUESTIONS: [(&str, [&str; 3]); 3] = [
    ("funnel", ["chdb", "duckdb", "polars"]),
    ("paths", ["chdb", "duckdb-argmin", "polars"]),
    ("trans", ["chdb", "duckdb", "polars"]),
];

/// What the numbers include.
const WHAT_IS_MEASURED: &str = "
peers      from the Parquet file to the answer, in one process with two threads
throng s   the same
second s   ours once more with other numbers, over the histories that are sorted already; its share is of throng s";

/// What the caller chose.
#[derive(Debug)]
pub(super) struct Options {
    n_events: u64,
    n_rounds: usize,
    peers: Option<PathBuf>,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_events = arguments.value("--events")?.unwrap_or(N_EVENTS_DEFAULT);
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        let peers = arguments.value("--peers")?;
        arguments.finish()?;
        if n_events == 0 || n_rounds == 0 {
            return Err(UsageError::new("--events and --rounds are at least 1".to_owned()));
        }
        Ok(Options { n_events, n_rounds, peers })
    }
}

/// One answer and what it took.
#[derive(Debug, Clone)]
struct Answer {
    engine: String,
    seconds: f64,
    again_s: Option<f64>,
    peak_mb: f64,
    sums: Value,
}

impl Answer {
    fn parse(output: &str) -> anyhow::Result<Answer> {
        let line = Line::parse(output)?;
        Ok(Answer {
            engine: line.text("engine")?,
            seconds: line.number("seconds")?,
            again_s: line.number("again_s").ok(),
            peak_mb: line.number("peak_rss_mb")?,
            sums: line.member("quality")?,
        })
    }
}

/// One question in one round: the peers' answers and ours.
type Round = (Vec<Answer>, Answer);

/// Measures, prints the tables and fails if any answer differs.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    let kit = find_kit(place, options.peers.as_deref(), "c_funnel.py")?;
    let data = data_folder(place)?;
    let mut steps = Steps::new();
    let program = steps.require("build the benchmark", || {
        // Named together with the binary, the dependencies are those of the demo and the tests.
        let selection =
            ["--package", "throng-engine", "--example", "bench_journeys", "--package", "throng", "--bin", "throng"];
        Cargo::new(&place.root).release(&selection, "examples/bench_journeys")
    })?;
    let python = steps.require("set up the peers", || python(place, PACKAGES))?;
    let peer = |script: &str| peer(&python, &kit, &data, script);
    let n_events = options.n_events.to_string();
    let events = steps.require("make the events", || {
        let printed = process::capture(peer("gen.py").args(["events", &n_events]))?;
        warm(Path::new(printed.trim()))
    })?;
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); QUESTIONS.len()];
    for round_idx in 0..options.n_rounds {
        for ((question, engines), rounds) in QUESTIONS.iter().zip(&mut rounds) {
            let round = steps.require(&format!("round {}, {question}", round_idx + 1), || {
                let theirs = engines.map(|engine| {
                    let mut command = peer("c_funnel.py");
                    command.args(["--engine", engine, "--n", &n_events, "--sub", question]);
                    command
                });
                let mut ours = Command::new(&python);
                ours.arg(place.root.join("xtask/src/bench/journeys.py")).arg(&program);
                ours.arg(&events).arg(question);
                take_turns(round_idx, theirs, ours)
            })?;
            rounds.push(round);
        }
    }
    say::heading("result");
    for ((question, _), rounds) in QUESTIONS.iter().zip(&rounds) {
        report(question, rounds)?;
    }
    say::line(WHAT_IS_MEASURED);
    Ok(())
}

/// Asks every engine; ours goes first in every other round.
fn take_turns<const N: usize>(idx: usize, theirs: [Command; N], mut ours: Command) -> anyhow::Result<Round> {
    let ask = |command: &mut Command| -> anyhow::Result<Answer> {
        let answer = Answer::parse(&process::capture(command)?)?;
        say::line(&format!("{}: {:.3} s, {:.0} MB", answer.engine, answer.seconds, answer.peak_mb));
        Ok(answer)
    };
    let first = if idx.is_multiple_of(2) { None } else { Some(ask(&mut ours)?) };
    let mut answers = Vec::with_capacity(N);
    for mut command in theirs {
        answers.push(ask(&mut command)?);
    }
    let own = first.map_or_else(|| ask(&mut ours), Ok)?;
    Ok((answers, own))
}

fn report(question: &str, rounds: &[Round]) -> anyhow::Result<()> {
    let (first, _) = rounds.first().context("there was no round")?;
    let mut head = vec![question.to_owned()];
    head.extend(first.iter().map(|answer| format!("{} s", answer.engine)));
    head.extend(["throng s", "times as fast", "second s", "its share"].map(str::to_owned));
    let mut rows = vec![head];
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for (idx, (theirs, ours)) in rounds.iter().enumerate() {
        let mut numbers: Vec<f64> = theirs.iter().map(|answer| answer.seconds).collect();
        let fastest = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let again_s = ours.again_s.context("ours was asked a second question")?;
        numbers.extend([ours.seconds, fastest / ours.seconds, again_s, again_s / ours.seconds]);
        rows.push(numbers_row(&format!("round {}", idx + 1), &numbers));
        columns.resize_with(numbers.len(), Vec::new);
        columns.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        for answer in theirs {
            check(question, answer, ours)?;
        }
        if !theirs.iter().any(|answer| answer.sums == ours.sums) {
            bail!("{question}: no peer has quite the same answer as ours, {}", ours.sums);
        }
    }
    let medians: Vec<f64> = columns.iter().map(|column| median(column)).collect();
    rows.push(numbers_row("median", &medians));
    say::line(&say::table(&rows));
    let peak = |answer: &Answer| format!("{} {:.0} MB", answer.engine, answer.peak_mb);
    let peaks: Vec<String> =
        rounds.iter().take(1).flat_map(|(theirs, ours)| theirs.iter().chain([ours])).map(peak).collect();
    say::line(&format!("all answers agree; peak memory: {}\n", peaks.join(", ")));
    Ok(())
}

fn numbers_row(name: &str, numbers: &[f64]) -> Vec<String> {
    let mut cells = row(name, [], 3);
    cells.extend(numbers.iter().map(|number| format!("{number:.3}")));
    cells
}

/// Checks that a peer's answer is ours.
fn check(question: &str, theirs: &Answer, ours: &Answer) -> anyhow::Result<()> {
    let mut names: Vec<&str> = match question {
        "funnel" => vec!["reach"],
        _ => vec!["rows", "total", "first", "md5"],
    };
    if question == "trans" {
        names.retain(|name| *name != "md5");
    }
    for name in names {
        let (their_sum, our_sum) = (theirs.sums.get(name), ours.sums.get(name));
        if their_sum.is_none() || their_sum != our_sum {
            bail!("{question}: {name} of {} is {their_sum:?}, of ours {our_sum:?}", theirs.engine);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Answer, Options, check, report};
    use crate::arguments::Arguments;

    fn answer(engine: &str, md5: &str) -> Answer {
        let line = format!(
            r#"{{"engine": "{engine}", "seconds": 2.0, "again_s": 0.5, "peak_rss_mb": 9, "quality": {{"rows": 2, "total": 7, "first": null, "md5": "{md5}"}}}}"#
        );
        Answer::parse(&line).unwrap()
    }

    #[test]
    fn an_answer_that_differs_is_an_error() {
        check("paths", &answer("duckdb", "aa"), &answer("throng", "aa")).unwrap();
        let error = check("paths", &answer("duckdb", "aa"), &answer("throng", "bb")).unwrap_err().to_string();
        assert!(error.starts_with("paths: md5 of duckdb"), "{error}");
        let error = check("funnel", &answer("duckdb", "aa"), &answer("throng", "aa")).unwrap_err().to_string();
        assert!(error.starts_with("funnel: reach of duckdb is None"), "{error}");
    }

    #[test]
    fn ties_are_forgiven_transitions_where_one_peer_takes_them_as_ours() {
        let ours = answer("throng", "aa");
        report("trans", &[(vec![answer("chdb", "aa"), answer("duckdb", "bb")], ours.clone())]).unwrap();
        let error = report("trans", &[(vec![answer("duckdb", "bb")], ours)]).unwrap_err().to_string();
        assert!(error.starts_with("trans: no peer has quite the same answer"), "{error}");
    }

    #[test]
    fn a_report_needs_a_round() {
        assert!(report("trans", &[]).is_err());
    }

    #[test]
    fn options_are_read_and_empty_runs_refused() {
        let parse = |line: &str| {
            Options::parse(Arguments::new(line.split_whitespace().map(str::to_owned).collect()))
                .map(|options| (options.n_events, options.n_rounds))
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse("--events 1000 --rounds=1"), Ok((1_000, 1)));
        assert_eq!(parse(""), Ok((10_000_000, 3)));
        assert_eq!(parse("--rounds 0"), Err("--events and --rounds are at least 1".to_owned()));
    }
}
