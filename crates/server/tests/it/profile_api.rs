//! What was sent is read back: our own API and that of Segment.

use crate::client::{ADMIN_KEY, READ_KEY, Server, WRITE_KEY};

fn filled() -> Server {
    let server = Server::start();
    let body = r#"{"batch":[
        {"type":"page","anonymousId":"cookie","messageId":"1","timestamp":"2026-01-01T10:00:00Z","properties":{"path":"/"}},
        {"type":"identify","userId":"42","anonymousId":"cookie","messageId":"2","timestamp":"2026-01-01T10:01:00Z",
         "traits":{"email":"Ann@Example.com","plan":"free","age":41}},
        {"type":"track","event":"Order Completed","userId":"42","messageId":"3","timestamp":"2026-01-02T10:00:00Z",
         "properties":{"order_id":"o-1","note":"quick"}},
        {"type":"group","userId":"42","groupId":"acme","messageId":"4","timestamp":"2026-01-03T10:00:00Z"},
        {"type":"identify","userId":"42","messageId":"5","timestamp":"2026-01-04T10:00:00Z","traits":{"plan":"pro"}}]}"#;
    assert_eq!(server.post("/v1/batch", body).status, 200);
    server.settle();
    server
}

#[test]
fn a_profile_is_found_by_any_identity() {
    let server = filled();
    for id in ["user_id:42", "anonymous_id:cookie", "email:ann@example.com", "u:42"] {
        let answer = server.get(&format!("/v1/profiles/{id}"), READ_KEY);
        assert_eq!(answer.status, 200, "{id}");
        let profile = answer.json();
        assert_eq!((&profile["id"], &profile["events"]), (&"u:42".into(), &5.into()));
        assert_eq!(profile["features"]["orders"], 1.0);
        assert_eq!(profile["identities"].as_array().unwrap().len(), 3);
    }
    assert_eq!(server.get("/v1/profiles/user_id:43", READ_KEY).status, 404);
    assert_eq!(server.get("/v1/profiles/what", READ_KEY).status, 400);
    assert_eq!(server.get("/v1/profiles/user_id:42", WRITE_KEY).status, 401);
    assert_eq!(server.get("/v1/profiles/user_id:42", ADMIN_KEY).status, 200);
}

#[test]
fn an_identity_is_asked_for_as_people_write_it_however_it_is_kept() {
    for key in [None, Some([7; 32])] {
        let server = Server::with(|settings| settings.personal.key = key);
        let body = r#"{"type":"identify","userId":"ann@example.com","traits":{"email":"ann@example.com","phone":"+44 20 7946 0958"},
            "context":{"externalIds":[{"id":"7","type":"crm"}]}}"#;
        assert_eq!(server.post("/v1/identify", body).status, 200);
        server.settle();
        for id in ["email:Ann@Example.com", "user_id:ann@example.com", "phone:+44%2020%207946%200958", "external:crm:7"]
        {
            let answer = server.get(&format!("/v1/profiles/{id}"), READ_KEY);
            assert_eq!(answer.status, 200, "{id}, hashed: {}", key.is_some());
            let kinds: Vec<String> = serde_json::from_value(answer.json()["identities"].clone())
                .map(|ids: Vec<serde_json::Value>| {
                    ids.iter().map(|id| id["kind"].as_str().unwrap().to_owned()).collect()
                })
                .unwrap();
            assert_eq!(kinds, ["user_id", "email", "phone", "external"]);
        }
    }
}

#[test]
fn segments_profile_api_says_traits_ids_events_metadata_and_links() {
    let server = filled();
    let get = |what: &str| {
        let answer = server.get(&format!("/v1/spaces/s/collections/users/profiles/user_id:42/{what}"), READ_KEY);
        assert_eq!(answer.status, 200, "{what}");
        answer.json()
    };
    let traits = get("traits");
    assert_eq!((&traits["traits"]["plan"], &traits["traits"]["age"]), (&"pro".into(), &41.into()));
    assert_eq!(traits["cursor"]["has_more"], false);
    let page = get("traits?limit=1&include=age,plan");
    assert_eq!((page["traits"].as_object().unwrap().len(), &page["cursor"]["has_more"]), (1, &true.into()));
    assert_eq!(get("traits?verbose=true")["traits"]["plan"]["updated_at"], "2026-01-04T10:00:00Z");
    let ids = get("external_ids");
    let types: Vec<&str> = ids["data"].as_array().unwrap().iter().map(|id| id["type"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 3);
    assert!(["user_id", "anonymous_id", "email"].iter().all(|kind| types.contains(kind)));
    let events = get("events");
    let ids = |events: &serde_json::Value| -> Vec<String> {
        let rows = events["data"].as_array().unwrap().iter();
        rows.map(|row| row["message_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&events), ["5", "4", "3", "2", "1"]);
    assert_eq!(events["data"][2]["properties"]["note"], "quick");
    assert_eq!(ids(&get("events?sort=asc&limit=2")), ["1", "2"]);
    assert_eq!(ids(&get("events?sort=asc&limit=2&next=2")), ["3", "4"]);
    assert_eq!(ids(&get("events?include=Order%20Completed")), ["3"]);
    assert_eq!(ids(&get("events?start=2026-01-03T00:00:00Z&end=2026-01-04T00:00:00Z")), ["4"]);
    let metadata = get("metadata");
    assert_eq!(metadata["metadata"]["first_message_id"], "1");
    assert_eq!(metadata["metadata"]["last_message_id"], "5");
    assert_eq!(get("links")["data"][0]["external_ids"][0]["id"], "acme");
    let missing = server.get("/v1/spaces/s/collections/users/profiles/user_id:0/traits", READ_KEY);
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &"not_found".into()));
}

#[test]
fn an_event_is_answered_with_the_profile_it_makes() {
    let server = Server::start();
    for n in 1..=3 {
        let answer = server.post("/v1/decide", r#"{"type":"track","event":"Order Completed","anonymousId":"new"}"#);
        assert_eq!((answer.status, &answer.json()["features"]["orders"]), (200, &f64::from(n).into()));
    }
    let answer = server.post("/v1/decide", r#"{"type":"track","anonymousId":"new"}"#);
    assert_eq!(answer.status, 400);
    assert!(answer.json()["message"].as_str().unwrap().contains("missing-name"));
}

#[test]
fn operators_see_health_and_metrics() {
    let server = filled();
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 200);
    let metrics = String::from_utf8(server.send("GET", "/metrics", &[], b"").body).unwrap();
    assert!(metrics.contains("throng_events_admitted_total 5"), "{metrics}");
    assert!(metrics.contains("throng_profiles 1"));
    assert!(metrics.contains(r#"throng_http_requests_total{route="/v1/{call}",status="200"} 1"#), "{metrics}");
    assert!(!metrics.contains("42") || !metrics.contains("user"), "nobody's id is in a metric");
}

#[test]
fn features_memberships_and_reasons_are_read_by_themselves() {
    let server = filled();
    let get = |what: &str| server.get(&format!("/v1/profiles/user_id:42/{what}"), READ_KEY);
    let features = get("features").json();
    assert_eq!((&features["id"], &features["features"]["orders"]), (&"u:42".into(), &1.0.into()));
    assert_eq!(features, {
        let profile = server.get("/v1/profiles/user_id:42", READ_KEY).json();
        serde_json::json!({"id": profile["id"], "as_of": profile["as_of"], "features": profile["features"]})
    });
    let some = get("features?include=orders,nothing").json();
    assert_eq!(some["features"], serde_json::json!({"orders": 1.0}));
    // Without a model nobody counts for anything, and nothing has to be explained.
    assert_eq!(get("memberships").json(), serde_json::json!({"id": "u:42", "persona": null}));
    assert_eq!(get("why").json(), serde_json::json!({"id": "u:42", "persona": null, "shifts": []}));
    for what in ["features", "memberships", "why"] {
        assert_eq!(server.get(&format!("/v1/profiles/user_id:43/{what}"), READ_KEY).status, 404);
        assert_eq!(server.get(&format!("/v1/profiles/what/{what}"), READ_KEY).status, 400);
        assert_eq!(server.get(&format!("/v1/profiles/user_id:42/{what}"), WRITE_KEY).status, 401);
    }
    for (limit, status) in [("x", 400), ("-1", 400), ("", 400), ("99999999999999999999999", 200), ("0", 200)] {
        assert_eq!(get(&format!("why?limit={limit}")).status, status, "{limit}");
        assert_eq!(get(&format!("shifts?limit={limit}")).status, status, "{limit}");
    }
}

#[test]
fn segments_profile_api_says_what_is_known_of_accounts() {
    let server = filled();
    let body = r#"{"batch":[
        {"type":"group","userId":"42","groupId":"acme","messageId":"6","timestamp":"2026-01-05T10:00:00Z","traits":{"plan":"gold","seats":7}},
        {"type":"group","userId":"43","groupId":"acme","messageId":"7","timestamp":"2026-01-06T10:00:00Z","traits":{"plan":"silver"}},
        {"type":"group","userId":"43","groupId":"acme 2","messageId":"8","timestamp":"2026-01-06T10:00:00Z","traits":{"other":true}},
        {"type":"track","event":"Order Completed","userId":"43","messageId":"9","timestamp":"2026-01-07T10:00:00Z","context":{"groupId":"acme"}}]}"#;
    assert_eq!(server.post("/v1/batch", body).status, 200);
    server.settle();
    let ask = |account: &str, what: &str, key: &str| {
        server.get(&format!("/v1/spaces/s/collections/accounts/profiles/{account}/{what}"), key)
    };
    let get = |what: &str| {
        let answer = ask("group_id:acme", what, READ_KEY);
        assert_eq!(answer.status, 200, "{what}");
        answer.json()
    };
    assert_eq!(get("traits")["traits"], serde_json::json!({"plan": "silver", "seats": 7}));
    assert_eq!(get("traits?include=seats")["traits"], serde_json::json!({"seats": 7}));
    assert_eq!(get("traits?class=audience")["traits"], serde_json::json!({}));
    assert_eq!(get("traits?verbose=true")["traits"]["plan"]["updated_at"], "2026-01-06T10:00:00Z");
    let page = get("traits?limit=1");
    assert_eq!((page["traits"].as_object().unwrap().len(), &page["cursor"]["has_more"]), (1, &true.into()));
    let ids = get("external_ids");
    assert_eq!((&ids["data"][0]["id"], &ids["data"][0]["type"]), (&"acme".into(), &"group_id".into()));
    assert_eq!(ids["data"][0]["first_message_id"], "4");
    let ids = |what: &str| -> Vec<String> {
        let rows = get(what)["data"].as_array().unwrap().clone();
        rows.iter().map(|row| row["message_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("events"), ["9", "7", "6", "4"]);
    assert_eq!(ids("events?sort=asc&limit=2&next=1"), ["6", "7"]);
    assert_eq!(ids("events?include=Order%20Completed"), ["9"]);
    assert_eq!(ids("events?start=2026-01-05T00:00:00Z&end=2026-01-06T00:00:00Z"), ["6"]);
    let metadata = get("metadata");
    assert_eq!(metadata["metadata"]["first_message_id"], "4");
    assert_eq!(metadata["metadata"]["last_message_id"], "9");
    let links = get("links");
    let ids: Vec<&str> =
        links["data"].as_array().unwrap().iter().map(|row| row["external_ids"][0]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["42", "43"]);
    for what in ["traits", "external_ids", "events", "metadata", "links"] {
        assert_eq!(ask("group_id:ac", what, READ_KEY).status, 404, "{what}");
        assert_eq!(ask("user_id:42", what, READ_KEY).status, 400, "{what}");
        assert_eq!(ask("group_id:acme", what, WRITE_KEY).status, 401, "{what}");
    }
}
