//! The Measurement Protocol of Google Analytics 4: `/mp/collect` and its validator.
//!
//! The write key is `api_secret`. What is taken is answered with 204, and so is what is wrong
//! with the events, for the protocol has no other answer; they are among the refused, and
//! `/debug/mp/collect` says what is wrong without taking anything. A key that is not known, a
//! body that is too large and a server that is busy are answered as everywhere else.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use throng_event::{Problem, ProblemKind};
use throng_live::Submission;
use throng_source::{AnalyticsCall, read_analytics_call};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Fault, Origin, aside, read_records, refused, source_of, submit, unpacked};
use crate::app::App;
use crate::clock::now;
use crate::document::IngestErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Body};

/// What refused calls are kept as; no file has their form.
const FORM: &str = "ga4-measurement-protocol";
/// Events of one call; the protocol's own limit.
const EVENTS_MAX: usize = 25;
/// Bytes of one call; the protocol's own limit. Every event takes over what the call says.
const CALL_BYTES_MAX: usize = 130_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(collect)).routes(routes!(validate))
}

#[derive(Deserialize)]
struct SecretQuery {
    api_secret: Option<String>,
}

/// Takes up to 25 events.
#[utoipa::path(
    post,
    path = "/mp/collect",
    tag = "ga4",
    params(("api_secret" = String, Query, description = "A write key")),
    request_body(content = Object, description = "`client_id` or `app_instance_id`, `user_id`, `events`"),
    responses((status = 204, description = "What was well is on disk, the rest among the refused"), IngestErrors),
)]
async fn collect(
    State(app): State<App>,
    Asked(query): Asked<SecretQuery>,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let (submission, _) = take(&app, query, body).await?;
    submit(&app, submission).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Says what is wrong with a call and takes nothing.
#[utoipa::path(
    post,
    path = "/debug/mp/collect",
    tag = "ga4",
    params(("api_secret" = String, Query, description = "A write key")),
    request_body(content = Object, description = "`client_id` or `app_instance_id`, `user_id`, `events`"),
    responses((status = 200, description = "What is wrong", body = Object), IngestErrors),
)]
async fn validate(
    State(app): State<App>,
    Asked(query): Asked<SecretQuery>,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let (_, faults) = take(&app, query, body).await?;
    let messages = faults.iter().map(|fault| {
        let (path, code) = match fault.problem.kind {
            ProblemKind::MissingIdentity => ("client_id".to_owned(), "VALUE_REQUIRED"),
            ProblemKind::MissingName => (format!("events[{}].name", fault.idx), "NAME_INVALID"),
            ProblemKind::MissingTime | ProblemKind::InvalidTime | ProblemKind::ImplausibleTime => {
                (format!("events[{}].timestamp_micros", fault.idx), "VALUE_INVALID")
            }
            ProblemKind::TooLarge => ("events".to_owned(), "EXCEEDED_MAX_ENTITIES"),
            ProblemKind::Unreadable
            | ProblemKind::UnknownKind
            | ProblemKind::InvalidNumber
            | ProblemKind::InvalidCurrency
            | ProblemKind::LateLine
            | ProblemKind::ClockSkew => ("events".to_owned(), "VALUE_INVALID"),
        };
        json!({"fieldPath": path, "description": fault.problem.detail, "validationCode": code})
    });
    Ok(Json(json!({"validationMessages": messages.collect::<Vec<_>>()})).into_response())
}

async fn take(app: &App, query: SecretQuery, body: Bytes) -> Result<(Submission, Vec<Fault>), ApiError> {
    let at = now();
    let origin = Origin { source: source_of(app, query.api_secret)?, form: FORM };
    let app = app.clone();
    aside(body.len(), move || {
        let body = unpacked(&body, CALL_BYTES_MAX.min(app.settings.body_bytes_max))?;
        if body.len() > CALL_BYTES_MAX {
            return Err(ApiError::too_large(CALL_BYTES_MAX));
        }
        let records = match records_of(&body) {
            Ok(records) => records,
            Err(problem) => {
                let raw = String::from_utf8_lossy(&body).into_owned();
                let refused = vec![refused(&app, origin, at, (&problem, raw))];
                return Ok((Submission { events: Vec::new(), refused }, vec![Fault { idx: 0, problem }]));
            }
        };
        let records: Vec<&RawValue> = records.iter().map(AsRef::as_ref).collect();
        read_records(&app, origin, at, &|import, sink| {
            let read = read_analytics_call(AnalyticsCall::Ga4, (&records, at), import, sink);
            read.map(drop).map_err(|error| ApiError::invalid(error.to_string()))
        })
    })
    .await
}

/// Returns the events of a call, each with what the call says of all of them.
fn records_of(body: &[u8]) -> Result<Vec<Box<RawValue>>, Problem> {
    let unreadable = |error: serde_json::Error| Problem::new(ProblemKind::Unreadable, &error.to_string());
    let mut call: std::collections::BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(unreadable)?;
    let missing = || Problem::new(ProblemKind::MissingName, "the call has no events");
    let events = call.remove("events").ok_or_else(missing)?;
    let events: Vec<&RawValue> = serde_json::from_str(events.get()).map_err(unreadable)?;
    if events.len() > EVENTS_MAX {
        let said = format!("{} events, {EVENTS_MAX} are allowed", events.len());
        return Err(Problem::new(ProblemKind::TooLarge, &said));
    }
    let with_call = |event| {
        call.insert("event".to_owned(), event);
        serde_json::value::to_raw_value(&call).map_err(unreadable)
    };
    events.into_iter().map(with_call).collect()
}
