//! Segment's HTTP tracking API, as its libraries and those of RudderStack use it.
//!
//! Facts: `/v1/track` and its like, `/v1/t` for browsers, `/v1/batch` and `/v1/import`; the
//! write key as the user of a `Basic` header, as a `Bearer` token or as `writeKey` in the
//! body; gzip whether said or not; any content type. The answer is exactly 200, for some
//! libraries take every other success for a failure; messages that are no events are
//! answered with 200 too and kept among the refused, where they can be read.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use throng_event::EventKind;
use throng_live::Submission;
use throng_source::{Form, SegmentCall, read_segment_call};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Origin, aside, read, source_of, submit, unpacked};
use crate::app::{App, credential};
use crate::clock::now;
use crate::document::{IngestErrors, ReadErrors};
use crate::error::ApiError;
use crate::extract::{Asked, Body, Named};

/// Messages of one batch; Segment's own limit.
const BATCH_MESSAGES_MAX: usize = 2_500;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(take))
        .routes(routes!(take_beacon))
        .routes(routes!(drop_metrics))
        .routes(routes!(settings))
        .routes(routes!(source_config))
        .route("/sourceConfig/", get(source_config))
}

/// What a path says its messages are.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Call {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
    Batch,
    Import,
    T,
    I,
    P,
    S,
    G,
    A,
    B,
}

impl Call {
    fn kind(self) -> Option<EventKind> {
        match self {
            Self::Track | Self::T => Some(EventKind::Track),
            Self::Identify | Self::I => Some(EventKind::Identify),
            Self::Page | Self::P => Some(EventKind::Page),
            Self::Screen | Self::S => Some(EventKind::Screen),
            Self::Group | Self::G => Some(EventKind::Group),
            Self::Alias | Self::A => Some(EventKind::Alias),
            Self::Batch | Self::B | Self::Import => None,
        }
    }
}

/// Takes one message, or a batch of them. Single messages that are no events are answered
/// with 200 and kept among the refused.
#[utoipa::path(
    post,
    path = "/v1/{call}",
    tag = "segment",
    params(("call" = inline(Call), Path, description = "What the message is, in full or by its first letter")),
    request_body(content = Object, description = "A message, or `batch` with what its messages share; gzip is known by its bytes"),
    responses((status = 200, description = "Everything is on disk", body = Object), IngestErrors),
    security((), ("basic" = []), ("bearer" = [])),
)]
async fn take(
    State(app): State<App>,
    Named(call): Named<Call>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let submission = submit_body(&app, (call.kind(), credential(&headers)), body).await?;
    submit(&app, submission).await?;
    Ok(success())
}

/// Drops what the browser library counts of itself.
#[utoipa::path(post, path = "/v1/m", tag = "segment", responses((status = 200, description = "Dropped", body = Object)))]
async fn drop_metrics() -> Response {
    success()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyQuery {
    write_key: Option<String>,
}

/// Takes a batch that a page sends while it is left.
#[utoipa::path(
    post,
    path = "/beacon/v1/batch",
    tag = "segment",
    params(("writeKey" = Option<String>, Query, description = "The write key, where the body does not say")),
    request_body(content = Object, description = "`batch` with what its messages share"),
    responses((status = 200, description = "Everything is on disk", body = Object), IngestErrors),
)]
async fn take_beacon(
    State(app): State<App>,
    Asked(query): Asked<KeyQuery>,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let submission = submit_body(&app, (None, query.write_key), body).await?;
    submit(&app, submission).await?;
    Ok(success())
}

fn success() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], r#"{"success":true}"#).into_response()
}

/// Reads a body in Segment's form; the key is what the header gave.
pub(crate) async fn submit_body(
    app: &App,
    (kind, key): (Option<EventKind>, Option<String>),
    body: Bytes,
) -> Result<Submission, ApiError> {
    let at = now();
    let app = app.clone();
    aside(body.len(), move || {
        let body = unpacked(&body, app.settings.body_bytes_max)?;
        let envelope = serde_json::from_slice::<Envelope<'_>>(&body);
        let in_body = envelope.as_ref().ok().and_then(|envelope| envelope.write_key.as_deref()).map(str::to_owned);
        // With OAuth the token is the account's, and the body says which source.
        let source = source_of(&app, key.into_iter().chain(in_body))?;
        let envelope = envelope
            .map_err(|error| ApiError::invalid(format!("the body is no JSON object of Segment's form: {error}")))?;
        let n_messages = envelope.batch.map_or(1, |batch| batch.len());
        if n_messages > BATCH_MESSAGES_MAX {
            let message = format!("the batch has {n_messages} messages, {BATCH_MESSAGES_MAX} are allowed");
            return Err(ApiError::invalid(message));
        }
        let origin = Origin { source, form: Form::Segment.as_str() };
        read(&app, origin, at, &|import, sink| {
            let read = read_segment_call(&body, SegmentCall { received_at: at, kind }, import, sink);
            read.map(drop).map_err(|error| ApiError::invalid(error.to_string()))
        })
    })
    .await
}

/// What of a body is looked at before its messages are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'b> {
    #[serde(borrow)]
    write_key: Option<std::borrow::Cow<'b, str>>,
    #[serde(borrow)]
    batch: Option<Vec<&'b serde_json::value::RawValue>>,
}

/// What a browser asks first: which destinations there are. There is one, us.
#[utoipa::path(
    get,
    path = "/v1/projects/{write_key}/settings",
    tag = "segment",
    params(("write_key" = String, Path, description = "Is given back; is not looked at")),
    responses(
        (status = 200, description = "The settings of a source", body = Object),
        (status = 404, description = "There is nothing of this name", body = crate::error::ErrorBody),
    ),
)]
async fn settings(Named(write_key): Named<String>) -> Json<Value> {
    Json(json!({
        "integrations": {"Segment.io": {"apiKey": write_key}},
        "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
        "metrics": {"sampleRate": 0},
    }))
}

/// The same for the browser library of RudderStack.
#[utoipa::path(
    get,
    path = "/sourceConfig",
    tag = "segment",
    params(("writeKey" = Option<String>, Query, description = "The write key, where no header says it")),
    responses((status = 200, description = "The settings of a source", body = Object), ReadErrors),
    security((), ("basic" = []), ("bearer" = [])),
)]
async fn source_config(
    State(app): State<App>,
    Asked(query): Asked<KeyQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let key = credential(&headers).or(query.write_key).ok_or_else(ApiError::unauthorized)?;
    let source = &app.settings.sources[app.guard.source(&key)?.0];
    Ok(Json(json!({
        "source": {
            "id": source.name,
            "name": source.name,
            "workspaceId": "throng",
            "enabled": true,
            "config": {},
            "destinations": [],
        },
        "updatedAt": "1970-01-01T00:00:00Z",
    })))
}
