//! Real logs of processes, imported and asked: counts are those of SQL written
//! independently, and the next step is known as well as published.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Shop, provided};

fn counts(document: &Value, key: &str, columns: [&str; 2], n: &str) -> BTreeMap<[String; 2], u64> {
    let rows = document[key].as_array().or_else(|| document.as_array()).unwrap();
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    rows.iter().map(|row| (columns.map(|column| text(row, column)), row[n].as_u64().unwrap())).collect()
}

fn check(log: &Path, published: f64) {
    let shop = Shop::empty();
    shop.run(["import", "auto", log.to_str().unwrap()]);
    let next = shop.json(["journeys", "next", "--within", "history", "--held-out", "ids"]);
    let accuracy = next["accuracy"].as_f64().unwrap();
    assert!(accuracy >= published, "{}: {accuracy}", log.display());

    let transitions = shop.json(["journeys", "transitions", "--within", "history"]);
    let expected = shop.json([
        "sql",
        "SELECT \"from\", \"to\", count(*) AS n FROM ( \
           SELECT event AS \"from\", coalesce(lead(event) OVER (PARTITION BY user_id ORDER BY occurred_at, event_key), '(end)') AS \"to\" FROM events \
           UNION ALL SELECT '(start)', event FROM ( \
             SELECT event, row_number() OVER (PARTITION BY user_id ORDER BY occurred_at, event_key) AS k FROM events) WHERE k = 1) \
         GROUP BY 1, 2",
    ]);
    let expected = counts(&expected, "", ["from", "to"], "n");
    assert_eq!(counts(&transitions, "transitions", ["from", "to"], "n_transitions"), expected);

    let circles = shop.json(["journeys", "loops", "--within", "history", "--repeats", "keep"]);
    let found = circles["back_and_forths"].as_array().unwrap().iter();
    let found: u64 = found.map(|circle| circle["n_times"].as_u64().unwrap()).sum();
    let expected = shop.number(
        "SELECT count(*) AS n FROM ( \
           SELECT event AS a, lead(event, 1) OVER w AS b, lead(event, 2) OVER w AS c FROM events \
           WINDOW w AS (PARTITION BY user_id ORDER BY occurred_at, event_key)) WHERE a = c AND a <> b",
    );
    assert_eq!(found, expected, "loops are found");
    assert!(found > 0);
}

/// The lake's events as the table that the statements read, and
/// what the file holds beside them.
const LAKE: &str = "
CREATE TABLE event AS
SELECT 0 AS case_id, dense_rank() OVER (ORDER BY user_id)::INT AS profile, epoch_us(occurred_at) AS at_us,
       event_key AS key, 0 AS place, event AS label, NULL::INT AS session, amount_minor AS value
FROM lake_events;
CREATE TABLE chosen AS SELECT DISTINCT case_id, profile FROM event;
CREATE TABLE cut AS
SELECT 0 AS case_id, min(at_us) AS from_us, max(at_us) AS to_us, 'history' AS scope, 0 AS gap_us, false AS collapsed, 'UTC' AS zone
FROM event;
CREATE TABLE life AS
SELECT 0 AS case_id, (max(at_us) // 86400000000)::INT AS last_day, 7 AS cohort_days, 28 AS span_days, 12 AS n_spans, 28 AS window_days
FROM event";

/// Events of the file that the lake has not, and of the lake that the file has not.
const UNLIKE: &str = "
WITH log AS (SELECT #1::VARCHAR AS who, 'Activity ' || #2 AS what, #3::TIMESTAMP AS at_time FROM read_csv('LOG', header = true)),
     lake AS (SELECT user_id, event, occurred_at AT TIME ZONE 'UTC' FROM lake_events)
SELECT (SELECT count(*) FROM (FROM log EXCEPT ALL FROM lake)), (SELECT count(*) FROM (FROM lake EXCEPT ALL FROM log))";

/// Asks DuckDB, which reads the lake itself and knows nothing of us.
fn foreign(python: &Path, shop: &Shop, log: &Path, steps: &[&str]) -> Value {
    let unlike = UNLIKE.replace("LOG", log.to_str().unwrap());
    let tables = json!([
        ["path_option", "case_id INT, steps_max INT, top INT", [[0, 8, 40]]],
        ["goal", "case_id INT, label VARCHAR", []],
        [
            "funnel",
            "case_id INT, n_steps INT, step_order VARCHAR, by_journey BOOL, window_us BIGINT, entries VARCHAR",
            [[0, 3, "ordered", false, 30_i64 * 86_400_000_000, "once"]]
        ],
        [
            "funnel_step",
            "case_id INT, step INT, label VARCHAR",
            steps.iter().enumerate().map(|(step, name)| json!([0, step, name])).collect::<Vec<_>>()
        ],
        ["exclusion", "case_id INT, after_step INT, label VARCHAR", []],
        ["bracket", "case_id INT, nr INT, from_age INT, to_age INT", [[0, 0, 1, 1], [0, 1, 1, 7], [0, 2, 31, null]]],
    ]);
    let asked = json!({
        "lake": shop.home().join("lake"),
        "tables": tables,
        "steps": [
            [null, LAKE],
            [null, include_str!("../duckdb/journeys.sql")],
            [null, include_str!("../duckdb/attempts.sql")],
            [null, include_str!("../duckdb/days.sql")],
            ["unlike", unlike],
            ["paths", include_str!("../duckdb/paths.sql")],
            ["funnel", include_str!("../duckdb/funnel.sql")],
            ["instead", include_str!("../duckdb/funnel_instead.sql")],
            ["retention", include_str!("../duckdb/retention.sql")],
            ["lifecycle", include_str!("../duckdb/lifecycle.sql")],
        ],
    });
    let mut command = Command::new(python);
    command.args(["-c", include_str!("../duckdb/ask.py")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the statements must run");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Some cells of rows, in the order of their texts.
fn cells(rows: &Value, columns: &[usize]) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    sorted(rows.map(|row| columns.iter().map(|column| row[*column].clone()).collect()))
}

fn sorted(rows: impl Iterator<Item = Vec<Value>>) -> Vec<String> {
    let mut rows: Vec<String> = rows.map(|row| Value::from(row).to_string()).collect();
    rows.sort_unstable();
    rows
}

fn listed(document: &Value, key: &str, columns: &[&str]) -> Vec<String> {
    let rows = document[key].as_array().unwrap().iter();
    sorted(rows.map(|row| columns.iter().map(|column| row[*column].clone()).collect()))
}

/// Goes from the file through the lake to what the commands print.
fn check_commands(python: &Path, log: &Path, steps: [&str; 3]) {
    let shop = Shop::empty();
    shop.run(["import", "auto", log.to_str().unwrap()]);
    let expected = foreign(python, &shop, log, &steps);
    assert_eq!(expected["unlike"], json!([[0, 0]]), "the lake holds what the file holds");

    let words = ["journeys", "paths", "--within", "history", "--repeats", "keep", "--steps", "8", "--top", "40"];
    let paths = shop.json(words);
    let found = listed(&paths, "paths", &["steps", "continues", "n_journeys", "n_customers"]);
    let of_paths = expected["paths"].as_array().unwrap().iter().filter(|row| row[1] != 0).cloned().collect();
    assert_eq!(found, cells(&of_paths, &[2, 3, 4, 5]));
    assert_eq!(found.len(), 40);

    let words = ["journeys", "funnel", steps[0], steps[1], steps[2], "--within", "30d", "--top", "1000"];
    let funnel = shop.json(words);
    let reached = funnel["steps"].as_array().unwrap().iter().map(|step| step["n_customers"].clone());
    let reached = sorted(reached.enumerate().map(|(step, n)| vec![json!(step), n]));
    assert_eq!(reached, cells(&expected["funnel"], &[1, 2]));
    let place = |name: &Value| steps.iter().position(|step| name == step).unwrap();
    let instead = funnel["instead"].as_array().unwrap().iter();
    let instead = sorted(instead.map(|row| vec![json!(place(&row["after"])), row["next"].clone(), row["n"].clone()]));
    assert_eq!(instead, cells(&expected["instead"], &[1, 2, 3]));

    let words = ["journeys", "retention", "--every", "7d", "--brackets", "1,1-7,31-", "--top", "1000"];
    let retention = shop.json(words);
    let all = retention["rows"].as_array().unwrap().last().unwrap();
    let all = all["retained"].as_array().unwrap().iter().enumerate();
    let all = sorted(all.map(|(nr, found)| vec![json!(nr), found["n_known"].clone(), found["n_retained"].clone()]));
    let of_all = expected["retention"].as_array().unwrap().iter().filter(|row| row[1].is_null()).cloned().collect();
    assert_eq!(all, cells(&of_all, &[2, 4, 5]));

    let lifecycle = shop.json(["journeys", "lifecycle", "--every", "28d", "--top", "12"]);
    let spans = lifecycle["spans"].as_array().unwrap().iter().rev().enumerate();
    let stages = ["n_new", "n_current", "n_resurrected", "n_dormant"];
    let spans = spans.map(|(back, span)| (back, stages.map(|stage| span[stage].clone())));
    let somebody = spans.filter(|(_, counts)| counts.iter().any(|n| *n != 0));
    let spans = sorted(somebody.map(|(back, counts)| [vec![json!(back)], counts.to_vec()].concat()));
    assert_eq!(spans, cells(&expected["lifecycle"], &[1, 2, 3, 4, 5]));
}

#[test]
fn commands_about_real_logs_count_as_duckdb_does_in_the_lake() {
    let (Some(folder), Some(python)) = (provided("THRONG_TEST_DATASETS"), provided("THRONG_TEST_PYTHON")) else {
        eprintln!("skipped: THRONG_TEST_DATASETS or THRONG_TEST_PYTHON is not set");
        return;
    };
    let logs = folder.join("process_journeys");
    check_commands(&python, &logs.join("helpdesk.csv"), ["Activity 1", "Activity 8", "Activity 6"]);
    check_commands(&python, &logs.join("bpi_12_w.csv.zst"), ["Activity 3", "Activity 5", "Activity 6"]);
}

#[test]
fn the_helpdesk_log_is_counted_as_by_sql_and_predicted_as_published() {
    let Some(folder) = provided("THRONG_TEST_DATASETS") else {
        eprintln!("skipped: THRONG_TEST_DATASETS is not set");
        return;
    };
    check(&folder.join("process_journeys/helpdesk.csv"), 0.813);
}

#[test]
fn the_loan_log_is_counted_as_by_sql_and_predicted_as_published() {
    let Some(folder) = provided("THRONG_TEST_DATASETS") else {
        eprintln!("skipped: THRONG_TEST_DATASETS is not set");
        return;
    };
    check(&folder.join("process_journeys/bpi_12_w.csv.zst"), 0.687);
}
