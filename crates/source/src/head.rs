//! The beginning of a file, as the recognisers of forms look at it.

use std::io::{self, Read};

use serde_json::{Map, Value as Json};

use crate::decompress;

/// Bytes looked at. A first record longer than this is recognised by nothing.
const HEAD_BYTES: u64 = 1 << 18;

/// What can be told of a file from its first bytes.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The first bytes as text, unpacked where they were gzip or zstd, from UTF-8 or UTF-16
    /// with a byte order mark.
    pub(crate) text: String,
    /// The first JSON object: of lines, of a list, or the whole document.
    pub(crate) object: Option<Map<String, Json>>,
    /// The cells of the first line, where it is no JSON: lower case, trimmed.
    pub(crate) header: Vec<String>,
}

impl Head {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn read(input: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        decompress(input)?.take(HEAD_BYTES).read_to_end(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    /// Returns what can be told of a file that names its columns itself: they stand for
    /// the members of its objects.
    pub(crate) fn of_columns(columns: Vec<String>) -> Self {
        let object = columns.into_iter().map(|column| (column, Json::Null)).collect();
        Self { object: Some(object), ..Self::of(&[]) }
    }

    fn of(bytes: &[u8]) -> Self {
        let text = text_of(bytes);
        let object = first_object(&text);
        let header = if object.is_some() { Vec::new() } else { header_of(&text) };
        Self { text, object, header }
    }

    /// Whether the beginning is that of a picture, a packed file or another thing that is
    /// no text: one character in twenty is a control that no text has. Bytes by chance have
    /// one in nine; NUL is left out, for tables with holes in them are still tables.
    pub(crate) fn binary(&self) -> bool {
        let odd = |character: &char| character.is_control() && !"\t\n\r\0\u{b}\u{c}\u{1b}".contains(*character);
        self.text.chars().filter(odd).count() > self.text.chars().count() / 20
    }

    /// Whether the first object has all these members.
    pub(crate) fn has_members(&self, names: &[&str]) -> bool {
        self.object.as_ref().is_some_and(|object| names.iter().all(|name| object.contains_key(*name)))
    }

    /// Whether the first line has all these cells, in any case.
    pub(crate) fn has_columns(&self, names: &[&str]) -> bool {
        !self.header.is_empty()
            && names.iter().all(|name| self.header.iter().any(|cell| cell.eq_ignore_ascii_case(name)))
    }
}

fn text_of(bytes: &[u8]) -> String {
    let unit = |from: fn([u8; 2]) -> u16| -> String {
        let units = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]]));
        char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => unit(u16::from_le_bytes),
        [0xfe, 0xff, ..] => unit(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    }
}

fn first_object(text: &str) -> Option<Map<String, Json>> {
    let text = text.trim_start();
    let text = text.strip_prefix('[').unwrap_or(text).trim_start();
    if !text.starts_with('{') {
        return None;
    }
    // What follows the first value is not looked at.
    match serde_json::Deserializer::from_str(text).into_iter::<Json>().next() {
        Some(Ok(Json::Object(object))) => Some(object),
        _ => None,
    }
}

fn header_of(text: &str) -> Vec<String> {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiters = [',', ';', '\t', '|'];
    let delimiter = delimiters.into_iter().max_by_key(|mark| line.matches(*mark).count()).unwrap_or(',');
    line.split(delimiter).map(|cell| cell.trim().trim_matches('"').trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_object_is_found_in_lines_lists_and_documents() {
        for text in ["{\"a\":1}\n{\"b\"", " [ {\"a\":1}, {", "\u{feff}{\n\"a\":\n1}"] {
            assert!(Head::of(text.as_bytes()).has_members(&["a"]), "{text}");
        }
        assert!(Head::of(b"{\"a\":").object.is_none());
    }

    #[test]
    fn what_is_no_text_is_told_from_text() {
        let by_chance: Vec<u8> = (0_u32..4_096).map(|idx| blake3::hash(&idx.to_le_bytes()).as_bytes()[0]).collect();
        assert!(Head::of(&by_chance).binary());
        for text in ["", "name,mail\r\n", "\0\0\0", "größe\t\u{1b}[0m"] {
            assert!(!Head::of(text.as_bytes()).binary(), "{text:?}");
        }
    }

    #[test]
    fn a_header_is_read_whatever_its_delimiter_and_encoding() {
        for text in ["Name,E-Mail\n", "\"Name\";\"E-Mail\"\r\n", "name\te-mail"] {
            assert!(Head::of(text.as_bytes()).has_columns(&["Name", "e-mail"]), "{text}");
        }
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("Name,E-Mail".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert!(Head::of(&utf16).has_columns(&["name"]));
    }
}
