//! Keys: random texts that are shown once and kept as hashes.
//!
//! A key has 192 random bits, so nobody finds it by trying and a fast hash is enough (a slow
//! one is for what people choose themselves). Hashes are compared in constant time.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

use crate::ServerError;

/// Random bytes of a key.
const KEY_BYTES: usize = 24;

/// A new key, to be shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// The BLAKE3 hash of a key, as `throng.toml` holds it: 64 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

/// What the holder of a key may do. Every role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Send events, and see the persona of who sent them.
    Ingest,
    /// Read profiles, personas, shifts.
    Read,
    /// Ask anything of the tables.
    Analyst,
    /// See what was refused, and the state of the server.
    Admin,
}

impl Key {
    /// Returns a key that nobody has.
    ///
    /// # Errors
    /// [`ServerError::Random`] when the system has no random bytes.
    pub fn random() -> Result<Self, ServerError> {
        let mut bytes = [0_u8; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| ServerError::Random(error.to_string()))?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("throng_{digits}")))
    }

    /// Returns the key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl KeyHash {
    /// Returns the hash of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(*blake3::hash(key.as_bytes()).as_bytes())
    }

    /// Returns the first of some hashes that is this one's equal. Which one it is, and whether
    /// any is, takes the same time to find out.
    #[must_use]
    pub fn position<'k>(self, hashes: impl Iterator<Item = &'k Self>) -> Option<usize> {
        let mut found = None;
        for (idx, hash) in hashes.enumerate() {
            if bool::from(self.0.ct_eq(&hash.0)) && found.is_none() {
                found = Some(idx);
            }
        }
        found
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl FromStr for KeyHash {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let hash = blake3::Hash::from_hex(text.trim()).map_err(|_| ServerError::KeyHash(text.to_owned()))?;
        Ok(Self(*hash.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_hash_and_no_other_is() {
        let (one, other) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one, other);
        let hashes: Vec<KeyHash> =
            [&other, &one].map(|key| KeyHash::of(key.as_str()).to_string().parse().unwrap()).to_vec();
        assert_eq!(KeyHash::of(one.as_str()).position(hashes.iter()), Some(1));
        assert_eq!(KeyHash::of("throng_").position(hashes.iter()), None);
        assert!("xyz".parse::<KeyHash>().is_err());
    }

    #[test]
    fn a_key_is_not_shown_by_accident() {
        assert_eq!(format!("{:?}", Key::random().unwrap()), "Key(…)");
    }
}
