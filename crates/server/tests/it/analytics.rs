//! Mixpanel, Amplitude and the Measurement Protocol as their libraries call them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use throng_event::Identity;

use crate::client::{ADMIN_KEY, Answer, Server, WRITE_KEY, basic};

fn n_events(server: &Server, user: &str) -> u64 {
    server.settle();
    server.live.profile(&Identity::user(user)).map_or(0, |profile| profile.n_events)
}

fn reasons(server: &Server) -> Vec<String> {
    let refused = server.get("/v1/rejections", ADMIN_KEY).json();
    refused["data"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

fn send(server: &Server, path: &str, body: &str) -> Answer {
    server.send("POST", path, &[], body.as_bytes())
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn tracked(event: &str) -> String {
    format!(r#"{{"event":"{event}","properties":{{"token":"{WRITE_KEY}","distinct_id":"42","time":1767261600}}}}"#)
}

#[test]
fn mixpanel_tracks_lists_and_forms_with_a_one() {
    use base64::Engine;
    let server = Server::start();
    let encoded = base64::engine::general_purpose::STANDARD.encode(tracked("D"));
    let bodies = [
        tracked("A"),
        format!("[{},{}]", tracked("B"), tracked("B2")),
        format!("data={}&ip=1", percent(&tracked("C"))),
        format!("data={}", percent(&encoded)),
    ];
    for (body, path) in bodies.iter().zip(["/track", "/track/", "/track?ip=1", "/track"]) {
        let answer = send(&server, path, body);
        assert_eq!((answer.status, &*answer.body), (200, &b"1"[..]), "{body}");
    }
    let answer = send(&server, "/track?verbose=1", &tracked("E"));
    assert_eq!((answer.status, answer.json()), (200, json!({"status": 1, "error": null})));
    let answer = send(&server, "/track", &format!("data={}&verbose=1", percent(&tracked("F"))));
    assert_eq!(answer.json()["status"], 1);
    assert_eq!(n_events(&server, "42"), 7);
}

#[test]
fn mixpanel_says_zero_where_one_record_is_wrong_and_takes_the_others() {
    let server = Server::start();
    let wrong = tracked("A").replace("\"42\"", "\"anonymous\"");
    let body = format!("[{wrong},{}]", tracked("B"));
    assert_eq!(&*send(&server, "/track", &body).body, b"0");
    let verbose = send(&server, "/track?verbose=1", &body).json();
    assert_eq!(verbose["status"], 0);
    assert!(verbose["error"].as_str().unwrap().starts_with("record 0: missing-identity"));
    assert_eq!(n_events(&server, "42"), 2);
    assert_eq!(reasons(&server), ["missing-identity", "missing-identity"]);
    for body in ["", " ", "nonsense", "data=%%%", "[", "{\"event\":"] {
        assert_eq!(server.send("POST", "/track", &[("authorization", &basic(WRITE_KEY))], body.as_bytes()).status, 400);
    }
    let answer = send(&server, "/track", &tracked("A").replace(WRITE_KEY, "other"));
    assert_eq!((answer.status, &answer.json()["status"]), (401, &0.into()));
}

#[test]
fn mixpanel_engages_people() {
    let server = Server::start();
    let body = format!(r#"[{{"$token":"{WRITE_KEY}","$distinct_id":"42","$set":{{"plan":"pro"}}}}]"#);
    assert_eq!(&*send(&server, "/engage?verbose=0", &body).body, b"1");
    server.settle();
    let traits = server.live.traits(&Identity::user("42")).unwrap().unwrap();
    assert_eq!((traits[0].0.as_str(), traits[0].1.value.to_string()), ("plan", "pro".to_owned()));
}

fn imported(insert_id: &str, more: &str) -> String {
    format!(r#"{{"event":"A","properties":{{"distinct_id":"42","time":1767261600,"$insert_id":"{insert_id}"{more}}}}}"#)
}

fn import(server: &Server, path: &str, body: &[u8]) -> Answer {
    server.send("POST", path, &[("authorization", &basic(WRITE_KEY))], body)
}

#[test]
fn mixpanel_imports_lists_and_lines_packed_or_not_once() {
    let server = Server::start();
    let list = format!("[{},{}]", imported("i1", ""), imported("i2", ""));
    let lines = format!("{}\n{}\n", imported("i1", ""), imported("i2", ""));
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(list.as_bytes()).unwrap();
    for body in [list.as_bytes(), lines.as_bytes(), &packed.finish().unwrap()] {
        let answer = import(&server, "/import?strict=1&project_id=1", body);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"code": 200, "num_records_imported": 2, "status": "OK"}));
    }
    assert_eq!(n_events(&server, "42"), 2);
    assert_eq!(server.send("POST", "/import", &[], list.as_bytes()).status, 401);
    let many = format!("[{}]", vec!["1"; 2_001].join(","));
    assert_eq!(import(&server, "/import", many.as_bytes()).status, 413);
}

#[test]
fn a_strict_import_names_the_records_that_failed_and_takes_the_others() {
    let server = Server::start();
    let body = format!(
        r#"[{},{},{{"event":"A","properties":{{"distinct_id":"42","$insert_id":"i3"}}}},{},{}]"#,
        imported("i1", ""),
        imported("not well!", ""),
        imported("i4", r#","$user_id":"43""#),
        imported("i5", "").replace(r#""event":"A","#, ""),
    );
    let answer = import(&server, "/import?strict=1", body.as_bytes());
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    assert_eq!((&answer["code"], &answer["num_records_imported"]), (&400.into(), &2.into()));
    let failed: Vec<(u64, &str, &str)> = answer["failed_records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (row["index"].as_u64().unwrap(), text("$insert_id"), text("field"))
        })
        .collect();
    let expected = [(1, "not well!", "properties.$insert_id"), (2, "i3", "properties.time"), (4, "i5", "event")];
    assert_eq!(failed, expected);
    assert_eq!(n_events(&server, "42"), 1);
    assert_eq!(reasons(&server).len(), 3);
    assert_eq!(import(&server, "/import?strict=0", body.as_bytes()).status, 200);
}

fn amplitude(server: &Server, path: &str, events: &str, more: &str) -> Answer {
    send(server, path, &format!(r#"{{"api_key":"{WRITE_KEY}","events":{events}{more}}}"#))
}

const EVENT: &str = r#"{"user_id":"user-42","event_type":"A","time":1767261600000,"insert_id":"i1"}"#;

#[test]
fn amplitude_counts_what_it_took_once() {
    let server = Server::start();
    for path in ["/2/httpapi", "/batch", "/2/httpapi"] {
        let answer = amplitude(&server, path, &format!("[{EVENT}]"), "");
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        assert_eq!((&answer["code"], &answer["events_ingested"]), (&200.into(), &1.into()));
        assert!(answer["payload_size_bytes"].is_u64() && answer["server_upload_time"].is_u64());
    }
    assert_eq!(n_events(&server, "user-42"), 1);
}

#[test]
fn amplitude_takes_nothing_of_a_call_with_wrong_events_and_says_which_they_are() {
    let server = Server::start();
    let events = format!(
        r#"[{EVENT},{{"user_id":"user-42","time":1767261600000}},{{"user_id":"user-42","event_type":"A","time":"soon"}},
            {{"user_id":"4","event_type":"A"}},{{"event_type":"A"}}]"#
    );
    let answer = amplitude(&server, "/2/httpapi", &events, "");
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    assert_eq!(answer["code"], 400);
    assert_eq!(answer.get("missing_field"), None, "with it all events are given up");
    assert_eq!(answer["events_with_missing_fields"], json!({"event_type": [1], "user_id": [4]}));
    assert_eq!(answer["events_with_invalid_fields"], json!({"time": [2]}));
    assert_eq!(answer["events_with_invalid_id_lengths"], json!({"user_id": [3]}));
    assert_eq!(n_events(&server, "user-42"), 0);
    assert_eq!(reasons(&server).len(), 4);
    let answer =
        amplitude(&server, "/2/httpapi", r#"[{"user_id":"4","event_type":"A"}]"#, r#","options":{"min_id_length":1}"#);
    assert_eq!((answer.status, n_events(&server, "4")), (200, 1));
}

#[test]
fn amplitude_calls_that_are_none_are_answered_in_its_words() {
    let server = Server::start();
    let check = |body: &str, status: u16, missing: Value, error: &str| {
        let answer = send(&server, "/2/httpapi", body);
        let json = answer.json();
        assert_eq!(
            (answer.status, &json["code"], &json["missing_field"]),
            (status, &status.into(), &missing),
            "{body}"
        );
        assert!(json["error"].as_str().unwrap().starts_with(error), "{json}");
    };
    check(r#"{"api_key":"other","events":[]}"#, 400, Value::Null, "Invalid API key");
    check(r#"{"events":[]}"#, 400, "api_key".into(), "Request missing required field");
    check(&format!(r#"{{"api_key":"{WRITE_KEY}"}}"#), 400, "events".into(), "Request missing required field");
    check("nonsense", 400, Value::Null, "the body is no JSON");
    let many = vec!["1"; 2_001].join(",");
    check(&format!(r#"{{"api_key":"{WRITE_KEY}","events":[{many}]}}"#), 413, Value::Null, "the call has 2001");
}

#[test]
fn measurement_protocol_answers_204_whatever_its_events_are() {
    let server = Server::start();
    let path = format!("/mp/collect?measurement_id=G-1&api_secret={WRITE_KEY}");
    let body = r#"{"client_id":"1.2","user_id":"42","events":[{"name":"login"},{"name":"purchase","params":{"currency":"EUR","value":5}}]}"#;
    for body in [body, r#"{"client_id":"1.2","events":[{"params":{}}]}"#, "nonsense", "{}"] {
        let answer = send(&server, &path, body);
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{body}");
    }
    assert_eq!(n_events(&server, "42"), 2);
    assert_eq!(reasons(&server), ["missing-name", "unreadable", "missing-name"]);
    assert_eq!(send(&server, "/mp/collect?api_secret=other", body).status, 401);
    assert_eq!(send(&server, "/mp/collect", body).status, 401);
    assert_eq!(send(&server, &path, &" ".repeat(130_001)).status, 413);
}

#[test]
fn the_validator_says_what_is_wrong_and_takes_nothing() {
    let server = Server::start();
    let path = format!("/debug/mp/collect?measurement_id=G-1&api_secret={WRITE_KEY}");
    let well = send(&server, &path, r#"{"client_id":"1.2","user_id":"42","events":[{"name":"login"}]}"#);
    assert_eq!((well.status, well.json()), (200, json!({"validationMessages": []})));
    let wrong = send(&server, &path, r#"{"client_id":"1.2","events":[{"name":"login"},{}]}"#).json();
    let message = &wrong["validationMessages"][0];
    assert_eq!((&message["fieldPath"], &message["validationCode"]), (&"events[1].name".into(), &"NAME_INVALID".into()));
    let events = vec![r#"{"name":"a"}"#; 26].join(",");
    let many = send(&server, &path, &format!(r#"{{"client_id":"1.2","events":[{events}]}}"#)).json();
    assert_eq!(many["validationMessages"][0]["validationCode"], "EXCEEDED_MAX_ENTITIES");
    assert_eq!(n_events(&server, "42"), 0);
    assert!(reasons(&server).is_empty());
}
