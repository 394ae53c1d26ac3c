//! Proposals for the vocabularies of a grocer, a web shop, a help desk and of nothing.

use super::*;
use crate::{Catalogue, JourneyStatistics, ValueForm};

fn event(name: &str, kind: EventKind, n_events: u64) -> EventStatistics {
    EventStatistics { name: name.to_owned(), kind, n_events, n_profiles: 900 }
}

fn field(name: &str, form: ValueForm, n_distinct: u64) -> FieldStatistics {
    let word = name.rsplit('.').next().unwrap().to_uppercase();
    let top = (0..n_distinct.min(12)).map(|idx| (format!("{word} VALUE {idx}"), 100 - idx)).collect();
    FieldStatistics { field: name.parse().unwrap(), form, n_events: 40_000, n_profiles: 900, n_distinct, top }
}

fn vocabulary(events: Vec<EventStatistics>, fields: Vec<FieldStatistics>) -> Vocabulary {
    let names = events.iter().map(|event| event.name.clone()).collect();
    // Every event a visit of its own.
    let n_events = events.iter().map(|event| event.n_events).sum();
    Vocabulary {
        events,
        fields,
        currency: "USD".parse().ok(),
        span_days: 365,
        n_profiles: 1_000,
        n_hours: 18,
        journeys: JourneyStatistics { names, n_sessions: n_events, n_steps: n_events },
    }
}

/// A history whose visits have so many steps.
fn with_steps(vocabulary: Vocabulary, n_steps: u64) -> Vocabulary {
    let journeys = JourneyStatistics { n_sessions: 40_000, n_steps: 40_000 * n_steps, ..vocabulary.journeys };
    Vocabulary { journeys, ..vocabulary }
}

fn grocer() -> Vocabulary {
    vocabulary(
        vec![
            event("Order Completed", EventKind::Track, 100_000),
            event("Campaign Received", EventKind::Track, 6_000),
            event("Coupon Applied", EventKind::Track, 2_000),
            event("Identified", EventKind::Identify, 800),
        ],
        vec![
            field("amount", ValueForm::Number, 9_000),
            field("products.id", ValueForm::Text, 60_000),
            field("products.category", ValueForm::Text, 300),
            field("products.brand", ValueForm::Text, 2),
            field("products.quantity", ValueForm::Number, 20),
            field("products.amount", ValueForm::Number, 5_000),
            field("products.discount", ValueForm::Number, 900),
            field("properties.store_id", ValueForm::Text, 400),
            field("channel", ValueForm::Text, 1),
            field("traits.age", ValueForm::Text, 6),
            field("traits.household_size", ValueForm::Text, 5),
            field("traits.email", ValueForm::Text, 900),
        ],
    )
}

fn web_shop() -> Vocabulary {
    vocabulary(
        vec![
            event("Page Viewed", EventKind::Page, 300_000),
            event("Product Viewed", EventKind::Track, 90_000),
            event("Product Added", EventKind::Track, 30_000),
            event("purchase", EventKind::Track, 9_000),
            event("Order Refunded", EventKind::Track, 700),
            event("Product Reviewed", EventKind::Track, 500),
        ],
        vec![
            field("amount", ValueForm::Number, 9_000),
            field("rating", ValueForm::Number, 5),
            field("channel", ValueForm::Text, 3),
            field("context.device.type", ValueForm::Text, 3),
            field("properties.score", ValueForm::Number, 70),
            field("traits.newsletter", ValueForm::Text, 2),
        ],
    )
}

fn help_desk() -> Vocabulary {
    let names = ["Assign seriousness", "Take in charge ticket", "Resolve ticket", "Closed", "Wait"];
    let events = names.iter().map(|name| event(name, EventKind::Track, 4_000)).collect();
    Vocabulary { currency: None, span_days: 1_400, ..vocabulary(events, vec![]) }
}

/// Proposes, checks what must hold of any proposal, and returns its names.
fn check(vocabulary: &Vocabulary, n_features: std::ops::RangeInclusive<usize>) -> Vec<String> {
    let definitions = propose(vocabulary);
    let catalogue = Catalogue::new(definitions, vocabulary.currency).unwrap();
    for definition in catalogue.definitions() {
        assert!(!definition.phrase.is_empty() && !definition.unit.is_empty(), "{definition:?}");
        assert!(definition.description.ends_with('.'), "{definition:?}");
        let spanned = definition.window.n_days().is_none_or(|n_days| n_days < vocabulary.span_days);
        assert!(spanned, "{definition:?} is longer than the history");
    }
    let names: Vec<String> = catalogue.definitions().iter().map(|definition| definition.name.clone()).collect();
    assert!(n_features.contains(&names.len()), "{} features: {names:?}", names.len());
    names
}

fn assert_among(names: &[String], expected: &[&str]) {
    for name in expected {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_grocer_is_asked_about_baskets_discounts_and_campaigns() {
    let names = check(&grocer(), 30..=45);
    assert_among(
        &names,
        &["orders", "orders_90d", "order_recency_days", "spend", "discount_share", "coupon_rate", "category_variety"],
    );
    assert_among(&names, &["share_category_value_0", "share_brand_value_0", "age", "household_size"]);
    assert!(!names.iter().any(|name| name.contains("email") || name.contains("channel")), "{names:?}");
    // Of two brands one share says it all.
    assert!(!names.iter().any(|name| name == "share_brand_value_1"));
}

#[test]
fn a_web_shop_is_asked_about_visits_devices_and_steps() {
    let names = check(&web_shop(), 30..=45);
    assert_among(&names, &["sessions", "cart_rate", "purchase_rate", "refund_rate", "rating", "reviews", "newsletter"]);
    assert_among(&names, &["device_type_switch_rate", "channel_switch_rate", "score_mean", "evening_share"]);
    let definitions = propose(&web_shop());
    let stated = definitions.iter().find(|definition| definition.name == "newsletter").unwrap();
    assert_eq!(stated.category, SignalCategory::Stated);
}

#[test]
fn visits_with_steps_to_an_order_are_asked_where_they_lead_and_others_are_not() {
    let kinds = |vocabulary: &Vocabulary| {
        check(vocabulary, 10..=45);
        let definitions = propose(vocabulary).into_iter().filter(|definition| definition.kind.of_journeys());
        definitions.map(|definition| (definition.phrase, definition.kind)).collect::<Vec<_>>()
    };
    let found = kinds(&with_steps(web_shop(), 3));
    let [(next, FeatureKind::NextStep { touchpoint, .. }), (left, FeatureKind::Pattern { pattern, .. })] = &found[..]
    else {
        unreachable!("{found:?}")
    };
    assert_eq!((&**next, &**touchpoint), ("probability that an order comes next", "purchase"));
    assert_eq!(left, "share of visits that left something in the cart");
    assert_eq!(pattern, "[\"Product Added\"] -> [^\"purchase\"]* -> end");
    // Short visits, no order, no hours, and what rules call otherwise.
    assert_eq!(kinds(&with_steps(web_shop(), 2)), []);
    assert_eq!(kinds(&with_steps(help_desk(), 9)), []);
    assert_eq!(kinds(&Vocabulary { n_hours: 1, ..with_steps(web_shop(), 9) }), []);
    let mut renamed = with_steps(web_shop(), 9);
    renamed.journeys.names = vec!["purchase (web)".to_owned(), "Product Added".to_owned()];
    assert_eq!(kinds(&renamed), []);
    // Where nothing is put into a cart only the order is asked about.
    assert_eq!(kinds(&with_steps(grocer(), 4)).len(), 1);
}

#[test]
fn a_help_desk_is_asked_about_its_steps() {
    let names = check(&help_desk(), 10..=30);
    assert_among(&names, &["n_resolve_ticket", "n_closed", "event_variety", "recency_days", "activity_trend_90d"]);
    assert!(!names.iter().any(|name| name.contains("spend") || name.contains("order")), "{names:?}");
}

#[test]
fn a_short_history_of_days_has_no_windows_and_no_hours() {
    let short = Vocabulary { span_days: 20, n_hours: 1, ..web_shop() };
    let names = check(&short, 10..=45);
    assert!(!names.iter().any(|name| name.ends_with('d') && name.contains("_90")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("evening") || name.contains("session")), "{names:?}");
}

#[test]
fn nothing_is_asked_about_with_little() {
    let nothing = Vocabulary { span_days: 0, n_profiles: 0, n_hours: 0, ..vocabulary(vec![], vec![]) };
    check(&nothing, 1..=10);
}

#[test]
fn phrases_read_like_a_claim() {
    let definitions = propose(&grocer());
    let phrase = |name: &str| definitions.iter().find(|definition| definition.name == name).unwrap().phrase.clone();
    assert_eq!(phrase("orders_90d"), "orders in the last 90 days");
    assert_eq!(phrase("order_value"), "average order value");
    assert_eq!(phrase("share_category_value_0"), "share of spend on category value 0");
}
