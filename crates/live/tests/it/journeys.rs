//! Features of journeys, live: whoever submits what in which order, everybody has what
//! histories that are read at once give, as the live model was fitted to others; and who
//! moves because of one is told so in a sentence.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use throng_event::{Calendar, Day, Event, Identity, Value};
use throng_feature::{
    Catalogue, FeatureDefinition, FeatureKind, FeatureValue, Filter, JourneyScope, PatternMeasure, SignalCategory,
    Window,
};
use throng_journey::{EventColumns, Histories, JourneyFeatures, TouchpointRule, touchpoint_of};
use throng_live::{Decided, Live, LiveModel, LiveSettings, Scoring};
use throng_persona::{
    Continuum, DiscoveryParams, FeatureColumn, Model, Outcome, PersonaCount, Population, Scorer, Values, discover,
};
use throng_profile::{Decision, Verdict};
use throng_testkit::random_events;

use crate::parity::{bits, days, live, people};
use crate::sample::submit;
use crate::shifts::{TODAY, all_shifts, event, settings, tick_to_the_end};

/// What is asked of journeys, between two features that are folded.
fn definitions() -> Vec<FeatureDefinition> {
    let of = |name: &str, kind: FeatureKind, window: Window, phrase: &str| FeatureDefinition {
        name: name.to_owned(),
        kind,
        filter: Filter::behaviour(),
        window,
        half_life_days: None,
        description: String::new(),
        phrase: phrase.to_owned(),
        unit: "times".to_owned(),
        category: SignalCategory::Behavioural,
    };
    let session = JourneyScope::Session { gap_minutes: NonZeroU32::new(30).unwrap() };
    let left = |measure, within| FeatureKind::Pattern {
        pattern: "\"Product Added\" -> [^\"Order Completed\"]* -> end".to_owned(),
        measure,
        within,
    };
    let next = |within| FeatureKind::NextStep { touchpoint: "Order Completed".to_owned(), within };
    let month = Window::days(30);
    vec![
        of("events", FeatureKind::Count, Window::All, "events"),
        of("left_30d", left(PatternMeasure::Count, session), month, "visits that left something in the cart"),
        of("left_any", left(PatternMeasure::Any, JourneyScope::History), Window::All, "left something in the cart"),
        of("left_share", left(PatternMeasure::Share, JourneyScope::Day), month, "days that left something in the cart"),
        of("order_next", next(session), Window::All, "probability that an order comes next"),
        of("order_next_ever", next(JourneyScope::History), month, "probability that an order comes next"),
        of("recency", FeatureKind::Recency, Window::All, "days since the last event"),
    ]
}

/// Where the features of journeys stand among those.
const OF_JOURNEYS: std::ops::Range<usize> = 1..6;

/// Searches on a page have a name of their own.
fn rules() -> Vec<TouchpointRule> {
    vec![TouchpointRule {
        name: "Page {page}".to_owned(),
        events: vec!["Page Viewed".to_owned(), "Product Viewed".to_owned()],
        channels: vec!["w*".to_owned()],
        pages: vec!["/*".to_owned()],
        ..TouchpointRule::default()
    }]
}

/// The histories of everybody, in the order of their ids.
fn histories(people: &BTreeMap<String, Vec<&Event>>) -> Histories {
    let mut names: Vec<String> = Vec::new();
    let (mut profile, mut occurred_at, mut event_key, mut touchpoint) = (vec![], vec![], vec![], vec![]);
    for (number, events) in (0..).zip(people.values()) {
        for event in events {
            let Some(name) = touchpoint_of(&rules(), event) else { continue };
            profile.push(number);
            occurred_at.push(event.occurred_at.0);
            event_key.push(event.id.key().0);
            touchpoint.push(u32::try_from(names.len()).unwrap());
            names.push(name.into_owned());
        }
    }
    let columns = EventColumns {
        profile: &profile,
        occurred_at: &occurred_at,
        event_key: Some(&event_key),
        touchpoint: &touchpoint,
        session: None,
        value: None,
    };
    Histories::new(&columns, people.len(), &names).unwrap()
}

/// The features as they were fitted to some events, in the calendar of a test.
fn fitted(events: &[Event], calendar: &Calendar, day: Day) -> JourneyFeatures {
    let histories = histories(&people(events, &Decided::default()));
    JourneyFeatures::fit(&definitions(), &histories, (calendar, calendar.as_of(day))).unwrap()
}

/// A server that scores by a model with these features of journeys.
fn serving(folder: &Path, model: Option<LiveModel>, decisions: Vec<Decision>) -> LiveSettings {
    let mut settings = settings(folder, None);
    settings.decided.decisions = decisions;
    settings.decided.scoring = Scoring { live: model.as_ref().map(|model| model.version().to_owned()), shadow: None };
    settings.core.catalogue = Catalogue::new(definitions(), None).unwrap();
    settings.core.touchpoints = rules();
    settings.core.models = model.into_iter().collect();
    settings
}

fn model(journeys: Option<JourneyFeatures>) -> LiveModel {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let model = Arc::clone(MODEL.get_or_init(|| Arc::new(found())));
    let names = model.personas.iter().map(|id| format!("Those of {id}")).collect();
    LiveModel::new("m1", Scorer::new(model, &definitions()).unwrap(), names).with_journeys(journeys)
}

/// Some events, some of them with the address of a page as one source or another writes it.
fn sample(seed: u64, n_events: usize) -> Vec<Event> {
    let mut events = random_events(seed, n_events);
    for (number, event) in events.iter_mut().enumerate() {
        let page = Value::text(format!("https://shop.example/product/{number}?q=1"));
        match number % 4 {
            0 => event.properties.insert("url", page),
            1 => event.context.insert("page.path", Value::text(["/cart", "/", ""][number % 3])),
            _ => {}
        }
    }
    events
}

/// What histories that are read at once say of everybody.
fn expected(
    (events, decided): (&[Event], &Decided),
    features: &JourneyFeatures,
    day: Day,
) -> BTreeMap<String, Vec<String>> {
    let (people, calendar) = (people(events, decided), Calendar::utc());
    let columns = features.columns(&histories(&people), (&calendar, calendar.as_of(day)));
    let value = |value: Option<f64>| value.map_or(FeatureValue::Missing, FeatureValue::Number);
    let row = |row: usize| bits(columns.iter().map(|(_, values)| value(values[row])).collect());
    people.into_keys().enumerate().map(|(number, id)| (id, row(number))).collect()
}

/// What a server says of everybody's journeys.
fn found_live(server: &Live, day: Day) -> BTreeMap<String, Vec<String>> {
    live(server, day).into_iter().map(|(id, values)| (id, values[OF_JOURNEYS].to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_order_chunks_restarts_and_decisions_give_what_batch_gives(
        seed in 0_u64..1_000_000,
        n_events in 1_usize..160,
        chunk in 1_usize..60,
        n_sessions in 1_usize..4,
        turn in 0_usize..160,
    ) {
        let mut events = sample(seed, n_events);
        events.rotate_left(turn % n_events);
        // The model was fitted to what others did, and some names are new since.
        let features = fitted(&sample(4, 300), &Calendar::utc(), Day(20_400));
        let ids: Vec<String> = people(&events, &Decided::default()).into_keys().collect();
        let merged = ids.first().zip(ids.last()).filter(|(first, last)| first != last);
        let identity = |id: &String| Identity::parse(id).unwrap();
        let decisions = merged.iter().map(|(first, last)| Decision {
            verdict: Verdict::Merge, a: identity(first), b: identity(last), at: throng_event::Instant(0),
        });
        let decided = Decided { decisions: decisions.collect(), ..Decided::default() };
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let model = Some(model(Some(features.clone())));
            Live::open(serving(folder.path(), model, decided.decisions.clone())).unwrap()
        };
        for session in events.chunks(events.len().div_ceil(n_sessions)) {
            let server = open();
            session.chunks(chunk).for_each(|events| _ = submit(&server, events.to_vec()));
            server.checkpoint().unwrap();
        }
        let server = open();
        for day in days(&events) {
            prop_assert_eq!(found_live(&server, day), expected((&events, &decided), &features, day));
        }
    }
}

#[test]
fn without_a_model_that_reads_them_features_of_journeys_are_missing_and_others_are_not() {
    let events = sample(3, 120);
    let day = days(&events)[1];
    for model in [None, Some(model(None))] {
        let folder = tempfile::tempdir().unwrap();
        let server = Live::open(serving(folder.path(), model, Vec::new())).unwrap();
        submit(&server, events.clone());
        let found = live(&server, day);
        assert!(found.values().all(|values| values[OF_JOURNEYS].iter().all(|value| value == "-")));
        assert!(found.values().any(|values| values[0] != "-"));
    }
}

#[test]
fn histories_grow_by_a_code_for_every_touchpoint_and_only_where_a_feature_asks_for_it() {
    let events = sample(9, 150);
    let memory = |definitions: Vec<FeatureDefinition>| {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = serving(folder.path(), None, Vec::new());
        settings.core.catalogue = Catalogue::new(definitions, None).unwrap();
        let server = Live::open(settings).unwrap();
        submit(&server, events.clone());
        server.with_core(throng_live::Core::memory)
    };
    let without: Vec<FeatureDefinition> =
        definitions().into_iter().filter(|definition| !definition.kind.of_journeys()).collect();
    let names: usize =
        histories(&people(&events, &Decided::default())).names().iter().map(|name| name.len() + 64).sum();
    let (with, without) = (memory(definitions()), memory(without));
    assert!(with > without);
    assert!(with <= without + u64::try_from(4 * events.len() + 2 * names).unwrap(), "{with} beside {without}");
}

/// Two kinds of customers who do the same things equally often: those who order what they put in
/// the cart, and those who order on another visit.
fn customers() -> Vec<Event> {
    let mut events = Vec::new();
    for customer in 0..160_usize {
        let draw = |factor: usize, n: usize| (customer * factor + customer / 7) % n;
        let user = format!("c{customer}");
        let n_visits = 6 + draw(7, 3) + draw(11, 3);
        for visit in 0..n_visits {
            let hours_ago = 40 + 48 * i64::try_from(visit).unwrap();
            events.push(event(&user, "Product Added", hours_ago, 0));
            let other = if customer % 2 == 0 { 0 } else { 20 };
            // In total order the order follows at once, as its number says.
            let mut order = event(&user, "Order Completed", hours_ago - other, 1);
            order.occurred_at.0 += 1_000_000;
            events.push(order);
        }
        events.push(event(&user, "Visited", 24 * 200, 0));
    }
    events
}

/// The personas of those customers, by how often they left something in the cart.
fn found() -> Model {
    let (events, calendar) = (customers(), Calendar::utc());
    let people = people(&events, &Decided::default());
    let features = fitted(&events, &calendar, TODAY);
    let columns = features.columns(&histories(&people), (&calendar, calendar.as_of(TODAY)));
    let features = columns.into_iter().filter(|(place, _)| [1, 3].contains(place)).map(|(place, values)| {
        let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        FeatureColumn { definition: definitions()[place].clone(), values: Values::Numbers(values) }
    });
    let population = Population {
        as_of: calendar.as_of(TODAY),
        profiles: people.keys().map(|id| throng_profile::ProfileId::parse(id).unwrap()).collect(),
        features: features.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    };
    let params = DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(2), 1) };
    match discover(&population, &params).unwrap().outcome {
        Outcome::Found(found) => found.model,
        Outcome::Refused(refusal) => unreachable!("{refusal:?}"),
    }
}

#[test]
fn who_moves_because_of_a_journey_is_told_so_in_a_sentence() {
    let features = fitted(&customers(), &Calendar::utc(), TODAY);
    let folder = tempfile::tempdir().unwrap();
    let server = Live::open(serving(folder.path(), Some(model(Some(features))), Vec::new())).unwrap();
    submit(&server, customers());
    let end = Calendar::utc().as_of(TODAY).end;
    tick_to_the_end(&server, throng_event::Instant(end.0 - 43_200_000_000));
    assert!(all_shifts(&server).iter().all(|shift| !shift.profile.as_str().starts_with("u:new")));
    // Somebody new orders what is in the cart on every visit, and then never again.
    let visit = |hours_ago: i64, ordered: bool| {
        let mut order = event("new", "Order Completed", hours_ago, 7);
        order.occurred_at.0 += 1_000_000;
        [event("new", "Product Added", hours_ago, 6)].into_iter().chain(ordered.then_some(order))
    };
    let bought = (10..16).flat_map(|visits| visit(40 * visits, true));
    submit(&server, bought.chain([event("new", "Visited", 24 * 200, 0)]).collect());
    submit(&server, (1..10).flat_map(|visits| visit(20 * visits, false)).collect());
    tick_to_the_end(&server, throng_event::Instant(end.0 - 1_000_000));
    let all = all_shifts(&server);
    let of_new: Vec<_> = all.iter().filter(|shift| shift.profile.as_str() == "u:new" && shift.from.is_some()).collect();
    let because = &of_new.last().unwrap().because[0];
    assert!(["left_30d", "left_share"].contains(&&*because.feature), "{of_new:#?}");
    assert!(because.sentence.contains("left something in the cart"), "{because:?}");
    assert!(because.contribution > 0.0);
}
