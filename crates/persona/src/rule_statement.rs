//! Rules in words: "at least 3 orders and last order less than 30 days ago".

use throng_feature::{FeatureDefinition, FeatureKind};

use crate::format::{calm, clause, n, quantity, share};
use crate::sense::{Sense, sense, yes_or_no};
use crate::statement::value_text;
use crate::{Bound, Evidence, PersonaError, Population, Rule};

/// Returns the statement of a rule: its conditions and how well they pick the persona out.
pub(crate) fn rule_statement(
    rule: &Rule,
    evidence: &Evidence,
    population: &Population,
) -> Result<String, PersonaError> {
    Ok(format!("{}: {}", conditions(rule, population)?, quality(evidence, "the customers")))
}

/// Returns the statement of the same rule where it was not sought.
pub(crate) fn held_out_statement(evidence: &Evidence) -> String {
    let n_all = n(evidence.n_persona + evidence.n_rest);
    format!("checked on {n_all} customers the rule was not made from: {}", quality(evidence, "those"))
}

fn quality(evidence: &Evidence, whom: &str) -> String {
    let of = |part: f64| if part < 1.0 { format!("{} of", share(part)) } else { "all of".to_owned() };
    let (precision, recall) = (of(evidence.precision().unwrap_or(0.0)), of(evidence.persona_value));
    format!("{precision} {whom} it fits belong here, and it fits {recall} those who do")
}

fn conditions(rule: &Rule, population: &Population) -> Result<String, PersonaError> {
    let mut clauses: Vec<String> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for condition in rule.conditions() {
        if told.contains(&condition.feature.as_str()) {
            continue;
        }
        told.push(&condition.feature);
        let definition = &population.feature(&condition.feature)?.definition;
        let same = rule.conditions().iter().filter(|other| other.feature == condition.feature);
        clauses.push(of_feature(definition, &same.map(|condition| &condition.bound).collect::<Vec<_>>()));
    }
    let last = clauses.pop().unwrap_or_default();
    Ok(if clauses.is_empty() { last } else { format!("{} and {last}", clauses.join(", ")) })
}

/// The range a rule allows a number.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    at_least: Option<f64>,
    below: Option<f64>,
}

fn of_feature(definition: &FeatureDefinition, bounds: &[&Bound]) -> String {
    let mut range = Range::default();
    let mut categories: Vec<String> = Vec::new();
    for bound in bounds {
        match bound {
            Bound::AtLeast(threshold) => range.at_least = Some(*threshold),
            Bound::Below(threshold) => range.below = Some(*threshold),
            Bound::Is(value) => categories.push(calm(value)),
            Bound::IsNot(value) => categories.push(format!("not {}", calm(value))),
        }
    }
    if !categories.is_empty() {
        return format!("{} {}", clause(&definition.phrase), categories.join(" and "));
    }
    let phrase = clause(definition.phrase.strip_prefix("average ").unwrap_or(&definition.phrase));
    match sense(definition) {
        Sense::Volume => counted(definition, range),
        Sense::Rate if yes_or_no(definition) => match range.at_least {
            Some(_) => phrase,
            None => format!("never {phrase}"),
        },
        Sense::Recency | Sense::Tenure | Sense::Span if definition.phrase.starts_with("days since ") => {
            let event = clause(definition.phrase.trim_start_matches("days since ").trim_start_matches("the "));
            format!("{event} {} ago", ranged(definition, range))
        }
        Sense::Portion | Sense::Hours { .. } | Sense::Days(_) | Sense::Rate | Sense::Switching => {
            match definition.phrase.strip_prefix("share of ") {
                Some(whole) => format!("{} of {}", ranged(definition, range), clause(whole)),
                None => format!("{phrase} of {}", ranged(definition, range)),
            }
        }
        Sense::Recency
        | Sense::Tenure
        | Sense::Span
        | Sense::Pause
        | Sense::Trend
        | Sense::Unevenness
        | Sense::Spend
        | Sense::Basket
        | Sense::Duration
        | Sense::Variety
        | Sense::Score
        | Sense::Number
        | Sense::Category => format!("{phrase} of {}", ranged(definition, range)),
    }
}

fn ranged(definition: &FeatureDefinition, range: Range) -> String {
    let text = |value: f64| value_text(definition, value);
    match (range.at_least, range.below) {
        (Some(low), Some(high)) => format!("at least {} but less than {}", text(low), text(high)),
        (Some(low), None) => format!("at least {}", text(low)),
        (None, Some(high)) => format!("less than {}", text(high)),
        (None, None) => "any".to_owned(),
    }
}

fn counted(definition: &FeatureDefinition, range: Range) -> String {
    let phrase = clause(definition.phrase.strip_prefix("times of ").unwrap_or(&definition.phrase));
    // With a half-life an old event counts less than one, and so does a sum of fractions.
    let whole = matches!(definition.kind, FeatureKind::Count | FeatureKind::Pattern { .. })
        && definition.half_life_days.is_none();
    let below_one = |high: f64| high <= 1.0;
    match (range.at_least, range.below) {
        (None, Some(high)) if whole && below_one(high) => format!("no {phrase}"),
        (Some(low), None) if whole && below_one(low) => format!("one or more {phrase}"),
        (Some(low), Some(high)) if whole && below_one(high - low) => format!("exactly {} {phrase}", quantity(low)),
        (Some(low), Some(high)) => format!("at least {} but fewer than {} {phrase}", quantity(low), quantity(high)),
        (Some(low), None) => format!("at least {} {phrase}", quantity(low)),
        (None, Some(high)) => format!("fewer than {} {phrase}", quantity(high)),
        (None, None) => format!("any {phrase}"),
    }
}

#[cfg(test)]
mod tests {
    use throng_event::Field;
    use throng_feature::{Filter, JourneyScope, PatternMeasure, SignalCategory, ValueSource, Window};

    use super::*;

    fn check(kind: FeatureKind, (phrase, unit): (&str, &str), bounds: &[Bound], expected: &str) {
        let definition = FeatureDefinition {
            name: "feature".to_owned(),
            kind,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: phrase.to_owned(),
            unit: unit.to_owned(),
            category: SignalCategory::Transactional,
        };
        assert_eq!(of_feature(&definition, &bounds.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn counts_read_as_people_count() {
        let check = |bounds: &[Bound], expected: &str| {
            check(FeatureKind::Count, ("orders in the last 90 days", "orders"), bounds, expected);
        };
        check(&[Bound::AtLeast(3.0)], "at least 3 orders in the last 90 days");
        check(&[Bound::AtLeast(1.0)], "one or more orders in the last 90 days");
        check(&[Bound::Below(1.0)], "no orders in the last 90 days");
        check(&[Bound::Below(5.0)], "fewer than 5 orders in the last 90 days");
        check(&[Bound::AtLeast(5.0), Bound::Below(20.0)], "at least 5 but fewer than 20 orders in the last 90 days");
        check(&[Bound::Below(2.0), Bound::AtLeast(1.0)], "exactly 1 orders in the last 90 days");
    }

    #[test]
    fn journeys_read_as_what_people_did() {
        let within = JourneyScope::History;
        let pattern = |measure| FeatureKind::Pattern { pattern: "cart -> end".to_owned(), measure, within };
        let left = ("left with a full cart", "share");
        check(pattern(PatternMeasure::Any), left, &[Bound::AtLeast(0.5)], "left with a full cart");
        check(pattern(PatternMeasure::Any), left, &[Bound::Below(0.5)], "never left with a full cart");
        let visits = ("visits that end with a full cart", "visits");
        let expected = "one or more visits that end with a full cart";
        check(pattern(PatternMeasure::Count), visits, &[Bound::AtLeast(1.0)], expected);
        let share = ("share of visits that end with a full cart", "share");
        let expected = "at least 40 % of visits that end with a full cart";
        check(pattern(PatternMeasure::Share), share, &[Bound::AtLeast(0.4)], expected);
        let next = FeatureKind::NextStep { touchpoint: "order".to_owned(), within };
        let expected = "probability that an order comes next of less than 10 %";
        check(next, ("probability that an order comes next", "share"), &[Bound::Below(0.1)], expected);
    }

    #[test]
    fn numbers_are_in_their_unit() {
        check(
            FeatureKind::Recency,
            ("days since the last order", "days"),
            &[Bound::Below(30.0)],
            "last order less than 30 days ago",
        );
        let value = FeatureKind::Mean { of: Field::Amount };
        check(value, ("average order value", "GBP"), &[Bound::AtLeast(60.0)], "order value of at least £60.00");
        let night = FeatureKind::HourShare { from: 22, to: 6 };
        let bounds = [Bound::AtLeast(0.1), Bound::Below(0.35)];
        check(
            night,
            ("share of visits at night", "share"),
            &bounds,
            "at least 10 % but less than 35 % of visits at night",
        );
        let device = FeatureKind::MostFrequent { of: ValueSource::Field(Field::Channel) };
        check(device, ("main device", ""), &[Bound::IsNot("MOBILE".to_owned())], "main device not mobile");
    }
}
