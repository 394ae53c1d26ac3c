//! How often a table may be read again from inside a record that went wrong.
//!
//! A quote that is never closed shows only a mebibyte later, and reading starts again one
//! line below. Where every line has such a quote that would be a hundred thousand times
//! the file. So what is read again is counted against what is read: a table with a few
//! such quotes in a mebibyte keeps its records of several lines, any other does not.

/// Bytes read again for every byte read, in the long run.
const AGAIN_PER_BYTE: i64 = 4;
/// Bytes read again at any time: a thousand stray quotes close together.
const PATIENCE_BYTES: i64 = 1 << 26;
/// Bytes that one new start costs at least, for the parser's buffer is filled again.
const START_BYTES: i64 = super::BUFFER_BYTES as i64;

/// What may still be read again.
pub(super) struct Patience {
    n_bytes: i64,
    /// How far the table was read when this was last counted.
    place: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { n_bytes: PATIENCE_BYTES, place: 0 }
    }
}

impl Patience {
    /// Counts that the table was read up to a place.
    pub(super) fn gain(&mut self, place: u64) {
        let n_read = i64::try_from(place.saturating_sub(self.place)).unwrap_or(i64::MAX);
        self.place = self.place.max(place);
        self.n_bytes = self.n_bytes.saturating_add(n_read.saturating_mul(AGAIN_PER_BYTE)).min(PATIENCE_BYTES);
    }

    /// Counts a new start, with the bytes behind it that are read again.
    pub(super) fn lose(&mut self, n_again: u64) {
        self.n_bytes -= if n_again == 0 { 0 } else { i64::try_from(n_again).unwrap_or(i64::MAX).max(START_BYTES) };
    }

    /// Whether lines are to be read each for itself.
    pub(super) fn is_lost(&self) -> bool {
        self.n_bytes < 0
    }
}
