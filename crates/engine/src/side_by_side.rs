//! Two personas side by side, or one on two days: how they differ in everything that is known of customers.

use std::collections::BTreeSet;

use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use throng_event::{AsOf, Day};
use throng_persona::{PersonaId, Population, SideBySide, side_by_side};
use throng_profile::ProfileId;

use crate::context::session;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::members::members_of;
use crate::model_comparison::{PIECE_N_ROWS, scored};
use crate::model_store::{FittedModel, read_newest_model};
use crate::population::{Drawn, PROFILES_DRAWN_MAX, drawn_of, population_of, read_population};
use crate::rows::Rows;
use crate::tables::FEATURES;

/// Two groups of customers and what they differ in.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The groups; two personas on one day, or one on two.
    pub groups: [ComparedGroup; 2],
    /// Customers who are in both.
    pub n_both: u64,
    /// Everything that was measured, the greatest effect first.
    pub rows: Vec<SideBySide>,
}

/// One of two groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedGroup {
    /// Whose customers they are.
    pub persona: PersonaId,
    /// The day at whose end they are looked at.
    pub as_of: Day,
    /// How many they are.
    pub n_customers: u64,
    /// How many of them were looked at, where they were too many to be held in memory.
    pub n_drawn: Option<u64>,
}

impl Engine {
    /// Returns what the customers of two personas differ in, or of two kinds within one persona, as of
    /// `day`, which is that of the newest discovery.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where a persona has no customers, [`EngineError::Query`] before the first discovery.
    pub fn compare_personas(&self, pair: [&PersonaId; 2], day: Day) -> Result<Compared, EngineError> {
        self.runtime.block_on(async {
            let config = self.home.config();
            let context = session(&self.store, self.threads.get()).await?;
            let drawn = Drawn::of(&context, PROFILES_DRAWN_MAX).await?;
            let moment = (self.calendar().as_of(day), config.currency);
            let everybody = read_population(&context, &config.features, moment, drawn).await?;
            let [first, second] = pair;
            let group = async |persona| {
                let own = members_of(&context, persona).await?;
                let rows = positions(&everybody.profiles, &own);
                Ok::<_, EngineError>(Group { persona, members: own, looked_at: everybody.of_some(&rows) })
            };
            compared([group(first).await?, group(second).await?])
        })
    }

    /// Returns what the customers of a persona differ in on two days. Both days' customers are those that the
    /// model of the newest discovery counts for the persona by what was known at the end of the day, so that
    /// one measure is held to both.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where nothing was discovered, or the persona has no customers on one of the days.
    pub fn compare_days(&self, persona: &PersonaId, days: [Day; 2]) -> Result<Compared, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads.get()).build();
        let io = |error| EngineError::io("start threads for", self.home.root(), std::io::Error::other(error));
        let pool = pool.map_err(io)?;
        self.runtime.block_on(async {
            let view = self.view().await?;
            let model = read_newest_model(&view.context).await?;
            let [first, second] = days.map(|day| self.calendar().as_of(day));
            let (first, second) = (
                self.members_on(&view, (&model, persona), (first, &pool)).await?,
                self.members_on(&view, (&model, persona), (second, &pool)).await?,
            );
            compared([first, second])
        })
    }

    /// Returns those who count for a persona by a model on a day, with the features that they had.
    async fn members_on<'a>(
        &self,
        view: &View,
        (fitted, persona): (&FittedModel, &'a PersonaId),
        (as_of, pool): (AsOf, &rayon::ThreadPool),
    ) -> Result<Group<'a>, EngineError> {
        let rows = self.feature_rows(view, as_of).await?;
        let of_model =
            if self.reads_today(fitted) { rows.clone() } else { self.folded(view, fitted, as_of.day).await? };
        let days = self.history_days(view, as_of).await?;
        let mut own = Vec::new();
        for start in (0..of_model.num_rows()).step_by(PIECE_N_ROWS) {
            let piece = of_model.slice(start, PIECE_N_ROWS.min(of_model.num_rows() - start));
            let found = pool.install(|| scored((&fitted.model, &fitted.features), (&piece, &days), as_of))?;
            let place = found.personas().iter().position(|id| id == persona);
            let members = found.rows().iter().filter(|row| place.is_some() && row.assigned == place);
            own.extend(members.map(|row| row.profile.clone()));
        }
        let failed = |error| EngineError::table("compute", FEATURES, error);
        let drawn = drawn_of(own.clone(), PROFILES_DRAWN_MAX);
        let ids: Vec<ProfileId> =
            Rows(&rows).words("profile_id").map_err(failed)?.iter().filter_map(|id| ProfileId::parse(id)).collect();
        let positions = positions(&ids, &drawn).into_iter().filter_map(|row| u64::try_from(row).ok());
        let rows = take_record_batch(&rows, &UInt64Array::from_iter_values(positions)).map_err(failed)?;
        let looked_at = population_of(&rows, &self.home.config().features, as_of).map_err(failed)?;
        Ok(Group { persona, members: own, looked_at })
    }
}

/// Returns the positions of those profiles that are among others.
fn positions(profiles: &[ProfileId], others: &[ProfileId]) -> Vec<usize> {
    let others: BTreeSet<&ProfileId> = others.iter().collect();
    let profiles = profiles.iter().enumerate();
    profiles.filter(|(_, profile)| others.contains(profile)).map(|(row, _)| row).collect()
}

/// A persona, its customers, and those of them who are looked at.
struct Group<'a> {
    persona: &'a PersonaId,
    members: Vec<ProfileId>,
    looked_at: Population,
}

impl Group<'_> {
    fn told(&self) -> ComparedGroup {
        let (n_customers, n_drawn) = (wide(self.members.len()), wide(self.looked_at.profiles.len()));
        ComparedGroup {
            persona: self.persona.clone(),
            as_of: self.looked_at.as_of.day,
            n_customers,
            n_drawn: (n_drawn < n_customers).then_some(n_drawn),
        }
    }
}

fn compared(groups: [Group<'_>; 2]) -> Result<Compared, EngineError> {
    if let Some(empty) = groups.iter().find(|group| group.looked_at.profiles.is_empty()) {
        return Err(EngineError::Missing {
            what: format!("nobody counted for {} on {}", empty.persona, empty.looked_at.as_of.day),
            todo: "choose another persona or another day".to_owned(),
        });
    }
    let [first, second] = &groups;
    let n_both = positions(&second.members, &first.members).len();
    let rows = side_by_side(groups.each_ref().map(|group| (group.persona, &group.looked_at)))?;
    Ok(Compared { groups: groups.each_ref().map(Group::told), n_both: wide(n_both), rows })
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
