//! The durable log: records in the order they were taken, each event once.
//!
//! Kept in one `fjall` database, whose batches reach all keyspaces or none and whose journal
//! is cut at the last whole batch after a crash:
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `records` | offset, 8 bytes, most significant first | what it is, and its body |
//! | `seen` | fingerprint of an event id, 16 bytes; the latest are in memory | nothing |
//! | `refused` | number, 8 bytes, most significant first | a message that was not admitted |
//! | `lake` | `note` | the version of the table `events` that was last in step with the log, and the offset |
//! | `lake` | `seen` | the offset before which the ids of all records are in `seen` |
//!
//! A fingerprint stays for good: a repeat counts once however late it comes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use throng_event::{EventKey, Fingerprint};

use crate::record::{number, read_stored, stored};
use crate::seen::Seen;
use crate::{Entry, LiveError, Offset, Prepared, Record, Refused};

/// Up to where the lake has what the log has, and the log what the lake has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LakeNote {
    /// The version of the table `events`.
    pub version: u64,
    /// Every record before it is in the table at that version.
    pub end: Offset,
}

/// The log of one home. One process and one thread writes; any may read.
#[derive(Clone)]
pub struct Log {
    path: PathBuf,
    /// Stands before the database, to be dropped first: a table that is written to a database that is
    /// closing would keep it open for good.
    seen: Arc<Seen>,
    database: Database,
    records: Keyspace,
    refused: Keyspace,
    lake: Keyspace,
}

const NOTE: &[u8] = b"note";

/// Threads that write tables: one alone waits for itself once what is asked of it has filled its queue
/// (`inner_rotate_memtable` of fjall 3.1), and nothing is written any more. More than a few have no more
/// to do.
const N_WORKERS_MIN: usize = 2;
const N_WORKERS_MAX: usize = 4;

/// Bytes of the block cache: index and filter blocks of `seen` for some ten million events.
const CACHE_BYTES: u64 = 128 << 20;

/// Bytes of the journals that are full, for which a start would wait: a larger part of what they hold
/// is in tables then, and fewer bytes of entries in memory.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;

/// Bytes of small entries without order, such as ids, that are kept in memory before they are written
/// to a table: some 200,000, among which one is found far sooner than among a million.
const UNORDERED_BYTES_MAX: u64 = 16 << 20;

/// Tables of small entries without order that are put together with what is there: each time all of it is
/// written again, and until then a key is looked for in each of them.
const UNORDERED_TABLES_MAX: u8 = 8;

/// Returns how small entries without order are kept.
pub(crate) fn unordered() -> KeyspaceCreateOptions {
    let strategy = Leveled::default().with_l0_threshold(UNORDERED_TABLES_MAX);
    KeyspaceCreateOptions::default().max_memtable_size(UNORDERED_BYTES_MAX).compaction_strategy(Arc::new(strategy))
}

impl Log {
    /// Opens the log in a folder, or makes an empty one. A torn tail is cut off.
    ///
    /// A new log is made beside the folder and moved there whole: a half-made database, as a kill
    /// in the middle leaves it, could not be opened again.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when it cannot be, or another process has it open.
    pub fn open(path: &Path) -> Result<Self, LiveError> {
        let failed = |error: std::io::Error| storage("make", path, &error.into());
        let is_there = std::fs::read_dir(path).is_ok_and(|mut files| files.next().is_some());
        if !is_there {
            let beside = path.with_added_extension("new");
            if beside.exists() {
                std::fs::remove_dir_all(&beside).map_err(failed)?;
            }
            drop(Self::open_at(&beside)?);
            std::fs::rename(&beside, path).map_err(failed)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                std::fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)?;
            }
        }
        Self::open_at(path)
    }

    fn open_at(path: &Path) -> Result<Self, LiveError> {
        let failed = |error: fjall::Error| storage("open", path, &error);
        let n_workers = std::thread::available_parallelism().map_or(N_WORKERS_MIN, NonZeroUsize::get);
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(n_workers.clamp(N_WORKERS_MIN, N_WORKERS_MAX))
            .manual_journal_persist(true)
            .open()
            .map_err(failed)?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default).map_err(failed);
        let records = keyspace("records")?;
        let (refused, lake) = (keyspace("refused")?, keyspace("lake")?);
        let tables = database.keyspace("seen", unordered).map_err(failed)?;
        let (seen, in_tables) = Seen::open(path, tables, lake.clone())?;
        let log = Self { path: path.to_owned(), database, records, seen: Arc::new(seen), refused, lake };
        log.fill_seen(in_tables)?;
        Ok(log)
    }

    /// Takes in the ids that are in no table yet.
    fn fill_seen(&self, in_tables: Option<Offset>) -> Result<(), LiveError> {
        let from = if let Some(in_tables) = in_tables {
            in_tables
        } else {
            // A new log, or one of a time when all ids went to tables with their records.
            let from = if self.seen.has_tables() { self.end()? } else { Offset(0) };
            self.seen.note(from)?;
            self.sync()?;
            from
        };
        let failed = |error: fjall::Error| storage("read", &self.path, &error);
        for guard in self.records.range(from.0.to_be_bytes()..) {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let id = Record::event_id(&value)?.map(Fingerprint::of);
            self.seen.add(id, Offset(number(&key)? + 1))?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Appends records and refused messages durably: when it returns they are on disk, all of
    /// them. An event whose id was seen before is left out. Returns what is new, with its
    /// offsets, in the order given, and for each record given whether it is new.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses; nothing of the batch is there then.
    pub fn append(&self, records: Vec<Prepared>, refused: &[Refused]) -> Result<(Vec<Entry>, Vec<bool>), LiveError> {
        let failed = |error: fjall::Error| storage("append to", &self.path, &error);
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        let mut next = self.end()?.0;
        // In their order ids that are the same, or near each other in tables, are looked up one after the other.
        let ids = records.iter().enumerate().filter_map(|(idx, record)| Some((record.fingerprint?, idx)));
        let mut ids: Vec<(Fingerprint, usize)> = ids.collect();
        ids.sort_unstable();
        let mut is_new = vec![true; records.len()];
        let mut before = None;
        for (fingerprint, idx) in ids {
            is_new[idx] = before.replace(fingerprint) != Some(fingerprint) && !self.has_seen(fingerprint)?;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(records.len());
        let mut new_ids = Vec::with_capacity(records.len());
        for (Prepared { record, bytes, fingerprint }, _) in records.into_iter().zip(&is_new).filter(|(_, new)| **new) {
            batch.insert(&self.records, next.to_be_bytes(), bytes);
            new_ids.extend(fingerprint);
            let key = fingerprint.map_or(EventKey(0), Fingerprint::key);
            entries.push(Entry { offset: Offset(next), record, key });
            next += 1;
        }
        let number = last_key(&self.refused).map_err(failed)?.map_or(0, |last| last + 1);
        for (number, message) in (number..).zip(refused) {
            let bytes = stored(message, Vec::new())?;
            batch.insert(&self.refused, number.to_be_bytes(), bytes);
        }
        if !batch.is_empty() {
            batch.commit().map_err(failed)?;
        }
        self.seen.add(new_ids, Offset(next))?;
        Ok((entries, is_new))
    }

    /// Returns whether an event of this id is in the log.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses.
    pub fn has_seen(&self, fingerprint: Fingerprint) -> Result<bool, LiveError> {
        self.seen.contains(fingerprint)
    }

    /// Returns the offset behind the last record.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses.
    pub fn end(&self) -> Result<Offset, LiveError> {
        let last = last_key(&self.records).map_err(|error| storage("read", &self.path, &error))?;
        Ok(Offset(last.map_or(0, |last| last + 1)))
    }

    /// Returns the records from an offset on, in order, as they were when it was called.
    pub fn read(&self, from: Offset) -> impl Iterator<Item = Result<Entry, LiveError>> + use<> {
        let path = self.path.clone();
        self.records.range(from.0.to_be_bytes()..).map(move |guard| {
            let (key, value) = guard.into_inner().map_err(|error| storage("read", &path, &error))?;
            Ok(Entry::new(Offset(number(&key)?), Record::from_bytes(&value)?))
        })
    }

    /// Returns one record.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses, [`LiveError::Damaged`] for bytes that are
    /// no record.
    pub fn get(&self, offset: Offset) -> Result<Option<Record>, LiveError> {
        let value = self.records.get(offset.0.to_be_bytes()).map_err(|error| storage("read", &self.path, &error))?;
        value.map(|value| Record::from_bytes(&value)).transpose()
    }

    /// Returns the refused messages from a number on, in order, each with its number.
    pub fn refused(&self, from: u64) -> impl Iterator<Item = Result<(u64, Refused), LiveError>> + use<> {
        let path = self.path.clone();
        self.refused.range(from.to_be_bytes()..).map(move |guard| {
            let (key, value) = guard.into_inner().map_err(|error| storage("read", &path, &error))?;
            Ok((number(&key)?, read_stored(&value)?))
        })
    }

    /// Returns what was noted last of the lake.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses.
    pub fn lake(&self) -> Result<Option<LakeNote>, LiveError> {
        let value = self.lake.get(NOTE).map_err(|error| storage("read", &self.path, &error))?;
        let Some(value) = value else { return Ok(None) };
        let (version, end) = value.split_at(value.len().min(8));
        Ok(Some(LakeNote { version: number(version)?, end: Offset(number(end)?) }))
    }

    /// Notes how far the lake follows. A note that a crash takes with it only has the table looked
    /// through once more.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk refuses.
    pub fn note_lake(&self, note: LakeNote) -> Result<(), LiveError> {
        let value = [note.version.to_be_bytes(), note.end.0.to_be_bytes()].concat();
        self.lake.insert(NOTE, value).map_err(|error| storage("append to", &self.path, &error))
    }

    /// Has everything that was written until now on disk.
    pub(crate) fn sync(&self) -> Result<(), LiveError> {
        self.database.persist(PersistMode::SyncAll).map_err(|error| storage("sync", &self.path, &error))
    }

    /// Returns the bytes it takes on disk.
    ///
    /// # Errors
    /// [`LiveError::Storage`] when the disk cannot say.
    pub fn disk_bytes(&self) -> Result<u64, LiveError> {
        self.database.disk_space().map_err(|error| storage("measure", &self.path, &error))
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("path", &self.path).finish_non_exhaustive()
    }
}

fn last_key(keyspace: &Keyspace) -> Result<Option<u64>, fjall::Error> {
    let Some(guard) = keyspace.last_key_value() else { return Ok(None) };
    let key = guard.key()?;
    Ok(number(&key).ok())
}

pub(crate) fn storage(attempt: &'static str, path: &Path, error: &fjall::Error) -> LiveError {
    let reason = if matches!(error, fjall::Error::Locked) {
        "another process has it open; stop that one, or use another home".to_owned()
    } else {
        error.to_string()
    };
    LiveError::Storage { attempt, path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use throng_event::Instant;

    use super::*;

    fn records(seed: u64, n: usize) -> Vec<Prepared> {
        let events = throng_testkit::random_events(seed, n).into_iter();
        events.map(|event| Prepared::new(Record::Event(Box::new(event))).unwrap()).collect()
    }

    /// Records of which no two have the same id.
    fn distinct(seed: u64, n: usize) -> Vec<Prepared> {
        let mut ids = std::collections::BTreeSet::new();
        records(seed, n).into_iter().filter(|record| ids.insert(record.fingerprint)).collect()
    }

    #[test]
    fn what_was_appended_is_read_back_after_reopening_and_events_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (records(1, 60), records(2, 40));
        let log = Log::open(folder.path()).unwrap();
        let (mut all, _) = log.append(first.clone(), &[]).unwrap();
        all.extend(log.append(vec![Prepared::new(Record::Tick(Instant(5))).unwrap()], &[]).unwrap().0);
        drop(log);
        let log = Log::open(folder.path()).unwrap();
        let again = [first, second].concat();
        let (entries, is_new) = log.append(again, &[]).unwrap();
        assert!(is_new[..60].iter().all(|is_new| !is_new));
        all.extend(entries);
        let read: Vec<Entry> = log.read(Offset(0)).map(Result::unwrap).collect();
        assert_eq!(read, all);
        assert!((0..).zip(&read).all(|(idx, entry)| entry.offset == Offset(idx)));
        assert_eq!(log.end().unwrap(), Offset(u64::try_from(all.len()).unwrap()));
        let tail: Vec<Entry> = log.read(Offset(50)).map(Result::unwrap).collect();
        assert_eq!(tail, all[50..]);
        assert_eq!(log.get(Offset(3)).unwrap().as_ref(), Some(&all[3].record));
        assert_eq!(log.get(Offset(1_000_000)).unwrap(), None);
    }

    #[test]
    fn an_id_counts_once_in_memory_and_in_tables_and_after_any_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let all = distinct(3, 400);
        let mut log = Log::open(folder.path()).unwrap();
        for (number, some) in all.chunks(15).enumerate() {
            assert_eq!(log.append(some.to_vec(), &[]).unwrap().0.len(), some.len());
            if number % 4 == 0 {
                drop(log);
                log = Log::open(folder.path()).unwrap();
            }
            let until_now = &all[..(number * 15 + some.len())];
            assert!(until_now.iter().all(|record| log.has_seen(record.fingerprint.unwrap()).unwrap()));
        }
        assert!(log.seen.has_tables());
        assert_eq!(log.append(all, &[]).unwrap().0, []);
    }

    #[test]
    fn a_log_that_is_dropped_while_ids_go_to_a_table_can_be_opened_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let all = distinct(3, 4000);
        for some in all.chunks(40) {
            Log::open(folder.path()).unwrap().append(some.to_vec(), &[]).unwrap();
        }
        assert_eq!(Log::open(folder.path()).unwrap().append(all, &[]).unwrap().0, []);
    }

    #[test]
    fn a_table_of_ids_whose_note_a_crash_took_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = distinct(3, 200);
        let second = first.split_off(100);
        let log = Log::open(folder.path()).unwrap();
        log.append(first.clone(), &[]).unwrap();
        drop(log);
        let log = Log::open(folder.path()).unwrap();
        log.seen.note(Offset(0)).unwrap();
        drop(log);
        let log = Log::open(folder.path()).unwrap();
        assert_eq!(log.append([first, second.clone()].concat(), &[]).unwrap().0.len(), second.len());
    }

    #[test]
    fn the_ids_of_an_older_log_which_are_all_in_tables_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = distinct(3, 200);
        let second = first.split_off(100);
        let log = Log::open(folder.path()).unwrap();
        let mut batch = log.database.batch();
        for (number, record) in (0_u64..).zip(&first) {
            batch.insert(&log.records, number.to_be_bytes(), record.bytes.clone());
            batch.insert(
                &log.database.keyspace("seen", unordered).unwrap(),
                record.fingerprint.unwrap().0.to_be_bytes(),
                [],
            );
        }
        batch.remove(&log.lake, "seen");
        batch.commit().unwrap();
        drop(log);
        let log = Log::open(folder.path()).unwrap();
        assert_eq!(log.append([first.clone(), second.clone()].concat(), &[]).unwrap().0.len(), second.len());
        drop(log);
        let log = Log::open(folder.path()).unwrap();
        assert_eq!(log.append([first, second].concat(), &[]).unwrap().0, []);
    }

    #[test]
    fn an_event_twice_in_one_batch_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        let one = records(1, 1).remove(0);
        let (entries, is_new) = log.append(vec![one.clone(), one], &[]).unwrap();
        assert_eq!((entries.len(), is_new), (1, vec![true, false]));
    }

    #[test]
    fn refused_messages_are_kept_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        let message = |detail: &str| Refused {
            source: "web".to_owned(),
            form: "segment".to_owned(),
            received_at: 7,
            reason: "unreadable".to_owned(),
            detail: detail.to_owned(),
            raw: "{".to_owned(),
        };
        log.append(Vec::new(), &[message("a"), message("b")]).unwrap();
        log.append(Vec::new(), &[message("c")]).unwrap();
        let details: Vec<String> = log.refused(1).map(|message| message.unwrap().1.detail).collect();
        assert_eq!(details, ["b", "c"]);
    }

    #[test]
    fn what_a_killed_start_left_half_made_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live");
        std::fs::create_dir_all(folder.path().join("live.new/keyspaces")).unwrap();
        std::fs::write(folder.path().join("live.new/0.jnl"), [0; 100]).unwrap();
        let log = Log::open(&path).unwrap();
        log.append(records(1, 3), &[]).unwrap();
        drop(log);
        assert_eq!(Log::open(&path).unwrap().end().unwrap(), Offset(3));
        assert!(!folder.path().join("live.new").exists());
    }

    #[test]
    fn a_second_opener_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let _log = Log::open(folder.path()).unwrap();
        let error = Log::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
    }
}
