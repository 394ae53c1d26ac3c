//! Segment's tracking API as its libraries call it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use throng_event::Identity;

use crate::client::{ADMIN_KEY, READ_KEY, Server, WRITE_KEY, basic};

const TRACK: &str = r#"{"userId":"42","event":"Order Completed","messageId":"m-1","anonymousId":null}"#;

fn n_events(server: &Server, user: &str) -> u64 {
    server.settle();
    server.live.profile(&Identity::user(user)).map_or(0, |profile| profile.n_events)
}

#[test]
fn every_path_takes_its_messages_with_exactly_200() {
    let server = Server::start();
    let calls = [
        ("track", r#"{"userId":"42","event":"A"}"#),
        ("t", r#"{"userId":"42","event":"B","type":"track"}"#),
        ("identify", r#"{"userId":"42","traits":{"plan":"pro"}}"#),
        ("i", r#"{"userId":"42"}"#),
        ("page", r#"{"userId":"42"}"#),
        ("p", r#"{"userId":"42"}"#),
        ("screen", r#"{"userId":"42"}"#),
        ("s", r#"{"userId":"42"}"#),
        ("group", r#"{"userId":"42","groupId":"acme"}"#),
        ("g", r#"{"userId":"42","groupId":"acme"}"#),
        ("alias", r#"{"userId":"42","previousId":"42"}"#),
        ("a", r#"{"userId":"42","previousId":"old"}"#),
        ("batch", r#"{"batch":[{"type":"track","event":"C","userId":"42"}]}"#),
        ("b", r#"{"batch":[{"type":"track","event":"D","userId":"42"}]}"#),
        ("import", r#"{"batch":[{"type":"track","event":"E","userId":"42"}]}"#),
    ];
    for (call, body) in calls {
        let answer = server.post(&format!("/v1/{call}"), body);
        assert_eq!((answer.status, answer.json()["success"].as_bool()), (200, Some(true)), "{call}");
        assert!(answer.header("request-id").is_some());
    }
    assert_eq!(n_events(&server, "42"), 15);
    assert_eq!(server.post("/v1/m", r#"{"series":[]}"#).status, 200);
    assert_eq!(server.post("/v1/nothing", "{}").status, 404);
}

#[test]
fn the_key_comes_in_the_header_or_in_the_body_and_another_is_refused() {
    let server = Server::start();
    let without_colon = {
        use base64::Engine;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(WRITE_KEY))
    };
    for header in [basic(WRITE_KEY), without_colon, format!("Bearer {WRITE_KEY}")] {
        let answer = server.send("POST", "/v1/track", &[("authorization", &header)], TRACK.as_bytes());
        assert_eq!(answer.status, 200, "{header}");
    }
    let in_body = format!(r#"{{"writeKey":"{WRITE_KEY}","userId":"7","event":"A"}}"#);
    assert_eq!(server.send("POST", "/v1/t", &[], in_body.as_bytes()).status, 200);
    // With OAuth the token is none of ours.
    assert_eq!(server.send("POST", "/v1/t", &[("authorization", "Bearer oauth")], in_body.as_bytes()).status, 200);
    for (headers, body) in [
        (vec![], TRACK.to_owned()),
        (vec![("authorization", basic("other"))], TRACK.to_owned()),
        (vec![("authorization", "Basic !!".to_owned())], TRACK.to_owned()),
        (vec![], TRACK.replace('{', r#"{"writeKey":"other","#)),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = server.send("POST", "/v1/track", &headers, body.as_bytes());
        assert_eq!(answer.status, 401);
        // Some libraries try again without end where one of them is missing.
        assert!(answer.json()["code"].is_string() && answer.json()["message"].is_string());
    }
    assert_eq!(n_events(&server, "42"), 1);
}

#[test]
fn gzip_is_known_by_its_bytes_whatever_the_content_type_says() {
    let server = Server::start();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(br#"{"batch":[{"type":"track","event":"A","userId":"42","messageId":"z"}]}"#).unwrap();
    let packed = packed.finish().unwrap();
    for kind in ["application/x-www-form-urlencoded", "application/json", "text/plain"] {
        let headers = [("authorization", &*basic(WRITE_KEY)), ("content-type", kind)];
        assert_eq!(server.send("POST", "/v1/batch", &headers, &packed).status, 200);
    }
    assert_eq!(n_events(&server, "42"), 1);
    let headers = [("authorization", &*basic(WRITE_KEY))];
    assert_eq!(server.send("POST", "/v1/batch", &headers, &packed[..packed.len() / 2]).status, 400);
}

#[test]
fn what_unpacks_to_more_than_a_body_may_have_is_refused() {
    let server = Server::with(|settings| settings.body_bytes_max = 100_000);
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b' '; 50_000_000]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    let headers = [("authorization", &*basic(WRITE_KEY))];
    assert_eq!(server.send("POST", "/v1/batch", &headers, &packed).status, 413);
    assert_eq!(server.send("POST", "/v1/batch", &headers, &vec![b' '; 100_001]).status, 413);
}

#[test]
fn a_message_id_counts_once_and_bad_messages_are_kept_with_their_reason() {
    let server = Server::start();
    for _ in 0..3 {
        assert_eq!(server.post("/v1/track", TRACK).status, 200);
    }
    assert_eq!(n_events(&server, "42"), 1);
    let body = r#"{"batch":[{"type":"track","userId":"42"},{"type":"track","event":"A"},{"type":"track","event":"A","userId":"42"}]}"#;
    assert_eq!(server.post("/v1/batch", body).status, 200);
    assert_eq!(n_events(&server, "42"), 2);
    let refused = server.get("/v1/rejections", ADMIN_KEY).json();
    let reasons: Vec<&str> =
        refused["data"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["missing-name", "missing-identity"]);
    assert_eq!(server.get("/v1/rejections", READ_KEY).status, 401);
}

#[test]
fn a_body_that_cannot_be_read_is_told_so_once() {
    let server = Server::start();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let long = format!(r#"{{"batch":[{}]}}"#, vec!["{}"; 2_501].join(","));
    for body in ["", "nonsense", "[]", "{\"batch\":7}", &deep, &long] {
        let answer = server.post("/v1/batch", body);
        assert_eq!(answer.status, 400, "{body:.40}");
        assert_eq!(answer.json()["code"], "invalid_request_error");
    }
}

#[test]
fn two_calls_that_say_the_same_without_an_id_are_two_events() {
    let server = Server::start();
    for _ in 0..2 {
        assert_eq!(server.post("/v1/track", r#"{"userId":"42","event":"A"}"#).status, 200);
    }
    assert_eq!(n_events(&server, "42"), 2);
}

#[test]
fn browsers_may_ask_first() {
    let server = Server::start();
    let headers = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-retry-count"),
    ];
    let answer = server.send("OPTIONS", "/v1/t", &headers, b"");
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(["authorization", "content-type", "x-retry-count"].iter().all(|name| allowed.contains(name)));
    assert!(answer.header("access-control-max-age").is_some());
    let answer = server.send("POST", "/v1/t", &[headers[0], ("authorization", &*basic(WRITE_KEY))], TRACK.as_bytes());
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://shop.example")));
}

#[test]
fn the_browser_library_gets_its_settings() {
    let server = Server::start();
    let answer = server.send("GET", "/v1/projects/wk-web/settings", &[("origin", "https://shop.example")], b"");
    assert_eq!(answer.json()["integrations"]["Segment.io"]["apiKey"], "wk-web");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    let answer = server.send("GET", "/sourceConfig/?p=npm&v=3", &[("authorization", &basic(WRITE_KEY))], b"");
    assert_eq!(answer.json()["source"]["enabled"], true);
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let server = Server::with(|settings| settings.requests_per_second = 5);
    let answers: Vec<_> = (0..20).map(|_| server.post("/v1/track", TRACK)).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert!(answers.iter().filter(|answer| answer.status == 200).count() >= 5);
}
