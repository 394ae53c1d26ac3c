//! A persona: the description of a cluster of real customers.
//!
//! All of it is plain data, so that it can be stored, read back and shown without a fit.

use throng_event::Currency;
use throng_profile::ProfileId;

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
