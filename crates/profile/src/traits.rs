//! Traits: facts about a person that may change; the latest statement holds.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use throng_event::{Event, EventKey, EventKind, Instant, Value};

/// What a trait is, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedTrait {
    /// The value.
    pub value: Value,
    /// When it was stated.
    pub occurred_at: Instant,
    /// The place of the statement among events of that instant.
    pub key: EventKey,
    /// The configured source that stated it.
    pub source: String,
}

impl StatedTrait {
    fn position(&self) -> (Instant, EventKey) {
        (self.occurred_at, self.key)
    }
}

/// The latest value of every trait of one profile, in the total order of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traits {
    values: BTreeMap<String, StatedTrait>,
}

impl Traits {
    /// Takes in what an event states about the person.
    ///
    /// The traits of a group message describe the account and are left out.
    pub fn update(&mut self, event: &Event) {
        if event.kind == EventKind::Group || event.traits.is_empty() {
            return;
        }
        let (occurred_at, key) = event.position();
        for (name, value) in &event.traits {
            let (value, source) = (value.clone(), event.source.clone());
            self.state(name, StatedTrait { value, occurred_at, key, source });
        }
    }

    /// Takes in one statement, for callers that hold columns rather than events.
    pub fn state(&mut self, name: &str, stated: StatedTrait) {
        match self.values.entry(name.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(stated);
            }
            Entry::Occupied(mut occupied) => {
                if later(&stated, occupied.get()) == Ordering::Greater {
                    occupied.insert(stated);
                }
            }
        }
    }

    /// Takes in everything another fold has seen; commutative and associative.
    pub fn merge(&mut self, other: &Self) {
        for (name, stated) in &other.values {
            self.state(name, stated.clone());
        }
    }

    /// Returns the latest value of a trait.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&StatedTrait> {
        self.values.get(name)
    }

    /// Returns all traits, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StatedTrait)> {
        self.values.iter().map(|(name, stated)| (name.as_str(), stated))
    }

    /// Returns how many traits are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Orders statements by position. Two at one position come from one event or from
/// colliding keys; their values decide, then their sources, so that the order of arrival
/// never does.
fn later(a: &StatedTrait, b: &StatedTrait) -> Ordering {
    let of_value = || sort_key(&a.value).cmp(&sort_key(&b.value));
    a.position().cmp(&b.position()).then_with(of_value).then_with(|| a.source.cmp(&b.source))
}

fn sort_key(value: &Value) -> (u8, String) {
    let kind = match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::Instant(_) => 2,
        Value::Text(_) => 3,
        Value::Json(_) => 4,
    };
    (kind, value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statements() -> impl Strategy<Value = Vec<(usize, i64, i64, usize, usize)>> {
        prop::collection::vec((0_usize..3, 0_i64..4, 0_i64..2, 0_usize..4, 0_usize..2), 0..30)
    }

    fn fold<'a>(statements: impl IntoIterator<Item = &'a (usize, i64, i64, usize, usize)>) -> Traits {
        let mut traits = Traits::default();
        for (name, at, key, value, source) in statements {
            let value = [Value::Bool(true), Value::Text("1".into()), Value::Text("2".into()), Value::Json("[]".into())]
                [*value]
                .clone();
            let stated = StatedTrait {
                value,
                occurred_at: Instant(*at),
                key: EventKey(*key),
                source: ["crm", "web"][*source].into(),
            };
            traits.state(["age", "city", "plan"][*name], stated);
        }
        traits
    }

    proptest! {
        #[test]
        fn order_and_chunks_do_not_matter(statements in statements(), cut in 0_usize..30) {
            let whole = fold(&statements);
            let (head, tail) = statements.split_at(cut.min(statements.len()));
            let mut chunks = fold(tail.iter().rev());
            chunks.merge(&fold(head));
            prop_assert_eq!(&chunks, &whole);
            chunks.merge(&whole);
            prop_assert_eq!(&chunks, &whole);
        }
    }

    #[test]
    fn the_latest_statement_holds_whenever_it_arrives() {
        let traits = fold(&[(0, 3, 0, 1, 0), (0, 1, 0, 2, 1)]);
        let age = traits.get("age").unwrap();
        assert_eq!((&age.value, age.source.as_str()), (&Value::Text("1".into()), "crm"));
    }
}
