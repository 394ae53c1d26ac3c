//! The mixture of three kinds of pairs that the patterns come from, and its fit by
//! expectation and maximisation.
//!
//! Fellegi and Sunter (1969) know two kinds: matches, whose levels have the
//! probabilities m, and all others, with the probabilities u; within a kind the
//! comparisons are independent. Winkler (1988) learns m without labels by EM. Two
//! kinds are too few where people live together: a father and a son of one name, or
//! twins, agree in nearly everything, though not by chance. They are a third kind
//! (Winkler 1993, "Improved decision rules"; Larsen and Rubin 2001), the household,
//! kept apart from matches by bounds on what only one person has (the "convex
//! constraints" of Winkler 1993).
//!
//! Only candidate pairs are looked at; every other pair is taken for strangers. That
//! makes the shares shares of *all* pairs, and u a property of all pairs, whatever
//! the blocking rules are. EM runs over counts of patterns, so its cost does not
//! depend on the number of pairs.

use super::comparison::{Comparison, Level, N_COMPARISONS, N_LEVELS, Pattern};

/// Probabilities of the levels of each comparison; 0 at levels a comparison has not.
pub(crate) type Levels = [[f64; N_LEVELS]; N_COMPARISONS];

/// What the mixture is fitted to.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// All pairs, candidates or not.
    pub(crate) n_pairs: f64,
    /// Of all pairs, how many are at each level.
    pub(crate) levels: Levels,
    /// Candidate pairs by pattern, in the order of the patterns.
    pub(crate) patterns: Vec<(Pattern, f64)>,
}

/// A kind of pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two records of one person.
    Match,
    /// Two people who live or work together.
    Household,
    /// Two people who have nothing to do with each other.
    Stranger,
}

const KINDS: [Kind; 3] = [Kind::Match, Kind::Household, Kind::Stranger];

/// The fitted mixture.
#[derive(Debug, Clone)]
pub(crate) struct Mixture {
    /// The share of each kind in all pairs.
    pub(crate) shares: [f64; 3],
    /// The probabilities m, h and u.
    pub(crate) levels: [Levels; 3],
    /// The rounds of EM.
    pub(crate) n_iterations: u32,
    /// Whether the last round changed next to nothing.
    pub(crate) converged: bool,
}

/// The most rounds of EM; usual data settle within a hundred.
const N_ITERATIONS_MAX: u32 = 500;

/// The change of a probability, or of a share relative to itself, that is next to nothing.
const CHANGE_MIN: f64 = 1e-5;

/// The pairs that the starting probabilities count for. Enough to keep a comparison
/// that hardly any match has from being decided by one pair.
const N_PRIOR_PAIRS: f64 = 10.0;

/// The pairs a kind has at least, so that a share is never 0 and odds stay finite.
const N_KIND_PAIRS_MIN: f64 = 0.1;

/// The pairs a level of strangers has at least, for the same reason.
const N_LEVEL_PAIRS_MIN: f64 = 0.5;

/// How much of the agreement in all pairs is left to strangers at least. Without it
/// the rarest coincidence would be explained away, and one agreement alone, a recycled
/// phone number, would prove a match.
const STRANGERS_PART_MIN: f64 = 0.05;

/// What two people who live together have in common at most of what is each one's own.
const HOUSEHOLD_AGREEMENT_MAX: f64 = 0.25;

/// How often the records of one person differ at most in what does not change.
const MATCH_DIFFERENCE_MAX: f64 = 0.3;

impl Mixture {
    /// Returns the mixture that fits the counts best.
    pub(crate) fn fit(counts: &Counts) -> Self {
        let mut mixture = Self::start(counts);
        while mixture.n_iterations < N_ITERATIONS_MAX && !mixture.converged {
            let next = mixture.next(counts);
            let change = mixture.change(&next);
            mixture = Self { n_iterations: mixture.n_iterations + 1, converged: change < CHANGE_MIN, ..next };
        }
        mixture
    }

    /// Returns the probability of a level in pairs of a kind.
    pub(crate) fn level(&self, kind: Kind, comparison: Comparison, level: Level) -> f64 {
        self.levels[kind as usize][comparison.idx()][level.idx()]
    }

    /// Returns the share of a kind in all pairs.
    pub(crate) fn share(&self, kind: Kind) -> f64 {
        self.shares[kind as usize]
    }

    fn start(counts: &Counts) -> Self {
        // Of n records there are about n² / 2 pairs. That one in ten has a second one and
        // another one of the household is where EM begins, not where it ends; to begin
        // with larger shares lets both kinds swallow the coincidences among strangers.
        let share = share_of((2.0 * counts.n_pairs).sqrt() / 10.0, counts);
        let nothing = [[0.0; N_LEVELS]; N_COMPARISONS];
        Self {
            shares: [share, share, 1.0 - 2.0 * share],
            levels: [starting(Kind::Match), starting(Kind::Household), strangers(counts, &nothing)],
            n_iterations: 0,
            converged: false,
        }
    }

    /// Returns the mixture after one round.
    fn next(&self, counts: &Counts) -> Self {
        let mut n_kind = [0.0; 3];
        let mut n_level = [[[0.0; N_LEVELS]; N_COMPARISONS]; 3];
        for (pattern, n) in &counts.patterns {
            let odds = KINDS.map(|kind| {
                pattern
                    .evidence()
                    .fold(self.share(kind), |odds, (comparison, level)| odds * self.level(kind, comparison, level))
            });
            let total: f64 = odds.iter().sum();
            for (kind, odds) in odds.into_iter().enumerate() {
                let expected = n * odds / total;
                n_kind[kind] += expected;
                for (comparison, level) in pattern.evidence() {
                    n_level[kind][comparison.idx()][level.idx()] += expected;
                }
            }
        }
        let [n_match, n_household] = [n_kind[0], n_kind[1]].map(|n| share_of(n.max(N_KIND_PAIRS_MIN), counts));
        let [of_matches, of_households, _] = n_level;
        let mut explained = of_matches;
        for (explained, household) in explained.iter_mut().flatten().zip(of_households.iter().flatten()) {
            *explained += household;
        }
        let strangers = strangers(counts, &explained);
        Self {
            shares: [n_match, n_household, 1.0 - n_match - n_household],
            levels: [
                bounded(Kind::Match, &of_matches),
                at_least(bounded(Kind::Household, &of_households), &strangers),
                strangers,
            ],
            ..*self
        }
    }

    fn change(&self, next: &Self) -> f64 {
        let shares = self.shares.iter().zip(&next.shares).map(|(before, after)| (after - before).abs() / after);
        let levels = self.levels.iter().flatten().flatten().zip(next.levels.iter().flatten().flatten());
        shares.chain(levels.map(|(before, after)| (after - before).abs())).fold(0.0, f64::max)
    }
}

/// Returns the share of all pairs; never more than a third, so that with a handful of
/// records there is room for each kind.
fn share_of(n: f64, counts: &Counts) -> f64 {
    (n / counts.n_pairs.max(1.0)).min(1.0 / 3.0)
}

/// Returns u: what all pairs show, less what matches and households explain.
fn strangers(counts: &Counts, explained: &Levels) -> Levels {
    let mut levels = [[0.0; N_LEVELS]; N_COMPARISONS];
    for comparison in Comparison::ALL {
        let idx = comparison.idx();
        for level in comparison.levels() {
            let all = counts.levels[idx][level.idx()];
            let rest = (all - explained[idx][level.idx()]).max(all * STRANGERS_PART_MIN);
            levels[idx][level.idx()] = rest + N_LEVEL_PAIRS_MIN;
        }
        to_probabilities(&mut levels[idx]);
    }
    levels
}

/// Returns m or h: the expected counts with the prior ones, within the bounds that
/// keep the kinds apart.
fn bounded(kind: Kind, expected: &Levels) -> Levels {
    let mut levels = starting(kind);
    for comparison in Comparison::ALL {
        let probabilities = &mut levels[comparison.idx()];
        for (probability, expected) in probabilities.iter_mut().zip(&expected[comparison.idx()]) {
            *probability = *probability * N_PRIOR_PAIRS + expected;
        }
        to_probabilities(probabilities);
        let different = probabilities[Level::Different.idx()];
        if let Some(bound) = different_bound(kind, comparison).filter(|bound| bound.broken_by(different)) {
            let scale = (1.0 - bound.at()) / (1.0 - different);
            probabilities.iter_mut().for_each(|probability| *probability *= scale);
            probabilities[Level::Different.idx()] = bound.at();
        }
    }
    levels
}

/// Returns h raised to u where it is less: those who live together have no less in
/// common than strangers. Households too few to show a coincidence must not rule it out.
fn at_least(mut household: Levels, strangers: &Levels) -> Levels {
    for (probabilities, least) in household.iter_mut().zip(strangers) {
        for level in Level::ALL {
            if level != Level::Different {
                probabilities[level.idx()] = probabilities[level.idx()].max(least[level.idx()]);
            }
        }
        to_probabilities(probabilities);
    }
    household
}

/// A bound on the probability of [`Level::Different`].
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn at(&self) -> f64 {
        match self {
            Self::AtLeast(at) | Self::AtMost(at) => *at,
        }
    }

    fn broken_by(&self, different: f64) -> bool {
        match self {
            Self::AtLeast(at) => different < *at,
            Self::AtMost(at) => different > *at,
        }
    }
}

/// Returns how the given name, the date of birth and the e-mail address, which are
/// each one's own, bound a kind.
fn different_bound(kind: Kind, comparison: Comparison) -> Option<Bound> {
    match (kind, comparison) {
        (Kind::Household, Comparison::GivenName | Comparison::BirthDate | Comparison::Email) => {
            Some(Bound::AtLeast(1.0 - HOUSEHOLD_AGREEMENT_MAX))
        }
        // A person may have several e-mail addresses.
        (Kind::Match, Comparison::GivenName | Comparison::BirthDate) => Some(Bound::AtMost(MATCH_DIFFERENCE_MAX)),
        (Kind::Match | Kind::Household | Kind::Stranger, _) => None,
    }
}

/// Returns where m and h begin: what records of one person, and of two people of one
/// household, usually look like. EM moves them wherever the data lie.
fn starting(kind: Kind) -> Levels {
    let mut levels = [[0.0; N_LEVELS]; N_COMPARISONS];
    for comparison in Comparison::ALL {
        let (exact, different) = match (kind, comparison) {
            (Kind::Household, Comparison::GivenName | Comparison::BirthDate | Comparison::Email) => (0.04, 0.92),
            (Kind::Household, Comparison::FamilyName | Comparison::Address) => (0.7, 0.2),
            (Kind::Household, Comparison::Phone | Comparison::Network) => (0.4, 0.55),
            (Kind::Household, Comparison::Company | Comparison::Device) => (0.25, 0.7),
            (_, Comparison::GivenName | Comparison::FamilyName | Comparison::BirthDate) => (0.9, 0.04),
            (_, Comparison::Email | Comparison::Phone | Comparison::Address | Comparison::Company) => (0.65, 0.25),
            (_, Comparison::Device | Comparison::Network) => (0.4, 0.6),
        };
        let between = comparison.levels().len() - 2;
        for level in comparison.levels() {
            levels[comparison.idx()][level.idx()] = match level {
                Level::Exact => exact,
                Level::Different => different,
                Level::Close | Level::Similar | Level::Near => {
                    (1.0 - exact - different) / u32::try_from(between).map_or(1.0, f64::from)
                }
            };
        }
        to_probabilities(&mut levels[comparison.idx()]);
    }
    levels
}

fn to_probabilities(weights: &mut [f64; N_LEVELS]) {
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
}
