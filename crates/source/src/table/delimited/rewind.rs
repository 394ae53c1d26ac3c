//! A reader that keeps the bytes of the current record, so that reading can start
//! again inside it, and that refuses to deliver more of one record than is allowed.

use std::io::{self, Read, Seek, SeekFrom};

use super::{RECORD_BYTES_MAX, TooLong};

/// Bytes before the record that are kept until it pays to move the rest.
const SLACK_BYTES: usize = 1 << 17;

pub(super) struct Rewind<R> {
    input: R,
    /// Bytes read and not yet forgotten.
    window: Vec<u8>,
    /// Where in the input the window begins.
    base: u64,
    /// How many bytes of the window are delivered.
    cursor: usize,
    /// Where in the input the current record begins.
    pub(super) record_start: u64,
    /// Whether the input has no more.
    ended: bool,
    /// Where in the input the delivery stops as at an end, behind the current line.
    line_end: Option<u64>,
}

pub(super) enum FirstLine {
    Whole(Vec<u8>),
    TooLong(Vec<u8>),
}

impl<R: Read> Read for Rewind<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line_end.is_some_and(|end| self.position() == end) {
            return Ok(0);
        }
        if self.cursor == self.record_offset() + RECORD_BYTES_MAX {
            self.pass_blank_lines();
        }
        let end = self.record_offset() + RECORD_BYTES_MAX;
        if self.cursor == end {
            return Err(io::Error::other(TooLong));
        }
        if self.cursor == self.window.len() {
            self.fill(buffer.len())?;
        }
        let end = self.line_end.map_or(end, |line_end| offset(self.base, line_end).min(end));
        let ready = &self.window[self.cursor..end.min(self.window.len())];
        let n_delivered = ready.len().min(buffer.len());
        buffer[..n_delivered].copy_from_slice(&ready[..n_delivered]);
        self.cursor += n_delivered;
        Ok(n_delivered)
    }
}

impl<R> Seek for Rewind<R> {
    /// Goes to a place from the beginning, which must be in the window.
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(place) = place else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let cursor = offset(self.base, place);
        if place < self.base || cursor > self.window.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.cursor = cursor;
        Ok(place)
    }
}

impl<R: Read> Rewind<R> {
    /// Returns a reader of an input whose beginning was already taken from it.
    pub(super) fn new(head: Vec<u8>, input: R) -> Self {
        Self { input, window: head, base: 0, cursor: 0, record_start: 0, ended: false, line_end: None }
    }

    /// Reads on behind the window.
    fn fill(&mut self, n_bytes: usize) -> io::Result<()> {
        let n_kept = self.window.len();
        self.window.resize(n_kept + n_bytes, 0);
        let n_read = loop {
            match self.input.read(&mut self.window[n_kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.window.truncate(n_kept + n_read.as_ref().map_or(0, |n_read| *n_read));
        self.ended = n_read? == 0;
        Ok(())
    }

    /// Lets the record begin behind the blank lines before it.
    fn pass_blank_lines(&mut self) {
        let blank = self.window[self.record_offset()..self.cursor].iter();
        let n_blank = blank.take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.forget_before(self.record_start + n_blank as u64);
    }

    /// Delivers the line at hand and stops behind it, or goes on without a stop where it
    /// is the last line or longer than any record.
    pub(super) fn stop_behind_line(&mut self) -> io::Result<()> {
        self.forget_before(self.position());
        let mut n_seen = 0;
        loop {
            let ahead = &self.window[self.cursor + n_seen..];
            if let Some(length) = ahead.iter().position(|byte| *byte == b'\n') {
                self.line_end = Some(self.position() + (n_seen + length + 1) as u64);
                return Ok(());
            }
            n_seen += ahead.len();
            if n_seen > RECORD_BYTES_MAX || self.ended {
                self.line_end = None;
                return Ok(());
            }
            self.fill(SLACK_BYTES)?;
        }
    }

    /// Goes on behind the line at hand; returns whether there was a stop.
    pub(super) fn pass_stop(&mut self) -> bool {
        self.line_end.take().is_some()
    }

    fn record_offset(&self) -> usize {
        offset(self.base, self.record_start)
    }

    /// Marks the beginning of a record; what stands before is not needed again.
    pub(super) fn forget_before(&mut self, record_start: u64) {
        self.record_start = record_start;
        let n_before = self.record_offset();
        if n_before > SLACK_BYTES {
            self.window.drain(..n_before);
            self.base += n_before as u64;
            self.cursor -= n_before;
        }
    }

    /// Returns the bytes from the beginning of the record to a place in the input.
    pub(super) fn since_record_start(&self, end: u64) -> &[u8] {
        &self.window[self.record_offset()..offset(self.base, end)]
    }

    /// Whether the input ends at a place.
    pub(super) fn ended_at(&self, place: u64) -> bool {
        self.ended && offset(self.base, place) == self.window.len()
    }

    /// Takes the first line of the record and goes on behind it.
    pub(super) fn first_line(&mut self) -> io::Result<FirstLine> {
        let mut start = self.record_offset();
        // Blank lines before the record are no part of it.
        while matches!(self.window.get(start), Some(b'\n' | b'\r')) {
            start += 1;
        }
        let rest = &self.window[start..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let line = rest[..length.unwrap_or(rest.len()).min(RECORD_BYTES_MAX)].to_vec();
        match length {
            Some(length) => self.cursor = start + length + 1,
            None => self.skip_line()?,
        }
        Ok(if line.len() == RECORD_BYTES_MAX { FirstLine::TooLong(line) } else { FirstLine::Whole(line) })
    }

    /// Reads on to the next line break without keeping anything.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            self.base += self.window.len() as u64;
            self.window.resize(SLACK_BYTES, 0);
            let n_read = match self.input.read(&mut self.window) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => {
                    self.window.clear();
                    return Err(error);
                }
                Ok(0) => {
                    self.window.clear();
                    self.cursor = 0;
                    return Ok(());
                }
                Ok(n_read) => n_read,
            };
            self.window.truncate(n_read);
            if let Some(length) = self.window.iter().position(|byte| *byte == b'\n') {
                self.cursor = length + 1;
                return Ok(());
            }
        }
    }

    /// Returns the place in the input that is delivered next.
    pub(super) fn position(&self) -> u64 {
        self.base + self.cursor as u64
    }
}

fn offset(base: u64, place: u64) -> usize {
    // The window is bounded far below what an address can hold.
    usize::try_from(place.saturating_sub(base)).unwrap_or(usize::MAX)
}
