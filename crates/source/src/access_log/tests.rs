//! Lines as servers write them, and as attackers do.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::shown;

const COMBINED: &str = r#"203.0.113.9 - - [10/Oct/2023:13:55:36 +0200] "GET /shoes/red?utm_source=news&utm_campaign=spring%20sale&size=9 HTTP/1.1" 200 2326 "https://search.example/?q=a" "Mozilla/5.0 (X11; \"odd\")""#;

fn read(input: &[u8], key: Option<[u8; 32]>) -> (Vec<Taken>, Tally) {
    shown::read(|input, import, sink| read_access_log(input, import, sink), input, key)
}

fn show(input: &[u8]) -> String {
    shown::show(|input, import, sink| read_access_log(input, import, sink), input)
}

fn check(input: &str, expected: &Expect) {
    expected.assert_eq(&show(input.as_bytes()));
}

fn ids(input: &str) -> Vec<(String, Option<String>)> {
    let of = |taken: Taken| match taken {
        Taken::Event { event, .. } => (event.id.0, event.anonymous_id),
        Taken::Quarantined(row) => panic!("{row:?}"),
    };
    read(input.as_bytes(), None).0.into_iter().map(of).collect()
}

#[test]
fn a_page_of_the_combined_form_is_viewed() {
    check(
        COMBINED,
        &expect![[r#"
            page "Page Viewed" at 2023-10-10T11:55:36Z by content-aabf7bba1d4e3511c2f0cb11630f9f06
              anonymous 7f888be23f1ce328bc29fc218a0ef9c1
              channel web
              context campaign.name = spring sale
              context campaign.source = news
              context ip = 203.0.113.9
              context page.path = /shoes/red
              context page.referrer = https://search.example/?q=a
              context page.search = ?utm_source=news&utm_campaign=spring%20sale&size=9
              context userAgent = Mozilla/5.0 (X11; "odd")
              property bytes = 2326
              property method = GET
              property status = 200
        "#]],
    );
}

#[test]
fn the_common_form_and_known_users_are_read() {
    check(
        "2001:db8::1 - ann [10/Oct/2023:13:55:36 +0000] \"GET / HTTP/1.0\" 304 -",
        &expect![[r#"
            page "Page Viewed" at 2023-10-10T13:55:36Z by content-5b04e77e493580332c5665993e0fc06d
              user ann
              channel web
              context ip = 2001:db8::1
              context page.path = /
              property method = GET
              property status = 304
        "#]],
    );
}

#[test]
fn the_address_behind_a_proxy_and_the_duration_are_read() {
    check(
        r#"10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] "GET http://shop.example/a.html HTTP/1.1" 200 5 "-" "-" "203.0.113.9, 10.0.0.2" 0.125 "HIT" cache"#,
        &expect![[r#"
            page "Page Viewed" at 2023-10-10T13:55:36Z by content-26f764f75dbca40b04e6172e19831e12
              anonymous ca350e505523c6d2ef589f4abdcd30ba
              channel web
              context ip = 203.0.113.9
              context page.path = /a.html
              context page.url = http://shop.example/a.html
              property bytes = 5
              property further = "HIT" cache
              property method = GET
              property seconds = 0.125
              property status = 200
        "#]],
    );
}

#[test]
fn what_is_no_page_or_failed_is_told_apart() {
    let line = |asked: &str, status: u16| format!("::1 - - [10/Oct/2023:13:55:36 +0000] {asked} {status} 5\n");
    let lines = [
        line("\"GET /style.css HTTP/1.1\"", 200),
        line("\"POST /cart HTTP/1.1\"", 200),
        line("\"GET /old HTTP/1.1\"", 301),
        line("\"GET /none HTTP/1.1\"", 404),
        line("\"GET /phone-12.5 HTTP/1.1\"", 200),
        line("\"GET /index.PHP?x=a.css HTTP/1.1\"", 200),
        line("\"\\x16\\x03\\x01\"", 400),
        line("\"-\"", 408),
    ];
    let shown = show(lines.concat().as_bytes());
    let names: Vec<&str> = shown.lines().filter(|line| line.contains(" at ")).collect();
    let names: Vec<&str> = names.iter().filter_map(|line| line.split('"').nth(1)).collect();
    let (resource, failed, page) = ("Resource Requested", "Request Failed", "Page Viewed");
    assert_eq!(names, [resource, resource, resource, failed, page, page, failed, failed]);
    assert!(shown.contains("request = \u{16}\u{3}\u{1}"), "{shown}");
}

#[test]
fn lines_that_are_none_are_put_aside_and_reading_goes_on() {
    check(
        "hello\n\n::1 - - [10/Oct/2023:13:55:36 +0000] \"GET / 200 5\n::1 - - [10/Oct/2023:13:55:36 +0000] \"GET /\" up 5\n::1 - - [41/Oct/2023:13:55:36 +0000] \"GET /\" 200 5\n",
        &expect![[r#"
            row 1: unreadable: no time in brackets <- hello
            row 2: unreadable: no request in quotes <- ::1 - - [10/Oct/2023:13:55:36 +0000] "GET / 200 5
            row 3: unreadable: no status <- ::1 - - [10/Oct/2023:13:55:36 +0000] "GET /" up 5
            row 4: invalid-time: 41/Oct/2023:13:55:36 +0000 <- ::1 - - [41/Oct/2023:13:55:36 +0000] "GET /" 200 5
        "#]],
    );
}

#[test]
fn equal_lines_are_two_events_and_a_second_reading_gives_the_same() {
    let input = format!("{COMBINED}\n{COMBINED}\n");
    let first = ids(&input);
    assert_ne!(first[0].0, first[1].0);
    assert_eq!(first[0].1, first[1].1);
    assert_eq!(first, ids(&input));
}

#[test]
fn a_visitor_is_an_address_and_a_browser() {
    let line = |host: &str, agent: &str| {
        format!("{host} - - [10/Oct/2023:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"{agent}\"")
    };
    let visitors = ids(&[line("::1", "a"), line("::1", "b"), line("::2", "a"), line("::1", "a")].join("\n"));
    assert_eq!(visitors[0].1, visitors[3].1);
    assert_ne!(visitors[0].1, visitors[1].1);
    assert_ne!(visitors[0].1, visitors[2].1);
    let keyed = read(line("::1", "a").as_bytes(), Some([7; 32])).0;
    let Taken::Event { event, .. } = &keyed[0] else { panic!("{keyed:?}") };
    assert_ne!(event.anonymous_id, visitors[0].1);
}

#[test]
fn a_line_that_is_too_long_is_put_aside_and_bytes_that_are_no_text_are_noted() {
    let long =
        [COMBINED.as_bytes(), &[b'x'; LINE_BYTES_MAX], b"\n::1 - - [10/Oct/2023:13:55:36 +0000] \"GET /\xff\" 200 5"]
            .concat();
    let (taken, tally) = read(&long, None);
    assert_eq!((tally.rows_read, tally.rows_quarantined), (2, 1));
    match &taken[1] {
        Taken::Event { problems, .. } => assert_eq!(problems[0].kind, ProblemKind::Unreadable),
        Taken::Quarantined(row) => panic!("{row:?}"),
    }
}

#[test]
fn logs_are_recognised_and_other_text_is_not() {
    let recognised = |text: &str| Head::read(text.as_bytes()).ok().and_then(|head| recognise(&head)).is_some();
    assert!(recognised(&format!("{COMBINED}\n{COMBINED}\n{COMBINED}\n10.0.0.1 - - [10/Oct")));
    for text in ["", "a,b\n1,2\n", "{\"a\":1}", "[10/10/23, 10:00:00] Ann: hi", "hello\nworld\n"] {
        assert!(!recognised(text), "{text}");
    }
    assert!(!recognised(&format!("{COMBINED}\nhello\nworld\n")));
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (taken, tally) = read(&bytes, None);
        prop_assert_eq!(taken.len() as u64, tally.rows_read);
    }

    #[test]
    fn any_log_like_text_is_accounted_for(text in r#"(::1|-| |\[|\] |"|/|\\|\\x1|%4|é|10/Oct/2023:13:55:36 \+0000|GET|200|\?utm_source=|\n){0,40}"#) {
        let (taken, tally) = read(text.as_bytes(), None);
        prop_assert_eq!(taken.len() as u64, tally.rows_read);
    }
}
