//! How one customer's shares in the personas went, as the fold would have seen it: what was known at the end
//! of each of some days, scored by today's live model.

use throng_event::{Day, Event};
use throng_live::{Core, Entry, Offset, Record};
use throng_persona::{Membership, PersonaId};
use throng_profile::ProfileId;

use crate::context::for_each_batch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_table::read_events;
use crate::live::Scores;

/// Shares of one customer over time.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipHistory {
    /// The model that says so.
    pub model: String,
    /// Its personas, in the order of the shares, with their names.
    pub personas: Vec<(PersonaId, String)>,
    /// The days on which anything was known, with what was.
    pub days: Vec<(Day, Membership)>,
}

impl Engine {
    /// Returns how much a customer belonged to each persona of the live model by what was known at the end of
    /// each of `days`; `None` where no model is live.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events, or as [`Engine::live_models`].
    pub fn membership_history(
        &self,
        profile: &ProfileId,
        days: &[Day],
    ) -> Result<Option<MembershipHistory>, EngineError> {
        let models = self.live_models(Scores::Everybody)?;
        if models.scoring.live.is_none() {
            return Ok(None);
        }
        let settings = self.live_settings(models)?;
        let mut core = Core::new(settings.core);
        let mut next = Offset(0);
        let mut apply = |core: &mut Core, record: Record| {
            core.apply(&Entry::new(next, record));
            next = Offset(next.0 + 1);
        };
        settings.decided.news(&core).into_iter().for_each(|record| apply(&mut core, record));
        let id = profile.as_str().replace('\'', "''");
        let query = format!("SELECT * FROM events WHERE profile_of(user_id, anonymous_id) = '{id}'");
        self.runtime.block_on(async {
            let view = self.view().await?;
            let mut take = |rows: &arrow::array::RecordBatch| {
                let known = |event: Event| Record::Known(Box::new(event));
                read_events(rows)?.into_iter().for_each(|event| apply(&mut core, known(event)));
                Ok(())
            };
            for_each_batch(&view.context, &query, &mut take).await
        })?;
        let Some(model) = core.model() else { return Ok(None) };
        // Whoever shares an id with many looks like several people here.
        let on = |day: &Day| core.memberships_of_all(*day).find(|row| row.profile == *profile).map(|row| (*day, row));
        let days = days.iter().filter_map(on).collect();
        Ok(Some(MembershipHistory { model: model.version().to_owned(), personas: model.personas(), days }))
    }
}
