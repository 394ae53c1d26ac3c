//! What is asked for pictures of customers: the map, the hours they do things at, how one went; and the notes
//! that stand beside.

use serde_json::{Value, json};

use crate::support::{Shop, shared};

fn sum(values: &Value) -> u64 {
    values.as_array().unwrap().iter().map(|value| value.as_u64().unwrap_or_else(|| sum(value))).sum()
}

#[test]
fn everybody_is_on_the_map_once() {
    let shop = shared();
    let everybody = shop.json(["personas", "list"])["n_customers"].clone();
    let map = shop.json(["personas", "map", "--squares", "20"]);
    assert_eq!(map["n_customers"], everybody);
    let mut of_personas = std::collections::BTreeMap::<String, u64>::new();
    for square in map["squares"].as_array().unwrap() {
        let (column, row) = (square[0].as_u64().unwrap(), square[1].as_u64().unwrap());
        assert!(column < 20 && row < 20, "{square}");
        *of_personas.entry(square[2].to_string()).or_default() += square[3].as_u64().unwrap();
    }
    for middle in map["middles"].as_array().unwrap() {
        assert_eq!(of_personas.remove(&middle["persona"].to_string()).unwrap(), middle["n_customers"], "{middle}");
    }
    assert!(of_personas.is_empty(), "{of_personas:?}");
    // The axes are in the order of how much they show, and say what they mean.
    let share = |axis_idx: usize| map["axes"][axis_idx]["share"].as_f64().unwrap();
    assert!(share(0) >= share(1) && share(1) > 0.0 && share(0) + share(1) <= 1.0 + 1e-9, "{}", map["axes"]);
    assert!(!map["axes"][0]["features"].as_array().unwrap().is_empty(), "{}", map["axes"]);

    // A rectangle holds whom the places say, and the whole map holds everybody.
    let whole = shop.json(["personas", "map", "--within=-inf,-inf,inf,inf", "--top", "3"]);
    assert_eq!((&whole["n_customers"], whole["customers"].as_array().unwrap().len()), (&everybody, 3));
    let (low, high) = (map["axes"][0]["low"].as_f64().unwrap(), map["axes"][0]["high"].as_f64().unwrap());
    let middle = f64::midpoint(low, high);
    let halves = [format!("--within=-inf,-inf,{middle},inf"), format!("--within={middle},-inf,inf,inf")];
    let [left, right] = halves.map(|half| shop.json(["personas", "map", &half])["n_customers"].as_u64().unwrap());
    assert!(left > 0 && right > 0 && left + right == everybody.as_u64().unwrap(), "{left} and {right}");
    let query = format!("SELECT count(*) AS n FROM map WHERE x <= {middle}");
    assert_eq!(shop.json(["sql", &query])[0]["n"], left);
    let refused = shop.fail(2, ["personas", "map", "--within=1,1,0,0"]);
    assert!(refused.contains("corners"), "{refused}");
}

#[test]
fn every_event_has_its_hour() {
    let shop = shared();
    let activity = shop.json(["personas", "activity"]);
    let n_events =
        shop.json(["sql", "SELECT count(*) AS n FROM events WHERE user_id IS NOT NULL OR anonymous_id IS NOT NULL"]);
    assert_eq!(sum(&activity["everybody"]), n_events[0]["n"]);
    assert_eq!(activity["time_zone"], "UTC");
    let of_sql = shop.json(["sql",
        "SELECT date_part('dow', occurred_at) AS dow, date_part('hour', occurred_at) AS hour, count(*) AS n FROM events \
         WHERE user_id IS NOT NULL OR anonymous_id IS NOT NULL GROUP BY 1, 2",
    ]);
    for row in of_sql.as_array().unwrap() {
        // SQL counts from Sunday.
        let weekday = (row["dow"].as_u64().unwrap() + 6) % 7;
        let hour = row["hour"].as_u64().unwrap();
        let found = &activity["everybody"][usize::try_from(weekday).unwrap()][usize::try_from(hour).unwrap()];
        assert_eq!(found, &row["n"], "{row}");
    }
    let of_personas: u64 = activity["personas"].as_array().unwrap().iter().map(|own| sum(&own["week"])).sum();
    assert!(of_personas > 0 && of_personas <= n_events[0]["n"].as_u64().unwrap());
}

#[test]
fn shares_go_where_the_discovery_found_them() {
    let shop = shared();
    let book = shop.json(["personas", "list"]);
    for persona in book["personas"].as_array().unwrap() {
        for exemplar in persona["exemplars"].as_array().unwrap() {
            let profile = shop.json(["profile", exemplar.as_str().unwrap(), "--weeks", "8"]);
            let history = &profile["membership_history"];
            let days = history["days"].as_array().unwrap();
            assert!(!days.is_empty() && days.len() <= 9, "{history}");
            let last = days.last().unwrap();
            assert_eq!(last["day"], book["as_of"]);
            for own in profile["membership"]["personas"].as_array().unwrap() {
                let known = history["personas"].as_array().unwrap();
                let position = known.iter().position(|other| other["id"] == own["id"]).unwrap();
                assert_eq!(last["shares"][position], own["share"], "{exemplar} in {}", own["id"]);
            }
            for day in days {
                let shares: f64 = day["shares"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
                assert!((shares + day["unassigned"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{day}");
            }
        }
    }
    assert_eq!(
        shop.json(["profile", book["personas"][0]["exemplars"][0].as_str().unwrap()])["membership_history"],
        json!(null)
    );
}

#[test]
fn personas_side_by_side_are_what_their_queries_say() {
    let shop = shared();
    let compared = shop.json(["personas", "compare", "p1", "p2"]);
    let book = shop.json(["personas", "list"]);
    for (group, id) in [(0, "p1"), (1, "p2")] {
        let own = book["personas"].as_array().unwrap().iter().find(|persona| persona["id"] == id).unwrap();
        assert_eq!(compared["groups"][group]["n_customers"], own["n_customers"]);
    }
    let rows = compared["rows"].as_array().unwrap();
    assert!(rows.len() > 20 && rows.iter().any(|row| row["apart"] == true), "{compared}");
    for row in rows {
        let answer = shop.json(["sql", row["query"].as_str().unwrap()]);
        for (group, name) in [(0, "persona"), (1, "rest")] {
            let (said, counted) = (row["values"][group].as_f64().unwrap(), answer[0][name].as_f64().unwrap());
            assert!((said - counted).abs() <= 1e-9 * said.abs().max(1.0), "{row}: {answer}");
            assert_eq!(row["n_customers"][group], answer[0][format!("n_{name}")], "{row}");
        }
    }
    shop.fail(2, ["personas", "compare", "p1", "p1"]);
    shop.fail(2, ["personas", "compare", "p1"]);
    shop.fail(2, ["personas", "compare", "p1", "p2", "--then", "2024-01-01"]);
}

#[test]
fn a_persona_on_two_days_is_whom_the_model_counted_then() {
    let shop = Shop::discovered();
    // Another model is live than the newest discovery's, and counts for other numbers.
    shop.run(["discover", "--continuum", "cut", "--personas", "3"]);
    let models = shop.json(["model", "list"]);
    let roles: Vec<&Value> = models.as_array().unwrap().iter().map(|model| &model["role"]).collect();
    assert!(roles.len() == 2 && roles[0] != roles[1], "{models}");
    let book = shop.json(["personas", "list"]);
    let as_of = book["as_of"].as_str().unwrap();
    let then = shop.json(["sql", &format!("SELECT CAST(DATE '{as_of}' - INTERVAL '30' DAY AS DATE) AS day")]);
    let then = then[0]["day"].as_str().unwrap();
    for persona in book["personas"].as_array().unwrap() {
        let id = persona["id"].as_str().unwrap();
        let compared = shop.json(["personas", "compare", id, "--then", then]);
        let [before, now] = [&compared["groups"][0], &compared["groups"][1]];
        assert_eq!((before["as_of"].as_str(), now["as_of"].as_str()), (Some(then), Some(as_of)));
        assert_eq!(now["n_customers"], persona["n_customers"], "today's are those of the discovery");
        let of = |group: &Value| group["n_customers"].as_u64().unwrap();
        assert!(compared["n_both"].as_u64().unwrap() <= of(before).min(of(now)), "{before} and {now}");
        assert!(compared["rows"].as_array().unwrap().iter().all(|row| row["query"].is_null()));
    }
    // Before anybody was known, nobody counted for anything; and time goes one way.
    let refused = shop.fail(1, ["personas", "compare", "p1", "--then", "1990-01-01"]);
    assert!(refused.contains("nobody"), "{refused}");
    shop.fail(2, ["personas", "compare", "p1", "--then", as_of]);
    // What was known at the end of a day does not change by what comes later.
    let held = shop.json(["personas", "compare", "p1", "--then", then]);
    let later = format!(
        r#"{{"type":"track","messageId":"later-1","userId":"c000001","event":"Order Completed","timestamp":"{as_of}T23:59:59.999Z","properties":{{"revenue":99999,"currency":"EUR"}}}}"#
    );
    let later = later.replace(as_of, &next_day(&shop, as_of));
    shop.run(["import", "segment", shop.file("later.ndjson", later).to_str().unwrap()]);
    assert_eq!(shop.json(["personas", "compare", "p1", "--then", then]), held);
}

fn next_day(shop: &Shop, day: &str) -> String {
    let next = shop.json(["sql", &format!("SELECT CAST(DATE '{day}' + INTERVAL '1' DAY AS DATE) AS day")]);
    next[0]["day"].as_str().unwrap().to_owned()
}

#[test]
fn notes_are_kept_as_they_were_said() {
    let shop = Shop::discovered();
    assert_eq!(shop.json(["personas", "notes"]), json!([]));
    let said = "„Ich kaufe nur abends“ <b>& günstig</b> \u{202e}abc";
    shop.run(["personas", "note", "p1", said, "--source", "interview, Anna"]);
    shop.run(["personas", "note", "p2", "They wait for the sale"]);
    let notes = shop.json(["personas", "notes", "p1"]);
    assert_eq!(
        (notes.as_array().unwrap().len(), &notes[0]["text"], &notes[0]["source"]),
        (1, &json!(said), &json!("interview, Anna"))
    );
    assert_eq!(shop.json(["personas", "notes"]).as_array().unwrap().len(), 2);
    shop.fail(1, ["personas", "note", "p1", "  "]);
    shop.fail(2, ["personas", "note", "p99", "nobody"]);
    // Discovering anew leaves them.
    shop.run(["discover", "--continuum", "cut"]);
    assert_eq!(shop.json(["personas", "notes"]).as_array().unwrap().len(), 2);
}
