//! The threads behind a live server: the writer of the log, the applier to the core, the publisher of
//! what came of it, the keeper of checkpoints.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::RwLock;
use throng_persona::ScorerScratch;
use tokio::sync::{broadcast, oneshot, watch};

use super::Receipt;
use crate::checkpoint;
use crate::index::Index;
use crate::{Core, Entry, LiveError, Log, Offset, Prepared, Refused, Shift, UnexplainedShift};

/// Events of one group commit: what a sync costs is shared by so many at most, and the first
/// of them waits no longer than it takes to write so many.
const COMMIT_EVENTS_MAX: usize = 4_096;
/// Bytes of one group commit, for events that are not usual.
const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Events that are written to the index at once.
const PUBLISH_EVENTS_MAX: usize = 1_024;
/// Events that are applied before readers get a turn.
const APPLY_EVENTS: usize = 64;
/// Records that a start may have to read beside a checkpoint: some six seconds where a model scores.
const CHECKPOINT_RECORDS: u64 = 250_000;
/// Bytes of state for each of which a record more may be read, so that writing checkpoints costs no
/// more than about twice what writing the log does.
const CHECKPOINT_BYTES: u64 = 2_400;

/// How far the threads have come.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) written: watch::Sender<Offset>,
    pub(super) applied: watch::Sender<Offset>,
    pub(super) stored: watch::Sender<Offset>,
    pub(super) failure: watch::Sender<Option<String>>,
    pub(super) shifts: broadcast::Sender<Arc<Shift>>,
}

impl Progress {
    /// Says what went wrong. What went wrong first is what somebody has to know: threads that wait for
    /// one that has ended end, too.
    fn fail(&self, error: &LiveError) {
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert_with(|| error.to_string());
            is_first
        });
    }
}

/// One call that waits to be written.
pub(super) struct Call {
    pub(super) records: Vec<Prepared>,
    pub(super) refused: Vec<Refused>,
    pub(super) reply: oneshot::Sender<Result<Receipt, LiveError>>,
}

impl Call {
    /// Returns the bytes it will take on disk.
    pub(super) fn n_bytes(&self) -> usize {
        let of_refused = self.refused.iter().map(|refused| refused.raw.len() + refused.detail.len());
        self.records.iter().map(Prepared::n_bytes).chain(of_refused).sum()
    }
}

/// Applies what is in the log already, and writes what a crash kept out of the index; returns how
/// many records that were.
pub(super) fn replay(log: &Log, index: &Index, core: &mut Core) -> Result<u64, LiveError> {
    let (from, written) = (core.applied(), index.written()?);
    core.hush(written);
    let mut scratch = ScorerScratch::default();
    let mut pending = Vec::new();
    let mut entries = log.read(core.applied()).peekable();
    while let Some(entry) = entries.next().transpose()? {
        let carrier = core.apply(&entry);
        while core.sweep() {}
        if entry.offset < written {
            continue;
        }
        pending.push((entry, carrier));
        if pending.len() >= COMMIT_EVENTS_MAX || entries.peek().is_none() {
            let shifts = core.take_shifts().into_iter().map(|shift| shift.explained(&mut scratch));
            index.write(&pending, &shifts.collect::<Vec<_>>())?;
            pending.clear();
        }
    }
    Ok(core.applied().0 - from.0)
}

pub(super) struct Writer {
    pub(super) log: Log,
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) progress: Arc<Progress>,
    pub(super) commits: SyncSender<Vec<Entry>>,
}

impl Writer {
    pub(super) fn run(self, calls: &Receiver<Call>) {
        while let Ok(first) = calls.recv() {
            let (mut n_events, mut n_bytes) = (first.records.len(), first.n_bytes());
            let mut group = vec![first];
            while n_events < COMMIT_EVENTS_MAX
                && n_bytes < COMMIT_BYTES_MAX
                && let Ok(call) = calls.try_recv()
            {
                n_events += call.records.len();
                n_bytes += call.n_bytes();
                group.push(call);
            }
            let written = self.write(group);
            self.waiting.fetch_sub(n_bytes, Ordering::Relaxed);
            if let Err(error) = written {
                return self.progress.fail(&error);
            }
        }
    }

    fn write(&self, group: Vec<Call>) -> Result<(), LiveError> {
        let mut records = Vec::new();
        let mut refused = Vec::new();
        let mut replies = Vec::with_capacity(group.len());
        for call in group {
            replies.push((call.reply, call.records.len(), call.refused.len()));
            records.extend(call.records);
            refused.extend(call.refused);
        }
        let appended = self.log.append(records, &refused);
        let (entries, is_new) = match appended {
            Ok(appended) => appended,
            Err(error) => {
                for (reply, ..) in replies {
                    drop(reply.send(Err(error.clone())));
                }
                return Err(error);
            }
        };
        let end = entries.last().map_or(*self.progress.written.borrow(), |last| Offset(last.offset.0 + 1));
        self.progress.written.send_replace(end);
        let mut is_new = is_new.into_iter();
        for (reply, n_records, n_refused) in replies {
            let admitted = is_new.by_ref().take(n_records).filter(|is_new| *is_new).count();
            // Whoever asked may have gone; the events are on disk all the same.
            let receipt = Receipt { admitted, repeated: n_records - admitted, refused: n_refused, end };
            drop(reply.send(Ok(receipt)));
        }
        // Waits while the applier is behind; whoever wrote has been answered.
        if !entries.is_empty() && self.commits.send(entries).is_err() {
            return Err(LiveError::Closed("the applier has ended".to_owned()));
        }
        Ok(())
    }
}

/// What the applier hands on.
pub(super) enum Applied {
    /// Shifts of the records that come next.
    Shifts(Vec<UnexplainedShift>),
    /// Records, each with the carrier of its event.
    Records(Vec<(Entry, Option<u32>)>),
}

pub(super) struct Applier {
    pub(super) core: Arc<RwLock<Core>>,
    pub(super) progress: Arc<Progress>,
    pub(super) applied: SyncSender<Applied>,
}

impl Applier {
    pub(super) fn run(self, commits: &Receiver<Vec<Entry>>) {
        while let Ok(entries) = commits.recv() {
            if let Err(error) = self.apply(entries) {
                return self.progress.fail(&error);
            }
        }
    }

    fn apply(&self, entries: Vec<Entry>) -> Result<(), LiveError> {
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            let mut applied: Vec<_> = entries.by_ref().take(APPLY_EVENTS).map(|entry| (entry, None)).collect();
            self.apply_some(&mut applied)?;
            self.hand_on(Applied::Records(applied))?;
        }
        Ok(())
    }

    fn apply_some(&self, entries: &mut [(Entry, Option<u32>)]) -> Result<(), LiveError> {
        let mut core = self.core.write();
        for (entry, carrier) in entries {
            *carrier = core.apply(entry);
            while core.sweep() {
                let shifts = core.take_shifts();
                // Readers get a turn.
                drop(core);
                self.hand_on(Applied::Shifts(shifts))?;
                core = self.core.write();
            }
        }
        let shifts = core.take_shifts();
        drop(core);
        self.hand_on(Applied::Shifts(shifts))
    }

    /// Waits while the publisher is behind.
    fn hand_on(&self, applied: Applied) -> Result<(), LiveError> {
        if matches!(&applied, Applied::Shifts(shifts) if shifts.is_empty()) {
            return Ok(());
        }
        self.applied.send(applied).map_err(|_| LiveError::Closed("the publisher has ended".to_owned()))
    }
}

/// Explains shifts, writes the index, and tells what is applied to whoever waits for it.
pub(super) struct Publisher {
    pub(super) index: Index,
    pub(super) progress: Arc<Progress>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) due: SyncSender<()>,
}

impl Publisher {
    pub(super) fn run(self, groups: &Receiver<Applied>) {
        let mut scratch = ScorerScratch::default();
        // Shifts whose records are still to come, and those that are written with the records at hand.
        let (mut shifts, mut due): (Vec<Shift>, Vec<Shift>) = (Vec::new(), Vec::new());
        let mut records = Vec::new();
        while let Ok(first) = groups.recv() {
            let mut next = Some(first);
            while let Some(applied) = next {
                match applied {
                    Applied::Shifts(some) => {
                        shifts.extend(some.into_iter().map(|shift| shift.explained(&mut scratch)));
                    }
                    Applied::Records(some) => {
                        records.extend(some);
                        due.append(&mut shifts);
                    }
                }
                // What waits is written together: while the log syncs, nobody else writes to the disk.
                next = if records.len() < PUBLISH_EVENTS_MAX { groups.try_recv().ok() } else { None };
            }
            if records.is_empty() {
                continue;
            }
            if let Err(error) = self.publish(&records, std::mem::take(&mut due)) {
                return self.progress.fail(&error);
            }
            records.clear();
        }
    }

    fn publish(&self, records: &[(Entry, Option<u32>)], shifts: Vec<Shift>) -> Result<(), LiveError> {
        self.index.write(records, &shifts)?;
        for shift in shifts {
            // Nobody may be listening.
            drop(self.progress.shifts.send(Arc::new(shift)));
        }
        if let Some((last, _)) = records.last() {
            let end = Offset(last.offset.0 + 1);
            self.progress.applied.send_replace(end);
            if self.keeper.is_due(end) {
                // One that waits already is as good.
                _ = self.due.try_send(());
            }
        }
        Ok(())
    }
}

/// Writes checkpoints.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) path: PathBuf,
    pub(super) log: Log,
    pub(super) core: Arc<RwLock<Core>>,
    pub(super) progress: Arc<Progress>,
    /// The offset at which the next one is due.
    pub(super) next: AtomicU64,
    /// The offset of the last one, and why there is no later one.
    pub(super) kept: Mutex<(Offset, Option<String>)>,
    /// Held while one is written.
    pub(super) keeping: Mutex<()>,
}

/// How long the keeper waits before it looks again whether the applier has come so far.
const SETTLE_EVERY: Duration = Duration::from_millis(1);

impl Keeper {
    pub(super) fn run(&self, due: &Receiver<()>) {
        while due.recv().is_ok() {
            self.keep_news();
        }
    }

    pub(super) fn is_due(&self, end: Offset) -> bool {
        end.0 >= self.next.load(Ordering::Relaxed)
    }

    /// Plans the next checkpoint behind one.
    pub(super) fn plan(&self, kept: Offset) {
        let bytes = self.core.read().memory();
        self.next.store(kept.0 + CHECKPOINT_RECORDS.max(bytes / CHECKPOINT_BYTES), Ordering::Relaxed);
    }

    pub(super) fn kept(&self) -> (Offset, Option<String>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a checkpoint unless the last one says all; what goes wrong is told by the status.
    pub(super) fn keep_news(&self) {
        if self.kept().0 == *self.progress.applied.borrow() {
            return;
        }
        if let Err(error) = self.keep() {
            self.plan(*self.progress.applied.borrow());
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(error.to_string());
        }
    }

    pub(super) fn keep(&self) -> Result<Offset, LiveError> {
        // One at a time.
        let _alone = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = checkpoint::write(&self.path, &self.core, |offset| {
            while *self.progress.applied.borrow() < offset {
                if let Some(failure) = self.progress.failure.borrow().clone() {
                    return Err(LiveError::Closed(failure));
                }
                std::thread::park_timeout(SETTLE_EVERY);
            }
            self.log.sync()
        })?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = (offset, None);
        self.plan(offset);
        Ok(offset)
    }
}

/// Says so when the thread that holds it panics: nobody waits for it any more then.
struct Watch(Arc<Progress>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failure.send_replace(Some("a thread of the live driver panicked; restart the server".to_owned()));
        }
    }
}

pub(super) fn spawn(
    name: &str,
    progress: Arc<Progress>,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LiveError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _watch = Watch(progress);
        body();
    });
    started.map_err(|error| LiveError::Closed(format!("could not start a thread: {error}")))
}
