//! Plain JSON, taken apart in one pass: what almost every record of almost every file is.
//!
//! Understood is a part of JSON (RFC 8259): names without escapes, and not many brackets
//! inside brackets. For all else a scan says `None`, whether it is JSON or not, and the
//! general parser decides and says what is wrong: what is read here is exactly what that
//! one would read. It goes through an object inside an object three times where this goes
//! through it once, eight bytes at a time.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use crate::attributes::{MEMBERS_MAX, Members};

/// Brackets inside brackets that are followed: fewer than the general parser follows.
const DEPTH_MAX: usize = 48;

/// The text of one JSON value, without space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json<'a> {
    text: &'a str,
    /// Whether there is a backslash in it.
    escaped: bool,
}

impl<'a> Json<'a> {
    /// Returns the text.
    pub(crate) fn get(self) -> &'a str {
        self.text
    }

    /// Returns what stands between the quotes of a text without escapes.
    pub(crate) fn plain_text(self) -> Option<&'a str> {
        if self.escaped { None } else { self.text.strip_prefix('"')?.strip_suffix('"') }
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self { text: raw.get(), escaped: raw.get().contains('\\') }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::from)
    }
}

/// A place in a text that is taken apart.
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Whether an escape has been passed in the value being taken.
    escaped: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, escaped: false }
    }

    /// Returns the members of an object that is all of a text.
    pub(crate) fn object(text: &'a str) -> Option<Members<'a, Json<'a>>> {
        let mut scan = Self::new(text);
        let members = scan.members()?;
        scan.at_end().then_some(members)
    }

    /// Whether nothing but space follows.
    pub(crate) fn at_end(&mut self) -> bool {
        self.pass_space();
        self.at == self.text.len()
    }

    /// Returns the byte that begins what follows.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.pass_space();
        self.byte()
    }

    /// Opens an object; returns whether it has members.
    pub(crate) fn open(&mut self) -> Option<bool> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(false);
        }
        Some(true)
    }

    /// Goes on behind a member; returns whether there is another.
    pub(crate) fn another(&mut self) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    /// Takes the name of a member and the colon behind it.
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        let end = start + self.unescaped()?;
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.take(b':')?;
        self.text.get(start..end)
    }

    /// Takes one value.
    pub(crate) fn value(&mut self) -> Option<Json<'a>> {
        self.pass_space();
        let start = self.at;
        self.escaped = false;
        self.pass_value(DEPTH_MAX)?;
        Some(Json { text: self.text.get(start..self.at)?, escaped: self.escaped })
    }

    /// Takes an object apart.
    pub(crate) fn members(&mut self) -> Option<Members<'a, Json<'a>>> {
        let mut members = Vec::with_capacity(8);
        let mut more = self.open()?;
        while more {
            if members.len() == MEMBERS_MAX {
                return None;
            }
            members.push((Cow::Borrowed(self.name()?), self.value()?));
            more = self.another()?;
        }
        Some(Members(members))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn pass_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over one byte and the space before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn pass_value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.pass_text(),
            b'{' => self.pass_object(depth.checked_sub(1)?),
            b'[' => self.pass_list(depth.checked_sub(1)?),
            b't' => self.pass_word("true"),
            b'f' => self.pass_word("false"),
            b'n' => self.pass_word("null"),
            b'-' | b'0'..=b'9' => self.pass_number(),
            _ => None,
        }
    }

    fn pass_object(&mut self, depth: usize) -> Option<()> {
        let mut more = self.open()?;
        while more {
            self.name()?;
            self.pass_value(depth)?;
            more = self.another()?;
        }
        Some(())
    }

    fn pass_list(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.pass_value(depth)?;
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn pass_word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn pass_number(&mut self) -> Option<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        // No zero stands before another digit.
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.pass_digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.pass_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.pass_digits()?;
        }
        Some(())
    }

    /// Passes over at least one digit.
    fn pass_digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn pass_text(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += self.unescaped()?;
            let byte = self.byte()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.pass_escape()?,
                // Control characters are no part of any text.
                _ => return None,
            }
        }
    }

    /// Passes over what stands behind a backslash.
    fn pass_escape(&mut self) -> Option<()> {
        self.escaped = true;
        let n_bytes = match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 1,
            b'u' => 5,
            _ => return None,
        };
        let digits = self.text.as_bytes().get(self.at + 1..self.at + n_bytes)?;
        self.at += n_bytes;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())
    }

    /// Returns how many bytes stand before the next quote, backslash or control character.
    fn unescaped(&self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let (words, tail) = rest.as_chunks::<8>();
        for (idx, word) in words.iter().enumerate() {
            let found = ends_text(u64::from_le_bytes(*word));
            if found != 0 {
                return Some(idx * 8 + found.trailing_zeros() as usize / 8);
            }
        }
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        tail.iter().position(ends).map(|place| words.len() * 8 + place)
    }
}

/// Returns a word whose lowest bit set is in the first byte that is a quote, a backslash or a
/// control character, zero where there is none. Of bytes above the first nothing is said.
fn ends_text(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let is = |byte: u8| {
        let differences = word ^ (ONES * u64::from(byte));
        differences.wrapping_sub(ONES) & !differences
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (is(b'"') | is(b'\\') | control) & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read is what the general parser reads; returns whether anything was.
    fn check(text: &str) -> bool {
        let Some(Members(members)) = Scan::object(text) else { return false };
        let Members(expected): Members<'_> = serde_json::from_str(text).unwrap();
        let expected: Vec<_> = expected.into_iter().map(|(name, raw)| (name, Json::from(raw))).collect();
        assert_eq!(members, expected, "{text}");
        true
    }

    fn any_json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just(" false".to_owned()),
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            r#""([ -!#-\[\]-~é漢]|\\["\\/bfnrt]|\\u00[0-9a-fA-F]{2}){0,20}""#,
        ];
        scalar.prop_recursive(4, 40, 5, |inner| {
            let list =
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
            let member = ("[a-cé]{0,12}", inner).prop_map(|(name, value)| format!("\"{name}\" :{value}"));
            let object = proptest::collection::vec(member, 0..4);
            prop_oneof![list, object.prop_map(|members| format!("{{{} }}", members.join(",")))]
        })
    }

    proptest! {
        #[test]
        fn well_formed_objects_are_read(values in proptest::collection::vec(any_json(), 0..5)) {
            let members: Vec<String> = values.iter().map(|value| format!("\"n\": {value}")).collect();
            let text = format!(" {{{}}} ", members.join(" , "));
            prop_assert!(check(&text), "{}", text);
        }

        #[test]
        fn what_is_damaged_is_read_as_the_general_parser_reads_it(
            value in any_json(),
            place in 0_usize..200,
            byte in 0_u8..128,
        ) {
            let mut text = format!("{{\"a\":{value},\"b\":[1,2]}}").into_bytes();
            let place = place % text.len();
            text[place] = byte;
            if let Ok(text) = str::from_utf8(&text) {
                check(text);
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_general_parser() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":-}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":tru}",
            "{\"a\":1} 2",
            "{\"\\u0061\":1}",
        ] {
            assert!(!check(text), "{text}");
        }
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(&nested(DEPTH_MAX)));
        assert!(!check(&nested(DEPTH_MAX + 1)));
    }

    #[test]
    fn more_members_than_any_object_may_have_are_left_to_the_general_parser() {
        let of = |n_members: usize| format!("{{{}}}", vec!["\"a\":1"; n_members].join(","));
        assert!(check(&of(MEMBERS_MAX)));
        assert!(Scan::object(&of(MEMBERS_MAX + 1)).is_none());
    }
}
