//! Sources that say different things about one fact: a trait of a customer, the amount
//! or the time of an order.

use super::duplicate::order_id;
use super::finding::{Finding, Severity};
use super::scope::{PROFILE, Scope};
use super::words::{counted, number, percent, quoted, share};
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of};

/// Traits that are compared: the first by name; a source with hundreds has few that matter.
const TRAITS_MAX: usize = 64;
/// Customers move and marry between two exports; one in twenty who differ is a system.
const TRAIT_SHARE_WARNING: f64 = 0.05;
/// Amounts of one order differ by rounding in some, by tax or postage in all.
const AMOUNT_SHARE_WARNING: f64 = 0.01;
/// By chance one order in thirty is whole hours apart, to the minute.
const HOURS_SHARE_MIN: f64 = 0.3;

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str = "sources that say different things about one customer or one order";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    if scope.n_sources < 2 {
        return Ok(Vec::new());
    }
    let mut findings = traits(scope).await?;
    if let Some(order) = order_id(scope) {
        findings.extend(amounts(scope, &order).await?);
        findings.extend(hours(scope, &order).await?);
    }
    Ok(findings)
}

async fn traits(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let columns: Vec<&str> =
        scope.columns_of(Part::Traits).into_iter().map(|(column, _)| column).take(TRAITS_MAX).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = columns.iter().map(|column| format!("count(\"{column}\") AS \"{column}\"")).collect();
    let rows = scope.rows(&format!("SELECT source, {} FROM events GROUP BY 1", counts.join(", "))).await?;
    let mut findings = Vec::new();
    for column in columns {
        let n_sources = number(rows.counts(column)?.into_iter().filter(|n| *n > 0).count());
        if n_sources > 1 {
            findings.extend(one_trait(scope, column).await?);
        }
    }
    Ok(findings)
}

async fn one_trait(scope: &Scope<'_>, column: &str) -> Result<Option<Finding>, EngineError> {
    // The latest value of each source, without regard to case and surrounding space.
    let latest = format!(
        "SELECT {PROFILE} AS profile, source, \
         last_value(lower(trim(CAST(\"{column}\" AS VARCHAR))) ORDER BY occurred_at, event_key) AS value \
         FROM events WHERE \"{column}\" IS NOT NULL AND kind <> 'group' GROUP BY 1, 2"
    );
    let query = format!(
        "SELECT profile, count(*) AS n_sources, min(value) AS one_value, max(value) AS other_value FROM ({latest}) AS latest \
         WHERE profile IS NOT NULL GROUP BY 1 HAVING count(DISTINCT value) > 1 ORDER BY profile"
    );
    let both = format!(
        "SELECT count(*) AS n FROM (SELECT profile FROM ({latest}) AS latest WHERE profile IS NOT NULL GROUP BY 1 \
         HAVING count(*) > 1) AS both_sources"
    );
    let count = scope.rows(&format!("SELECT count(*) AS n FROM ({query}) AS differing")).await?.count("n")?;
    if count == 0 {
        return Ok(None);
    }
    let whole = scope.rows(&both).await?.count("n")?;
    let name = attribute_of(column).map_or_else(|| column.to_owned(), |(_, name)| name);
    Ok(Some(Finding {
        code: "traits-disagree",
        severity: Severity::of_share(count, whole, 2.0, TRAIT_SHARE_WARNING),
        title: format!(
            "Sources disagree about {} of {} ({} of those two sources know)",
            quoted(&name),
            counted(count, "customer"),
            percent(share(count, whole))
        ),
        count,
        whole,
        of: "customers two sources know",
        examples: Vec::new(),
        why: "The latest value wins, whichever source it comes from, so the same customer changes with the order of exports.",
        todo: "Decide which source is right about it, and leave the trait out of the other's mapping.".to_owned(),
        query,
    }))
}

fn orders_query(order: &str, columns: &str, condition: &str) -> String {
    format!(
        "SELECT {order} AS order_id, {columns}, min(source) AS first_source, max(source) AS last_source FROM events \
         WHERE amount_minor > 0 AND {order} IS NOT NULL GROUP BY 1 \
         HAVING count(DISTINCT source) > 1 AND {condition} ORDER BY order_id"
    )
}

async fn in_both(scope: &Scope<'_>, query: &str, order: &str) -> Result<(u64, u64), EngineError> {
    let count = scope.rows(&format!("SELECT count(*) AS n FROM ({query}) AS orders")).await?.count("n")?;
    if count == 0 {
        return Ok((0, 0));
    }
    let all = orders_query(order, "count(*) AS n_events", "true");
    let whole = scope.rows(&format!("SELECT count(*) AS n FROM ({all}) AS orders")).await?.count("n")?;
    Ok((count, whole))
}

async fn amounts(scope: &Scope<'_>, order: &str) -> Result<Option<Finding>, EngineError> {
    let columns = "min(amount_minor) AS least_minor, max(amount_minor) AS most_minor";
    let query = orders_query(order, columns, "count(DISTINCT amount_minor) > 1");
    let (count, whole) = in_both(scope, &query, order).await?;
    Ok((count > 0).then(|| Finding {
        code: "orders-disagree",
        severity: Severity::of_share(count, whole, 2.0, AMOUNT_SHARE_WARNING),
        title: format!("Sources disagree about the amount of {}", counted(count, "order")),
        count,
        whole,
        of: "orders in two sources",
        examples: Vec::new(),
        why: "One of them counts tax, postage or returns, and revenue means two things.",
        todo: "Decide which amount is revenue, and take it from that source only.".to_owned(),
        query,
    }))
}

async fn hours(scope: &Scope<'_>, order: &str) -> Result<Option<Finding>, EngineError> {
    let apart = "(CAST(max(occurred_at) AS BIGINT) - CAST(min(occurred_at) AS BIGINT)) / 1000000";
    let columns = format!("{apart} / 3600 AS hours_apart");
    // A minute for the way between systems; the largest time zone is 14 hours.
    let condition = format!("({apart}) BETWEEN 3540 AND 50460 AND ({apart} + 60) % 3600 <= 120");
    let query = orders_query(order, &columns, &condition);
    let (count, whole) = in_both(scope, &query, order).await?;
    Ok((count > 0 && share(count, whole) >= HOURS_SHARE_MIN).then(|| Finding {
        code: "order-times-disagree",
        severity: Severity::Warning,
        title: format!("{} happened whole hours apart in two sources", counted(count, "order")),
        count,
        whole,
        of: "orders in two sources",
        examples: Vec::new(),
        why: "One of the sources writes its times in another time zone.",
        todo: "Name the time zone of each source in its mapping.".to_owned(),
        query,
    }))
}
