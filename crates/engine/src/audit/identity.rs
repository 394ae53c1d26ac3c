//! Events of nobody known: visitors never linked to a person, ids that stand for nobody,
//! accounts without people.

use super::finding::{Finding, Severity};
use super::scope::{PROFILE, Scope};
use super::words::{counted, number, percent, share};
use crate::error::EngineError;

/// Most visitors of a shop's pages never say who they are; above half of all profiles
/// personas are about devices rather than people.
const ANONYMOUS_SHARE_WARNING: f64 = 0.5;
/// One event in twenty that counts for nobody changes every number.
const NOBODY_SHARE_CRITICAL: f64 = 0.05;
/// People change employers and work for subsidiaries; more accounts than these are
/// staff, consultants or a test user.
const ACCOUNTS_PER_USER_MAX: u64 = 3;
/// Accounts of which no one is known are usual while a sale begins, not later.
const EMPTY_ACCOUNTS_SHARE_WARNING: f64 = 0.2;

/// How profile ids begin whose best id is a cookie or a device.
const ANONYMOUS: [&str; 2] = ["a:", "d:"];

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str =
    "visitors who never become known, ids that stand for nobody, accounts without people";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    findings.extend(anonymous(scope));
    findings.extend(nobody(scope).await?);
    let accounts = "SELECT count(DISTINCT group_id) AS n FROM events WHERE group_id IS NOT NULL";
    let n_accounts = scope.rows(accounts).await?.count("n")?;
    if n_accounts > 0 {
        findings.extend(many_accounts(scope).await?);
        findings.extend(empty_accounts(scope, n_accounts).await?);
    }
    Ok(findings)
}

fn anonymous(scope: &Scope<'_>) -> Option<Finding> {
    let unknown = |id: &&str| ANONYMOUS.iter().any(|prefix| id.starts_with(prefix));
    let count = number(scope.people.ids().into_iter().filter(unknown).count());
    if count == 0 {
        return None;
    }
    let tests = ANONYMOUS.map(|prefix| format!("profile LIKE '{prefix}%'"));
    let is_unknown = format!("({})", tests.join(" OR "));
    Some(Finding {
        code: "never-known",
        severity: Severity::of_share(count, scope.n_profiles, 2.0, ANONYMOUS_SHARE_WARNING),
        title: format!(
            "{} ({}) never became a known person",
            counted(count, "visitor"),
            percent(share(count, scope.n_profiles))
        ),
        count,
        whole: scope.n_profiles,
        of: "profiles",
        examples: Vec::new(),
        why: "One person with three devices is three of them; what they do is missing from the customer they are.",
        todo: "Send an identify message when somebody signs in, orders or opens a mail.".to_owned(),
        query: format!(
            "SELECT source, channel, count(DISTINCT CASE WHEN {is_unknown} THEN profile END) AS n_never_known, \
             count(DISTINCT profile) AS n_profiles, sum(CASE WHEN {is_unknown} THEN 1 ELSE 0 END) AS n_events \
             FROM (SELECT {PROFILE} AS profile, source, channel FROM events) AS e GROUP BY 1, 2 \
             ORDER BY n_never_known DESC, source, channel"
        ),
    })
}

async fn nobody(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let condition = format!("{PROFILE} IS NULL");
    let count = scope.rows(&format!("SELECT count(*) AS n FROM events WHERE {condition}")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "events-of-nobody",
        severity: Severity::of_share(count, scope.n_events, NOBODY_SHARE_CRITICAL, 0.0),
        title: format!("{} with an id that stands for nobody", counted(count, "event")),
        count,
        whole: scope.n_events,
        of: "events",
        examples: Vec::new(),
        why: "Ids such as 0, null or anonymous would make one customer of thousands of strangers, so these events count for no one.",
        todo: "Leave the id out where nobody is known, and send an anonymous id instead.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, user_id, anonymous_id FROM events WHERE {condition} \
             ORDER BY occurred_at, event_id"
        ),
    }))
}

async fn many_accounts(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let query = format!(
        "SELECT {PROFILE} AS profile, count(DISTINCT group_id) AS n_accounts FROM events WHERE group_id IS NOT NULL \
         GROUP BY 1 HAVING count(DISTINCT group_id) > {ACCOUNTS_PER_USER_MAX} ORDER BY n_accounts DESC, profile"
    );
    let count = scope.rows(&format!("SELECT count(*) AS n FROM ({query}) AS people")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "many-accounts",
        severity: Severity::Note,
        title: format!("{} in more than {ACCOUNTS_PER_USER_MAX} accounts", counted(count, "customer")),
        count,
        whole: scope.n_profiles,
        of: "profiles",
        examples: Vec::new(),
        why: "What staff, consultants and test users do counts for every account they touch.",
        todo: "Look at them, and leave those out who are not customers.".to_owned(),
        query,
    }))
}

async fn empty_accounts(scope: &Scope<'_>, n_accounts: u64) -> Result<Option<Finding>, EngineError> {
    let query = format!(
        "SELECT group_id, count(*) AS n_events, min(event) AS event FROM events WHERE group_id IS NOT NULL \
         GROUP BY 1 HAVING max(CASE WHEN regexp_like({PROFILE}, '^(u|e|p|a:e|a:p):') THEN 1 ELSE 0 END) = 0 ORDER BY n_events DESC, group_id"
    );
    let count = scope.rows(&format!("SELECT count(*) AS n FROM ({query}) AS accounts")).await?.count("n")?;
    Ok((count > 0).then(|| Finding {
        code: "accounts-without-people",
        severity: Severity::of_share(count, n_accounts, 2.0, EMPTY_ACCOUNTS_SHARE_WARNING),
        title: format!("{} with deals or events but no known contact", counted(count, "account")),
        count,
        whole: n_accounts,
        of: "accounts",
        examples: Vec::new(),
        why: "What an account buys cannot be told apart by who decides there.",
        todo: "Export the contacts of deals with their e-mail address, or import the contacts as well.".to_owned(),
        query,
    }))
}
