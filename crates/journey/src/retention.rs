//! Retention: who comes back after the first touch, how often, and in which stage of
//! life profiles are. All by local days; a day counts when anything happened on it.

use std::collections::BTreeMap;

use throng_event::{Calendar, Day, Instant};

use crate::histories::Events;
use crate::numbers::{Bounds, count, real, share, wilson};
use crate::profile_set::ProfileSet;
use crate::view::View;

/// The days that are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Days<'a> {
    /// What a local day is.
    pub calendar: &'a Calendar,
    /// The last day that is known whole; later events are not seen.
    pub last: Day,
}

impl Days<'_> {
    /// Returns the last microsecond that is seen.
    #[must_use]
    pub fn end(self) -> Instant {
        Instant(self.calendar.as_of(self.last).end.0 - 1)
    }
}

/// Days after the first touch within which a return counts; day 0 is the first touch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// The first day.
    pub first: u32,
    /// The last day: the same as the first for retention on day `n`; `None` for ever
    /// after, which is called rolling retention.
    pub last: Option<u32>,
}

/// Who came back within a bracket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retained {
    /// Profiles that are known for long enough: the bracket's last day, or of a rolling
    /// one its first, is past.
    pub n_known: u64,
    /// Of these, those with any event within the bracket.
    pub n_retained: u64,
    /// Their share; 0 when none is known for long enough.
    pub share: f64,
    /// Its interval at 95 %, after Wilson (1927).
    pub bounds: Bounds,
}

/// Retention of the profiles whose first touch fell into some days.
#[derive(Debug, Clone, PartialEq)]
pub struct RetentionRow {
    /// The first of these days.
    pub from: Day,
    /// Profiles.
    pub n_profiles: u64,
    /// What was retained of them, in the order of the brackets.
    pub retained: Vec<Retained>,
}

/// Retention by first touch.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    /// One row for each span of first touches, ascending; their profiles add up to `all`.
    pub rows: Vec<RetentionRow>,
    /// Everybody, from the first day of the first row.
    pub all: RetentionRow,
}

/// Returns the retention of profiles by first touch, `span_days` of them in a row, which
/// begin on Mondays where a row is a week.
///
/// # Panics
/// When `span_days` is 0.
#[must_use]
pub fn retention(view: &View<'_>, days: Days<'_>, span_days: u32, brackets: &[Bracket]) -> Retention {
    assert!(span_days > 0, "a row has at least one day");
    let parts = view.fold(BTreeMap::<i32, RowTally>::new, |rows, _, events| {
        let active = active_days(days, events);
        let Some(first) = active.first() else { return };
        rows.entry(span_start(*first, span_days))
            .or_insert_with(|| RowTally::new(brackets))
            .take(days, brackets, &active);
    });
    let mut rows: BTreeMap<i32, RowTally> = BTreeMap::new();
    let mut all = RowTally::new(brackets);
    for (from, tally) in parts.into_iter().flatten() {
        all.join(&tally);
        rows.entry(from).or_insert_with(|| RowTally::new(brackets)).join(&tally);
    }
    let from = rows.keys().next().copied().unwrap_or(days.last.0);
    Retention { rows: rows.into_iter().map(|(from, tally)| tally.row(from)).collect(), all: all.row(from) }
}

/// Returns who came back within a bracket, of those with their first touch from `from`
/// on, for `span_days`: as many as the row says.
#[must_use]
pub fn retained_profiles(view: &View<'_>, days: Days<'_>, from: Day, span_days: u32, bracket: Bracket) -> ProfileSet {
    let parts = view.fold(Vec::new, |profiles, profile, events| {
        let active = active_days(days, events);
        let within = active.first().is_some_and(|first| age(from.0, *first).is_some_and(|age| age < span_days));
        if within && is_retained(days, bracket, &active) == Some(true) {
            profiles.push(profile);
        }
    });
    parts.into_iter().flatten().collect()
}

/// Returns the days on which anything happened, ascending, each once.
fn active_days(days: Days<'_>, events: Events<'_>) -> Vec<i32> {
    let local = |at: &i64| days.calendar.local(Instant(*at)).0.0;
    let mut active: Vec<i32> = events.occurred_at.iter().map(local).take_while(|day| *day <= days.last.0).collect();
    active.dedup();
    active
}

/// Returns the days from one to another that is not before it.
fn age(from: i32, to: i32) -> Option<u32> {
    u32::try_from(i64::from(to) - i64::from(from)).ok()
}

fn span_start(day: i32, span_days: u32) -> i32 {
    // 1970-01-01 was a Thursday, three days after a Monday.
    let since = i64::from(day) + 3;
    // A day less what it is into its span is near the day.
    i32::try_from(since - since.rem_euclid(i64::from(span_days)) - 3).unwrap_or(i32::MIN)
}

/// Returns whether a profile came back, `None` where that is not known yet.
fn is_retained(days: Days<'_>, bracket: Bracket, active: &[i32]) -> Option<bool> {
    let first = *active.first()?;
    let known = age(first, days.last.0)?;
    if known < bracket.last.unwrap_or(bracket.first) {
        return None;
    }
    let within = |age: u32| bracket.first <= age && bracket.last.is_none_or(|last| age <= last);
    Some(active.iter().any(|day| age(first, *day).is_some_and(within)))
}

#[derive(Debug, Clone)]
struct RowTally {
    n_profiles: u64,
    /// Known and retained, by bracket.
    counts: Vec<(u64, u64)>,
}

impl RowTally {
    fn new(brackets: &[Bracket]) -> Self {
        Self { n_profiles: 0, counts: vec![(0, 0); brackets.len()] }
    }

    fn take(&mut self, days: Days<'_>, brackets: &[Bracket], active: &[i32]) {
        self.n_profiles += 1;
        for (counts, bracket) in self.counts.iter_mut().zip(brackets) {
            if let Some(retained) = is_retained(days, *bracket, active) {
                counts.0 += 1;
                counts.1 += u64::from(retained);
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.n_profiles += other.n_profiles;
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            own.0 += other.0;
            own.1 += other.1;
        }
    }

    fn row(self, from: i32) -> RetentionRow {
        let retained = |(n_known, n_retained): (u64, u64)| Retained {
            n_known,
            n_retained,
            share: share(n_retained, n_known),
            bounds: wilson(n_retained, n_known),
        };
        let retained = self.counts.into_iter().map(retained).collect();
        RetentionRow { from: Day(from), n_profiles: self.n_profiles, retained }
    }
}

/// How often profiles come.
#[derive(Debug, Clone, PartialEq)]
pub struct Stickiness {
    /// Profiles by the number of days of the window on which they were active: first
    /// those with one day, last those with all.
    pub n_profiles_by_days: Vec<u64>,
    /// Profiles active on any day of the window.
    pub n_active: u64,
    /// Mean number of profiles active on a day.
    pub daily_active_mean: f64,
    /// The share of those active in the window who are active on a day of it: what is
    /// called DAU/MAU when the window has a month. 0 when none was active.
    pub stickiness: f64,
}

/// Returns how often profiles came in the last `window_days` days.
#[must_use]
pub fn stickiness(view: &View<'_>, days: Days<'_>, window_days: u32) -> Stickiness {
    let parts = view.fold(BTreeMap::<usize, u64>::new, |by_days, _, events| {
        let within = |day: &&i32| age(**day, days.last.0).is_some_and(|age| age < window_days);
        let n_days = active_days(days, events).iter().filter(within).count();
        if n_days > 0 {
            *by_days.entry(n_days).or_default() += 1;
        }
    });
    let mut n_profiles_by_days = vec![0; crate::numbers::position(window_days)];
    let (mut n_active, mut n_active_days) = (0, 0);
    for (n_days, n_profiles) in parts.into_iter().flatten() {
        n_profiles_by_days[n_days - 1] += n_profiles;
        n_active += n_profiles;
        n_active_days += n_profiles * count(n_days);
    }
    let daily_active_mean = if window_days == 0 { 0.0 } else { real(n_active_days) / f64::from(window_days) };
    let stickiness = if n_active == 0 { 0.0 } else { daily_active_mean / real(n_active) };
    Stickiness { n_profiles_by_days, n_active, daily_active_mean, stickiness }
}

/// The stage of life of a profile in a span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Active for the first time.
    New,
    /// Active, and in the span before.
    Current,
    /// Active, not in the span before, but earlier.
    Resurrected,
    /// Active in the span before, and not in this.
    Dormant,
}

/// How many profiles are in each stage in a span of days. New, current and resurrected
/// ones are those active; current and dormant ones those active in the span before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleRow {
    /// The first day of the span.
    pub from: Day,
    /// Active for the first time.
    pub n_new: u64,
    /// Active, and in the span before.
    pub n_current: u64,
    /// Active, not in the span before, but earlier.
    pub n_resurrected: u64,
    /// Active in the span before, and not in this.
    pub n_dormant: u64,
}

/// Returns the stages of life in the last `n_spans` spans of `span_days` days, the last
/// of which ends with the last day.
///
/// # Panics
/// When `span_days` is 0.
#[must_use]
pub fn lifecycle(view: &View<'_>, days: Days<'_>, span_days: u32, n_spans: u32) -> Vec<LifecycleRow> {
    assert!(span_days > 0, "a span has at least one day");
    let parts = view.fold(BTreeMap::<(u32, Stage), u64>::new, |counts, _, events| {
        for stage in stages(days, span_days, events) {
            if stage.0 < n_spans {
                *counts.entry(stage).or_default() += 1;
            }
        }
    });
    let mut counts: BTreeMap<(u32, Stage), u64> = BTreeMap::new();
    for (stage, n_profiles) in parts.into_iter().flatten() {
        *counts.entry(stage).or_default() += n_profiles;
    }
    let row = |back: u32| {
        let n_profiles = |stage: Stage| counts.get(&(back, stage)).copied().unwrap_or_default();
        let days_back = (i64::from(back) + 1) * i64::from(span_days) - 1;
        LifecycleRow {
            from: Day(i32::try_from(i64::from(days.last.0) - days_back).unwrap_or(i32::MIN)),
            n_new: n_profiles(Stage::New),
            n_current: n_profiles(Stage::Current),
            n_resurrected: n_profiles(Stage::Resurrected),
            n_dormant: n_profiles(Stage::Dormant),
        }
    };
    (0..n_spans).rev().map(row).collect()
}

/// Returns who is in a stage in the span that ends `back` spans before the last day.
#[must_use]
pub fn stage_profiles(view: &View<'_>, days: Days<'_>, span_days: u32, back: u32, stage: Stage) -> ProfileSet {
    let parts = view.fold(Vec::new, |profiles, profile, events| {
        if stages(days, span_days, events).contains(&(back, stage)) {
            profiles.push(profile);
        }
    });
    parts.into_iter().flatten().collect()
}

/// Returns the stages of a profile with the spans, counted back from the last day.
fn stages(days: Days<'_>, span_days: u32, events: Events<'_>) -> Vec<(u32, Stage)> {
    let mut spans: Vec<u32> =
        active_days(days, events).iter().filter_map(|day| age(*day, days.last.0)).map(|age| age / span_days).collect();
    spans.dedup();
    let mut stages = Vec::new();
    for (idx, span) in spans.iter().enumerate() {
        let stage = match idx.checked_sub(1).map(|before| spans[before]) {
            None => Stage::New,
            Some(before) if before == span + 1 => Stage::Current,
            Some(_) => Stage::Resurrected,
        };
        stages.push((*span, stage));
        if *span > 0 && spans.get(idx + 1) != Some(&(span - 1)) {
            stages.push((span - 1, Stage::Dormant));
        }
    }
    stages
}
