//! What a simulation promises: repeatable bytes, messages that can be read, and a
//! truth the messages agree with.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use throng_event::{Day, Instant};
use throng_testkit::{CustomerTruth, MessageOrder, PERSONAS_MAX, Simulation, SimulationParams, Tally, simulate};

fn params(n_customers: u32, seed: u64) -> SimulationParams {
    let start = Day::parse("2024-01-01").expect("a date");
    SimulationParams { n_customers, n_personas: PERSONAS_MAX, seed, start, n_days: 365 }
}

fn written(simulation: &Simulation, order: MessageOrder) -> (String, Tally) {
    let mut bytes = Vec::new();
    let tally = simulation.write_messages(&mut bytes, order).expect("memory takes everything");
    (String::from_utf8(bytes).expect("JSON is UTF-8"), tally)
}

fn messages(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

fn text<'a>(message: &'a Value, pointer: &str) -> &'a str {
    message.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn milliseconds(message: &Value, field: &str) -> Option<i64> {
    let written = message.get(field)?.as_str()?;
    Instant::parse(written, &jiff::tz::TimeZone::UTC).map(|instant| instant.0 / 1_000)
}

/// Whether a message has all it needs; the opposite of the ways in which one is broken.
fn sound(message: &Value) -> bool {
    let kinds = ["track", "page", "screen", "identify", "group", "alias"];
    let known = !text(message, "/userId").is_empty() || !text(message, "/anonymousId").is_empty();
    let named = text(message, "/type") != "track" || !text(message, "/event").is_empty();
    let timed = milliseconds(message, "originalTimestamp").is_some_and(|at| at > 1_000_000_000_000);
    kinds.contains(&text(message, "/type")) && known && named && timed
}

/// The customer of every id of the truth.
fn owners(truth: &[CustomerTruth]) -> BTreeMap<&str, &CustomerTruth> {
    let mut owners = BTreeMap::new();
    for customer in truth {
        let ids = customer.anonymous_ids.iter().chain(&customer.previous_user_id).chain([&customer.user_id]);
        for id in ids {
            assert!(owners.insert(id.as_str(), customer).is_none(), "{id} belongs to two customers");
        }
    }
    owners
}

#[test]
fn the_same_parameters_give_the_same_bytes() {
    for order in [MessageOrder::Received, MessageOrder::Customer] {
        let first = written(&simulate(params(40, 1)), order);
        assert_eq!(first, written(&simulate(params(40, 1)), order));
        assert_ne!(first.0, written(&simulate(params(40, 2)), order).0);
    }
}

#[test]
fn the_first_customers_do_not_depend_on_how_many_follow() {
    let (few, many) = (simulate(params(20, 1)), simulate(params(60, 1)));
    let (few_text, _) = written(&few, MessageOrder::Customer);
    assert!(written(&many, MessageOrder::Customer).0.starts_with(&few_text));
    assert!(few.truth().eq(many.truth().take(20)));
}

#[test]
fn messages_are_received_in_the_order_of_receiving() {
    let simulation = simulate(params(40, 1));
    let (received, _) = written(&simulation, MessageOrder::Received);
    let times: Vec<Option<i64>> =
        messages(&received).iter().map(|message| milliseconds(message, "receivedAt")).collect();
    assert!(times.iter().all(Option::is_some));
    assert!(times.is_sorted());
    let (by_customer, _) = written(&simulation, MessageOrder::Customer);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&received), sorted(&by_customer));
}

#[test]
fn the_tally_counts_what_was_written() {
    let (text_written, tally) = written(&simulate(params(200, 3)), MessageOrder::Received);
    let messages = messages(&text_written);
    let count = |n: usize| u64::try_from(n).expect("a small number");
    let sound: Vec<&Value> = messages.iter().filter(|message| sound(message)).collect();
    let ids: BTreeSet<&str> = sound.iter().map(|message| text(message, "/messageId")).collect();
    let expected = Tally {
        n_lines: count(messages.len()),
        n_messages: count(ids.len()),
        n_repeated: count(sound.len() - ids.len()),
        n_malformed: count(messages.len() - sound.len()),
        n_late: tally.n_late,
    };
    assert_eq!(tally, expected);
    for (n, what) in [(tally.n_repeated, "repeated"), (tally.n_malformed, "malformed"), (tally.n_late, "late")] {
        assert!(n > 0, "no message is {what}");
    }
}

#[test]
fn the_times_of_a_message_agree() {
    let (text_written, _) = written(&simulate(params(150, 3)), MessageOrder::Received);
    let mut occurred_at: BTreeMap<String, i64> = BTreeMap::new();
    let mut n_wrong_clocks = 0;
    for message in messages(&text_written).iter().filter(|message| sound(message)) {
        let time = |field: &str| milliseconds(message, field);
        let (original, sent, received) = (time("originalTimestamp"), time("sentAt"), time("receivedAt"));
        let (Some(original), Some(sent), Some(received)) = (original, sent, received) else {
            panic!("{message} lacks a time");
        };
        let corrected = received - (sent - original);
        assert!(time("timestamp").is_none_or(|timestamp| timestamp == corrected), "{message}");
        n_wrong_clocks += usize::from((received - sent).abs() > 60_000);
        // A repeat happened when the message did.
        let first = *occurred_at.entry(text(message, "/messageId").to_owned()).or_insert(corrected);
        assert_eq!(first, corrected, "{message}");
    }
    assert!(n_wrong_clocks > 0, "no device has a wrong clock");
}

#[test]
fn the_truth_knows_everyone_who_speaks() {
    let simulation = simulate(params(300, 5));
    let truth: Vec<CustomerTruth> = simulation.truth().collect();
    let owners = owners(&truth);
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    let (text_written, _) = written(&simulation, MessageOrder::Customer);
    for message in messages(&text_written).iter().filter(|message| sound(message)) {
        let ids = ["/userId", "/anonymousId", "/previousId"].map(|pointer| text(message, pointer));
        let customers: BTreeSet<&str> =
            ids.iter().filter(|id| !id.is_empty()).map(|id| owners[id].user_id.as_str()).collect();
        assert_eq!(customers.len(), 1, "{message} is of one customer");
        let customer = owners[ids.iter().find(|id| !id.is_empty()).expect("sound messages have an id")];
        heard.insert(customer.user_id.as_str());
        let visit = ["web", "app", "store"].contains(&text(message, "/context/channel"));
        let happened = milliseconds(message, "receivedAt").zip(milliseconds(message, "sentAt"));
        let at_ms = happened.zip(milliseconds(message, "originalTimestamp")).map(|((r, s), o)| r - s + o);
        let day = |day: Day| i64::from(day.0) * 86_400_000;
        assert!(at_ms >= Some(day(customer.joined_on)), "{message} comes before {}", customer.joined_on);
        if let Some(churned_on) = customer.churned_on.filter(|_| visit) {
            // A session may last beyond midnight.
            assert!(at_ms < Some(day(churned_on) + 3 * 3_600_000), "{message} comes after {churned_on}");
        }
        let robot = text(message, "/context/userAgent").contains("Headless");
        assert_eq!(robot, customer.bot, "{message}");
    }
    assert_eq!(heard.len(), truth.len(), "everyone speaks");
    for customer in &truth {
        assert_eq!(customer.bot, customer.persona.is_none());
        assert!(
            customer.referred_by.as_ref().is_none_or(|id| *id < customer.user_id && owners.contains_key(id.as_str()))
        );
    }
    let some = |n: usize, what: &str| assert!(n > 3, "{n} {what}");
    some(truth.iter().filter(|customer| customer.bot).count(), "robots");
    some(truth.iter().filter(|customer| customer.churned_on.is_some()).count(), "churned");
    some(truth.iter().filter(|customer| customer.referred_by.is_some()).count(), "referred");
    some(truth.iter().filter(|customer| customer.previous_user_id.is_some()).count(), "migrated");
    some(truth.iter().filter(|customer| customer.second_persona.is_some()).count(), "between two personas");
}

#[test]
fn an_anonymous_past_is_linked_by_logging_in() {
    let (text_written, _) = written(&simulate(params(300, 5)), MessageOrder::Customer);
    let mut unlinked: BTreeSet<String> = BTreeSet::new();
    let mut linked: BTreeSet<String> = BTreeSet::new();
    for message in messages(&text_written).iter().filter(|message| sound(message)) {
        let (user, device) = (text(message, "/userId"), text(message, "/anonymousId"));
        match (user.is_empty(), device.is_empty()) {
            (true, false) => drop(unlinked.insert(device.to_owned())),
            (false, false) => drop(linked.insert(device.to_owned())),
            (_, true) => {}
        }
    }
    let both = unlinked.intersection(&linked).count();
    assert!(both > 100, "{both} devices were anonymous before they were known");
    assert!(unlinked.difference(&linked).count() > 10, "some stay anonymous");
}

#[test]
fn the_truth_is_written_as_a_table() {
    let simulation = simulate(params(50, 5));
    let mut bytes = Vec::new();
    simulation.write_truth(&mut bytes).expect("memory takes everything");
    let table = String::from_utf8(bytes).expect("UTF-8");
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    assert_eq!(header[..5], ["user_id", "persona", "persona_name", "churned", "bot"]);
    for (line, truth) in lines.clone().zip(simulation.truth()) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        assert_eq!(cells[0], truth.user_id);
        assert_eq!(cells[2], truth.persona_name.unwrap_or_default());
        assert_eq!(cells[4] == "1", truth.bot);
    }
    assert_eq!(lines.count(), 50);
}

/// What a customer did, in counts.
#[derive(Default)]
struct Deeds(BTreeMap<&'static str, f64>);

impl Deeds {
    fn share(&self, part: &'static str, whole: &'static str) -> f64 {
        let value = |name| self.0.get(name).copied().unwrap_or_default();
        value(part) / value(whole).max(1.0)
    }
}

fn deeds(simulation: &Simulation) -> BTreeMap<&'static str, Vec<Deeds>> {
    let truth: Vec<CustomerTruth> = simulation.truth().collect();
    let owners = owners(&truth);
    let mut by_customer: BTreeMap<&str, Deeds> = BTreeMap::new();
    let (text_written, _) = written(simulation, MessageOrder::Customer);
    for message in messages(&text_written).iter().filter(|message| sound(message)) {
        let id =
            ["/userId", "/anonymousId"].map(|pointer| text(message, pointer)).into_iter().find(|id| !id.is_empty());
        let deeds = by_customer.entry(owners[id.expect("sound messages have an id")].user_id.as_str()).or_default();
        let event = text(message, "/event");
        let (order, channel) = (event == "Order Completed", text(message, "/context/channel"));
        let at = text(message, "/originalTimestamp");
        let visit = ["web", "app", "store"].contains(&channel);
        for (deed, done) in [
            ("events", visit),
            ("app", channel == "app"),
            ("night", visit && ["22", "23", "00", "01", "02", "03"].contains(&&at[11..13])),
            ("christmas", visit && ["11", "12"].contains(&&at[5..7])),
            ("orders", order),
            ("store", order && channel == "store"),
            ("coupons", order && !text(message, "/properties/coupon").is_empty()),
            ("refunds", event == "Order Refunded"),
            ("reviews", event == "Product Reviewed"),
            ("views", event == "Product Viewed"),
            ("office", event == "Product Viewed" && text(message, "/properties/category") == "Office"),
        ] {
            *deeds.0.entry(deed).or_default() += f64::from(u8::from(done));
        }
    }
    let mut by_persona: BTreeMap<&'static str, Vec<Deeds>> = BTreeMap::new();
    for customer in truth.iter().filter(|customer| !customer.bot && customer.second_persona.is_none()) {
        let deeds = by_customer.remove(customer.user_id.as_str()).unwrap_or_default();
        by_persona.entry(customer.persona_name.unwrap_or_default()).or_default().push(deeds);
    }
    by_persona
}

#[test]
fn every_persona_leads_in_what_it_is_named_for() {
    let by_persona = deeds(&simulate(params(360, 9)));
    assert_eq!(by_persona.len(), PERSONAS_MAX);
    let check = |persona: &str, part: &'static str, whole: &'static str| {
        let mean = |deeds: &Vec<Deeds>| {
            let n = f64::from(u32::try_from(deeds.len()).expect("a small number"));
            deeds.iter().map(|deeds| deeds.share(part, whole)).sum::<f64>() / n
        };
        let own = mean(&by_persona[persona]);
        for (other, deeds) in by_persona.iter().filter(|(name, _)| **name != persona) {
            // The margin is there to be seen and small enough to leave overlap.
            assert!(own > 1.3 * mean(deeds), "{part}: {persona} {own:.3}, {other} {:.3}", mean(deeds));
        }
    };
    check("family-bulk-buyer", "store", "orders");
    check("discount-hunter", "coupons", "orders");
    check("night-browser", "night", "events");
    check("category-enthusiast", "reviews", "orders");
    check("new-app-user", "app", "events");
    check("business-buyer", "office", "views");
    check("lapsing-returner", "refunds", "orders");
    // New app users have joined late, so their year is mostly Christmas too.
    let mean = |persona: &str| {
        let deeds = &by_persona[persona];
        let n = f64::from(u32::try_from(deeds.len()).expect("a small number"));
        deeds.iter().map(|deeds| deeds.share("christmas", "events")).sum::<f64>() / n
    };
    assert!(mean("gift-buyer") > 2.0 * mean("category-enthusiast"));
}
