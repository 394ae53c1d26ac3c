//! The documents of `throng model`.

use serde::Serialize;
use throng_engine::{FittedModel, ModelEntry, ModelPersona, ModelRole};
use throng_event::Instant;
use throng_persona::{Division, ModelComparison, ModelExample, PersonaId};

/// A model as `model list` tells it.
#[derive(Debug, Serialize)]
pub(crate) struct ModelDocument {
    version: String,
    /// `live`, `shadow` or null.
    role: Option<&'static str>,
    /// When it was made.
    made_at: Option<String>,
    /// The day whose end it was made from.
    as_of: String,
    seed: u64,
    n_customers: u64,
    method: &'static str,
    personas: Vec<PersonaDocument>,
}

/// A model as `model show` tells it.
#[derive(Debug, Serialize)]
pub(crate) struct WholeModelDocument {
    #[serde(flatten)]
    model: ModelDocument,
    /// What divides customers: `largest` share, `nearest` centroid, or the `method`.
    division: &'static str,
    separation: &'static str,
    currency: Option<String>,
    time_zone: String,
    session_gap_minutes: u32,
    /// The features it reads, in its order.
    features: Vec<String>,
    /// Bytes of the model itself.
    n_bytes: usize,
}

#[derive(Debug, Serialize)]
struct PersonaDocument {
    id: String,
    name: String,
    n_customers: u64,
}

/// `model promote`, `rollback` and `shadow`: what holds now.
#[derive(Debug, Serialize)]
pub(crate) struct RolesDocument {
    pub(crate) live: Option<String>,
    pub(crate) shadow: Option<String>,
}

/// `model compare`.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonDocument {
    first: String,
    second: String,
    n_customers: u64,
    n_moved: u64,
    /// Share that counts for the same persona, or for none, by both.
    agreement: f64,
    adjusted_rand: f64,
    /// How many go from which persona to which; null is none.
    flows: Vec<FlowDocument>,
    /// For each persona that both have, by how much its share in a customer differs on average.
    share_differences: Vec<DifferenceDocument>,
    examples: Vec<ExampleDocument>,
}

#[derive(Debug, Serialize)]
struct FlowDocument {
    from: Option<String>,
    to: Option<String>,
    n_customers: u64,
}

#[derive(Debug, Serialize)]
struct DifferenceDocument {
    persona: String,
    mean_absolute_difference: f64,
}

#[derive(Debug, Serialize)]
struct ExampleDocument {
    profile_id: String,
    from: Option<String>,
    share_before: f64,
    to: Option<String>,
    share_after: f64,
}

/// Returns an instant as RFC 3339, in Coordinated Universal Time.
pub(crate) fn rfc_3339(instant: Instant) -> Option<String> {
    jiff::Timestamp::from_microsecond(instant.0).ok().map(|timestamp| timestamp.to_string())
}

impl ModelDocument {
    pub(crate) fn of(entry: &ModelEntry) -> Self {
        let persona = |persona: &ModelPersona| PersonaDocument {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            n_customers: persona.n_profiles,
        };
        Self {
            version: entry.version.to_string(),
            role: entry.role.map(ModelRole::as_str),
            made_at: entry.made_at.and_then(rfc_3339),
            as_of: entry.as_of.to_string(),
            seed: entry.seed,
            n_customers: entry.n_profiles,
            method: entry.method.as_str(),
            personas: entry.personas.iter().map(persona).collect(),
        }
    }
}

impl WholeModelDocument {
    pub(crate) fn of(fitted: &FittedModel) -> Self {
        Self {
            model: ModelDocument::of(&fitted.entry),
            division: match fitted.model.division {
                Division::Largest => "largest",
                Division::Nearest => "nearest",
                Division::Method(_) => "method",
            },
            separation: fitted.model.separation.as_str(),
            currency: fitted.currency.map(|currency| currency.to_string()),
            time_zone: fitted.calendar.name().to_owned(),
            session_gap_minutes: fitted.session_gap_minutes,
            features: fitted.features.iter().map(|definition| definition.name.clone()).collect(),
            n_bytes: fitted.model.state().len(),
        }
    }
}

impl ComparisonDocument {
    pub(crate) fn of((first, second): (String, String), comparison: &ModelComparison) -> Self {
        let id = |personas: &[PersonaId], idx: usize| personas.get(idx).map(PersonaId::to_string);
        let mut flows = Vec::new();
        for (from, row) in comparison.n_profiles.iter().enumerate() {
            for (to, n_customers) in row.iter().enumerate().filter(|(_, n)| **n > 0) {
                let (from, to) = (id(&comparison.first, from), id(&comparison.second, to));
                flows.push(FlowDocument { from, to, n_customers: *n_customers });
            }
        }
        let example = |example: &ModelExample| ExampleDocument {
            profile_id: example.profile.to_string(),
            from: example.first.0.as_ref().map(PersonaId::to_string),
            share_before: example.first.1,
            to: example.second.0.as_ref().map(PersonaId::to_string),
            share_after: example.second.1,
        };
        let difference = |(persona, difference): &(PersonaId, f64)| DifferenceDocument {
            persona: persona.to_string(),
            mean_absolute_difference: *difference,
        };
        Self {
            first,
            second,
            n_customers: comparison.n_scored(),
            n_moved: comparison.n_moved(),
            agreement: comparison.agreement,
            adjusted_rand: comparison.adjusted_rand,
            flows,
            share_differences: comparison.share_differences.iter().map(difference).collect(),
            examples: comparison.examples.iter().map(example).collect(),
        }
    }
}
