//! A server that is killed at random moments: what it acknowledged is there, once, and
//! everybody's features are those of the events that are there.
//!
//! The test starts itself again as the server that is killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use throng_event::Event;
use throng_live::{Decided, Offset, Record, Submission};
use throng_testkit::random_events;

use crate::parity::{batch, days, live};
use crate::sample::{RUNTIME, open};

/// Where the server that is killed keeps its log; set for it alone.
const FOLDER: &str = "THRONG_TEST_CRASH_FOLDER";
const N_KILLS: u64 = 50;
/// Events of one server's life.
const N_EVENTS: usize = 400;

fn history() -> Vec<Event> {
    random_events(2_026, N_EVENTS)
}

/// The server that is killed: submits the history from the number it is told, a few events at a
/// time, and says how many of them are acknowledged. Does nothing where nobody started it so.
#[test]
fn serve_until_killed() {
    #[expect(clippy::disallowed_methods, reason = "this is how a test tells the process that it starts what to do")]
    let Ok(told) = std::env::var(FOLDER) else { return };
    let (folder, start) = told.rsplit_once('|').unwrap();
    let live = open(folder.as_ref());
    let mut out = std::io::stdout();
    let events = history();
    let mut n_done: usize = start.parse().unwrap();
    loop {
        // Again and again: what was there already is repeated.
        let first = n_done % events.len();
        let some = events[first..(first + 3).min(events.len())].to_vec();
        n_done += some.len();
        RUNTIME.block_on(live.submit(Submission { events: some, refused: Vec::new() })).unwrap();
        writeln!(out, "acknowledged {n_done}").unwrap();
        out.flush().unwrap();
    }
}

fn start(folder: &std::path::Path, from: usize) -> Child {
    let told = format!("{}|{from}", folder.display());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::serve_until_killed", "--nocapture", "--test-threads", "1"])
        .env(FOLDER, told)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_kill_during_the_first_start_leaves_a_log_that_opens() {
    for kill in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let mut server = start(folder.path(), 0);
        std::thread::sleep(Duration::from_micros(kill * 700));
        server.kill().unwrap();
        server.wait().unwrap();
        drop(open(folder.path()));
    }
}

#[test]
fn what_was_acknowledged_survives_fifty_kills_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let events = history();
    let mut n_acknowledged = 0;
    for kill in 0..N_KILLS {
        let mut server = start(folder.path(), n_acknowledged);
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        // Some are killed before they have begun, some after a while.
        let n_lines = kill % 4;
        let mut taken = 0;
        while taken < n_lines
            && let Some(Ok(line)) = lines.next()
        {
            if let Some(number) = line.split_once("acknowledged ").and_then(|(_, number)| number.parse().ok()) {
                n_acknowledged = number;
                taken += 1;
            }
        }
        std::thread::sleep(Duration::from_micros(kill * 137 % 3_000));
        server.kill().unwrap();
        server.wait().unwrap();
        // What it still said is acknowledged too.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split_once("acknowledged ").and_then(|(_, number)| number.parse().ok()) {
                n_acknowledged = number;
            }
        }
    }
    assert!(n_acknowledged > 0);
    let server = open(folder.path());
    let entries: Vec<_> = server.log().read(Offset(0)).map(Result::unwrap).collect();
    let there: Vec<Event> = entries
        .into_iter()
        .filter_map(|entry| match entry.record {
            Record::Event(event) => Some(*event),
            Record::Known(_) | Record::Tick(_) | Record::Scoring(_) | Record::Decision(_) | Record::Proposals(_) => {
                None
            }
        })
        .collect();
    let ids: BTreeSet<&str> = there.iter().map(|event| event.id.0.as_str()).collect();
    assert_eq!(ids.len(), there.len(), "every event is in the log once");
    for event in &events[..n_acknowledged.min(events.len())] {
        assert!(ids.contains(event.id.0.as_str()), "{} was acknowledged", event.id);
    }
    for day in days(&there) {
        assert_eq!(live(&server, day), batch(&there, &Decided::default(), day));
    }
}
