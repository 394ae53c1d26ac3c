//! Which differences are worth telling: everything that could be said, tested, and then the few
//! that say the most without saying it twice.

use std::collections::BTreeMap;

use throng_event::Field;
use throng_feature::{FeatureDefinition, FeatureKind, SignalCategory};
use throng_learn::benjamini_hochberg;

use crate::compare::{CRITICAL_Z, centred_ranks, rank_correlation};
use crate::evidence::{Groups, Measured, measured};
use crate::number::real;
use crate::sense::{Sense, Theme, differs_in_window_only, said, sense, theme};
use crate::statement::value_text;
use crate::{Evidence, Measure, PersonaError, Population, Values};

/// Expected share of false statements among all that pass (Benjamini and Hochberg 1995).
pub(crate) const FALSE_DISCOVERY_RATE: f64 = 0.01;

/// Known values a group must have: means of fewer say more about chance than about people.
const N_VALUES_MIN: u64 = 20;

/// The least effect anybody would act on: the lower end of "small" (Romano et al. 2006).
pub(crate) const EFFECT_MIN: f64 = 0.147;

/// The least difference of shares that is told of a category or a trait; these are split among
/// many values, so that a telling difference is smaller than that of a number.
const SHARE_DIFFERENCE_MIN: f64 = 0.05;

/// The least difference of mean shares: 2 % of a budget beside 1 % is a detail.
const MEAN_SHARE_DIFFERENCE_MIN: f64 = 0.02;

/// Share of a persona's members whose number must be known: a mean over a few of them would be told
/// as if it were of all.
const KNOWN_SHARE_MIN: f64 = 0.5;

/// What a value that is rarer than elsewhere counts beside one that is more frequent.
const ABSENCE_WEIGHT: f64 = 0.7;

/// The least ratio between two shares, or its inverse: 52 % beside 47 % sets nobody apart.
const SHARE_RATIO_MIN: f64 = 1.25;

/// The most values of one category or trait that are looked at, the most frequent ones.
const VALUES_MAX: usize = 12;

/// Features whose ranks correlate more than this tell one story.
const CORRELATION_MAX: f64 = 0.75;

/// Distinctions and demographic facts told of one persona; more are not read.
const DISTINCTIONS_MAX: usize = 7;
const DEMOGRAPHICS_MAX: usize = 4;

/// Differences told from the nearest persona: one sentence holds two.
const NEAREST_MAX: usize = 2;

/// Distinctions of one theme: six groups of products are a table, not a description.
const DISTINCTIONS_OF_THEME_MAX: usize = 2;

/// A difference between a persona and those it is compared with that passed every test.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) measure: Measure,
    pub(crate) evidence: Evidence,
    /// Position of the feature in the population; `None` for a trait.
    pub(crate) feature_idx: Option<usize>,
}

impl Difference {
    /// Returns how far apart the groups are, from 0 to 1.
    pub(crate) fn strength(&self) -> f64 {
        self.evidence.effect.value.abs()
    }

    /// Returns the standard error of the strength.
    pub(crate) fn error(&self) -> f64 {
        let effect = self.evidence.effect;
        (effect.high - effect.low) / (2.0 * CRITICAL_Z)
    }

    /// Returns what the difference counts in the order of telling: what people are says more than
    /// what they are not, when both are shares of one category's values.
    fn weight(&self) -> f64 {
        let what_they_are_not = self.measure.value().is_some() && !self.more();
        if what_they_are_not { ABSENCE_WEIGHT * self.strength() } else { self.strength() }
    }

    /// Returns whether the persona has more of it.
    pub(crate) fn more(&self) -> bool {
        self.evidence.effect.value > 0.0
    }
}

/// What could be said about any persona of a population, prepared once for all of them.
pub(crate) struct Subjects<'a> {
    population: &'a Population,
    /// Values looked at, for each categorical feature and each trait by position.
    feature_values: BTreeMap<usize, Vec<&'a str>>,
    trait_values: Vec<Vec<&'a str>>,
    /// Centred ranks of each feature; empty for categories.
    ranks: Vec<Vec<f64>>,
    /// Whether no value of the feature is negative, so that means can be compared as a ratio.
    never_negative: Vec<bool>,
}

impl<'a> Subjects<'a> {
    pub(crate) fn new(population: &'a Population) -> Self {
        let mut feature_values = BTreeMap::new();
        let mut ranks = Vec::new();
        let mut never_negative = Vec::new();
        for (feature_idx, feature) in population.features.iter().enumerate() {
            match &feature.values {
                Values::Numbers(numbers) => {
                    ranks.push(centred_ranks(numbers));
                    never_negative.push(!numbers.iter().any(|number| *number < 0.0));
                }
                Values::Categories(categories) => {
                    feature_values.insert(feature_idx, frequent_values(categories));
                    ranks.push(Vec::new());
                    never_negative.push(false);
                }
            }
        }
        let trait_values = population.traits.iter().map(|column| frequent_values(&column.values)).collect();
        Self { population, feature_values, trait_values, ranks, never_negative }
    }

    /// Returns whether anything is known of what people buy.
    pub(crate) fn transactional(&self) -> bool {
        let mut features = self.population.features.iter();
        features.any(|feature| feature.definition.category == SignalCategory::Transactional)
    }

    pub(crate) fn definition(&self, difference: &Difference) -> Option<&'a FeatureDefinition> {
        difference.feature_idx.map(|feature_idx| &self.population.features[feature_idx].definition)
    }

    /// Returns the differences within each pair of groups that are sure and not small, the strongest
    /// first; those of equal strength in the order of their measures.
    ///
    /// All that was looked at, in every feature, trait and pair of groups, is one family of tests.
    pub(crate) fn differences(&self, groups: &[Groups<'_>]) -> Result<Vec<Vec<Difference>>, PersonaError> {
        let sure = |(difference, p_value): (Difference, f64)| {
            (p_value <= FALSE_DISCOVERY_RATE && self.telling(&difference)).then_some(difference)
        };
        let mut found = Vec::new();
        for tested in self.tested(groups)? {
            let mut differences: Vec<Difference> = tested.into_iter().filter_map(sure).collect();
            differences.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then_with(|| a.measure.cmp(&b.measure)));
            found.push(differences);
        }
        Ok(found)
    }

    /// Returns all that was looked at within each pair of groups, with the probability of such a difference by
    /// chance, adjusted for everything in the answer.
    pub(crate) fn tested(&self, groups: &[Groups<'_>]) -> Result<Vec<Vec<(Difference, f64)>>, PersonaError> {
        let mut p_values = Vec::new();
        let mut tested: Vec<Vec<(Difference, f64)>> = Vec::new();
        for group in groups {
            let mut differences = Vec::new();
            for (feature_idx, measure) in self.measures() {
                let Some((measure, found)) = self.measured(feature_idx, measure, group)? else { continue };
                p_values.push(found.p_value);
                differences.push((Difference { measure, evidence: found.evidence, feature_idx }, found.p_value));
            }
            tested.push(differences);
        }
        let attempt = "adjust for the number of differences looked at";
        let adjusted = benjamini_hochberg(&p_values).map_err(|source| PersonaError::Learn { attempt, source })?;
        // The adjusted values come in the order the differences were pushed in.
        for ((_, p_value), adjusted) in tested.iter_mut().flatten().zip(adjusted) {
            *p_value = adjusted;
        }
        Ok(tested)
    }

    /// Returns the few differences to tell, in order: first what they do, then who they are.
    ///
    /// Those at the positions of `named` are told whatever they repeat: a name must be borne out by
    /// what is read below it.
    pub(crate) fn told<'d>(&self, differences: &'d [Difference], named: &[usize]) -> Vec<&'d Difference> {
        let mut distinctions: Vec<(usize, &Difference)> = Vec::new();
        let mut demographics: Vec<&Difference> = Vec::new();
        for (position, difference) in differences.iter().enumerate() {
            if self.demographic(difference) {
                let already = demographics.iter().any(|told| told.measure.subject() == difference.measure.subject());
                if !already && demographics.len() < DEMOGRAPHICS_MAX {
                    demographics.push(difference);
                }
            } else if distinctions.len() < DISTINCTIONS_MAX && self.says_something_new(difference, &distinctions) {
                distinctions.push((position, difference));
            }
        }
        for &position in named {
            if !distinctions.iter().any(|(told, _)| *told == position) {
                distinctions.push((position, &differences[position]));
            }
        }
        distinctions.sort_by_key(|(position, _)| *position);
        distinctions.into_iter().map(|(_, difference)| difference).chain(demographics).collect()
    }

    /// Returns the differences that tell a persona from the one nearest to it.
    pub(crate) fn told_of_nearest<'d>(&self, differences: &'d [Difference]) -> Vec<&'d Difference> {
        let mut told: Vec<(usize, &Difference)> = Vec::new();
        for (position, difference) in differences.iter().enumerate() {
            let new = !self.demographic(difference) && self.says_something_new(difference, &told);
            if new && told.len() < NEAREST_MAX {
                told.push((position, difference));
            }
        }
        told.into_iter().map(|(_, difference)| difference).collect()
    }

    /// Returns whether the difference is one of who they say they are.
    pub(crate) fn demographic(&self, difference: &Difference) -> bool {
        self.definition(difference).is_none_or(said)
    }

    fn says_something_new(&self, difference: &Difference, told: &[(usize, &Difference)]) -> bool {
        let Some(definition) = self.definition(difference) else { return true };
        let of_theme =
            told.iter().filter(|(_, other)| self.definition(other).is_some_and(|d| theme(d) == theme(definition)));
        if of_theme.count() >= theme_max(theme(definition)) {
            return false;
        }
        !told.iter().any(|(_, other)| self.same_story(difference, other))
    }

    /// Returns whether two differences would tell the reader one thing twice.
    pub(crate) fn same_story(&self, first: &Difference, second: &Difference) -> bool {
        let (Some(first_idx), Some(second_idx)) = (first.feature_idx, second.feature_idx) else {
            return first.measure.subject() == second.measure.subject();
        };
        let definition = |feature_idx: usize| &self.population.features[feature_idx].definition;
        if first_idx == second_idx || differs_in_window_only(definition(first_idx), definition(second_idx)) {
            return true;
        }
        let (first_ranks, second_ranks) = (&self.ranks[first_idx], &self.ranks[second_idx]);
        if first_ranks.is_empty() || second_ranks.is_empty() {
            return false;
        }
        rank_correlation(first_ranks, second_ranks).abs() > CORRELATION_MAX
    }

    /// Returns everything that can be measured, with the feature each is about.
    fn measures(&self) -> Vec<(Option<usize>, Measure)> {
        let mut measures = Vec::new();
        for (feature_idx, feature) in self.population.features.iter().enumerate() {
            let name = &feature.definition.name;
            match self.feature_values.get(&feature_idx) {
                None if self.told_as_ratio(feature_idx) => {
                    measures.push((Some(feature_idx), Measure::MeanRatio { feature: name.clone() }));
                }
                None => measures.push((Some(feature_idx), Measure::MeanDifference { feature: name.clone() })),
                Some(values) => {
                    for value in values {
                        let measure = Measure::CategoryShare { feature: name.clone(), value: (*value).to_owned() };
                        measures.push((Some(feature_idx), measure));
                    }
                }
            }
        }
        for (column, values) in self.population.traits.iter().zip(&self.trait_values) {
            if self.feature_of_trait(&column.name) {
                continue;
            }
            for value in values {
                let measure = Measure::TraitShare { name: column.name.clone(), value: (*value).to_owned() };
                measures.push((None, measure));
            }
        }
        measures
    }

    /// Whether the catalogue has the trait as a feature, so that it need not be told twice.
    fn feature_of_trait(&self, name: &str) -> bool {
        let mut features = self.population.features.iter();
        features.any(|feature| {
            let kind = &feature.definition.kind;
            matches!(kind, FeatureKind::First { of: Field::Trait(of), .. } | FeatureKind::Last { of: Field::Trait(of), .. } if of == name)
        })
    }

    /// Counts, money and durations are read as "twice as much", dates and shares as a difference.
    fn told_as_ratio(&self, feature_idx: usize) -> bool {
        let sense = sense(&self.population.features[feature_idx].definition);
        let counted = matches!(sense, Sense::Volume | Sense::Spend | Sense::Basket | Sense::Duration);
        counted && self.never_negative[feature_idx]
    }

    /// Measures one thing; `None` when too few values are known to say anything.
    ///
    /// A ratio whose mean is 0 on one side is measured as a difference: "none at all" is told too.
    fn measured(
        &self,
        feature_idx: Option<usize>,
        measure: Measure,
        group: &Groups<'_>,
    ) -> Result<Option<(Measure, Measured)>, PersonaError> {
        let (measure, found) = match (measured(&measure, group), feature_idx) {
            (Err(PersonaError::Learn { .. }), Some(feature_idx)) => {
                let feature = self.population.features[feature_idx].definition.name.clone();
                let measure = Measure::MeanDifference { feature };
                let found = measured(&measure, group);
                (measure, found)
            }
            (found, _) => (measure, found),
        };
        match found {
            Ok(found) => {
                let enough = found.evidence.n_persona.min(found.evidence.n_rest) >= N_VALUES_MIN;
                let known_share = real(i128::from(found.evidence.n_persona)) / real(i128::from(group.n().0));
                let of_most = measure.value().is_some() || known_share >= KNOWN_SHARE_MIN;
                Ok((enough && of_most).then_some((measure, found)))
            }
            Err(PersonaError::TooFewValues { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a difference is worth telling, where it is sure.
    pub(crate) fn telling(&self, difference: &Difference) -> bool {
        let evidence = &difference.evidence;
        if !evidence.interval.excludes_no_effect() {
            return false;
        }
        let Some(definition) = self.definition(difference) else { return shares_differ(evidence) };
        if difference.measure.value().is_some() {
            return shares_differ(evidence);
        }
        // Ranks and means must agree, or the statement would rest on a few extreme values.
        let same_direction = (evidence.persona_value > evidence.rest_value) == difference.more();
        let apart = (evidence.persona_value - evidence.rest_value).abs();
        let noticeable = definition.unit != "share" || apart >= MEAN_SHARE_DIFFERENCE_MIN;
        let readable = value_text(definition, evidence.persona_value) != value_text(definition, evidence.rest_value);
        difference.strength() >= EFFECT_MIN && same_direction && noticeable && readable
    }
}

/// Returns how many distinctions of a theme are told.
fn theme_max(theme: Theme) -> usize {
    if theme == Theme::Assortment { DISTINCTIONS_OF_THEME_MAX + 1 } else { DISTINCTIONS_OF_THEME_MAX }
}

fn shares_differ(evidence: &Evidence) -> bool {
    let (greater, less) =
        (evidence.persona_value.max(evidence.rest_value), evidence.persona_value.min(evidence.rest_value));
    greater - less >= SHARE_DIFFERENCE_MIN && greater >= SHARE_RATIO_MIN * less
}

/// Returns the most frequent values that enough profiles have; of equally frequent ones the first
/// by text.
pub(crate) fn frequent_values(values: &[Option<String>]) -> Vec<&str> {
    let mut n_by_value: BTreeMap<&str, u64> = BTreeMap::new();
    for value in values.iter().flatten() {
        *n_by_value.entry(value).or_default() += 1;
    }
    let mut counted: Vec<(&str, u64)> = n_by_value.into_iter().filter(|(_, n)| *n >= N_VALUES_MIN).collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    counted.into_iter().take(VALUES_MAX).map(|(value, _)| value).collect()
}
