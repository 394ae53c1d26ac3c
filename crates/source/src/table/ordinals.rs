//! Ids for rows that have none: their content, and the how-many-th of its like it is.

use std::collections::BTreeMap;

use super::row::{Columns, Row};

/// Rows remembered at least and, twice that, at most; rows that are alike and
/// farther apart are taken for one that was repeated. About 40 MB a generation.
const GENERATION_ROWS: usize = 2_097_152;

/// Counts records that are alike.
pub(crate) struct Ordinals {
    current: BTreeMap<u64, u32>,
    former: BTreeMap<u64, u32>,
    canonical: Vec<u8>,
}

impl Ordinals {
    pub(crate) fn new() -> Self {
        Self { current: BTreeMap::new(), former: BTreeMap::new(), canonical: Vec::new() }
    }

    /// Returns what makes a row the row it is among all rows of its file.
    pub(super) fn content(&mut self, row: &Row, columns: &Columns) -> Vec<u8> {
        row.canonical(columns, &mut self.canonical);
        let hash = blake3::hash(&self.canonical);
        self.numbered(hash)
    }

    /// Returns what makes a record with these bytes the one it is among all of its file.
    pub(crate) fn content_of(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.numbered(blake3::hash(bytes))
    }

    fn numbered(&mut self, hash: blake3::Hash) -> Vec<u8> {
        let ordinal = self.next(hash.as_bytes());
        let mut content = hash.as_bytes().to_vec();
        content.extend_from_slice(&ordinal.to_le_bytes());
        content
    }

    fn next(&mut self, hash: &[u8; 32]) -> u32 {
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        // Two different rows that share 64 bits are counted together and stay different.
        let short = u64::from_le_bytes(short);
        if self.current.len() >= GENERATION_ROWS {
            self.former = std::mem::take(&mut self.current);
        }
        let former = self.former.get(&short).copied().unwrap_or(0);
        let ordinal = self.current.entry(short).or_insert(former);
        *ordinal = ordinal.saturating_add(1);
        *ordinal
    }
}
