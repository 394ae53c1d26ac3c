//! Clusters described as personas: claims, summary, name, typical members.

use throng_feature::FeatureDefinition;
use throng_learn::LearnError;
use throng_profile::ProfileId;

use crate::Population;
use crate::cost::{costs, value};
use crate::evidence::{Groups, measured};
use crate::naming::{Name, names};
use crate::number::{count, real, real_count};
use crate::persona::quoted;
use crate::rule_search::{Check, RuleSearch};
use crate::rule_statement::{held_out_statement, rule_statement};
use crate::statement::{
    OTHERS, category_statement, number_statement, revenue_statement, size_statement, summary, trait_statement,
};
use crate::telling::{Difference, Subjects};
use crate::{Claim, ClaimKind, Evidence, Measure, Memberships, Persona, PersonaError, PersonaId, PersonaRevenue};

/// Typical members shown of a persona: enough to look at, few enough to do so.
const EXEMPLARS_MAX: usize = 5;

/// Claims that go into the one sentence of the summary.
const SUMMARY_CLAIMS_MAX: usize = 3;

/// How much more often a rule must fit members than others: medium (Romano et al. 2006).
const RULE_EFFECT_MIN: f64 = 0.33;

/// What is known of the clusters that the data do not say, in the order of the personas.
pub(crate) struct Clusters {
    /// Mean Jaccard similarity under resampling.
    pub(crate) stability: Vec<f64>,
    /// Every profile's distance to the centroid.
    pub(crate) distances: Vec<Vec<f32>>,
}

/// Returns the personas of the memberships, in their order.
pub(crate) fn describe(
    population: &Population,
    memberships: &Memberships,
    clusters: &Clusters,
) -> Result<Vec<Persona>, PersonaError> {
    let ids = memberships.personas();
    let nearest: Vec<Option<usize>> =
        (0..ids.len()).map(|persona_idx| nearest(memberships, persona_idx, &clusters.distances)).collect();
    let mut groups = Vec::new();
    for id in ids {
        groups.push(Groups::new(population, memberships, id, None)?);
    }
    for (id, other_idx) in ids.iter().zip(&nearest) {
        if let Some(other_idx) = other_idx {
            groups.push(Groups::new(population, memberships, id, Some(&ids[*other_idx]))?);
        }
    }
    let subjects = Subjects::new(population);
    let mut differences = subjects.differences(&groups)?;
    let mut of_nearest = differences.split_off(ids.len()).into_iter();
    let telling =
        Telling { population, names: names(&subjects, &differences), rules: RuleSearch::new(population), subjects };
    let mut personas = Vec::new();
    for (persona_idx, group) in groups.iter().take(ids.len()).enumerate() {
        let n_profiles = memberships.n_assigned(persona_idx);
        let share = real_count(n_profiles) / real_count(population.profiles.len());
        let revenue = revenue(population, memberships, persona_idx);
        let value = revenue.and_then(|revenue| value(revenue.share, share));
        let mut claims = telling.basic_claims(group)?;
        claims.extend(telling.told_claims(&differences[persona_idx], persona_idx, group, value));
        if let Some(other_idx) = nearest[persona_idx] {
            let told = of_nearest.next().unwrap_or_default();
            claims.extend(telling.nearest_claims(&told, group.persona, (&ids[other_idx], other_idx)));
        }
        // Who they say they are comes last.
        claims.sort_by_key(|claim| claim.kind == ClaimKind::Demographic);
        let mut persona = Persona {
            id: group.persona.clone(),
            name: telling.names[persona_idx].text.clone(),
            summary: summary_of(&claims),
            n_profiles: count(n_profiles),
            share,
            revenue,
            stability: clusters.stability[persona_idx],
            claims,
            exemplars: exemplars(memberships, persona_idx, &clusters.distances[persona_idx]),
        };
        if let Some(sentence) = persona.negative().map(|negative| negative.sentence) {
            persona.summary = format!("{} {sentence}", persona.summary);
        }
        personas.push(persona);
    }
    Ok(personas)
}

/// What is needed to put a persona into words.
struct Telling<'a> {
    population: &'a Population,
    subjects: Subjects<'a>,
    names: Vec<Name>,
    rules: RuleSearch<'a>,
}

impl Telling<'_> {
    /// Returns the claims of size, revenue and rule.
    fn basic_claims(&self, group: &Groups<'_>) -> Result<Vec<Claim>, PersonaError> {
        let mut claims = Vec::new();
        let size = measured(&Measure::Size, group)?.evidence;
        let statement = size_statement(&size);
        claims.push(claim(group.persona, ClaimKind::Size, Measure::Size, statement, size));
        if let Some(evidence) = revenue_evidence(group)? {
            let statement = revenue_claim_statement(group, &evidence);
            claims.push(claim(group.persona, ClaimKind::Revenue, Measure::RevenueShare, statement, evidence));
        }
        claims.extend(self.rule_claims(group)?);
        Ok(claims)
    }

    /// Returns the rule of the persona with its check, or nothing where no rule picks it out.
    fn rule_claims(&self, group: &Groups<'_>) -> Result<Vec<Claim>, PersonaError> {
        let Some((rule, check)) = self.rules.rule(group)? else { return Ok(Vec::new()) };
        let picks_out =
            |evidence: &Evidence| evidence.effect.value >= RULE_EFFECT_MIN && evidence.interval.excludes_no_effect();
        let measure = Measure::RuleShare { rule: rule.clone() };
        let evidence = measured(&measure, group)?.evidence;
        if !picks_out(&evidence) {
            return Ok(Vec::new());
        }
        let statement = rule_statement(&rule, &evidence, self.population)?;
        let mut claims = vec![claim(group.persona, ClaimKind::Rule, measure, statement, evidence)];
        if check == Check::HeldOut {
            let measure = Measure::RuleShareHeldOut { rule };
            let evidence = measured(&measure, group)?.evidence;
            if !picks_out(&evidence) {
                // It says something only about the customers it was made from.
                return Ok(Vec::new());
            }
            let statement = held_out_statement(&evidence);
            claims.push(claim(group.persona, ClaimKind::Rule, measure, statement, evidence));
        }
        Ok(claims)
    }

    /// Returns the claims of what sets a persona apart, what it costs and who its members are.
    fn told_claims(
        &self,
        differences: &[Difference],
        persona_idx: usize,
        group: &Groups<'_>,
        value: Option<f64>,
    ) -> Vec<Claim> {
        let costs = costs(&self.subjects, differences, value);
        let (n_persona, _) = group.n();
        let mut told = Vec::new();
        for difference in self.subjects.told(differences, &self.names[persona_idx].differences) {
            if costs.iter().any(|position| differences[*position].measure == difference.measure) {
                continue;
            }
            let demographic = self.subjects.demographic(difference);
            let kind = if demographic { ClaimKind::Demographic } else { ClaimKind::Distinction };
            let statement = match demographic {
                true => self.said(difference, n_persona),
                false => self.done(difference, OTHERS),
            };
            told.push(claim(group.persona, kind, difference.measure.clone(), statement, difference.evidence.clone()));
        }
        for difference in costs.into_iter().map(|position| &differences[position]) {
            let (measure, statement) = (difference.measure.clone(), self.done(difference, OTHERS));
            told.push(claim(group.persona, ClaimKind::Cost, measure, statement, difference.evidence.clone()));
        }
        told
    }

    /// Returns the claims of what tells a persona from another.
    fn nearest_claims(
        &self,
        differences: &[Difference],
        persona: &PersonaId,
        (other, other_idx): (&PersonaId, usize),
    ) -> Vec<Claim> {
        let name = quoted(&self.names[other_idx].text);
        let told = self.subjects.told_of_nearest(differences).into_iter();
        told.map(|difference| Claim {
            id: difference.measure.claim_id(persona, Some(other)),
            kind: ClaimKind::Nearest,
            measure: difference.measure.clone(),
            against: Some(other.clone()),
            statement: self.done(difference, &name),
            evidence: difference.evidence.clone(),
        })
        .collect()
    }

    fn said(&self, difference: &Difference, n_persona: u64) -> String {
        said(&difference.measure, self.subjects.definition(difference), &difference.evidence, n_persona)
    }

    fn done(&self, difference: &Difference, others: &str) -> String {
        done(&difference.measure, self.subjects.definition(difference), &difference.evidence, others)
    }
}

/// Says who they say they are; `definition` is that of the feature, `None` for a trait.
pub(crate) fn said(
    measure: &Measure,
    definition: Option<&FeatureDefinition>,
    evidence: &Evidence,
    n_persona: u64,
) -> String {
    match (definition, measure.value()) {
        (Some(definition), Some(value)) => trait_statement(&definition.phrase, value, n_persona, evidence),
        (Some(definition), None) => number_statement(definition, evidence, OTHERS),
        (None, value) => trait_statement(measure.subject().unwrap_or(""), value.unwrap_or(""), n_persona, evidence),
    }
}

/// Says what they do, beside `others`.
pub(crate) fn done(
    measure: &Measure,
    definition: Option<&FeatureDefinition>,
    evidence: &Evidence,
    others: &str,
) -> String {
    match (definition, measure.value()) {
        (Some(definition), Some(value)) => category_statement(definition, value, evidence, others),
        (Some(definition), None) => number_statement(definition, evidence, others),
        (None, _) => String::new(),
    }
}

/// Returns the persona whose centre is nearest to a persona's members; of equally near ones the first.
fn nearest(memberships: &Memberships, persona_idx: usize, distances: &[Vec<f32>]) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (other_idx, to_other) in distances.iter().enumerate().filter(|(other_idx, _)| *other_idx != persona_idx) {
        let rows = memberships.rows().iter().zip(to_other);
        let sum: f64 =
            rows.filter(|(row, _)| row.assigned == Some(persona_idx)).map(|(_, distance)| f64::from(*distance)).sum();
        if best.is_none_or(|(least, _)| sum < least) {
            best = Some((sum, other_idx));
        }
    }
    best.map(|(_, other_idx)| other_idx)
}

fn claim(persona: &PersonaId, kind: ClaimKind, measure: Measure, statement: String, evidence: Evidence) -> Claim {
    Claim { id: measure.claim_id(persona, None), kind, measure, against: None, statement, evidence }
}

/// Returns the evidence of the share of revenue; `None` when there is no money to divide.
fn revenue_evidence(group: &Groups<'_>) -> Result<Option<Evidence>, PersonaError> {
    if group.population.revenue.is_none() {
        return Ok(None);
    }
    match measured(&Measure::RevenueShare, group) {
        Ok(found) => Ok(Some(found.evidence)),
        // Refunds can outweigh what a group bought; a share of such a sum means nothing.
        Err(
            PersonaError::Learn { source: LearnError::InvalidParameter { .. }, .. } | PersonaError::TooFewValues { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

fn revenue_claim_statement(group: &Groups<'_>, evidence: &Evidence) -> String {
    group.population.revenue.as_ref().map_or_else(String::new, |revenue| {
        revenue_statement(evidence, saturated(group.revenue_minor(revenue)), revenue.currency)
    })
}

fn revenue(population: &Population, memberships: &Memberships, persona_idx: usize) -> Option<PersonaRevenue> {
    let revenue = population.revenue.as_ref()?;
    let (mut own, mut all) = (0_i128, 0_i128);
    for (row, minor) in memberships.rows().iter().zip(&revenue.minor) {
        all += i128::from(*minor);
        if row.assigned == Some(persona_idx) {
            own += i128::from(*minor);
        }
    }
    Some(PersonaRevenue { minor: saturated(own), currency: revenue.currency, share: real(own) / real(all) })
}

/// Returns the sum as stored; a sum beyond 9 · 10^18 minor units is no company's.
pub(crate) fn saturated(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

/// Returns the one sentence of the strongest claims.
pub(crate) fn summary_of(claims: &[Claim]) -> String {
    let of_kind = |kind: ClaimKind| claims.iter().find(|claim| claim.kind == kind).map(|claim| &claim.evidence);
    let strongest: Vec<&str> = claims
        .iter()
        .filter(|claim| claim.kind == ClaimKind::Distinction)
        .take(SUMMARY_CLAIMS_MAX)
        .map(|claim| claim.statement.as_str())
        .collect();
    match of_kind(ClaimKind::Size) {
        Some(size) => summary(size, of_kind(ClaimKind::Revenue), &strongest),
        None => String::new(),
    }
}

/// Returns the members closest to the centre, the closest first; of equally close ones by id.
fn exemplars(memberships: &Memberships, persona_idx: usize, distances: &[f32]) -> Vec<ProfileId> {
    let rows = memberships.rows().iter().zip(distances);
    let mut members: Vec<(f32, &ProfileId)> = rows
        .filter(|(row, _)| row.assigned == Some(persona_idx))
        .map(|(row, distance)| (*distance, &row.profile))
        .collect();
    members.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    members.into_iter().take(EXEMPLARS_MAX).map(|(_, profile)| profile.clone()).collect()
}
