//! What is asked of the core: one profile as of now, everybody's features, who is where.

use throng_event::{Day, Identity, Instant};
use throng_feature::{FeatureValue, History};
use throng_persona::{Membership, PersonaId};
use throng_profile::ProfileId;

use super::scoring::{Present, State, days_known, values};
use super::{Core, Scratch, index};
use crate::{LiveModel, ProfileView, Standing};

/// Questions about one profile, and about all of them.
impl Core {
    /// Returns memory for readers.
    pub(crate) fn scratch(&self) -> Scratch {
        Scratch::new(&self.compiled)
    }

    /// Returns the number of the profile that an identity belongs to.
    #[must_use]
    pub fn profile_of(&self, identity: &Identity) -> Option<u32> {
        self.people.number_of(identity).and_then(|number| self.people.profile(number))
    }

    /// Returns the profile that a carrier is of.
    pub(crate) fn carried(&self, carrier: u32) -> Option<ProfileId> {
        self.people.profile(carrier).map(|profile| self.people.profile_id(profile))
    }

    /// Returns the carriers of a profile.
    #[must_use]
    pub fn carriers(&self, profile: u32) -> Vec<u32> {
        self.people.carriers(profile).collect()
    }

    /// Returns the features of a profile as of the end of a day, in the order of the catalogue.
    pub(crate) fn features(&self, profile: u32, day: Day, scratch: &mut Scratch) -> Vec<FeatureValue> {
        let histories: Vec<&History> = self.people.carriers(profile).map(|idx| &self.histories[index(idx)]).collect();
        scratch.matrix.clear();
        let Scratch { fold, journey, matrix, .. } = scratch;
        let moment = (&self.settings.calendar, self.settings.calendar.as_of(day));
        self.fold.fold(&histories, moment.1, fold, matrix);
        if let Some(live) = &self.live {
            live.model.fill(self.fold.touchpoints(fold), moment, (matrix, 0), journey);
        }
        values(matrix, 0)
    }

    /// Returns everybody's features as of the end of a day, in the order of the catalogue.
    pub fn features_of_all(&self, day: Day) -> impl Iterator<Item = (ProfileId, Vec<FeatureValue>)> {
        let mut scratch = self.scratch();
        self.profiles().map(move |profile| (self.profile_id(profile), self.features(profile, day, &mut scratch)))
    }

    /// Returns how much everybody belongs to the personas of the live model, by what was known of them
    /// at the end of a day; of nobody without a model, or who had no event by then.
    pub fn memberships_of_all(&self, day: Day) -> impl Iterator<Item = Membership> {
        let mut scratch = self.scratch();
        self.profiles().filter_map(move |profile| {
            let model = self.model()?;
            let first_at = self.first_at(profile).map(|at| at.0);
            let known = days_known(&self.settings.calendar, first_at, day)?;
            // The row is what the features are read from.
            self.features(profile, day, &mut scratch);
            let Scratch { matrix, scorer, .. } = &mut scratch;
            model.membership(self.profile_id(profile), (matrix, 0), known, scorer)
        })
    }

    fn first_at(&self, profile: u32) -> Option<Instant> {
        let histories = self.people.carriers(profile).map(|idx| &self.histories[index(idx)]);
        histories.filter_map(History::first_at).min().map(Instant)
    }

    /// Returns how many events were applied, of profiles or of nobody.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Returns a profile as of now; its first and last instants are the index's to fill in.
    pub(crate) fn view(&self, profile: u32, scratch: &mut Scratch) -> ProfileView {
        let values = self.features(profile, self.today, scratch);
        let histories = || self.people.carriers(profile).map(|idx| &self.histories[index(idx)]);
        let first_at = self.first_at(profile);
        let last_at = histories().filter_map(History::last_at).max().map(Instant);
        let standing = self.live.as_ref().and_then(|live| {
            let (state, model) = (self.states[index(profile)], &live.model);
            let known = days_known(&self.settings.calendar, first_at.map(|at| at.0), self.today);
            let Scratch { matrix, scorer, scored, .. } = scratch;
            model.score((matrix, 0), known, (scorer, scored)).ok()?;
            // Nobody has looked yet: what would be found.
            let position = match state.present {
                Present::Unknown => scored.assigned,
                Present::Unassigned => None,
                // Of a persona that another model had, too.
                Present::Persona(_) => live.position(state.present).or(scored.assigned),
            };
            Some(Standing {
                persona: position.and_then(|idx| model.ids().get(idx).cloned()),
                name: position.and_then(|idx| model.name(idx)),
                since: if state.present == Present::Unknown { self.now } else { state.since },
                shares: model.personas().into_iter().map(|(id, _)| id).zip(scored.shares.iter().copied()).collect(),
                unassigned: scored.share(None),
                model: model.version().to_owned(),
            })
        });
        ProfileView {
            id: self.people.profile_id(profile),
            identities: self
                .people
                .identities(profile)
                .into_iter()
                .map(|(id, proof)| (id, proof.map(|proof| proof.occurred_at)))
                .collect(),
            n_events: u64::try_from(self.n_rows(profile)).unwrap_or(u64::MAX),
            first_at,
            last_at,
            as_of: self.today,
            features: self.compiled.names().map(str::to_owned).zip(values).collect(),
            standing,
        }
    }

    /// Returns profiles that count for a persona, in a fixed order, those behind one of them, at
    /// most so many.
    #[must_use]
    pub fn audience(&self, persona: &PersonaId, after: Option<&ProfileId>, limit: usize) -> Vec<ProfileId> {
        let Some(live) = &self.live else { return Vec::new() };
        let Some(position) = live.model.position(persona) else { return Vec::new() };
        let start = after.and_then(|after| self.people.number_of(&after.identity())).map_or(0, |number| number + 1);
        let wanted = live.present(Some(position));
        (start..)
            .zip(&self.states[index(start).min(self.states.len())..])
            .filter(|(number, state)| state.present == wanted && self.people.is_profile(*number))
            .take(limit)
            .map(|(number, _)| self.people.profile_id(number))
            .collect()
    }

    /// Returns every profile by number.
    pub fn profiles(&self) -> impl Iterator<Item = u32> {
        (0..u32::try_from(self.states.len()).unwrap_or(u32::MAX)).filter(|number| self.people.is_profile(*number))
    }

    /// Returns the id of a profile.
    #[must_use]
    pub fn profile_id(&self, profile: u32) -> ProfileId {
        self.people.profile_id(profile)
    }

    /// Returns how many profiles there are.
    #[must_use]
    pub fn n_profiles(&self) -> u64 {
        u64::try_from(self.people.n_profiles()).unwrap_or(u64::MAX)
    }

    /// Returns how many profiles wait to be scored again, at most.
    #[must_use]
    pub fn n_stale(&self) -> u64 {
        let len = u64::try_from(self.states.len()).unwrap_or(u64::MAX);
        let n_put_off = u64::try_from(self.put_off.len()).unwrap_or(u64::MAX);
        n_put_off + self.sweep.map_or(0, |cursor| len.saturating_sub(u64::from(cursor)))
    }

    /// Returns whether there is something for a tick to do at this instant.
    #[must_use]
    pub fn wants_tick(&self, now: Instant) -> bool {
        !self.put_off.is_empty() || self.sweep.is_some() || self.settings.calendar.local(now).0 > self.today
    }

    /// Returns the live model.
    #[must_use]
    pub fn model(&self) -> Option<&LiveModel> {
        self.live.as_ref().map(|live| &*live.model)
    }

    /// Returns the bytes of memory that histories, texts and states take; who is who is beside it.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let of_numbers = self.states.capacity() * (size_of::<State>() + size_of::<History>());
        let bytes = self.history_bytes + of_numbers + self.fold.memory() + self.warm.memory();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}
