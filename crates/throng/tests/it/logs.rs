//! Real logs of processes, imported and asked: counts are those of SQL written
//! independently, and the next step is known as well as published.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

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
