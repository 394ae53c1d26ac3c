//! An invented population with a known truth, for the linker's tests and its benchmark:
//! people in households, some of whom are twins or bear their parent's name, and one
//! to three records of each, with slips, gaps, moves and shared phones.
//!
//! Everything comes from one seed. The benchmark takes this file in by its path.

use std::collections::BTreeMap;

use super::{ProfileId, Record, RecordField};

/// A small generator of repeatable noise (SplitMix64, Steele et al. 2014).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let wide = u128::from(mixed ^ (mixed >> 31)) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Draws a rank below `n` in proportion to about one over it, as names are spread.
    fn rank(&mut self, n: u64) -> u64 {
        let bound = 1 + self.below(n);
        self.below(bound)
    }
}

#[derive(Clone)]
struct Person {
    given: String,
    family: String,
    birth: (u64, u64, u64),
    email: String,
    mobile: String,
    home: Home,
}

#[derive(Clone)]
struct Home {
    street: String,
    postal_code: String,
    city: String,
    phone: String,
    network: String,
}

/// Returns at least `n_records` records, each with the number of its person.
pub(crate) fn population(n_records: usize, seed: u64) -> Vec<(Record, u64)> {
    let mut noise = Noise(seed);
    let mut records = Vec::new();
    let mut n_people = 0;
    while records.len() < n_records {
        for person in household(&mut noise, n_people) {
            for _ in 0..[1, 1, 1, 1, 1, 2, 2, 2, 2, 3][usize::try_from(noise.below(10)).unwrap_or(0)] {
                let fields = seen(&person, &mut noise);
                // Ids in no order that tells who is who.
                let id = format!("u:{:016x}{}", noise.below(u64::MAX), records.len());
                let id = ProfileId::parse(&id).into_iter();
                records.extend(id.map(|id| (Record { id, fields: fields.clone() }, n_people)));
            }
            n_people += 1;
        }
    }
    records
}

fn household(noise: &mut Noise, n_people: u64) -> Vec<Person> {
    let home = home(noise);
    let family = name(noise.rank(4_000) + 1_000);
    let mut people: Vec<Person> = Vec::new();
    for idx in 0..=noise.below(4) {
        let parent = people.first().cloned();
        let twin = idx > 1 && noise.percent(4);
        let namesake = idx > 1 && noise.percent(5);
        let given = match &parent {
            Some(parent) if namesake => parent.given.clone(),
            _ => name(noise.rank(300)),
        };
        let birth = match people.last() {
            Some(sibling) if twin => sibling.birth,
            _ => (1940 + noise.below(66), 1 + noise.below(12), 1 + noise.below(28)),
        };
        let family = if noise.percent(10) { name(noise.rank(4_000) + 1_000) } else { family.clone() };
        let email = address_of(&given, &family, n_people + idx, noise);
        let mobile = format!("+4917{:08}", noise.below(100_000_000));
        people.push(Person { given, family, birth, email, mobile, home: home.clone() });
    }
    people
}

fn home(noise: &mut Noise) -> Home {
    let area = noise.rank(800);
    Home {
        street: format!("{} street {}", name(6_000 + noise.below(900)), 1 + noise.below(120)),
        postal_code: format!("{}", 10_000 + area * 101 % 89_999),
        city: name(9_000 + area / 8),
        phone: format!("+4930{:07}", noise.below(10_000_000)),
        network: format!("{}.{}.{}", 80 + area % 90, noise.below(250), noise.below(250)),
    }
}

/// Returns an e-mail address: no two people have one, and most contain the name.
fn address_of(given: &str, family: &str, number: u64, noise: &mut Noise) -> String {
    let provider = ["example.org", "example.com", "example.net"][usize::try_from(noise.below(3)).unwrap_or(0)];
    match noise.below(3) {
        0 => format!("{given}.{family}.{number}@{provider}"),
        1 => format!("{given}{number}@{provider}"),
        _ => format!("{family}{number}@{provider}"),
    }
}

/// Returns what one source knows of a person.
fn seen(person: &Person, noise: &mut Noise) -> BTreeMap<RecordField, String> {
    let mut fields = BTreeMap::new();
    let given = if noise.percent(5) { slip(&person.given, noise) } else { person.given.clone() };
    let family = match noise.below(100) {
        0..2 => name(noise.rank(4_000) + 1_000),
        2..6 => slip(&person.family, noise),
        _ => person.family.clone(),
    };
    if noise.percent(20) {
        fields.insert(RecordField::Name, format!("{given} {family}"));
    } else if noise.percent(95) {
        fields.insert(RecordField::GivenName, given);
        fields.insert(RecordField::FamilyName, family);
    }
    if noise.percent(60) {
        let other = noise.percent(20);
        let email =
            if other { format!("{}{}@example.net", person.given, noise.below(9_999)) } else { person.email.clone() };
        fields.insert(RecordField::Email, email);
    }
    if noise.percent(65) {
        let phone = match noise.below(100) {
            0..2 => "+49800123456".to_owned(),
            2..5 => slip(&person.mobile, noise),
            5..35 => person.home.phone.clone(),
            _ => person.mobile.clone(),
        };
        fields.insert(RecordField::Phone, phone);
    }
    if noise.percent(60) {
        let (year, month, day) = person.birth;
        let birth = match noise.below(100) {
            0..2 => format!("{year:04}-{day:02}-{month:02}"),
            2..4 => format!("{:04}-{month:02}-{day:02}", year + 1),
            4..5 => "1970-01-01".to_owned(),
            5..30 => format!("{day:02}.{month:02}.{year:04}"),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        };
        fields.insert(RecordField::BirthDate, birth);
    }
    let home = if noise.percent(12) { home(noise) } else { person.home.clone() };
    if noise.percent(70) {
        let street = if noise.percent(5) { slip(&home.street, noise) } else { home.street };
        fields.insert(RecordField::Street, street);
        fields.insert(RecordField::PostalCode, home.postal_code);
        fields.insert(RecordField::City, home.city);
    }
    if noise.percent(40) {
        fields.insert(RecordField::IpPrefix, home.network);
    }
    fields
}

/// Returns the name of a number: two or three syllables, the same for the same number.
pub(crate) fn name(number: u64) -> String {
    const CONSONANTS: [&str; 16] = ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "sch", "w"];
    const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ei"];
    let mut noise = Noise(number);
    let mut name = String::new();
    for _ in 0..2 + noise.below(2) {
        name.push_str(CONSONANTS[usize::try_from(noise.below(16)).unwrap_or(0)]);
        name.push_str(VOWELS[usize::try_from(noise.below(6)).unwrap_or(0)]);
    }
    name.push_str(["", "n", "r", "s"][usize::try_from(noise.below(4)).unwrap_or(0)]);
    name
}

/// Returns a text with one letter changed, left out or doubled, or two exchanged.
fn slip(text: &str, noise: &mut Noise) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = usize::try_from(1 + noise.below(letters.len() as u64 - 2)).unwrap_or(1);
    match noise.below(4) {
        0 => letters[at] = if letters[at].is_ascii_digit() { '7' } else { 'e' },
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters.swap(at, at + 1),
    }
    letters.into_iter().collect()
}
