//! Customers divided by the method that was asked for, and whether that division can be counted on.

use throng_learn::{
    KMeans, KMeansParams, LearnError, Matrix, Preparation, Projection, SilhouetteParams, adjusted_rand_index,
    silhouette,
};

use super::choice::{Choice, LASTING_ADJUSTED_RAND_MIN, LASTING_JACCARD_MIN};
use super::method::{Division, Fitted, FittedDivision, Recipe};
use super::mix::Mix;
use super::{
    Candidate, DiscoveryParams, Method, N_RESAMPLES, N_ROWS_JUDGED_MAX, PERSONAS_MAX, PersonaCount, SHARE_MIN,
    Separation, attempted,
};
use crate::chance::{drawn, hashed};
use crate::columns::raw_matrix;
use crate::format::{n, share};
use crate::number::{count, floor, real_count, single};
use crate::refusal::from_learn;
use crate::{Continuum, ModelColumn, PersonaError, Population, Refusal, RefusalReason};

/// Share of the customers in a resample: as many as there are different ones in a bootstrap sample.
/// They are drawn without replacement, for a customer drawn twice is a dense region of its own.
const RESAMPLE_SHARE: f64 = 0.632;

/// Agreement (adjusted Rand index) with the groups between which there are borders, from which a
/// division is one at those borders.
const SAME_BORDERS_MIN: f64 = 0.9;

/// By how much the least group of HDBSCAN grows while what is found does not come back, and the share
/// of the customers beyond which it does not: two groups of a quarter may still be found.
const GROUP_SHARE_FACTOR: f64 = 2.0;
const GROUP_SHARE_MAX: f64 = 0.2;

/// What is divided.
pub(super) struct Subject<'a> {
    pub(super) population: &'a Population,
    pub(super) columns: &'a [ModelColumn],
    pub(super) scaler: &'a Preparation,
    /// The prepared features.
    pub(super) matrix: &'a Matrix,
    /// What the features are, in words, one for each column of the matrix.
    pub(super) phrases: Vec<String>,
}

/// A division that holds, and how it fared.
pub(super) type Divided = (Choice, Option<Candidate>);

impl Subject<'_> {
    /// Returns the groups that become personas, by the method asked for, `usual` being those of the
    /// usual one.
    ///
    /// The usual judgement says whether there are borders and how many personas there are. Where a
    /// continuum is cut, a number that was asked for needs no second opinion, and HDBSCAN has its own.
    pub(super) fn divided(
        &self,
        usual: Result<Choice, throng_learn::Refusal>,
        params: &DiscoveryParams,
    ) -> Result<Result<Divided, Refusal>, PersonaError> {
        let n_profiles = self.population.profiles.len();
        let cut = params.continuum == Continuum::Cut;
        let asked_for = match params.personas {
            PersonaCount::Exactly(n_personas) => Some(n_personas),
            PersonaCount::Auto { .. } => None,
        };
        match (params.method, usual) {
            (Method::Hdbscan, _) if asked_for.is_some() => Err(PersonaError::Method {
                method: Method::Hdbscan.as_str(),
                reason: "it finds a number of groups of its own; leave the number to auto".to_owned(),
            }),
            (Method::Auto, Ok(choice)) => Ok(Ok((choice, None))),
            (Method::KMeans, Ok(choice)) if choice.separation == Separation::Gradual => Ok(Ok((choice, None))),
            (_, Ok(choice)) => self.by_method(choice.model.n_clusters(), Some(&choice), params),
            (Method::Hdbscan, Err(_)) if cut => self.by_method(0, None, params),
            (Method::Mixture | Method::Ward | Method::Factorisation, Err(refusal)) if cut => match asked_for {
                Some(n_personas) => self.by_method(n_personas, None, params),
                None => Ok(Err(from_learn(refusal, n_profiles, &self.phrases))),
            },
            (_, Err(refusal)) => Ok(Err(from_learn(refusal, n_profiles, &self.phrases))),
        }
    }

    fn by_method(
        &self,
        n_clusters: usize,
        usual: Option<&Choice>,
        params: &DiscoveryParams,
    ) -> Result<Result<Divided, Refusal>, PersonaError> {
        let mix = match params.method {
            Method::Factorisation => Some(Mix::of(self.columns, self.scaler, self.population)?),
            Method::Auto | Method::KMeans | Method::Mixture | Method::Ward | Method::Hdbscan => None,
        };
        let shares = match &mix {
            Some(mix) => {
                let raw = raw_matrix(self.columns, self.population).and_then(|raw| mix.matrix(self.columns, &raw));
                Some(attempted("read the features", raw)?)
            }
            None => None,
        };
        let space = shares.as_ref().unwrap_or(self.matrix);
        let recipe = Recipe { method: params.method, n_clusters, group_share_min: SHARE_MIN, mix: mix.as_ref() };
        let mut divided = self.by_recipe(recipe, space, (usual, params.seed))?;
        let mut group_share_min = SHARE_MIN;
        // Dense regions within a group come and go; the larger the least group, the fewer are found.
        while params.method == Method::Hdbscan && divided.is_err() && group_share_min < GROUP_SHARE_MAX {
            group_share_min *= GROUP_SHARE_FACTOR;
            let coarser = self.by_recipe(Recipe { group_share_min, ..recipe }, space, (usual, params.seed))?;
            // If none holds, the reason why the finest does not.
            divided = coarser.or(divided);
        }
        Ok(divided)
    }

    fn by_recipe(
        &self,
        recipe: Recipe<'_>,
        space: &Matrix,
        (usual, seed): (Option<&Choice>, u64),
    ) -> Result<Result<Divided, Refusal>, PersonaError> {
        let method = recipe.method;
        let Some(fitted) = fitted(recipe.fit(space, seed))? else {
            return Ok(Err(self.too_much_alike(recipe.n_clusters)));
        };
        let groups = attempted("divide customers", fitted.predict(space))?;
        let n_groups = fitted.n_clusters();
        if let Some(refusal) = self.wrong_number(n_groups, method) {
            return Ok(Err(refusal));
        }
        let sizes: Vec<usize> =
            (0..n_groups).map(|group| groups.iter().filter(|found| **found == Some(group)).count()).collect();
        let Some((model, clusters)) = centroids(self.matrix, &groups, &sizes)? else {
            return Ok(Err(self.too_much_alike(n_groups)));
        };
        let labels: Vec<Option<usize>> = groups.iter().map(|group| group.map(|group| clusters[group])).collect();
        let judged = drawn(labels.len(), N_ROWS_JUDGED_MAX, (seed, STREAM_JUDGED));
        let sample_labels: Vec<Option<usize>> = judged.iter().map(|row| labels[*row]).collect();
        let (jaccard, adjusted_rand) = stability(recipe, &space.take(&judged), (&sample_labels, n_groups), seed)?;
        let share_min = real_count(sizes.iter().copied().min().unwrap_or(0)) / real_count(labels.len());
        let candidate = Candidate {
            n_personas: n_groups,
            silhouette: mean_silhouette(&self.matrix.take(&judged), &sample_labels, seed)?,
            silhouette_reference: None,
            stability_min: jaccard.iter().copied().fold(1.0, f64::min),
            adjusted_rand,
            share_min,
            chosen: true,
        };
        if let Some(refusal) = self.not_lasting(&candidate, method) {
            return Ok(Err(refusal));
        }
        let separation = separation(usual, &labels)?;
        let division = Division::Method(Box::new(FittedDivision::new(fitted, clusters)));
        let projection = Projection::identity(self.matrix.n_columns());
        Ok(Ok((Choice { projection, model, labels, jaccard, separation, division }, Some(candidate))))
    }

    fn too_much_alike(&self, n_clusters: usize) -> Refusal {
        let refusal = throng_learn::Refusal::TooFewDistinctRows { n_clusters };
        from_learn(refusal, self.population.profiles.len(), &self.phrases)
    }

    fn wrong_number(&self, n_groups: usize, method: Method) -> Option<Refusal> {
        let found = match n_groups {
            0 | 1 => "no two groups".to_owned(),
            n_groups if n_groups > PERSONAS_MAX => {
                format!("{n_groups} groups, more than the {PERSONAS_MAX} that can be told apart by reading")
            }
            _ => return None,
        };
        let n_profiles = n(count(self.population.profiles.len()));
        Some(Refusal {
            reason: RefusalReason::NoStructure,
            text: format!(
                "Divided {}, the {n_profiles} customers fall into {found}. Leave the method to auto, or try another.",
                method.phrase()
            ),
            numbers: vec![("n_personas".to_owned(), real_count(n_groups))],
        })
    }

    /// Returns why a division cannot be counted on; `None` when it can.
    fn not_lasting(&self, candidate: &Candidate, method: Method) -> Option<Refusal> {
        let (n_personas, phrase) = (candidate.n_personas, method.phrase());
        let n_profiles = n(count(self.population.profiles.len()));
        if candidate.stability_min < LASTING_JACCARD_MIN || candidate.adjusted_rand < LASTING_ADJUSTED_RAND_MIN {
            return Some(Refusal {
                reason: RefusalReason::NoStructure,
                text: format!(
                    "Divided {phrase} into {n_personas}, the {n_profiles} customers do not fall into the same groups \
                     when they are drawn anew: the weakest group kept {} of its members, and {} are needed; the \
                     divisions as a whole agree to {} (adjusted Rand index), and {} are needed. Leave the method to \
                     auto, or ask for another number.",
                    share(candidate.stability_min),
                    share(LASTING_JACCARD_MIN),
                    share(candidate.adjusted_rand),
                    share(LASTING_ADJUSTED_RAND_MIN)
                ),
                numbers: vec![
                    ("n_personas".to_owned(), real_count(n_personas)),
                    ("jaccard_min".to_owned(), candidate.stability_min),
                    ("adjusted_rand".to_owned(), candidate.adjusted_rand),
                ],
            });
        }
        (candidate.share_min < SHARE_MIN).then(|| Refusal {
            reason: RefusalReason::GroupsTooSmall,
            text: format!(
                "Divided {phrase} into {n_personas}, the {n_profiles} customers fall into the same groups each time, \
                 but the smallest holds {} of them, and a persona needs {}. Leave the method to auto, or ask for \
                 fewer.",
                share(candidate.share_min),
                share(SHARE_MIN)
            ),
            numbers: vec![
                ("n_personas".to_owned(), real_count(n_personas)),
                ("share_min".to_owned(), candidate.share_min),
                ("share_needed".to_owned(), SHARE_MIN),
            ],
        })
    }
}

/// Streams of chance: the rows that are judged; resamples and their fits count up from the last.
const STREAM_JUDGED: u64 = 1;
const STREAM_RESAMPLES: u64 = 2;

/// Returns what was fitted; `None` where rows are too few or too much alike for so many groups.
fn fitted(result: Result<Fitted, LearnError>) -> Result<Option<Fitted>, PersonaError> {
    match result {
        Err(
            LearnError::TooFewRows { .. } | LearnError::TooFewDistinctRows { .. } | LearnError::EmptyCluster { .. },
        ) => Ok(None),
        result => attempted("divide customers", result).map(Some),
    }
}

/// Returns the mean rows of the groups as a model, and for each group its cluster there; `None` when a
/// group is empty or two have one centroid.
fn centroids(
    matrix: &Matrix,
    groups: &[Option<usize>],
    sizes: &[usize],
) -> Result<Option<(KMeans, Vec<usize>)>, PersonaError> {
    if sizes.contains(&0) {
        return Ok(None);
    }
    let mut sums = vec![0.0_f64; sizes.len() * matrix.n_columns()];
    for (row, group) in matrix.rows().zip(groups) {
        let Some(group) = *group else { continue };
        let sums = sums[group * matrix.n_columns()..].iter_mut();
        sums.zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let values = sums.iter().enumerate().map(|(idx, sum)| single(sum / real_count(sizes[idx / matrix.n_columns()])));
    let means = attempted("find the groups' centroids", Matrix::new(matrix.n_columns(), values.collect()))?;
    // Fitted to the centroids alone, every one of them is a cluster, and stays where it is.
    let params = KMeansParams { n_clusters: sizes.len(), n_init: 1, n_iter_max: 1, tolerance: 0.0, seed: 0 };
    let model = match params.fit_from(&means, &means) {
        Err(LearnError::EmptyCluster { .. } | LearnError::TooFewDistinctRows { .. }) => return Ok(None),
        result => attempted("find the groups' centroids", result)?,
    };
    let clusters = attempted("find the groups' centroids", model.predict(&means))?;
    Ok(Some((model, clusters)))
}

/// Returns each cluster's mean Jaccard similarity with the most similar group of the same method on
/// some of the rows, and the mean adjusted Rand index.
fn stability(
    recipe: Recipe<'_>,
    rows: &Matrix,
    (labels, n_clusters): (&[Option<usize>], usize),
    seed: u64,
) -> Result<(Vec<f64>, f64), PersonaError> {
    let n_taken = usize::try_from(floor(RESAMPLE_SHARE * real_count(rows.n_rows()))).unwrap_or(0);
    let mut jaccard = vec![0.0; n_clusters];
    let mut adjusted_rand = 0.0;
    for stream in (STREAM_RESAMPLES..).take(N_RESAMPLES) {
        let resample = rows.take(&drawn(rows.n_rows(), n_taken, (seed, stream)));
        // A resample that cannot be divided so finds nothing again.
        let Some(refit) = fitted(recipe.fit(&resample, hashed(seed, stream, b"refit")))? else { continue };
        let found = attempted("divide customers", refit.predict(rows))?;
        for (sum, best) in jaccard.iter_mut().zip(best_jaccards(labels, &found, n_clusters)) {
            *sum += best / real_count(N_RESAMPLES);
        }
        let index = adjusted_rand_index(&numbered(labels, n_clusters), &numbered(&found, refit.n_clusters()));
        adjusted_rand += attempted("compare divisions", index)? / real_count(N_RESAMPLES);
    }
    Ok((jaccard, adjusted_rand))
}

/// Returns the labels with those who are in no cluster as one more.
fn numbered(labels: &[Option<usize>], n_clusters: usize) -> Vec<usize> {
    labels.iter().map(|label| label.unwrap_or(n_clusters)).collect()
}

/// Returns for each cluster its greatest Jaccard similarity with a group of `found`.
fn best_jaccards(labels: &[Option<usize>], found: &[Option<usize>], n_clusters: usize) -> Vec<f64> {
    let n_groups = found.iter().flatten().max().map_or(0, |group| group + 1);
    let mut common = vec![vec![0_usize; n_groups]; n_clusters];
    let (mut sizes, mut group_sizes) = (vec![0_usize; n_clusters], vec![0_usize; n_groups]);
    for (label, group) in labels.iter().zip(found) {
        label.iter().for_each(|label| sizes[*label] += 1);
        group.iter().for_each(|group| group_sizes[*group] += 1);
        if let (Some(label), Some(group)) = (label, group) {
            common[*label][*group] += 1;
        }
    }
    let best = common.iter().zip(&sizes).map(|(common, size)| {
        let similarities = common.iter().zip(&group_sizes).map(|(both, group_size)| {
            let either = size + group_size - both;
            if either == 0 { 0.0 } else { real_count(*both) / real_count(either) }
        });
        similarities.fold(0.0, f64::max)
    });
    best.collect()
}

fn mean_silhouette(matrix: &Matrix, labels: &[Option<usize>], seed: u64) -> Result<f64, PersonaError> {
    let inside: Vec<usize> = (0..labels.len()).filter(|row| labels[*row].is_some()).collect();
    let known: Vec<usize> = labels.iter().copied().flatten().collect();
    let params = SilhouetteParams { n_rows_max: N_ROWS_JUDGED_MAX, seed };
    Ok(attempted("judge the division", silhouette(&matrix.take(&inside), &known, &params))?.mean)
}

/// Returns whether the groups are those between which there are borders.
fn separation(usual: Option<&Choice>, labels: &[Option<usize>]) -> Result<Separation, PersonaError> {
    let Some(usual) = usual.filter(|usual| usual.separation == Separation::Distinct) else {
        return Ok(Separation::Gradual);
    };
    let pairs: Vec<(usize, usize)> = usual.labels.iter().zip(labels).filter_map(|(a, b)| (*a).zip(*b)).collect();
    let (kinds, groups): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
    let index = attempted("compare divisions", adjusted_rand_index(&kinds, &groups))?;
    Ok(if index >= SAME_BORDERS_MIN { Separation::Distinct } else { Separation::Gradual })
}
