//! Every table of the lake: its name, what a row is, and whether it is ground state.

/// A table of the lake.
#[derive(Debug, Clone, Copy)]
pub struct TableInfo {
    /// The name in SQL and the folder under the lake.
    pub name: &'static str,
    /// What one row is.
    pub row: &'static str,
    /// Whether it is ground state; all other tables can be deleted and rebuilt.
    pub ground: bool,
}

pub(crate) const EVENTS: &str = crate::event_table::EVENTS;
pub(crate) const IMPORTS: &str = "imports";
pub(crate) const QUARANTINE: &str = "quarantine";
pub(crate) const IDENTITY_DECISIONS: &str = "identity_decisions";
pub(crate) const IDENTITIES: &str = "identities";
pub(crate) const IDENTITY_PROPOSALS: &str = "identity_proposals";
pub(crate) const PROFILES: &str = "profiles";
pub(crate) const TRAITS: &str = "traits";
pub(crate) const ACCOUNTS: &str = "accounts";
pub(crate) const ACCOUNT_MEMBERS: &str = "account_members";
pub(crate) const ACCOUNT_FEATURES: &str = "account_features";
pub(crate) const FEATURES: &str = "features";
pub(crate) const MEMBERSHIPS: &str = "memberships";
pub(crate) const PERSONAS: &str = "personas";
pub(crate) const CLAIMS: &str = "claims";
pub(crate) const SUB_KINDS: &str = "sub_kinds";
pub(crate) const SUB_KIND_CLAIMS: &str = "sub_kind_claims";
pub(crate) const SUB_KIND_MEMBERS: &str = "sub_kind_members";
pub(crate) const MODELS: &str = "models";
pub(crate) const MODEL_VERSIONS: &str = "model_versions";
pub(crate) const MODEL_ROLES: &str = "model_roles";
pub(crate) const PERSONA_HISTORY: &str = "persona_history";
pub(crate) const BASELINES: &str = "baselines";
pub(crate) const MAP: &str = "map";
pub(crate) const MAP_AXES: &str = "map_axes";
pub(crate) const NOTES: &str = "notes";
pub(crate) const RELIABILITY: &str = "reliability";

/// The tables in the order a reader wants to meet them.
pub const TABLES: &[TableInfo] = &[
    TableInfo { name: EVENTS, row: "an admitted event", ground: true },
    TableInfo { name: QUARANTINE, row: "a row or message that was not admitted, with its reason", ground: true },
    TableInfo { name: IMPORTS, row: "an import with its counts", ground: true },
    TableInfo { name: IDENTITY_DECISIONS, row: "a decision to merge or split two identities", ground: true },
    TableInfo { name: PERSONA_HISTORY, row: "a discovery and what became of the personas", ground: true },
    TableInfo { name: NOTES, row: "a note that somebody wrote about a persona", ground: true },
    TableInfo { name: MODEL_VERSIONS, row: "a fitted model, with all it takes to score customers by it", ground: true },
    TableInfo { name: MODEL_ROLES, row: "a decision which model is live or shadow", ground: true },
    TableInfo { name: IDENTITIES, row: "an identity and the profile it belongs to", ground: false },
    TableInfo {
        name: IDENTITY_PROPOSALS,
        row: "two profiles that may be one person, and how probable it is",
        ground: false,
    },
    TableInfo { name: PROFILES, row: "a profile with its first and last event and revenue", ground: false },
    TableInfo { name: TRAITS, row: "the latest value of a trait of a profile", ground: false },
    TableInfo { name: FEATURES, row: "the features of a profile", ground: false },
    TableInfo { name: ACCOUNTS, row: "an account or household with its revenue", ground: false },
    TableInfo { name: ACCOUNT_MEMBERS, row: "a profile in an account, from when to when", ground: false },
    TableInfo { name: ACCOUNT_FEATURES, row: "the features of an account", ground: false },
    TableInfo { name: MEMBERSHIPS, row: "the shares of a profile in each persona", ground: false },
    TableInfo { name: PERSONAS, row: "a persona", ground: false },
    TableInfo { name: CLAIMS, row: "a statement about a persona and its evidence", ground: false },
    TableInfo { name: SUB_KINDS, row: "a kind within a persona", ground: false },
    TableInfo { name: SUB_KIND_CLAIMS, row: "a statement about a sub-kind and its evidence", ground: false },
    TableInfo { name: SUB_KIND_MEMBERS, row: "a customer of a persona and the sub-kind", ground: false },
    TableInfo { name: MAP, row: "the place of a profile on the map of customers", ground: false },
    TableInfo { name: MAP_AXES, row: "a feature that grows along an axis of the map", ground: false },
    TableInfo { name: MODELS, row: "a discovery: its parameters and how sure it is", ground: false },
    TableInfo { name: BASELINES, row: "how customers were when personas were last found", ground: false },
    TableInfo { name: RELIABILITY, row: "how far memberships can be relied on, as a discovery found", ground: false },
];
