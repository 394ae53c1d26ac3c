//! The live side of a home: what a server starts from, and how its events reach the lake.
//!
//! The server's log is the first to know an event; the table `events` follows it. Every commit
//! says in the Delta protocol's own field for it (`txn`) up to which offset of the log it
//! goes, so that after a crash at any moment the table goes on exactly where it ended. Events
//! that the table has from elsewhere (imports) are adopted by the log, and none that the
//! table has already is written to it again, so both hold the same events, each once.

mod parity;

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use deltalake::DeltaTable;
use throng_event::{Event, Seal};
use throng_feature::{Catalogue, FeatureDefinition};
use throng_live::{
    CoreSettings, Decided, Entry, LakeNote, Live, LiveModel, LiveSettings, Offset, Record, Refused, Scoring, ShiftRules,
};
use throng_persona::{PersonaId, Scorer};

use crate::context::{bare_session, for_each_batch, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_table::{Chunk, EventRows, Promoted, read_events, text_column};
use crate::import::{QuarantineRow, quarantine_batch};
use crate::model_roles::ModelRole;
use crate::model_store::FittedModel;
use crate::people::{read_decisions, read_proposals};
use crate::store::{Compacted, SMALL_FILES};
use crate::tables::{EVENTS, IDENTITY_DECISIONS, IDENTITY_PROPOSALS, MODEL_ROLES, MODEL_VERSIONS, QUARANTINE};

pub use parity::ParityReport;

/// The folder of the log in a home.
const LIVE_FOLDER: &str = "live";
/// The application that commits of a server are of, for the Delta protocol.
const APPLICATION: &str = "throng-live";
/// The same for messages that a server refused.
const APPLICATION_REFUSED: &str = "throng-live-refused";
/// Refused messages of one commit: of the longest that are kept, some tens of megabytes.
const REFUSED_AT_ONCE: usize = 1_000;
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
    /// The number of the refused message that quarantine goes on with.
    next_refused: Option<u64>,
    /// The versions of the tables of [`DECIDED`] that the server knows.
    decided: [Option<u64>; DECIDED.len()],
    /// [`COMMIT_EVENTS_MAX`], fewer in tests.
    n_commit_max: usize,
    /// Commits since it was last seen how many small files there are.
    n_commits: usize,
}

/// Where it is decided who is who and which models score.
const DECIDED: [&str; 4] = [IDENTITY_DECISIONS, IDENTITY_PROPOSALS, MODEL_VERSIONS, MODEL_ROLES];

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
        Self {
            next: None,
            doubtful: Offset(0),
            next_refused: None,
            decided: [None; DECIDED.len()],
            n_commit_max: COMMIT_EVENTS_MAX,
            n_commits: SMALL_FILES,
        }
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

impl Engine {
    /// Returns what a live server of this home starts from. Without features it takes events and scores nobody.
    ///
    /// # Errors
    /// [`EngineError::Catalogue`] when features do not fit together, or when the decisions about identities cannot be read.
    pub fn live_settings(&self, models: LiveModels) -> Result<LiveSettings, EngineError> {
        let config = self.home.config();
        let catalogue = Catalogue::new(config.features.clone(), config.currency)
            .map_err(|error| EngineError::Catalogue(error.to_string()))?;
        Ok(LiveSettings {
            folder: self.home.root().join(LIVE_FOLDER),
            decided: self.decided_now(models.scoring)?,
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

    /// Returns what was decided and is proposed about identities, and which models score.
    fn decided_now(&self, scoring: Scoring) -> Result<Decided, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, 1).await?;
            let decisions = read_decisions(&context).await?;
            let proposals = read_proposals(&context, &self.home.config().identity.rules).await?;
            Ok(Decided { decisions, proposals, scoring })
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
        let LiveModels { models, scoring } = self.live_models(scores)?;
        self.runtime.block_on(live.reconcile(&self.decided_now(scoring)?, models))?;
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
            (None, None) => committed(table.as_ref(), APPLICATION).await?,
        };
        follower.next = Some(next);
        let mut followed = Followed::default();
        if version.is_some() && noted.is_none() {
            // Somebody else wrote, or nobody noted that it was us.
            followed.n_adopted = self.adopt(live).await?;
            follower.doubtful = live.log().end()?;
        }
        let n_max = follower.n_commit_max;
        let known = if next < follower.doubtful { self.known_of(live, next, n_max).await? } else { BTreeSet::new() };
        let (mut rows, mut n_new, mut n_read, mut end) = (EventRows::default(), 0, 0, next);
        for entry in live.log().read(next).take(n_max) {
            let entry = entry?;
            (n_read, end) = (n_read + 1, Offset(entry.offset.0 + 1));
            // One after the other: an event takes many times the memory of its row.
            if let Some(event) = new_event(&entry).filter(|event| !known.contains(&event.id.fingerprint().0)) {
                rows.push(event, event.id.key());
                n_new += 1;
            }
        }
        followed.more = n_read >= n_max;
        let mut written = version;
        if n_new > 0 {
            let promoted = table.as_ref().map(promoted).transpose()?.unwrap_or_default();
            let rows = rows_of(rows, promoted)?;
            written = self.store.append_as(EVENTS, vec![rows], (APPLICATION, txn_of(end))).await?;
            follower.n_commits += 1;
        }
        if let Some(version) = written {
            live.log().note_lake(LakeNote { version, end })?;
        }
        follower.next = Some(end);
        live.stored(end);
        followed.more |= self.follow_refused(live, follower).await?;
        Ok(followed)
    }

    /// Writes the many small files that following a server leaves again as few larger ones, now and
    /// then; returns whether it did. Others may write meanwhile. To be called between steps.
    ///
    /// # Errors
    /// When the lake cannot be read or written; it is tried again after some more commits.
    pub fn compact(&self, live: &Live, follower: &mut Follower) -> Result<bool, EngineError> {
        if follower.n_commits < SMALL_FILES {
            return Ok(false);
        }
        follower.n_commits = 0;
        self.runtime.block_on(async {
            let quarantine = self.store.compact(QUARANTINE).await?;
            let events = self.store.compact(EVENTS).await?;
            let noted = live.log().lake()?;
            // Where somebody else wrote meanwhile the next step finds out what.
            if let (Some(Compacted { from, to }), Some(LakeNote { version, end })) = (events, noted)
                && version == from
                && to == from + 1
            {
                live.log().note_lake(LakeNote { version: to, end })?;
            }
            Ok(quarantine.or(events).is_some())
        })
    }

    /// Takes messages that a server refused into quarantine, each once, where they wait to be worked
    /// on like rows of files. Returns whether there are more.
    async fn follow_refused(&self, live: &Live, follower: &mut Follower) -> Result<bool, EngineError> {
        let next = match follower.next_refused {
            Some(next) => next,
            None => committed(self.store.open(QUARANTINE).await?.as_ref(), APPLICATION_REFUSED).await?.0,
        };
        let refused = live.refused(next, REFUSED_AT_ONCE)?;
        let Some(end) = refused.last().map(|(number, _)| number + 1) else {
            follower.next_refused = Some(next);
            return Ok(false);
        };
        let seal = Seal::of(&self.home.personal_data()?);
        let more = refused.len() == REFUSED_AT_ONCE;
        let rows: Vec<QuarantineRow> = refused.into_iter().map(|refused| quarantined(refused, seal.as_ref())).collect();
        let rows = quarantine_batch(&rows, seal.as_ref());
        let rows = rows.map_err(|error| EngineError::table("write", QUARANTINE, error))?;
        self.store.append_as(QUARANTINE, vec![rows], (APPLICATION_REFUSED, txn_of(Offset(end)))).await?;
        (follower.next_refused, follower.n_commits) = (Some(end), follower.n_commits + 1);
        Ok(more)
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

    /// Returns the fingerprints of the events from an offset on, of so many records, that the lake has.
    async fn known_of(&self, live: &Live, from: Offset, n_max: usize) -> Result<BTreeSet<u128>, EngineError> {
        let (mut wanted, mut known) = (BTreeSet::new(), BTreeSet::new());
        for entry in live.log().read(from).take(n_max) {
            wanted.extend(new_event(&entry?).map(|event| event.id.fingerprint().0));
        }
        let context = bare_session(1)?;
        if wanted.is_empty() || !self.store.register(&context, EVENTS).await? {
            return Ok(known);
        }
        let mut take = |rows: &RecordBatch| {
            let ids = text_column(rows, "event_id")?;
            let fingerprints = ids.iter().flatten().map(|id| throng_event::Fingerprint::of(id).0);
            known.extend(fingerprints.filter(|fingerprint| wanted.contains(fingerprint)));
            Ok(())
        };
        for_each_batch(&context, "SELECT event_id FROM events", &mut take).await?;
        Ok(known)
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

/// Returns a message that a server refused as a row of the quarantine. What was seen in it is opened, for
/// the table seals it again, to the same bytes.
fn quarantined((number, refused): (u64, Refused), seal: Option<&Seal>) -> QuarantineRow {
    let opened = |text: String| match seal {
        Some(seal) => seal.open(text),
        None => text,
    };
    // Alike messages that came twice were refused twice.
    let parts = [refused.source.as_bytes(), b"live", &number.to_be_bytes()];
    let id = parts.iter().fold(blake3::Hasher::new(), |mut hasher, part| {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()).update(part);
        hasher
    });
    QuarantineRow {
        id: id.finalize().to_hex().to_string(),
        path: refused.source.clone(),
        source: refused.source,
        form: refused.form,
        row: number + 1,
        reason: refused.reason,
        detail: opened(refused.detail),
        raw: opened(refused.raw),
    }
}

/// Returns the offset behind what the table has of the log.
async fn committed(table: Option<&DeltaTable>, application: &str) -> Result<Offset, EngineError> {
    let Some(table) = table else { return Ok(Offset(0)) };
    let read = |error| EngineError::table("read", EVENTS, error);
    let snapshot = table.snapshot().map_err(read)?;
    let version = snapshot.transaction_version(&*table.log_store(), application).await.map_err(read)?;
    Ok(Offset(version.and_then(|version| u64::try_from(version).ok()).unwrap_or(0)))
}

fn txn_of(end: Offset) -> i64 {
    i64::try_from(end.0).unwrap_or(i64::MAX)
}

/// Returns the event of a record that the lake did not have before the log.
fn new_event(entry: &Entry) -> Option<&Event> {
    match &entry.record {
        Record::Event(event) => Some(event),
        Record::Known(_) | Record::Tick(_) | Record::Scoring(_) | Record::Decision(_) | Record::Proposals(_) => None,
    }
}

fn promoted(table: &DeltaTable) -> Result<Promoted, EngineError> {
    let read = |error| EngineError::table("read", EVENTS, error);
    let schema = table.snapshot().map_err(read)?.snapshot().arrow_schema();
    Ok(Promoted::of(&schema))
}

fn rows_of(rows: EventRows, mut promoted: Promoted) -> Result<RecordBatch, EngineError> {
    let mut chunk = Chunk::default();
    chunk.push_all(rows.finish());
    chunk.finish(&mut promoted).map_err(|error| EngineError::table("write", EVENTS, error))
}

#[cfg(test)]
mod journey_tests;
#[cfg(test)]
mod tests;
