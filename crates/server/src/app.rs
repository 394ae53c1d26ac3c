//! What all handlers share, and the routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use throng_event::Seal;
use throng_live::{Live, LiveError};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use crate::ask::Desk;
use crate::error::ApiError;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::{
    Settings, account_api, ask, document, ingest, metrics, operations, page, profile_api, profiles, shifts, sign_in,
    work,
};

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) live: Live,
    pub(crate) settings: Arc<Settings>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) metrics: Arc<Metrics>,
    /// Of the home, where it keeps nothing personal.
    pub(crate) seal: Option<Seal>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) page: Arc<Page>,
    /// Says when the server is stopping.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Seconds a browser may remember what a preflight allowed.
const PREFLIGHT_S: u64 = 7_200;

impl App {
    pub(crate) fn new(settings: Settings, live: Live, stopping: watch::Receiver<bool>) -> Self {
        let guard = Guard::new(&settings);
        let (guard, metrics) = (Arc::new(guard), Arc::new(Metrics::new()));
        let seal = Seal::of(&settings.personal);
        let (desk, page) = (Arc::new(Desk::new(settings.ask.clone())), Arc::new(Page::new()));
        Self { live, guard, metrics, seal, desk, page, settings: Arc::new(settings), stopping }
    }

    pub(crate) fn routes(self) -> Router {
        let body_bytes_max = self.settings.body_bytes_max;
        document::with_document(open_routes())
            .merge(ask::routes())
            .merge(work::routes())
            .fallback(page::fallback)
            .method_not_allowed_fallback(other_method)
            .layer(DefaultBodyLimit::max(body_bytes_max))
            .layer(from_fn(page::without_prompt))
            .layer(from_fn_with_state(self.clone(), in_time))
            .layer(from_fn_with_state(self.clone(), metrics::observe))
            .layer(CatchPanicLayer::custom(|_| panicked()))
            .with_state(self)
    }
}

/// Returns the routes with what the document says of them.
pub(crate) fn open_routes() -> OpenApiRouter<App> {
    let from_browsers = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(true)
        .max_age(Duration::from_secs(PREFLIGHT_S));
    let (ingest, documented) = ingest::routes().split_for_parts();
    // What comes before the layer answers preflights too.
    let ingest = ingest.method_not_allowed_fallback(other_method).layer(from_browsers);
    let mut ingest = OpenApiRouter::from(ingest);
    *ingest.get_openapi_mut() = documented;
    OpenApiRouter::with_openapi(document::beginning())
        .merge(ingest)
        .merge(profile_api::routes())
        .merge(account_api::routes())
        .merge(profiles::routes())
        .merge(shifts::routes())
        .merge(operations::routes())
        .merge(sign_in::routes())
}

/// Gives up a request that takes too long. A stream has begun to answer by then.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    if work::takes_its_time(request.uri().path()) {
        return next.run(request).await;
    }
    let answered = tokio::time::timeout(app.settings.request_time_max, next.run(request)).await;
    answered.unwrap_or_else(|_| ApiError::timed_out().into_response())
}

/// Asks what is answered from the disk, on a thread that may wait for it.
pub(crate) async fn from_disk<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&Live) -> Result<T, LiveError> + Send + 'static,
) -> Result<T, ApiError> {
    let live = app.live.clone();
    let failed = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "reading failed");
    Ok(tokio::task::spawn_blocking(move || question(&live)).await.map_err(failed)??)
}

async fn other_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method; see /docs")
}

fn panicked() -> Response {
    tracing::error!("a handler panicked");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "something is wrong with the server")
        .into_response()
}

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Returns the user of a `Basic` header or the token of a `Bearer` one.
pub(crate) fn credential(headers: &axum::http::HeaderMap) -> Option<String> {
    use base64::Engine;
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let user = String::from_utf8(decoded).ok()?;
    // Without a colon too, as Segment has it.
    Some(user.split_once(':').map_or(user.as_str(), |(user, _)| user).to_owned())
}
