//! Messages as the libraries send them, and as they should not.

use std::fmt::Write;
use std::io::{self, Read};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use throng_event::{Calendar, Event, EventKind, Instant, Limits, PersonalData, Value};

use super::*;
use crate::shown::collect;

fn limits() -> Limits {
    Limits {
        source: "web".to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData::default(),
    }
}

fn read(input: impl Read) -> (Vec<Taken>, Tally) {
    collect("web", "UTC", None, |import, sink| read_segment(input, import, sink)).unwrap()
}

/// Writes what is filled of an event, one field a line.
fn show(event: &Event) -> String {
    let mut text = format!("{} {:?} at {}\n", event.kind.as_str(), event.name, event.occurred_at);
    let ids = [("user", &event.user_id), ("anonymous", &event.anonymous_id), ("group", &event.group_id)];
    for (name, id) in ids.into_iter().chain([("previous", &event.previous_id), ("channel", &event.channel)]) {
        id.iter().for_each(|id| writeln!(text, "{name} {id}").unwrap());
    }
    event.external_ids.iter().for_each(|id| writeln!(text, "id {id}").unwrap());
    for (name, attributes) in [("context", &event.context), ("property", &event.properties), ("trait", &event.traits)] {
        attributes.iter().for_each(|(key, value)| writeln!(text, "{name} {key} = {value}").unwrap());
    }
    event.money.iter().for_each(|money| writeln!(text, "money {} {}", money.minor, money.currency).unwrap());
    for line in &event.products {
        let amount = line.amount_minor.map_or("?".to_owned(), |minor| minor.to_string());
        writeln!(text, "product {} × {} = {amount}", line.product_id, line.quantity).unwrap();
    }
    event.text.iter().for_each(|said| writeln!(text, "text {said}").unwrap());
    event.rating.iter().for_each(|rating| writeln!(text, "rating {rating}").unwrap());
    text
}

fn check(input: &str, expected: &Expect) {
    let mut text = String::new();
    for taken in read(input.as_bytes()).0 {
        match taken {
            Taken::Event { event, problems, .. } => {
                text.push_str(&show(&event));
                problems.iter().for_each(|problem| writeln!(text, "mended {problem}").unwrap());
            }
            Taken::Quarantined(row) => writeln!(text, "row {}: {} <- {}", row.row, row.problem, row.raw).unwrap(),
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn a_message_of_every_kind_is_read() {
    check(
        r#"{"type":"identify","userId":7,"anonymousId":null,"timestamp":"2024-03-01T10:00:00Z","traits":{"plan":"pro"},"context":{"traits":{"plan":"free","age":41}}}
{"type":"page","anonymousId":"a1","name":"Home","timestamp":"2024-03-01T10:00:01Z","properties":{"url":"/"},"context":{"library":{"name":"analytics-next"},"page":{"path":"/"}}}
{"type":"group","userId":"7","groupId":"acme","timestamp":"2024-03-01T10:00:02Z","traits":{"size":12}}
{"type":"alias","userId":"7","previousId":"a1","timestamp":1709287203000}
{"type":"TRACK","event":"Signed Up","userId":"7","timestamp":"2024-03-01T10:00:04Z","channel":"mobile"}"#,
        &expect![[r#"
            identify "Identified" at 2024-03-01T10:00:00Z
            user 7
            trait age = 41
            trait plan = pro
            page "Page Viewed" at 2024-03-01T10:00:01Z
            anonymous a1
            channel web
            context library.name = analytics-next
            context page.path = /
            property name = Home
            property url = /
            group "Account Joined" at 2024-03-01T10:00:02Z
            user 7
            group acme
            trait size = 12
            alias "Identity Aliased" at 2024-03-01T10:00:03Z
            user 7
            previous a1
            track "Signed Up" at 2024-03-01T10:00:04Z
            user 7
            channel mobile
        "#]],
    );
}

#[test]
fn orders_carry_money_and_products() {
    check(
        r#"{"type":"track","event":"Order Completed","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"order_id":"o1","total":27.5,"revenue":25,"currency":"eur","products":[{"product_id":"p1","price":10,"quantity":2,"discount":1.5},{"sku":"p2","price":"9.00"}]}}
{"type":"track","event":"Order Refunded","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"currency":"EUR","products":[{"product_id":"p1","price":10,"quantity":1}]}}
{"type":"track","event":"Product Viewed","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"product_id":"p1","price":10,"currency":"EUR","value":10}}
{"type":"track","event":"Checkout Started","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"revenue":10,"currency":"EUR"}}
{"type":"track","event":"Subscription Renewed","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"revenue":10}}
{"type":"track","event":"Product Reviewed","userId":"7","timestamp":"2024-03-01T10:00:00Z","properties":{"product_id":"p1","review_body":"Lovely.","rating":4.5}}"#,
        &expect![[r#"
            track "Order Completed" at 2024-03-01T10:00:00Z
            user 7
            property currency = eur
            property order_id = o1
            property revenue = 25
            property total = 27.5
            money 2750 EUR
            product p1 × 2 = 1850
            product p2 × 1 = 900
            track "Order Refunded" at 2024-03-01T10:00:00Z
            user 7
            property currency = EUR
            money -1000 EUR
            product p1 × -1 = -1000
            track "Product Viewed" at 2024-03-01T10:00:00Z
            user 7
            property currency = EUR
            property price = 10
            property product_id = p1
            property value = 10
            product p1 × 1 = 1000
            track "Checkout Started" at 2024-03-01T10:00:00Z
            user 7
            property currency = EUR
            property revenue = 10
            track "Subscription Renewed" at 2024-03-01T10:00:00Z
            user 7
            property revenue = 10
            mended invalid-currency: 10 without a currency
            track "Product Reviewed" at 2024-03-01T10:00:00Z
            user 7
            property product_id = p1
            product p1 × 1 = ?
            text Lovely.
            rating 4.5
        "#]],
    );
}

#[test]
fn the_clock_is_corrected_once() {
    // Computed by the server already; not computed yet; neither; only when it came.
    check(
        r#"{"type":"track","event":"A","userId":"7","timestamp":"2024-03-01T10:00:00Z","originalTimestamp":"2024-03-01T11:00:00Z","sentAt":"2024-03-01T11:00:00Z","receivedAt":"2024-03-01T10:00:00Z"}
{"type":"track","event":"B","userId":"7","originalTimestamp":"2024-03-01T11:00:00Z","sentAt":"2024-03-01T11:00:00Z","receivedAt":"2024-03-01T10:00:00Z"}
{"type":"track","event":"C","userId":"7","originalTimestamp":"2024-03-01T11:00:00Z"}
{"type":"track","event":"D","userId":"7","receivedAt":"2024-03-01T12:00:00Z"}
{"type":"track","event":"E","userId":"7","timestamp":"soon"}"#,
        &expect![[r#"
            track "A" at 2024-03-01T10:00:00Z
            user 7
            track "B" at 2024-03-01T10:00:00Z
            user 7
            mended clock-skew: -3600 s
            track "C" at 2024-03-01T11:00:00Z
            user 7
            track "D" at 2024-03-01T12:00:00Z
            user 7
            row 5: invalid-time: soon <- {"type":"track","event":"E","userId":"7","timestamp":"soon"}
        "#]],
    );
}

#[test]
fn bad_messages_are_put_aside_and_reading_goes_on() {
    check(
        r#"{"type":"track","event":"A","userId":"7"
{"type":"click","userId":"7"}
{"type":"track","event":"A","timestamp":1709287200}
{"type":"track","userId":"7","timestamp":1709287200}
[1]
"text"
{"type":"track","event":"A","userId":{"id":7},"timestamp":1709287200}
{"type":5,"event":"A","userId":"7"}
{"type":"track","event":"A","userId":"7","timestamp":1709287200}"#,
        &expect![[r#"
            row 1: unreadable: EOF while parsing an object at line 1 column 40 <- {"type":"track","event":"A","userId":"7"
            row 2: unknown-kind: click <- {"type":"click","userId":"7"}
            row 3: missing-identity: neither a user id nor an anonymous id <- {"type":"track","event":"A","timestamp":1709287200}
            row 4: missing-name: a track message without an event name <- {"type":"track","userId":"7","timestamp":1709287200}
            row 5: unreadable: the message is no JSON object <- [1]
            row 6: unreadable: the message is no JSON object <- "text"
            row 7: missing-identity: neither a user id nor an anonymous id <- {"type":"track","event":"A","userId":{"id":7},"timestamp":1709287200}
            row 8: unknown-kind: 5 <- {"type":5,"event":"A","userId":"7"}
            track "A" at 2024-03-01T10:00:00Z
            user 7
        "#]],
    );
}

#[test]
fn a_batch_lends_its_context_and_times() {
    let batch = r#"{"batch":[{"type":"track","event":"A","userId":"7","originalTimestamp":"2024-03-01T11:00:00Z"},{"type":"page"}],"context":{"ip":"::1"},"sentAt":"2024-03-01T11:00:00Z","receivedAt":"2024-03-01T10:00:00Z"}"#;
    let expected = expect![[r#"
        track "A" at 2024-03-01T10:00:00Z
        user 7
        context ip = ::1
        mended clock-skew: -3600 s
        row 2: missing-identity: neither a user id nor an anonymous id <- {"batch":[{"type":"page"}],"context":{"ip":"::1"},"sentAt":"2024-03-01T11:00:00Z","receivedAt":"2024-03-01T10:00:00Z"}
    "#]];
    check(batch, &expected);
    check(
        "{\"batch\":{}}",
        &expect![[r#"
        row 1: unreadable: the batch is no list <- {"batch":{}}
    "#]],
    );
}

#[test]
fn a_list_of_messages_is_read_like_lines() {
    let lines = "{\"type\":\"page\",\"userId\":1,\"timestamp\":1709287200}\n{\"type\":\"page\",\"userId\":2,\"timestamp\":1709287200}";
    let list = format!("[{}]", lines.replace('\n', ", "));
    assert_eq!(read(lines.as_bytes()).0, read(list.as_bytes()).0);
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let message = format!(
        "{{\"type\":\"track\",\"event\":\"A\",\"userId\":\"7\",\"timestamp\":1709287200,\"properties\":{deep}}}"
    );
    let (taken, tally) = read(message.as_bytes());
    assert_eq!(tally.rows_quarantined, 1);
    match &taken[0] {
        Taken::Quarantined(row) => assert_eq!(row.problem.kind, ProblemKind::Unreadable),
        Taken::Event { .. } => panic!("admitted"),
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_put_aside() {
    let (taken, tally) = read(&b"{\"type\":\"page\",\"userId\":\"\xff\"}\n{}\n"[..]);
    assert_eq!((tally.rows_read, tally.rows_quarantined), (2, 2));
    match &taken[0] {
        Taken::Quarantined(row) => assert!(row.problem.detail.contains("utf-8"), "{}", row.problem),
        Taken::Event { .. } => panic!("admitted"),
    }
}

#[test]
fn the_same_line_gets_the_same_id_and_messages_keep_theirs() {
    let line = r#"{"type":"page","userId":"7","timestamp":1709287200}"#;
    let named = r#"{"type":"page","userId":"7","timestamp":1709287200,"messageId":"m1"}"#;
    let (taken, _) = read(format!("{line}\n{named}\n{line}").as_bytes());
    let ids: Vec<String> = taken
        .iter()
        .map(|taken| match taken {
            Taken::Event { event, .. } => event.id.to_string(),
            Taken::Quarantined(row) => panic!("{row:?}"),
        })
        .collect();
    assert_eq!(ids[0], ids[2]);
    assert_eq!(ids[1], "m1");
}

#[test]
fn what_was_put_aside_is_read_again() {
    let (limits, calendar) = (limits(), Calendar::utc());
    let import = Import { limits: &limits, calendar: &calendar, currency: None };
    let records = [r#"{"type":"page","userId":"7","timestamp":1709287200}"#, "{"];
    let tally = crate::Form::Segment.read_quarantined(records, import, &mut |_| Ok(())).unwrap();
    assert_eq!((tally.rows_read, tally.rows_in_events, tally.rows_quarantined), (2, 1, 1));
}

#[test]
fn a_sink_can_stop_the_import() {
    let (limits, calendar) = (limits(), Calendar::utc());
    let import = Import { limits: &limits, calendar: &calendar, currency: None };
    let error = read_segment(&b"{}\n{}\n"[..], import, &mut |_| Err("disk full".into())).unwrap_err();
    assert_eq!(error.to_string(), "the import was stopped after 1 rows");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk full");
}

/// A line of a hundred million bytes, made while it is read.
struct LongLine {
    n_left: usize,
}

impl Read for LongLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = buffer.len().min(self.n_left);
        buffer[..n_bytes].fill(b'x');
        self.n_left -= n_bytes;
        Ok(n_bytes)
    }
}

#[test]
fn a_line_of_100_mb_is_one_bounded_record() {
    let next = r#"{"type":"page","userId":"7","timestamp":1709287200}"#;
    let input = LongLine { n_left: 100_000_000 }.chain(b"\n".as_slice()).chain(next.as_bytes());
    let (taken, tally) = read(input);
    assert_eq!((tally.rows_in_events, tally.rows_quarantined), (1, 1));
    match &taken[0] {
        Taken::Quarantined(row) => {
            assert_eq!(row.problem.kind, ProblemKind::TooLarge);
            assert!(row.raw.len() <= 65_536);
        }
        Taken::Event { .. } => panic!("admitted"),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (taken, tally) = read(bytes.as_slice());
        prop_assert_eq!(taken.len() as u64, tally.rows_read);
        prop_assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
    }

    #[test]
    fn any_json_like_text_is_accounted_for(text in r#"(\{|\}|\[|\]|"|:|,|\n|type|track|userId|batch|1|null|\\| ){0,60}"#) {
        let (taken, tally) = read(text.as_bytes());
        prop_assert_eq!(taken.len() as u64, tally.rows_read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_event_written_and_read_again_is_the_same_event(seed in any::<u64>()) {
        let mut ids = std::collections::BTreeSet::new();
        let events = throng_testkit::random_events(seed, 200).into_iter().filter(|event| ids.insert(event.id.clone()));
        // The source is a setting of the import; the texts of a random event are short.
        let mut events: Vec<Event> = events.map(|event| Event { source: "web".to_owned(), ..event }).collect();
        // What admission makes of it once is what it stays.
        for round in 0..2 {
            let lines: Vec<String> = events.iter().map(write_segment).collect();
            let read: Vec<Event> = read(lines.join("\n").as_bytes())
                .0
                .into_iter()
                .filter_map(|taken| match taken {
                    Taken::Event { event, .. } => Some(*event),
                    Taken::Quarantined(_) => None,
                })
                .collect();
            prop_assert_eq!(read.len(), events.len());
            if round > 0 {
                prop_assert_eq!(&read, &events);
            }
            events = read;
        }
    }
}

/// Reads the body of a call that arrived at 12:00:10 on 2024-03-01.
fn called(body: &str, kind: Option<EventKind>) -> Vec<Taken> {
    let received_at = Instant::parse_rfc3339("2024-03-01T12:00:10Z").unwrap();
    let personal = PersonalData::default();
    let limits = Limits { source: "web".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal };
    let import = Import { limits: &limits, calendar: &Calendar::utc(), currency: None };
    let mut all = Vec::new();
    let call = SegmentCall { received_at, kind };
    read_segment_call(body.as_bytes(), call, import, &mut |taken| {
        all.push(taken);
        Ok(())
    })
    .unwrap();
    all
}

fn called_event(body: &str, kind: Option<EventKind>) -> Event {
    match called(body, kind).remove(0) {
        Taken::Event { event, .. } => *event,
        Taken::Quarantined(quarantined) => panic!("{quarantined:?}"),
    }
}

#[test]
fn a_call_corrects_the_clock_of_its_sender_by_when_it_arrived() {
    // Sent five seconds after it happened, by a clock that is a day behind.
    let body = r#"{"event":"A","userId":"u","timestamp":"2024-02-29T12:00:00Z","sentAt":"2024-02-29T12:00:05Z"}"#;
    let event = called_event(body, Some(EventKind::Track));
    assert_eq!(event.occurred_at, Instant::parse_rfc3339("2024-03-01T12:00:05Z").unwrap());
    assert_eq!(event.received_at, Instant::parse_rfc3339("2024-03-01T12:00:10Z").unwrap());
}

#[test]
fn the_path_says_the_kind_and_the_arrival_the_time_where_a_message_does_not() {
    let event = called_event(r#"{"userId":"u","receivedAt":"1999-01-01T00:00:00Z"}"#, Some(EventKind::Page));
    assert_eq!(event.kind, EventKind::Page);
    assert_eq!(event.occurred_at, Instant::parse_rfc3339("2024-03-01T12:00:10Z").unwrap());
    assert_eq!(event.received_at, event.occurred_at);
    assert!(matches!(called(r#"{"userId":"u"}"#, None)[0], Taken::Quarantined(_)));
}

#[test]
fn a_batch_of_a_call_shares_context_and_time_of_sending() {
    let body = r#"{"sentAt":"2024-03-01T12:00:10Z","context":{"ip":"1.2.3.4"},"batch":[
        {"type":"track","event":"A","userId":"u","messageId":"m-1","timestamp":"2024-03-01T11:00:00Z"},
        {"type":"identify","anonymousId":null,"userId":"u","context":{"traits":{"plan":"pro"}},"messageId":"m-2"},
        {"type":"track","userId":"u"}]}"#;
    let all = called(body, None);
    let [Taken::Event { event: first, .. }, Taken::Event { event: second, .. }, Taken::Quarantined(third)] = &all[..]
    else {
        panic!("{all:?}")
    };
    assert_eq!(first.occurred_at, Instant::parse_rfc3339("2024-03-01T11:00:00Z").unwrap());
    assert_eq!(first.context.get("ip"), Some(&Value::text("1.2.3.4")));
    assert_eq!(second.traits.get("plan"), Some(&Value::text("pro")));
    assert_eq!(third.problem.kind, ProblemKind::MissingName);
}

#[test]
fn a_body_that_is_no_message_is_put_aside_with_its_text() {
    for body in ["", "[1]", "nonsense", "{\"batch\":7}", "{\"batch\":[7]}"] {
        let all = called(body, Some(EventKind::Track));
        assert!(matches!(&all[..], [Taken::Quarantined(_)]), "{body}: {all:?}");
    }
}
