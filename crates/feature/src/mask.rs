//! Sets of rows as bits, made once for a batch and read by slices.
//!
//! Counting the rows of a slice that pass a filter is then a population count over a
//! word or two, whatever the filter was.

use std::ops::Range;

use smallvec::SmallVec;

use crate::number::{count as count_of, index};

/// Words of bits; those of a few hundred rows, which is what one profile has, need no memory of
/// their own.
type Words = SmallVec<[u64; 4]>;

/// A set of positions below a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All of them: the common case, and the one loops are quickest on.
    All,
    /// Those whose bit is set. Bits from the length on are not set.
    Bits(Words),
}

impl Mask {
    /// Returns the set of positions whose item passes.
    pub(crate) fn of<T: Copy>(items: &[T], passes: impl Fn(T) -> bool) -> Self {
        let (chunks, rest) = items.as_chunks::<64>();
        let mut words = Words::with_capacity(chunks.len() + 1);
        words.extend(chunks.iter().map(|chunk| pack(&chunk.map(|item| u8::from(passes(item))))));
        if !rest.is_empty() {
            let bits = rest.iter().enumerate().fold(0, |bits, (idx, item)| bits | u64::from(passes(*item)) << idx);
            words.push(bits);
        }
        Self::of_words(words, items.len())
    }

    /// Returns the positions of both sets.
    pub(crate) fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, other) => other.clone(),
            (this, Self::All) => this,
            (Self::Bits(mut words), Self::Bits(other)) => {
                words.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
                Self::Bits(words)
            }
        }
    }

    /// Returns the set of groups that have a member, from a set of members.
    ///
    /// Group g has the members `offsets[g]..offsets[g + 1]`.
    pub(crate) fn groups(&self, offsets: &[u32]) -> Self {
        let n_groups = offsets.len().saturating_sub(1);
        let has_member: Vec<bool> =
            offsets.windows(2).map(|pair| self.first(index(pair[0])..index(pair[1])).is_some()).collect();
        debug_assert_eq!(has_member.len(), n_groups);
        Self::of(&has_member, |has_member| has_member)
    }

    /// Returns the set of members of the groups in the set; the inverse of [`Self::groups`].
    pub(crate) fn members(&self, offsets: &[u32]) -> Self {
        let Self::Bits(_) = self else {
            return Self::All;
        };
        let n_members = offsets.last().map_or(0, |last| index(*last));
        let mut words = Words::from_elem(0, n_members.div_ceil(64));
        self.each(0..offsets.len().saturating_sub(1), |group| {
            for member in offsets[group]..offsets[group + 1] {
                let member = index(member);
                words[member / 64] |= 1 << (member % 64);
            }
        });
        Self::of_words(words, n_members)
    }

    /// Returns how many positions of a range are in the set.
    #[inline]
    pub(crate) fn count(&self, range: Range<usize>) -> u64 {
        match self {
            Self::All => count_of(range.len()),
            Self::Bits(words) => masked(words, range).map(|(_, word)| u64::from(word.count_ones())).sum(),
        }
    }

    /// Calls a function with every position of a range that is in the set, ascending.
    #[inline]
    pub(crate) fn each(&self, range: Range<usize>, mut visit: impl FnMut(usize)) {
        match self {
            Self::All => range.for_each(visit),
            Self::Bits(words) => {
                for (base, mut word) in masked(words, range) {
                    while word != 0 {
                        visit(base + bit(word.trailing_zeros()));
                        word &= word - 1;
                    }
                }
            }
        }
    }

    /// Returns the first position of a range that is in the set.
    #[inline]
    pub(crate) fn first(&self, range: Range<usize>) -> Option<usize> {
        match self {
            Self::All => (!range.is_empty()).then_some(range.start),
            Self::Bits(words) => {
                masked(words, range).find(|(_, word)| *word != 0).map(|(base, word)| base + bit(word.trailing_zeros()))
            }
        }
    }

    /// Returns the last position of a range that is in the set.
    #[inline]
    pub(crate) fn last(&self, range: Range<usize>) -> Option<usize> {
        match self {
            Self::All => (!range.is_empty()).then(|| range.end - 1),
            Self::Bits(words) => masked(words, range)
                .rfind(|(_, word)| *word != 0)
                .map(|(base, word)| base + 63 - bit(word.leading_zeros())),
        }
    }

    fn of_words(words: Words, len: usize) -> Self {
        let last = if len.is_multiple_of(64) { u64::MAX } else { (1 << (len % 64)) - 1 };
        let full = match words.split_last() {
            None => true,
            Some((tail, head)) => *tail == last && head.iter().all(|word| *word == u64::MAX),
        };
        if full { Self::All } else { Self::Bits(words) }
    }
}

/// Returns the words that cover a range with the position of their first bit, bits
/// outside the range cleared.
#[inline]
fn masked(words: &[u64], range: Range<usize>) -> impl DoubleEndedIterator<Item = (usize, u64)> {
    let (first, end) = if range.is_empty() { (0, 0) } else { (range.start / 64, range.end.div_ceil(64)) };
    let low = u64::MAX << (range.start % 64);
    let high = u64::MAX >> ((64 - range.end % 64) % 64);
    words[first..end].iter().enumerate().map(move |(idx, word)| {
        let word = if idx == 0 { word & low } else { *word };
        let word = if first + idx + 1 == end { word & high } else { word };
        ((first + idx) * 64, word)
    })
}

/// A number of bits in a word fits anything.
#[inline]
fn bit(n: u32) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// Packs 64 bytes that are 0 or 1 into the bits of a word, the first into the lowest.
///
/// Eight bytes at a time: the multiplication moves bit 8i to bit 56 + i, and no two of
/// its partial products meet (as in "Bit Twiddling Hacks", S. E. Anderson).
fn pack(bytes: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (groups, _) = bytes.as_chunks::<8>();
    groups
        .iter()
        .enumerate()
        .fold(0, |word, (idx, group)| word | (u64::from_le_bytes(*group).wrapping_mul(GATHER) >> 56) << (8 * idx))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::code;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_mask_is_the_set_it_was_made_from(
            items in prop::collection::vec(any::<bool>(), 0..300),
            ends in (0_usize..300, 0_usize..300),
        ) {
            let mask = Mask::of(&items, |item| item);
            let start = ends.0.min(items.len());
            let range = start..ends.1.clamp(start, items.len());
            let expected: Vec<usize> = range.clone().filter(|idx| items[*idx]).collect();
            let mut seen = Vec::new();
            mask.each(range.clone(), |idx| seen.push(idx));
            prop_assert_eq!(&seen, &expected);
            prop_assert_eq!(mask.count(range.clone()), count_of(expected.len()));
            prop_assert_eq!(mask.first(range.clone()), expected.first().copied());
            prop_assert_eq!(mask.last(range), expected.last().copied());
        }

        #[test]
        fn both_sets_and_their_groups(
            members in prop::collection::vec((any::<bool>(), any::<bool>()), 0..200),
            cuts in prop::collection::vec(0_usize..200, 0..80),
        ) {
            let left = Mask::of(&members, |(left, _)| left);
            let right = Mask::of(&members, |(_, right)| right);
            prop_assert_eq!(left.clone().and(&right), Mask::of(&members, |(left, right)| left && right));
            let mut offsets: Vec<u32> = cuts.into_iter().map(|cut| code(cut.min(members.len()))).collect();
            offsets.extend([0, code(members.len())]);
            offsets.sort_unstable();
            let groups: Vec<bool> = offsets
                .windows(2)
                .map(|pair| members[index(pair[0])..index(pair[1])].iter().any(|(left, _)| *left))
                .collect();
            prop_assert_eq!(left.groups(&offsets), Mask::of(&groups, |group| group));
            let group_mask = Mask::of(&groups, |group| group);
            let mut expanded = vec![false; members.len()];
            for (group, pair) in offsets.windows(2).enumerate() {
                expanded[index(pair[0])..index(pair[1])].fill(groups[group]);
            }
            prop_assert_eq!(group_mask.members(&offsets), Mask::of(&expanded, |member| member));
        }
    }
}
