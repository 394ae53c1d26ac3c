//! The live side of a home: what a server starts from, and how its events reach the lake.
//!
//! The server's log is the first to know an event; the table `events` follows it. Every commit
//! says in the Delta protocol's own field for it (`txn`) up to which offset of the log it
//! goes, so that after a crash at any moment the table goes on exactly where it ended. Events
//! that the table has from elsewhere (imports) are adopted by the log, and none that the
//! table has already is written to it again, so both hold the same events, each once.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use deltalake::DeltaTable;
use throng_event::{Day, Event};
use throng_feature::{Catalogue, FeatureDefinition, FeatureValue};
use throng_live::{CoreSettings, Entry, LakeNote, Live, LiveModel, LiveSettings, Offset, Record, Scoring, ShiftRules};
use throng_persona::{PersonaId, Scorer};
use throng_profile::{Decision, ProfileId};

use crate::context::{bare_session, for_each_batch, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_table::{Chunk, EventRows, Promoted, read_events, text_column};
use crate::features::{FeatureRun, by_number};
use crate::model_roles::ModelRole;
use crate::model_store::FittedModel;
use crate::people::read_decisions;
use crate::tables::{EVENTS, IDENTITY_DECISIONS, MODEL_ROLES, MODEL_VERSIONS};

/// The folder of the log in a home.
const LIVE_FOLDER: &str = "live";
/// The application that commits of a server are of, for the Delta protocol.
const APPLICATION: &str = "throng-live";
/// Events of one commit; a commit costs some tens of milliseconds and a file.
const COMMIT_EVENTS_MAX: usize = 50_000;
/// Events that are handed to the log at once.
const ADOPTED_AT_ONCE: usize = 2_000;

/// How far the lake follows a log.
#[derive(Debug)]
pub struct Follower {
    /// The offset that the next commit starts at.
    next: Option<Offset>,
    /// Records before this offset may be in the lake already: somebody else wrote to it when
    /// they stood in the log and not yet in the table.
    doubtful: Offset,
    /// The versions of the tables of [`DECIDED`] that the server knows.
    decided: [Option<u64>; DECIDED.len()],
    /// [`COMMIT_EVENTS_MAX`], fewer in tests.
    n_commit_max: usize,
}

/// Where it is decided who is who and which models score.
const DECIDED: [&str; 3] = [IDENTITY_DECISIONS, MODEL_VERSIONS, MODEL_ROLES];

/// Whether a server scores anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scores {
    /// By the live model, where there is one.
    Everybody,
    /// Features only.
    Nobody,
}

/// The models of a server.
#[derive(Debug, Clone, Default)]
pub struct LiveModels {
    /// Those that are or were live or the shadow.
    pub models: Vec<LiveModel>,
    /// Which of them score now.
    pub scoring: Scoring,
}

impl Default for Follower {
    fn default() -> Self {
        Self { next: None, doubtful: Offset(0), decided: [None; DECIDED.len()], n_commit_max: COMMIT_EVENTS_MAX }
    }
}

/// What one step of a [`Follower`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Events that the log took over from the lake.
    pub n_adopted: usize,
    /// Whether more is waiting already.
    pub more: bool,
}

/// How live and batch compare.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParityReport {
    /// Events of the log.
    pub n_events: u64,
    /// Profiles compared.
    pub n_profiles: u64,
    /// Values compared.
    pub n_values: u64,
    /// What differs, the first few in words.
    pub differences: Vec<String>,
    /// How many values or profiles differ.
    pub n_different: u64,
}

/// Differences that are told in words.
const DIFFERENCES_SHOWN: usize = 20;

impl Engine {
    /// Returns what a live server of this home starts from.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without features, [`EngineError::Catalogue`] when they do not fit
    /// together, or when the decisions about identities cannot be read.
    pub fn live_settings(&self, models: LiveModels) -> Result<LiveSettings, EngineError> {
        let config = self.home.config();
        if config.features.is_empty() {
            return Err(EngineError::Missing {
                what: "throng.toml has no features".to_owned(),
                todo: "run `throng features propose --write` on a history, or copy a catalogue into it".to_owned(),
            });
        }
        let catalogue = Catalogue::new(config.features.clone(), config.currency)
            .map_err(|error| EngineError::Catalogue(error.to_string()))?;
        Ok(LiveSettings {
            folder: self.home.root().join(LIVE_FOLDER),
            decisions: self.decisions()?,
            scoring: models.scoring,
            core: CoreSettings {
                calendar: config.calendar.clone(),
                catalogue,
                touchpoints: config.touchpoints.clone(),
                shifts: ShiftRules { share_min: config.server.share_min, lead_min: config.server.lead_min },
                rules: config.identity.rules.clone(),
                models: models.models,
            },
        })
    }

    /// Returns all decisions about identities, in order.
    fn decisions(&self) -> Result<Vec<Decision>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, 1).await?;
            read_decisions(&context).await
        })
    }

    /// Tells a running server what was decided in its home since: about identities, and which
    /// models score. Nothing is read where none of the tables changed.
    ///
    /// # Errors
    /// When the tables cannot be read, or as [`Engine::live_models`]; the server goes on as it was.
    pub fn reconcile(&self, live: &Live, follower: &mut Follower, scores: Scores) -> Result<(), EngineError> {
        let versions = self.runtime.block_on(async {
            let mut versions = [None; DECIDED.len()];
            for (version, table) in versions.iter_mut().zip(DECIDED) {
                *version = self.store.open(table).await?.as_ref().and_then(DeltaTable::version);
            }
            Ok::<_, EngineError>(versions)
        })?;
        if follower.decided == versions {
            return Ok(());
        }
        let (decisions, models) = (self.decisions()?, self.live_models(scores)?);
        self.runtime.block_on(live.reconcile(&decisions, models.models, models.scoring))?;
        follower.decided = versions;
        Ok(())
    }

    /// Brings the lake and the log of a server one step nearer to each other. The home is locked
    /// for this step only.
    ///
    /// # Errors
    /// When the lake or the log cannot be read or written, or another process writes to the home
    /// just now; the next step goes on where this one could not.
    pub fn follow(&self, live: &Live, follower: &mut Follower) -> Result<Followed, EngineError> {
        let _lock = self.home.lock()?;
        self.runtime.block_on(self.follow_locked(live, follower))
    }

    async fn follow_locked(&self, live: &Live, follower: &mut Follower) -> Result<Followed, EngineError> {
        let table = self.store.open(EVENTS).await?;
        let version = table.as_ref().and_then(DeltaTable::version);
        let noted = live.log().lake()?.filter(|noted| version == Some(noted.version));
        let next = match (follower.next, noted) {
            (Some(next), _) => next,
            // A step that finds all of its events in the table makes no commit.
            (None, Some(noted)) => noted.end,
            (None, None) => committed(table.as_ref()).await?,
        };
        follower.next = Some(next);
        let mut followed = Followed::default();
        if version.is_some() && noted.is_none() {
            // Somebody else wrote, or nobody noted that it was us.
            followed.n_adopted = self.adopt(live).await?;
            follower.doubtful = live.log().end()?;
        }
        let (entries, end) = waiting(live, next, follower.n_commit_max)?;
        followed.more = entries.len() >= follower.n_commit_max;
        let mut events: Vec<Event> = entries.into_iter().filter_map(new_event).collect();
        if next < follower.doubtful {
            self.leave_out_known(&mut events).await?;
        }
        let mut written = version;
        if !events.is_empty() {
            let promoted = table.as_ref().map(promoted).transpose()?.unwrap_or_default();
            let rows = rows_of(&events, promoted)?;
            written = self.store.append_as(EVENTS, vec![rows], (APPLICATION, txn_of(end))).await?;
        }
        if let Some(version) = written {
            live.log().note_lake(LakeNote { version, end })?;
        }
        follower.next = Some(end);
        live.stored(end);
        Ok(followed)
    }

    /// Hands the events of the lake that the log does not have to it.
    async fn adopt(&self, live: &Live) -> Result<usize, EngineError> {
        let context = bare_session(1)?;
        if !self.store.register(&context, EVENTS).await? {
            return Ok(0);
        }
        let mut stream = crate::context::stream(&context, "SELECT * FROM events").await?;
        let mut n_adopted = 0;
        while let Some(rows) = crate::context::next(&mut stream).await? {
            let read = read_events(&rows).map_err(|error| EngineError::table("read", EVENTS, error))?;
            let mut unknown = Vec::new();
            for event in read {
                if !live.log().has_seen(event.id.fingerprint())? {
                    unknown.push(event);
                }
            }
            while !unknown.is_empty() {
                let rest = unknown.split_off(unknown.len().min(ADOPTED_AT_ONCE));
                let receipt = live.adopt(std::mem::replace(&mut unknown, rest)).await?;
                n_adopted += receipt.admitted;
            }
        }
        Ok(n_adopted)
    }

    /// Leaves out events that the lake has.
    async fn leave_out_known(&self, events: &mut Vec<Event>) -> Result<(), EngineError> {
        let wanted: BTreeSet<u128> = events.iter().map(|event| event.id.fingerprint().0).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let context = bare_session(1)?;
        if !self.store.register(&context, EVENTS).await? {
            return Ok(());
        }
        let mut known = BTreeSet::new();
        let mut take = |rows: &RecordBatch| {
            let ids = text_column(rows, "event_id")?;
            let fingerprints = ids.iter().flatten().map(|id| throng_event::Fingerprint::of(id).0);
            known.extend(fingerprints.filter(|fingerprint| wanted.contains(fingerprint)));
            Ok(())
        };
        for_each_batch(&context, "SELECT event_id FROM events", &mut take).await?;
        events.retain(|event| !known.contains(&event.id.fingerprint().0));
        Ok(())
    }

    /// Compares everybody's state in a live server with what batch makes of the lake: who is who,
    /// and the bits of every feature as of a day, those of journeys as the live model was fitted to
    /// them. The lake must have followed the log to its end.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub fn live_parity(&self, live: &Live, day: Day) -> Result<ParityReport, EngineError> {
        let config = self.home.config();
        let as_of = config.calendar.as_of(day);
        let run = FeatureRun::new(&config.features, config.currency, &config.calendar, as_of)?;
        let journeys = live.with_core(|core| core.model().and_then(LiveModel::journeys).cloned());
        let (people, rows) = self.runtime.block_on(async {
            let view = self.view().await?;
            let rows = run.fold_lake(&view.context, &view.people, config.currency).await?;
            let journeys = (journeys.as_ref(), &config.calendar, as_of);
            let rows = self.fill_journeys_by(&view, rows, journeys).await?;
            Ok::<_, EngineError>((view.people, rows))
        })?;
        let read = |error| EngineError::table("read", EVENTS, error);
        let (ids, rows) = by_number(&rows, &people.ids()).map_err(read)?;
        let mut batch: std::collections::BTreeMap<&str, usize> =
            ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
        let mut report = ParityReport::default();
        live.with_core(|core| {
            report.n_events = core.n_events();
            for (profile, values) in core.features_of_all(day) {
                let row = batch.remove(profile.as_str());
                report.compare(&profile, (&rows, row), &values);
            }
        });
        for profile in batch.into_keys() {
            report.differs(format!("{profile}: live does not know this profile"));
        }
        Ok(report)
    }
}

impl Engine {
    /// Returns the models that a server of this home scores by, and those its log may name.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when the live model or the shadow reads a feature that throng.toml
    /// has no more, or defines otherwise, or one of journeys and was kept before such were kept with it.
    pub fn live_models(&self, scores: Scores) -> Result<LiveModels, EngineError> {
        let mut found = LiveModels::default();
        let features = &self.home.config().features;
        for fitted in self.used_models()? {
            let (role, version) = (fitted.entry.role, fitted.entry.version);
            let other = fitted.features.iter().find(|wanted| {
                // Without what it was fitted to, nobody can say what a feature of journeys is.
                !features.contains(wanted) || (wanted.kind.of_journeys() && fitted.journeys.is_none())
            });
            match (other, role, scores) {
                (None, ..) => found.models.push(live_model(fitted, features)?),
                // The log may name it; nobody is scored by it any more.
                (Some(_), None, _) | (Some(_), Some(_), Scores::Nobody) => continue,
                (Some(other), Some(role), Scores::Everybody) => {
                    return Err(EngineError::Missing {
                        what: format!(
                            "the {} model {version} reads the feature {:?} as a server does not know it",
                            role.as_str(),
                            other.name
                        ),
                        todo: "discover again with the features of today and promote that model, or serve with \
                               --no-model"
                            .to_owned(),
                    });
                }
            }
            let of_role = match (role, scores) {
                (Some(ModelRole::Live), Scores::Everybody) => &mut found.scoring.live,
                (Some(ModelRole::Shadow), Scores::Everybody) => &mut found.scoring.shadow,
                (None, _) | (Some(_), Scores::Nobody) => continue,
            };
            *of_role = Some(version.to_string());
        }
        Ok(found)
    }
}

fn live_model(fitted: FittedModel, features: &[FeatureDefinition]) -> Result<LiveModel, EngineError> {
    let FittedModel { entry, model, features: read, journeys, .. } = fitted;
    let bound = journeys.map(|journeys| journeys.bound_to(features, |definition| read.contains(definition)));
    let journeys = bound.transpose().map_err(|error| EngineError::Catalogue(error.to_string()))?;
    let name = |id: &PersonaId| {
        entry.personas.iter().find(|persona| persona.id == *id).map(|persona| persona.name.clone()).unwrap_or_default()
    };
    let names = model.personas.iter().map(name).collect();
    Ok(LiveModel::new(&entry.version.to_string(), Scorer::new(model, features)?, names).with_journeys(journeys))
}

impl ParityReport {
    /// Compares the values of one live profile with its row in batch.
    fn compare(&mut self, profile: &ProfileId, (rows, row): (&RecordBatch, Option<usize>), values: &[FeatureValue]) {
        self.n_profiles += 1;
        let Some(row) = row else {
            // Who has no event up to the day has no row in batch.
            if values.iter().any(|value| !is_empty(value)) {
                self.differs(format!("{profile}: batch does not know this profile"));
            }
            return;
        };
        let schema = rows.schema();
        for ((field, column), value) in schema.fields().iter().zip(rows.columns()).skip(1).zip(values) {
            self.n_values += 1;
            let found = cell(column, row);
            if !same(&found, value) {
                let name = field.name();
                self.differs(format!("{profile}: {name} is {value:?} live and {found:?} in batch"));
            }
        }
    }

    fn differs(&mut self, what: String) {
        self.n_different += 1;
        if self.differences.len() < DIFFERENCES_SHOWN {
            self.differences.push(what);
        }
    }
}

fn is_empty(value: &FeatureValue) -> bool {
    match value {
        FeatureValue::Number(number) => *number == 0.0,
        FeatureValue::Category(_) => false,
        FeatureValue::Missing => true,
    }
}

/// Whether two values are the same bits.
fn same(a: &FeatureValue, b: &FeatureValue) -> bool {
    match (a, b) {
        (FeatureValue::Number(a), FeatureValue::Number(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn cell(column: &arrow::array::ArrayRef, row: usize) -> FeatureValue {
    use arrow::array::{Array, AsArray};
    if column.is_null(row) {
        return FeatureValue::Missing;
    }
    match column.as_primitive_opt::<arrow::datatypes::Float64Type>() {
        Some(numbers) => FeatureValue::Number(numbers.value(row)),
        None => FeatureValue::Category(column.as_string::<i32>().value(row).to_owned()),
    }
}

/// Returns the offset behind what the table has of the log.
async fn committed(table: Option<&DeltaTable>) -> Result<Offset, EngineError> {
    let Some(table) = table else { return Ok(Offset(0)) };
    let read = |error| EngineError::table("read", EVENTS, error);
    let snapshot = table.snapshot().map_err(read)?;
    let version = snapshot.transaction_version(&*table.log_store(), APPLICATION).await.map_err(read)?;
    Ok(Offset(version.and_then(|version| u64::try_from(version).ok()).unwrap_or(0)))
}

fn txn_of(end: Offset) -> i64 {
    i64::try_from(end.0).unwrap_or(i64::MAX)
}

/// Returns what the log has behind an offset, so much at most, and the offset behind that.
fn waiting(live: &Live, from: Offset, n_max: usize) -> Result<(Vec<Entry>, Offset), EngineError> {
    let entries: Result<Vec<Entry>, _> = live.log().read(from).take(n_max).collect();
    let entries = entries?;
    let end = entries.last().map_or(from, |last| Offset(last.offset.0 + 1));
    Ok((entries, end))
}

fn new_event(entry: Entry) -> Option<Event> {
    match entry.record {
        Record::Event(event) => Some(*event),
        Record::Known(_) | Record::Tick(_) | Record::Scoring(_) | Record::Decision(_) => None,
    }
}

fn promoted(table: &DeltaTable) -> Result<Promoted, EngineError> {
    let read = |error| EngineError::table("read", EVENTS, error);
    let schema = table.snapshot().map_err(read)?.snapshot().arrow_schema();
    Ok(Promoted::of(&schema))
}

fn rows_of(events: &[Event], mut promoted: Promoted) -> Result<RecordBatch, EngineError> {
    let mut rows = EventRows::default();
    events.iter().for_each(|event| rows.push(event, event.id.key()));
    let mut chunk = Chunk::default();
    chunk.push_all(rows.finish());
    chunk.finish(&mut promoted).map_err(|error| EngineError::table("write", EVENTS, error))
}

#[cfg(test)]
mod journey_tests;
#[cfg(test)]
mod tests;
