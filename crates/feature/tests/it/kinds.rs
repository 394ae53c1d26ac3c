//! Every kind on a history small enough to work out by hand.

use std::num::NonZeroU32;

use throng_event::{Calendar, Day, Decimal, Event, Field, Instant, Money, ProductLine, Value};
use throng_feature::{
    Catalogue, Compiled, FeatureDefinition, FeatureKind, FeatureValue, Filter, KindName, Pace, ProfileState, Quantity,
    SESSION_GAP_MINUTES, Term, ValueForm, ValueSource, Weekdays, WhenEmpty, Window,
};

use crate::sample::{catalogue_of_every_kind, definition, event};

/// Monday, 1 January 2024.
const MONDAY: i32 = 19_723;

fn at(day: i32, hour: i64, minute: i64) -> Instant {
    Instant(i64::from(MONDAY + day) * Instant::DAY + (hour * 60 + minute) * 60 * Instant::SECOND)
}

fn line(category: &str, amount_minor: i64, discount_minor: i64) -> ProductLine {
    ProductLine {
        product_id: category.to_owned(),
        category: Some(category.to_owned()),
        quantity: Decimal(2 * Decimal::ONE),
        amount_minor: Some(amount_minor),
        discount_minor: Some(discount_minor),
        ..ProductLine::default()
    }
}

/// Monday morning: two views 10 minutes apart on the phone and, after an hour, an order of
/// 30.00 on the desktop. Saturday night: a view on the phone. The Monday after: an order
/// of 10.00 on the phone. Everything in Coordinated Universal Time.
fn history() -> Vec<Event> {
    let seen = |id: &str, name: &str, when: Instant, device: &str| {
        let mut event = event(id, name, when);
        event.properties.insert("device", Value::text(device));
        event
    };
    let euros = |minor| Some(Money { minor, currency: "EUR".parse().unwrap() });
    vec![
        seen("a", "View", at(0, 9, 0), "phone"),
        seen("b", "View", at(0, 9, 10), "phone"),
        Event {
            money: euros(3_000),
            products: vec![line("dairy", 2_000, 500), line("bread", 1_000, 0)],
            ..seen("c", "Order", at(0, 10, 10), "desktop")
        },
        seen("d", "View", at(5, 23, 0), "phone"),
        Event {
            money: euros(1_000),
            products: vec![line("dairy", 1_000, 0)],
            ..seen("e", "Order", at(7, 12, 0), "phone")
        },
    ]
}

fn evaluate(definition: FeatureDefinition, events: &[Event]) -> FeatureValue {
    let calendar = Calendar::utc();
    let compiled = Compiled::new(&Catalogue::new(vec![definition], "EUR".parse().ok()).unwrap());
    let mut state = ProfileState::new(&compiled);
    events.iter().for_each(|event| state.update(event, &calendar));
    // As of the end of the second Monday.
    state.evaluate(calendar.as_of(Day(MONDAY + 7))).remove(0)
}

fn check_definition(definition: &FeatureDefinition, expected: &FeatureValue, events: &[Event]) {
    let value = evaluate(definition.clone(), events);
    let same = match (&value, expected) {
        (FeatureValue::Number(value), FeatureValue::Number(expected)) => (value - expected).abs() < 1e-12,
        (value, expected) => value == expected,
    };
    assert!(same, "{value:?} is not {expected:?}: {definition:?}");
}

fn check(kind: FeatureKind, expected: f64) {
    check_definition(&definition("f", kind), &FeatureValue::Number(expected), &history());
}

fn check_category(kind: FeatureKind, expected: &str) {
    check_definition(&definition("f", kind), &FeatureValue::Category(expected.to_owned()), &history());
}

fn device() -> ValueSource {
    ValueSource::Field(Field::Property("device".to_owned()))
}

#[test]
fn counts_and_sums_add_up() {
    check(FeatureKind::Count, 5.0);
    check(FeatureKind::ActiveDays, 3.0);
    check(FeatureKind::Sum { of: Field::Amount }, 40.0);
    check(FeatureKind::Mean { of: Field::Amount }, 20.0);
    check(FeatureKind::Min { of: Field::Amount }, 10.0);
    check(FeatureKind::Max { of: Field::ProductAmount }, 20.0);
    check(FeatureKind::Sum { of: Field::ProductQuantity }, 6.0);
}

#[test]
fn values_are_told_apart() {
    check(FeatureKind::Distinct { of: device() }, 2.0);
    check(FeatureKind::Distinct { of: ValueSource::Day }, 3.0);
    check(FeatureKind::Switches { of: device() }, 2.0);
    check(FeatureKind::SwitchRate { of: device() }, 0.5);
    // Four of five and one of five.
    check(FeatureKind::Entropy { of: device() }, 0.8 * 1.25_f64.log2() + 0.2 * 5_f64.log2());
    check_category(FeatureKind::MostFrequent { of: device() }, "phone");
    check_category(FeatureKind::MostFrequent { of: ValueSource::DayOfWeek }, "monday");
    check_category(FeatureKind::MostFrequent { of: ValueSource::HourOfDay }, "09");
    check_category(FeatureKind::MostFrequent { of: ValueSource::Day }, "2024-01-01");
    check_category(FeatureKind::First { of: Field::ProductCategory, form: ValueForm::Text }, "dairy");
    check(FeatureKind::Last { of: Field::Amount, form: ValueForm::Number }, 10.0);
    let of = Field::Property("device".to_owned());
    check_category(FeatureKind::Last { of, form: ValueForm::Text }, "phone");
}

#[test]
fn times_are_measured_in_days() {
    check(FeatureKind::Recency, 0.5);
    check(FeatureKind::Tenure, 7.0 + 15.0 / 24.0);
    check(FeatureKind::Span, 7.0 + 3.0 / 24.0);
    check(FeatureKind::HourShare { from: 22, to: 6 }, 0.2);
    check(FeatureKind::HourShare { from: 9, to: 10 }, 0.4);
    check(FeatureKind::DayOfWeekShare { days: Weekdays::WEEKEND }, 0.2);
    // Intervals of 5 and 2 days: mean 3.5, standard deviation 1.5.
    check(FeatureKind::Regularity { of: Pace::ActiveDays }, 1.5 / 3.5);
}

#[test]
fn sessions_end_after_their_gap() {
    let gap_minutes = SESSION_GAP_MINUTES;
    check(FeatureKind::Sessions { gap_minutes }, 4.0);
    check(FeatureKind::SessionTime { gap_minutes }, 600.0);
    check(FeatureKind::SessionLengthMean { gap_minutes }, 150.0);
    // From 9:10 on the first Monday to 12:00 on the second, without the time in sessions.
    check(FeatureKind::SessionGapMean { gap_minutes }, (7.0 + 170.0 / 1_440.0) / 3.0);
    let gap_minutes = NonZeroU32::new(60).unwrap();
    check(FeatureKind::Sessions { gap_minutes }, 3.0);
    check(FeatureKind::SessionTime { gap_minutes }, 4_200.0);
}

#[test]
fn shares_weigh_lines_by_what_they_cost() {
    let share = |weight| FeatureKind::Share { of: Field::ProductCategory, value: "dairy".to_owned(), weight };
    check(share(None), 2.0 / 3.0);
    check(share(Some(Field::ProductAmount)), 0.75);
    let of = Field::Property("device".to_owned());
    check(FeatureKind::Share { of, value: "desktop".to_owned(), weight: Some(Field::Amount) }, 0.75);
}

#[test]
fn a_filter_on_a_line_keeps_the_lines_that_pass() {
    let bread = || Filter { equals: vec![(Field::ProductCategory, "bread".to_owned())], ..Filter::behaviour() };
    let of_bread = |kind| FeatureDefinition { filter: bread(), ..definition("f", kind) };
    let sum = of_bread(FeatureKind::Sum { of: Field::ProductAmount });
    check_definition(&sum, &FeatureValue::Number(10.0), &history());
    // The order's own amount is not divided among its lines.
    check_definition(&of_bread(FeatureKind::Sum { of: Field::Amount }), &FeatureValue::Number(30.0), &history());
    check_definition(&of_bread(FeatureKind::Count), &FeatureValue::Number(1.0), &history());
}

#[test]
fn ratios_divide_what_their_terms_add_up() {
    let everything = || Filter::behaviour();
    let sum = |of| Term { quantity: Quantity::Sum { of }, filter: everything() };
    let count = |name: &str| Term { quantity: Quantity::Count, filter: Filter::named(name) };
    let ratio = |numerator, denominator, empty| FeatureKind::Ratio { numerator, denominator, empty };
    let full_price = vec![sum(Field::ProductAmount), sum(Field::ProductDiscount)];
    check(ratio(vec![sum(Field::ProductDiscount)], full_price, WhenEmpty::Missing), 5.0 / 45.0);
    check(ratio(vec![count("Order")], vec![count("View")], WhenEmpty::Missing), 2.0 / 3.0);
    check(ratio(vec![count("Order")], vec![count("Cart")], WhenEmpty::Zero), 0.0);
    check(ratio(vec![count("Order")], vec![count("Cart")], WhenEmpty::AtLeastOne), 2.0);
}

#[test]
fn windows_and_half_lives_look_at_whole_days() {
    let in_window = |window, kind| FeatureDefinition { window, ..definition("f", kind) };
    let check = |definition, expected| check_definition(&definition, &FeatureValue::Number(expected), &history());
    check(in_window(Window::days(7), FeatureKind::Count), 2.0);
    check(in_window(Window::days(8), FeatureKind::Count), 5.0);
    check(in_window(Window::days(1), FeatureKind::Sum { of: Field::Amount }), 10.0);
    let half_life_days = NonZeroU32::new(7);
    check(FeatureDefinition { half_life_days, ..definition("f", FeatureKind::Sum { of: Field::Amount }) }, 25.0);
    // Two recent of five in eight days of history.
    let trend = in_window(Window::days(4), FeatureKind::Trend { longer: Window::All });
    check(trend, 3.0 / (5.0 * 4.0 / 8.0 + 1.0));
}

#[test]
fn days_and_hours_are_those_of_the_zone() {
    let berlin = Calendar::new("Europe/Berlin").unwrap();
    let kind = FeatureKind::DayOfWeekShare { days: Weekdays::from_names(["sunday"]).unwrap() };
    let compiled = Compiled::new(&Catalogue::new(vec![definition("f", kind)], None).unwrap());
    let mut state = ProfileState::new(&compiled);
    history().iter().for_each(|event| state.update(event, &berlin));
    // Saturday 23:00 in London is Sunday in Berlin.
    assert_eq!(state.evaluate(berlin.as_of(Day(MONDAY + 7))), [FeatureValue::Number(0.2)]);
}

#[test]
fn of_nothing_counts_are_0_and_the_rest_is_missing() {
    let counted = [
        KindName::Count,
        KindName::Sum,
        KindName::Distinct,
        KindName::Switches,
        KindName::Sessions,
        KindName::SessionTime,
        KindName::ActiveDays,
    ];
    let mut seen = std::collections::BTreeSet::new();
    for definition in catalogue_of_every_kind().definitions() {
        let name = definition.kind.name();
        seen.insert(name);
        let ratio_of_nothing =
            matches!(definition.kind, FeatureKind::Ratio { empty: WhenEmpty::Zero | WhenEmpty::AtLeastOne, .. });
        let expected =
            if ratio_of_nothing || counted.contains(&name) { FeatureValue::Number(0.0) } else { FeatureValue::Missing };
        check_definition(definition, &expected, &[]);
    }
    // The catalogue all laws and parity are tested with leaves no kind out.
    assert!(KindName::all().all(|kind| seen.contains(&kind)), "{seen:?}");
}

#[test]
fn money_in_another_currency_is_no_amount() {
    let mut events = history();
    events[2].money = events[2].money.map(|money| Money { currency: "USD".parse().unwrap(), ..money });
    let of = |field| definition("f", FeatureKind::Sum { of: field });
    check_definition(&of(Field::Amount), &FeatureValue::Number(10.0), &events);
    check_definition(&of(Field::ProductAmount), &FeatureValue::Number(10.0), &events);
}

#[test]
fn one_event_has_a_span_but_no_rate() {
    let one = &history()[..1];
    let check = |kind, expected| check_definition(&definition("f", kind), &expected, one);
    check(FeatureKind::Span, FeatureValue::Number(0.0));
    check(FeatureKind::Entropy { of: device() }, FeatureValue::Number(0.0));
    check(FeatureKind::SwitchRate { of: device() }, FeatureValue::Missing);
    check(FeatureKind::SessionLengthMean { gap_minutes: SESSION_GAP_MINUTES }, FeatureValue::Number(0.0));
    check(FeatureKind::SessionGapMean { gap_minutes: SESSION_GAP_MINUTES }, FeatureValue::Missing);
    check(FeatureKind::Regularity { of: Pace::Events }, FeatureValue::Missing);
}
