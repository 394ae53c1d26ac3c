//! Clusters described as personas: claims, summary, name, typical members.

use throng_learn::LearnError;
use throng_profile::ProfileId;

use crate::Population;
use crate::evidence::{Groups, measured};
use crate::naming::names;
use crate::number::{count, real, real_count};
use crate::statement::{
    category_statement, number_statement, revenue_statement, size_statement, summary, trait_statement,
};
use crate::telling::{Difference, Subjects};
use crate::{Claim, ClaimKind, Evidence, Measure, Memberships, Persona, PersonaError, PersonaId, PersonaRevenue};

/// Typical members shown of a persona: enough to look at, few enough to do so.
const EXEMPLARS_MAX: usize = 5;

/// Claims that go into the one sentence of the summary.
const SUMMARY_CLAIMS_MAX: usize = 3;

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
    let mut groups = Vec::new();
    for persona in memberships.personas() {
        groups.push(Groups::new(population, memberships, persona)?);
    }
    let subjects = Subjects::new(population);
    let differences = subjects.differences(&groups)?;
    let names = names(&subjects, &differences);
    let mut personas = Vec::new();
    for (persona_idx, (group, name)) in groups.iter().zip(names).enumerate() {
        let claims = claims(&subjects, &differences[persona_idx], group)?;
        let n_profiles = memberships.n_assigned(persona_idx);
        personas.push(Persona {
            id: group.persona.clone(),
            name,
            summary: summary_of(&claims),
            n_profiles: count(n_profiles),
            share: real_count(n_profiles) / real_count(population.profiles.len()),
            revenue: revenue(population, memberships, persona_idx),
            stability: clusters.stability[persona_idx],
            claims,
            exemplars: exemplars(memberships, persona_idx, &clusters.distances[persona_idx]),
        });
    }
    Ok(personas)
}

fn claims(subjects: &Subjects<'_>, differences: &[Difference], group: &Groups<'_>) -> Result<Vec<Claim>, PersonaError> {
    let mut claims = Vec::new();
    let size = measured(&Measure::Size, group)?.evidence;
    let statement = size_statement(&size);
    claims.push(claim(group.persona, ClaimKind::Size, Measure::Size, statement, size));
    if let Some(evidence) = revenue_evidence(group)? {
        let statement = revenue_claim_statement(group, &evidence);
        claims.push(claim(group.persona, ClaimKind::Revenue, Measure::RevenueShare, statement, evidence));
    }
    let (n_persona, _) = group.n();
    for difference in subjects.told(differences) {
        let evidence = &difference.evidence;
        let kind = if subjects.demographic(difference) { ClaimKind::Demographic } else { ClaimKind::Distinction };
        let statement = match (subjects.definition(difference), &difference.measure) {
            (Some(definition), Measure::CategoryShare { value, .. }) if kind == ClaimKind::Demographic => {
                trait_statement(&definition.phrase, value, n_persona, evidence)
            }
            (Some(definition), Measure::CategoryShare { value, .. }) => category_statement(definition, value, evidence),
            (Some(definition), _) => number_statement(definition, evidence),
            (None, measure) => {
                trait_statement(measure.subject().unwrap_or(""), measure.value().unwrap_or(""), n_persona, evidence)
            }
        };
        claims.push(claim(group.persona, kind, difference.measure.clone(), statement, evidence.clone()));
    }
    Ok(claims)
}

fn claim(persona: &PersonaId, kind: ClaimKind, measure: Measure, statement: String, evidence: Evidence) -> Claim {
    Claim { id: measure.claim_id(persona), kind, measure, statement, evidence }
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
fn saturated(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

fn summary_of(claims: &[Claim]) -> String {
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
