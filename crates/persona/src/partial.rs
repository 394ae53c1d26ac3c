//! Customers of whom little is known yet: which persona they will count for, told by how today's
//! customers looked early, and whether that can be relied on.
//!
//! A new customer has bought little, whoever they are, so the mixture of today's customers takes most
//! of them for the smallest spenders. How customers looked on earlier days, when their history was
//! short, and which persona they count for now that it is complete, teaches an ensemble
//! (`throng_learn::HybridModel`) what early signs mean. Each customer is seen once, on one of the
//! earlier days. A third is held out and takes no part in the fit; on them the ensemble is compared
//! with the mixture by its log loss, and used only where it is better by more than chance.
//!
//! Where most of a persona are new, to be new is what it says, and nobody who has been known for long
//! can teach the ensemble otherwise: its members are left to the mixture.
//!
//! The mixture's own shares of complete histories are held against whom held-out customers count for
//! today, said by a mixture that was fitted to everybody else: of today, which tells whether shares
//! depend on who was in the fit; and of some days ago, which tells how long they hold, for customers
//! move on.

mod reliability;
mod temperature;

use std::collections::BTreeMap;

use throng_learn::{
    BoostingParams, HybridAnchor, HybridModel, HybridParams, HybridPrediction, HybridRows, HybridScratch, LearnError,
    LogisticParams, Matrix, MembershipModel, MembershipParams, MembershipScratch, RowPrediction, state_of_fields,
};

use crate::chance::{drawn, hashed};
use crate::columns::scaled_matrix;
use crate::membership::largest_position;
use crate::number::{real, single};
use crate::{Membership, Memberships, Model, PersonaError, Population};
use reliability::{Said, gain, judged};
use temperature::{flatten, flattened, halves};

pub use reliability::{Diagram, DiagramBin, Reliability, Verdict};

/// Days of history from which a customer is known: a quarter of a year, after which a customer with
/// any rhythm has come again.
pub const COMPLETE_HISTORY_DAYS: u32 = 90;

/// How long profiles have been known, and how they looked earlier.
#[derive(Debug, Clone)]
pub struct Histories {
    /// Days since each profile's first event, in the population's order.
    pub days: Vec<u32>,
    /// The same customers, or some of them, as they were known on earlier days, with their histories
    /// then; the latest first. Without them no ensemble is fitted.
    pub earlier: Vec<Population>,
}

/// The ensemble for partial histories, if it is used, and how reliable memberships are.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    hybrid: Option<HybridModel>,
    /// By which shares of the mixture are flattened; `None` where they hold as they are.
    temperature: Option<f64>,
    /// For each cluster, whether most of it are new.
    of_newcomers: Vec<bool>,
    /// How reliable memberships are.
    pub reliability: Reliability,
}

/// One profile as the members of the ensemble see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// How long its history is, where that is known.
    pub(crate) days: Option<u32>,
    /// Its prepared features, and the same in the model's space.
    pub(crate) prepared: &'a [f32],
    pub(crate) placed: &'a [f32],
    /// What the mixture of the ensemble says of it, where that is known.
    pub(crate) of_mixture: Option<&'a [f64]>,
}

/// Space that profiles are told in, made once for many.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToldScratch {
    inputs: Vec<f32>,
    of_mixture: Vec<f64>,
    mixture: MembershipScratch,
    hybrid: HybridScratch,
    /// Whether the profile at hand was asked about.
    asked: bool,
}

/// The least that shares in all clusters and last the unassigned one can be, and how much more.
pub(crate) struct Least<'s> {
    pub(crate) shares: &'s [f64],
    pub(crate) more: f64,
}

/// One in so many customers is held out.
const HELD_OUT_ONE_IN: u64 = 3;
/// Customers that the ensemble is fitted to and judged on at most, and at least: a tenth of a
/// probability must not be chance in the one, nor a bin of ten customers in the other.
const N_EARLY_MAX: usize = 20_000;
const N_FITTED_MIN: usize = 200;
const N_JUDGED_MIN: usize = 60;
/// Least product of share and agreement to count for a persona: more likely than not, by models that
/// agree.
const SURENESS_MIN: f64 = 0.5;
/// Seed of all chance here; fixed, so that memberships follow from the clusters alone.
const SEED: u64 = 0;
const STREAM_HELD_OUT: u64 = 1;
const STREAM_LOOK: u64 = 2;
const STREAM_EARLY: u64 = 3;

const HYBRID: HybridParams = HybridParams {
    logistic: LogisticParams { penalty: 1.0, n_iter_max: 100 },
    boosting: BoostingParams { n_rounds_max: 200, learning_rate: 0.1, depth_max: 3, leaf_rows_min: 20, seed: SEED },
    n_rows_max: N_EARLY_MAX,
    sureness_min: SURENESS_MIN,
    seed: SEED,
};

/// A profile on an earlier day.
#[derive(Clone, Copy)]
struct Seen {
    /// Its position in the population of today, in the list of earlier days, and on that day.
    profile_idx: usize,
    look_idx: usize,
    row_idx: usize,
}

/// Everything a fit needs.
struct Looks<'a> {
    model: &'a Model,
    population: &'a Population,
    histories: &'a Histories,
    earlier: &'a [Population],
    /// Whom each profile counts for today.
    labels: Vec<Option<usize>>,
}

impl Partial {
    /// Fits the ensemble and judges it; `None` where nothing is known of earlier days.
    ///
    /// `model` has a persona for each cluster; `memberships` are its own, and `placed` the population
    /// in its space, of which the mixture was fitted to the rows that are `inside`.
    pub(crate) fn fit(
        model: &Model,
        (population, memberships): (&Population, &Memberships),
        (placed, inside): (&Matrix, &[bool]),
    ) -> Result<Option<Self>, PersonaError> {
        let Some(histories) = population.histories.as_ref().filter(|histories| !histories.earlier.is_empty()) else {
            return Ok(None);
        };
        let labels = memberships.rows().iter().map(|row| row.assigned).collect();
        let looks = Looks { model, population, histories, earlier: &histories.earlier, labels };
        let of_newcomers = looks.of_newcomers();
        let (complete, early) = looks.seen()?;
        let early = looks.open(early, &of_newcomers)?;
        let (judged_on, fitted_to): (Vec<Seen>, Vec<Seen>) =
            early.into_iter().partition(|seen| held_out(population, seen.profile_idx));
        let Complete { today, then, temperature } = looks.complete(&complete, (placed, inside))?;
        let n_days_ago = looks.days_ago();
        let mut reliability = Reliability {
            n_days_ago,
            today,
            complete: then,
            early_mixture: None,
            early_hybrid: None,
            verdict: Verdict::TooFew { n_fitted: fitted_to.len(), n_judged: judged_on.len() },
        };
        if fitted_to.len() < N_FITTED_MIN || judged_on.len() < N_JUDGED_MIN {
            return Ok(Some(Self { hybrid: None, temperature, of_newcomers, reliability }));
        }
        let (rows, row_labels) = looks.rows(&fitted_to)?;
        let hybrid = attempted(HYBRID.fit_early(&model.membership, rows.borrowed(), &row_labels))?;
        let (rows, truth) = looks.rows(&judged_on)?;
        let by_hybrid = said_by_hybrid(&attempted(hybrid.predict_early(rows.borrowed()))?);
        let by_mixture = as_said(looks.said_by_mixture(model, &judged_on)?, temperature);
        let gain = gain(&by_mixture, &by_hybrid, &truth)?;
        reliability.early_mixture = Some(judged(&by_mixture, &truth)?);
        reliability.early_hybrid = Some(judged(&by_hybrid, &truth)?);
        reliability.verdict = Verdict::of(gain, hybrid.weights());
        let used = matches!(reliability.verdict, Verdict::Hybrid { .. });
        Ok(Some(Self { hybrid: used.then_some(hybrid), temperature, of_newcomers, reliability }))
    }

    /// Makes shares of the mixture as sure as those of held-out customers turned out to be.
    pub(crate) fn flatten(&self, shares: &mut [f64]) {
        if let Some(temperature) = self.temperature {
            flatten(shares, temperature);
        }
    }

    /// Whether a profile that the mixture gives to a cluster may be told otherwise by the ensemble.
    pub(crate) fn open(&self, cluster: Option<usize>) -> bool {
        cluster.is_none_or(|cluster| !self.of_newcomers[cluster])
    }

    /// Whether every profile with a short history is told by the ensemble.
    pub(crate) fn always_open(&self) -> bool {
        !self.of_newcomers.contains(&true)
    }

    /// Asks the ensemble about one profile by all but the mixture, `None` unless its history is short;
    /// `beside` is an anchor that [`Partial::anchor`] made.
    pub(crate) fn ask<'s>(
        &self,
        (days, prepared): (Option<u32>, &[f32]),
        beside: Option<&HybridAnchor>,
        scratch: &'s mut ToldScratch,
    ) -> Result<Option<Least<'s>>, PersonaError> {
        let Some((hybrid, days)) = self.ensemble(days) else { return Ok(None) };
        let ToldScratch { inputs, hybrid: space, asked, .. } = scratch;
        set_inputs(inputs, prepared, days);
        let shares = match beside {
            Some(anchor) => hybrid.ask_beside(anchor, inputs, space),
            None => hybrid.ask_row(inputs, space),
        };
        *asked = true;
        Ok(Some(Least { shares: attempted(shares)?, more: hybrid.weights()[0] }))
    }

    /// Returns what is to be said of one profile, `None` unless its history is short.
    pub(crate) fn told<'s>(
        &'s self,
        look: Look<'s>,
        beside: Option<&HybridAnchor>,
        scratch: &'s mut ToldScratch,
    ) -> Result<Option<RowPrediction<'s>>, PersonaError> {
        let Some((hybrid, _)) = self.ensemble(look.days) else { return Ok(None) };
        if !scratch.asked {
            self.ask((look.days, look.prepared), beside, scratch)?;
        }
        let ToldScratch { of_mixture, mixture, hybrid: space, .. } = scratch;
        if let Some(known) = look.of_mixture {
            return attempted(hybrid.tell_row(known, space)).map(Some);
        }
        of_mixture.resize(hybrid.mixture().k_means().n_clusters() + 1, 0.0);
        attempted(hybrid.mixture().predict_proba_row(look.placed, of_mixture, mixture))?;
        attempted(hybrid.tell_row(of_mixture, space)).map(Some)
    }

    /// Returns what others need of a profile that they differ from in a few features, `None` unless its
    /// history is short.
    pub(crate) fn anchor(&self, days: Option<u32>, prepared: &[f32]) -> Result<Option<HybridAnchor>, PersonaError> {
        let Some((hybrid, days)) = self.ensemble(days) else { return Ok(None) };
        let (mut inputs, mut anchor) = (Vec::new(), HybridAnchor::default());
        set_inputs(&mut inputs, prepared, days);
        attempted(hybrid.anchor(&inputs, &mut anchor))?;
        Ok(Some(anchor))
    }

    /// Whether the mixture of the ensemble is this one, as that of every fit is the model's own.
    pub(crate) fn pools(&self, mixture: &MembershipModel) -> bool {
        self.hybrid.as_ref().is_some_and(|hybrid| hybrid.mixture() == mixture)
    }

    /// Returns the ensemble and the length of a history, where it is short.
    fn ensemble(&self, days: Option<u32>) -> Option<(&HybridModel, u32)> {
        let days = days.filter(|days| *days < COMPLETE_HISTORY_DAYS)?;
        Some((self.hybrid.as_ref()?, days))
    }
}

impl ToldScratch {
    /// Begins with another profile.
    pub(crate) fn begin(&mut self) {
        self.asked = false;
    }
}

/// Fills in the prepared features, and how long the profile has been known.
fn set_inputs(inputs: &mut Vec<f32>, prepared: &[f32], days: u32) {
    inputs.clear();
    inputs.extend_from_slice(prepared);
    inputs.push(single(real(i128::from(days))));
}

fn held_out(population: &Population, profile_idx: usize) -> bool {
    let profile = population.profiles[profile_idx].as_str();
    hashed(SEED, STREAM_HELD_OUT, profile.as_bytes()).is_multiple_of(HELD_OUT_ONE_IN)
}

impl Looks<'_> {
    /// Returns the held-out customers whose history was complete on the latest of the earlier days, and
    /// those whose history was short on one of them and is complete today, each once.
    fn seen(&self) -> Result<(Vec<Seen>, Vec<Seen>), PersonaError> {
        let position: BTreeMap<_, usize> =
            self.population.profiles.iter().enumerate().map(|(idx, profile)| (profile, idx)).collect();
        let mut complete = Vec::new();
        let mut early: BTreeMap<usize, Vec<Seen>> = BTreeMap::new();
        for (look_idx, look) in self.earlier.iter().enumerate() {
            look.check()?;
            let Some(then) = &look.histories else { continue };
            for (row_idx, (profile, days)) in look.profiles.iter().zip(&then.days).enumerate() {
                let Some(&profile_idx) = position.get(profile) else { continue };
                let seen = Seen { profile_idx, look_idx, row_idx };
                let known_then = *days >= COMPLETE_HISTORY_DAYS;
                if known_then && look_idx == 0 && held_out(self.population, profile_idx) {
                    complete.push(seen);
                }
                if !known_then && self.histories.days[profile_idx] >= COMPLETE_HISTORY_DAYS {
                    early.entry(profile_idx).or_default().push(seen);
                }
            }
        }
        let each = early.into_values().map(|looks| {
            let profile = self.population.profiles[looks[0].profile_idx].as_str();
            let n_looks = u64::try_from(looks.len()).unwrap_or(u64::MAX);
            let chosen = hashed(SEED, STREAM_LOOK, profile.as_bytes()) % n_looks;
            looks[usize::try_from(chosen).unwrap_or(0)]
        });
        let each: Vec<Seen> = each.collect();
        let taken = drawn(each.len(), N_EARLY_MAX, (SEED, STREAM_EARLY));
        Ok((complete, taken.into_iter().map(|at| each[at]).collect()))
    }

    /// Returns for each cluster whether most who count for it have a short history.
    fn of_newcomers(&self) -> Vec<bool> {
        let mut counts = vec![(0_usize, 0_usize); self.model.clusters.len()];
        for (label, days) in self.labels.iter().zip(&self.histories.days) {
            let Some(label) = *label else { continue };
            counts[label].0 += usize::from(*days < COMPLETE_HISTORY_DAYS);
            counts[label].1 += 1;
        }
        counts.into_iter().map(|(n_new, n_members)| 2 * n_new > n_members).collect()
    }

    /// Returns those whom the mixture did not give to a cluster of newcomers then.
    fn open(&self, seen: Vec<Seen>, of_newcomers: &[bool]) -> Result<Vec<Seen>, PersonaError> {
        let said = self.said_by_mixture(self.model, &seen)?;
        let open = |said: &Said| of_newcomers.get(said.column).is_none_or(|of_newcomers| !of_newcomers);
        Ok(seen.into_iter().zip(&said).filter(|(_, said)| open(said)).map(|(seen, _)| seen).collect())
    }

    fn days_ago(&self) -> Vec<u32> {
        let today = self.population.as_of.day.0;
        self.earlier.iter().map(|look| u32::try_from(today - look.as_of.day.0).unwrap_or(0)).collect()
    }

    /// Returns how profiles looked then, and whom they count for now.
    fn rows(&self, seen: &[Seen]) -> Result<(EarlyRows, Vec<Option<usize>>), PersonaError> {
        let mut looks = Vec::new();
        for look in self.earlier {
            let scaled = attempted(scaled_matrix(&self.model.columns, &self.model.scaler, look))?;
            let placed = attempted(self.model.projection.transform(&scaled))?;
            let days = look.histories.as_ref().map(|histories| histories.days.as_slice()).unwrap_or_default();
            looks.push((placed, attempted(with_days(&scaled, days))?));
        }
        let (mut placed, mut inputs) = (Vec::new(), Vec::new());
        for seen in seen {
            placed.extend_from_slice(looks[seen.look_idx].0.row(seen.row_idx));
            inputs.extend_from_slice(looks[seen.look_idx].1.row(seen.row_idx));
        }
        let n_columns = |of: fn(&(Matrix, Matrix)) -> &Matrix| looks.first().map_or(1, |look| of(look).n_columns());
        let rows = EarlyRows {
            placed: attempted(Matrix::new(n_columns(|look| &look.0), placed))?,
            inputs: attempted(Matrix::new(n_columns(|look| &look.1), inputs))?,
        };
        Ok((rows, self.labels_of(seen)))
    }

    fn labels_of(&self, seen: &[Seen]) -> Vec<Option<usize>> {
        seen.iter().map(|seen| self.labels[seen.profile_idx]).collect()
    }

    /// Returns what a model's mixture said of profiles then.
    fn said_by_mixture(&self, model: &Model, seen: &[Seen]) -> Result<Vec<Said>, PersonaError> {
        let mut looks = Vec::new();
        for look in self.earlier {
            looks.push(model.memberships(look)?.into_rows());
        }
        Ok(seen.iter().map(|seen| said_by_row(&looks[seen.look_idx][seen.row_idx])).collect())
    }

    /// Judges what a mixture fitted to all others says of held-out customers, today and as they were
    /// seen; `None` where they are few.
    fn complete(&self, seen: &[Seen], (placed, inside): (&Matrix, &[bool])) -> Result<Complete, PersonaError> {
        let others: Vec<usize> =
            (0..inside.len()).filter(|row_idx| inside[*row_idx] && !held_out(self.population, *row_idx)).collect();
        let params = MembershipParams { reach_share: crate::discovery::REACH_SHARE };
        let membership = attempted(params.fit(self.model.membership.k_means(), &placed.take(&others)))?;
        let model = Model { membership, ..self.model.clone() };
        let known = |row_idx: &usize| {
            self.histories.days[*row_idx] >= COMPLETE_HISTORY_DAYS && held_out(self.population, *row_idx)
        };
        let today: Vec<usize> = (0..inside.len()).filter(known).collect();
        let rows = model.memberships(self.population)?.into_rows();
        let said: Vec<Said> = today.iter().map(|row_idx| said_by_row(&rows[*row_idx])).collect();
        let labels: Vec<Option<usize>> = today.iter().map(|row_idx| self.labels[*row_idx]).collect();
        let temperature = temperature::fitted(&said, &labels)?;
        let judged_as_said = |said: Vec<Said>, labels: Vec<Option<usize>>| -> Result<Option<Diagram>, PersonaError> {
            let enough = said.len() >= N_JUDGED_MIN;
            enough.then(|| judged(&as_said(said, temperature), &labels)).transpose()
        };
        // Those whom a temperature was fitted to cannot judge it.
        let (said, labels) = match temperature {
            Some(_) => (halves(&said, 1), halves(&labels, 1)),
            None => (said, labels),
        };
        let today = judged_as_said(said, labels)?;
        let then = judged_as_said(self.said_by_mixture(&model, seen)?, self.labels_of(seen))?;
        Ok(Complete { today, then, temperature })
    }
}

/// How reliable the mixture is about complete histories, and how it is made so.
struct Complete {
    today: Option<Diagram>,
    then: Option<Diagram>,
    temperature: Option<f64>,
}

/// Returns what is said of profiles once shares are flattened.
fn as_said(said: Vec<Said>, temperature: Option<f64>) -> Vec<Said> {
    match temperature {
        Some(temperature) => flattened(&said, temperature),
        None => said,
    }
}

/// Rows as the ensemble sees them.
struct EarlyRows {
    placed: Matrix,
    inputs: Matrix,
}

impl EarlyRows {
    fn borrowed(&self) -> HybridRows<'_> {
        HybridRows { placed: &self.placed, inputs: &self.inputs }
    }
}

fn said_by_row(row: &Membership) -> Said {
    let shares: Vec<f64> = row.shares.iter().chain([&row.unassigned]).copied().collect();
    Said { column: largest_position(&shares), agreement: None, sure: row.assigned.is_some(), shares }
}

fn said_by_hybrid(found: &HybridPrediction) -> Vec<Said> {
    let rows = found.memberships.rows().zip(&found.confidence).zip(&found.assigned);
    let said = rows.map(|((shares, agreement), assigned)| Said {
        shares: shares.to_vec(),
        column: largest_position(shares),
        agreement: Some(*agreement),
        sure: assigned.is_some(),
    });
    said.collect()
}

/// Returns the rows with the length of the history as one more column: much of what is small is so
/// because the time was short.
fn with_days(scaled: &Matrix, days: &[u32]) -> Result<Matrix, LearnError> {
    let mut values = Vec::with_capacity((scaled.n_columns() + 1) * days.len());
    for (row, days) in scaled.rows().zip(days) {
        values.extend_from_slice(row);
        values.push(single(real(i128::from(*days))));
    }
    Matrix::new(scaled.n_columns() + 1, values)
}

fn attempted<T>(result: Result<T, LearnError>) -> Result<T, PersonaError> {
    result.map_err(|source| PersonaError::Learn { attempt: "tell the personas of partial histories", source })
}

state_of_fields!(Partial { hybrid, temperature, of_newcomers, reliability }, |read| {
    let flattens = read.temperature.is_none_or(|temperature| temperature >= 1.0);
    if flattens { Ok(()) } else { Err(LearnError::InvalidState { what: "the temperature" }) }
});

impl Partial {
    /// Whether it tells of so many clusters, by rows of `n_parts` prepared and `n_dimensions` placed values.
    pub(crate) fn fits(&self, n_clusters: usize, (n_parts, n_dimensions): (usize, usize)) -> bool {
        let fits = |hybrid: &HybridModel| {
            let k_means = hybrid.mixture().k_means();
            let placed = (k_means.n_clusters(), k_means.centroids().n_columns());
            placed == (n_clusters, n_dimensions) && hybrid.n_inputs() == n_parts + 1
        };
        self.of_newcomers.len() == n_clusters && self.hybrid.as_ref().is_none_or(fits)
    }
}
