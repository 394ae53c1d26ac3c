//! The engine: one home, one writer, everything a command can ask for.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, RecordBatch};
use datafusion::prelude::SessionContext;
use throng_event::{AsOf, Calendar, Currency, Day, Instant};
use throng_feature::{FeatureDefinition, propose};
use throng_persona::{Continuum, DiscoveryParams, History, Method, PersonaCount};
use throng_profile::ProfileId;
use tokio::runtime::Runtime;

use crate::accounts::write_accounts;
use crate::audit::{Audit, AuditSubject, audit};
use crate::book::{PersonaBook, read_book};
use crate::context::{collect, first_rows, session};
use crate::derive::{profile_of, timestamp_literal, write_people};
use crate::discover::discover;
use crate::error::EngineError;
use crate::features::{FeatureRun, dated};
use crate::history::{Rediscovery, read_history};
use crate::home::Home;
use crate::identity::find;
use crate::import::{
    ImportReport, ImportRequest, Progress, Quarantine, Readmission, ReadmitRequest, import, quarantine, readmit,
};
use crate::journeys::JourneyBook;
use crate::people::{People, times};
use crate::population::PROFILES_DRAWN_MAX;
use crate::rows::Rows;
use crate::store::Store;
use crate::tables::{EVENTS, FEATURES};
use crate::verify::{Subject, VerifyReport, verify};
use crate::vocabulary::read_vocabulary;

/// A home being worked on. Methods block; queries use `threads` threads.
#[derive(Debug)]
pub struct Engine {
    pub(crate) home: Home,
    pub(crate) store: Store,
    pub(crate) threads: NonZeroUsize,
    pub(crate) runtime: Runtime,
    /// [`PROFILES_DRAWN_MAX`], fewer in tests.
    pub(crate) n_drawn_max: usize,
}

/// What to discover, where it differs from the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiscoverRequest {
    /// The day whose end the numbers are taken at; the day of the last event when absent.
    pub as_of: Option<Day>,
    /// How many personas; as configured when absent.
    pub personas: Option<PersonaCount>,
    /// The seed; as configured when absent.
    pub seed: Option<u64>,
    /// What is done with a continuum; as configured when absent.
    pub continuum: Option<Continuum>,
    /// By which method customers are divided; as configured when absent.
    pub method: Option<Method>,
    /// When this is, to be kept with the model; the engine has no clock.
    pub now: Option<Instant>,
}

/// What the data suggests for the configuration.
#[derive(Debug, Clone)]
pub struct CatalogueProposal {
    /// The features, with descriptions.
    pub features: Vec<FeatureDefinition>,
    /// The currency of most amounts.
    pub currency: Option<Currency>,
    /// The steps of a funnel, when the data has a usual one.
    pub funnel: Vec<String>,
}

/// How much of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Admitted events.
    pub n_events: u64,
    /// Profiles they belong to.
    pub n_profiles: u64,
    /// Sources they come from.
    pub n_sources: u64,
    /// The local days of the first and the last event.
    pub span: Option<(Day, Day)>,
}

/// What one query or command sees: a snapshot of the tables and who is who.
pub(crate) struct View {
    pub(crate) context: SessionContext,
    pub(crate) people: Arc<People>,
    /// The touchpoints of everybody at all times, once a feature has asked for them.
    pub(crate) touchpoints: OnceLock<JourneyBook>,
}

impl Engine {
    /// Opens the tables of a home.
    ///
    /// # Errors
    /// [`EngineError::Configuration`] or [`EngineError::Io`] when the lake cannot be reached.
    pub fn new(home: Home, threads: NonZeroUsize) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build();
        let runtime = runtime.map_err(|source| EngineError::io("start threads for", home.root(), source))?;
        let store = home.store()?;
        Ok(Self { home, store, threads, runtime, n_drawn_max: PROFILES_DRAWN_MAX })
    }

    /// Returns the home.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Replaces the configuration's text, see [`Home::set_config`].
    ///
    /// # Errors
    /// As [`Home::set_config`].
    pub fn set_config(&mut self, text: &str) -> Result<(), EngineError> {
        self.home.set_config(text)
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.home.config().calendar
    }

    /// Imports a file or folder. Importing the same again changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Import`] when the file cannot be read; what was committed before
    /// stays, and importing again takes the rest.
    pub fn import(
        &mut self,
        request: &ImportRequest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ImportReport, EngineError> {
        let _lock = self.home.lock()?;
        import(&self.home, &self.store, &self.runtime, request, progress)
    }

    /// Counts the rows in quarantine, those of a reason or all, and returns the first `limit`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn quarantine(&self, reason: Option<&str>, limit: usize) -> Result<Quarantine, EngineError> {
        let personal = self.home.personal_data()?;
        self.runtime.block_on(quarantine(&self.store, &personal, reason, limit))
    }

    /// Reads quarantined rows again; those that are events now leave quarantine.
    ///
    /// # Errors
    /// As [`Self::import`]; the quarantine is as it was then, and doing it again takes the rest.
    pub fn readmit(&mut self, request: &ReadmitRequest) -> Result<Readmission, EngineError> {
        let _lock = self.home.lock()?;
        readmit(&self.home, &self.store, &self.runtime, request)
    }

    /// Runs a query over all tables; `profile_of(user_id, anonymous_id)` is available.
    ///
    /// # Errors
    /// [`EngineError::Query`] with what is wrong in it.
    pub fn query(&self, sql: &str) -> Result<RecordBatch, EngineError> {
        self.runtime.block_on(async {
            let context = self.query_context(sql).await?;
            collect(&context, sql).await
        })
    }

    /// Runs a query for somebody who may read and nothing else; returns the first of its rows.
    ///
    /// # Errors
    /// [`EngineError::Query`] with what is wrong in it, be it that it would change something.
    pub fn read_query(&self, sql: &str, n_rows_max: usize) -> Result<RecordBatch, EngineError> {
        self.runtime.block_on(async {
            let context = self.query_context(sql).await?;
            first_rows(&context, sql, n_rows_max).await
        })
    }

    async fn query_context(&self, sql: &str) -> Result<SessionContext, EngineError> {
        let context = session(&self.store, self.threads.get()).await?;
        if context.table_exist(EVENTS).unwrap_or(false) && sql.contains("profile_of") {
            let people = People::read(&context, &self.home.config().identity.rules).await?;
            context.register_udf(profile_of(Arc::new(people)));
        }
        Ok(context)
    }

    /// Writes a query's rows to a Parquet file and returns how many.
    ///
    /// # Errors
    /// [`EngineError::Query`] or [`EngineError::Io`].
    pub fn query_to_parquet(&self, sql: &str, path: &Path) -> Result<usize, EngineError> {
        let rows = self.query(sql)?;
        write_parquet(path, &rows)?;
        Ok(rows.num_rows())
    }

    pub(crate) async fn view(&self) -> Result<View, EngineError> {
        let context = session(&self.store, self.threads.get()).await?;
        if !context.table_exist(EVENTS).unwrap_or(false) {
            return Err(EngineError::Missing {
                what: format!("the home at {:?} has no events yet", self.home.root()),
                todo: "import some with `throng import`".to_owned(),
            });
        }
        let people = Arc::new(People::read(&context, &self.home.config().identity.rules).await?);
        context.register_udf(profile_of(Arc::clone(&people)));
        Ok(View { context, people, touchpoints: OnceLock::new() })
    }

    /// Returns how much there is; all zero for an empty home.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn summary(&self) -> Result<Summary, EngineError> {
        self.runtime.block_on(async {
            let view = match self.view().await {
                Ok(view) => view,
                Err(EngineError::Missing { .. }) => {
                    return Ok(Summary { n_events: 0, n_profiles: 0, n_sources: 0, span: None });
                }
                Err(error) => return Err(error),
            };
            let rows =
                collect(&view.context, "SELECT count(*) AS n_events, count(DISTINCT source) AS n_sources FROM events")
                    .await?;
            let count = |name: &str| {
                let counts = Rows(&rows).counts(name).map_err(|error| EngineError::table("read", EVENTS, error));
                counts.map(|counts| counts.first().copied().unwrap_or(0))
            };
            Ok(Summary {
                n_events: count("n_events")?,
                n_profiles: u64::try_from(view.people.n_profiles()).unwrap_or(u64::MAX),
                n_sources: count("n_sources")?,
                span: Some(self.span(&view).await?),
            })
        })
    }

    /// Returns the local days of the first and the last event.
    async fn span(&self, view: &View) -> Result<(Day, Day), EngineError> {
        let query = "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM events";
        let rows = collect(&view.context, query).await?;
        let day = |name: &str| {
            let times = times(&rows, name).map_err(|error| EngineError::table("read", EVENTS, error))?;
            Ok::<_, EngineError>(self.calendar().local(Instant(if times.is_valid(0) { times.value(0) } else { 0 })).0)
        };
        Ok((day("first")?, day("last")?))
    }

    pub(crate) async fn as_of(&self, view: &View, day: Option<Day>) -> Result<AsOf, EngineError> {
        let day = match day {
            Some(day) => day,
            None => self.span(view).await?.1,
        };
        Ok(self.calendar().as_of(day))
    }

    /// Looks at the data and proposes features, a currency and a funnel.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn propose_catalogue(&self) -> Result<CatalogueProposal, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let (first, last) = self.span(&view).await?;
            let span_days = u32::try_from(last.0 - first.0 + 1).unwrap_or(1);
            let mut vocabulary =
                read_vocabulary(&view.context, view.people.n_profiles(), span_days, self.calendar()).await?;
            vocabulary.journeys = self.journey_statistics(&view).await?;
            vocabulary.currency = self.home.config().currency.or(vocabulary.currency);
            let funnel = USUAL_FUNNEL
                .iter()
                .filter(|step| vocabulary.events.iter().any(|event| event.name == **step))
                .map(|step| (*step).to_owned());
            Ok(CatalogueProposal {
                features: propose(&vocabulary),
                currency: vocabulary.currency,
                funnel: funnel.collect(),
            })
        })
    }

    /// Computes the features of every profile: `profile_id`, `as_of`, one column each.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events or features.
    pub fn features(&self, as_of: Option<Day>) -> Result<RecordBatch, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let as_of = self.as_of(&view, as_of).await?;
            self.feature_rows(&view, as_of).await
        })
    }

    pub(crate) async fn feature_rows(&self, view: &View, as_of: AsOf) -> Result<RecordBatch, EngineError> {
        let config = self.home.config();
        let run = FeatureRun::new(&config.features, config.currency, &config.calendar, as_of)?;
        let folded = run.fold_lake(&view.context, &view.people, config.currency).await?;
        let folded = self.fill_journeys(view, folded, as_of).await?;
        let rows = dated(&folded, ("profile_id", &view.people.ids()), as_of);
        rows.map_err(|error| EngineError::table("compute", FEATURES, error))
    }

    /// Computes features, finds personas and writes all derived tables.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events or features. Finding no personas is no
    /// error, it is a refusal.
    pub fn discover(
        &mut self,
        request: &DiscoverRequest,
        step: &mut dyn FnMut(&str),
    ) -> Result<Rediscovery, EngineError> {
        let _lock = self.home.lock()?;
        let config = self.home.config();
        let params = DiscoveryParams {
            personas: request.personas.unwrap_or(config.personas),
            seed: request.seed.unwrap_or(config.seed),
            weights: config.weights,
            continuum: request.continuum.unwrap_or(config.continuum),
            method: request.method.unwrap_or(config.method),
        };
        let (view, as_of) = self.runtime.block_on(async {
            step("who is who");
            let view = self.view().await?;
            let as_of = self.as_of(&view, request.as_of).await?;
            write_people(&self.store, &view.context, &view.people, as_of, config.currency).await?;
            step("features");
            self.store.replace(FEATURES, vec![self.feature_rows(&view, as_of).await?]).await?;
            write_accounts(&self.store, &view, &self.home, as_of).await?;
            Ok::<_, EngineError>((view, as_of))
        })?;
        discover(self, &params, (&view, as_of), request.now, step)
    }

    /// Returns the newest discovery.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there was none yet.
    pub fn persona_book(&self) -> Result<PersonaBook, EngineError> {
        self.runtime.block_on(async {
            let context = session(&self.store, self.threads.get()).await?;
            read_book(&context).await?.ok_or_else(|| EngineError::Missing {
                what: "no personas have been looked for yet".to_owned(),
                todo: "run `throng discover`".to_owned(),
            })
        })
    }

    /// Returns every discovery of the home, the first one first.
    ///
    /// # Errors
    /// [`EngineError`] when the table cannot be read.
    pub fn persona_history(&self) -> Result<History, EngineError> {
        self.runtime.block_on(async { read_history(&session(&self.store, self.threads.get()).await?).await })
    }

    /// Recomputes what is stored and compares.
    ///
    /// # Errors
    /// When a table cannot be read; a difference is part of the report.
    pub fn verify(&self, step: &mut dyn FnMut(&str)) -> Result<VerifyReport, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let book = read_book(&view.context).await?;
            let as_of = self.as_of(&view, book.as_ref().map(|book| book.as_of)).await?;
            step("features, again from the events");
            let features = self.feature_rows(&view, as_of).await?;
            let subject = Subject {
                home: &self.home,
                context: &view.context,
                people: &view.people,
                as_of,
                book: book.as_ref(),
                features: &features,
            };
            verify(&subject, step).await
        })
    }

    /// Looks at everything in the lake and the quarantine: whether it can be trusted, and
    /// whether it is enough. Events after `now` have a wrong clock. Nothing is written.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there are no events.
    pub fn audit(&self, now: Instant, step: &mut dyn FnMut(&str)) -> Result<Audit, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let span = self.span(&view).await?;
            let subject = AuditSubject { home: &self.home, context: &view.context, people: &view.people, span, now };
            audit(&subject, step).await
        })
    }

    /// Returns the profile an identity or profile id belongs to, `u:42`, `42` or an e-mail address, and the
    /// newest of its events.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nobody has it.
    pub fn find_profile(&self, text: &str, n_events: usize) -> Result<(ProfileId, RecordBatch), EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let people = &view.people;
            let identity = find(text, people, &self.home.personal_data()?)?;
            let number = people.resolution.number_of(&identity);
            let id = number.map_or_else(|| ProfileId::of(&identity), |number| people.resolution.profile_id(number));
            let query = format!(
                "SELECT occurred_at, event, channel, amount_minor, currency, source, event_id FROM events \
                 WHERE profile_of(user_id, anonymous_id) = '{}' ORDER BY occurred_at DESC, event_key DESC LIMIT {n_events}",
                id.as_str().replace('\'', "''")
            );
            Ok((id, collect(&view.context, &query).await?))
        })
    }

    /// Returns an instant as SQL, for queries that pick a time.
    #[must_use]
    pub fn instant_sql(instant: Instant) -> String {
        timestamp_literal(instant)
    }
}

/// Names of the spec's e-commerce events in the order a purchase goes through them.
const USUAL_FUNNEL: [&str; 5] =
    ["Campaign Received", "Product Viewed", "Product Added", "Checkout Started", "Order Completed"];

/// Writes rows to a Parquet file, whole or not at all.
pub(crate) fn write_parquet(path: &Path, rows: &RecordBatch) -> Result<(), EngineError> {
    let beside = path.with_extension("parquet.new");
    let file = std::fs::File::create(&beside).map_err(|source| EngineError::io("write", path, source))?;
    let failed = |error: parquet::errors::ParquetError| EngineError::io("write", path, std::io::Error::other(error));
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, rows.schema(), None).map_err(failed)?;
    writer.write(rows).map_err(failed)?;
    writer.close().map_err(failed)?;
    std::fs::rename(&beside, path).map_err(|source| EngineError::io("write", path, source))
}
