//! Blocks give what reading the whole gives, cut wherever they are.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::*;
use crate::shown::{self, OfBlocks, collect};

/// Messages of a megabyte and a half, some of them broken, batches or of no person.
fn messages() -> String {
    let line = |number: usize| match number % 50 {
        7 => "{\"type\":\"track\"".to_owned(),
        11 => format!("{{\"type\":\"page\",\"messageId\":\"nobody-{number}\"}}"),
        13 => {
            let message = |part: usize| format!("{{\"type\":\"track\",\"event\":\"Part {part}\",\"userId\":{number}}}");
            format!("{{\"batch\":[{},{}],\"sentAt\":\"2024-03-01T10:00:00Z\"}}", message(1), message(2))
        }
        17 => String::new(),
        _ => format!(
            "{{\"type\":\"track\",\"event\":\"Seen\",\"userId\":\"u{}\",\"messageId\":\"m{number}\",\
             \"timestamp\":\"2024-03-01T10:00:00Z\",\"properties\":{{\"n\":{number},\"text\":\"{}\"}}}}",
            number % 97,
            "x".repeat(number % 300)
        ),
    };
    (0..6_000).map(|number| line(number) + "\n").collect()
}

fn whole(form: Form, input: &str) -> (Vec<Taken>, Tally) {
    collect("web", "UTC", None, |import, sink| form.read(Cursor::new(input), import, sink)).unwrap()
}

fn by_blocks(form: Form, input: impl Read + Seek) -> OfBlocks {
    shown::import("web", "UTC", None, |import| shown::collect_blocks(form.blocks(input).unwrap().unwrap(), import))
}

fn check(form: Form, input: &str, n_blocks: std::ops::RangeInclusive<usize>) {
    let (taken, tally, n_read) = by_blocks(form, Cursor::new(input));
    assert_eq!((taken, tally.unwrap()), whole(form, input));
    assert!(n_blocks.contains(&n_read), "{n_read} blocks");
}

#[test]
fn blocks_give_what_the_whole_gives() {
    let lines = messages();
    check(Form::Segment, &lines, 2..=4);
    let listed = lines.lines().filter(|line| line.ends_with("}")).collect::<Vec<_>>().join(",\n");
    check(Form::Segment, &format!("[{listed}]"), 2..=4);
    check(Form::Segment, "", 0..=0);
    check(Form::Segment, "\n\n", 0..=0);
}

#[test]
fn blocks_of_every_export_give_what_the_whole_gives() {
    let mixpanel = r#"{"event":"Seen","properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"ID"}}"#;
    let amplitude = r#"{"event_type":"Seen","event_time":"2024-03-01 10:00:00","user_id":"u1","$insert_id":"ID"}"#;
    let posthog = r#"{"uuid":"ID","event":"Seen","distinct_id":"u1","timestamp":"2024-03-01T10:00:00Z"}"#;
    let ga4 = r#"{"event_name":"seen","event_timestamp":"1700000000000000","user_pseudo_id":"ID","user_id":"u1"}"#;
    let forms = [
        (Form::Mixpanel, mixpanel),
        (Form::MixpanelLocal, mixpanel),
        (Form::Amplitude, amplitude),
        (Form::PostHog, posthog),
        (Form::Ga4, ga4),
    ];
    for (form, record) in forms {
        let lines: String = (0..12_000).map(|number| record.replace("ID", &format!("id-{number}")) + "\n").collect();
        assert_eq!(whole(form, &lines).1.events, 12_000, "{form:?}");
        check(form, &lines, 2..=4);
    }
}

#[test]
fn a_record_that_is_longer_than_any_may_be_is_put_aside_with_its_number() {
    let long = format!("{{\"type\":\"track\",\"x\":\"{}\"}}", "x".repeat(17 << 20));
    check(Form::Segment, &format!("{{}}\n{long}\n{{}}\n"), 2..=2);
}

/// An input that fails behind some of its bytes.
struct Failing {
    text: Cursor<String>,
    n_bytes: u64,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.position() >= self.n_bytes {
            return Err(io::Error::other("the disk is gone"));
        }
        let room = usize::try_from(self.n_bytes - self.text.position()).unwrap().min(buffer.len());
        self.text.read(&mut buffer[..room])
    }
}

impl Seek for Failing {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.text.seek(position)
    }
}

#[test]
fn what_stands_before_a_fault_is_read() {
    let text = messages();
    for n_bytes in [100, 5_000, (1 << 20) + 70_000] {
        let complete = text[..n_bytes].rfind('\n').map_or(0, |end| end + 1);
        let (taken, tally, _) =
            by_blocks(Form::Segment, Failing { text: Cursor::new(text.clone()), n_bytes: n_bytes as u64 });
        let (expected, before) = whole(Form::Segment, &text[..complete]);
        assert!(matches!(tally, Err(SourceError::Read { rows, .. }) if rows == before.rows_read), "{tally:?}");
        assert_eq!(taken, expected);
    }
}

#[test]
fn files_that_are_read_as_a_whole_have_no_blocks() {
    for form in [Form::Shopify, Form::Transcripts, Form::Table, Form::CompleteJourney, Form::AccessLog] {
        assert!(form.blocks(Cursor::new("{}\n")).unwrap().is_none(), "{form:?}");
    }
    assert!(Form::Ga4.blocks(Cursor::new("PAR1....")).unwrap().is_none());
    assert!(Form::Amplitude.blocks(Cursor::new("PK\u{3}\u{4}....")).unwrap().is_none());
}
