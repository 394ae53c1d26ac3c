//! Whom we mean: personas found among real customers, who belongs to them, and why we say so.
//!
//! [`discover`] looks at a [`Population`] and gives a [`Discovery`]: personas with claims, names
//! and memberships, or a [`Refusal`] in plain words. Every statement is a [`Claim`] whose
//! [`Evidence`] can be computed again by [`recompute`], or by the query it carries.
//!
//! Nothing here reads a clock, a file or the environment, and nothing is serializable: same
//! population, parameters and seed, same bytes. Everything in a [`Persona`] can be made from plain
//! data, so stored personas can be shown without a fit.

mod chance;
mod change;
mod claim;
mod columns;
mod compare;
mod cost;
mod delta;
mod description;
mod discovery;
mod drift;
mod effect;
mod error;
mod evidence;
mod foresight;
mod format;
mod history;
mod lineage;
mod map;
mod membership;
mod model;
mod naming;
mod number;
mod partial;
mod persona;
mod population;
mod query;
mod refusal;
mod round;
mod rule;
mod rule_search;
mod rule_statement;
mod sense;
mod side_by_side;
mod statement;
mod sub_kind;
mod tally;
mod telling;

pub use claim::{Claim, ClaimId, ClaimKind, Evidence, Measure};
pub use columns::{CategoryWeights, ModelColumn};
pub use cost::Negative;
pub use discovery::{
    Candidate, Discovery, DiscoveryParams, Division, FeatureUse, FittedDivision, Found, Method, Outcome, PersonaCount,
    Separation, discover, settled,
};
pub use drift::{
    Baseline, Change, Distribution, Drift, DriftLevel, DriftParams, FeatureBaseline, FeatureDrift, MixDrift,
    PersonaBaseline, ShareDrift,
};
pub use effect::{Contrast, Effect, EffectKind, Interval};
pub use error::PersonaError;
pub use evidence::recompute;
pub use foresight::{Foretold, Lookback};
pub use history::{DriftSummary, History, HistoryEntry, HistoryPersona, Occasion};
pub use lineage::{
    Basis, Continuity, Flow, Kept, Lineage, LineageEvent, LineageKind, LineageParams, LineagePersona, NameKept,
    PersonaSteadiness, Previous, Steadiness, carry_over, discover_again, rediscover, with_fresh_ids,
};
pub use map::{AlongAxis, Map, MapAxis};
pub use membership::{Membership, Memberships, PersonaId, Teller};
pub use model::{
    Cause, Model, ModelComparison, ModelExample, ModelTally, Moment, Scored, Scorer, ScorerScratch, Shift,
};
pub use partial::{COMPLETE_HISTORY_DAYS, Diagram, DiagramBin, Histories, Partial, Reliability, Verdict};
pub use persona::{Confidence, Persona, PersonaRevenue, rename};
pub use population::{FeatureColumn, Population, Revenue, TraitColumn, Values};
pub use refusal::{Refusal, RefusalReason};
pub use rule::{Bound, Condition, Rule};
pub use side_by_side::{SideBySide, side_by_side};
pub use sub_kind::{Opened, open};
pub use tally::{Recount, Tally};
pub use throng_learn::Continuum;
