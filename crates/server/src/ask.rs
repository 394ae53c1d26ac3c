//! Questions that the server itself cannot answer: it hands them to whoever knows the tables, on threads of
//! their own, a few at once, and keeps what they said for a while.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use throng_event::Instant;
use tokio::sync::Semaphore;

use crate::Role;
use crate::app::{App, credential};
use crate::clock::now;
use crate::error::ApiError;
use crate::sign_in::from_the_page;

/// A question in the words of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whether something is to be changed.
    pub deed: Deed,
    /// The words of the command: `personas`, `list`.
    pub words: Vec<String>,
    /// Options by name, and as `_` what the command is about.
    pub parameters: Vec<(String, String)>,
    /// What whoever asks may do.
    pub role: Role,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// To know something.
    Ask,
    /// To change something.
    Act,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It is no question, and asking again does not help.
    Invalid(String),
    /// There is nothing to tell about yet, or no more.
    Missing(String),
    /// Whoever asks may not.
    Forbidden(String),
    /// Something is wrong here; what, is in the log.
    Failed,
}

/// Answers questions with JSON documents.
#[derive(Clone)]
pub struct Ask(Arc<Answer>);

/// What answers a question.
type Answer = dyn Fn(&Question) -> Result<Vec<u8>, Unanswered> + Send + Sync;

impl Ask {
    /// Returns what asks this function; it may take seconds.
    #[must_use]
    pub fn new(answer: impl Fn(&Question) -> Result<Vec<u8>, Unanswered> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask(…)")
    }
}

/// Questions answered at once; each may take a core and some hundreds of megabytes.
const AT_ONCE_MAX: usize = 2;
/// How long an answer is given again. The tables a question reads may be followed by a server that writes
/// once a second; a page that says what was true a minute ago says when.
const KEPT_US: i64 = 60 * Instant::SECOND;
/// Answers that are kept, and their bytes.
const KEPT_MAX: usize = 256;
const KEPT_BYTES_MAX: usize = 64 << 20;
/// Parameters of one question.
const PARAMETERS_MAX: usize = 64;

/// Who answers, and what was answered of late.
pub(crate) struct Desk {
    ask: Option<Ask>,
    turns: Arc<Semaphore>,
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    question: Question,
    at: Instant,
    answer: Bytes,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        now().0.saturating_sub(self.at.0) < KEPT_US
    }
}

impl Desk {
    pub(crate) fn new(ask: Option<Ask>) -> Self {
        Self { ask, turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), kept: Mutex::default() }
    }

    fn known(&self, question: &Question) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |kept: &&Kept| kept.question == *question && kept.is_fresh();
        kept.iter().rev().find(fresh).map(|kept| kept.answer.clone())
    }

    fn keep(&self, question: Question, at: Instant, answer: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.is_fresh() && kept.question != question);
        kept.push_back(Kept { question, at, answer });
        let mut n_bytes: usize = kept.iter().map(|kept| kept.answer.len()).sum();
        while kept.len() > KEPT_MAX || n_bytes > KEPT_BYTES_MAX {
            n_bytes -= kept.pop_front().map_or(n_bytes, |kept| kept.answer.len());
        }
    }

    fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Returns the routes; their questions are documented by the command line's own help.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/ask/{*words}", get(ask).post(act))
}

async fn ask(
    State(app): State<App>,
    Path(words): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let role = app.guard.role(&headers)?;
    let question = question(Deed::Ask, &words, query.as_deref(), role)?;
    answered(app, question).await
}

async fn act(
    State(app): State<App>,
    Path(words): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // A key is sent by nobody by accident.
    if credential(&headers).is_none() {
        from_the_page(&headers)?;
    }
    let role = app.guard.role(&headers)?;
    let question = question(Deed::Act, &words, query.as_deref(), role)?;
    answered(app, question).await
}

fn question(deed: Deed, words: &str, query: Option<&str>, role: Role) -> Result<Question, ApiError> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let parameters: Vec<_> = pairs.into_owned().take(PARAMETERS_MAX + 1).collect();
    if parameters.len() > PARAMETERS_MAX {
        return Err(ApiError::invalid(format!("a question has {PARAMETERS_MAX} parameters at most")));
    }
    Ok(Question { deed, words: words.split('/').map(str::to_owned).collect(), parameters, role })
}

async fn answered(app: App, question: Question) -> Result<Response, ApiError> {
    let desk = Arc::clone(&app.desk);
    let ask = desk.ask.clone().ok_or_else(ApiError::no_path)?;
    let reusable = question.deed == Deed::Ask;
    if let Some(answer) = desk.known(&question).filter(|_| reusable) {
        return Ok(json(answer));
    }
    let failed = || ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the question failed");
    let turn = Arc::clone(&desk.turns).acquire_owned().await.map_err(|_| failed())?;
    // Another may have asked the same while this one waited.
    if let Some(answer) = desk.known(&question).filter(|_| reusable) {
        return Ok(json(answer));
    }
    // Who gives up waiting leaves the answer to the next who asks.
    let answering = tokio::task::spawn_blocking(move || {
        let at = now();
        let answer = ask.0(&question).map(Bytes::from);
        if !reusable {
            desk.forget();
        } else if let Ok(answer) = &answer {
            desk.keep(question, at, answer.clone());
        }
        drop(turn);
        answer
    });
    answering.await.map_err(|_| failed())?.map(json).map_err(|unanswered| match unanswered {
        Unanswered::Invalid(message) => ApiError::invalid(message),
        Unanswered::Missing(message) => ApiError::not_found(message),
        Unanswered::Forbidden(message) => ApiError::new(StatusCode::FORBIDDEN, "forbidden", message),
        Unanswered::Failed => failed(),
    })
}

fn json(answer: Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, answer).into_response()
}
