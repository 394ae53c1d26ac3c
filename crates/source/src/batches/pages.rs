//! What the pages of a Parquet column say they unpack to, before they are unpacked.
//!
//! The decoder makes room for as many bytes as a page's header names, two thousand million
//! at most; a page of zeros of that size is packed into kilobytes. The header is a struct
//! of Thrift's compact protocol: of its fields 2 and 3, the sizes unpacked and packed, are
//! needed here, and the encoding that stands in 5 or 8; all else is passed over.

/// Structs in structs and lists in lists; a page's header has three.
const DEPTH_MAX: usize = 16;

/// The encoding by which a text says how much of the one before it begins with
/// (`DELTA_BYTE_ARRAY` in Parquet's `Encodings.md`): each text may be as long as its page.
const REPEATS_BEGINNINGS: u64 = 7;

/// What the pages of some columns say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pages {
    /// Bytes they unpack to.
    pub(super) n_unpacked: u64,
    /// Bytes of the largest page whose texts repeat the beginnings of others.
    pub(super) n_repeating: u64,
}

impl Pages {
    /// Adds the pages of a column.
    ///
    /// What cannot be read is left to the decoder, which does not make room for it either.
    pub(super) fn add(&mut self, mut column: &[u8]) {
        while let Some(header) = header(&mut column) {
            self.n_unpacked = self.n_unpacked.saturating_add(header.unpacked);
            if header.encoding == Some(REPEATS_BEGINNINGS) {
                self.n_repeating = self.n_repeating.max(header.unpacked);
            }
            match usize::try_from(header.packed).ok().and_then(|packed| column.get(packed..)) {
                Some(rest) => column = rest,
                None => break,
            }
        }
    }
}

/// What is needed of the header of a page.
struct Header {
    unpacked: u64,
    packed: u64,
    encoding: Option<u64>,
}

/// Takes the header of a page.
fn header(bytes: &mut &[u8]) -> Option<Header> {
    let (mut unpacked, mut packed, mut encoding, mut id) = (None, None, None, 0);
    loop {
        let kind = field(bytes, &mut id)?;
        match (kind, id) {
            (0, _) => return Some(Header { unpacked: unpacked?, packed: packed?, encoding }),
            (4..=6, 2) => unpacked = Some(size(bytes)?),
            (4..=6, 3) => packed = Some(size(bytes)?),
            (12, 5) => encoding = member(bytes, 2)?,
            (12, 8) => encoding = member(bytes, 4)?,
            (kind, _) => skip(bytes, kind, 0)?,
        }
    }
}

/// Takes a struct; returns the number that one of its fields holds.
fn member(bytes: &mut &[u8], wanted: i64) -> Option<Option<u64>> {
    let (mut number, mut id) = (None, 0);
    loop {
        match field(bytes, &mut id)? {
            0 => return Some(number),
            4..=6 if id == wanted => number = Some(size(bytes)?),
            kind => skip(bytes, kind, 1)?,
        }
    }
}

/// Takes the beginning of a field; returns the kind of its value, 0 at the end of the struct.
fn field(bytes: &mut &[u8], id: &mut i64) -> Option<u8> {
    let first = byte(bytes)?;
    *id = match first >> 4 {
        0 if first == 0 => 0,
        0 => zigzag(varint(bytes)?),
        delta => id.checked_add(i64::from(delta))?,
    };
    Some(first & 0x0f)
}

fn skip(bytes: &mut &[u8], kind: u8, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match kind {
        // Of a field that is true or false, its kind says which.
        1 | 2 => Some(()),
        3 => pass(bytes, 1),
        4..=6 => varint(bytes).map(drop),
        7 => pass(bytes, 8),
        8 => {
            let length = varint(bytes)?;
            pass(bytes, length)
        }
        9 | 10 => {
            let first = byte(bytes)?;
            let length = if first >> 4 == 15 { varint(bytes)? } else { u64::from(first >> 4) };
            // Among others, one that is true or false is a byte.
            let kind = if first & 0x0f <= 2 { 3 } else { first & 0x0f };
            (0..length).try_for_each(|_| skip(bytes, kind, depth + 1))
        }
        12 => {
            let mut id = 0;
            loop {
                match field(bytes, &mut id)? {
                    0 => return Some(()),
                    kind => skip(bytes, kind, depth + 1)?,
                }
            }
        }
        _ => None,
    }
}

fn pass(bytes: &mut &[u8], length: u64) -> Option<()> {
    *bytes = bytes.get(usize::try_from(length).ok()?..)?;
    Some(())
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let part = byte(bytes)?;
        number |= u64::from(part & 0x7f) << shift;
        if part & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn size(bytes: &mut &[u8]) -> Option<u64> {
    u64::try_from(zigzag(varint(bytes)?)).ok()
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, Encoding};
    use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

    use super::*;

    /// A page's header (type, sizes, a struct with a list in it, a flag) and its bytes.
    fn page(unpacked: u8, packed: u8) -> Vec<u8> {
        let mut page = vec![0x15, 0, 0x15, unpacked << 1, 0x15, packed << 1];
        page.extend([0x2c, 0x15, 4, 0x19, 0x28, 1, b'x', 1, b'y', 0x11, 0, 0]);
        page.extend(vec![0xff; packed.into()]);
        page
    }

    fn unpacked_size(column: &[u8]) -> u64 {
        let mut pages = Pages::default();
        pages.add(column);
        pages.n_unpacked
    }

    #[test]
    fn pages_are_added_up() {
        assert_eq!(unpacked_size(&[page(7, 3), page(60, 9), page(5, 5)].concat()), 72);
    }

    /// Writes a text as the pages of a column and returns what they say.
    fn written(properties: WriterPropertiesBuilder) -> Pages {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100_000)]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let mut file = Vec::new();
        let properties = properties.set_compression(Compression::SNAPPY).build();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut pages = Pages::default();
        // The file begins with four bytes that say what it is.
        pages.add(&file[4..]);
        assert!((100_004..101_000).contains(&pages.n_unpacked), "{pages:?}");
        pages
    }

    #[test]
    fn a_page_that_was_written_is_read() {
        assert_eq!(written(WriterProperties::builder()).n_repeating, 0);
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder().set_writer_version(version).set_dictionary_enabled(false);
            let repeating = written(properties.set_encoding(Encoding::DELTA_BYTE_ARRAY));
            assert_eq!(repeating.n_repeating, repeating.n_unpacked);
        }
    }

    #[test]
    fn what_is_cut_or_no_page_is_passed_over() {
        let pages = [page(7, 3), page(60, 9)].concat();
        for length in 0..pages.len() {
            assert!([0, 7, 67].contains(&unpacked_size(&pages[..length])), "{length}");
        }
        assert_eq!(unpacked_size(&[0x1c; 1_000]), 0);
        assert_eq!(unpacked_size(&[0x19, 0xf9, 0xff, 0xff, 0xff, 0xff, 0x7f]), 0);
        assert_eq!(unpacked_size(&[]), 0);
    }
}
