//! Records of any form, through a mapping.

use serde_json::json;
use throng_event::Identity;
use throng_source::Mapping;

use crate::client::{ADMIN_KEY, READ_KEY, Server, WRITE_KEY};

const MAPPING: &str = r#"
[table]
kind = "track"
event = { column = "action" }
id = "ref"
user_id = "customer.id"
time = "at"
[table.properties]
plan = "plan"
"#;

fn server() -> Server {
    Server::with(|settings| {
        settings.mappings.insert("web".to_owned(), Mapping::parse(MAPPING).unwrap());
    })
}

fn record(reference: &str) -> String {
    format!(
        r#"{{"ref":"{reference}","action":"Upgraded","customer":{{"id":"42"}},"at":"2026-01-01T10:00:00Z","plan":"pro"}}"#
    )
}

#[test]
fn records_become_events_once_whether_alone_listed_or_in_lines() {
    let server = server();
    let bodies =
        [record("1"), format!("[{},{}]", record("1"), record("2")), format!("{}\n{}", record("2"), record("3"))];
    for (body, (admitted, repeated)) in bodies.iter().zip([(1, 0), (1, 1), (1, 1)]) {
        let answer = server.post("/v1/webhook/web", body);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"admitted": admitted, "repeated": repeated, "refused": 0}));
    }
    server.settle();
    assert_eq!(server.live.profile(&Identity::user("42")).unwrap().n_events, 3);
    let events = server.get("/v1/spaces/s/collections/users/profiles/user_id:42/events", READ_KEY).json();
    assert_eq!(
        (&events["data"][0]["event"], &events["data"][0]["properties"]["plan"]),
        (&"Upgraded".into(), &"pro".into())
    );
}

#[test]
fn the_key_may_stand_in_the_address_and_is_that_of_the_source() {
    let server = server();
    let send = |path: &str| server.send("POST", path, &[], record("1").as_bytes()).status;
    assert_eq!(send(&format!("/v1/webhook/web?key={WRITE_KEY}")), 200);
    assert_eq!(send("/v1/webhook/web?key=other"), 401);
    assert_eq!(send("/v1/webhook/web"), 401);
    assert_eq!(send(&format!("/v1/webhook/shop?key={WRITE_KEY}")), 401);
    assert_eq!(Server::start().post("/v1/webhook/web", &record("1")).status, 404, "there is no mapping");
}

#[test]
fn what_is_no_record_is_refused() {
    let server = server();
    for body in ["", "a,b\n1,2", "PK\u{3}\u{4}", "PAR1"] {
        assert_eq!(server.post("/v1/webhook/web", body).status, 400, "{body:?}");
    }
    let wrong = record("1").replace("2026-01-01T10:00:00Z", "soon");
    let answer = server.post("/v1/webhook/web", &format!("{wrong}\n{}", record("2")));
    assert_eq!(answer.json(), json!({"admitted": 1, "repeated": 0, "refused": 1}));
    let refused = server.get("/v1/rejections", ADMIN_KEY).json();
    assert_eq!(refused["data"][0]["reason"], "invalid-time");
}
