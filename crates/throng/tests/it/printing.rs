//! How results look, and that nothing in them can act on a terminal.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Shop, errors, shared, throng};

#[test]
fn names_from_the_data_cannot_act_on_the_terminal() {
    let shop = Shop::empty();
    let mut lines = String::new();
    for customer in 0..20 {
        for name in ["\\u001b[31mRed\\u0007", "a\\u202eb", "| x | **y**", "<script>"] {
            lines.push_str(&format!(
                "{{\"type\":\"track\",\"event\":\"{name}\",\"userId\":\"c{customer}\",\
                 \"timestamp\":\"2024-03-01T10:00:00Z\",\"messageId\":\"{customer}{name}\"}}\n"
            ));
        }
    }
    shop.file("hostile.ndjson", lines);
    shop.run(["import", "segment", "hostile.ndjson"]);
    for words in [
        &["sql", "SELECT event, count(*) AS n FROM events GROUP BY event"][..],
        &["journeys", "paths"],
        &["journeys", "transitions"],
        &["journeys", "funnel", "<script>", "| x | **y**"],
        &["journeys", "flow", "<script>"],
        &["journeys", "next"],
        &["journeys", "touchpoints"],
        &["features", "propose"],
        &["features", "list"],
        &["profile", "c1"],
    ] {
        let text = shop.run(words);
        assert!(!text.is_empty());
        let acting = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(acting, None, "{words:?}\n{text}");
    }
}

#[test]
fn there_are_colours_only_where_they_are_wanted() {
    let shop = shared();
    let shown = |color: &str| shop.run(["personas", "show", "--color", color]);
    assert!(!shown("auto").contains('\u{1b}'));
    assert!(!shown("never").contains('\u{1b}'));
    assert!(shown("always").contains('\u{1b}'));
}

#[test]
fn lines_for_reading_are_not_too_long() {
    let text = shared().run(["personas", "show"]);
    let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
    assert!(longest.chars().count() <= 100, "{longest}");
}

#[test]
fn quiet_says_nothing_but_the_result() {
    let shop = shared();
    let output = shop.command(["sql", "SELECT 1 AS one", "--quiet"]).output().unwrap();
    assert_eq!(errors(&output), "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("one"));
}

#[test]
fn every_json_result_is_one_document() {
    let shop = shared();
    for words in [
        &["features", "list"][..],
        &["features", "propose", "--dry-run"],
        &["personas", "list"],
        &["personas", "show", "p1"],
        &["personas", "export"],
        &["personas", "validate"],
        &["personas", "history"],
        &["personas", "reliability"],
        &["model", "list"],
        &["model", "show"],
        &["model", "compare", "m1", "m1"],
        &["journeys", "paths"],
        &["journeys", "transitions"],
        &["journeys", "funnel"],
        &["quarantine", "list"],
        &["audit"],
        &["sql", "SELECT * FROM events LIMIT 3"],
        &["sql", "SELECT * FROM events WHERE false"],
        &["verify"],
    ] {
        let document = shop.json(words);
        assert!(document.is_object() || document.is_array(), "{words:?}");
    }
    assert_eq!(shop.json(["sql", "SELECT * FROM events WHERE false"]), Value::Array(Vec::new()));
}

#[test]
fn a_persona_is_found_by_id_name_or_part_of_it() {
    let shop = shared();
    let book = shop.json(["personas", "list"]);
    let name = book["personas"][0]["name"].as_str().unwrap();
    for wanted in ["p1", "P1", name, &name.to_uppercase()] {
        let shown = shop.json(["personas", "show", wanted]);
        assert_eq!(shown["personas"].as_array().unwrap().len(), 1);
        assert_eq!(shown["personas"][0]["id"], "p1");
    }
    let complaint = shop.fail(2, ["personas", "show", "p99"]);
    assert!(complaint.contains("p99") && complaint.contains(name), "{complaint}");
}

#[test]
fn markdown_has_every_persona_and_every_claim() {
    let shop = shared();
    let book = shop.json(["personas", "export"]);
    let markdown = shop.run(["personas", "show", "--format", "markdown"]);
    for persona in book["personas"].as_array().unwrap() {
        for claim in persona["claims"].as_array().unwrap() {
            let id = claim["id"].as_str().unwrap();
            assert!(markdown.contains(&format!("`{id}`")), "{id}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shop = shared();
    let mut command = shop.command(["sql", "SELECT * FROM events", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut head = [0; 64];
    stdout.read_exact(&mut head).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(errors(&output), "");
}

#[test]
fn a_query_can_be_written_to_parquet() {
    let shop = shared();
    let path = shop.folder().join("events.parquet");
    let report = shop.json(["sql", "SELECT event_id FROM events", "-o", path.to_str().unwrap()]);
    assert_eq!(report["n_rows"].as_u64().unwrap(), shop.number("SELECT count(*) AS n FROM events"));
    assert!(std::fs::read(path).unwrap().starts_with(b"PAR1"));
}

/// Checks the help of a command: what it does, and examples where it takes words.
fn check_help(words: &[&str], expected: &str) {
    let output = throng().args(words).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains(expected), "{words:?}\n{text}");
}

#[test]
fn every_help_ends_with_examples() {
    check_help(&[], "throng discover");
    for words in [
        &["init"][..],
        &["import"],
        &["quarantine", "list"],
        &["quarantine", "readmit"],
        &["audit"],
        &["features", "propose"],
        &["features", "export"],
        &["discover"],
        &["personas", "list"],
        &["personas", "show"],
        &["personas", "export"],
        &["model", "list"],
        &["model", "show"],
        &["model", "promote"],
        &["model", "rollback"],
        &["model", "shadow"],
        &["model", "compare"],
        &["journeys", "paths"],
        &["journeys", "transitions"],
        &["journeys", "funnel"],
        &["journeys", "touchpoints"],
        &["journeys", "flow"],
        &["journeys", "loops"],
        &["journeys", "typical"],
        &["journeys", "pattern"],
        &["journeys", "attribution"],
        &["journeys", "retention"],
        &["journeys", "lifecycle"],
        &["journeys", "survival"],
        &["journeys", "friction"],
        &["journeys", "next"],
        &["profile"],
        &["sql"],
        &["report"],
        &["verify"],
        &["simulate"],
        &["demo"],
        &["completions"],
    ] {
        check_help(words, "Examples:");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = throng().args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("discover") && text.contains("quarantine"), "{shell}");
    }
}
