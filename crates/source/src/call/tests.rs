//! Records as the products' own libraries send them, and as they should not be.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn at() -> Instant {
    Instant::parse_rfc3339("2024-03-01T12:00:10Z").unwrap()
}

fn events(call: AnalyticsCall, records: &[String], received_at: Instant) -> (Vec<Taken>, Tally) {
    let raw: Vec<Box<RawValue>> = records.iter().map(|text| RawValue::from_string(text.clone()).unwrap()).collect();
    let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
    read(|import, sink| read_analytics_call(call, (&raw, received_at), import, sink))
}

fn check(call: AnalyticsCall, records: &[&str], expected: &Expect) {
    let records: Vec<String> = records.iter().map(|text| (*text).to_owned()).collect();
    check_taken(&events(call, &records, at()).0, expected);
}

#[test]
fn mixpanel_events_keep_no_key_and_happen_now_where_they_do_not_say_when() {
    check(
        AnalyticsCall::MixpanelEvents,
        &[
            r#"{"event":"Plan Chosen","properties":{"token":"secret","distinct_id":"u7","$device_id":"d1","time":1709287200.5,"$insert_id":"i1","plan":"pro","mp_lib":"web"}}"#,
            r#"{"event":"A","properties":{"token":"secret","distinct_id":"u7"}}"#,
            r#"{"event":"$create_alias","properties":{"distinct_id":"u7","alias":"mail-7","token":"secret"}}"#,
            r#"{"event":"A","properties":{"distinct_id":"anonymous","time":1709287200}}"#,
            r#"{"event":"A","properties":{"distinct_id":"u7","time":"soon"}}"#,
            r#"["A"]"#,
        ],
        &expect![[r#"
            track "Plan Chosen" at 2024-03-01T10:00:00.5Z
            user u7
            anonymous d1
            channel web
            received at 2024-03-01T12:00:10Z
            context library.name = web
            property plan = pro
            track "A" at 2024-03-01T12:00:10Z
            user u7
            alias "Identity Aliased" at 2024-03-01T12:00:10Z
            user u7
            previous mail-7
            row 4: missing-identity: neither a user id nor an anonymous id <- {"event":"A","properties":{"distinct_id":"anonymous","time":1709287200}}
            row 5: invalid-time: soon <- {"event":"A","properties":{"distinct_id":"u7","time":"soon"}}
            row 6: unreadable: the record is no JSON object <- ["A"]
        "#]],
    );
}

#[test]
fn mixpanel_people_are_identified_by_what_is_set() {
    check(
        AnalyticsCall::MixpanelPeople,
        &[
            r#"{"$token":"secret","$distinct_id":"u7","$ip":"203.0.113.7","$set":{"$email":"ann@example.com","plan":"pro"}}"#,
            r#"{"$token":"secret","$distinct_id":"u7","$set_once":{"first":"web"},"$time":1709287200}"#,
            r#"{"$token":"secret","$distinct_id":"$device:d1","$add":{"logins":1},"$append":{"seen":"a"}}"#,
            r#"{"$token":"secret","$distinct_id":"u7","$unset":["plan"],"$ip":0}"#,
            r#"{"$token":"secret","$distinct_id":"u7"}"#,
            r#"{"$token":"secret","$set":{"plan":"pro"}}"#,
        ],
        &expect![[r#"
            identify "Identified" at 2024-03-01T12:00:10Z
            user u7
            id e:ann@example.com
            context ip = 203.0.113.7
            trait email = ann@example.com
            trait plan = pro
            identify "Identified" at 2024-03-01T12:00:10Z
            user u7
            trait first = web
            identify "Identified" at 2024-03-01T12:00:10Z
            anonymous d1
            property $add.logins = 1
            property $append.seen = a
            identify "Identified" at 2024-03-01T12:00:10Z
            user u7
            property $unset = ["plan"]
            row 5: missing-name: no operation such as $set <- {"$token":"secret","$distinct_id":"u7"}
            row 6: missing-identity: neither a user id nor an anonymous id <- {"$token":"secret","$set":{"plan":"pro"}}
        "#]],
    );
}

#[test]
fn amplitude_events_say_their_time_in_milliseconds() {
    check(
        AnalyticsCall::Amplitude,
        &[
            r#"{"user_id":"user-7","device_id":"device-1","event_type":"Plan Chosen","time":1709287200123,"insert_id":"i1","session_id":-1,"ip":"$remote","platform":"Web","event_properties":{"plan":"pro"},"user_properties":{"$set":{"tier":"gold"}},"groups":{"company":"acme"}}"#,
            r#"{"user_id":"user-7","event_type":"bought","price":2.5,"quantity":2,"productId":"p1","currency":"EUR"}"#,
            r#"{"user_id":"user-7","event_type":"A","time":"2024-03-01T10:00:00Z"}"#,
            r#"{"user_id":"user-7","time":1709287200123}"#,
            r#"{"event_type":"A","time":1709287200123}"#,
        ],
        &expect![[r#"
            track "Plan Chosen" at 2024-03-01T10:00:00.123Z
            named web/device-1/i1
            user user-7
            anonymous device-1
            group acme
            channel web
            received at 2024-03-01T12:00:10Z
            context groups.company = acme
            context platform = Web
            property plan = pro
            trait tier = gold
            track "bought" at 2024-03-01T12:00:10Z
            user user-7
            property currency = EUR
            property price = 2.5
            property productId = p1
            property quantity = 2
            money 500 EUR
            product p1 × 2 = 500
            row 3: invalid-time: "2024-03-01T10:00:00Z" <- {"user_id":"user-7","event_type":"A","time":"2024-03-01T10:00:00Z"}
            row 4: missing-name: a track message without an event name <- {"user_id":"user-7","time":1709287200123}
            row 5: missing-identity: neither a user id nor an anonymous id <- {"event_type":"A","time":1709287200123}
        "#]],
    );
}

#[test]
fn measurement_protocol_events_are_rows_of_the_export() {
    check(
        AnalyticsCall::Ga4,
        &[
            r#"{"client_id":"1.2","user_id":"u7","timestamp_micros":"1709287200123456","user_properties":{"tier":{"value":"gold"}},"consent":{"ad_user_data":"GRANTED"},"event":{"name":"purchase","params":{"currency":"EUR","value":12.5,"transaction_id":"o1","session_id":"17","engagement_time_msec":100,"items":[{"item_id":"p1","item_name":"Shoe","price":6.25,"quantity":2}]}}}"#,
            r#"{"app_instance_id":"a1","event":{"name":"page_view","timestamp_micros":1709287200000000,"params":{"page_location":"https://a.example/"}}}"#,
            r#"{"client_id":"1.2","event":{"name":"login"}}"#,
            r#"{"client_id":"1.2","event":{"params":{}}}"#,
            r#"{"event":{"name":"login"}}"#,
            r#"{"client_id":"1.2","timestamp_micros":"soon","event":{"name":"login"}}"#,
        ],
        &expect![[r#"
            track "Order Completed" at 2024-03-01T10:00:00.123456Z
            user u7
            anonymous 1.2
            received at 2024-03-01T12:00:10Z
            context consent.ad_user_data = GRANTED
            property currency = EUR
            property engagement_time_msec = 100
            property order_id = o1
            property session_id = 17
            property value = 12.5
            trait tier = gold
            money 1250 EUR
            product p1, Shoe × 2 = 1250
            page "Page Viewed" at 2024-03-01T10:00:00Z
            anonymous a1
            received at 2024-03-01T12:00:10Z
            context page.url = https://a.example/
            track "Signed In" at 2024-03-01T12:00:10Z
            anonymous 1.2
            row 4: missing-name: a track message without an event name <- {"client_id":"1.2","event":{"params":{}}}
            row 5: missing-identity: neither a user id nor an anonymous id <- {"event":{"name":"login"}}
            row 6: invalid-time: soon <- {"client_id":"1.2","timestamp_micros":"soon","event":{"name":"login"}}
        "#]],
    );
}

#[test]
fn only_an_id_says_that_two_records_are_one_event() {
    let check = |call, with_id: &str, without: &str| {
        let records = [with_id, with_id, without, without].map(str::to_owned);
        let mut all = ids(&events(call, &records, at()).0);
        all.extend(ids(&events(call, &records, Instant(at().0 + 1)).0));
        assert_eq!((&all[0], &all[0], &all[0]), (&all[1], &all[4], &all[5]), "{call:?}");
        let mut different = [&all[2..4], &all[6..]].concat();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 4, "{call:?}");
    };
    check(
        AnalyticsCall::MixpanelEvents,
        r#"{"event":"A","properties":{"distinct_id":"u","time":1709287200,"$insert_id":"i"}}"#,
        r#"{"event":"A","properties":{"distinct_id":"u","time":1709287200}}"#,
    );
    check(
        AnalyticsCall::Amplitude,
        r#"{"event_type":"A","user_id":"user-7","time":1709287200000,"insert_id":"i"}"#,
        r#"{"event_type":"A","user_id":"user-7","time":1709287200000}"#,
    );
}

const NAMES: &[&str] = &[
    "event",
    "properties",
    "time",
    "distinct_id",
    "$insert_id",
    "$set",
    "$add",
    "$distinct_id",
    "event_type",
    "user_id",
    "device_id",
    "client_id",
    "timestamp_micros",
    "user_properties",
    "params",
    "name",
    "items",
    "value",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 0..6)) {
        use AnalyticsCall::{Amplitude, Ga4, MixpanelEvents, MixpanelPeople};
        for call in [MixpanelEvents, MixpanelPeople, Amplitude, Ga4] {
            let (taken, tally) = events(call, &records, at());
            check_tally(&tally, &taken);
            prop_assert_eq!(taken.len(), records.len());
        }
    }
}
