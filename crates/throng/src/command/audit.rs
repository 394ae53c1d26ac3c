//! `throng audit`: can this data be trusted, and is it enough.

use owo_colors::OwoColorize;
use serde::Serialize;
use throng_engine::{Audit, Coverage, Finding, Severity, Sufficiency};

use crate::arguments::{AuditArguments, Format};
use crate::failure::Negative;
use crate::format::{NO_BREAK, clean, count, counted, share, wrapped};
use crate::home::Session;
use crate::output::{Align, Grid, Output, Steps};
use crate::world;

/// Columns a finding's lines are set in by, under its title.
const INDENT: usize = 4;
/// Smaller shares would be shown as none.
const SHARE_SHOWN_MIN: f64 = 0.0005;

pub(super) fn run(session: &Session<'_>, arguments: &AuditArguments) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let mut steps = Steps::new(session.output);
    let audit = engine.audit(world::now(), &mut |step| steps.begin(step))?;
    steps.finish();
    match session.output.format() {
        Format::Json => session.output.json(&AuditDocument::of(&audit))?,
        Format::Text | Format::Markdown => print(session.output, &audit, arguments)?,
    }
    let grave = |word: Severity| audit.findings.iter().any(|finding| finding.severity <= word);
    if arguments.fail_on.is_some_and(|word| grave(word.severity())) {
        return Err(Negative.into());
    }
    Ok(())
}

fn print(output: Output<'_>, audit: &Audit, arguments: &AuditArguments) -> anyhow::Result<()> {
    let markdown = output.format() == Format::Markdown;
    let verdict = if markdown { audit.verdict.clone() } else { wrapped(&audit.verdict, output.prose_width(), 0) };
    output.heading(&verdict)?;
    output.text(&format!(
        "{} of {} from {}, {} to {}; {} in quarantine\n",
        counted(audit.n_events, "event"),
        counted(audit.n_profiles, "customer"),
        counted(audit.n_sources, "source"),
        audit.span.0,
        audit.span.1,
        counted(audit.n_quarantined, "row")
    ))?;
    for finding in &audit.findings {
        output.text(&lines(output, finding, arguments))?;
    }
    output.heading("What was looked for, and how much of it was found")?;
    for check in &audit.checks {
        let found = if check.n_findings == 0 { "✓".to_owned() } else { count(check.n_findings) };
        let line = format!("{found} {}: {}", check.subject, check.looked_for);
        item(output, &line)?;
    }
    output.text("")?;
    output.heading("What is known of customers")?;
    let mut grid = Grid::new(&[
        ("signals", Align::Whole),
        ("customers", Align::Right),
        ("share", Align::Right),
        ("", Align::Left),
    ]);
    for line in &audit.coverage {
        grid.row([&line.category.to_string(), &count(line.n_profiles), &share(line.share), &line.note]);
    }
    output.grid(&grid)?;
    output.text("")?;
    output.heading("Is it enough to …")?;
    for line in &audit.sufficiency {
        let text = format!("{} {}: {}", mark(line), line.question, line.text);
        item(output, &text)?;
    }
    Ok(())
}

/// Prints a line of a list.
fn item(output: Output<'_>, line: &str) -> std::io::Result<()> {
    match output.format() {
        Format::Markdown => output.text(&format!("- {}", clean(line))),
        Format::Text | Format::Json => output.text(&wrapped(&clean(line), output.prose_width(), 2)),
    }
}

fn mark(line: &Sufficiency) -> &'static str {
    match line.answer {
        throng_engine::SufficiencyAnswer::Enough => "✓",
        throng_engine::SufficiencyAnswer::Tight => "~",
        throng_engine::SufficiencyAnswer::Lacking => "✗",
    }
}

/// Returns a finding as a block of lines. Texts of the data are cleaned.
fn lines(output: Output<'_>, finding: &Finding, arguments: &AuditArguments) -> String {
    let markdown = output.format() == Format::Markdown;
    let width = output.prose_width();
    let title = clean(&finding.title);
    let title = if markdown { marked(&title) } else { title };
    let severity = finding.severity.as_str();
    let head = if markdown {
        format!("### {severity}: {title}\n")
    } else {
        let head = wrapped(&format!("{severity}: {title}"), width, INDENT);
        // Colour is put on after wrapping, so that it takes no room.
        let rest = head.strip_prefix(severity).unwrap_or_default();
        match finding.severity {
            Severity::Critical => format!("{}{rest}", severity.red().bold()),
            Severity::Warning => format!("{}{rest}", severity.yellow().bold()),
            Severity::Note => format!("{}{rest}", severity.bold()),
        }
    };
    let part = format!("{} of {} {}", count(finding.count), count(finding.whole), finding.of);
    let part_of = finding.share();
    let share = if part_of < SHARE_SHOWN_MIN { "under 0.1 %".to_owned() } else { share(part_of) };
    let mut block = vec![
        format!("{part} ({share}) [{}]", finding.code),
        finding.why.to_owned(),
        format!("To do: {}", clean(&finding.todo)),
    ];
    block.extend(finding.examples.iter().map(|example| format!("Example: {}", clean(example))));
    if !arguments.no_queries {
        block.push(format!("Query: {}", clean(&finding.query)));
    }
    let mut text = head;
    for line in block {
        text.push('\n');
        if markdown {
            text.push_str(&format!("- {}", marked(&line)));
        } else {
            text.push_str(&" ".repeat(INDENT));
            // The first line begins at the indent, which counts.
            let set = wrapped(&format!("{}{line}", NO_BREAK.repeat(INDENT)), width, INDENT + 2);
            text.push_str(set.trim_start());
        }
    }
    text.push_str("\n\n");
    text
}

/// Returns a text so that Markdown shows it as it is: names from the data may hold its marks.
fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => marked.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => marked.extend(['\\', letter]),
            letter => marked.push(letter),
        }
    }
    marked
}

/// `audit --format json`. Keys are stable; shares lie between 0 and 1.
#[derive(Debug, Serialize)]
struct AuditDocument<'a> {
    /// One sentence: can this data be trusted, and is it enough.
    verdict: &'a str,
    /// Admitted events.
    n_events: u64,
    /// Profiles they belong to.
    n_customers: u64,
    /// Sources they come from.
    n_sources: u64,
    /// Rows in quarantine.
    n_quarantined: u64,
    /// The local day of the first event.
    first_day: String,
    /// The local day of the last event.
    last_day: String,
    /// What is wrong, the most severe first.
    findings: Vec<FindingDocument<'a>>,
    /// Everything that was looked for, in order.
    checks: Vec<CheckDocument<'a>>,
    /// Of how many customers there are signals of each category.
    coverage: Vec<CoverageDocument<'a>>,
    /// What the data are enough for.
    sufficiency: Vec<SufficiencyDocument<'a>>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
struct FindingDocument<'a> {
    /// A stable name such as `events-repeated`.
    code: &'a str,
    /// `critical`, `warning` or `note`.
    severity: &'a str,
    /// What was found, in plain words.
    title: &'a str,
    /// How many are affected.
    count: u64,
    /// Of how many.
    whole: u64,
    /// `count` of `whole`.
    share: f64,
    /// What is counted.
    of: &'a str,
    /// Up to three affected rows: columns and values.
    examples: &'a [String],
    /// Why it matters.
    why: &'a str,
    /// What to do.
    to_do: &'a str,
    /// The query that shows all of it, for `throng sql`.
    query: &'a str,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct CheckDocument<'a> {
    subject: &'a str,
    looked_for: &'a str,
    n_findings: u64,
}

/// What is known in one category of signals.
#[derive(Debug, Serialize)]
struct CoverageDocument<'a> {
    category: String,
    n_customers: u64,
    share: f64,
    note: &'a str,
}

/// Whether the data are enough for one thing.
#[derive(Debug, Serialize)]
struct SufficiencyDocument<'a> {
    /// As in "enough to …".
    question: &'a str,
    /// `enough`, `tight` or `lacking`.
    answer: &'a str,
    /// The answer in words.
    text: &'a str,
    /// What there is of what counts.
    have: u64,
    /// What a reliable answer takes; null where nothing says how much.
    need: Option<u64>,
    /// The rule the answer rests on.
    rule: &'a str,
}

impl<'a> AuditDocument<'a> {
    fn of(audit: &'a Audit) -> Self {
        let checks = audit.checks.iter().map(|check| CheckDocument {
            subject: check.subject,
            looked_for: check.looked_for,
            n_findings: check.n_findings,
        });
        Self {
            verdict: &audit.verdict,
            n_events: audit.n_events,
            n_customers: audit.n_profiles,
            n_sources: audit.n_sources,
            n_quarantined: audit.n_quarantined,
            first_day: audit.span.0.to_string(),
            last_day: audit.span.1.to_string(),
            findings: audit.findings.iter().map(finding_document).collect(),
            checks: checks.collect(),
            coverage: audit.coverage.iter().map(coverage_document).collect(),
            sufficiency: audit.sufficiency.iter().map(sufficiency_document).collect(),
        }
    }
}

fn finding_document(finding: &Finding) -> FindingDocument<'_> {
    FindingDocument {
        code: finding.code,
        severity: finding.severity.as_str(),
        title: &finding.title,
        count: finding.count,
        whole: finding.whole,
        share: finding.share(),
        of: finding.of,
        examples: &finding.examples,
        why: finding.why,
        to_do: &finding.todo,
        query: &finding.query,
    }
}

fn coverage_document(coverage: &Coverage) -> CoverageDocument<'_> {
    CoverageDocument {
        category: coverage.category.to_string(),
        n_customers: coverage.n_profiles,
        share: coverage.share,
        note: &coverage.note,
    }
}

fn sufficiency_document(sufficiency: &Sufficiency) -> SufficiencyDocument<'_> {
    SufficiencyDocument {
        question: sufficiency.question,
        answer: sufficiency.answer.as_str(),
        text: &sufficiency.text,
        have: sufficiency.have,
        need: sufficiency.need,
        rule: sufficiency.rule,
    }
}
