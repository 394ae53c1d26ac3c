//! Mixpanel's ingestion API: `/track`, `/engage` and `/import`.
//!
//! A body is JSON (one object, a list, or lines) or a form whose field `data` is that JSON,
//! plain or as base64; packed or not. The key is the project's token: the user of a `Basic`
//! header, or `token` (`$token` of people) in the first record. What is wrong with single
//! records is answered as Mixpanel does, by `0` instead of `1` or by their numbers, and the
//! others are taken all the same.

use std::borrow::Cow;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use throng_event::{Problem, ProblemKind};
use throng_live::Submission;
use throng_source::{AnalyticsCall, read_analytics_call};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Fault, Origin, aside, read_records, refused, source_of, submit, unpacked};
use crate::app::{App, credential};
use crate::clock::now;
use crate::document::MixpanelErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Body};

/// What refused records are kept as; no file has their form.
const FORM: &str = "mixpanel-http";
/// Records of one call; Mixpanel's own limit.
const RECORDS_MAX: usize = 2_000;
/// Bytes of an insert id; Mixpanel's own limit.
const INSERT_ID_BYTES_MAX: usize = 36;

pub(super) fn routes() -> OpenApiRouter<App> {
    // The browser's library writes the paths with a slash at the end.
    OpenApiRouter::new()
        .routes(routes!(track))
        .route("/track/", post(track))
        .routes(routes!(engage))
        .route("/engage/", post(engage))
        .routes(routes!(import))
}

#[derive(Deserialize)]
struct TrackQuery {
    verbose: Option<String>,
}

#[derive(Deserialize)]
struct ImportQuery {
    strict: Option<String>,
}

/// How much is asked of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// That it is an event.
    Plain,
    /// That it says when it happened and carries an insert id, too.
    Strict,
}

/// What a body was read as.
struct Taken {
    submission: Submission,
    failed: Vec<FailedRecord>,
    /// Whether the body asks for an answer in JSON.
    verbose: bool,
}

/// One record that was not taken.
#[derive(Debug, Serialize)]
struct FailedRecord {
    index: usize,
    #[serde(rename = "$insert_id")]
    insert_id: String,
    field: &'static str,
    message: String,
}

/// Takes events: JSON, or a form whose field `data` is JSON or base64 of it. Answers `1`, or `0` where a record is wrong.
#[utoipa::path(
    post,
    path = "/track",
    tag = "mixpanel",
    params(("verbose" = Option<String>, Query, description = "`1` for an answer in JSON")),
    request_body(content = Object, description = "One record or a list of them, each with the token of the project"),
    responses(
        (status = 200, description = "What was well is on disk", content((i32 = "text/plain"), (Object = "application/json"))),
        MixpanelErrors,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
async fn track(
    State(app): State<App>,
    Asked(query): Asked<TrackQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Response {
    tracked(&app, AnalyticsCall::MixpanelEvents, query.verbose.as_deref(), (headers, body)).await
}

/// Takes changes to people, as `/track` takes events.
#[utoipa::path(
    post,
    path = "/engage",
    tag = "mixpanel",
    params(("verbose" = Option<String>, Query, description = "`1` for an answer in JSON")),
    request_body(content = Object, description = "One record or a list of them, each with the token of the project"),
    responses(
        (status = 200, description = "What was well is on disk", content((i32 = "text/plain"), (Object = "application/json"))),
        MixpanelErrors,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
async fn engage(
    State(app): State<App>,
    Asked(query): Asked<TrackQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Response {
    tracked(&app, AnalyticsCall::MixpanelPeople, query.verbose.as_deref(), (headers, body)).await
}

async fn tracked(app: &App, call: AnalyticsCall, verbose: Option<&str>, request: (HeaderMap, Bytes)) -> Response {
    let answer = |verbose: bool, error: Option<&str>| match (verbose, error) {
        (true, error) => Json(json!({"status": i32::from(error.is_none()), "error": error})).into_response(),
        (false, None) => "1".into_response(),
        (false, Some(_)) => "0".into_response(),
    };
    let taken = match take(app, call, Demand::Plain, request).await {
        Ok(taken) => taken,
        Err(error) => return error.with_body(&json!({"status": 0, "error": error.message})),
    };
    let verbose = taken.verbose || verbose == Some("1");
    let failed = taken.failed.first().map(|failed| format!("record {}: {}", failed.index, failed.message));
    match submit(app, taken.submission).await {
        Ok(_) => answer(verbose, failed.as_deref()),
        Err(error) => error.with_body(&json!({"status": 0, "error": error.message})),
    }
}

/// Takes events of the past: a JSON list, or lines.
#[utoipa::path(
    post,
    path = "/import",
    tag = "mixpanel",
    params(("strict" = Option<String>, Query, description = "`0` to ask no insert id and no time of the records")),
    request_body(content = Vec<Object>, description = "Up to 2,000 events"),
    responses(
        (status = 200, description = "Everything is on disk, or with `strict=0` what was well", body = Object),
        MixpanelErrors,
    ),
    security(("basic" = []), ("bearer" = [])),
)]
async fn import(
    State(app): State<App>,
    Asked(query): Asked<ImportQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Response {
    let demand = if query.strict.as_deref() == Some("0") { Demand::Plain } else { Demand::Strict };
    match imported(&app, demand, (headers, body)).await {
        Ok(response) => response,
        Err(error) => {
            let status = error.status.canonical_reason().unwrap_or_default();
            error.with_body(&json!({"code": error.status.as_u16(), "error": error.message, "status": status}))
        }
    }
}

async fn imported(app: &App, demand: Demand, request: (HeaderMap, Bytes)) -> Result<Response, ApiError> {
    let Taken { submission, failed, .. } = take(app, AnalyticsCall::MixpanelEvents, demand, request).await?;
    let n_imported = submission.events.len();
    submit(app, submission).await?;
    if failed.is_empty() || demand == Demand::Plain {
        return Ok(Json(json!({"code": 200, "num_records_imported": n_imported, "status": "OK"})).into_response());
    }
    let body = json!({
        "code": 400,
        "error": "some data points in the request failed validation",
        "failed_records": failed,
        "num_records_imported": n_imported,
        "status": "Bad Request",
    });
    Ok((StatusCode::BAD_REQUEST, Json(body)).into_response())
}

async fn take(
    app: &App,
    call: AnalyticsCall,
    demand: Demand,
    (headers, body): (HeaderMap, Bytes),
) -> Result<Taken, ApiError> {
    let at = now();
    let app = app.clone();
    aside(body.len(), move || {
        let body = unpacked(&body, app.settings.body_bytes_max)?;
        let text = str::from_utf8(&body).map_err(|error| ApiError::invalid(format!("the body is no text: {error}")))?;
        if text.trim().is_empty() {
            return Err(ApiError::invalid("the body is empty"));
        }
        let (text, verbose) = data_of(text)?;
        let records = records_of(&text)?;
        let token = records.first().and_then(|record| Known::of(record).token);
        let source = source_of(&app, credential(&headers).into_iter().chain(token))?;
        let (mut kept, mut faults) = (Vec::with_capacity(records.len()), Vec::new());
        for (idx, record) in records.iter().enumerate() {
            match (demand == Demand::Strict).then(|| Known::of(record).lacks()).flatten() {
                Some(problem) => faults.push(Fault { idx, problem }),
                None => kept.push((idx, *record)),
            }
        }
        let raw: Vec<&RawValue> = kept.iter().map(|(_, record)| *record).collect();
        let origin = Origin { source, form: FORM };
        let (mut submission, unread) = read_records(&app, origin, at, &|import, sink| {
            let read = read_analytics_call(call, (&raw, at), import, sink);
            read.map(drop).map_err(|error| ApiError::invalid(error.to_string()))
        })?;
        for Fault { idx, problem } in &faults {
            submission.refused.push(refused(&app, origin, at, (problem, records[*idx].get().to_owned())));
        }
        let unread = unread.into_iter().filter_map(|fault| Some(Fault { idx: kept.get(fault.idx)?.0, ..fault }));
        faults.extend(unread);
        faults.sort_by_key(|fault| fault.idx);
        let failed = faults.into_iter().map(|fault| failed_record(&fault, records[fault.idx])).collect();
        Ok(Taken { submission, failed, verbose })
    })
    .await
}

/// Returns the JSON of a body and whether a form asks for an answer in JSON.
fn data_of(text: &str) -> Result<(Cow<'_, str>, bool), ApiError> {
    if matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[') | None) {
        return Ok((Cow::Borrowed(text), false));
    }
    let (mut data, mut verbose) = (None, false);
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match name.as_ref() {
            "data" => data = Some(value.into_owned()),
            "verbose" => verbose = value == "1",
            _ => {}
        }
    }
    let data = data.ok_or_else(|| ApiError::invalid("the body is neither JSON nor a form with a field data"))?;
    if matches!(data.trim_start().as_bytes().first(), Some(b'{' | b'[')) {
        return Ok((Cow::Owned(data), verbose));
    }
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(data.trim());
    let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(|text| (Cow::Owned(text), verbose)).ok_or_else(|| ApiError::invalid("data is neither JSON nor base64"))
}

/// Returns the records of a list, of lines, or of one object.
fn records_of(text: &str) -> Result<Vec<&RawValue>, ApiError> {
    let unreadable = |error: serde_json::Error| ApiError::invalid(format!("the body is no JSON: {error}"));
    let records: Vec<&RawValue> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(unreadable)?
    } else {
        let values = serde_json::Deserializer::from_str(text).into_iter();
        values.collect::<Result<_, _>>().map_err(unreadable)?
    };
    if records.len() > RECORDS_MAX {
        let message = format!("the body has {} records, {RECORDS_MAX} are allowed", records.len());
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
    }
    Ok(records)
}

/// What of a record is looked at before it is read.
#[derive(Default)]
struct Known {
    token: Option<String>,
    time: bool,
    insert_id: Option<String>,
}

#[derive(Deserialize)]
struct Record<'r> {
    #[serde(rename = "$token")]
    token: Option<serde_json::Value>,
    #[serde(borrow)]
    properties: Option<&'r RawValue>,
}

#[derive(Deserialize)]
struct Properties {
    token: Option<serde_json::Value>,
    time: Option<serde_json::Value>,
    #[serde(rename = "$insert_id")]
    insert_id: Option<serde_json::Value>,
}

impl Known {
    fn of(record: &RawValue) -> Self {
        let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let Ok(record) = serde_json::from_str::<Record<'_>>(record.get()) else { return Self::default() };
        let token = text(record.token);
        let properties = record.properties.and_then(|raw| serde_json::from_str::<Properties>(raw.get()).ok());
        let Some(properties) = properties else { return Self { token, ..Self::default() } };
        Self {
            token: token.or_else(|| text(properties.token)),
            time: properties.time.is_some(),
            insert_id: text(properties.insert_id),
        }
    }

    /// Says what a record lacks that an import cannot do without.
    fn lacks(&self) -> Option<Problem> {
        let well = |id: &String| {
            (1..=INSERT_ID_BYTES_MAX).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !self.time {
            return Some(Problem::new(ProblemKind::MissingTime, "properties.time is missing"));
        }
        let said = "properties.$insert_id is not 1 to 36 letters, digits or hyphens";
        (!self.insert_id.as_ref().is_some_and(well)).then(|| Problem::new(ProblemKind::Unreadable, said))
    }
}

fn failed_record(fault: &Fault, record: &RawValue) -> FailedRecord {
    let field = match fault.problem.kind {
        ProblemKind::MissingIdentity => "properties.distinct_id",
        ProblemKind::MissingTime | ProblemKind::InvalidTime | ProblemKind::ImplausibleTime => "properties.time",
        ProblemKind::MissingName | ProblemKind::UnknownKind => "event",
        ProblemKind::Unreadable if fault.problem.detail.contains("$insert_id") => "properties.$insert_id",
        ProblemKind::Unreadable
        | ProblemKind::InvalidNumber
        | ProblemKind::InvalidCurrency
        | ProblemKind::TooLarge
        | ProblemKind::LateLine
        | ProblemKind::ClockSkew => "properties",
    };
    let insert_id = Known::of(record).insert_id.unwrap_or_default();
    FailedRecord { index: fault.idx, insert_id, field, message: fault.problem.to_string() }
}
