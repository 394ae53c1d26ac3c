//! What goes wrong is said clearly, with the right status, and leaves the home intact.

use std::fs;
use std::process::Command;

use crate::support::{Shop, errors, throng};

const ORDERS: &str = "customer_id,order_id,order_date,total\n7,a,2024-03-01,12.50\n8,b,2024-03-02,3.00\n";

/// Checks that a command fails with a status and words that help, and that the home
/// works afterwards as it did before.
fn check(status: i32, words: &[&str], expected: &[&str]) {
    let shop = Shop::empty();
    shop.file("orders.csv", ORDERS);
    shop.run(["import", "table", "orders.csv"]);
    shop.file("wrong.toml", "[table]\nkind = \"sing\"\n");
    shop.file("unknown.toml", "[table]\nkind = \"identify\"\nuser_id = \"custmer_id\"\ntime = \"order_date\"\n");
    let complaint = shop.fail(status, words);
    for part in expected {
        assert!(complaint.contains(part), "{part:?} is not in\n{complaint}");
    }
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 2);
    let again = shop.json(["import", "table", "orders.csv"]);
    assert_eq!(again["imports"][0]["events_repeated"], 2);
}

#[test]
fn a_missing_file_is_named() {
    check(2, &["import", "table", "nowhere.csv"], &["nowhere.csv", "check the path"]);
    check(2, &["import", "table", "orders.csv", "--mapping", "nowhere.toml"], &["nowhere.toml"]);
}

#[test]
fn a_wrong_mapping_is_explained() {
    check(2, &["import", "table", "orders.csv", "--mapping", "wrong.toml"], &["wrong.toml", "hint:"]);
}

#[test]
fn an_unknown_column_is_answered_with_the_known_ones() {
    let words = ["import", "table", "orders.csv", "--mapping", "unknown.toml"];
    check(2, &words, &["custmer_id", "did you mean \"customer_id\"", "order_date"]);
}

#[test]
fn words_that_mean_nothing_are_wrong_usage() {
    check(2, &["discover", "--as-of", "2024-02-30"], &["2024-12-31"]);
    check(2, &["discover", "--personas", "1"], &["2 to 12"]);
    check(2, &["discover", "--method", "kmeans"], &["k-means", "hdbscan"]);
    check(2, &["quarantine", "list", "--reason", "boredom"], &["boredom", "missing-identity"]);
    check(2, &["journeys", "funnel", "Order Completed", "Singing"], &["Singing", "Order Completed"]);
    check(2, &["import", "segment", "orders.csv", "--mapping", "wrong.toml"], &["takes no mapping"]);
    check(2, &["report", "-o", "nowhere/report.html"], &["nowhere"]);
    check(2, &["init"], &["already a Throng home"]);
    check(1, &["profile", "nobody"], &["nobody"]);
    check(1, &["sql", "SELECT singing FROM events"], &["singing", "SHOW TABLES"]);
}

#[test]
fn truncated_data_is_said_to_be_truncated() {
    let shop = Shop::empty();
    let rows: String = (0..5_000).map(|row| format!("{row},o{row},2024-03-01,{row}.50\n")).collect();
    let whole = zstd::encode_all(format!("customer_id,order_id,order_date,total\n{rows}").as_bytes(), 3).unwrap();
    shop.file("orders.csv.zst", &whole[..whole.len() * 2 / 3]);
    let complaint = shop.fail(1, ["import", "table", "orders.csv.zst"]);
    assert!(complaint.contains("zstd") && complaint.contains("stops before its end"), "{complaint}");
    shop.file("orders.csv.zst", &whole);
    shop.run(["import", "table", "orders.csv.zst"]);
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 5_000);
}

#[test]
fn a_home_of_a_newer_version_is_left_alone() {
    let shop = Shop::empty();
    let config = shop.home().join("throng.toml");
    let text = fs::read_to_string(&config).unwrap().replace("format = 1", "format = 99\nsong = true");
    fs::write(&config, &text).unwrap();
    let complaint = shop.fail(1, ["sql", "SELECT 1"]);
    assert!(complaint.contains("format 99") && complaint.contains("newer throng"), "{complaint}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
}

#[test]
fn a_line_that_is_wrong_in_the_configuration_is_shown() {
    let shop = Shop::empty();
    let config = shop.home().join("throng.toml");
    let text = fs::read_to_string(&config).unwrap().replace("gap_minutes", "gap_mintues");
    fs::write(&config, text).unwrap();
    let complaint = shop.fail(1, ["features", "list"]);
    assert!(complaint.contains("gap_mintues") && complaint.contains("gap_minutes"), "{complaint}");
}

#[test]
fn no_home_is_answered_with_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = throng().current_dir(folder.path()).args(["personas", "list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("throng init"), "{}", errors(&output));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let shop = Shop::empty();
    let lake = shop.home().join("lake");
    // Nobody can write into a folder that is a file, whoever runs the tests.
    if lake.exists() {
        fs::remove_dir_all(&lake).unwrap();
    }
    fs::write(&lake, "").unwrap();
    shop.file("orders.csv", ORDERS);
    let complaint = shop.fail(1, ["import", "table", "orders.csv"]);
    assert!(complaint.contains("lake"), "{complaint}");
    fs::remove_file(&lake).unwrap();
    shop.run(["import", "table", "orders.csv"]);
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 2);
}

/// A limit on the size of files stands for a full disk: writing fails half way, with
/// an error of the system.
#[test]
#[cfg(unix)]
fn a_full_disk_leaves_the_home_as_it_was() {
    let shop = Shop::empty();
    shop.file("orders.csv", ORDERS);
    shop.run(["import", "table", "orders.csv"]);
    let rows: String = (0..40_000).map(|row| format!("u{row},x{row},2024-03-01,{row}.50\n")).collect();
    shop.file("more.csv", format!("customer_id,order_id,order_date,total\n{rows}"));
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$@\"";
    let mut command = Command::new("sh");
    command.current_dir(shop.folder()).env_remove("THRONG_HOME").args(["-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_throng")).arg("--home").arg(shop.home());
    let output = command.args(["import", "table", "more.csv"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("cannot write"), "{}", errors(&output));
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 2);
    shop.run(["import", "table", "more.csv"]);
    assert_eq!(shop.number("SELECT count(*) AS n FROM events"), 40_002);
}
