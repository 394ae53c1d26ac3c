//! Random histories and catalogues, small enough that values and times often coincide.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::sample::select;
use throng_event::{
    Attributes, Calendar, Currency, Day, Decimal, Event, EventId, EventKind, Field, Instant, Money, ProductLine, Value,
};
use throng_feature::{
    Catalogue, EventSet, FeatureDefinition, FeatureKind, FeatureValue, Filter, JourneyScope, Pace, PatternMeasure,
    Quantity, SESSION_GAP_MINUTES, SignalCategory, Term, ValueForm, ValueSource, Weekdays, WhenEmpty, Window,
};

/// The first day of the random histories: the 23-hour day of 2024 in Berlin lies inside.
pub(crate) const FIRST_DAY: i32 = 19_800;
/// Days the random histories last.
pub(crate) const N_DAYS: i32 = 60;

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

/// An event with nothing but a time and a name.
pub(crate) fn event(id: &str, name: &str, occurred_at: Instant) -> Event {
    Event {
        id: EventId(id.to_owned()),
        kind: EventKind::Track,
        name: name.to_owned(),
        user_id: Some("u".to_owned()),
        anonymous_id: None,
        external_ids: Vec::new(),
        group_id: None,
        previous_id: None,
        occurred_at,
        sent_at: None,
        received_at: occurred_at,
        source: "shop".to_owned(),
        channel: None,
        context: Attributes::new(),
        properties: Attributes::new(),
        traits: Attributes::new(),
        money: None,
        products: Vec::new(),
        text: None,
        rating: None,
    }
}

pub(crate) fn calendar() -> impl Strategy<Value = Calendar> {
    select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
        .prop_map(|name| Calendar::new(name).unwrap())
}

/// Events with distinct ids: what admission lets through of a stream with repeats.
pub(crate) fn events(n_max: usize) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(any_event(), 0..n_max).prop_map(|mut events| {
        let mut ids = BTreeSet::new();
        events.retain(|event| ids.insert(event.id.clone()));
        events
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let names = vec!["View", "Cart", "Order", "Identified"];
    let kinds = vec![EventKind::Track, EventKind::Page, EventKind::Screen, EventKind::Identify, EventKind::Group];
    let core = (0_u32..200, select(names), select(kinds), instant());
    let facts = (
        prop::option::of(select(vec!["web", "app", "store"])),
        prop::option::of(value()),
        prop::option::of(value()),
        prop::option::of((-5_000_i64..9_000, select(vec!["EUR", "EUR", "EUR", "USD"]))),
        prop::option::of((0_i64..=10).prop_map(|half| Decimal(half * 500_000))),
        prop::collection::vec(product(), 0..4),
    );
    (core, facts).prop_map(|((id, name, kind, occurred_at), (channel, property, fact, money, rating, products))| {
        let attributes = |name: &str, value: Option<Value>| value.map(|value| (name.to_owned(), value)).into_iter();
        Event {
            kind,
            channel: channel.map(str::to_owned),
            properties: attributes("device", property).collect(),
            traits: attributes("age", fact).collect(),
            money: money.map(|(minor, currency)| Money { minor, currency: currency.parse().unwrap() }),
            rating,
            products,
            ..event(&format!("e{id}"), name, occurred_at)
        }
    })
}

/// Times that crowd: few minutes of few hours, sometimes exact midnights, sometimes odd.
fn instant() -> impl Strategy<Value = Instant> {
    let second =
        prop_oneof![(0_i64..24, 0_i64..4).prop_map(|(hour, quarter)| hour * 3_600 + quarter * 900), 0_i64..86_400,];
    (0..N_DAYS, second, select(vec![0_i64, 0, 0, 1, 999_999])).prop_map(|(day, second, micros)| {
        Instant(i64::from(FIRST_DAY + day) * Instant::DAY + second * Instant::SECOND + micros)
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => select(vec!["mobile", "desktop", "tablet", ""]).prop_map(Value::text),
        2 => select(vec![-1_500_000_i64, 0, 1, 1_000_000, i64::MAX, i64::MIN]).prop_map(|n| Value::Number(Decimal(n))),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Json("[1]".to_owned())),
    ]
}

fn product() -> impl Strategy<Value = ProductLine> {
    (
        select(vec!["p1", "p2", "p3"]),
        prop::option::of(select(vec!["dairy", "bread"])),
        prop::option::of(select(vec!["own", "other"])),
        -2_i64..5,
        prop::option::of(-300_i64..2_000),
        prop::option::of(0_i64..100),
    )
        .prop_map(|(id, category, brand, quantity, amount_minor, discount_minor)| ProductLine {
            product_id: id.to_owned(),
            name: None,
            category: category.map(str::to_owned),
            brand: brand.map(str::to_owned),
            quantity: Decimal(quantity * Decimal::ONE),
            amount_minor,
            discount_minor,
        })
}

/// A definition of a kind over everything in all time.
pub(crate) fn definition(name: &str, kind: FeatureKind) -> FeatureDefinition {
    FeatureDefinition {
        name: name.to_owned(),
        kind,
        filter: Filter::behaviour(),
        window: Window::All,
        half_life_days: None,
        description: String::new(),
        phrase: String::new(),
        unit: String::new(),
        category: SignalCategory::Behavioural,
    }
}

/// Every kind, with several sources and parameters each.
fn every_kind() -> Vec<FeatureKind> {
    let gap_minutes = SESSION_GAP_MINUTES;
    let device = || Field::Property("device".to_owned());
    let mut kinds = vec![
        FeatureKind::Count,
        FeatureKind::Recency,
        FeatureKind::Tenure,
        FeatureKind::Span,
        FeatureKind::ActiveDays,
        FeatureKind::Sessions { gap_minutes },
        FeatureKind::SessionTime { gap_minutes },
        FeatureKind::SessionLengthMean { gap_minutes },
        FeatureKind::SessionGapMean { gap_minutes: NonZeroU32::new(600).unwrap() },
        FeatureKind::Regularity { of: Pace::ActiveDays },
        FeatureKind::Regularity { of: Pace::Events },
        FeatureKind::Trend { longer: Window::days(45) },
        FeatureKind::Trend { longer: Window::All },
        FeatureKind::HourShare { from: 22, to: 6 },
        FeatureKind::HourShare { from: 9, to: 24 },
        FeatureKind::DayOfWeekShare { days: Weekdays::WEEKEND },
        FeatureKind::Pattern {
            pattern: "View -> end".to_owned(),
            measure: PatternMeasure::Count,
            within: JourneyScope::Day,
        },
        FeatureKind::NextStep { touchpoint: "Order".to_owned(), within: JourneyScope::History },
    ];
    for of in [Field::Amount, Field::Rating, device(), Field::ProductAmount, Field::ProductQuantity] {
        kinds.push(FeatureKind::Sum { of: of.clone() });
        kinds.push(FeatureKind::Mean { of: of.clone() });
        kinds.push(FeatureKind::Min { of: of.clone() });
        kinds.push(FeatureKind::Max { of: of.clone() });
        kinds.push(FeatureKind::First { of: of.clone(), form: ValueForm::Number });
        kinds.push(FeatureKind::Last { of, form: ValueForm::Number });
    }
    for of in [Field::Channel, Field::Rating, device(), Field::Trait("age".to_owned()), Field::ProductCategory] {
        kinds.push(FeatureKind::First { of: of.clone(), form: ValueForm::Text });
        kinds.push(FeatureKind::Last { of: of.clone(), form: ValueForm::Text });
        kinds.extend(coded_kinds(&ValueSource::Field(of)));
    }
    for of in [ValueSource::HourOfDay, ValueSource::DayOfWeek, ValueSource::Day] {
        kinds.extend(coded_kinds(&of));
    }
    kinds.extend(shares());
    kinds.extend(ratios());
    kinds
}

/// A catalogue of every kind: over all time, and where a kind needs a shorter window, over that.
pub(crate) fn catalogue_of_every_kind() -> Catalogue {
    let definitions = every_kind().into_iter().enumerate().map(|(idx, kind)| {
        let whole = definition(&format!("f{idx}"), kind);
        let recent = FeatureDefinition { window: Window::days(40), ..whole.clone() };
        if Catalogue::new(vec![whole.clone()], None).is_ok() { whole } else { recent }
    });
    Catalogue::new(definitions.collect(), Some(euro())).unwrap()
}

fn coded_kinds(of: &ValueSource) -> [FeatureKind; 5] {
    [
        FeatureKind::Distinct { of: of.clone() },
        FeatureKind::MostFrequent { of: of.clone() },
        FeatureKind::Entropy { of: of.clone() },
        FeatureKind::Switches { of: of.clone() },
        FeatureKind::SwitchRate { of: of.clone() },
    ]
}

fn shares() -> Vec<FeatureKind> {
    let share = |of, value: &str, weight| FeatureKind::Share { of, value: value.to_owned(), weight };
    vec![
        share(Field::Channel, "web", None),
        share(Field::Channel, "web", Some(Field::Amount)),
        share(Field::Property("device".to_owned()), "true", None),
        share(Field::ProductCategory, "dairy", None),
        share(Field::ProductCategory, "dairy", Some(Field::ProductAmount)),
        share(Field::ProductBrand, "own", Some(Field::ProductQuantity)),
        share(Field::ProductId, "p9", None),
    ]
}

fn ratios() -> Vec<FeatureKind> {
    let gap_minutes = SESSION_GAP_MINUTES;
    let quantities = [
        Quantity::Count,
        Quantity::Sum { of: Field::ProductDiscount },
        Quantity::Sum { of: Field::Amount },
        Quantity::Sessions { gap_minutes },
        Quantity::SessionTime { gap_minutes },
        Quantity::ActiveDays,
    ];
    let filters = [Filter::behaviour(), Filter::named("Order"), filter(EventSet::Every, &[(Field::Channel, "app")])];
    let mut ratios = Vec::new();
    for (idx, empty) in
        [WhenEmpty::Missing, WhenEmpty::Zero, WhenEmpty::AtLeastOne].into_iter().cycle().take(12).enumerate()
    {
        let term = |idx: usize| Term {
            quantity: quantities[idx % quantities.len()].clone(),
            filter: filters[idx % filters.len()].clone(),
        };
        let (numerator, denominator) = (vec![term(idx)], vec![term(idx / 2), term(idx + 1)]);
        ratios.push(FeatureKind::Ratio { numerator, denominator, empty });
    }
    ratios
}

fn filter(events: EventSet, equals: &[(Field, &str)]) -> Filter {
    Filter { events, equals: equals.iter().map(|(field, text)| (field.clone(), (*text).to_owned())).collect() }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let named = |names: &[&str]| EventSet::Named(names.iter().map(|name| (*name).to_owned()).collect());
    select(vec![
        Filter::behaviour(),
        filter(EventSet::Every, &[]),
        filter(named(&["Order"]), &[]),
        filter(named(&["View", "Identified", "Nothing"]), &[]),
        filter(EventSet::Behaviour, &[(Field::Channel, "web")]),
        filter(EventSet::Every, &[(Field::ProductCategory, "dairy")]),
        filter(EventSet::Every, &[(Field::ProductCategory, "dairy"), (Field::ProductBrand, "own")]),
        filter(named(&["Order"]), &[(Field::Rating, "2.5"), (Field::ProductBrand, "other")]),
        filter(EventSet::Every, &[(Field::Currency, "USD")]),
    ])
}

/// A catalogue of random definitions: any kind with any filter, window and half-life it can have.
pub(crate) fn catalogue(n_max: usize) -> impl Strategy<Value = Catalogue> {
    let window = select(vec![Window::days(1), Window::days(7), Window::days(30), Window::days(90), Window::All]);
    let half_life = select(vec![None, NonZeroU32::new(1), NonZeroU32::new(7), NonZeroU32::new(30)]);
    let parts = (select(every_kind()), any_filter(), window, half_life);
    let currency = select(vec![None, Some(euro())]);
    (prop::collection::vec(parts, 1..n_max), currency).prop_map(|(parts, currency)| {
        let mut definitions = Vec::new();
        for (idx, (kind, filter, window, half_life_days)) in parts.into_iter().enumerate() {
            let plain = FeatureDefinition { filter, window, ..definition(&format!("f{idx}"), kind) };
            let decayed = FeatureDefinition { half_life_days, ..plain.clone() };
            let usable = |definition: &FeatureDefinition| Catalogue::new(vec![definition.clone()], None).is_ok();
            definitions.extend([decayed, plain].into_iter().find(usable));
        }
        Catalogue::new(definitions, currency).unwrap()
    })
}

/// Any day of the random histories, or around them.
pub(crate) fn day() -> impl Strategy<Value = Day> {
    (FIRST_DAY - 2..FIRST_DAY + N_DAYS + 40).prop_map(Day)
}

/// Values with floats as their bits, so that equal means equal.
pub(crate) fn bits(values: &[FeatureValue]) -> Vec<(u64, String)> {
    let of = |value: &FeatureValue| match value {
        FeatureValue::Number(number) => {
            assert!(number.is_finite(), "{number} is no value");
            (number.to_bits(), String::new())
        }
        FeatureValue::Category(text) => (1, format!("category {text}")),
        FeatureValue::Missing => (2, "missing".to_owned()),
    };
    values.iter().map(of).collect()
}
