//! Random events: small histories full of what goes wrong, for property tests.

use throng_event::{
    Attributes, Currency, Decimal, Event, EventId, EventKind, Identity, IdentityKind, Instant, Money, ProductLine,
    Value,
};

use crate::dice::{Dice, length};

const SECOND: i64 = Instant::SECOND;
const HOUR: i64 = 3_600 * SECOND;

/// Instants around which events gather (seconds since 1970): nights of daylight saving
/// in Berlin and New York, both ways, a New Year, a leap day.
const MOMENTS: [i64; 6] = [1_711_846_800, 1_729_990_800, 1_710_054_000, 1_730_613_600, 1_704_067_200, 1_709_164_800];

const NAMES: [&str; 6] =
    ["Product Viewed", "Product Added", "Order Completed", "Order Refunded", "Email Opened", "Product Reviewed"];
const CHANNELS: [&str; 4] = ["web", "app", "store", "email"];
const CATEGORIES: [&str; 4] = ["Toys", "Books", "Fashion", "Ünïcode & \"Co\""];

/// Returns `n` events of several people, in no order.
///
/// Among them are several at one instant, some twice (equal in everything), orders and
/// refunds with product lines, missing fields, identities that change, values of every
/// type, and nights in which an hour is missing or comes twice. The same seed gives
/// the same events; the first of a longer list are those of a shorter one.
///
/// ```
/// let events = throng_testkit::random_events(7, 50);
/// assert_eq!(events, throng_testkit::random_events(7, 60)[..50]);
/// ```
#[must_use]
pub fn random_events(seed: u64, n: usize) -> Vec<Event> {
    let mut dice = Dice::new(seed, u64::MAX);
    let n_people = dice.between(1, 8);
    let mut events: Vec<Event> = Vec::with_capacity(n);
    while events.len() < n {
        if !events.is_empty() && dice.chance(0.05) {
            let again_idx = dice.below(events.len());
            events.push(events[again_idx].clone());
            continue;
        }
        let number = events.len();
        let occurred_at = instant(&mut dice, &events);
        events.push(event(&mut dice, number, n_people, occurred_at));
    }
    events
}

fn instant(dice: &mut Dice, events: &[Event]) -> Instant {
    if !events.is_empty() && dice.chance(0.15) {
        return events[dice.below(events.len())].occurred_at;
    }
    let moment = dice.pick(&MOMENTS) * SECOND;
    match dice.below(4) {
        // Within the hours of a change of the clocks, to the second.
        0 => Instant(moment + dice.between(-3 * 3_600, 3 * 3_600) * SECOND),
        // Exactly on the hour, where days and windows end.
        1 => Instant(moment + dice.between(-48, 48) * HOUR),
        // In one session.
        2 => Instant(moment + dice.between(0, 40 * 60 * 1_000_000)),
        _ => Instant(moment + dice.between(-400, 60) * Instant::DAY + dice.between(0, 86_399) * SECOND),
    }
}

fn event(dice: &mut Dice, number: usize, n_people: i64, occurred_at: Instant) -> Event {
    let kinds =
        [EventKind::Track, EventKind::Page, EventKind::Screen, EventKind::Identify, EventKind::Alias, EventKind::Group];
    let kind = kinds[dice.weighted(&[0.7, 0.1, 0.05, 0.08, 0.03, 0.04])];
    let name = kind.default_name().unwrap_or(dice.pick(&NAMES)).to_owned();
    let person = dice.between(1, n_people);
    let known = kind == EventKind::Alias || dice.chance(0.7);
    let device = if dice.chance(0.9) { person } else { dice.between(1, n_people) };
    let products = products(dice, &name);
    let received_at = Instant(occurred_at.0 + if dice.chance(0.2) { dice.between(0, 3 * Instant::DAY) } else { 0 });
    Event {
        id: EventId(format!("event-{number}-{}", dice.between(0, 999))),
        kind,
        money: money(dice, &name, &products),
        user_id: known.then(|| format!("user-{person}")),
        anonymous_id: (!known || dice.chance(0.5)).then(|| format!("device-{device}")),
        external_ids: external_ids(dice, person),
        group_id: (kind == EventKind::Group).then(|| format!("company-{}", person % 3)),
        previous_id: (kind == EventKind::Alias).then(|| format!("user-{}", dice.between(1, n_people + 2))),
        occurred_at,
        sent_at: dice.chance(0.5).then_some(received_at),
        received_at,
        source: ["shop", "till"][dice.below(2)].to_owned(),
        channel: dice.chance(0.85).then(|| dice.pick(&CHANNELS).to_owned()),
        context: context(dice),
        properties: properties(dice),
        traits: if matches!(kind, EventKind::Identify | EventKind::Group) { traits(dice) } else { Attributes::new() },
        products,
        text: (name == "Product Reviewed" && dice.chance(0.8)).then(|| format!("Review number {number}")),
        rating: (name == "Product Reviewed" && dice.chance(0.9))
            .then(|| Decimal(dice.between(2, 10) * Decimal::ONE / 2)),
        name,
    }
}

/// Mostly nothing; sometimes an address of one's own or a telephone shared with others.
fn external_ids(dice: &mut Dice, person: i64) -> Vec<Identity> {
    let own = dice.chance(0.15).then(|| Identity::new(IdentityKind::Email, &format!("person-{person}@example.com")));
    let shared = dice.chance(0.05).then(|| Identity::new(IdentityKind::Phone, &format!("+4930{:07}", person / 3)));
    own.into_iter().chain(shared).collect()
}

fn products(dice: &mut Dice, name: &str) -> Vec<ProductLine> {
    let n_lines = match name {
        "Order Completed" => dice.between(0, 4),
        "Order Refunded" => dice.between(0, 2),
        "Product Viewed" | "Product Added" | "Product Reviewed" => 1,
        _ => 0,
    };
    let sign = if name == "Order Refunded" { -1 } else { 1 };
    (0..n_lines)
        .map(|_| ProductLine {
            product_id: format!("product-{}", dice.between(1, 6)),
            name: dice.chance(0.5).then(|| "A product".to_owned()),
            category: dice.chance(0.85).then(|| dice.pick(&CATEGORIES).to_owned()),
            brand: dice.chance(0.5).then(|| format!("brand-{}", dice.between(1, 3))),
            // Halves too: cheese is sold by weight.
            quantity: Decimal(sign * dice.between(1, 8) * Decimal::ONE / 2),
            amount_minor: dice.chance(0.9).then(|| sign * dice.between(0, 20_000)),
            discount_minor: dice.chance(0.3).then(|| dice.between(0, 500)),
        })
        .collect()
}

fn money(dice: &mut Dice, name: &str, products: &[ProductLine]) -> Option<Money> {
    let sum: i64 = products.iter().filter_map(|line| line.amount_minor).sum();
    let currency: Currency = (if dice.chance(0.95) { "EUR" } else { "USD" }).parse().ok()?;
    match name {
        "Order Completed" | "Order Refunded" if dice.chance(0.95) => Some(Money { minor: sum, currency }),
        _ => None,
    }
}

fn context(dice: &mut Dice) -> Attributes {
    let mut context = Attributes::new();
    if dice.chance(0.7) {
        let device = dice.pick(&["mobile", "desktop", "tablet"]);
        context.insert("device.type", Value::text(device));
    }
    if dice.chance(0.2) {
        context.insert("campaign.name", Value::text(format!("campaign-{}", dice.between(1, 3))));
    }
    context
}

fn properties(dice: &mut Dice) -> Attributes {
    let mut properties = Attributes::new();
    let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    if dice.chance(0.3) {
        put("coupon", Value::text(format!("SAVE{}", dice.between(1, 2))));
    }
    if dice.chance(0.3) {
        // Small and negative numbers, thirds that decimals cut off, and large ones.
        let size = dice.pick(&[3, 1_000_000, 3_333_333, 9_000_000_000_000]);
        put("score", Value::Number(Decimal(dice.between(-size, size))));
    }
    if dice.chance(0.15) {
        put("gift", Value::Bool(dice.chance(0.5)));
    }
    if dice.chance(0.1) {
        put("due_at", Value::Instant(Instant(dice.between(0, 1_800_000_000) * SECOND)));
    }
    if dice.chance(0.1) {
        put("tags", Value::Json(format!("[{}]", length(dice.below(3)))));
    }
    properties
}

fn traits(dice: &mut Dice) -> Attributes {
    let mut traits = Attributes::new();
    traits.insert("plan", Value::text(dice.pick(&["free", "plus", "pro"]).to_owned()));
    if dice.chance(0.5) {
        traits.insert("age", Value::Number(Decimal(dice.between(18, 90) * Decimal::ONE)));
    }
    traits
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use throng_event::Calendar;

    use super::*;

    #[test]
    fn everything_promised_occurs() {
        let events: Vec<Event> = (0..20).flat_map(|seed| random_events(seed, 200)).collect();
        let berlin = Calendar::new("Europe/Berlin").unwrap();
        let night = |event: &&Event| berlin.local(event.occurred_at).0.to_string() == "2024-03-31";
        let few = |n: usize, what: &str| assert!(n > 20, "{n} {what}");
        few(events.iter().filter(night).count(), "events in the night without an hour");
        few(events.iter().filter(|event| event.money.is_some_and(|money| money.minor < 0)).count(), "refunds");
        few(events.iter().filter(|event| event.user_id.is_none()).count(), "anonymous events");
        few(events.iter().filter(|event| event.kind == EventKind::Alias).count(), "aliases");
        let events = random_events(3, 1_000);
        let instants: BTreeSet<Instant> = events.iter().map(|event| event.occurred_at).collect();
        let ids: BTreeSet<&EventId> = events.iter().map(|event| &event.id).collect();
        few(ids.len() - instants.len(), "events at the instant of another");
        few(events.len() - ids.len(), "repeated events");
    }

    #[test]
    fn every_event_has_somebody_and_a_repeat_is_equal() {
        let events = random_events(11, 500);
        let mut by_id = BTreeMap::new();
        for event in &events {
            assert!(event.user_id.is_some() || event.anonymous_id.is_some());
            assert_eq!(*by_id.entry(&event.id).or_insert(event), event);
        }
    }
}
