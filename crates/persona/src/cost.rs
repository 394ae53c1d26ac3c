//! Who costs more than they bring, where the data say so.
//!
//! Signals of cost are features that count or rate returns, discounts, cancellations, calls for help
//! and payments that came to nothing; they are told from what a feature is computed from and from
//! the words of its phrase. A persona's score is the sum of its effects in these, one for each kind,
//! less the effect of what it brings: numbers that its claims carry and anybody can add up. Where
//! the data hold no such feature, nobody is called costly.

use throng_event::Field;
use throng_feature::{FeatureDefinition, FeatureKind, SignalCategory};

use crate::format::share;
use crate::sense::{Sense, sense, sums};
use crate::telling::{Difference, Subjects};
use crate::{Claim, ClaimKind, Persona};

/// What makes a persona cost more than it brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Negative<'a> {
    /// `cost − value`: how far what they cost outweighs what they bring.
    pub score: f64,
    /// The sum of the effects of the reasons, each 0.33 to 1.
    pub cost: f64,
    /// `(r − 1) / (r + 1)`, where r is their share of the revenue over their share of the customers:
    /// 0 where they bring as much as anybody, −1 where they bring nothing. `None` without revenue.
    pub value: Option<f64>,
    /// What they cost more in than others do, the strongest first.
    pub reasons: Vec<&'a Claim>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// The least effect of one signal that counts: medium (Romano et al. 2006).
const COST_EFFECT_MIN: f64 = 0.33;

/// The least score that marks a persona as negative: large (Romano et al. 2006).
const SCORE_MIN: f64 = 0.474;

/// A way in which customers cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Returns,
    Discounts,
    Cancellations,
    Help,
    Fraud,
}

/// Starts of words that tell a cost; the first row that matches decides.
const STEMS: [(&str, Cost); 17] = [
    ("chargeback", Cost::Fraud),
    ("fraud", Cost::Fraud),
    ("dispute", Cost::Fraud),
    ("declined", Cost::Fraud),
    ("refund", Cost::Returns),
    ("returns", Cost::Returns),
    ("returned", Cost::Returns),
    ("return", Cost::Returns),
    ("cancel", Cost::Cancellations),
    ("discount", Cost::Discounts),
    ("coupon", Cost::Discounts),
    ("voucher", Cost::Discounts),
    ("promo", Cost::Discounts),
    ("support", Cost::Help),
    ("complain", Cost::Help),
    ("helpdesk", Cost::Help),
    ("ticket", Cost::Help),
];

/// Returns the way in which more of a feature costs more.
fn cost(definition: &FeatureDefinition) -> Option<Cost> {
    // Days since a refund, or how mixed refunds are, cost nothing.
    let adds_up = matches!(sense(definition), Sense::Volume | Sense::Spend | Sense::Rate | Sense::Portion);
    let taken_off = |numerator: &[_]| sums(numerator, &Field::ProductDiscount);
    let discounts = definition.kind == FeatureKind::Sum { of: Field::ProductDiscount }
        || matches!(&definition.kind, FeatureKind::Ratio { numerator, .. } if taken_off(numerator));
    if discounts {
        return Some(Cost::Discounts);
    }
    // The words of a pattern are touchpoints that somebody passed or did not.
    if !adds_up || definition.kind.of_journeys() {
        return None;
    }
    let phrase = definition.phrase.to_lowercase();
    let words = || phrase.split(|c: char| !c.is_alphanumeric()).filter(|word| *word != "returning");
    let found = STEMS.iter().find(|(stem, _)| words().any(|word| word.starts_with(stem)))?.1;
    let bought = definition.category == SignalCategory::Transactional;
    match found {
        // Tickets that are bought are no calls for help, and returns to a page send nothing back.
        Cost::Help if bought => None,
        Cost::Returns if !bought && !words().any(|word| word.starts_with("refund")) => None,
        Cost::Returns | Cost::Discounts | Cost::Cancellations | Cost::Help | Cost::Fraud => Some(found),
    }
}

/// Returns the positions of the differences that make a persona negative, the strongest first; none
/// when they do not outweigh what it brings.
pub(crate) fn costs(subjects: &Subjects<'_>, differences: &[Difference], value: Option<f64>) -> Vec<usize> {
    let mut found: Vec<(usize, Cost)> = Vec::new();
    let mut sum = 0.0;
    for (position, difference) in differences.iter().enumerate() {
        let Some(cost) = subjects.definition(difference).and_then(cost) else { continue };
        let counts = difference.more() && difference.strength() >= COST_EFFECT_MIN;
        if counts && !found.iter().any(|(_, other)| *other == cost) {
            sum += difference.strength();
            found.push((position, cost));
        }
    }
    let value = value.unwrap_or(0.0);
    let negative = value <= 0.0 && sum - value >= SCORE_MIN;
    if negative { found.into_iter().map(|(position, _)| position).collect() } else { Vec::new() }
}

/// Returns how much more or less a persona brings than its number, from −1 to 1.
pub(crate) fn value(revenue_share: f64, share: f64) -> Option<f64> {
    let ratio = revenue_share / share;
    ratio.is_finite().then(|| (ratio.max(0.0) - 1.0) / (ratio.max(0.0) + 1.0))
}

impl Persona {
    /// Returns why the persona costs more than it brings; `None` when the data do not say that it
    /// does.
    #[must_use]
    pub fn negative(&self) -> Option<Negative<'_>> {
        let reasons: Vec<&Claim> = self.claims.iter().filter(|claim| claim.kind == ClaimKind::Cost).collect();
        if reasons.is_empty() {
            return None;
        }
        let cost: f64 = reasons.iter().map(|claim| claim.evidence.effect.value).sum();
        let value = self.revenue.and_then(|revenue| value(revenue.share, self.share));
        let told: Vec<&str> = reasons.iter().map(|claim| claim.statement.as_str()).collect();
        let told = told.join("; ");
        let sentence = match self.revenue.filter(|_| value.is_some()) {
            Some(revenue) => {
                let (share, revenue) = (share(self.share), share(revenue.share));
                let less = if share == revenue { "no more" } else { "less" };
                format!(
                    "They cost more than the others ({told}) and bring {less}: {revenue} of the revenue from {share} \
                     of the customers."
                )
            }
            None => format!("They cost more than the others ({told}); what they bring is not known."),
        };
        Some(Negative { score: cost - value.unwrap_or(0.0), cost, value, reasons, sentence })
    }
}

#[cfg(test)]
mod tests {
    use throng_feature::{Filter, Window};

    use super::*;

    fn check(phrase: &str, category: SignalCategory, expected: Option<Cost>) {
        let definition = FeatureDefinition {
            name: "feature".to_owned(),
            kind: FeatureKind::Count,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: phrase.to_owned(),
            unit: "times".to_owned(),
            category,
        };
        assert_eq!(cost(&definition), expected, "{phrase}");
        let recency = FeatureDefinition { kind: FeatureKind::Recency, ..definition };
        assert_eq!(cost(&recency), None, "days since {phrase}");
    }

    #[test]
    fn costs_are_told_from_their_words() {
        use SignalCategory::{Behavioural, Transactional};
        check("refunds in the last year", Transactional, Some(Cost::Returns));
        check("items returned", Transactional, Some(Cost::Returns));
        check("Coupon-redemptions", Transactional, Some(Cost::Discounts));
        check("orders cancelled", Transactional, Some(Cost::Cancellations));
        check("support tickets", Behavioural, Some(Cost::Help));
        check("payments declined", Behavioural, Some(Cost::Fraud));
        check("chargebacks", Transactional, Some(Cost::Fraud));
    }

    #[test]
    fn what_only_sounds_like_a_cost_is_none() {
        use SignalCategory::{Behavioural, Transactional};
        check("orders", Transactional, None);
        check("concert tickets", Transactional, None);
        check("returning visits", Transactional, None);
        check("return visits", Behavioural, None);
        check("", Behavioural, None);
    }

    #[test]
    fn what_they_bring_lies_between_nothing_and_everything() {
        assert_eq!(value(0.2, 0.2).map(f64::to_bits), Some(0.0_f64.to_bits()));
        assert_eq!(value(-0.1, 0.2).map(f64::to_bits), Some((-1.0_f64).to_bits()));
        assert!(value(0.4, 0.2).is_some_and(|value| (value - 1.0 / 3.0).abs() < 1e-12));
        assert_eq!(value(f64::NAN, 0.2), None);
    }
}
