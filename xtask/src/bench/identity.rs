//! `cargo xtask bench identity`: who is who, at three sizes and in two orders of
//! arrival, and how time and memory grow from one size to the next.
//!
//! The events are made by `crates/profile/examples/identity_bench.rs`; each size is a
//! process of its own, because the peak of memory is the process's.

use std::process::Command;

use anyhow::bail;

use super::measurement::{Line, median};
use super::{N_ROUNDS_DEFAULT, row};
use crate::arguments::{Arguments, UsageError};
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// The issue's size: 10 million events of 3 million identities.
const N_EVENTS_DEFAULT: u64 = 10_000_000;

/// Below this the smallest size is over before a hundredth of a second is.
const N_EVENTS_MIN: u64 = 1_000_000;

/// The sizes, as tenths of the largest.
const TENTHS: [u64; 3] = [1, 3, 10];

/// The orders of arrival, as the example calls them, and what they are.
const ORDERS: [(&str, &str); 2] = [
    ("lake", "as in the lake: a person's events of a day lie together"),
    ("scattered", "scattered: every event is somebody else's, the worst for a machine's caches"),
];

/// What the numbers include.
const WHAT_IS_MEASURED: &str = "
fold s      the events' ids become nodes and links of the graph; the seconds of making the events are taken off
resolve s   the links, sorted by priority, become profiles; look up s: the profile of every event is found again
all s       the three together, seconds of the processor, on one thread
graph MB    the peak of memory after the fold; peak MB: after resolving, the graph still held
growth      a size over the one before it; linear is as much as the events";

/// What the caller chose.
#[derive(Debug)]
pub(super) struct Options {
    n_events: u64,
    n_rounds: usize,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_events = arguments.value("--events")?.unwrap_or(N_EVENTS_DEFAULT);
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        arguments.finish()?;
        if n_events < N_EVENTS_MIN || n_rounds == 0 {
            return Err(UsageError::new(format!("--events is at least {N_EVENTS_MIN}, --rounds at least 1")));
        }
        Ok(Options { n_events, n_rounds })
    }
}

/// What one size took; the counts are those of the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    n_events: f64,
    n_identities: f64,
    n_links: f64,
    n_profiles: f64,
    fold_s: f64,
    resolve_s: f64,
    look_up_s: f64,
    graph_mb: f64,
    peak_mb: f64,
}

impl Point {
    fn parse(output: &str) -> anyhow::Result<Point> {
        let line = Line::parse(output)?;
        Ok(Point {
            n_events: line.number("events")?,
            n_identities: line.number("identities")?,
            n_links: line.number("links")?,
            n_profiles: line.number("profiles")?,
            fold_s: line.number("fold_s")?,
            resolve_s: line.number("resolve_s")?,
            look_up_s: line.number("look_up_s")?,
            graph_mb: line.number("graph_mb")?,
            peak_mb: line.number("peak_mb")?,
        })
    }

    fn seconds(&self) -> f64 {
        self.fold_s + self.resolve_s + self.look_up_s
    }

    fn counts(&self) -> [f64; 4] {
        [self.n_events, self.n_identities, self.n_links, self.n_profiles]
    }
}

/// Measures and prints a table for each order.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("processor seconds and memory are read from /proc: run it on Linux");
    }
    let mut steps = Steps::new();
    let program = steps.require("build the benchmark", || {
        let selection = ["--package", "throng-profile", "--example", "identity_bench"];
        Cargo::new(&place.root).release(&selection, "examples/identity_bench")
    })?;
    let mut rounds = Vec::with_capacity(options.n_rounds);
    for idx in 0..options.n_rounds {
        let round = steps.require(&format!("round {}", idx + 1), || {
            let sizes = TENTHS.map(|tenths| options.n_events / 10 * tenths);
            let mut orders = Vec::with_capacity(ORDERS.len());
            for (order, _) in ORDERS {
                let mut points = Vec::with_capacity(sizes.len());
                for n_events in sizes {
                    let output = process::capture(Command::new(&program).arg(n_events.to_string()).arg(order))?;
                    say::line(output.trim_end());
                    points.push(Point::parse(&output)?);
                }
                orders.push(points);
            }
            Ok(orders)
        })?;
        rounds.push(round);
    }
    for (order_idx, (_, description)) in ORDERS.into_iter().enumerate() {
        let mut points = Vec::with_capacity(TENTHS.len());
        for size_idx in 0..TENTHS.len() {
            let repeated: Vec<Point> = rounds.iter().map(|round| round[order_idx][size_idx]).collect();
            points.push(middle(&repeated)?);
        }
        say::heading(description);
        say::line(&report(&points));
    }
    say::line(WHAT_IS_MEASURED);
    Ok(())
}

/// Returns the median of each number over the rounds, whose counts must be the same.
#[expect(clippy::float_cmp, reason = "counts are read as they were written")]
fn middle(rounds: &[Point]) -> anyhow::Result<Point> {
    let Some(first) = rounds.first() else { bail!("there was no round") };
    if let Some(other) = rounds.iter().find(|point| point.counts() != first.counts()) {
        bail!("the same events gave {:?} and then {:?}", first.counts(), other.counts());
    }
    let of = |pick: fn(&Point) -> f64| median(&rounds.iter().map(pick).collect::<Vec<f64>>());
    Ok(Point {
        fold_s: of(|point| point.fold_s),
        resolve_s: of(|point| point.resolve_s),
        look_up_s: of(|point| point.look_up_s),
        graph_mb: of(|point| point.graph_mb),
        peak_mb: of(|point| point.peak_mb),
        ..*first
    })
}

/// Returns the sizes one below the other, and below them how each grew from the last.
fn report(points: &[Point]) -> String {
    let head = [
        "events",
        "identities",
        "links",
        "profiles",
        "fold s",
        "resolve s",
        "look up s",
        "all s",
        "graph MB",
        "peak MB",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for point in points {
        let mut cells = point.counts().map(|count| format!("{count:.0}")).to_vec();
        let seconds = [point.fold_s, point.resolve_s, point.look_up_s, point.seconds()];
        cells.extend(seconds.map(|seconds| format!("{seconds:.2}")));
        cells.extend([point.graph_mb, point.peak_mb].map(|mb| format!("{mb:.0}")));
        rows.push(cells);
    }
    let head = ["growth", "events", "identities", "all s", "peak MB", "µs an event", "bytes an identity"];
    let mut growth = vec![head.map(str::to_owned).to_vec()];
    for (idx, point) in points.iter().enumerate() {
        let name = format!("to {:.1} M", point.n_events / 1e6);
        let mut cells = match idx.checked_sub(1).map(|former| points[former]) {
            None => [name.as_str(), "", "", "", ""].map(str::to_owned).to_vec(),
            Some(former) => row(
                &name,
                [
                    point.n_events / former.n_events,
                    point.n_identities / former.n_identities,
                    point.seconds() / former.seconds(),
                    point.peak_mb / former.peak_mb,
                ],
                2,
            ),
        };
        cells.push(format!("{:.2}", point.seconds() / point.n_events * 1e6));
        cells.push(format!("{:.0}", point.peak_mb * f64::from(1 << 20) / point.n_identities));
        growth.push(cells);
    }
    format!("{}\n\n{}", say::table(&rows), say::table(&growth))
}

#[cfg(test)]
mod tests {
    use super::{Options, Point, middle, report};
    use crate::arguments::Arguments;

    const LINE: &str = r#"{"events":1000000,"order":"Lake","identities":300000,"links":120000,"profiles":160000,"shared":1,"refused":2,"generate_s":0.03,"fold_s":0.2,"resolve_s":0.1,"look_up_s":0.1,"graph_mb":30,"peak_mb":50}"#;

    #[test]
    fn growth_is_a_size_over_the_one_before() {
        let small = Point::parse(LINE).unwrap();
        let large = Point { n_events: 3e6, n_identities: 6e5, fold_s: 0.8, peak_mb: 100.0, ..small };
        let text = report(&[small, large]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][..4], ["1000000", "300000", "120000", "160000"]);
        assert_eq!(lines[1][4..], ["0.20", "0.10", "0.10", "0.40", "30", "50"]);
        assert_eq!(lines[5], ["to", "1.0", "M", "0.40", "175"]);
        assert_eq!(lines[6], ["to", "3.0", "M", "3.00", "2.00", "2.50", "2.00", "0.33", "175"]);
    }

    #[test]
    fn middle_takes_the_median_of_each_number() {
        let point = Point::parse(LINE).unwrap();
        let rounds = [Point { fold_s: 0.9, ..point }, Point { resolve_s: 0.9, ..point }, point];
        assert_eq!(middle(&rounds).unwrap(), point);
    }

    #[test]
    fn other_counts_from_the_same_events_are_an_error() {
        let point = Point::parse(LINE).unwrap();
        let error = middle(&[point, Point { n_profiles: 1.0, ..point }]).unwrap_err().to_string();
        assert!(error.starts_with("the same events gave"), "{error}");
    }

    #[test]
    fn options_are_read_and_small_runs_refused() {
        let parse = |line: &str| {
            Options::parse(Arguments::new(line.split_whitespace().map(str::to_owned).collect()))
                .map(|options| (options.n_events, options.n_rounds))
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse("--events 2000000 --rounds=1"), Ok((2_000_000, 1)));
        assert_eq!(parse(""), Ok((10_000_000, 3)));
        let refusal = Err("--events is at least 1000000, --rounds at least 1".to_owned());
        assert_eq!(parse("--events 999999"), refusal);
        assert_eq!(parse("--rounds 0"), refusal);
    }
}
