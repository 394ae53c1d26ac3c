//! One line of a benchmark's output, and the comparison of two.
//!
//! Every script of the peer kit, and our own benchmark, prints one JSON line
//! `{task, engine, n, seconds, peak_rss_mb, quality}`; `quality` holds sums over
//! the computed columns that all engines must agree on.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde_json::Value;

/// How far two sums of floats may be apart, relative to the larger one: engines
/// add in different orders.
const TOLERANCE: f64 = 1e-6;

/// The kit rounds its sums to three decimals, so small ones may differ by one unit
/// of the last place, whatever their size.
const ROUNDING: f64 = 0.001_000_001;

/// The last JSON line that a benchmark printed.
pub(super) struct Line {
    text: String,
    value: Value,
}

impl Line {
    /// Reads the last JSON line of `output`.
    pub(super) fn parse(output: &str) -> anyhow::Result<Line> {
        let line = output.lines().rev().find(|line| line.starts_with('{'));
        let text = line.context("the benchmark printed no JSON line")?.to_owned();
        let value =
            serde_json::from_str(&text).with_context(|| format!("cannot read the benchmark's line {text:?}"))?;
        Ok(Line { text, value })
    }

    /// Returns the number called `name`.
    pub(super) fn number(&self, name: &str) -> anyhow::Result<f64> {
        let number = self.value.get(name).and_then(Value::as_f64);
        number.with_context(|| format!("no number {name:?} in the benchmark's line {:?}", self.text))
    }

    /// Returns the text called `name`.
    pub(super) fn text(&self, name: &str) -> anyhow::Result<String> {
        let text = self.value.get(name).and_then(Value::as_str).map(str::to_owned);
        text.with_context(|| format!("no text {name:?} in the benchmark's line {:?}", self.text))
    }

    /// Returns whatever is called `name`.
    pub(super) fn member(&self, name: &str) -> anyhow::Result<Value> {
        let member = self.value.get(name).cloned();
        member.with_context(|| format!("no {name:?} in the benchmark's line {:?}", self.text))
    }

    /// Returns the list of numbers called `name`.
    pub(super) fn numbers(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let numbers = self.value.get(name).and_then(Value::as_array);
        let numbers = numbers.and_then(|values| values.iter().map(Value::as_f64).collect());
        numbers.with_context(|| format!("no list of numbers {name:?} in the benchmark's line {:?}", self.text))
    }
}

/// What one engine took and computed.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) engine: String,
    pub(super) seconds: f64,
    pub(super) peak_mb: f64,
    pub(super) checksums: BTreeMap<String, f64>,
}

impl Measurement {
    /// Reads the last JSON line of `output`.
    pub(super) fn parse(output: &str) -> anyhow::Result<Measurement> {
        Measurement::of(&Line::parse(output)?)
    }

    /// Reads a line in the form of the peer kit.
    pub(super) fn of(line: &Line) -> anyhow::Result<Measurement> {
        let Line { text, value } = line;
        let engine = value.get("engine").and_then(Value::as_str);
        let engine = engine.with_context(|| format!("no engine in the benchmark's line {text:?}"))?;
        let quality = value.get("quality").and_then(Value::as_object);
        let quality = quality.with_context(|| format!("no quality in the benchmark's line {text:?}"))?;
        let mut checksums = BTreeMap::new();
        for (name, checksum) in quality {
            let Some(checksum) = checksum.as_f64() else {
                bail!("checksum {name:?} is no number in the benchmark's line {text:?}");
            };
            checksums.insert(name.clone(), checksum);
        }
        if checksums.is_empty() {
            bail!("no checksum in the benchmark's line {text:?}");
        }
        // The kit notes the memory before it reads its output back for the checksums
        // as `peak_work_mb`; that is the fairer number where it is given.
        let peak_mb = line.number("peak_work_mb").or_else(|_| line.number("peak_rss_mb"))?;
        Ok(Measurement { engine: engine.to_owned(), seconds: line.number("seconds")?, peak_mb, checksums })
    }
}

/// Returns a row (name, theirs, ours) for each checksum that differs or is missing
/// on one side.
pub(super) fn differences(peer: &Measurement, ours: &Measurement) -> Vec<Vec<String>> {
    let names: BTreeSet<&String> = peer.checksums.keys().chain(ours.checksums.keys()).collect();
    let mut rows = Vec::new();
    for name in names {
        let pair = (peer.checksums.get(name), ours.checksums.get(name));
        if let (Some(theirs), Some(ours)) = pair
            && agree(*theirs, *ours)
        {
            continue;
        }
        let text = |value: Option<&f64>| value.map_or("missing".to_owned(), f64::to_string);
        rows.push(vec![name.clone(), text(pair.0), text(pair.1)]);
    }
    rows
}

fn agree(left: f64, right: f64) -> bool {
    let allowed = (TOLERANCE * left.abs().max(right.abs())).max(ROUNDING);
    (left - right).abs() <= allowed
}

/// Returns the middle of `values`, of an even number the mean of the middle two.
pub(super) fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "the median of nothing");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values that are read or picked stay as they were")]
mod tests {
    use super::{Measurement, agree, differences, median};

    const LINE: &str = r#"{"task": "B.features", "engine": "duckdb", "n": 10, "seconds": 0.5, "peak_rss_mb": 90.5, "quality": {"rows": 3, "revenue": 12.25}}"#;

    #[test]
    fn last_json_line_counts() {
        let measurement = Measurement::parse(&format!("warming up\n{{}}\n{LINE}\nbye\n")).unwrap();
        assert_eq!(measurement.engine, "duckdb");
        assert_eq!((measurement.seconds, measurement.peak_mb), (0.5, 90.5));
        assert_eq!(measurement.checksums["revenue"], 12.25);
    }

    #[test]
    fn memory_before_the_check_is_preferred() {
        let line = LINE.replace("\"n\": 10", "\"peak_work_mb\": 70");
        assert_eq!(Measurement::parse(&line).unwrap().peak_mb, 70.0);
    }

    #[test]
    fn incomplete_lines_are_refused() {
        fn check(output: &str, expected: &str) {
            let error = Measurement::parse(output).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        check("", "the benchmark printed no JSON line");
        check("{broken", "cannot read the benchmark's line");
        check(&LINE.replace("seconds", "minutes"), "no number \"seconds\"");
        check(&LINE.replace("12.25", "\"much\""), "checksum \"revenue\" is no number");
        check(&LINE.replace("\"rows\": 3, \"revenue\": 12.25", ""), "no checksum");
    }

    #[test]
    fn checksums_agree_to_a_millionth() {
        assert!(agree(10_000_000.0, 10_000_009.0));
        assert!(!agree(10_000_000.0, 10_000_011.0));
        assert!(agree(1.234, 1.235), "one unit of the last place");
        assert!(!agree(3.0, 4.0));
        assert!(!agree(f64::NAN, 1.0));
    }

    #[test]
    fn missing_checksum_is_a_difference() {
        let peer = Measurement::parse(LINE).unwrap();
        let ours = Measurement::parse(&LINE.replace("\"rows\": 3, ", "")).unwrap();
        assert_eq!(differences(&peer, &peer), Vec::<Vec<String>>::new());
        assert_eq!(differences(&peer, &ours), [["rows", "3", "missing"].map(str::to_owned).to_vec()]);
    }

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
