//! Friction: where journeys stop that had not reached the goal, and what went before:
//! circles, waiting, calls for help.
//!
//! A journey is seen up to its goal; what comes after has arrived. Each journey without
//! the goal is lost at its last touchpoint, so that journeys lost at all touchpoints and
//! journeys that arrived add up to all journeys.

use crate::histories::Events;
use crate::numbers::{code, median_seconds, percentile_seconds, position, share};
use crate::profile_set::ProfileSet;
use crate::view::{Cut, Cutter, Journey, View};

/// What counts as arriving, and as a call for help.
#[derive(Debug, Clone, Copy)]
pub struct FrictionOptions<'a> {
    /// What a journey is.
    pub cut: Cut<'a>,
    /// The touchpoints that journeys are to reach.
    pub goal: &'a [u32],
    /// The touchpoints by which customers ask for help.
    pub support: &'a [u32],
    /// How soon after a touchpoint help is asked for because of it, also in a later journey.
    pub help_us: i64,
}

/// How hard it is to get on from a touchpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Friction {
    /// The touchpoint; never one of the goal.
    pub label: u32,
    /// Journeys that come to it on the way, each once.
    pub n_sessions: u64,
    /// Profiles with such a journey.
    pub n_profiles: u64,
    /// Journeys that end here without having arrived.
    pub n_lost: u64,
    /// Profiles with such a journey.
    pub n_profiles_lost: u64,
    /// Profiles of these with no journey that arrived.
    pub n_profiles_gone: u64,
    /// Share of the journeys that come here which end here.
    pub drop_off: f64,
    /// Share of the journeys that went on from here which arrived: what a lost journey
    /// might have come to.
    pub onward: f64,
    /// Journeys that come back here after other touchpoints.
    pub n_circling: u64,
    /// Journeys that come here on the way with help asked for soon after, in them or later.
    pub n_helped: u64,
    /// Median time from it to the next touchpoint.
    pub median_seconds: Option<f64>,
    /// The time to the next touchpoint that 90 % did not exceed.
    pub p90_seconds: Option<f64>,
}

/// All touchpoints on the way to a goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Frictions {
    /// By name.
    pub steps: Vec<Friction>,
    /// All journeys.
    pub n_sessions: u64,
    /// Journeys that arrived.
    pub n_arrived: u64,
}

/// Which of the journeys that come to a touchpoint are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// All of them.
    Any,
    /// Those that end there.
    Lost,
    /// Those that come back there.
    Circling,
    /// Those after whose first visit help is soon asked for.
    Helped,
}

/// Returns how hard it is to get on from every touchpoint on the way to a goal.
#[must_use]
pub fn frictions(view: &View<'_>, options: &FrictionOptions<'_>) -> Frictions {
    let n_labels = view.histories().names().len();
    let arrived = arrived_profiles(view, options);
    let start = || (Tally::new(n_labels), Cutter::default(), Vec::new());
    let parts = view.fold(start, |(tally, cutter, help), profile, events| {
        help_times(options, events, help);
        cutter.journeys(options.cut, profile, events, &mut |journey| tally.take(options, (&arrived, help), journey));
    });
    let mut tally = Tally::new(n_labels);
    for (part, _, _) in parts {
        tally.join(part);
    }
    let mut steps = Vec::new();
    for (label_idx, mut counts) in tally.counts.into_iter().enumerate().filter(|(_, counts)| counts.n_sessions > 0) {
        let n_onward = counts.n_sessions - counts.n_lost;
        steps.push(Friction {
            label: code(label_idx),
            n_sessions: counts.n_sessions,
            n_profiles: counts.n_profiles,
            n_lost: counts.n_lost,
            n_profiles_lost: counts.n_profiles_lost,
            n_profiles_gone: counts.n_profiles_gone,
            drop_off: share(counts.n_lost, counts.n_sessions),
            onward: share(counts.n_arrived, n_onward),
            n_circling: counts.n_circling,
            n_helped: counts.n_helped,
            median_seconds: median_seconds(&mut counts.waits_us),
            p90_seconds: percentile_seconds(&mut counts.waits_us, 90),
        });
    }
    Frictions { steps, n_sessions: tally.n_sessions, n_arrived: tally.n_arrived }
}

/// Returns who has a journey in which a touchpoint gave this trouble.
#[must_use]
pub fn friction_profiles(view: &View<'_>, options: &FrictionOptions<'_>, label: u32, trouble: Trouble) -> ProfileSet {
    let start = || (ProfileSet::new(), Cutter::default(), Vec::new());
    let parts = view.fold(start, |(profiles, cutter, help), profile, events| {
        help_times(options, events, help);
        cutter.journeys(options.cut, profile, events, &mut |journey| {
            let way = Way::of(options, journey);
            let Some(first) = way.labels.iter().position(|other| *other == label) else { return };
            let troubled = match trouble {
                Trouble::Any => true,
                Trouble::Lost => !way.arrived && way.labels.last() == Some(&label),
                Trouble::Circling => way.comes_back(first),
                Trouble::Helped => is_helped(help, way.times[first], options.help_us),
            };
            if troubled {
                profiles.insert(profile);
            }
        });
    });
    parts.into_iter().fold(ProfileSet::new(), |all, (profiles, _, _)| all.union(&profiles))
}

/// Puts together when a profile asked for help.
fn help_times(options: &FrictionOptions<'_>, events: Events<'_>, help: &mut Vec<i64>) {
    let asked = events.touchpoint.iter().zip(events.occurred_at).filter(|(label, _)| options.support.contains(label));
    help.clear();
    help.extend(asked.map(|(_, at)| *at));
}

/// Returns whether help was asked for soon after an instant.
fn is_helped(help: &[i64], at: i64, help_us: i64) -> bool {
    let next = help.get(help.partition_point(|asked_at| *asked_at <= at));
    next.is_some_and(|asked_at| asked_at.saturating_sub(at) <= help_us)
}

fn arrived_profiles(view: &View<'_>, options: &FrictionOptions<'_>) -> ProfileSet {
    view.profiles_of(options.cut, |journey| Way::of(options, journey).arrived)
}

/// A journey up to its goal.
struct Way<'a> {
    labels: &'a [u32],
    /// When each touchpoint was, and when the goal.
    times: &'a [i64],
    arrived: bool,
}

impl<'a> Way<'a> {
    fn of(options: &FrictionOptions<'_>, journey: Journey<'a>) -> Self {
        let goal_idx = journey.labels.iter().position(|label| options.goal.contains(label));
        let end = goal_idx.unwrap_or(journey.labels.len());
        Way { labels: &journey.labels[..end], times: journey.times, arrived: goal_idx.is_some() }
    }

    /// Returns whether the touchpoint at a place comes again after another.
    fn comes_back(&self, place: usize) -> bool {
        let after = &self.labels[place..];
        let others = after.iter().take_while(|label| **label == after[0]).count();
        after[others..].contains(&after[0])
    }
}

#[derive(Debug, Default, Clone)]
struct Counts {
    n_sessions: u64,
    n_profiles: u64,
    n_lost: u64,
    n_profiles_lost: u64,
    n_profiles_gone: u64,
    n_arrived: u64,
    n_circling: u64,
    n_helped: u64,
    waits_us: Vec<i64>,
    /// The session and the profile counted last, plus one; and the profile lost last.
    session_last: u64,
    profile_last: u64,
    lost_last: u64,
    /// Where the touchpoint was seen last in the session, and whether it came back there.
    place_last: usize,
    circled_in: u64,
}

#[derive(Debug)]
struct Tally {
    counts: Vec<Counts>,
    n_sessions: u64,
    n_arrived: u64,
}

impl Tally {
    fn new(n_labels: usize) -> Self {
        Self { counts: vec![Counts::default(); n_labels], n_sessions: 0, n_arrived: 0 }
    }

    fn take(&mut self, options: &FrictionOptions<'_>, (arrived, help): (&ProfileSet, &[i64]), journey: Journey<'_>) {
        let way = Way::of(options, journey);
        self.n_sessions += 1;
        self.n_arrived += u64::from(way.arrived);
        let (session, profile) = (self.n_sessions, u64::from(journey.profile) + 1);
        for (idx, label) in way.labels.iter().enumerate() {
            let counts = &mut self.counts[position(*label)];
            if counts.session_last != session {
                counts.n_sessions += 1;
                counts.n_arrived += u64::from(way.arrived);
                counts.n_helped += u64::from(is_helped(help, way.times[idx], options.help_us));
            } else if counts.place_last + 1 < idx && counts.circled_in != session {
                counts.n_circling += 1;
                counts.circled_in = session;
            }
            counts.n_profiles += u64::from(counts.profile_last != profile);
            (counts.session_last, counts.profile_last, counts.place_last) = (session, profile, idx);
            if let Some(next_at) = way.times.get(idx + 1) {
                counts.waits_us.push(next_at.saturating_sub(way.times[idx]));
            }
        }
        let Some(last) = way.labels.last().filter(|_| !way.arrived) else { return };
        let counts = &mut self.counts[position(*last)];
        counts.n_lost += 1;
        if counts.lost_last != profile {
            counts.n_profiles_lost += 1;
            counts.n_profiles_gone += u64::from(!arrived.contains(journey.profile));
        }
        counts.lost_last = profile;
    }

    /// Takes in the journeys of other profiles.
    fn join(&mut self, other: Self) {
        for (own, other) in self.counts.iter_mut().zip(other.counts) {
            own.n_sessions += other.n_sessions;
            own.n_profiles += other.n_profiles;
            own.n_lost += other.n_lost;
            own.n_profiles_lost += other.n_profiles_lost;
            own.n_profiles_gone += other.n_profiles_gone;
            own.n_arrived += other.n_arrived;
            own.n_circling += other.n_circling;
            own.n_helped += other.n_helped;
            own.waits_us.extend(other.waits_us);
        }
        self.n_sessions += other.n_sessions;
        self.n_arrived += other.n_arrived;
    }
}
