//! Rows as `PostHog` exports them, and as they should not be.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn events(input: &str) -> Vec<Taken> {
    read(|import, sink| read_posthog(input.as_bytes(), import, sink)).0
}

fn check(input: &str, expected: &Expect) {
    check_taken(&events(input), expected);
}

#[test]
fn an_event_has_its_facts_in_their_places() {
    check(
        r#"{"uuid":"0190-1","event":"plan chosen","timestamp":"2024-03-01T10:00:00.123000+00:00","created_at":"2024-03-01 10:00:01.000000","distinct_id":"u7","person_id":"p-1","team_id":2,"elements_chain":"","properties":{"$current_url":"https://a.example/p","$pathname":"/p","$host":"a.example","$referrer":"$direct","$browser":"Chrome","$os":"Windows","$device_type":"Desktop","$device_id":"d1","$session_id":"s1","$lib":"web","$lib_version":"1.2.3","$geoip_country_name":"Germany","$geoip_city_name":"Berlin","$ip":"203.0.113.7","utm_source":"news","$groups":{"company":"acme"},"plan":"pro","seats":3,"token":"phc_x","$set":{"tier":"gold"}},"person_properties":{"email":"ann@example.com","tier":"old"}}"#,
        &expect![[r#"
            track "plan chosen" at 2024-03-01T10:00:00.123Z
            named 0190-1
            user u7
            anonymous d1
            group acme
            channel web
            received at 2024-03-01T10:00:01Z
            id e:ann@example.com
            context browser.name = Chrome
            context campaign.source = news
            context device.type = Desktop
            context groups.company = acme
            context ip = 203.0.113.7
            context library.name = web
            context library.version = 1.2.3
            context location.city = Berlin
            context location.country = Germany
            context os.name = Windows
            context page.hostname = a.example
            context page.path = /p
            context page.url = https://a.example/p
            context person.id = p-1
            property $session_id = s1
            property plan = pro
            property seats = 3
            trait email = ann@example.com
            trait tier = gold
        "#]],
    );
}

#[test]
fn pages_screens_clicks_and_accounts_are_told_apart() {
    check(
        r#"{"uuid":"1","event":"$pageview","timestamp":"2024-03-01T10:00:00Z","distinct_id":"d1","properties":"{\"$device_id\":\"d1\",\"$lib\":\"web\",\"title\":\"Home\"}"}
{"uuid":"2","event":"$screen","timestamp":"2024-03-01T10:00:00Z","distinct_id":"d1","properties":{"$is_identified":false,"$screen_name":"Cart","$lib":"posthog-ios"}}
{"uuid":"3","event":"$autocapture","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"$event_type":"click"},"elements_chain":"button:text=\"Buy\""}
{"uuid":"4","event":"$groupidentify","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"$group_type":"company","$group_key":"acme","$group_set":{"size":12}}}
{"uuid":"5","event":"Order Completed","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"revenue":5,"currency":"EUR","order_id":"o1"}}"#,
        &expect![[r#"
            page "Page Viewed" at 2024-03-01T10:00:00Z
            named 1
            anonymous d1
            channel web
            context library.name = web
            context page.title = Home
            screen "Screen Viewed" at 2024-03-01T10:00:00Z
            named 2
            anonymous d1
            channel app
            context library.name = posthog-ios
            property $is_identified = false
            property name = Cart
            track "$autocapture" at 2024-03-01T10:00:00Z
            named 3
            user u7
            property $elements_chain = button:text="Buy"
            property $event_type = click
            group "Account Joined" at 2024-03-01T10:00:00Z
            named 4
            user u7
            group acme
            property group_type = company
            trait size = 12
            track "Order Completed" at 2024-03-01T10:00:00Z
            named 5
            user u7
            property currency = EUR
            property order_id = o1
            property revenue = 5
            money 500 EUR
        "#]],
    );
}

#[test]
fn an_identification_is_an_alias_too() {
    check(
        r#"{"uuid":"1","event":"$identify","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"$anon_distinct_id":"d1","$device_id":"d1","$set":{"email":"ann@example.com"},"$set_once":{"cohort":"a"}}}
{"uuid":"2","event":"$create_alias","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"alias":"old-7"}}
{"uuid":"3","event":"$identify","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":{"$anon_distinct_id":"u7"}}"#,
        &expect![[r#"
            identify "Identified" at 2024-03-01T10:00:00Z
            named 1
            user u7
            anonymous d1
            id e:ann@example.com
            trait cohort = a
            trait email = ann@example.com
            alias "Identity Aliased" at 2024-03-01T10:00:00Z
            named 1#alias
            user u7
            anonymous d1
            previous d1
            alias "Identity Aliased" at 2024-03-01T10:00:00Z
            named 2
            user u7
            previous old-7
            identify "Identified" at 2024-03-01T10:00:00Z
            named 3
            user u7
        "#]],
    );
}

#[test]
fn what_is_no_event_is_put_aside() {
    check(
        r#"{"uuid":"1","event":"a","distinct_id":"u7"}
{"uuid":"1","event":"a","timestamp":"soon","distinct_id":"u7"}
{"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"null"}
{"uuid":"1","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7"}
{"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":"{"}
{"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":[1]}
{"uuid":{},"event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","person":3,"set":null}
7"#,
        &expect![[r#"
            row 1: missing-time: no time of occurrence <- {"uuid":"1","event":"a","distinct_id":"u7"}
            row 2: invalid-time: soon <- {"uuid":"1","event":"a","timestamp":"soon","distinct_id":"u7"}
            row 3: missing-identity: neither a user id nor an anonymous id <- {"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"null"}
            row 4: missing-name: a track message without an event name <- {"uuid":"1","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7"}
            row 5: unreadable: properties: EOF while parsing an object at line 1 column 1 <- {"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":"{"}
            row 6: unreadable: properties: the record is no JSON object <- {"uuid":"1","event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7","properties":[1]}
            track "a" at 2024-03-01T10:00:00Z
            user u7
            property person = 3
            row 8: unreadable: the record is no JSON object <- 7
        "#]],
    );
}

#[test]
fn repeated_rows_are_one_event() {
    let row = |id: &str| format!(r#"{{{id}"event":"a","timestamp":"2024-03-01T10:00:00Z","distinct_id":"u7"}}"#);
    let ids = ids(&events(&[row(r#""uuid":"1","#), row(r#""id":"1","#), row(""), row("")].join("\n")));
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn parquet_says_what_json_says() {
    let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let at = TimestampMicrosecondArray::from(vec![1_709_287_200_250_000; 2]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("uuid", text(&["1", "2"])),
        ("event", text(&["$pageview", "bought"])),
        ("properties", text(&[r#"{"$device_id":"u7","note":"line\nbreak"}"#, "{"])),
        ("distinct_id", text(&["u7", "u7"])),
        ("timestamp", Arc::new(at)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut file = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (taken, tally) = read(|import, sink| read_posthog_parquet(Cursor::new(file), import, sink));
    check_tally(&tally, &taken);
    check_taken(
        &taken,
        &expect![[r#"
        page "Page Viewed" at 2024-03-01T10:00:00.25Z
        named 1
        anonymous u7
        property note = line
        break
        row 2: unreadable: properties: EOF while parsing an object at line 1 column 1 <- {"uuid":"2","event":"bought","properties":"{","distinct_id":"u7","timestamp":"2024-03-01T10:00:00.250Z"}
    "#]],
    );
    let Taken::Quarantined(row) = &taken[1] else { panic!("admitted") };
    let (again, _) = read(|import, sink| read_posthog(row.raw.as_bytes(), import, sink));
    assert!(matches!(&again[0], Taken::Quarantined(same) if same.problem == row.problem));
}

#[test]
fn a_file_is_recognised_by_its_members() {
    let head = |text: &str| Head::read(text.as_bytes()).unwrap();
    assert!(
        recognise(&head(r#"{"uuid":"1","event":"a","distinct_id":"u","timestamp":"t","properties":{}}"#)).is_some()
    );
    assert!(recognise(&head(r#"{"event":"a","distinct_id":"u","timestamp":"t","properties":{}}"#)).is_none());
}

const NAMES: &[&str] = &[
    "uuid",
    "event",
    "timestamp",
    "distinct_id",
    "properties",
    "person",
    "person_properties",
    "$set",
    "$groups",
    "$device_id",
    "$anon_distinct_id",
    "results",
    "elements_chain",
    "revenue",
    "products",
    "$is_identified",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 0..6)) {
        let (taken, tally) = read(|import, sink| read_posthog(records.join("\n").as_bytes(), import, sink));
        check_tally(&tally, &taken);
    }
}
