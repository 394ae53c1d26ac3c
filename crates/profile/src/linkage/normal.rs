//! One form for values that people write in many: case, accents and punctuation
//! fall away, dates become eight digits, phone numbers their digits.
//!
//! Nicknames and abbreviations are left alone: how alike two values are is judged
//! later, and a table of them would be right for one language only. A value that
//! says nothing ("n/a", zeros, an impossible date) becomes the empty text, which is
//! a missing value everywhere in the linker.

use crate::rules::usable;

/// The most characters of a value that are kept. Real names and addresses are
/// shorter; longer ones are equal when this much of them is.
const N_CHARACTERS_MAX: usize = 128;

/// The fewest digits of a phone number that reaches one household.
const N_PHONE_DIGITS_MIN: usize = 6;

/// The most digits of a phone number (ITU-T E.164); what is longer is a hash or a key.
const N_PHONE_DIGITS_MAX: usize = 15;

/// The years of birth that are believed: nobody living was born earlier, and a later
/// one is not a date of birth for centuries to come.
const BIRTH_YEARS: std::ops::RangeInclusive<u32> = 1890..=2199;

/// Returns a text in lower case without accents; letters and digits stay, apostrophes
/// vanish, everything else is one space.
pub(crate) fn text(value: &str) -> String {
    if !usable(value) {
        return String::new();
    }
    let mut folded = String::with_capacity(value.len().min(N_CHARACTERS_MAX));
    let mut parted = false;
    for letter in value.trim().chars().take(N_CHARACTERS_MAX).flat_map(char::to_lowercase) {
        let letter = half_width(letter);
        if matches!(letter, '\'' | '’' | '`' | '´' | '.') || combining(letter) {
            continue;
        }
        if !letter.is_alphanumeric() {
            parted = true;
            continue;
        }
        if parted && !folded.is_empty() {
            folded.push(' ');
        }
        parted = false;
        match base(letter) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    folded
}

/// Returns a value of which only equality is judged: trimmed and in lower case.
pub(crate) fn opaque(value: &str) -> String {
    if !usable(value) {
        return String::new();
    }
    value.trim().chars().take(N_CHARACTERS_MAX).flat_map(char::to_lowercase).collect()
}

/// Returns a postal code: letters and digits only.
pub(crate) fn postal_code(value: &str) -> String {
    let mut code = text(value);
    code.retain(|letter| letter != ' ');
    code
}

/// Returns an e-mail address in lower case, or the hash of one as it is; a text
/// with an `@` at its edge or with two of them is neither.
pub(crate) fn email(value: &str) -> String {
    let email = opaque(value);
    let plausible = match email.split_once('@') {
        Some((local, domain)) => !local.is_empty() && !domain.is_empty() && !domain.contains('@'),
        None => !email.contains(' '),
    };
    if plausible { email } else { String::new() }
}

/// Returns the digits of a phone number without the international `00`, or the hash
/// of one as it is. Too few digits to reach anyone are no phone number.
pub(crate) fn phone(value: &str) -> String {
    let opaque = opaque(value);
    if opaque.chars().any(char::is_alphabetic) {
        return opaque;
    }
    let digits: String = opaque.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    if digits.len() < N_PHONE_DIGITS_MIN || !usable(digits) { String::new() } else { digits.to_owned() }
}

/// Whether this is a phone number to be read, not the hash of one.
pub(crate) fn phone_readable(phone: &str) -> bool {
    phone.len() <= N_PHONE_DIGITS_MAX && phone.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a date of birth as `YYYYMMDD`.
///
/// The year has four digits and stands first or last; a day and a month in doubtful
/// order are read day first, which the comparison of dates forgives.
pub(crate) fn birth_date(value: &str) -> String {
    let groups: Vec<&str> =
        value.split(|letter: char| !letter.is_ascii_digit()).filter(|group| !group.is_empty()).take(3).collect();
    let number = |text: &str| if text.len() <= 4 { text.parse::<u32>().ok() } else { None };
    let parts = match groups.as_slice() {
        [whole, ..] if whole.len() == 8 => (number(&whole[..4]), number(&whole[4..6]), number(&whole[6..])),
        [year, month, day] if year.len() == 4 => (number(year), number(month), number(day)),
        [day, month, year] if year.len() == 4 => (number(year), number(month), number(day)),
        _ => return String::new(),
    };
    let (Some(year), Some(month), Some(day)) = parts else { return String::new() };
    let (month, day) = if month > 12 { (day, month) } else { (month, day) };
    let possible = BIRTH_YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if possible { format!("{year:04}{month:02}{day:02}") } else { String::new() }
}

/// Returns the given and the family name of a whole name: what stands before and
/// behind the last space, or behind and before a comma.
pub(crate) fn parts_of_name(name: &str) -> (String, String) {
    if let Some((family, given)) = name.split_once(',') {
        return (text(given), text(family));
    }
    let name = text(name);
    match name.rsplit_once(' ') {
        Some((given, family)) => (given.to_owned(), family.to_owned()),
        None => (String::new(), name),
    }
}

/// Returns the ASCII letter that a full-width form (U+FF01 to U+FF5E) stands for.
fn half_width(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        _ => letter,
    }
}

fn combining(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// Returns the letters that an accented lower-case letter is written with where
/// there are no accents: the base letters of the canonical decompositions of Latin,
/// Greek and Cyrillic, and the usual spellings of letters that have none.
fn base(letter: char) -> Option<&'static str> {
    if letter.is_ascii() {
        return None;
    }
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ǻ' | 'ạ'..='ặ' => "a",
        'æ' | 'ǽ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ'..='ệ' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' | 'ǧ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ǐ' | 'ỉ'..='ị' => "i",
        'ĵ' => "j",
        'ķ' | 'ǩ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŉ' | 'ǹ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' | 'ǒ' | 'ọ'..='ợ' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ǔ' | 'ụ'..='ự' => "u",
        'ŵ' | 'ẁ' | 'ẃ' | 'ẅ' => "w",
        'ý' | 'ÿ' | 'ŷ' | 'ỳ'..='ỹ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ά' => "α",
        'έ' => "ε",
        'ή' => "η",
        'ί' | 'ϊ' | 'ΐ' => "ι",
        'ό' => "ο",
        'ύ' | 'ϋ' | 'ΰ' => "υ",
        'ώ' => "ω",
        'ς' => "σ",
        'ё' => "е",
        'й' => "и",
        'ї' => "і",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(normal: fn(&str) -> String, pairs: &[(&str, &str)]) {
        for (value, expected) in pairs {
            assert_eq!(normal(value), *expected, "{value:?}");
        }
    }

    #[test]
    fn case_accents_and_punctuation_fall_away() {
        check(
            text,
            &[
                ("  José  María ", "jose maria"),
                ("O’Brien-Smith", "obrien smith"),
                ("Łukasz Żółć", "lukasz zolc"),
                ("Straße 12a", "strasse 12a"),
                ("Jose\u{301}", "jose"),
                ("İpek", "ipek"),
                ("ＴＡＮＡＫＡ", "tanaka"),
                ("Nguyễn Đức", "nguyen duc"),
                ("ΓΙΆΝΝΗΣ", "γιαννησ"),
                ("Сергей", "сергеи"),
                ("王小明", "王小明"),
                ("J. R.", "j r"),
                ("--- !", ""),
            ],
        );
    }

    #[test]
    fn words_that_mean_nobody_are_missing() {
        for normal in [text, opaque, postal_code, email, phone, birth_date] {
            check(normal, &[("", ""), ("  ", ""), ("N/A", ""), ("unknown", ""), ("null", ""), ("0", ""), ("-", "")]);
        }
    }

    #[test]
    fn dates_of_birth_have_one_form() {
        check(
            birth_date,
            &[
                ("1980-05-03", "19800503"),
                ("19800503", "19800503"),
                ("1980-05-03T00:00:00Z", "19800503"),
                ("3.5.1980", "19800503"),
                ("03/05/1980", "19800503"),
                ("05/23/1980", "19800523"),
                ("1980-13-13", ""),
                ("1980-00-10", ""),
                ("0001-01-01", ""),
                ("3.5.80", ""),
                ("198005", ""),
                ("99999999999999999999", ""),
                ("soon", ""),
            ],
        );
    }

    #[test]
    fn phones_are_digits_or_hashes() {
        check(
            phone,
            &[
                ("+49 (30) 1234-567", "49301234567"),
                ("0049301234567", "49301234567"),
                ("12345", ""),
                ("000000000", ""),
                ("A3F5c0ffee", "a3f5c0ffee"),
            ],
        );
        assert!(phone_readable("49301234567"));
        assert!(!phone_readable("a3f5c0ffee"));
        assert!(!phone_readable("1234567890123456"));
    }

    #[test]
    fn emails_are_addresses_or_hashes() {
        check(
            email,
            &[
                (" Ada@Example.org", "ada@example.org"),
                ("5e8848", "5e8848"),
                ("@example.org", ""),
                ("ada@", ""),
                ("a@b@c", ""),
                ("no address", ""),
            ],
        );
    }

    #[test]
    fn whole_names_fall_into_parts() {
        for (name, given, family) in [
            ("Ada King Lovelace", "ada king", "lovelace"),
            ("Lovelace, Ada", "ada", "lovelace"),
            ("Ada", "", "ada"),
            ("", "", ""),
            (",", "", ""),
        ] {
            assert_eq!(parts_of_name(name), (given.to_owned(), family.to_owned()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn normal_forms_are_bounded_and_stay_as_they_are(value in "\\PC{0,300}") {
            for normal in [text, opaque, postal_code, email, phone] {
                let once = normal(&value);
                // A letter has at most three lower-case letters, and two plain ones each.
                prop_assert!(once.chars().count() <= 3 * 2 * N_CHARACTERS_MAX);
            }
            let _date = birth_date(&value);
        }

        #[test]
        fn a_date_in_normal_form_is_its_own_normal_form(year in 1890_u32..2200, month in 1_u32..13, day in 1_u32..32) {
            let date = birth_date(&format!("{day}/{month}/{year}"));
            prop_assert_eq!(birth_date(&date), date);
        }
    }
}
