//! Records of any form: what another program posts, read through the mapping of its source.
//!
//! The body is JSON: one object, a list, or lines. The mapping says which of its members are
//! person, time and name, as it does for a table that is imported. Records without an id of
//! their own get one from their content, so a call that is repeated counts once.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use throng_live::Submission;
use throng_source::{Form, TableForm, read_table};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Origin, aside, read, source_of, submit, unpacked};
use crate::app::{App, credential};
use crate::clock::now;
use crate::document::IngestErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Body, Named};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take))
}

#[derive(Deserialize)]
struct KeyQuery {
    key: Option<String>,
}

/// What became of the records of one call.
#[derive(Serialize, utoipa::ToSchema)]
struct Taken {
    /// Events that are new.
    admitted: usize,
    /// Events that were there already.
    repeated: usize,
    /// Records that are no events.
    refused: usize,
}

/// Takes records that a mapping makes events of.
#[utoipa::path(
    post,
    path = "/v1/webhook/{source}",
    tag = "webhook",
    params(
        ("source" = String, Path, description = "The source, which has a mapping"),
        ("key" = Option<String>, Query, description = "The write key, for senders that cannot set a header"),
    ),
    request_body(content = Object, description = "One record, or a list of them"),
    responses((status = 200, description = "Everything is on disk", body = Taken), IngestErrors),
    security((), ("basic" = []), ("bearer" = [])),
)]
async fn take(
    State(app): State<App>,
    Named(name): Named<String>,
    Asked(query): Asked<KeyQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<Taken>, ApiError> {
    let at = now();
    let source = source_of(&app, credential(&headers).into_iter().chain(query.key))?;
    if app.settings.sources[source.0].name != name {
        return Err(ApiError::unauthorized());
    }
    let reader = app.clone();
    let submission = aside(body.len(), move || -> Result<Submission, ApiError> {
        let no_mapping = || ApiError::not_found(format!("the source '{name}' has no mapping"));
        let mapping = reader.settings.mappings.get(&name).ok_or_else(no_mapping)?;
        let body = unpacked(&body, reader.settings.body_bytes_max)?;
        // What is packed twice would not be bounded.
        if TableForm::of(&body) != TableForm::Json {
            return Err(ApiError::invalid("the body is no JSON object and no list of them"));
        }
        let origin = Origin { source, form: Form::Table.as_str() };
        read(&reader, origin, at, &|import, sink| {
            let read = read_table(body.as_ref(), mapping, import, sink);
            read.map(drop).map_err(|error| ApiError::invalid(error.to_string()))
        })
    });
    let receipt = submit(&app, submission.await?).await?;
    Ok(Json(Taken { admitted: receipt.admitted, repeated: receipt.repeated, refused: receipt.refused }))
}
