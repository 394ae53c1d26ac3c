//! What the people of a shop send: sessions of several events, in Segment's form.
//!
//! Somewhat more than a thousand people are in the shop at once, and each event is of one of
//! them. Whoever leaves makes room: for somebody new, until everybody has been there, or for
//! somebody who comes again. How often someone comes again falls with the rank, as Zipf and
//! Mandelbrot found of words: a few come very often, most hardly ever. Some have an account and
//! log in, on one device or two, which makes one person of several ids.
//!
//! Who comes and what they do is a function of the seed; only times and message ids are not.

mod people;
mod shelf;

use std::io::Write;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::people::{Person, Stage, Visit};
use self::shelf::{CATEGORIES, Product, QUERIES, TOPICS};

pub(super) use self::people::anonymous_id;

/// People who are in the shop at the same time.
const PRESENT: usize = 1_024;
/// How many of those who come in have never been there, while there are such.
const NEW_SHARE: f64 = 0.75;
/// Mandelbrot's shift of the ranks: the most frequent of 100,000 customers makes one visit in
/// 400 of those who return, as large customers of a shop do, and no more.
const RANK_SHIFT: f64 = 50.0;
/// After each event, how likely the visit goes on.
const GOES_ON: f64 = 0.85;

/// What is sent, without end.
#[derive(Debug)]
pub(super) struct Traffic {
    settings: Settings,
    dice: ChaCha8Rng,
    /// The people who have come so far are those with a number below.
    n_come: u32,
    present: Vec<Visit>,
    n_events: u64,
}

/// Whose traffic it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) n_people: u32,
    /// Those who have been there before: nobody or everybody.
    pub(super) n_known: u32,
    /// Makes message ids that no other run has used.
    pub(super) run: u64,
}

/// One request's worth of events.
#[derive(Debug)]
pub(super) struct Parcel {
    /// The last part of the path: `batch`, or what kind of message it is.
    pub(super) call: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) n_events: u64,
    /// People with a lower number have come by now.
    pub(super) n_come: u32,
}

impl Traffic {
    pub(super) fn new(settings: Settings) -> Self {
        let dice = ChaCha8Rng::seed_from_u64(settings.seed);
        Self { settings, dice, n_come: settings.n_known, present: Vec::with_capacity(PRESENT), n_events: 0 }
    }

    /// Returns the next events, sent at an instant that is written as RFC 3339 has it: one as a
    /// message of its own, several as a batch.
    pub(super) fn next(&mut self, n_events: u16, sent_at: &str) -> std::io::Result<Parcel> {
        let mut body = Vec::with_capacity(usize::from(n_events) * EVENT_BYTES);
        let mut call = "batch";
        if n_events == 1 {
            call = self.write_next(&mut body, sent_at)?;
        } else {
            body.extend_from_slice(b"{\"batch\":[");
            for idx in 0..n_events {
                if idx > 0 {
                    body.push(b',');
                }
                self.write_next(&mut body, sent_at)?;
            }
            write!(body, "],\"sentAt\":\"{sent_at}\"}}")?;
        }
        Ok(Parcel { call, body, n_events: u64::from(n_events), n_come: self.n_come })
    }

    /// Writes the next event and returns what kind it is.
    fn write_next(&mut self, body: &mut Vec<u8>, sent_at: &str) -> std::io::Result<&'static str> {
        // Whoever comes in does something at once, so that everybody who has come can be read.
        let idx = self.dice.random_range(0..PRESENT);
        let idx = match self.present.get(idx).map(|visit| visit.stage) {
            None => {
                let visit = self.comes_in();
                self.present.push(visit);
                self.present.len() - 1
            }
            Some(Stage::Left) => {
                self.present[idx] = self.comes_in();
                idx
            }
            Some(Stage::Arrived | Stage::Anonymous | Stage::LoggedIn) => idx,
        };
        self.n_events += 1;
        let message = Message { run: self.settings.run, number: self.n_events, sent_at };
        let kind = self.present[idx].write_next(body, &message, &mut self.dice)?;
        if !self.dice.random_bool(GOES_ON) {
            self.present[idx].stage = Stage::Left;
        }
        Ok(kind)
    }

    /// Returns the visit of somebody new or of somebody who comes again.
    fn comes_in(&mut self) -> Visit {
        let left = self.n_come < self.settings.n_people;
        if left && (self.n_come == 0 || self.dice.random_bool(NEW_SHARE)) {
            self.n_come += 1;
            return Visit::first(Person::new(self.settings.seed, self.n_come - 1), &mut self.dice);
        }
        Visit::again(Person::new(self.settings.seed, self.ranked()), &mut self.dice)
    }

    /// Draws one of those who have come, those with low numbers more often: the inverse of the
    /// distribution that falls with 1 / (rank + shift).
    fn ranked(&mut self) -> u32 {
        let n_come = f64::from(self.n_come);
        let rank = RANK_SHIFT * ((n_come + RANK_SHIFT) / RANK_SHIFT).powf(self.dice.random()) - RANK_SHIFT;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a number of 32 bits"
        )]
        let rank = rank.max(0.0) as u32;
        rank.min(self.n_come - 1)
    }
}

/// Bytes of an event, more than most have.
const EVENT_BYTES: usize = 640;

/// What every message carries.
struct Message<'m> {
    run: u64,
    number: u64,
    sent_at: &'m str,
}

impl Visit {
    /// Writes what this person does next, and returns what kind of message it is.
    fn write_next(
        &mut self,
        body: &mut Vec<u8>,
        message: &Message<'_>,
        dice: &mut ChaCha8Rng,
    ) -> std::io::Result<&'static str> {
        let kind = match self.stage {
            Stage::Arrived => {
                self.stage = Stage::Anonymous;
                "page"
            }
            Stage::Anonymous if self.logs_in => {
                self.stage = Stage::LoggedIn;
                "identify"
            }
            Stage::Anonymous | Stage::LoggedIn | Stage::Left if dice.random_bool(0.1) => "page",
            Stage::Anonymous | Stage::LoggedIn | Stage::Left => "track",
        };
        write!(body, "{{\"type\":\"{kind}\",\"messageId\":\"{:x}-{}\"", message.run, message.number)?;
        write!(body, ",\"anonymousId\":\"{}\"", self.person.anonymous_id(self.device))?;
        if self.stage == Stage::LoggedIn {
            write!(body, ",\"userId\":\"{}\"", self.person.user_id())?;
        }
        let (device, system, agent) = shelf::DEVICES[usize::from(self.form)];
        write!(
            body,
            ",\"context\":{{\"channel\":\"web\",\"library\":{{\"name\":\"analytics.js\"}},\"device\":{{\"type\":\"{device}\"}},\
             \"os\":{{\"name\":\"{system}\"}},\"userAgent\":\"{agent}\"}}"
        )?;
        match kind {
            "identify" => write!(
                body,
                ",\"traits\":{{\"email\":\"{}\",\"city\":\"{}\",\"age_group\":\"{}\"}}",
                self.person.email(),
                self.person.city(),
                self.person.age_group()
            )?,
            "page" => {
                let category = CATEGORIES[usize::from(self.interest)].name;
                write!(body, ",\"name\":\"{category}\",\"properties\":{{\"path\":\"/{category}\"}}")?;
            }
            _ => self.write_track(body, message.number, dice)?,
        }
        write!(body, ",\"timestamp\":\"{0}\",\"sentAt\":\"{0}\"}}", message.sent_at)?;
        Ok(kind)
    }

    /// Writes the name and the properties of something that was done.
    fn write_track(&mut self, body: &mut Vec<u8>, number: u64, dice: &mut ChaCha8Rng) -> std::io::Result<()> {
        let drawn = dice.random_range(0..100_u8);
        if let Some(product) = self.cart.filter(|_| drawn >= 70) {
            let total = product.price_cents * u64::from(self.quantity);
            write!(body, ",\"event\":\"{}\"", if self.at_checkout { "Order Completed" } else { "Checkout Started" })?;
            write!(body, ",\"properties\":{{\"order_id\":\"o-{number}\",\"total\":{}", money(total))?;
            write!(body, ",\"revenue\":{},\"currency\":\"EUR\",\"products\":[{{", money(total))?;
            product.write(body)?;
            write!(body, ",\"quantity\":{}}}]}}", self.quantity)?;
            if std::mem::replace(&mut self.at_checkout, true) {
                (self.cart, self.at_checkout) = (None, false);
            }
            return Ok(());
        }
        // Most look at what they like.
        let category = if dice.random_bool(0.7) { self.interest } else { dice.random_range(0..shelf::N_CATEGORIES) };
        let product = Product::draw(category, dice);
        match drawn {
            0..12 => {
                let query = QUERIES[dice.random_range(0..QUERIES.len())];
                write!(body, ",\"event\":\"Products Searched\",\"properties\":{{\"query\":\"{query}\"}}")
            }
            12..15 => {
                write!(
                    body,
                    ",\"event\":\"Product Reviewed\",\"properties\":{{\"rating\":{}",
                    dice.random_range(1..6)
                )?;
                write!(body, ",\"body\":\"It is as it was described.\",")?;
                product.write(body)?;
                write!(body, "}}")
            }
            15..17 => {
                let topic = TOPICS[dice.random_range(0..TOPICS.len())];
                write!(body, ",\"event\":\"Support Ticket Opened\",\"properties\":{{\"ticket_id\":\"t-{number}\"")?;
                write!(body, ",\"topic\":\"{topic}\",\"body\":\"What about my order? I have waited for a week.\"}}")
            }
            17..37 => {
                self.quantity = dice.random_range(1..4);
                self.cart = Some(product);
                write!(body, ",\"event\":\"Product Added\",\"properties\":{{\"currency\":\"EUR\",")?;
                product.write(body)?;
                write!(body, ",\"quantity\":{}}}", self.quantity)
            }
            _ => {
                write!(body, ",\"event\":\"Product Viewed\",\"properties\":{{\"currency\":\"EUR\",")?;
                product.write(body)?;
                write!(body, "}}")
            }
        }
    }
}

/// Returns cents as an amount.
fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const SETTINGS: Settings = Settings { seed: 7, n_people: 500, n_known: 0, run: 0xabc };
    const NOW: &str = "2026-01-02T03:04:05.678Z";

    fn events(settings: Settings, n: usize) -> Vec<Value> {
        let mut traffic = Traffic::new(settings);
        let bodies = (0..n / 100).map(|_| traffic.next(100, NOW).unwrap().body);
        let read = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap()["batch"].as_array().unwrap().clone();
        bodies.flat_map(read).collect()
    }

    fn count<'v>(events: &'v [Value], member: &str) -> BTreeMap<&'v str, usize> {
        let mut counts = BTreeMap::new();
        events.iter().filter_map(|event| event[member].as_str()).for_each(|text| *counts.entry(text).or_default() += 1);
        counts
    }

    #[test]
    fn the_same_seed_sends_the_same_under_other_message_ids() {
        let without_ids = |run| {
            let mut events = events(Settings { run, ..SETTINGS }, 1_000);
            for event in &mut events {
                event["messageId"] = Value::Null;
            }
            events
        };
        assert_eq!(without_ids(1), without_ids(2));
        assert_ne!(events(SETTINGS, 1_000), events(Settings { seed: 8, ..SETTINGS }, 1_000));
        let events = events(SETTINGS, 1_000);
        assert_eq!(count(&events, "messageId").len(), 1_000);
    }

    #[test]
    fn everybody_comes_and_some_come_often() {
        let events = events(SETTINGS, 40_000);
        let counts = count(&events, "anonymousId");
        let first_devices: BTreeSet<String> = (0..500).map(|number| anonymous_id(7, number)).collect();
        let n_come = first_devices.iter().filter(|id| counts.contains_key(id.as_str())).count();
        assert!(n_come > 490, "{n_come}");
        let mut sorted: Vec<usize> = counts.values().copied().collect();
        sorted.sort_unstable();
        assert!(sorted[sorted.len() - 1] > 4 * sorted[sorted.len() / 2], "{sorted:?}");
    }

    #[test]
    fn everybody_who_has_come_has_been_seen_on_the_first_device() {
        let mut traffic = Traffic::new(SETTINGS);
        let mut seen = BTreeSet::new();
        for _ in 0..300 {
            let parcel = traffic.next(1, NOW).unwrap();
            let message: Value = serde_json::from_slice(&parcel.body).unwrap();
            seen.insert(message["anonymousId"].as_str().unwrap().to_owned());
            assert!((0..parcel.n_come).all(|number| seen.contains(&anonymous_id(7, number))));
        }
    }

    #[test]
    fn whoever_has_been_there_before_comes_again_at_once() {
        let events = events(Settings { n_known: 500, ..SETTINGS }, 2_000);
        let late = anonymous_id(7, 499);
        let n_come = Traffic::new(Settings { n_known: 500, ..SETTINGS }).next(1, NOW).unwrap().n_come;
        assert_eq!(n_come, 500);
        assert!((300..500).any(|number| count(&events, "anonymousId").contains_key(anonymous_id(7, number).as_str())));
        assert_eq!(late.len(), 36);
    }

    #[test]
    fn the_events_are_those_of_a_shop_and_orders_have_amounts() {
        let events = events(SETTINGS, 20_000);
        let named = count(&events, "event");
        for name in ["Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Products Searched"] {
            assert!(named.get(name).is_some_and(|n| *n > 200), "{name}: {named:?}");
        }
        let order = events.iter().find(|event| event["event"] == "Order Completed").unwrap();
        let products = order["properties"]["products"].as_array().unwrap();
        let price = products[0]["price"].as_f64().unwrap() * products[0]["quantity"].as_f64().unwrap();
        assert!((order["properties"]["total"].as_f64().unwrap() - price).abs() < 0.005);
    }

    #[test]
    fn logging_in_joins_devices_and_comes_before_the_user_id() {
        let events = events(SETTINGS, 20_000);
        let identifies = count(&events, "type")["identify"];
        assert!(identifies > 500, "{identifies}");
        let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for event in &events {
            if let (Some(user), Some(anonymous)) = (event["userId"].as_str(), event["anonymousId"].as_str()) {
                devices.entry(user).or_default().insert(anonymous);
            }
        }
        assert!(devices.values().all(|devices| devices.len() <= 2));
        assert!(devices.values().filter(|devices| devices.len() == 2).count() > 10);
    }

    #[test]
    fn one_event_is_a_message_of_its_own_kind() {
        let mut traffic = Traffic::new(SETTINGS);
        for _ in 0..2_000 {
            let parcel = traffic.next(1, NOW).unwrap();
            let message: Value = serde_json::from_slice(&parcel.body).unwrap();
            assert_eq!((message["type"].as_str(), message["sentAt"].as_str()), (Some(parcel.call), Some(NOW)));
        }
    }
}
