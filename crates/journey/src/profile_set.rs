//! A set of profiles by their numbers, one bit each: what an audience is to the
//! questions of this crate, and what every node and edge answers with.

/// Profiles by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileSet {
    /// Bit `n % 64` of word `n / 64` is profile `n`; the last word is not 0, so that
    /// equal sets have equal words.
    words: Vec<u64>,
}

/// Profiles of one word.
const BITS: u32 = u64::BITS;

impl ProfileSet {
    /// Returns the set without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a profile.
    pub fn insert(&mut self, profile: u32) {
        let word = place(profile);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (profile % BITS);
    }

    /// Returns whether a profile is a member.
    #[must_use]
    pub fn contains(&self, profile: u32) -> bool {
        self.words.get(place(profile)).is_some_and(|word| (word >> (profile % BITS)) & 1 == 1)
    }

    /// Returns how many members there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Returns whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns the members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.words).flat_map(|(word_idx, word)| {
            (0..BITS).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| word_idx * BITS + bit)
        })
    }

    /// Returns the members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |own, others| own | others)
    }

    /// Returns the members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |own, others| own & others)
    }

    /// Returns the members that are not in the other set.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |own, others| own & !others)
    }

    fn combine(&self, other: &Self, bits: impl Fn(u64, u64) -> u64) -> Self {
        let word = |words: &[u64], idx: usize| words.get(idx).copied().unwrap_or_default();
        let n_words = self.words.len().max(other.words.len());
        let mut words: Vec<u64> =
            (0..n_words).map(|idx| bits(word(&self.words, idx), word(&other.words, idx))).collect();
        words.truncate(words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1));
        Self { words }
    }
}

impl FromIterator<u32> for ProfileSet {
    fn from_iter<I: IntoIterator<Item = u32>>(profiles: I) -> Self {
        let mut set = Self::new();
        for profile in profiles {
            set.insert(profile);
        }
        set
    }
}

fn place(profile: u32) -> usize {
    // usize has at least 32 bits wherever this runs.
    usize::try_from(profile / BITS).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_of_bits_is_a_set(
            left in prop::collection::btree_set(0_u32..300, 0..40),
            right in prop::collection::btree_set(0_u32..300, 0..40),
        ) {
            let set = |members: &BTreeSet<u32>| members.iter().copied().collect::<ProfileSet>();
            let (a, b) = (set(&left), set(&right));
            prop_assert_eq!(a.iter().collect::<BTreeSet<u32>>(), left.clone());
            prop_assert_eq!(usize::try_from(a.len()), Ok(left.len()));
            prop_assert!((0..310).all(|profile| a.contains(profile) == left.contains(&profile)));
            prop_assert_eq!(a.union(&b), set(&left.union(&right).copied().collect()));
            prop_assert_eq!(a.intersection(&b), set(&left.intersection(&right).copied().collect()));
            prop_assert_eq!(a.difference(&b), set(&left.difference(&right).copied().collect()));
            prop_assert_eq!(a.difference(&a), ProfileSet::new());
        }
    }
}
