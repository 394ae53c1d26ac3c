//! Claims counted on customers who do not fit in memory together.
//!
//! Where personas were sought among some of the customers, what is said of them is still to be true
//! of all. What to tell was decided on those some; here every claim is counted again on everybody,
//! who come by in pieces and in any order, and is told with the new numbers. A [`Tally`] keeps of
//! each customer what one measure needs and no more: for shares two counts, for means one number.

use throng_event::Day;

use crate::description::{done, said, saturated, summary_of};
use crate::evidence::{Gathered, concluded, gather};
use crate::number::real;
use crate::persona::quoted;
use crate::rule_statement::{held_out_statement, rule_statement};
use crate::statement::{OTHERS, revenue_statement, size_statement};
use crate::{Claim, ClaimKind, Evidence, Measure, Persona, PersonaError, PersonaId, PersonaRevenue, Population};

/// Everything that the evidence of one measure needs, for all personas at once.
///
/// ```
/// use throng_event::{Calendar, Day, Identity};
/// use throng_persona::{Measure, PersonaId, Population, Tally};
/// use throng_profile::ProfileId;
///
/// let profiles = (0..3).map(|n| ProfileId::of(&Identity::user(&n.to_string()))).collect();
/// let as_of = Calendar::utc().as_of(Day(19_000));
/// let piece = Population { as_of, profiles, features: Vec::new(), traits: Vec::new(), revenue: None, histories: None, lookback: None };
/// let mut tally = Tally::new(Measure::Size, &[PersonaId::at(0)]);
/// tally.update(&piece, &[Some(0), None, Some(0)])?;
/// tally.update(&piece, &[None, None, None])?;
/// let evidence = tally.evidence(&PersonaId::at(0), None, Day(19_000))?;
/// assert_eq!((evidence.n_persona, evidence.n_rest), (2, 4));
/// # Ok::<(), throng_persona::PersonaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tally {
    measure: Measure,
    personas: Vec<PersonaId>,
    /// What was gathered of each persona, and last of those who are in none.
    parts: Vec<Gathered>,
}

impl Tally {
    /// Returns the tally of nobody yet.
    #[must_use]
    pub fn new(measure: Measure, personas: &[PersonaId]) -> Self {
        let parts = vec![Gathered::default(); personas.len() + 1];
        Self { measure, personas: personas.to_vec(), parts }
    }

    /// Returns what is counted.
    #[must_use]
    pub fn measure(&self) -> &Measure {
        &self.measure
    }

    /// Adds some customers; `assigned` is the position of the persona each counts for.
    ///
    /// # Errors
    /// [`PersonaError::Unknown`] when they lack what is measured, [`PersonaError::OtherPopulation`]
    /// when there is not one position for each.
    pub fn update(&mut self, population: &Population, assigned: &[Option<usize>]) -> Result<(), PersonaError> {
        let (n_memberships, n_profiles) = (assigned.len(), population.profiles.len());
        if n_memberships != n_profiles {
            return Err(PersonaError::OtherPopulation { n_memberships, n_profiles });
        }
        let nobodys = self.personas.len();
        let places = assigned.iter().map(|assigned| Some(assigned.map_or(nobodys, |idx| idx.min(nobodys))));
        gather(&self.measure, population, places, &mut self.parts)
    }

    /// Returns what a claim about a persona rests on, beside another persona or everybody else.
    ///
    /// Numbers are taken in the order of their size, so that the order in which customers came does
    /// not show.
    ///
    /// # Errors
    /// Those of [`recompute`](crate::recompute).
    pub fn evidence(
        &self,
        persona: &PersonaId,
        against: Option<&PersonaId>,
        day: Day,
    ) -> Result<Evidence, PersonaError> {
        let persona_idx = self.position(persona)?;
        let rest = match against {
            Some(other) => vec![&self.parts[self.position(other)?]],
            None => {
                let others = self.parts.iter().enumerate().filter(|(part_idx, _)| *part_idx != persona_idx);
                others.map(|(_, part)| part).collect()
            }
        };
        let (own, rest) = (in_order(&[&self.parts[persona_idx]]), in_order(&rest));
        Ok(concluded(&self.measure, (&own, &rest), (persona, against), day)?.evidence)
    }

    fn position(&self, persona: &PersonaId) -> Result<usize, PersonaError> {
        let found = self.personas.iter().position(|id| id == persona);
        found.ok_or_else(|| PersonaError::Unknown { what: "persona", name: persona.to_string() })
    }
}

/// Returns parts as one, with the numbers in the order of their size.
fn in_order(parts: &[&Gathered]) -> Gathered {
    let mut whole = Gathered::default();
    for part in parts {
        whole.n += part.n;
        whole.n_hit += part.n_hit;
        whole.sum += part.sum;
        whole.numbers.extend_from_slice(&part.numbers);
    }
    whole.numbers.sort_unstable_by(f64::total_cmp);
    whole
}

impl Measure {
    /// Returns the features whose values it is computed from.
    #[must_use]
    pub fn features(&self) -> Vec<&str> {
        match self {
            Self::Size | Self::RevenueShare | Self::TraitShare { .. } => Vec::new(),
            Self::RuleShare { rule } | Self::RuleShareHeldOut { rule } => {
                rule.conditions().iter().map(|condition| condition.feature.as_str()).collect()
            }
            Self::MeanRatio { feature } | Self::MeanDifference { feature } | Self::CategoryShare { feature, .. } => {
                vec![feature]
            }
        }
    }
}

/// Personas on their way from the customers they were found among to everybody.
#[derive(Debug)]
pub struct Recount<'a> {
    personas: &'a [Persona],
    sought_among: &'a Population,
    /// For each claim of each persona, what everybody says; `None` where it cannot be measured.
    evidence: Vec<Vec<Option<Evidence>>>,
    /// The sizes of the personas, and last of those who are in none.
    sizes: Vec<u64>,
    /// The sums of revenue of the personas, and last of those who are in none.
    revenues: Vec<i128>,
}

impl<'a> Recount<'a> {
    /// Returns the recount of personas found in a population, with nothing counted yet.
    #[must_use]
    pub fn new(personas: &'a [Persona], sought_among: &'a Population) -> Self {
        let evidence = personas.iter().map(|persona| vec![None; persona.claims.len()]).collect();
        Self { personas, sought_among, evidence, sizes: Vec::new(), revenues: Vec::new() }
    }

    /// Returns what has to be counted, each measure once.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let mut measures = vec![Measure::Size];
        measures.extend(self.sought_among.revenue.iter().map(|_| Measure::RevenueShare));
        measures.extend(self.claims().map(|(_, claim)| claim.measure.clone()));
        measures.sort_unstable();
        measures.dedup();
        measures
    }

    fn claims(&self) -> impl Iterator<Item = (&'a Persona, &'a Claim)> {
        self.personas.iter().flat_map(|persona| persona.claims.iter().map(move |claim| (persona, claim)))
    }

    /// Takes the tally of one measure, of which only the evidence is kept.
    ///
    /// # Errors
    /// [`PersonaError::Unknown`] when it is of other personas.
    pub fn take(&mut self, tally: &Tally) -> Result<(), PersonaError> {
        match tally.measure {
            Measure::Size => self.sizes = self.of_each(tally)?.map(|part| part.n).collect(),
            Measure::RevenueShare => self.revenues = self.of_each(tally)?.map(|part| part.sum).collect(),
            Measure::RuleShare { .. }
            | Measure::RuleShareHeldOut { .. }
            | Measure::MeanRatio { .. }
            | Measure::MeanDifference { .. }
            | Measure::CategoryShare { .. }
            | Measure::TraitShare { .. } => {}
        }
        let slots = self.evidence.iter_mut().flatten();
        let claims = self.personas.iter().flat_map(|persona| persona.claims.iter().map(move |claim| (persona, claim)));
        for (slot, (persona, claim)) in slots.zip(claims).filter(|(_, (_, claim))| claim.measure == tally.measure) {
            let day = self.sought_among.as_of.day;
            *slot = match tally.evidence(&persona.id, claim.against.as_ref(), day) {
                Ok(evidence) => Some(evidence),
                Err(PersonaError::Learn { .. } | PersonaError::TooFewValues { .. }) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    /// Returns what was gathered of each persona, in their order, and of those who are in none.
    fn of_each<'t>(&self, tally: &'t Tally) -> Result<impl Iterator<Item = &'t Gathered> + use<'t>, PersonaError> {
        let positions = self.personas.iter().map(|persona| tally.position(&persona.id));
        let positions = positions.collect::<Result<Vec<usize>, _>>()?;
        Ok(positions.into_iter().chain([tally.personas.len()]).map(|position| &tally.parts[position]))
    }

    /// Returns the personas with the sizes, revenues and claims of everybody. A difference that is
    /// not sure any more, or has turned round, is not told.
    ///
    /// # Errors
    /// [`PersonaError::Unknown`] when sizes or revenues were not counted.
    pub fn personas(&self) -> Result<Vec<Persona>, PersonaError> {
        let missing = |measure: &Measure| PersonaError::Unknown { what: "tally", name: measure.as_str().to_owned() };
        let n_all = real(i128::from(self.sizes.iter().sum::<u64>()));
        let mut personas = Vec::with_capacity(self.personas.len());
        for (persona_idx, former) in self.personas.iter().enumerate() {
            let n_profiles = *self.sizes.get(persona_idx).ok_or_else(|| missing(&Measure::Size))?;
            let revenue = match &self.sought_among.revenue {
                None => None,
                Some(revenue) => {
                    let own = *self.revenues.get(persona_idx).ok_or_else(|| missing(&Measure::RevenueShare))?;
                    let share = real(own) / real(self.revenues.iter().sum());
                    Some(PersonaRevenue { minor: saturated(own), currency: revenue.currency, share })
                }
            };
            let share = real(i128::from(n_profiles)) / n_all;
            let mut persona = Persona { n_profiles, share, revenue, claims: Vec::new(), ..former.clone() };
            for (claim, evidence) in former.claims.iter().zip(&self.evidence[persona_idx]) {
                if let Some(evidence) = evidence.as_ref().filter(|evidence| borne_out(claim, evidence)) {
                    let statement = self.statement(claim, &persona, evidence)?;
                    persona.claims.push(Claim { statement, evidence: evidence.clone(), ..claim.clone() });
                }
            }
            persona.summary = summary_of(&persona.claims);
            if let Some(sentence) = persona.negative().map(|negative| negative.sentence) {
                persona.summary = format!("{} {sentence}", persona.summary);
            }
            personas.push(persona);
        }
        Ok(personas)
    }

    fn statement(&self, claim: &Claim, persona: &Persona, evidence: &Evidence) -> Result<String, PersonaError> {
        let mut features = self.sought_among.features.iter().map(|feature| &feature.definition);
        let of_feature = !matches!(claim.measure, Measure::TraitShare { .. });
        let definition = features.find(|definition| of_feature && claim.measure.subject() == Some(&definition.name));
        let other = self.personas.iter().find(|other| claim.against.as_ref() == Some(&other.id));
        Ok(match (claim.kind, &claim.measure) {
            (ClaimKind::Size, _) => size_statement(evidence),
            (ClaimKind::Revenue, _) => persona
                .revenue
                .map_or_else(String::new, |revenue| revenue_statement(evidence, revenue.minor, revenue.currency)),
            (ClaimKind::Rule, Measure::RuleShare { rule }) => rule_statement(rule, evidence, self.sought_among)?,
            (ClaimKind::Rule, _) => held_out_statement(evidence),
            (ClaimKind::Demographic, measure) => said(measure, definition, evidence, persona.n_profiles),
            (ClaimKind::Distinction | ClaimKind::Cost | ClaimKind::Nearest, measure) => {
                let others = other.map_or_else(|| OTHERS.to_owned(), |other| quoted(&other.name));
                done(measure, definition, evidence, &others)
            }
        })
    }
}

/// Whether a claim still holds: sizes always do, differences where they are sure and the same way
/// round.
fn borne_out(claim: &Claim, evidence: &Evidence) -> bool {
    let of_size = matches!(claim.kind, ClaimKind::Size | ClaimKind::Revenue);
    let same_way = (evidence.effect.value > 0.0) == (claim.evidence.effect.value > 0.0);
    of_size || (evidence.interval.excludes_no_effect() && same_way)
}
