//! What a run saw: latencies, answers by status, and how it went from time to time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::{Answer, Fault};
use super::histogram::Histogram;
use crate::format::{clean, count, shortened};
use crate::output::{Align, Grid};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// From a request with events to the answer that they are on disk.
    Sent,
    /// A profile that was read.
    Read,
    /// From an event to the persona, in one round trip.
    Decided,
    /// From an event to a profile that has it, by asking until it shows.
    Followed,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Sent, Self::Read, Self::Decided, Self::Followed];

    fn position(self) -> usize {
        Self::ALL.iter().position(|measure| *measure == self).unwrap_or(0)
    }

    /// Returns what it is called in documents.
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Read => "read",
            Self::Decided => "decided",
            Self::Followed => "followed",
        }
    }

    fn description(self, batch: u16) -> String {
        match self {
            Self::Sent if batch == 1 => "event on disk".to_owned(),
            Self::Sent => format!("{batch} events on disk"),
            Self::Read => "profile read".to_owned(),
            Self::Decided => "event to persona, one call".to_owned(),
            Self::Followed => "event to profile read".to_owned(),
        }
    }
}

/// Parts of a thousand that are told.
const TOLD: [(u64, &str); 5] = [(500, "p50"), (900, "p90"), (950, "p95"), (990, "p99"), (999, "p99.9")];
/// Stretches that are kept for the document: a week of minutes.
const STRETCHES_MAX: usize = 10_080;
/// Characters of a refusal that are shown.
const REFUSAL_LENGTH_MAX: usize = 200;

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Tally {
    /// Since the start, and since the last time it was told.
    all: [Histogram; 4],
    lately: [Histogram; 4],
    n_events: u64,
    n_events_lately: u64,
    statuses: BTreeMap<u16, u64>,
    faults: BTreeMap<Fault, u64>,
    n_failed_lately: u64,
    n_waits: u64,
    waited_s: u64,
    refusal: Option<String>,
    stretches: Vec<Value>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let histograms = || std::array::from_fn(|_| Histogram::new());
        Self {
            all: histograms(),
            lately: histograms(),
            n_events: 0,
            n_events_lately: 0,
            statuses: BTreeMap::new(),
            faults: BTreeMap::new(),
            n_failed_lately: 0,
            n_waits: 0,
            waited_s: 0,
            refusal: None,
            stretches: Vec::new(),
        }
    }

    /// Notes what became of a request; returns whether it did what it was to do. Latencies are
    /// of those only.
    pub(super) fn note(&mut self, measure: Measure, answered: Result<&Answer, &Fault>, took: Duration) -> bool {
        match answered {
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                if answer.status == 200 {
                    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                    self.all[measure.position()].record(micros);
                    self.lately[measure.position()].record(micros);
                    return true;
                }
                self.refusal.get_or_insert_with(|| {
                    let text = String::from_utf8_lossy(&answer.body);
                    format!("{}: {}", answer.status, shortened(&clean(&text), REFUSAL_LENGTH_MAX))
                });
            }
            Err(fault) => *self.faults.entry(*fault).or_default() += 1,
        }
        self.n_failed_lately += 1;
        false
    }

    /// Notes that the server has events.
    pub(super) fn taken(&mut self, n_events: u64) {
        self.n_events += n_events;
        self.n_events_lately += n_events;
    }

    /// Notes that the server had no room.
    pub(super) fn told_to_wait(&mut self, wait_s: u64) {
        self.n_waits += 1;
        self.waited_s += wait_s;
    }

    pub(super) fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Returns the first answer that was no success.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Returns a line about what was since this was last called, and begins anew.
    pub(super) fn lately(&mut self, at_s: f64, length_s: f64, server: &[(&'static str, u64)]) -> String {
        let rate = per_second(self.n_events_lately, length_s);
        let mut line = format!("{at_s:>7.0} s  {:>9} events/s", count(rate));
        let mut stretch = json!({"at_s": at_s, "events_per_second": rate, "failed": self.n_failed_lately});
        for measure in Measure::ALL {
            let histogram = &self.lately[measure.position()];
            if histogram.n_values() == 0 {
                continue;
            }
            let [p50, p99, max] = [histogram.per_mille(500), histogram.per_mille(990), histogram.max()];
            let (name, told) = (measure.name(), [p50, p99, max].map(milliseconds).join(" / "));
            line.push_str(&format!("  {name} {told} ms"));
            stretch[name] = json!({"p50_us": p50, "p99_us": p99, "max_us": max});
        }
        line.push_str(&format!("  failed {}", count(self.n_failed_lately)));
        for (name, value) in server {
            line.push_str(&format!("  {name} {}", count(*value)));
            stretch[*name] = json!(value);
        }
        if self.stretches.len() < STRETCHES_MAX {
            self.stretches.push(stretch);
        }
        self.lately = std::array::from_fn(|_| Histogram::new());
        (self.n_events_lately, self.n_failed_lately) = (0, 0);
        line
    }

    /// Returns the latencies as a table.
    pub(super) fn grid(&self, batch: u16) -> Grid {
        let mut columns = vec![("milliseconds", Align::Whole), ("answered", Align::Right)];
        columns.extend(TOLD.map(|(_, name)| (name, Align::Right)));
        columns.push(("max", Align::Right));
        let mut grid = Grid::new(&columns);
        for measure in Measure::ALL {
            let histogram = &self.all[measure.position()];
            if histogram.n_values() == 0 {
                continue;
            }
            let mut row = vec![measure.description(batch), count(histogram.n_values())];
            row.extend(TOLD.map(|(per_mille, _)| milliseconds(histogram.per_mille(per_mille))));
            row.push(milliseconds(histogram.max()));
            grid.row(row);
        }
        grid
    }

    /// Returns what was answered, in words.
    pub(super) fn answers(&self) -> Vec<String> {
        let of_status = |(status, n): (&u16, &u64)| format!("{status}: {}", count(*n));
        let statuses: Vec<String> = self.statuses.iter().map(of_status).collect();
        let mut lines = vec![format!("Answers by status: {}", statuses.join(", "))];
        if self.n_waits > 0 {
            let (n_waits, waited_s) = (count(self.n_waits), count(self.waited_s));
            lines.push(format!("{n_waits} times there was no room (429); waited {waited_s} s in all, as told"));
        }
        lines.extend(self.faults.iter().map(|(fault, n)| format!("{} requests: {fault}", count(*n))));
        if let Some(refusal) = self.refusal() {
            lines.push(format!("The first that was no success: {refusal}"));
        }
        lines
    }

    /// Returns everything as a document.
    pub(super) fn document(&self, seconds: f64) -> Value {
        let mut document = json!({
            "events": self.n_events,
            "seconds": seconds,
            "events_per_second": per_second(self.n_events, seconds),
            "statuses": self.statuses.iter().map(|(status, n)| (status.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "faults": self.faults.iter().map(|(fault, n)| (fault.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "waits": self.n_waits,
            "waited_s": self.waited_s,
            "refusal": self.refusal,
            "stretches": self.stretches,
        });
        for measure in Measure::ALL {
            let histogram = &self.all[measure.position()];
            let mut told = json!({"answered": histogram.n_values(), "max_us": histogram.max()});
            for (per_mille, name) in TOLD {
                told[format!("{name}_us")] = json!(histogram.per_mille(per_mille));
            }
            document[measure.name()] = told;
        }
        document
    }
}

/// Returns how many of something there were in each second.
pub(super) fn per_second(n: u64, seconds: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a figure for people"
    )]
    let rate = (n as f64 / seconds.max(1e-6)) as u64;
    rate
}

/// Returns microseconds as milliseconds with three digits.
fn milliseconds(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10),
        10_000..100_000 => format!("{}.{}", micros / 1_000, micros % 1_000 / 100),
        _ => count(micros / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;

    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, retry_after_s: None, body: Bytes::from_static(b"{\"message\":\"why\"}") }
    }

    #[test]
    fn only_successes_have_latencies_and_everything_is_counted() {
        let mut tally = Tally::new();
        assert!(tally.note(Measure::Sent, Ok(&answer(200)), Duration::from_millis(3)));
        assert!(!tally.note(Measure::Sent, Ok(&answer(503)), Duration::from_millis(9)));
        assert!(!tally.note(Measure::Read, Err(&Fault::Broken), Duration::from_millis(9)));
        tally.taken(100);
        tally.told_to_wait(2);
        let document = tally.document(2.0);
        assert_eq!(document["events_per_second"], 50);
        assert_eq!((&document["sent"]["answered"], &document["sent"]["max_us"]), (&json!(1), &json!(3_000)));
        assert_eq!(document["statuses"], json!({"200": 1, "503": 1}));
        assert_eq!(document["faults"], json!({"the connection broke": 1}));
        assert_eq!(tally.refusal(), Some("503: {\"message\":\"why\"}"));
        let told = tally.answers().join("\n");
        assert!(told.contains("waited 2 s") && told.contains("1 requests: the connection broke"), "{told}");
    }

    #[test]
    fn a_stretch_begins_anew_when_it_was_told() {
        let mut tally = Tally::new();
        tally.note(Measure::Sent, Ok(&answer(200)), Duration::from_millis(3));
        tally.taken(500);
        let first = tally.lately(10.0, 10.0, &[("profiles", 7)]);
        assert_eq!(first, "     10 s         50 events/s  sent 3.00 / 3.00 / 3.00 ms  failed 0  profiles 7");
        assert_eq!(tally.lately(20.0, 10.0, &[]), "     20 s          0 events/s  failed 0");
        assert_eq!(tally.document(20.0)["stretches"].as_array().unwrap().len(), 2);
        assert_eq!(tally.document(20.0)["sent"]["answered"], 1);
    }

    #[test]
    fn milliseconds_have_three_digits() {
        let told = [0, 7, 995, 9_999, 12_345, 123_456, 12_345_678].map(milliseconds);
        assert_eq!(told, ["0.00", "0.00", "0.99", "9.99", "12.3", "123", "12,345"]);
    }
}
