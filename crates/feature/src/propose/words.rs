//! Names and words of proposed features.

use crate::Window;

/// Characters of a value or event that go into a feature's name.
const SLUG_CHARS_MAX: usize = 40;

/// Returns a text as a part of a name: lower-case ASCII words joined by underscores,
/// beginning with a letter.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    let mut lower_before = false;
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            if letter.is_ascii_uppercase() && lower_before {
                slug.push('_');
            }
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
        lower_before = letter.is_ascii_lowercase();
    }
    slug.truncate(SLUG_CHARS_MAX);
    let slug = slug.trim_end_matches('_');
    match slug.bytes().next() {
        Some(first) if first.is_ascii_lowercase() => slug.to_owned(),
        Some(_) => format!("v_{slug}"),
        None => "value".to_owned(),
    }
}

/// Returns what a name gets for its window.
pub(super) fn window_suffix(window: Window) -> String {
    window.n_days().map_or_else(String::new, |n_days| format!("_{n_days}d"))
}

/// Returns what a phrase gets for its window.
pub(crate) fn window_phrase(window: Window) -> String {
    match window.n_days() {
        None => String::new(),
        Some(365) => " in the last year".to_owned(),
        Some(n_days) => format!(" in the last {n_days} days"),
    }
}

/// Returns an event's name as what one counts.
pub(super) fn events_phrase(event: &str) -> String {
    format!("times of “{event}”")
}

/// Returns a field's or trait's name as words: `household_size` is "household size".
pub(super) fn name_words(name: &str) -> String {
    slug(name).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_valid_part_of_a_name() {
        for (text, expected) in [
            ("Order Completed", "order_completed"),
            ("addToCart", "add_to_cart"),
            ("COLD CEREAL/BARS", "cold_cereal_bars"),
            ("  7-up  ", "v_7_up"),
            ("Käse", "k_se"),
            ("日本", "value"),
            ("", "value"),
        ] {
            assert_eq!(slug(text), expected);
        }
        assert!(slug(&"x".repeat(500)).len() <= SLUG_CHARS_MAX);
    }
}
