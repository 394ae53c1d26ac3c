//! Shifts: who counts for another persona than before, and why; in pages and as they happen.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use serde::{Deserialize, Serialize};
use throng_live::{Cause, Shift, ShiftFilter, ShiftId};
use throng_persona::PersonaId;
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Role;
use crate::app::{App, from_disk};
use crate::document::ReadErrors;
use crate::error::ApiError;
use crate::extract::{Asked, Named, count_of_rows};
use crate::profiles::{AnyIdentity, PAGE_MAX, Page, identity, unknown};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(shifts_of))
        .routes(routes!(why))
        .routes(routes!(shifts))
        .routes(routes!(latest))
        .routes(routes!(stream))
}

#[derive(Serialize, utoipa::ToSchema)]
struct ShiftBody {
    id: String,
    profile: String,
    at: String,
    from: Option<String>,
    to: Option<String>,
    share: f64,
    cause: CauseBody,
    because: Vec<BecauseBody>,
    reversed_by: Option<String>,
    model: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum CauseBody {
    Event { id: String, event: String },
    Silence,
    Model,
}

#[derive(Serialize, utoipa::ToSchema)]
struct BecauseBody {
    feature: String,
    sentence: String,
    contribution: f64,
}

impl ShiftBody {
    fn of(shift: &Shift) -> Self {
        let persona = |persona: &Option<PersonaId>| persona.as_ref().map(|persona| persona.as_str().to_owned());
        Self {
            id: shift.id.to_string(),
            profile: shift.profile.as_str().to_owned(),
            at: shift.at.to_string(),
            from: persona(&shift.from),
            to: persona(&shift.to),
            share: shift.share,
            cause: match &shift.cause {
                Cause::Event { id, name } => CauseBody::Event { id: id.clone(), event: name.clone() },
                Cause::Silence => CauseBody::Silence,
                Cause::Model => CauseBody::Model,
            },
            because: shift
                .because
                .iter()
                .map(|because| BecauseBody {
                    feature: because.feature.clone(),
                    sentence: because.sentence.clone(),
                    contribution: because.contribution,
                })
                .collect(),
            reversed_by: shift.reversed_by.clone(),
            model: shift.model.clone(),
        }
    }
}

/// Which shifts are asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ShiftQuery {
    /// The id of the last one that is known
    #[param(pattern = "^[0-9]{1,19}-[0-9]{1,9}$")]
    after: Option<String>,
    /// Personas, with commas between them
    #[param(pattern = "^([a-z][a-z0-9]{0,27}(\\.[0-9]{1,3})?(,[a-z][a-z0-9]{0,27}(\\.[0-9]{1,3})?)*)?$")]
    from: Option<String>,
    /// Personas, with commas between them
    #[param(pattern = "^([a-z][a-z0-9]{0,27}(\\.[0-9]{1,3})?(,[a-z][a-z0-9]{0,27}(\\.[0-9]{1,3})?)*)?$")]
    to: Option<String>,
}

/// How many are asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Limit {
    /// At most so many, and never more than 200
    #[serde(default, deserialize_with = "count_of_rows")]
    limit: Option<usize>,
}

impl ShiftQuery {
    fn filter(&self) -> Result<ShiftFilter, ApiError> {
        let personas = |text: &Option<String>| -> Result<Vec<PersonaId>, ApiError> {
            let listed = text.iter().flat_map(|text| text.split(',')).filter(|id| !id.is_empty());
            listed.map(|id| id.parse().map_err(|_| ApiError::invalid(format!("'{id}' is no persona")))).collect()
        };
        let after = self.after.as_ref().map(|after| after.parse::<ShiftId>()).transpose()?;
        Ok(ShiftFilter { after, to: personas(&self.to)?, from: personas(&self.from)?, profile: None })
    }
}

/// Shifts and why they happened, the first first.
#[utoipa::path(
    get,
    path = "/v1/shifts",
    tag = "profiles",
    params(
        ShiftQuery,
        Limit,
    ),
    responses((status = 200, description = "Shifts and why they happened, the first first", body = Page<ShiftBody>), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn shifts(
    State(app): State<App>,
    Asked(query): Asked<ShiftQuery>,
    Asked(Limit { limit }): Asked<Limit>,
    headers: HeaderMap,
) -> Result<Json<Page<ShiftBody>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    page(&app, query.filter()?, limit).await
}

/// The latest shifts and why they happened, the latest first.
#[utoipa::path(
    get,
    path = "/v1/shifts/latest",
    tag = "profiles",
    params(
        ShiftQuery,
        Limit,
    ),
    responses((status = 200, description = "The latest shifts, the latest first, of the last ten thousand", body = Page<ShiftBody>), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn latest(
    State(app): State<App>,
    Asked(query): Asked<ShiftQuery>,
    Asked(Limit { limit }): Asked<Limit>,
    headers: HeaderMap,
) -> Result<Json<Page<ShiftBody>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let (filter, limit) = (query.filter()?, limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
    let found = from_disk(&app, move |live| live.latest_shifts(&filter, limit)).await?;
    Ok(Json(Page { data: found.iter().map(ShiftBody::of).collect(), next: None }))
}

/// The shifts of a person and why they happened, the first first.
#[utoipa::path(
    get,
    path = "/v1/profiles/{id}/shifts",
    tag = "profiles",
    params(
        AnyIdentity,
        ShiftQuery,
        Limit,
    ),
    responses((status = 200, description = "The shifts of a person and why they happened, the first first", body = Page<ShiftBody>), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn shifts_of(
    State(app): State<App>,
    Named(id): Named<String>,
    Asked(query): Asked<ShiftQuery>,
    Asked(Limit { limit }): Asked<Limit>,
    headers: HeaderMap,
) -> Result<Json<Page<ShiftBody>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let view = app.live.profile(&identity(&app, &id)?).ok_or_else(unknown)?;
    page(&app, ShiftFilter { profile: Some(view.id), ..query.filter()? }, limit).await
}

async fn page(app: &App, filter: ShiftFilter, limit: Option<usize>) -> Result<Json<Page<ShiftBody>>, ApiError> {
    let limit = limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let found = from_disk(app, move |live| live.shifts(&filter, limit)).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    Ok(Json(Page { data: found.iter().map(ShiftBody::of).collect(), next }))
}

/// Shifts that are told when nothing is said, and at most: the last of them say why someone is
/// where they are.
const WHY: usize = 5;
const WHY_MAX: usize = 50;

/// Why a person counts for the persona they do: their last shifts with the reasons, the latest first.
#[utoipa::path(
    get,
    path = "/v1/profiles/{id}/why",
    tag = "profiles",
    params(
        AnyIdentity,
        ("limit" = Option<usize>, Query, description = "At most so many, 5 where it is not said and never more than 50"),
    ),
    responses((status = 200, description = "Their last shifts with the reasons, the latest first", body = Why), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn why(
    State(app): State<App>,
    Named(id): Named<String>,
    Asked(Limit { limit }): Asked<Limit>,
    headers: HeaderMap,
) -> Result<Json<Why>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    let view = app.live.profile(&identity(&app, &id)?).ok_or_else(unknown)?;
    let limit = limit.unwrap_or(WHY).clamp(1, WHY_MAX);
    let profile = view.id.clone();
    let found = from_disk(&app, move |live| live.last_shifts(&profile, limit)).await?;
    let persona = view.standing.and_then(|standing| standing.persona).map(|persona| persona.as_str().to_owned());
    Ok(Json(Why { id: view.id.as_str().to_owned(), persona, shifts: found.iter().map(ShiftBody::of).collect() }))
}

#[derive(Serialize, utoipa::ToSchema)]
struct Why {
    id: String,
    /// The persona now; none where it counts for none.
    persona: Option<String>,
    shifts: Vec<ShiftBody>,
}

/// Shifts as they happen, as server-sent events.
#[utoipa::path(
    get,
    path = "/v1/shifts/stream",
    tag = "profiles",
    params(
        ShiftQuery,
    ),
    responses((status = 200, description = "Shifts as they happen, as server-sent events", body = str, content_type = "text/event-stream"), ReadErrors),
    security(("basic" = []), ("bearer" = [])),
)]
async fn stream(
    State(app): State<App>,
    Asked(mut query): Asked<ShiftQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, ApiError> {
    app.guard.check(&headers, Role::Read)?;
    if let Some(last) = headers.get("last-event-id").and_then(|last| last.to_str().ok()) {
        query.after = Some(last.to_owned());
    }
    let filter = query.filter()?;
    let follow = Follow { replays: filter.after.is_some(), filter, read: Vec::new(), news: app.live.subscribe(), app };
    let events = unfold(follow, async |mut follow| {
        let shift = follow.next().await?;
        let data = serde_json::to_string(&ShiftBody::of(&shift)).unwrap_or_default();
        let event = SseEvent::default().id(shift.id.to_string()).event("shift").data(data);
        Some((Ok(event), follow))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Someone who listens: first to what is on disk behind a place, then to what happens.
struct Follow {
    app: App,
    /// Says by `after` what was sent last.
    filter: ShiftFilter,
    /// Whether there may be more on disk.
    replays: bool,
    /// What was read, the last first.
    read: Vec<Shift>,
    news: tokio::sync::broadcast::Receiver<std::sync::Arc<Shift>>,
}

impl Follow {
    /// Returns the next shift, each once and in order; `None` when there will be none.
    async fn next(&mut self) -> Option<Shift> {
        loop {
            if let Some(shift) = self.read.pop() {
                self.filter.after = Some(shift.id);
                return Some(shift);
            }
            if self.replays {
                let filter = self.filter.clone();
                let mut found = from_disk(&self.app, move |live| live.shifts(&filter, PAGE_MAX)).await.ok()?;
                self.replays = found.len() == PAGE_MAX;
                found.reverse();
                self.read = found;
                continue;
            }
            let news = tokio::select! {
                news = self.news.recv() => news,
                // An error would say that the server is gone.
                _ = self.app.stopping.wait_for(|stopping| *stopping) => return None,
            };
            match news {
                Ok(shift) if self.filter.passes(&shift) => {
                    self.filter.after = Some(shift.id);
                    return Some(Shift::clone(&shift));
                }
                Ok(_) => {}
                // What was missed is on disk.
                Err(RecvError::Lagged(_)) => self.replays = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
