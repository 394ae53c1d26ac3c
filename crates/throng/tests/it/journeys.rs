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
fn a_pattern_chooses_the_customers_of_any_question() {
    let shop = shared();
    let wanted = "Product Added -> .* -> Order Completed";
    let n_followers = n(&rows(&shop.json(words(&["pattern", wanted], &[])), "patterns")[0], "n_customers");
    let n_all = n(&shop.json(words(&["touchpoints"], &[])), "n_customers");
    assert!(0 < n_followers && n_followers < n_all, "{n_followers} of {n_all}");
    let asked = shop.json(words(&["funnel", "Product Added", "Order Completed"], &["--follows", wanted]));
    assert_eq!(asked["selection"]["follows"], wanted);
    assert_eq!(asked["steps"][0]["n_customers"], n_followers);
    assert_eq!(asked["steps"][1]["n_customers"], n_followers, "whose journeys go there arrive");
    let complaint = shop.fail(2, words(&["paths"], &["--follows", "Product Added -> ["]));
    assert!(complaint.contains("pattern --help"), "{complaint}");
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

/// A line of an export: who, what, at which minute, and more of it.
fn line(customer: u32, event: &str, minute: u32, properties: &Value) -> String {
    let message = serde_json::json!({
        "type": "track",
        "event": event,
        "userId": format!("c{customer}"),
        "timestamp": format!("2024-03-{:02}T{:02}:{:02}:00Z", customer % 28 + 1, 10 + minute / 60, minute % 60),
        "messageId": format!("{customer}-{event}-{minute}"),
        "properties": properties,
    });
    format!("{message}\n")
}

#[test]
fn what_was_known_when_they_entered_is_correlated_and_what_came_of_it_is_not() {
    let shop = Shop::empty();
    let mut lines = String::new();
    for customer in 0..400 {
        let plan = ["basic", "pro"][usize::from(customer % 2 == 0)];
        // Those on pro nearly all order; the plan is told before, and another one after.
        let orders = if customer % 2 == 0 { customer % 10 != 0 } else { customer % 10 == 1 };
        lines += &line(customer, "Signed In", 0, &serde_json::json!({ "plan": plan }));
        let view = serde_json::json!({ "price": customer % 40, "page_number": customer });
        lines += &line(customer, "Product Viewed", 5, &view);
        if orders {
            lines += &line(customer, "Order Completed", 9, &serde_json::json!({ "coupon": "spring" }));
        }
        lines += &line(customer, "Signed In", 15, &serde_json::json!({ "plan": if orders { "gold" } else { "iron" } }));
    }
    shop.file("plans.ndjson", lines);
    shop.run(["import", "segment", "plans.ndjson"]);
    let funnel = ["journeys", "funnel", "Product Viewed", "Order Completed", "--correlations"];
    let found = shop.json(funnel);
    let properties = rows(&found, "properties");
    let of = |value: &str| properties.iter().find(|row| row["property"] == "p_plan" && row["value"] == value);
    let (pro, basic) = (of("pro").unwrap(), of("basic").unwrap());
    assert_eq!((n(pro, "n_with"), n(basic, "n_with")), (200, 200));
    assert!(
        (pro["with"].as_f64().unwrap() - 0.8).abs() < 1e-12 && (pro["without"].as_f64().unwrap() - 0.2).abs() < 1e-12
    );
    assert!((pro["effect"].as_f64().unwrap() - 0.6).abs() < 1e-12 && pro["q_value"].as_f64().unwrap() < 1e-9);
    assert!((basic["effect"].as_f64().unwrap() + 0.6).abs() < 1e-12);
    assert!(of("gold").is_none() && of("iron").is_none(), "what is told later explains nothing");
    assert!(properties.iter().all(|row| row["property"] != "p_coupon"), "{properties:#?}");
    let key = ["--customers", "p_plan = pro"];
    let listed = shop.json([&funnel[..], &key].concat());
    assert_eq!(n(&listed["groups"][0], "n_customers"), 200);
    let text = shop.run(funnel);
    assert!(text.contains("What was known when they entered") && text.contains("p_plan"), "{text}");
}

#[test]
fn chance_alone_correlates_with_nothing() {
    let shop = Shop::empty();
    let mut lines = String::new();
    for customer in 0..400 {
        // Neither the price nor the colour has to do with ordering.
        let view = serde_json::json!({ "price": customer / 4 % 50, "colour": format!("colour {}", customer / 4 % 5) });
        lines += &line(customer, "Product Viewed", 5, &view);
        if customer % 4 == 0 {
            lines += &line(customer, "Order Completed", 9, &serde_json::json!({}));
        }
    }
    shop.file("views.ndjson", lines);
    shop.run(["import", "segment", "views.ndjson"]);
    let found = shop.json(["journeys", "funnel", "Product Viewed", "Order Completed", "--correlations"]);
    assert_eq!(rows(&found, "properties").len() + rows(&found, "correlations").len(), 0, "{found:#}");
}

const BOTH: [&str; 4] = ["--persona", "p1", "--persona", "p2"];

#[test]
fn how_long_it_takes_two_groups_is_tested_by_the_log_rank_test() {
    let shop = shared();
    let survival = ["survival", "--to", "Order Completed"];
    let found = shop.json(words(&survival, &BOTH));
    let number = |key: &str| found["test"][key].as_f64().unwrap();
    assert!(number("low") < number("rate_ratio") && number("rate_ratio") < number("high"), "{:#}", found["test"]);
    // The interval is around the ratio where the test is at its edge, so both say the same.
    assert_eq!(number("p_value") < 0.05, number("low") > 1.0 || number("high") < 1.0);
    let turned = shop.json(words(&survival, &["--persona", "p2", "--persona", "p1"]));
    assert!((turned["test"]["rate_ratio"].as_f64().unwrap() * number("rate_ratio") - 1.0).abs() < 1e-9);
    assert!(shop.run(words(&survival, &BOTH)).contains("log-rank"));
    let few = shop.run(words(&survival, &["--before-after", "2024-01-02"]));
    assert!(few.contains("log-rank") || few.contains("too few"), "{few}");
}

#[test]
fn shares_of_customers_stand_beside_numbers_that_have_no_test() {
    let shop = shared();
    let attribution = ["attribution", "--goal", "Order Completed"];
    for (command, table) in
        [(&attribution[..], "led"), (&["lifecycle"], "stayed"), (&["next", "Product Viewed"], "went_on")]
    {
        let found = shop.json(words(command, &BOTH));
        let tested = rows(&found, table).iter().filter(|row| row["difference"].is_object()).count();
        assert!(tested > 0, "{command:?} {found:#}");
        let row = &rows(&found, table)[0];
        let listed = shop.json(words(command, &[&BOTH[..], &["--customers", row["key"].as_str().unwrap()]].concat()));
        for (group, listed) in rows(row, "groups").iter().zip(rows(&listed, "groups")) {
            assert!(n(group, "n_customers") <= n(group, "of"));
            assert!(n(listed, "n_customers") > 0);
        }
        let text = shop.run(words(command, &BOTH));
        assert!(text.contains("is not tested") && text.contains("two-proportion"), "{text}");
    }
    assert!(shop.run(words(&["typical"], &BOTH)).contains("is not tested"));
}

#[test]
fn a_kind_within_a_persona_is_asked_about_by_its_id() {
    let shop = shared();
    let kinds = shop.json([
        "sql",
        "SELECT persona_id, within, count(*) AS n FROM sub_kind_members \
         WHERE persona_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1",
    ]);
    let kinds = kinds.as_array().unwrap();
    assert!(!kinds.is_empty(), "a persona of the shop opens into kinds");
    for kind in kinds.iter().take(2) {
        let (id, within) = (kind["persona_id"].as_str().unwrap(), kind["within"].as_str().unwrap());
        let found = shop.json(words(&["touchpoints"], &["--persona", id]));
        assert_eq!(found["persona"], id);
        assert_eq!(n(&found, "n_customers"), n(kind, "n"), "everybody of the shop did something");
        let both = shop.json(words(&["paths"], &["--persona", id, "--persona", within]));
        assert_eq!(rows(&both, "groups").len(), 2);
    }
    shop.fail(2, words(&["touchpoints"], &["--persona", "p1.99"]));
}
