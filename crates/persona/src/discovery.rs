//! From a population to personas, or to the reason why there are none.
//!
//! Features are chosen ([`crate::columns`]), clusters found and tested (`throng_learn`), and every
//! cluster that holds is described by claims ([`crate::telling`], [`crate::evidence`]) and named
//! ([`crate::naming`]). Same population, parameters and seed: same bytes.

mod choice;
mod divide;
mod grouping;
mod method;
mod mix;
mod settle;

use throng_learn::{Continuum, KMeans, LearnError, Matrix, MembershipParams, Preparation};

use crate::columns::{Columns, scaled_matrix};
use crate::description::{Clusters, describe};
use crate::refusal::{nothing_to_compare, too_few_customers};
use crate::{
    CategoryWeights, Foretold, Memberships, Model, ModelColumn, Partial, Persona, PersonaError, PersonaId, Population,
    Refusal,
};
use choice::Choice;
use divide::Subject;
use grouping::{Grouped, grouped};

pub use method::{Division, FittedDivision, Method};

pub use settle::settled;

/// Customers below which nothing is tried: ten for each of ten personas, and enough for the
/// resamples to mean something.
const N_PROFILES_MIN: usize = 100;

/// Features below which there is nothing to compare: one feature has ranges, not personas.
const N_FEATURES_MIN: usize = 2;

/// The most personas; more cannot be told apart by reading, nor kept in mind.
const PERSONAS_MAX: usize = 12;

/// Share of the customers a persona needs, to be worth acting for.
const SHARE_MIN: f64 = 0.03;

/// Share of a persona's own members within its reach; the rest are as far out as outsiders.
pub(crate) const REACH_SHARE: f64 = 0.99;

/// Restarts and refinements of a fit.
const N_INIT: usize = 4;
const N_ITER_MAX: usize = 100;
const TOLERANCE: f64 = 1e-4;

/// Resamples, and the rows they are judged on: the spread of a share over 20 resamples is below 0.05,
/// and time grows with the square of the rows.
const N_RESAMPLES: usize = 20;
const N_ROWS_JUDGED_MAX: usize = 4_000;

/// What the caller chooses about discovery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscoveryParams {
    /// How many personas to look for.
    pub personas: PersonaCount,
    /// Seed of all chance.
    pub seed: u64,
    /// How much features count by signal category.
    pub weights: CategoryWeights,
    /// What is done where customers do not fall into separate kinds.
    pub continuum: Continuum,
    /// By which method customers are divided, once it is known into how many.
    pub method: Method,
}

impl DiscoveryParams {
    /// Returns the parameters with all signal categories alike, a continuum left whole, and the usual
    /// method.
    #[must_use]
    pub fn new(personas: PersonaCount, seed: u64) -> Self {
        let (weights, continuum, method) = (CategoryWeights::EQUAL, Continuum::Refused, Method::Auto);
        Self { personas, seed, weights, continuum, method }
    }
}

/// How many personas to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonaCount {
    /// As many as the data hold, from 2 up to `max`.
    Auto {
        /// The most personas, 2 to 12.
        max: usize,
    },
    /// So many, 2 to 12; refused all the same when they do not come back in resamples.
    Exactly(usize),
}

/// What discovery found, and everything it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// The personas, or why there are none.
    pub outcome: Outcome,
    /// How every number of personas that was tried fared, fewest first.
    pub candidates: Vec<Candidate>,
    /// Every feature of the population, in its order: how it was used or why not.
    pub features_used: Vec<FeatureUse>,
    /// Whether there are gaps between the personas; `None` when none were found.
    pub separation: Option<Separation>,
    /// By which method customers were divided.
    pub method: Method,
    /// What a continuum was cut by, beside the features as they are; `None` where it was not cut, or
    /// nothing is foretold.
    pub foretold: Option<Foretold>,
}

/// The answer of discovery.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There are personas.
    Found(Box<Found>),
    /// There are none that could be relied on.
    Refused(Refusal),
}

/// Personas, who belongs to them, and the model that says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The personas, the largest first.
    pub personas: Vec<Persona>,
    /// How much every profile belongs to each.
    pub memberships: Memberships,
    /// The fitted model, which gives memberships to any population.
    pub model: Model,
}

/// How one number of personas fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The number of personas.
    pub n_personas: usize,
    /// How much nearer profiles are to their own cluster than to the next, −1 to 1.
    pub silhouette: f64,
    /// The same in data with the same columns and correlations, but without groups; `None` where
    /// that was not asked, for borders were.
    pub silhouette_reference: Option<f64>,
    /// Least mean Jaccard similarity of a cluster with the refits on resampled profiles.
    pub stability_min: f64,
    /// Mean adjusted Rand index with those refits.
    pub adjusted_rand: f64,
    /// Share of the profiles in the smallest cluster.
    pub share_min: f64,
    /// Whether this number was chosen.
    pub chosen: bool,
}

/// How a feature was used.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureUse {
    /// The feature's name.
    pub name: String,
    /// What its values were replaced by before scaling; `None` when it was left out.
    pub transform: Option<String>,
    /// Its share of all votes in a squared distance, 0 to 1.
    pub vote: f64,
    /// Why it does not make personas; `None` when it does.
    pub left_out: Option<String>,
}

/// Whether there are gaps between the personas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Separation {
    /// The groups stand further apart than the features alone would put them.
    Distinct,
    /// One group passes into the next; the cut comes back, but there is no gap at it.
    Gradual,
}

impl Separation {
    const WORDS: [(Self, &'static str); 2] = [(Self::Distinct, "distinct"), (Self::Gradual, "gradual")];

    /// Returns the word the separation is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "a separation", text)
    }

    /// Returns a sentence that explains it.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Distinct => {
                "The personas are distinct: there are fewer customers between them than chance would put there."
            }
            Self::Gradual => {
                "The personas pass into each other: the same cut is found again and again, but there is no gap at it, \
                 so customers near a border could be called either."
            }
        }
    }
}

/// Looks for personas.
///
/// # Errors
/// What the caller can mend: columns that do not fit, or a number of personas out of range. Too
/// little data, or data without structure, is [`Outcome::Refused`].
///
/// ```
/// use throng_event::{Calendar, Day};
/// use throng_persona::{DiscoveryParams, Outcome, PersonaCount, Population, discover};
///
/// let as_of = Calendar::utc().as_of(Day(19_000));
/// let nobody =
///     Population { as_of, profiles: Vec::new(), features: Vec::new(), traits: Vec::new(), revenue: None, histories: None, lookback: None };
/// let params = DiscoveryParams::new(PersonaCount::Auto { max: 8 }, 1);
/// let Outcome::Refused(refusal) = discover(&nobody, &params)?.outcome else { panic!("nobody has personas") };
/// assert!(refusal.text.starts_with("0 customers are too few"));
/// # Ok::<(), throng_persona::PersonaError>(())
/// ```
pub fn discover(population: &Population, params: &DiscoveryParams) -> Result<Discovery, PersonaError> {
    sought(population, params, Borders::First)
}

/// When borders between groups are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Borders {
    /// First of all: a continuum is cut only where there are none.
    First,
    /// Only where nothing is foretold that a continuum could be cut by.
    Last,
}

/// Looks for personas.
pub(crate) fn sought(
    population: &Population,
    params: &DiscoveryParams,
    borders: Borders,
) -> Result<Discovery, PersonaError> {
    let n_clusters = match params.personas {
        PersonaCount::Auto { max } => 2..=max,
        PersonaCount::Exactly(n_personas) => n_personas..=n_personas,
    };
    let outermost = *n_clusters.end();
    if !(2..=PERSONAS_MAX).contains(&outermost) {
        return Err(PersonaError::PersonaCount(outermost));
    }
    params.weights.check()?;
    population.check()?;
    let n_profiles = population.profiles.len();
    let mut columns = if n_profiles == 0 { Columns::none() } else { Columns::chosen(population, &params.weights) };
    if n_profiles < N_PROFILES_MIN {
        return Ok(refused(too_few_customers(n_profiles, N_PROFILES_MIN), columns, params.method));
    }
    let n_features = columns.uses.iter().filter(|used| used.left_out.is_none()).count();
    if n_features < N_FEATURES_MIN {
        return Ok(refused(nothing_to_compare(n_features, N_FEATURES_MIN), columns, params.method));
    }
    let scaler = attempted("scale the features", columns.fit(population))?;
    let matrix = attempted("scale the features", scaled_matrix(&columns.columns, &scaler, population))?;
    let Grouped { mut candidates, usual, foretold } =
        grouped(population, (&columns.columns, &scaler, &matrix), (params, n_clusters), borders)?;
    let phrases = columns.phrases(&scaler, population);
    let subject = Subject { population, columns: &columns.columns, scaler: &scaler, matrix: &matrix, phrases };
    let (choice, judged) = match subject.divided(usual, params)? {
        Ok(divided) => divided,
        Err(refusal) => return Ok(Discovery { candidates, ..refused(refusal, columns, params.method) }),
    };
    if let Some(judged) = judged {
        candidates.retain(|candidate| candidate.n_personas != judged.n_personas);
        candidates.push(judged);
        candidates.sort_by_key(|candidate| candidate.n_personas);
    }
    for candidate in &mut candidates {
        candidate.chosen = candidate.n_personas == choice.model.n_clusters();
    }
    let (separation, method) = (Some(choice.separation), params.method);
    assert_eq!(choice.jaccard.len(), choice.model.n_clusters(), "every cluster of the choice has a stability");
    let found = found(population, Fit { columns: columns.columns, scaler, matrix, choice })?;
    let outcome = Outcome::Found(Box::new(found));
    Ok(Discovery { outcome, candidates, features_used: columns.uses, separation, method, foretold })
}

/// What was fitted, on its way into a model.
struct Fit {
    columns: Vec<ModelColumn>,
    scaler: Preparation,
    matrix: Matrix,
    choice: Choice,
}

fn found(population: &Population, fit: Fit) -> Result<Found, PersonaError> {
    let params = MembershipParams { reach_share: REACH_SHARE };
    let projection = fit.choice.projection;
    let matrix = attempted("fit memberships", projection.transform(&fit.matrix))?;
    let inside: Vec<bool> = fit.choice.labels.iter().map(Option::is_some).collect();
    let fitted: Vec<usize> = (0..matrix.n_rows()).filter(|row| inside[*row]).collect();
    let membership = attempted("fit memberships", params.fit(&fit.choice.model, &matrix.take(&fitted)))?;
    let n_clusters = fit.choice.model.n_clusters();
    let mut by_cluster = Model {
        columns: fit.columns,
        scaler: fit.scaler,
        projection,
        membership,
        clusters: (0..n_clusters).collect(),
        personas: (0..n_clusters).map(PersonaId::at).collect(),
        separation: fit.choice.separation,
        division: fit.choice.division,
        partial: None,
    };
    let mut unordered = by_cluster.memberships(population)?;
    by_cluster.partial = Partial::fit(&by_cluster, (population, &unordered), (&matrix, &inside))?;
    if by_cluster.partial.is_some() {
        unordered = by_cluster.memberships(population)?;
    }
    // The largest first; of equal ones the one whose first member comes first: the numbers of clusters
    // change with the seed, members do not. A cluster that is nobody's largest share is no persona.
    let mut clusters: Vec<usize> = (0..n_clusters).filter(|cluster| unordered.n_assigned(*cluster) > 0).collect();
    let first_member = |cluster: usize| unordered.rows().iter().position(|row| row.assigned == Some(cluster));
    clusters.sort_by_key(|&cluster| (std::cmp::Reverse(unordered.n_assigned(cluster)), first_member(cluster)));
    let personas = (0..clusters.len()).map(PersonaId::at).collect();
    let model = Model { clusters, personas, ..by_cluster };
    let memberships = model.memberships(population)?;
    let distances = attempted("find typical members", fit.choice.model.distances(&matrix))?;
    let clusters = Clusters {
        stability: model.clusters.iter().map(|cluster| fit.choice.jaccard[*cluster]).collect(),
        distances: model.clusters.iter().map(|cluster| distances.column(*cluster)).collect(),
    };
    let personas = describe(population, &memberships, &clusters)?;
    Ok(Found { personas, memberships, model })
}

/// Another grouping of the same rows.
pub(crate) struct Grouping {
    pub(crate) model: KMeans,
    /// Mean Jaccard similarity of each cluster under resampling.
    pub(crate) jaccard: Vec<f64>,
    pub(crate) separation: Option<Separation>,
}

/// Returns the personas of another grouping in the space of a model, `matrix` being the scaled rows:
/// of one that is carried over from a former discovery, say.
pub(crate) fn regrouped(
    population: &Population,
    model: Model,
    matrix: Matrix,
    grouping: Grouping,
) -> Result<Found, PersonaError> {
    let Grouping { model: grouped, jaccard, separation } = grouping;
    let separation = separation.unwrap_or(Separation::Gradual);
    let choice = Choice {
        projection: model.projection,
        labels: grouped.labels().iter().copied().map(Some).collect(),
        model: grouped,
        jaccard,
        separation,
        division: Division::usual(separation),
    };
    found(population, Fit { columns: model.columns, scaler: model.scaler, matrix, choice })
}

fn refused(refusal: Refusal, columns: Columns, method: Method) -> Discovery {
    Discovery {
        outcome: Outcome::Refused(refusal),
        candidates: Vec::new(),
        features_used: columns.uses,
        separation: None,
        method,
        foretold: None,
    }
}

pub(crate) fn attempted<T>(attempt: &'static str, result: Result<T, LearnError>) -> Result<T, PersonaError> {
    result.map_err(|source| PersonaError::Learn { attempt, source })
}
