//! A shift before its reasons are known, and how they are found.
//!
//! To explain a shift takes as long as to take in dozens of events. It needs nothing of the core but
//! what is kept here, so whoever applies records leaves it to others.

use std::sync::Arc;

use throng_feature::FeatureValue;
use throng_persona::{Moment, ScorerScratch};

use crate::{Because, LiveModel, Shift};

/// A shift, and what its reasons follow from.
#[derive(Debug, Clone)]
pub struct UnexplainedShift {
    /// Without reasons.
    pub(crate) shift: Shift,
    /// [`None`] where there is nothing to explain it against.
    pub(crate) comparison: Option<Comparison>,
}

/// Someone before and after a shift.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) model: Arc<LiveModel>,
    pub(crate) then: Known,
    pub(crate) now: Known,
}

/// Someone as of the end of a day.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The persona it counted for, by position in the model.
    pub(crate) persona: Option<usize>,
    /// In the order of the catalogue.
    pub(crate) features: Vec<FeatureValue>,
    /// Whole days since the first event.
    pub(crate) history_days: Option<u32>,
}

/// Reasons that are kept of a shift: what people read, and no list of everything that changed.
const REASONS_MAX: usize = 5;

impl UnexplainedShift {
    /// Returns the shift with its reasons.
    #[must_use]
    pub fn explained(self, scratch: &mut ScorerScratch) -> Shift {
        let Self { mut shift, comparison } = self;
        if let Some(comparison) = comparison {
            (shift.because, shift.reversed_by) = comparison.reasons(scratch);
        }
        shift
    }
}

impl Comparison {
    /// Returns what made someone count for another persona, and what would take that back.
    fn reasons(&self, scratch: &mut ScorerScratch) -> (Vec<Because>, Option<String>) {
        let sides = (self.then.side(), self.now.side());
        let explained = self.model.scorer().explain_briefly(sides.0, sides.1, REASONS_MAX, scratch);
        // Both rows were scored before, so nothing is wrong with either.
        let Ok(shift) = explained else { return Default::default() };
        let for_it = shift.causes.into_iter().filter(|cause| cause.contribution > 0.0);
        let because = for_it.map(|cause| Because {
            feature: cause.feature.unwrap_or_default(),
            sentence: cause.statement,
            contribution: cause.contribution,
        });
        (because.collect(), shift.reversal_statement)
    }
}

impl Known {
    fn side(&self) -> (Option<usize>, Moment<'_>) {
        (self.persona, Moment { features: &self.features, history_days: self.history_days })
    }
}
