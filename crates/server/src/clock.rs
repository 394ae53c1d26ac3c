//! The clock, read once for each request and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use throng_event::Instant;

/// Returns what time it is.
#[expect(clippy::disallowed_methods, reason = "the server is a driver: when an event arrived is its to say")]
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
