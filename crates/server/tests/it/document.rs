//! The document says what the server does, and the page to browse it needs nobody else.

use serde_json::Value;

use crate::client::Server;

fn document() -> Value {
    serde_json::from_str(&throng_server::openapi_json()).unwrap()
}

#[test]
fn the_document_that_is_checked_in_is_current() {
    let checked_in = include_str!("../../openapi.json");
    let current = throng_server::openapi_json();
    assert!(
        checked_in == current,
        "run `cargo run -p throng-server --example openapi > crates/server/openapi.json` and read what changed"
    );
}

#[test]
fn the_server_serves_the_document_and_a_page_to_browse_it() {
    let server = Server::start();
    assert_eq!(server.send("GET", "/openapi.json", &[], b"").json(), document());
    assert_eq!(server.send("GET", "/docs/", &[], b"").status, 200);
    let script = server.send("GET", "/docs/swagger-ui-bundle.js", &[], b"");
    assert_eq!((script.status, script.body.len() > 100_000), (200, true));
}

#[test]
fn every_operation_is_answered_as_the_document_says_without_a_key() {
    let server = Server::start();
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let url = path.replace("{call}", "track").replace("{id}", "user_id:42").replace(['{', '}'], "");
            let answer = server.send(&method.to_uppercase(), &url, &[], b"{}");
            let said = &operation["responses"][answer.status.to_string()];
            assert!(said.is_object(), "{method} {path} answers {} and does not say so", answer.status);
            let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
            let kinds = said["content"].as_object().map(|kinds| kinds.keys().cloned().collect::<Vec<_>>());
            assert!(
                kinds.is_none_or(|kinds| kinds.iter().any(|known| known == kind)),
                "{method} {path} answers {} in {kind}",
                answer.status
            );
        }
    }
}
