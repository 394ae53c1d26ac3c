//! Every count against SQL that was written independently and is run by DuckDB: all
//! cases of a test in one process, each case's options as rows of tables.
//!
//! Random cases have ties of time, names given twice, long gaps, a change of the clock,
//! profiles with one event and with none, sources without sessions or values, and see some
//! profiles and some period only. The statements are in `tests/duckdb`.

mod answers;
mod case;
mod tables;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use throng_event::{Calendar, Instant};
use throng_journey::{Entries, Occurrence, ProfileSet, Repeats, StepOrder};

use crate::support::provided;

use answers::Answers;
use case::{AnyScope, Case, Life, Question, ZONES, case};
use tables::{Answer, Tables};

/// One event: second, key, name (a position in those of the case), session, value.
type Row = (i64, i64, u32, u32, i64);

/// The events of every profile, in any order.
type Rows = Vec<Vec<Row>>;

const SECOND: i64 = 1_000_000;

const N_CASES: usize = 1_000;

/// Rows that every statement has at least over all random cases, so that none is asked of
/// nothing.
const N_ROWS_MIN: usize = 50;

/// Checks all answers of all cases, of which each statement has so many rows at least.
fn check(python: &Path, cases: &[Case], n_rows_min: usize) {
    let calendars = ZONES.map(|zone| Calendar::new(zone).unwrap());
    let (mut tables, mut found) = (Tables::new(), BTreeMap::new());
    for (id, case) in cases.iter().enumerate() {
        tables.case(id, case);
        let histories = case.histories();
        let numbers = (0_u32..).zip(0..case.rows.len());
        let chosen: ProfileSet =
            numbers.filter(|(_, place)| case.is_chosen(*place)).map(|(number, _)| number).collect();
        let view = histories.select(case.chosen.is_some().then_some(&chosen), case.period());
        let calendar = &calendars[case.zone];
        let cut = case.cut(calendar);
        let mut answers = Answers { case, id, histories: &histories, view, cut, calendar, found: &mut found };
        answers.paths();
        answers.transitions();
        answers.funnel();
        answers.flow();
        answers.friction();
        answers.days();
        answers.attribution();
    }
    let expected = ask(python, &tables);
    for (statement, theirs) in &expected {
        let ours = found.remove(statement.as_str()).unwrap_or_default();
        assert!(ours.len() >= n_rows_min, "{statement} is asked of too little: {} rows", ours.len());
        let (ours, theirs) = (by_case(&ours), by_case(theirs));
        for (id, case) in (0..).zip(cases) {
            let [own, other] = [&ours, &theirs].map(|rows| rows.get(&id).map(Vec::as_slice).unwrap_or_default());
            let missing = own.iter().zip(other).find(|(own, other)| !same_row(own, other));
            assert!(
                own.len() == other.len() && missing.is_none(),
                "{statement} of case {id}: {} and {} rows, {missing:?}\n{}",
                own.len(),
                other.len(),
                if case.rows.len() < 10 { format!("{case:?}") } else { String::new() }
            );
        }
    }
    assert!(found.is_empty(), "every answer is compared: {:?}", found.keys());
}

fn ask(python: &Path, tables: &Tables) -> BTreeMap<String, Vec<Answer>> {
    let given: Vec<Value> = tables.0.iter().map(|(name, (columns, rows))| json!([name, columns, rows])).collect();
    let steps = [
        (None, include_str!("../duckdb/journeys.sql")),
        (None, include_str!("../duckdb/attempts.sql")),
        (None, include_str!("../duckdb/flow.sql")),
        (None, include_str!("../duckdb/friction.sql")),
        (None, include_str!("../duckdb/days.sql")),
        (None, include_str!("../duckdb/attribution.sql")),
        (Some("touchpoints"), include_str!("../duckdb/touchpoints.sql")),
        (Some("paths"), include_str!("../duckdb/paths.sql")),
        (Some("transitions"), include_str!("../duckdb/transitions.sql")),
        (Some("visits"), include_str!("../duckdb/visits.sql")),
        (Some("circles"), include_str!("../duckdb/circles.sql")),
        (Some("patterns"), include_str!("../duckdb/patterns.sql")),
        (Some("funnel"), include_str!("../duckdb/funnel.sql")),
        (Some("funnel_instead"), include_str!("../duckdb/funnel_instead.sql")),
        (Some("funnel_seconds"), include_str!("../duckdb/funnel_seconds.sql")),
        (Some("correlations"), include_str!("../duckdb/correlations.sql")),
        (Some("flow_nodes"), include_str!("../duckdb/flow_nodes.sql")),
        (Some("flow_edges"), include_str!("../duckdb/flow_edges.sql")),
        (Some("flow_without"), include_str!("../duckdb/flow_without.sql")),
        (Some("friction_steps"), include_str!("../duckdb/friction_steps.sql")),
        (Some("retention"), include_str!("../duckdb/retention.sql")),
        (Some("lifecycle"), include_str!("../duckdb/lifecycle.sql")),
        (Some("stickiness"), include_str!("../duckdb/stickiness.sql")),
        (Some("survival"), include_str!("../duckdb/survival.sql")),
        (Some("credits"), include_str!("../duckdb/credits.sql")),
        (Some("unattributed"), include_str!("../duckdb/unattributed.sql")),
    ];
    let asked = json!({ "lake": null, "tables": given, "steps": steps });
    let mut child = Command::new(python)
        .args(["-c", include_str!("../duckdb/ask.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // What is read before anything is answered fits no pipe, and nothing is answered before.
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the statements must run");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the rows of each case, in an order that does not look at fractions.
fn by_case(rows: &[Answer]) -> BTreeMap<u64, Vec<Answer>> {
    let mut cases: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
    for row in rows {
        cases.entry(row[0].as_u64().unwrap()).or_default().push(row.clone());
    }
    for own in cases.values_mut() {
        own.sort_by_cached_key(|row| {
            row.iter().filter(|cell| !cell.is_f64()).map(Value::to_string).collect::<Vec<_>>()
        });
    }
    cases
}

fn same_row(own: &Answer, other: &Answer) -> bool {
    own.len() == other.len() && own.iter().zip(other).all(|(own, other)| alike(own, other))
}

fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(own), Some(other)) if ours.is_f64() || theirs.is_f64() => {
            (own - other).abs() <= 1e-9 * own.abs().max(other.abs()).max(1.0)
        }
        _ => ours == theirs,
    }
}

#[test]
fn every_count_of_random_histories_is_that_of_sql() {
    let Some(python) = provided("THRONG_TEST_PYTHON") else {
        eprintln!("skipped: THRONG_TEST_PYTHON is not set");
        return;
    };
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Case> = (0..N_CASES).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
    check(&python, &cases, N_ROWS_MIN);
}

const DAY: i64 = 86_400;

/// Reads a log: the rows of its cases, what orders them being the order of lines, and names.
fn log(path: &Path) -> (Rows, Vec<String>) {
    let bytes = std::fs::read(path).unwrap();
    let packed = path.extension().is_some_and(|ending| ending == "zst");
    let text = String::from_utf8(if packed { zstd::decode_all(bytes.as_slice()).unwrap() } else { bytes }).unwrap();
    let (mut numbers, mut names): (BTreeMap<&str, usize>, Vec<String>) = (BTreeMap::new(), Vec::new());
    let mut rows: Rows = Vec::new();
    for (line_idx, line) in (0..).zip(text.lines().skip(1)) {
        let [who, name, at]: [&str; 3] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let number = *numbers.entry(who).or_insert(rows.len());
        rows.resize(rows.len().max(number + 1), Vec::new());
        let label = names.iter().position(|other| other == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        let second = Instant::parse_rfc3339(&format!("{}Z", at.replace(' ', "T"))).unwrap().0 / SECOND;
        rows[number].push((second, line_idx, u32::try_from(label).unwrap(), 0, 0));
    }
    (rows, names)
}

/// Returns a real log as three cases, cut and asked in different ways.
fn logged(path: &Path) -> Vec<Case> {
    let (rows, names) = log(path);
    let last = rows.iter().flatten().map(|row| row.0).max().unwrap();
    let asked = |scope, repeats, zone, funnel| Case {
        names: names.clone(),
        patterns: &[],
        rows: rows.clone(),
        has: (false, false),
        chosen: None,
        period: None,
        scope,
        repeats,
        zone,
        funnel,
        path: (8, 50),
        goal: vec![names.len() - 1, 1],
        channels: (0..names.len()).map(|name| Some(name % 4).filter(|channel| *channel < 3)).collect(),
        flow: (vec![1], Occurrence::First, 2, 3, 3),
        life: Life {
            last_day: i32::try_from(last / DAY).unwrap() - 3,
            cohort_days: 7,
            span_days: 28,
            n_spans: 6,
            window_days: 28,
            brackets: vec![(1, Some(1)), (1, Some(7)), (8, Some(30)), (31, None)],
        },
        starts: vec![2],
        spans: (DAY, 30 * DAY, 7 * DAY),
    };
    let question = |order, window, exclusions, entries| Question {
        steps: vec![vec![0], vec![1, 2], vec![0, 3]],
        order,
        window,
        exclusions,
        entries,
    };
    vec![
        asked(
            AnyScope::History,
            Repeats::Keep,
            1,
            question(StepOrder::Ordered, Some(30 * DAY), Vec::new(), Entries::Once),
        ),
        asked(
            AnyScope::Gap(8 * 3_600),
            Repeats::Collapse,
            0,
            question(StepOrder::Strict, None, Vec::new(), Entries::Each),
        ),
        asked(
            AnyScope::Day,
            Repeats::Keep,
            2,
            question(StepOrder::Any, Some(10 * DAY), vec![(4, None)], Entries::Once),
        ),
    ]
}

#[test]
fn every_count_of_real_logs_is_that_of_sql() {
    let (Some(folder), Some(python)) = (provided("THRONG_TEST_DATASETS"), provided("THRONG_TEST_PYTHON")) else {
        eprintln!("skipped: THRONG_TEST_DATASETS or THRONG_TEST_PYTHON is not set");
        return;
    };
    for file in ["helpdesk.csv", "bpi_12_w.csv.zst"] {
        check(&python, &logged(&folder.join("process_journeys").join(file)), 0);
    }
}
