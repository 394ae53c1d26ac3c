//! Fitted models, each kept with all it takes to score customers by it: `m1`, `m2`, …
//!
//! A row of `model_versions` is one commit, so a model is there whole or not at all. It holds the state of
//! the model, byte for byte, and beside it what its numbers mean: the definitions of the features it reads,
//! the currency, the time zone, the personas' names, and where it reads features of journeys what came
//! next in everybody's then. Models are ground state: one that customers were told
//! by cannot be made again once later events, erasures or another catalogue have come. Which of them is
//! live is the sum of the rows of `model_roles` ([`crate::model_roles`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Date32Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};
use throng_event::{Calendar, Currency, Day, Instant};
use throng_feature::FeatureDefinition;
use throng_journey::JourneyFeatures;
use throng_persona::{Found, Method, Model, PersonaId};

use crate::book::Sought;
use crate::config::{Config, Promotion, features_to_toml};
use crate::context::{collect, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::journey_features::JourneyFeaturesForm;
use crate::model_roles::{ModelRole, ModelVersion, RoleDecision, Roles};
use crate::rows::{Rows, batch, counts, instants, integers, texts};
use crate::store::Store;
use crate::tables::{MODEL_ROLES, MODEL_VERSIONS};

/// The layout of a row of `model_versions`.
const FORMAT: i64 = 1;

/// A stored model as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelEntry {
    /// Its number.
    pub version: ModelVersion,
    /// When it was made; `None` where whoever made it had no clock.
    pub made_at: Option<Instant>,
    /// The day whose end it was made from.
    pub as_of: Day,
    /// The seed of its discovery.
    pub seed: u64,
    /// How many customers there were.
    pub n_profiles: u64,
    /// By which method customers were divided.
    pub method: Method,
    /// Its personas, the largest first.
    pub personas: Vec<ModelPersona>,
    /// Its role at present, if it has one.
    pub role: Option<ModelRole>,
}

/// A persona of a stored model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPersona {
    /// Its key.
    pub id: PersonaId,
    /// What it was called.
    pub name: String,
    /// How many customers counted for it.
    pub n_profiles: u64,
}

/// A stored model with all it takes to score by it.
#[derive(Debug, Clone)]
pub struct FittedModel {
    /// What it is.
    pub entry: ModelEntry,
    /// The model.
    pub model: Arc<Model>,
    /// The definitions of the features it reads, as they were when it was made, in its order.
    pub features: Vec<FeatureDefinition>,
    /// The currency amounts were compared in.
    pub currency: Option<Currency>,
    /// Days and hours were taken in this zone.
    pub calendar: Calendar,
    /// The gap that ended a session.
    pub session_gap_minutes: u32,
    /// Those of its features that are about journeys, as it was fitted to them; `None` where it reads none,
    /// or was kept before such were kept.
    pub journeys: Option<JourneyFeatures>,
}

/// What a discovery gives to be kept.
pub(crate) struct Kept<'a> {
    pub(crate) found: &'a Found,
    pub(crate) sought: Sought,
    pub(crate) method: Method,
    pub(crate) now: Option<Instant>,
    pub(crate) config: &'a Config,
    /// Of the features that the model reads.
    pub(crate) journeys: Option<JourneyFeatures>,
}

/// The stored form of what goes with a model; version 1.
#[derive(Serialize, Deserialize, PartialEq)]
struct DetailsForm {
    seed: u64,
    currency: Option<String>,
    time_zone: String,
    session_gap_minutes: u32,
    personas: Vec<PersonaForm>,
    /// Absent in what was written before there were such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journeys: Option<JourneyFeaturesForm>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct PersonaForm {
    id: String,
    name: String,
    n_profiles: u64,
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(verb: &'static str) -> impl Fn(E) -> EngineError {
    move |error| EngineError::table(verb, MODEL_VERSIONS, error)
}

/// Keeps the model of a discovery as the next version, unless the newest one is the same.
pub(crate) async fn keep(store: &Store, kept: Kept<'_>) -> Result<(), EngineError> {
    let state = kept.found.model.state();
    // What cannot be read back is not kept.
    Model::from_state(&state).map_err(failed("write"))?;
    let context = session(store, 1).await?;
    let stored = read(&context, "ORDER BY version DESC LIMIT 1").await?;
    let newest = stored.first();
    let details = details_of(&kept);
    let features = features_to_toml(&definitions_of(&kept.found.model, &kept.config.features));
    let same = |newest: &Stored| {
        let own = (kept.sought.as_of, kept.sought.n_profiles, kept.method);
        let others = (newest.as_of, newest.n_profiles, newest.method);
        own == others && newest.state == state && newest.details == details && newest.catalogue == features
    };
    if newest.is_some_and(same) {
        return Ok(());
    }
    let version = ModelVersion(newest.map_or(1, |newest| newest.version.0 + 1));
    let row = row(version, &kept, (&state, &features, &details)).map_err(failed("write"))?;
    store.append(MODEL_VERSIONS, vec![row]).await?;
    match (kept.config.promotion, newest) {
        (Promotion::Automatic, Some(_)) => decide(store, RoleDecision::Promoted(version), kept.now).await,
        // The first is live undecided.
        (Promotion::Automatic, None) | (Promotion::Manual, _) => Ok(()),
    }
}

fn details_of(kept: &Kept<'_>) -> DetailsForm {
    let personas = kept.found.personas.iter().map(|persona| PersonaForm {
        id: persona.id.to_string(),
        name: persona.name.clone(),
        n_profiles: persona.n_profiles,
    });
    DetailsForm {
        seed: kept.sought.seed,
        currency: kept.config.currency.map(|currency| currency.to_string()),
        time_zone: kept.config.calendar.name().to_owned(),
        session_gap_minutes: kept.config.session_gap_minutes.get(),
        personas: personas.collect(),
        journeys: kept.journeys.as_ref().map(JourneyFeaturesForm::of),
    }
}

/// Returns the definitions of the features that a model reads, in its order.
pub(crate) fn definitions_of(model: &Model, catalogue: &[FeatureDefinition]) -> Vec<FeatureDefinition> {
    let of = |name: &str| catalogue.iter().find(|definition| definition.name == name).cloned();
    model.columns.iter().filter_map(|column| of(&column.feature)).collect()
}

fn row(
    version: ModelVersion,
    kept: &Kept<'_>,
    (state, catalogue, details): (&[u8], &str, &DetailsForm),
) -> Result<RecordBatch, ArrowError> {
    let details = serde_json::to_string(details).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let names: Vec<String> =
        kept.found.personas.iter().map(|persona| format!("{} {}", persona.id, persona.name)).collect();
    let day: ArrayRef = Arc::new(Date32Array::from(vec![kept.sought.as_of.0]));
    let state: ArrayRef = Arc::new(BinaryArray::from_vec(vec![state]));
    batch(vec![
        ("format", integers([Some(FORMAT)])),
        ("version", counts([version.0])),
        ("made_at", instants([kept.now.map(|now| now.0)])),
        ("as_of", day),
        ("n_profiles", counts([kept.sought.n_profiles])),
        ("method", texts([Some(kept.method.as_str())])),
        ("personas", texts([Some(names.join("; "))])),
        ("details", texts([Some(details)])),
        ("catalogue", texts([Some(catalogue)])),
        ("state", state),
    ])
}

/// A row of the table.
struct Stored {
    version: ModelVersion,
    made_at: Option<Instant>,
    as_of: Day,
    n_profiles: u64,
    method: Method,
    details: DetailsForm,
    catalogue: String,
    state: Vec<u8>,
}

/// Reads the rows that a clause of SQL picks; nothing where no model was ever kept.
async fn read(context: &SessionContext, clause: &str) -> Result<Vec<Stored>, EngineError> {
    if !context.table_exist(MODEL_VERSIONS).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT *, CAST(made_at AS BIGINT) AS made_us, CAST(as_of AS INT) AS as_of_day FROM model_versions {clause}"
    );
    let batch = collect(context, &query).await?;
    let rows = Rows(&batch);
    let whole = |name: &str| rows.counts(name).map_err(failed("read"));
    let words = |name: &str| rows.words(name).map_err(failed("read"));
    let (versions, n_profiles, methods) = (whole("version")?, whole("n_profiles")?, words("method")?);
    let (details, catalogues) = (words("details")?, words("catalogue")?);
    let made_at = rows.integers("made_us").map_err(failed("read"))?;
    let days = rows.integers("as_of_day").map_err(failed("read"))?;
    let formats = rows.integers("format").map_err(failed("read"))?;
    let states = batch.column_by_name("state").map(|states| arrow::compute::cast(states, &DataType::Binary));
    let states = states.ok_or_else(|| failed("read")("the table has no column state"))?.map_err(failed("read"))?;
    let states = states.as_binary::<i32>();
    let mut stored = Vec::with_capacity(versions.len());
    for (row, version) in versions.iter().enumerate() {
        if formats[row] != Some(FORMAT) {
            let what = format!("m{version} was written by another version of throng");
            return Err(EngineError::Missing { what, todo: "run `throng discover` again".to_owned() });
        }
        stored.push(Stored {
            version: ModelVersion(*version),
            made_at: made_at[row].map(Instant),
            as_of: Day(days[row].and_then(|day| i32::try_from(day).ok()).unwrap_or(0)),
            n_profiles: n_profiles[row],
            method: Method::parse(&methods[row])?,
            details: serde_json::from_str(&details[row]).map_err(failed("read"))?,
            catalogue: catalogues[row].clone(),
            state: if states.is_valid(row) { states.value(row).to_vec() } else { Vec::new() },
        });
    }
    Ok(stored)
}

impl Stored {
    fn entry(&self, role: Option<ModelRole>) -> Result<ModelEntry, EngineError> {
        let persona = |form: &PersonaForm| {
            Ok(ModelPersona { id: form.id.parse()?, name: form.name.clone(), n_profiles: form.n_profiles })
        };
        Ok(ModelEntry {
            version: self.version,
            made_at: self.made_at,
            as_of: self.as_of,
            seed: self.details.seed,
            n_profiles: self.n_profiles,
            method: self.method,
            personas: self.details.personas.iter().map(persona).collect::<Result<_, EngineError>>()?,
            role,
        })
    }

    fn fitted(self, role: Option<ModelRole>) -> Result<FittedModel, EngineError> {
        let entry = self.entry(role)?;
        let model = Model::from_state(&self.state).map_err(failed("read"))?;
        let features = Config::features_from_toml(&self.catalogue).map_err(failed("read"))?;
        let read: Vec<&str> = model.columns.iter().map(|column| column.feature.as_str()).collect();
        let given: Vec<&str> = features.iter().map(|definition| definition.name.as_str()).collect();
        let named: Vec<&PersonaId> = entry.personas.iter().map(|persona| &persona.id).collect();
        if read != given || named != model.personas.iter().collect::<Vec<_>>() {
            return Err(failed("read")(format!("{} and what is kept beside it do not go together", self.version)));
        }
        let currency = self.details.currency.as_deref().map(str::parse).transpose();
        let journeys = self.details.journeys.as_ref().map(|form| form.features(&features)).transpose()?;
        Ok(FittedModel {
            model: Arc::new(model),
            features,
            currency: currency.map_err(|()| failed("read")("the currency is no three-letter code"))?,
            calendar: Calendar::new(&self.details.time_zone)?,
            session_gap_minutes: self.details.session_gap_minutes,
            journeys,
            entry,
        })
    }
}

/// Appends a decision about roles.
async fn decide(store: &Store, decision: RoleDecision, now: Option<Instant>) -> Result<(), EngineError> {
    let context = session(store, 1).await?;
    let position = u64::try_from(read_decisions(&context).await?.len()).unwrap_or(u64::MAX);
    let (word, version) = decision.parts();
    let row = batch(vec![
        ("format", integers([Some(FORMAT)])),
        ("position", counts([position])),
        ("decision", texts([Some(word)])),
        ("version", integers([version.and_then(|version| i64::try_from(version.0).ok())])),
        ("decided_at", instants([now.map(|now| now.0)])),
    ]);
    let row = row.map_err(|error| EngineError::table("write", MODEL_ROLES, error))?;
    store.append(MODEL_ROLES, vec![row]).await
}

async fn read_decisions(context: &SessionContext) -> Result<Vec<RoleDecision>, EngineError> {
    if !context.table_exist(MODEL_ROLES).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let batch = collect(context, "SELECT decision, version FROM model_roles ORDER BY position").await?;
    let read = |error| EngineError::table("read", MODEL_ROLES, error);
    let words = Rows(&batch).words("decision").map_err(read)?;
    let versions = Rows(&batch).integers("version").map_err(read)?;
    let mut decisions = Vec::with_capacity(words.len());
    for (word, version) in words.iter().zip(versions) {
        let version = version.and_then(|version| u64::try_from(version).ok()).map(ModelVersion);
        let decision = RoleDecision::from_parts(word, version);
        let unknown = || EngineError::table("read", MODEL_ROLES, format!("{word:?} is no decision about roles"));
        decisions.push(decision.ok_or_else(unknown)?);
    }
    Ok(decisions)
}

/// Returns the roles; an error where no model was ever kept.
async fn read_roles(context: &SessionContext) -> Result<Roles, EngineError> {
    let first = first_version(context).await?.ok_or_else(|| EngineError::Missing {
        what: "there is no model yet".to_owned(),
        todo: "run `throng discover`; it keeps one when it finds personas".to_owned(),
    })?;
    Ok(Roles::after(first, &read_decisions(context).await?))
}

/// Returns the model that is live undecided.
async fn first_version(context: &SessionContext) -> Result<Option<ModelVersion>, EngineError> {
    if !context.table_exist(MODEL_VERSIONS).unwrap_or(false) {
        return Ok(None);
    }
    let rows = collect(context, "SELECT version FROM model_versions ORDER BY version LIMIT 1").await?;
    Ok(Rows(&rows).counts("version").map_err(failed("read"))?.first().copied().map(ModelVersion))
}

impl Engine {
    /// Returns all models that were kept, the oldest first; none before a discovery found personas.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn models(&self) -> Result<Vec<ModelEntry>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            let stored = read(&context, "ORDER BY version").await?;
            let Some(first) = stored.first() else { return Ok(Vec::new()) };
            let roles = Roles::after(first.version, &read_decisions(&context).await?);
            stored.iter().map(|stored| stored.entry(roles.of(stored.version))).collect()
        })
    }

    /// Returns a model, or the live one.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where there is none, [`EngineError::Persona`] for a damaged one.
    pub fn model(&self, version: Option<ModelVersion>) -> Result<FittedModel, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            read_model(&context, version).await
        })
    }

    /// Returns the models that are or were live or the shadow, the oldest first.
    pub(crate) fn used_models(&self) -> Result<Vec<FittedModel>, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            let decisions = read_decisions(&context).await?;
            let Some(first) = first_version(&context).await? else { return Ok(Vec::new()) };
            let roles = Roles::after(first, &decisions);
            let named = decisions.iter().filter_map(|decision| decision.parts().1);
            let used: BTreeSet<u64> = named.chain([first]).map(|version| version.0).collect();
            let used: Vec<String> = used.iter().map(u64::to_string).collect();
            let stored = read(&context, &format!("WHERE version IN ({}) ORDER BY version", used.join(", "))).await?;
            stored
                .into_iter()
                .map(|stored| {
                    let role = roles.of(stored.version);
                    stored.fitted(role)
                })
                .collect()
        })
    }

    /// Makes a model the live one.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where there is no such model or it is live already; as [`Self::model`] for
    /// one that cannot be read.
    pub fn promote_model(&mut self, version: ModelVersion, now: Option<Instant>) -> Result<(), EngineError> {
        self.decided(Some(version), now, |roles| roles.promote(version)).map(|_| ())
    }

    /// Makes the model live again that was so before, and returns it.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where none was.
    pub fn roll_back_model(&mut self, now: Option<Instant>) -> Result<ModelVersion, EngineError> {
        let roles = self.decided(None, now, Roles::roll_back)?;
        Ok(roles.live())
    }

    /// Has a model, or none, score beside the live one.
    ///
    /// # Errors
    /// As [`Self::promote_model`].
    pub fn shadow_model(&mut self, version: Option<ModelVersion>, now: Option<Instant>) -> Result<(), EngineError> {
        self.decided(version, now, |roles| roles.shadow(version)).map(|_| ())
    }

    /// Appends what is decided about a model, which must be there and whole, and returns the roles then.
    fn decided(
        &self,
        named: Option<ModelVersion>,
        now: Option<Instant>,
        decision: impl Fn(&Roles) -> Result<RoleDecision, EngineError>,
    ) -> Result<Roles, EngineError> {
        let _lock = self.home.lock()?;
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            let decision = decision(&read_roles(&context).await?)?;
            let (_, version) = decision.parts();
            if let Some(version) = named.or(version) {
                read_model(&context, Some(version)).await?;
            }
            decide(&self.store, decision, now).await?;
            read_roles(&session(&self.store, self.threads.get()).await?).await
        })
    }
}

/// Reads the model of the newest discovery that found personas, whichever is live.
pub(crate) async fn read_newest_model(context: &SessionContext) -> Result<FittedModel, EngineError> {
    let stored = read(context, "ORDER BY version DESC LIMIT 1").await?.into_iter().next();
    let stored = stored.ok_or_else(|| EngineError::Missing {
        what: "no model of personas has been kept yet".to_owned(),
        todo: "run `throng discover`".to_owned(),
    })?;
    let role = read_roles(context).await?.of(stored.version);
    stored.fitted(role)
}

/// Reads a model by its version, or the live one.
pub(crate) async fn read_model(
    context: &SessionContext,
    version: Option<ModelVersion>,
) -> Result<FittedModel, EngineError> {
    let roles = read_roles(context).await?;
    let version = version.unwrap_or(roles.live());
    let stored = read(context, &format!("WHERE version = {}", version.0)).await?;
    let stored = stored.into_iter().next().ok_or_else(|| EngineError::Missing {
        what: format!("there is no model {version}"),
        todo: "see `throng model list`".to_owned(),
    })?;
    stored.fitted(roles.of(version))
}

#[cfg(test)]
impl Engine {
    /// Writes all models again as they were written before features of journeys were kept with them.
    pub(crate) fn forget_journeys_of_models(&self) {
        self.runtime.block_on(async {
            let context = session(&self.store, 1).await.unwrap();
            let rows = collect(&context, "SELECT * FROM model_versions").await.unwrap();
            let details = rows.schema().index_of("details").unwrap();
            let older = Rows(&rows).words("details").unwrap().into_iter().map(|text| {
                let mut form: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(form.as_object_mut().unwrap().remove("journeys").is_some());
                form.to_string()
            });
            let older: Vec<String> = older.collect();
            let mut columns = rows.columns().to_vec();
            columns[details] = texts(older.iter().map(|text| Some(text.as_str())));
            let rows = arrow::compute::cast(&columns[details], rows.column(details).data_type())
                .map(|column| {
                    columns[details] = column;
                    RecordBatch::try_new(rows.schema(), columns).unwrap()
                })
                .unwrap();
            self.store.replace(MODEL_VERSIONS, vec![rows]).await.unwrap();
        });
    }
}
