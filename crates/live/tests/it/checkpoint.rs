//! A start from a checkpoint is a start from the whole log, to the bit; whatever is wrong with a
//! checkpoint only costs time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use throng_event::{Calendar, Event, Identity, Instant};
use throng_live::{Decided, Live, Offset};
use throng_profile::{Decision, Verdict};
use throng_testkit::random_events;

use crate::sample::{RUNTIME, submit};
use crate::shifts::{TODAY, all_shifts, customers, event, model, settings, started, tick_to_the_end};

fn open(folder: &Path) -> Live {
    Live::open(settings(folder, Some(model()))).unwrap()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("checkpoint")
}

/// The whole state of a server that is closed now, as bytes.
fn state(live: &Live, folder: &Path) -> Vec<u8> {
    live.checkpoint().unwrap();
    std::fs::read(file(folder)).unwrap()
}

/// The state that the log alone gives.
fn state_of_log(folder: &Path) -> Vec<u8> {
    std::fs::remove_file(file(folder)).unwrap();
    let live = open(folder);
    assert_eq!(live.opening().checkpoint, Offset(0));
    assert_eq!(live.opening().n_replayed, live.log().end().unwrap().0);
    state(&live, folder)
}

fn at(days: i64) -> Instant {
    Instant(Calendar::utc().as_of(TODAY).end.0 + days * Instant::DAY)
}

/// Events that tip people, of many and of some of the customers.
fn busy(seed: usize, n_events: usize) -> Vec<Event> {
    let mut events = random_events(u64::try_from(seed).unwrap(), n_events);
    for (number, event) in events.iter_mut().enumerate() {
        if number % 3 > 0 {
            let user = format!("c{}", (seed + number * 7) % 160);
            let name = ["Order Completed", "Products Searched", "Ticket Opened"][number % 7 % 3];
            *event = crate::shifts::event(&user, name, 2, number + 1_000 * seed);
        }
        event.received_at = Instant(at(0).0 + i64::try_from(number).unwrap() * Instant::SECOND);
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn starts_from_checkpoints_leave_no_trace(
        seed in 0_usize..1_000,
        sessions in proptest::collection::vec((0_usize..120, 0_u8..3, 0_i64..4), 1..5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        drop(started(folder.path()));
        let (mut before, mut day) = (None, 1);
        for (number, (n_events, end, days)) in sessions.into_iter().enumerate() {
            let live = open(folder.path());
            if let Some(before) = before.take() {
                prop_assert_eq!(live.opening().checkpoint, before);
            }
            submit(&live, busy(seed + 1_000 * number, n_events + 1));
            if end == 1 {
                live.checkpoint().unwrap();
            }
            // Ticks that leave work for the next start.
            for _ in 0..days {
                day += 1;
                RUNTIME.block_on(live.tick(at(day))).unwrap();
            }
            if end == 2 {
                live.close();
                before = Some(live.log().end().unwrap());
            }
        }
        let live = open(folder.path());
        let (found, shifts) = (state(&live, folder.path()), all_shifts(&live));
        drop(live);
        prop_assert!(found == state_of_log(folder.path()));
        prop_assert_eq!(all_shifts(&open(folder.path())), shifts);
    }
}

#[test]
fn a_checkpoint_is_of_one_moment_while_events_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let done = AtomicBool::new(false);
    let n_checkpoints = std::thread::scope(|scope| {
        let keeping = scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) || n == 0 {
                live.checkpoint().unwrap();
                n += 1;
            }
            n
        });
        for round in 0..60 {
            submit(&live, busy(round, 40));
        }
        done.store(true, Ordering::Relaxed);
        keeping.join().unwrap()
    });
    assert!(n_checkpoints > 1);
    drop(live);
    let live = open(folder.path());
    assert!(live.opening().checkpoint > Offset(0));
    let found = state(&live, folder.path());
    drop(live);
    assert!(found == state_of_log(folder.path()));
}

#[test]
fn a_damaged_checkpoint_costs_time_only_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    live.close();
    drop(live);
    let good = std::fs::read(file(folder.path())).unwrap();
    let mut wrong = vec![good[..good.len() / 2].to_vec(), Vec::new(), good[..good.len() - 1].to_vec()];
    // A bit in the lengths, in the histories, in the rest, in the hash.
    for place in [41, 60, good.len() / 3, good.len() - 60, good.len() - 5] {
        let mut bytes = good.clone();
        bytes[place] ^= 4;
        wrong.push(bytes);
    }
    for bytes in wrong {
        std::fs::write(file(folder.path()), bytes).unwrap();
        let live = open(folder.path());
        assert_eq!(live.opening().checkpoint, Offset(0));
        let unused = live.opening().unused.clone().unwrap();
        assert!(unused.contains("damaged"), "{unused}");
        assert!(state(&live, folder.path()) == good);
    }
}

#[test]
fn a_checkpoint_of_other_features_or_of_another_log_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    live.close();
    drop(live);
    let mut other = settings(folder.path(), Some(model()));
    other.core.calendar = Calendar::new("Asia/Tokyo").unwrap();
    let live = Live::open(other).unwrap();
    assert_eq!((live.opening().checkpoint, &live.opening().unused), (Offset(0), &None));
    drop(live);
    // The log of somebody else, shorter than what the checkpoint knows.
    std::fs::remove_dir_all(folder.path().join("log")).unwrap();
    let live = open(folder.path());
    assert!(live.opening().unused.as_ref().unwrap().contains("another log"));
    assert_eq!(live.status().n_profiles, 0);
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    std::fs::create_dir(folder.path().join("checkpoint.new")).unwrap();
    let error = live.checkpoint().unwrap_err().to_string();
    assert!(error.contains("could not write the checkpoint"), "{error}");
    submit(&live, busy(1, 10));
    live.close();
    assert!(live.status().checkpoint_failure.is_some());
    drop(live);
    assert_eq!(open(folder.path()).opening().checkpoint, Offset(0));
}

#[test]
fn a_decision_reaches_a_running_server_and_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let live = open(folder.path());
    submit(&live, customers());
    let scoring = live.with_core(|core| core.scoring().clone());
    let (a, b) = (Identity::user("c1"), Identity::user("c2"));
    let merge = Decision { verdict: Verdict::Merge, a: a.clone(), b: b.clone(), at: at(0) };
    let split = Decision { verdict: Verdict::Split, at: at(1), ..merge.clone() };
    let profile = |live: &Live, id: &Identity| live.profile(id).unwrap().id;
    let mut decided = Decided { decisions: vec![merge], scoring, ..Decided::default() };
    RUNTIME.block_on(live.reconcile(&decided, Vec::new())).unwrap();
    assert_eq!(profile(&live, &a), profile(&live, &b));
    let events = live.profile(&a).unwrap().n_events;
    // What is known already changes nothing.
    let end = live.log().end().unwrap();
    RUNTIME.block_on(live.reconcile(&decided, Vec::new())).unwrap();
    assert_eq!(live.log().end().unwrap(), end);
    drop(live);
    let mut next = settings(folder.path(), Some(model()));
    decided.decisions.push(split);
    next.decided = decided;
    let live = Live::open(next).unwrap();
    assert_ne!(profile(&live, &a), profile(&live, &b));
    assert_eq!(live.profile(&a).unwrap().n_events + live.profile(&b).unwrap().n_events, events);
    submit(&live, vec![event("c1", "Order Completed", 1, 9_999)]);
    tick_to_the_end(&live, at(1));
    let found = state(&live, folder.path());
    drop(live);
    assert!(found == state_of_log(folder.path()));
}
