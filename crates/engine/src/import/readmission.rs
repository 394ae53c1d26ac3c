//! Readmission: quarantined rows are read again, and only what is still no event stays.
//!
//! The rows come sorted by file and number, pass one by one, and what stays goes into a
//! table that replaces the former in one commit at the very end. Events are committed in
//! chunks on the way. An interrupted readmission leaves the quarantine as it was and some
//! events in the lake; the next one reads all rows again, gives them the same ids, for
//! their order is the same, and counts what is there as repeated.
//! Held at a time are one row, one chunk of events, the room in which rows are sorted,
//! and a few lists of rows on their way into the new table.

use std::cell::RefCell;
use std::iter::{self, Peekable};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::channel::mpsc::{Sender, channel};
use futures::{SinkExt, StreamExt, stream};
use throng_event::{Instant, Seal};
use throng_source::{Form, Import, Mapping, Quarantined, SourceError, StopReason, Taken, read_quarantined_rows};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use super::intake::{CHUNK_WEIGHT_MAX, Intake};
use super::quarantine::{QuarantineColumns, QuarantineRow, read_rows};
use super::seen::NEWEST_MAX;
use super::{file, limits};
use crate::context::{explain, sorting_session};
use crate::error::EngineError;
use crate::home::Home;
use crate::store::Store;
use crate::tables::QUARANTINE;

/// Which quarantined rows are read again, and how.
#[derive(Debug, Clone)]
pub struct ReadmitRequest {
    /// Only rows put aside for this reason; all when absent.
    pub reason: Option<String>,
    /// The mapping for rows of tables; the one kept for their file when absent.
    pub mapping: Option<PathBuf>,
    /// Events at or after this instant have a wrong clock.
    pub latest: Instant,
}

/// What reading quarantined rows again did.
/// The rows that were in quarantine are `rows_new + rows_repeated + n_left`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readmission {
    /// Rows that were read again.
    pub n_rows: u64,
    /// Rows that are part of new events.
    pub rows_new: u64,
    /// Rows that are part of events the lake had, those of an interrupted readmission among them.
    pub rows_repeated: u64,
    /// Events made of them.
    pub events_new: u64,
    /// Rows that stay in quarantine, those that were not read again among them.
    pub n_left: u64,
}

/// Bytes of rows handed over together on their way into the new table.
const LIST_BYTES_MAX: usize = 4 << 20;

/// Reads quarantined rows again, with another mapping if one is given, and keeps in
/// quarantine only what is still no event.
pub(crate) fn readmit(
    home: &Home,
    store: &Store,
    runtime: &Runtime,
    request: &ReadmitRequest,
) -> Result<Readmission, EngineError> {
    readmit_in_chunks(home, (store, runtime), request, CHUNK_WEIGHT_MAX, &mut |_| Ok(()))
}

/// Reads quarantined rows again in chunks of a weight; `go_on` is asked before each row, with its number.
fn readmit_in_chunks(
    home: &Home,
    (store, runtime): (&Store, &Runtime),
    request: &ReadmitRequest,
    chunk_weight_max: usize,
    go_on: &mut dyn FnMut(u64) -> Result<(), EngineError>,
) -> Result<Readmission, EngineError> {
    let personal = home.personal_data()?;
    let seal = Seal::of(&personal);
    let Some(mut waiting) = Waiting::open((store, runtime), seal.as_ref())? else {
        return Ok(Readmission::default());
    };
    let mut intake = Intake::new(store, runtime, ("", ""), Path::new(""), (home.root(), NEWEST_MAX))?;
    intake.chunk_weight_max = chunk_weight_max;
    let passing = RefCell::new(Passing::new(Left::begin((store, runtime), seal.as_ref())?));
    let config = home.config();
    let mut rows_in_events = 0;
    while let Some(origin) = waiting.origin()? {
        let reader = Reader::choose(home, request, &origin)?;
        let records = iter::from_fn(|| {
            let next = || waiting.next_of(&origin);
            passing.borrow_mut().next_record(next, |row| reader.takes(row, request), go_on)
        });
        let mut sink = |taken| match taken {
            // What is read behind a failure is cut off, an order without its last rows say.
            Taken::Event { .. } if passing.borrow().failure.is_some() => {
                Err(StopReason::from("the quarantine ended early"))
            }
            Taken::Event { .. } => Ok(intake.take(taken)?),
            Taken::Quarantined(again) => Ok(passing.borrow_mut().keep(again)?),
        };
        let limits = limits(&origin.source, request.latest, personal.clone());
        let import = Import { limits: &limits, calendar: &config.calendar, currency: config.currency };
        let read = reader.read(records, import, &mut sink);
        if let Some(failure) = passing.borrow_mut().failure.take() {
            return Err(failure);
        }
        let failed = |source| EngineError::Import { path: PathBuf::from(&origin.path), source };
        rows_in_events += read.map_err(failed)?;
    }
    let written = intake.finish()?;
    let Passing { left, mut done, .. } = passing.into_inner();
    // The events are in the lake: only now may their rows leave.
    left.finish()?;
    done.events_new = written.events_new;
    done.rows_new = written.rows_new;
    done.rows_repeated = rows_in_events - written.rows_new;
    assert_eq!(waiting.n_rows, rows_in_events + done.n_left, "every row is in an event or stays");
    Ok(done)
}

/// Where rows are from that are read together: rows that are alike are told apart by their
/// number, and those of one order belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    source: String,
    path: String,
    form: String,
}

impl Origin {
    fn of(row: &QuarantineRow) -> Self {
        Self { source: row.source.clone(), path: row.path.clone(), form: row.form.clone() }
    }

    fn is_of(&self, row: &QuarantineRow) -> bool {
        self.source == row.source && self.path == row.path && self.form == row.form
    }
}

/// Who reads the rows of an origin again.
enum Reader {
    Table(Box<Mapping>),
    Form(Form),
    /// Nobody: a table without a mapping, or several tables.
    Nobody,
}

impl Reader {
    fn choose(home: &Home, request: &ReadmitRequest, origin: &Origin) -> Result<Self, EngineError> {
        Ok(match Form::from_name(&origin.form) {
            Some(Form::Table) => file::stored_mapping(home, request.mapping.as_deref(), &origin.path)?
                .map_or(Self::Nobody, |mapping| Self::Table(Box::new(mapping))),
            None | Some(Form::CompleteJourney) => Self::Nobody,
            Some(form) => Self::Form(form),
        })
    }

    fn takes(&self, row: &QuarantineRow, request: &ReadmitRequest) -> bool {
        !matches!(self, Self::Nobody) && request.reason.as_ref().is_none_or(|reason| *reason == row.reason)
    }

    /// Reads records and returns how many are in events.
    fn read(
        &self,
        records: impl Iterator<Item = String>,
        import: Import<'_>,
        sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    ) -> Result<u64, SourceError> {
        let tally = match self {
            Self::Table(mapping) => read_quarantined_rows(records, mapping, import, sink)?,
            Self::Form(form) => form.read_quarantined(records, import, sink)?,
            Self::Nobody => {
                records.for_each(drop);
                return Ok(0);
            }
        };
        Ok(tally.rows_in_events)
    }
}

/// The rows in quarantine that are still to come, by origin and number.
struct Waiting<'a> {
    runtime: &'a Runtime,
    seal: Option<&'a Seal>,
    batches: SendableRecordBatchStream,
    rows: Peekable<IntoIter<QuarantineRow>>,
    /// Rows that have come.
    n_rows: u64,
}

impl<'a> Waiting<'a> {
    /// Returns the rows sorted, `None` where there never were any.
    fn open((store, runtime): (&Store, &'a Runtime), seal: Option<&'a Seal>) -> Result<Option<Self>, EngineError> {
        let context = sorting_session()?;
        if !runtime.block_on(store.register(&context, QUARANTINE))? {
            return Ok(None);
        }
        let sorted = "SELECT * FROM quarantine ORDER BY source, path, form, \"row\", quarantine_id";
        let batches = async { context.sql(sorted).await?.execute_stream().await };
        let batches = runtime.block_on(batches).map_err(|error| EngineError::Query(explain(&error)))?;
        Ok(Some(Self { runtime, seal, batches, rows: Vec::new().into_iter().peekable(), n_rows: 0 }))
    }

    fn peek(&mut self) -> Result<Option<&QuarantineRow>, EngineError> {
        while self.rows.peek().is_none() {
            let Some(batch) = self.runtime.block_on(self.batches.next()) else { return Ok(None) };
            let batch = batch.map_err(|error| EngineError::Query(explain(&error)))?;
            let rows = read_rows(&batch, self.seal).map_err(|error| EngineError::table("read", QUARANTINE, error))?;
            self.rows = rows.into_iter().peekable();
        }
        Ok(self.rows.peek())
    }

    /// Returns where the next row is from.
    fn origin(&mut self) -> Result<Option<Origin>, EngineError> {
        Ok(self.peek()?.map(Origin::of))
    }

    /// Returns the next row if it is of an origin.
    fn next_of(&mut self, origin: &Origin) -> Result<Option<QuarantineRow>, EngineError> {
        if self.peek()?.is_none_or(|row| !origin.is_of(row)) {
            return Ok(None);
        }
        self.n_rows += 1;
        Ok(self.rows.next())
    }
}

/// What a row passes through between the former table and the new one.
struct Passing {
    left: Left,
    /// The row read last: what is put aside again is so before the next is asked for.
    current: Option<QuarantineRow>,
    /// Why no more rows come.
    failure: Option<EngineError>,
    done: Readmission,
}

impl Passing {
    fn new(left: Left) -> Self {
        Self { left, current: None, failure: None, done: Readmission::default() }
    }

    /// Returns the next record that is to be read; the rows before it that are not are kept.
    fn next_record(
        &mut self,
        next: impl FnMut() -> Result<Option<QuarantineRow>, EngineError>,
        takes: impl Fn(&QuarantineRow) -> bool,
        go_on: &mut dyn FnMut(u64) -> Result<(), EngineError>,
    ) -> Option<String> {
        let record = self.failure.is_none().then(|| self.seek(next, takes, go_on))?;
        record.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            None
        })
    }

    fn seek(
        &mut self,
        mut next: impl FnMut() -> Result<Option<QuarantineRow>, EngineError>,
        takes: impl Fn(&QuarantineRow) -> bool,
        go_on: &mut dyn FnMut(u64) -> Result<(), EngineError>,
    ) -> Result<Option<String>, EngineError> {
        while let Some(row) = next()? {
            if !takes(&row) {
                self.push(&row)?;
                continue;
            }
            self.done.n_rows += 1;
            go_on(self.done.n_rows)?;
            let record = row.raw.clone();
            self.current = Some(row);
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// Keeps the row read last in quarantine, for the reason found now.
    fn keep(&mut self, again: Quarantined) -> Result<(), EngineError> {
        let Some(row) = self.current.take() else { unreachable!("a row was put aside that nobody gave: {again:?}") };
        let problem = again.problem;
        self.push(&QuarantineRow { reason: problem.kind.reason().to_owned(), detail: problem.detail, ..row })
    }

    fn push(&mut self, row: &QuarantineRow) -> Result<(), EngineError> {
        self.done.n_left += 1;
        self.left.push(row)
    }
}

/// The rows that stay, on their way into the table that replaces the former.
struct Left {
    runtime: Handle,
    seal: Option<Seal>,
    rows: QuarantineColumns,
    sender: Sender<Step>,
    writing: JoinHandle<Result<(), EngineError>>,
}

/// What comes to the writer. Without an end nothing is replaced.
enum Step {
    Rows(RecordBatch),
    End,
}

impl Left {
    fn begin((store, runtime): (&Store, &Runtime), seal: Option<&Seal>) -> Result<Self, EngineError> {
        let mut rows = QuarantineColumns::default();
        let schema = rows.take().map_err(unwritten)?.schema();
        let (sender, receiver) = channel::<Step>(0);
        let batches = stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.next().await {
                Some(Step::Rows(batch)) => Some((Ok(batch), Some(receiver))),
                Some(Step::End) => None,
                None => Some((Err(DataFusionError::Execution("the rows have no end".to_owned())), None)),
            }
        });
        let batches = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
        let store = store.clone();
        let writing = runtime.spawn(async move { store.replace_streamed(QUARANTINE, batches).await });
        let runtime = runtime.handle().clone();
        Ok(Self { runtime, seal: seal.cloned(), rows, sender, writing })
    }

    fn push(&mut self, row: &QuarantineRow) -> Result<(), EngineError> {
        self.rows.push(row, self.seal.as_ref());
        if self.rows.n_bytes() < LIST_BYTES_MAX { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<(), EngineError> {
        let batch = self.rows.take().map_err(unwritten)?;
        if self.runtime.block_on(self.sender.send(Step::Rows(batch))).is_ok() {
            return Ok(());
        }
        // Who no longer listens says itself why.
        self.written()?;
        Err(unwritten("the table ended before its rows"))
    }

    /// Replaces the table.
    fn finish(mut self) -> Result<(), EngineError> {
        self.send()?;
        self.runtime.block_on(self.sender.send(Step::End)).ok();
        self.written()
    }

    fn written(&mut self) -> Result<(), EngineError> {
        self.runtime.block_on(&mut self.writing).map_err(unwritten)?
    }
}

fn unwritten(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
    EngineError::table("write", QUARANTINE, error)
}

#[cfg(test)]
mod tests;
