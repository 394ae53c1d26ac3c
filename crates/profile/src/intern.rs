//! Texts as small numbers, and the table that finds them.
//!
//! A graph of millions of identities compares and stores ids all the time: one arena
//! holds every text once, and everything else says its number. The table is open
//! addressing with linear probing (Knuth, TAOCP 3, 6.4) over 32 bits of the hash, and
//! every hit compares the whole text. It is of our own because the standard map cannot
//! look up by a text that lies elsewhere. Numbers follow the order of arrival, so they
//! never reach a result: what is compared or listed is the text.

use std::hash::BuildHasher;

/// The number of nothing.
pub(crate) const NONE: u32 = u32::MAX;

/// Positions of a list, found by hash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// A power of two, at most three quarters full.
    slots: Vec<Slot>,
    n_full: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    position: u32,
}

const EMPTY: Slot = Slot { tag: 0, position: NONE };
const SLOTS_MIN: usize = 16;

impl Table {
    /// Returns the position of the hash for which `same` holds.
    pub(crate) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot_idx = tag as usize & mask;
        // Ends, for a quarter of the slots is empty.
        loop {
            let slot = self.slots[slot_idx];
            if slot.position == NONE {
                return None;
            }
            if slot.tag == tag && same(slot.position) {
                return Some(slot.position);
            }
            slot_idx = (slot_idx + 1) & mask;
        }
    }

    /// Puts in a position that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, position: u32) {
        if (self.n_full + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![EMPTY; (self.slots.len() * 2).max(SLOTS_MIN)];
            let slots = std::mem::replace(&mut self.slots, larger);
            for slot in slots.into_iter().filter(|slot| slot.position != NONE) {
                self.place(slot);
            }
        }
        self.place(Slot { tag: tag(hash), position });
        self.n_full += 1;
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut slot_idx = slot.tag as usize & mask;
        while self.slots[slot_idx].position != NONE {
            slot_idx = (slot_idx + 1) & mask;
        }
        self.slots[slot_idx] = slot;
    }
}

/// Every text once, by number, each with what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Interner<T> {
    texts: String,
    entries: Vec<Entry<T>>,
    table: Table,
}

/// Where a text stands. What is known of it is kept beside: to look at both costs one
/// line of memory, and looking costs more than all else that a graph does.
#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    start: usize,
    n_bytes: u32,
    known: T,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { texts: String::new(), entries: Vec::new(), table: Table::default() }
    }
}

impl<T> Interner<T> {
    /// Returns the number of the text `prefix` + `value`; a new one, of which `known` is
    /// known, if need be.
    pub(crate) fn intern(&mut self, prefix: &str, value: &str, known: T) -> u32 {
        let hash = hash(&(prefix, value));
        if let Some(number) = self.find_hashed(hash, prefix, value) {
            return number;
        }
        let (number, start) = (next_number(self.entries.len()), self.texts.len());
        self.texts.push_str(prefix);
        self.texts.push_str(value);
        // Admission bounds ids to some hundred bytes.
        let n_bytes = next_number(self.texts.len() - start);
        self.entries.push(Entry { start, n_bytes, known });
        self.table.insert(hash, number);
        number
    }

    /// Returns the number of the text `prefix` + `value`, if it is known.
    pub(crate) fn find(&self, prefix: &str, value: &str) -> Option<u32> {
        self.find_hashed(hash(&(prefix, value)), prefix, value)
    }

    fn find_hashed(&self, hash: u64, prefix: &str, value: &str) -> Option<u32> {
        self.table.find(hash, |number| self.text(number).strip_prefix(prefix) == Some(value))
    }

    /// Returns the text of a number.
    pub(crate) fn text(&self, number: u32) -> &str {
        let entry = &self.entries[number as usize];
        &self.texts[entry.start..entry.start + entry.n_bytes as usize]
    }

    /// Returns what is known of a number.
    pub(crate) fn known(&self, number: u32) -> &T {
        &self.entries[number as usize].known
    }

    /// Returns what is known of a number, to be changed.
    pub(crate) fn known_mut(&mut self, number: u32) -> &mut T {
        &mut self.entries[number as usize].known
    }

    /// Returns how many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns every number.
    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        0..next_number(self.entries.len())
    }
}

/// Returns the hash of a key; the same on every machine and in every run.
pub(crate) fn hash(key: &impl std::hash::Hash) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

/// Returns the number of the next member of a list of this length.
///
/// Four billion identities need more memory than the machines we run on have; a home
/// of that size is to be divided before.
pub(crate) fn next_number(length: usize) -> u32 {
    let number = u32::try_from(length).unwrap_or(NONE);
    assert!(number < NONE, "more than 2^32 identities or links in one graph");
    number
}

fn tag(hash: u64) -> u32 {
    // The upper half always fits.
    u32::try_from(hash >> 32).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_one_number_and_is_found_by_it() {
        let mut interner = Interner::default();
        let texts: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
        for round in 0..2 {
            for (number, text) in (0..).zip(&texts) {
                assert_eq!(interner.intern("u:", text, round), number);
                assert_eq!(*interner.known(number), 0);
            }
        }
        assert_eq!(interner.len(), 1_000);
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(interner.find("u:", text), Some(number));
            assert_eq!(interner.text(number), format!("u:{text}"));
            assert_eq!(interner.find("a:", text), None);
        }
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        let mut table = Table::default();
        for position in 0..100 {
            table.insert(7, position);
        }
        for position in 0..100 {
            assert_eq!(table.find(7, |other| other == position), Some(position));
        }
        assert_eq!(table.find(7, |_| false), None);
        assert_eq!(table.find(8 << 32, |_| true), None);
    }
}
