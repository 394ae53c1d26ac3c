//! How far the customers have moved since the personas were found, and when that calls for action.
//!
//! Each feature, and the mix of personas, is measured by the population stability index with bins
//! of the baseline (see [`throng_learn::population_stability_index`]). An alarm needs both: an index
//! at the bound by custom, and more than chance alone would give for so many customers, so that a
//! small shop is not alarmed by its own noise.

mod baseline;

use throng_learn::{population_stability_index, stability_index_by_chance};

use crate::format::{capitalised, clause, quoted, share};
use crate::{FeatureColumn, Memberships, PersonaError, PersonaId, Population};

pub(crate) use baseline::ratio;
pub use baseline::{Baseline, Distribution, FeatureBaseline, PersonaBaseline};

/// From which stability index on a change is worth a look, or calls for action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftParams {
    /// Worth a look from here on (0.1 by custom; Siddiqi 2006).
    pub watch: f64,
    /// Calls for action from here on (0.25 by custom).
    pub act: f64,
    /// Probability with which chance alone may exceed its bound (0.01).
    pub significance: f64,
    /// The share of a persona's customers whose leaving it is worth a look (0.25): people move on, and
    /// a persona whose members never changed would say nothing of what they do.
    pub left_watch: f64,
    /// The share whose leaving calls for action (0.5): most of them are elsewhere.
    pub left_act: f64,
}

impl DriftParams {
    /// Returns the bounds of custom: watch from 0.1, act from 0.25, chance held to 1 %; and a quarter
    /// and a half for customers who left their persona.
    #[must_use]
    pub fn new() -> Self {
        Self { watch: 0.1, act: 0.25, significance: 0.01, left_watch: 0.25, left_act: 0.5 }
    }

    /// Returns how much it matters that only this share of a persona's customers stayed.
    #[must_use]
    pub fn level_of_stayed(self, stayed: f64) -> DriftLevel {
        match 1.0 - stayed {
            left if left >= self.left_act => DriftLevel::Act,
            left if left >= self.left_watch => DriftLevel::Watch,
            _ => DriftLevel::Steady,
        }
    }

    fn level(self, index: f64, by_chance: f64) -> DriftLevel {
        match index {
            index if index <= by_chance => DriftLevel::Steady,
            index if index >= self.act => DriftLevel::Act,
            index if index >= self.watch => DriftLevel::Watch,
            _ => DriftLevel::Steady,
        }
    }
}

impl Default for DriftParams {
    fn default() -> Self {
        Self::new()
    }
}

/// How much a change matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftLevel {
    /// No more than custom or chance allows.
    Steady,
    /// Worth a look.
    Watch,
    /// Calls for action.
    Act,
}

impl DriftLevel {
    const WORDS: [(Self, &'static str); 3] = [(Self::Steady, "steady"), (Self::Watch, "watch"), (Self::Act, "act")];

    /// Returns the word the level is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "a level of drift", text)
    }

    /// Returns what follows from it, in words.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Steady => "no more than usual",
            Self::Watch => "worth a look",
            Self::Act => "calls for action",
        }
    }
}

/// How far a population has moved from a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The features, the most moved first.
    pub features: Vec<FeatureDrift>,
    /// Features of the baseline that the population lacks.
    pub features_gone: Vec<String>,
    /// The mix of personas; `None` when there are none now.
    pub mix: Option<MixDrift>,
}

/// How far one feature has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureDrift {
    /// The feature's name.
    pub feature: String,
    /// What it is called in sentences.
    pub phrase: String,
    /// Its population stability index.
    pub index: f64,
    /// What chance alone would hardly exceed.
    pub by_chance: f64,
    /// What follows.
    pub level: DriftLevel,
    /// What has changed most.
    pub change: Change,
}

/// What has changed most in a feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// For how many profiles it is known.
    Coverage {
        /// Share of the profiles it was known for.
        before: f64,
        /// Share it is known for now.
        after: f64,
    },
    /// How high a number is.
    Position {
        /// Mean position now among the former values; it was 0.5.
        after: f64,
    },
    /// How frequent one value of a category is.
    Value {
        /// The value; `None` for all that were rare in the baseline.
        value: Option<String>,
        /// Its share of the profiles before.
        before: f64,
        /// Its share now.
        after: f64,
    },
}

/// How far the shares of the personas have moved.
#[derive(Debug, Clone, PartialEq)]
pub struct MixDrift {
    /// The population stability index of the shares, the unassigned included.
    pub index: f64,
    /// What chance alone would hardly exceed.
    pub by_chance: f64,
    /// What follows.
    pub level: DriftLevel,
    /// Every persona of then or now; `None` is nobody's.
    pub shares: Vec<ShareDrift>,
}

/// One persona's share of the customers, then and now.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareDrift {
    /// The persona; `None` for the unassigned.
    pub persona: Option<PersonaId>,
    /// Share of all profiles then; 0 when it did not exist.
    pub before: f64,
    /// Share of all profiles now; 0 when it does not exist.
    pub after: f64,
}

impl Drift {
    /// Measures a population against a baseline. `memberships` are the population's, with the ids
    /// carried over; `None` when no personas were found in it.
    ///
    /// # Errors
    /// [`PersonaError`] when a column does not fit, or a parameter is out of range.
    pub fn of(
        population: &Population,
        memberships: Option<&Memberships>,
        baseline: &Baseline,
        params: DriftParams,
    ) -> Result<Self, PersonaError> {
        population.check()?;
        let mut drift = Self { features: Vec::new(), features_gone: Vec::new(), mix: None };
        for reference in &baseline.features {
            let mut columns = population.features.iter();
            let column = columns.find(|column| column.definition.name == reference.name);
            let counts = column.and_then(|column| reference.distribution.counts(column).map(|counts| (column, counts)));
            match counts {
                None => drift.features_gone.push(reference.name.clone()),
                Some((column, (before, after))) => {
                    let (index, by_chance) = measured(&before, &after, params)?;
                    drift.features.push(FeatureDrift {
                        feature: reference.name.clone(),
                        phrase: column.definition.phrase.clone(),
                        index,
                        by_chance,
                        level: params.level(index, by_chance),
                        change: change(&reference.distribution, column, &before, &after),
                    });
                }
            }
        }
        drift.features.sort_by(|a, b| b.index.total_cmp(&a.index).then_with(|| a.feature.cmp(&b.feature)));
        drift.mix = memberships.map(|memberships| mix(memberships, baseline, params)).transpose()?;
        Ok(drift)
    }

    /// Returns the most serious level of all.
    #[must_use]
    pub fn level(&self) -> DriftLevel {
        let features = self.features.iter().map(|feature| feature.level);
        let mix = self.mix.iter().map(|mix| mix.level);
        features.chain(mix).max().unwrap_or(DriftLevel::Steady)
    }

    /// Returns how many features are at a level.
    #[must_use]
    pub fn n_features_at(&self, level: DriftLevel) -> usize {
        self.features.iter().filter(|feature| feature.level == level).count()
    }

    /// Returns a sentence for everything worth a look, the most serious first, and for features
    /// that are gone.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for level in [DriftLevel::Act, DriftLevel::Watch] {
            sentences.extend(self.mix.iter().filter(|mix| mix.level == level).map(MixDrift::sentence));
            let features = self.features.iter().filter(|feature| feature.level == level);
            sentences.extend(features.map(FeatureDrift::sentence));
        }
        for name in &self.features_gone {
            sentences.push(format!("The feature “{}” of the last discovery is not there any more.", quoted(name)));
        }
        sentences
    }
}

impl FeatureDrift {
    /// Returns what happened, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = match &self.change {
            Change::Coverage { before, after } => {
                format!("known for {} of the customers, {} at the last discovery", share(*after), share(*before))
            }
            Change::Position { after } => {
                let (direction, only) = if *after < 0.5 { ("lower", "only ") } else { ("higher", "") };
                let below = share(*after);
                format!(
                    "{direction} than it was: today's customers stand above {only}{below} of the former ones on average"
                )
            }
            Change::Value { value, before, after } => {
                let value = value.as_ref().map_or_else(|| "other values".to_owned(), |value| quoted(value));
                format!("{value} went from {} to {} of the customers", share(*before), share(*after))
            }
        };
        let name = if self.phrase.is_empty() { &self.feature } else { &self.phrase };
        format!("{}: {what} ({}).", capitalised(&clause(name)), figures(self.index, self.level))
    }
}

impl MixDrift {
    /// Returns what happened, in a sentence that names the persona whose share changed most.
    #[must_use]
    pub fn sentence(&self) -> String {
        let figures = figures(self.index, self.level);
        let most = self.shares.iter().max_by(|a, b| a.moved().total_cmp(&b.moved()));
        let most = most.map_or_else(String::new, |most| {
            let who = most.persona.as_ref().map_or("the unassigned".to_owned(), ToString::to_string);
            format!(", most of all {who}, from {} to {}", share(most.before), share(most.after))
        });
        format!("The shares of the personas have changed{most} ({figures}).")
    }
}

impl ShareDrift {
    fn moved(&self) -> f64 {
        (self.after - self.before).abs()
    }
}

fn figures(index: f64, level: DriftLevel) -> String {
    format!("stability index {index:.2}, {}", level.advice())
}

fn measured(before: &[u64], after: &[u64], params: DriftParams) -> Result<(f64, f64), PersonaError> {
    let failed = |source| PersonaError::Learn { attempt: "measure drift", source };
    let index = population_stability_index(before, after).map_err(failed)?;
    // Bins that are empty on both sides cannot move.
    let n_bins = before.iter().zip(after).filter(|(before, after)| **before + **after > 0).count();
    let (n_before, n_after) = (before.iter().sum(), after.iter().sum());
    let by_chance = stability_index_by_chance(n_bins, n_before, n_after, params.significance).map_err(failed)?;
    Ok((index, by_chance))
}

/// Returns what has changed most: whether values are known, or what they are.
fn change(reference: &Distribution, column: &FeatureColumn, before: &[u64], after: &[u64]) -> Change {
    let part = |counts: &[u64], bin: usize| ratio(counts[bin], counts.iter().sum());
    let missing = before.len() - 1;
    let moved = |bin: usize| (part(after, bin) - part(before, bin)).abs();
    let coverage = Change::Coverage { before: 1.0 - part(before, missing), after: 1.0 - part(after, missing) };
    // Of equal changes the first, as `max_by` keeps the last.
    let most = (0..missing).rev().max_by(|a, b| moved(*a).total_cmp(&moved(*b))).unwrap_or(0);
    match (reference, &column.values) {
        (Distribution::Numbers(bins), crate::Values::Numbers(numbers)) => {
            let known: Vec<f64> =
                numbers.iter().filter(|number| !number.is_nan()).map(|number| bins.position(*number)).collect();
            if known.is_empty() {
                return coverage;
            }
            let position = known.iter().sum::<f64>() / crate::number::real_count(known.len());
            // Half of those a feature is not known for any more would have stood on either side.
            if moved(missing) > (position - 0.5).abs() { coverage } else { Change::Position { after: position } }
        }
        (Distribution::Categories { values, .. }, _) if moved(missing) <= moved(most) => Change::Value {
            value: values.get(most).map(|(value, _)| value.clone()),
            before: part(before, most),
            after: part(after, most),
        },
        (Distribution::Categories { .. } | Distribution::Numbers(_), _) => coverage,
    }
}

fn mix(memberships: &Memberships, baseline: &Baseline, params: DriftParams) -> Result<MixDrift, PersonaError> {
    let mut ids: Vec<&PersonaId> = baseline.personas.iter().map(|persona| &persona.id).collect();
    ids.extend(memberships.personas().iter().filter(|id| !baseline.personas.iter().any(|persona| persona.id == **id)));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for id in &ids {
        let former = baseline.personas.iter().find(|persona| persona.id == **id);
        before.push(former.map_or(0, |persona| persona.n_profiles));
        let position = memberships.personas().iter().position(|other| other == *id);
        after.push(position.map_or(0, |persona_idx| crate::number::count(memberships.n_assigned(persona_idx))));
    }
    before.push(baseline.n_unassigned);
    after.push(crate::number::count(memberships.n_unassigned()));
    let (index, by_chance) = measured(&before, &after, params)?;
    let (n_before, n_after) = (before.iter().sum(), after.iter().sum());
    let personas = ids.into_iter().map(|id| Some(id.clone())).chain([None]);
    let shares = personas.zip(before.iter().zip(&after)).map(|(persona, (before, after))| ShareDrift {
        persona,
        before: ratio(*before, n_before),
        after: ratio(*after, n_after),
    });
    Ok(MixDrift { index, by_chance, level: params.level(index, by_chance), shares: shares.collect() })
}
