//! Traffic that is no customer: robots that say so, scripts that show by their pace,
//! many visitors behind one address.

use super::finding::{Finding, Severity};
use super::scope::{PROFILE, Scope};
use super::words::{counted, percent, share};
use crate::error::EngineError;

/// One event in fifty by robots moves averages; one in five is what the data is about.
const SHARE_WARNING: f64 = 0.02;
const SHARE_CRITICAL: f64 = 0.2;
/// What programs call themselves, in lower case; the words of well-known crawlers,
/// libraries and headless browsers.
const ROBOT_WORDS: &str = "bot|crawl|spider|slurp|headless|phantomjs|selenium|puppeteer|playwright|python-requests|\
                           python-urllib|aiohttp|scrapy|curl/|wget|okhttp-bot|go-http-client|java/|httpclient|libwww|\
                           lighthouse|pingdom|uptime|monitor";
/// One event a second for a whole minute: nobody clicks so fast, and a page that reports
/// its impressions stays below.
const EVENTS_PER_MINUTE_MAX: u64 = 60;
/// Different hours of one day: people who are awake for twenty sleep on the next day.
const HOURS_PER_DAY_MAX: u64 = 20;
const SLEEPLESS_DAYS_MIN: u64 = 3;
/// Gaps that are all alike: people's vary by more than their own length. A twentieth is
/// the jitter of a scheduler.
const GAP_VARIATION_MAX: f64 = 0.05;
const GAPS_MIN: u64 = 50;
/// Daily mails and renewals are regular too, and no robots.
const GAP_SECONDS_MAX: u64 = 3_600;
/// Longer gaps are between visits.
const VISIT_SECONDS: u64 = 1_800;
/// Visitors with a single event from one address: an office has some, a farm thousands.
const ONE_EVENT_VISITORS_MAX: u64 = 50;

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str = "robots, scripts, many visitors behind one address";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    findings.extend(declared(scope).await?);
    findings.extend(too_fast(scope).await?);
    findings.extend(sleepless(scope).await?);
    findings.extend(regular(scope).await?);
    findings.extend(one_address(scope).await?);
    Ok(findings)
}

async fn declared(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let agents = ["c_userAgent", "c_user_agent", "p_user_agent", "p_userAgent"];
    let Some(agent) = scope.first_of(&agents) else { return Ok(None) };
    let condition = format!("regexp_like(lower({agent}), '{ROBOT_WORDS}')");
    let count = scope.rows(&format!("SELECT count(*) AS n FROM events WHERE {condition}")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "declared-robots",
        severity: Severity::of_share(count, scope.n_events, SHARE_CRITICAL, SHARE_WARNING),
        title: format!(
            "{} ({}) by programs that say so in their user agent",
            counted(count, "event"),
            percent(share(count, scope.n_events))
        ),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Robots look at everything and buy nothing: they make averages of views and visits meaningless.",
        todo: "Leave them out when exporting, or filter them in the tracker.".to_owned(),
        query: format!(
            "SELECT {agent} AS user_agent, count(*) AS n_events, count(DISTINCT {PROFILE}) AS n_profiles FROM events \
             WHERE {condition} GROUP BY 1 ORDER BY n_events DESC, user_agent"
        ),
    }))
}

/// Returns a finding about profiles a query lists with how many events they have.
async fn scripted(
    scope: &Scope<'_>,
    code: &'static str,
    query: String,
    title: impl FnOnce(u64) -> String,
) -> Result<Option<Finding>, EngineError> {
    let counts = format!(
        "SELECT count(*) AS n_profiles, coalesce(sum(e.n), 0) AS n_events FROM ({query}) AS odd \
         JOIN (SELECT {PROFILE} AS profile, count(*) AS n FROM events GROUP BY 1) AS e ON odd.profile = e.profile"
    );
    let rows = scope.rows(&counts).await?;
    let (n_profiles, count) = (rows.count("n_profiles")?, rows.count("n_events")?);
    Ok((n_profiles > 0).then(|| Finding {
        code,
        severity: Severity::of_share(count, scope.n_events, SHARE_CRITICAL, SHARE_WARNING),
        title: format!("{}: {} of all events", title(n_profiles), percent(share(count, scope.n_events))),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "No person does this: a script, a shared terminal or an id that many share is taken for a customer.",
        todo: "Look at the profiles; block their ids, or leave them out when exporting.".to_owned(),
        query,
    }))
}

async fn too_fast(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let query = format!(
        "SELECT profile, max(n) AS events_in_a_minute, count(*) AS n_minutes FROM (SELECT {PROFILE} AS profile, \
         date_trunc('minute', occurred_at) AS minute, count(*) AS n FROM events GROUP BY 1, 2 \
         HAVING count(*) >= {EVENTS_PER_MINUTE_MAX}) AS minutes WHERE profile IS NOT NULL GROUP BY 1 \
         ORDER BY events_in_a_minute DESC, profile"
    );
    let title = |n| format!("{} with {EVENTS_PER_MINUTE_MAX} events or more in a minute", counted(n, "profile"));
    scripted(scope, "superhuman-pace", query, title).await
}

async fn sleepless(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let query = format!(
        "SELECT profile, count(*) AS n_days FROM (SELECT {PROFILE} AS profile, date_trunc('day', occurred_at) AS day \
         FROM events GROUP BY 1, 2 HAVING count(DISTINCT date_trunc('hour', occurred_at)) >= {HOURS_PER_DAY_MAX}) AS days \
         WHERE profile IS NOT NULL GROUP BY 1 HAVING count(*) >= {SLEEPLESS_DAYS_MIN} ORDER BY n_days DESC, profile"
    );
    let title = |n| {
        format!(
            "{} active in {HOURS_PER_DAY_MAX} hours or more on {SLEEPLESS_DAYS_MIN} days or more",
            counted(n, "profile")
        )
    };
    scripted(scope, "sleepless-profiles", query, title).await
}

async fn regular(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    // Sums of whole seconds, so that the answer does not depend on their order.
    let query = format!(
        "SELECT profile, count(*) AS n_gaps, round(CAST(sum(gap) AS DOUBLE) / count(*), 2) AS gap_seconds FROM \
         (SELECT profile, (at - lag(at) OVER (PARTITION BY profile ORDER BY at)) / 1000000 AS gap FROM \
         (SELECT {PROFILE} AS profile, CAST(occurred_at AS BIGINT) AS at FROM events) AS e) AS gaps \
         WHERE profile IS NOT NULL AND gap BETWEEN 1 AND {VISIT_SECONDS} GROUP BY 1 \
         HAVING count(*) >= {GAPS_MIN} AND sum(gap) <= count(*) * {GAP_SECONDS_MAX} \
         AND CAST(count(*) AS DOUBLE) * CAST(sum(gap * gap) AS DOUBLE) / (CAST(sum(gap) AS DOUBLE) * CAST(sum(gap) AS DOUBLE)) - 1.0 \
         <= {} AND max(gap) > 0 ORDER BY n_gaps DESC, profile",
        GAP_VARIATION_MAX * GAP_VARIATION_MAX
    );
    let title = |n| format!("{} with an event at perfectly even intervals", counted(n, "profile"));
    scripted(scope, "regular-as-a-clock", query, title).await
}

async fn one_address(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let Some(address) = scope.first_of(&["c_ip", "p_ip"]) else { return Ok(None) };
    let query = format!(
        "SELECT address, count(*) AS n_visitors FROM (SELECT {PROFILE} AS profile, min({address}) AS address FROM events \
         GROUP BY 1 HAVING count(*) = 1) AS visitors WHERE address IS NOT NULL AND profile IS NOT NULL GROUP BY 1 \
         HAVING count(*) > {ONE_EVENT_VISITORS_MAX} ORDER BY n_visitors DESC, address"
    );
    let counts =
        format!("SELECT count(*) AS n, coalesce(sum(n_visitors), 0) AS n_visitors FROM ({query}) AS addresses");
    let rows = scope.rows(&counts).await?;
    let (n, count) = (rows.count("n")?, rows.count("n_visitors")?);
    Ok((n > 0).then(|| Finding {
        code: "one-address-many-visitors",
        severity: Severity::of_share(count, scope.n_profiles, SHARE_CRITICAL, SHARE_WARNING),
        title: format!(
            "{} with a single event from {}",
            counted(count, "visitor"),
            if n == 1 { "one address".to_owned() } else { format!("{n} addresses") }
        ),
        count,
        whole: scope.n_profiles,
        of: "profiles",
        examples: Vec::new(),
        why: "A script that drops its cookies looks like thousands of customers who came once.",
        todo: "Leave these addresses out when exporting, or check whether a proxy hides the visitors' own.".to_owned(),
        query,
    }))
}
