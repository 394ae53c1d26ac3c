//! Paths: which sequences of touchpoints are trodden most.
//!
//! Every journey, cut to so many steps, is a place in a tree of steps; paths are counted
//! by their places, which costs one look-up a step and no comparison of sequences.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::interner::{Interner, pair, unpair};
use crate::numbers::{count, median_seconds, position, share};
use crate::profile_set::ProfileSet;
use crate::view::{Cut, Journey, Repeats, Scope, View};

/// What counts as a path and how many are listed.
#[derive(Debug, Clone, Copy)]
pub struct PathOptions<'a> {
    /// What a journey is.
    pub cut: Cut<'a>,
    /// Steps of a path that are told apart; what follows only shows as
    /// [`Path::continues`]. At least one.
    pub steps_max: usize,
    /// How many paths are listed.
    pub top: usize,
    /// Touchpoints that make a journey a success, wherever in it they are, also beyond
    /// the steps that are told apart.
    pub goal: &'a [u32],
}

/// One sequence of touchpoints and who took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The labels, first step first.
    pub labels: Vec<u32>,
    /// Whether further steps follow that were cut off.
    pub continues: bool,
    /// Journeys of this path.
    pub n_sessions: u64,
    /// Profiles that took it at least once.
    pub n_profiles: u64,
    /// Share of all journeys.
    pub share: f64,
    /// Its journeys that hold a touchpoint of the goal.
    pub n_converted: u64,
    /// Median time from the first to the last event of its journeys.
    pub median_seconds: Option<f64>,
}

/// What is not listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Remainder {
    /// Different paths.
    pub n_paths: u64,
    /// Their journeys.
    pub n_sessions: u64,
    /// Their share of all journeys.
    pub share: f64,
    /// Their journeys that hold a touchpoint of the goal.
    pub n_converted: u64,
}

/// The most trodden paths and the rest; their sessions add up to `n_sessions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Most sessions first, then most profiles, then by the labels' names.
    pub paths: Vec<Path>,
    /// The paths that are not listed.
    pub remainder: Remainder,
    /// All journeys.
    pub n_sessions: u64,
    /// Profiles with at least one touchpoint.
    pub n_profiles: u64,
}

/// Returns the most trodden paths.
///
/// # Panics
/// When `steps_max` is 0.
#[must_use]
pub fn paths(view: &View<'_>, options: &PathOptions<'_>) -> Paths {
    assert!(options.steps_max > 0, "a path has at least one step");
    let mut tally = Tally::default();
    for part in view.fold_journeys(options.cut, Tally::default, |tally, journey| tally.take(options, journey)) {
        tally.join(part);
    }
    let n_sessions = count(tally.path_of.len());
    let mut ranked: Vec<u32> =
        (0..).zip(&tally.counts).filter(|(_, counts)| counts.n_sessions > 0).map(|(path, _)| path).collect();
    let n_paths = ranked.len();
    tally.keep_top(&mut ranked, options.top);
    let durations = tally.durations(&ranked);
    let mut paths = Vec::with_capacity(ranked.len());
    for (path, mut durations_us) in ranked.iter().zip(durations) {
        let counts = &tally.counts[position(*path)];
        let (labels, continues) = tally.labels(*path);
        paths.push(Path {
            labels,
            continues,
            n_sessions: counts.n_sessions,
            n_profiles: counts.n_profiles,
            share: share(counts.n_sessions, n_sessions),
            n_converted: counts.n_converted,
            median_seconds: median_seconds(&mut durations_us),
        });
    }
    let left = |of: fn(&Counts) -> u64, listed: fn(&Path) -> u64| {
        tally.counts.iter().map(of).sum::<u64>() - paths.iter().map(listed).sum::<u64>()
    };
    let n_left = left(|counts| counts.n_sessions, |path| path.n_sessions);
    let remainder = Remainder {
        n_paths: count(n_paths - paths.len()),
        n_sessions: n_left,
        share: share(n_left, n_sessions),
        n_converted: left(|counts| counts.n_converted, |path| path.n_converted),
    };
    Paths { paths, remainder, n_sessions, n_profiles: tally.n_profiles }
}

/// Returns who took a path at least once: as many as its [`Path::n_profiles`].
#[must_use]
pub fn path_profiles(view: &View<'_>, options: &PathOptions<'_>, path: &Path) -> ProfileSet {
    view.profiles_of(options.cut, |journey| {
        let (labels, continues) = cut_off(journey, options.steps_max);
        labels == path.labels && continues == path.continues
    })
}

/// The share of sessions with a second touchpoint below which visits are single events.
const SESSIONS_WITH_STEPS_MIN: f64 = 0.2;

/// Whether sessions are journeys: where nearly all are single events, a journey is better the whole
/// history.
#[must_use]
pub fn sessions_have_steps(view: &View<'_>, gap_us: i64) -> bool {
    let cut = Cut { scope: Scope::Session { gap_us }, repeats: Repeats::Keep };
    let found = paths(view, &PathOptions { cut, steps_max: 1, top: usize::MAX, goal: &[] });
    let share: f64 = found.paths.iter().filter(|path| path.continues).map(|path| path.share).sum();
    share >= SESSIONS_WITH_STEPS_MIN
}

/// Returns how many sessions there are, and how many steps they have: touchpoints, consecutive
/// repeats being one.
#[must_use]
pub fn session_steps(view: &View<'_>, gap_us: i64) -> (u64, u64) {
    let cut = Cut { scope: Scope::Session { gap_us }, repeats: Repeats::Collapse };
    let parts = view.fold_journeys(
        cut,
        || (0, 0),
        |counts: &mut (u64, u64), journey| {
            counts.0 += 1;
            counts.1 += count(journey.labels.len());
        },
    );
    parts.into_iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// Returns who took any path that is not listed: who is behind a [`Remainder`].
#[must_use]
pub fn other_path_profiles(view: &View<'_>, options: &PathOptions<'_>, listed: &[Path]) -> ProfileSet {
    let listed: BTreeSet<(&[u32], bool)> = listed.iter().map(|path| (path.labels.as_slice(), path.continues)).collect();
    view.profiles_of(options.cut, |journey| !listed.contains(&cut_off(journey, options.steps_max)))
}

fn cut_off(journey: Journey<'_>, steps_max: usize) -> (&[u32], bool) {
    let n_steps = journey.labels.len().min(steps_max);
    (&journey.labels[..n_steps], n_steps < journey.labels.len())
}

/// The number of the empty path, and the step that stands for what was cut off.
const ROOT: u32 = u32::MAX;
const CUT_OFF: u32 = u32::MAX;

/// What is counted of a path.
#[derive(Default, Clone)]
struct Counts {
    n_sessions: u64,
    n_profiles: u64,
    n_converted: u64,
    /// The profile that took it last, plus one: profiles come one after the other.
    profile_last: u64,
}

/// Paths and their journeys.
#[derive(Default)]
struct Tally {
    /// Each path by the path it continues and its last step; a path's number is greater
    /// than that of the one it continues.
    tree: Interner,
    counts: Vec<Counts>,
    /// For every journey, its path and how long it took.
    path_of: Vec<u32>,
    duration_us: Vec<i64>,
    n_profiles: u64,
    profile_last: Option<u32>,
}

impl Tally {
    fn take(&mut self, options: &PathOptions<'_>, journey: Journey<'_>) {
        let (labels, continues) = cut_off(journey, options.steps_max);
        let mut path = ROOT;
        for label in labels {
            path = self.tree.intern(pair(path, *label));
        }
        if continues {
            path = self.tree.intern(pair(path, CUT_OFF));
        }
        self.counts.resize_with(self.tree.keys().len(), Counts::default);
        let counts = &mut self.counts[position(path)];
        let profile = u64::from(journey.profile) + 1;
        counts.n_sessions += 1;
        counts.n_profiles += u64::from(counts.profile_last != profile);
        counts.n_converted += u64::from(journey.labels.iter().any(|label| options.goal.contains(label)));
        counts.profile_last = profile;
        self.path_of.push(path);
        self.duration_us.push(journey.duration_us);
        self.n_profiles += u64::from(self.profile_last != Some(journey.profile));
        self.profile_last = Some(journey.profile);
    }

    /// Takes in the journeys of other profiles.
    fn join(&mut self, other: Self) {
        let mut number = Vec::with_capacity(other.tree.keys().len());
        for (key, counts) in other.tree.keys().iter().zip(&other.counts) {
            let (before, label) = unpair(*key);
            let before = if before == ROOT { ROOT } else { number[position(before)] };
            let path = self.tree.intern(pair(before, label));
            self.counts.resize_with(self.tree.keys().len(), Counts::default);
            let own = &mut self.counts[position(path)];
            own.n_sessions += counts.n_sessions;
            own.n_profiles += counts.n_profiles;
            own.n_converted += counts.n_converted;
            number.push(path);
        }
        self.path_of.extend(other.path_of.iter().map(|path| number[position(*path)]));
        self.duration_us.extend(other.duration_us);
        self.n_profiles += other.n_profiles;
    }

    /// Keeps the most trodden of some paths: most sessions first, then most profiles,
    /// then by the labels.
    fn keep_top(&self, paths: &mut Vec<u32>, top: usize) {
        let rank = |path: &u32| {
            let counts = &self.counts[position(*path)];
            (Reverse(counts.n_sessions), Reverse(counts.n_profiles))
        };
        if top == 0 {
            paths.clear();
        } else if top < paths.len() {
            // Most paths are trodden once, and to compare labels takes longest: so only
            // those are sorted that have a chance.
            let (_, last, _) = paths.select_nth_unstable_by_key(top - 1, rank);
            let last = rank(last);
            paths.retain(|path| rank(path) <= last);
        }
        paths.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| self.labels(*a).cmp(&self.labels(*b))));
        paths.truncate(top);
    }

    fn labels(&self, path: u32) -> (Vec<u32>, bool) {
        let mut labels = Vec::new();
        let (mut continues, mut at) = (false, path);
        while at != ROOT {
            let (before, label) = unpair(self.tree.keys()[position(at)]);
            if label == CUT_OFF {
                continues = true;
            } else {
                labels.push(label);
            }
            at = before;
        }
        labels.reverse();
        (labels, continues)
    }

    /// Returns how long the journeys of some paths took, in the order of the paths.
    fn durations(&self, paths: &[u32]) -> Vec<Vec<i64>> {
        let mut place = vec![usize::MAX; self.counts.len()];
        for (idx, path) in paths.iter().enumerate() {
            place[position(*path)] = idx;
        }
        let mut durations = vec![Vec::new(); paths.len()];
        for (path, duration_us) in self.path_of.iter().zip(&self.duration_us) {
            if let Some(durations) = durations.get_mut(place[position(*path)]) {
                durations.push(*duration_us);
            }
        }
        durations
    }
}
