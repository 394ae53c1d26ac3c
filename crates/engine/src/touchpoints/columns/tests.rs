//! Rows of the lake are called what their events are called, wherever in them pages and
//! campaigns are written and as what.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use proptest::prelude::*;
use throng_event::{Attributes, Decimal, Event, Instant, Value};
use throng_journey::{Circumstances, TouchpointKind, TouchpointRule, touchpoint, touchpoint_of};
use throng_testkit::random_events;

use super::{NamedColumns, add_kind};
use crate::context::{bare_session, collect};
use crate::event_table::{Chunk, EventRows, Promoted};

/// Names of attributes, of which the last means nothing.
const NAMES: [&str; 14] = [
    "page.path",
    "path",
    "page.url",
    "url",
    "page_location",
    "page_path",
    "page",
    "page_url",
    "campaign.name",
    "utm_campaign",
    "campaign_name",
    "campaign",
    "campaign_id",
    "paths",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "", "/", "/cart", "https://a.example/product/12?utm_campaign=Spring%20Sale", "/p/x?utm_campaign=",
            "sale", "//a.example/größe/1234/",
        ]).prop_map(Value::text),
        2 => (-3_i64..4).prop_map(|n| Value::Number(Decimal(n * Decimal::ONE / 2))),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Instant(Instant(1_700_000_000_000_000))),
        1 => Just(Value::Json("{\"path\":\"/cart\"}".to_owned())),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..5).prop_map(|values| {
        let mut attributes = Attributes::new();
        values.into_iter().for_each(|(name, value)| attributes.insert(name, value));
        attributes
    })
}

fn texts(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(texts.to_vec()).prop_map(str::to_owned), 0..2)
}

fn rule() -> impl Strategy<Value = TouchpointRule> {
    let name = prop::sample::select(vec!["Visit", "{event}", "{page}", "{event} ({channel})", "From {campaign}"]);
    let events = texts(&["*", "Page*", "order completed", "Product Viewed"]);
    let pages = texts(&["/*", "/cart", "/product/:id"]);
    (name, events, texts(&["w*", "store"]), texts(&["*", "Spring Sale", "0.5"]), pages).prop_map(
        |(name, events, channels, campaigns, pages)| TouchpointRule {
            name: name.to_owned(),
            kind: None,
            events,
            channels,
            campaigns,
            pages,
        },
    )
}

/// What the rows of these events are called, by event.
fn named(events: &[Event], rules: &[TouchpointRule]) -> BTreeMap<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut rows = EventRows::default();
    events.iter().for_each(|event| rows.push(event, event.id.key()));
    let mut chunk = Chunk::default();
    chunk.push_all(rows.finish());
    let context = bare_session(1).unwrap();
    context.register_batch("events", chunk.finish(&mut Promoted::default()).unwrap()).unwrap();
    let mut names = NamedColumns::new(rules);
    let rows = runtime.block_on(async {
        let selected = names.selected(&context).await.unwrap();
        let query = format!("SELECT event_id, event{selected} FROM events WHERE kind IN ('track', 'page', 'screen')");
        collect(&context, &query).await.unwrap()
    });
    let numbers = names.numbers(&rows).unwrap();
    let ids = arrow::compute::cast(&rows.column(0).clone(), &arrow::datatypes::DataType::Utf8).unwrap();
    let name = |number: &Option<u32>| names.names[usize::try_from(number.unwrap()).unwrap()].clone();
    ids.as_string::<i32>().iter().map(|id| id.unwrap().to_owned()).zip(numbers.iter().map(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_called_what_their_events_are_called(
        seed in 0_u64..1_000_000,
        written in prop::collection::vec((attributes(), attributes()), 1..40),
        rules in prop::collection::vec(rule(), 0..4),
    ) {
        let mut events = random_events(seed, written.len());
        for (event, (properties, context)) in events.iter_mut().zip(written) {
            (event.properties, event.context) = (properties, context);
        }
        // The lake has every event once.
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events.dedup_by(|a, b| a.id == b.id);
        let own = events.iter().filter_map(|event| {
            Some((event.id.0.clone(), touchpoint_of(&rules, event)?.into_owned()))
        });
        let own: BTreeMap<String, String> = own.collect();
        prop_assert_eq!(named(&events, &rules), own);
    }
}

#[test]
fn name_of_several_rules_has_the_kind_of_the_first_whichever_is_met_first() {
    let rule = |event: &str, kind| TouchpointRule {
        name: "Visit".to_owned(),
        kind,
        events: vec![event.to_owned()],
        ..TouchpointRule::default()
    };
    let rules = [
        rule("walk in", None),
        rule("drive in", Some(TouchpointKind::Offline)),
        rule("click", Some(TouchpointKind::Paid)),
    ];
    for order in [["walk in", "drive in", "click"], ["click", "drive in", "walk in"]] {
        let mut kinds = BTreeMap::new();
        for event in order {
            let (name, kind) = touchpoint(&rules, Circumstances { event, ..Circumstances::default() });
            kind.into_iter().for_each(|kind| add_kind(&mut kinds, name.clone(), kind));
        }
        assert_eq!(kinds["Visit"].1, TouchpointKind::Offline);
    }
}
