//! One profile at a time, as its events come: the same shares as in a whole population, bit for bit.
//!
//! Where a feature stands among those of the catalogue is looked up once. A row then goes through
//! scratch space that is kept, and nothing is allocated, unless a method divides customers: it is asked as
//! for a population of one.

use std::sync::Arc;

use throng_feature::{FeatureColumn, FeatureDefinition, FeatureMatrix, FeatureValue};
use throng_learn::{Matrix, MembershipScratch};

use super::{Findings, Model};
use crate::columns::level;
use crate::discovery::attempted;
use crate::number::single;
use crate::partial::{Look, ToldScratch};
use crate::{Division, ModelColumn, PersonaError, Teller};

/// A model that scores profiles by the features of a catalogue.
///
/// ```
/// use throng_persona::{PersonaError, Scored, Scorer, ScorerScratch};
/// use throng_feature::FeatureValue;
///
/// fn surest(scorer: &Scorer, rows: &[Vec<FeatureValue>]) -> Result<f64, PersonaError> {
///     let mut scratch = ScorerScratch::default();
///     let mut surest = 0.0_f64;
///     for row in rows {
///         let scored: Scored<'_> = scorer.score(row, None, &mut scratch)?;
///         surest = scored.shares.iter().copied().fold(surest, f64::max);
///     }
///     Ok(surest)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Scorer {
    model: Arc<Model>,
    /// For each column of the model, the position of its feature.
    positions: Vec<usize>,
    /// Whether the mixture of the ensemble is the model's.
    one_mixture: bool,
    /// The catalogue, for what changed to be told in words.
    definitions: Vec<FeatureDefinition>,
}

/// Space that rows are scored in, made once for many.
#[derive(Debug, Clone, Default)]
pub struct ScorerScratch {
    raw: Vec<f32>,
    prepared: Vec<f32>,
    placed: Vec<f32>,
    of_clusters: Vec<f64>,
    shares: Vec<f64>,
    mixture: MembershipScratch,
    squared: Vec<f32>,
    told: ToldScratch,
}

/// How much one profile belongs to each persona; see [`Membership`](crate::Membership).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored<'s> {
    /// Its share in every persona, in the order of the model's.
    pub shares: &'s [f64],
    /// The share that belongs to none of them.
    pub unassigned: f64,
    /// Position of the persona it counts for.
    pub assigned: Option<usize>,
    /// What the shares are told by.
    pub by: Teller,
}

impl Scorer {
    /// Returns a scorer of rows of these features.
    ///
    /// # Errors
    /// [`PersonaError::MissingFeature`] when the model reads one that is not among them: to go on with a
    /// typical value would move customers silently.
    pub fn new(model: Arc<Model>, features: &[FeatureDefinition]) -> Result<Self, PersonaError> {
        let position = |column: &ModelColumn| {
            let position = features.iter().position(|feature| feature.name == column.feature);
            position.ok_or_else(|| PersonaError::MissingFeature(column.feature.clone()))
        };
        let positions = model.columns.iter().map(position).collect::<Result<_, _>>()?;
        let one_mixture = model.pooled_mixture();
        Ok(Self { model, positions, one_mixture, definitions: features.to_vec() })
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Returns the features of the rows it scores, in their order.
    #[must_use]
    pub fn features(&self) -> &[FeatureDefinition] {
        &self.definitions
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Returns the shares of a profile with these features, in the order of the catalogue, which has been
    /// known for so many days, if that is known.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] for a row of another number of features.
    pub fn score<'s>(
        &self,
        features: &[FeatureValue],
        history_days: Option<u32>,
        scratch: &'s mut ScorerScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        self.check_width(features.len())?;
        scratch.raw.clear();
        for (column, position) in self.model.columns.iter().zip(&self.positions) {
            scratch.raw.push(match &features[*position] {
                FeatureValue::Number(number) => raw_number(column, *number),
                FeatureValue::Category(text) => raw_category(column, Some(text)),
                FeatureValue::Missing => f32::NAN,
            });
        }
        self.score_raw(history_days, scratch)
    }

    /// Returns the shares of the profile in one row of a matrix.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] for a matrix of another number of features, or without that row.
    pub fn score_row<'s>(
        &self,
        (features, row_idx): (&FeatureMatrix, usize),
        history_days: Option<u32>,
        scratch: &'s mut ScorerScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        self.check_width(features.columns().len())?;
        if row_idx >= features.n_rows() {
            return Err(mismatch("the matrix of features", (row_idx + 1, features.n_rows())));
        }
        scratch.raw.clear();
        for (column, position) in self.model.columns.iter().zip(&self.positions) {
            scratch.raw.push(match &features.columns()[*position] {
                FeatureColumn::Numbers(numbers) => raw_number(column, numbers[row_idx]),
                FeatureColumn::Categories(categories) => {
                    let code = usize::try_from(categories.codes()[row_idx]).ok();
                    let text = code.and_then(|code| categories.texts().get(code));
                    raw_category(column, text.map(String::as_str))
                }
            });
        }
        self.score_raw(history_days, scratch)
    }

    fn check_width(&self, n_features: usize) -> Result<(), PersonaError> {
        if n_features == self.definitions.len() {
            return Ok(());
        }
        Err(mismatch("the row of features", (self.definitions.len(), n_features)))
    }

    fn score_raw<'s>(
        &self,
        history_days: Option<u32>,
        scratch: &'s mut ScorerScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        let model = self.model.as_ref();
        let ScorerScratch { raw, prepared, placed, of_clusters, shares, mixture, squared, told } = scratch;
        prepared.resize(model.scaler.parts().len(), 0.0);
        attempted("scale the features", model.scaler.transform_row_into(raw, prepared))?;
        placed.resize(model.projection.n_dimensions(), 0.0);
        attempted("compute memberships", model.projection.transform_row_into(prepared, placed))?;
        let k_means = model.membership.k_means();
        of_clusters.resize(k_means.n_clusters() + 1, 0.0);
        attempted("compute memberships", model.membership.predict_proba_row(placed, of_clusters, mixture))?;
        let divided = match &model.division {
            Division::Largest => None,
            Division::Nearest => Some(Some(attempted("compute memberships", k_means.predict_row(placed, squared))?)),
            Division::Method(fitted) => {
                let one = |row: &[f32]| Matrix::new(row.len(), row.to_vec());
                let clusters = one(raw).and_then(|raw| fitted.predict((&model.columns, &raw), &one(prepared)?));
                Some(attempted("compute memberships", clusters)?.first().copied().flatten())
            }
        };
        let of_mixture = self.one_mixture.then_some(of_clusters.as_slice());
        let look = Look { days: history_days, prepared, placed, of_mixture };
        let (assigned, by) = model.settle(&Findings { of_clusters, divided }, (look, told), shares)?;
        let (unassigned, shares) = shares.split_last().map_or((1.0, &[][..]), |(last, shares)| (*last, shares));
        Ok(Scored { shares, unassigned, assigned, by })
    }
}

/// Returns a number as the model takes it; a model that knows the feature as a category knows nothing of it.
fn raw_number(column: &ModelColumn, number: f64) -> f32 {
    if column.levels.is_empty() { single(number) } else { f32::NAN }
}

fn raw_category(column: &ModelColumn, text: Option<&str>) -> f32 {
    if column.levels.is_empty() { f32::NAN } else { level(&column.levels, text) }
}

fn mismatch(what: &'static str, (expected, found): (usize, usize)) -> PersonaError {
    let source = throng_learn::LearnError::ShapeMismatch { what, expected, found };
    PersonaError::Learn { attempt: "score a profile", source }
}
