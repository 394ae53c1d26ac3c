//! Where a continuum is cut: along what foretells what customers do next.
//!
//! Where there are no borders between customers, one cut is as true as another, and the useful one
//! parts customers who will do different things. How they looked on an earlier day, and what they did
//! in the days after it, says which of their features matter for that ([`throng_learn::Foresight`]).
//! Nothing after the day personas are found for is looked at, so they can still be held against it.

use throng_learn::{Confidence, Interval, Matrix, Preparation, Projection, Sequel, ValidityParams};

use crate::columns::scaled_matrix;
use crate::discovery::attempted;
use crate::format::share;
use crate::{ModelColumn, PersonaError, Population};

/// Folds of the cross-validation that says whether anything is foretold, and the confidence of that.
const N_FOLDS: usize = 10;
const CONFIDENCE: f64 = 0.95;
/// Pull of a coefficient towards nothing, in customers.
const RIDGE: f64 = 1.0;
/// Customers below which no coefficients are learnt.
const N_PROFILES_MIN: usize = 200;

/// How customers looked on an earlier day, and what they did in the days after it.
#[derive(Debug, Clone)]
pub struct Lookback {
    /// The customers as they were known on that day; it has the features of today's.
    pub population: Population,
    /// The days after it.
    pub n_days: u32,
    /// What they did in these, and what that is called.
    pub sequels: Vec<(String, Sequel)>,
}

/// What the features foretold, on which a cut rests.
#[derive(Debug, Clone, PartialEq)]
pub struct Foretold {
    /// How many days ago customers were looked at.
    pub n_days: u32,
    /// What was foretold, and the share of its deviance that the features explain among customers left
    /// out; `None` where that is not surely any, and the cut does not rest on it.
    pub explained: Vec<(String, Option<Interval>)>,
}

impl Foretold {
    /// Returns a sentence that says what the cut rests on.
    #[must_use]
    pub fn sentence(&self) -> String {
        let told: Vec<String> = self
            .explained
            .iter()
            .filter_map(|(name, explained)| {
                let Interval { estimate, low, high } = (*explained)?;
                Some(format!("{} of the differences in {name} ({} to {})", share(estimate), share(low), share(high)))
            })
            .collect();
        format!(
            "The cut runs where what customers do next differs, learnt from how they were known {} days ago and what \
             they did since: of customers left out, their features foretold {} (95 % intervals).",
            self.n_days,
            told.join(", ")
        )
    }
}

/// The space in which what customers will do has its share of their distances.
pub(crate) fn foretelling(
    population: &Population,
    (columns, scaler, matrix): (&[ModelColumn], &Preparation, &Matrix),
    seed: u64,
) -> Result<Option<(Projection, Foretold)>, PersonaError> {
    let Some(lookback) = &population.lookback else { return Ok(None) };
    if lookback.population.profiles.len() < N_PROFILES_MIN {
        return Ok(None);
    }
    let attempt = "learn what foretells what customers do";
    let earlier = attempted(attempt, scaled_matrix(columns, scaler, &lookback.population))?;
    let confidence = attempted(attempt, Confidence::new(CONFIDENCE))?;
    let params = ValidityParams { n_folds: N_FOLDS, ridge: RIDGE, confidence, seed };
    let sequels: Vec<Sequel> = lookback.sequels.iter().map(|(_, sequel)| sequel.clone()).collect();
    let learnt = attempted(attempt, throng_learn::Foresight::learn(&earlier, &sequels, matrix, &params))?;
    Ok(learnt.map(|foresight| {
        let names = lookback.sequels.iter().map(|(name, _)| name.clone());
        let explained = names.zip(foresight.explained).collect();
        let foretold = Foretold { n_days: lookback.n_days, explained };
        (foresight.projection, foretold)
    }))
}
