//! The features about journeys of a catalogue, bound to touchpoints and to what comes next.
//!
//! What a definition asks depends on the names that its words stand for and on everybody's
//! journeys, from which it is learned what comes next. [`JourneyFeatures`] hold both, so that
//! what was fitted once says the same ever after, of histories read at once and of one that
//! grows; a touchpoint that had no name then is [`UNNAMED`].

use std::num::NonZeroU32;
use std::sync::Arc;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use throng_event::{AsOf, Calendar, Instant};
use throng_feature::{FeatureDefinition, FeatureKind, FeatureValue, JourneyScope, PatternMeasure};

use crate::JourneyError;
use crate::feature::{History, JourneyExtent, JourneyFeature, JourneyMeasure, period_until};
use crate::growing::UNNAMED;
use crate::histories::{Events, Histories, find_label, find_labels};
use crate::next_step::NextStepModel;
use crate::numbers::{code, position};
use crate::pattern::Pattern;

/// Touchpoints before the next that a model looks at; longer contexts learn by heart.
const ORDER_MAX: usize = 3;

/// What comes next in everybody's journeys, by how far these go, each once.
pub type NextStepModels = Vec<(JourneyExtent, Arc<NextStepModel>)>;

/// The features of a catalogue that are about journeys, as whoever computes them needs them.
#[derive(Debug, Clone)]
pub struct JourneyFeatures {
    names: Vec<String>,
    models: NextStepModels,
    /// Each with its position in the catalogue; `None` for those that are not wanted, which
    /// are missing.
    features: Vec<(usize, Option<JourneyFeature>)>,
}

impl JourneyFeatures {
    /// Binds the wanted definitions of a catalogue to the names of touchpoints, ascending, and
    /// to models of journeys that go as far as the definitions say.
    ///
    /// # Errors
    /// [`JourneyError::Feature`] when a definition names what has no name, or has no model.
    ///
    /// # Panics
    /// When the names are not ascending, which is a mistake of the caller's.
    pub fn new(
        definitions: &[FeatureDefinition],
        wanted: impl Fn(&FeatureDefinition) -> bool,
        names: Vec<String>,
        models: NextStepModels,
    ) -> Result<Self, JourneyError> {
        assert!(names.is_sorted_by(|a, b| a < b), "names are looked up by their order");
        let mut features = Vec::new();
        for (place, definition) in definitions.iter().enumerate().filter(|(_, other)| other.kind.of_journeys()) {
            let bound = if wanted(definition) { bind(definition, &names, &models) } else { Ok(None) };
            let failed = |what| JourneyError::Feature { feature: definition.name.clone(), what };
            features.push((place, bound.map_err(failed)?));
        }
        Ok(Self { names, models, features })
    }

    /// Binds all definitions of a catalogue to the touchpoints of some histories, and fits what
    /// it needs to everybody's journeys up to a day.
    ///
    /// # Errors
    /// [`JourneyError::Feature`] when a definition names what never happened.
    pub fn fit(
        definitions: &[FeatureDefinition],
        histories: &Histories,
        (calendar, as_of): (&Calendar, AsOf),
    ) -> Result<Self, JourneyError> {
        let mut models = NextStepModels::new();
        for extent in definitions.iter().filter_map(extent_learned) {
            if models.iter().all(|(fitted, _)| *fitted != extent) {
                let view = histories.select(None, period_until(as_of));
                models.push((extent, Arc::new(NextStepModel::fit(&view, extent.cut(calendar), ORDER_MAX))));
            }
        }
        Self::new(definitions, |_| true, histories.names().to_vec(), models)
    }

    /// Returns the same features at the places that their definitions have in another catalogue;
    /// of that one, those that are not wanted are missing.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn bound_to(
        &self,
        definitions: &[FeatureDefinition],
        wanted: impl Fn(&FeatureDefinition) -> bool,
    ) -> Result<Self, JourneyError> {
        Self::new(definitions, wanted, self.names.clone(), self.models.clone())
    }

    /// Returns the names of touchpoints, ascending; the labels of a history are positions
    /// in them, [`UNNAMED`] for any other.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns what comes next, by how far journeys go.
    #[must_use]
    pub fn models(&self) -> &[(JourneyExtent, Arc<NextStepModel>)] {
        &self.models
    }

    /// Returns the label of a touchpoint.
    #[must_use]
    pub fn label(&self, name: &str) -> u32 {
        self.names.binary_search_by(|other| other.as_str().cmp(name)).map_or(UNNAMED, code)
    }

    /// Returns the values of one person, each with its position in the catalogue.
    pub fn values(
        &self,
        history: History<'_>,
        calendar: &Calendar,
        as_of: AsOf,
    ) -> impl Iterator<Item = (usize, FeatureValue)> {
        self.features.iter().map(move |(place, feature)| {
            let value = feature.as_ref().and_then(|feature| feature.value(history, calendar, as_of));
            (*place, value.map_or(FeatureValue::Missing, FeatureValue::Number))
        })
    }

    /// Returns the values of everybody, by number, each with its position in the catalogue; the
    /// touchpoints of the histories may have other labels.
    #[must_use]
    pub fn columns(
        &self,
        histories: &Histories,
        (calendar, as_of): (&Calendar, AsOf),
    ) -> Vec<(usize, Vec<Option<f64>>)> {
        let own: Vec<u32> = histories.names().iter().map(|name| self.label(name)).collect();
        let alike = own.iter().enumerate().all(|(place, label)| position(*label) == place);
        let values = |feature: &JourneyFeature| {
            if alike {
                return feature.values(histories, calendar, as_of);
            }
            let value = |profile_idx: usize| {
                let Events { occurred_at, touchpoint, .. } = histories.events(profile_idx);
                let labels: Vec<u32> = touchpoint.iter().map(|label| own[position(*label)]).collect();
                feature.value(History { occurred_at, labels: &labels }, calendar, as_of)
            };
            (0..histories.n_profiles()).into_par_iter().map(value).collect()
        };
        let nothing = || vec![None; histories.n_profiles()];
        self.features.iter().map(|(place, feature)| (*place, feature.as_ref().map_or_else(nothing, values))).collect()
    }
}

/// Returns how far the journeys go that a definition has to learn from, `None` where it learns nothing.
#[expect(clippy::wildcard_enum_match_arm, reason = "only the next step is learned")]
fn extent_learned(definition: &FeatureDefinition) -> Option<JourneyExtent> {
    match definition.kind {
        FeatureKind::NextStep { within, .. } => Some(extent(within)),
        _ => None,
    }
}

/// Returns what a definition asks of journeys, `None` where it is about something else.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are folded")]
fn bind(
    definition: &FeatureDefinition,
    names: &[String],
    models: &NextStepModels,
) -> Result<Option<JourneyFeature>, String> {
    let (within, measure) = match &definition.kind {
        FeatureKind::Pattern { pattern: text, measure, within } => {
            let pattern = Pattern::parse_with(text, |name| find_label(names, name));
            let pattern = pattern.map_err(|error| format!("pattern = {text:?}: {}", unknown(&error, text)))?;
            let measure = match measure {
                PatternMeasure::Count => JourneyMeasure::Count(pattern),
                PatternMeasure::Any => JourneyMeasure::Any(pattern),
                PatternMeasure::Share => JourneyMeasure::Share(pattern),
            };
            (*within, measure)
        }
        FeatureKind::NextStep { touchpoint, within } => {
            let labels = find_labels(names, touchpoint);
            let labels =
                labels.map_err(|error| format!("touchpoint = {touchpoint:?}: {}", unknown(&error, touchpoint)))?;
            let model = models.iter().find(|(fitted, _)| *fitted == extent(*within));
            let (_, model) =
                model.ok_or_else(|| format!("there is no model of journeys within a {}", within.as_str()))?;
            (*within, JourneyMeasure::NextStep { labels, model: Arc::clone(model) })
        }
        _ => return Ok(None),
    };
    let n_days = definition.window.n_days().and_then(NonZeroU32::new);
    Ok(Some(JourneyFeature { extent: extent(within), n_days, measure }))
}

fn extent(within: JourneyScope) -> JourneyExtent {
    match within {
        JourneyScope::Session { gap_minutes } => {
            JourneyExtent::Session { gap_us: i64::from(gap_minutes.get()) * 60 * Instant::SECOND }
        }
        JourneyScope::Day => JourneyExtent::Day,
        JourneyScope::History => JourneyExtent::History,
    }
}

/// Says what is wrong with a text, where, and what to do.
fn unknown(error: &JourneyError, text: &str) -> String {
    let todo = "`throng journeys touchpoints` lists what there is";
    match error {
        JourneyError::UnknownLabel { name, similar } => {
            let place = text.find(name.as_str()).filter(|_| name != text);
            let place = place.map_or_else(String::new, |at| format!(" (character {})", text[..at].chars().count() + 1));
            let meant =
                if similar.is_empty() { String::new() } else { format!("; did you mean {}?", similar.join(", ")) };
            format!("nothing called {name:?} ever happened{place}{meant}; {todo}")
        }
        JourneyError::Pattern { .. }
        | JourneyError::TooManyEvents { .. }
        | JourneyError::NextStepCounts { .. }
        | JourneyError::Feature { .. } => format!("{error}; {todo}"),
    }
}
