//! Tables in a workbook of Excel (XLSX, ECMA-376): one sheet, cell by cell.
//!
//! The `calamine` crate reads the parts. It holds the shared texts, the styles and the
//! list of sheets in memory, and one cell at a time of a sheet; what it would hold is
//! counted before it is asked, for a few kilobytes can unpack to any size.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Cell, DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};
use throng_event::{Problem, ProblemKind};
use zip::ZipArchive;

use super::row::{COLUMNS_MAX, CellKind, Columns, Row, raw_list};
use super::{RowSource, Step};
use crate::SourceError;

/// Unpacked bytes of everything but the sheets; a million texts of customers are a tenth.
const HELD_BYTES_MAX: u64 = 256 << 20;
/// Unpacked bytes of all sheets; a full sheet of twenty columns fits.
const SHEETS_BYTES_MAX: u64 = 1 << 30;
/// Bytes between two tags of a part: a cell of Excel has 32,767 characters at most.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of the texts of one row, as many as a record of JSON may have.
const ROW_BYTES_MAX: usize = 16 << 20;
/// Bytes of shared texts that the cells of a sheet may say together. A text is shared once and
/// said a million times, so the size of the file is no bound; ten texts of a hundred letters
/// in every row of a full sheet are half.
const REPEATED_BYTES_MAX: u64 = 2 << 30;
/// Bytes unpacked at a time to count them.
const BUFFER_BYTES: usize = 1 << 16;
/// Filled cells that make a row the header; a title above it has one.
const HEADER_CELLS_MIN: usize = 2;

/// A workbook that is not larger than it may be.
pub(super) struct Workbook<R: Read + Seek>(Xlsx<R>);

/// The rows of one sheet below its header. The reader of cells comes as a function, for
/// its type has no name outside its library.
pub(super) struct WorkbookRows<'a, F> {
    read_cell: F,
    /// The first cell of the next row.
    ahead: Option<Cell<DataRef<'a>>>,
    columns: Columns,
    /// Bytes of shared texts that were said.
    n_repeated: u64,
}

/// A row as it stands in a sheet.
struct Span {
    /// Columns from the first to the last that is filled.
    width: usize,
    /// Whether all of its texts were taken.
    fits: bool,
}

impl<R: Read + Seek> Workbook<R> {
    pub(super) fn open(mut input: R) -> Result<Self, SourceError> {
        check_size(&mut input)?;
        let failed = |source| SourceError::Read { rows: 0, source };
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        guarded(|| Xlsx::new(input)).map(Self)
    }

    /// Returns the name of a sheet: the one wanted, or the first that has a header.
    pub(super) fn sheet(&mut self, wanted: Option<&str>) -> Result<String, SourceError> {
        let names = self.0.sheet_names();
        if let Some(wanted) = wanted {
            return match names.iter().find(|name| *name == wanted) {
                Some(name) => Ok(name.clone()),
                None => Err(fault(&format!("it has no sheet {wanted:?}; its sheets are {}", names.join(", ")))),
            };
        }
        let mut problem = None;
        for name in names {
            match self.rows(&name) {
                Ok(_) => return Ok(name),
                // A chart is no table; a damaged sheet is told of when there is no other.
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        Err(problem.unwrap_or_else(|| fault("it has no sheets")))
    }

    /// Reads the header of a sheet.
    pub(super) fn rows<'a>(
        &'a mut self,
        sheet: &str,
    ) -> Result<WorkbookRows<'a, impl FnMut() -> CellRead<'a> + use<'a, R>>, SourceError> {
        let mut cells = guarded(|| self.0.worksheet_cells_reader(sheet))?;
        let read_cell = move || cells.next_cell();
        let mut rows = WorkbookRows { read_cell, ahead: None, columns: Columns::default(), n_repeated: 0 };
        rows.ahead = rows.next_cell()?;
        let mut row = Row::default();
        while let Some(Span { width, .. }) = rows.read(&mut row)? {
            if width > COLUMNS_MAX {
                return Err(fault(&format!("its header has more than {COLUMNS_MAX} columns")));
            }
            let header: Vec<&str> = (0..width).map(|idx| row.get(idx).unwrap_or_default()).collect();
            if header.iter().filter(|name| !name.is_empty()).count() >= HEADER_CELLS_MIN {
                rows.columns = Columns::from_header(header.into_iter());
                return Ok(rows);
            }
        }
        Err(fault(&format!("no row of the sheet {sheet:?} has two filled cells to name its columns")))
    }
}

/// What reading a cell gives.
type CellRead<'a> = Result<Option<Cell<DataRef<'a>>>, XlsxError>;

impl<'a, F: FnMut() -> CellRead<'a>> WorkbookRows<'a, F> {
    fn next_cell(&mut self) -> Result<Option<Cell<DataRef<'a>>>, SourceError> {
        loop {
            match guarded(&mut self.read_cell)? {
                Some(cell) if is_empty(cell.get_value()) => {}
                cell => return Ok(cell),
            }
        }
    }

    /// Reads the filled cells of the next row that has any.
    fn read(&mut self, row: &mut Row) -> Result<Option<Span>, SourceError> {
        row.clear();
        let Some(mut cell) = self.ahead.take() else {
            return Ok(None);
        };
        let (row_idx, mut span) = (cell.get_position().0, Span { width: 0, fits: true });
        loop {
            let column = usize::try_from(cell.get_position().1).unwrap_or(usize::MAX);
            span.width = span.width.max(column.saturating_add(1));
            if let DataRef::SharedString(text) = cell.get_value() {
                self.n_repeated += text.len() as u64;
                if self.n_repeated > REPEATED_BYTES_MAX {
                    let limit = REPEATED_BYTES_MAX >> 20;
                    return Err(fault(&format!("its cells repeat their texts to more than the {limit} MiB they may")));
                }
            }
            if column < COLUMNS_MAX {
                let (kind, text) = shown(cell.get_value());
                if row.n_text_bytes() + text.len() > ROW_BYTES_MAX {
                    span.fits = false;
                } else {
                    row.set(column, kind, &text);
                }
            }
            match self.next_cell()? {
                Some(next) if next.get_position().0 == row_idx => cell = next,
                next => {
                    self.ahead = next;
                    return Ok(Some(span));
                }
            }
        }
    }
}

impl<'a, F: FnMut() -> CellRead<'a>> RowSource for WorkbookRows<'a, F> {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn next(&mut self, row: &mut Row, _columns: &mut Columns) -> Result<Step, SourceError> {
        let Some(Span { width, fits }) = self.read(row)? else {
            return Ok(Step::End);
        };
        let problem = if !fits {
            Problem::new(ProblemKind::TooLarge, &format!("a row of more than {} MiB", ROW_BYTES_MAX >> 20))
        } else if width > self.columns.len() {
            let detail = format!("cells in {width} columns where the header has {}", self.columns.len());
            Problem::new(ProblemKind::Unreadable, &detail)
        } else {
            return Ok(Step::Row);
        };
        let cells = (0..width.min(COLUMNS_MAX)).map(|idx| row.get(idx).unwrap_or_default());
        Ok(Step::Bad(vec![problem], raw_list(cells)))
    }
}

fn is_empty(value: &DataRef<'_>) -> bool {
    match value {
        DataRef::Empty => true,
        DataRef::String(text) => text.is_empty(),
        DataRef::SharedString(text) => text.is_empty(),
        DataRef::Int(_)
        | DataRef::Float(_)
        | DataRef::Bool(_)
        | DataRef::DateTime(_)
        | DataRef::DateTimeIso(_)
        | DataRef::DurationIso(_)
        | DataRef::Error(_) => false,
    }
}

/// Returns the text a cell would have in a table of text.
fn shown(value: &DataRef<'_>) -> (CellKind, String) {
    match value {
        DataRef::Empty => (CellKind::Absent, String::new()),
        DataRef::Int(number) => (CellKind::Number, number.to_string()),
        DataRef::Float(number) => (CellKind::Number, number.to_string()),
        DataRef::String(text) => (CellKind::Text, text.clone()),
        DataRef::SharedString(text) => (CellKind::Text, (*text).to_owned()),
        DataRef::Bool(flag) => (CellKind::Bool, flag.to_string()),
        DataRef::DateTime(time) => date_time(time),
        DataRef::DateTimeIso(text) => (CellKind::Time, text.clone()),
        DataRef::DurationIso(text) => (CellKind::Text, text.clone()),
        // What a formula could not compute is not known.
        DataRef::Error(_) => (CellKind::Absent, String::new()),
    }
}

fn date_time(time: &ExcelDateTime) -> (CellKind, String) {
    let (year, month, day, hour, minute, second, millisecond) = time.to_ymd_hms_milli();
    // Below one day it is an hour of no day, or how long something took.
    if !time.is_datetime() || time.as_f64() < 1.0 {
        return (CellKind::Text, format!("{hour:02}:{minute:02}:{second:02}"));
    }
    let mut text = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, millisecond) != (0, 0, 0, 0) {
        text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
    }
    if millisecond != 0 {
        text.push_str(&format!(".{millisecond:03}"));
    }
    (CellKind::Time, text)
}

/// Counts what the archive unpacks to, part by part, before anything is held.
fn check_size(input: impl Read + Seek) -> Result<(), SourceError> {
    let failed = |error: zip::result::ZipError| fault(&error.to_string());
    let mut archive = ZipArchive::new(input).map_err(failed)?;
    if archive.index_for_name("xl/workbook.xml").is_none() {
        return Err(fault("the archive holds no workbook of Excel (XLSX)"));
    }
    let (mut n_held, mut n_sheets) = (0, 0);
    for idx in 0..archive.len() {
        let mut part = archive.by_index(idx).map_err(failed)?;
        let name = part.name().map_err(failed)?.to_lowercase();
        // Pictures are not unpacked by anyone, but a sheet may be called like one.
        if name.contains("worksheets/") || name.contains("media/") {
            check_part(&mut part, &name, &mut n_sheets, SHEETS_BYTES_MAX)?;
        } else {
            check_part(&mut part, &name, &mut n_held, HELD_BYTES_MAX)?;
        }
    }
    Ok(())
}

/// Counts the bytes of a part, of its texts, and of the texts it announces.
fn check_part(part: &mut impl Read, name: &str, n_bytes: &mut u64, max: u64) -> Result<(), SourceError> {
    let mut buffer = vec![0; CARRIED_BYTES + BUFFER_BYTES];
    let mut n_between = 0_usize;
    loop {
        let n_read = part.read(&mut buffer[CARRIED_BYTES..]).map_err(|error| fault(&format!("{name}: {error}")))?;
        let end = CARRIED_BYTES + n_read;
        if n_read == 0 {
            return Ok(());
        }
        *n_bytes += n_read as u64;
        if *n_bytes > max {
            return Err(fault(&format!("{name} unpacks to more than the {} MiB it may", max >> 20)));
        }
        // Room is made for as many texts as are announced: a lie would end the program.
        if announced(&buffer[..end]).saturating_mul(size_of::<String>() as u64) > max {
            return Err(fault(&format!("{name} announces more texts than there can be")));
        }
        for piece in buffer[CARRIED_BYTES..end].split_inclusive(|byte| *byte == b'<') {
            n_between += piece.len();
            if n_between > TEXT_BYTES_MAX {
                return Err(fault(&format!("{name} has a text of more than {} MiB", TEXT_BYTES_MAX >> 20)));
            }
            n_between = if piece.ends_with(b"<") { 0 } else { n_between };
        }
        buffer.copy_within(n_read..end, 0);
    }
}

/// Bytes seen again with the next, so that nothing looked for is cut; a count has twenty digits.
const CARRIED_BYTES: usize = 64;

/// Returns the largest number of shared texts that is announced in some bytes of a part.
fn announced(bytes: &[u8]) -> u64 {
    const COUNT: &[u8] = b"uniqueCount";
    // The letter hardly any other word has is found faster than the word.
    let places = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'q').map(|(idx, _)| idx);
    let counts = places.filter(|idx| *idx >= 3 && bytes[idx - 3..].starts_with(COUNT)).map(|idx| {
        let value = &bytes[idx - 3 + COUNT.len()..];
        let start = value.iter().take(CARRIED_BYTES / 2).position(u8::is_ascii_digit).unwrap_or(value.len());
        let digits = value[start..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_u64, |count, digit| count.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    });
    counts.max().unwrap_or(0)
}

/// Calls the library, for which damaged data is an error at most places and an
/// assertion at some; dirty data must not end the program.
fn guarded<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, SourceError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| fault(&error.to_string())),
        Err(_) => Err(fault("the decoder gave up on damaged data")),
    }
}

fn fault(reason: &str) -> SourceError {
    SourceError::Form { form: "a workbook", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
