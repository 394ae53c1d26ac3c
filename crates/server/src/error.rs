//! What can go wrong: starting, and with a request.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use throng_live::LiveError;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("could not listen on {address}: {source}; choose another with --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("could not use {} for TLS: {reason}", .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A text is no hash of a key.
    #[error("'{0}' is no key hash: 64 hexadecimal digits, as `throng keys add` prints them")]
    KeyHash(String),
    /// A text is no hash of a password.
    #[error("this is no password hash as `throng users add` writes them")]
    PasswordHash,
    /// Something else writes the log already.
    #[error("could not start to log: {0}")]
    Logging(String),
    /// The system has no random bytes.
    #[error("could not draw random bytes for a key: {0}")]
    Random(String),
}

/// What is answered instead of what was asked for: a status, a stable code and a sentence.
/// Every answer that is no success has both fields, for some libraries try again without
/// end where one of them is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u64>,
}

/// What is answered instead of what was asked for.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorBody {
    /// A stable name of what is wrong.
    code: String,
    /// What is wrong, for people.
    message: String,
    /// The same as Segment's Profile API has it.
    error: InnerError,
}

/// The envelope of Segment's Profile API.
#[derive(Serialize, utoipa::ToSchema)]
struct InnerError {
    code: String,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "no key of this server was given, or one that may not do this; send it as `Authorization: Basic base64(key:)` or `Bearer key`";
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn no_path() -> Self {
        Self::not_found("there is nothing at this path; see /docs")
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long; send it again")
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!("the body has more than {bytes_max} bytes; send fewer events at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(crate) fn rate_limited(retry_after_s: u64) -> Self {
        let message = "too many requests with this key; wait as Retry-After says";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        Self { retry_after_s: Some(retry_after_s), ..error }
    }
}

impl From<LiveError> for ApiError {
    fn from(error: LiveError) -> Self {
        let message = error.to_string();
        match error {
            LiveError::Overloaded { retry_after_s, .. } => {
                let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", message);
                Self { retry_after_s: Some(retry_after_s), ..error }
            }
            LiveError::ShiftId(_) => Self::invalid(message),
            LiveError::Storage { .. }
            | LiveError::Checkpoint { .. }
            | LiveError::Encode(_)
            | LiveError::Damaged(_)
            | LiveError::Closed(_) => {
                // Where the log is and what the disk said is for the operator's log.
                tracing::error!(error = %message, "the log refused");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "events cannot be taken now; send again later",
                )
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, message) = (self.code.to_owned(), self.message.clone());
        let error = InnerError { code: code.clone(), message: message.clone() };
        let body = ErrorBody { code, message, error };
        self.with_body(&body)
    }
}

impl ApiError {
    /// Answers in the words of another protocol, with the status and the headers of this one.
    pub(crate) fn with_body(&self, body: &impl Serialize) -> Response {
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value.clone());
            response.headers_mut().insert("x-ratelimit-reset", value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Basic realm=\"throng\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}
