//! Funnels: how many take the given steps in time, how long it takes them, and what
//! those did instead who went no further.
//!
//! Steps in order mean what ClickHouse's `windowFunnel` means: of each profile, the
//! longest prefix of the steps that occurs in order within the window counted from the
//! first step, from whichever first step it goes furthest. One touchpoint serves one
//! step, also where its label fits several. The other ways of counting are variations
//! of that one walk, and who is counted is told by the walk that counts.

mod attempt;
mod correlation;
mod entry;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::numbers::{Bounds, median_seconds, percentile_seconds, share, wilson};
use crate::profile_set::ProfileSet;
use crate::transition::State;
use crate::view::{Cut, Cutter, Journey, Repeats, Scope, View};

use attempt::{Attempt, Walk};

pub use correlation::{Correlation, funnel_correlations};
pub use entry::{Entry, funnel_entries};

/// In which order steps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOrder {
    /// One after the other; other touchpoints may lie between.
    Ordered,
    /// One directly after the other.
    Strict,
    /// In any order: who has done `n` of the steps has reached step `n`.
    Any,
}

/// In how much time steps count.
#[derive(Debug, Clone, Copy)]
pub enum Window<'a> {
    /// Within so many microseconds from the first step, the end included.
    Clock {
        /// Its length.
        window_us: i64,
    },
    /// Within one journey of this scope.
    Journey(Scope<'a>),
}

/// How often a profile counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Once, by the attempt that goes furthest; of these the first to get there, and of
    /// these the last to begin.
    Once,
    /// With each attempt. An attempt begins at a first step when no other is under way,
    /// takes each step at its earliest, and is over when it is complete, out of time or
    /// excluded.
    Each,
}

/// Touchpoints that end an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The touchpoints.
    pub labels: Vec<u32>,
    /// The step, from 0, after which and before whose next they count; `None` for
    /// anywhere between the first and the last. Steps in any order know only that.
    pub after_step: Option<usize>,
}

/// What a funnel is.
#[derive(Debug, Clone)]
pub struct FunnelOptions<'a> {
    /// The steps, each as the labels that fulfil it. In any order, a touchpoint
    /// fulfils every step that has its label.
    pub steps: Vec<Vec<u32>>,
    /// In which order they count.
    pub order: StepOrder,
    /// In how much time.
    pub window: Window<'a>,
    /// What ends an attempt.
    pub exclusions: Vec<Exclusion>,
    /// How often a profile counts.
    pub entries: Entries,
}

/// What those did next who came to a step and no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instead {
    /// The next touchpoint after the step, or the end of what is seen.
    pub next: State,
    /// Attempts that went on there.
    pub n_entries: u64,
}

/// One step of a funnel and who reached it.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelStep {
    /// Profiles that reached it.
    pub n_profiles: u64,
    /// Attempts that reached it: with [`Entries::Once`], one a profile.
    pub n_entries: u64,
    /// Share of the attempts that reached the first step; 0 when there is none.
    pub conversion_from_start: f64,
    /// Its interval at 95 %, after Wilson (1927). With [`Entries::Each`] it takes
    /// attempts of one profile for independent, which they are not quite.
    pub from_start_bounds: Bounds,
    /// Share of the attempts that reached the step before; 0 when there is none.
    pub conversion_from_previous: f64,
    /// Its interval at 95 %.
    pub from_previous_bounds: Bounds,
    /// Median time from the step before; `None` for the first step and where nobody came.
    pub median_seconds: Option<f64>,
    /// The time from the step before that 90 % did not exceed; `None` as the median.
    pub p90_seconds: Option<f64>,
    /// What the attempts that got here and no further went on with, most frequent
    /// first, then by name; they add up to those that did not reach the next step.
    /// Empty for the last step.
    pub instead: Vec<Instead>,
}

/// Steps and the share that reaches each.
#[derive(Debug, Clone, PartialEq)]
pub struct Funnel {
    /// The steps, first one first; no step has more attempts than the one before.
    pub steps: Vec<FunnelStep>,
    /// Profiles looked at, with and without the first step.
    pub n_profiles: u64,
}

/// Which of those who came to a step are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// All of them.
    AtLeast,
    /// Those who once went no further; with [`Entries::Once`], those lost after it.
    NoFurther,
}

/// Returns how many get how far.
///
/// Times between steps are those of the attempt that counts, each step at its earliest.
#[must_use]
pub fn funnel(view: &View<'_>, options: &FunnelOptions<'_>) -> Funnel {
    let mut tally = Tally::new(options.steps.len());
    let parts = attempts(view, options, || Tally::new(options.steps.len()), |tally, attempt| tally.take(&attempt));
    for part in parts {
        tally.join(part);
    }
    let n_start = tally.steps.first().map_or(0, |step| step.n_entries);
    let mut n_before = n_start;
    let mut funnel = Funnel { steps: Vec::with_capacity(tally.steps.len()), n_profiles: view.n_profiles() };
    let n_steps = tally.steps.len();
    for (step_idx, mut step) in tally.steps.into_iter().enumerate() {
        let mut instead: Vec<Instead> = Vec::new();
        if step_idx + 1 < n_steps {
            instead.extend(step.instead.into_iter().map(|(next, n_entries)| Instead { next, n_entries }));
            // By name already, and the sort is stable.
            instead.sort_by_key(|instead| Reverse(instead.n_entries));
        }
        funnel.steps.push(FunnelStep {
            n_profiles: step.n_profiles,
            n_entries: step.n_entries,
            conversion_from_start: share(step.n_entries, n_start),
            from_start_bounds: wilson(step.n_entries, n_start),
            conversion_from_previous: share(step.n_entries, n_before),
            from_previous_bounds: wilson(step.n_entries, n_before),
            median_seconds: median_seconds(&mut step.gaps_us),
            p90_seconds: percentile_seconds(&mut step.gaps_us, 90),
            instead,
        });
        n_before = step.n_entries;
    }
    funnel
}

/// Returns who came to a step, counted from 0, by the walk that counts them.
#[must_use]
pub fn funnel_profiles(view: &View<'_>, options: &FunnelOptions<'_>, step_idx: usize, reached: Reached) -> ProfileSet {
    let holds = |n_reached: usize| match reached {
        Reached::AtLeast => n_reached > step_idx,
        Reached::NoFurther => n_reached == step_idx + 1,
    };
    let parts = attempts(view, options, Vec::new, |profiles, attempt| {
        if holds(attempt.times.len()) {
            profiles.push(attempt.profile);
        }
    });
    parts.into_iter().flatten().collect()
}

/// Returns who went on with a touchpoint, or ended, after a step and no further step:
/// the profiles behind an [`Instead`].
#[must_use]
pub fn instead_profiles(view: &View<'_>, options: &FunnelOptions<'_>, step_idx: usize, next: State) -> ProfileSet {
    let parts = attempts(view, options, Vec::new, |profiles, attempt| {
        if attempt.times.len() == step_idx + 1 && attempt.next == next {
            profiles.push(attempt.profile);
        }
    });
    parts.into_iter().flatten().collect()
}

/// Walks every attempt that counts, in the order of profiles.
fn attempts<T: Send>(
    view: &View<'_>,
    options: &FunnelOptions<'_>,
    start: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, Attempt<'_>) + Sync,
) -> Vec<T> {
    let roles = attempt::Roles::of(options, view.histories().names().len());
    let (scope, window_us) = match options.window {
        Window::Clock { window_us } => (Scope::History, window_us),
        Window::Journey(scope) => (scope, i64::MAX),
    };
    let cut = Cut { scope, repeats: Repeats::Keep };
    let walk = || (start(), Cutter::default(), Walk::new(&roles, window_us, options.entries));
    let parts = view.fold(walk, |(gathered, cutter, walk), profile, events| {
        let mut take = |attempt: Attempt<'_>| take(gathered, attempt);
        cutter.journeys(cut, profile, events, &mut |journey: Journey<'_>| walk.journey(journey, &mut take));
        walk.finish(profile, &mut take);
    });
    parts.into_iter().map(|(gathered, _, _)| gathered).collect()
}

/// What is counted of one step.
#[derive(Debug, Clone, Default)]
struct StepTally {
    n_profiles: u64,
    n_entries: u64,
    gaps_us: Vec<i64>,
    instead: BTreeMap<State, u64>,
}

/// What is counted of all attempts.
#[derive(Debug, Clone)]
struct Tally {
    steps: Vec<StepTally>,
    /// How far the profile of the last attempt has come with any.
    furthest: usize,
    profile_last: Option<u32>,
}

impl Tally {
    fn new(n_steps: usize) -> Self {
        Self { steps: vec![StepTally::default(); n_steps], furthest: 0, profile_last: None }
    }

    fn take(&mut self, attempt: &Attempt<'_>) {
        if self.profile_last != Some(attempt.profile) {
            self.profile_last = Some(attempt.profile);
            self.furthest = 0;
        }
        for (step_idx, at) in attempt.times.iter().enumerate() {
            let step = &mut self.steps[step_idx];
            step.n_entries += 1;
            step.n_profiles += u64::from(step_idx >= self.furthest);
            if step_idx > 0 {
                step.gaps_us.push(at.saturating_sub(attempt.times[step_idx - 1]));
            }
        }
        self.furthest = self.furthest.max(attempt.times.len());
        if let Some(last) = self.steps.get_mut(attempt.times.len() - 1) {
            *last.instead.entry(attempt.next).or_default() += 1;
        }
    }

    /// Takes in the attempts of other profiles.
    fn join(&mut self, other: Self) {
        for (own, other) in self.steps.iter_mut().zip(other.steps) {
            own.n_profiles += other.n_profiles;
            own.n_entries += other.n_entries;
            own.gaps_us.extend(other.gaps_us);
            for (next, n_entries) in other.instead {
                *own.instead.entry(next).or_default() += n_entries;
            }
        }
    }
}
