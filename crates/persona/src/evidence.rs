//! The one computation of evidence: claims are made with it, and verified with it.
//!
//! A persona is compared with everybody else, the unassigned included, or with one other. Missing values are left
//! out of means and counts, as SQL leaves out nulls.
//!
//! The intervals say how large a difference is. They do not prove that the persona exists: the
//! groups were found in the same data, so a difference in what they were found by is to be
//! expected. That they exist rests on [`Persona::stability`](crate::Persona) and
//! [`Discovery::separation`](crate::Discovery).

use throng_event::Day;
use throng_learn::LearnError;

use crate::compare::{Comparison, compare_numbers, compare_revenue, compare_shares};
use crate::number::{count, real};
use crate::query::{held_out, query};
use crate::{Contrast, Effect, EffectKind, Evidence, Interval, Measure, Memberships, PersonaError, PersonaId};
use crate::{Population, Revenue, Values};

/// Returns what a claim about `persona` rests on, computed from the data: `persona` beside the
/// persona it is compared with, or beside everybody else.
///
/// Same data, same bits: this is how claims are made and how `throng verify` checks them.
///
/// # Errors
/// [`PersonaError::Unknown`] when the data lacks what is measured, [`PersonaError::OtherPopulation`]
/// when the memberships are about others, [`PersonaError::TooFewValues`] when there is no interval.
pub fn recompute(
    measure: &Measure,
    population: &Population,
    memberships: &Memberships,
    persona: &PersonaId,
    against: Option<&PersonaId>,
) -> Result<Evidence, PersonaError> {
    let groups = Groups::new(population, memberships, persona, against)?;
    Ok(measured(measure, &groups)?.evidence)
}

/// A population in two parts: a persona and those it is compared with.
pub(crate) struct Groups<'a> {
    pub(crate) population: &'a Population,
    pub(crate) persona: &'a PersonaId,
    /// The other persona; `None` for everybody else.
    pub(crate) against: Option<&'a PersonaId>,
    /// Where each profile counts.
    parts: Vec<Part>,
}

/// Where a profile counts in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Persona,
    Rest,
    Neither,
}

/// Evidence and the probability of such a difference between two random groups.
pub(crate) struct Measured {
    pub(crate) evidence: Evidence,
    pub(crate) p_value: f64,
}

impl<'a> Groups<'a> {
    pub(crate) fn new(
        population: &'a Population,
        memberships: &Memberships,
        persona: &'a PersonaId,
        against: Option<&'a PersonaId>,
    ) -> Result<Self, PersonaError> {
        let persona_idx = memberships.position(persona)?;
        let other_idx = against.map(|other| memberships.position(other)).transpose()?;
        let rows = memberships.rows();
        let same = rows.len() == population.profiles.len()
            && rows.iter().zip(&population.profiles).all(|(row, profile)| row.profile == *profile);
        if !same {
            let (n_memberships, n_profiles) = (rows.len(), population.profiles.len());
            return Err(PersonaError::OtherPopulation { n_memberships, n_profiles });
        }
        let part = |assigned: Option<usize>| match (assigned, other_idx) {
            (Some(assigned), _) if assigned == persona_idx => Part::Persona,
            (_, None) => Part::Rest,
            (Some(assigned), Some(other_idx)) if assigned == other_idx => Part::Rest,
            (_, Some(_)) => Part::Neither,
        };
        let parts = rows.iter().map(|row| part(row.assigned)).collect();
        Ok(Self { population, persona, against, parts })
    }

    /// Returns the groups of a population whose first `n_persona` profiles are those of the persona, and all
    /// others those that it is compared with.
    pub(crate) fn in_a_row(
        population: &'a Population,
        (persona, against): (&'a PersonaId, &'a PersonaId),
        n_persona: usize,
    ) -> Self {
        let place = |row_idx| if row_idx < n_persona { Part::Persona } else { Part::Rest };
        Self { population, persona, against: Some(against), parts: (0..population.profiles.len()).map(place).collect() }
    }

    /// Returns which profiles count for the persona.
    pub(crate) fn inside(&self) -> Vec<bool> {
        self.parts.iter().map(|part| *part == Part::Persona).collect()
    }

    /// Returns where each profile counts: 0 for the persona, 1 for those it is compared with.
    fn places(&self) -> impl Iterator<Item = Option<usize>> {
        self.parts.iter().map(|part| match part {
            Part::Persona => Some(0),
            Part::Rest => Some(1),
            Part::Neither => None,
        })
    }

    /// Returns the exact sum of the persona's revenue.
    pub(crate) fn revenue_minor(&self, revenue: &Revenue) -> i128 {
        self.sum_of(Part::Persona, revenue)
    }

    fn sum_of(&self, wanted: Part, revenue: &Revenue) -> i128 {
        let rows = self.parts.iter().zip(&revenue.minor);
        rows.filter(|(part, _)| **part == wanted).map(|(_, minor)| i128::from(*minor)).sum()
    }

    /// Returns how many profiles are in the persona and in the rest.
    pub(crate) fn n(&self) -> (u64, u64) {
        let n_in = |wanted: Part| count(self.parts.iter().filter(|part| **part == wanted).count());
        (n_in(Part::Persona), n_in(Part::Rest))
    }
}

/// What a measure is computed from, gathered from one part of a population.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    /// Profiles of whom it is known.
    pub(crate) n: u64,
    /// Those of them that have the value in question.
    pub(crate) n_hit: u64,
    /// The exact sum of revenue.
    pub(crate) sum: i128,
    /// Known numbers, in the population's order.
    pub(crate) numbers: Vec<f64>,
}

impl Gathered {
    fn push(&mut self, number: f64) {
        self.n += 1;
        self.numbers.push(number);
    }

    fn hits(&self) -> Hits {
        Hits { n: self.n, n_hit: self.n_hit }
    }
}

/// Known values of one part of a population, and those that are the value in question.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hits {
    pub(crate) n: u64,
    pub(crate) n_hit: u64,
}

/// Adds what a measure needs of a population to its `parts`; `places` says in which one each profile
/// counts.
pub(crate) fn gather(
    measure: &Measure,
    population: &Population,
    places: impl Iterator<Item = Option<usize>>,
    parts: &mut [Gathered],
) -> Result<(), PersonaError> {
    match measure {
        Measure::Size => places.flatten().for_each(|place| parts[place].n += 1),
        Measure::RevenueShare => {
            let Some(revenue) = &population.revenue else {
                return Err(PersonaError::Unknown { what: "column", name: "revenue_minor".to_owned() });
            };
            for (place, minor) in places.zip(&revenue.minor) {
                let Some(part) = place.map(|place| &mut parts[place]) else { continue };
                part.sum += i128::from(*minor);
                part.push(real(i128::from(*minor)));
            }
        }
        Measure::RuleShare { rule } => count_hits(places, rule.fits(population)?.into_iter().map(Some), parts),
        Measure::RuleShareHeldOut { rule } => {
            let fits = rule.fits(population)?.into_iter().zip(&population.profiles);
            count_hits(places, fits.map(|(fits, profile)| held_out(profile).then_some(fits)), parts);
        }
        Measure::MeanRatio { feature } | Measure::MeanDifference { feature } => {
            for (place, &number) in places.zip(numbers(population, feature)?) {
                if let Some(place) = place
                    && !number.is_nan()
                {
                    parts[place].push(number);
                }
            }
        }
        Measure::CategoryShare { feature, value } => {
            let known = categories(population, feature)?.iter();
            count_hits(places, known.map(|known| known.as_ref().map(|known| known == value)), parts);
        }
        Measure::TraitShare { name, value } => {
            let known = stated(population, name)?.iter();
            count_hits(places, known.map(|known| known.as_ref().map(|known| known == value)), parts);
        }
    }
    Ok(())
}

/// Counts, for each part, how many are known and how many of those are true.
fn count_hits(
    places: impl Iterator<Item = Option<usize>>,
    known: impl Iterator<Item = Option<bool>>,
    parts: &mut [Gathered],
) {
    for (place, known) in places.zip(known) {
        let (Some(place), Some(hit)) = (place, known) else { continue };
        parts[place].n += 1;
        parts[place].n_hit += u64::from(hit);
    }
}

pub(crate) fn measured(measure: &Measure, groups: &Groups<'_>) -> Result<Measured, PersonaError> {
    let mut parts = [Gathered::default(), Gathered::default()];
    gather(measure, groups.population, groups.places(), &mut parts)?;
    let [persona, rest] = &parts;
    concluded(measure, (persona, rest), (groups.persona, groups.against), groups.population.as_of.day)
}

/// Returns the evidence that follows from what was gathered of a persona and of those it is compared
/// with.
pub(crate) fn concluded(
    measure: &Measure,
    (persona, rest): (&Gathered, &Gathered),
    (id, against): (&PersonaId, Option<&PersonaId>),
    day: Day,
) -> Result<Measured, PersonaError> {
    let numbers = |contrast: Contrast| compare_numbers(&persona.numbers, &rest.numbers, contrast);
    let compared = match measure {
        Measure::Size => size(persona.n, rest.n),
        Measure::RevenueShare => compare_revenue([persona.sum, rest.sum], &persona.numbers, &rest.numbers),
        Measure::MeanRatio { .. } => numbers(Contrast::Ratio),
        Measure::MeanDifference { .. } => numbers(Contrast::Difference),
        Measure::RuleShare { .. }
        | Measure::RuleShareHeldOut { .. }
        | Measure::CategoryShare { .. }
        | Measure::TraitShare { .. } => compare_shares(persona.hits(), rest.hits()),
    };
    let comparison = compared.map_err(|source| unmeasurable(measure, persona.n, rest.n, source))?;
    let evidence = Evidence {
        persona_value: comparison.persona_value,
        rest_value: comparison.rest_value,
        n_persona: persona.n,
        n_rest: rest.n,
        effect: comparison.effect,
        interval: comparison.interval,
        query: query(measure, id, against, day),
    };
    Ok(Measured { evidence, p_value: comparison.p_value })
}

/// Returns the size of a persona as evidence: its share, and the share of everybody else.
fn size(n_persona: u64, n_rest: u64) -> Result<Comparison, LearnError> {
    let n = n_persona + n_rest;
    let (low, high) = crate::compare::share_interval(n_persona, n)?;
    let persona_value = real(i128::from(n_persona)) / real(i128::from(n));
    let rest_value = real(i128::from(n_rest)) / real(i128::from(n));
    let value = persona_value - rest_value;
    Ok(Comparison {
        persona_value,
        rest_value,
        effect: Effect {
            kind: EffectKind::DifferenceOfShares,
            value,
            low: (2.0 * low - 1.0).min(value),
            high: (2.0 * high - 1.0).max(value),
        },
        interval: Interval { contrast: Contrast::Share, low, high },
        p_value: 0.0,
    })
}

fn numbers<'a>(population: &'a Population, feature: &str) -> Result<&'a [f64], PersonaError> {
    match &population.feature(feature)?.values {
        Values::Numbers(numbers) => Ok(numbers),
        Values::Categories(_) => Err(PersonaError::Unknown { what: "numeric feature", name: feature.to_owned() }),
    }
}

fn categories<'a>(population: &'a Population, feature: &str) -> Result<&'a [Option<String>], PersonaError> {
    match &population.feature(feature)?.values {
        Values::Categories(categories) => Ok(categories),
        Values::Numbers(_) => Err(PersonaError::Unknown { what: "categorical feature", name: feature.to_owned() }),
    }
}

fn stated<'a>(population: &'a Population, name: &str) -> Result<&'a [Option<String>], PersonaError> {
    let found = population.traits.iter().find(|column| column.name == name);
    let column = found.ok_or_else(|| PersonaError::Unknown { what: "trait", name: name.to_owned() })?;
    Ok(&column.values)
}

fn unmeasurable(measure: &Measure, n_persona: u64, n_rest: u64, source: LearnError) -> PersonaError {
    if matches!(source, LearnError::TooFewValues { .. }) {
        let subject = measure.subject().unwrap_or(measure.as_str()).to_owned();
        return PersonaError::TooFewValues { subject, n_persona, n_rest };
    }
    PersonaError::Learn { attempt: "compare the persona with the others", source }
}
