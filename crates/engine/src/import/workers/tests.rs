//! What several threads read is what one reads.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use throng_event::{Calendar, Instant, PersonalData};
use throng_source::Form;
use tokio::runtime::Runtime;
use url::Url;

use super::*;
use crate::context::{bare_session, collect};
use crate::import::intake::Written;
use crate::import::limits;
use crate::import::seen::NEWEST_MAX;
use crate::rows::Rows;
use crate::store::Store;

const N_MESSAGES: usize = 20_000;

/// Messages of four megabytes. Every hundredth is no message; of every other thousand, every
/// hundredth has the id of one that came a thousand before under another name.
fn messages() -> String {
    let line = |number: usize| {
        if number % 100 == 40 {
            return format!("{{\"type\":\"track\",\"broken\":{number}\n");
        }
        let id = if number % 100 == 50 && number / 1_000 % 2 == 1 { number - 1_000 } else { number };
        let tail = "x".repeat(number % 90);
        format!(
            "{{\"type\":\"track\",\"messageId\":\"message-{id}\",\"event\":\"name {}\",\"userId\":\"u{}\",\
             \"timestamp\":\"2024-03-01T10:00:00Z\",\"properties\":{{\"n\":{number},\"text\":\"{tail}\",\"list\":[{id}]}}}}\n",
            number / 1_000,
            number % 500,
        )
    };
    (0..N_MESSAGES).map(line).collect()
}

/// A lake in a folder of its own.
struct Lake {
    folder: tempfile::TempDir,
    /// Ids held in memory.
    newest_max: usize,
    store: Store,
    runtime: Runtime,
}

impl Lake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Url::from_directory_path(folder.path()).unwrap(), BTreeMap::new());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { folder, newest_max: NEWEST_MAX, store, runtime }
    }

    fn import(
        &self,
        input: impl Read + Seek,
        n_threads: usize,
    ) -> Result<(Result<Tally, SourceError>, Written), EngineError> {
        let limits = limits("web", Instant(4_000_000_000_000_000), PersonalData::default());
        let import = Import { limits: &limits, calendar: &Calendar::utc(), currency: None };
        let mut intake = self.intake()?;
        intake.chunk_weight_max = 5_000;
        let blocks = Form::Segment.blocks(input).unwrap().unwrap();
        let tally = read_blocks(blocks, (import, n_threads), &mut intake, &mut |_| {})?;
        Ok((tally, intake.finish()?))
    }

    fn intake(&self) -> Result<Intake<'_>, EngineError> {
        let ids = (self.folder.path(), self.newest_max);
        Intake::new(&self.store, &self.runtime, ("segment", "web"), Path::new("m.ndjson"), ids)
    }

    fn words(&self, query: &str, column: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let context = bare_session(1).unwrap();
            for table in ["events", "quarantine"] {
                self.store.register(&context, table).await.unwrap();
            }
            Rows(&collect(&context, query).await.unwrap()).words(column).unwrap()
        })
    }

    /// Returns the bytes of the files of the events, whatever they are called.
    fn files(&self) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path().join("events")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let parquet = paths.filter(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet"));
        let mut files: Vec<Vec<u8>> = parquet.map(|path| std::fs::read(path).unwrap()).collect();
        files.sort_unstable();
        files
    }
}

#[test]
fn one_thread_and_three_write_the_same_bytes() {
    let input = messages();
    let [one, three] = [1, 3].map(|n_threads| {
        let lake = Lake::new();
        let (tally, written) = lake.import(Cursor::new(&input), n_threads).unwrap();
        (lake.files(), tally.unwrap(), written.events_new, written.quarantined_new)
    });
    assert!(one.0.len() > 2, "{} files", one.0.len());
    assert!(one == three, "other bytes or counts: {:?} {:?}", one.1, three.1);
}

#[test]
fn the_first_of_two_messages_with_one_id_stays_and_rows_keep_their_numbers() {
    let lake = Lake::new();
    let (tally, written) = lake.import(Cursor::new(messages()), 2).unwrap();
    let tally = tally.unwrap();
    let n_broken = N_MESSAGES as u64 / 100;
    let n_again = N_MESSAGES as u64 / 2 / 100;
    assert_eq!((tally.rows_read, tally.rows_quarantined), (N_MESSAGES as u64, n_broken));
    assert_eq!(written.events_new, N_MESSAGES as u64 - n_broken - n_again);
    let again = "SELECT count(*)::text AS n FROM events WHERE event_id = 'message-50' AND event = 'name 0'";
    assert_eq!(lake.words(again, "n"), ["1"]);
    let moved = "SELECT count(*)::text AS n FROM quarantine WHERE raw NOT LIKE ('%:' || (\"row\" - 1)::text)";
    assert_eq!(lake.words(moved, "n"), ["0"]);
    // Again, and nothing is new.
    let (_, written) = lake.import(Cursor::new(messages()), 2).unwrap();
    assert_eq!((written.events_new, written.quarantined_new), (0, 0));
}

#[test]
fn an_import_counts_the_same_with_few_ids_in_memory() {
    let [many, few] = [NEWEST_MAX, 100].map(|newest_max| {
        let lake = Lake { newest_max, ..Lake::new() };
        // Again from the table, and with what is new behind what is known.
        let again = format!("{}{}", messages(), messages().replace("message-1", "message-x"));
        let written = [messages(), again].map(|input| {
            let (_, written) = lake.import(Cursor::new(input), 2).unwrap();
            (written.events_new, written.rows_new, written.quarantined_new)
        });
        (written, lake.words("SELECT event_id FROM events ORDER BY event_id", "event_id"))
    });
    assert!(many.0[1].0 > 0 && many.0[1].2 > 0, "{:?}", many.0);
    assert!(many == few, "other events: {:?} {:?}", many.0, few.0);
}

/// An input that fails behind some of its bytes.
struct Failing {
    text: Cursor<String>,
    n_bytes: u64,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.n_bytes.saturating_sub(self.text.position())).unwrap();
        if left == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        let n_bytes = left.min(buffer.len());
        self.text.read(&mut buffer[..n_bytes])
    }
}

impl Seek for Failing {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.text.seek(position)
    }
}

#[test]
fn an_import_that_is_cut_off_is_repeated_and_ends_as_if_it_had_not_been() {
    let text = messages();
    let n_bytes = text.len() / 2;
    let lake = Lake::new();
    let (cut, written) = lake.import(Failing { text: Cursor::new(text.clone()), n_bytes: n_bytes as u64 }, 2).unwrap();
    let n_lines = text[..n_bytes].matches('\n').count() as u64;
    assert!(matches!(cut, Err(SourceError::Read { rows, .. }) if rows == n_lines), "{cut:?}, {n_lines} lines");
    let (_, rest) = lake.import(Cursor::new(text.clone()), 2).unwrap();
    let (_, whole) = Lake::new().import(Cursor::new(text), 2).unwrap();
    assert!(written.events_new > 0 && rest.events_new > 0);
    assert_eq!(written.events_new + rest.events_new, whole.events_new);
    assert_eq!(written.quarantined_new + rest.quarantined_new, whole.quarantined_new);
}

#[test]
fn a_table_that_cannot_be_written_ends_the_import() {
    let lake = Lake::new();
    // A file where the folder of the table belongs.
    let limits = limits("web", Instant(4_000_000_000_000_000), PersonalData::default());
    let import = Import { limits: &limits, calendar: &Calendar::utc(), currency: None };
    let mut intake = lake.intake().unwrap();
    intake.chunk_weight_max = 100;
    std::fs::write(lake.folder.path().join("events"), "in the way").unwrap();
    let blocks = Form::Segment.blocks(Cursor::new(messages())).unwrap().unwrap();
    let read = read_blocks(blocks, (import, 2), &mut intake, &mut |_| {});
    assert!(read.is_err() || intake.finish().is_err());
}
