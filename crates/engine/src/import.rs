//! Import: files become events of the lake, once.
//!
//! An import reads a file from the beginning, however often it was read before. What
//! is known already (by event id, or by content for quarantined rows) is counted as
//! repeated and not written again, so an interrupted import is simply repeated.
//! Events are committed in chunks; each commit is whole or not there.

mod file;
mod intake;
mod quarantine;
mod readmission;
mod seen;
mod workers;

use std::path::{Path, PathBuf};

use throng_event::{Currency, Instant, Limits, PersonalData, Seal};
use throng_source::{
    Blocks, Form, Import, Mapping, SourceError, StopReason, TableForm, Taken, Tally, read_complete_journey,
    read_parquet_table, read_table, read_workbook_table, table_blocks,
};
use tokio::runtime::Runtime;

use crate::error::EngineError;
use crate::home::Home;
use crate::rows::{batch, counts, texts};
use crate::store::Store;
use crate::tables::IMPORTS;
use file::{Counted, open};
use intake::Intake;
use seen::NEWEST_MAX;

pub use file::{MappingChoice, choose_mapping, detect_form, files_at};
pub use quarantine::{Quarantine, QuarantineRow};
pub(crate) use quarantine::{quarantine, quarantine_batch};
pub(crate) use readmission::readmit;
pub use readmission::{Readmission, ReadmitRequest};

/// What is imported.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file, or for Complete Journey the wheel or folder.
    pub path: PathBuf,
    /// The form it comes in.
    pub form: ImportForm,
    /// The name of the source; events of one source share it.
    pub source: String,
    /// The currency of amounts that name none; the home's when absent.
    pub currency: Option<Currency>,
    /// Events at or after this instant have a wrong clock.
    pub latest: Instant,
    /// Whether anything is written.
    pub effect: ImportEffect,
}

/// Whether an import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportEffect {
    /// Events go to the lake.
    Write,
    /// Everything is read and counted, nothing is written.
    DryRun,
}

/// The form of a file.
#[derive(Debug, Clone)]
pub enum ImportForm {
    /// One that says all by itself.
    Known(Form),
    /// A table with its mapping.
    Table(Box<Mapping>),
}

impl ImportForm {
    /// Returns the form's name on the command line and in tables.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Known(form) => form.as_str(),
            Self::Table(_) => Form::Table.as_str(),
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read.
    pub n_bytes: u64,
    /// Bytes of the file, where it is one file.
    pub n_bytes_total: Option<u64>,
    /// Rows taken or put aside.
    pub n_rows: u64,
}

/// What an import did. `tally.rows_read = rows_new + rows_repeated + tally.rows_quarantined`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows and reasons, as the reader counted them.
    pub tally: Tally,
    /// Events that were not there before.
    pub events_new: u64,
    /// Events that were, and changed nothing.
    pub events_repeated: u64,
    /// Rows that are part of new events.
    pub rows_new: u64,
    /// Rows that are part of repeated events.
    pub rows_repeated: u64,
    /// Quarantined rows that were not in quarantine before.
    pub quarantined_new: u64,
}

/// The earliest plausible time, 1990-01-01: clocks that were never set say 1970 or 1980.
const EARLIEST: Instant = Instant(631_152_000_000_000);

fn limits(source: &str, latest: Instant, personal: PersonalData) -> Limits {
    Limits { source: source.to_owned(), earliest: EARLIEST, latest, personal }
}

pub(crate) fn import(
    home: &Home,
    store: &Store,
    runtime: &Runtime,
    request: &ImportRequest,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport, EngineError> {
    let failed = |source| EngineError::Import { path: request.path.clone(), source };
    let limits = limits(&request.source, request.latest, home.personal_data()?);
    let config = home.config();
    let import = Import { limits: &limits, calendar: &config.calendar, currency: request.currency.or(config.currency) };
    let origin = (request.form.as_str(), request.source.as_str());
    let mut intake = Intake::new(store, runtime, origin, &request.path, (home.root(), NEWEST_MAX))?;
    intake.seal = Seal::of(&limits.personal);
    if request.effect == ImportEffect::DryRun {
        intake.count_only();
    }
    let counted = Counted::default();
    let n_bytes_total = std::fs::metadata(&request.path).ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
    let mut told = |n_rows| progress(Progress { n_bytes: counted.get(), n_bytes_total, n_rows });
    let tally = match blocks(request, import, &counted)? {
        Ok(Some(blocks)) => {
            let n_threads = runtime.metrics().num_workers();
            workers::read_blocks(blocks, (import, n_threads), &mut intake, &mut |tally| told(tally.rows_read))?
        }
        Ok(None) => {
            let mut n_rows = 0;
            let mut take = |taken: Taken| {
                n_rows += intake::n_rows(&taken);
                if n_rows % 1_024 == 0 {
                    told(n_rows);
                }
                Ok(intake.take(taken)?)
            };
            read(request, import, &counted, &mut take)?
        }
        Err(error) => Err(error),
    };
    let tally = tally.map_err(failed)?;
    let written = intake.finish()?;
    progress(Progress { n_bytes: n_bytes_total.unwrap_or(0), n_bytes_total, n_rows: tally.rows_read });
    let report = ImportReport {
        events_new: written.events_new,
        events_repeated: tally.events - written.events_new,
        rows_new: written.rows_new,
        rows_repeated: tally.rows_in_events - written.rows_new,
        quarantined_new: written.quarantined_new,
        tally,
    };
    if request.effect == ImportEffect::Write {
        runtime.block_on(log_import(store, request, &report))?;
    }
    Ok(report)
}

/// Returns the file of a request to be cut into blocks, `None` where it is read as a whole; what
/// cannot be read is the inner error.
fn blocks<'a>(
    request: &ImportRequest,
    import: Import<'_>,
    counted: &Counted,
) -> Result<Result<Option<Blocks<'a>>, SourceError>, EngineError> {
    Ok(match &request.form {
        ImportForm::Table(mapping) => match file::table_form(&request.path)? {
            TableForm::Delimited | TableForm::Json => {
                table_blocks(counted.reader(open(&request.path)?), mapping, import)
            }
            TableForm::Parquet | TableForm::Workbook => Ok(None),
        },
        ImportForm::Known(Form::CompleteJourney) => Ok(None),
        ImportForm::Known(form) => form.blocks(counted.reader(open(&request.path)?)),
    })
}

/// Reads the file of a request; what cannot be read is the inner error.
fn read(
    request: &ImportRequest,
    import: Import<'_>,
    counted: &Counted,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Result<Tally, SourceError>, EngineError> {
    Ok(match &request.form {
        ImportForm::Table(mapping) => {
            let input = counted.reader(open(&request.path)?);
            match file::table_form(&request.path)? {
                TableForm::Parquet => read_parquet_table(input, mapping, import, sink),
                TableForm::Workbook => read_workbook_table(input, mapping, import, sink),
                TableForm::Delimited | TableForm::Json => read_table(input, mapping, import, sink),
            }
        }
        ImportForm::Known(Form::CompleteJourney) => {
            let tables = file::complete_journey(&request.path)?;
            read_complete_journey(&tables, import, sink)
        }
        ImportForm::Known(form) => form.read(counted.reader(open(&request.path)?), import, sink),
    })
}

/// Adds one row to the table `imports`.
async fn log_import(store: &Store, request: &ImportRequest, report: &ImportReport) -> Result<(), EngineError> {
    let reasons: std::collections::BTreeMap<&str, u64> =
        report.tally.quarantined.iter().map(|(kind, n)| (kind.reason(), *n)).collect();
    let reasons = serde_json::to_string(&reasons).unwrap_or_default();
    let count = |n: u64| counts([n]);
    let rows = batch(vec![
        ("source", texts([Some(request.source.as_str())])),
        ("path", texts([Some(file_name(&request.path))])),
        ("form", texts([Some(request.form.as_str())])),
        ("rows_read", count(report.tally.rows_read)),
        ("rows_new", count(report.rows_new)),
        ("rows_repeated", count(report.rows_repeated)),
        ("rows_quarantined", count(report.tally.rows_quarantined)),
        ("events_new", count(report.events_new)),
        ("events_repeated", count(report.events_repeated)),
        ("quarantined_by_reason", texts([Some(reasons)])),
    ]);
    let rows = rows.map_err(|error| EngineError::table("write", IMPORTS, error))?;
    store.append(IMPORTS, vec![rows]).await
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
