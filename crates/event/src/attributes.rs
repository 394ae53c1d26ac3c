//! Named values, ordered by name.
//!
//! An event carries some twenty of them, almost all with short names and short texts: a sorted
//! list with texts that lie in place costs a third of a tree of texts on the heap, and a history
//! is read many millions of times twenty.

use std::fmt;

use compact_str::CompactString;

use crate::{Decimal, Instant};

/// A value of a property, a trait or a field of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number, six decimals.
    Number(Decimal),
    /// A point in time.
    Instant(Instant),
    /// A text.
    Text(CompactString),
    /// A list or object, as compact JSON text.
    Json(String),
}

impl Value {
    /// Returns the text as a value.
    #[must_use]
    pub fn text(text: impl Into<CompactString>) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Instant(instant) => write!(f, "{instant}"),
            Self::Text(text) => f.write_str(text),
            Self::Json(text) => f.write_str(text),
        }
    }
}

/// Named values, ordered by name, no two of one name. Nested objects are flattened with dots
/// (`campaign.name`); what is deeper than a source flattens is [`Value::Json`].
///
/// ```
/// use throng_event::{Attributes, Value};
///
/// let mut context = Attributes::new();
/// context.insert("page.path", Value::text("/shoes"));
/// assert!(!context.insert_if_absent("page.path", Value::Bool(true)));
/// assert_eq!(context.get("page.path"), Some(&Value::text("/shoes")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    values: Vec<(CompactString, Value)>,
    /// The bits of the names there are, and maybe of some there were, see [`bit`]: admission
    /// asks for some thirty names of which an event has almost none.
    bits: u64,
}

/// Returns one bit of a name; names that differ mostly have different ones.
fn bit(name: &str) -> u64 {
    let (Some(first), Some(last)) = (name.as_bytes().first(), name.as_bytes().last()) else { return 1 };
    1 << ((usize::from(*first) * 7 + usize::from(*last) * 29 + name.len() * 11) % 64)
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for Attributes {}

impl Attributes {
    /// Returns no values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many more values.
    pub fn reserve(&mut self, n_values: usize) {
        self.values.reserve(n_values);
    }

    /// Returns how many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the place of a name there is.
    fn find(&self, name: &str) -> Option<usize> {
        if self.bits & bit(name) == 0 {
            return None;
        }
        self.place(name).ok()
    }

    /// Returns the place of a name, or the one it would have.
    fn place(&self, name: &str) -> Result<usize, usize> {
        // Names mostly arrive in order, from tables and from what was written in order.
        if self.values.last().is_none_or(|(last, _)| last.as_str() < name) {
            return Err(self.values.len());
        }
        self.values.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|place| &self.values[place].1)
    }

    /// Returns whether there is a value of this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Sets the value of a name, in place of an earlier one.
    pub fn insert(&mut self, name: impl Into<CompactString>, value: Value) {
        let name = name.into();
        self.bits |= bit(&name);
        match self.place(&name) {
            Ok(place) => self.values[place].1 = value,
            Err(place) => self.values.insert(place, (name, value)),
        }
    }

    /// Adds a value whose name comes behind all there are.
    ///
    /// ```
    /// use throng_event::{Attributes, Value};
    ///
    /// let mut properties = Attributes::new();
    /// properties.push("a".into(), Value::Bool(true));
    /// properties.push("b".into(), Value::Bool(true));
    /// assert!(properties.contains_key("b"));
    /// ```
    pub fn push(&mut self, name: CompactString, value: Value) {
        debug_assert!(self.values.last().is_none_or(|(last, _)| *last < name), "names are pushed in their order");
        self.bits |= bit(&name);
        self.values.push((name, value));
    }

    /// Sets the value of a name that has none; returns whether it had none.
    pub fn insert_if_absent(&mut self, name: impl Into<CompactString>, value: Value) -> bool {
        let name = name.into();
        self.bits |= bit(&name);
        let place = self.place(&name);
        if let Err(place) = place {
            self.values.insert(place, (name, value));
        }
        place.is_err()
    }

    /// Sets values of names that have none; of two of one name the earlier stays.
    pub fn extend_absent(&mut self, mut values: Vec<(CompactString, Value)>) {
        if self.is_empty() {
            // The sort is stable, so the earlier of two stays first.
            values.sort_by(|(a, _), (b, _)| a.as_str().cmp(b));
            values.dedup_by(|(later, _), (earlier, _)| later == earlier);
            self.bits = values.iter().fold(0, |bits, (name, _)| bits | bit(name));
            self.values = values;
            return;
        }
        for (name, value) in values {
            self.insert_if_absent(name, value);
        }
    }

    /// Takes the value of a name out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.find(name)?;
        Some(self.values.remove(place).1)
    }

    /// Keeps the values for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.values.retain(|(name, value)| keep(name, value));
    }

    /// Keeps the first `n_values` by name.
    pub fn truncate(&mut self, n_values: usize) {
        self.values.truncate(n_values);
    }

    /// Returns names and values, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.into_iter()
    }

    /// Returns the values to be changed, by name.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Value> {
        self.values.iter_mut().map(|(_, value)| value)
    }

    /// Returns names and their values to be changed, by name.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> {
        self.values.iter_mut().map(|(name, value)| (name.as_str(), value))
    }
}

impl<N: Into<CompactString>> Extend<(N, Value)> for Attributes {
    /// Sets values; of two of one name the later stays.
    fn extend<T: IntoIterator<Item = (N, Value)>>(&mut self, values: T) {
        for (name, value) in values {
            self.insert(name, value);
        }
    }
}

impl<N: Into<CompactString>> FromIterator<(N, Value)> for Attributes {
    fn from_iter<T: IntoIterator<Item = (N, Value)>>(values: T) -> Self {
        let mut attributes = Self::new();
        attributes.extend(values);
        attributes
    }
}

impl<N: Into<CompactString>, const LENGTH: usize> From<[(N, Value); LENGTH]> for Attributes {
    fn from(values: [(N, Value); LENGTH]) -> Self {
        values.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, &'a Value);
    type IntoIter =
        std::iter::Map<std::slice::Iter<'a, (CompactString, Value)>, fn(&'a (CompactString, Value)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl IntoIterator for Attributes {
    type Item = (CompactString, Value);
    type IntoIter = std::vec::IntoIter<(CompactString, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn many_at_once_are_as_one_by_one(
            known in proptest::collection::vec(("[a-c]{1,2}", 0_i64..99), 0..3),
            values in proptest::collection::vec(("[a-c]{1,2}", 0_i64..99), 0..40),
        ) {
            let valued = |(name, number): (String, i64)| (CompactString::from(name), Value::Number(Decimal(number)));
            let mut attributes: Attributes = known.into_iter().map(valued).collect();
            let mut one_by_one = attributes.clone();
            let values: Vec<(CompactString, Value)> = values.into_iter().map(valued).collect();
            for (name, value) in values.clone() {
                one_by_one.insert_if_absent(name, value);
            }
            attributes.extend_absent(values);
            prop_assert_eq!(attributes, one_by_one);
        }

        #[test]
        fn what_is_kept_is_what_a_tree_would_keep(
            steps in proptest::collection::vec(("[a-c]{1,2}", 0_u8..3, 0_i64..9), 0..40),
        ) {
            let (mut attributes, mut tree) = (Attributes::new(), BTreeMap::new());
            for (name, step, number) in steps {
                let value = Value::Number(Decimal(number));
                match step {
                    0 => {
                        attributes.insert(name.as_str(), value.clone());
                        tree.insert(name.clone(), value);
                    }
                    1 => {
                        prop_assert_eq!(attributes.insert_if_absent(name.as_str(), value.clone()), !tree.contains_key(&name));
                        tree.entry(name.clone()).or_insert(value);
                    }
                    _ => prop_assert_eq!(attributes.remove(&name), tree.remove(&name)),
                }
                prop_assert_eq!(attributes.get(&name), tree.get(&name));
                prop_assert_eq!(attributes.contains_key(&name), tree.contains_key(&name));
            }
            let kept: Vec<(&str, &Value)> = attributes.iter().collect();
            let expected: Vec<(&str, &Value)> = tree.iter().map(|(name, value)| (name.as_str(), value)).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
