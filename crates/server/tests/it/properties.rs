//! The document is true: `schemathesis` makes requests of it, well and badly formed, and judges
//! every answer by what the document says.
//!
//! Left out and said so where it is not installed; `cargo xtask test` installs it.

use std::process::Command;

use throng_server::KeyHash;

use crate::client::{ADMIN_KEY, Server};
use crate::clients::{installed, script};

/// The program.
const SCHEMATHESIS: &str = "THRONG_TEST_SCHEMATHESIS";
/// Requests of each kind and operation: under two thousand in all, in some fifteen seconds.
const N_EXAMPLES: &str = "20";
/// Any, but always the same.
const SEED: &str = "1";

#[test]
fn the_server_answers_as_its_document_says_whatever_is_asked() {
    let Some(program) = installed(SCHEMATHESIS) else { return };
    let server = Server::with(|settings| {
        settings.requests_per_second = 1_000_000;
        // One key for everything, so that every handler is reached.
        settings.sources[0].keys.push(KeyHash::of(ADMIN_KEY));
    });
    let body = r#"{"type":"group","userId":"42","groupId":"acme","traits":{"plan":"pro"}}"#;
    assert_eq!(server.post("/v1/group", body).status, 200);
    server.settle();
    let place = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .current_dir(place.path())
        .arg("--config-file")
        .arg(script("schemathesis.toml"))
        .args(["run", &format!("http://{}/openapi.json", server.address)])
        .args(["--auth", &format!("{ADMIN_KEY}:")])
        .args(["--max-examples", N_EXAMPLES, "--seed", SEED, "--generation-deterministic"])
        // What never ends has no answer to judge.
        .args(["--exclude-path", "/v1/shifts/stream"])
        .args(["--no-color", "--workers", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
