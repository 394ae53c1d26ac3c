//! A server on a free port, and the little of HTTP that tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use throng_event::Calendar;
use throng_feature::{Catalogue, FeatureDefinition, FeatureKind, Filter, SignalCategory, Window};
use throng_live::{CoreSettings, Decided, Live, LiveSettings, ShiftRules};
use throng_profile::IdentityRules;
use throng_server::{ApiKey, KeyHash, Role, Settings, Source, bind};

pub(crate) const WRITE_KEY: &str = "wk-web";
pub(crate) const READ_KEY: &str = "rk";
pub(crate) const ADMIN_KEY: &str = "ak";

/// A server that ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) live: Live,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// Returns the features that the server computes.
pub(crate) fn definitions() -> Vec<FeatureDefinition> {
    let count = |(name, event): (&str, &str)| FeatureDefinition {
        name: name.to_owned(),
        kind: FeatureKind::Count,
        filter: Filter::named(event),
        window: Window::All,
        half_life_days: None,
        description: String::new(),
        phrase: name.to_owned(),
        unit: "times".to_owned(),
        category: SignalCategory::Transactional,
    };
    [("orders", "Order Completed"), ("searches", "Products Searched"), ("tickets", "Ticket Opened")].map(count).to_vec()
}

fn live(folder: &std::path::Path) -> Live {
    let catalogue = Catalogue::new(definitions(), None).unwrap();
    let core = CoreSettings {
        calendar: Calendar::utc(),
        catalogue,
        touchpoints: Vec::new(),
        shifts: ShiftRules::STANDARD,
        rules: IdentityRules::standard(),
        models: Vec::new(),
    };
    let settings = LiveSettings { folder: folder.to_owned(), decided: Decided::default(), core };
    Live::open(settings).unwrap()
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path());
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.sources = vec![Source { name: "web".to_owned(), keys: vec![KeyHash::of(WRITE_KEY)] }];
        settings.keys = [("reader", Role::Read, READ_KEY), ("admin", Role::Admin, ADMIN_KEY)]
            .map(|(name, role, key)| ApiKey { name: name.to_owned(), role, hash: KeyHash::of(key) })
            .to_vec();
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bound = runtime.block_on(bind(settings, live.clone())).unwrap();
        let address = bound.address().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(bound.run(async {
                stopped.await.ok();
            }));
        });
        Self { address, live, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {key}"))], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("authorization", &basic(WRITE_KEY))], body.as_bytes())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.open(method, path, headers, body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }

    /// Sends a request and returns the connection.
    pub(crate) fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    /// Waits until what was taken is in every profile.
    pub(crate) fn settle(&self) {
        let end = self.live.log().end().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.live.applied(end)).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have stopped by itself.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub(crate) fn basic(user: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:")))
}

pub(crate) fn parse(answer: &[u8]) -> Answer {
    let mut reader = BufReader::new(answer);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    Answer { status, headers, body }
}
