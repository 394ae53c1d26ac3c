//! Work that takes minutes: an administrator begins it from the page, everybody may look how far it is.
//!
//! One task goes on at a time, on a thread of its own, done by whoever knows the tables. What became of the
//! last one is kept until the next begins.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::app::{App, credential};
use crate::clock::now;
use crate::error::ApiError;
use crate::sign_in::from_the_page;
use crate::{KeyHash, Role};

/// Where a file is sent to; a request to it may take as long as it has to.
pub(crate) const IMPORT_PATH: &str = "/v1/tasks/import";

/// Bytes of a file that is sent by a page. What is larger is better read where it lies.
const FILE_BYTES_MAX: u64 = 8 << 30;
/// Characters of a file's name that are kept, its end among them: the form is told by it.
const NAME_LENGTH_MAX: usize = 100;
/// Pieces of a file that wait to be written.
const CHUNKS_WAITING_MAX: usize = 16;
/// Steps that are told of one task.
const STEPS_MAX: usize = 100;

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// To read a file into the home.
    Import(PathBuf),
    /// To look for personas, after features were proposed where there are none; with options of
    /// `throng discover`.
    Discover(Vec<(String, String)>),
}

impl Task {
    fn kind(&self) -> &'static str {
        match self {
            Self::Import(_) => "import",
            Self::Discover(_) => "discover",
        }
    }

    fn about(&self) -> Option<String> {
        match self {
            Self::Import(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Discover(_) => None,
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// This begins.
    Step(String),
    /// So much of 1 of the step is done.
    Share(f64),
}

/// Does a task, tells how far it is, and returns the document that the command would print, or what went wrong,
/// in words.
type Worker = dyn Fn(&Task, &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, String> + Send + Sync;

/// Where tasks are done, one at a time. A server that is started anew in the same process goes on with it.
#[derive(Clone)]
pub struct Workshop(Arc<Shop>);

struct Shop {
    worker: Box<Worker>,
    /// For files that were sent, until they are read.
    folder: PathBuf,
    last: Mutex<Option<Report>>,
}

/// What is going on, or went on last.
#[derive(Debug, Clone, Serialize)]
struct Report {
    task: &'static str,
    /// The file, of an import.
    about: Option<String>,
    began_at: String,
    state: Stage,
    steps: Vec<String>,
    /// How much of the last step is done, from 0 to 1, where that is known.
    share: Option<f64>,
    /// What went wrong.
    message: Option<String>,
    /// What the command prints.
    result: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// A file is on its way.
    Sending,
    Running,
    Done,
    Failed,
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workshop(…)")
    }
}

impl Workshop {
    /// Returns a workshop whose tasks are done by `worker`; `folder` is for files on their way, and for
    /// nothing else.
    #[must_use]
    pub fn new(
        folder: PathBuf,
        worker: impl Fn(&Task, &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shop { worker: Box::new(worker), folder, last: Mutex::default() }))
    }

    /// Takes the place of the task that goes on, unless there is one.
    fn take(&self, task: &Task, state: Stage) -> Result<(), ApiError> {
        let mut last = self.0.last();
        if last.as_ref().is_some_and(|report| matches!(report.state, Stage::Sending | Stage::Running)) {
            let message = "something else is being done; GET /v1/tasks says how far it is";
            return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message));
        }
        *last = Some(Report {
            task: task.kind(),
            about: task.about(),
            began_at: now().to_string(),
            state,
            steps: Vec::new(),
            share: None,
            message: None,
            result: None,
        });
        Ok(())
    }

    /// Does a task whose place is taken.
    fn go_on(&self, task: Task) {
        self.0.change(|report| report.state = Stage::Running);
        let shop = Arc::clone(&self.0);
        std::thread::spawn(move || {
            // Whatever becomes of the thread, the next task has its turn.
            let turn = Turn(&shop);
            let tell = |progress: Progress| shop.change(|report| report.note(progress));
            let done = (shop.worker)(&task, &tell);
            if let Task::Import(path) = &task {
                forget(path);
            }
            shop.change(|report| report.end(done));
            drop(turn);
        });
    }
}

impl Shop {
    fn last(&self) -> MutexGuard<'_, Option<Report>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Report)) {
        if let Some(report) = self.last().as_mut() {
            change(report);
        }
    }
}

impl Report {
    fn note(&mut self, progress: Progress) {
        match progress {
            Progress::Step(step) if self.steps.len() < STEPS_MAX => {
                self.steps.push(step);
                self.share = None;
            }
            Progress::Step(_) => {}
            Progress::Share(share) => self.share = Some(share.clamp(0.0, 1.0)),
        }
    }

    fn end(&mut self, done: Result<Vec<u8>, String>) {
        self.share = None;
        match done {
            Ok(document) => {
                self.state = Stage::Done;
                self.result = serde_json::from_slice(&document).ok();
            }
            Err(message) => {
                self.state = Stage::Failed;
                self.message = Some(message);
            }
        }
    }
}

/// The turn of a task: whoever does not come to its end has failed.
struct Turn<'a>(&'a Shop);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.change(|report| {
            if matches!(report.state, Stage::Sending | Stage::Running) {
                report.end(Err("it ended before it was done".to_owned()));
            }
        });
    }
}

/// Returns the routes. They are the page's own, and stand in no document.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/tasks", get(look))
        .route("/v1/tasks/discover", post(discover))
        .route(IMPORT_PATH, post(import).layer(DefaultBodyLimit::disable()))
}

async fn look(State(app): State<App>, headers: HeaderMap) -> Result<Json<serde_json::Value>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let workshop = app.settings.work.as_ref().ok_or_else(ApiError::no_path)?;
    let report = workshop.0.last().clone();
    Ok(Json(serde_json::json!({ "work": report })))
}

async fn discover(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let workshop = allowed(&app, &headers)?;
    let options = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let task = Task::Discover(options);
    workshop.take(&task, Stage::Running)?;
    workshop.go_on(task);
    Ok(StatusCode::ACCEPTED)
}

async fn import(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let workshop = allowed(&app, &headers)?;
    let query = query.unwrap_or_default();
    let name = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "name").map(|(_, value)| value);
    let name = file_name(&name.unwrap_or_default());
    let random = KeyHash::of(&format!("{name} {}", now().0)).to_string();
    let path = workshop.0.folder.join(&random[..16]).join(name);
    let task = Task::Import(path.clone());
    workshop.take(&task, Stage::Sending)?;
    // Whoever goes away while sending leaves nothing behind.
    let turn = Sending { workshop: &workshop, path: Some(path.clone()) };
    receive(&path, body).await?;
    turn.arrived();
    workshop.go_on(task);
    Ok(StatusCode::ACCEPTED)
}

/// Returns where work is done, for an administrator.
fn allowed(app: &App, headers: &HeaderMap) -> Result<Workshop, ApiError> {
    let workshop = app.settings.work.clone().ok_or_else(ApiError::no_path)?;
    // A key is sent by nobody by accident.
    if credential(headers).is_none() {
        from_the_page(headers)?;
    }
    if app.guard.role(headers)? < Role::Admin {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "this is for administrators"));
    }
    Ok(workshop)
}

/// A file that is on its way.
struct Sending<'a> {
    workshop: &'a Workshop,
    path: Option<PathBuf>,
}

impl Sending<'_> {
    fn arrived(mut self) {
        self.path = None;
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            forget(path);
            self.workshop.0.change(|report| report.end(Err("the file did not arrive whole".to_owned())));
        }
    }
}

async fn receive(path: &Path, body: Body) -> Result<(), ApiError> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "a file could not be kept");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", format!("could not keep the file: {error}"))
    };
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    let kept = path.to_owned();
    let writing = tokio::task::spawn_blocking(move || write(&kept, receiver));
    let sent = send(body, sender).await;
    let written = writing.await.map_err(std::io::Error::other).and_then(std::convert::identity);
    sent?;
    written.map_err(failed)
}

/// Hands on what arrives; ends early where nobody takes it any more, who then says why.
async fn send(body: Body, sender: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut n_bytes = 0_u64;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::invalid("the file did not arrive whole"))?;
        n_bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if n_bytes > FILE_BYTES_MAX {
            let message = format!("a file has {FILE_BYTES_MAX} bytes at most here; `throng import` reads larger ones");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message));
        }
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn write(path: &Path, mut chunks: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create(path)?;
    while let Some(chunk) = chunks.blocking_recv() {
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

/// Removes a file that was sent, with the folder it was alone in.
fn forget(path: &Path) {
    if let Some(folder) = path.parent()
        && let Err(error) = std::fs::remove_dir_all(folder)
    {
        tracing::warn!(%error, "a file that was sent could not be removed");
    }
}

/// Returns a name that is one of a file and nothing else, and ends as it did.
fn file_name(name: &str) -> String {
    let own = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |letter: char| if letter.is_alphanumeric() || "._- ()".contains(letter) { letter } else { '_' };
    let letters: Vec<char> = own.trim_start_matches('.').chars().map(plain).collect();
    let kept: String = letters[letters.len().saturating_sub(NAME_LENGTH_MAX)..].iter().collect();
    if kept.trim().is_empty() { "file".to_owned() } else { kept }
}

/// Returns whether a request may take as long as it has to.
pub(crate) fn takes_its_time(path: &str) -> bool {
    path == IMPORT_PATH
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, kept) in [
            ("orders 2024.csv", "orders 2024.csv"),
            ("../../etc/passwd", "passwd"),
            ("C:\\data\\a.json.gz", "a.json.gz"),
            ("..", "file"),
            ("", "file"),
            ("a\u{0}b|c.csv", "a_b_c.csv"),
            (".hidden", "hidden"),
        ] {
            assert_eq!(file_name(name), kept, "{name:?}");
        }
        assert!(file_name(&format!("{}.csv.gz", "é".repeat(500))).ends_with(".csv.gz"));
        assert!(file_name(&"é".repeat(500)).len() <= 200);
    }
}
