//! What two records are compared in, and how alike they can be in it.
//!
//! A comparison is not a field: street, postal code, city and country move together
//! when a person does, and counting each as evidence of its own would count one fact
//! four times. Every comparison has at most five levels; the levels of one pair in
//! all comparisons are its [`Pattern`].

use super::records::{Column, RecordIdx, RecordSet};
use super::similarity::{jaro_winkler, within_one_edit};

/// The Jaro–Winkler similarity from which names are close: a letter or two differ.
const CLOSE_MIN: f64 = 0.92;

/// The similarity from which names are similar: a spelling or a second name differs.
const SIMILAR_MIN: f64 = 0.85;

/// Something two records are compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// The given name.
    GivenName,
    /// The family name.
    FamilyName,
    /// The e-mail address or its hash.
    Email,
    /// The phone number or its hash.
    Phone,
    /// Street, postal code, city and country as one.
    Address,
    /// The date of birth.
    BirthDate,
    /// The employer or account.
    Company,
    /// The device or its fingerprint.
    Device,
    /// The network, as the first part of the IP address.
    Network,
}

/// The number of comparisons.
pub(crate) const N_COMPARISONS: usize = 9;

impl Comparison {
    /// All comparisons, in the order of a pattern.
    pub const ALL: [Self; N_COMPARISONS] = [
        Self::GivenName,
        Self::FamilyName,
        Self::Email,
        Self::Phone,
        Self::Address,
        Self::BirthDate,
        Self::Company,
        Self::Device,
        Self::Network,
    ];

    /// Returns the comparison's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GivenName => "given-name",
            Self::FamilyName => "family-name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::BirthDate => "birth-date",
            Self::Company => "company",
            Self::Device => "device",
            Self::Network => "network",
        }
    }

    /// Returns the levels this comparison can come out at, from most to least alike.
    #[must_use]
    pub fn levels(self) -> &'static [Level] {
        match self {
            Self::GivenName | Self::FamilyName | Self::Email => {
                &[Level::Exact, Level::Close, Level::Similar, Level::Different]
            }
            Self::Phone | Self::BirthDate | Self::Company => &[Level::Exact, Level::Close, Level::Different],
            Self::Address => &Level::ALL,
            Self::Device | Self::Network => &[Level::Exact, Level::Different],
        }
    }

    pub(crate) fn idx(self) -> usize {
        self as usize
    }

    /// Returns the column whose equal values make the level exact.
    pub(crate) fn column(self, records: &RecordSet) -> &Column {
        match self {
            Self::GivenName => &records.given_name,
            Self::FamilyName => &records.family_name,
            Self::Email => &records.email,
            Self::Phone => &records.phone,
            Self::Address => &records.address,
            Self::BirthDate => &records.birth_date,
            Self::Company => &records.company,
            Self::Device => &records.device,
            Self::Network => &records.ip_prefix,
        }
    }

    /// Whether a record says anything to this comparison.
    pub(crate) fn present(self, records: &RecordSet, record: RecordIdx) -> bool {
        let place = [&records.street, &records.postal_code, &records.city, &records.country];
        match self {
            Self::Address => place.iter().any(|column| column.value(record) != 0),
            Self::GivenName
            | Self::FamilyName
            | Self::Email
            | Self::Phone
            | Self::BirthDate
            | Self::Company
            | Self::Device
            | Self::Network => self.column(records).value(record) != 0,
        }
    }

    /// Returns how alike two records are, `None` where one of them says nothing:
    /// a missing value is no evidence.
    pub(crate) fn level(self, records: &RecordSet, a: RecordIdx, b: RecordIdx) -> Option<Level> {
        if self == Self::Address {
            return place_level(records, a, b);
        }
        let column = self.column(records);
        if column.value(a) == 0 || column.value(b) == 0 {
            return None;
        }
        if column.value(a) == column.value(b) {
            return Some(Level::Exact);
        }
        if self == Self::Email {
            return email_level(records, a, b);
        }
        let (a, b) = (column.text(a), column.text(b));
        Some(match self {
            Self::GivenName | Self::FamilyName => name_level(a, b),
            Self::Phone => phone_level(a, b),
            Self::BirthDate => birth_date_level(a, b),
            Self::Company if jaro_winkler(a, b) >= CLOSE_MIN => Level::Close,
            Self::Address | Self::Email | Self::Company | Self::Device | Self::Network => Level::Different,
        })
    }
}

/// How alike two values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Equal in normal form.
    Exact,
    /// A slip apart: a letter or two of a name, one digit, day and month exchanged,
    /// an e-mail name at another provider, an address written in another way.
    Close,
    /// Perhaps one value: similar names, an initial, an e-mail address one letter
    /// off, one postal code.
    Similar,
    /// One area: the same city, or a neighbouring postal code.
    Near,
    /// Anything else.
    Different,
}

/// The number of levels.
pub(crate) const N_LEVELS: usize = 5;

impl Level {
    /// All levels, from most to least alike.
    pub const ALL: [Self; N_LEVELS] = [Self::Exact, Self::Close, Self::Similar, Self::Near, Self::Different];

    /// Returns the level's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Close => "close",
            Self::Similar => "similar",
            Self::Near => "near",
            Self::Different => "different",
        }
    }

    pub(crate) fn idx(self) -> usize {
        self as usize
    }
}

/// The levels of one pair in all comparisons, in the order of [`Comparison::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(pub(crate) [Option<Level>; N_COMPARISONS]);

impl Pattern {
    pub(crate) fn of(records: &RecordSet, a: RecordIdx, b: RecordIdx) -> Self {
        Self(Comparison::ALL.map(|comparison| comparison.level(records, a, b)))
    }

    /// Returns the comparisons that say something, with their levels.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = (Comparison, Level)> {
        Comparison::ALL.into_iter().zip(self.0).filter_map(|(comparison, level)| level.map(|level| (comparison, level)))
    }
}

fn name_level(a: &str, b: &str) -> Level {
    let similarity = jaro_winkler(a, b);
    if similarity >= CLOSE_MIN {
        Level::Close
    } else if similarity >= SIMILAR_MIN || initial_of(a, b) || initial_of(b, a) {
        Level::Similar
    } else {
        Level::Different
    }
}

/// Whether `a` is the first letter of `b` and no more.
fn initial_of(a: &str, b: &str) -> bool {
    a.chars().count() == 1 && b.starts_with(a)
}

/// Returns how alike two e-mail addresses are that are not equal. Likeness of
/// addresses that are made of the name is no evidence: it would count the name twice.
fn email_level(records: &RecordSet, a: RecordIdx, b: RecordIdx) -> Option<Level> {
    let (local_a, local_b) = (records.email_local.text(a), records.email_local.text(b));
    let alike = if local_a.is_empty() || local_b.is_empty() {
        // The hash of an address is like no other.
        Level::Different
    } else if local_a == local_b {
        Level::Close
    } else if within_one_edit(records.email.text(a), records.email.text(b)) {
        Level::Similar
    } else {
        Level::Different
    };
    let named = made_of_name(records, a) && made_of_name(records, b);
    if alike != Level::Different && named { None } else { Some(alike) }
}

/// Whether a record's e-mail address contains its given or family name.
fn made_of_name(records: &RecordSet, record: RecordIdx) -> bool {
    let local = records.email_local.text(record);
    let contains = |name: &str| name.len() >= N_NAME_BYTES_MIN && local.contains(name);
    contains(records.given_name.text(record)) || contains(records.family_name.text(record))
}

/// The shortest name that an e-mail address is believed to contain on purpose.
const N_NAME_BYTES_MIN: usize = 3;

/// The digits of a phone number that its country code and trunk prefix leave.
const N_SUBSCRIBER_DIGITS: usize = 8;

fn phone_level(a: &str, b: &str) -> Level {
    use super::normal::phone_readable;
    if !phone_readable(a) || !phone_readable(b) {
        return Level::Different;
    }
    let tail = |phone: &str| phone.get(phone.len().checked_sub(N_SUBSCRIBER_DIGITS)?..).map(str::to_owned);
    let same_tail = tail(a).is_some_and(|digits| Some(digits) == tail(b));
    if same_tail || within_one_edit(a, b) { Level::Close } else { Level::Different }
}

fn birth_date_level(a: &str, b: &str) -> Level {
    // Both are `YYYYMMDD`.
    let exchanged = a[..4] == b[..4] && a[4..6] == b[6..] && a[6..] == b[4..6];
    if exchanged || within_one_edit(a, b) { Level::Close } else { Level::Different }
}

fn place_level(records: &RecordSet, a: RecordIdx, b: RecordIdx) -> Option<Level> {
    let same = |column: &Column| match (column.value(a), column.value(b)) {
        (0, _) | (_, 0) => None,
        (x, y) => Some(x == y),
    };
    if same(&records.address) == Some(true) {
        return Some(Level::Exact);
    }
    let postal_code = same(&records.postal_code);
    let city = same(&records.city);
    let code_is_near =
        postal_code == Some(false) && within_one_edit(records.postal_code.text(a), records.postal_code.text(b));
    let area_agrees = postal_code.or(city) == Some(true) || code_is_near || city == Some(true);
    if area_agrees && same(&records.street).is_some() && same_street(records.street.text(a), records.street.text(b)) {
        return Some(Level::Close);
    }
    match (postal_code, city) {
        (Some(true), _) => Some(Level::Similar),
        (_, Some(true)) => Some(Level::Near),
        (Some(false), _) => Some(if code_is_near { Level::Near } else { Level::Different }),
        (None, Some(false)) => Some(Level::Different),
        // Two countries are two places; one country says next to nothing, and a street
        // without an area may be anywhere.
        (None, None) => same(&records.country).filter(|same| !same).map(|_| Level::Different),
    }
}

/// Whether two streets are one written in two ways: the numbers are equal, as
/// neighbours differ in nothing else, and the words are close.
fn same_street(a: &str, b: &str) -> bool {
    let numbered = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
    let same_numbers = a.split(' ').filter(numbered).eq(b.split(' ').filter(numbered));
    same_numbers && jaro_winkler(a, b) >= CLOSE_MIN
}
