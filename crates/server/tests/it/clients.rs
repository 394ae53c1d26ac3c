//! The clients that people have, as they are published, against a server over a real port: each
//! with one URL changed, every call type, read back from the Profile API.
//!
//! A client that is not installed is left out and said so; `cargo xtask test` installs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use throng_live::Offset;

use crate::client::{READ_KEY, Server, WRITE_KEY};

/// The Python that has the packages.
const PYTHON: &str = "THRONG_TEST_CLIENTS_PYTHON";
/// The folder that has the packages of `package.json` installed.
const NODE: &str = "THRONG_TEST_CLIENTS_NODE";
/// The browser.
const CHROMIUM: &str = "THRONG_TEST_CHROMIUM";

/// Calls of each client: one of every type.
const N_CALLS: u64 = 6;
/// So long the browser may take to start and to send everything; a bound against waiting for ever.
const BROWSER_MAX: Duration = Duration::from_secs(120);

#[expect(clippy::print_stdout, reason = "whoever reads the output of the test should know")]
pub(crate) fn installed(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        println!("left out: {variable} is not set");
    }
    found
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn run(command: &mut Command, server: &Server) {
    let url = format!("http://{}", server.address);
    let output = command.args([&url, WRITE_KEY]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    server.settle();
}

/// Checks that everything a client sent about a user is there.
fn check(server: &Server, user: &str) {
    let get = |what: &str| -> Value {
        let path = format!("/v1/spaces/s/collections/users/profiles/user_id:{user}/{what}");
        let answer = server.get(&path, READ_KEY);
        assert_eq!(answer.status, 200, "{user}: {what}");
        answer.json()
    };
    let traits = &get("traits")["traits"];
    assert_eq!((&traits["plan"], &traits["seats"]), (&"pro".into(), &3.into()), "{user}: {traits}");
    assert_eq!(traits["email"], format!("{user}@example.com"));
    let ids = get("external_ids");
    let ids: Vec<String> = ids["data"].as_array().unwrap().iter().map(|id| id["id"].to_string()).collect();
    for id in [user.to_owned(), format!("cookie-{user}"), format!("before-{user}"), format!("{user}@example.com")] {
        assert!(ids.contains(&format!("{id:?}")), "{user}: {id} is not among {ids:?}");
    }
    let events = get("events");
    let rows = events["data"].as_array().unwrap();
    assert_eq!(rows.len() as u64, N_CALLS, "{user}: {events:#}");
    let mut kinds: Vec<&str> = rows.iter().map(|row| row["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["alias", "group", "identify", "page", "screen", "track"], "{user}");
    let track = rows.iter().find(|row| row["type"] == "track").unwrap();
    assert_eq!(track["event"], "Order Completed");
    assert_eq!(track["properties"]["order_id"], format!("o-{user}"), "{track:#}");
    assert_eq!(get("links")["data"][0]["external_ids"][0]["id"], "acme", "{user}");
    let profile = server.get(&format!("/v1/profiles/user_id:{user}"), READ_KEY).json();
    assert_eq!(profile["features"]["orders"], 1.0, "{user}");
}

#[test]
fn python_clients_by_changing_one_url() {
    let Some(python) = installed(PYTHON) else { return };
    let server = Server::start();
    run(Command::new(python).arg(script("python.py")), &server);
    for user in ["segment-python", "segment-python-gzip", "rudder-python"] {
        check(&server, user);
    }
}

#[test]
fn node_clients_by_changing_one_url() {
    let Some(folder) = installed(NODE) else { return };
    let server = Server::start();
    run(Command::new("node").arg(script("node.js")).arg(folder), &server);
    for user in ["segment-node", "rudder-node"] {
        check(&server, user);
    }
}

#[test]
fn the_browser_client_by_changing_one_url() {
    let (Some(folder), Some(chromium)) = (installed(NODE), installed(CHROMIUM)) else { return };
    let server = Server::start();
    let place = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(script("browser.html")).unwrap();
    let client = folder.join("node_modules/@segment/analytics-next/dist/umd/index.js");
    let page = page
        .replace("SCRIPT", &format!("file://{}", client.display()))
        .replace("HOST", &server.address.to_string())
        .replace("KEY", WRITE_KEY);
    let path = place.path().join("page.html");
    std::fs::write(&path, page).unwrap();
    let mut browser = Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .arg("--remote-debugging-port=0")
        .arg(format!("--user-data-dir={}", place.path().join("profile").display()))
        .arg(format!("file://{}", path.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let all = runtime.block_on(async { tokio::time::timeout(BROWSER_MAX, server.live.applied(Offset(N_CALLS))).await });
    browser.kill().unwrap();
    browser.wait().unwrap();
    assert!(all.is_ok(), "only {} of {N_CALLS} calls arrived", server.live.status().end.0);
    check(&server, "segment-browser");
}
