//! Rows that were not admitted, by what is wrong with them.

use throng_event::ProblemKind;

use super::finding::{Finding, Severity};
use super::scope::Scope;
use super::words::{counted, percent, share};
use crate::error::EngineError;

/// A twentieth of all rows missing changes what a month or a group looks like.
const SHARE_CRITICAL: f64 = 0.05;
/// One row in two hundred is more than the odd broken line.
const SHARE_WARNING: f64 = 0.005;

/// Reasons that are one problem to a reader.
struct Group {
    code: &'static str,
    /// What the rows are, after their number.
    what: &'static str,
    reasons: &'static [ProblemKind],
    /// Times are told apart by the year: admission takes nothing before 1990.
    condition: &'static str,
    why: &'static str,
}

const GROUPS: [Group; 6] = [
    Group {
        code: "missing-times",
        what: "without a time that can be read",
        reasons: &[ProblemKind::MissingTime, ProblemKind::InvalidTime],
        condition: "",
        why: "What happened at no known time has no place in a history, so these rows count for nobody.",
    },
    Group {
        code: "impossible-times",
        what: "from before 1990: clocks that were never set, or times in another unit",
        reasons: &[ProblemKind::ImplausibleTime],
        condition: " AND detail < '1990'",
        why: "Devices without a set clock report 1970 or 1980; what they saw is lost to every count.",
    },
    Group {
        code: "future-times",
        what: "from after the day of their import",
        reasons: &[ProblemKind::ImplausibleTime],
        condition: " AND detail >= '1990'",
        why: "A clock that runs ahead, or seconds read as milliseconds, puts events where no window sees them.",
    },
    Group {
        code: "missing-identities",
        what: "naming nobody",
        reasons: &[ProblemKind::MissingIdentity],
        condition: "",
        why: "What nobody did can be counted for no customer.",
    },
    Group {
        code: "amounts-unreadable",
        what: "with a number or currency that cannot be read",
        reasons: &[ProblemKind::InvalidNumber, ProblemKind::InvalidCurrency],
        condition: "",
        why: "Their revenue is missing from every customer's sum.",
    },
    Group {
        code: "rows-unreadable",
        what: "that could not be read as events",
        reasons: &[
            ProblemKind::Unreadable,
            ProblemKind::UnknownKind,
            ProblemKind::MissingName,
            ProblemKind::TooLarge,
            ProblemKind::LateLine,
            ProblemKind::ClockSkew,
        ],
        condition: "",
        why: "Rows that break often break together: a day, a shop or a version of the tracker may be missing.",
    },
];

/// What this check looks for, in words.
pub(super) const LOOKED_FOR: &str =
    "rows without a time, a name or an identity; impossible times; numbers that cannot be read";

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    if scope.n_quarantined == 0 {
        return Ok(findings);
    }
    for group in GROUPS {
        let reasons: Vec<String> = group.reasons.iter().map(|kind| format!("'{}'", kind.reason())).collect();
        let condition = format!("reason IN ({}){}", reasons.join(", "), group.condition);
        let counts =
            format!("SELECT reason, count(*) AS n FROM quarantine WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1");
        let rows = scope.rows(&counts).await?;
        let count: u64 = rows.counts("n")?.iter().sum();
        if count == 0 {
            continue;
        }
        let most = rows.words("reason")?.into_iter().next().unwrap_or_default();
        let advice = ProblemKind::ALL.into_iter().find(|kind| kind.reason() == most).map_or("", ProblemKind::advice);
        findings.push(Finding {
            code: group.code,
            severity: Severity::of_share(count, scope.n_rows, SHARE_CRITICAL, SHARE_WARNING),
            title: format!(
                "{} {} ({} of all rows) in quarantine",
                counted(count, "row"),
                group.what,
                percent(share(count, scope.n_rows))
            ),
            count,
            whole: scope.n_rows,
            of: "rows",
            examples: Vec::new(),
            why: group.why,
            todo: format!("{}; then `throng quarantine readmit`.", capital(advice)),
            query: format!(
                "SELECT source, path, \"row\", reason, detail, raw FROM quarantine WHERE {condition} \
                 ORDER BY source, path, \"row\", quarantine_id"
            ),
        });
    }
    Ok(findings)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_for_quarantine_is_some_finding() {
        for kind in ProblemKind::ALL {
            assert!(GROUPS.iter().any(|group| group.reasons.contains(&kind)), "{kind:?}");
        }
    }
}
