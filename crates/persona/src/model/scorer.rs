//! One profile at a time, as its events come: the same shares as in a whole population, bit for bit.
//!
//! Where a feature stands among those of the catalogue is looked up once. A row then goes through
//! scratch space that is kept, and nothing is allocated, unless a method divides customers: it is asked as
//! for a population of one.

use std::sync::Arc;

use throng_feature::{FeatureColumn, FeatureDefinition, FeatureMatrix, FeatureValue};
use throng_learn::{HybridAnchor, Matrix, MembershipAnchor, MembershipScratch};

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
    /// For each part of a prepared row, the position of the feature it is made of.
    part_positions: Vec<usize>,
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
    pub(super) space: SharesScratch,
}

/// Space that shares of prepared rows are computed in.
#[derive(Debug, Clone, Default)]
pub(super) struct SharesScratch {
    placed: Vec<f32>,
    of_clusters: Vec<f64>,
    shares: Vec<f64>,
    mixture: MembershipScratch,
    squared: Vec<f32>,
    told: ToldScratch,
}

/// One profile as the model sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) raw: &'a [f32],
    pub(super) prepared: &'a [f32],
    pub(super) days: Option<u32>,
}

/// What was computed of one row, for others that differ from it in a few features.
#[derive(Debug, Clone, Default)]
pub(super) struct Anchor {
    membership: MembershipAnchor,
    told: Option<HybridAnchor>,
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
        let positions: Vec<usize> = model.columns.iter().map(position).collect::<Result<_, _>>()?;
        let part_positions = model.scaler.parts().iter().map(|part| positions[part.column]).collect();
        let one_mixture = model.pooled_mixture();
        Ok(Self { model, positions, part_positions, one_mixture, definitions: features.to_vec() })
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    pub(super) fn part_positions(&self) -> &[usize] {
        &self.part_positions
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
        let ScorerScratch { raw, prepared, space } = scratch;
        self.prepare(features, raw, prepared)?;
        self.shares(Row { raw, prepared, days: history_days }, None, space)
    }

    /// Fills in a row of features as the model takes them, and prepared.
    pub(super) fn prepare(
        &self,
        features: &[FeatureValue],
        raw: &mut Vec<f32>,
        prepared: &mut Vec<f32>,
    ) -> Result<(), PersonaError> {
        self.check_width(features.len())?;
        raw.clear();
        for (column, position) in self.model.columns.iter().zip(&self.positions) {
            raw.push(match &features[*position] {
                FeatureValue::Number(number) => raw_number(column, *number),
                FeatureValue::Category(text) => raw_category(column, Some(text)),
                FeatureValue::Missing => f32::NAN,
            });
        }
        self.scale(raw, prepared)
    }

    /// Returns the shares of the profile in one row of a matrix.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] for a matrix of another number of features, or without that row.
    pub fn score_row<'s>(
        &self,
        row: (&FeatureMatrix, usize),
        history_days: Option<u32>,
        scratch: &'s mut ScorerScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        let ScorerScratch { raw, prepared, space } = scratch;
        self.prepare_row(row, raw, prepared)?;
        self.shares(Row { raw, prepared, days: history_days }, None, space)
    }

    /// As [`Scorer::score_row`], but `None` where the profile is seen to count for this persona before its
    /// shares are known: of many that are looked at again, few have moved.
    ///
    /// # Errors
    /// As [`Scorer::score_row`].
    pub fn score_row_unless<'s>(
        &self,
        persona: Option<usize>,
        row: (&FeatureMatrix, usize),
        history_days: Option<u32>,
        scratch: &'s mut ScorerScratch,
    ) -> Result<Option<Scored<'s>>, PersonaError> {
        let ScorerScratch { raw, prepared, space } = scratch;
        self.prepare_row(row, raw, prepared)?;
        space.told.begin();
        if self.model.surely((history_days, prepared), None, &mut space.told)? == Some(persona) {
            return Ok(None);
        }
        self.settled(Row { raw, prepared, days: history_days }, None, space).map(Some)
    }

    fn prepare_row(
        &self,
        (features, row_idx): (&FeatureMatrix, usize),
        raw: &mut Vec<f32>,
        prepared: &mut Vec<f32>,
    ) -> Result<(), PersonaError> {
        self.check_width(features.columns().len())?;
        if row_idx >= features.n_rows() {
            return Err(mismatch("the matrix of features", (row_idx + 1, features.n_rows())));
        }
        raw.clear();
        for (column, position) in self.model.columns.iter().zip(&self.positions) {
            raw.push(match &features.columns()[*position] {
                FeatureColumn::Numbers(numbers) => raw_number(column, numbers[row_idx]),
                FeatureColumn::Categories(categories) => {
                    let code = usize::try_from(categories.codes()[row_idx]).ok();
                    let text = code.and_then(|code| categories.texts().get(code));
                    raw_category(column, text.map(String::as_str))
                }
            });
        }
        self.scale(raw, prepared)
    }

    fn scale(&self, raw: &[f32], prepared: &mut Vec<f32>) -> Result<(), PersonaError> {
        prepared.resize(self.model.scaler.parts().len(), 0.0);
        attempted("scale the features", self.model.scaler.transform_row_into(raw, prepared))
    }

    fn check_width(&self, n_features: usize) -> Result<(), PersonaError> {
        if n_features == self.definitions.len() {
            return Ok(());
        }
        Err(mismatch("the row of features", (self.definitions.len(), n_features)))
    }

    /// Returns the shares of a row; `beside` is an anchor that [`Scorer::anchor`] made.
    pub(super) fn shares<'s>(
        &self,
        row: Row<'_>,
        beside: Option<&Anchor>,
        scratch: &'s mut SharesScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        scratch.told.begin();
        self.settled(row, beside, scratch)
    }

    /// Returns the persona that a row counts for, the same as with its shares.
    pub(super) fn assigned(
        &self,
        row: Row<'_>,
        beside: Option<&Anchor>,
        scratch: &mut SharesScratch,
    ) -> Result<Option<usize>, PersonaError> {
        scratch.told.begin();
        let told = beside.and_then(|anchor| anchor.told.as_ref());
        match self.model.surely((row.days, row.prepared), told, &mut scratch.told)? {
            Some(assigned) => Ok(assigned),
            None => self.settled(row, beside, scratch).map(|scored| scored.assigned),
        }
    }

    /// Computes what others need of a row that they differ from in a few features.
    pub(super) fn anchor(&self, row: Row<'_>, scratch: &mut SharesScratch) -> Result<Anchor, PersonaError> {
        let model = self.model.as_ref();
        self.place(row, &mut scratch.placed)?;
        let mut membership = MembershipAnchor::default();
        attempted("compute memberships", model.membership.anchor(&scratch.placed, &mut membership))?;
        let told = model.partial.as_ref().map(|partial| partial.anchor(row.days, row.prepared)).transpose()?;
        Ok(Anchor { membership, told: told.flatten() })
    }

    fn place(&self, row: Row<'_>, placed: &mut Vec<f32>) -> Result<(), PersonaError> {
        let projection = &self.model.projection;
        placed.resize(projection.n_dimensions(), 0.0);
        attempted("compute memberships", projection.transform_row_into(row.prepared, placed))
    }

    fn settled<'s>(
        &self,
        row: Row<'_>,
        beside: Option<&Anchor>,
        scratch: &'s mut SharesScratch,
    ) -> Result<Scored<'s>, PersonaError> {
        let model = self.model.as_ref();
        let SharesScratch { placed, of_clusters, shares, mixture, squared, told } = scratch;
        self.place(row, placed)?;
        let k_means = model.membership.k_means();
        of_clusters.resize(k_means.n_clusters() + 1, 0.0);
        let found = match beside {
            Some(anchor) => model.membership.predict_proba_beside(&anchor.membership, placed, of_clusters, mixture),
            None => model.membership.predict_proba_row(placed, of_clusters, mixture),
        };
        attempted("compute memberships", found)?;
        let divide = || match &model.division {
            Division::Largest => Ok(None),
            Division::Nearest => attempted("compute memberships", k_means.predict_row(placed, squared))
                .map(|cluster| Some(Some(cluster))),
            Division::Method(fitted) => {
                let one = |row: &[f32]| Matrix::new(row.len(), row.to_vec());
                let clusters = one(row.raw).and_then(|raw| fitted.predict((&model.columns, &raw), &one(row.prepared)?));
                Ok(Some(attempted("compute memberships", clusters)?.first().copied().flatten()))
            }
        };
        let of_mixture = self.one_mixture.then_some(of_clusters.as_slice());
        let look = Look { days: row.days, prepared: row.prepared, placed, of_mixture };
        let findings = Findings { of_clusters, beside: beside.and_then(|anchor| anchor.told.as_ref()) };
        let (assigned, by) = model.settle(&findings, divide, (look, told), shares)?;
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
