//! A server that is killed, or whose disk is full or slow: what it acknowledged is in the log, in
//! the lake and in its profiles, once.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use crate::support::Shop;

const FEATURES: &str = r#"
[[feature]]
name = "orders"
kind = "count"
events = ["Order Completed"]
unit = "orders"
category = "transactional"

[[feature]]
name = "recency"
kind = "recency"
unit = "days"
category = "behavioural"
"#;

/// Messages of one call.
const BATCH: u64 = 20;
const N_KILLS: u64 = 50;

struct Home {
    shop: Shop,
    key: String,
    /// The next message; none is sent twice.
    next: AtomicU64,
}

/// What a server answered.
enum Answer {
    /// These messages were acknowledged.
    Taken(std::ops::Range<u64>),
    /// It said no, with this status.
    Refused(u16),
    /// It is gone.
    Gone,
}

impl Home {
    fn new() -> Self {
        let shop = Shop::empty();
        let path = shop.home().join("throng.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, config + FEATURES).unwrap();
        let said = shop.run(["keys", "add", "web", "--role", "ingest"]);
        let key = said.split_whitespace().find(|word| word.starts_with("throng_")).unwrap().to_owned();
        Self { shop, key, next: AtomicU64::new(0) }
    }

    fn serve(&self, disk: &[(&str, &str)]) -> Child {
        let mut command = self.shop.command(["serve", "--listen", "127.0.0.1:0"]);
        command.envs(disk.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn messages(range: std::ops::Range<u64>) -> String {
        let message = |number: u64| {
            let (user, name) =
                (number % 37, ["Order Completed", "Product Viewed"][usize::from(!number.is_multiple_of(3))]);
            format!(r#"{{"type":"track","messageId":"m{number}","userId":"u{user}","event":"{name}"}}"#)
        };
        let messages: Vec<String> = range.map(message).collect();
        format!(r#"{{"batch":[{}]}}"#, messages.join(","))
    }

    /// Sends the next messages.
    fn send(&self, address: SocketAddr) -> Answer {
        let start = self.next.fetch_add(BATCH, Ordering::Relaxed);
        let body = Self::messages(start..start + BATCH);
        match post(address, &self.key, &body) {
            Ok(200) => Answer::Taken(start..start + BATCH),
            Ok(status) => Answer::Refused(status),
            Err(_) => Answer::Gone,
        }
    }

    /// Sends until the server is gone, and says what was taken.
    fn send_all(&self, address: SocketAddr, taken: &Sender<std::ops::Range<u64>>) {
        loop {
            match self.send(address) {
                // Nobody counts any more: it is being killed.
                Answer::Taken(range) => _ = taken.send(range),
                Answer::Refused(status) => assert_eq!(status, 429, "a server that is up takes events"),
                Answer::Gone => return,
            }
        }
    }

    /// Starts a server, stops it as people do, and checks that everything is everywhere once.
    fn check(&self, acknowledged: &BTreeSet<u64>) {
        let mut server = self.serve(&[]);
        let (_, _said) = address(&mut server).unwrap();
        let pid = server.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        assert!(server.wait().unwrap().success());
        let rows = self.shop.json(["sql", "SELECT event_id FROM events"]);
        let ids: Vec<u64> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["event_id"].as_str().unwrap().strip_prefix('m').unwrap().parse().unwrap())
            .collect();
        let there: BTreeSet<u64> = ids.iter().copied().collect();
        assert_eq!(there.len(), ids.len(), "every event is in the lake once");
        let missing: Vec<&u64> = acknowledged.difference(&there).collect();
        assert!(missing.is_empty(), "{} acknowledged events are missing, such as m{}", missing.len(), missing[0]);
        let parity = self.shop.json(["verify", "parity"]);
        assert_eq!((&parity["agrees"], &parity["n_events"]), (&true.into(), &there.len().into()));
        assert!(parity["n_values"].as_u64().unwrap() > 0);
    }
}

/// Returns where a server listens, when it does, and what it goes on saying; `None` for one that
/// ended before.
fn address(server: &mut Child) -> Option<(SocketAddr, BufReader<ChildStdout>)> {
    let mut said = BufReader::new(server.stdout.take().unwrap());
    let line = said.by_ref().lines().map_while(Result::ok).find(|line| line.starts_with("listening on "))?;
    Some((line.strip_prefix("listening on http://").unwrap().parse().unwrap(), said))
}

fn post(address: SocketAddr, key: &str, body: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// Returns the library that makes a disk full or slow, `None` where there is no C compiler.
#[expect(clippy::print_stdout, reason = "whoever reads the output of the test should know")]
fn disk(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/disk.c");
    let library = folder.join("disk.so");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    if !cfg!(target_os = "linux") || !built.is_ok_and(|status| status.success()) {
        println!("left out: full and slow disks, for there is no C compiler or no Linux");
        return None;
    }
    Some(library)
}

#[test]
fn what_was_acknowledged_survives_fifty_kills_on_quick_and_slow_disks() {
    let home = Home::new();
    let library = disk(home.shop.folder());
    let mut acknowledged = BTreeSet::new();
    for kill in 0..N_KILLS {
        let slow = library.as_ref().filter(|_| kill % 4 == 3).and_then(|library| library.to_str());
        let variables = slow.map(|library| vec![("LD_PRELOAD", library), ("DISK_SYNC_MS", "40")]);
        let mut server = home.serve(&variables.unwrap_or_default());
        if kill % 10 == 9 {
            // While it opens the log.
            server.kill().unwrap();
            server.wait().unwrap();
            continue;
        }
        let (address, _said) = address(&mut server).unwrap();
        let (taken, acknowledgements) = channel();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (home, taken) = (&home, taken.clone());
                scope.spawn(move || home.send_all(address, &taken));
            }
            // In the middle of the next calls.
            for _ in 0..kill * 7 % 23 {
                acknowledged.extend(acknowledgements.recv().unwrap());
            }
            server.kill().unwrap();
            server.wait().unwrap();
        });
        drop(taken);
        acknowledgements.into_iter().for_each(|range| acknowledged.extend(range));
    }
    assert!(acknowledged.len() > 1_000);
    home.check(&acknowledged);
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    let home = Home::new();
    let Some(library) = disk(home.shop.folder()) else { return };
    let flag = home.shop.folder().join("full");
    let variables = [("LD_PRELOAD", library.to_str().unwrap()), ("DISK_FULL", flag.to_str().unwrap())];
    let mut acknowledged = BTreeSet::new();
    let mut take = |address: SocketAddr, n_calls: usize| {
        for _ in 0..n_calls {
            match home.send(address) {
                Answer::Taken(range) => acknowledged.extend(range),
                Answer::Refused(status) => return Some(status),
                Answer::Gone => return Some(0),
            }
        }
        None
    };
    for _ in 0..3 {
        let mut server = home.serve(&variables);
        let (address, _said) = address(&mut server).unwrap();
        assert_eq!(take(address, 10), None);
        std::fs::write(&flag, "").unwrap();
        // It says no, to this and to what follows, and stays to say so.
        assert_eq!(take(address, 5), Some(503));
        assert_eq!(take(address, 5), Some(503));
        server.kill().unwrap();
        server.wait().unwrap();
        std::fs::remove_file(&flag).unwrap();
    }
    home.check(&acknowledged);
}
