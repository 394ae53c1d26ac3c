//! How reliable memberships are, and what discovery needs to know for it: how long customers have been
//! known, and how they looked on earlier days. The fold computes features as of any day, so an earlier
//! look costs one more pass over the events.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};
use throng_event::{AsOf, Day, Instant};
use throng_learn::Interval;
use throng_persona::{
    COMPLETE_HISTORY_DAYS, Diagram, DiagramBin, Discovery, Histories, Lookback, Outcome, Population, Reliability,
    Verdict,
};

use crate::context::collect;
use crate::engine::{Engine, View};
use crate::error::EngineError;
use crate::lookback;
use crate::population::population_of;
use crate::rows::{Rows, batch, integers, texts};
use crate::store::Store;
use crate::tables::{EVENTS, FEATURES, RELIABILITY};

/// How many days ago customers are looked at: a month, by which memberships are held against what came;
/// a quarter, for a customer who was new then has a complete history now; and half a year, for more
/// of these.
const LOOKS_DAYS_AGO: [i32; 3] = [30, lookback::N_DAYS, 180];

/// Customers looked at on an earlier day at most, of short and of complete history each: an ensemble is
/// fitted to no more, and a diagram of a third as many has intervals of a hundredth.
const N_LOOKED_AT_MAX: usize = 20_000;

impl Engine {
    /// Returns how reliable memberships are, as the newest discovery found; `None` where it found no
    /// personas, or where the history is too short to look back.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nothing was discovered yet, or by a version that did not look.
    pub fn reliability(&self) -> Result<Option<Reliability>, EngineError> {
        self.runtime.block_on(async {
            let context = crate::context::session(&self.store, self.threads.get()).await?;
            if !context.table_exist(RELIABILITY).unwrap_or(false) {
                return Err(EngineError::Missing {
                    what: "how reliable memberships are has not been looked at".to_owned(),
                    todo: "run `throng discover`".to_owned(),
                });
            }
            read(&context).await
        })
    }

    /// Looks back: how long everybody has been known, how some looked on earlier days, and what came of
    /// how all looked on one of them, each day's features computed once.
    pub(crate) async fn histories(
        &self,
        view: &View,
        population: &Population,
    ) -> Result<(Histories, Option<Lookback>), EngineError> {
        let first = self.first_days(view, population.as_of).await?;
        let days = |day: Day| -> BTreeMap<&str, u32> {
            first.iter().map(|(id, first)| (id.as_str(), u32::try_from(day.0 - first.0).unwrap_or(0))).collect()
        };
        let today = days(population.as_of.day);
        let since_first = |id: &str| today.get(id).copied().unwrap_or(0);
        let own = population.profiles.iter().map(|profile| since_first(profile.as_str())).collect();
        let longest = today.values().copied().max().unwrap_or(0);
        let (mut earlier, mut lookback) = (Vec::new(), None);
        for (look_idx, days_ago) in LOOKS_DAYS_AGO.into_iter().enumerate() {
            if longest < days_ago.unsigned_abs() {
                continue;
            }
            let as_of = self.calendar().as_of(Day(population.as_of.day.0 - days_ago));
            let then = days(as_of.day);
            let failed = |error: ArrowError| EngineError::table("compute", FEATURES, error);
            let features = self.feature_rows(view, as_of).await?;
            if days_ago == lookback::N_DAYS {
                lookback = self.lookback_on(view, (as_of, population.as_of), &features).await?;
            }
            let ids = Rows(&features).words("profile_id").map_err(failed)?;
            let days_then = |id: &str| then.get(id).copied().unwrap_or(0);
            let complete = |id: &str| look_idx == 0 && days_then(id) >= COMPLETE_HISTORY_DAYS;
            // Whom they count for is known once their history is complete.
            let short = |id: &str| days_then(id) < COMPLETE_HISTORY_DAYS && since_first(id) >= COMPLETE_HISTORY_DAYS;
            let looked_at = [some(&ids, complete), some(&ids, short)].concat();
            let rows = UInt64Array::from_iter_values(looked_at.into_iter().collect::<BTreeSet<u64>>());
            let features = take_record_batch(&features, &rows).map_err(failed)?;
            let mut look = population_of(&features, &self.home.config().features, as_of).map_err(failed)?;
            let days = look.profiles.iter().map(|profile| days_then(profile.as_str())).collect();
            look.histories = Some(Histories { days, earlier: Vec::new() });
            earlier.push(look);
        }
        Ok((Histories { days: own, earlier }, lookback))
    }

    /// Returns the local day of everybody's first event.
    pub(crate) async fn first_days(&self, view: &View, as_of: AsOf) -> Result<BTreeMap<String, Day>, EngineError> {
        let query = format!(
            "SELECT profile_of(user_id, anonymous_id) AS profile_id, CAST(min(occurred_at) AS BIGINT) AS first_at \
             FROM events WHERE occurred_at < {} GROUP BY 1 HAVING profile_id IS NOT NULL ORDER BY 1",
            crate::derive::timestamp_literal(as_of.end)
        );
        let rows = collect(&view.context, &query).await?;
        let rows = Rows(&rows);
        let failed = |error| EngineError::table("read", EVENTS, error);
        let ids = rows.words("profile_id").map_err(failed)?;
        let first = rows.integers("first_at").map_err(failed)?;
        let days = first.into_iter().map(|us| self.calendar().local(Instant(us.unwrap_or(0))).0);
        Ok(ids.into_iter().zip(days).collect())
    }
}

/// Returns the positions of those who are `wanted`, at most so many, drawn by the hash of the id.
fn some(ids: &[String], wanted: impl Fn(&str) -> bool) -> Vec<u64> {
    let mut found: Vec<(u64, &String)> = (0..).zip(ids).filter(|(_, id)| wanted(id)).collect();
    if found.len() > N_LOOKED_AT_MAX {
        found.sort_by_cached_key(|(_, id)| *blake3::hash(id.as_bytes()).as_bytes());
        found.truncate(N_LOOKED_AT_MAX);
    }
    found.into_iter().map(|(position, _)| position).collect()
}

/// Writes how reliable the memberships of a discovery are.
pub(crate) async fn write(store: &Store, discovery: &Discovery, as_of: Day) -> Result<(), EngineError> {
    let reliability = match &discovery.outcome {
        Outcome::Found(found) => found.model.partial.as_ref().map(|partial| &partial.reliability),
        Outcome::Refused(_) => None,
    };
    let rows = row(reliability, as_of).map_err(|error| EngineError::table("write", RELIABILITY, error))?;
    store.replace(RELIABILITY, vec![rows]).await
}

fn row(reliability: Option<&Reliability>, as_of: Day) -> Result<RecordBatch, ArrowError> {
    let json = |form: ReliabilityForm| {
        serde_json::to_string(&form).map_err(|error| ArrowError::ExternalError(Box::new(error)))
    };
    let details = reliability.map(ReliabilityForm::of).map(json).transpose()?;
    batch(vec![
        ("format", integers([Some(1)])),
        ("as_of", texts([Some(as_of.to_string())])),
        ("verdict", texts([reliability.map(|reliability| reliability.verdict.sentence())])),
        ("details", texts([details])),
    ])
}

async fn read(context: &SessionContext) -> Result<Option<Reliability>, EngineError> {
    let rows = collect(context, "SELECT details FROM reliability").await?;
    let details = Rows(&rows).texts("details").map_err(|error| EngineError::table("read", RELIABILITY, error))?;
    let Some(text) = details.into_iter().flatten().next() else { return Ok(None) };
    let form: ReliabilityForm =
        serde_json::from_str(&text).map_err(|error| EngineError::table("read", RELIABILITY, error))?;
    Ok(Some(form.reliability()))
}

/// The stored form of a reliability; version 1.
#[derive(Serialize, Deserialize)]
struct ReliabilityForm {
    n_days_ago: Vec<u32>,
    today: Option<DiagramForm>,
    complete: Option<DiagramForm>,
    early_mixture: Option<DiagramForm>,
    early_hybrid: Option<DiagramForm>,
    verdict: VerdictForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerdictForm {
    TooFew { n_fitted: usize, n_judged: usize },
    Mixture { gain: [f64; 3] },
    Hybrid { gain: [f64; 3], weights: [f64; 3] },
}

#[derive(Serialize, Deserialize)]
struct DiagramForm {
    bins: Vec<BinForm>,
    expected_error: f64,
    log_loss: f64,
    accuracy: [f64; 3],
    accuracy_of_largest: f64,
    n_sure: u64,
    accuracy_of_sure: f64,
    agreement: Vec<BinForm>,
    n_profiles: u64,
}

#[derive(Serialize, Deserialize)]
struct BinForm {
    low: f64,
    high: f64,
    said: f64,
    observed: [f64; 3],
    n_profiles: u64,
}

fn numbers_of(interval: Interval) -> [f64; 3] {
    [interval.estimate, interval.low, interval.high]
}

fn interval([estimate, low, high]: [f64; 3]) -> Interval {
    Interval { estimate, low, high }
}

impl ReliabilityForm {
    fn of(reliability: &Reliability) -> Self {
        Self {
            n_days_ago: reliability.n_days_ago.clone(),
            today: reliability.today.as_ref().map(DiagramForm::of),
            complete: reliability.complete.as_ref().map(DiagramForm::of),
            early_mixture: reliability.early_mixture.as_ref().map(DiagramForm::of),
            early_hybrid: reliability.early_hybrid.as_ref().map(DiagramForm::of),
            verdict: match reliability.verdict {
                Verdict::TooFew { n_fitted, n_judged } => VerdictForm::TooFew { n_fitted, n_judged },
                Verdict::Mixture { gain } => VerdictForm::Mixture { gain: numbers_of(gain) },
                Verdict::Hybrid { gain, weights } => VerdictForm::Hybrid { gain: numbers_of(gain), weights },
            },
        }
    }

    fn reliability(self) -> Reliability {
        Reliability {
            n_days_ago: self.n_days_ago,
            today: self.today.map(DiagramForm::diagram),
            complete: self.complete.map(DiagramForm::diagram),
            early_mixture: self.early_mixture.map(DiagramForm::diagram),
            early_hybrid: self.early_hybrid.map(DiagramForm::diagram),
            verdict: match self.verdict {
                VerdictForm::TooFew { n_fitted, n_judged } => Verdict::TooFew { n_fitted, n_judged },
                VerdictForm::Mixture { gain } => Verdict::Mixture { gain: interval(gain) },
                VerdictForm::Hybrid { gain, weights } => Verdict::Hybrid { gain: interval(gain), weights },
            },
        }
    }
}

impl DiagramForm {
    fn of(diagram: &Diagram) -> Self {
        Self {
            bins: diagram.bins.iter().map(BinForm::of).collect(),
            expected_error: diagram.expected_error,
            log_loss: diagram.log_loss,
            accuracy: numbers_of(diagram.accuracy),
            accuracy_of_largest: diagram.accuracy_of_largest,
            n_sure: diagram.n_sure,
            accuracy_of_sure: diagram.accuracy_of_sure,
            agreement: diagram.agreement.iter().map(BinForm::of).collect(),
            n_profiles: diagram.n_profiles,
        }
    }

    fn diagram(self) -> Diagram {
        Diagram {
            bins: self.bins.into_iter().map(BinForm::bin).collect(),
            expected_error: self.expected_error,
            log_loss: self.log_loss,
            accuracy: interval(self.accuracy),
            accuracy_of_largest: self.accuracy_of_largest,
            n_sure: self.n_sure,
            accuracy_of_sure: self.accuracy_of_sure,
            agreement: self.agreement.into_iter().map(BinForm::bin).collect(),
            n_profiles: self.n_profiles,
        }
    }
}

impl BinForm {
    fn of(bin: &DiagramBin) -> Self {
        let (low, high, said, observed) = (bin.low, bin.high, bin.said, numbers_of(bin.observed));
        Self { low, high, said, observed, n_profiles: bin.n_profiles }
    }

    fn bin(self) -> DiagramBin {
        let (low, high, said, observed) = (self.low, self.high, self.said, interval(self.observed));
        DiagramBin { low, high, said, observed, n_profiles: self.n_profiles }
    }
}
