//! What handlers take out of a request, refused in the server's own words.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::app::App;
use crate::error::ApiError;

/// What the query asks.
pub(crate) struct Asked<T>(pub(crate) T);

/// What the path names.
pub(crate) struct Named<T>(pub(crate) T);

/// The body, no larger than a body may be.
pub(crate) struct Body(pub(crate) Bytes);

/// Reads a count of a query. One that is larger than any there is means the largest.
pub(crate) fn count<'de, D: Deserializer<'de>>(query: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(query)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(D::Error::custom(format!("'{text}' is no count")));
    }
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

/// Reads a count of rows.
pub(crate) fn count_of_rows<'de, D: Deserializer<'de>>(query: D) -> Result<Option<usize>, D::Error> {
    Ok(count(query)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
}

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(asked)| Self(asked)).map_err(|rejection| ApiError::invalid(rejection.body_text()))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(named)| Self(named)).map_err(|_| ApiError::no_path())
    }
}

impl FromRequest<App> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let refused = |rejection: BytesRejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(app.settings.body_bytes_max),
            _ => ApiError::invalid(rejection.body_text()),
        };
        Bytes::from_request(request, app).await.map(Self).map_err(refused)
    }
}
