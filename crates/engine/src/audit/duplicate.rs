//! One thing that happened, told twice under different ids.
//!
//! Admission drops what has the same id. Trackers that send again with a new id, and two
//! systems that both report an order, pass it and are counted twice.

use super::finding::{Finding, Severity};
use super::scope::{PROFILE, Scope};
use super::words::{counted, percent, share};
use crate::error::EngineError;
use crate::event_table::Part;

/// People do the same thing twice in one second in a few events of ten thousand: a
/// double click. More is a tracker that sends twice.
const REPEATED_SHARE_WARNING: f64 = 0.001;
/// One event in twenty counted twice bends every number about activity.
const REPEATED_SHARE_CRITICAL: f64 = 0.05;
/// Double clicks of this number are not worth a reader's time.
const REPEATED_EVENTS_MIN: u64 = 10;
/// One order in a hundred twice makes revenue wrong by more than a month's growth.
const ORDERS_SHARE_CRITICAL: f64 = 0.01;

/// The properties that carry the number of an order in the forms we read.
const ORDER_IDS: [&str; 8] = [
    "p_order_id",
    "p_orderId",
    "p_transaction_id",
    "p_transactionId",
    "p_order_number",
    "p_invoice_id",
    "p_invoice",
    "p_basket_id",
];

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str = "one event under several ids, one order in two sources";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = repeated(scope).await?;
    findings.extend(orders_in_sources(scope).await?);
    findings.extend(orders_repeated(scope).await?);
    findings.extend(amounts_in_sources(scope).await?);
    Ok(findings)
}

/// Returns the SQL of an event's order number, `None` where there are none.
pub(super) fn order_id(scope: &Scope<'_>) -> Option<String> {
    scope.first_of(&ORDER_IDS)
}

/// Returns a query for events alike in everything but their id and their source.
///
/// What an event says is compared by a hash, and only among the few that share profile,
/// name and second with another; these stand first in the join, for its first side is
/// held in memory.
fn repeated_query(scope: &Scope<'_>, condition: &str) -> String {
    let mut said: Vec<String> = ["amount_minor", "currency", "text", "rating", "other"].map(said_text).to_vec();
    said.push("coalesce(CAST(cardinality(products) AS VARCHAR), '')".to_owned());
    let promoted = [Part::Properties, Part::Traits].into_iter().flat_map(|of| scope.columns_of(of));
    said.extend(promoted.map(|(column, _)| said_text(column)));
    let said = said.join(", ");
    format!(
        "WITH alike AS (SELECT {PROFILE} AS profile, event, date_trunc('second', occurred_at) AS second FROM events \
         GROUP BY 1, 2, 3 HAVING count(*) > 1) \
         SELECT alike.profile, alike.event, alike.second, count(*) AS n_events, count(DISTINCT source) AS n_sources, \
         min(event_id) AS first_id, max(event_id) AS last_id \
         FROM alike JOIN (SELECT *, {PROFILE} AS profile, date_trunc('second', occurred_at) AS second FROM events) AS e \
         ON e.profile = alike.profile AND e.event = alike.event AND e.second = alike.second \
         GROUP BY alike.profile, alike.event, alike.second, md5(concat_ws('|', {said})) \
         HAVING count(*) > 1 AND {condition} ORDER BY n_events DESC, first_id"
    )
}

fn said_text(column: &str) -> String {
    format!("coalesce(CAST(\"{column}\" AS VARCHAR), '')")
}

/// Returns by how many rows the groups of a query exceed one each.
async fn surplus(scope: &Scope<'_>, query: &str) -> Result<u64, EngineError> {
    let query = format!("SELECT coalesce(sum(n_events - 1), 0) AS n FROM ({query}) AS groups");
    scope.rows(&query).await?.count("n")
}

async fn repeated(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    let within = repeated_query(scope, "count(DISTINCT source) = 1");
    let count = surplus(scope, &within).await?;
    if count >= REPEATED_EVENTS_MIN && share(count, scope.n_events) >= REPEATED_SHARE_WARNING {
        findings.push(Finding {
            code: "events-repeated",
            severity: Severity::of_share(count, scope.n_events, REPEATED_SHARE_CRITICAL, 0.0),
            title: format!(
                "{} ({}) repeat another of the same customer and second in everything but the id",
                counted(count, "event"),
                percent(share(count, scope.n_events))
            ),
            count,
            whole: scope.n_events,
            of: "events",
            examples: Vec::new(),
            why: "They are counted twice: customers look more active than they are.",
            todo:
                "Let the tracker keep one `messageId` when it sends again, or look for a tag that is on the page twice."
                    .to_owned(),
            query: within,
        });
    }
    if scope.n_sources < 2 {
        return Ok(findings);
    }
    let between = repeated_query(scope, "count(DISTINCT source) > 1");
    let count = surplus(scope, &between).await?;
    if count > 0 {
        findings.push(Finding {
            code: "events-in-two-sources",
            severity: Severity::of_share(count, scope.n_events, REPEATED_SHARE_CRITICAL, REPEATED_SHARE_WARNING),
            title: format!("{} in two sources under different ids", counted(count, "event")),
            count,
            whole: scope.n_events,
            of: "events",
            examples: Vec::new(),
            why: "What two systems both report is counted twice.",
            todo: "Import the event from one of the two only, or give both the same id.".to_owned(),
            query: between,
        });
    }
    Ok(findings)
}

async fn n_orders(scope: &Scope<'_>, order: &str) -> Result<u64, EngineError> {
    let query = format!("SELECT count(DISTINCT {order}) AS n FROM events WHERE amount_minor > 0");
    scope.rows(&query).await?.count("n")
}

async fn orders_in_sources(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let Some(order) = order_id(scope).filter(|_| scope.n_sources > 1) else { return Ok(None) };
    let query = format!(
        "SELECT {order} AS order_id, count(*) AS n_events, min(source) AS first_source, max(source) AS last_source, \
         min(event_id) AS first_id, max(event_id) AS last_id FROM events \
         WHERE amount_minor > 0 AND {order} IS NOT NULL GROUP BY 1 \
         HAVING count(DISTINCT source) > 1 ORDER BY n_events DESC, order_id"
    );
    let count = scope.rows(&format!("SELECT count(*) AS n FROM ({query}) AS orders")).await?.count("n")?;
    if count == 0 {
        return Ok(None);
    }
    let whole = n_orders(scope, &order).await?;
    Ok(Some(Finding {
        code: "orders-in-two-sources",
        severity: Severity::of_share(count, whole, ORDERS_SHARE_CRITICAL, 0.0),
        title: format!("{} with the amount in two sources", counted(count, "order")),
        count,
        whole,
        of: "orders",
        examples: Vec::new(),
        why: "Their revenue is counted twice.",
        todo: "Take amounts from one source only: leave the amount out of the other's mapping, or import it without orders.".to_owned(),
        query,
    }))
}

async fn orders_repeated(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let Some(order) = order_id(scope) else { return Ok(None) };
    let query = format!(
        "SELECT source, event, {order} AS order_id, amount_minor, count(*) AS n_events, min(event_id) AS first_id, \
         max(event_id) AS last_id FROM events WHERE amount_minor > 0 AND {order} IS NOT NULL GROUP BY 1, 2, 3, 4 \
         HAVING count(*) > 1 ORDER BY n_events DESC, order_id, first_id"
    );
    let count = surplus(scope, &query).await?;
    if count == 0 {
        return Ok(None);
    }
    let whole = n_orders(scope, &order).await?;
    Ok(Some(Finding {
        code: "orders-repeated",
        severity: Severity::of_share(count, whole, ORDERS_SHARE_CRITICAL, 0.0),
        title: format!("{} came again in the same source, with the same number and amount", counted(count, "order")),
        count,
        whole,
        of: "orders",
        examples: Vec::new(),
        why: "Their revenue is counted twice, and one purchase looks like loyalty.",
        todo: "Use the order's number as the event's id in the mapping.".to_owned(),
        query,
    }))
}

async fn amounts_in_sources(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    if scope.n_sources < 2 {
        return Ok(None);
    }
    // Orders with the same number are found as such.
    let other_order = order_id(scope).map(|order| format!(" AND count(DISTINCT {order}) <> 1")).unwrap_or_default();
    let query = format!(
        "SELECT {PROFILE} AS profile, date_trunc('minute', occurred_at) AS minute, amount_minor, currency, \
         count(*) AS n_events, min(source) AS first_source, max(source) AS last_source, min(event_id) AS first_id, \
         max(event_id) AS last_id FROM events WHERE amount_minor <> 0 GROUP BY 1, 2, 3, 4 \
         HAVING count(DISTINCT source) > 1{other_order} ORDER BY n_events DESC, first_id"
    );
    let count = surplus(scope, &query).await?;
    if count == 0 {
        return Ok(None);
    }
    let whole = scope.rows("SELECT count(*) AS n FROM events WHERE amount_minor <> 0").await?.count("n")?;
    Ok(Some(Finding {
        code: "amounts-in-two-sources",
        severity: Severity::of_share(count, whole, ORDERS_SHARE_CRITICAL, 0.0),
        title: format!("{} of one customer in two sources in the same minute", counted(count, "equal amount")),
        count,
        whole,
        of: "events with an amount",
        examples: Vec::new(),
        why: "One payment that two systems report is counted as two.",
        todo: "Take amounts from one source only.".to_owned(),
        query,
    }))
}
