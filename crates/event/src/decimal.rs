//! Fixed-point numbers, so that sums do not depend on the order of addition.

use std::fmt;

/// A number with six decimals, kept as an integer of millionths.
///
/// The range is ±9.2 · 10^12. Addition is done by the caller in `i128`, where it
/// is exact, associative and commutative; binary floating point is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(pub i64);

impl Decimal {
    /// Millionths in one.
    pub const ONE: i64 = 1_000_000;
    /// Decimals kept; further ones are rounded half away from zero.
    const PLACES: usize = 6;

    /// Returns a whole number as a decimal, `None` outside the range.
    #[must_use]
    pub fn from_integer(number: i64) -> Option<Self> {
        number.checked_mul(Self::ONE).map(Self)
    }

    /// Returns the decimal nearest to a float, `None` for what has no place:
    /// not a number, infinite, out of range.
    #[must_use]
    pub fn from_f64(number: f64) -> Option<Self> {
        let scaled = (number * 1e6).round();
        // 2^63 as a float; everything strictly inside converts exactly.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
        (scaled > -LIMIT && scaled < LIMIT).then_some(Self(scaled as i64))
    }

    /// Returns the number a text writes: digits, one optional point, an optional
    /// sign and exponent. Thousands separators are the caller's to remove.
    ///
    /// ```
    /// use throng_event::Decimal;
    /// assert_eq!(Decimal::parse("-12.5"), Some(Decimal(-12_500_000)));
    /// assert_eq!(Decimal::parse("1e3"), Decimal::from_integer(1_000));
    /// assert_eq!(Decimal::parse("12,5"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains(['e', 'E']) {
            return text.parse::<f64>().ok().and_then(Self::from_f64);
        }
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let mut millionths: i128 = 0;
        if whole.len() > 18 {
            return None;
        }
        for byte in whole.bytes() {
            millionths = millionths * 10 + i128::from(byte - b'0');
        }
        for place in 0..Self::PLACES {
            let digit = fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0');
            millionths = millionths * 10 + i128::from(digit);
        }
        if fraction.as_bytes().get(Self::PLACES).is_some_and(|byte| *byte >= b'5') {
            millionths += 1;
        }
        let signed = if negative { -millionths } else { millionths };
        i64::try_from(signed).ok().map(Self)
    }

    /// Returns the nearest float.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the one place where a decimal becomes a float")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips(millionths in any::<i64>()) {
            let decimal = Decimal(millionths);
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let decimal = Decimal::parse(&text);
            prop_assert!(decimal.is_none_or(|decimal| Decimal::parse(&decimal.to_string()) == Some(decimal)));
        }
    }

    #[test]
    fn further_decimals_round_half_away_from_zero() {
        assert_eq!(Decimal::parse("0.0000005"), Some(Decimal(1)));
        assert_eq!(Decimal::parse("-0.0000005"), Some(Decimal(-1)));
        assert_eq!(Decimal::parse("0.00000049"), Some(Decimal(0)));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!(Decimal::parse("99999999999999999999"), None);
        assert_eq!(Decimal::from_f64(f64::NAN), None);
        assert_eq!(Decimal::from_f64(1e300), None);
        assert_eq!(Decimal::from_integer(i64::MAX), None);
    }
}
