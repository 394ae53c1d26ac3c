//! Whether the data can be trusted: what was read, left out, missing and wrong.

use std::collections::BTreeMap;

use throng_engine::{Audit, Engine, PersonaBook};
use throng_event::ProblemKind;

use crate::format::counted;
use crate::report::{FindingLine, QualitySection, QuarantineReason, SignalLine, SourceLine, SufficiencyLine};
use crate::rows::Rows;
use crate::wording::drawn;
use crate::world;

/// Returns the section on the data.
pub(super) fn read(engine: &Engine, book: &PersonaBook, step: &mut dyn FnMut(&str)) -> anyhow::Result<QualitySection> {
    let audit = engine.audit(world::now(), step)?;
    Ok(QualitySection {
        findings: findings(&audit),
        sufficiency: sufficiency(&audit),
        sources: sources(engine)?,
        signals: signals(engine, &audit),
        notes: notes(engine, book),
        verdict: audit.verdict,
    })
}

fn findings(audit: &Audit) -> Vec<FindingLine> {
    let line = |finding: &throng_engine::Finding| FindingLine {
        severity: finding.severity.as_str(),
        title: finding.title.clone(),
        n_affected: finding.count,
        share: finding.share(),
        of: finding.of.to_owned(),
        why: finding.why.to_owned(),
        // The marks of code are the terminal's.
        advice: finding.todo.replace('`', ""),
    };
    audit.findings.iter().map(line).collect()
}

fn sufficiency(audit: &Audit) -> Vec<SufficiencyLine> {
    let line = |line: &throng_engine::Sufficiency| SufficiencyLine {
        answer: line.answer.as_str(),
        question: line.question.to_owned(),
        text: line.text.clone(),
    };
    audit.sufficiency.iter().map(line).collect()
}

fn sources(engine: &Engine) -> anyhow::Result<Vec<SourceLine>> {
    let answer = engine.query(
        "SELECT source, rows_read, rows_new, rows_repeated, rows_quarantined, quarantined_by_reason FROM imports",
    )?;
    let rows = Rows(&answer);
    let (names, reasons) = (rows.words("source")?, rows.words("quarantined_by_reason")?);
    let (read, new) = (rows.counts("rows_read")?, rows.counts("rows_new")?);
    let (repeated, quarantined) = (rows.counts("rows_repeated")?, rows.counts("rows_quarantined")?);
    let mut lines: BTreeMap<&str, (SourceLine, BTreeMap<String, u64>)> = BTreeMap::new();
    for (row, name) in names.iter().enumerate() {
        let (line, by_reason) = lines.entry(name).or_insert_with(|| {
            let line = SourceLine {
                name: name.clone(),
                n_read: 0,
                n_taken: 0,
                n_repeated: 0,
                n_quarantined: 0,
                reasons: Vec::new(),
            };
            (line, BTreeMap::new())
        });
        line.n_read += read[row];
        line.n_taken += new[row];
        line.n_repeated += repeated[row];
        line.n_quarantined += quarantined[row];
        let counted: BTreeMap<String, u64> = serde_json::from_str(&reasons[row])?;
        for (reason, n_rows) in counted {
            *by_reason.entry(reason).or_default() += n_rows;
        }
    }
    Ok(lines.into_values().map(|(line, by_reason)| SourceLine { reasons: reason_lines(by_reason), ..line }).collect())
}

fn reason_lines(by_reason: BTreeMap<String, u64>) -> Vec<QuarantineReason> {
    let mut lines: Vec<QuarantineReason> = by_reason
        .into_iter()
        .map(|(reason, n_rows)| {
            let kind = ProblemKind::ALL.into_iter().find(|kind| kind.reason() == reason);
            let advice = kind.map_or("", ProblemKind::advice).to_owned();
            QuarantineReason { reason: reason.replace('-', " "), n_rows, advice }
        })
        .collect();
    // Reasons are in the order of names and the sort is stable.
    lines.sort_by_key(|line| std::cmp::Reverse(line.n_rows));
    lines
}

/// Returns how much is known in each category of signals, the missing ones included.
fn signals(engine: &Engine, audit: &Audit) -> Vec<SignalLine> {
    let features = &engine.home().config().features;
    let line = |coverage: &throng_engine::Coverage| SignalLine {
        category: coverage.category.to_string(),
        n_features: features.iter().map(|feature| u64::from(feature.category == coverage.category)).sum(),
        coverage: coverage.share,
        note: coverage.note.clone(),
    };
    audit.coverage.iter().map(line).collect()
}

fn notes(engine: &Engine, book: &PersonaBook) -> Vec<String> {
    let mut notes: Vec<String> = drawn(book).into_iter().collect();
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    for reason in book.features_used.iter().filter_map(|used| used.left_out.as_deref()) {
        *left_out.entry(reason).or_default() += 1;
    }
    for (reason, n_features) in left_out {
        notes.push(format!("Not used for comparing customers, {}: {reason}.", counted(n_features, "feature")));
    }
    if engine.home().config().currency.is_none() {
        notes.push("No currency is set in throng.toml, so revenue is not shown.".to_owned());
    }
    notes
}
