//! The bytes of a profile state, format 1.
//!
//! One byte of format, eight of the plan's fingerprint, the texts in order, then the
//! days of every signal in the order of the plan. Integers are little-endian base-128
//! varints (signed ones zigzag), ascending ones are written as steps, and instants
//! relative to their day, so most numbers take one byte or two. The same state has one
//! encoding. Reading trusts nothing: what is not exactly a state is an error.

use throng_event::Instant;

use crate::FeatureError;
use crate::number::count;
use crate::plan::{CodeSource, Measure, Plan};
use crate::store::{Bounds, Bucket, Count, DayMap, Ends, Place, Points, Store, Sum, Tally, code_source, with_days};

const FORMAT: u8 = 1;

/// Writes a state whose texts are sorted.
pub(crate) fn encode(plan: &Plan, texts: &[String], stores: &[Store]) -> Vec<u8> {
    let mut writer = Writer { bytes: vec![FORMAT] };
    writer.bytes.extend(plan.fingerprint);
    writer.unsigned(count(texts.len()).into());
    for text in texts {
        writer.unsigned(count(text.len()).into());
        writer.bytes.extend(text.as_bytes());
    }
    for store in stores {
        with_days!(store, map => writer.days(map));
    }
    writer.bytes
}

/// Reads a state of a plan: its texts, sorted, and the stores of its signals.
pub(crate) fn decode(plan: &Plan, bytes: &[u8]) -> Result<(Vec<String>, Vec<Store>), FeatureError> {
    let mut reader = Reader { bytes, offset: 0, n_codes: 0 };
    let header = reader.take(9).map_err(|_| FeatureError::StateOfOtherCatalogue)?;
    if header[0] != FORMAT || header[1..] != plan.fingerprint {
        return Err(FeatureError::StateOfOtherCatalogue);
    }
    let mut texts: Vec<String> = Vec::new();
    for _ in 0..reader.length()? {
        let len = reader.length()?;
        let text = str::from_utf8(reader.take(len)?).map_err(|_| reader.damaged("invalid UTF-8"))?;
        if texts.last().is_some_and(|last| last.as_str() >= text) {
            return Err(reader.damaged("texts out of order"));
        }
        texts.push(text.to_owned());
    }
    let mut stores = Vec::with_capacity(plan.signals.len());
    for signal in &plan.signals {
        reader.n_codes = n_codes(signal.measure, texts.len());
        let mut store = Store::new(signal.measure);
        with_days!(&mut store, map => reader.days(map)?);
        stores.push(store);
    }
    if reader.offset != bytes.len() {
        return Err(reader.damaged("bytes after the end"));
    }
    Ok((texts, stores))
}

/// Returns the number above all codes a measure may keep.
fn n_codes(measure: Measure, n_texts: usize) -> u64 {
    match code_source(measure) {
        Some(CodeSource::Field(_)) => count(n_texts),
        Some(CodeSource::Hour) => 24,
        Some(CodeSource::Weekday) => 7,
        // A day is any 32 bits; other measures keep no codes.
        Some(CodeSource::Day) | None => 1 << 32,
    }
}

/// A bucket that can be written, and read back, with its day at hand.
trait Coded: Bucket {
    fn write(&self, day: i32, writer: &mut Writer);
    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError>;
}

impl Coded for Count {
    fn write(&self, _: i32, writer: &mut Writer) {
        writer.unsigned(self.0.into());
    }

    fn read(_: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        reader.positive().map(Self)
    }
}

impl Coded for Sum {
    fn write(&self, _: i32, writer: &mut Writer) {
        writer.unsigned(self.n.into());
        writer.signed(self.sum);
    }

    fn read(_: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        Ok(Self { n: reader.positive()?, sum: reader.signed()? })
    }
}

impl Coded for Bounds {
    fn write(&self, day: i32, writer: &mut Writer) {
        writer.signed(i128::from(self.least) - noon(day));
        writer.signed(i128::from(self.greatest) - i128::from(self.least));
    }

    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        let least = reader.from(noon(day))?;
        let greatest = reader.from(least.into())?;
        if greatest < least { Err(reader.damaged("bounds out of order")) } else { Ok(Self { least, greatest }) }
    }
}

impl Coded for Tally {
    fn write(&self, _: i32, writer: &mut Writer) {
        writer.unsigned(count(self.0.len()).into());
        let mut next = 0;
        for (code, n) in &self.0 {
            writer.unsigned(u128::from(u64::from(*code) - next));
            writer.unsigned((*n).into());
            next = u64::from(*code) + 1;
        }
    }

    fn read(_: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        let mut counts = Vec::new();
        let mut next = 0;
        for _ in 0..reader.length()? {
            let code = reader.code_from(next)?;
            counts.push((code, reader.positive()?));
            next = u64::from(code) + 1;
        }
        if counts.is_empty() { Err(reader.damaged("an empty day")) } else { Ok(Self(counts)) }
    }
}

impl Coded for Ends<i64> {
    fn write(&self, day: i32, writer: &mut Writer) {
        for (place, number) in [self.first, self.last] {
            writer.place(place, noon(day));
            writer.signed(number.into());
        }
    }

    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        let first = (reader.place(noon(day))?, reader.from(0)?);
        let last = (reader.place(noon(day))?, reader.from(0)?);
        if last.0 < first.0 { Err(reader.damaged("ends out of order")) } else { Ok(Self { first, last }) }
    }
}

impl Coded for Ends<u32> {
    fn write(&self, day: i32, writer: &mut Writer) {
        for (place, code) in [self.first, self.last] {
            writer.place(place, noon(day));
            writer.unsigned(code.into());
        }
    }

    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        let first = (reader.place(noon(day))?, reader.code_from(0)?);
        let last = (reader.place(noon(day))?, reader.code_from(0)?);
        if last.0 < first.0 { Err(reader.damaged("ends out of order")) } else { Ok(Self { first, last }) }
    }
}

impl Coded for Points<()> {
    fn write(&self, day: i32, writer: &mut Writer) {
        writer.points(day, &self.0, |_, ()| {});
    }

    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        reader.points(day, |_| Ok(())).map(Self)
    }
}

impl Coded for Points<u32> {
    fn write(&self, day: i32, writer: &mut Writer) {
        writer.points(day, &self.0, |writer, code| writer.unsigned((*code).into()));
    }

    fn read(day: i32, reader: &mut Reader<'_>) -> Result<Self, FeatureError> {
        reader.points(day, |reader| reader.code_from(0)).map(Self)
    }
}

/// Instants of a local day lie within a day of its noon in Coordinated Universal Time.
fn noon(day: i32) -> i128 {
    i128::from(day) * i128::from(Instant::DAY) + i128::from(Instant::DAY / 2)
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.bytes.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.bytes.push(low_bits(number));
    }

    fn signed(&mut self, number: i128) {
        self.unsigned(((number << 1) ^ (number >> 127)).cast_unsigned());
    }

    /// Keys are hashes: eight bytes are the least they take.
    fn place(&mut self, (occurred_at, key, line): Place, base: i128) {
        self.signed(i128::from(occurred_at) - base);
        self.bytes.extend(key.to_le_bytes());
        self.unsigned(line.into());
    }

    fn points<T>(&mut self, day: i32, points: &[(Place, T)], value: fn(&mut Self, &T)) {
        self.unsigned(count(points.len()).into());
        let mut base = noon(day);
        for (place, of_place) in points {
            self.place(*place, base);
            value(self, of_place);
            base = place.0.into();
        }
    }

    fn days<B: Coded>(&mut self, map: &DayMap<B>) {
        self.unsigned(count(map.days.len()).into());
        let mut base = 0_i128;
        for (day, bucket) in &map.days {
            self.signed(i128::from(*day) - base);
            bucket.write(*day, self);
            base = i128::from(*day);
        }
    }
}

fn low_bits(number: u128) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
    /// The number above all codes of the signal that is read.
    n_codes: u64,
}

impl<'b> Reader<'b> {
    fn damaged(&self, reason: &'static str) -> FeatureError {
        FeatureError::DamagedState { reason, offset: self.offset }
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8], FeatureError> {
        let end = self.offset.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged("bytes are missing"))?;
        let taken = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    fn unsigned(&mut self) -> Result<u128, FeatureError> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u128::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(self.damaged("a number of more than 128 bits"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.damaged("a number without end"))
    }

    fn signed(&mut self) -> Result<i128, FeatureError> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// Reads a number as its distance from another.
    fn from(&mut self, base: i128) -> Result<i64, FeatureError> {
        let number = self.signed()?.checked_add(base).and_then(|number| i64::try_from(number).ok());
        number.ok_or_else(|| self.damaged("a number of more than 64 bits"))
    }

    fn positive(&mut self) -> Result<u64, FeatureError> {
        let number = u64::try_from(self.unsigned()?).ok().filter(|number| *number > 0);
        number.ok_or_else(|| self.damaged("a count that is 0 or of more than 64 bits"))
    }

    /// Reads how many items follow. Each takes at least a byte, so a damaged length
    /// cannot ask for more memory than there are bytes.
    fn length(&mut self) -> Result<usize, FeatureError> {
        let rest = self.bytes.len() - self.offset;
        let length = usize::try_from(self.unsigned()?).ok().filter(|length| *length <= rest);
        length.ok_or_else(|| self.damaged("a length beyond the end"))
    }

    fn code_from(&mut self, base: u64) -> Result<u32, FeatureError> {
        let code = self.unsigned()?.checked_add(base.into()).filter(|code| *code < u128::from(self.n_codes));
        code.and_then(|code| u32::try_from(code).ok()).ok_or_else(|| self.damaged("a code outside its texts"))
    }

    fn place(&mut self, base: i128) -> Result<Place, FeatureError> {
        let occurred_at = self.from(base)?;
        let mut key = [0; 8];
        key.copy_from_slice(self.take(8)?);
        let line = u32::try_from(self.unsigned()?).map_err(|_| self.damaged("a line of more than 32 bits"))?;
        Ok((occurred_at, i64::from_le_bytes(key), line))
    }

    fn points<T>(
        &mut self,
        day: i32,
        value: fn(&mut Self) -> Result<T, FeatureError>,
    ) -> Result<Vec<(Place, T)>, FeatureError> {
        let mut points: Vec<(Place, T)> = Vec::new();
        let mut base = noon(day);
        for _ in 0..self.length()? {
            let place = self.place(base)?;
            if points.last().is_some_and(|(last, _)| *last >= place) {
                return Err(self.damaged("points out of order"));
            }
            points.push((place, value(self)?));
            base = place.0.into();
        }
        if points.is_empty() { Err(self.damaged("an empty day")) } else { Ok(points) }
    }

    fn days<B: Coded>(&mut self, map: &mut DayMap<B>) -> Result<(), FeatureError> {
        let mut base = 0_i128;
        for _ in 0..self.length()? {
            let day = self.from(base)?;
            let day = i32::try_from(day).map_err(|_| self.damaged("a day of more than 32 bits"))?;
            if map.days.last().is_some_and(|(last, _)| *last >= day) {
                return Err(self.damaged("days out of order"));
            }
            let bucket = B::read(day, self)?;
            map.days.push((day, bucket));
            base = i128::from(day);
        }
        Ok(())
    }
}
