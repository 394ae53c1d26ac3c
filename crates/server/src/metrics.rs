//! What the server counts, as Prometheus reads it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use throng_live::Status;

use crate::app::{App, REQUEST_ID};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

/// Counters of this process and gauges that are filled when somebody asks.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answer, Counter>,
    seconds: Family<Route, Histogram>,
    admitted: Counter,
    repeated: Counter,
    refused: Family<Reason, Counter>,
    waiting: Gauge,
    lag: Gauge,
    lake_lag: Gauge,
    profiles: Gauge,
    stale: Gauge,
    memory: Gauge,
    checkpoint_lag: Gauge,
    checkpoint_failed: Gauge,
    n_requests: AtomicU64,
}

/// Bounds of the buckets of a latency, seconds: a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 14] = [0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0];

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::<Answer, Counter>::default();
        let seconds = Family::<Route, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let (admitted, repeated) = (Counter::default(), Counter::default());
        let refused = Family::<Reason, Counter>::default();
        let gauges: [Gauge; 8] = std::array::from_fn(|_| Gauge::default());
        let mut registry = Registry::with_prefix("throng");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_duration_seconds", "Time to the answer", seconds.clone());
        registry.register("events_admitted", "Events that are new", admitted.clone());
        registry.register("events_repeated", "Events that were there already", repeated.clone());
        registry.register("events_refused", "Messages that are no events, by reason", refused.clone());
        let [waiting, lag, lake_lag, profiles, stale, memory, checkpoint_lag, checkpoint_failed] = gauges;
        registry.register("waiting_bytes", "Bytes of events that wait to be written", waiting.clone());
        registry.register("records_lag", "Records on disk that are in no profile yet", lag.clone());
        registry.register("lake_lag", "Records that are not in the lake yet", lake_lag.clone());
        registry.register("profiles", "Profiles there are", profiles.clone());
        registry.register("profiles_stale", "Profiles that wait to be scored again", stale.clone());
        registry.register("profiles_memory_bytes", "Memory that profiles take, estimated", memory.clone());
        let lag_help = "Records that a start reads beside the checkpoint";
        registry.register("checkpoint_lag", lag_help, checkpoint_lag.clone());
        registry.register("checkpoint_failed", "1 when the last one could not be written", checkpoint_failed.clone());
        let n_requests = AtomicU64::new(0);
        Self {
            registry,
            requests,
            seconds,
            admitted,
            repeated,
            refused,
            waiting,
            lag,
            lake_lag,
            profiles,
            stale,
            memory,
            checkpoint_lag,
            checkpoint_failed,
            n_requests,
        }
    }

    pub(crate) fn refused(&self, reason: &str) {
        self.refused.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    pub(crate) fn admitted(&self, n_admitted: usize, n_repeated: usize) {
        self.admitted.inc_by(count(n_admitted));
        self.repeated.inc_by(count(n_repeated));
    }

    /// Returns everything in the OpenMetrics text form.
    pub(crate) fn text(&self, status: &Status) -> String {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.waiting.set(gauge(count(status.waiting_bytes)));
        self.lag.set(gauge(status.end.0.saturating_sub(status.applied.0)));
        self.lake_lag.set(gauge(status.end.0.saturating_sub(status.stored.0)));
        self.profiles.set(gauge(status.n_profiles));
        self.stale.set(gauge(status.n_stale));
        self.memory.set(gauge(status.memory));
        self.checkpoint_lag.set(gauge(status.end.0.saturating_sub(status.checkpoint.0)));
        self.checkpoint_failed.set(i64::from(status.checkpoint_failure.is_some()));
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Counts and times every request, and names it.
pub(crate) async fn observe(
    State(app): State<App>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = path.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let start = tokio::time::Instant::now();
    let number = app.metrics.n_requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let took: Duration = start.elapsed();
    let status = response.status();
    if let Ok(id) = HeaderValue::from_str(&format!("{number:016x}")) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // The route and not the path: a path names people.
    tracing::debug!(request = number, %method, route, status = status.as_u16(), ms = took.as_millis(), "answered");
    app.metrics.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
    app.metrics.requests.get_or_create(&Answer { route, status: status.as_u16() }).inc();
    response
}
