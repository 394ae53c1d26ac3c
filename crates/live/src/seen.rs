//! The ids of all events there ever were: the latest in memory, the others in tables on disk.
//!
//! Ids have no order, so to put each where it belongs among millions is most of what it costs to keep
//! them. Those of the latest records are in a set, which a start fills from the records themselves; once
//! there are [`LATEST_MAX`] of them a thread writes them to a table of their own, in order, while the
//! next set fills. A note says up to which record the ids are in tables: it is written after the table,
//! so a crash between the two has some ids in both, which does no harm.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use fjall::Keyspace;
use parking_lot::Mutex;
use throng_event::Fingerprint;

use crate::log::storage;
use crate::record::number;
use crate::{LiveError, Offset};

/// Ids in memory before they go to a table; while they do, as many again. Few in tests, so that every
/// log that is tested has some in tables.
const LATEST_MAX: usize = if cfg!(test) { 32 } else { 1 << 18 };

/// Where the note stands.
const NOTE: &[u8] = b"seen";

#[expect(clippy::disallowed_types, reason = "only looked up, or put in order first")]
type Ids = std::collections::HashSet<Fingerprint, foldhash::fast::FixedState>;

/// Which ids were seen; one thread adds to them, any may ask.
pub(crate) struct Seen {
    path: PathBuf,
    tables: Keyspace,
    notes: Keyspace,
    latest: Arc<Mutex<Latest>>,
    /// Writes what is leaving.
    writer: Mutex<Option<JoinHandle<Result<(), LiveError>>>>,
}

/// Ids that are in memory.
#[derive(Default)]
struct Latest {
    ids: Ids,
    /// Those that are being written to a table.
    leaving: Arc<Ids>,
}

impl Seen {
    /// Returns the ids that are in tables, and up to where those of the records are, if that was noted.
    pub(crate) fn open(path: &Path, tables: Keyspace, notes: Keyspace) -> Result<(Self, Option<Offset>), LiveError> {
        let seen = Self { path: path.to_owned(), tables, notes, latest: Arc::default(), writer: Mutex::default() };
        let note = seen.notes.get(NOTE).map_err(|error| storage("read", path, &error))?;
        Ok((seen, note.map(|note| number(&note).map(Offset)).transpose()?))
    }

    /// Whether any id is in a table.
    pub(crate) fn has_tables(&self) -> bool {
        self.tables.first_key_value().is_some()
    }

    /// Notes that the ids of all records before an offset are in tables.
    pub(crate) fn note(&self, end: Offset) -> Result<(), LiveError> {
        note(&self.notes, end).map_err(|error| storage("append to", &self.path, &error))
    }

    /// Whether an id was seen.
    pub(crate) fn contains(&self, id: Fingerprint) -> Result<bool, LiveError> {
        let latest = self.latest.lock();
        // An id leaves memory once its table is there, so in this order it is found in one of them.
        if latest.ids.contains(&id) || latest.leaving.contains(&id) {
            return Ok(true);
        }
        drop(latest);
        self.tables.contains_key(id.0.to_be_bytes()).map_err(|error| storage("look into", &self.path, &error))
    }

    /// Adds the ids of records that are on disk, all before `end`. Waits where the table of those before is
    /// not written yet, so that memory is bounded.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when that table could not be written; its ids stay in memory.
    pub(crate) fn add(&self, ids: impl IntoIterator<Item = Fingerprint>, end: Offset) -> Result<(), LiveError> {
        let mut latest = self.latest.lock();
        latest.ids.extend(ids);
        let is_full = latest.ids.len() >= LATEST_MAX;
        drop(latest);
        if is_full { self.put_away(end) } else { Ok(()) }
    }

    /// Has the ids in memory written to a table.
    fn put_away(&self, end: Offset) -> Result<(), LiveError> {
        let mut writer = self.writer.lock();
        if let Some(before) = writer.take() {
            joined(before)?;
        }
        let mut latest = self.latest.lock();
        let mut leaving = std::mem::take(&mut latest.ids);
        // Where one could not be written its ids are still here.
        leaving.extend(latest.leaving.iter());
        latest.leaving = Arc::new(leaving);
        let (leaving, latest) = (Arc::clone(&latest.leaving), Arc::clone(&self.latest));
        let (path, tables, notes) = (self.path.clone(), self.tables.clone(), self.notes.clone());
        let started = std::thread::Builder::new().name("throng-ids".to_owned()).spawn(move || {
            let written = write_table(&tables, &leaving).and_then(|()| note(&notes, end));
            written.map_err(|error| storage("append to", &path, &error))?;
            latest.lock().leaving = Arc::default();
            Ok(())
        });
        *writer = Some(started.map_err(|error| LiveError::Closed(format!("could not start a thread: {error}")))?);
        Ok(())
    }
}

fn joined(writer: JoinHandle<Result<(), LiveError>>) -> Result<(), LiveError> {
    writer.join().unwrap_or_else(|_| Err(LiveError::Closed("the thread that puts ids away panicked".to_owned())))
}

fn note(notes: &Keyspace, end: Offset) -> Result<(), fjall::Error> {
    notes.insert(NOTE, end.0.to_be_bytes())
}

/// Writes ids to a table of their own.
fn write_table(tables: &Keyspace, ids: &Ids) -> Result<(), fjall::Error> {
    let mut ids: Vec<Fingerprint> = ids.iter().copied().collect();
    ids.sort_unstable();
    let mut table = tables.start_ingestion()?;
    for id in ids {
        table.write(id.0.to_be_bytes(), [])?;
    }
    table.finish()
}

impl Drop for Seen {
    fn drop(&mut self) {
        // Whoever opens the log next would find it held; ids that are in no table are in the records.
        drop(self.writer.get_mut().take().map(joined));
    }
}
