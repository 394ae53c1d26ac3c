//! From messages to a report, and that the same messages give the same bytes.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Shop, shared};

fn texts<'a>(values: &'a Value, key: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[key].as_str().unwrap()).collect()
}

#[test]
fn the_chain_leads_from_messages_to_a_report() {
    let shop = shared();
    let book = shop.json(["personas", "list"]);
    assert_eq!(book["outcome"], "found");
    let names = texts(&book["personas"], "name");
    assert!(names.len() >= 2, "{names:?}");
    let n_members: u64 = book["personas"].as_array().unwrap().iter().map(|p| p["n_customers"].as_u64().unwrap()).sum();
    assert_eq!(n_members + book["n_unassigned"].as_u64().unwrap(), book["n_customers"].as_u64().unwrap());
    let report = shop.folder().join("chain.html");
    shop.run(["report", "-o", report.to_str().unwrap()]);
    let page = fs::read_to_string(&report).unwrap();
    let shown = shop.run(["personas", "show"]);
    for name in names {
        assert!(page.contains(name), "the report lacks {name}");
        assert!(shown.contains(name), "the terminal lacks {name}");
    }
    assert!(!page.contains("<script"));
}

#[test]
fn everything_that_is_stored_can_be_computed_again() {
    let report = shared().json(["verify"]);
    assert_eq!(report["agrees"], true, "{report:#}");
    let compared = report["checks"].as_array().unwrap().iter().map(|check| check["n_compared"].as_u64().unwrap());
    assert!(compared.min().unwrap() > 0);
}

#[test]
fn a_changed_feature_is_found_by_verify() {
    let shop = Shop::discovered();
    let config = shop.home().join("throng.toml");
    let text = fs::read_to_string(&config).unwrap();
    // The stored numbers are then those of another definition.
    let changed = text.replacen("window = \"30d\"", "window = \"31d\"", 1);
    assert_ne!(changed, text);
    fs::write(&config, changed).unwrap();
    let output = shop.command(["verify", "--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["agrees"], false);
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let outcomes = ["1", "2"].map(|threads| {
        let shop = Shop::empty();
        let run = |words: &[&str]| shop.run([&["--threads", threads], words].concat());
        run(&["import", "segment", crate::support::simulated_events().to_str().unwrap()]);
        run(&["features", "propose"]);
        run(&["discover", "--continuum", "cut"]);
        let features = shop.folder().join("features.parquet");
        run(&["features", "export", "-o", features.to_str().unwrap()]);
        (run(&["personas", "export"]), fs::read(features).unwrap(), run(&["personas", "show"]))
    });
    let [one, two] = outcomes;
    assert_eq!(one.0, two.0);
    assert!(one.1 == two.1, "the features differ");
    assert_eq!(one.2, two.2);
}

#[test]
fn personas_keep_their_ids_and_every_discovery_is_remembered() {
    let shop = Shop::simulated();
    shop.run(["features", "propose"]);
    let named = |book: &Value| -> Vec<(String, String)> {
        let personas = book["personas"].as_array().unwrap().iter();
        let text = |persona: &Value, key: &str| persona[key].as_str().unwrap().to_owned();
        // By id: of personas of about one size, either may be the larger.
        let named: BTreeSet<_> = personas.map(|persona| (text(persona, "id"), text(persona, "name"))).collect();
        named.into_iter().collect()
    };
    let first = shop.json(["discover", "--continuum", "cut"]);
    let again = shop.json(["discover", "--continuum", "cut", "--seed", "9"]);
    assert_eq!(named(&first), named(&again));
    // A refusal between two discoveries takes nobody's id away.
    shop.json(["discover", "--personas", "12", "--continuum", "refuse"]);
    let after = shop.json(["discover", "--continuum", "cut"]);
    assert_eq!(named(&first), named(&after));
    let history = shop.json(["personas", "history"]);
    let versions: Vec<u64> =
        history.as_array().unwrap().iter().map(|entry| entry["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    let kinds = history[1]["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap());
    assert!(kinds.clone().count() > 1 && kinds.clone().all(|kind| kind == "persisted"), "{history:#}");
    shop.json(["discover", "--continuum", "cut"]);
    assert_eq!(shop.json(["personas", "history"]).as_array().unwrap().len(), 4, "the same again is no news");
}

#[test]
fn personas_are_held_against_what_came_after() {
    let shop = Shop::simulated();
    shop.run(["features", "propose"]);
    let found = shop.json(["personas", "validate", "--days", "30", "--continuum", "cut"]);
    let silence = found["outcomes"].as_array().unwrap().iter().find(|outcome| outcome["what"] == "silence").unwrap();
    let groupings = silence["groupings"].as_array().unwrap();
    assert_eq!(groupings.len(), 7, "{found:#}");
    let opened = groupings.iter().filter(|grouping| grouping["name"].as_str().unwrap().ends_with(" sub-kinds"));
    assert_eq!(opened.count(), 1, "{found:#}");
    for grouping in groupings {
        let interval: Vec<f64> =
            grouping["explained"].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
        assert!(interval[1] <= interval[0] && interval[0] <= interval[2] && interval[2] <= 1.0, "{found:#}");
    }
    assert!(groupings[0]["explained"][0].as_f64().unwrap() > 0.05, "who was silent stays silent: {found:#}");
}

#[test]
fn personas_open_into_kinds_that_can_be_looked_at() {
    let shop = shared();
    let book = shop.json(["personas", "list"]);
    let personas = book["personas"].as_array().unwrap().iter();
    let kinds: Vec<(&str, &Value)> = personas
        .flat_map(|persona| {
            let kinds = persona["sub_kinds"].as_array().unwrap().iter();
            kinds.map(|kind| (persona["id"].as_str().unwrap(), kind))
        })
        .collect();
    assert!(!kinds.is_empty());
    for (persona, kind) in kinds {
        let id = kind["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{persona}.")), "{id} within {persona}");
        let shown = shop.run(["personas", "show", id]);
        assert!(shown.contains(id) && shown.contains("What sets them apart"), "{shown}");
    }
}

#[test]
fn customers_are_divided_by_the_method_that_was_asked_for() {
    let shop = Shop::simulated();
    shop.run(["features", "propose"]);
    let book = shop.json(["discover", "--personas", "3", "--method", "k-means", "--continuum", "cut"]);
    assert_eq!((&book["method"], &book["outcome"]), (&Value::from("k-means"), &Value::from("found")), "{book:#}");
    assert_eq!(shop.json(["sql", "SELECT method FROM models"])[0]["method"], "k-means");
    assert_eq!(shop.json(["verify"])["agrees"], true);
    let complaint = shop.fail(2, ["discover", "--personas", "3", "--method", "hdbscan"]);
    assert!(complaint.contains("leave the number to auto"), "{complaint}");
}

#[test]
fn what_was_said_of_customers_is_held_against_what_came() {
    let shop = shared();
    let found = shop.json(["personas", "reliability"]);
    let complete = &found["complete"];
    let n_customers = complete["n_customers"].as_u64().unwrap();
    let in_bins = complete["bins"].as_array().unwrap().iter().map(|bin| bin["n_customers"].as_u64().unwrap());
    assert_eq!(in_bins.sum::<u64>(), n_customers);
    assert!(complete["accuracy"][0].as_f64().unwrap() > complete["accuracy_of_largest"].as_f64().unwrap());
    let tellers = shop.json(["sql", "SELECT DISTINCT \"by\" FROM memberships WHERE \"by\" <> 'mixture'"]);
    let by_hybrid = found["partial_by"] == "hybrid";
    assert!(by_hybrid || tellers.as_array().unwrap().is_empty(), "{tellers:#}");
}

#[test]
fn a_fixed_number_of_personas_is_kept_to() {
    let shop = Shop::simulated();
    shop.run(["features", "propose"]);
    let book = shop.json(["discover", "--personas", "3", "--seed", "1"]);
    if book["outcome"] == "found" {
        assert_eq!(book["personas"].as_array().unwrap().len(), 3);
    }
    assert_eq!(book["seed"], 1);
    assert_eq!(book["candidates"].as_array().unwrap().len(), 1);
}

#[test]
fn too_few_customers_are_an_answer_and_no_error() {
    let shop = Shop::empty();
    let mut rows = String::from("customer_id,order_date,total\n");
    for customer in 0..30 {
        rows.push_str(&format!("c{customer},2024-03-{:02},{}\n", customer % 28 + 1, customer * 3 + 5));
    }
    let table = shop.file("orders.csv", rows);
    shop.run(["import", "table", table.to_str().unwrap(), "--currency", "EUR"]);
    shop.run(["features", "propose"]);
    let book = shop.json(["discover"]);
    assert_eq!(book["outcome"], "refused");
    assert_eq!(book["refusal"]["reason"], "too_few_customers");
    let text = shop.run(["personas", "list"]);
    assert!(text.contains("too few"), "{text}");
    let report = shop.folder().join("refused.html");
    shop.run(["report", "-o", report.to_str().unwrap()]);
    assert!(fs::read_to_string(report).unwrap().contains("too few"));
}

#[test]
fn an_edited_catalogue_is_only_replaced_when_asked() {
    let shop = Shop::simulated();
    assert_eq!(shop.json(["features", "propose"])["written"], true);
    let config = shop.home().join("throng.toml");
    let edited = fs::read_to_string(&config).unwrap().replacen("phrase = \"orders\"", "phrase = \"sales\"", 1);
    fs::write(&config, &edited).unwrap();
    assert_eq!(shop.json(["features", "propose"])["written"], false);
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);
    assert_eq!(shop.json(["features", "propose", "--dry-run"])["written"], false);
    assert_eq!(shop.json(["features", "propose", "--write"])["written"], true);
    assert!(!fs::read_to_string(&config).unwrap().contains("\"sales\""));
}

#[test]
fn paths_transitions_and_funnels_agree() {
    let shop = shared();
    let paths = shop.json(["journeys", "paths", "--top", "1000000"]);
    let listed: u64 = paths["paths"].as_array().unwrap().iter().map(|path| path["n_journeys"].as_u64().unwrap()).sum();
    assert_eq!(listed, paths["n_journeys"].as_u64().unwrap());
    let funnel = shop.json(["journeys", "funnel", "Product Viewed", "Order Completed", "--within", "999d"]);
    let steps = funnel["steps"].as_array().unwrap();
    let reached: Vec<u64> = steps.iter().map(|step| step["n_customers"].as_u64().unwrap()).collect();
    let viewers = shop.number(
        "SELECT count(DISTINCT profile_of(user_id, anonymous_id)) AS n FROM events WHERE event = 'Product Viewed'",
    );
    assert_eq!(reached[0], viewers);
    assert!(reached[1] <= reached[0]);
    let transitions = shop.json(["journeys", "transitions"]);
    let from_start: u64 = transitions["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|transition| transition["from"] == "(start)")
        .map(|transition| transition["n_transitions"].as_u64().unwrap())
        .sum();
    assert_eq!(from_start, transitions["n_journeys"].as_u64().unwrap());
}

#[test]
fn journeys_of_the_personas_are_parts_of_all_journeys() {
    let shop = shared();
    let n_journeys = |words: &[&str]| shop.json(words)["n_journeys"].as_u64().unwrap();
    let book = shop.json(["personas", "list"]);
    let of_personas: u64 =
        texts(&book["personas"], "id").into_iter().map(|id| n_journeys(&["journeys", "paths", "--persona", id])).sum();
    assert!(0 < of_personas && of_personas <= n_journeys(&["journeys", "paths"]));
}

#[test]
fn a_profile_is_found_by_any_of_its_ids() {
    let shop = shared();
    let rows =
        shop.json(["sql", "SELECT profile_id, kind, value FROM identities WHERE profile_id LIKE 'u:%' LIMIT 20"]);
    for row in rows.as_array().unwrap() {
        let profile = shop.json(["profile", row["value"].as_str().unwrap()]);
        assert_eq!(profile["profile_id"], row["profile_id"], "{row}");
        let shares = profile["membership"]["personas"].as_array().unwrap();
        let sum: f64 = shares.iter().map(|persona| persona["share"].as_f64().unwrap()).sum();
        assert!((sum + profile["membership"]["unassigned"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{profile}");
    }
}

#[test]
fn the_simulator_repeats_itself() {
    let shop = Shop::empty();
    let simulate = |name: &str| {
        let words = ["simulate", "--customers", "20", "--days", "40", "--seed", "3", "-o", name];
        shop.run(words);
        let folder = shop.folder().join(name);
        (fs::read(folder.join("events.ndjson")).unwrap(), fs::read_to_string(folder.join("truth.csv")).unwrap())
    };
    let (events, truth) = simulate("first");
    assert_eq!(truth.lines().count(), 21);
    assert!((events, truth) == simulate("second"));
}
