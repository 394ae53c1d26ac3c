//! The writing half of an import: what is new is committed in chunks.

use std::fmt::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use futures::channel::mpsc::{Sender, channel};
use futures::{SinkExt, StreamExt};
use throng_event::{Event, Fingerprint, ProductLine, Seal, Value};
use throng_source::{Quarantined, Taken};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::file_name;
use super::quarantine::{QuarantineColumns, QuarantineRow};
use super::seen::Seen;
use crate::context::{bare_session, for_each_batch};
use crate::error::EngineError;
use crate::event_table::{Chunk, EventColumns, EventRows, Promoted, text_column};
use crate::store::Store;
use crate::tables::{EVENTS, QUARANTINE};

/// Events and product lines of one commit: large enough for good Parquet files, small enough
/// that three chunks of usual events (one read, one waiting, one written) stay below 512 MiB.
pub(super) const CHUNK_WEIGHT_MAX: usize = 90_000;

/// Bytes of the texts of one commit, for events that are not usual.
const CHUNK_BYTES_MAX: usize = 96 << 20;

/// Bytes of quarantined rows held before they are written, and again while they are: a file that
/// is garbage from end to end must not fill the memory, however short its records.
const QUARANTINE_BYTES_MAX: usize = 32 << 20;

/// Outcomes that wait until their ids are looked up together, one right after the other: each
/// id is somewhere else in memory, and the processor waits for several of them at once.
const WAITING_MAX: usize = 128;
/// Bytes of outcomes that wait, whatever their number.
const WAITING_BYTES_MAX: usize = 1 << 20;

fn hash(parts: &[&[u8]], seal: Option<&Seal>) -> u128 {
    let mut hasher = seal.map_or_else(blake3::Hasher::new, Seal::hasher);
    for part in parts {
        hasher.update(&part.len().to_le_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) events_new: u64,
    pub(super) rows_new: u64,
    pub(super) quarantined_new: u64,
}

/// Writes chunks one after the other while reading goes on.
struct Writer {
    chunks: Sender<Chunk>,
    writing: JoinHandle<Result<(), EngineError>>,
}

impl Writer {
    /// Starts writing to a table with these columns. One chunk may wait.
    fn start(store: Store, runtime: &Runtime, mut promoted: Promoted) -> Self {
        let (chunks, mut waiting) = channel::<Chunk>(0);
        let writing = runtime.spawn(async move {
            while let Some(chunk) = waiting.next().await {
                let rows = chunk.finish(&mut promoted).map_err(|error| EngineError::table("write", EVENTS, error))?;
                drop(chunk);
                store.append(EVENTS, vec![rows]).await?;
            }
            Ok(())
        });
        Self { chunks, writing }
    }

    /// Waits for the commits under way.
    fn finish(self, runtime: &Runtime) -> Result<(), EngineError> {
        drop(self.chunks);
        runtime.block_on(self.writing).map_err(|error| EngineError::table("write", EVENTS, error))?
    }
}

/// Takes outcomes of reading and writes what is new.
pub(super) struct Intake<'a> {
    store: &'a Store,
    runtime: &'a Runtime,
    waiting: Vec<Taken>,
    waiting_bytes: usize,
    seen: Seen,
    seen_quarantined: Seen,
    promoted: Promoted,
    writer: Option<Writer>,
    /// What is new and was taken apart by others.
    chunk: Chunk,
    /// What is new and is taken apart here.
    rows: EventRows,
    /// What is new in quarantine, the row of it that came last, and the commit under way.
    quarantined: QuarantineColumns,
    quarantined_last: QuarantineRow,
    quarantined_writing: Option<JoinHandle<Result<(), EngineError>>>,
    writes: bool,
    written: Written,
    /// Weight of a chunk at most.
    pub(super) chunk_weight_max: usize,
    /// What quarantined rows are sealed with.
    pub(super) seal: Option<Seal>,
}

impl<'a> Intake<'a> {
    /// Returns the intake for a file of `path`, which comes in a form and for a source. More than
    /// so many ids go to files in a folder.
    pub(super) fn new(
        store: &'a Store,
        runtime: &'a Runtime,
        (form, source): (&str, &str),
        path: &Path,
        (folder, newest_max): (&Path, usize),
    ) -> Result<Self, EngineError> {
        let [mut seen, mut seen_quarantined] = [(); 2].map(|()| Seen::new(folder, newest_max));
        let promoted = runtime.block_on(known_events(store, &mut seen))?;
        runtime.block_on(known_quarantined(store, &mut seen_quarantined))?;
        let quarantined_last = QuarantineRow {
            source: source.to_owned(),
            path: file_name(path),
            form: form.to_owned(),
            ..QuarantineRow::default()
        };
        Ok(Self {
            store,
            runtime,
            waiting: Vec::with_capacity(WAITING_MAX),
            waiting_bytes: 0,
            seen,
            seen_quarantined,
            promoted,
            writer: None,
            chunk: Chunk::default(),
            rows: EventRows::default(),
            quarantined: QuarantineColumns::default(),
            quarantined_last,
            quarantined_writing: None,
            writes: true,
            written: Written::default(),
            chunk_weight_max: CHUNK_WEIGHT_MAX,
            seal: None,
        })
    }

    /// From now on nothing is written.
    pub(super) fn count_only(&mut self) {
        self.writes = false;
    }

    /// Takes the outcomes of reading in their order.
    pub(super) fn take(&mut self, taken: Taken) -> Result<(), EngineError> {
        self.waiting_bytes += size(&taken);
        self.waiting.push(taken);
        // Never more than a chunk.
        let n_max = WAITING_MAX.min(self.chunk_weight_max);
        if self.waiting.len() >= n_max || self.waiting_bytes >= WAITING_BYTES_MAX {
            return self.take_waiting();
        }
        Ok(())
    }

    fn take_waiting(&mut self) -> Result<(), EngineError> {
        self.waiting_bytes = 0;
        let mut outcomes = std::mem::take(&mut self.waiting);
        let fingerprint = |taken: &Taken| match taken {
            Taken::Event { event, .. } => Some(event.id.fingerprint()),
            Taken::Quarantined(_) => None,
        };
        let fingerprints: Vec<Option<Fingerprint>> = outcomes.iter().map(fingerprint).collect();
        let mut insert = |id: Option<Fingerprint>| match id {
            Some(id) => Ok(self.seen.insert(id.0)?.then_some(id)),
            None => Ok(None),
        };
        let new = fingerprints.into_iter().map(&mut insert).collect::<Result<Vec<_>, EngineError>>()?;
        for (taken, new) in outcomes.drain(..).zip(new) {
            match (taken, new) {
                (Taken::Event { event, n_rows, .. }, Some(fingerprint)) => {
                    self.take_event(&event, n_rows, fingerprint)?;
                }
                (Taken::Event { .. }, None) => {}
                (Taken::Quarantined(quarantined), _) => self.put_aside(quarantined)?,
            }
        }
        self.waiting = outcomes;
        Ok(())
    }

    /// Takes an event that was not there before.
    fn take_event(&mut self, event: &Event, n_rows: u64, fingerprint: Fingerprint) -> Result<(), EngineError> {
        self.written.events_new += 1;
        self.written.rows_new += n_rows;
        if self.writes {
            self.rows.push(event, fingerprint.key());
        }
        self.flush_full()
    }

    /// Takes events that were taken apart, all there are behind those of before, with the
    /// fingerprint and the number of rows of each.
    pub(super) fn take_columns(
        &mut self,
        events: Option<EventColumns>,
        known_by: &[(Fingerprint, u64)],
    ) -> Result<(), EngineError> {
        let new = known_by.iter().map(|(id, _)| self.seen.insert(id.0)).collect::<Result<Vec<bool>, _>>()?;
        for ((_, n_rows), _) in known_by.iter().zip(&new).filter(|(_, new)| **new) {
            self.written.events_new += 1;
            self.written.rows_new += n_rows;
        }
        if let Some(events) = events {
            self.chunk.push(events, new);
        }
        self.flush_full()
    }

    /// Commits the chunk when it is full.
    fn flush_full(&mut self) -> Result<(), EngineError> {
        let weight = self.chunk.weight() + self.rows.weight();
        let n_bytes = self.chunk.n_bytes() + self.rows.n_bytes();
        if weight >= self.chunk_weight_max || n_bytes >= CHUNK_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// Whether anything is written.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    /// Takes a row that became no event.
    pub(super) fn put_aside(&mut self, quarantined: Quarantined) -> Result<(), EngineError> {
        let row = &mut self.quarantined_last;
        let number = quarantined.row.to_le_bytes();
        let parts = [row.source.as_bytes(), row.path.as_bytes(), &number, quarantined.raw.as_bytes()];
        let key = hash(&parts, self.seal.as_ref());
        if !self.seen_quarantined.insert(key)? {
            return Ok(());
        }
        self.written.quarantined_new += 1;
        if !self.writes {
            return Ok(());
        }
        row.id.clear();
        // Writing to a text does not fail.
        write!(row.id, "{key:032x}").ok();
        row.row = quarantined.row;
        row.reason.clear();
        row.reason.push_str(quarantined.problem.kind.reason());
        row.detail = quarantined.problem.detail;
        row.raw = quarantined.raw;
        self.quarantined.push(row, self.seal.as_ref());
        if self.quarantined.n_bytes() < QUARANTINE_BYTES_MAX { Ok(()) } else { self.write_quarantined() }
    }

    /// Commits quarantined rows while reading goes on; waits while others are written.
    fn write_quarantined(&mut self) -> Result<(), EngineError> {
        self.wait_quarantined()?;
        if self.quarantined.n_bytes() == 0 {
            return Ok(());
        }
        let rows = self.quarantined.take().map_err(|error| EngineError::table("write", QUARANTINE, error))?;
        let store = self.store.clone();
        let write = async move { store.append(QUARANTINE, vec![rows]).await };
        self.quarantined_writing = Some(self.runtime.spawn(write));
        Ok(())
    }

    fn wait_quarantined(&mut self) -> Result<(), EngineError> {
        let Some(writing) = self.quarantined_writing.take() else { return Ok(()) };
        self.runtime.block_on(writing).map_err(|error| EngineError::table("write", QUARANTINE, error))?
    }

    /// Commits the chunk while reading goes on; waits while another one does.
    fn flush(&mut self) -> Result<(), EngineError> {
        let mut events = std::mem::take(&mut self.chunk);
        if self.rows.weight() > 0 {
            let next = self.rows.alike();
            events.push_all(std::mem::replace(&mut self.rows, next).finish());
        }
        if events.weight() == 0 {
            return Ok(());
        }
        let (store, promoted) = (self.store, &mut self.promoted);
        let start = || Writer::start(store.clone(), self.runtime, std::mem::take(promoted));
        let writer = self.writer.get_or_insert_with(start);
        if self.runtime.block_on(writer.chunks.feed(events)).is_ok() {
            return Ok(());
        }
        // Who no longer listens says itself why.
        self.wait()?;
        Err(EngineError::table("write", EVENTS, "the table ended before its rows"))
    }

    /// Waits for the commits under way.
    fn wait(&mut self) -> Result<(), EngineError> {
        self.writer.take().map_or(Ok(()), |writer| writer.finish(self.runtime))
    }

    /// Commits what is left.
    pub(super) fn finish(mut self) -> Result<Written, EngineError> {
        self.take_waiting()?;
        self.flush()?;
        self.wait()?;
        self.write_quarantined()?;
        self.wait_quarantined()?;
        Ok(self.written)
    }
}

impl Drop for Intake<'_> {
    /// Waits for the commits under way: whoever goes on after a failure must see its events.
    fn drop(&mut self) {
        // The failure that is on its way already says why.
        self.wait().ok();
        self.wait_quarantined().ok();
    }
}

/// Returns how many rows an outcome stands for.
pub(super) fn n_rows(taken: &Taken) -> u64 {
    match taken {
        Taken::Event { n_rows, .. } => *n_rows,
        Taken::Quarantined(_) => 1,
    }
}

/// Returns about how many bytes an outcome takes.
fn size(taken: &Taken) -> usize {
    let event = match taken {
        Taken::Event { event, .. } => event,
        Taken::Quarantined(quarantined) => return quarantined.raw.len(),
    };
    let of_value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Json(text) => text.len(),
        Value::Bool(_) | Value::Number(_) | Value::Instant(_) => size_of::<Value>(),
    };
    let attributes = [&event.context, &event.properties, &event.traits].into_iter().flatten();
    let of_attributes: usize = attributes.map(|(name, value)| name.len() + of_value(value)).sum();
    let of_products = event.products.len() * size_of::<ProductLine>();
    size_of::<Event>() + of_attributes + of_products + event.text.as_ref().map_or(0, String::len)
}

/// Adds the ids of the table; returns its columns of attributes.
async fn known_events(store: &Store, seen: &mut Seen) -> Result<Promoted, EngineError> {
    let context = bare_session(1)?;
    if !store.register(&context, EVENTS).await? {
        return Ok(Promoted::default());
    }
    let table = context.table(EVENTS).await.map_err(|error| EngineError::table("read", EVENTS, error))?;
    let promoted = Promoted::of(table.schema().as_arrow());
    let mut take = |rows: &RecordBatch| {
        let ids = text_column(rows, "event_id")?;
        ids.iter().flatten().try_for_each(|id| add(seen, Fingerprint::of(id).0))
    };
    for_each_batch(&context, "SELECT event_id FROM events", &mut take).await?;
    Ok(promoted)
}

/// Adds the ids of the table.
async fn known_quarantined(store: &Store, seen: &mut Seen) -> Result<(), EngineError> {
    let context = bare_session(1)?;
    if !store.register(&context, QUARANTINE).await? {
        return Ok(());
    }
    let mut take = |rows: &RecordBatch| {
        let ids = text_column(rows, "quarantine_id")?;
        let ids = ids.iter().flatten().filter_map(|id| u128::from_str_radix(id, 16).ok());
        ids.into_iter().try_for_each(|id| add(seen, id))
    };
    for_each_batch(&context, "SELECT quarantine_id FROM quarantine", &mut take).await
}

/// Adds an id of a table, in which each is once.
fn add(seen: &mut Seen, id: u128) -> Result<(), ArrowError> {
    seen.add(id).map(drop).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}
