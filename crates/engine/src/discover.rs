//! From the derived tables to personas: read, sought, described, and written.
//!
//! Up to [`PROFILES_DRAWN_MAX`](crate::population::PROFILES_DRAWN_MAX) customers are held in memory.
//! Of more, so many are drawn to look for personas among; then the centroids are refined among
//! everybody, every claim is counted on everybody, and everybody's memberships are computed while
//! they are written, each in passes over the `features` table. Personas are opened into the kinds
//! within them only where everybody is in memory.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use rayon::ThreadPool;
use throng_event::{AsOf, Instant};
use throng_persona::{
    Baseline, Discovery, DiscoveryParams, Division, Found, Map, Outcome, Population, Recount, Tally, open, settled,
};

use crate::book::{Sought, write_book};
use crate::context::session;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::history::{Past, Rediscovery};
use crate::k_means::settle;
use crate::map;
use crate::model_store::{Kept, definitions_of, keep};
use crate::population::{Drawn, n_profiles, read_population};
use crate::recount::Everybody;
use crate::reliability;
use crate::scoring::{Scoring, failed};
use crate::sub_kinds::write_sub_kinds;
use crate::tables::FEATURES;

/// Finds personas in the derived tables and writes them.
pub(crate) fn discover(
    engine: &Engine,
    params: &DiscoveryParams,
    (view, as_of): (&View, AsOf),
    now: Option<Instant>,
    step: &mut dyn FnMut(&str),
) -> Result<Rediscovery, EngineError> {
    step("personas");
    let subject = Subject::read(engine, view, as_of)?;
    let Subject { population, past, .. } = &subject;
    let (mut discovery, continuity) = subject.pool.install(|| past.discover(population, params))?;
    if subject.sought.n_drawn.is_some() {
        step("everybody");
        discovery = subject.settled(discovery)?;
    }
    let mut made = subject.pool.install(|| past.carry_over((discovery, continuity), population))?;
    let baseline = Baseline::of(population, &made.discovery)?;
    let everybody = match &mut made.discovery.outcome {
        Outcome::Found(found) if subject.sought.n_drawn.is_some() => Some(subject.counted(found)?),
        Outcome::Found(_) | Outcome::Refused(_) => None,
    };
    let opened = match &made.discovery.outcome {
        // The customers of a persona that was counted on everybody are not all in memory.
        Outcome::Found(found) if subject.sought.n_drawn.is_none() => {
            subject.pool.install(|| open(population, &found.memberships, params))?
        }
        Outcome::Found(_) | Outcome::Refused(_) => Vec::new(),
    };
    let map = match &made.discovery.outcome {
        Outcome::Found(found) => {
            let map = subject.pool.install(|| Map::of(&found.model, population))?;
            map.map(|map| (subject.scoring(found), (map, as_of.day)))
        }
        Outcome::Refused(_) => None,
    };
    let sought = Sought { seed: params.seed, ..subject.sought };
    let entry = past.entry(&made, sought)?;
    step("tables");
    engine.runtime.block_on(async {
        let memberships = match everybody {
            Some(scoring) => Some((&subject.context, scoring.memberships(&subject.context).await?)),
            None => None,
        };
        if let Outcome::Found(_) = made.discovery.outcome {
            write_sub_kinds(&engine.store, &opened).await?;
        }
        if let Some((scoring, map)) = map {
            map::write(&engine.store, &subject.context, scoring, map).await?;
        }
        reliability::write(&engine.store, &made.discovery, as_of.day).await?;
        write_book(&engine.store, &made.discovery, sought, memberships).await?;
        Past::write(&engine.store, baseline.as_ref(), entry.as_ref()).await?;
        // Last: a model is of personas that the history knows. Where it is missing, the same discovery made
        // again adds it.
        match &made.discovery.outcome {
            Outcome::Found(found) => {
                let (method, config) = (params.method, engine.home.config());
                let definitions = definitions_of(&found.model, &config.features);
                let journeys = engine.fit_journeys(view, &definitions, as_of).await?;
                keep(&engine.store, Kept { found, sought, method, now, config, journeys }).await
            }
            Outcome::Refused(_) => Ok(()),
        }
    })?;
    Ok(made)
}

/// What a discovery looks at.
struct Subject<'a> {
    engine: &'a Engine,
    context: SessionContext,
    pool: Arc<ThreadPool>,
    past: Past,
    population: Population,
    sought: Sought,
}

impl<'a> Subject<'a> {
    fn read(engine: &'a Engine, view: &View, as_of: AsOf) -> Result<Self, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(engine.threads.get()).build();
        let io = |error| EngineError::io("start threads for", engine.home.root(), std::io::Error::other(error));
        let pool = Arc::new(pool.map_err(io)?);
        let config = engine.home.config();
        engine.runtime.block_on(async {
            let context = session(&engine.store, engine.threads.get()).await?;
            let drawn = Drawn::of(&context, engine.n_drawn_max).await?;
            let mut population = read_population(&context, &config.features, (as_of, config.currency), drawn).await?;
            if drawn == Drawn::Everybody {
                let (histories, lookback) = engine.histories(view, &population).await?;
                population.histories = Some(histories);
                population.lookback = lookback.map(Arc::new);
            }
            let past = Past::read(&context, drawn).await?;
            let n_drawn = match drawn {
                Drawn::Everybody => None,
                Drawn::UpTo(_) => u64::try_from(population.profiles.len()).ok(),
            };
            let n_profiles = n_profiles(&context).await?;
            let sought = Sought { as_of: as_of.day, seed: config.seed, n_profiles, n_drawn };
            Ok(Self { engine, context, pool, past, population, sought })
        })
    }

    fn scoring(&self, found: &Found) -> Arc<Scoring> {
        let catalogue = &self.engine.home.config().features;
        Arc::new(Scoring::new(found.model.clone(), catalogue, self.population.as_of, Arc::clone(&self.pool)))
    }

    /// Returns a discovery among those drawn, its centroids refined among everybody.
    fn settled(&self, discovery: Discovery) -> Result<Discovery, EngineError> {
        let scoring = match &discovery.outcome {
            // Centroids say nothing of what another method divides by.
            Outcome::Found(found) if !matches!(found.model.division, Division::Method(_)) => self.scoring(found),
            Outcome::Found(_) | Outcome::Refused(_) => return Ok(discovery),
        };
        let runtime = &self.engine.runtime;
        let features = runtime.block_on(self.context.table(FEATURES)).map_err(failed)?;
        let Some(k_means) = settle(&scoring, &features, runtime)? else { return Ok(discovery) };
        Ok(self.pool.install(|| settled(discovery, &self.population, k_means))?)
    }

    /// Puts personas with the sizes and claims of everybody in the place of those of the drawn, and
    /// returns what gives everybody's memberships.
    fn counted(&self, found: &mut Found) -> Result<Arc<Scoring>, EngineError> {
        let scoring = self.scoring(found);
        let config = self.engine.home.config();
        let everybody = Everybody {
            context: &self.context,
            personas: &found.model.personas,
            definitions: &config.features,
            as_of: self.population.as_of,
            currency: config.currency,
        };
        let mut recount = Recount::new(&found.personas, &self.population);
        let measures = recount.measures();
        let mut take = |tally: &Tally| Ok(recount.take(tally)?);
        self.engine.runtime.block_on(async {
            let counted = Arc::clone(&scoring).counted(&self.context).await?;
            everybody.tally(counted, measures, &mut take).await
        })?;
        found.personas = recount.personas()?;
        Ok(scoring)
    }
}
