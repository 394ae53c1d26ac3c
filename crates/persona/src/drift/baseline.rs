//! What is kept of a discovery so that later ones can be held against it.
//!
//! It is plain data and knows nothing of scalers or mixtures: every feature's distribution as counts
//! between its own quantiles, and every persona's centroid as positions in those distributions. So
//! it outlives any change in how clusters are found, and needs no customer to be known twice.

use throng_event::Day;
use throng_learn::QuantileBins;

use crate::number::{count, real_count};
use crate::{Discovery, FeatureColumn, Found, Outcome, PersonaError, PersonaId, Population, Values};

/// Bins of a number's distribution: deciles, by custom.
const N_BINS: usize = 10;

/// Values of a category that are counted one by one; the rest count as one.
const VALUES_MAX: usize = 20;

/// Share of all votes that two centroids need in common to be compared.
const VOTES_MIN: f64 = 0.5;

/// The state of a population and of its personas at one discovery.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The day whose end the numbers were taken at.
    pub as_of: Day,
    /// How many profiles there were.
    pub n_profiles: u64,
    /// How many of them counted for no persona.
    pub n_unassigned: u64,
    /// How every feature that was known was distributed.
    pub features: Vec<FeatureBaseline>,
    /// The personas, in their order.
    pub personas: Vec<PersonaBaseline>,
}

/// How one feature was distributed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureBaseline {
    /// The feature's name.
    pub name: String,
    /// What it is called in sentences.
    pub phrase: String,
    /// Its share of all votes in a distance; 0 when it made no personas.
    pub vote: f64,
    /// Its values.
    pub distribution: Distribution,
}

/// The values of one feature, counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// A number, by quantiles.
    Numbers(QuantileBins),
    /// A category, by value.
    Categories {
        /// The most frequent values with their counts.
        values: Vec<(String, u64)>,
        /// Profiles that had another value.
        n_other: u64,
        /// Profiles whose value was not known.
        n_missing: u64,
    },
}

/// One persona as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaBaseline {
    /// Its key.
    pub id: PersonaId,
    /// Its name.
    pub name: String,
    /// How many profiles counted for it.
    pub n_profiles: u64,
    /// Its mean position in every feature, from 0 to 1, as many as [`Baseline::n_coordinates`]: one for
    /// a number, and for a category the share of each counted value.
    pub centroid: Vec<f64>,
}

impl Baseline {
    /// Returns what is to be kept of a discovery; `None` when it found no personas.
    ///
    /// # Errors
    /// [`PersonaError`] when the discovery is not of this population.
    pub fn of(population: &Population, discovery: &Discovery) -> Result<Option<Self>, PersonaError> {
        let Outcome::Found(found) = &discovery.outcome else { return Ok(None) };
        population.check()?;
        let mut features = Vec::new();
        for column in &population.features {
            let used = discovery.features_used.iter().find(|used| used.name == column.definition.name);
            let vote = used.map_or(0.0, |used| used.vote);
            features.extend(distribution(&column.values).map(|distribution| FeatureBaseline {
                name: column.definition.name.clone(),
                phrase: column.definition.phrase.clone(),
                vote,
                distribution,
            }));
        }
        let mut baseline = Self {
            as_of: population.as_of.day,
            n_profiles: count(population.profiles.len()),
            n_unassigned: count(found.memberships.n_unassigned()),
            features,
            personas: Vec::new(),
        };
        let centroids = baseline.centroids(population, found)?;
        for (persona, centroid) in found.personas.iter().zip(centroids) {
            baseline.personas.push(PersonaBaseline {
                id: persona.id.clone(),
                name: persona.name.clone(),
                n_profiles: persona.n_profiles,
                centroid,
            });
        }
        Ok(Some(baseline))
    }

    /// Returns how many numbers a centroid has.
    #[must_use]
    pub fn n_coordinates(&self) -> usize {
        self.features.iter().map(|feature| feature.middle().len()).sum()
    }

    /// Returns the centroids of personas found in a population, as positions in this baseline.
    pub(crate) fn centroids(&self, population: &Population, found: &Found) -> Result<Vec<Vec<f64>>, PersonaError> {
        let rows = found.memberships.rows();
        let same = rows.iter().map(|row| &row.profile).eq(&population.profiles);
        if !same {
            let (n_memberships, n_profiles) = (rows.len(), population.profiles.len());
            return Err(PersonaError::OtherPopulation { n_memberships, n_profiles });
        }
        let n_personas = found.personas.len();
        let mut n_members = vec![0.0; n_personas];
        for persona_idx in rows.iter().filter_map(|row| row.assigned) {
            n_members[persona_idx] += 1.0;
        }
        let mut centroids = vec![Vec::new(); n_personas];
        for coordinate in self.features.iter().flat_map(|feature| feature.positions(population)) {
            let mut sums = vec![if coordinate.is_none() { f64::NAN } else { 0.0 }; n_personas];
            for (row, position) in rows.iter().zip(coordinate.iter().flatten()) {
                if let Some(persona_idx) = row.assigned {
                    sums[persona_idx] += position;
                }
            }
            for ((centroid, sum), n) in centroids.iter_mut().zip(sums).zip(&n_members) {
                centroid.push(sum / n);
            }
        }
        Ok(centroids)
    }

    /// Returns the distance of two centroids: the root of the mean squared difference of positions,
    /// each feature with its vote; `None` when they have too little in common.
    pub(crate) fn distance(&self, first: &[f64], second: &[f64]) -> Option<f64> {
        let (mut sum, mut common, mut all) = (0.0, 0.0, 0.0);
        let weights = self.features.iter().flat_map(|feature| vec![feature.weight(); feature.middle().len()]);
        for ((a, b), weight) in first.iter().zip(second).zip(weights) {
            all += weight;
            if !a.is_nan() && !b.is_nan() {
                common += weight;
                sum += weight * (a - b).powi(2);
            }
        }
        (common > 0.0 && common >= VOTES_MIN * all).then(|| (sum / common).sqrt())
    }

    /// Returns how far each persona lies from the nearest other one, the unit in which its own
    /// changes are told; for a single one, from the middle of all profiles.
    pub(crate) fn gaps(&self) -> Vec<f64> {
        let middle: Vec<f64> = self.features.iter().flat_map(FeatureBaseline::middle).collect();
        let gaps = self.personas.iter().enumerate().map(|(persona_idx, persona)| {
            let others = self.personas.iter().enumerate().filter(|(other_idx, _)| *other_idx != persona_idx);
            let distances = others.filter_map(|(_, other)| self.distance(&persona.centroid, &other.centroid));
            let nearest = distances.fold(f64::INFINITY, f64::min);
            if nearest.is_finite() {
                return nearest;
            }
            self.distance(&persona.centroid, &middle).unwrap_or(0.0)
        });
        gaps.collect()
    }

    /// Returns, for every profile of a population, the persona whose centroid is nearest; of equally
    /// near ones the first.
    pub(crate) fn nearest(&self, population: &Population) -> Vec<Option<usize>> {
        let n_personas = self.personas.len();
        let mut squares = vec![0.0; population.profiles.len() * n_personas];
        let features = self.features.iter();
        let coordinates = features
            .flat_map(|feature| feature.positions(population).into_iter().map(|column| (feature.weight(), column)));
        for (coordinate, (weight, column)) in coordinates.enumerate() {
            let places: Vec<f64> = self.personas.iter().map(|persona| persona.centroid[coordinate]).collect();
            for (row, position) in squares.chunks_exact_mut(n_personas.max(1)).zip(column.iter().flatten()) {
                for (square, place) in row.iter_mut().zip(&places) {
                    *square += weight * (position - place).powi(2);
                }
            }
        }
        let rows = squares.chunks_exact(n_personas.max(1));
        let mut nearest: Vec<Option<usize>> =
            rows.map(|row| (0..n_personas).min_by(|a, b| row[*a].total_cmp(&row[*b]))).collect();
        nearest.resize(population.profiles.len(), None);
        nearest
    }
}

impl FeatureBaseline {
    /// Returns the positions of all profiles of a population, coordinate by coordinate; `None` for
    /// one whose feature the population lacks.
    fn positions(&self, population: &Population) -> Vec<Option<Vec<f64>>> {
        let column = population.features.iter().find(|column| column.definition.name == self.name);
        match (&self.distribution, column.map(|column| &column.values)) {
            (Distribution::Numbers(bins), Some(Values::Numbers(numbers))) => {
                vec![Some(numbers.iter().map(|number| bins.position(*number)).collect())]
            }
            (Distribution::Categories { values, .. }, Some(Values::Categories(categories))) => {
                let positions = values.iter().zip(self.middle()).map(|((value, _), middle)| {
                    // Who is not known is taken as anybody.
                    let position = |known: &Option<String>| {
                        known.as_ref().map_or(middle, |known| f64::from(u8::from(known == value)))
                    };
                    Some(categories.iter().map(position).collect())
                });
                positions.collect()
            }
            (Distribution::Numbers(_) | Distribution::Categories { .. }, _) => vec![None; self.middle().len()],
        }
    }

    /// Returns where the profiles of the baseline stand on average, coordinate by coordinate.
    fn middle(&self) -> Vec<f64> {
        match &self.distribution {
            Distribution::Numbers(_) => vec![0.5],
            Distribution::Categories { values, n_other, .. } => {
                let n_known = n_other + values.iter().map(|(_, n)| n).sum::<u64>();
                values.iter().map(|(_, n)| ratio(*n, n_known)).collect()
            }
        }
    }

    /// Returns the weight of each coordinate in a squared distance. The values of a category share
    /// its vote by halves, as one becomes more frequent where another becomes less.
    fn weight(&self) -> f64 {
        match &self.distribution {
            Distribution::Numbers(_) => self.vote,
            Distribution::Categories { .. } => self.vote / 2.0,
        }
    }
}

impl Distribution {
    /// Returns the counts of the reference and of a later column over the same bins; `None` when the
    /// column is of another kind.
    pub(crate) fn counts(&self, column: &FeatureColumn) -> Option<(Vec<u64>, Vec<u64>)> {
        match (self, &column.values) {
            (Self::Numbers(bins), Values::Numbers(numbers)) => Some((bins.counts().to_vec(), bins.counts_of(numbers))),
            (Self::Categories { values, n_other, n_missing }, Values::Categories(categories)) => {
                let mut reference: Vec<u64> = values.iter().map(|(_, n)| *n).collect();
                reference.extend([*n_other, *n_missing]);
                let mut current = vec![0; reference.len()];
                for known in categories {
                    let bin = match known {
                        None => values.len() + 1,
                        Some(known) => values.iter().position(|(value, _)| value == known).unwrap_or(values.len()),
                    };
                    current[bin] += 1;
                }
                Some((reference, current))
            }
            (Self::Numbers(_), Values::Categories(_)) | (Self::Categories { .. }, Values::Numbers(_)) => None,
        }
    }
}

/// Returns a column's distribution; `None` when nothing is known.
fn distribution(values: &Values) -> Option<Distribution> {
    match values {
        Values::Numbers(numbers) => QuantileBins::fit(numbers, N_BINS).ok().map(Distribution::Numbers),
        Values::Categories(categories) => {
            let mut n_by_value: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
            for value in categories.iter().flatten() {
                *n_by_value.entry(value).or_default() += 1;
            }
            let n_known: u64 = n_by_value.values().sum();
            let mut values: Vec<(String, u64)> =
                n_by_value.into_iter().map(|(value, n)| (value.to_owned(), n)).collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(VALUES_MAX);
            let n_counted: u64 = values.iter().map(|(_, n)| n).sum();
            let n_missing = count(categories.len()) - n_known;
            (n_known > 0).then_some(Distribution::Categories { values, n_other: n_known - n_counted, n_missing })
        }
    }
}

/// Returns a share of a whole; 0 of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    let float = |n: u64| real_count(usize::try_from(n).unwrap_or(usize::MAX));
    float(part) / float(whole)
}
