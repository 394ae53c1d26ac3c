//! Lines and archives as Amplitude exports them, and as they should not be.

use std::io::{Cursor, Write};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;
use crate::analytics::tests::{check_taken, check_tally, ids, objects, read};

fn events(input: &str) -> Vec<Taken> {
    read(|import, sink| read_amplitude_lines(input.as_bytes(), import, sink)).0
}

fn check(input: &str, expected: &Expect) {
    check_taken(&events(input), expected);
}

const LINE: &str = r#"{"event_type":"Plan Chosen","event_time":"2024-03-01 10:00:00.123000","client_event_time":"2024-03-01 10:00:05.000000","server_received_time":"2024-03-01 10:00:01.000000","server_upload_time":"2024-03-01 10:00:02.000000","processed_time":"2024-03-01 10:00:03.000000","uuid":"5fa6a9d0-d7c8-11ee-a506-0242ac120002","$insert_id":"i1","event_id":12,"user_id":"u7","device_id":"d1","amplitude_id":123456789,"session_id":1709287200000,"platform":"iOS","os_name":"ios","os_version":"17.2","device_family":"Apple iPhone","device_type":"Apple iPhone 15","device_carrier":null,"country":"Germany","region":"Berlin","city":"Berlin","dma":"","language":"German","version_name":"4.2.0","ip_address":"203.0.113.7","idfa":"00000000-0000-0000-0000-000000000000","idfv":"v-1","library":"amplitude-ios/8.0","app":1234,"paying":"true","groups":{"company":["acme","bolt"],"team":"red"},"event_properties":{"plan":"pro","seats":3},"user_properties":{"email":"ann@example.com","tier":"gold","utm_source":"news","initial_utm_source":"ads"},"group_properties":{"company":{"size":12}},"data":{"path":"/2/httpapi"},"location_lat":null}"#;

#[test]
fn an_event_has_its_facts_in_their_places() {
    check(
        LINE,
        &expect![[r#"
        track "Plan Chosen" at 2024-03-01T10:00:00.123Z
        named 5fa6a9d0-d7c8-11ee-a506-0242ac120002
        user u7
        anonymous d1
        group acme
        channel app
        received at 2024-03-01T10:00:01Z
        id e:ann@example.com
        id x:amplitude:123456789
        id d:v-1
        context app.id = 1234
        context app.version = 4.2.0
        context campaign.source = news
        context device.family = Apple iPhone
        context device.id = v-1
        context device.type = Apple iPhone 15
        context group.company.size = 12
        context groups.company = ["acme","bolt"]
        context groups.team = red
        context ip = 203.0.113.7
        context library.name = amplitude-ios/8.0
        context locale = German
        context location.city = Berlin
        context location.country = Germany
        context location.region = Berlin
        context os.name = ios
        context os.version = 17.2
        context platform = iOS
        property data.path = /2/httpapi
        property paying = true
        property plan = pro
        property seats = 3
        property session_id = 1709287200000
        trait email = ann@example.com
        trait initial_utm_source = ads
        trait tier = gold
    "#]],
    );
}

#[test]
fn pages_people_accounts_and_revenue_are_told_apart() {
    check(
        r#"{"event_type":"[Amplitude] Page Viewed","event_time":"2024-03-01 10:00:00","device_id":"d1","$insert_id":"i1","session_id":-1,"platform":"Web","event_properties":{"[Amplitude] Page URL":"https://a.example","[Amplitude] Page Title":"Home","utm_campaign":"spring"}}
{"event_type":"$identify","event_time":"2024-03-01 10:00:00","user_id":"u7","device_id":"d1","$insert_id":"i2","user_properties":{"$set":{"plan":"pro"},"$setOnce":{"cohort":"a"},"$add":{"visits":1}}}
{"event_type":"$groupidentify","event_time":"2024-03-01 10:00:00","user_id":"u7","$insert_id":"i3","groups":{"company":"acme"},"group_properties":{"$set":{"size":12}}}
{"event_type":"revenue_amount","event_time":"2024-03-01 10:00:00","user_id":"u7","$insert_id":"i4","event_properties":{"$price":2.5,"$quantity":2,"$productId":"p1","$currency":"EUR"}}
{"event_type":"Bought","event_time":"2024-03-01 10:00:00","user_id":"u7","insert_id":"i5","revenue":9.99}
{"event_type":"Order Completed","event_time":"2024-03-01 10:00:00","user_id":"u7","$insert_id":"i6","event_properties":{"order_id":"o1","total":5,"currency":"EUR"}}"#,
        &expect![[r#"
            page "Page Viewed" at 2024-03-01T10:00:00Z
            named web/d1/i1
            anonymous d1
            channel web
            context campaign.name = spring
            context page.title = Home
            context page.url = https://a.example
            context platform = Web
            identify "Identified" at 2024-03-01T10:00:00Z
            named web/d1/i2
            user u7
            anonymous d1
            property $add.visits = 1
            trait cohort = a
            trait plan = pro
            group "Account Joined" at 2024-03-01T10:00:00Z
            named web/u7/i3
            user u7
            group acme
            context groups.company = acme
            trait size = 12
            track "revenue_amount" at 2024-03-01T10:00:00Z
            named web/u7/i4
            user u7
            property $currency = EUR
            property $price = 2.5
            property $productId = p1
            property $quantity = 2
            money 500 EUR
            product p1 × 2 = 500
            track "Bought" at 2024-03-01T10:00:00Z
            named web/u7/i5
            user u7
            property revenue = 9.99
            mended invalid-currency: 9.99 without a currency
            track "Order Completed" at 2024-03-01T10:00:00Z
            named web/u7/i6
            user u7
            property currency = EUR
            property order_id = o1
            property total = 5
            money 500 EUR
        "#]],
    );
}

#[test]
fn what_is_no_event_is_put_aside() {
    check(
        r#"{"event_type":"A","user_id":"u7"}
{"event_type":"A","event_time":"soon","user_id":"u7"}
{"event_type":"A","event_time":"2024-03-01 10:00:00","user_id":"null","device_id":"0"}
{"event_time":"2024-03-01 10:00:00","user_id":"u7"}
{"event_type":"A","event_time":"2024-03-01 10:00:00","user_id":"u7","groups":[1],"event_properties":"x","user_properties":3,"session_id":{}}
7"#,
        &expect![[r#"
            row 1: missing-time: no time of occurrence <- {"event_type":"A","user_id":"u7"}
            row 2: invalid-time: soon <- {"event_type":"A","event_time":"soon","user_id":"u7"}
            row 3: missing-identity: neither a user id nor an anonymous id <- {"event_type":"A","event_time":"2024-03-01 10:00:00","user_id":"null","device_id":"0"}
            row 4: missing-name: a track message without an event name <- {"event_time":"2024-03-01 10:00:00","user_id":"u7"}
            track "A" at 2024-03-01T10:00:00Z
            user u7
            property event_properties = x
            property groups = [1]
            property user_properties = 3
            row 6: unreadable: the record is no JSON object <- 7
        "#]],
    );
}

#[test]
fn repeated_lines_are_one_event() {
    let line = |ids: &str| format!(r#"{{"event_type":"A","event_time":"2024-03-01 10:00:00",{ids}}}"#);
    let lines = [
        line(r#""uuid":"x","device_id":"d1""#),
        line(r#""device_id":"d1","uuid":"x","processed_time":"2024-03-02 10:00:00""#),
        line(r#""device_id":"d1","$insert_id":"i""#),
        line(r#""device_id":"d1","$insert_id":"i","city":"Berlin""#),
        line(r#""device_id":"d2","$insert_id":"i""#),
        line(r#""device_id":"d2""#),
    ];
    let ids = ids(&events(&lines.join("\n")));
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 4, "{ids:?}");
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn archive(members: &[(&str, Vec<u8>)]) -> Cursor<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    Cursor::new(archive.finish().unwrap().into_inner())
}

#[test]
fn an_archive_is_read_in_the_order_of_its_names() {
    let line = |uuid: &str| {
        format!(
            "{{\"event_type\":\"A\",\"event_time\":\"2024-03-01 10:00:00\",\"user_id\":\"u\",\"uuid\":\"{uuid}\"}}\n"
        )
    };
    let file = archive(&[
        ("123/123_2024-03-01_11#0.json.gz", gzip(line("late").as_bytes())),
        ("123/123_2024-03-01_10#0.json.gz", gzip(format!("{}{}", line("a"), line("b")).as_bytes())),
        ("__MACOSX/123/._123_2024-03-01_10#0.json.gz", b"\0\x05".to_vec()),
        ("123/read me.txt", b"{}".to_vec()),
    ]);
    let (taken, tally) = read(|import, sink| read_amplitude(file, import, sink));
    check_tally(&tally, &taken);
    assert_eq!(ids(&taken), ["a", "b", "late"]);
}

fn error(file: impl Read + Seek) -> String {
    let mut error = None;
    read(|import, sink| {
        error = read_amplitude(file, import, sink).err();
        Ok(Tally::default())
    });
    error.unwrap().to_string()
}

#[test]
fn an_archive_that_was_packed_to_deceive_is_refused() {
    let bomb = archive(&[("a.json.gz", gzip(&gzip(&vec![b' '; 300 << 20])))]);
    // One layer more than the export has: what is inside is packed data, and no lines.
    let (taken, tally) = read(|import, sink| read_amplitude(bomb, import, sink));
    check_tally(&tally, &taken);
    let bomb = archive(&[("a.json.gz", gzip(&vec![b' '; 64 << 20]))]);
    assert_eq!(
        error(bomb),
        "cannot read the input as an Amplitude export: it unpacks to more than 1000 times its size, the last of it in \"a.json.gz\""
    );
}

/// Makes the last member of an archive stand where the first stands.
fn laid_upon_each_other(archive: Cursor<Vec<u8>>) -> Cursor<Vec<u8>> {
    let mut bytes = archive.into_inner();
    // The last entry of the table of contents says at its end, before the name, where its member is.
    let entry = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[entry + 42..entry + 46].fill(0);
    Cursor::new(bytes)
}

#[test]
fn members_that_lie_upon_each_other_are_refused_before_anything_is_read() {
    let member = gzip(format!("{LINE}\n").as_bytes());
    let two = || archive(&[("a.json.gz", member.clone()), ("b.json.gz", member.clone())]);
    let (taken, _) = read(|import, sink| read_amplitude(two(), import, sink));
    assert_eq!(taken.len(), 2);
    assert_eq!(
        error(laid_upon_each_other(two())),
        "cannot read the input as an Amplitude export: its members lie upon each other, \
         as in no archive that was not made to deceive"
    );
}

#[test]
fn members_share_what_they_may_unpack_to() {
    let member = gzip(&vec![b' '; 900 << 10]);
    let names = ["a.json.gz", "b.json.gz", "c.json.gz"];
    let bomb = archive(&names.map(|name| (name, member.clone())));
    assert!(error(bomb).contains("1000 times its size"));
}

#[test]
fn lines_that_pack_well_are_no_bomb() {
    // All alike but for what makes an event one of its own.
    let line = |number: u64| {
        let uuid = blake3::hash(&number.to_le_bytes()).to_hex();
        LINE.replace("5fa6a9d0-d7c8-11ee-a506-0242ac120002", &uuid[..32]) + "\n"
    };
    let lines: String = (0..4_000).map(line).collect();
    let file = archive(&[("a.json.gz", gzip(lines.as_bytes()))]);
    let (_, tally) = read(|import, sink| read_amplitude(file, import, sink));
    assert_eq!(tally.rows_in_events, 4_000);
}

#[test]
fn what_is_no_export_is_an_error() {
    assert_eq!(
        error(archive(&[("a.txt", Vec::new())])),
        "cannot read the input as an Amplitude export: it holds no file that ends in .json or .json.gz"
    );
    assert_eq!(error(Cursor::new(b"PK\x03\x04".to_vec())), "cannot read \"the archive\" in the archive");
    let mut packed = gzip(LINE.as_bytes());
    packed.truncate(packed.len() / 2);
    assert_eq!(
        error(archive(&[("a.json.gz", packed)])),
        "the gzip data stops before its end, after 0 rows; copy or download the file again"
    );
}

#[test]
fn a_file_is_recognised_by_its_members() {
    let head = |text: &str| Head::read(text.as_bytes()).unwrap();
    assert!(recognise(&head(LINE)).is_some());
    assert!(recognise(&head(r#"{"event_type":"a","event_time":"b"}"#)).is_none());
}

const NAMES: &[&str] = &[
    "event_type",
    "event_time",
    "user_id",
    "device_id",
    "uuid",
    "$insert_id",
    "groups",
    "event_properties",
    "user_properties",
    "$set",
    "$price",
    "$quantity",
    "$productId",
    "revenue",
    "platform",
    "session_id",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_objects_are_accounted_for(records in proptest::collection::vec(objects(NAMES), 0..6)) {
        let (taken, tally) = read(|import, sink| read_amplitude_lines(records.join("\n").as_bytes(), import, sink));
        prop_assert_eq!(tally.rows_read, records.len() as u64);
        check_tally(&tally, &taken);
    }

    #[test]
    fn any_archive_is_read_or_refused(cut in 0_usize..400, flip in 0_usize..400) {
        let mut bytes = archive(&[("a.json.gz", gzip(LINE.as_bytes()))]).into_inner();
        let flip = flip.min(bytes.len() - 1);
        bytes[flip] ^= 0x55;
        bytes.truncate(bytes.len().saturating_sub(cut));
        read(|import, sink| Ok(read_amplitude(Cursor::new(bytes), import, sink).unwrap_or_default()));
    }
}
