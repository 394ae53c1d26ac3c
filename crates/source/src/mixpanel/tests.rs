//! Lines as Mixpanel exports them, and as they should not be.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn events(input: &str, clock: MixpanelClock) -> Vec<Taken> {
    read(|import, sink| read_mixpanel(input.as_bytes(), clock, import, sink)).0
}

fn check(input: &str, expected: &Expect) {
    check_taken(&events(input, MixpanelClock::Utc), expected);
}

#[test]
fn an_event_has_its_facts_in_their_places() {
    check(
        r#"{"event":"Plan Chosen","properties":{"time":1709287200,"distinct_id":"u7","$insert_id":"i1","mp_processing_time_ms":1709287201500,"$user_id":"u7","$device_id":"d1","$browser":"Chrome","$browser_version":121,"$os":"Mac OS X","$city":"Berlin","$region":"Land Berlin","mp_country_code":"DE","$current_url":"https://a.example/p","$referrer":"https://b.example","utm_source":"news","utm_campaign":"spring","mp_lib":"web","$lib_version":"2.49.0","$screen_width":1440,"ip":"203.0.113.7","$email":"Ann@Example.com","plan":"pro","seats":3,"nested":{"a":true}}}
{"event":"$mp_web_page_view","properties":{"time":1709287200123,"distinct_id":"$device:d1","$insert_id":"i2","$device_id":"d1","current_page_title":"Home","mp_lib":"web"}}
{"event":"Order Completed","properties":{"time":1709287200,"distinct_id":"u7","$insert_id":"i3","order_id":"o1","revenue":12.5,"currency":"EUR","products":[{"product_id":"p1","price":6.25,"quantity":2}]}}"#,
        &expect![[r#"
            track "Plan Chosen" at 2024-03-01T10:00:00Z
            user u7
            anonymous d1
            channel web
            received at 2024-03-01T10:00:01.5Z
            id e:ann@example.com
            context browser.name = Chrome
            context browser.version = 121
            context campaign.name = spring
            context campaign.source = news
            context ip = 203.0.113.7
            context library.name = web
            context library.version = 2.49.0
            context location.city = Berlin
            context location.country = DE
            context location.region = Land Berlin
            context os.name = Mac OS X
            context page.referrer = https://b.example
            context page.url = https://a.example/p
            context screen.width = 1440
            property nested.a = true
            property plan = pro
            property seats = 3
            trait email = Ann@Example.com
            page "Page Viewed" at 2024-03-01T10:00:00.123Z
            anonymous d1
            channel web
            context library.name = web
            context page.title = Home
            track "Order Completed" at 2024-03-01T10:00:00Z
            user u7
            property currency = EUR
            property order_id = o1
            property revenue = 12.5
            money 1250 EUR
            product p1 × 2 = 1250
        "#]],
    );
}

#[test]
fn ids_say_who_it_was() {
    check(
        r#"{"event":"A","properties":{"time":1709287200,"distinct_id":"canon","$user_id":"u7","$device_id":"d1"}}
{"event":"A","properties":{"time":1709287200,"distinct_id":"d1","$device_id":"d1"}}
{"event":"A","properties":{"time":1709287200,"distinct_id":"$device:d2"}}
{"event":"A","properties":{"time":1709287200,"distinct_id":17}}
{"event":"A","properties":{"time":1709287200,"distinct_id":"anonymous"}}
{"event":"A","properties":{"time":1709287200,"distinct_id":"00000000-0000-0000-0000-000000000000"}}"#,
        &expect![[r#"
            track "A" at 2024-03-01T10:00:00Z
            user u7
            anonymous d1
            id x:mixpanel:canon
            track "A" at 2024-03-01T10:00:00Z
            anonymous d1
            track "A" at 2024-03-01T10:00:00Z
            anonymous d2
            track "A" at 2024-03-01T10:00:00Z
            user 17
            row 5: missing-identity: neither a user id nor an anonymous id <- {"event":"A","properties":{"time":1709287200,"distinct_id":"anonymous"}}
            row 6: missing-identity: neither a user id nor an anonymous id <- {"event":"A","properties":{"time":1709287200,"distinct_id":"00000000-0000-0000-0000-000000000000"}}
        "#]],
    );
}

#[test]
fn joined_identities_are_aliases() {
    check(
        r#"{"event":"$identify","properties":{"time":1709287200,"distinct_id":"u7","$identified_id":"u7","$anon_id":"d1"}}
{"event":"$create_alias","properties":{"time":1709287200,"distinct_id":"u7","alias":"mail-7"}}
{"event":"$merge","properties":{"time":1709287200,"distinct_id":"x","$distinct_ids":["$device:d1","u7"]}}"#,
        &expect![[r#"
            alias "Identity Aliased" at 2024-03-01T10:00:00Z
            user u7
            previous d1
            alias "Identity Aliased" at 2024-03-01T10:00:00Z
            user u7
            previous mail-7
            alias "Identity Aliased" at 2024-03-01T10:00:00Z
            user u7
            anonymous d1
            previous d1
        "#]],
    );
}

#[test]
fn people_are_identified_when_last_seen() {
    check(
        r#"{"$distinct_id":"u7","$properties":{"$email":"ann@example.com","$first_name":"Ann","$city":"Berlin","$last_seen":"2024-03-01T10:00:00","plan":"pro"}}
{"results":[{"$distinct_id":"u8","$properties":{"$created":"2024-03-01T10:00:00"}},{"$distinct_id":"u9","$properties":{}}],"page":0}"#,
        &expect![[r#"
            identify "Identified" at 2024-03-01T10:00:00Z
            user u7
            id e:ann@example.com
            trait city = Berlin
            trait email = ann@example.com
            trait first_name = Ann
            trait last_seen_at = 2024-03-01T10:00:00
            trait plan = pro
            identify "Identified" at 2024-03-01T10:00:00Z
            user u8
            trait created_at = 2024-03-01T10:00:00
            row 3: missing-time: no time of occurrence <- {"$distinct_id":"u9","$properties":{}}
        "#]],
    );
}

#[test]
fn times_of_old_projects_are_local() {
    let check = |time: &str, clock: MixpanelClock, expected: &str| {
        let line = format!(r#"{{"event":"A","properties":{{"time":{time},"distinct_id":"u"}}}}"#);
        match &events(&line, clock)[0] {
            Taken::Event { event, .. } => assert_eq!(event.occurred_at.to_string(), expected),
            Taken::Quarantined(row) => panic!("{row:?}"),
        }
    };
    check("1709287200", MixpanelClock::Utc, "2024-03-01T10:00:00Z");
    check("1709287200", MixpanelClock::ProjectZone, "2024-03-01T15:00:00Z");
    check("1719828000500", MixpanelClock::ProjectZone, "2024-07-01T14:00:00.5Z");
}

#[test]
fn repeated_lines_are_one_event() {
    let line = |name: &str, time: &str, insert_id: &str, more: &str| {
        format!(r#"{{"event":"{name}","properties":{{"time":{time},"distinct_id":"u"{insert_id}{more}}}}}"#)
    };
    let id = r#","$insert_id":"i1""#;
    let lines = [
        line("A", "1709287200", id, ""),
        line("A", "1709287200123", id, r#","mp_processing_time_ms":1709287209000"#),
        line("B", "1709287200", id, ""),
        line("A", "1709287201", id, ""),
        line("A", "1709287200", "", ""),
        line("A", "1709287200", "", r#","x":1"#),
    ];
    let ids = ids(&events(&lines.join("\n"), MixpanelClock::Utc));
    assert_eq!(ids[0], ids[1]);
    let mut different = ids[1..].to_vec();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 5, "{ids:?}");
}

#[test]
fn what_is_no_event_is_put_aside() {
    check(
        r#"{"event":"A","properties":{"distinct_id":"u"}}
{"event":"A","properties":{"time":"soon","distinct_id":"u"}}
{"event":"A","properties":{"time":[1],"distinct_id":"u"}}
{"event":"A","properties":7}
{"event":7,"properties":{"time":1709287200,"distinct_id":"u","$os":{"a":1}}}
{"properties":{"time":1709287200,"distinct_id":"u"}}
["A"]"#,
        &expect![[r#"
            row 1: missing-time: no time of occurrence <- {"event":"A","properties":{"distinct_id":"u"}}
            row 2: invalid-time: soon <- {"event":"A","properties":{"time":"soon","distinct_id":"u"}}
            row 3: missing-time: no time of occurrence <- {"event":"A","properties":{"time":[1],"distinct_id":"u"}}
            row 4: missing-identity: neither a user id nor an anonymous id <- {"event":"A","properties":7}
            track "7" at 2024-03-01T10:00:00Z
            user u
            context os.name = {"a":1}
            row 6: missing-name: a track message without an event name <- {"properties":{"time":1709287200,"distinct_id":"u"}}
            row 7: unreadable: the record is no JSON object <- ["A"]
        "#]],
    );
}

#[test]
fn a_file_is_recognised_by_its_members() {
    let head = |text: &str| Head::read(text.as_bytes()).unwrap();
    assert!(recognise(&head(r#"{"event":"A","properties":{"time":1,"distinct_id":"u"}}"#)).is_some());
    assert!(recognise(&head(r#"{"$distinct_id":"A","$properties":{}}"#)).is_some());
    assert!(recognise(&head(r#"{"event":"A","properties":{"time":1}}"#)).is_none());
    assert!(recognise(&head(r#"{"event":"A","distinct_id":"u","properties":{}}"#)).is_none());
}

const NAMES: &[&str] = &[
    "event",
    "properties",
    "time",
    "distinct_id",
    "$insert_id",
    "$user_id",
    "$device_id",
    "$distinct_ids",
    "alias",
    "$distinct_id",
    "$properties",
    "$last_seen",
    "results",
    "revenue",
    "products",
    "ip",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 0..6)) {
        let input = records.join("\n");
        let (taken, tally) =
            read(|import, sink| read_mixpanel(input.as_bytes(), MixpanelClock::ProjectZone, import, sink));
        check_tally(&tally, &taken);
    }
}
