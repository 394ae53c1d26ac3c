//! The page and the questions behind it: what a server answers is what the command line prints, and a real
//! browser can use all of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Shop, simulated_events};

/// A server on a home with personas, until it is dropped.
struct Serving {
    shop: Shop,
    child: Child,
    address: String,
    /// Makes the first user.
    token: String,
    key: String,
}

impl Serving {
    fn start() -> Self {
        Self::of(Shop::discovered())
    }

    fn of(shop: Shop) -> Self {
        let key = shop.run(["keys", "add", "reader", "--role", "analyst"]).trim().to_owned();
        let mut command = shop.command(["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        let mut notes = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("first=") {
            assert!(notes.read_line(&mut said).unwrap() > 0, "{said}");
        }
        let token = said.trim().rsplit_once("first=").unwrap().1.to_owned();
        // What it goes on saying has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::sink()));
        Self { shop, child, address, token, key }
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.key
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        (status, answer.split_off(end + 4))
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_server_answers_what_the_command_line_prints() {
    let serving = Serving::start();
    let ids: Vec<String> = serving.json("/v1/ask/personas/list")["personas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|persona| persona["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() > 1, "{ids:?}");
    let exemplar = serving.json("/v1/ask/personas/list")["personas"][0]["exemplars"][0].as_str().unwrap().to_owned();
    let mut asked: Vec<(String, Vec<&str>)> = [
        ("personas/list", &["personas", "list"][..]),
        ("personas/show", &["personas", "show"]),
        ("personas/history", &["personas", "history"]),
        ("personas/reliability", &["personas", "reliability"]),
        ("personas/compare?_=p1&_=p2", &["personas", "compare", "p1", "p2"]),
        ("personas/map?squares=24", &["personas", "map", "--squares", "24"]),
        ("personas/map?within=-inf,-inf,0,inf", &["personas", "map", "--within=-inf,-inf,0,inf"]),
        ("personas/activity", &["personas", "activity"]),
        ("personas/notes", &["personas", "notes"]),
        ("features/list", &["features", "list"]),
        ("quarantine/list?limit=5", &["quarantine", "list", "--limit", "5"]),
        ("identity/list", &["identity", "list"]),
        ("model/list", &["model", "list"]),
        ("model/show", &["model", "show"]),
        ("journeys/flow?after=2", &["journeys", "flow", "--after", "2"]),
        ("journeys/paths?top=5", &["journeys", "paths", "--top", "5"]),
        ("journeys/retention", &["journeys", "retention"]),
        ("sql?_=SELECT+count(*)+AS+n+FROM+events", &["sql", "SELECT count(*) AS n FROM events"]),
    ]
    .map(|(path, words)| (path.to_owned(), words.to_vec()))
    .to_vec();
    for id in &ids {
        asked.push((format!("personas/show?_={id}"), vec!["personas", "show", id]));
        asked.push((format!("journeys/flow?persona={id}"), vec!["journeys", "flow", "--persona", id]));
    }
    asked.push((format!("profile?_={exemplar}"), vec!["profile", &exemplar]));
    asked.push((format!("profile?weeks=12&_={exemplar}"), vec!["profile", &exemplar, "--weeks", "12"]));
    for (path, words) in asked {
        assert_eq!(serving.json(&format!("/v1/ask/{path}")), serving.shop.json(words), "{path}");
    }
}

#[test]
fn queries_read_and_nothing_else() {
    let serving = Serving::start();
    let asked = |sql: &str| {
        let query: String = sql.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (status, body) = serving.get(&format!("/v1/ask/sql?_={query}"));
        (status, String::from_utf8(body).unwrap())
    };
    let folder = serving.shop.home().display().to_string();
    for sql in [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "DROP TABLE events".to_owned(),
        "INSERT INTO events SELECT * FROM events".to_owned(),
        format!("COPY events TO '{folder}/stolen.parquet'"),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{folder}/throng.toml'"),
        format!("SELECT * FROM '{folder}/throng.toml'"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELEC 1".to_owned(),
    ] {
        let (status, body) = asked(&sql);
        assert_eq!(status, 400, "{sql}: {body}");
    }
    assert!(!serving.shop.home().join("stolen.parquet").exists());
    let (status, rows) = asked("SELECT a.event_id FROM events a CROSS JOIN (SELECT * FROM events LIMIT 40) b");
    assert_eq!((status, serde_json::from_str::<Vec<Value>>(&rows).unwrap().len()), (200, 10_000));
}

/// Returns the folder of the page where it was built into this binary and its tests can be run.
fn built() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../dashboard");
    let there = ["dist/index.html", "node_modules/playwright-core"].iter().all(|part| folder.join(part).exists());
    there.then_some(folder)
}

/// Runs a script of the page's tests; its words come behind the address and the token of the server.
#[expect(clippy::print_stderr, reason = "whoever reads the output of the test should know")]
fn in_a_browser(serving: &Serving, script: &str, words: &[&str]) {
    let (Some(folder), Some(browser)) = (built(), std::env::var_os("THRONG_TEST_CHROMIUM")) else {
        eprintln!("left out: the dashboard is not built, or there is no browser (`cargo xtask test` has both)");
        return;
    };
    let artifacts = std::env::var_os("THRONG_TEST_ARTIFACTS").map_or(folder.join("tests/artifacts"), PathBuf::from);
    let mut test = Command::new("node");
    test.arg(folder.join("tests").join(script)).arg(format!("http://{}", serving.address)).arg(&serving.token);
    let told = test.args(words).arg(artifacts).env("THRONG_TEST_CHROMIUM", browser).output().unwrap();
    let said = [told.stdout.as_slice(), &told.stderr].concat();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn people_use_the_page_in_a_browser() {
    in_a_browser(&Serving::start(), "page.mjs", &[]);
}

#[test]
fn people_come_from_an_empty_home_to_personas_in_a_browser() {
    let serving = Serving::of(Shop::empty());
    in_a_browser(&serving, "first.mjs", &[simulated_events().to_str().unwrap()]);
}
