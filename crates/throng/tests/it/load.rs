//! A server and what `throng load` sends it, each a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Shop, errors};

/// A server on a home with features and keys, until it is dropped.
struct Serving {
    shop: Shop,
    child: Child,
    url: String,
    key: String,
    read_key: String,
}

impl Serving {
    /// Starts it with a line of its own in the settings of servers.
    fn with(setting: &str) -> Self {
        let shop = Shop::simulated();
        shop.run(["features", "propose"]);
        let key = |name: &str, role: &str| shop.run(["keys", "add", name, "--role", role]).trim().to_owned();
        let (key, read_key) = (key("load", "ingest"), key("reader", "read"));
        let config = shop.home().join("throng.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replacen("[server]\n", &format!("[server]\n{setting}\n"), 1)).unwrap();
        let mut command = shop.command(["serve", "--no-model", "--quiet", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { shop, child, url, key, read_key }
    }

    fn load(&self, words: &[&str]) -> Value {
        let fixed = ["load", &self.url, "--key", &self.key, "--read-key", &self.read_key];
        self.shop.json([&fixed[..], words].concat())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn every_event_is_taken_once_and_what_was_sent_can_be_read() {
    let serving = Serving::with("requests_per_second = 1000000");
    let words = ["--events", "4000", "--profiles", "300", "--rate", "4000"];
    let told = serving.load(&[&words[..], &["--reads", "100", "--until-readable", "40"]].concat());
    assert_eq!((&told["events"], &told["sent"]["answered"], &told["missed"]), (&4_000.into(), &40.into(), &0.into()));
    assert_eq!(told["faults"], serde_json::json!({}));
    for measured in ["decided", "followed"] {
        assert!(told[measured]["answered"].as_u64().unwrap() > 0, "{told}");
    }
    // The same people again, one by one; none of the message ids is.
    let words = ["--events", "300", "--batch", "1", "--profiles", "300", "--returning"];
    assert_eq!(serving.load(&words)["statuses"], serde_json::json!({"200": 300}));
}

#[test]
fn a_server_over_tls_is_reached_by_its_certificate() {
    let file = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name);
    let (certificates, key) = (file("certificate.pem"), file("key.pem"));
    let serving = Serving::with(&format!("tls = {{ certificates = {certificates:?}, key = {key:?} }}"));
    let url = serving.url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://localhost:"), "{url}");
    let mut trusting = serving.shop.command(["load", &url, "--key", &serving.key, "--events", "200"]);
    let output = trusting.env("SSL_CERT_FILE", &certificates).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    // Nobody has told this one whom to trust.
    let mut wary = serving.shop.command(["load", &url, "--key", &serving.key, "--events", "200"]);
    assert_eq!(wary.output().unwrap().status.code(), Some(2));
}

#[test]
fn a_server_that_takes_nothing_is_no_measurement() {
    let serving = Serving::with("");
    let complaint = serving.shop.fail(2, ["load", &serving.url, "--key", "wrong", "--events", "200"]);
    assert!(complaint.contains("took no event; 401: ") && complaint.contains("throng keys add"), "{complaint}");
    let complaint = serving.shop.fail(2, ["load", "http://127.0.0.1:1", "--key", "any"]);
    assert!(complaint.contains("cannot reach http://127.0.0.1:1"), "{complaint}");
    let complaint = serving.shop.fail(2, ["load", "127.0.0.1:1", "--key", "any"]);
    assert!(complaint.contains("name the server as in http://"), "{complaint}");
}
