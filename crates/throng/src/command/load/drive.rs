//! The senders and readers of one run.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Answer, Call, Connection, Endpoint, Fault};
use super::pace::{Pace, Turn, Until};
use super::tally::{Measure, Tally};
use super::traffic::{Traffic, anonymous_id};
use crate::world;

/// Connections that profiles are read on, and those that events are followed on.
const READERS: u32 = 4;
const FOLLOWERS: u32 = 8;
/// How often a request is sent again that the server has no room for, as Segment's libraries do.
const TRIES_MAX: u32 = 10;
/// Seconds that are waited where the server does not say how long, and at most.
const WAIT_S: u64 = 1;
const WAIT_S_MAX: u64 = 300;
/// Within which an event must show.
const READABLE_TIME_MAX: Duration = Duration::from_secs(60);
/// How often it is asked whether an event shows.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// Events that are followed of one person before another takes the place: few, as of most people.
const FOLLOWED_MAX: u64 = 50;

/// What a run does.
pub(super) struct Plan {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) key: HeaderValue,
    pub(super) read_key: Option<HeaderValue>,
    pub(super) traffic: Traffic,
    pub(super) seed: u64,
    /// Makes ids that no other run has used.
    pub(super) run: u64,
    pub(super) batch: u16,
    pub(super) connections: u16,
    /// Events, profiles and followed events a second.
    pub(super) rates: Rates,
    /// How many people have been there before.
    pub(super) n_known: u32,
    pub(super) until: Until,
}

/// How many of each a second; `None` for none, of the events for as many as are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) events: Option<f64>,
    pub(super) reads: Option<f64>,
    pub(super) followed: Option<f64>,
}

/// What all of a run share.
pub(super) struct Run {
    endpoint: Arc<Endpoint>,
    key: HeaderValue,
    read_key: Option<HeaderValue>,
    traffic: Mutex<Traffic>,
    tally: Mutex<Tally>,
    seed: u64,
    run: u64,
    batch: u16,
    /// People with a lower number can be read.
    n_readable: AtomicU32,
    sending: Pace,
    reading: Pace,
    following: Pace,
}

impl Run {
    /// Returns the run, which begins now.
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        let start = Instant::now();
        let beside = match plan.until {
            Until::Time(length) => Until::Time(length),
            Until::Turns(_) | Until::Told => Until::Told,
        };
        Arc::new(Self {
            sending: Pace::new(start, plan.rates.events.map(|rate| rate / f64::from(plan.batch)), plan.until),
            reading: Pace::new(start, plan.rates.reads, beside),
            following: Pace::new(start, plan.rates.followed, beside),
            endpoint: plan.endpoint,
            key: plan.key,
            read_key: plan.read_key,
            traffic: Mutex::new(plan.traffic),
            tally: Mutex::new(Tally::new()),
            seed: plan.seed,
            run: plan.run,
            batch: plan.batch,
            n_readable: AtomicU32::new(plan.n_known),
        })
    }

    /// Sends and reads until the end.
    ///
    /// # Errors
    /// When a part of it failed for a reason that is not the server's.
    pub(super) async fn drive(self: &Arc<Self>, connections: u16, rates: Rates) -> anyhow::Result<()> {
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            senders.spawn(Arc::clone(self).send());
        }
        let mut others = JoinSet::new();
        for number in 0..rates.reads.map_or(0, |_| READERS) {
            others.spawn(Arc::clone(self).read(number));
        }
        for number in 0..rates.followed.map_or(0, |_| FOLLOWERS) {
            others.spawn(Arc::clone(self).follow(number));
        }
        while let Some(ended) = senders.join_next().await {
            ended.context("cannot go on sending")??;
        }
        self.reading.end();
        self.following.end();
        while let Some(ended) = others.join_next().await {
            ended.context("cannot go on reading")?;
        }
        Ok(())
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many requests were never sent because all connections were busy.
    pub(super) fn n_missed(&self) -> u64 {
        self.sending.n_missed()
    }

    /// Sends events on one connection.
    async fn send(self: Arc<Self>) -> anyhow::Result<()> {
        let mut connection = Connection::new(&self.endpoint);
        while let Some(turn) = self.sending.turn().await {
            let sent_at = world::now().to_string();
            let parcel = self.traffic.lock().unwrap_or_else(PoisonError::into_inner).next(self.batch, &sent_at)?;
            let call = self.post(parcel.call, parcel.body);
            let answered = self.ask_until_there_is_room(&mut connection, &call).await;
            let took = turn.at.elapsed();
            let taken = self.tally().note(Measure::Sent, answered.as_ref(), took);
            if taken {
                self.tally().taken(parcel.n_events);
                self.n_readable.fetch_max(parcel.n_come, Ordering::Relaxed);
            }
            if matches!(answered, Err(Fault::NoConnection)) {
                // A server that is away is not asked thousands of times a second.
                tokio::time::sleep(Duration::from_secs(WAIT_S)).await;
            }
        }
        Ok(())
    }

    /// Asks again while the server has no room, after as long as it says.
    async fn ask_until_there_is_room(&self, connection: &mut Connection, call: &Call) -> Result<Answer, Fault> {
        let mut n_tries = 1;
        loop {
            let answer = connection.ask(call).await?;
            if answer.status != 429 || n_tries == TRIES_MAX {
                return Ok(answer);
            }
            let wait_s = answer.retry_after_s.unwrap_or(WAIT_S).min(WAIT_S_MAX);
            self.tally().told_to_wait(wait_s);
            tokio::time::sleep(Duration::from_secs(wait_s)).await;
            n_tries += 1;
        }
    }

    /// Reads profiles on one connection.
    async fn read(self: Arc<Self>, number: u32) {
        let mut connection = Connection::new(&self.endpoint);
        let mut dice = ChaCha8Rng::seed_from_u64(self.seed ^ u64::from(number));
        while let Some(turn) = self.reading.turn().await {
            let n_readable = self.n_readable.load(Ordering::Relaxed);
            if n_readable == 0 {
                continue;
            }
            let call = self.get_profile(&anonymous_id(self.seed, dice.random_range(0..n_readable)));
            let answered = connection.ask(&call).await;
            self.tally().note(Measure::Read, answered.as_ref(), turn.at.elapsed());
        }
    }

    /// Follows events on one connection, each until it is in the profile that is read.
    async fn follow(self: Arc<Self>, number: u32) {
        let mut connection = Connection::new(&self.endpoint);
        let mut n_taken = 0;
        while let Some(turn) = self.following.turn().await {
            // Of one person after the other, each with a few events.
            let person = format!("f{:x}-{number}-{}", self.run, n_taken / FOLLOWED_MAX);
            let id = format!("{:x}-f{}", self.run, turn.number);
            let (measure, answered) = if turn.number.is_multiple_of(2) {
                let call = self.post("decide", event_of(&person, &id));
                (Measure::Decided, connection.ask(&call).await)
            } else {
                let call = self.post("track", event_of(&person, &id));
                let n_expected = n_taken % FOLLOWED_MAX + 1;
                (Measure::Followed, self.send_and_wait(&mut connection, (&call, &person, n_expected), turn).await)
            };
            n_taken += u64::from(self.tally().note(measure, answered.as_ref(), turn.at.elapsed()));
        }
    }

    /// Sends an event and asks for the profile until it has so many.
    async fn send_and_wait(
        &self,
        connection: &mut Connection,
        (call, person, n_expected): (&Call, &str, u64),
        turn: Turn,
    ) -> Result<Answer, Fault> {
        let sent = connection.ask(call).await?;
        if sent.status != 200 {
            return Ok(sent);
        }
        let profile = self.get_profile(person);
        loop {
            let answer = connection.ask(&profile).await?;
            if n_events(&answer).is_some_and(|n_events| n_events >= n_expected) {
                return Ok(answer);
            }
            // Nobody of this id was seen yet.
            if !matches!(answer.status, 200 | 404) {
                return Ok(answer);
            }
            if turn.at.elapsed() > READABLE_TIME_MAX {
                return Err(Fault::NotReadable);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    fn post(&self, call: &str, body: impl Into<Bytes>) -> Call {
        Call { method: Method::POST, path: format!("/v1/{call}"), key: Some(self.key.clone()), body: body.into() }
    }

    fn get_profile(&self, anonymous_id: &str) -> Call {
        let path = format!("/v1/profiles/anonymous_id:{anonymous_id}");
        Call { method: Method::GET, path, key: self.read_key.clone(), body: Bytes::new() }
    }
}

fn event_of(person: &str, id: &str) -> Vec<u8> {
    let properties = json!({"product_id": "boo-001", "category": "Books", "price": 12.5, "currency": "EUR"});
    let now = world::now().to_string();
    let message = json!({
        "type": "track", "event": "Product Viewed", "messageId": id, "anonymousId": person,
        "properties": properties, "timestamp": now, "sentAt": now,
    });
    message.to_string().into_bytes()
}

fn n_events(answer: &Answer) -> Option<u64> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body.get("events")?.as_u64()
}
