//! Models are kept, say again what they said, and give way to each other one step at a time.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Shop, errors, shared};

/// Returns the models and what they are used for.
fn roles(shop: &Shop) -> Vec<(String, Value)> {
    let models = shop.json(["model", "list"]);
    let role = |entry: &Value| (entry["version"].as_str().unwrap().to_owned(), entry["role"].clone());
    models.as_array().unwrap().iter().map(role).collect()
}

fn live(shop: &Shop) -> String {
    let live = roles(shop).into_iter().find(|(_, role)| role == "live");
    live.unwrap().0
}

#[test]
fn kept_model_says_again_what_the_discovery_said() {
    let shop = shared();
    let models = shop.json(["model", "list"]);
    assert_eq!(roles(shop), [("m1".to_owned(), json!("live"))]);
    let book = shop.json(["personas", "list"]);
    let names = |personas: &Value| -> Vec<(Value, Value, Value)> {
        let personas = personas.as_array().unwrap().iter();
        personas.map(|one| (one["id"].clone(), one["name"].clone(), one["n_customers"].clone())).collect()
    };
    assert_eq!(names(&models[0]["personas"]), names(&book["personas"]));
    assert_eq!((&models[0]["as_of"], &models[0]["n_customers"]), (&book["as_of"], &book["n_customers"]));
    assert!(models[0]["made_at"].as_str().unwrap().starts_with("20"));
    let compared = shop.json(["model", "compare", "m1", "m1"]);
    assert_eq!((&compared["agreement"], &compared["n_moved"]), (&json!(1.0), &json!(0)));
    // Everybody counts for the persona that the table says, short histories included.
    let rows = shop.json(["sql", "SELECT persona_id, count(*) AS n FROM memberships GROUP BY persona_id"]);
    let table: BTreeMap<String, u64> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["persona_id"].to_string(), row["n"].as_u64().unwrap()))
        .collect();
    let flows = compared["flows"].as_array().unwrap().iter();
    let kept: BTreeMap<String, u64> =
        flows.map(|flow| (flow["to"].to_string(), flow["n_customers"].as_u64().unwrap())).collect();
    assert_eq!(kept, table);
    let shown = shop.run(["model", "show"]);
    assert!(shown.contains("m1, live") && shown.contains("It reads"), "{shown}");
    let whole = shop.json(["model", "show", "m1"]);
    assert!(whole["n_bytes"].as_u64().unwrap() > 500 && !whole["features"].as_array().unwrap().is_empty());
}

#[test]
fn later_models_wait_and_steps_back_are_steps_back() {
    let shop = Shop::discovered();
    let three = ["discover", "--continuum", "cut", "--personas", "3"];
    let said = shop.command(three).output().unwrap();
    assert!(errors(&said).contains("throng model promote m2"), "{}", errors(&said));
    assert_eq!(roles(&shop), [("m1".to_owned(), json!("live")), ("m2".to_owned(), Value::Null)]);
    // The same made again is the same model.
    shop.run(three);
    let n_kept = roles(&shop).len();
    shop.run(three);
    assert_eq!(roles(&shop).len(), n_kept);
    shop.fail(1, ["model", "rollback"]);
    shop.fail(1, ["model", "promote", "m1"]);
    shop.fail(1, ["model", "promote", "m77"]);
    shop.fail(2, ["model", "promote", "77"]);
    assert_eq!(shop.json(["model", "shadow", "m2"]), json!({ "live": "m1", "shadow": "m2" }));
    assert_eq!(shop.json(["model", "promote", "m2"]), json!({ "live": "m2", "shadow": null }));
    shop.fail(1, ["model", "shadow", "m2"]);
    assert_eq!(shop.json(["model", "shadow", "m1"]), json!({ "live": "m2", "shadow": "m1" }));
    assert_eq!(shop.json(["model", "shadow", "none"]), json!({ "live": "m2", "shadow": null }));
    assert_eq!(shop.json(["model", "rollback"]), json!({ "live": "m1", "shadow": null }));
    // Nothing that was decided is forgotten.
    assert_eq!(shop.number("SELECT count(*) AS n FROM model_roles"), 5);
    let compared = shop.json(["model", "compare", "m1", "m2"]);
    assert!(compared["n_moved"].as_u64().unwrap() > 0 && compared["agreement"].as_f64().unwrap() < 1.0);
    assert!(!compared["examples"].as_array().unwrap().is_empty());
    let text = shop.run(["model", "compare", "m1", "m2"]);
    assert!(text.contains("Adjusted Rand index") && text.contains("For example"), "{text}");
}

#[test]
fn automatic_promotion_and_another_catalogue_are_no_obstacle() {
    let shop = Shop::discovered();
    let path = shop.home().join("throng.toml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains("promote = \"manual\""));
    // Without the last feature of the catalogue, and with another window in the first that has one.
    let last = config.rfind("[[feature]]").unwrap();
    let changed = config[..last].replace("promote = \"manual\"", "promote = \"automatic\"");
    let changed = changed.replacen("window = \"90d\"", "window = \"60d\"", 1);
    fs::write(&path, changed).unwrap();
    shop.run(["discover", "--continuum", "cut"]);
    assert_eq!(live(&shop), "m2");
    let compared = shop.json(["model", "compare", "m1", "m2"]);
    assert_eq!(compared["n_customers"].as_u64().unwrap(), shop.number("SELECT count(*) AS n FROM features"));
    fs::write(&path, config.replace("promote = \"manual\"", "promote = \"never\"")).unwrap();
    assert!(shop.fail(1, ["model", "list"]).contains("promote"));
}

#[test]
fn home_without_models_says_so() {
    let shop = Shop::simulated();
    assert!(shop.run(["model", "list"]).contains("no model yet"));
    assert_eq!(shop.json(["model", "list"]), json!([]));
    assert!(shop.fail(1, ["model", "show"]).contains("throng discover"));
    assert!(shop.fail(1, ["model", "rollback"]).contains("throng discover"));
}
