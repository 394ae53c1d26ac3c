//! A rule: at most three conditions on features, in the words of SQL, by which a persona can be told.
//!
//! The text is at once what is stored, what is queried, and what people can copy into any engine
//! that reads the home's tables. A missing value fulfils no condition, as a null passes no `WHERE`.

use std::fmt;
use std::str::FromStr;

use crate::{PersonaError, Population, Values};

/// The most conditions of a rule; nobody keeps four in mind.
pub(crate) const CONDITIONS_MAX: usize = 3;

/// Conditions that all hold.
///
/// ```
/// use throng_persona::{Bound, Rule};
///
/// let rule: Rule = "\"orders\" >= 3 AND \"device\" = 'mobile'".parse()?;
/// assert_eq!(rule.conditions()[0].bound, Bound::AtLeast(3.0));
/// assert_eq!(rule.as_str(), "\"orders\" >= 3 AND \"device\" = 'mobile'");
/// # Ok::<(), throng_persona::PersonaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    conditions: Vec<Condition>,
    text: String,
}

/// One condition on a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The feature's name.
    pub feature: String,
    /// What its value must be.
    pub bound: Bound,
}

/// What the value of a feature must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// So much or more.
    AtLeast(f64),
    /// Less than so much.
    Below(f64),
    /// This category.
    Is(String),
    /// Another category.
    IsNot(String),
}

impl Rule {
    /// Returns the rule of at least one and at most three conditions.
    ///
    /// # Errors
    /// [`PersonaError::InvalidRule`] for more or fewer, and for a threshold that is no number.
    pub fn new(conditions: Vec<Condition>) -> Result<Self, PersonaError> {
        let text = sql(&conditions, "");
        let finite = |condition: &Condition| match condition.bound {
            Bound::AtLeast(threshold) | Bound::Below(threshold) => threshold.is_finite(),
            Bound::Is(_) | Bound::IsNot(_) => true,
        };
        if (1..=CONDITIONS_MAX).contains(&conditions.len()) && conditions.iter().all(finite) {
            return Ok(Self { conditions, text });
        }
        Err(PersonaError::InvalidRule(text))
    }

    /// Returns the conditions.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Returns the rule as SQL over the columns of the features table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the rule as SQL over the columns of a table that goes by `alias`.
    pub(crate) fn sql_of(&self, alias: &str) -> String {
        sql(&self.conditions, &format!("{alias}."))
    }

    /// Returns, for every profile, whether it fulfils the rule.
    ///
    /// # Errors
    /// [`PersonaError::Unknown`] when the population lacks a feature, or has it as another type.
    pub fn fits(&self, population: &Population) -> Result<Vec<bool>, PersonaError> {
        let mut fits = vec![true; population.profiles.len()];
        for condition in &self.conditions {
            let values = &population.feature(&condition.feature)?.values;
            condition.check(values)?;
            for (row, fit) in fits.iter_mut().enumerate() {
                *fit = *fit && condition.holds(values, row);
            }
        }
        Ok(fits)
    }
}

impl Condition {
    /// Returns whether the condition can be asked of the values.
    fn check(&self, values: &Values) -> Result<(), PersonaError> {
        let unknown = |what: &'static str| PersonaError::Unknown { what, name: self.feature.clone() };
        match (values, &self.bound) {
            (Values::Numbers(_), Bound::AtLeast(_) | Bound::Below(_))
            | (Values::Categories(_), Bound::Is(_) | Bound::IsNot(_)) => Ok(()),
            (Values::Categories(_), Bound::AtLeast(_) | Bound::Below(_)) => Err(unknown("numeric feature")),
            (Values::Numbers(_), Bound::Is(_) | Bound::IsNot(_)) => Err(unknown("categorical feature")),
        }
    }

    /// Returns whether the condition holds for the value in a row; a missing one fulfils nothing.
    pub(crate) fn holds(&self, values: &Values, row: usize) -> bool {
        match (values, &self.bound) {
            (Values::Numbers(numbers), Bound::AtLeast(threshold)) => numbers[row] >= *threshold,
            (Values::Numbers(numbers), Bound::Below(threshold)) => numbers[row] < *threshold,
            (Values::Categories(categories), Bound::Is(value)) => categories[row].as_ref() == Some(value),
            (Values::Categories(categories), Bound::IsNot(value)) => {
                categories[row].as_ref().is_some_and(|known| known != value)
            }
            (Values::Numbers(_), Bound::Is(_) | Bound::IsNot(_))
            | (Values::Categories(_), Bound::AtLeast(_) | Bound::Below(_)) => false,
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Rule {}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn sql(conditions: &[Condition], prefix: &str) -> String {
    let one = |condition: &Condition| {
        let column = format!("{prefix}{}", quoted(&condition.feature, '"'));
        match &condition.bound {
            Bound::AtLeast(threshold) => format!("{column} >= {threshold}"),
            Bound::Below(threshold) => format!("{column} < {threshold}"),
            Bound::Is(value) => format!("{column} = {}", quoted(value, '\'')),
            Bound::IsNot(value) => format!("{column} <> {}", quoted(value, '\'')),
        }
    };
    conditions.iter().map(one).collect::<Vec<_>>().join(" AND ")
}

/// Returns a name or text between the marks SQL puts around it.
fn quoted(text: &str, mark: char) -> String {
    format!("{mark}{}{mark}", text.replace(mark, &format!("{mark}{mark}")))
}

impl FromStr for Rule {
    type Err = PersonaError;

    /// Reads what [`Rule::as_str`] returned.
    fn from_str(text: &str) -> Result<Self, PersonaError> {
        let invalid = || PersonaError::InvalidRule(text.chars().take(REFUSED_LENGTH_MAX).collect());
        let mut rest = text;
        let mut conditions = Vec::new();
        loop {
            let (condition, after) = condition(rest).ok_or_else(invalid)?;
            conditions.push(condition);
            if after.is_empty() {
                return Self::new(conditions);
            }
            rest = after.strip_prefix(" AND ").filter(|_| conditions.len() < CONDITIONS_MAX).ok_or_else(invalid)?;
        }
    }
}

/// The most of a refused text that an error repeats.
const REFUSED_LENGTH_MAX: usize = 200;

/// Reads one condition and returns what follows it.
fn condition(text: &str) -> Option<(Condition, &str)> {
    let (feature, rest) = unquoted(text, '"')?;
    let number = |text: &str| -> Option<f64> { text.parse().ok() };
    for (operator, bound) in [(" >= ", Bound::AtLeast as fn(f64) -> Bound), (" < ", Bound::Below)] {
        if let Some(rest) = rest.strip_prefix(operator) {
            let end = rest.find(' ').unwrap_or(rest.len());
            return Some((Condition { feature, bound: bound(number(&rest[..end])?) }, &rest[end..]));
        }
    }
    for (operator, bound) in [(" = ", Bound::Is as fn(String) -> Bound), (" <> ", Bound::IsNot)] {
        if let Some(rest) = rest.strip_prefix(operator) {
            let (value, rest) = unquoted(rest, '\'')?;
            return Some((Condition { feature, bound: bound(value) }, rest));
        }
    }
    None
}

/// Reads a text between marks, a doubled mark being one of the text's own; returns what follows.
fn unquoted(text: &str, mark: char) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix(mark)?;
    let mut found = String::new();
    loop {
        let (before, after) = rest.split_once(mark)?;
        found.push_str(before);
        match after.strip_prefix(mark) {
            Some(after) => {
                found.push(mark);
                rest = after;
            }
            None => return Some((found, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn bounds() -> impl Strategy<Value = Bound> {
        prop_oneof![
            (-1e9..1e9_f64).prop_map(Bound::AtLeast),
            (-1.0..1.0_f64).prop_map(Bound::Below),
            ".{0,8}".prop_map(Bound::Is),
            "['\" AND]{0,8}".prop_map(Bound::IsNot),
        ]
    }

    proptest! {
        #[test]
        fn rules_survive_their_stored_form(parts in prop::collection::vec(("['\"a ]{0,6}", bounds()), 1..4)) {
            let conditions: Vec<Condition> =
                parts.into_iter().map(|(feature, bound)| Condition { feature, bound }).collect();
            let rule = Rule::new(conditions.clone()).unwrap();
            let again: Rule = rule.as_str().parse().unwrap();
            prop_assert_eq!(again.conditions(), conditions.as_slice());
            prop_assert_eq!(again, rule);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.as_str().parse::<Rule>(), Ok(rule.clone()));
            }
        }
    }

    #[test]
    fn texts_that_are_no_rules_are_refused() {
        for text in [
            "",
            "\"a\"",
            "\"a\" >= ",
            "\"a\" >= x",
            "\"a\" >= NaN",
            "\"a\" >= 1 OR \"b\" < 2",
            "\"a\" = 'x",
            "\"a\" >= 1; DROP TABLE events",
            "\"a\" < 1 AND \"b\" < 1 AND \"c\" < 1 AND \"d\" < 1",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        assert!(Rule::new(Vec::new()).is_err());
    }

    #[test]
    fn missing_values_fulfil_nothing() {
        let numbers = Values::Numbers(vec![f64::NAN, 1.0, 3.0]);
        let check = |values: &Values, bound: Bound, expected: [bool; 3]| {
            let condition = Condition { feature: "a".to_owned(), bound };
            assert_eq!([0, 1, 2].map(|row| condition.holds(values, row)), expected);
        };
        check(&numbers, Bound::AtLeast(3.0), [false, false, true]);
        check(&numbers, Bound::Below(3.0), [false, true, false]);
        let categories = Values::Categories(vec![None, Some("x".to_owned()), Some("y".to_owned())]);
        check(&categories, Bound::Is("x".to_owned()), [false, true, false]);
        check(&categories, Bound::IsNot("x".to_owned()), [false, false, true]);
        let wrong = Condition { feature: "a".to_owned(), bound: Bound::Is("x".to_owned()) };
        assert!(wrong.check(&numbers).is_err());
    }
}
