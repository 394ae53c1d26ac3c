//! Claims, evidence and feature values in words, shared by the terminal, Markdown and
//! the report so that they say the same.

use throng_engine::{BookOutcome, PersonaBook};
use throng_event::Currency;
use throng_feature::FeatureDefinition;
use throng_persona::{Claim, Confidence, Contrast, Measure, Refusal, RefusalReason};

use crate::format::{count, duration, major, quantity, share};

/// What is known of the features a claim may be about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording<'a> {
    features: &'a [FeatureDefinition],
}

impl<'a> Wording<'a> {
    /// Returns the wording for a catalogue.
    pub(crate) fn new(features: &'a [FeatureDefinition]) -> Self {
        Self { features }
    }

    /// Returns the definition of a feature, unless the catalogue has changed since.
    pub(crate) fn feature(self, name: &str) -> Option<&'a FeatureDefinition> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Returns the feature in words: its phrase, or its name.
    pub(crate) fn phrase(self, name: &str) -> String {
        let phrase = self.feature(name).map(|feature| feature.phrase.as_str()).filter(|phrase| !phrase.is_empty());
        phrase.map_or_else(|| name.replace('_', " "), str::to_owned)
    }

    /// Returns a value of a feature with its unit.
    pub(crate) fn value(self, name: &str, value: f64) -> String {
        with_unit(value, self.feature(name).map_or("", |feature| feature.unit.as_str()))
    }

    fn unit(self, measure: &Measure) -> &'a str {
        match measure {
            Measure::Size
            | Measure::RevenueShare
            | Measure::CategoryShare { .. }
            | Measure::TraitShare { .. }
            | Measure::RuleShare { .. }
            | Measure::RuleShareHeldOut { .. } => "share",
            Measure::MeanRatio { feature } | Measure::MeanDifference { feature } => {
                self.feature(feature).map_or("", |feature| feature.unit.as_str())
            }
        }
    }

    /// Returns the value of the persona and of everybody else.
    pub(crate) fn values(self, claim: &Claim) -> (String, String) {
        let unit = self.unit(&claim.measure);
        (with_unit(claim.evidence.persona_value, unit), with_unit(claim.evidence.rest_value, unit))
    }

    /// Returns the interval in words, such as `2.1× to 2.6×`.
    pub(crate) fn interval(self, claim: &Claim) -> String {
        let interval = claim.evidence.interval;
        let unit = self.unit(&claim.measure);
        let end = |value: f64| match interval.contrast {
            Contrast::Ratio => format!("{}×", plain_ratio(value)),
            Contrast::Share => share(value),
            Contrast::Difference if unit == "share" => signed(value * 100.0, quantity),
            Contrast::Difference if counted_in(unit) => signed(value, quantity),
            Contrast::Difference => signed(value, |value| with_unit(value, unit)),
        };
        let behind = match interval.contrast {
            Contrast::Difference if unit == "share" => " points".to_owned(),
            Contrast::Difference if counted_in(unit) => format!(" {unit}"),
            Contrast::Difference | Contrast::Ratio | Contrast::Share => String::new(),
        };
        format!("{} to {}{behind}", end(interval.low), end(interval.high))
    }
}

/// A ratio far above what anybody measures is only "a lot".
const RATIO_SHOWN_MAX: f64 = 999.0;

fn plain_ratio(value: f64) -> String {
    if value > RATIO_SHOWN_MAX { format!("over {}", quantity(RATIO_SHOWN_MAX)) } else { quantity(value) }
}

fn signed(value: f64, words: impl Fn(f64) -> String) -> String {
    if value > 0.0 { format!("+{}", words(value)) } else { words(value) }
}

/// Returns a number with its unit.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    // Units such as "days" parse as no currency: three capitals do.
    let capitals = unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase());
    if let Some(currency) = unit.parse::<Currency>().ok().filter(|_| capitals) {
        return major(value, currency);
    }
    match unit {
        "share" | "%" => share(value),
        "seconds" | "s" => duration(value),
        unit => {
            let number = quantity(value);
            match countable(unit) {
                None => number,
                Some(one) if number == "1" => format!("1 {one}"),
                Some(_) => format!("{number} {unit}"),
            }
        }
    }
}

/// Whether a number is written with the unit behind it, as it is.
fn counted_in(unit: &str) -> bool {
    countable(unit).is_some() && !matches!(unit, "seconds" | "s")
}

/// Returns one of what is counted; `None` for units that say what the feature is
/// ("ratio", "household size") and read badly behind a number.
fn countable(unit: &str) -> Option<&str> {
    unit.strip_suffix('s').filter(|one| !one.is_empty() && !one.ends_with('s'))
}

/// Says in a sentence what a confidence means.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::VeryStable => "it comes back nearly unchanged when customers are drawn anew",
        Confidence::Stable => "it comes back when customers are drawn anew, with changes at its edge",
        Confidence::Doubtful => "it often dissolves when customers are drawn anew, read it with care",
    }
}

/// Returns what rests on some of the customers and what on all, where personas were sought among some.
pub(crate) fn drawn(book: &PersonaBook) -> Option<String> {
    let n_drawn = count(book.n_drawn?);
    Some(match book.outcome {
        BookOutcome::Found(_) => format!(
            "Personas were sought among {n_drawn} customers, drawn by the hash of their ids: how many personas, their \
             stability, typical members and what changed since the last time rest on these. Sizes, memberships and \
             every claim are counted on all {}.",
            count(book.n_profiles)
        ),
        BookOutcome::Refused(_) => format!(
            "Personas were sought among {n_drawn} of the {} customers, drawn by the hash of their ids.",
            count(book.n_profiles)
        ),
    })
}

/// Returns what can be done about a refusal.
pub(crate) fn advice(refusal: &Refusal) -> &'static [&'static str] {
    match refusal.reason {
        RefusalReason::TooFewCustomers => &[
            "Import a longer history, or more of your sources.",
            "Check that customers have ids: `throng quarantine list`.",
        ],
        RefusalReason::NothingToCompare => {
            &["Propose features anew: `throng features propose --write`.", "Import more kinds of events."]
        }
        RefusalReason::NoStructure => &[
            "Import signals of another kind (behaviour beside purchases, for instance): they may tell customers apart.",
            "Work with single features or rules instead of personas until then.",
        ],
        RefusalReason::NoSeparateKinds => &[
            "Work with the dimensions: audiences by a feature's range are honest here, kinds of people are not.",
            "If you need segments all the same, cut the continuum: `throng discover --continuum cut`.",
        ],
        RefusalReason::GroupsTooSmall => &[
            "Look at the few customers who stand apart: are they test accounts, resellers, bots?",
            "Take them out of the data, then run `throng discover` again.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use throng_persona::{ClaimId, ClaimKind, Effect, EffectKind, Evidence, Interval};

    use super::*;

    #[test]
    fn values_carry_their_unit() {
        for (value, unit, text) in [
            (0.455, "share", "46 %"),
            (12.5, "GBP", "£12.50"),
            (90.0, "seconds", "1.5 min"),
            (1.0, "orders", "1 order"),
            (2.34, "orders", "2.3 orders"),
            (3.0, "", "3"),
            (0.25, "ratio", "0.25"),
            (2.0, "household size", "2"),
            (f64::NAN, "orders", "–"),
        ] {
            assert_eq!(with_unit(value, unit), text);
        }
    }

    #[test]
    fn intervals_say_what_they_are_about() {
        let check = |contrast, low, high, text: &str| {
            let claim = Claim {
                id: ClaimId("p1.x".to_owned()),
                kind: ClaimKind::Demographic,
                measure: Measure::TraitShare { name: "age".to_owned(), value: "20".to_owned() },
                statement: String::new(),
                against: None,
                evidence: Evidence {
                    persona_value: 0.5,
                    rest_value: 0.4,
                    n_persona: 10,
                    n_rest: 10,
                    effect: Effect { kind: EffectKind::DifferenceOfShares, value: 0.1, low: 0.0, high: 0.2 },
                    interval: Interval { contrast, low, high },
                    query: String::new(),
                },
            };
            assert_eq!(Wording::new(&[]).interval(&claim), text);
        };
        check(Contrast::Ratio, 2.13, 2.6, "2.1× to 2.6×");
        check(Contrast::Difference, -0.02, 0.11, "-2 to +11 points");
        check(Contrast::Share, 0.2, 0.25, "20 % to 25 %");
    }
}
