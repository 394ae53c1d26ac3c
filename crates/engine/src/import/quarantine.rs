//! The table `quarantine`: rows that became no event, with the reason and themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Builder, RecordBatch, StringBuilder};
use arrow::error::ArrowError;
use throng_event::{PersonalData, Seal};

use crate::context::{bare_session, collect};
use crate::error::EngineError;
use crate::rows::{Rows, batch};
use crate::store::Store;
use crate::tables::QUARANTINE;

/// A row or message that waits in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    fn n_bytes(&self) -> usize {
        let texts = [&self.id, &self.source, &self.path, &self.form, &self.reason, &self.detail, &self.raw];
        // A length stands beside each text.
        texts.into_iter().map(|text| text.len() + size_of::<i32>()).sum::<usize>() + size_of::<u64>()
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

/// Rows on their way into the table, sealed where the home keeps no personal data.
#[derive(Debug, Default)]
pub(super) struct QuarantineColumns {
    /// `quarantine_id`, `source`, `path`, `form`.
    origins: [StringBuilder; 4],
    rows: Int64Builder,
    /// `reason`, `detail`, `raw`.
    faults: [StringBuilder; 3],
    n_bytes: usize,
}

impl QuarantineColumns {
    /// Adds a row.
    pub(super) fn push(&mut self, row: &QuarantineRow, seal: Option<&Seal>) {
        self.n_bytes += row.n_bytes();
        let origin = [&row.id, &row.source, &row.path, &row.form];
        self.origins.iter_mut().zip(origin).for_each(|(column, text)| column.append_value(text));
        self.rows.append_option(i64::try_from(row.row).ok());
        let [reason, detail, raw] = &mut self.faults;
        reason.append_value(&row.reason);
        for (column, text) in [(detail, &row.detail), (raw, &row.raw)] {
            match seal {
                Some(seal) => column.append_value(seal.close(text)),
                None => column.append_value(text),
            }
        }
    }

    /// Returns about how many bytes the rows take.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns the rows as they are stored, and has none then.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.n_bytes = 0;
        let [id, source, path, form] = &mut self.origins;
        let [reason, detail, raw] = &mut self.faults;
        batch(vec![
            ("quarantine_id", Arc::new(id.finish())),
            ("source", Arc::new(source.finish())),
            ("path", Arc::new(path.finish())),
            ("form", Arc::new(form.finish())),
            ("row", Arc::new(self.rows.finish())),
            ("reason", Arc::new(reason.finish())),
            ("detail", Arc::new(detail.finish())),
            ("raw", Arc::new(raw.finish())),
        ])
    }
}

/// Returns rows as they are stored.
pub(crate) fn quarantine_batch(rows: &[QuarantineRow], seal: Option<&Seal>) -> Result<RecordBatch, ArrowError> {
    let mut columns = QuarantineColumns::default();
    rows.iter().for_each(|row| columns.push(row, seal));
    columns.take()
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
