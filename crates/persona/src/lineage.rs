//! Personas keep their identity over time: what is found anew is recognised.
//!
//! A persona is carried on when most of the customers known both times are in both, or, where
//! members cannot say, when its centroid lies where the former one lay. Then it keeps its id and
//! its name. Everything else is told: split, merged, born, died (MONIC, Spiliopoulou et al. 2006;
//! `verdict.rs` has the rule). An id is never given twice.
//!
//! A refusal kills nothing: the former personas wait, and the next discovery that finds any is
//! compared with them.

mod continuity;
mod event;
mod overlap;
mod rename;
mod verdict;

use std::collections::BTreeSet;

pub use continuity::{Continuity, Kept, discover_again, rediscover};
pub use event::{Basis, Flow, LineageEvent, LineageKind, LineagePersona};

use crate::drift::ratio;
use crate::format::{n, quoted, share};
use crate::lineage::overlap::Overlap;
use crate::lineage::rename::{fresh_ids, kept_names, renamed};
use crate::lineage::verdict::{Grounds, Verdict};
use crate::{
    Baseline, Discovery, DriftLevel, DriftParams, Found, Memberships, Outcome, PersonaError, PersonaId, Population,
};

pub(crate) use event::listed;

/// What is known of the last discovery that found personas.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// Its personas, and how the features were distributed.
    pub baseline: Baseline,
    /// Who belonged to them.
    pub memberships: Memberships,
    /// Every id that was ever given, in this discovery or an earlier one.
    pub ids_used: BTreeSet<PersonaId>,
}

/// From where on a persona is another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineageParams {
    /// More than this share of a persona's members must be in the other, either way, for it to
    /// survive (the match threshold of MONIC, 0.5: no two can then claim one).
    pub survival_min: f64,
    /// Where it split or merged, the share from which one part goes on under the id: two thirds. With
    /// halves nobody could say which one is the same.
    pub heir_min: f64,
    /// The share of a former persona that a part of it must hold, or of a current one that a source
    /// must have given, unless it holds or gave most of its own (a tenth).
    pub part_min: f64,
    /// Members known both times that a persona needs to be judged by them (10).
    pub n_comparable_min: u64,
    /// How far a centroid may have moved, in distances to the nearest other former persona, where
    /// members speak of another persona (a quarter).
    pub same_place_max: f64,
    /// The same where members cannot be compared: a half, for beyond it another one is as near.
    pub near_place_max: f64,
    /// How much more inertia the former grouping may have than a fresh one and be kept (0.01).
    pub inertia_slack: f64,
    /// How much of the fresh grouping's silhouette the former number of personas may lack and be
    /// kept (0.05).
    pub silhouette_slack: f64,
}

impl LineageParams {
    /// Returns the published defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            survival_min: 0.5,
            heir_min: 2.0 / 3.0,
            part_min: 0.1,
            n_comparable_min: 10,
            same_place_max: 0.25,
            near_place_max: 0.5,
            inertia_slack: 0.01,
            silhouette_slack: 0.05,
        }
    }
}

impl Default for LineageParams {
    fn default() -> Self {
        Self::new()
    }
}

/// What became of the personas between two discoveries.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage {
    /// What happened: splits, merges, births and deaths, then what persisted.
    pub events: Vec<LineageEvent>,
    /// How steady the personas were; `None` when there was nothing to compare with.
    pub steadiness: Option<Steadiness>,
    /// Personas that would be called otherwise today.
    pub names_kept: Vec<NameKept>,
    /// Whether the former grouping was kept or a fresh one was taken, and why; `None` when there was
    /// no choice.
    pub continuity: Option<Continuity>,
}

/// How steady personas were, judged by the customers known both times.
#[derive(Debug, Clone, PartialEq)]
pub struct Steadiness {
    /// Profiles known both times.
    pub n_comparable: u64,
    /// Of those that were in a persona, the share that still is in the one with the same id: the
    /// persona stability index. `None` when nobody can be compared.
    pub stayed: Option<f64>,
    /// Adjusted Rand index of the two groupings; `None` when nobody can be compared.
    pub adjusted_rand: Option<f64>,
    /// The same share for every former persona.
    pub personas: Vec<PersonaSteadiness>,
}

/// How steady one persona was.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaSteadiness {
    /// The former persona.
    pub persona: PersonaId,
    /// Its members that are still known.
    pub n_comparable: u64,
    /// The share of them that is still in it; 0 when it is gone, `None` when nobody can be compared.
    pub stayed: Option<f64>,
}

/// A name that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameKept {
    /// The persona.
    pub persona: PersonaId,
    /// The name it keeps.
    pub name: String,
    /// What it would be called, were it found for the first time.
    pub proposed: String,
}

impl Lineage {
    /// Returns the lineage of a first discovery: everything is new.
    #[must_use]
    pub fn first(discovery: &Discovery) -> Self {
        let mut lineage = Self { events: Vec::new(), steadiness: None, names_kept: Vec::new(), continuity: None };
        if let Outcome::Found(found) = &discovery.outcome {
            let event = |persona: &crate::Persona| LineageEvent {
                kind: LineageKind::Born,
                former: Vec::new(),
                current: vec![LineagePersona {
                    id: persona.id.clone(),
                    name: persona.name.clone(),
                    share: persona.share,
                    flows: Vec::new(),
                    unknown: 1.0,
                }],
                basis: Basis::Nothing,
                jaccard: None,
                moved: None,
            };
            lineage.events = found.personas.iter().map(event).collect();
        }
        lineage
    }

    /// Returns how many events are of a kind.
    #[must_use]
    pub fn n_events(&self, kind: LineageKind) -> usize {
        self.events.iter().filter(|event| event.kind == kind).count()
    }

    /// Returns everything there is to say, sentence by sentence.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<String> = self.steadiness.iter().map(Steadiness::sentence).collect();
        sentences.extend(self.continuity.iter().map(Continuity::sentence).filter(|sentence| !sentence.is_empty()));
        sentences.extend(self.events.iter().map(LineageEvent::sentence));
        sentences.extend(self.names_kept.iter().map(NameKept::sentence));
        sentences
    }
}

impl Steadiness {
    /// Returns how steady the personas were, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match (self.stayed, self.adjusted_rand) {
            (Some(stayed), Some(adjusted_rand)) => format!(
                "{} customers were known both times; {} of those who were in a persona are still in the same one \
                 (adjusted Rand index {adjusted_rand:.2}).",
                n(self.n_comparable),
                share(stayed)
            ),
            _ => "No customer in a persona was known both times, so personas were recognised by what their customers \
                  do; splits and merges cannot be told that way."
                .to_owned(),
        }
    }

    /// Returns a sentence for every former persona that more customers have left than usual.
    #[must_use]
    pub fn alarms(&self, params: DriftParams) -> Vec<String> {
        let mut alarms = Vec::new();
        for persona in &self.personas {
            let Some(stayed) = persona.stayed else { continue };
            let level = params.level_of_stayed(stayed);
            if level > DriftLevel::Steady {
                alarms.push(format!(
                    "{}: {} of the customers it had, and who are still known, are not in it any more ({}).",
                    persona.persona,
                    share(1.0 - stayed),
                    level.advice()
                ));
            }
        }
        alarms
    }
}

impl NameKept {
    /// Returns the two names, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "{} keeps its name “{}”; found today, it would be called “{}”.",
            self.persona,
            quoted(&self.name),
            quoted(&self.proposed)
        )
    }
}

/// Gives the personas of a discovery the ids and names they had, and says what became of the others.
///
/// Ids change together in the personas, their claims with the queries, the memberships and the
/// model. A discovery without personas is given back as it is, with the former ones suspended.
///
/// # Errors
/// [`PersonaError`] when the discovery is not of this population, or `previous` contradicts itself.
pub fn carry_over(
    discovery: Discovery,
    previous: &Previous,
    population: &Population,
    params: &LineageParams,
) -> Result<(Discovery, Lineage), PersonaError> {
    previous.check()?;
    let found = match discovery.outcome {
        Outcome::Found(found) => found,
        Outcome::Refused(_) => return Ok((discovery, previous.suspended())),
    };
    let centroids = previous.baseline.centroids(population, &found)?;
    let overlap = Overlap::of(&previous.memberships, &found.memberships)?;
    let distances = previous.distances(&centroids);
    let verdict = Grounds { overlap: &overlap, distances: &distances, params: *params }.verdict()?;
    let ids = fresh_ids(previous, &verdict, found.personas.len());
    let (names, names_kept) = kept_names(previous, &verdict, &found, &ids);
    let found = renamed(*found, &ids, &names, population)?;
    let account = Account { previous, overlap: &overlap, distances: &distances, found: &found, verdict: &verdict };
    let lineage =
        Lineage { events: account.events(), steadiness: Some(account.steadiness()), names_kept, continuity: None };
    Ok((Discovery { outcome: Outcome::Found(Box::new(found)), ..discovery }, lineage))
}

/// Gives the personas of a discovery ids that were never given, where nothing is known of the former
/// ones but their ids.
///
/// # Errors
/// [`PersonaError`] when the discovery is not of this population.
pub fn with_fresh_ids(
    discovery: Discovery,
    ids_used: &BTreeSet<PersonaId>,
    population: &Population,
) -> Result<Discovery, PersonaError> {
    let Outcome::Found(found) = discovery.outcome else { return Ok(discovery) };
    let fresh = (0..).map(PersonaId::at).filter(|id| !ids_used.contains(id));
    let ids: Vec<PersonaId> = fresh.take(found.personas.len()).collect();
    let names: Vec<String> = found.personas.iter().map(|persona| persona.name.clone()).collect();
    let found = renamed(*found, &ids, &names, population)?;
    Ok(Discovery { outcome: Outcome::Found(Box::new(found)), ..discovery })
}

impl Previous {
    /// Returns an error unless the memberships are those of the personas of the baseline, and the
    /// centroids are in its features.
    fn check(&self) -> Result<(), PersonaError> {
        let same = self.memberships.personas().iter().eq(self.baseline.personas.iter().map(|persona| &persona.id));
        let n_coordinates = self.baseline.n_coordinates();
        let whole = self.baseline.personas.iter().all(|persona| {
            persona.centroid.len() == n_coordinates && persona.centroid.iter().all(|position| position.is_finite())
        });
        if same && whole { Ok(()) } else { Err(PersonaError::PreviousContradicts) }
    }

    /// Returns how far each former centroid lies from each current one, in distances to the nearest
    /// other former centroid.
    fn distances(&self, centroids: &[Vec<f64>]) -> Vec<Vec<Option<f64>>> {
        let former = self.baseline.personas.iter().zip(self.baseline.gaps());
        let row = |(persona, gap): (&crate::PersonaBaseline, f64)| {
            let distance = |centroid: &Vec<f64>| {
                let distance = self.baseline.distance(&persona.centroid, centroid)?;
                (gap > 0.0).then(|| distance / gap)
            };
            centroids.iter().map(distance).collect()
        };
        former.map(row).collect()
    }

    fn suspended(&self) -> Lineage {
        let former = self.baseline.personas.iter().map(|persona| LineagePersona {
            id: persona.id.clone(),
            name: persona.name.clone(),
            share: ratio(persona.n_profiles, self.baseline.n_profiles),
            flows: Vec::new(),
            unknown: 1.0,
        });
        let event = LineageEvent {
            kind: LineageKind::Suspended,
            former: former.collect(),
            current: Vec::new(),
            basis: Basis::Nothing,
            jaccard: None,
            moved: None,
        };
        Lineage { events: vec![event], steadiness: None, names_kept: Vec::new(), continuity: None }
    }
}

/// Everything the events are told from.
struct Account<'a> {
    previous: &'a Previous,
    overlap: &'a Overlap,
    distances: &'a [Vec<Option<f64>>],
    found: &'a Found,
    verdict: &'a Verdict,
}

impl Account<'_> {
    fn events(&self) -> Vec<LineageEvent> {
        let mut events = Vec::new();
        for (former, into) in &self.verdict.splits {
            events.push(self.event(LineageKind::Split, &[*former], into));
        }
        for (from, current) in &self.verdict.merges {
            events.push(self.event(LineageKind::Merged, from, &[*current]));
        }
        for current in &self.verdict.born {
            events.push(self.event(LineageKind::Born, &[], &[*current]));
        }
        for former in &self.verdict.died {
            events.push(self.event(LineageKind::Died, &[*former], &[]));
        }
        for (former, heir) in self.verdict.heirs.iter().enumerate() {
            let Some((current, _)) = heir else { continue };
            let split = self.verdict.splits.iter().any(|(from, into)| *from == former && into.contains(current));
            let merged = self.verdict.merges.iter().any(|(from, into)| into == current && from.contains(&former));
            if !split && !merged {
                events.push(self.event(LineageKind::Persisted, &[former], &[*current]));
            }
        }
        events
    }

    fn event(&self, kind: LineageKind, former: &[usize], current: &[usize]) -> LineageEvent {
        let pairs = former.iter().filter_map(|former| self.verdict.heirs[*former].map(|heir| (*former, heir)));
        let pair = pairs.into_iter().find(|(_, (heir, _))| current.contains(heir));
        let comparable = |(former, (heir, _)): &(usize, (usize, Basis))| {
            self.overlap.n_still_known(*former) > 0 && self.overlap.n_known_before(*heir) > 0
        };
        LineageEvent {
            kind,
            former: former.iter().map(|former| self.former(*former)).collect(),
            current: current.iter().map(|current| self.current(*current)).collect(),
            basis: match pair {
                Some((_, (_, basis))) => basis,
                None if self.overlap.n_comparable() > 0 => Basis::Members,
                None => Basis::Centroids,
            },
            jaccard: pair.filter(comparable).map(|(former, (heir, _))| self.overlap.jaccard(former, heir)),
            moved: pair.and_then(|(former, (heir, _))| self.distances[former][heir]),
        }
    }

    fn former(&self, former: usize) -> LineagePersona {
        let persona = &self.previous.baseline.personas[former];
        let (counts, gone) = self.overlap.destinations(former);
        let ids = self.found.personas.iter().map(|persona| persona.id.clone());
        let (flows, unknown) = flows(counts, gone, ids);
        LineagePersona {
            id: persona.id.clone(),
            name: persona.name.clone(),
            share: ratio(persona.n_profiles, self.previous.baseline.n_profiles),
            flows,
            unknown,
        }
    }

    fn current(&self, current: usize) -> LineagePersona {
        let persona = &self.found.personas[current];
        let (counts, newcomers) = self.overlap.origins(current);
        let ids = self.previous.baseline.personas.iter().map(|persona| persona.id.clone());
        let (flows, unknown) = flows(&counts, newcomers, ids);
        LineagePersona { id: persona.id.clone(), name: persona.name.clone(), share: persona.share, flows, unknown }
    }

    fn steadiness(&self) -> Steadiness {
        let (mut n_stayed, mut n_all) = (0, 0);
        let mut personas = Vec::new();
        for (former, persona) in self.previous.baseline.personas.iter().enumerate() {
            let n_comparable = self.overlap.n_still_known(former);
            let heir = self.verdict.heirs[former];
            let stayed = heir.map_or(0, |(current, _)| self.overlap.common(former, current));
            n_stayed += stayed;
            n_all += n_comparable;
            personas.push(PersonaSteadiness {
                persona: persona.id.clone(),
                n_comparable,
                stayed: (n_comparable > 0).then(|| ratio(stayed, n_comparable)),
            });
        }
        Steadiness {
            n_comparable: self.overlap.n_comparable(),
            stayed: (n_all > 0).then(|| ratio(n_stayed, n_all)),
            adjusted_rand: (n_all > 0).then_some(self.overlap.adjusted_rand),
            personas,
        }
    }
}

/// Returns counts as shares of all members, the largest first; the last count is nobody's.
fn flows(counts: &[u64], unknown: u64, ids: impl Iterator<Item = PersonaId>) -> (Vec<Flow>, f64) {
    let n_members = counts.iter().sum::<u64>() + unknown;
    let places = ids.map(Some).chain([None]);
    let mut flows: Vec<Flow> = places
        .zip(counts)
        .filter(|(_, n)| **n > 0)
        .map(|(persona, n)| Flow { persona, share: ratio(*n, n_members) })
        .collect();
    // Sorting is stable: equal shares stay in the order of the personas.
    flows.sort_by(|a, b| b.share.total_cmp(&a.share));
    (flows, if n_members == 0 { 1.0 } else { ratio(unknown, n_members) })
}
