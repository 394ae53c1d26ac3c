//! Numbers, durations and foreign texts as people read them at a terminal.

use jiff::civil::Date;
use throng_event::{Currency, Day, Money};

/// Returns a count with thousands separated: `1,180`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a number that may be negative, rounded and with thousands separated.
pub(crate) fn whole(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates; for showing only")]
    let magnitude = value.abs().round() as u64;
    let sign = if value < 0.0 && magnitude > 0 { "-" } else { "" };
    format!("{sign}{}", count(magnitude))
}

/// Returns a count as one of a noun: `1 customer`, `1,180 customers`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// Returns a number with as many decimals as are worth reading: `0.043`, `0.25`, `2.3`, `1,180`.
pub(crate) fn quantity(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        return "–".to_owned();
    }
    if magnitude >= 99.95 {
        return whole(value);
    }
    let digits = match magnitude {
        magnitude if magnitude < 0.0995 => 3,
        magnitude if magnitude < 0.995 => 2,
        _ => 1,
    };
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Returns a share between 0 and 1 in per cent, with a decimal below 10 %.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent.is_nan() {
        return "–".to_owned();
    }
    if percent.abs() < 9.95 && percent.abs() >= 0.05 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// Returns an amount with its currency: `GBP 1,230`, below 100 with decimals.
pub(crate) fn money(money: Money) -> String {
    major(money.to_major(), money.currency)
}

/// Returns an amount of major units with its currency.
pub(crate) fn major(amount: f64, currency: Currency) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let magnitude = amount.abs();
    let symbol = match currency.as_str() {
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        "USD" => "$".to_owned(),
        code => format!("{code} "),
    };
    if magnitude < 99.995 && currency.exponent() > 0 {
        return format!("{sign}{symbol}{magnitude:.2}");
    }
    format!("{sign}{symbol}{}", whole(magnitude))
}

/// Returns a length of time in the unit it is best read in.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds.abs() {
        magnitude if magnitude < 9.95 => format!("{seconds:.1} s"),
        magnitude if magnitude < 90.0 => format!("{seconds:.0} s"),
        magnitude if magnitude < 90.0 * 60.0 => format!("{} min", quantity(seconds / 60.0)),
        magnitude if magnitude < 48.0 * 3_600.0 => format!("{} h", quantity(seconds / 3_600.0)),
        _ => format!("{} days", quantity(seconds / 86_400.0)),
    }
}

/// Returns a day in words: `31 December 2024`.
pub(crate) fn day(day: Day) -> String {
    let date: Option<Date> = day.to_string().parse().ok();
    date.map_or_else(|| day.to_string(), |date| date.strftime("%-d %B %Y").to_string())
}

/// Returns a text from somebody's data so that it cannot act on the terminal.
///
/// Control characters and those that turn the direction of writing are written as
/// escapes: a customer's name must not recolour the screen or hide what follows.
pub(crate) fn clean(text: &str) -> String {
    if !text.chars().any(acts) {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if acts(character) {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns a text of at most so many characters, marked where it was cut.
pub(crate) fn shortened(text: &str, length_max: usize) -> String {
    if text.chars().count() <= length_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(length_max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// Keeps two words on one line.
pub(crate) const NO_BREAK: &str = "\u{a0}";

/// Returns a text broken into lines of at most `width` characters, every line after
/// the first indented by `indent` spaces, which count.
///
/// A no-break space does what its name says, and is a space in the result.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut result = String::with_capacity(text.len() + 32);
    let mut column = 0;
    // "45 %" is one word to a reader.
    let text = text.replace(" %", "\u{a0}%");
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            result.push('\n');
            result.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > 0 {
            result.push(' ');
            column += 1;
        }
        result.push_str(&word.replace(NO_BREAK, " "));
        column += length;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(whole(-1_234.4), "-1,234");
        assert_eq!(counted(1, "customer"), "1 customer");
        assert_eq!(counted(2_000, "customer"), "2,000 customers");
        assert_eq!(quantity(0.0312), "0.031");
        assert_eq!(quantity(-0.04), "-0.04");
        assert_eq!(quantity(0.247), "0.25");
        assert_eq!(quantity(-0.0001), "0");
        assert_eq!(quantity(0.999), "1");
        assert_eq!(quantity(2.0), "2");
        assert_eq!(quantity(f64::NAN), "–");
        assert_eq!(share(0.034), "3.4 %");
        assert_eq!(share(0.45), "45 %");
        assert_eq!(share(0.0), "0 %");
        assert_eq!(duration(75.0), "75 s");
        assert_eq!(duration(864_000.0), "10 days");
        assert_eq!(day(Day(0)), "1 January 1970");
    }

    #[test]
    fn money_follows_its_currency() {
        let check = |minor, code: &str, text: &str| {
            assert_eq!(money(Money { minor, currency: code.parse().unwrap() }), text);
        };
        check(1999, "GBP", "£19.99");
        check(-123_456, "EUR", "-€1,235");
        check(1200, "JPY", "JPY 1,200");
    }

    #[test]
    fn hostile_texts_cannot_act_on_the_terminal() {
        assert_eq!(clean("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(clean("a\u{202e}b\nc"), "a\\u{202e}b\\nc");
        assert_eq!(clean("Wein & Käse 🍷"), "Wein & Käse 🍷");
    }

    #[test]
    fn lines_keep_to_the_width() {
        let text = wrapped("one two three four five", 11, 2);
        assert_eq!(text, "one two\n  three\n  four five");
        assert!(text.lines().all(|line| line.chars().count() <= 11));
        assert_eq!(wrapped("unbreakable", 4, 0), "unbreakable");
        assert_eq!(wrapped("over 99 %", 7, 0), "over\n99 %");
        assert_eq!(wrapped("n\u{a0}=\u{a0}3 and more", 8, 0), "n = 3\nand more");
    }
}
