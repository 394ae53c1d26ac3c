//! The journey benchmark's own line: one question over a Parquet file of events, as
//! `cargo xtask bench journeys` asks it of ours and of its peers, and then a second
//! question over the same histories.
//!
//! Prints one JSON line: seconds from the file to the answer, the parts of it, the seconds
//! of the second question, peak memory, and the answer's rows. An event's id is its row.
#![expect(clippy::print_stdout, reason = "the line is the result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails where it stands")]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use throng_engine::histories_of_parquet;
use throng_journey::{
    Cut, Entries, FunnelOptions, PathOptions, Repeats, Scope, State, StepOrder, View, Window, funnel, paths,
    transitions,
};

const GAP_US: i64 = 1_800_000_000;
const DAY_US: i64 = 86_400_000_000;
const STEPS: [&str; 4] = ["product_view", "add_to_cart", "checkout", "purchase"];
const CUT: Cut<'static> = Cut { scope: Scope::Session { gap_us: GAP_US }, repeats: Repeats::Keep };

/// Steps of a path that the kit tells apart, and the paths that it lists.
const STEPS_MAX: usize = 6;
const TOP: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [events, question] = arguments.as_slice() else {
        panic!("usage: bench_journeys EVENTS.parquet funnel|paths|trans");
    };
    let started = Instant::now();
    let histories = histories_of_parquet(Path::new(events)).unwrap();
    let sorted = started.elapsed().as_secs_f64();
    let view = histories.all();
    let rows = answer(&view, question, 7);
    let seconds = started.elapsed().as_secs_f64();
    let peak = peak_memory_mb();
    let again = Instant::now();
    let other_rows = answer(&view, question, 1);
    let again_seconds = again.elapsed().as_secs_f64();
    assert_eq!(rows.is_empty(), other_rows.is_empty(), "the second question has an answer as the first has");
    println!(
        "{{\"engine\": \"throng\", \"n\": {}, \"seconds\": {seconds:.6}, \"sorted_s\": {sorted:.6}, \
         \"question_s\": {:.6}, \"again_s\": {again_seconds:.6}, \"peak_rss_mb\": {peak:.1}, \"rows\": [{}]}}",
        histories.n_events(),
        seconds - sorted,
        rows.join(", ")
    );
}

/// Returns the rows of an answer as JSON; the second question asks with another number
/// of days, steps or minutes.
fn answer(view: &View<'_>, question: &str, days: i64) -> Vec<String> {
    match question {
        "funnel" => funnel_rows(view, days * DAY_US),
        "paths" => path_rows(view, STEPS_MAX.min(usize::try_from(days).unwrap())),
        "trans" => transition_rows(view, Cut { scope: Scope::Session { gap_us: GAP_US / 7 * days }, ..CUT }),
        other => panic!("there is no question {other:?}"),
    }
}

fn funnel_rows(view: &View<'_>, window_us: i64) -> Vec<String> {
    let steps = STEPS.map(|name| vec![view.histories().label(name).unwrap()]).to_vec();
    let window = Window::Clock { window_us };
    let options =
        FunnelOptions { steps, order: StepOrder::Ordered, window, exclusions: Vec::new(), entries: Entries::Once };
    funnel(view, &options).steps.iter().map(|step| step.n_profiles.to_string()).collect()
}

/// The kit does not tell whether a path of six steps goes on; ours does, so that the two
/// are put together, from so many that none of the first twenty can be missing.
fn path_rows(view: &View<'_>, steps_max: usize) -> Vec<String> {
    let options = PathOptions { cut: CUT, steps_max, top: 2_000, goal: &[] };
    let found = paths(view, &options);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for path in &found.paths {
        let names: Vec<&str> = path.labels.iter().map(|label| view.histories().name(*label)).collect();
        *counts.entry(names.join(">")).or_default() += path.n_sessions;
    }
    let mut ranked: Vec<(String, u64)> = counts.into_iter().collect();
    // By name already, and the sort is stable.
    ranked.sort_by_key(|(_, n_sessions)| Reverse(*n_sessions));
    ranked.truncate(TOP);
    if found.remainder.n_paths > 0 {
        let least = found.paths.last().map_or(0, |path| path.n_sessions);
        assert!(2 * least < ranked[TOP - 1].1, "a path that was not listed may belong to the first twenty");
    }
    ranked.into_iter().map(|(path, n_sessions)| format!("[\"{path}\", {n_sessions}]")).collect()
}

fn transition_rows(view: &View<'_>, cut: Cut<'_>) -> Vec<String> {
    let name = |label: u32| view.histories().name(label);
    let mut rows = Vec::new();
    for transition in transitions(view, cut).transitions {
        if let (State::Label(from), State::Label(to)) = (transition.from, transition.to) {
            rows.push(format!("[\"{}\", \"{}\", {}]", name(from), name(to), transition.n_transitions));
        }
    }
    rows
}

fn peak_memory_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
