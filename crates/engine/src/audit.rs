//! The audit: whether what is in the lake can be trusted, and whether it is enough.
//!
//! Read-only. Every check asks the tables in SQL and gets back sums, never the events
//! themselves; the one thing SQL cannot see, the types inside the JSON column, is
//! streamed. What a check finds becomes a [`Finding`] with the query that shows it, so
//! that nobody has to believe it. Memory is bounded by [`MEMORY_BYTES_MAX`]; what needs
//! more is spilled to disk by the query engine.
//!
//! Thresholds stand beside the check that uses them, each with its reason. They are
//! chosen so that a clean history stays silent: a finding costs a reader's attention.

mod clock;
mod coverage;
mod disagreement;
mod duplicate;
mod finding;
mod identity;
mod money;
mod outlier;
mod property;
mod quarantine;
mod scope;
mod sufficiency;
mod time;
mod traffic;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use throng_event::{Day, Instant};

use crate::error::EngineError;
use crate::home::Home;
use crate::people::People;

pub use coverage::Coverage;
pub use finding::{Finding, Severity};
pub use sufficiency::{Sufficiency, SufficiencyAnswer};

use scope::Scope;
use words::counted;

/// What the query engine may hold in memory during an audit: a laptop has four times
/// as much, and ten million events group by profile and second within it.
const MEMORY_BYTES_MAX: usize = 2 << 30;
/// Rows that stand as examples of a finding.
const EXAMPLES_MAX: usize = 3;
/// Characters of one value in an example; ids are shorter, reviews are not.
const EXAMPLE_CHARS_MAX: usize = 80;
/// Findings of one code; more of the same is one problem, and the query shows all.
const FINDINGS_PER_CODE_MAX: usize = 5;

/// What an audit found.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// One sentence: can this data be trusted, and is it enough.
    pub verdict: String,
    /// Admitted events.
    pub n_events: u64,
    /// Profiles they belong to.
    pub n_profiles: u64,
    /// Sources they come from.
    pub n_sources: u64,
    /// Rows in quarantine.
    pub n_quarantined: u64,
    /// The local days of the first and the last event.
    pub span: (Day, Day),
    /// What is wrong: the most severe first, then in the order of the checks.
    pub findings: Vec<Finding>,
    /// Everything that was looked for.
    pub checks: Vec<AuditCheck>,
    /// How many profiles have signals of each category.
    pub coverage: Vec<Coverage>,
    /// What the data are enough for.
    pub sufficiency: Vec<Sufficiency>,
}

/// One thing that was looked at, whatever was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// What it is about, such as `duplicates`.
    pub subject: &'static str,
    /// What was looked for, in words.
    pub looked_for: &'static str,
    /// Findings it made.
    pub n_findings: u64,
}

/// What is audited.
pub(crate) struct AuditSubject<'a> {
    pub(crate) home: &'a Home,
    pub(crate) context: &'a SessionContext,
    pub(crate) people: &'a People,
    pub(crate) span: (Day, Day),
    /// Events after this instant have a wrong clock.
    pub(crate) now: Instant,
}

/// Findings and what was looked for, as the checks go by.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    checks: Vec<AuditCheck>,
}

impl Found {
    fn add(&mut self, subject: &'static str, looked_for: &'static str, findings: Vec<Finding>) {
        let findings = few_of_each(findings);
        self.checks.push(AuditCheck { subject, looked_for, n_findings: words::number(findings.len()) });
        self.findings.extend(findings);
    }
}

/// Looks at everything.
pub(crate) async fn audit(subject: &AuditSubject<'_>, step: &mut dyn FnMut(&str)) -> Result<Audit, EngineError> {
    step("counting");
    let scope = Scope::new(subject).await?;
    let Found { mut findings, checks } = run_checks(&scope, step).await?;
    step("examples");
    for finding in &mut findings {
        finding.examples = examples(&scope, &finding.query).await?;
    }
    // The sort is stable: within a severity the order of the checks stays.
    findings.sort_by_key(|finding| finding.severity);
    step("coverage and sufficiency");
    let coverage = coverage::measure(&scope).await?;
    let sufficiency = sufficiency::judge(&scope).await?;
    Ok(Audit {
        verdict: verdict(&findings, &sufficiency),
        n_events: scope.n_events,
        n_profiles: scope.n_profiles,
        n_sources: scope.n_sources,
        n_quarantined: scope.n_quarantined,
        span: subject.span,
        findings,
        checks,
        coverage,
        sufficiency,
    })
}

async fn run_checks(scope: &Scope<'_>, step: &mut dyn FnMut(&str)) -> Result<Found, EngineError> {
    let mut found = Found::default();
    step("quarantine");
    found.add("quarantine", quarantine::LOOKED_FOR, quarantine::check(scope).await?);
    step("times and clocks");
    found.add("times", time::LOOKED_FOR, time::check(scope).await?);
    found.add("clocks", clock::LOOKED_FOR, clock::check(scope).await?);
    step("duplicates");
    found.add("duplicates", duplicate::LOOKED_FOR, duplicate::check(scope).await?);
    step("who is who");
    found.add("identity", identity::LOOKED_FOR, identity::check(scope).await?);
    step("names and properties");
    found.add("vocabulary", vocabulary::LOOKED_FOR, vocabulary::check(scope).await?);
    step("money");
    found.add("money", money::LOOKED_FOR, money::check(scope).await?);
    step("robots");
    found.add("traffic", traffic::LOOKED_FOR, traffic::check(scope).await?);
    step("sources that disagree");
    found.add("disagreement", disagreement::LOOKED_FOR, disagreement::check(scope).await?);
    Ok(found)
}

/// Keeps the largest findings of every code, the order of codes as they came.
fn few_of_each(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut codes: Vec<&'static str> = Vec::new();
    for finding in &findings {
        if !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    let place = |finding: &Finding| codes.iter().position(|code| *code == finding.code);
    findings.sort_by(|a, b| {
        place(a).cmp(&place(b)).then_with(|| b.count.cmp(&a.count)).then_with(|| a.title.cmp(&b.title))
    });
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if kept.iter().filter(|other| other.code == finding.code).count() < FINDINGS_PER_CODE_MAX {
            kept.push(finding);
        }
    }
    kept
}

/// Returns the first rows of a finding's query, one text each.
async fn examples(scope: &Scope<'_>, query: &str) -> Result<Vec<String>, EngineError> {
    let rows = scope.rows(&format!("{query} LIMIT {EXAMPLES_MAX}")).await?.0;
    let unreadable = |error: arrow::error::ArrowError| EngineError::Query(error.to_string());
    let options = FormatOptions::default().with_display_error(true);
    let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let schema = rows.schema();
    let mut examples = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let mut cells = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(schema.fields()) {
            let value = column.value(row).to_string();
            if !value.is_empty() {
                cells.push(format!("{} {}", field.name(), words::shortened(&value, EXAMPLE_CHARS_MAX)));
            }
        }
        examples.push(cells.join(" · "));
    }
    Ok(examples)
}

fn verdict(findings: &[Finding], sufficiency: &[Sufficiency]) -> String {
    let n = |severity: Severity| words::number(findings.iter().filter(|finding| finding.severity == severity).count());
    let trust = match (n(Severity::Critical), n(Severity::Warning)) {
        (0, 0) => "This data can be trusted".to_owned(),
        (0, warnings) => format!("This data can be used with care: {}", counted(warnings, "warning")),
        (critical, _) => {
            format!("This data cannot be trusted yet: {}", counted(critical, "critical finding"))
        }
    };
    let questions = |answer: SufficiencyAnswer| -> Vec<&str> {
        sufficiency.iter().filter(|line| line.answer == answer).map(|line| line.question).collect()
    };
    let (enough, lacking) = (questions(SufficiencyAnswer::Enough), questions(SufficiencyAnswer::Lacking));
    let enough = if lacking.is_empty() {
        "there is enough of it for all that was asked".to_owned()
    } else if enough.is_empty() {
        format!("there is too little of it to {}", words::listed(&lacking, "or"))
    } else {
        format!(
            "there is enough of it to {}, too little to {}",
            words::listed(&enough, "and"),
            words::listed(&lacking, "or")
        )
    };
    format!("{trust}; {enough}.")
}
