//! `throng audit` on the real binary: what it says, in which form, and with which status.

use std::fs;

use crate::support::{Shop, shared};

/// A shop with a name that tries to act on whoever reads it, in everything an audit shows.
fn hostile() -> Shop {
    let shop = Shop::empty();
    let mut lines = String::new();
    let mut id = 0;
    for (name, n) in [("\\u001b[31mRed <b>\\u0007", 40), ("\\u001b[31mred <b>\\u0007", 20), ("'; DROP | x", 5)] {
        for customer in 0..n {
            id += 1;
            lines.push_str(&format!(
                "{{\"type\":\"track\",\"event\":\"{name}\",\"userId\":\"c{customer}\\u202e<script>\",\
                 \"timestamp\":\"2024-03-{:02}T10:{customer:02}:00Z\",\"messageId\":\"{id}\\u001b[2J\"}}\n",
                1 + customer % 20
            ));
        }
    }
    lines.push_str("{\"type\":\"\\u001b[2J<img>\",\"userId\":\"c1\"}\n");
    shop.file("hostile.ndjson", lines);
    shop.run(["import", "segment", "hostile.ndjson"]);
    shop
}

#[test]
fn hostile_names_act_neither_on_the_terminal_nor_in_markdown() {
    let shop = hostile();
    for format in ["text", "markdown"] {
        let text = shop.run(["audit", "--format", format]);
        assert!(text.contains("event-spelled-twice") && text.contains("rows-unreadable"), "{text}");
        let acting = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(acting, None, "{text}");
    }
    let markdown = shop.run(["audit", "--format", "markdown"]);
    assert!(!markdown.contains("<img>") && !markdown.contains("<b>"), "{markdown}");
}

#[test]
fn the_document_has_what_the_text_has() {
    let document = hostile().json(["audit"]);
    assert_eq!(document["n_events"], 65);
    assert_eq!(document["n_quarantined"], 1);
    let twice = document["findings"].as_array().unwrap().iter().find(|f| f["code"] == "event-spelled-twice").unwrap();
    assert_eq!((twice["count"].as_u64(), twice["whole"].as_u64()), (Some(20), Some(60)));
    assert_eq!(twice["examples"].as_array().unwrap().len(), 2);
    for key in ["verdict", "checks", "coverage", "sufficiency", "first_day", "last_day"] {
        assert!(!document[key].is_null(), "{key}");
    }
}

#[test]
fn the_query_of_a_finding_runs() {
    let shop = hostile();
    let document = shop.json(["audit"]);
    for finding in document["findings"].as_array().unwrap() {
        let rows = shop.json(["sql", finding["query"].as_str().unwrap()]);
        assert!(!rows.as_array().unwrap().is_empty(), "{finding}");
    }
}

#[test]
fn a_grave_finding_fails_only_when_it_is_asked_to() {
    let known = "{\"type\":\"page\",\"userId\":\"c1\",\"messageId\":\"1\",\"timestamp\":\"2024-03-01T10:00:00Z\"}\n";
    let unknown = "{\"type\":\"page\",\"messageId\":\"2\",\"timestamp\":\"2024-03-01T10:00:00Z\"}\n";
    let status = |shop: &Shop, words: &[&str]| shop.command(words).output().unwrap().status.code();
    let shop = Shop::empty();
    shop.file("events.ndjson", format!("{known}{unknown}"));
    shop.run(["import", "segment", "events.ndjson"]);
    assert_eq!(status(&shop, &["audit"]), Some(0));
    assert_eq!(status(&shop, &["audit", "--fail-on", "critical"]), Some(1));
    assert_eq!(status(&shop, &["audit", "--fail-on", "boredom"]), Some(2));
    let clean = Shop::empty();
    clean.file("events.ndjson", known);
    clean.run(["import", "segment", "events.ndjson"]);
    assert_eq!(status(&clean, &["audit", "--fail-on", "note"]), Some(0));
}

#[test]
fn an_empty_home_is_told_what_to_import() {
    let complaint = Shop::empty().fail(1, ["audit"]);
    assert!(complaint.contains("no events yet") && complaint.contains("throng import"), "{complaint}");
}

#[test]
fn the_report_says_whether_the_data_can_be_trusted() {
    let shop = shared();
    let path = shop.folder().join("audited.html");
    shop.run(["report", "-o", path.to_str().unwrap()]);
    let page = fs::read_to_string(path).unwrap();
    for words in ["Can we trust this data?", "Is it enough?", "programs that say so in their user agent"] {
        assert!(page.contains(words), "{words}");
    }
}
