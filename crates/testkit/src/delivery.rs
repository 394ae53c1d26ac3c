//! Delivery: how messages reach the server. Some late, some twice, some broken, and
//! with the times of a device whose clock may be wrong.

use crate::dice::{Dice, whole};
use crate::message::{Message, written};
use crate::shop::DAY_MS;

/// What was written; the lines are the sum of the rest but `n_late`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines in all.
    pub n_lines: u64,
    /// Different messages that can be admitted.
    pub n_messages: u64,
    /// Messages sent a second time with the same id.
    pub n_repeated: u64,
    /// Messages that cannot be admitted.
    pub n_malformed: u64,
    /// Messages received more than an hour after they happened.
    pub n_late: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.n_lines += other.n_lines;
        self.n_messages += other.n_messages;
        self.n_repeated += other.n_repeated;
        self.n_malformed += other.n_malformed;
        self.n_late += other.n_late;
    }
}

/// A message as it arrives.
pub(crate) struct Delivered {
    pub(crate) received_ms: i64,
    pub(crate) message: Message,
}

/// Messages of the app that wait for a network.
const OFFLINE: f64 = 0.04;
/// Messages sent again because the answer was lost.
const REPEATED: f64 = 0.01;
/// Broken messages per good one.
const MALFORMED: f64 = 0.001;
/// What counts as late.
const LATE_MS: i64 = 3_600_000;

/// Delivers one customer's messages, in the order they happened.
pub(crate) fn deliver(messages: Vec<Message>, dice: &mut Dice) -> (Vec<Delivered>, Tally) {
    let mut delivered = Vec::with_capacity(messages.len() + messages.len() / 50);
    let mut tally = Tally::default();
    for message in messages {
        let offline = message.context.channel == "app" && dice.chance(OFFLINE);
        let wait_ms = match message.context.channel {
            // Tills report every quarter of an hour.
            "store" => dice.between(1_000, 900_000),
            _ if offline => dice.between(LATE_MS, 3 * DAY_MS),
            _ => dice.between(50, 4_000),
        };
        // A message and its repeat travel equally long: they must not differ but in
        // when they were sent, or the copy that came first would decide what is stored.
        let travel_ms = whole(dice.positive(180.0, 0.6)).clamp(5, 20_000);
        if dice.chance(MALFORMED) {
            delivered.push(send(spoil(message.clone(), dice), wait_ms, travel_ms));
            tally.n_malformed += 1;
        }
        let repeat = dice.chance(REPEATED).then(|| {
            let again_ms = wait_ms + dice.between(1_000, LATE_MS);
            send(message.clone(), again_ms, travel_ms)
        });
        tally.n_repeated += u64::from(repeat.is_some());
        tally.n_late += u64::from(wait_ms >= LATE_MS);
        tally.n_messages += 1;
        delivered.push(send(message, wait_ms, travel_ms));
        delivered.extend(repeat);
    }
    tally.n_lines = tally.n_messages + tally.n_repeated + tally.n_malformed;
    (delivered, tally)
}

/// Writes the times: the device's own of happening and sending, ours of receiving.
///
/// Web and server messages bear the corrected time as well, as in an archive; those of
/// the app are as the app's queue sent them, and are the reader's to correct.
fn send(mut message: Message, wait_ms: i64, travel_ms: i64) -> Delivered {
    let sent_ms = message.at_ms + wait_ms;
    let received_ms = sent_ms + travel_ms;
    if message.original_timestamp.is_empty() {
        message.original_timestamp = written(message.at_ms + message.clock_ahead_ms);
        // received − (sent − original): the journey's time remains in it.
        message.timestamp = (message.context.channel != "app").then(|| written(message.at_ms + travel_ms));
    }
    message.sent_at = written(sent_ms + message.clock_ahead_ms);
    message.received_at = written(received_ms);
    Delivered { received_ms, message }
}

/// Breaks a message in one of the ways messages are broken.
fn spoil(mut message: Message, dice: &mut Dice) -> Message {
    message.message_id = dice.uuid();
    match dice.below(5) {
        0 => (message.user_id, message.anonymous_id) = (None, None),
        1 => (message.kind, message.event, message.name) = ("track", None, None),
        2 => message.kind = "trakc",
        3 => message.original_timestamp = "yesterday evening".to_owned(),
        _ => {
            // A clock that was never set.
            message.original_timestamp = written(43_200_000);
            message.timestamp = Some(written(43_200_000));
        }
    }
    message
}
