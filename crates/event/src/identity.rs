//! Who an event is about, as sources say it: external ids, their kinds and their forms.
//!
//! One value may be written in many ways; e-mail addresses and telephone numbers are
//! brought to one form at admission, so that two sources that mean the same person say
//! the same. Where the home keeps no personal data in the clear, the form is a keyed
//! hash (BLAKE3, RFC draft `blake3`), equal for equal values and useless without the key.

use std::fmt;

use crate::{Attributes, Value};

/// What an identity's value is an id of, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    /// A person known to the company: an account, a loyalty card.
    UserId,
    /// An e-mail address, in lower case.
    Email,
    /// A telephone number in the form of E.164: `+` and digits.
    Phone,
    /// Any other id of a person, its own kind in front: `crm:0039`.
    External,
    /// A device that more than one program reports: an advertising id, a serial number.
    Device,
    /// A cookie or an installation.
    AnonymousId,
}

impl IdentityKind {
    /// Every kind, the most telling first.
    pub const ALL: [Self; 6] =
        [Self::UserId, Self::Email, Self::Phone, Self::External, Self::Device, Self::AnonymousId];

    /// Returns the kind's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserId => "user-id",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::External => "external-id",
            Self::Device => "device-id",
            Self::AnonymousId => "anonymous-id",
        }
    }

    /// Returns the kind of a name, `None` for others.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns what a written identity of this kind begins with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::UserId => "u:",
            Self::Email => "e:",
            Self::Phone => "p:",
            Self::External => "x:",
            Self::Device => "d:",
            Self::AnonymousId => "a:",
        }
    }
}

/// One external id: its kind and its value.
///
/// Written, the value has the kind's prefix, which keeps a user id from colliding with
/// a cookie.
///
/// ```
/// use throng_event::{Identity, IdentityKind};
/// let identity = Identity::new(IdentityKind::Email, "ann@example.com");
/// assert_eq!(identity.to_string(), "e:ann@example.com");
/// assert_eq!(Identity::parse("e:ann@example.com"), Some(identity));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// What it is an id of.
    pub kind: IdentityKind,
    /// The id.
    pub value: String,
}

impl Identity {
    /// Returns the identity of this kind and value.
    #[must_use]
    pub fn new(kind: IdentityKind, value: &str) -> Self {
        Self { kind, value: value.to_owned() }
    }

    /// Returns the identity of a known person.
    #[must_use]
    pub fn user(value: &str) -> Self {
        Self::new(IdentityKind::UserId, value)
    }

    /// Returns the identity of a cookie or installation.
    #[must_use]
    pub fn anonymous(value: &str) -> Self {
        Self::new(IdentityKind::AnonymousId, value)
    }

    /// Returns the identity a text writes, `None` without a known prefix or a value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, value) = Self::parts(text)?;
        Some(Self::new(kind, value))
    }

    /// Returns kind and value of the identity a text writes, see [`Self::parse`].
    #[must_use]
    pub fn parts(text: &str) -> Option<(IdentityKind, &str)> {
        let of = |kind: IdentityKind| text.strip_prefix(kind.prefix()).map(|value| (kind, value));
        IdentityKind::ALL.into_iter().find_map(of).filter(|(_, value)| !value.is_empty())
    }

    /// Returns what the column of anonymous ids says: an event that carries nothing but
    /// an external id has it there, written, in the place of a cookie.
    #[must_use]
    pub fn of_anonymous_id(text: &str) -> (IdentityKind, &str) {
        Self::parts(text)
            .filter(|(kind, _)| !matches!(kind, IdentityKind::UserId | IdentityKind::AnonymousId))
            .unwrap_or((IdentityKind::AnonymousId, text))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.prefix(), self.value)
    }
}

/// How personal ids are brought to one form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonalData {
    /// The calling code of telephone numbers that are written without one, such as 44.
    pub calling_code: Option<u16>,
    /// The key of the hashes that stand for e-mail addresses, telephone numbers, network
    /// addresses and names of people; without it they are kept in the clear.
    pub key: Option<[u8; 32]>,
}

/// What a keyed hash is written with, so that it is not taken for the value itself.
const HASH_PREFIX: &str = "hash-";
/// Digits of an international number with its calling code (E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Bytes of an address (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;

impl PersonalData {
    /// Returns an e-mail address in its one form, `None` for what is none.
    ///
    /// ```
    /// let plain = throng_event::PersonalData::default();
    /// assert_eq!(plain.email(" Ann@Example.COM ").as_deref(), Some("ann@example.com"));
    /// assert_eq!(plain.email("ann at example"), None);
    /// ```
    #[must_use]
    pub fn email(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if self.hashed(text) {
            return Some(text.to_owned());
        }
        let text = text.strip_prefix("mailto:").unwrap_or(text).to_lowercase();
        let (local, domain) = text.rsplit_once('@')?;
        let odd =
            |character: char| character.is_whitespace() || character.is_control() || "<>,;\"@".contains(character);
        let well = !local.is_empty()
            && domain.len() >= 3
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && text.len() <= EMAIL_BYTES_MAX
            && !local.contains(odd)
            && !domain.contains(odd);
        well.then(|| self.kept("email", text))
    }

    /// Returns a telephone number in the form of E.164, `None` for what is none or
    /// lacks a calling code. National numbers lose one leading zero.
    ///
    /// ```
    /// let british = throng_event::PersonalData { calling_code: Some(44), key: None };
    /// assert_eq!(british.phone("(020) 7946-0958").as_deref(), Some("+442079460958"));
    /// assert_eq!(british.phone("0049 30 1234567").as_deref(), Some("+49301234567"));
    /// assert_eq!(throng_event::PersonalData::default().phone("020 7946 0958"), None);
    /// ```
    #[must_use]
    pub fn phone(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if self.hashed(text) {
            return Some(text.to_owned());
        }
        let text = text.strip_prefix("tel:").unwrap_or(text).trim_start_matches('\'');
        let (international, text) = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
            Some(rest) => (true, rest.replace("(0)", "")),
            None => (false, text.to_owned()),
        };
        let plain =
            text.chars().all(|character| character.is_ascii_digit() || " ()-./\u{a0}\u{2011}".contains(character));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let number = match (international, self.calling_code) {
            (true, _) => digits,
            (false, Some(code)) => format!("{code}{}", digits.strip_prefix('0').unwrap_or(&digits)),
            (false, None) => return None,
        };
        let well = plain && PHONE_DIGITS.contains(&number.len()) && !number.starts_with('0');
        well.then(|| self.kept("phone", format!("+{number}")))
    }

    fn hashed(&self, text: &str) -> bool {
        self.key.is_some() && text.strip_prefix(HASH_PREFIX).is_some_and(|hash| hash.len() == 32)
    }

    /// Returns the value, or its hash where values are not kept.
    fn kept(&self, purpose: &str, value: String) -> String {
        let Some(key) = &self.key else { return value };
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(purpose.as_bytes());
        hasher.update(&[0]);
        hasher.update(value.as_bytes());
        format!("{HASH_PREFIX}{}", &hasher.finalize().to_hex()[..32])
    }

    /// Returns an id that may be an e-mail address, as it is kept: hashed if it is one
    /// and addresses are not kept.
    #[must_use]
    pub fn id(&self, id: String) -> String {
        if self.key.is_some() && id.contains('@') { self.email(&id).unwrap_or(id) } else { id }
    }

    /// Replaces e-mail, telephone and network addresses among attributes by their hashes,
    /// where values are not kept: those whose name says what they are.
    pub(crate) fn protect(&self, attributes: &mut Attributes) {
        if self.key.is_none() {
            return;
        }
        for (name, value) in attributes.iter_mut() {
            let text = value.to_string();
            let kept = match last_word(name).as_str() {
                "email" | "emailaddress" | "mail" => self.email(&text).unwrap_or_else(|| self.kept("email", text)),
                "phone" | "phonenumber" | "mobile" | "mobilephone" | "telephone" | "msisdn" => {
                    self.phone(&text).unwrap_or_else(|| self.kept("phone", text))
                }
                "ip" | "ipaddress" | "clientip" | "browserip" | "remoteaddr" => self.word("ip", text),
                _ => continue,
            };
            *value = Value::text(kept);
        }
    }

    /// Replaces the names of a person among its traits by their hashes, where values are
    /// not kept, and in an id that ends in the name: of the authors of chats and reviews
    /// nothing else is known.
    pub(crate) fn protect_names(&self, traits: &mut Attributes, id: Option<String>) -> Option<String> {
        if self.key.is_none() {
            return id;
        }
        let mut id = id;
        for (name, value) in traits.iter_mut() {
            if !NAMES.contains(&last_word(name).as_str()) {
                continue;
            }
            let text = value.to_string();
            let kept = self.word("name", text.clone());
            if let Some(before) = id.as_ref().and_then(|id| id.strip_suffix(&text)) {
                id = Some(format!("{before}{kept}"));
            }
            *value = Value::text(kept);
        }
        id
    }

    /// Returns the hash of a word, the same in either case.
    fn word(&self, purpose: &str, text: String) -> String {
        if self.hashed(&text) { text } else { self.kept(purpose, text.trim().to_lowercase()) }
    }
}

/// How the traits are called that name a person.
const NAMES: [&str; 11] = [
    "name",
    "firstname",
    "lastname",
    "middlename",
    "fullname",
    "givenname",
    "familyname",
    "surname",
    "nickname",
    "displayname",
    "username",
];

/// Returns the last word of an attribute's name, by which it says what it is.
fn last_word(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_identity_is_read_back() {
        for kind in IdentityKind::ALL {
            let identity = Identity::new(kind, "7:8");
            assert_eq!(Identity::parse(&identity.to_string()), Some(identity));
            assert_eq!(IdentityKind::from_name(kind.as_str()), Some(kind));
        }
        for text in ["", "7", "u:", "a:", "z:7"] {
            assert_eq!(Identity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_external_id_in_the_place_of_a_cookie_is_told_from_one() {
        assert_eq!(Identity::of_anonymous_id("e:ann@example.com"), (IdentityKind::Email, "ann@example.com"));
        assert_eq!(Identity::of_anonymous_id("u:ann"), (IdentityKind::AnonymousId, "u:ann"));
        assert_eq!(Identity::of_anonymous_id("7f3a"), (IdentityKind::AnonymousId, "7f3a"));
    }

    #[test]
    fn addresses_and_numbers_have_one_form() {
        let plain = PersonalData::default();
        for text in ["a@b.de", "A@B.DE", "mailto:a@b.de", " a@b.de\n"] {
            assert_eq!(plain.email(text).as_deref(), Some("a@b.de"), "{text}");
        }
        for text in ["", "@b.de", "a@", "a@b", "a b@c.de", "a@b@c.de", "a@.de", "a@b.", "<a@b.de>"] {
            assert_eq!(plain.email(text), None, "{text}");
        }
        let german = PersonalData { calling_code: Some(49), key: None };
        for text in ["+49 (0)30 123-4567", "030 1234567", "0049301234567", "'+49301234567", "tel:+49-30-1234567"] {
            assert_eq!(german.phone(text).as_deref(), Some("+49301234567"), "{text}");
        }
        for text in ["", "1", "+49 abc", "+1234567890123456", "extension 7"] {
            assert_eq!(german.phone(text), None, "{text}");
        }
    }

    #[test]
    fn a_hash_is_the_same_for_the_same_value_and_is_not_hashed_again() {
        let keyed = PersonalData { calling_code: None, key: Some([7; 32]) };
        let hash = keyed.email("Ann@example.com").unwrap();
        assert!(hash.starts_with("hash-"));
        assert_eq!(keyed.email("ann@EXAMPLE.com"), Some(hash.clone()));
        assert_eq!(keyed.email(&hash), Some(hash.clone()));
        let other = PersonalData { calling_code: None, key: Some([8; 32]) };
        assert_ne!(other.email("ann@example.com"), Some(hash));
    }
}
