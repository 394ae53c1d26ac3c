//! Events in: a body becomes a submission, by the protocol of its sender.

mod amplitude;
mod ga4;
mod mixpanel;
mod segment;
mod webhook;

use std::borrow::Cow;
use std::io::Read;

use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;
use throng_event::{Event, Instant, Limits, Problem};
use throng_live::{Receipt, Refused, Submission};
use throng_source::{Import, StopReason, Taken};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::error::ApiError;
use crate::guard::SourceIdx;

pub(crate) use segment::submit_body;

/// How far ahead of ours a sender's clock may be after it was corrected.
const AHEAD_MAX: i64 = Instant::DAY;
/// 1990-01-01: clocks that were never set say 1970 or 1980.
const EARLIEST: Instant = Instant(631_152_000_000_000);

/// Bodies that are larger are read by a thread of their own, so that others are not kept waiting.
const AT_ONCE_BYTES_MAX: usize = 64 << 10;

pub(crate) fn routes() -> OpenApiRouter<App> {
    segment::routes().merge(mixpanel::routes()).merge(amplitude::routes()).merge(ga4::routes()).merge(webhook::routes())
}

/// Returns a body as it was before it was packed; libraries do not always say that they pack.
pub(crate) fn unpacked(body: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, ApiError> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut unpacked = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked);
    read.map_err(|error| ApiError::invalid(format!("the body is no whole gzip: {error}")))?;
    if unpacked.len() > bytes_max {
        return Err(ApiError::too_large(bytes_max));
    }
    Ok(Cow::Owned(unpacked))
}

/// What a reader of one protocol does with a body: hands on what it takes, one after the other.
pub(crate) type Reading<'r> =
    dyn Fn(Import<'_>, &mut dyn FnMut(Taken) -> Result<(), StopReason>) -> Result<(), ApiError> + 'r;

/// A record of a body that is no event.
pub(crate) struct Fault {
    /// Which record, from 0.
    pub(crate) idx: usize,
    pub(crate) problem: Problem,
}

/// Where a record is from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) source: SourceIdx,
    /// The form it came in, as files of it are called; a protocol that no files are in has a name too.
    pub(crate) form: &'static str,
}

/// Reads the messages of a body that came from a source.
pub(crate) fn read(app: &App, origin: Origin, at: Instant, reading: &Reading<'_>) -> Result<Submission, ApiError> {
    read_records(app, origin, at, reading).map(|(submission, _)| submission)
}

/// Reads the records of a body and says of each that is no event what is wrong with it, for
/// callers that are told so.
pub(crate) fn read_records(
    app: &App,
    origin: Origin,
    at: Instant,
    reading: &Reading<'_>,
) -> Result<(Submission, Vec<Fault>), ApiError> {
    let settings = &app.settings;
    let name = &settings.sources[origin.source.0].name;
    let limits = Limits {
        source: name.clone(),
        earliest: EARLIEST,
        latest: Instant(at.0.saturating_add(AHEAD_MAX)),
        personal: settings.personal.clone(),
    };
    let import = Import { limits: &limits, calendar: &settings.calendar, currency: settings.currency };
    let (mut submission, mut faults) = (Submission::default(), Vec::new());
    reading(import, &mut |taken| {
        match taken {
            // When it arrived is ours to say, whatever a record says.
            Taken::Event { event, .. } => submission.events.push(Event { received_at: at, ..*event }),
            Taken::Quarantined(quarantined) => {
                submission.refused.push(refused(app, origin, at, (&quarantined.problem, quarantined.raw)));
                let idx = usize::try_from(quarantined.row.saturating_sub(1)).unwrap_or(usize::MAX);
                faults.push(Fault { idx, problem: quarantined.problem });
            }
        }
        Ok(())
    })?;
    Ok((submission, faults))
}

/// Returns what is kept of a record that is no event, sealed where the home keeps nothing personal.
pub(crate) fn refused(app: &App, origin: Origin, at: Instant, (problem, raw): (&Problem, String)) -> Refused {
    let kept = |text: String| match &app.seal {
        Some(seal) => seal.close(&text),
        None => text,
    };
    Refused {
        source: app.settings.sources[origin.source.0].name.clone(),
        form: origin.form.to_owned(),
        received_at: at.0,
        reason: problem.kind.reason().to_owned(),
        detail: kept(problem.detail.clone()),
        raw: kept(without_keys(raw)),
    }
}

/// Members that hold a write key, as the protocols name them.
const KEY_MEMBERS: [&str; 3] = ["\"writeKey\"", "\"api_key\"", "\"token\""];

/// Returns a message without its write key, which whoever may read refused messages must not learn.
fn without_keys(mut raw: String) -> String {
    for member in KEY_MEMBERS {
        let mut from = 0;
        while let Some(found) = raw[from..].find(member) {
            let after = from + found + member.len();
            from = after;
            let rest = raw[after..].trim_start().strip_prefix(':').map(str::trim_start);
            let Some(value) = rest.and_then(|rest| rest.strip_prefix('"')) else { continue };
            let start = raw.len() - value.len();
            let len = value.find('"').unwrap_or(value.len());
            raw.replace_range(start..start + len, "…");
        }
    }
    raw
}

/// Returns the source of the first of some keys that is a write key.
pub(crate) fn source_of(app: &App, keys: impl IntoIterator<Item = String>) -> Result<SourceIdx, ApiError> {
    for key in keys {
        let source = app.guard.source(&key);
        // Who asks too often has a key that is known.
        if source.as_ref().map_or_else(|error| error.status == StatusCode::TOO_MANY_REQUESTS, |_| true) {
            return source;
        }
    }
    Err(ApiError::unauthorized())
}

/// Submits what was read and counts it.
pub(crate) async fn submit(app: &App, submission: Submission) -> Result<Receipt, ApiError> {
    for refused in &submission.refused {
        app.metrics.refused(&refused.reason);
    }
    let receipt = app.live.submit(submission).await?;
    app.metrics.admitted(receipt.admitted, receipt.repeated);
    Ok(receipt)
}

/// Runs what may take long on a thread that nobody waits for.
pub(crate) async fn aside<T: Send + 'static>(
    n_bytes: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if n_bytes <= AT_ONCE_BYTES_MAX {
        return work();
    }
    let failed = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "reading the body failed");
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

/// Returns the first event, for answers about one.
pub(crate) fn first(submission: &Submission) -> Option<&Event> {
    submission.events.first()
}

#[cfg(test)]
mod tests {
    use super::without_keys;

    #[test]
    fn a_refused_message_is_kept_without_its_key() {
        for (raw, kept) in [
            (r#"{"writeKey":"secret","event":1}"#, r#"{"writeKey":"…","event":1}"#),
            (
                r#"{"a":"writeKey", "properties": {"token" : "secret"}}"#,
                r#"{"a":"writeKey", "properties": {"token" : "…"}}"#,
            ),
            (r#"{"api_key":"cut o"#, r#"{"api_key":"…"#),
            (r#"{"token":7,"writeKey"}"#, r#"{"token":7,"writeKey"}"#),
            ("no message", "no message"),
        ] {
            assert_eq!(without_keys(raw.to_owned()), kept);
        }
    }
}
