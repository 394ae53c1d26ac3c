//! Numbers for keys, in the order in which the keys are first seen.
//!
//! Edges, paths and contexts are counted by a dense number; looking it up in an ordered
//! map took most of the time of a question over ten million events. The hash is fixed
//! and its order never shows: numbers are those of arrival.

/// Keys and their numbers: an open-addressed table over a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    keys: Vec<u64>,
    /// The number of the key that hashes here, plus one; 0 where there is none.
    /// As many as a power of two, or none; at most half of them are taken.
    slots: Vec<u32>,
}

/// The slots of a table that holds anything.
const N_SLOTS_MIN: usize = 64;

impl Interner {
    /// Returns the number of a key, a new one when it was not seen before.
    pub(crate) fn intern(&mut self, key: u64) -> u32 {
        if self.slots.len() < 2 * (self.keys.len() + 1) {
            self.grow();
        }
        let slot = self.slot(key);
        if self.slots[slot] == 0 {
            self.keys.push(key);
            // Keys come from events, whose rows fit 32 bits.
            self.slots[slot] = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        }
        self.slots[slot] - 1
    }

    /// Returns the number of a key that was seen.
    pub(crate) fn find(&self, key: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots[self.slot(key)].checked_sub(1)
    }

    /// Returns the keys by their numbers.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Returns the slot that holds a key or would.
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(key) & mask;
        while let Some(number) = self.slots[slot].checked_sub(1)
            && self.keys[crate::numbers::position(number)] != key
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let n_slots = (2 * self.slots.len()).max(N_SLOTS_MIN);
        self.slots = vec![0; n_slots];
        for (number, key) in (1..).zip(&self.keys) {
            let mut slot = hash(*key) & (n_slots - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (n_slots - 1);
            }
            self.slots[slot] = number;
        }
    }
}

/// Returns the mixed bits of a key: the finalizer of splitmix64 (Steele et al. 2014).
pub(crate) fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

fn hash(key: u64) -> usize {
    // The lower bits suffice where usize has 32.
    usize::try_from(mix(key) & u64::from(u32::MAX)).unwrap_or_default()
}

/// Returns a key made of two numbers, ordered as the pair.
pub(crate) fn pair(first: u32, second: u32) -> u64 {
    (u64::from(first) << 32) | u64::from(second)
}

/// Returns the two numbers of a key.
pub(crate) fn unpair(key: u64) -> (u32, u32) {
    let low = u32::try_from(key & u64::from(u32::MAX)).unwrap_or_default();
    (u32::try_from(key >> 32).unwrap_or_default(), low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_places_of_first_arrival(keys in prop::collection::vec(0_u64..90, 0..400)) {
            let mut interner = Interner::default();
            let mut seen: Vec<u64> = Vec::new();
            prop_assert_eq!(interner.find(7), None);
            for key in keys {
                if !seen.contains(&key) {
                    prop_assert_eq!(interner.find(key), None);
                    seen.push(key);
                }
                let number = crate::numbers::position(interner.intern(key));
                prop_assert_eq!(seen[number], key);
                prop_assert_eq!(interner.find(key).map(crate::numbers::position), Some(number));
            }
            prop_assert_eq!(interner.keys(), seen);
        }

        #[test]
        fn a_pair_comes_apart_again(first: u32, second: u32) {
            prop_assert_eq!(unpair(pair(first, second)), (first, second));
        }
    }
}
