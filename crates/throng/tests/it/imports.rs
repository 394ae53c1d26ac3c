//! Imports: once, whole, accounted for, and mended after a correction.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Shop, simulated_events};

const ORDERS: &str = "\
customer_id,order_id,order_date,total
7,a,2024-03-01,12.50
8,b,2024-03-02,3.00
,c,2024-03-03,4.00
7,d,no date,5.00
";

fn content(shop: &Shop) -> Value {
    shop.json(["sql", "SELECT event_id, event, user_id, occurred_at, amount_minor FROM events ORDER BY event_id"])
}

#[test]
fn importing_again_changes_nothing() {
    let shop = Shop::simulated();
    let before = (content(&shop), shop.number("SELECT count(*) AS n FROM quarantine"));
    let report = shop.json(["import", "segment", simulated_events().to_str().unwrap()]);
    assert_eq!(report["imports"][0]["events_new"], 0);
    assert_eq!(report["imports"][0]["quarantined_new"], 0);
    assert_eq!((content(&shop), shop.number("SELECT count(*) AS n FROM quarantine")), before);
}

#[test]
fn every_row_is_accounted_for() {
    let shop = Shop::empty();
    let table = shop.file("orders.csv", ORDERS);
    let report = shop.json(["import", "auto", table.to_str().unwrap(), "--currency", "EUR"]);
    let import = &report["imports"][0];
    assert_eq!((&import["form"], &import["source"]), (&json!("table"), &json!("orders")));
    let n = |key: &str| import[key].as_u64().unwrap();
    assert_eq!(n("rows_read"), n("rows_new") + n("rows_repeated") + n("rows_quarantined"));
    assert_eq!((n("rows_read"), n("events_new"), n("rows_quarantined")), (4, 2, 2));
    assert_eq!(import["quarantined_by_reason"], json!({ "missing-identity": 1, "invalid-time": 1 }));
    assert_eq!(shop.number("SELECT sum(amount_minor) AS n FROM events"), 1_550);
    let quarantine = shop.json(["quarantine", "list", "--reason", "invalid-time"]);
    assert_eq!(quarantine["rows"][0]["row"], 4);
}

#[test]
fn a_proposed_mapping_is_written_and_used_again() {
    let shop = Shop::empty();
    let table = shop.file("orders.2024.csv", ORDERS);
    let first = shop.json(["import", "table", table.to_str().unwrap()]);
    assert_eq!(first["imports"][0]["mapping"]["proposed"], true);
    let kept = shop.home().join("mappings/orders.toml");
    assert_eq!(fs::read_to_string(&kept).unwrap(), first["imports"][0]["mapping"]["text"].as_str().unwrap());
    let second = shop.json(["import", "table", table.to_str().unwrap()]);
    assert_eq!(second["imports"][0]["mapping"]["proposed"], false);
    assert_eq!(second["imports"][0]["events_new"], 0);
}

#[test]
fn a_dry_run_writes_nothing() {
    let shop = Shop::empty();
    let table = shop.file("orders.csv", ORDERS);
    let report = shop.json(["import", "table", table.to_str().unwrap(), "--dry-run"]);
    assert_eq!(report["imports"][0]["rows_new"], 2);
    assert!(report["imports"][0]["mapping"]["text"].as_str().unwrap().contains("customer_id"));
    assert!(!shop.home().join("mappings").exists());
    let complaint = shop.fail(1, ["personas", "list"]);
    assert!(complaint.contains("throng discover"), "{complaint}");
    let complaint = shop.fail(1, ["features", "propose"]);
    assert!(complaint.contains("throng import"), "{complaint}");
}

#[test]
fn quarantined_rows_are_admitted_after_a_correction() {
    let shop = Shop::empty();
    let table = shop.file("visits.csv", "visitor,when\nx,07|2024|31\ny,08|2024|01\n");
    let mapping = |format: &str| {
        format!(
            "[table]\nkind = \"track\"\nevent = \"Visit\"\nuser_id = \"visitor\"\ntime = \"when\"\ntime_format = \"{format}\"\n"
        )
    };
    let wrong = shop.file("wrong.toml", mapping("%d/%m/%Y"));
    let report = shop.json(["import", "table", table.to_str().unwrap(), "--mapping", wrong.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["rows_quarantined"], 2);
    let right = shop.file("right.toml", mapping("%m|%Y|%d"));
    let readmission = shop.json(["quarantine", "readmit", "--mapping", right.to_str().unwrap()]);
    assert_eq!(readmission, json!({ "n_rows": 2, "events_new": 2, "n_left": 0 }));
    assert_eq!(shop.number("SELECT count(*) AS n FROM events WHERE event = 'Visit'"), 2);
    assert_eq!(shop.json(["quarantine", "list"])["n_rows"], 0);
    // The file itself, read again by the right mapping, is known already.
    let report = shop.json(["import", "table", table.to_str().unwrap(), "--mapping", right.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["events_new"], 0);
}

#[test]
fn compressed_tables_are_read_directly() {
    let shop = Shop::empty();
    let table = shop.file("orders.csv.zst", zstd::encode_all(ORDERS.as_bytes(), 3).unwrap());
    let report = shop.json(["import", "auto", table.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["events_new"], 2);
}

#[test]
fn broken_text_is_put_aside_and_the_rest_is_taken() {
    let shop = Shop::empty();
    let mut rows = b"customer_id,order_id,order_date,total\n7,a,2024-03-01,12.50\n".to_vec();
    rows.extend_from_slice(b"8,\xff\xfe,2024-03-02,3.00\n9,c,2024-03-03,4.00\n");
    let table = shop.file("orders.csv", rows);
    let report = shop.json(["import", "table", table.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["quarantined_by_reason"], json!({ "unreadable": 1 }));
    assert_eq!(report["imports"][0]["events_new"], 2);
}
