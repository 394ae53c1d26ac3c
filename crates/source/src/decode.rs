//! Text in other encodings than UTF-8, recognised by its first bytes.
//!
//! Spreadsheets save UTF-16, app stores hand it out, and old programs write
//! Windows-1252. The beginning decides once for the whole input; UTF-8 is passed
//! on untouched. Decoding follows the WHATWG encoding standard: what stands for no
//! character becomes U+FFFD.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes looked at: an export of Western names shows an accent within as many.
const HEAD_BYTES: usize = 1 << 16;
/// Pairs of bytes looked at where no mark says that it is UTF-16: a header's worth.
const LOOK_PAIRS: usize = 32;
/// Bytes of text decoded at a time; characters that do not show.
const TEXT_BYTES: usize = 1 << 16;

/// Returns a reader of UTF-8.
///
/// UTF-16 is recognised by its mark or by every second byte being zero. Windows-1252
/// is what a beginning is in that has more bytes that are no UTF-8 than characters
/// that are and take more than one byte; JSON, which is never written in it, is not
/// taken for it. Single rows in another encoding are left to the reader of rows.
///
/// # Errors
/// What the input's first read says.
pub(crate) fn decode<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let encoding = encoding_of(&head);
    let input = Cursor::new(head).chain(input);
    Ok(match encoding {
        None => Box::new(input),
        // The mark itself is no part of the text.
        Some(encoding) => {
            let decoder = encoding.new_decoder_with_bom_removal();
            let decoded = Decoded { input, decoder, text: vec![0; TEXT_BYTES], ready: 0..0, ended: false };
            Box::new(BufReader::with_capacity(TEXT_BYTES, decoded))
        }
    })
}

/// Returns the encoding a text begins in, `None` for UTF-8 and what is no text.
fn encoding_of(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs: Vec<(u8, u8)> = head.chunks_exact(2).take(LOOK_PAIRS).map(|pair| (pair[0], pair[1])).collect();
    let latin = |zero: fn(&(u8, u8)) -> u8, letter: fn(&(u8, u8)) -> u8| {
        let n_latin = pairs.iter().filter(|pair| zero(pair) == 0).count();
        pairs.len() > 1 && n_latin * 4 >= pairs.len() * 3 && pairs.iter().all(|pair| letter(pair) != 0)
    };
    if latin(|pair| pair.1, |pair| pair.0) {
        return Some(UTF_16LE);
    }
    if latin(|pair| pair.0, |pair| pair.1) {
        return Some(UTF_16BE);
    }
    let json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    (!json && mostly_single_bytes(head)).then_some(WINDOWS_1252)
}

/// Whether more bytes are no UTF-8 than characters beyond ASCII are.
fn mostly_single_bytes(head: &[u8]) -> bool {
    let (mut n_stray, mut n_wide) = (0_usize, 0_usize);
    for chunk in head.utf8_chunks() {
        n_wide += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        n_stray += chunk.invalid().len();
    }
    // A character cut by the end of the head is no stray byte.
    let cut = if head.len() == HEAD_BYTES { 3 } else { 0 };
    n_stray > n_wide + cut
}

/// Text on its way from another encoding.
struct Decoded<R> {
    input: R,
    decoder: Decoder,
    /// Room for text, of which the range below is still to be delivered.
    text: Vec<u8>,
    ready: Range<usize>,
    ended: bool,
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            let bytes = self.input.fill_buf()?;
            let last = bytes.is_empty();
            let (result, n_read, n_text, _) = self.decoder.decode_to_utf8(bytes, &mut self.text, last);
            self.input.consume(n_read);
            self.ready = 0..n_text;
            self.ended = last && result == CoderResult::InputEmpty;
        }
        let n_bytes = self.ready.len().min(buffer.len());
        buffer[..n_bytes].copy_from_slice(&self.text[self.ready.start..][..n_bytes]);
        self.ready.start += n_bytes;
        Ok(n_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut text = String::new();
        // Small reads cut characters and pairs wherever they can be cut.
        let input = BufReader::with_capacity(7, bytes);
        decode(input).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(decoded(bytes), expected);
    }

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        for text in ["name,text\n1,grüß 💬\n", &"né,€\n".repeat(15_000)] {
            check(&utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), text);
            check(&utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), text);
            check(&utf16(text, u16::to_le_bytes), text);
            check(&utf16(text, u16::to_be_bytes), text);
        }
        check(&utf16("{\"a\":\"€\"}", u16::to_le_bytes), "{\"a\":\"€\"}");
    }

    #[test]
    fn half_a_character_is_replaced() {
        check(b"\xff\xfea\0\x3d\xd8b\0c", "a\u{fffd}b\u{fffd}");
        check(b"\xff\xfe", "");
    }

    #[test]
    fn windows_1252_is_read() {
        check(b"na\xefve,\x80 5\n\x81", "naïve,€ 5\n\u{81}");
    }

    #[test]
    fn utf_8_is_passed_on_with_what_is_wrong_in_it() {
        for text in ["", "a", "\u{feff}a,é\n", "x\0y,2\n"] {
            check(text.as_bytes(), text);
        }
        let mut bytes = Vec::new();
        let mixed = "é é\n".as_bytes().iter().chain(b"caf\xe9\n").copied().collect::<Vec<_>>();
        decode(&*mixed).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, mixed);
        let cut = "é".repeat(HEAD_BYTES);
        check(&cut.as_bytes()[..HEAD_BYTES + 2], &cut[..HEAD_BYTES + 2]);
        check(format!("x{cut}").as_bytes(), &format!("x{cut}"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_or_passed_on(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut read = Vec::new();
            decode(BufReader::with_capacity(5, &*bytes)).unwrap().read_to_end(&mut read).unwrap();
            prop_assert!(read == bytes || str::from_utf8(&read).is_ok());
        }
    }
}
