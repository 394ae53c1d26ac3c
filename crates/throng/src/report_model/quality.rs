//! What was read, left out and missing.

use std::collections::BTreeMap;

use throng_engine::{Engine, PersonaBook};
use throng_event::ProblemKind;
use throng_feature::SignalCategory;

use super::part;
use crate::format::counted;
use crate::report::{QualitySection, QuarantineReason, SignalLine, SourceLine};
use crate::rows::Rows;

/// Returns the section on the data.
pub(super) fn read(engine: &Engine, book: &PersonaBook) -> anyhow::Result<QualitySection> {
    Ok(QualitySection { sources: sources(engine)?, signals: signals(engine)?, notes: notes(engine, book) })
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
fn signals(engine: &Engine) -> anyhow::Result<Vec<SignalLine>> {
    let rows = engine.query("SELECT * FROM features")?;
    let features = &engine.home().config().features;
    let mut lines = Vec::new();
    for category in SignalCategory::ALL {
        let own: Vec<_> = features.iter().filter(|feature| feature.category == category).collect();
        let mut known = vec![false; rows.num_rows()];
        for feature in &own {
            mark_known(Rows(&rows), &feature.name, &mut known)?;
        }
        let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        lines.push(SignalLine {
            category: category.to_string(),
            n_features: n(own.len()),
            coverage: part(n(known.iter().filter(|known| **known).count()), n(rows.num_rows())),
            note: note(category).to_owned(),
        });
    }
    Ok(lines)
}

/// Marks the customers of whom a feature says anything: a value that is not 0.
fn mark_known(rows: Rows<'_>, feature: &str, known: &mut [bool]) -> anyhow::Result<()> {
    if let Some(numbers) = rows.numbers(feature) {
        for (known, number) in known.iter_mut().zip(numbers) {
            *known |= number.is_some_and(|number| number.abs() > 0.0);
        }
    } else if rows.0.column_by_name(feature).is_some() {
        for (known, text) in known.iter_mut().zip(rows.texts(feature)?) {
            *known |= text.is_some();
        }
    }
    Ok(())
}

fn note(category: SignalCategory) -> &'static str {
    match category {
        SignalCategory::Behavioural => "What customers do: views, visits, use. Connect the web site or the app.",
        SignalCategory::Transactional => "What customers buy and pay. Connect orders, refunds and subscriptions.",
        SignalCategory::Contextual => "Where, when and with what: device, channel, store, hour.",
        SignalCategory::Sentiment => "How customers feel: ratings, reviews, support conversations.",
        SignalCategory::Stated => "What customers say they want: preferences, surveys, newsletters.",
        SignalCategory::Demographic => {
            "Who customers are: age group, household, place. It describes personas and never makes them."
        }
    }
}

fn notes(engine: &Engine, book: &PersonaBook) -> Vec<String> {
    let mut notes = Vec::new();
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
