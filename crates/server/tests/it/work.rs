//! Work that takes minutes: who may begin it, how far it is, and that one thing is done at a time.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use throng_server::{Progress, Task, Workshop};

use crate::client::{ADMIN_KEY, Answer, READ_KEY, Server};

/// A server whose work is what `seen` says, and goes on when it is told to.
struct Works {
    server: Server,
    folder: tempfile::TempDir,
    /// What was to be done, with the bytes of a file.
    seen: Receiver<(Task, Vec<u8>)>,
    go_on: Sender<Result<Vec<u8>, String>>,
}

fn works() -> Works {
    let folder = tempfile::tempdir().unwrap();
    let (tell, seen) = channel();
    let (go_on, results) = channel();
    let both = Arc::new(Mutex::new((tell, results)));
    let workshop =
        Workshop::new(folder.path().join("sent"), move |task: &Task, progress: &(dyn Fn(Progress) + Sync)| {
            let bytes = match task {
                Task::Import(path) => std::fs::read(path).unwrap(),
                Task::Discover(_) => Vec::new(),
            };
            progress(Progress::Step("looking".to_owned()));
            progress(Progress::Share(0.5));
            let both = both.lock().unwrap();
            both.0.send((task.clone(), bytes)).unwrap();
            both.1.recv().unwrap()
        });
    let server = Server::with(|settings| settings.work = Some(workshop));
    Works { server, folder, seen, go_on }
}

impl Works {
    fn send(&self, path: &str, key: &str, body: &[u8]) -> Answer {
        self.server.send("POST", path, &[("authorization", &format!("Bearer {key}"))], body)
    }

    fn last(&self) -> Value {
        self.server.get("/v1/tasks", READ_KEY).json()["work"].take()
    }

    /// Waits until the work that goes on has ended.
    fn ended(&self) -> Value {
        for _ in 0..1_000 {
            let last = self.last();
            if last["state"] == "done" || last["state"] == "failed" {
                return last;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end: {}", self.last());
    }

    fn sent(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.folder.path().join("sent"));
        all.map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    }
}

#[test]
fn files_arrive_whole_and_are_gone_once_they_are_read() {
    let works = works();
    assert_eq!(works.last(), Value::Null);
    // More than the body of any other request may have.
    let file: Vec<u8> = (0..9_000_000_u32).map(|idx| idx.to_le_bytes()[1]).collect();
    let answer = works.send("/v1/tasks/import?name=..%2Fshop+orders.csv", ADMIN_KEY, &file);
    assert_eq!(answer.status, 202, "{answer:?}");
    let (task, bytes) = works.seen.recv().unwrap();
    let Task::Import(path) = task else { panic!("{task:?}") };
    assert_eq!(path.file_name().unwrap(), "shop orders.csv");
    assert!(path.starts_with(works.folder.path().join("sent")), "{path:?}");
    assert!(bytes == file, "the file is another");
    let running = works.last();
    assert_eq!((&running["state"], &running["about"]), (&json!("running"), &json!("shop orders.csv")));
    assert_eq!((&running["steps"], &running["share"]), (&json!(["looking"]), &json!(0.5)));

    // One thing at a time, and what is refused changes nothing.
    for path in ["/v1/tasks/discover", "/v1/tasks/import?name=b.csv"] {
        let answer = works.send(path, ADMIN_KEY, b"x");
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("conflict")));
    }
    works.go_on.send(Ok(br#"{"imports": 1}"#.to_vec())).unwrap();
    let done = works.ended();
    assert_eq!(
        (&done["state"], &done["result"], &done["message"]),
        (&json!("done"), &json!({"imports": 1}), &Value::Null)
    );
    assert!(works.sent().is_empty(), "{:?}", works.sent());
}

#[test]
fn failures_are_told_and_the_next_has_its_turn() {
    let works = works();
    works.go_on.send(Err("no such thing; try another".to_owned())).unwrap();
    assert_eq!(works.send("/v1/tasks/import?name=a.csv", ADMIN_KEY, b"a").status, 202);
    let failed = works.ended();
    assert_eq!((&failed["state"], &failed["message"]), (&json!("failed"), &json!("no such thing; try another")));
    assert!(works.sent().is_empty());
    works.seen.recv().unwrap();
    works.go_on.send(Ok(b"{}".to_vec())).unwrap();
    assert_eq!(works.send("/v1/tasks/discover?continuum=cut", ADMIN_KEY, b"").status, 202);
    let options = vec![("continuum".to_owned(), "cut".to_owned())];
    assert_eq!(works.seen.recv().unwrap().0, Task::Discover(options));
    assert_eq!(works.ended()["task"], "discover");
}

#[test]
fn files_that_break_off_leave_nothing() {
    let works = works();
    let headers = [("authorization", format!("Bearer {ADMIN_KEY}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // It says that more comes, and goes.
    let length = [headers.as_slice(), &[("transfer-encoding", "chunked")]].concat();
    drop(works.server.open("POST", "/v1/tasks/import?name=half.csv", &length, b"5\r\nhalf "));
    let failed = works.ended();
    assert_eq!((&failed["state"], &failed["message"]), (&json!("failed"), &json!("the file did not arrive whole")));
    for _ in 0..400 {
        if works.sent().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(works.sent().is_empty(), "{:?}", works.sent());
    assert!(works.seen.try_recv().is_err(), "half a file was read");
}

#[test]
fn only_administrators_have_something_done() {
    let works = works();
    for path in ["/v1/tasks/discover", "/v1/tasks/import?name=a.csv"] {
        assert_eq!(works.send(path, READ_KEY, b"x").status, 403, "{path}");
        assert_eq!(works.send(path, "nobody's", b"x").status, 401, "{path}");
        // Another site's page has neither a key nor the header.
        assert!([401, 403].contains(&works.server.send("POST", path, &[], b"x").status), "{path}");
    }
    assert_eq!(works.server.send("GET", "/v1/tasks", &[], b"").status, 401);
    assert_eq!(works.last(), Value::Null);
    // A server without anybody who does it has no such path.
    assert_eq!(Server::start().get("/v1/tasks", READ_KEY).status, 404);
}
