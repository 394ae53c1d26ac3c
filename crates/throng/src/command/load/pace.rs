//! When requests are to be sent: at a rate, or as soon as somebody is free.
//!
//! At a rate every request has its time, whether the one before it was answered or not, and
//! latency counts from that time. Who counts from the sending leaves out just those requests
//! that a slow server kept from being sent (Gil Tene's "coordinated omission").

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The turns of one kind of request, shared by all connections it is sent on.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// Turns a second; `None` for as many as there are takers.
    rate: Option<f64>,
    until: Until,
    n_taken: AtomicU64,
    n_held: AtomicU64,
    over: AtomicBool,
}

/// When the last turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// After so many.
    Turns(u64),
    /// After so long.
    Time(Duration),
    /// When somebody says so.
    Told,
}

/// One turn: its number, from 0, and when it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) number: u64,
    pub(super) at: Instant,
}

impl Pace {
    pub(super) fn new(start: Instant, rate: Option<f64>, until: Until) -> Self {
        let (n_taken, n_held) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { start, rate, until, n_taken, n_held, over: AtomicBool::new(false) }
    }

    /// Waits for the next turn and takes it; `None` when there is none any more.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let number = self.n_taken.fetch_add(1, Ordering::Relaxed);
        if matches!(self.until, Until::Turns(n_turns) if number >= n_turns) {
            return None;
        }
        let at = match self.rate {
            Some(rate) => self.start + after(number, rate),
            None => Instant::now().max(self.start),
        };
        if self.has_ended(at) {
            return None;
        }
        sleep_until(at).await;
        if self.has_ended(Instant::now()) {
            return None;
        }
        self.n_held.fetch_add(1, Ordering::Relaxed);
        Some(Turn { number, at })
    }

    fn has_ended(&self, at: Instant) -> bool {
        let late = matches!(self.until, Until::Time(length) if at >= self.start + length);
        late || self.over.load(Ordering::Relaxed)
    }

    /// Says that there are no more turns.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Returns how many turns came that nobody was free to take.
    pub(super) fn n_missed(&self) -> u64 {
        let (Until::Time(length), Some(rate)) = (self.until, self.rate) else { return 0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of turns")]
        let n_due = (length.as_secs_f64() * rate).ceil() as u64;
        n_due.saturating_sub(self.n_held.load(Ordering::Relaxed))
    }
}

fn after(number: u64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "exact for millions of years of turns")]
    let seconds = number as f64 / rate;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(pace: &Pace) -> Vec<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut turns = Vec::new();
            while let Some(turn) = pace.turn().await {
                assert_eq!(turn.number, u64::try_from(turns.len()).unwrap());
                turns.push(turn.at - pace.start);
            }
            turns
        })
    }

    #[test]
    fn turns_of_a_rate_are_when_they_should_be_however_late_they_are_taken() {
        // A second ago: everything but the end is overdue.
        let start = Instant::now() - Duration::from_secs(1);
        let pace = Pace::new(start, Some(4_000.0), Until::Turns(5));
        assert_eq!(turns(&pace), [0, 250, 500, 750, 1_000].map(Duration::from_micros));
        assert_eq!(pace.n_missed(), 0);
    }

    #[test]
    fn turns_that_nobody_took_before_the_end_are_missed() {
        let pace = Pace::new(Instant::now() - Duration::from_secs(2), Some(10.0), Until::Time(Duration::from_secs(1)));
        assert_eq!(turns(&pace), []);
        assert_eq!(pace.n_missed(), 10);
    }

    #[test]
    fn without_a_rate_a_turn_is_when_it_is_taken() {
        let pace = Pace::new(Instant::now(), None, Until::Turns(3));
        assert_eq!(turns(&pace).len(), 3);
    }

    #[test]
    fn there_is_no_turn_after_the_end_was_said() {
        let pace = Pace::new(Instant::now(), None, Until::Told);
        pace.end();
        assert_eq!(turns(&pace), []);
    }
}
