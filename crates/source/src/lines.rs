//! Lines of text input, one at a time and bounded.
//!
//! Blank lines are lines here, unlike among [`crate::frames`]: in a chat or a mailbox
//! they are part of what was said.

use std::io::{self, BufRead, Read};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The beginning of one that is longer than any line may be; the rest is passed over.
    TooLong(&'a [u8]),
}

/// Cuts input into lines.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    bytes_max: usize,
}

impl<R: BufRead> Lines<R> {
    /// Returns the lines of an input, none of more than `bytes_max` bytes.
    pub(crate) fn new(input: R, bytes_max: usize) -> Self {
        Self { input, line: Vec::new(), bytes_max }
    }

    /// Returns the next line, `None` at the end.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // A line's end may be two bytes more.
        let limit = self.bytes_max as u64 + 2;
        if (&mut self.input).take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        } else if self.line.len() > self.bytes_max {
            self.input.skip_until(b'\n')?;
        }
        if self.line.len() > self.bytes_max {
            self.line.truncate(self.bytes_max);
            return Ok(Some(Line::TooLong(&self.line)));
        }
        Ok(Some(Line::Whole(&self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Line<'_>]) {
        let mut lines = Lines::new(io::BufReader::with_capacity(3, text.as_bytes()), 4);
        for line in expected {
            assert_eq!(lines.next().unwrap().as_ref(), Some(line), "{text:?}");
        }
        assert_eq!(lines.next().unwrap(), None, "{text:?}");
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        check("a\r\n\n b", &[Line::Whole(b"a"), Line::Whole(b""), Line::Whole(b" b")]);
        check("", &[]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_passed() {
        check(
            "abcd\r\nabcde\nabcdefgh\nx",
            &[Line::Whole(b"abcd"), Line::TooLong(b"abcd"), Line::TooLong(b"abcd"), Line::Whole(b"x")],
        );
        check("abcdefghijk", &[Line::TooLong(b"abcd")]);
    }
}
