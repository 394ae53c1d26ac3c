//! What customers do one after the other: every command on a simulated shop, whose
//! customers are behind the numbers, and groups side by side.

use std::fs;

use serde_json::Value;

use crate::support::{Shop, shared};

const FUNNEL: [&str; 3] = ["Product Viewed", "Product Added", "Order Completed"];

/// Every command with what it needs to be asked.
const COMMANDS: [&[&str]; 15] = [
    &["touchpoints"],
    &["paths"],
    &["flow", "Product Added"],
    &["flow", "--anchor-last"],
    &["loops"],
    &["typical"],
    &["pattern", "\"Product Viewed\" -> .* -> \"Order Completed\""],
    &["funnel", "Product Viewed", "Product Added", "Order Completed", "--within", "7d", "--correlations"],
    &["transitions", "--goal", "Order Completed"],
    &[
        "attribution",
        "--goal",
        "Order Completed",
        "--by",
        "channel",
        "--model",
        "first,last,time-decay,position,shapley",
    ],
    &["retention"],
    &["lifecycle"],
    &["survival", "--to", "Order Completed"],
    &["friction", "--goal", "Order Completed"],
    &["next", "Product Viewed"],
];

fn words<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["journeys"], words, more].concat()
}

fn rows<'a>(document: &'a Value, key: &str) -> &'a Vec<Value> {
    document[key].as_array().unwrap()
}

fn n(value: &Value, key: &str) -> u64 {
    let n = value[key].as_u64();
    assert!(n.is_some(), "{key} in {value:#}");
    n.unwrap_or_default()
}

/// Checks that `--customers` gives as many for each row as the row says.
fn check_customers(command: &[&str], table: &str) {
    let shop = shared();
    let answer = shop.json(words(command, &[]));
    for row in rows(&answer, table).iter().take(4) {
        let key = row["key"].as_str().unwrap();
        let listed = shop.json(words(command, &["--customers", key]));
        let group = &listed["groups"][0];
        assert_eq!(n(group, "n_customers"), n(row, "n_customers"), "{command:?} {key}");
        assert_eq!(rows(group, "customers").len(), usize::try_from(n(row, "n_customers")).unwrap());
    }
}

#[test]
fn every_command_answers_in_every_format() {
    let shop = shared();
    for command in COMMANDS {
        assert!(shop.json(words(command, &[])).is_object(), "{command:?}");
        let text = shop.run(words(command, &[]));
        assert!(text.contains("│"), "{command:?}\n{text}");
        let markdown = shop.run(words(command, &["--format", "markdown"]));
        assert!(markdown.starts_with("## ") && markdown.contains("|--"), "{command:?}\n{markdown}");
    }
}

#[test]
fn every_command_holds_two_periods_side_by_side() {
    let shop = shared();
    for command in COMMANDS {
        let document = shop.json(words(command, &["--before-after", "2024-04-01"]));
        assert_eq!(rows(&document, "groups").len(), 2, "{command:?}");
        let text = shop.run(words(command, &["--before-after", "2024-04-01"]));
        assert!(text.contains("before 1 April 2024") && text.contains("from 1 April 2024"), "{command:?}\n{text}");
    }
}

#[test]
fn the_customers_behind_a_row_are_as_many_as_it_says() {
    check_customers(&["touchpoints"], "touchpoints");
    check_customers(&["paths"], "paths");
    check_customers(&["paths", "--within", "history", "--steps", "2"], "paths");
    check_customers(&["flow", "Product Added"], "nodes");
    check_customers(&["flow", "Product Added", "--within", "day"], "edges");
    check_customers(&["loops"], "loops");
    check_customers(&["loops"], "back_and_forths");
    check_customers(&["typical"], "journeys");
    check_customers(&["pattern", "start -> \"Product Viewed\"+"], "patterns");
    check_customers(&["transitions"], "transitions");
    check_customers(&["funnel", FUNNEL[0], FUNNEL[1], FUNNEL[2]], "steps");
}

#[test]
fn lost_customers_and_those_of_rest_and_end_can_be_listed() {
    let shop = shared();
    let count =
        |command: &[&str], key: &str| n(&shop.json(words(command, &["--customers", key]))["groups"][0], "n_customers");
    let funnel = ["funnel", FUNNEL[0], FUNNEL[1], FUNNEL[2]];
    let steps = shop.json(words(&funnel, &[]));
    let steps = rows(&steps, "steps");
    assert_eq!(count(&funnel, "product added -> LOST"), n(&steps[1], "n_customers") - n(&steps[2], "n_customers"));
    assert_eq!(count(&funnel, "2"), n(&steps[1], "n_customers"));
    assert!(count(&["paths", "--top", "2"], "(other)") > 0);
    assert!(count(&["flow", "Product Added", "--top", "1"], "+1: (other)") > 0);
    assert!(count(&["flow", "Product Added"], "+1: (end)") > 0);
    let friction = shop.json(words(&["friction", "--goal", "Order Completed"], &[]));
    let step = &rows(&friction, "steps")[0];
    let key = format!("{} -> lost", step["name"].as_str().unwrap());
    assert_eq!(count(&["friction", "--goal", "Order Completed"], &key), n(step, "n_customers_lost"));
    let survival = shop.json(words(&["survival", "--to", "Order Completed"], &[]));
    assert_eq!(count(&["survival", "--to", "Order Completed"], "lasting"), n(&survival, "n_lasting"));
    let lifecycle = shop.json(words(&["lifecycle"], &[]));
    let span = rows(&lifecycle, "spans").last().unwrap();
    assert_eq!(count(&["lifecycle"], &format!("{} -> dormant", span["from"].as_str().unwrap())), n(span, "n_dormant"));
    let retention = shop.json(words(&["retention"], &[]));
    let all = rows(&retention, "rows").last().unwrap();
    let first = &rows(all, "retained")[0];
    assert_eq!(count(&["retention"], &format!("all -> {}", first["days"].as_str().unwrap())), n(first, "n_retained"));
}

#[test]
fn customers_are_written_to_csv_and_parquet_and_nothing_else() {
    let shop = shared();
    let table = shop.folder().join("viewers.csv");
    let command = ["journeys", "touchpoints", "--customers", "Product Viewed", "--out"];
    shop.run([&command[..], &[table.to_str().unwrap()]].concat());
    let text = fs::read_to_string(&table).unwrap();
    let viewers = shop.number(
        "SELECT count(DISTINCT profile_of(user_id, anonymous_id)) AS n FROM events WHERE event = 'Product Viewed'",
    );
    assert_eq!(text.lines().count(), usize::try_from(viewers).unwrap() + 1);
    let parquet = shop.folder().join("viewers.parquet");
    shop.run([&command[..], &[parquet.to_str().unwrap()]].concat());
    assert!(fs::read(parquet).unwrap().starts_with(b"PAR1"));
    let complaint = shop.fail(2, [&command[..], &["viewers.xlsx"]].concat());
    assert!(complaint.contains(".csv"), "{complaint}");
    shop.fail(2, ["journeys", "touchpoints", "--out", "viewers.csv"]);
}

#[test]
fn two_personas_stand_side_by_side_with_their_difference() {
    let shop = shared();
    let both = ["--persona", "p1", "--persona", "p2"];
    let document = shop.json(words(&["touchpoints"], &both));
    let [first, second] = ["p1", "p2"].map(|id| shop.json(words(&["touchpoints"], &["--persona", id])));
    for row in rows(&document, "touchpoints") {
        let key = row["key"].as_str().unwrap();
        for (group, alone) in rows(row, "groups").iter().zip([&first, &second]) {
            let listed = rows(alone, "touchpoints").iter().find(|row| row["key"] == key);
            assert_eq!(n(group, "n_customers"), listed.map_or(0, |row| n(row, "n_customers")), "{key}");
            assert_eq!(n(group, "of"), n(alone, "n_customers"));
        }
        let shares: Vec<f64> = rows(row, "groups").iter().map(|group| group["share"].as_f64().unwrap()).collect();
        if let Some(estimate) = row["difference"]["estimate"].as_f64() {
            assert!((estimate - (shares[0] - shares[1])).abs() < 1e-12);
            assert!(row["difference"]["q_value"].as_f64() >= row["difference"]["p_value"].as_f64());
        }
    }
    let listed = shop.json(words(&["touchpoints"], &[&both[..], &["--customers", "Product Viewed"]].concat()));
    let ids = |group: usize| rows(&listed["groups"][group], "customers").clone();
    assert!(!ids(0).is_empty() && ids(0).iter().all(|id| !ids(1).contains(id)));
    shop.fail(2, words(&["paths"], &["--persona", "p1", "--persona", "p2", "--persona", "p3"]));
    shop.fail(2, words(&["paths"], &["--persona", "p1", "--persona", "p2", "--before-after", "2024-03-01"]));
}

#[test]
fn what_was_before_a_day_and_what_from_it_on_is_everything() {
    let shop = shared();
    let whole = n(&shop.json(words(&["touchpoints"], &[])), "n_events");
    let parts = shop.json(words(&["touchpoints"], &["--before-after", "2024-04-01"]));
    let parts: u64 = rows(&parts, "groups").iter().map(|group| n(group, "n_events")).sum();
    assert_eq!(parts, whole);
    let since = n(&shop.json(words(&["touchpoints"], &["--since", "2024-04-01"])), "n_events");
    let until = n(&shop.json(words(&["touchpoints"], &["--until", "2024-03-31"])), "n_events");
    assert_eq!(since + until, whole);
}

#[test]
fn an_audience_is_a_condition_over_features() {
    let shop = shared();
    let n_all = n(&shop.json(words(&["touchpoints"], &[])), "n_customers");
    let some = n(&shop.json(words(&["touchpoints"], &["--audience", "orders > 2"])), "n_customers");
    let others = n(&shop.json(words(&["touchpoints"], &["--audience", "NOT orders > 2"])), "n_customers");
    assert!(0 < some && some < n_all && some + others == n_all, "{some} {others} {n_all}");
    let complaint = shop.fail(1, words(&["paths"], &["--audience", "no_such_feature > 2"]));
    assert!(complaint.contains("no_such_feature"), "{complaint}");
}

#[test]
fn nothing_to_show_is_said_and_what_to_do() {
    let shop = shared();
    for more in [&["--since", "2031-01-01"][..], &["--audience", "orders < 0"], &["--until", "2001-01-01"]] {
        for command in COMMANDS {
            let complaint = shop.fail(2, words(command, more));
            assert!(complaint.contains("nobody did anything") && complaint.contains("hint"), "{complaint}");
        }
    }
    shop.fail(2, words(&["paths"], &["--since", "2024-03-02", "--until", "2024-03-01"]));
    for command in COMMANDS {
        let complaint = Shop::empty().fail(1, words(command, &[]));
        assert!(complaint.contains("throng import"), "{complaint}");
    }
}

#[test]
fn what_is_misspelt_is_wrong_usage_and_what_there_is_is_named() {
    let shop = shared();
    for command in [
        &["flow", "Product Sung"][..],
        &["paths", "--goal", "Product Sung"],
        &["pattern", "start -> \"Product Sung\""],
        &["pattern", "start -> ("],
        &["funnel", "Product Viewed", "Product Sung"],
        &["funnel", "Product Viewed"],
        &["funnel", "Product Viewed", "Order Completed", "--exclude", "Product Sung"],
        &["transitions", "--from", "Product Sung"],
        &["next", "Product Sung"],
        &["survival", "--to", "Product Sung"],
        &["friction", "--support", "Product Sung"],
        &["paths", "--customers", "99999"],
        &["paths", "--gap", "thirty"],
        &["funnel", "--within", "week"],
        &["retention", "--every", "5h"],
        &["retention", "--brackets", "9-1"],
        &["attribution", "--by", "kind"],
    ] {
        let complaint = shop.fail(2, words(command, &[]));
        assert!(complaint.contains("hint") || complaint.contains("--help"), "{command:?}\n{complaint}");
    }
}

#[test]
fn a_funnel_is_broken_down_by_persona_and_by_a_property() {
    let shop = shared();
    let funnel = ["funnel", FUNNEL[0], FUNNEL[1], FUNNEL[2], "--by"];
    let by_persona = shop.json(words(&funnel, &["persona"]));
    for part in rows(&by_persona, "by") {
        let id = part["name"].as_str().unwrap().split(' ').next().unwrap();
        let alone = shop.json(words(&["funnel", FUNNEL[0], FUNNEL[1], FUNNEL[2], "--persona", id], &[]));
        let reached: Vec<u64> = rows(&alone, "steps").iter().map(|step| n(step, "n_customers")).collect();
        assert_eq!(part["n_reached"], serde_json::json!(reached));
    }
    let by_channel = shop.json(words(&funnel, &["channel"]));
    let parts: u64 = rows(&by_channel, "by").iter().map(|part| n(part, "n_customers")).sum();
    let known = shop
        .number("SELECT count(DISTINCT profile_of(user_id, anonymous_id)) AS n FROM events WHERE channel IS NOT NULL");
    assert_eq!(parts, known);
    let complaint = shop.fail(1, words(&funnel, &["shoe_size"]));
    assert!(complaint.contains("shoe_size"), "{complaint}");
}

#[test]
fn proposed_rules_can_be_pasted_and_name_the_touchpoints() {
    let shop = Shop::simulated();
    let proposal = shop.run(["journeys", "touchpoints", "--propose"]);
    assert!(proposal.contains("[[journeys.touchpoints]]"), "{proposal}");
    let before = shop.json(["journeys", "touchpoints"]);
    let config = shop.home().join("throng.toml");
    // A catalogue stands at the end of the file: rules behind it survive its replacement.
    shop.run(["features", "propose"]);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n{proposal}")).unwrap();
    let after = shop.json(["journeys", "touchpoints"]);
    assert_eq!(n(&after, "n_events"), n(&before, "n_events"));
    assert!(rows(&after, "touchpoints").iter().any(|touchpoint| touchpoint["kind"].is_string()), "{after:#}");
    shop.run(["features", "propose", "--write"]);
    assert_eq!(shop.json(["journeys", "touchpoints"]), after);
    let total: u64 = rows(&shop.json(["journeys", "touchpoints", "--top", "1000"]), "touchpoints")
        .iter()
        .map(|touchpoint| n(touchpoint, "n_events"))
        .sum();
    assert_eq!(total, n(&after, "n_events"));
}

#[test]
fn credit_and_what_has_none_are_all_conversions() {
    let shop = shared();
    for by in ["touchpoint", "channel", "campaign"] {
        let command =
            ["attribution", "--goal", "Order Completed", "--by", by, "--top", "1000", "--model", "first,markov"];
        let found = shop.json(words(&command, &[]));
        for model in ["first", "markov"] {
            let credits =
                rows(&found, "credited").iter().map(|row| row["models"][model]["conversions"].as_f64().unwrap());
            let sum: f64 = credits.sum();
            #[expect(clippy::cast_precision_loss, reason = "a count of a small shop")]
            let whole = n(&found, "n_conversions") as f64;
            assert!((sum - whole).abs() < 1e-6, "{by} {model}: {sum} of {whole}");
        }
        let orders = shop.number("SELECT count(*) AS n FROM events WHERE event = 'Order Completed'");
        assert_eq!(n(&found, "n_conversions"), orders);
    }
}

#[test]
fn one_thread_and_two_give_the_same_answers() {
    let shop = shared();
    for command in COMMANDS {
        let [one, two] = ["1", "2"].map(|threads| shop.json(words(command, &["--threads", threads])));
        assert_eq!(one, two, "{command:?}");
    }
}

#[test]
fn customers_with_one_event_each_have_answers_too() {
    let shop = Shop::empty();
    let lines: String = (0..40)
        .map(|customer| {
            format!(
                "{{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"c{customer}\",\
                 \"timestamp\":\"2024-03-01T10:00:00Z\",\"messageId\":\"m{customer}\"}}\n"
            )
        })
        .collect();
    shop.file("one.ndjson", lines);
    shop.run(["import", "segment", "one.ndjson"]);
    for command in [
        &["touchpoints"][..],
        &["paths"],
        &["flow"],
        &["loops"],
        &["typical"],
        &["pattern", "start -> . -> end"],
        &["transitions"],
        &["retention"],
        &["lifecycle"],
        &["survival"],
        &["friction"],
        &["next"],
    ] {
        assert!(!shop.run(words(command, &[])).is_empty());
    }
    let paths = shop.json(["journeys", "paths"]);
    assert_eq!((n(&paths, "n_journeys"), n(&rows(&paths, "paths")[0], "n_customers")), (40, 40));
}
