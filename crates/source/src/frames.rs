//! Records of JSON input, one at a time and bounded: lines, or the values of a list.
//!
//! Lines are the rule: one broken line costs one record. Input that opens with a
//! list, or with an object spread over lines, is cut into balanced values instead.

use std::io::{self, BufRead, Chain, Cursor, Read};

/// Bytes of one record; a batch of the Segment API is 500 KB at most, RudderStack
/// takes 4 MB, and a thousand times the usual line is a broken file.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes looked at to tell lines from values.
const HEAD_BYTES: usize = 64;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The beginning of one that is longer than any record may be.
    TooLong(&'a [u8]),
}

/// Cuts input into records.
pub(crate) struct Frames<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    form: Form,
    record: Vec<u8>,
    bytes_max: usize,
}

enum Form {
    Lines,
    Values,
}

impl<R: BufRead> Frames<R> {
    /// Looks at the beginning of the input.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let mut start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        while head.get(start).is_some_and(u8::is_ascii_whitespace) {
            start += 1;
        }
        let form = match head.get(start) {
            Some(b'[') => {
                start += 1;
                Form::Values
            }
            Some(b'{') if opens_alone(&head[start + 1..]) => Form::Values,
            _ => Form::Lines,
        };
        let mut head = Cursor::new(head);
        head.set_position(start as u64);
        Ok(Self { input: head.chain(input), form, record: Vec::new(), bytes_max: RECORD_BYTES_MAX })
    }

    /// Returns the next record, `None` at the end.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        let length = match self.form {
            Form::Lines => self.next_line()?,
            Form::Values => self.next_value()?,
        };
        Ok(match length {
            Length::End => None,
            Length::Whole => Some(Frame::Whole(self.record.trim_ascii())),
            Length::TooLong => Some(Frame::TooLong(&self.record)),
        })
    }

    fn next_line(&mut self) -> io::Result<Length> {
        loop {
            self.record.clear();
            let limit = self.bytes_max as u64 + 1;
            let n_read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.record)?;
            if n_read == 0 {
                return Ok(Length::End);
            }
            if self.record.len() > self.bytes_max && self.record.last() != Some(&b'\n') {
                self.input.skip_until(b'\n')?;
                return Ok(Length::TooLong);
            }
            if !self.record.trim_ascii().is_empty() {
                return Ok(Length::Whole);
            }
        }
    }

    /// Adds to `text` so many bytes or more, up to the end of a line, of input that is cut into
    /// lines; returns whether the last line is whole or the beginning of one that is too long.
    /// `None` for input of values.
    ///
    /// # Errors
    /// What the reader says; `text` then ends with the last line before the fault.
    pub(crate) fn lines(&mut self, text: &mut Vec<u8>, n_bytes: usize) -> io::Result<Option<LastLine>> {
        match self.form {
            Form::Values => return Ok(None),
            Form::Lines => {}
        }
        let added = self.add_lines(text, n_bytes);
        if added.is_err() {
            text.truncate(line_start(text));
        }
        added.map(Some)
    }

    fn add_lines(&mut self, text: &mut Vec<u8>, n_bytes: usize) -> io::Result<LastLine> {
        while text.len() < n_bytes {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if chunk.is_empty() {
                return Ok(LastLine::Whole);
            }
            let n_chunk = chunk.len().min(n_bytes - text.len());
            text.extend_from_slice(&chunk[..n_chunk]);
            self.input.consume(n_chunk);
        }
        let n_begun = text.len() - line_start(text);
        if n_begun > 0 {
            let limit = (self.bytes_max + 1).saturating_sub(n_begun) as u64;
            let n_read = self.input.by_ref().take(limit).read_until(b'\n', text)?;
            if n_begun + n_read > self.bytes_max && text.last() != Some(&b'\n') {
                self.input.skip_until(b'\n')?;
                return Ok(LastLine::TooLong);
            }
        }
        Ok(LastLine::Whole)
    }

    fn next_value(&mut self) -> io::Result<Length> {
        self.record.clear();
        let mut scan = Scan::default();
        let mut too_long = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if chunk.is_empty() {
                break;
            }
            let n_chunk = chunk.len();
            let (before, end) = scan.run(chunk);
            let kept = &chunk[before.min(n_chunk)..end.unwrap_or(n_chunk)];
            let room = self.bytes_max - self.record.len();
            too_long |= kept.len() > room;
            self.record.extend_from_slice(&kept[..kept.len().min(room)]);
            self.input.consume(end.unwrap_or(n_chunk));
            if end.is_some() {
                break;
            }
        }
        Ok(match (scan.started, too_long) {
            (false, _) => Length::End,
            (true, false) => Length::Whole,
            (true, true) => Length::TooLong,
        })
    }
}

/// How the last of some lines ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LastLine {
    #[default]
    Whole,
    TooLong,
}

/// Returns where the line begins that a text ends in; its end behind a line break.
fn line_start(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// Returns the records that stand in lines, see [`Frames::lines`].
pub(crate) fn frames_of_lines(text: &[u8], last: LastLine) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest;
            // Reading from memory does not fail.
            let n_bytes = rest.skip_until(b'\n').ok().filter(|n_bytes| *n_bytes > 0)?;
            let line = &start[..n_bytes];
            if rest.is_empty() && last == LastLine::TooLong {
                return Some(Frame::TooLong(line));
            }
            if !line.trim_ascii().is_empty() {
                return Some(Frame::Whole(line.trim_ascii()));
            }
        }
    })
}

enum Length {
    End,
    Whole,
    TooLong,
}

/// Whether nothing but a line break follows an opening brace.
fn opens_alone(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b'\n')
}

/// Where in a value the scan stands.
#[derive(Default)]
struct Scan {
    started: bool,
    text: Text,
    depth: u32,
}

/// Where in a text of the value the scan stands.
#[derive(Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Scan {
    /// Returns how many bytes of the chunk stand before the value and where the value ends.
    fn run(&mut self, chunk: &[u8]) -> (usize, Option<usize>) {
        let mut before = 0;
        if !self.started {
            let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']');
            before = chunk.iter().position(|byte| !between(byte)).unwrap_or(chunk.len());
            self.started = before < chunk.len();
        }
        for (idx, byte) in chunk.iter().enumerate().skip(before) {
            if let Some(end) = self.step(*byte, idx) {
                return (before, Some(end));
            }
        }
        (before, None)
    }

    /// Takes one byte; returns the end of the value when it is reached.
    fn step(&mut self, byte: u8, idx: usize) -> Option<usize> {
        if self.text != Text::Outside {
            // A line break inside quotes is no JSON; taking it as the end of the text
            // keeps one forgotten quote from swallowing the rest of the input.
            self.text = match byte {
                _ if self.text == Text::Escaped => Text::Inside,
                b'\\' => Text::Escaped,
                b'"' | b'\n' => Text::Outside,
                _ => Text::Inside,
            };
            return None;
        }
        match byte {
            b'"' => self.text = Text::Inside,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                return (self.depth == 0).then_some(idx + 1);
            }
            b']' | b',' if self.depth == 0 => return Some(idx),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn frames(text: &[u8], buffer_bytes: usize, bytes_max: usize) -> Vec<String> {
        let mut frames = Frames::new(BufReader::with_capacity(buffer_bytes, text)).unwrap();
        frames.bytes_max = bytes_max;
        let mut shown = Vec::new();
        while let Some(frame) = frames.next().unwrap() {
            shown.push(match frame {
                Frame::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Frame::TooLong(bytes) => format!("too long: {}", String::from_utf8_lossy(bytes)),
            });
        }
        shown
    }

    fn check(text: &str, expected: &[&str]) {
        for buffer_bytes in [1, 3, 4_096] {
            assert_eq!(frames(text.as_bytes(), buffer_bytes, 1_000), expected, "{text:?} read by {buffer_bytes}");
        }
    }

    #[test]
    fn lines_are_records_and_blank_ones_are_not() {
        check("{\"a\":1}\r\n\n  \n{\"a\":2}", &["{\"a\":1}", "{\"a\":2}"]);
        check("\u{feff}{}\n{", &["{}", "{"]);
        check("", &[]);
    }

    #[test]
    fn a_list_is_cut_into_its_values() {
        check(r#"[{"a":"]}\"["}, {"b":[1,{}]} ]"#, &[r#"{"a":"]}\"["}"#, r#"{"b":[1,{}]}"#]);
        check("[1, 2,\"x\"]", &["1", "2", "\"x\""]);
        check("[]", &[]);
        check("[{\"a\":1},{\"a\"", &["{\"a\":1}", "{\"a\""]);
        check("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n", &["{\n \"a\": 1\n}", "{\n \"a\": 2\n}"]);
    }

    #[test]
    fn a_forgotten_quote_costs_one_value() {
        check("[{\"a\":\"x},\n{\"a\":1}]", &["{\"a\":\"x},\n{\"a\":1}]"]);
        check("{\"a\":\"x}\n{\"a\":1}", &["{\"a\":\"x}", "{\"a\":1}"]);
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_and_passed() {
        let long = "x".repeat(50);
        let expected = vec!["too long: xxxxxxxxxxx".to_owned(), "{}".to_owned()];
        assert_eq!(frames(format!("{long}\n{{}}").as_bytes(), 7, 10), expected);
        let expected = vec!["too long: {\"xxxxxxxx".to_owned(), "{}".to_owned()];
        assert_eq!(frames(format!("[{{\"{long}\"}},{{}}]").as_bytes(), 7, 10), expected);
    }
}
