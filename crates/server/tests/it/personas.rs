//! What readers are told once there are personas: who counts for which, how much, and why.

use std::sync::Arc;

use serde_json::{Value, json};
use throng_event::{Calendar, Instant};
use throng_feature::FeatureValue;
use throng_live::{Decided, LiveModel, Scoring};
use throng_persona::{
    Continuum, DiscoveryParams, FeatureColumn, Model, Outcome, PersonaCount, Population, Scorer, Values, discover,
};

use crate::client::{READ_KEY, Server, definitions};

/// Customers that the personas are found among.
const N_CUSTOMERS: usize = 160;
/// Rounds within which everybody is looked at again.
const TICKS_MAX: usize = 1_000;

/// Sends so many events, whose ids begin with the end of the log as it is.
fn send(server: &Server, user: &str, name: &str, n: usize) {
    let from = server.live.status().end.0;
    let message = |idx| {
        format!(r#"{{"type":"track","userId":"{user}","event":"{name}","messageId":"{user}-{name}-{from}-{idx}"}}"#)
    };
    let messages: Vec<String> = (0..n).map(message).collect();
    assert_eq!(server.post("/v1/batch", &format!(r#"{{"batch":[{}]}}"#, messages.join(","))).status, 200);
}

/// Two kinds of customers: who orders often and hardly searches, and who searches and hardly orders.
fn customers(server: &Server) {
    for customer in 0..N_CUSTOMERS {
        // Sums of small draws: most are in the middle of their kind.
        let draw = |factor: usize, n: usize| (customer * factor + customer / 7) % n;
        let often = 10 + draw(7, 5) + draw(11, 4) + draw(13, 5);
        let seldom = draw(5, 2) + draw(3, 2) + draw(17, 2);
        let (orders, searches) = if customer % 2 == 0 { (often, seldom) } else { (seldom, often) };
        let user = format!("c{customer}");
        send(server, &user, "Order Completed", orders);
        send(server, &user, "Products Searched", searches);
        send(server, &user, "Ticket Opened", draw(19, 2) + draw(23, 2));
    }
    server.settle();
}

fn fitted(server: &Server) -> Model {
    let day = server.live.with_core(throng_live::Core::today);
    let (profiles, rows): (Vec<_>, Vec<Vec<FeatureValue>>) =
        server.live.with_core(|core| core.features_of_all(day).unzip());
    let number = |value: &FeatureValue| match value {
        FeatureValue::Number(number) => *number,
        FeatureValue::Category(_) | FeatureValue::Missing => f64::NAN,
    };
    let columns = definitions().into_iter().enumerate().map(|(idx, definition)| FeatureColumn {
        definition,
        values: Values::Numbers(rows.iter().map(|row| number(&row[idx])).collect()),
    });
    let population = Population {
        as_of: Calendar::utc().as_of(day),
        profiles,
        features: columns.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    };
    let params = DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(2), 1) };
    match discover(&population, &params).unwrap().outcome {
        Outcome::Found(found) => found.model,
        Outcome::Refused(refused) => panic!("{refused:?}"),
    }
}

/// A server that knows customers and their personas, and has looked at everybody.
fn server() -> Server {
    let server = Server::with(|settings| settings.requests_per_second = 1_000_000);
    customers(&server);
    score_by(&server, vec![model(&server, "m1", ["p1", "p2"])], None);
    server
}

fn model(server: &Server, version: &str, personas: [&str; 2]) -> LiveModel {
    let mut model = fitted(server);
    model.personas = personas.map(|id| id.parse().unwrap()).to_vec();
    let names = personas.map(|id| format!("Those of {id}")).to_vec();
    LiveModel::new(version, Scorer::new(Arc::new(model), &definitions()).unwrap(), names)
}

/// Has the first model score everybody, and beside it a shadow.
fn score_by(server: &Server, models: Vec<LiveModel>, shadow: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let scoring = Scoring { live: Some(models[0].version().to_owned()), shadow: shadow.map(str::to_owned) };
    runtime.block_on(async {
        server.live.reconcile(&Decided { scoring, ..Decided::default() }, models).await.unwrap();
        let now = Instant(Calendar::utc().as_of(server.live.with_core(throng_live::Core::today)).end.0 - 1);
        for _ in 0..TICKS_MAX {
            if server.live.status().n_stale == 0 {
                return;
            }
            server.live.tick(now).await.unwrap();
        }
        panic!("{} profiles were not looked at", server.live.status().n_stale);
    });
}

fn get(server: &Server, path: &str) -> Value {
    let answer = server.get(path, READ_KEY);
    assert_eq!(answer.status, 200, "{path}");
    answer.json()
}

#[test]
fn who_moved_is_told_why_the_latest_reason_first() {
    let server = server();
    send(&server, "new", "Products Searched", 15);
    server.settle();
    let before = get(&server, "/v1/profiles/user_id:new/memberships")["persona"].clone();
    assert!(before["id"].is_string(), "{before}");
    let shares: f64 = before["shares"].as_object().unwrap().values().map(|share| share.as_f64().unwrap()).sum();
    assert!((shares + before["unassigned"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{before}");
    assert_eq!(before, get(&server, "/v1/profiles/user_id:new")["persona"]);
    for _ in 0..10 {
        send(&server, "new", "Order Completed", 5);
        server.settle();
    }
    let why = get(&server, "/v1/profiles/user_id:new/why?limit=50");
    let now = &get(&server, "/v1/profiles/user_id:new")["persona"];
    assert_eq!(why["persona"], now["id"]);
    let told = why["shifts"].as_array().unwrap();
    let last = &told[0];
    assert_eq!(last["to"], now["id"]);
    assert!(!last["because"].as_array().unwrap().is_empty(), "{last}");
    // The same shifts as in the order in which they happened, and no one else's.
    let mut shifts = get(&server, "/v1/profiles/user_id:new/shifts")["data"].as_array().unwrap().clone();
    let all = get(&server, "/v1/shifts");
    let own = |shift: &&Value| shift["profile"] == "u:new";
    assert_eq!(all["data"].as_array().unwrap().iter().filter(own).cloned().collect::<Vec<_>>(), shifts);
    let behind = format!("/v1/profiles/user_id:new/shifts?after={}", shifts[0]["id"].as_str().unwrap());
    assert_eq!(get(&server, &behind)["data"].as_array().unwrap()[..], shifts[1..]);
    shifts.reverse();
    assert_eq!(*told, shifts);
    let mut latest = all["data"].as_array().unwrap().clone();
    latest.reverse();
    assert_eq!(*get(&server, "/v1/shifts/latest")["data"].as_array().unwrap(), latest);
    let persona = latest.iter().find_map(|shift| shift["to"].as_str()).unwrap();
    let expected: Vec<&Value> = latest.iter().filter(|shift| shift["to"] == persona).take(1).collect();
    let found = get(&server, &format!("/v1/shifts/latest?limit=1&to={persona}"));
    assert_eq!(found["data"].as_array().unwrap().iter().collect::<Vec<_>>(), expected);
    assert_eq!(get(&server, "/v1/profiles/user_id:new/why?limit=1")["shifts"].as_array().unwrap()[..], told[..1]);
}

#[test]
fn a_shadow_is_held_against_the_live_model_on_everybody() {
    let server = server();
    let path = "/v1/scoring/comparison";
    assert_eq!(server.get(path, READ_KEY).status, 404);
    let models = vec![model(&server, "m1", ["p1", "p2"]), model(&server, "m2", ["p7", "p8"])];
    score_by(&server, models, Some("m2"));
    let found = get(&server, path);
    assert_eq!((&found["live"], &found["shadow"]), (&json!("m1"), &json!("m2")));
    assert_eq!((&found["live_personas"], &found["shadow_personas"]), (&json!(["p1", "p2"]), &json!(["p7", "p8"])));
    assert_eq!(found["n_waiting"], 0);
    let rows: Vec<Vec<u64>> = serde_json::from_value(found["n_profiles"].clone()).unwrap();
    let n_profiles = server.live.status().n_profiles;
    assert_eq!(rows.iter().flatten().sum::<u64>(), n_profiles);
    // The same model under other names: each persona is the other's.
    assert_eq!(rows[0][0] + rows[1][1] + rows[2][2], n_profiles, "{rows:?}");
    assert!(rows[0][0] > 0 && rows[1][1] > 0);
    assert_eq!(server.get(path, "nobody").status, 401);
}
