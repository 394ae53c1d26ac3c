//! A few bytes for each event: what the features of a catalogue need of one carrier's
//! events, in the total order, so that they can be folded again at any time.
//!
//! An event is written as (all numbers LEB128, signed ones zigzag)
//!
//! ```text
//! microseconds since the event before · 8 bytes of event key · days since the event before
//! · hour · a bit for every field, whole bytes · values of the fields that have one
//! [ · number of product lines · for every field of the lines: a value for each line, 0 for none ]
//! ```
//!
//! A text is its code in a dictionary that all histories share. Where the catalogue has a
//! feature of journeys, the code of the event's touchpoint is one value more, behind those of
//! the fields. Most events arrive in order and are appended; a late one is put in its place,
//! which rewrites what follows.

use throng_event::Day;

use crate::ValueForm;
use crate::columns::{NO_CODE, NO_NUMBER};
use crate::number::index;
use crate::plan::Plan;
use crate::read::{Cells, Row};

/// What is kept of the events of one carrier.
///
/// Equal sets of events, read with one [`HistoryFold`](crate::HistoryFold), are equal bytes
/// in whatever order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    bytes: Vec<u8>,
    n_events: u32,
    last: Clock,
}

/// Where an event stands, and what the next one is written relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Clock {
    occurred_at: i64,
    key: i64,
    day: i32,
}

impl Clock {
    fn place(self) -> (i64, i64) {
        (self.occurred_at, self.key)
    }
}

impl History {
    /// Returns how many events it holds.
    #[must_use]
    pub fn n_events(&self) -> usize {
        index(self.n_events)
    }

    /// Returns when its first event happened, microseconds; `None` without events.
    #[must_use]
    pub fn first_at(&self) -> Option<i64> {
        let mut reader = Reader { bytes: &self.bytes, place: 0 };
        (self.n_events > 0).then(|| reader.clock(Clock::default()).occurred_at)
    }

    /// Returns when its last event happened, microseconds; `None` without events.
    #[must_use]
    pub fn last_at(&self) -> Option<i64> {
        (self.n_events > 0).then_some(self.last.occurred_at)
    }

    /// Returns the local day of its last event; `None` without events.
    #[must_use]
    pub fn last_day(&self) -> Option<Day> {
        (self.n_events > 0).then_some(Day(self.last.day))
    }

    /// Returns the bytes it is stored as.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// Appends its stored form, which is read with the dictionary of its fold:
    /// number of events · their bytes · microseconds, key and day of the last.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        write_number(bytes, u64::from(self.n_events));
        write_number(bytes, u64::try_from(self.bytes.len()).unwrap_or(u64::MAX));
        bytes.extend_from_slice(&self.bytes);
        write_number(bytes, zigzag(self.last.occurred_at));
        bytes.extend_from_slice(&self.last.key.to_le_bytes());
        write_number(bytes, zigzag(i64::from(self.last.day)));
    }

    /// Reads what [`write`](Self::write) wrote and leaves what follows it; `None` for bytes that
    /// end too early. The events themselves are not looked at: whoever stores histories must be
    /// able to tell whether they are the bytes that were written.
    pub fn read(bytes: &mut &[u8]) -> Option<Self> {
        let n_events = u32::try_from(read_number(bytes)?).ok()?;
        let len = usize::try_from(read_number(bytes)?).ok()?;
        let events = bytes.split_off(..len)?.to_vec();
        let occurred_at = unzigzag(read_number(bytes)?);
        let key = i64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?);
        let day = i32::try_from(unzigzag(read_number(bytes)?)).ok()?;
        Some(Self { bytes: events, n_events, last: Clock { occurred_at, key, day } })
    }

    /// Makes room by an eighth at a time: doubling would leave a quarter of the memory unused, and
    /// a history grows once a visit and not in a loop.
    fn make_room(&mut self, n_bytes: usize) {
        if self.bytes.capacity() - self.bytes.len() < n_bytes {
            self.bytes.reserve_exact(n_bytes + self.bytes.len() / 8);
        }
    }
}

/// A place between two events of a history; it stays right while events are appended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    place: usize,
    n_events: u32,
    before: Clock,
}

/// The widths of a plan's rows.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// For each field of the plan, whether it has a value for every product line; behind them,
    /// where there are features of journeys, the touchpoint.
    per_line: Vec<bool>,
    forms: Vec<ValueForm>,
    /// The place of the touchpoint.
    touchpoint: Option<usize>,
    any_lines: bool,
}

/// Gives the text of a field its code.
pub(crate) type Intern<'i> = &'i mut dyn FnMut(usize, &str) -> u32;

/// The columns of some histories, read back.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) occurred_at: Vec<i64>,
    pub(crate) key: Vec<i64>,
    pub(crate) day: Vec<i32>,
    pub(crate) hour: Vec<u8>,
    pub(crate) line_offsets: Vec<u32>,
    pub(crate) fields: Vec<DecodedField>,
}

/// The values of one field: codes of a text field, or numbers; the other list is empty.
#[derive(Debug, Default)]
pub(crate) struct DecodedField {
    pub(crate) codes: Vec<u32>,
    pub(crate) numbers: Vec<i64>,
}

impl Layout {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut per_line: Vec<bool> = plan.fields.iter().map(|field| field.field.per_product()).collect();
        let mut forms: Vec<ValueForm> = plan.fields.iter().map(|field| field.form).collect();
        let touchpoint = plan.of_journeys().then_some(plan.fields.len());
        if touchpoint.is_some() {
            per_line.push(false);
            forms.push(ValueForm::Text);
        }
        let any_lines = per_line.contains(&true);
        Self { per_line, forms, touchpoint, any_lines }
    }

    /// Puts an event in its place, by way of some memory that it may use; returns whether it became
    /// the last one. An event that is there already changes nothing.
    pub(crate) fn add(
        &self,
        history: &mut History,
        (row, touchpoint): (&Row<'_>, Option<&str>),
        intern: Intern<'_>,
        tail: &mut Vec<u8>,
    ) -> bool {
        let clock = Clock { occurred_at: row.occurred_at, key: row.key, day: row.day.0 };
        tail.clear();
        self.write_values((row, touchpoint), intern, tail);
        if history.n_events == 0 || history.last.place() < clock.place() {
            // A clock takes 23 bytes at most.
            history.make_room(tail.len() + 23);
            write_clock(&mut history.bytes, history.last, clock);
            history.bytes.extend_from_slice(tail);
            history.last = clock;
            history.n_events += 1;
            return true;
        }
        self.insert(history, clock, tail);
        false
    }

    /// Puts an event that is not the last in its place.
    fn insert(&self, history: &mut History, clock: Clock, values: &[u8]) {
        let mut before = Clock::default();
        let mut reader = Reader { bytes: &history.bytes, place: 0 };
        loop {
            let start = reader.place;
            let after = reader.clock(before);
            if after.place() == clock.place() {
                return;
            }
            let values_start = reader.place;
            self.skip_values(&mut reader);
            if after.place() > clock.place() {
                let mut bytes = Vec::with_capacity(values.len() + 46);
                write_clock(&mut bytes, before, clock);
                bytes.extend_from_slice(values);
                write_clock(&mut bytes, clock, after);
                history.make_room(bytes.len());
                drop(history.bytes.splice(start..values_start, bytes));
                history.n_events += 1;
                return;
            }
            before = after;
        }
    }

    fn write_values(&self, (row, touchpoint): (&Row<'_>, Option<&str>), intern: Intern<'_>, bytes: &mut Vec<u8>) {
        bytes.push(row.hour);
        let bits_start = bytes.len();
        bytes.resize(bits_start + self.per_line.len().div_ceil(8), 0);
        let mut cell = |field: usize, unit: usize| {
            if self.touchpoint == Some(field) {
                return touchpoint.map(|name| u64::from(intern(field, name)));
            }
            match row.cells(field) {
                Cells::Texts(texts) => texts[unit].as_deref().map(|text| u64::from(intern(field, text))),
                Cells::Numbers(numbers) => numbers[unit].map(zigzag),
            }
        };
        for (field, per_line) in self.per_line.iter().enumerate() {
            if !per_line && let Some(value) = cell(field, 0) {
                bytes[bits_start + field / 8] |= 1 << (field % 8);
                write_number(bytes, value);
            }
        }
        if self.any_lines {
            write_number(bytes, u64::from(row.n_lines));
            for (field, _) in self.per_line.iter().enumerate().filter(|(_, per_line)| **per_line) {
                for line in 0..index(row.n_lines) {
                    // No value is the greatest there is: the zigzag of i64::MIN, which no column holds.
                    write_number(bytes, cell(field, line).map_or(0, |value| value + 1));
                }
            }
        }
    }

    /// Appends one event to columns, from its clock and its [written values](Self::write_values).
    pub(crate) fn read_one(&self, (occurred_at, key, day): (i64, i64, i32), values: &[u8], decoded: &mut Decoded) {
        let mut reader = Reader { bytes: values, place: 0 };
        self.make_rows(decoded, 1);
        self.read_row(&mut reader, Clock { occurred_at, key, day }, decoded);
    }

    /// Makes room in columns for so many events more, with no value in any field yet.
    fn make_rows(&self, decoded: &mut Decoded, n_rows: usize) {
        decoded.occurred_at.reserve(n_rows);
        decoded.key.reserve(n_rows);
        decoded.day.reserve(n_rows);
        decoded.hour.reserve(n_rows);
        let len = decoded.occurred_at.len() + n_rows;
        for (field, (form, per_line)) in decoded.fields.iter_mut().zip(self.fields()) {
            match form {
                ValueForm::Text if !per_line => field.codes.resize(len, NO_CODE),
                ValueForm::Number if !per_line => field.numbers.resize(len, NO_NUMBER),
                ValueForm::Text | ValueForm::Number => {}
            }
        }
    }

    /// Reads the hour and the values of an event into the next row.
    #[inline]
    fn read_row(&self, reader: &mut Reader<'_>, clock: Clock, decoded: &mut Decoded) {
        let row = decoded.occurred_at.len();
        decoded.occurred_at.push(clock.occurred_at);
        decoded.key.push(clock.key);
        decoded.day.push(clock.day);
        decoded.hour.push(reader.bytes[reader.place]);
        let bits_start = reader.place + 1;
        reader.place = bits_start + self.per_line.len().div_ceil(8);
        for byte in bits_start..reader.place {
            let mut bits = reader.bytes[byte];
            while bits != 0 {
                let field = (byte - bits_start) * 8 + index(bits.trailing_zeros());
                bits &= bits - 1;
                let value = reader.number();
                let column = &mut decoded.fields[field];
                match self.forms[field] {
                    ValueForm::Text => column.codes[row] = u32::try_from(value).unwrap_or(NO_CODE),
                    ValueForm::Number => column.numbers[row] = unzigzag(value),
                }
            }
        }
        if self.any_lines {
            self.read_lines(reader, decoded);
        }
    }

    fn skip_values(&self, reader: &mut Reader<'_>) {
        reader.place += 1;
        let bits_start = reader.place;
        reader.place += self.per_line.len().div_ceil(8);
        let n_values: u32 = reader.bytes[bits_start..reader.place].iter().map(|byte| byte.count_ones()).sum();
        (0..n_values).for_each(|_| _ = reader.number());
        if self.any_lines {
            let n_lines = reader.number();
            let n_fields = self.per_line.iter().filter(|per_line| **per_line).count();
            for _ in 0..n_fields {
                (0..n_lines).for_each(|_| _ = reader.number());
            }
        }
    }

    /// Moves a cursor behind the event of a place, and all before it.
    pub(crate) fn pass(&self, history: &History, from: &mut Cursor, last: (i64, i64)) {
        let mut reader = Reader { bytes: &history.bytes, place: from.place };
        while from.n_events < history.n_events {
            let clock = reader.clock(from.before);
            if clock.place() > last {
                return;
            }
            self.skip_values(&mut reader);
            *from = Cursor { place: reader.place, n_events: from.n_events + 1, before: clock };
        }
    }

    /// Forgets the rows of columns and keeps their memory.
    pub(crate) fn clear(&self, decoded: &mut Decoded) {
        decoded.occurred_at.clear();
        decoded.key.clear();
        decoded.day.clear();
        decoded.hour.clear();
        decoded.line_offsets.clear();
        decoded.line_offsets.push(0);
        decoded.fields.resize_with(self.forms.len(), DecodedField::default);
        for field in &mut decoded.fields {
            field.codes.clear();
            field.numbers.clear();
        }
    }

    /// Returns each field's form, and whether it has a value for every product line.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (ValueForm, bool)> {
        self.forms.iter().copied().zip(self.per_line.iter().copied())
    }

    /// Appends the rows of a history from a place on to columns, and moves the place behind the
    /// events until a day.
    pub(crate) fn read(&self, history: &History, from: &mut Cursor, until: i32, decoded: &mut Decoded) {
        let mut reader = Reader { bytes: &history.bytes, place: from.place };
        let mut clock = from.before;
        let n_rows = history.n_events - from.n_events;
        self.make_rows(decoded, index(n_rows));
        for _ in 0..n_rows {
            clock = reader.clock(clock);
            self.read_row(&mut reader, clock, decoded);
            if clock.day <= until {
                *from = Cursor { place: reader.place, n_events: from.n_events + 1, before: clock };
            }
        }
    }

    fn read_lines(&self, reader: &mut Reader<'_>, decoded: &mut Decoded) {
        let n_lines = reader.number();
        for (field, _) in self.per_line.iter().enumerate().filter(|(_, per_line)| **per_line) {
            for _ in 0..n_lines {
                let value = reader.number().checked_sub(1);
                decoded.fields[field].push(value, self.forms[field]);
            }
        }
        let before = decoded.line_offsets.last().copied().unwrap_or(0);
        decoded.line_offsets.push(before + u32::try_from(n_lines).unwrap_or(0));
    }
}

impl Decoded {
    /// Returns how many rows there are.
    pub(crate) fn n_rows(&self) -> usize {
        self.occurred_at.len()
    }

    /// Returns where the last row stands in the total order; `None` without rows.
    pub(crate) fn last(&self) -> Option<(i64, i64)> {
        self.occurred_at.last().copied().zip(self.key.last().copied())
    }

    /// Returns where a row stands in the total order.
    pub(crate) fn place(&self, row: usize) -> (i64, i64) {
        (self.occurred_at[row], self.key[row])
    }

    /// Returns whether the rows stand in the total order.
    pub(crate) fn is_sorted(&self) -> bool {
        self.occurred_at.iter().zip(&self.key).is_sorted()
    }
}

impl DecodedField {
    fn push(&mut self, value: Option<u64>, form: ValueForm) {
        match form {
            ValueForm::Text => {
                self.codes.push(value.and_then(|value| u32::try_from(value).ok()).unwrap_or(NO_CODE));
            }
            ValueForm::Number => self.numbers.push(value.map_or(NO_NUMBER, unzigzag)),
        }
    }
}

/// Reads numbers one after the other. What is read was written by this module, or was
/// checked when it came from outside.
struct Reader<'b> {
    bytes: &'b [u8],
    place: usize,
}

impl Reader<'_> {
    #[inline]
    fn number(&mut self) -> u64 {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let byte = self.bytes[self.place];
            self.place += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    #[inline]
    fn clock(&mut self, before: Clock) -> Clock {
        let occurred_at = before.occurred_at.wrapping_add(unzigzag(self.number()));
        let key = self.bytes[self.place..].first_chunk().copied().unwrap_or_default();
        self.place += 8;
        let days = unzigzag(self.number());
        let day = before.day.wrapping_add(i32::try_from(days).unwrap_or(0));
        Clock { occurred_at, key: i64::from_le_bytes(key), day }
    }
}

fn write_clock(bytes: &mut Vec<u8>, before: Clock, clock: Clock) {
    write_number(bytes, zigzag(clock.occurred_at.wrapping_sub(before.occurred_at)));
    bytes.extend_from_slice(&clock.key.to_le_bytes());
    write_number(bytes, zigzag(i64::from(clock.day) - i64::from(before.day)));
}

fn write_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
