//! Text tables: cells between commas, semicolons, tabs or bars.
//!
//! The `csv` crate takes the cells apart. What it leaves open is done here: a record
//! is bounded, and a quote that is never closed costs one line instead of the rest
//! of the file. For that the bytes of the current record are kept until it is
//! known to be well, so that reading can start again at its second line. What is
//! read again is bounded as well: a file in which quotes go wrong all the time is
//! read line by line, each for itself.

mod patience;
mod quotes;
mod rewind;

use std::io::{self, Read};

use csv::{ByteRecord, Position, Reader, ReaderBuilder};
use throng_event::{Problem, ProblemKind};

use super::row::{COLUMNS_MAX, CellKind, Columns, Row, raw_list, raw_string};
use super::{Clock, RowSource, Step, plain_number};
use crate::{DecimalMark, SourceError};
use patience::Patience;
use quotes::Quotes;
use rewind::{FirstLine, Rewind};

/// Bytes of one record; a transcript in one cell fits.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Bytes the parser asks for at a time.
const BUFFER_BYTES: usize = 1 << 16;
/// Bytes and records looked at to find the delimiter.
const HEAD_BYTES: usize = 1 << 16;
const HEAD_RECORDS: usize = 100;
/// Delimiters, the usual first; of two that fit equally well the first is taken.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The rows of a text table.
pub(super) struct Delimited<R> {
    reader: Reader<Rewind<R>>,
    delimiter: u8,
    record: ByteRecord,
    columns: Columns,
    patience: Patience,
}

impl<R: Read> Delimited<R> {
    /// Finds the delimiter and reads the header.
    pub(super) fn new(mut input: R) -> Result<Self, SourceError> {
        let mut head = Vec::new();
        let failed = |error| SourceError::from_read(error, 0);
        input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(failed)?;
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let delimiter = delimiter_of(&head);
        let headless = is_headless(&head, delimiter);
        let mut table = Self {
            reader: reader(Rewind::new(head, input), delimiter),
            delimiter,
            record: ByteRecord::new(),
            columns: Columns::default(),
            patience: Patience::default(),
        };
        let fault = |reason: &str| SourceError::Form { form: "a table of text", reason: reason.to_owned() };
        match table.reader.read_byte_record(&mut table.record) {
            Ok(true) => {}
            Ok(false) => return Err(fault("it is empty")),
            Err(error) => {
                let of_input = of_input(error).map(|error| SourceError::from_read(error, 0));
                return Err(of_input.unwrap_or_else(|| fault("its header is longer than any may be")));
            }
        }
        if table.record.len() > COLUMNS_MAX {
            return Err(fault(&format!("its header has {} columns, more than {COLUMNS_MAX}", table.record.len())));
        }
        let mut header: Vec<String> = table.record.iter().map(decode).collect();
        if headless {
            header.fill(String::new());
            let start = table.reader.seek_raw(io::SeekFrom::Start(0), Position::new());
            start.map_err(|error| SourceError::from_read(io::Error::other(error), 0))?;
        }
        table.columns = Columns::from_header(header.iter().map(String::as_str));
        Ok(table)
    }

    /// Starts again behind the first line of the current record, which is put aside, or is
    /// a row where tabs cut it into the right number of cells: they need no quotes, so
    /// a quote between them may be one that was said.
    fn recover(&mut self, row: &mut Row, n_read: u64) -> Result<Step, SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let rewind = self.reader.get_mut();
        let record_start = rewind.record_start;
        let open = Problem::new(ProblemKind::Unreadable, "a quoted cell that does not end in its line");
        let mut n_cells = 0;
        let (problem, raw) = match rewind.first_line().map_err(failed)? {
            FirstLine::Whole(line) => {
                row.clear();
                for cell in line.strip_suffix(b"\r").unwrap_or(&line).split(|byte| *byte == self.delimiter) {
                    row.push(CellKind::Text, &decode(cell));
                    n_cells += 1;
                }
                (open, raw_string(&line))
            }
            FirstLine::TooLong(beginning) => {
                let problem = Problem::new(ProblemKind::TooLarge, "a line longer than any may be");
                (problem, raw_string(&beginning))
            }
        };
        let next = rewind.position();
        assert!(next > record_start, "reading goes on behind the line put aside");
        self.patience.lose((record_start + n_read).saturating_sub(next));
        self.go_on(next)?;
        if self.delimiter == b'\t' && n_cells == self.columns.len() {
            row.mended.push(problem);
            return Ok(Step::Row);
        }
        Ok(Step::Bad(vec![problem], raw))
    }

    /// Starts again at the beginning of a line, which is read for itself where too much was
    /// read again already.
    fn go_on(&mut self, place: u64) -> Result<(), SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let mut position = Position::new();
        position.set_byte(place);
        let moved = self.reader.seek_raw(io::SeekFrom::Start(place), position);
        moved.map_err(|error| failed(io::Error::other(error)))?;
        self.patience.gain(place);
        if self.patience.is_lost() {
            self.reader.get_mut().stop_behind_line().map_err(failed)?;
        }
        Ok(())
    }

    /// Returns the bytes of the record just read.
    fn bytes_read(&self) -> &[u8] {
        self.reader.get_ref().since_record_start(self.reader.position().byte())
    }

    /// Whether the record just read took in lines that are not its own.
    fn swallowed(&self) -> bool {
        let rewind = self.reader.get_ref();
        let at_end = rewind.ended_at(self.reader.position().byte());
        let ragged = self.record.len() != self.columns.len();
        let first_line = self.record.position().map_or(0, Position::line);
        let n_lines = self.reader.position().line().saturating_sub(first_line);
        if self.patience.is_lost() {
            return Quotes::of(self.bytes_read(), self.delimiter) == Quotes::Open;
        }
        if !ragged && !at_end && n_lines <= 1 {
            return false;
        }
        let bytes = self.bytes_read().trim_ascii();
        // In one line a stray quote does no harm.
        bytes.contains(&b'\n') && (ragged || Quotes::of(bytes, self.delimiter) != Quotes::Well)
    }
}

impl<R: Read> RowSource for Delimited<R> {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn next(&mut self, row: &mut Row, _columns: &mut Columns) -> Result<Step, SourceError> {
        loop {
            let start = self.reader.position().byte();
            self.patience.gain(start);
            self.reader.get_mut().forget_before(start);
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => break,
                Ok(false) if self.reader.get_mut().pass_stop() => self.go_on(self.reader.get_ref().position())?,
                Ok(false) => return Ok(Step::End),
                Err(error) => {
                    return match of_input(error) {
                        Some(error) => Err(SourceError::from_read(error, 0)),
                        None => self.recover(row, RECORD_BYTES_MAX as u64),
                    };
                }
            }
        }
        if self.swallowed() {
            return self.recover(row, self.bytes_read().len() as u64);
        }
        if self.record.len() != self.columns.len() {
            let detail = format!("{} cells where the header has {}", self.record.len(), self.columns.len());
            let cells: Vec<String> = self.record.iter().map(decode).collect();
            let raw = raw_list(cells.iter().map(String::as_str));
            return Ok(Step::Bad(vec![Problem::new(ProblemKind::Unreadable, &detail)], raw));
        }
        row.clear();
        // The cells stand together in the record: one check covers them all, and one copy.
        let bytes = self.record.as_slice();
        let whole = str::from_utf8(bytes).ok();
        let ranges = || (0..self.record.len()).filter_map(|idx| self.record.range(idx));
        // Two cells may each be no text and be one together.
        let apart = |text: &&str| text.is_ascii() || ranges().all(|range| text.is_char_boundary(range.start));
        match whole.filter(|_| !bytes.contains(&0)).filter(apart) {
            Some(text) => row.fill(text, ranges()),
            None => self.record.iter().for_each(|cell| row.push(CellKind::Text, &decode(cell))),
        }
        match whole {
            None => row.mended.push(Problem::new(ProblemKind::Unreadable, "not UTF-8; read as Windows-1252")),
            Some(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                row.mended.push(Problem::new(ProblemKind::Unreadable, "characters that were lost in its encoding"));
            }
            Some(_) => {}
        }
        Ok(Step::Row)
    }
}

fn reader<R: Read>(rewind: Rewind<R>, delimiter: u8) -> Reader<Rewind<R>> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(rewind)
}

/// Returns the text of a cell: UTF-8, or Windows-1252 where it is none, without NULs.
fn decode(cell: &[u8]) -> String {
    let text = match str::from_utf8(cell) {
        Ok(text) => text.to_owned(),
        Err(_) => cell.iter().map(|byte| windows_1252(*byte)).collect(),
    };
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// Returns the character of a byte in Windows-1252 (WHATWG encoding standard, index windows-1252).
fn windows_1252(byte: u8) -> char {
    const FROM_0X80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_0X80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Returns the delimiter by which most records have as many cells as the first.
fn delimiter_of(head: &[u8]) -> u8 {
    let mut best = (0, b',');
    for delimiter in DELIMITERS {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(head);
        let mut records = reader.byte_records().take(HEAD_RECORDS).map_while(Result::ok);
        let Some(header) = records.next().filter(|header| header.len() > 1) else {
            continue;
        };
        let rows: Vec<usize> = records.map(|record| record.len()).collect();
        let n_agreeing = rows.iter().filter(|n_cells| **n_cells == header.len()).count();
        // Per thousand; a header alone speaks for itself, a wide one a little louder.
        let agreement = if rows.is_empty() { 1_000 } else { n_agreeing * 1_000 / rows.len() };
        let score = agreement * COLUMNS_MAX + header.len().min(COLUMNS_MAX - 1);
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// Whether the first record is a row: in some column it has what no column is called,
/// and the records below have the like.
fn is_headless(head: &[u8], delimiter: u8) -> bool {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(head);
    let mut records = reader.byte_records().take(HEAD_RECORDS).map_while(Result::ok);
    let Some(first) = records.next() else { return false };
    let below: Vec<ByteRecord> = records.filter(|record| record.len() == first.len()).collect();
    let clock = Clock::new(None, jiff::tz::TimeZone::UTC);
    (0..first.len()).any(|idx| {
        let Some(look) = Look::of(&decode(&first[idx]), &clock) else { return false };
        let n_alike = below.iter().filter(|record| Look::of(&decode(&record[idx]), &clock) == Some(look)).count();
        // Two rows alike could be chance; whole numbers are left out, for years and
        // positions do stand in headers.
        n_alike > 1 && n_alike * 10 >= below.len() * 8
    })
}

/// What a cell can look like that the name of a column does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Fraction,
    Time,
    Address,
}

impl Look {
    fn of(cell: &str, clock: &Clock) -> Option<Self> {
        let cell = cell.trim();
        let whole = cell.bytes().all(|byte| byte.is_ascii_digit());
        if whole || cell.len() < 2 {
            return None;
        }
        if plain_number(cell, DecimalMark::Point).is_some() {
            return Some(Self::Fraction);
        }
        if cell.len() >= 8 && clock.read_usual(cell).is_some() {
            return Some(Self::Time);
        }
        let address = cell.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        (address && !cell.contains(' ')).then_some(Self::Address)
    }
}

#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a record of more than {RECORD_BYTES_MAX} bytes")
    }
}

impl std::error::Error for TooLong {}

/// Returns what the input itself says, `None` when the record was too long.
fn of_input(error: csv::Error) -> Option<io::Error> {
    let csv::ErrorKind::Io(error) = error.into_kind() else {
        return None;
    };
    let too_long = error.get_ref().is_some_and(|inner| inner.is::<TooLong>());
    (!too_long).then_some(error)
}

#[cfg(test)]
mod tests;
