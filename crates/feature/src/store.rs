//! What a live profile keeps of one signal: a bucket for every day.
//!
//! Every bucket is a commutative monoid under [`Bucket::absorb`], exactly: counts and
//! sums add (wrapping, so that even absurd numbers keep the laws), extremes and ends
//! compare, points unite as sets keyed by (`occurred_at`, event key, line). An update is
//! the absorption of a bucket made from one event, so there is one law to prove.

use throng_event::AsOf;

use crate::Window;
use crate::plan::{CodeSource, Measure};

/// The place of a value in the total order: instant, event key, product line.
pub(crate) type Place = (i64, i64, u32);

/// What is kept of one day.
pub(crate) trait Bucket: Clone {
    /// Takes in what another bucket of the same day holds.
    fn absorb(&mut self, other: Self);

    /// Renumbers the codes, `codes` giving the new number of each.
    fn recode(&mut self, _codes: &[u32]) {}
}

/// Buckets by day, ascending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DayMap<B> {
    pub(crate) days: Vec<(i32, B)>,
}

impl<B: Bucket> DayMap<B> {
    pub(crate) fn new() -> Self {
        Self { days: Vec::new() }
    }

    /// Adds a bucket to a day.
    pub(crate) fn absorb(&mut self, day: i32, bucket: B) {
        let after = position_after(&self.days, day);
        match after.checked_sub(1).map(|idx| &mut self.days[idx]) {
            Some((known, earlier)) if *known == day => earlier.absorb(bucket),
            Some(_) | None => self.days.insert(after, (day, bucket)),
        }
    }

    /// Returns the days of a window, ascending.
    pub(crate) fn window(&self, window: Window, as_of: AsOf) -> &[(i32, B)] {
        let end = self.days.partition_point(|(day, _)| *day <= as_of.day.0);
        let before = window.day_before(as_of).0;
        let start = self.days[..end].partition_point(|(day, _)| *day <= before);
        &self.days[start..end]
    }

    fn absorb_all(&mut self, other: &Self, codes: Option<&[u32]>) {
        for (day, bucket) in &other.days {
            let mut bucket = bucket.clone();
            if let Some(codes) = codes {
                bucket.recode(codes);
            }
            self.absorb(*day, bucket);
        }
    }
}

/// Returns the position after the last item whose key is not above `key`. Events mostly
/// come in order, so the end is looked at first.
fn position_after<K: Ord + Copy, T>(items: &[(K, T)], key: K) -> usize {
    match items.last() {
        Some((last, _)) if *last > key => items.partition_point(|(known, _)| *known <= key),
        Some(_) | None => items.len(),
    }
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl Bucket for Count {
    fn absorb(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// How many and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) n: u64,
    pub(crate) sum: i128,
}

impl Bucket for Sum {
    fn absorb(&mut self, other: Self) {
        self.n = self.n.wrapping_add(other.n);
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The least and the greatest: of numbers, or of instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: i64,
    pub(crate) greatest: i64,
}

impl Bucket for Bounds {
    fn absorb(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }
}

/// How many of each code, codes ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally(pub(crate) Vec<(u32, u64)>);

impl Bucket for Tally {
    fn absorb(&mut self, other: Self) {
        for (code, count) in other.0 {
            match self.0.binary_search_by_key(&code, |(known, _)| *known) {
                Ok(idx) => self.0[idx].1 = self.0[idx].1.wrapping_add(count),
                Err(idx) => self.0.insert(idx, (code, count)),
            }
        }
    }

    fn recode(&mut self, codes: &[u32]) {
        self.0.iter_mut().for_each(|(code, _)| *code = codes[crate::number::index(*code)]);
        self.0.sort_unstable_by_key(|(code, _)| *code);
    }
}

/// The first and the last value by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends<T> {
    pub(crate) first: (Place, T),
    pub(crate) last: (Place, T),
}

impl<T: Copy> Ends<T> {
    fn absorb_ends(&mut self, other: Self) {
        if other.first.0 < self.first.0 {
            self.first = other.first;
        }
        if other.last.0 > self.last.0 {
            self.last = other.last;
        }
    }
}

impl Bucket for Ends<i64> {
    fn absorb(&mut self, other: Self) {
        self.absorb_ends(other);
    }
}

impl Bucket for Ends<u32> {
    fn absorb(&mut self, other: Self) {
        self.absorb_ends(other);
    }

    fn recode(&mut self, codes: &[u32]) {
        self.first.1 = codes[crate::number::index(self.first.1)];
        self.last.1 = codes[crate::number::index(self.last.1)];
    }
}

/// Values by place, ascending; a place has one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Points<T>(pub(crate) Vec<(Place, T)>);

impl<T: Copy> Points<T> {
    fn absorb_points(&mut self, other: Self) {
        for (place, value) in other.0 {
            let after = position_after(&self.0, place);
            let known = after.checked_sub(1).is_some_and(|idx| self.0[idx].0 == place);
            if !known {
                self.0.insert(after, (place, value));
            }
        }
    }
}

impl Bucket for Points<()> {
    fn absorb(&mut self, other: Self) {
        self.absorb_points(other);
    }
}

impl Bucket for Points<u32> {
    fn absorb(&mut self, other: Self) {
        self.absorb_points(other);
    }

    fn recode(&mut self, codes: &[u32]) {
        self.0.iter_mut().for_each(|(_, code)| *code = codes[crate::number::index(*code)]);
    }
}

/// What is kept of one signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Store {
    Counts(DayMap<Count>),
    Sums(DayMap<Sum>),
    /// Extremes of numbers, or first and last instants.
    Bounds(DayMap<Bounds>),
    Tallies(DayMap<Tally>),
    NumberEnds(DayMap<Ends<i64>>),
    TextEnds(DayMap<Ends<u32>>),
    Instants(DayMap<Points<()>>),
    Sequences(DayMap<Points<u32>>),
}

/// Does the same with the days of a store, whatever its buckets.
macro_rules! with_days {
    ($store:expr, $days:ident => $body:expr) => {
        match $store {
            Store::Counts($days) => $body,
            Store::Sums($days) => $body,
            Store::Bounds($days) => $body,
            Store::Tallies($days) => $body,
            Store::NumberEnds($days) => $body,
            Store::TextEnds($days) => $body,
            Store::Instants($days) => $body,
            Store::Sequences($days) => $body,
        }
    };
}
pub(crate) use with_days;

impl Store {
    /// Returns the empty store of a measure.
    pub(crate) fn new(measure: Measure) -> Self {
        match measure {
            Measure::Count => Self::Counts(DayMap::new()),
            Measure::Sum { .. } => Self::Sums(DayMap::new()),
            Measure::Extremes { .. } | Measure::Times => Self::Bounds(DayMap::new()),
            Measure::Tally { .. } => Self::Tallies(DayMap::new()),
            Measure::NumberEnds { .. } => Self::NumberEnds(DayMap::new()),
            Measure::TextEnds { .. } => Self::TextEnds(DayMap::new()),
            Measure::Instants => Self::Instants(DayMap::new()),
            Measure::Sequence { .. } => Self::Sequences(DayMap::new()),
        }
    }

    /// Takes in what the store of the same signal of another profile state holds;
    /// `codes` gives our number of each of its texts.
    pub(crate) fn absorb(&mut self, other: &Self, measure: Measure, codes: &[u32]) {
        let codes = coded_by_text(measure).then_some(codes);
        match (self, other) {
            (Self::Counts(days), Self::Counts(other)) => days.absorb_all(other, codes),
            (Self::Sums(days), Self::Sums(other)) => days.absorb_all(other, codes),
            (Self::Bounds(days), Self::Bounds(other)) => days.absorb_all(other, codes),
            (Self::Tallies(days), Self::Tallies(other)) => days.absorb_all(other, codes),
            (Self::NumberEnds(days), Self::NumberEnds(other)) => days.absorb_all(other, codes),
            (Self::TextEnds(days), Self::TextEnds(other)) => days.absorb_all(other, codes),
            (Self::Instants(days), Self::Instants(other)) => days.absorb_all(other, codes),
            (Self::Sequences(days), Self::Sequences(other)) => days.absorb_all(other, codes),
            (this, other) => unreachable!("stores of one signal are of one kind, not {this:?} and {other:?}"),
        }
    }

    /// Renumbers the texts' codes.
    pub(crate) fn recode(&mut self, measure: Measure, codes: &[u32]) {
        if coded_by_text(measure) {
            with_days!(self, map => map.days.iter_mut().for_each(|(_, bucket)| bucket.recode(codes)));
        }
    }
}

/// Returns where the codes of a measure come from, `None` when it keeps none.
pub(crate) fn code_source(measure: Measure) -> Option<CodeSource> {
    match measure {
        Measure::TextEnds { field } => Some(CodeSource::Field(field)),
        Measure::Tally { of } | Measure::Sequence { of } => Some(of),
        Measure::Count
        | Measure::Sum { .. }
        | Measure::Extremes { .. }
        | Measure::Times
        | Measure::NumberEnds { .. }
        | Measure::Instants => None,
    }
}

/// Whether a measure keeps codes of the profile's own texts; the clock's are fixed.
fn coded_by_text(measure: Measure) -> bool {
    matches!(code_source(measure), Some(CodeSource::Field(_)))
}
