//! Amounts of money in minor units.

use std::fmt;
use std::str::FromStr;

use crate::Decimal;

/// An ISO 4217 currency code, three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Returns the number of decimals of the minor unit (ISO 4217 table A.1):
    /// 2 for most, 0 for JPY and its like, 3 for the dinars.
    #[must_use]
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// Returns the three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructor admits ASCII letters only.
        str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = ();

    /// Reads three ASCII letters in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes: [u8; 3] = text.trim().as_bytes().try_into().map_err(|_| ())?;
        if !bytes.iter().all(u8::is_ascii_alphabetic) {
            return Err(());
        }
        Ok(Self(bytes.map(|byte| byte.to_ascii_uppercase())))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in the minor units of a currency: 1999 EUR is 19.99 €.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units; negative for money that goes back.
    pub minor: i64,
    /// The currency the units belong to.
    pub currency: Currency,
}

impl Money {
    /// Returns the amount nearest to a decimal of major units, halves away from zero.
    ///
    /// ```
    /// use throng_event::{Currency, Decimal, Money};
    /// let yen: Currency = "JPY".parse().unwrap();
    /// let price = Decimal::parse("1200").unwrap();
    /// assert_eq!(Money::from_major(price, yen).minor, 1200);
    /// ```
    #[must_use]
    pub fn from_major(amount: Decimal, currency: Currency) -> Self {
        let millionths_per_minor = Decimal::ONE / 10_i64.pow(currency.exponent());
        let half = millionths_per_minor / 2;
        let rounded = (i128::from(amount.0) + i128::from(amount.0.signum() * half)) / i128::from(millionths_per_minor);
        // |amount| / 1000 at the least always fits.
        Self { minor: i64::try_from(rounded).unwrap_or(i64::MAX), currency }
    }

    /// Returns the amount in major units.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for showing; sums stay in minor units")]
    pub fn to_major(self) -> f64 {
        self.minor as f64 / 10_f64.powi(self.currency.exponent().cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: &str, currency: &str, minor: i64) {
        let money = Money::from_major(Decimal::parse(amount).unwrap(), currency.parse().unwrap());
        assert_eq!(money.minor, minor, "{amount} {currency}");
    }

    #[test]
    fn minor_units_follow_the_currency() {
        check("19.99", "EUR", 1999);
        check("-19.995", "eur", -2000);
        check("1200", "JPY", 1200);
        check("1.2345", "KWD", 1235);
        check("0.004", "USD", 0);
    }

    #[test]
    fn a_currency_is_three_letters() {
        for text in ["", "EU", "EURO", "E1R", "€€€"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
