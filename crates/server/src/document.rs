//! The OpenAPI document: made from the handlers, so that it says what they do.

use std::collections::BTreeMap;

use axum::Router;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Schema, Type};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;
use crate::error::ErrorBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Throng",
        description = "Events in by the protocols sources speak; profiles, personas and shifts out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ErrorBody)),
    modifiers(&Keys),
    tags(
        (name = "segment", description = "Segment's tracking API, as its libraries and RudderStack's use it"),
        (name = "mixpanel", description = "Mixpanel's ingestion API"),
        (name = "amplitude", description = "Amplitude's HTTP V2 API"),
        (name = "ga4", description = "The Measurement Protocol of Google Analytics 4"),
        (name = "webhook", description = "Records of any form, through a mapping"),
        (name = "profiles", description = "Profiles with features, personas and shifts"),
        (name = "profile-api", description = "Segment's Profile API"),
        (name = "page", description = "People who sign in"),
        (name = "operations", description = "For those who run the server"),
    ),
)]
struct Document;

/// How keys are sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Returns the document behind which routes are collected.
pub(crate) fn beginning() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Returns the routes with those of the document and of the page to browse it.
pub(crate) fn with_document(routes: OpenApiRouter<App>) -> Router<App> {
    let (routes, document) = routes.split_for_parts();
    routes.merge(SwaggerUi::new("/docs").url("/openapi.json", document))
}

/// Returns the OpenAPI document of the server as JSON.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = crate::app::open_routes().into_openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// What a call may be answered with that sends something.
pub(crate) struct IngestErrors;
/// What a call may be answered with that reads.
pub(crate) struct ReadErrors;

const INVALID: (&str, &str) = ("400", "The request is not understood; sending it again does not help");
const UNAUTHORIZED: (&str, &str) = ("401", "No key, or one that may not do this");
const FORBIDDEN: (&str, &str) = ("403", "Not from the page, or not for whoever asks");
const NOT_FOUND: (&str, &str) = ("404", "There is nothing of this name");
const TIMEOUT: (&str, &str) = ("408", "The request took too long to arrive or to answer");
const TOO_LARGE: (&str, &str) = ("413", "The body or the batch is too large; send fewer events at once");
const TOO_MANY: (&str, &str) =
    ("429", "Too many requests, or too many events wait; `Retry-After` says when to try again");
const UNAVAILABLE: (&str, &str) = ("503", "Events cannot be taken or read now; try again later");

/// What a call about signing in may be answered with.
pub(crate) struct SignInErrors;
/// What Mixpanel's calls may be answered with, in its words but for what comes before them.
pub(crate) struct MixpanelErrors;
/// What Amplitude's calls may be answered with, in its words but for what comes before them.
pub(crate) struct AmplitudeErrors;

fn errors(listed: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    answers(listed, &RefOr::Ref(Ref::from_schema_name("ErrorBody")))
}

fn any_object(listed: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    answers(listed, &RefOr::T(Schema::Object(Object::with_type(Type::Object))))
}

fn answers(listed: &[(&str, &str)], schema: &RefOr<Schema>) -> BTreeMap<String, RefOr<Response>> {
    let of = |(status, description): &(&str, &str)| {
        let body = ContentBuilder::new().schema(Some(schema.clone())).build();
        let response = ResponseBuilder::new().description(*description).content("application/json", body).build();
        ((*status).to_owned(), RefOr::T(response))
    };
    listed.iter().map(of).collect()
}

impl IntoResponses for IngestErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&[INVALID, UNAUTHORIZED, NOT_FOUND, TIMEOUT, TOO_LARGE, TOO_MANY, UNAVAILABLE])
    }
}

impl IntoResponses for MixpanelErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        any_object(&[INVALID, UNAUTHORIZED, TIMEOUT, TOO_LARGE, TOO_MANY, UNAVAILABLE])
    }
}

impl IntoResponses for AmplitudeErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        any_object(&[INVALID, TIMEOUT, TOO_LARGE, TOO_MANY, UNAVAILABLE])
    }
}

impl IntoResponses for SignInErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&[INVALID, UNAUTHORIZED, FORBIDDEN, TIMEOUT, TOO_LARGE, TOO_MANY, UNAVAILABLE])
    }
}

impl IntoResponses for ReadErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&[INVALID, UNAUTHORIZED, NOT_FOUND, TIMEOUT, TOO_MANY, UNAVAILABLE])
    }
}
