//! Events on their way into histories: a part of the input, its rows by buckets of
//! neighbouring profiles.
//!
//! A counting sort over all profiles at once writes each row to another page of memory,
//! and most of its time is spent on misses of the cache. So rows go into a few hundred
//! buckets first, part by part on as many threads as there are parts, and each bucket is
//! small enough to be sorted in the cache: the two passes of Manegold, Boncz and Kersten's
//! radix-partitioned join (2002).

use std::ops::Range;

use rayon::prelude::{IntoParallelIterator, ParallelExtend, ParallelIterator};

use crate::histories::EventColumns;
use crate::numbers::position;

/// Some of the events of some histories, and what their touchpoints are called.
///
/// What is read at the same time by several threads goes into a part each; the order of
/// the parts is that of the input.
#[derive(Debug, Clone)]
pub struct EventPart {
    buckets: Buckets,
    pub(super) pieces: Vec<Piece>,
    names: Vec<String>,
}

/// Rows that are taken into buckets at once: few enough that their columns stay near,
/// many enough that a bucket gets some hundred of them.
const PIECE_ROWS: usize = 1 << 18;

impl EventPart {
    /// Starts with nothing; profiles are numbered below `n_profiles`.
    #[must_use]
    pub fn new(n_profiles: usize) -> Self {
        Self { buckets: Buckets::new(n_profiles), pieces: Vec::new(), names: Vec::new() }
    }

    /// Takes in rows.
    ///
    /// # Panics
    /// When the columns do not fit each other, or a profile has a number beyond the
    /// last, which are mistakes of the caller's.
    pub fn push(&mut self, columns: &EventColumns<'_>) {
        let n_events = columns.profile.len();
        for n_rows in columns.lengths() {
            assert_eq!(n_rows, n_events, "every event has every column");
        }
        let piece = |start: usize| Piece::new(&columns.rows(start..n_events.min(start + PIECE_ROWS)), self.buckets);
        let starts: Vec<usize> = (0..n_events).step_by(PIECE_ROWS).collect();
        self.pieces.par_extend(starts.into_par_iter().map(piece));
    }

    /// Says what its touchpoints are called, by their codes.
    pub fn set_names(&mut self, names: Vec<String>) {
        self.names = names;
    }

    /// Returns what its touchpoints are called, by their codes.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns how often each of its touchpoints occurs, by their codes.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.names.len()];
        for row in self.pieces.iter().flat_map(|piece| &piece.rows) {
            counts[position(row.touchpoint)] += 1;
        }
        counts
    }
}

/// Buckets of neighbouring profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    n_profiles: usize,
    shift: u32,
}

/// Enough that a bucket of a hundred million events stays in the cache of a core, few
/// enough that the place where each is written stays there too.
const N_BUCKETS_MAX: usize = 512;

impl Buckets {
    pub(super) fn new(n_profiles: usize) -> Self {
        let mut shift = 0;
        while n_profiles >> shift >= N_BUCKETS_MAX {
            shift += 1;
        }
        Self { n_profiles, shift }
    }

    pub(super) fn len(self) -> usize {
        (self.n_profiles >> self.shift) + 1
    }

    /// Returns the profiles of a bucket.
    pub(super) fn profiles(self, bucket: usize) -> Range<usize> {
        bucket << self.shift..self.n_profiles.min((bucket + 1) << self.shift)
    }

    fn of(self, profile: u32) -> usize {
        position(profile >> self.shift)
    }
}

/// What every event has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) occurred_at: i64,
    pub(super) profile: u32,
    pub(super) touchpoint: u32,
}

/// Some rows, those of a bucket together, in their order otherwise.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Where the rows of each bucket begin, and at last where they all end.
    starts: Vec<usize>,
    rows: Vec<Row>,
    event_key: Vec<i64>,
    session: Vec<u32>,
    value: Vec<i64>,
}

/// The rows of one bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket<'a> {
    pub(super) rows: &'a [Row],
    /// Empty where there are none, as are the others.
    pub(super) event_key: &'a [i64],
    pub(super) session: &'a [u32],
    pub(super) value: &'a [i64],
}

impl Piece {
    fn new(columns: &EventColumns<'_>, buckets: Buckets) -> Self {
        let mut starts = vec![0; buckets.len() + 1];
        for profile in columns.profile {
            assert!(position(*profile) < buckets.n_profiles, "profiles are numbered below their number");
            starts[buckets.of(*profile) + 1] += 1;
        }
        for bucket in 0..buckets.len() {
            starts[bucket + 1] += starts[bucket];
        }
        let sorting = Sorting { profile: columns.profile, buckets, starts: &starts };
        Self {
            rows: sorting.column(|row| Row {
                occurred_at: columns.occurred_at[row],
                profile: columns.profile[row],
                touchpoint: columns.touchpoint[row],
            }),
            event_key: columns.event_key.map_or_else(Vec::new, |keys| sorting.column(|row| keys[row])),
            session: columns.session.map_or_else(Vec::new, |sessions| sorting.column(|row| sessions[row])),
            value: columns.value.map_or_else(Vec::new, |values| sorting.column(|row| values[row])),
            starts,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bucket(&self, bucket: usize) -> Bucket<'_> {
        let rows = self.starts[bucket]..self.starts[bucket + 1];
        Bucket {
            rows: &self.rows[rows.clone()],
            event_key: self.event_key.get(rows.clone()).unwrap_or_default(),
            session: self.session.get(rows.clone()).unwrap_or_default(),
            value: self.value.get(rows).unwrap_or_default(),
        }
    }

    /// Returns whether there are keys, sessions and values.
    pub(super) fn has(&self) -> [bool; 3] {
        [!self.event_key.is_empty(), !self.session.is_empty(), !self.value.is_empty()]
    }
}

/// Rows on their way into buckets.
struct Sorting<'a> {
    profile: &'a [u32],
    buckets: Buckets,
    starts: &'a [usize],
}

impl Sorting<'_> {
    fn column<T: Clone + Default>(&self, value: impl Fn(usize) -> T) -> Vec<T> {
        let mut next = self.starts.to_vec();
        let mut column = vec![T::default(); self.profile.len()];
        for (row, profile) in self.profile.iter().enumerate() {
            let slot = &mut next[self.buckets.of(*profile)];
            column[*slot] = value(row);
            *slot += 1;
        }
        column
    }
}
