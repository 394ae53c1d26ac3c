//! Reading on all threads: one cuts the input into blocks and takes what they give, in the
//! order of the input; the others read them and take their events apart.
//!
//! How many read does not show: blocks are cut by their bytes alone, and what one gives is
//! taken when all before it has been.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use throng_event::Fingerprint;
use throng_source::{Block, Blocks, Import, Quarantined, SourceError, Taken, Tally};

use super::intake::Intake;
use crate::error::EngineError;
use crate::event_table::{EventColumns, EventRows};
use crate::tables::EVENTS;

/// Blocks under way for each thread that reads: one being read, and one that waits to be read or
/// taken.
const BLOCKS_PER_THREAD: usize = 2;

/// Bytes of the blocks under way for each thread: blocks of records of many megabytes, each of
/// which may make many times its size, go one by one.
const BYTES_PER_THREAD_MAX: usize = 4 << 20;

/// Weight and bytes of events that are taken apart together, as of a commit: a record of
/// megabytes is a batch of messages, each with all that they share.
const EVENTS_WEIGHT_MAX: usize = 20_000;
const EVENTS_BYTES_MAX: usize = 16 << 20;

/// Whether events are kept, or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Events,
    Counts,
}

/// Events, unless they are only counted, with fingerprint and number of rows of each.
type Events = (Option<EventColumns>, Vec<(Fingerprint, u64)>);

/// What a block gave.
#[derive(Debug, Default)]
struct Outcome {
    tally: Tally,
    events: Vec<Events>,
    quarantined: Vec<Quarantined>,
    /// To be filled again.
    block: Block,
}

/// A block, and where to hand what it gives.
type Job = (Block, SyncSender<Result<Outcome, EngineError>>);

/// The blocks that are under way, in the order of the input.
struct UnderWay {
    jobs: Sender<Job>,
    n_threads: usize,
    /// With their bytes.
    blocks: VecDeque<(usize, Receiver<Result<Outcome, EngineError>>)>,
    n_bytes: usize,
}

/// Reads blocks with so many threads, hands what they give to the intake and, after each, what
/// has been read to `progress`. What cannot be read is the inner error.
pub(super) fn read_blocks(
    mut blocks: Blocks<'_>,
    (import, n_threads): (Import<'_>, usize),
    intake: &mut Intake<'_>,
    progress: &mut dyn FnMut(&Tally),
) -> Result<Result<Tally, SourceError>, EngineError> {
    let keep = if intake.writes() { Keep::Events } else { Keep::Counts };
    let (jobs, waiting) = channel::<Job>();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| work(&waiting, import, keep));
        }
        // The threads end when nobody can send them more.
        let mut under_way = UnderWay { jobs, n_threads, blocks: VecDeque::new(), n_bytes: 0 };
        drive(&mut blocks, &mut under_way, intake, progress)
    })
}

/// Cuts blocks and takes what they give until the input ends.
fn drive(
    blocks: &mut Blocks<'_>,
    under_way: &mut UnderWay,
    intake: &mut Intake<'_>,
    progress: &mut dyn FnMut(&Tally),
) -> Result<Result<Tally, SourceError>, EngineError> {
    let mut tally = Tally::default();
    let mut block = Block::default();
    let mut spare = Vec::new();
    loop {
        let more = match blocks.fill(&mut block) {
            Ok(more) => more,
            Err(error) => {
                while let Some(outcome) = under_way.first()? {
                    take(outcome, &mut tally, intake)?;
                }
                return Ok(Err(error.after(tally.rows_read)));
            }
        };
        while !more || !under_way.has_room(&block) {
            let Some(outcome) = under_way.first()? else { break };
            spare.push(take(outcome, &mut tally, intake)?);
            progress(&tally);
        }
        if !more {
            return Ok(Ok(tally));
        }
        under_way.send(std::mem::replace(&mut block, spare.pop().unwrap_or_default()));
    }
}

/// Takes what a block gave; returns the block.
fn take(outcome: Outcome, tally: &mut Tally, intake: &mut Intake<'_>) -> Result<Block, EngineError> {
    for mut quarantined in outcome.quarantined {
        quarantined.row += tally.rows_read;
        intake.put_aside(quarantined)?;
    }
    for (events, known_by) in outcome.events {
        intake.take_columns(events, &known_by)?;
    }
    tally.add(&outcome.tally);
    Ok(outcome.block)
}

impl UnderWay {
    /// Whether a block may be sent.
    fn has_room(&self, block: &Block) -> bool {
        let room = self.blocks.len() < BLOCKS_PER_THREAD * self.n_threads
            && self.n_bytes + block.n_bytes() <= BYTES_PER_THREAD_MAX * self.n_threads;
        room || self.blocks.is_empty()
    }

    fn send(&mut self, block: Block) {
        let (sender, outcome) = sync_channel(1);
        self.n_bytes += block.n_bytes();
        self.blocks.push_back((block.n_bytes(), outcome));
        // Where nobody reads any more, nobody answers either, and that is asked for.
        self.jobs.send((block, sender)).ok();
    }

    /// Returns what the first block gave, `None` when none is under way.
    fn first(&mut self) -> Result<Option<Outcome>, EngineError> {
        let Some((n_bytes, outcome)) = self.blocks.pop_front() else { return Ok(None) };
        self.n_bytes -= n_bytes;
        // A thread that ends without an answer has panicked, which the scope passes on.
        outcome.recv().map_err(|error| EngineError::table("write", EVENTS, error))?.map(Some)
    }
}

/// Reads blocks until there are no more.
fn work(waiting: &Mutex<Receiver<Job>>, import: Import<'_>, keep: Keep) {
    let mut rows = EventRows::default();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((block, outcome)) = job else { return };
        // Who no longer waits for it has failed, and says why.
        outcome.send(read(block, import, keep, &mut rows)).ok();
    }
}

/// Reads one block; `rows` are empty, and are again.
fn read(block: Block, import: Import<'_>, keep: Keep, rows: &mut EventRows) -> Result<Outcome, EngineError> {
    let mut outcome = Outcome::default();
    let mut known_by = Vec::new();
    let mut take = |taken: Taken| {
        let (event, n_rows) = match taken {
            Taken::Event { event, n_rows, .. } => (event, n_rows),
            Taken::Quarantined(quarantined) => {
                outcome.quarantined.push(quarantined);
                return Ok(());
            }
        };
        let fingerprint = event.id.fingerprint();
        known_by.push((fingerprint, n_rows));
        if keep == Keep::Events {
            rows.push(&event, fingerprint.key());
        }
        if rows.weight() >= EVENTS_WEIGHT_MAX || rows.n_bytes() >= EVENTS_BYTES_MAX {
            outcome.events.push((Some(finished(rows)), std::mem::take(&mut known_by)));
        }
        Ok(())
    };
    // Nothing is refused here.
    let tally = block.read(import, &mut take).map_err(|error| EngineError::table("write", EVENTS, error))?;
    if !known_by.is_empty() {
        let events = (keep == Keep::Events).then(|| finished(rows));
        outcome.events.push((events, known_by));
    }
    Ok(Outcome { tally, block, ..outcome })
}

/// Returns what has been taken apart, and leaves room for what is alike.
fn finished(rows: &mut EventRows) -> EventColumns {
    let next = rows.alike();
    std::mem::replace(rows, next).finish()
}

#[cfg(test)]
mod tests;
