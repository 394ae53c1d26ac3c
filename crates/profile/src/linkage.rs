//! Which profiles may be one person though no event says so: a probabilistic linker.
//!
//! After Fellegi and Sunter, "A theory for record linkage" (1969): two records are
//! compared in a few respects, each comparison weighs log2(m / u) bits, with m and u
//! the probabilities of its outcome for one person and for strangers, and the sum
//! with the prior odds is the odds that they are one. The weights are learned from
//! the records alone by EM (Winkler 1988), with the cuts and names of Splink's
//! documentation: blocking rules, comparison levels, term frequencies, waterfalls.
//! Pairs of one household are a kind of their own; `mixture.rs` says why.
//!
//! The linker proposes; it never merges. Its answer is a function of the set of
//! records and the seed. It does not resolve conflicts: if A may be B and B may be C,
//! both are proposed.
//!
//! Memory is about 100 bytes a record with the values' texts once each, and the
//! proposed links. Time grows with the candidate pairs, at most
//! 12 rules × 50 pairs a record, usually a few.

pub(crate) mod blocking;
pub(crate) mod comparison;
mod counting;
mod mixture;
mod normal;
pub(crate) mod records;
mod similarity;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::ProfileId;
use blocking::{SkippedBlocks, for_each_pair};
use comparison::{Comparison, Level, Pattern};
use mixture::{Kind, Mixture};
use records::{RecordIdx, RecordSet};

/// What is known of a profile that other profiles may be compared with.
///
/// Values are raw: the linker brings them to one form, and takes what says nothing
/// ("n/a", an impossible date) for missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The profile.
    pub id: ProfileId,
    /// What is known; a field that is not there is missing.
    pub fields: BTreeMap<RecordField, String>,
}

/// A field of a [`Record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordField {
    /// The whole name; used where neither part is given.
    Name,
    /// The given name or names.
    GivenName,
    /// The family name.
    FamilyName,
    /// The e-mail address, or its hash.
    Email,
    /// The phone number, best in E.164, or its hash.
    Phone,
    /// Street and house number.
    Street,
    /// The postal code.
    PostalCode,
    /// The city.
    City,
    /// The country, all in one form.
    Country,
    /// The date of birth.
    BirthDate,
    /// The employer or account.
    Company,
    /// A device id or fingerprint.
    Device,
    /// The first part of an IP address.
    IpPrefix,
}

/// The fitted weights: what each outcome of each comparison says.
///
/// ```
/// use std::collections::BTreeMap;
/// use throng_event::Identity;
/// use throng_profile::{LinkageModel, ProfileId, Record, RecordField, RecordSet};
///
/// let record = |user: &str, phone: &str| Record {
///     id: ProfileId::of(&Identity::user(user)),
///     fields: BTreeMap::from([
///         (RecordField::Name, "Ada Lovelace".to_owned()),
///         (RecordField::Phone, phone.to_owned()),
///     ]),
/// };
/// let records = RecordSet::new(vec![record("1", "+44 20 7946 0000"), record("2", "+44 20 7946 0001")]);
/// let model = LinkageModel::fit(&records, 7);
/// let link = model.explain(&records, &records.ids()[0], &records.ids()[1]).expect("both are there");
/// let bits: f64 = link.weights.iter().map(|weight| weight.bits).sum();
/// assert!((link.probability - 1.0 / (1.0 + (-bits).exp2())).abs() < 1e-9);
/// ```
#[derive(Debug, Clone)]
pub struct LinkageModel {
    /// The pairs of two different records.
    pub n_pairs: u64,
    /// The pairs that some blocking rule brought together; only these are compared.
    pub n_candidates: u64,
    /// The blocks that were too large, by rule.
    pub skipped: Vec<SkippedBlocks>,
    mixture: Mixture,
}

/// What one level of one comparison weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelWeight {
    /// The comparison.
    pub comparison: Comparison,
    /// The level.
    pub level: Level,
    /// Its probability in two records of one person.
    pub m: f64,
    /// Its probability in two people of one household.
    pub household: f64,
    /// Its probability in two strangers.
    pub u: f64,
    /// log2(m / u).
    pub bits: f64,
}

/// Two profiles that may be one person, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedLink {
    /// The profile that stands first in order.
    pub a: ProfileId,
    /// The other one.
    pub b: ProfileId,
    /// The probability that both are one person.
    pub probability: f64,
    /// The waterfall: weights whose sum is log2 of the odds of `probability`.
    pub weights: Vec<Weight>,
}

/// One step of a waterfall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// What speaks for one person, or against.
    pub reason: WeightReason,
    /// How much, in bits; for when positive.
    pub bits: f64,
}

/// What a weight stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightReason {
    /// The odds that two records drawn at random are one person.
    Prior,
    /// How a comparison came out.
    Comparison(Comparison, Level),
    /// How frequent the value is that both have: a rare one says more.
    Frequency(Comparison),
    /// That both may only live or work together; never positive.
    Household,
}

impl LinkageModel {
    /// Returns the model that fits the records best. The seed chooses the random
    /// pairs that rare levels are estimated from.
    #[must_use]
    pub fn fit(records: &RecordSet, seed: u64) -> Self {
        let (counts, n_candidates, skipped) = counting::count(records, seed);
        Self { n_pairs: records.n_pairs(), n_candidates, skipped, mixture: Mixture::fit(&counts) }
    }

    /// Returns all pairs that are one person with at least this probability, the most
    /// probable first, equal ones in the order of their profiles.
    #[must_use]
    pub fn propose(&self, records: &RecordSet, probability_min: f64) -> Vec<ProposedLink> {
        let mut links = Vec::new();
        for_each_pair(records, &mut |a, b| {
            let (probability, weights) = self.weigh(records, a, b);
            if probability >= probability_min {
                links.push(link(records, (a, b), probability, weights));
            }
        });
        links.sort_by(|x, y| y.probability.total_cmp(&x.probability).then_with(|| (&x.a, &x.b).cmp(&(&y.a, &y.b))));
        links
    }

    /// Returns what speaks for and against two profiles being one person, whether or
    /// not it would be proposed; `None` where one of them is not among the records,
    /// or both are the same.
    #[must_use]
    pub fn explain(&self, records: &RecordSet, a: &ProfileId, b: &ProfileId) -> Option<ProposedLink> {
        let (a, b) = (records.position(a)?, records.position(b)?);
        if a == b {
            return None;
        }
        let (a, b) = (a.min(b), a.max(b));
        let (probability, weights) = self.weigh(records, a, b);
        Some(link(records, (a, b), probability, weights))
    }

    /// Returns the share of pairs, of all pairs, that are one person.
    #[must_use]
    pub fn match_share(&self) -> f64 {
        self.mixture.share(Kind::Match)
    }

    /// Returns the share of pairs, of all pairs, that only live or work together.
    #[must_use]
    pub fn household_share(&self) -> f64 {
        self.mixture.share(Kind::Household)
    }

    /// Returns how many rounds the fit took, `None` where it had not settled at the
    /// last one allowed.
    #[must_use]
    pub fn n_iterations(&self) -> Option<u32> {
        self.mixture.converged.then_some(self.mixture.n_iterations)
    }

    /// Returns what every level of every comparison weighs.
    #[must_use]
    pub fn level_weights(&self) -> Vec<LevelWeight> {
        let mut weights = Vec::new();
        for comparison in Comparison::ALL {
            for level in comparison.levels() {
                let [m, household, u] = [Kind::Match, Kind::Household, Kind::Stranger]
                    .map(|kind| self.mixture.level(kind, comparison, *level));
                weights.push(LevelWeight { comparison, level: *level, m, household, u, bits: (m / u).log2() });
            }
        }
        weights
    }

    /// Returns the probability that two records are one person, and its waterfall.
    fn weigh(&self, records: &RecordSet, a: RecordIdx, b: RecordIdx) -> (f64, Vec<Weight>) {
        let bits_of = |kind: Kind| self.mixture.share(kind).log2();
        let prior = bits_of(Kind::Match) - bits_of(Kind::Stranger);
        let mut weights = vec![Weight { reason: WeightReason::Prior, bits: prior }];
        // log2 of the odds of a household against strangers.
        let mut household = bits_of(Kind::Household) - bits_of(Kind::Stranger);
        for (comparison, level) in Pattern::of(records, a, b).evidence() {
            let bits_of = |kind: Kind| self.mixture.level(kind, comparison, level).log2();
            let bits = bits_of(Kind::Match) - bits_of(Kind::Stranger);
            weights.push(Weight { reason: WeightReason::Comparison(comparison, level), bits });
            household += bits_of(Kind::Household) - bits_of(Kind::Stranger);
            if level == Level::Exact {
                let bits = comparison.column(records).rarity_bits(a);
                weights.push(Weight { reason: WeightReason::Frequency(comparison), bits });
                household += bits;
            }
        }
        weights.push(Weight { reason: WeightReason::Household, bits: -(1.0 + household.exp2()).log2() });
        let bits: f64 = weights.iter().map(|weight| weight.bits).sum();
        (1.0 / (1.0 + (-bits).exp2()), weights)
    }
}

fn link(records: &RecordSet, (a, b): (RecordIdx, RecordIdx), probability: f64, weights: Vec<Weight>) -> ProposedLink {
    let id = |record: RecordIdx| records.ids()[record as usize].clone();
    ProposedLink { a: id(a), b: id(b), probability, weights }
}
