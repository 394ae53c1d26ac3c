//! Round numbers: the values near a threshold that somebody would say.

use crate::number::{floor, real};
use crate::sense::currency;
use crate::{FeatureColumn, Values};

/// Steps to either side of a threshold that are looked at.
const N_STEPS: i64 = 2;

/// Returns values near a threshold that read well in the feature's unit, the roundest first, then
/// the nearest, then the least.
///
/// Every one is printed as it is by [`crate::statement::value_text`]: what is read is what is asked.
pub(crate) fn round_values(threshold: f64, feature: &FeatureColumn) -> Vec<f64> {
    let unit = Unit::of(threshold, feature);
    let magnitude = (threshold / unit.one.value()).abs();
    let mut values: Vec<(usize, f64)> = Vec::new();
    for (rank, step) in unit.steps(magnitude).into_iter().enumerate() {
        let before = floor(threshold / step.times(unit.one).value());
        for position in before - N_STEPS + 1..=before + N_STEPS {
            let steps = Fraction(position, 1).times(step);
            let value = steps.times(unit.one).value();
            let known = values.iter().any(|(_, other)| other.to_bits() == value.to_bits());
            if !known && unit.prints(steps) {
                values.push((rank, value));
            }
        }
    }
    values.sort_by(|a, b| {
        let distance = |value: f64| (value - threshold).abs();
        a.0.cmp(&b.0).then(distance(a.1).total_cmp(&distance(b.1))).then(a.1.total_cmp(&b.1))
    });
    values.into_iter().map(|(_, value)| value).collect()
}

/// A quotient of whole numbers. Rounded once, in [`Fraction::value`], it is the float that the same
/// decimal is read as, here and in SQL.
#[derive(Debug, Clone, Copy)]
struct Fraction(i64, i64);

impl Fraction {
    fn times(self, other: Self) -> Self {
        Self(self.0.saturating_mul(other.0), self.1.saturating_mul(other.1))
    }

    fn value(self) -> f64 {
        real(i128::from(self.0)) / real(i128::from(self.1))
    }
}

/// How a feature's values are read.
struct Unit {
    /// What one is, in the feature's own unit.
    one: Fraction,
    reading: Reading,
    /// Whether it is a length of time, which is read in another unit when it is longer.
    timed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As a whole number.
    Whole,
    /// As per cent.
    Percent,
    /// As money with decimals.
    Money,
    /// As [`crate::format::quantity`].
    Quantity,
}

impl Unit {
    fn of(threshold: f64, feature: &FeatureColumn) -> Self {
        let whole = match &feature.values {
            Values::Numbers(numbers) => !numbers.iter().any(|number| number.fract().abs() > 0.0),
            Values::Categories(_) => false,
        };
        let unit = |one: Fraction, reading: Reading| Self { one, reading, timed: false };
        let counted = if whole { Reading::Whole } else { Reading::Quantity };
        if let Some(currency) = currency(&feature.definition) {
            let unbroken = whole || currency.exponent() == 0;
            return unit(Fraction(1, 1), if unbroken { Reading::Whole } else { Reading::Money });
        }
        match feature.definition.unit.as_str() {
            "share" | "%" => unit(Fraction(1, 100), Reading::Percent),
            "seconds" | "s" => {
                let seconds = seconds_of(threshold.abs());
                let reading = if seconds == 1 { Reading::Whole } else { Reading::Quantity };
                Self { one: Fraction(seconds, 1), reading, timed: true }
            }
            _ => unit(Fraction(1, 1), counted),
        }
    }

    /// Returns the steps people count in at a magnitude, the roundest first.
    fn steps(&self, magnitude: f64) -> Vec<Fraction> {
        if magnitude < 0.1 && self.reading == Reading::Quantity {
            return vec![Fraction(1, 10), Fraction(1, 100)];
        }
        if magnitude < 1.0 && self.reading != Reading::Whole {
            return vec![Fraction(1, 2), Fraction(1, 10)];
        }
        if magnitude < 10.0 {
            return vec![Fraction(1, 1), Fraction(1, 2)];
        }
        let mut decade = 10;
        while decade < i64::MAX / 100 && magnitude >= real(i128::from(decade) * 10) {
            decade *= 10;
        }
        vec![Fraction(decade, 1), Fraction(decade / 2, 1), Fraction(decade / 10, 1)]
    }

    /// Whether a value, in ones, is printed without rounding. The bounds are those of
    /// [`crate::format`].
    fn prints(&self, value: Fraction) -> bool {
        let magnitude = value.value().abs();
        if self.timed && seconds_of(magnitude * self.one.value()) != self.one.0 {
            return false;
        }
        let denominator = match self.reading {
            Reading::Whole => 1,
            Reading::Percent if magnitude < 0.95 => 10,
            Reading::Percent => 1,
            Reading::Money if magnitude < 99.995 => 100,
            Reading::Money => 1,
            Reading::Quantity if magnitude < 0.095 => 100,
            Reading::Quantity if magnitude < 9.95 => 10,
            Reading::Quantity => 1,
        };
        i128::from(value.0) * denominator % i128::from(value.1) == 0
    }
}

/// Returns the seconds in the unit a length of time is read in; see [`crate::format::duration`].
fn seconds_of(magnitude: f64) -> i64 {
    match magnitude {
        magnitude if magnitude < 90.0 => 1,
        magnitude if magnitude < 90.0 * 60.0 => 60,
        magnitude if magnitude < 48.0 * 3_600.0 => 3_600,
        _ => 86_400,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
    use throng_event::Field;
    use throng_feature::{FeatureDefinition, FeatureKind, Filter, SignalCategory, Window};

    use super::*;
    use crate::statement::value_text;

    fn feature(unit: &str, values: Vec<f64>) -> FeatureColumn {
        let definition = FeatureDefinition {
            name: "feature".to_owned(),
            kind: FeatureKind::Mean { of: Field::Amount },
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: "feature".to_owned(),
            unit: unit.to_owned(),
            category: SignalCategory::Behavioural,
        };
        FeatureColumn { definition, values: Values::Numbers(values) }
    }

    fn check(threshold: f64, unit: &str, values: &[f64], expected: &[f64]) {
        assert_eq!(round_values(threshold, &feature(unit, values.to_vec())), expected);
    }

    #[test]
    fn the_roundest_come_first() {
        check(4.0, "orders", &[1.0, 2.0], &[4.0, 3.0, 5.0, 6.0]);
        check(0.347, "share", &[0.1], &[0.3, 0.4, 0.2, 0.5, 0.35, 0.25, 0.34, 0.36, 0.33]);
        check(0.6, "ratio", &[0.1], &[0.5, 1.0, 0.0, 1.5, 0.6, 0.7, 0.4]);
    }

    /// Returns the number in a text, in the unit the text names.
    fn read(text: &str) -> f64 {
        let plain = text.replace([',', '€', '¥'], "");
        let (number, unit) = plain.split_once(' ').unwrap_or((&plain, ""));
        let number: f64 = number.parse().unwrap();
        match unit {
            "%" => number / 100.0,
            "min" => number * 60.0,
            "h" => number * 3_600.0,
            _ => number,
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_asked(
            mantissa in 0.1..1.0_f64,
            exponent in -3..7_i32,
            unit in prop::sample::select(vec!["orders", "share", "EUR", "JPY", "days", "ratio", "seconds"]),
        ) {
            let threshold = mantissa * 10.0_f64.powi(exponent);
            let feature = feature(unit, vec![threshold]);
            let values = round_values(threshold, &feature);
            prop_assert!(!values.is_empty());
            for value in values.into_iter().filter(|value| *value > 0.0) {
                let text = value_text(&feature.definition, value);
                let scale = if unit == "seconds" && text.contains(" day") { 86_400.0 } else { 1.0 };
                prop_assert_eq!(format!("{:.9}", read(&text) * scale), format!("{value:.9}"), "{}", text);
            }
        }
    }
}
