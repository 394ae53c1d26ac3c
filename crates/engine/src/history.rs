//! What became of the personas: the history, which is never changed, and the baseline that the next
//! discovery is held against.
//!
//! The history is ground state: an id that stands in it is given to no other persona. The
//! baseline is that of the last discovery that found any, and goes with the tables `personas` and
//! `memberships`, which stay when a later discovery refuses.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};
use throng_event::Day;
use throng_learn::QuantileBins;
use throng_persona::{
    Baseline, Basis, Continuity, Discovery, Distribution, Drift, DriftLevel, DriftParams, DriftSummary,
    FeatureBaseline, Flow, History, HistoryEntry, HistoryPersona, Lineage, LineageEvent, LineageKind, LineageParams,
    LineagePersona, Occasion, PersonaBaseline, PersonaError, PersonaId, Population, Previous, carry_over, discover,
    discover_again, with_fresh_ids,
};

use crate::book::{Sought, read_last_found};
use crate::context::collect;
use crate::error::EngineError;
use crate::population::Drawn;
use crate::rows::{Rows, batch, counts, integers, texts};
use crate::store::Store;
use crate::tables::{BASELINES, PERSONA_HISTORY};

/// A discovery, what became of the personas since the one before, and how far customers have moved.
#[derive(Debug, Clone)]
pub struct Rediscovery {
    /// What was found.
    pub discovery: Discovery,
    /// What became of the personas.
    pub lineage: Lineage,
    /// How far the customers have moved; `None` when there was nothing to compare with.
    pub drift: Option<Drift>,
}

/// What discoveries before this one left.
pub(crate) struct Past {
    history: History,
    previous: Option<Previous>,
}

impl Past {
    /// Reads the history, the baseline, and who of those drawn was in which persona.
    pub(crate) async fn read(context: &SessionContext, drawn: Drawn) -> Result<Past, EngineError> {
        let history = read_history(context).await?;
        let baseline = read_baseline(context).await?;
        let previous = match baseline {
            None => None,
            Some(baseline) => {
                let ids = baseline.personas.iter().map(|persona| persona.id.clone()).collect();
                let memberships = read_last_found(context, ids, drawn).await?;
                Some(Previous { baseline, memberships, ids_used: history.ids_used() })
            }
        };
        Ok(Past { history, previous })
    }

    /// Looks for personas, and for those of before among them.
    pub(crate) fn discover(
        &self,
        population: &Population,
        params: &throng_persona::DiscoveryParams,
    ) -> Result<(Discovery, Option<Continuity>), PersonaError> {
        match &self.previous {
            None => Ok((discover(population, params)?, None)),
            Some(previous) => discover_again(population, params, previous, &LineageParams::new()),
        }
    }

    /// Gives the personas of a discovery their ids and names, and says what became of those of before.
    pub(crate) fn carry_over(
        &self,
        (discovery, continuity): (Discovery, Option<Continuity>),
        population: &Population,
    ) -> Result<Rediscovery, PersonaError> {
        let Some(previous) = &self.previous else {
            let discovery = with_fresh_ids(discovery, &self.history.ids_used(), population)?;
            let lineage = Lineage::first(&discovery);
            return Ok(Rediscovery { discovery, lineage, drift: None });
        };
        let (discovery, lineage) = carry_over(discovery, previous, population, &LineageParams::new())?;
        let lineage = Lineage { continuity, ..lineage };
        let memberships = match &discovery.outcome {
            throng_persona::Outcome::Found(found) => Some(&found.memberships),
            throng_persona::Outcome::Refused(_) => None,
        };
        let drift = Drift::of(population, memberships, &previous.baseline, DriftParams::new())?;
        Ok(Rediscovery { discovery, lineage, drift: Some(drift) })
    }

    /// Returns the entry of a discovery; `None` when it says what the last one says. Nothing is written.
    pub(crate) fn entry(&self, made: &Rediscovery, sought: Sought) -> Result<Option<HistoryEntry>, EngineError> {
        let Sought { as_of, seed, n_profiles, .. } = sought;
        let occasion = Occasion { as_of, seed, n_profiles };
        let entry = self.history.entry(occasion, &made.discovery, &made.lineage, made.drift.as_ref());
        if self.repeats(&entry) {
            return Ok(None);
        }
        self.history.clone().push(entry.clone())?;
        Ok(Some(entry))
    }

    /// Writes the baseline of a discovery and its entry. The entry comes last: what is not in it yet
    /// is still known by the baseline.
    pub(crate) async fn write(
        store: &Store,
        baseline: Option<&Baseline>,
        entry: Option<&HistoryEntry>,
    ) -> Result<(), EngineError> {
        if let Some(baseline) = baseline {
            let rows = baseline_row(baseline).map_err(|error| EngineError::table("write", BASELINES, error))?;
            store.replace(BASELINES, vec![rows]).await?;
        }
        if let Some(entry) = entry {
            let rows = history_row(entry).map_err(|error| EngineError::table("write", PERSONA_HISTORY, error))?;
            store.append(PERSONA_HISTORY, vec![rows]).await?;
        }
        Ok(())
    }

    /// Whether an entry is that of the same discovery made again.
    fn repeats(&self, entry: &HistoryEntry) -> bool {
        let sizes = |entry: &HistoryEntry| -> Vec<(PersonaId, u64)> {
            entry.personas.iter().map(|persona| (persona.id.clone(), persona.n_profiles)).collect()
        };
        self.history.entries().last().is_some_and(|last| {
            (last.as_of, last.seed, last.n_profiles) == (entry.as_of, entry.seed, entry.n_profiles)
                && last.refusal == entry.refusal
                && sizes(last) == sizes(entry)
        })
    }
}

/// Returns all discoveries, the first one first.
pub(crate) async fn read_history(context: &SessionContext) -> Result<History, EngineError> {
    if !context.table_exist(PERSONA_HISTORY).unwrap_or(false) {
        return Ok(History::default());
    }
    let rows = collect(context, "SELECT details FROM persona_history ORDER BY version").await?;
    let details = Rows(&rows).words("details").map_err(|error| EngineError::table("read", PERSONA_HISTORY, error))?;
    let mut entries = Vec::with_capacity(details.len());
    for text in details {
        let form: EntryForm =
            serde_json::from_str(&text).map_err(|error| EngineError::table("read", PERSONA_HISTORY, error))?;
        entries.push(form.entry()?);
    }
    Ok(History::new(entries)?)
}

async fn read_baseline(context: &SessionContext) -> Result<Option<Baseline>, EngineError> {
    if !context.table_exist(BASELINES).unwrap_or(false) {
        return Ok(None);
    }
    let rows = collect(context, "SELECT details FROM baselines").await?;
    let details = Rows(&rows).words("details").map_err(|error| EngineError::table("read", BASELINES, error))?;
    let Some(text) = details.into_iter().next() else { return Ok(None) };
    let form: BaselineForm =
        serde_json::from_str(&text).map_err(|error| EngineError::table("read", BASELINES, error))?;
    Ok(Some(form.baseline()?))
}

fn json(form: &impl Serialize) -> Result<String, ArrowError> {
    serde_json::to_string(form).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

fn history_row(entry: &HistoryEntry) -> Result<arrow::array::RecordBatch, ArrowError> {
    let names: Vec<String> = entry.personas.iter().map(|persona| format!("{} {}", persona.id, persona.name)).collect();
    batch(vec![
        ("format", integers([Some(1)])),
        ("version", counts([entry.version])),
        ("as_of", texts([Some(entry.as_of.to_string())])),
        ("n_profiles", counts([entry.n_profiles])),
        ("personas", texts([Some(names.join("; "))])),
        ("summary", texts([Some(entry.sentence())])),
        ("details", texts([Some(json(&EntryForm::of(entry))?)])),
    ])
}

fn baseline_row(baseline: &Baseline) -> Result<arrow::array::RecordBatch, ArrowError> {
    batch(vec![
        ("format", integers([Some(1)])),
        ("as_of", texts([Some(baseline.as_of.to_string())])),
        ("n_profiles", counts([baseline.n_profiles])),
        ("details", texts([Some(json(&BaselineForm::of(baseline))?)])),
    ])
}

/// The stored form of an entry; version 1.
#[derive(Serialize, Deserialize)]
struct EntryForm {
    version: u64,
    as_of: i32,
    seed: u64,
    n_profiles: u64,
    personas: Vec<PersonaForm>,
    refusal: Option<String>,
    events: Vec<EventForm>,
    n_comparable: Option<u64>,
    stayed: Option<f64>,
    adjusted_rand: Option<f64>,
    drift: Option<DriftForm>,
}

#[derive(Serialize, Deserialize)]
struct PersonaForm {
    id: String,
    name: String,
    n_profiles: u64,
    share: f64,
    stability: f64,
    stayed: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct EventForm {
    kind: String,
    former: Vec<SideForm>,
    current: Vec<SideForm>,
    basis: String,
    jaccard: Option<f64>,
    moved: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct SideForm {
    id: String,
    name: String,
    share: f64,
    flows: Vec<(Option<String>, f64)>,
    unknown: f64,
}

#[derive(Serialize, Deserialize)]
struct DriftForm {
    level: String,
    n_features: u64,
    n_watch: u64,
    n_act: u64,
    mix_index: Option<f64>,
    most: Vec<(String, f64)>,
}

impl EntryForm {
    fn of(entry: &HistoryEntry) -> Self {
        let persona = |persona: &HistoryPersona| PersonaForm {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            n_profiles: persona.n_profiles,
            share: persona.share,
            stability: persona.stability,
            stayed: persona.stayed,
        };
        let drift = |drift: &DriftSummary| DriftForm {
            level: drift.level.as_str().to_owned(),
            n_features: drift.n_features,
            n_watch: drift.n_watch,
            n_act: drift.n_act,
            mix_index: drift.mix_index,
            most: drift.most.clone(),
        };
        Self {
            version: entry.version,
            as_of: entry.as_of.0,
            seed: entry.seed,
            n_profiles: entry.n_profiles,
            personas: entry.personas.iter().map(persona).collect(),
            refusal: entry.refusal.clone(),
            events: entry.events.iter().map(EventForm::of).collect(),
            n_comparable: entry.n_comparable,
            stayed: entry.stayed,
            adjusted_rand: entry.adjusted_rand,
            drift: entry.drift.as_ref().map(drift),
        }
    }

    fn entry(self) -> Result<HistoryEntry, PersonaError> {
        let persona = |form: PersonaForm| {
            Ok(HistoryPersona {
                id: form.id.parse()?,
                name: form.name,
                n_profiles: form.n_profiles,
                share: form.share,
                stability: form.stability,
                stayed: form.stayed,
            })
        };
        let drift = |form: DriftForm| {
            Ok::<_, PersonaError>(DriftSummary {
                level: DriftLevel::parse(&form.level)?,
                n_features: form.n_features,
                n_watch: form.n_watch,
                n_act: form.n_act,
                mix_index: form.mix_index,
                most: form.most,
            })
        };
        Ok(HistoryEntry {
            version: self.version,
            as_of: Day(self.as_of),
            seed: self.seed,
            n_profiles: self.n_profiles,
            personas: self.personas.into_iter().map(persona).collect::<Result<_, PersonaError>>()?,
            refusal: self.refusal,
            events: self.events.into_iter().map(EventForm::event).collect::<Result<_, _>>()?,
            n_comparable: self.n_comparable,
            stayed: self.stayed,
            adjusted_rand: self.adjusted_rand,
            drift: self.drift.map(drift).transpose()?,
        })
    }
}

impl EventForm {
    fn of(event: &LineageEvent) -> Self {
        let sides = |personas: &[LineagePersona]| personas.iter().map(SideForm::of).collect();
        Self {
            kind: event.kind.as_str().to_owned(),
            former: sides(&event.former),
            current: sides(&event.current),
            basis: event.basis.as_str().to_owned(),
            jaccard: event.jaccard,
            moved: event.moved,
        }
    }

    fn event(self) -> Result<LineageEvent, PersonaError> {
        let sides = |forms: Vec<SideForm>| forms.into_iter().map(SideForm::side).collect::<Result<_, _>>();
        Ok(LineageEvent {
            kind: LineageKind::parse(&self.kind)?,
            former: sides(self.former)?,
            current: sides(self.current)?,
            basis: Basis::parse(&self.basis)?,
            jaccard: self.jaccard,
            moved: self.moved,
        })
    }
}

impl SideForm {
    fn of(side: &LineagePersona) -> Self {
        let flow = |flow: &Flow| (flow.persona.as_ref().map(PersonaId::to_string), flow.share);
        Self {
            id: side.id.to_string(),
            name: side.name.clone(),
            share: side.share,
            flows: side.flows.iter().map(flow).collect(),
            unknown: side.unknown,
        }
    }

    fn side(self) -> Result<LineagePersona, PersonaError> {
        let flow = |(persona, share): (Option<String>, f64)| {
            Ok(Flow { persona: persona.map(|id| id.parse()).transpose()?, share })
        };
        Ok(LineagePersona {
            id: self.id.parse()?,
            name: self.name,
            share: self.share,
            flows: self.flows.into_iter().map(flow).collect::<Result<_, PersonaError>>()?,
            unknown: self.unknown,
        })
    }
}

/// A float by its bits: a cut that moved by one of them would count its own customers elsewhere.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct Bits(u64);

impl From<f64> for Bits {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl From<Bits> for f64 {
    fn from(bits: Bits) -> Self {
        f64::from_bits(bits.0)
    }
}

/// The stored form of a baseline; version 1.
#[derive(Serialize, Deserialize)]
struct BaselineForm {
    as_of: i32,
    n_profiles: u64,
    n_unassigned: u64,
    features: Vec<FeatureForm>,
    personas: Vec<CentroidForm>,
}

#[derive(Serialize, Deserialize)]
struct FeatureForm {
    name: String,
    phrase: String,
    vote: Bits,
    distribution: DistributionForm,
}

#[derive(Serialize, Deserialize)]
enum DistributionForm {
    Numbers { range: (Bits, Bits), cuts: Vec<Bits>, counts: Vec<u64> },
    Categories { values: Vec<(String, u64)>, n_other: u64, n_missing: u64 },
}

#[derive(Serialize, Deserialize)]
struct CentroidForm {
    id: String,
    name: String,
    n_profiles: u64,
    centroid: Vec<Bits>,
}

impl BaselineForm {
    fn of(baseline: &Baseline) -> Self {
        let feature = |feature: &FeatureBaseline| FeatureForm {
            name: feature.name.clone(),
            phrase: feature.phrase.clone(),
            vote: feature.vote.into(),
            distribution: match &feature.distribution {
                Distribution::Numbers(bins) => DistributionForm::Numbers {
                    range: (bins.range().0.into(), bins.range().1.into()),
                    cuts: bins.cuts().iter().copied().map(Bits::from).collect(),
                    counts: bins.counts().to_vec(),
                },
                Distribution::Categories { values, n_other, n_missing } => {
                    DistributionForm::Categories { values: values.clone(), n_other: *n_other, n_missing: *n_missing }
                }
            },
        };
        let persona = |persona: &PersonaBaseline| CentroidForm {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            n_profiles: persona.n_profiles,
            centroid: persona.centroid.iter().copied().map(Bits::from).collect(),
        };
        Self {
            as_of: baseline.as_of.0,
            n_profiles: baseline.n_profiles,
            n_unassigned: baseline.n_unassigned,
            features: baseline.features.iter().map(feature).collect(),
            personas: baseline.personas.iter().map(persona).collect(),
        }
    }

    fn baseline(self) -> Result<Baseline, EngineError> {
        let failed = |error| EngineError::table("read", BASELINES, error);
        let mut features = Vec::with_capacity(self.features.len());
        for form in self.features {
            let distribution = match form.distribution {
                DistributionForm::Numbers { range, cuts, counts } => {
                    let cuts = cuts.into_iter().map(f64::from).collect();
                    let bins = QuantileBins::from_parts(range.0.into(), range.1.into(), cuts, counts);
                    Distribution::Numbers(bins.map_err(failed)?)
                }
                DistributionForm::Categories { values, n_other, n_missing } => {
                    Distribution::Categories { values, n_other, n_missing }
                }
            };
            features.push(FeatureBaseline {
                name: form.name,
                phrase: form.phrase,
                vote: form.vote.into(),
                distribution,
            });
        }
        let mut personas = Vec::with_capacity(self.personas.len());
        let mut ids = BTreeSet::new();
        for form in self.personas {
            let id: PersonaId = form.id.parse()?;
            if ids.insert(id.clone()) {
                let centroid = form.centroid.into_iter().map(f64::from).collect();
                personas.push(PersonaBaseline { id, name: form.name, n_profiles: form.n_profiles, centroid });
            }
        }
        let (n_profiles, n_unassigned) = (self.n_profiles, self.n_unassigned);
        Ok(Baseline { as_of: Day(self.as_of), n_profiles, n_unassigned, features, personas })
    }
}
