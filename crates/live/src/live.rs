//! The handle that everybody shares: events in, readers served.
//!
//! Four threads work behind it. The *writer* takes what waits, appends it to the log in one
//! batch, syncs it and says so: that is the group commit. The *applier* takes what is on disk and
//! applies it to the core record by record. The *publisher* finds the reasons of its shifts, writes
//! the index and tells them. What may wait before each is bounded; beyond it whoever is before it
//! waits, and callers are told to come back. The *keeper* writes a checkpoint of the core now and
//! then, from which the next start goes on.

mod accounts;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use parking_lot::{RwLock, RwLockReadGuard};
use throng_event::{Event, Identity, Instant};
use throng_persona::PersonaId;
use throng_profile::{Decision, ProfileId, Proposal, StatedTrait};
use tokio::sync::{broadcast, oneshot, watch};

use self::threads::{Applier, Call, Keeper, Progress, Publisher, Writer, replay, spawn};
use crate::checkpoint;
use crate::index::Index;
use crate::{
    Core, CoreSettings, EventQuery, LiveError, LiveModel, Log, Offset, Opening, Prepared, ProfileView, Record, Refused,
    Scoring, ScoringComparison, Shift, ShiftFilter, Status,
};

/// Bytes that may wait to be written, as they will be: with what is applied meanwhile, and the
/// events themselves beside their bytes, a server holds about a gigabyte at worst.
const WAITING_BYTES_MAX: usize = 128 << 20;
/// Calls that may wait to be written, however small.
const WAITING_CALLS_MAX: usize = 10_000;
/// Commits that may wait to be applied.
const WAITING_COMMITS_MAX: usize = 16;
/// Groups of records or shifts that may wait to be published: some ten megabytes each at worst, when
/// a change of models moves thousands at once.
const WAITING_GROUPS_MAX: usize = 8;
/// Shifts that a slow subscriber may be behind before it has to read them from disk.
const SHIFTS_BUFFERED: usize = 4_096;

/// What a live server is made of.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// The folder of the log and of its checkpoint.
    pub folder: PathBuf,
    /// What was decided in the home.
    pub decided: Decided,
    /// Features, models, time zone, rules.
    pub core: CoreSettings,
}

/// What is decided in a home while its server runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decided {
    /// All that was decided about identities, in order.
    pub decisions: Vec<Decision>,
    /// The links that are proposed: those that are probable enough for the rules count.
    pub proposals: Vec<Proposal>,
    /// Which models score.
    pub scoring: Scoring,
}

impl Decided {
    /// Returns the records that bring a core to it, none where it is there.
    #[must_use]
    pub fn news(&self, core: &Core) -> Vec<Record> {
        let new = self.decisions.iter().skip(core.n_decisions()).cloned();
        let mut records: Vec<Record> = new.map(|decision| Record::Decision(Box::new(decision))).collect();
        if core.proposals() != self.proposals {
            records.push(Record::Proposals(self.proposals.clone()));
        }
        if *core.scoring() != self.scoring {
            records.push(Record::Scoring(self.scoring.clone()));
        }
        records
    }
}

/// What a source sent in one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submission {
    /// What was admitted, in order.
    pub events: Vec<Event>,
    /// What was not.
    pub refused: Vec<Refused>,
}

/// What became of a submission: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Events that are new.
    pub admitted: usize,
    /// Events that were there already.
    pub repeated: usize,
    /// Messages put aside.
    pub refused: usize,
    /// The offset behind the last of them.
    pub end: Offset,
}

/// A live server's profiles. Cheap to clone; when the last clone is dropped its threads end.
#[derive(Debug, Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Log,
    index: Index,
    core: Arc<RwLock<Core>>,
    calls: Mutex<Option<SyncSender<Call>>>,
    waiting: Arc<AtomicUsize>,
    progress: Arc<Progress>,
    keeper: Arc<Keeper>,
    opening: Opening,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Live {
    /// Opens the log of a home, applies what is in it and starts the threads.
    ///
    /// # Errors
    /// [`LiveError::Storage`] or [`LiveError::Damaged`].
    pub fn open(settings: LiveSettings) -> Result<Self, LiveError> {
        let LiveSettings { folder, decided, core } = settings;
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| LiveError::storage("make a folder for", &folder, &error))?;
        let log = Log::open(&folder.join("log"))?;
        let index = Index::open(&log)?;
        let path = folder.join("checkpoint");
        let (mut core, mut opening) = start(&path, core, &log, &index)?;
        opening.n_replayed = replay(&log, &index, &mut core)?;
        let news = decided.news(&core);
        if !news.is_empty() {
            log.append(prepared(news)?, &[])?;
            replay(&log, &index, &mut core)?;
        }
        let applied = core.applied();
        let progress = Arc::new(Progress {
            written: watch::Sender::new(applied),
            applied: watch::Sender::new(applied),
            stored: watch::Sender::new(Offset(0)),
            failure: watch::Sender::new(None),
            shifts: broadcast::Sender::new(SHIFTS_BUFFERED),
        });
        let core = Arc::new(RwLock::new(core));
        let waiting = Arc::new(AtomicUsize::new(0));
        let (calls, waiting_calls) = sync_channel(WAITING_CALLS_MAX);
        let (commits, waiting_commits) = sync_channel(WAITING_COMMITS_MAX);
        let (groups, waiting_groups) = sync_channel(WAITING_GROUPS_MAX);
        let (due, when_due) = sync_channel(1);
        let keeper = Arc::new(Keeper {
            path,
            log: log.clone(),
            core: Arc::clone(&core),
            progress: Arc::clone(&progress),
            next: AtomicU64::new(0),
            kept: Mutex::new((opening.checkpoint, None)),
            keeping: Mutex::new(()),
        });
        keeper.plan(opening.checkpoint);
        let writer =
            Writer { log: log.clone(), waiting: Arc::clone(&waiting), progress: Arc::clone(&progress), commits };
        let applier = Applier { core: Arc::clone(&core), progress: Arc::clone(&progress), applied: groups };
        let publisher =
            Publisher { index: index.clone(), progress: Arc::clone(&progress), keeper: Arc::clone(&keeper), due };
        let keeping = Arc::clone(&keeper);
        let threads = vec![
            spawn("throng-writer", Arc::clone(&progress), move || writer.run(&waiting_calls))?,
            spawn("throng-applier", Arc::clone(&progress), move || applier.run(&waiting_commits))?,
            spawn("throng-publisher", Arc::clone(&progress), move || publisher.run(&waiting_groups))?,
            spawn("throng-keeper", Arc::clone(&progress), move || keeping.run(&when_due))?,
        ];
        let (calls, threads) = (Mutex::new(Some(calls)), Mutex::new(threads));
        let shared = Shared { log, index, core, calls, waiting, progress, keeper, opening, threads };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns what this start began with.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.shared.opening
    }

    /// Takes in what was decided in the home since, and models that are new. Ready when it is in
    /// every profile's state; with another model everybody is scored again, a share with each tick.
    /// Not to be called twice at once.
    ///
    /// # Errors
    /// As [`Live::submit`].
    pub async fn reconcile(&self, decided: &Decided, models: Vec<LiveModel>) -> Result<(), LiveError> {
        let news = decided.news(&self.read());
        if news.is_empty() {
            return Ok(());
        }
        {
            let mut core = self.shared.core.write();
            models.into_iter().for_each(|model| core.learn(model));
        }
        let receipt = self.write(news, Vec::new()).await?;
        self.applied(receipt.end).await
    }

    /// Writes a checkpoint now and returns the offset it is of. Profiles are read and written
    /// meanwhile. Blocks until it is on disk.
    ///
    /// # Errors
    /// [`LiveError::Checkpoint`] when the disk refuses.
    pub fn checkpoint(&self) -> Result<Offset, LiveError> {
        self.shared.keeper.keep()
    }

    /// Takes in a submission; ready when it is on disk.
    ///
    /// # Errors
    /// [`LiveError::Overloaded`] when too much is waiting, [`LiveError::Storage`] when the disk
    /// refuses and [`LiveError::Closed`] from then on; nothing of it was taken then.
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, LiveError> {
        let records = submission.events.into_iter().map(|event| Record::Event(Box::new(event)));
        self.write(records, submission.refused).await
    }

    /// Takes in events that the lake holds already, so that they count here too.
    ///
    /// # Errors
    /// As [`Live::submit`].
    pub async fn adopt(&self, events: Vec<Event>) -> Result<Receipt, LiveError> {
        self.write(events.into_iter().map(|event| Record::Known(Box::new(event))), Vec::new()).await
    }

    /// Says what time it is; to be called a few times a second. Costs nothing unless there is
    /// something to do.
    ///
    /// # Errors
    /// As [`Live::submit`].
    pub async fn tick(&self, now: Instant) -> Result<(), LiveError> {
        if self.read().wants_tick(now) {
            let receipt = self.write([Record::Tick(now)], Vec::new()).await?;
            self.applied(receipt.end).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        records: impl IntoIterator<Item = Record>,
        refused: Vec<Refused>,
    ) -> Result<Receipt, LiveError> {
        let records = prepared(records)?;
        let (reply, answer) = oneshot::channel();
        let call = Call { records, refused, reply };
        let n_bytes = call.n_bytes();
        let n_waiting = self.shared.waiting.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes;
        // One call alone is always taken, however large.
        let sent = if n_waiting > WAITING_BYTES_MAX && n_waiting > n_bytes {
            Err(LiveError::Overloaded { waiting_bytes: n_waiting, retry_after_s: 1 })
        } else {
            self.send(call)
        };
        if let Err(error) = sent {
            self.shared.waiting.fetch_sub(n_bytes, Ordering::Relaxed);
            return Err(error);
        }
        answer.await.unwrap_or_else(|_| Err(self.closed()))
    }

    fn send(&self, call: Call) -> Result<(), LiveError> {
        if self.shared.progress.failure.borrow().is_some() {
            return Err(self.closed());
        }
        let calls = self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(calls) = calls.as_ref() else { return Err(self.closed()) };
        match calls.try_send(call) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                let waiting_bytes = self.shared.waiting.load(Ordering::Relaxed);
                Err(LiveError::Overloaded { waiting_bytes, retry_after_s: 1 })
            }
            Err(TrySendError::Disconnected(_)) => Err(self.closed()),
        }
    }

    fn closed(&self) -> LiveError {
        let failure = self.shared.progress.failure.borrow().clone();
        LiveError::Closed(failure.unwrap_or_else(|| "the server is stopping".to_owned()))
    }

    /// Ready when every record before an offset is in every profile.
    ///
    /// # Errors
    /// [`LiveError::Closed`] when that will not be.
    pub async fn applied(&self, end: Offset) -> Result<(), LiveError> {
        let mut applied = self.shared.progress.applied.subscribe();
        let mut failure = self.shared.progress.failure.subscribe();
        tokio::select! {
            reached = applied.wait_for(|applied| *applied >= end) => reached.map(drop).map_err(|_| self.closed()),
            _ = failure.wait_for(Option::is_some) => Err(self.closed()),
        }
    }

    /// Stops taking events, finishes what was taken, ends the threads and writes a checkpoint.
    /// Blocks until then.
    pub fn close(&self) {
        drop(self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                self.shared.progress.failure.send_if_modified(|failure| {
                    failure.get_or_insert_with(|| "a thread of the live driver failed".to_owned());
                    true
                });
            }
        }
        if self.shared.progress.failure.borrow().is_none() {
            self.shared.keeper.keep_news();
        }
    }

    /// Returns the log, which a follower reads.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Notes that every record before an offset is in the lake.
    pub fn stored(&self, end: Offset) {
        self.shared.progress.stored.send_replace(end);
    }

    fn read(&self) -> RwLockReadGuard<'_, Core> {
        self.shared.core.read()
    }
}

/// What readers ask. All answers are of one moment each and keep nobody waiting for long.
impl Live {
    /// Calls a function with the core as it is; the applier waits meanwhile.
    pub fn with_core<T>(&self, question: impl FnOnce(&Core) -> T) -> T {
        question(&self.read())
    }

    /// Returns the profile that an identity belongs to, as of now.
    #[must_use]
    pub fn profile(&self, identity: &Identity) -> Option<ProfileView> {
        let core = self.read();
        let profile = core.profile_of(identity)?;
        Some(core.view(profile, &mut core.scratch()))
    }

    /// Returns the latest value of every trait of a person, by name.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn traits(&self, identity: &Identity) -> Result<Option<Vec<(String, StatedTrait)>>, LiveError> {
        self.carriers(identity).map(|carriers| self.shared.index.traits(&carriers)).transpose()
    }

    /// Returns the events of a person that a query asks for.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn events(&self, identity: &Identity, query: &EventQuery) -> Result<Option<Vec<Event>>, LiveError> {
        self.carriers(identity).map(|carriers| self.shared.index.events(&carriers, query)).transpose()
    }

    /// Returns the accounts that a person was seen with, ascending.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn accounts(&self, identity: &Identity) -> Result<Option<Vec<String>>, LiveError> {
        self.carriers(identity).map(|carriers| self.shared.index.accounts(&carriers)).transpose()
    }

    fn carriers(&self, identity: &Identity) -> Option<Vec<u32>> {
        let core = self.read();
        core.profile_of(identity).map(|profile| core.carriers(profile))
    }

    /// Returns the shifts a filter asks for, ascending, at most so many.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn shifts(&self, filter: &ShiftFilter, limit: usize) -> Result<Vec<Shift>, LiveError> {
        self.shared.index.shifts(filter, limit)
    }

    /// Returns the shifts from now on. Whoever lags behind reads what was missed by
    /// [`Live::shifts`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Shift>> {
        self.shared.progress.shifts.subscribe()
    }

    /// Returns the profiles that count for a persona, behind one of them, at most so many.
    #[must_use]
    pub fn audience(&self, persona: &PersonaId, after: Option<&ProfileId>, limit: usize) -> Vec<ProfileId> {
        self.read().audience(persona, after, limit)
    }

    /// Returns the personas of the live model with their names.
    #[must_use]
    pub fn personas(&self) -> Vec<(PersonaId, String)> {
        self.read().model().map(LiveModel::personas).unwrap_or_default()
    }

    /// Returns how the shadow model divides everybody beside the live one; `None` without one.
    #[must_use]
    pub fn comparison(&self) -> Option<ScoringComparison> {
        self.read().comparison()
    }

    /// Returns the refused messages from a number on, each with its number.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn refused(&self, from: u64, limit: usize) -> Result<Vec<(u64, Refused)>, LiveError> {
        self.shared.log.refused(from).take(limit).collect()
    }

    /// Returns how the server is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let progress = &self.shared.progress;
        let (checkpoint, checkpoint_failure) = self.shared.keeper.kept();
        let core = self.read();
        Status {
            end: *progress.written.borrow(),
            applied: *progress.applied.borrow(),
            stored: *progress.stored.borrow(),
            waiting_bytes: self.shared.waiting.load(Ordering::Relaxed),
            n_profiles: core.n_profiles(),
            memory: core.memory(),
            n_stale: core.n_stale(),
            model: core.model().map(|model| model.version().to_owned()),
            checkpoint,
            checkpoint_failure,
            failure: progress.failure.borrow().clone(),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.calls.lock().unwrap_or_else(PoisonError::into_inner).take());
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)) {
            // The last handle may be dropped by what a thread tells; it ends by itself.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

/// Returns the core that a start goes on from, and where that came from.
fn start(path: &Path, settings: CoreSettings, log: &Log, index: &Index) -> Result<(Core, Opening), LiveError> {
    let mut opening = Opening::default();
    let (end, written) = (log.end()?, index.written()?);
    match checkpoint::read(path, &settings) {
        Ok(Some(mut core)) if core.applied() <= end.min(written) => {
            opening.checkpoint = core.applied();
            // What was left of the last tick; its shifts were told.
            while core.sweep() {}
            drop(core.take_shifts());
            return Ok((core, opening));
        }
        Ok(Some(_)) => opening.unused = Some("the checkpoint is of another log".to_owned()),
        Ok(None) => {}
        Err(error) => opening.unused = Some(error.to_string()),
    }
    Ok((Core::new(settings), opening))
}

fn prepared(records: impl IntoIterator<Item = Record>) -> Result<Vec<Prepared>, LiveError> {
    records.into_iter().map(Prepared::new).collect()
}
