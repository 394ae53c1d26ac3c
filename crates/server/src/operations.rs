//! For those who run the server.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use throng_persona::PersonaId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, from_disk};
use crate::document::ReadErrors;
use crate::error::ApiError;
use crate::extract::{Asked, count, count_of_rows};
use crate::{Role, ServerError};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthy))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .routes(routes!(rejections))
        .routes(routes!(comparison))
}

/// Healthy is who answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    responses((status = 200, description = "The server answers", body = str, content_type = "text/plain")),
)]
async fn healthy() -> &'static str {
    "ok\n"
}

/// Ready is who takes events and keeps up with them.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses(
        (status = 200, description = "Events are taken", body = str, content_type = "text/plain"),
        (status = 503, description = "Events are not taken", body = str, content_type = "text/plain"),
    ),
)]
async fn ready(State(app): State<App>) -> Response {
    match app.live.status().failure {
        None => "ready\n".into_response(),
        Some(reason) => {
            tracing::error!(%reason, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: events are not taken; see the log\n").into_response()
        }
    }
}

/// What the server counts, in the text form of OpenMetrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((status = 200, description = "Counts", body = str, content_type = "application/openmetrics-text")),
)]
async fn metrics(State(app): State<App>) -> Response {
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, form)], app.metrics.text(&app.live.status())).into_response()
}

#[derive(Deserialize)]
struct RejectionsQuery {
    #[serde(default, deserialize_with = "count")]
    after: Option<u64>,
    #[serde(default, deserialize_with = "count_of_rows")]
    limit: Option<usize>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Rejection {
    number: u64,
    source: String,
    received_at: String,
    reason: String,
    detail: String,
    message: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Rejections {
    data: Vec<Rejection>,
}

/// Rejections of one page.
const PAGE_MAX: usize = 200;

/// Messages that are no events, the first first: for those who may see everything.
#[utoipa::path(
    get,
    path = "/v1/rejections",
    tag = "operations",
    params(
        ("after" = Option<usize>, Query, description = "The number of the last one that is known"),
        ("limit" = Option<usize>, Query, description = "At most so many, and never more than 200"),
    ),
    responses((status = 200, description = "A page of them", body = Rejections), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn rejections(
    State(app): State<App>,
    Asked(query): Asked<RejectionsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    app.guard.check(&headers, Role::Admin)?;
    let from = query.after.map_or(0, |after| after.saturating_add(1));
    let limit = query.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let refused = from_disk(&app, move |live| live.refused(from, limit)).await?;
    let opened = |text: String| match &app.seal {
        Some(seal) => seal.open(text),
        None => text,
    };
    let rows = refused.into_iter().map(|(number, refused)| Rejection {
        number,
        source: refused.source,
        received_at: throng_event::Instant(refused.received_at).to_string(),
        reason: refused.reason,
        detail: opened(refused.detail),
        message: opened(refused.raw),
    });
    Ok(Json(Rejections { data: rows.collect() }).into_response())
}

/// How the shadow model divides everybody beside the live one.
#[derive(Serialize, utoipa::ToSchema)]
struct Comparison {
    /// The version of the live model.
    live: String,
    /// The version of the shadow model.
    shadow: String,
    /// The personas of the live model.
    live_personas: Vec<String>,
    /// The personas of the shadow model.
    shadow_personas: Vec<String>,
    /// For each persona of the live model, how many profiles the shadow model counts for each of its own;
    /// in both the last is none.
    n_profiles: Vec<Vec<u64>>,
    /// Profiles that the two have not looked at yet.
    n_waiting: u64,
}

/// What the shadow model says of everybody, as of now, beside the live one.
#[utoipa::path(
    get,
    path = "/v1/scoring/comparison",
    tag = "operations",
    responses(
        (status = 200, description = "How many count for which persona by each", body = Comparison),
        ReadErrors,
    ),
    security(("basic" = []), ("bearer" = [])),
)]
async fn comparison(State(app): State<App>, headers: HeaderMap) -> Result<Json<Comparison>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let found = from_disk(&app, |live| Ok(live.comparison())).await?;
    let found = found.ok_or_else(|| {
        ApiError::not_found("no model scores as a shadow; `throng model shadow VERSION` makes one do so")
    })?;
    let ids = |personas: Vec<PersonaId>| personas.into_iter().map(|id| id.as_str().to_owned()).collect();
    Ok(Json(Comparison {
        live: found.live,
        shadow: found.shadow,
        live_personas: ids(found.live_personas),
        shadow_personas: ids(found.shadow_personas),
        n_profiles: found.n_profiles,
        n_waiting: found.n_waiting,
    }))
}

/// Writes what happens to standard error as JSON, a line each, without anything personal.
///
/// # Errors
/// [`ServerError::Logging`] when something else does so already.
pub fn log_as_json() -> Result<(), ServerError> {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{Layer, fmt};
    // What libraries do is told when it goes wrong.
    let ours = Targets::new().with_target("throng", LevelFilter::INFO).with_default(LevelFilter::WARN);
    let lines = fmt::layer().json().with_writer(std::io::stderr).with_filter(ours);
    tracing_subscriber::registry().with(lines).try_init().map_err(|error| ServerError::Logging(error.to_string()))
}
