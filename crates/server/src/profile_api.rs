//! Segment's Profile API (Unify), so that what reads from Segment reads from here.
//!
//! `/v1/spaces/{space}/collections/users/profiles/{id_type}:{id}/…` with the answers of its
//! documentation; any space is ours. Errors have its envelope, `{"error": {code, message}}`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value as Json_, json};
use throng_event::{Attributes, Event, Identity, IdentityKind, Instant, Value};
use throng_live::{EventOrder, EventQuery, Live};
use throng_profile::StatedTrait;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Role;
use crate::app::{App, from_disk};
use crate::document::ReadErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Named, count_of_rows};
use crate::profiles::{identity, type_of, unknown};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(traits))
        .routes(routes!(external_ids))
        .routes(routes!(events))
        .routes(routes!(metadata))
        .routes(routes!(links))
}

/// Rows of a page where nothing is said, and at most.
const PAGE: usize = 10;
const PAGE_MAX: usize = 200;
/// How far a list can be paged through: what comes before a page is read too. Events further back
/// are asked for by `end`.
const START_MAX: usize = 10_000;

#[derive(Deserialize)]
pub(crate) struct PageQuery {
    #[serde(default, deserialize_with = "count_of_rows")]
    limit: Option<usize>,
    /// Where the page begins: how many were before it.
    #[serde(default, deserialize_with = "count_of_rows")]
    next: Option<usize>,
    include: Option<String>,
    exclude: Option<String>,
    class: Option<String>,
    verbose: Option<String>,
    start: Option<String>,
    end: Option<String>,
    sort: Option<Sort>,
}

/// Which events come first.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    Asc,
    Desc,
}

/// Whom a path asks for.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it; the handlers take the path as a pair")]
struct Whom {
    /// Any; there is one space here
    space: String,
    /// Kind and value
    #[param(pattern = "^(user_id|anonymous_id|email|phone|device|external):.+")]
    id: String,
}

/// Which page of a list is asked for.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made from it; the handlers take all that a query may ask together")]
pub(crate) struct Paging {
    /// At most so many, 10 where it is not said and never more than 200
    limit: Option<usize>,
    /// What the last page gave as `next`
    next: Option<usize>,
}

impl PageQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)
    }

    fn start(&self) -> usize {
        self.next.unwrap_or(0).min(START_MAX)
    }

    fn listed(text: Option<&String>) -> Vec<String> {
        text.iter().flat_map(|text| text.split(',')).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Returns the events that a page asks for, and one more, which says whether there are more.
    pub(crate) fn events(&self) -> Result<EventQuery, ApiError> {
        let instant = |text: Option<&String>| {
            let read = |text: &String| {
                Instant::parse(text, throng_event::Calendar::utc().zone())
                    .ok_or_else(|| ApiError::invalid(format!("'{text}' is no time")))
            };
            text.map(read).transpose()
        };
        Ok(EventQuery {
            start: instant(self.start.as_ref())?,
            end: instant(self.end.as_ref())?,
            include: Self::listed(self.include.as_ref()),
            exclude: Self::listed(self.exclude.as_ref()),
            limit: self.start().saturating_add(self.limit()).saturating_add(1),
            order: match self.sort {
                Some(Sort::Asc) => EventOrder::Oldest,
                Some(Sort::Desc) | None => EventOrder::Newest,
            },
        })
    }

    /// Returns the page of what [`PageQuery::events`] found.
    pub(crate) fn page_of_events(&self, found: &[Event]) -> Json_ {
        let rows: Vec<Json_> = found.iter().skip(self.start()).take(self.limit()).map(of_event).collect();
        let cursor = self.cursor(rows.len(), found.len());
        json!({"data": rows, "cursor": cursor})
    }

    /// Returns the page of traits that are asked for.
    pub(crate) fn page_of_traits(&self, mut all: Vec<(String, Json_)>) -> Json_ {
        let include = Self::listed(self.include.as_ref());
        all.retain(|(name, _)| include.is_empty() || include.contains(name));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let page: Map<String, Json_> = all.iter().skip(self.start()).take(self.limit()).cloned().collect();
        let cursor = self.cursor(page.len(), all.len());
        json!({"traits": page, "cursor": cursor})
    }

    /// Returns a trait with source and time where they are asked for.
    fn with_source(&self, value: Json_, source: &str, at: Option<Instant>) -> Json_ {
        if self.verbose.as_deref() != Some("true") {
            return value;
        }
        json!({"value": value, "source_id": source, "updated_at": at.map(|at| at.to_string())})
    }

    /// Returns stated traits as they are answered.
    pub(crate) fn stated(&self, traits: Vec<(String, StatedTrait)>) -> Vec<(String, Json_)> {
        let of = |(name, stated): (String, StatedTrait)| {
            (name, self.with_source(of_value(&stated.value), &stated.source, Some(stated.occurred_at)))
        };
        traits.into_iter().map(of).collect()
    }

    /// Returns whether only what is computed is asked for.
    pub(crate) fn computed_only(&self) -> bool {
        self.class.is_some()
    }

    /// Returns the cursor behind a page of so many, of so many that there are.
    fn cursor(&self, n_taken: usize, n_all: usize) -> Json_ {
        let more = self.start().saturating_add(n_taken) < n_all;
        let next = if more { json!((self.start() + n_taken).to_string()) } else { json!("") };
        json!({"url": "", "has_more": more, "next": next, "limit": self.limit()})
    }
}

fn whom(app: &App, headers: &HeaderMap, id: &str) -> Result<Identity, ApiError> {
    app.guard.check(headers, Role::Read)?;
    identity(app, id)
}

/// What is known of a person, and the persona as audience and computed trait.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/users/profiles/{id}/traits",
    tag = "profile-api",
    params(
        Whom,
        Paging,
        ("include" = Option<String>, Query, description = "Names, with commas between them"),
        ("class" = Option<String>, Query, description = "`audience` or `computed_trait` for those only"),
        ("verbose" = Option<String>, Query, description = "`true` for source and time of every trait"),
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn traits(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    Asked(query): Asked<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let whom = whom(&app, &headers, &id)?;
    let mut all: Vec<(String, Json_)> = Vec::new();
    if !query.computed_only() {
        let of = whom.clone();
        all = query.stated(from_disk(&app, move |live| live.traits(&of)).await?.ok_or_else(unknown)?);
    }
    // What we know beside what was said: the persona, as an audience and a computed trait.
    let view = app.live.profile(&whom).ok_or_else(unknown)?;
    if let Some(standing) = view.standing {
        let class = query.class.as_deref();
        let present = standing.persona.as_ref().map(|persona| persona.as_str().to_owned());
        if class != Some("audience") {
            all.push(("persona".to_owned(), query.with_source(json!(present), "throng", Some(standing.since))));
        }
        if class != Some("computed_trait") {
            for (persona, _) in &standing.shares {
                let within = present.as_deref() == Some(persona.as_str());
                all.push((format!("persona_{}", persona.as_str()), query.with_source(json!(within), "throng", None)));
            }
        }
    }
    Ok(Json(query.page_of_traits(all)))
}

/// The identities of a person.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/users/profiles/{id}/external_ids",
    tag = "profile-api",
    params(
        Whom,
        Paging,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn external_ids(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    Asked(query): Asked<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let view = app.live.profile(&whom(&app, &headers, &id)?).ok_or_else(unknown)?;
    let rows = view.identities.iter().skip(query.start()).take(query.limit()).map(|(identity, first_seen)| {
        json!({
            "collection": "users",
            "id": identity.value,
            "type": type_of(identity.kind),
            "created_at": first_seen.map(|at| at.to_string()),
            "encoding": "none",
        })
    });
    let rows: Vec<Json_> = rows.collect();
    let cursor = query.cursor(rows.len(), view.identities.len());
    Ok(Json(json!({"data": rows, "cursor": cursor})))
}

/// The events of a person, the latest first.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/users/profiles/{id}/events",
    tag = "profile-api",
    params(
        Whom,
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
async fn events(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    Asked(query): Asked<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let whom = whom(&app, &headers, &id)?;
    let asked = query.events()?;
    let found = from_disk(&app, move |live| live.events(&whom, &asked)).await?.ok_or_else(unknown)?;
    Ok(Json(query.page_of_events(&found)))
}

fn of_event(event: &Event) -> Json_ {
    let ids = [(IdentityKind::UserId, &event.user_id), (IdentityKind::AnonymousId, &event.anonymous_id)];
    let ids = ids.into_iter().filter_map(|(kind, id)| Some((kind, id.clone()?)));
    let others = event.external_ids.iter().map(|id| (id.kind, id.value.clone()));
    let ids = ids
        .chain(others)
        .map(|(kind, id)| json!({"collection": "users", "type": type_of(kind), "id": id, "encoding": "none"}));
    json!({
        "external_ids": ids.collect::<Vec<_>>(),
        "context": of_attributes(&event.context),
        "type": event.kind.as_str(),
        "message_id": event.id.0,
        "source_id": event.source,
        "timestamp": event.occurred_at.to_string(),
        "properties": of_attributes(&event.properties),
        "traits": of_attributes(&event.traits),
        "event": event.name,
    })
}

fn of_attributes(attributes: &Attributes) -> Json_ {
    Json_::Object(attributes.iter().map(|(name, value)| (name.to_owned(), of_value(value))).collect())
}

fn of_value(value: &Value) -> Json_ {
    match value {
        Value::Bool(flag) => json!(flag),
        // As it is written, so that no digit is lost or made up.
        Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or(Json_::Null),
        Value::Instant(at) => json!(at.to_string()),
        Value::Text(text) => json!(text.as_str()),
        Value::Json(json) => serde_json::from_str(json).unwrap_or_else(|_| json!(json)),
    }
}

/// When a person was first and last seen, and by what.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/users/profiles/{id}/metadata",
    tag = "profile-api",
    params(
        Whom,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn metadata(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let whom = whom(&app, &headers, &id)?;
    let ends = move |live: &Live| Ok((live.events(&whom, &FIRST)?, live.events(&whom, &LAST)?));
    let (first, last) = from_disk(&app, ends).await?;
    let (first, last) = (first.ok_or_else(unknown)?, last.ok_or_else(unknown)?);
    Ok(Json(of_ends(first.first(), last.first())))
}

/// What finds the first event of somebody.
pub(crate) const FIRST: EventQuery = one(EventOrder::Oldest);
/// What finds the last one.
pub(crate) const LAST: EventQuery = one(EventOrder::Newest);

const fn one(order: EventOrder) -> EventQuery {
    EventQuery { start: None, end: None, include: Vec::new(), exclude: Vec::new(), limit: 1, order }
}

pub(crate) fn of_ends(first: Option<&Event>, last: Option<&Event>) -> Json_ {
    json!({"metadata": {
        "created_at": first.map(|event| event.occurred_at.to_string()),
        "updated_at": last.map(|event| event.occurred_at.to_string()),
        "expires_at": null,
        "first_message_id": first.map(|event| event.id.0.clone()),
        "first_source_id": first.map(|event| event.source.clone()),
        "last_message_id": last.map(|event| event.id.0.clone()),
        "last_source_id": last.map(|event| event.source.clone()),
    }})
}

/// Links of one profile; Segment's own limit.
pub(crate) const LINKS_MAX: usize = 20;

/// The accounts a person was seen with.
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/collections/users/profiles/{id}/links",
    tag = "profile-api",
    params(
        Whom,
    ),
    responses((status = 200, description = "As Segment's Profile API has it", body = Object), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn links(
    State(app): State<App>,
    Named((_, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Json_>, ApiError> {
    let whom = whom(&app, &headers, &id)?;
    let accounts = from_disk(&app, move |live| live.accounts(&whom)).await?.ok_or_else(unknown)?;
    let rows = accounts.iter().take(LINKS_MAX).map(|account| {
        json!({
            "to_collection": "accounts",
            "external_ids": [{"collection": "accounts", "type": "group_id", "id": account, "encoding": "none"}],
        })
    });
    let rows: Vec<Json_> = rows.collect();
    Ok(Json(json!({"data": rows})))
}
