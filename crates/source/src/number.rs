//! Numbers as people and exports write them, and their exact products.

use throng_event::Decimal;

use crate::DecimalMark;

/// Returns the number a text writes: signs before or behind, brackets for negative
/// amounts, a currency sign or code at either end, separators of thousands.
pub(crate) fn parse(text: &str, mark: DecimalMark) -> Option<Decimal> {
    let text = text.trim();
    if mark == DecimalMark::Point
        && let Some(number) = Decimal::parse(text)
    {
        return Some(number);
    }
    if mark == DecimalMark::Comma && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Decimal::parse(text);
    }
    let (text, bracketed) = match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let (text, signed) = bare(text);
    let digits = ungrouped(text, mark)?;
    let number = Decimal::parse(&digits)?;
    Some(if bracketed != signed { Decimal(-number.0) } else { number })
}

/// Returns the text without signs and currency at its ends, and whether there was a minus.
fn bare(text: &str) -> (&str, bool) {
    let outside =
        |c: char| c.is_alphabetic() || c.is_whitespace() || matches!(c, '$' | '€' | '£' | '¥' | '₹' | '+' | '-' | '−');
    let inner = text.trim_matches(outside);
    // Letters inside, or more of them than a currency code has, make it no number.
    let ends = text.len() - inner.len();
    let n_letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let minus = text.contains(['-', '−']);
    if n_letters > 3 || ends > 12 { ("", false) } else { (inner, minus) }
}

/// Returns plain digits with a point, `None` where the groups of thousands are uneven.
fn ungrouped(text: &str, mark: DecimalMark) -> Option<String> {
    let (point, separator) = match mark {
        DecimalMark::Point => ('.', ','),
        DecimalMark::Comma => (',', '.'),
    };
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let groups: Vec<&str> = whole.split([separator, '\'', ' ', '\u{a0}', '\u{202f}']).collect();
    let even = groups.iter().skip(1).all(|group| group.len() == 3) && (groups.len() == 1 || groups[0].len() <= 3);
    if !even || groups[0].is_empty() && groups.len() > 1 {
        return None;
    }
    let mut digits = groups.concat();
    if let Some(fraction) = fraction {
        digits.push('.');
        digits.push_str(fraction);
    }
    Some(digits)
}

/// Returns the product of two numbers, six decimals, halves away from zero.
pub(crate) fn times(left: Decimal, right: Decimal) -> Option<Decimal> {
    let exact = i128::from(left.0) * i128::from(right.0);
    let one = i128::from(Decimal::ONE);
    i64::try_from((exact + exact.signum() * (one / 2)) / one).ok().map(Decimal)
}

/// Returns the difference of two numbers.
pub(crate) fn minus(left: Decimal, right: Decimal) -> Option<Decimal> {
    left.0.checked_sub(right.0).map(Decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, mark: DecimalMark, expected: Option<&str>) {
        let number = parse(text, mark).map(|number| number.to_string());
        assert_eq!(number.as_deref(), expected, "{text:?} {mark:?}");
    }

    #[test]
    fn numbers_are_read_as_exports_write_them() {
        check("12.5", DecimalMark::Point, Some("12.5"));
        check("-1,234,567.89", DecimalMark::Point, Some("-1234567.89"));
        check("£3.20", DecimalMark::Point, Some("3.2"));
        check("-$3.20", DecimalMark::Point, Some("-3.2"));
        check("(1,200.00)", DecimalMark::Point, Some("-1200"));
        check("12 EUR", DecimalMark::Point, Some("12"));
        check("12,50 €", DecimalMark::Comma, Some("12.5"));
        check("1.234,5-", DecimalMark::Comma, Some("-1234.5"));
        check("1 234,5", DecimalMark::Comma, Some("1234.5"));
        check("-7", DecimalMark::Comma, Some("-7"));
    }

    #[test]
    fn what_could_be_two_numbers_is_none() {
        check("12,5", DecimalMark::Point, None);
        check("1.5", DecimalMark::Comma, None);
        check("1,23,456", DecimalMark::Point, None);
        check("two", DecimalMark::Point, None);
        check("12 apples", DecimalMark::Point, None);
        check("", DecimalMark::Comma, None);
        check("-", DecimalMark::Point, None);
        check("2024-01-01", DecimalMark::Point, None);
    }

    #[test]
    fn products_round_half_away_from_zero() {
        assert_eq!(times(Decimal(1), Decimal(500_000)), Some(Decimal(1)));
        assert_eq!(times(Decimal(-1), Decimal(500_000)), Some(Decimal(-1)));
        assert_eq!(times(Decimal(2_550_000), Decimal(6_000_000)), Some(Decimal(15_300_000)));
        assert_eq!(times(Decimal(i64::MAX), Decimal(i64::MAX)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            for mark in [DecimalMark::Point, DecimalMark::Comma] {
                let _: Option<Decimal> = parse(&text, mark);
            }
        }
    }
}
