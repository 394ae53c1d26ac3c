//! Attribution: dividing the credit for conversions among the channels before them.
//!
//! A conversion is a touchpoint of the goal; to it lead the channels' touchpoints since
//! the conversion before, no older than the lookback window. What led nowhere, the
//! touchpoints after a profile's last conversion, counts where a method compares success
//! with failure. Every method hands out what there is: credits of the channels and what
//! is unattributed add up to the conversions, and their values.

mod shapley;

use std::collections::BTreeMap;

use crate::histories::Events;
use crate::markov::MarkovChain;
use crate::numbers::{code, position, real, seconds};
use crate::profile_set::ProfileSet;
use crate::transition::State;
use crate::view::View;

/// How credit is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributionMethod {
    /// All to the first touchpoint.
    First,
    /// All to the last.
    Last,
    /// The same to each.
    Linear,
    /// 40 % to the first, 40 % to the last, the rest in equal parts to those between;
    /// halves where there are two.
    Position,
    /// By how recent it was.
    TimeDecay {
        /// The age at which a touchpoint counts half.
        half_life_us: i64,
    },
    /// By what would be lost without the channel: the removal effect in a Markov chain
    /// of first order over channels (Anderl et al. 2016).
    MarkovRemoval,
    /// By what the channel adds to the conversion rate, over all orders in which
    /// channels could have come in (Shapley 1953). The worth of some channels is the
    /// conversion rate of the ways that use no other; it may fall with a channel more,
    /// so that credit can be negative. Exact up to 12 channels, else over sampled orders.
    Shapley {
        /// Repeats the sample.
        seed: u64,
    },
}

/// What is attributed to what.
#[derive(Debug, Clone)]
pub struct AttributionOptions {
    /// The touchpoints that are conversions.
    pub goal: Vec<u32>,
    /// The channels, each as its touchpoints; no touchpoint belongs to two.
    pub channels: Vec<Vec<u32>>,
    /// How old a touchpoint may be at the conversion, the end included.
    pub lookback_us: i64,
    /// How credit is divided.
    pub method: AttributionMethod,
}

/// What a channel is credited with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Credit {
    /// Conversions.
    pub conversions: f64,
    /// Their values, in minor units; 0 where values are not known. Markov and Shapley
    /// know channels, not single conversions, and divide values as conversions.
    pub value: f64,
    /// The standard error of `conversions` where orders were sampled, else 0.
    pub conversions_error: f64,
}

/// Conversions and who is credited with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Credits in the order of the channels.
    pub credits: Vec<Credit>,
    /// Conversions to which no channel led, and their values.
    pub unattributed: Credit,
    /// All conversions.
    pub n_conversions: u64,
    /// The sum of their values, in minor units.
    pub value: i64,
}

/// Returns who is credited with the conversions in a view.
///
/// # Panics
/// When a touchpoint belongs to two channels, which is a mistake of the caller's.
#[must_use]
pub fn attribute(view: &View<'_>, options: &AttributionOptions) -> Attribution {
    let roles = Roles::of(options, view.histories().names().len());
    let start = || Tally::new(options.channels.len());
    let mut tally = start();
    for part in view.fold(start, |tally, _, events| roles.walk(options, events, tally)) {
        tally.join(part);
    }
    let n_attributed = tally.n_conversions - tally.n_unattributed;
    let shares = match options.method {
        AttributionMethod::MarkovRemoval => Some(removal_shares(&tally.ways, options.channels.len())),
        AttributionMethod::Shapley { seed } => Some(shapley::shares(&tally.ways, options.channels.len(), seed)),
        AttributionMethod::First
        | AttributionMethod::Last
        | AttributionMethod::Linear
        | AttributionMethod::Position
        | AttributionMethod::TimeDecay { .. } => None,
    };
    let attributed_value = whole(tally.value - tally.value_unattributed);
    let mut credits = tally.credits;
    for (credit, (share, error)) in credits.iter_mut().zip(shares.into_iter().flatten()) {
        let conversions = real(n_attributed) * share;
        let conversions_error = real(n_attributed) * error;
        *credit = Credit { conversions, value: attributed_value * share, conversions_error };
    }
    Attribution {
        credits,
        unattributed: Credit {
            conversions: real(tally.n_unattributed),
            value: whole(tally.value_unattributed),
            conversions_error: 0.0,
        },
        n_conversions: tally.n_conversions,
        value: tally.value,
    }
}

/// Returns who has a conversion to which a channel led: by its position in the options.
#[must_use]
pub fn credited_profiles(view: &View<'_>, options: &AttributionOptions, channel_idx: usize) -> ProfileSet {
    let roles = Roles::of(options, view.histories().names().len());
    let parts = view.fold(Vec::new, |profiles, profile, events| {
        let mut touched_at: Option<i64> = None;
        for (label, at) in events.touchpoint.iter().zip(events.occurred_at) {
            if roles.goal[position(*label)] {
                if touched_at.take().is_some_and(|touched| at.saturating_sub(touched) <= options.lookback_us) {
                    profiles.push(profile);
                    return;
                }
            } else if roles.channel[position(*label)] == Some(code(channel_idx)) {
                touched_at = Some(*at);
            }
        }
    });
    parts.into_iter().flatten().collect()
}

/// What a way led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Conversion,
    Nothing,
}

/// The channels on one way, one after the other, and what it led to.
type Way = (Vec<u32>, Outcome);

#[derive(Debug)]
struct Roles {
    /// The channel of each label.
    channel: Vec<Option<u32>>,
    goal: Vec<bool>,
}

impl Roles {
    fn of(options: &AttributionOptions, n_labels: usize) -> Self {
        let mut roles = Self { channel: vec![None; n_labels], goal: vec![false; n_labels] };
        for (channel_idx, labels) in options.channels.iter().enumerate() {
            for label in labels {
                let channel = roles.channel[position(*label)].replace(code(channel_idx));
                assert!(channel.is_none(), "a touchpoint belongs to one channel");
            }
        }
        for label in &options.goal {
            roles.goal[position(*label)] = true;
        }
        roles
    }

    fn walk(&self, options: &AttributionOptions, events: Events<'_>, tally: &mut Tally) {
        let mut way: Vec<(u32, i64)> = Vec::new();
        for (idx, (label, at)) in events.touchpoint.iter().zip(events.occurred_at).enumerate() {
            if self.goal[position(*label)] {
                way.retain(|(_, touched_at)| at.saturating_sub(*touched_at) <= options.lookback_us);
                let value = events.value.get(idx).copied().unwrap_or_default();
                tally.convert(options.method, &way, *at, value);
                way.clear();
            } else if let Some(channel) = self.channel[position(*label)] {
                way.push((channel, *at));
            }
        }
        let compared = matches!(options.method, AttributionMethod::MarkovRemoval | AttributionMethod::Shapley { .. });
        if compared && !way.is_empty() {
            tally.take_way(&way, Outcome::Nothing);
        }
    }
}

#[derive(Debug)]
struct Tally {
    credits: Vec<Credit>,
    n_conversions: u64,
    n_unattributed: u64,
    value: i64,
    value_unattributed: i64,
    /// How often each way was taken, repeats of a channel made one.
    ways: BTreeMap<Way, u64>,
}

/// Steps of a way that are told apart, the last ones: a bound on memory. What lies
/// further back changes neither removal effects nor coalitions noticeably.
const WAY_STEPS_MAX: usize = 50;

impl Tally {
    fn new(n_channels: usize) -> Self {
        let nothing = Credit { conversions: 0.0, value: 0.0, conversions_error: 0.0 };
        Self {
            credits: vec![nothing; n_channels],
            n_conversions: 0,
            n_unattributed: 0,
            value: 0,
            value_unattributed: 0,
            ways: BTreeMap::new(),
        }
    }

    fn convert(&mut self, method: AttributionMethod, way: &[(u32, i64)], at: i64, value: i64) {
        self.n_conversions += 1;
        self.value = self.value.saturating_add(value);
        if way.is_empty() {
            self.n_unattributed += 1;
            self.value_unattributed = self.value_unattributed.saturating_add(value);
            return;
        }
        let weight = |idx: usize| match method {
            AttributionMethod::First => real(u64::from(idx == 0)),
            AttributionMethod::Last => real(u64::from(idx + 1 == way.len())),
            AttributionMethod::Linear => 1.0,
            AttributionMethod::Position => position_weight(idx, way.len()),
            // The last touchpoint weighs 1, so that the oldest of way and window cannot
            // all vanish together.
            AttributionMethod::TimeDecay { half_life_us } => {
                let age_us = way[way.len() - 1].1.saturating_sub(way[idx].1);
                (-seconds(age_us) / seconds(half_life_us.max(1))).exp2()
            }
            AttributionMethod::MarkovRemoval | AttributionMethod::Shapley { .. } => 0.0,
        };
        let total: f64 = (0..way.len()).map(weight).sum();
        debug_assert!(way.iter().all(|(_, touched_at)| *touched_at <= at));
        if total > 0.0 {
            for (idx, (channel, _)) in way.iter().enumerate() {
                let credit = &mut self.credits[position(*channel)];
                let share = weight(idx) / total;
                credit.conversions += share;
                credit.value += share * whole(value);
            }
        } else {
            self.take_way(way, Outcome::Conversion);
        }
    }

    fn take_way(&mut self, way: &[(u32, i64)], outcome: Outcome) {
        let mut channels: Vec<u32> = way.iter().map(|(channel, _)| *channel).collect();
        channels.dedup();
        channels.drain(..channels.len().saturating_sub(WAY_STEPS_MAX));
        *self.ways.entry((channels, outcome)).or_default() += 1;
    }

    fn join(&mut self, other: Self) {
        for (own, other) in self.credits.iter_mut().zip(other.credits) {
            own.conversions += other.conversions;
            own.value += other.value;
        }
        self.n_conversions += other.n_conversions;
        self.n_unattributed += other.n_unattributed;
        self.value = self.value.saturating_add(other.value);
        self.value_unattributed = self.value_unattributed.saturating_add(other.value_unattributed);
        for (way, n_times) in other.ways {
            *self.ways.entry(way).or_default() += n_times;
        }
    }
}

fn position_weight(idx: usize, n_steps: usize) -> f64 {
    match n_steps {
        1 | 2 => 1.0,
        _ if idx == 0 || idx + 1 == n_steps => 0.4,
        _ => 0.2 / real(crate::numbers::count(n_steps - 2)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "money to be divided, below 2^53 minor units")]
fn whole(value: i64) -> f64 {
    value as f64
}

/// Returns each channel's share of the removal effects, none with an error.
fn removal_shares(ways: &BTreeMap<Way, u64>, n_channels: usize) -> Vec<(f64, f64)> {
    let goal = code(n_channels);
    let mut counts: BTreeMap<(State, State), u64> = BTreeMap::new();
    for ((channels, outcome), n_times) in ways {
        let mut from = State::Start;
        let last = match outcome {
            Outcome::Conversion => State::Label(goal),
            Outcome::Nothing => State::End,
        };
        for to in channels.iter().map(|channel| State::Label(*channel)).chain([last]) {
            *counts.entry((from, to)).or_default() += n_times;
            from = to;
        }
    }
    let channels: Vec<u32> = (0..goal).collect();
    let effects = MarkovChain::of(&counts, &[goal]).removal_effects(&channels);
    let total: f64 = effects.iter().map(|effect| effect.effect).sum();
    let mut shares = vec![(0.0, 0.0); n_channels];
    for effect in effects {
        shares[position(effect.label)].0 = if total > 0.0 { effect.effect / total } else { 0.0 };
    }
    shares
}
