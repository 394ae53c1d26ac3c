//! Compressed input, recognised by its first bytes.
//!
//! Data that stops before its end is an error, never a shorter history: the
//! reader marks what its decoder says so that [`crate::SourceError`] can tell a
//! damaged file from a failing disk.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// One read from the system; large enough that calls do not show.
const BUFFER_BYTES: usize = 1 << 17;

/// Returns a reader of the plain bytes: gzip and zstd are unpacked, all else is passed on.
///
/// # Errors
/// What the input's first read or the decoder's start says.
///
/// ```
/// use std::io::Read;
/// let mut text = String::new();
/// throng_source::decompress(&b"plain"[..]).unwrap().read_to_string(&mut text).unwrap();
/// assert_eq!(text, "plain");
/// ```
pub fn decompress<'a>(input: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let (head, input) = peek(input)?;
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    Ok(match head {
        [0x1f, 0x8b, ..] => marked("gzip", MultiGzDecoder::new(input)),
        [0x28, 0xb5, 0x2f, 0xfd] => marked("zstd", zstd::stream::read::Decoder::with_buffer(input)?),
        _ => Box::new(input),
    })
}

/// Returns the first four bytes (zeros beyond the end) and a reader that still has them.
fn peek<'a>(mut input: impl Read + 'a) -> io::Result<([u8; 4], impl Read + 'a)> {
    let mut head = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut head)?;
    let mut first = [0; 4];
    first[..head.len()].copy_from_slice(&head);
    Ok((first, io::Cursor::new(head).chain(input)))
}

fn marked<'a>(form: &'static str, input: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, Marked { form, input }))
}

/// A decoder whose complaints about the data carry the name of the form.
struct Marked<R> {
    form: &'static str,
    input: R,
}

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer).map_err(|error| {
            // A failing disk says what failed; a decoder has no number of the system.
            if error.kind() == io::ErrorKind::Interrupted || error.raw_os_error().is_some() {
                return error;
            }
            io::Error::new(error.kind(), Damage { form: self.form, said: error })
        })
    }
}

#[derive(Debug)]
struct Damage {
    form: &'static str,
    said: io::Error,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.form, self.said)
    }
}

impl std::error::Error for Damage {}

/// Returns the form and the kind of damage an error of a decoder reports.
pub(crate) fn damage(error: &io::Error) -> Option<(&'static str, io::ErrorKind)> {
    let damage = error.get_ref()?.downcast_ref::<Damage>()?;
    Some((damage.form, error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &[u8] = b"one line\nand another\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn check(packed: &[u8], expected: &[u8]) {
        let mut plain = Vec::new();
        decompress(packed).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!(plain, expected);
    }

    fn check_damaged(packed: &[u8], form: &str, truncated: Option<()>) {
        let mut plain = Vec::new();
        let error = decompress(packed).unwrap().read_to_end(&mut plain).unwrap_err();
        let (found, kind) = damage(&error).expect("the decoder's complaint is marked");
        assert_eq!(found, form);
        assert_eq!((kind == io::ErrorKind::UnexpectedEof).then_some(()), truncated, "{error}");
    }

    #[test]
    fn packed_data_is_recognised_and_unpacked() {
        check(TEXT, TEXT);
        check(b"", b"");
        check(b"\x1f", b"\x1f");
        check(&gzip(TEXT), TEXT);
        check(&zstd::encode_all(TEXT, 1).unwrap(), TEXT);
        check(&[gzip(TEXT), gzip(TEXT)].concat(), &[TEXT, TEXT].concat());
    }

    #[test]
    fn data_that_stops_early_is_truncated_at_every_cut() {
        let zstd = zstd::encode_all(TEXT, 1).unwrap();
        for cut in 5..zstd.len() {
            check_damaged(&zstd[..cut], "zstd", Some(()));
        }
        let gzip = gzip(TEXT);
        for cut in 11..gzip.len() {
            check_damaged(&gzip[..cut], "gzip", Some(()));
        }
    }

    #[test]
    fn damaged_data_is_not_truncated_data() {
        let mut packed = gzip(&TEXT.repeat(50));
        let middle = packed.len() / 2;
        packed[middle] ^= 0xff;
        packed[middle + 1] ^= 0xff;
        check_damaged(&packed, "gzip", None);
    }
}
