//! What the text of a cell looks like.

use throng_event::{Decimal, Value};

use crate::mapping::DecimalMark;
use crate::number;

/// Digits a number has at most before it is rather an id or a code.
const DIGITS_MAX: usize = 12;

/// Returns the number or truth value a text plainly is, `None` for text.
///
/// Codes stay text: a leading zero, a plus sign or many digits are no quantity.
pub(crate) fn plain_value(text: &str, mark: DecimalMark) -> Option<Value> {
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return truth(text).map(Value::Bool);
    }
    plain_number(text, mark).map(Value::Number)
}

/// Returns the number a text plainly is.
pub(crate) fn plain_number(text: &str, mark: DecimalMark) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut bytes = digits.bytes();
    let first = bytes.next()?;
    let leading_zero = first == b'0' && bytes.next().is_some_and(|byte| byte.is_ascii_digit());
    if !first.is_ascii_digit() || leading_zero {
        return None;
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',') {
        return None;
    }
    let whole = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    if whole > DIGITS_MAX {
        return None;
    }
    number::parse(text, mark)
}

/// Returns the truth value a text names.
pub(crate) fn truth(text: &str) -> Option<bool> {
    let names = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if names(["true", "yes", "1", "y"]) {
        return Some(true);
    }
    names(["false", "no", "0", "n"]).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Value>) {
        assert_eq!(plain_value(text, DecimalMark::Point), expected, "{text}");
    }

    #[test]
    fn quantities_are_numbers_and_codes_are_text() {
        check("12", Some(Value::Number(Decimal(12_000_000))));
        check("-0.5", Some(Value::Number(Decimal(-500_000))));
        check("0", Some(Value::Number(Decimal(0))));
        check("TRUE", Some(Value::Bool(true)));
        for code in ["007", "+1", "85123A", "2817722496551184128", "1e5", "", "-", "12-1", "yes"] {
            check(code, None);
        }
    }
}
