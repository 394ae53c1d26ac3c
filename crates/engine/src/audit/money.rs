//! Money: currencies that are mixed, amounts without one, amounts far from all others.

use super::finding::{Finding, Severity};
use super::outlier;
use super::scope::Scope;
use super::words::{counted, percent, share};
use crate::error::EngineError;
use crate::event_table::Part;
use arrow::datatypes::DataType;

/// Amounts in another currency count for no one; one in a hundred shows in revenue.
const OTHER_CURRENCY_SHARE_WARNING: f64 = 0.01;
const OTHER_CURRENCY_SHARE_CRITICAL: f64 = 0.2;
/// Orders without an amount: a test order now and then.
const WITHOUT_SHARE_WARNING: f64 = 0.01;
const WITHOUT_SHARE_CRITICAL: f64 = 0.2;
/// The properties that say what an order cost.
const AMOUNTS: [&str; 4] = ["p_total", "p_revenue", "p_amount", "p_order_total"];

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str =
    "mixed currencies, amounts without a currency, amounts far from all others, units mixed up";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    findings.extend(currencies(scope).await?);
    findings.extend(without_currency(scope).await?);
    findings.extend(outlier::check(scope).await?);
    Ok(findings)
}

async fn currencies(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let query = "SELECT currency, source, count(*) AS n_events, sum(amount_minor) AS amount_minor FROM events \
                 WHERE currency IS NOT NULL GROUP BY 1, 2 ORDER BY n_events DESC, currency, source";
    let per_currency =
        "SELECT currency, count(*) AS n FROM events WHERE currency IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1";
    let rows = scope.rows(per_currency).await?;
    let (codes, counts) = (rows.words("currency")?, rows.counts("n")?);
    let whole: u64 = counts.iter().sum();
    let main = scope.currency.map(|currency| currency.to_string()).or_else(|| codes.first().cloned());
    let Some(main) = main else { return Ok(None) };
    let own: u64 = codes.iter().zip(&counts).filter(|(code, _)| **code == main).map(|(_, n)| n).sum();
    let count = whole - own;
    if count == 0 {
        return Ok(None);
    }
    let others: Vec<&str> = codes.iter().map(String::as_str).filter(|code| **code != *main).take(5).collect();
    Ok(Some(Finding {
        code: "currencies-mixed",
        severity: Severity::of_share(count, whole, OTHER_CURRENCY_SHARE_CRITICAL, OTHER_CURRENCY_SHARE_WARNING),
        title: format!(
            "{} of the amounts are not in {main} but in {}",
            percent(share(count, whole)),
            others.join(", ")
        ),
        count,
        whole,
        of: "events with an amount",
        examples: Vec::new(),
        why: "Amounts are compared in one currency; the others are left out of every customer's revenue.",
        todo: format!("Convert them to {main} before the import, at the rate of the day of the order."),
        query: query.to_owned(),
    }))
}

async fn without_currency(scope: &Scope<'_>) -> Result<Option<Finding>, EngineError> {
    let promoted = scope.columns_of(Part::Properties);
    let numeric = promoted.iter().filter(|(_, data_type)| matches!(data_type, DataType::Decimal128(_, _)));
    let said = numeric.map(|(column, _)| *column).filter(|column| AMOUNTS.contains(column));
    let columns: Vec<String> = said.map(|column| format!("\"{column}\" <> 0")).collect();
    if columns.is_empty() {
        return Ok(None);
    }
    // Only events that do carry money elsewhere: a cart has a total and is not paid.
    let paid = "event IN (SELECT event FROM events WHERE amount_minor IS NOT NULL GROUP BY event)";
    let paid = format!("({paid} OR lower(event) LIKE '%order completed%' OR lower(event) LIKE '%purchase%')");
    let said = format!("({}) AND {paid}", columns.join(" OR "));
    let query = format!(
        "SELECT count(*) AS n_said, sum(CASE WHEN amount_minor IS NULL THEN 1 ELSE 0 END) AS n_without FROM events WHERE {said}"
    );
    let rows = scope.rows(&query).await?;
    let (whole, count) = (rows.count("n_said")?, rows.count("n_without")?);
    Ok((count > 0).then(|| Finding {
        code: "amounts-without-currency",
        severity: Severity::of_share(count, whole, WITHOUT_SHARE_CRITICAL, WITHOUT_SHARE_WARNING),
        title: format!("{} with what was paid but not in which currency", counted(count, "event")),
        count,
        whole,
        of: "events that say what was paid",
        examples: Vec::new(),
        why: "An amount without a currency is no money: it is missing from revenue.",
        todo: "Set `currency` in throng.toml or import with --currency, into a new home.".to_owned(),
        query: format!(
            "SELECT event_id, event, source, occurred_at FROM events WHERE {said} AND amount_minor IS NULL \
             ORDER BY occurred_at, event_id"
        ),
    }))
}
