//! Sealing: rows and messages that were not admitted, where a home keeps no personal data in the clear.
//!
//! What is personal in a row that could not be read cannot be told apart from the rest of
//! it, so all of it is sealed, and so is what was seen in it. Without the home's key it is
//! noise; with it the row can still be looked at and read again. The key being deleted,
//! nothing brings the rows back.
//!
//! The form is that of synthetic initialisation vectors (Rogaway and Shrimpton, 2006): a
//! keyed hash of the text is both its check and the start of the stream that covers it.
//! BLAKE3 is the keyed function of both, under keys derived for each. Nothing is left to
//! chance, so sealing the same text again gives the same bytes, as an import repeated must.

use std::fmt;

use crate::PersonalData;

/// What sealed text begins with.
const PREFIX: &str = "sealed-";
/// Digits that sealed bytes are written in.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes of the check: two texts of 2^64 share one by chance.
const CHECK_BYTES: usize = 16;

/// Seals and opens texts.
///
/// ```
/// use throng_event::{PersonalData, Seal};
///
/// assert!(Seal::of(&PersonalData::default()).is_none());
/// let hashing = PersonalData { calling_code: None, key: Some([7; 32]) };
/// let seal = Seal::of(&hashing).expect("a home with a key seals");
/// let sealed = seal.close("ann@example.com");
/// assert!(!sealed.contains("ann"));
/// assert_eq!(seal.open(sealed), "ann@example.com");
/// ```
#[derive(Clone)]
pub struct Seal {
    check_key: [u8; 32],
    stream_key: [u8; 32],
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// Returns the seal of a home, `None` where it keeps personal data in the clear.
    #[must_use]
    pub fn of(personal: &PersonalData) -> Option<Self> {
        let key = personal.key.as_ref()?;
        Some(Self {
            check_key: blake3::derive_key("throng 2026 quarantine check", key),
            stream_key: blake3::derive_key("throng 2026 quarantine stream", key),
        })
    }

    /// Returns the hash that stands for parts of a row, which nobody without the key can guess at.
    #[must_use]
    pub fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.check_key)
    }

    /// Returns a text sealed.
    #[must_use]
    pub fn close(&self, text: &str) -> String {
        let check = self.check(text.as_bytes());
        let mut bytes = text.as_bytes().to_vec();
        self.cover(&check, &mut bytes);
        let mut sealed = String::with_capacity(PREFIX.len() + 2 * (CHECK_BYTES + bytes.len()));
        sealed.push_str(PREFIX);
        let halves = check.iter().chain(&bytes).flat_map(|byte| [byte >> 4, byte & 0x0f]);
        sealed.extend(halves.map(|half| char::from(DIGITS[usize::from(half)])));
        sealed
    }

    /// Returns the text that was sealed; what was not, or with another key, is returned as it is.
    #[must_use]
    pub fn open(&self, sealed: String) -> String {
        self.opened(&sealed).unwrap_or(sealed)
    }

    fn opened(&self, sealed: &str) -> Option<String> {
        let digits = sealed.strip_prefix(PREFIX)?.as_bytes();
        let pairs = digits.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        let mut check = pairs.map(byte).collect::<Option<Vec<u8>>>()?;
        if check.len() < CHECK_BYTES {
            return None;
        }
        let mut bytes = check.split_off(CHECK_BYTES);
        self.cover(&check, &mut bytes);
        if self.check(&bytes).as_slice() != check {
            return None;
        }
        String::from_utf8(bytes).ok()
    }

    fn check(&self, bytes: &[u8]) -> [u8; CHECK_BYTES] {
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&blake3::keyed_hash(&self.check_key, bytes).as_bytes()[..CHECK_BYTES]);
        check
    }

    /// Covers bytes with the stream of a check, or uncovers them.
    fn cover(&self, check: &[u8], bytes: &mut [u8]) {
        let mut stream = vec![0; bytes.len()];
        blake3::Hasher::new_keyed(&self.stream_key).update(check).finalize_xof().fill(&mut stream);
        bytes.iter_mut().zip(stream).for_each(|(byte, cover)| *byte ^= cover);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: u8) -> Seal {
        Seal::of(&PersonalData { calling_code: None, key: Some([key; 32]) }).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_only() {
        for text in ["", "a", "ann@example.com,+44 20 7946 0958", &"é".repeat(40_000)] {
            let sealed = seal(1).close(text);
            assert_eq!(seal(1).open(sealed.clone()), text);
            assert_eq!(seal(2).open(sealed.clone()), sealed);
        }
    }

    #[test]
    fn what_is_sealed_says_nothing_and_the_same_each_time() {
        let sealed = seal(1).close("ann@example.com");
        assert!(!sealed.contains("ann") && sealed != seal(2).close("ann@example.com"), "{sealed}");
        assert_eq!(sealed, seal(1).close("ann@example.com"));
        // Texts that begin alike are covered by other streams.
        let tails = ["same beginning 1", "same beginning 2"]
            .map(|text| seal(1).close(text)[PREFIX.len() + 32..][..16].to_owned());
        assert_ne!(tails[0], tails[1]);
    }

    #[test]
    fn what_was_never_sealed_stays_as_it_is() {
        for text in ["", "a,b", "sealed-", "sealed-0", "sealed-zz", "sealed-é", &format!("sealed-{}", "00".repeat(40))]
        {
            assert_eq!(seal(1).open(text.to_owned()), text);
        }
    }

    #[test]
    fn a_home_that_keeps_personal_data_seals_nothing() {
        assert!(Seal::of(&PersonalData::default()).is_none());
    }
}
