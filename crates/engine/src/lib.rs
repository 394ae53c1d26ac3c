//! How it runs: homes, the lake, the batch driver. The only crate that knows DataFusion
//! and Delta, and the lowest one that touches files, clocks and threads.
//!
//! [`Engine`] is the one door: open a [`Home`], make an engine of it, ask.

mod accounts;
mod activity;
mod audit;
mod bench;
#[cfg(test)]
mod beyond_memory;
mod book;
mod config;
mod context;
mod derive;
mod discover;
mod engine;
mod error;
mod event_table;
mod export;
mod features;
#[cfg(test)]
mod fixture;
mod fold;
mod history;
mod home;
mod identity;
mod import;
mod journey_features;
mod journeys;
mod k_means;
mod linkage;
mod live;
mod lookback;
mod map;
mod members;
mod membership_history;
mod model_comparison;
mod model_roles;
mod model_store;
mod notes;
#[cfg(test)]
mod parity;
mod people;
mod population;
mod recount;
mod reliability;
mod rows;
mod scoring;
mod side_by_side;
mod store;
mod sub_kinds;
mod tables;
mod touchpoints;
mod validate;
mod verify;
mod vocabulary;

pub use activity::{Activity, Week};
pub use audit::{Audit, AuditCheck, Coverage, Finding, Severity, Sufficiency, SufficiencyAnswer};
pub use bench::{fold_parquet, histories_of_parquet};
pub use book::{BookOutcome, PersonaBook};
pub use config::{
    Config, IdentityConfig, Promotion, ServerConfig, ServerKey, ServerRole, ServerUser, feature_to_toml,
    features_to_toml, touchpoints_to_toml, with_features, with_proposals,
};
pub use engine::{CatalogueProposal, DiscoverRequest, Engine, Summary};
pub use error::EngineError;
pub use history::Rediscovery;
pub use home::{CONFIG_FILE, Home};
pub use identity::{Decided, ExplainedLink, IdentityOverview, ProfileIdentities, ProvingEvent, Why, link_in_words};
pub use import::{
    ImportEffect, ImportForm, ImportReport, ImportRequest, MappingChoice, Progress, Quarantine, QuarantineRow,
    Readmission, ReadmitRequest, choose_mapping, detect_form, files_at,
};
pub use journeys::{
    Difference, JourneyBook, JourneyRequest, KnownProperty, KnownValue, RateRatio, Share, differences, rate_ratio,
};
pub use linkage::{LinkageReport, weights_in_words};
pub use live::{Followed, Follower, LiveModels, ParityReport, Scores};
pub use map::{CustomerMap, MapArea, MapMiddle, MapPart, MapSquare};
pub use membership_history::MembershipHistory;
pub use model_roles::{ModelRole, ModelVersion};
pub use model_store::{FittedModel, ModelEntry, ModelPersona};
pub use notes::Note;
pub use side_by_side::{Compared, ComparedGroup};
pub use tables::{TABLES, TableInfo};
pub use touchpoints::TouchpointSummary;
pub use validate::{ValidatedGrouping, ValidatedOutcome, Validation};
pub use verify::{Check, VerifyReport};
