//! The table `quarantine`: rows that became no event, with the reason and themselves.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use throng_event::PersonalData;

use super::seal::Seal;
use crate::context::{bare_session, collect};
use crate::error::EngineError;
use crate::rows::{Rows, batch, counts, texts};
use crate::store::Store;
use crate::tables::QUARANTINE;

/// A row or message that waits in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its key, from source and content.
    pub id: String,
    /// The source it was imported for.
    pub source: String,
    /// The file's name.
    pub path: String,
    /// The form of the file.
    pub form: String,
    /// Which record of the file, from 1.
    pub row: u64,
    /// The reason, as [`throng_event::ProblemKind::reason`].
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// The record itself.
    pub raw: String,
}

impl QuarantineRow {
    /// Returns about how many bytes it takes in memory.
    pub(super) fn n_bytes(&self) -> usize {
        let texts = [&self.id, &self.source, &self.path, &self.form, &self.reason, &self.detail, &self.raw];
        size_of::<Self>() + texts.into_iter().map(String::len).sum::<usize>()
    }
}

/// What is in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quarantine {
    /// Rows by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// The first of them, by source, file and row.
    pub rows: Vec<QuarantineRow>,
}

impl Quarantine {
    /// Returns how many rows there are.
    #[must_use]
    pub fn n_rows(&self) -> u64 {
        self.by_reason.values().sum()
    }
}

/// Counts the rows of a reason, or all, and returns the first of them, opened.
pub(crate) async fn quarantine(
    store: &Store,
    personal: &PersonalData,
    reason: Option<&str>,
    limit: usize,
) -> Result<Quarantine, EngineError> {
    let context = bare_session(1)?;
    if !store.register(&context, QUARANTINE).await? {
        return Ok(Quarantine::default());
    }
    let failed = |error| EngineError::table("read", QUARANTINE, error);
    let chosen = reason.map(|reason| format!("WHERE reason = '{}'", reason.replace('\'', "''"))).unwrap_or_default();
    let counted = format!("SELECT reason, count(*) AS n FROM quarantine {chosen} GROUP BY reason");
    let counted = collect(&context, &counted).await?;
    let counted = Rows(&counted);
    let reasons = counted.words("reason").map_err(failed)?;
    let by_reason = reasons.into_iter().zip(counted.counts("n").map_err(failed)?).collect();
    let shown =
        format!("SELECT * FROM quarantine {chosen} ORDER BY source, path, \"row\", quarantine_id LIMIT {limit}");
    let rows = read_rows(&collect(&context, &shown).await?, Seal::of(personal).as_ref()).map_err(failed)?;
    Ok(Quarantine { by_reason, rows })
}

/// Returns rows as they are stored, sealed where the home keeps no personal data.
pub(super) fn stored_rows(rows: &[QuarantineRow], seal: Option<&Seal>) -> Result<RecordBatch, ArrowError> {
    let sealed = |text: &str| seal.map_or_else(|| text.to_owned(), |seal| seal.close(text));
    batch(vec![
        ("quarantine_id", texts(rows.iter().map(|row| Some(row.id.as_str())))),
        ("source", texts(rows.iter().map(|row| Some(row.source.as_str())))),
        ("path", texts(rows.iter().map(|row| Some(row.path.as_str())))),
        ("form", texts(rows.iter().map(|row| Some(row.form.as_str())))),
        ("row", counts(rows.iter().map(|row| row.row))),
        ("reason", texts(rows.iter().map(|row| Some(row.reason.as_str())))),
        ("detail", texts(rows.iter().map(|row| Some(sealed(&row.detail))))),
        ("raw", texts(rows.iter().map(|row| Some(sealed(&row.raw))))),
    ])
}

/// Reads stored rows, opened where the home seals them.
pub(super) fn read_rows(batch: &RecordBatch, seal: Option<&Seal>) -> Result<Vec<QuarantineRow>, ArrowError> {
    let rows = Rows(batch);
    let opened = |name: &str| -> Result<Vec<String>, ArrowError> {
        let words = rows.words(name)?;
        Ok(match seal {
            Some(seal) => words.into_iter().map(|word| seal.open(word)).collect(),
            None => words,
        })
    };
    let words = [rows.words("quarantine_id")?, rows.words("source")?, rows.words("path")?, rows.words("form")?];
    let [mut ids, mut sources, mut paths, mut forms] = words.map(Vec::into_iter);
    let (mut reasons, mut details) = (rows.words("reason")?.into_iter(), opened("detail")?.into_iter());
    let numbers = rows.counts("row")?;
    let read = opened("raw")?.into_iter().zip(numbers).map(|(raw, row)| QuarantineRow {
        id: ids.next().unwrap_or_default(),
        source: sources.next().unwrap_or_default(),
        path: paths.next().unwrap_or_default(),
        form: forms.next().unwrap_or_default(),
        row,
        reason: reasons.next().unwrap_or_default(),
        detail: details.next().unwrap_or_default(),
        raw,
    });
    Ok(read.collect())
}
