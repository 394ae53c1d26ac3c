//! The written form of features about journeys: the names of touchpoints and the models
//! of next steps, all in whole numbers, so that what is read again says the same to the
//! bit. The definitions are kept beside it and are not written twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use throng_feature::FeatureDefinition;
use throng_journey::{JourneyExtent, JourneyFeatures, NextStepCounts, NextStepModel};

use crate::error::EngineError;

/// The form that is written and the only one that is read.
const FORMAT: u32 = 1;

/// What is kept beside a catalogue to compute the same again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JourneyFeaturesForm {
    format: u32,
    names: Vec<String>,
    models: Vec<ModelForm>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelForm {
    within: ExtentForm,
    order_max: u32,
    contexts: Vec<(u32, u32)>,
    followers: Vec<(u32, u32, u64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExtentForm {
    Session { gap_us: i64 },
    Day,
    History,
}

impl JourneyFeaturesForm {
    /// Returns the form of some features.
    pub(crate) fn of(features: &JourneyFeatures) -> Self {
        let models = features.models().iter().map(|(extent, model)| {
            let NextStepCounts { order_max, contexts, followers } = model.counts();
            let within = match extent {
                JourneyExtent::Session { gap_us } => ExtentForm::Session { gap_us: *gap_us },
                JourneyExtent::Day => ExtentForm::Day,
                JourneyExtent::History => ExtentForm::History,
            };
            ModelForm { within, order_max, contexts, followers }
        });
        Self { format: FORMAT, names: features.names().to_vec(), models: models.collect() }
    }

    /// Returns the features of the definitions that it was kept beside.
    ///
    /// # Errors
    /// [`EngineError::JourneyFeatures`] when it is damaged, of another format or of other
    /// definitions.
    pub(crate) fn features(&self, definitions: &[FeatureDefinition]) -> Result<JourneyFeatures, EngineError> {
        let refused = |what: String| EngineError::JourneyFeatures(what);
        if self.format != FORMAT {
            return Err(refused(format!("they have format {}, and only {FORMAT} is known", self.format)));
        }
        if !self.names.is_sorted_by(|a, b| a < b) {
            return Err(refused("the names of touchpoints are not ascending".to_owned()));
        }
        let mut models = Vec::with_capacity(self.models.len());
        for ModelForm { within, order_max, contexts, followers } in &self.models {
            let extent = match within {
                ExtentForm::Session { gap_us } => JourneyExtent::Session { gap_us: *gap_us },
                ExtentForm::Day => JourneyExtent::Day,
                ExtentForm::History => JourneyExtent::History,
            };
            let (contexts, followers) = (contexts.clone(), followers.clone());
            let counts = NextStepCounts { order_max: *order_max, contexts, followers };
            let model = NextStepModel::from_counts(&counts, self.names.len());
            models.push((extent, Arc::new(model.map_err(|error| refused(error.to_string()))?)));
        }
        let features = JourneyFeatures::new(definitions, |_| true, self.names.clone(), models);
        features.map_err(|error| refused(error.to_string()))
    }
}
