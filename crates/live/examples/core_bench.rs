//! Prints what the core does with one thread: events a second, bytes a profile.
//!
//! `cargo run --release -p throng-live --example core_bench -- EVENTS PEOPLE`
#![expect(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a bench")]

use std::time::Instant as Clock;

use throng_event::{Attributes, Calendar, Decimal, Event, EventId, EventKind, Instant, Money, Value};
use throng_feature::{
    Catalogue, FeatureDefinition, FeatureKind, Filter, SESSION_GAP_MINUTES, SignalCategory, ValueSource, Window,
};
use throng_live::{Core, CoreSettings, Entry, Offset, Record, ShiftRules};
use throng_profile::IdentityRules;

const NAMES: [&str; 6] =
    ["Page Viewed", "Product Viewed", "Products Searched", "Product Added", "Checkout", "Order Completed"];
const CATEGORIES: [&str; 6] = ["shoes", "coats", "books", "games", "food", "toys"];
const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];

fn definitions() -> Vec<FeatureDefinition> {
    let source = |text: &str| text.parse::<ValueSource>().unwrap();
    let amount = || "amount".parse().unwrap();
    let gap_minutes = SESSION_GAP_MINUTES;
    let mut all: Vec<(String, FeatureKind, Filter, Window)> = Vec::new();
    for name in NAMES {
        for (suffix, window) in [("7d", Window::days(7)), ("30d", Window::days(30)), ("all", Window::All)] {
            all.push((format!("{name}_{suffix}"), FeatureKind::Count, Filter::named(name), window));
        }
        all.push((format!("{name}_recency"), FeatureKind::Recency, Filter::named(name), Window::All));
    }
    for (suffix, window) in [("30d", Window::days(30)), ("all", Window::All)] {
        let every = Filter::behaviour;
        let orders = || Filter::named("Order Completed");
        all.push((format!("sessions_{suffix}"), FeatureKind::Sessions { gap_minutes }, every(), window));
        all.push((
            format!("categories_{suffix}"),
            FeatureKind::Distinct { of: source("properties.category") },
            every(),
            window,
        ));
        all.push((
            format!("mix_{suffix}"),
            FeatureKind::Entropy { of: source("properties.category") },
            every(),
            window,
        ));
        all.push((
            format!("devices_{suffix}"),
            FeatureKind::Entropy { of: source("properties.device") },
            every(),
            window,
        ));
        all.push((format!("revenue_{suffix}"), FeatureKind::Sum { of: amount() }, orders(), window));
        all.push((format!("basket_{suffix}"), FeatureKind::Mean { of: amount() }, orders(), window));
        all.push((format!("largest_{suffix}"), FeatureKind::Max { of: amount() }, orders(), window));
        all.push((format!("days_{suffix}"), FeatureKind::ActiveDays, every(), window));
    }
    let definition = |(name, kind, filter, window): (String, FeatureKind, Filter, Window)| FeatureDefinition {
        name: name.replace(' ', "_").to_lowercase(),
        kind,
        filter,
        window,
        half_life_days: None,
        description: String::new(),
        phrase: String::new(),
        unit: "-".to_owned(),
        category: SignalCategory::Behavioural,
    };
    all.into_iter().map(definition).collect()
}

fn event(number: u64, n_people: u64) -> Event {
    // A multiplicative generator: the same events each time, and none of its own cost in the measure.
    let draw = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let pick = |shift: u32, n: usize| usize::try_from(draw >> shift & 0xffff).unwrap() % n;
    let name = NAMES[pick(20, NAMES.len())];
    let at = Instant(1_700_000_000_000_000 + i64::try_from(number).unwrap() * 5_000_000);
    let mut properties = Attributes::new();
    properties.insert("category", Value::text(CATEGORIES[pick(30, CATEGORIES.len())]));
    properties.insert("device", Value::text(DEVICES[pick(40, DEVICES.len())]));
    let paid = name == "Order Completed";
    Event {
        id: EventId(format!("e{number}")),
        kind: EventKind::Track,
        name: name.to_owned(),
        user_id: Some(format!("u{}", (draw >> 16) % n_people)),
        anonymous_id: None,
        external_ids: Vec::new(),
        group_id: None,
        previous_id: None,
        occurred_at: at,
        sent_at: None,
        received_at: at,
        source: "web".to_owned(),
        channel: None,
        context: Attributes::new(),
        properties,
        traits: Attributes::new(),
        money: paid.then(|| Money { minor: 1_999, currency: "EUR".parse().unwrap() }),
        products: Vec::new(),
        text: None,
        rating: paid.then_some(Decimal(5_000_000)),
    }
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let (n_events, n_people) =
        (arguments.first().copied().unwrap_or(1_000_000), arguments.get(1).copied().unwrap_or(20_000));
    let catalogue = Catalogue::new(definitions(), Some("EUR".parse().unwrap())).unwrap();
    let n_features = catalogue.definitions().len();
    let settings = CoreSettings {
        calendar: Calendar::utc(),
        catalogue,
        touchpoints: Vec::new(),
        shifts: ShiftRules::STANDARD,
        rules: IdentityRules::standard(),
        models: Vec::new(),
    };
    let mut core = Core::new(settings);
    let mut spent = 0.0;
    let mut number = 0;
    while number < n_events {
        let until = (number + 10_000).min(n_events);
        let entries: Vec<Entry> = (number..until)
            .map(|number| Entry::new(Offset(number), Record::Event(Box::new(event(number, n_people)))))
            .collect();
        let start = Clock::now();
        for entry in &entries {
            core.apply(entry);
        }
        spent += start.elapsed().as_secs_f64();
        number = until;
    }
    let (profiles, bytes) = (core.n_profiles(), core.memory());
    let start = Clock::now();
    let n_values: usize = core.features_of_all(core.today()).map(|(_, values)| values.len()).sum();
    let folded = start.elapsed().as_secs_f64();
    println!("{n_events} events of {profiles} people, {n_features} features, one thread, {n_values} values");
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (rate, fold, each) = (n_events as f64 / spent, folded * 1e6 / profiles as f64, bytes as f64 / profiles as f64);
    println!("update, who is who and history: {rate:.0} events/s");
    println!("features of one profile: {fold:.2} microseconds");
    println!("histories and states: {each:.0} bytes a profile");
}
