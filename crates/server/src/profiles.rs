//! Our own reading API: profiles with features and personas.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use throng_event::{Identity, IdentityKind};
use throng_feature::FeatureValue;
use throng_live::{ProfileView, Standing};
use throng_persona::PersonaId;
use throng_profile::ProfileId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Role;
use crate::app::{App, credential};
use crate::document::{IngestErrors, ReadErrors};
use crate::error::ApiError;
use crate::extract::{Asked, Body, Named, count_of_rows};
use crate::ingest::{first, submit, submit_body};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(profile))
        .routes(routes!(features))
        .routes(routes!(memberships))
        .routes(routes!(personas))
        .routes(routes!(audience))
        .routes(routes!(decide))
}

/// Rows of one page.
pub(crate) const PAGE_MAX: usize = 200;

/// What kinds of identities are called in addresses and answers.
const TYPES: [(IdentityKind, &str); 6] = [
    (IdentityKind::UserId, "user_id"),
    (IdentityKind::AnonymousId, "anonymous_id"),
    (IdentityKind::Email, "email"),
    (IdentityKind::Phone, "phone"),
    (IdentityKind::Device, "device"),
    (IdentityKind::External, "external"),
];

pub(crate) fn type_of(kind: IdentityKind) -> &'static str {
    TYPES.iter().find(|(known, _)| *known == kind).map_or("external", |(_, name)| name)
}

/// Reads `user_id:42`, `anonymous_id:…`, `email:…`, or one as profiles are written (`u:42`), and
/// brings it to the form in which the home keeps it.
pub(crate) fn identity(app: &App, text: &str) -> Result<Identity, ApiError> {
    let named = text.split_once(':').and_then(|(name, value)| {
        let (kind, _) = TYPES.iter().find(|(_, known)| *known == name)?;
        (!value.is_empty()).then(|| Identity::new(*kind, value))
    });
    let Some(asked) = named.or_else(|| Identity::parse(text)) else {
        let message =
            "a profile is asked for as kind:value, kind being user_id, anonymous_id, email, phone, device or external";
        return Err(ApiError::invalid(message));
    };
    let personal = &app.settings.personal;
    let value = match asked.kind {
        IdentityKind::Email => personal.email(&asked.value),
        IdentityKind::Phone => personal.phone(&asked.value),
        IdentityKind::UserId | IdentityKind::AnonymousId => Some(personal.id(asked.value.clone())),
        IdentityKind::Device | IdentityKind::External => None,
    };
    Ok(value.map_or_else(|| asked.clone(), |value| Identity::new(asked.kind, &value)))
}

#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ProfileBody {
    id: String,
    identities: Vec<IdentityBody>,
    events: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    as_of: String,
    persona: Option<PersonaBody>,
    #[schema(value_type = Object)]
    features: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct IdentityBody {
    kind: &'static str,
    value: String,
    first_seen: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct PersonaBody {
    id: Option<String>,
    name: Option<String>,
    since: String,
    #[schema(value_type = Object)]
    shares: serde_json::Map<String, serde_json::Value>,
    unassigned: f64,
    model: String,
}

impl ProfileBody {
    fn of(view: ProfileView) -> Self {
        let identities = view.identities.into_iter().map(|(identity, first_seen)| IdentityBody {
            kind: type_of(identity.kind),
            value: identity.value,
            first_seen: first_seen.map(|at| at.to_string()),
        });
        Self {
            id: view.id.as_str().to_owned(),
            identities: identities.collect(),
            events: view.n_events,
            first_seen: view.first_at.map(|at| at.to_string()),
            last_seen: view.last_at.map(|at| at.to_string()),
            as_of: view.as_of.to_string(),
            persona: view.standing.map(PersonaBody::of),
            features: values(view.features),
        }
    }
}

impl PersonaBody {
    fn of(standing: Standing) -> Self {
        Self {
            id: standing.persona.map(|persona| persona.as_str().to_owned()),
            name: standing.name,
            since: standing.since.to_string(),
            shares: standing.shares.into_iter().map(|(id, share)| (id.as_str().to_owned(), share.into())).collect(),
            unassigned: standing.unassigned,
            model: standing.model,
        }
    }
}

fn values(features: Vec<(String, FeatureValue)>) -> serde_json::Map<String, serde_json::Value> {
    let of = |(name, value)| {
        let value = match value {
            FeatureValue::Number(number) => serde_json::Value::from(number),
            FeatureValue::Category(text) => serde_json::Value::from(text),
            FeatureValue::Missing => serde_json::Value::Null,
        };
        (name, value)
    };
    features.into_iter().map(of).collect()
}

/// A person with features and persona.
#[utoipa::path(
    get,
    path = "/v1/profiles/{id}",
    tag = "profiles",
    params(
        AnyIdentity,
    ),
    responses((status = 200, description = "A person with features and persona", body = ProfileBody), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn profile(
    State(app): State<App>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Json<ProfileBody>, ApiError> {
    view(&app, &headers, &id).map(|view| Json(ProfileBody::of(view)))
}

fn view(app: &App, headers: &HeaderMap, id: &str) -> Result<ProfileView, ApiError> {
    app.guard.check(headers, Role::Read)?;
    app.live.profile(&identity(app, id)?).ok_or_else(unknown)
}

#[derive(Serialize, utoipa::ToSchema)]
struct FeaturesBody {
    id: String,
    /// The local day whose end the features are as of.
    as_of: String,
    #[schema(value_type = Object)]
    features: serde_json::Map<String, serde_json::Value>,
}

/// The features of a person.
#[utoipa::path(
    get,
    path = "/v1/profiles/{id}/features",
    tag = "profiles",
    params(
        AnyIdentity,
        ("include" = Option<String>, Query, description = "Names, with commas between them; all where it is not said"),
    ),
    responses((status = 200, description = "The features of a person", body = FeaturesBody), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn features(
    State(app): State<App>,
    Named(id): Named<String>,
    Asked(query): Asked<FeatureQuery>,
    headers: HeaderMap,
) -> Result<Json<FeaturesBody>, ApiError> {
    let mut view = view(&app, &headers, &id)?;
    let names: Vec<&str> =
        query.include.iter().flat_map(|names| names.split(',')).filter(|name| !name.is_empty()).collect();
    view.features.retain(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
    let (id, as_of) = (view.id.as_str().to_owned(), view.as_of.to_string());
    Ok(Json(FeaturesBody { id, as_of, features: values(view.features) }))
}

#[derive(Deserialize)]
struct FeatureQuery {
    include: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct MembershipsBody {
    id: String,
    /// Which persona it counts for, with the share in each; none where no model is live.
    persona: Option<PersonaBody>,
}

/// How much a person belongs to each persona.
#[utoipa::path(
    get,
    path = "/v1/profiles/{id}/memberships",
    tag = "profiles",
    params(
        AnyIdentity,
    ),
    responses((status = 200, description = "The share in each persona", body = MembershipsBody), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn memberships(
    State(app): State<App>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Json<MembershipsBody>, ApiError> {
    let view = view(&app, &headers, &id)?;
    Ok(Json(MembershipsBody { id: view.id.as_str().to_owned(), persona: view.standing.map(PersonaBody::of) }))
}

pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("nobody with this id was seen")
}

/// Whom a path asks for.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it; the handlers take the path as a text")]
pub(crate) struct AnyIdentity {
    /// Kind and value of any identity
    #[param(pattern = "^(user_id|anonymous_id|email|phone|device|external):.+")]
    id: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    /// What to ask `after` for the next page; none when this is the last.
    pub(crate) next: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct PersonaName {
    id: String,
    name: String,
}

/// The personas of the live model.
#[utoipa::path(
    get,
    path = "/v1/personas",
    tag = "profiles",
    responses((status = 200, description = "The personas of the live model", body = Page<PersonaName>), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn personas(State(app): State<App>, headers: HeaderMap) -> Result<Json<Page<PersonaName>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let personas = app.live.personas().into_iter();
    let data = personas.map(|(id, name)| PersonaName { id: id.as_str().to_owned(), name }).collect();
    Ok(Json(Page { data, next: None }))
}

#[derive(Deserialize)]
struct AudienceQuery {
    after: Option<String>,
    #[serde(default, deserialize_with = "count_of_rows")]
    limit: Option<usize>,
}

/// The profiles that count for a persona.
#[utoipa::path(
    get,
    path = "/v1/personas/{id}/profiles",
    tag = "profiles",
    params(
        ("id" = String, Path, description = "The persona"),
        ("after" = Option<String>, Query, pattern = "^[ua]:.+", description = "The last one that is known"),
        ("limit" = Option<usize>, Query, description = "At most so many, and never more than 200"),
    ),
    responses((status = 200, description = "The profiles that count for a persona", body = Page<String>), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn audience(
    State(app): State<App>,
    Named(id): Named<String>,
    Asked(query): Asked<AudienceQuery>,
    headers: HeaderMap,
) -> Result<Json<Page<String>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let unknown = || ApiError::not_found(format!("the live model has no persona '{id}'"));
    let persona: PersonaId = id.parse().map_err(|_| unknown())?;
    if !app.live.personas().iter().any(|(known, _)| *known == persona) {
        return Err(unknown());
    }
    let after = match &query.after {
        Some(after) => Some(ProfileId::parse(after).ok_or_else(|| ApiError::invalid("after is no profile id"))?),
        None => None,
    };
    let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let found = app.live.audience(&persona, after.as_ref(), limit);
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.as_str().to_owned());
    Ok(Json(Page { data: found.into_iter().map(|id| id.as_str().to_owned()).collect(), next }))
}

/// The profile that an event makes.
#[utoipa::path(
    post,
    path = "/v1/decide",
    tag = "profiles",
    request_body(content = Object, description = "One message of Segment's form"),
    responses((status = 200, description = "The profile that an event makes", body = ProfileBody), IngestErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn decide(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<Json<ProfileBody>, ApiError> {
    let submission = submit_body(&app, (None, credential(&headers)), body).await?;
    if let Some(refused) = submission.refused.first() {
        let message = format!("{}: {}", refused.reason, refused.detail);
        // It is among the refused all the same.
        submit(&app, submission).await?;
        return Err(ApiError::invalid(message));
    }
    let of_whom = |event: &throng_event::Event| {
        let user = event.user_id.as_deref().map(Identity::user);
        let visitor = event.anonymous_id.as_deref().map(|id| {
            let (kind, value) = Identity::of_anonymous_id(id);
            Identity::new(kind, value)
        });
        user.or(visitor)
    };
    let person = first(&submission).and_then(of_whom);
    let person = person.ok_or_else(|| ApiError::invalid("the body holds no event"))?;
    let receipt = submit(&app, submission).await?;
    app.live.applied(receipt.end).await?;
    let view = app.live.profile(&person).ok_or_else(unknown)?;
    Ok(Json(ProfileBody::of(view)))
}
