//! Imports: once, whole, accounted for, and mended after a correction.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Shop, simulated_events};

/// Returns a table of 60 orders, one row without a customer and one without a time.
fn orders() -> String {
    let mut table = String::from("customer_id,order_id,order_date,total\n");
    for order in 0..60 {
        table.push_str(&format!("c{},o{order},2024-03-{:02},{order}.50\n", order % 7, order % 28 + 1));
    }
    table + ",guest,2024-03-03,4.00\nc1,late,no date,5.00\n"
}

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
    let table = shop.file("orders.csv", orders());
    let report = shop.json(["import", "auto", table.to_str().unwrap(), "--currency", "EUR"]);
    let import = &report["imports"][0];
    assert_eq!((&import["form"], &import["source"]), (&json!("table"), &json!("orders")));
    let n = |key: &str| import[key].as_u64().unwrap();
    assert_eq!(n("rows_read"), n("rows_new") + n("rows_repeated") + n("rows_quarantined"));
    assert_eq!((n("rows_read"), n("events_new"), n("rows_quarantined")), (62, 60, 2));
    assert_eq!(import["quarantined_by_reason"], json!({ "missing-identity": 1, "invalid-time": 1 }));
    assert_eq!(shop.number("SELECT sum(amount_minor) AS n FROM events"), 180_000);
    let quarantine = shop.json(["quarantine", "list", "--reason", "invalid-time"]);
    assert_eq!(quarantine["rows"][0]["row"], 62);
}

#[test]
fn a_proposed_mapping_is_written_and_used_again() {
    let shop = Shop::empty();
    let table = shop.file("orders.2024.csv", orders());
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
    let table = shop.file("orders.csv", orders());
    let report = shop.json(["import", "table", table.to_str().unwrap(), "--dry-run"]);
    assert_eq!(report["imports"][0]["rows_new"], 60);
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
    let expected = json!({ "n_rows": 2, "rows_new": 2, "rows_repeated": 0, "events_new": 2, "n_left": 0 });
    assert_eq!(readmission, expected);
    assert_eq!(shop.number("SELECT count(*) AS n FROM events WHERE event = 'Visit'"), 2);
    assert_eq!(shop.json(["quarantine", "list"])["n_rows"], 0);
    // The file itself, read again by the right mapping, is known already.
    let report = shop.json(["import", "table", table.to_str().unwrap(), "--mapping", right.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["events_new"], 0);
}

#[test]
fn compressed_tables_are_read_directly() {
    let shop = Shop::empty();
    let table = shop.file("orders.csv.zst", zstd::encode_all(orders().as_bytes(), 3).unwrap());
    let report = shop.json(["import", "auto", table.to_str().unwrap()]);
    assert_eq!(report["imports"][0]["events_new"], 60);
}

#[test]
fn a_second_file_adds_to_the_first() {
    let shop = Shop::empty();
    shop.file("orders.csv", orders());
    shop.run(["import", "table", "orders.csv"]);
    shop.file(
        "later.csv",
        "customer_id,order_id,order_date,total,note\n7,z1,2024-04-01,2.00,a\n8,z2,2024-04-02,2.00,b\n",
    );
    let report = shop.json(["import", "table", "later.csv"]);
    assert_eq!(report["imports"][0]["events_new"], 2);
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 62);
}

#[test]
fn broken_text_is_put_aside_or_mended_and_the_rest_is_taken() {
    let shop = Shop::empty();
    let mut rows = b"customer_id,order_id,order_date,total\n7,a,2024-03-01,12.50\n".to_vec();
    rows.extend_from_slice(b"8,K\xf6ln,2024-03-02,3.00\n9,c,2024-03-03,4.00\n");
    shop.file("orders.csv", rows);
    let report = shop.json(["import", "table", "orders.csv"]);
    // A table that is not UTF-8 from its beginning is Windows-1252 as a whole.
    assert_eq!(report["imports"][0]["mended_by_reason"], json!({}));
    assert_eq!(report["imports"][0]["events_new"], 3);
    assert!(shop.json(["sql", "SELECT * FROM events"]).to_string().contains("Köln"));
    let mut lines =
        br#"{"type":"track","event":"A","userId":"1","timestamp":"2024-03-01T10:00:00Z","messageId":"m1"}"#.to_vec();
    lines.extend_from_slice(b"\n{\"type\":\"track\",\"event\":\"\xff\",\"userId\":\"2\"}\n");
    let other = Shop::empty();
    other.file("events.ndjson", lines);
    let report = other.json(["import", "segment", "events.ndjson"]);
    assert_eq!(report["imports"][0]["quarantined_by_reason"], json!({ "unreadable": 1 }));
    assert_eq!(report["imports"][0]["events_new"], 1);
}
