//! Numbers as a finding's title says them, and texts as SQL takes them.

use throng_event::Instant;

/// Returns a number of things as a count.
pub(super) fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Returns a part of a whole, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^53")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns a count with its thousands apart: `1,180`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count of a noun: `1 warning`, `1,180 warnings`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", thousands(n)) }
}

/// Returns words in a row: `a, b and c`.
pub(super) fn listed(words: &[&str], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// Returns a share in per cent, with a decimal below 10 %.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "less than 0.1 %".to_owned()
    } else if percent < 9.95 && percent > 0.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// Returns the day of an instant, in UTC.
pub(super) fn day(instant: Instant) -> String {
    instant.to_string().chars().take(10).collect()
}

/// Returns a text of at most so many characters, marked where it was cut.
pub(super) fn shortened(text: &str, n_chars_max: usize) -> String {
    if text.chars().count() <= n_chars_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(n_chars_max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// Returns a name from the data as a title shows it: short, and told from the words around.
pub(super) fn quoted(name: &str) -> String {
    /// Characters of a name in a title; event names of real trackers stay below.
    const NAME_CHARS_MAX: usize = 60;
    format!("“{}”", shortened(name, NAME_CHARS_MAX))
}

/// Returns a text as a literal of SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns an instant as SQL that people can read.
pub(super) fn timestamp(instant: Instant) -> String {
    format!("TIMESTAMP '{}'", instant.to_string().trim_end_matches('Z').replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(counted(1, "warning"), "1 warning");
        assert_eq!(counted(12_345, "event"), "12,345 events");
        for (value, text) in [(0.0, "0 %"), (0.0001, "less than 0.1 %"), (0.034, "3.4 %"), (0.5, "50 %")] {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn words_in_a_row_end_with_a_conjunction() {
        for (words, text) in [(&[][..], ""), (&["a"], "a"), (&["a", "b"], "a or b"), (&["a", "b", "c"], "a, b or c")] {
            assert_eq!(listed(words, "or"), text);
        }
    }

    #[test]
    fn a_quote_cannot_end_a_literal() {
        assert_eq!(literal("a'; DROP"), "'a''; DROP'");
    }
}
