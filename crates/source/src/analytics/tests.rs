//! How the tests of the readers show what was read.

use std::fmt::Write;

use expect_test::Expect;
use proptest::prelude::*;
use throng_event::Event;

use super::*;
use crate::shown::{Receiver, collect};
use crate::{Taken, Tally};

/// Reads with a reader and returns all outcomes.
pub(crate) fn read(read: impl FnOnce(Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>) -> (Vec<Taken>, Tally) {
    collect("web", "America/New_York", None, read).unwrap()
}

/// Writes what is filled of an event, one field a line; ids made from content are left out.
fn show(event: &Event) -> String {
    let mut text = format!("{} {:?} at {}\n", event.kind.as_str(), event.name, event.occurred_at);
    let named = !event.id.0.starts_with("content-");
    let ids = [("user", &event.user_id), ("anonymous", &event.anonymous_id), ("group", &event.group_id)];
    if named {
        writeln!(text, "named {}", event.id).unwrap();
    }
    for (name, id) in ids.into_iter().chain([("previous", &event.previous_id), ("channel", &event.channel)]) {
        id.iter().for_each(|id| writeln!(text, "{name} {id}").unwrap());
    }
    if event.received_at != event.occurred_at {
        writeln!(text, "received at {}", event.received_at).unwrap();
    }
    event.external_ids.iter().for_each(|id| writeln!(text, "id {id}").unwrap());
    for (name, attributes) in [("context", &event.context), ("property", &event.properties), ("trait", &event.traits)] {
        attributes.iter().for_each(|(key, value)| writeln!(text, "{name} {key} = {value}").unwrap());
    }
    event.money.iter().for_each(|money| writeln!(text, "money {} {}", money.minor, money.currency).unwrap());
    for line in &event.products {
        let amount = line.amount_minor.map_or("?".to_owned(), |minor| minor.to_string());
        let facts = [&line.name, &line.category, &line.brand].into_iter().flatten();
        let facts: String = facts.map(|fact| format!(", {fact}")).collect();
        writeln!(text, "product {}{facts} × {} = {amount}", line.product_id, line.quantity).unwrap();
    }
    event.text.iter().for_each(|said| writeln!(text, "text {said}").unwrap());
    text
}

/// Compares all outcomes with what is expected.
pub(crate) fn check_taken(taken: &[Taken], expected: &Expect) {
    let mut text = String::new();
    for taken in taken {
        match taken {
            Taken::Event { event, problems, .. } => {
                text.push_str(&show(event));
                problems.iter().for_each(|problem| writeln!(text, "mended {problem}").unwrap());
            }
            Taken::Quarantined(row) => writeln!(text, "row {}: {} <- {}", row.row, row.problem, row.raw).unwrap(),
        }
    }
    expected.assert_eq(&text);
}

/// Returns the ids of the events, in their order.
pub(crate) fn ids(taken: &[Taken]) -> Vec<String> {
    let of_event = |taken: &Taken| match taken {
        Taken::Event { event, .. } => event.id.to_string(),
        Taken::Quarantined(row) => panic!("{row:?}"),
    };
    taken.iter().map(of_event).collect()
}

/// Makes JSON objects whose members have the names given and values of any kind.
pub(crate) fn objects(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"(not set)\"".to_owned()),
        Just("\"1611798022695757\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        "[a-z$\\[\\]{}:,é 0-9.-]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    let any_json = leaf.prop_recursive(3, 24, 5, move |inner| {
        let member = (proptest::sample::select(names), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            proptest::collection::vec(member, 0..5).prop_map(|members| object(&members)),
        ]
    });
    proptest::collection::vec((proptest::sample::select(names), any_json), 0..8).prop_map(|members| object(&members))
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Checks that every record is accounted for.
pub(crate) fn check_tally(tally: &Tally, taken: &[Taken]) {
    assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
    assert_eq!(taken.len() as u64, tally.events + tally.rows_quarantined);
}

#[test]
fn lists_are_read_as_json_and_as_parquet_writes_them() {
    let check = |json: &str, expected: &[&str]| {
        let mut fields = Fields::read(json.as_bytes()).unwrap();
        let values: Vec<&str> = fields.list("a").into_iter().map(RawValue::get).collect();
        assert_eq!(values, expected, "{json}");
    };
    check(r#"{"a":[1,2]}"#, &["1", "2"]);
    check(r#"{"a":{"list":[{"element":1},{"element":{"b":2}}]}}"#, &["1", r#"{"b":2}"#]);
    check(r#"{"a":[{"item":1}]}"#, &["1"]);
    check(r#"{"a":7}"#, &[]);
}

#[test]
fn times_are_read_with_their_fractions() {
    let check = |text: &str, expected: Option<i64>| assert_eq!(utc_time(text).ok(), expected.map(Instant), "{text}");
    check("1709287200.5", Some(1_709_287_200_500_000));
    check("1709287200123.0", Some(1_709_287_200_123_000));
    check("2024-03-01 10:00:00.250000", Some(1_709_287_200_250_000));
    check("2024-03-01T10:00:00.25+00:00", Some(1_709_287_200_250_000));
    check("soon", None);
    check("1.5", None);
}

#[test]
fn ids_of_no_one_are_none() {
    for id in ["00000000-0000-0000-0000-000000000000", "Anonymous", "0", "-1", "[]", "", " "] {
        assert_eq!(somebody(Some(id.to_owned())), None, "{id}");
    }
    assert_eq!(somebody(Some(" 7 ".to_owned())).as_deref(), Some("7"));
}

#[test]
fn the_results_of_an_answer_are_records() {
    let maker: Maker<'_> = &|mut fields, _| {
        let user_id = fields.text("u");
        let (kind, occurred_at) = (Some(throng_event::EventKind::Identify), Some(Instant(1)));
        Ok(Made::one(Draft { user_id, kind, occurred_at, ..Draft::default() }, Vec::new()))
    };
    let answer = r#"{"next":null,"results":[{"u":"a"},{"u":"b"},7]}"#;
    let (taken, tally) = read(|import, sink| {
        let mut intake = Intake::new(import, sink);
        read_records(answer.as_bytes(), &mut intake, maker)?;
        Ok(intake.finish())
    });
    check_tally(&tally, &taken);
    assert_eq!((tally.rows_read, tally.rows_quarantined), (3, 1));
}
