//! Amplitude's HTTP V2 API: `/2/httpapi` and `/batch`.
//!
//! The body is `{"api_key", "events": […], "options": {"min_id_length"}}`. Where a single
//! event is wrong nothing is taken and the answer says which ones and why, by their numbers:
//! the libraries leave those out and send the others again.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use throng_event::{Instant, Problem, ProblemKind};
use throng_live::Submission;
use throng_source::{AnalyticsCall, read_analytics_call};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Fault, Origin, aside, read_records, refused, source_of, submit, unpacked};
use crate::app::App;
use crate::clock::now;
use crate::document::AmplitudeErrors;
use crate::error::ApiError;
use crate::extract::Body;
use crate::guard::SourceIdx;

/// What refused events are kept as; no file has their form.
const FORM: &str = "amplitude-http";
/// Events of one call; Amplitude's own limit.
const EVENTS_MAX: usize = 2_000;
/// Characters that an id must have where the call does not say; Amplitude's own limit.
const ID_LENGTH_MIN: usize = 5;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http_api)).routes(routes!(batch))
}

#[derive(Deserialize)]
struct Call<'b> {
    #[serde(borrow)]
    api_key: Option<std::borrow::Cow<'b, str>>,
    #[serde(borrow)]
    events: Option<Vec<&'b RawValue>>,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    min_id_length: Option<usize>,
}

/// Which events are wrong, by the field that is.
#[derive(Serialize, Default)]
struct Wrong {
    events_with_missing_fields: BTreeMap<&'static str, Vec<usize>>,
    events_with_invalid_fields: BTreeMap<&'static str, Vec<usize>>,
    events_with_invalid_id_lengths: BTreeMap<&'static str, Vec<usize>>,
}

/// What a body was read as.
struct Taken {
    submission: Submission,
    wrong: Option<Wrong>,
    at: Instant,
}

/// Takes up to 2,000 events.
#[utoipa::path(
    post,
    path = "/2/httpapi",
    tag = "amplitude",
    request_body(content = Object, description = "`api_key`, `events` and `options`"),
    responses((status = 200, description = "Everything is on disk", body = Object), AmplitudeErrors),
)]
async fn http_api(State(app): State<App>, body: Result<Body, ApiError>) -> Response {
    take(&app, body).await
}

/// Takes up to 2,000 events, as `/2/httpapi` does.
#[utoipa::path(
    post,
    path = "/batch",
    tag = "amplitude",
    request_body(content = Object, description = "`api_key`, `events` and `options`"),
    responses((status = 200, description = "Everything is on disk", body = Object), AmplitudeErrors),
)]
async fn batch(State(app): State<App>, body: Result<Body, ApiError>) -> Response {
    take(&app, body).await
}

async fn take(app: &App, body: Result<Body, ApiError>) -> Response {
    let Body(body) = match body {
        Ok(body) => body,
        Err(error) => return answer(&error),
    };
    let n_bytes = body.len();
    match taken(app, body).await {
        Ok(Taken { wrong: Some(wrong), .. }) => {
            // No `missing_field` here: with it libraries give up on all of the events.
            let mut answer = json!({"code": 400, "error": "Invalid or missing fields in some events"});
            if let (Some(answer), Ok(serde_json::Value::Object(wrong))) =
                (answer.as_object_mut(), serde_json::to_value(wrong))
            {
                answer.extend(wrong);
            }
            (StatusCode::BAD_REQUEST, Json(answer)).into_response()
        }
        Ok(Taken { submission, at, .. }) => {
            let n_events = submission.events.len();
            match submit(app, submission).await {
                Ok(_) => Json(json!({
                    "code": 200,
                    "events_ingested": n_events,
                    "payload_size_bytes": n_bytes,
                    "server_upload_time": at.0 / 1_000,
                }))
                .into_response(),
                Err(error) => answer(&error),
            }
        }
        Err(error) => answer(&error),
    }
}

/// Answers in Amplitude's words. A key that is not known is a bad request there.
fn answer(error: &ApiError) -> Response {
    let code = error.status.as_u16();
    match error.status {
        StatusCode::UNAUTHORIZED => {
            let message = "Invalid API key";
            ApiError::invalid(message).with_body(&json!({"code": 400, "error": message}))
        }
        StatusCode::TOO_MANY_REQUESTS => error.with_body(&json!({
            "code": code,
            "error": error.message,
            "throttled_devices": {},
            "throttled_users": {},
            "throttled_events": [],
        })),
        _ => {
            let missing = ["api_key", "events"].into_iter().find(|name| error.message == missing_field(name));
            error.with_body(&json!({"code": code, "error": error.message, "missing_field": missing}))
        }
    }
}

fn missing_field(name: &str) -> String {
    format!("Request missing required field {name}")
}

/// Reads a body; of one with wrong events only what is wrong with them.
async fn taken(app: &App, body: Bytes) -> Result<Taken, ApiError> {
    let at = now();
    let reader = app.clone();
    let read = aside(body.len(), move || {
        let body = unpacked(&body, reader.settings.body_bytes_max)?;
        read_body(&reader, &body, at)
    });
    let mut taken = read.await?;
    if taken.wrong.is_some() {
        taken.submission.events.clear();
        submit(app, std::mem::take(&mut taken.submission)).await?;
    }
    Ok(taken)
}

fn read_body(app: &App, body: &[u8], at: Instant) -> Result<Taken, ApiError> {
    let call: Call<'_> = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the body is no JSON object of Amplitude's form: {error}")))?;
    let key = call.api_key.ok_or_else(|| ApiError::invalid(missing_field("api_key")))?;
    let source = source_of(app, [key.into_owned()])?;
    let events = call.events.ok_or_else(|| ApiError::invalid(missing_field("events")))?;
    if events.len() > EVENTS_MAX {
        let message = format!("the call has {} events, {EVENTS_MAX} are allowed", events.len());
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
    }
    let length_min = call.options.and_then(|options| options.min_id_length).unwrap_or(ID_LENGTH_MIN);
    let (submission, wrong) = read_events(app, source, (&events, length_min), at)?;
    Ok(Taken { submission, wrong, at })
}

fn read_events(
    app: &App,
    source: SourceIdx,
    (events, length_min): (&[&RawValue], usize),
    at: Instant,
) -> Result<(Submission, Option<Wrong>), ApiError> {
    let origin = Origin { source, form: FORM };
    let (mut submission, faults) = read_records(app, origin, at, &|import, sink| {
        let read = read_analytics_call(AnalyticsCall::Amplitude, (events, at), import, sink);
        read.map(drop).map_err(|error| ApiError::invalid(error.to_string()))
    })?;
    let mut wrong = Wrong::default();
    for Fault { idx, problem } in &faults {
        let (missing, field) = field_of(problem.kind);
        let fields =
            if missing { &mut wrong.events_with_missing_fields } else { &mut wrong.events_with_invalid_fields };
        fields.entry(field).or_default().push(*idx);
    }
    for (idx, event) in events.iter().enumerate().filter(|(idx, _)| faults.iter().all(|fault| fault.idx != *idx)) {
        let Some(field) = too_short(event, length_min) else { continue };
        wrong.events_with_invalid_id_lengths.entry(field).or_default().push(idx);
        let problem = Problem::new(ProblemKind::MissingIdentity, &format!("{field} shorter than {length_min}"));
        submission.refused.push(refused(app, origin, at, (&problem, event.get().to_owned())));
    }
    let any = !faults.is_empty() || !wrong.events_with_invalid_id_lengths.is_empty();
    Ok((submission, any.then_some(wrong)))
}

#[derive(Deserialize)]
struct Ids {
    user_id: Option<serde_json::Value>,
    device_id: Option<serde_json::Value>,
}

/// Returns the id of an event that is shorter than an id may be.
fn too_short(event: &RawValue, length_min: usize) -> Option<&'static str> {
    let ids: Ids = serde_json::from_str(event.get()).ok()?;
    let short = |id: &Option<serde_json::Value>| {
        id.as_ref().and_then(serde_json::Value::as_str).is_some_and(|id| id.chars().count() < length_min)
    };
    if short(&ids.user_id) {
        return Some("user_id");
    }
    short(&ids.device_id).then_some("device_id")
}

/// Returns whether a field is missing, or else not valid, and which.
fn field_of(kind: ProblemKind) -> (bool, &'static str) {
    match kind {
        ProblemKind::MissingIdentity => (true, "user_id"),
        ProblemKind::MissingName | ProblemKind::UnknownKind => (true, "event_type"),
        ProblemKind::MissingTime | ProblemKind::InvalidTime | ProblemKind::ImplausibleTime => (false, "time"),
        ProblemKind::Unreadable
        | ProblemKind::InvalidNumber
        | ProblemKind::InvalidCurrency
        | ProblemKind::TooLarge
        | ProblemKind::LateLine
        | ProblemKind::ClockSkew => (false, "event_properties"),
    }
}
