//! `cargo xtask`: the project's own commands, so that a newcomer, a developer and
//! the continuous build all run the same thing.
//!
//! Nothing here is part of the product. Each command is one file; a command is a
//! list of steps whose names and durations are printed.

mod arguments;
mod bench;
mod clients;
mod dashboard;
mod demo;
mod lint;
mod place;
mod process;
mod python;
mod say;
mod steps;
mod test_run;
mod tidy;

use std::process::ExitCode;

use arguments::{Arguments, UsageError};
use place::Place;

const USAGE: &str = "\
cargo xtask COMMAND

  demo [--simulated] [--keep-home]
        builds throng, imports a year of household shopping, finds the personas
        and writes a report
          --simulated   simulated customers instead of the public data set
          --keep-home   goes on with the home of the last demo
  test  tidy, fmt, clippy and every test, with what the tests need installed
  bench features [--rows N] [--rounds N] [--peers DIR]
        28 features of N events (10000000), beside DuckDB in the same run
          --rounds N    how often each engine runs (3)
          --peers DIR   the peer benchmark kit (or THRONG_BENCH_PEERS)
  bench import [--events N] [--rounds N] [--binary FILE] [--peers DIR]
        N Segment messages (1000000), as NDJSON and as CSV, into a new home: time,
        memory and size, beside DuckDB reading the same files in the same run
          --rounds N     how often each engine runs (3)
          --binary FILE  this throng, instead of building one
          --peers DIR    the peer benchmark kit (or THRONG_BENCH_PEERS)
  bench identity [--events N] [--rounds N]
        who is who in N/10, 3N/10 and N events (10000000, of 3 million identities):
        time, memory, and how both grow
          --rounds N    how often each size runs (3)
  bench discovery [--rounds N] [--only PART] [--peers DIR]
        k-means on 100 thousand and a million rows, the choice of the number of
        clusters and the mixture, beside scikit-learn, its Intel extension and faiss
          --rounds N    how often each engine runs (3)
          --only PART   k-means, seeding, selection or mixture
          --peers DIR   the peer benchmark kit (or THRONG_BENCH_PEERS)
  bench journeys [--events N] [--rounds N] [--peers DIR]
        a funnel, the paths and the transitions of N events (10000000), beside
        ClickHouse (chdb), DuckDB and Polars, and a second question over the same histories
          --rounds N    how often each engine answers (3)
          --peers DIR   the peer benchmark kit (or THRONG_BENCH_PEERS)
  bench live [--events N] [--profiles N] [--rounds N] [--binary FILE] [--peers DIR]
        the core of a server on N events (1000000), beside a Python dict, river and Redis;
        a server with N profiles (200000) under throng load; the start after a kill
          --rounds N     how often each core runs (3)
          --binary FILE  this throng, instead of building one
          --peers DIR    the peer benchmark kit (or THRONG_BENCH_PEERS)
  lint  fmt --check, clippy with warnings denied, tidy
  tidy  the rules of STYLE.md that a machine can check
";

/// The command was not understood, as opposed to having failed.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let outcome = Place::find().and_then(|place| dispatch(&place));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<UsageError>() => {
            say::fault(&format!("{error:#}\n\n{USAGE}"));
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            say::fault(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(place: &Place) -> anyhow::Result<()> {
    let mut arguments = Arguments::new(std::env::args().skip(1).collect());
    match arguments.word().as_deref() {
        Some("demo") => demo::run(place, &demo::Options::parse(arguments)?),
        Some("test") => {
            arguments.finish()?;
            test_run::run(place)
        }
        Some("bench") => bench::run(place, arguments),
        Some("lint") => {
            arguments.finish()?;
            lint::run(place)
        }
        Some("tidy") => {
            arguments.finish()?;
            tidy::run(place)
        }
        Some("help" | "--help" | "-h") => {
            say::line(USAGE.trim_end());
            Ok(())
        }
        Some(other) => Err(UsageError::new(format!("there is no command {other:?}")).into()),
        None => Err(UsageError::new("a command is missing".to_owned()).into()),
    }
}
