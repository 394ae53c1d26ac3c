//! Conversations as tools export them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::shown;

const READER: shown::Reader = |input, import, sink| read_transcripts(input, import, sink);

fn check(input: &str, expected: &Expect) {
    expected.assert_eq(&shown::show(READER, input.as_bytes()));
}

/// Checks the times a chat's messages are read with.
fn check_times(chat: &str, expected: &[&str]) {
    let times: Vec<String> =
        shown::events(READER, chat.as_bytes()).iter().map(|event| event.occurred_at.to_string()).collect();
    assert_eq!(times, expected, "{chat}");
}

fn recognised(text: &str) -> Option<String> {
    Head::read(text.as_bytes()).ok().and_then(|head| recognise(&head))
}

#[test]
fn a_chat_of_android_is_read() {
    check(
        "13/03/2024, 10:15 - Messages and calls are end-to-end encrypted.\n13/03/2024, 10:15 - Ann: Hello\nis anyone there?\n13/03/2024, 10:16 - +44 7700 900123: <Media omitted>\n13/03/2024, 10:16 - Ann: ok\n13/03/2024, 10:16 - Ann: ok\n13/03/2024, 10:17 - Bob: This message was deleted\n",
        &expect![[r#"
            row 1: missing-identity: a line of the chat itself <- 13/03/2024, 10:15 - Messages and calls are end-to-end encrypted.
            track "Message Received" at 2024-03-13T09:15:00Z by content-7f7bb624f412b10596715450a1e77184
              anonymous desk/Ann
              channel chat
              trait name = Ann
              text "Hello\nis anyone there?"
            track "Message Received" at 2024-03-13T09:16:00Z by content-51403727961d063a4e22ff8178f9311e
              anonymous p:+447700900123
              channel chat
              id p:+447700900123
              property attachment = <Media omitted>
            track "Message Received" at 2024-03-13T09:16:00Z by content-fff06d5b3744bfe9964f7a1b3c6bdf17
              anonymous desk/Ann
              channel chat
              trait name = Ann
              text "ok"
            track "Message Received" at 2024-03-13T09:16:00Z by content-b41be293682ec372fbbc16edbb3852f6
              anonymous desk/Ann
              channel chat
              trait name = Ann
              text "ok"
            track "Message Received" at 2024-03-13T09:17:00Z by content-276419c37882d9d8a4c5c8b90cf5bfd8
              anonymous desk/Bob
              channel chat
              property deleted = This message was deleted
              trait name = Bob
        "#]],
    );
}

#[test]
fn a_chat_of_ios_is_read_through_its_invisible_marks() {
    check(
        "[13.03.24, 10:15:01] Acme: \u{200e}Messages and calls are end-to-end encrypted.\n\u{200e}[13.03.24, 10:15:02] ~\u{a0}Ann: \u{200e}image omitted\n[13.03.24, 10:15:03] \u{202a}+49\u{a0}30\u{a0}1234567\u{202c}: Hi: there\u{200e} <This message was edited>\n",
        &expect![[r#"
            row 1: missing-identity: a line of the chat itself <- [13.03.24, 10:15:01] Acme: ‎Messages and calls are end-to-end encrypted.
            track "Message Received" at 2024-03-13T09:15:02Z by content-15318340d1ece4a80d8ab823b69b333d
              anonymous desk/Ann
              channel chat
              property attachment = image omitted
              trait name = Ann
            track "Message Received" at 2024-03-13T09:15:03Z by content-b47a63440813899c6a5ee343d21caab1
              anonymous p:+49301234567
              channel chat
              id p:+49301234567
              text "Hi: there"
        "#]],
    );
}

#[test]
fn clocks_of_twelve_hours_are_read() {
    check_times(
        "[2024-01-13, 12:00:05\u{202f}AM] A: a\n[2024-01-13, 12:01:00\u{202f}p.\u{a0}m.] A: b\n[2024-01-13, 9:02:00 pm] A: c\n[2024-01-13, 13:00:00 pm] A: d",
        &["2024-01-12T23:00:05Z", "2024-01-13T11:01:00Z", "2024-01-13T20:02:00Z"],
    );
}

#[test]
fn days_and_months_are_told_apart_by_the_whole_beginning() {
    let chat = |first: &str, second: &str| format!("{first}, 10:00 - A: a\n{second}, 10:00 - A: b\n");
    check_times(&chat("3/4/24", "13/4/24"), &["2024-04-03T08:00:00Z", "2024-04-13T08:00:00Z"]);
    check_times(&chat("3/4/24", "3/14/24"), &["2024-03-04T09:00:00Z", "2024-03-14T09:00:00Z"]);
    // Only month first do these go forward.
    check_times(&chat("3/4/24", "4/2/24"), &["2024-03-04T09:00:00Z", "2024-04-02T08:00:00Z"]);
    check_times(&chat("2024/3/4", "2024/3/5"), &["2024-03-04T09:00:00Z", "2024-03-05T09:00:00Z"]);
}

#[test]
fn dates_that_could_be_both_are_day_first_and_noted() {
    check(
        "3/4/24, 10:00 - A: a\n3/4/24, 10:00 - A: b\n",
        &expect![[r#"
        track "Message Received" at 2024-04-03T08:00:00Z by content-4a2aee0405d767eae37867df18ab4a1e
          anonymous desk/A
          channel chat
          trait name = A
          text "a"
          mended invalid-time: days and months of the chat cannot be told apart; read as day, month, year
        track "Message Received" at 2024-04-03T08:00:00Z by content-891b28f66d08f2c2f9c85f41d4b11099
          anonymous desk/A
          channel chat
          trait name = A
          text "b"
    "#]],
    );
}

#[test]
fn lines_that_nobody_said_are_put_aside() {
    check(
        "before\nthe chat\n31/02/2024, 10:00 - A: a\n13/02/2024, 10:00 - Ann changed the subject to \"a: b\"\n",
        &expect![[r#"
            row 1: unreadable: no date and time before the text <- before
            the chat
            row 2: invalid-time: 31/02/2024, 10:00 - A: a <- 31/02/2024, 10:00 - A: a
            row 3: missing-identity: a line of the chat itself <- 13/02/2024, 10:00 - Ann changed the subject to "a: b"
        "#]],
    );
    shown::check_raw_is_readable(READER, b"13/02/2024, 10:00 - Ann left\nfor good\n");
}

#[test]
fn turns_of_a_conversation_are_told_by_role() {
    check(
        r#"{"conversation_id":"c1","customer_id":"u1","channel":"web","turns":[{"role":"agent","text":"Hi!","timestamp":"2024-03-01T10:00:00Z"},{"role":"customer","text":"It broke.","timestamp":1709287260},{"role":"customer","text":"When?","timestamp":"later"}]}
{"call_id":"k1","started_at":"2024-03-01 11:00","utterances":[{"speaker":"SPEAKER_0","text":"Hello","start":0.0},{"speaker":"caller","content":"Hi","start":1.5}]}
{"id":"d1","email":"ann@example.com","messages":[{"from":"Ann","text":"Now?","offset_ms":10}]}
{"conversation_id":"c2","speaker":"user","message":"Alone","timestamp":"2024-03-01T10:00:00Z"}"#,
        &expect![[r#"
            track "Message Sent" at 2024-03-01T10:00:00Z by desk/c1/0
              user u1
              channel web
              property conversation_id = c1
              property message = Hi!
              property role = agent
              mended invalid-time: later
            track "Message Received" at 2024-03-01T10:01:00Z by desk/c1/1
              user u1
              channel web
              property conversation_id = c1
              property role = customer
              text "It broke."
            track "Message Sent" at 2024-03-01T10:00:00Z by desk/k1/0
              anonymous desk/k1
              channel phone
              property conversation_id = k1
              property message = Hello
              property role = SPEAKER_0
            track "Message Received" at 2024-03-01T10:00:01.5Z by desk/k1/1
              anonymous desk/k1
              channel phone
              property conversation_id = k1
              property role = caller
              text "Hi"
            row 3: missing-time: no time of occurrence <- {"id":"d1","email":"ann@example.com","messages":[{"from":"Ann","text":"Now?","offset_ms":10}]}
            track "Message Received" at 2024-03-01T10:00:00Z by content-52c43a2887363463411bc6c999a6924e
              anonymous desk/c2
              channel chat
              property conversation_id = c2
              property role = user
              text "Alone"
        "#]],
    );
}

#[test]
fn a_conversation_without_turns_or_sense_is_put_aside() {
    check(
        "{\"conversation_id\":\"c\",\"turns\":[]}\n{\"turns\":[1]}\n[1]\n{",
        &expect![[r#"
        row 1: missing-name: the record says nothing that happened <- {"conversation_id":"c","turns":[]}
        row 2: missing-name: the record says nothing that happened <- {"turns":[1]}
        row 3: unreadable: the record is no JSON object <- [1]
        row 4: unreadable: EOF while parsing an object at line 1 column 1 <- {
    "#]],
    );
    shown::check_raw_is_readable(READER, b"{\"conversation_id\":\"c\",\"turns\":[{\"role\":\"user\",\"text\":\"a\"}]}");
}

const MAIL: &str = "From ann@example.com Tue Mar 12 10:00:00 2024\r\nFrom: Ann Lee <Ann@Example.com>\r\nTo: help@shop.example\r\nSubject: =?utf-8?Q?Caf=C3=A9?=\r\nDate: Tue, 12 Mar 2024 10:00:00 +0100\r\nMessage-ID: <m1@example.com>\r\nIn-Reply-To: <m0@shop.example>\r\n\r\nWhere is it?\r\n>From the start I wondered.\r\n\r\nOn 11 March 2024 Shop wrote:\r\n> It is on its way.\r\n\r\n--\r\nAnn\r\n\r\n";

#[test]
fn a_mailbox_is_read_without_what_was_quoted() {
    check(
        &format!(
            "{MAIL}From - Wed Mar 13 10:00:00 2024\nFrom: shop@shop.example\nTo: Ann <ann@example.com>\nX-Gmail-Labels: Sent,Important\nSubject: Re: it\n\nFrom now on: soon.\n"
        ),
        &expect![[r#"
            track "E-mail Received" at 2024-03-12T09:00:00Z by e-mail/m1@example.com
              anonymous e:ann@example.com
              channel e-mail
              id e:ann@example.com
              property in_reply_to = m0@shop.example
              property subject = Café
              property to = help@shop.example
              trait name = Ann Lee
              text "Where is it?\nFrom the start I wondered."
            track "E-mail Sent" at 2024-03-13T09:00:00Z by content-e1d2403dea97a3c0bc1841bcb48eaea5
              anonymous e:ann@example.com
              channel e-mail
              id e:ann@example.com
              property message = From now on: soon.
              property subject = Re: it
              property to = ann@example.com
              trait name = Ann
        "#]],
    );
}

#[test]
fn messages_of_nobody_or_of_no_time_are_put_aside() {
    check(
        "From x\nSubject: a\nDate: Tue, 12 Mar 2024 10:00:00 +0000\n\nhi\n\nFrom y Mo Mar 99 10:00:00 2024\nFrom: a@b.de\n\nhi\n",
        &expect![[r#"
            row 1: missing-identity: neither a user id nor an anonymous id <- From x
            Subject: a
            Date: Tue, 12 Mar 2024 10:00:00 +0000

            hi


            row 2: missing-time: no time of occurrence <- From y Mo Mar 99 10:00:00 2024
            From: a@b.de

            hi

        "#]],
    );
    shown::check_raw_is_readable(READER, b"From y\nFrom: a@b.de\n\nhi\n");
}

#[test]
fn an_attachment_of_any_size_is_passed() {
    let long = "QUJD".repeat(18);
    let attachment = format!("{long}\n").repeat(30_000);
    let (taken, tally) = shown::read(READER, format!("{MAIL}{attachment}\n\n{MAIL}").as_bytes(), None);
    assert_eq!((tally.rows_read, tally.events), (2, 2));
    let Taken::Event { problems, .. } = &taken[0] else { panic!("{taken:?}") };
    assert_eq!(problems[0].kind, throng_event::ProblemKind::TooLarge);
}

#[test]
fn transcripts_are_recognised_and_other_text_is_not() {
    for text in [
        "13/03/2024, 10:15 - Ann: Hello\n13/03/2024, 10:15 - Ann: Hello\n",
        "[13.03.24, 10:15:01] Ann: Hello",
        "{\"turns\":[{\"role\":\"user\",\"text\":\"a\"}]}",
        "[{\"call_id\":1,\"speaker\":\"a\",\"text\":\"b\"}]",
        MAIL,
    ] {
        assert!(recognised(text).is_some(), "{text}");
    }
    for text in [
        "",
        "From here on\nnothing",
        "date,name\n13/03/2024,Ann\n",
        "{\"text\":\"a\",\"id\":1}",
        "::1 - - [10/Oct/2023:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5",
        "2024-01-01 10:00:00,a,b\n2024-01-01 10:00:00,a,b\n",
    ] {
        assert_eq!(recognised(text), None, "{text}");
    }
    let why = recognised("13/03/2024, 10:15 - Ann: a\n").unwrap();
    assert!(why.ends_with("dates are day, month, year"), "{why}");
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        shown::read(READER, &bytes, None);
    }

    #[test]
    fn any_chat_like_text_is_accounted_for(text in r#"(\[|\]|13/3/24|1\.2\.24|, |10:15|:| - |Ann|: |a\. ?m\.|\x{202f}|\x{200e}|é|\n){0,40}"#) {
        shown::read(READER, text.as_bytes(), None);
    }

    #[test]
    fn any_turns_are_accounted_for(text in r#"\{(\{|\}|\[|\]|"|:|,|\n|"turns"|"role"|"text"|"start"|1|1e9|null|\\| ){0,60}"#) {
        shown::read(READER, text.as_bytes(), None);
    }

    #[test]
    fn any_mail_is_accounted_for(text in r#"From (a@b|\n\n|From |From: |a@b\.de|<|>|Date: |Tue, 99|Content-Type: multipart/mixed; boundary=x\n|--x|é|\n){0,40}"#) {
        shown::read(READER, text.as_bytes(), None);
    }
}
