//! No change of personas without a reason: the former grouping, refined on today's customers, is
//! kept where it is as good as a fresh one.
//!
//! A fresh fit ends in one of several resting places, by chance. The former grouping is therefore
//! tried as a start too: each former persona's customers (or those nearest to its centroid, whichever
//! turns out better) give a centroid in today's columns, and k-means refines from there. It is kept
//! if its inertia is within a stated slack of the fresh one's and it is as stable. The former number
//! of personas is kept likewise, if it is stable and lacks no more than a slack of the silhouette.

use throng_learn::{KMeans, KMeansParams, Matrix, StabilityParams, adjusted_rand_index, align, stability};

use super::{Lineage, LineageParams, Previous, carry_over};
use crate::columns::scaled_matrix;
use crate::discovery::{Grouping, regrouped};
use crate::number::single;
use crate::{
    Candidate, Confidence, Discovery, DiscoveryParams, Division, Found, Method, Outcome, PersonaCount, PersonaError,
    Population, discover,
};

/// Refinement of the former centroids: as a fresh fit does it.
const N_ITER_MAX: usize = 100;
const TOLERANCE: f64 = 1e-4;

/// Two groupings this much alike are one for all purposes (adjusted Rand index), so that what is
/// known of the stability of one holds for the other.
const ALIKE_MIN: f64 = 0.98;

/// Resamples and rows for the stability of a grouping that is not like the fresh one.
const N_RESAMPLES: usize = 20;
const N_ROWS_JUDGED_MAX: usize = 4_000;

/// How the former grouping fared beside a fresh one, on today's customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuity {
    /// How many personas there were.
    pub n_former: usize,
    /// How many a fresh look finds best.
    pub n_fresh: usize,
    /// Which of the two numbers was taken.
    pub number: Kept,
    /// Mean silhouettes of the former and of the fresh number, where they differ and both were tried.
    pub silhouettes: Option<(f64, f64)>,
    /// Which grouping into that number was taken; `None` where the former one had another number, or
    /// cannot be refined on today's customers.
    pub grouping: Option<Kept>,
    /// Inertia of the former grouping refined, and of the fresh one.
    pub inertias: Option<(f64, f64)>,
    /// Adjusted Rand index of those two.
    pub adjusted_rand: Option<f64>,
}

/// What was taken of a former and a fresh discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// They are the same.
    Both,
    /// The former.
    Former,
    /// The fresh.
    Fresh,
}

impl Kept {
    const WORDS: [(Self, &'static str); 3] = [(Self::Both, "both"), (Self::Former, "former"), (Self::Fresh, "fresh")];

    /// Returns the word it is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "what was kept", text)
    }
}

impl Continuity {
    /// Returns what was decided, with the figures.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentences = Vec::new();
        let (n_former, n_fresh) = (self.n_former, self.n_fresh);
        let silhouettes = self
            .silhouettes
            .map_or_else(String::new, |(former, fresh)| format!(" (silhouettes {former:.2} and {fresh:.2})"));
        match self.number {
            Kept::Both => {}
            Kept::Former => sentences.push(format!(
                "The number of personas stays {n_former}, which is as good as {n_fresh}, the choice of a fresh look{silhouettes}."
            )),
            Kept::Fresh => sentences.push(format!("There are {n_fresh} personas now instead of {n_former}{silhouettes}.")),
        }
        let figures = match (self.inertias, self.adjusted_rand) {
            (Some((former, fresh)), Some(adjusted_rand)) if fresh > 0.0 => format!(
                " (it has {:.3} times the spread within groups; adjusted Rand index {adjusted_rand:.2})",
                former / fresh
            ),
            _ => String::new(),
        };
        match self.grouping {
            None => {}
            Some(Kept::Both) => {
                sentences.push(
                    "The former grouping, refined on today's customers, and a fresh one are the same.".to_owned(),
                );
            }
            Some(Kept::Former) => sentences.push(format!(
                "The former grouping, refined on today's customers, was kept: it is as good as a fresh one{figures}."
            )),
            Some(Kept::Fresh) => sentences.push(format!(
                "A fresh grouping was taken: the former one, refined on today's customers, is not as good{figures}."
            )),
        }
        sentences.join(" ")
    }
}

/// Looks for personas in a population whose former ones are known, and carries those over.
///
/// # Errors
/// Those of [`discover`] and [`carry_over`].
pub fn rediscover(
    population: &Population,
    params: &DiscoveryParams,
    previous: &Previous,
    lineage_params: &LineageParams,
) -> Result<(Discovery, Lineage), PersonaError> {
    let (discovery, continuity) = discover_again(population, params, previous, lineage_params)?;
    let (discovery, lineage) = carry_over(discovery, previous, population, lineage_params)?;
    Ok((discovery, Lineage { continuity, ..lineage }))
}

/// Looks for personas as [`rediscover`] does, and leaves it to [`carry_over`] to give them ids and
/// names.
///
/// # Errors
/// As [`rediscover`].
pub fn discover_again(
    population: &Population,
    params: &DiscoveryParams,
    previous: &Previous,
    lineage_params: &LineageParams,
) -> Result<(Discovery, Option<Continuity>), PersonaError> {
    previous.check()?;
    let fresh = discover(population, params)?;
    let (discovery, mut continuity) = with_former_number(fresh, population, params, (previous, lineage_params))?;
    let discovery = with_former_grouping(discovery, population, (previous, lineage_params), continuity.as_mut())?;
    Ok((discovery, continuity))
}

/// Looks again for as many personas as there were, if so many are as good as what was found.
fn with_former_number(
    fresh: Discovery,
    population: &Population,
    params: &DiscoveryParams,
    (previous, lineage_params): (&Previous, &LineageParams),
) -> Result<(Discovery, Option<Continuity>), PersonaError> {
    let Outcome::Found(found) = &fresh.outcome else { return Ok((fresh, None)) };
    let n_former = previous.baseline.personas.len();
    let n_fresh = found.personas.len();
    let mut continuity = Continuity {
        n_former,
        n_fresh,
        number: if n_former == n_fresh { Kept::Both } else { Kept::Fresh },
        silhouettes: None,
        grouping: None,
        inertias: None,
        adjusted_rand: None,
    };
    // HDBSCAN has no number to choose.
    let given = matches!(params.personas, PersonaCount::Exactly(_)) || params.method == Method::Hdbscan;
    if n_former == n_fresh || given {
        return Ok((fresh, Some(continuity)));
    }
    let tried = |n_personas: usize| fresh.candidates.iter().find(|candidate| candidate.n_personas == n_personas);
    let (Some(former), Some(chosen)) = (tried(n_former), tried(n_fresh)) else { return Ok((fresh, Some(continuity))) };
    continuity.silhouettes = Some((former.silhouette, chosen.silhouette));
    let slack = lineage_params.silhouette_slack * chosen.silhouette.abs();
    if !stable(former) || former.silhouette < chosen.silhouette - slack {
        return Ok((fresh, Some(continuity)));
    }
    let again = discover(population, &DiscoveryParams { personas: PersonaCount::Exactly(n_former), ..*params })?;
    match &again.outcome {
        Outcome::Found(found) if found.personas.len() == n_former => {
            continuity.number = Kept::Former;
            let mut candidates = fresh.candidates;
            for candidate in &mut candidates {
                candidate.chosen = candidate.n_personas == n_former;
            }
            Ok((Discovery { candidates, ..again }, Some(continuity)))
        }
        Outcome::Found(_) | Outcome::Refused(_) => Ok((fresh, Some(continuity))),
    }
}

/// Whether every cluster, and the whole, can be expected to come back.
fn stable(candidate: &Candidate) -> bool {
    let least = candidate.stability_min.min(candidate.adjusted_rand);
    Confidence::of(least) >= Confidence::Stable
}

/// Puts the former grouping, refined, in the place of a fresh one with as many clusters, if it is as
/// good.
fn with_former_grouping(
    discovery: Discovery,
    population: &Population,
    (previous, params): (&Previous, &LineageParams),
    continuity: Option<&mut Continuity>,
) -> Result<Discovery, PersonaError> {
    let (Outcome::Found(found), Some(continuity)) = (&discovery.outcome, continuity) else { return Ok(discovery) };
    let fresh = found.model.membership.k_means();
    // A grouping refined by k-means is none of another method's.
    if matches!(found.model.division, Division::Method(_)) || fresh.n_clusters() != previous.baseline.personas.len() {
        return Ok(discovery);
    }
    let matrix = attempted(scaled_matrix(&found.model.columns, &found.model.scaler, population))?;
    let projected = attempted(found.model.projection.transform(&matrix))?;
    let Some(former) = refined(&projected, previous, population)? else { return Ok(discovery) };
    let labels = attempted(fresh.predict(&projected))?;
    let inertia = inertia(fresh, &projected)?;
    let adjusted_rand = attempted(adjusted_rand_index(&labels, former.labels()))?;
    continuity.inertias = Some((former.inertia(), inertia));
    continuity.adjusted_rand = Some(adjusted_rand);
    if labels == former.labels() {
        continuity.grouping = Some(Kept::Both);
        return Ok(discovery);
    }
    if former.inertia() > inertia * (1.0 + params.inertia_slack) {
        continuity.grouping = Some(Kept::Fresh);
        return Ok(discovery);
    }
    let alike = adjusted_rand >= ALIKE_MIN && found.personas.len() == fresh.n_clusters();
    let jaccard = if alike {
        carried_stability(found, &attempted(align(&labels, former.labels()))?)
    } else {
        judged_stability(&projected, &former)?
    };
    let least = |stabilities: &[f64]| stabilities.iter().copied().fold(1.0, f64::min);
    let fresh_least = found.personas.iter().map(|persona| persona.stability).fold(1.0, f64::min);
    // Stable, or no less so than what it stands in for.
    let as_stable = Confidence::of(least(&jaccard)) >= Confidence::Stable || least(&jaccard) >= fresh_least;
    if !alike && !as_stable {
        continuity.grouping = Some(Kept::Fresh);
        return Ok(discovery);
    }
    continuity.grouping = Some(Kept::Former);
    let grouping = Grouping { model: former, jaccard, separation: discovery.separation };
    let found = regrouped(population, found.model.clone(), matrix, grouping)?;
    Ok(Discovery { outcome: Outcome::Found(Box::new(found)), ..discovery })
}

/// Returns the better of two refinements on today's customers: from where the former personas'
/// members are, and from those nearest to the former centroids. `None` when a former persona has
/// nobody to start from or ends with nobody.
fn refined(matrix: &Matrix, previous: &Previous, population: &Population) -> Result<Option<KMeans>, PersonaError> {
    let nearest = previous.baseline.nearest(population);
    let mut former: std::collections::BTreeMap<_, _> =
        previous.memberships.rows().iter().map(|row| (&row.profile, row.assigned)).collect();
    let members: Vec<Option<usize>> = population
        .profiles
        .iter()
        .zip(&nearest)
        // Who was in no persona says nothing of where they are; who was not known is placed.
        .map(|(profile, nearest)| former.remove(profile).unwrap_or(*nearest))
        .collect();
    let n_clusters = previous.baseline.personas.len();
    let params = KMeansParams { n_clusters, n_init: 1, n_iter_max: N_ITER_MAX, tolerance: TOLERANCE, seed: 0 };
    let mut best: Option<KMeans> = None;
    for labels in [members, nearest] {
        let Some(centroids) = means(matrix, &labels, n_clusters)? else { continue };
        let fitted = match params.fit_from(matrix, &centroids) {
            Ok(fitted) => fitted,
            Err(throng_learn::LearnError::EmptyCluster { .. }) => continue,
            Err(source) => return attempted(Err(source)),
        };
        if best.as_ref().is_none_or(|best| fitted.inertia() < best.inertia()) {
            best = Some(fitted);
        }
    }
    Ok(best)
}

/// Returns the mean row of each label; `None` when one has no row.
fn means(matrix: &Matrix, labels: &[Option<usize>], n_clusters: usize) -> Result<Option<Matrix>, PersonaError> {
    let mut sums = vec![0.0_f64; n_clusters * matrix.n_columns()];
    let mut n_rows = vec![0.0_f64; n_clusters];
    for (row, label) in matrix.rows().zip(labels) {
        let Some(label) = *label else { continue };
        n_rows[label] += 1.0;
        let sums = sums[label * matrix.n_columns()..].iter_mut();
        for (sum, value) in sums.zip(row) {
            *sum += f64::from(*value);
        }
    }
    if n_rows.iter().any(|n| *n <= 0.0) {
        return Ok(None);
    }
    let values = sums.iter().enumerate().map(|(idx, sum)| single(sum / n_rows[idx / matrix.n_columns()]));
    attempted(Matrix::new(matrix.n_columns(), values.collect())).map(Some)
}

/// Returns the inertia of a model on all rows; it may have been fitted to some of them.
fn inertia(model: &KMeans, matrix: &Matrix) -> Result<f64, PersonaError> {
    let distances = attempted(model.distances(matrix))?;
    let nearest = distances.rows().map(|row| row.iter().copied().fold(f32::INFINITY, f32::min));
    Ok(nearest.map(|distance| f64::from(distance).powi(2)).sum())
}

/// Returns the stability of each former cluster, which is that of the fresh one it is alike to.
fn carried_stability(found: &Found, matching: &[Option<usize>]) -> Vec<f64> {
    let mut jaccard = vec![0.0; matching.len()];
    for (persona, fresh_cluster) in found.personas.iter().zip(&found.model.clusters) {
        if let Some(former_cluster) = matching.get(*fresh_cluster).copied().flatten() {
            jaccard[former_cluster] = persona.stability;
        }
    }
    jaccard
}

/// Returns the stability of each cluster under resampling, on evenly spread rows.
fn judged_stability(matrix: &Matrix, model: &KMeans) -> Result<Vec<f64>, PersonaError> {
    let stride = matrix.n_rows().div_ceil(N_ROWS_JUDGED_MAX).max(1);
    let rows: Vec<usize> = (0..matrix.n_rows()).step_by(stride).collect();
    let refit = KMeansParams {
        n_clusters: model.n_clusters(),
        n_init: 4,
        n_iter_max: N_ITER_MAX,
        tolerance: TOLERANCE,
        seed: 0,
    };
    let judged = stability(&matrix.take(&rows), model, &StabilityParams { n_resamples: N_RESAMPLES, refit });
    Ok(attempted(judged)?.jaccard)
}

fn attempted<T>(result: Result<T, throng_learn::LearnError>) -> Result<T, PersonaError> {
    result.map_err(|source| PersonaError::Learn { attempt: "refine the former personas", source })
}
