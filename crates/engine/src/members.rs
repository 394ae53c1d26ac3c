//! Who belongs to which persona. They may be millions, so that they are asked for by themselves.

use datafusion::prelude::SessionContext;
use throng_persona::{Membership, Memberships, Persona, PersonaId};
use throng_profile::ProfileId;

use crate::book::read_memberships;
use crate::context::{collect, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rows::Rows;
use crate::tables::{MEMBERSHIPS, SUB_KIND_MEMBERS};

impl Engine {
    /// Returns how much a profile belongs to each of `personas`, which are those of the newest discovery, in
    /// their order; `None` where it has no features.
    ///
    /// # Errors
    /// [`EngineError`] when the table cannot be read.
    pub fn membership(&self, profile: &ProfileId, personas: &[Persona]) -> Result<Option<Membership>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            let found = read_members(&context, Some(profile), personas).await?;
            Ok(found.rows().first().cloned())
        })
    }

    /// Returns the profiles that count for a persona of the newest discovery, or for a kind within one,
    /// ascending.
    ///
    /// # Errors
    /// [`EngineError`] when the table cannot be read.
    pub fn members(&self, persona: &PersonaId) -> Result<Vec<ProfileId>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            members_of(&context, persona).await
        })
    }
}

/// Reads the profiles that count for a persona, or for a kind within one; ascending.
pub(crate) async fn members_of(context: &SessionContext, persona: &PersonaId) -> Result<Vec<ProfileId>, EngineError> {
    let table = if persona.parent().is_some() { SUB_KIND_MEMBERS } else { MEMBERSHIPS };
    let query = format!("SELECT profile_id FROM {table} WHERE persona_id = '{persona}' ORDER BY profile_id");
    let rows = collect(context, &query).await?;
    let ids = Rows(&rows).words("profile_id").map_err(|error| EngineError::table("read", table, error))?;
    Ok(ids.iter().filter_map(|id| ProfileId::parse(id)).collect())
}

/// Reads how much everybody, or one profile only, belongs to each of these personas.
pub(crate) async fn read_members(
    context: &SessionContext,
    profile: Option<&ProfileId>,
    personas: &[Persona],
) -> Result<Memberships, EngineError> {
    let ids = personas.iter().map(|persona| persona.id.clone()).collect();
    let of = profile.map_or_else(
        || "true".to_owned(),
        |profile| format!("profile_id = '{}'", profile.as_str().replace('\'', "''")),
    );
    let rows = collect(context, &format!("SELECT * FROM memberships WHERE {of} ORDER BY profile_id")).await?;
    read_memberships(&rows, ids)
}
