//! Numbers and texts from the data as a marketer reads them.
//!
//! Every number of a statement is made here, and nothing here knows what a persona is.

use throng_event::Currency;

/// The longest text from the data that is quoted; longer ones are cut and marked with `…`.
const QUOTE_LENGTH_MAX: usize = 40;

/// The longest phrase of a catalogue that is used; a statement should fit two lines.
const CLAUSE_LENGTH_MAX: usize = 120;

/// Returns a whole number with thousands separated: `1,180`.
pub(crate) fn whole(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        grouped.push('-');
    }
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a count of people or things.
pub(crate) fn n(count: u64) -> String {
    whole(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Returns a mean count: one decimal below 10, two below 0.1, whole from 10 on.
pub(crate) fn quantity(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 9.95 {
        return whole(nearest(value));
    }
    let digits = if magnitude > 0.0 && magnitude < 0.095 { 2 } else { 1 };
    trimmed(value, digits)
}

/// Returns a share between 0 and 1 in per cent: `45 %`, below 1 % with a decimal.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    let magnitude = percent.abs();
    if (0.05..0.95).contains(&magnitude) {
        return format!("{} %", trimmed(percent, 1));
    }
    // 99.6 % must not read as everybody, nor 0.01 % as nobody.
    if share < 1.0 && percent > 99.5 {
        return "over 99 %".to_owned();
    }
    if share > 0.0 && percent < 0.05 {
        return "under 0.1 %".to_owned();
    }
    format!("{} %", nearest(percent))
}

/// Returns how often one thing is another: `2.3×`, from 10 on `12×`.
pub(crate) fn times(ratio: f64) -> String {
    format!("{}×", if ratio >= 9.95 { whole(nearest(ratio)) } else { trimmed(ratio, 1) })
}

/// Returns an amount of major units in its currency: `£1,230`, below 100 with decimals.
pub(crate) fn money(major: f64, currency: Currency) -> String {
    let sign = if major < 0.0 { "-" } else { "" };
    let magnitude = major.abs();
    let digits = if magnitude < 99.995 { currency.exponent().min(2) } else { 0 };
    let amount = match digits {
        0 => whole(nearest(magnitude)),
        1 => format!("{magnitude:.1}"),
        _ => format!("{magnitude:.2}"),
    };
    match symbol(currency) {
        Some(symbol) => format!("{sign}{symbol}{amount}"),
        None => format!("{sign}{currency} {amount}"),
    }
}

/// Returns a length of time given in seconds, in the unit it is best read in.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds.abs() {
        magnitude if magnitude < 90.0 => format!("{} s", nearest(seconds)),
        magnitude if magnitude < 90.0 * 60.0 => format!("{} min", quantity(seconds / 60.0)),
        magnitude if magnitude < 48.0 * 3_600.0 => format!("{} h", quantity(seconds / 3_600.0)),
        _ => format!("{} days", quantity(seconds / 86_400.0)),
    }
}

/// Returns a text from the data, fit to stand inside a sentence.
///
/// Control characters, including those that turn the direction of writing, become spaces; runs of
/// white space become one; what exceeds the bound is cut. A text without a visible character is
/// written `(blank)`.
pub(crate) fn quoted(text: &str) -> String {
    bounded(text, QUOTE_LENGTH_MAX)
}

/// Returns a phrase of the catalogue, fit to stand inside a sentence.
///
/// Catalogues are proposed from the data, so a phrase is as little trusted as a value; but it is a
/// whole clause and may be longer.
pub(crate) fn clause(phrase: &str) -> String {
    bounded(phrase, CLAUSE_LENGTH_MAX)
}

fn bounded(text: &str, length_max: usize) -> String {
    let visible = |c: char| if c.is_control() || turns_direction(c) { ' ' } else { c };
    // Bounded before it is looked at: a value of many megabytes must cost nothing.
    let head: String = text.chars().take(length_max * 4).map(visible).collect();
    let words: Vec<&str> = head.split_whitespace().collect();
    let clean = words.join(" ");
    if clean.is_empty() {
        return "(blank)".to_owned();
    }
    if clean.chars().count() <= length_max {
        return clean;
    }
    let cut: String = clean.chars().take(length_max - 1).collect();
    format!("{}…", cut.trim_end())
}

/// Returns a value of the data in the case of running text: `GROCERY` becomes `grocery`.
///
/// Only what shouts is changed: a text of more than three letters, all of them capitals. Short
/// capitals are mostly abbreviations, and mixed case was chosen by somebody.
pub(crate) fn calm(text: &str) -> String {
    let quoted = quoted(text);
    let n_letters = quoted.chars().filter(|c| c.is_alphabetic()).count();
    if n_letters > 3 && !quoted.chars().any(char::is_lowercase) { quoted.to_lowercase() } else { quoted }
}

/// Returns the text with its first letter as a capital.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Invisible characters that reorder or join what follows them.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}

fn symbol(currency: Currency) -> Option<&'static str> {
    match currency.as_str() {
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        "USD" => Some("$"),
        "JPY" => Some("¥"),
        "INR" => Some("₹"),
        _ => None,
    }
}

/// Returns the number with at most `digits` decimals, without needless zeros.
fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Returns the nearest whole number; values beyond its range become the outermost one.
fn nearest(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates and NaN becomes 0; for showing only")]
    let nearest = value.round() as i64;
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (0.04, "0.04"),
            (0.5, "0.5"),
            (3.0, "3"),
            (8.44, "8.4"),
            (9.96, "10"),
            (1180.4, "1,180"),
            (-1_234_567.0, "-1,234,567"),
        ] {
            assert_eq!(quantity(value), text);
        }
    }

    #[test]
    fn shares_never_round_to_everybody_or_nobody() {
        for (value, text) in [
            (0.0, "0 %"),
            (0.0001, "under 0.1 %"),
            (0.004, "0.4 %"),
            (0.0096, "1 %"),
            (0.451, "45 %"),
            (0.997, "over 99 %"),
            (1.0, "100 %"),
            (-0.12, "-12 %"),
        ] {
            assert_eq!(share(value), text);
        }
    }

    #[test]
    fn money_follows_the_currency() {
        for (major, currency, text) in [
            (1_230.49, "GBP", "£1,230"),
            (19.994, "EUR", "€19.99"),
            (1_200.0, "JPY", "¥1,200"),
            (-0.05, "USD", "-$0.05"),
            (4_500.0, "CHF", "CHF 4,500"),
        ] {
            assert_eq!(money(major, currency.parse().unwrap()), text);
        }
    }

    #[test]
    fn durations_are_in_the_unit_they_are_read_in() {
        for (seconds, text) in
            [(42.0, "42 s"), (260.0, "4.3 min"), (7_200.0, "2 h"), (864_000.0, "10 days"), (0.0, "0 s")]
        {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn hostile_texts_are_made_harmless() {
        assert_eq!(quoted("a\u{202e}b\u{0}\n\tc\u{7}"), "a b c");
        assert_eq!(quoted("\u{200b}\u{feff} \r\n"), "(blank)");
        assert_eq!(quoted(&"x".repeat(1_000_000)).chars().count(), QUOTE_LENGTH_MAX);
        assert_eq!(quoted("Wein & Käse 🍷"), "Wein & Käse 🍷");
        assert_eq!(calm("GROCERY"), "grocery");
        assert_eq!(calm("DIY"), "DIY");
        assert_eq!(calm("FUEL"), "fuel");
        assert_eq!(calm("iPhone"), "iPhone");
    }
}
