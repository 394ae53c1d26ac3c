//! The live model: from a row of features to shares in personas.
//!
//! What the features of journeys ask belongs to the model that reads them: what came next in
//! everybody's journeys when it was fitted, and what touchpoints were called then.

use std::ops::Deref;
use std::sync::Arc;

use throng_event::{AsOf, Calendar};
use throng_feature::{FeatureMatrix, FeatureValue, NO_CODE, Touchpoints};
use throng_journey::{History, JourneyFeatures, UNNAMED};
use throng_persona::{Membership, PersonaError, PersonaId, Scorer, ScorerScratch};
use throng_profile::ProfileId;

/// A fitted model with the names of its personas, and the features it is given.
#[derive(Debug, Clone)]
pub struct LiveModel {
    version: String,
    scorer: Scorer,
    /// In the order of the model.
    names: Vec<String>,
    /// Those of the catalogue, where the model reads any.
    journeys: Option<JourneyFeatures>,
}

/// A model, and how it knows the touchpoints of the core's histories.
#[derive(Debug)]
pub(crate) struct Labelled {
    model: Arc<LiveModel>,
    /// By the codes of the histories.
    labels: Vec<u32>,
}

/// One person's events as a model knows them; the memory is used again for everybody.
#[derive(Debug, Default)]
pub(crate) struct Journey {
    occurred_at: Vec<i64>,
    labels: Vec<u32>,
}

/// How much one row of features belongs to each persona.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scored {
    /// The shares in the personas, and last the unassigned one.
    pub(crate) shares: Vec<f64>,
    /// The persona it counts for.
    pub(crate) assigned: Option<usize>,
}

impl LiveModel {
    /// Returns a model of a version; `names` are of its personas, in its order.
    #[must_use]
    pub fn new(version: &str, scorer: Scorer, names: Vec<String>) -> Self {
        Self { version: version.to_owned(), scorer, names, journeys: None }
    }

    /// Returns the model with the features of journeys that it reads, bound to the catalogue.
    /// Without them, and without a model, such features are missing.
    #[must_use]
    pub fn with_journeys(self, journeys: Option<JourneyFeatures>) -> Self {
        Self { journeys, ..self }
    }

    /// Returns the features of journeys that it reads.
    #[must_use]
    pub fn journeys(&self) -> Option<&JourneyFeatures> {
        self.journeys.as_ref()
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the personas with their names, in the order of the model.
    #[must_use]
    pub fn personas(&self) -> Vec<(PersonaId, String)> {
        let names = self.names.iter().cloned().chain(std::iter::repeat(String::new()));
        self.ids().iter().cloned().zip(names).collect()
    }

    /// Returns the fitted model and the features it is given.
    #[must_use]
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Returns its personas, in its order.
    pub(crate) fn ids(&self) -> &[PersonaId] {
        &self.scorer.model().personas
    }

    pub(crate) fn position(&self, persona: &PersonaId) -> Option<usize> {
        self.ids().iter().position(|known| known == persona)
    }

    pub(crate) fn name(&self, position: usize) -> Option<String> {
        self.names.get(position).cloned()
    }

    /// Scores one row of a matrix of the catalogue.
    ///
    /// # Errors
    /// [`PersonaError`] when the row is not of the catalogue.
    pub(crate) fn score(
        &self,
        (matrix, row): (&FeatureMatrix, usize),
        history_days: Option<u32>,
        (scratch, scored): (&mut ScorerScratch, &mut Scored),
    ) -> Result<(), PersonaError> {
        scored.set(&self.scorer.score_row((matrix, row), history_days, scratch)?);
        Ok(())
    }

    /// Returns how much the profile in one row of a matrix of the catalogue belongs to each persona; `None`
    /// for a row that is not of the catalogue.
    pub(crate) fn membership(
        &self,
        profile: ProfileId,
        row: (&FeatureMatrix, usize),
        history_days: u32,
        scratch: &mut ScorerScratch,
    ) -> Option<Membership> {
        let found = self.scorer.score_row(row, Some(history_days), scratch).ok()?;
        let (shares, unassigned) = (found.shares.to_vec(), found.unassigned);
        Some(Membership { profile, shares, unassigned, assigned: found.assigned, by: found.by })
    }

    /// As [`LiveModel::score`], but returns `false` and leaves the shares as they are where it is sure
    /// without them that the row counts for this persona.
    ///
    /// # Errors
    /// [`PersonaError`] when the row is not of the catalogue.
    pub(crate) fn score_unless(
        &self,
        persona: Option<usize>,
        (matrix, row): (&FeatureMatrix, usize),
        history_days: Option<u32>,
        (scratch, scored): (&mut ScorerScratch, &mut Scored),
    ) -> Result<bool, PersonaError> {
        let found = self.scorer.score_row_unless(persona, (matrix, row), history_days, scratch)?;
        found.iter().for_each(|found| scored.set(found));
        Ok(found.is_some())
    }
}

impl Deref for Labelled {
    type Target = LiveModel;

    fn deref(&self) -> &LiveModel {
        &self.model
    }
}

impl Labelled {
    /// Returns a model that knows the touchpoints of these codes.
    pub(crate) fn new(model: Arc<LiveModel>, names: &[String]) -> Self {
        let mut labelled = Self { model, labels: Vec::new() };
        labelled.learn(names);
        labelled
    }

    /// Returns the model, for others to keep.
    pub(crate) fn model(&self) -> Arc<LiveModel> {
        Arc::clone(&self.model)
    }

    /// Learns the touchpoints that came since.
    pub(crate) fn learn(&mut self, names: &[String]) {
        if let Some(journeys) = &self.model.journeys {
            self.labels.extend(names[self.labels.len()..].iter().map(|name| journeys.label(name)));
        }
    }

    /// Puts the features of journeys into the row of whoever did this.
    pub(crate) fn fill(
        &self,
        touchpoints: Touchpoints<'_>,
        (calendar, as_of): (&Calendar, AsOf),
        (matrix, row): (&mut FeatureMatrix, usize),
        journey: &mut Journey,
    ) {
        let Some(journeys) = &self.model.journeys else { return };
        let Journey { occurred_at, labels } = journey;
        occurred_at.clear();
        labels.clear();
        for (at, code) in touchpoints.occurred_at.iter().zip(touchpoints.codes).filter(|(_, code)| **code != NO_CODE) {
            let known = usize::try_from(*code).ok().and_then(|code| self.labels.get(code));
            occurred_at.push(*at);
            labels.push(known.copied().unwrap_or(UNNAMED));
        }
        for (column, value) in journeys.values(History { occurred_at, labels }, calendar, as_of) {
            let number = match value {
                FeatureValue::Number(number) => Some(number),
                FeatureValue::Category(_) | FeatureValue::Missing => None,
            };
            matrix.set_number(row, column, number);
        }
    }
}

impl Scored {
    fn set(&mut self, found: &throng_persona::Scored<'_>) {
        self.shares.clear();
        self.shares.extend_from_slice(found.shares);
        self.shares.push(found.unassigned);
        self.assigned = found.assigned;
    }

    /// Returns the share in a persona, or the unassigned one.
    pub(crate) fn share(&self, persona: Option<usize>) -> f64 {
        let share = match persona {
            Some(persona) => self.shares.get(persona),
            None => self.shares.last(),
        };
        share.copied().unwrap_or(0.0)
    }
}
