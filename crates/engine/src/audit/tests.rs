//! Every finding fires on what was made for it, and a clean shop stays silent.
//!
//! One home holds all that can be wrong, half a year of three sources, and is audited
//! once; each test looks at one finding of it.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use serde_json::{Value as Json, json};
use throng_event::{Day, Instant};
use throng_testkit::{MessageOrder, SimulationParams, simulate};

use super::{Audit, Finding, Severity};
use crate::import::{ImportEffect, ImportForm, ImportRequest};
use crate::{Engine, Home};

/// 2024-01-01.
const START: i64 = 19_723;
const DAYS: i64 = 182;
/// When a shop's people are awake: an event draws its hour from here.
const HOURS: [i64; 24] = [8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 14, 15, 16, 17, 17, 18, 18, 19, 19, 19, 20, 20, 21, 22];

fn at(day: i64, second: i64) -> String {
    Instant((START + day) * Instant::DAY + second * Instant::SECOND).to_string()
}

/// The messages of one source.
struct Source {
    name: &'static str,
    text: String,
    n: i64,
}

impl Source {
    fn new(name: &'static str) -> Self {
        Self { name, text: String::new(), n: 0 }
    }

    /// Adds a message with an id of its own.
    fn send(&mut self, mut message: Json) {
        self.n += 1;
        message["messageId"] = json!(format!("{}-{}", self.name, self.n));
        self.text.push_str(&format!("{message}\n"));
    }

    fn track(&mut self, user: &str, event: &str, at: &str, properties: &Json) {
        self.send(json!({"type": "track", "userId": user, "event": event, "timestamp": at, "properties": properties}));
    }

    /// Returns a second of the day in which people are awake, another for every message.
    fn second(&self) -> i64 {
        let n = self.n;
        HOURS[usize::try_from(n % 24).unwrap()] * 3_600 + (n * 7 % 60) * 60 + n * 13 % 60
    }
}

fn order(number: &str, total: i64) -> Json {
    json!({"order_id": number, "total": total, "currency": "EUR"})
}

/// What happens in a shop where all is well, with the drift of names and properties.
fn history(shop: &mut Source) {
    for day in 0..DAYS {
        let early = day < DAYS / 2;
        for view in 0..12 {
            let properties = json!({"product_id": format!("p{}", (day * 5 + view) % 37), "size": view + 30});
            let moment = at(day, shop.second());
            shop.track(&format!("u{}", (day * 7 + view * 5) % 60), "Product Viewed", &moment, &properties);
        }
        for sale in 0..4 {
            let mut properties = order(&format!("o{day}-{sale}"), 20 + (day * 37 + sale * 91) % 60);
            if early {
                properties["note"] = json!("by hand");
            } else {
                properties["gift"] = json!(true);
            }
            if early || sale == 0 {
                properties["hint"] = json!("left");
            }
            let moment = at(day, shop.second());
            shop.track(&format!("u{}", (day * 3 + sale * 11) % 60), "Order Completed", &moment, &properties);
        }
        let moment = at(day, shop.second());
        shop.track("u1", if early { "Coupon Shown" } else { "Wish Added" }, &moment, &json!({"n": day}));
    }
}

/// Times and clocks that are wrong.
fn wrong_times(shop: &mut Source) {
    for n in 0..6 {
        shop.track("u2", "Birthday Told", "2000-01-01T00:00:00Z", &json!({"n": n}));
    }
    let message = |n: i64| json!({"type": "track", "userId": format!("u{}", n % 60), "event": "Mail Opened", "properties": {"n": n}});
    for n in 0..20 {
        let mut early = message(n);
        (early["timestamp"], early["receivedAt"]) = (json!(at(n, 36_600)), json!(at(n, 36_000)));
        shop.send(early);
    }
    for n in 0..80 {
        let mut late = message(100 + n);
        (late["timestamp"], late["receivedAt"]) = (json!(at(n, 36_000 + n)), json!(at(n, 43_200 + n)));
        shop.send(late);
    }
    for n in 0..60 {
        let mut skewed = message(200 + n);
        skewed["originalTimestamp"] = json!(at(n, 50_000 + n));
        skewed["sentAt"] = json!(at(n, 50_001 + n));
        skewed["receivedAt"] = json!(at(n, 51_801 + n));
        shop.send(skewed);
    }
    for broken in ["yesterday", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        shop.track("u3", "Product Viewed", broken, &json!({}));
    }
    shop.send(json!({"type": "track", "event": "Product Viewed", "timestamp": at(1, 1)}));
    shop.send(json!({"type": "sing", "userId": "u1", "timestamp": at(1, 1)}));
}

/// Robots, ids of nobody, visitors behind one address, accounts.
fn odd_visitors(shop: &mut Source) {
    for n in 0..300 {
        shop.send(
            json!({"type": "track", "userId": "bot1", "event": "Product Viewed", "timestamp": at(50, 40_000 + n * 10),
            "context": {"userAgent": "Googlebot/2.1"}, "properties": {"product_id": format!("b{n}")}}),
        );
    }
    for n in 0..100 {
        shop.track("fast", "Product Viewed", &at(60, 40_000 + n / 2), &json!({"product_id": format!("f{n}")}));
    }
    for n in 0..96 {
        shop.track("sleepless", "Sensor Read", &at(70 + n / 24, n % 24 * 3_600 + 7), &json!({"n": n}));
    }
    for n in 0..60 {
        shop.send(json!({"type": "page", "anonymousId": format!("visitor{n}"), "timestamp": at(n, 43_000 + n),
            "context": {"ip": "10.0.0.1"}}));
    }
    for n in 0..10 {
        shop.track("0", "Mail Opened", &at(n, 44_000), &json!({"nobody": n}));
    }
    for n in 0..5 {
        shop.send(
            json!({"type": "group", "userId": "consultant", "groupId": format!("g{n}"), "timestamp": at(n, 45_000)}),
        );
    }
    shop.send(json!({"type": "group", "anonymousId": "visitor1", "groupId": "empty", "timestamp": at(9, 45_000)}));
}

/// Names that are written in two ways, and values of two types.
fn odd_names(shop: &mut Source) {
    for n in 0..60 {
        shop.track("u4", if n < 40 { "Page Liked" } else { "page_liked" }, &at(n, 46_000), &json!({"n": n}));
        shop.track("u5", "Size Chosen", &at(n, 46_100), &json!({"size": "XL", "n": n}));
    }
    for n in 0..30 {
        shop.track("u6", "Product Shared", &at(n, 46_200), &json!({"productId": "p1", "n": n}));
    }
    for n in 0..510 {
        shop.track("u7", &format!("Viewed thing {n}"), &at(n % DAYS, 47_000 + n), &json!({"n": n}));
    }
}

/// Money in other currencies, units and sizes; orders and events that come twice.
fn odd_money(shop: &mut Source) {
    for n in 0..40 {
        let mut foreign = order(&format!("usd{n}"), 30 + n);
        foreign["currency"] = json!("USD");
        shop.track("u8", "Order Completed", &at(n, 48_000), &foreign);
    }
    for n in 0..20 {
        shop.track("u9", "Order Completed", &at(n, 48_100), &json!({"order_id": format!("bare{n}"), "total": 30}));
    }
    for n in 0..2 {
        shop.track("u10", "Order Completed", &at(n, 48_200), &order(&format!("huge{n}"), 900_000));
    }
    for n in 0..240 {
        let fee = if n % 6 == 0 { 100 } else { 1 } * (25 + n % 11);
        shop.track("u11", "Fee Paid", &at(n % DAYS, 48_300 + n), &json!({"revenue": fee, "currency": "EUR", "n": n}));
    }
    for n in 0..5 {
        shop.track("u12", "Order Completed", &at(100 + n, 48_400), &order(&format!("twice{n}"), 44));
        shop.track("u12", "Order Completed", &at(101 + n, 48_500), &order(&format!("twice{n}"), 44));
    }
    for n in 0..30 {
        for _ in 0..2 {
            shop.track("u13", "Video Played", &at(n, 48_600), &json!({"n": n}));
        }
    }
}

/// A source that knows days only, stops half way, and contradicts the shop.
fn crm(shop: &mut Source) -> Source {
    let mut crm = Source::new("crm");
    for day in 0..DAYS / 2 {
        // Every other amount contains the postage.
        let total = 20 + (day * 37) % 60 + day % 2 * 5;
        crm.track(
            &format!("u{}", day * 3 % 60),
            "Deal Won",
            &at(day, 0),
            &json!({"order_id": format!("o{day}-0"), "revenue": total, "currency": "EUR"}),
        );
    }
    for user in 0..30 {
        for (source, city) in [(&mut *shop, "Berlin"), (&mut crm, if user < 10 { "Hamburg" } else { " berlin" })] {
            let traits = json!({"city": city});
            source.send(
                json!({"type": "identify", "userId": format!("u{user}"), "timestamp": at(1, 3_000), "traits": traits}),
            );
        }
    }
    crm
}

/// A source that repeats some of what the shop says.
fn app(shop: &mut Source) -> Source {
    let mut app = Source::new("app");
    for n in 0..20 {
        for source in [&mut *shop, &mut app] {
            source.track("u14", "Photo Taken", &at(n, 49_000), &json!({"n": n}));
        }
    }
    for n in 0..10 {
        let paid = json!({"revenue": 77, "currency": "EUR"});
        shop.track("u15", "Bill Paid", &at(n, 49_100), &paid);
        app.track("u15", "Payment Done", &at(n, 49_110), &paid);
    }
    app
}

/// A home in a folder that is removed with it.
struct Lake {
    _folder: tempfile::TempDir,
    engine: Engine,
}

fn lake(sources: &[(&str, &str)]) -> Lake {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::create(folder.path(), "format = 1\ntime_zone = \"UTC\"\n").unwrap();
    let mut engine = Engine::new(home, NonZeroUsize::new(2).unwrap()).unwrap();
    for (name, text) in sources {
        let path = folder.path().join(format!("{name}.ndjson"));
        std::fs::write(&path, text).unwrap();
        let request = ImportRequest {
            path,
            form: ImportForm::Known(throng_source::Form::Segment),
            source: (*name).to_owned(),
            currency: None,
            latest: Instant((START + 1_000) * Instant::DAY),
            effect: ImportEffect::Write,
        };
        engine.import(&request, &mut |_| {}).unwrap();
    }
    Lake { _folder: folder, engine }
}

/// Audits a home and checks what holds of every audit: each query runs and shows
/// something, its first rows are the examples, and the severest findings come first.
fn checked(lake: &Lake, now: Instant) -> Audit {
    let audit = lake.engine.audit(now, &mut |_| {}).unwrap();
    for finding in &audit.findings {
        let rows = lake.engine.query(&finding.query).unwrap();
        assert!(rows.num_rows() > 0, "{}", finding.query);
        assert_eq!(finding.examples.len(), rows.num_rows().min(3), "{}", finding.code);
        assert!(finding.count > 0 && finding.count <= finding.whole, "{finding:?}");
    }
    assert!(audit.findings.is_sorted_by_key(|finding| finding.severity));
    let n_checked: u64 = audit.checks.iter().map(|check| check.n_findings).sum();
    assert_eq!(n_checked, audit.findings.len() as u64);
    audit
}

/// The audit of all that can be wrong.
fn dirty() -> &'static Audit {
    static DIRTY: OnceLock<Audit> = OnceLock::new();
    DIRTY.get_or_init(|| {
        let mut shop = Source::new("shop");
        history(&mut shop);
        wrong_times(&mut shop);
        odd_visitors(&mut shop);
        odd_names(&mut shop);
        odd_money(&mut shop);
        let (crm, app) = (crm(&mut shop), app(&mut shop));
        let lake = lake(&[("shop", &shop.text), ("crm", &crm.text), ("app", &app.text)]);
        checked(&lake, Instant((START + DAYS - 1) * Instant::DAY))
    })
}

fn found(code: &str) -> Vec<&'static Finding> {
    dirty().findings.iter().filter(|finding| finding.code == code).collect()
}

/// Checks that one finding has this code, counts so many, and says so in its title.
fn check(code: &str, count: u64, word: &str) {
    let findings = found(code);
    let finding = findings.iter().find(|finding| finding.title.contains(word));
    let Some(finding) = finding else { panic!("{code} with {word:?} is not in {:#?}", dirty().findings) };
    assert_eq!(finding.count, count, "{finding:#?}");
}

#[test]
fn rows_in_quarantine_are_findings_by_what_is_wrong() {
    check("missing-times", 1, "without a time");
    check("impossible-times", 1, "before 1990");
    check("future-times", 1, "after the day");
    check("missing-identities", 1, "naming nobody");
    check("rows-unreadable", 1, "could not be read");
}

#[test]
fn times_that_cannot_be_are_found() {
    // The last day has 17 events of the shop's history and what is spread over all days.
    assert_eq!(found("future-events").len(), 1);
    check("default-dates", 6, "6 events");
    check("only-days", 91, "crm");
}

#[test]
fn wrong_clocks_are_found() {
    check("received-before-occurred", 20, "20 events");
    check("whole-hour-shift", 80, "exactly 2 hours");
    check("clock-skew", 60, "by 30 min");
}

#[test]
fn a_source_in_another_time_zone_is_found() {
    let (mut shop, mut app) = (Source::new("shop"), Source::new("app"));
    for n in 0..700 {
        for (source, shift) in [(&mut shop, 0), (&mut app, 8)] {
            if n < 600 || shift == 0 {
                let moment = at(n % 90, source.second() + shift * 3_600);
                source.track(&format!("u{}", n % 60), "Page Opened", &moment, &json!({"n": n}));
            }
        }
    }
    let lake = lake(&[("shop", &shop.text), ("app", &app.text)]);
    let audit = checked(&lake, Instant((START + 100) * Instant::DAY));
    let titles: Vec<&str> = audit.findings.iter().map(|finding| finding.title.as_str()).collect();
    assert!(titles[0].contains("“app” looks like that of the others, 8 hours later"), "{titles:#?}");
    assert!(titles[1].contains("events of the source “app” fall between 0 and 6 o'clock"), "{titles:#?}");
    assert_eq!(titles.len(), 2, "{titles:#?}");
}

#[test]
fn duplicates_under_other_ids_are_found() {
    check("events-repeated", 30, "30 events");
    check("events-in-two-sources", 20, "20 events");
    check("orders-repeated", 5, "5 orders");
    check("orders-in-two-sources", 91, "91 orders");
    check("amounts-in-two-sources", 10, "10 equal amounts");
}

#[test]
fn events_of_nobody_are_found() {
    check("never-known", 60, "60 visitors");
    check("events-of-nobody", 10, "10 events");
}

#[test]
fn odd_accounts_are_found() {
    check("many-accounts", 1, "1 customer");
    check("accounts-without-people", 1, "1 account");
}

#[test]
fn drifting_names_are_found() {
    check("event-spelled-twice", 20, "“Page Liked”, “page_liked”");
    check("event-vanished", 91, "“Coupon Shown”");
    check("event-appeared", 91, "“Wish Added”");
    assert_eq!(found("names-carry-data").len(), 1);
    assert!(found("source-stopped")[0].title.contains("“crm”"));
}

#[test]
fn drifting_properties_are_found() {
    for (code, property) in [
        ("property-vanished", "“note” vanished from “Order Completed”"),
        ("property-appeared", "“gift” appeared in “Order Completed”"),
        ("property-missing-since", "“hint” is missing"),
        ("property-spelled-twice", "“product_id”, “productId”"),
    ] {
        assert!(found(code).iter().any(|finding| finding.title.contains(property)), "{:#?}", found(code));
    }
    check("property-changes-type", 60, "“size” is a text");
}

#[test]
fn odd_amounts_are_found() {
    check("currencies-mixed", 40, "USD");
    check("amounts-without-currency", 20, "20 events");
    check("outlier-amounts", 2, "EUR 9"); // the bin of 900,000
    check("unit-mix-up", 40, "a hundred");
}

#[test]
fn robots_are_found() {
    check("declared-robots", 300, "300 events");
    check("superhuman-pace", 100, "1 profile");
    check("sleepless-profiles", 96, "1 profile");
    check("regular-as-a-clock", 300, "even intervals");
    check("one-address-many-visitors", 59, "one address");
}

#[test]
fn sources_that_disagree_are_found() {
    check("traits-disagree", 10, "“city”");
    check("orders-disagree", 45, "45 orders");
}

#[test]
fn the_verdict_says_what_is_the_matter() {
    let audit = dirty();
    assert!(audit.verdict.starts_with("This data cannot be trusted yet: "), "{}", audit.verdict);
    assert_eq!(audit.findings[0].severity, Severity::Critical);
    assert_eq!((audit.n_sources, audit.n_quarantined), (3, 5));
}

/// The simulated shop has robots, phones with wrong clocks, visitors who never sign in
/// and broken messages on purpose; nothing else may be found in it.
#[test]
fn a_simulated_shop_shows_what_was_planted_and_nothing_else() {
    let start = Day(i32::try_from(START).unwrap());
    let params = SimulationParams { n_customers: 250, n_personas: 4, seed: 7, start, n_days: 200 };
    let mut messages = Vec::new();
    simulate(params).write_messages(&mut messages, MessageOrder::Received).unwrap();
    let lake = lake(&[("shop", std::str::from_utf8(&messages).unwrap())]);
    let audit = checked(&lake, Instant((START + 300) * Instant::DAY));
    const PLANTED: [&str; 9] = [
        "missing-times",
        "impossible-times",
        "missing-identities",
        "rows-unreadable",
        "clock-skew",
        "never-known",
        "declared-robots",
        "superhuman-pace",
        "regular-as-a-clock",
    ];
    let unplanted: Vec<&Finding> = audit.findings.iter().filter(|finding| !PLANTED.contains(&finding.code)).collect();
    assert!(unplanted.is_empty(), "{unplanted:#?}");
    for code in ["clock-skew", "declared-robots", "never-known"] {
        assert!(audit.findings.iter().any(|finding| finding.code == code), "{code}");
    }
    let known = |name: &str| audit.coverage.iter().find(|line| line.category.to_string() == name).unwrap().share;
    assert!(known("behavioural") > 0.9 && known("transactional") > 0.3);
}

#[test]
fn an_empty_home_says_what_to_do() {
    let error = lake(&[]).engine.audit(Instant(0), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("throng import"), "{error}");
}

#[test]
fn one_event_is_audited() {
    let mut shop = Source::new("shop");
    shop.track("u1", "It's; \u{1b}[31m \"quoted\"", &at(0, 40_000), &json!({"x": 1}));
    let audit = checked(&lake(&[("shop", &shop.text)]), Instant((START + 1) * Instant::DAY));
    assert_eq!(audit.findings, []);
    assert!(audit.verdict.starts_with("This data can be trusted; there is too little of it"), "{}", audit.verdict);
}
