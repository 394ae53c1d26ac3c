//! The JSON documents of the command line. Their keys are stable: a key is added, never
//! renamed. Shares lie between 0 and 1, money is in minor units, instants are RFC 3339.

mod model;
mod reliability;

use serde::Serialize;
use throng_engine::{BookOutcome, PersonaBook, ValidatedOutcome, Validation};
use throng_persona::{
    Claim, Confidence, DriftSummary, HistoryEntry, HistoryPersona, LineageEvent, LineagePersona, Persona,
};

pub(crate) use model::{ComparisonDocument, ModelDocument, RolesDocument, WholeModelDocument, rfc_3339};
pub(crate) use reliability::ReliabilityDocument;

/// `discover`, `personas list`, `personas export`, and `personas show` with what was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct BookDocument {
    /// The day whose end the numbers are taken at.
    pub(crate) as_of: String,
    /// The seed of all chance.
    pub(crate) seed: u64,
    /// Customers that were looked at.
    pub(crate) n_customers: u64,
    /// Among how many of them personas were sought, where not among all.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_customers_drawn: Option<u64>,
    /// `found` or `refused`.
    pub(crate) outcome: &'static str,
    /// Why there are no personas; null when there are some.
    pub(crate) refusal: Option<RefusalDocument>,
    /// Customers who belong to no persona.
    pub(crate) n_unassigned: Option<u64>,
    /// Whether there are gaps between the personas: `distinct` or `gradual`.
    pub(crate) separation: Option<&'static str>,
    /// What a continuum was cut by beside the features as they are; null where it was not.
    pub(crate) foretold: Option<String>,
    /// By which method customers were divided.
    pub(crate) method: &'static str,
    /// The personas, the largest first.
    pub(crate) personas: Vec<PersonaDocument>,
    /// Every number of personas that was tried.
    pub(crate) candidates: Vec<CandidateDocument>,
    /// Every feature: how it was used, or why not.
    pub(crate) features: Vec<FeatureUseDocument>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RefusalDocument {
    reason: &'static str,
    text: String,
}

/// One persona.
#[derive(Debug, Serialize)]
pub(crate) struct PersonaDocument {
    id: String,
    name: String,
    summary: String,
    n_customers: u64,
    share: f64,
    revenue: Option<RevenueDocument>,
    /// Where they cost more than they bring: why, in a sentence.
    negative: Option<String>,
    stability: f64,
    confidence: &'static str,
    claims: Vec<ClaimDocument>,
    exemplars: Vec<String>,
    /// The kinds within it, whose shares and others are those of the persona; their own lists are empty.
    sub_kinds: Vec<Self>,
}

#[derive(Debug, Serialize)]
struct RevenueDocument {
    minor: i64,
    currency: String,
    share: f64,
}

#[derive(Debug, Serialize)]
struct ClaimDocument {
    id: String,
    kind: &'static str,
    statement: String,
    measure: &'static str,
    subject: Option<String>,
    value: Option<String>,
    /// The persona it is held against; null for all others.
    against: Option<String>,
    evidence: EvidenceDocument,
}

#[derive(Debug, Serialize)]
struct EvidenceDocument {
    persona_value: f64,
    rest_value: f64,
    n_persona: u64,
    n_rest: u64,
    effect: &'static str,
    effect_value: f64,
    effect_low: f64,
    effect_high: f64,
    effect_word: &'static str,
    contrast: &'static str,
    interval_low: f64,
    interval_high: f64,
    query: String,
}

/// How one number of personas fared.
#[derive(Debug, Serialize)]
pub(crate) struct CandidateDocument {
    n_personas: usize,
    silhouette: f64,
    silhouette_reference: Option<f64>,
    stability_min: f64,
    adjusted_rand: f64,
    share_min: f64,
    chosen: bool,
}

/// How one feature was used.
#[derive(Debug, Serialize)]
pub(crate) struct FeatureUseDocument {
    name: String,
    transform: Option<String>,
    vote: f64,
    left_out: Option<String>,
}

impl BookDocument {
    /// Returns the document of a book, with those of its personas that are asked for.
    pub(crate) fn of(book: &PersonaBook, shown: &[&Persona]) -> Self {
        let refusal = match &book.outcome {
            BookOutcome::Found(_) => None,
            BookOutcome::Refused(refusal) => {
                Some(RefusalDocument { reason: refusal.reason.as_str(), text: refusal.text.clone() })
            }
        };
        Self {
            as_of: book.as_of.to_string(),
            seed: book.seed,
            n_customers: book.n_profiles,
            n_customers_drawn: book.n_drawn,
            outcome: if refusal.is_none() { "found" } else { "refused" },
            refusal,
            n_unassigned: book.n_unassigned(),
            separation: book.separation.map(throng_persona::Separation::as_str),
            foretold: book.foretold.clone(),
            method: book.method.as_str(),
            personas: shown
                .iter()
                .map(|persona| PersonaDocument {
                    sub_kinds: book.kinds_within(&persona.id).map(persona_document).collect(),
                    ..persona_document(persona)
                })
                .collect(),
            candidates: book.candidates.iter().map(candidate_document).collect(),
            features: book.features_used.iter().map(feature_document).collect(),
        }
    }
}

fn persona_document(persona: &Persona) -> PersonaDocument {
    PersonaDocument {
        id: persona.id.to_string(),
        name: persona.name.clone(),
        summary: persona.summary.clone(),
        n_customers: persona.n_profiles,
        share: persona.share,
        revenue: persona.revenue.map(|revenue| RevenueDocument {
            minor: revenue.minor,
            currency: revenue.currency.to_string(),
            share: revenue.share,
        }),
        negative: persona.negative().map(|negative| negative.sentence),
        stability: persona.stability,
        confidence: confidence_word(persona.confidence()),
        claims: persona.claims.iter().map(claim_document).collect(),
        exemplars: persona.exemplars.iter().map(ToString::to_string).collect(),
        sub_kinds: Vec::new(),
    }
}

fn confidence_word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::VeryStable => "very-stable",
        Confidence::Stable => "stable",
        Confidence::Doubtful => "doubtful",
    }
}

fn claim_document(claim: &Claim) -> ClaimDocument {
    let evidence = &claim.evidence;
    ClaimDocument {
        id: claim.id.to_string(),
        kind: claim.kind.as_str(),
        statement: claim.statement.clone(),
        measure: claim.measure.as_str(),
        subject: claim.measure.subject().map(str::to_owned),
        value: claim.measure.value().map(str::to_owned),
        against: claim.against.as_ref().map(ToString::to_string),
        evidence: EvidenceDocument {
            persona_value: evidence.persona_value,
            rest_value: evidence.rest_value,
            n_persona: evidence.n_persona,
            n_rest: evidence.n_rest,
            effect: evidence.effect.kind.as_str(),
            effect_value: evidence.effect.value,
            effect_low: evidence.effect.low,
            effect_high: evidence.effect.high,
            effect_word: evidence.effect.word(),
            contrast: evidence.interval.contrast.as_str(),
            interval_low: evidence.interval.low,
            interval_high: evidence.interval.high,
            query: evidence.query.clone(),
        },
    }
}

fn candidate_document(candidate: &throng_persona::Candidate) -> CandidateDocument {
    CandidateDocument {
        n_personas: candidate.n_personas,
        silhouette: candidate.silhouette,
        silhouette_reference: candidate.silhouette_reference,
        stability_min: candidate.stability_min,
        adjusted_rand: candidate.adjusted_rand,
        share_min: candidate.share_min,
        chosen: candidate.chosen,
    }
}

fn feature_document(used: &throng_persona::FeatureUse) -> FeatureUseDocument {
    FeatureUseDocument {
        name: used.name.clone(),
        transform: used.transform.clone(),
        vote: used.vote,
        left_out: used.left_out.clone(),
    }
}

/// One discovery of `personas history`.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryDocument {
    version: u64,
    as_of: String,
    seed: u64,
    n_customers: u64,
    summary: String,
    personas: Vec<HistoryPersonaDocument>,
    events: Vec<HistoryEventDocument>,
    stayed: Option<f64>,
    adjusted_rand: Option<f64>,
    /// How far customers had moved since the discovery before.
    drift: Option<DriftDocument>,
}

#[derive(Debug, Serialize)]
struct DriftDocument {
    level: &'static str,
    n_features: u64,
    n_watch: u64,
    n_act: u64,
    mix_index: Option<f64>,
    /// The most moved features, with their stability indices.
    most: Vec<(String, f64)>,
}

#[derive(Debug, Serialize)]
struct HistoryPersonaDocument {
    id: String,
    name: String,
    n_customers: u64,
    share: f64,
    stability: f64,
    stayed: Option<f64>,
}

#[derive(Debug, Serialize)]
struct HistoryEventDocument {
    kind: &'static str,
    former: Vec<String>,
    current: Vec<String>,
    jaccard: Option<f64>,
    sentence: String,
}

impl HistoryDocument {
    /// Returns the document of one entry.
    pub(crate) fn of(entry: &HistoryEntry) -> Self {
        let persona = |persona: &HistoryPersona| HistoryPersonaDocument {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            n_customers: persona.n_profiles,
            share: persona.share,
            stability: persona.stability,
            stayed: persona.stayed,
        };
        let ids = |personas: &[LineagePersona]| personas.iter().map(|persona| persona.id.to_string()).collect();
        let event = |event: &LineageEvent| HistoryEventDocument {
            kind: event.kind.as_str(),
            former: ids(&event.former),
            current: ids(&event.current),
            jaccard: event.jaccard,
            sentence: event.sentence(),
        };
        let drift = |drift: &DriftSummary| DriftDocument {
            level: drift.level.as_str(),
            n_features: drift.n_features,
            n_watch: drift.n_watch,
            n_act: drift.n_act,
            mix_index: drift.mix_index,
            most: drift.most.clone(),
        };
        Self {
            version: entry.version,
            as_of: entry.as_of.to_string(),
            seed: entry.seed,
            n_customers: entry.n_profiles,
            summary: entry.sentence(),
            personas: entry.personas.iter().map(persona).collect(),
            events: entry.events.iter().map(event).collect(),
            stayed: entry.stayed,
            adjusted_rand: entry.adjusted_rand,
            drift: entry.drift.as_ref().map(drift),
        }
    }
}

/// `personas validate`.
#[derive(Debug, Serialize)]
pub(crate) struct ValidationDocument {
    as_of: String,
    n_days: u32,
    n_customers: usize,
    n_personas: Option<usize>,
    refusal: Option<String>,
    outcomes: Vec<ValidatedOutcomeDocument>,
}

#[derive(Debug, Serialize)]
struct ValidatedOutcomeDocument {
    what: &'static str,
    problem: Option<String>,
    groupings: Vec<ValidatedGroupingDocument>,
}

/// The shares of the deviance explained, and how much more than RFM quintiles: estimate, low, high.
#[derive(Debug, Serialize)]
struct ValidatedGroupingDocument {
    name: String,
    explained: [f64; 3],
    gain: [f64; 3],
}

impl ValidationDocument {
    /// Returns the document of a validation.
    pub(crate) fn of(validation: &Validation) -> Self {
        let interval = |interval: throng_learn::Interval| [interval.estimate, interval.low, interval.high];
        let outcome = |outcome: &ValidatedOutcome| ValidatedOutcomeDocument {
            what: outcome.what,
            problem: outcome.groupings.as_ref().err().map(ToString::to_string),
            groupings: outcome
                .groupings
                .iter()
                .flatten()
                .map(|grouping| ValidatedGroupingDocument {
                    name: grouping.name.clone(),
                    explained: interval(grouping.explained),
                    gain: interval(grouping.gain),
                })
                .collect(),
        };
        Self {
            as_of: validation.as_of.to_string(),
            n_days: validation.n_days,
            n_customers: validation.n_profiles,
            n_personas: validation.personas.as_ref().ok().map(|(n_personas, _)| *n_personas),
            refusal: validation.personas.as_ref().err().map(|refusal| refusal.text.clone()),
            outcomes: validation.outcomes.iter().map(outcome).collect(),
        }
    }
}
