//! A persona: the description of a cluster of real customers.
//!
//! All of it is plain data, so that it can be stored, read back and shown without a fit.

use throng_event::{Currency, Day};
use throng_profile::ProfileId;

use crate::query::query;
use crate::{Claim, ClaimKind, PersonaId};

/// The description of a cluster of real customers; every statement rests on evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// Its key, for instance `p1`.
    pub id: PersonaId,
    /// A name made from what sets it apart; no other persona of the fit has it.
    pub name: String,
    /// One sentence with the strongest claims.
    pub summary: String,
    /// How many profiles count for it.
    pub n_profiles: u64,
    /// Their share of all profiles.
    pub share: f64,
    /// What they brought in, when money is known.
    pub revenue: Option<PersonaRevenue>,
    /// Mean Jaccard similarity of its cluster with the refits on resampled customers, 0 to 1.
    pub stability: f64,
    /// What can be said of it: size, revenue and rule, then the strongest differences, what it costs,
    /// what tells it from its nearest neighbour, and demographics.
    pub claims: Vec<Claim>,
    /// Typical members: those closest to the centre, the closest first.
    pub exemplars: Vec<ProfileId>,
}

/// Puts other ids and names in the place of those of the personas, everywhere: in their claims, the
/// keys and queries of these, and what is said of neighbours. Queries look at the features of `day`.
///
/// # Panics
/// When there is not one id and one name for each persona.
pub fn rename(personas: &mut [Persona], called: &[(PersonaId, String)], day: Day) {
    assert_eq!(personas.len(), called.len(), "every persona has one id and one name");
    let former: Vec<(PersonaId, String)> =
        personas.iter().map(|persona| (persona.id.clone(), persona.name.clone())).collect();
    for (persona, (id, name)) in personas.iter_mut().zip(called) {
        persona.id = id.clone();
        persona.name.clone_from(name);
        for claim in &mut persona.claims {
            let other = claim.against.as_ref().and_then(|other| former.iter().position(|(id, _)| id == other));
            if let Some(other) = other {
                claim.against = Some(called[other].0.clone());
                claim.statement = claim.statement.replace(&quoted(&former[other].1), &quoted(&called[other].1));
            }
            claim.id = claim.measure.claim_id(id, claim.against.as_ref());
            claim.evidence.query = query(&claim.measure, id, claim.against.as_ref(), day);
        }
    }
}

/// Returns another persona's name as it stands in a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("“{name}”")
}

impl Persona {
    /// Returns how far the persona can be relied on.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        Confidence::of(self.stability)
    }

    /// Returns the persona that is nearest to it, when anything tells the two apart.
    #[must_use]
    pub fn nearest(&self) -> Option<&PersonaId> {
        let mut claims = self.claims.iter().filter(|claim| claim.kind == ClaimKind::Nearest);
        claims.find_map(|claim| claim.against.as_ref())
    }
}

/// The revenue of a persona's members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PersonaRevenue {
    /// Their sum in minor units.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
    /// Their share of everybody's revenue; NaN when everybody's sums to 0.
    pub share: f64,
}

/// How far a persona can be relied on, from how well it survives resampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It may not come back.
    Doubtful,
    /// It mostly comes back as it is.
    Stable,
    /// It comes back nearly unchanged.
    VeryStable,
}

/// Bounds of the words, after Hennig (2007): from 0.75 a cluster is valid and stable, from 0.85
/// highly so; between 0.6 and 0.75 it indicates a pattern whose members are in doubt.
const STABLE_MIN: f64 = 0.75;
const VERY_STABLE_MIN: f64 = 0.85;

impl Confidence {
    /// Returns the word for a stability between 0 and 1.
    #[must_use]
    pub fn of(stability: f64) -> Self {
        match stability {
            stability if stability >= VERY_STABLE_MIN => Self::VeryStable,
            stability if stability >= STABLE_MIN => Self::Stable,
            _ => Self::Doubtful,
        }
    }

    /// Returns the words people read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doubtful => "doubtful",
            Self::Stable => "stable",
            Self::VeryStable => "very stable",
        }
    }
}
