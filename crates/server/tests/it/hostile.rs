//! Bodies and connections that mean ill, against a server in a process of its own: it answers,
//! it stays small, and nothing of what it was sent is in its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::client::{Answer, READ_KEY, Server, WRITE_KEY, basic, parse};

/// Set where the test is the server.
const SERVES: &str = "THRONG_TEST_SERVES";
/// Bytes of a body that the server bears: above what is sent whole, below what the bomb unpacks to.
const BODY_BYTES_MAX: usize = 40 << 20;
/// Bytes a bomb unpacks to.
const BOMB_BYTES: usize = 512 << 20;
/// Kilobytes that the server may take at worst: a body of the largest size as it came, as it is
/// read and as it waits to be written, the log's own buffers, and what the allocator keeps.
const PEAK_KB_MAX: u64 = 384 << 10;
/// Kilobytes that a connection which says nothing may take.
const IDLE_KB_MAX: u64 = 16;
/// Connections that say nothing, where the system lets one process have as many.
const IDLE_CONNECTIONS: usize = 10_000;
/// Bytes that a slow sender sends, one at a time, before it gives up.
const SLOW_BYTES_MAX: usize = 2_000;
/// So long a slow sender waits for an answer before it sends another byte.
const SLOW_PAUSE: Duration = Duration::from_millis(20);
/// What must not be in the log.
const SECRET: &str = "ann.secret@example.com";

/// A server in a process of its own, which ends with the value.
struct Apart {
    process: Child,
    /// Held, for the harness says there at the end how it went.
    said: BufReader<ChildStdout>,
    address: SocketAddr,
    log: tempfile::NamedTempFile,
}

/// The server: prints its address and serves until its input ends.
#[test]
fn serve_until_the_input_ends() {
    if std::env::var_os(SERVES).is_none() {
        return;
    }
    throng_server::log_as_json().unwrap();
    let server = Server::with(|settings| {
        settings.body_bytes_max = BODY_BYTES_MAX;
        settings.request_time_max = Duration::from_secs(5);
        settings.connections_max = 2 * IDLE_CONNECTIONS;
    });
    println!("\naddress {}", server.address);
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

impl Apart {
    fn start() -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::serve_until_the_input_ends", "--nocapture", "--test-threads", "1"])
            .env(SERVES, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let lines = said.by_ref().lines().map_while(Result::ok);
        let address = lines.filter_map(|line| line.strip_prefix("address ")?.parse().ok()).next().unwrap();
        Self { process, said, address, log }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a batch; what the server no longer reads is not sent.
    fn batch(&self, kind: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let key = basic(WRITE_KEY);
        let n_bytes = body.len();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nhost: here\r\nconnection: close\r\nauthorization: {key}\r\ncontent-type: {kind}\r\ncontent-length: {n_bytes}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        parse(&answer)
    }

    fn get(&self, path: &str) -> Answer {
        let mut stream = self.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\nauthorization: Bearer {READ_KEY}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }

    /// Returns a figure of the process in kilobytes: `VmRSS` for now, `VmHWM` for the most so far.
    fn kilobytes(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Ends the server and returns what it logged.
    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn message(properties: &str) -> Vec<u8> {
    format!(r#"{{"batch":[{{"type":"track","event":"A","userId":"{SECRET}","properties":{properties}}}]}}"#)
        .into_bytes()
}

fn bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let piece = vec![b' '; 1 << 20];
    for _ in 0..BOMB_BYTES >> 20 {
        packed.write_all(&piece).unwrap();
    }
    packed.finish().unwrap()
}

#[test]
fn hostile_bodies_are_answered_and_neither_fill_the_memory_nor_reach_the_log() {
    let server = Apart::start();
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    let many: Vec<String> = (0..1_000_000).map(|idx| format!("\"p{idx}\":{idx}")).collect();
    let nul = message(r#"{"note":"a\u0000b"}"#);
    let mut raw_nul = message(r#"{"note":"x"}"#);
    let place = raw_nul.iter().rposition(|byte| *byte == b'x').unwrap();
    raw_nul[place] = 0;
    let mut not_utf8 = raw_nul.clone();
    not_utf8[place] = 0xff;
    let cases: [(&str, u16, Vec<u8>); 16] = [
        ("deep", 200, message(&deep(10_000))),
        ("deeper", 200, deep(5_000_000).into_bytes()),
        ("unclosed", 400, message(&"[".repeat(10_000))),
        ("a large number", 200, message(r#"{"n":1e400,"m":-1e-400,"k":123456789012345678901234567890}"#)),
        ("a long number", 200, message(&format!(r#"{{"n":{}}}"#, "9".repeat(1_000_000)))),
        ("many properties", 200, message(&format!("{{{}}}", many.join(",")))),
        ("the same property", 200, message(&format!("{{{}}}", vec![r#""a":1"#; 1_000_000].join(",")))),
        ("a long text", 200, message(&format!(r#"{{"note":"{}"}}"#, "x".repeat(30_000_000)))),
        ("a long name", 200, message(&format!(r#"{{"{}":1}}"#, "x".repeat(10_000_000)))),
        ("too long", 413, vec![b' '; BODY_BYTES_MAX + 1]),
        ("a bomb", 413, bomb()),
        ("an escaped NUL", 200, nul),
        ("a NUL", 400, raw_nul),
        ("no UTF-8", 400, not_utf8),
        ("half a pair", 200, message(r#"{"note":"\ud800","\udc00":"\ud800\ud800"}"#)),
        ("no JSON", 400, format!("<batch user='{SECRET}'/>").into_bytes()),
    ];
    for (name, status, body) in cases {
        let answer = server.batch("application/json", &body);
        assert_eq!(answer.status, status, "{name}: {}", String::from_utf8_lossy(&answer.body));
        if status != 200 {
            let said = answer.json();
            assert!(said["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}: {said}");
            assert!(!said.to_string().contains(SECRET), "{name}: {said}");
        }
    }
    for kind in ["application/xml", "multipart/form-data; boundary=x", "nonsense", "application/json; charset=utf-16"] {
        assert_eq!(server.batch(kind, &message("{}")).status, 200, "{kind}");
    }
    assert_eq!(server.get(&format!("/v1/profiles/user_id:{SECRET}")).status, 200);
    let peak = server.kilobytes("VmHWM");
    assert!(peak < PEAK_KB_MAX, "the server took {peak} kB");
    let log = server.end();
    for secret in [SECRET, WRITE_KEY, READ_KEY, &basic(WRITE_KEY)] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[test]
fn half_a_chunked_body_is_no_event() {
    let server = Apart::start();
    let key = basic(WRITE_KEY);
    for piece in ["", "1", "ffffffffffffffff\r\n", "5\r\n{\"ba", "5\r\n{\"bat\r\nzz\r\n", "-1\r\n"] {
        let mut stream = server.connect();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nhost: here\r\nauthorization: {key}\r\ntransfer-encoding: chunked\r\n\r\n{piece}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        assert!(answer.is_empty() || parse(&answer).status == 400, "{piece:?}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.get("/readyz").status, 200);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(!metrics.contains("throng_events_admitted_total 1"), "{metrics}");
    assert!(!server.end().contains("panicked"));
}

/// Sends a text a byte at a time until there is an answer, or the connection ends.
fn dribble(server: &Apart, beginning: &str, text: u8) -> Vec<u8> {
    let mut stream = server.connect();
    stream.write_all(beginning.as_bytes()).unwrap();
    stream.set_read_timeout(Some(SLOW_PAUSE)).unwrap();
    let mut answer = Vec::new();
    for _ in 0..SLOW_BYTES_MAX {
        if stream.write_all(&[text]).is_err() {
            return answer;
        }
        // Waits for a while, as nothing is there.
        match stream.read_to_end(&mut answer) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            // Closed, or reset.
            Ok(_) | Err(_) => return answer,
        }
    }
    panic!("after {SLOW_BYTES_MAX} bytes the server still listens");
}

#[test]
fn who_sends_a_byte_at_a_time_is_cut_off() {
    let server = Apart::start();
    let head = "POST /v1/track HTTP/1.1\r\nhost: here\r\n";
    let answer = dribble(&server, &format!("{head}x-slow: "), b'a');
    let said = String::from_utf8_lossy(&answer);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    let answer = dribble(&server, &format!("{head}content-length: 100000\r\n\r\n"), b' ');
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(server.get("/healthz").status, 200);
}

/// Returns how many files this process may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

#[test]
fn ten_thousand_connections_that_say_nothing_keep_nobody_waiting() {
    let server = Apart::start();
    // Some for the log and the harness; the server has as many again.
    let n_connections = IDLE_CONNECTIONS.min(files_max().saturating_sub(256));
    let before = server.kilobytes("VmRSS");
    let connections: Vec<TcpStream> = (0..n_connections).map(|_| server.connect()).collect();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.batch("application/json", &message("{}")).status, 200);
    let n_kilobytes = server.kilobytes("VmRSS").saturating_sub(before);
    let allowed = IDLE_KB_MAX * u64::try_from(n_connections).unwrap() + (16 << 10);
    assert!(n_kilobytes < allowed, "{n_connections} connections took {n_kilobytes} kB");
    // They are cut off in the end, and the server is as ready as before.
    for mut stream in connections {
        stream.read_to_end(&mut Vec::new()).ok();
    }
    assert_eq!(server.get("/healthz").status, 200);
    assert!(!server.end().contains("panicked"));
}
