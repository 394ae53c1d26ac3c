//! From buckets of rows to histories: each bucket is sorted by itself, by profile and
//! then in total order, and written to its place in the columns.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::{IntoParallelRefMutIterator, ParallelIterator};

use crate::histories::Histories;
use crate::histories::part::{Bucket, Buckets, Piece};
use crate::numbers::{code, position};

/// Rows and what the numbers of their touchpoints stand for.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) piece: &'a Piece,
    /// The code of each touchpoint of its part.
    pub(super) codes: Arc<[u32]>,
}

/// Returns the histories of rows in the order of their sources.
pub(super) fn sort(n_profiles: usize, sources: &[Source<'_>], names: Vec<String>) -> Histories {
    let [keys, sessions, values] = sources.first().map_or([false; 3], |source| source.piece.has());
    for source in sources {
        assert_eq!(source.piece.has(), [keys, sessions, values], "every event has every column");
    }
    let n_events = sources.iter().map(|source| source.piece.len()).sum();
    let mut histories = Histories {
        offsets: vec![0; n_profiles + 1],
        occurred_at: vec![0; n_events],
        touchpoint: vec![0; n_events],
        session: if sessions { vec![0; n_events] } else { Vec::new() },
        value: if values { vec![0; n_events] } else { Vec::new() },
        names,
    };
    let mut jobs = jobs(&mut histories, Buckets::new(n_profiles), sources);
    jobs.par_iter_mut().for_each(|job| job.run(sources));
    histories.offsets[n_profiles] = n_events;
    histories
}

/// One bucket, and its place in the columns.
struct Job<'a> {
    bucket: usize,
    profiles: Range<usize>,
    first_row: usize,
    /// Where each profile's events begin.
    offsets: &'a mut [usize],
    columns: Columns<'a>,
}

struct Columns<'a> {
    occurred_at: &'a mut [i64],
    touchpoint: &'a mut [u32],
    session: &'a mut [u32],
    value: &'a mut [i64],
}

fn jobs<'a>(histories: &'a mut Histories, buckets: Buckets, sources: &[Source<'_>]) -> Vec<Job<'a>> {
    let mut offsets = histories.offsets.as_mut_slice();
    let mut rest = Columns {
        occurred_at: &mut histories.occurred_at,
        touchpoint: &mut histories.touchpoint,
        session: &mut histories.session,
        value: &mut histories.value,
    };
    let mut jobs = Vec::with_capacity(buckets.len());
    let mut first_row = 0;
    for bucket in 0..buckets.len() {
        let profiles = buckets.profiles(bucket);
        let n_rows = sources.iter().map(|source| source.piece.bucket(bucket).rows.len()).sum();
        jobs.push(Job {
            bucket,
            first_row,
            offsets: cut(&mut offsets, profiles.len()),
            columns: Columns {
                occurred_at: cut(&mut rest.occurred_at, n_rows),
                touchpoint: cut(&mut rest.touchpoint, n_rows),
                session: cut(&mut rest.session, n_rows),
                value: cut(&mut rest.value, n_rows),
            },
            profiles,
        });
        first_row += n_rows;
    }
    jobs
}

/// Takes the first so many values off a column, none where there is no column.
fn cut<'a, T>(column: &mut &'a mut [T], n_rows: usize) -> &'a mut [T] {
    let whole = std::mem::take(column);
    let (first, rest) = whole.split_at_mut(n_rows.min(whole.len()));
    *column = rest;
    first
}

impl Job<'_> {
    fn run(&mut self, sources: &[Source<'_>]) {
        let rows = || sources.iter().map(|source| (source.piece.bucket(self.bucket), &*source.codes));
        let local = |profile: u32| position(profile) - self.profiles.start;
        // After the events are placed, the place after those of each profile.
        let mut next = vec![0; self.profiles.len()];
        for row in rows().flat_map(|(bucket, _)| bucket.rows) {
            next[local(row.profile)] += 1;
        }
        let mut n_before = 0;
        for (offset, next) in self.offsets.iter_mut().zip(&mut next) {
            *offset = self.first_row + n_before;
            n_before += std::mem::replace(next, n_before);
        }
        let mut keys = Vec::new();
        for (bucket, codes) in rows() {
            let Bucket { rows, event_key, session, value } = bucket;
            if !event_key.is_empty() {
                keys.resize(self.columns.touchpoint.len(), 0);
            }
            for (idx, row) in rows.iter().enumerate() {
                let place = &mut next[local(row.profile)];
                self.columns.occurred_at[*place] = row.occurred_at;
                self.columns.touchpoint[*place] = codes[position(row.touchpoint)];
                if let Some(key) = event_key.get(idx) {
                    keys[*place] = *key;
                }
                if let Some(session) = session.get(idx) {
                    self.columns.session[*place] = *session;
                }
                if let Some(value) = value.get(idx) {
                    self.columns.value[*place] = *value;
                }
                *place += 1;
            }
        }
        let mut start = 0;
        for end in next {
            self.columns.order(start..end, &keys);
            start = end;
        }
    }
}

impl Columns<'_> {
    /// Brings one profile's events into total order; the rows of equal ones stay as
    /// they are.
    fn order(&mut self, rows: Range<usize>, keys: &[i64]) {
        let times = &self.occurred_at[rows.clone()];
        let keys = keys.get(rows.clone()).unwrap_or_default();
        let key = |idx: usize| (times[idx], keys.get(idx).copied().unwrap_or_default());
        if (1..times.len()).all(|idx| times[idx - 1] < times[idx] || key(idx - 1) <= key(idx)) {
            return;
        }
        let mut order: Vec<u32> = (0..code(times.len())).collect();
        order.sort_by_key(|idx| key(position(*idx)));
        permute(self.occurred_at, rows.clone(), &order);
        permute(self.touchpoint, rows.clone(), &order);
        permute(self.session, rows.clone(), &order);
        permute(self.value, rows, &order);
    }
}

fn permute<T: Copy>(column: &mut [T], rows: Range<usize>, order: &[u32]) {
    // There may be no such column.
    if let Some(values) = column.get_mut(rows) {
        let ordered: Vec<T> = order.iter().map(|idx| values[position(*idx)]).collect();
        values.copy_from_slice(&ordered);
    }
}
