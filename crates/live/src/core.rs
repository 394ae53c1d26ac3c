//! Everything that is known of everybody, as a function of the log.
//!
//! The core applies one record after the other and does nothing else: it reads no clock and
//! no disk, and how records are divided among calls leaves no trace. The events of a person
//! are kept by carrier, a few bytes each, and folded again whenever the person is scored; so
//! merging and splitting profiles moves nothing, and a late event needs no other way than
//! one in time.
//!
//! Features are as of the end of the local day, so they change with an event of the person
//! and at midnight, at no other time. After midnight everybody is scored again, so many with
//! each [`Record::Tick`]: that is how silence, windows that run out and seasons are noticed.

mod questions;
mod scoring;
mod snapshot;
mod warm;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;
use throng_event::{Calendar, Day, Event, EventKey, Instant};
use throng_feature::{Catalogue, Compiled, FeatureMatrix, History, HistoryFold, HistoryScratch};
use throng_journey::{TouchpointRule, touchpoint_of};
use throng_persona::{PersonaId, ScorerScratch};
use throng_profile::{Decision, GrowingResolution, IdentityRules, Move, Proposal};

use self::scoring::{InUse, NEVER, Present, State};
use self::warm::{Keep, Warm};
use crate::model::{Journey, Labelled, Scored};
use crate::{Cause, Entry, LiveModel, Offset, Record, Scoring, ShiftId, ShiftRules, UnexplainedShift};

pub(crate) use self::snapshot::{CoreSnapshot, Piece, mark};

/// What a core starts from.
#[derive(Debug, Clone)]
pub struct CoreSettings {
    /// Days and hours are taken in this zone.
    pub calendar: Calendar,
    /// The features that are computed, those of the model among them. Those of journeys are
    /// missing but where the live model reads them.
    pub catalogue: Catalogue,
    /// What events are called in journeys.
    pub touchpoints: Vec<TouchpointRule>,
    /// When someone counts for another persona.
    pub shifts: ShiftRules,
    /// Who is taken for one person.
    pub rules: IdentityRules,
    /// The models that the log may name. One that it names and that is not here scores nobody.
    pub models: Vec<LiveModel>,
}

/// Profiles with more events than this are not scored with an event but with the next tick: to fold
/// them anew takes milliseconds, and a robot that sends a thousand events a second out of order would
/// hold up everybody else. Whether their folds are kept must not matter, for a restart keeps none.
const EVENTS_AT_ONCE_MAX: usize = 20_000;

/// Rows that are folded with each tick, and at once before readers get a turn: some twenty and
/// four milliseconds.
const TICK_ROWS: usize = 20_000;
const SWEEP_ROWS: usize = 4_000;

/// The histories of a profile's carriers: of most one or two.
type Histories<'h> = SmallVec<[&'h History; 4]>;

/// Memory that reading and scoring use again; each thread has its own.
pub(crate) struct Scratch {
    fold: HistoryScratch,
    journey: Journey,
    matrix: FeatureMatrix,
    scorer: ScorerScratch,
    scored: Scored,
    shadow: (ScorerScratch, Scored),
}

impl Scratch {
    fn new(compiled: &Compiled) -> Self {
        Self {
            fold: HistoryScratch::default(),
            journey: Journey::default(),
            matrix: FeatureMatrix::new(compiled),
            scorer: ScorerScratch::default(),
            scored: Scored::default(),
            shadow: Default::default(),
        }
    }
}

/// The state of a live server.
pub struct Core {
    settings: CoreSettings,
    compiled: Compiled,
    fold: HistoryFold,
    people: GrowingResolution,
    /// What was decided about identities, in order.
    decisions: Vec<Decision>,
    /// The links that are proposed.
    proposals: Vec<Proposal>,
    /// By the number of the carrier.
    histories: Vec<History>,
    /// By the number of a profile's canonical identity.
    states: Vec<State>,
    models: BTreeMap<String, Arc<LiveModel>>,
    scoring: Scoring,
    live: Option<InUse>,
    shadow: Option<Labelled>,
    /// Every persona of the live models so far; states name them by their place here.
    personas: Vec<PersonaId>,
    /// How often the models changed.
    generation: u16,
    scratch: Scratch,
    warm: Warm,
    applied: Offset,
    now: Instant,
    today: Day,
    /// Profiles that are scored with the next ticks, the first first.
    put_off: VecDeque<u32>,
    /// The next identity that the sweep after midnight, or after a change of models, looks at.
    sweep: Option<u32>,
    /// Rows that the last tick may still fold.
    tick_rows: usize,
    n_events: u64,
    /// Of all histories.
    history_bytes: usize,
    shifts: Vec<UnexplainedShift>,
    /// The place of the last shift, which may have been taken.
    last_shift: Option<ShiftId>,
    /// Shifts of records before this offset were told.
    told: Offset,
    /// Carriers whose history changed while a snapshot is taken.
    changed: Option<Vec<u32>>,
}

impl Core {
    /// Returns the state behind an empty log.
    #[must_use]
    pub fn new(settings: CoreSettings) -> Self {
        let compiled = Compiled::new(&settings.catalogue);
        let fold = HistoryFold::new(&compiled);
        let scratch = Scratch::new(&compiled);
        let people = GrowingResolution::new(settings.rules.clone());
        let models = settings.models.iter().map(|model| (model.version().to_owned(), Arc::new(model.clone())));
        Self {
            models: models.collect(),
            settings,
            compiled,
            fold,
            people,
            decisions: Vec::new(),
            proposals: Vec::new(),
            histories: Vec::new(),
            states: Vec::new(),
            scoring: Scoring::default(),
            live: None,
            shadow: None,
            personas: Vec::new(),
            generation: 0,
            scratch,
            warm: Warm::default(),
            applied: Offset(0),
            now: Instant(i64::MIN),
            today: NEVER,
            put_off: VecDeque::new(),
            sweep: None,
            tick_rows: 0,
            n_events: 0,
            history_bytes: 0,
            shifts: Vec::new(),
            last_shift: None,
            told: Offset(0),
            changed: None,
        }
    }

    /// Adds a model that the log may name from now on.
    pub fn learn(&mut self, model: LiveModel) {
        self.models.insert(model.version().to_owned(), Arc::new(model));
    }

    /// Keeps quiet about shifts of records before an offset, which were told.
    pub(crate) fn hush(&mut self, told: Offset) {
        self.told = told;
    }

    pub(crate) fn settings(&self) -> &CoreSettings {
        &self.settings
    }

    /// Returns which models score.
    #[must_use]
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// Returns how many decisions about identities were taken in.
    #[must_use]
    pub fn n_decisions(&self) -> usize {
        self.decisions.len()
    }

    /// Returns the links that are proposed, probable enough or not.
    #[must_use]
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }

    /// Returns the offset behind the last record that was applied.
    #[must_use]
    pub fn applied(&self) -> Offset {
        self.applied
    }

    /// Returns the local day of the last event that anybody has.
    #[must_use]
    pub fn last_day(&self) -> Day {
        let last = self.histories.iter().filter_map(History::last_at).max();
        last.map_or(self.today, |last| self.settings.calendar.local(Instant(last)).0)
    }

    /// Returns the local day that features are as of.
    #[must_use]
    pub fn today(&self) -> Day {
        self.today
    }

    /// Takes the shifts since this was last called, in order; their reasons are found without the core.
    pub fn take_shifts(&mut self) -> Vec<UnexplainedShift> {
        std::mem::take(&mut self.shifts)
    }

    /// Applies the next record; returns the carrier of its event. A tick leaves work behind
    /// that [`Core::sweep`] does, which must be done before the next record.
    pub fn apply(&mut self, entry: &Entry) -> Option<u32> {
        self.applied = Offset(entry.offset.0 + 1);
        match &entry.record {
            Record::Event(event) => {
                self.advance(event.received_at);
                let (carrier, keep) = self.take(event, entry.key)?;
                let profile = self.people.profile(carrier)?;
                if self.n_rows(profile) > EVENTS_AT_ONCE_MAX {
                    self.put_off(profile);
                } else {
                    let cause = || Cause::Event { id: event.id.0.clone(), name: event.name.clone() };
                    self.score(profile, (entry.offset, event.received_at), keep, cause);
                }
                Some(carrier)
            }
            Record::Known(event) => {
                let (carrier, _) = self.take(event, entry.key)?;
                let profile = self.people.profile(carrier)?;
                self.put_off(profile);
                Some(carrier)
            }
            Record::Tick(now) => {
                self.advance(*now);
                self.tick_rows = TICK_ROWS;
                None
            }
            Record::Scoring(scoring) => {
                self.score_by(scoring);
                None
            }
            Record::Decision(decision) => {
                let moves = self.people.decide(decision).moves.to_vec();
                self.decisions.push(Decision::clone(decision));
                self.regroup_all(moves);
                None
            }
            Record::Proposals(proposals) => {
                let moves = self.people.propose(proposals).moves.to_vec();
                self.proposals.clone_from(proposals);
                self.regroup_all(moves);
                None
            }
        }
    }

    /// Scores some of those whom time has passed by or who were put off, within a bound of work;
    /// returns whether more of the last tick's share is left.
    pub fn sweep(&mut self) -> bool {
        let mut n_rows = 0;
        while n_rows < SWEEP_ROWS.min(self.tick_rows) {
            let Some(profile) = self.next_stale() else {
                self.tick_rows = 0;
                return false;
            };
            let state = self.states[index(profile)];
            n_rows += 1;
            let stale = state.scored < self.today || state.generation != self.generation;
            if stale && self.people.is_profile(profile) {
                n_rows += self.n_rows(profile);
                let offset = Offset(self.applied.0.saturating_sub(1));
                self.score(profile, (offset, self.now), Keep::AsItIs, || Cause::Silence);
            }
        }
        self.tick_rows = self.tick_rows.saturating_sub(n_rows);
        self.tick_rows > 0
    }

    /// Returns the next profile that may have to be scored.
    fn next_stale(&mut self) -> Option<u32> {
        if let Some(profile) = self.put_off.pop_front() {
            self.states[index(profile)].waits = false;
            return Some(profile);
        }
        // Nobody may be there yet.
        let cursor = self.sweep.filter(|cursor| index(*cursor) < self.states.len());
        self.sweep = cursor.map(|cursor| cursor + 1);
        cursor
    }

    /// Puts an event in its person's history; returns the carrier, and whether it is worth keeping the
    /// fold of whoever comes so often. `None` where its ids stand for nobody.
    fn take(&mut self, event: &Event, key: EventKey) -> Option<(u32, Keep)> {
        let changes = self.people.update_keyed(event, key);
        let carrier = changes.carrier;
        let moves = if changes.moves.is_empty() { Vec::new() } else { changes.moves.to_vec() };
        let n_identities = self.people.graph().n_identities();
        self.states.resize(n_identities, State::NEW);
        self.histories.resize_with(n_identities, History::default);
        self.n_events += 1;
        let keep = carrier.map(|carrier| self.add(event, key, carrier));
        self.regroup_all(moves);
        let carrier = carrier?;
        if let Some(profile) = self.people.profile(carrier) {
            let Self { warm, fold, people, histories, scratch, .. } = self;
            let of_profile = || histories_of(people, histories, profile);
            warm.take_in((fold, profile, EVENTS_AT_ONCE_MAX), of_profile, &mut scratch.fold);
        }
        Some((carrier, keep?))
    }

    /// Puts an event in the history of its carrier.
    fn add(&mut self, event: &Event, key: EventKey, carrier: u32) -> Keep {
        if let Some(profile) = self.people.profile(carrier) {
            self.bring_up_to_today(profile);
        }
        let Self { histories, fold, settings, compiled, .. } = self;
        let history = &mut histories[index(carrier)];
        let (before, last_day) = (history.memory(), history.last_day());
        let touchpoint = if compiled.of_journeys() { touchpoint_of(&settings.touchpoints, event) } else { None };
        fold.add_keyed(history, (event, key, touchpoint.as_deref()), &settings.calendar);
        self.history_bytes = self.history_bytes + history.memory() - before;
        self.warm.make_room(self.history_bytes);
        let models = self.live.iter_mut().map(|live| &mut live.model).chain(&mut self.shadow);
        models.for_each(|model| model.learn(self.fold.touchpoint_names()));
        self.changed.iter_mut().for_each(|changed| changed.push(carrier));
        let comes_often = last_day.is_some_and(|day| self.warm.reaches(day));
        if comes_often && !self.compiled.of_journeys() { Keep::More } else { Keep::AsItIs }
    }

    /// Brings the fold of a profile, if it is kept, to the day of its next event: before that is in
    /// its history, so that it is taken in once.
    fn bring_up_to_today(&mut self, profile: u32) {
        let Self { warm, people, histories, settings, fold, today, scratch, .. } = self;
        let Some(known) = warm.get(profile).filter(|known| known.day() < *today) else { return };
        let histories = histories_of(people, histories, profile);
        if !fold.advance(known, &histories, settings.calendar.as_of(*today), &mut scratch.fold) {
            warm.forget(profile);
        }
    }

    fn regroup_all(&mut self, mut moves: Vec<Move>) {
        moves.sort_by_key(|moved| moved.to);
        for moved in moves.chunk_by(|a, b| a.to == b.to) {
            self.regroup(moved);
        }
    }

    /// Gives a profile the state of the one it comes from: of several, the one that has counted
    /// for a persona the longest. Whoever splits off starts anew.
    fn regroup(&mut self, moved: &[Move]) {
        let Some(profile) = moved.first().map(|moved| moved.to) else { return };
        moved
            .iter()
            .flat_map(|moved| moved.from.into_iter().chain([moved.to]))
            .for_each(|profile| self.warm.forget(profile));
        let mut former: Vec<u32> = moved.iter().filter_map(|moved| moved.from).collect();
        former.sort_unstable();
        former.dedup();
        // Those that go on without who moved keep what they have.
        let (ended, shrunk): (Vec<u32>, Vec<u32>) = former.iter().partition(|former| !self.people.is_profile(**former));
        let known = |state: &State| state.present != Present::Unknown;
        let states = ended.iter().chain([&profile]).map(|former| self.states[index(*former)]).filter(known);
        if let Some(state) = states.min_by_key(|state| state.since) {
            let waits = self.states[index(profile)].waits;
            self.states[index(profile)] = State { scored: NEVER, waits, ..state };
        }
        for ended in ended.into_iter().filter(|ended| *ended != profile) {
            let waits = self.states[index(ended)].waits;
            self.states[index(ended)] = State { waits, ..State::NEW };
        }
        if !former.is_empty() {
            shrunk.into_iter().chain([profile]).for_each(|profile| self.put_off(profile));
        }
    }

    /// Has a profile scored with the next tick.
    fn put_off(&mut self, profile: u32) {
        let state = &mut self.states[index(profile)];
        state.scored = NEVER;
        if !std::mem::replace(&mut state.waits, true) {
            self.put_off.push_back(profile);
        }
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let today = self.settings.calendar.local(self.now).0;
        if today > self.today {
            self.today = today;
            // Everybody; a sweep under way was of yesterday.
            self.sweep = Some(0);
        }
    }

    fn n_rows(&self, profile: u32) -> usize {
        self.people.carriers(profile).map(|carrier| self.histories[index(carrier)].n_events()).sum()
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("applied", &self.applied).field("today", &self.today).finish_non_exhaustive()
    }
}

/// Returns the histories of a profile, in the order of their carriers' numbers: what a kept fold knows of
/// each of them is right for as long as its carriers are the same.
fn histories_of<'h>(people: &GrowingResolution, histories: &'h [History], profile: u32) -> Histories<'h> {
    let mut carriers: SmallVec<[u32; 4]> = people.carriers(profile).collect();
    carriers.sort_unstable();
    carriers.into_iter().map(|carrier| &histories[index(carrier)]).collect()
}

/// Returns a number as a position; memory is addressed with at least 32 bits here.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
