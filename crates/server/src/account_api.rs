//! The accounts of Segment's Profile API (Unify): what is known of a group that persons were
//! seen with.
//!
//! `/v1/spaces/{space}/collections/accounts/profiles/group_id:{id}/…`, answered as
//! [`crate::profile_api`] answers for persons. Traits are those that group calls state; events
//! are those that name the group.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value as Json_, json};
use throng_live::Live;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Role;
use crate::app::{App, from_disk};
use crate::document::ReadErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Named};
use crate::profile_api::{FIRST, LAST, LINKS_MAX, PageQuery, Paging, Sort, of_ends};
use crate::profiles::type_of;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(account_traits))
        .routes(routes!(account_external_ids))
        .routes(routes!(account_events))
        .routes(routes!(account_metadata))
        .routes(routes!(account_links))
}

/// Which account a path asks for.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it; the handlers take the path as a pair")]
struct Account {
    /// Any; there is one space here
    space: String,
    /// Kind and value
    #[param(pattern = "^group_id:.+")]
    id: String,
}

fn account(app: &App, headers: &HeaderMap, id: &str) -> Result<String, ApiError> {
    app.guard.check(headers, Role::Read)?;
    let account = id.strip_prefix("group_id:").filter(|account| !account.is_empty());
    account.map(str::to_owned).ok_or_else(|| ApiError::invalid("an account is asked for as group_id:value"))
}

fn unknown() -> ApiError {
    ApiError::not_found("nobody was seen with this account")
}

/// What group calls said of an account.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/accounts/profiles/{id}/traits",
    tag = "profile-api",
    params(
        Account,
        Paging,
        ("include" = Option<String>, Query, description = "Names, with commas between them"),
        ("class" = Option<String>, Query, description = "Any: nothing is computed for accounts"),
        ("verbose" = Option<String>, Query, description = "`true` for source and time of every trait"),
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn account_traits(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    Asked(query): Asked<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let account = account(&app, &headers, &id)?;
    let question = move |live: &Live| Ok((live.members(&account, 1)?, live.account_traits(&account)?));
    let (members, traits) = from_disk(&app, question).await?;
    members.ok_or_else(unknown)?;
    let traits = if query.computed_only() { Vec::new() } else { query.stated(traits) };
    Ok(Json(query.page_of_traits(traits)))
}

/// The identity of an account.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/accounts/profiles/{id}/external_ids",
    tag = "profile-api",
    params(
        Account,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn account_external_ids(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let account = account(&app, &headers, &id)?;
    let question = move |live: &Live| Ok((live.account_events(&account, &FIRST)?, account));
    let (first, account) = from_disk(&app, question).await?;
    let first = first.first().ok_or_else(unknown)?;
    let row = json!({
        "source_id": first.source,
        "collection": "accounts",
        "id": account,
        "type": "group_id",
        "created_at": first.occurred_at.to_string(),
        "encoding": "none",
        "first_message_id": first.id.0,
    });
    Ok(Json(json!({"data": [row], "cursor": {"url": "", "has_more": false, "next": "", "limit": 1}})))
}

/// The events with an account, the latest first.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/accounts/profiles/{id}/events",
    tag = "profile-api",
    params(
        Account,
        Paging,
        ("include" = Option<String>, Query, description = "Names, with commas between them"),
        ("exclude" = Option<String>, Query, description = "Names, with commas between them"),
        ("start" = Option<String>, Query, format = DateTime, description = "Not before"),
        ("end" = Option<String>, Query, format = DateTime, description = "Before"),
        ("sort" = inline(Option<Sort>), Query, description = "`asc` for the earliest first"),
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn account_events(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    Asked(query): Asked<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let account = account(&app, &headers, &id)?;
    let asked = query.events()?;
    let question = move |live: &Live| Ok((live.members(&account, 1)?, live.account_events(&account, &asked)?));
    let (members, found) = from_disk(&app, question).await?;
    members.ok_or_else(unknown)?;
    Ok(Json(query.page_of_events(&found)))
}

/// When an account was first and last seen, and by what.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/accounts/profiles/{id}/metadata",
    tag = "profile-api",
    params(
        Account,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn account_metadata(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let account = account(&app, &headers, &id)?;
    let question =
        move |live: &Live| Ok((live.account_events(&account, &FIRST)?, live.account_events(&account, &LAST)?));
    let (first, last) = from_disk(&app, question).await?;
    let first = first.first().ok_or_else(unknown)?;
    Ok(Json(of_ends(Some(first), last.first())))
}

/// Persons who were seen with an account.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/accounts/profiles/{id}/links",
    tag = "profile-api",
    params(
        Account,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn account_links(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let account = account(&app, &headers, &id)?;
    let members = from_disk(&app, move |live| live.members(&account, LINKS_MAX)).await?.ok_or_else(unknown)?;
    let rows = members.iter().map(|member| {
        let identity = member.identity();
        let id =
            json!({"collection": "users", "type": type_of(identity.kind), "id": identity.value, "encoding": "none"});
        json!({"to_collection": "users", "external_ids": [id]})
    });
    Ok(Json(json!({"data": rows.collect::<Vec<_>>()})))
}
