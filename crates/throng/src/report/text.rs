//! Numbers in words, and texts made fit to show.
//! Texts come from customers' data and may hold anything; numbers may be missing.

/// What stands where there is no number.
const NONE: &str = "–";

/// A space at which no line breaks, between a number and its percent sign.
const NO_BREAK: char = '\u{a0}';

/// Returns a count with its thousands apart, such as `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count at the start of a sentence: up to ten as a word.
pub(super) fn worded(n: u64) -> String {
    let words = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"];
    let word = usize::try_from(n).ok().and_then(|n| words.get(n));
    word.map_or_else(|| count(n), |word| (*word).to_owned())
}

/// Returns a share as a percentage that never rounds something to nothing or most to all.
pub(super) fn share(share: f64) -> String {
    if !share.is_finite() {
        return NONE.to_owned();
    }
    let percent = share * 100.0;
    let size = percent.abs();
    let sign = if percent < 0.0 { "−" } else { "" };
    let number = if size <= 0.0 {
        "0".to_owned()
    } else if size < 0.1 {
        return format!("{sign}<0.1{NO_BREAK}%");
    } else if size < 9.95 {
        decimal(size, 1)
    } else if (99.5..100.0).contains(&size) {
        return format!("{sign}>99{NO_BREAK}%");
    } else {
        decimal(size, 0)
    };
    format!("{sign}{number}{NO_BREAK}%")
}

/// Returns a number with at most `n_digits` after the point and no trailing zeros.
pub(super) fn decimal(number: f64, n_digits: usize) -> String {
    if !number.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{number:.n_digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text.strip_prefix('-') {
        Some("0") => "0".to_owned(),
        Some(size) => format!("−{size}"),
        None => text.to_owned(),
    }
}

/// Returns `text` without letters that steer instead of show, and with at most `n_chars_max` of the others.
///
/// Marks that override the direction of writing are dropped: they would turn the text around them too.
pub(super) fn shorten(text: &str, n_chars_max: usize) -> String {
    let mut shown = text.trim().chars().filter(|letter| !steers(*letter));
    let mut short: String = shown.by_ref().take(n_chars_max).collect();
    if shown.next().is_none() {
        return short;
    }
    short.pop();
    // Half of a joined emoji or a space before the ellipsis would look like a mistake.
    let whole = short.trim_end_matches(|letter: char| letter.is_whitespace() || joins(letter));
    format!("{whole}…")
}

/// Returns whether a letter is a control character or overrides the direction of writing.
fn steers(letter: char) -> bool {
    let overrides =
        matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    overrides || (letter.is_control() && letter != '\n' && letter != '\t')
}

/// Returns whether a letter only has meaning together with the next or the former one.
fn joins(letter: char) -> bool {
    matches!(letter, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use super::{count, decimal, share, shorten, worded};

    #[test]
    fn counts_have_thousands_apart() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn small_counts_are_words_at_the_start_of_a_sentence() {
        for (n, text) in [(0, "No"), (1, "One"), (10, "Ten"), (11, "11"), (1_200, "1,200")] {
            assert_eq!(worded(n), text);
        }
    }

    #[test]
    fn shares_never_round_something_to_nothing_or_most_to_all() {
        let cases = [
            (0.0, "0 %"),
            (0.000_4, "<0.1 %"),
            (0.034, "3.4 %"),
            (0.099_6, "10 %"),
            (0.325, "32 %"),
            (0.996, ">99 %"),
            (1.0, "100 %"),
            (1.2, "120 %"),
            (-0.02, "−2 %"),
            (f64::NAN, "–"),
        ];
        for (number, text) in cases {
            assert_eq!(share(number).replace('\u{a0}', " "), text, "{number}");
        }
    }

    #[test]
    fn decimals_carry_no_idle_zeros() {
        let cases = [(0.5, 2, "0.5"), (2.0, 2, "2"), (100.0, 0, "100"), (-0.001, 2, "0"), (-1.25, 1, "−1.2")];
        for (number, n_digits, text) in cases {
            assert_eq!(decimal(number, n_digits), text, "{number}");
        }
        assert_eq!(decimal(f64::INFINITY, 2), "–");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdef", 5), "abcd…");
        assert_eq!(shorten("abc def", 5), "abc…");
        assert_eq!(shorten(&"x".repeat(10_000), 80).chars().count(), 80);
    }

    #[test]
    fn a_joined_emoji_is_not_cut_in_its_joint() {
        assert_eq!(shorten("ab👩\u{200d}🚀cdef", 5), "ab👩…");
    }

    #[test]
    fn letters_that_steer_are_dropped() {
        assert_eq!(shorten("a\u{202e}b\u{0}c\u{1b}[31m\nd", 80), "abc[31m\nd");
    }
}
