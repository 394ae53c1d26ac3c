//! Who counts for which persona: shares by the live model, hysteresis, shifts and their
//! reasons; and beside it, silently, what a shadow model would say.

use std::sync::Arc;

use throng_event::{Calendar, Day, Instant};
use throng_feature::{FeatureMatrix, FeatureValue};
use throng_persona::{PersonaError, PersonaId, ScorerScratch};

use super::warm::Keep;
use super::{Core, Scratch, histories_of, index};
use crate::model::{Labelled, Scored};
use crate::unexplained::{Comparison, Known};
use crate::{Cause, LiveModel, Offset, Scoring, ScoringComparison, Shift, ShiftId, ShiftRules, UnexplainedShift};

/// Which persona a profile counts for, and how lately that was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) present: Present,
    pub(super) since: Instant,
    /// The last day at whose end the profile was found to be where it is.
    pub(super) settled: Day,
    /// The day that was last scored; [`NEVER`] for one that has to be.
    pub(super) scored: Day,
    /// Of the models that scored it last.
    pub(super) generation: u16,
    /// What the shadow model says.
    pub(super) shadow: Silent,
    /// Whether it stands among those that were put off.
    pub(super) waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// Nobody has looked yet.
    Unknown,
    /// In none of the personas.
    Unassigned,
    /// In the persona of this place in [`Core`]'s list.
    Persona(u16),
}

/// What a shadow model said of a profile: the position of a persona in that model, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silent(pub(super) u8);

impl Silent {
    /// Nobody has looked yet.
    const UNKNOWN: Self = Self(u8::MAX);
    /// In none of the personas.
    const UNASSIGNED: Self = Self(u8::MAX - 1);

    fn of(assigned: Option<usize>) -> Self {
        let known = assigned.and_then(|position| u8::try_from(position).ok());
        known.filter(|position| *position < Self::UNASSIGNED.0).map_or(Self::UNASSIGNED, Self)
    }
}

pub(super) const NEVER: Day = Day(i32::MIN);

impl State {
    pub(super) const NEW: Self = Self {
        present: Present::Unknown,
        since: Instant(0),
        settled: NEVER,
        scored: NEVER,
        generation: 0,
        shadow: Silent::UNKNOWN,
        waits: false,
    };
}

/// The live model, and where its personas stand in the core's list.
#[derive(Debug)]
pub(super) struct InUse {
    pub(super) model: Labelled,
    places: Vec<u16>,
}

impl InUse {
    /// Puts the personas of a model in a list, those that are not in it yet.
    fn new(model: Labelled, personas: &mut Vec<PersonaId>) -> Self {
        let place = |id: &PersonaId| {
            let known = personas.iter().position(|known| known == id);
            let place = known.unwrap_or_else(|| {
                personas.push(id.clone());
                personas.len() - 1
            });
            // So many personas nobody finds in a lifetime; those beyond would be one.
            u16::try_from(place).unwrap_or(u16::MAX)
        };
        let places = model.ids().iter().map(place).collect();
        Self { model, places }
    }

    pub(super) fn present(&self, assigned: Option<usize>) -> Present {
        assigned
            .and_then(|position| self.places.get(position))
            .map_or(Present::Unassigned, |place| Present::Persona(*place))
    }

    /// Returns the position in the model; `None` for no persona or one of an earlier model.
    pub(super) fn position(&self, present: Present) -> Option<usize> {
        match present {
            Present::Persona(place) => self.places.iter().position(|known| *known == place),
            Present::Unknown | Present::Unassigned => None,
        }
    }
}

/// What comes of a look at somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It still counts for the persona it counted for.
    Stays,
    /// It would count for another, but not by enough.
    Wavers,
    /// It counts for what its shares say from now on.
    Moves,
}

impl InUse {
    /// Scores a row of whoever counts for a persona. Shares are left as they are where they are not needed
    /// to see that it stays.
    fn looked_at(
        &self,
        (present, rules): (Present, ShiftRules),
        row: (&FeatureMatrix, usize),
        history_days: Option<u32>,
        (scorer, scored): (&mut ScorerScratch, &mut Scored),
    ) -> Result<Verdict, PersonaError> {
        let from = self.position(present);
        // Whoever counts for a persona that the model does not have has to go.
        let homeless = from.is_none() && matches!(present, Present::Persona(_));
        if present == Present::Unknown || homeless {
            self.model.score(row, history_days, (scorer, scored))?;
            return Ok(Verdict::Moves);
        }
        if !self.model.score_unless(from, row, history_days, (scorer, scored))? {
            return Ok(Verdict::Stays);
        }
        if rules.moves(from, scored.assigned, &scored.shares) {
            return Ok(Verdict::Moves);
        }
        Ok(if self.present(scored.assigned) == present { Verdict::Stays } else { Verdict::Wavers })
    }
}

impl Core {
    /// Has other models score from now on: everybody is looked at again, a share with each tick.
    pub(super) fn score_by(&mut self, scoring: &Scoring) {
        let known = |version: &Option<String>| {
            let model: &Arc<LiveModel> = self.models.get(version.as_ref()?)?;
            Some(Labelled::new(Arc::clone(model), self.fold.touchpoint_names()))
        };
        let (live, shadow) = (known(&scoring.live), known(&scoring.shadow));
        self.live = live.map(|model| InUse::new(model, &mut self.personas));
        self.shadow = shadow;
        self.scoring = scoring.clone();
        self.generation = self.generation.wrapping_add(1);
        self.sweep = Some(0);
    }

    pub(super) fn score(
        &mut self,
        profile: u32,
        (offset, at): (Offset, Instant),
        keep: Keep,
        cause: impl FnOnce() -> Cause,
    ) {
        let Some(live) = self.live.as_ref() else {
            let state = &mut self.states[index(profile)];
            (state.scored, state.generation) = (self.today, self.generation);
            return;
        };
        let (today, model) = (self.today, &live.model);
        let Scratch { fold, journey, matrix, scorer, scored, shadow } = &mut self.scratch;
        let histories = histories_of(&self.people, &self.histories, profile);
        let calendar = &self.settings.calendar;
        let moment = |day| (calendar, calendar.as_of(day));
        matrix.clear();
        self.warm.fold((&self.fold, profile, keep), (&histories, calendar.as_of(today)), (fold, matrix));
        let first_at = histories.iter().filter_map(|history| history.first_at()).min();
        let history_days = |day: Day| days_known(calendar, first_at, day);
        let state = &mut self.states[index(profile)];
        let former = *state;
        (state.scored, state.generation) = (today, self.generation);
        if let Some(silent) = &self.shadow {
            silent.fill(self.fold.touchpoints(fold), moment(today), (matrix, 0), journey);
            let said = silent.score((matrix, 0), history_days(today), (&mut shadow.0, &mut shadow.1));
            state.shadow = said.map_or(Silent::UNKNOWN, |()| Silent::of(shadow.1.assigned));
        }
        model.fill(self.fold.touchpoints(fold), moment(today), (matrix, 0), journey);
        let here = (former.present, self.settings.shifts);
        match live.looked_at(here, (matrix, 0), history_days(today), (scorer, scored)) {
            Ok(Verdict::Moves) => {}
            Ok(Verdict::Stays) => {
                state.settled = today;
                return;
            }
            Ok(Verdict::Wavers) | Err(_) => return,
        }
        let unknown = former.present == Present::Unknown;
        let (from, to) = (live.position(former.present), scored.assigned);
        let proposed = live.present(to);
        *state = State { present: proposed, since: at, settled: today, ..*state };
        let by_model = !unknown && former.generation != self.generation;
        let cause = if by_model { Cause::Model } else { cause() };
        if unknown && !matches!(cause, Cause::Event { .. }) || offset < self.told {
            // Who was here before the server looked has not moved, and no shift is told twice.
            return;
        }
        // Whoever is new comes from nowhere; there is nothing to explain it against.
        let comparison = (!unknown).then(|| {
            let then = compared_day(&cause, former.settled, today);
            let now_values = values(matrix, 0);
            self.fold.fold(&histories, calendar.as_of(then), fold, matrix);
            model.fill(self.fold.touchpoints(fold), moment(then), (matrix, 1), journey);
            let known = |persona, features, day| Known { persona, features, history_days: history_days(day) };
            let (then, now) = (known(from, values(matrix, 1), then), known(to, now_values, today));
            Comparison { model: model.model(), then, now }
        });
        let before = self.last_shift.filter(|before| before.offset == offset);
        let id = ShiftId { offset, index: before.map_or(0, |before| before.index + 1) };
        self.last_shift = Some(id);
        let shift = Shift {
            id,
            profile: self.people.profile_id(profile),
            at,
            from: persona(&self.personas, former.present),
            to: persona(&self.personas, proposed),
            share: scored.share(to),
            cause,
            because: Vec::new(),
            reversed_by: None,
            model: model.version().to_owned(),
        };
        self.shifts.push(UnexplainedShift { shift, comparison });
    }

    /// Returns how the shadow model divides everybody beside the live one; `None` without one.
    #[must_use]
    pub fn comparison(&self) -> Option<ScoringComparison> {
        let (live, shadow) = (self.live.as_ref()?, self.shadow.as_ref()?);
        let (n_live, n_shadow) = (live.model.ids().len(), shadow.ids().len());
        let mut n_profiles = vec![vec![0_u64; n_shadow + 1]; n_live + 1];
        let mut n_waiting = 0;
        for profile in self.profiles() {
            let state = self.states[index(profile)];
            if state.generation != self.generation || state.shadow == Silent::UNKNOWN {
                n_waiting += 1;
                continue;
            }
            let row = live.position(state.present).unwrap_or(n_live);
            n_profiles[row][usize::from(state.shadow.0).min(n_shadow)] += 1;
        }
        Some(ScoringComparison {
            live: live.model.version().to_owned(),
            shadow: shadow.version().to_owned(),
            live_personas: live.model.ids().to_vec(),
            shadow_personas: shadow.ids().to_vec(),
            n_profiles,
            n_waiting,
        })
    }
}

/// Returns the day whose features a shift of today is explained against: the last that the former
/// persona was found on; of today's, the evening before.
fn compared_day(cause: &Cause, settled: Day, today: Day) -> Day {
    let yesterday = Day(today.0.saturating_sub(1));
    match cause {
        // Nothing happened to them: another model sees the same.
        Cause::Model => today,
        Cause::Event { .. } | Cause::Silence if settled == NEVER => yesterday,
        Cause::Event { .. } | Cause::Silence => settled.min(yesterday),
    }
}

pub(super) fn persona(personas: &[PersonaId], present: Present) -> Option<PersonaId> {
    match present {
        Present::Persona(place) => personas.get(usize::from(place)).cloned(),
        Present::Unknown | Present::Unassigned => None,
    }
}

/// Returns the whole days from the first event to a day; `None` before it.
pub(super) fn days_known(calendar: &Calendar, first_at: Option<i64>, day: Day) -> Option<u32> {
    let first = calendar.local(Instant(first_at?)).0;
    u32::try_from(i64::from(day.0) - i64::from(first.0)).ok()
}

/// Returns one row of a matrix.
pub(super) fn values(matrix: &FeatureMatrix, row: usize) -> Vec<FeatureValue> {
    (0..matrix.columns().len()).filter_map(|column| matrix.value(row, column)).collect()
}
